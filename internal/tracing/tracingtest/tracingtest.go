// Package tracingtest shows tests what spans were made.
package tracingtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"kindred/internal/tracing"
)

// Span is a span that has ended.
type Span struct {
	Name, Kind         string
	ID, Parent, Trace  string // Parent is empty for the first of a trace
	Remote             bool   // the parent is of another process
	Failed             bool
	Attributes         map[string]string
	events, links, say int
}

// Recorder keeps the spans of a tracer.
type Recorder struct {
	Tracer *tracing.Tracer

	mu    sync.Mutex // guards the following
	spans []Span
	more  chan struct{} // closed when spans come
}

// New makes a tracer that traces everything, and what records it.
func New() *Recorder {
	r := &Recorder{more: make(chan struct{})}
	r.Tracer = tracing.New(r)
	return r
}

// ExportSpans implements the SDK's exporter.
func (r *Recorder) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range spans {
		span := Span{Name: s.Name(), Kind: s.SpanKind().String(), ID: s.SpanContext().SpanID().String(), Trace: s.SpanContext().TraceID().String(),
			Remote: s.Parent().IsRemote(), Failed: s.Status().Code.String() == "Error", Attributes: map[string]string{},
			events: len(s.Events()), links: len(s.Links()), say: len(s.Status().Description) + s.SpanContext().TraceState().Len()}
		if s.Parent().HasSpanID() {
			span.Parent = s.Parent().SpanID().String()
		}
		for _, a := range s.Attributes() {
			span.Attributes[string(a.Key)] = a.Value.String()
		}
		r.spans = append(r.spans, span)
	}
	close(r.more)
	r.more = make(chan struct{})
	return nil
}

// Shutdown implements the SDK's exporter.
func (r *Recorder) Shutdown(context.Context) error { return nil }

// Spans are those that have ended, in that order.
func (r *Recorder) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Span(nil), r.spans...)
}

// Await waits until so many spans have ended, for ten seconds at most, and returns them.
func (r *Recorder) Await(t testing.TB, n int) []Span {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		r.mu.Lock()
		list, more := append([]Span(nil), r.spans...), r.more
		r.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("only %d spans of %d have ended: %+v", len(list), n, list)
		}
	}
}

// Named are the spans of a name.
func (r *Recorder) Named(name string) (list []Span) {
	for _, s := range r.Spans() {
		if s.Name == name {
			list = append(list, s)
		}
	}
	return list
}

// Text is all that the spans say, for a look at what they must not.
func (r *Recorder) Text() string {
	var b strings.Builder
	for _, s := range r.Spans() {
		fmt.Fprintf(&b, "%+v\n", s)
	}
	return b.String()
}

// Plain reports spans with what spans of ours never have: events, links, and texts
// beside their names and attributes.
func (s *Span) Plain() bool { return s.events+s.links+s.say == 0 }
