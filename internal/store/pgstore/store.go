package pgstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"kindred/internal/store"
)

// Store is a [store.Store] in a PostgreSQL database.
type Store struct {
	pool   *pgxpool.Pool
	opts   Options
	name   string // of the database, for messages
	schema schema
	unsafe bool
	clock  *clock
	gate   store.Gate
	tasks  sync.WaitGroup // that end by themselves, within bounds

	slots     atomic.Uint32 // of counters, handed to connections in turn
	conflicts atomic.Uint64 // runs that lost to another update
	lost      atomic.Uint64 // runs that lost their connection
	resolved  atomic.Uint64 // commits whose outcome had to be found out
}

var _ store.Store = (*Store)(nil)

// Open opens a database. A plain one that has no tables yet is given them, and
// tables of an older version are brought up to date.
func Open(ctx context.Context, c *Config, o Options) (*Store, error) {
	o = o.withDefaults()
	tables, err := reach(ctx, c, o)
	if err != nil {
		return nil, err
	}
	s := &Store{opts: o, name: c.String(), schema: tables, unsafe: c.unsafe, clock: newClock(o.Clock)}
	if o.routed {
		s.schema.distributed = true
	}
	s.slots.Store(rand.Uint32N(counterSlots)) // not where another node begins
	config := c.pool.Copy()
	config.AfterConnect = s.connected
	conn := &config.ConnConfig.Config
	conn.OnNotice = notice
	conn.BuildContextWatcherHandler = func(pc *pgconn.PgConn) ctxwatch.Handler { return &canceller{conn: pc, tasks: &s.tasks} }
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := s.forgetSessions(ctx); err != nil {
		s.pool.Close()
		return nil, err
	}
	return s, nil
}

// reach prepares a database, with patience for one that is only just starting, or fails
// over.
func reach(ctx context.Context, c *Config, o Options) (schema, error) {
	for p := (patience{}); ; {
		tables, err := migrate(ctx, c, Setup{fallback: o.Bits, routed: o.routed})
		if !errors.Is(err, store.ErrUnavailable) {
			return tables, err
		}
		if p.until.IsZero() {
			o.Logger.Warn("the database cannot be reached; trying again", slog.String("store", c.String()), slog.Duration("for", o.Patience), slog.String("error", err.Error()))
		}
		if !p.again(ctx, o.Patience) {
			return schema{}, err
		}
	}
}

// errUnsafe: the server does not keep what it has acknowledged.
var errUnsafe = errors.New("pgstore: the server may lose what it has acknowledged")

// connected makes a new connection ready: settings, statements, state. It refuses
// a server that is not durable.
func (s *Store) connected(ctx context.Context, conn *pgx.Conn) error {
	pc := conn.PgConn()
	// What the operator has set to wait for more than the local disk is kept.
	settings := `SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
		WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false), current_setting('fsync'), current_setting('full_page_writes')`
	if !s.schema.distributed {
		// The plan of each statement is known: the one that goes by the primary key,
		// whatever the statistics say of tables that were just made.
		settings = `SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off;
			SET enable_hashjoin = off; SET enable_mergejoin = off; ` + settings
	}
	answers, err := pc.Exec(ctx, settings).ReadAll()
	if err != nil {
		return err
	}
	row := answers[len(answers)-1].Rows[0]
	if string(row[1]) != "on" {
		if !s.unsafe {
			return fmt.Errorf("%w: fsync is off on %s: set fsync = on, or add %s=on to the URL to accept that", errUnsafe, s.name, acceptUnsafe)
		}
	} else if string(row[2]) != "on" {
		s.opts.Logger.Warn("full_page_writes is off: safe on file systems only that write whole pages", slog.String("store", s.name))
	}
	state, err := prepare(ctx, pc)
	if err != nil {
		return err
	}
	state.session = newSession(s.schema.bits)
	state.slot = int32(s.slots.Add(1) % counterSlots)
	pc.CustomData()[stateKey] = state
	return nil
}

// bucketOf is the bucket of a partition: the leading bits of its key's SHA-256.
func (s *Store) bucketOf(partition []byte) int32 {
	sum := sha256.Sum256(partition)
	return int32(binary.BigEndian.Uint32(sum[:4]) >> (32 - s.schema.bits))
}

// Ping makes sure that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	return outward(ctx, s.pool.Ping(ctx))
}

// String names the database, without the password.
func (s *Store) String() string { return s.name }

// Ready implements [store.Store]. It asks the database once, and so tells of one that
// is away before calls have lost their patience with it.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	err := s.askOnce(ctx, func(b *batch) { b.add(doReadVersionOne, func([][]byte) error { return nil }, b.int4(0)) })
	if err != nil {
		return outward(ctx, err)
	}
	return nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	if s.gate.Close() {
		s.tasks.Wait()
		s.pool.Close()
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

// patience is how long a call puts up with a database that is away.
type patience struct {
	until time.Time // zero before the first failure
	pause time.Duration
}

// Pauses between tries to reach a database.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// wait waits before another try, or returns the error to end the call with.
func (p *patience) wait(ctx context.Context, s *Store, err error) error {
	s.lost.Add(1)
	if ctx.Err() != nil || judge(err) == isFatal {
		return outward(ctx, err)
	}
	switch {
	case p.again(ctx, s.opts.Patience):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return outward(ctx, err)
}

// again waits a little, and reports whether there is patience left for another try.
func (p *patience) again(ctx context.Context, within time.Duration) bool {
	now := time.Now()
	if p.until.IsZero() {
		p.until, p.pause = now.Add(within), firstPause
	}
	if now.After(p.until) {
		return false
	}
	timer := time.NewTimer(p.pause)
	defer timer.Stop()
	p.pause = min(2*p.pause, maxPause)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ask carries out one batch outside of any transaction, again after a connection
// was lost: for statements that can be repeated.
func (s *Store) ask(ctx context.Context, fill func(*batch)) error {
	var p patience
	for {
		err := s.askOnce(ctx, fill)
		if err == nil {
			return nil
		}
		if judge(err) == isFatal {
			return outward(ctx, err)
		}
		if err := p.wait(ctx, s, err); err != nil {
			return err
		}
	}
}

func (s *Store) askOnce(ctx context.Context, fill func(*batch)) error {
	l, err := s.take(ctx)
	if err != nil {
		return err
	}
	b := l.newBatch()
	fill(b)
	err = l.do(ctx, b)
	l.undo(ctx)
	return err
}

// ScanPrefix implements [store.Store].
func (s *Store) ScanPrefix(ctx context.Context, prefix []byte, after store.Key, limit int) (out []store.Record, err error) {
	err = s.scanPrefix(ctx, [2]statement{doScanPrefix, doScanPrefixTo}, prefix, after, limit, func() { out = nil }, func(c [][]byte) error {
		out = append(out, newRecord(append([]byte{}, c[0]...), c[1], c[2]))
		return nil
	})
	return out, err
}

// ScanCounters implements [store.Store].
func (s *Store) ScanCounters(ctx context.Context, prefix []byte, after store.Key, limit int) (out []store.Counter, err error) {
	err = s.scanPrefix(ctx, [2]statement{doScanCounters, doScanCountersTo}, prefix, after, limit, func() { out = nil }, func(c [][]byte) error {
		k := store.Key{Partition: append([]byte{}, c[0]...), Sort: append([]byte{}, c[1]...)}
		out = append(out, store.Counter{Key: k, N: readInt8(c[2])})
		return nil
	})
	return out, err
}

// scanPrefix asks one of two statements, that without an end or that with one, for
// rows after a key. Anew is called before the first row, each time.
func (s *Store) scanPrefix(ctx context.Context, how [2]statement, prefix []byte, after store.Key, limit int, anew func(), row func([][]byte) error) error {
	if err := store.ValidateScanPrefix(prefix, after, limit); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	part, sort := prefix, []byte(nil) // no sort key is empty: all of the prefix come after
	if string(after.Partition) >= string(prefix) && len(after.Partition) > 0 {
		part, sort = after.Partition, after.Sort
	}
	end, bounded := store.AppendPrefixEnd(nil, prefix)
	return s.ask(ctx, func(b *batch) {
		anew()
		if bounded {
			b.add(how[1], row, b.bytes(part), b.bytes(sort), b.int8(int64(limit)), end)
		} else {
			b.add(how[0], row, b.bytes(part), b.bytes(sort), b.int8(int64(limit)))
		}
	})
}

// dropBatch is how many partitions DropPrefix clears in one transaction.
const dropBatch = 100

// DropPrefix implements [store.Store]. It clears partition after partition, as
// updates do, so that updates that read from them run again.
func (s *Store) DropPrefix(ctx context.Context, prefix []byte) error {
	if err := store.ValidateDropPrefix(prefix); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	end, bounded := store.AppendPrefixEnd(nil, prefix)
	for _, of := range [][2]statement{{doRecordPartitions, doRecordPartitionsTo}, {doCounterPartitions, doCounterPartitionsTo}} {
		for from := prefix; ; {
			var parts [][]byte
			err := s.ask(ctx, func(b *batch) {
				parts = nil
				row := func(c [][]byte) error {
					parts = append(parts, append([]byte{}, c[0]...))
					return nil
				}
				if bounded {
					b.add(of[1], row, b.bytes(from), b.int8(dropBatch), end)
				} else {
					b.add(of[0], row, b.bytes(from), b.int8(dropBatch))
				}
			})
			if err != nil {
				return err
			}
			if len(parts) == 0 {
				break
			}
			err = s.update(ctx, func(tx store.Tx) error {
				for _, p := range parts {
					tx.Clear(p)
				}
				return nil
			})
			if err != nil {
				return err
			}
			from = append(parts[len(parts)-1], 0)
		}
	}
	return nil
}

// forgottenAfter is the age from which on the row of a connection that is gone is
// of no more use.
const forgottenAfter = 24 * time.Hour

// forgetSessions removes the rows of connections of long ago. A connection that
// is around has one that is as old as its last commit and makes it anew.
func (s *Store) forgetSessions(ctx context.Context) error {
	before := s.clock.now().Add(-forgottenAfter).UnixMicro()
	return s.ask(ctx, func(b *batch) { b.add(doForgetSessions, nil, b.int8(before)) })
}
