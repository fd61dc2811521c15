package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/blob"
	"github.com/cockroachdb/pebble/v2/vfs"

	"kindred/internal/store"
)

// guard is the file system that Pebble sees. On the first write or sync that
// fails it reports the failure and from then on changes nothing on disk.
//
// Pebble has no answer to a log or manifest that cannot be written: it panics
// while it holds locks, or exits the process. It is unknown what of the failed
// write reached the disk, and a sync that is tried again can succeed without
// having written what the first one lost. So nothing may be written after the
// failure, and Pebble must not notice it: to log and manifest the guard pretends
// that all went well, and the store, which the guard has told first,
// acknowledges nothing any more. Tables cannot be pretended, since they are read
// again; Pebble reports errors with them and keeps what it wanted to write in
// memory, so reads go on.
type guard struct {
	vfs.FS

	once   sync.Once // of the failure
	broken atomic.Bool
	onFail func(error)
	read   atomic.Pointer[string] // the name of the file opened last for reading

	logs  sync.Mutex // held while a log is used again, emptied or removed; guards the following
	fresh int        // calls that want no log to be used again
}

// errFrozen is what Pebble is told of tables it wants to write after a failure.
var errFrozen = errors.New("the store has failed and changes nothing on disk")

func newGuard(files vfs.FS, onFail func(error)) *guard {
	return &guard{FS: files, onFail: onFail}
}

// fail stops all writing. The first error is the one reported, and it is
// reported first: by the time that anything is pretended to be written, nothing
// is acknowledged any more.
func (g *guard) fail(err error) {
	g.once.Do(func() {
		g.onFail(err)
		g.broken.Store(true)
	})
}

func (g *guard) frozen() bool { return g.broken.Load() }

func isTable(name string) bool { return strings.HasSuffix(name, ".sst") || isValues(name) }

// isValues tells the files of values that are kept apart from their keys.
func isValues(name string) bool { return strings.HasSuffix(name, ".blob") }

// try carries out a change to a file unless writing has stopped, and returns
// what Pebble is to be told.
func (g *guard) try(name, op string, change func() error) error {
	if g.frozen() {
		return frozenAnswer(name)
	}
	if err := change(); err != nil {
		g.fail(fmt.Errorf("%s %s: %w", op, name, err))
		return frozenAnswer(name)
	}
	return nil
}

func frozenAnswer(name string) error {
	if isTable(name) {
		return errFrozen
	}
	return nil
}

// open is try for what returns a file.
func (g *guard) open(name, op string, do func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	err := g.try(name, op, func() (err error) {
		f, err = do()
		return err
	})
	if err != nil {
		return nil, err
	}
	if f == nil {
		f = vfs.NewMemFile(nil)
	}
	return &guardFile{File: f, g: g, name: name}, nil
}

// Open keeps the name, to be told if what is read makes no sense.
func (g *guard) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	g.read.Store(&name)
	f, err := g.FS.Open(name, opts...)
	if !isValues(name) {
		return f, err
	}
	if err == nil {
		if err = checkValues(f); err == nil {
			return f, nil
		}
		_ = f.Close()
	}
	if pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %s: %s", store.ErrCorrupt, name, err)
	}
	return nil, err
}

// checkValues looks at the end of a file of values as Pebble will when it opens
// it, and panic if it is damaged. An error that Pebble does not know for damage
// goes to the read that met it, as is right.
func checkValues(f vfs.File) error {
	r, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return err
	}
	_, err = blob.NewFileReader(context.Background(), r, blob.FileReaderOptions{})
	return err
}

func (g *guard) lastRead() string {
	if name := g.read.Load(); name != nil {
		return *name
	}
	return "none"
}

func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.open(name, "create", func() (vfs.File, error) { return g.FS.Create(name, c) })
}

func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.open(name, "open", func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite uses a log again, with what is left in it, or a new file in its
// place if there is a call that wants that (see freshLogs).
func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	g.logs.Lock()
	defer g.logs.Unlock()
	return g.open(newname, "reuse", func() (vfs.File, error) {
		if g.fresh == 0 {
			return g.FS.ReuseForWrite(oldname, newname, c)
		}
		if err := g.FS.Remove(oldname); err != nil {
			return nil, err
		}
		return g.FS.Create(newname, c)
	})
}

// freshLogs begins and ends a call during which no log is used again.
func (g *guard) freshLogs(begin bool) {
	g.logs.Lock()
	defer g.logs.Unlock()
	if begin {
		g.fresh++
	} else {
		g.fresh--
	}
}

// emptyLog puts an empty file in the place of a log that is no longer needed, if
// it is still there.
func (g *guard) emptyLog(name string) error {
	g.logs.Lock()
	defer g.logs.Unlock()
	if _, err := g.FS.Stat(name); err != nil || g.frozen() {
		return nil
	}
	f, err := g.FS.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// OpenDir opens a directory for syncing. One that cannot be opened is an
// ordinary error, it is opened only at start.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardFile{File: f, g: g, name: name}, nil
}

func (g *guard) Link(oldname, newname string) error {
	return g.try(newname, "link", func() error { return g.FS.Link(oldname, newname) })
}

func (g *guard) Rename(oldname, newname string) error {
	return g.try(newname, "rename", func() error { return g.FS.Rename(oldname, newname) })
}

// Remove removes a file that is no longer needed. Failing to loses nothing, so
// it is left to Pebble to tell of it.
func (g *guard) Remove(name string) error {
	g.logs.Lock()
	defer g.logs.Unlock()
	if g.frozen() {
		return nil
	}
	return g.FS.Remove(name)
}

func (g *guard) RemoveAll(name string) error {
	if g.frozen() {
		return nil
	}
	return g.FS.RemoveAll(name)
}

func (g *guard) Unwrap() vfs.FS { return g.FS }

// guardFile is a file or directory whose changes the guard sees.
type guardFile struct {
	vfs.File
	g    *guard
	name string
}

// try is [guard.try]. Pebble's writer of values panics when the end of its file
// cannot be written, so for such a file the call does not return: what waits for
// it is maintenance that cannot end anyway, and holds no locks.
func (f *guardFile) try(op string, change func() error) error {
	err := f.g.try(f.name, op, change)
	if err != nil && isValues(f.name) {
		select {}
	}
	return err
}

func (f *guardFile) Write(p []byte) (int, error) {
	n := len(p)
	return n, f.try("write", func() error {
		_, err := f.File.Write(p)
		return err
	})
}

func (f *guardFile) WriteAt(p []byte, off int64) (int, error) {
	n := len(p)
	return n, f.try("write", func() error {
		_, err := f.File.WriteAt(p, off)
		return err
	})
}

func (f *guardFile) Sync() error     { return f.try("sync", f.File.Sync) }
func (f *guardFile) SyncData() error { return f.try("sync", f.File.SyncData) }

func (f *guardFile) SyncTo(length int64) (full bool, err error) {
	err = f.try("sync", func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

func (f *guardFile) Preallocate(offset, length int64) error {
	return f.try("allocate", func() error { return f.File.Preallocate(offset, length) })
}

// Close closes a file that was synced before if it matters, so an error here
// tells nothing about what is stored.
func (f *guardFile) Close() error {
	err := f.File.Close()
	if f.g.frozen() || isValues(f.name) { // see try
		return nil
	}
	return err
}

// isLocked tells a lock held by another from a lock file that cannot be made:
// the former is a bare errno or text, the latter names the path.
func isLocked(err error) bool {
	var path *os.PathError
	return !errors.As(err, &path)
}
