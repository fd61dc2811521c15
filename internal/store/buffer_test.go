package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

func bufferKey(p, s string) Key { return Key{Partition: []byte(p), Sort: []byte(s)} }

// showWrites writes down what an engine would carry out.
func showWrites(b *Buffer) string {
	var out bytes.Buffer
	for _, p := range b.Partitions() {
		if p.Cleared {
			fmt.Fprintf(&out, "clear %s; ", p.Partition)
		}
	}
	for _, w := range b.Writes() {
		switch w.Kind {
		case WritePut:
			fmt.Fprintf(&out, "put %s/%s=%s; ", w.Key.Partition, w.Key.Sort, w.Value)
		case WriteDelete:
			fmt.Fprintf(&out, "delete %s/%s; ", w.Key.Partition, w.Key.Sort)
		case WriteAdd:
			fmt.Fprintf(&out, "add %s/%s%+d; ", w.Key.Partition, w.Key.Sort, w.Delta)
		default:
			fmt.Fprintf(&out, "kind %d; ", w.Kind)
		}
	}
	return out.String()
}

func TestBufferWrites(t *testing.T) {
	var b Buffer
	for _, step := range []struct {
		do   func()
		want string
		size int
	}{
		{func() {}, "", 0},
		{func() { b.Put(bufferKey("p", "a"), []byte("one")) }, "put p/a=one; ", 5},
		{func() { b.Put(bufferKey("p", "a"), []byte("three")) }, "put p/a=three; ", 7},
		{func() { b.Delete(bufferKey("p", "a")) }, "delete p/a; ", 2},
		{func() { b.Put(bufferKey("p", "a"), nil) }, "put p/a=; ", 2},
		{func() { b.Add(bufferKey("p", "a"), 3) }, "put p/a=; add p/a+3; ", 12},
		{func() { b.Add(bufferKey("p", "a"), -5) }, "put p/a=; add p/a-2; ", 12},
		{func() { b.Put(bufferKey("q", "a"), []byte("x")) }, "put p/a=; add p/a-2; put q/a=x; ", 15},
		{func() { b.Clear([]byte("p")) }, "clear p; put q/a=x; ", 4},
		{func() { b.Add(bufferKey("p", "a"), 7) }, "clear p; add p/a+7; put q/a=x; ", 14},
		{func() { b.Put(bufferKey("p", "a"), []byte("y")) }, "clear p; put p/a=y; add p/a+7; put q/a=x; ", 17},
		{func() { b.Clear([]byte("p")) }, "clear p; put q/a=x; ", 4},
		{func() { b.Reset() }, "", 0},
	} {
		step.do()
		if got := showWrites(&b); got != step.want || b.Size() != step.size {
			t.Fatalf("got %q of %d bytes, want %q of %d", got, b.Size(), step.want, step.size)
		}
		if b.Mutated() != (step.want != "") {
			t.Fatalf("Mutated is %v for %q", b.Mutated(), step.want)
		}
	}
}

func TestBufferNotesAccesses(t *testing.T) {
	var b Buffer
	p := []byte("read")
	if _, _, err := b.Get(Key{Partition: p, Sort: []byte("k")}); err != nil {
		t.Fatal(err)
	}
	copy(p, "xxxx") // the caller may
	if _, _, err := b.BaseSpan(Span{Partition: []byte("scanned"), Limit: 1}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Count(bufferKey("counted", "k")); err != nil {
		t.Fatal(err)
	}
	b.Put(bufferKey("written", "k"), nil)
	b.Add(bufferKey("added", "k"), 1)
	b.Clear([]byte("cleared"))
	var got bytes.Buffer
	for _, a := range b.Partitions() {
		fmt.Fprintf(&got, "%s", a.Partition)
		for name, on := range map[string]bool{" R": a.Read, " C": a.Counted, " W": a.Wrote, " A": a.Added} {
			if on {
				got.WriteString(name)
			}
		}
		if a.Hash != HashPartition(a.Partition) {
			t.Errorf("hash of %s", a.Partition)
		}
		got.WriteString("; ")
	}
	if want := "read R; scanned R; counted C; written W; added A; cleared W; "; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
	if !b.Cleared([]byte("cleared")) || b.Cleared([]byte("written")) || b.Cleared([]byte("other")) {
		t.Error("Cleared")
	}
}

func TestBufferBounds(t *testing.T) {
	var b Buffer
	b.Put(Key{Partition: []byte("p")}, nil)
	b.Put(bufferKey("p", "k"), make([]byte, MaxValue+1))
	if err := b.Err(); !errors.Is(err, ErrInvalid) {
		t.Errorf("the first error is not kept: %v", err)
	}
	b.Reset()
	if b.Err() != nil {
		t.Errorf("after Reset: %v", b.Err())
	}
	value := make([]byte, MaxValue)
	for i := range MaxTx / MaxValue {
		b.Put(bufferKey("p", fmt.Sprint(i)), value)
	}
	if err := b.Err(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a transaction over its bound: %v", err)
	}
	b.Delete(bufferKey("p", "0"))
	if err := b.Err(); err != nil {
		t.Errorf("a transaction that went over its bound and back: %v", err)
	}
}

// TestBufferAgreesWithMap writes at random, with few and with very many keys, to
// a buffer and to a map that is laid over another.
func TestBufferAgreesWithMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range 60 {
		rng := rand.New(rand.NewPCG(seed, uint64(round)))
		keys := []int{3, 20, 2000}[round%3]
		name := func() string { return fmt.Sprintf("%05d", rng.IntN(keys)) }
		part := func() string { return fmt.Sprint("p", rng.IntN(1+keys/10)) }
		base := map[string]map[string]string{}
		for range keys * 2 {
			p := part()
			if base[p] == nil {
				base[p] = map[string]string{}
			}
			base[p][name()] = "base"
		}
		now := map[string]map[string]string{}
		for p, m := range base {
			now[p] = maps.Clone(m)
		}
		var b Buffer
		for i := range 20 + keys*2 {
			p, k := part(), name()
			switch n := rng.IntN(200); {
			case n < 100:
				b.Put(bufferKey(p, k), fmt.Append(nil, i))
				if now[p] == nil {
					now[p] = map[string]string{}
				}
				now[p][k] = fmt.Sprint(i)
			case n < 180:
				b.Delete(bufferKey(p, k))
				delete(now[p], k)
			case n < 182:
				b.Clear([]byte(p))
				delete(now, p)
			case n < 190:
				s := Span{Partition: []byte(p), Start: []byte(name()), Reverse: rng.IntN(2) == 0, Limit: 1 + rng.IntN(5)}
				if rng.IntN(2) == 0 {
					s.End = []byte(name())
				}
				checkScan(t, &b, s, base, now)
			default:
				checkGet(t, &b, bufferKey(p, k), base, now)
			}
		}
		// The writes, carried out, make the one of the other.
		for _, a := range b.Partitions() {
			if a.Cleared {
				delete(base, string(a.Partition))
			}
		}
		for _, w := range b.Writes() {
			p, k := string(w.Key.Partition), string(w.Key.Sort)
			if base[p] == nil {
				base[p] = map[string]string{}
			}
			if base[p][k] = string(w.Value); w.Kind == WriteDelete {
				delete(base[p], k)
			}
		}
		for p := range base {
			if !maps.Equal(base[p], now[p]) {
				t.Fatalf("partition %s: got %v, want %v", p, base[p], now[p])
			}
		}
	}
}

func checkGet(t *testing.T, b *Buffer, k Key, base, now map[string]map[string]string) {
	t.Helper()
	v, known, err := b.Get(k)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := string(v), v != nil
	if !known {
		got, ok = base[string(k.Partition)][string(k.Sort)]
	}
	want, wantOK := now[string(k.Partition)][string(k.Sort)]
	if got != want || ok != wantOK {
		t.Fatalf("%s: got %q %v, want %q %v", k, got, ok, want, wantOK)
	}
}

func checkScan(t *testing.T, b *Buffer, s Span, base, now map[string]map[string]string) {
	t.Helper()
	from := func(m map[string]map[string]string, s Span) (out []Record) {
		keys := slices.Sorted(maps.Keys(m[string(s.Partition)]))
		if s.Reverse {
			slices.Reverse(keys)
		}
		for _, k := range keys {
			if s.contains([]byte(k)) && len(out) < s.Limit {
				out = append(out, Record{Key: bufferKey(string(s.Partition), k), Value: []byte(m[string(s.Partition)][k])})
			}
		}
		return out
	}
	asked, need, err := b.BaseSpan(s)
	if err != nil {
		t.Fatal(err)
	}
	var stored []Record
	if need {
		stored = from(base, asked)
	}
	if got, want := fmt.Sprintf("%s", b.Merge(s, stored)), fmt.Sprintf("%s", from(now, s)); got != want {
		t.Fatalf("%+v: got %s, want %s", s, got, want)
	}
}

func BenchmarkBuffer(b *testing.B) {
	value := make([]byte, 300)
	var keys [12]Key
	for i := range keys {
		keys[i] = bufferKey(fmt.Sprintf("a domain/and a profile %d", i%4), fmt.Sprint("sort key ", i))
	}
	var buf Buffer
	b.ReportAllocs()
	for b.Loop() {
		for _, k := range keys[:4] {
			if _, _, err := buf.Get(k); err != nil {
				b.Fatal(err)
			}
		}
		for _, k := range keys[4:] {
			buf.Put(k, value)
		}
		if len(buf.Writes()) != 8 {
			b.Fatal(len(buf.Writes()))
		}
		buf.Reset()
	}
}
