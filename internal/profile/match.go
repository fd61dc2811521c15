package profile

import (
	"context"
	"fmt"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// profileIDKey is the predefined key whose value is the profile's own id.
const profileIDKey = "_profileId"

// Why an object cannot be attached to a profile. The texts are those that the
// dead letter queue carries.
var (
	ErrAmbiguous = fault.New(fault.Invalid, "All keys of this object are binding to more than one profiles")
	ErrNoMatch   = fault.New(fault.Invalid, "No profile matches the keys of this object and its object type does not allow profile creation")
	ErrTooMany   = fault.New(fault.Invalid, "Too many objects ingested on profile per second")
)

// Attach puts an object into the profile that its keys find, or into a new one:
// the matching algorithm of object types. lookup are the values of its PROFILE
// keys in the order in which they are tried. A key that finds more than one
// profile is passed over. When no key finds one, an object that is stored
// already stays with its profile, so that sending a record again never makes a
// second profile.
//
// The whole is one transaction: of many calls that find no profile for the same
// key at the same time, one makes it and the others join it.
func Attach(ctx context.Context, tx *seal.Tx, cfg *domain.Config, lookup []Key, mayCreate bool, in *Object) (ID, error) {
	id, owner, ambiguous, err := resolve(ctx, tx, cfg, lookup, in.Origin, in.Explain)
	if err != nil {
		return ID{}, err
	}
	var none ID
	if id == none {
		id = owner
	}
	var c *change
	switch {
	case id != none:
		if c, err = load(ctx, tx, cfg, id); err != nil {
			return ID{}, err
		}
	case mayCreate:
		id = NewID()
		c = begin(ctx, tx, cfg, id)
		c.head.inferred = true
	case ambiguous:
		return ID{}, ErrAmbiguous
	default:
		return ID{}, ErrNoMatch
	}
	in.Explain.begin(c)
	if err := c.admit(); err != nil {
		return ID{}, err
	}
	if owner != none && owner != id {
		if outdated, err := move(ctx, tx, cfg, owner, in); outdated || err != nil {
			return owner, err
		}
	}
	if err := c.put(in); err != nil {
		return ID{}, err
	}
	return id, c.finish()
}

// move takes an object out of the profile that had it, because its keys now
// find another. One that is outdated stays where it is.
func move(ctx context.Context, tx *seal.Tx, cfg *domain.Config, owner ID, in *Object) (outdated bool, err error) {
	c, err := load(ctx, tx, cfg, owner)
	if err != nil {
		return false, err
	}
	k, err := c.stored(in.Origin)
	if err != nil || k == nil {
		return false, err
	}
	if in.outdated(k) {
		in.Explain.outdated(c)
		return true, nil
	}
	if err := c.remove(k); err != nil {
		return false, err
	}
	return false, c.finish()
}

// admit counts an object against the domain's limit for one profile in one
// second.
func (c *change) admit() error {
	second := c.tx.Now().Unix()
	if c.head.window != second {
		c.head.window, c.head.inWindow = second, 0
	}
	c.head.inWindow++
	if limit := c.cfg.Info.Settings.MaxObjectsPerProfilePerSecond; limit > 0 && c.head.inWindow > limit {
		return ErrTooMany
	}
	return nil
}

// resolve looks all keys up at once and goes through them in order. It also
// tells which profile has the object now.
func resolve(ctx context.Context, tx *seal.Tx, cfg *domain.Config, lookup []Key, o Origin, x *Explanation) (found, owner ID, ambiguous bool, err error) {
	u := uniqueKey(cfg.ID, o)
	spans := make([]store.Span, 0, len(lookup)+1)
	spans = append(spans, store.Span{Partition: u.Partition, Limit: 1})
	for _, k := range lookup {
		if k.Name == profileIDKey {
			id, _ := ParseID(k.Value)
			spans = append(spans, store.Span{Partition: partition(cfg.ID, id), Start: headSort, End: after(headSort), Limit: 1})
			continue
		}
		h := tx.Ring().Identify(identKey, k.Name, k.Value)
		spans = append(spans, store.Span{Partition: indexPartition(cfg.ID, h), Start: []byte{matching}, End: []byte{matching + 1}, Limit: x.limit(2)})
	}
	lists, err := tx.ScanPlain(ctx, spans...)
	if err != nil {
		return found, owner, false, fmt.Errorf("index: %w", err)
	}
	if len(lists[0]) > 0 {
		if len(lists[0][0].Value) != len(owner) {
			return found, owner, false, fmt.Errorf("unique key: %w", store.ErrCorrupt)
		}
		owner = ID(lists[0][0].Value)
	}
	x.tried(lookup, lists[1:], owner)
	for i, k := range lookup {
		switch hits := lists[i+1]; {
		case len(hits) > 1:
			ambiguous = true
		case len(hits) == 1 && k.Name == profileIDKey:
			found, _ = ParseID(k.Value)
			return found, owner, ambiguous, nil
		case len(hits) == 1:
			return ID(hits[0].Key.Sort[1:]), owner, ambiguous, nil
		}
	}
	return found, owner, ambiguous, nil
}
