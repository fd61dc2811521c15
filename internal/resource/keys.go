package resource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/access"
	"kindred/internal/datakey"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/policy"
)

// principal is who Kindred is to keys and queues: the service that speaks for a
// domain.
const principal = "profile.amazonaws.com"

// contextKey is the member of the encryption context that binds a data key to
// its domain, for ever: it holds the domain's id and not its name.
const contextKey = "aws:profile:domain-id"

// Keys makes and opens data keys, and checks KMS keys before they are used.
type Keys struct {
	clients *Clients
	root    tink.AEAD // wraps the data keys of domains without a key of their own
	region  string
	account string
}

// NewKeys makes Keys for an account and region.
func NewKeys(c *Clients, root tink.AEAD, region, account string) *Keys {
	return &Keys{c, root, region, account}
}

var _ domain.DataKeys = (*Keys)(nil)

// source is the ARN that Customer Profiles presents as aws:SourceArn.
func (k *Keys) source(use domain.KeyUse) string {
	arn := "arn:aws:profile:" + k.region + ":" + k.account + ":domains/" + use.DomainName
	if use.ObjectType != "" {
		arn += "/objects/" + use.ObjectType
	}
	return arn
}

func (k *Keys) asService(ctx context.Context, use domain.KeyUse) context.Context {
	return access.WithCaller(ctx, access.ServiceCaller(principal, k.account, k.source(use)))
}

func encryptionContext(use domain.KeyUse) map[string]string {
	return map[string]string{contextKey: use.Domain.String()}
}

// place binds a data key that the root key wraps to its domain.
func place(use domain.KeyUse) []byte { return []byte("domain " + use.Domain.String()) }

// GenerateDataKey makes a data key, wrapped by the domain's KMS key or, when it
// has none, by the installation's root key.
func (k *Keys) GenerateDataKey(ctx context.Context, use domain.KeyUse) (plain, wrapped []byte, err error) {
	if use.KeyID == "" {
		plain = datakey.New()
		wrapped, err = k.root.Encrypt(plain, place(use))
		return plain, wrapped, err
	}
	c, err := k.clients.KMS(ctx, use.KeyID)
	if err != nil {
		return nil, nil, err
	}
	out, err := c.GenerateDataKey(k.asService(ctx, use), &kms.GenerateDataKeyInput{KeyId: &use.KeyID,
		KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: encryptionContext(use)})
	if err != nil {
		return nil, nil, keyFault(use.KeyID, err)
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

// Unwrap opens a data key.
func (k *Keys) Unwrap(ctx context.Context, use domain.KeyUse, wrapped []byte) ([]byte, error) {
	if use.KeyID == "" {
		plain, err := k.root.Decrypt(wrapped, place(use))
		if err != nil {
			return nil, fmt.Errorf("data key of domain %s does not open under the root key: %w", use.Domain, err)
		}
		return plain, nil
	}
	c, err := k.clients.KMS(ctx, use.KeyID)
	if err != nil {
		return nil, err
	}
	out, err := c.Decrypt(k.asService(ctx, use), &kms.DecryptInput{KeyId: &use.KeyID, CiphertextBlob: wrapped,
		EncryptionContext: encryptionContext(use)})
	if err != nil {
		return nil, keyFault(use.KeyID, err)
	}
	return out.Plaintext, nil
}

// Reasons why a key cannot be used; errors.Is finds them in what Keys returns.
var (
	ErrKeyMissing = errors.New("the key does not exist, or Customer Profiles has no grant or permission for it")
	ErrKeyState   = errors.New("the key is not enabled")
	ErrKeyInvalid = errors.New("the key is not valid")
	// ErrKeyDeletion: beside ErrKeyState.
	ErrKeyDeletion = errors.New("the key is scheduled for deletion")
)

// keyFault says in the API's terms why a key cannot be used. A key service that
// does not answer is not the caller's fault and stays an internal error.
func keyFault(keyID string, err error) error {
	switch code(err) {
	case "NotFoundException", "AccessDeniedException", "AccessDenied", "InvalidGrantTokenException":
		return fault.New(fault.Invalid, "The KMS key %s does not exist, or Customer Profiles has no grant or permission to use it", keyID).
			Because(errors.Join(ErrKeyMissing, err))
	case "DisabledException", "KMSInvalidStateException", "KeyUnavailableException":
		return fault.New(fault.Invalid, "The KMS key %s is not enabled", keyID).Because(errors.Join(ErrKeyState, err))
	case "InvalidArnException", "InvalidKeyUsageException", "IncorrectKeyException", "InvalidCiphertextException", "ValidationException":
		return fault.New(fault.Invalid, "The KMS key %s is not valid: %s", keyID, text(err)).Because(errors.Join(ErrKeyInvalid, err))
	}
	return fmt.Errorf("key service: %w", err)
}

// serviceActions are what a key policy is to allow Customer Profiles: with the last
// two the state of the key can be told, and its rotations followed.
var serviceActions = []string{"kms:GenerateDataKey", "kms:Decrypt", "kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt"}

// CheckKey makes sure, before a domain or an object type is given a key, that
// the key can serve: it is there, symmetric and enabled; the caller may use it;
// and Customer Profiles may use it, by the key policy or else by a grant that
// the caller may make, which is then bound to the domain.
func (k *Keys) CheckKey(ctx context.Context, use domain.KeyUse) error {
	c, err := k.clients.KMS(ctx, use.KeyID)
	if err != nil {
		return err
	}
	d, err := k.describe(ctx, c, use)
	switch code(err) {
	case "":
		if err != nil {
			return fmt.Errorf("key service: %w", err)
		}
	case "AccessDeniedException":
		return fault.New(fault.Denied, "%s", text(err)).Because(err)
	case "NotFoundException":
		return fault.New(fault.Invalid, "The KMS key %s does not exist in this region", use.KeyID).Because(errors.Join(ErrKeyMissing, err))
	default:
		return keyFault(use.KeyID, err)
	}
	m := d.KeyMetadata
	// A compatible server may leave out what is the default.
	if cmp.Or(m.KeySpec, kmstypes.KeySpecSymmetricDefault) != kmstypes.KeySpecSymmetricDefault ||
		cmp.Or(m.KeyUsage, kmstypes.KeyUsageTypeEncryptDecrypt) != kmstypes.KeyUsageTypeEncryptDecrypt {
		return fault.New(fault.Invalid, "The KMS key %s cannot encrypt data keys: choose a symmetric key (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT)", use.KeyID)
	}
	if m.KeyState == kmstypes.KeyStatePendingDeletion && m.DeletionDate != nil {
		return fault.New(fault.Invalid, "The KMS key %s is scheduled for deletion on %s: cancel its deletion and enable it first",
			use.KeyID, m.DeletionDate.UTC().Format(time.DateOnly)).Because(errors.Join(ErrKeyState, ErrKeyDeletion))
	}
	if m.KeyState != kmstypes.KeyStateEnabled {
		return fault.New(fault.Invalid, "The KMS key %s is in the state %s: enable it first", use.KeyID, m.KeyState).Because(ErrKeyState)
	}
	if err := k.tryAsCaller(ctx, c, use); err != nil {
		return err
	}
	if k.tryAsService(ctx, c, use) == nil {
		return nil
	}
	return k.grant(ctx, c, use, aws.ToString(m.Arn))
}

// try makes a data key and opens it again; nothing is kept of it.
func (k *Keys) try(ctx context.Context, c KMS, use domain.KeyUse) error {
	out, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &use.KeyID, KeySpec: kmstypes.DataKeySpecAes256,
		EncryptionContext: encryptionContext(use)})
	if err != nil {
		return err
	}
	_, err = c.Decrypt(ctx, &kms.DecryptInput{KeyId: &use.KeyID, CiphertextBlob: out.CiphertextBlob, EncryptionContext: encryptionContext(use)})
	return err
}

func (k *Keys) tryAsService(ctx context.Context, c KMS, use domain.KeyUse) error {
	return k.try(k.asService(ctx, use), c, use)
}

func (k *Keys) tryAsCaller(ctx context.Context, c KMS, use domain.KeyUse) error {
	err := k.try(ctx, c, use)
	switch {
	case err == nil:
		return nil
	case code(err) == "AccessDeniedException":
		return fault.New(fault.Denied, "To use the KMS key you need kms:GenerateDataKey and kms:Decrypt on it: %s", text(err)).Because(err)
	}
	return keyFault(use.KeyID, err)
}

// grantOperations are what Customer Profiles does with a key.
var grantOperations = []kmstypes.GrantOperation{kmstypes.GrantOperationGenerateDataKey, kmstypes.GrantOperationDecrypt,
	kmstypes.GrantOperationDescribeKey, kmstypes.GrantOperationEncrypt}

func (k *Keys) grant(ctx context.Context, c KMS, use domain.KeyUse, keyARN string) error {
	name := "kindred-" + use.Domain.String()
	_, err := c.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: &use.KeyID, GranteePrincipal: aws.String(principal),
		Operations: slices.Clone(grantOperations), Name: &name,
		Constraints: &kmstypes.GrantConstraints{EncryptionContextEquals: encryptionContext(use)}})
	if err == nil {
		err = k.tryAsService(ctx, c, use)
	}
	switch {
	case err == nil:
		return nil
	case code(err) == "":
		return fmt.Errorf("key service: %w", err)
	}
	statement := policy.ServiceStatement("AllowCustomerProfiles", principal, serviceActions, "*", k.source(use), k.account)
	return fault.New(fault.Invalid, "Customer Profiles may not use the KMS key %s. Either call with kms:CreateGrant on the key, "+
		"so that a grant can be made, or add this statement to its key policy: %s", keyARN, statement).Because(errors.Join(ErrKeyMissing, err))
}
