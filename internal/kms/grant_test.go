package kms_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/kmsapi"
)

func (f *fixture) grant(key string, in kmsapi.CreateGrantRequest) string {
	f.t.Helper()
	in.KeyId = key
	out, err := f.CreateGrant(f.admin, &in)
	f.ok(err)
	return *out.GrantId
}

func (f *fixture) grantTo(key, user string, operations ...string) string {
	f.t.Helper()
	return f.grant(key, kmsapi.CreateGrantRequest{GranteePrincipal: new(userARN(user)), Operations: operations})
}

func (f *fixture) grants(in kmsapi.ListGrantsRequest) []kmsapi.GrantListEntry {
	f.t.Helper()
	var out []kmsapi.GrantListEntry
	for {
		page, err := f.ListGrants(f.admin, &in)
		f.ok(err)
		out = append(out, page.Grants...)
		if *page.Truncated != (page.NextMarker != nil) {
			f.t.Errorf("Truncated %v with marker %v", *page.Truncated, page.NextMarker)
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return out
		}
	}
}

// TestAGrantGivesItsOperationsAndNoOthers: each grantable operation, granted
// alone, lets the grantee do that one only, until it is revoked.
func TestAGrantGivesItsOperationsAndNoOthers(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	blob := f.encrypt(k, "text", nil)
	operations := map[string]func(ctx context.Context) (string, error){
		"Encrypt": func(ctx context.Context) (string, error) {
			_, err := f.Encrypt(ctx, &kmsapi.EncryptRequest{KeyId: k, Plaintext: []byte("x")})
			return "Encrypt", err
		},
		"Decrypt": func(ctx context.Context) (string, error) {
			_, err := f.decrypt(ctx, blob, nil)
			return "Decrypt", err
		},
		"GenerateDataKey": func(ctx context.Context) (string, error) {
			_, err := f.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256")})
			return "GenerateDataKey", err
		},
		"GenerateDataKeyWithoutPlaintext": func(ctx context.Context) (string, error) {
			_, err := f.GenerateDataKeyWithoutPlaintext(ctx, &kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: k, KeySpec: new("AES_256")})
			return "GenerateDataKeyWithoutPlaintext", err
		},
		"DescribeKey": func(ctx context.Context) (string, error) {
			_, err := f.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyId: k})
			return "DescribeKey", err
		},
	}
	grantee := f.user("grantee")
	for granted := range operations {
		id := f.grantTo(k, "grantee", granted)
		for name, call := range operations {
			op, err := call(grantee)
			if name == granted {
				f.ok(err)
			} else {
				f.fails(err, op, "AccessDeniedException")
			}
			if _, err := call(f.user("other")); err == nil {
				t.Errorf("%s by another user", name)
			}
		}
		f.ok(f.RevokeGrant(f.admin, &kmsapi.RevokeGrantRequest{KeyId: k, GrantId: id}))
		op, err := operations[granted](grantee)
		f.fails(err, op, "AccessDeniedException")
	}
	if _, err := f.ListGrants(grantee, &kmsapi.ListGrantsRequest{KeyId: k}); err == nil {
		t.Error("a grantee lists grants")
	}
}

func TestGrantConstraints(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	try := func(in kmsapi.CreateGrantRequest, ctx context.Context, pairs map[string]string) error {
		t.Helper()
		in.Operations = []string{"Encrypt", "DescribeKey"}
		id := f.grant(k, in)
		defer func() { f.ok(f.RevokeGrant(f.admin, &kmsapi.RevokeGrantRequest{KeyId: k, GrantId: id})) }()
		if _, err := f.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyId: k}); err != nil && in.Constraints.SourceArn == nil {
			t.Errorf("a context constraint bars DescribeKey: %v", err)
		}
		_, err := f.Encrypt(ctx, &kmsapi.EncryptRequest{KeyId: k, Plaintext: []byte("x"), EncryptionContext: pairs})
		return err
	}
	pairs := map[string]string{"domain": "d1", "type": "t1"}
	user := kmsapi.CreateGrantRequest{GranteePrincipal: new(userARN("u"))}
	profile := kmsapi.CreateGrantRequest{GranteePrincipal: new(profileService)}
	for _, tt := range []struct {
		name        string
		grant       kmsapi.CreateGrantRequest
		constraints kmsapi.GrantConstraints
		ctx         context.Context
		pairs       map[string]string
		want        bool
	}{
		{"equal", user, kmsapi.GrantConstraints{EncryptionContextEquals: pairs}, f.user("u"), map[string]string{"type": "t1", "domain": "d1"}, true},
		{"more than equal", user, kmsapi.GrantConstraints{EncryptionContextEquals: pairs}, f.user("u"), map[string]string{"type": "t1", "domain": "d1", "x": "y"}, false},
		{"less than equal", user, kmsapi.GrantConstraints{EncryptionContextEquals: pairs}, f.user("u"), map[string]string{"domain": "d1"}, false},
		{"no context", user, kmsapi.GrantConstraints{EncryptionContextEquals: pairs}, f.user("u"), nil, false},
		{"subset itself", user, kmsapi.GrantConstraints{EncryptionContextSubset: pairs}, f.user("u"), pairs, true},
		{"subset and more", user, kmsapi.GrantConstraints{EncryptionContextSubset: pairs}, f.user("u"), map[string]string{"type": "t1", "domain": "d1", "x": "y"}, true},
		{"not the subset", user, kmsapi.GrantConstraints{EncryptionContextSubset: pairs}, f.user("u"), map[string]string{"type": "t2", "domain": "d1"}, false},
		{"source", profile, kmsapi.GrantConstraints{SourceArn: new(domainARN("d1"))}, service("d1"), nil, true},
		{"other source", profile, kmsapi.GrantConstraints{SourceArn: new(domainARN("d1"))}, service("d2"), nil, false},
		{"both, one unmet", profile, kmsapi.GrantConstraints{SourceArn: new(domainARN("d1")), EncryptionContextSubset: pairs}, service("d1"), nil, false},
		{"both met", profile, kmsapi.GrantConstraints{SourceArn: new(domainARN("d1")), EncryptionContextSubset: pairs}, service("d1"), pairs, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.grant.Constraints = &tt.constraints
			if err := try(tt.grant, tt.ctx, tt.pairs); tt.want {
				f.ok(err)
			} else {
				f.fails(err, "Encrypt", "AccessDeniedException")
			}
		})
	}
}

func TestGrantees(t *testing.T) {
	f := newFixture(t)
	const linked = ":role/aws-service-role/profile.amazonaws.com/AWSServiceRoleForProfile_x"
	elsewhere := access.WithCaller(context.Background(), access.ServiceCaller(profileService, "111111111111", domainARN("d1")))
	for _, tt := range []struct {
		name    string
		grantee string
		ctx     context.Context
		want    bool
	}{
		{"user", userARN("u"), f.user("u"), true},
		{"another user", userARN("u"), f.user("v"), false},
		{"role", "arn:aws:iam::000000000000:role/r", f.session("r"), true},
		{"session", "arn:aws:sts::000000000000:assumed-role/r/s1", f.session("r"), true},
		{"another session", "arn:aws:sts::000000000000:assumed-role/r/s2", f.session("r"), false},
		{"root", "arn:aws:iam::000000000000:root", rootUser(), true},
		{"root is not every user", "arn:aws:iam::000000000000:root", f.user("u"), false},
		{"service", profileService, service("d1"), true},
		{"another service", "connect.amazonaws.com", service("d1"), false},
		{"service for another account", profileService, elsewhere, false},
		{"service-linked role", "arn:aws:iam::000000000000" + linked, service("d1"), true},
		{"service-linked role of another account", "arn:aws:iam::111111111111" + linked, service("d1"), false},
		{"service-linked role is no role", "arn:aws:iam::000000000000" + linked, f.session("aws-service-role/profile.amazonaws.com/AWSServiceRoleForProfile_x"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := f.make(&kmsapi.CreateKeyRequest{
				BypassPolicyLockoutSafetyCheck: new(true),
				Policy:                         new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + userARN("admin") + `"},"Action":"kms:*","Resource":"*"}}`),
			}).KeyId
			f.grant(k, kmsapi.CreateGrantRequest{GranteePrincipal: &tt.grantee, Operations: []string{"Decrypt"}})
			_, err := f.decrypt(tt.ctx, f.encrypt(k, "x", nil), nil)
			if tt.want {
				f.ok(err)
			} else {
				f.fails(err, "Decrypt", "AccessDeniedException")
			}
		})
	}
}

func TestGranteeServicePrincipal(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	in := kmsapi.CreateGrantRequest{
		GranteeServicePrincipal: new(profileService), RetiringServicePrincipal: new(profileService), Operations: []string{"Decrypt"},
		Constraints: &kmsapi.GrantConstraints{SourceArn: new(domainARN("d1"))},
	}
	id := f.grant(k, in)
	got := f.grants(kmsapi.ListGrantsRequest{KeyId: k, GranteeServicePrincipal: new(profileService)})
	if len(got) != 1 || *got[0].GrantId != id || *got[0].GranteeServicePrincipal != profileService || got[0].GranteePrincipal != nil ||
		*got[0].RetiringServicePrincipal != profileService || *got[0].Constraints.SourceArn != domainARN("d1") {
		t.Errorf("listed %+v", got)
	}
	blob := f.encrypt(k, "x", nil)
	_, err := f.decrypt(service("d1"), blob, nil)
	f.ok(err)
	_, err = f.decrypt(service("d2"), blob, nil)
	f.fails(err, "Decrypt", "AccessDeniedException")
	f.ok(f.RetireGrant(service("d2"), &kmsapi.RetireGrantRequest{KeyId: &k, GrantId: &id}))
}

func TestCreateGrantErrors(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	one := map[string]string{"a": "b"}
	nine := map[string]string{}
	for _, c := range "123456789" {
		nine[string(c)] = ""
	}
	u := new(userARN("u"))
	decrypt := []string{"Decrypt"}
	for name, tt := range map[string]struct {
		in   kmsapi.CreateGrantRequest
		want string
	}{
		"no grantee":                {kmsapi.CreateGrantRequest{Operations: decrypt}, "ValidationException"},
		"two grantees":              {kmsapi.CreateGrantRequest{GranteePrincipal: u, GranteeServicePrincipal: new(profileService), Operations: decrypt}, "ValidationException"},
		"two retiring":              {kmsapi.CreateGrantRequest{GranteePrincipal: u, RetiringPrincipal: u, RetiringServicePrincipal: new(profileService), Operations: decrypt}, "ValidationException"},
		"no operations":             {kmsapi.CreateGrantRequest{GranteePrincipal: u}, "ValidationException"},
		"other kind of key":         {kmsapi.CreateGrantRequest{GranteePrincipal: u, Operations: []string{"Sign"}}, "ValidationException"},
		"no ARN":                    {kmsapi.CreateGrantRequest{GranteePrincipal: new("someone"), Operations: decrypt}, "InvalidArnException"},
		"retiring is no ARN":        {kmsapi.CreateGrantRequest{GranteePrincipal: u, RetiringPrincipal: new("arn:aws:s3:::b"), Operations: decrypt}, "InvalidArnException"},
		"empty constraint":          {kmsapi.CreateGrantRequest{GranteePrincipal: u, Operations: decrypt, Constraints: &kmsapi.GrantConstraints{EncryptionContextEquals: map[string]string{}}}, "ValidationException"},
		"nine pairs":                {kmsapi.CreateGrantRequest{GranteePrincipal: u, Operations: decrypt, Constraints: &kmsapi.GrantConstraints{EncryptionContextSubset: nine}}, "ValidationException"},
		"385 characters":            {kmsapi.CreateGrantRequest{GranteePrincipal: u, Operations: decrypt, Constraints: &kmsapi.GrantConstraints{EncryptionContextSubset: map[string]string{"k": strings.Repeat("v", 384)}}}, "ValidationException"},
		"no operation with context": {kmsapi.CreateGrantRequest{GranteePrincipal: u, Operations: []string{"DescribeKey"}, Constraints: &kmsapi.GrantConstraints{EncryptionContextEquals: one}}, "ValidationException"},
		"source of a user":          {kmsapi.CreateGrantRequest{GranteePrincipal: u, Operations: decrypt, Constraints: &kmsapi.GrantConstraints{SourceArn: new(domainARN("d"))}}, "ValidationException"},
		"service without source":    {kmsapi.CreateGrantRequest{GranteeServicePrincipal: new(profileService), RetiringPrincipal: u, Operations: decrypt}, "ValidationException"},
		"service without retiring": {kmsapi.CreateGrantRequest{GranteeServicePrincipal: new(profileService), Operations: decrypt,
			Constraints: &kmsapi.GrantConstraints{SourceArn: new(domainARN("d"))}}, "ValidationException"},
		"forged token": {kmsapi.CreateGrantRequest{GranteePrincipal: u, Operations: decrypt, GrantTokens: []string{"x"}}, "InvalidGrantTokenException"},
		"dry run":      {kmsapi.CreateGrantRequest{GranteePrincipal: u, Operations: decrypt, DryRun: new(true)}, "DryRunOperationException"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.in.KeyId = k
			_, err := f.CreateGrant(f.admin, &tt.in)
			f.fails(err, "CreateGrant", tt.want)
		})
	}
	if got := f.grants(kmsapi.ListGrantsRequest{KeyId: k}); len(got) != 0 {
		t.Errorf("refused requests made %d grants", len(got))
	}
}

func TestNamedGrantsAreMadeOnce(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	in := kmsapi.CreateGrantRequest{GranteePrincipal: new(userARN("u")), Operations: []string{"Decrypt", "Encrypt", "Decrypt"}}
	if first, second := f.grant(k, in), f.grant(k, in); first == second {
		t.Error("without a name each request makes a grant")
	}
	in.Name = new("n")
	first := f.grant(k, in)
	in.Operations = []string{"Encrypt", "Decrypt"}
	f.pass(day)
	if f.grant(k, in) != first {
		t.Error("the same request makes another grant")
	}
	in.Operations = []string{"Encrypt"}
	if f.grant(k, in) == first {
		t.Error("another request of the same name finds the first grant")
	}
	f.ok(f.RevokeGrant(f.admin, &kmsapi.RevokeGrantRequest{KeyId: k, GrantId: first}))
	in.Operations = []string{"Encrypt", "Decrypt"}
	if f.grant(k, in) == first {
		t.Error("a revoked grant is found by its name")
	}
	if got := f.grants(kmsapi.ListGrantsRequest{KeyId: k}); len(got) != 4 {
		t.Errorf("%d grants, want 4", len(got))
	}
}

func TestListGrants(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	in := kmsapi.CreateGrantRequest{
		GranteePrincipal: new(userARN("a")), RetiringPrincipal: new(userARN("r")), Operations: []string{"Decrypt", "DescribeKey"}, Name: new("n"),
		Constraints: &kmsapi.GrantConstraints{EncryptionContextEquals: map[string]string{"x": "y"}},
	}
	first := f.grant(k, in)
	want := kmsapi.GrantListEntry{
		KeyId: f.describe(k).Arn, GrantId: &first, Name: in.Name, CreationDate: &f.now, GranteePrincipal: in.GranteePrincipal,
		RetiringPrincipal: in.RetiringPrincipal, IssuingAccount: new("arn:aws:iam::000000000000:root"), Operations: in.Operations, Constraints: in.Constraints,
	}
	if got := f.grants(kmsapi.ListGrantsRequest{KeyId: k}); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v", got)
	}
	ids := []string{first}
	for _, u := range []string{"a", "b", "b", "c"} {
		ids = append(ids, f.grantTo(k, u, "Decrypt"))
	}
	for _, limit := range []int{1, 2, 5, 100} {
		var got []string
		for _, g := range f.grants(kmsapi.ListGrantsRequest{KeyId: k, Limit: &limit}) {
			got = append(got, *g.GrantId)
		}
		slices.Sort(got)
		if all := slices.Sorted(slices.Values(ids)); !slices.Equal(got, all) {
			t.Errorf("by %d: %d grants, want %d", limit, len(got), len(all))
		}
	}
	if got := f.grants(kmsapi.ListGrantsRequest{KeyId: k, GranteePrincipal: new(userARN("b")), Limit: new(1)}); len(got) != 2 {
		t.Errorf("%d grants of b, want 2", len(got))
	}
	if got := f.grants(kmsapi.ListGrantsRequest{KeyId: k, GrantId: &ids[2]}); len(got) != 1 || *got[0].GrantId != ids[2] {
		t.Errorf("by id: %+v", got)
	}
	if got := f.grants(kmsapi.ListGrantsRequest{KeyId: k, GrantId: new(strings.Repeat("0", 64))}); len(got) != 0 {
		t.Errorf("by unknown id: %+v", got)
	}
	_, err := f.ListGrants(f.admin, &kmsapi.ListGrantsRequest{KeyId: k, GrantId: new("short")})
	f.fails(err, "ListGrants", "InvalidGrantIdException")
	_, err = f.ListGrants(f.admin, &kmsapi.ListGrantsRequest{KeyId: k, GranteePrincipal: new("x")})
	f.fails(err, "ListGrants", "InvalidArnException")
	page, err := f.ListGrants(f.admin, &kmsapi.ListGrantsRequest{KeyId: k, Limit: new(1)})
	f.ok(err)
	_, err = f.ListGrants(f.admin, &kmsapi.ListGrantsRequest{KeyId: f.key(), Marker: page.NextMarker})
	f.fails(err, "ListGrants", "InvalidMarkerException")
}

func TestRetireAndRevoke(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	request := kmsapi.CreateGrantRequest{GranteePrincipal: new(userARN("grantee")), RetiringPrincipal: new(userARN("retiring")), Operations: []string{"Decrypt"}}
	withRetire := request
	withRetire.Operations = []string{"Decrypt", "RetireGrant"}
	deny := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:RetireGrant","Resource":"*"}}`
	for name, tt := range map[string]struct {
		ctx   context.Context
		grant kmsapi.CreateGrantRequest
		want  bool
	}{
		"retiring principal":         {f.user("retiring"), request, true},
		"retiring principal, denied": {f.user("retiring", deny), request, false},
		"grantee":                    {f.user("grantee"), request, false},
		"grantee with RetireGrant":   {f.user("grantee"), withRetire, true},
		"account root":               {rootUser(), request, true},
		"administrator":              {f.admin, request, false},
		"someone":                    {f.user("someone"), withRetire, false},
	} {
		t.Run(name, func(t *testing.T) {
			id := f.grant(k, tt.grant)
			in := &kmsapi.RetireGrantRequest{KeyId: f.describe(k).Arn, GrantId: &id}
			dry := *in
			dry.DryRun = new(true)
			if !tt.want {
				f.fails(f.RetireGrant(tt.ctx, &dry), "RetireGrant", "AccessDeniedException")
				f.fails(f.RetireGrant(tt.ctx, in), "RetireGrant", "AccessDeniedException")
				return
			}
			f.fails(f.RetireGrant(tt.ctx, &dry), "RetireGrant", "DryRunOperationException")
			f.ok(f.RetireGrant(tt.ctx, in))
			f.fails(f.RetireGrant(tt.ctx, in), "RetireGrant", "NotFoundException")
		})
	}
	made, err := f.CreateGrant(f.admin, &kmsapi.CreateGrantRequest{KeyId: k, GranteePrincipal: new(userARN("grantee")), RetiringPrincipal: new(userARN("retiring")), Operations: []string{"Decrypt"}})
	f.ok(err)
	f.ok(f.RetireGrant(f.user("retiring"), &kmsapi.RetireGrantRequest{GrantToken: made.GrantToken}))
	f.fails(f.RetireGrant(f.user("retiring"), &kmsapi.RetireGrantRequest{GrantToken: made.GrantToken}), "RetireGrant", "NotFoundException")
	f.fails(f.RetireGrant(f.admin, &kmsapi.RetireGrantRequest{}), "RetireGrant", "ValidationException")
	f.fails(f.RetireGrant(f.admin, &kmsapi.RetireGrantRequest{KeyId: &k}), "RetireGrant", "ValidationException")
	f.fails(f.RetireGrant(f.admin, &kmsapi.RetireGrantRequest{KeyId: &k, GrantToken: made.GrantToken}), "RetireGrant", "ValidationException")
	f.fails(f.RetireGrant(f.admin, &kmsapi.RetireGrantRequest{KeyId: &k, GrantId: new("x")}), "RetireGrant", "InvalidGrantIdException")
	f.fails(f.RetireGrant(f.admin, &kmsapi.RetireGrantRequest{KeyId: new("arn:x"), GrantId: made.GrantId}), "RetireGrant", "InvalidArnException")

	id := f.grant(k, request)
	f.fails(f.RevokeGrant(f.user("retiring"), &kmsapi.RevokeGrantRequest{KeyId: k, GrantId: id}), "RevokeGrant", "AccessDeniedException")
	f.fails(f.RevokeGrant(f.admin, &kmsapi.RevokeGrantRequest{KeyId: k, GrantId: id, DryRun: new(true)}), "RevokeGrant", "DryRunOperationException")
	f.ok(f.RevokeGrant(f.admin, &kmsapi.RevokeGrantRequest{KeyId: k, GrantId: id}))
	f.fails(f.RevokeGrant(f.admin, &kmsapi.RevokeGrantRequest{KeyId: k, GrantId: id}), "RevokeGrant", "NotFoundException")
	f.fails(f.RevokeGrant(f.admin, &kmsapi.RevokeGrantRequest{KeyId: k, GrantId: "x"}), "RevokeGrant", "InvalidGrantIdException")
}

func TestListRetirableGrants(t *testing.T) {
	f := newFixture(t)
	a, b := f.key(), f.key()
	in := kmsapi.CreateGrantRequest{GranteePrincipal: new(userARN("g")), RetiringPrincipal: new(userARN("r")), Operations: []string{"Decrypt"}}
	want := []string{f.grant(a, in), f.grant(a, in), f.grant(b, in)}
	f.grantTo(a, "g", "Decrypt")
	list := func() []string {
		t.Helper()
		var got []string
		for req := (kmsapi.ListRetirableGrantsRequest{RetiringPrincipal: new(userARN("r")), Limit: new(2)}); ; {
			out, err := f.ListRetirableGrants(f.admin, &req)
			f.ok(err)
			for _, g := range out.Grants {
				got = append(got, *g.GrantId)
			}
			if req.Marker = out.NextMarker; req.Marker == nil {
				slices.Sort(got)
				return got
			}
		}
	}
	if got := list(); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("got %v", got)
	}
	f.ok(f.RetireGrant(f.user("r"), &kmsapi.RetireGrantRequest{KeyId: &a, GrantId: &want[0]}))
	_, err := f.ScheduleKeyDeletion(f.admin, &kmsapi.ScheduleKeyDeletionRequest{KeyId: b, PendingWindowInDays: new(7)})
	f.ok(err)
	f.pass(7 * day)
	f.ok(f.Sweep(context.Background()))
	if got := list(); !slices.Equal(got, want[1:2]) {
		t.Errorf("after a retirement and the end of a key: %v, want %v", got, want[1:2])
	}
	_, err = f.ListRetirableGrants(f.admin, &kmsapi.ListRetirableGrantsRequest{})
	f.fails(err, "ListRetirableGrants", "ValidationException")
	_, err = f.ListRetirableGrants(f.admin, &kmsapi.ListRetirableGrantsRequest{RetiringPrincipal: new("x")})
	f.fails(err, "ListRetirableGrants", "InvalidArnException")
	_, err = f.ListRetirableGrants(f.user("u"), &kmsapi.ListRetirableGrantsRequest{RetiringPrincipal: new(userARN("r"))})
	f.fails(err, "ListRetirableGrants", "AccessDeniedException")
}
