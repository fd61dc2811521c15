package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	cptypes "github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/kmsapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/api/sqsapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/fault"
	"kindred/internal/server"
)

// anyone believes every request that has a credential scope.
type anyone struct{}

func (anyone) Authenticate(r *http.Request, _ []byte) (*access.Caller, string, error) {
	_, scope, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		return nil, "", fault.Named(fault.Denied, "MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	parts := strings.Split(scope, "/")
	if parts[0] == "AKIDWRONG" {
		return nil, parts[3], fault.Named(fault.Denied, "InvalidSignatureException", "The signature does not match")
	}
	return &access.Caller{Type: access.User, Account: "000000000000", ARN: "arn:aws:iam::000000000000:user/" + parts[0]}, parts[3], nil
}

// options are for tests that change the configuration.
type options func(*server.Config)

func newServer(t testing.TB, mounts []server.Mount, opts ...options) (*server.Server, *httptest.Server) {
	t.Helper()
	c := server.Config{Services: mounts, Authenticator: anyone{}}
	for _, o := range opts {
		o(&c)
	}
	s := server.New(c)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h
}

func config(url string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", "")}
}

func withLog(w io.Writer) options {
	return func(c *server.Config) { c.Logger = slog.New(slog.NewJSONHandler(w, nil)) }
}

// profiles implements two operations.
type profiles struct{}

func (p *profiles) GetDomain(ctx context.Context, in *profileapi.GetDomainRequest) (*profileapi.GetDomainResponse, error) {
	switch in.DomainName {
	case "missing":
		return nil, fault.New(fault.NotFound, "Domain %s does not exist", in.DomainName)
	case "denied":
		return nil, fault.New(fault.Denied, "User: %s may not", access.From(ctx).ARN)
	case "busy":
		return nil, fault.New(fault.Busy, "slow down")
	case "broken":
		return nil, errors.New("disk of jane.doe@example.com on fire")
	case "panic":
		panic("jane.doe@example.com")
	case "undeclared":
		return nil, fault.Named(fault.Invalid, "ConflictException", "not of this service")
	}
	return &profileapi.GetDomainResponse{DomainName: in.DomainName}, nil
}

func (p *profiles) ListDomains(context.Context, *profileapi.ListDomainsRequest) (*profileapi.ListDomainsResponse, error) {
	return &profileapi.ListDomainsResponse{Items: []profileapi.ListDomainItem{}}, nil
}

func mounts() []server.Mount {
	return []server.Mount{
		{API: profileapi.Service(), Impl: []any{&profiles{}}},
		{API: sqsapi.Service(), Impl: []any{queues{}}},
		{API: kmsapi.Service(), Impl: []any{keys{}}},
		{API: stsapi.Service(), Impl: []any{tokens{}}},
	}
}

func TestErrorsReachTheClientAsTheirTypes(t *testing.T) {
	var log strings.Builder
	_, h := newServer(t, mounts(), withLog(&log))
	client := customerprofiles.NewFromConfig(config(h.URL))
	get := func(name string) error {
		_, err := client.GetDomain(t.Context(), &customerprofiles.GetDomainInput{DomainName: &name})
		return err
	}
	if err := get("there"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		domain string
		target any
		text   string
	}{
		{"missing", new(*cptypes.ResourceNotFoundException), "Domain missing does not exist"},
		{"denied", new(*cptypes.AccessDeniedException), "User: arn:aws:iam::000000000000:user/AKIDTEST may not"},
		{"busy", new(*cptypes.ThrottlingException), "slow down"},
		{"broken", new(*cptypes.InternalServerException), "internal error"},
		{"panic", new(*cptypes.InternalServerException), "internal error"},
		{"undeclared", new(*cptypes.InternalServerException), "internal error"},
		{"bad name", new(*cptypes.BadRequestException), "1 validation error detected: Value at 'domainName' failed to satisfy constraint: Member must satisfy regular expression pattern: "},
	} {
		err := get(c.domain)
		if !errors.As(err, c.target) {
			t.Errorf("%s: %v is no %T", c.domain, err, c.target)
		} else if !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v does not contain %q", c.domain, err, c.text)
		}
	}
	if text := log.String(); strings.Contains(text, "panic: jane") || !strings.Contains(text, "panic of type string") ||
		!strings.Contains(text, "does not declare ConflictException") {
		t.Errorf("log:\n%s", text)
	}
}

func TestEveryAnswerHasARequestID(t *testing.T) {
	_, h := newServer(t, mounts())
	for _, c := range []struct{ method, path, auth string }{
		{"GET", "/", ""}, {"GET", "/healthz", ""}, {"GET", "/metrics", ""}, {"GET", "/domains", ""},
		{"GET", "/domains", "profile"}, {"GET", "/nowhere", "profile"}, {"GET", "/domains/panic", "profile"},
		{"POST", "/", "nosuch"}, {"BREW", "/domains", "profile"},
	} {
		r := send(t, h.URL, c.method, c.path, c.auth, "", nil)
		if id := r.Header.Get("x-amzn-RequestId"); len(id) != 36 {
			t.Errorf("%s %s: request ID %q", c.method, c.path, id)
		}
	}
}

type reply struct {
	Status int
	Header http.Header
	Body   string
}

// send sends a request with a credential scope of that service, if any.
func send(t testing.TB, base, method, path, service, body string, header map[string]string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if service != "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func TestUnsignedAndUnknownRequestsAreRefused(t *testing.T) {
	_, h := newServer(t, mounts())
	for _, c := range []struct {
		name, method, path, service, body string
		header                            map[string]string
		status                            int
		want                              string // of the error's name, header and body together
	}{
		{"unsigned", "GET", "/domains", "", "", nil, 403, "MissingAuthenticationTokenException"},
		{"unsigned post to the root", "POST", "/", "", "", nil, 403, "MissingAuthenticationTokenException"},
		{"unsigned query", "GET", "/?Action=GetCallerIdentity", "", "", nil, 403, "<Code>MissingAuthenticationToken</Code>"},
		{"unsigned target", "POST", "/", "", "{}", map[string]string{"X-Amz-Target": "TrentService.ListKeys"}, 403, `"__type":"MissingAuthenticationTokenException"`},
		{"unknown path", "GET", "/domain", "profile", "", nil, 404, "UnknownOperationException"},
		{"unknown method", "PATCH", "/domains", "profile", "", nil, 404, "UnknownOperationException"},
		{"unknown service", "GET", "/domains", "s3", "", nil, 404, "UnknownOperationException"},
		{"path of health, other method", "POST", "/healthz", "", "", nil, 403, "MissingAuthenticationTokenException"},
		{"path below health", "GET", "/healthz/x", "", "", nil, 403, "MissingAuthenticationTokenException"},
		{"unknown target", "POST", "/", "kms", "{}", map[string]string{"X-Amz-Target": "TrentService.Nothing"}, 400, `"__type":"UnknownOperationException"`},
		{"unknown action", "POST", "/", "sts", "Action=Nothing", form, 400, "<Code>InvalidAction</Code>"},
		{"no action", "POST", "/", "sts", "x=y", form, 400, "<Code>MissingAction</Code>"},
		{"not implemented", "GET", "/domains/d/layouts", "profile", "", nil, 501, `NotImplementedException{"Message":"ListDomainLayouts is not available in this build of Kindred"}`},
		{"not implemented but invalid", "GET", "/domains/d/layouts?max-results=0", "profile", "", nil, 400, "maxResults"},
	} {
		r := send(t, h.URL, c.method, c.path, c.service, c.body, c.header)
		if got := r.Header.Get("x-amzn-ErrorType") + r.Body; r.Status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d %s, want %d with %s", c.name, r.Status, got, c.status, c.want)
		}
	}
}

var form = map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

func TestLargeBodiesAreRefused(t *testing.T) {
	_, h := newServer(t, mounts(), func(c *server.Config) { c.MaxBody = 100 })
	body := `{"DefaultExpirationDays":1,"x":"` + strings.Repeat("y", 100) + `"}`
	js := map[string]string{"Content-Type": "application/json"}
	r := send(t, h.URL, "POST", "/domains/d", "profile", body, js)
	if r.Status != 400 || r.Header.Get("x-amzn-ErrorType") != "BadRequestException" || !strings.Contains(r.Body, "at most 100 bytes") {
		t.Errorf("declared length: %+v", r)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", h.URL+"/domains/d", io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/profile/aws4_request")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("length not declared: %d", resp.StatusCode)
	}
}

func TestImplementedListsWhatIsBound(t *testing.T) {
	s, _ := newServer(t, mounts())
	if got, want := strings.Join(s.Implemented("profile"), " "), "GetDomain ListDomains"; got != want {
		t.Errorf("implemented: %s, want %s", got, want)
	}
	if got := s.Implemented("nothing"); got != nil {
		t.Errorf("unknown service: %v", got)
	}
}

type wrongSignature struct{}

func (wrongSignature) GetDomain(context.Context, string) error { return nil }

func TestMistakenImplementationsPanicAtStart(t *testing.T) {
	for name, m := range map[string]server.Mount{
		"signature": {API: profileapi.Service(), Impl: []any{wrongSignature{}}},
		"twice":     {API: profileapi.Service(), Impl: []any{&profiles{}, &profiles{}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			server.New(server.Config{Services: []server.Mount{m}, Authenticator: anyone{}})
		}()
	}
}

func TestAuthorizeIsAskedBeforeTheCall(t *testing.T) {
	var asked []string
	m := server.Mount{API: profileapi.Service(), Impl: []any{&profiles{}},
		Authorize: func(ctx context.Context, op *api.Operation, input any) error {
			in := input.(*profileapi.GetDomainRequest)
			asked = append(asked, op.Name+" "+in.DomainName+" "+access.From(ctx).ARN)
			return fault.New(fault.Denied, "no")
		}}
	_, h := newServer(t, []server.Mount{m})
	r := send(t, h.URL, "GET", "/domains/panic", "profile", "", nil)
	if r.Status != 403 || len(asked) != 1 || asked[0] != "GetDomain panic arn:aws:iam::000000000000:user/AKIDTEST" {
		t.Errorf("%+v %q", r, asked)
	}
}

func TestTheLogTellsWhoDidWhatAndNoData(t *testing.T) {
	var log strings.Builder
	_, h := newServer(t, mounts(), withLog(&log))
	send(t, h.URL, "GET", "/domains?max-results=7&next-token=secret-token", "profile", "", nil)
	h.Close() // the log is written by now
	var line map[string]any
	if err := json.Unmarshal([]byte(log.String()), &line); err != nil {
		t.Fatalf("%v: %s", err, log.String())
	}
	for k, want := range map[string]any{"service": "profile", "operation": "ListDomains", "status": 200.0,
		"principal": "arn:aws:iam::000000000000:user/AKIDTEST", "bytes_in": 0.0, "bytes_out": 12.0} {
		if line[k] != want {
			t.Errorf("%s = %v, want %v", k, line[k], want)
		}
	}
	if strings.Contains(log.String(), "secret-token") {
		t.Error("the query string is in the log")
	}
}

func TestMetricsCountByOperationAndClass(t *testing.T) {
	_, h := newServer(t, mounts())
	send(t, h.URL, "GET", "/domains", "profile", "", nil)
	send(t, h.URL, "GET", "/domains/missing", "profile", "", nil)
	send(t, h.URL, "GET", "/jane.doe@example.com", "profile", "", nil)
	text := send(t, h.URL, "GET", "/metrics", "", "", nil).Body
	for _, want := range []string{
		`kindred_requests_total{operation="ListDomains",service="profile",status="2xx"} 1`,
		`kindred_requests_total{operation="GetDomain",service="profile",status="4xx"} 1`,
		`kindred_requests_total{operation="unknown",service="unknown",status="4xx"} 1`,
		`kindred_requests_in_flight 0`,
		`kindred_request_duration_seconds_count{operation="GetDomain",service="profile"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, "jane") {
		t.Error("metrics tell a path")
	}
}

func TestBrowsersAreToldWhatThisIs(t *testing.T) {
	s, h := newServer(t, mounts())
	if r := send(t, h.URL, "GET", "/", "", "", nil); r.Status != 200 || !strings.Contains(r.Body, "AWS_ENDPOINT_URL="+h.URL) {
		t.Errorf("%+v", r)
	}
	s.Handle("GET /console/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "console") }))
	if r := send(t, h.URL, "GET", "/console/x", "", "", nil); r.Status != 200 || r.Body != "console" {
		t.Errorf("%+v", r)
	}
	if r := send(t, h.URL, "GET", "/console/x", "profile", "", nil); r.Status != 404 {
		t.Errorf("signed: %+v", r)
	}
}
