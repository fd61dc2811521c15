package pgstore

import (
	"context"

	"kindred/internal/store"
)

// holdAfter is the number of runs of a view of a distributed database that were
// overtaken, after which it first locks what those read, and keeps its locks.
const holdAfter = 3

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	var p patience
	touched := map[int32]bool{}
	for overtaken := 0; overtaken < store.MaxAttempts; {
		r := &run{s: s, kind: snapshot}
		if s.schema.distributed {
			r.kind = shared
			if overtaken >= holdAfter {
				r.hold, r.first = true, touched
			}
		}
		err, trouble := r.view(ctx, fn)
		for _, k := range r.asked {
			touched[k] = false
		}
		switch {
		case trouble == nil:
			return err
		case judge(trouble) != isLost:
			s.conflicts.Add(1)
			overtaken++
		default:
			if err := p.wait(ctx, s, trouble); err != nil {
				return err
			}
		}
	}
	return store.ErrConflict
}

// view is one run. Trouble is why there must be another.
func (r *run) view(ctx context.Context, fn func(store.Reader) error) (err, trouble error) {
	defer r.end(ctx)
	err = r.call(func(t *tx) error { return fn(t) })
	if err == nil {
		err = r.failed
	}
	return err, r.trouble
}
