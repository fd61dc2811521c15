package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/connect"
	"kindred/internal/fault"
)

// States of a contact.
const (
	arrived   = "ARRIVED"
	connected = "CONNECTED"
	ended     = "ENDED"
)

// message is the data of an event. Times that are not known are absent.
type message struct {
	ContactID        string     `json:"contactId"`
	Channel          string     `json:"channel,omitempty"`
	InitiationMethod string     `json:"initiationMethod,omitempty"`
	State            string     `json:"state"`
	Initiated        *time.Time `json:"initiationTimestamp,omitempty"`
	ConnectedToAgent *time.Time `json:"connectedToAgentTimestamp,omitempty"`
	Disconnected     *time.Time `json:"disconnectTimestamp,omitempty"`
	CustomerEndpoint *address   `json:"customerEndpoint,omitempty"`
	SystemEndpoint   *address   `json:"systemEndpoint,omitempty"`
	QueueName        string     `json:"queueName,omitempty"`
	AgentID          string     `json:"agentId,omitempty"`

	// The rest is there when the instance belongs to a domain.
	DomainName string `json:"domainName,omitempty"`
	// ProfileIDs are the associated profile, if there is one, and then those that
	// the contact's search key finds.
	ProfileIDs          []string   `json:"profileIds"`
	MoreProfiles        bool       `json:"moreProfiles,omitempty"`
	AssociatedProfileID string     `json:"associatedProfileId,omitempty"`
	SearchKey           *searchKey `json:"searchKey,omitempty"`
	// ProfilesProblem says why profiles could not be looked for.
	ProfilesProblem string `json:"profilesProblem,omitempty"`
}

type address struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

type searchKey struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// event is a message on its way.
type event struct {
	at        time.Time // of the newest note that it is about
	contactID string
	data      []byte // JSON
}

// write makes the text of the event. JSON has no line breaks, so the data are one line.
func (e *event) write(to *bytes.Buffer) {
	to.WriteString("id: ")
	to.WriteString(strconv.FormatInt(e.at.UnixMicro(), 10))
	to.WriteString("\nevent: contact\ndata: ")
	to.Write(e.data)
	to.WriteString("\n\n")
}

const (
	maxProfiles = 10  // in an event
	readPage    = 100 // contacts read at a time
)

// events makes the events of notes: one for each contact, in the order of the first
// note of each.
func (s *Service) events(ctx context.Context, instanceID string, notes []connect.Note) ([]*event, error) {
	newest := map[string]time.Time{}
	var ids []string
	for _, n := range notes {
		at, had := newest[n.ContactID]
		if !had {
			ids = append(ids, n.ContactID)
		}
		if n.At.After(at) {
			newest[n.ContactID] = n.At
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	domainName, err := s.Contacts.DomainName(ctx, instanceID)
	if err != nil {
		return nil, err
	}
	var all []*event
	for page := range slices.Chunk(ids, readPage) {
		contacts, err := s.Contacts.LiveContacts(ctx, instanceID, page)
		if err != nil {
			return nil, err
		}
		for i := range contacts {
			m := describe(&contacts[i])
			if domainName != "" {
				m.DomainName = domainName
				if err := s.find(ctx, m, &contacts[i]); err != nil {
					return nil, err
				}
			}
			data, err := json.Marshal(m)
			if err != nil {
				return nil, err
			}
			all = append(all, &event{newest[m.ContactID], m.ContactID, data})
		}
	}
	return all, nil
}

func describe(c *connect.LiveContact) *message {
	m := &message{ContactID: c.ID, Channel: c.Channel, InitiationMethod: c.InitiationMethod, QueueName: c.QueueName, AgentID: c.AgentID,
		Initiated: known(c.Initiated), ConnectedToAgent: known(c.ConnectedToAgent), Disconnected: known(c.Disconnected), ProfileIDs: []string{}}
	switch {
	case m.Disconnected != nil:
		m.State = ended
	case m.ConnectedToAgent != nil:
		m.State = connected
	default:
		m.State = arrived
	}
	for _, e := range []struct {
		from connect.Endpoint
		to   **address
	}{{c.Customer, &m.CustomerEndpoint}, {c.System, &m.SystemEndpoint}} {
		if e.from.Address != "" {
			*e.to = &address{e.from.Type, e.from.Address}
		}
	}
	return m
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// keyOf says by what a contact's profiles are searched for: what its attributes ask for,
// else the customer's address ("Auto-pop customer profile", administrator guide).
func keyOf(c *connect.LiveContact) *searchKey {
	switch {
	case c.SearchKey != "":
		return &searchKey{c.SearchKey, c.Search}
	case c.Customer.Address == "":
		return nil
	case c.Customer.Type == "EMAIL_ADDRESS":
		return &searchKey{"_email", c.Customer.Address}
	case c.Customer.Type == "TELEPHONE_NUMBER":
		return &searchKey{"_phone", c.Customer.Address}
	}
	return nil
}

// find looks for the profiles of a contact. What the domain refuses is told in the
// message; the error is of the rest.
func (s *Service) find(ctx context.Context, m *message, c *connect.LiveContact) error {
	search := func(key searchKey) ([]string, bool, error) {
		out, err := s.Profiles.SearchProfiles(ctx, &profileapi.SearchProfilesRequest{DomainName: m.DomainName, KeyName: key.Name,
			Values: []string{key.Value}, MaxResults: new(maxProfiles)})
		if err != nil {
			return nil, false, err
		}
		ids := make([]string, 0, len(out.Items))
		for i := range out.Items {
			if id := out.Items[i].ProfileId; id != nil {
				ids = append(ids, *id)
			}
		}
		return ids, out.NextToken != nil, nil
	}
	err := func() error {
		associated, _, err := search(searchKey{"_ctrContactId", c.ID})
		if err != nil {
			return err
		}
		if len(associated) == 1 {
			m.AssociatedProfileID = associated[0]
			m.ProfileIDs = associated
		}
		if m.SearchKey = keyOf(c); m.SearchKey == nil {
			return nil
		}
		found, more, err := search(*m.SearchKey)
		if err != nil {
			return err
		}
		for _, id := range found {
			switch {
			case slices.Contains(m.ProfileIDs, id):
			case len(m.ProfileIDs) == maxProfiles:
				more = true
			default:
				m.ProfileIDs = append(m.ProfileIDs, id)
			}
		}
		m.MoreProfiles = more
		return nil
	}()
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Internal {
		m.ProfilesProblem = f.Message
		return nil
	}
	return err
}
