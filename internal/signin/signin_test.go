package signin_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/signin"
	"kindred/internal/store"
	"kindred/kindredclient"
)

func logger(to *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestASessionSignsCalls(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	b := w.browser()
	r := b.mustIn("alice")
	const arn = "arn:aws:iam::123456789012:user/alice"
	if r.Principal.ARN != arn || r.Principal.Name != "alice" || r.AccountID != account || r.Region != region {
		t.Errorf("the session is %s", r.text)
	}
	now := w.now()
	if d := r.Credentials.Expiration.Sub(now); d > signin.CredentialLife || d < signin.CredentialLife-time.Minute {
		t.Errorf("credentials live for %s", d)
	}
	if d := r.Expires.Sub(now); d > signin.SessionLife || d < signin.SessionLife-time.Minute {
		t.Errorf("the session lives for %s", d)
	}
	got, err := w.whoami(t.Context(), r.credentials())
	if err != nil || got != arn {
		t.Fatalf("the call was made by %s, %v", got, err)
	}
	again := b.do("POST", signin.RenewPath, "")
	if again.StatusCode != http.StatusOK || again.Credentials.AccessKeyID == r.Credentials.AccessKeyID || again.Expires != r.Expires {
		t.Errorf("renewed: %d %s", again.StatusCode, again.text)
	}
	w.alive(t, "those before a renewal", r.credentials())
	w.alive(t, "those of a renewal", again.credentials())
	if out := b.do("DELETE", signin.Path, ""); out.StatusCode != http.StatusNoContent || out.text != "" {
		t.Errorf("sign-out: %d %s", out.StatusCode, out.text)
	}
	w.dead(t, "after the sign-out", r.credentials())
	w.dead(t, "renewed, after the sign-out", again.credentials())
	b.do("POST", signin.RenewPath, "").wants(t, "renewal after the sign-out", http.StatusUnauthorized, "NotSignedIn")
}

// A thief who has copied everything that the browser had is out with the sign-out.
func TestWhatWasStolenIsDeadAfterTheSignOut(t *testing.T) {
	w := newWorld(t)
	w.user("alice", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`)
	if _, err := w.iam.CreateRole(admin(t), &kindredapi.CreateRoleRequest{RoleName: "worker", AssumeRolePolicyDocument: `{"Version":"2012-10-17",
		"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/alice"},"Action":"sts:AssumeRole"}]}`}); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	stolen := b.mustIn("alice").credentials()
	thief := w.browser()
	for name, value := range b.cookies {
		thief.cookies[name] = value
	}
	client := sts.New(sts.Options{Region: region, BaseEndpoint: &w.url, HTTPClient: w.client, RetryMaxAttempts: 1,
		Credentials: credentials.StaticCredentialsProvider{Value: stolen}})
	role, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/worker"), RoleSessionName: aws.String("theft")})
	if err != nil {
		t.Fatal(err)
	}
	assumed := aws.Credentials{AccessKeyID: *role.Credentials.AccessKeyId, SecretAccessKey: *role.Credentials.SecretAccessKey, SessionToken: *role.Credentials.SessionToken}
	w.alive(t, "the role before", assumed)
	if _, err := client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{}); err == nil {
		t.Error("a session's credentials made others by GetSessionToken")
	}
	if r := b.do("DELETE", signin.Path, ""); r.StatusCode != http.StatusNoContent {
		t.Fatal(r.text)
	}
	w.dead(t, "stolen", stolen)
	w.dead(t, "a role assumed with them", assumed)
	thief.do("POST", signin.RenewPath, "").wants(t, "stolen cookie", http.StatusUnauthorized, "NotSignedIn")
}

// What ends a session, and what it must not end.
func TestWhatEndsASession(t *testing.T) {
	w := newWorld(t)
	for name, act := range map[string]func(t *testing.T, user string, r *reply) error{
		"another password": func(_ *testing.T, user string, _ *reply) error {
			_, err := w.signin.SetUserPassword(admin(t), &kindredapi.SetUserPasswordRequest{UserName: user, Password: "another good one"})
			return err
		},
		"a changed password": func(_ *testing.T, _ string, r *reply) error {
			return w.api(r.credentials()).ChangePassword(t.Context(), good, "changed good one")
		},
		"no password": func(_ *testing.T, user string, _ *reply) error {
			_, err := w.signin.DeleteUserPassword(admin(t), &kindredapi.DeleteUserPasswordRequest{UserName: user})
			return err
		},
		"the deletion of the user": func(_ *testing.T, user string, _ *reply) error {
			_, err := w.iam.DeleteUser(admin(t), &kindredapi.DeleteUserRequest{UserName: user})
			return err
		},
		"a user of the same name": func(t *testing.T, user string, _ *reply) error {
			_, err := w.iam.DeleteUser(admin(t), &kindredapi.DeleteUserRequest{UserName: user})
			w.user(user, "")
			return err
		},
		"a revocation": func(t *testing.T, user string, _ *reply) error {
			list, err := w.signin.ListSessions(admin(t), &kindredapi.ListSessionsRequest{UserName: user})
			if err != nil || len(list.Sessions) != 1 || list.Sessions[0].Method != "PASSWORD" {
				t.Fatalf("sessions: %+v, %v", list, err)
			}
			_, err = w.signin.RevokeSession(admin(t), &kindredapi.RevokeSessionRequest{UserName: user, SessionId: list.Sessions[0].SessionId})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := strings.ReplaceAll(name, " ", "-")
			w.user(user, "")
			other := user + "-2"
			w.user(other, "")
			b, bystander := w.browser(), w.browser()
			r, stays := b.mustIn(user), bystander.mustIn(other)
			link := w.link(user)
			w.alive(t, "before", r.credentials())
			if err := act(t, user, r); err != nil {
				t.Fatal(err)
			}
			w.dead(t, "after "+name, r.credentials())
			b.do("POST", signin.RenewPath, "").wants(t, "renewal", http.StatusUnauthorized, "NotSignedIn")
			w.alive(t, "somebody else's", stays.credentials())
			if name != "a revocation" {
				w.browser().open(link).wants(t, "a link made before", http.StatusUnauthorized, "SignInFailed")
			}
		})
	}
}

func TestAKeysSessionEndsWithTheKey(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	made, err := w.iam.CreateAccessKey(admin(t), &kindredapi.CreateAccessKeyRequest{UserName: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	key := made.AccessKey
	b := w.browser()
	r := b.do("POST", signin.Path, body("accessKeyId", key.AccessKeyId, "secretAccessKey", key.SecretAccessKey))
	if r.StatusCode != http.StatusOK || r.Principal.Name != "alice" {
		t.Fatalf("sign-in: %d %s", r.StatusCode, r.text)
	}
	w.alive(t, "before", r.credentials())
	for what, b := range map[string]string{
		"another secret":     body("accessKeyId", key.AccessKeyId, "secretAccessKey", key.SecretAccessKey+"x"),
		"another key":        body("accessKeyId", "AKIAAAAAAAAAAAAAAAAA", "secretAccessKey", key.SecretAccessKey),
		"a session's access": body("accessKeyId", r.Credentials.AccessKeyID, "secretAccessKey", r.Credentials.SecretAccessKey),
	} {
		w.browser().do("POST", signin.Path, b).wants(t, what, http.StatusUnauthorized, "SignInFailed")
	}
	if _, err := w.iam.UpdateAccessKey(admin(t), &kindredapi.UpdateAccessKeyRequest{UserName: "alice", AccessKeyId: key.AccessKeyId, Status: "Inactive"}); err != nil {
		t.Fatal(err)
	}
	w.dead(t, "the key is inactive", r.credentials())
	b.do("POST", signin.RenewPath, "").wants(t, "renewal", http.StatusUnauthorized, "NotSignedIn")
}

func TestALinkIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	token := w.link("alice")
	const tries = 8
	var wg sync.WaitGroup
	replies := make([]*reply, tries)
	for i := range tries {
		wg.Go(func() { replies[i] = w.browser().open(token) })
	}
	wg.Wait()
	in := 0
	for _, r := range replies {
		if r.StatusCode == http.StatusOK && r.Principal.Name == "alice" {
			in++
			continue
		}
		r.wants(t, "at the same time", http.StatusUnauthorized, "SignInFailed")
	}
	if in != 1 {
		t.Errorf("the link let in %d times", in)
	}
	w.browser().open(token).wants(t, "reused", http.StatusUnauthorized, "SignInFailed")

	late := w.link("alice")
	w.advance(signin.LinkLife)
	w.browser().open(late).wants(t, "expired", http.StatusUnauthorized, "SignInFailed")

	gone := w.link("alice")
	if _, err := w.iam.DeleteUser(admin(t), &kindredapi.DeleteUserRequest{UserName: "alice"}); err != nil {
		t.Fatal(err)
	}
	w.browser().open(gone).wants(t, "of a deleted user", http.StatusUnauthorized, "SignInFailed")
	for _, bad := range []string{"x", "AIDAAAAAAAAAAAAAAAAAA.", "." + strings.SplitN(token, ".", 2)[1], token + "A", strings.Replace(token, ".", "/", 1)} {
		w.browser().open(bad).wants(t, bad, http.StatusUnauthorized, "SignInFailed")
	}
}

func TestTheFirstLink(t *testing.T) {
	w := newWorld(t)
	url, err := w.signin.FirstLink(t.Context())
	token, ok := strings.CutPrefix(url, w.url+"/console/sign-in#token=")
	if err != nil || !ok {
		t.Fatalf("%s %v", url, err)
	}
	w.advance(signin.FirstLinkLife - time.Minute)
	if r := w.browser().open(token); r.StatusCode != http.StatusOK || r.Principal.Name != iam.Administrator {
		t.Errorf("%d %s", r.StatusCode, r.text)
	}
}

// Too many links: the oldest give way.
func TestLinksAreBounded(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	first := w.link("alice")
	for range signin.MaxLinks - 1 {
		w.advance(time.Second)
		w.link("alice")
	}
	w.advance(time.Second)
	last := w.link("alice")
	w.browser().open(first).wants(t, "the oldest", http.StatusUnauthorized, "SignInFailed")
	if r := w.browser().open(last); r.StatusCode != http.StatusOK {
		t.Errorf("the newest: %s", r.text)
	}
}

// Too many sessions: that which was used least gives way, and its credentials with it.
func TestSessionsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	oldest, second := w.browser(), w.browser()
	lost, kept := oldest.open(w.link("alice")), second.open(w.link("alice"))
	for range signin.MaxSessions - 2 {
		w.advance(time.Second)
		if r := w.browser().open(w.link("alice")); r.StatusCode != http.StatusOK {
			t.Fatal(r.text)
		}
	}
	w.advance(2 * time.Minute)
	if r := second.do("POST", signin.RenewPath, ""); r.StatusCode != http.StatusOK {
		t.Fatal(r.text)
	}
	w.alive(t, "before", lost.credentials())
	if r := w.browser().open(w.link("alice")); r.StatusCode != http.StatusOK {
		t.Fatal(r.text)
	}
	w.dead(t, "of the session that was used least", lost.credentials())
	w.alive(t, "of one that was renewed", kept.credentials())
	list, err := w.signin.ListSessions(admin(t), &kindredapi.ListSessionsRequest{UserName: "alice"})
	if err != nil || len(list.Sessions) != signin.MaxSessions || list.Sessions[0].Method != "LINK" {
		t.Errorf("%d sessions, %v", len(list.Sessions), err)
	}
}

func TestSessionsEndByTime(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	idle, used := w.browser(), w.browser()
	first := idle.mustIn("alice")
	used.mustIn("alice")
	w.advance(30 * time.Minute)
	if r := used.do("POST", signin.RenewPath, ""); r.StatusCode != http.StatusOK {
		t.Fatal(r.text)
	}
	if _, err := w.whoami(t.Context(), first.credentials()); err == nil {
		t.Error("credentials outlive their time")
	}
	w.advance(30 * time.Minute)
	idle.do("POST", signin.RenewPath, "").wants(t, "not used for an hour", http.StatusUnauthorized, "NotSignedIn")
	for range 21 {
		if r := used.do("POST", signin.RenewPath, ""); r.StatusCode != http.StatusOK {
			t.Fatal(r.text)
		}
		w.advance(30 * time.Minute)
	}
	w.advance(20 * time.Minute) // ten minutes of the twelve hours are left
	if r := used.do("POST", signin.RenewPath, ""); r.StatusCode != http.StatusOK || r.Credentials.Expiration.After(r.Expires) {
		t.Errorf("credentials outlive the session: %s", r.text)
	}
	w.advance(10 * time.Minute)
	used.do("POST", signin.RenewPath, "").wants(t, "after twelve hours", http.StatusUnauthorized, "NotSignedIn")
}

// Signing in anew leaves no older session behind.
func TestSigningInAnewEndsTheOldSession(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	b := w.browser()
	before := b.mustIn("alice")
	after := b.mustIn("alice")
	w.dead(t, "before", before.credentials())
	w.alive(t, "after", after.credentials())
}

// Another node hears of the end of a session within the bound of package iam.
func TestOtherNodesHearOfIt(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	b := w.browser()
	c := b.mustIn("alice").credentials()
	other := w.join()
	other.alive(t, "on the other node", c)
	if r := b.do("DELETE", signin.Path, ""); r.StatusCode != http.StatusNoContent {
		t.Fatal(r.text)
	}
	w.dead(t, "here", c)
	w.advance(iam.Staleness)
	other.dead(t, "on the other node", c)
}

// Every refusal of a password looks the same.
func TestRefusalsSayNothing(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	if _, err := w.iam.CreateUser(admin(t), &kindredapi.CreateUserRequest{UserName: "bob"}); err != nil {
		t.Fatal(err)
	}
	want := ""
	for what, r := range map[string]*reply{
		"wrong password":       w.browser().in("alice", "incorrect horse"),
		"no such user":         w.browser().in("nobody", good),
		"the name, other case": w.browser().in("Alice", good),
		"no password":          w.browser().in("bob", good),
		"a name that is none":  w.browser().in("no/such name", good),
	} {
		r.wants(t, what, http.StatusUnauthorized, "SignInFailed")
		if want == "" {
			want = r.text
		}
		if r.text != want || len(r.Cookies()) != 0 {
			t.Errorf("%s: %s %v", what, r.text, r.Cookies())
		}
	}
	for _, secret := range []string{good, "incorrect horse", "nobody"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if !strings.Contains(w.log.String(), `"principal":"arn:aws:iam::123456789012:user/alice"`) || w.counted("PASSWORD refused") != 5 {
		t.Errorf("log %s", w.log)
	}
}

// Nothing of a secret is in the store.
func TestNothingReadableAtRest(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	b := w.browser()
	r := b.mustIn("alice")
	token := w.link("alice")
	secrets := []string{good, "argon2id", "alice", "PASSWORD", r.Credentials.SessionToken}
	for _, text := range []string{token, b.cookies["kindred_session"], b.cookies["kindred_browser"]} {
		secrets = append(secrets, text, text[strings.IndexByte(text, '.')+1:])
	}
	records, err := w.store.ScanPrefix(t.Context(), []byte("signin/"), store.Key{}, 100)
	if err != nil || len(records) != 3 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for _, rec := range records {
		all := string(rec.Key.Partition) + string(rec.Key.Sort) + string(rec.Value)
		for _, s := range secrets {
			if strings.Contains(all, s) {
				t.Errorf("record %s has %q", rec.Key.Sort, s)
			}
		}
	}
	if _, err := w.iam.DeleteUser(admin(t), &kindredapi.DeleteUserRequest{UserName: "alice"}); err != nil {
		t.Fatal(err)
	}
	if records, err = w.store.ScanPrefix(t.Context(), []byte("signin/"), store.Key{}, 100); err != nil || len(records) != 0 {
		t.Errorf("of a deleted user %d records are left, %v", len(records), err)
	}
}

func TestPasswordOperations(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	ctx := admin(t)
	state := func() *kindredapi.GetUserPasswordResponse {
		t.Helper()
		out, err := w.signin.GetUserPassword(ctx, &kindredapi.GetUserPasswordRequest{UserName: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if s := state(); !s.HasPassword || s.SetDate == nil || w.now().Sub(*s.SetDate) > time.Minute {
		t.Errorf("%+v", s)
	}
	for text, rule := range map[string]string{"short": "Password: at least 12 characters", strings.Repeat("x", 129): "Password: at most 128 characters"} {
		_, err := w.signin.SetUserPassword(ctx, &kindredapi.SetUserPasswordRequest{UserName: "alice", Password: text})
		if !fault.Is(err, fault.Invalid) || err.Error() != rule {
			t.Errorf("%s: %v", text, err)
		}
	}
	const long = "a-very-long-name"
	if _, err := w.iam.CreateUser(ctx, &kindredapi.CreateUserRequest{UserName: long}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.signin.SetUserPassword(ctx, &kindredapi.SetUserPasswordRequest{UserName: long, Password: strings.ToUpper(long)}); !fault.Is(err, fault.Invalid) {
		t.Errorf("the name as password: %v", err)
	}
	if _, err := w.signin.SetUserPassword(ctx, &kindredapi.SetUserPasswordRequest{UserName: "nobody", Password: good}); !fault.Is(err, fault.NotFound) {
		t.Errorf("nobody's password: %v", err)
	}
	if _, err := w.signin.DeleteUserPassword(ctx, &kindredapi.DeleteUserPasswordRequest{UserName: "alice"}); err != nil {
		t.Fatal(err)
	}
	if s := state(); s.HasPassword || s.SetDate != nil {
		t.Errorf("%+v", s)
	}
	w.browser().in("alice", good).wants(t, "without a password", http.StatusUnauthorized, "SignInFailed")
	if _, err := w.signin.DeleteUserPassword(ctx, &kindredapi.DeleteUserPasswordRequest{UserName: "alice"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("again: %v", err)
	}
}

// Each operation needs its permission on the user; whoever has none learns nothing.
func TestOperationsNeedPermissions(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	w.user("carol", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:SetUserPassword","iam:GetUserPassword","iam:DeleteUserPassword",
		"iam:CreateSignInLink","iam:ListSessions","iam:RevokeSession"],"Resource":"arn:aws:iam::123456789012:user/carol"}]}`)
	c := w.api(w.browser().mustIn("carol").credentials())
	for operation, call := range map[string]func(user string) error{
		"SetUserPassword": func(u string) error { return c.SetUserPassword(t.Context(), u, "short") },
		"GetUserPassword": func(u string) error {
			_, err := c.GetUserPassword(t.Context(), u)
			return err
		},
		"DeleteUserPassword": func(u string) error { return c.DeleteUserPassword(t.Context(), u) },
		"CreateSignInLink": func(u string) error {
			_, err := c.CreateSignInLink(t.Context(), u)
			return err
		},
		"ListSessions": func(u string) error {
			_, err := c.ListSessions(t.Context(), u)
			return err
		},
		"RevokeSession": func(u string) error { return c.RevokeSession(t.Context(), u, strings.Repeat("0", 32)) },
	} {
		for _, user := range []string{"alice", "nobody"} {
			var refusal *kindredclient.Error
			err := call(user)
			want := "is not authorized to perform: iam:" + operation + " on resource: arn:aws:iam::123456789012:user/" + user
			if !errors.As(err, &refusal) || refusal.Name != "AccessDeniedException" || !strings.Contains(refusal.Message, want) {
				t.Errorf("%s of %s: %v", operation, user, err)
			}
		}
		if operation == "DeleteUserPassword" { // it would end the session
			continue
		}
		var refusal *kindredclient.Error
		if err := call("carol"); errors.As(err, &refusal) && refusal.Name == "AccessDeniedException" {
			t.Errorf("%s of her own: %v", operation, err)
		}
	}
}

func TestChangePassword(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "") // no policy: a password is one's own
	w.user("mallory", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"*"}]}`)
	c := w.api(w.browser().mustIn("alice").credentials())
	const next = "another good one"
	for _, x := range []struct{ old, new, rule string }{
		{"incorrect horse", next, "OldPassword: it is not the password"},
		{good, "short", "NewPassword: at least 12 characters"},
		{good, "ALICE", "NewPassword: at least 12 characters"},
	} {
		if err := c.ChangePassword(t.Context(), x.old, x.new); err == nil || !strings.Contains(err.Error(), "BadRequestException: "+x.rule) {
			t.Errorf("%s: %v", x.rule, err)
		}
	}
	if err := c.ChangePassword(t.Context(), good, next); err != nil {
		t.Fatal(err)
	}
	w.browser().in("alice", good).wants(t, "the old one", http.StatusUnauthorized, "SignInFailed")
	if r := w.browser().in("alice", next); r.StatusCode != http.StatusOK {
		t.Errorf("the new one: %s", r.text)
	}
	denied := w.api(w.browser().mustIn("mallory").credentials())
	if err := denied.ChangePassword(t.Context(), good, next); err == nil || !strings.Contains(err.Error(), "explicit deny") {
		t.Errorf("denied: %v", err)
	}
	role := access.WithCaller(t.Context(), &access.Caller{Type: access.RoleSession, Account: account, ARN: "arn:aws:sts::123456789012:assumed-role/r/s"})
	if _, err := w.signin.ChangePassword(role, &kindredapi.ChangePasswordRequest{OldPassword: good, NewPassword: next}); !fault.Is(err, fault.Denied) {
		t.Errorf("a role: %v", err)
	}
	if _, err := w.signin.ChangePassword(t.Context(), &kindredapi.ChangePasswordRequest{OldPassword: good, NewPassword: next}); !fault.Is(err, fault.Denied) {
		t.Errorf("nobody: %v", err)
	}
}

// Whoever has stolen a session cannot try the old password without end.
func TestChangePasswordIsSlowedDown(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	c := w.api(w.browser().mustIn("alice").credentials())
	for i := range 6 {
		if err := c.ChangePassword(t.Context(), fmt.Sprintf("wrong guess %d", i), good+"2"); err == nil || !strings.Contains(err.Error(), "OldPassword") {
			t.Fatalf("attempt %d: %v", i, err)
		}
	}
	if err := c.ChangePassword(t.Context(), good, good+"2"); err == nil || !strings.Contains(err.Error(), "ThrottlingException: Too many attempts failed") {
		t.Errorf("one too many: %v", err)
	}
}

// What has ended by time is removed; what has not stays.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	w.browser().mustIn("alice")
	w.link("alice")
	w.advance(signin.IdleLife)
	b := w.browser()
	b.mustIn("alice")
	w.link("alice")
	if err := signin.Sweep(w.signin, t.Context()); err != nil {
		t.Fatal(err)
	}
	records, err := w.store.ScanPrefix(t.Context(), []byte("signin/"), store.Key{}, 100)
	if err != nil || len(records) != 3 { // password, session, link
		t.Errorf("%d records, %v", len(records), err)
	}
	if r := b.do("POST", signin.RenewPath, ""); r.StatusCode != http.StatusOK {
		t.Error(r.text)
	}
}
