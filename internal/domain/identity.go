package domain

import (
	"context"
	"errors"
	"fmt"

	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// ref says which domain is meant: the one that has a name when it is looked up,
// or, where a piece of work takes more than one transaction, the one that it was
// begun on, whatever that is called by now. A name may be taken from a domain
// and given to another at any time (see [Service.RenameDomain]), so nothing that
// belongs to one domain may be carried on by name.
type ref struct {
	name string
	id   ID // counts if there is no name
}

// errGone is what work on a domain by its identity meets when that is deleted.
var errGone = fault.New(fault.NotFound, "The domain does not exist any more")

// config is the configuration in force.
func (d *Domains) config(ctx context.Context, of ref) (*Config, error) {
	if of.name == "" {
		return d.ConfigOf(ctx, of.id)
	}
	return d.Config(ctx, of.name)
}

// likely is the configuration that was last seen to be in force.
func (d *Domains) likely(ctx context.Context, of ref) (*Config, error) {
	if of.name == "" {
		return d.LikelyOf(ctx, of.id)
	}
	return d.Likely(ctx, of.name)
}

// ConfigOf is the configuration in force of a domain by its identity. That of a
// domain that has been deleted is a NotFound fault.
func (d *Domains) ConfigOf(ctx context.Context, id ID) (*Config, error) {
	var c *Config
	err := d.store.View(ctx, func(r store.Reader) (err error) {
		c, err = d.current(ctx, r, id, errGone)
		return err
	})
	return c, err
}

// LikelyOf is [Domains.Likely] for a domain by its identity.
func (d *Domains) LikelyOf(ctx context.Context, id ID) (*Config, error) {
	d.mu.Lock()
	c := d.configs[id]
	d.mu.Unlock()
	if c != nil {
		d.lookups.configHits.Add(1)
		return c, nil
	}
	return d.ConfigOf(ctx, id)
}

// ViewOf is [Domains.View] for a domain by its identity.
func (d *Domains) ViewOf(ctx context.Context, id ID, fn func(*Config, *seal.Reader) error) error {
	return d.view(ctx, ref{id: id}, fn)
}

// UpdateOf is [Domains.Update] for a domain by its identity.
func (d *Domains) UpdateOf(ctx context.Context, id ID, fn func(*Config, *seal.Tx) error) error {
	return d.update(ctx, ref{id: id}, fn)
}

// ConfigureOf is [Domains.Configure] for a domain by its identity.
func (d *Domains) ConfigureOf(ctx context.Context, id ID, fn func(*Edit) error) error {
	return d.configure(ctx, ref{id: id}, fn)
}

// IDs are the identities of all domains, which are at most [store.MaxScan].
func (d *Domains) IDs(ctx context.Context) (ids []ID, err error) {
	err = d.store.View(ctx, func(r store.Reader) error {
		ids = ids[:0]
		lists, err := r.Scan(ctx, store.Span{Partition: names, Start: []byte{'n'}, End: []byte{'n' + 1}, Limit: store.MaxScan})
		if err != nil {
			return fmt.Errorf("domain names: %w", err)
		}
		for _, rec := range lists[0] {
			id, err := parseID(rec.Value)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

// drop forgets a configuration that is in force no more.
func (d *Domains) drop(c *Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, c.Info.Name)
	if now := d.configs[c.ID]; now != nil && string(now.revision) == string(c.revision) {
		delete(d.configs, c.ID)
	}
}

// busy is the answer to a call that the configuration kept changing under.
func busy() error {
	return fault.New(fault.Busy, "The configuration of the domain is changing; try again").Because(errStale)
}

// Same makes an edit that was prepared for a domain fail if the name that it was
// prepared under has become another's.
func (e *Edit) Same(c *Config) error {
	if e.ID != c.ID {
		return notFound(c.Info.Name).Because(errors.New("the name is another domain's by now"))
	}
	return nil
}
