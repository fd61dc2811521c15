// Package profile keeps customer profiles. A profile is a fold over its
// contributions: the objects that were ingested into it, the edits that people
// made, and the keys they added are kept as facts, and the profile that is read
// is computed from them by the rules of this file. On the hot path the result is
// carried forward fact by fact; computing it from all facts again gives the same
// bytes, which is what deletion, replay and the undoing of merges rest on.
package profile

import (
	"cmp"
	"slices"
	"strings"

	"kindred/internal/seal"
)

// Fact is one value that a contribution gives to one field of a standard
// object. Path is the field below the object: "FirstName", "Address.City",
// "Attributes.tier", "OrderItems[].Title".
type Fact struct {
	Path     string
	Text     string
	List     []string // when IsList: a field of a list, one entry per element
	IsList   bool
	Seq      uint64 // place in the profile's order of arrival, unique within it
	Time     int64  // microseconds: the source's own time, else that of arrival
	Priority uint16 // of the source, 1 is strongest, 0 is none
	Manual   bool   // written by a person or through the API
	Cleared  bool   // a manual fact that removes the value
	Mapped   bool   // the source's object type maps the predefined key of this field itself
	Origin   Origin // whose fact it is; zero when manual
}

// Origin is the object that a fact came from.
type Origin struct {
	Type   string
	Object seal.Hash
}

// outranks orders facts of ingestion: the stronger source first, then the later
// time, then the later arrival (behaviour: SourcePriority, last write wins).
func outranks(a, b *Fact) bool {
	if pa, pb := strength(a), strength(b); pa != pb {
		return pa > pb
	}
	if a.Time != b.Time {
		return a.Time > b.Time
	}
	return a.Seq > b.Seq
}

func strength(f *Fact) int {
	if f.Priority == 0 {
		return 0
	}
	return 1<<16 - int(f.Priority)
}

// displaces reports whether a fact takes the place of the one that stands,
// given that no manual fact arrived after either of them but the one that
// stands. A manual fact displaces everything before it. What a person wrote is
// displaced by a later ingestion only from a source with a priority.
func displaces(f, standing *Fact) bool {
	switch {
	case standing == nil:
		return !f.Cleared
	case f.Manual:
		return true
	case standing.Manual:
		return f.Seq > standing.Seq && f.Priority > 0
	}
	return outranks(f, standing)
}

// Fold computes the standing fact of each path from all facts of an object: the
// definition of what a profile is. The result is sorted by path. The order of
// the argument does not matter.
func Fold(facts []Fact) []Fact { return values(fold(refs(facts))) }

// refs are the facts of a list, not copies of them: a fact is large.
func refs(facts []Fact) []*Fact {
	list := make([]*Fact, len(facts))
	for i := range facts {
		list[i] = &facts[i]
	}
	return list
}

func values(facts []*Fact) []Fact {
	list := make([]Fact, len(facts))
	for i, f := range facts {
		list[i] = *f
	}
	return list
}

func fold(facts []*Fact) []*Fact {
	manual := map[string]*Fact{}
	for _, f := range facts {
		if m := manual[f.Path]; f.Manual && (m == nil || f.Seq > m.Seq) {
			manual[f.Path] = f
		}
	}
	standing := make(map[string]*Fact, min(len(facts), 64))
	for path, m := range manual {
		if !m.Cleared {
			standing[path] = m
		}
	}
	for _, f := range facts {
		if f.Manual {
			continue
		}
		if m := manual[f.Path]; m != nil && f.Seq < m.Seq {
			continue
		}
		if displaces(f, standing[f.Path]) {
			standing[f.Path] = f
		}
	}
	out := make([]*Fact, 0, len(standing))
	for _, f := range standing {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *Fact) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// find locates a path among facts sorted by path.
func find(facts []Fact, path string) (int, bool) {
	first, end := 0, len(facts)
	for first < end { // by hand, as a comparison that is called copies the fact
		if middle := (first + end) / 2; facts[middle].Path < path {
			first = middle + 1
		} else {
			end = middle
		}
	}
	return first, first < len(facts) && facts[first].Path == path
}

// findRef is find among refs.
func findRef(facts []*Fact, path string) (int, bool) {
	return slices.BinarySearchFunc(facts, path, func(f *Fact, p string) int { return strings.Compare(f.Path, p) })
}

// advance carries standing facts, sorted by path, forward by a fact that has
// just arrived (its Seq is above all others). It reports whether the fact now
// stands, or removed what stood.
func advance(standing []Fact, f Fact) ([]Fact, bool) {
	i, found := find(standing, f.Path)
	var s *Fact
	if found {
		s = &standing[i]
	}
	if f.Cleared {
		if found {
			return slices.Delete(standing, i, i+1), true
		}
		return standing, false
	}
	if !displaces(&f, s) {
		return standing, false
	}
	if found {
		standing[i] = f
	} else {
		standing = slices.Insert(standing, i, f)
	}
	return standing, true
}

// accumulate merges the facts that an object brings when it is ingested again
// into those it brought before: a value stays until a newer one comes, and one
// that a person has since overruled is forgotten. since gives the Seq of the
// last manual fact of a path, 0 if there is none. Both lists and the result are
// sorted by path.
func accumulate(old, fresh []Fact, since func(path string) uint64) []Fact {
	if len(old) == 0 {
		return fresh
	}
	out := make([]Fact, 0, max(len(old), len(fresh)))
	for len(old) > 0 && len(fresh) > 0 {
		switch o, f := &old[0], &fresh[0]; cmp.Compare(o.Path, f.Path) {
		case -1:
			out, old = append(out, *o), old[1:]
		case 1:
			out, fresh = append(out, *f), fresh[1:]
		default:
			if o.Seq >= since(o.Path) && outranks(o, f) {
				out = append(out, *o)
			} else {
				out = append(out, *f)
			}
			old, fresh = old[1:], fresh[1:]
		}
	}
	return append(append(out, old...), fresh...)
}
