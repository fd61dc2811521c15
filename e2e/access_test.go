package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// user makes a user with an access key and, when it is not empty, a policy, as
// an operator does: with the commands of kindred iam.
func (s *server) user(name, policy string) (c *client, keyID string) {
	s.t.Helper()
	s.mustKindred("", "iam", "user", "create", name)
	if policy != "" {
		s.mustKindred(policy, "iam", "policy", "put", "--user", name, "inline", "-")
	}
	out := parsed(s.t, aws.String(s.mustKindred("", "iam", "key", "create", name, "--json")))
	key, ok := out["AccessKey"].(fields)
	if !ok {
		s.t.Fatalf("key create --json wrote %v", out)
	}
	keyID = key["AccessKeyId"].(string)
	return s.as(keyCredentials(keyID, key["SecretAccessKey"].(string), "")), keyID
}

// allow is a policy that allows actions on a resource, under conditions in JSON.
func allow(actions, resource, conditions string) string {
	if conditions != "" {
		conditions = `,"Condition":` + conditions
	}
	return document(`{"Effect":"Allow","Action":[` + actions + `],"Resource":"` + resource + `"` + conditions + `}`)
}

// denied tells whether a call was refused for the lack of a permission.
func denied(t testing.TB, err error) bool {
	t.Helper()
	code, _ := refusal(t, err)
	return code == "AccessDeniedException" || code == "AccessDenied"
}

func (c *client) getDomain(name string) error {
	_, err := c.profiles.GetDomain(c.t.Context(), &customerprofiles.GetDomainInput{DomainName: &name})
	return err
}

func TestInvariant8WhoeverHasNoPolicyMayDoNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	queue := s.admin.queue("q")
	key := s.admin.key("")
	s.admin.domain("d", customerprofiles.CreateDomainInput{})
	c, _ := s.user("nobody", "")
	for name, err := range map[string]error{
		"profile": c.getDomain("d"),
		"a domain that is not there": func() error {
			return c.getDomain("none")
		}(),
		"create domain": func() error {
			_, err := c.profiles.CreateDomain(t.Context(), &customerprofiles.CreateDomainInput{DomainName: aws.String("x"), DefaultExpirationDays: aws.Int32(1)})
			return err
		}(),
		"an operation without behaviour": func() error {
			_, err := c.profiles.ListEventStreams(t.Context(), &customerprofiles.ListEventStreamsInput{DomainName: aws.String("d")})
			return err
		}(),
		"sqs": func() error {
			_, err := c.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String("x")})
			return err
		}(),
		"kms": func() error {
			_, err := c.keys.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
			return err
		}(),
	} {
		if !denied(t, err) {
			t.Errorf("%s: %v, want a denial", name, err)
		}
	}
	if a := c.send("kindred", "GET", "/iam/users", ""); a.status != 403 {
		t.Errorf("the users are listed: %+v", a)
	}
	if a := c.send("kindred", "PUT", "/domains/d/settings", `{"DefaultCountry":"DE"}`); a.status != 403 {
		t.Errorf("the settings are changed: %+v", a)
	}
	// Who one is, one may always ask.
	who, err := c.security.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:iam::"+account+":user/nobody" {
		t.Errorf("got %+v, %v", who, err)
	}
}

func TestPoliciesAllowByResourceAndTag(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for name, team := range map[string]string{"amazon-connect-a": "red", "amazon-connect-b": "blue", "c": "red"} {
		s.admin.domain(name, customerprofiles.CreateDomainInput{Tags: map[string]string{"team": team}})
		s.admin.objectType(name, shopAccount())
	}
	check := func(c *client, name string, want ...string) {
		t.Helper()
		for _, d := range []string{"amazon-connect-a", "amazon-connect-b", "c"} {
			err := c.getDomain(d)
			may := strings.Contains(strings.Join(want, " ")+" ", d+" ")
			if may && err != nil || !may && !denied(t, err) {
				t.Errorf("%s on %s: %v", name, d, err)
			}
		}
	}
	byName, _ := s.user("by-name", allow(`"profile:GetDomain"`, arn("domains/amazon-connect-*"), ""))
	check(byName, "by name", "amazon-connect-a", "amazon-connect-b")
	byTag, _ := s.user("by-tag", allow(`"profile:Get*"`, "*", `{"StringEquals":{"aws:ResourceTag/team":"red"}}`))
	check(byTag, "by tag", "amazon-connect-a", "c")
	byNone, _ := s.user("by-none", allow(`"profile:Get*"`, "*", `{"Null":{"aws:ResourceTag/team":"true"}}`))
	check(byNone, "by the lack of a tag")
	deny, _ := s.user("deny", document(`{"Effect":"Allow","Action":"profile:*","Resource":"*"}`,
		`{"Effect":"Deny","NotAction":"profile:List*","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/team":"blue"}}}`))
	check(deny, "with a denial", "amazon-connect-b")
	variable, _ := s.user("c", allow(`"profile:GetDomain"`, arn("domains/${aws:username}"), ""))
	check(variable, "by a policy variable", "c")

	// A tag that changes, changes what is allowed.
	if _, err := s.admin.profiles.TagResource(t.Context(), &customerprofiles.TagResourceInput{ResourceArn: aws.String(arn("domains/c")), Tags: map[string]string{"team": "blue"}}); err != nil {
		t.Fatal(err)
	}
	check(byTag, "by tag, later", "amazon-connect-a")

	// Tags that a request brings are judged too.
	maker, _ := s.user("maker", allow(`"profile:CreateDomain","profile:TagResource"`, "*", `{"StringEquals":{"aws:RequestTag/team":"green"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`))
	create := func(name string, tags map[string]string) error {
		_, err := maker.profiles.CreateDomain(t.Context(), &customerprofiles.CreateDomainInput{DomainName: &name, DefaultExpirationDays: aws.Int32(1), Tags: tags})
		return err
	}
	if err := create("g1", map[string]string{"team": "green"}); err != nil {
		t.Error(err)
	}
	for i, tags := range []map[string]string{nil, {"team": "red"}, {"team": "green", "more": "x"}} {
		if err := create(fmt.Sprint("g2-", i), tags); !denied(t, err) {
			t.Errorf("tags %v: %v, want a denial", tags, err)
		}
	}

	// Object types are resources of their own.
	oneType, _ := s.user("one-type", allow(`"profile:GetProfileObjectType","profile:PutProfileObject","profile:ListProfileObjects"`, arn("domains/c/object-types/ShopAccount"), ""))
	if _, err := oneType.profiles.GetProfileObjectType(t.Context(), &customerprofiles.GetProfileObjectTypeInput{DomainName: aws.String("c"), ObjectTypeName: aws.String("ShopAccount")}); err != nil {
		t.Error(err)
	}
	_, err := oneType.profiles.GetProfileObjectType(t.Context(), &customerprofiles.GetProfileObjectTypeInput{DomainName: aws.String("c"), ObjectTypeName: aws.String("CTR")})
	if !denied(t, err) {
		t.Errorf("another object type: %v", err)
	}
	if err := oneType.getDomain("c"); !denied(t, err) {
		t.Errorf("the domain itself: %v", err)
	}
}

func TestAKeyIsNotUsedForACallerWhoMayNotUseIt(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	key := s.admin.key("")
	c, _ := s.user("enabler", allow(`"profile:*","kms:DescribeKey"`, "*", ""))
	in := &customerprofiles.CreateDomainInput{DomainName: aws.String("d"), DefaultExpirationDays: aws.Int32(1), DefaultEncryptionKey: &key}
	_, err := c.profiles.CreateDomain(t.Context(), in)
	refused(t, err, "AccessDeniedException", "kms:GenerateDataKey")
	s.mustKindred(allow(`"profile:*","kms:DescribeKey","kms:GenerateDataKey","kms:Decrypt","kms:CreateGrant"`, "*", ""), "iam", "policy", "put", "--user", "enabler", "inline", "-")
	if _, err = c.profiles.CreateDomain(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	// The grant that was made speaks for this domain alone.
	grants, err := s.admin.keys.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: &key})
	if err != nil || len(grants.Grants) != 1 || aws.ToString(grants.Grants[0].GranteePrincipal) != "profile.amazonaws.com" || grants.Grants[0].Constraints == nil {
		t.Fatalf("grants %+v, %v", grants, err)
	}
	// Without it the domain stops.
	c.objectType("d", shopAccount())
	if _, err := s.admin.keys.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: &key, GrantId: grants.Grants[0].GrantId}); err != nil {
		t.Fatal(err)
	}
	eventually(t, keyWithin, func() error {
		if _, err := c.tryPut("d", "ShopAccount", fields{"id": "A-1"}); err == nil {
			return fmt.Errorf("the domain goes on without its grant")
		} else if _, message := refusal(t, err); message != noGrantText {
			t.Errorf("the refusal says %q", message)
		}
		return nil
	})
}

func TestARevokedKeyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c, id := s.user("temp", allow(`"profile:*"`, "*", ""))
	list := func(c *client) error {
		_, err := c.profiles.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{})
		return err
	}
	out, err := c.security.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	session := s.as(keyCredentials(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken))
	works := func(when string) {
		t.Helper()
		for name, c := range map[string]*client{"key": c, "session": session} {
			if err := list(c); err != nil {
				t.Errorf("%s, %s: %v", when, name, err)
			}
		}
	}
	fails := func(when string) {
		t.Helper()
		for name, c := range map[string]*client{"key": c, "session": session} {
			if code, message := refusal(t, list(c)); code != "UnrecognizedClientException" {
				t.Errorf("%s, %s: %q %q", when, name, code, message)
			}
		}
	}
	works("made")
	s.mustKindred("", "iam", "key", "disable", "temp", id)
	fails("disabled")
	s.mustKindred("", "iam", "key", "enable", "temp", id)
	works("enabled")
	s.mustKindred(allow(`"profile:GetDomain"`, "*", ""), "iam", "policy", "put", "--user", "temp", "inline", "-")
	if !denied(t, list(c)) || !denied(t, list(session)) {
		t.Error("a policy that was replaced is still in force")
	}
	s.mustKindred("", "iam", "key", "delete", "temp", id)
	fails("deleted")
	s.restart()
	for _, c := range []*client{c, session} {
		c.rebase(s.url)
	}
	fails("after a restart")
}

func TestARoleIsAssumedByWhomItTrustsAndNarrowedByASessionPolicy(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, d := range []string{"one", "two"} {
		s.admin.domain(d, customerprofiles.CreateDomainInput{})
	}
	trust := document(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:user/agent"},"Action":"sts:AssumeRole"}`)
	s.mustKindred(trust, "iam", "role", "create", "reader", "--trust", "-")
	s.mustKindred(allow(`"profile:Get*","profile:List*"`, "*", ""), "iam", "policy", "put", "--role", "reader", "read", "-")
	agent, _ := s.user("agent", allow(`"sts:AssumeRole"`, "*", ""))
	stranger, _ := s.user("stranger", allow(`"sts:AssumeRole"`, "*", ""))
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/reader"), RoleSessionName: aws.String("call-7")}
	if _, err := stranger.security.AssumeRole(t.Context(), in); !denied(t, err) {
		t.Errorf("a stranger: %v", err)
	}
	if err := agent.getDomain("one"); !denied(t, err) {
		t.Errorf("the agent without the role: %v", err)
	}
	as := func(in *sts.AssumeRoleInput) *client {
		t.Helper()
		out, err := agent.security.AssumeRole(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(*out.AssumedRoleUser.Arn, ":assumed-role/reader/call-7") || time.Until(*out.Credentials.Expiration) > time.Hour+time.Minute {
			t.Errorf("got %+v", out.AssumedRoleUser)
		}
		return s.as(keyCredentials(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken))
	}
	whole := as(in)
	who, err := whole.security.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:sts::"+account+":assumed-role/reader/call-7" {
		t.Errorf("got %+v, %v", who, err)
	}
	in.Policy = aws.String(allow(`"profile:GetDomain","profile:DeleteDomain"`, arn("domains/one"), ""))
	narrow := as(in)
	s.mustKindred(allow(`"profile:GetDomain"`, arn("domains/two"), ""), "iam", "policy", "put", "two-only", "-")
	in.Policy, in.PolicyArns = nil, []ststypes.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::" + account + ":policy/two-only")}}
	managed := as(in)
	for name, test := range map[string]struct {
		c        *client
		one, two bool
	}{"whole": {whole, true, true}, "narrow": {narrow, true, false}, "managed": {managed, false, true}} {
		for d, may := range map[string]bool{"one": test.one, "two": test.two} {
			if err := test.c.getDomain(d); may && err != nil || !may && !denied(t, err) {
				t.Errorf("%s on %s: %v", name, d, err)
			}
		}
		// What neither the role nor its session may.
		_, err := test.c.profiles.DeleteDomain(t.Context(), &customerprofiles.DeleteDomainInput{DomainName: aws.String("one")})
		if !denied(t, err) {
			t.Errorf("%s deletes: %v", name, err)
		}
	}
	s.crash() // sessions outlive the process
	for _, c := range []*client{whole, narrow} {
		c.rebase(s.url)
		if err := c.getDomain("one"); err != nil {
			t.Errorf("after a crash: %v", err)
		}
	}
	s.mustKindred("", "iam", "role", "delete", "reader")
	if code, message := refusal(t, whole.getDomain("one")); code != "UnrecognizedClientException" {
		t.Errorf("a session of a deleted role: %q %q", code, message)
	}
}

func TestInvariant8ARequestThatIsNotSignedAsItIsIsRefused(t *testing.T) {
	s := startServer(t)
	c := s.admin
	c.domain("d", customerprofiles.CreateDomainInput{})
	now := time.Now()
	body := `{"FirstName":"x"}`
	path := "/domains/d/profiles"
	sign := func(at time.Time) *http.Request { return c.request("profile", "POST", path, body, nil, at) }
	for name, test := range map[string]struct {
		change func() *http.Request
		code   string
		status int
	}{
		"unchanged": {func() *http.Request { return sign(now) }, "", 200},
		"another body": {func() *http.Request {
			r := sign(now)
			other := c.request("profile", "POST", path, `{"FirstName":"y"}`, nil, now)
			other.Header = r.Header
			return other
		}, "InvalidSignatureException", 403},
		"another path":   {func() *http.Request { r := sign(now); r.URL.Path = "/domains/e/profiles"; return r }, "InvalidSignatureException", 403},
		"another query":  {func() *http.Request { r := sign(now); r.URL.RawQuery = "a=b"; return r }, "InvalidSignatureException", 403},
		"another method": {func() *http.Request { r := sign(now); r.Method = "PUT"; return r }, "InvalidSignatureException", 403},
		"another signed header": {func() *http.Request {
			r := sign(now)
			r.Header.Set("X-Amz-Date", now.Add(time.Minute).UTC().Format("20060102T150405Z"))
			return r
		}, "InvalidSignatureException", 403},
		"another signature": {func() *http.Request {
			r := sign(now)
			auth := r.Header.Get("Authorization")
			r.Header.Set("Authorization", auth[:len(auth)-8]+"00000000")
			return r
		}, "InvalidSignatureException", 403},
		"another key": {func() *http.Request {
			r := sign(now)
			auth := r.Header.Get("Authorization")
			from := strings.Index(auth, "Credential=") + len("Credential=")
			r.Header.Set("Authorization", auth[:from]+"AKIAUNKNOWNUNKNOWN12"+auth[from+strings.Index(auth[from:], "/"):])
			return r
		}, "UnrecognizedClientException", 403},
		"another service": {func() *http.Request { return c.request("sqs", "POST", path, body, nil, now) }, "", 0},
		"another region": {func() *http.Request {
			r := sign(now)
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), region, "eu-west-1", 1))
			return r
		}, "InvalidSignatureException", 403},
		"a session token that is none": {func() *http.Request {
			r := s.as(keyCredentials("ASIAUNKNOWNUNKNOWN12", "secret", "token")).request("profile", "POST", path, body, nil, now)
			return r
		}, "UnrecognizedClientException", 403},
		"half an authorization": {func() *http.Request {
			r := sign(now)
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
			return r
		}, "IncompleteSignatureException", 400},
		"another algorithm":             {func() *http.Request { r := sign(now); r.Header.Set("Authorization", "Basic eDp5"); return r }, "", 0},
		"a clock four minutes behind":   {func() *http.Request { return sign(now.Add(-4 * time.Minute)) }, "", 200},
		"a clock four minutes ahead":    {func() *http.Request { return sign(now.Add(4 * time.Minute)) }, "", 200},
		"a clock twenty minutes behind": {func() *http.Request { return sign(now.Add(-20 * time.Minute)) }, "InvalidSignatureException", 403},
		"a clock twenty minutes ahead":  {func() *http.Request { return sign(now.Add(20 * time.Minute)) }, "InvalidSignatureException", 403},
		"no date":                       {func() *http.Request { r := sign(now); r.Header.Del("X-Amz-Date"); return r }, "", 0},
		"a header that is not signed":   {func() *http.Request { r := sign(now); r.Header.Set("Amz-Sdk-Request", "attempt=1"); return r }, "", 200},
		"a payload hash as JavaScript sends it": {func() *http.Request {
			return c.request("profile", "POST", path, body, map[string]string{"X-Amz-Content-Sha256": hash(body)}, now)
		}, "", 200},
		"a payload hash of another body": {func() *http.Request {
			return c.request("profile", "POST", path, body, map[string]string{"X-Amz-Content-Sha256": hash(body + " ")}, now)
		}, "", 0},
	} {
		a := c.do(test.change())
		code := a.code(t)
		switch {
		case test.status == 0:
			if a.status < 400 || a.status >= 500 {
				t.Errorf("%s: %d %s, want a refusal", name, a.status, a.body)
			}
		case a.status != test.status || code != test.code:
			t.Errorf("%s: %d %s %s, want %d %s", name, a.status, code, a.body, test.status, test.code)
		}
	}
	if got := c.stats("d").ProfileCount; got != 5 {
		t.Errorf("%d profiles were made, want 5", got)
	}
}

func TestPresignedRequestsAreServedUntilTheyExpire(t *testing.T) {
	s := startServer(t)
	c := s.admin
	c.domain("d", customerprofiles.CreateDomainInput{})
	creds, err := c.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	presign := func(creds aws.Credentials, path string, lifetime string, at time.Time) string {
		t.Helper()
		r, err := http.NewRequest("GET", s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q := r.URL.Query()
		q.Set("X-Amz-Expires", lifetime)
		r.URL.RawQuery = q.Encode()
		const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		url, _, err := v4.NewSigner().PresignHTTP(t.Context(), creds, r, empty, "profile", region, at)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(url, s.url)
	}
	now := time.Now()
	out, err := c.security.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	session := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
	good := presign(creds, "/domains/d", "60", now)
	for name, test := range map[string]struct {
		url    string
		status int
	}{
		"good":                     {good, 200},
		"good again":               {good, 200},
		"with a session token":     {presign(session, "/domains/d", "60", now), 200},
		"without its token":        {strings.Replace(presign(session, "/domains/d", "60", now), "X-Amz-Security-Token=", "X-Other=", 1), 403},
		"expired":                  {presign(creds, "/domains/d", "60", now.Add(-2*time.Minute)), 403},
		"another path":             {strings.Replace(good, "/domains/d", "/domains/e", 1), 403},
		"a longer life":            {strings.Replace(good, "X-Amz-Expires=60", "X-Amz-Expires=6000", 1), 403},
		"beyond the longest life":  {presign(creds, "/domains/d", "700000", now), 400},
		"a life that is no number": {presign(creds, "/domains/d", "long", now), 400},
	} {
		if status, text := s.get(test.url); status != test.status {
			t.Errorf("%s: %d %s, want %d", name, status, text, test.status)
		}
	}
}

// The commands of kindred iam manage what they say and explain what they refuse.
func TestTheCommandsForPrincipalsShowWhatTheyDo(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.user("ann", allow(`"profile:*"`, "*", ""))
	if out := s.mustKindred("", "iam", "user", "list"); !strings.Contains(out, "ann") || !strings.Contains(out, "administrator") {
		t.Errorf("user list wrote %q", out)
	}
	if out := s.mustKindred("", "iam", "policy", "get", "--user", "ann", "inline"); strings.TrimSpace(out) != allow(`"profile:*"`, "*", "") {
		t.Errorf("policy get wrote %q", out)
	}
	if out := s.mustKindred("", "iam", "key", "list", "ann"); !strings.Contains(out, "Active") || strings.Contains(out, "Secret") {
		t.Errorf("key list wrote %q", out)
	}
	for name, test := range map[string]struct {
		stdin string
		args  []string
		says  string
	}{
		"a policy that is none":     {`{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Action":"*","Resource":"*"}]}`, []string{"policy", "put", "--user", "ann", "x", "-"}, "Effect"},
		"a policy that is not JSON": {`nope`, []string{"policy", "put", "--user", "ann", "x", "-"}, "JSON"},
		"a user twice":              {"", []string{"user", "create", "ann"}, "ann"},
		"a user that is not there":  {"", []string{"user", "get", "bob"}, "bob"},
		"a verb that is not there":  {"", []string{"user", "paint", "ann"}, "paint"},
		"an argument too few":       {"", []string{"user", "create"}, "usage"},
	} {
		_, err := s.kindred(test.stdin, append([]string{"iam"}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want it to say %q", name, err, test.says)
		}
	}
	s.mustKindred("", "iam", "user", "delete", "ann")
	if out := s.mustKindred("", "iam", "user", "list"); strings.Contains(out, "ann") {
		t.Errorf("user list wrote %q", out)
	}
}
