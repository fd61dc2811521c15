// Package transfer copies everything that a store holds into another, of whichever
// engine, and proves that it is the same.
//
// A copy has three parts: the records, the counters, and a comparison of both stores
// from beginning to end. Where it has got to is kept in the destination, in the
// transactions that follow what was written, so a copy that was interrupted goes on
// where it was. Until it is done the destination is nobody's to serve from
// ([Finished]).
//
// What is copied is sealed and stays sealed: no key is needed. The source must not
// change meanwhile; if it does, the comparison says so.
package transfer

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"kindred/internal/store"
)

var (
	// ErrNothing: the source is empty.
	ErrNothing = errors.New("transfer: there is nothing in the source to copy")
	// ErrNotEmpty: the destination holds data that are not of a copy.
	ErrNotEmpty = errors.New("transfer: the destination is not empty")
	// ErrUnfinished: the store is the destination of a copy that is not done.
	ErrUnfinished = errors.New("transfer: the store is a copy that was not finished")
	// ErrOther: the destination holds a part of a copy of another source.
	ErrOther = errors.New("transfer: the destination is an unfinished copy of something else")
	// ErrDiffers: source and destination are not the same.
	ErrDiffers = errors.New("transfer: the copy differs from its source")
	// ErrTakenOver: another copy into the destination has begun.
	ErrTakenOver = errors.New("transfer: another copy into the destination has taken over")
)

// Copy is what to copy.
type Copy struct {
	From, To store.Store
	// Source names the source. A copy is taken up again only under the same name.
	Source string
	// Restart empties a destination that holds an unfinished copy, and begins anew.
	Restart bool
	// Progress, if not nil, is told from time to time how far the copy is.
	Progress func(Progress)
}

// Progress is how far a copy is.
type Progress struct {
	// Comparing is false while data are copied, and true while they are compared.
	Comparing bool
	Records   int64
	Counters  int64
	Bytes     int64 // of keys and values
}

// Result is what a copy has come to.
type Result struct {
	Records  int64
	Counters int64
	Bytes    int64 // of keys and values
	// Digest is the SHA-256, in hex, of all keys and values in their order: that of
	// the source, and of the destination.
	Digest string
	// Resumed tells of a copy that went on where another had ended.
	Resumed bool
}

// Run copies and compares. After an error it can be run again.
func (c *Copy) Run(ctx context.Context) (*Result, error) {
	if err := Finished(ctx, c.From); err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	if err := empty(ctx, c.From); !errors.Is(err, ErrNotEmpty) {
		return nil, errors.Join(err, ErrNothing)
	}
	j, err := c.claim(ctx)
	if err != nil {
		return nil, err
	}
	resumed := j.state.Phase != phaseRecords || j.state.after.Partition != nil
	if err := j.copyRecords(ctx); err != nil {
		return nil, err
	}
	if err := j.copyCounters(ctx); err != nil {
		return nil, err
	}
	r, err := c.compare(ctx)
	if err != nil {
		return nil, err
	}
	r.Resumed = resumed
	return r, j.finish(ctx)
}

// Finished returns nil unless a store is the destination of a copy that is not done.
func Finished(ctx context.Context, s store.Store) error {
	return s.View(ctx, func(r store.Reader) error { return FinishedIn(ctx, r) })
}

// FinishedIn is [Finished] within a transaction, which conflicts with a copy that
// begins.
func FinishedIn(ctx context.Context, r store.Reader) error {
	values, err := r.Get(ctx, marker)
	if err != nil {
		return err
	}
	if values[0] == nil {
		return nil
	}
	m, err := parseMarker(values[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: run kindred copy again with --from %s, or with --restart to begin anew", ErrUnfinished, m.Source)
}

// job is one run of a copy that has the destination to itself.
type job struct {
	*Copy
	owner string
	state state
}

// claim makes the destination the copy's own: one that is empty, or that holds a part
// of a copy of the same source.
func (c *Copy) claim(ctx context.Context) (*job, error) {
	// A look before, so that a store in use is not touched.
	switch err := Finished(ctx, c.To); {
	case err == nil:
		if err := empty(ctx, c.To); err != nil {
			return nil, err
		}
	case !errors.Is(err, ErrUnfinished):
		return nil, err
	}
	j := &job{Copy: c, owner: newOwner()}
	err := c.To.Update(ctx, func(tx store.Tx) error {
		j.state = state{Version: markerVersion, Owner: j.owner, Source: c.Source, Phase: phaseClaimed}
		before, err := readMarker(ctx, tx)
		if err != nil {
			return err
		}
		if before != nil {
			j.state = *before
			j.state.Owner = j.owner
			switch {
			case before.Phase == phaseClaimed:
				j.state.Source = c.Source
			case c.Restart || before.Phase == phaseClearing:
				j.state = state{Version: markerVersion, Owner: j.owner, Source: c.Source, Phase: phaseClearing}
			case before.Source != c.Source:
				return fmt.Errorf("%w: of %s; --restart empties it and begins anew", ErrOther, before.Source)
			}
		}
		j.state.put(tx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	switch j.state.Phase {
	case phaseClearing:
		if err := clearAllBut(ctx, c.To, marker.Partition); err != nil {
			return nil, err
		}
	case phaseClaimed:
		// Only now is it certain that no node begins to write to it.
		if err := empty(ctx, c.To); err != nil {
			return nil, errors.Join(err, j.finish(ctx))
		}
	default:
		return j, nil
	}
	next := j.state
	next.Phase = phaseRecords
	return j, j.advance(ctx, next)
}

func newOwner() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// empty returns ErrNotEmpty if a store holds anything but a marker.
func empty(ctx context.Context, s store.Store) error {
	records, err := s.ScanPrefix(ctx, nil, store.Key{}, 2)
	if err != nil {
		return err
	}
	for _, r := range records {
		if !isMarker(r.Key) {
			return ErrNotEmpty
		}
	}
	counters, err := s.ScanCounters(ctx, nil, store.Key{}, 1)
	if err != nil {
		return err
	}
	if len(counters) > 0 {
		return ErrNotEmpty
	}
	return nil
}

// clearAllBut empties a store of all partitions but one.
func clearAllBut(ctx context.Context, s store.Store, kept []byte) error {
	for i, own := range kept {
		for b := range 256 {
			if byte(b) == own {
				continue
			}
			if err := s.DropPrefix(ctx, append(bytes.Clone(kept[:i]), byte(b))); err != nil {
				return err
			}
		}
		if i > 0 {
			if err := s.Update(ctx, func(tx store.Tx) error { tx.Clear(kept[:i]); return nil }); err != nil {
				return err
			}
		}
	}
	for b := range 256 {
		if err := s.DropPrefix(ctx, append(bytes.Clone(kept), byte(b))); err != nil {
			return err
		}
	}
	return nil
}

// guard is part of each of the job's transactions, so that none commits after another
// copy has taken over.
func (j *job) guard(ctx context.Context, tx store.Tx) error {
	m, err := readMarker(ctx, tx)
	if err == nil && (m == nil || m.Owner != j.owner) {
		err = ErrTakenOver
	}
	return err
}

// advance notes how far the copy is.
func (j *job) advance(ctx context.Context, next state) error {
	err := j.To.Update(ctx, func(tx store.Tx) error {
		if err := j.guard(ctx, tx); err != nil {
			return err
		}
		next.put(tx)
		return nil
	})
	if err == nil {
		j.state = next
		j.tell(false, j.state.Records, j.state.Counters, j.state.Bytes)
	}
	return err
}

func (j *job) finish(ctx context.Context) error {
	return j.To.Update(ctx, func(tx store.Tx) error {
		if err := j.guard(ctx, tx); err != nil {
			return err
		}
		tx.Clear(marker.Partition)
		return nil
	})
}

func (c *Copy) tell(comparing bool, records, counters, bytes int64) {
	if c.Progress != nil {
		c.Progress(Progress{comparing, records, counters, bytes})
	}
}

// window is how many batches are written before the copy notes how far it is, and
// writers how many of them at once.
const (
	window  = 16
	writers = 4
)

// copyRecords writes the records of the source from where the copy is.
func (j *job) copyRecords(ctx context.Context) error {
	if j.state.Phase != phaseRecords {
		return nil
	}
	err := j.batches(ctx, records, func(ctx context.Context, list []entry) error {
		return j.To.Update(ctx, func(tx store.Tx) error {
			if err := j.guard(ctx, tx); err != nil {
				return err
			}
			for _, e := range list {
				tx.Put(e.key, e.value)
			}
			return nil
		})
	}, func(next *state, n int64) { next.Records += n })
	if err != nil {
		return err
	}
	next := j.state
	next.Phase, next.after = phaseCounters, store.Key{}
	return j.advance(ctx, next)
}

// copyCounters writes the counters. Each transaction adds what is missing, and so may
// be made again.
func (j *job) copyCounters(ctx context.Context) error {
	if j.state.Phase != phaseCounters {
		return nil
	}
	err := j.batches(ctx, counters, func(ctx context.Context, list []entry) error {
		return j.To.Update(ctx, func(tx store.Tx) error {
			if err := j.guard(ctx, tx); err != nil {
				return err
			}
			keys := make([]store.Key, len(list))
			for i, e := range list {
				keys[i] = e.key
			}
			have, err := tx.Count(ctx, keys...)
			if err != nil {
				return err
			}
			for i, e := range list {
				if missing := e.count() - have[i]; missing != 0 {
					tx.Add(e.key, missing)
				}
			}
			return nil
		})
	}, func(next *state, n int64) { next.Counters += n })
	if err != nil {
		return err
	}
	next := j.state
	next.Phase, next.after = phaseCompare, store.Key{}
	return j.advance(ctx, next)
}

// batches writes the entries after where the copy is, a window of batches at once, and
// advances after each window.
func (j *job) batches(ctx context.Context, kind kind, write func(context.Context, []entry) error, count func(*state, int64)) error {
	w := newWalk(ctx, j.From, kind, j.state.after)
	defer w.stop()
	for done := false; !done; {
		next := j.state
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(writers)
		n := int64(0)
		for range window {
			list, err := w.batch()
			if err != nil {
				return errors.Join(err, g.Wait())
			}
			if len(list) == 0 {
				done = true
				break
			}
			g.Go(func() error { return write(gctx, list) })
			for _, e := range list {
				next.Bytes += e.size()
			}
			n += int64(len(list))
			next.after = list[len(list)-1].key
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if n > 0 {
			count(&next, n)
			if err := j.advance(ctx, next); err != nil {
				return err
			}
		}
	}
	return nil
}
