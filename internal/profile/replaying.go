package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// replaying is the work of a replay on one profile.
type replaying struct {
	*Replay
	ctx    context.Context
	tx     *seal.Tx
	cfg    *domain.Config
	id     ID
	c      *change         // nil once the profile is gone
	all    []*contribution // its own
	source *Replayed       // the profile that an object has left last
	dirty  bool            // there is something to be folded and written
}

func (w *replaying) open(c *change) (err error) {
	w.c, w.dirty = c, false
	w.all, err = c.contributions()
	return err
}

// todo lists the objects that are to be replayed, in their order.
func (w *replaying) todo(after *Place) []*contribution {
	var list []*contribution
	for _, k := range w.all {
		if w.concerns(k) && !k.residue() && (after == nil || k.place().compare(*after) > 0) {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b *contribution) int { return a.place().compare(b.place()) })
	return list
}

// concerns reports whether a contribution is to be replayed.
func (w *replaying) concerns(k *contribution) bool {
	switch {
	case k.origin.Type != w.ObjectType || k.mapping == w.To:
		return false
	case w.Undo == nil:
		return true
	case k.residue():
		return k.before != nil
	}
	return slices.Contains(w.Undo, k.mapping)
}

// some replays some objects, whose texts are read at once.
func (w *replaying) some(list []*contribution) error {
	keys := make([]store.Key, len(list))
	for i, k := range list {
		keys[i] = w.c.key(objectSort(k.origin, k.order))
	}
	bodies, err := w.c.tx.Get(w.ctx, keys...)
	if err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	for i, k := range list {
		if bodies[i] == nil {
			return fmt.Errorf("profile %s has a contribution without object: %w", w.id, store.ErrCorrupt)
		}
		if w.c == nil {
			return nil // the profile has gone with its last object
		}
		if j := slices.IndexFunc(w.all, func(o *contribution) bool { return o.origin == k.origin }); j < 0 {
			continue // it had to leave a full profile
		}
		w.Count(CountObjects, 1)
		err := w.object(k, bodies[i])
		if name, failed := failure(err); failed {
			w.fail(name)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// failure names what keeps an object from being replayed.
func failure(err error) (name string, failed bool) {
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.name, true
		}
	}
	var u *Unmapped
	if errors.As(err, &u) {
		return u.Reason, true
	}
	return "", false
}

// object replays one object.
func (w *replaying) object(k *contribution, body []byte) error {
	if w.Undo != nil && k.before != nil && !k.before.again {
		return w.restore(k, body)
	}
	m, err := w.Remap(body)
	if err != nil {
		return err
	}
	in := m.Object
	in.Body = body
	if in.Origin != k.origin {
		return errUniqueChanged
	}
	if w.Undo == nil && w.SameKeys(k.mapping) || w.Undo != nil && k.before != nil {
		if k.way != nil {
			in.way = in.path(m.Lookup, w.Create, k.way.target, k.way.again)
		}
		return w.replace(in, k, m.Lookup)
	}
	if err := w.c.writeIndex(); err != nil {
		return err
	}
	to, err := w.whereTo(m.Lookup, k)
	if err != nil {
		return err
	}
	if to.stays {
		if w.c.satellite() {
			in.way = in.path(m.Lookup, w.Create, to.found, to.found == w.c.id)
		}
		return w.replace(in, k, m.Lookup)
	}
	return w.move(in, k, &to, m.Lookup)
}

// given is what an object gives by its new mapping, without parts: what it gave
// when it was last ingested goes, and what earlier versions of it gave stays as far
// as the mapping still writes there. The facts have the place and the time of the
// last ingestion.
func (w *replaying) given(c *change, in *Object, k *contribution) (*contribution, error) {
	m, err := c.loadManual()
	if err != nil {
		return nil, err
	}
	n, was := *k, k
	if w.Undo != nil && k.before != nil {
		was = k.before.was
	}
	n.mapping, n.way, n.before, n.parts = w.To, in.way, nil, nil
	at := k.last + k.late
	n.source, n.order = in.SourceTime, at
	if in.SourceTime != 0 {
		n.order = in.SourceTime
	} else if k.order != k.source {
		n.source = k.source // which an earlier version gave
	}
	earlier := w.earlier(was.facts, "_profile", k.seq)
	if was != k && k.before.home != c.id { // places there say nothing here
		for i := range earlier {
			earlier[i].Seq = k.seq
		}
	}
	fresh := make([]Fact, 0, len(in.Values)+2)
	for i := range in.Values {
		fresh = append(fresh, w.fact(in, &in.Values[i], k))
	}
	if k.created && c.head.inferred && n.way == nil {
		for _, v := range [...]Value{{Path: "EmailAddress", Text: in.Email}, {Path: "PhoneNumber", Text: in.Phone}} {
			has := func(f Fact) bool { return f.Path == v.Path }
			if old, ok := find(was.facts, v.Path); ok && v.Text != "" && was.facts[old].Seq < k.seq && !slices.ContainsFunc(earlier, has) {
				i, _ := find(earlier, v.Path)
				earlier = slices.Insert(earlier, i, w.renewed(was.facts[old]))
			} else if v.Text != "" && !slices.ContainsFunc(fresh, has) && !slices.ContainsFunc(earlier, has) {
				f := w.fact(in, &v, k)
				if len(k.versions) > 0 { // what it fills, it filled when it came first
					f.Seq = k.versions[0]
					if in.SourceTime == 0 {
						f.Time = k.first
					}
				}
				fresh = append(fresh, f)
			}
		}
	}
	slices.SortFunc(fresh, func(a, b Fact) int { return strings.Compare(a.Path, b.Path) })
	n.facts = accumulate(earlier, fresh, m.since)
	n.keys = slices.Clone(in.Keys)
	if n.created {
		n.keys = append(n.keys, in.NewOnly...)
	}
	n.keys = uniqueKeys(n.keys)
	return &n, nil
}

// earlier are facts of versions before the last that the mapping still writes.
func (w *replaying) earlier(facts []Fact, kind string, seq uint64) []Fact {
	var out []Fact
	for _, f := range facts {
		if f.Seq < seq && w.Targets(kind, f.Path) {
			out = append(out, w.renewed(f))
		}
	}
	return out
}

// renewed is an earlier fact as a source with the mapping gives it.
func (w *replaying) renewed(f Fact) Fact {
	f.Priority = w.Priority
	if name := family(f.Path); name != "" {
		f.Mapped = w.Maps(name)
	}
	return f
}

func (w *replaying) fact(in *Object, v *Value, k *contribution) Fact {
	f := Fact{Path: v.Path, Text: v.Text, List: v.List, IsList: v.IsList, Seq: k.seq, Time: k.last + k.late, Priority: w.Priority, Origin: in.Origin}
	if in.SourceTime != 0 {
		f.Time = in.SourceTime
	}
	if name := family(v.Path); name != "" {
		f.Mapped = w.Maps(name)
	}
	return f
}

// givenParts is what the object gives to standard objects of a profile. Those that
// are made for it are returned too; nothing is written.
func (w *replaying) givenParts(c *change, in *Object, k *contribution, before []part, created bool) (parts []part, made []*standardObject, err error) {
	for i := range in.Parts {
		p := &in.Parts[i]
		n := part{kind: p.Kind, keys: slices.Clone(p.Keys)}
		if created {
			n.keys = append(n.keys, p.NewOnly...)
		}
		n.keys = uniqueKeys(n.keys)
		var old *part
		if j := slices.IndexFunc(before, func(b part) bool { return b.kind == p.Kind }); j >= 0 {
			old = &before[j]
		}
		s, err := c.standardFor(p, old)
		if err != nil {
			return nil, nil, err
		}
		if n.id = s.id; s.updated == 0 {
			made = append(made, s)
		}
		fresh := make([]Fact, len(p.Values))
		for j := range p.Values {
			fresh[j] = w.fact(in, &p.Values[j], k)
		}
		slices.SortFunc(fresh, func(a, b Fact) int { return strings.Compare(a.Path, b.Path) })
		var had []Fact
		if old != nil && old.id == s.id {
			had = w.earlier(old.facts, p.Kind, k.seq)
		}
		n.facts = accumulate(had, fresh, func(string) uint64 { return 0 })
		parts = append(parts, n)
	}
	for _, b := range before { // of an earlier version; the last one does not speak of it
		if slices.ContainsFunc(parts, func(p part) bool { return p.kind == b.kind }) || !w.Targets(b.kind, "") {
			continue
		}
		if facts := w.earlier(b.facts, b.kind, k.seq); len(facts) > 0 || len(b.facts) == 0 {
			b.facts = facts
			parts = append(parts, b)
		}
	}
	return parts, made, nil
}

// replace puts what the object gives by its new mapping in the place of what it
// gave, in the profile that it is in.
func (w *replaying) replace(in *Object, k *contribution, lookup []Key) error {
	c := w.c
	n, err := w.given(c, in, k)
	if err != nil {
		return err
	}
	parts, made, err := w.givenParts(c, in, k, k.parts, n.created)
	if err != nil {
		return err
	}
	n.parts = parts
	if w.Undo == nil {
		n.before = c.formerly(k)
	}
	if err := w.exchange(k, n, made, in.Body); err != nil {
		return err
	}
	w.replaced(k)
	return w.keys(w.c, k.keys, n.keys, lookup)
}

// exchange writes a contribution in the place of another of the same object.
func (w *replaying) exchange(k, n *contribution, made []*standardObject, body []byte) error {
	c := w.c
	w.touch(c)
	i := slices.IndexFunc(w.all, func(o *contribution) bool { return o.origin == k.origin })
	rest := slices.Delete(slices.Clone(w.all), i, i+1)
	if len(k.parts)+len(n.parts) > 0 {
		if err := c.swapParts(k.parts, n.parts, made, rest); err != nil {
			return err
		}
	}
	c.recount(matching, k.keys, n.keys)
	if k.order != n.order {
		c.tx.Delete(c.key(objectSort(k.origin, k.order)))
		c.tx.PutWith(c.tx.Ring().TypeKey(k.origin.Type), c.key(objectSort(n.origin, n.order)), body)
	}
	c.save(n)
	w.all[i], w.dirty = n, true
	return nil
}

// swapParts replaces an object's parts by others. made are the standard objects
// among them that are new; rest are the other contributions of the profile.
func (c *change) swapParts(old, fresh []part, made []*standardObject, rest []*contribution) error {
	type name struct {
		kind string
		id   ID
	}
	var order []name
	pairs := map[name]*[2]*part{}
	for side, list := range [2][]part{old, fresh} {
		for i := range list {
			n := name{list[i].kind, list[i].id}
			if pairs[n] == nil {
				pairs[n] = &[2]*part{}
				order = append(order, n)
			}
			pairs[n][side] = &list[i]
		}
	}
	for _, n := range order {
		s, err := c.standardOf(n.kind, n.id, made)
		if err != nil {
			return err
		}
		var had, has []Key
		var facts []Fact
		s.parts = 0
		if p := pairs[n][0]; p != nil {
			had = p.keys
		}
		if p := pairs[n][1]; p != nil {
			has, facts, s.parts = p.keys, slices.Clone(p.facts), 1
		}
		c.recountStandard(s, had, has)
		for _, k := range rest {
			for i := range k.parts {
				if q := &k.parts[i]; q.kind == n.kind && q.id == n.id {
					facts = append(facts, q.facts...)
					s.parts++
				}
			}
		}
		if s.parts == 0 {
			c.recount(findable, s.derived, nil)
			c.tx.Delete(c.key(standardSort(n.kind, n.id)))
			continue
		}
		s.facts = Fold(facts)
		c.saveStandard(s)
	}
	return nil
}

// standardOf reads a standard object, or makes one that is not there any more.
func (c *change) standardOf(kind string, id ID, made []*standardObject) (*standardObject, error) {
	if i := slices.IndexFunc(made, func(s *standardObject) bool { return s.kind == kind && s.id == id }); i >= 0 {
		return made[i], nil
	}
	v, err := c.tx.Get(c.ctx, c.key(standardSort(kind, id)))
	if err != nil {
		return nil, fmt.Errorf("standard object: %w", err)
	}
	if v[0] == nil {
		return &standardObject{kind: kind, id: id, created: c.now}, nil
	}
	return decodeStandard(kind, id, v[0])
}

// residue replays the values of evicted objects: there is no text to map anew, so
// of them stays what the mapping still writes.
func (w *replaying) residue() error {
	if w.c == nil {
		return nil
	}
	i := slices.IndexFunc(w.all, func(k *contribution) bool { return k.residue() && w.concerns(k) })
	if i < 0 {
		return nil
	}
	k := w.all[i]
	n := *k
	n.mapping, n.before = w.To, nil
	if w.Undo != nil {
		n = *k.before.was
		n.mapping = w.To
	} else {
		n.before = w.c.formerly(k)
		n.facts = nil
		for _, f := range k.facts {
			if w.Targets("_profile", f.Path) {
				n.facts = append(n.facts, w.renewed(f))
			}
		}
	}
	w.touch(w.c)
	w.dirty = true
	if len(n.facts) == 0 && n.before == nil {
		w.c.drop(k.origin)
		w.all = slices.Delete(w.all, i, i+1)
		return nil
	}
	w.c.save(&n)
	w.all[i] = &n
	return nil
}

// flush folds the profile and writes it.
func (w *replaying) flush() error {
	if w.c == nil || !w.dirty {
		return nil
	}
	if err := w.c.refold(w.all); err != nil {
		return err
	}
	if err := w.c.finish(); err != nil {
		return err
	}
	w.dirty = false
	w.stands(w.c)
	return nil
}

// again reads the profile anew, after what was known of it has been written.
func (w *replaying) again() error {
	c, err := loadBase(w.ctx, w.tx, w.cfg, w.id)
	if fault.Is(err, fault.NotFound) {
		w.c, w.all = nil, nil
		return nil
	}
	if err != nil {
		return err
	}
	return w.open(c)
}
