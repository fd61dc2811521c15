package store

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
)

// WriteKind says what a [Write] does.
type WriteKind uint8

const (
	WritePut WriteKind = iota + 1
	WriteDelete
	WriteAdd
)

// Write is one write that a run of an Update's function leaves to be committed.
type Write struct {
	Kind  WriteKind // 0 once a later Clear undid it; such are not handed out
	Key   Key
	Value []byte // of a put, never nil
	New   bool   // of a put: the caller believes that there is no such record
	Delta int64  // of an add, the sum of all adds of the run

	hash      uint64
	partition int32 // index in Buffer.partitions
	next      int32 // index of the partition's previous write, -1 at its end
	counter   bool
}

// Access is what one run did with a partition.
type Access struct {
	Partition []byte
	Hash      uint64 // HashPartition(Partition)
	Read      bool   // by Get or Scan: it takes part in conflict detection
	Counted   bool   // by Count
	Wrote     bool   // by Put, Delete or Clear: it makes others conflict
	Added     bool   // by Add
	Cleared   bool   // by Clear

	last int32 // index of the last write to it in Buffer.writes, -1 if none
}

// Buffer keeps the writes of one run of an Update's function and the partitions
// that it touched, and lays the writes over what the engine has stored so that
// the run reads its own writes. It enforces the bounds of keys, values and
// transactions. It is shared by all engines. The zero Buffer is ready for use;
// it is not safe for concurrent use.
//
// An engine answers a read in two steps, so that the questions of one call can
// go to a server in one round trip: ask the Buffer what of it must come from the
// store (Get, BaseSpan, Count), fetch that, and hand it back (Merge). To commit,
// it clears the partitions of Partitions that are Cleared and then carries out
// Writes.
type Buffer struct {
	writes     []Write
	writeIndex map[uint64]int32 // by hash; nil while writes are few
	dropped    int              // writes with Kind 0

	partitions     []Access
	partitionIndex map[uint64]int32
	memory         []byte // of Access.Partition

	size    int
	mutated bool
	err     error
}

// indexThreshold is the number of entries above which looking one up in a map is
// cheaper than comparing the hashes of a slice one by one.
const indexThreshold = 32

// counterSize is what a counter's value is taken to be in a transaction's size.
const counterSize = 8

var hashSeed = maphash.MakeSeed()

// HashPartition is a hash of a partition key. It differs from process to
// process: nobody outside can choose keys that collide.
func HashPartition(p []byte) uint64 { return maphash.Bytes(hashSeed, p) }

// Reset makes the buffer empty for another run and keeps its memory.
func (b *Buffer) Reset() {
	if cap(b.writes) > 1024 || cap(b.partitions) > 1024 || cap(b.memory) > 64<<10 {
		*b = Buffer{}
		return
	}
	clear(b.writes)
	clear(b.partitions)
	*b = Buffer{writes: b.writes[:0], partitions: b.partitions[:0], memory: b.memory[:0]}
}

// Err is the first write that broke a bound; the run must not be committed.
func (b *Buffer) Err() error {
	if b.err != nil {
		return b.err
	}
	if b.size > MaxTx {
		return fmt.Errorf("%w: the transaction writes %d bytes, at most %d are allowed", ErrTooLarge, b.size, MaxTx)
	}
	return nil
}

// Mutated reports whether there is anything to commit.
func (b *Buffer) Mutated() bool { return b.mutated }

// Size is the number of bytes of all keys and values to be written.
func (b *Buffer) Size() int { return b.size }

// Partitions returns what was done with each partition touched, in the order
// of the first touch. It is valid until the next call that takes a key.
func (b *Buffer) Partitions() []Access { return b.partitions }

// Writes returns the puts, deletes and adds to carry out after the clears, in
// the order in which each key was first written, each key once. It is valid
// until the next write.
func (b *Buffer) Writes() []Write {
	if b.dropped == 0 {
		return b.writes
	}
	live := make([]Write, 0, len(b.writes)-b.dropped)
	for i := range b.writes {
		if b.writes[i].Kind != 0 {
			live = append(live, b.writes[i])
		}
	}
	return live
}

// Put buffers a put.
func (b *Buffer) Put(k Key, value []byte) { b.put(k, value, false) }

// PutNew buffers a put of a record that the caller believes not to be there.
func (b *Buffer) PutNew(k Key, value []byte) { b.put(k, value, true) }

func (b *Buffer) put(k Key, value []byte, isNew bool) {
	if len(value) > MaxValue {
		b.fail(fmt.Errorf("%w: value of %d bytes, at most %d are allowed", ErrTooLarge, len(value), MaxValue))
		return
	}
	w := b.write(k, false)
	if w == nil {
		return
	}
	if value == nil {
		value = []byte{}
	}
	b.size += len(value) - len(w.Value)
	// After another write to the same record it is anybody's guess what is stored.
	w.New = isNew && (w.Kind == 0 || w.Kind == WritePut && w.New)
	w.Kind, w.Value = WritePut, value
}

// Delete buffers a delete.
func (b *Buffer) Delete(k Key) {
	if w := b.write(k, false); w != nil {
		b.size -= len(w.Value)
		w.Kind, w.Value = WriteDelete, nil
	}
}

// Add buffers an addition to a counter.
func (b *Buffer) Add(k Key, delta int64) {
	if w := b.write(k, true); w != nil {
		w.Kind = WriteAdd
		w.Delta += delta
	}
}

// Clear buffers the removal of a partition and undoes the writes to it so far.
func (b *Buffer) Clear(partition []byte) {
	if err := ValidatePartition(partition); err != nil {
		b.fail(err)
		return
	}
	p := &b.partitions[b.partition(partition)]
	for i := p.last; i >= 0; i = b.writes[i].next {
		if w := &b.writes[i]; w.Kind != 0 {
			b.size -= writeSize(w)
			w.Kind, w.Value, w.Delta = 0, nil, 0
			b.dropped++
		}
	}
	if !p.Cleared {
		b.size += len(partition)
	}
	p.Wrote, p.Cleared, p.Added = true, true, false
	b.mutated = true
}

// Get notes that k was read and returns its value if the run's own writes
// decide it: known is then true, and a nil value means there is no record.
func (b *Buffer) Get(k Key) (value []byte, known bool, err error) {
	if err := k.Validate(); err != nil {
		return nil, false, err
	}
	p := b.partition(k.Partition)
	b.partitions[p].Read = true
	if !b.mutated {
		return nil, false, nil
	}
	if i, _ := b.find(p, k.Sort, false); i >= 0 && b.writes[i].Kind != 0 {
		if b.writes[i].Kind == WriteDelete {
			return nil, true, nil
		}
		return append([]byte{}, b.writes[i].Value...), true, nil
	}
	return nil, b.partitions[p].Cleared, nil
}

// Expect notes that k was read as it is stored. It reports false if k is not allowed.
func (b *Buffer) Expect(k Key) bool {
	if err := k.Validate(); err != nil {
		b.fail(err)
		return false
	}
	b.partitions[b.partition(k.Partition)].Read = true
	return true
}

// Count notes that k was counted and returns what the run added to it. The
// stored value is to be added unless cleared is true.
func (b *Buffer) Count(k Key) (delta int64, cleared bool, err error) {
	if err := k.Validate(); err != nil {
		return 0, false, err
	}
	p := b.partition(k.Partition)
	b.partitions[p].Counted = true
	if !b.mutated {
		return 0, false, nil
	}
	if i, _ := b.find(p, k.Sort, true); i >= 0 {
		delta = b.writes[i].Delta
	}
	return delta, b.partitions[p].Cleared, nil
}

// BaseSpan notes that s was read and returns the span to read from the store for
// [Buffer.Merge]. Its limit is over s.Limit by the records that the run has
// removed, and may so be over [MaxScan]. Need is false if nothing has to be read.
func (b *Buffer) BaseSpan(s Span) (base Span, need bool, err error) {
	if err := s.Validate(); err != nil {
		return Span{}, false, err
	}
	i := b.partition(s.Partition)
	p := &b.partitions[i]
	p.Read = true
	if p.Cleared {
		return Span{}, false, nil
	}
	if len(s.End) > 0 && bytes.Compare(s.Start, s.End) >= 0 {
		return Span{}, false, nil
	}
	for j := p.last; j >= 0; j = b.writes[j].next {
		if w := &b.writes[j]; w.Kind == WriteDelete && s.contains(w.Key.Sort) {
			s.Limit++
		}
	}
	return s, true, nil
}

// Merge lays the run's writes over base, the answer of the store to what
// [Buffer.BaseSpan] made of s, and returns the answer to s.
func (b *Buffer) Merge(s Span, base []Record) []Record {
	if !b.mutated {
		return base
	}
	p := &b.partitions[b.partition(s.Partition)]
	var own []*Write
	for i := p.last; i >= 0; i = b.writes[i].next {
		w := &b.writes[i]
		if (w.Kind == WritePut || w.Kind == WriteDelete) && s.contains(w.Key.Sort) {
			own = append(own, w)
		}
	}
	if len(own) == 0 {
		return base[:min(len(base), s.Limit)]
	}
	sign := 1
	if s.Reverse {
		sign = -1
	}
	slices.SortFunc(own, func(x, y *Write) int { return sign * bytes.Compare(x.Key.Sort, y.Key.Sort) })

	out := make([]Record, 0, min(s.Limit, len(base)+len(own)))
	for len(out) < s.Limit && len(base)+len(own) > 0 {
		c := -1
		if len(base) == 0 {
			c = 1
		} else if len(own) > 0 {
			c = sign * bytes.Compare(base[0].Key.Sort, own[0].Key.Sort)
		}
		if c < 0 {
			out, base = append(out, base[0]), base[1:]
			continue
		}
		if c == 0 {
			base = base[1:]
		}
		if w := own[0]; w.Kind == WritePut {
			out = append(out, w.record())
		}
		own = own[1:]
	}
	return out
}

func (s Span) contains(sort []byte) bool {
	return bytes.Compare(sort, s.Start) >= 0 && (len(s.End) == 0 || bytes.Compare(sort, s.End) < 0)
}

// record copies a put: what a reader is given is the reader's to change.
func (w *Write) record() Record {
	p, s := len(w.Key.Partition), len(w.Key.Partition)+len(w.Key.Sort)
	buf := make([]byte, 0, s+len(w.Value))
	buf = append(append(append(buf, w.Key.Partition...), w.Key.Sort...), w.Value...)
	return Record{Key: Key{Partition: buf[:p:p], Sort: buf[p:s:s]}, Value: buf[s:]}
}

func writeSize(w *Write) int {
	n := len(w.Key.Partition) + len(w.Key.Sort) + len(w.Value)
	if w.counter {
		n += counterSize
	}
	return n
}

func (b *Buffer) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// write returns the place of the write to k, a new one if there is none, and
// accounts for its key. The caller sets Kind. It returns nil if the key is not
// allowed.
func (b *Buffer) write(k Key, counter bool) *Write {
	if err := k.Validate(); err != nil {
		b.fail(err)
		return nil
	}
	b.mutated = true
	p := b.partition(k.Partition)
	access := &b.partitions[p]
	if counter {
		access.Added = true
	} else {
		access.Wrote = true
	}
	i, h := b.find(p, k.Sort, counter)
	if i < 0 {
		i = int32(len(b.writes))
		b.writes = append(b.writes, Write{Key: k, partition: p, next: access.last, hash: h, counter: counter})
		access.last = i
		b.dropped++
		b.writeIndex = grow(b.writeIndex, len(b.writes), func(j int) uint64 { return b.writes[j].hash })
	}
	w := &b.writes[i]
	if w.Kind == 0 { // new, or undone by a Clear
		b.dropped--
		b.size += len(k.Partition) + len(k.Sort)
		if counter {
			b.size += counterSize
		}
	}
	return w
}

// find returns the index of the write to a key, or -1 and the hash under which
// it is to be kept.
func (b *Buffer) find(p int32, sort []byte, counter bool) (int32, uint64) {
	h := maphash.Bytes(hashSeed, sort) ^ b.partitions[p].Hash*0x9e3779b97f4a7c15
	if counter {
		h = ^h
	}
	same := func(w *Write) bool {
		return w.partition == p && w.counter == counter && bytes.Equal(w.Key.Sort, sort)
	}
	if b.writeIndex == nil {
		for i := range b.writes {
			if b.writes[i].hash == h && same(&b.writes[i]) {
				return int32(i), h
			}
		}
		return -1, h
	}
	// Different keys with one hash stand under consecutive hashes.
	for slot := h; ; slot++ {
		i, ok := b.writeIndex[slot]
		if !ok {
			return -1, h
		}
		if same(&b.writes[i]) {
			return i, h
		}
	}
}

// partition returns the index of a partition's access, a new one if there is
// none.
func (b *Buffer) partition(p []byte) int32 {
	h := HashPartition(p)
	if b.partitionIndex == nil {
		for i := range b.partitions {
			if a := &b.partitions[i]; a.Hash == h && bytes.Equal(a.Partition, p) {
				return int32(i)
			}
		}
	} else {
		for slot := h; ; slot++ {
			i, ok := b.partitionIndex[slot]
			if !ok {
				break
			}
			if bytes.Equal(b.partitions[i].Partition, p) {
				return i
			}
		}
	}
	// The caller may use the key's memory again after a read, so copy it.
	n := len(b.memory)
	b.memory = append(b.memory, p...)
	b.partitions = append(b.partitions, Access{Partition: b.memory[n:len(b.memory):len(b.memory)], Hash: h, last: -1})
	b.partitionIndex = grow(b.partitionIndex, len(b.partitions), func(j int) uint64 { return b.partitions[j].Hash })
	return int32(len(b.partitions) - 1)
}

// grow adds the last of n entries to an index by hash, or makes the index once
// there are enough entries.
func grow(index map[uint64]int32, n int, hash func(int) uint64) map[uint64]int32 {
	from := n - 1
	if index == nil {
		if n <= indexThreshold {
			return nil
		}
		index, from = make(map[uint64]int32, 4*n), 0
	}
	for i := from; i < n; i++ {
		slot := hash(i)
		for _, taken := index[slot]; taken; _, taken = index[slot] {
			slot++
		}
		index[slot] = int32(i)
	}
	return index
}

// Cleared reports whether the run clears a partition.
func (b *Buffer) Cleared(partition []byte) bool {
	h := HashPartition(partition)
	for i := range b.partitions {
		if a := &b.partitions[i]; a.Cleared && a.Hash == h && bytes.Equal(a.Partition, partition) {
			return true
		}
	}
	return false
}
