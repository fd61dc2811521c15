package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/connectapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/page"
	"kindred/internal/policy"
	"kindred/internal/profile"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

const (
	testRegion  = "us-east-1"
	testAccount = "000000000000"
)

// profiles stands for a domain: it keeps the newest object of each contact, as
// the ingestion does by SourceLastUpdatedTimestamp, and gives each address a
// profile.
type profiles struct {
	mu      sync.Mutex // guards the following
	objects map[string]string
	puts    int
	fail    error                   // of the whole call
	refuse  func(body string) error // of one object
	letter  string                  // reason with which all go to the dead letter queue
	before  func()                  // called once, before the next put takes effect
	calls   map[string]int          // by object type, of the domain "d"
}

// domainID is the identity of the domain "d".
var domainID = domain.ID{'d'}

func (p *profiles) PutInto(_ context.Context, of domain.ID, typeName string, bodies []string) ([]ingest.Result, error) {
	if of != domainID {
		return nil, fmt.Errorf("contacts went to the domain %s", of)
	}
	p.mu.Lock()
	hook := p.before
	p.before = nil
	p.mu.Unlock()
	if hook != nil {
		hook()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.puts++
	p.calls[typeName]++
	if p.fail != nil {
		return nil, p.fail
	}
	results := make([]ingest.Result, len(bodies))
	for i, b := range bodies {
		if p.refuse != nil {
			if results[i].Err = p.refuse(b); results[i].Err != nil {
				continue
			}
		}
		if results[i].Letter = p.letter; p.letter != "" {
			continue
		}
		var o, old struct {
			ContactID           string
			LastUpdateTimestamp int64
		}
		if err := json.Unmarshal([]byte(b), &o); err != nil {
			return nil, err
		}
		if had := p.objects[o.ContactID]; had != "" {
			if err := json.Unmarshal([]byte(had), &old); err != nil {
				return nil, err
			}
		}
		if o.LastUpdateTimestamp >= old.LastUpdateTimestamp {
			p.objects[o.ContactID] = b
		}
		results[i].UniqueKey = "key of " + o.ContactID
		results[i].Profile = profile.ID{1}
	}
	return results, nil
}

func (p *profiles) object(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.objects[id]
}

// associations maps instance ARNs to domains.
type associations struct {
	mu sync.Mutex // guards the following
	to map[string]string
}

func (a *associations) DomainOf(_ context.Context, arn string) (*domain.Config, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.to[arn]
	if d == "" {
		return nil, "", nil
	}
	return &domain.Config{ID: domainID, Info: domain.Info{Name: d}}, "CTR", nil
}

type env struct {
	*Service
	t        testing.TB
	ctx      context.Context // of an administrator
	store    *memstore.Store
	profiles *profiles
	domains  *associations

	mu  sync.Mutex // guards the following
	at  time.Time
	log strings.Builder
}

func (e *env) clock() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.at
}

func (e *env) pass(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.at = e.at.Add(d)
}

// Write takes the log.
func (e *env) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.Write(b)
}

func newEnv(t testing.TB) *env {
	t.Helper()
	e := &env{t: t, ctx: user(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
		profiles: &profiles{objects: map[string]string{}, calls: map[string]int{}},
		domains:  &associations{to: map[string]string{}},
		at:       time.Date(2026, 3, 10, 12, 0, 0, 250e6, time.UTC)}
	e.store = memstore.New(memstore.WithClock(e.clock))
	root := rootkey.Random()
	pages, err := page.New(root.MAC("page", nil))
	if err != nil {
		t.Fatal(err)
	}
	e.Service = New(Config{Store: e.store, Seal: root.AEAD("connect"), Pages: pages, Region: testRegion, Account: testAccount,
		Associations: e.domains, Ingest: e.profiles, Now: e.clock, Log: slog.New(slog.NewTextHandler(e, nil))})
	t.Cleanup(func() {
		if err := e.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// user is a context of a user with the policies.
func user(t testing.TB, policies ...string) context.Context {
	t.Helper()
	c := &access.Caller{Type: access.User, Account: testAccount, ARN: "arn:aws:iam::" + testAccount + ":user/u", PrincipalID: "AIDAU", UserName: "u"}
	for _, text := range policies {
		p, err := policy.Parse([]byte(text), policy.Options{Kind: policy.Identity})
		if err != nil {
			t.Fatal(err)
		}
		c.Policies = append(c.Policies, p)
	}
	return access.WithCaller(context.Background(), c)
}

// create makes an instance.
func (e *env) create(alias string) string {
	e.t.Helper()
	out, err := e.CreateInstance(e.ctx, &connectapi.CreateInstanceRequest{IdentityManagementType: "CONNECT_MANAGED", InstanceAlias: &alias})
	if err != nil {
		e.t.Fatal(err)
	}
	return *out.Id
}

// enabled makes an instance that belongs to the domain "d".
func (e *env) enabled() string {
	e.t.Helper()
	id := e.create(fmt.Sprintf("alias-%d", len(e.domains.to)))
	e.domains.to[e.arn(id, "")] = "d"
	return id
}

// call makes a contact.
func (e *env) call(in *connectapi.CreateContactRequest) string {
	e.t.Helper()
	if in.InitiationMethod == "" {
		in.InitiationMethod = "INBOUND"
	}
	out, err := e.CreateContact(e.ctx, in)
	if err != nil {
		e.t.Fatal(err)
	}
	return *out.ContactId
}

func (e *env) contactOf(instanceID, id string) *connectapi.Contact {
	e.t.Helper()
	out, err := e.DescribeContact(e.ctx, &connectapi.DescribeContactRequest{InstanceId: instanceID, ContactId: id})
	if err != nil {
		e.t.Fatal(err)
	}
	return out.Contact
}

// declared asserts that err is a fault that the operation may answer.
func declared(t testing.TB, operation string, err error, name string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a fault", err)
	}
	if f.Name == "" {
		switch f.Kind {
		case fault.NotFound:
			f.Name = "ResourceNotFoundException"
		case fault.Invalid:
			f.Name = "Invalid"
		case fault.Denied:
			f.Name = "AccessDeniedException"
		case fault.Exists:
			f.Name = "Exists"
		}
	} else {
		found := false
		for _, sh := range connectapi.Service().Operation(operation).Errors {
			found = found || sh.Name == f.Name
		}
		if !found {
			t.Errorf("%s does not declare %s", operation, f.Name)
		}
	}
	if f.Name != name {
		t.Errorf("got %s (%s), want %s", f.Name, f.Message, name)
	}
}

// raw reads everything that is stored, as one text.
func (e *env) raw() string {
	e.t.Helper()
	list, err := e.store.ScanPrefix(context.Background(), []byte("connect"), store.Key{}, store.MaxScan)
	if err != nil {
		e.t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range list {
		b.Write(r.Key.Partition)
		b.WriteByte(0)
		b.Write(r.Key.Sort)
		b.WriteByte(0)
		b.Write(r.Value)
		b.WriteByte('\n')
	}
	return b.String()
}

func ptr[T any](v T) *T { return &v }
