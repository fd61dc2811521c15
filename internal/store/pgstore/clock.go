package pgstore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Times at which the database's clock is looked at again, and the longest round
// trip by which it is set.
const (
	clockEvery  = 30 * time.Second
	clockWithin = 100 * time.Millisecond
)

// clock is the database's clock, as this process reckons it: nodes whose own clocks
// differ, or jump, write times in the order in which they write. It is right to
// half a round trip.
type clock struct {
	fixed  func() time.Time // if set, the time
	offset atomic.Int64     // of the database's clock from this process's, nanoseconds
	looked atomic.Int64     // when it was looked at, by the monotonic clock of base
	base   time.Time        // with its monotonic reading
}

func newClock(fixed func() time.Time) *clock {
	return &clock{fixed: fixed, base: time.Now()}
}

// now does not follow jumps of the process's clock.
func (c *clock) now() time.Time {
	if c.fixed != nil {
		return c.fixed()
	}
	return c.base.Add(time.Since(c.base) + time.Duration(c.offset.Load()))
}

// refresh looks at the database's clock if it is time to. Where that fails, the
// next call looks.
func (c *clock) refresh(ctx context.Context, conn *pgx.Conn) {
	if c.fixed != nil {
		return
	}
	at, last := time.Since(c.base), c.looked.Load()
	if last != 0 && at-time.Duration(last) < clockEvery || !c.looked.CompareAndSwap(last, int64(at)) {
		return
	}
	if err := c.look(ctx, conn); err != nil {
		c.looked.CompareAndSwap(int64(at), last)
	}
}

// look sets the offset by one question.
func (c *clock) look(ctx context.Context, conn *pgx.Conn) error {
	sent := time.Since(c.base)
	answer := conn.PgConn().ExecParams(ctx, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8`, nil, nil, nil, binaryFormat).Read()
	if answer.Err != nil {
		return answer.Err
	}
	received := time.Since(c.base)
	if len(answer.Rows) == 1 && received-sent <= clockWithin {
		theirs := time.UnixMicro(readInt8(answer.Rows[0][0]))
		c.offset.Store(int64(theirs.Sub(c.base.Add((sent + received) / 2))))
	}
	return nil
}
