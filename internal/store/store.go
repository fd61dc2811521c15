// Package store is the contract between Kindred's concepts and its storage
// engines: ordered records in partitions, snapshot reads, and atomic updates
// over several partitions with conflict detection.
//
// A record has a partition key and a sort key, both opaque bytes, and a value.
// Records of one partition are ordered by the bytes of their sort key. The
// partition is the unit of distribution, and of conflict detection at its coarsest:
// an engine may keep different partitions on different machines, and no question
// spans partitions except those that are declared to, [Store.ScanPrefix],
// [Store.ScanCounters], [Store.DropPrefix] and [Store.Expunge].
//
// # What every engine promises
//
//  1. Atomic: after Update returns nil, all of its writes are visible to every
//     later read on any node; after it returns an error other than
//     [ErrUnknownOutcome] none of them ever is.
//  2. Durable: after Update returns nil its writes survive a crash of the
//     process and loss of power.
//  3. Serialisable: an Update commits only if all that it has read with Get and
//     Scan, absent records included, is still what is there. Otherwise the
//     function runs again. An engine may check more than that, up to the
//     partitions that were read from or a bounded hash of them.
//  4. Snapshot: everything that one run of a View's function reads existed at the
//     same time, up to the read that fails if one does. Counters are so too as far
//     as updates that add to them also write a record that the run reads, or the
//     engine is one machine.
//  5. An Update's function may be shown partitions that never coexisted. Such a
//     run can never commit, and an error that it returns is discarded and the
//     function run again; it must only not loop for ever or panic.
//
// Engines do not look inside keys or values and never see plaintext: sealing is
// the layer above, in package seal.
package store

import (
	"context"
	"errors"
	"time"
)

// Bounds that every engine enforces, in bytes unless noted. A violation is a
// mistake of the caller and is answered with [ErrTooLarge].
const (
	MaxPartition = 512      // of a partition key
	MaxSort      = 1024     // of a sort key
	MaxValue     = 4 << 20  // of a value
	MaxTx        = 64 << 20 // of all keys and values written by one Update
	MaxScan      = 10_000   // records returned for one Span, ScanPrefix or ScanCounters
	MaxAttempts  = 64       // runs of one Update's function before ErrConflict
)

// ExpungedBelow is the size of a value in bytes from which on [Store.Expunge] may
// leave it in the engine's files.
const ExpungedBelow = 256

var (
	// ErrConflict: the update kept losing to others and was given up; nothing
	// was written. The caller may try again later.
	ErrConflict = errors.New("store: too many conflicting updates")
	// ErrUnexpected: a record is not what [Tx.Expect] was told; nothing was written.
	ErrUnexpected = errors.New("store: a record is not as expected")
	// ErrTooLarge: a key, value, scan limit or transaction is over its bound.
	ErrTooLarge = errors.New("store: over a size bound")
	// ErrCorrupt: stored bytes are damaged; the wrapped text names the file or
	// the key (in hex). Damaged bytes are never returned as data.
	ErrCorrupt = errors.New("store: data is damaged")
	// ErrLocked: another process has the data directory open.
	ErrLocked = errors.New("store: data directory is in use by another process")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store: closed")
	// ErrUnavailable: the engine cannot be reached, or has no room, and nothing was
	// written. The caller may try again later.
	ErrUnavailable = errors.New("store: the storage engine is unavailable")
	// ErrUnknownOutcome: the connection to the engine was lost while the commit
	// was on its way, and the engine could not find out whether it took place.
	ErrUnknownOutcome = errors.New("store: outcome of the update is unknown")
)

// Key names a record. Neither part may be empty.
type Key struct {
	Partition []byte
	Sort      []byte
}

// Record is a stored record. Its slices belong to the receiver.
type Record struct {
	Key   Key
	Value []byte
}

// Counter is a counter with its value. Its slices belong to the receiver.
type Counter struct {
	Key Key
	N   int64
}

// Span selects records of one partition: those with Start <= sort key < End,
// ascending, or descending when Reverse. An empty Start is the first record,
// an empty End is after the last. At most Limit records are returned;
// Limit must be between 1 and [MaxScan].
type Span struct {
	Partition  []byte
	Start, End []byte
	Reverse    bool
	Limit      int
}

// Reader reads records. It is valid only inside the function it was handed to,
// and is not safe for concurrent use.
//
// Both methods take many questions at once because an engine behind a network
// answers them in one round trip. Answers come in the order of the questions.
type Reader interface {
	// Get returns the values of keys; a nil value means there is no such
	// record (a stored empty value is returned as empty and not nil).
	Get(ctx context.Context, keys ...Key) ([][]byte, error)
	// Scan returns the records of each span.
	Scan(ctx context.Context, spans ...Span) ([][]Record, error)
	// Count returns the values of counters; one never added to is 0.
	// Counts take no part in conflict detection.
	Count(ctx context.Context, keys ...Key) ([]int64, error)
}

// Tx is one run of an Update's function. Its reads see its own writes. Writes
// are kept in memory until the function returns; the engine may keep the slices
// it is given until Update returns, so the caller must not change them.
type Tx interface {
	Reader
	// Put writes a record, replacing one that is there.
	Put(k Key, value []byte)
	// PutNew is Put of a record that the caller believes not to be there. If it is, it is
	// replaced all the same, at the price of another run; if not, an engine may save a
	// look at what it would replace.
	PutNew(k Key, value []byte)
	// Delete removes a record; removing one that is not there is no error.
	Delete(k Key)
	// Clear removes all records of a partition, counters included.
	Clear(partition []byte)
	// Add adds delta to a counter. Counters are their own records, apart from
	// those of Put, and adding to one conflicts with nothing: they are for
	// totals that many updates touch.
	Add(k Key, delta int64)
	// Expect has the update take place only if a record has the value that the caller
	// knows of it, or is absent if that is nil. It is a read, of what is stored and
	// not of what the run has written, without an answer, so that an engine behind a
	// network need not make a round trip for it: when it finds that the record is
	// otherwise, reads fail with [ErrUnexpected], and with that Update ends, whatever
	// the function returns. The value must not be changed until then.
	Expect(k Key, value []byte)
	// Ahead tells which spans the function is going to scan, each as it is given here. An
	// engine may read them at once, in one round trip or in an order that suits it, and
	// holds what it finds until then; so their limits should be small.
	Ahead(ctx context.Context, spans ...Span)
	// Now is the time of this run, UTC with microseconds, the same at each
	// call. What is written together carries the same time.
	Now() time.Time
}

// Store is a storage engine. All methods may be called concurrently.
type Store interface {
	// View calls fn with a consistent snapshot, and again, with another, if that
	// could not be kept up or the connection to the engine was lost: then a read
	// fails, and fn is to return its error. The last run is the one that counts, so
	// fn must begin anew each time and have no effect beside what it leaves to its
	// caller. The error of the last run is returned.
	View(ctx context.Context, fn func(Reader) error) error
	// Update calls fn, possibly several times, and commits its writes. fn must
	// have no effect beside its writes: no network, no key service, no channel.
	// If fn returns an error nothing is written and that error is returned.
	Update(ctx context.Context, fn func(Tx) error) error
	// ScanPrefix returns records of all partitions whose key starts with
	// prefix, ordered by partition and then sort key, after the given key (zero
	// Key: from the start), at most limit. It is a question over many
	// partitions, for sweeps, erasure, verification and copying: the records of
	// each partition are a snapshot, those of different partitions may be of
	// different times. Counters are not among the records.
	ScanPrefix(ctx context.Context, prefix []byte, after Key, limit int) ([]Record, error)
	// ScanCounters is ScanPrefix for counters. Those that come to 0 are left out.
	ScanCounters(ctx context.Context, prefix []byte, after Key, limit int) ([]Counter, error)
	// DropPrefix removes all records and counters of all partitions whose key
	// starts with prefix, durably. It is not atomic; if it fails or is
	// interrupted, call it again. Prefix must not be empty.
	DropPrefix(ctx context.Context, prefix []byte) error
	// Expunge makes the engine forget what has been removed: after it returns,
	// the engine's own files hold no value of less than [ExpungedBelow] bytes of a
	// record of a partition that starts with prefix and that was removed or
	// replaced before the call, as far as the engine can see to that. Larger
	// values may stay, until the engine has other reasons to rewrite the files
	// that it keeps them in: seal them under something small that goes. It changes nothing that can be read. It may take
	// seconds, and waits for calls of View that began before it; if it fails or is
	// interrupted, call it again. Copies that others made of the files, and what
	// a file system or disk keeps of files that were deleted, are out of its
	// reach. Prefix must not be empty.
	Expunge(ctx context.Context, prefix []byte) error
	// Ready returns nil if updates can be made now, else why not: the engine has
	// failed for good, or what it keeps its records in cannot be reached.
	Ready(ctx context.Context) error
	// Close waits for running calls and releases the engine.
	Close() error
}
