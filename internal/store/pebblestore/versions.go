package pebblestore

import (
	"sync"
	"sync/atomic"

	"kindred/internal/store"
)

const versionSlots = 1 << 16

// versions remembers, by hash of the partition, which commit last wrote to it.
// Commits are numbered from 1 at Open; the number has no meaning on disk.
//
// A slot is written inside the critical section of a commit, before its writes
// can be seen, and read anywhere.
type versions struct {
	// records has the commits by which others conflict: Put, Delete and Clear.
	records [versionSlots]atomic.Uint64
	// all has those and the commits that added to counters.
	all [versionSlots]atomic.Uint64
	// everything is the last commit that may have changed any partition.
	everything atomic.Uint64
}

func slotOf(hash uint64) int { return int(hash % versionSlots) }

// unchanged reports whether nothing that a run has read was written to by a
// commit after began.
func (v *versions) unchanged(accesses []store.Access, began uint64) bool {
	if v.everything.Load() > began {
		for i := range accesses {
			if accesses[i].Read {
				return false
			}
		}
	}
	for i := range accesses {
		if a := &accesses[i]; a.Read && v.records[slotOf(a.Hash)].Load() > began {
			return false
		}
	}
	return true
}

// since reports whether no record of a partition was written by a commit after
// began.
func (v *versions) since(hash, began uint64) bool {
	return v.records[slotOf(hash)].Load() <= began && v.everything.Load() <= began
}

// untouched reports whether nothing at all was written to a partition by a
// commit after began.
func (v *versions) untouched(hash, began uint64) bool {
	return v.all[slotOf(hash)].Load() <= began && v.everything.Load() <= began
}

// mark notes that commit seq writes to partitions.
func (v *versions) mark(accesses []store.Access, seq uint64) {
	for i := range accesses {
		a := &accesses[i]
		if a.Wrote {
			v.records[slotOf(a.Hash)].Store(seq)
		}
		if a.Wrote || a.Added {
			v.all[slotOf(a.Hash)].Store(seq)
		}
	}
}

// lastSeen returns the last commit up to seen that may have written to what a
// run has read.
func (v *versions) lastSeen(accesses []store.Access, seen uint64) uint64 {
	last := v.everything.Load()
	for i := range accesses {
		if a := &accesses[i]; a.Read || a.Counted {
			last = max(last, v.all[slotOf(a.Hash)].Load())
		}
	}
	return min(last, seen)
}

// durability is how far commits are known to be on disk. Commits reach the log
// in order, so if one is durable then so are all before it.
type durability struct {
	synced  atomic.Uint64
	waiting atomic.Int32
	mu      sync.Mutex
	changed sync.Cond
	failed  atomic.Bool
}

// advance notes that commits up to seq are durable.
func (d *durability) advance(seq uint64) {
	for {
		old := d.synced.Load()
		if old >= seq {
			break
		}
		if d.synced.CompareAndSwap(old, seq) {
			break
		}
	}
	d.wake()
}

// fail ends all waiting.
func (d *durability) fail() {
	d.failed.Store(true)
	d.wake()
}

func (d *durability) wake() {
	if d.waiting.Load() > 0 {
		d.mu.Lock()
		d.changed.Broadcast()
		d.mu.Unlock()
	}
}

// wait returns true once seq is durable, and false if it never will be.
func (d *durability) wait(seq uint64) bool {
	if d.synced.Load() >= seq {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting.Add(1)
	defer d.waiting.Add(-1)
	for d.synced.Load() < seq && !d.failed.Load() {
		d.changed.Wait()
	}
	return d.synced.Load() >= seq
}
