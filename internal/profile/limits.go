package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// What one profile holds (AWS: "Customer Profiles data limits"): so many objects,
// and so many bytes of their texts.
const (
	MaxObjects = 1000
	MaxBytes   = 51_200 << 10
)

// Limits bound what one profile holds. Objects and Bytes are without bound when
// they are 0. OfType is the MaxProfileObjectCount of each object type that has
// one: it says whose objects go first when a profile is full, and sets nothing
// aside.
type Limits struct {
	Objects int
	Bytes   int64
	OfType  map[string]int
}

// tally counts the objects of a profile by their type, in the order of the
// types' names. Types without objects are not in it.
type tally []typeCount

type typeCount struct {
	objectType string
	objects    int
}

func (t tally) find(objectType string) (int, bool) {
	return slices.BinarySearchFunc(t, objectType, func(n typeCount, name string) int { return strings.Compare(n.objectType, name) })
}

func (t tally) of(objectType string) int {
	if i, ok := t.find(objectType); ok {
		return t[i].objects
	}
	return 0
}

func (t *tally) add(objectType string, n int) {
	i, ok := t.find(objectType)
	if !ok {
		*t = slices.Insert(*t, i, typeCount{objectType: objectType})
	}
	if (*t)[i].objects += n; (*t)[i].objects == 0 {
		*t = slices.Delete(*t, i, i+1)
	}
}

func (e *encoder) tally(t tally) {
	e.uint(uint64(len(t)))
	for _, n := range t {
		e.string(n.objectType)
		e.uint(uint64(n.objects))
	}
}

func (d *decoder) tally() tally {
	n := d.count(stringBytes + 1)
	if n == 0 {
		return nil
	}
	t := make(tally, n)
	for i := range t {
		t[i] = typeCount{d.string(), int(d.uint())}
	}
	return t
}

// makeRoom has objects leave until the one that comes fits. old is the object
// that it replaces, if any, which does not leave.
func (c *change) makeRoom(in *Object, old *contribution) error {
	l := &in.Limits
	if l.Bytes > 0 && int64(len(in.Body)) > l.Bytes {
		return fault.New(fault.Invalid, "The object is larger than the %d bytes that a profile holds", l.Bytes)
	}
	more, grown, own := 1, int64(len(in.Body)), 0
	if old != nil {
		more, grown, own = 0, grown-int64(old.size), 1
	}
	for l.Objects > 0 && c.head.objects+more > l.Objects || l.Bytes > 0 && c.head.bytes+grown > l.Bytes {
		from := c.head.counts.victim(in.Origin.Type, own, l.OfType)
		o, err := c.oldest(from, in.Origin)
		if err != nil {
			return err
		}
		if err := c.evict(o); err != nil {
			return err
		}
	}
	return nil
}

// victim names the type that loses an object to one that comes: the one that is
// furthest over its own limit; if none is, the type of what comes; if that has
// none but the own objects that stay, the type with the most. Of equal ones it is
// the first by name.
func (t tally) victim(coming string, own int, limits map[string]int) string {
	name, most := "", 0
	for _, n := range t {
		if limit, ok := limits[n.objectType]; ok && n.objects-limit > most {
			name, most = n.objectType, n.objects-limit
		}
	}
	if name != "" {
		return name
	}
	if t.of(coming) > own {
		return coming
	}
	for _, n := range t {
		if n.objectType != coming && n.objects > most {
			name, most = n.objectType, n.objects
		}
	}
	return name
}

// oldest is the object of a type that is last in the order of the list, but for
// one.
func (c *change) oldest(objectType string, but Origin) (Origin, error) {
	span := within(c.p, named('o', objectType, 0), 1)
	span.Reverse = true
	if objectType == but.Type {
		span.Limit = 2
	}
	lists, err := c.tx.ScanPlain(c.ctx, span)
	if err != nil {
		return Origin{}, fmt.Errorf("oldest object: %w", err)
	}
	for _, rec := range lists[0] {
		sort := rec.Key.Sort
		if o := (Origin{objectType, seal.Hash(sort[len(sort)-seal.HashSize:])}); o != but {
			return o, nil
		}
	}
	return Origin{}, fmt.Errorf("profile %s counts objects that it has not: %w", c.id, store.ErrCorrupt)
}

// evict takes an object out of a full profile. The object, its keys and what it
// gave to standard objects go. The values that it gave to the profile itself stay,
// in the residue of its type, so that the profile stands as it stood.
func (c *change) evict(o Origin) error {
	k, err := c.stored(o)
	if err != nil {
		return err
	}
	if k == nil {
		return fmt.Errorf("profile %s has an object without contribution: %w", c.id, store.ErrCorrupt)
	}
	if err := c.withdrawAll(k); err != nil {
		return err
	}
	c.discard(k)
	return c.leaveResidue(k)
}

// withdrawAll takes the parts of one object away from their standard objects.
// The other contributions are read only if a standard object is left of which the
// object's values stand.
func (c *change) withdrawAll(k *contribution) error {
	var rest []*contribution
	for i := range k.parts {
		p := &k.parts[i]
		s, err := c.loadStandard(p.kind, p.id)
		if err != nil {
			return err
		}
		stands := slices.ContainsFunc(s.facts, func(f Fact) bool { return f.Origin == k.origin })
		if s.parts > 1 && !stands {
			c.recountStandard(s, p.keys, nil)
			s.parts--
			c.saveStandard(s)
			continue
		}
		if s.parts > 1 && rest == nil {
			if rest, err = c.contributions(); err != nil {
				return err
			}
			rest = slices.DeleteFunc(rest, func(other *contribution) bool { return other.origin == k.origin })
		}
		if err := c.withdraw(k.parts[i:i+1], rest); err != nil {
			return err
		}
	}
	return nil
}

// discard removes the records of a contribution and takes it out of the counts.
func (c *change) discard(k *contribution) {
	c.recount(matching, k.keys, nil)
	c.dropVersions(k.versions)
	c.drop(k.origin)
	if k.residue() {
		return
	}
	c.tx.Delete(c.key(objectSort(k.origin, k.order)))
	c.tx.Delete(uniqueKey(c.cfg.ID, k.origin))
	c.head.objects--
	c.head.bytes -= int64(k.size)
	c.head.counts.add(k.origin.Type, -1)
}

// A residue is the contribution of the objects of one type that were evicted
// from a profile: of each field the one value that may still come to stand. It
// has no object, no keys and no parts. Its place is that of an object whose hash
// is zero, which no object has. first and last span the arrivals of what it
// holds, and it expires with the newest of them.
func (k *contribution) residue() bool { return k.origin.Object == seal.Hash{} }

// condense adds the facts of an evicted object to those of the residue with an
// origin. What a person has overruled since never stands again; of the rest one
// outranks the others whatever else comes or goes, so their fold loses nothing.
// But a merge may have put aside what arrived before it, so that what has arrived
// since counts, though it be weaker; and it has decided by what there was. So of a
// merged profile the residue keeps one fact for each era between merges.
func condense(o Origin, residue, evicted []Fact, since func(path string) uint64, eras []uint64) []Fact {
	all := slices.DeleteFunc(slices.Concat(residue, evicted), func(f Fact) bool { return f.Seq < since(f.Path) })
	for i := range all {
		all[i].Origin = o
	}
	slices.SortFunc(all, func(a, b Fact) int { return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(b.Seq, a.Seq)) })
	var kept []Fact // of each path the newest era first
	for _, f := range all {
		switch last := len(kept) - 1; {
		case last < 0 || kept[last].Path != f.Path:
			kept = append(kept, f)
		case slices.ContainsFunc(eras, func(seq uint64) bool { return f.Seq < seq && seq < kept[last].Seq }):
			kept = append(kept, f)
		case outranks(&f, &kept[last]):
			kept[last] = f
		}
	}
	return kept
}

// eras are the places at which the profile's eras begin; none if it is alone.
func (c *change) eras() []uint64 {
	if c.group == nil {
		return nil
	}
	return c.group.eras
}

// leaveResidue keeps the values of an evicted object.
func (c *change) leaveResidue(k *contribution) error {
	m, err := c.loadManual()
	if err != nil {
		return err
	}
	o := Origin{Type: k.origin.Type}
	r, err := c.stored(o)
	if err != nil {
		return err
	}
	if r == nil {
		r = &contribution{origin: o, first: k.first, mapping: k.mapping}
	}
	before := c.condenseFormer(k, r, o, m.since)
	r.before = before
	if r.mapping != k.mapping { // some of both
		r.mapping = 0
	}
	r.facts = condense(o, r.facts, k.facts, m.since, c.eras())
	r.first, r.last, r.expires = min(r.first, k.first), max(r.last, k.last), max(r.expires, k.expires)
	if len(r.facts) == 0 && r.before == nil {
		c.drop(o)
	} else {
		c.save(r)
	}
	inherit(c.head.facts, k.origin, o)
	if c.group != nil {
		inherit(c.group.facts, k.origin, o)
	}
	return nil
}

// inherit makes facts those of the residue.
func inherit(facts []Fact, from, to Origin) {
	for i := range facts {
		if facts[i].Origin == from {
			facts[i].Origin = to
		}
	}
}
