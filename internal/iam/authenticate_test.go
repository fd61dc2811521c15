package iam_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/store"
)

const unknown = "UnrecognizedClientException"

func TestBootstrap(t *testing.T) {
	w := newWorld(t)
	c := w.caller(w.admin)
	if c.ARN != "arn:aws:iam::"+account+":user/administrator" || c.UserName != iam.Administrator || len(c.PrincipalID) != 21 {
		t.Errorf("the administrator is %+v", c)
	}
	if len(w.admin.AccessKeyID) != 20 || len(w.admin.SecretAccessKey) != 40 {
		t.Errorf("key of %d and secret of %d characters", len(w.admin.AccessKeyID), len(w.admin.SecretAccessKey))
	}
	if !may(c, "anything:AtAll", "arn:aws:x:::y") {
		t.Error("the administrator may not do everything")
	}
	keys := func() int {
		out, err := w.svc.ListAccessKeys(w.ctx, &kindredapi.ListAccessKeysRequest{UserName: iam.Administrator})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.AccessKeyMetadata)
	}
	file := filepath.Join(t.TempDir(), "credentials")
	if err := w.node().Bootstrap(t.Context(), file, false); err != nil || keys() != 1 {
		t.Fatalf("a node that shares the store: %v, %d keys", err, keys())
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a node that shares the store wrote the file: %v", err)
	}
	if err := w.svc.Bootstrap(t.Context(), file, true); err != nil || keys() != 2 {
		t.Fatalf("a lost file: %v, %d keys", err, keys())
	}
	renewed := readCredentials(t, file)
	w.caller(renewed)
	w.caller(w.admin)
	if err := w.svc.Bootstrap(t.Context(), file, true); err != nil || keys() != 2 {
		t.Fatalf("a file that is there: %v, %d keys", err, keys())
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.Bootstrap(t.Context(), file, true); err != nil || keys() != 2 {
		t.Fatalf("lost again: %v, %d keys", err, keys())
	}
	w.caller(readCredentials(t, file))
	w.caller(renewed)
	if _, err := w.try(w.svc, w.admin); err == nil {
		t.Error("the oldest key did not give way")
	}
}

// TestBootstrapInterrupted: the key that was stored but not written is the one
// that the next start writes.
func TestBootstrapInterrupted(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "later", "credentials")
	if err := w.store.DropPrefix(t.Context(), []byte("iam")); err != nil {
		t.Fatal(err)
	}
	svc := w.node()
	if err := svc.Bootstrap(t.Context(), file, true); err == nil {
		t.Fatal("wrote into a directory that is not there")
	}
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.node().Bootstrap(t.Context(), file, true); err != nil {
			t.Fatal(err)
		}
	}
	c, err := w.try(w.node(), readCredentials(t, file))
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.node().ListAccessKeys(access.WithCaller(t.Context(), c), &kindredapi.ListAccessKeysRequest{UserName: iam.Administrator})
	if err != nil || len(out.AccessKeyMetadata) != 1 {
		t.Errorf("%d keys after an interrupted start, %v", len(out.AccessKeyMetadata), err)
	}
}

func TestWriteCredentialsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	for _, id := range []string{"AKIAONE", "AKIATWO"} {
		if err := iam.WriteCredentialsFile(file, iam.AccessKey{ID: id, Secret: "a/b+c"}, "eu-west-1"); err != nil {
			t.Fatal(err)
		}
		if c := readCredentials(t, file); c.AccessKeyID != id || c.SecretAccessKey != "a/b+c" {
			t.Errorf("read back %s", c.AccessKeyID)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice", allow("profile:*", "*"))
	r := w.request(alice)
	r.RemoteAddr = "192.0.2.7:1234"
	c, service, err := w.svc.Authenticate(r, nil)
	if err != nil || service != "profile" {
		t.Fatalf("service %q, %v", service, err)
	}
	if c.Type != access.User || c.UserName != "alice" || c.Account != account || c.AccessKeyID != alice.AccessKeyID || c.SourceIP != "192.0.2.7" || c.Secure || !c.Time.Equal(w.clock.now()) {
		t.Errorf("caller %+v", c)
	}
	if !may(c, "profile:GetDomain", "*") || may(c, "sqs:SendMessage", "*") {
		t.Error("not the permissions of alice")
	}
	_, err = w.try(w.svc, aws.Credentials{AccessKeyID: alice.AccessKeyID, SecretAccessKey: "wrong"})
	wantFault(t, err, fault.Denied, "InvalidSignatureException", "does not match")
	_, err = w.try(w.svc, aws.Credentials{AccessKeyID: "AKIAAAAAAAAAAAAAAAAA", SecretAccessKey: alice.SecretAccessKey})
	wantFault(t, err, fault.Denied, unknown, "invalid")
	_, err = w.try(w.svc, aws.Credentials{AccessKeyID: alice.AccessKeyID, SecretAccessKey: alice.SecretAccessKey, SessionToken: "x"})
	wantFault(t, err, fault.Denied, unknown, "invalid")
	_, service, err = w.svc.Authenticate(r, []byte("another body"))
	wantFault(t, err, fault.Denied, "InvalidSignatureException", "does not match")
	if service != "profile" {
		t.Errorf("service %q of a request that failed", service)
	}
	r = w.request(alice)
	w.clock.advance(16 * time.Minute)
	_, _, err = w.svc.Authenticate(r, nil)
	wantFault(t, err, fault.Denied, "InvalidSignatureException", "expired")
}

// TestRevocation: what an operation has taken away is gone at once on its own
// node, and within a second on another.
func TestRevocation(t *testing.T) {
	for _, c := range []struct {
		name   string
		revoke func(w *world, id string) error
	}{
		{"key disabled", func(w *world, id string) error {
			_, err := w.svc.UpdateAccessKey(w.ctx, &kindredapi.UpdateAccessKeyRequest{UserName: "alice", AccessKeyId: id, Status: "Inactive"})
			return err
		}},
		{"key deleted", func(w *world, id string) error {
			_, err := w.svc.DeleteAccessKey(w.ctx, &kindredapi.DeleteAccessKeyRequest{UserName: "alice", AccessKeyId: id})
			return err
		}},
		{"user deleted", func(w *world, _ string) error {
			_, err := w.svc.DeleteUser(w.ctx, &kindredapi.DeleteUserRequest{UserName: "alice"})
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.node()
			alice := w.user("alice", "")
			for _, node := range []*iam.Service{w.svc, other} {
				if _, err := w.try(node, alice); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.revoke(w, alice.AccessKeyID); err != nil {
				t.Fatal(err)
			}
			_, err := w.try(w.svc, alice)
			wantFault(t, err, fault.Denied, unknown, "invalid")
			w.clock.advance(iam.Staleness)
			_, err = w.try(other, alice)
			wantFault(t, err, fault.Denied, unknown, "invalid")
		})
	}
}

func TestPolicyChangesAtOnce(t *testing.T) {
	w := newWorld(t)
	other := w.node()
	alice := w.user("alice", "")
	can := func(svc *iam.Service) bool {
		c, err := w.try(svc, alice)
		if err != nil {
			t.Fatal(err)
		}
		return may(c, "profile:GetDomain", "*")
	}
	if can(w.svc) || can(other) {
		t.Fatal("allowed without a policy")
	}
	must(t)(w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: "read", PolicyDocument: allow("profile:Get*", "*")}))
	must(t)(w.svc.AttachUserPolicy(w.ctx, &kindredapi.AttachUserPolicyRequest{UserName: "alice", PolicyName: "read"}))
	if !can(w.svc) {
		t.Error("attached, and not in force")
	}
	w.clock.advance(iam.Staleness)
	if !can(other) {
		t.Error("attached, and not in force on another node after a second")
	}
	must(t)(w.svc.UpdatePolicy(w.ctx, &kindredapi.UpdatePolicyRequest{PolicyName: "read", PolicyDocument: allow("sqs:*", "*")}))
	if can(w.svc) {
		t.Error("replaced, and still in force")
	}
	must(t)(w.svc.PutUserPolicy(w.ctx, &kindredapi.PutUserPolicyRequest{UserName: "alice", PolicyName: "a", PolicyDocument: allow("*", "*")}))
	if !can(w.svc) {
		t.Error("put, and not in force")
	}
	must(t)(w.svc.PutUserPolicy(w.ctx, &kindredapi.PutUserPolicyRequest{UserName: "alice", PolicyName: "b", PolicyDocument: deny("profile:GetDomain", "*")}))
	if can(w.svc) {
		t.Error("denied, and still allowed")
	}
}

// TestClockSetBack: knowledge does not stay fresh for ever when the clock jumps.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	other := w.node()
	alice := w.user("alice", "")
	if _, err := w.try(other, alice); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(-time.Hour)
	must(t)(w.svc.DeleteUser(w.ctx, &kindredapi.DeleteUserRequest{UserName: "alice"}))
	_, err := w.try(other, alice)
	wantFault(t, err, fault.Denied, unknown, "invalid")
}

// TestSealed: secrets are nowhere in the store, and a record is good in its own
// place and under its own root key only.
func TestSealed(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.user("alice", ""), w.user("bob", "")
	records, err := w.store.ScanPrefix(t.Context(), []byte("iam"), store.Key{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]byte{}
	for _, r := range records {
		for _, secret := range []string{w.admin.SecretAccessKey, alice.SecretAccessKey, bob.SecretAccessKey, "Statement"} {
			if bytes.Contains(r.Value, []byte(secret)) {
				t.Errorf("record %s holds %q", r.Key.Sort, secret)
			}
		}
		values[string(r.Key.Sort)] = r.Value
	}
	if len(values) != 7 {
		t.Errorf("%d records, want 3 users, 3 keys and the ledger", len(values))
	}
	put := func(sort string, value []byte) {
		if err := w.store.Update(t.Context(), func(tx store.Tx) error {
			tx.Put(store.Key{Partition: []byte("iam"), Sort: []byte(sort)}, value)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	put("k/"+alice.AccessKeyID, values["k/"+bob.AccessKeyID])
	if _, err := w.try(w.node(), alice); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a record in another's place: %v", err)
	}
	put("k/"+alice.AccessKeyID, []byte{})
	if _, err := w.try(w.node(), alice); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("an empty record: %v", err)
	}
	put("v", []byte("short"))
	if _, err := w.try(w.node(), bob); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a damaged ledger: %v", err)
	}
}

// TestConcurrent changes and uses principals at the same time, for the race
// detector; each goroutine sees its own changes at once.
func TestConcurrent(t *testing.T) {
	w := newWorld(t)
	other := w.node()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			name := fmt.Sprintf("user%d", g)
			for range 5 {
				alice := w.user(name, allow("profile:*", "*"))
				for range 10 {
					if c, err := w.try(w.svc, alice); err != nil || !may(c, "profile:GetDomain", "*") {
						t.Errorf("%s: %v", name, err)
					}
					if _, err := w.try(other, w.admin); err != nil {
						t.Error(err)
					}
				}
				if _, err := w.svc.DeleteUser(w.ctx, &kindredapi.DeleteUserRequest{UserName: name}); err != nil {
					t.Error(err)
				}
				if _, err := w.try(w.svc, alice); err == nil {
					t.Errorf("%s was let in after it was deleted", name)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b)
	role := w.role("worker", trust(root), allow("*", "*"))
	for name, c := range map[string]aws.Credentials{"key": w.admin, "session": w.assume(w.ctx, role, "")} {
		b.Run(name, func(b *testing.B) {
			r := w.request(c)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := w.svc.Authenticate(r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAuthenticateStream: while an answer goes on, its caller is who it is by then.
func TestAuthenticateStream(t *testing.T) {
	w := newWorld(t)
	c := w.user("alice", allow("profile:GetDomain", "*"))
	r := w.request(c)
	r.RemoteAddr = "192.0.2.1:1234"
	caller, service, again, err := w.svc.AuthenticateStream(r, nil)
	if err != nil || service != "profile" || caller.UserName != "alice" || caller.SourceIP != "192.0.2.1" {
		t.Fatalf("%+v %s %v", caller, service, err)
	}
	w.clock.advance(time.Hour) // the signature is long out of date
	later, err := again(t.Context())
	if err != nil || !may(later, "profile:GetDomain", "*") || later.SourceIP != "192.0.2.1" || !later.Time.Equal(w.clock.now()) {
		t.Fatalf("%+v %v", later, err)
	}
	must(t)(w.svc.PutUserPolicy(w.ctx, &kindredapi.PutUserPolicyRequest{UserName: "alice", PolicyName: "p", PolicyDocument: deny("*", "*")}))
	if later, err = again(t.Context()); err != nil || may(later, "profile:GetDomain", "*") {
		t.Fatalf("under another policy: %v", err)
	}
	must(t)(w.svc.UpdateAccessKey(w.ctx, &kindredapi.UpdateAccessKeyRequest{UserName: "alice", AccessKeyId: c.AccessKeyID, Status: "Inactive"}))
	if _, err = again(t.Context()); err == nil {
		t.Error("with an inactive key")
	}

	token, err := w.svc.GetSessionToken(w.as(w.admin), &stsapi.GetSessionTokenRequest{DurationSeconds: new(900)})
	if err != nil {
		t.Fatal(err)
	}
	_, _, again, err = w.svc.AuthenticateStream(w.request(temporary(token.Credentials)), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(15 * time.Minute)
	if _, err = again(t.Context()); err == nil {
		t.Error("after the session")
	}

	forged := c
	forged.SecretAccessKey = "x"
	if _, _, again, err := w.svc.AuthenticateStream(w.request(forged), nil); err == nil || again != nil {
		t.Error("with another secret")
	}
}
