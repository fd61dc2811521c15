package profile

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"kindred/internal/access"
	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// The log of a profile holds what its other records no longer say: what people
// did to it, and what its objects gave before they were ingested again. The
// last ingestion of each object is in its contribution and in no second place,
// so that what is ingested once costs no record here. Together they are the
// profile's history, and fold to what the profile was at any time.
const (
	maxLog      = 10_000 // records of one profile (quota: history records per profile)
	maxVersions = 100    // records of one object among them
)

// action says what an entry is about; on disk, so only ever added to.
type action byte

const (
	created action = iota + 1
	updated
	ingested
	addedKey
	deletedKey
	deleted // by a call: the profile, or the object that the entry names
	expired
	merged
	deletedByMerge
	emptied // by a replay: all objects went to other profiles
)

// actionNames are the ActionType of the API.
var actionNames = map[action]string{created: "CREATED", updated: "UPDATED", ingested: "INGESTED", addedKey: "ADDED_PROFILE_KEY",
	deletedKey: "DELETED_PROFILE_KEY", deleted: "DELETED_BY_CUSTOMER", expired: "EXPIRED", merged: "MERGED", deletedByMerge: "DELETED_BY_MERGE", emptied: "DELETED_BY_CUSTOMER"}

// entry is a record of the log.
type entry struct {
	seq     uint64 // its place among all that happened to the profile
	at      int64  // microseconds
	action  action
	by      string // ARN of who did it; empty when it was the service
	origin  Origin // the object it is about, if any
	merge   ID     // the merge it is about, if any
	facts   []Fact // that a person wrote, by path
	keys    []Key  // that were added or deleted
	version *contribution
}

func (e *entry) encode() []byte {
	x := encoder{append(make([]byte, 0, 256), recordVersion)}
	x.int(e.at)
	x.b = append(x.b, byte(e.action))
	x.string(e.by)
	x.string(e.origin.Type)
	x.bytes(e.origin.Object[:])
	x.bytes(e.merge[:])
	x.facts(e.facts, nil)
	x.keys(e.keys)
	x.bool(e.version != nil)
	if e.version != nil {
		x.b = append(x.b, e.version.encode()...)
	}
	return x.b
}

func decodeEntry(sort, b []byte) (*entry, error) {
	d := newDecoder(b)
	if d.take(1) != string(rune(recordVersion)) || len(sort) != 9 {
		return nil, fmt.Errorf("log: version: %w", store.ErrCorrupt)
	}
	e := &entry{seq: binary.BigEndian.Uint64(sort[1:]), at: d.int(), action: action(d.byte()), by: d.string()}
	e.origin.Type = d.string()
	copy(e.origin.Object[:], d.take(seal.HashSize))
	copy(e.merge[:], d.take(uint64(len(e.merge))))
	e.facts, e.keys = d.facts(nil, Origin{}), d.keys()
	if d.bool() {
		v, err := decodeContribution(e.origin, []byte(d.s))
		e.version = v
		return e, err
	}
	return e, d.done("log")
}

// performer is the ARN of who makes the call; empty for the service itself.
func performer(ctx context.Context) string {
	if c := access.From(ctx); c != nil {
		return c.ARN
	}
	return ""
}

// log notes what is being done to the profile, at the place seq.
func (c *change) log(e entry) error {
	if e.at == 0 {
		e.at = c.now
	}
	c.tx.Put(c.key(logSort(e.seq)), e.encode())
	c.head.logged++
	if c.head.logged <= maxLog {
		return nil
	}
	lists, err := c.tx.ScanPlain(c.ctx, within(c.p, []byte{'y'}, c.head.logged-maxLog))
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	for _, rec := range lists[0] {
		c.tx.Delete(rec.Key)
		c.head.logged--
		c.head.cut = binary.BigEndian.Uint64(rec.Key.Sort[1:]) + 1
	}
	c.head.forgotten = c.now
	return nil
}

// note logs something that is done by whoever makes the call.
func (c *change) note(a action, fill func(*entry)) error {
	e := entry{seq: c.nextSeq(), action: a, by: performer(c.ctx)}
	if fill != nil {
		fill(&e)
	}
	return c.log(e)
}

// supersede logs what an object gave before it was ingested again. Of one that
// comes again and again the oldest is forgotten.
func (c *change) supersede(old, k *contribution) error {
	if old.seq < c.head.cut {
		c.head.forgotten = c.now
		return nil
	}
	k.versions = append(slices.Clone(old.versions), old.seq)
	if len(k.versions) > maxVersions {
		c.dropVersions(k.versions[:1])
		k.versions = k.versions[1:]
		next, err := c.logged(k.versions[0])
		if err != nil {
			return err
		}
		if next != nil {
			c.head.forgotten = max(c.head.forgotten, next.at)
		}
	}
	before := *old
	before.versions, before.before = nil, nil
	return c.log(entry{seq: old.seq, at: old.last, action: ingested, by: old.by, origin: old.origin, version: &before})
}

// dropVersions removes from the log what an object gave before.
func (c *change) dropVersions(versions []uint64) {
	for _, seq := range versions {
		if seq >= c.head.cut { // else it went when the log was cut
			c.tx.Delete(c.key(logSort(seq)))
			c.head.logged--
		}
	}
}

// logged reads one record of the log; nil if it is not there.
func (c *change) logged(seq uint64) (*entry, error) {
	k := c.key(logSort(seq))
	v, err := c.tx.Get(c.ctx, k)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	if v[0] == nil {
		return nil, nil
	}
	return decodeEntry(k.Sort, v[0])
}

// scanLog reads the whole log of a profile, the oldest record first.
func scanLog(ctx context.Context, r *seal.Reader, p []byte) ([]*entry, error) {
	var list []*entry
	err := scanAll(ctx, r, within(p, []byte{'y'}, scanPage), func(rec store.Record) error {
		e, err := decodeEntry(rec.Key.Sort, rec.Value)
		list = append(list, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return list, nil
}

// bury notes that a profile is gone, and when and by whom: nothing of a customer's,
// under a keyed hash of the id.
func (c *change) bury(why action) {
	e := entry{at: c.now, action: why, by: performer(c.ctx)}
	c.tx.PutPlain(goneKey(c.tx.Ring(), c.cfg.ID, c.id), e.encode())
}

func goneKey(ring *seal.Ring, d domain.ID, id ID) store.Key {
	h := ring.Identify(identGone, "", id.String())
	return store.Key{Partition: d.Partition('z', h[:keyHash]...), Sort: []byte{'y'}}
}
