package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"kindred/internal/store"
	"kindred/internal/store/pgstore"
	"kindred/internal/store/pgstore/pgstoretest"
	"kindred/internal/store/pgstore/pgtest"
	"kindred/internal/store/storetest"
)

func TestDurable(t *testing.T) {
	server := pgtest.Shared(t)
	databases := map[string]string{}
	storetest.RunDurable(t, func(t *testing.T, dir string) store.Store {
		if databases[dir] == "" {
			databases[dir] = server.Database(t)
		}
		return pgstoretest.OpenURL(t, server.URL(databases[dir]), pgstoretest.Options(nil))
	})
}

func parse(t *testing.T, url string) *pgstore.Config {
	t.Helper()
	c, err := pgstore.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// query asks a database for one text.
func query(t *testing.T, url, sql string) (text string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestAServerThatDoesNotSyncIsRefused(t *testing.T) {
	server := pgtest.Shared(t) // has fsync off
	_, err := pgstore.Open(context.Background(), parse(t, server.URL(server.Database(t))), pgstoretest.Options(nil))
	if err == nil || !strings.Contains(err.Error(), "fsync") || !strings.Contains(err.Error(), "kindred_unsafe=on") {
		t.Fatalf("got %v", err)
	}
}

// TestCommitsAreSynchronous: a database whose default is otherwise is told so, and one
// that asks for more keeps that.
func TestCommitsAreSynchronous(t *testing.T) {
	server := pgtest.Shared(t)
	for set, want := range map[string]string{"off": "on", "local": "on", "on": "on", "remote_apply": "remote_apply"} {
		database := server.Database(t)
		server.Exec(t, database, fmt.Sprintf("ALTER DATABASE %s SET synchronous_commit = %s", database, set))
		s := pgstoretest.OpenURL(t, server.URL(database), pgstoretest.Options(nil))
		closing(t, s)
		got, err := s.Setting(context.Background(), "synchronous_commit")
		if err != nil || got != want {
			t.Errorf("with %s as default: %s, %v, want %s", set, got, err, want)
		}
	}
}

func TestManyNodesStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	server := pgtest.Shared(t)
	url := server.URL(server.Database(t))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			c, err := pgstore.ParseURL(url + "&kindred_unsafe=on&pool_max_conns=3")
			if err != nil {
				t.Error(err)
				return
			}
			s, err := pgstore.Open(context.Background(), c, pgstoretest.Options(nil))
			if err != nil {
				t.Error(err)
				return
			}
			err = s.Update(context.Background(), func(tx store.Tx) error { tx.Add(key("p", "n"), int64(i)); return nil })
			if err := errors.Join(err, s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := query(t, url, "SELECT sum(n)::text FROM kindred_counter"); got != "28" {
		t.Errorf("the sum of what the nodes added is %s", got)
	}
}

func TestTablesOfAnotherVersion(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	url := server.URL(database)
	ctx := context.Background()
	if err := pgstore.Init(ctx, parse(t, url), pgstore.Setup{Bits: 5}); err != nil {
		t.Fatal(err)
	}
	if got := query(t, url, "SELECT count(*)::text FROM kindred_version"); got != "0" {
		t.Errorf("%s versions, which plain tables do not have", got)
	}
	if err := pgstore.Init(ctx, parse(t, url), pgstore.Setup{}); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := pgstore.Init(ctx, parse(t, url), pgstore.Setup{Bits: 6}); !errors.Is(err, pgstore.ErrSchema) {
		t.Errorf("with other buckets: %v", err)
	}
	if err := pgstore.Init(ctx, parse(t, url), pgstore.Setup{Bits: pgstore.MaxBits + 1}); err == nil {
		t.Error("too many buckets are accepted")
	}
	// A newer build that says that this one need not know what it added.
	server.Exec(t, database, fmt.Sprintf("UPDATE kindred_schema SET version = %d, needs = %d", pgstore.SchemaVersion+1, pgstore.SchemaVersion))
	closing(t, pgstoretest.OpenURL(t, url, pgstoretest.Options(nil)))
	server.Exec(t, database, fmt.Sprintf("UPDATE kindred_schema SET needs = %d", pgstore.SchemaVersion+1))
	_, err := pgstore.Open(ctx, parse(t, url+"&kindred_unsafe=on"), pgstoretest.Options(nil))
	if !errors.Is(err, pgstore.ErrSchema) || !strings.Contains(err.Error(), "newer kindred") {
		t.Errorf("tables of a newer build: %v", err)
	}
	server.Exec(t, database, fmt.Sprintf("UPDATE kindred_schema SET needs = %d", pgstore.SchemaVersion))
	closing(t, pgstoretest.OpenURL(t, url, pgstoretest.Options(nil).Routed()))
	if got := query(t, url, "SELECT count(*)::text FROM kindred_version"); got != "32" {
		t.Errorf("%s versions, want one for each bucket", got)
	}
	server.Exec(t, database, "DELETE FROM kindred_version WHERE bucket = 3")
	_, err = pgstore.Open(ctx, parse(t, url+"&kindred_unsafe=on"), pgstoretest.Options(nil).Routed())
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("with a bucket missing: %v", err)
	}
	// Tables of a build that used versions on plain databases too, and whose nodes,
	// should any be left, must not go on without seeing what is written from now on.
	server.Exec(t, database, "UPDATE kindred_schema SET version = 1, needs = 1")
	closing(t, pgstoretest.OpenURL(t, url, pgstoretest.Options(nil)))
	if got := query(t, url, "SELECT count(*)::text FROM kindred_version"); got != "0" {
		t.Errorf("%s versions are left", got)
	}
}

func TestInitSaysWhatIsMissing(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	ctx := context.Background()
	err := pgstore.Init(ctx, parse(t, server.URL(database)), pgstore.Setup{Citus: true, Bits: 4})
	if err == nil || !strings.Contains(err.Error(), "CREATE EXTENSION citus") {
		t.Errorf("--citus without Citus: %v", err)
	}
	if got := query(t, server.URL(database), "SELECT (to_regclass('kindred_schema') IS NULL)::text"); got != "true" {
		t.Error("a preparation that failed left tables")
	}
	server.Exec(t, database, "CREATE ROLE reader LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	err = pgstore.Init(ctx, parse(t, strings.Replace(server.URL(database), "kindred@", "reader@", 1)), pgstore.Setup{})
	if err == nil || !strings.Contains(err.Error(), "grant the user CREATE") {
		t.Errorf("a user who may not: %v", err)
	}
	_, err = pgstore.Open(ctx, parse(t, "postgres://kindred@127.0.0.1:1/none?connect_timeout=1"), pgstore.Options{Patience: time.Millisecond})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("no server: %v", err)
	}
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"mysql://h/db":                           "postgres://",
		"postgres://u:secretword@h:port/db":      "URL of the database",
		"postgres://u:secretword@h/db?%zz":       "parameters",
		"postgres://u:secretword@h/db\x00":       "malformed",
		"postgres://h/db?pool_max_conns=x":       "pool_",
		"postgres://h/db?pool_max_conns=1":       "2 or more",
		"postgres://h/db?kindred_unsafe=perhaps": "on or off",
		"postgres://u:secretword@h/db?sslmode=x": "sslmode",
	} {
		_, err := pgstore.ParseURL(url)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secretword") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	t.Setenv("PGHOST", "db.example.org")
	t.Setenv("PGUSER", "ann")
	t.Setenv("PGPASSWORD", "secretword")
	t.Setenv("PGDATABASE", "profiles")
	c := parse(t, "postgres://")
	if got := c.String(); got != "database profiles on db.example.org, user ann" {
		t.Errorf("from the environment: %s", got)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("opening", "store", c)
	if strings.Contains(log.String()+fmt.Sprintf("%v %+v", c, c), "secretword") {
		t.Errorf("the password is in the log: %s", log.String())
	}
}

// TestAnUpdateThatWaitsEndsWithItsContext has a session hold a lock that an update
// needs.
func TestAnUpdateThatWaitsEndsWithItsContext(t *testing.T) {
	modes(t, func(t *testing.T, o pgstore.Options) {
		server := pgtest.Shared(t)
		url := server.URL(server.Database(t))
		s := pgstoretest.OpenURL(t, url, o)
		closing(t, s)
		ctx := context.Background()
		if err := s.Update(ctx, func(tx store.Tx) error { tx.Put(key("p", "k"), []byte("1")); return nil }); err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "BEGIN; LOCK TABLE kindred_version, kindred_record"); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		err = s.Update(short, func(tx store.Tx) error { tx.Put(key("p", "k"), []byte("2")); return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
		if _, err := conn.Exec(ctx, "COMMIT"); err != nil {
			t.Fatal(err)
		}
		err = s.View(ctx, func(r store.Reader) error {
			v, err := r.Get(ctx, key("p", "k"))
			if err == nil && string(v[0]) != "1" {
				t.Errorf("it took place: %s", v[0])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestTheClockIsTheDatabases: what nodes write carries the time of the database.
func TestTheClockIsTheDatabases(t *testing.T) {
	server := pgtest.Shared(t)
	url := server.URL(server.Database(t))
	s := pgstoretest.OpenURL(t, url, pgstoretest.Options(nil))
	closing(t, s)
	ctx := context.Background()
	var now time.Time
	before := query(t, url, "SELECT clock_timestamp()::timestamptz(6)::text")
	err := s.Update(ctx, func(tx store.Tx) error {
		now = tx.Now()
		tx.Put(key("p", "k"), nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	after := query(t, url, "SELECT clock_timestamp()::timestamptz(6)::text")
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04:05.999999-07", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const slack = 50 * time.Millisecond // half a round trip, on a machine that is busy
	if now.Before(at(before).Add(-slack)) || now.After(at(after).Add(slack)) {
		t.Errorf("%v is not between %s and %s", now, before, after)
	}
}

// TestLargeTransactions lock all buckets at once and send many statements.
func TestLargeTransactions(t *testing.T) {
	modes(t, func(t *testing.T, o pgstore.Options) {
		server := pgtest.Shared(t)
		s := pgstoretest.OpenURL(t, server.URL(server.Database(t)), o)
		closing(t, s)
		ctx := context.Background()
		const n = 600
		var wg sync.WaitGroup
		for round := range 2 {
			wg.Go(func() {
				err := s.Update(ctx, func(tx store.Tx) error {
					for i := range n {
						v, err := tx.Get(ctx, key(fmt.Sprint("p", i), "k"))
						if err != nil {
							return err
						}
						tx.Put(key(fmt.Sprint("p", i), "k"), append(v[0], byte('a'+round)))
						tx.Add(key(fmt.Sprint("p", i), "n"), 1)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				for i := range 40 {
					err := s.Update(ctx, func(tx store.Tx) error {
						v, err := tx.Get(ctx, key(fmt.Sprint("p", i), "k"))
						if err == nil {
							tx.Put(key(fmt.Sprint("p", i), "k"), append(v[0], '+'))
						}
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		recs, err := s.ScanPrefix(ctx, []byte("p"), store.Key{}, store.MaxScan)
		if err != nil {
			t.Fatal(err)
		}
		if len(recs) != n {
			t.Fatalf("%d records", len(recs))
		}
		for _, r := range recs {
			a, b, plus := bytes.Count(r.Value, []byte("a")), bytes.Count(r.Value, []byte("b")), bytes.Count(r.Value, []byte("+"))
			if a != 1 || b != 1 || plus != 0 && plus != 2 {
				t.Errorf("%s is %s", r.Key.Partition, r.Value)
			}
		}
	})
}
