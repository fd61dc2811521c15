package kms_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/kmsapi"
	"kindred/internal/fault"
	"kindred/internal/kms"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	day     = 24 * time.Hour
)

// fixture is a key service of its own with a clock that stands still.
type fixture struct {
	*kms.Service
	t     testing.TB
	now   time.Time
	store store.Store
	root  *rootkey.Key
	// admin may do everything that the key policies leave to the account.
	admin context.Context
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), store: memstore.New(), root: rootkey.Random()}
	t.Cleanup(func() { f.store.Close() })
	f.Service = f.node()
	f.admin = f.user("admin", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`)
	return f
}

// node is another key service on the same store.
func (f *fixture) node() *kms.Service {
	return kms.New(kms.Config{
		Store: f.store, Root: f.root, Region: region, Account: account,
		Now: func() time.Time { return f.now },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

func (f *fixture) pass(d time.Duration) { f.now = f.now.Add(d) }

func userARN(name string) string { return "arn:aws:iam::" + account + ":user/" + name }

func (f *fixture) policies(texts []string) []*policy.Policy {
	f.t.Helper()
	var out []*policy.Policy
	for _, text := range texts {
		p, err := policy.Parse([]byte(text), policy.Options{Kind: policy.Identity, Name: "identity"})
		if err != nil {
			f.t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// user is a user of the account with identity policies.
func (f *fixture) user(name string, policies ...string) context.Context {
	f.t.Helper()
	return access.WithCaller(context.Background(), &access.Caller{
		Type: access.User, Account: account, ARN: userARN(name), UserName: name, Policies: f.policies(policies),
	})
}

func (f *fixture) session(role string, policies ...string) context.Context {
	f.t.Helper()
	return access.WithCaller(context.Background(), &access.Caller{
		Type: access.RoleSession, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + role + "/s1",
		RoleARN: "arn:aws:iam::" + account + ":role/" + role, Policies: f.policies(policies),
	})
}

func rootUser() context.Context {
	return access.WithCaller(context.Background(), &access.Caller{
		Type: access.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root",
	})
}

const profileService = "profile.amazonaws.com"

// service is Customer Profiles acting for a domain.
func service(domain string) context.Context {
	return access.WithCaller(context.Background(), access.ServiceCaller(profileService, account, domainARN(domain)))
}

func domainARN(domain string) string {
	return "arn:aws:profile:" + region + ":" + account + ":domains/" + domain
}

// key makes a key with the default policy and returns its id.
func (f *fixture) key() string {
	f.t.Helper()
	return f.make(&kmsapi.CreateKeyRequest{}).KeyId
}

func (f *fixture) make(in *kmsapi.CreateKeyRequest) *kmsapi.KeyMetadata {
	f.t.Helper()
	out, err := f.CreateKey(f.admin, in)
	f.ok(err)
	return out.KeyMetadata
}

func (f *fixture) describe(key string) *kmsapi.KeyMetadata {
	f.t.Helper()
	out, err := f.DescribeKey(f.admin, &kmsapi.DescribeKeyRequest{KeyId: key})
	f.ok(err)
	return out.KeyMetadata
}

func (f *fixture) alias(name, key string) {
	f.t.Helper()
	f.ok(f.CreateAlias(f.admin, &kmsapi.CreateAliasRequest{AliasName: name, TargetKeyId: key}))
}

func (f *fixture) encrypt(key, text string, encryption map[string]string) []byte {
	f.t.Helper()
	out, err := f.Encrypt(f.admin, &kmsapi.EncryptRequest{KeyId: key, Plaintext: []byte(text), EncryptionContext: encryption})
	f.ok(err)
	return out.CiphertextBlob
}

func (f *fixture) decrypt(ctx context.Context, blob []byte, encryption map[string]string) (string, error) {
	out, err := f.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionContext: encryption})
	if err != nil {
		return "", err
	}
	return string(out.Plaintext), nil
}

func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// everyOperation may fail with these, whatever it declares.
var everyOperation = []string{"ValidationException", "AccessDeniedException"}

// fails checks that err is the fault of that name and that the operation may
// answer with it. AccessDeniedException is the server's name for what is denied.
func (f *fixture) fails(err error, operation, name string) {
	f.t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		f.t.Fatalf("%s: got %v, want %s", operation, err, name)
	}
	got := e.Name
	if got == "" && e.Kind == fault.Denied {
		got = "AccessDeniedException"
	}
	if got != name {
		f.t.Fatalf("%s: got %s (%v), want %s", operation, got, err, name)
	}
	if e.Message == "" {
		f.t.Errorf("%s: %s without a message", operation, name)
	}
	declared := slices.ContainsFunc(kmsapi.Service().Operation(operation).Errors, func(s *api.Shape) bool { return s.Name == name })
	if !declared && !slices.Contains(everyOperation, name) {
		f.t.Errorf("%s does not declare %s", operation, name)
	}
}

func TestEveryOperationOfTheModelIsThere(t *testing.T) {
	f := newFixture(t)
	var impl any = f.Service
	n := 0
	for _, op := range kmsapi.Service().Operations {
		if !hasMethod(impl, op.Name) {
			t.Errorf("no method %s", op.Name)
		}
		n++
	}
	if n != 33 {
		t.Errorf("the model has %d operations, want 33", n)
	}
}

func TestNothingWithoutACaller(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	blob := f.encrypt(k, "x", nil)
	anonymous := access.WithCaller(context.Background(), &access.Caller{Type: access.Anonymous})
	for _, ctx := range []context.Context{context.Background(), anonymous} {
		_, err := f.CreateKey(ctx, &kmsapi.CreateKeyRequest{})
		f.fails(err, "CreateKey", "AccessDeniedException")
		_, err = f.decrypt(ctx, blob, nil)
		f.fails(err, "Decrypt", "AccessDeniedException")
		_, err = f.ListKeys(ctx, &kmsapi.ListKeysRequest{})
		f.fails(err, "ListKeys", "AccessDeniedException")
		err = f.RetireGrant(ctx, &kmsapi.RetireGrantRequest{KeyId: &k, GrantId: new(f.grantTo(k, "someone", "Decrypt"))})
		f.fails(err, "RetireGrant", "AccessDeniedException")
	}
}

// TestNothingReadableInTheStore holds invariant 4 for what keys are described
// with: descriptions, tags, policies, aliases and principals.
func TestNothingReadableInTheStore(t *testing.T) {
	f := newFixture(t)
	m := f.make(&kmsapi.CreateKeyRequest{
		Description: new("word-in-description"),
		Tags:        []kmsapi.Tag{{TagKey: "word-in-tag", TagValue: "word-in-value"}},
	})
	f.alias("alias/word-in-alias", m.KeyId)
	_, err := f.CreateGrant(f.admin, &kmsapi.CreateGrantRequest{
		KeyId: m.KeyId, GranteePrincipal: new(userARN("word-in-grantee")), RetiringPrincipal: new(userARN("word-in-retiring")),
		Operations: []string{"Decrypt"}, Name: new("word-in-name"),
		Constraints: &kmsapi.GrantConstraints{EncryptionContextSubset: map[string]string{"word-in-key": "word-in-context"}},
	})
	f.ok(err)
	found, err := f.store.ScanPrefix(context.Background(), []byte("kms/"), store.Key{}, store.MaxScan)
	f.ok(err)
	all, err := f.store.ScanPrefix(context.Background(), nil, store.Key{}, store.MaxScan)
	f.ok(err)
	if len(found) < 8 || len(all) != len(found) {
		t.Fatalf("%d records under kms/, %d in all", len(found), len(all))
	}
	for _, r := range found {
		if strings.Contains(string(r.Key.Partition)+string(r.Key.Sort)+string(r.Value), "word-in") {
			t.Errorf("readable record at %q %q", r.Key.Partition, r.Key.Sort)
		}
	}
}

func TestDamagedRecordsAreNotUsed(t *testing.T) {
	f := newFixture(t)
	a, b := f.key(), f.key()
	ctx := context.Background()
	records, err := f.store.ScanPrefix(ctx, []byte("kms/key/"), store.Key{}, store.MaxScan)
	f.ok(err)
	var keys []store.Record
	for _, r := range records {
		if string(r.Key.Sort) == "k" {
			keys = append(keys, r)
		}
	}
	// The two key records in each other's place.
	f.ok(f.store.Update(ctx, func(tx store.Tx) error {
		tx.Put(keys[0].Key, keys[1].Value)
		tx.Put(keys[1].Key, keys[0].Value)
		return nil
	}))
	for _, k := range []string{a, b} {
		if _, err := f.DescribeKey(f.admin, &kmsapi.DescribeKeyRequest{KeyId: k}); !fault.Is(err, fault.Internal) {
			t.Errorf("a record in the wrong place: %v", err)
		}
	}
}

func TestAnotherNodeSeesEachChangeAtOnce(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	blob := f.encrypt(k, "text", nil)
	other := f.node()
	open := func() error {
		_, err := other.Decrypt(f.admin, &kmsapi.DecryptRequest{CiphertextBlob: blob})
		return err
	}
	f.ok(open())
	f.ok(f.DisableKey(f.admin, &kmsapi.DisableKeyRequest{KeyId: k}))
	f.fails(open(), "Decrypt", "DisabledException")
	f.ok(f.EnableKey(f.admin, &kmsapi.EnableKeyRequest{KeyId: k}))
	f.ok(open())
	f.ok(f.PutKeyPolicy(f.admin, &kmsapi.PutKeyPolicyRequest{
		KeyId: k, BypassPolicyLockoutSafetyCheck: new(true),
		Policy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + userARN("other") + `"},"Action":"kms:*","Resource":"*"}}`,
	}))
	f.fails(open(), "Decrypt", "AccessDeniedException")
}
