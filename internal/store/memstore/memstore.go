// Package memstore is the storage engine for tests: it keeps everything in
// memory, keeps every promise of package store but durability, and forgets it
// all at Close. It makes use of what the promises allow: the function of a View
// first runs in vain, as it may on engines behind a network.
package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"kindred/internal/store"
)

// serialAfter is the number of lost runs after which an update runs alone.
const serialAfter = 4

// Option changes a Store.
type Option func(*Store)

// WithClock sets the clock that Tx.Now reads. Without it that is time.Now.
func WithClock(now func() time.Time) Option {
	return func(s *Store) { s.now = now }
}

// WithoutReruns runs the function of a View once, for tests of how reads fail.
func WithoutReruns() Option {
	return func(s *Store) { s.once = true }
}

// Store is a [store.Store] in memory.
type Store struct {
	now  func() time.Time
	once bool
	gate store.Gate

	mu      sync.Mutex
	root    *node
	seq     uint64            // of the last commit
	changed map[string]uint64 // by partition, the last commit that wrote to it
	dropped uint64            // the last DropPrefix

	views atomic.Uint64
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New(opts ...Option) *Store {
	s := &Store{now: time.Now, changed: make(map[string]uint64)}
	for _, o := range opts {
		o(s)
	}
	return s
}

// Ready implements [store.Store].
func (s *Store) Ready(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.gate.Leave()
	return nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	if s.gate.Close() {
		s.root, s.changed = nil, nil
	}
	return nil
}

// enter notes the start of a call; the caller defers s.gate.Leave.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.gate.Enter()
}

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.viewInVain(fn); err != nil {
		return err
	}
	s.mu.Lock()
	t := &tx{root: s.root}
	s.mu.Unlock()
	defer t.end()
	return fn(t)
}

// errInVain ends a run of a View's function that does not count.
var errInVain = errors.New("memstore: the view must run again")

// viewInVain runs a View's function up to its first, second, third or fourth read,
// one as often as the other, and forgets what comes of it.
func (s *Store) viewInVain(fn func(store.Reader) error) error {
	if s.once {
		return nil
	}
	s.mu.Lock()
	t := &tx{root: s.root, failsAt: int(s.views.Add(1)%4) + 1}
	s.mu.Unlock()
	defer t.end()
	if err := fn(t); t.reads >= t.failsAt && !errors.Is(err, errInVain) {
		return fmt.Errorf("%w: a function of View returned %v and not the error of its read", store.ErrInvalid, err)
	}
	return nil
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	for attempt := range store.MaxAttempts {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := s.run(ctx, fn, attempt >= serialAfter)
		if done {
			return err
		}
	}
	return store.ErrConflict
}

// run is one run of an update's function. It reports false if the run lost to
// another update. Alone keeps all others from committing while it runs.
func (s *Store) run(ctx context.Context, fn func(store.Tx) error, alone bool) (done bool, err error) {
	s.mu.Lock()
	if alone {
		defer s.mu.Unlock()
	}
	t := &tx{root: s.root, now: s.now().UTC().Truncate(time.Microsecond)}
	began := s.seq
	if !alone {
		s.mu.Unlock()
	}
	err = func() error {
		defer t.end()
		return fn(t)
	}()
	if t.unexpected {
		err = store.ErrUnexpected
	}
	if !alone {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	if !s.unchanged(&t.buf, began) {
		return false, nil
	}
	if err == nil {
		err = t.buf.Err()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && t.buf.Mutated() {
		s.commit(&t.buf)
	}
	return true, err
}

func (s *Store) unchanged(buf *store.Buffer, began uint64) bool {
	for _, p := range buf.Partitions() {
		if p.Read && (s.dropped > began || s.changed[string(p.Partition)] > began) {
			return false
		}
	}
	return true
}

func (s *Store) commit(buf *store.Buffer) {
	s.seq++
	root := s.root
	for _, p := range buf.Partitions() {
		if p.Wrote {
			s.changed[string(p.Partition)] = s.seq
		}
		if p.Cleared {
			start := store.AppendPartition(nil, p.Partition)
			end, _ := store.AppendPrefixEnd(nil, start)
			root = root.drop(start, end)
		}
	}
	for _, w := range buf.Writes() {
		switch w.Kind {
		case store.WritePut:
			key := store.AppendPhysicalKey(nil, store.KindRecord, w.Key)
			root = root.put(newNode(key, bytes.Clone(w.Value), 0))
		case store.WriteDelete:
			key := store.AppendPhysicalKey(nil, store.KindRecord, w.Key)
			if root.get(key) != nil {
				root = root.drop(key, append(key[:len(key):len(key)], 0))
			}
		case store.WriteAdd:
			key := store.AppendPhysicalKey(nil, store.KindCounter, w.Key)
			root = root.put(newNode(key, nil, root.counter(key)+w.Delta))
		}
	}
	s.root = root
}

func (n *node) counter(key []byte) int64 {
	if c := n.get(key); c != nil {
		return c.count
	}
	return 0
}

// ScanPrefix implements [store.Store].
func (s *Store) ScanPrefix(ctx context.Context, prefix []byte, after store.Key, limit int) (out []store.Record, err error) {
	err = s.scanPrefix(ctx, store.KindRecord, prefix, after, limit, func(k store.Key, n *node) bool {
		out = append(out, store.Record{Key: k, Value: append([]byte{}, n.value...)})
		return len(out) < limit
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ScanCounters implements [store.Store].
func (s *Store) ScanCounters(ctx context.Context, prefix []byte, after store.Key, limit int) (out []store.Counter, err error) {
	err = s.scanPrefix(ctx, store.KindCounter, prefix, after, limit, func(k store.Key, n *node) bool {
		if n.count != 0 {
			out = append(out, store.Counter{Key: k, N: n.count})
		}
		return len(out) < limit
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// scanPrefix shows each node of a kind, until that is enough.
func (s *Store) scanPrefix(ctx context.Context, kind store.Kind, prefix []byte, after store.Key, limit int, show func(store.Key, *node) bool) (err error) {
	if err := store.ValidateScanPrefix(prefix, after, limit); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.mu.Lock()
	root := s.root
	s.mu.Unlock()
	start := store.AppendPartitionPrefix(nil, prefix)
	end, _ := store.AppendPrefixEnd(nil, start)
	if len(after.Partition) > 0 {
		from := append(store.AppendPhysicalKey(nil, kind, after), 0)
		if bytes.Compare(from, start) > 0 {
			start = from
		}
	}
	root.ascend(start, end, func(n *node) bool {
		if err = ctx.Err(); err != nil {
			return false
		}
		var is store.Kind
		var key store.Key
		if is, key, err = store.DecodePhysicalKey(n.key); err != nil {
			return false
		}
		return is != kind || show(key, n)
	})
	return err
}

// DropPrefix implements [store.Store].
func (s *Store) DropPrefix(ctx context.Context, prefix []byte) error {
	if err := store.ValidateDropPrefix(prefix); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	start := store.AppendPartitionPrefix(nil, prefix)
	end, _ := store.AppendPrefixEnd(nil, start)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	s.dropped = s.seq
	s.root = s.root.drop(start, end)
	return nil
}

// Expunge implements [store.Store]. There are no files, and memory that nobody
// holds is the garbage collector's.
func (s *Store) Expunge(ctx context.Context, prefix []byte) error {
	if err := store.ValidateDropPrefix(prefix); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.gate.Leave()
	return nil
}

// tx is one run of a function of View or Update.
type tx struct {
	root  *node
	buf   store.Buffer
	now   time.Time
	ended bool

	reads, failsAt int // the read that fails, if not 0
	unexpected     bool
}

func (t *tx) end() { t.ended = true }

func (t *tx) check(ctx context.Context) error {
	if t.ended {
		return fmt.Errorf("%w: the reader was used after its function returned", store.ErrInvalid)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.reads++; t.failsAt > 0 && t.reads >= t.failsAt {
		return errInVain
	}
	if t.unexpected {
		return store.ErrUnexpected
	}
	return nil
}

func (t *tx) Expect(k store.Key, value []byte) {
	if t.ended || !t.buf.Expect(k) {
		return
	}
	var stored []byte
	n := t.root.get(store.AppendPhysicalKey(nil, store.KindRecord, k))
	if n != nil {
		stored = n.value
	}
	if (n == nil) != (value == nil) || !bytes.Equal(stored, value) {
		t.unexpected = true
	}
}

func (t *tx) Get(ctx context.Context, keys ...store.Key) ([][]byte, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	out := make([][]byte, len(keys))
	for i, k := range keys {
		v, known, err := t.buf.Get(k)
		if err != nil {
			return nil, err
		}
		if known {
			out[i] = v
		} else if n := t.root.get(store.AppendPhysicalKey(nil, store.KindRecord, k)); n != nil {
			out[i] = append([]byte{}, n.value...)
		}
	}
	return out, nil
}

func (t *tx) Count(ctx context.Context, keys ...store.Key) ([]int64, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	out := make([]int64, len(keys))
	for i, k := range keys {
		delta, cleared, err := t.buf.Count(k)
		if err != nil {
			return nil, err
		}
		out[i] = delta
		if !cleared {
			out[i] += t.root.counter(store.AppendPhysicalKey(nil, store.KindCounter, k))
		}
	}
	return out, nil
}

func (t *tx) Scan(ctx context.Context, spans ...store.Span) ([][]store.Record, error) {
	if err := t.check(ctx); err != nil {
		return nil, err
	}
	out := make([][]store.Record, len(spans))
	for i, s := range spans {
		base, need, err := t.buf.BaseSpan(s)
		if err != nil {
			return nil, err
		}
		var records []store.Record
		if need {
			records = t.scan(base)
		}
		out[i] = t.buf.Merge(s, records)
	}
	return out, nil
}

// Ahead implements [store.Tx]: reading is fast enough when it is asked for.
func (t *tx) Ahead(context.Context, ...store.Span) {}

func (t *tx) scan(s store.Span) []store.Record {
	partition := append(store.AppendPartition(nil, s.Partition), byte(store.KindRecord))
	prefix := len(partition)
	start := append(partition[:prefix:prefix], s.Start...)
	end, _ := store.AppendPrefixEnd(nil, partition)
	if len(s.End) > 0 {
		end = append(partition[:prefix:prefix], s.End...)
	}
	walk := t.root.ascend
	if s.Reverse {
		walk = t.root.descend
	}
	var out []store.Record
	walk(start, end, func(n *node) bool {
		out = append(out, store.Record{
			Key:   store.Key{Partition: bytes.Clone(s.Partition), Sort: bytes.Clone(n.key[prefix:])},
			Value: append([]byte{}, n.value...),
		})
		return len(out) < s.Limit
	})
	return out
}

func (t *tx) Put(k store.Key, value []byte) { t.buf.Put(k, value) }

func (t *tx) PutNew(k store.Key, value []byte) { t.buf.PutNew(k, value) }
func (t *tx) Delete(k store.Key)               { t.buf.Delete(k) }
func (t *tx) Clear(partition []byte)           { t.buf.Clear(partition) }
func (t *tx) Add(k store.Key, delta int64)     { t.buf.Add(k, delta) }
func (t *tx) Now() time.Time                   { return t.now }
