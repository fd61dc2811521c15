package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"kindred/internal/store"
)

const (
	// aloneAfter is the number of lost runs after which an update runs inside
	// the critical section.
	aloneAfter = 3
	// defaultMaxPointClear is the number of records up to which Clear removes
	// them one by one. A range tombstone costs every read that has to look at
	// it; see BenchmarkClear.
	defaultMaxPointClear = 256
)

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	for attempt := range store.MaxAttempts {
		if err := s.awaitRoom(ctx); err != nil {
			return err
		}
		done, err := s.attempt(ctx, fn, attempt >= aloneAfter)
		if done {
			return err
		}
		s.conflicts.Add(1)
	}
	return store.ErrConflict
}

// attempt is one run of an update's function and its commit. It reports false
// if the run lost to another update.
func (s *Store) attempt(ctx context.Context, fn func(store.Tx) error, alone bool) (done bool, err error) {
	r := s.newRun()
	defer s.endRun(r)
	locked := false
	lock := func() { s.commit.Lock(); locked = true }
	unlock := func() {
		if locked {
			s.commit.Unlock()
			locked = false
		}
	}
	defer unlock()
	if alone {
		s.alone.Add(1)
		lock()
	}
	err = r.call(func(t *tx) error { return fn(t) })
	if r.unmet != nil {
		err = r.unmet
	}
	if !s.unchanged(r) {
		return false, nil
	}
	if err == nil {
		err = errors.Join(r.buf.Err(), ctx.Err())
	}
	if err != nil || !r.buf.Mutated() {
		unlock()
		if stale := s.awaitSeen(r); stale != nil {
			return true, stale
		}
		return true, err
	}

	b := s.db.NewBatchWithSize(batchSize(&r.buf))
	release := func(err error) error { return errors.Join(err, b.Close()) }
	if err := r.encode(b, false); err != nil {
		return true, release(err)
	}
	if !locked {
		lock()
	}
	if !s.unchanged(r) {
		return false, release(nil)
	}
	s.syncing.Add(1)
	defer s.syncing.Add(-1)
	seq, err := s.finish(b, r)
	unlock()
	r.release()
	if err != nil {
		return true, release(err)
	}
	return true, s.awaitSync(b, seq)
}

// unchanged reports whether what a run has read still holds.
func (s *Store) unchanged(r *run) bool {
	return r.iter == nil || s.versions.unchanged(r.buf.Partitions(), r.began)
}

// batchSize is the length of a batch for all but the clears of a buffer.
func batchSize(buf *store.Buffer) int {
	const header, perWrite = 12, 16
	return header + buf.Size() + perWrite*len(buf.Writes())
}

// encode fills a batch with all but the counters. Partitions are cleared record
// by record as the run's snapshot has them, or, if byRange, whatever is there.
func (r *run) encode(b *pebble.Batch, byRange bool) error {
	for _, p := range r.buf.Partitions() {
		if !p.Cleared {
			continue
		}
		if !byRange {
			few, err := r.clearPoints(b, p.Partition)
			if err != nil {
				return err
			}
			if few {
				continue
			}
		}
		start := store.AppendPartition(nil, p.Partition)
		end, _ := store.AppendPrefixEnd(nil, start)
		if err := b.DeleteRange(start, end, nil); err != nil {
			return err
		}
	}
	for _, w := range r.buf.Writes() {
		switch w.Kind {
		case store.WritePut:
			op := b.SetDeferred(store.PhysicalKeyLen(w.Key), len(w.Value))
			store.AppendPhysicalKey(op.Key[:0], store.KindRecord, w.Key)
			copy(op.Value, w.Value)
			if err := op.Finish(); err != nil {
				return err
			}
		case store.WriteDelete:
			op := b.DeleteDeferred(store.PhysicalKeyLen(w.Key))
			store.AppendPhysicalKey(op.Key[:0], store.KindRecord, w.Key)
			if err := op.Finish(); err != nil {
				return err
			}
		}
	}
	return nil
}

// clearPoints deletes the keys of a partition one by one and reports true, or,
// if they are many, deletes none.
func (r *run) clearPoints(b *pebble.Batch, partition []byte) (few bool, err error) {
	if err := r.snapshot(); err != nil {
		return false, err
	}
	r.key = store.AppendPartition(r.key[:0], partition)
	var keys [][]byte
	r.on = false
	for valid := r.iter.SeekPrefixGE(r.key); valid; valid = r.iter.Next() {
		if len(keys) == r.s.opts.maxPointClear {
			return false, nil
		}
		keys = append(keys, append([]byte(nil), r.iter.Key()...))
	}
	if err := r.iter.Error(); err != nil {
		return false, r.s.readError(err)
	}
	for _, k := range keys {
		if err := b.Delete(k, nil); err != nil {
			return false, err
		}
	}
	return true, nil
}

// finish completes a batch and applies it, inside the critical section.
func (s *Store) finish(b *pebble.Batch, r *run) (seq uint64, err error) {
	if !s.clearsHold(r) {
		b.Reset()
		if err := r.encode(b, true); err != nil {
			return 0, err
		}
	}
	type sum struct {
		key   store.Key
		value int64
	}
	var sums []sum
	for _, w := range r.buf.Writes() {
		if w.Kind != store.WriteAdd {
			continue
		}
		value, err := s.counter(&r.buf, w.Key)
		if err != nil {
			return 0, err
		}
		value += w.Delta
		op := b.SetDeferred(store.PhysicalKeyLen(w.Key), 8)
		store.AppendPhysicalKey(op.Key[:0], store.KindCounter, w.Key)
		encodeCounter(op.Value, value)
		if err := op.Finish(); err != nil {
			return 0, err
		}
		sums = append(sums, sum{w.Key, value})
	}
	seq, err = s.apply(b, r.buf.Partitions(), false)
	if err != nil {
		return 0, err
	}
	for _, p := range r.buf.Partitions() {
		if p.Cleared {
			s.commit.counters.forget(p.Partition)
		}
	}
	for _, c := range sums {
		s.commit.counters.set(c.key, c.value)
	}
	s.updates.Add(1)
	return seq, nil
}

// clearsHold reports whether the partitions that a run clears still have the
// keys that its snapshot has.
func (s *Store) clearsHold(r *run) bool {
	for _, p := range r.buf.Partitions() {
		if p.Cleared && !s.versions.untouched(p.Hash, r.began) {
			return false
		}
	}
	return true
}

// counter returns the value of a counter before a commit, inside the critical
// section.
func (s *Store) counter(buf *store.Buffer, k store.Key) (int64, error) {
	if buf.Cleared(k.Partition) {
		return 0, nil
	}
	if v, ok := s.commit.counters.get(k); ok {
		return v, nil
	}
	value, closer, err := s.db.Get(store.AppendPhysicalKey(nil, store.KindCounter, k))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, s.readError(err)
	}
	v, err := decodeCounter(value)
	return v, errors.Join(err, closer.Close())
}

// apply gives a batch its place in the order of commits and makes its writes
// visible, inside the critical section. If everything, it may change any
// partition.
func (s *Store) apply(b *pebble.Batch, accesses []store.Access, everything bool) (seq uint64, err error) {
	// Once the guard has seen a failure Pebble's log may not be written to.
	if err := s.failure(); err != nil {
		return 0, err
	}
	seq = s.applied.Load() + 1
	if everything {
		s.versions.everything.Store(seq)
		s.commit.counters.reset()
	}
	s.versions.mark(accesses, seq)
	if err := s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		return 0, fmt.Errorf("pebblestore: commit: %w", err)
	}
	s.applied.Store(seq)
	return seq, nil
}

// awaitSync waits for a commit to be on disk.
func (s *Store) awaitSync(b *pebble.Batch, seq uint64) error {
	err := b.SyncWait()
	// The guard hides failures from Pebble and tells the store first.
	if failure := s.failure(); failure != nil {
		return fmt.Errorf("%w: %w", store.ErrUnknownOutcome, failure)
	}
	if err != nil {
		s.guard.fail(err)
		return fmt.Errorf("%w: %w", store.ErrUnknownOutcome, s.failure())
	}
	s.durability.advance(seq)
	return b.Close()
}
