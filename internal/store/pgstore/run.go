package pgstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"kindred/internal/store"
)

// kind is how a run sees to it that what it reads holds.
type kind int

const (
	checked  kind = iota // an update: by the versions that its commit compares
	snapshot             // a view: by a transaction at REPEATABLE READ
	shared               // a view of a distributed database: by locks and versions
)

// run is one run of a function of View or Update.
type run struct {
	s    *Store
	kind kind
	buf  store.Buffer
	seen map[int32]int64 // by bucket, the version at its first read
	now  time.Time

	// link is the connection that the run holds from one read to the next, nil if
	// it takes one for each.
	link *link
	// locked are the buckets on which link holds exclusive locks.
	locked map[int32]bool
	// hold makes a shared run keep its transaction, and so its locks, which begins
	// with those on first.
	hold  bool
	first map[int32]bool
	asked []int32 // of a shared run, the buckets that it has wanted to read

	// trouble is the error of a read for which the run must be made again, whatever
	// its function returns; failed is one that it cannot be made again for.
	trouble, failed error
}

// errStale: what was read before does not hold any more.
var errStale = errors.New("pgstore: overtaken by another update")

// call calls a function with a handle that is of no use after it returns.
func (r *run) call(fn func(*tx) error) error {
	t := &tx{r: r}
	defer func() { t.r = nil }()
	return fn(t)
}

// read carries out the questions that ask queues, about the given buckets, in one
// round trip.
func (r *run) read(ctx context.Context, buckets []int32, ask func(*batch)) error {
	if err := errors.Join(r.trouble, r.failed); err != nil {
		return err
	}
	err := r.tryRead(ctx, buckets, ask)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case judge(err) != isFatal:
		r.trouble = err
		return err
	}
	r.failed = outward(ctx, err)
	return r.failed
}

func (r *run) tryRead(ctx context.Context, buckets []int32, ask func(*batch)) error {
	l := r.link
	if l == nil {
		var err error
		if l, err = r.s.take(ctx); err != nil {
			return err
		}
		if r.kind == snapshot || r.hold {
			r.link = l
		} else {
			defer l.undo(ctx)
		}
	}
	b := l.newBatch()
	switch r.kind {
	case checked:
		r.askVersions(b, buckets)
	case snapshot:
		if !l.open {
			b.add(doBeginSnapshot, nil)
		}
	case shared:
		r.share(b, buckets)
	}
	ask(b)
	if r.kind == shared && !r.hold {
		b.add(doCommit, nil)
	}
	err := l.do(ctx, b)
	l.open = r.link != nil
	return err
}

// sees notes the version of a bucket, the first time that it is read.
func (r *run) sees(bucket int32, version int64) error {
	if r.seen == nil {
		r.seen = make(map[int32]int64, 8)
	}
	if before, ok := r.seen[bucket]; ok && before != version {
		return errStale
	}
	r.seen[bucket] = version
	return nil
}

func (r *run) sawVersion(c [][]byte) error { return r.sees(readInt4(c[0]), readInt8(c[1])) }

// askVersions asks for the versions of buckets that have not been read from, ahead
// of the questions: what a later statement shows is then of that version, or the
// commit sees that it is of a later one.
func (r *run) askVersions(b *batch, buckets []int32) {
	var fresh []int32
	for _, k := range buckets {
		if _, ok := r.seen[k]; !ok && !slices.Contains(fresh, k) {
			fresh = append(fresh, k)
		}
	}
	switch {
	case len(fresh) == 0:
	case r.s.schema.distributed:
		for _, k := range fresh {
			b.add(doReadVersionOne, r.sawVersion, b.int4(k))
			b.finding(1)
		}
	default:
		b.add(doReadVersions, r.sawVersion, b.int4s(len(fresh), func(i int) int32 { return fresh[i] }))
		b.finding(len(fresh))
	}
}

// share begins a transaction of a shared run: it locks the buckets that are about
// to be read and those read before, and looks at their versions.
func (r *run) share(b *batch, buckets []int32) {
	all := map[int32]bool{} // bucket to exclusive
	for _, k := range buckets {
		all[k] = false
	}
	r.asked = append(r.asked, buckets...)
	if !b.link.open {
		b.add(doBegin, nil)
		maps.Copy(all, r.first)
		for _, k := range r.asked {
			all[k] = false
		}
	}
	r.s.addLocks(b, all, b.link.open)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		b.add(doShareVersionOne, r.sawVersion, b.int4(k))
		b.finding(1)
	}
}

// end gives up what the run holds. The end of a snapshot tells nobody anything, so
// nobody waits for it.
func (r *run) end(ctx context.Context) {
	l := r.link
	if l == nil {
		return
	}
	r.link = nil
	if r.kind == snapshot && ctx.Err() == nil {
		r.s.tasks.Go(func() { l.undo(context.WithoutCancel(ctx)) })
		return
	}
	l.undo(ctx)
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

// ref is a key that is asked for, with its place among the questions.
type ref struct {
	store.Key
	bucket int32
	place  int
}

func bucketsOf(refs []ref) []int32 {
	list := make([]int32, len(refs))
	for i := range refs {
		list[i] = refs[i].bucket
	}
	return list
}

func (t *tx) Get(ctx context.Context, keys ...store.Key) ([][]byte, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	r, out := t.r, make([][]byte, len(keys))
	var open []ref
	for i, k := range keys {
		v, known, err := r.buf.Get(k)
		if err != nil {
			return nil, err
		}
		if known {
			out[i] = v
		} else {
			open = append(open, ref{k, r.s.bucketOf(k.Partition), i})
		}
	}
	if len(open) == 0 {
		return out, nil
	}
	err := r.read(ctx, bucketsOf(open), func(b *batch) {
		r.s.askEach(b, doGet, doGetOne, open, func(i int, column []byte) { out[i] = append([]byte{}, column...) })
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) Count(ctx context.Context, keys ...store.Key) ([]int64, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	r, out := t.r, make([]int64, len(keys))
	var open []ref
	for i, k := range keys {
		n, cleared, err := r.buf.Count(k)
		if err != nil {
			return nil, err
		}
		out[i] = n
		if !cleared {
			open = append(open, ref{k, r.s.bucketOf(k.Partition), i})
		}
	}
	if len(open) == 0 {
		return out, nil
	}
	var buckets []int32 // counters take no part in the checks of updates
	if r.kind == shared {
		buckets = bucketsOf(open)
	}
	err := r.read(ctx, buckets, func(b *batch) {
		r.s.askEach(b, doCount, doCountOne, open, func(i int, column []byte) { out[i] += readInt8(column) })
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// askEach queues a question for each key, in one statement where it can be.
func (s *Store) askEach(b *batch, many, one statement, keys []ref, answer func(place int, column []byte)) {
	if s.schema.distributed || len(keys) == 1 {
		for _, k := range keys {
			row := func(c [][]byte) error { answer(k.place, c[0]); return nil }
			b.add(one, row, b.int4(k.bucket), b.bytes(k.Partition), b.bytes(k.Sort))
		}
		return
	}
	row := func(c [][]byte) error { answer(keys[readInt8(c[0])-1].place, c[1]); return nil }
	b.add(many, row, b.int4s(len(keys), func(i int) int32 { return keys[i].bucket }),
		b.byteas(len(keys), func(i int) []byte { return keys[i].Partition }),
		b.byteas(len(keys), func(i int) []byte { return keys[i].Sort }))
}

func (t *tx) Scan(ctx context.Context, spans ...store.Span) ([][]store.Record, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	r := t.r
	stored := make([][]store.Record, len(spans))
	bases := make([]store.Span, len(spans)) // the zero Span where nothing need be read
	var buckets []int32
	for i, s := range spans {
		base, need, err := r.buf.BaseSpan(s)
		if err != nil {
			return nil, err
		}
		if need {
			bases[i] = base
			buckets = append(buckets, r.s.bucketOf(base.Partition))
		}
	}
	if len(buckets) > 0 {
		err := r.read(ctx, buckets, func(b *batch) {
			next := 0
			for i := range bases {
				if bases[i].Limit > 0 {
					addScan(b, bases[i], buckets[next], &stored[i])
					next++
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([][]store.Record, len(spans))
	for i, s := range spans {
		out[i] = r.buf.Merge(s, stored[i])
	}
	return out, nil
}

// addScan queues a span.
func addScan(b *batch, s store.Span, bucket int32, out *[]store.Record) {
	*out = nil
	partition := append([]byte{}, s.Partition...)
	row := func(c [][]byte) error {
		*out = append(*out, newRecord(partition, c[0], c[1]))
		return nil
	}
	open, to := doScanUp, doScanUpTo
	if s.Reverse {
		open, to = doScanDown, doScanDownTo
	}
	if len(s.End) == 0 {
		b.add(open, row, b.int4(bucket), b.bytes(s.Partition), b.bytes(s.Start), b.int8(int64(s.Limit)))
	} else {
		b.add(to, row, b.int4(bucket), b.bytes(s.Partition), b.bytes(s.Start), b.int8(int64(s.Limit)), s.End)
	}
}

// newRecord copies sort key and value into one piece of memory.
func newRecord(partition, sort, value []byte) store.Record {
	n := len(sort)
	buf := make([]byte, n+len(value))
	copy(buf, sort)
	copy(buf[n:], value)
	return store.Record{Key: store.Key{Partition: partition, Sort: buf[:n:n]}, Value: buf[n:]}
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
		t.r.now = t.r.s.clock.now().UTC().Truncate(time.Microsecond)
	}
	return t.r.now
}
