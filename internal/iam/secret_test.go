package iam_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
)

func TestPrincipal(t *testing.T) {
	w := newWorld(t)
	id, secret := w.admin.AccessKeyID, w.admin.SecretAccessKey
	c, err := w.svc.Principal(t.Context(), id, secret)
	if err != nil {
		t.Fatal(err)
	}
	if c.ARN != "arn:aws:iam::"+account+":user/administrator" || c.AccessKeyID != id || len(c.Policies) != 1 || !c.Time.Equal(w.clock.now()) {
		t.Errorf("caller %+v", c)
	}
	for _, bad := range []struct{ name, id, secret string }{
		{"no key", "", secret},
		{"no secret", id, ""},
		{"another secret", id, secret[1:] + "x"},
		{"a longer secret", id, secret + "x"},
		{"a shorter secret", id, secret[:39]},
		{"an unknown key", "AKIAAAAAAAAAAAAAAAAA", secret},
		{"a key of any length", strings.Repeat("A", 5000), secret},
	} {
		if _, err := w.svc.Principal(t.Context(), bad.id, bad.secret); !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", bad.name, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error holds the secret", bad.name)
		}
	}
}

func TestPrincipalOfAKeyThatIsTakenAway(t *testing.T) {
	w := newWorld(t)
	if _, err := w.svc.CreateUser(w.ctx, &kindredapi.CreateUserRequest{UserName: "stream"}); err != nil {
		t.Fatal(err)
	}
	out, err := w.svc.CreateAccessKey(w.ctx, &kindredapi.CreateAccessKeyRequest{UserName: "stream"})
	if err != nil {
		t.Fatal(err)
	}
	key := out.AccessKey
	other := w.node()
	for _, svc := range []*iam.Service{w.svc, other} {
		if c, err := svc.Principal(t.Context(), key.AccessKeyId, key.SecretAccessKey); err != nil || c.UserName != "stream" {
			t.Fatalf("%v, %v", c, err)
		}
	}
	if _, err := w.svc.UpdateAccessKey(w.ctx, &kindredapi.UpdateAccessKeyRequest{UserName: "stream", AccessKeyId: key.AccessKeyId, Status: "Inactive"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Principal(t.Context(), key.AccessKeyId, key.SecretAccessKey); !fault.Is(err, fault.Denied) {
		t.Errorf("inactive: %v", err)
	}
	w.clock.advance(iam.Staleness)
	if _, err := other.Principal(t.Context(), key.AccessKeyId, key.SecretAccessKey); !fault.Is(err, fault.Denied) {
		t.Errorf("inactive, on another node: %v", err)
	}
}

func TestPrincipalIsNoSession(t *testing.T) {
	w := newWorld(t)
	out, err := w.svc.GetSessionToken(w.ctx, &stsapi.GetSessionTokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	session := out.Credentials
	if _, err := w.try(w.svc, aws.Credentials{AccessKeyID: session.AccessKeyId, SecretAccessKey: session.SecretAccessKey, SessionToken: session.SessionToken}); err != nil {
		t.Fatal(err) // it is known from now on
	}
	for _, id := range []string{session.AccessKeyId, session.SessionToken} {
		if _, err := w.svc.Principal(t.Context(), id, session.SecretAccessKey); !fault.Is(err, fault.Denied) {
			t.Errorf("%v", err)
		}
	}
}
