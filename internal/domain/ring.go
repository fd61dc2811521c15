package domain

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"kindred/internal/datakey"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// KeyUse says for what a data key is wrapped, so that the key service can judge
// and bind it: which domain, and which object type if it is the type's own.
type KeyUse struct {
	KeyID      string // key ARN; empty: the installation's root key
	Domain     ID
	DomainName string
	ObjectType string // empty: the domain's key
}

// DataKeys makes and unwraps data keys with a key service.
type DataKeys interface {
	// GenerateDataKey makes a data key of [datakey.Size] bytes.
	GenerateDataKey(ctx context.Context, use KeyUse) (plain, wrapped []byte, err error)
	// Unwrap gives a wrapped data key back. An error that is a fault says why
	// the key cannot be used.
	Unwrap(ctx context.Context, use KeyUse, wrapped []byte) (plain []byte, err error)
}

// dataKey is a data key as the configuration holds it.
type dataKey struct {
	Number     uint32
	ObjectType string `json:",omitempty"`
	KeyID      string `json:",omitempty"`
	Wrapped    []byte
	CreatedAt  time.Time
	// Ended: no key, but the end of the object type's own.
	Ended bool `json:",omitempty"`
}

// sealedIndexKey is the index key under a data key of the domain.
type sealedIndexKey struct {
	DataKey uint32
	Sealed  []byte
}

// NewDataKey is a fresh data key that is not yet in any configuration. It is
// made outside of a transaction, because the key service is asked for it.
type NewDataKey struct {
	use            KeyUse
	plain, wrapped []byte
}

// GenerateDataKey asks the key service for a data key.
func (d *Domains) GenerateDataKey(ctx context.Context, use KeyUse) (*NewDataKey, error) {
	plain, wrapped, err := d.keys.GenerateDataKey(ctx, use)
	if err != nil {
		return nil, err
	}
	return &NewDataKey{use: use, plain: plain, wrapped: wrapped}, nil
}

func (c *Config) dataKeys() []dataKey {
	return Memo(c, "dataKeys", func() (list []dataKey) {
		for _, v := range c.Items(dataKeyItems) {
			var k dataKey
			if json.Unmarshal(v, &k) == nil {
				list = append(list, k)
			}
		}
		return list
	})
}

// KeyFor is the KMS key that new values of an object type are sealed under
// ("": of the domain).
func (c *Config) KeyFor(objectType string) (keyID string, own bool) {
	for _, k := range c.dataKeys() { // ascending: the last one is in force
		if k.ObjectType == objectType {
			keyID, own = k.KeyID, !k.Ended
		}
	}
	return keyID, own
}

// AddDataKey puts a fresh data key in force: values written from now on are
// sealed with it, older ones still open with the keys they were sealed with, until
// they are sealed anew; see [Domains.Rekeyed].
func (e *Edit) AddDataKey(k *NewDataKey, index []byte) {
	next := e.KeyChange() + 1
	e.putDataKey(dataKey{Number: next, ObjectType: k.use.ObjectType, KeyID: k.use.KeyID, Wrapped: k.wrapped, CreatedAt: e.Tx.Now()})
	if k.use.ObjectType != "" {
		return
	}
	a, err := datakey.AEAD(k.plain)
	if err == nil {
		var sealed []byte
		if sealed, err = a.Encrypt(index, []byte(indexItem)); err == nil {
			e.PutJSON(indexItem, sealedIndexKey{DataKey: next, Sealed: sealed})
		}
	}
	e.err = errors.Join(e.err, err)
}

func newIndexKey() []byte {
	k := make([]byte, 32)
	_, _ = rand.Read(k) // never fails
	return k
}

// How long opened data keys are used. After fresh they are asked for again, in
// the background; after stale nothing is sealed or opened with them. So a key
// that is disabled in the key service is out of use here within stale, which
// must stay under the 10 s that the documentation promises.
const (
	fresh = 3 * time.Second
	stale = 8 * time.Second
)

// opened is a ring with what is not part of sealing: the index key, to seal it
// anew under another data key, and why keys of object types are missing.
type opened struct {
	ring     *seal.Ring
	index    []byte
	problems map[string]error // by object type
	at       time.Time
	revision string
}

type ringEntry struct {
	mu      sync.Mutex // guards loading, so that one call at a time asks the key service
	current *opened    // guarded by Domains.mu
	busy    bool       // a refresh is under way; guarded by Domains.mu
}

// Ring opens the data keys of a domain. When the key service refuses the
// domain's key the error is a fault that says so.
func (d *Domains) Ring(ctx context.Context, c *Config) (*seal.Ring, error) {
	o, err := d.open(ctx, c)
	if err != nil {
		return nil, err
	}
	return o.ring, nil
}

// IndexKey is the key of the domain's index, for sealing it anew.
func (d *Domains) IndexKey(ctx context.Context, c *Config) ([]byte, error) {
	o, err := d.open(ctx, c)
	if err != nil {
		return nil, err
	}
	return o.index, nil
}

// TypeKeyProblem says why the own key of an object type cannot be used; nil if
// it can or the type has none.
func (d *Domains) TypeKeyProblem(ctx context.Context, c *Config, objectType string) error {
	o, err := d.open(ctx, c)
	if err != nil {
		return err
	}
	return o.problems[objectType]
}

func (d *Domains) open(ctx context.Context, c *Config) (*opened, error) {
	now := d.now()
	d.mu.Lock()
	e := d.rings[c.ID]
	if e == nil {
		if len(d.rings) >= maxConfigCache {
			for old := range d.rings {
				delete(d.rings, old)
				break
			}
		}
		e = &ringEntry{}
		d.rings[c.ID] = e
	}
	o := e.current
	usable := o != nil && o.revision == string(c.revision) && now.Sub(o.at) < stale
	refresh := usable && now.Sub(o.at) >= fresh && !e.busy
	if refresh {
		e.busy = true
	}
	d.mu.Unlock()
	if refresh {
		go d.refresh(context.WithoutCancel(ctx), c, e)
	}
	if usable {
		d.lookups.keyHits.Add(1)
		return o, nil
	}
	d.lookups.keyMisses.Add(1)
	return d.reload(ctx, c, e)
}

// refresh renews opened keys ahead of time. If that fails the old ones go on
// until they are stale; then a call meets the error itself.
func (d *Domains) refresh(ctx context.Context, c *Config, e *ringEntry) {
	ctx, cancel := context.WithTimeout(ctx, stale-fresh)
	defer cancel()
	o, err := d.unwrap(ctx, c)
	d.mu.Lock()
	defer d.mu.Unlock()
	e.busy = false
	if err == nil && (e.current == nil || e.current.revision == o.revision) {
		e.current = o
	}
}

func (d *Domains) reload(ctx context.Context, c *Config, e *ringEntry) (*opened, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d.mu.Lock()
	o := e.current
	d.mu.Unlock()
	if o != nil && o.revision == string(c.revision) && d.now().Sub(o.at) < stale {
		return o, nil
	}
	o, err := d.unwrap(ctx, c)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	e.current = o
	d.mu.Unlock()
	return o, nil
}

// unwrap asks the key service for all data keys of a domain. A key of an object
// type that is refused is left out of the ring, and so is one that the domain had
// before the one in force: only what was sealed under it is out of reach then.
func (d *Domains) unwrap(ctx context.Context, c *Config) (*opened, error) {
	o := &opened{at: d.now(), revision: string(c.revision), problems: map[string]error{}}
	keys, types, current := map[uint32][]byte{}, map[string]uint32{}, uint32(0)
	var refused error // of the key in force
	for _, k := range c.dataKeys() {
		if k.Ended {
			delete(types, k.ObjectType)
			delete(o.problems, k.ObjectType)
			continue
		}
		plain, err := d.keys.Unwrap(ctx, KeyUse{KeyID: k.KeyID, Domain: c.ID, DomainName: c.Info.Name, ObjectType: k.ObjectType}, k.Wrapped)
		if k.ObjectType != "" {
			types[k.ObjectType] = k.Number
			delete(o.problems, k.ObjectType)
			if err != nil {
				o.problems[k.ObjectType] = err
				continue
			}
		} else {
			current, refused = k.Number, err
			if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
				return nil, err // no refusal, but trouble that passes
			}
			if err != nil {
				continue
			}
		}
		keys[k.Number] = plain
	}
	if refused != nil {
		return nil, refused
	}
	var idx sealedIndexKey
	if err := json.Unmarshal(c.Item(indexItem), &idx); err != nil {
		return nil, fmt.Errorf("domain %s: index key: %w: %w", c.ID, store.ErrCorrupt, err)
	}
	a, err := datakey.AEAD(keys[idx.DataKey])
	if err == nil {
		o.index, err = a.Decrypt(idx.Sealed, []byte(indexItem))
	}
	if err != nil {
		return nil, fmt.Errorf("domain %s: index key under data key %s: %w", c.ID, strconv.Itoa(int(idx.DataKey)), store.ErrCorrupt)
	}
	if o.ring, err = seal.NewRing(keys, current, types, o.index); err != nil {
		return nil, err
	}
	return o, nil
}

// ringInForce is Ring for a configuration that may be out of force: a key that
// is refused and that the domain has no more is no trouble, but a stale
// configuration.
func (d *Domains) ringInForce(ctx context.Context, c *Config) (*seal.Ring, error) {
	ring, err := d.Ring(ctx, c)
	if err == nil {
		return ring, nil
	}
	if now := d.Confirm(ctx, c); errors.Is(now, errStale) {
		return nil, now
	}
	return nil, err
}

// View reads a domain's records, opened, in one snapshot.
func (d *Domains) View(ctx context.Context, name string, fn func(*Config, *seal.Reader) error) error {
	return d.view(ctx, ref{name: name}, fn)
}

func (d *Domains) view(ctx context.Context, of ref, fn func(*Config, *seal.Reader) error) error {
	for range maxStale {
		c, err := d.likely(ctx, of)
		if err != nil {
			return err
		}
		ring, err := d.ringInForce(ctx, c)
		if errors.Is(err, errStale) {
			continue
		}
		if err != nil {
			return err
		}
		err = d.store.View(ctx, func(r store.Reader) error {
			if err := c.inForce(ctx, r); err != nil {
				return err
			}
			return fn(c, seal.NewReader(r, ring))
		})
		if !errors.Is(err, errStale) {
			return keyTrouble(err)
		}
		d.drop(c)
	}
	return busy()
}

// Update changes a domain's records in one transaction. fn may run several
// times; it must have no effect but its writes.
func (d *Domains) Update(ctx context.Context, name string, fn func(*Config, *seal.Tx) error) error {
	return d.update(ctx, ref{name: name}, fn)
}

func (d *Domains) update(ctx context.Context, of ref, fn func(*Config, *seal.Tx) error) error {
	for range maxStale {
		c, err := d.likely(ctx, of)
		if err != nil {
			return err
		}
		err = d.UpdateWith(ctx, c, func(tx *seal.Tx) error { return fn(c, tx) })
		if !errors.Is(err, errStale) {
			return err
		}
	}
	return busy()
}

// UpdateWith is Update for who already works with a configuration. When that is
// no longer in force nothing is written and [IsStale] holds for the error; fn may
// have been called, and its reads have failed.
func (d *Domains) UpdateWith(ctx context.Context, c *Config, fn func(*seal.Tx) error) error {
	ring, err := d.ringInForce(ctx, c)
	if err != nil {
		return err
	}
	var tally seal.Tally
	err = d.store.Update(ctx, func(tx store.Tx) error {
		tx.Expect(c.ID.configKey(revisionItem), c.revision)
		sealed := seal.NewTx(tx, ring)
		if err := fn(sealed); err != nil {
			return err
		}
		tally = sealed.Tally()
		return sealed.Err()
	})
	if errors.Is(err, store.ErrUnexpected) {
		err = errStale
		d.drop(c)
	}
	if err == nil && d.tallied != nil && tally != (seal.Tally{}) {
		d.tallied(c.ID, tally)
	}
	return keyTrouble(err)
}

// IsStale reports that a call was made with a configuration that has changed
// since; load it again and repeat the call.
func IsStale(err error) bool { return errors.Is(err, errStale) }

// KeyOutOfUse tells a client why data cannot be read.
const KeyOutOfUse = "The data is encrypted under a KMS key that cannot be used now: enable the key, or restore its grant or policy"

// keyTrouble tells the client what a missing data key means.
func keyTrouble(err error) error {
	if errors.Is(err, seal.ErrUnknownKey) {
		return fault.New(fault.Invalid, KeyOutOfUse).Because(err)
	}
	return err
}
