package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// BaseBackup is a base backup of a server, as pg_basebackup takes it, without its log.
type BaseBackup struct {
	of  *Server
	dir string // of the data
}

// Archive makes a directory into which the server may copy its log, and returns it with
// the settings for New that make it do so.
func Archive(t testing.TB) (dir string, settings []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kindred-wal-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	as, err := credential()
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Server{as: as}).own(dir); err != nil {
		t.Fatal(err)
	}
	return dir, []string{"archive_mode=on", "archive_command=cp %p " + dir + "/%f.part && mv " + dir + "/%f.part " + dir + "/%f"}
}

// BaseBackup takes one of a running server.
func (s *Server) BaseBackup(t testing.TB) *BaseBackup {
	t.Helper()
	b := &BaseBackup{of: s}
	c, err := prepare(nil) // for its directory
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(c.dir); err != nil {
			t.Error(err)
		}
	})
	b.dir = filepath.Join(c.dir, "base")
	s.backup(t, b.dir, "none")
	return b
}

// backup runs pg_basebackup.
func (s *Server) backup(t testing.TB, to, log string) {
	t.Helper()
	cmd := s.command("pg_basebackup", "-D", to, "-X", log, "-c", "fast", "-h", s.dir, "-p", fmt.Sprint(s.port), "-U", "kindred", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
}

// Restore starts a server on a copy of the backup, which recovers from the archive up to
// a time and then takes writes.
func (b *BaseBackup) Restore(t testing.TB, archive string, until time.Time) *Server {
	t.Helper()
	s := b.of.another(t, "recovery.signal", func(s *Server) {
		if out, err := s.process("cp", "-R", b.dir, s.data()).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
	}, "restore_command=cp "+archive+"/%f %p", "recovery_target_time="+until.UTC().Format("2006-01-02 15:04:05.999999-07"), "recovery_target_action=promote")
	s.until(t, "the restored server does not end its recovery", "SELECT NOT pg_is_in_recovery()")
	return s
}

// ArchiveAll makes sure that all of the server's log up to now is in the archive.
func (s *Server) ArchiveAll(t testing.TB, archive string) {
	t.Helper()
	var file string
	s.ask(t, "SELECT pg_walfile_name(pg_switch_wal())", &file)
	for deadline := time.Now().Add(startWithin); ; {
		if _, err := os.Stat(filepath.Join(archive, file)); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not archived", file)
		}
		<-time.After(10 * time.Millisecond) // the server gives no sign
	}
}

// Either is the URL of a database on whichever of several addresses, of a server and its
// standbys or of proxies before them, takes writes.
func (s *Server) Either(database string, addresses ...string) string {
	var hosts, ports []string
	for _, a := range addresses {
		host, port, _ := strings.Cut(a, ":")
		hosts, ports = append(hosts, host), append(ports, port)
	}
	return fmt.Sprintf("postgres://kindred:%s@/%s?host=%s&port=%s&sslmode=disable", s.password, database, strings.Join(hosts, ","), strings.Join(ports, ","))
}

// Standby starts a streaming replica of a server. From now on the server acknowledges a
// commit when the replica has it on disk too, and none without it.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	r := s.another(t, "standby.signal", func(r *Server) { s.backup(t, r.data(), "stream") },
		fmt.Sprintf("primary_conninfo=host=%s port=%d user=kindred application_name=standby", s.dir, s.port))
	s.Exec(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	s.Exec(t, "postgres", "SELECT pg_reload_conf()")
	s.until(t, "the standby does not follow", "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")
	return r
}

// until waits until a question is answered with true.
func (s *Server) until(t testing.TB, otherwise, sql string) {
	t.Helper()
	for deadline := time.Now().Add(startWithin); ; {
		var yes bool
		s.ask(t, sql, &yes)
		if yes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
		<-time.After(10 * time.Millisecond) // the server gives no sign
	}
}

// Promote makes a standby the primary, and waits until it takes writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	var promoted bool
	s.ask(t, "SELECT pg_promote(true, 60)", &promoted)
	if !promoted {
		t.Fatal("the standby was not promoted")
	}
}

func (s *Server) ask(t testing.TB, sql string, to ...any) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, sql).Scan(to...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// another starts a server with the users of this one, on data that fill makes, with a
// file that tells it how to begin. It ends with the test.
func (s *Server) another(t testing.TB, signal string, fill func(*Server), settings ...string) *Server {
	t.Helper()
	r, err := prepare(settings)
	if err != nil {
		t.Fatal(err)
	}
	r.password = s.password
	t.Cleanup(func() {
		if err := r.remove(); err != nil {
			t.Error(err)
		}
	})
	fill(r)
	path := filepath.Join(r.data(), signal)
	if err := errors.Join(os.WriteFile(path, nil, 0o600), r.own(path)); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}
