// Package lineartest checks that calls on profiles which are made at the same time
// look as if they had been made one after the other, each at some moment between
// its beginning and its answer (Herlihy and Wing, "Linearizability", 1990).
//
// Clients make random calls on small groups of profiles and keys, cells, and note
// when each began and ended and what was answered. Cells share nothing, so each has
// a history of its own, for which Porcupine then looks for an order that a model in
// memory (model.go) would have answered in the same way. A call of which nobody
// knows whether it took place, because a node or a connection died, may have done so
// at any later time, or never.
package lineartest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// System is what calls are made on: services over an engine, or a client of one or
// several nodes. Its methods are called concurrently. They return an error that
// wraps [ErrRefused] if the call changed nothing and never will, and any other error
// if that is not known.
type System interface {
	// Create makes a profile with a first name that the key finds.
	Create(ctx context.Context, first, key string) (id string, err error)
	// Put ingests a new record with a key and a first name. Its type makes profiles
	// and has a priority, so that its values displace those of edits.
	Put(ctx context.Context, key, first string) error
	// Update edits the first name.
	Update(ctx context.Context, id, first string) error
	// AddKey adds a value of the key that Put and Search use.
	AddKey(ctx context.Context, id, key string) error
	Delete(ctx context.Context, id string) error
	Merge(ctx context.Context, main, other string) error
	Unmerge(ctx context.Context, merge string) error
	// Standing returns the ids of merges of a profile that stand.
	Standing(ctx context.Context, id string) ([]string, error)
	// Get returns the first name of a profile, and whether there is one.
	Get(ctx context.Context, id string) (first string, found bool, err error)
	// Search returns first names of the profiles that a key finds, by their ids.
	Search(ctx context.Context, key string) (map[string]string, error)
}

// ErrRefused is wrapped by errors of calls that were answered, and changed nothing.
var ErrRefused = errors.New("refused")

// Options say how much is done. Zero values stand for what suits a quick test.
type Options struct {
	Seed    uint64
	Cells   int // default 40
	At      int // cells in use at a time, default 8
	Clients int // of a cell, default 3
	Calls   int // of a client, default 7
	// Timeout bounds the search for an order in one cell; default a minute.
	Timeout time.Duration
}

func (o *Options) fill() {
	set := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	set(&o.Cells, 40)
	set(&o.At, 8)
	set(&o.Clients, 3)
	set(&o.Calls, 7)
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
}

// Counts says what calls came to.
type Counts struct{ Done, Refused, Unknown int }

// Run makes calls on a system and checks their histories. The calls follow from the
// seed, the times at which they are made do not.
func Run(t testing.TB, s System, o Options) Counts {
	t.Helper()
	o.fill()
	r := &recorder{s: s, o: o, start: time.Now()}
	var wg sync.WaitGroup
	free := make(chan struct{}, o.At)
	for n := range o.Cells {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			if err := r.cell(n); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return r.counts
}

type recorder struct {
	s      System
	o      Options
	start  time.Time
	mu     sync.Mutex
	counts Counts
}

// cell makes and checks the history of a cell.
func (r *recorder) cell(n int) error {
	ctx := context.Background()
	c := &cell{recorder: r, merging: n%2 == 1}
	for i := range c.keys {
		c.keys[i] = fmt.Sprintf("cell-%d-%d-%d", r.o.Seed, n, i)
	}
	var start state
	for i := range c.ids {
		first := fmt.Sprintf("first %d of %d", i, n)
		var err error
		if c.ids[i], err = r.s.Create(ctx, first, c.keys[i]); err != nil {
			return fmt.Errorf("cell %d: making a profile to begin with: %w", n, err)
		}
		start.bases = append(start.bases, base{id: c.ids[i], first: first, keys: 1 << i})
	}
	var wg sync.WaitGroup
	histories := make([][]porcupine.Operation, r.o.Clients)
	for client := range r.o.Clients {
		wg.Go(func() {
			histories[client] = c.client(ctx, client, rand.New(rand.NewPCG(r.o.Seed, uint64(n*r.o.Clients+client))))
		})
	}
	wg.Wait()
	history := slices.Concat(histories...)
	switch porcupine.CheckOperationsTimeout(model(start), history, r.o.Timeout) {
	case porcupine.Illegal:
		return fmt.Errorf("cell %d (seed %d) is not linearizable:\n%s", n, r.o.Seed, describe(history))
	case porcupine.Unknown:
		return fmt.Errorf("cell %d (seed %d): no order was found in %s, nor that there is none:\n%s", n, r.o.Seed, r.o.Timeout, describe(history))
	}
	return nil
}

// cell is two profiles to begin with, each with a key of its own, and a third key.
// Some cells are about keys: records and keys that are added meet, and may become
// ambiguous. Others are about merges.
type cell struct {
	*recorder
	merging bool
	keys    [3]string
	ids     [2]string
}

// client makes calls one after the other.
func (c *cell) client(ctx context.Context, client int, rnd *rand.Rand) (history []porcupine.Operation) {
	for n := range c.o.Calls {
		in, ok := c.choose(ctx, client, n, rnd)
		if !ok {
			continue
		}
		began := time.Since(c.start)
		out, err := c.call(ctx, in)
		ended := time.Since(c.start).Nanoseconds()
		refused := errors.Is(err, ErrRefused)
		c.note(err, refused)
		if err != nil && !refused {
			if in.op.reads() {
				continue // it says nothing
			}
			out.unknown, ended = true, math.MaxInt64
		}
		out.refused = refused
		history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: began.Nanoseconds(), Output: out, Return: ended})
	}
	return history
}

func (c *cell) note(err error, refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case refused:
		c.counts.Refused++
	case err != nil:
		c.counts.Unknown++
	default:
		c.counts.Done++
	}
}

// chance is how often a call is made, by the parts of all, on the first so many keys.
type chance struct {
	op          op
	parts, keys int
}

var (
	aboutKeys   = []chance{{put, 6, 3}, {update, 3, 1}, {addKey, 3, 3}, {remove, 1, 1}, {search, 5, 3}, {get, 2, 1}}
	aboutMerges = []chance{{put, 6, 2}, {update, 4, 1}, {remove, 1, 1}, {merge, 5, 1}, {undo, 4, 1}, {search, 5, 2}, {get, 3, 1}}
)

// choose picks a call. It reports false for an undoing for which no merge stands.
func (c *cell) choose(ctx context.Context, client, n int, rnd *rand.Rand) (in input, ok bool) {
	in = input{first: fmt.Sprintf("by %d.%d", client, n), id: rnd.IntN(len(c.ids)), ids: c.ids}
	chances := aboutKeys
	if c.merging {
		chances = aboutMerges
	}
	all := 0
	for _, x := range chances {
		all += x.parts
	}
	at := rnd.IntN(all)
	for _, x := range chances {
		if at -= x.parts; at < 0 {
			in.op, in.key = x.op, rnd.IntN(x.keys)
			break
		}
	}
	if in.op == undo {
		standing, err := c.s.Standing(ctx, c.ids[in.id])
		if err != nil || len(standing) == 0 {
			return in, false
		}
		in.merge = standing[0]
	}
	return in, true
}

func (c *cell) call(ctx context.Context, in input) (out output, err error) {
	id, key := c.ids[in.id], c.keys[in.key]
	switch in.op {
	case put:
		err = c.s.Put(ctx, key, in.first)
	case update:
		err = c.s.Update(ctx, id, in.first)
	case addKey:
		err = c.s.AddKey(ctx, id, key)
	case remove:
		err = c.s.Delete(ctx, id)
	case merge:
		err = c.s.Merge(ctx, id, c.ids[1-in.id])
	case undo:
		err = c.s.Unmerge(ctx, in.merge)
	case get:
		out.first, out.found, err = c.s.Get(ctx, id)
	case search:
		out.profiles, err = c.s.Search(ctx, key)
	}
	return out, err
}

// describe lists a history in the order in which its calls began.
func describe(history []porcupine.Operation) string {
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, o := range history {
		ended := fmt.Sprintf("%9.3f", float64(o.Return)/1e6)
		if o.Return == math.MaxInt64 {
			ended = "        ?"
		}
		fmt.Fprintf(&b, "%9.3f - %s ms, client %d: %s\n", float64(o.Call)/1e6, ended, o.ClientId, sentence(o.Input.(input), o.Output.(output)))
	}
	return b.String()
}

func sentence(in input, out output) string {
	s := fmt.Sprintf("%s profile %d %q", in.op, in.id, in.first)
	switch in.op {
	case put:
		s = fmt.Sprintf("put key %d %q", in.key, in.first)
	case addKey:
		s = fmt.Sprintf("add key %d to profile %d", in.key, in.id)
	case merge:
		s = fmt.Sprintf("merge profile %d into %d", 1-in.id, in.id)
	case undo:
		s = "undo merge " + in.merge
	case get:
		return fmt.Sprintf("get profile %d: %v %q", in.id, out.found, out.first)
	case search:
		s = fmt.Sprintf("search key %d:", in.key)
		for _, id := range slices.Sorted(maps.Keys(out.profiles)) {
			s += fmt.Sprintf(" %s %q", id, out.profiles[id])
		}
		return s
	case remove:
		s = fmt.Sprintf("delete profile %d", in.id)
	}
	switch {
	case out.unknown:
		return s + ": not known"
	case out.refused:
		return s + ": refused"
	}
	return s
}
