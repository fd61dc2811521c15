package profilemodel_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// mergeProfiles makes one profile of several.
func (m *model) mergeProfiles(s step) string {
	g := &merge{name: "M" + s.ID, asked: map[string]*profile{}}
	for i, name := range s.Profiles[1:] {
		if name == s.Profiles[0] {
			return "Invalid: ProfileIdsToBeMerged: the main profile cannot be merged into itself"
		}
		if slices.Contains(s.Profiles[1:1+i], name) {
			return "Invalid: ProfileIdsToBeMerged: the profile " + name + " is there twice"
		}
	}
	for _, field := range slices.Sorted(maps.Keys(s.Members)) {
		if name := s.Members[field]; !slices.Contains(s.Profiles, name) {
			return "Invalid: FieldSourceProfileIds." + field + ": the profile " + name + " is none of those that are merged"
		}
	}
	for i, name := range s.Profiles {
		p, missing := m.visible(name)
		if missing != "" {
			return missing
		}
		if g.main = p; i > 0 {
			g.merged = append(g.merged, p)
		}
		for field, source := range s.Members {
			if source == name {
				g.asked[field] = p
			}
		}
	}
	g.main, _ = m.visible(s.Profiles[0])
	sides := map[*profile]standing{}
	for _, p := range append([]*profile{g.main}, g.merged...) {
		sides[p] = m.stands(p, m.seq+1, nil)
	}
	g.from, g.gave = g.decide(sides), m.gave()
	g.seq = m.next()
	g.main.log = append(g.main.log, happening{"MERGED", "", m.now, g.seq})
	for _, p := range g.merged {
		p.note(m, "DELETED_BY_MERGE", "")
	}
	m.merges = append(m.merges, g)
	return ""
}

// unmerge undoes a merge: the profiles are those that would be there had it never
// been, and the records that it let in go where their keys put them.
func (m *model) unmerge(name string) (a answer) {
	i := slices.IndexFunc(m.merges, func(g *merge) bool { return g.name == name })
	if i < 0 || m.merges[i].main.gone() {
		return answer{Err: "NotFound: No merge with the MergeId " + name + " exists in this domain"}
	}
	undone := m.merges[i]
	if undone.undone {
		return answer{Err: "Invalid: MergeId: the merge " + name + " has been undone"}
	}
	was := m.root(undone.main)
	group := m.members(was)
	left, right := map[*merge]standing{}, map[*merge]standing{}
	look := func(into map[*merge]standing, change bool) func(*merge, map[*profile]standing) {
		return func(g *merge, sides map[*profile]standing) {
			side := m.sideOf(g, undone.main)
			if g.seq < undone.seq || side == nil || g == undone {
				return
			}
			then := m.then(g)
			if into[g] = then[side]; change {
				m.tally["decided anew"] += g.decideAgain(side, left[g], sides, then)
			}
		}
	}
	m.stands(was, m.seq+1, look(left, false))
	undone.undone = true
	var loose []*profile
	for _, p := range group {
		if slices.ContainsFunc(p.hits, func(h *profile) bool { return m.root(h) != m.root(p) }) {
			loose = append(loose, p)
		}
	}
	for _, p := range loose {
		p.end, p.ended = "DISSOLVED", m.now
	}
	var restored []*profile
	for _, p := range group {
		if m.root(p) == p && !p.gone() {
			m.stands(p, m.seq+1, look(right, true))
			p.note(m, "UPDATED", "")
			if p != was {
				restored = append(restored, p)
			}
		}
	}
	moved := 0
	for _, p := range loose {
		fresh, n, err := m.scatter(p, undone)
		if err != "" {
			return answer{Err: err}
		}
		restored, moved = append(restored, fresh...), moved+n
	}
	a.Lines = []string{fmt.Sprintf("%d records have moved", moved), "from " + m.root(undone.main).name}
	for _, p := range restored {
		a.profiles = append(a.profiles, p.name)
	}
	return a
}

// sideOf is the side of a merge on which a profile was then.
func (m *model) sideOf(g *merge, p *profile) *profile {
	for {
		if p == g.main || slices.Contains(g.merged, p) {
			return p
		}
		up, by := m.above(p)
		if up == nil || by.seq >= g.seq {
			return nil
		}
		p = up
	}
}

// gave is what each object gives now.
func (m *model) gave() map[int][]fact {
	all := map[int][]fact{}
	for _, p := range m.profiles {
		for _, o := range p.objects {
			all[o.came[0].seq] = slices.Collect(maps.Values(o.facts))
		}
	}
	return all
}

// then is what stood on the sides of a merge when it was made, but for the merges
// that are undone and for what is gone since.
func (m *model) then(g *merge) map[*profile]standing {
	sides := map[*profile]standing{}
	for _, side := range append([]*profile{g.main}, g.merged...) {
		sides[side], _ = m.standsOf(side, g.seq, func(p *profile) []fact {
			facts := slices.Clone(p.edits)
			for _, o := range p.objects {
				facts = append(facts, g.gave[o.came[0].seq]...)
			}
			for _, r := range p.residues {
				facts = append(facts, r.facts...)
			}
			return facts
		}, nil)
	}
	return sides
}

// decideAgain chooses anew the fields that a side of a merge would not have had then
// without the profiles that have left it, by what stood then.
func (g *merge) decideAgain(side *profile, had standing, sides, then map[*profile]standing) (decided int) {
	source := func(name string) *profile {
		for path, from := range g.from {
			if field(path) == name {
				return from
			}
		}
		return g.main
	}
	anew := map[string]bool{}
	for _, there := range []map[*profile]standing{sides, then} {
		for _, s := range there {
			for path := range s {
				anew[field(path)] = had.has(field(path)) != then[side].has(field(path))
			}
		}
	}
	from := map[string]*profile{}
	for path, p := range g.from {
		if !anew[field(path)] {
			from[path] = p
		}
	}
	for path, p := range g.decide(then) {
		if anew[field(path)] {
			from[path] = p
		}
	}
	// A field that goes as a whole is taken from nowhere else in parts.
	for path := range sides[side] {
		if p := source(field(path)); !anew[field(path)] && p != g.main && from[path] == nil {
			from[path] = p
		}
	}
	for _, is := range anew {
		if is {
			decided++
		}
	}
	g.from = from
	return decided
}

// scatter sends the records of a satellite where their keys put them now.
func (m *model) scatter(from *profile, undone *merge) (made []*profile, moved int, err string) {
	came := func(o *object) int64 { // to where it is
		if o.way != nil && o.way.again {
			return o.came[len(o.came)-1].at
		}
		return o.came[0].at
	}
	objects := slices.SortedFunc(slices.Values(from.objects), func(a, b *object) int {
		return cmp.Or(cmp.Compare(came(a), came(b)), cmp.Compare(a.came[len(a.came)-1].seq, b.came[len(b.came)-1].seq))
	})
	for typ, r := range from.residues {
		m.tally["values of evicted objects bequeathed"]++
		moved++
		m.bequeath(undone.main, typ, r)
	}
	for _, o := range objects {
		moved++
		m.tally["sent back"]++
		before := len(m.profiles)
		p := m.whither(o, undone)
		if err := m.receive(p, o); err != "" {
			return made, moved, err
		}
		for _, fresh := range m.profiles[before:] {
			if len(fresh.hits) == 0 {
				made = append(made, fresh)
			}
		}
	}
	return made, moved, ""
}

// bequeath leaves what evicted objects gave to the main profile.
func (m *model) bequeath(p *profile, typ string, r *residue) {
	facts := m.renumber(p, r.facts, r.last)
	have := p.residues[typ]
	if have == nil {
		have = &residue{first: r.first}
	}
	m.leave(p, have, typ, facts, r.first, r.last, r.expires)
	p.expires = max(p.expires, r.expires)
}

// whither finds or makes the profile where a record belongs now. One that finds
// none, and may not make one, stays with the main profile.
func (m *model) whither(o *object, undone *merge) *profile {
	w := o.way
	if !w.again && w.target != nil && !w.target.gone() {
		return w.target
	}
	var r resolution
	if w.again || w.target != nil || !w.create {
		r = m.resolve(w.lookup)
	}
	if p, err := m.place(r, r.found, w.create); err == "" {
		return p
	}
	return undone.main
}

// receive takes an object in that was elsewhere, with all it gave there.
func (m *model) receive(p *profile, o *object) string {
	w, last := o.way, o.came[len(o.came)-1]
	if o.created, o.way = p.fresh && !w.again, nil; len(p.hits) > 0 {
		o.created, o.way = w.create, w
	}
	if p.fresh && o.created && len(p.hits) == 0 {
		values := map[string]string{}
		for path, f := range o.facts {
			values[path] = f.text
		}
		fill(values, w.email, w.phone)
		for path, text := range values {
			if _, had := o.facts[path]; !had {
				f := fact{path: path, text: text, seq: m.next(), time: o.came[0].at, priority: w.typ.Priority, mapped: w.typ.Keys[predefinedFor(path)] != ""}
				if o.source != 0 {
					f.time = o.source
				}
				o.facts[path] = f
			}
		}
	}
	if !o.created {
		o.keys = slices.DeleteFunc(o.keys, func(k key) bool {
			return slices.ContainsFunc(w.record.keys, func(n keyed) bool { return n.newOnly && n.key == k })
		})
	}
	o.came = []happening{{"INGESTED", o.typ + "/" + o.unique, last.at, m.next()}}
	o.facts = byPath(m.renumber(p, slices.Collect(maps.Values(o.facts)), last.at))
	for kind, part := range o.parts {
		s, err := m.standardFor(p, kind, part.keys, nil)
		if err != "" {
			return err
		}
		s.updated = m.now
		part.of, part.facts = s, byPath(m.renumber(&profile{}, slices.Collect(maps.Values(part.facts)), last.at))
	}
	p.objects = append(p.objects, o)
	p.expires, p.fresh = max(p.expires, o.expires), false
	return ""
}

func byPath(facts []fact) map[string]fact {
	all := map[string]fact{}
	for _, f := range facts {
		all[f.path] = f
	}
	return all
}

// renumber gives facts new places in the order of arrival. What a person wrote on
// the profile after they had come has overruled them.
func (m *model) renumber(p *profile, facts []fact, last int64) (out []fact) {
	slices.SortFunc(facts, func(a, b fact) int { return cmp.Compare(a.seq, b.seq) })
	for _, f := range facts {
		if slices.ContainsFunc(p.edits, func(e fact) bool { return e.path == f.path && e.time > last }) {
			continue
		}
		f.seq = m.next()
		out = append(out, f)
	}
	return out
}
