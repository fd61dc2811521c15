package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"kindred/internal/store"
)

func testClear(t *testing.T, s store.Store) {
	for _, n := range []int{0, 1, 20, 3000} {
		update(t, s, func(tx store.Tx) {
			for _, p := range []string{"a", "a\x00", "b", "c"} {
				tx.Put(key(p, "k"), []byte("v"))
				tx.Add(key(p, "k"), 3)
			}
			for i := range n {
				tx.Put(key("b", fmt.Sprint(i)), []byte("v"))
				tx.Add(key("b", fmt.Sprint(i)), 1)
			}
		})
		update(t, s, func(tx store.Tx) { tx.Clear([]byte("b")) })
		view(t, s, func(r store.Reader) {
			want(t, "records", len(scan(t, r, all("b"))), 0)
			want(t, "a record", get(t, r, "b", "k"), "<nil>")
			want(t, "a counter", count(t, r, "b", "k"), int64(0))
			want(t, "another counter", count(t, r, "b", "0"), int64(0))
			for _, p := range []string{"a", "a\x00", "c"} {
				want(t, p, get(t, r, p, "k"), "v")
				want(t, "counter of "+p, count(t, r, p, "k") > 0, true)
			}
		})
		put(t, s, "b", "again", "v")
		view(t, s, func(r store.Reader) { want(t, "records", show(scan(t, r, all("b"))), "b/again=v ") })
	}
}

// testBlindClear lets records appear between the run that clears and its commit.
func testBlindClear(t *testing.T, s store.Store) {
	put(t, s, "p", "a", "v")
	first := true
	update(t, s, func(tx store.Tx) {
		tx.Clear([]byte("p"))
		get(t, tx, "elsewhere", "x") // so that the snapshot is taken now
		tx.Put(key("p", "kept"), []byte("v"))
		if first {
			first = false
			update(t, s, func(tx store.Tx) {
				tx.Put(key("p", "b"), []byte("v"))
				tx.Add(key("p", "n"), 4)
			})
		}
	})
	view(t, s, func(r store.Reader) {
		want(t, "records", show(scan(t, r, all("p"))), "p/kept=v ")
		want(t, "counter", count(t, r, "p", "n"), int64(0))
	})
}

func testScanPrefix(t *testing.T, s store.Store) {
	partitions := []string{"a", "ab", "ab\x00", "ab\x00\x01", "ab\x01", "abc", "ab\xff", "ac", "b", "\xff", "\xff\xff"}
	update(t, s, func(tx store.Tx) {
		for _, p := range partitions {
			for _, k := range []string{"1", "2", "3"} {
				tx.Put(key(p, k), []byte("v"))
				tx.Add(key(p, k), 1)
			}
		}
		tx.Add(key("abb", "counters only"), 1)
	})
	ctx := context.Background()
	walk := func(prefix string, limit int) (out []string) {
		var after store.Key
		for {
			recs, err := s.ScanPrefix(ctx, []byte(prefix), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(recs) > limit {
				t.Fatalf("%d records for a limit of %d", len(recs), limit)
			}
			for _, r := range recs {
				out = append(out, fmt.Sprintf("%q/%s", r.Key.Partition, r.Key.Sort))
				want(t, "value", string(r.Value), "v")
			}
			if len(recs) < limit {
				return out
			}
			after = recs[len(recs)-1].Key
		}
	}
	for prefix, under := range map[string][]string{
		"":         {"a", "ab", "ab\x00", "ab\x00\x01", "ab\x01", "abc", "ab\xff", "ac", "b", "\xff", "\xff\xff"},
		"a":        {"a", "ab", "ab\x00", "ab\x00\x01", "ab\x01", "abc", "ab\xff", "ac"},
		"ab":       {"ab", "ab\x00", "ab\x00\x01", "ab\x01", "abc", "ab\xff"},
		"ab\x00":   {"ab\x00", "ab\x00\x01"},
		"ab\xff":   {"ab\xff"},
		"\xff":     {"\xff", "\xff\xff"},
		"\xff\xff": {"\xff\xff"},
		"abb":      nil,
		"zz":       nil,
		"\x00":     nil,
	} {
		var wanted []string
		for _, p := range under {
			for _, k := range []string{"1", "2", "3"} {
				wanted = append(wanted, fmt.Sprintf("%q/%s", p, k))
			}
		}
		for _, limit := range []int{1, 2, 7, store.MaxScan} {
			want(t, fmt.Sprintf("prefix %q limit %d", prefix, limit), fmt.Sprint(walk(prefix, limit)), fmt.Sprint(wanted))
		}
	}
	// After need not exist, nor start with the prefix.
	for _, c := range []struct {
		prefix string
		after  store.Key
		want   string
	}{
		{"ab", key("a", "1"), "ab/1=v "},
		{"ab", key("ab", "15"), "ab/2=v "},
		{"ab", key("ab", "9"), "ab\x00/1=v "},
		{"ab", key("ac", "1"), ""},
		{"", key("\xff\xff", "3"), ""},
	} {
		recs, err := s.ScanPrefix(ctx, []byte(c.prefix), c.after, 1)
		if err != nil {
			t.Fatal(err)
		}
		want(t, fmt.Sprintf("%q after %q", c.prefix, c.after), show(recs), c.want)
	}
}

func testScanCounters(t *testing.T, s store.Store) {
	partitions := []string{"a", "ab", "ab\x00", "ab\x00\x01", "ab\x01", "abc", "ab\xff", "b", "\xff", "\xff\xff"}
	for round := range 3 { // several commits, and so several rows where an engine adds rows up
		update(t, s, func(tx store.Tx) {
			for i, p := range partitions {
				tx.Put(key(p, "1"), []byte("no counter"))
				tx.Put(key(p, "9"), []byte("no counter"))
				for k := range 3 {
					tx.Add(key(p, fmt.Sprint(k)), int64(100*i+10*k+round))
				}
				tx.Add(key(p, "back to 0"), int64(1-round))
			}
			tx.Put(key("abb", "records only"), nil)
			tx.Add(key("gone", "n"), 7)
		})
	}
	update(t, s, func(tx store.Tx) { tx.Clear([]byte("gone")) })
	walk := func(prefix string, after store.Key, limit int) (out []string) {
		for {
			list, err := s.ScanCounters(context.Background(), []byte(prefix), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) > limit {
				t.Fatalf("%d counters for a limit of %d", len(list), limit)
			}
			for _, c := range list {
				out = append(out, fmt.Sprintf("%q/%s=%d", c.Key.Partition, c.Key.Sort, c.N))
			}
			if len(list) < limit {
				return out
			}
			after = list[len(list)-1].Key
		}
	}
	for _, prefix := range []string{"", "a", "ab", "ab\x00", "ab\xff", "\xff", "\xff\xff", "abb", "zz", "\x00"} {
		var wanted []string
		for i, p := range partitions {
			if strings.HasPrefix(p, prefix) {
				for k := range 3 {
					wanted = append(wanted, fmt.Sprintf("%q/%d=%d", p, k, 3*(100*i+10*k)+3))
				}
			}
		}
		for _, limit := range []int{1, 2, 7, store.MaxScan} {
			want(t, fmt.Sprintf("prefix %q limit %d", prefix, limit), fmt.Sprint(walk(prefix, store.Key{}, limit)), fmt.Sprint(wanted))
		}
	}
	want(t, "after a key before the prefix", walk("ab", key("a", "9"), 1)[0], `"ab"/0=303`)
	want(t, "after a key that is not there", walk("ab", key("ab", "15"), 1)[0], `"ab"/2=363`)
	want(t, "after a key behind the prefix", len(walk("ab", key("ac", "1"), 1)), 0)
}

func testDropPrefix(t *testing.T, s store.Store) {
	ctx := context.Background()
	partitions := []string{"a", "a\x00", "a\x00b", "a\x01", "aa", "b", "\xfe", "\xff", "\xff\xff", "\xff\xffz"}
	for _, c := range []struct {
		prefix  string
		dropped map[string]bool
	}{
		{"a\x00", map[string]bool{"a\x00": true, "a\x00b": true}},
		{"a", map[string]bool{"a": true, "a\x00": true, "a\x00b": true, "a\x01": true, "aa": true}},
		{"\xff\xff", map[string]bool{"\xff\xff": true, "\xff\xffz": true}},
		{"\xff", map[string]bool{"\xff": true, "\xff\xff": true, "\xff\xffz": true}},
		{"none", nil},
	} {
		update(t, s, func(tx store.Tx) {
			for _, p := range partitions {
				tx.Clear([]byte(p))
				tx.Put(key(p, "k"), []byte("v"))
				tx.Add(key(p, "n"), 2)
			}
		})
		if err := s.DropPrefix(ctx, []byte(c.prefix)); err != nil {
			t.Fatal(err)
		}
		if err := s.DropPrefix(ctx, []byte(c.prefix)); err != nil {
			t.Fatalf("again: %v", err)
		}
		for _, p := range partitions {
			value, n := "v", int64(2)
			if c.dropped[p] {
				value, n = "<nil>", 0
			}
			want(t, fmt.Sprintf("%q after dropping %q", p, c.prefix), read(t, s, p, "k"), value)
			want(t, fmt.Sprintf("counter of %q", p), readCount(t, s, p, "n"), n)
		}
		update(t, s, func(tx store.Tx) { tx.Add(key("a", "n"), 1) })
		n := int64(3)
		if c.dropped["a"] {
			n = 1
		}
		want(t, "counter after adding", readCount(t, s, "a", "n"), n)
	}
}

// testExpunge expunges in the midst of writing: what engines promise beyond that
// is about their files and tested beside them.
func testExpunge(t *testing.T, s store.Store) {
	ctx := context.Background()
	partitions := []string{"a", "a\x00", "a\x00b", "aa", "b", "\xff", "\xff\xff"}
	for round := range 3 {
		for _, prefix := range []string{"a\x00", "a", "\xff", "none"} {
			update(t, s, func(tx store.Tx) {
				for _, p := range partitions {
					tx.Clear([]byte(p))
					tx.Put(key(p, "k"), fmt.Append(nil, prefix, round))
					tx.Put(key(p, "gone"), []byte("v"))
					tx.Add(key(p, "n"), 2)
				}
			})
			update(t, s, func(tx store.Tx) {
				for _, p := range partitions {
					tx.Delete(key(p, "gone"))
					tx.Add(key(p, "n"), int64(round))
				}
			})
			wantError(t, "Expunge", s.Expunge(ctx, []byte(prefix)), nil)
			for _, p := range partitions {
				want(t, fmt.Sprintf("%q", p), read(t, s, p, "k"), fmt.Sprint(prefix, round))
				want(t, fmt.Sprintf("removed from %q", p), read(t, s, p, "gone"), "<nil>")
				want(t, fmt.Sprintf("counter of %q", p), readCount(t, s, p, "n"), int64(2+round))
			}
		}
	}
	wantError(t, "Expunge of everything", s.Expunge(ctx, nil), store.ErrInvalid)
}

func testDropPrefixConflicts(t *testing.T, s store.Store) {
	put(t, s, "dom/a", "k", "v")
	runs := 0
	update(t, s, func(tx store.Tx) {
		runs++
		seen := get(t, tx, "dom/a", "k")
		if runs == 1 {
			if err := s.DropPrefix(context.Background(), []byte("dom/")); err != nil {
				t.Fatal(err)
			}
		}
		tx.Put(key("log", "seen"), []byte(seen))
	})
	want(t, "what the committed run saw", read(t, s, "log", "seen"), "<nil>")
}

func testCounters(t *testing.T, s store.Store) {
	for _, delta := range []int64{1, 41, -50, 1 << 40, -(1 << 40), 0} {
		update(t, s, func(tx store.Tx) {
			tx.Add(key("p", "n"), delta)
			tx.Put(key("p", "n"), []byte("a record of that name"))
		})
	}
	want(t, "sum", readCount(t, s, "p", "n"), int64(-8))
	want(t, "the record", read(t, s, "p", "n"), "a record of that name")
	update(t, s, func(tx store.Tx) { tx.Delete(key("p", "n")) })
	want(t, "the sum is not the record", readCount(t, s, "p", "n"), int64(-8))
	update(t, s, func(tx store.Tx) {
		tx.Add(key("p", "n"), 5)
		want(t, "own", count(t, tx, "p", "n"), int64(-3))
		tx.Add(key("p", "n"), 6)
		want(t, "own", count(t, tx, "p", "n"), int64(3))
		tx.Clear([]byte("p"))
		want(t, "own, cleared", count(t, tx, "p", "n"), int64(0))
		tx.Add(key("p", "n"), 2)
		want(t, "own, cleared and added to", count(t, tx, "p", "n"), int64(2))
	})
	want(t, "after clear and add", readCount(t, s, "p", "n"), int64(2))
}

func testCountersDoNotConflict(t *testing.T, s store.Store) {
	put(t, s, "p", "k", "v")
	runs := 0
	update(t, s, func(tx store.Tx) {
		runs++
		get(t, tx, "p", "k")
		scan(t, tx, all("p"))
		count(t, tx, "p", "n")
		if runs == 1 {
			update(t, s, func(tx store.Tx) { tx.Add(key("p", "n"), 1) })
		}
		tx.Add(key("p", "n"), 1)
		tx.Put(key("p", "k"), []byte("w"))
	})
	want(t, "runs", runs, 1)
	want(t, "sum", readCount(t, s, "p", "n"), int64(2))
}

// testClearAndAdd keeps to one goroutine, so that the order is known, and mixes
// what an engine may keep in a cache with what removes it.
func testClearAndAdd(t *testing.T, s store.Store) {
	rng := seeded(t)
	model := map[string]int64{}
	for range 400 {
		p, n := fmt.Sprint("p", rng.IntN(3)), fmt.Sprint("n", rng.IntN(3))
		delta := rng.Int64N(100) - 50
		switch rng.IntN(8) {
		case 0:
			update(t, s, func(tx store.Tx) { tx.Clear([]byte(p)) })
			clearModel(model, p)
		case 1:
			update(t, s, func(tx store.Tx) {
				tx.Clear([]byte(p))
				tx.Add(key(p, n), delta)
			})
			clearModel(model, p)
			model[p+n] = delta
		case 2:
			if err := s.DropPrefix(context.Background(), []byte(p)); err != nil {
				t.Fatal(err)
			}
			clearModel(model, p)
		default:
			update(t, s, func(tx store.Tx) { tx.Add(key(p, n), delta) })
			model[p+n] += delta
		}
		want(t, p+n, readCount(t, s, p, n), model[p+n])
	}
}

func clearModel(model map[string]int64, partition string) {
	for k := range model {
		if k[:len(partition)] == partition {
			delete(model, k)
		}
	}
}
