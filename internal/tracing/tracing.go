// Package tracing tells where the time of a request or of work in the background
// goes: it makes spans of OpenTelemetry and sends them to a collector over OTLP. It is
// the only package that knows OpenTelemetry; the others ask it for spans.
//
// A [Tracer] begins traces, where the process is told to (see [FromEnvironment]); the
// nil Tracer begins none. Everything else is about the span in a context: [Start] makes
// a span within it, and costs nothing where there is none, so whoever makes spans need
// not know whether anybody wants them.
//
// A span never has anything of a customer, nor what a client chose: no names of domains,
// identifiers, keys, values, texts of errors, principals. Attributes are names from the
// code, numbers, and names of errors.
//
// Spans wait for the collector in a bounded queue; one for which there is no room is
// dropped and counted. So a collector that is slow or away costs memory up to the bound,
// and no request any time.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Kind is the part that a span's work plays between processes.
type Kind = trace.SpanKind

// The kinds of spans.
const (
	Internal = trace.SpanKindInternal
	Server   = trace.SpanKindServer
	Client   = trace.SpanKindClient
	Producer = trace.SpanKindProducer
)

// scope names the source of all spans.
const scope = "kindred"

// closeWithin bounds how long Close waits for the collector.
const closeWithin = 5 * time.Second

// Tracer begins traces. The nil Tracer begins none, and all of its methods may be called.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	queue    *queue
	remote   bool // the spans of clients are parents
	log      *slog.Logger
}

// newTracer makes a tracer that hands its spans to an exporter, with room for so many.
func newTracer(to sdk.SpanExporter, room int, remote bool, log *slog.Logger, options ...sdk.TracerProviderOption) *Tracer {
	q := newQueue(to, room, log)
	p := sdk.NewTracerProvider(append(options, sdk.WithSpanProcessor(q))...)
	return &Tracer{provider: p, tracer: p.Tracer(scope), queue: q, remote: remote, log: log}
}

// New makes a tracer that hands all of its spans to an exporter at once, for tests.
func New(to sdk.SpanExporter) *Tracer {
	p := sdk.NewTracerProvider(sdk.WithSyncer(to), sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())))
	return &Tracer{provider: p, tracer: p.Tracer(scope), remote: true, log: slog.New(slog.DiscardHandler)}
}

// Close sends what waits and ends the tracer, within five seconds. Spans that end later
// are lost. It is called when nothing makes spans any more.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("not all spans were sent before the end", slog.String("error", safe(err)))
	}
}

// Figures are counts of spans since the start.
type Figures struct {
	Exported int64 // that the collector took
	Failed   int64 // that it did not take
	Dropped  int64 // for which there was no room in the queue
}

// Figures returns what became of spans.
func (t *Tracer) Figures() Figures {
	if t == nil || t.queue == nil {
		return Figures{}
	}
	return Figures{t.queue.exported.Load(), t.queue.failed.Load(), t.queue.dropped.Load()}
}

// tracerKey is the place of a tracer in a context.
type tracerKey struct{}

// Into gives a context the tracer, so that [Begin] begins traces.
func (t *Tracer) Into(ctx context.Context) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, tracerKey{}, t)
}

var propagator propagation.TraceContext

// Serve begins the span of a request. Its parent is the one that the header names
// (traceparent of W3C Trace Context), if there is one; the sampler decides what that
// means. The rest that clients may say of a trace (tracestate, baggage) is not looked at:
// it would be text of theirs in spans of ours.
func (t *Tracer) Serve(ctx context.Context, h http.Header) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	if t.remote && len(h["Traceparent"]) > 0 {
		parent := trace.SpanContextFromContext(propagator.Extract(ctx, propagation.HeaderCarrier(h)))
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent.WithTraceState(trace.TraceState{}))
	}
	ctx, s := t.tracer.Start(ctx, "request", trace.WithSpanKind(Server))
	return ctx, recording(s)
}

// Begin begins the span of work that nobody asked for: within the span of the context,
// or else as a trace of its own, if the context has a tracer.
func Begin(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	if within, s := Start(ctx, name, kind); s.Recording() {
		return within, s
	}
	t, _ := ctx.Value(tracerKey{}).(*Tracer)
	if t == nil {
		return ctx, Span{}
	}
	ctx, s := t.tracer.Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, recording(s)
}

// Work does what nobody asked for in a span of its own, as [Begin] makes it.
func Work(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, span := Begin(ctx, name, Internal)
	defer span.End()
	err := do(ctx)
	span.FailAs(err)
	return err
}

// Start begins a span within that of the context. Where there is none, or it is not
// sampled, the context is returned as it is with a span that records nothing.
func Start(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Span{}
	}
	ctx, s := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, recording(s)
}

// Inject writes the span of a context into the header of a request to another service.
func Inject(ctx context.Context, h http.Header) {
	if trace.SpanFromContext(ctx).IsRecording() {
		propagator.Inject(ctx, propagation.HeaderCarrier(h))
	}
}

// Current is the span of a context; it must not be ended by who did not begin it.
func Current(ctx context.Context) Span { return recording(trace.SpanFromContext(ctx)) }

// Span is a piece of work in a trace. The zero Span records nothing.
type Span struct{ s trace.Span }

func recording(s trace.Span) Span {
	if !s.IsRecording() {
		return Span{}
	}
	return Span{s}
}

// Recording tells of a span that somebody will see. What costs something to find out is
// asked for only then.
func (s Span) Recording() bool { return s.s != nil }

// Name gives the span another name, one from the code.
func (s Span) Name(name string) {
	if s.s != nil {
		s.s.SetName(name)
	}
}

// Text sets an attribute to a name from the code.
func (s Span) Text(key, value string) {
	if s.s != nil {
		s.s.SetAttributes(attribute.String(key, value))
	}
}

// Number sets an attribute to a number.
func (s Span) Number(key string, n int64) {
	if s.s != nil {
		s.s.SetAttributes(attribute.Int64(key, n))
	}
}

// Flag sets an attribute to a truth.
func (s Span) Flag(key string, is bool) {
	if s.s != nil {
		s.s.SetAttributes(attribute.Bool(key, is))
	}
}

// Fail says that the work failed, by the name of the error and never its text.
func (s Span) Fail(name string) {
	if s.s != nil {
		s.s.SetAttributes(attribute.String("error.type", name))
		s.s.SetStatus(codes.Error, "")
	}
}

// FailAs is Fail with the type of an error; nil is no failure.
func (s Span) FailAs(err error) {
	if s.s != nil && err != nil {
		s.Fail(typeOf(err))
	}
}

// End ends the span. It may be called once.
func (s Span) End() {
	if s.s != nil {
		s.s.End()
	}
}

// IDs are the identities of the trace and the span for logs, empty for a span that
// records nothing.
func (s Span) IDs() (traceID, spanID string) {
	if s.s == nil {
		return "", ""
	}
	c := s.s.SpanContext()
	return c.TraceID().String(), c.SpanID().String()
}

// typeOf is the type of the error at the bottom.
func typeOf(err error) string {
	for {
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			if below := e.Unwrap(); below != nil {
				err = below
				continue
			}
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 {
				err = all[0]
				continue
			}
		}
		switch err {
		case context.Canceled:
			return "cancelled"
		case context.DeadlineExceeded:
			return "timeout"
		}
		return fmt.Sprintf("%T", err)
	}
}
