package profile

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Scrub removes all objects of a type that were last ingested before a time,
// from every profile of a domain, with the values and keys that they gave. An
// inferred profile that nothing is left of goes too. It visits every profile of
// the domain but reads only what it needs of each; it may be interrupted and
// called again.
func (s *Service) Scrub(ctx context.Context, of domain.ID, objectType string, before time.Time) error {
	if _, err := s.domains.ConfigOf(ctx, of); err != nil {
		return err
	}
	prefix := of.Partition('p')
	var at store.Key
	for {
		list, err := s.domains.Store().ScanPrefix(ctx, prefix, at, 1)
		if err != nil {
			return fmt.Errorf("scrub: %w", err)
		}
		if len(list) == 0 {
			return nil
		}
		p := list[0].Key.Partition
		id := ID(p[len(prefix):])
		if err := s.scrubProfile(ctx, of, id, objectType, before.UnixMicro()); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		at = store.Key{Partition: bytes.Clone(p), Sort: bytes.Repeat([]byte{0xff}, store.MaxSort)}
	}
}

func (s *Service) scrubProfile(ctx context.Context, of domain.ID, id ID, objectType string, before int64) error {
	// Most profiles have no object of the type: look before opening a transaction.
	any := false
	err := s.domains.ViewOf(ctx, of, func(cfg *domain.Config, r *seal.Reader) error {
		p := partition(cfg.ID, id) // the head may have a contribution, a residue has no object
		lists, err := r.ScanPlain(ctx, within(p, named('o', objectType, 0), 1), within(p, named('c', objectType, 0), 1))
		if err != nil {
			return fmt.Errorf("contributions: %w", err)
		}
		any = len(lists[0])+len(lists[1]) > 0
		return nil
	})
	if err != nil || !any {
		return err
	}
	return s.domains.UpdateOf(ctx, of, func(cfg *domain.Config, tx *seal.Tx) error {
		c, err := loadBase(ctx, tx, cfg, id)
		if err != nil {
			return err
		}
		list, err := scanContributions(ctx, &c.tx.Reader, c.p, c.head, objectType)
		if err != nil {
			return err
		}
		gone := slices.DeleteFunc(list, func(k *contribution) bool { return k.arrived() >= before })
		if len(gone) == 0 {
			return nil
		}
		if err := c.remove(gone...); err != nil {
			return err
		}
		if empty, err := c.empty(); err != nil {
			return err
		} else if empty {
			return c.vanish(deleted)
		}
		return c.finish()
	})
}

// empty reports whether the profile was made by ingestion and nothing is left of
// that. A member of a group waits until it is on its own.
func (c *change) empty() (bool, error) {
	if c.group != nil || !c.head.inferred || c.head.objects > 0 || len(c.head.facts) > 0 {
		return false, nil
	}
	m, err := c.loadManual()
	return err == nil && len(m.facts) == 0 && len(m.keys) == 0, err
}

// arrived is when a contribution last came, by which it is judged older than a
// deletion of its type. A residue may hold values from before and after: it is as
// old as the oldest of them, so that none survives the deletion.
func (k *contribution) arrived() int64 {
	if k.residue() {
		return k.first
	}
	return k.last
}

// vanish removes a profile of which no contribution is left.
func (c *change) vanish(why action) error {
	for _, k := range c.head.derived {
		c.count(k.class, k.key, -1)
	}
	c.derive = false
	if err := c.writeIndex(); err != nil {
		return err
	}
	if err := c.dropMerges(); err != nil {
		return err
	}
	c.unschedule()
	c.tx.Clear(c.p)
	c.bury(why)
	c.cfg.Count(c.tx, c.id[0], domain.Totals{Profiles: -1, Metered: -domain.Metered(c.objects),
		Objects: -int64(c.objects), Bytes: -c.bytes})
	return nil
}
