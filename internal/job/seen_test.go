package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
	"kindred/internal/tracing/tracingtest"
)

// TestStepsAreSeen: each step is told of by the kind of its job and is a trace of its own,
// and how many jobs are at work is known meanwhile.
func TestStepsAreSeen(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n, rec := w.node(), tracingtest.New()
		var mu sync.Mutex
		var told []string
		n.jobs = job.New(job.Config{Store: n.gate, Domains: n.world.Domains, Seal: ingesttest.Cipher(t, "job"), Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Stepped: func(kind string, failed bool, took time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, fmt.Sprint(kind, " ", failed, " ", took))
			}})
		n.jobs.Register("count", n.toy)
		n.jobs.Register("once", onlyStep{n.toy})
		if got := n.jobs.Kinds(); !slices.Equal(got, []string{"count", "once"}) {
			t.Errorf("the kinds are %q", got)
		}
		n.toy.before = func(context.Context) error {
			time.Sleep(3 * time.Second)
			return errors.New("jane.doe@example.com")
		}
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "janes", p))
		ctx, stop := context.WithCancel(rec.Tracer.Into(context.Background()))
		done := make(chan error)
		go func() { done <- n.jobs.Run(ctx) }()
		soon()
		if got := n.jobs.Running("count"); got != 1 || n.jobs.Running("once") != 0 || n.jobs.Running("janes") != 0 {
			t.Errorf("%d jobs are running", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w.wantDone("in the end", id, p)
		if n.jobs.Running("count") != 0 {
			t.Error("a job that has ended is running")
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		spans := rec.Named("job count")
		if len(told) != len(spans) || len(told) < 3 || told[0] != "count true 3s" || told[1] != "count false 0s" {
			t.Errorf("told of %q, %d spans", told, len(spans))
		}
		for i, s := range spans {
			if s.Parent != "" || s.Failed != (i == 0) || !s.Plain() {
				t.Errorf("step %d: %+v", i, s)
			}
		}
		if strings.Contains(rec.Text(), "jane") {
			t.Errorf("an error's text, or a subject, is in %s", rec.Text())
		}
	})
}
