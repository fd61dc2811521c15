package sqs

import (
	"bytes"
	"cmp"
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"kindred/internal/store"
)

// candidate is a message that the index says is ready.
type candidate struct {
	id      id
	visible int64
}

// space is what this process remembers of a message space. All of it is a hint:
// losing it costs time and no message.
type space struct {
	scanning chan struct{} // holds one token while the index is read

	mu      sync.Mutex      // guards the following
	ready   []candidate     // found and not handed out, the oldest first
	found   int64           // when
	busy    map[id]struct{} // handed out and not yet done
	marks   [shards]int64   // nothing is ready before
	full    int64           // when the index was last read from its start
	next    int64           // when the next message becomes ready, as far as known
	taken   int64           // messages that have been received, so no fewer than are in flight
	waiters list.List       // of *waiter
	used    int64           // last asked for
}

// Bounds of what is remembered, and for how long; times in microseconds.
const (
	maxReady = 64           // candidates read at a time from each shard
	freshFor = 1 * second   // candidates are handed out
	lateness = 1 * second   // a write may appear with a time so long ago
	fullScan = 10 * second  // after which the index is read from its start
	idleFor  = 600 * second // after which an unused space is forgotten
	farAway  = 1<<63 - 1
)

// space finds or makes the memory of a message space.
func (s *Service) space(v id) *space {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.spaces[v]
	if sp == nil {
		sp = &space{scanning: make(chan struct{}, 1), busy: make(map[id]struct{}), next: farAway}
		s.spaces[v] = sp
	}
	sp.used = s.micros()
	return sp
}

// abandon forgets a space that was given up; who waits for its messages looks
// again.
func (s *Service) abandon(v id) {
	s.mu.Lock()
	sp := s.spaces[v]
	delete(s.spaces, v)
	s.mu.Unlock()
	if sp != nil {
		sp.wake(maxWaiters)
	}
	notify(s.drops)
}

// prune forgets spaces that nobody has used for a while.
func (s *Service) prune() {
	now := s.micros()
	s.mu.Lock()
	defer s.mu.Unlock()
	for v, sp := range s.spaces {
		sp.mu.Lock()
		idle := now-sp.used > idleFor && sp.waiters.Len() == 0 && len(sp.busy) == 0
		sp.mu.Unlock()
		if idle {
			delete(s.spaces, v)
		}
	}
}

// notify wakes the one who listens, if it does not know yet.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take hands out up to n candidates that are ready until a time, and that nobody
// else in this process has; none when there are none. The caller returns them
// with done. It fails with errStale if the queue has changed.
func (s *Service) take(ctx context.Context, q *queue, sp *space, n int, until int64) ([]candidate, error) {
	if got := sp.pop(n, until, s.micros()); got != nil {
		return got, nil
	}
	select {
	case sp.scanning <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-sp.scanning }()
	// Whoever read the index meanwhile may have left enough.
	if got := sp.pop(n, until, s.micros()); got != nil {
		return got, nil
	}
	if err := s.refill(ctx, q, sp); err != nil {
		return nil, err
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return sp.cut(n, until), nil
}

// pop is cut if there are n fresh candidates, and nil otherwise.
func (sp *space) pop(n int, until, now int64) []candidate {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if len(sp.ready) < n || sp.ready[n-1].visible > until || now-sp.found > freshFor {
		return nil
	}
	return sp.cut(n, until)
}

// cut hands out the first candidates. mu is held.
func (sp *space) cut(n int, until int64) []candidate {
	i := 0
	for i < min(n, len(sp.ready)) && sp.ready[i].visible <= until {
		sp.busy[sp.ready[i].id] = struct{}{}
		i++
	}
	got := sp.ready[:i:i]
	sp.ready = sp.ready[i:]
	return got
}

// done takes candidates back, whatever became of them.
func (sp *space) done(got []candidate) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	for _, c := range got {
		delete(sp.busy, c.id)
	}
}

// refill reads what is ready from the index. Only the holder of scanning calls
// it.
func (s *Service) refill(ctx context.Context, q *queue, sp *space) error {
	now := s.micros()
	sp.mu.Lock()
	from := sp.marks
	full := now-sp.full > fullScan || now < sp.full
	limit := maxReady + len(sp.busy)
	soon := now + sp.patience().Microseconds()
	sp.mu.Unlock()
	if full {
		from = [shards]int64{}
	}
	var found [][]store.Record
	next, takenCount := int64(farAway), int64(0)
	err := s.store.View(ctx, func(r store.Reader) error {
		values, err := r.Get(ctx, configKey(q.name))
		if err != nil {
			return err
		}
		if !bytes.Equal(values[0], q.raw) {
			return errStale
		}
		if takenCount, err = countTakenIn(ctx, r, q.Space); err != nil {
			return err
		}
		ready, later := make([]store.Span, shards), make([]store.Span, shards)
		for i := range shards {
			p := indexPartition(q.Space, i)
			ready[i] = store.Span{Partition: p, Start: indexFrom(byVisibility, from[i]),
				End: indexFrom(byVisibility, now+1), Limit: min(limit, store.MaxScan)}
			later[i] = store.Span{Partition: p, Start: indexFrom(byVisibility, now+1),
				End: indexFrom(byVisibility, soon+1), Limit: 1}
		}
		if found, err = r.Scan(ctx, ready...); err != nil || slices.ContainsFunc(found, nonEmpty) {
			return err
		}
		coming, err := r.Scan(ctx, later...)
		if err != nil {
			return err
		}
		for _, recs := range coming {
			for _, rec := range recs {
				if at, _, ok := parseIndex(rec.Key.Sort); ok {
					next = min(next, at)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	sp.keep(found, now, full, next)
	sp.mu.Lock()
	sp.taken = takenCount
	sp.mu.Unlock()
	return nil
}

// countTakenIn counts the messages that have been received and are still there.
func countTakenIn(ctx context.Context, r store.Reader, space id) (n int64, err error) {
	keys := make([]store.Key, shards)
	for i := range keys {
		keys[i] = counterKey(space, i, countTaken)
	}
	values, err := r.Count(ctx, keys...)
	for _, v := range values {
		n += v
	}
	return n, err
}

func nonEmpty(recs []store.Record) bool { return len(recs) > 0 }

// keep remembers what was read from the index at a time.
func (sp *space) keep(found [][]store.Record, now int64, full bool, next int64) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if full {
		sp.full = now
	}
	sp.ready, sp.found, sp.next = nil, now, next
	for i, recs := range found {
		sp.marks[i] = now - lateness
		for _, rec := range recs {
			at, message, ok := parseIndex(rec.Key.Sort)
			if !ok {
				continue
			}
			sp.marks[i] = min(sp.marks[i], at)
			if _, ok := sp.busy[message]; !ok {
				sp.ready = append(sp.ready, candidate{message, at})
			}
		}
	}
	slices.SortFunc(sp.ready, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.visible, b.visible), bytes.Compare(a.id[:], b.id[:]))
	})
}

// maxWaiters bounds the receives that wait for messages, over all queues.
const maxWaiters = 10_000

// waiter is a receive that waits.
type waiter struct {
	awake chan struct{}
	place *list.Element // nil: it has been woken
}

func (sp *space) enter() *waiter {
	w := &waiter{awake: make(chan struct{}, 1)}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	w.place = sp.waiters.PushBack(w)
	return w
}

// leave ends a wait. One that was woken and did not look passes it on.
func (sp *space) leave(w *waiter) {
	sp.mu.Lock()
	woken := w.place == nil
	if !woken {
		sp.waiters.Remove(w.place)
	}
	sp.mu.Unlock()
	if woken {
		select {
		case <-w.awake:
			sp.wake(1)
		default:
		}
	}
}

// wake wakes those who have waited longest, at most n.
func (sp *space) wake(n int) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	for ; n > 0 && sp.waiters.Len() > 0; n-- {
		w := sp.waiters.Remove(sp.waiters.Front()).(*waiter)
		w.place = nil
		w.awake <- struct{}{} // it has room, and is woken once
	}
}

// patience is how long a waiter waits before it looks again by itself, for what
// other nodes send: a second, and longer where many wait, so that they do not
// read the index all the time. mu is held.
func (sp *space) patience() time.Duration {
	return max(time.Second, time.Duration(sp.waiters.Len())*5*time.Millisecond)
}

// sleep is how long a waiter waits: until the next message becomes ready, or as
// long as it has patience.
func (sp *space) sleep(now int64) time.Duration {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	d := sp.patience()
	if sp.next != farAway {
		d = min(d, time.Duration(sp.next-now)*time.Microsecond)
	}
	return max(d, time.Millisecond)
}
