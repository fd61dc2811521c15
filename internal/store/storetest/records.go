package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"kindred/internal/store"
)

func testAbsentAndEmpty(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) {
		tx.Put(key("p", "empty"), []byte{})
		tx.Put(key("p", "nil"), nil)
	})
	view(t, s, func(r store.Reader) {
		v, err := r.Get(context.Background(), key("p", "empty"), key("p", "nil"), key("p", "none"), key("q", "none"))
		if err != nil {
			panic(cut{err})
		}
		for i, stored := range []bool{true, true, false, false} {
			want(t, fmt.Sprintf("value %d is there", i), v[i] != nil, stored)
			want(t, "its length", len(v[i]), 0)
		}
		want(t, "records", len(scan(t, r, all("p"))), 2)
		want(t, "records of an absent partition", len(scan(t, r, all("q"))), 0)
		want(t, "absent counter", count(t, r, "q", "none"), int64(0))
	})
}

func testOrderOfAnswers(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) {
		for _, p := range []string{"a", "b", "c"} {
			tx.Put(key(p, "1"), []byte(p+"1"))
			tx.Put(key(p, "2"), []byte(p+"2"))
			tx.Add(key(p, "1"), int64(p[0]))
		}
	})
	view(t, s, func(r store.Reader) {
		ctx := context.Background()
		v, err := r.Get(ctx, key("c", "2"), key("a", "9"), key("a", "1"), key("c", "1"), key("a", "1"))
		if err != nil {
			panic(cut{err})
		}
		want(t, "values", fmt.Sprintf("%s", v), "[c2  a1 c1 a1]")
		spans, err := r.Scan(ctx, all("b"), all("x"), all("a"), all("b"))
		if err != nil {
			panic(cut{err})
		}
		want(t, "spans", len(spans), 4)
		want(t, "1st", show(spans[0]), "b/1=b1 b/2=b2 ")
		want(t, "2nd", show(spans[1]), "")
		want(t, "3rd", show(spans[2]), "a/1=a1 a/2=a2 ")
		want(t, "4th", show(spans[3]), "b/1=b1 b/2=b2 ")
		n, err := r.Count(ctx, key("c", "1"), key("c", "2"), key("a", "1"))
		if err != nil {
			panic(cut{err})
		}
		want(t, "counts", fmt.Sprint(n), "[99 0 97]")
		none, err := r.Get(ctx)
		want(t, "Get of nothing", fmt.Sprint(none, err), "[] <nil>")
	})
}

// oddKeys are key parts that an encoding of keys may get wrong.
var oddKeys = []string{
	"\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "\x01\x00", "\x02", "a", "a\x00", "a\x00\x00",
	"a\x00\x01", "a\x00\x02b", "a\x00\xff", "a\x01", "ab", "a\xff", "a\xff\x00", "\xfe\xff", "\xff", "\xff\x00", "\xff\xff",
	"'", `"`, `\`, "%", "_", "é", "\xc3\x28", strings.Repeat("\x00", store.MaxPartition), strings.Repeat("\xff", store.MaxPartition),
}

func testOddKeys(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) {
		for i, p := range oddKeys {
			for j, q := range oddKeys {
				tx.Put(key(p, q), fmt.Appendf(nil, "%d %d \x00\xff", i, j))
				tx.Add(key(p, q), int64(i*1000+j))
			}
		}
	})
	view(t, s, func(r store.Reader) {
		for i, p := range oddKeys {
			for j, q := range oddKeys {
				want(t, fmt.Sprintf("%x/%x", p, q), get(t, r, p, q), fmt.Sprintf("%d %d \x00\xff", i, j))
				want(t, fmt.Sprintf("counter %x/%x", p, q), count(t, r, p, q), int64(i*1000+j))
			}
			records := scan(t, r, all(p))
			want(t, fmt.Sprintf("records of %x", p), len(records), len(oddKeys))
			for j := range records {
				want(t, "partition", string(records[j].Key.Partition), p)
				if j > 0 && bytes.Compare(records[j-1].Key.Sort, records[j].Key.Sort) >= 0 {
					t.Fatalf("%x before %x", records[j-1].Key.Sort, records[j].Key.Sort)
				}
			}
		}
	})
	records, err := s.ScanPrefix(context.Background(), nil, store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "records of all partitions", len(records), len(oddKeys)*len(oddKeys))
	for j := 1; j < len(records); j++ {
		if a, b := records[j-1].Key, records[j].Key; compareKeys(a, b) >= 0 {
			t.Fatalf("%x before %x", a, b)
		}
	}
}

func compareKeys(a, b store.Key) int {
	if c := bytes.Compare(a.Partition, b.Partition); c != 0 {
		return c
	}
	return bytes.Compare(a.Sort, b.Sort)
}

func testAnswersBelongToReader(t *testing.T, s store.Store) {
	put(t, s, "p", "a", "one")
	scribble := func(r store.Reader) {
		v, err := r.Get(context.Background(), key("p", "a"))
		if err != nil {
			panic(cut{err})
		}
		copy(v[0], "xxx")
		v[0] = append(v[0], "yyy"...)
		rec := scan(t, r, all("p"))
		copy(rec[0].Value, "xxx")
		copy(rec[0].Key.Sort, "x")
		copy(rec[0].Key.Partition, "x")
	}
	view(t, s, func(r store.Reader) {
		scribble(r)
		want(t, "stored", show(scan(t, r, all("p"))), "p/a=one ")
	})
	update(t, s, func(tx store.Tx) {
		tx.Put(key("p", "a"), []byte("two"))
		scribble(tx)
		want(t, "written", show(scan(t, tx, all("p"))), "p/a=two ")
	})
	want(t, "after all", read(t, s, "p", "a"), "two")
	// A key's memory may be used again after a read.
	k := key("p", "a")
	update(t, s, func(tx store.Tx) {
		if _, err := tx.Get(context.Background(), k); err != nil {
			t.Fatal(err)
		}
		k.Partition[0] = 'q'
		tx.Clear([]byte("p"))
	})
	want(t, "cleared", read(t, s, "p", "a"), "<nil>")
}

func testNeighbours(t *testing.T, s store.Store) {
	partitions := []string{"a", "a\x00", "a\x00\x01", "a\x01", "aa", "b", "`", "a\xff"}
	update(t, s, func(tx store.Tx) {
		for _, p := range partitions {
			tx.Put(key(p, "k"), []byte(p))
		}
	})
	view(t, s, func(r store.Reader) {
		for _, p := range partitions {
			for _, reverse := range []bool{false, true} {
				for _, bounds := range [][2]string{{"", ""}, {"k", ""}, {"", "l"}, {"a", "z"}} {
					span := store.Span{Partition: []byte(p), Start: []byte(bounds[0]), End: []byte(bounds[1]), Reverse: reverse, Limit: 9}
					want(t, fmt.Sprintf("%q reverse %v", p, reverse), show(scan(t, r, span)), p+"/k="+p+" ")
				}
			}
		}
	})
}

func testScan(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) {
		for _, k := range []string{"a", "b", "b\x00", "c", "d", "d\xff"} {
			tx.Put(key("p", k), []byte("v"))
			tx.Add(key("p", k), 7) // counters are no records
		}
		tx.Add(key("p", "aa"), 1)
		tx.Add(key("counters only", "a"), 1)
	})
	for _, c := range []struct {
		start, end string
		reverse    bool
		limit      int
		want       string
	}{
		{"", "", false, 10, "a b b\x00 c d d\xff"},
		{"", "", true, 10, "d\xff d c b\x00 b a"},
		{"", "", false, 2, "a b"},
		{"", "", true, 2, "d\xff d"},
		{"b", "", false, 10, "b b\x00 c d d\xff"},
		{"b", "", true, 10, "d\xff d c b\x00 b"},
		{"b\x00", "d", false, 10, "b\x00 c"},
		{"b\x00", "d", true, 10, "c b\x00"},
		{"", "b", false, 10, "a"},
		{"", "b\x00", true, 1, "b"},
		{"", "a", false, 10, ""},
		{"", "a", true, 10, ""},
		{"d\xff\x00", "", false, 10, ""},
		{"d\xff\x00", "", true, 10, ""},
		{"c", "c", false, 10, ""},
		{"c", "c", true, 10, ""},
		{"c", "b", false, 10, ""},
		{"c", "b", true, 10, ""},
		{"e", "", true, 10, ""},
		{"", "z", true, 3, "d\xff d c"},
		{"c", "c\x00", false, 10, "c"},
	} {
		view(t, s, func(r store.Reader) {
			span := store.Span{Partition: []byte("p"), Start: []byte(c.start), End: []byte(c.end), Reverse: c.reverse, Limit: c.limit}
			var got []string
			for _, rec := range scan(t, r, span) {
				got = append(got, string(rec.Key.Sort))
			}
			want(t, fmt.Sprintf("%q to %q reverse %v limit %d", c.start, c.end, c.reverse, c.limit), strings.Join(got, " "), c.want)
		})
	}
	view(t, s, func(r store.Reader) {
		want(t, "a partition of counters", len(scan(t, r, all("counters only"))), 0)
	})
}

func testScanLimit(t *testing.T, s store.Store) {
	const n = store.MaxScan + 5
	update(t, s, func(tx store.Tx) {
		for i := range n {
			tx.Put(key("p", fmt.Sprintf("%06d", i)), []byte("v"))
		}
	})
	first := func(recs []store.Record) string { return string(recs[0].Key.Sort) }
	last := func(recs []store.Record) string { return string(recs[len(recs)-1].Key.Sort) }
	view(t, s, func(r store.Reader) {
		span := all("p")
		recs := scan(t, r, span)
		want(t, "records", len(recs), store.MaxScan)
		want(t, "last", last(recs), fmt.Sprintf("%06d", store.MaxScan-1))
		span.Start = append(recs[len(recs)-1].Key.Sort, 0)
		want(t, "next", first(scan(t, r, span)), fmt.Sprintf("%06d", store.MaxScan))
	})
	// Deleting in the update must not shorten the answer.
	update(t, s, func(tx store.Tx) {
		for i := range 5 {
			tx.Delete(key("p", fmt.Sprintf("%06d", 2*i)))
		}
		recs := scan(t, tx, all("p"))
		want(t, "records", len(recs), store.MaxScan)
		want(t, "first", first(recs), "000001")
		want(t, "last", last(recs), fmt.Sprintf("%06d", n-1))
	})
}

func testBounds(t *testing.T, s store.Store) {
	ctx := context.Background()
	long := func(n int) []byte { return bytes.Repeat([]byte{'x'}, n) }
	keys := []struct {
		what string
		key  store.Key
		want error
	}{
		{"empty partition", store.Key{Sort: []byte("s")}, store.ErrInvalid},
		{"empty sort key", store.Key{Partition: []byte("p")}, store.ErrInvalid},
		{"long partition", store.Key{Partition: long(store.MaxPartition + 1), Sort: []byte("s")}, store.ErrTooLarge},
		{"long sort key", store.Key{Partition: []byte("p"), Sort: long(store.MaxSort + 1)}, store.ErrTooLarge},
		{"keys at their bounds", store.Key{Partition: long(store.MaxPartition), Sort: long(store.MaxSort)}, nil},
	}
	for _, c := range keys {
		wantError(t, "Get, "+c.what, s.View(ctx, func(r store.Reader) error { _, err := r.Get(ctx, c.key); return err }), c.want)
		wantError(t, "Count, "+c.what, s.View(ctx, func(r store.Reader) error { _, err := r.Count(ctx, c.key); return err }), c.want)
		for what, write := range map[string]func(store.Tx){
			"Put":    func(tx store.Tx) { tx.Put(c.key, []byte("v")) },
			"Delete": func(tx store.Tx) { tx.Delete(c.key) },
			"Add":    func(tx store.Tx) { tx.Add(c.key, 1) },
		} {
			err := s.Update(ctx, func(tx store.Tx) error {
				tx.Put(key("beside", what+c.what), []byte("v"))
				write(tx)
				return nil
			})
			wantError(t, what+", "+c.what, err, c.want)
			want(t, "the write beside it is there", read(t, s, "beside", what+c.what) == "v", c.want == nil)
		}
	}
	for _, c := range keys {
		if len(c.key.Sort) == 0 || len(c.key.Sort) > store.MaxSort {
			continue
		}
		wantError(t, "Clear, "+c.what, s.Update(ctx, func(tx store.Tx) error { tx.Clear(c.key.Partition); return nil }), c.want)
		span := store.Span{Partition: c.key.Partition, Limit: 1}
		wantError(t, "Scan, "+c.what, s.View(ctx, func(r store.Reader) error { _, err := r.Scan(ctx, span); return err }), c.want)
	}
	for limit, wanted := range map[int]error{-1: store.ErrInvalid, 0: store.ErrInvalid, 1: nil, store.MaxScan: nil, store.MaxScan + 1: store.ErrTooLarge} {
		span := store.Span{Partition: []byte("p"), Limit: limit}
		wantError(t, fmt.Sprint("Scan, limit ", limit), s.View(ctx, func(r store.Reader) error { _, err := r.Scan(ctx, span); return err }), wanted)
		_, err := s.ScanPrefix(ctx, []byte("p"), store.Key{}, limit)
		wantError(t, fmt.Sprint("ScanPrefix, limit ", limit), err, wanted)
		_, err = s.ScanCounters(ctx, []byte("p"), store.Key{}, limit)
		wantError(t, fmt.Sprint("ScanCounters, limit ", limit), err, wanted)
	}
	wantError(t, "DropPrefix, empty", s.DropPrefix(ctx, nil), store.ErrInvalid)
	wantError(t, "DropPrefix, long", s.DropPrefix(ctx, long(store.MaxPartition+1)), store.ErrTooLarge)
	_, err := s.ScanPrefix(ctx, long(store.MaxPartition+1), store.Key{}, 1)
	wantError(t, "ScanPrefix, long", err, store.ErrTooLarge)
	_, err = s.ScanPrefix(ctx, nil, store.Key{Partition: []byte("p")}, 1)
	wantError(t, "ScanPrefix after half a key", err, store.ErrInvalid)
	_, err = s.ScanCounters(ctx, long(store.MaxPartition+1), store.Key{}, 1)
	wantError(t, "ScanCounters, long", err, store.ErrTooLarge)
	_, err = s.ScanCounters(ctx, nil, store.Key{Partition: []byte("p")}, 1)
	wantError(t, "ScanCounters after half a key", err, store.ErrInvalid)
}

func testTransactionBounds(t *testing.T, s store.Store) {
	ctx := context.Background()
	value := bytes.Repeat([]byte{'v'}, store.MaxValue)
	err := s.Update(ctx, func(tx store.Tx) error { tx.Put(key("p", "a"), append(value, 'v')); return nil })
	wantError(t, "a value over its bound", err, store.ErrTooLarge)
	const fit = store.MaxTx/store.MaxValue - 1 // keys count too
	fill := func(n int) error {
		return s.Update(ctx, func(tx store.Tx) error {
			for i := range n {
				tx.Put(key("p", fmt.Sprint(i)), value)
				tx.Put(key("p", fmt.Sprint(i)), value) // the same once more is not more
			}
			return nil
		})
	}
	wantError(t, "a transaction over its bound", fill(fit+1), store.ErrTooLarge)
	view(t, s, func(r store.Reader) { want(t, "records", len(scan(t, r, all("p"))), 0) })
	wantError(t, "a transaction at its bound", fill(fit), nil)
	view(t, s, func(r store.Reader) {
		want(t, "a value of the largest size", get(t, r, "p", "0") == string(value), true)
		want(t, "the last one", get(t, r, "p", fmt.Sprint(fit-1)) == string(value), true)
	})
}

func testFailedUpdate(t *testing.T, s store.Store) {
	put(t, s, "p", "a", "one")
	errMine := errors.New("mine")
	err := s.Update(context.Background(), func(tx store.Tx) error {
		tx.Put(key("p", "a"), []byte("two"))
		tx.Put(key("q", "b"), []byte("two"))
		tx.Add(key("p", "n"), 5)
		tx.Clear([]byte("r"))
		return fmt.Errorf("wrapped: %w", errMine)
	})
	wantError(t, "Update", err, errMine)
	want(t, "a", read(t, s, "p", "a"), "one")
	want(t, "b", read(t, s, "q", "b"), "<nil>")
	want(t, "n", readCount(t, s, "p", "n"), int64(0))
	err = s.View(context.Background(), func(store.Reader) error { return errMine })
	wantError(t, "View", err, errMine)
}

func testPanic(t *testing.T, s store.Store) {
	try := func(call func() error) {
		defer func() { want(t, "recovered", recover(), any("boom")) }()
		t.Fatal(call())
	}
	ctx := context.Background()
	try(func() error {
		return s.Update(ctx, func(tx store.Tx) error {
			tx.Put(key("p", "a"), []byte("v"))
			get(t, tx, "p", "b")
			panic("boom")
		})
	})
	try(func() error { return s.View(ctx, func(r store.Reader) error { get(t, r, "p", "a"); panic("boom") }) })
	want(t, "a", read(t, s, "p", "a"), "<nil>")
	put(t, s, "p", "a", "later")
	want(t, "a", read(t, s, "p", "a"), "later")
}

func testNow(t *testing.T, s store.Store) {
	update(t, s, func(tx store.Tx) {
		now := tx.Now()
		want(t, "location", now.Location(), time.UTC)
		want(t, "below a microsecond", now.Nanosecond()%1000, 0)
		want(t, "it is a time", now.IsZero(), false)
		want(t, "the second call", tx.Now(), now)
	})
}

// testPutNew: what is believed of a record makes no difference to what is stored.
func testPutNew(t *testing.T, s store.Store) {
	put(t, s, "p", "there", "old")
	put(t, s, "p", "gone", "old")
	put(t, s, "cleared", "there", "old")
	update(t, s, func(tx store.Tx) {
		tx.PutNew(key("p", "new"), []byte("1"))
		tx.PutNew(key("p", "there"), []byte("2"))
		tx.Delete(key("p", "gone"))
		tx.PutNew(key("p", "gone"), []byte("3"))
		tx.PutNew(key("p", "twice"), []byte("no"))
		tx.PutNew(key("p", "twice"), nil)
		tx.PutNew(key("p", "then put"), []byte("no"))
		tx.Put(key("p", "then put"), []byte("4"))
		tx.PutNew(key("p", "then deleted"), []byte("no"))
		tx.Delete(key("p", "then deleted"))
		tx.Clear([]byte("cleared"))
		tx.PutNew(key("cleared", "there"), []byte("5"))
		tx.PutNew(key("q", "new"), []byte("6"))
		want(t, "within the run", get(t, tx, "p", "there"), "2")
	})
	view(t, s, func(r store.Reader) {
		want(t, "p", show(scan(t, r, all("p"))), "p/gone=3 p/new=1 p/then put=4 p/there=2 p/twice= ")
		want(t, "cleared", show(scan(t, r, all("cleared"))), "cleared/there=5 ")
		want(t, "q", show(scan(t, r, all("q"))), "q/new=6 ")
	})
	// Of many who believe that they are the first, each has its way, one after the other.
	const goroutines = 16
	together(goroutines, func(i int) {
		update(t, s, func(tx store.Tx) {
			tx.PutNew(key("many", "one"), []byte(strconv.Itoa(i)))
			tx.PutNew(key("many", "of "+strconv.Itoa(i)), nil)
			tx.Add(key("many", "n"), 1)
		})
	})
	view(t, s, func(r store.Reader) {
		want(t, "records", len(scan(t, r, all("many"))), goroutines+1)
		want(t, "updates", count(t, r, "many", "n"), int64(goroutines))
	})
}
