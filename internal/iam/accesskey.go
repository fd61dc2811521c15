package iam

import (
	"context"
	"slices"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// CreateAccessKey makes an active access key for a user. The answer is the only
// place where its secret is ever shown.
func (s *Service) CreateAccessKey(ctx context.Context, in *kindredapi.CreateAccessKeyRequest) (*kindredapi.CreateAccessKeyResponse, error) {
	fresh := keyRecord{ID: newKeyID("AKIA"), Secret: newSecret(), User: in.UserName, Status: active}
	err := s.change(ctx, "CreateAccessKey", user, in.UserName, func(t *txn, p *principalRecord) error {
		if len(p.Keys) >= MaxAccessKeys {
			return fault.New(fault.Invalid, "The user %s has %d access keys, which is the limit.", p.Name, len(p.Keys))
		}
		fresh.Created = t.Now()
		p.Keys = append(p.Keys, fresh.ID)
		return t.save(keyPrefix+fresh.ID, &fresh)
	})
	if err != nil {
		return nil, err
	}
	return &kindredapi.CreateAccessKeyResponse{AccessKey: &kindredapi.AccessKey{
		UserName: fresh.User, AccessKeyId: fresh.ID, Status: fresh.Status, SecretAccessKey: fresh.Secret, CreateDate: fresh.Created,
	}}, nil
}

// ListAccessKeys lists a user's access keys, oldest first, without secrets.
func (s *Service) ListAccessKeys(ctx context.Context, in *kindredapi.ListAccessKeysRequest) (*kindredapi.ListAccessKeysResponse, error) {
	if err := require(ctx, "ListAccessKeys", s.arn(user, in.UserName)); err != nil {
		return nil, err
	}
	out := &kindredapi.ListAccessKeysResponse{AccessKeyMetadata: []kindredapi.AccessKeyMetadata{}}
	err := s.view(ctx, func(r store.Reader) error {
		p, err := s.principal(ctx, r, user, in.UserName)
		if err != nil {
			return err
		}
		keys, err := s.keysOf(ctx, r, p)
		out.AccessKeyMetadata = out.AccessKeyMetadata[:0]
		for _, k := range keys {
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, kindredapi.AccessKeyMetadata{
				UserName: k.User, AccessKeyId: k.ID, Status: k.Status, CreateDate: k.Created,
			})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateAccessKey makes an access key active or inactive. An inactive one, and
// the sessions it has asked for, are refused from then on.
func (s *Service) UpdateAccessKey(ctx context.Context, in *kindredapi.UpdateAccessKeyRequest) (*kindredapi.UpdateAccessKeyResponse, error) {
	err := s.change(ctx, "UpdateAccessKey", user, in.UserName, func(t *txn, p *principalRecord) error {
		k, err := t.key(ctx, p, in.AccessKeyId)
		if err != nil {
			return err
		}
		k.Status = in.Status
		return t.save(keyPrefix+k.ID, k)
	})
	return &kindredapi.UpdateAccessKeyResponse{}, err
}

// DeleteAccessKey removes an access key; it, and the sessions it has asked for,
// are refused from then on.
func (s *Service) DeleteAccessKey(ctx context.Context, in *kindredapi.DeleteAccessKeyRequest) (*kindredapi.DeleteAccessKeyResponse, error) {
	err := s.change(ctx, "DeleteAccessKey", user, in.UserName, func(t *txn, p *principalRecord) error {
		k, err := t.key(ctx, p, in.AccessKeyId)
		if err != nil {
			return err
		}
		p.Keys = slices.DeleteFunc(p.Keys, func(id string) bool { return id == k.ID })
		t.remove(keyPrefix + k.ID)
		return nil
	})
	return &kindredapi.DeleteAccessKeyResponse{}, err
}

// key reads an access key of the user.
func (t *txn) key(ctx context.Context, p *principalRecord, id string) (*keyRecord, error) {
	k, err := load[keyRecord](ctx, t.s, t, keyPrefix+id)
	if err == nil && (k == nil || k.User != p.Name) {
		return nil, fault.New(fault.NotFound, "The user %s has no access key %s.", p.Name, id)
	}
	return k, err
}
