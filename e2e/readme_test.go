package e2e_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// readmeWithin is how long the README's minute may take on a slow machine,
// where each call of the CLI takes seconds.
const readmeWithin = 5 * time.Minute

// shellBlock is a block of commands of the README.
var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestReadmeMinute: what the README says under "A minute with the AWS CLI" works
// as it is written there, in one shell, against a server with every default
// except that its port is a free one.
func TestReadmeMinute(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed; make test installs it")
	}
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## A minute with the AWS CLI\n")
	if !found {
		t.Fatal("README.md has no section on the AWS CLI")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	dir := t.TempDir()
	url := serveDefaults(t, dir)
	script := "set -eu -o pipefail\n"
	for _, m := range shellBlock.FindAllStringSubmatch(section, -1) {
		script += m[1]
	}
	const written = "http://127.0.0.1:4620"
	if !strings.Contains(script, written) {
		t.Fatalf("the README's commands do not name %s", written)
	}
	script = strings.ReplaceAll(script, written, url)

	ctx, cancel := context.WithTimeout(t.Context(), readmeWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\nthe commands were\n%s", err, out, script)
	}
	for _, want := range []string{
		`user/administrator`,
		`"FirstName": "Ada"`,
		`"EmailAddress": "Ada@example.com"`,
		`"DeadLetterQueueUrl": "` + url + `/000000000000/shop-dead-letters"`,
		`No profile matches the keys of this object`,
		`stranger@example.com`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output does not show %s\n%s", want, out)
		}
	}
}

// serveDefaults serves in a directory with every default but the port, and
// returns the URL.
func serveDefaults(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--listen", "127.0.0.1:0")
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "kindred ready "); ok {
				ready <- url
				return
			}
		}
	}()
	select {
	case url, ok := <-ready:
		if !ok {
			t.Fatal("the server ended before it was ready")
		}
		return url
	case <-time.After(time.Minute):
		t.Fatal("the server is not ready after a minute")
	}
	return ""
}
