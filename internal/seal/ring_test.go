package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"kindred/internal/datakey"
	"kindred/internal/seal"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

func dataKey(n byte) []byte { return bytes.Repeat([]byte{n}, datakey.Size) }

func ring(t testing.TB, current uint32, types map[string]uint32, numbers ...uint32) *seal.Ring {
	t.Helper()
	keys := map[uint32][]byte{}
	for _, n := range numbers {
		keys[n] = dataKey(byte(n))
	}
	r, err := seal.NewRing(keys, current, types, dataKey(0xee))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func at(partition, sort string) store.Key {
	return store.Key{Partition: []byte(partition), Sort: []byte(sort)}
}

func TestSealedValuesOpen(t *testing.T) {
	r := ring(t, 1, nil, 1, 2)
	for _, value := range [][]byte{{}, {0}, []byte("Ann Lund"), bytes.Repeat([]byte("x"), 300_000)} {
		for _, id := range []uint32{1, 2} {
			k := at("p", "s")
			sealed, err := r.Seal(id, k, value)
			if err != nil {
				t.Fatal(err)
			}
			if len(sealed) != len(value)+seal.Overhead {
				t.Errorf("%d bytes are sealed as %d", len(value), len(sealed))
			}
			if len(value) > 4 && bytes.Contains(sealed, value[:4]) {
				t.Error("the sealed value shows the plain one")
			}
			got, err := r.Open(k, sealed)
			if err != nil || !bytes.Equal(got, value) || got == nil {
				t.Errorf("opened %d bytes: %d, %v", len(value), len(got), err)
			}
			again, err := r.Seal(id, k, value)
			if err != nil || bytes.Equal(again, sealed) {
				t.Errorf("the same value is sealed twice alike, %v", err)
			}
		}
	}
	if got, err := r.Open(at("p", "s"), nil); got != nil || err != nil {
		t.Errorf("no record opens as %v, %v", got, err)
	}
}

// TestMovedValuesDoNotOpen: a value belongs to its key, and the border between
// partition and sort key counts.
func TestMovedValuesDoNotOpen(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	r := ring(t, 1, nil, 1)
	text := func() string {
		b := make([]byte, 1+rnd.IntN(40))
		for i := range b {
			b[i] = byte(rnd.IntN(3)) // few bytes, so that keys resemble one another
		}
		return string(b)
	}
	for range 500 {
		from := at(text(), text())
		sealed, err := r.Seal(1, from, []byte("value"))
		if err != nil {
			t.Fatal(err)
		}
		joined := string(from.Partition) + string(from.Sort)
		border := 1 + rnd.IntN(len(joined)-1)
		for _, to := range []store.Key{at(text(), text()), at(joined[:border], joined[border:]), at(string(from.Sort), string(from.Partition)), at(string(from.Partition), string(from.Sort)+"\x00")} {
			same := bytes.Equal(to.Partition, from.Partition) && bytes.Equal(to.Sort, from.Sort)
			if _, err := r.Open(to, sealed); same != (err == nil) {
				t.Fatalf("from %q to %q: %v", from, to, err)
			} else if !same && !errors.Is(err, seal.ErrDamaged) {
				t.Fatalf("from %q to %q: %v", from, to, err)
			}
		}
	}
}

// TestEveryFlippedBitShows: a value of which any bit changed, or that is cut or
// continued, does not open.
func TestEveryFlippedBitShows(t *testing.T) {
	r := ring(t, 1, nil, 1, 2, 3)
	k := at("p", "s")
	sealed, err := r.Seal(2, k, []byte("Ann Lund"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if v, err := r.Open(k, b); !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("%s opens as %q, %v", what, v, err)
		}
	}
	for i := range len(sealed) * 8 {
		b := bytes.Clone(sealed)
		b[i/8] ^= 1 << (i % 8)
		refused(fmt.Sprint("bit ", i), b)
	}
	for n := range sealed {
		refused(fmt.Sprint("cut to ", n), sealed[:n:n])
	}
	refused("continued", append(bytes.Clone(sealed), 0))
}

func TestUnknownKeys(t *testing.T) {
	all, some := ring(t, 1, map[string]uint32{"Own": 2}, 1, 2), ring(t, 1, map[string]uint32{"Own": 2}, 1)
	k := at("p", "s")
	sealed, err := all.Seal(all.TypeKey("Own"), k, []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := some.Open(k, sealed); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("open: %v", err)
	}
	if _, err := some.Seal(some.TypeKey("Own"), k, []byte("v")); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("a type whose key is out of use is sealed: %v", err)
	}
	if a, b := all.TypeKey("Own"), all.TypeKey("Other"); a != 2 || b != 1 || all.Current() != 1 {
		t.Errorf("keys of types: %d, %d", a, b)
	}
	for what, make := range map[string]func() (*seal.Ring, error){
		"no current key":    func() (*seal.Ring, error) { return seal.NewRing(map[uint32][]byte{1: dataKey(1)}, 2, nil, dataKey(9)) },
		"a short data key":  func() (*seal.Ring, error) { return seal.NewRing(map[uint32][]byte{1: {1}}, 1, nil, dataKey(9)) },
		"a short index key": func() (*seal.Ring, error) { return seal.NewRing(map[uint32][]byte{1: dataKey(1)}, 1, nil, []byte("x")) },
	} {
		if r, err := make(); err == nil || r != nil {
			t.Errorf("%s: %v, %v", what, r, err)
		}
	}
}

// TestIdentify: equal identifiers have equal hashes, others have not, wherever
// name and value meet, and another domain's hashes are others.
func TestIdentify(t *testing.T) {
	r := ring(t, 1, nil, 1)
	other, err := seal.NewRing(map[uint32][]byte{1: dataKey(1)}, 1, nil, dataKey(0xef))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[seal.Hash]string{}
	for _, c := range [][2]string{{"", ""}, {"a", ""}, {"", "a"}, {"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}, {"a", "\x00bc"}, {"a\x00", "bc"},
		{strings.Repeat("n", 200), "v"}, {strings.Repeat("n", 127), "v"}, {strings.Repeat("n", 128), "v"}, {"_email", strings.Repeat("v", 1000)}} {
		for _, kind := range []byte{'k', 'u', 's'} {
			h := r.Identify(kind, c[0], c[1])
			if was, ok := seen[h]; ok {
				t.Errorf("%c %q has the hash of %s", kind, c, was)
			}
			seen[h] = fmt.Sprintf("%c %q", kind, c)
			if again := r.Identify(kind, c[0], c[1]); again != h {
				t.Errorf("%c %q has two hashes", kind, c)
			}
			if other.Identify(kind, c[0], c[1]) == h {
				t.Errorf("%c %q has the same hash under another index key", kind, c)
			}
		}
	}
}

func TestRingIsSafeForConcurrentUse(t *testing.T) {
	r := ring(t, 1, nil, 1)
	want := r.Identify('k', "_email", "ann@x.org")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				k := at("p", fmt.Sprint("s", i))
				sealed, err := r.Seal(1, k, []byte("v"))
				if err != nil {
					t.Error(err)
				}
				if v, err := r.Open(k, sealed); err != nil || string(v) != "v" {
					t.Errorf("%q, %v", v, err)
				}
				if r.Identify('k', "_email", "ann@x.org") != want {
					t.Error("another hash")
				}
			}
		})
	}
	wg.Wait()
}

// TestTx: what is written sealed is read back plain, in the transaction and
// after it, and a failure to seal is not forgotten.
func TestTx(t *testing.T) {
	s, r, ctx := memstore.New(memstore.WithoutReruns()), ring(t, 1, map[string]uint32{"Own": 2}, 1, 2), context.Background()
	defer s.Close()
	err := s.Update(ctx, func(inner store.Tx) error {
		tx := seal.NewTx(inner, r)
		tx.Put(at("p", "a"), []byte("plain a"))
		tx.PutWith(2, at("p", "b"), []byte("plain b"))
		tx.PutPlain(at("q", "c"), []byte("open"))
		tx.Add(at("q", "n"), 3)
		tx.Add(at("q", "n"), 0)
		v, err := tx.Get(ctx, at("p", "a"), at("p", "x"))
		if err != nil || string(v[0]) != "plain a" || v[1] != nil {
			t.Errorf("in the transaction: %q, %v", v, err)
		}
		return tx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(ctx, func(inner store.Reader) error {
		raw, err := inner.Scan(ctx, store.Span{Partition: []byte("p"), Limit: 10})
		if err != nil {
			return err
		}
		for _, rec := range raw[0] {
			if bytes.Contains(rec.Value, []byte("plain")) {
				t.Errorf("%q is stored plain", rec.Key.Sort)
			}
		}
		read := seal.NewReader(inner, r)
		lists, err := read.Scan(ctx, store.Span{Partition: []byte("p"), Limit: 10})
		if err != nil || len(lists[0]) != 2 || string(lists[0][0].Value) != "plain a" || string(lists[0][1].Value) != "plain b" {
			t.Errorf("scan: %v, %v", lists, err)
		}
		if v, err := read.GetPlain(ctx, at("q", "c")); err != nil || string(v[0]) != "open" {
			t.Errorf("plain: %q, %v", v, err)
		}
		if _, err := read.Get(ctx, at("q", "c")); !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("what was never sealed opens: %v", err)
		}
		if n, err := read.Count(ctx, at("q", "n")); err != nil || n[0] != 3 {
			t.Errorf("count %v, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Update(ctx, func(inner store.Tx) error {
		tx := seal.NewTx(inner, r)
		tx.PutWith(9, at("p", "d"), []byte("v"))
		tx.Put(at("p", "e"), []byte("v"))
		if !errors.Is(tx.Err(), seal.ErrUnknownKey) {
			t.Errorf("the failure to seal: %v", tx.Err())
		}
		return tx.Err()
	})
}

func BenchmarkSeal(b *testing.B) {
	r, k, value := ring(b, 1, nil, 1), at("d12345678p1234567890123456", "h"), make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		if _, err := r.Seal(1, k, value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIdentify(b *testing.B) {
	r := ring(b, 1, nil, 1)
	b.ReportAllocs()
	for b.Loop() {
		r.Identify('k', "_email", "someone@example.org")
	}
}
