package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"kindred/internal/seal"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

// group writes three records under a secret, and the secret.
func group(t testing.TB, s store.Store, r *seal.Ring, secret seal.Secret) {
	t.Helper()
	err := s.Update(context.Background(), func(inner store.Tx) error {
		tx := seal.NewTx(inner, r)
		v := tx.Under(secret)
		v.PutPlain(at("p", "a"), secret.Record())
		v.Put(at("p", "h"), []byte("head of Ann"))
		v.Put(at("p", "c"), []byte("contribution of Ann"))
		v.PutWith(2, at("p", "o"), []byte("object of Ann"))
		return tx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func stored(t testing.TB, s store.Store) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	list, err := s.ScanPrefix(context.Background(), []byte("p"), store.Key{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range list {
		all[string(rec.Key.Sort)] = rec.Value
	}
	return all
}

// TestUnderASecret: what is written through a view is read through a view under
// the same secret, which is in its record; not through another, not without one,
// and not in another place.
func TestUnderASecret(t *testing.T) {
	s, r, ctx, secret := memstore.New(memstore.WithoutReruns()), ring(t, 1, map[string]uint32{"Own": 2}, 1, 2), context.Background(), seal.NewSecret()
	defer s.Close()
	group(t, s, r, secret)
	all := stored(t, s)
	got, err := seal.SecretOf(all["a"])
	if err != nil || got != secret {
		t.Fatalf("the record has the secret %x, %v, want %x", got, err, secret)
	}
	if n := len("contribution of Ann") + seal.UnderOverhead; len(all["c"]) != n {
		t.Errorf("another record has %d bytes, want %d", len(all["c"]), n)
	}
	for sort, v := range all {
		if bytes.Contains(v, []byte("Ann")) {
			t.Errorf("%s is stored plain", sort)
		}
		if sort != "a" && bytes.Contains(v, secret[:]) {
			t.Errorf("%s bears the secret too", sort)
		}
	}
	err = s.View(ctx, func(inner store.Reader) error {
		read := seal.NewReader(inner, r)
		v := read.Under(secret)
		if h, err := v.Open(at("p", "h"), all["h"]); err != nil || string(h) != "head of Ann" {
			t.Errorf("head: %q, %v", h, err)
		}
		values, err := v.Get(ctx, at("p", "c"), at("p", "o"), at("p", "none"))
		if err != nil || string(values[0]) != "contribution of Ann" || string(values[1]) != "object of Ann" || values[2] != nil {
			t.Errorf("get: %q, %v", values, err)
		}
		lists, err := v.Scan(ctx, store.Span{Partition: []byte("p"), Start: []byte("o"), Limit: 10})
		if err != nil || len(lists[0]) != 1 || string(lists[0][0].Value) != "object of Ann" {
			t.Errorf("scan: %v, %v", lists, err)
		}
		for what, err := range map[string]error{
			"under another secret": second(read.Under(seal.NewSecret()).Get(ctx, at("p", "c"))),
			"under no secret":      second(read.Get(ctx, at("p", "c"))),
			"the secret":           second(v.Get(ctx, at("p", "a"))),
			"in another place":     second(v.Open(at("p", "d"), all["c"])),
			"flipped":              second(v.Open(at("p", "c"), flip(all["c"]))),
			"cut":                  second(v.Open(at("p", "c"), all["c"][:10])),
		} {
			if !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("%s: %v", what, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, {1}, all["a"][:32], append([]byte{2}, secret[:]...), append(secret.Record(), 0)} {
		if _, err := seal.SecretOf(bad); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("a secret of %x: %v", bad, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

// TestASecretAloneOpensNothing: a thief of the store has the secrets; without the
// data key they are worth nothing, and a ring that lacks it says so.
func TestASecretAloneOpensNothing(t *testing.T) {
	s, secret := memstore.New(memstore.WithoutReruns()), seal.NewSecret()
	defer s.Close()
	group(t, s, ring(t, 1, nil, 1, 2), secret)
	all := stored(t, s)
	some := seal.NewReader(nil, ring(t, 1, nil, 1)).Under(secret)
	if _, err := some.Open(at("p", "o"), all["o"]); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("without the type's data key: %v", err)
	}
	if v, err := some.Open(at("p", "c"), all["c"]); err != nil || string(v) != "contribution of Ann" {
		t.Errorf("the others: %q, %v", v, err)
	}
	wrong, err := seal.NewRing(map[uint32][]byte{1: dataKey(9), 2: dataKey(9)}, 1, nil, dataKey(0xee))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.NewReader(nil, wrong).Under(secret).Open(at("p", "c"), all["c"]); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("under another data key of that number: %v", err)
	}
}

// TestFailuresOfViewsAreKept: a view tells the transaction what failed.
func TestFailuresOfViewsAreKept(t *testing.T) {
	s, r := memstore.New(memstore.WithoutReruns()), ring(t, 1, nil, 1)
	defer s.Close()
	for what, write := range map[string]func(tx *seal.Tx){
		"an unknown data key":   func(tx *seal.Tx) { tx.Under(seal.Secret{1}).PutWith(7, at("p", "c"), nil) },
		"a view of a view":      func(tx *seal.Tx) { tx.Under(seal.Secret{1}).Under(seal.Secret{2}).PutWith(7, at("p", "c"), nil) },
		"the transaction's own": func(tx *seal.Tx) { tx.PutWith(7, at("p", "c"), nil) },
	} {
		err := s.Update(context.Background(), func(inner store.Tx) error {
			tx := seal.NewTx(inner, r)
			write(tx)
			if a, b := tx.Err(), tx.Under(seal.Secret{}).Err(); a == nil || a != b {
				t.Errorf("%s: the transaction has %v, a view %v", what, a, b)
			}
			return tx.Err()
		})
		if err == nil {
			t.Errorf("%s is committed", what)
		}
	}
}

// BenchmarkUnder is what a profile's secret costs a transaction: reading one
// record, and making one of six.
func BenchmarkUnder(b *testing.B) {
	r, k, value, secret := ring(b, 1, nil, 1), at("d12345678p1234567890123456", "h"), make([]byte, 1024), seal.NewSecret()
	s := memstore.New(memstore.WithoutReruns())
	defer s.Close()
	group(b, s, ring(b, 1, nil, 1, 2), secret)
	b.Run("derive", func(b *testing.B) {
		sealed := stored(b, s)["c"]
		read := seal.NewReader(nil, r)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := read.Under(secret).Open(at("p", "c"), sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open plain", func(b *testing.B) {
		sealed, err := r.Seal(1, k, []byte("contribution of Ann"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Open(k, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, under := range []bool{false, true} {
		b.Run(fmt.Sprint("six records of 1 kB, under a secret: ", under), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tx := seal.NewTx(discard{}, r)
				if under {
					tx = tx.Under(secret)
				}
				for range 6 {
					tx.Put(k, value)
				}
				if err := tx.Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// discard is a transaction that keeps nothing.
type discard struct{ store.Tx }

func (discard) Put(store.Key, []byte) {}
