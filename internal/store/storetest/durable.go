package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"kindred/internal/store"
)

// RunDurable tests what an engine keeps from one opening to the next. Open
// returns the store whose data are at dir, a new directory for each test; the
// suite opens it several times.
func RunDurable(t *testing.T, open func(t *testing.T, dir string) store.Store) {
	for _, c := range []struct {
		promise string
		test    func(t *testing.T, reopen func(store.Store) store.Store)
	}{
		{"records, counters and their removal survive", testSurvive},
		{"a random history goes on over many openings", testReopenModel},
		{"the largest transaction survives", testSurviveLargest},
	} {
		t.Run(c.promise, func(t *testing.T) {
			dir := t.TempDir() + "/data"
			c.test(t, func(s store.Store) store.Store {
				if s != nil {
					if err := s.Close(); err != nil {
						t.Fatalf("Close: %v", err)
					}
				}
				return open(t, dir)
			})
		})
	}
}

// RunLocked tests an engine that only one may have open: open opens what is at
// dir, and must fail while it is open.
func RunLocked(t *testing.T, open func(dir string) (store.Store, error)) {
	dir := t.TempDir() + "/data"
	s, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = open(dir)
	wantError(t, "opening a second time", err, store.ErrLocked)
	if !strings.Contains(err.Error(), dir) {
		t.Errorf("the error does not name the directory: %v", err)
	}
	put(t, s, "p", "k", "the first is not disturbed")
	wantError(t, "Close", s.Close(), nil)
	s, err = open(dir)
	wantError(t, "opening after Close", err, nil)
	want(t, "record", read(t, s, "p", "k"), "the first is not disturbed")
	wantError(t, "Close", s.Close(), nil)
}

func testSurvive(t *testing.T, reopen func(store.Store) store.Store) {
	s := reopen(nil)
	update(t, s, func(tx store.Tx) {
		for _, p := range []string{"a", "b", "dom/c", "dom/d"} {
			tx.Put(key(p, "k"), []byte("v"+p))
			tx.Put(key(p, "empty"), nil)
			tx.Add(key(p, "n"), 40)
		}
	})
	s = reopen(s)
	update(t, s, func(tx store.Tx) {
		tx.Add(key("a", "n"), 2)
		tx.Clear([]byte("b"))
		tx.Delete(key("a", "empty"))
	})
	if err := s.DropPrefix(context.Background(), []byte("dom/")); err != nil {
		t.Fatal(err)
	}
	s = reopen(s)
	s = reopen(s)
	recs, err := s.ScanPrefix(context.Background(), nil, store.Key{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "records", show(recs), "a/k=va ")
	for p, n := range map[string]int64{"a": 42, "b": 0, "dom/c": 0, "dom/d": 0} {
		want(t, "counter of "+p, readCount(t, s, p, "n"), n)
	}
	wantError(t, "Close", s.Close(), nil)
}

func testReopenModel(t *testing.T, reopen func(store.Store) store.Store) {
	c := &chance{Rand: seeded(t)}
	m := newModel()
	s := reopen(nil)
	for range 8 {
		for range 20 {
			next := m.clone()
			update(t, s, func(tx store.Tx) {
				next = m.clone()
				for range 1 + c.IntN(30) {
					c.step(t, tx, next)
				}
			})
			m = next
		}
		errGiveUp := errors.New("give up")
		err := s.Update(context.Background(), func(tx store.Tx) error {
			tx.Clear([]byte("a"))
			return errGiveUp
		})
		wantError(t, "Update", err, errGiveUp)
		s = reopen(s)
		view(t, s, func(r store.Reader) {
			for range 50 {
				c.question(t, r, m)
			}
		})
	}
	recs, err := s.ScanPrefix(context.Background(), nil, store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "all records", show(recs), m.all(""))
	wantError(t, "Close", s.Close(), nil)
}

func testSurviveLargest(t *testing.T, reopen func(store.Store) store.Store) {
	const n = store.MaxTx/store.MaxValue - 1
	value := strings.Repeat("v", store.MaxValue)
	s := reopen(nil)
	update(t, s, func(tx store.Tx) {
		for i := range n {
			tx.Put(key(fmt.Sprint("p", i), "k"), []byte(value))
		}
	})
	s = reopen(s)
	for i := range n {
		want(t, "value is whole", read(t, s, fmt.Sprint("p", i), "k") == value, true)
	}
	wantError(t, "Close", s.Close(), nil)
}
