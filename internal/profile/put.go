package profile

import (
	"fmt"
	"slices"
	"strings"

	"kindred/internal/fault"
	"kindred/internal/store"
)

// Value is what a record gives to one field of a standard object.
type Value struct {
	Path   string
	Text   string
	List   []string
	IsList bool
}

// Part is what a record gives to a standard object below the profile, such as
// an asset: its fields, and the keys that carry the object's identifier.
type Part struct {
	Kind    string // "_asset", "_order", ...
	Keys    []Key  // to be stored on it
	NewOnly []Key  // to be stored if the record makes the profile
	Lookup  []Key  // only to find it
	Values  []Value
}

// Object is a record that has been mapped, ready to be put into a profile.
type Object struct {
	Origin     Origin
	Body       []byte // the record as it was sent
	BodyKey    uint32 // data key that the body is sealed with
	Priority   uint16 // of its object type, 0 is none
	SourceTime int64  // microseconds, 0 when the record gives none
	Expires    int64  // microseconds
	Values     []Value
	Keys       []Key // to be stored on the profile
	NewOnly    []Key // to be stored if the object makes the profile
	Parts      []Part
	Maps       func(key string) bool // whether the object type maps a predefined key
	Limits     Limits                // of the profile that takes it
	Email      string                // fills EmailAddress of an inferred profile
	Phone      string                // fills PhoneNumber of an inferred profile
	Mapping    Mapping               // by which it was mapped
	Explain    *Explanation          // told what becomes of the object; nil: nobody asks

	way *way // of one that goes into a satellite
}

// ErrSeveralStandardObjects: keys of a record find more than one standard
// object of a kind.
var errSeveral = fault.New(fault.Invalid, "The keys of this object are binding to more than one standard object of the profile")

// put ingests an object: it replaces the stored one with its unique key, and
// what it gives is added to what it gave before. An object that is older by its
// source's time than the stored one changes nothing.
func (c *change) put(in *Object) error {
	old, err := c.stored(in.Origin)
	if err != nil {
		return err
	}
	if old != nil && in.outdated(old) {
		c.explain.outdated(c)
		return nil
	}
	if err := c.makeRoom(in, old); err != nil {
		return err
	}
	wall := c.tx.Now().UnixMicro()
	k := &contribution{origin: in.Origin, created: c.fresh, first: wall, last: wall, source: in.SourceTime,
		expires: in.Expires, size: len(in.Body), seq: c.nextSeq(), by: performer(c.ctx), way: in.way, mapping: in.Mapping, late: c.now - wall}
	if in.way != nil { // it makes no profile now, but may when it finds its way anew
		k.created = in.way.mayCreate
	}
	var before contribution
	if old != nil {
		before = *old
		if err := c.supersede(old, k); err != nil {
			return err
		}
		k.created, k.first = old.created, old.first
		if old.mapping == k.mapping {
			k.before = old.before.cameAgain()
		}
		k.expires = max(k.expires, old.expires)
		if k.source == 0 {
			k.source = old.source
		}
		if k.way != nil && old.way != nil { // what it fills, it filled when it came first
			k.way.email, k.way.phone = old.way.email, old.way.phone
			k.way.priority, k.way.mapsEmail, k.way.mapsPhone = old.way.priority, old.way.mapsEmail, old.way.mapsPhone
			// What finds itself, by a key that it brought, and what finds nothing, is where it
			// was. What another object's key finds has come to that.
			if (k.way.target == ID{} && !k.way.again) || k.way.again && slices.Contains(before.keys, k.way.lookup[0]) {
				k.way.lookup = old.way.lookup
				k.way.target, k.way.again = old.way.target, old.way.again
			}
		}
	}
	k.order = c.now
	if in.SourceTime != 0 {
		k.order = in.SourceTime
	}
	if err := c.putFacts(in, k, before.facts); err != nil {
		return err
	}
	k.keys = slices.Clone(in.Keys)
	if k.created {
		k.keys = append(k.keys, in.NewOnly...)
	}
	k.keys = uniqueKeys(k.keys)
	c.recount(matching, before.keys, k.keys)
	if err := c.putParts(in, k, before.parts); err != nil {
		return err
	}

	if old != nil && old.order != k.order {
		c.tx.Delete(c.key(objectSort(in.Origin, old.order)))
	}
	body := c.tx
	if old == nil {
		body = body.AsNew()
	}
	body.PutWith(in.BodyKey, c.key(objectSort(in.Origin, k.order)), in.Body)
	c.save(k)
	if old == nil {
		body.PutPlain(uniqueKey(c.cfg.ID, in.Origin), c.id[:])
		c.head.objects++
		c.head.counts.add(in.Origin.Type, 1)
	}
	c.head.bytes += int64(k.size - before.size)
	c.head.expires = max(c.head.expires, k.expires)
	c.due(k.expires)
	c.explain.finished(c, old, k)
	return nil
}

// outdated reports whether the object is older, by its source's time, than the
// one that is stored.
func (o *Object) outdated(stored *contribution) bool {
	return o.SourceTime != 0 && stored.source != 0 && o.SourceTime < stored.source
}

// stored reads the contribution of an object; nil if the profile has none.
func (c *change) stored(o Origin) (*contribution, error) {
	if c.fresh {
		return nil, nil
	}
	if c.holds(o) {
		k := *c.head.first
		return &k, nil
	}
	v, err := c.tx.Get(c.ctx, c.key(contributionSort(o)), c.key(manualSort))
	if err != nil {
		return nil, fmt.Errorf("contribution: %w", err)
	}
	if c.manual == nil {
		if c.manual, err = decodeManual(v[1]); err != nil {
			return nil, err
		}
	}
	if v[0] == nil {
		return nil, nil
	}
	return decodeContribution(o, v[0])
}

// putFacts turns the values for the profile itself into facts and carries the
// profile forward by them.
func (c *change) putFacts(in *Object, k *contribution, before []Fact) error {
	m, err := c.loadManual()
	if err != nil {
		return err
	}
	fresh := make([]Fact, 0, len(in.Values)+2)
	for i := range in.Values {
		fresh = append(fresh, c.fact(in, &in.Values[i]))
	}
	if c.fresh && c.head.inferred {
		fresh = c.fill(in, fresh, "EmailAddress", in.Email)
		fresh = c.fill(in, fresh, "PhoneNumber", in.Phone)
	}
	slices.SortFunc(fresh, func(a, b Fact) int { return strings.Compare(a.Path, b.Path) })
	c.explain.gives(fresh)
	k.facts = accumulate(before, fresh, m.since)
	c.head.facts = slices.Grow(c.head.facts, len(fresh))
	for _, f := range fresh {
		// What the object gave before may be stronger still: then it has not
		// arrived as far as the profile goes.
		if i, ok := find(k.facts, f.Path); ok && k.facts[i].Seq == f.Seq {
			c.stand(f)
		}
	}
	return nil
}

func (c *change) fact(in *Object, v *Value) Fact {
	f := Fact{Path: v.Path, Text: v.Text, List: v.List, IsList: v.IsList, Seq: c.nextSeq(), Time: c.now,
		Priority: in.Priority, Origin: in.Origin}
	if in.SourceTime != 0 {
		f.Time = in.SourceTime
	}
	if name := family(v.Path); name != "" {
		f.Mapped = in.Maps(name)
	}
	return f
}

// fill gives an inferred profile an address that the mapping has typed as one
// but not targeted (behaviour: inferred profiles).
func (c *change) fill(in *Object, fresh []Fact, path, text string) []Fact {
	if text == "" || slices.ContainsFunc(fresh, func(f Fact) bool { return f.Path == path }) {
		return fresh
	}
	return append(fresh, c.fact(in, &Value{Path: path, Text: text}))
}

func uniqueKeys(keys []Key) []Key {
	sortKeys(keys)
	return slices.Compact(keys)
}

// putParts gives the object's values to the standard objects below the profile.
func (c *change) putParts(in *Object, k *contribution, before []part) error {
	var orphaned []part
	for i := range in.Parts {
		p := &in.Parts[i]
		var old *part
		if j := slices.IndexFunc(before, func(b part) bool { return b.kind == p.Kind }); j >= 0 {
			old = &before[j]
		}
		s, err := c.standardFor(p, old)
		c.explain.part(p, s)
		if err != nil {
			return err
		}
		n := part{kind: p.Kind, id: s.id, keys: slices.Clone(p.Keys)}
		if k.created {
			n.keys = append(n.keys, p.NewOnly...)
		}
		n.keys = uniqueKeys(n.keys)
		var had []Fact
		var hadKeys []Key
		if old != nil && old.id == s.id {
			had, hadKeys = old.facts, old.keys
		} else if old != nil {
			orphaned = append(orphaned, *old)
		}
		if old == nil || old.id != s.id {
			s.parts++
		}
		fresh := make([]Fact, len(p.Values))
		for j := range p.Values {
			fresh[j] = c.fact(in, &p.Values[j])
		}
		slices.SortFunc(fresh, func(a, b Fact) int { return strings.Compare(a.Path, b.Path) })
		n.facts = accumulate(had, fresh, func(string) uint64 { return 0 })
		for _, f := range fresh {
			s.facts, _ = advance(s.facts, f)
		}
		c.recountStandard(s, hadKeys, n.keys)
		c.saveStandard(s)
		k.parts = append(k.parts, n)
	}
	for _, b := range before {
		if !slices.ContainsFunc(k.parts, func(p part) bool { return p.kind == b.kind }) {
			k.parts = append(k.parts, b) // the mapping no longer speaks of it: it stays
		}
	}
	if len(orphaned) == 0 {
		return nil
	}
	rest, err := c.contributions()
	if err != nil {
		return err
	}
	rest = slices.DeleteFunc(rest, func(other *contribution) bool { return other.origin == k.origin })
	for _, p := range orphaned {
		if err := c.withdraw([]part{p}, rest); err != nil {
			return err
		}
	}
	return nil
}

// standardFor finds the standard object that a part belongs to, or makes one.
// Standard objects belong to a profile: a key never reaches into another
// customer's.
func (c *change) standardFor(p *Part, old *part) (*standardObject, error) {
	if c.fresh {
		return c.newStandard(p.Kind), nil
	}
	var spans []store.Span
	for _, k := range slices.Concat(p.Keys, p.NewOnly, p.Lookup) {
		spans = append(spans, within(c.p, standardKeySort(p.Kind, c.tx.Ring().Identify(identStandard, k.Name, k.Value)), 2))
		if id, ok := ParseID(k.Value); ok && namesItself(p.Kind, k.Name) {
			spans = append(spans, within(c.p, standardSort(p.Kind, id), 1))
		}
	}
	lists, err := c.tx.ScanPlain(c.ctx, spans...)
	if err != nil {
		return nil, fmt.Errorf("standard object keys: %w", err)
	}
	c.explain.found(c.tx.Ring(), p, lists)
	var hits []ID
	for _, list := range lists {
		for _, rec := range list {
			id := ID(rec.Key.Sort[len(rec.Key.Sort)-len(ID{}):])
			if !slices.Contains(hits, id) {
				hits = append(hits, id)
			}
		}
	}
	switch {
	case len(hits) > 1:
		return nil, errSeveral
	case len(hits) == 1:
		return c.loadStandard(p.Kind, hits[0])
	case old != nil && len(p.Keys) == 0:
		// No key says that it is another one than before. A key that does, and
		// finds nothing, makes a new one: the old one may be others' too.
		return c.loadStandard(p.Kind, old.id)
	}
	return c.newStandard(p.Kind), nil
}

func (c *change) newStandard(kind string) *standardObject {
	return &standardObject{kind: kind, id: NewID(), created: c.now}
}

func (c *change) loadStandard(kind string, id ID) (*standardObject, error) {
	v, err := c.tx.Get(c.ctx, c.key(standardSort(kind, id)))
	if err != nil {
		return nil, fmt.Errorf("standard object: %w", err)
	}
	if v[0] == nil {
		return nil, fmt.Errorf("standard object %s %s: %w", kind, id, store.ErrCorrupt)
	}
	return decodeStandard(kind, id, v[0])
}

// recountStandard replaces the keys that one contribution brings to a standard
// object.
func (c *change) recountStandard(s *standardObject, old, fresh []Key) {
	add := func(k Key, delta int) {
		at := store.Key{Partition: c.p, Sort: append(standardKeySort(s.kind, c.tx.Ring().Identify(identStandard, k.Name, k.Value)), s.id[:]...)}
		i, ok := slices.BinarySearchFunc(s.keys, k, compareKeys) // in order, so that the record is the same however it came about
		if !ok {
			s.keys, s.counts = slices.Insert(s.keys, i, k), slices.Insert(s.counts, i, 0)
		}
		if s.counts[i] += delta; s.counts[i] > 0 {
			c.tx.PutPlain(at, nil)
			return
		}
		s.keys, s.counts = slices.Delete(s.keys, i, i+1), slices.Delete(s.counts, i, i+1)
		c.tx.Delete(at)
	}
	for _, k := range old {
		if !slices.Contains(fresh, k) {
			add(k, -1)
		}
	}
	for _, k := range fresh {
		if !slices.Contains(old, k) {
			add(k, 1)
		}
	}
}

// saveStandard writes a standard object and brings its search keys up to date.
func (c *change) saveStandard(s *standardObject) {
	s.updated = c.now
	derived := standardKeys(s.kind, s.id, s.facts, c.cfg.Info.Settings.DefaultCountry)
	c.recount(findable, s.derived, derived)
	s.derived = derived
	c.tx.Put(c.key(standardSort(s.kind, s.id)), s.encode())
}

// withdraw takes objects' parts away from the one standard object that they all
// belong to. It goes when the rest of the contributions leave nothing of it.
func (c *change) withdraw(parts []part, rest []*contribution) error {
	kind, id := parts[0].kind, parts[0].id
	s, err := c.loadStandard(kind, id)
	if err != nil {
		return err
	}
	for _, p := range parts {
		c.recountStandard(s, p.keys, nil)
	}
	var facts []Fact
	s.parts = 0
	for _, k := range rest {
		for i := range k.parts {
			if q := &k.parts[i]; q.kind == kind && q.id == id {
				facts = append(facts, q.facts...)
				s.parts++
			}
		}
	}
	if s.parts == 0 {
		c.recount(findable, s.derived, nil)
		c.tx.Delete(c.key(standardSort(kind, id)))
		return nil
	}
	s.facts = Fold(facts)
	c.saveStandard(s)
	return nil
}

// remove takes objects and all they gave out of the profile, several at once so
// that what is left is read and folded once.
func (c *change) remove(gone ...*contribution) error {
	left, err := c.contributions()
	if err != nil {
		return err
	}
	leaving := make(map[Origin]bool, len(gone))
	for _, k := range gone {
		leaving[k.origin] = true
	}
	return c.leave(gone, slices.DeleteFunc(left, func(k *contribution) bool { return leaving[k.origin] }))
}

// leave is remove for who has the contributions that are left.
func (c *change) leave(gone, rest []*contribution) error {
	type name struct {
		kind string
		id   ID
	}
	var order []name
	parts := map[name][]part{}
	for _, k := range gone {
		for _, p := range k.parts {
			n := name{p.kind, p.id}
			if parts[n] == nil {
				order = append(order, n)
			}
			parts[n] = append(parts[n], p)
		}
	}
	for _, n := range order {
		if err := c.withdraw(parts[n], rest); err != nil {
			return err
		}
	}
	for _, k := range gone {
		c.discard(k)
	}
	return c.refold(rest)
}

// Part is the object's part for a kind of standard object, made if need be.
func (o *Object) Part(kind string) *Part {
	for i := range o.Parts {
		if o.Parts[i].Kind == kind {
			return &o.Parts[i]
		}
	}
	o.Parts = append(o.Parts, Part{Kind: kind})
	return &o.Parts[len(o.Parts)-1]
}
