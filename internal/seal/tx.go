package seal

import (
	"context"
	"time"

	"kindred/internal/store"
)

// Reader reads sealed records as plaintext.
type Reader struct {
	store.Reader
	ring  *Ring
	under *under // of a view under a secret
}

// NewReader unseals what r reads.
func NewReader(r store.Reader, ring *Ring) *Reader { return &Reader{Reader: r, ring: ring} }

// Ring is the keys that the reader opens with.
func (r *Reader) Ring() *Ring { return r.ring }

// Get returns the opened values of keys; nil where there is none.
func (r *Reader) Get(ctx context.Context, keys ...store.Key) ([][]byte, error) {
	values, err := r.Reader.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		if values[i], err = r.Open(keys[i], v); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// GetPlain returns values that were written with PutPlain.
func (r *Reader) GetPlain(ctx context.Context, keys ...store.Key) ([][]byte, error) {
	return r.Reader.Get(ctx, keys...)
}

// Scan returns the opened records of each span.
func (r *Reader) Scan(ctx context.Context, spans ...store.Span) ([][]store.Record, error) {
	lists, err := r.Reader.Scan(ctx, spans...)
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		for i := range list {
			if list[i].Value, err = r.Open(list[i].Key, list[i].Value); err != nil {
				return nil, err
			}
		}
	}
	return lists, nil
}

// ScanPlain returns records that were written with PutPlain.
func (r *Reader) ScanPlain(ctx context.Context, spans ...store.Span) ([][]store.Record, error) {
	return r.Reader.Scan(ctx, spans...)
}

// Tx is a transaction on sealed records. Sealing cannot fail for a key of the
// ring; a failure is kept and returned by Err, which the owner of the
// transaction checks before it lets it commit.
type Tx struct {
	Reader
	tx    store.Tx
	err   error
	owner *Tx // of a view: the transaction
	isNew bool
	tally Tally
}

// AsNew is the transaction for writing records that are believed not to be there, see
// [store.Tx.PutNew].
func (t *Tx) AsNew() *Tx {
	owner := t
	if t.owner != nil {
		owner = t.owner
	}
	return &Tx{Reader: t.Reader, tx: t.tx, owner: owner, isNew: true}
}

func (t *Tx) put(k store.Key, value []byte) {
	if t.isNew {
		t.tx.PutNew(k, value)
	} else {
		t.tx.Put(k, value)
	}
}

// Tally counts what a transaction does, by kinds that are its owner's, who looks at it
// once the transaction has committed. It is written nowhere.
type Tally [4]int64

// NewTx seals what is written to tx.
func NewTx(tx store.Tx, ring *Ring) *Tx { return &Tx{Reader: Reader{Reader: tx, ring: ring}, tx: tx} }

// Put seals and writes a value of the domain.
func (t *Tx) Put(k store.Key, value []byte) { t.PutWith(t.ring.current, k, value) }

// PutWith seals and writes a value with one of the ring's keys.
func (t *Tx) PutWith(id uint32, k store.Key, value []byte) {
	var sealed []byte
	var err error
	if t.under != nil {
		sealed, err = t.under.seal(make([]byte, 0, UnderOverhead+len(value)), id, k, value)
	} else {
		sealed, err = t.ring.Seal(id, k, value)
	}
	if err != nil {
		t.fail(err)
		return
	}
	t.put(k, sealed)
}

func (t *Tx) fail(err error) {
	if t.owner != nil {
		t = t.owner
	}
	if t.err == nil {
		t.err = err
	}
}

// PutPlain writes a value as it is: only for what says nothing of a customer,
// such as a reference count under a hashed key.
func (t *Tx) PutPlain(k store.Key, value []byte) { t.put(k, value) }

// Ahead tells which spans are going to be scanned, see [store.Tx.Ahead].
func (t *Tx) Ahead(ctx context.Context, spans ...store.Span) { t.tx.Ahead(ctx, spans...) }

// Delete removes a record.
func (t *Tx) Delete(k store.Key) { t.tx.Delete(k) }

// Clear removes all records of a partition.
func (t *Tx) Clear(partition []byte) { t.tx.Clear(partition) }

// Add adds to a counter.
func (t *Tx) Add(k store.Key, delta int64) {
	if delta != 0 {
		t.tx.Add(k, delta)
	}
}

// Now is the time of the transaction.
func (t *Tx) Now() time.Time { return t.tx.Now() }

// Below is the transaction beneath the sealing: for another concept's records
// that belong into the same transaction and are sealed otherwise, such as those of
// jobs. Nothing of the domain's own is written there.
func (t *Tx) Below() store.Tx { return t.tx }

// Count adds to the tally of the transaction.
func (t *Tx) Count(kind int, n int64) {
	if t.owner != nil {
		t = t.owner
	}
	t.tally[kind] += n
}

// Tally is what has been counted.
func (t *Tx) Tally() Tally { return t.tally }

// Err is the first failure to seal; the transaction must not commit then.
func (t *Tx) Err() error {
	if t.owner != nil {
		return t.owner.err
	}
	return t.err
}
