package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"kindred/internal/store"
)

// linkState is what is known of a connection for as long as it lasts.
type linkState struct {
	prepared [statements]*pgconn.StatementDescription
	session  session
	slot     int32 // the row of each counter that it adds to
	warned   bool  // by the server, during the batch that is under way
	scratch  []byte
}

// session is a connection's row of kindred_session.
type session struct {
	id     int64
	bucket int32
	token  int64 // of the last commit; 0 before the first
}

// stateKey is where a connection's custom data have its linkState.
const stateKey = "kindred"

// newSession has an identity that no other has had for as long as its row is kept. It
// need not be a secret.
func newSession(bits int) session {
	n := rand.Uint64()
	return session{id: int64(n >> 1), bucket: int32(n >> (64 - bits))}
}

// prepare makes the statements known to a new connection, in one round trip.
func prepare(ctx context.Context, conn *pgconn.PgConn) (state *linkState, err error) {
	state = &linkState{}
	pipe := conn.StartPipeline(ctx)
	defer func() { err = errors.Join(err, pipe.Close()) }()
	for _, s := range specs {
		pipe.SendPrepare("kindred_"+s.name, s.text, nil)
	}
	if err := pipe.Sync(); err != nil {
		return nil, err
	}
	for i := range specs {
		result, err := pipe.GetResults()
		if err != nil {
			return nil, fmt.Errorf("prepare %s: %w", specs[i].name, err)
		}
		description, ok := result.(*pgconn.StatementDescription)
		if !ok {
			return nil, fmt.Errorf("prepare %s: unexpected %T", specs[i].name, result)
		}
		description.Name = "kindred_" + specs[i].name // which it does not have by itself
		state.prepared[i] = description
	}
	return state, nil
}

// link is a connection while one run has it.
type link struct {
	conn  *pgxpool.Conn
	state *linkState
	open  bool // a transaction is begun and not ended
}

// take waits for a connection.
func (s *Store) take(ctx context.Context) (*link, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	state, ok := conn.Conn().PgConn().CustomData()[stateKey].(*linkState)
	if !ok {
		panic("pgstore: a connection without state")
	}
	l := &link{conn: conn, state: state}
	s.clock.refresh(ctx, conn.Conn())
	return l, nil
}

func (l *link) newBatch() *batch { return &batch{link: l, args: l.state.scratch[:0]} }

// maxScratch bounds the memory for parameters that a connection keeps.
const maxScratch = 64 << 10

// do sends a batch and reads all answers. A batch whose context ends while it is
// under way leaves the connection unfit for use: the server may yet receive the
// request to cancel.
func (l *link) do(ctx context.Context, b *batch) error {
	l.state.warned = false
	if cap(b.args) <= maxScratch {
		l.state.scratch = b.args[:0]
	}
	answers := l.conn.Conn().PgConn().ExecBatch(ctx, &b.wire)
	done := 0
	var broken error
	for ; done < len(b.steps) && answers.NextResult(); done++ {
		rows := answers.ResultReader()
		for rows.NextRow() {
			if row := b.steps[done].row; row != nil && broken == nil {
				broken = row(rows.Values())
			}
		}
		tag, err := rows.Close()
		if err != nil {
			break
		}
		if want := b.steps[done].found; want >= 0 && tag.RowsAffected() != int64(want) && broken == nil {
			broken = fmt.Errorf("%w: %s found %d rows and not %d", store.ErrCorrupt, specs[b.steps[done].statement].name, tag.RowsAffected(), want)
		}
	}
	err := answers.Close()
	if err == nil && done < len(b.steps) {
		err = errors.New("the server answered fewer statements than it was sent")
	}
	if err != nil {
		err = &failure{statement: b.steps[min(done, len(b.steps)-1)].statement, cause: err}
	}
	if ctx.Err() != nil {
		l.discard()
	}
	if err == nil {
		err = broken
	}
	return err
}

// release gives the connection back. One in a transaction, or that is broken, is
// closed by the pool.
func (l *link) release() {
	if l.conn != nil {
		l.conn.Release()
		l.conn = nil
	}
}

// discard closes the connection and gives its place back.
func (l *link) discard() {
	if l.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), farewell)
		defer cancel()
		_ = l.conn.Conn().Close(ctx)
		l.release()
	}
}

// undo ends a transaction that failed or is not wanted, and releases.
func (l *link) undo(ctx context.Context) {
	if l.conn == nil {
		return
	}
	if l.conn.Conn().PgConn().TxStatus() == 'I' {
		l.release()
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	b := l.newBatch()
	b.add(doRollback, nil)
	if err := l.do(ctx, b); err != nil {
		l.discard()
		return
	}
	l.release()
}

// Bounds of a rollback, of saying goodbye to a server, and of what a server may
// take to cancel a statement; the connection is closed when it takes longer.
const (
	undoWithin   = 5 * time.Second
	farewell     = time.Second
	cancelWithin = 2 * time.Second
)

// canceller asks the server to cancel what it does when a call's context ends. The
// answer of the server is waited for, so that the outcome of a commit is known.
type canceller struct {
	conn  *pgconn.PgConn
	tasks *sync.WaitGroup
}

// HandleCancel implements [ctxwatch.Handler].
func (c *canceller) HandleCancel(context.Context) {
	_ = c.conn.Conn().SetDeadline(time.Now().Add(cancelWithin))
	c.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cancelWithin)
		defer cancel()
		_ = c.conn.CancelRequest(ctx) // else the deadline ends the call
	})
}

// HandleUnwatchAfterCancel implements [ctxwatch.Handler].
func (c *canceller) HandleUnwatchAfterCancel() { _ = c.conn.Conn().SetDeadline(time.Time{}) }

var _ ctxwatch.Handler = (*canceller)(nil)

// notice is told of the server's notices. A warning during a commit may say that
// the commit does not have what was asked for, such as waiting for a standby.
func notice(c *pgconn.PgConn, n *pgconn.Notice) {
	if state, ok := c.CustomData()[stateKey].(*linkState); ok && n.SeverityUnlocalized == "WARNING" {
		state.warned = true
	}
}
