package connect

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"kindred/internal/api/connectapi"
	"kindred/internal/domain"
	"kindred/internal/store"
)

// MaxAssociated bounds the contacts of one tree.
const MaxAssociated = 1000

// tree reads the contacts that are linked with a contact through transfers and
// relations, itself included, the first to be initiated first.
func (s *Service) tree(ctx context.Context, r store.Reader, instanceID string, start *contact) ([]*contact, error) {
	all := []*contact{start}
	seen := map[string]bool{start.id: true}
	for i := 0; i < len(all); i++ {
		ids, err := linked(ctx, r, instanceID, all[i].id, MaxAssociated+1)
		if err != nil {
			return nil, err
		}
		for to := range all[i].references() {
			ids = append(ids, to)
		}
		ids = slices.DeleteFunc(ids, func(id string) bool {
			had := seen[id]
			seen[id] = true
			return had
		})
		if len(ids) == 0 {
			continue
		}
		found, err := s.contacts(ctx, r, instanceID, ids)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if c != nil {
				all = append(all, c)
			}
		}
		if len(all) > MaxAssociated {
			return nil, invalidRequest("ContactId: more than %d contacts are associated with each other", MaxAssociated)
		}
	}
	slices.SortFunc(all, func(a, b *contact) int {
		return bytes.Compare(timeSort(a.time('i'), a.id), timeSort(b.time('i'), b.id))
	})
	return all, nil
}

// ListAssociatedContacts lists the contacts that a contact is linked with
// through transfers and relations, itself included, the oldest first.
func (s *Service) ListAssociatedContacts(ctx context.Context, in *connectapi.ListAssociatedContactsRequest) (*connectapi.ListAssociatedContactsResponse, error) {
	i, err := s.enter(ctx, "ListAssociatedContacts", in.InstanceId, contactTail(in.ContactId))
	if err != nil {
		return nil, err
	}
	const op = "ListAssociatedContacts"
	args := []string{i.ID, in.ContactId}
	limit, after, err := s.page(op, args, in.MaxResults, usualPage, in.NextToken)
	if err != nil {
		return nil, err
	}
	var all []*contact
	err = s.store.View(ctx, func(r store.Reader) error {
		c, err := s.find(ctx, r, i.ID, in.ContactId)
		if err == nil {
			all, err = s.tree(ctx, r, i.ID, c)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &connectapi.ListAssociatedContactsResponse{ContactSummaryList: []connectapi.AssociatedContactSummary{}}
	var last []byte
	for _, c := range all {
		position := timeSort(c.time('i'), c.id)
		if bytes.Compare(position, after) <= 0 {
			continue
		}
		if len(out.ContactSummaryList) == limit {
			out.NextToken, err = domain.NextToken(s.pages, op, args, last)
			return out, err
		}
		last = position
		d := s.describeContact(i.ID, c)
		out.ContactSummaryList = append(out.ContactSummaryList, connectapi.AssociatedContactSummary{ContactId: d.Id, ContactArn: d.Arn,
			InitiationTimestamp: d.InitiationTimestamp, DisconnectTimestamp: d.DisconnectTimestamp, InitialContactId: d.InitialContactId,
			PreviousContactId: d.PreviousContactId, RelatedContactId: d.RelatedContactId, InitiationMethod: d.InitiationMethod, Channel: d.Channel})
	}
	return out, nil
}

// CreatePersistentContactAssociation makes a chat the continuation of one that
// has ended: of the segment SourceContactId (FROM_SEGMENT), or of the newest
// segment of the session that began with it (ENTIRE_PAST_SESSION). The chat is
// related to that contact from then on.
func (s *Service) CreatePersistentContactAssociation(ctx context.Context, in *connectapi.CreatePersistentContactAssociationRequest) (*connectapi.CreatePersistentContactAssociationResponse, error) {
	i, err := s.enter(ctx, "CreatePersistentContactAssociation", in.InstanceId, contactTail(in.InitialContactId))
	if err != nil {
		return nil, err
	}
	if !validContactID(in.InitialContactId) {
		return nil, errNoContact
	}
	if in.SourceContactId == in.InitialContactId {
		return nil, invalidRequest("SourceContactId: a chat cannot continue itself")
	}
	source, err := s.pastChat(ctx, i.ID, in.SourceContactId, in.RehydrationType == "ENTIRE_PAST_SESSION")
	if err != nil {
		return nil, err
	}
	now := s.now().UnixMilli()
	e := &edit{id: in.InitialContactId, apply: func(old *contact) (*contact, error) {
		switch {
		case old == nil:
			return nil, errNoContact
		case old.view.Channel != "CHAT":
			return nil, invalidRequest("InitialContactId: want a contact of the channel CHAT")
		case old.view.RelatedContactID == source:
			return old, nil
		case old.view.RelatedContactID != "":
			return nil, invalidRequest("InitialContactId: the chat is already related to another contact")
		}
		return old.with(now, map[string]any{"relatedContactId": source})
	}}
	if err := s.change(ctx, i, []*edit{e}); err != nil {
		return nil, err
	}
	if e.err != nil {
		return nil, e.err
	}
	return &connectapi.CreatePersistentContactAssociationResponse{ContinuedFromContactId: &source}, nil
}

// pastChat finds the contact that a chat is to continue.
func (s *Service) pastChat(ctx context.Context, instanceID, id string, session bool) (string, error) {
	var source string
	err := s.store.View(ctx, func(r store.Reader) error {
		c, err := s.find(ctx, r, instanceID, id)
		if errors.Is(err, errNoContact) {
			return invalidRequest("SourceContactId: the instance has no such contact")
		}
		if err != nil {
			return err
		}
		candidates := []*contact{c}
		if session {
			if c.view.InitialContactID != "" && c.view.InitialContactID != c.id {
				return invalidRequest("SourceContactId: for ENTIRE_PAST_SESSION want the initial contact of the session")
			}
			if candidates, err = s.tree(ctx, r, instanceID, c); err != nil {
				return err
			}
		}
		for _, x := range slices.Backward(candidates) {
			ofSession := x.id == c.id || x.view.InitialContactID == c.id
			if ofSession && x.view.Channel == "CHAT" && x.view.Disconnected != 0 {
				source = x.id
				return nil
			}
		}
		return invalidRequest("SourceContactId: want a contact of the channel CHAT that has ended")
	})
	return source, err
}
