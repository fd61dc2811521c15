package signin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/iam"
	"kindred/internal/page"
	"kindred/internal/password"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/server"
	"kindred/internal/signin"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/kindredclient"
)

const (
	account = "123456789012"
	region  = "eu-west-2"
	good    = "correct horse battery"
)

// world is a node that answers on a port. Its clock moves with that of the machine,
// which clients sign by, and further when told to.
type world struct {
	t     testing.TB
	store store.Store
	root  *rootkey.Key
	ahead atomic.Int64 // nanoseconds

	*node
}

// node is one node of the world.
type node struct {
	iam    *iam.Service
	signin *signin.Service
	url    string
	host   string
	log    *bytes.Buffer
	client *http.Client

	mu     sync.Mutex // guards the following
	counts map[string]int
}

func (n *node) count(method, outcome string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[method+" "+outcome]++
}

func (n *node) counted(what string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counts[what]
}

func (w *world) now() time.Time          { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *world) advance(d time.Duration) { w.ahead.Add(int64(d)) }

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, store: memstore.New(), root: rootkey.Random()}
	t.Cleanup(func() { w.store.Close() })
	w.node = w.join()
	if err := w.iam.Bootstrap(t.Context(), filepath.Join(t.TempDir(), "credentials"), true); err != nil {
		t.Fatal(err)
	}
	return w
}

// join starts another node on the same store.
func (w *world) join() *node {
	w.t.Helper()
	n := &node{log: &bytes.Buffer{}, counts: map[string]int{}}
	pages, err := page.New(w.root.MAC("page", nil))
	if err != nil {
		w.t.Fatal(err)
	}
	records := signin.NewRecords(w.root.AEAD("signin"))
	n.iam = iam.New(iam.Config{Store: w.store, Root: w.root, Pages: pages, Account: account, Region: region, SignIns: records,
		Services: []string{"kindred", "sts"}, Now: w.now})
	n.signin = signin.New(signin.Config{Store: w.store, Records: records, Seal: w.root.AEAD("browser"), Principals: n.iam, Account: account, Region: region,
		Hasher: password.NewHasher(password.Cost{MemoryKiB: 8, Passes: 1}), Endpoint: func() string { return n.url }, Count: n.count,
		Log: logger(n.log), Now: w.now})
	srv := server.New(server.Config{Authenticator: n.iam, Now: w.now, Services: []server.Mount{
		{API: kindredapi.Service(), Impl: []any{n.iam, n.signin}}, {API: stsapi.Service(), Impl: []any{n.iam}}}})
	n.signin.Handle(srv.Claim)
	listening := httptest.NewServer(srv)
	w.t.Cleanup(listening.Close)
	n.url, n.client = listening.URL, listening.Client()
	n.host = strings.TrimPrefix(n.url, "http://")
	return n
}

// as is a context in which somebody calls who may do everything.
func admin(t testing.TB) context.Context {
	t.Helper()
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithCaller(t.Context(), &access.Caller{Type: access.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/administrator",
		UserName: "administrator", PrincipalID: "AIDAADMIN", Policies: []*policy.Policy{all}})
}

// user makes a user who may do what a policy allows (nothing if empty), with a
// password.
func (w *world) user(name, document string) {
	w.t.Helper()
	if _, err := w.iam.CreateUser(admin(w.t), &kindredapi.CreateUserRequest{UserName: name}); err != nil {
		w.t.Fatal(err)
	}
	if document != "" {
		if _, err := w.iam.PutUserPolicy(admin(w.t), &kindredapi.PutUserPolicyRequest{UserName: name, PolicyName: "p", PolicyDocument: document}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.setPassword(name, good)
}

func (w *world) setPassword(name, password string) {
	w.t.Helper()
	if _, err := w.signin.SetUserPassword(admin(w.t), &kindredapi.SetUserPasswordRequest{UserName: name, Password: password}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) link(name string) string {
	w.t.Helper()
	out, err := w.signin.CreateSignInLink(admin(w.t), &kindredapi.CreateSignInLinkRequest{UserName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Token
}

// browser is somebody's browser: it keeps cookies, and is on a page of this server.
type browser struct {
	t       testing.TB
	on      *node
	cookies map[string]string
	headers map[string]string
}

func (w *world) browser() *browser {
	return &browser{t: w.t, on: w.node, cookies: map[string]string{},
		headers: map[string]string{signin.Header: "1", "Origin": w.url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}}
}

// reply is what came back.
type reply struct {
	*http.Response
	text string
	session
	Code, Message string
}

type session struct {
	Principal struct{ ARN, Name string }
	AccountID string `json:"accountId"`
	Region    string
	Expires   time.Time

	Credentials struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      time.Time
	}
}

func (b *browser) do(method, path, body string) *reply {
	b.t.Helper()
	r, err := http.NewRequest(method, b.on.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer, err := b.on.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	got := &reply{Response: answer, text: string(text)}
	if len(text) > 0 && answer.Header.Get("Content-Type") == "application/json; charset=utf-8" {
		if err := json.Unmarshal(text, got); err != nil {
			b.t.Fatalf("%s: %v", text, err)
		}
	}
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return got
}

func body(members ...string) string {
	m := map[string]string{}
	for i := 0; i < len(members); i += 2 {
		m[members[i]] = members[i+1]
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (b *browser) in(name, password string) *reply {
	b.t.Helper()
	return b.do("POST", signin.Path, body("userName", name, "password", password))
}

func (b *browser) open(token string) *reply {
	b.t.Helper()
	return b.do("POST", signin.Path, body("token", token))
}

// mustIn signs in and gives the credentials.
func (b *browser) mustIn(name string) *reply {
	b.t.Helper()
	r := b.in(name, good)
	if r.StatusCode != http.StatusOK {
		b.t.Fatalf("sign-in: %d %s", r.StatusCode, r.text)
	}
	return r
}

func (r *reply) credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: r.Credentials.AccessKeyID, SecretAccessKey: r.Credentials.SecretAccessKey, SessionToken: r.Credentials.SessionToken}
}

// whoami makes a signed call that needs no permission.
func (n *node) whoami(ctx context.Context, c aws.Credentials) (string, error) {
	client := sts.New(sts.Options{Region: region, BaseEndpoint: &n.url, HTTPClient: n.client, RetryMaxAttempts: 1,
		Credentials: credentials.StaticCredentialsProvider{Value: c}})
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return *out.Arn, nil
}

func (n *node) api(c aws.Credentials) *kindredclient.Client {
	return &kindredclient.Client{Endpoint: n.url, Region: region, HTTP: n.client, Credentials: credentials.StaticCredentialsProvider{Value: c}}
}

// dead fails the test when credentials are still taken.
func (n *node) dead(t testing.TB, what string, c aws.Credentials) {
	t.Helper()
	err := n.api(c).Do(t.Context(), "GET", "/iam/users", nil, nil)
	var refusal *kindredclient.Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden || refusal.Name != "UnrecognizedClientException" {
		t.Errorf("%s: the credentials still do something: %v", what, err)
	}
}

// alive fails the test when credentials are not taken.
func (n *node) alive(t testing.TB, what string, c aws.Credentials) {
	t.Helper()
	if _, err := n.whoami(t.Context(), c); err != nil {
		t.Errorf("%s: the credentials do nothing: %v", what, err)
	}
}

// wants fails the test when an answer is not a problem with a status and code.
func (r *reply) wants(t testing.TB, what string, status int, code string) {
	t.Helper()
	if r.StatusCode != status || r.Code != code || r.Message == "" {
		t.Errorf("%s: got %d %s, want %d %s", what, r.StatusCode, r.text, status, code)
	}
}
