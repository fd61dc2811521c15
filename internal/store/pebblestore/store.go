// Package pebblestore is the embedded storage engine: one process, one
// directory, on the log-structured merge tree of Pebble.
//
// # Commits
//
// A run of an update reads from one iterator, which is a snapshot, and keeps its
// writes in memory. Its commit is a short critical section: check in a table in
// memory that no partition read was written to since the snapshot, compute the
// counters, put the batch in the log's buffer and the memory table. Waiting for
// the log to be synced comes after it, so that one sync serves all commits that
// arrive meanwhile. A run that keeps losing is at last run inside the critical
// section, where it cannot.
//
// What has been applied and not yet synced can be read by others. So that nobody
// is told what a loss of power may take back, a View, or an Update that writes
// nothing, returns only when all that it may have seen is on disk.
//
// # Failure
//
// After a write or sync that fails, the store changes nothing on disk any more
// (see guard). Updates on their way end with [store.ErrUnknownOutcome], later
// ones with [ErrFailed], and so do reads of what was not yet on disk; other
// reads go on. To go on writing, remove the cause and open the store again.
package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"kindred/internal/store"
)

// ErrFailed: a write to disk has failed and the store accepts no more. The
// wrapped text names the file and the cause.
var ErrFailed = errors.New("pebblestore: the store has failed and must be opened again")

// Store is a [store.Store] in a directory.
type Store struct {
	dir   string
	opts  Options
	guard *guard
	lock  *pebble.Lock
	watch io.Closer // of the disk's health
	db    *pebble.DB
	cache *pebble.Cache // valid until Close
	gate  store.Gate

	failed     atomic.Pointer[error]
	durability durability
	room       room
	versions   versions
	hot        hot
	applied    atomic.Uint64 // the last commit whose writes can be read
	syncing    atomic.Int32  // commits that wait to be on disk

	commit struct { // the critical section
		sync.Mutex
		counters counters
	}

	runs      sync.Pool // of *run
	updates   atomic.Uint64
	conflicts atomic.Uint64
	alone     atomic.Uint64
	stalls    atomic.Uint64
}

var _ store.Store = (*Store)(nil)

func newStore(dir string, opts Options) *Store {
	s := &Store{dir: dir, opts: opts}
	s.durability.changed.L = &s.durability.mu
	s.guard = newGuard(opts.FS, s.fail)
	s.runs.New = func() any { return &run{s: s} }
	return s
}

// fail is told by the guard of the first failure.
func (s *Store) fail(cause error) {
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	s.failed.Store(&err)
	s.durability.fail()
	s.room.change()
	s.opts.Logger.Error("the store has failed", slog.String("error", cause.Error()))
}

// failure is the error of a failed store, or nil.
func (s *Store) failure() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// describe is the text of an error of Pebble with the file it is about.
func (s *Store) describe(err error) string {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return info.Path + ": " + info.Details.Error()
	}
	return err.Error() + " (in " + s.dir + ")"
}

// readError is the error to return for one of Pebble's on reading.
func (s *Store) readError(err error) error {
	switch {
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w: %s", store.ErrCorrupt, s.describe(err))
	case errors.Is(err, store.ErrCorrupt): // of the guard, with the file
		return err
	}
	return fmt.Errorf("pebblestore: read: %w", err)
}

// enter notes the start of a call; the caller defers s.gate.Leave.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.gate.Enter()
}

// Ready implements [store.Store]. A store that could not write is not ready any more.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.failure()
}

// Close implements [store.Store]. A failed store's error is not repeated here.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	if s.failure() != nil {
		// Pebble would wait for maintenance that cannot end. The guard keeps it
		// from touching the directory, which others may now have.
		return errors.Join(s.lock.Close(), s.lock.Close(), s.watch.Close())
	}
	// With an empty log the next start is quick, and what a damaged log loses
	// is nothing.
	return errors.Join(s.db.Flush(), s.db.Close(), s.lock.Close(), s.watch.Close())
}

// Shed gives up the blocks in memory that were read from files, for a process
// that has little to do and others beside it. They are read again as they are
// needed.
func (s *Store) Shed() {
	if s.gate.Enter() != nil {
		return
	}
	defer s.gate.Leave()
	s.cache.Reserve(int(s.opts.CacheBytes))() // by reserving all for something else, for a moment
}

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	r := s.newRun()
	defer s.endRun(r)
	err := r.call(func(t *tx) error { return fn(t) })
	if stale := s.awaitSeen(r); stale != nil {
		return stale
	}
	return err
}

// awaitSeen waits until all that a run has read is durable.
func (s *Store) awaitSeen(r *run) error {
	if r.iter == nil {
		return nil
	}
	if !s.durability.wait(s.versions.lastSeen(r.buf.Partitions(), r.seen)) {
		return s.failure()
	}
	return nil
}

// DropPrefix implements [store.Store].
func (s *Store) DropPrefix(ctx context.Context, prefix []byte) error {
	if err := store.ValidateDropPrefix(prefix); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.awaitRoom(ctx); err != nil {
		return err
	}
	start, end := prefixRange(prefix)
	if end == nil { // the escape of a prefix of ff only
		end = bytes.Repeat([]byte{0xff}, store.MaxPhysicalKey+1)
	}
	b := s.db.NewBatch()
	if err := b.DeleteRange(start, end, nil); err != nil {
		return errors.Join(err, b.Close())
	}
	s.commit.Lock()
	seq, err := s.apply(b, nil, true)
	s.commit.Unlock()
	if err != nil {
		return errors.Join(err, b.Close())
	}
	return s.awaitSync(b, seq)
}

// Stats are figures since Open, for metrics.
type Stats struct {
	Updates     uint64 // commits that wrote something
	Conflicts   uint64 // runs that lost to another commit and were repeated
	Alone       uint64 // runs made inside the critical section
	Stalls      uint64 // times that writing waited for flushes or compactions
	MemoryBytes uint64 // of memory tables
	CacheBytes  int64  // of blocks read
	DiskBytes   uint64 // of the directory
	CacheHits   int64
	CacheMisses int64
	ReadAmp     int   // tables that a read may have to look at
	L0Files     int64 // tables that were flushed and not yet compacted
	// CompactionDebt is how many bytes are to be compacted until the tree is in shape.
	CompactionDebt uint64
	// WrittenBytes is what all writing has come to: the log, and the tables of
	// flushes and compactions.
	WrittenBytes uint64
}

// Stats returns the current figures. It takes some microseconds.
func (s *Store) Stats() (Stats, error) {
	if err := s.gate.Enter(); err != nil {
		return Stats{}, err
	}
	defer s.gate.Leave()
	m := s.db.Metrics()
	written := m.WAL.BytesWritten
	for i := range m.Levels {
		l := &m.Levels[i]
		written += l.TableBytesFlushed + l.BlobBytesFlushed + l.TableBytesCompacted + l.BlobBytesCompacted
	}
	return Stats{
		Updates:        s.updates.Load(),
		Conflicts:      s.conflicts.Load(),
		Alone:          s.alone.Load(),
		Stalls:         s.stalls.Load(),
		MemoryBytes:    m.MemTable.Size + m.MemTable.ZombieSize,
		CacheBytes:     m.BlockCache.Size,
		DiskBytes:      m.DiskSpaceUsage(),
		CacheHits:      m.BlockCache.Hits,
		CacheMisses:    m.BlockCache.Misses,
		ReadAmp:        m.ReadAmp(),
		L0Files:        m.Levels[0].TablesCount,
		CompactionDebt: m.Compact.EstimatedDebt,
		WrittenBytes:   written,
	}, nil
}
