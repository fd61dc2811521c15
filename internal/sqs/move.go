package sqs

import (
	"context"
	"errors"
	"time"

	"kindred/internal/store"
)

// moveBatch is how many messages a task moves in one update; with the largest
// messages that is half of what an update may write.
const moveBatch = 32

// runTasks works on message move tasks until the context ends: one batch of
// each in turn. It looks for tasks of other nodes once a second.
func (s *Service) runTasks(ctx context.Context) {
	for ctx.Err() == nil {
		wait := time.Second
		err := s.eachRunning(ctx, func(name string, ref taskRef) error {
			rest, err := s.step(ctx, name, ref)
			if err != nil && ctx.Err() == nil {
				s.log.Error("sqs: message move task", "queue", name, "error", err)
				rest = time.Second
			}
			wait = min(wait, rest)
			return nil
		})
		if err != nil && ctx.Err() == nil {
			s.log.Error("sqs: message move tasks", "error", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.tasks:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (s *Service) eachRunning(ctx context.Context, fn func(name string, ref taskRef) error) error {
	return s.eachName(ctx, runningPartition, func(name string) error {
		var ref taskRef
		err := s.store.View(ctx, func(r store.Reader) error {
			values, err := r.Get(ctx, runningKey(name))
			if err != nil {
				return err
			}
			ref = taskRef{}
			if v := values[0]; len(v) == len(ref.queue)+taskSortSize {
				copy(ref.queue[:], v)
				ref.sort = string(v[len(ref.queue):])
			}
			return nil
		})
		if err != nil || ref.sort == "" { // it has ended meanwhile
			return err
		}
		return fn(name, ref)
	})
}

// step moves the next batch of a task and says when there is more to do.
func (s *Service) step(ctx context.Context, name string, ref taskRef) (rest time.Duration, err error) {
	t, err := s.loadTask(ctx, ref)
	if errors.Is(err, errNotRunning) {
		return time.Second, nil
	}
	if err != nil {
		return 0, err
	}
	now := s.micros()
	if t.Next > now {
		return time.Duration(t.Next-now) * time.Microsecond, nil
	}
	q, err := s.load(ctx, name)
	if errors.Is(err, errNoQueue) {
		return time.Second, nil // deleted, and the task with it
	}
	if err != nil {
		return 0, err
	}
	n := moveBatch
	if t.Rate > 0 {
		n = min(n, max(1, t.Rate/4))
	}
	sp := s.space(q.Space)
	got, err := s.take(ctx, q, sp, n, t.Started)
	if err == nil {
		rest, err = s.moveTaken(ctx, q, ref, got)
		sp.done(got)
	}
	switch {
	case errors.Is(err, errStale): // the queue was changed: look again
		return 0, nil
	case errors.Is(err, errNotRunning):
		return time.Second, nil
	}
	return rest, err
}

// loadTask reads a task; errNotRunning if it is gone or has ended.
func (s *Service) loadTask(ctx context.Context, ref taskRef) (*task, error) {
	var t *task
	err := s.store.View(ctx, func(r store.Reader) error {
		values, err := r.Get(ctx, ref.key())
		if err == nil {
			t, err = s.runningTask(ref, values[0])
		}
		return err
	})
	return t, err
}

func (s *Service) runningTask(ref taskRef, value []byte) (*task, error) {
	if value == nil {
		return nil, errNotRunning
	}
	t, err := s.openTask(ref.key(), value)
	if err == nil && t.Status != taskRunning {
		err = errNotRunning
	}
	return t, err
}

// moveTaken moves candidates and notes the progress, in one update. The rate is
// kept by the stored time from which the next may go, whichever node moves them.
func (s *Service) moveTaken(ctx context.Context, q *queue, ref taskRef, got []candidate) (rest time.Duration, err error) {
	fresh := make([]id, len(got))
	for i := range fresh {
		fresh[i] = newID()
	}
	keysOf := func(q *queue) []store.Key {
		keys := []store.Key{ref.key()}
		for _, c := range got {
			keys = append(keys, stateKey(q.Space, c.id), bodyKey(q.Space, c.id))
		}
		return keys
	}
	var woken map[id]int
	err = s.updateAs(ctx, q, keysOf, func(tx store.Tx, q *queue, values [][]byte) error {
		woken = make(map[id]int)
		rest = 0
		now := s.micros()
		t, err := s.runningTask(ref, values[0])
		if err != nil {
			return err
		}
		if t.Next > now { // another node was faster
			rest = time.Duration(t.Next-now) * time.Microsecond
			return nil
		}
		moved := int64(0)
		for i, c := range got {
			st, ok, err := unclaimed(values[1+2*i], c, now)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if st.expired(q, now) {
				remove(tx, q.Space, c.id, &st)
				continue
			}
			to, reason, err := s.moveOne(ctx, tx, q, t, c.id, &st, values[2+2*i], fresh[i], now)
			if err != nil {
				return err
			}
			if to == nil {
				t.Status, t.Failure = taskFailed, reason
				break
			}
			woken[to.Space]++
			moved++
		}
		t.Moved += moved
		if len(got) == 0 {
			t.Status = taskCompleted
		}
		if t.Status != taskRunning {
			tx.Delete(runningKey(q.name))
		}
		if t.Rate > 0 {
			t.Next = now + moved*second/int64(t.Rate)
			rest = time.Duration(t.Next-now) * time.Microsecond
		}
		return s.putTask(tx, ref.key(), t)
	})
	if err == nil {
		for space, n := range woken {
			s.space(space).wake(n)
		}
	}
	return rest, err
}

// moveOne moves a message as a new one, and says where to; nil and the reason of
// the failure if it has no place to go.
func (s *Service) moveOne(ctx context.Context, tx store.Tx, q *queue, t *task, old id, st *state, sealed []byte, fresh id, now int64) (*queue, string, error) {
	m, err := openMessage(q, old, sealed)
	if err != nil {
		s.log.Error("sqs: message cannot be moved", "queue", q.name, "message", old.String(), "error", err)
		return nil, "CouldNotReadMessage", nil
	}
	name := t.Destination
	if name == "" {
		var ok bool
		if name, ok = s.nameOfARN(m.source); !ok {
			return nil, "CouldNotDetermineMessageSource", nil
		}
	}
	to, err := s.readQueue(ctx, tx, name)
	if errors.Is(err, errNoQueue) {
		return nil, "AWS.SimpleQueueService.NonExistentQueue", nil
	}
	if err != nil {
		return nil, "", err
	}
	if t.Destination == "" && (to.redrive == nil || to.redrive.target != q.name) {
		return nil, "CouldNotDetermineMessageSource", nil // who started the task was not asked for this queue
	}
	m.source = ""
	moved, err := seal(to.messages, bodyKey(to.Space, fresh), m.encode())
	if err != nil {
		return nil, "", err
	}
	remove(tx, q.Space, old, st)
	insert(tx, to.Space, fresh, moved, &state{visible: now, sent: now})
	return to, "", nil
}
