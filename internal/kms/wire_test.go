package kms_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"kindred/internal/access"
	"kindred/internal/api/kmsapi"
	"kindred/internal/fault"
	"kindred/internal/server"
)

// callers lets everyone in as the caller given; who signs what is not the
// subject here.
type callers struct{ caller *access.Caller }

func (c callers) Authenticate(*http.Request, []byte) (*access.Caller, string, error) {
	return c.caller, "kms", nil
}

// client is AWS's own client of the fixture's service, over HTTP.
func (f *fixture) client(t *testing.T, ctx context.Context) *awskms.Client {
	t.Helper()
	srv := httptest.NewServer(server.New(server.Config{
		Authenticator: callers{access.From(ctx)},
		Services:      []server.Mount{{API: kmsapi.Service(), Impl: []any{f.Service}}},
	}))
	t.Cleanup(srv.Close)
	return awskms.New(awskms.Options{
		Region: region, BaseEndpoint: &srv.URL, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	})
}

// as returns the error as T, which is one of the client's own error types.
func as[T error](t *testing.T, err error) T {
	t.Helper()
	var e T
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %T", err, e)
	}
	return e
}

func TestWithTheClientOfAWS(t *testing.T) {
	f := newFixture(t)
	c, ctx := f.client(t, f.admin), context.Background()
	made, err := c.CreateKey(ctx, &awskms.CreateKeyInput{
		Description: aws.String("for a domain"), Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("cc")}},
	})
	f.ok(err)
	k := made.KeyMetadata.KeyId
	if made.KeyMetadata.KeySpec != types.KeySpecSymmetricDefault || made.KeyMetadata.KeyState != types.KeyStateEnabled || !made.KeyMetadata.CreationDate.Equal(f.now) {
		t.Errorf("made %+v", made.KeyMetadata)
	}
	_, err = c.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: aws.String("alias/domain"), TargetKeyId: k})
	f.ok(err)
	pairs := map[string]string{"domain": "d1"}
	data, err := c.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: aws.String("alias/domain"), KeySpec: types.DataKeySpecAes256, EncryptionContext: pairs})
	f.ok(err)
	opened, err := c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob, EncryptionContext: pairs})
	f.ok(err)
	if !bytes.Equal(opened.Plaintext, data.Plaintext) || len(data.Plaintext) != 32 {
		t.Errorf("opened %x, want %x", opened.Plaintext, data.Plaintext)
	}
	_, err = c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob})
	as[*types.InvalidCiphertextException](t, err)
	moved, err := c.ReEncrypt(ctx, &awskms.ReEncryptInput{CiphertextBlob: data.CiphertextBlob, SourceEncryptionContext: pairs, DestinationKeyId: k})
	f.ok(err)
	opened, err = c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, KeyId: k})
	f.ok(err)
	if !bytes.Equal(opened.Plaintext, data.Plaintext) {
		t.Error("re-encrypted to something else")
	}

	grant, err := c.CreateGrant(ctx, &awskms.CreateGrantInput{
		KeyId: k, GranteePrincipal: aws.String(profileService), Operations: []types.GrantOperation{types.GrantOperationDecrypt},
		Constraints: &types.GrantConstraints{EncryptionContextEquals: pairs},
	})
	f.ok(err)
	listed, err := c.ListGrants(ctx, &awskms.ListGrantsInput{KeyId: k})
	f.ok(err)
	if len(listed.Grants) != 1 || *listed.Grants[0].GrantId != *grant.GrantId || listed.Grants[0].Constraints.EncryptionContextEquals["domain"] != "d1" {
		t.Errorf("grants %+v", listed.Grants)
	}
	profile := f.client(t, service("d1"))
	_, err = profile.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob, EncryptionContext: pairs})
	f.ok(err)
	_, err = c.RevokeGrant(ctx, &awskms.RevokeGrantInput{KeyId: k, GrantId: grant.GrantId})
	f.ok(err)
	_, err = profile.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob, EncryptionContext: pairs})
	if denied := as[smithy.APIError](t, err); denied.ErrorCode() != "AccessDeniedException" {
		t.Errorf("after the revocation: %v", err)
	}

	_, err = c.EnableKeyRotation(ctx, &awskms.EnableKeyRotationInput{KeyId: k, RotationPeriodInDays: aws.Int32(90)})
	f.ok(err)
	_, err = c.RotateKeyOnDemand(ctx, &awskms.RotateKeyOnDemandInput{KeyId: k})
	f.ok(err)
	status, err := c.GetKeyRotationStatus(ctx, &awskms.GetKeyRotationStatusInput{KeyId: k})
	f.ok(err)
	if !status.KeyRotationEnabled || !status.NextRotationDate.Equal(f.now.Add(90*day)) {
		t.Errorf("rotation %+v", status)
	}
	rotations, err := c.ListKeyRotations(ctx, &awskms.ListKeyRotationsInput{KeyId: k})
	f.ok(err)
	if len(rotations.Rotations) != 1 || rotations.Rotations[0].RotationType != types.RotationTypeOnDemand {
		t.Errorf("rotations %+v", rotations.Rotations)
	}
	_, err = c.DisableKey(ctx, &awskms.DisableKeyInput{KeyId: k})
	f.ok(err)
	_, err = c.Decrypt(ctx, &awskms.DecryptInput{CiphertextBlob: data.CiphertextBlob, EncryptionContext: pairs})
	as[*types.DisabledException](t, err)
	_, err = c.ScheduleKeyDeletion(ctx, &awskms.ScheduleKeyDeletionInput{KeyId: k, PendingWindowInDays: aws.Int32(7)})
	f.ok(err)
	_, err = c.EnableKey(ctx, &awskms.EnableKeyInput{KeyId: k})
	as[*types.KMSInvalidStateException](t, err)
}

func TestErrorsOnTheWire(t *testing.T) {
	f := newFixture(t)
	c, ctx := f.client(t, f.admin), context.Background()
	k := f.key()
	_, err := c.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: aws.String("00000000-0000-4000-8000-000000000000")})
	as[*types.NotFoundException](t, err)
	_, err = c.CreateKey(ctx, &awskms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeSignVerify})
	as[*types.UnsupportedOperationException](t, err)
	_, err = c.PutKeyPolicy(ctx, &awskms.PutKeyPolicyInput{KeyId: &k, Policy: aws.String("{}")})
	as[*types.MalformedPolicyDocumentException](t, err)
	_, err = c.Encrypt(ctx, &awskms.EncryptInput{KeyId: &k, Plaintext: []byte("x"), DryRun: aws.Bool(true)})
	as[*types.DryRunOperationException](t, err)
	_, err = c.TagResource(ctx, &awskms.TagResourceInput{KeyId: &k, Tags: []types.Tag{{TagKey: aws.String("aws:x"), TagValue: aws.String("")}}})
	as[*types.TagException](t, err)
	_, err = c.Encrypt(ctx, &awskms.EncryptInput{KeyId: &k, Plaintext: make([]byte, 4097)})
	if e := as[smithy.APIError](t, err); e.ErrorCode() != "ValidationException" {
		t.Errorf("4097 bytes: %v", err)
	}

	f.alias("alias/a", k)
	for range 4 {
		f.key()
	}
	n := 0
	for p := awskms.NewListKeysPaginator(c, &awskms.ListKeysInput{Limit: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		f.ok(err)
		n += len(page.Keys)
	}
	if n != 5 {
		t.Errorf("%d keys in pages, want 5", n)
	}
	if err := f.DisableKey(context.Background(), &kmsapi.DisableKeyRequest{KeyId: k}); !fault.Is(err, fault.Denied) {
		t.Errorf("without a caller: %v", err)
	}
}
