package domain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kindred/internal/fault"
)

// resealItem says, from a change of keys to the end of its resealing, that values
// may be sealed under other keys than those in force: type Resealing.
const resealItem = "reseal"

// Resealing is the work that follows from a change of keys.
type Resealing struct {
	// Job does it; empty when there is nobody to make one.
	Job   string
	Since time.Time // the first change that it follows from
}

// DataKey tells of a data key of a domain.
type DataKey struct {
	Number     uint32
	ObjectType string // whose own it is; empty: the domain's
	KeyID      string // the KMS key that wraps it; empty: the root key
	CreatedAt  time.Time
	InForce    bool // new values are sealed with it
	wrapped    []byte
}

// DataKeys are the data keys that values of the domain may be sealed with, in the
// order in which they were made.
func (c *Config) DataKeys() []DataKey {
	var list []DataKey
	newest := map[string]uint32{}
	for _, k := range c.dataKeys() {
		newest[k.ObjectType] = k.Number
		if !k.Ended {
			list = append(list, DataKey{Number: k.Number, ObjectType: k.ObjectType, KeyID: k.KeyID, CreatedAt: k.CreatedAt, wrapped: k.Wrapped})
		}
	}
	for i := range list {
		list[i].InForce = newest[list[i].ObjectType] == list[i].Number
	}
	return list
}

// Resealing is the work that is to be done after a change of keys; false if all
// values are sealed under the keys in force.
func (c *Config) Resealing() (r Resealing, pending bool) {
	b := c.Item(resealItem)
	if b == nil {
		return r, false
	}
	// What does not read is no reason to take the old keys for done with.
	_ = json.Unmarshal(b, &r)
	return r, true
}

// KeyChange numbers the changes of the domain's keys: as long as it is the same,
// the same keys are in force.
func (c *Config) KeyChange() (newest uint32) {
	for _, k := range c.dataKeys() {
		newest = max(newest, k.Number)
	}
	return newest
}

// DropTypeKey ends the use of an object type's own data key, if it has one: what
// is written from now on is sealed as the domain's other values are.
func (e *Edit) DropTypeKey(objectType string) (dropped bool) {
	if _, own := e.KeyFor(objectType); !own {
		return false
	}
	next := e.KeyChange() + 1
	e.putDataKey(dataKey{Number: next, ObjectType: objectType, Ended: true, CreatedAt: e.Tx.Now()})
	return true
}

func (e *Edit) putDataKey(k dataKey) { e.PutJSON(dataKeyItems+fmt.Sprintf("%08x", k.Number), k) }

// Resealer has the values of a domain sealed anew. In the transaction of a change
// of keys it makes the job that does that and returns its id, or that of the one
// that is there already.
type Resealer interface {
	Reseal(ctx context.Context, e *Edit, old Resealing) (job string, err error)
}

// OnRekey sets who has values sealed anew. It is called where a node is put
// together; without it they stay under the keys they were sealed under.
func (d *Domains) OnRekey(r Resealer) { d.reseal = r }

// Rekeyed notes in a change of configuration that it has put a data key in force
// in the place of another, with which values may be sealed.
func (d *Domains) Rekeyed(ctx context.Context, e *Edit) error {
	r, pending := e.Resealing()
	if !pending {
		r.Since = e.Tx.Now()
	}
	if d.reseal != nil {
		id, err := d.reseal.Reseal(ctx, e, r)
		if err != nil {
			return err
		}
		r.Job = id
	}
	e.PutJSON(resealItem, r)
	return nil
}

// Resealed removes the data keys that no value is sealed with any more: all but
// those in force, provided that these are still those of change.
func (e *Edit) Resealed(change uint32) error {
	if e.KeyChange() != change {
		return fmt.Errorf("domain %s: its keys have changed again: %w", e.ID, errStale)
	}
	var idx sealedIndexKey
	if err := json.Unmarshal(e.Item(indexItem), &idx); err != nil {
		return fmt.Errorf("domain %s: index key: %w", e.ID, err)
	}
	keys := e.DataKeys()
	for _, k := range e.dataKeys() {
		i := slices.IndexFunc(keys, func(d DataKey) bool { return d.Number == k.Number })
		if i >= 0 && (keys[i].InForce || k.Number == idx.DataKey) {
			continue
		}
		e.Delete(dataKeyItems + fmt.Sprintf("%08x", k.Number))
	}
	e.Delete(resealItem)
	return nil
}

// use is for what a data key is wrapped.
func (c *Config) use(k DataKey) KeyUse {
	return KeyUse{KeyID: k.KeyID, Domain: c.ID, DomainName: c.Info.Name, ObjectType: k.ObjectType}
}

// KeyUse is for what one of the domain's data keys is wrapped.
func (c *Config) KeyUse(k DataKey) KeyUse { return c.use(k) }

// OpenDataKey asks the key service for one data key, to see whether it can be
// had.
func (d *Domains) OpenDataKey(ctx context.Context, c *Config, k DataKey) error {
	plain, err := d.keys.Unwrap(ctx, c.use(k), k.wrapped)
	clear(plain)
	return err
}

// Rewrapper wraps data keys under the newest material of their KMS key.
type Rewrapper interface {
	// Rewrap returns nil when the key is wrapped under the newest material
	// already, or when that cannot be told.
	Rewrap(ctx context.Context, use KeyUse, wrapped []byte) (fresh []byte, err error)
}

// Rewrap wraps the data keys of a domain anew where their KMS key has been rotated
// since, so that its older material is not needed for them. It returns how many.
func (d *Domains) Rewrap(ctx context.Context, c *Config, w Rewrapper) (n int, err error) {
	fresh := map[uint32][]byte{}
	for _, k := range c.DataKeys() {
		if k.KeyID == "" {
			continue
		}
		b, werr := w.Rewrap(ctx, c.use(k), k.wrapped)
		if werr != nil {
			err = fmt.Errorf("data key %d: %w", k.Number, werr)
			continue
		}
		if b != nil {
			fresh[k.Number] = b
		}
	}
	if len(fresh) == 0 {
		return 0, err
	}
	cerr := d.Configure(ctx, c.Info.Name, func(e *Edit) error {
		n = 0
		if e.ID != c.ID {
			return fault.New(fault.NotFound, "Domain %s does not exist", c.Info.Name)
		}
		for _, k := range e.dataKeys() {
			i := slices.IndexFunc(c.DataKeys(), func(o DataKey) bool { return o.Number == k.Number && bytes.Equal(o.wrapped, k.Wrapped) })
			if b := fresh[k.Number]; b != nil && i >= 0 {
				k.Wrapped = b
				e.putDataKey(k)
				n++
			}
		}
		return nil
	})
	if cerr != nil {
		return 0, cerr
	}
	return n, err
}
