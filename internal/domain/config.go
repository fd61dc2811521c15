// Package domain keeps the containers that everything else lives in: their
// names, settings, data keys and totals, and the configuration that other
// concepts (object types, integrations, tags) keep in them.
//
// The configuration of a domain is small and read by every call, so it is held
// in memory, opened and decoded, under a revision that changes with it. Every
// transaction reads the revision record, or has it expected ([store.Tx.Expect]); one
// that meets another revision than its configuration has starts again with the new one. So a
// change of configuration is in force, for every node, from its commit on.
package domain

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Info is what the API knows of a domain, without counts and tags.
type Info struct {
	Name                  string
	CreatedAt             time.Time
	LastUpdatedAt         time.Time
	DefaultExpirationDays int
	DefaultEncryptionKey  string          `json:",omitempty"`
	DeadLetterQueueURL    string          `json:",omitempty"`
	Matching              json.RawMessage `json:",omitempty"` // profileapi.MatchingResponse
	RuleBasedMatching     json.RawMessage `json:",omitempty"` // profileapi.RuleBasedMatchingResponse
	DataStoreEnabled      bool            `json:",omitempty"`
	Settings              Settings
}

// Settings are what Kindred adds to the API's domain.
type Settings struct {
	// DefaultCountry, ISO 3166 alpha-2, is where telephone numbers without a
	// country code are at home.
	DefaultCountry string
	// MaxObjectsPerProfilePerSecond bounds ingestion into one profile; 0 is
	// without bound.
	MaxObjectsPerProfilePerSecond int
}

// DefaultSettings are those of a new domain. The rate is the number of objects
// that a profile can hold: whoever sends more in one second is in a loop.
var DefaultSettings = Settings{DefaultCountry: "US", MaxObjectsPerProfilePerSecond: 1000}

// Config is the configuration of a domain at one revision. It does not change.
type Config struct {
	ID   ID
	Info Info

	revision []byte
	items    map[string][]byte // by item name
	sorted   []string          // names of items, ascending
	memo     sync.Map
}

// Item is the value of an item, nil if there is none. It must not be changed.
func (c *Config) Item(name string) []byte { return c.items[name] }

// Items are the items whose name starts with prefix, ascending, by what follows
// it.
func (c *Config) Items(prefix string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		at, _ := slices.BinarySearch(c.sorted, prefix)
		for _, name := range c.sorted[at:] {
			rest, ok := strings.CutPrefix(name, prefix)
			if !ok || !yield(rest, c.items[name]) {
				return
			}
		}
	}
}

// Memo computes something from a configuration once and keeps it with it. The
// function may run more than once when called concurrently; one result is kept.
func Memo[T any](c *Config, key any, compute func() T) T {
	if v, ok := c.memo.Load(key); ok {
		return v.(T)
	}
	v, _ := c.memo.LoadOrStore(key, compute())
	return v.(T)
}

// errStale: the configuration that a transaction was given is not in force.
var errStale = errors.New("domain: configuration has changed")

// maxConfigCache bounds the configurations held in memory.
const maxConfigCache = 1024

// Domains gives access to all domains of the store.
type Domains struct {
	store store.Store
	seal  tink.AEAD // for configuration
	keys  DataKeys
	now   func() time.Time

	reseal  Resealer             // nil: nobody
	tallied func(ID, seal.Tally) // nil: nobody

	mu      sync.Mutex // guards the following
	configs map[ID]*Config
	names   map[string]remembered
	rings   map[ID]*ringEntry

	lookups lookups
}

// lookups counts how often caches had what was asked for.
type lookups struct{ configHits, configMisses, keyHits, keyMisses atomic.Int64 }

// Lookups are counts since the start of what was asked of the caches in memory.
type Lookups struct {
	ConfigHits, ConfigMisses int64 // configurations of domains
	KeyHits, KeyMisses       int64 // opened data keys of a domain
}

// Lookups returns how often configurations and data keys were at hand.
func (d *Domains) Lookups() Lookups {
	l := &d.lookups
	return Lookups{l.configHits.Load(), l.configMisses.Load(), l.keyHits.Load(), l.keyMisses.Load()}
}

// remembered is the configuration that a name led to, and when that was last
// seen to be so.
type remembered struct {
	config *Config
	seen   time.Time
}

// NewDomains makes the access. The cipher seals configuration.
func NewDomains(s store.Store, config tink.AEAD, keys DataKeys, now func() time.Time) *Domains {
	return &Domains{store: s, seal: config, keys: keys, now: now, configs: map[ID]*Config{}, names: map[string]remembered{}, rings: map[ID]*ringEntry{}}
}

func notFound(name string) *fault.Error {
	return fault.New(fault.NotFound, "Domain %s does not exist", name)
}

// Config is the configuration in force of the domain of a name.
// A name that is unknown is a NotFound fault.
func (d *Domains) Config(ctx context.Context, name string) (*Config, error) {
	var c *Config
	err := d.store.View(ctx, func(r store.Reader) error {
		id, err := d.resolve(ctx, r, name)
		if err != nil {
			return err
		}
		c, err = d.current(ctx, r, id, notFound(name))
		return err
	})
	if err == nil {
		d.remember(name, c)
	}
	return c, err
}

// Likely is the configuration that was last seen to be in force, without a look
// at the store: for work that checks it inside its own transaction, as View and
// UpdateWith do. A call that then fails because it is not in force any more
// (see [IsStale]) has made it forgotten.
func (d *Domains) Likely(ctx context.Context, name string) (*Config, error) {
	d.mu.Lock()
	r := d.names[name]
	d.mu.Unlock()
	if r.config != nil {
		d.lookups.configHits.Add(1)
		return r.config, nil
	}
	return d.Config(ctx, name)
}

// Confirm returns nil if a configuration is in force, and else an error that
// [IsStale] holds for, or that of the look at the store. That of a domain that
// has been deleted, or has another name by now, is not in force.
func (d *Domains) Confirm(ctx context.Context, c *Config) error {
	err := d.store.View(ctx, func(r store.Reader) error { return c.inForce(ctx, r) })
	if errors.Is(err, errStale) {
		d.drop(c)
	}
	return err
}

// recent bounds the age of a configuration that [Domains.Recent] answers.
const recent = time.Second

// Recent is the configuration as it was in force at most a second ago; a change
// made through this node is always seen.
func (d *Domains) Recent(ctx context.Context, name string) (*Config, error) {
	d.mu.Lock()
	r := d.names[name]
	d.mu.Unlock()
	if r.config != nil && d.now().Sub(r.seen) < recent {
		d.lookups.configHits.Add(1)
		return r.config, nil
	}
	return d.Config(ctx, name)
}

func (d *Domains) remember(name string, c *Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.names) >= maxConfigCache {
		clear(d.names)
	}
	d.names[name] = remembered{c, d.now()}
}

// forget makes the next call look at the store.
func (d *Domains) forget(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, name)
}

func (d *Domains) resolve(ctx context.Context, r store.Reader, name string) (id ID, err error) {
	v, err := r.Get(ctx, nameKey(name))
	if err != nil {
		return id, fmt.Errorf("domain name: %w", err)
	}
	if v[0] == nil {
		return id, notFound(name)
	}
	return parseID(v[0])
}

// parseID reads an identity as a name leads to it.
func parseID(b []byte) (id ID, err error) {
	if copy(id[:], b) != len(b) || len(b) != len(id) {
		return id, fmt.Errorf("domain name: %w", store.ErrCorrupt)
	}
	return id, nil
}

// current returns the cached configuration if it is in force, else loads it. A
// domain that has none is answered with the error for that.
func (d *Domains) current(ctx context.Context, r store.Reader, id ID, missing error) (*Config, error) {
	rev, err := r.Get(ctx, id.configKey(revisionItem))
	if err != nil {
		return nil, fmt.Errorf("domain revision: %w", err)
	}
	if rev[0] == nil {
		return nil, missing
	}
	d.mu.Lock()
	c := d.configs[id]
	d.mu.Unlock()
	if c != nil && bytes.Equal(c.revision, rev[0]) {
		d.lookups.configHits.Add(1)
		return c, nil
	}
	d.lookups.configMisses.Add(1)
	if c, err = d.load(ctx, r, id); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.configs) >= maxConfigCache {
		for old := range d.configs { // any will do: it is loaded again when needed
			delete(d.configs, old)
			break
		}
	}
	d.configs[id] = c
	return c, nil
}

// load reads the whole configuration partition.
func (d *Domains) load(ctx context.Context, r store.Reader, id ID) (*Config, error) {
	c := &Config{ID: id, items: map[string][]byte{}}
	span := store.Span{Partition: id.Partition('c'), Limit: store.MaxScan}
	for {
		lists, err := r.Scan(ctx, span)
		if err != nil {
			return nil, fmt.Errorf("domain configuration: %w", err)
		}
		for _, rec := range lists[0] {
			name := string(rec.Key.Sort)
			if name == revisionItem {
				c.revision = rec.Value
				continue
			}
			v, err := d.seal.Decrypt(rec.Value, rec.Key.Sort)
			if err != nil {
				return nil, fmt.Errorf("domain %s: configuration item %q does not open: %w", id, name, store.ErrCorrupt)
			}
			c.items[name] = v
		}
		if len(lists[0]) < span.Limit {
			break
		}
		span.Start = append(lists[0][span.Limit-1].Key.Sort, 0)
	}
	c.sorted = slices.Sorted(maps.Keys(c.items))
	if err := json.Unmarshal(c.items[infoItem], &c.Info); err != nil {
		return nil, fmt.Errorf("domain %s: %w: %w", id, store.ErrCorrupt, err)
	}
	return c, nil
}

// inForce checks inside a transaction that a configuration is the current one.
func (c *Config) inForce(ctx context.Context, r store.Reader) error {
	rev, err := r.Get(ctx, c.ID.configKey(revisionItem))
	if err != nil {
		return fmt.Errorf("domain revision: %w", err)
	}
	if !bytes.Equal(rev[0], c.revision) {
		return errStale
	}
	return nil
}

// InForce returns nil if the configuration is the one in force, and then has the
// transaction commit only if it still is; else an error that [IsStale] holds for.
// It is for transactions of the store that write into a domain.
func (c *Config) InForce(ctx context.Context, tx store.Tx) error { return c.inForce(ctx, tx) }

// Edit is a change of a domain's configuration, made by [Domains.Configure].
type Edit struct {
	*Config
	Tx  store.Tx
	d   *Domains
	err error
}

// Put writes an item of the configuration.
func (e *Edit) Put(item string, value []byte) {
	sealed, err := e.d.seal.Encrypt(value, []byte(item))
	if err != nil {
		e.err = errors.Join(e.err, err)
		return
	}
	e.Tx.Put(e.ID.configKey(item), sealed)
}

// PutJSON writes an item as JSON.
func (e *Edit) PutJSON(item string, value any) {
	b, err := json.Marshal(value)
	if err != nil {
		e.err = errors.Join(e.err, err)
		return
	}
	e.Put(item, b)
}

// Delete removes an item.
func (e *Edit) Delete(item string) { e.Tx.Delete(e.ID.configKey(item)) }

// bump gives the configuration a new revision.
func (e *Edit) bump() {
	rev := make([]byte, 12)
	_, _ = rand.Read(rev) // never fails
	e.Tx.Put(e.ID.configKey(revisionItem), rev)
}

// maxStale bounds how often a call starts again because the configuration
// changed under it.
const maxStale = 16

// Configure changes a domain's configuration atomically. fn may run several
// times, each time on the configuration then in force, and must only read it
// and write through the Edit.
func (d *Domains) Configure(ctx context.Context, name string, fn func(*Edit) error) error {
	return d.configure(ctx, ref{name: name}, fn)
}

func (d *Domains) configure(ctx context.Context, of ref, fn func(*Edit) error) error {
	for range maxStale {
		c, err := d.config(ctx, of)
		if err != nil {
			return err
		}
		err = d.store.Update(ctx, func(tx store.Tx) error {
			if err := c.inForce(ctx, tx); err != nil {
				return err
			}
			e := &Edit{Config: c, Tx: tx, d: d}
			if err := fn(e); err != nil {
				return err
			}
			e.bump()
			return e.err
		})
		d.drop(c)
		if !errors.Is(err, errStale) {
			return err
		}
	}
	return busy()
}

// Store is the engine below, for what concepts keep outside of any domain.
func (d *Domains) Store() store.Store { return d.store }

// DropElsewhere removes an item of another domain's configuration, and the tags
// of the resource whose ARN has the tail, in the same transaction: for what
// belongs to one domain at a time and moves. It reports whether that domain is
// still there; of one that has been deleted nothing may come back.
func (e *Edit) DropElsewhere(ctx context.Context, id ID, item, tail string) (bool, error) {
	other := Edit{Config: &Config{ID: id}, Tx: e.Tx, d: e.d}
	rev, err := e.Tx.Get(ctx, id.configKey(revisionItem))
	if err != nil {
		return false, fmt.Errorf("domain revision: %w", err)
	}
	if rev[0] == nil {
		return false, nil
	}
	other.Delete(item)
	other.PutTags(tail, nil)
	other.bump()
	return true, nil
}
