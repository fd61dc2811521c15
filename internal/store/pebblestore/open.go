package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"kindred/internal/store"
)

// ErrFormat: the directory was written in a format that this build does not
// know, most likely by a newer one.
var ErrFormat = errors.New("pebblestore: unknown format of the data directory")

// formatVersion is the version of the keys and values in the directory. It goes
// up when an older build could no longer read what a newer one writes.
const formatVersion = 1

// formatFile is the file that says so, as "kindred store 1\n". It is written
// once the database has been made, so a directory without it holds no record.
const (
	formatFile   = "KINDRED-STORE"
	formatPrefix = "kindred store "
)

// Options of a Store. The zero Options is fine.
type Options struct {
	// FS is the file system; the operating system's if nil.
	FS vfs.FS
	// CacheBytes is the memory to be used for memory tables and for blocks read
	// from files, [DefaultCacheBytes] if 0. It is taken up as it is needed. Only
	// memory tables go beyond it, when they alone are more.
	CacheBytes int64
	// Clock is what Tx.Now reads; time.Now if nil.
	Clock func() time.Time
	// Logger is told of failures, damage, slow disks and stalls, never of keys or
	// values; slog.Default() if nil.
	Logger *slog.Logger

	memTableBytes uint64 // small in tests, so that there are flushes
	maxPointClear int    // see defaultMaxPointClear; -1 in a benchmark
}

// DefaultCacheBytes is for some memory tables, the filters of some ten
// million partitions, and the blocks read last.
const DefaultCacheBytes = 96 << 20

// defaultMemTableBytes is the size of a memory table. There can be ten while
// much is written, and two of them stay in memory for good: they are a good part
// of what an idle server takes.
const defaultMemTableBytes = 6 << 20

// Open opens the store in a directory, which it makes if there is none.
//
// The error is [store.ErrLocked] if another process, or this one, has it open;
// [ErrFormat] if it was written in another format; and [store.ErrCorrupt] with
// the name of the file if something in it is damaged or missing.
func Open(dir string, opts Options) (*Store, error) {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	var watch io.Closer = io.NopCloser(nil)
	if opts.FS == nil {
		opts.FS, watch = watchDisk(vfs.Default, opts.Logger)
	}
	if opts.CacheBytes == 0 {
		opts.CacheBytes = DefaultCacheBytes
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.memTableBytes == 0 {
		opts.memTableBytes = defaultMemTableBytes
	}
	if opts.maxPointClear == 0 {
		opts.maxPointClear = defaultMaxPointClear
	}
	s := newStore(dir, opts)
	s.watch = watch
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("pebblestore: open %s: %w", dir, errors.Join(err, watch.Close()))
	}
	return s, nil
}

// slowDisk is how long one write or sync may take until the log tells of it.
const slowDisk = 5 * time.Second

func watchDisk(files vfs.FS, log *slog.Logger) (vfs.FS, io.Closer) {
	return vfs.WithDiskHealthChecks(files, slowDisk, nil, func(info vfs.DiskSlowInfo) {
		log.Warn("the disk is slow", slog.String("file", info.Path),
			slog.String("operation", info.OpType.String()), slog.Duration("duration", info.Duration))
	})
}

func (s *Store) open() (err error) {
	if err := makeDir(s.opts.FS, s.dir); err != nil {
		return err
	}
	s.lock, err = pebble.LockDirectory(s.dir, s.opts.FS)
	if err != nil {
		if isLocked(err) {
			return fmt.Errorf("%w: %s", store.ErrLocked, s.dir)
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.lock.Close())
		}
	}()
	fresh, err := readFormat(s.opts.FS, s.dir)
	if err != nil {
		return err
	}
	if !fresh {
		if missing, err := s.logMissing(); err != nil || missing {
			return errors.Join(err, fmt.Errorf("%w: the log is missing in %s", store.ErrCorrupt, s.dir))
		}
		if err := s.checkManifest(); err != nil {
			return err
		}
	}
	cache := pebble.NewCache(s.opts.CacheBytes)
	defer cache.Unref() // the database keeps it
	s.cache = cache
	o := s.pebbleOptions(cache)
	o.ErrorIfNotExists = !fresh
	o.ErrorIfNotPristine = fresh
	s.db, err = pebble.Open(s.dir, o)
	switch {
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return fmt.Errorf("%w: the database's files are missing beside %s", store.ErrCorrupt, s.path(formatFile))
	case errors.Is(err, pebble.ErrDBNotPristine):
		return fmt.Errorf("%w: %s is missing", store.ErrCorrupt, s.path(formatFile))
	case err != nil:
		return s.openError(err, fresh)
	case s.failure() != nil:
		// Pebble has its own hold on the lock and is abandoned, see Close.
		return errors.Join(s.failure(), s.lock.Close())
	}
	if missing, err := s.valuesMissing(); err != nil || missing {
		return errors.Join(err, fmt.Errorf("%w: a .blob file is missing in %s", store.ErrCorrupt, s.dir), s.db.Close())
	}
	if fresh {
		if err := writeFormat(s.opts.FS, s.dir); err != nil {
			return errors.Join(err, s.db.Close())
		}
	}
	return nil
}

// openError says of an error in Pebble's Open whether it tells of damage, and in
// which file. Not all damage is marked as such; but when the directory is
// there and the operating system has no complaint, that is what is left.
func (s *Store) openError(err error, fresh bool) error {
	var errno syscall.Errno
	switch {
	case s.failure() != nil:
		return s.failure()
	case strings.Contains(err.Error(), "unknown format major version"):
		return fmt.Errorf("%w: %w", ErrFormat, err)
	case errors.As(err, &errno) && errno != syscall.ENOENT, fresh && !pebble.IsCorruptionError(err):
		return err
	}
	return fmt.Errorf("%w: %s (the file read last is %s)", store.ErrCorrupt, s.describe(err), s.guard.lastRead())
}

// logMissing reports whether a database has no log. It has had one since it was
// made, and Pebble would take its absence for having nothing to recover.
func (s *Store) logMissing() (bool, error) {
	names, err := s.opts.FS.List(s.dir)
	return !slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, ".log") }), err
}

// valuesMissing reports whether there are fewer files of values than the database
// refers to. Pebble looks for its tables when it opens, but not for these.
func (s *Store) valuesMissing() (bool, error) {
	before := s.db.Metrics().BlobFiles.LiveCount
	names, err := s.opts.FS.List(s.dir)
	n := 0
	for _, name := range names {
		if isValues(name) {
			n++
		}
	}
	// Compactions are at work already: what both were too many for was missing.
	return uint64(n) < min(before, s.db.Metrics().BlobFiles.LiveCount), err
}

func (s *Store) path(name string) string { return s.opts.FS.PathJoin(s.dir, name) }

// makeDir makes a directory and those above it, durably.
func makeDir(files vfs.FS, dir string) error {
	var parents []string
	for d := dir; ; {
		if _, err := files.Stat(d); err == nil {
			break
		}
		parent := files.PathDir(d)
		if parent == d {
			break
		}
		parents = append(parents, parent)
		d = parent
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, p := range parents {
		if err := syncDir(files, p); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(files vfs.FS, dir string) error {
	f, err := files.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// readFormat checks the format of a directory. It reports true if there is no
// format file yet.
func readFormat(files vfs.FS, dir string) (fresh bool, err error) {
	name := files.PathJoin(dir, formatFile)
	f, err := files.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	}
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err = errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	number, ok := bytes.CutPrefix(text, []byte(formatPrefix))
	number, newline := bytes.CutSuffix(number, []byte("\n"))
	version, err := strconv.ParseUint(string(number), 10, 32)
	if !ok || !newline || err != nil {
		return false, fmt.Errorf("%w: %s", store.ErrCorrupt, name)
	}
	if version != formatVersion {
		return false, fmt.Errorf("%w: %s has format %d, this build reads %d", ErrFormat, dir, version, formatVersion)
	}
	return false, nil
}

func writeFormat(files vfs.FS, dir string) error {
	name := files.PathJoin(dir, formatFile)
	temp := name + ".new"
	f, err := files.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s%d\n", formatPrefix, formatVersion)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := files.Rename(temp, name); err != nil {
		return err
	}
	return syncDir(files, dir)
}
