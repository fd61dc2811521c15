package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kindred/internal/store/pgstore/pgtest"
)

// account and region are what a server stands for when it is told nothing.
const (
	account = "000000000000"
	region  = "us-east-1"
)

// Deadlines are generous: a slow machine should not fail a test.
const (
	readyWithin = 20 * time.Second
	stopWithin  = 30 * time.Second
	soon        = 15 * time.Second // for what happens in the background
	// keyWithin is how long a key that was disabled may still be in use.
	keyWithin = 10 * time.Second
)

// binary is the program under test. made is where programs are built that the
// tests need beside it.
var binary, made string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	// Whatever this machine has of settings for AWS and traces is not for these tests.
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "OTEL_") || strings.HasPrefix(name, "KINDRED_") && name != "KINDRED_E2E_BINARY" {
			if err := os.Unsetenv(name); err != nil {
				fmt.Fprintln(os.Stderr, "e2e:", err)
				return 1
			}
		}
	}
	dir, err := os.MkdirTemp("", "kindred-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	made = dir
	// A machine's own configuration and its metadata service are out of reach.
	for name, value := range map[string]string{"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none")} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 1
		}
	}
	// A release can be tested as it is; otherwise the tree is built, once.
	if binary = os.Getenv("KINDRED_E2E_BINARY"); binary == "" {
		binary = filepath.Join(dir, "kindred")
		if err := build(binary); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 1
		}
	}
	code := m.Run()
	if err := pgtest.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return code
}

func build(to string, flags ...string) error {
	args := append([]string{"build", "-o", to}, flags...)
	if out, err := exec.Command("go", append(args, "kindred/cmd/kindred")...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// onPostgres is the value of the variable E2E_STORE with which every server of the
// tests that does not choose an engine keeps its data in a PostgreSQL database.
const onPostgres = "postgres"

// output collects what a process writes.
type output struct {
	mu    sync.Mutex // guards the following
	bytes bytes.Buffer
	line  func(string) // told of each complete line; may be nil
	rest  []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes.Write(p)
	if o.line != nil {
		o.rest = append(o.rest, p...)
		for {
			line, after, ok := bytes.Cut(o.rest, []byte("\n"))
			if !ok {
				break
			}
			o.line(string(line))
			o.rest = after
		}
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes.String()
}

// process is one run of the program.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *output
	exited         chan struct{} // closed when it has ended
	err            error         // how; to be read once it has
}

// newProcess prepares a run; its output can be listened to before it begins.
func newProcess(env []string, args ...string) *process { return newProcessOf(binary, env, args...) }

func newProcessOf(program string, env []string, args ...string) *process {
	p := &process{cmd: exec.Command(program, args...), stdout: &output{}, stderr: &output{}, exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	return p
}

func (p *process) run() error {
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return nil
}

// server is a Kindred under test with its data directory.
type server struct {
	t       testing.TB
	program string
	ahead   time.Duration // of its clock
	dir     string
	args    []string // beside those that every server is started with
	env     []string

	*process
	url   string
	took  time.Duration // from the start of the process until it was ready
	logs  []*output     // of all runs
	admin *client
	known registry // of customers
}

// option changes how a server is started.
type option func(*server)

func withArgs(args ...string) option { return func(s *server) { s.args = append(s.args, args...) } }
func withEnv(env ...string) option   { return func(s *server) { s.env = append(s.env, env...) } }

// startServer starts a server, on a fresh directory unless an option says
// otherwise. It is stopped when the test
// ends, must then end well, and must have left nothing readable of a customer.
func startServer(t testing.TB, options ...option) *server {
	t.Helper()
	s := &server{t: t, program: binary, dir: filepath.Join(t.TempDir(), "data")}
	for _, o := range options {
		o(s)
	}
	if os.Getenv("E2E_STORE") == onPostgres && !slices.ContainsFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "KINDRED_STORE=") }) {
		pg := pgtest.Shared(t)
		s.env = append(s.env, "KINDRED_STORE="+pg.URL(pg.Database(t))+"&kindred_unsafe=on")
	}
	t.Cleanup(func() {
		if s.running() {
			s.scanMetrics()
			s.stop()
		}
		s.scan()
		if t.Failed() {
			for i, l := range s.logs {
				t.Logf("log of run %d:\n%s", i+1, l)
			}
		}
	})
	s.start()
	return s
}

// start runs the program and waits until it says that it is ready.
func (s *server) start() {
	s.t.Helper()
	p := newProcessOf(s.program, s.env, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", s.dir}, s.args...)...)
	ready := make(chan string, 1)
	p.stdout.line = func(line string) {
		if url, ok := strings.CutPrefix(line, "kindred ready "); ok {
			select {
			case ready <- url:
			default:
			}
		}
	}
	began := time.Now()
	if err := p.run(); err != nil {
		s.t.Fatal(err)
	}
	s.process = p
	s.logs = append(s.logs, p.stderr, p.stdout)
	select {
	case s.url = <-ready:
		s.took = time.Since(began)
	case <-p.exited:
		s.t.Fatalf("the server ended before it was ready: %v\n%s", p.err, p.stderr)
	case <-time.After(readyWithin):
		s.kill()
		s.t.Fatalf("the server was not ready within %v\n%s", readyWithin, p.stderr)
	}
	if s.admin == nil {
		s.admin = s.as(fileCredentials(s.credentials()))
	}
	s.admin.rebase(s.url)
}

func (s *server) running() bool {
	if s.process == nil || s.cmd.Process == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatalf("signal: %v", err)
	}
}

func (s *server) awaitExit() error {
	s.t.Helper()
	select {
	case <-s.exited:
		return s.err
	case <-time.After(stopWithin):
		_ = s.cmd.Process.Kill() // the failure is reported below
		<-s.exited
		s.t.Errorf("the server did not end within %v", stopWithin)
		return s.err
	}
}

// stop asks the server to end and expects exit code 0.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if err := s.awaitExit(); err != nil {
		s.t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
}

// kill ends the server as a crash would.
func (s *server) kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	_ = s.awaitExit() // killed
}

// restart ends the server well and starts it again on the same directory.
func (s *server) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

// crash kills the server and starts it again on the same directory.
func (s *server) crash() {
	s.t.Helper()
	s.kill()
	s.start()
}

// credentials is the file that the first start wrote.
func (s *server) credentials() string { return filepath.Join(s.dir, "credentials") }

// kindred runs a command of the program against the server, as the
// administrator, and returns its standard output.
func (s *server) kindred(stdin string, args ...string) (string, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.url, "AWS_SHARED_CREDENTIALS_FILE="+s.credentials(), "AWS_REGION="+region)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kindred %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// mustKindred is kindred for what has to succeed.
func (s *server) mustKindred(stdin string, args ...string) string {
	s.t.Helper()
	out, err := s.kindred(stdin, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// get fetches a page that needs no signature.
func (s *server) get(path string) (int, string) {
	s.t.Helper()
	r, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// eventually calls f until it returns no error, or fails the test with the last
// one when the time is over.
func eventually(t testing.TB, within time.Duration, f func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", within, err)
		}
		time.Sleep(50 * time.Millisecond) // another process gives no signal
	}
}
