package kms_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"kindred/internal/api/kmsapi"
)

func TestEncryptAndDecrypt(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	arn := *f.describe(k).Arn
	f.alias("alias/k", k)
	pairs := map[string]string{"domain": "d1", "a": "", "": "b"}
	for _, plaintext := range [][]byte{{0}, []byte("text"), bytes.Repeat([]byte{7}, 4096)} {
		sealed, err := f.Encrypt(f.admin, &kmsapi.EncryptRequest{KeyId: "alias/k", Plaintext: plaintext, EncryptionContext: pairs, EncryptionAlgorithm: new("SYMMETRIC_DEFAULT")})
		f.ok(err)
		if *sealed.KeyId != arn || *sealed.EncryptionAlgorithm != "SYMMETRIC_DEFAULT" || len(sealed.CiphertextBlob) > 6144 || bytes.Contains(sealed.CiphertextBlob, []byte("text")) {
			t.Errorf("sealed %+v", sealed)
		}
		for _, name := range []*string{nil, &k, &arn, new("alias/k")} {
			out, err := f.Decrypt(f.admin, &kmsapi.DecryptRequest{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: pairs, KeyId: name})
			f.ok(err)
			if !bytes.Equal(out.Plaintext, plaintext) || *out.KeyId != arn || *out.KeyMaterialId != *f.describe(k).CurrentKeyMaterialId {
				t.Errorf("opened %+v", out)
			}
		}
	}
}

func TestCiphertextThatDoesNotOpen(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	pairs := map[string]string{"domain": "d1", "type": "t"}
	blob := f.encrypt(k, "text", pairs)
	for _, other := range []map[string]string{
		nil, {"domain": "d1"}, {"domain": "d1", "type": "t", "x": ""}, {"domain": "d2", "type": "t"},
		{"domain": "d1t", "ype": "t"}, {"Domain": "d1", "type": "t"},
	} {
		_, err := f.decrypt(f.admin, blob, other)
		f.fails(err, "Decrypt", "InvalidCiphertextException")
	}
	for i := range blob {
		bad := bytes.Clone(blob)
		bad[i] ^= 0x40
		_, err := f.decrypt(f.admin, bad, pairs)
		f.fails(err, "Decrypt", "InvalidCiphertextException")
	}
	for n := 1; n < len(blob); n++ {
		_, err := f.decrypt(f.admin, blob[:n], pairs)
		f.fails(err, "Decrypt", "InvalidCiphertextException")
	}
	_, err := f.decrypt(f.admin, append(bytes.Clone(blob), 0), pairs)
	f.fails(err, "Decrypt", "InvalidCiphertextException")

	foreign := newFixture(t)
	_, err = foreign.decrypt(foreign.admin, blob, pairs)
	f.fails(err, "Decrypt", "InvalidCiphertextException")
}

func TestCryptoErrors(t *testing.T) {
	f := newFixture(t)
	k, other := f.key(), f.key()
	blob := f.encrypt(k, "text", nil)
	long := map[string]string{"k": strings.Repeat("v", 8192)}
	decrypt := func(in kmsapi.DecryptRequest) error { _, err := f.Decrypt(f.admin, &in); return err }
	encrypt := func(in kmsapi.EncryptRequest) error { _, err := f.Encrypt(f.admin, &in); return err }
	generate := func(in kmsapi.GenerateDataKeyRequest) error { _, err := f.GenerateDataKey(f.admin, &in); return err }
	reencrypt := func(in kmsapi.ReEncryptRequest) error { _, err := f.ReEncrypt(f.admin, &in); return err }
	rsa := new("RSAES_OAEP_SHA_256")
	text := []byte("text")
	for _, tt := range []struct {
		name, operation, want string
		err                   error
	}{
		{"empty plaintext", "Encrypt", "ValidationException", encrypt(kmsapi.EncryptRequest{KeyId: k})},
		{"4097 bytes", "Encrypt", "ValidationException", encrypt(kmsapi.EncryptRequest{KeyId: k, Plaintext: make([]byte, 4097)})},
		{"context too large", "Encrypt", "ValidationException", encrypt(kmsapi.EncryptRequest{KeyId: k, Plaintext: text, EncryptionContext: long})},
		{"algorithm", "Encrypt", "InvalidKeyUsageException", encrypt(kmsapi.EncryptRequest{KeyId: k, Plaintext: text, EncryptionAlgorithm: rsa})},
		{"token", "Encrypt", "InvalidGrantTokenException", encrypt(kmsapi.EncryptRequest{KeyId: k, Plaintext: text, GrantTokens: []string{"forged"}})},
		{"dry run", "Encrypt", "DryRunOperationException", encrypt(kmsapi.EncryptRequest{KeyId: k, Plaintext: text, DryRun: new(true)})},
		{"not dry", "Encrypt", "", encrypt(kmsapi.EncryptRequest{KeyId: k, Plaintext: text, DryRun: new(false)})},

		{"no ciphertext", "Decrypt", "ValidationException", decrypt(kmsapi.DecryptRequest{})},
		{"6145 bytes", "Decrypt", "ValidationException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: make([]byte, 6145)})},
		{"garbage", "Decrypt", "InvalidCiphertextException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: []byte{1, 2, 3}})},
		{"garbage with key", "Decrypt", "InvalidCiphertextException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: []byte{1, 2, 3}, KeyId: &k})},
		{"other key", "Decrypt", "IncorrectKeyException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob, KeyId: &other})},
		{"no such key", "Decrypt", "NotFoundException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob, KeyId: new("alias/none")})},
		{"algorithm", "Decrypt", "InvalidKeyUsageException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionAlgorithm: rsa})},
		{"recipient", "Decrypt", "ValidationException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob, Recipient: &kmsapi.RecipientInfo{}})},
		{"token", "Decrypt", "InvalidGrantTokenException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob, GrantTokens: []string{"x"}})},
		{"context too large", "Decrypt", "ValidationException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionContext: long})},
		{"dry run", "Decrypt", "DryRunOperationException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob, DryRun: new(true)})},
		{"dry run, bad ciphertext", "Decrypt", "InvalidCiphertextException", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob[1:], DryRun: new(true)})},
		{"ciphertext ignored", "Decrypt", "DryRunOperationException", decrypt(kmsapi.DecryptRequest{KeyId: &k, DryRun: new(true), DryRunModifiers: []string{"IGNORE_CIPHERTEXT"}})},
		{"ignored without dry run", "Decrypt", "ValidationException", decrypt(kmsapi.DecryptRequest{KeyId: &k, DryRunModifiers: []string{"IGNORE_CIPHERTEXT"}})},

		{"no size", "GenerateDataKey", "ValidationException", generate(kmsapi.GenerateDataKeyRequest{KeyId: k})},
		{"two sizes", "GenerateDataKey", "ValidationException", generate(kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256"), NumberOfBytes: new(32)})},
		{"1025 bytes", "GenerateDataKey", "ValidationException", generate(kmsapi.GenerateDataKeyRequest{KeyId: k, NumberOfBytes: new(1025)})},
		{"unknown spec", "GenerateDataKey", "ValidationException", generate(kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_512")})},
		{"recipient", "GenerateDataKey", "ValidationException", generate(kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256"), Recipient: &kmsapi.RecipientInfo{}})},
		{"dry run", "GenerateDataKey", "DryRunOperationException", generate(kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256"), DryRun: new(true)})},
		{"context too large", "GenerateDataKey", "ValidationException", generate(kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256"), EncryptionContext: long})},

		{"other source key", "ReEncrypt", "IncorrectKeyException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, SourceKeyId: &other, DestinationKeyId: other})},
		{"garbage", "ReEncrypt", "InvalidCiphertextException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: []byte{1}, DestinationKeyId: other})},
		{"no destination", "ReEncrypt", "NotFoundException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: "alias/none"})},
		{"wrong context", "ReEncrypt", "InvalidCiphertextException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, SourceEncryptionContext: map[string]string{"a": "b"}, DestinationKeyId: other})},
		{"source algorithm", "ReEncrypt", "InvalidKeyUsageException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: other, SourceEncryptionAlgorithm: rsa})},
		{"destination algorithm", "ReEncrypt", "InvalidKeyUsageException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: other, DestinationEncryptionAlgorithm: rsa})},
		{"token", "ReEncrypt", "InvalidGrantTokenException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: other, GrantTokens: []string{"x"}})},
		{"context too large", "ReEncrypt", "ValidationException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: other, DestinationEncryptionContext: long})},
		{"dry run", "ReEncrypt", "DryRunOperationException", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: other, DryRun: new(true)})},
	} {
		t.Run(tt.operation+" "+tt.name, func(t *testing.T) {
			if tt.want == "" {
				f.ok(tt.err)
				return
			}
			f.fails(tt.err, tt.operation, tt.want)
		})
	}
	f.ok(f.DisableKey(f.admin, &kmsapi.DisableKeyRequest{KeyId: k}))
	f.fails(reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: other}), "ReEncrypt", "DisabledException")
	f.fails(encrypt(kmsapi.EncryptRequest{KeyId: k, Plaintext: text, DryRun: new(true)}), "Encrypt", "DisabledException")
}

func TestReEncrypt(t *testing.T) {
	f := newFixture(t)
	a, b := f.key(), f.key()
	f.alias("alias/b", b)
	blob := f.encrypt(a, "text", map[string]string{"from": "a"})
	out, err := f.ReEncrypt(f.admin, &kmsapi.ReEncryptRequest{
		CiphertextBlob: blob, SourceEncryptionContext: map[string]string{"from": "a"}, SourceKeyId: &a,
		DestinationKeyId: "alias/b", DestinationEncryptionContext: map[string]string{"to": "b"},
	})
	f.ok(err)
	ma, mb := f.describe(a), f.describe(b)
	if *out.SourceKeyId != *ma.Arn || *out.KeyId != *mb.Arn ||
		*out.SourceKeyMaterialId != *ma.CurrentKeyMaterialId || *out.DestinationKeyMaterialId != *mb.CurrentKeyMaterialId {
		t.Errorf("re-encrypted %+v", out)
	}
	if got, err := f.decrypt(f.admin, out.CiphertextBlob, map[string]string{"to": "b"}); err != nil || got != "text" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = f.decrypt(f.admin, out.CiphertextBlob, map[string]string{"from": "a"})
	f.fails(err, "Decrypt", "InvalidCiphertextException")
}

func TestReEncryptRights(t *testing.T) {
	f := newFixture(t)
	a, b := f.key(), f.key()
	allow := func(action, key, condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:` + action + `","Resource":"` + *f.describe(key).Arn + `"` + condition + `}}`
	}
	same := func(v string) string { return `,"Condition":{"Bool":{"kms:ReEncryptOnSameKey":"` + v + `"}}` }
	blob := f.encrypt(a, "text", nil)
	call := func(to string, policies ...string) error {
		_, err := f.ReEncrypt(f.user("u", policies...), &kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyId: to})
		return err
	}
	from, to := allow("ReEncryptFrom", a, ""), allow("ReEncryptTo", b, "")
	f.fails(call(b, from), "ReEncrypt", "AccessDeniedException")
	f.fails(call(b, to), "ReEncrypt", "AccessDeniedException")
	f.ok(call(b, from, to))
	f.ok(call(b, allow("ReEncryptFrom", a, same("false")), to))
	f.fails(call(b, allow("ReEncryptFrom", a, same("true")), to), "ReEncrypt", "AccessDeniedException")
	f.ok(call(a, from, allow("ReEncryptTo", a, same("true"))))
}

func TestGenerateDataKey(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	for _, tt := range []struct {
		in   kmsapi.GenerateDataKeyRequest
		want int
	}{
		{kmsapi.GenerateDataKeyRequest{KeySpec: new("AES_256")}, 32},
		{kmsapi.GenerateDataKeyRequest{KeySpec: new("AES_128")}, 16},
		{kmsapi.GenerateDataKeyRequest{NumberOfBytes: new(1)}, 1},
		{kmsapi.GenerateDataKeyRequest{NumberOfBytes: new(1024)}, 1024},
	} {
		tt.in.KeyId = k
		tt.in.EncryptionContext = map[string]string{"a": "b"}
		out, err := f.GenerateDataKey(f.admin, &tt.in)
		f.ok(err)
		again, err := f.GenerateDataKey(f.admin, &tt.in)
		f.ok(err)
		if len(out.Plaintext) != tt.want || *out.KeyId != *f.describe(k).Arn || *out.KeyMaterialId != *f.describe(k).CurrentKeyMaterialId {
			t.Errorf("%+v", out)
		}
		if tt.want > 1 && bytes.Equal(out.Plaintext, again.Plaintext) {
			t.Error("the same data key twice")
		}
		got, err := f.decrypt(f.admin, out.CiphertextBlob, tt.in.EncryptionContext)
		if err != nil || got != string(out.Plaintext) {
			t.Errorf("opened %x, %v, want %x", got, err, out.Plaintext)
		}
	}
	out, err := f.GenerateDataKeyWithoutPlaintext(f.admin, &kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: k, KeySpec: new("AES_256")})
	f.ok(err)
	if got, err := f.decrypt(f.admin, out.CiphertextBlob, nil); err != nil || len(got) != 32 || bytes.Equal([]byte(got), make([]byte, 32)) {
		t.Errorf("opened %x, %v", got, err)
	}
	_, err = f.GenerateDataKeyWithoutPlaintext(f.admin, &kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: k})
	f.fails(err, "GenerateDataKeyWithoutPlaintext", "ValidationException")
	_, err = f.GenerateDataKeyWithoutPlaintext(f.admin, &kmsapi.GenerateDataKeyWithoutPlaintextRequest{KeyId: k, KeySpec: new("AES_256"), DryRun: new(true)})
	f.fails(err, "GenerateDataKeyWithoutPlaintext", "DryRunOperationException")
}

// FuzzDecrypt: whatever is not a ciphertext of this service is answered as such,
// and nothing else happens.
func FuzzDecrypt(f *testing.F) {
	fx := newFixture(f)
	good := fx.encrypt(fx.key(), "text", map[string]string{"a": "b"})
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good[:77])
	f.Add(append(bytes.Clone(good), 1))
	f.Add([]byte{1})
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1}, 6144))
	f.Fuzz(func(t *testing.T, blob []byte) {
		fx.t = t
		out, err := fx.Decrypt(fx.admin, &kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionContext: map[string]string{"a": "b"}})
		switch {
		case err == nil && bytes.Equal(blob, good) && string(out.Plaintext) == "text":
		case len(blob) == 0 || len(blob) > 6144:
			fx.fails(err, "Decrypt", "ValidationException")
		default:
			fx.fails(err, "Decrypt", "InvalidCiphertextException")
		}
	})
}

// FuzzTokens: forged markers, grant tokens and key names are refused.
func FuzzTokens(f *testing.F) {
	fx := newFixture(f)
	k := fx.key()
	fx.key()
	out, err := fx.ListKeys(fx.admin, &kmsapi.ListKeysRequest{Limit: new(1)})
	fx.ok(err)
	granted, err := fx.CreateGrant(fx.admin, &kmsapi.CreateGrantRequest{KeyId: k, GranteePrincipal: new(userARN("g")), Operations: []string{"Decrypt"}})
	fx.ok(err)
	f.Add(*out.NextMarker)
	f.Add(*granted.GrantToken)
	f.Add("alias/x")
	f.Add("arn:aws:kms:us-east-1:000000000000:key/" + k)
	f.Fuzz(func(t *testing.T, text string) {
		fx.t = t
		if text != *out.NextMarker {
			_, err := fx.ListKeys(fx.admin, &kmsapi.ListKeysRequest{Marker: &text})
			fx.fails(err, "ListKeys", "InvalidMarkerException")
		}
		if text != *granted.GrantToken {
			fx.fails(fx.RetireGrant(fx.admin, &kmsapi.RetireGrantRequest{GrantToken: &text}), "RetireGrant", "InvalidGrantTokenException")
		}
		if !strings.Contains(text, k) {
			if _, err := fx.DescribeKey(fx.admin, &kmsapi.DescribeKeyRequest{KeyId: text}); err == nil {
				t.Errorf("%q names a key", text)
			}
		}
	})
}

func BenchmarkGenerateDataKey(b *testing.B) {
	f := newFixture(b)
	k := f.key()
	in := &kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256"), EncryptionContext: map[string]string{"domain": "d1"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.GenerateDataKey(f.admin, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecrypt(b *testing.B) {
	f := newFixture(b)
	k := f.key()
	pairs := map[string]string{"aws:profile:domain": domainARN("d1")}
	blob := f.encrypt(k, strings.Repeat("k", 32), pairs)
	for i := range 100 { // one for each domain that an account may have
		f.grant(k, kmsapi.CreateGrantRequest{GranteePrincipal: new(profileService), Operations: []string{"Decrypt"},
			Constraints: &kmsapi.GrantConstraints{EncryptionContextEquals: map[string]string{"aws:profile:domain": domainARN(fmt.Sprint("d", i))}}})
	}
	in := &kmsapi.DecryptRequest{CiphertextBlob: blob, KeyId: &k, EncryptionContext: pairs}
	for name, ctx := range map[string]context.Context{"identity policy": f.admin, "service by one of 100 grants": service("d1")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Decrypt(ctx, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
