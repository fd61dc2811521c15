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
	manual *manual // loaded when first needed

	objects int   // as it was
	bytes   int64 // as it was
	index   []indexChange
	derive  bool // a field that predefined keys follow from has changed

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
	c := &change{ctx: ctx, tx: tx.Under(secret), cfg: cfg, id: id, p: partition(cfg.ID, id), now: tx.Now().UnixMicro(),
		fresh: true, manual: &manual{}}
	c.head = &head{created: c.now, updated: c.now, secret: secret}
	return c
}

func noProfile(id string) error {
	return fault.New(fault.NotFound, "No profile with the ProfileId %s exists in this domain", id)
}

// load starts work on a profile that is there; one that is not is a NotFound
// fault.
func load(ctx context.Context, tx *seal.Tx, cfg *domain.Config, id ID) (*change, error) {
	c := &change{ctx: ctx, tx: tx, cfg: cfg, id: id, p: partition(cfg.ID, id), now: tx.Now().UnixMicro()}
	v, err := tx.GetPlain(ctx, c.key(headSort))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if v[0] == nil {
		return nil, noProfile(id.String())
	}
	if c.tx, c.head, err = enter(tx, c.key(headSort), v[0]); err != nil {
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

func (c *change) nextSeq() uint64 {
	c.head.seq++
	return c.head.seq
}

// stand carries the profile forward by a fact that has just arrived.
func (c *change) stand(f Fact) {
	standing, changed := advance(c.head.facts, f)
	c.head.facts = standing
	if changed && family(f.Path) != "" {
		c.derive = true
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

// finish writes the head, the index and the totals.
func (c *change) finish() error {
	h := c.head
	h.updated = c.now
	if c.derive {
		c.rederive()
	}
	if err := c.writeIndex(); err != nil {
		return err
	}
	t := domain.Totals{Objects: int64(h.objects - c.objects), Bytes: h.bytes - c.bytes,
		Metered: domain.Metered(h.objects) - domain.Metered(c.objects)}
	if c.fresh {
		t.Profiles, t.Metered = 1, domain.Metered(h.objects)
	}
	c.cfg.Count(c.tx, c.id[0], t)
	c.tx.PutBearer(c.key(headSort), h.encode())
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
	for i, s := range sums {
		n := int64(s.delta)
		if counts[i] != nil {
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
			c.tx.PutPlain(keys[i], binary.AppendUvarint(nil, uint64(n)))
		}
	}
	return nil
}

// contributions reads all contributions of the profile.
func (c *change) contributions() ([]*contribution, error) {
	return scanContributions(c.ctx, &c.tx.Reader, c.p, []byte{'c'})
}

// scanPage is how many records one read of a profile's partition asks for.
const scanPage = 500

func scanContributions(ctx context.Context, r *seal.Reader, p, prefix []byte) ([]*contribution, error) {
	var list []*contribution
	span := within(p, prefix, scanPage)
	for {
		lists, err := r.Scan(ctx, span)
		if err != nil {
			return nil, fmt.Errorf("contributions: %w", err)
		}
		for _, rec := range lists[0] {
			o, err := contributionOrigin(rec.Key.Sort)
			if err != nil {
				return nil, err
			}
			k, err := decodeContribution(o, rec.Value)
			if err != nil {
				return nil, err
			}
			list = append(list, k)
		}
		if len(lists[0]) < span.Limit {
			return list, nil
		}
		span.Start = append(bytes.Clone(lists[0][span.Limit-1].Key.Sort), 0)
	}
}

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
	c.head.facts = Fold(facts)
	c.derive = true
	return nil
}

// erase removes the profile with everything that belongs to it.
func (c *change) erase() error {
	all, err := c.contributions()
	if err != nil {
		return err
	}
	m, err := c.loadManual()
	if err != nil {
		return err
	}
	remove := func(k store.Key) {
		c.tx.Delete(k)
		c.gone.leads(k)
	}
	drop := func(class byte, k Key) {
		remove(indexKey(c.cfg.ID, c.tx.Ring().Identify(identKey, k.Name, k.Value), class, c.id))
	}
	for _, k := range m.keys {
		drop(matching, k)
	}
	for _, k := range c.head.derived {
		drop(k.class, k.key)
	}
	for _, k := range all {
		for _, key := range k.keys {
			drop(matching, key)
		}
		remove(uniqueKey(c.cfg.ID, k.origin))
	}
	standards, err := c.standards([]byte{'s'})
	if err != nil {
		return err
	}
	for _, s := range standards {
		for _, k := range s.derived {
			drop(findable, k)
		}
	}
	c.tx.Clear(c.p)
	c.cfg.Count(c.tx, c.id[0], domain.Totals{Profiles: -1, Metered: -domain.Metered(c.objects),
		Objects: -int64(c.objects), Bytes: -c.bytes})
	return nil
}

// standards reads the standard objects under a prefix of sort keys.
func (c *change) standards(prefix []byte) ([]*standardObject, error) {
	return scanStandards(c.ctx, &c.tx.Reader, c.p, prefix)
}

func scanStandards(ctx context.Context, r *seal.Reader, p, prefix []byte) ([]*standardObject, error) {
	var list []*standardObject
	span := within(p, prefix, scanPage)
	for {
		lists, err := r.Scan(ctx, span)
		if err != nil {
			return nil, fmt.Errorf("standard objects: %w", err)
		}
		for _, rec := range lists[0] {
			sort := rec.Key.Sort
			at := bytes.IndexByte(sort, 0)
			if at < 0 || len(sort) != at+1+len(ID{}) {
				return nil, fmt.Errorf("standard object key: %w", store.ErrCorrupt)
			}
			s, err := decodeStandard(string(sort[1:at]), ID(sort[at+1:]), rec.Value)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		}
		if len(lists[0]) < span.Limit {
			return list, nil
		}
		span.Start = append(bytes.Clone(lists[0][span.Limit-1].Key.Sort), 0)
	}
}
