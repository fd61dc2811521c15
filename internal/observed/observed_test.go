package observed_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kindred/internal/observed"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/internal/store/pebblestore"
	"kindred/internal/store/pgstore/pgstoretest"
	"kindred/internal/store/pgstore/pgtest"
	"kindred/internal/store/storetest"
	"kindred/internal/tracing"
	"kindred/internal/tracing/tracingtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestConformance: an observed store is a store.
func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) store.Store {
			return observed.New(memstore.New(), "memory", prometheus.NewRegistry())
		})
	})
	t.Run("embedded", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store {
			st, err := pebblestore.Open("/data/store", pebblestore.Options{FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return observed.New(st, "embedded", prometheus.NewRegistry())
		})
	})
	t.Run("database", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store {
			return observed.New(pgstoretest.Open(t, nil), "postgresql", prometheus.NewRegistry())
		})
	})
}

// scripted is an engine that answers what it is told to, after so many runs.
type scripted struct {
	store.Store
	runs int
	err  error // nil: that of the function
}

func (s *scripted) Update(_ context.Context, fn func(store.Tx) error) (err error) {
	for range s.runs {
		err = fn(nil)
	}
	if s.err != nil {
		return s.err
	}
	return err
}

// TestOutcomes: how calls ended, and how often they ran, is counted and in spans, by
// fixed names.
func TestOutcomes(t *testing.T) {
	own := errors.New("jane.doe@example.com is taken")
	for _, c := range []struct {
		name   string
		engine scripted
		fn     error
		failed bool
	}{
		{"ok", scripted{runs: 3}, nil, false},
		{"abandoned", scripted{runs: 1}, own, false},
		{"conflict", scripted{runs: 64, err: store.ErrConflict}, nil, true},
		{"unavailable", scripted{err: fmt.Errorf("jane: %w", store.ErrUnavailable)}, nil, true},
		{"unknown", scripted{runs: 1, err: store.ErrUnknownOutcome}, nil, true},
		{"cancelled", scripted{err: context.Canceled}, nil, true},
		{"error", scripted{runs: 1, err: store.ErrCorrupt}, store.ErrCorrupt, true},
		{"error", scripted{runs: 1, err: errors.New("disk of jane.doe@example.com on fire")}, own, true},
	} {
		r, rec := prometheus.NewRegistry(), tracingtest.New()
		s := observed.New(&c.engine, "memory", r)
		ctx, root := rec.Tracer.Serve(t.Context(), nil)
		err := s.Update(ctx, func(store.Tx) error { return c.fn })
		root.End()
		if c.engine.err != nil && err != c.engine.err || c.engine.err == nil && err != c.fn {
			t.Errorf("%s: the error became %v", c.name, err)
		}
		want := fmt.Sprintf("# HELP kindred_store_reruns_total Runs of views and updates beyond their first: others were faster, or the connection was lost.\n"+
			"# TYPE kindred_store_reruns_total counter\nkindred_store_reruns_total{kind=\"update\"} %d\nkindred_store_reruns_total{kind=\"view\"} 0\n", max(0, c.engine.runs-1))
		if err := testutil.GatherAndCompare(r, strings.NewReader(want), "kindred_store_reruns_total"); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if n := count(t, r, "update", c.name); n != 1 {
			t.Errorf("%s: counted %v times", c.name, n)
		}
		spans := rec.Named("store update")
		if len(spans) != 1 || spans[0].Failed != c.failed || spans[0].Attributes["kindred.store.runs"] != fmt.Sprint(c.engine.runs) || !spans[0].Plain() {
			t.Errorf("%s: the span is %+v", c.name, spans)
		}
		if strings.Contains(rec.Text(), "jane") {
			t.Errorf("%s: the text of an error is in %s", c.name, rec.Text())
		}
	}
}

func count(t *testing.T, r *prometheus.Registry, kind, outcome string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "kindred_store_operations_total" && m.GetLabel()[0].GetValue() == kind && m.GetLabel()[1].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

// nothing is an engine that calls the function once.
type nothing struct{ store.Store }

func (nothing) Update(_ context.Context, fn func(store.Tx) error) error   { return fn(nil) }
func (nothing) View(_ context.Context, fn func(store.Reader) error) error { return fn(nil) }

// TestObservingAllocatesNothing where nobody traces.
func TestObservingAllocatesNothing(t *testing.T) {
	s := observed.New(nothing{}, "memory", prometheus.NewRegistry())
	ctx := (*tracing.Tracer)(nil).Into(t.Context())
	fn, see := func(store.Tx) error { return nil }, func(store.Reader) error { return nil }
	if n := testing.AllocsPerRun(1000, func() {
		if s.Update(ctx, fn) != nil || s.View(ctx, see) != nil {
			t.Error("failed")
		}
	}); n > 1 { // of two calls; with the race detector the pools lose some
		t.Errorf("%v allocations for two calls", n)
	}
}

// TestAPanicPassesThrough: the engine and what observes it go on.
func TestAPanicPassesThrough(t *testing.T) {
	s := observed.New(memstore.New(), "memory", prometheus.NewRegistry())
	func() {
		defer func() {
			if p := recover(); p != "mine" {
				t.Errorf("the panic became %v", p)
			}
		}()
		_ = s.Update(t.Context(), func(store.Tx) error { panic("mine") })
	}()
	if err := s.Update(t.Context(), func(store.Tx) error { return nil }); err != nil {
		t.Error(err)
	}
}

// BenchmarkObserved is what observing costs each call.
func BenchmarkObserved(b *testing.B) {
	s := observed.New(nothing{}, "memory", prometheus.NewRegistry())
	fn := func(store.Tx) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Update(context.Background(), fn)
	}
}
