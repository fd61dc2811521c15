package pgstore

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"kindred/internal/store"
	"kindred/internal/store/pgstore/pgtest"
)

// TestWhatWasReadIsComparedInPieces: an update that has read more keys than fit one
// statement commits while all is as it was, and runs again whichever of them changes,
// appears or goes.
func TestWhatWasReadIsComparedInPieces(t *testing.T) {
	ctx := context.Background()
	server := pgtest.Shared(t)
	s, err := Open(ctx, testConfig(t, server.URL(server.Database(t))), Options{Bits: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const keys, every = 10_000, 3 // of which each third is there
	long := bytes.Repeat([]byte{'s'}, 900)
	key := func(i int) store.Key {
		return store.Key{Partition: fmt.Append(nil, "p", i%7), Sort: fmt.Appendf(nil, "%s%05d", long, i)}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Update(ctx, func(tx store.Tx) error {
		for i := 0; i < keys; i += every {
			tx.Put(key(i), []byte("v"))
		}
		return nil
	}))
	var all []store.Key
	for i := range keys {
		all = append(all, key(i))
	}
	if keys*len(key(0).Sort)*2 < 3*maxStatement {
		t.Fatal("the keys fit too few statements")
	}
	for what, other := range map[string]func(store.Tx){
		"nothing":       nil,
		"the first":     func(tx store.Tx) { tx.Put(key(0), []byte("w")) },
		"one further":   func(tx store.Tx) { tx.Put(key(every*(keys/every/2)), []byte("w")) },
		"one that goes": func(tx store.Tx) { tx.Delete(key(every * 5)) },
		"one that came": func(tx store.Tx) { tx.Put(key(keys-3), []byte("w")) },
	} {
		runs := 0
		must(s.Update(ctx, func(tx store.Tx) error {
			runs++
			for _, half := range [][]store.Key{all[keys/2:], all[:keys/2]} {
				if _, err := tx.Get(ctx, half...); err != nil {
					return err
				}
			}
			if other != nil && runs == 1 {
				must(s.Update(ctx, func(tx store.Tx) error { other(tx); return nil }))
			}
			tx.Put(store.Key{Partition: []byte("q"), Sort: []byte("k")}, []byte(what))
			return nil
		}))
		want := 2
		if other == nil {
			want = 1
		}
		if runs != want {
			t.Errorf("after a change of %s: %d runs, want %d", what, runs, want)
		}
	}
}
