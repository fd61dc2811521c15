package profile

import (
	"encoding/binary"
	"fmt"

	"kindred/internal/seal"
	"kindred/internal/store"
)

// encoder appends the primitive forms that records are made of: unsigned and
// zigzag varints, and strings with their length before them.
type encoder struct{ b []byte }

func (e *encoder) uint(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) int(v int64)     { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) string(s string) { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) bytes(s []byte)  { e.b = append(e.b, s...) }
func (e *encoder) bool(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

// decoder reads what an encoder wrote. It keeps the first error; after it,
// everything reads as zero. Strings share one copy of the input.
type decoder struct {
	s    string
	fail bool
}

func (d *decoder) uint() uint64 {
	var v uint64
	for i := 0; i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		c := d.s[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.s = d.s[i+1:]
			return v
		}
	}
	d.fail, d.s = true, ""
	return 0
}

func (d *decoder) int() int64 {
	u := d.uint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.s)) {
		d.fail, d.s = true, ""
		return ""
	}
	t := d.s[:n]
	d.s = d.s[n:]
	return t
}

func (d *decoder) string() string { return d.take(d.uint()) }
func (d *decoder) bool() bool     { return d.take(1) == "\x01" }

func (d *decoder) byte() byte {
	if t := d.take(1); t != "" {
		return t[0]
	}
	return 0
}

// The least bytes that an element of a list takes.
const (
	stringBytes = 1
	keyBytes    = 2
	factBytes   = 6
	partBytes   = 3 + len(ID{})
	originBytes = 1 + seal.HashSize
)

// count reads the length of a list whose elements take at least so many bytes
// each, so that a damaged length cannot ask for much more memory than there is
// input.
func (d *decoder) count(least int) int {
	n := d.uint()
	if n > uint64(len(d.s)/least) {
		d.fail, d.s = true, ""
		return 0
	}
	return int(n)
}

func (d *decoder) done(what string) error {
	if d.fail || d.s != "" {
		return fmt.Errorf("%s: %w", what, store.ErrCorrupt)
	}
	return nil
}

// Bits of a fact's flags.
const (
	factList = 1 << iota
	factManual
	factCleared
	factMapped
)

// facts writes facts without their origins, when those are known from the place
// of the record, or with an index into a table of origins.
func (e *encoder) facts(facts []Fact, origins *[]Origin) {
	e.uint(uint64(len(facts)))
	for i := range facts {
		f := &facts[i]
		var flags byte
		for bit, set := range [...]bool{f.IsList, f.Manual, f.Cleared, f.Mapped} {
			if set {
				flags |= 1 << bit
			}
		}
		e.b = append(e.b, flags)
		e.string(f.Path)
		if f.IsList {
			e.uint(uint64(len(f.List)))
			for _, s := range f.List {
				e.string(s)
			}
		} else {
			e.string(f.Text)
		}
		e.uint(f.Seq)
		e.int(f.Time)
		e.uint(uint64(f.Priority))
		if origins != nil && !f.Manual {
			e.uint(uint64(originIndex(origins, f.Origin)))
		}
	}
}

func originIndex(table *[]Origin, o Origin) int {
	for i := len(*table) - 1; i >= 0; i-- { // neighbours mostly share their origin
		if (*table)[i] == o {
			return i
		}
	}
	*table = append(*table, o)
	return len(*table) - 1
}

func (d *decoder) facts(origins []Origin, own Origin) []Fact {
	n := d.count(factBytes)
	if n == 0 {
		return nil
	}
	facts := make([]Fact, n)
	for i := range facts {
		f := &facts[i]
		var flags byte
		if t := d.take(1); t != "" {
			flags = t[0]
		}
		f.IsList, f.Manual = flags&factList != 0, flags&factManual != 0
		f.Cleared, f.Mapped = flags&factCleared != 0, flags&factMapped != 0
		f.Path = d.string()
		if f.IsList {
			f.List = make([]string, d.count(stringBytes))
			for j := range f.List {
				f.List[j] = d.string()
			}
		} else {
			f.Text = d.string()
		}
		f.Seq, f.Time, f.Priority = d.uint(), d.int(), uint16(d.uint())
		switch {
		case f.Manual:
		case origins == nil:
			f.Origin = own
		default:
			if at := d.uint(); at < uint64(len(origins)) {
				f.Origin = origins[at]
			} else {
				d.fail = true
			}
		}
	}
	return facts
}

// ownFacts writes the facts of a contribution, those that stand by their place
// among the standing ones: 0 is a fact that does not.
func (e *encoder) ownFacts(facts, standing []Fact) {
	if len(standing) == 0 {
		e.facts(facts, nil)
		return
	}
	e.uint(uint64(len(facts)))
	for i := range facts {
		at, ok := find(standing, facts[i].Path)
		if ok && standing[at].Seq == facts[i].Seq && !standing[at].Manual {
			e.uint(uint64(at) + 1)
			continue
		}
		e.uint(0)
		e.facts(facts[i:i+1], nil)
	}
}

func (d *decoder) ownFacts(standing []Fact, own Origin) []Fact {
	if len(standing) == 0 {
		return d.facts(nil, own)
	}
	n := d.count(1)
	if n == 0 {
		return nil
	}
	facts := make([]Fact, 0, n)
	for range n {
		switch at := d.uint(); {
		case at == 0:
			one := d.facts(nil, own)
			d.fail = d.fail || len(one) != 1
			facts = append(facts, one...)
		case at <= uint64(len(standing)):
			facts = append(facts, standing[at-1])
		default:
			d.fail = true
			return nil
		}
	}
	return facts
}

func (e *encoder) origins(table []Origin) {
	e.uint(uint64(len(table)))
	for _, o := range table {
		e.string(o.Type)
		e.bytes(o.Object[:])
	}
}

func (d *decoder) origins() []Origin {
	table := make([]Origin, d.count(originBytes))
	for i := range table {
		table[i].Type = d.string()
		copy(table[i].Object[:], d.take(seal.HashSize))
	}
	return table
}

func (e *encoder) keys(keys []Key) {
	e.uint(uint64(len(keys)))
	for _, k := range keys {
		e.string(k.Name)
		e.string(k.Value)
	}
}

func (d *decoder) keys() []Key {
	n := d.count(keyBytes)
	if n == 0 {
		return nil
	}
	keys := make([]Key, n)
	for i := range keys {
		keys[i] = Key{d.string(), d.string()}
	}
	return keys
}

// newDecoder copies its input once, so that the strings of the record may point
// into the copy.
func newDecoder(b []byte) *decoder { return &decoder{s: string(b)} }

func (d *decoder) id() (id ID) {
	copy(id[:], d.take(uint64(len(id))))
	return id
}

func (e *encoder) ids(ids []ID) {
	e.uint(uint64(len(ids)))
	for i := range ids {
		e.bytes(ids[i][:])
	}
}

func (d *decoder) ids() []ID {
	n := d.count(len(ID{}))
	if n == 0 {
		return nil
	}
	ids := make([]ID, n)
	for i := range ids {
		ids[i] = d.id()
	}
	return ids
}
