package kms_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/kmsapi"
)

func statement(effect, principal, action, condition string) string {
	text := `{"Effect":"` + effect + `","Principal":` + principal + `,"Action":` + action + `,"Resource":"*"`
	if condition != "" {
		text += `,"Condition":` + condition
	}
	return text + "}"
}

func keyPolicy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + "]}"
}

const (
	toAccount = `{"AWS":"arn:aws:iam::000000000000:root"}`
	toProfile = `{"Service":"profile.amazonaws.com"}`
)

// delegate leaves the decision to identity policies, so that the tests'
// administrator is not locked out.
var delegate = statement("Allow", toAccount, `"kms:*"`, "")

func TestDefaultKeyPolicy(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	out, err := f.GetKeyPolicy(f.admin, &kmsapi.GetKeyPolicyRequest{KeyId: k, PolicyName: new("default")})
	f.ok(err)
	var got any
	f.ok(json.Unmarshal([]byte(*out.Policy), &got))
	want := `{"Id":"key-default-1","Statement":[{"Action":"kms:*","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Resource":"*","Sid":"Enable IAM User Permissions"}],"Version":"2012-10-17"}`
	if text, err := json.Marshal(got); err != nil || string(text) != want || *out.PolicyName != "default" {
		t.Errorf("got %s, %v", text, err)
	}
	names, err := f.ListKeyPolicies(f.admin, &kmsapi.ListKeyPoliciesRequest{KeyId: k})
	f.ok(err)
	if len(names.PolicyNames) != 1 || names.PolicyNames[0] != "default" || *names.Truncated || names.NextMarker != nil {
		t.Errorf("policies %+v", names)
	}
	_, err = f.GetKeyPolicy(f.admin, &kmsapi.GetKeyPolicyRequest{KeyId: k, PolicyName: new("other")})
	f.fails(err, "GetKeyPolicy", "NotFoundException")
	_, err = f.ListKeyPolicies(f.admin, &kmsapi.ListKeyPoliciesRequest{KeyId: k, Marker: new("x")})
	f.fails(err, "ListKeyPolicies", "ValidationException")
	// Without identity policies the default policy gives nothing, except to root.
	_, err = f.DescribeKey(f.user("u"), &kmsapi.DescribeKeyRequest{KeyId: k})
	f.fails(err, "DescribeKey", "AccessDeniedException")
	_, err = f.DescribeKey(rootUser(), &kmsapi.DescribeKeyRequest{KeyId: k})
	f.ok(err)
	_, err = f.DescribeKey(service("d1"), &kmsapi.DescribeKeyRequest{KeyId: k})
	f.fails(err, "DescribeKey", "AccessDeniedException")
}

func TestPutKeyPolicy(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	put := func(ctx context.Context, text string) error {
		return f.PutKeyPolicy(ctx, &kmsapi.PutKeyPolicyRequest{KeyId: k, PolicyName: new("default"), Policy: text})
	}
	spaced := " " + keyPolicy(delegate) + "\n"
	f.ok(put(f.admin, spaced))
	out, err := f.GetKeyPolicy(f.admin, &kmsapi.GetKeyPolicyRequest{KeyId: k})
	f.ok(err)
	if *out.Policy != spaced {
		t.Errorf("the policy comes back as %q", *out.Policy)
	}
	for _, text := range []string{"", "x", "{}", `{"Version":"2012-10-17","Statement":[]}`,
		keyPolicy(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`),
		keyPolicy(`{"Effect":"Allow","Principal":"*","Action":"kms:*"}`),
		keyPolicy(statement("Allow", `"*"`, `"kms:*"`, `{"NoSuchOperator":{"a:b":"c"}}`)),
	} {
		f.fails(put(f.admin, text), "PutKeyPolicy", "MalformedPolicyDocumentException")
	}
	f.fails(put(f.admin, spaced+strings.Repeat(" ", 32<<10)), "PutKeyPolicy", "LimitExceededException")
	f.fails(f.PutKeyPolicy(f.admin, &kmsapi.PutKeyPolicyRequest{KeyId: k, PolicyName: new("x"), Policy: spaced}), "PutKeyPolicy", "ValidationException")
	f.fails(put(f.user("u"), spaced), "PutKeyPolicy", "AccessDeniedException")
}

func TestLockOutSafetyCheck(t *testing.T) {
	u := `{"AWS":"` + userARN("admin") + `"}`
	other := `{"AWS":"` + userARN("other") + `"}`
	for name, tt := range map[string]struct {
		policy string
		want   bool
	}{
		"the account":                     {keyPolicy(delegate), true},
		"the caller":                      {keyPolicy(statement("Allow", u, `"kms:PutKeyPolicy"`, "")), true},
		"the caller without PutKeyPolicy": {keyPolicy(statement("Allow", u, `["kms:Encrypt","kms:Decrypt"]`, "")), false},
		"someone else":                    {keyPolicy(statement("Allow", other, `"kms:*"`, "")), false},
		"the caller, denied":              {keyPolicy(delegate, statement("Deny", `"*"`, `"kms:Put*"`, "")), false},
		"a service":                       {keyPolicy(statement("Allow", toProfile, `"kms:*"`, "")), false},
		"a condition not met":             {keyPolicy(statement("Allow", u, `"kms:*"`, `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			k := f.key()
			_, made := f.CreateKey(f.admin, &kmsapi.CreateKeyRequest{Policy: &tt.policy})
			put := f.PutKeyPolicy(f.admin, &kmsapi.PutKeyPolicyRequest{KeyId: k, Policy: tt.policy})
			if tt.want {
				f.ok(made)
				f.ok(put)
				return
			}
			f.fails(made, "CreateKey", "MalformedPolicyDocumentException")
			f.fails(put, "PutKeyPolicy", "MalformedPolicyDocumentException")
			_, err := f.CreateKey(f.admin, &kmsapi.CreateKeyRequest{Policy: &tt.policy, BypassPolicyLockoutSafetyCheck: new(true)})
			f.ok(err)
			f.ok(f.PutKeyPolicy(f.admin, &kmsapi.PutKeyPolicyRequest{KeyId: k, Policy: tt.policy, BypassPolicyLockoutSafetyCheck: new(true)}))
			f.fails(f.PutKeyPolicy(f.admin, &kmsapi.PutKeyPolicyRequest{KeyId: k, Policy: keyPolicy(delegate)}), "PutKeyPolicy", "AccessDeniedException")
		})
	}
	t.Run("bypass can be forbidden", func(t *testing.T) {
		f := newFixture(t)
		k := f.key()
		careful := f.user("careful", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*",
			"Condition":{"BoolIfExists":{"kms:BypassPolicyLockoutSafetyCheck":"false"}}}}`)
		in := &kmsapi.PutKeyPolicyRequest{KeyId: k, Policy: keyPolicy(delegate), BypassPolicyLockoutSafetyCheck: new(true)}
		f.fails(f.PutKeyPolicy(careful, in), "PutKeyPolicy", "AccessDeniedException")
		in.BypassPolicyLockoutSafetyCheck = nil
		f.ok(f.PutKeyPolicy(careful, in))
		_, err := f.CreateKey(careful, &kmsapi.CreateKeyRequest{BypassPolicyLockoutSafetyCheck: new(true)})
		f.fails(err, "CreateKey", "AccessDeniedException")
	})
}

// TestConfusedDeputy: what a key policy says of the service principal of
// Customer Profiles, with the conditions of the Administrator Guide
// ("Cross-service confused deputy prevention").
func TestConfusedDeputy(t *testing.T) {
	const actions = `["kms:GenerateDataKey","kms:CreateGrant","kms:Decrypt"]`
	forDomain := `{"StringEquals":{"aws:SourceAccount":"000000000000"},"ArnEquals":{"aws:SourceArn":"` + domainARN("d1") + `"}}`
	forType := `{"StringEquals":{"aws:SourceAccount":"000000000000"},"ArnEquals":{"aws:SourceArn":"` + domainARN("d1") + `/objects/Order"}}`
	forAny := `{"ArnLike":{"aws:SourceArn":"` + domainARN("*") + `"}}`
	d1, d2 := service("d1"), service("d2")
	d1Type := access.WithCaller(context.Background(), access.ServiceCaller(profileService, account, domainARN("d1")+"/objects/Order"))
	otherAccount := access.WithCaller(context.Background(), access.ServiceCaller(profileService, "111111111111", domainARN("d1")))
	otherService := access.WithCaller(context.Background(), access.ServiceCaller("connect.amazonaws.com", account, domainARN("d1")))
	noSource := access.WithCaller(context.Background(), access.ServiceCaller(profileService, "", ""))
	for _, tt := range []struct {
		name       string
		statements []string
		ctx        context.Context
		want       bool
	}{
		{"no statement", nil, d1, false},
		{"its domain", []string{statement("Allow", toProfile, actions, forDomain)}, d1, true},
		{"another domain", []string{statement("Allow", toProfile, actions, forDomain)}, d2, false},
		{"another account", []string{statement("Allow", toProfile, actions, forDomain)}, otherAccount, false},
		{"another service", []string{statement("Allow", toProfile, actions, forDomain)}, otherService, false},
		{"no source", []string{statement("Allow", toProfile, actions, forDomain)}, noSource, false},
		{"an object type is not its domain", []string{statement("Allow", toProfile, actions, forDomain)}, d1Type, false},
		{"an object type", []string{statement("Allow", toProfile, actions, forType)}, d1Type, true},
		{"a domain is not its object type", []string{statement("Allow", toProfile, actions, forType)}, d1, false},
		{"any domain", []string{statement("Allow", toProfile, actions, forAny)}, d2, true},
		{"other actions", []string{statement("Allow", toProfile, `"kms:DescribeKey"`, forDomain)}, d1, false},
		{"explicit deny", []string{statement("Allow", toProfile, actions, forDomain), statement("Deny", toProfile, `"kms:Decrypt"`, "")}, d1, false},
		{"deny to the others", []string{statement("Allow", toProfile, actions, ""),
			statement("Deny", `"*"`, `"kms:Decrypt"`, `{"ArnNotEqualsIfExists":{"aws:SourceArn":"`+domainARN("d1")+`"},"Null":{"aws:SourceArn":"false"}}`)}, d2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			k := f.make(&kmsapi.CreateKeyRequest{Policy: new(keyPolicy(append([]string{delegate}, tt.statements...)...))}).KeyId
			blob := f.encrypt(k, "x", nil)
			_, err := f.decrypt(tt.ctx, blob, nil)
			if tt.want {
				f.ok(err)
				return
			}
			f.fails(err, "Decrypt", "AccessDeniedException")
			// A grant helps unless the policy denies, or another is meant.
			f.grant(k, kmsapi.CreateGrantRequest{GranteePrincipal: new(profileService), Operations: []string{"Decrypt"},
				Constraints: &kmsapi.GrantConstraints{SourceArn: new(domainARN("d1"))}})
			_, err = f.decrypt(tt.ctx, blob, nil)
			if tt.ctx == d1 && tt.name != "explicit deny" {
				f.ok(err)
			} else {
				f.fails(err, "Decrypt", "AccessDeniedException")
			}
		})
	}
}

// TestWhoMayUseAKey has the combinations of key policy, identity policy and
// grant for users of the account.
func TestWhoMayUseAKey(t *testing.T) {
	identity := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}}`
	denied := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"}}`
	admin := statement("Allow", `{"AWS":"`+userARN("admin")+`"}`, `"kms:*"`, "")
	u := `{"AWS":"` + userARN("u") + `"}`
	for _, tt := range []struct {
		name     string
		policy   string
		identity []string
		granted  bool
		want     bool
	}{
		{"key policy names the user", keyPolicy(admin, statement("Allow", u, `"kms:Decrypt"`, "")), nil, false, true},
		{"key policy delegates, identity policy allows", keyPolicy(delegate), []string{identity}, false, true},
		{"key policy delegates, no identity policy", keyPolicy(delegate), nil, false, false},
		{"key policy does not delegate, identity policy allows", keyPolicy(admin), []string{identity}, false, false},
		{"grant alone", keyPolicy(admin), nil, true, true},
		{"grant, key policy denies", keyPolicy(admin, statement("Deny", u, `"kms:Decrypt"`, "")), nil, true, false},
		{"grant, identity policy denies", keyPolicy(admin), []string{denied}, true, false},
		{"both allow, identity policy denies", keyPolicy(delegate), []string{identity, denied}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			k := f.make(&kmsapi.CreateKeyRequest{Policy: &tt.policy}).KeyId
			if tt.granted {
				f.grantTo(k, "u", "Decrypt")
			}
			_, err := f.decrypt(f.user("u", tt.identity...), f.encrypt(k, "x", nil), nil)
			if tt.want {
				f.ok(err)
			} else {
				f.fails(err, "Decrypt", "AccessDeniedException")
			}
		})
	}
}

func TestConditionsOfUse(t *testing.T) {
	f := newFixture(t)
	m := f.make(&kmsapi.CreateKeyRequest{Tags: []kmsapi.Tag{{TagKey: "team", TagValue: "cc"}}})
	f.alias("alias/cc", m.KeyId)
	f.alias("alias/extra", m.KeyId)
	pairs := map[string]string{"domain": "d1", "type": "t1"}
	for _, tt := range []struct {
		condition string
		key       string
		want      bool
	}{
		{`"StringEquals":{"kms:EncryptionContext:domain":"d1"}`, m.KeyId, true},
		{`"StringEquals":{"kms:EncryptionContext:domain":"d2"}`, m.KeyId, false},
		{`"StringEquals":{"kms:EncryptionContext:other":"d1"}`, m.KeyId, false},
		{`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["domain","type","more"]}`, m.KeyId, true},
		{`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["domain"]}`, m.KeyId, false},
		{`"StringEquals":{"kms:CallerAccount":"000000000000"}`, m.KeyId, true},
		{`"StringEquals":{"kms:CallerAccount":"111111111111"}`, m.KeyId, false},
		{`"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT","kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyUsage":"ENCRYPT_DECRYPT","kms:KeyOrigin":"AWS_KMS"}`, m.KeyId, true},
		{`"Bool":{"kms:MultiRegion":"false"}`, m.KeyId, true},
		{`"StringEquals":{"kms:RequestAlias":"alias/cc"}`, "alias/cc", true},
		{`"StringEquals":{"kms:RequestAlias":"alias/cc"}`, *m.Arn, false},
		{`"StringEquals":{"kms:RequestAlias":"alias/cc"}`, "alias/extra", false},
		{`"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/c*"}`, m.KeyId, true},
		{`"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/d*"}`, m.KeyId, false},
		{`"StringEquals":{"aws:ResourceTag/team":"cc"}`, m.KeyId, true},
		{`"StringEquals":{"aws:ResourceTag/team":"dd"}`, m.KeyId, false},
	} {
		t.Run(tt.condition+" "+tt.key, func(t *testing.T) {
			u := f.user("u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{`+tt.condition+`}}}`)
			_, err := f.Encrypt(u, &kmsapi.EncryptRequest{KeyId: tt.key, Plaintext: []byte("x"), EncryptionContext: pairs})
			if tt.want {
				f.ok(err)
			} else {
				f.fails(err, "Encrypt", "AccessDeniedException")
			}
		})
	}
}

func TestConditionsOfRequests(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	u := func(action, condition string) context.Context {
		return f.user("u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:`+action+`","Resource":"*","Condition":{`+condition+`}}}`)
	}
	team := []kmsapi.Tag{{TagKey: "team", TagValue: "cc"}}
	byTag := `"StringEquals":{"aws:RequestTag/team":"cc"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}`
	_, err := f.CreateKey(u("*", byTag), &kmsapi.CreateKeyRequest{Tags: team})
	f.ok(err)
	_, err = f.CreateKey(u("*", byTag), &kmsapi.CreateKeyRequest{})
	f.fails(err, "CreateKey", "AccessDeniedException")
	_, err = f.CreateKey(u("CreateKey", byTag), &kmsapi.CreateKeyRequest{Tags: team})
	f.fails(err, "CreateKey", "AccessDeniedException") // kms:TagResource is needed too
	f.ok(f.TagResource(u("TagResource", byTag), &kmsapi.TagResourceRequest{KeyId: k, Tags: team}))
	f.fails(f.TagResource(u("TagResource", byTag), &kmsapi.TagResourceRequest{KeyId: k, Tags: append(team, kmsapi.Tag{TagKey: "x"})}), "TagResource", "AccessDeniedException")
	onlyX := `"ForAllValues:StringEquals":{"aws:TagKeys":["x"]}`
	f.fails(f.UntagResource(u("UntagResource", onlyX), &kmsapi.UntagResourceRequest{KeyId: k, TagKeys: []string{"team"}}), "UntagResource", "AccessDeniedException")
	f.ok(f.UntagResource(u("UntagResource", onlyX), &kmsapi.UntagResourceRequest{KeyId: k, TagKeys: []string{"x"}}))

	long := `"NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"20"}`
	_, err = f.ScheduleKeyDeletion(u("ScheduleKeyDeletion", long), &kmsapi.ScheduleKeyDeletionRequest{KeyId: k, PendingWindowInDays: new(7)})
	f.fails(err, "ScheduleKeyDeletion", "AccessDeniedException")
	period := `"NumericLessThanEquals":{"kms:RotationPeriodInDays":"180"}`
	f.fails(f.EnableKeyRotation(u("EnableKeyRotation", period), &kmsapi.EnableKeyRotationRequest{KeyId: k, RotationPeriodInDays: new(200)}), "EnableKeyRotation", "AccessDeniedException")
	f.ok(f.EnableKeyRotation(u("EnableKeyRotation", period), &kmsapi.EnableKeyRotationRequest{KeyId: k, RotationPeriodInDays: new(180)}))
	_, err = f.ScheduleKeyDeletion(u("ScheduleKeyDeletion", long), &kmsapi.ScheduleKeyDeletionRequest{KeyId: k})
	f.ok(err)
}
