package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/internal/store/pebblestore"
	"kindred/internal/store/pgstore/pgstoretest"
	"kindred/internal/store/pgstore/pgtest"
	"kindred/internal/transfer"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func key(partition, sort string) store.Key {
	return store.Key{Partition: []byte(partition), Sort: []byte(sort)}
}

func update(t testing.TB, s store.Store, fn func(store.Tx)) {
	t.Helper()
	if err := s.Update(context.Background(), func(tx store.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// fill writes odd keys and values of all sizes: more than a window of a copy holds.
func fill(t testing.TB, s store.Store) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	for range 12 {
		update(t, s, func(tx store.Tx) {
			for range 300 {
				p := fmt.Sprintf("p%d\x00%d", rng.IntN(9), rng.IntN(700))
				tx.Put(key(p, fmt.Sprint(rng.IntN(5))), []byte(strings.Repeat("v", rng.IntN(900))))
				if rng.IntN(3) == 0 {
					tx.Add(key(p, "n"), rng.Int64()-rng.Int64())
				}
			}
		})
	}
	update(t, s, func(tx store.Tx) {
		for _, p := range []string{"\x00", "\xff", "\xff\xff", "\xffcop", "\xffcopy\x00", "\xffcopz", "counters only"} {
			tx.Add(key(p, "\x00"), -1)
		}
		for _, p := range []string{"\x00", "\xff", "\xff\xff", "\xffcop", "\xffcopy\x00", "\xffcopz"} {
			tx.Put(key(p, "\xff"), nil)
		}
		tx.Put(key("large", "1"), make([]byte, store.MaxValue))
		tx.Put(key("large", "2"), make([]byte, store.MaxValue))
		tx.Add(key("nothing left", "n"), 5)
		tx.Add(key("nothing left", "n"), -5)
	})
}

// all is everything in a store as text.
func all(t testing.TB, s store.Store) string {
	t.Helper()
	records, err := s.ScanPrefix(context.Background(), nil, store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	counters, err := s.ScanCounters(context.Background(), nil, store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) == store.MaxScan || len(counters) == store.MaxScan {
		t.Fatal("more than this test compares")
	}
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%q/%q=%d:%.40q\n", r.Key.Partition, r.Key.Sort, len(r.Value), r.Value)
	}
	for _, c := range counters {
		fmt.Fprintf(&b, "%q/%q=%d\n", c.Key.Partition, c.Key.Sort, c.N)
	}
	return b.String()
}

func pebble(t testing.TB) store.Store {
	t.Helper()
	s, err := pebblestore.Open(t.TempDir(), pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func postgres(t testing.TB) store.Store {
	t.Helper()
	s := pgstoretest.Open(t, time.Now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestFromEngineToEngine: a chain of copies over all engines ends with what it began
// with, and each has the same digest.
func TestFromEngineToEngine(t *testing.T) {
	from := store.Store(memstore.New())
	fill(t, from)
	want, digest := all(t, from), ""
	if strings.Count(want, "\n") < 2000 {
		t.Fatal("there is not enough to copy")
	}
	for _, c := range []struct {
		engine string
		to     store.Store
	}{{"Pebble", pebble(t)}, {"PostgreSQL", postgres(t)}, {"Pebble again", pebble(t)}, {"memory", memstore.New()}} {
		r, err := (&transfer.Copy{From: from, To: c.to, Source: "before " + c.engine}).Run(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", c.engine, err)
		}
		if got := all(t, c.to); got != want {
			t.Fatalf("%s: the copy is not the source", c.engine)
		}
		if n := r.Records + r.Counters; n != int64(strings.Count(want, "\n")) || r.Resumed || digest != "" && r.Digest != digest {
			t.Errorf("%s: %+v, want the digest %s", c.engine, r, digest)
		}
		from, digest = c.to, r.Digest
	}
}

// fragile is a store that fails with its n-th update, before it or after it.
type fragile struct {
	store.Store
	left  atomic.Int64
	after bool
}

var errBroken = errors.New("broken")

func (f *fragile) Update(ctx context.Context, fn func(store.Tx) error) error {
	n := f.left.Add(-1)
	if n < 0 || n == 0 && !f.after {
		return errBroken
	}
	err := f.Store.Update(ctx, fn)
	if n == 0 && err == nil {
		err = store.ErrUnknownOutcome
	}
	return err
}

// TestInterrupted: a copy that is broken off after any number of updates, over and over
// again, comes to the same in the end. Nobody can take the destination into use before.
func TestInterrupted(t *testing.T) {
	ctx := context.Background()
	from := memstore.New()
	fill(t, from)
	want := all(t, from)
	for _, after := range []bool{false, true} {
		for _, each := range []int64{2, 3, 7} {
			to := memstore.New()
			resumed := 0
			for run := 0; ; run++ {
				if run > 200 {
					t.Fatal("the copy gets nowhere")
				}
				broken := &fragile{Store: to, after: after}
				broken.left.Store(each * int64(1+run/3)) // else it might never come to the end of a window
				r, err := (&transfer.Copy{From: from, To: broken, Source: "s"}).Run(ctx)
				if err == nil {
					if r.Resumed {
						resumed++
					}
					break
				}
				if !errors.Is(err, errBroken) && !errors.Is(err, store.ErrUnknownOutcome) && !errors.Is(err, transfer.ErrTakenOver) {
					t.Fatal(err)
				}
				if err := transfer.Finished(ctx, to); run > 0 && all(t, to) != want && !errors.Is(err, transfer.ErrUnfinished) {
					t.Fatalf("a part of a copy passes for the whole: %v", err)
				}
			}
			if all(t, to) != want || resumed == 0 {
				t.Errorf("broken off each %d updates (after %t): not the source; resumed %d times", each, after, resumed)
			}
			if err := transfer.Finished(ctx, to); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestDestinations: which destinations are taken.
func TestDestinations(t *testing.T) {
	ctx := context.Background()
	from := memstore.New()
	update(t, from, func(tx store.Tx) { tx.Put(key("p", "k"), []byte("v")); tx.Add(key("p", "n"), 3) })
	partly := func(source string) store.Store {
		to := memstore.New()
		other := memstore.New()
		update(t, other, func(tx store.Tx) { tx.Put(key("left", "over"), nil); tx.Add(key("left", "over"), 2) })
		broken := &fragile{Store: to}
		broken.left.Store(6)
		if _, err := (&transfer.Copy{From: other, To: broken, Source: source}).Run(ctx); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		return to
	}
	used := memstore.New()
	update(t, used, func(tx store.Tx) { tx.Put(key("mine", "k"), []byte("v")) })
	counted := memstore.New()
	update(t, counted, func(tx store.Tx) { tx.Add(key("mine", "k"), 1) })
	for _, c := range []struct {
		what    string
		from    store.Store
		to      store.Store
		restart bool
		want    error
	}{
		{"one that is empty", from, memstore.New(), false, nil},
		{"one that is empty, to begin anew", from, memstore.New(), true, nil},
		{"one in use", from, used, false, transfer.ErrNotEmpty},
		{"one in use, to begin anew", from, used, true, transfer.ErrNotEmpty},
		{"one with counters only", from, counted, false, transfer.ErrNotEmpty},
		{"a part of a copy of another", from, partly("another"), false, transfer.ErrOther},
		{"a part of a copy of another, to begin anew", from, partly("another"), true, nil},
		{"a part of a copy of the same that has changed", from, partly("s"), false, transfer.ErrDiffers},
		{"a part of a copy of the same, to begin anew", from, partly("s"), true, nil},
		{"from nothing", memstore.New(), memstore.New(), false, transfer.ErrNothing},
		{"from a part of a copy", partly("x"), memstore.New(), false, transfer.ErrUnfinished},
	} {
		before := all(t, c.to)
		_, err := (&transfer.Copy{From: c.from, To: c.to, Source: "s", Restart: c.restart}).Run(ctx)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if after := all(t, c.to); err == nil && after != all(t, from) || errors.Is(err, transfer.ErrNotEmpty) && after != before {
			t.Errorf("%s: holds %s", c.what, after)
		}
	}
}

// TestSourceInUse: what changes in the source behind the copy is found and named, by its
// key alone.
func TestSourceInUse(t *testing.T) {
	for what, change := range map[string]func(store.Tx){
		"a value":         func(tx store.Tx) { tx.Put(key("p", "1"), []byte("secret")) },
		"a new record":    func(tx store.Tx) { tx.Put(key("p", "11"), []byte("secret")) },
		"a record gone":   func(tx store.Tx) { tx.Delete(key("p", "1")) },
		"the last gone":   func(tx store.Tx) { tx.Delete(key("p", "2")) },
		"one at the end":  func(tx store.Tx) { tx.Put(key("p", "3"), nil) },
		"a counter":       func(tx store.Tx) { tx.Add(key("p", "1"), 1) },
		"a counter gone":  func(tx store.Tx) { tx.Add(key("p", "1"), -4) },
		"another counter": func(tx store.Tx) { tx.Add(key("p", "2"), 1) },
	} {
		from, to := memstore.New(), memstore.New()
		update(t, from, func(tx store.Tx) {
			tx.Put(key("p", "1"), []byte("before"))
			tx.Put(key("p", "2"), nil)
			tx.Add(key("p", "1"), 4)
		})
		copied := false
		c := &transfer.Copy{From: from, To: to, Source: "s"}
		c.Progress = func(p transfer.Progress) {
			if !copied && p.Counters > 0 {
				copied = true
				update(t, from, change)
			}
		}
		_, err := c.Run(context.Background())
		if !errors.Is(err, transfer.ErrDiffers) || !strings.Contains(err.Error(), "70/3") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", what, err)
		}
		if err := transfer.Finished(context.Background(), to); !errors.Is(err, transfer.ErrUnfinished) {
			t.Errorf("%s: the copy passes for one that is done: %v", what, err)
		}
		c.Restart = true
		if _, err := c.Run(context.Background()); err != nil || all(t, to) != all(t, from) {
			t.Errorf("%s, once more: %v", what, err)
		}
	}
}

// TestTakenOver: of two copies into one destination the first stops where the second
// begins, and what the second makes is whole.
func TestTakenOver(t *testing.T) {
	ctx := context.Background()
	from, to := memstore.New(), memstore.New()
	fill(t, from)
	second := make(chan error, 1)
	begun := false
	first := &transfer.Copy{From: from, To: to, Source: "s", Progress: func(p transfer.Progress) {
		if !begun && p.Records > 0 {
			begun = true
			_, err := (&transfer.Copy{From: from, To: to, Source: "s", Restart: true}).Run(ctx)
			second <- err
		}
	}}
	if _, err := first.Run(ctx); !errors.Is(err, transfer.ErrTakenOver) {
		t.Errorf("the first: %v", err)
	}
	if err := <-second; err != nil || all(t, to) != all(t, from) {
		t.Errorf("the second: %v", err)
	}
}

// TestCancelled: a copy that is told to stop stops, and says so.
func TestCancelled(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	fill(t, from)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &transfer.Copy{From: from, To: to, Source: "s", Progress: func(p transfer.Progress) {
		if p.Records > 0 {
			cancel()
		}
	}}
	if _, err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if err := transfer.Finished(context.Background(), to); !errors.Is(err, transfer.ErrUnfinished) {
		t.Error(err)
	}
}

// BenchmarkCopy copies records such as those of profiles between the embedded engine
// and PostgreSQL; the baseline writes the same number of bytes to a file.
func BenchmarkCopy(b *testing.B) {
	for _, c := range []struct {
		name string
		to   func(testing.TB) store.Store
	}{{"ToPebble", pebble}, {"ToPostgres", postgres}} {
		b.Run(c.name, func(b *testing.B) {
			from, to := pebble(b), c.to(b)
			value := []byte(strings.Repeat("value of a record ", 40))
			for i := 0; i < b.N; i += 500 {
				update(b, from, func(tx store.Tx) {
					for j := i; j < min(i+500, b.N); j++ {
						tx.Put(key(fmt.Sprintf("profile%09d", j/4), fmt.Sprint(j)), value)
					}
				})
			}
			b.ResetTimer()
			r, err := (&transfer.Copy{From: from, To: to, Source: "s"}).Run(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(r.Bytes / int64(b.N))
		})
	}
	b.Run("BaselineFile", func(b *testing.B) {
		f, err := os.CreateTemp(b.TempDir(), "")
		if err != nil {
			b.Fatal(err)
		}
		value := []byte(strings.Repeat("value of a record ", 41))
		b.SetBytes(int64(len(value)))
		for range b.N {
			if _, err := f.Write(value); err != nil {
				b.Fatal(err)
			}
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			b.Fatal(err)
		}
	})
}
