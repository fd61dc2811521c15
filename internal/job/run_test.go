package job_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/job"
	"kindred/internal/store"
)

// bubble runs a test with a clock that moves when everybody waits.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, realTime)) })
}

// running is a node whose Run runs until stop, or the end of the test.
type running struct {
	*node
	stop func()
}

func (w *world) start() *running {
	w.t.Helper()
	return w.run(w.node())
}

// run has a node work on jobs, with the clock of the bubble.
func (w *world) run(n *node, more ...func(*job.Jobs)) *running {
	w.t.Helper()
	n.jobs = w.jobs(n, time.Now)
	for _, register := range more {
		register(n.jobs)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- n.jobs.Run(ctx) }()
	r := &running{node: n, stop: sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})}
	w.t.Cleanup(r.stop)
	return r
}

// soon lets a second go by, in which a node looks for work.
func soon() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func TestRunTakesUpWhatIsMade(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n := w.start()
		p := work{Units: 5, Batch: 2}
		synctest.Wait()
		id := w.create(w.spec("count", "", p))
		n.jobs.Wake()
		synctest.Wait()
		w.wantDone("woken", id, p)
		p.Via = "UpdateStore"
		id = w.create(w.spec("count", "", p))
		soon()
		w.wantDone("within a second", id, p)
	})
}

// TestALongStepKeepsItsLease: while it lasts, nobody else takes the job, and its
// transaction runs once.
func TestALongStepKeepsItsLease(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "", p))
		a := w.node()
		a.toy.inside = func(context.Context) error { time.Sleep(10 * job.Lease); return nil }
		w.run(a)
		soon()
		b := w.start()
		time.Sleep(11 * job.Lease)
		synctest.Wait()
		w.wantDone("in the end", id, p)
		runs, _ := a.toy.counts()
		if _, steps := b.toy.counts(); runs != 2 || steps != 0 {
			t.Errorf("%d runs here, %d steps elsewhere", runs, steps)
		}
	})
}

// TestAStoppedNode: everything of a node stands still for longer than its lease,
// at a point of a step, and then goes on.
func TestAStoppedNode(t *testing.T) {
	for _, via := range vias {
		for _, point := range []string{"before", "inside", "after"} {
			t.Run(via+" "+point, func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					p := work{Units: 7, Batch: 2, Via: via}
					id := w.create(w.spec("count", "", p))
					a := w.node()
					freeze := func(context.Context) error { a.gate.freeze(); return nil }
					switch point {
					case "before":
						a.toy.before = freeze
					case "inside":
						a.toy.inside = freeze
					default:
						a.toy.after = freeze
					}
					first := w.run(a)
					soon()
					b := w.start()
					time.Sleep(job.Lease - 2*time.Second)
					synctest.Wait()
					if _, steps := b.toy.counts(); steps != 0 {
						t.Error("taken over before the lease ran out")
					}
					time.Sleep(3 * time.Second)
					synctest.Wait()
					w.wantDone("taken over", id, p)
					a.gate.thaw()
					soon()
					w.wantDone("when the first is back", id, p)
					b.stop()
					next := w.create(w.spec("count", "", work{Units: 3, Batch: 1, Via: "Update"}))
					soon()
					if j := w.get(next); j.State != job.Succeeded {
						t.Errorf("the first node does nothing any more: %+v", j)
					}
					first.stop()
				})
			})
		}
	}
}

// TestAStopGivesLeasesBack: another node goes on at once, and the stop is no
// failed try.
func TestAStopGivesLeasesBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "", p))
		for range 2 * job.MaxAttempts {
			n := w.node()
			n.toy.inside = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			r := w.run(n)
			soon()
			if j := w.get(id); j.State != job.Running {
				t.Fatalf("%+v", j)
			}
			r.stop()
			if j := w.get(id); j.State != job.Pending || j.Message != "" {
				t.Fatalf("after the stop: %+v", j)
			}
		}
		w.start()
		soon()
		w.wantDone("in the end", id, p)
	})
}

// TestRestartAfterAKill: the next start goes on when the lease has run out.
func TestRestartAfterAKill(t *testing.T) {
	for _, point := range []string{"inside", "after"} {
		t.Run(point, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				p := work{Units: 6, Batch: 2}
				id := w.create(w.spec("count", "", p))
				a := w.node()
				kill := func(context.Context) error { a.gate.die(); return nil }
				if point == "inside" {
					a.toy.inside = kill
				} else {
					a.toy.after = kill
				}
				r := w.run(a)
				soon()
				r.stop()
				if j := w.get(id); j.State != job.Running {
					t.Fatalf("%+v", j)
				}
				w.start()
				time.Sleep(job.Lease)
				soon()
				w.wantDone("after a restart", id, p)
			})
		})
	}
}

// TestALostJobStopsItsStep: a step that waits is told within a third of the lease.
func TestALostJobStopsItsStep(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "", p))
		n := w.node()
		var told time.Duration
		n.toy.before = func(ctx context.Context) error {
			begun := time.Now()
			<-ctx.Done()
			told = time.Since(begun)
			return ctx.Err()
		}
		w.run(n)
		soon()
		w.ask(w.admin.jobs.Pause, id)
		time.Sleep(job.Lease)
		synctest.Wait()
		if told == 0 || told > job.Lease/3+time.Second {
			t.Errorf("told after %v", told)
		}
		w.ask(w.admin.jobs.Resume, id)
		soon()
		w.wantDone("in the end", id, p)
	})
}

// pool notes how many jobs are at work, and in which order they began.
type pool struct {
	mu       sync.Mutex // guards the following
	now, max int
	order    []string
}

func (l *pool) Step(ctx context.Context, s *job.Step) error {
	l.mu.Lock()
	l.now++
	l.max = max(l.max, l.now)
	l.order = append(l.order, s.Job.Subject)
	l.mu.Unlock()
	time.Sleep(10 * time.Second)
	l.mu.Lock()
	l.now--
	l.mu.Unlock()
	return s.UpdateStore(ctx, func(store.Tx) (job.Progress, error) { return job.Progress{Finished: true}, nil })
}

func TestANodeWorksOnFewJobsTheOldestFirst(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		l := &pool{}
		w.admin.jobs.Register("pool", l)
		var want []string
		for i := range 7 {
			want = append(want, fmt.Sprint(i))
			w.create(job.Spec{Kind: "pool", Subject: fmt.Sprint(i)})
			time.Sleep(time.Millisecond)
		}
		w.run(w.node(), func(j *job.Jobs) { j.Register("pool", l) })
		time.Sleep(time.Minute)
		synctest.Wait()
		slices.Sort(l.order[:2]) // these two begin together
		slices.Sort(l.order[2:4])
		slices.Sort(l.order[4:6])
		if l.max != job.MaxRunning || !slices.Equal(l.order, want) {
			t.Errorf("%d at once, in the order %v", l.max, l.order)
		}
	})
}

func TestRunTriesAgainAndAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "", p))
		n := w.node()
		var failures atomic.Int32
		var trouble func(context.Context) error
		trouble = func(context.Context) error {
			if failures.Add(1) < 6 {
				n.toy.set(&n.toy.before, trouble)
			}
			return errors.New("trouble")
		}
		n.toy.before = trouble
		w.run(n)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if failures.Load() != 5 { // at 0, 1, 3, 7 and 15 seconds
			t.Errorf("%d failures in half a minute", failures.Load())
		}
		time.Sleep(40 * time.Second)
		synctest.Wait()
		w.wantDone("when the trouble is over", id, p)
	})
}

// TestDamageHoldsUpNothingElse: neither a job nor an entry of the index that
// cannot be read.
func TestDamageHoldsUpNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		broken, odd := w.create(w.spec("count", "", p)), w.create(w.spec("count", "", p))
		time.Sleep(time.Millisecond)
		id := w.create(w.spec("count", "", p))
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			tx.Put(store.Key{Partition: w.d.Partition('j', broken[:]...), Sort: []byte("job")}, []byte{1, 2, 3})
			partition, sort := odd.DueKey(w.d)
			tx.Put(store.Key{Partition: partition, Sort: sort}, []byte{9})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.start()
		soon()
		w.wantDone("beside damage", id, p)
	})
}

func TestAKindThatANodeDoesNotKnowIsLeftToOthers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		l := &pool{}
		w.admin.jobs.Register("pool", l)
		id := w.create(job.Spec{Kind: "pool"})
		w.start()
		time.Sleep(time.Hour)
		if j := w.get(id); j.State != job.Pending {
			t.Errorf("%+v", j)
		}
		if w.take(w.node(), id) {
			t.Error("taken")
		}
		w.run(w.node(), func(j *job.Jobs) { j.Register("pool", l) })
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if j := w.get(id); j.State != job.Succeeded {
			t.Errorf("%+v", j)
		}
	})
}

// TestAStoreThatFails for a while, at first or in the middle of a step, does not
// end Run.
func TestAStoreThatFails(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "", p))
		n := w.node()
		n.gate.die()
		w.run(n)
		time.Sleep(10 * time.Minute)
		n.toy.set(&n.toy.after, func(context.Context) error { n.gate.die(); return errDead })
		n.gate.live()
		time.Sleep(time.Minute)
		synctest.Wait()
		if j := w.get(id); j.State != job.Running || j.Done != 2 {
			t.Errorf("%+v", j)
		}
		n.gate.live()
		time.Sleep(time.Minute + job.Lease)
		synctest.Wait()
		w.wantDone("in the end", id, p)
	})
}
