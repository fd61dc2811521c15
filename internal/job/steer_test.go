package job_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"kindred/internal/fault"
	"kindred/internal/job"
)

// points are where a job can be when somebody steers it. Each has the test's verb
// called there, and leaves no node at work.
var points = []struct {
	name string
	at   func(w *world, n *node, id job.ID, verb func())
	done int // units that are counted whatever the verb is
}{
	{"before a node took it", func(_ *world, _ *node, _ job.ID, verb func()) { verb() }, 0},
	{"between take and step", func(w *world, n *node, id job.ID, verb func()) {
		w.mustTake(n, id)
		verb()
		n.step()
	}, 0},
	{"before a step's transaction", func(w *world, n *node, id job.ID, verb func()) {
		w.mustTake(n, id)
		n.step()
		n.toy.before = func(context.Context) error { verb(); return nil }
		n.step()
	}, 2},
	{"in a step's transaction", func(w *world, n *node, id job.ID, verb func()) {
		w.mustTake(n, id)
		n.step()
		n.toy.inside = func(context.Context) error { verb(); return nil }
		n.step()
	}, 2},
	{"after a step's commit", func(w *world, n *node, id job.ID, verb func()) {
		w.mustTake(n, id)
		n.step()
		n.toy.after = func(context.Context) error { verb(); return nil }
		n.step()
	}, 4},
	{"while it waits after an error", func(w *world, n *node, id job.ID, verb func()) {
		w.mustTake(n, id)
		n.step()
		n.toy.before = func(context.Context) error { return errors.New("trouble") }
		n.step()
		verb()
	}, 2},
	{"after its node gave it back", func(w *world, n *node, id job.ID, verb func()) {
		w.finishOneStep(n, id)
		verb()
	}, 2},
	{"after its node died", func(w *world, n *node, id job.ID, verb func()) {
		w.mustTake(n, id)
		n.step()
		verb()
	}, 2},
	{"after it failed", func(w *world, n *node, id job.ID, verb func()) {
		w.mustTake(n, id)
		n.step()
		n.toy.before = func(context.Context) error { return job.Final(errors.New("no")) }
		n.step()
		verb()
	}, 2},
}

// atEveryPoint runs a test at each point, on both engines, with steps saved in
// each way.
func atEveryPoint(t *testing.T, test func(w *world, kind string, n *node, p work, at func(job.ID, func()), done int, point string)) {
	for _, c := range points {
		for i, kind := range []string{"count", "once"} {
			for _, via := range vias {
				t.Run(fmt.Sprintf("%s %s %s", c.name, kind, via), func(t *testing.T) {
					onBoth(t, func(_ *testing.T, w *world) {
						n := w.node()
						test(w, kind, n, work{Units: 6 + i, Batch: 2, Via: via}, func(id job.ID, verb func()) { c.at(w, n, id, verb) }, c.done, c.name)
					})
				})
			}
		}
	}
}

func TestPauseAtEveryPoint(t *testing.T) {
	atEveryPoint(t, func(w *world, kind string, n *node, p work, at func(job.ID, func()), done int, point string) {
		id := w.create(w.spec(kind, "", p))
		failed := point == "after it failed"
		at(id, func() {
			j, err := w.admin.jobs.Pause(w.ctx(), w.d, id)
			if failed {
				if !fault.Is(err, fault.Invalid) {
					w.t.Errorf("%+v, %v", j, err)
				}
				return
			}
			if err != nil || j.State != job.Paused {
				w.t.Fatalf("%+v, %v", j, err)
			}
		})
		w.clock.Step(time.Hour)
		if w.take(n, id) || w.dueEntries() != 0 {
			w.t.Error("taken")
		}
		if j := w.get(id); !failed && j.State != job.Paused || j.Done != int64(done) {
			w.t.Errorf("%+v", j)
		}
		w.wantUnits("while paused", p, done)
		if !failed {
			w.ask(w.admin.jobs.Pause, id) // once more
		}
		if j := w.ask(w.admin.jobs.Resume, id); j.State != job.Pending {
			w.t.Errorf("resumed: %+v", j)
		}
		w.ask(w.admin.jobs.Resume, id) // once more
		w.finish(w.node(), id)
		w.wantDone("in the end", id, p)
		for what, do := range map[string]verb{"pause": n.jobs.Pause, "resume": n.jobs.Resume, "cancel": n.jobs.Cancel} {
			if j, err := do(w.ctx(), w.d, id); !fault.Is(err, fault.Invalid) {
				w.t.Errorf("%s after the end: %+v, %v", what, j, err)
			}
		}
	})
}

// TestPauseAndResumeWithinAStep: the node under way has lost the job although
// nobody else took it.
func TestPauseAndResumeWithinAStep(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := work{Units: 6, Batch: 2}
		id := w.create(w.spec("count", "", p))
		n := w.node()
		w.mustTake(n, id)
		n.toy.inside = func(context.Context) error {
			w.ask(w.admin.jobs.Pause, id)
			w.ask(w.admin.jobs.Resume, id)
			return nil
		}
		if n.step() {
			t.Error("goes on")
		}
		w.wantUnits("after the step", p, 0)
		w.finish(n, id)
		w.wantDone("in the end", id, p)
	})
}

func TestResumeOfARunningJobLeavesItToItsNode(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		p := work{Units: 4, Batch: 2}
		id := w.create(w.spec("count", "", p))
		n := w.node()
		w.mustTake(n, id)
		n.toy.inside = func(context.Context) error {
			if j := w.ask(w.admin.jobs.Resume, id); j.State != job.Running {
				t.Errorf("%+v", j)
			}
			return nil
		}
		for n.step() {
		}
		w.wantDone("in the end", id, p)
	})
}

func TestCancelAtEveryPoint(t *testing.T) {
	atEveryPoint(t, func(w *world, kind string, n *node, p work, at func(job.ID, func()), done int, point string) {
		id := w.create(w.spec(kind, "", p))
		reversible := kind == "count"
		at(id, func() {
			j := w.ask(w.admin.jobs.Cancel, id)
			if reversible && (j.State != job.Pending || !j.Cancelling) || !reversible && (j.State != job.Cancelled || j.EndedAt.IsZero()) {
				w.t.Errorf("cancelled: %+v", j)
			}
		})
		w.wantUnits("cancelled", p, done)
		w.ask(w.admin.jobs.Cancel, id) // once more
		if !reversible {
			w.clock.Step(time.Hour)
			if w.take(n, id) || w.dueEntries() != 0 {
				w.t.Error("taken")
			}
			w.wantUnits("in the end", p, done)
			return
		}
		// What takes back may be paused, fail, be resumed and lose its node as well.
		m := w.node()
		w.ask(w.admin.jobs.Pause, id)
		if j := w.ask(w.admin.jobs.Cancel, id); j.State != job.Paused || !j.Cancelling {
			w.t.Errorf("cancelled while paused: %+v", j)
		}
		if w.take(m, id) {
			w.t.Error("taken while paused")
		}
		w.ask(w.admin.jobs.Resume, id)
		if done > 2 {
			w.finishOneStep(m, id)
			w.wantUnits("after a step back", p, done-2)
		}
		w.mustTake(m, id)
		m.toy.inside = func(context.Context) error { return job.Final(errors.New("no")) }
		m.step()
		if j := w.get(id); j.State != job.Failed {
			w.t.Errorf("failed: %+v", j)
		}
		w.ask(w.admin.jobs.Cancel, id)
		w.finish(m, id)
		j := w.get(id)
		if j.State != job.Cancelled || j.Done != 0 || j.Counters["made"] != int64(done) || j.Counters["undone"] != int64(done) || w.dueEntries() != 0 {
			w.t.Errorf("in the end: %+v", j)
		}
		w.wantUnits("in the end", p, 0)
		if _, err := n.jobs.Resume(w.ctx(), w.d, id); !fault.Is(err, fault.Invalid) {
			w.t.Errorf("resumed: %v", err)
		}
	})
}

func TestJobsThatAreNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		id := w.create(w.spec("count", "", work{Units: 1, Batch: 1}))
		other := w.newDomain("e")
		for what, do := range map[string]verb{"get": w.admin.jobs.Get,
			"pause": w.admin.jobs.Pause, "resume": w.admin.jobs.Resume, "cancel": w.admin.jobs.Cancel} {
			if _, err := do(w.ctx(), other, id); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s in another domain: %v", what, err)
			}
			if _, err := do(w.ctx(), w.d, job.NewID()); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestIdentifiers(t *testing.T) {
	id := job.NewID()
	if got, err := job.ParseID(id.String()); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", "0", id.String() + "00", id.String()[:31] + "x", "ABCDEF0123456789abcdef0123456789"} {
		if _, err := job.ParseID(s); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if slices.Equal(id[:], make([]byte, len(id))) {
		t.Error("not random")
	}
}
