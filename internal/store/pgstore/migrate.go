package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"kindred/internal/store"
)

// Sizes of a bucket, in bits: how many there are is fixed when a database is
// prepared. The more there are the rarer two partitions that have nothing to do
// with each other conflict; each costs some 100 bytes.
const (
	DefaultBits            = 18
	DefaultDistributedBits = 20
	MaxBits                = 22
)

// ErrSchema: the database has tables that this build cannot work with. The text
// says what to do.
var ErrSchema = errors.New("pgstore: the database's tables are of another version")

// migration is one step of the schema. Steps are never changed once released;
// later ones are added.
type migration struct {
	// needs is the version that a build must know to work with the tables after
	// this step: that before it if the step only adds what older builds need not
	// know, so that nodes of both can run side by side during an upgrade.
	needs int
	sql   string
}

var migrations = []migration{
	{needs: 1, sql: `
		CREATE TABLE kindred_record (
			bucket int4 NOT NULL,
			part bytea NOT NULL,
			sort bytea NOT NULL,
			value bytea NOT NULL,
			PRIMARY KEY (part, sort, bucket)
		) WITH (toast_tuple_target = 4080, autovacuum_vacuum_scale_factor = 0.05);
		ALTER TABLE kindred_record ALTER COLUMN value SET STORAGE EXTERNAL;
		CREATE TABLE kindred_counter (
			bucket int4 NOT NULL,
			part bytea NOT NULL,
			sort bytea NOT NULL,
			slot int4 NOT NULL,
			n int8 NOT NULL,
			PRIMARY KEY (part, sort, slot, bucket)
		) WITH (fillfactor = 50);
		CREATE TABLE kindred_version (
			bucket int4 PRIMARY KEY,
			version int8 NOT NULL
		) WITH (fillfactor = 50);
		CREATE TABLE kindred_session (
			bucket int4 NOT NULL,
			id int8 NOT NULL,
			token int8 NOT NULL,
			fenced int8 NOT NULL,
			at int8 NOT NULL,
			PRIMARY KEY (id, bucket)
		) WITH (fillfactor = 50);
		COMMENT ON TABLE kindred_record IS 'records of Kindred, values sealed';
		COMMENT ON COLUMN kindred_record.bucket IS 'leading bits of the SHA-256 of part';`},
	// A page is tidied whenever it is looked at while less is free than the fill factor
	// leaves: at 50 that is at every look. At 100 it is when a tenth is left. Builds
	// before do not see what later ones write to plain databases by its version.
	{needs: 2, sql: `
		ALTER TABLE kindred_counter SET (fillfactor = 100);
		ALTER TABLE kindred_session SET (fillfactor = 100);`},
}

// SchemaVersion is the version of the tables that this build makes.
var SchemaVersion = len(migrations)

// distributed lists the tables to distribute, the first before those that are
// kept with it.
var distributed = []string{"kindred_version", "kindred_record", "kindred_counter", "kindred_session"}

// schema is the row of kindred_schema, and what else is known of the database.
type schema struct {
	version, needs int
	bits           int
	distributed    bool
	class          int32 // of advisory locks: one for each set of tables in a database
}

// Setup says how Init prepares a database.
type Setup struct {
	Bits  int  // of a bucket; 0 is DefaultBits, or DefaultDistributedBits with Citus
	Citus bool // distribute the tables

	fallback int  // bits of tables that are made, where Bits is 0
	routed   bool // a plain database is to be used as a distributed one
}

func (w Setup) bits() int {
	switch {
	case w.Bits != 0:
		return w.Bits
	case w.fallback != 0:
		return w.fallback
	case w.Citus:
		return DefaultDistributedBits
	}
	return DefaultBits
}

// Init prepares a database: it makes the tables, or brings those that are there
// up to date. It may be called again, and by several processes at once.
func Init(ctx context.Context, c *Config, want Setup) error {
	if b := want.bits(); b < 1 || b > MaxBits {
		return fmt.Errorf("bits of a bucket: want 1 to %d", MaxBits)
	}
	_, err := migrate(ctx, c, want)
	return err
}

// migrate brings the tables to this build's version, making them if there are none.
func migrate(ctx context.Context, c *Config, want Setup) (s schema, err error) {
	config := c.pool.ConnConfig.Copy()
	config.RuntimeParams["statement_timeout"] = "0" // distributing takes its time
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return schema{}, fmt.Errorf("connect to %s: %w", c, outward(ctx, err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// One at a time. The lock's name is of no other use, and ends with the transaction.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('kindred schema', 0))`); err != nil {
			return err
		}
		s, err = readSchema(ctx, tx)
		if err != nil {
			return err
		}
		return s.bring(ctx, tx, want)
	})
	if err != nil {
		return schema{}, advise(ctx, err)
	}
	return s, nil
}

// readSchema returns version 0 where there are no tables.
func readSchema(ctx context.Context, tx pgx.Tx) (s schema, err error) {
	var there bool
	if err := tx.QueryRow(ctx, `SELECT to_regclass('kindred_schema') IS NOT NULL`).Scan(&there); err != nil || !there {
		return s, err
	}
	err = tx.QueryRow(ctx, `SELECT version, needs, bits, distributed FROM kindred_schema`).Scan(&s.version, &s.needs, &s.bits, &s.distributed)
	return s, err
}

// bring carries out the steps that are missing.
func (s *schema) bring(ctx context.Context, tx pgx.Tx, want Setup) error {
	if s.needs > SchemaVersion {
		return fmt.Errorf("%w: they have version %d and need a build that knows version %d, this one knows %d: use a newer kindred",
			ErrSchema, s.version, s.needs, SchemaVersion)
	}
	if s.version > 0 && want.Bits != 0 && want.Bits != s.bits {
		return fmt.Errorf("%w: they have buckets of %d bits, which cannot be changed to %d", ErrSchema, s.bits, want.Bits)
	}
	fresh := s.version == 0
	if fresh {
		s.bits = want.bits()
		if _, err := tx.Exec(ctx, `CREATE TABLE kindred_schema (
			one bool PRIMARY KEY CHECK (one), version int4 NOT NULL, needs int4 NOT NULL, bits int4 NOT NULL, distributed bool NOT NULL)`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO kindred_schema VALUES (true, 0, 0, $1, false)`, s.bits); err != nil {
			return err
		}
	}
	for s.version < SchemaVersion {
		m := migrations[s.version]
		if _, err := tx.Conn().PgConn().Exec(ctx, m.sql).ReadAll(); err != nil {
			return err
		}
		s.version, s.needs = s.version+1, m.needs
		if _, err := tx.Exec(ctx, `UPDATE kindred_schema SET version = $1, needs = $2`, s.version, s.needs); err != nil {
			return err
		}
	}
	anew := fresh || want.routed
	if want.Citus && !s.distributed {
		if err := s.distribute(ctx, tx); err != nil {
			return err
		}
		anew = true
	}
	if err := s.fillVersions(ctx, tx, s.distributed || want.routed, anew); err != nil {
		return err
	}
	var number int64 // an oid has 32 bits without sign
	err := tx.QueryRow(ctx, `SELECT 'kindred_version'::regclass::oid::int8`).Scan(&number)
	s.class = int32(uint32(number))
	return err
}

// fillVersions makes the versions of buckets, which only distributed databases have,
// or makes sure that they are there.
func (s *schema) fillVersions(ctx context.Context, tx pgx.Tx, wanted, anew bool) error {
	var rows int64
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM kindred_version`).Scan(&rows); err != nil {
		return err
	}
	switch {
	case !wanted && rows > 0: // of a build before, which cannot work without them
		_, err := tx.Exec(ctx, `TRUNCATE kindred_version`)
		return err
	case wanted && anew && rows == 0:
		_, err := tx.Exec(ctx, `INSERT INTO kindred_version (bucket, version) SELECT b, 0 FROM generate_series(0, $1::int4) AS b`, 1<<s.bits-1)
		return err
	case wanted && rows != 1<<s.bits:
		return fmt.Errorf("%w: kindred_version has %d rows and not %d: restore the database", store.ErrCorrupt, rows, 1<<s.bits)
	}
	return nil
}

// distribute hands the tables to Citus. Nodes that serve would go on as if they
// were in one place, so there must be none, and nothing stored.
func (s *schema) distribute(ctx context.Context, tx pgx.Tx) error {
	var used bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM kindred_record) OR EXISTS (SELECT FROM kindred_session)`).Scan(&used); err != nil {
		return err
	}
	if used {
		return fmt.Errorf("%w: they are in use as plain tables; prepare another database with --citus and copy the data there", ErrSchema)
	}
	// One after the other on each worker, so that one transaction can do it all.
	if _, err := tx.Exec(ctx, `SET LOCAL citus.multi_shard_modify_mode TO 'sequential'`); err != nil {
		return err
	}
	for i, table := range distributed {
		with := "none"
		if i > 0 {
			with = distributed[0]
		}
		if _, err := tx.Exec(ctx, `SELECT create_distributed_table($1::text::regclass, 'bucket', colocate_with => $2)`, table, with); err != nil {
			return err
		}
	}
	s.distributed = true
	_, err := tx.Exec(ctx, `UPDATE kindred_schema SET distributed = true`)
	return err
}

// advise adds what to do to errors of preparing a database.
func advise(ctx context.Context, err error) error {
	if errors.Is(err, ErrSchema) || ours(err) {
		return err
	}
	var p *pgconn.PgError
	if errors.As(err, &p) {
		switch {
		case p.Code == "42501":
			return fmt.Errorf("prepare the database: %s: grant the user CREATE on the schema, or run kindred store init as a user who has it", p.Message)
		case p.Code == "42883" && strings.Contains(p.Message, "create_distributed_table"):
			return errors.New("prepare the database: it has no Citus: run CREATE EXTENSION citus, or leave out --citus")
		}
	}
	return fmt.Errorf("prepare the database: %w", outward(ctx, err))
}
