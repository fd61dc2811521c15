package server

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kindred/internal/access"
	"kindred/internal/tracing"
)

// metrics counts and times requests. Labels are names of the interfaces, never
// anything a client chose; requests for no known operation share the operation
// "unknown".
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	errors   *prometheus.CounterVec
	unknown  *operationStats
}

// classes are the values of the label status: the hundreds of the HTTP status,
// and "gone" for clients that did not wait for their answer.
var classes = [...]string{"gone", "1xx", "2xx", "3xx", "4xx", "5xx"}

// statusGone stands in the log for a client that did not wait.
const statusGone = 499

func newMetrics(r *prometheus.Registry) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kindred_requests_total", Help: "Requests by service, operation and class of status.",
		}, []string{"service", "operation", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kindred_request_duration_seconds", Help: "Time from the first byte read to the answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"service", "operation"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kindred_requests_in_flight", Help: "Requests at work.",
		}),
	}
	m.errors = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kindred_request_errors_total", Help: "Answers that are errors, by service, operation and name of the error.",
	}, []string{"service", "operation", "error"})
	r.MustRegister(m.requests, m.duration, m.inFlight, m.errors)
	m.unknown = m.operation("unknown", "unknown", "unknown")
	return m
}

// waiting shows how many requests wait for a place at work.
func (m *metrics) waiting(r *prometheus.Registry, load func() int) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kindred_requests_waiting", Help: "Requests that wait for a place at work.",
	}, func() float64 { return float64(load()) }))
}

// operationStats are the series of one operation, made when first used.
type operationStats struct {
	metrics            *metrics
	service, operation string
	rpc, span          string // the service, and the operation with it, as spans name them
	duration           atomic.Pointer[prometheus.Observer]
	counters           [len(classes)]atomic.Pointer[prometheus.Counter]
}

func (m *metrics) operation(service, rpc, name string) *operationStats {
	return &operationStats{metrics: m, service: service, operation: name, rpc: rpc, span: rpc + "/" + name}
}

func (o *operationStats) observe(status int, d time.Duration) {
	h := o.duration.Load()
	if h == nil {
		made := o.metrics.duration.WithLabelValues(o.service, o.operation)
		h = &made
		o.duration.Store(h)
	}
	(*h).Observe(d.Seconds())
	class := 0
	if status != statusGone {
		class = min(max(status/100, 1), len(classes)-1)
	}
	c := o.counters[class].Load()
	if c == nil {
		made := o.metrics.requests.WithLabelValues(o.service, o.operation, classes[class])
		c = &made
		o.counters[class].Store(c)
	}
	(*c).Inc()
}

// record is what is logged and counted of a request.
type record struct {
	id        string
	start     time.Time
	stats     *operationStats
	principal string
	status    int
	err       string // name of the error in the answer
	cause     error  // of an internal error
	defect    string
	crowded   bool // it was refused because of the others
	read      int  // bytes of the bodies
	written   int
	span      tracing.Span // of a request over the network
}

// trace ends the span of a request. It says names, numbers and our own request id.
func (r *record) trace() {
	if !r.span.Recording() {
		return
	}
	r.span.Name(r.stats.span)
	r.span.Text("rpc.system", "aws-api")
	r.span.Text("rpc.service", r.stats.rpc)
	r.span.Text("rpc.method", r.stats.operation)
	r.span.Text("aws.request_id", r.id)
	r.span.Number("http.response.status_code", int64(r.status))
	switch {
	case r.status >= 500:
		r.span.Fail(r.err)
	case r.err != "":
		r.span.Text("error.type", r.err)
	case r.status == statusGone:
		r.span.Text("error.type", "cancelled")
	}
	r.span.End()
}

func (s *Server) finish(ctx context.Context, r *record) {
	d := s.now().Sub(r.start)
	r.stats.observe(r.status, d)
	if r.err != "" {
		s.metrics.errors.WithLabelValues(r.stats.service, r.stats.operation, r.err).Inc()
	}
	level := slog.LevelInfo
	if r.crowded {
		level = slog.LevelDebug // under overload there are many, and they are counted
	}
	if r.cause != nil || r.defect != "" {
		level = slog.LevelError
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 14)
	attrs = append(attrs,
		slog.String("service", r.stats.service),
		slog.String("operation", r.stats.operation),
		slog.Int("status", r.status),
		slog.String("principal", r.principal),
		slog.String("request_id", r.id),
		slog.Duration("duration", d),
		slog.Int("bytes_in", r.read),
		slog.Int("bytes_out", r.written),
	)
	if trace, span := tracing.Current(ctx).IDs(); trace != "" {
		attrs = append(attrs, slog.String("trace_id", trace), slog.String("span_id", span))
	}
	if r.err != "" {
		attrs = append(attrs, slog.String("error", r.err))
	}
	if r.cause != nil {
		attrs = append(attrs, slog.String("cause", r.cause.Error()))
	}
	if r.defect != "" {
		attrs = append(attrs, slog.String("defect", r.defect))
	}
	s.log.LogAttrs(ctx, level, "request", attrs...)
}

// principal names a caller in the log.
func principal(c *access.Caller) string {
	switch {
	case c == nil:
		return ""
	case c.ARN != "":
		return c.ARN
	}
	return c.ServiceName
}
