package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/smithy-go"

	"kindred/internal/store/pgstore/pgtest"
)

// nodes are servers on one database.
type nodes struct {
	pg   *pgtest.Server
	url  string
	root string // file of the root key that they share
}

func newNodes(t *testing.T) *nodes {
	t.Helper()
	pg := pgtest.New(t)
	return &nodes{pg: pg, url: pg.URL(pg.Database(t)), root: filepath.Join(t.TempDir(), "root.key")}
}

// with starts a server as one of the nodes. Credentials are those of another one,
// if there is one.
func (n *nodes) with(t *testing.T, other *server, more ...option) *server {
	t.Helper()
	return startServer(t, append(more, withEnv("KINDRED_STORE="+n.url, "KINDRED_ROOT_KEY_FILE="+n.root), func(s *server) {
		if other == nil {
			return
		}
		text, err := os.ReadFile(other.credentials())
		if err == nil {
			err = os.MkdirAll(s.dir, 0o700)
		}
		if err == nil {
			err = os.WriteFile(s.credentials(), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	})...)
}

func TestTwoNodesAreOneService(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	a := n.with(t, nil)
	b := n.with(t, a)
	key := a.admin.key("")
	a.admin.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	b.admin.objectType("shop", shopAccount())

	var people []person
	for i := range 20 {
		p, c := a.person(), []*client{a.admin, b.admin}[i%2]
		b.known.add(p.first, p.last, p.phone, p.email)
		people = append(people, p)
		c.put("shop", "ShopAccount", p.account(fmt.Sprint("A-", i), nil))
	}
	for i, p := range people {
		c := []*client{b.admin, a.admin}[i%2] // the other one
		if got := c.one("shop", "_email", p.email); aws.ToString(got.AccountNumber) != fmt.Sprint("A-", i) {
			t.Errorf("the profile of record %d has the account number %s", i, aws.ToString(got.AccountNumber))
		}
	}
	if got := b.admin.stats("shop").ProfileCount; got != 20 {
		t.Errorf("the other node counts %d profiles", got)
	}

	t.Run("a record through each at once makes one profile", func(t *testing.T) {
		p := a.person()
		var wg sync.WaitGroup
		for i, c := range []*client{a.admin, b.admin, a.admin, b.admin} {
			wg.Go(func() {
				if _, err := c.tryPut("shop", "ShopAccount", p.account(fmt.Sprint("same-", i), nil)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := a.admin.search("shop", "_email", p.email); len(got) != 1 {
			t.Errorf("%d profiles", len(got))
		}
	})
	t.Run("configuration is in force on the other at once", func(t *testing.T) {
		a.admin.objectType("shop", registration())
		b.admin.put("shop", "Registration", fields{"serial": "SN-1", "model": "Kettle", "mail": people[0].email})
		if _, err := a.admin.profiles.DeleteProfileObjectType(t.Context(), &customerprofiles.DeleteProfileObjectTypeInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("Registration")}); err != nil {
			t.Fatal(err)
		}
		_, err := b.admin.tryPut("shop", "Registration", fields{"serial": "SN-2", "mail": people[0].email})
		refused(t, err, "ResourceNotFoundException")
	})
	t.Run("a user's key is known to the other, and refused there when it is inactive", func(t *testing.T) {
		c, id := a.user("agent", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"profile:*","Resource":"*"}]}`)
		c.rebase(b.url)
		if err := c.getDomain("shop"); err != nil {
			t.Fatal(err)
		}
		a.mustKindred("", "iam", "key", "disable", "agent", id)
		eventually(t, keyWithin, func() error {
			if c.getDomain("shop") == nil {
				return errors.New("the key still works")
			}
			return nil
		})
	})
	t.Run("a node that is killed is missed by nobody", func(t *testing.T) {
		a.kill()
		p := b.person()
		b.admin.put("shop", "ShopAccount", p.account("after", nil))
		b.admin.one("shop", "_email", people[0].email)
		a.start()
		a.admin.one("shop", "_email", p.email)
	})
	b.stop()
	a.admin.one("shop", "_email", people[1].email)
	if err := n.pg.Stop(); err != nil {
		t.Fatal(err)
	}
	nothingReadable(t, a, n.pg.DataDir())
	if err := n.pg.Start(); err != nil {
		t.Fatal(err)
	}
}

// nothingReadable looks for customers in the files of the database.
func nothingReadable(t *testing.T, s *server, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if found := s.known.find(data); found != nil {
			t.Errorf("%s shows of customers: %q", path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("%d files of the database were looked at", files)
	}
}

// TestNodesAreUnhealthyWithoutTheirDatabase kills the database under load. Nodes say
// so, come back by themselves, and have lost nothing that was acknowledged.
func TestNodesAreUnhealthyWithoutTheirDatabase(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	a := n.with(t, nil)
	b := n.with(t, a)
	a.admin.domain("shop", customerprofiles.CreateDomainInput{})
	a.admin.objectType("shop", shopAccount())

	var next atomic.Int64
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	for w := range 8 {
		c := []*client{a.admin, b.admin}[w%2]
		wg.Go(func() {
			for ctx.Err() == nil {
				id := fmt.Sprint("D-", next.Add(1))
				_, err := c.tryPut("shop", "ShopAccount", fields{"id": id, "contact": fields{"mail": family(next.Load())}})
				var service smithy.APIError
				if err == nil {
					mu.Lock()
					acknowledged[id] = true
					mu.Unlock()
				} else if !errors.As(err, &service) {
					t.Errorf("the node itself does not answer: %v", err)
					return
				}
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acknowledged) }
	more := func(enough int) {
		eventually(t, soon, func() error {
			if got := count(); got < enough {
				return fmt.Errorf("%d objects", got)
			}
			return nil
		})
	}
	health := func(want int) {
		t.Helper()
		for _, s := range []*server{a, b} {
			eventually(t, soon, func() error {
				if got, _ := s.get("/healthz"); got != want {
					return fmt.Errorf("health is %d, want %d", got, want)
				}
				return nil
			})
		}
	}
	more(100)
	if err := n.pg.Kill(); err != nil {
		t.Fatal(err)
	}
	health(http.StatusServiceUnavailable)
	if err := n.pg.Start(); err != nil {
		t.Fatal(err)
	}
	health(http.StatusOK)
	more(count() + 100)
	cancel()
	wg.Wait()
	lost := 0
	for id := range acknowledged {
		if got := b.admin.search("shop", "shopAccountId", id); len(got) != 1 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d objects were acknowledged and are lost", lost, len(acknowledged))
	}
	t.Logf("%d acknowledged", len(acknowledged))
}

// TestNodesThatStartAtOnceAgree starts three on an empty database.
func TestNodesThatStartAtOnceAgree(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	dirs := make([]string, 3)
	urls := make(chan string, len(dirs))
	list := make([]*process, len(dirs))
	for i := range dirs {
		dirs[i] = filepath.Join(t.TempDir(), "data")
		list[i] = newProcess([]string{"KINDRED_STORE=" + n.url, "KINDRED_ROOT_KEY_FILE=" + n.root}, "serve", "--listen", "127.0.0.1:0", "--data-dir", dirs[i])
		list[i].stdout.line = func(line string) {
			if url, ok := strings.CutPrefix(line, "kindred ready "); ok {
				urls <- url
			}
		}
		if err := list[i].run(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = list[i].cmd.Process.Signal(syscall.SIGTERM)
			<-list[i].exited
			if list[i].err != nil {
				t.Errorf("node %d: %v\n%s", i, list[i].err, list[i].stderr)
			}
		})
	}
	var ready []string
	for range dirs {
		select {
		case url := <-urls:
			ready = append(ready, url)
		case <-time.After(readyWithin):
			t.Fatal("not all nodes are ready")
		}
	}
	files := 0
	for _, dir := range dirs {
		path := filepath.Join(dir, "credentials")
		if _, err := os.Stat(path); err != nil {
			continue
		}
		files++
		for _, url := range ready {
			s := &server{t: t, url: url}
			c := s.as(fileCredentials(path))
			if _, err := c.profiles.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{}); err != nil {
				t.Errorf("the administrator's key at %s: %v", url, err)
			}
		}
	}
	if files == 0 {
		t.Error("no node has the administrator's credentials")
	}
}

// TestANodeWithAnotherRootKeyIsRefused: it could read nothing, and what it wrote
// nobody else.
func TestANodeWithAnotherRootKeyIsRefused(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	a := n.with(t, nil)
	p := newProcess([]string{"KINDRED_STORE=" + n.url}, "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(t.TempDir(), "data"))
	if err := p.run(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(readyWithin):
		_ = p.cmd.Process.Kill()
		t.Fatal("it serves")
	}
	if p.err == nil || !strings.Contains(p.stderr.String(), "--root-key-file") {
		t.Errorf("%v: %s", p.err, p.stderr)
	}
	if got, _ := a.get("/healthz"); got != http.StatusOK {
		t.Errorf("the health of the other is %d", got)
	}
}
