package job_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/domain"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
	"kindred/internal/seal"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

const asker = "arn:aws:iam::111122223333:user/ann"

// world is an engine with a domain "d", and nodes on it.
type world struct {
	t     testing.TB
	store store.Store
	clock *ingesttest.Clock
	keys  *ingesttest.Keys
	admin *node // for what people ask for
	d     domain.ID
}

// onBoth runs a test on both engines.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for name, engine := range map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, engine)) })
	}
}

// realTime is the memory engine with the clock of a synctest bubble.
func realTime(testing.TB, func() time.Time) store.Store { return memstore.New() }

func newWorld(t testing.TB, engine ingesttest.Engine) *world {
	t.Helper()
	w := &world{t: t, clock: ingesttest.NewClock(), keys: ingesttest.NewKeys()}
	w.store = engine(t, w.clock.Now)
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.admin = w.node()
	w.d = w.newDomain("d")
	return w
}

func (w *world) newDomain(name string) domain.ID {
	w.t.Helper()
	w.admin.world.NewDomain(name)
	c, err := w.admin.world.Domains.Config(w.ctx(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.ID
}

func (w *world) ctx() context.Context {
	return access.WithCaller(context.Background(), &access.Caller{Type: access.User, ARN: asker})
}

// node is a process: its way to the store, what it knows, and the job it is at.
type node struct {
	gate  *gate
	world *ingesttest.World
	jobs  *job.Jobs
	toy   *toy
	hold  *job.Hold
}

// node starts a process.
func (w *world) node() *node {
	w.t.Helper()
	n := &node{gate: &gate{Store: w.store}}
	n.world = ingesttest.Over(w.t, n.gate, w.clock, w.keys)
	n.toy = &toy{domains: n.world.Domains}
	n.jobs = w.jobs(n, w.clock.Now)
	return n
}

func (w *world) jobs(n *node, now func() time.Time) *job.Jobs {
	j := job.New(job.Config{Store: n.gate, Domains: n.world.Domains, Seal: ingesttest.Cipher(w.t, "job"), Now: now, Log: slog.New(slog.DiscardHandler)})
	j.Register("count", n.toy)
	j.Register("once", onlyStep{n.toy})
	return j
}

// onlyStep hides that a handler can take back.
type onlyStep struct{ job.Handler }

// gate is a node's way to the store.
type gate struct {
	store.Store

	mu     sync.Mutex // guards the following
	dead   bool
	frozen chan struct{}
}

var errDead = errors.New("the process is gone")

// die has nothing reach the store any more.
func (g *gate) die() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = true
}

// freeze has everything stop where it next meets the store, as SIGSTOP does; thaw
// has it go on.
func (g *gate) freeze() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frozen = make(chan struct{})
}

func (g *gate) thaw() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.frozen)
	g.frozen = nil
}

func (g *gate) pass() error {
	g.mu.Lock()
	frozen := g.frozen
	g.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dead {
		return errDead
	}
	return nil
}

func (g *gate) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := g.pass(); err != nil {
		return err
	}
	return g.Store.View(ctx, fn)
}

func (g *gate) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := g.pass(); err != nil {
		return err
	}
	return g.Store.Update(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return g.pass() // the last moment before the commit
	})
}

// toy counts units: each step adds one to the count of a few, taking back takes
// one away. What is counted twice shows for ever.
type toy struct {
	domains *domain.Domains

	mu                    sync.Mutex // guards the following
	before, inside, after func(ctx context.Context) error
	runs                  int // of transactions' functions
	steps                 int
}

// work is the parameters of a toy's job.
type work struct {
	Units, Batch int
	Via          string // Update, UpdateStore, or Save
}

// once takes a hook that is to be called one time.
func (h *toy) once(hook *func(context.Context) error) func(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := *hook
	*hook = nil
	if f == nil {
		return func(context.Context) error { return nil }
	}
	return f
}

func (h *toy) Step(ctx context.Context, s *job.Step) error { return h.move(ctx, s, 1) }

func (h *toy) Undo(ctx context.Context, s *job.Step) error { return h.move(ctx, s, -1) }

func unitKey(d domain.ID, via string, unit int) store.Key {
	kind := byte('z') // sealed
	if via == "UpdateStore" {
		kind = 'y'
	}
	return store.Key{Partition: d.Partition(kind), Sort: binary.BigEndian.AppendUint32(nil, uint32(unit))}
}

func count(v []byte) uint64 {
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

func (h *toy) move(ctx context.Context, s *job.Step, by int) error {
	var p work
	if err := json.Unmarshal(s.Job.Parameters, &p); err != nil {
		return job.Final(err)
	}
	h.mu.Lock()
	h.steps++
	h.mu.Unlock()
	if err := h.once(&h.before)(ctx); err != nil {
		return err
	}
	from := int(count(s.Job.Cursor))
	to := min(max(from+by*p.Batch, 0), p.Units)
	body := func(get func(store.Key) ([]byte, error), put func(store.Key, []byte)) (job.Progress, error) {
		h.mu.Lock()
		h.runs++
		h.mu.Unlock()
		for unit := min(from, to); unit < max(from, to); unit++ {
			k := unitKey(s.Job.Domain, p.Via, unit)
			v, err := get(k)
			if err != nil {
				return job.Progress{}, err
			}
			put(k, binary.BigEndian.AppendUint64(nil, count(v)+uint64(by)))
		}
		if err := h.once(&h.inside)(ctx); err != nil {
			return job.Progress{}, err
		}
		name, ended := "made", to == p.Units
		if by < 0 {
			name, ended = "undone", to == 0
		}
		return job.Progress{Cursor: binary.BigEndian.AppendUint64(nil, uint64(to)), Done: int64(to - from), Total: new(int64(p.Units)),
			Counters: map[string]int64{name: int64(max(to-from, from-to))}, Message: fmt.Sprintf("at %d", to), Finished: ended}, nil
	}
	if err := h.via(ctx, p.Via, s, body); err != nil {
		return err
	}
	return h.once(&h.after)(ctx)
}

// via saves a step in one of the three ways.
func (h *toy) via(ctx context.Context, how string, s *job.Step, body func(func(store.Key) ([]byte, error), func(store.Key, []byte)) (job.Progress, error)) error {
	get := func(r interface {
		Get(context.Context, ...store.Key) ([][]byte, error)
	}) func(store.Key) ([]byte, error) {
		return func(k store.Key) ([]byte, error) {
			v, err := r.Get(ctx, k)
			if err != nil {
				return nil, err
			}
			return v[0], nil
		}
	}
	switch how {
	case "UpdateStore":
		return s.UpdateStore(ctx, func(tx store.Tx) (job.Progress, error) { return body(get(tx), tx.Put) })
	case "Save":
		c, err := h.domains.ConfigOf(ctx, s.Job.Domain)
		if err != nil {
			return err
		}
		return h.domains.Update(ctx, c.Info.Name, func(_ *domain.Config, tx *seal.Tx) error {
			p, err := body(get(tx), tx.Put)
			if err != nil {
				return err
			}
			return s.Save(ctx, tx.Below(), p)
		})
	}
	return s.Update(ctx, func(_ *domain.Config, tx *seal.Tx) (job.Progress, error) { return body(get(tx), tx.Put) })
}

func (w *world) spec(kind, subject string, p work) job.Spec {
	b, err := json.Marshal(p)
	if err != nil {
		w.t.Fatal(err)
	}
	return job.Spec{Kind: kind, Subject: subject, Parameters: b}
}

// create makes a job together with a change of the domain's configuration.
func (w *world) create(s job.Spec) job.ID {
	w.t.Helper()
	j, err := w.tryCreate("d", s)
	if err != nil {
		w.t.Fatal(err)
	}
	return j.ID
}

func (w *world) tryCreate(name string, s job.Spec) (j *job.Job, err error) {
	err = w.admin.world.Domains.Configure(w.ctx(), name, func(e *domain.Edit) error {
		e.Put("test/"+s.Subject, []byte("changed"))
		j, err = w.admin.jobs.Create(w.ctx(), e.Tx, e.Config, s)
		return err
	})
	return j, err
}

func (w *world) get(id job.ID) *job.Job {
	w.t.Helper()
	j, err := w.admin.jobs.Get(w.ctx(), w.d, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (w *world) ask(verb func(context.Context, domain.ID, job.ID) (*job.Job, error), id job.ID) *job.Job {
	w.t.Helper()
	j, err := verb(w.ctx(), w.d, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// units are the counts of all units.
func (w *world) units(p work) []int {
	w.t.Helper()
	out := make([]int, p.Units)
	if p.Via == "UpdateStore" {
		err := w.store.View(w.ctx(), func(r store.Reader) error {
			for i := range out {
				v, err := r.Get(w.ctx(), unitKey(w.d, p.Via, i))
				if err != nil {
					return err
				}
				out[i] = int(count(v[0]))
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
		return out
	}
	err := w.admin.world.Domains.View(w.ctx(), "d", func(_ *domain.Config, r *seal.Reader) error {
		for i := range out {
			v, err := r.Get(w.ctx(), unitKey(w.d, p.Via, i))
			if err != nil {
				return err
			}
			out[i] = int(count(v[0]))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// wantUnits checks that the first n units were counted once, and the others not.
func (w *world) wantUnits(what string, p work, n int) {
	w.t.Helper()
	want := make([]int, p.Units)
	for i := range n {
		want[i] = 1
	}
	if got := w.units(p); !slices.Equal(got, want) {
		w.t.Errorf("%s: units %v, want %d of them once", what, got, n)
	}
}

// wantDone checks a job that succeeded, and its units.
func (w *world) wantDone(what string, id job.ID, p work) {
	w.t.Helper()
	j := w.get(id)
	n := int64(p.Units)
	if j.State != job.Succeeded || j.Done != n || *j.Total != n || j.Counters["made"] != n || j.EndedAt.IsZero() {
		w.t.Errorf("%s: %+v", what, j)
	}
	w.wantUnits(what, p, p.Units)
}

// dueEntries is the number of entries in the index of what is to be worked on.
func (w *world) dueEntries() int {
	w.t.Helper()
	n := 0
	for _, rec := range ingesttest.Dump(w.t, w.store) {
		if string(rec.Key.Partition) == "jobs" {
			n++
		}
	}
	return n
}

// take has a node take a job, if it can be had.
func (w *world) take(n *node, id job.ID) bool {
	w.t.Helper()
	h, err := n.jobs.Take(context.Background(), w.d, id)
	if err != nil {
		w.t.Fatal(err)
	}
	n.hold = h
	return h != nil
}

// mustTake fails the test if the job cannot be had.
func (w *world) mustTake(n *node, id job.ID) {
	w.t.Helper()
	if !w.take(n, id) {
		w.t.Fatalf("job %s cannot be taken: %+v", id, w.get(id))
	}
}

// step has a node do a step of the job that it took.
func (n *node) step() bool {
	more := n.hold.Step(context.Background())
	if !more {
		n.hold = nil
	}
	return more
}

// finish has a node do all that is left.
func (w *world) finish(n *node, id job.ID) {
	w.t.Helper()
	w.mustTake(n, id)
	for n.step() {
	}
}
