package store

import (
	"bytes"
	"errors"
	"testing"
)

var keyParts = []string{
	"\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "\x01\x00", "\x02", "a", "a\x00", "a\x00\x00", "a\x00\x01",
	"a\x00\x01\x01", "a\x00\x02", "a\x00\xff", "a\x01", "ab", "a\xff", "\xfe", "\xff", "\xff\x00", "\xff\xff",
}

func physical(partition, sort string, kind Kind) []byte {
	return AppendPhysicalKey(nil, kind, Key{Partition: []byte(partition), Sort: []byte(sort)})
}

func TestPhysicalKeyBytes(t *testing.T) {
	// These bytes are on disks: they must never change.
	for _, c := range []struct {
		partition, sort string
		kind            Kind
		want            string
	}{
		{"p", "s", KindRecord, "p\x00\x01\x01s"},
		{"p", "s", KindCounter, "p\x00\x01\x02s"},
		{"a\x00b", "\x00\x01", KindRecord, "a\x00\xffb\x00\x01\x01\x00\x01"},
		{"\x00", "\xff", KindRecord, "\x00\xff\x00\x01\x01\xff"},
	} {
		if got := physical(c.partition, c.sort, c.kind); string(got) != c.want {
			t.Errorf("%q %q: got %q, want %q", c.partition, c.sort, got, c.want)
		}
	}
}

func TestPhysicalKeysRoundTripAndKeepOrder(t *testing.T) {
	for _, p := range keyParts {
		for _, s := range keyParts {
			for _, q := range keyParts {
				for _, u := range keyParts {
					checkPair(t, []byte(p), []byte(s), []byte(q), []byte(u))
				}
			}
		}
	}
}

func TestDecodePhysicalKeyRefuses(t *testing.T) {
	for _, key := range []string{
		"", "p", "p\x00", "p\x00\x01", "p\x00\x01\x01", "p\x00\x01\x00s", "p\x00\x01\x03s", "\x00\x01\x01s",
		"p\x00\x02\x00\x01\x01s", "p\x00",
	} {
		if kind, k, err := DecodePhysicalKey([]byte(key)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: got %d %q, error %v", key, kind, k, err)
		}
	}
}

func TestAppendPrefixEnd(t *testing.T) {
	for prefix, want := range map[string]string{"a": "b", "a\xff": "b", "a\x00": "a\x01", "\xfe\xff\xff": "\xff"} {
		if got, ok := AppendPrefixEnd([]byte("x"), []byte(prefix)); !ok || string(got) != "x"+want {
			t.Errorf("%q: got %q, %v", prefix, got, ok)
		}
	}
	for _, prefix := range []string{"", "\xff", "\xff\xff"} {
		if got, ok := AppendPrefixEnd([]byte("x"), []byte(prefix)); ok || string(got) != "x" {
			t.Errorf("%q: got %q, %v", prefix, got, ok)
		}
	}
}

// checkPair checks what must hold for any two keys and their physical keys.
func checkPair(t *testing.T, p, s, q, u []byte) {
	a := AppendPhysicalKey(nil, KindRecord, Key{Partition: p, Sort: s})
	b := AppendPhysicalKey(nil, KindRecord, Key{Partition: q, Sort: u})
	if n := PhysicalKeyLen(Key{Partition: p, Sort: s}); n != len(a) {
		t.Fatalf("length of %q is %d, not %d", a, len(a), n)
	}
	kind, k, err := DecodePhysicalKey(a)
	if err != nil || kind != KindRecord || !bytes.Equal(k.Partition, p) || !bytes.Equal(k.Sort, s) {
		t.Fatalf("%q %q decodes as %d %q, error %v", p, s, kind, k, err)
	}
	if got := a[:SplitPhysicalKey(a)]; !bytes.Equal(got, AppendPartition(nil, p)) {
		t.Fatalf("%q is split after %q", a, got)
	}
	want := bytes.Compare(p, q)
	if want == 0 {
		want = bytes.Compare(s, u)
	}
	if got := bytes.Compare(a, b); got != want {
		t.Fatalf("%q %q and %q %q compare as %d, their keys as %d", p, s, q, u, want, got)
	}
	if got, want := bytes.HasPrefix(a, AppendPartition(nil, q)), bytes.Equal(p, q); got != want {
		t.Fatalf("%q is in partition %q: %v", a, q, got)
	}
	if got, want := bytes.HasPrefix(a, AppendPartitionPrefix(nil, q)), bytes.HasPrefix(p, q); got != want {
		t.Fatalf("%q starts with prefix %q: %v", a, q, got)
	}
	// What Pebble demands of Split: prefixes order as their keys do.
	if bytes.Compare(a, b) <= 0 && bytes.Compare(a[:SplitPhysicalKey(a)], b[:SplitPhysicalKey(b)]) > 0 {
		t.Fatalf("%q and %q are ordered otherwise than their prefixes", a, b)
	}
}

func FuzzPhysicalKeys(f *testing.F) {
	f.Add([]byte("p"), []byte("s"), []byte("p\x00"), []byte("\x00\x01"))
	f.Add([]byte{0}, []byte{0xff}, []byte{0, 1}, []byte{1})
	f.Fuzz(func(t *testing.T, p, s, q, u []byte) {
		if len(p) == 0 || len(s) == 0 || len(q) == 0 || len(u) == 0 {
			return
		}
		checkPair(t, p, s, q, u)
	})
}

func FuzzDecodePhysicalKey(f *testing.F) {
	for _, p := range keyParts {
		f.Add([]byte(p))
		f.Add(physical(p, p, KindCounter))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		if n := SplitPhysicalKey(key); n > len(key) || n < 0 {
			t.Fatalf("%q splits at %d", key, n)
		}
		kind, k, err := DecodePhysicalKey(key)
		if err != nil {
			return
		}
		if again := AppendPhysicalKey(nil, kind, k); !bytes.Equal(again, key) {
			t.Fatalf("%q decodes to %q, which is %q", key, k, again)
		}
	})
}
