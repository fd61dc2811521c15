package connect

import (
	"context"
	"crypto/sha256"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"kindred/internal/api/connectapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// MaxAttributeBytes bounds the attributes of a contact, keys and values
// together ("Attributes" of CreateContact).
const MaxAttributeBytes = 32 * 1024

// attributeKey is the form of a key ("Attributes" of CreateContact).
var attributeKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func checkAttributes(attributes map[string]string) error {
	size := 0
	for k, v := range attributes {
		if !attributeKey.MatchString(k) {
			return fault.New(fault.Invalid, "Attributes: keys have letters, digits, - and _ only")
		}
		size += len(k) + len(v)
	}
	if size > MaxAttributeBytes {
		return fault.New(fault.Invalid, "Attributes: at most %d bytes of UTF-8, keys and values together", MaxAttributeBytes)
	}
	return nil
}

// tokenID makes the identifier of a contact from the ClientToken of the call
// that makes it, so that a repeated call finds it. Instances share no tokens.
func tokenID(instanceID string, parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{"kindred contact", instanceID}, parts...) {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	id := uuid.UUID(h.Sum(nil)[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: of our own making
	id[8] = id[8]&0x3f | 0x80 // the variant of RFC 9562
	return id.String()
}

// newContact carries out the making of a contact. A contact of that identifier
// that the same request has made is the answer, one of another request is an
// error.
func newContact(id, request string, build func() (*contact, error)) *edit {
	return &edit{id: id, apply: func(old *contact) (*contact, error) {
		switch {
		case old == nil:
			c, err := build()
			if err == nil {
				c.Live, c.Request = true, request
			}
			return c, err
		case old.Request == request:
			return old, nil
		}
		return nil, fault.Named(fault.Exists, "IdempotencyException", "ClientToken: it was used for another request")
	}}
}

// CreateContact makes a contact and, where the instance belongs to a domain,
// finds or makes its profile there. See the package comment on where the
// customer's address comes from. InitiateAs CONNECTED_TO_USER connects it to
// the user at once, COMPLETED ends it at once.
func (s *Service) CreateContact(ctx context.Context, in *connectapi.CreateContactRequest) (*connectapi.CreateContactResponse, error) {
	id := uuid.NewString()
	if instanceID, err := s.instanceID(in.InstanceId); err == nil && text(in.ClientToken) != "" {
		id = tokenID(instanceID, *in.ClientToken)
	}
	i, err := s.enter(ctx, "CreateContact", in.InstanceId, contactTail(id))
	if err != nil {
		return nil, err
	}
	if err := checkCreate(in); err != nil {
		return nil, err
	}
	request, err := digest(in)
	if err != nil {
		return nil, err
	}
	previous, related, err := s.relatives(ctx, i.ID, in)
	if err != nil {
		return nil, err
	}
	now := s.now()
	e := newContact(id, request, func() (*contact, error) {
		c, err := fromMembers(s.createMembers(i, id, in, previous, related, now))
		if err != nil {
			return nil, err
		}
		c.Name, c.Description = text(in.Name), text(in.Description)
		if in.ExpiryDurationInMinutes != nil {
			c.Expires = now.Add(time.Duration(*in.ExpiryDurationInMinutes) * time.Minute).UnixMilli()
		}
		return c, nil
	})
	if err := s.change(ctx, i, []*edit{e}); err != nil {
		return nil, err
	}
	if e.err != nil {
		return nil, e.err
	}
	arn := s.contactARN(i.ID, id)
	return &connectapi.CreateContactResponse{ContactId: &id, ContactArn: &arn}, nil
}

// maxExpiryMinutes is the longest life of a contact: 90 days, that of a task.
const maxExpiryMinutes = 90 * 24 * 60

func checkCreate(in *connectapi.CreateContactRequest) error {
	switch {
	case in.ExpiryDurationInMinutes != nil && (*in.ExpiryDurationInMinutes < 1 || *in.ExpiryDurationInMinutes > maxExpiryMinutes):
		return fault.New(fault.Invalid, "ExpiryDurationInMinutes: 1 to %d", maxExpiryMinutes)
	case text(in.InitiateAs) == "CONNECTED_TO_USER" && (in.UserInfo == nil || text(in.UserInfo.UserId) == ""):
		return invalidRequest("UserInfo: required for InitiateAs CONNECTED_TO_USER")
	case text(in.InitiateAs) == "COMPLETED" && in.Channel != "TASK":
		return invalidRequest("InitiateAs: COMPLETED is for the channel TASK only")
	}
	return checkAttributes(in.Attributes)
}

// relatives reads the contacts that a new one follows and is related to.
func (s *Service) relatives(ctx context.Context, instanceID string, in *connectapi.CreateContactRequest) (previous, related *contact, err error) {
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		for _, want := range []struct {
			member string
			id     *string
			to     **contact
		}{{"PreviousContactId", in.PreviousContactId, &previous}, {"RelatedContactId", in.RelatedContactId, &related}} {
			if text(want.id) == "" {
				continue
			}
			*want.to, err = s.find(ctx, r, instanceID, *want.id)
			if errors.Is(err, errNoContact) {
				return fault.New(fault.NotFound, "%s: the instance has no such contact", want.member)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return previous, related, err
}

// createMembers is the object form of a new contact: what is known of it.
func (s *Service) createMembers(i *instance, id string, in *connectapi.CreateContactRequest, previous, related *contact, now time.Time) map[string]any {
	m := s.newMembers(i, id, in.Channel, in.InitiationMethod, in.Attributes, now)
	if previous != nil {
		m["previousContactId"] = previous.id
		m["initialContactId"] = previous.id
		if previous.view.InitialContactID != "" {
			m["initialContactId"] = previous.view.InitialContactID
		}
	}
	if related != nil {
		m["relatedContactId"] = related.id
	}
	if e := customerEndpoint(in.Channel, in.Attributes, in.References, previous, related); e != nil {
		m["customerEndpoint"] = e
	}
	if len(in.References) > 0 {
		m["references"] = references(in.References)
	}
	if len(in.SegmentAttributes) > 0 {
		m["segmentAttributes"] = segmentMembers(in.SegmentAttributes)
	}
	if in.UserInfo != nil && text(in.UserInfo.UserId) != "" {
		user := s.resourceMembers(i.ID, "agent", *in.UserInfo.UserId)
		if text(in.InitiateAs) == "CONNECTED_TO_USER" {
			user["connectedToAgentTimestamp"] = now.UnixMilli()
		}
		m["agent"] = user
	}
	if text(in.InitiateAs) == "COMPLETED" {
		m["disconnectTimestamp"], m["disconnectReason"] = now.UnixMilli(), "API"
	}
	return m
}

// newMembers are the members that every new contact has.
func (s *Service) newMembers(i *instance, id, channel, method string, attributes map[string]string, now time.Time) map[string]any {
	if attributes == nil {
		attributes = map[string]string{}
	}
	return map[string]any{
		"contactId":           id,
		"channel":             channel,
		"initiationMethod":    method,
		"initiationTimestamp": now.UnixMilli(),
		"lastUpdateTimestamp": now.Unix() * 1000, // whole seconds, as records have
		"attributes":          attributes,
		"instanceARN":         s.arn(i.ID, ""),
		"awsaccountId":        s.account,
	}
}

// resourceMembers are the id and the ARN of a resource that may be named by
// either.
func (s *Service) resourceMembers(instanceID, kind, given string) map[string]any {
	if id := lastPart(given); id != given {
		return map[string]any{"id": id, "arn": given}
	}
	return map[string]any{"id": given, "arn": s.arn(instanceID, kind+"/"+given)}
}

// lastPart is what an ARN has after its last slash, or the whole of anything
// else.
func lastPart(arn string) string {
	if !strings.HasPrefix(arn, "arn:") {
		return arn
	}
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

func references(in map[string]connectapi.Reference) []map[string]any {
	var out []map[string]any
	for _, name := range sortedKeys(in) {
		r := in[name]
		m := map[string]any{"name": name, "type": r.Type}
		for member, v := range map[string]*string{"value": r.Value, "status": r.Status, "arn": r.Arn, "statusReason": r.StatusReason} {
			if v != nil {
				m[member] = *v
			}
		}
		out = append(out, m)
	}
	return out
}

func segmentMembers(in map[string]connectapi.SegmentAttributeValue) map[string]any {
	out := map[string]any{}
	for k, v := range in {
		out[k] = segmentMember(v)
	}
	return out
}

func segmentMember(v connectapi.SegmentAttributeValue) map[string]any {
	m := map[string]any{}
	if v.ValueString != nil {
		m["valueString"] = *v.ValueString
	}
	if v.ValueArn != nil {
		m["valueArn"] = *v.ValueArn
	}
	if v.ValueInteger != nil {
		m["valueInteger"] = *v.ValueInteger
	}
	if v.ValueMap != nil {
		m["valueMap"] = segmentMembers(v.ValueMap)
	}
	if v.ValueList != nil {
		list := make([]any, len(v.ValueList))
		for i := range v.ValueList {
			list[i] = segmentMember(v.ValueList[i])
		}
		m["valueList"] = list
	}
	return m
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
