package job

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"kindred/internal/store"
)

const (
	lookEvery  = time.Second // for work
	lookLonger = time.Minute // at most, while the index cannot be read
	shunFor    = time.Minute // a job that could not be taken for an error
	lookAt     = 1000        // entries of the index at a time
)

// runner is one Run.
type runner struct {
	*Jobs
	node string
	shun map[ref]time.Time // until when; only look uses it
	work sync.WaitGroup

	mu   sync.Mutex // guards the following
	busy map[ref]bool
}

// Run works on jobs until the context ends. Then steps under way are told to stop,
// and the leases are given back.
func (j *Jobs) Run(ctx context.Context) error {
	r := &runner{Jobs: j, node: NewID().String(), shun: map[ref]time.Time{}, busy: map[ref]bool{}}
	defer r.work.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := lookEvery
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-j.wake:
		case <-timer.C:
		}
		err := r.look(ctx)
		if err != nil && ctx.Err() == nil {
			wait = min(2*wait, lookLonger)
			j.log.WarnContext(ctx, "jobs cannot be looked for", "again_in", wait, "error", err)
		} else {
			wait = lookEvery
		}
		timer.Reset(wait)
	}
}

// look takes what is due, as far as there is room.
func (r *runner) look(ctx context.Context) error {
	if !r.room() {
		return nil
	}
	list, failed := r.dueNow(ctx)
	now := r.now()
	for k, until := range r.shun {
		if now.After(until) {
			delete(r.shun, k)
		}
	}
	for _, d := range list {
		if !r.room() || ctx.Err() != nil {
			return failed
		}
		if _, shunned := r.shun[d.job]; shunned || r.has(d.job) {
			continue
		}
		h, err := r.take(ctx, d.job, r.node)
		if err != nil && ctx.Err() == nil {
			r.shun[d.job] = now.Add(shunFor)
			r.log.WarnContext(ctx, "job cannot be taken", "job", d.job.id.String(), "error", err)
		}
		if h != nil {
			r.set(d.job, true)
			r.work.Go(func() { r.run(ctx, h) })
		}
	}
	return failed
}

// dueNow reads the index: what may be taken now and is of a kind that is known
// here, what has waited longest first. It goes on past entries that are damaged.
func (r *runner) dueNow(ctx context.Context) (list []due, err error) {
	now := r.now()
	span := store.Span{Partition: dueJobs, Limit: lookAt}
	for {
		var page []store.Record
		failed := r.store.View(ctx, func(rd store.Reader) error {
			lists, err := rd.Scan(ctx, span)
			if err == nil {
				page = lists[0]
			}
			return err
		})
		if failed != nil {
			return nil, fmt.Errorf("job index: %w", failed)
		}
		for _, rec := range page {
			d, damaged := openDue(rec)
			if damaged != nil {
				err = damaged
				continue
			}
			if !d.at.After(now) && r.handlers[d.kind] != nil {
				list = append(list, d)
			}
		}
		if len(page) < span.Limit {
			break
		}
		span.Start = append(page[len(page)-1].Key.Sort, 0)
	}
	slices.SortFunc(list, func(a, b due) int { return cmp.Or(a.at.Compare(b.at), slices.Compare(a.job.id[:], b.job.id[:])) })
	return list, err
}

// run works on a job that was taken, for as long as it is this node's.
func (r *runner) run(ctx context.Context, h *hold) {
	within, stop := context.WithCancel(ctx)
	running := r.running[h.current.Kind]
	running.Add(1)
	defer running.Add(-1)
	var beat sync.WaitGroup
	beat.Go(func() { h.beat(within, stop) })
	for h.step(within) {
	}
	stop()
	beat.Wait()
	r.set(h.job, false)
	r.Wake()
}

func (r *runner) room() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.busy) < MaxRunning
}

func (r *runner) has(k ref) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy[k]
}

func (r *runner) set(k ref, busy bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if busy {
		r.busy[k] = true
	} else {
		delete(r.busy, k)
	}
}
