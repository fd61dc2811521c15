package iam

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"kindred/internal/store"
)

// Administrator is the user that [Service.Bootstrap] makes, with the inline
// policy AdministratorPolicy, which allows everything.
const (
	Administrator       = "administrator"
	AdministratorPolicy = "AdministratorAccess"
)

const administratorText = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// AccessKey is a long-term access key with its secret.
type AccessKey struct{ ID, Secret string }

// Fresh reports whether the store has no administrator yet, so that
// [Service.Bootstrap] is going to make one.
func (s *Service) Fresh(ctx context.Context) (fresh bool, err error) {
	err = s.view(ctx, func(r store.Reader) error {
		p, err := load[principalRecord](ctx, s, r, user.sort(Administrator))
		fresh = p == nil
		return err
	})
	return fresh, err
}

// Bootstrap makes the administrator and its first access key in a store that
// has none, and writes the key to a credentials file (see
// [WriteCredentialsFile]) when it has not been written before. A start that is
// interrupted anywhere is made good by the next one.
//
// With renew, an administrator whose credentials file is missing gets a new key
// there; its other keys stay as they are, except that an inactive one, or else
// the oldest that Bootstrap made, gives way when there are two already.
// Deleting the file and starting again is thus how a lost key is replaced. A
// node that shares its store with others must not renew: that the file is on
// another node is no loss.
func (s *Service) Bootstrap(ctx context.Context, credentialsFile string, renew bool) error {
	_, err := os.Stat(credentialsFile)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return fmt.Errorf("credentials file: %w", err)
	}
	key, err := s.undelivered(ctx, renew && missing)
	if err != nil || key == nil {
		return err
	}
	if err := WriteCredentialsFile(credentialsFile, AccessKey{key.ID, key.Secret}, s.region); err != nil {
		return err
	}
	return s.update(ctx, func(t *txn) error {
		k, err := load[keyRecord](ctx, s, t, keyPrefix+key.ID)
		if err != nil || k == nil {
			return err
		}
		k.Undelivered = false
		return t.save(keyPrefix+k.ID, k)
	})
}

// undelivered returns the administrator's key that is still to be written to
// the credentials file; nil if there is none.
func (s *Service) undelivered(ctx context.Context, renew bool) (key *keyRecord, err error) {
	fresh := keyRecord{ID: newKeyID("AKIA"), Secret: newSecret()}
	id := user.newID()
	look := func(r store.Reader) (*principalRecord, []*keyRecord, error) {
		p, err := load[principalRecord](ctx, s, r, user.sort(Administrator))
		if err != nil || p == nil {
			return nil, nil, err
		}
		keys, err := s.keysOf(ctx, r, p)
		if err != nil {
			return nil, nil, err
		}
		key = nil
		if i := slices.IndexFunc(keys, func(k *keyRecord) bool { return k.Undelivered && k.Status == active }); i >= 0 {
			key = keys[i]
		}
		return p, keys, nil
	}
	var there *principalRecord
	err = s.view(ctx, func(r store.Reader) (err error) {
		there, _, err = look(r)
		return err
	})
	if err != nil || key != nil || there != nil && !renew {
		return key, err
	}
	err = s.update(ctx, func(t *txn) error {
		p, keys, err := look(t)
		if err != nil || key != nil || p != nil && !renew {
			return err
		}
		if p == nil {
			p = &principalRecord{
				Name: Administrator, ID: id, Created: t.Now(),
				Inline: []document{{AdministratorPolicy, administratorText}},
			}
			t.ledger.users++
		}
		if len(keys) >= MaxAccessKeys {
			t.giveWay(p, keys)
		}
		k := fresh
		k.User, k.Status, k.Created, k.Bootstrap, k.Undelivered = p.Name, active, t.Now(), true, true
		p.Keys = append(p.Keys, k.ID)
		key = &k
		if err := t.save(keyPrefix+k.ID, &k); err != nil {
			return err
		}
		return t.save(user.sort(p.Name), p)
	})
	return key, err
}

// giveWay removes the key that is missed least: one that is inactive, else one
// made at a start. Two active keys that people made both stay.
func (t *txn) giveWay(p *principalRecord, keys []*keyRecord) {
	i := slices.IndexFunc(keys, func(k *keyRecord) bool { return k.Status != active })
	if i < 0 {
		i = slices.IndexFunc(keys, func(k *keyRecord) bool { return k.Bootstrap })
	}
	if i >= 0 {
		t.remove(keyPrefix + keys[i].ID)
		p.Keys = slices.DeleteFunc(p.Keys, func(id string) bool { return id == keys[i].ID })
	}
}

// keysOf reads the access keys of a user, oldest first.
func (s *Service) keysOf(ctx context.Context, r store.Reader, p *principalRecord) ([]*keyRecord, error) {
	if len(p.Keys) == 0 {
		return nil, nil
	}
	sorts := make([]string, len(p.Keys))
	for i, id := range p.Keys {
		sorts[i] = keyPrefix + id
	}
	keys, err := loadAll[keyRecord](ctx, s, r, sorts...)
	if err != nil {
		return nil, err
	}
	if i := slices.Index(keys, nil); i >= 0 {
		return nil, fmt.Errorf("iam: access key %s of user %s: %w: no record", p.Keys[i], p.Name, store.ErrCorrupt)
	}
	return keys, nil
}

// WriteCredentialsFile writes an AWS shared credentials file with the key and the
// region as profile "default" (the AWS CLI of version 1 and boto3 do not take the
// region from AWS_REGION, but they do from there), readable by its owner only (mode 0600). It is written
// beside its place, made durable and renamed, so that it is whole or not there.
func WriteCredentialsFile(path string, key AccessKey, region string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".credentials-*") // mode 0600
	if err != nil {
		return fmt.Errorf("credentials file: %w", err)
	}
	defer os.Remove(f.Name()) // after a rename there is nothing left to remove
	_, err = fmt.Fprintf(f, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n", key.ID, key.Secret, region)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("credentials file: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("credentials file: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("credentials file: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("credentials file: %w", err)
	}
	return nil
}
