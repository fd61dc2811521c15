package connect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kindred/internal/contactrecord"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// edit is a change of one contact.
type edit struct {
	id string
	// apply makes the new state from the stored one, nil if there is none. It
	// may return the stored one: then nothing is written. Its error is that of
	// this edit alone. It may run several times.
	apply func(old *contact) (*contact, error)

	// What became of it:
	contact *contact // as stored now; nil if err
	changed bool
	err     error
}

// change carries out edits of an instance's contacts in one transaction, each
// of which may fail by itself, and then has them ingested. The error is that of
// the transaction.
func (s *Service) change(ctx context.Context, in *instance, edits []*edit) error {
	arn := s.arn(in.ID, "")
	to, ok, err := s.target(ctx, arn)
	if err != nil {
		return err
	}
	at := s.now()
	err = s.store.Update(ctx, func(tx store.Tx) error {
		now, err := s.instance(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		if now == nil {
			return errNoInstance
		}
		for _, e := range edits {
			if err := s.changeOne(ctx, tx, in.ID, e, ok, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.noted(in.ID)
	var pending []*contact
	for i, e := range edits {
		if e.contact == nil || !e.contact.Pending {
			continue
		}
		last := true // of the edits of the same contact the last has its final state
		for _, later := range edits[i+1:] {
			last = last && (later.id != e.id || later.contact == nil)
		}
		if last {
			pending = append(pending, e.contact)
		}
	}
	if ok && len(pending) > 0 {
		s.ingest(ctx, in.ID, to, pending)
	}
	return nil
}

func (s *Service) changeOne(ctx context.Context, tx store.Tx, instanceID string, e *edit, ingest bool, at time.Time) error {
	e.contact, e.changed, e.err = nil, false, nil
	old, err := s.contact(ctx, tx, instanceID, e.id)
	if err != nil {
		return err
	}
	c, err := e.apply(old)
	switch {
	case err != nil:
		e.err = asFault(err)
		return nil
	case c == old:
		e.contact = old
		return nil
	}
	if c.Pending = ingest; ingest {
		tx.Put(dueKey(instanceID, e.id), dueValue(at.UnixMilli()))
	} else {
		c.Ingested = nil
		tx.Delete(dueKey(instanceID, e.id))
	}
	if err := s.putContact(tx, instanceID, old, c); err != nil {
		return err
	}
	s.note(tx, instanceID, c, at)
	e.contact, e.changed = c, true
	return nil
}

// asFault makes the error of a record one of the client's.
func asFault(err error) error {
	var e *contactrecord.Error
	if errors.As(err, &e) {
		return fault.New(fault.Invalid, "%s", e)
	}
	return err
}

// target is where the contacts of an instance are ingested: the domain, which
// may be given another name on the way, the name that it has, and the type.
type target struct {
	id                 domain.ID
	domain, objectType string
}

func (s *Service) target(ctx context.Context, instanceARN string) (target, bool, error) {
	of, objectType, err := s.associations.DomainOf(ctx, instanceARN)
	if err != nil {
		return target{}, false, fmt.Errorf("connect: %w", err)
	}
	if of == nil {
		return target{}, false, nil
	}
	return target{of.ID, of.Info.Name, objectType}, true, nil
}

// find reads a contact that must be there.
func (s *Service) find(ctx context.Context, r store.Reader, instanceID, contactID string) (*contact, error) {
	if !validContactID(contactID) {
		return nil, errNoContact
	}
	c, err := s.contact(ctx, r, instanceID, contactID)
	if err == nil && c == nil {
		err = errNoContact
	}
	return c, err
}

// contactTail is a contact in an ARN. An identifier of another form names no
// contact and must not change what the ARN means.
func contactTail(contactID string) string {
	if !validContactID(contactID) {
		return "contact/*"
	}
	return "contact/" + strings.TrimSpace(contactID)
}
