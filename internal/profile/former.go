package profile

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
)

// Mapping identifies the part of an object type's definition that decides what a
// record becomes. Each contribution says by which it was mapped.
type Mapping uint64

func (m Mapping) bytes() []byte { return binary.BigEndian.AppendUint64(nil, uint64(m)) }

func (d *decoder) mapping() Mapping {
	b := d.take(8)
	if b == "" {
		return 0
	}
	return Mapping(binary.BigEndian.Uint64([]byte(b)))
}

// former is what a contribution was until it was replayed. It is kept inside the
// contribution that took its place and so goes wherever that goes, with merges,
// their undoing and evictions, and is gone with it.
type former struct {
	at    int64 // of the replay, microseconds
	home  ID    // the base profile that it was in
	made  int64 // when that was made
	again bool  // the object has been ingested since the replay
	was   *contribution
}

func (e *encoder) former(f *former) {
	e.bool(f != nil)
	if f == nil {
		return
	}
	e.int(f.at)
	e.bytes(f.home[:])
	e.int(f.made)
	e.bool(f.again)
	e.string(string(f.was.encode()))
}

func (d *decoder) former(o Origin) *former {
	if !d.bool() {
		return nil
	}
	f := &former{at: d.int(), home: d.id(), made: d.int(), again: d.bool()}
	var err error
	if f.was, err = decodeContribution(o, []byte(d.string())); err != nil {
		d.fail, d.s = true, ""
		return nil
	}
	return f
}

// formerly is what a contribution was in the profile, to be kept when it is
// replayed.
func (c *change) formerly(k *contribution) *former {
	was := *k
	was.before, was.versions = nil, nil
	return &former{at: c.tx.Now().UnixMicro(), home: c.id, made: c.head.created, was: &was}
}

// cameAgain is what is kept of an object that was replayed and is ingested anew by
// the same mapping.
func (f *former) cameAgain() *former {
	if f == nil {
		return nil
	}
	again := *f
	again.again = true
	return &again
}

// asOf is the contribution to a base profile as it was before a replay that came
// after a time.
func (k *contribution) asOf(at int64, base ID) *contribution {
	if f := k.before; f != nil && f.at > at && f.home == base && !f.again {
		return f.was
	}
	return k
}

// condenseFormer keeps for a roll-back what an object that is evicted, or the
// residue that takes its values in, was before a replay. r is the residue as it
// was, o its origin.
func (c *change) condenseFormer(k, r *contribution, o Origin, since func(string) uint64) *former {
	if k.before == nil && r.before == nil {
		return nil
	}
	var f former
	if r.before != nil {
		f = *r.before
	} else {
		f = *c.formerly(r)
	}
	gave := k.facts
	if b := k.before; b != nil {
		gave = b.was.facts
		if b.home != c.id { // places there say nothing here, where it has stayed for good
			gave = slices.Clone(gave)
			for i := range gave {
				gave[i].Seq = k.seq
			}
		}
		if b.again {
			gave = slices.Concat(gave, k.facts)
		}
	}
	was := *f.was
	was.facts = condense(o, was.facts, gave, since, c.eras())
	was.first, was.last, was.expires = min(was.first, k.first), max(was.last, k.last), max(was.expires, k.expires)
	f.was = &was
	return &f
}

// Forget forgets what the objects of a type in a base profile were before a replay
// that was made before a time, at most so many of them. It reports whether some
// are left.
func Forget(ctx context.Context, tx *seal.Tx, cfg *domain.Config, id ID, objectType string, before time.Time, most int) (more bool, err error) {
	c, err := loadBase(ctx, tx, cfg, id)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	list, err := scanContributions(ctx, &c.tx.Reader, c.p, c.head, objectType)
	if err != nil {
		return false, err
	}
	list = slices.DeleteFunc(list, func(k *contribution) bool { return k.before == nil || k.before.at >= before.UnixMicro() })
	if len(list) == 0 {
		return false, nil
	}
	for _, k := range list[:min(len(list), most)] {
		// What the profile was before the replay cannot be told any more.
		c.head.forgotten = max(c.head.forgotten, k.before.at)
		if k.before = nil; k.residue() && len(k.facts) == 0 {
			c.drop(k.origin)
			continue
		}
		c.save(k)
	}
	return len(list) > most, c.finish()
}
