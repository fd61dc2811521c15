package pebblestore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"kindred/internal/store"
)

// checkEvery is the number of records read between two looks at the context.
const checkEvery = 256

// run is one run of a function of View or Update.
type run struct {
	s    *Store
	buf  store.Buffer
	iter *pebble.Iterator // the snapshot, made by the first read

	began uint64 // all commits up to this one are in the snapshot
	seen  uint64 // none after this one is
	now   time.Time

	key, end []byte // scratch
}

// iterOptions makes the filters be used on the last level too, where nearly all
// data is: most questions about absent partitions end there.
var iterOptions = pebble.IterOptions{UseL6Filters: true}

func (s *Store) newRun() *run { return s.runs.Get().(*run) }

// endRun makes a run ready for the next.
func (s *Store) endRun(r *run) {
	if r.iter != nil {
		if err := r.iter.Close(); err != nil {
			s.opts.Logger.Debug("closing an iterator", "error", err)
		}
		r.iter = nil
	}
	r.buf.Reset()
	r.now = time.Time{}
	s.runs.Put(r)
}

// call calls a function with a handle that is of no use after it returns.
func (r *run) call(fn func(*tx) error) error {
	t := &tx{r: r}
	defer func() { t.r = nil }()
	return fn(t)
}

// snapshot makes the iterator.
func (r *run) snapshot() error {
	if r.iter != nil {
		return nil
	}
	r.began = r.s.applied.Load()
	it, err := r.s.db.NewIter(&iterOptions)
	if err != nil {
		return r.s.readError(err)
	}
	r.iter, r.seen = it, r.s.applied.Load()
	return nil
}

// lookup returns the stored value of a key, which is valid until the next read,
// or nil.
func (r *run) lookup(kind store.Kind, k store.Key) ([]byte, error) {
	if err := r.snapshot(); err != nil {
		return nil, err
	}
	r.key = store.AppendPhysicalKey(r.key[:0], kind, k)
	if !r.iter.SeekPrefixGE(r.key) {
		if err := r.iter.Error(); err != nil {
			return nil, r.s.readError(err)
		}
		return nil, nil
	}
	if !bytes.Equal(r.iter.Key(), r.key) {
		return nil, nil
	}
	v, err := r.iter.ValueAndErr()
	if err != nil {
		return nil, r.s.readError(err)
	}
	if v == nil {
		v = []byte{}
	}
	return v, nil
}

// scan returns stored records.
func (r *run) scan(ctx context.Context, s store.Span) ([]store.Record, error) {
	if err := r.snapshot(); err != nil {
		return nil, err
	}
	r.key = append(store.AppendPartition(r.key[:0], s.Partition), byte(store.KindRecord))
	prefix := len(r.key)
	r.end = append(r.end[:0], r.key...)
	if len(s.End) > 0 {
		r.end = append(r.end, s.End...)
	} else {
		r.end[prefix-1]++
	}
	r.key = append(r.key, s.Start...)

	it := r.iter
	valid := it.SeekPrefixGE(r.key) && bytes.Compare(it.Key(), r.end) < 0
	if valid && s.Reverse {
		// Only now that the filters have not said that there is nothing. The
		// bounds keep Prev from looking for a record in other partitions.
		it.SetBounds(r.key, r.end)
		defer it.SetBounds(nil, nil)
		valid = it.Last()
	}
	var out []store.Record
	partition := bytes.Clone(s.Partition)
	for valid && len(out) < s.Limit {
		if !s.Reverse && bytes.Compare(it.Key(), r.end) >= 0 {
			break
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, r.s.readError(err)
		}
		out = append(out, newRecord(partition, it.Key()[prefix:], v))
		if len(out)%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if len(out) == s.Limit {
			break
		}
		if s.Reverse {
			valid = it.Prev()
		} else {
			valid = it.Next()
		}
	}
	if err := it.Error(); err != nil {
		return nil, r.s.readError(err)
	}
	return out, nil
}

// newRecord copies sort key and value into one piece of memory.
func newRecord(partition, sort, value []byte) store.Record {
	n := len(sort)
	buf := make([]byte, n+len(value))
	copy(buf, sort)
	copy(buf[n:], value)
	return store.Record{Key: store.Key{Partition: partition, Sort: buf[:n:n]}, Value: buf[n:]}
}

// tx is the handle of a run that a function is given.
type tx struct{ r *run }

var _ store.Tx = (*tx)(nil)

func (t *tx) check(ctx context.Context) error {
	if t.r == nil {
		return fmt.Errorf("%w: the reader was used after its function returned", store.ErrInvalid)
	}
	return ctx.Err()
}

func (t *tx) Get(ctx context.Context, keys ...store.Key) ([][]byte, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	out := make([][]byte, len(keys))
	for i, k := range keys {
		v, known, err := t.r.buf.Get(k)
		if err != nil {
			return nil, err
		}
		if !known {
			if v, err = t.r.lookup(store.KindRecord, k); err != nil {
				return nil, err
			}
			if v != nil {
				v = append(make([]byte, 0, len(v)), v...)
			}
		}
		out[i] = v
	}
	return out, nil
}

func (t *tx) Scan(ctx context.Context, spans ...store.Span) ([][]store.Record, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	out := make([][]store.Record, len(spans))
	for i, s := range spans {
		base, need, err := t.r.buf.BaseSpan(s)
		if err != nil {
			return nil, err
		}
		var stored []store.Record
		if need {
			if stored, err = t.r.scan(ctx, base); err != nil {
				return nil, err
			}
		}
		out[i] = t.r.buf.Merge(s, stored)
	}
	return out, nil
}

func (t *tx) Count(ctx context.Context, keys ...store.Key) ([]int64, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	out := make([]int64, len(keys))
	for i, k := range keys {
		n, cleared, err := t.r.buf.Count(k)
		if err != nil {
			return nil, err
		}
		if !cleared {
			v, err := t.r.lookup(store.KindCounter, k)
			if err != nil {
				return nil, err
			}
			if v != nil {
				stored, err := decodeCounter(v)
				if err != nil {
					return nil, err
				}
				n += stored
			}
		}
		out[i] = n
	}
	return out, nil
}

// The writes of a handle kept for too long are lost with it: they have nobody
// to return an error to.

func (t *tx) Put(k store.Key, value []byte) {
	if t.r != nil {
		t.r.buf.Put(k, value)
	}
}

func (t *tx) Delete(k store.Key) {
	if t.r != nil {
		t.r.buf.Delete(k)
	}
}

func (t *tx) Clear(partition []byte) {
	if t.r != nil {
		t.r.buf.Clear(partition)
	}
}

func (t *tx) Add(k store.Key, delta int64) {
	if t.r != nil {
		t.r.buf.Add(k, delta)
	}
}

func (t *tx) Now() time.Time {
	if t.r == nil {
		return time.Time{}
	}
	if t.r.now.IsZero() {
		t.r.now = t.r.s.opts.Clock().UTC().Truncate(time.Microsecond)
	}
	return t.r.now
}
