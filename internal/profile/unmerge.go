package profile

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Unmerge undoes a merge, wherever it stands in the lineage: the profiles that are
// left are those that would be there had it never been made, with what was
// ingested since where its keys put it. It returns the profiles that stand for
// themselves again, and how many records of satellites found their way anew.
// A merge that is not known, or whose profiles are gone, is a NotFound fault; one
// that is undone already is an Invalid fault.
func (s *Service) Unmerge(ctx context.Context, domainName, mergeID string) (u *Unmerged, err error) {
	missing := fault.New(fault.NotFound, "No merge with the MergeId %s exists in this domain", mergeID)
	id, ok := ParseID(mergeID)
	if !ok {
		return nil, missing
	}
	err = s.domains.Update(ctx, domainName, func(cfg *domain.Config, tx *seal.Tx) error {
		v, err := tx.GetPlain(ctx, mergeKey(cfg.ID, id))
		if err != nil {
			return fmt.Errorf("merge: %w", err)
		}
		if len(v[0]) != len(ID{}) {
			return missing
		}
		c, err := loadBase(ctx, tx, cfg, ID(v[0]))
		if err != nil {
			return err
		}
		w := &unmerging{ctx: ctx, tx: tx, cfg: cfg, out: &Unmerged{MergeID: mergeID, At: tx.Now()}}
		if err := w.gather(c, id); err != nil {
			return err
		}
		u = w.out
		return w.undo()
	})
	return u, err
}

// Unmerged says what came of undoing a merge.
type Unmerged struct {
	MergeID  string
	Main     ID   // the profile that the others have left
	Restored []ID // those that stand for themselves again
	Moved    int  // records that found their way anew
	At       time.Time
}

type unmerging struct {
	ctx    context.Context
	tx     *seal.Tx
	cfg    *domain.Config
	g      *group  // as it was
	bases  []*base // of its members, or of those who leave
	stays  bool    // what they leave stands as it stood, see leave
	merge  *merge
	rest   []*merge  // merges that still stand, in order
	path   []*merge  // those of them by which the main side became part of others, in order
	rootOf map[ID]ID // where a profile is merged now, see root
	out    *Unmerged
	loose  []satellite
	// had says for each later merge what stood on the side that the profiles leave.
	had   map[ID][]*Fact
	again []*merge // those that decide anew
	past  *when    // see stood
	err   error    // of choose
}

// gather reads the group and the merge.
func (w *unmerging) gather(c *change, id ID) (err error) {
	if c.group == nil {
		return errUndone(id)
	}
	if enough, err := w.leave(c, id); enough || err != nil {
		return err
	}
	w.g = c.group
	if w.bases, err = w.g.read(); err != nil {
		return err
	}
	merges := standingMerges(w.bases)
	for _, m := range merges {
		if m.id == id {
			w.merge = m
		} else {
			w.rest = append(w.rest, m)
		}
	}
	if w.merge == nil {
		return errUndone(id)
	}
	w.ascend()
	if !slices.ContainsFunc(w.rest, func(m *merge) bool { return w.later(m) != ID{} }) {
		return nil
	}
	w.had = map[ID][]*Fact{}
	return w.g.fold(w.bases, merges, func(m *merge, standing map[ID][]*Fact) {
		if side := w.later(m); side != (ID{}) {
			w.had[m.id] = standing[side]
		}
	})
}

// ascend finds out where each profile is merged without the merge.
func (w *unmerging) ascend() {
	w.rootOf = map[ID]ID{}
	for _, m := range slices.Backward(w.rest) { // what a main profile is merged into came later
		for _, id := range m.merged {
			w.rootOf[id] = w.root(m.main)
		}
	}
	at := w.merge.main
	for _, m := range w.rest {
		if slices.Contains(m.merged, at) {
			w.path = append(w.path, m)
			at = m.main
		}
	}
}

// root is the profile that clients will see of a base profile.
func (w *unmerging) root(id ID) ID {
	if r, ok := w.rootOf[id]; ok {
		return r
	}
	return id
}

// later is the side of a later merge on which the profiles were that leave; zero
// if they were on none.
func (w *unmerging) later(m *merge) ID {
	if m.seq < w.merge.seq {
		return ID{}
	}
	side := w.merge.main
	if n, _ := slices.BinarySearchFunc(w.path, m.seq, func(p *merge, seq uint64) int { return cmp.Compare(p.seq, seq) }); n > 0 {
		side = w.path[n-1].main
	}
	if !slices.Contains(m.sides(), side) {
		return ID{}
	}
	return side
}

func errUndone(id ID) error {
	return fault.New(fault.Invalid, "MergeId: the merge %s has been undone", id)
}

func top(up map[ID]ID, id ID) ID {
	for {
		next, ok := up[id]
		if !ok {
			return id
		}
		id = next
	}
}

// undo takes the merge away.
func (w *unmerging) undo() error {
	g, r := w.g, w.g.root
	w.merge.undone, w.merge.undoneBy = w.tx.Now().UnixMicro(), performer(w.ctx)
	if err := g.putMerge(w.merge); err != nil {
		return err
	}
	parts := map[ID][]*base{}
	for _, b := range w.bases {
		if g.satellite(b.id) == nil {
			root := w.root(b.id)
			parts[root] = append(parts[root], b)
		}
	}
	var kept map[ID][]satellite
	if !w.stays {
		kept = w.settle(parts)
	}
	w.out.Main = w.root(w.merge.main)
	var changed []*change
	for _, root := range sortedRoots(parts) {
		c, err := w.stand(root, parts[root], kept[root])
		if err != nil {
			return err
		}
		changed = append(changed, c)
	}
	if w.stays {
		changed = append(changed, w.stay())
	}
	for _, m := range w.again {
		if err := w.write(m, changed); err != nil {
			return err
		}
	}
	for _, c := range changed {
		if c != r {
			w.out.Restored = append(w.out.Restored, c.id)
		}
		if err := w.close(c); err != nil {
			return err
		}
	}
	return w.scatter()
}

// write writes a merge that has decided anew, which is within one of the parts.
func (w *unmerging) write(m *merge, parts []*change) error {
	for _, c := range parts {
		if c.id == w.root(m.main) {
			return c.group.putMerge(m)
		}
	}
	return fmt.Errorf("merge %s is in no part: %w", m.id, store.ErrCorrupt)
}

func sortedRoots(parts map[ID][]*base) []ID {
	ids := make([]ID, 0, len(parts))
	for id := range parts {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

// settle finds for each satellite the group that it still belongs to; the others
// are loose.
func (w *unmerging) settle(parts map[ID][]*base) map[ID][]satellite {
	kept := map[ID][]satellite{}
	byID := map[ID]*base{}
	for _, b := range w.bases {
		byID[b.id] = b
	}
	for _, s := range w.g.satellites {
		root := w.root(s.anchor)
		if slices.ContainsFunc(s.hits, func(h ID) bool { return w.root(h) != root }) {
			w.loose = append(w.loose, s)
			continue
		}
		kept[root] = append(kept[root], s)
		if b := byID[s.id]; b != nil {
			parts[root] = append(parts[root], b)
		}
	}
	return kept
}

// stand makes one of the parts a profile of its own.
func (w *unmerging) stand(root ID, bases []*base, satellites []satellite) (*change, error) {
	old := w.g
	c, err := old.member(root)
	if err != nil {
		return nil, err
	}
	c.head.seq, c.now = max(c.head.seq, old.root.head.seq), old.root.now
	g := &group{root: c, open: map[ID]*change{}, satellites: satellites}
	if c == old.root {
		g.derived, g.counted = old.derived, old.counted
	}
	var members []ID
	for _, b := range bases {
		g.objects += b.head.objects
		if b.id == root {
			continue
		}
		members = append(members, b.id)
		if c != old.root {
			c.leadsTo(b.id, root)
		}
	}
	if err := g.add(members...); err != nil {
		return nil, err
	}
	delete(old.open, root)
	c.group = g
	if len(members) == 0 {
		return c, nil
	}
	c.head.role = rootOfGroup
	merges := slices.DeleteFunc(slices.Clone(w.rest), func(m *merge) bool { return w.root(m.main) != root })
	g.eras = erasOf(merges)
	if err := g.fold(bases, merges, w.choose); err != nil {
		return nil, err
	}
	return c, w.err
}

// choose decides anew, unit by unit (see unit), what a later merge would have
// chosen without the profiles that have left. All else stays chosen.
func (w *unmerging) choose(m *merge, standing map[ID][]*Fact) {
	side := w.later(m)
	if side == (ID{}) || w.err != nil {
		return
	}
	// What counts is what the side had then, with them and without. As far as nobody
	// knows, it is what it has now.
	then, known := w.stood(m, w.rest, w.loose)
	with, alike := w.stood(m, append(slices.Clone(w.rest), w.merge), nil)
	if !known || !alike {
		then, with = standing, map[ID][]*Fact{side: w.had[m.id]}
	}
	had, has := units(with[side]), units(then[side])
	// What nobody had and nobody has need not be chosen.
	any := map[string]bool{}
	for _, facts := range standing {
		maps.Copy(any, units(facts))
	}
	for _, facts := range then {
		maps.Copy(any, units(facts))
	}
	source := m.source()
	anew := func(u string) bool { return any[u] && had[u] != has[u] }
	changed := false
	for u := range any {
		changed = changed || anew(u)
	}
	before, fields := m.fields, slices.Clone(m.fields)
	if changed {
		again := *m
		again.decide(then)
		fields = slices.DeleteFunc(fields, func(c choice) bool { return anew(unit(c.path)) })
		for _, c := range again.fields {
			if anew(unit(c.path)) {
				fields = append(fields, c)
			}
		}
	}
	for _, f := range standing[side] {
		if u := unit(f.Path); !anew(u) && source(u) != m.main {
			if _, ok := m.from(f.Path); !ok {
				fields = append(fields, choice{f.Path, source(u)})
			}
		}
	}
	if !changed && len(fields) == len(before) {
		return
	}
	m.fields = fields
	m.sortFields()
	if !slices.Equal(before, m.fields) {
		m.was = append(m.was, decision{w.tx.Now().UnixMicro(), before})
		w.again = append(w.again, m)
	}
}

// stood gives what stood on the sides of a merge when it was made, if of the others
// those in merges had been made: also what has been ingested or written anew since.
// Satellites that are gone by then are left out. It reports false if the logs do not
// reach back so far.
func (w *unmerging) stood(m *merge, merges []*merge, gone []satellite) (then map[ID][]*Fact, known bool) {
	if w.past == nil {
		w.past = &when{ctx: w.ctx, r: &w.tx.Reader, d: w.cfg.ID}
	}
	w.past.at, w.past.seq = m.at, m.seq-1
	then = map[ID][]*Fact{}
	for _, side := range m.sides() {
		facts := map[ID][]Fact{}
		var below []*merge
		for open := []ID{side}; len(open) > 0; open = open[1:] {
			id := open[0]
			b, err := w.past.base(id)
			if err != nil {
				w.err = err
				return nil, false
			}
			if b == nil || b.head.forgotten > m.at {
				return nil, false
			}
			facts[id] = w.past.facts(b)
			for _, x := range merges {
				if x.main == id && x.seq < m.seq {
					below, open = append(below, x), append(open, x.merged...)
				}
			}
			for _, s := range w.g.satellites {
				if s.anchor == id && !slices.ContainsFunc(gone, func(l satellite) bool { return l.id == s.id }) {
					open = append(open, s.id)
				}
			}
		}
		byArrival(below)
		then[side] = refs(foldGroup(facts, w.g.satellites, below, nil))
	}
	return then, true
}

// units are those of which there are facts.
func units(facts []*Fact) map[string]bool {
	set := make(map[string]bool, len(facts))
	for _, f := range facts {
		set[unit(f.Path)] = true
	}
	return set
}

// source tells from which profile a merge takes a unit.
func (m *merge) source() func(u string) ID {
	from := make(map[string]ID, len(m.fields))
	for _, c := range m.fields {
		from[unit(c.path)] = c.from
	}
	return func(u string) ID {
		if id, ok := from[u]; ok {
			return id
		}
		return m.main
	}
}

// close writes a profile that a part has become.
func (w *unmerging) close(c *change) error {
	g := c.group
	c.due(c.head.expires) // as a member it did not expire on its own
	if len(g.members) > 0 {
		if c != w.g.root {
			c.tx.Delete(c.key(intoSort))
			c.cfg.Count(c.tx, c.id[0], domain.Totals{Profiles: 1, Metered: domain.Metered(0)})
			g.counted = 0
		}
		if err := c.note(updated, func(e *entry) { e.merge = w.merge.id }); err != nil {
			return err
		}
		return c.finish()
	}
	t := domain.Totals{Metered: domain.Metered(c.head.objects)}
	if c == w.g.root {
		t.Metered -= domain.Metered(g.counted)
		c.recount(findable, g.derived, nil)
		c.tx.Delete(c.key(groupSort))
	} else {
		t.Profiles = 1
		c.tx.Delete(c.key(intoSort))
	}
	c.cfg.Count(c.tx, c.id[0], t)
	c.head.role, c.group = alone, nil
	if err := c.note(updated, func(e *entry) { e.merge = w.merge.id }); err != nil {
		return err
	}
	return c.finish()
}

// record is an object on its way out of a satellite.
type record struct {
	k    *contribution
	body []byte
}

// scatter sends the records of loose satellites where their keys put them now.
func (w *unmerging) scatter() error {
	for _, s := range w.loose {
		records, err := w.dissolve(s)
		if err != nil {
			return err
		}
		fresh := s.id // the first profile that is made keeps the satellite's id
		for _, rec := range records {
			used, err := w.reattach(rec, fresh)
			if err != nil {
				return err
			}
			if used {
				fresh = NewID()
			}
			w.out.Moved++
		}
	}
	return nil
}

// dissolve takes a satellite away and returns its records in the order in which they
// find their way: the first ingested first, but one that has come to what another's key
// found came there when it found it.
func (w *unmerging) dissolve(s satellite) ([]record, error) {
	c, err := read(w.ctx, w.tx, w.cfg, s.id)
	if err != nil {
		return nil, err
	}
	all, err := c.contributions()
	if err != nil {
		return nil, err
	}
	keys := make([]store.Key, len(all))
	for i, k := range all {
		keys[i] = c.key(objectSort(k.origin, k.order))
	}
	bodies, err := c.tx.Get(w.ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("objects: %w", err)
	}
	var list []record
	for i, k := range all {
		list = append(list, record{k, bodies[i]})
	}
	came := func(k *contribution) int64 {
		if k.way != nil && k.way.again {
			return k.last
		}
		return k.first
	}
	slices.SortFunc(list, func(a, b record) int {
		return cmp.Or(cmp.Compare(came(a.k), came(b.k)), cmp.Compare(a.k.seq, b.k.seq), bytes.Compare(a.k.origin.Object[:], b.k.origin.Object[:]))
	})
	if err := c.eraseBase(0); err != nil {
		return nil, err
	}
	w.cfg.Count(w.tx, c.id[0], domain.Totals{Objects: -int64(c.objects), Bytes: -c.bytes})
	return list, nil
}

// reattach puts a record where its keys put it. One that finds no profile, and
// whose type may not make one, stays with the main profile.
func (w *unmerging) reattach(rec record, fresh ID) (used bool, err error) {
	k := rec.k
	if k.residue() {
		return false, w.bequeath(k)
	}
	if k.way == nil {
		return false, fmt.Errorf("satellite: an object of %s does not know its way: %w", k.origin.Type, store.ErrCorrupt)
	}
	res, err := w.find(k.way, k.origin)
	if err != nil {
		return false, err
	}
	var c *change
	switch {
	case res.one != ID{}:
		c, err = res.openMerged(w.ctx, w.tx, w.cfg, res.found)
	case res.found != ID{}:
		c, err = loadBase(w.ctx, w.tx, w.cfg, res.found)
	case k.way.mayCreate:
		c, used = begin(w.ctx, w.tx, w.cfg, fresh), true
		c.head.inferred = true
		c.head.seq = w.g.root.head.seq
		w.out.Restored = append(w.out.Restored, fresh)
	default:
		c, err = loadBase(w.ctx, w.tx, w.cfg, w.merge.main)
	}
	if err != nil {
		return used, err
	}
	if err := c.receive(k, rec.body); err != nil {
		return used, err
	}
	return used, c.finish()
}

// find tells where a record belongs.
func (w *unmerging) find(way *way, o Origin) (res resolution, err error) {
	if !way.again {
		if way.target == (ID{}) && way.mayCreate {
			return res, nil
		}
		heads, err := readHeads(w.ctx, &w.tx.Reader, w.cfg.ID, []ID{way.target})
		if err != nil {
			return res, err
		}
		if heads[0] != nil {
			res.found = way.target
			return res, nil
		}
	}
	return Ask(w.tx, w.cfg, way.lookup, o, nil).resolve(w.ctx, w.tx, w.cfg, nil)
}

// bequeath leaves what evicted objects of a satellite gave to the main profile.
func (w *unmerging) bequeath(k *contribution) error {
	c, err := loadBase(w.ctx, w.tx, w.cfg, w.merge.main)
	if err != nil {
		return err
	}
	if err := c.renumber(k); err != nil {
		return err
	}
	if err := c.leaveResidue(k); err != nil {
		return err
	}
	c.head.expires = max(c.head.expires, k.expires)
	c.due(k.expires)
	all, err := c.contributions()
	if err != nil {
		return err
	}
	if err := c.refold(all); err != nil {
		return err
	}
	return c.finish()
}

// receive takes an object in that was elsewhere, with all it gave there. One that
// looked for what is gone is alone where it was, and has made nothing.
func (c *change) receive(k *contribution, body []byte) error {
	w := k.way
	k.created, k.versions, k.way = c.fresh && !w.again, nil, nil
	switch {
	case c.satellite():
		k.created, k.way = w.mayCreate, w
	case k.created:
		c.fillFrom(w, k)
	default:
		k.keys = slices.DeleteFunc(k.keys, func(key Key) bool { return slices.Contains(w.newOnly, key) })
	}
	if err := c.renumber(k); err != nil {
		return err
	}
	for i := range k.parts {
		p := &k.parts[i]
		s, err := c.standardFor(&Part{Kind: p.kind, Keys: p.keys}, nil)
		if err != nil {
			return err
		}
		p.id = s.id
		s.parts++
		s.facts = Fold(slices.Concat(s.facts, p.facts))
		c.recountStandard(s, nil, p.keys)
		c.saveStandard(s)
	}
	c.recount(matching, nil, k.keys)
	c.tx.PutWith(c.tx.Ring().TypeKey(k.origin.Type), c.key(objectSort(k.origin, k.order)), body)
	c.save(k)
	c.tx.PutPlain(uniqueKey(c.cfg.ID, k.origin), c.id[:])
	c.head.objects++
	c.head.bytes += int64(k.size)
	c.head.counts.add(k.origin.Type, 1)
	c.head.expires = max(c.head.expires, k.expires)
	c.due(k.expires)
	all, err := c.contributions()
	if err != nil {
		return err
	}
	return c.refold(all)
}

// fillFrom fills an inferred profile, which the object makes, with what its
// mapping types as addresses (behaviour: inferred profiles).
func (c *change) fillFrom(w *way, k *contribution) {
	for _, f := range [...]Fact{{Path: "EmailAddress", Text: w.email, Mapped: w.mapsEmail}, {Path: "PhoneNumber", Text: w.phone, Mapped: w.mapsPhone}} {
		i, found := find(k.facts, f.Path)
		if f.Text == "" || found {
			continue
		}
		f.Origin, f.Time, f.Priority = k.origin, k.first, w.priority
		if k.source != 0 {
			f.Time = k.source
		}
		k.facts = slices.Insert(k.facts, i, f)
	}
}

// renumber gives the facts of an object places in this profile's order of
// arrival, in the order that they had. What a person wrote on the profile after
// the object had arrived has overruled it: that goes.
func (c *change) renumber(k *contribution) error {
	m, err := c.loadManual()
	if err != nil {
		return err
	}
	k.facts = slices.DeleteFunc(k.facts, func(f Fact) bool {
		i, ok := find(m.facts, f.Path)
		return ok && m.facts[i].Time > k.last
	})
	var facts []*Fact
	for i := range k.facts {
		facts = append(facts, &k.facts[i])
	}
	for i := range k.parts {
		for j := range k.parts[i].facts {
			facts = append(facts, &k.parts[i].facts[j])
		}
	}
	slices.SortStableFunc(facts, func(a, b *Fact) int { return cmp.Compare(a.Seq, b.Seq) })
	ingested := k.seq
	if !k.residue() {
		k.seq = 0
	}
	for _, f := range facts {
		if k.seq == 0 && f.Seq >= ingested && !k.residue() { // what earlier versions gave stays before the last ingestion
			k.seq = c.nextSeq()
		}
		f.Seq = c.nextSeq()
	}
	if k.seq == 0 && !k.residue() {
		k.seq = c.nextSeq()
	}
	return nil
}
