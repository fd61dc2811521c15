package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kindred/internal/store"
)

// holding are the files of a directory that have a text in them.
func holding(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			names = append(names, e.Name())
		}
	}
	return names
}

func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	for range n {
		err := s.Update(context.Background(), func(tx store.Tx) error {
			for range 20 {
				tx.Put(store.Key{Partition: fmt.Appendf(nil, "p%d", rand.IntN(300)), Sort: fmt.Appendf(nil, "s%d", rand.IntN(9))}, make([]byte, 300))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestExpungedValuesAreInNoFile: wherever a value has come to be when it is
// removed, in the log, in logs to be used again or in tables on several levels,
// no file has it after Expunge; and what is there stays.
func TestExpungedValuesAreInNoFile(t *testing.T) {
	for _, c := range []struct{ before, between, after int }{{0, 0, 0}, {20, 0, 0}, {0, 20, 0}, {20, 40, 1}, {60, 60, 40}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			dir, ctx := t.TempDir(), context.Background()
			s := openStore(t, dir, Options{memTableBytes: 16 << 10})
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			put := func(partition, sort, value string) {
				err := s.Update(ctx, func(tx store.Tx) error {
					tx.Put(store.Key{Partition: []byte(partition), Sort: []byte(sort)}, []byte(value))
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			fill(t, s, c.before)
			put("p1", "x", "the marker that goes")
			put("p10", "x", "the marker that goes")
			put("p1", "y", "the marker that is replaced")
			put("p1", "z", "the marker that stays")
			fill(t, s, c.between)
			for _, text := range []string{"the marker that goes", "the marker that is replaced", "the marker that stays"} {
				if len(holding(t, dir, text)) == 0 {
					t.Errorf("%q is in no file to begin with", text)
				}
			}
			put("p1", "y", "something else")
			err := s.Update(ctx, func(tx store.Tx) error {
				tx.Delete(store.Key{Partition: []byte("p1"), Sort: []byte("x")})
				tx.Clear([]byte("p10"))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			fill(t, s, c.after)
			if err := s.Expunge(ctx, []byte("p1")); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"the marker that goes", "the marker that is replaced"} {
				if files := holding(t, dir, text); len(files) > 0 {
					t.Errorf("%q is still in %v", text, files)
				}
			}
			fill(t, s, 30) // over a new log
			if files := holding(t, dir, "the marker that stays"); len(files) == 0 {
				t.Error("what was not removed is gone")
			}
			s = reopened(t, s, dir)
			err = s.View(ctx, func(r store.Reader) error {
				v, err := r.Get(ctx, store.Key{Partition: []byte("p1"), Sort: []byte("z")}, store.Key{Partition: []byte("p1"), Sort: []byte("x")})
				if err == nil && (string(v[0]) != "the marker that stays" || v[1] != nil) {
					t.Errorf("read %q", v)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestExpungeLeavesNothingAtTheEndOfALogUsedAgain: a log that is used again is not
// cut, so what stood far behind in it would stay.
func TestExpungeLeavesNothingAtTheEndOfALogUsedAgain(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openStore(t, dir, Options{})
	defer s.Close()
	k := store.Key{Partition: []byte("p1"), Sort: []byte("x")}
	for range 4 { // so that there are logs to be used again
		fill(t, s, 10)
		err := s.Update(ctx, func(tx store.Tx) error { tx.Put(k, []byte("the marker that goes")); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(ctx, func(tx store.Tx) error { tx.Delete(k); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Expunge(ctx, k.Partition); err != nil {
		t.Fatal(err)
	}
	if files := holding(t, dir, "the marker that goes"); len(files) > 0 {
		t.Errorf("still in %v", files)
	}
}

func reopened(t *testing.T, s *Store, dir string) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openStore(t, dir, Options{memTableBytes: 16 << 10})
}

// TestExpungeUnderLoad: it ends while others write, and loses nothing of theirs
// to a crash.
func TestExpungeUnderLoad(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := openStore(t, "/data", Options{FS: mem, memTableBytes: 32 << 10})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	h := newHistory()
	var wg, begun sync.WaitGroup
	begun.Add(3)
	for w := range 3 {
		wg.Go(func() {
			first := sync.OnceFunc(begun.Done)
			defer first()
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for ctx.Err() == nil {
				if err := h.write(s, rng); err != nil {
					t.Error(err)
					return
				}
				first()
			}
		})
	}
	begun.Wait()
	for range 8 {
		if err := s.Expunge(ctx, []byte("part\x001")); err != nil {
			t.Fatal(err)
		}
	}
	found := h.acknowledged()
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	cancel()
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, "/data", Options{FS: crashed})
	defer again.Close()
	if err := h.check(again, found); err != nil || len(found) == 0 {
		t.Errorf("%d updates acknowledged: %v", len(found), err)
	}
}

// TestExpungeOfAFailedStore ends with its error and lets the store be closed.
func TestExpungeOfAFailedStore(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{})
	s.guard.fail(io.ErrShortWrite)
	if err := s.Expunge(context.Background(), []byte("p")); !errors.Is(err, ErrFailed) {
		t.Errorf("Expunge of a failed store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
