package load

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// quantiles are what reports show.
var quantiles = []float64{50, 90, 99, 99.9}

func milliseconds(us int64) string {
	return fmt.Sprintf("%.2f", float64(us)/1000)
}

// WriteTable writes a result as a table: latencies in milliseconds.
func (r *Result) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\tserved\tper second\tfailed\t")
	for _, q := range quantiles {
		fmt.Fprintf(t, "p%v ms\t", q)
	}
	fmt.Fprintln(t, "max ms\t")
	for _, s := range r.Steps {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%d\t", s.Name, s.Served.TotalCount(), r.perSecond(s.Served.TotalCount()), s.Failed())
		for _, q := range quantiles {
			fmt.Fprintf(t, "%s\t", milliseconds(s.Served.ValueAtQuantile(q)))
		}
		fmt.Fprintf(t, "%s\t\n", milliseconds(s.Served.Max()))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Steps {
		for _, name := range slices.Sorted(maps.Keys(s.Errors)) {
			if _, err := fmt.Fprintf(w, "%s failed %d times: %s\n", s.Name, s.Errors[name], name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Result) perSecond(n int64) float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(n) / r.Elapsed.Seconds()
}

// report is a result as JSON; latencies are in microseconds.
type report struct {
	Label          string       `json:"label,omitempty"`
	Clients        int          `json:"clients"`
	Rate           float64      `json:"ratePerSecond"` // 0: a closed loop
	ElapsedSeconds float64      `json:"elapsedSeconds"`
	Steps          []stepReport `json:"steps"`
}

type stepReport struct {
	Name      string           `json:"name"`
	Served    int64            `json:"served"`
	PerSecond float64          `json:"servedPerSecond"`
	Failed    int64            `json:"failed"`
	Errors    map[string]int64 `json:"errors,omitempty"`
	MeanUs    float64          `json:"meanMicroseconds"`
	MaxUs     int64            `json:"maxMicroseconds"`
	Quantiles []quantile       `json:"latencies"`
}

type quantile struct {
	Quantile     float64 `json:"quantile"` // 0 to 1
	Microseconds int64   `json:"microseconds"`
}

// WriteJSON writes a result as JSON, with the whole distribution of latencies.
func (r *Result) WriteJSON(w io.Writer, label string, p *Plan) error {
	out := report{Label: label, Clients: p.Clients, Rate: p.Rate, ElapsedSeconds: r.Elapsed.Seconds(), Steps: []stepReport{}}
	for _, s := range r.Steps {
		sr := stepReport{Name: s.Name, Served: s.Served.TotalCount(), PerSecond: r.perSecond(s.Served.TotalCount()), Failed: s.Failed(), Errors: s.Errors, MeanUs: s.Served.Mean(), MaxUs: s.Served.Max()}
		for _, b := range s.Served.CumulativeDistribution() {
			sr.Quantiles = append(sr.Quantiles, quantile{b.Quantile / 100, b.ValueAt})
		}
		out.Steps = append(out.Steps, sr)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// The plot, in pixels.
const (
	plotWidth, plotHeight = 800, 420
	left, right           = 70, 150
	top, bottom           = 40, 50
	nines                 = 5 // the axis goes to 99.999 %
)

var colours = []string{"#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed"}

// WriteSVG draws the latency of each step over the part of requests that were served in
// that time, where every further nine of a percentage has the same width.
func (r *Result) WriteSVG(w io.Writer, title string) error {
	var most int64 = 1
	for _, s := range r.Steps {
		most = max(most, s.Served.Max())
	}
	// A scale of powers of ten, from a tenth of a millisecond on.
	low, high := 2.0, math.Max(3, math.Ceil(math.Log10(float64(most))))
	x := func(q float64) float64 { // q from 0 to 1
		n := math.Min(nines, -math.Log10(math.Max(1-q, math.Pow(10, -nines))))
		return left + n/nines*(plotWidth-left-right)
	}
	y := func(us int64) float64 {
		l := math.Max(low, math.Log10(math.Max(float64(us), 1)))
		return plotHeight - bottom - (l-low)/(high-low)*(plotHeight-top-bottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="%d" y="24" font-size="15">%s</text>`+"\n", left, html.EscapeString(title))
	for p := low; p <= high; p++ {
		at := y(int64(math.Pow(10, p)))
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, at, plotWidth-right, left-8, at+4,
			time.Duration(math.Pow(10, p)*float64(time.Microsecond)).String())
	}
	for n := range nines + 1 {
		q := 1 - math.Pow(10, -float64(n))
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%s%%</text>`+"\n", x(q), top, plotHeight-bottom, x(q), plotHeight-bottom+18,
			strings.TrimSuffix(fmt.Sprintf("%.*f", max(0, n-2), q*100), ".0"))
	}
	for i, s := range r.Steps {
		if s.Served.TotalCount() == 0 {
			continue
		}
		colour := colours[i%len(colours)]
		var path strings.Builder
		for j, d := range s.Served.CumulativeDistribution() {
			command := "L"
			if j == 0 {
				command = "M"
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", command, x(d.Quantile/100), y(d.ValueAt))
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%d" y="%d" fill="%s">%s, %.0f/s</text>`+"\n", path.String(), colour,
			plotWidth-right+10, top+20+i*18, colour, html.EscapeString(s.Name), r.perSecond(s.Served.TotalCount()))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
