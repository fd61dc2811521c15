package profile

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"kindred/internal/seal"
	"kindred/internal/store"
)

var testFacts = []Fact{
	{Path: "Address.City", Text: "Bergen", Seq: 7, Time: -5, Priority: math.MaxUint16, Mapped: true, Origin: origin("a")},
	{Path: "EmailAddress", Text: "ann@x.org", Seq: 8, Time: math.MaxInt64, Origin: origin("b")},
	{Path: "OrderItems[].Title", IsList: true, List: []string{"Kettle", "", "Lamp"}, Seq: math.MaxUint64, Origin: origin("a")},
}

func testRecords() (h *head, m *manual, c *contribution, s *standardObject) {
	facts := append(slices.Clone(testFacts), Fact{Path: "X", Text: "typed", Manual: true, Seq: 9, Time: 1})
	keys := []Key{{"_email", "ann@x.org"}, {"crmId", ""}}
	h = &head{created: 1, updated: 2, expires: math.MinInt64, seq: math.MaxUint64, objects: 1000, bytes: 51_200_000, inferred: true, window: 5, inWindow: 6,
		facts: facts, derived: []derivedKey{{matching, keys[0]}, {findable, keys[1]}}, counts: tally{{"Crm", 999}, {"Shop", 1}}, due: math.MaxUint32}
	m = &manual{facts: []Fact{{Path: "FirstName", Manual: true, Cleared: true, Seq: 3, Time: 4}}, keys: keys}
	own := make([]Fact, len(testFacts))
	for i, f := range testFacts {
		f.Origin = origin("a")
		own[i] = f
	}
	c = &contribution{origin: origin("a"), created: true, first: 1, last: 2, source: -3, expires: 4, order: 5, size: 6, keys: keys, facts: own,
		parts: []part{{kind: "_asset", id: NewID(), keys: keys[:1], facts: own[:1]}, {kind: "_order", id: NewID()}}}
	s = &standardObject{kind: "_asset", id: NewID(), created: 1, updated: 2, facts: testFacts, keys: keys, counts: []int{1, 300}, derived: keys[:1], parts: 7}
	return h, m, c, s
}

func TestRecordsKeepEverything(t *testing.T) {
	h, m, c, s := testRecords()
	for what, pair := range map[string][2]func() (any, error){
		"head":            {func() (any, error) { return h, nil }, func() (any, error) { return decodeHead(h.encode()) }},
		"empty head":      {func() (any, error) { return &head{}, nil }, func() (any, error) { return decodeHead((&head{}).encode()) }},
		"manual":          {func() (any, error) { return m, nil }, func() (any, error) { return decodeManual(m.encode()) }},
		"no manual":       {func() (any, error) { return &manual{}, nil }, func() (any, error) { return decodeManual(nil) }},
		"contribution":    {func() (any, error) { return c, nil }, func() (any, error) { return decodeContribution(c.origin, c.encode()) }},
		"standard object": {func() (any, error) { return s, nil }, func() (any, error) { return decodeStandard(s.kind, s.id, s.encode()) }},
	} {
		want, _ := pair[0]()
		got, err := pair[1]()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", what, got, err, want)
		}
	}
}

// TestDamagedRecords: a record that is cut short, continued, or of another
// version is damaged and not something else.
func TestDamagedRecords(t *testing.T) {
	h, m, c, s := testRecords()
	for what, r := range map[string]struct {
		bytes  []byte
		decode func([]byte) error
	}{
		"head":            {h.encode(), func(b []byte) error { _, err := decodeHead(b); return err }},
		"manual":          {m.encode(), func(b []byte) error { _, err := decodeManual(b); return err }},
		"contribution":    {c.encode(), func(b []byte) error { _, err := decodeContribution(c.origin, b); return err }},
		"standard object": {s.encode(), func(b []byte) error { _, err := decodeStandard(s.kind, s.id, b); return err }},
	} {
		for n := range r.bytes {
			if err := r.decode(r.bytes[:n:n]); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%s of %d bytes cut to %d: %v", what, len(r.bytes), n, err)
			}
		}
		if err := r.decode(append(bytes.Clone(r.bytes), 0)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s and a byte more: %v", what, err)
		}
		other := bytes.Clone(r.bytes)
		other[0]++
		if err := r.decode(other); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s of another version: %v", what, err)
		}
	}
}

func TestContributionOrigin(t *testing.T) {
	for _, typeName := range []string{"T", "CTR", strings.Repeat("x", 255)} {
		want := Origin{Type: typeName, Object: seal.Hash{0, 1, 2}}
		if got, err := contributionOrigin(contributionSort(want)); err != nil || got != want {
			t.Errorf("origin %v, %v, want %v", got, err, want)
		}
	}
	for _, sort := range [][]byte{nil, {'c'}, append([]byte("cT"), make([]byte, 31)...), append([]byte("oT\x00"), make([]byte, 32)...), append([]byte("cT\x01"), make([]byte, 32)...)} {
		if _, err := contributionOrigin(sort); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%q: %v", sort, err)
		}
	}
}

// TestObjectOrder: objects lie newest first, times before 1970 included, and
// those of one type apart from those of a type with a longer name.
func TestObjectOrder(t *testing.T) {
	times := []int64{math.MaxInt64, 1 << 50, 1, 0, -1, -1 << 50, math.MinInt64}
	var last []byte
	for _, at := range times {
		sort := objectSort(Origin{Type: "T"}, at)
		if last != nil && bytes.Compare(last, sort) >= 0 {
			t.Errorf("the object of %d is not behind the one before", at)
		}
		last = sort
	}
	span := within([]byte("p"), named('o', "T", 0), 1)
	for _, other := range []string{"TT", "T-", "S", "U"} {
		if sort := objectSort(Origin{Type: other}, 0); bytes.Compare(sort, span.Start) >= 0 && bytes.Compare(sort, span.End) < 0 {
			t.Errorf("an object of %s is among those of T", other)
		}
	}
}

func TestAfter(t *testing.T) {
	for _, c := range [][2]string{{"a", "b"}, {"a\xff", "b"}, {"a\xff\xff", "b"}, {"\xff", ""}, {"a\x00", "a\x01"}} {
		if got := string(after([]byte(c[0]))); got != c[1] {
			t.Errorf("after %q: %q, want %q", c[0], got, c[1])
		}
	}
}

// fuzzRecord has a decoder read any bytes: it never panics, takes memory in
// proportion to them, and what it does read is written again as something that
// reads the same.
func fuzzRecord(f *testing.F, seed []byte, again func([]byte) (encoded []byte, err error)) {
	f.Add(seed)
	f.Add(seed[:len(seed)/2])
	f.Add([]byte{recordVersion})
	f.Add([]byte{recordVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		encoded, err := again(b)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("error %v", err)
			}
			return
		}
		twice, err := again(encoded)
		if err != nil || !bytes.Equal(twice, encoded) {
			t.Fatalf("%x is written as %x, and that as %x, %v", b, encoded, twice, err)
		}
	})
}

func FuzzHead(f *testing.F) {
	h, _, _, _ := testRecords()
	fuzzRecord(f, h.encode(), func(b []byte) ([]byte, error) {
		h, err := decodeHead(b)
		if err != nil {
			return nil, err
		}
		return h.encode(), nil
	})
}

func FuzzManual(f *testing.F) {
	_, m, _, _ := testRecords()
	fuzzRecord(f, m.encode(), func(b []byte) ([]byte, error) {
		m, err := decodeManual(b)
		if err != nil {
			return nil, err
		}
		return m.encode(), nil
	})
}

func FuzzContribution(f *testing.F) {
	_, _, c, _ := testRecords()
	fuzzRecord(f, c.encode(), func(b []byte) ([]byte, error) {
		k, err := decodeContribution(c.origin, b)
		if err != nil {
			return nil, err
		}
		return k.encode(), nil
	})
}

func FuzzStandardObject(f *testing.F) {
	_, _, _, s := testRecords()
	fuzzRecord(f, s.encode(), func(b []byte) ([]byte, error) {
		o, err := decodeStandard(s.kind, s.id, b)
		if err != nil {
			return nil, err
		}
		return o.encode(), nil
	})
}

// TestDecodersBoundMemory: a list that claims to be as long as the record asks
// for a small multiple of the record's size.
func TestDecodersBoundMemory(t *testing.T) {
	const size = 1 << 20
	b := append([]byte{recordVersion}, 0xff, 0xff, 0x3f) // facts: 2^20 - 1
	b = append(b, make([]byte, size)...)
	var before, behind runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := decodeManual(b); err == nil {
		t.Error("the record is not damaged")
	}
	runtime.ReadMemStats(&behind)
	grown := behind.TotalAlloc - before.TotalAlloc
	if grown > 32*size {
		t.Errorf("a record of %d bytes takes %d", size, grown)
	}
}
