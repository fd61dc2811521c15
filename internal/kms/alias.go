package kms

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"kindred/internal/api/kmsapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// aliasRecord is what the store keeps of an alias.
type aliasRecord struct {
	Name    string    `json:"name"`
	Target  keyID     `json:"target"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// readAlias reads an alias, nil if there is none. It must not be changed.
func (s *Service) readAlias(ctx context.Context, r store.Reader, name string) (*aliasRecord, error) {
	at := s.aliasPlace(name)
	got, err := r.Get(ctx, at)
	if err != nil || got[0] == nil {
		return nil, err
	}
	return opened(s, at, got[0], func(a *aliasRecord) (*aliasRecord, error) { return a, nil })
}

func (s *Service) writeAlias(tx store.Tx, a *aliasRecord) error {
	at := s.aliasPlace(a.Name)
	value, err := s.seal(at, a)
	if err != nil {
		return err
	}
	tx.Put(at, value)
	return nil
}

var aliasForm = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]+$`)

// aliasUse checks that the caller may do an operation on the alias itself,
// which is up to identity policies.
func (s *Service) aliasUse(ctx context.Context, operation, name string) error {
	return s.authoriseAccount(ctx, operation, s.aliasARN(name), use{})
}

// CreateAlias gives a key one more name, of which it may have 50. Errors:
// InvalidAliasNameException, AlreadyExistsException, KMSInvalidStateException
// when the key is to be deleted.
func (s *Service) CreateAlias(ctx context.Context, in *kmsapi.CreateAliasRequest) error {
	name := in.AliasName
	if !aliasForm.MatchString(name) {
		return fault.Named(fault.Invalid, "InvalidAliasNameException",
			"AliasName: must be alias/ followed by letters, digits, '/', '_' and '-'")
	}
	if strings.HasPrefix(name, "alias/aws/") {
		return fault.Named(fault.Invalid, "InvalidAliasNameException", "AliasName: the prefix alias/aws/ is reserved")
	}
	if err := s.aliasUse(ctx, "CreateAlias", name); err != nil {
		return err
	}
	k, err := s.find(ctx, in.TargetKeyId, byKeyOnly, use{operation: "CreateAlias"})
	if err != nil {
		return err
	}
	now := s.clock()
	return s.change(ctx, k.id, func(tx store.Tx, rec *keyRecord) error {
		a, err := s.readAlias(ctx, tx, name)
		if err != nil {
			return err
		}
		if a != nil {
			return fault.Named(fault.Exists, "AlreadyExistsException", "An alias with the name %s already exists", s.aliasARN(name))
		}
		if err := addAlias(rec, name, k.arn); err != nil {
			return err
		}
		return s.writeAlias(tx, &aliasRecord{Name: name, Target: k.id, Created: now, Updated: now})
	})
}

func addAlias(rec *keyRecord, name, arn string) error {
	if err := rec.notPending(arn); err != nil {
		return err
	}
	if len(rec.Aliases) >= maxAliasesPerKey {
		return limitExceeded("At most %d aliases on a key", maxAliasesPerKey)
	}
	at, _ := slices.BinarySearch(rec.Aliases, name)
	rec.Aliases = slices.Insert(rec.Aliases, at, name)
	return nil
}

func removeAlias(rec *keyRecord, name string) {
	if at, found := slices.BinarySearch(rec.Aliases, name); found {
		rec.Aliases = slices.Delete(rec.Aliases, at, at+1)
	}
}

// target is the key that an alias stands for, with the caller's right to an
// operation checked on both.
func (s *Service) target(ctx context.Context, operation, name string) (*key, error) {
	if !aliasForm.MatchString(name) {
		return nil, invalid("AliasName: must be alias/ followed by letters, digits, '/', '_' and '-'")
	}
	if err := s.aliasUse(ctx, operation, name); err != nil {
		return nil, err
	}
	return s.findRef(ctx, reference{alias: name}, use{operation: operation})
}

// checkTarget is for an update that rests on what target found.
func (s *Service) checkTarget(ctx context.Context, tx store.Tx, name string, id keyID) (aliasRecord, error) {
	a, err := s.readAlias(ctx, tx, name)
	switch {
	case err != nil:
		return aliasRecord{}, err
	case a == nil:
		return aliasRecord{}, s.noAlias(name)
	case a.Target != id:
		return aliasRecord{}, fault.New(fault.Busy, "%s is being changed by another request; try again.", s.aliasARN(name))
	}
	return *a, nil
}

// UpdateAlias lets an alias stand for another key.
func (s *Service) UpdateAlias(ctx context.Context, in *kmsapi.UpdateAliasRequest) error {
	from, err := s.target(ctx, "UpdateAlias", in.AliasName)
	if err != nil {
		return err
	}
	to, err := s.find(ctx, in.TargetKeyId, byKeyOnly, use{operation: "UpdateAlias"})
	if err != nil {
		return err
	}
	now := s.clock()
	return s.change(ctx, to.id, func(tx store.Tx, rec *keyRecord) error {
		a, err := s.checkTarget(ctx, tx, in.AliasName, from.id)
		if err != nil {
			return err
		}
		if from.id == to.id {
			return rec.notPending(to.arn)
		}
		old, err := s.editKey(ctx, tx, from.id)
		if err != nil {
			return err
		}
		removeAlias(old, in.AliasName)
		if err := s.writeKey(tx, from.id, old); err != nil {
			return err
		}
		if err := addAlias(rec, in.AliasName, to.arn); err != nil {
			return err
		}
		a.Target, a.Updated = to.id, now
		return s.writeAlias(tx, &a)
	})
}

// DeleteAlias takes an alias away; the key stays.
func (s *Service) DeleteAlias(ctx context.Context, in *kmsapi.DeleteAliasRequest) error {
	k, err := s.target(ctx, "DeleteAlias", in.AliasName)
	if err != nil {
		return err
	}
	return s.change(ctx, k.id, func(tx store.Tx, rec *keyRecord) error {
		if _, err := s.checkTarget(ctx, tx, in.AliasName, k.id); err != nil {
			return err
		}
		removeAlias(rec, in.AliasName)
		tx.Delete(s.aliasPlace(in.AliasName))
		return nil
	})
}

// ListAliases lists the aliases of the account, in no particular but always the
// same order, or those of one key in the order of their names; 50 to a page,
// at most 100.
func (s *Service) ListAliases(ctx context.Context, in *kmsapi.ListAliasesRequest) (*kmsapi.ListAliasesResponse, error) {
	if err := s.authoriseAccount(ctx, "ListAliases", "", use{}); err != nil {
		return nil, err
	}
	var of []string
	var ref reference
	if in.KeyId != nil {
		var err error
		if ref, err = s.parseReference(*in.KeyId, byKey); err != nil {
			return nil, err
		}
		of = []string{ref.id.String()}
	}
	p, err := s.newPage("ListAliases", of, in.Limit, in.Marker, 50, 100)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListAliasesResponse{Aliases: []kmsapi.AliasListEntry{}}
	err = s.store.View(ctx, func(r store.Reader) error {
		found, err := s.pageOfAliases(ctx, r, p, ref, in.KeyId != nil)
		out.Aliases = out.Aliases[:0]
		for _, a := range found {
			out.Aliases = append(out.Aliases, kmsapi.AliasListEntry{
				AliasName:       new(a.Name),
				AliasArn:        new(s.aliasARN(a.Name)),
				TargetKeyId:     new(a.Target.String()),
				CreationDate:    new(a.Created),
				LastUpdatedDate: new(a.Updated),
			})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out.NextMarker, out.Truncated = p.rest()
	return out, nil
}

func (s *Service) pageOfAliases(ctx context.Context, r store.Reader, p *page, ref reference, ofKey bool) ([]aliasRecord, error) {
	var values []store.Record
	if ofKey {
		k, err := s.readKey(ctx, r, ref.id)
		if err != nil {
			return nil, err
		}
		if k == nil {
			return nil, s.noKey(ref.id)
		}
		names := p.cutNames(k.Aliases)
		places := make([]store.Key, len(names))
		for i, n := range names {
			places[i] = s.aliasPlace(n)
		}
		got, err := r.Get(ctx, places...)
		if err != nil {
			return nil, err
		}
		for i, v := range got {
			values = append(values, store.Record{Key: places[i], Value: v})
		}
	} else {
		found, err := scan(ctx, r, p.span(aliasPartition, nil))
		if err != nil {
			return nil, err
		}
		values = p.cut(found)
	}
	out := make([]aliasRecord, len(values))
	for i, v := range values {
		if err := s.open(v.Key, v.Value, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
