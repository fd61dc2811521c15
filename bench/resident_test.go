package bench

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// idle is how long BenchmarkResident leaves a server alone before it looks at its
// memory.
var idle = flag.Duration("idle", 0, "how long BenchmarkResident leaves servers alone before it looks at their memory; without it, it is skipped")

// BenchmarkResident starts the program itself, with its default settings, and
// reports the resident memory of an empty server, of a load with --direct, of a
// server that was started over what that has loaded, and of the same one after
// 50,000 objects more came through the API, each but the loads' peaks after a
// while of nothing to do; and how long a start takes, after an end and after
// SIGKILL in the middle of a load. It takes minutes:
//
//	go test -run '^$' -bench Resident -benchtime 1x -timeout 3h ./bench -profiles 2000000 -idle 75s
func BenchmarkResident(b *testing.B) {
	if *idle == 0 {
		b.Skip("say -idle 75s; it takes minutes")
	}
	p := &program{b: b, path: filepath.Join(b.TempDir(), "kindred")}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", p.path, "kindred/cmd/kindred")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	report := func(what string, v float64) { b.ReportMetric(v, what) }

	empty := p.start(b.TempDir())
	report("empty-MiB", empty.rest("VmRSS"))
	empty.end(syscall.SIGTERM)

	dir := dataDir(b)
	loading := p.ingest(0, *profiles, "--direct", "--data-dir", dir)
	if err := loading.Wait(); err != nil {
		b.Fatal(err)
	}
	report("direct-peak-MiB", float64(loading.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024)

	s := p.start(dir)
	report("start-ms", s.took)
	report("started-MiB", s.rest("VmRSS"))
	const more = 50_000
	api := []string{"--endpoint", s.url, "--credentials", filepath.Join(dir, "credentials")}
	if err := p.ingest(*profiles, more, api...).Wait(); err != nil {
		b.Fatal(err)
	}
	report("api-peak-MiB", s.memory("VmHWM"))
	report("after-load-MiB", s.rest("VmRSS"))

	loading = p.ingest(*profiles+more, 100*more, api...)
	time.Sleep(10 * time.Second) // the memory tables are full, and compactions at work
	s.end(syscall.SIGKILL)
	_ = loading.Process.Kill()
	_ = loading.Wait() // killed
	s = p.start(dir)
	report("start-after-kill-ms", s.took)
	s.end(syscall.SIGTERM)
}

// program is the program under test.
type program struct {
	b    *testing.B
	path string
}

// ingest starts the command with records that it reads from standard input.
func (p *program) ingest(from, n int, flags ...string) *exec.Cmd {
	p.b.Helper()
	r, w := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(w, 1<<20)
		for i := range n {
			if _, err := fmt.Fprintln(out, record(uint64(from+i))); err != nil {
				return // the command has ended
			}
		}
		_ = w.CloseWithError(out.Flush())
	}()
	cmd := exec.Command(p.path, append(flags, "--domain", "bench", "--object-type", "Member", "--format", "jsonl",
		"--failed", filepath.Join(p.b.TempDir(), "failed"), "-")...)
	cmd.Args = append([]string{p.path, "ingest"}, cmd.Args[1:]...)
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		p.b.Fatal(err)
	}
	p.b.Cleanup(func() { _ = r.Close(); _ = cmd.Process.Kill() }) // unless it has ended
	return cmd
}

// running is a server.
type running struct {
	b    *testing.B
	cmd  *exec.Cmd
	url  string
	took float64 // milliseconds until it was ready
}

func (p *program) start(dir string) *running {
	p.b.Helper()
	s := &running{b: p.b, cmd: exec.Command(p.path, "serve", "--listen", "127.0.0.1:0", "--data-dir", dir)}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		p.b.Fatal(err)
	}
	var log bytes.Buffer
	s.cmd.Stderr = &log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		p.b.Fatal(err)
	}
	p.b.Cleanup(func() { _ = s.cmd.Process.Kill() }) // unless it has ended
	line, err := bufio.NewReader(out).ReadString('\n')
	s.took = float64(time.Since(began).Microseconds()) / 1e3
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "kindred ready ")
	if err != nil || !ok {
		p.b.Fatalf("the server wrote %q: %v", line, err)
	}
	s.url = url
	return s
}

func (s *running) end(sig os.Signal) {
	s.b.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.b.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil && sig != syscall.SIGKILL {
		s.b.Fatal(err)
	}
}

// rest is a figure of the server's memory after a while of nothing to do.
func (s *running) rest(figure string) float64 {
	s.b.Helper()
	time.Sleep(*idle) // which is what is measured
	return s.memory(figure)
}

// memory is a figure of /proc/PID/status in MiB.
func (s *running) memory(figure string) float64 {
	s.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), figure+":")
	kib, err := strconv.Atoi(strings.Fields(rest + " 0")[0])
	if err != nil {
		s.b.Fatal(err)
	}
	return float64(kib) / 1024
}
