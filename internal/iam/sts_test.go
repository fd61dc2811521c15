package iam_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/server"
)

// assume assumes a role as the caller in the context.
func (w *world) assume(ctx context.Context, role, sessionPolicy string) aws.Credentials {
	w.t.Helper()
	in := &stsapi.AssumeRoleRequest{RoleArn: role, RoleSessionName: "session"}
	if sessionPolicy != "" {
		in.Policy = &sessionPolicy
	}
	out, err := w.svc.AssumeRole(ctx, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return temporary(out.Credentials)
}

func TestGetCallerIdentity(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice", "") // needs no permission
	role := w.role("worker", trust(root), "")
	session := w.assume(w.ctx, role, "")
	for _, c := range []struct {
		as        aws.Credentials
		arn, tail string
	}{
		{alice, "arn:aws:iam::" + account + ":user/alice", ""},
		{session, "arn:aws:sts::" + account + ":assumed-role/worker/session", ":session"},
	} {
		out, err := w.svc.GetCallerIdentity(w.as(c.as), &stsapi.GetCallerIdentityRequest{})
		if err != nil || *out.Arn != c.arn || *out.Account != account || !strings.HasSuffix(*out.UserId, c.tail) || len(*out.UserId) != 21+len(c.tail) {
			t.Errorf("got %s %s %s, %v", *out.Arn, *out.Account, *out.UserId, err)
		}
	}
	if _, err := w.svc.GetCallerIdentity(t.Context(), &stsapi.GetCallerIdentityRequest{}); !fault.Is(err, fault.Denied) {
		t.Errorf("without a caller: %v", err)
	}
}

// TestWhoMayAssume combines trust and identity policies as AWS does within one
// account.
func TestWhoMayAssume(t *testing.T) {
	alice := "arn:aws:iam::" + account + ":user/alice"
	own := allow("sts:AssumeRole", "arn:aws:iam::"+account+":role/target")
	external := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + alice + `"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"secret"}}}]}`
	for _, c := range []struct {
		name, trust, identity string
		externalID            string
		want                  bool
	}{
		{"trust names the user", trust(alice), "", "", true},
		{"trust names the account, identity allows", trust(root), own, "", true},
		{"trust names the account, identity silent", trust(root), "", "", false},
		{"trust names another user, identity allows", trust(alice + "2"), own, "", false},
		{"trust names another account, identity allows", trust("arn:aws:iam::999999999999:root"), own, "", false},
		{"trust names the user, identity denies", trust(alice), deny("sts:*", "*"), "", false},
		{"external id right", external, "", "secret", true},
		{"external id wrong", external, "", "secret2", false},
		{"external id missing", external, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			creds := w.user("alice", c.identity)
			in := &stsapi.AssumeRoleRequest{RoleArn: w.role("target", c.trust, ""), RoleSessionName: "s1"}
			if c.externalID != "" {
				in.ExternalId = &c.externalID
			}
			out, err := w.svc.AssumeRole(w.as(creds), in)
			if !c.want {
				wantFault(t, err, fault.Denied, "", "is not authorized to perform: sts:AssumeRole on resource: "+in.RoleArn)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := w.caller(temporary(out.Credentials)).ARN; got != out.AssumedRoleUser.Arn {
				t.Errorf("the session is %s, was said to be %s", got, out.AssumedRoleUser.Arn)
			}
		})
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	w := newWorld(t)
	role := w.role("target", trust(root), "")
	tag := []stsapi.Tag{{Key: "k", Value: "v"}}
	for _, c := range []struct {
		name   string
		change func(*stsapi.AssumeRoleRequest)
		kind   fault.Kind
		want   string
		text   string
	}{
		{"no such role", func(r *stsapi.AssumeRoleRequest) { r.RoleArn += "2" }, fault.Denied, "", "not authorized to perform: sts:AssumeRole"},
		{"role of another account", func(r *stsapi.AssumeRoleRequest) { r.RoleArn = "arn:aws:iam::999999999999:role/target" }, fault.Denied, "", "not authorized"},
		{"other case", func(r *stsapi.AssumeRoleRequest) { r.RoleArn = strings.Replace(r.RoleArn, "target", "Target", 1) }, fault.Denied, "", "not authorized"},
		{"not a role", func(r *stsapi.AssumeRoleRequest) { r.RoleArn = "arn:aws:iam::1:user/target" }, fault.Invalid, "ValidationError", "RoleArn"},
		{"too long for the role", func(r *stsapi.AssumeRoleRequest) { r.DurationSeconds = new(3601) }, fault.Invalid, "ValidationError", "MaxSessionDuration"},
		{"policy with a mistake", func(r *stsapi.AssumeRoleRequest) { r.Policy = new(`{"Statement":[{"Effect":"Perhaps"}]}`) }, fault.Invalid, "MalformedPolicyDocument", "Policy"},
		{"policy far too large", func(r *stsapi.AssumeRoleRequest) { r.Policy = new(allow("profile:"+strings.Repeat("x", 6000), "*")) }, fault.Invalid, "PackedPolicyTooLarge", "too large"},
		{"policy that is not there", func(r *stsapi.AssumeRoleRequest) {
			r.PolicyArns = []stsapi.PolicyDescriptorType{{Arn: new("arn:aws:iam::" + account + ":policy/none")}}
		}, fault.Invalid, "ValidationError", "PolicyArns"},
		{"tags", func(r *stsapi.AssumeRoleRequest) { r.Tags = tag }, fault.Invalid, "ValidationError", "session tags"},
		{"second factor", func(r *stsapi.AssumeRoleRequest) { r.TokenCode = new("123456") }, fault.Invalid, "ValidationError", "multi-factor"},
		{"source identity", func(r *stsapi.AssumeRoleRequest) { r.SourceIdentity = new("me") }, fault.Invalid, "ValidationError", "SourceIdentity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := &stsapi.AssumeRoleRequest{RoleArn: role, RoleSessionName: "s1"}
			c.change(in)
			_, err := w.svc.AssumeRole(w.ctx, in)
			wantFault(t, err, c.kind, c.want, c.text)
		})
	}
}

func TestRoleChaining(t *testing.T) {
	w := newWorld(t)
	first := w.role("first", trust(root), allow("sts:AssumeRole", "*"))
	out, err := w.svc.CreateRole(w.ctx, &kindredapi.CreateRoleRequest{RoleName: "second", AssumeRolePolicyDocument: trust(first), MaxSessionDuration: new(7200)})
	if err != nil {
		t.Fatal(err)
	}
	ctx := w.as(w.assume(w.ctx, first, ""))
	if c := w.caller(w.assume(ctx, out.Role.Arn, "")); !strings.HasSuffix(c.ARN, "assumed-role/second/session") {
		t.Errorf("chained to %s", c.ARN)
	}
	_, err = w.svc.AssumeRole(ctx, &stsapi.AssumeRoleRequest{RoleArn: out.Role.Arn, RoleSessionName: "s1", DurationSeconds: new(7200)})
	wantFault(t, err, fault.Invalid, "ValidationError", "role chaining")
	_, err = w.svc.GetSessionToken(ctx, &stsapi.GetSessionTokenRequest{})
	wantFault(t, err, fault.Denied, "", "session credentials")
}

// TestSessionsNeverExceed: whatever the policies, a session may do a thing only
// if the role's policies and the session's both allow it and neither denies it.
func TestSessionsNeverExceed(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	w := newWorld(t)
	actions := []string{"profile:GetDomain", "profile:PutProfileObject", "sqs:SendMessage", "kms:Decrypt"}
	patterns := append([]string{"*", "profile:*", "profile:Get*"}, actions...)
	type statement struct{ effect, pattern string }
	random := func() (text string, statements []statement) {
		var parts []string
		for range 1 + rng.IntN(3) {
			s := statement{[]string{"Allow", "Allow", "Deny"}[rng.IntN(3)], patterns[rng.IntN(len(patterns))]}
			statements = append(statements, s)
			parts = append(parts, fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":"*"}`, s.effect, s.pattern))
		}
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(parts, ",") + `]}`, statements
	}
	says := func(statements []statement, action string) bool {
		allowed := false
		for _, s := range statements {
			prefix, star := strings.CutSuffix(s.pattern, "*")
			if s.pattern == action || star && strings.HasPrefix(action, prefix) {
				if s.effect == "Deny" {
					return false
				}
				allowed = true
			}
		}
		return allowed
	}
	role := w.role("worker", trust(root), "")
	for range 300 {
		roleText, roleSays := random()
		must(t)(w.svc.PutRolePolicy(w.ctx, &kindredapi.PutRolePolicyRequest{RoleName: "worker", PolicyName: "p", PolicyDocument: roleText}))
		sessionText, sessionSays := random()
		c := w.caller(w.assume(w.ctx, role, sessionText))
		for _, a := range actions {
			want := says(roleSays, a) && says(sessionSays, a)
			if got := may(c, a, "*"); got != want {
				t.Fatalf("%s: allowed %v, want %v\nrole    %s\nsession %s", a, got, want, roleText, sessionText)
			}
		}
	}
}

// TestManagedSessionPolicies: they narrow the session, by their text at the time
// of use, and a session one of whose policies has gone is at an end.
func TestManagedSessionPolicies(t *testing.T) {
	w := newWorld(t)
	role := w.role("worker", trust(root), allow("*", "*"))
	must(t)(w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: "read", PolicyDocument: allow("profile:Get*", "*")}))
	out, err := w.svc.AssumeRole(w.ctx, &stsapi.AssumeRoleRequest{
		RoleArn: role, RoleSessionName: "s1", PolicyArns: []stsapi.PolicyDescriptorType{{Arn: new("arn:aws:iam::" + account + ":policy/read")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	session := temporary(out.Credentials)
	if c := w.caller(session); !may(c, "profile:GetDomain", "*") || may(c, "profile:PutProfileObject", "*") {
		t.Error("not narrowed to the policy")
	}
	must(t)(w.svc.UpdatePolicy(w.ctx, &kindredapi.UpdatePolicyRequest{PolicyName: "read", PolicyDocument: allow("sqs:*", "*")}))
	if c := w.caller(session); may(c, "profile:GetDomain", "*") {
		t.Error("narrowed to an old text")
	}
	must(t)(w.svc.DeletePolicy(w.ctx, &kindredapi.DeletePolicyRequest{PolicyName: "read"}))
	_, err = w.try(w.svc, session)
	wantFault(t, err, fault.Denied, unknown, "invalid")
}

func TestSessionsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(w *world, alice aws.Credentials)
		want string
	}{
		{"time", func(w *world, _ aws.Credentials) { w.clock.advance(time.Hour) }, "ExpiredTokenException"},
		{"role deleted", func(w *world, _ aws.Credentials) {
			must(t)(w.svc.DeleteRole(w.ctx, &kindredapi.DeleteRoleRequest{RoleName: "worker"}))
		}, unknown},
		{"role made again", func(w *world, _ aws.Credentials) {
			must(t)(w.svc.DeleteRole(w.ctx, &kindredapi.DeleteRoleRequest{RoleName: "worker"}))
			w.role("worker", trust(root), allow("*", "*"))
		}, unknown},
	} {
		t.Run("role session: "+c.name, func(t *testing.T) {
			w := newWorld(t)
			session := w.assume(w.ctx, w.role("worker", trust(root), ""), "")
			w.caller(session)
			c.end(w, aws.Credentials{})
			_, err := w.try(w.svc, session)
			wantFault(t, err, fault.Denied, c.want, "security token")
		})
	}
	for _, c := range []struct {
		name string
		end  func(w *world, alice aws.Credentials)
		want string
	}{
		{"time", func(w *world, _ aws.Credentials) { w.clock.advance(12 * time.Hour) }, "ExpiredTokenException"},
		{"key disabled", func(w *world, alice aws.Credentials) {
			must(t)(w.svc.UpdateAccessKey(w.ctx, &kindredapi.UpdateAccessKeyRequest{UserName: "alice", AccessKeyId: alice.AccessKeyID, Status: "Inactive"}))
		}, unknown},
		{"key deleted", func(w *world, alice aws.Credentials) {
			must(t)(w.svc.DeleteAccessKey(w.ctx, &kindredapi.DeleteAccessKeyRequest{UserName: "alice", AccessKeyId: alice.AccessKeyID}))
		}, unknown},
		{"user deleted", func(w *world, _ aws.Credentials) {
			must(t)(w.svc.DeleteUser(w.ctx, &kindredapi.DeleteUserRequest{UserName: "alice"}))
		}, unknown},
	} {
		t.Run("user session: "+c.name, func(t *testing.T) {
			w := newWorld(t)
			alice := w.user("alice", allow("profile:*", "*"))
			out, err := w.svc.GetSessionToken(w.as(alice), &stsapi.GetSessionTokenRequest{})
			if err != nil {
				t.Fatal(err)
			}
			session := temporary(out.Credentials)
			if got := w.caller(session); got.UserName != "alice" || !may(got, "profile:GetDomain", "*") {
				t.Errorf("the session is %+v", got)
			}
			_, err = w.svc.GetSessionToken(w.as(session), &stsapi.GetSessionTokenRequest{})
			wantFault(t, err, fault.Denied, "", "session credentials")
			c.end(w, alice)
			_, err = w.try(w.svc, session)
			wantFault(t, err, fault.Denied, c.want, "security token")
		})
	}
}

// TestTamperedTokens: a token that is changed anywhere, or used with another
// key, another secret or on another installation, lets nobody in.
func TestTamperedTokens(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	w := newWorld(t)
	role := w.role("worker", trust(root), "")
	good, other := w.assume(w.ctx, role, allow("profile:*", "*")), w.assume(w.ctx, role, "")
	refused := func(what string, c aws.Credentials) {
		t.Helper()
		for range 2 { // the second time nothing must have been remembered
			if _, err := w.try(w.svc, c); !fault.Is(err, fault.Denied) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	w.caller(good)
	for range 300 {
		b := []byte(good.SessionToken)
		i := rng.IntN(len(b))
		c := "ABCxyz019-_"[rng.IntN(11)]
		if b[i] == c {
			continue
		}
		b[i] = c
		bad := good
		bad.SessionToken = string(b)
		refused(fmt.Sprintf("byte %d changed", i), bad)
	}
	refused("cut", aws.Credentials{AccessKeyID: good.AccessKeyID, SecretAccessKey: good.SecretAccessKey, SessionToken: good.SessionToken[:40]})
	refused("longer", aws.Credentials{AccessKeyID: good.AccessKeyID, SecretAccessKey: good.SecretAccessKey, SessionToken: good.SessionToken + "AAAA"})
	refused("huge", aws.Credentials{AccessKeyID: good.AccessKeyID, SecretAccessKey: good.SecretAccessKey, SessionToken: strings.Repeat("A", 7000)})
	refused("none", aws.Credentials{AccessKeyID: good.AccessKeyID, SecretAccessKey: good.SecretAccessKey})
	refused("another session's", aws.Credentials{AccessKeyID: good.AccessKeyID, SecretAccessKey: good.SecretAccessKey, SessionToken: other.SessionToken})
	refused("another session's key", aws.Credentials{AccessKeyID: other.AccessKeyID, SecretAccessKey: good.SecretAccessKey, SessionToken: good.SessionToken})
	refused("another secret", aws.Credentials{AccessKeyID: good.AccessKeyID, SecretAccessKey: other.SecretAccessKey, SessionToken: good.SessionToken})
	refused("with a long-term key", aws.Credentials{AccessKeyID: w.admin.AccessKeyID, SecretAccessKey: w.admin.SecretAccessKey, SessionToken: good.SessionToken})
	if _, err := newWorld(t).try(newWorld(t).svc, good); !fault.Is(err, fault.Denied) {
		t.Errorf("on another installation: %v", err)
	}
	if _, err := w.try(w.node(), good); err != nil {
		t.Errorf("on another node: %v", err)
	}
}

// TestSDK goes through the server with the SDK's STS client.
func TestSDK(t *testing.T) {
	w := newWorld(t)
	w.clock.nanos.Store(time.Now().UnixNano()) // the client's
	srv := httptest.NewServer(server.New(server.Config{
		Services:      []server.Mount{{API: stsapi.Service(), Impl: []any{w.svc}}, {API: kindredapi.Service(), Impl: []any{w.svc}}},
		Authenticator: w.svc,
	}))
	defer srv.Close()
	client := func(c aws.Credentials) *sts.Client {
		return sts.New(sts.Options{
			Region: "us-east-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }),
		})
	}
	ctx := t.Context()
	identity, err := client(w.admin).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *identity.Arn != "arn:aws:iam::"+account+":user/"+iam.Administrator {
		t.Fatalf("%+v, %v", identity, err)
	}
	role := w.role("worker", trust(root), allow("*", "*"))
	assumed, err := client(w.admin).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("sdk"), Policy: aws.String(allow("profile:*", "*"))})
	if err != nil {
		t.Fatal(err)
	}
	session := aws.Credentials{AccessKeyID: *assumed.Credentials.AccessKeyId, SecretAccessKey: *assumed.Credentials.SecretAccessKey, SessionToken: *assumed.Credentials.SessionToken}
	identity, err = client(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *identity.Arn != *assumed.AssumedRoleUser.Arn {
		t.Fatalf("%+v, %v", identity, err)
	}
	token, err := client(w.admin).GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
	if err != nil || !token.Credentials.Expiration.Equal(w.clock.now().Add(15*time.Minute).Truncate(time.Second)) {
		t.Fatalf("%+v, %v", token, err)
	}
	presigned, err := sts.NewPresignClient(client(session)).PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := srv.Client().Get(presigned.URL)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("presigned: %+v, %v", answer, err)
	}
	answer.Body.Close()
	for _, c := range []struct{ bad, want string }{{"secret", "SignatureDoesNotMatch"}, {"key", "InvalidClientTokenId"}} {
		creds := w.admin
		if c.bad == "secret" {
			creds.SecretAccessKey = "wrong"
		} else {
			creds.AccessKeyID = "AKIAAAAAAAAAAAAAAAAA"
		}
		_, err = client(creds).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "StatusCode: 403") {
			t.Errorf("wrong %s: %v", c.bad, err)
		}
	}
}
