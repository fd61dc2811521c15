package profile

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kindred/internal/store"
)

// merge is the fact that profiles were made one. It is kept in the partition of
// each profile that took part.
type merge struct {
	id     ID
	main   ID   // of the profiles as they were then: roots of groups, or alone
	merged []ID // in the order asked for
	seq    uint64
	at     int64 // microseconds
	by     string
	rule   string
	// explicit says which profile a field of the request (a unit) was to come
	// from. fields says of each path that did not come from the main profile from
	// which it came; both are sorted.
	explicit, fields []choice
	was              []decision // what fields were before

	undone   int64 // microseconds, 0 while the merge stands
	undoneBy string
}

// decision is what a merge has chosen until it was chosen anew, because another
// merge was undone.
type decision struct {
	until  int64 // microseconds
	fields []choice
}

// choice is where a value comes from.
type choice struct {
	path string
	from ID
}

// ruleManual is the rule of merges that somebody asked for.
const ruleManual = "MANUAL"

func (m *merge) encode() []byte {
	e := encoder{append(make([]byte, 0, 256), recordVersion)}
	e.bytes(m.id[:])
	e.bytes(m.main[:])
	e.ids(m.merged)
	e.uint(m.seq)
	e.int(m.at)
	e.string(m.by)
	e.string(m.rule)
	e.choices(m.explicit)
	e.choices(m.fields)
	e.uint(uint64(len(m.was)))
	for _, d := range m.was {
		e.int(d.until)
		e.choices(d.fields)
	}
	e.int(m.undone)
	e.string(m.undoneBy)
	return e.b
}

func (e *encoder) choices(list []choice) {
	e.uint(uint64(len(list)))
	for _, c := range list {
		e.string(c.path)
		e.bytes(c.from[:])
	}
}

func (d *decoder) choices() []choice {
	n := d.count(stringBytes + len(ID{}))
	if n == 0 {
		return nil
	}
	list := make([]choice, n)
	for i := range list {
		list[i] = choice{d.string(), d.id()}
	}
	return list
}

func decodeMerge(b []byte) (*merge, error) {
	d := newDecoder(b)
	if d.take(1) != string(rune(recordVersion)) {
		return nil, fmt.Errorf("merge: version: %w", store.ErrCorrupt)
	}
	m := &merge{id: d.id(), main: d.id()}
	m.merged = d.ids()
	m.seq, m.at, m.by, m.rule = d.uint(), d.int(), d.string(), d.string()
	m.explicit, m.fields = d.choices(), d.choices()
	if n := d.count(2); n > 0 {
		m.was = make([]decision, n)
		for i := range m.was {
			m.was[i] = decision{d.int(), d.choices()}
		}
	}
	m.undone, m.undoneBy = d.int(), d.string()
	return m, d.done("merge")
}

// decidedAt gives the merge as it was decided at a time.
func (m *merge) decidedAt(at int64) *merge {
	for _, d := range m.was {
		if at < d.until {
			then := *m
			then.fields = d.fields
			return &then
		}
	}
	return m
}

// sides are all profiles that took part.
func (m *merge) sides() []ID { return append([]ID{m.main}, m.merged...) }

// unit is the field of a merge request that decides on a path: an address, and a
// pair of the old and the new form of a field, go as a whole.
func unit(path string) string {
	switch path {
	case "GenderString":
		return "Gender"
	case "PartyTypeString":
		return "PartyType"
	}
	if name, _, ok := strings.Cut(path, "."); ok && strings.HasSuffix(name, "Address") {
		return name
	}
	return path
}

// decide lays down where each path comes from, given what stands on each side
// (behaviour: MergeProfiles): from the profile that was named, even if it has no
// value; else from the main profile if it has one; else from the first that does.
func (m *merge) decide(standing map[ID][]*Fact) {
	m.fields = nil
	from := map[string]ID{} // by unit
	for _, c := range m.explicit {
		from[c.path] = c.from
	}
	for _, side := range m.sides() {
		for _, f := range standing[side] {
			if u := unit(f.Path); !has(from, u) {
				from[u] = side
			}
		}
	}
	for _, side := range m.sides() {
		for _, f := range standing[side] {
			if s := from[unit(f.Path)]; s != m.main {
				m.fields = append(m.fields, choice{f.Path, s})
			}
		}
	}
	m.sortFields()
}

func (m *merge) sortFields() {
	slices.SortFunc(m.fields, func(a, b choice) int { return strings.Compare(a.path, b.path) })
	m.fields = slices.CompactFunc(m.fields, func(a, b choice) bool { return a.path == b.path })
}

func has[K comparable, V any](m map[K]V, k K) bool {
	_, ok := m[k]
	return ok
}

// combine gives what stands right after the merge, by path. The result may be what
// stands on the main side itself.
func (m *merge) combine(standing map[ID][]*Fact) []*Fact {
	rest := standing[m.main]
	if len(m.fields) == 0 {
		return rest
	}
	out := make([]*Fact, 0, len(rest)+len(m.fields))
	var from ID
	var other []*Fact // what is left of that side
	for _, c := range m.fields {
		i, main := findRef(rest, c.path)
		out = append(out, rest[:i]...)
		if rest = rest[i:]; main {
			rest = rest[1:]
		}
		if c.from != from {
			from, other = c.from, standing[c.from]
		}
		j := 0
		for j < len(other) && other[j].Path < c.path {
			j++
		}
		if other = other[j:]; len(other) > 0 && other[0].Path == c.path {
			out = append(out, other[0])
		}
	}
	return append(out, rest...)
}

// from tells which profile other than the main one a path comes from.
func (m *merge) from(path string) (ID, bool) {
	i, ok := slices.BinarySearchFunc(m.fields, path, func(c choice, p string) int { return strings.Compare(c.path, p) })
	if !ok {
		return ID{}, false
	}
	return m.fields[i].from, true
}

// pile is what a member of a group is folded from: facts in the order of arrival,
// or, if all arrived before its first merge, what they fold to.
type pile struct {
	facts, folded []*Fact
}

// newPile orders lists of facts.
func newPile(lists ...[]Fact) *pile {
	n := 0
	for _, list := range lists {
		n += len(list)
	}
	p := &pile{facts: make([]*Fact, 0, n)}
	for _, list := range lists {
		for i := range list {
			p.facts = append(p.facts, &list[i])
		}
	}
	slices.SortFunc(p.facts, func(a, b *Fact) int { return cmp.Compare(a.Seq, b.Seq) })
	return p
}

// folded is a group that there is after some merges.
type folded struct {
	piles    []*pile // of which facts are left
	standing []*Fact // by path
}

// foldGroup computes what stands on a group of profiles from all facts of its
// members and the merges that made it one: the definition of what a merged
// profile is. What arrived before a merge is folded on each side of it, the merge
// chooses path by path, and what arrived since displaces that by the same rules
// as on any profile. Satellites are with their anchor from the beginning. visit is
// that of foldPiles.
func foldGroup(members map[ID][]Fact, satellites []satellite, merges []*merge, visit func(m *merge, standing map[ID][]*Fact)) []Fact {
	piles := map[ID]*pile{}
	for id, facts := range members {
		piles[id] = newPile(facts)
	}
	return values(foldPiles(piles, satellites, merges, visit))
}

// foldPiles is foldGroup of facts that are in order. visit, if given, sees each
// merge with what stands on its sides and may change what it decides; the map is
// good for that call. The result is some of the facts that were given.
func foldPiles(members map[ID]*pile, satellites []satellite, merges []*merge, visit func(m *merge, standing map[ID][]*Fact)) []*Fact {
	groups := make(map[ID]*folded, len(members))
	for id, p := range members {
		g := &folded{standing: p.folded}
		if len(p.facts) > 0 {
			g.piles = []*pile{{facts: p.facts}}
		}
		groups[id] = g
	}
	for _, sat := range satellites {
		if g := groups[sat.anchor]; g != nil && has(groups, sat.id) {
			g.piles = append(g.piles, groups[sat.id].piles...)
			delete(groups, sat.id)
		}
	}
	standing := map[ID][]*Fact{}
	for _, m := range merges {
		clear(standing)
		all := &folded{}
		for _, side := range m.sides() {
			g := groups[side]
			if g == nil {
				continue
			}
			g.advance(m.seq)
			standing[side] = g.standing
			all.piles = append(all.piles, g.piles...)
			delete(groups, side)
		}
		if visit != nil {
			visit(m, standing)
		}
		all.standing = m.combine(standing)
		groups[m.main] = all
	}
	// All of a group is joined now.
	rest := &folded{}
	for _, g := range groups {
		rest.piles = append(rest.piles, g.piles...)
		rest.standing = append(rest.standing, g.standing...)
	}
	rest.advance(0)
	return rest.standing
}

// advance folds what arrived in a group before a place in the order, or all of it
// if that is 0.
func (g *folded) advance(before uint64) {
	var facts []*Fact
	for _, p := range g.piles {
		n := len(p.facts)
		if before > 0 {
			n, _ = slices.BinarySearchFunc(p.facts, before, func(f *Fact, seq uint64) int { return cmp.Compare(f.Seq, seq) })
		}
		facts, p.facts = append(facts, p.facts[:n]...), p.facts[n:]
	}
	if len(facts) == 0 {
		return
	}
	g.piles = slices.DeleteFunc(g.piles, func(p *pile) bool { return len(p.facts) == 0 })
	g.standing = fold(append(facts, g.standing...))
}

// byArrival orders merges.
func byArrival(merges []*merge) {
	slices.SortFunc(merges, func(a, b *merge) int { return cmp.Or(cmp.Compare(a.seq, b.seq), bytes.Compare(a.id[:], b.id[:])) })
}
