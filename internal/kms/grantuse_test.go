package kms_test

import (
	"fmt"
	"testing"

	"kindred/internal/api/kmsapi"
	"kindred/internal/kms"
)

// TestAGranteePassesOnNoMoreThanItHas: CreateGrant by grant.
func TestAGranteePassesOnNoMoreThanItHas(t *testing.T) {
	pairs := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	equals := func(kv ...string) *kmsapi.GrantConstraints {
		return &kmsapi.GrantConstraints{EncryptionContextEquals: pairs(kv...)}
	}
	subset := func(kv ...string) *kmsapi.GrantConstraints {
		return &kmsapi.GrantConstraints{EncryptionContextSubset: pairs(kv...)}
	}
	for _, tt := range []struct {
		name          string
		parent, child *kmsapi.GrantConstraints
		operations    []string
		want          bool
	}{
		{"some of the operations", nil, nil, []string{"Decrypt"}, true},
		{"all of them", nil, nil, []string{"Decrypt", "Encrypt", "CreateGrant"}, true},
		{"one more", nil, nil, []string{"Decrypt", "GenerateDataKey"}, false},
		{"constraint added", nil, equals("a", "1"), []string{"Decrypt"}, true},
		{"constraint left out", equals("a", "1"), nil, []string{"Decrypt"}, false},
		{"the same equals", equals("a", "1"), equals("a", "1"), []string{"Decrypt"}, true},
		{"other equals", equals("a", "1"), equals("a", "2"), []string{"Decrypt"}, false},
		{"subset for equals", equals("a", "1"), subset("a", "1"), []string{"Decrypt"}, false},
		{"the same subset", subset("a", "1"), subset("a", "1"), []string{"Decrypt"}, true},
		{"narrower subset", subset("a", "1"), subset("a", "1", "b", "2"), []string{"Decrypt"}, true},
		{"wider subset", subset("a", "1", "b", "2"), subset("a", "1"), []string{"Decrypt"}, false},
		{"equals within subset", subset("a", "1"), equals("a", "1", "b", "2"), []string{"Decrypt"}, true},
		{"equals outside subset", subset("a", "1"), equals("b", "2"), []string{"Decrypt"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			k := f.key()
			f.grant(k, kmsapi.CreateGrantRequest{GranteePrincipal: new(userARN("parent")), Operations: []string{"Decrypt", "Encrypt", "CreateGrant"}, Constraints: tt.parent})
			_, err := f.CreateGrant(f.user("parent"), &kmsapi.CreateGrantRequest{KeyId: k, GranteePrincipal: new(userARN("child")), Operations: tt.operations, Constraints: tt.child})
			if tt.want {
				f.ok(err)
			} else {
				f.fails(err, "CreateGrant", "AccessDeniedException")
			}
		})
	}
}

func TestGrantConditions(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	pairs := map[string]string{"domain": "d1"}
	request := kmsapi.CreateGrantRequest{
		KeyId: k, GranteePrincipal: new(profileService), RetiringPrincipal: new(userARN("r")), Operations: []string{"Decrypt", "GenerateDataKey"},
		Constraints: &kmsapi.GrantConstraints{EncryptionContextEquals: pairs, SourceArn: new(domainARN("d1"))},
	}
	for _, tt := range []struct {
		condition string
		want      bool
	}{
		{`"StringEquals":{"kms:GranteePrincipal":"profile.amazonaws.com"}`, true},
		{`"StringEquals":{"kms:GranteePrincipal":"connect.amazonaws.com"}`, false},
		{`"StringLike":{"kms:RetiringPrincipal":"*:user/r"}`, true},
		{`"ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt","GenerateDataKey","Encrypt"]}`, true},
		{`"ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt"]}`, false},
		{`"ForAnyValue:StringEquals":{"kms:GrantConstraintType":"EncryptionContextEquals"}`, true},
		{`"ForAnyValue:StringEquals":{"kms:GrantConstraintType":"EncryptionContextSubset"}`, false},
		{`"ArnLike":{"kms:GrantConstraintSourceArn":"arn:aws:profile:*:*:domains/d1"}`, true},
		{`"StringEquals":{"kms:EncryptionContext:domain":"d1"}`, true},
		{`"StringEquals":{"kms:EncryptionContext:domain":"d2"}`, false},
		{`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["domain"]}`, true},
		{`"Bool":{"kms:GrantIsForAWSResource":"false"}`, true},
		{`"Bool":{"kms:GrantIsForAWSResource":"true"}`, false},
		{`"StringEquals":{"kms:ViaService":"profile.us-east-1.amazonaws.com"}`, false},
		{`"StringEquals":{"kms:CallerAccount":"000000000000"}`, true},
	} {
		t.Run(tt.condition, func(t *testing.T) {
			u := f.user("u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{`+tt.condition+`}}}`)
			_, err := f.CreateGrant(u, &request)
			if tt.want {
				f.ok(err)
			} else {
				f.fails(err, "CreateGrant", "AccessDeniedException")
			}
		})
	}
	u := f.user("u", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{
		"Bool":{"kms:GrantIsForAWSResource":"true"},"StringEquals":{"kms:ViaService":"profile.us-east-1.amazonaws.com"}}}}`)
	_, err := f.CreateGrant(kms.Via(u, "profile.us-east-1.amazonaws.com"), &request)
	f.ok(err)
}

// TestManyGrantsOfOneGrantee: the grant that fits is found among more than one
// batch of others, whatever tells it from them.
func TestManyGrantsOfOneGrantee(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	for i := range 300 {
		f.grant(k, kmsapi.CreateGrantRequest{GranteePrincipal: new(profileService), Operations: []string{"Encrypt", "DescribeKey"},
			Constraints: &kmsapi.GrantConstraints{EncryptionContextSubset: map[string]string{"n": fmt.Sprint(i)}, SourceArn: nil}})
		f.grant(k, kmsapi.CreateGrantRequest{GranteePrincipal: new(profileService), Operations: []string{"Encrypt"},
			Constraints: &kmsapi.GrantConstraints{SourceArn: new(domainARN(fmt.Sprint("d", i)))}})
		f.grant(k, kmsapi.CreateGrantRequest{GranteePrincipal: new(profileService), Operations: []string{"Encrypt"},
			Constraints: &kmsapi.GrantConstraints{EncryptionContextEquals: map[string]string{"exact": fmt.Sprint(i)}}})
	}
	encrypt := func(domain string, pairs map[string]string) error {
		_, err := f.Encrypt(service(domain), &kmsapi.EncryptRequest{KeyId: k, Plaintext: []byte("x"), EncryptionContext: pairs})
		return err
	}
	for i := range 300 {
		f.ok(encrypt("other", map[string]string{"n": fmt.Sprint(i), "more": ""}))
		f.ok(encrypt(fmt.Sprint("d", i), nil))
		f.ok(encrypt("other", map[string]string{"exact": fmt.Sprint(i)}))
	}
	f.fails(encrypt("other", map[string]string{"n": "300"}), "Encrypt", "AccessDeniedException")
	f.fails(encrypt("d300", nil), "Encrypt", "AccessDeniedException")
	f.fails(encrypt("other", map[string]string{"exact": "1", "more": ""}), "Encrypt", "AccessDeniedException")
	_, err := f.DescribeKey(service("other"), &kmsapi.DescribeKeyRequest{KeyId: k})
	f.ok(err)
}
