package pebblestore

import (
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kindred/internal/store"
	"kindred/internal/store/storetest"
)

// quiet is for tests in which failures are meant to happen.
var quiet = slog.New(slog.DiscardHandler)

func openStore(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet
	}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openStore(t, "/data/store", Options{FS: vfs.NewMem()})
	})
}

// TestConformanceWithFlushes has the suite read from tables on several levels.
func TestConformanceWithFlushes(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openStore(t, "/data/store", Options{FS: vfs.NewMem(), memTableBytes: 32 << 10})
	})
}

func TestDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T, dir string) store.Store {
		return openStore(t, dir, Options{})
	})
}

func TestLocked(t *testing.T) {
	storetest.RunLocked(t, func(dir string) (store.Store, error) { return Open(dir, Options{Logger: quiet}) })
}

// TestShed: blocks that were read are given up, and read again when they are asked
// for.
func TestShed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openStore(t, dir, Options{})
	h := newHistory()
	rng := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		if err := h.write(s, rng); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // to files
		t.Fatal(err)
	}
	s = openStore(t, dir, Options{})
	for range 2 {
		if err := h.check(s, h.acknowledged()); err != nil {
			t.Fatal(err)
		}
		if m, err := s.Stats(); err != nil || m.CacheBytes < 10_000 {
			t.Errorf("after reading all %d bytes are cached, %v", m.CacheBytes, err)
		}
		s.Shed()
		if m, err := s.Stats(); err != nil || m.CacheBytes != 0 {
			t.Errorf("%d bytes are still cached, %v", m.CacheBytes, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Shed() // of nothing
}
