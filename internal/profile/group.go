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
		for _, c := range g.changes() {
			if c.fresh { // else it would not be read with the others
				c.tx.PutPlain(c.key(secretSort), c.head.secret.Record())
				c.tx.Put(c.key(headSort), c.head.encode())
			}
		}
		bases, err := g.read()
		if err != nil {
			return err
		}
		if err := g.fold(bases, standingMerges(bases), nil); err != nil {
			return err
		}
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

// read reads the heads of all members and the merges between them.
func (g *group) read() ([]*base, error) {
	bases, err := readOutlines(g.root.ctx, &g.root.tx.Reader, g.root.cfg.ID, g.all())
	if err != nil {
		return nil, err
	}
	for _, b := range bases { // what this transaction has changed of a head is not written yet
		if b.id == g.root.id {
			b.head = g.root.head
		} else if c := g.open[b.id]; c != nil {
			b.head = c.head
		}
	}
	return bases, nil
}

// fold computes the merged profile anew. What it needs and has not been read of
// the bases, it reads.
func (g *group) fold(bases []*base, merges []*merge, visit func(m *merge, standing map[ID][]*Fact)) error {
	var open []*base
	settled := g.settled(merges)
	for _, b := range bases {
		if b.manual == nil && !settled(b) {
			open = append(open, b)
		}
	}
	if err := readWhole(g.root.ctx, &g.root.tx.Reader, g.root.cfg.ID, open); err != nil {
		return err
	}
	piles := make(map[ID]*pile, len(bases))
	for _, b := range bases {
		if b.manual == nil {
			piles[b.id] = &pile{folded: refs(b.head.facts)}
		} else {
			piles[b.id] = b.pile()
		}
	}
	g.facts = values(foldPiles(piles, g.satellites, merges, visit))
	g.refold = false
	return nil
}

// settled tells which members have had no fact since their first merge: what
// their heads say stands on them is what stood then, and all that they bring.
// Satellites, and what they are with from the beginning, are not among them.
func (g *group) settled(merges []*merge) func(*base) bool {
	first := map[ID]uint64{}
	for _, m := range merges {
		for _, id := range m.sides() {
			if !has(first, id) {
				first[id] = m.seq
			}
		}
	}
	never := map[ID]bool{}
	for _, s := range g.satellites {
		never[s.id], never[s.anchor] = true, true
	}
	return func(b *base) bool { return b.head.latest < first[b.id] && !never[b.id] }
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

// base is what a base profile is folded from. manual is nil as long as only its
// head and its merges have been read.
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

// pile is facts in the order of arrival, and without copies.
func (b *base) pile() *pile {
	lists := make([][]Fact, 0, 1+len(b.contributions))
	lists = append(lists, b.manual.facts)
	for _, k := range b.contributions {
		lists = append(lists, k.facts)
	}
	return newPile(lists...)
}

// readBases reads base profiles whole; those that are not there are left out.
func readBases(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID) ([]*base, error) {
	bases, err := readOutlines(ctx, r, d, ids)
	if err != nil {
		return nil, err
	}
	return bases, readWhole(ctx, r, d, bases)
}

// readOutlines reads the heads of base profiles and the merges that they took part
// in, which lie together in each partition. A merge that several have is the same
// one.
func readOutlines(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID) ([]*base, error) {
	spans := make([]store.Span, 0, 2*len(ids))
	for _, id := range ids {
		p := partition(d, id)
		spans = append(spans, within(p, secretSort, 2), store.Span{Partition: p, Start: headSort, End: []byte{'j' + 1}, Limit: scanPage})
	}
	var secret []byte // of the base profile that is being read
	bases := make([]*base, len(ids))
	merges := map[ID]*merge{}
	err := eachRecord(ctx, r, spans, func(span int, rec store.Record) (err error) {
		i := span / 2
		switch rec.Key.Sort[0] {
		case 'a':
			secret = rec.Value
		case 'h':
			b := &base{id: ids[i]}
			if b.head, err = openHead(r, rec.Key, secret, rec.Value, decodeHead); err != nil {
				return err
			}
			b.view, bases[i] = r.Under(b.head.secret), b
		case 'j':
			if bases[i] == nil {
				return fmt.Errorf("profile %s has merges and no head: %w", ids[i], store.ErrCorrupt)
			}
			id := ID(rec.Key.Sort[1:])
			m := merges[id]
			if m == nil {
				v, err := bases[i].view.Open(rec.Key, rec.Value)
				if err != nil {
					return err
				}
				if m, err = decodeMerge(v); err != nil {
					return err
				}
				merges[id] = m
			}
			bases[i].merges = append(bases[i].merges, m)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("members: %w", err)
	}
	return slices.DeleteFunc(bases, func(b *base) bool { return b == nil }), nil
}

// readWhole reads what is missing of base profiles: the facts of people and objects.
func readWhole(ctx context.Context, r *seal.Reader, d domain.ID, bases []*base) error {
	spans := make([]store.Span, 0, 2*len(bases))
	for _, b := range bases {
		p := partition(d, b.id)
		b.manual = &manual{}
		spans = append(spans, within(p, []byte{'c'}, store.MaxScan), within(p, manualSort, 2))
	}
	err := eachRecord(ctx, r, spans, func(i int, rec store.Record) error { return bases[i/2].add(rec) })
	if err != nil {
		return fmt.Errorf("members: %w", err)
	}
	for _, b := range bases {
		b.contributions = withFirst(b.contributions, b.head, "")
	}
	return nil
}

func (b *base) add(rec store.Record) error {
	v, err := b.view.Open(rec.Key, rec.Value)
	if err != nil {
		return err
	}
	if rec.Key.Sort[0] == 'm' {
		b.manual, err = decodeManual(v)
		return err
	}
	o, err := contributionOrigin(rec.Key.Sort)
	if err != nil {
		return err
	}
	k, err := decodeContribution(o, v)
	b.contributions = append(b.contributions, k)
	return err
}

// eachRecord calls fn for the records of spans, as they are stored, with the place
// of their span. Each span is read to its end; its limit is that of a page.
func eachRecord(ctx context.Context, r *seal.Reader, spans []store.Span, fn func(i int, rec store.Record) error) error {
	const atOnce = 500 // spans
	for first := 0; first < len(spans); first += atOnce {
		part := spans[first:min(first+atOnce, len(spans))]
		lists, err := r.ScanPlain(ctx, part...)
		if err != nil {
			return err
		}
		for i, list := range lists {
			for {
				for _, rec := range list {
					if err := fn(first+i, rec); err != nil {
						return err
					}
				}
				if len(list) < part[i].Limit {
					break
				}
				next := part[i]
				next.Start = append(bytes.Clone(list[len(list)-1].Key.Sort), 0)
				more, err := r.ScanPlain(ctx, next)
				if err != nil {
					return err
				}
				list = more[0]
			}
		}
	}
	return nil
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
	head      *head
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
	list := []place{{partition(d, id), h, r.Under(h.secret)}}
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
			list = append(list, place{partition(d, g.members[i]), h, r.Under(h.secret)})
		}
	}
	return list, nil
}
