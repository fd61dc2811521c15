package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kindred/internal/seal"
	"kindred/internal/store"
)

// recordVersion leads every record of a profile.
const recordVersion = 1

// Key is an identifier of a profile or standard object: the name of a key and a
// normalised value.
type Key struct{ Name, Value string }

// head is the profile as it stands.
type head struct {
	created, updated, expires int64  // microseconds
	seq                       uint64 // of the newest fact
	objects                   int
	bytes                     int64
	inferred                  bool // made by ingestion, not by a call
	role                      role
	window                    int64 // second in which inWindow objects arrived
	inWindow                  int
	logged                    int          // records of the log
	cut                       uint64       // places below this one are not in the log any more
	forgotten                 int64        // what was before this time is not known completely any more; 0 if all is
	facts                     []Fact       // that stand, by path
	derived                   []derivedKey // predefined keys that follow from facts
	counts                    tally        // of objects
	due                       uint32       // hour of the entry in the index of due times, 0 is none
	latest                    uint64       // no fact of its own arrived later
	cleared                   bool         // a person may have removed a value

	// first is the contribution of the only object, which needs no record of its
	// own as long as it is the only one. Its facts are mostly those that stand.
	first *contribution

	secret seal.Secret // of the profile's keys; kept in front of the record
}

// role is what merges have made of a profile.
type role byte

const (
	alone       role = iota // itself and nothing else
	rootOfGroup             // what clients see of a group
	mergedAway              // merged into the root of its group: clients see nothing of it
)

// derivedKey is an index entry that follows from the standing facts.
type derivedKey struct {
	class byte
	key   Key
}

func (h *head) encode() []byte {
	e := encoder{make([]byte, 0, 512+64*len(h.facts))}
	e.b = append(e.b, recordVersion)
	e.int(h.created)
	e.int(h.updated)
	e.int(h.expires)
	e.uint(h.seq)
	e.uint(uint64(h.objects))
	e.int(h.bytes)
	e.bool(h.inferred)
	e.b = append(e.b, byte(h.role))
	e.int(h.window)
	e.uint(uint64(h.inWindow))
	e.uint(uint64(h.logged))
	e.uint(h.cut)
	e.int(h.forgotten)
	var table []Origin
	body := encoder{make([]byte, 0, 64*len(h.facts))}
	body.facts(h.facts, &table)
	e.origins(table)
	e.bytes(body.b)
	e.uint(uint64(len(h.derived)))
	for _, k := range h.derived {
		e.b = append(e.b, k.class)
		e.string(k.key.Name)
		e.string(k.key.Value)
	}
	e.tally(h.counts)
	e.uint(uint64(h.due))
	e.uint(h.latest)
	e.bool(h.cleared)
	e.bool(h.first != nil)
	if h.first != nil {
		e.origins([]Origin{h.first.origin})
		e.contribution(h.first, h.facts)
	}
	return e.b
}

func decodeHead(b []byte) (*head, error) {
	d := newDecoder(b)
	h, err := d.shown()
	if err != nil {
		return nil, err
	}
	if n := d.count(1 + keyBytes); n > 0 {
		h.derived = make([]derivedKey, n)
		for i := range h.derived {
			h.derived[i] = derivedKey{d.byte(), Key{d.string(), d.string()}}
		}
	}
	h.counts, h.due, h.latest, h.cleared = d.tally(), uint32(d.uint()), d.uint(), d.bool()
	if d.bool() {
		if of := d.origins(); len(of) == 1 {
			h.first = d.contribution(of[0], h.facts)
		} else {
			d.fail = true
		}
	}
	return h, d.done("profile head")
}

// decodeShown reads of a head what clients are shown of it, which comes first: the
// facts that stand.
func decodeShown(b []byte) (*head, error) {
	d := newDecoder(b)
	h, err := d.shown()
	if d.fail {
		err = fmt.Errorf("profile head: %w", store.ErrCorrupt)
	}
	return h, err
}

func (d *decoder) shown() (*head, error) {
	if d.take(1) != string(rune(recordVersion)) {
		return nil, fmt.Errorf("profile head: version: %w", store.ErrCorrupt)
	}
	h := &head{created: d.int(), updated: d.int(), expires: d.int(), seq: d.uint(),
		objects: int(d.uint()), bytes: d.int(), inferred: d.bool(), role: role(d.byte()), window: d.int(), inWindow: int(d.uint()),
		logged: int(d.uint()), cut: d.uint(), forgotten: d.int()}
	h.facts = d.facts(d.origins(), Origin{})
	return h, nil
}

// manual is what people and API calls wrote on a profile.
type manual struct {
	facts []Fact // the latest per path, clearings included, by path
	keys  []Key  // added with AddProfileKey
}

func (m *manual) encode() []byte {
	e := encoder{append(make([]byte, 0, 256), recordVersion)}
	e.facts(m.facts, nil)
	e.keys(m.keys)
	return e.b
}

func decodeManual(b []byte) (*manual, error) {
	if b == nil {
		return &manual{}, nil
	}
	d := newDecoder(b)
	if d.take(1) != string(rune(recordVersion)) {
		return nil, fmt.Errorf("manual facts: version: %w", store.ErrCorrupt)
	}
	m := &manual{facts: d.facts(nil, Origin{}), keys: d.keys()}
	return m, d.done("manual facts")
}

// since is the arrival of the last manual fact of a path, 0 if there is none.
func (m *manual) since(path string) uint64 {
	if i, ok := find(m.facts, path); ok {
		return m.facts[i].Seq
	}
	return 0
}

// set replaces the manual fact of a path.
func (m *manual) set(f Fact) {
	i, ok := find(m.facts, f.Path)
	if ok {
		m.facts[i] = f
	} else {
		m.facts = slices.Insert(m.facts, i, f)
	}
}

// contribution is what one object has given to its profile, over all the times
// it was ingested.
type contribution struct {
	origin                       Origin
	created                      bool  // its ingestion made the profile
	first, last, source, expires int64 // microseconds; source is 0 when it gives no time
	order                        int64 // the time in the object's sort key
	size                         int   // of the object's text in bytes
	keys                         []Key // stored ones
	facts                        []Fact
	parts                        []part
	mapping                      Mapping // by which the object was mapped
	late                         int64   // microseconds by which the profile's clock was ahead of last
	before                       *former // what it was until it was replayed; nil when nothing is kept

	seq      uint64   // of its last ingestion
	by       string   // who ingested it last
	versions []uint64 // places in the log of what it was before, ascending
	way      *way
}

// way is how an object of a satellite came there: what it needs to find its way
// anew when the merge that let it in is undone. It goes to target, where a key of
// it would have put it, or makes a profile if there is no such; or it is looked
// for again, by the key alone that found something in the satellite itself.
type way struct {
	target       ID
	again        bool
	lookup       []Key // its PROFILE keys, in the order in which they are tried; of one to look for again, that key
	newOnly      []Key // those it stores if it makes a profile
	mayCreate    bool
	email, phone string // that fill an inferred profile
	// Of the facts that those become: the priority of the source, and whether the
	// object type maps the predefined keys of the two itself.
	priority             uint16
	mapsEmail, mapsPhone bool
}

// part is what an object gives to a standard object below the profile.
type part struct {
	kind  string
	id    ID
	keys  []Key // that carry its identifier
	facts []Fact
}

func (c *contribution) encode() []byte {
	e := encoder{make([]byte, 0, 256+64*len(c.facts))}
	e.b = append(e.b, recordVersion)
	e.contribution(c, nil)
	return e.b
}

// contribution writes a contribution, in the head of a profile with the facts
// that stand there by their places.
func (e *encoder) contribution(c *contribution, standing []Fact) {
	e.bool(c.created)
	e.int(c.first)
	e.int(c.last)
	e.int(c.source)
	e.int(c.expires)
	e.int(c.order)
	e.uint(uint64(c.size))
	e.keys(c.keys)
	e.ownFacts(c.facts, standing)
	e.uint(uint64(len(c.parts)))
	for i := range c.parts {
		p := &c.parts[i]
		e.string(p.kind)
		e.bytes(p.id[:])
		e.keys(p.keys)
		e.facts(p.facts, nil)
	}
	e.uint(c.seq)
	e.string(c.by)
	e.uint(uint64(len(c.versions)))
	for _, v := range c.versions {
		e.uint(v)
	}
	e.bytes(c.mapping.bytes())
	e.int(c.late)
	e.former(c.before)
	e.bool(c.way != nil)
	if w := c.way; w != nil {
		e.bytes(w.target[:])
		e.bool(w.again)
		e.keys(w.lookup)
		e.keys(w.newOnly)
		e.bool(w.mayCreate)
		e.string(w.email)
		e.string(w.phone)
		e.uint(uint64(w.priority))
		e.bool(w.mapsEmail)
		e.bool(w.mapsPhone)
	}
}

func decodeContribution(o Origin, b []byte) (*contribution, error) {
	d := newDecoder(b)
	if d.take(1) != string(rune(recordVersion)) {
		return nil, fmt.Errorf("contribution: version: %w", store.ErrCorrupt)
	}
	c := d.contribution(o, nil)
	return c, d.done("contribution")
}

func (d *decoder) contribution(o Origin, standing []Fact) *contribution {
	c := &contribution{origin: o, created: d.bool(), first: d.int(), last: d.int(), source: d.int(),
		expires: d.int(), order: d.int(), size: int(d.uint()), keys: d.keys(), facts: d.ownFacts(standing, o)}
	if n := d.count(partBytes); n > 0 {
		c.parts = make([]part, n)
		for i := range c.parts {
			p := &c.parts[i]
			p.kind = d.string()
			copy(p.id[:], d.take(uint64(len(p.id))))
			p.keys, p.facts = d.keys(), d.facts(nil, o)
		}
	}
	c.seq, c.by = d.uint(), d.string()
	if n := d.count(1); n > 0 {
		c.versions = make([]uint64, n)
		for i := range c.versions {
			c.versions[i] = d.uint()
		}
	}
	c.mapping, c.late, c.before = d.mapping(), d.int(), d.former(o)
	if d.bool() {
		c.way = &way{d.id(), d.bool(), d.keys(), d.keys(), d.bool(), d.string(), d.string(), uint16(d.uint()), d.bool(), d.bool()}
	}
	return c
}

// contributionOrigin reads the origin from a contribution's sort key.
func contributionOrigin(sort []byte) (o Origin, err error) {
	if len(sort) < 2+seal.HashSize || sort[0] != 'c' || sort[len(sort)-seal.HashSize-1] != 0 {
		return o, fmt.Errorf("contribution key: %w", store.ErrCorrupt)
	}
	o.Type = string(sort[1 : len(sort)-seal.HashSize-1])
	copy(o.Object[:], sort[len(sort)-seal.HashSize:])
	return o, nil
}

// standardObject is a standard object below the profile, folded.
type standardObject struct {
	kind             string
	id               ID
	created, updated int64
	facts            []Fact
	keys             []Key // that find it, with how many contributions bring each
	counts           []int
	derived          []Key // search keys that follow from its facts and id
	parts            int   // of how many contributions it is made
}

func (s *standardObject) encode() []byte {
	e := encoder{make([]byte, 0, 128+64*len(s.facts))}
	e.b = append(e.b, recordVersion)
	e.int(s.created)
	e.int(s.updated)
	var table []Origin
	body := encoder{make([]byte, 0, 64*len(s.facts))}
	body.facts(s.facts, &table)
	e.origins(table)
	e.bytes(body.b)
	e.keys(s.keys)
	for _, n := range s.counts {
		e.uint(uint64(n))
	}
	e.keys(s.derived)
	e.uint(uint64(s.parts))
	return e.b
}

func decodeStandard(kind string, id ID, b []byte) (*standardObject, error) {
	d := newDecoder(b)
	if d.take(1) != string(rune(recordVersion)) {
		return nil, fmt.Errorf("standard object: version: %w", store.ErrCorrupt)
	}
	s := &standardObject{kind: kind, id: id, created: d.int(), updated: d.int()}
	table := d.origins()
	s.facts, s.keys = d.facts(table, Origin{}), d.keys()
	s.counts = make([]int, len(s.keys))
	for i := range s.counts {
		s.counts[i] = int(d.uint())
	}
	s.derived, s.parts = d.keys(), int(d.uint())
	return s, d.done("standard object")
}

// sortKeys orders keys by name and value.
func sortKeys(keys []Key) { slices.SortFunc(keys, compareKeys) }

func compareKeys(a, b Key) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
}
