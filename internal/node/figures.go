package node

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kindred/internal/domain"
	"kindred/internal/job"
	"kindred/internal/resource"
	"kindred/internal/tracing"
)

// calls are the figures of calls to keys and queues. Every label is of a fixed set, and
// all series are there from the start.
type calls struct {
	done     map[resource.Call]prometheus.Counter // by a call without the time that it took
	duration map[string]prometheus.Observer       // by service and place
}

// newCalls registers them.
func newCalls(r prometheus.Registerer) *calls {
	c := &calls{done: map[resource.Call]prometheus.Counter{}, duration: map[string]prometheus.Observer{}}
	for _, s := range []struct {
		service, name, what string
		operations          []string
	}{
		{"KMS", "kindred_key", "key", resource.KMSOperations()},
		{"SQS", "kindred_queue", "queue", resource.SQSOperations()},
	} {
		done := prometheus.NewCounterVec(prometheus.CounterOpts{Name: s.name + "_operations_total",
			Help: "Calls of the " + s.what + " service, embedded or external, by how they ended: ok, refused, unavailable or cancelled."}, []string{"where", "operation", "outcome"})
		duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: s.name + "_operation_duration_seconds",
			Help: "Time that calls of the " + s.what + " service took.", Buckets: []float64{.0001, .0005, .001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"where"})
		r.MustRegister(done, duration)
		for _, where := range resource.Places() {
			c.duration[s.service+where] = duration.WithLabelValues(where)
			for _, operation := range s.operations {
				for _, outcome := range resource.CallOutcomes() {
					c.done[resource.Call{Service: s.service, Operation: operation, Where: where, Outcome: outcome}] = done.WithLabelValues(where, operation, outcome)
				}
			}
		}
	}
	return c
}

// called counts a call.
func (c *calls) called(a resource.Call) {
	c.duration[a.Service+a.Where].Observe(a.Took.Seconds())
	a.Took = 0
	c.done[a].Inc()
}

// counters registers one counter for each value of a label, read when it is asked for.
func counters(r prometheus.Registerer, name, help, label string, values map[string]func() int64) {
	for value, count := range values {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{label: value}},
			func() float64 { return float64(count()) }))
	}
}

// cacheMetrics registers how often the caches of domains had what was asked for.
func cacheMetrics(r prometheus.Registerer, d *domain.Domains) {
	counters(r, "kindred_config_lookups_total", "Looks for the configuration of a domain, by whether it was in memory.", "result", map[string]func() int64{
		"hit": func() int64 { return d.Lookups().ConfigHits }, "miss": func() int64 { return d.Lookups().ConfigMisses }})
	counters(r, "kindred_data_key_lookups_total", "Looks for the opened data keys of a domain, by whether they were in memory.", "result", map[string]func() int64{
		"hit": func() int64 { return d.Lookups().KeyHits }, "miss": func() int64 { return d.Lookups().KeyMisses }})
}

// steps are the figures of the steps of jobs.
type steps struct {
	done     *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newSteps(r prometheus.Registerer) *steps {
	s := &steps{
		done: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kindred_job_steps_total",
			Help: "Steps of jobs that this node has made, by the kind of the job and how they ended."}, []string{"kind", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "kindred_job_step_duration_seconds",
			Help: "Time that steps of jobs took.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}}, []string{"kind"}),
	}
	r.MustRegister(s.done, s.duration)
	return s
}

func stepOutcome(failed bool) string {
	if failed {
		return "error"
	}
	return "ok"
}

func (s *steps) stepped(kind string, failed bool, took time.Duration) {
	s.done.WithLabelValues(kind, stepOutcome(failed)).Inc()
	s.duration.WithLabelValues(kind).Observe(took.Seconds())
}

// known registers what is to be known of each kind of job. It is called when all are.
func (s *steps) known(r prometheus.Registerer, jobs *job.Jobs) {
	for _, kind := range jobs.Kinds() {
		s.duration.WithLabelValues(kind)
		for _, failed := range []bool{false, true} {
			s.done.WithLabelValues(kind, stepOutcome(failed))
		}
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kindred_jobs_running", ConstLabels: prometheus.Labels{"kind": kind},
			Help: "Jobs that this node works on, by kind."}, func() float64 { return float64(jobs.Running(kind)) }))
	}
}

// traceMetrics registers what becomes of spans.
func traceMetrics(r prometheus.Registerer, t *tracing.Tracer) {
	counters(r, "kindred_trace_spans_total", "Spans by what became of them: exported, failed (the collector did not take them) or dropped (there was no room in the queue).", "outcome", map[string]func() int64{
		"exported": func() int64 { return t.Figures().Exported }, "failed": func() int64 { return t.Figures().Failed }, "dropped": func() int64 { return t.Figures().Dropped }})
}
