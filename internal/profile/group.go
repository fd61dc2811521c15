package profile

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// A merge moves nothing. The profiles that it makes one stay what they were, base
// profiles each with its own objects, edits, keys and index entries, and go on as
// if nothing had happened: a record is stored in the base profile that its keys
// find. One of them, the root, becomes the head of the group, and what clients
// see under the root's id is the group's: its standing facts are the fold over
// all members and the merges between them (foldGroup), its objects and keys are
// those of all members. So undoing a merge takes an edge away, and the profiles
// that are left are those that would be there had it never been.
//
// One thing needs more. A key that several members have is ambiguous among base
// profiles, but finds one merged profile. A record that only so finds its way is
// put into a satellite: a base profile of the group's own that remembers which
// profiles were one for that. When they no longer are, the records of the
// satellite find their way anew, each by the keys it had.

// maxMembers bounds a group: the base profiles of one merged profile.
const maxMembers = 5000

// satellite is a member of a group that a merge has brought about.
type satellite struct {
	id     ID
	anchor ID   // a member that is no satellite, with which it counts as one
	hits   []ID // whose being one profile it depends on
}

// group is a merged profile, kept in the partition of its root.
type group struct {
	members    []ID // all but the root, ascending; satellites too
	satellites []satellite
	eras       []uint64 // places of the merges that stand, ascending: at each a new era begins
	objects    int      // of all members
	facts      []Fact   // that stand, by path
	derived    []Key    // predefined keys that follow from facts

	root    *change
	open    map[ID]*change // members that this transaction works on
	counted int            // objects as they were
	refold  bool           // facts were taken away
}

func (g *group) encode() []byte {
	e := encoder{make([]byte, 0, 512+64*len(g.facts)+16*len(g.members))}
	e.b = append(e.b, recordVersion)
	e.ids(g.members)
	e.uint(uint64(len(g.satellites)))
	for _, s := range g.satellites {
		e.bytes(s.id[:])
		e.bytes(s.anchor[:])
		e.ids(s.hits)
	}
	e.uint(uint64(len(g.eras)))
	for _, seq := range g.eras {
		e.uint(seq)
	}
	e.uint(uint64(g.objects))
	var table []Origin
	body := encoder{make([]byte, 0, 64*len(g.facts))}
	body.facts(g.facts, &table)
	e.origins(table)
	e.bytes(body.b)
	e.keys(g.derived)
	return e.b
}

func decodeGroup(b []byte) (*group, error) {
	d := newDecoder(b)
	if d.take(1) != string(rune(recordVersion)) {
		return nil, fmt.Errorf("group: version: %w", store.ErrCorrupt)
	}
	g := &group{members: d.ids()}
	if n := d.count(2*len(ID{}) + 1); n > 0 {
		g.satellites = make([]satellite, n)
		for i := range g.satellites {
			g.satellites[i] = satellite{d.id(), d.id(), d.ids()}
		}
	}
	if n := d.count(1); n > 0 {
		g.eras = make([]uint64, n)
		for i := range g.eras {
			g.eras[i] = d.uint()
		}
	}
	g.objects = int(d.uint())
	g.facts = d.facts(d.origins(), Origin{})
	g.derived = d.keys()
	return g, d.done("group")
}

// all are the members with the root, ascending.
func (g *group) all() []ID {
	ids := append(slices.Clone(g.members), g.root.id)
	slices.SortFunc(ids, compareIDs)
	return ids
}

func compareIDs(a, b ID) int { return bytes.Compare(a[:], b[:]) }

func (g *group) satellite(id ID) *satellite {
	for i := range g.satellites {
		if g.satellites[i].id == id {
			return &g.satellites[i]
		}
	}
	return nil
}

// add makes base profiles members.
func (g *group) add(ids ...ID) error {
	g.members = append(g.members, ids...)
	slices.SortFunc(g.members, compareIDs)
	if len(g.members) >= maxMembers {
		return errLargeGroup
	}
	return nil
}

// newGroup makes a profile that is alone the root of a group.
func newGroup(root *change) *group {
	root.head.role = rootOfGroup
	root.group = &group{root: root, open: map[ID]*change{}, objects: root.objects, counted: root.objects, facts: slices.Clone(root.head.facts)}
	return root.group
}

// readGroup reads the group of a root, of which it has the view.
func readGroup(ctx context.Context, view *seal.Reader, d domain.ID, id ID) (*group, error) {
	v, err := view.Get(ctx, store.Key{Partition: partition(d, id), Sort: groupSort})
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	if v[0] == nil {
		return nil, fmt.Errorf("group of profile %s: %w", id, store.ErrCorrupt)
	}
	return decodeGroup(v[0])
}

// openGroup loads the group of a root that is being worked on.
func (c *change) openGroup() error {
	g, err := readGroup(c.ctx, &c.tx.Reader, c.cfg.ID, c.id)
	if err != nil {
		return err
	}
	g.root, g.open, g.counted = c, map[ID]*change{}, g.objects
	c.group = g
	return nil
}

// member is the work on a base profile of the group.
func (g *group) member(id ID) (*change, error) {
	if id == g.root.id {
		return g.root, nil
	}
	if c := g.open[id]; c != nil {
		return c, nil
	}
	c, err := read(g.root.ctx, g.root.tx, g.root.cfg, id)
	if err != nil {
		return nil, err
	}
	g.adopt(c)
	return c, nil
}

// adopt makes the work on a base profile part of that on the group.
func (g *group) adopt(c *change) {
	c.group = g
	g.open[c.id] = c
	g.root.now = max(g.root.now, c.now)
	c.now = g.root.now
}

// changes are the open members and the root, in the order of their ids.
func (g *group) changes() []*change {
	list := []*change{g.root}
	for _, c := range g.open {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *change) int { return compareIDs(a.id, b.id) })
	return list
}

// finish writes the group and what was changed of its members.
func (g *group) finish() error {
	for _, c := range g.changes() {
		g.objects += c.head.objects - c.objects
	}
	if g.refold {
		for _, c := range g.open {
			if c.fresh { // a satellite that is read with the others
				c.tx.PutBearer(c.key(headSort), c.head.encode())
			}
		}
		bases, err := g.read()
		if err != nil {
			return err
		}
		g.fold(bases, standingMerges(bases), nil)
	}
	derived := g.derive()
	g.root.recount(findable, g.derived, derived)
	g.derived = derived
	for _, c := range g.changes() {
		c.now = g.root.now
		if err := c.close(); err != nil {
			return err
		}
	}
	r := g.root
	r.cfg.Count(r.tx, r.id[0], domain.Totals{Metered: domain.Metered(g.objects) - domain.Metered(g.counted)})
	r.tx.Put(r.key(groupSort), g.encode())
	return nil
}

// derive lists the predefined keys of the merged profile. They are for searches
// only: matching goes by those of the members.
func (g *group) derive() []Key {
	list := deriveKeys(g.facts, g.root.cfg.Info.Settings.DefaultCountry)
	keys := make([]Key, len(list))
	for i, k := range list {
		keys[i] = k.key
	}
	return keys
}

// read reads all that the group is folded from.
func (g *group) read() ([]*base, error) {
	return readBases(g.root.ctx, &g.root.tx.Reader, g.root.cfg.ID, g.all())
}

// fold computes the merged profile anew.
func (g *group) fold(bases []*base, merges []*merge, visit func(m *merge, standing map[ID][]Fact)) {
	facts := map[ID][]Fact{}
	for _, b := range bases {
		facts[b.id] = b.facts()
	}
	g.facts = foldGroup(facts, g.satellites, merges, visit)
	g.refold = false
}

// erasOf are the places of merges in order.
func erasOf(merges []*merge) []uint64 {
	var eras []uint64
	for _, m := range merges {
		eras = append(eras, m.seq)
	}
	return eras
}

// standingMerges are the merges among base profiles that are not undone, in order.
func standingMerges(bases []*base) []*merge {
	byID := map[ID]*merge{}
	for _, b := range bases {
		for _, m := range b.merges {
			if m.undone == 0 {
				byID[m.id] = m
			}
		}
	}
	list := make([]*merge, 0, len(byID))
	for _, m := range byID {
		list = append(list, m)
	}
	byArrival(list)
	return list
}

// base is all that a base profile is folded from.
type base struct {
	id            ID
	view          *seal.Reader
	head          *head
	manual        *manual
	contributions []*contribution
	merges        []*merge
}

// facts are those of people and of all objects.
func (b *base) facts() []Fact {
	facts := slices.Clone(b.manual.facts)
	for _, k := range b.contributions {
		facts = append(facts, k.facts...)
	}
	return facts
}

// readBases reads base profiles whole. What folding needs lies together in each
// partition, so that one span does for each.
func readBases(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID) ([]*base, error) {
	bases := make([]*base, 0, len(ids))
	for part := range slices.Chunk(ids, scanPage) {
		spans := make([]store.Span, len(part))
		for i, id := range part {
			spans[i] = store.Span{Partition: partition(d, id), Start: []byte{'c'}, End: []byte{'m' + 1}, Limit: store.MaxScan}
		}
		lists, err := r.ScanPlain(ctx, spans...)
		if err != nil {
			return nil, fmt.Errorf("members: %w", err)
		}
		for i, list := range lists {
			if len(list) == store.MaxScan {
				return nil, fmt.Errorf("profile %s has more than %d records: %w", part[i], store.MaxScan, store.ErrTooLarge)
			}
			b, err := newBase(r, part[i], list)
			if err != nil {
				return nil, err
			}
			if b != nil {
				bases = append(bases, b)
			}
		}
	}
	return bases, nil
}

// newBase opens what was read of a base profile; nil if it has no head.
func newBase(r *seal.Reader, id ID, list []store.Record) (b *base, err error) {
	i := slices.IndexFunc(list, func(rec store.Record) bool { return bytes.Equal(rec.Key.Sort, headSort) })
	if i < 0 {
		return nil, nil
	}
	b = &base{id: id, manual: &manual{}}
	if b.head, err = openHead(r, list[i].Key, list[i].Value); err != nil {
		return nil, err
	}
	b.view = r.Under(b.head.secret)
	for _, rec := range list {
		if tag := rec.Key.Sort[0]; tag == 'h' || tag == 'g' || isPlain(rec.Key.Sort) {
			continue
		}
		if err := b.add(rec); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *base) add(rec store.Record) error {
	v, err := b.view.Open(rec.Key, rec.Value)
	if err != nil {
		return err
	}
	switch rec.Key.Sort[0] {
	case 'm':
		b.manual, err = decodeManual(v)
	case 'l':
		var m *merge
		m, err = decodeMerge(v)
		b.merges = append(b.merges, m)
	case 'c':
		var o Origin
		if o, err = contributionOrigin(rec.Key.Sort); err != nil {
			return err
		}
		var k *contribution
		k, err = decodeContribution(o, v)
		b.contributions = append(b.contributions, k)
	}
	return err
}

// rootsOf tells for base profiles the roots of their groups: themselves, where
// they are not merged into another.
func rootsOf(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID) ([]ID, error) {
	keys := make([]store.Key, len(ids))
	for i, id := range ids {
		keys[i] = store.Key{Partition: partition(d, id), Sort: intoSort}
	}
	values, err := r.GetPlain(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("merged profiles: %w", err)
	}
	roots := slices.Clone(ids)
	for i, v := range values {
		if v == nil {
			continue
		}
		if len(v) != len(ID{}) {
			return nil, fmt.Errorf("profile %s: merged into: %w", ids[i], store.ErrCorrupt)
		}
		roots[i] = ID(v)
	}
	return roots, nil
}

// place is a base profile with the reader that opens its records.
type place struct {
	partition []byte
	view      *seal.Reader
}

// membersOf are the base profiles of a profile that clients see; one that they
// do not see is a NotFound fault.
func membersOf(ctx context.Context, r *seal.Reader, d domain.ID, id ID) ([]place, error) {
	heads, err := readHeads(ctx, r, d, []ID{id})
	if err != nil {
		return nil, err
	}
	h := heads[0]
	if h == nil || h.role == mergedAway {
		return nil, noProfile(id.String())
	}
	list := []place{{partition(d, id), r.Under(h.secret)}}
	if h.role == alone {
		return list, nil
	}
	g, err := readGroup(ctx, list[0].view, d, id)
	if err != nil {
		return nil, err
	}
	if heads, err = readHeads(ctx, r, d, g.members); err != nil {
		return nil, err
	}
	for i, h := range heads {
		if h != nil {
			list = append(list, place{partition(d, g.members[i]), r.Under(h.secret)})
		}
	}
	return list, nil
}
