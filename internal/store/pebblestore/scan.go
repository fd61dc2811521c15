package pebblestore

import (
	"bytes"
	"context"

	"github.com/cockroachdb/pebble/v2"

	"kindred/internal/store"
)

// ScanPrefix implements [store.Store].
func (s *Store) ScanPrefix(ctx context.Context, prefix []byte, after store.Key, limit int) (out []store.Record, err error) {
	err = s.scanPrefix(ctx, store.KindRecord, prefix, after, limit, func(k store.Key, value []byte) (bool, error) {
		out = append(out, store.Record{Key: k, Value: append([]byte{}, value...)})
		return len(out) < limit, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ScanCounters implements [store.Store].
func (s *Store) ScanCounters(ctx context.Context, prefix []byte, after store.Key, limit int) (out []store.Counter, err error) {
	err = s.scanPrefix(ctx, store.KindCounter, prefix, after, limit, func(k store.Key, value []byte) (bool, error) {
		n, err := decodeCounter(value)
		if err == nil && n != 0 {
			out = append(out, store.Counter{Key: k, N: n})
		}
		return len(out) < limit, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// scanPrefix shows each key of a kind with its value, until that is enough. When it
// returns, all that was shown is durable.
func (s *Store) scanPrefix(ctx context.Context, kind store.Kind, prefix []byte, after store.Key, limit int, show func(store.Key, []byte) (bool, error)) error {
	if err := store.ValidateScanPrefix(prefix, after, limit); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	start, end := prefixRange(prefix)
	if len(after.Partition) > 0 {
		from := append(store.AppendPhysicalKey(nil, kind, after), 0)
		if bytes.Compare(from, start) > 0 {
			start = from
		}
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		return s.readError(err)
	}
	seen := s.applied.Load()
	err = s.walkPartitions(ctx, it, kind, show)
	if closeErr := it.Close(); err == nil && closeErr != nil {
		err = s.readError(closeErr)
	}
	if err == nil && !s.durability.wait(seen) {
		err = s.failure()
	}
	return err
}

// walkPartitions goes through the keys of a kind. The records of a partition come
// before its counters.
func (s *Store) walkPartitions(ctx context.Context, it *pebble.Iterator, kind store.Kind, show func(store.Key, []byte) (bool, error)) error {
	steps := 0
	for valid := it.First(); valid; {
		if steps++; steps%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		is, key, err := store.DecodePhysicalKey(it.Key())
		switch {
		case err != nil:
			return err
		case is < kind:
			counters := append(store.AppendPartition(nil, key.Partition), byte(store.KindCounter))
			valid = it.SeekGE(counters)
			continue
		case is > kind:
			valid = it.NextPrefix()
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return s.readError(err)
		}
		more, err := show(key, value)
		if err != nil || !more {
			return err
		}
		valid = it.Next()
	}
	if err := it.Error(); err != nil {
		return s.readError(err)
	}
	return nil
}

// prefixRange is the range of physical keys of the partitions that start with
// prefix. That of the empty prefix leaves out keys that are not of partitions.
func prefixRange(prefix []byte) (start, end []byte) {
	start = store.AppendPartitionPrefix(nil, prefix)
	end, _ = store.AppendPrefixEnd(nil, start)
	if len(start) == 0 {
		start = []byte{0, 2}
	}
	return start, end
}
