package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
)

// TestInvariant2BackupsOfAServerThatIsWrittenTo: what was acknowledged before a backup
// is in it, whole; a second one copies what is new; a restored server is the old one as
// it was then, with its keys, users and dead letters; and damage is named.
func TestInvariant2BackupsOfAServerThatIsWrittenTo(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	key := c.key("")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue, DefaultEncryptionKey: &key})
	c.shopTypes("shop")
	first := s.person()
	c.put("shop", "Member", fields{"id": "M-first", "email": first.email})
	if _, err := c.tryPut("shop", "Ticket", fields{"no": "1", "email": "stranger@example.com"}); err != nil {
		t.Fatal(err)
	}
	// Records come in all the while, one after the other.
	var done atomic.Int64
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := int64(1); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := c.tryPut("shop", "Member", fields{"id": fmt.Sprint("M-", i), "email": fmt.Sprintf("m%d@example.com", i)}); err != nil {
				t.Error(err)
				return
			}
			done.Store(i)
		}
	})
	backups := filepath.Join(t.TempDir(), "backups")
	var least []int64
	var names []string
	for i := range 3 {
		for done.Load() < int64(150*(i+1)) && !t.Failed() {
		}
		least = append(least, done.Load())
		out := s.mustKindred("", "backup", "--to", backups)
		name, _, _ := strings.Cut(out, ":")
		names = append(names, name)
	}
	close(stop)
	writer.Wait()
	if left, _ := os.ReadDir(filepath.Join(s.dir, "checkpoints")); len(left) != 0 {
		t.Errorf("%d checkpoints are left", len(left))
	}
	if out := s.mustKindred("", "backup", "--to", backups, "--list"); strings.Count(out, "\n") != 3 {
		t.Errorf("the list is\n%s", out)
	}
	s.mustKindred("", "backup", "--to", backups, "--check", "--backup", names[0])
	// Of a server that has stopped nothing is new, but what its end has written.
	s.stop()
	if out, err := s.kindred("", "backup", "--to", backups, "--direct", "--data-dir", s.dir); err != nil {
		t.Errorf("%s %v", out, err)
	}

	for i, name := range names {
		dir := filepath.Join(t.TempDir(), "data")
		s.mustKindred("", "restore", "--from", backups, "--backup", name, "--data-dir", dir)
		for _, file := range []string{"root.key", "credentials"} {
			text, err := os.ReadFile(filepath.Join(s.dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := startServer(t, func(r *server) { r.dir = dir })
		got := int64(r.admin.stats("shop").ProfileCount) - 1
		if got < least[i] {
			t.Errorf("backup %d has %d records, %d had been acknowledged", i, got, least[i])
		}
		for j := int64(1); j <= got; j += 1 + got/20 {
			p := r.admin.one("shop", "memberId", fmt.Sprint("M-", j))
			if *p.EmailAddress != fmt.Sprintf("m%d@example.com", j) {
				t.Errorf("backup %d: record %d has the address %s", i, j, *p.EmailAddress)
			}
		}
		r.admin.none("shop", "memberId", fmt.Sprint("M-", got+1))
		r.admin.put("shop", "Member", fields{"id": "M-new", "email": "new@example.com"})
		if messages := r.admin.receive(strings.Replace(queue, s.url, r.url, 1), 10); len(messages) != 1 {
			t.Errorf("backup %d has %d dead letters", i, len(messages))
		}
	}

	// Damage is named, and nothing is left where it was to be restored.
	err := filepath.WalkDir(filepath.Join(backups, "pool"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() < 1000 {
			return err
		}
		return os.Truncate(path, 100)
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.kindred("", "backup", "--to", backups, "--check"); err == nil || !strings.Contains(err.Error(), "is not what was backed up") {
		t.Errorf("%s %v", out, err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	if out, err := s.kindred("", "restore", "--from", backups, "--data-dir", dir); err == nil || !strings.Contains(err.Error(), "is not what was backed up") {
		t.Errorf("%s %v", out, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store")); err == nil {
		t.Error("a store was restored from damaged files")
	}
	if _, err := s.kindred("", "restore", "--from", backups, "--data-dir", s.dir); err == nil {
		t.Error("a backup was restored over data")
	}
}

// shopTypes makes the object types Member, which makes profiles, and Ticket, which does not.
func (c *client) shopTypes(domain string) {
	c.t.Helper()
	for name, makes := range map[string]bool{"Member": true, "Ticket": false} {
		unique := map[string]string{"Member": "id", "Ticket": "no"}[name]
		c.send("profile", "PUT", "/domains/"+domain+"/object-types/"+name, fmt.Sprintf(`{"Description": "of the shop", "AllowProfileCreation": %t,
			"Fields": {"own": {"Source": "_source.%s"}, "email": {"Source": "_source.email", "Target": "_profile.EmailAddress", "ContentType": "EMAIL_ADDRESS"}},
			"Keys": {"%s": [{"StandardIdentifiers": ["UNIQUE"%s], "FieldNames": ["own"]}], "_email": [{"StandardIdentifiers": [%s], "FieldNames": ["email"]}]}}`,
			makes, unique, map[bool]string{true: "memberId", false: "ticketNo"}[makes], map[bool]string{true: `, "PROFILE"`}[makes], map[bool]string{false: `"PROFILE"`}[makes]))
	}
}
