package profile

import (
	"bytes"
	"context"
	"fmt"

	"kindred/internal/domain"
	"kindred/internal/store"
)

// Holder is a base profile that has, or may have, objects of a type. Seen is how
// many base profiles were passed up to it.
type Holder struct {
	ID   ID
	Seen int
}

// Holders is a stretch of the base profiles of a domain.
type Holders struct {
	List []Holder
	Seen int  // base profiles passed in all
	Last ID   // the last of them
	End  bool // there are no more
}

// Bounds of one look at base profiles. A page is held in memory, and records of a
// profile have up to a quarter of a megabyte.
const (
	holderPage  = 64 // records
	holderPages = 64
)

// FindHolders goes through the base profiles of a domain behind one (nil: from the
// start), in the order of their ids, until enough hold objects of a type or many
// have been passed. Of a profile with many records it reads the first.
func FindHolders(ctx context.Context, st store.Store, d domain.ID, objectType string, behind *ID, enough int) (f Holders, err error) {
	// The head may have the contribution of an object, and a residue has no object.
	prefix, first, given := d.Partition('p'), named('o', objectType, 0), named('c', objectType, 0)
	var at store.Key
	skip := func(p []byte) {
		at = store.Key{Partition: bytes.Clone(p), Sort: bytes.Repeat([]byte{0xff}, store.MaxSort)}
	}
	if behind != nil {
		skip(partition(d, *behind))
	}
	for range holderPages {
		page, err := st.ScanPrefix(ctx, prefix, at, holderPage)
		if err != nil {
			return f, fmt.Errorf("profiles: %w", err)
		}
		var p []byte
		var passed bool // the records of the type, if there are any
		for i, rec := range page {
			if !bytes.Equal(rec.Key.Partition, p) {
				if len(f.List) >= enough {
					return f, nil
				}
				p, passed = rec.Key.Partition, false
				f.Last = ID(p[len(prefix):])
				f.Seen++
			}
			has := bytes.HasPrefix(rec.Key.Sort, first) || bytes.HasPrefix(rec.Key.Sort, given)
			cut := i == len(page)-1 && bytes.Compare(rec.Key.Sort, first) < 0 // what comes is not known
			if (has || cut) && !passed {
				f.List = append(f.List, Holder{f.Last, f.Seen})
			}
			passed = passed || has
		}
		if len(page) < holderPage {
			f.End = true
			return f, nil
		}
		skip(p)
	}
	return f, nil
}
