package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"kindred/internal/store"
)

// slowSync is a file system on which a sync of the log waits to be released.
type slowSync struct {
	vfs.FS
	on               atomic.Bool
	waiting, release chan struct{}
}

type slowFile struct {
	vfs.File
	fs *slowSync
}

func (s *slowSync) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	if err == nil && strings.HasSuffix(name, ".log") {
		f = &slowFile{f, s}
	}
	return f, err
}

func (f *slowFile) wait() {
	if f.fs.on.Load() {
		f.fs.waiting <- struct{}{}
		<-f.fs.release
	}
}

func (f *slowFile) Sync() error     { f.wait(); return f.File.Sync() }
func (f *slowFile) SyncData() error { f.wait(); return f.File.SyncData() }

// failing fails operations on files whose name contains part, from the n-th on.
type failing struct {
	part  string
	kinds []errorfs.OpKind
	left  atomic.Int64
	armed atomic.Bool
}

func (f *failing) String() string { return "failing " + f.part }

func (f *failing) MaybeError(op errorfs.Op) error {
	if !f.armed.Load() || !strings.Contains(op.Path, f.part) {
		return nil
	}
	for _, k := range f.kinds {
		if k == op.Kind {
			if f.left.Add(-1) < 0 {
				return syscall.ENOSPC
			}
		}
	}
	return nil
}

// TestFailedWrites has each kind of write fail at some time: the store must say
// so, answer no update wrongly, go on reading, and be whole when opened again.
func TestFailedWrites(t *testing.T) {
	sync := []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}
	write := []errorfs.OpKind{errorfs.OpFileWrite}
	create := []errorfs.OpKind{errorfs.OpCreate, errorfs.OpReuseForWrite}
	for _, c := range []struct {
		what  string
		part  string
		kinds []errorfs.OpKind
		after int
	}{
		{"sync of the log", ".log", sync, 30},
		{"first sync of the log", ".log", sync, 0},
		{"write to the log", ".log", write, 50},
		{"making a new log", ".log", create, 2},
		{"write to a table", ".sst", write, 5},
		{"sync of a table", ".sst", sync, 2},
		{"making a table", ".sst", create, 1},
		{"write of values", ".blob", write, 2},
		{"sync of values", ".blob", sync, 1},
		{"making a file of values", ".blob", create, 1},
		{"write to the manifest", "MANIFEST", write, 1},
		{"sync of the manifest", "MANIFEST", sync, 1},
		{"sync of the directory", "/d/store", sync, 3},
		{"everything", "", append(append(sync, write...), create...), 40},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewCrashableMem()
			fault := &failing{part: c.part, kinds: c.kinds}
			fault.left.Store(int64(c.after))
			s := openStore(t, "/d/store", Options{FS: errorfs.Wrap(fs, fault), memTableBytes: 64 << 10})
			h := newHistory()
			rng := rand.New(rand.NewPCG(1, 2))
			fault.armed.Store(true)
			failed := writeUntilFailure(t, h, s, rng)
			if !errors.Is(failed, syscall.ENOSPC) {
				t.Errorf("the error does not tell the cause: %v", failed)
			}
			// Later updates are refused, and certainly not done.
			for range 3 {
				err := s.Update(context.Background(), func(tx store.Tx) error { tx.Put(historyKey(99, "k"), nil); return nil })
				if !errors.Is(err, ErrFailed) || errors.Is(err, store.ErrUnknownOutcome) {
					t.Errorf("update of a failed store: %v", err)
				}
			}
			if err := s.Ready(context.Background()); !errors.Is(err, ErrFailed) {
				t.Errorf("a failed store says that it is ready: %v", err)
			}
			// What was acknowledged can be read.
			err := s.View(context.Background(), func(r store.Reader) error {
				_, err := r.Get(context.Background(), historyKey(50, "k"))
				return err
			})
			if err != nil {
				t.Errorf("read from a failed store: %v", err)
			}
			acknowledged := h.acknowledged()
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			fault.armed.Store(false)
			for name, disk := range map[string]*vfs.MemFS{"as it is": fs, "after a crash": fs.CrashClone(vfs.CrashCloneCfg{})} {
				s = openStore(t, "/d/store", Options{FS: disk})
				if err := h.check(s, acknowledged); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func writeUntilFailure(t *testing.T, h *history, s *Store, rng *rand.Rand) error {
	t.Helper()
	for range 20_000 {
		if err := h.write(s, rng); err != nil {
			if !errors.Is(err, ErrFailed) {
				t.Fatalf("got %v, want ErrFailed", err)
			}
			return err
		}
	}
	t.Fatal("no write has failed")
	return nil
}

// TestFailureWhileOpening: each single write of Open fails once.
func TestFailureWhileOpening(t *testing.T) {
	for n := range 200 {
		disk := vfs.NewCrashableMem()
		fault := &failing{kinds: []errorfs.OpKind{
			errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData,
			errorfs.OpRename, errorfs.OpMkdirAll, errorfs.OpOpenDir,
		}}
		fault.left.Store(int64(n))
		fault.armed.Store(true)
		s, err := Open("/d/store", Options{FS: errorfs.Wrap(disk, fault), Logger: quiet})
		unused := fault.left.Load() >= 0
		if err == nil {
			if !unused {
				t.Fatalf("operation %d failed and Open did not", n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
		for _, d := range []*vfs.MemFS{disk.CrashClone(vfs.CrashCloneCfg{}), disk} {
			again := openStore(t, "/d/store", Options{FS: d})
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatal("Open has more writes than this test expects")
}

// TestDamage damages each file of a store in several ways. It must be noticed at
// Open or by the read that meets it, name the file, and never change an answer.
func TestDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	h := newHistory()
	rng := rand.New(rand.NewPCG(3, 4))
	s := openStore(t, dir, Options{memTableBytes: 64 << 10})
	for range 400 {
		if err := h.write(s, rng); err != nil {
			t.Fatal(err)
		}
	}
	acknowledged := h.acknowledged()

	// The log of a process that was killed: what the damage cuts off cannot be
	// told from a write that was not finished, but all before it is whole.
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	eachDamage(t, killed, ".log", rng, func(copied string) error { return openAndCheck(copied, h, nil) })
	for _, c := range []struct {
		part    string
		noticed int
	}{{".sst", 5}, {".blob", 5}, {formatFile, 5}, {"MANIFEST-", 5}, {"marker.", 2}, {".log", 0}, {"OPTIONS", 0}, {"LOCK", 0}} {
		n := eachDamage(t, dir, c.part, rng, func(copied string) error { return openAndCheck(copied, h, acknowledged) })
		if n < c.noticed {
			t.Errorf("damage to %s was noticed %d times", c.part, n)
		}
	}
}

// eachDamage damages the files whose name contains part, one at a time, each in
// a copy of the directory, and returns how often check noticed.
func eachDamage(t *testing.T, dir, part string, rng *rand.Rand, check func(dir string) error) (noticed int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.Contains(name, part) {
			continue
		}
		whole, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for what, damaged := range damages(whole, rng) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(copied, name)
			if damaged == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, damaged, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err = check(copied); err == nil {
				continue
			}
			noticed++
			if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, ErrFormat) {
				t.Errorf("%s, %s: got error %v, want ErrCorrupt", name, what, err)
			}
			if !strings.Contains(err.Error(), copied) {
				t.Errorf("%s, %s: the error does not name a file: %v", name, what, err)
			}
		}
	}
	return noticed
}

// TestDamagedLog damages a log before writes that were certainly synced after.
func TestDamagedLog(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "store"), t.TempDir()
	h := newHistory()
	s := openStore(t, dir, Options{})
	rng := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		if err := h.write(s, rng); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(copied + "/*.log")
	if err != nil {
		t.Fatal(err)
	}
	last := logs[len(logs)-1]
	b, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 64<<10 {
		t.Fatalf("the last log is of %d bytes only", len(b))
	}
	b[2000] ^= 1
	if err := os.WriteFile(last, b, 0o600); err != nil {
		t.Fatal(err)
	}
	err = openAndCheck(copied, h, nil)
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), last) {
		t.Errorf("got error %v, want ErrCorrupt with the name of %s", err, last)
	}
	for _, name := range logs {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := openAndCheck(copied, h, nil); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("without a log: got error %v, want ErrCorrupt", err)
	}
}

// TestDamagedManifest damages each byte of the list of files, of a store that has
// been written to since its last flush: it is noticed, or changes no answer.
func TestDamagedManifest(t *testing.T) {
	disk := vfs.NewCrashableMem()
	h := newHistory()
	rng := rand.New(rand.NewPCG(7, 8))
	s := openStore(t, "/d/store", Options{FS: disk, memTableBytes: 64 << 10})
	// Numbers of files tell least soon after a database has been made.
	for i := 0; i < 400 || oldestLog(t, disk) < 60; i++ {
		if err := h.write(s, rng); err != nil {
			t.Fatal(err)
		}
	}
	acknowledged := h.acknowledged()
	whole := disk.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	at, err := pebble.Peek("/d/store", whole)
	if err != nil {
		t.Fatal(err)
	}
	info, err := whole.Stat(at.ManifestFilename)
	if err != nil {
		t.Fatal(err)
	}
	noticed := 0
	for i := range info.Size() {
		damaged := whole.CrashClone(vfs.CrashCloneCfg{})
		f, err := damaged.OpenReadWrite(at.ManifestFilename, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		_, err = f.ReadAt(b[:], i)
		b[0] ^= 1 << rng.IntN(8)
		_, err2 := f.WriteAt(b[:], i)
		if err := errors.Join(err, err2, f.Close()); err != nil {
			t.Fatal(err)
		}
		s, err := Open("/d/store", Options{FS: damaged, Logger: quiet})
		if err == nil {
			err = errors.Join(h.check(s, acknowledged), s.Close())
		}
		if err == nil {
			continue
		}
		if noticed++; !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "/d/store/") {
			t.Errorf("byte %d of %d: got error %v, want ErrCorrupt with the name of a file", i, info.Size(), err)
		}
	}
	if noticed < int(info.Size())/2 {
		t.Errorf("of %d damages %d were noticed", info.Size(), noticed)
	}
}

// oldestLog is the least number of a log in the store's directory.
func oldestLog(t *testing.T, disk vfs.FS) int {
	t.Helper()
	names, err := disk.List("/d/store")
	if err != nil {
		t.Fatal(err)
	}
	oldest := math.MaxInt
	for _, name := range names {
		if number, ok := strings.CutSuffix(name, ".log"); ok {
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			oldest = min(oldest, n)
		}
	}
	return oldest
}

func damages(whole []byte, rng *rand.Rand) map[string][]byte {
	out := map[string][]byte{"missing": nil}
	if len(whole) == 0 {
		return out
	}
	out["empty"] = []byte{}
	out["cut in half"] = whole[:len(whole)/2]
	for i := range 4 {
		at := rng.IntN(len(whole))
		b := append([]byte{}, whole...)
		b[at] ^= 1 << rng.IntN(8)
		out[fmt.Sprintf("bit %d, byte %d of %d", i, at, len(whole))] = b
	}
	return out
}

func openAndCheck(dir string, h *history, acknowledged map[int]bool) error {
	s, err := Open(dir, Options{Logger: quiet})
	if err != nil {
		return err
	}
	return errors.Join(h.check(s, acknowledged), s.Close())
}

func TestFormatOfTheDirectory(t *testing.T) {
	for text, want := range map[string]error{
		"kindred store 1\n":                   nil,
		"kindred store 2\n":                   ErrFormat,
		"kindred store 99\n":                  ErrFormat,
		"kindred store 0\n":                   ErrFormat,
		"kindred store 1":                     store.ErrCorrupt,
		"kindred store x\n":                   store.ErrCorrupt,
		"":                                    store.ErrCorrupt,
		"something else\n":                    store.ErrCorrupt,
		"kindred store 1\n" + "and much more": store.ErrCorrupt,
	} {
		fs := vfs.NewMem()
		s := openStore(t, "/store", Options{FS: fs})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create("/store/"+formatFile, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		s, err = Open("/store", Options{FS: fs, Logger: quiet})
		if !errors.Is(err, want) {
			t.Errorf("format file %q: got error %v, want %v", text, err, want)
		}
		if err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		} else if !strings.Contains(err.Error(), "/store") {
			t.Errorf("format file %q: the error names no directory: %v", text, err)
		}
	}
}
