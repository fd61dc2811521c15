package resource

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"kindred/internal/access"
	"kindred/internal/domain"
)

// KeyStatus is what a key service says of a KMS key.
type KeyStatus struct {
	Enabled      bool
	Disabled     bool
	DeletionDate time.Time // zero: it is not scheduled for deletion
	State        string    // in the words of the key service
	ARN          string
}

// describe asks what a key is: as the caller, if there is one, or as the service,
// whoever may see it.
func (k *Keys) describe(ctx context.Context, c KMS, use domain.KeyUse) (*kms.DescribeKeyOutput, error) {
	if access.From(ctx) == nil {
		return c.DescribeKey(k.asService(ctx, use), &kms.DescribeKeyInput{KeyId: &use.KeyID})
	}
	d, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &use.KeyID})
	if code(err) == "AccessDeniedException" {
		if other, again := c.DescribeKey(k.asService(ctx, use), &kms.DescribeKeyInput{KeyId: &use.KeyID}); again == nil {
			return other, nil
		}
	}
	return d, err
}

// Status tells the state of a KMS key. A key that cannot be seen is an error as of
// one that cannot be used; see ErrKeyMissing.
func (k *Keys) Status(ctx context.Context, use domain.KeyUse) (KeyStatus, error) {
	c, err := k.clients.KMS(ctx, use.KeyID)
	if err != nil {
		return KeyStatus{}, err
	}
	d, err := k.describe(ctx, c, use)
	if err != nil {
		return KeyStatus{}, keyFault(use.KeyID, err)
	}
	m := d.KeyMetadata
	s := KeyStatus{ARN: aws.ToString(m.Arn), State: string(m.KeyState), Enabled: m.KeyState == kmstypes.KeyStateEnabled, Disabled: m.KeyState == kmstypes.KeyStateDisabled}
	if m.KeyState == kmstypes.KeyStatePendingDeletion {
		s.DeletionDate = aws.ToTime(m.DeletionDate)
	}
	return s, nil
}

var _ domain.Rewrapper = (*Keys)(nil)

// Rewrap implements [domain.Rewrapper]: with the material that the key service
// names when it opens the data key, and as the current one.
func (k *Keys) Rewrap(ctx context.Context, use domain.KeyUse, wrapped []byte) ([]byte, error) {
	c, err := k.clients.KMS(ctx, use.KeyID)
	if err != nil {
		return nil, err
	}
	ctx = k.asService(ctx, use)
	d, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &use.KeyID})
	if code(err) == "AccessDeniedException" {
		return nil, nil // not even what the current material is may be seen
	}
	if err != nil {
		return nil, keyFault(use.KeyID, err)
	}
	plain, err := c.Decrypt(ctx, &kms.DecryptInput{KeyId: &use.KeyID, CiphertextBlob: wrapped, EncryptionContext: encryptionContext(use)})
	if err != nil {
		return nil, keyFault(use.KeyID, err)
	}
	defer clear(plain.Plaintext)
	current, under := aws.ToString(d.KeyMetadata.CurrentKeyMaterialId), aws.ToString(plain.KeyMaterialId)
	if current == "" || under == "" || current == under {
		return nil, nil
	}
	out, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &use.KeyID, Plaintext: plain.Plaintext, EncryptionContext: encryptionContext(use)})
	if err != nil {
		return nil, fmt.Errorf("kms:Encrypt: %w", keyFault(use.KeyID, err))
	}
	return out.CiphertextBlob, nil
}
