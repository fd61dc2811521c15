package kms_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"kindred/internal/api/kmsapi"
)

func hasMethod(v any, name string) bool { return reflect.ValueOf(v).MethodByName(name).IsValid() }

func TestCreateAndDescribeKey(t *testing.T) {
	f := newFixture(t)
	m := f.make(&kmsapi.CreateKeyRequest{Description: new("for tests"), KeySpec: new("SYMMETRIC_DEFAULT"), KeyUsage: new("ENCRYPT_DECRYPT"), Origin: new("AWS_KMS"), MultiRegion: new(false)})
	f.alias("alias/k", m.KeyId)
	arn := "arn:aws:kms:" + region + ":" + account + ":key/" + m.KeyId
	want := &kmsapi.KeyMetadata{
		AWSAccountId: new(account), KeyId: m.KeyId, Arn: &arn, CreationDate: new(f.now), Enabled: new(true),
		Description: new("for tests"), KeyUsage: new("ENCRYPT_DECRYPT"), KeyState: new("Enabled"), Origin: new("AWS_KMS"),
		KeyManager: new("CUSTOMER"), CustomerMasterKeySpec: new("SYMMETRIC_DEFAULT"), KeySpec: new("SYMMETRIC_DEFAULT"),
		EncryptionAlgorithms: []string{"SYMMETRIC_DEFAULT"}, MultiRegion: new(false), CurrentKeyMaterialId: m.CurrentKeyMaterialId,
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("created %+v", m)
	}
	if len(*m.CurrentKeyMaterialId) != 64 {
		t.Errorf("CurrentKeyMaterialId %q", *m.CurrentKeyMaterialId)
	}
	for _, name := range []string{m.KeyId, arn, "alias/k", "arn:aws:kms:" + region + ":" + account + ":alias/k"} {
		if got := f.describe(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestOtherKindsOfKeysAreRefused(t *testing.T) {
	f := newFixture(t)
	for name, tt := range map[string]struct {
		in   kmsapi.CreateKeyRequest
		want string
	}{
		"RSA":              {kmsapi.CreateKeyRequest{KeySpec: new("RSA_2048"), KeyUsage: new("SIGN_VERIFY")}, "UnsupportedOperationException"},
		"older member":     {kmsapi.CreateKeyRequest{CustomerMasterKeySpec: new("ECC_NIST_P256")}, "UnsupportedOperationException"},
		"both members":     {kmsapi.CreateKeyRequest{CustomerMasterKeySpec: new("SYMMETRIC_DEFAULT"), KeySpec: new("SYMMETRIC_DEFAULT")}, "ValidationException"},
		"usage":            {kmsapi.CreateKeyRequest{KeyUsage: new("GENERATE_VERIFY_MAC")}, "UnsupportedOperationException"},
		"imported":         {kmsapi.CreateKeyRequest{Origin: new("EXTERNAL")}, "UnsupportedOperationException"},
		"custom key store": {kmsapi.CreateKeyRequest{CustomKeyStoreId: new("cks-1"), Origin: new("AWS_CLOUDHSM")}, "CustomKeyStoreNotFoundException"},
		"external store":   {kmsapi.CreateKeyRequest{XksKeyId: new("x")}, "UnsupportedOperationException"},
		"multi-Region":     {kmsapi.CreateKeyRequest{MultiRegion: new(true)}, "UnsupportedOperationException"},
		"reserved tag":     {kmsapi.CreateKeyRequest{Tags: []kmsapi.Tag{{TagKey: "aws:x", TagValue: "v"}}}, "TagException"},
		"tag twice":        {kmsapi.CreateKeyRequest{Tags: []kmsapi.Tag{{TagKey: "x"}, {TagKey: "x"}}}, "TagException"},
		"51 tags":          {kmsapi.CreateKeyRequest{Tags: manyTags(51)}, "LimitExceededException"},
		"no policy":        {kmsapi.CreateKeyRequest{Policy: new("{}")}, "MalformedPolicyDocumentException"},
		"long policy":      {kmsapi.CreateKeyRequest{Policy: new(strings.Repeat(" ", 33<<10))}, "LimitExceededException"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.CreateKey(f.admin, &tt.in)
			f.fails(err, "CreateKey", tt.want)
		})
	}
	out, err := f.ListKeys(f.admin, &kmsapi.ListKeysRequest{})
	f.ok(err)
	if len(out.Keys) != 0 {
		t.Errorf("refused requests made %d keys", len(out.Keys))
	}
}

func manyTags(n int) []kmsapi.Tag {
	var out []kmsapi.Tag
	for i := range n {
		out = append(out, kmsapi.Tag{TagKey: fmt.Sprintf("k%03d", i), TagValue: fmt.Sprint(i)})
	}
	return out
}

// TestHowKeysAreNamed has each way to name a key that does not work, for
// operations of each kind.
func TestHowKeysAreNamed(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	f.alias("alias/a", k)
	operations := map[string]func(name string) error{
		"DescribeKey": func(n string) error {
			_, err := f.DescribeKey(f.admin, &kmsapi.DescribeKeyRequest{KeyId: n})
			return err
		},
		"EnableKey": func(n string) error { return f.EnableKey(f.admin, &kmsapi.EnableKeyRequest{KeyId: n}) },
		"Encrypt": func(n string) error {
			_, err := f.Encrypt(f.admin, &kmsapi.EncryptRequest{KeyId: n, Plaintext: []byte("x")})
			return err
		},
		"CreateAlias": func(n string) error {
			return f.CreateAlias(f.admin, &kmsapi.CreateAliasRequest{AliasName: "alias/new", TargetKeyId: n})
		},
	}
	for _, tt := range []struct {
		name string
		want map[string]string // by operation; "" for all others
	}{
		{"00000000-0000-4000-8000-000000000000", map[string]string{"": "NotFoundException"}},
		{"arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000", map[string]string{"": "NotFoundException"}},
		{"arn:aws:kms:eu-west-1:000000000000:key/" + k, map[string]string{"": "NotFoundException"}},
		{"arn:aws:kms:us-east-1:111111111111:key/" + k, map[string]string{"": "NotFoundException"}},
		{"no-such-form", map[string]string{"": "NotFoundException"}},
		{"{" + k + "}", map[string]string{"": "NotFoundException"}},
		{"alias/none", map[string]string{"": "NotFoundException"}},
		{"alias/a", map[string]string{"EnableKey": "NotFoundException", "CreateAlias": "NotFoundException"}},
		{"arn:aws:sqs:us-east-1:000000000000:key/" + k, map[string]string{
			"": "NotFoundException", "DescribeKey": "InvalidArnException", "EnableKey": "InvalidArnException"}},
		{"arn:aws:kms:us-east-1:000000000000:grant/x", map[string]string{
			"": "NotFoundException", "DescribeKey": "InvalidArnException", "EnableKey": "InvalidArnException"}},
		{"arn:aws:kms", map[string]string{
			"": "NotFoundException", "DescribeKey": "InvalidArnException", "EnableKey": "InvalidArnException"}},
	} {
		for op, call := range operations {
			want, ok := tt.want[op]
			if !ok {
				want = tt.want[""]
			}
			t.Run(tt.name+" "+op, func(t *testing.T) {
				if err := call(tt.name); want == "" {
					f.ok(err)
				} else {
					f.fails(err, op, want)
				}
			})
		}
	}
	_, err := f.DescribeKey(f.admin, &kmsapi.DescribeKeyRequest{KeyId: "00000000-0000-4000-8000-000000000000"})
	const text = "Key 'arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000' does not exist"
	if err == nil || err.Error() != text {
		t.Errorf("got %v", err)
	}
}

// What an operation answers by the state of its key.
const (
	fine     = ""
	disabled = "DisabledException"
	state    = "KMSInvalidStateException"
)

// answersByState are for Enabled, Disabled and PendingDeletion ("Key states of
// KMS keys", KMS Developer Guide).
var answersByState = map[string][3]string{
	"Encrypt": {fine, disabled, state}, "GenerateDataKey": {fine, disabled, state},
	"GenerateDataKeyWithoutPlaintext": {fine, disabled, state}, "CreateGrant": {fine, disabled, state},
	"EnableKey": {fine, fine, state}, "DisableKey": {fine, fine, state},
	"EnableKeyRotation": {fine, disabled, state}, "DisableKeyRotation": {fine, disabled, state},
	"RotateKeyOnDemand": {fine, disabled, state}, "ScheduleKeyDeletion": {fine, fine, state},
	"CancelKeyDeletion": {state, state, fine}, "CreateAlias": {fine, fine, state},
	"UpdateKeyDescription": {fine, fine, state}, "TagResource": {fine, fine, state}, "UntagResource": {fine, fine, state},
	"PutKeyPolicy": {fine, fine, fine}, "DescribeKey": {fine, fine, fine}, "GetKeyRotationStatus": {fine, fine, fine},
}

var operationsOnAKey = map[string]func(f *fixture, k string) error{
	"Encrypt": func(f *fixture, k string) error {
		_, err := f.Encrypt(f.admin, &kmsapi.EncryptRequest{KeyId: k, Plaintext: []byte("x")})
		return err
	},
	"GenerateDataKey": func(f *fixture, k string) error {
		_, err := f.GenerateDataKey(f.admin, &kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256")})
		return err
	},
	"GenerateDataKeyWithoutPlaintext": func(f *fixture, k string) error {
		_, err := f.GenerateDataKeyWithoutPlaintext(f.admin, &kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: k, KeySpec: new("AES_256")})
		return err
	},
	"CreateGrant": func(f *fixture, k string) error {
		_, err := f.CreateGrant(f.admin, &kmsapi.CreateGrantRequest{KeyId: k, GranteePrincipal: new(userARN("g")), Operations: []string{"Decrypt"}})
		return err
	},
	"EnableKey":  func(f *fixture, k string) error { return f.EnableKey(f.admin, &kmsapi.EnableKeyRequest{KeyId: k}) },
	"DisableKey": func(f *fixture, k string) error { return f.DisableKey(f.admin, &kmsapi.DisableKeyRequest{KeyId: k}) },
	"EnableKeyRotation": func(f *fixture, k string) error {
		return f.EnableKeyRotation(f.admin, &kmsapi.EnableKeyRotationRequest{KeyId: k})
	},
	"DisableKeyRotation": func(f *fixture, k string) error {
		return f.DisableKeyRotation(f.admin, &kmsapi.DisableKeyRotationRequest{KeyId: k})
	},
	"RotateKeyOnDemand": func(f *fixture, k string) error {
		_, err := f.RotateKeyOnDemand(f.admin, &kmsapi.RotateKeyOnDemandRequest{KeyId: k})
		return err
	},
	"ScheduleKeyDeletion": func(f *fixture, k string) error {
		_, err := f.ScheduleKeyDeletion(f.admin, &kmsapi.ScheduleKeyDeletionRequest{KeyId: k})
		return err
	},
	"CancelKeyDeletion": func(f *fixture, k string) error {
		_, err := f.CancelKeyDeletion(f.admin, &kmsapi.CancelKeyDeletionRequest{KeyId: k})
		return err
	},
	"CreateAlias": func(f *fixture, k string) error {
		return f.CreateAlias(f.admin, &kmsapi.CreateAliasRequest{AliasName: "alias/new", TargetKeyId: k})
	},
	"UpdateKeyDescription": func(f *fixture, k string) error {
		return f.UpdateKeyDescription(f.admin, &kmsapi.UpdateKeyDescriptionRequest{KeyId: k, Description: "new"})
	},
	"TagResource": func(f *fixture, k string) error {
		return f.TagResource(f.admin, &kmsapi.TagResourceRequest{KeyId: k, Tags: manyTags(1)})
	},
	"UntagResource": func(f *fixture, k string) error {
		return f.UntagResource(f.admin, &kmsapi.UntagResourceRequest{KeyId: k, TagKeys: []string{"k"}})
	},
	"PutKeyPolicy": func(f *fixture, k string) error {
		got, err := f.GetKeyPolicy(f.admin, &kmsapi.GetKeyPolicyRequest{KeyId: k})
		f.ok(err)
		return f.PutKeyPolicy(f.admin, &kmsapi.PutKeyPolicyRequest{KeyId: k, Policy: *got.Policy})
	},
	"DescribeKey": func(f *fixture, k string) error {
		_, err := f.DescribeKey(f.admin, &kmsapi.DescribeKeyRequest{KeyId: k})
		return err
	},
	"GetKeyRotationStatus": func(f *fixture, k string) error {
		_, err := f.GetKeyRotationStatus(f.admin, &kmsapi.GetKeyRotationStatusRequest{KeyId: k})
		return err
	},
}

func TestStatesOfAKey(t *testing.T) {
	for op, call := range operationsOnAKey {
		for i, st := range []string{"Enabled", "Disabled", "PendingDeletion"} {
			t.Run(op+" "+st, func(t *testing.T) {
				f := newFixture(t)
				k := f.key()
				switch st {
				case "Disabled":
					f.ok(f.DisableKey(f.admin, &kmsapi.DisableKeyRequest{KeyId: k}))
				case "PendingDeletion":
					f.ok(operationsOnAKey["ScheduleKeyDeletion"](f, k))
				}
				if err := call(f, k); answersByState[op][i] == fine {
					f.ok(err)
				} else {
					f.fails(err, op, answersByState[op][i])
				}
			})
		}
	}
}

func TestUpdateKeyDescription(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	for _, d := range []string{"first", "", "third"} {
		f.ok(f.UpdateKeyDescription(f.admin, &kmsapi.UpdateKeyDescriptionRequest{KeyId: k, Description: d}))
		if got := f.describe(k); *got.Description != d {
			t.Errorf("got %q, want %q", *got.Description, d)
		}
	}
}

func TestListKeysInPages(t *testing.T) {
	f := newFixture(t)
	want := map[string]bool{}
	for range 7 {
		want[f.key()] = true
	}
	var marker *string
	pages := 0
	for last := ""; ; {
		out, err := f.ListKeys(f.admin, &kmsapi.ListKeysRequest{Limit: new(3), Marker: marker})
		f.ok(err)
		pages++
		for _, k := range out.Keys {
			if !want[*k.KeyId] || *k.KeyId <= last || !strings.HasSuffix(*k.KeyArn, ":key/"+*k.KeyId) {
				t.Errorf("key %s after %s", *k.KeyId, last)
			}
			last = *k.KeyId
			delete(want, last)
		}
		if *out.Truncated != (out.NextMarker != nil) {
			t.Errorf("Truncated %v with marker %v", *out.Truncated, out.NextMarker)
		}
		if marker = out.NextMarker; marker == nil {
			break
		}
	}
	if len(want) > 0 || pages != 3 {
		t.Errorf("%d keys not listed, in %d pages", len(want), pages)
	}
	out, err := f.ListKeys(f.admin, &kmsapi.ListKeysRequest{Limit: new(3)})
	f.ok(err)
	_, err = f.ListKeys(f.admin, &kmsapi.ListKeysRequest{Marker: new("forged")})
	f.fails(err, "ListKeys", "InvalidMarkerException")
	_, err = f.ListAliases(f.admin, &kmsapi.ListAliasesRequest{Marker: out.NextMarker})
	f.fails(err, "ListAliases", "InvalidMarkerException")
	_, err = f.ListAliases(f.admin, &kmsapi.ListAliasesRequest{Limit: new(101)})
	f.fails(err, "ListAliases", "ValidationException")
}

func TestTags(t *testing.T) {
	f := newFixture(t)
	k := f.make(&kmsapi.CreateKeyRequest{Tags: []kmsapi.Tag{{TagKey: "b", TagValue: "1"}, {TagKey: "a", TagValue: ""}}}).KeyId
	list := func(limit *int, marker *string) *kmsapi.ListResourceTagsResponse {
		t.Helper()
		out, err := f.ListResourceTags(f.admin, &kmsapi.ListResourceTagsRequest{KeyId: k, Limit: limit, Marker: marker})
		f.ok(err)
		return out
	}
	f.ok(f.TagResource(f.admin, &kmsapi.TagResourceRequest{KeyId: k, Tags: []kmsapi.Tag{{TagKey: "b", TagValue: "2"}, {TagKey: "c", TagValue: "3"}}}))
	if got, want := list(nil, nil).Tags, []kmsapi.Tag{{TagKey: "a"}, {TagKey: "b", TagValue: "2"}, {TagKey: "c", TagValue: "3"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	first := list(new(2), nil)
	if len(first.Tags) != 2 || !*first.Truncated {
		t.Errorf("first page %+v", first)
	}
	if got := list(new(2), first.NextMarker); len(got.Tags) != 1 || got.Tags[0].TagKey != "c" || *got.Truncated {
		t.Errorf("second page %+v", got)
	}
	f.ok(f.UntagResource(f.admin, &kmsapi.UntagResourceRequest{KeyId: k, TagKeys: []string{"a", "c", "none"}}))
	if got := list(nil, nil).Tags; len(got) != 1 || got[0].TagKey != "b" {
		t.Errorf("after untagging: %v", got)
	}
	f.fails(f.UntagResource(f.admin, &kmsapi.UntagResourceRequest{KeyId: k, TagKeys: []string{"AWS:x"}}), "UntagResource", "TagException")
	f.fails(f.TagResource(f.admin, &kmsapi.TagResourceRequest{KeyId: k, Tags: manyTags(50)}), "TagResource", "LimitExceededException")
	f.ok(f.TagResource(f.admin, &kmsapi.TagResourceRequest{KeyId: k, Tags: manyTags(49)}))
	_, err := f.ListResourceTags(f.admin, &kmsapi.ListResourceTagsRequest{KeyId: k, Marker: new("forged")})
	f.fails(err, "ListResourceTags", "InvalidMarkerException")
}
