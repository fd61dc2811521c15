package storetest

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"kindred/internal/store"
)

// testSpansTogether asks for spans in all the orders in which one may follow
// another: adjacent, apart, overlapping, the same, forward and backward, cut short
// by their limit, of one partition and of its neighbours.
func testSpansTogether(t *testing.T, s store.Store) {
	rng, ctx := seeded(t), context.Background()
	update(t, s, func(tx store.Tx) {
		for _, p := range []string{"p", "p\x00", "q"} {
			for i := range 20 {
				if rng.IntN(3) > 0 {
					tx.Put(key(p, fmt.Sprintf("%02d", i)), []byte(p))
				}
			}
			tx.Add(key(p, "05"), 1)
		}
	})
	bound := func() []byte {
		if rng.IntN(8) == 0 {
			return nil
		}
		return fmt.Appendf(nil, "%02d", rng.IntN(21))
	}
	err := s.Update(ctx, func(tx store.Tx) error {
		for round := range 300 {
			if round == 150 { // half of it with writes of its own
				tx.Delete(key("p", "07"))
				tx.Put(key("p", "075"), nil)
				tx.Clear([]byte("q"))
				tx.Put(key("q", "11"), nil)
			}
			spans := make([]store.Span, 1+rng.IntN(5))
			for i := range spans {
				spans[i] = store.Span{Partition: []byte([]string{"p", "p", "p", "p\x00", "q", "r"}[rng.IntN(6)]), Start: bound(), End: bound(),
					Reverse: rng.IntN(5) == 0, Limit: 1 + rng.IntN(6)}
				if i > 0 && rng.IntN(2) == 0 {
					spans[i].Partition, spans[i].Start = spans[i-1].Partition, spans[i-1].End
				}
			}
			together, err := tx.Scan(ctx, spans...)
			if err != nil {
				return err
			}
			for i, span := range spans {
				alone, err := tx.Scan(ctx, span)
				if err != nil {
					return err
				}
				if len(alone[0])+len(together[i]) > 0 && !reflect.DeepEqual(alone[0], together[i]) {
					t.Fatalf("span %d of %+v: %v, alone %v", i, spans, together[i], alone[0])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testReadAgain reads one small record again and again, in updates, in views that
// began before and after, and after it was cleared and dropped: an engine that
// remembers it must not answer with what it was, nor a snapshot with what it is.
func testReadAgain(t *testing.T, s store.Store) {
	ctx := context.Background()
	read := func(r store.Reader) string {
		t.Helper()
		v, err := r.Get(ctx, key("p", "k"))
		if err != nil {
			panic(cut{err})
		}
		if v[0] == nil {
			return "none"
		}
		got := string(v[0])
		clear(v[0]) // the reader's to change
		return got
	}
	now := func() (got string) {
		view(t, s, func(r store.Reader) { got = read(r) })
		return got
	}
	for round, change := range []struct {
		want string
		do   func()
	}{
		{"1", func() { put(t, s, "p", "k", "1") }},
		{"2", func() { put(t, s, "p", "k", "2") }},
		{"2", func() { put(t, s, "p", "other", "") }},
		{"none", func() { update(t, s, func(tx store.Tx) { tx.Clear([]byte("p")) }) }},
		{"3", func() { put(t, s, "p", "k", "3") }},
		{"none", func() {
			if err := s.DropPrefix(ctx, []byte("p")); err != nil {
				t.Fatal(err)
			}
		}},
		{"4", func() { put(t, s, "p", "k", "4") }},
		{"none", func() { update(t, s, func(tx store.Tx) { tx.Delete(key("p", "k")) }) }},
	} {
		before := now()
		changed := false
		view(t, s, func(r store.Reader) {
			shows := before
			if changed { // the engine runs it again
				shows = change.want
			}
			if got := read(r); got != shows {
				t.Errorf("round %d: %s, then %s", round, shows, got)
			}
			if !changed {
				change.do()
				changed = true
			}
			for range 2 { // others have read the new one meanwhile
				if got := now(); got != change.want {
					t.Errorf("round %d: a new view reads %s, want %s", round, got, change.want)
				}
				if got := read(r); got != shows {
					t.Errorf("round %d: the snapshot had %s and has %s", round, shows, got)
				}
			}
		})
		update(t, s, func(tx store.Tx) {
			if got := read(tx); got != change.want {
				t.Errorf("round %d: an update reads %s, want %s", round, got, change.want)
			}
			tx.Put(key("p", "k"), []byte("own"))
			if got := read(tx); got != "own" {
				t.Errorf("round %d: an update reads %s of its own", round, got)
			}
			tx.Delete(key("p", "k"))
			if change.want != "none" {
				tx.Put(key("p", "k"), []byte(change.want))
			}
		})
	}
}
