// Package pgtest runs a PostgreSQL server for tests: one for each test binary, in a
// temporary directory, on a Unix socket and a free port of loopback, stopped when the
// tests end.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server with its data in a directory of its own.
type Server struct {
	dir      string
	bin      string
	port     int
	password string
	as       *syscall.Credential // who runs it, where that is not the one who tests
	settings []string

	mu   sync.Mutex // guards the following
	proc *exec.Cmd
	done chan error // has the exit of proc
}

// shared is the server of the tests of a package.
var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Main runs the tests of a package, and stops the server that they share. It is for
// TestMain.
func Main(m *testing.M) {
	code := m.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = 1
	}
	os.Exit(code)
}

// Stop ends the server that the tests of a package share, if there is one.
func Stop() error {
	if shared.server == nil {
		return nil
	}
	return shared.server.remove()
}

// RequireVariable names the environment variable with which a missing PostgreSQL
// fails tests instead of skipping them.
const RequireVariable = "REQUIRE_POSTGRES"

// missing ends a test for want of a server.
func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(RequireVariable) != "" {
		t.Fatalf("no PostgreSQL to test with: %v", err)
	}
	t.Skipf("no PostgreSQL to test with (make test installs it): %v", err)
}

// errMissing: there are no server programs.
var errMissing = errors.New("no server programs of PostgreSQL 15 or later in pg_config --bindir, /usr/lib/postgresql or PATH")

// Shared is the server that the tests of a package share. It does not wait for the
// disk. The package's TestMain must call Main, or Stop.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() {
		shared.server, shared.err = launch("fsync=off", "full_page_writes=off")
	})
	if errors.Is(shared.err, errMissing) {
		missing(t, shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// New is a server for one test, with settings such as "fsync=on".
func New(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := launch(settings...)
	if errors.Is(err, errMissing) {
		missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.remove(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// binaries finds initdb and postgres.
func binaries() (string, error) {
	var dirs []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(versions, func(a, b string) int { return majorOf(b) - majorOf(a) })
	dirs = append(dirs, versions...)
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "postgres")); err == nil {
			if _, err := os.Stat(filepath.Join(d, "initdb")); err == nil {
				return d, nil
			}
		}
	}
	return "", errMissing
}

func majorOf(bin string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	if err != nil {
		return 0
	}
	return n
}

// launch makes a cluster and starts it.
func launch(settings ...string) (_ *Server, err error) {
	s, err := prepare(settings)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	// Not of crypto/rand, whose numbers some tests choose.
	s.password = fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
	passwords := filepath.Join(s.dir, "password")
	if err := os.WriteFile(passwords, []byte(s.password+"\n"), 0o600); err != nil {
		return nil, err
	}
	if err := s.own(passwords); err != nil {
		return nil, err
	}
	initdb := s.command("initdb", "-D", s.data(), "-U", "kindred", "--pwfile", passwords, "--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.Start()
}

// prepare makes a directory for a server, and finds it a port.
func prepare(settings []string) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, settings: settings}
	if s.as, err = credential(); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "kindred-pg-"); err != nil {
		return nil, err
	}
	return s, s.own(s.dir)
}

// own gives a file to who runs the server.
func (s *Server) own(path string) error {
	if s.as == nil {
		return nil
	}
	return os.Chown(path, int(s.as.Uid), int(s.as.Gid))
}

// credential is that of the user who runs servers when tests are run by root, for
// whom PostgreSQL does not start.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("pgtest: run by root, and there is no user postgres or nobody to run PostgreSQL")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// command is a program of PostgreSQL, run by the right user. It ends with the tests,
// even where those end by a panic.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	return s.process(filepath.Join(s.bin, name), args...)
}

// process is any program, run likewise.
func (s *Server) process(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	return cmd
}

// Start starts the server, again after Kill or Stop, and waits until it takes
// connections.
func (s *Server) Start() error {
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", s.data(), "-k", s.dir, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "max_wal_size=1GB", "-c", "unix_socket_permissions=0700"}
	for _, x := range s.settings {
		args = append(args, "-c", x)
	}
	cmd := s.command("postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	started, done := make(chan error, 1), make(chan error, 1)
	// The signal at the parent's death is that of its thread, which this one stays.
	go func() {
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		done <- cmd.Wait()
	}()
	if err := <-started; err != nil {
		return err
	}
	s.mu.Lock()
	s.proc, s.done = cmd, done
	s.mu.Unlock()
	return s.await(done)
}

// startWithin bounds the start of a server, recovery included.
const startWithin = time.Minute

func (s *Server) await(done chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case exit := <-done:
			done <- exit
			log, _ := os.ReadFile(s.LogFile()) // only to say more
			return fmt.Errorf("postgres ended: %v: %s", exit, log)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not take connections: %w", err)
		case <-poll.C:
		}
	}
}

// LogFile is where the server's log is.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "log") }

// DataDir is the server's data directory.
func (s *Server) DataDir() string { return s.data() }

// Kill ends the server as kill -9 of all of its processes does. Start recovers it.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Stop ends the server in good order, connections included.
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

func (s *Server) end(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	pid := s.proc.Process.Pid
	pids := []int{pid}
	var err error
	if sig == syscall.SIGKILL {
		// Stopped first, so that it makes no more children meanwhile.
		err = syscall.Kill(pid, syscall.SIGSTOP)
		pids = append(pids, children(pid)...)
	}
	for _, p := range pids {
		if e := syscall.Kill(p, sig); !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	<-s.done // its exit code tells of the signal
	s.proc = nil
	deadline := time.Now().Add(startWithin)
	for _, p := range pids[1:] {
		for running(p) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond) // they are not ours to wait for
		}
	}
	return err
}

// children lists the processes that a process has made.
func children(of int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if _, parent, ok := stat(path); ok && parent == of {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func running(pid int) bool {
	state, _, ok := stat(fmt.Sprintf("/proc/%d/stat", pid))
	return ok && state != "Z"
}

// stat reads the state and the parent of a process.
func stat(path string) (state string, parent int, ok bool) {
	fields := statFields(path)
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err := strconv.Atoi(fields[1])
	return fields[0], parent, err == nil
}

// statFields are what the system tells of a process, from its state on.
func statFields(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(b), ") ") // behind the name of the program
	return strings.Fields(rest)
}

// clockTick is the unit of times in /proc, on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// ProcessorTime is what the server has used of the processors, in ticks of 10 ms: that of
// its processes and of those that have ended.
func (s *Server) ProcessorTime() (used time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return 0
	}
	pid := s.proc.Process.Pid
	add := func(pid, from, to int) { // user and system time, and those of children that have ended
		fields := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		for i := from; i < to && i < len(fields); i++ {
			n, _ := strconv.ParseInt(fields[i], 10, 64) // 0 if it is none
			used += time.Duration(n) * clockTick
		}
	}
	add(pid, 11, 15)
	for _, child := range children(pid) {
		add(child, 11, 13)
	}
	return used
}

func (s *Server) remove() error { return errors.Join(s.Stop(), os.RemoveAll(s.dir)) }

// URL is that of a database over the socket.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://kindred@/%s?host=%s&port=%d&sslmode=disable", database, url.QueryEscape(s.dir), s.port)
}

// TCP is the URL of a database over loopback, with the password.
func (s *Server) TCP(database string) string {
	return fmt.Sprintf("postgres://kindred:%s@127.0.0.1:%d/%s?sslmode=disable", s.password, s.port, database)
}

// Address is host and port of the server on loopback.
func (s *Server) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Password is that of the user kindred.
func (s *Server) Password() string { return s.password }

// names makes names that differ.
var names struct {
	sync.Mutex
	n int
}

// Database makes an empty database and returns its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	names.Lock()
	names.n++
	name := fmt.Sprintf("test_%d", names.n)
	names.Unlock()
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	return name
}

// Exec runs SQL in a database.
func (s *Server) Exec(t testing.TB, database, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
