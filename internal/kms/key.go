package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"kindred/internal/api/kmsapi"
	"kindred/internal/datakey"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// The one kind of key that there is here.
const (
	specSymmetric       = "SYMMETRIC_DEFAULT"
	usageEncryptDecrypt = "ENCRYPT_DECRYPT"
	originKMS           = "AWS_KMS"
)

// CreateKey makes a symmetric encryption key with new material. Without a
// policy it gets the default one, which leaves every decision to the identity
// policies of the account. Errors: UnsupportedOperationException for any other
// kind of key, CustomKeyStoreNotFoundException, MalformedPolicyDocumentException
// (also when the policy would lock the caller out and
// BypassPolicyLockoutSafetyCheck is not set), TagException and
// LimitExceededException (100,000 keys, 50 tags, 32 kB of policy).
func (s *Service) CreateKey(ctx context.Context, in *kmsapi.CreateKeyRequest) (*kmsapi.CreateKeyResponse, error) {
	id := keyID(uuid.New())
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.authoriseCreation(ctx, id, in, tags); err != nil {
		return nil, err
	}
	if err := supportedKind(in); err != nil {
		return nil, err
	}
	if len(tags) > maxTags {
		return nil, limitExceeded("Tags: at most %d tags on a key", maxTags)
	}
	rec := keyRecord{
		State:   stateEnabled,
		Created: s.clock(),
		Policy:  s.defaultPolicy(),
		Tags:    tags,
	}
	if in.Description != nil {
		rec.Description = *in.Description
	}
	if in.Policy != nil {
		rec.Policy = *in.Policy
		k := &key{keyRecord: rec, id: id, arn: s.keyARN(id)}
		if err := s.checkNewPolicy(ctx, k, *in.Policy, isTrue(in.BypassPolicyLockoutSafetyCheck)); err != nil {
			return nil, err
		}
	}
	err = s.update(ctx, func(tx store.Tx) error {
		n, err := tx.Count(ctx, keyCounter)
		if err != nil {
			return err
		}
		if n[0] >= maxKeys {
			return limitExceeded("At most %d keys in an account and region", maxKeys)
		}
		fresh := rec
		if err := s.addMaterial(tx, id, &fresh, ""); err != nil {
			return err
		}
		tx.Put(listPlace(id), mark)
		tx.Add(keyCounter, 1)
		if err := s.writeKey(tx, id, &fresh); err != nil {
			return err
		}
		rec.Version, rec.MaterialID = fresh.Version, fresh.MaterialID
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kmsapi.CreateKeyResponse{KeyMetadata: s.metadata(id, &rec)}, nil
}

func (s *Service) authoriseCreation(ctx context.Context, id keyID, in *kmsapi.CreateKeyRequest, tags map[string]string) error {
	u := use{requestTags: tags, extra: []condition{
		{"kms:bypasspolicylockoutsafetycheck", boolText(isTrue(in.BypassPolicyLockoutSafetyCheck))},
		{"kms:keyspec", or(in.KeySpec, or(in.CustomerMasterKeySpec, specSymmetric))},
		{"kms:keyusage", or(in.KeyUsage, usageEncryptDecrypt)},
		{"kms:keyorigin", or(in.Origin, originKMS)},
		{"kms:multiregion", boolText(isTrue(in.MultiRegion))},
	}}
	if err := s.authoriseAccount(ctx, "CreateKey", "", u); err != nil {
		return err
	}
	if len(tags) == 0 {
		return nil
	}
	return s.authoriseAccount(ctx, "TagResource", s.keyARN(id), u)
}

func or(p *string, otherwise string) string {
	if p == nil {
		return otherwise
	}
	return *p
}

// supportedKind refuses what the package does not have.
func supportedKind(in *kmsapi.CreateKeyRequest) error {
	switch {
	case in.KeySpec != nil && in.CustomerMasterKeySpec != nil:
		return invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	case or(in.KeySpec, or(in.CustomerMasterKeySpec, specSymmetric)) != specSymmetric:
		return unsupported("KeySpec: only %s is supported", specSymmetric)
	case or(in.KeyUsage, usageEncryptDecrypt) != usageEncryptDecrypt:
		return unsupported("KeyUsage: only %s is supported", usageEncryptDecrypt)
	case in.CustomKeyStoreId != nil:
		return fault.Named(fault.NotFound, "CustomKeyStoreNotFoundException", "CustomKeyStoreId: there are no custom key stores here")
	case or(in.Origin, originKMS) != originKMS:
		return unsupported("Origin: only %s is supported", originKMS)
	case in.XksKeyId != nil:
		return unsupported("XksKeyId: external key stores are not supported")
	case isTrue(in.MultiRegion):
		return unsupported("MultiRegion: multi-Region keys are not supported")
	}
	return nil
}

// addMaterial makes new material the current one of the key.
func (s *Service) addMaterial(tx store.Tx, id keyID, k *keyRecord, why string) error {
	var random [datakey.Size + 32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fmt.Errorf("kms: no randomness: %w", err)
	}
	k.Version++
	k.MaterialID = hex.EncodeToString(random[datakey.Size:])
	at := materialPlace(id, k.Version)
	value, err := s.seal(at, &materialRecord{
		Material: random[:datakey.Size],
		ID:       k.MaterialID,
		Created:  s.clock(),
		Why:      why,
	})
	if err != nil {
		return err
	}
	tx.Put(at, value)
	return nil
}

func (s *Service) metadata(id keyID, k *keyRecord) *kmsapi.KeyMetadata {
	m := &kmsapi.KeyMetadata{
		AWSAccountId:          new(s.account),
		KeyId:                 id.String(),
		Arn:                   new(s.keyARN(id)),
		CreationDate:          new(k.Created),
		Enabled:               new(k.State == stateEnabled),
		Description:           new(k.Description),
		KeyUsage:              new(usageEncryptDecrypt),
		KeyState:              new(k.State),
		Origin:                new(originKMS),
		KeyManager:            new("CUSTOMER"),
		CustomerMasterKeySpec: new(specSymmetric),
		KeySpec:               new(specSymmetric),
		EncryptionAlgorithms:  []string{specSymmetric},
		MultiRegion:           new(false),
		CurrentKeyMaterialId:  new(k.MaterialID),
	}
	if k.State == statePendingDeletion {
		m.DeletionDate = new(k.DeletionDate)
	}
	return m
}

// DescribeKey describes a key, named by its id or ARN or by an alias.
func (s *Service) DescribeKey(ctx context.Context, in *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	if s.checkTokens(in.GrantTokens) != nil { // the model has no InvalidGrantTokenException here
		return nil, invalid("GrantTokens: one of them was not made by this service")
	}
	k, err := s.find(ctx, in.KeyId, byAnyOrARN, use{operation: "DescribeKey"})
	if err != nil {
		return nil, err
	}
	return &kmsapi.DescribeKeyResponse{KeyMetadata: s.metadata(k.id, &k.keyRecord)}, nil
}

// ListKeys lists all keys in the order of their ids, 100 to a page unless Limit
// says otherwise.
func (s *Service) ListKeys(ctx context.Context, in *kmsapi.ListKeysRequest) (*kmsapi.ListKeysResponse, error) {
	if err := s.authoriseAccount(ctx, "ListKeys", "", use{}); err != nil {
		return nil, err
	}
	p, err := s.newPage("ListKeys", nil, in.Limit, in.Marker, 100, 1000)
	if err != nil {
		return nil, err
	}
	var found []store.Record
	err = s.store.View(ctx, func(r store.Reader) error {
		found, err = scan(ctx, r, p.span(keysPartition, nil))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListKeysResponse{Keys: []kmsapi.KeyListEntry{}}
	for _, f := range p.cut(found) {
		id := keyID(f.Key.Sort)
		out.Keys = append(out.Keys, kmsapi.KeyListEntry{KeyId: new(id.String()), KeyArn: new(s.keyARN(id))})
	}
	out.NextMarker, out.Truncated = p.rest()
	return out, nil
}

// UpdateKeyDescription replaces the description.
func (s *Service) UpdateKeyDescription(ctx context.Context, in *kmsapi.UpdateKeyDescriptionRequest) error {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "UpdateKeyDescription"})
	if err != nil {
		return err
	}
	return s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		rec.Description = in.Description
		return rec.notPending(k.arn)
	})
}

// EnableKey makes a disabled key usable again; an enabled one stays so.
func (s *Service) EnableKey(ctx context.Context, in *kmsapi.EnableKeyRequest) error {
	return s.setState(ctx, in.KeyId, "EnableKey", stateEnabled)
}

// DisableKey makes a key unusable for the next call on any node.
func (s *Service) DisableKey(ctx context.Context, in *kmsapi.DisableKeyRequest) error {
	return s.setState(ctx, in.KeyId, "DisableKey", stateDisabled)
}

func (s *Service) setState(ctx context.Context, name, operation, state string) error {
	k, err := s.find(ctx, name, byKey, use{operation: operation})
	if err != nil {
		return err
	}
	return s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		if err := rec.notPending(k.arn); err != nil {
			return err
		}
		rec.State = state
		return nil
	})
}
