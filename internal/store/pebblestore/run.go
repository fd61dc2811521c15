package pebblestore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
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

	unmet error // of a record that is not as expected, or could not be looked at

	ahead store.Ahead

	key, end []byte // scratch
	on       bool   // the iterator stands at the record that was looked up last
}

// iterOptions makes the filters be used on the last level too, where nearly all
// data is: most questions about absent partitions end there.
var iterOptions = pebble.IterOptions{UseL6Filters: true}

func (s *Store) newRun() *run { return s.runs.Get().(*run) }

// release gives up the snapshot. What an iterator has to say at its end, it has
// said to the reads.
func (r *run) release() {
	r.on = false
	if r.iter != nil {
		_ = r.iter.Close()
		r.iter = nil
	}
}

// endRun makes a run ready for the next.
func (s *Store) endRun(r *run) {
	r.release()
	r.buf.Reset()
	r.now, r.unmet = time.Time{}, nil
	r.ahead.Reset()
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
	if there, err := r.step(); err != nil {
		return nil, err
	} else if !there {
		r.iter.SeekPrefixGE(r.key)
	}
	if err := r.iter.Error(); err != nil {
		return nil, r.s.readError(err)
	}
	if !r.iter.Valid() || !bytes.Equal(r.iter.Key(), r.key) {
		return nil, nil
	}
	r.on = true
	v, err := r.iter.ValueAndErr()
	if err != nil {
		return nil, r.s.readError(err)
	}
	if v == nil {
		v = []byte{}
	}
	return v, nil
}

// step goes on to the record behind the one that was read last, if the wanted key
// lies behind that in its partition: it is often the next. It reports whether the
// iterator then stands where a search would have put it.
func (r *run) step() (bool, error) {
	if !r.on {
		return false, nil
	}
	r.on = false
	n := comparer.Split(r.key)
	if at := r.iter.Key(); comparer.Split(at) != n || !bytes.Equal(at[:n], r.key[:n]) || bytes.Compare(at, r.key) >= 0 {
		return false, nil
	}
	if !r.iter.Next() {
		if err := r.iter.Error(); err != nil {
			return false, r.s.readError(err)
		}
		return true, nil // nothing behind it in the partition
	}
	return bytes.Compare(r.iter.Key(), r.key) >= 0, nil
}

// scan returns stored records. It reports past if it has left the iterator at the
// first record behind the span, or at the end of the partition; goingOn
// tells it that the iterator stands so behind an earlier span of the partition.
func (r *run) scan(ctx context.Context, s store.Span, goingOn bool) (out []store.Record, past bool, err error) {
	if err := r.snapshot(); err != nil {
		return nil, false, err
	}
	r.on = false
	r.key = append(store.AppendPartition(r.key[:0], s.Partition), byte(store.KindRecord))
	prefix := len(r.key)
	r.end = append(r.end[:0], r.key...)
	if len(s.End) > 0 {
		r.end = append(r.end, s.End...)
	} else {
		r.end[prefix-1]++
	}
	r.key = append(r.key, s.Start...)
	c := collector{ctx: ctx, s: r.s, partition: bytes.Clone(s.Partition), prefix: prefix}

	// Going forward inside of one prefix is what the filters help with. It does
	// for going backward too if the span turns out to be small.
	limit := s.Limit
	if s.Reverse {
		limit = min(max(limit, minReverse), maxReverse)
	}
	it := r.iter
	inside := func(valid bool) bool { return valid && bytes.Compare(it.Key(), r.end) < 0 }
	if !goingOn || s.Reverse || it.Valid() && bytes.Compare(it.Key(), r.key) < 0 {
		it.SeekPrefixGE(r.key)
	}
	valid := inside(it.Valid())
	for ; valid && len(c.out) < limit; valid = inside(it.Next()) {
		if err := c.add(it); err != nil {
			return nil, false, err
		}
	}
	past = !valid
	if s.Reverse && valid {
		// The bounds keep Prev from looking for records in other partitions.
		it.SetBounds(r.key, r.end)
		defer it.SetBounds(nil, nil)
		c.out = c.out[:0]
		for valid := it.Last(); valid && len(c.out) < s.Limit; valid = it.Prev() {
			if err := c.add(it); err != nil {
				return nil, false, err
			}
		}
	} else if s.Reverse {
		slices.Reverse(c.out)
	}
	if err := it.Error(); err != nil {
		return nil, false, r.s.readError(err)
	}
	return c.out[:min(len(c.out), s.Limit)], past, nil
}

// follows reports whether a span lies behind another of the same partition.
func follows(s, before store.Span) bool {
	return len(before.End) > 0 && bytes.Compare(before.End, s.Start) <= 0 && bytes.Equal(before.Partition, s.Partition)
}

// Of a span read backward, this many records are first read forward.
const minReverse, maxReverse = 8, 64

// collector copies the records that an iterator comes to.
type collector struct {
	ctx       context.Context
	s         *Store
	partition []byte
	prefix    int // of the physical key, before the sort key
	out       []store.Record
}

func (c *collector) add(it *pebble.Iterator) error {
	v, err := it.ValueAndErr()
	if err != nil {
		return c.s.readError(err)
	}
	c.out = append(c.out, newRecord(c.partition, it.Key()[c.prefix:], v))
	if len(c.out)%checkEvery == 0 {
		return c.ctx.Err()
	}
	return nil
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
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.r.unmet
}

func (t *tx) Expect(k store.Key, value []byte) {
	if t.r == nil || t.r.unmet != nil || !t.r.buf.Expect(k) {
		return
	}
	switch v, err := t.r.lookup(store.KindRecord, k); {
	case err != nil:
		t.r.unmet = err
	case (v == nil) != (value == nil) || !bytes.Equal(v, value):
		t.r.unmet = store.ErrUnexpected
	}
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
			if v, err = t.r.get(k); err != nil {
				return nil, err
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
	past := false // the iterator stands behind the span before
	for i, s := range spans {
		base, need, err := t.r.buf.BaseSpan(s)
		if err != nil {
			return nil, err
		}
		var stored []store.Record
		if early, ok := t.r.ahead.Take(base); need && ok {
			stored, past = early, false
		} else if need {
			if stored, past, err = t.r.scan(ctx, base, past && follows(s, spans[i-1])); err != nil {
				return nil, err
			}
		} else {
			past = false
		}
		out[i] = t.r.buf.Merge(s, stored)
	}
	return out, nil
}

// Ahead implements [store.Tx]. In the order of their keys, a search goes on from where
// the one before has ended, in each table. What cannot be read is not kept, so that the
// scan that asks for it meets the error.
func (t *tx) Ahead(ctx context.Context, spans ...store.Span) {
	if t.check(ctx) != nil {
		return
	}
	order := slices.Clone(spans)
	slices.SortFunc(order, func(a, b store.Span) int {
		if c := bytes.Compare(a.Partition, b.Partition); c != 0 {
			return c
		}
		return bytes.Compare(a.Start, b.Start)
	})
	for _, s := range order {
		base, need, err := t.r.buf.BaseSpan(s)
		if err != nil || !need {
			continue
		}
		list, _, err := t.r.scan(ctx, base, false)
		if err != nil {
			return
		}
		t.r.ahead.Keep(base, list)
	}
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

func (t *tx) PutNew(k store.Key, value []byte) {
	if t.r != nil {
		t.r.buf.PutNew(k, value)
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
