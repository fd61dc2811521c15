package store

import (
	"encoding/binary"
)

// Ahead keeps, for an engine, what it has read of spans before they were asked for, see
// [Tx.Ahead]. The zero Ahead keeps nothing yet; it is not safe for concurrent use.
type Ahead struct {
	found map[string][]Record
	name  []byte // scratch
}

// Keep keeps the stored records of a span, until they are taken.
func (a *Ahead) Keep(s Span, records []Record) {
	if a.found == nil {
		a.found = map[string][]Record{}
	}
	a.found[string(a.named(s))] = records
}

// Take returns the records of a span that were kept, once: they become the reader's.
func (a *Ahead) Take(s Span) (records []Record, ok bool) {
	if len(a.found) == 0 {
		return nil, false
	}
	name := a.named(s)
	if records, ok = a.found[string(name)]; ok {
		delete(a.found, string(name))
	}
	return records, ok
}

// Reset forgets everything.
func (a *Ahead) Reset() {
	if len(a.found) > 0 {
		a.found = nil
	}
}

// named tells spans apart.
func (a *Ahead) named(s Span) []byte {
	b := append(a.name[:0], byte(len(s.Partition)>>8), byte(len(s.Partition)))
	b = append(b, s.Partition...)
	b = append(b, byte(len(s.Start)>>8), byte(len(s.Start)))
	b = append(append(b, s.Start...), s.End...)
	b = binary.BigEndian.AppendUint32(b, uint32(s.Limit))
	if s.Reverse {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	a.name = b
	return b
}
