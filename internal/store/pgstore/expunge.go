package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kindred/internal/store"
)

// Expunge implements [store.Store]. Removed and replaced rows stay in the tables'
// files until they are vacuumed, and they cannot be while a transaction might
// still see them. So it waits for those that began before, and vacuums. Of what
// was there, bytes may remain in free space of pages and in the write-ahead log
// until they are written over, which is the server's to do; see docs/postgres.md.
func (s *Store) Expunge(ctx context.Context, prefix []byte) error {
	if err := store.ValidateDropPrefix(prefix); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	config := s.pool.Config().ConnConfig
	config.RuntimeParams["statement_timeout"] = "0" // it takes as long as the tables are large
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return outward(ctx, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := awaitSnapshots(ctx, conn); err != nil {
		return fmt.Errorf("expunge: %w", outward(ctx, err))
	}
	for _, table := range []string{"kindred_record", "kindred_counter"} {
		if _, err := conn.Exec(ctx, "VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF) "+table, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("expunge: %w", outward(ctx, err))
		}
	}
	return nil
}

// snapshotsEvery is how often awaitSnapshots looks.
const snapshotsEvery = 20 * time.Millisecond

// awaitSnapshots waits until no transaction of this database can see what was
// replaced before the call.
func awaitSnapshots(ctx context.Context, conn *pgx.Conn) error {
	var now string
	if err := conn.QueryRow(ctx, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text`).Scan(&now); err != nil {
		return err
	}
	for {
		// The age of an xid is counted from the present, and both ages from the same.
		var waits bool
		err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
			AND backend_xmin IS NOT NULL AND age(backend_xmin) > age(($1::text::xid8)::xid))`, now).Scan(&waits)
		if err != nil || !waits {
			return err
		}
		select {
		case <-time.After(snapshotsEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
