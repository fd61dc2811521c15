package connect

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"kindred/internal/contactrecord"
)

// contact is a stored contact.
type contact struct {
	// Object is the contact in the object form of contact records.
	Object stdjson.RawMessage
	// Updated is when it was changed last, in milliseconds.
	Updated int64
	// Live says that it is known from calls only and no record of it has come.
	Live        bool       `json:",omitempty"`
	Name        string     `json:",omitempty"`
	Description string     `json:",omitempty"`
	Expires     int64      `json:",omitempty"` // milliseconds
	Request     string     `json:",omitempty"` // digest of the call that made it
	Pending     bool       `json:",omitempty"` // the object is still to be ingested
	Ingested    *Ingestion `json:",omitempty"`

	id   string
	view object
}

// object is what is read of a contact's object form.
type object struct {
	ContactID         string                    `json:"contactId"`
	InitialContactID  string                    `json:"initialContactId"`
	PreviousContactID string                    `json:"previousContactId"`
	NextContactID     string                    `json:"nextContactId"`
	RelatedContactID  string                    `json:"relatedContactId"`
	Channel           string                    `json:"channel"`
	InitiationMethod  string                    `json:"initiationMethod"`
	Initiated         int64                     `json:"initiationTimestamp"`
	Connected         int64                     `json:"connectedToSystemTimestamp"`
	ConnectedToAgent  int64                     `json:"connectedToAgentTimestamp"`
	Disconnected      int64                     `json:"disconnectTimestamp"`
	Scheduled         int64                     `json:"scheduledTimestamp"`
	Paused            int64                     `json:"lastPausedTimestamp"`
	Resumed           int64                     `json:"lastResumedTimestamp"`
	PauseCount        *int                      `json:"totalPauseCount"`
	PauseSeconds      *int                      `json:"totalPauseDurationInSeconds"`
	CustomerID        string                    `json:"customerId"`
	CustomerEndpoint  *endpoint                 `json:"customerEndpoint"`
	SystemEndpoint    *endpoint                 `json:"systemEndpoint"`
	Queue             *queue                    `json:"queue"`
	Agent             *agent                    `json:"agent"`
	Campaign          *campaign                 `json:"campaign"`
	DisconnectReason  string                    `json:"disconnectReason"`
	AnsweringMachine  string                    `json:"answeringMachineDetectionStatus"`
	Attributes        map[string]jsontext.Value `json:"attributes"`
	Tags              map[string]jsontext.Value `json:"tags"`
	SegmentAttributes map[string]segmentValue   `json:"segmentAttributes"`
}

type endpoint struct {
	Address     string `json:"address"`
	Type        string `json:"type"`
	DisplayName string `json:"displayName,omitzero"`
}

type queue struct {
	ID       string `json:"id"`
	ARN      string `json:"arn"`
	Name     string `json:"name"`
	Enqueued int64  `json:"enqueueTimestamp"`
}

type agent struct {
	ID           string   `json:"id"`
	ARN          string   `json:"arn"`
	Connected    int64    `json:"connectedToAgentTimestamp"`
	Accepted     int64    `json:"acceptedByAgentTimestamp"`
	PreviewEnded int64    `json:"previewEndTimestamp"`
	WorkStarted  int64    `json:"afterContactWorkStartTimestamp"`
	WorkEnded    int64    `json:"afterContactWorkEndTimestamp"`
	Work         *float64 `json:"afterContactWorkDurationMillis"`
	Hold         *float64 `json:"agentInitiatedHoldDurationMillis"`
	Pause        *float64 `json:"agentPauseDurationMillis"`
}

type campaign struct {
	CampaignID string `json:"campaignId"`
}

type segmentValue struct {
	Text  string                  `json:"valueString"`
	Whole *int                    `json:"valueInteger"`
	Map   map[string]segmentValue `json:"valueMap"`
	List  []segmentValue          `json:"valueList"`
	ARN   string                  `json:"valueArn"`
}

// parse reads the members of the object form that have a meaning here. Its
// error names the member and no value; a record that has it is not taken.
func (c *contact) parse() error {
	c.view = object{}
	if err := json.Unmarshal(c.Object, &c.view, jsontext.AllowDuplicateNames(true)); err != nil {
		var semantic *json.SemanticError
		member := ""
		if errors.As(err, &semantic) {
			member, _, _ = strings.Cut(strings.TrimPrefix(string(semantic.JSONPointer), "/"), "/")
		}
		return &contactrecord.Error{Member: member, Rule: "a value in it has another type than the data model says"}
	}
	return nil
}

// time is one of the indexed times of a contact, 0 if it has none or is nil.
func (c *contact) time(kind byte) int64 {
	if c == nil {
		return 0
	}
	v := &c.view
	switch kind {
	case 'i':
		// A contact must be found by age to be removed one day.
		if v.Initiated == 0 {
			return c.Updated
		}
		return v.Initiated
	case 's':
		return v.Scheduled
	case 'd':
		return v.Disconnected
	case 'a':
		if v.Agent != nil && v.Agent.Connected != 0 {
			return v.Agent.Connected
		}
		return v.ConnectedToAgent
	case 'q':
		if v.Queue != nil {
			return v.Queue.Enqueued
		}
	}
	return 0
}

// references are the contacts that a contact names as its relatives.
func (c *contact) references() map[string]bool {
	if c == nil {
		return nil
	}
	all := map[string]bool{}
	for _, id := range [...]string{c.view.InitialContactID, c.view.PreviousContactID, c.view.NextContactID, c.view.RelatedContactID} {
		if id != c.id && validContactID(id) {
			all[id] = true
		}
	}
	return all
}

func validContactID(id string) bool {
	return id != "" && len(id) <= contactrecord.MaxContactID &&
		strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// newer reports whether a record is to replace a contact that is stored. It
// orders all states of a contact that records can bring.
func (c *contact) newer(old *contact) bool {
	switch {
	case old == nil:
		return true
	case c.Updated != old.Updated:
		return c.Updated > old.Updated
	case c.Live != old.Live:
		return old.Live
	}
	return bytes.Compare(c.Object, old.Object) > 0
}

// fromRecord makes a contact of a record, with what only the calls about an
// earlier state have said.
func fromRecord(r *contactrecord.Record, old *contact) (*contact, error) {
	c := &contact{id: r.ContactID, Object: r.JSON, Updated: r.Updated}
	if err := c.parse(); err != nil {
		return nil, err
	}
	if old != nil {
		c.Name, c.Description, c.Expires, c.Request, c.Ingested = old.Name, old.Description, old.Expires, old.Request, old.Ingested
	}
	return c, nil
}

// members makes a contact of object members.
func fromMembers(members map[string]any) (*contact, error) {
	b, err := stdjson.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	r, err := contactrecord.Convert(b)
	if err != nil {
		return nil, err
	}
	return fromRecord(r, nil)
}

// with is the contact after a call has changed members of it at a time in
// milliseconds. Contact records carry whole seconds; so does a contact that no
// record of has come, in order that the record of the same second replaces it.
// One that a record has brought becomes newer than that record.
func (c *contact) with(now int64, changes map[string]any) (*contact, error) {
	members := map[string]any{}
	var had map[string]stdjson.RawMessage
	if err := stdjson.Unmarshal(c.Object, &had); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	for name, v := range had {
		members[name] = v
	}
	maps.Copy(members, changes)
	at := max(now/1000*1000, c.Updated)
	if !c.Live {
		at = max(at, c.Updated+1)
	}
	members["lastUpdateTimestamp"] = at
	next, err := fromMembers(members)
	if err != nil {
		return nil, err
	}
	object, view := next.Object, next.view
	*next = *c
	next.Object, next.view, next.Updated = object, view, at
	return next, nil
}

// attributes are the user-defined attributes. Values that are not strings, which
// only records can have, are shown as JSON; nulls are left out.
func (c *contact) attributes() map[string]string { return texts(c.view.Attributes) }

func texts(values map[string]jsontext.Value) map[string]string {
	out := make(map[string]string, len(values))
	for k, v := range values {
		switch v.Kind() {
		case 'n':
		case '"':
			if b, err := jsontext.AppendUnquote(nil, v); err == nil {
				out[k] = string(b)
			}
		default:
			out[k] = string(v)
		}
	}
	return out
}
