package sqs

import (
	"context"
	"errors"
	"time"

	"kindred/internal/store"
)

// sweepEvery is how often expired messages are looked for. None is delivered
// meanwhile; only the counts lag.
const sweepEvery = time.Minute

// Run does the work in the background until the context ends: it removes
// expired messages, drops the records of purged and deleted queues, and moves
// messages for message move tasks. Several nodes may run it on one store. What
// fails is logged and tried again; the error is that of the context.
func (s *Service) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.runTasks(ctx)
	}()
	defer func() { <-done }()
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for due := true; ; {
		s.attempt(ctx, "drop purged messages", s.dropSpaces)
		if due {
			s.attempt(ctx, "remove expired messages", s.sweep)
			s.prune()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			due = true
		case <-s.drops:
			due = false
		}
	}
}

// attempt does a job of the background, and logs its failure.
func (s *Service) attempt(ctx context.Context, name string, job func(context.Context) error) {
	if err := job(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("sqs: "+name, "error", err)
	}
}

// eachName calls fn with the sort keys of a partition, page by page.
func (s *Service) eachName(ctx context.Context, partition string, fn func(name string) error) error {
	const pageSize = 500
	span := store.Span{Partition: []byte(partition), Limit: pageSize}
	for {
		var found []store.Record
		err := s.store.View(ctx, func(r store.Reader) error {
			pages, err := r.Scan(ctx, span)
			if err == nil {
				found = pages[0]
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, rec := range found {
			if err := fn(string(rec.Key.Sort)); err != nil {
				return err
			}
		}
		if len(found) < pageSize {
			return nil
		}
		span.Start = append(found[pageSize-1].Key.Sort, 0)
	}
}

// dropSpaces removes the records of spaces that were given up.
func (s *Service) dropSpaces(ctx context.Context) error {
	return s.eachName(ctx, dropPartition, func(name string) error {
		var v id
		if copy(v[:], name) != len(v) {
			return errors.New("sqs: dropped space of an unknown format")
		}
		if err := s.store.DropPrefix(ctx, spacePrefix(v)); err != nil {
			return err
		}
		return s.store.Update(ctx, func(tx store.Tx) error {
			tx.Delete(dropKey(v))
			return nil
		})
	})
}

// sweep removes the expired messages of all queues.
func (s *Service) sweep(ctx context.Context) error {
	return s.eachName(ctx, directoryPartition, func(name string) error {
		q, err := s.load(ctx, name)
		if errors.Is(err, errNoQueue) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.expire(ctx, q)
	})
}

// expire removes the expired messages of a queue, a batch at a time.
func (s *Service) expire(ctx context.Context, q *queue) error {
	const batch = 64 // of each shard
	for {
		var old []candidate // by when they were sent
		err := s.store.View(ctx, func(r store.Reader) error {
			old = nil
			spans := make([]store.Span, shards)
			for i := range spans {
				spans[i] = store.Span{Partition: indexPartition(q.Space, i), Start: []byte{bySent},
					End: indexFrom(bySent, s.micros()-q.retention*second+1), Limit: batch}
			}
			found, err := r.Scan(ctx, spans...)
			if err != nil {
				return err
			}
			for _, recs := range found {
				for _, rec := range recs {
					if at, message, ok := parseIndex(rec.Key.Sort); ok {
						old = append(old, candidate{message, at})
					}
				}
			}
			return nil
		})
		if err != nil || len(old) == 0 {
			return err
		}
		removed, err := s.removeExpired(ctx, q, old)
		if errors.Is(err, errStale) {
			return nil // purged, deleted, or kept longer now; the next sweep sees
		}
		if err != nil || removed == 0 {
			return err
		}
	}
}

func (s *Service) removeExpired(ctx context.Context, q *queue, old []candidate) (removed int, err error) {
	keysOf := func(q *queue) []store.Key {
		keys := make([]store.Key, len(old))
		for i, c := range old {
			keys[i] = stateKey(q.Space, c.id)
		}
		return keys
	}
	err = s.updateAs(ctx, q, keysOf, func(tx store.Tx, q *queue, values [][]byte) error {
		removed = 0
		now := s.micros()
		for i, c := range old {
			if values[i] == nil {
				continue // deleted meanwhile
			}
			st, err := decodeState(values[i])
			if err != nil {
				return err
			}
			if st.expired(q, now) {
				remove(tx, q.Space, c.id, &st)
				removed++
			}
		}
		return nil
	})
	return removed, err
}
