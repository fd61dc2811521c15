package pebblestore

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"kindred/internal/store"
)

const (
	// maxMemTables is the number of memory tables' worth of bytes in memory,
	// those being written to disk included, at which updates wait.
	maxMemTables = 10
	// maxL0 is the number of tables that a read may have to look at on level 0
	// at which they do.
	maxL0 = 30
	// Pebble waits by itself too, but inside the critical section, where neither
	// a context nor a failure can end it. Its limits are out of reach, that on
	// memory even for large transactions.
	hardL0 = 1000
)

func hardMemTables(memTableBytes uint64) int {
	return 2*maxMemTables + int(3*store.MaxTx/memTableBytes)
}

// room makes updates wait while flushes and compactions are behind.
type room struct {
	// checked is true while nothing has happened since there was found to be
	// room.
	checked atomic.Bool

	mu      sync.Mutex
	changed chan struct{} // closed when something happens
}

// change notes that a memory table was filled or flushed, a compaction ended, or
// the store failed. It is called with locks of Pebble's held.
func (r *room) change() {
	r.checked.Store(false)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

func (r *room) nextChange() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}

// awaitRoom returns when there is room for another update.
func (s *Store) awaitRoom(ctx context.Context) error {
	for waited := false; ; waited = true {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.failure(); err != nil {
			return err
		}
		if s.room.checked.Load() {
			return nil
		}
		change := s.room.nextChange()
		s.room.checked.Store(true)
		m := s.db.Metrics()
		if m.MemTable.Size < maxMemTables*s.opts.memTableBytes && m.Levels[0].Sublevels < maxL0 {
			return nil
		}
		s.room.checked.Store(false)
		if !waited {
			s.stalls.Add(1)
			s.opts.Logger.Debug("an update waits for flushes or compactions",
				slog.Uint64("memory", m.MemTable.Size), slog.Int("level0", int(m.Levels[0].Sublevels)))
		}
		select {
		case <-change:
		case <-ctx.Done():
		}
	}
}
