package pebblestore

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"kindred/internal/store"
)

// What has returned before a checkpoint is in it, and it is a whole store: of updates
// that write two records, both or neither.
func TestCheckpointUnderLoad(t *testing.T) {
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	s, err := Open(filepath.Join(dir, "store"), Options{Logger: quiet, memTableBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	key := func(half string, i int) store.Key {
		return store.Key{Partition: fmt.Appendf(nil, "p%s%06d", half, i), Sort: []byte("s")}
	}
	var done atomic.Int64 // all up to it have returned
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := s.Update(context.Background(), func(tx store.Tx) error {
				tx.Put(key("a", i), make([]byte, 300))
				tx.Put(key("b", i), make([]byte, 20))
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			done.Store(int64(i))
		}
	})
	var least []int64
	for i := range 4 {
		for done.Load() < int64(200*(i+1)) {
			if t.Failed() {
				break
			}
		}
		least = append(least, done.Load())
		if err := s.Checkpoint(filepath.Join(dir, fmt.Sprint("c", i))); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writer.Wait()
	if err := s.Checkpoint(filepath.Join(dir, "c0")); err == nil {
		t.Error("a directory that is there was written to")
	}
	for i, n := range least {
		name := filepath.Join(dir, fmt.Sprint("c", i))
		if err := Check(name, Options{Logger: quiet}); err != nil {
			t.Fatal(err)
		}
		c, err := Open(name, Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		err = c.View(context.Background(), func(r store.Reader) error {
			for j := 1; ; j++ {
				a, err := r.Get(context.Background(), key("a", j), key("b", j))
				if err != nil {
					return err
				}
				if (a[0] == nil) != (a[1] == nil) {
					t.Errorf("checkpoint %d has half of update %d", i, j)
				}
				if a[0] == nil {
					last = j - 1
					return nil
				}
			}
		})
		if err != nil || int64(last) < n {
			t.Errorf("checkpoint %d has %d updates, %d had returned: %v", i, last, n, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Checkpoint(filepath.Join(dir, "late")); err == nil {
		t.Error("a closed store made a checkpoint")
	}
}

func TestCheckFindsDamage(t *testing.T) {
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	s, err := Open(filepath.Join(dir, "store"), Options{Logger: quiet, memTableBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		if err := s.Update(context.Background(), func(tx store.Tx) error {
			tx.Put(store.Key{Partition: fmt.Appendf(nil, "p%d", i), Sort: []byte("s")}, make([]byte, 100))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(dir, "copy")
	if err := s.Checkpoint(copied); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(copied, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	text, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	// Another file, so that the store that it is linked with stays as it is.
	text[len(text)/3] ^= 1
	if err := os.Remove(tables[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tables[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Check(copied, Options{Logger: quiet}); err == nil {
		t.Error("a damaged table was not found")
	}
	if err := Check(filepath.Join(dir, "store"), Options{Logger: quiet}); err != nil {
		t.Error(err)
	}
}
