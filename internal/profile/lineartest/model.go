package lineartest

import (
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/anishathalye/porcupine"
)

// op is a kind of call.
type op uint8

const (
	put op = iota
	update
	addKey
	remove
	merge
	undo
	get
	search
)

func (o op) String() string {
	return [...]string{"put", "update", "add key", "delete", "merge", "undo", "get", "search"}[o]
}

func (o op) reads() bool { return o == get || o == search }

// input is a call on a cell: profiles and keys go by their places in it.
type input struct {
	op      op
	id, key int
	first   string
	merge   string
	ids     [2]string
}

// output is what was answered.
type output struct {
	refused, unknown bool
	first            string
	found            bool
	profiles         map[string]string
}

// base is a profile with what it was given. It has no id until a search has shown
// it, if a record made it.
type base struct {
	id    string
	first string
	keys  uint8
}

// state is what a cell holds: of two profiles that are merged also which is the root
// and what stands on both.
type state struct {
	bases    []base
	merged   bool
	root     string
	together string   // the first name of the merged profile
	merge    string   // its id, once it is known
	undone   []string // merges, which can be undone no more
}

func (s *state) clone() *state {
	c := *s
	c.bases, c.undone = slices.Clone(s.bases), slices.Clone(s.undone)
	return &c
}

func (s *state) equal(o *state) bool {
	return s.merged == o.merged && s.root == o.root && s.together == o.together && s.merge == o.merge &&
		slices.Equal(s.bases, o.bases) && slices.Equal(s.undone, o.undone)
}

// find returns the place of a base, or -1.
func (s *state) find(id string) int {
	return slices.IndexFunc(s.bases, func(b base) bool { return b.id == id })
}

// member reports whether a base is one of those that are merged.
func (s *state) member(in *input, b base) bool {
	return s.merged && (b.id == in.ids[0] || b.id == in.ids[1])
}

// visible reports whether clients see a profile under an id.
func (s *state) visible(id string) bool {
	return s.find(id) >= 0 && (!s.merged || s.root == id)
}

// model is what a cell does, told in the plainest way.
func model(start state) porcupine.Model {
	seed := maphash.MakeSeed()
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{&start} },
		Step: func(s, in, out any) []any {
			i, o := in.(input), out.(output)
			return step(s.(*state), &i, &o)
		},
		Equal: func(a, b any) bool { return a.(*state).equal(b.(*state)) },
		Hash: func(s any) uint64 {
			return maphash.String(seed, fmt.Sprint(*s.(*state)))
		},
	}
	return m.ToModel()
}

// step returns the states that a cell may be in after a call that was answered so:
// none if it cannot have been.
func step(s *state, in *input, out *output) (next []any) {
	switch in.op {
	case get:
		first, found := s.get(in)
		if found != out.found || first != out.first {
			return nil
		}
		return []any{s}
	case search:
		return s.search(in, out.profiles)
	}
	n := s.clone()
	done := n.change(in)
	if out.unknown {
		next = append(next, s)
		if done {
			next = append(next, n)
		}
		return next
	}
	if done == out.refused {
		return nil
	}
	return []any{n}
}

func (s *state) get(in *input) (first string, found bool) {
	id := in.ids[in.id]
	if !s.visible(id) {
		return "", false
	}
	if s.merged {
		return s.together, true
	}
	return s.bases[s.find(id)].first, true
}

// change makes a call that changes something, and reports false if it is refused;
// then nothing has changed.
func (s *state) change(in *input) bool {
	id, other := in.ids[in.id], in.ids[1-in.id]
	switch in.op {
	case put:
		s.put(in)
		return true
	case undo:
		if !s.merged || slices.Contains(s.undone, in.merge) || s.merge != "" && s.merge != in.merge {
			return false
		}
		s.undone = append(s.undone, in.merge)
		s.merged, s.root, s.together, s.merge = false, "", "", ""
		return true
	}
	if !s.visible(id) {
		return false
	}
	b := &s.bases[s.find(id)]
	switch in.op {
	case update:
		b.first = in.first
		if s.merged {
			s.together = in.first
		}
	case addKey:
		b.keys |= 1 << in.key
	case merge:
		if !s.visible(other) {
			return false
		}
		s.merged, s.root, s.together = true, id, b.first
	case remove:
		s.bases = slices.DeleteFunc(s.bases, func(x base) bool { return x.id == id || s.member(in, x) })
		s.merged, s.root, s.together, s.merge = false, "", "", ""
	}
	return true
}

// put gives a record to the one profile that has its key, or makes one: also when
// several have it, as it does not tell then whose the record is.
func (s *state) put(in *input) {
	at := -1
	for i, b := range s.bases {
		if b.keys&(1<<in.key) == 0 {
			continue
		}
		if at >= 0 {
			at = -1
			break
		}
		at = i
	}
	if at < 0 {
		s.bases = append(s.bases, base{first: in.first, keys: 1 << in.key})
		return
	}
	s.bases[at].first = in.first
	if s.member(in, s.bases[at]) {
		s.together = in.first
	}
}

// search returns the states in which a search finds just these. Profiles that have
// shown no id yet get theirs, in every way that fits.
func (s *state) search(in *input, found map[string]string) []any {
	type seen struct {
		id, first string
		base      int
	}
	var want []seen
	root := false
	for i, b := range s.bases {
		if b.keys&(1<<in.key) == 0 {
			continue
		}
		if s.member(in, b) {
			if !root {
				want = append(want, seen{s.root, s.together, i})
			}
			root = true
			continue
		}
		want = append(want, seen{b.id, b.first, i})
	}
	if len(want) != len(found) {
		return nil
	}
	states := []*state{s}
	taken := []map[string]bool{{}}
	for _, w := range want {
		var nextStates []*state
		var nextTaken []map[string]bool
		for i, st := range states {
			for id, first := range found {
				known := st.find(id) >= 0
				if taken[i][id] || first != w.first || w.id != "" && w.id != id || w.id == "" && known {
					continue
				}
				n := st
				if w.id == "" {
					n = st.clone()
					n.bases[w.base].id = id
				}
				t := map[string]bool{id: true}
				for x := range taken[i] {
					t[x] = true
				}
				nextStates, nextTaken = append(nextStates, n), append(nextTaken, t)
			}
		}
		states, taken = nextStates, nextTaken
	}
	next := make([]any, len(states))
	for i, st := range states {
		next[i] = st
	}
	return next
}
