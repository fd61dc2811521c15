package tracing

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// logEvery is how often a failure to send is logged at most.
const logEvery = time.Minute

// queue hands spans to the SDK's batches as long as there is room, and counts what
// becomes of them. The SDK bounds its queue too, but does not tell what it drops; this
// bound is the same and is met first, as it counts what is being sent as well.
type queue struct {
	sdk.SpanProcessor
	room int64
	held atomic.Int64 // that wait or are being sent

	exported, failed, dropped atomic.Int64

	log    *slog.Logger
	logged atomic.Int64 // when a failure was logged last, in nanoseconds since 1970
}

func newQueue(to sdk.SpanExporter, room int, log *slog.Logger) *queue {
	q := &queue{room: int64(room), log: log}
	q.SpanProcessor = sdk.NewBatchSpanProcessor(&counted{to, q}, sdk.WithMaxQueueSize(room))
	return q
}

// OnEnd implements [sdk.SpanProcessor]. It never waits.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.held.Add(1) > q.room {
		q.held.Add(-1)
		q.dropped.Add(1)
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// counted is an exporter whose successes and failures are counted.
type counted struct {
	sdk.SpanExporter
	queue *queue
}

// ExportSpans implements [sdk.SpanExporter]. The error ends here: the SDK would tell it
// to the whole process, in words of the collector's.
func (c *counted) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	q := c.queue
	err := c.SpanExporter.ExportSpans(ctx, spans)
	q.held.Add(-int64(len(spans)))
	if err == nil {
		q.exported.Add(int64(len(spans)))
		return nil
	}
	q.failed.Add(int64(len(spans)))
	now, last := time.Now().UnixNano(), q.logged.Load()
	if now-last >= int64(logEvery) && q.logged.CompareAndSwap(last, now) {
		q.log.Warn("spans were not sent", slog.String("error", safe(err)),
			slog.Int64("failed", q.failed.Load()), slog.Int64("dropped", q.dropped.Load()))
	}
	return nil
}

// answered finds the status in an error of the exporter, which has no type.
var answered = regexp.MustCompile(`: ([1-5][0-9]{2}) [A-Za-z -]+ \(body`)

// safe is what may be said of an error of the exporter: no address, which may have a
// password in it, and nothing that the collector said.
func safe(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the collector did not answer in time"
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return "the collector did not answer in time"
		}
		return "the collector cannot be reached: " + u.Err.Error()
	}
	if m := answered.FindStringSubmatch(err.Error()); m != nil {
		return "the collector answered with status " + m[1]
	}
	return "the collector did not take them"
}
