package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"kindred/internal/store"
)

// Expunge implements [store.Store]. What has been removed is still in three
// places: in the log, in tables below those that tell of its removal, and in
// files that are no longer needed and wait to be removed or, logs, to be used
// again. So it turns the log over, compacts the tables that may have the
// partitions, empties old logs and waits until the files are gone. It writes
// again about one table of each level. A call of View that runs may hold a table
// until it ends.
//
// Keys of records, which are no values, may remain in the manifest as bounds of
// tables until that is written anew.
func (s *Store) Expunge(ctx context.Context, prefix []byte) error {
	if err := store.ValidateDropPrefix(prefix); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.guard.freshLogs(true)
	defer s.guard.freshLogs(false)
	if err := s.expunge(ctx, prefix); err != nil {
		return fmt.Errorf("pebblestore: expunge: %w", err)
	}
	return s.failure()
}

func (s *Store) expunge(ctx context.Context, prefix []byte) error {
	logs, err := s.files(".log")
	if err != nil {
		return err
	}
	flushed, err := s.db.AsyncFlush()
	if err != nil {
		return err
	}
	if err := s.await(ctx, flushed); err != nil {
		return err
	}
	// The flush began a new log and everything in those before is in tables now.
	for _, name := range logs {
		if err := s.guard.emptyLog(s.path(name)); err != nil {
			return err
		}
	}
	tables, err := s.files(".sst")
	if err != nil {
		return err
	}
	start, end := prefixRange(prefix)
	if end == nil {
		end = bytes.Repeat([]byte{0xff}, store.MaxPhysicalKey+1)
	}
	compacted := make(chan struct{})
	go func() {
		defer close(compacted)
		err = s.db.Compact(ctx, start, end, false)
	}()
	// A compaction that runs is not broken off with the context, and Close must
	// find none.
	if failed := s.await(context.WithoutCancel(ctx), compacted); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	for {
		changed := s.room.nextChange()
		if ok, err := s.settled(tables); ok || err != nil {
			return err
		}
		if err := s.await(ctx, changed); err != nil {
			return err
		}
	}
}

// await waits for a channel to be closed, but not in a store that fails: there
// maintenance need not end.
func (s *Store) await(ctx context.Context, done <-chan struct{}) error {
	for {
		changed := s.room.nextChange()
		if err := s.failure(); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// files lists the files of the directory with a suffix.
func (s *Store) files(suffix string) ([]string, error) {
	all, err := s.opts.FS.List(s.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range all {
		if strings.HasSuffix(n, suffix) {
			names = append(names, n)
		}
	}
	return names, nil
}

// settled reports whether each of some tables is in use or gone.
func (s *Store) settled(tables []string) (bool, error) {
	levels, err := s.db.SSTables()
	if err != nil {
		return false, s.readError(err)
	}
	live := map[string]bool{}
	for _, level := range levels {
		for i := range level {
			live[level[i].BackingSSTNum.String()+".sst"] = true
		}
	}
	for _, name := range tables {
		if live[name] {
			continue
		}
		if _, err := s.opts.FS.Stat(s.path(name)); !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return true, nil
}
