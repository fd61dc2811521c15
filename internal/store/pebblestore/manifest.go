package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"

	"kindred/internal/store"
)

// The manifest is a log of edits to the list of a database's files. Pebble takes
// the first edit that it cannot read for one whose writing was not finished and
// goes by those before it, so that damage would make of the database what it was
// earlier, with nothing said. But the logs that were needed then are gone since:
// an edit that brings a memory table in names the log that comes after it, and
// only when that edit is on disk are the earlier logs removed.

// checkManifest looks whether the manifest and the logs belong together. The
// error, [store.ErrCorrupt], names the manifest.
func (s *Store) checkManifest() error {
	at, err := pebble.Peek(s.dir, s.opts.FS)
	if err != nil || !at.Exists {
		return nil // Open says so, and better
	}
	needs, err := s.readManifest(at.ManifestFilename)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the same
	}
	if err != nil {
		return err
	}
	names, err := s.opts.FS.List(s.dir)
	if err != nil {
		return err
	}
	var logs []uint64
	for _, name := range names {
		if number, ok := strings.CutSuffix(name, ".log"); ok {
			if n, err := strconv.ParseUint(number, 10, 64); err == nil {
				logs = append(logs, n)
			}
		}
	}
	slices.Sort(logs)
	switch {
	case len(logs) == 0, slices.Contains(logs, needs.log), logs[len(logs)-1] < needs.log: // it may have been about to be made
		return nil
	case needs.early && logs[0] <= needs.next+needs.taken():
		return nil
	}
	return s.notWhole(at.ManifestFilename)
}

// needs is what a manifest says of the log.
type needs struct {
	log uint64 // the number of the oldest that is needed; 0: of the very first
	// early: an edit that is made when a database is opened named that log. The
	// number may be set aside and no log be of it, but one of the numbers that
	// follow next, the next of all then.
	early bool
	next  uint64
}

// earlyEdits bounds how many edits there are when a database has been opened:
// what there was, and what was in the logs.
const earlyEdits = 4

// taken bounds how many numbers have been given to other files until the log got
// its own. A new database has none.
func (n needs) taken() uint64 {
	if n.log == 0 {
		return 2
	}
	return 16
}

// Tags of an edit that come before all that is about files.
const (
	tagComparator     = 1
	tagLogNumber      = 2
	tagNextFileNumber = 3
	tagLastSequence   = 4
	tagPrevLogNumber  = 9
)

// readManifest reads the edits as Pebble does.
func (s *Store) readManifest(manifest string) (out needs, err error) {
	f, err := s.opts.FS.Open(manifest)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	edits := record.NewReader(f, 0)
	for n := 0; ; n++ {
		r, err := edits.Next()
		var edit []byte
		if err == nil {
			edit, err = io.ReadAll(r)
		}
		switch {
		case (err == io.EOF || record.IsInvalidRecord(err)) && n > 0: // a database has one at least
			return out, nil
		case err == io.EOF || record.IsInvalidRecord(err):
			return out, s.notWhole(manifest)
		case err != nil:
			return out, err
		}
		log, next, err := readEdit(edit)
		if err != nil {
			return out, s.notWhole(manifest)
		}
		if log != 0 || n == 0 {
			out = needs{log, n < earlyEdits, next}
		}
	}
}

// readEdit reads the numbers at the beginning of an edit, 0 for those that are
// not there.
func readEdit(edit []byte) (log, next uint64, err error) {
	number := func() (n uint64) {
		n, size := binary.Uvarint(edit)
		if size <= 0 {
			err = io.ErrUnexpectedEOF
			size = 0
		}
		edit = edit[size:]
		return n
	}
	for err == nil && len(edit) > 0 {
		switch number() {
		case tagComparator:
			length := number()
			if uint64(len(edit)) < length {
				return 0, 0, io.ErrUnexpectedEOF
			}
			edit = edit[length:]
		case tagLogNumber:
			log = number()
		case tagNextFileNumber:
			next = number()
		case tagLastSequence, tagPrevLogNumber:
			number()
		default:
			return log, next, err
		}
	}
	return log, next, err
}

func (s *Store) notWhole(manifest string) error {
	return fmt.Errorf("%w: %s is not whole", store.ErrCorrupt, manifest)
}
