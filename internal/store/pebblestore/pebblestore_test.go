package pebblestore

import (
	"log/slog"
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
