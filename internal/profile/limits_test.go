package profile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// visit is an object type without a limit whose records name what they are.
func visit(limit int) ingesttest.Type {
	return ingesttest.Type{Create: true, Max: limit, Format: "EpochMilli",
		Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "upd": "upd>_profile.SourceLastUpdatedTimestamp", "tier": "tier>_profile.Attributes.tier"},
		Keys:   map[string]string{"visitNo": "UNIQUE:no", "_email": "PROFILE:mail"}}
}

// crowded is a world whose profiles hold so many objects.
func crowded(t *testing.T, objects int, types map[string]ingesttest.Type) *ingesttest.World {
	t.Helper()
	w := world(t, types)
	w.Types.MaxObjects = objects
	return w
}

// numbers lists the objects of types as "A1 A2 B1", oldest first.
func numbers(w *ingesttest.World, p profile.ID, types ...string) string {
	var list []string
	for _, name := range types {
		texts := w.Objects("d", name, p)
		slices.Reverse(texts)
		for _, s := range texts {
			_, after, _ := strings.Cut(s, `"no":"`)
			no, _, _ := strings.Cut(after, `"`)
			list = append(list, no)
		}
	}
	return strings.Join(list, " ")
}

// dropType deletes an object type with all that came of it.
func dropType(w *ingesttest.World, name string) {
	w.T.Helper()
	w.Clock.Step(time.Second)
	if _, err := w.TypeService.DeleteProfileObjectType(w.Ctx(), &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: name}); err != nil {
		w.T.Fatal(err)
	}
}

// TestWhoIsEvicted: which object leaves a profile of five when another comes. A
// has the limit 1, B the limit 2, the others have none.
func TestWhoIsEvicted(t *testing.T) {
	for _, c := range []struct{ rule, come, want string }{
		{"a type over its limit keeps its objects while there is room", "A1 A2 A3 A4 A5", "A1 A2 A3 A4 A5"},
		{"a limit sets nothing aside", "C1 C2 C3 C4 C5", "C1 C2 C3 C4 C5"},
		{"none is over: the one that comes takes the place of the oldest of its type", "C1 D1 C2 D2 D3 D4", "C1 C2 D2 D3 D4"},
		{"the type that is over its limit loses its oldest", "C1 A1 A2 C2 C3 C4", "A2 C1 C2 C3 C4"},
		{"the one furthest over, not the one with the most", "A1 A2 A3 B1 B2 C1", "A2 A3 B1 B2 C1"},
		{"of two as far over, the first by name", "A1 A2 B1 B2 B3 C1", "A2 B1 B2 B3 C1"},
		{"another type is over although the one that comes has its limit", "B1 A1 A2 B2 C1 B3", "A2 B1 B2 B3 C1"},
		{"at its limit is not over it", "A1 B1 B2 C1 C2 C3", "A1 B1 B2 C2 C3"},
		{"none is over and none is of its type: the type with the most", "C1 C2 C3 D1 D2 E1", "C2 C3 D1 D2 E1"},
		{"of two with as many, the first by name", "C1 C2 D1 D2 E1 A1", "A1 C2 D1 D2 E1"},
		{"again and again", "C1 C2 C3 C4 C5 A1 A2 A3 A4", "A4 C2 C3 C4 C5"},
		{"what comes again takes no room", "C1 C2 C3 C4 C5 C1 C2", "C3 C4 C5 C1 C2"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := crowded(t, 5, map[string]ingesttest.Type{"A": visit(1), "B": visit(2), "C": visit(0), "D": visit(0), "E": visit(0)})
			var p profile.ID
			for no := range strings.FieldsSeq(c.come) {
				w.Clock.Step(time.Second)
				p = w.Put("d", no[:1], fmt.Sprintf(`{"no":"%s","mail":"a@x.org"}`, no))
			}
			if got := numbers(w, p, "A", "B", "C", "D", "E"); got != c.want {
				t.Errorf("left are %s, want %s", got, c.want)
			}
		})
	}
}

// TestTheOldestIsEvicted: by the order of the list, so by the source's time where
// there is one.
func TestTheOldestIsEvicted(t *testing.T) {
	w := crowded(t, 3, map[string]ingesttest.Type{"C": visit(0)})
	var p profile.ID
	for _, i := range []int{3, 1, 4, 5, 2} {
		w.Clock.Step(time.Second)
		p = w.Put("d", "C", fmt.Sprintf(`{"no":"C%d","mail":"a@x.org","upd":%d}`, i, i*1000))
	}
	if got := numbers(w, p, "C"); got != "C2 C4 C5" {
		t.Errorf("left are %s", got)
	}
}

// TestEvictedValuesStay: the object goes with its keys, the profile stands as it
// stood. What the object gave goes with the type.
func TestEvictedValuesStay(t *testing.T) {
	types := map[string]ingesttest.Type{"C": visit(0), "D": visit(0)}
	types["C"].Fields["once"], types["C"].Keys["onceId"] = "once>_profile.Attributes.once", ":once"
	w := crowded(t, 3, types)
	p := w.Put("d", "C", `{"no":"C1","mail":"a@x.org","tier":"gold","once":"yes","upd":9000}`)
	w.Put("d", "D", `{"no":"D1","mail":"a@x.org","tier":"tin","upd":1000}`)
	w.Finds("d", "onceId", "yes", p)
	for i := range 3 { // by their sources' time they are newer, but give nothing
		same(t, "joins", w.Put("d", "C", fmt.Sprintf(`{"no":"C%d","mail":"a@x.org","upd":%d}`, 2+i, 10_000+i)), p)
	}
	if got := numbers(w, p, "C", "D"); got != "C3 C4 D1" {
		t.Fatalf("left are %s", got)
	}
	const want = `{"Attributes":{"once":"yes","tier":"gold"},"EmailAddress":"a@x.org"}`
	if got := w.Show("d", p); got != want {
		t.Errorf("after the eviction %s, want %s", got, want)
	}
	w.Finds("d", "onceId", "yes")
	w.Finds("d", "visitNo", "C1")
	// The evicted values keep their time: what is older does not displace them.
	w.Put("d", "D", `{"no":"D1","mail":"a@x.org","tier":"lead","upd":8000}`)
	if got := w.Show("d", p); got != want {
		t.Errorf("after an older record %s, want %s", got, want)
	}
	// The record again is a new object.
	w.Put("d", "C", `{"no":"C1","mail":"a@x.org","tier":"iron","upd":9001}`)
	if got := w.Show("d", p); got != strings.Replace(want, "gold", "iron", 1) || numbers(w, p, "C") != "C1 C4" {
		t.Errorf("after the record came again %s, %s", got, numbers(w, p, "C"))
	}
	dropType(w, "C")
	if got := w.Show("d", p); got != `{"Attributes":{"tier":"lead"}}` {
		t.Errorf("after the deletion of the type %s", got)
	}
}

// TestEvictedIntoOneResidue: however many objects leave, a profile does not grow.
func TestEvictedIntoOneResidue(t *testing.T) {
	w := crowded(t, 3, map[string]ingesttest.Type{"C": visit(0)})
	put := func(i int) {
		w.Clock.Step(time.Second)
		w.Put("d", "C", fmt.Sprintf(`{"no":"C%03d","mail":"a@x.org","tier":"t%d"}`, i, i%7))
	}
	for i := range 10 {
		put(i)
	}
	before := len(ingesttest.Dump(t, w.Store))
	for i := range 100 {
		put(10 + i)
	}
	if after := len(ingesttest.Dump(t, w.Store)); after != before {
		t.Errorf("%d records after 100 evictions, %d before", after, before)
	}
}

// TestAResidueAloneHoldsAProfile: a profile that is left with the values of
// evicted objects stays for them, and goes with them.
func TestAResidueAloneHoldsAProfile(t *testing.T) {
	w := crowded(t, 1, map[string]ingesttest.Type{"C": visit(0), "D": visit(0)})
	p := w.Put("d", "C", `{"no":"C1","mail":"a@x.org","tier":"gold"}`)
	w.Put("d", "D", `{"no":"D1","mail":"a@x.org"}`)
	dropType(w, "D")
	if got := w.Show("d", p); got != `{"Attributes":{"tier":"gold"},"EmailAddress":"a@x.org"}` {
		t.Errorf("left with a residue: %s", got)
	}
	dropType(w, "C")
	if got := w.Show("d", p); got != "none" {
		t.Errorf("left with nothing: %s", got)
	}
}

// TestAMixedResidueIsScrubbed: of a type that was deleted and made again while its
// data were still being removed, no value from before is left.
func TestAMixedResidueIsScrubbed(t *testing.T) {
	w := crowded(t, 1, map[string]ingesttest.Type{"C": visit(0)})
	p := w.Put("d", "C", `{"no":"C1","mail":"a@x.org","tier":"gold"}`)
	w.Clock.Step(time.Second)
	deleted := w.Clock.Now()
	for i := range 2 {
		w.Clock.Step(time.Second)
		w.Put("d", "C", fmt.Sprintf(`{"no":"C%d","mail":"a@x.org"}`, 2+i))
	}
	cfg, err := w.Domains.Config(w.Ctx(), "d")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Profiles.Scrub(w.Ctx(), cfg.ID, "C", deleted); err != nil {
		t.Fatal(err)
	}
	if got := w.Show("d", p); got != "{}" || numbers(w, p, "C") != "C3" {
		t.Errorf("left are %s and %s", got, numbers(w, p, "C"))
	}
}

// TestEvictedPartsGo: a standard object goes with the last object that speaks of
// it; one that others speak of stays with what they gave.
func TestEvictedPartsGo(t *testing.T) {
	w := crowded(t, 3, map[string]ingesttest.Type{"Registration": registration})
	var p profile.ID
	put := func(no, serial, more string) {
		t.Helper()
		w.Clock.Step(time.Second)
		p = w.Put("d", "Registration", fmt.Sprintf(`{"no":"%s","mail":"a@x.org","serial":"%s"%s}`, no, serial, more))
	}
	shown := func(what string, want ...string) {
		t.Helper()
		got := w.Objects("d", "_asset", p)
		slices.SortFunc(got, func(a, b string) int {
			return strings.Compare(a[strings.Index(a, "Serial"):], b[strings.Index(b, "Serial"):])
		})
		for i := range got {
			if len(got) != len(want) || !strings.HasSuffix(got[i], want[i]+"}") {
				t.Errorf("%s: %v, want %v", what, got, want)
				return
			}
		}
	}
	put("1", "S1", `,"name":"Kettle"`)
	put("2", "S2", `,"name":"Lamp"`)
	put("3", "S2", `,"status":"used"`)
	put("4", "S3", "") // evicts 1
	shown("the only one to speak of it", `"SerialNumber":"S2","Status":"used"`, `"SerialNumber":"S3"`)
	if got := strings.Join(w.Objects("d", "_asset", p), ""); !strings.Contains(got, "Lamp") {
		t.Errorf("the name that another object gave is gone: %s", got)
	}
	w.Finds("d", "_assetSerialNumber", "S1")
	put("5", "S4", "") // evicts 2, whose name stands on an asset of 3
	shown("one of two", `"SerialNumber":"S2","Status":"used"`, `"SerialNumber":"S3"`, `"SerialNumber":"S4"`)
	if got := strings.Join(w.Objects("d", "_asset", p), ""); strings.Contains(got, "Lamp") {
		t.Errorf("the name of an evicted object is still there: %s", got)
	}
	put("6", "S4", `,"status":"new"`) // evicts 3
	put("7", "S4", `,"status":"old"`) // evicts 4
	put("8", "S4", `,"status":"odd"`) // evicts 5, whose serial number 6 to 8 have displaced
	shown("one of many of which nothing stands", `"SerialNumber":"S4","Status":"odd"`)
}

// TestTheBytesOfAProfile: objects leave until what comes fits, and never the one
// that comes. What fits in no way is refused.
func TestTheBytesOfAProfile(t *testing.T) {
	w := crowded(t, 100, map[string]ingesttest.Type{"A": visit(1), "C": visit(0), "D": visit(0)})
	body := func(no string, size int) string {
		text := fmt.Sprintf(`{"no":"%s","mail":"a@x.org","pad":""}`, no)
		return strings.Replace(text, `""`, `"`+strings.Repeat("x", size-len(text))+`"`, 1)
	}
	w.Types.MaxBytes = 1000
	var p profile.ID
	for _, c := range []struct {
		no   string
		size int
		want string
	}{
		{"C1", 200, "C1"},
		{"C2", 300, "C1 C2"},
		{"D1", 500, "C1 C2 D1"},
		{"C3", 200, "C2 C3 D1"},
		{"C4", 400, "C4 D1"}, // C2 and C3 make room
		{"C4", 450, "C4 D1"},
		{"C4", 600, "C4"}, // grown: none but D1 can make room
		{"A1", 100, "A1 C4"},
		{"A2", 250, "A1 A2 C4"},
		{"D2", 100, "A2 C4 D2"},
		{"C4", 700, "C4 D2"}, // D2 stays: A is over its limit no more, so the most with the least name goes
		{"D3", 1000, "D3"},
	} {
		w.Clock.Step(time.Second)
		p = w.Put("d", c.no[:1], body(c.no, c.size))
		if got := numbers(w, p, "A", "C", "D"); got != c.want {
			t.Fatalf("after %s with %d bytes: %s, want %s", c.no, c.size, got, c.want)
		}
	}
	_, err := w.TryPut("d", "C", body("C9", 1001))
	w.IsFault(err, fault.Invalid, "1000 bytes that a profile holds")
	if got := numbers(w, p, "A", "C", "D"); got != "D3" {
		t.Errorf("after the refusal: %s", got)
	}
}

// TestEvictionMovesAlong: an object that moves to a full profile makes room there.
func TestEvictionMovesAlong(t *testing.T) {
	w := crowded(t, 2, map[string]ingesttest.Type{"C": visit(0)})
	p := w.Put("d", "C", `{"no":"C1","mail":"a@x.org"}`)
	w.Put("d", "C", `{"no":"C2","mail":"a@x.org"}`)
	q := w.Put("d", "C", `{"no":"C3","mail":"b@x.org","tier":"gold"}`)
	w.Clock.Step(time.Second)
	same(t, "moves", w.Put("d", "C", `{"no":"C3","mail":"a@x.org"}`), p)
	if got := numbers(w, p, "C"); len(strings.Fields(got)) != 2 || !strings.HasSuffix(got, "C3") {
		t.Errorf("left are %s", got)
	}
	if got := w.Show("d", q); got != "{}" {
		t.Errorf("where it was: %s", got)
	}
}

// TestTheQuotaOfAProfile: a profile holds a thousand objects.
func TestTheQuotaOfAProfile(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"C": visit(0)})
	var bodies []string
	for i := range 1001 {
		bodies = append(bodies, fmt.Sprintf(`{"no":"C%04d","mail":"a@x.org","upd":%d}`, i, i+1))
	}
	var p profile.ID
	for part := range slices.Chunk(bodies, 91) {
		w.Clock.Step(time.Second)
		r, err := w.Ingest.Put(context.Background(), "d", "C", part)
		if err != nil || r[0].Err != nil {
			t.Fatal(err, r)
		}
		p = r[0].Profile
	}
	got := strings.Fields(numbers(w, p, "C"))
	if len(got) != profile.MaxObjects || got[0] != "C0001" {
		t.Errorf("%d objects, the oldest %s", len(got), got[0])
	}
}

// TestTheWorkedExampleOfEviction is that of docs/fold.md.
func TestTheWorkedExampleOfEviction(t *testing.T) {
	order := visit(0)
	order.Fields["city"] = "city>_profile.Address.City"
	w := crowded(t, 2, map[string]ingesttest.Type{"Order": order})
	p := w.Create("d", `{"EmailAddress":"a@x.org"}`)
	stands := func(arrival int, want string) {
		t.Helper()
		got := ""
		if a := w.Get("d", p).Address; a != nil {
			got = *a.City
		}
		if got != want {
			t.Errorf("after arrival %d: %q, want %q", arrival, got, want)
		}
	}
	for i, body := range []string{
		`{"no":"1","mail":"a@x.org","upd":10,"city":"Bergen"}`,
		`{"no":"2","mail":"a@x.org","upd":11}`,
		`{"no":"3","mail":"a@x.org","upd":12}`,
		`{"no":"1","mail":"a@x.org","upd":9,"city":"Oslo"}`,
	} {
		same(t, "joins", w.Put("d", "Order", body), p)
		stands(i+1, "Bergen")
	}
	if got := numbers(w, p, "Order"); got != "1 3" {
		t.Errorf("left are %s", got)
	}
	dropType(w, "Order")
	stands(5, "")
}

// TestContentionOnAFullProfile: of many objects that come at once, so many stay
// as there is room for.
func TestContentionOnAFullProfile(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w := ingesttest.NewOn(t, engine)
			w.Types.MaxObjects = 5
			w.NewDomain("d")
			w.PutType("d", "C", visit(0))
			p := w.Put("d", "C", `{"no":"C0","mail":"a@x.org","tier":"gold"}`)
			parallel(32, func(i int) {
				_, err := w.Quiet().Put(context.Background(), "d", "C", []string{fmt.Sprintf(`{"no":"C%d","mail":"a@x.org"}`, i+1)})
				if err != nil && !fault.Is(err, fault.Busy) {
					t.Error(err)
				}
			})
			if got := numbers(w, p, "C"); len(strings.Fields(got)) != 5 {
				t.Errorf("left are %s", got)
			}
			verified(t, w)
		})
	}
}
