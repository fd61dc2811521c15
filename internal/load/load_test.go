package load

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kindred/kindredclient"
)

func TestAClosedLoopWaitsForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, most atomic.Int64
		r, err := Run(t.Context(), &Plan{Clients: 4, WarmUp: time.Second, Duration: 10 * time.Second, Steps: []Step{
			{"slow", 1, func(context.Context, int64) error {
				n := at.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(100 * time.Millisecond)
				at.Add(-1)
				return nil
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		s := r.Steps[0]
		if n := s.Served.TotalCount(); n != 400 || most.Load() != 4 {
			t.Errorf("%d served, %d at once", n, most.Load())
		}
		if p := s.Served.ValueAtQuantile(99); p < 99_000 || p > 101_000 {
			t.Errorf("p99 is %d µs", p)
		}
		if rate := r.perSecond(s.Served.TotalCount()); rate < 39.9 || rate > 40.1 {
			t.Errorf("%f per second", rate)
		}
	})
}

// A server that stalls for a second in ten has kept a tenth of all requests waiting, half
// a second in the middle, though only as many as there are clients were sent to it then.
func TestAnOpenLoopCountsWhatStallsKeepWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r, err := Run(t.Context(), &Plan{Clients: 50, Rate: 1000, Duration: 10 * time.Second, Steps: []Step{
			{"stalls", 1, func(context.Context, int64) error {
				if d := time.Since(began); d >= 5*time.Second && d < 6*time.Second {
					time.Sleep(6*time.Second - d)
				}
				return nil
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		s := r.Steps[0].Served
		if s.TotalCount() != 10_000 {
			t.Errorf("%d served", s.TotalCount())
		}
		for q, want := range map[float64][2]int64{50: {0, 1000}, 89: {0, 1000}, 95: {400_000, 600_000}, 99: {850_000, 950_000}} {
			if v := s.ValueAtQuantile(q); v < want[0] || v > want[1] {
				t.Errorf("p%v is %d µs, want %v", q, v, want)
			}
		}
	})
}

func TestErrorsAreCountedByNameAndNotAmongLatencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := func(name string, weight int, err error) Step {
			return Step{name, weight, func(context.Context, int64) error { time.Sleep(time.Millisecond); return err }}
		}
		r, err := Run(t.Context(), &Plan{Clients: 2, Duration: time.Second, Seed: 7, Steps: []Step{
			step("good", 3, nil), step("busy", 1, &kindredclient.Error{Status: 429, Name: "ThrottlingException"}),
			step("odd", 1, &kindredclient.Error{Status: 502}), step("gone", 1, io.EOF), step("never", 0, nil),
		}})
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"", "ThrottlingException", "status 502", "connection"} {
			s := &r.Steps[i]
			if i == 0 && (s.Failed() != 0 || s.Served.TotalCount() < 800) || i > 0 && (s.Errors[name] == 0 || s.Failed() != s.Errors[name] || s.Served.TotalCount() != 0) {
				t.Errorf("%s: %d served, %v", s.Name, s.Served.TotalCount(), s.Errors)
			}
		}
		if s := r.Steps[4]; s.Served.TotalCount()+s.Failed() != 0 {
			t.Error("a step without weight was done")
		}

		var table, text, plot bytes.Buffer
		p := &Plan{Clients: 2}
		if err := errors.Join(r.WriteTable(&table), r.WriteJSON(&text, "a <label>", p), r.WriteSVG(&plot, "a <label>")); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"good", "p99.9 ms", "busy failed", "ThrottlingException"} {
			if !strings.Contains(table.String(), want) {
				t.Errorf("no %q in\n%s", want, table.String())
			}
		}
		var back report
		if err := json.Unmarshal(text.Bytes(), &back); err != nil || back.Label != "a <label>" || back.Steps[0].Served != r.Steps[0].Served.TotalCount() || len(back.Steps[0].Quantiles) == 0 {
			t.Errorf("%v: %s", err, text.String())
		}
		d := xml.NewDecoder(&plot)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("the plot is no XML: %v", err)
			}
		}
	})
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, &Plan{Clients: 3, Duration: time.Hour, Steps: []Step{{"x", 1, func(ctx context.Context, i int64) error {
		if i == 10 {
			cancel()
		}
		return nil
	}}}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPlansAndMixes(t *testing.T) {
	step := []Step{{"x", 1, nil}}
	for want, p := range map[string]*Plan{
		"clients":  {Duration: 1, Steps: step},
		"rate":     {Clients: 1, Rate: -1, Duration: 1, Steps: step},
		"duration": {Clients: 1, Steps: step},
		"mix":      {Clients: 1, Duration: 1, Steps: []Step{{"x", 0, nil}}},
	} {
		if _, err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	known := []string{"ingest", "search"}
	if m, err := ParseMix("ingest=70, search=0", known); err != nil || m["ingest"] != 70 || len(m) != 2 {
		t.Error(m, err)
	}
	for _, bad := range []string{"", "ingest", "ingest=x", "ingest=-1", "other=1", "ingest=1,", "ingest=1=2", "ingest=01"} {
		if _, err := ParseMix(bad, known); err == nil {
			t.Errorf("%q is a mix", bad)
		}
	}
}
