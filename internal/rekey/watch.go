package rekey

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/job"
	"kindred/internal/resource"
	"kindred/internal/tracing"
)

// lookEvery is how often the keys of all domains are looked at.
const lookEvery = time.Hour

// Run looks at the keys of all domains, now and every hour, until the context
// ends: it tells of keys at risk, wraps data keys anew, and has resealings go on that
// have failed for want of a key.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := tracing.Work(ctx, "look at keys", s.Look); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "keys of domains were not all looked at", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look looks at the keys of all domains once.
func (s *Service) Look(ctx context.Context) error {
	ids, err := s.domains.IDs(ctx)
	if err != nil {
		return err
	}
	risks := map[Risk]int{}
	for _, id := range ids {
		c, cerr := s.domains.ConfigOf(ctx, id)
		if fault.Is(cerr, fault.NotFound) {
			continue
		}
		if cerr != nil {
			err = errors.Join(err, cerr)
			continue
		}
		err = errors.Join(err, s.lookAt(ctx, c, risks))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atRisk = risks
	return err
}

func (s *Service) lookAt(ctx context.Context, c *domain.Config, risks map[Risk]int) error {
	seen := map[string]bool{}
	healthy := true
	for _, k := range c.DataKeys() {
		if k.KeyID == "" || seen[k.KeyID] {
			continue
		}
		seen[k.KeyID] = true
		at, err := s.examine(ctx, c, k)
		if err != nil {
			return err
		}
		if at.risk == "" {
			continue
		}
		healthy = false
		risks[at.risk]++
		s.log.WarnContext(ctx, "a KMS key that is needed is at risk", "domain", c.Info.Name, "object_type", k.ObjectType, "key", k.KeyID,
			"risk", string(at.risk), "warning", at.warning)
	}
	if !healthy {
		return nil // nothing can be wrapped anew that cannot be opened
	}
	n, err := s.domains.Rewrap(ctx, c, s.keys)
	if n > 0 {
		s.log.InfoContext(ctx, "data keys were wrapped under the newest material of their KMS key", "domain", c.Info.Name, "keys", n)
	}
	return errors.Join(err, s.goOn(ctx, c))
}

// goOn has a resealing go on that has failed, now that all keys can be used. One that
// somebody has cancelled or paused stays so.
func (s *Service) goOn(ctx context.Context, c *domain.Config) error {
	r, pending := c.Resealing()
	if !pending {
		return nil
	}
	id, err := job.ParseID(r.Job)
	var j *job.Job
	if err == nil {
		j, err = s.jobs.Get(ctx, c.ID, id)
	}
	switch {
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Invalid): // it ended long ago, or there was nobody to make it
		return s.domains.ConfigureOf(ctx, c.ID, func(e *domain.Edit) error {
			if _, still := e.Resealing(); !still {
				return nil
			}
			return s.domains.Rekeyed(ctx, e)
		})
	case err != nil:
		return err
	case j.State == job.Failed:
		_, err = s.jobs.Resume(ctx, c.ID, id)
	}
	return err
}

// Refusals counts and logs keys that were refused for a domain or an object type
// because of their state. The zero Refusals is ready for use.
type Refusals struct {
	mu     sync.Mutex // guards the following
	counts map[Risk]int
}

// Count is how many keys were refused for a risk since the start.
func (r *Refusals) Count(risk Risk) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[risk]
}

// Watch is a checker that notes what another refuses.
func (r *Refusals) Watch(check domain.Checker, log *slog.Logger) domain.Checker {
	return watched{check, r, log}
}

type watched struct {
	domain.Checker
	refusals *Refusals
	log      *slog.Logger
}

// CheckKey implements [domain.Checker].
func (w watched) CheckKey(ctx context.Context, use domain.KeyUse) error {
	err := w.Checker.CheckKey(ctx, use)
	var risk Risk
	switch {
	case errors.Is(err, resource.ErrKeyDeletion):
		risk = PendingDeletion
	case errors.Is(err, resource.ErrKeyState):
		risk = Disabled
	case errors.Is(err, resource.ErrKeyMissing):
		risk = OutOfReach
	default:
		return err
	}
	w.refusals.mu.Lock()
	if w.refusals.counts == nil {
		w.refusals.counts = map[Risk]int{}
	}
	w.refusals.counts[risk]++
	w.refusals.mu.Unlock()
	w.log.WarnContext(ctx, "a KMS key was refused", "domain", use.DomainName, "object_type", use.ObjectType, "key", use.KeyID, "risk", string(risk))
	return err
}
