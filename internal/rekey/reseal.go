package rekey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/job"
	"kindred/internal/profile"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Kind is the kind of jobs that seal anew.
const Kind = "reseal"

// Counters of such a job. Its Done and Total are profiles.
const (
	resealedCounter = "resealed" // records
	lockedCounter   = "locked"   // records under a key that cannot be used
)

// Bounds of one step. A page is held in memory: records of a profile have up to a
// quarter of a megabyte.
const (
	pageRecords  = 64
	pagesPerStep = 64
)

// resealer is the handler of the jobs.
type resealer struct{ domains *domain.Domains }

var _ job.Handler = resealer{}

// cursor is where a job is.
type cursor struct {
	Change uint32    // the change of keys that it works for
	After  store.Key // the record that was looked at last
	Locked int       // records passed over since the start
}

// Step looks for the next records that are sealed under other keys than those in
// force and seals them anew, or ends the job.
func (r resealer) Step(ctx context.Context, s *job.Step) error {
	c, err := r.domains.ConfigOf(ctx, s.Job.Domain)
	if err != nil {
		return err
	}
	var at cursor
	if s.Job.Cursor != nil {
		if err := json.Unmarshal(s.Job.Cursor, &at); err != nil {
			return job.Final(fmt.Errorf("cursor: %w", err))
		}
	}
	if at.Change != c.KeyChange() {
		return r.begin(ctx, s, c)
	}
	ring, err := r.domains.Ring(ctx, c)
	if err != nil {
		return err
	}
	found, err := r.look(ctx, c, ring, &at)
	if err != nil {
		return err
	}
	if found.end {
		if at.Locked > 0 {
			return r.again(ctx, s, c, ring, at)
		}
		return r.finish(ctx, s, c, at)
	}
	return s.Update(ctx, func(now *domain.Config, tx *seal.Tx) (job.Progress, error) {
		if now.KeyChange() != at.Change {
			return job.Progress{}, nil // the next step begins anew
		}
		next := at
		done, err := profile.Reseal(ctx, tx, found.outdated)
		if err != nil {
			return job.Progress{}, err
		}
		next.Locked += done.Locked
		b, err := json.Marshal(next)
		return job.Progress{Cursor: b, Done: int64(found.profiles),
			Counters: map[string]int64{resealedCounter: int64(done.Records), lockedCounter: int64(done.Locked)}}, err
	})
}

// begin starts from the first profile. A job that is overtaken by another change of
// keys starts again, and its total grows.
func (r resealer) begin(ctx context.Context, s *job.Step, c *domain.Config) error {
	b, err := json.Marshal(cursor{Change: c.KeyChange()})
	if err != nil {
		return err
	}
	var t domain.Totals
	err = r.domains.Store().View(ctx, func(rd store.Reader) (err error) {
		t, err = c.Totals(ctx, rd)
		return err
	})
	if err != nil {
		return err
	}
	total := s.Job.Done + t.Profiles
	return s.UpdateStore(ctx, func(store.Tx) (job.Progress, error) { return job.Progress{Cursor: b, Total: &total}, nil })
}

// found is what a look at some pages of records has found.
type found struct {
	outdated []store.Key
	profiles int // that began in the pages
	end      bool
}

// look reads pages until one has outdated records, and moves the cursor behind it.
func (r resealer) look(ctx context.Context, c *domain.Config, ring *seal.Ring, at *cursor) (f found, err error) {
	for range pagesPerStep {
		list, err := r.domains.Store().ScanPrefix(ctx, profile.Partitions(c.ID), at.After, pageRecords)
		if err != nil {
			return f, fmt.Errorf("reseal: %w", err)
		}
		for _, rec := range list {
			if !bytes.Equal(rec.Key.Partition, at.After.Partition) {
				f.profiles++
			}
			at.After = rec.Key
			outdated, err := profile.Outdated(ring, rec)
			if err != nil {
				return f, err
			}
			if outdated {
				f.outdated = append(f.outdated, rec.Key)
			}
		}
		if len(f.outdated) > 0 {
			return f, nil
		}
		if len(list) == 0 {
			f.end = f.profiles == 0 // else the step has progress to tell first
			return f, nil
		}
	}
	return f, nil
}

// again is the end of a job that had to pass over records: it starts anew if all
// keys can be used by now.
func (r resealer) again(ctx context.Context, s *job.Step, c *domain.Config, ring *seal.Ring, at cursor) error {
	for _, k := range c.DataKeys() {
		if ring.Has(k.Number) {
			continue
		}
		err := r.domains.OpenDataKey(ctx, c, k)
		if err == nil {
			err = errors.New("the key can be used again")
		}
		return fault.New(fault.Invalid, "%d records cannot be sealed anew, because the KMS key %s cannot be used: enable it, or restore its grant or policy, and resume the job",
			at.Locked, k.KeyID).Because(err)
	}
	return r.begin(ctx, s, c)
}

// unsealed are the kinds of a domain's partitions that have no value sealed with its
// data keys.
//
// Those of dry runs of replays ('r') have: they are removed and not sealed anew.
const unsealed = "cnkujexmzra"

// covered makes sure that a domain has no partitions but those whose records have
// been sealed anew and those that need not be: what nobody has thought of here must
// not lose its keys.
func (r resealer) covered(ctx context.Context, d domain.ID) error {
	var after store.Key
	for {
		list, err := r.domains.Store().ScanPrefix(ctx, d.Prefix(), after, 1)
		if err != nil {
			return fmt.Errorf("reseal: %w", err)
		}
		if len(list) == 0 {
			return nil
		}
		kind := list[0].Key.Partition[len(d.Prefix())]
		if kind != profile.Partitions(d)[len(d.Prefix())] && !strings.ContainsRune(unsealed, rune(kind)) {
			return job.Final(fmt.Errorf("reseal: partitions of the kind %q are not known here", kind))
		}
		if kind == 0xff {
			return nil
		}
		after = store.Key{Partition: d.Partition(kind, bytes.Repeat([]byte{0xff}, store.MaxPartition-len(d.Prefix())-1)...), Sort: []byte{0xff}}
	}
}

// finish removes the old data keys, unless others have been put in force.
func (r resealer) finish(ctx context.Context, s *job.Step, c *domain.Config, at cursor) error {
	if err := r.domains.Store().DropPrefix(ctx, profile.DryRuns(c.ID)); err != nil {
		return fmt.Errorf("reseal: %w", err)
	}
	if err := r.covered(ctx, c.ID); err != nil {
		return err
	}
	return r.domains.ConfigureOf(ctx, c.ID, func(e *domain.Edit) error {
		if e.KeyChange() != at.Change {
			return s.Save(ctx, e.Tx, job.Progress{})
		}
		if err := e.Resealed(at.Change); err != nil {
			return err
		}
		return s.Save(ctx, e.Tx, job.Progress{Finished: true})
	})
}
