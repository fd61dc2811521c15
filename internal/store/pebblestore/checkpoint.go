package pebblestore

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"kindred/internal/store"
)

// Checkpoint writes the state of the store into a directory that is not there yet, as
// a store that can be opened: what is in it is what a crash at that moment would have
// left, and so every update that has returned. Updates go on meanwhile. Tables are
// linked, not copied, where the directory is on the same file system: it takes moments,
// and space only as the store moves on.
func (s *Store) Checkpoint(dir string) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.failure(); err != nil {
		return err
	}
	err := s.db.Checkpoint(dir, pebble.WithFlushedWAL())
	if err == nil {
		err = writeFormat(s.opts.FS, dir)
	}
	if err != nil {
		err = fmt.Errorf("pebblestore: checkpoint: %s", s.describe(err))
		if f := s.failure(); f != nil {
			err = errors.Join(err, f)
		}
		return err
	}
	return nil
}

// Check opens a store that Checkpoint has written, looks at all its files, and closes it.
func Check(dir string, opts Options) error {
	s, err := Open(dir, opts)
	if err != nil {
		return err
	}
	if err := s.db.CheckLevels(nil); err != nil {
		return errors.Join(fmt.Errorf("%w: %s", store.ErrCorrupt, s.describe(err)), s.Close())
	}
	return s.Close()
}
