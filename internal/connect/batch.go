package connect

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"kindred/internal/api/connectapi"
	"kindred/internal/content"
	"kindred/internal/fault"
)

// BatchPutContact makes up to 25 contacts with customers whose address is
// known. Each of them succeeds or fails by itself.
func (s *Service) BatchPutContact(ctx context.Context, in *connectapi.BatchPutContactRequest) (*connectapi.BatchPutContactResponse, error) {
	i, err := s.enter(ctx, "BatchPutContact", in.InstanceId, "")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for j := range in.ContactDataRequestList {
		if name := text(in.ContactDataRequestList[j].RequestIdentifier); name != "" {
			if seen[name] {
				return nil, invalidRequest("ContactDataRequestList: the RequestIdentifier of request %d is not unique", j+1)
			}
			seen[name] = true
		}
	}
	out := &connectapi.BatchPutContactResponse{}
	now := s.now()
	var edits []*edit
	var index []int
	fail := func(j int, code, message string) {
		out.FailedRequestList = append(out.FailedRequestList, connectapi.FailedRequest{
			RequestIdentifier: in.ContactDataRequestList[j].RequestIdentifier, FailureReasonCode: &code, FailureReasonMessage: &message})
	}
	for j := range in.ContactDataRequestList {
		q := &in.ContactDataRequestList[j]
		if code, message := refusal(q); code != "" {
			fail(j, code, message)
			continue
		}
		id := uuid.NewString()
		if text(in.ClientToken) != "" {
			id = tokenID(i.ID, "batch", *in.ClientToken, text(q.RequestIdentifier), strconv.Itoa(j))
		}
		request, err := digest(q)
		if err != nil {
			return nil, err
		}
		edits = append(edits, newContact(id, request, func() (*contact, error) {
			return fromMembers(s.batchMembers(i, id, q, now))
		}))
		index = append(index, j)
	}
	if len(edits) > 0 {
		if err := s.change(ctx, i, edits); err != nil {
			return nil, err
		}
	}
	for k, e := range edits {
		if e.err != nil {
			code, message := "INTERNAL_ERROR", "The contact could not be made because of an internal error"
			var f *fault.Error
			if errors.As(e.err, &f) && f.Name == "IdempotencyException" {
				code, message = "IDEMPOTENCY_EXCEPTION", f.Message
			}
			fail(index[k], code, message)
			continue
		}
		out.SuccessfulRequestList = append(out.SuccessfulRequestList, connectapi.SuccessfulRequest{
			RequestIdentifier: in.ContactDataRequestList[index[k]].RequestIdentifier, ContactId: &e.id})
	}
	return out, nil
}

// refusal is the code and the text with which a request is refused; empty when
// it is not.
func refusal(q *connectapi.ContactDataRequest) (code, message string) {
	if q.CustomerEndpoint == nil || strings.TrimSpace(text(q.CustomerEndpoint.Address)) == "" {
		return "MISSING_CUSTOMER_ENDPOINT", "CustomerEndpoint: required, with an Address"
	}
	address := *q.CustomerEndpoint.Address
	switch text(q.CustomerEndpoint.Type) {
	case telephone:
		if !strings.HasPrefix(content.Normalize(content.PHONE_NUMBER, address, "ZZ"), "+") {
			return "INVALID_CUSTOMER_ENDPOINT", "CustomerEndpoint.Address: want a telephone number in E.164 form"
		}
	case email:
		if at := strings.LastIndexByte(address, '@'); at < 1 || at == len(address)-1 || strings.ContainsAny(address, " \t\r\n") {
			return "INVALID_CUSTOMER_ENDPOINT", "CustomerEndpoint.Address: want an e-mail address"
		}
	case "VOIP":
	default:
		return "INVALID_CUSTOMER_ENDPOINT", "CustomerEndpoint.Type: want TELEPHONE_NUMBER, EMAIL_ADDRESS or VOIP"
	}
	if err := checkAttributes(q.Attributes); err != nil {
		return "INVALID_ATTRIBUTE_KEY", reason(err)
	}
	return "", ""
}

// batchMembers is the object form of a contact of a batch.
func (s *Service) batchMembers(i *instance, id string, q *connectapi.ContactDataRequest, now time.Time) map[string]any {
	channel := "VOICE"
	if text(q.CustomerEndpoint.Type) == email {
		channel = "EMAIL"
	}
	m := s.newMembers(i, id, channel, "API", q.Attributes, now)
	m["customerEndpoint"] = &endpoint{Address: *q.CustomerEndpoint.Address, Type: *q.CustomerEndpoint.Type}
	if e := q.SystemEndpoint; e != nil && text(e.Address) != "" {
		m["systemEndpoint"] = &endpoint{Address: *e.Address, Type: text(e.Type)}
	}
	if text(q.QueueId) != "" {
		queue := s.resourceMembers(i.ID, "queue", *q.QueueId)
		queue["enqueueTimestamp"] = now.UnixMilli()
		m["queue"] = queue
	}
	if q.Campaign != nil && text(q.Campaign.CampaignId) != "" {
		m["campaign"] = map[string]any{"campaignId": *q.Campaign.CampaignId}
	}
	return m
}
