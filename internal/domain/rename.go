package domain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// RenameDomain gives a domain another name, and changes nothing else of it:
// everything that a domain has is kept under its identity. From the answer on
// the old name is unknown on every node, and free. A call that is under way takes
// place before, under the old name, or finds no domain of that name.
//
// The domain's ARN and those of everything in it follow. So the queue and the
// keys are looked at first, as for a new domain of the new name: their policies
// may name the domain by its ARN as aws:SourceArn, and what Customer Profiles may
// do under the old name it must be able to do under the new one. The domain's own
// key must be usable, by the caller too, as for CreateDomain. Keys of object
// types, and those that the domain had before and that older values are still
// sealed under, must serve the new name if they serve the old one; one that is
// out of use anyway stays so and is no hindrance.
//
// Policies of principals are not rewritten: whoever was allowed something on the
// old ARN by name is not on the new one.
func (s *Service) RenameDomain(ctx context.Context, in *kindredapi.RenameDomainRequest) (*kindredapi.RenameDomainResponse, error) {
	c, err := s.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	if in.NewDomainName == in.DomainName {
		return nil, fault.New(fault.Invalid, "NewDomainName: the domain has this name already")
	}
	for range maxStale {
		if err := s.absent(ctx, in.NewDomainName); err != nil {
			return nil, err
		}
		if err := s.checkName(ctx, c, in.NewDomainName); err != nil {
			return nil, err
		}
		at, err := s.rename(ctx, c, in.NewDomainName)
		if err == nil {
			return &kindredapi.RenameDomainResponse{DomainName: in.NewDomainName, FormerDomainName: in.DomainName,
				DomainArn: s.ARN(in.NewDomainName, ""), LastUpdatedAt: at}, nil
		}
		if !errors.Is(err, errStale) {
			return nil, err
		}
		// What was looked at may not be what the domain uses now: look again.
		if c, err = s.ConfigOf(ctx, c.ID); fault.Is(err, fault.NotFound) || err == nil && c.Info.Name != in.DomainName {
			return nil, notFound(in.DomainName)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, busy()
}

// checkName looks at the queue and the keys of a domain as if it had a name.
func (s *Service) checkName(ctx context.Context, c *Config, name string) error {
	if c.Info.DeadLetterQueueURL != "" {
		if err := s.check.CheckQueue(ctx, c.Info.DeadLetterQueueURL, name); err != nil {
			return err
		}
	}
	own := KeyUse{KeyID: c.Info.DefaultEncryptionKey, Domain: c.ID, DomainName: name}
	if own.KeyID != "" {
		if err := s.check.CheckKey(ctx, own); err != nil {
			return err
		}
	}
	seen := map[KeyUse]bool{own: true}
	for _, k := range c.dataKeys() {
		use := KeyUse{KeyID: k.KeyID, Domain: c.ID, DomainName: name, ObjectType: k.ObjectType}
		if k.KeyID == "" || seen[use] {
			continue
		}
		seen[use] = true
		if err := s.keeps(ctx, use, c.Info.Name, k.Wrapped); err != nil {
			return err
		}
	}
	return nil
}

// keeps checks that a data key which opens under the present name of its domain
// opens under the one of the use.
func (s *Service) keeps(ctx context.Context, use KeyUse, present string, wrapped []byte) error {
	_, err := s.keys.Unwrap(ctx, use, wrapped)
	if err == nil {
		return nil
	}
	was := use
	was.DomainName = present
	_, before := s.keys.Unwrap(ctx, was, wrapped)
	if _, refused := errors.AsType[*fault.Error](before); refused {
		return nil // out of use with or without another name
	}
	if before != nil {
		return fmt.Errorf("domain %s: data key: %w", use.Domain, before)
	}
	if _, refused := errors.AsType[*fault.Error](err); !refused {
		return fmt.Errorf("domain %s: data key: %w", use.Domain, err)
	}
	return s.check.CheckKey(ctx, use) // says what to add, or makes a grant
}

// rename moves the name, in one transaction, if the configuration is in force.
func (s *Service) rename(ctx context.Context, c *Config, name string) (at time.Time, err error) {
	err = s.store.Update(ctx, func(tx store.Tx) error {
		if err := c.inForce(ctx, tx); err != nil {
			return err
		}
		v, err := tx.Get(ctx, nameKey(name))
		if err != nil {
			return fmt.Errorf("domain name: %w", err)
		}
		if v[0] != nil {
			return exists(name)
		}
		info := c.Info
		info.Name, info.LastUpdatedAt = name, tx.Now()
		at = info.LastUpdatedAt
		tx.Delete(nameKey(c.Info.Name))
		tx.Put(nameKey(name), c.ID[:])
		e := &Edit{Config: c, Tx: tx, d: s.Domains}
		e.PutJSON(infoItem, info)
		e.bump()
		return e.err
	})
	s.drop(c)
	s.forget(name)
	return at, err
}
