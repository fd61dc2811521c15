package profile

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
)

// Replay gives stored objects of a type what another mapping makes of them: it
// takes what they gave away and puts in its place what they would have given had
// they been mapped so when they were last ingested. Their facts take the place in
// the order of arrival that that ingestion had.
//
// An object whose contribution has the mapping To is left alone, so that a run
// that is interrupted, or meets an object that has moved, does nothing twice.
type Replay struct {
	ObjectType string
	To         Mapping
	Create     bool // the type may make profiles
	Priority   uint16
	Maps       func(key string) bool                // whether the type maps a predefined key
	Targets    func(kind, path string) bool         // whether it may write a path of a standard object
	SameKeys   func(Mapping) bool                   // whether another mapping sends every record to the same place
	Keeps      func(Mapping) bool                   // whether the type still has all PROFILE keys of another mapping
	Remap      func(body []byte) (*Remapped, error) // an *Unmapped: the object cannot be mapped
	// Undo has objects that are mapped by one of these be again what they were
	// before they were replayed; those that were ingested since are mapped by To.
	// Nil: all are replayed, and what they were is kept.
	Undo []Mapping

	Counts  map[string]int64  // see the constants
	Changed []*Replayed       // profiles, in the order in which they were met
	From    map[Mapping]int64 // objects replaced, by the mapping that they had
	failed  int64
	at      map[ID]*Replayed
}

// Unmapped is the error of an object that a mapping refuses. Reason is a name for
// counting: letters and digits, of a small number of them.
type Unmapped struct{ Reason string }

func (u *Unmapped) Error() string { return "the object cannot be mapped: " + u.Reason }

// Remapped is an object as a mapping has it.
type Remapped struct {
	Object *Object
	Lookup []Key // values of its PROFILE keys, in the order in which they are tried
}

// What a replay counts.
const (
	CountObjects   = "objects"         // that were mapped otherwise
	CountReplaced  = "replaced"        // whose contributions were replaced
	CountMoved     = "moved"           // of those, objects that went to another profile
	CountMade      = "profilesMade"    //
	CountRemoved   = "profilesRemoved" // inferred ones of which nothing was left
	CountProfiles  = "profilesChanged" // of which clients see other values
	CountFields    = "fieldsChanged"   // values of theirs
	CountKeys      = "keysChanged"     // key values added to or taken from profiles
	CountAmbiguous = "keysAmbiguous"   // key values that find several profiles since
	countFailed    = "failed"          // prefix
)

// Why objects keep what they gave: they cannot be mapped, or not so.
var (
	errUniqueChanged = errors.New("the unique key of the object is another")
	failures         = []struct {
		err  error
		name string
	}{{errUniqueChanged, "UniqueKeyChanged"}, {errSeveral, "SeveralStandardObjects"}}
)

// Place is how far a replay has come within a profile.
type Place struct {
	Created bool
	First   int64
	Seq     uint64
	Object  seal.Hash
}

func (k *contribution) place() Place { return Place{k.created, k.first, k.seq, k.origin.Object} }

// compare orders objects as they are replayed: what made the profile first, so
// that its keys are there for the others, then in the order in which they came.
func (p Place) compare(o Place) int {
	if p.Created != o.Created {
		if p.Created {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(p.First, o.First), cmp.Compare(p.Seq, o.Seq), bytes.Compare(p.Object[:], o.Object[:]))
}

// Budget bounds what is done in one transaction.
type Budget struct {
	Objects int
	Bytes   int // of their texts
}

// Profile replays the objects of a base profile after a place (nil: all), as far
// as the budget goes. It returns the place to go on from, nil if none is left. A
// profile that is gone has none.
func (r *Replay) Profile(ctx context.Context, tx *seal.Tx, cfg *domain.Config, id ID, after *Place, left *Budget) (*Place, error) {
	c, err := loadBase(ctx, tx, cfg, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	w := &replaying{Replay: r, ctx: ctx, tx: tx, cfg: cfg, id: id}
	if err := w.open(c); err != nil {
		return nil, err
	}
	todo := w.todo(after)
	for len(todo) > 0 && left.Objects > 0 && left.Bytes > 0 {
		some := todo[:chunk(todo, left)]
		todo = todo[len(some):]
		if err := w.some(some); err != nil {
			return nil, err
		}
		at := some[len(some)-1].place()
		after = &at
	}
	if len(todo) == 0 {
		if err := w.residue(); err != nil {
			return nil, err
		}
		after = nil
	}
	return after, w.flush()
}

// chunkObjects and chunkBytes bound the texts that are read at once.
const (
	chunkObjects = 32
	chunkBytes   = 2 << 20
)

// chunk takes the next objects off the budget.
func chunk(todo []*contribution, left *Budget) (n int) {
	size := 0
	for n < min(len(todo), chunkObjects, left.Objects) && size < min(chunkBytes, left.Bytes) {
		size += todo[n].size
		n++
	}
	left.Objects, left.Bytes = left.Objects-n, left.Bytes-size
	return n
}
