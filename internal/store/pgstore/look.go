package pgstore

import (
	"slices"

	"kindred/internal/store"
)

// look is a range of one partition that an update of a plain database has read, with
// what it found there: the transactions (xmin) that wrote the records, in order of the
// sort keys. Each version of a record has one, and none has that of an older version, so
// as long as a range gives the same list it holds the same records.
//
// A transaction's number is used again after 2^32 others. No update takes so long.
type look struct {
	bucket   int32
	part     []byte
	from, to []byte // sort keys from <= key < to; an empty to is after the last
	at, n    int    // place of the list in looks.wrote
}

// looks are all that a run has read.
type looks struct {
	list   []look
	wrote  []uint32 // the lists of all
	memory []byte   // of keys, which the caller may change after a read
}

// copyOf copies a key.
func (l *looks) copyOf(parts ...[]byte) []byte {
	n := len(l.memory)
	for _, p := range parts {
		l.memory = append(l.memory, p...)
	}
	return l.memory[n:len(l.memory):len(l.memory)]
}

// key notes that a key has been read; it was absent unless found is called for the look.
func (l *looks) key(k store.Key, bucket int32) {
	to := l.copyOf(k.Sort, []byte{0})
	l.list = append(l.list, look{bucket: bucket, part: l.copyOf(k.Partition), from: to[:len(k.Sort):len(k.Sort)], to: to})
}

// found notes who wrote the record of the key that is the look at place i.
func (l *looks) found(i int, wrote uint32) {
	l.list[i].at, l.list[i].n = len(l.wrote), 1
	l.wrote = append(l.wrote, wrote)
}

// span notes that a span has been read, what it gave, and who wrote that. If there may
// be more records than the span's limit allowed, the look ends at the last one.
func (l *looks) span(s store.Span, bucket int32, recs []store.Record, wrote []uint32) {
	from, to := s.Start, s.End
	if n := len(recs); n > 0 && n == s.Limit {
		if last := recs[n-1].Key.Sort; s.Reverse {
			from = last
		} else {
			to = append(slices.Clone(last), 0)
		}
	}
	if s.Reverse {
		slices.Reverse(wrote)
	}
	l.list = append(l.list, look{bucket: bucket, part: l.copyOf(s.Partition), from: l.copyOf(from), to: l.copyOf(to), at: len(l.wrote), n: len(wrote)})
	l.wrote = append(l.wrote, wrote...)
}

// addTo queues the comparison of what was read with what is there now.
func (l *looks) addTo(b *batch) {
	for from := 0; from < len(l.list); {
		to, size := from, 0
		for ; to < len(l.list); to++ {
			k := &l.list[to]
			if size += len(k.part) + len(k.from) + len(k.to) + 4*k.n; size > maxStatement && to > from {
				break
			}
		}
		list := l.list[from:to]
		key := func(of func(*look) []byte) []byte {
			return b.byteas(len(list), func(i int) []byte { return of(&list[i]) })
		}
		// The lists of these looks, which keys that were asked for together may have in
		// another order. What was absent has none.
		first, last := len(l.wrote), 0
		for i := range list {
			if k := &list[i]; k.n > 0 {
				first, last = min(first, k.at), max(last, k.at+k.n)
			}
		}
		first = min(first, last)
		b.add(doCheck, nil, b.int4s(len(list), func(i int) int32 { return list[i].bucket }),
			key(func(k *look) []byte { return k.part }), key(func(k *look) []byte { return k.from }), key(func(k *look) []byte { return k.to }),
			b.int4s(len(list), func(i int) int32 { return int32(max(list[i].at-first, 0) + 1) }),
			b.int4s(len(list), func(i int) int32 { return int32(list[i].n) }),
			b.xids(l.wrote[first:last]))
		from = to
	}
}
