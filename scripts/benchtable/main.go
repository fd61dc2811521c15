// Command benchtable reads the output of go test -bench from standard input and
// prints a table of the medians of all runs of each benchmark, and below it the
// ratios that Kindred promises. The exit code is 1 when there was no benchmark
// or one failed; a promise that is not kept is marked and no error, because a
// busy machine breaks it too.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() {
	t, err := read(os.Stdin, os.Stderr)
	if err == nil {
		err = t.write(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

// promise is a least ratio of the rates of two benchmarks of one run.
type promise struct {
	of, to, unit string
	least        float64
}

var promises = []promise{
	{"Core", "CoreBaseline", "objects/s", 0.5},
	{"Replay", "Core", "objects/s", 0.5},
	{"BulkDirect", "Core", "objects/s", 0.8},
	{"BulkAPI", "Core", "objects/s", 0.5},
	{"SDKPut", "SDKNoop", "calls/s", 0.4},
	{"SDKBatchGetProfile", "SDKNoop", "calls/s", 0.6},
	{"SDKSearchProfiles", "SDKNoop", "calls/s", 0.6},
	{"WirePut", "WireNoop", "calls/s", 0.4},
	{"WireBatchGetProfile", "WireNoop", "calls/s", 0.6},
	{"WireSearchProfiles", "WireNoop", "calls/s", 0.6},
}

// table holds the measured values of each benchmark by unit.
type table struct {
	names   []string // in order of appearance
	units   []string
	samples map[string]map[string][]float64
}

// processors is what go test adds to the name of a benchmark.
var processors = regexp.MustCompile(`-[0-9]+$`)

// read takes the results out of what go test prints; progress gets the rest.
func read(r io.Reader, progress io.Writer) (*table, error) {
	t := &table{samples: map[string]map[string][]float64{}}
	failed := false
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if !t.add(line) {
			failed = failed || strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL")
			fmt.Fprintln(progress, line)
		}
	}
	switch {
	case lines.Err() != nil:
		return nil, lines.Err()
	case failed:
		return nil, fmt.Errorf("a benchmark failed")
	case len(t.names) == 0:
		return nil, fmt.Errorf("there was no benchmark")
	}
	return t, nil
}

// add takes in a line of results: a name, the iterations, and pairs of value and
// unit.
func (t *table) add(line string) bool {
	f := strings.Fields(line)
	if len(f) < 4 || len(f)%2 != 0 || !strings.HasPrefix(f[0], "Benchmark") {
		return false
	}
	name := strings.TrimPrefix(processors.ReplaceAllString(f[0], ""), "Benchmark")
	for i := 2; i < len(f); i += 2 {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return false
		}
		if t.samples[name] == nil {
			t.names = append(t.names, name)
			t.samples[name] = map[string][]float64{}
		}
		unit := f[i+1]
		if !slices.Contains(t.units, unit) {
			t.units = append(t.units, unit)
		}
		t.samples[name][unit] = append(t.samples[name][unit], v)
	}
	return true
}

func (t *table) write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "benchmark\truns\t%s\t\n", strings.Join(t.units, "\t"))
	for _, name := range t.names {
		fmt.Fprintf(tw, "%s\t%d\t", name, len(t.samples[name]["ns/op"]))
		for _, unit := range t.units {
			cell := ""
			if v := t.samples[name][unit]; len(v) > 0 {
				cell = figure(median(v))
			}
			fmt.Fprintf(tw, "%s\t", cell)
		}
		fmt.Fprintln(tw)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, p := range promises {
		of, to := t.samples[p.of][p.unit], t.samples[p.to][p.unit]
		if len(of) == 0 || len(to) == 0 {
			continue
		}
		ratio, note := median(of)/median(to), ""
		if ratio < p.least {
			note = "  NOT KEPT"
		}
		fmt.Fprintf(w, "\n%s / %s: %.2f, promised %.1f%s", p.of, p.to, ratio, p.least, note)
	}
	_, err := fmt.Fprintln(w)
	return err
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// figure writes a value with about four digits.
func figure(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
