package job_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
)

// TestAnyInterleavingGivesTheUndisturbedResult: random steps, crashes, takeovers,
// renewals, errors, pauses and cancels on three nodes; in the end each job is what
// an undisturbed run makes of it.
func TestAnyInterleavingGivesTheUndisturbedResult(t *testing.T) {
	for name, c := range map[string]struct {
		engine ingesttest.Engine
		runs   int
	}{"memory": {ingesttest.Memory, 60}, "pebble": {ingesttest.Pebble, 10}} {
		t.Run(name, func(t *testing.T) {
			for range c.runs {
				seed := rand.Uint64()
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					newChaos(t, c.engine, seed).run()
				})
			}
		})
	}
}

// chaos is one random run.
type chaos struct {
	*world
	rnd   *rand.Rand
	nodes []*node
	jobs  []*subjectOfChaos
	depth int // of what happens inside a step
}

type subjectOfChaos struct {
	id        job.ID
	p         work
	cancelled bool
}

func newChaos(t *testing.T, engine ingesttest.Engine, seed uint64) *chaos {
	t.Helper()
	c := &chaos{world: newWorld(t, engine), rnd: rand.New(rand.NewPCG(seed, 0))}
	for range 3 {
		c.nodes = append(c.nodes, c.node())
	}
	for _, via := range vias {
		p := work{Units: 3 + c.rnd.IntN(6), Batch: 1 + c.rnd.IntN(3), Via: via}
		c.jobs = append(c.jobs, &subjectOfChaos{id: c.create(c.spec("count", via, p)), p: p})
	}
	return c
}

func (c *chaos) run() {
	for range 150 {
		c.anything()
	}
	for _, s := range c.jobs {
		c.settle(s)
		j := c.get(s.id)
		if s.cancelled {
			c.wantUnits("cancelled", s.p, 0)
			if j.Done != 0 || j.Counters["made"] != j.Counters["undone"] {
				c.t.Errorf("cancelled: %+v", j)
			}
			continue
		}
		c.wantDone("in the end", s.id, s.p)
		if undisturbed := map[string]int64{"made": int64(s.p.Units)}; !maps.Equal(j.Counters, undisturbed) {
			c.t.Errorf("counters %v, want %v", j.Counters, undisturbed)
		}
	}
	if n := c.dueEntries(); n != 0 {
		c.t.Errorf("%d entries are left in the index", n)
	}
}

// settle lets a job come to its end undisturbed.
func (c *chaos) settle(s *subjectOfChaos) {
	c.t.Helper()
	for range 100 {
		switch c.get(s.id).State {
		case job.Succeeded, job.Cancelled:
			return
		case job.Paused, job.Failed:
			c.ask(c.admin.jobs.Resume, s.id)
		}
		c.clock.Step(time.Hour)
		n := c.node()
		if c.take(n, s.id) {
			for n.step() {
			}
		}
	}
	c.t.Fatalf("does not end: %+v", c.get(s.id))
}

// anything does something random.
func (c *chaos) anything() {
	s := c.jobs[c.rnd.IntN(len(c.jobs))]
	switch c.rnd.IntN(20) {
	case 0:
		c.steer(c.admin.jobs.Pause, s)
	case 1, 2, 3:
		c.steer(c.admin.jobs.Resume, s)
	case 4:
		if c.rnd.IntN(10) == 0 && c.steer(c.admin.jobs.Cancel, s) {
			s.cancelled = true
		}
	case 5, 6, 7:
		c.clock.Step(time.Duration(c.rnd.Int64N(int64(2 * job.Lease))))
	default:
		c.play(c.rnd.IntN(len(c.nodes)), s)
	}
}

func (c *chaos) steer(verb verb, s *subjectOfChaos) bool {
	_, err := verb(c.ctx(), c.d, s.id)
	if err != nil && !fault.Is(err, fault.Invalid) {
		c.t.Errorf("steering: %v", err)
	}
	return err == nil
}

// play has a node do something.
func (c *chaos) play(i int, s *subjectOfChaos) {
	n := c.nodes[i]
	switch {
	case n.hold == nil:
		c.take(n, s.id)
	case c.rnd.IntN(8) == 0:
		if err := n.hold.Renew(c.ctx()); err != nil && !errors.Is(err, job.ErrLost) {
			c.t.Errorf("renewal: %v", err)
		}
	case c.rnd.IntN(8) == 0:
		n.hold.GiveBack(c.ctx())
		n.hold = nil
	case c.depth < 2: // so that a node is left for what happens inside
		c.depth++
		c.stepWithTrouble(i)
		c.depth--
	}
}

// stepWithTrouble has a node do a step in which other things happen, at one of
// three points, and which may fail or be the node's last.
func (c *chaos) stepWithTrouble(i int) {
	n := c.nodes[i]
	var left bool // the node died
	trouble := func(context.Context) error {
		for range c.rnd.IntN(4) {
			c.anythingBut(i)
		}
		switch c.rnd.IntN(6) {
		case 0:
			n.gate.die()
			left = true
			return errDead
		case 1:
			return errors.New("trouble")
		}
		return nil
	}
	n.toy.before, n.toy.inside, n.toy.after = nil, nil, nil
	switch c.rnd.IntN(5) {
	case 0:
		n.toy.before = trouble
	case 1, 2:
		n.toy.inside = trouble
	case 3:
		n.toy.after = trouble
	}
	n.step()
	if left {
		c.nodes[i] = c.node()
	}
}

// anythingBut does something random in which a node, which is in the middle of a
// step, takes no part.
func (c *chaos) anythingBut(i int) {
	mine := c.nodes
	c.nodes = append(append([]*node{}, mine[:i]...), mine[i+1:]...)
	c.anything()
	others := c.nodes
	c.nodes = append(append(append([]*node{}, others[:i]...), mine[i]), others[i:]...)
}
