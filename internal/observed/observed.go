// Package observed is a store that tells what is asked of it: it passes everything on to
// an engine, counts and times it, and makes a span of each call that is made within a
// trace. It changes nothing of what the engine answers.
package observed

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kindred/internal/store"
	"kindred/internal/tracing"
)

// kind is what is asked of a store.
type kind int

const (
	view kind = iota
	update
	scan    // of a prefix, for records or counters
	drop    // of a prefix
	expunge // of a prefix
	kinds
)

var (
	kindNames = [kinds]string{"view", "update", "scan", "drop", "expunge"}
	spanNames = [kinds]string{"store view", "store update", "store scan", "store drop", "store expunge"}
)

// outcome is how a call ended.
type outcome int

const (
	ok          outcome = iota
	abandoned           // the caller's function ended it with an error of its own
	conflict            // it kept losing to others
	unavailable         // the engine cannot be reached or has no room
	unknown             // whether it took place
	cancelled           // the caller did not wait
	failed              // for another error of the engine
	outcomes
)

var outcomeNames = [outcomes]string{"ok", "abandoned", "conflict", "unavailable", "unknown", "cancelled", "error"}

// Store is a [store.Store] over another.
type Store struct {
	below  store.Store
	engine string

	done     [kinds][outcomes]prometheus.Counter
	duration [kinds]prometheus.Observer
	reruns   [2]prometheus.Counter // of views and updates

	views, updates sync.Pool // of *viewing, *updating
}

var _ store.Store = (*Store)(nil)

// New observes a store. Engine names it in spans; the metrics are registered with r, once
// for each registry.
func New(below store.Store, engine string, r prometheus.Registerer) *Store {
	s := &Store{below: below, engine: engine}
	done := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kindred_store_operations_total",
		Help: "Calls of the storage engine by kind (view, update, scan, drop, expunge) and how they ended."}, []string{"kind", "outcome"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "kindred_store_operation_duration_seconds",
		Help: "Time that calls of the storage engine took, with all their runs.", Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"kind"})
	reruns := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kindred_store_reruns_total",
		Help: "Runs of views and updates beyond their first: others were faster, or the connection was lost."}, []string{"kind"})
	r.MustRegister(done, duration, reruns)
	for k := range kinds {
		s.duration[k] = duration.WithLabelValues(kindNames[k])
		for o := range outcomes {
			s.done[k][o] = done.WithLabelValues(kindNames[k], outcomeNames[o])
		}
	}
	for _, k := range []kind{view, update} {
		s.reruns[k] = reruns.WithLabelValues(kindNames[k])
	}
	s.views.New = func() any {
		c := &viewing{}
		c.run = c.once
		return c
	}
	s.updates.New = func() any {
		c := &updating{}
		c.run = c.once
		return c
	}
	return s
}

// call is what is seen of a call.
type call struct {
	runs int
	last error // of the caller's function in its last run
}

// viewing and updating stand between an engine and the function of a caller. They are
// used again and again, with the function that the engine is given, so that observing
// a call allocates nothing.
type (
	viewing struct {
		call
		fn  func(store.Reader) error
		run func(store.Reader) error
	}
	updating struct {
		call
		fn  func(store.Tx) error
		run func(store.Tx) error
	}
)

func (c *viewing) once(r store.Reader) error {
	c.runs++
	c.last = c.fn(r)
	return c.last
}

func (c *updating) once(tx store.Tx) error {
	c.runs++
	c.last = c.fn(tx)
	return c.last
}

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	began := time.Now()
	span := s.start(ctx, view)
	c := s.views.Get().(*viewing)
	c.call, c.fn = call{}, fn
	err := s.below.View(ctx, c.run)
	s.end(view, began, span, c.call, err)
	c.call, c.fn = call{}, nil
	s.views.Put(c) // not after a panic: the engine may still have it
	return err
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	began := time.Now()
	span := s.start(ctx, update)
	c := s.updates.Get().(*updating)
	c.call, c.fn = call{}, fn
	err := s.below.Update(ctx, c.run)
	s.end(update, began, span, c.call, err)
	c.call, c.fn = call{}, nil
	s.updates.Put(c)
	return err
}

// ScanPrefix implements [store.Store].
func (s *Store) ScanPrefix(ctx context.Context, prefix []byte, after store.Key, limit int) ([]store.Record, error) {
	began, span := time.Now(), s.start(ctx, scan)
	list, err := s.below.ScanPrefix(ctx, prefix, after, limit)
	s.end(scan, began, span, call{}, err)
	return list, err
}

// ScanCounters implements [store.Store].
func (s *Store) ScanCounters(ctx context.Context, prefix []byte, after store.Key, limit int) ([]store.Counter, error) {
	began, span := time.Now(), s.start(ctx, scan)
	list, err := s.below.ScanCounters(ctx, prefix, after, limit)
	s.end(scan, began, span, call{}, err)
	return list, err
}

// DropPrefix implements [store.Store].
func (s *Store) DropPrefix(ctx context.Context, prefix []byte) error {
	began, span := time.Now(), s.start(ctx, drop)
	err := s.below.DropPrefix(ctx, prefix)
	s.end(drop, began, span, call{}, err)
	return err
}

// Expunge implements [store.Store].
func (s *Store) Expunge(ctx context.Context, prefix []byte) error {
	began, span := time.Now(), s.start(ctx, expunge)
	err := s.below.Expunge(ctx, prefix)
	s.end(expunge, began, span, call{}, err)
	return err
}

// Ready implements [store.Store].
func (s *Store) Ready(ctx context.Context) error { return s.below.Ready(ctx) }

// Close implements [store.Store].
func (s *Store) Close() error { return s.below.Close() }

func (s *Store) start(ctx context.Context, k kind) tracing.Span {
	_, span := tracing.Start(ctx, spanNames[k], tracing.Internal)
	return span
}

// end counts a call that has ended, and ends its span.
func (s *Store) end(k kind, began time.Time, span tracing.Span, c call, err error) {
	o := c.outcome(err)
	s.done[k][o].Inc()
	s.duration[k].Observe(time.Since(began).Seconds())
	if c.runs > 1 {
		s.reruns[k].Add(float64(c.runs - 1))
	}
	if !span.Recording() {
		return
	}
	if s.engine != "" {
		span.Text("kindred.store.engine", s.engine)
	}
	span.Text("kindred.store.operation", kindNames[k])
	if k <= update {
		span.Number("kindred.store.runs", int64(c.runs))
	}
	switch o {
	case ok:
	case abandoned: // what it says to its caller is for the span above
		span.Text("kindred.store.outcome", outcomeNames[o])
	default:
		span.Fail(outcomeNames[o])
	}
	span.End()
}

// outcome judges an error. That a function ended its own run, or expected something
// else of the store, is no failure of the engine, unless it passes on what the engine told it.
func (c *call) outcome(err error) outcome {
	switch {
	case err == nil:
		return ok
	case errors.Is(err, store.ErrConflict):
		return conflict
	case errors.Is(err, store.ErrUnavailable):
		return unavailable
	case errors.Is(err, store.ErrUnknownOutcome):
		return unknown
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return cancelled
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrTooLarge):
		return failed
	case errors.Is(err, store.ErrUnexpected), c.last != nil && errors.Is(err, c.last):
		return abandoned
	}
	return failed
}
