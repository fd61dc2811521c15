package profile

import (
	"bytes"
	"context"
	"fmt"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Erased is what an erasure has removed.
type Erased struct {
	// Partitions are those that held the records.
	Partitions      [][]byte
	Profiles        int
	Objects         int
	Contributions   int
	StandardObjects int
	OtherRecords    int // of the profile: its head, what people wrote, its log, merges, ways to standard objects
	IndexEntries    int // that led to the profile or its objects
	KeysDestroyed   int

	index map[string]bool // entries removed, each once
}

// leads notes an index entry that is removed. It does nothing when nobody counts.
func (e *Erased) leads(k store.Key) {
	if e != nil {
		e.index[string(k.Partition)+"\x00"+string(k.Sort)] = true
	}
}

// Erase removes a profile like DeleteProfile does and counts what it removes. With
// the secret the profile's keys are gone, so that no copy of its other
// records opens any more. then is called at the end of the transaction, each time
// that this runs, and may write in it.
func (s *Service) Erase(ctx context.Context, domainName, profileID string, then func(*domain.Config, *seal.Tx, *Erased) error) error {
	id, ok := ParseID(profileID)
	if !ok {
		return noProfile(profileID)
	}
	return s.domains.Update(ctx, domainName, func(cfg *domain.Config, tx *seal.Tx) error {
		c, err := load(ctx, tx, cfg, id)
		if err != nil {
			return err
		}
		c.gone = &Erased{index: map[string]bool{}}
		if err := c.countAll(); err != nil {
			return err
		}
		if err := c.erase(deleted); err != nil {
			return err
		}
		c.gone.IndexEntries = len(c.gone.index)
		return then(cfg, tx, c.gone)
	})
}

// erasePage is how many records are read at once to be counted: they are whole
// objects.
const erasePage = 64

// countAll counts what an erasure removes: of a merged profile the records of all
// members, which bring each their own keys.
func (c *change) countAll() error {
	if c.group == nil {
		return c.countRecords()
	}
	for _, id := range c.group.all() {
		m, err := c.group.member(id)
		if err != nil {
			return err
		}
		m.gone = c.gone
		if err := m.countRecords(); err != nil {
			return err
		}
	}
	return nil
}

// countRecords counts the records of the profile's partition and the keys that they
// are sealed with.
func (c *change) countRecords() error {
	e := c.gone
	e.Profiles++
	e.Partitions = append(append(e.Partitions, c.p), c.shadows()...)
	if c.head.first != nil {
		e.Contributions++
	}
	keys := map[uint32]bool{}
	span := store.Span{Partition: c.p, Limit: erasePage}
	for {
		lists, err := c.tx.ScanPlain(c.ctx, span)
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		for _, rec := range lists[0] {
			switch rec.Key.Sort[0] {
			case 'o':
				e.Objects++
			case 'c':
				e.Contributions++
			case 's':
				e.StandardObjects++
			default:
				e.OtherRecords++
			}
			if isPlain(rec.Key.Sort) {
				continue
			}
			number, err := seal.SealedWith(rec.Value)
			if err != nil {
				return err
			}
			keys[number] = true
		}
		if len(lists[0]) < span.Limit {
			e.KeysDestroyed += len(keys)
			return nil
		}
		span.Start = append(bytes.Clone(lists[0][span.Limit-1].Key.Sort), 0)
	}
}
