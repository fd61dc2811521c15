package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/smithy-go"
)

// TestInvariant2AFullDiskTakesNothingBack: the disk fills up under load. Writes are
// refused from then on, as errors, the server says that it is not well, and once
// there is room and it has been started again all that it had acknowledged is there.
func TestInvariant2AFullDiskTakesNothingBack(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a small disk takes root")
	}
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	s := startServer(t, func(s *server) { s.dir = filepath.Join(disk, "data") })
	l := newLoad(s)

	var full atomic.Bool
	filler := filepath.Join(disk, "filler")
	var refused atomic.Int64
	var wg sync.WaitGroup
	deadline := time.Now().Add(stopWithin)
	for range writers {
		wg.Go(func() {
			for refused.Load() < 3*writers && time.Now().Before(deadline) {
				err := l.write()
				if n := l.acknowledged.Load(); n >= 200 && full.CompareAndSwap(false, true) {
					if err := fill(filler); err != nil {
						t.Error(err)
					}
				}
				var service smithy.APIError
				switch {
				case err == nil:
				case !errors.As(err, &service):
					t.Errorf("on a full disk: %v", err)
					return
				case service.ErrorFault() == smithy.FaultServer:
					refused.Add(1)
				case service.ErrorCode() != "ThrottlingException":
					t.Errorf("on a full disk: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if refused.Load() < 3*writers {
		t.Fatalf("%d writes were acknowledged and %d refused within %v of a full disk", l.acknowledged.Load(), refused.Load(), stopWithin)
	}
	if status, _ := s.get("/healthz"); status != 503 {
		t.Errorf("/healthz of a server that cannot write: %d", status)
	}
	if text := s.process.stderr.String(); !strings.Contains(text, "no space left on device") {
		t.Error("the log does not say that there is no space left")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.crash()
	l.moved()
	l.drain()
	l.check()
	t.Logf("%d writes were acknowledged, %d refused", l.acknowledged.Load(), refused.Load())
}

// fill leaves no room on a disk.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for {
		if _, err := f.Write(block); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				return nil
			}
			return err
		}
	}
}

// TestDamagedFilesAreNamedAndNeverServed: a file of the data directory is damaged or
// cut short. The server then does not start and says which file, or answers what it
// has always answered, or an error; never anything else.
func TestDamagedFilesAreNamedAndNeverServed(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	l := newLoad(s)
	for range 400 {
		if err := l.write(); err != nil {
			t.Fatal(err)
		}
	}
	before := l.answers(s.admin)
	s.stop()
	whole := s.dir
	entries, err := os.ReadDir(filepath.Join(whole, "store"))
	if err != nil {
		t.Fatal(err)
	}
	noticed := 0
	for _, e := range entries {
		name := filepath.Join("store", e.Name())
		content, err := os.ReadFile(filepath.Join(whole, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(content) < 100 || strings.Contains(name, "OPTIONS") {
			continue // no data; package pebblestore has tests of all
		}
		flipped := slices.Clone(content)
		flipped[len(flipped)/3] ^= 4
		for what, damaged := range map[string][]byte{"a bit flipped": flipped, "cut short": content[:len(content)/2]} {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.WriteFile(filepath.Join(dir, name), damaged, 0o600), os.Chmod(filepath.Join(dir, "root.key"), 0o600)); err != nil {
				t.Fatal(err)
			}
			if seen, err := l.tryDamaged(dir, filepath.Base(name), before); err != nil {
				t.Errorf("%s, %s: %v", name, what, err)
			} else if seen {
				noticed++
			}
		}
	}
	if noticed == 0 {
		t.Error("no damage was noticed")
	}
}

// answers are what some searches find, by what they look for.
func (l *load) answers(c *client) map[string]string {
	answers := map[string]string{}
	for id := range l.objects {
		if len(answers) == 30 {
			break
		}
		answers[id] = ""
	}
	for id := range answers {
		answers[id] = c.found(id)
	}
	return answers
}

// found is what a search finds, or an error of the server.
func (c *client) found(id string) string {
	out, err := c.profiles.SearchProfiles(c.t.Context(), &customerprofiles.SearchProfilesInput{DomainName: aws.String("shop"), KeyName: aws.String("shopAccountId"), Values: []string{id}})
	var service smithy.APIError
	if errors.As(err, &service) && service.ErrorFault() == smithy.FaultServer {
		return serverFault
	}
	if err != nil {
		return err.Error()
	}
	text, err := json.Marshal(out.Items)
	if err != nil {
		c.t.Error(err)
	}
	return string(text)
}

const serverFault = "server fault"

// tryDamaged starts a server on a damaged directory. It reports true if the damage
// was noticed: the server did not start and named the file, or answered a search with
// an error.
func (l *load) tryDamaged(dir, file string, before map[string]string) (noticed bool, err error) {
	s := l.c.s
	p := newProcess(s.env, "serve", "--listen", "127.0.0.1:0", "--data-dir", dir)
	ready := make(chan string, 1)
	p.stdout.line = func(line string) {
		if url, ok := strings.CutPrefix(line, "kindred ready "); ok {
			ready <- url
		}
	}
	if err := p.run(); err != nil {
		return false, err
	}
	defer func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.exited
	}()
	select {
	case <-p.exited:
		text := p.stderr.String()
		if !strings.Contains(text, file) {
			return false, fmt.Errorf("the server did not start and does not name the file: %s", text)
		}
		return true, nil
	case <-time.After(readyWithin):
		return false, errors.New("neither ready nor refused")
	case url := <-ready:
		c := s.as(fileCredentials(filepath.Join(dir, "credentials")))
		c.rebase(url)
		for id, want := range before {
			switch got := c.found(id); {
			case got == serverFault:
				noticed = true
			case got != want:
				return false, fmt.Errorf("a search for %s was answered with %s, was %s", id, got, want)
			}
		}
		return noticed, nil
	}
}
