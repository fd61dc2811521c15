package sqs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

const (
	testAccount  = "123456789012"
	testRegion   = "eu-west-1"
	testEndpoint = "http://127.0.0.1:4620"
)

// clock is a clock that stands still until it is told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// env is a service with a clock and a caller who may do everything.
type env struct {
	*Service
	t      testing.TB
	ctx    context.Context
	clock  *clock
	config Config
}

func newEnv(t testing.TB) *env {
	t.Helper()
	return newEnvOn(t, memstore.New())
}

func newEnvOn(t testing.TB, st store.Store) *env {
	t.Helper()
	c := &clock{t: time.Unix(1_700_000_000, 0)}
	config := Config{
		Store: st, Root: rootkey.Random(), Region: testRegion, Account: testAccount,
		Endpoint: func() string { return testEndpoint },
		Now:      c.now,
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	return &env{New(config), t, admin(t), c, config}
}

// node is another node on the same store.
func (e *env) node() *env { return &env{New(e.config), e.t, e.ctx, e.clock, e.config} }

func admin(t testing.TB) context.Context {
	t.Helper()
	return user(t, "AIDAADMIN", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
}

// user is a context of a user with the policies.
func user(t testing.TB, principal string, policies ...string) context.Context {
	t.Helper()
	c := &access.Caller{Type: access.User, Account: testAccount, ARN: "arn:aws:iam::" + testAccount + ":user/" + principal,
		PrincipalID: principal, UserName: principal}
	for _, text := range policies {
		p, err := policy.Parse([]byte(text), policy.Options{Kind: policy.Identity})
		if err != nil {
			t.Fatal(err)
		}
		c.Policies = append(c.Policies, p)
	}
	return access.WithCaller(context.Background(), c)
}

func (e *env) create(name string, attributes map[string]string) (url string) {
	e.t.Helper()
	out, err := e.CreateQueue(e.ctx, &sqsapi.CreateQueueRequest{QueueName: name, Attributes: attributes})
	if err != nil {
		e.t.Fatalf("CreateQueue %s: %v", name, err)
	}
	return *out.QueueUrl
}

func (e *env) sendText(url, body string) (messageID string) {
	e.t.Helper()
	out, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: url, MessageBody: body})
	if err != nil {
		e.t.Fatalf("SendMessage: %v", err)
	}
	return *out.MessageId
}

func (e *env) receiveUpTo(url string, n int) []sqsapi.Message {
	e.t.Helper()
	out, err := e.ReceiveMessage(e.ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: url, MaxNumberOfMessages: &n,
		MessageSystemAttributeNames: []string{"All"}, MessageAttributeNames: []string{"All"}})
	if err != nil {
		e.t.Fatalf("ReceiveMessage: %v", err)
	}
	return out.Messages
}

// receiveOne receives a message that must be there.
func (e *env) receiveOne(url string) sqsapi.Message {
	e.t.Helper()
	m := e.receiveUpTo(url, 1)
	if len(m) != 1 {
		e.t.Fatal("no message was received")
	}
	return m[0]
}

func (e *env) none(url string) {
	e.t.Helper()
	if m := e.receiveUpTo(url, 10); len(m) > 0 {
		e.t.Fatalf("received %d messages, want none; the first is %q", len(m), *m[0].Body)
	}
}

func (e *env) attribute(url, name string) string {
	e.t.Helper()
	out, err := e.GetQueueAttributes(e.ctx, &sqsapi.GetQueueAttributesRequest{QueueUrl: url, AttributeNames: []string{"All"}})
	if err != nil {
		e.t.Fatalf("GetQueueAttributes: %v", err)
	}
	return out.Attributes[name]
}

// wantCounts compares the three counts of a queue: visible, in flight, delayed.
func (e *env) wantCounts(url, visible, inFlight, delayed string) {
	e.t.Helper()
	got := [3]string{e.attribute(url, attrVisible), e.attribute(url, attrNotVisible), e.attribute(url, attrDelayed)}
	if want := [3]string{visible, inFlight, delayed}; got != want {
		e.t.Fatalf("visible, in flight, delayed: got %v, want %v", got, want)
	}
}

func (e *env) set(url, name, value string) error {
	return e.SetQueueAttributes(e.ctx, &sqsapi.SetQueueAttributesRequest{QueueUrl: url, Attributes: map[string]string{name: value}})
}

func (e *env) delete(url, handle string) error {
	return e.DeleteMessage(e.ctx, &sqsapi.DeleteMessageRequest{QueueUrl: url, ReceiptHandle: handle})
}

// modelled are the errors of each operation in the interface description.
func modelled(operation string) map[string]bool {
	m := make(map[string]bool)
	for _, e := range sqsapi.Service().Operation(operation).Errors {
		m[e.Name] = true
	}
	return m
}

// wantError asks for a fault with the name whose message has the part.
func wantError(t testing.TB, err error, name, part string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got error %v, want %s", err, name)
	}
	if f.Name != name || !strings.Contains(f.Message, part) {
		t.Fatalf("got %s: %s\nwant %s: …%s…", f.Name, f.Message, name, part)
	}
}

func wantDenied(t testing.TB, err error) {
	t.Helper()
	if err == nil || !fault.Is(err, fault.Denied) {
		t.Fatalf("got %v, want an error of kind Denied", err)
	}
}

func ptr[T any](v T) *T { return &v }

func arnOf(name string) string { return "arn:aws:sqs:" + testRegion + ":" + testAccount + ":" + name }
