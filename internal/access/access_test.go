package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kindred/internal/fault"
	"kindred/internal/policy"
)

const (
	account = "111122223333"
	domain  = "arn:aws:profile:us-east-1:111122223333:domains/shop"
	queue   = "arn:aws:sqs:us-east-1:111122223333:dlq"
	key     = "arn:aws:kms:us-east-1:111122223333:key/k"
)

func parse(t testing.TB, kind policy.Kind, statements ...string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`),
		policy.Options{Kind: kind, Name: "attached"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func user(t testing.TB, statements ...string) *Caller {
	c := &Caller{
		Type: User, Account: account, ARN: "arn:aws:iam::111122223333:user/bob", UserName: "bob",
		PrincipalID: "AIDABOB", AccessKeyID: "AKIDBOB", SourceIP: "203.0.113.7", Secure: true,
		Tags: map[string]string{"team": "red"},
	}
	if statements != nil {
		c.Policies = []*policy.Policy{parse(t, policy.Identity, statements...)}
	}
	return c
}

func TestNoCallerIsDenied(t *testing.T) {
	ctx := t.Context()
	if From(ctx) != nil {
		t.Fatal("a caller from nowhere")
	}
	open := parse(t, policy.Resource, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`)
	for _, ctx := range []context.Context{ctx, WithCaller(ctx, nil)} {
		err := Require(ctx, Check{Action: "sqs:SendMessage", Resource: queue, ResourcePolicy: open, Granted: true})
		if !fault.Is(err, fault.Denied) {
			t.Errorf("error %v", err)
		}
	}
}

func TestCallerTravels(t *testing.T) {
	a, b := user(t), ServiceCaller("profile.amazonaws.com", account, domain)
	ctx := WithCaller(t.Context(), a)
	if From(ctx) != a || From(WithCaller(ctx, b)) != b || From(ctx) != a {
		t.Error("the wrong caller")
	}
}

func TestDeniedTellsTheCallerNoPolicyText(t *testing.T) {
	c := user(t, `{"Sid":"Hidden","Effect":"Deny","Action":"profile:*","Resource":"*"}`)
	err := Require(WithCaller(t.Context(), c), Check{Action: "profile:GetDomain", Resource: domain})
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Denied {
		t.Fatalf("error %v", err)
	}
	want := "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: profile:GetDomain on resource: " +
		domain + " with an explicit deny in an identity-based policy"
	if f.Message != want {
		t.Errorf("message %q", f.Message)
	}
	if f.Cause == nil || !strings.Contains(f.Cause.Error(), "statement 1 (Hidden) of the identity-based policy attached") {
		t.Errorf("cause %v", f.Cause)
	}
}

// TestConditionKeys: each key that the package promises reaches the policies.
func TestConditionKeys(t *testing.T) {
	var extra policy.Context
	extra.Add("kms:EncryptionContext:purpose", "profile")
	check := Check{
		Action: "profile:TagResource", Resource: domain,
		RequestTags:  map[string]string{"stage": "prod", "team": "red"},
		TagKeys:      []string{"gone"},
		ResourceTags: map[string]string{"Team": "red"},
		Extra:        extra,
	}
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		condition string
		want      bool
	}{
		{`{"StringEquals":{"aws:RequestTag/stage":"prod"}}`, true},
		{`{"StringEquals":{"aws:RequestTag/stage":"test"}}`, false},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["stage","team","gone"]}}`, true},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["stage","team"]}}`, false},
		{`{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`, true},
		{`{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`, false},
		{`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, true},
		{`{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, false},
		{`{"Bool":{"aws:SecureTransport":"true"}}`, true},
		{`{"DateLessThan":{"aws:CurrentTime":"2024-05-01T12:00:01Z"},"DateGreaterThan":{"aws:CurrentTime":"2024-05-01T11:59:59Z"}}`, true},
		{`{"NumericEquals":{"aws:EpochTime":1714564800}}`, true},
		{`{"StringEquals":{"aws:username":"bob","aws:userid":"AIDABOB","aws:PrincipalAccount":"111122223333"}}`, true},
		{`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/b*"}}`, true},
		{`{"StringEquals":{"aws:ResourceAccount":"111122223333"}}`, true},
		{`{"StringEquals":{"kms:EncryptionContext:Purpose":"profile"}}`, true},
		{`{"Null":{"aws:SourceArn":"true","aws:SourceAccount":"true"}}`, true},
	} {
		caller := user(t, fmt.Sprintf(`{"Effect":"Allow","Action":"profile:*","Resource":"*","Condition":%s}`, c.condition))
		caller.Time = at
		err := Require(WithCaller(t.Context(), caller), check)
		if (err == nil) != c.want {
			t.Errorf("%s: %v, want allowed %v", c.condition, err, c.want)
		}
	}
}

func TestTimeDefaultsToNow(t *testing.T) {
	c := user(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01"}}}`)
	if err := Require(WithCaller(t.Context(), c), Check{Action: "a:b"}); err != nil {
		t.Error(err)
	}
}

// TestServiceCaller walks through the confused deputy: the service may act on a
// queue for the domain that its policy names and for no other.
func TestServiceCaller(t *testing.T) {
	p := parse(t, policy.Resource, policy.ServiceStatement("DLQ", "profile.amazonaws.com",
		[]string{"sqs:SendMessage"}, queue, domain, account))
	for _, c := range []struct {
		caller *Caller
		action string
		want   bool
	}{
		{ServiceCaller("profile.amazonaws.com", account, domain), "sqs:SendMessage", true},
		{ServiceCaller("profile.amazonaws.com", account, domain), "sqs:ReceiveMessage", false},
		{ServiceCaller("profile.amazonaws.com", account, domain+"2"), "sqs:SendMessage", false},
		{ServiceCaller("profile.amazonaws.com", "444455556666", domain), "sqs:SendMessage", false},
		{ServiceCaller("connect.amazonaws.com", account, domain), "sqs:SendMessage", false},
		{user(t), "sqs:SendMessage", false},
	} {
		err := Require(WithCaller(t.Context(), c.caller), Check{Action: c.action, Resource: queue, ResourcePolicy: p})
		if (err == nil) != c.want {
			t.Errorf("%+v %s: %v, want allowed %v", c.caller, c.action, err, c.want)
		}
	}
	// A service with an account of its own by mistake is still a service.
	c := ServiceCaller("profile.amazonaws.com", account, domain)
	c.Account, c.ARN = account, "arn:aws:iam::111122223333:root"
	c.Policies = []*policy.Policy{parse(t, policy.Identity, `{"Effect":"Allow","Action":"*","Resource":"*"}`)}
	if err := Require(WithCaller(t.Context(), c), Check{Action: "sqs:SendMessage", Resource: queue}); err == nil {
		t.Error("a service was allowed by identity policies")
	}
}

func TestKeyPolicyAndGrant(t *testing.T) {
	all := `{"Effect":"Allow","Action":"*","Resource":"*"}`
	delegates := parse(t, policy.Resource, `{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}`)
	ctx := WithCaller(t.Context(), user(t, all))
	check := Check{Action: "kms:PutKeyPolicy", Resource: key, ResourcePolicyRequired: true}
	if Require(ctx, check) == nil {
		t.Error("an identity policy alone opened a key")
	}
	check.ResourcePolicy = delegates
	if err := Require(ctx, check); err != nil {
		t.Error(err)
	}
	closed := parse(t, policy.Resource, `{"Effect":"Allow","Principal":{"Service":"profile.amazonaws.com"},"Action":"kms:*","Resource":"*"}`)
	if From(ctx).Retains(check, closed).Allowed || !From(ctx).Retains(check, delegates).Allowed {
		t.Error("the lock-out check is wrong")
	}
	grantee := WithCaller(t.Context(), ServiceCaller("profile.amazonaws.com", account, domain))
	if err := Require(grantee, Check{Action: "kms:Decrypt", Resource: key, ResourcePolicyRequired: true, Granted: true}); err != nil {
		t.Error(err)
	}
}

func TestRoleSession(t *testing.T) {
	c := &Caller{
		Type: RoleSession, Account: account, ARN: "arn:aws:sts::111122223333:assumed-role/agent/s1",
		RoleARN: "arn:aws:iam::111122223333:role/agent", PrincipalID: "AROA:s1", UserName: "bob",
		SessionPolicies: []*policy.Policy{parse(t, policy.Session, `{"Effect":"Allow","Action":"profile:Get*","Resource":"*"}`)},
		Policies:        []*policy.Policy{parse(t, policy.Identity, `{"Effect":"Allow","Action":"profile:*","Resource":"*"}`)},
	}
	ctx := WithCaller(t.Context(), c)
	if err := Require(ctx, Check{Action: "profile:GetDomain", Resource: domain}); err != nil {
		t.Error(err)
	}
	err := Require(ctx, Check{Action: "profile:DeleteDomain", Resource: domain})
	if err == nil || !strings.Contains(err.Error(), "because no session policy allows the profile:DeleteDomain action") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkRequire(b *testing.B) {
	c := user(b, `{"Effect":"Allow","Action":"profile:*","Resource":"arn:aws:profile:*:111122223333:domains/*"}`)
	ctx := WithCaller(b.Context(), c)
	check := Check{Action: "profile:PutProfileObject", Resource: domain}
	b.ReportAllocs()
	for b.Loop() {
		if err := Require(ctx, check); err != nil {
			b.Fatal(err)
		}
	}
}
