package pebblestore

import (
	"bytes"
	"sync/atomic"

	"kindred/internal/store"
)

const (
	hotSlots = 1 << 8
	// maxHot bounds the values that are kept, in bytes: revisions, references,
	// counts. They are what transaction after transaction begins with.
	maxHot = 32
)

// hot keeps small values that were read by their key a short while ago, so that
// reading one again needs no search. A value holds for a run if nothing has been
// written to its partition since it was read nor since the run began, which the
// table of versions tells exactly or, when partitions share a slot, too
// cautiously. Then it is what the run's snapshot has.
type hot struct {
	slots [hotSlots]atomic.Pointer[hotValue]
}

type hotValue struct {
	hash       uint64 // of the partition
	key, value []byte // the physical key
	at         uint64 // all commits up to this one are in it
}

// place is the slot of a key in a partition.
func (h *hot) place(partition uint64, sort []byte) *atomic.Pointer[hotValue] {
	return &h.slots[(partition^store.HashPartition(sort)*0x9e3779b97f4a7c15)%hotSlots]
}

// get is lookup of a record, by way of what is hot. The value belongs to the
// caller.
func (r *run) get(k store.Key) ([]byte, error) {
	if err := r.snapshot(); err != nil {
		return nil, err
	}
	partition := store.HashPartition(k.Partition)
	place := r.s.hot.place(partition, k.Sort)
	if h := place.Load(); h != nil && h.hash == partition && r.s.versions.since(partition, min(h.at, r.began)) {
		r.key = store.AppendPhysicalKey(r.key[:0], store.KindRecord, k)
		if bytes.Equal(r.key, h.key) {
			return append(make([]byte, 0, len(h.value)), h.value...), nil
		}
	}
	v, err := r.lookup(store.KindRecord, k)
	if v == nil || err != nil {
		return nil, err
	}
	v = append(make([]byte, 0, len(v)), v...)
	if len(v) <= maxHot {
		place.Store(&hotValue{hash: partition, key: bytes.Clone(r.key), value: bytes.Clone(v), at: r.began})
	}
	return v, nil
}
