package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	connecttypes "github.com/aws/aws-sdk-go-v2/service/connect/types"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// page is a page of the console in a browser, which keeps the cookies that it is given.
type page struct {
	s       *server
	cookies map[string]string
}

func (s *server) page() *page { return &page{s: s, cookies: map[string]string{}} }

// session is what a page learns when it signs in.
type session struct {
	Principal   struct{ ARN, Name string }
	Expires     time.Time
	Credentials struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      time.Time
	}
}

func (p *page) ask(method, path string, body any, header map[string]string) (status int, text string) {
	p.s.t.Helper()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			p.s.t.Fatal(err)
		}
		content = strings.NewReader(string(b))
	}
	r, err := http.NewRequest(method, p.s.url+path, content)
	if err != nil {
		p.s.t.Fatal(err)
	}
	for name, value := range map[string]string{"X-Kindred-Console": "1", "Origin": p.s.url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"} {
		r.Header.Set(name, value)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	for name, value := range p.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		p.s.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		p.s.t.Fatal(err)
	}
	for _, c := range a.Cookies() {
		p.cookies[c.Name] = c.Value
	}
	return a.StatusCode, string(b)
}

// in signs in, or renews a session without a body, and gives the clients of the
// session.
func (p *page) in(path string, body any) (*session, *client) {
	p.s.t.Helper()
	status, text := p.ask("POST", path, body, nil)
	if status != http.StatusOK {
		p.s.t.Fatalf("POST %s: %d %s", path, status, text)
	}
	var got session
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		p.s.t.Fatal(err)
	}
	c := got.Credentials
	return &got, p.s.as(keyCredentials(c.AccessKeyID, c.SecretAccessKey, c.SessionToken))
}

var linkLine = regexp.MustCompile(`(?m)^console (http://127\.0\.0\.1:\d+)/console/sign-in#token=(\S+)$`)

// The first start prints a link. It lets in once, into a session that signs calls with
// the AWS SDK, and that ends with the sign-out, whoever has a copy of its credentials.
func TestInvariant8ASessionEndsWithTheSignOut(t *testing.T) {
	s := startServer(t)
	var link []string
	eventually(t, soon, func() error {
		if link = linkLine.FindStringSubmatch(s.stdout.String()); link == nil {
			return io.EOF
		}
		return nil
	})
	lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n")
	if len(lines) != 2 || lines[0] != "kindred ready "+s.url || link[1] != s.url {
		t.Errorf("standard output is %q", lines)
	}
	if strings.Contains(s.stderr.String(), link[2]) {
		t.Error("the link is in the log")
	}

	p := s.page()
	ses, c := p.in("/console/session", map[string]string{"token": link[2]})
	if ses.Principal.Name != "administrator" || ses.Principal.ARN != "arn:aws:iam::"+account+":user/administrator" {
		t.Errorf("%+v", ses.Principal)
	}
	if status, text := s.page().ask("POST", "/console/session", map[string]string{"token": link[2]}, nil); status != http.StatusUnauthorized || !strings.Contains(text, "SignInFailed") {
		t.Errorf("the link let in twice: %d %s", status, text)
	}
	if status, text := p.ask("POST", "/console/session/renew", nil, map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}); status != http.StatusForbidden {
		t.Errorf("for another site's page: %d %s", status, text)
	}

	ctx := context.Background()
	if _, err := c.profiles.CreateDomain(ctx, &customerprofiles.CreateDomainInput{DomainName: aws.String("shop"), DefaultExpirationDays: aws.Int32(30)}); err != nil {
		t.Fatalf("a call with the session's credentials: %v", err)
	}
	who, err := c.security.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != ses.Principal.ARN {
		t.Errorf("%v, %v", who, err)
	}
	s.restart() // sessions are in the store
	_, renewed := p.in("/console/session/renew", nil)
	c.rebase(s.url)
	for _, c := range []*client{c, renewed} {
		if _, err := c.profiles.ListDomains(ctx, &customerprofiles.ListDomainsInput{}); err != nil {
			t.Errorf("before the sign-out: %v", err)
		}
	}
	if strings.Contains(s.stdout.String(), "console ") {
		t.Error("a link was printed again")
	}
	if status, text := p.ask("DELETE", "/console/session", nil, nil); status != http.StatusNoContent {
		t.Fatalf("sign-out: %d %s", status, text)
	}
	for _, c := range []*client{c, renewed} {
		_, err := c.profiles.ListDomains(ctx, &customerprofiles.ListDomainsInput{})
		refused(t, err, "UnrecognizedClientException")
	}
	if status, _ := p.ask("POST", "/console/session/renew", nil, nil); status != http.StatusUnauthorized {
		t.Errorf("renewal after the sign-out: %d", status)
	}
}

// A user gets a password and a predefined policy, signs in with it, and may do what an
// agent may and no more; another password ends the session.
func TestAnAgentSignsInWithAPassword(t *testing.T) {
	s := startServer(t)
	const first, second = "correct horse battery", "another good password"
	s.mustKindred("", "iam", "user", "create", "ada")
	s.mustKindred(first+"\n", "iam", "password", "set", "ada")
	s.mustKindred("", "iam", "policy", "attach", "--user", "ada", "KindredAgent")
	ctx := context.Background()
	if _, err := s.admin.profiles.CreateDomain(ctx, &customerprofiles.CreateDomainInput{DomainName: aws.String("shop"), DefaultExpirationDays: aws.Int32(30)}); err != nil {
		t.Fatal(err)
	}
	p := s.page()
	if status, _ := p.ask("POST", "/console/session", map[string]string{"userName": "ada", "password": "incorrect horse"}, nil); status != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", status)
	}
	_, c := p.in("/console/session", map[string]string{"userName": "ada", "password": first})
	if _, err := c.profiles.CreateProfile(ctx, &customerprofiles.CreateProfileInput{DomainName: aws.String("shop"), FirstName: aws.String("Zoe")}); err != nil {
		t.Error(err)
	}
	_, err := c.profiles.DeleteDomain(ctx, &customerprofiles.DeleteDomainInput{DomainName: aws.String("shop")})
	refused(t, err, "AccessDeniedException", "is not authorized to perform: profile:DeleteDomain on resource: arn:aws:profile:"+region+":"+account+":domains/shop")
	s.mustKindred(second+"\n", "iam", "password", "set", "ada")
	_, err = c.profiles.ListDomains(ctx, &customerprofiles.ListDomainsInput{})
	refused(t, err, "UnrecognizedClientException")
	p.in("/console/session", map[string]string{"userName": "ada", "password": second})
	for _, secret := range []string{first, second, "incorrect horse"} {
		for _, l := range s.logs {
			if strings.Contains(l.String(), secret) {
				t.Errorf("the log has %q", secret)
			}
		}
	}
}

// The links that the command makes lead to the console, and let in.
func TestSignInLinksOfTheCommand(t *testing.T) {
	s := startServer(t)
	out := s.mustKindred("", "iam", "sign-in-link")
	token, ok := strings.CutPrefix(strings.TrimSpace(out), s.url+"/console/sign-in#token=")
	if !ok {
		t.Fatalf("the command printed %q", out)
	}
	ses, _ := s.page().in("/console/session", map[string]string{"token": token})
	if ses.Principal.Name != "administrator" {
		t.Errorf("%+v", ses.Principal)
	}
}

// What the binary serves to a browser before anybody has signed in.
func TestPagesOfTheConsole(t *testing.T) {
	s := startServer(t, withArgs("--console-frame-origin", "https://desk.example.com"))
	for _, path := range []string{"/console/", "/console/domains/shop", "/agent?phone=%2B15550100&contactId=1"} {
		r, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK || !strings.HasSuffix(r.Header.Get("Content-Security-Policy"), "; frame-ancestors 'self' https://desk.example.com") ||
			r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
	}
	if status, text := s.get("/console/config.json"); status != http.StatusOK || !strings.Contains(text, `"allowedOrigins":["https://desk.example.com"]`) || !strings.Contains(text, `"region":"`+region+`"`) {
		t.Errorf("%d %s", status, text)
	}
	if status, text := s.get("/"); status != http.StatusOK || !strings.Contains(text, "AWS_ENDPOINT_URL") {
		t.Errorf("the page for those who are no browsers: %d %s", status, text)
	}
}

// A contact that arrives is told of to whom follows the instance, and a server that
// stops does not wait for streams.
func TestLiveContacts(t *testing.T) {
	s := startServer(t)
	ctx := context.Background()
	if _, err := s.admin.profiles.CreateDomain(ctx, &customerprofiles.CreateDomainInput{DomainName: aws.String("shop"), DefaultExpirationDays: aws.Int32(30)}); err != nil {
		t.Fatal(err)
	}
	instance, err := s.admin.connect.CreateInstance(ctx, &connect.CreateInstanceInput{IdentityManagementType: connecttypes.DirectoryTypeConnectManaged,
		InstanceAlias: aws.String("shop"), InboundCallsEnabled: aws.Bool(true), OutboundCallsEnabled: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.admin.profiles.PutIntegration(ctx, &customerprofiles.PutIntegrationInput{DomainName: aws.String("shop"), Uri: instance.Arn, ObjectTypeName: aws.String("CTR")}); err != nil {
		t.Fatal(err)
	}
	follow := func(id string) *bufio.Scanner {
		t.Helper()
		target := s.url + "/console/events?X-Amz-Expires=60&instanceId=" + url.QueryEscape(*instance.Id)
		if id != "" {
			target += "&lastEventId=" + id
		}
		r, err := http.NewRequest("GET", target, nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.admin.config.Credentials.Retrieve(ctx)
		if err != nil {
			t.Fatal(err)
		}
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		signed, _, err := v4.NewSigner().PresignHTTP(ctx, c, r, empty, "kindred", region, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.Get(signed)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Body.Close() })
		if a.StatusCode != http.StatusOK {
			t.Fatal(a.Status)
		}
		return bufio.NewScanner(a.Body)
	}
	stream := follow("")
	made, err := s.admin.connect.CreateContact(ctx, &connect.CreateContactInput{InstanceId: instance.Id, Channel: connecttypes.ChannelVoice,
		InitiationMethod: connecttypes.ContactInitiationMethodInbound, Attributes: map[string]string{"customerPhone": "+15550100"}})
	if err != nil {
		t.Fatal(err)
	}
	event := func(stream *bufio.Scanner) (id string, data map[string]any) {
		t.Helper()
		for stream.Scan() {
			if text, ok := strings.CutPrefix(stream.Text(), "id: "); ok {
				id = text
			}
			if text, ok := strings.CutPrefix(stream.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &data); err != nil {
					t.Fatal(err)
				}
				return id, data
			}
		}
		t.Fatal("the stream has ended")
		return "", nil
	}
	id, data := event(stream)
	if data["contactId"] != *made.ContactId || data["domainName"] != "shop" || data["state"] != "ARRIVED" {
		t.Errorf("%v", data)
	}
	if _, again := event(follow(id)); again["contactId"] != *made.ContactId {
		t.Errorf("gone on from %s: %v", id, again)
	}
	began := time.Now()
	s.stop()
	if d := time.Since(began); d > 15*time.Second {
		t.Errorf("the server took %s to stop", d)
	}
	for {
		if _, data = event(stream); data["reason"] != nil {
			break
		}
	}
	if data["reason"] != "DRAINING" {
		t.Errorf("the stream ended with %v", data)
	}
}
