package profile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func encodeFacts(facts []Fact) []byte {
	var e encoder
	var table []Origin
	body := encoder{}
	body.facts(facts, &table)
	e.origins(table)
	e.bytes(body.b)
	return e.b
}

// ledger carries a profile forward fact by fact, as ingestion and edits do, and
// keeps what is needed to compute it from the beginning.
type ledger struct {
	seq      uint64
	standing []Fact
	manual   manual
	objects  map[Origin][]Fact // what each object has given, as contributions keep it
	history  []Fact            // everything that ever arrived, but for objects that were removed
}

func newLedger() *ledger { return &ledger{objects: map[Origin][]Fact{}} }

func (l *ledger) edit(path, text string) {
	l.seq++
	f := Fact{Path: path, Text: text, Seq: l.seq, Time: int64(l.seq), Manual: true, Cleared: text == ""}
	l.manual.set(f)
	l.standing, _ = advance(l.standing, f)
	l.history = append(l.history, f)
}

func (l *ledger) ingest(o Origin, priority uint16, at int64, values map[string]string) {
	var fresh []Fact
	for path, text := range values {
		fresh = append(fresh, Fact{Path: path, Text: text, Priority: priority, Time: at, Origin: o})
	}
	slices.SortFunc(fresh, func(a, b Fact) int { return strings.Compare(a.Path, b.Path) })
	for i := range fresh {
		l.seq++
		fresh[i].Seq = l.seq
		if at == 0 {
			fresh[i].Time = int64(l.seq)
		}
	}
	l.objects[o] = accumulate(l.objects[o], fresh, l.manual.since)
	for _, f := range fresh {
		l.standing, _ = advance(l.standing, f)
	}
	l.history = append(l.history, fresh...)
}

func (l *ledger) remove(o Origin) {
	delete(l.objects, o)
	l.history = slices.DeleteFunc(l.history, func(f Fact) bool { return !f.Manual && f.Origin == o })
	l.standing = Fold(l.kept())
}

// evict keeps what an object gave in the residue of its type.
func (l *ledger) evict(o Origin) {
	r := Origin{Type: o.Type}
	l.objects[r] = condense(r, l.objects[r], l.objects[o], l.manual.since, nil)
	delete(l.objects, o)
	for _, facts := range [...][]Fact{l.standing, l.history} {
		for i := range facts {
			if facts[i].Origin == o {
				facts[i].Origin = r
			}
		}
	}
}

// kept are the facts that the records of a profile hold.
func (l *ledger) kept() []Fact {
	facts := slices.Clone(l.manual.facts)
	for _, list := range l.objects {
		facts = append(facts, list...)
	}
	return facts
}

func origin(name string) (o Origin) {
	o.Type = "T" + name[:1]
	copy(o.Object[:], name)
	return o
}

// TestInvariant6CarriedForwardEqualsFold: after any sequence of ingestions (out
// of order by source time, again and again for one object, from sources of
// several priorities that change), edits, clearings, removals and evictions, the facts
// carried forward are, byte for byte, the fold over the facts that are kept, and
// that over all facts there ever were.
func TestInvariant6CarriedForwardEqualsFold(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	paths := []string{"FirstName", "LastName", "Address.City", "Attributes.tier", "EmailAddress"}
	pick := func() Origin { return origin(string([]rune{'a' + rune(r.IntN(3)), '1' + rune(r.IntN(2))})) }
	for round := range 300 {
		l := newLedger()
		var log []string
		for step := range 40 {
			path := paths[r.IntN(len(paths))]
			switch n := r.IntN(20); {
			case n < 3:
				l.edit(path, fmt.Sprint("m", step))
				log = append(log, "edit "+path)
			case n < 5:
				l.edit(path, "")
				log = append(log, "clear "+path)
			case n < 6:
				o := pick()
				l.remove(o)
				log = append(log, "remove "+o.Type)
			case n < 8:
				o := pick()
				l.evict(o)
				log = append(log, "evict "+o.Type)
			case n < 9 && r.IntN(3) == 0:
				o := Origin{Type: pick().Type}
				l.remove(o)
				log = append(log, "remove the residue of "+o.Type)
			default:
				o := pick()
				values := map[string]string{}
				for range 1 + r.IntN(4) {
					values[paths[r.IntN(len(paths))]] = fmt.Sprint("v", step)
				}
				var at int64
				if r.IntN(2) == 0 {
					at = int64(r.IntN(40))
				}
				priority := uint16(r.IntN(3))
				l.ingest(o, priority, at, values)
				log = append(log, fmt.Sprintf("ingest %s priority %d at %d %v", o.Type, priority, at, values))
			}
			for what, facts := range map[string][]Fact{"kept": l.kept(), "all": slices.Clone(l.history)} {
				r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
				if got, want := encodeFacts(l.standing), encodeFacts(Fold(facts)); !bytes.Equal(got, want) {
					t.Fatalf("round %d: carried forward\n%+v\nfold over %s facts\n%+v\nafter\n%s", round, l.standing, what, Fold(facts), strings.Join(log, "\n"))
				}
			}
			if !slices.IsSortedFunc(l.standing, func(a, b Fact) int { return strings.Compare(a.Path, b.Path) }) {
				t.Fatalf("round %d: standing facts are not in order", round)
			}
		}
	}
}

// step is one arrival in a table below: "m" is an edit, "s" and "w" are sources
// with the priorities 1 and 2, "a" and "b" are sources without one.
type step struct {
	who, text string
	at        int64 // source time, 0 is none
}

func TestMutationRules(t *testing.T) {
	priorities := map[string]uint16{"s": 1, "w": 2, "a": 0, "b": 0}
	for _, c := range []struct {
		rule  string
		steps []step
		want  string
	}{
		{"the only value stands", []step{{"a", "Jon", 0}}, "Jon"},
		{"last write wins without priorities", []step{{"a", "Jon", 0}, {"b", "Jan", 0}}, "Jan"},
		{"the later source time wins, whatever comes last", []step{{"a", "Jon", 20}, {"b", "Jan", 10}}, "Jon"},
		{"of equal source times the later arrival wins", []step{{"a", "Jon", 20}, {"b", "Jan", 20}}, "Jan"},
		{"an object's own newer value replaces its older", []step{{"a", "Jon", 0}, {"a", "Jan", 0}}, "Jan"},
		{"an object's own older value does not", []step{{"a", "Jon", 20}, {"a", "Jan", 10}}, "Jon"},
		{"a weaker source does not overwrite a stronger", []step{{"s", "Jon", 0}, {"w", "Jan", 0}}, "Jon"},
		{"whatever its time", []step{{"s", "Jon", 10}, {"w", "Jan", 90}}, "Jon"},
		{"a source without priority is the weakest", []step{{"w", "Jon", 0}, {"a", "Jan", 0}}, "Jon"},
		{"a stronger source overwrites a weaker", []step{{"w", "Jon", 0}, {"s", "Jan", 0}}, "Jan"},
		{"equal priorities: the later time", []step{{"s", "Jon", 90}, {"s", "Jan", 10}}, "Jon"},
		{"an edit overwrites every source", []step{{"s", "Jon", 0}, {"m", "John", 0}}, "John"},
		{"an ingested value does not replace an edit", []step{{"m", "John", 0}, {"a", "Jon", 0}}, "John"},
		{"but that of a source with priority does", []step{{"m", "John", 0}, {"w", "Jon", 0}}, "Jon"},
		{"an edit after that stands again", []step{{"m", "John", 0}, {"w", "Jon", 0}, {"m", "Jo", 0}}, "Jo"},
		{"what arrived before the edit never comes back", []step{{"s", "Jon", 90}, {"m", "John", 0}, {"w", "Jan", 10}}, "Jan"},
		{"a later edit replaces an earlier", []step{{"m", "John", 0}, {"m", "Jo", 0}}, "Jo"},
		{"clearing removes an ingested value", []step{{"a", "Jon", 0}, {"m", "", 0}}, ""},
		{"clearing removes an edit", []step{{"m", "John", 0}, {"m", "", 0}}, ""},
		{"clearing what is not there is nothing", []step{{"m", "", 0}}, ""},
		{"after clearing, any source fills again", []step{{"m", "John", 0}, {"m", "", 0}, {"a", "Jon", 0}}, "Jon"},
		{"even with an old source time", []step{{"a", "Jon", 90}, {"m", "", 0}, {"b", "Jan", 10}}, "Jan"},
		{"what was cleared does not come back by the object's older value", []step{{"a", "Jon", 90}, {"m", "", 0}, {"a", "Jan", 10}}, "Jan"},
	} {
		l := newLedger()
		for _, s := range c.steps {
			if s.who == "m" {
				l.edit("FirstName", s.text)
			} else {
				l.ingest(origin(s.who), priorities[s.who], s.at, map[string]string{"FirstName": s.text})
			}
		}
		got := ""
		if i, ok := find(l.standing, "FirstName"); ok {
			got = l.standing[i].Text
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
		if folded := Fold(l.kept()); !bytes.Equal(encodeFacts(folded), encodeFacts(l.standing)) {
			t.Errorf("%s: the fold gives %+v", c.rule, folded)
		}
	}
}

// TestEmptyNeverBlanks: an object that is ingested again without a value keeps
// the one it gave.
func TestEmptyNeverBlanks(t *testing.T) {
	l := newLedger()
	l.ingest(origin("a"), 0, 0, map[string]string{"FirstName": "Jon", "LastName": "Lund"})
	l.ingest(origin("a"), 0, 0, map[string]string{"LastName": "Lunde"})
	if len(l.standing) != 2 || l.standing[0].Text != "Jon" || l.standing[1].Text != "Lunde" {
		t.Errorf("standing: %+v", l.standing)
	}
	if kept := l.objects[origin("a")]; len(kept) != 2 {
		t.Errorf("the object has given %+v", kept)
	}
}

// TestRemovalBringsBack: when the object whose value stands is removed, the next
// in rank stands again, and a value that a person overruled does not.
func TestRemovalBringsBack(t *testing.T) {
	l := newLedger()
	l.ingest(origin("b"), 0, 0, map[string]string{"FirstName": "Jan", "LastName": "Old"})
	l.edit("LastName", "New")
	l.ingest(origin("s"), 1, 0, map[string]string{"FirstName": "Jon", "LastName": "Strong"})
	l.remove(origin("s"))
	if got := fmt.Sprint(l.standing[0].Text, " ", l.standing[1].Text); got != "Jan New" {
		t.Errorf("after the removal: %s", got)
	}
}

func TestProvenance(t *testing.T) {
	l := newLedger()
	l.ingest(origin("a"), 3, 17, map[string]string{"FirstName": "Jon"})
	f := l.standing[0]
	if f.Origin != origin("a") || f.Priority != 3 || f.Time != 17 || f.Seq != 1 || f.Manual {
		t.Errorf("provenance: %+v", f)
	}
	l.edit("FirstName", "John")
	if f = l.standing[0]; !f.Manual || f.Origin != (Origin{}) || f.Seq != 2 {
		t.Errorf("provenance of an edit: %+v", f)
	}
}

func BenchmarkFold(b *testing.B) {
	l := newLedger()
	for i := range 20 {
		l.ingest(origin(string(rune('a'+i))), uint16(i%3), 0, map[string]string{"FirstName": "Jon", "LastName": "Lund", "EmailAddress": "a@x", "Address.City": "Bergen"})
	}
	facts := l.kept()
	b.ReportAllocs()
	for b.Loop() {
		Fold(facts)
	}
}
