package kms

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/store"
)

func (s *Service) arnPrefix() string { return "arn:aws:kms:" + s.region + ":" + s.account + ":" }

func (s *Service) keyARN(id keyID) string { return s.arnPrefix() + "key/" + id.String() }

func (s *Service) aliasARN(name string) string { return s.arnPrefix() + name }

// naming says how an operation lets its caller name a key.
type naming uint8

const (
	byKey      naming = iota // key id or key ARN
	byKeyOnly                // the same, in operations without InvalidArnException
	byAny                    // also alias name and alias ARN, without InvalidArnException
	byAnyOrARN               // also alias name and alias ARN, with InvalidArnException
)

func (n naming) aliases() bool { return n == byAny || n == byAnyOrARN }

// reference names a key: by its id, or by an alias when that is not empty.
type reference struct {
	id    keyID
	alias string
}

// parseReference reads what a caller names a key by.
func (s *Service) parseReference(text string, n naming) (reference, error) {
	rest := text
	if strings.HasPrefix(text, "arn:") {
		var err error
		if rest, err = s.cutARN(text, n); err != nil {
			return reference{}, err
		}
		if id, ok := strings.CutPrefix(rest, "key/"); ok {
			rest = id
		} else if !strings.HasPrefix(rest, "alias/") {
			return reference{}, malformedARN(n)
		}
	}
	if strings.HasPrefix(rest, "alias/") {
		if !n.aliases() {
			return reference{}, notFound("Invalid keyId: this operation takes a key ID or a key ARN, not an alias")
		}
		return reference{alias: rest}, nil
	}
	id, err := uuid.Parse(rest)
	if err != nil || len(rest) != 36 {
		return reference{}, notFound("Invalid keyId: it is neither the ID nor the ARN of a key, nor an alias")
	}
	return reference{id: keyID(id)}, nil
}

// cutARN returns the resource part of an ARN of this service.
func (s *Service) cutARN(text string, n naming) (string, error) {
	if rest, ok := strings.CutPrefix(text, s.arnPrefix()); ok {
		return rest, nil
	}
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 || parts[2] != "kms" {
		return "", malformedARN(n)
	}
	return "", notFound("Invalid arn: keys of region %s and account %s are to be found here", s.region, s.account)
}

func malformedARN(n naming) error {
	const text = "Invalid arn: it has the form arn:aws:kms:REGION:ACCOUNT:key/ID or arn:aws:kms:REGION:ACCOUNT:alias/NAME"
	if n == byKeyOnly || n == byAny {
		return notFound(text)
	}
	return fault.Named(fault.Invalid, "InvalidArnException", text)
}

// find reads the key that a caller names and checks that the caller may use it
// so. What has fallen due with the key happens first.
func (s *Service) find(ctx context.Context, text string, n naming, u use) (*key, error) {
	ref, err := s.parseReference(text, n)
	if err != nil {
		return nil, err
	}
	return s.findRef(ctx, ref, u)
}

func (s *Service) findRef(ctx context.Context, ref reference, u use) (*key, error) {
	k, granted, err := s.look(ctx, ref, &u)
	if err != nil {
		return nil, err
	}
	if now := s.clock(); k.overdue(now) {
		if err := s.settle(ctx, k.id, now); err != nil {
			return nil, err
		}
		if k, granted, err = s.look(ctx, ref, &u); err != nil {
			return nil, err
		}
	}
	u.alias = ref.alias
	return k, s.authorise(ctx, k, granted, &u)
}

// look reads the key, and the grant that lets the caller do what it asks if
// there is one, from one snapshot.
func (s *Service) look(ctx context.Context, ref reference, u *use) (k *key, granted *grant, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		id := ref.id
		if ref.alias != "" {
			a, err := s.readAlias(ctx, r, ref.alias)
			if err != nil {
				return err
			}
			if a == nil {
				return s.noAlias(ref.alias)
			}
			id = a.Target
		}
		var err error
		if k, err = s.readKey(ctx, r, id); err != nil {
			return err
		}
		if k == nil {
			return s.noKey(id)
		}
		if _, ok := grantable[u.operation]; ok {
			granted, err = s.findGrant(ctx, r, k, access.From(ctx), u)
		}
		return err
	})
	return k, granted, err
}
