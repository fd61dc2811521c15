package profile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
	spans "kindred/internal/tracing"
)

// sweepEvery is how often expired objects and profiles are looked for.
const sweepEvery = time.Minute

// A sweep takes up so many due profiles at a time and works on so many at once.
// Between two batches it rests for as long as the last one took.
const (
	sweepBatch   = 256
	sweepWorkers = 4
)

// Sweeper removes objects and profiles that have expired, from all domains. What
// it costs follows from what is due, not from what is stored. Several nodes may
// sweep one store: whoever comes second to a profile finds nothing to do.
type Sweeper struct {
	domains *domain.Domains
	now     func() time.Time
	log     *slog.Logger
	count   func(objects, profiles int)
}

// NewSweeper makes a sweeper. count is told what was removed, for metrics, and
// may be called from several goroutines.
func NewSweeper(d *domain.Domains, now func() time.Time, log *slog.Logger, count func(objects, profiles int)) *Sweeper {
	return &Sweeper{d, now, log, count}
}

// Run sweeps once a minute until the context ends. What fails is logged and
// tried again by the next sweep.
func (s *Sweeper) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := spans.Work(ctx, "expiry", s.Sweep); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "not all that has expired is removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep removes what has expired by now. It goes on past a domain or a profile
// that cannot be read, because its key is out of use, and returns why.
func (s *Sweeper) Sweep(ctx context.Context) error {
	ids, err := s.domains.IDs(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, id := range ids {
		if err := s.sweepDomain(ctx, id); err != nil {
			failed = errors.Join(failed, fmt.Errorf("expiry: %w", err))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return failed
}

// dueProfile is an entry of the index of due times.
type dueProfile struct {
	domain  domain.ID
	hour    uint32
	profile ID
}

// sweepDomain goes through the due profiles of a domain in the order of their
// hours. A domain that is deleted meanwhile is left alone.
func (s *Sweeper) sweepDomain(ctx context.Context, d domain.ID) error {
	var after store.Key
	var failed error
	for {
		began := s.now()
		cfg, err := s.domains.ConfigOf(ctx, d)
		if fault.Is(err, fault.NotFound) {
			return failed
		}
		if err != nil {
			return err
		}
		list, err := s.due(ctx, d, &after)
		if err != nil || len(list) == 0 {
			return errors.Join(failed, err)
		}
		if _, err := s.domains.Ring(ctx, cfg); err != nil {
			return err // no profile of the domain can be read
		}
		var g errgroup.Group
		g.SetLimit(sweepWorkers)
		for _, p := range list {
			g.Go(func() error { return s.expire(ctx, p) })
		}
		if err := g.Wait(); failed == nil {
			failed = err // one speaks for all
		}
		if err := pause(ctx, s.now().Sub(began)); err != nil {
			return err
		}
	}
}

// due lists the next due profiles of a domain and moves the position behind them.
func (s *Sweeper) due(ctx context.Context, d domain.ID, after *store.Key) (list []dueProfile, err error) {
	prefix := d.Partition('x')
	hours := s.now().Unix() / int64(time.Hour/time.Second)
	recs, err := s.domains.Store().ScanPrefix(ctx, prefix, *after, sweepBatch)
	if err != nil {
		return nil, fmt.Errorf("due times: %w", err)
	}
	for _, rec := range recs {
		at := rec.Key.Partition[len(prefix):]
		if len(at) != 5 || len(rec.Key.Sort) != len(ID{}) {
			return nil, fmt.Errorf("due time: %w", store.ErrCorrupt)
		}
		e := dueProfile{domain: d, hour: binary.BigEndian.Uint32(at), profile: ID(rec.Key.Sort)}
		if int64(e.hour) > hours {
			break
		}
		list, *after = append(list, e), rec.Key
	}
	return list, nil
}

// expire works on one due profile, in one transaction. An entry that the head
// does not name has been dealt with since it was read.
func (s *Sweeper) expire(ctx context.Context, e dueProfile) error {
	var objects, profiles int
	err := s.domains.UpdateOf(ctx, e.domain, func(cfg *domain.Config, tx *seal.Tx) error {
		objects, profiles = 0, 0
		c, err := loadBase(ctx, tx, cfg, e.profile)
		if fault.Is(err, fault.NotFound) || err == nil && c.head.due != e.hour {
			tx.Delete(dueKey(cfg.ID, e.hour, e.profile))
			return nil
		}
		if err == nil {
			objects, profiles, err = c.expire()
		}
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil // the domain is gone
	}
	if err == nil {
		s.count(objects, profiles)
	}
	return err
}

// pause waits, so that a long sweep leaves the machine to others half of the time.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
