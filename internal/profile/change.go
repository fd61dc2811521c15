package profile

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// change is the work on one profile inside a transaction. It gathers what the
// profile's records become and writes them in finish.
type change struct {
	ctx    context.Context
	tx     *seal.Tx
	cfg    *domain.Config
	id     ID
	p      []byte // partition
	now    int64  // microseconds; never before an earlier change of the profile
	fresh  bool   // the profile is made by this transaction
	head   *head
	group  *group  // of which it is a member or the root, if any
	manual *manual // loaded when first needed

	objects int   // as it was
	bytes   int64 // as it was
	soonest int64 // the earliest expiry among what has been put, microseconds
	index   []indexChange
	derive  bool         // a field that predefined keys follow from has changed
	explain *Explanation // nil: nobody asks

	gone *Erased // what erase removes; nil unless somebody counts
}

// indexChange adds to the count of an index entry of the profile.
type indexChange struct {
	class byte
	key   Key
	delta int
}

// begin starts a new profile.
func begin(ctx context.Context, tx *seal.Tx, cfg *domain.Config, id ID) *change {
	secret := seal.NewSecret()
	c := &change{ctx: ctx, tx: tx.Under(secret).AsNew(), cfg: cfg, id: id, p: partition(cfg.ID, id), now: tx.Now().UnixMicro(),
		fresh: true, manual: &manual{}}
	c.head = &head{created: c.now, updated: c.now, secret: secret}
	return c
}

func noProfile(id string) error {
	return fault.New(fault.NotFound, "No profile with the ProfileId %s exists in this domain", id)
}

// load starts work on a profile that is there; one that is not, or has been
// merged into another, is a NotFound fault.
func load(ctx context.Context, tx *seal.Tx, cfg *domain.Config, id ID) (*change, error) {
	c, err := read(ctx, tx, cfg, id)
	if err != nil {
		return nil, err
	}
	switch c.head.role {
	case mergedAway:
		return nil, noProfile(id.String())
	case rootOfGroup:
		err = c.openGroup()
	}
	return c, err
}

// loadBase starts work on a profile that is there, whether clients see it or it
// has been merged into another, which is then worked on with it.
func loadBase(ctx context.Context, tx *seal.Tx, cfg *domain.Config, id ID) (*change, error) {
	c, err := read(ctx, tx, cfg, id)
	if err != nil {
		return nil, err
	}
	switch c.head.role {
	case mergedAway:
		roots, err := rootsOf(ctx, &tx.Reader, cfg.ID, []ID{id})
		if err != nil {
			return nil, err
		}
		root, err := load(ctx, tx, cfg, roots[0])
		if err != nil {
			return nil, fmt.Errorf("root of profile %s: %w", id, err)
		}
		if root.group == nil {
			return nil, fmt.Errorf("profile %s is merged into %s, which has no group: %w", id, roots[0], store.ErrCorrupt)
		}
		root.group.adopt(c)
	case rootOfGroup:
		err = c.openGroup()
	}
	return c, err
}

// read reads the head of a base profile.
func read(ctx context.Context, tx *seal.Tx, cfg *domain.Config, id ID) (*change, error) {
	c := &change{ctx: ctx, tx: tx, cfg: cfg, id: id, p: partition(cfg.ID, id), now: tx.Now().UnixMicro()}
	v, err := tx.GetPlain(ctx, c.key(secretSort), c.key(headSort))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if v[1] == nil {
		return nil, noProfile(id.String())
	}
	if c.tx, c.head, err = enter(tx, c.key(headSort), v[0], v[1]); err != nil {
		return nil, err
	}
	c.objects, c.bytes = c.head.objects, c.head.bytes
	// Clocks of nodes differ and are set back: what arrives later must not count
	// as older for it.
	c.now = max(c.now, c.head.updated)
	return c, nil
}

func (c *change) key(sort []byte) store.Key { return store.Key{Partition: c.p, Sort: sort} }

func (c *change) loadManual() (*manual, error) {
	if c.manual == nil {
		v, err := c.tx.Get(c.ctx, c.key(manualSort))
		if err != nil {
			return nil, fmt.Errorf("manual facts: %w", err)
		}
		if c.manual, err = decodeManual(v[0]); err != nil {
			return nil, err
		}
	}
	return c.manual, nil
}

// nextSeq is the next place in the order of arrival, which all of a group share.
func (c *change) nextSeq() uint64 {
	if g := c.group; g != nil && g.root != c {
		c.head.seq = g.root.nextSeq()
		return c.head.seq
	}
	c.head.seq++
	return c.head.seq
}

// stand carries the profile, and the group that it is a member of, forward by a
// fact that has just arrived.
func (c *change) stand(f Fact) {
	standing, changed := advance(c.head.facts, f)
	c.head.facts, c.head.latest = standing, max(c.head.latest, f.Seq)
	c.head.cleared = c.head.cleared || f.Cleared
	if changed && family(f.Path) != "" {
		c.derive = true
	}
	if c.group != nil {
		c.group.facts, _ = advance(c.group.facts, f)
	}
}

func (c *change) count(class byte, k Key, delta int) {
	c.index = append(c.index, indexChange{class, k, delta})
}

// recount replaces a set of keys by another in the index.
func (c *change) recount(class byte, old, fresh []Key) {
	for _, k := range old {
		if !slices.Contains(fresh, k) {
			c.count(class, k, -1)
		}
	}
	for _, k := range fresh {
		if !slices.Contains(old, k) {
			c.count(class, k, 1)
		}
	}
}

// finish writes what has changed of the profile, and of its group if it has one.
func (c *change) finish() error {
	if c.group != nil {
		return c.group.finish()
	}
	return c.close()
}

// close writes the head, the index and the totals.
func (c *change) close() error {
	h := c.head
	h.updated = c.now
	if c.derive {
		c.rederive()
	}
	if err := c.writeIndex(); err != nil {
		return err
	}
	c.schedule()
	if c.fresh && c.group != nil { // a satellite that something has come to
		c.leadsTo(c.id, c.group.root.id)
	}
	t := domain.Totals{Objects: int64(h.objects - c.objects), Bytes: h.bytes - c.bytes}
	switch {
	case c.group != nil: // what it counts for is the group's
	case c.fresh:
		t.Profiles, t.Metered = 1, domain.Metered(h.objects)
		c.tx.Count(domain.TallyProfiles, 1)
	default:
		t.Metered = domain.Metered(h.objects) - domain.Metered(c.objects)
	}
	c.cfg.Count(c.tx, c.id[0], t)
	if c.fresh {
		c.tx.PutPlain(c.key(secretSort), h.secret.Record())
	}
	c.tx.Put(c.key(headSort), h.encode())
	return nil
}

// rederive brings the index entries that follow from the standing facts up to
// date.
func (c *change) rederive() {
	now := deriveKeys(c.head.facts, c.cfg.Info.Settings.DefaultCountry)
	for _, k := range c.head.derived {
		if !slices.Contains(now, k) {
			c.count(k.class, k.key, -1)
		}
	}
	for _, k := range now {
		if !slices.Contains(c.head.derived, k) {
			c.count(k.class, k.key, 1)
		}
	}
	c.head.derived = now
}

// writeIndex applies the gathered changes of counts. Counts of a profile that
// this transaction makes start from nothing, so they need no reading.
func (c *change) writeIndex() error {
	var sums []indexChange
	for _, ch := range c.index {
		i := slices.IndexFunc(sums, func(s indexChange) bool { return s.class == ch.class && s.key == ch.key })
		if i < 0 {
			sums = append(sums, ch)
		} else {
			sums[i].delta += ch.delta
		}
	}
	sums = slices.DeleteFunc(sums, func(s indexChange) bool { return s.delta == 0 })
	c.index = nil
	if len(sums) == 0 {
		return nil
	}
	keys := make([]store.Key, len(sums))
	for i, s := range sums {
		keys[i] = indexKey(c.cfg.ID, c.tx.Ring().Identify(identKey, s.key.Name, s.key.Value), s.class, c.id)
	}
	counts := make([][]byte, len(sums))
	if !c.fresh {
		var err error
		if counts, err = c.tx.GetPlain(c.ctx, keys...); err != nil {
			return fmt.Errorf("index: %w", err)
		}
	}
	fresh := c.tx.AsNew()
	for i, s := range sums {
		n, tx := int64(s.delta), fresh
		if counts[i] != nil {
			tx = c.tx
			old, size := binary.Uvarint(counts[i])
			if size <= 0 {
				return fmt.Errorf("index count: %w", store.ErrCorrupt)
			}
			n += int64(old)
		}
		switch {
		case n < 0:
			return fmt.Errorf("index count of profile %s below zero: %w", c.id, store.ErrCorrupt)
		case n == 0:
			c.tx.Delete(keys[i])
		default:
			tx.PutPlain(keys[i], binary.AppendUvarint(nil, uint64(n)))
		}
	}
	return nil
}

// contributions reads all contributions of the profile.
func (c *change) contributions() ([]*contribution, error) {
	return scanContributions(c.ctx, &c.tx.Reader, c.p, c.head, "")
}

// scanPage is how many records one read of a profile's partition asks for.
const scanPage = 500

// scanAll calls fn for each opened record of a span, read page by page.
func scanAll(ctx context.Context, r *seal.Reader, span store.Span, fn func(store.Record) error) error {
	for {
		lists, err := r.Scan(ctx, span)
		if err != nil {
			return err
		}
		for _, rec := range lists[0] {
			if err := fn(rec); err != nil {
				return err
			}
		}
		if len(lists[0]) < span.Limit {
			return nil
		}
		span.Start = append(bytes.Clone(lists[0][span.Limit-1].Key.Sort), 0)
	}
}

// scanContributions reads the contributions of a profile, or those of one type,
// in the order of their sort keys.
func scanContributions(ctx context.Context, r *seal.Reader, p []byte, h *head, objectType string) ([]*contribution, error) {
	prefix := []byte{'c'}
	if objectType != "" {
		prefix = named('c', objectType, 0)
	}
	var list []*contribution
	err := scanAll(ctx, r, within(p, prefix, scanPage), func(rec store.Record) error {
		o, err := contributionOrigin(rec.Key.Sort)
		if err != nil {
			return err
		}
		k, err := decodeContribution(o, rec.Value)
		list = append(list, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("contributions: %w", err)
	}
	return withFirst(list, h, objectType), nil
}

// withFirst adds the contribution that the head holds to those that were read.
func withFirst(list []*contribution, h *head, objectType string) []*contribution {
	if h.first == nil || objectType != "" && h.first.origin.Type != objectType {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, h.first, func(a, b *contribution) int {
		return bytes.Compare(contributionSort(a.origin), contributionSort(b.origin))
	})
	return slices.Insert(list, at, h.first)
}

// maxFirst is how large a contribution the head takes in, in bytes: heads are read
// by every search.
const maxFirst = 8 << 10

func (k *contribution) fits() bool {
	if k.before != nil {
		return false
	}
	n := 0
	facts := func(facts []Fact) {
		for i := range facts {
			n += len(facts[i].Path) + len(facts[i].Text)
			for _, s := range facts[i].List {
				n += len(s)
			}
		}
	}
	facts(k.facts)
	for i := range k.parts {
		facts(k.parts[i].facts)
	}
	return n <= maxFirst
}

// save writes a contribution: into the head if it is that of the only object, else
// into its record.
func (c *change) save(k *contribution) {
	only := c.head.objects == 0 && !k.residue() || c.holds(k.origin)
	if first := c.head.first; first != nil && !only {
		c.head.first = nil
		c.tx.Put(c.key(contributionSort(first.origin)), first.encode())
	}
	if only && k.fits() {
		c.head.first = k
		return
	}
	if only {
		c.head.first = nil
	}
	c.tx.Put(c.key(contributionSort(k.origin)), k.encode())
}

// drop removes a contribution.
func (c *change) drop(o Origin) {
	if c.holds(o) {
		c.head.first = nil
		return
	}
	c.tx.Delete(c.key(contributionSort(o)))
}

// holds reports whether the head has the contribution of an object.
func (c *change) holds(o Origin) bool { return c.head.first != nil && c.head.first.origin == o }

// refold computes the profile and its standard objects from all their facts, as
// is needed when facts were taken away.
func (c *change) refold(all []*contribution) error {
	m, err := c.loadManual()
	if err != nil {
		return err
	}
	facts := slices.Clone(m.facts)
	for _, k := range all {
		facts = append(facts, k.facts...)
	}
	for i := range facts {
		c.head.latest = max(c.head.latest, facts[i].Seq)
	}
	c.head.facts = Fold(facts)
	c.derive = true
	if c.group != nil {
		c.group.refold = true
	}
	return nil
}

// erase removes the profile with everything that belongs to it; of a merged one,
// all members. What stays is a record of the removal that names nobody.
func (c *change) erase(why action) error {
	t := domain.Totals{Profiles: -1, Metered: -domain.Metered(c.objects), Objects: -int64(c.objects), Bytes: -c.bytes}
	if c.group == nil {
		if err := c.eraseBase(why); err != nil {
			return err
		}
		c.cfg.Count(c.tx, c.id[0], t)
		return nil
	}
	g := c.group
	t.Metered, t.Objects, t.Bytes = -domain.Metered(g.counted), -int64(g.counted), 0
	for _, id := range g.all() {
		m, err := g.member(id)
		if err != nil {
			return err
		}
		t.Bytes -= m.bytes
		if err := m.eraseBase(why); err != nil {
			return err
		}
	}
	for _, k := range g.derived {
		c.dropIndex(findable, k)
	}
	c.cfg.Count(c.tx, c.id[0], t)
	return nil
}

func (c *change) dropIndex(class byte, k Key) {
	c.dropLead(indexKey(c.cfg.ID, c.tx.Ring().Identify(identKey, k.Name, k.Value), class, c.id))
}

// dropLead removes a record elsewhere that leads to the profile.
func (c *change) dropLead(k store.Key) {
	c.tx.Delete(k)
	c.gone.leads(k)
}

// eraseBase removes all records of a base profile.
func (c *change) eraseBase(why action) error {
	all, err := c.contributions()
	if err != nil {
		return err
	}
	m, err := c.loadManual()
	if err != nil {
		return err
	}
	for _, k := range m.keys {
		c.dropIndex(matching, k)
	}
	for _, k := range c.head.derived {
		c.dropIndex(k.class, k.key)
	}
	for _, k := range all {
		for _, key := range k.keys {
			c.dropIndex(matching, key)
		}
		if !k.residue() {
			c.dropLead(uniqueKey(c.cfg.ID, k.origin))
		}
	}
	standards, err := c.standards([]byte{'s'})
	if err != nil {
		return err
	}
	for _, s := range standards {
		for _, k := range s.derived {
			c.dropIndex(findable, k)
		}
	}
	if err := c.dropMerges(); err != nil {
		return err
	}
	c.unschedule()
	c.tx.Clear(c.p)
	for _, p := range c.shadows() {
		c.tx.Clear(p)
	}
	if why != 0 {
		c.bury(why)
	}
	return nil
}

// standards reads the standard objects under a prefix of sort keys.
func (c *change) standards(prefix []byte) ([]*standardObject, error) {
	return scanStandards(c.ctx, &c.tx.Reader, c.p, prefix)
}

func scanStandards(ctx context.Context, r *seal.Reader, p, prefix []byte) ([]*standardObject, error) {
	var list []*standardObject
	err := scanAll(ctx, r, within(p, prefix, scanPage), func(rec store.Record) error {
		sort := rec.Key.Sort
		at := bytes.IndexByte(sort, 0)
		if at < 0 || len(sort) != at+1+len(ID{}) {
			return fmt.Errorf("standard object key: %w", store.ErrCorrupt)
		}
		s, err := decodeStandard(string(sort[1:at]), ID(sort[at+1:]), rec.Value)
		list = append(list, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("standard objects: %w", err)
	}
	return list, nil
}
