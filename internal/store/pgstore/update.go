package pgstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"kindred/internal/store"
)

const (
	// aloneAfter is the number of lost runs after which an update first locks the
	// buckets that those touched.
	aloneAfter = 3
	// maxLocks is the number of buckets that one transaction locks one by one. A
	// larger one locks all there are: the server has room for some 64 locks for each
	// connection that it allows.
	maxLocks = 200
	// everything is the number of the lock that stands for all buckets.
	everything = -1
	// counterSlots is the number of rows that a counter has at most. Connections of a
	// node take slots in turn, so that two do not wait for each other.
	counterSlots = 64
	// maxStatement is the size of parameters from which on writes go into another
	// statement, so that the server never holds a whole large transaction at once.
	maxStatement = 4 << 20
)

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.update(ctx, fn)
}

func (s *Store) update(ctx context.Context, fn func(store.Tx) error) error {
	var p patience
	touched, doubts := map[int32]bool{}, false
	for lost := 0; lost < store.MaxAttempts; {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := &run{s: s, kind: checked, doubts: doubts}
		var err, trouble error
		if lost >= aloneAfter {
			trouble = r.lockFirst(ctx, touched)
		}
		if trouble == nil {
			err, trouble = r.attempt(ctx, fn)
		}
		if trouble == nil {
			return err
		}
		r.end(ctx)
		if err := ending(ctx, trouble); err != nil {
			return err
		}
		if judge(trouble) == isLost {
			if err := p.wait(ctx, s, trouble); err != nil {
				return err
			}
			continue
		}
		if hasCode(trouble, taken) && !doubts { // a mistake, and not another update's doing
			doubts = true
			continue
		}
		s.conflicts.Add(1)
		lost++
		for k, exclusive := range r.touched() {
			touched[k] = touched[k] || exclusive
		}
	}
	return store.ErrConflict
}

// lockFirst begins the transaction of a run with the locks of the one before.
func (r *run) lockFirst(ctx context.Context, touched map[int32]bool) error {
	l, err := r.s.take(ctx)
	if err != nil {
		return err
	}
	r.link, l.open = l, true
	b := l.newBatch()
	b.add(doBegin, nil)
	r.s.addLocks(b, touched, false)
	r.locked = maps.Clone(touched)
	return l.do(ctx, b)
}

// touched are the buckets that a run read from (false) or wrote to (true).
func (r *run) touched() map[int32]bool {
	all := r.touchedByReading()
	for _, p := range r.buf.Partitions() {
		if p.Wrote {
			all[r.s.bucketOf(p.Partition)] = true
		}
	}
	return all
}

// attempt is one run of an update's function and its commit. Trouble is why there
// must be another.
func (r *run) attempt(ctx context.Context, fn func(store.Tx) error) (err, trouble error) {
	defer r.end(ctx) // of a function that panics, too
	err = r.call(func(t *tx) error { return fn(t) })
	if len(r.expected) > 0 { // no read has come after it
		_ = r.read(ctx, nil, nil) // what it finds, it notes
	}
	if r.trouble != nil {
		return nil, r.trouble
	}
	if r.unmet {
		err = store.ErrUnexpected
	}
	if err == nil {
		err = r.buf.Err()
	}
	if err == nil {
		err = r.failed
	}
	if ctx.Err() != nil || r.failed != nil {
		if err == nil {
			err = ctx.Err()
		}
		return err, nil
	}
	writes := err == nil && r.buf.Mutated()
	if !writes && len(r.seen) == 0 && len(r.looks.list) == 0 {
		return err, nil
	}
	if trouble = r.commit(ctx, writes); trouble != nil {
		return nil, trouble
	}
	return err, nil
}

// ending is the error that ends an update because of trouble that another run does
// not help against, or nil.
func ending(ctx context.Context, trouble error) error {
	switch {
	case judge(trouble) != isFatal && ctx.Err() == nil:
		return nil
	case isCancelled(trouble) && ctx.Err() == nil:
		return fmt.Errorf("%w: it waited for longer than statement_timeout", store.ErrConflict)
	}
	return outward(ctx, trouble)
}

// commit makes a run's writes, if it has any, provided that all that it has read
// still holds, in one round trip. After it returns an error nothing has been
// written, unless that is ErrUnknownOutcome.
func (r *run) commit(ctx context.Context, writes bool) error {
	l := r.link
	r.link = nil
	if l == nil {
		var err error
		if l, err = r.s.take(ctx); err != nil {
			return err
		}
	}
	b := l.newBatch()
	if !l.open {
		b.add(doBegin, nil)
	}
	token := l.state.session.token + 1
	if writes {
		r.addCommit(b, token)
	} else {
		r.addCheck(b, r.touchedByReading())
	}
	b.add(doCommit, nil)
	err := l.do(ctx, b)
	var p *pgconn.PgError
	switch {
	case err == nil && !(writes && l.state.warned):
		if writes {
			l.state.session.token = token
		}
		l.release()
		return nil
	case !writes, errors.As(err, &p) && p.SeverityUnlocalized == "ERROR":
		l.undo(ctx)
		return err
	}
	// What pgconn calls safe to retry is not: of a connection that breaks while the
	// answers to a batch are read, it says that too.
	return r.s.settle(ctx, l, token, err)
}

// touchedByReading are the buckets that a run read from.
func (r *run) touchedByReading() map[int32]bool {
	all := make(map[int32]bool, len(r.seen)+len(r.looks.list)+8)
	for k := range r.seen {
		all[k] = false
	}
	for i := range r.looks.list {
		all[r.looks.list[i].bucket] = false
	}
	return all
}

// addLocks queues the locks of buckets, shared or (true) exclusive. They are waited
// for in the order that all keep to, unless the transaction has locks already: it
// may not wait for one that comes before them.
func (s *Store) addLocks(b *batch, buckets map[int32]bool, more bool) {
	if len(buckets) == 0 {
		return
	}
	how := doLock
	if more {
		how = doTryLock
	}
	order := []int32{everything}
	exclusive := len(buckets) > maxLocks
	if !exclusive {
		order = append(order, slices.Sorted(maps.Keys(buckets))...)
	}
	at := func(i int) bool {
		if i == 0 {
			return exclusive
		}
		return buckets[order[i]]
	}
	b.add(how, nil, b.int4(s.schema.class), b.int4s(len(order), func(i int) int32 { return order[i] }), b.bools(len(order), at))
}

// addCheck queues the locks of buckets, and the comparison of what was read with what
// is there. In a distributed database that is done by versions of the buckets, and
// those that are written to are given new ones.
func (r *run) addCheck(b *batch, buckets map[int32]bool) {
	if len(buckets) == 0 {
		return
	}
	fresh := maps.Clone(buckets)
	maps.DeleteFunc(fresh, func(k int32, exclusive bool) bool {
		held, ok := r.locked[k]
		return ok && (held || !exclusive) || len(r.locked) > maxLocks
	})
	r.s.addLocks(b, fresh, r.locked != nil)
	if !r.s.schema.distributed {
		r.looks.addTo(b)
		return
	}
	for _, k := range slices.Sorted(maps.Keys(buckets)) {
		version := int64(-1) // not read
		if seen, ok := r.seen[k]; ok {
			version = seen
		}
		how := doCheckVersionOne
		if buckets[k] {
			how = doRaiseVersionOne
		}
		b.add(how, nil, b.int4(k), b.int8(version))
	}
}

// addCommit queues all of a commit but its end.
func (r *run) addCommit(b *batch, token int64) {
	r.addCheck(b, r.touched())
	for _, p := range r.buf.Partitions() {
		if p.Cleared {
			bucket := r.s.bucketOf(p.Partition)
			b.add(doClearRecords, nil, b.int4(bucket), p.Partition)
			b.add(doClearCounters, nil, b.int4(bucket), p.Partition)
		}
	}
	var fresh, puts, removals, sums []change
	for _, w := range r.buf.Writes() {
		c := change{w, r.s.bucketOf(w.Key.Partition)}
		switch w.Kind {
		case store.WritePut:
			if c.New && !r.doubts && !r.s.schema.distributed {
				fresh = append(fresh, c)
			} else {
				puts = append(puts, c)
			}
		case store.WriteDelete:
			removals = append(removals, c)
		case store.WriteAdd:
			sums = append(sums, c)
		}
	}
	if r.s.schema.distributed {
		r.s.addRouted(b, removals, puts, sums)
	} else {
		r.s.addArrays(b, removals, fresh, puts, sums)
	}
	b.add(doMark, nil, b.int4(b.link.state.session.bucket), b.int8(b.link.state.session.id), b.int8(token), b.int8(token-1),
		b.int8(r.s.clock.now().UnixMicro()))
}

// change is a write with its bucket.
type change struct {
	store.Write
	bucket int32
}

// inOrder sorts additions, so that updates lock the rows of counters in one order.
func inOrder(sums []change) {
	slices.SortFunc(sums, func(x, y change) int {
		if c := slices.Compare(x.Key.Partition, y.Key.Partition); c != 0 {
			return c
		}
		return slices.Compare(x.Key.Sort, y.Key.Sort)
	})
}

// addRouted queues writes for a distributed database, a statement each.
func (s *Store) addRouted(b *batch, removals, puts, sums []change) {
	for _, w := range removals {
		b.add(doRemoveOne, nil, b.int4(w.bucket), w.Key.Partition, w.Key.Sort)
	}
	for _, w := range puts {
		b.add(doPutOne, nil, b.int4(w.bucket), w.Key.Partition, w.Key.Sort, w.Value)
	}
	inOrder(sums)
	for _, w := range sums {
		b.add(doAddOne, nil, b.int4(w.bucket), w.Key.Partition, w.Key.Sort, b.int8(w.Delta), b.int4(b.link.state.slot))
	}
}

// addArrays queues writes for a plain database, many in a statement.
func (s *Store) addArrays(b *batch, removals, fresh, puts, sums []change) {
	keys := func(list []change) (buckets, parts, sorts []byte) {
		return b.int4s(len(list), func(i int) int32 { return list[i].bucket }),
			b.byteas(len(list), func(i int) []byte { return list[i].Key.Partition }),
			b.byteas(len(list), func(i int) []byte { return list[i].Key.Sort })
	}
	for list := range chunks(removals) {
		x, y, z := keys(list)
		b.add(doRemove, nil, x, y, z)
	}
	put := func(how statement, list []change) {
		x, y, z := keys(list)
		b.add(how, nil, x, y, z, b.byteas(len(list), func(i int) []byte { return list[i].Value }))
	}
	for list := range chunks(fresh) {
		put(doInsert, list)
	}
	for list := range chunks(puts) {
		put(doPut, list)
	}
	inOrder(sums)
	for list := range chunks(sums) {
		x, y, z := keys(list)
		b.add(doAdd, nil, x, y, z, b.int8s(len(list), func(i int) int64 { return list[i].Delta }), b.int4(b.link.state.slot))
	}
}

// chunks cuts writes into pieces of which each fits a statement.
func chunks(list []change) func(yield func([]change) bool) {
	return func(yield func([]change) bool) {
		from, size := 0, 0
		for i := range list {
			n := len(list[i].Key.Partition) + len(list[i].Key.Sort) + len(list[i].Value)
			if i > from && size+n > maxStatement {
				if !yield(list[from:i]) {
					return
				}
				from, size = i, 0
			}
			size += n
		}
		if from < len(list) {
			yield(list[from:])
		}
	}
}

// settle finds out whether a commit took place whose connection was lost, and makes
// sure that it does not take place later. It returns nil if it did.
func (s *Store) settle(ctx context.Context, l *link, token int64, cause error) error {
	lost := l.state.session
	l.discard()
	s.resolved.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Patience)
	defer cancel()
	var p patience
	for {
		last, err := s.fence(ctx, lost)
		if err == nil {
			if last == token {
				return nil
			}
			if cause == nil { // a warning alone, and yet it is not there
				cause = errors.New("the server warned of the commit and did not make it")
			}
			return cause
		}
		if err := p.wait(ctx, s, err); err != nil {
			return fmt.Errorf("%w: %v", store.ErrUnknownOutcome, err)
		}
	}
}

// fence returns the token of the last commit of a connection that is lost, after
// which there is no other. It is itself a commit that is durable, and so the
// one that it tells of is.
func (s *Store) fence(ctx context.Context, lost session) (last int64, err error) {
	err = s.askOnce(ctx, func(b *batch) {
		b.add(doBegin, nil)
		b.add(doFence, func(c [][]byte) error { last = readInt8(c[0]); return nil },
			b.int4(lost.bucket), b.int8(lost.id), b.int8(s.clock.now().UnixMicro()))
		b.add(doCommit, nil)
	})
	return last, err
}
