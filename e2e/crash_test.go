package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
)

// shelf is a directory with a file of records to be loaded, and what the loads of
// it into several domains leave there.
type shelf struct {
	t       *testing.T
	dir     string
	records int
	broken  int // of them
	houses  int // that they are of
}

// newShelf writes a file of records of web shop accounts. Some tell the state of
// an account anew, which the later time decides, and some can not be ingested.
func newShelf(t *testing.T, records int) *shelf {
	t.Helper()
	f := &shelf{t: t, dir: t.TempDir(), records: records, houses: records/100 | 1}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	for i := range records {
		id := i
		if i%10 == 9 {
			id = i - 5
		}
		record := fields{"id": fmt.Sprint("L-", id), "points": 7, "given": fmt.Sprintf("Given%06d", i), "family": "Loadmann",
			"contact": fields{"mail": fmt.Sprintf("household%d@load.example", id%f.houses)}, "updated": at.Add(time.Duration(i) * time.Second).Format("2006-01-02T15:04:05Z")}
		if i%97 == 13 {
			f.broken++
			record = fields{"given": fmt.Sprintf("Nobody%06d", i)}
		}
		b.WriteString(*object(record) + "\n")
	}
	if err := os.WriteFile(f.file(), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *shelf) file() string { return filepath.Join(f.dir, "accounts.jsonl") }

// of is a file that a load into a domain leaves.
func (f *shelf) of(domain, what string) string { return filepath.Join(f.dir, domain+"."+what) }

// load prepares a load into a domain.
func (f *shelf) load(s *server, domain string, more ...string) *process {
	args := append([]string{"ingest", "--domain", domain, "--object-type", "ShopAccount", "--checkpoint", f.of(domain, "checkpoint"),
		"--failed", f.of(domain, "failed"), f.file()}, more...)
	return newProcess(s.environment(), args...)
}

func (f *shelf) run(p *process) {
	f.t.Helper()
	if err := p.run(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // unless it has ended
}

// finish waits for the end of a load, which tells of the records that failed.
func (f *shelf) finish(p *process) {
	f.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(2 * stopWithin):
		f.t.Fatalf("the load did not end: %s", p.stderr)
	}
	if want := fmt.Sprintf("%d records ingested, %d failed\n", f.records-f.broken, f.broken); !strings.Contains(p.stdout.String(), want) {
		f.t.Errorf("the load wrote %q and %q, want %q", p.stdout, p.stderr, want)
	}
	if !strings.Contains(p.stderr.String(), fmt.Sprintf("%d records failed", f.broken)) {
		f.t.Errorf("the load ended with %v: %s", p.err, p.stderr)
	}
}

// failures are the records that a load into a domain could not bring in, line by
// line with their reasons.
func (f *shelf) failures(domain string) string {
	f.t.Helper()
	var all bytes.Buffer
	for _, name := range []string{"failed", "failed.reasons"} {
		text, err := os.ReadFile(f.of(domain, name))
		if err != nil {
			f.t.Fatal(err)
		}
		all.Write(text)
	}
	if _, err := os.Stat(f.of(domain, "checkpoint")); !errors.Is(err, os.ErrNotExist) {
		f.t.Errorf("the checkpoint of a load that has ended: %v", err)
	}
	return all.String()
}

// place is how far a load is, by its checkpoint.
func (f *shelf) place(domain string) (records int) {
	var c struct{ Position struct{ Records int } }
	text, err := os.ReadFile(f.of(domain, "checkpoint"))
	if err == nil && json.Unmarshal(text, &c) == nil {
		return c.Position.Records
	}
	return 0 // not there yet, or no more
}

// same checks that a load which was disturbed has left what one that was not has.
func (f *shelf) same(c *client, disturbed, calm string) {
	f.t.Helper()
	if got, want := c.stats(disturbed), c.stats(calm); *got != *want || got.ProfileCount != int64(f.houses) {
		f.t.Errorf("stats are %+v, of a load that was not disturbed %+v", got, want)
	}
	got, want := c.portrait(disturbed), c.portrait(calm)
	if !maps.Equal(got, want) || len(want) != f.houses {
		f.t.Errorf("%d profiles are not the %d of a load that was not disturbed: %v, want %v", len(got), len(want), got, want)
	}
	if f.failures(disturbed) != f.failures(calm) {
		f.t.Error("other records have failed")
	}
}

// portrait says what the profiles of a domain are and have, by e-mail address.
func (c *client) portrait(domain string) map[string]string {
	c.t.Helper()
	var mu sync.Mutex // guards the following
	out := map[string]string{}
	parallel(c.all(domain, "shopPoints", "7"), func(p types.Profile) {
		var objects int64
		for _, o := range c.objects(domain, *p.ProfileId, "ShopAccount") {
			objects = objects*31 + int64(len(*o.Object)) + int64((*o.Object)[len(*o.Object)/2])
		}
		mu.Lock()
		defer mu.Unlock()
		out[aws.ToString(p.PersonalEmailAddress)] += fmt.Sprintf("%s %s %s %d;", aws.ToString(p.FirstName), aws.ToString(p.LastName), aws.ToString(p.AccountNumber), objects)
	})
	return out
}

// shops makes domains for loads, all alike.
func (c *client) shops(names ...string) {
	c.t.Helper()
	for _, name := range names {
		c.domain(name, customerprofiles.CreateDomainInput{})
		c.objectType(name, shopAccount())
	}
}

// under reports whether a load is still under way when it has come some way.
func under(p *process, far func() bool) bool {
	for deadline := time.Now().Add(stopWithin); time.Now().Before(deadline); {
		select {
		case <-p.exited:
			return false
		default:
		}
		if far() {
			return true
		}
		time.Sleep(2 * time.Millisecond) // another process tells nobody how far it is
	}
	return false
}

// killed ends a process as a crash would, and reports whether that was before its
// own end.
func (p *process) killed() bool {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
	var e *exec.ExitError
	return errors.As(p.err, &e) && e.Sys().(syscall.WaitStatus).Signaled()
}

// tries is how often a test starts again, with more to do, because what was to be
// disturbed had ended before.
const tries = 4

// address is a free one that no connection to another place can come from, so
// that a server gets it again after a crash.
func address(t *testing.T) string {
	t.Helper()
	for port := 20_000 + os.Getpid()%10_000; port < 32_000; port++ {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return l.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// A load through the API waits for a server that is gone, and goes on.
func TestALoadOutlivesItsServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, withArgs("--listen", address(t)))
	c := s.admin
	s.known.add("load.example", "Loadmann")
	f := newShelf(t, 6000)
	c.shops("calm", "shop")
	calm := f.load(s, "calm")
	f.run(calm)
	f.finish(calm)
	p := f.load(s, "shop")
	f.run(p)
	crashed := 0
	for _, part := range []int64{4, 2} {
		if under(p, func() bool { return c.stats("shop").ObjectCount > int64(f.records)/5*4/part }) {
			s.crash()
			crashed++
		}
	}
	f.finish(p)
	if crashed == 0 {
		t.Error("the load had ended before the server could be killed")
	}
	f.same(c, "shop", "calm")
}

// A load that is killed goes on where it stopped when it is started again.
func TestALoadThatIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.known.add("load.example", "Loadmann")
	s.admin.shops("calm")
	for i := range tries {
		f, shop := newShelf(t, 6000<<i), fmt.Sprint("shop", i)
		s.admin.shops(shop)
		if !f.killed(s, shop) {
			continue
		}
		for _, domain := range []string{shop, "calm"} {
			p := f.load(s, domain)
			f.run(p)
			f.finish(p)
		}
		f.same(s.admin, shop, "calm")
		return
	}
	t.Errorf("of %d loads each had ended before it could be killed", tries)
}

// So does one that works on the data directory of a stopped server.
func TestADirectLoadThatIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.known.add("load.example", "Loadmann")
	s.admin.shops("calm")
	for i := range tries {
		s.admin.shops(fmt.Sprint("shop", i))
	}
	s.stop()
	direct := []string{"--direct", "--data-dir", s.dir}
	for i := range tries {
		f, shop := newShelf(t, 12_000<<i), fmt.Sprint("shop", i)
		if !f.killed(s, shop, direct...) {
			continue
		}
		for _, domain := range []string{shop, "calm"} {
			p := f.load(s, domain, direct...)
			f.run(p)
			f.finish(p)
		}
		s.start()
		f.same(s.admin, shop, "calm")
		return
	}
	t.Errorf("of %d loads each had ended before it could be killed", tries)
}

// killed starts a load and kills it when it has noted how far it is. It reports
// whether that was before the load's own end.
func (f *shelf) killed(s *server, domain string, more ...string) bool {
	f.t.Helper()
	p := f.load(s, domain, more...)
	f.run(p)
	if !under(p, func() bool { return f.place(domain) > 0 }) || !p.killed() {
		return false
	}
	f.t.Logf("the load is killed at record %d or later of %d", f.place(domain), f.records)
	return true
}
