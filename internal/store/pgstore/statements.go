package pgstore

import (
	"fmt"
	"strings"

	"kindred/internal/store"
)

// statement is one of the statements that the engine issues while it serves.
// What prepares a database is in migrate.go.
type statement int

// The names of statements. Those that end in One are for distributed databases,
// where a statement is routed to one worker; the others take arrays, and are for plain
// ones.
const (
	doBegin statement = iota
	doBeginSnapshot
	doCommit
	doRollback
	doLock
	doTryLock

	doReadVersionOne
	doShareVersionOne
	doCheckVersionOne
	doRaiseVersionOne

	doCheck
	doGet
	doGetOne
	doScan
	doScanDown
	doScanOne
	doScanToOne
	doScanDownOne
	doScanDownToOne
	doCount
	doCountOne

	doInsert
	doPut
	doPutOne
	doRemove
	doRemoveOne
	doClearRecords
	doClearCounters
	doAdd
	doAddOne

	doMark
	doFence

	doScanPrefix
	doScanPrefixTo
	doScanCounters
	doScanCountersTo
	doRecordPartitions
	doRecordPartitionsTo
	doCounterPartitions
	doCounterPartitionsTo
	doForgetSessions

	statements // their number
)

// scope is how many partitions a statement is about.
type scope int

const (
	noTable        scope = iota // touches no table
	bucketed                    // names the bucket of every row that it touches
	manyPartitions              // a question over many partitions, as package store declares them
)

// spec is the text of a statement and what holds for it.
type spec struct {
	name  string
	scope scope
	text  string
}

// stale is how a statement says that what was read is not there any more: it
// divides by zero, which fails the transaction with this code. Division is all that
// a plain expression can fail by on every PostgreSQL, without functions of our own.
const stale = "22012"

// taken is the code of an insertion of a row whose key is there.
const taken = "23505"

// highOrAll is the end of a range, or where that is empty one after all sort keys: a
// bound that an index can be asked for in any case.
var highOrAll = fmt.Sprintf(`coalesce(nullif(k.high, ''), decode(repeat('ff', %d), 'hex'))`, store.MaxSort+1)

// rows are parameters that are arrays, from one on, as rows "k" with the given columns.
// Functions that stand in the list of a SELECT give one row after the other; in FROM the
// server would first store all that each of them gives.
func rows(from int, columns ...string) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		name, of, ok := strings.Cut(c, " ")
		if !ok {
			fmt.Fprintf(&b, "generate_subscripts($%d, 1) AS %s", from, name)
			continue
		}
		fmt.Fprintf(&b, "unnest($%d::%s[]) AS %s", from+i, of, name)
	}
	return "(SELECT " + b.String() + ") AS k"
}

// ordinal is a column with the place of each row, from 1 on.
const ordinal = "n"

// specs are all statements. Tests prove of each text that it keeps to its scope.
var specs = [statements]spec{
	doBegin:         {"begin", noTable, `BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE`},
	doBeginSnapshot: {"begin_snapshot", noTable, `BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY`},
	doCommit:        {"commit", noTable, `COMMIT`},
	doRollback:      {"rollback", noTable, `ROLLBACK`},

	// The locks are taken in the order of the arrays.
	doLock: {"lock", noTable, `
		SELECT CASE WHEN k.exclusive THEN pg_advisory_xact_lock($1, k.bucket)
			ELSE pg_advisory_xact_lock_shared($1, k.bucket) END
		FROM ` + rows(2, "bucket int4", "exclusive bool")},

	// This fails with code stale if one cannot be had at once.
	doTryLock: {"try_lock", noTable, `
		SELECT 1 / (CASE WHEN k.exclusive THEN pg_try_advisory_xact_lock($1, k.bucket)
			ELSE pg_try_advisory_xact_lock_shared($1, k.bucket) END)::int4
		FROM ` + rows(2, "bucket int4", "exclusive bool")},

	doReadVersionOne: {"read_version_one", bucketed, `
		SELECT bucket, version FROM kindred_version WHERE bucket = $1`},
	doShareVersionOne: {"share_version_one", bucketed, `
		SELECT bucket, version FROM kindred_version WHERE bucket = $1 FOR SHARE`},

	// These fail with code stale. A version below zero stands for one not read.
	doCheckVersionOne: {"check_version_one", bucketed, `
		SELECT 1 / (version = $2::int8)::int4 FROM kindred_version WHERE bucket = $1 FOR SHARE`},
	doRaiseVersionOne: {"raise_version_one", bucketed, `
		UPDATE kindred_version SET version = version + 1 / ($2::int8 < 0 OR $2::int8 = version)::int4
		WHERE bucket = $1`},

	// It fails with code stale unless each range gives the records that wrote lists
	// (n of them from place at on), by the transactions that wrote them.
	doCheck: {"check", bucketed, `
		SELECT 1 / (count(*) = 0)::int4
		FROM ` + rows(1, "bucket int4", "part bytea", "low bytea", "high bytea", "at int4", "n int4") + `
		WHERE CASE k.n WHEN 0 THEN EXISTS (
			SELECT FROM kindred_record r
			WHERE r.bucket = k.bucket AND r.part = k.part AND r.sort >= k.low AND r.sort < ` + highOrAll + `)
		ELSE ($7::xid[])[k.at : k.at + k.n - 1] <> ARRAY(
			SELECT r.xmin FROM kindred_record r
			WHERE r.bucket = k.bucket AND r.part = k.part AND r.sort >= k.low AND r.sort < ` + highOrAll + `
			ORDER BY r.sort LIMIT k.n + 1) END`},

	doGet: {"get", bucketed, `
		SELECT k.n, r.value, r.xmin
		FROM ` + rows(1, "bucket int4", "part bytea", "sort bytea", ordinal) + `
		JOIN kindred_record r ON r.bucket = k.bucket AND r.part = k.part AND r.sort = k.sort`},
	doGetOne: {"get_one", bucketed, `
		SELECT value FROM kindred_record WHERE bucket = $1 AND part = $2 AND sort = $3`},

	// Rows come range by range, each in order: the only way to join what depends on the
	// outer row is to go through that in its order. The engine makes sure of it.
	doScan: {"scan", bucketed, `
		SELECT k.n, s.sort, s.value, s.wrote
		FROM ` + rows(1, "bucket int4", "part bytea", "low bytea", "high bytea", "most int8", ordinal) + `
		CROSS JOIN LATERAL (
			SELECT r.sort, r.value, r.xmin AS wrote FROM kindred_record r
			WHERE r.bucket = k.bucket AND r.part = k.part AND r.sort >= k.low AND r.sort < ` + highOrAll + `
			ORDER BY r.sort LIMIT k.most) AS s`},
	doScanDown: {"scan_down", bucketed, `
		SELECT k.n, s.sort, s.value, s.wrote
		FROM ` + rows(1, "bucket int4", "part bytea", "low bytea", "high bytea", "most int8", ordinal) + `
		CROSS JOIN LATERAL (
			SELECT r.sort, r.value, r.xmin AS wrote FROM kindred_record r
			WHERE r.bucket = k.bucket AND r.part = k.part AND r.sort >= k.low AND r.sort < ` + highOrAll + `
			ORDER BY r.sort DESC LIMIT k.most) AS s`},
	doScanOne: {"scan_one", bucketed, `
		SELECT sort, value FROM kindred_record
		WHERE bucket = $1 AND part = $2 AND sort >= $3 ORDER BY sort LIMIT $4::int8`},
	doScanToOne: {"scan_to_one", bucketed, `
		SELECT sort, value FROM kindred_record
		WHERE bucket = $1 AND part = $2 AND sort >= $3 AND sort < $5 ORDER BY sort LIMIT $4::int8`},
	doScanDownOne: {"scan_down_one", bucketed, `
		SELECT sort, value FROM kindred_record
		WHERE bucket = $1 AND part = $2 AND sort >= $3 ORDER BY sort DESC LIMIT $4::int8`},
	doScanDownToOne: {"scan_down_to_one", bucketed, `
		SELECT sort, value FROM kindred_record
		WHERE bucket = $1 AND part = $2 AND sort >= $3 AND sort < $5 ORDER BY sort DESC LIMIT $4::int8`},
	doCount: {"count", bucketed, `
		SELECT k.n, sum(c.n)::int8
		FROM ` + rows(1, "bucket int4", "part bytea", "sort bytea", ordinal) + `
		JOIN kindred_counter c ON c.bucket = k.bucket AND c.part = k.part AND c.sort = k.sort
		GROUP BY k.n`},
	doCountOne: {"count_one", bucketed, `
		SELECT sum(n)::int8 FROM kindred_counter WHERE bucket = $1 AND part = $2 AND sort = $3`},

	// It fails with code taken if one is there.
	doInsert: {"insert", bucketed, `
		INSERT INTO kindred_record (bucket, part, sort, value)
		SELECT k.bucket, k.part, k.sort, k.value
		FROM ` + rows(1, "bucket int4", "part bytea", "sort bytea", "value bytea")},
	doPut: {"put", bucketed, `
		INSERT INTO kindred_record (bucket, part, sort, value)
		SELECT k.bucket, k.part, k.sort, k.value
		FROM ` + rows(1, "bucket int4", "part bytea", "sort bytea", "value bytea") + `
		ON CONFLICT (part, sort, bucket) DO UPDATE SET value = EXCLUDED.value`},
	doPutOne: {"put_one", bucketed, `
		INSERT INTO kindred_record (bucket, part, sort, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT (part, sort, bucket) DO UPDATE SET value = EXCLUDED.value`},
	doRemove: {"remove", bucketed, `
		DELETE FROM kindred_record r
		USING ` + rows(1, "bucket int4", "part bytea", "sort bytea") + `
		WHERE r.bucket = k.bucket AND r.part = k.part AND r.sort = k.sort`},
	doRemoveOne: {"remove_one", bucketed, `
		DELETE FROM kindred_record WHERE bucket = $1 AND part = $2 AND sort = $3`},
	doClearRecords: {"clear_records", bucketed, `
		DELETE FROM kindred_record WHERE bucket = $1 AND part = $2`},
	doClearCounters: {"clear_counters", bucketed, `
		DELETE FROM kindred_counter WHERE bucket = $1 AND part = $2`},
	doAdd: {"add", bucketed, `
		INSERT INTO kindred_counter AS c (bucket, part, sort, slot, n)
		SELECT k.bucket, k.part, k.sort, $5::int4, k.n
		FROM ` + rows(1, "bucket int4", "part bytea", "sort bytea", "n int8") + `
		ON CONFLICT (part, sort, slot, bucket) DO UPDATE SET n = c.n + EXCLUDED.n`},
	doAddOne: {"add_one", bucketed, `
		INSERT INTO kindred_counter AS c (bucket, part, sort, slot, n) VALUES ($1, $2, $3, $5, $4)
		ON CONFLICT (part, sort, slot, bucket) DO UPDATE SET n = c.n + EXCLUDED.n`},

	// doMark fails with code stale unless the row has the token of the connection's
	// commit before; doFence makes sure that it has not, and returns what it had.
	doMark: {"mark", bucketed, `
		INSERT INTO kindred_session AS s (bucket, id, token, fenced, at) VALUES ($1, $2, $3, 0, $5)
		ON CONFLICT (id, bucket) DO UPDATE
		SET token = EXCLUDED.token / (s.token = $4::int8)::int4, at = EXCLUDED.at`},
	doFence: {"fence", bucketed, `
		INSERT INTO kindred_session AS s (bucket, id, token, fenced, at) VALUES ($1, $2, -1, 0, $3)
		ON CONFLICT (id, bucket) DO UPDATE
		SET token = -1, fenced = CASE WHEN s.token < 0 THEN s.fenced ELSE s.token END, at = EXCLUDED.at
		RETURNING fenced`},

	doScanPrefix: {"scan_prefix", manyPartitions, `
		SELECT part, sort, value FROM kindred_record
		WHERE (part, sort) > ($1, $2) ORDER BY part, sort LIMIT $3::int8`},
	doScanPrefixTo: {"scan_prefix_to", manyPartitions, `
		SELECT part, sort, value FROM kindred_record
		WHERE (part, sort) > ($1, $2) AND part < $4 ORDER BY part, sort LIMIT $3::int8`},
	doScanCounters: {"scan_counters", manyPartitions, `
		SELECT part, sort, sum(n)::int8 FROM kindred_counter
		WHERE (part, sort) > ($1, $2) GROUP BY part, sort HAVING sum(n) <> 0 ORDER BY part, sort LIMIT $3::int8`},
	doScanCountersTo: {"scan_counters_to", manyPartitions, `
		SELECT part, sort, sum(n)::int8 FROM kindred_counter
		WHERE (part, sort) > ($1, $2) AND part < $4 GROUP BY part, sort HAVING sum(n) <> 0 ORDER BY part, sort LIMIT $3::int8`},
	doRecordPartitions: {"record_partitions", manyPartitions, `
		SELECT DISTINCT part FROM kindred_record WHERE part >= $1 ORDER BY part LIMIT $2::int8`},
	doRecordPartitionsTo: {"record_partitions_to", manyPartitions, `
		SELECT DISTINCT part FROM kindred_record WHERE part >= $1 AND part < $3 ORDER BY part LIMIT $2::int8`},
	doCounterPartitions: {"counter_partitions", manyPartitions, `
		SELECT DISTINCT part FROM kindred_counter WHERE part >= $1 ORDER BY part LIMIT $2::int8`},
	doCounterPartitionsTo: {"counter_partitions_to", manyPartitions, `
		SELECT DISTINCT part FROM kindred_counter WHERE part >= $1 AND part < $3 ORDER BY part LIMIT $2::int8`},
	doForgetSessions: {"forget_sessions", manyPartitions, `
		DELETE FROM kindred_session WHERE at < $1`},
}
