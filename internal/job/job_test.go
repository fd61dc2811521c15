package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// vias are the ways in which a step is saved.
var vias = []string{"Update", "UpdateStore", "Save"}

func TestAJobFromItsCreationToItsEnd(t *testing.T) {
	for _, via := range vias {
		t.Run(via, func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world) {
				p := work{Units: 5, Batch: 2, Via: via}
				made := w.clock.Now()
				id := w.create(w.spec("count", "Order", p))
				j := w.get(id)
				if j.State != job.Pending || j.Kind != "count" || j.Subject != "Order" || j.RequestedBy != asker || !j.CreatedAt.Equal(made) || !j.StartedAt.IsZero() || w.dueEntries() != 1 {
					t.Errorf("made: %+v", j)
				}
				w.clock.Step(time.Second)
				n := w.node()
				w.mustTake(n, id)
				if other := w.node(); w.take(other, id) {
					t.Error("two nodes have it")
				}
				w.clock.Step(time.Second)
				if !n.step() {
					t.Fatal("one step is all")
				}
				if j = w.get(id); j.State != job.Running || j.Done != 2 || *j.Total != 5 || j.Message != "at 2" || !j.StartedAt.Equal(made.Add(time.Second)) ||
					!j.UpdatedAt.Equal(made.Add(2*time.Second)) || !j.EndedAt.IsZero() {
					t.Errorf("after a step: %+v", j)
				}
				w.wantUnits("after a step", p, 2)
				for n.step() {
				}
				w.wantDone("at the end", id, p)
				if n.toy.steps != 3 || w.dueEntries() != 0 || w.take(w.node(), id) {
					t.Errorf("%d steps, %d entries", n.toy.steps, w.dueEntries())
				}
			})
		})
	}
}

// TestTakeover: a node is stopped at a point of a step for longer than its lease,
// and another takes the job and finishes it.
func TestTakeover(t *testing.T) {
	for _, via := range vias {
		for _, point := range []string{"before the transaction", "in the transaction", "after the commit"} {
			t.Run(via+" "+point, func(t *testing.T) {
				onBoth(t, func(t *testing.T, w *world) {
					p := work{Units: 7, Batch: 2, Via: via}
					id := w.create(w.spec("count", "", p))
					a, b := w.node(), w.node()
					w.mustTake(a, id)
					a.step()
					stop := func(context.Context) error {
						w.clock.Step(job.Lease - time.Microsecond)
						if w.take(b, id) {
							t.Error("taken over before the lease ran out")
						}
						w.clock.Step(time.Microsecond)
						w.finish(b, id)
						return nil
					}
					switch point {
					case "before the transaction":
						a.toy.before = stop
					case "in the transaction":
						a.toy.inside = stop
					default:
						a.toy.after = stop
					}
					h := a.hold
					if a.step() {
						t.Error("the first node goes on")
					}
					w.wantDone("after the first node is back", id, p)
					if err := h.Renew(w.ctx()); !errors.Is(err, job.ErrLost) {
						t.Errorf("the lease is renewed: %v", err)
					}
					h.GiveBack(w.ctx())
					w.wantDone("after the lease was given back", id, p)
				})
			})
		}
	}
}

// TestALateStepMeetsALiveOne: the job was taken over and is still at work, so only
// the token tells the two nodes apart.
func TestALateStepMeetsALiveOne(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := work{Units: 6, Batch: 2}
		id := w.create(w.spec("count", "", p))
		a, b := w.node(), w.node()
		w.mustTake(a, id)
		a.toy.inside = func(context.Context) error {
			w.clock.Step(job.Lease)
			w.mustTake(b, id)
			return nil
		}
		if a.step() {
			t.Error("the first node goes on")
		}
		w.wantUnits("after the late step", p, 0)
		for b.step() {
		}
		w.wantDone("in the end", id, p)
	})
}

func TestRenewalKeepsAJobAndDisturbsNoStep(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "", p))
		a, b := w.node(), w.node()
		w.mustTake(a, id)
		a.toy.inside = func(ctx context.Context) error {
			for range 10 {
				w.clock.Step(job.Lease - time.Second)
				if err := a.hold.Renew(ctx); err != nil {
					t.Error(err)
				}
			}
			if w.take(b, id) {
				t.Error("taken over in spite of renewals")
			}
			return nil
		}
		a.step()
		if a.toy.runs != 1 {
			t.Errorf("the transaction ran %d times", a.toy.runs)
		}
		for a.step() {
		}
		w.wantDone("in the end", id, p)
	})
}

func TestAConflictRunsAStepsTransactionAgain(t *testing.T) {
	for _, via := range vias {
		t.Run(via, func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world) {
				p := work{Units: 4, Batch: 2, Via: via}
				id := w.create(w.spec("count", "", p))
				n := w.node()
				w.mustTake(n, id)
				n.toy.inside = func(ctx context.Context) error {
					return w.store.Update(ctx, func(tx store.Tx) error {
						tx.Delete(unitKey(w.d, via, 99))
						return nil
					})
				}
				for n.step() {
				}
				if n.toy.runs != 3 {
					t.Errorf("%d runs, want one more than the two steps", n.toy.runs)
				}
				w.wantDone("in the end", id, p)
			})
		})
	}
}

// TestAChangeOfConfigurationInAStep: the step begins again under the new one.
func TestAChangeOfConfigurationInAStep(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	p := work{Units: 4, Batch: 2}
	id := w.create(w.spec("count", "", p))
	n := w.node()
	w.mustTake(n, id)
	n.toy.inside = func(ctx context.Context) error {
		_, err := w.admin.world.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: new("another")})
		return err
	}
	for n.step() {
	}
	w.wantDone("in the end", id, p)
}

// TestErrors: an error is met with tries after longer and longer pauses.
func TestErrors(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("once", "", p))
		n := w.node()
		w.finishOneStep(n, id)
		trouble := fault.New(fault.Invalid, "The key is disabled").Because(errors.New("secret"))
		for try := 1; try <= job.MaxAttempts; try++ {
			w.mustTake(n, id)
			n.toy.inside = func(context.Context) error { return trouble }
			n.step()
			j := w.get(id)
			if j.Message != "The key is disabled" || j.Done != 2 || (j.State == job.Failed) != (try == job.MaxAttempts) {
				t.Fatalf("try %d: %+v", try, j)
			}
			if j.State == job.Failed {
				break
			}
			w.clock.Step(job.Pause(try) - time.Microsecond)
			if w.take(n, id) {
				t.Fatalf("try %d is not paused for", try)
			}
			w.clock.Step(time.Microsecond)
		}
		w.clock.Step(24 * time.Hour)
		if w.take(n, id) || w.dueEntries() != 0 {
			t.Error("a failed job is taken")
		}
		if j := w.ask(n.jobs.Resume, id); j.State != job.Pending || j.Message != "" || !j.EndedAt.IsZero() {
			t.Errorf("resumed: %+v", j)
		}
		w.finish(n, id)
		w.wantDone("after it was resumed", id, p)
	})
}

// finishOneStep has a node take a job, do a step, and give the job back.
func (w *world) finishOneStep(n *node, id job.ID) {
	w.t.Helper()
	w.mustTake(n, id)
	if !n.step() {
		w.t.Fatal("the first step was the last")
	}
	n.hold.GiveBack(w.ctx())
	n.hold = nil
}

func TestASuccessfulStepForgetsErrors(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	p := work{Units: 3 * job.MaxAttempts, Batch: 1}
	id := w.create(w.spec("count", "", p))
	n := w.node()
	for range p.Units - 1 {
		w.clock.Step(time.Second)
		w.mustTake(n, id)
		n.step()
		n.toy.before = func(context.Context) error { return errors.New("secret") }
		n.step()
	}
	if j := w.get(id); j.State != job.Pending || strings.Contains(j.Message, "secret") || !strings.Contains(j.Message, "internal error") {
		t.Errorf("%+v", j)
	}
	w.clock.Step(time.Second)
	w.finish(n, id)
	w.wantDone("in the end", id, p)
}

func TestPauses(t *testing.T) {
	for try, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second, 10: job.LastPause, 1000: job.LastPause} {
		if got := job.Pause(try); got != want {
			t.Errorf("after %d tries %v, want %v", try, got, want)
		}
	}
}

// TestAJobThatKillsItsNodes fails in the end.
func TestAJobThatKillsItsNodes(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	id := w.create(w.spec("count", "", work{Units: 4, Batch: 2}))
	takes := 0
	for w.take(w.node(), id) {
		takes++
		w.clock.Step(job.Lease)
	}
	if j := w.get(id); takes != job.MaxAttempts || j.State != job.Failed || !strings.Contains(j.Message, "interrupted") || w.dueEntries() != 0 {
		t.Errorf("%d takes: %+v", takes, j)
	}
}

// bad is a handler made of a function.
type bad func(ctx context.Context, s *job.Step) error

func (f bad) Step(ctx context.Context, s *job.Step) error { return f(ctx, s) }

// TestWrongHandlers: each fails at once, and what it saved before is saved once.
func TestWrongHandlers(t *testing.T) {
	saves := func(p job.Progress) bad {
		return func(ctx context.Context, s *job.Step) error {
			return s.UpdateStore(ctx, func(tx store.Tx) (job.Progress, error) {
				tx.Put(unitKey(s.Job.Domain, "UpdateStore", 0), []byte{0, 0, 0, 0, 0, 0, 0, 1})
				return p, nil
			})
		}
	}
	many := map[string]int64{}
	for i := range job.MaxCounters + 1 {
		many[fmt.Sprint("n", i)] = 1
	}
	for _, c := range []struct {
		what string
		do   bad
		done int64
	}{
		{"saves nothing", func(context.Context, *job.Step) error { return nil }, 0},
		{"saves twice", func(ctx context.Context, s *job.Step) error {
			for range 2 {
				if err := s.UpdateStore(ctx, func(store.Tx) (job.Progress, error) { return job.Progress{Done: 1}, nil }); err != nil {
					return err
				}
			}
			return nil
		}, 1},
		{"saves twice in one transaction", func(ctx context.Context, s *job.Step) error {
			return s.UpdateStore(ctx, func(tx store.Tx) (job.Progress, error) {
				return job.Progress{Done: 1}, s.Save(ctx, tx, job.Progress{Done: 1})
			})
		}, 0},
		{"a cursor too long", saves(job.Progress{Done: 1, Cursor: make([]byte, job.MaxCursor+1)}), 0},
		{"too many counters", saves(job.Progress{Done: 1, Counters: many}), 0},
		{"a counter without a name", saves(job.Progress{Done: 1, Counters: map[string]int64{"": 1}}), 0},
		{"says that it cannot go on", func(context.Context, *job.Step) error {
			return job.Final(fault.New(fault.NotFound, "The type is gone"))
		}, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t, ingesttest.Memory)
			w.admin.jobs.Register("bad", c.do)
			id := w.create(job.Spec{Kind: "bad"})
			w.mustTake(w.admin, id)
			w.admin.step()
			j := w.get(id)
			if j.State != job.Failed || j.Done != c.done || w.dueEntries() != 0 || j.Message == "" || strings.Contains(c.what, "cannot go on") != (j.Message == "The type is gone") {
				t.Errorf("%+v", j)
			}
			if got := w.units(work{Units: 1, Via: "UpdateStore"}); got[0] != 0 {
				t.Errorf("what could not be saved was written")
			}
		})
	}
}

func TestAPanicIsAnErrorOfItsStep(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "", p))
		n := w.node()
		w.mustTake(n, id)
		n.toy.inside = func(context.Context) error { panic("secret") }
		n.step()
		if j := w.get(id); j.State != job.Pending || strings.Contains(j.Message, "secret") {
			t.Errorf("%+v", j)
		}
		w.clock.Step(time.Second)
		w.finish(n, id)
		w.wantDone("in the end", id, p)
	})
}

func TestProgressIsBounded(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	long := strings.Repeat("é", job.MaxMessage)
	w.admin.jobs.Register("much", bad(func(ctx context.Context, s *job.Step) error {
		if s.Job.Counters != nil {
			s.Job.Counters["a"] = 100 // of the handler's copy, which nobody keeps
		}
		return s.UpdateStore(ctx, func(store.Tx) (job.Progress, error) {
			return job.Progress{Message: long, Failed: 1, Cursor: make([]byte, job.MaxCursor), Counters: map[string]int64{"a": 1}}, nil
		})
	}))
	id := w.create(job.Spec{Kind: "much", Parameters: make([]byte, job.MaxParameters)})
	w.mustTake(w.admin, id)
	w.admin.step()
	w.admin.step()
	j := w.get(id)
	if len(j.Message) > job.MaxMessage || !strings.HasSuffix(j.Message, "é...") || j.Failed != 2 || j.Counters["a"] != 2 || len(j.Cursor) != job.MaxCursor || len(j.Parameters) != job.MaxParameters {
		t.Errorf("%d bytes of message, %d failed, %v", len(j.Message), j.Failed, j.Counters)
	}
}

func TestOneOpenJobOfAKindAndSubject(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := work{Units: 2, Batch: 2}
		unique := w.spec("once", "Order", p)
		unique.Unique = true
		first := w.create(unique)
		refused := func(what string) {
			t.Helper()
			if _, err := w.tryCreate("d", unique); !fault.Is(err, fault.Exists) || !strings.Contains(err.Error(), first.String()) {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("while it waits")
		w.ask(w.admin.jobs.Pause, first)
		refused("while it is paused")
		w.ask(w.admin.jobs.Resume, first)
		w.mustTake(w.admin, first)
		refused("while it runs")
		other := unique
		other.Subject = "Case"
		w.create(other)
		other.Kind = "count"
		w.create(other)
		w.newDomain("e")
		if _, err := w.tryCreate("e", unique); err != nil {
			t.Errorf("in another domain: %v", err)
		}
		unique.Unique = false
		w.create(unique) // asks for nothing
		unique.Unique = true
		w.admin.toy.before = func(context.Context) error { return job.Final(errors.New("no")) }
		w.admin.step()

		// Another is open, so the failed one cannot be.
		if _, err := w.admin.jobs.Resume(w.ctx(), w.d, first); !fault.Is(err, fault.Exists) {
			t.Errorf("resumed beside another: %v", err)
		}
		if j := w.get(first); j.State != job.Failed {
			t.Errorf("%+v", j)
		}
	})
}

func TestADomainsJobsAreBounded(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	spec := w.spec("once", "", work{Units: 1, Batch: 1})
	var ids []job.ID
	for range job.MaxOpen {
		w.clock.Step(time.Millisecond)
		ids = append(ids, w.create(spec))
	}
	if _, err := w.tryCreate("d", spec); !fault.Is(err, fault.Busy) {
		t.Errorf("one more than may be open: %v", err)
	}
	for _, id := range ids {
		w.finish(w.admin, id)
	}
	const more = 3
	for range more {
		w.clock.Step(time.Millisecond)
		id := w.create(spec)
		w.finish(w.admin, id)
		ids = append(ids, id)
	}
	// The last one found 102 that had ended, and kept 100.
	for i, id := range ids {
		_, err := w.admin.jobs.Get(w.ctx(), w.d, id)
		if gone := i < more-1; gone != fault.Is(err, fault.NotFound) {
			t.Errorf("job %d: %v", i, err)
		}
	}
	records := 0
	for _, rec := range ingesttest.Dump(t, w.store) {
		if bytes.HasPrefix(rec.Key.Partition, w.d.Partition('j')) {
			records++
		}
	}
	if want := 3 * (job.MaxEnded + 1); records != want {
		t.Errorf("%d records of jobs, want %d", records, want)
	}
}

func TestWhatCannotBeCreated(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		if _, err := w.tryCreate("d", job.Spec{Kind: "none"}); err == nil {
			t.Error("of an unknown kind")
		}
		if _, err := w.tryCreate("d", job.Spec{Kind: "count", Subject: strings.Repeat("x", job.MaxSubject+1)}); !fault.Is(err, fault.Invalid) {
			t.Errorf("subject too long: %v", err)
		}
		if _, err := w.tryCreate("d", job.Spec{Kind: "count", Parameters: make([]byte, job.MaxParameters+1)}); !fault.Is(err, fault.Invalid) {
			t.Errorf("parameters too long: %v", err)
		}
		failed := errors.New("the caller thinks better of it")
		err := w.admin.world.Domains.Update(w.ctx(), "d", func(c *domain.Config, tx *seal.Tx) error {
			if _, err := w.admin.jobs.Create(w.ctx(), tx.Below(), c, job.Spec{Kind: "count"}); err != nil {
				return err
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Error(err)
		}
		old, err := w.admin.world.Domains.Config(w.ctx(), "d")
		if err != nil {
			t.Fatal(err)
		}
		create := func() error {
			return w.store.Update(w.ctx(), func(tx store.Tx) error {
				_, err := w.admin.jobs.Create(context.Background(), tx, old, job.Spec{Kind: "count"})
				return err
			})
		}
		if _, err := w.admin.world.Domain.UpdateDomain(w.ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultExpirationDays: new(9)}); err != nil {
			t.Fatal(err)
		}
		if err := create(); !domain.IsStale(err) {
			t.Errorf("under a configuration that was: %v", err)
		}
		if _, err := w.admin.world.Domain.DeleteDomain(w.ctx(), &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
			t.Fatal(err)
		}
		if err := create(); !domain.IsStale(err) {
			t.Errorf("in a domain that was: %v", err)
		}
		if all := ingesttest.Dump(t, w.store); len(all) != 0 {
			t.Errorf("%d records are left, the first %q", len(all), all[0].Key.Partition)
		}
	})
}

func TestRegister(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	for _, kind := range []string{"", "1", "a b", "count", strings.Repeat("x", 65)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was registered", kind)
				}
			}()
			w.admin.jobs.Register(kind, w.admin.toy)
		}()
	}
}

// TestADeletedDomain: a step under way commits nothing, and all of the jobs goes.
func TestADeletedDomain(t *testing.T) {
	for _, via := range vias {
		t.Run(via, func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world) {
				p := work{Units: 4, Batch: 2, Via: via}
				id := w.create(w.spec("count", "", p))
				waiting := w.create(w.spec("count", "", p))
				n := w.node()
				w.mustTake(n, id)
				n.toy.inside = func(ctx context.Context) error {
					_, err := w.admin.world.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d"})
					return err
				}
				h := n.hold
				if n.step() {
					t.Error("goes on")
				}
				h.GiveBack(w.ctx())
				if err := h.Renew(w.ctx()); !errors.Is(err, job.ErrLost) {
					t.Errorf("renewed: %v", err)
				}
				if w.take(n, id) || w.take(n, waiting) {
					t.Error("taken")
				}
				if all := ingesttest.Dump(t, w.store); len(all) != 0 {
					t.Errorf("%d records are left, the first %q", len(all), all[0].Key.Partition)
				}
			})
		})
	}
}

func TestNothingOfAJobIsReadableAtRest(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	const secret = "Ann Lund"
	w.admin.jobs.Register("tell", bad(func(ctx context.Context, s *job.Step) error {
		return s.UpdateStore(ctx, func(store.Tx) (job.Progress, error) {
			return job.Progress{Cursor: []byte(secret), Message: secret, Counters: map[string]int64{"AnnLund": 1}}, nil
		})
	}))
	id := w.create(job.Spec{Kind: "tell", Parameters: []byte(secret)})
	other := w.create(job.Spec{Kind: "tell", Parameters: []byte(secret)})
	for _, id := range []job.ID{id, other} {
		w.mustTake(w.admin, id)
		w.admin.step()
	}
	byKey := map[string][]byte{}
	for _, rec := range ingesttest.Dump(t, w.store) {
		for _, s := range []string{secret, "AnnLund", "ann"} {
			if bytes.Contains(rec.Value, []byte(s)) || bytes.Contains(rec.Key.Sort, []byte(s)) {
				t.Errorf("%q %q holds %q", rec.Key.Partition, rec.Key.Sort, s)
			}
		}
		byKey[string(rec.Key.Partition)+string(rec.Key.Sort)] = rec.Value
	}
	// A record that is moved or changed does not open.
	place := func(id job.ID) store.Key {
		return store.Key{Partition: w.d.Partition('j', id[:]...), Sort: []byte("job")}
	}
	moved := byKey[string(place(id).Partition)+"job"]
	old := byKey[string(place(other).Partition)+"job"]
	for what, value := range map[string][]byte{"moved": moved, "empty": {}, "of another version": append([]byte{9}, old[1:]...), "cut": old[:len(old)-1]} {
		err := w.store.Update(w.ctx(), func(tx store.Tx) error {
			tx.Put(place(other), slices.Clone(value))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.admin.jobs.Get(w.ctx(), w.d, other); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
