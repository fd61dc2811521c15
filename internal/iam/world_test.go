package iam_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/page"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

const account = "123456789012"

// clock is a time that tests move.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// world is a bootstrapped installation of one node; others may join its store.
type world struct {
	t     testing.TB
	svc   *iam.Service
	store store.Store
	root  *rootkey.Key
	clock *clock
	admin aws.Credentials
	ctx   context.Context // the administrator's
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, store: memstore.New(), root: rootkey.Random(), clock: &clock{}}
	t.Cleanup(func() { w.store.Close() })
	w.clock.nanos.Store(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).UnixNano())
	w.svc = w.node()
	file := filepath.Join(t.TempDir(), "credentials")
	if err := w.svc.Bootstrap(t.Context(), file, true); err != nil {
		t.Fatal(err)
	}
	w.admin = readCredentials(t, file)
	w.ctx = access.WithCaller(t.Context(), w.caller(w.admin))
	return w
}

// node is a service of its own on the same store.
func (w *world) node() *iam.Service {
	w.t.Helper()
	pages, err := page.New(make([]byte, 32))
	if err != nil {
		w.t.Fatal(err)
	}
	return iam.New(iam.Config{
		Store: w.store, Root: w.root, Pages: pages, Account: account, Region: "us-east-1",
		Services: []string{"profile", "kindred", "sts"}, Now: w.clock.now,
	})
}

func readCredentials(t testing.TB, file string) aws.Credentials {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c aws.Credentials
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		switch name {
		case "aws_access_key_id":
			c.AccessKeyID = value
		case "aws_secret_access_key":
			c.SecretAccessKey = value
		}
	}
	return c
}

func (w *world) request(c aws.Credentials) *http.Request {
	w.t.Helper()
	r := httptest.NewRequest("GET", "http://kindred.test/domains", nil)
	r.RequestURI = "/domains"
	sum := sha256.Sum256(nil)
	if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hex.EncodeToString(sum[:]), "profile", "us-east-1", w.clock.now()); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) try(svc *iam.Service, c aws.Credentials) (*access.Caller, error) {
	caller, _, err := svc.Authenticate(w.request(c), nil)
	return caller, err
}

// caller authenticates with credentials that must be good.
func (w *world) caller(c aws.Credentials) *access.Caller {
	w.t.Helper()
	caller, err := w.try(w.svc, c)
	if err != nil {
		w.t.Fatalf("authenticate %s: %v", c.AccessKeyID, err)
	}
	return caller
}

// as is a context in which the holder of the credentials calls.
func (w *world) as(c aws.Credentials) context.Context {
	w.t.Helper()
	return access.WithCaller(context.Background(), w.caller(c))
}

// user makes a user with a policy (none if empty) and a key.
func (w *world) user(name, policy string) aws.Credentials {
	w.t.Helper()
	must(w.t)(w.svc.CreateUser(w.ctx, &kindredapi.CreateUserRequest{UserName: name}))
	if policy != "" {
		must(w.t)(w.svc.PutUserPolicy(w.ctx, &kindredapi.PutUserPolicyRequest{UserName: name, PolicyName: "p", PolicyDocument: policy}))
	}
	return w.key(name)
}

func (w *world) key(name string) aws.Credentials {
	w.t.Helper()
	out, err := w.svc.CreateAccessKey(w.ctx, &kindredapi.CreateAccessKeyRequest{UserName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: out.AccessKey.AccessKeyId, SecretAccessKey: out.AccessKey.SecretAccessKey}
}

// role makes a role with a trust policy and a policy (none if empty), and
// returns its ARN.
func (w *world) role(name, trust, policy string) string {
	w.t.Helper()
	out, err := w.svc.CreateRole(w.ctx, &kindredapi.CreateRoleRequest{RoleName: name, AssumeRolePolicyDocument: trust})
	if err != nil {
		w.t.Fatal(err)
	}
	if policy != "" {
		must(w.t)(w.svc.PutRolePolicy(w.ctx, &kindredapi.PutRolePolicyRequest{RoleName: name, PolicyName: "p", PolicyDocument: policy}))
	}
	return out.Role.Arn
}

func temporary(c *stsapi.Credentials) aws.Credentials {
	return aws.Credentials{AccessKeyID: c.AccessKeyId, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
}

// must fails the test when a call whose answer does not matter fails.
func must(t testing.TB) func(answer any, err error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func wantFault(t testing.TB, err error, kind fault.Kind, name, text string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a fault with %q", err, text)
	}
	if f.Kind != kind || f.Name != name || !strings.Contains(f.Message, text) {
		t.Fatalf("got kind %d %q %q, want kind %d %q with %q", f.Kind, f.Name, f.Message, kind, name, text)
	}
}

func allow(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}]}`
}

func deny(action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"` + action + `","Resource":"` + resource + `"}]}`
}

// trust lets an ARN, or the account, assume a role.
func trust(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole"}]}`
}

const root = "arn:aws:iam::" + account + ":root"

func may(c *access.Caller, action, resource string) bool {
	return c.Decide(access.Check{Action: action, Resource: resource}).Allowed
}
