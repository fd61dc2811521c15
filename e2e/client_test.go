package e2e_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// client is one principal with all of AWS's clients that it may need.
type client struct {
	t        testing.TB
	s        *server
	config   aws.Config
	profiles *customerprofiles.Client
	queues   *sqs.Client
	keys     *kms.Client
	security *sts.Client
	connect  *connect.Client
}

// fileCredentials are those of a credentials file, read as any client does.
func fileCredentials(path string) func(*config.LoadOptions) error {
	return config.WithSharedCredentialsFiles([]string{path})
}

// keyCredentials are an access key, with a session token or without.
func keyCredentials(id, secret, token string) func(*config.LoadOptions) error {
	return config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, secret, token))
}

// as makes the clients of a principal. They do not try again, so that every
// answer is seen.
func (s *server) as(who func(*config.LoadOptions) error, more ...func(*config.LoadOptions) error) *client {
	s.t.Helper()
	cfg, err := config.LoadDefaultConfig(context.Background(), append([]func(*config.LoadOptions) error{who, config.WithRegion(region),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithHTTPClient(&http.Client{Transport: &watched{s}})}, more...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &client{t: s.t, s: s, config: cfg}
	c.rebase(s.url)
	return c
}

// rebase points the clients to where the server is now.
func (c *client) rebase(endpoint string) {
	cfg := c.config.Copy()
	cfg.BaseEndpoint = &endpoint
	c.profiles = customerprofiles.NewFromConfig(cfg, func(o *customerprofiles.Options) {
		if c.s.ahead != 0 {
			o.HTTPSignerV4 = aheadSigner{v4.NewSigner(), c.s.ahead}
		}
	})
	c.queues = sqs.NewFromConfig(cfg)
	c.keys = kms.NewFromConfig(cfg)
	c.security = sts.NewFromConfig(cfg)
	c.connect = connect.NewFromConfig(cfg)
}

// transport keeps enough connections for the tests under load.
var transport = &http.Transport{MaxIdleConns: 200, MaxIdleConnsPerHost: 100, IdleConnTimeout: 10 * time.Second}

// watched looks at every answer: it must have a request ID, and an error must
// not repeat a customer's data.
type watched struct{ s *server }

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if a.Header.Get("X-Amzn-Requestid") == "" {
		w.s.t.Errorf("%s %s: an answer of status %d without x-amzn-RequestId", r.Method, r.URL.Path, a.StatusCode)
	}
	// The SDK closes the body of its request once it has the header of the answer.
	// A server that answers within microseconds may see that happen before the
	// transport has looked for the end of that body, and the transport then drops
	// the connection, with what is left of the answer. So the answer is read here.
	body, err := io.ReadAll(a.Body)
	err = errors.Join(err, a.Body.Close())
	if err != nil {
		return nil, err
	}
	a.Body = io.NopCloser(bytes.NewReader(body))
	if a.StatusCode < 300 {
		return a, nil
	}
	if found := w.s.known.find(body); found != nil {
		w.s.t.Errorf("%s %s: the error shows of customers: %q", r.Method, r.URL.Path, found)
	}
	return a, nil
}

// answer is an answer as it came.
type answer struct {
	status int
	header http.Header
	body   string
}

// code is the error name of the answer, "" for a success: in the header, as the
// REST protocols have it, or in the body, as the others do. Where it is in both
// it must be the same.
func (a *answer) code(t testing.TB) string {
	t.Helper()
	if a.status < 300 {
		return ""
	}
	inHeader, _, _ := strings.Cut(a.header.Get("X-Amzn-Errortype"), ":")
	var body struct {
		Type string `json:"__type"`
		Code string `json:"code"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Errorf("error body %q: %v", a.body, err)
	}
	inBody := body.Type
	if inBody == "" {
		inBody = body.Code
	}
	inBody = inBody[strings.LastIndex(inBody, "#")+1:]
	if inHeader != "" && inBody != "" && inBody != inHeader {
		t.Errorf("the error is %q in the header, %q in the body", inHeader, inBody)
	}
	return cmp.Or(inHeader, inBody)
}

// message is the text of an error.
func (a *answer) message() string {
	var body map[string]any
	if json.Unmarshal([]byte(a.body), &body) != nil {
		return ""
	}
	for _, name := range [...]string{"Message", "message"} {
		if text, ok := body[name].(string); ok {
			return text
		}
	}
	return ""
}

// request makes a request of the principal, signed for a service at a time.
func (c *client) request(service, method, path, body string, header map[string]string, at time.Time) *http.Request {
	c.t.Helper()
	r, err := http.NewRequest(method, c.s.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	creds, err := c.config.Credentials.Retrieve(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, hash(body), service, region, at); err != nil {
		c.t.Fatal(err)
	}
	return r
}

func hash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// do sends a request as it is.
func (c *client) do(r *http.Request) *answer {
	c.t.Helper()
	a, err := (&watched{c.s}).RoundTrip(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return &answer{a.StatusCode, a.Header, string(body)}
}

// send signs a request and sends it.
func (c *client) send(service, method, path, body string) *answer {
	c.t.Helper()
	return c.do(c.request(service, method, path, body, nil, time.Now()))
}

// settings changes what Kindred adds to a domain.
func (c *client) settings(domain, body string) {
	c.t.Helper()
	if a := c.send("kindred", "PUT", "/domains/"+url.PathEscape(domain)+"/settings", body); a.status != 200 {
		c.t.Fatalf("settings: %+v", a)
	}
}

// refused checks that a call was refused under a name, with a text that has all
// the parts, in any case.
func refused(t testing.TB, err error, code string, parts ...string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want %s", err, code)
	}
	if e.ErrorCode() != code {
		t.Fatalf("got %s: %s, want %s", e.ErrorCode(), e.ErrorMessage(), code)
	}
	for _, part := range parts {
		if !strings.Contains(strings.ToLower(e.ErrorMessage()), strings.ToLower(part)) {
			t.Errorf("%s: got %q, want it to say %q", code, e.ErrorMessage(), part)
		}
	}
}

// refusal is the name of an error of a service, "" if the call succeeded.
func refusal(t testing.TB, err error) (code, message string) {
	t.Helper()
	if err == nil {
		return "", ""
	}
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want one of the service", err)
	}
	return e.ErrorCode(), e.ErrorMessage()
}

// object is a JSON text.
func object(v any) *string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of constants of the tests
	}
	return aws.String(string(b))
}

type fields = map[string]any

// parsed is a JSON object.
func parsed(t testing.TB, text *string) fields {
	t.Helper()
	var f fields
	if err := json.Unmarshal([]byte(aws.ToString(text)), &f); err != nil {
		t.Fatalf("%q: %v", aws.ToString(text), err)
	}
	return f
}

func arn(tail string) string {
	return fmt.Sprintf("arn:aws:profile:%s:%s:%s", region, account, tail)
}
