package pgstore

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"kindred/internal/store"
)

// tables finds each use of a table in a statement, with the alias it is given.
var tables = regexp.MustCompile(`(?:FROM|JOIN|UPDATE|INTO|USING)\s+(kindred_\w+)(?:\s+(?:AS\s+)?([a-z])\b)?`)

// TestEveryStatementKeepsToItsScope reads all statements: what is said to name the
// bucket of every row does so for each table that it touches, and the rest touches no
// table or is one of those questions that package store allows over partitions.
func TestEveryStatementKeepsToItsScope(t *testing.T) {
	many := map[statement]bool{doScanPrefix: true, doScanPrefixTo: true, doScanCounters: true, doScanCountersTo: true, doRecordPartitions: true, doRecordPartitionsTo: true,
		doCounterPartitions: true, doCounterPartitionsTo: true, doForgetSessions: true}
	names := map[string]bool{}
	for i, s := range specs {
		if s.name == "" || names[s.name] {
			t.Errorf("statement %d has the name %q", i, s.name)
		}
		names[s.name] = true
		uses := tables.FindAllStringSubmatch(s.text, -1)
		if mentions := strings.Count(s.text, "kindred_"); mentions != len(uses) {
			t.Errorf("%s: %d tables are mentioned and %d understood", s.name, mentions, len(uses))
		}
		switch s.scope {
		case noTable:
			if len(uses) > 0 {
				t.Errorf("%s touches %s", s.name, uses[0][1])
			}
		case manyPartitions:
			if !many[statement(i)] {
				t.Errorf("%s is over many partitions", s.name)
			}
		case bucketed:
			if len(uses) == 0 {
				t.Errorf("%s touches no table", s.name)
				continue
			}
			// Each use of a table has a condition of its own, which follows it.
			texts := tables.FindAllStringIndex(s.text, -1)
			for i, use := range uses {
				text := s.text
				if len(uses) > 1 {
					end := len(text)
					if i+1 < len(texts) {
						end = texts[i+1][0]
					}
					text = text[texts[i][0]:end]
				}
				if use[1] != uses[0][1] {
					t.Errorf("%s touches %s and %s", s.name, uses[0][1], use[1])
				}
				if why := unbucketed(text, use[2]); why != "" {
					t.Errorf("%s: %s", s.name, why)
				}
			}
		}
	}
}

// unbucketed says why a statement on a table with an alias may touch rows of
// buckets that it does not name.
func unbucketed(text, alias string) string {
	if strings.Contains(text, "INSERT INTO") {
		columns := regexp.MustCompile(`\((bucket, [a-z, ]+)\)\s+(VALUES \(\$1,|SELECT k\.bucket,)`)
		conflict := regexp.MustCompile(`ON CONFLICT \([a-z, ]*\bbucket\)`)
		if !columns.MatchString(text) {
			return "the bucket is not the first column that it inserts"
		}
		if strings.Contains(text, "ON CONFLICT") && !conflict.MatchString(text) {
			return "it may conflict with a row of another bucket"
		}
		return ""
	}
	column := `bucket`
	if alias != "" {
		column = alias + `\.bucket`
	}
	named := regexp.MustCompile(`(?:WHERE|ON)\s+` + column + ` = (?:\$1(?:\s|$)|ANY\(\$1::int4\[\]\)|k\.bucket\b)`)
	if !named.MatchString(text) {
		return "it does not say which bucket"
	}
	if strings.Contains(text, " OR ") && !strings.Contains(text, "::int4") { // those of SET are computed into a number
		return "a condition may go around the bucket"
	}
	return ""
}

// TestScopesAreProven: the test above finds what it is to find.
func TestScopesAreProven(t *testing.T) {
	for text, fine := range map[string]bool{
		`SELECT value FROM kindred_record WHERE bucket = $1 AND part = $2`:                       true,
		`SELECT value FROM kindred_record WHERE part = $2`:                                       false,
		`SELECT value FROM kindred_record WHERE bucket = $12`:                                    false,
		`DELETE FROM kindred_record r WHERE bucket = $1`:                                         false,
		`INSERT INTO kindred_record (part, bucket) VALUES ($1, $2) ON CONFLICT (part, bucket)`:   false,
		`INSERT INTO kindred_record (bucket, part) VALUES ($1, $2) ON CONFLICT (part) DO UPDATE`: false,
		`INSERT INTO kindred_record (bucket, part) VALUES ($1, $2)`:                              true,
		`SELECT value FROM kindred_record WHERE bucket = $1 OR part = $2`:                        false,
	} {
		use := tables.FindStringSubmatch(text)
		if why := unbucketed(text, use[2]); (why == "") != fine {
			t.Errorf("%s: %q", text, why)
		}
	}
}

// partitioned makes the tables as tables that PostgreSQL itself divides by a hash of
// the bucket, as Citus divides them over workers.
const partitions = 8

func partitioned(ctx context.Context, t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, m := range migrations[:1] { // later ones are of parameters that such tables do not have
		sql := m.sql
		sql = regexp.MustCompile(`\) WITH \([^)]*\);`).ReplaceAllString(sql, ");")
		sql = strings.ReplaceAll(sql, ");", ") PARTITION BY HASH (bucket);")
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range distributed {
		for i := range partitions {
			sql := fmt.Sprintf("CREATE TABLE %s_%d PARTITION OF %s FOR VALUES WITH (MODULUS %d, REMAINDER %d)", table, i, table, partitions, i)
			if _, err := conn.Exec(ctx, sql); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRoutedStatementsTouchOnePartOfATable asks the planner itself: on tables that are
// divided by bucket, each statement that a distributed database is sent touches one
// part of one table and no other.
func TestRoutedStatementsTouchOnePartOfATable(t *testing.T) {
	ctx := context.Background()
	conn := testConn(t)
	partitioned(ctx, t, conn)
	values := map[uint32]string{oidInt4: "7", oidInt8: "3", oidBytea: `'\x6%d'`}
	for _, s := range specs {
		if s.scope != bucketed || strings.Contains(s.text, "unnest") || strings.Contains(s.text, "ANY(") {
			continue // those with arrays are for plain databases
		}
		d, err := conn.PgConn().Prepare(ctx, "kindred_"+s.name, s.text, nil)
		if err != nil {
			t.Fatal(err)
		}
		var args []string
		for i, oid := range d.ParamOIDs {
			args = append(args, strings.ReplaceAll(values[oid], "%d", fmt.Sprint(i)))
		}
		plan, err := conn.PgConn().Exec(ctx, fmt.Sprintf("EXPLAIN EXECUTE kindred_%s(%s)", s.name, strings.Join(args, ", "))).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		var text strings.Builder
		for _, row := range plan[0].Rows {
			text.Write(row[0])
			text.WriteByte('\n')
		}
		if strings.Contains(s.text, "INSERT INTO") {
			continue // goes where its row does
		}
		touched := map[string]bool{}
		for _, m := range regexp.MustCompile(` on (kindred_\w+_\d)\b`).FindAllStringSubmatch(text.String(), -1) {
			touched[m[1]] = true
		}
		if len(touched) != 1 {
			t.Errorf("%s touches %d of %d parts:\n%s", s.name, len(touched), partitions, text.String())
		}
	}
}

// TestNothingElseIsSent has a server log all that it is sent by a store that does
// everything a store does, on a plain database and a distributed one: each is a
// statement of the table, and each statement of the table is there.
func TestNothingElseIsSent(t *testing.T) {
	ctx := context.Background()
	server := testServer(t, "fsync=off", "log_statement=all", "log_line_prefix=<%a> ")
	for _, routed := range []bool{false, true} {
		c := testConfig(t, server.URL(server.Database(t)))
		s, err := Open(ctx, c, Options{Bits: 4, routed: routed})
		if err != nil {
			t.Fatal(err)
		}
		doEverything(ctx, t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(server.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`\n\t+`).ReplaceAllString(string(log), " ") // one line for each statement
	text = strings.ReplaceAll(text, ":   ", ": ")
	sent := map[string]bool{}
	setup := regexp.MustCompile(`^\s*(SELECT set_config\('synchronous_commit'|SET plan_cache_mode = |show transaction_read_only|-- ping|VACUUM \(|` +
		`CREATE TABLE kindred_|ALTER TABLE kindred_|SELECT pg_advisory_xact_lock\(hashtextextended|begin$|commit$|rollback$)`)
	prepared := regexp.MustCompile(`^(SELECT to_regclass|SELECT version, needs|CREATE TABLE kindred_schema|` +
		`INSERT INTO kindred_schema|UPDATE kindred_schema|INSERT INTO kindred_version|SELECT count\(\*\) FROM kindred_version|SELECT 'kindred_version'::regclass|` +
		`SELECT \(extract\(epoch FROM clock_timestamp|SELECT pg_snapshot_xmax|SELECT EXISTS \(SELECT FROM pg_stat_activity)`)
	for _, m := range regexp.MustCompile(`(?m)^<kindred> LOG:  (statement|execute (\S+)): (.*)$`).FindAllStringSubmatch(text, -1) {
		name, ours := strings.CutPrefix(m[2], "kindred_")
		switch {
		case ours:
			sent[name] = true
		case m[1] == "statement" && setup.MatchString(m[3]), m[1] != "statement" && prepared.MatchString(m[3]):
		default:
			t.Errorf("the server was sent a %s: %s", m[1], m[3])
		}
	}
	for _, s := range specs {
		if !sent[s.name] && s.name != "rollback" {
			t.Errorf("%s was never sent: the test does not do everything", s.name)
		}
		delete(sent, s.name)
	}
	for name := range sent {
		t.Errorf("%s is no statement of the table", name)
	}
}

// doEverything makes a store issue each of its statements.
func doEverything(ctx context.Context, t *testing.T, s *Store) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	k := func(p, s string) store.Key { return store.Key{Partition: []byte(p), Sort: []byte(s)} }
	must(s.Update(ctx, func(tx store.Tx) error {
		tx.Put(k("a", "1"), []byte("v"))
		tx.Put(k("a", "2"), []byte("v"))
		tx.Put(k("b", "1"), []byte("v"))
		tx.PutNew(k("d", "1"), []byte("v"))
		tx.Add(k("a", "n"), 1)
		return nil
	}))
	runs := 0
	must(s.Update(ctx, func(tx store.Tx) error {
		runs++
		if _, err := tx.Get(ctx, k("a", "1"), k("b", "1")); err != nil {
			return err
		}
		if _, err := tx.Get(ctx, k("c", "1")); err != nil {
			return err
		}
		if runs <= aloneAfter { // is overtaken until it locks first
			must(s.Update(ctx, func(tx store.Tx) error { tx.Put(k("a", "1"), nil); return nil }))
		} else if _, err := tx.Get(ctx, k("a new bucket", "1"), k("another", "1"), k("and another", "1")); err != nil {
			return err
		}
		tx.Delete(k("a", "2"))
		tx.Clear([]byte("b"))
		tx.Put(k("b", "2"), nil)
		return nil
	}))
	must(s.View(ctx, func(r store.Reader) error {
		var spans []store.Span
		for _, reverse := range []bool{false, true} {
			spans = append(spans, store.Span{Partition: []byte("a"), Reverse: reverse, Limit: 5},
				store.Span{Partition: []byte("a"), End: []byte("z"), Reverse: reverse, Limit: 5})
		}
		if _, err := r.Scan(ctx, spans...); err != nil {
			return err
		}
		if _, err := r.Count(ctx, k("a", "n")); err != nil {
			return err
		}
		_, err := r.Count(ctx, k("a", "n"), k("b", "n"))
		return err
	}))
	for _, prefix := range []string{"a", "\xff"} {
		_, err := s.ScanPrefix(ctx, []byte(prefix), store.Key{}, 10)
		must(err)
		_, err = s.ScanCounters(ctx, []byte(prefix), store.Key{}, 10)
		must(err)
		must(s.DropPrefix(ctx, []byte(prefix)))
		must(s.Expunge(ctx, []byte(prefix)))
	}
	must(s.Update(ctx, func(tx store.Tx) error { tx.Delete(k("b", "2")); return nil }))
	if _, err := s.fence(ctx, session{id: 1}); err != nil {
		t.Fatal(err)
	}
}
