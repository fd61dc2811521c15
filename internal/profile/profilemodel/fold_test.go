package profilemodel_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// fact is one value that somebody gave to one field.
type fact struct {
	path, text string
	seq        int   // place in the order of arrival
	time       int64 // microseconds: the source's own, else that of arrival
	priority   int   // of the source, 0 is none
	manual     bool  // a person or the API wrote it; without text, cleared it
	mapped     bool  // by a type that maps the predefined key of the field itself
}

// beats orders ingested facts: the stronger source, the later time, the later
// arrival.
func (f fact) beats(g fact) bool {
	strength := func(f fact) int {
		if f.priority == 0 {
			return -1000
		}
		return -f.priority
	}
	return cmp.Or(cmp.Compare(strength(f), strength(g)), cmp.Compare(f.time, g.time), cmp.Compare(f.seq, g.seq)) > 0
}

// standing are the facts that stand, by path.
type standing map[string]fact

// fold goes through facts in the order of their arrival (docs/fold.md, rules 1 to 3).
func fold(facts []fact) standing {
	s := standing{}
	for _, f := range slices.SortedFunc(slices.Values(facts), func(a, b fact) int { return cmp.Compare(a.seq, b.seq) }) {
		now, any := s[f.path]
		switch {
		case f.manual && f.text == "":
			delete(s, f.path)
		case f.manual, !any, now.manual && f.priority > 0, !now.manual && f.beats(now):
			s[f.path] = f
		}
	}
	return s
}

// predefinedKeys are the predefined keys that follow from what stands on a profile; the
// value tells whether they take part in matching.
func (s standing) predefinedKeys() map[key]bool {
	keys := map[key]bool{}
	add := func(name, text string, manual, mapped bool) {
		k := key{name, normal(predefined[name], text)}
		if k.value != "" && (manual || !mapped) {
			keys[k] = keys[k] || manual
		}
	}
	for path, f := range s {
		switch {
		case path == "AccountNumber":
			add("_account", f.text, f.manual, f.mapped)
		case strings.HasSuffix(path, "EmailAddress"):
			add("_email", f.text, f.manual, f.mapped)
		case strings.HasSuffix(path, "PhoneNumber"):
			add("_phone", f.text, f.manual, f.mapped)
		}
	}
	name, manual, mapped := "", false, false
	for _, path := range []string{"FirstName", "MiddleName", "LastName"} {
		if f, ok := s[path]; ok {
			name, manual, mapped = name+" "+f.text, manual || f.manual, mapped || f.mapped
		}
	}
	add("_fullName", name, manual, mapped)
	return keys
}

// predefinedFor is the predefined key that a field fills.
func predefinedFor(path string) string {
	switch {
	case path == "AccountNumber":
		return "_account"
	case strings.HasSuffix(path, "EmailAddress"):
		return "_email"
	case strings.HasSuffix(path, "PhoneNumber"):
		return "_phone"
	case path == "FirstName", path == "MiddleName", path == "LastName":
		return "_fullName"
	}
	return ""
}

// merge is what MergeProfiles did.
type merge struct {
	name   string
	main   *profile
	merged []*profile
	seq    int
	asked  map[string]*profile // which profile a field was to come from
	from   map[string]*profile // which profile other than the main one a path comes from
	gave   map[int][]fact      // what each object gave by then, by the place where it first came
	undone bool
}

// field is the field of a request that decides on a path: addresses go as a whole.
func field(path string) string {
	if name, _, ok := strings.Cut(path, "."); ok && name != "Attributes" {
		return name
	}
	return path
}

// decide lays down where each path comes from: from the profile that was named,
// else from the main one if it has the field, else from the first that has it.
func (g *merge) decide(sides map[*profile]standing) map[string]*profile {
	field0 := maps.Clone(g.asked)
	paths := map[string]bool{}
	for _, side := range append([]*profile{g.main}, g.merged...) {
		for path := range sides[side] {
			paths[path] = true
		}
	}
	for path := range paths {
		for _, side := range append([]*profile{g.main}, g.merged...) {
			if field0[field(path)] == nil && sides[side].has(field(path)) {
				field0[field(path)] = side
			}
		}
	}
	from := map[string]*profile{}
	for path := range paths {
		if side := field0[field(path)]; side != g.main {
			from[path] = side
		}
	}
	return from
}

// has reports whether something stands in a field.
func (s standing) has(name string) bool {
	for path := range s {
		if field(path) == name {
			return true
		}
	}
	return false
}

// combine gives what stands right after the merge.
func (g *merge) combine(sides map[*profile]standing) standing {
	out := standing{}
	for path, f := range sides[g.main] {
		if g.from[path] == nil {
			out[path] = f
		}
	}
	for path, side := range g.from {
		if f, ok := sides[side][path]; ok {
			out[path] = f
		}
	}
	return out
}

// stands computes what stands on a profile with all that has been merged into it,
// of what arrived before a place. What arrived before a merge is folded on each
// side of it, the merge chooses path by path, and what arrived since displaces that by the same
// rules. see is shown each merge with what stood on its sides.
func (m *model) stands(root *profile, before int, see func(*merge, map[*profile]standing)) standing {
	now, _ := m.standsWith(root, before, see)
	return now
}

func (m *model) standsWith(root *profile, before int, see func(*merge, map[*profile]standing)) (standing, []*profile) {
	return m.standsOf(root, before, (*profile).facts, see)
}

// standsOf is standsWith for the facts that each profile is said to have.
func (m *model) standsOf(root *profile, before int, factsOf func(*profile) []fact, see func(*merge, map[*profile]standing)) (standing, []*profile) {
	members := []*profile{root}
	for _, p := range m.profiles {
		if !p.gone() && len(p.hits) > 0 && p.hits[0] == root {
			members = append(members, p)
		}
	}
	now, since := standing{}, -1
	arrived := func(until int) standing {
		facts := slices.Collect(maps.Values(now))
		for _, p := range members {
			for _, f := range factsOf(p) {
				if since < f.seq && f.seq < until {
					facts = append(facts, f)
				}
			}
		}
		return fold(facts)
	}
	for _, g := range m.merges {
		if g.undone || g.main != root || g.seq >= before {
			continue
		}
		sides := map[*profile]standing{root: arrived(g.seq)}
		for _, side := range g.merged {
			s, more := m.standsOf(side, g.seq, factsOf, see)
			sides[side], members = s, append(members, more...)
		}
		if see != nil {
			see(g, sides)
		}
		now, since = g.combine(sides), g.seq
	}
	return arrived(before), members
}
