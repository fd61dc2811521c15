package profile

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// MaxExplained is how many profiles an explanation names of those that one key
// finds.
const MaxExplained = 10

// Explanation is gathered beside an Attach whose Object has one: which key found
// what, and what became of each value. It decides nothing. All methods do
// nothing on nil, which is what ingestion has.
//
// A transaction may run several times; the explanation is that of the last run.
type Explanation struct {
	Trials []Trial // of the lookup keys, in their order
	// Profile is the one that the object would be put into, or stays with; zero
	// when it would be a new one or none was found.
	Profile ID
	// Owner is the profile that has the object now, zero if none has.
	Owner    ID
	Fresh    bool // a profile would be made
	Replaces bool // the profile has the object already
	Outdated bool // the object is older than the stored one and changes nothing
	// StoresNewOnly: keys that are NEW_ONLY would be stored, because the object
	// makes the profile or has made it.
	StoresNewOnly bool
	Changes       []Change // by path
	Parts         []PartTrial

	was                  []Fact // on the profile
	before, fresh, after []Fact // before: was, without what the object gave elsewhere
	met                  bool   // a profile that is there
	put                  bool   // all the way to the end
	standards            []standardHit
}

// Trial is what one key finds.
type Trial struct {
	Key      Key
	Finding  Finding
	Profiles []ID // at most MaxExplained
	More     bool // there are more
}

// Finding says what a key contributed to the choice of a profile.
type Finding string

// The findings. A key that was not tried may well find profiles, but an earlier
// one has decided.
const (
	Found     Finding = "FOUND"
	NotFound  Finding = "NOT_FOUND"
	Ambiguous Finding = "AMBIGUOUS"
	NotTried  Finding = "NOT_TRIED"
)

// Change is what becomes of one value that the object gives to its profile.
type Change struct {
	Path          string
	Before, After *string // nil: no value. Elements of a list are joined by commas
	Reason        Reason
}

// Reason is why a value stands after the object or does not (see displaces).
type Reason string

// The reasons.
const (
	New                Reason = "NEW"                  // there was no value
	Newer              Reason = "NEWER"                // later than the standing one
	StrongerSource     Reason = "STRONGER_SOURCE"      // of a source with a stronger priority
	OverrulesManual    Reason = "OVERRULES_MANUAL"     // a source with a priority overrules a person
	Same               Reason = "SAME"                 // no other than the standing one
	KeptManual         Reason = "KEPT_MANUAL"          // a person wrote the standing value
	KeptStrongerSource Reason = "KEPT_STRONGER_SOURCE" // the standing value's source is stronger
	KeptNewer          Reason = "KEPT_NEWER"           // the standing value is later
)

// PartTrial is what becomes of an object's values for a standard object.
type PartTrial struct {
	Kind    string
	Outcome PartOutcome
	ID      ID    // of the standard object that is there; zero of a new one
	By      []Key // that found it, or them
}

// PartOutcome says how a part finds its standard object.
type PartOutcome string

// The outcomes.
const (
	PartAttaches  PartOutcome = "WOULD_ATTACH" // to the one that its keys find
	PartStays     PartOutcome = "WOULD_STAY"   // with the one it had, as no key says otherwise
	PartCreates   PartOutcome = "WOULD_CREATE"
	PartAmbiguous PartOutcome = "AMBIGUOUS" // keys find several, which refuses the object
)

// standardHit is a key that finds a standard object of the profile.
type standardHit struct {
	kind string
	key  Key
}

// limit is how many index entries of a key are read: those that ingestion needs
// to tell one from several, or those to be named.
func (x *Explanation) limit(needed int) int {
	if x == nil {
		return needed
	}
	return MaxExplained + 1
}

// look begins the explanation with what the keys find, and who has the object.
// Base profiles that merges have made one are one.
func (x *Explanation) look(ctx context.Context, tx *seal.Tx, cfg *domain.Config, lookup []Key, lists [][]store.Record, owner ID) error {
	var ids []ID
	for i, k := range lookup {
		for _, hit := range lists[i] {
			if k.Name == profileIDKey {
				id, _ := ParseID(k.Value)
				ids = append(ids, id)
			} else {
				ids = append(ids, ID(hit.Key.Sort[1:]))
			}
		}
	}
	roots, err := rootsOf(ctx, &tx.Reader, cfg.ID, append(ids, owner))
	if err != nil {
		return err
	}
	owner = roots[len(ids)]
	*x = Explanation{Owner: owner, Profile: owner}
	decided := false
	for i, k := range lookup {
		t := Trial{Key: k, Finding: NotFound}
		for range lists[i] {
			if !slices.Contains(t.Profiles, roots[0]) {
				t.Profiles = append(t.Profiles, roots[0])
			}
			roots = roots[1:]
		}
		n := len(t.Profiles)
		if t.More = n > MaxExplained; t.More {
			t.Profiles = t.Profiles[:MaxExplained]
		}
		switch {
		case decided:
			t.Finding = NotTried
		case n > 1:
			t.Finding = Ambiguous
		case n == 1:
			t.Finding, decided = Found, true
			x.Profile = t.Profiles[0]
		}
		x.Trials = append(x.Trials, t)
	}
	return nil
}

// begin says on which profile the work is.
func (x *Explanation) begin(c *change) {
	if x == nil {
		return
	}
	c.explain = x
	x.Fresh = c.fresh && c.group == nil
	x.met, x.was = !x.Fresh, slices.Clone(c.standing())
	x.before = x.was
	if x.met {
		x.Profile = c.seen()
	}
}

// resume says that the work goes on with the profile read anew, after the object
// has left another part of it.
func (x *Explanation) resume(c *change) {
	if x != nil {
		c.explain, x.before = x, slices.Clone(c.standing())
	}
}

// outdated says that the object stays as it is in a profile.
func (x *Explanation) outdated(c *change) {
	if x == nil {
		return
	}
	x.Profile, x.Outdated, x.met, x.put = c.seen(), true, true, true
	x.was = slices.Clone(c.standing())
	x.before, x.after = x.was, x.was
}

// gives says which facts the object brings.
func (x *Explanation) gives(fresh []Fact) {
	if x != nil {
		x.fresh = slices.Clone(fresh)
	}
}

// finished says that the object would be stored, in place of an old one if
// there is one.
func (x *Explanation) finished(c *change, old, k *contribution) {
	if x == nil {
		return
	}
	x.put, x.Replaces, x.StoresNewOnly = true, old != nil || x.Owner == x.Profile && x.Owner != ID{}, k.created
	x.after = slices.Clone(c.standing())
	for i := range x.fresh {
		x.Changes = append(x.Changes, x.weigh(&x.fresh[i]))
	}
}

// weigh compares a fact that the object brings with the one that stood and the
// one that stands.
func (x *Explanation) weigh(f *Fact) Change {
	ch := Change{Path: f.Path}
	var before, after *Fact
	if i, ok := find(x.before, f.Path); ok {
		before = &x.before[i]
		ch.Before = before.shown()
	}
	if i, ok := find(x.after, f.Path); ok {
		after = &x.after[i]
		ch.After = after.shown()
	}
	switch stands := after != nil && after.Seq == f.Seq; {
	case before == nil && after == nil: // what the object gave before is stronger, and a merge has passed over that
		ch.Reason = KeptStrongerSource
	case before == nil:
		ch.Reason = New
	case before.Text == f.Text && slices.Equal(before.List, f.List):
		ch.Reason = Same
	case stands && before.Manual:
		ch.Reason = OverrulesManual
	case stands && strength(f) > strength(before):
		ch.Reason = StrongerSource
	case stands:
		ch.Reason = Newer
	case before.Manual:
		ch.Reason = KeptManual
	case strength(before) > strength(f):
		ch.Reason = KeptStrongerSource
	default:
		ch.Reason = KeptNewer
	}
	return ch
}

func (f *Fact) shown() *string {
	if f.IsList {
		return new(strings.Join(f.List, ","))
	}
	return &f.Text
}

// found notes which keys of a part find standard objects. Each record found is
// the index entry of a key, or the object itself for a key that holds its id.
func (x *Explanation) found(ring *seal.Ring, p *Part, lists [][]store.Record) {
	if x == nil {
		return
	}
	for _, k := range slices.Concat(p.Keys, p.NewOnly, p.Lookup) {
		entry := standardKeySort(p.Kind, ring.Identify(identStandard, k.Name, k.Value))
		own, isID := ParseID(k.Value)
		for _, rec := range slices.Concat(lists...) {
			hit := bytes.HasPrefix(rec.Key.Sort, entry) ||
				isID && namesItself(p.Kind, k.Name) && bytes.Equal(rec.Key.Sort, standardSort(p.Kind, own))
			if h := (standardHit{p.Kind, k}); hit && !slices.Contains(x.standards, h) {
				x.standards = append(x.standards, h)
			}
		}
	}
}

// part says which standard object a part goes to; none when its keys find
// several.
func (x *Explanation) part(p *Part, s *standardObject) {
	if x == nil {
		return
	}
	t := PartTrial{Kind: p.Kind}
	for _, h := range x.standards {
		if h.kind == p.Kind {
			t.By = append(t.By, h.key)
		}
	}
	switch {
	case s == nil:
		t.Outcome = PartAmbiguous
	case s.updated == 0: // never saved
		t.Outcome = PartCreates
	case len(t.By) == 0:
		t.Outcome, t.ID = PartStays, s.id
	default:
		t.Outcome, t.ID = PartAttaches, s.id
	}
	x.Parts = append(x.Parts, t)
}

// Shapes are the profile before the object and after it, as the API shows it;
// nil where there is none: before one that would be made, and after an object
// that cannot be stored.
func (x *Explanation) Shapes() (before, after *profileapi.Profile, err error) {
	if x.met {
		if before, err = shape(x.Profile, x.was); err != nil {
			return nil, nil, err
		}
	}
	if !x.put {
		return before, nil, nil
	}
	if after, err = shape(x.Profile, x.after); err != nil {
		return nil, nil, err
	}
	if x.Fresh {
		after.ProfileId = nil // the id is chosen when the profile is made
	}
	return before, after, nil
}
