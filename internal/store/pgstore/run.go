package pgstore

import (
	"bytes"
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
	checked  kind = iota // an update: by what its commit compares
	snapshot             // a view: by a transaction at REPEATABLE READ
	shared               // a view of a distributed database: by locks and versions
)

// run is one run of a function of View or Update.
type run struct {
	s    *Store
	kind kind
	buf  store.Buffer
	now  time.Time

	// doubts is set once records were there that the function believed not to be.
	doubts bool
	// expected is what the next read asks for besides, and unmet that one of those was
	// found otherwise.
	expected []expectation
	unmet    bool

	ahead store.Ahead

	looks looks           // of an update of a plain database, what it read
	seen  map[int32]int64 // of a distributed one, by bucket, the version at its first read

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

// read carries out the questions that ask queues, if it is not nil, about the given
// buckets, in one round trip, and looks at what is expected.
func (r *run) read(ctx context.Context, buckets []int32, ask func(*batch)) error {
	if err := errors.Join(r.trouble, r.failed); err != nil {
		return err
	}
	if r.unmet {
		return store.ErrUnexpected
	}
	due := r.expected
	r.expected = nil
	for i := range due {
		buckets = append(buckets, due[i].bucket)
	}
	err := r.tryRead(ctx, buckets, func(b *batch) {
		if len(due) > 0 {
			r.addExpected(b, due)
		}
		if ask != nil {
			ask(b)
		}
	})
	switch {
	case err == nil:
		return r.compare(due)
	case ctx.Err() != nil:
		return ctx.Err()
	case judge(err) != isFatal:
		r.trouble = err
		return err
	}
	r.failed = outward(ctx, err)
	return r.failed
}

// compare looks whether what was found is as it was expected.
func (r *run) compare(due []expectation) error {
	for i := range due {
		e := &due[i]
		if (e.found == nil) != (e.value == nil) || !bytes.Equal(e.found, e.value) {
			r.unmet = true
			return store.ErrUnexpected
		}
	}
	return nil
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
		if r.s.schema.distributed {
			r.askVersions(b, buckets)
		}
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

// askVersions asks a distributed database for the versions of buckets that have not
// been read from, ahead of the questions: what a later statement shows is then of that
// version, or the commit sees that it is of a later one.
func (r *run) askVersions(b *batch, buckets []int32) {
	for i, k := range buckets {
		if _, ok := r.seen[k]; !ok && !slices.Contains(buckets[:i], k) {
			b.add(doReadVersionOne, r.sawVersion, b.int4(k))
			b.finding(1)
		}
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
	if err := r.read(ctx, bucketsOf(open), func(b *batch) { r.addGet(b, open, func(i int, value []byte) { out[i] = value }) }); err != nil {
		return nil, err
	}
	return out, nil
}

// addGet queues a question for the values of keys, which answer is given the places of.
func (r *run) addGet(b *batch, keys []ref, answer func(place int, value []byte)) {
	if r.s.schema.distributed {
		for _, k := range keys {
			row := func(c [][]byte) error { answer(k.place, append([]byte{}, c[0]...)); return nil }
			b.add(doGetOne, row, b.int4(k.bucket), k.Partition, k.Sort)
		}
		return
	}
	first := len(r.looks.list)
	if r.kind == checked {
		for _, k := range keys {
			r.looks.key(k.Key, k.bucket)
		}
	}
	row := func(c [][]byte) error {
		i := int(readInt4(c[0])) - 1
		answer(keys[i].place, append([]byte{}, c[1]...))
		if r.kind == checked {
			r.looks.found(first+i, readXid(c[2]))
		}
		return nil
	}
	b.add(doGet, row, b.int4s(len(keys), func(i int) int32 { return keys[i].bucket }),
		b.byteas(len(keys), func(i int) []byte { return keys[i].Partition }),
		b.byteas(len(keys), func(i int) []byte { return keys[i].Sort }))
}

// expectation is a record as the function expects it, and as it was found.
type expectation struct {
	ref
	value, found []byte
}

func (t *tx) Expect(k store.Key, value []byte) {
	if t.r == nil || !t.r.buf.Expect(k) {
		return
	}
	// The caller may use the memory of the key again.
	key := append(append(make([]byte, 0, len(k.Partition)+len(k.Sort)), k.Partition...), k.Sort...)
	n := len(k.Partition)
	t.r.expected = append(t.r.expected, expectation{value: value,
		ref: ref{Key: store.Key{Partition: key[:n:n], Sort: key[n:]}, bucket: t.r.s.bucketOf(k.Partition), place: len(t.r.expected)}})
}

// addExpected queues a question for what is expected.
func (r *run) addExpected(b *batch, due []expectation) {
	keys := make([]ref, len(due))
	for i := range due {
		keys[i] = due[i].ref
	}
	r.addGet(b, keys, func(i int, value []byte) { due[i].found = value })
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
		r.s.addCount(b, open, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// addCount queues a question for the values of counters.
func (s *Store) addCount(b *batch, keys []ref, out []int64) {
	if s.schema.distributed {
		for _, k := range keys {
			row := func(c [][]byte) error { out[k.place] += readInt8(c[0]); return nil }
			b.add(doCountOne, row, b.int4(k.bucket), k.Partition, k.Sort)
		}
		return
	}
	row := func(c [][]byte) error { out[keys[readInt4(c[0])-1].place] += readInt8(c[1]); return nil }
	b.add(doCount, row, b.int4s(len(keys), func(i int) int32 { return keys[i].bucket }),
		b.byteas(len(keys), func(i int) []byte { return keys[i].Partition }),
		b.byteas(len(keys), func(i int) []byte { return keys[i].Sort }))
}

func (t *tx) Scan(ctx context.Context, spans ...store.Span) ([][]store.Record, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	r := t.r
	asked, stored := make([]question, 0, len(spans)), make([][]store.Record, len(spans))
	for i, s := range spans {
		base, need, err := r.buf.BaseSpan(s)
		if err != nil {
			return nil, err
		}
		if list, ok := r.ahead.Take(base); need && ok {
			stored[i] = list
		} else if need {
			asked = append(asked, question{Span: base, bucket: r.s.bucketOf(base.Partition), place: i})
		}
	}
	if len(asked) > 0 {
		var err error
		if asked, err = r.scan(ctx, asked); err != nil {
			return nil, err
		}
	}
	for i := range asked {
		stored[asked[i].place] = asked[i].found
	}
	out := make([][]store.Record, len(spans))
	for i, s := range spans {
		out[i] = r.buf.Merge(s, stored[i])
	}
	return out, nil
}

// Ahead implements [store.Tx]: all spans in one round trip.
func (t *tx) Ahead(ctx context.Context, spans ...store.Span) {
	if t.check(ctx) != nil {
		return
	}
	r := t.r
	var asked []question
	for _, s := range spans {
		if base, need, err := r.buf.BaseSpan(s); err == nil && need {
			asked = append(asked, question{Span: base, bucket: r.s.bucketOf(base.Partition)})
		}
	}
	if len(asked) == 0 {
		return
	}
	asked, err := r.scan(ctx, asked)
	if err != nil {
		return // the scans meet it again
	}
	for i := range asked {
		r.ahead.Keep(asked[i].Span, asked[i].found)
	}
}

// scan asks for spans, and in the same statement for what is expected. It returns the
// questions with their answers.
func (r *run) scan(ctx context.Context, asked []question) ([]question, error) {
	noted := r.kind == checked && !r.s.schema.distributed
	due := r.expected
	if noted && len(due) > 0 {
		r.expected = nil
		for i := range due {
			k := &due[i]
			end := append(append(make([]byte, 0, len(k.Sort)+1), k.Sort...), 0)
			asked = append(asked, question{bucket: k.bucket, Span: store.Span{Partition: k.Partition, Start: k.Sort, End: end, Limit: 1}})
		}
	}
	buckets := make([]int32, len(asked))
	for i := range asked {
		buckets[i] = asked[i].bucket
	}
	if err := r.read(ctx, buckets, func(b *batch) { r.s.addScans(b, asked) }); err != nil || !noted {
		return asked, err
	}
	for i := range asked {
		q := &asked[i]
		r.looks.span(q.Span, q.bucket, q.found, q.wrote)
	}
	own := len(asked) - len(due)
	for i, q := range asked[own:] {
		if len(q.found) > 0 {
			due[i].found = q.found[0].Value
		}
	}
	return asked[:own], r.compare(due)
}

// question is a span that is asked for, with its place among the questions, and its
// answer.
type question struct {
	store.Span
	bucket int32
	place  int

	found []store.Record
	wrote []uint32 // of each record, in a plain database
}

// addScans queues spans: in a plain database, those of one direction in one statement.
func (s *Store) addScans(b *batch, asked []question) {
	if s.schema.distributed {
		for i := range asked {
			asked[i].addOne(b)
		}
		return
	}
	for _, down := range []bool{false, true} {
		var list []*question
		for i := range asked {
			if asked[i].Reverse == down {
				list = append(list, &asked[i])
			}
		}
		if len(list) == 0 {
			continue
		}
		how := doScan
		if down {
			how = doScanDown
		}
		last := 0
		row := func(c [][]byte) error {
			i := int(readInt4(c[0])) - 1
			if i < last {
				return errDisorder
			}
			last = i
			return list[i].took(c[1], c[2], readXid(c[3]))
		}
		b.add(how, row, b.int4s(len(list), func(i int) int32 { return list[i].bucket }),
			b.byteas(len(list), func(i int) []byte { return list[i].Partition }),
			b.byteas(len(list), func(i int) []byte { return list[i].Start }),
			b.byteas(len(list), func(i int) []byte { return list[i].End }),
			b.int8s(len(list), func(i int) int64 { return int64(list[i].Limit) }))
	}
}

// errDisorder: the server has carried out a statement in a way that it cannot.
var errDisorder = fmt.Errorf("%w: the database gives records out of their order", store.ErrCorrupt)

// took notes a record of the answer. That it comes after the one before is not left to
// the server's planner.
func (q *question) took(sort, value []byte, wrote uint32) error {
	if n := len(q.found); n > 0 && (bytes.Compare(q.found[n-1].Key.Sort, sort) < 0) == q.Reverse {
		return errDisorder
	}
	if q.found == nil {
		q.Partition = append([]byte{}, q.Partition...) // the records share it
	}
	q.found = append(q.found, newRecord(q.Partition, sort, value))
	q.wrote = append(q.wrote, wrote)
	return nil
}

// addOne queues a span alone.
func (q *question) addOne(b *batch) {
	row := func(c [][]byte) error { return q.took(c[0], c[1], 0) }
	open, to := doScanOne, doScanToOne
	if q.Reverse {
		open, to = doScanDownOne, doScanDownToOne
	}
	if len(q.End) == 0 {
		b.add(open, row, b.int4(q.bucket), q.Partition, b.bytes(q.Start), b.int8(int64(q.Limit)))
	} else {
		b.add(to, row, b.int4(q.bucket), q.Partition, b.bytes(q.Start), b.int8(int64(q.Limit)), q.End)
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
		t.r.now = t.r.s.clock.now().UTC().Truncate(time.Microsecond)
	}
	return t.r.now
}
