package profilemodel_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"kindred/internal/ingest/ingesttest"
)

const (
	errAmbiguous = "Invalid: All keys of this object are binding to more than one profiles"
	errNoMatch   = "Invalid: No profile matches the keys of this object and its object type does not allow profile creation"
	errSeveral   = "Invalid: The keys of this object are binding to more than one standard object of the profile"
)

// way is how an object of a satellite came there: by what it goes on when
// the merge that let it in is undone.
type way struct {
	target       *profile // that a key of it found alone; nil: none
	again        bool     // what it found was the satellite: it is to be looked for again
	record       *mapped
	lookup       []keyed // the keys that had a say
	create       bool
	email, phone string
	typ          ingesttest.Type // as it was when the record filled them
}

// resolution is what the keys of a record say about where it belongs.
type resolution struct {
	found     *profile // that a key finds alone
	one       *profile // the merged profile all of whose members an earlier key finds
	hits      []*profile
	ambiguous bool
	tried     int // how many keys were looked up
}

// resolve goes through the PROFILE keys of a record. For matching, profiles that are merged are
// one; and yet the record belongs to the one among them that a key finds alone.
func (m *model) resolve(keys []keyed) (r resolution) {
	for i, k := range keys {
		r.tried = i + 1
		if !k.profile {
			continue
		}
		var hits []*profile
		for _, p := range m.profiles {
			if !p.gone() && (p.matching()[k.key] || k.name == "_profileId" && k.value == p.name) {
				hits = append(hits, p)
			}
		}
		same := func(p *profile) bool { return m.root(p) == m.root(hits[0]) }
		switch {
		case len(hits) == 1:
			r.found = hits[0]
			return r
		case len(hits) > 1 && r.one == nil && !slices.ContainsFunc(hits, func(p *profile) bool { return !same(p) }):
			r.one, r.hits = m.root(hits[0]), m.solid(hits)
		case len(hits) > 1 && r.one == nil:
			r.ambiguous = true
		}
	}
	return r
}

// solid are the profiles on whose being one those depend, in the order in which they came.
func (m *model) solid(hits []*profile) (list []*profile) {
	on := map[*profile]bool{}
	for _, p := range hits {
		if len(p.hits) == 0 {
			on[p] = true
		}
		for _, q := range p.hits {
			on[q] = true
		}
	}
	for _, p := range m.profiles {
		if on[p] {
			list = append(list, p)
		}
	}
	return list
}

// owner is the profile that has an object.
func (m *model) owner(typ, unique string) (*profile, *object) {
	for _, p := range m.profiles {
		for _, o := range p.objects {
			if !p.gone() && o.typ == typ && o.unique == unique {
				return p, o
			}
		}
	}
	return nil, nil
}

// place finds or makes the profile that a record belongs to. target is where it
// would be if nothing was merged.
func (m *model) place(r resolution, target *profile, create bool) (*profile, string) {
	switch {
	case r.one != nil && target != nil && m.root(target) == r.one:
		return target, ""
	case r.one != nil:
		return m.satellite(r.hits), ""
	case target != nil:
		return target, ""
	case create:
		p := m.newProfile()
		p.inferred, p.fresh = true, true
		return p, ""
	case r.ambiguous:
		return nil, errAmbiguous
	}
	return nil, errNoMatch
}

func (m *model) satellite(hits []*profile) *profile {
	for _, p := range m.profiles {
		if !p.gone() && slices.Equal(p.hits, hits) {
			return p
		}
	}
	m.tally["let in by a merge"]++
	p := m.newProfile()
	m.made--
	p.name, p.hits = "satellite of "+fmt.Sprint(len(m.profiles)), hits
	return p
}

// put ingests a record and returns the profile under which clients see it.
func (m *model) put(rec *mapped) (*profile, string) {
	if rec.refused != "" {
		return nil, rec.refused
	}
	t := m.types[rec.typ]
	owner, old := m.owner(rec.typ, rec.unique)
	if old != nil && rec.source != 0 && rec.source < old.source {
		m.tally["outdated"]++
		return m.root(owner), "" // it is older than what is stored: nothing changes
	}
	r := m.resolve(rec.keys)
	target := r.found
	if target == nil {
		target = owner
	}
	p, err := m.place(r, target, t.Create)
	if err != "" {
		return nil, err
	}
	if old != nil && owner != p {
		m.tally["moved"]++
		m.drop(owner, old)
		old = nil
	}
	m.makeRoom(p, rec, old)
	o := m.newObject(p, rec, old)
	if len(p.hits) > 0 {
		lookup := rec.keys
		if r.found == p {
			lookup = lookup[r.tried-1 : r.tried]
		}
		o.way = &way{target: r.found, again: r.found == p, record: rec, lookup: lookup, create: t.Create, email: rec.email, phone: rec.phone, typ: t}
		if old != nil && old.way != nil {
			o.way.email, o.way.phone, o.way.typ = old.way.email, old.way.phone, old.way.typ
			if o.way.target == nil || o.way.again && slices.Contains(old.keys, o.way.lookup[0].key) {
				o.way.lookup = old.way.lookup
				o.way.target, o.way.again = old.way.target, old.way.again
			}
		}
	}
	if err := m.putParts(p, o, rec, old); err != "" {
		return nil, err
	}
	p.objects = append(slices.DeleteFunc(p.objects, func(x *object) bool { return x == old }), o)
	p.expires, p.fresh = max(p.expires, o.expires), false
	return m.root(p), ""
}

// newObject is the object that a record makes or becomes, without its parts.
func (m *model) newObject(p *profile, rec *mapped, old *object) *object {
	t := m.types[rec.typ]
	o := &object{typ: rec.typ, unique: rec.unique, body: rec.body, source: rec.source, order: rec.source, parts: map[string]*part{}, facts: map[string]fact{}}
	o.created = p.fresh || len(p.hits) > 0 && t.Create
	days := domainDays
	if t.Days > 0 {
		days = t.Days
	}
	o.expires = m.now + int64(days)*day
	if old != nil {
		o.created, o.expires, o.came = old.created, max(old.expires, o.expires), slices.Clone(old.came)
		if o.source == 0 {
			o.source = old.source
		}
		o.facts = maps.Clone(old.facts)
	}
	if o.order == 0 {
		o.order = m.now
	}
	o.came = append(o.came, happening{"INGESTED", o.typ + "/" + o.unique, m.now, m.next()})
	values := maps.Clone(rec.values)
	if p.fresh {
		fill(values, rec.email, rec.phone)
	}
	for path, text := range values {
		m.give(o.facts, m.fact(rec, path, text), p.overruled(path))
	}
	for _, k := range rec.keys {
		if !k.lookupOnly && (!k.newOnly || o.created) && !slices.Contains(o.keys, k.key) {
			o.keys = append(o.keys, k.key)
		}
	}
	return o
}

// fill gives a profile that a record makes the addresses that it has.
func fill(values map[string]string, email, phone string) {
	if email != "" && values["EmailAddress"] == "" {
		values["EmailAddress"] = email
	}
	if phone != "" && values["PhoneNumber"] == "" {
		values["PhoneNumber"] = phone
	}
}

func (m *model) fact(rec *mapped, path, text string) fact {
	t := m.types[rec.typ]
	f := fact{path: path, text: text, seq: m.next(), time: m.now, priority: t.Priority, mapped: t.Keys[predefinedFor(path)] != ""}
	if rec.source != 0 {
		f.time = rec.source
	}
	return f
}

// give adds a fact to those of an object: it replaces the one it gave before
// unless that is stronger and no person has overruled it since.
func (m *model) give(facts map[string]fact, f fact, overruled int) {
	if had, ok := facts[f.path]; ok && had.seq >= overruled && had.beats(f) {
		return
	}
	facts[f.path] = f
}

// putParts gives the values of a record to standard objects.
func (m *model) putParts(p *profile, o *object, rec *mapped, old *object) string {
	for _, kind := range slices.Sorted(maps.Keys(rec.parts)) {
		var had *part
		if old != nil {
			had = old.parts[kind]
		}
		var find, keep []key
		for _, k := range rec.keys {
			if k.kind != kind {
				continue
			}
			find = append(find, k.key)
			if !k.lookupOnly && (!k.newOnly || o.created) {
				keep = append(keep, k.key)
			}
		}
		s, err := m.standardFor(p, kind, find, had)
		if err != "" {
			return err
		}
		s.updated = m.now
		part := &part{of: s, keys: keep, facts: map[string]fact{}}
		if had != nil && had.of == s {
			part.facts = maps.Clone(had.facts)
		} else if had != nil {
			had.of.updated = m.now
		}
		for path, text := range rec.parts[kind] {
			m.give(part.facts, m.fact(rec, path, text), 0)
		}
		o.parts[kind] = part
	}
	if old != nil {
		for kind, had := range old.parts {
			if o.parts[kind] == nil {
				o.parts[kind] = had // the record no longer speaks of it: it stays
			}
		}
	}
	return ""
}

// standardFor finds the standard object of a profile that keys name, or makes one.
func (m *model) standardFor(p *profile, kind string, find []key, had *part) (*standard, string) {
	var hits []*standard
	for _, s := range p.standards(kind) {
		if slices.ContainsFunc(find, func(k key) bool { return p.partKeys(s)[k] }) {
			hits = append(hits, s)
		}
	}
	switch {
	case len(hits) > 1:
		m.tally["several standard objects"]++
		return nil, errSeveral
	case len(hits) == 1:
		return hits[0], ""
	case had != nil && len(find) == 0:
		return had.of, ""
	}
	return &standard{}, ""
}

// makeRoom has objects leave a full profile for one that comes.
func (m *model) makeRoom(p *profile, rec *mapped, old *object) {
	for {
		n, bytes := 1, len(rec.body)
		for _, o := range p.objects {
			if o != old {
				n, bytes = n+1, bytes+len(o.body)
			}
		}
		if n <= maxObjects && bytes <= maxBytes {
			return
		}
		m.evict(p, m.oldest(p, m.loser(p, rec.typ, old), old))
	}
}

// loser is the type that loses an object: the one furthest over its limit, else that
// of what comes, else the one with the most.
func (m *model) loser(p *profile, coming string, old *object) string {
	count, own := map[string]int{}, 0
	for _, o := range p.objects {
		count[o.typ]++
	}
	if old != nil {
		own = 1
	}
	most := func(value func(string) int) string {
		best := ""
		for _, t := range slices.Sorted(maps.Keys(count)) {
			if n := value(t); n > 0 && (best == "" || n > value(best)) {
				best = t
			}
		}
		return best
	}
	if over := most(func(t string) int {
		if limit := m.types[t].Max; limit > 0 {
			return count[t] - limit
		}
		return 0
	}); over != "" {
		return over
	}
	if count[coming] > own {
		return coming
	}
	return most(func(t string) int {
		if t == coming {
			return 0
		}
		return count[t]
	})
}

// oldest is the last object of a type in the order of the list, but for one.
func (m *model) oldest(p *profile, typ string, but *object) *object {
	var list []*object
	for _, o := range p.objects {
		if o.typ == typ && o != but {
			list = append(list, o)
		}
	}
	m.newestFirst(list)
	return list[len(list)-1]
}

// newestFirst is the order of ListProfileObjects.
func (m *model) newestFirst(list []*object) {
	slices.SortFunc(list, func(a, b *object) int {
		return cmp.Or(cmp.Compare(b.order, a.order), cmp.Compare(m.learned[a.typ+"/"+a.unique], m.learned[b.typ+"/"+b.unique]))
	})
}

// evict takes an object out of a full profile. The values that it gave to the
// profile stay until its type is deleted or they expire.
func (m *model) evict(p *profile, o *object) {
	m.tally["evicted"]++
	m.drop(p, o)
	r := p.residues[o.typ]
	if r == nil {
		r = &residue{first: o.came[0].at}
	}
	m.leave(p, r, o.typ, slices.Collect(maps.Values(o.facts)), o.came[0].at, o.came[len(o.came)-1].at, o.expires)
}

func (m *model) leave(p *profile, r *residue, typ string, facts []fact, first, last, expires int64) {
	r.facts = slices.DeleteFunc(append(r.facts, facts...), func(f fact) bool { return f.seq < p.overruled(f.path) })
	r.first, r.last, r.expires = min(r.first, first), max(r.last, last), max(r.expires, expires)
	p.residues[typ] = r
	if len(r.facts) == 0 {
		delete(p.residues, typ)
	}
}
