package connect

import (
	"context"
	"maps"
	"time"

	"kindred/internal/api/connectapi"
	"kindred/internal/store"
)

// describe reads a contact for an operation on it.
func (s *Service) describe(ctx context.Context, operation, instanceID, contactID string) (*contact, *instance, error) {
	in, err := s.enter(ctx, operation, instanceID, contactTail(contactID))
	if err != nil {
		return nil, nil, err
	}
	var c *contact
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		c, err = s.find(ctx, r, in.ID, contactID)
		return err
	})
	return c, in, err
}

// DescribeContact describes a contact.
func (s *Service) DescribeContact(ctx context.Context, in *connectapi.DescribeContactRequest) (*connectapi.DescribeContactResponse, error) {
	c, i, err := s.describe(ctx, "DescribeContact", in.InstanceId, in.ContactId)
	if err != nil {
		return nil, err
	}
	return &connectapi.DescribeContactResponse{Contact: s.describeContact(i.ID, c)}, nil
}

// GetContactAttributes returns the user-defined attributes of a contact.
func (s *Service) GetContactAttributes(ctx context.Context, in *connectapi.GetContactAttributesRequest) (*connectapi.GetContactAttributesResponse, error) {
	c, _, err := s.describe(ctx, "GetContactAttributes", in.InstanceId, in.InitialContactId)
	if err != nil {
		return nil, err
	}
	return &connectapi.GetContactAttributesResponse{Attributes: c.attributes()}, nil
}

// UpdateContactAttributes sets attributes of a contact, during it or after its
// end; attributes that are not named stay. The contact is ingested again. A
// contact without a customer's address gets it when the attributes now say it.
func (s *Service) UpdateContactAttributes(ctx context.Context, in *connectapi.UpdateContactAttributesRequest) (*connectapi.UpdateContactAttributesResponse, error) {
	i, err := s.enter(ctx, "UpdateContactAttributes", in.InstanceId, contactTail(in.InitialContactId))
	if err != nil {
		return nil, err
	}
	if !validContactID(in.InitialContactId) {
		return nil, errNoContact
	}
	if err := checkAttributes(in.Attributes); err != nil {
		return nil, err
	}
	now := s.now().UnixMilli()
	e := &edit{id: in.InitialContactId, apply: func(old *contact) (*contact, error) {
		if old == nil {
			return nil, errNoContact
		}
		known := old.attributes()
		maps.Copy(known, in.Attributes)
		size := 0
		for k, v := range known {
			size += len(k) + len(v)
		}
		if size > MaxAttributeBytes {
			return nil, invalidRequest("Attributes: the contact would have more than %d bytes of attributes", MaxAttributeBytes)
		}
		all := map[string]any{} // those that are not strings stay what they are
		for k, v := range old.view.Attributes {
			all[k] = v
		}
		for k, v := range in.Attributes {
			all[k] = v
		}
		changes := map[string]any{"attributes": all}
		if old.Live && (old.view.CustomerEndpoint == nil || old.view.CustomerEndpoint.Address == "") {
			if e := customerEndpoint(old.view.Channel, known, nil); e != nil {
				changes["customerEndpoint"] = e
			}
		}
		return old.with(now, changes)
	}}
	if err := s.change(ctx, i, []*edit{e}); err != nil {
		return nil, err
	}
	if e.err != nil {
		return nil, e.err
	}
	return &connectapi.UpdateContactAttributesResponse{}, nil
}

// describeContact is a contact as DescribeContact shows it.
func (s *Service) describeContact(instanceID string, c *contact) *connectapi.Contact {
	v := &c.view
	arn := s.contactARN(instanceID, c.id)
	out := &connectapi.Contact{
		Arn:                             &arn,
		Id:                              &c.id,
		InitialContactId:                given(v.InitialContactID),
		PreviousContactId:               given(v.PreviousContactID),
		RelatedContactId:                given(v.RelatedContactID),
		InitiationMethod:                given(v.InitiationMethod),
		Name:                            given(c.Name),
		Description:                     given(c.Description),
		Channel:                         given(v.Channel),
		InitiationTimestamp:             moment(v.Initiated),
		ConnectedToSystemTimestamp:      moment(v.Connected),
		DisconnectTimestamp:             moment(v.Disconnected),
		LastUpdateTimestamp:             moment(max(c.Updated, v.Initiated)),
		ScheduledTimestamp:              moment(v.Scheduled),
		LastPausedTimestamp:             moment(v.Paused),
		LastResumedTimestamp:            moment(v.Resumed),
		TotalPauseCount:                 v.PauseCount,
		TotalPauseDurationInSeconds:     v.PauseSeconds,
		CustomerId:                      given(v.CustomerID),
		CustomerEndpoint:                endpointInfo(v.CustomerEndpoint),
		SystemEndpoint:                  endpointInfo(v.SystemEndpoint),
		DisconnectReason:                given(v.DisconnectReason),
		AnsweringMachineDetectionStatus: given(v.AnsweringMachine),
		Attributes:                      c.attributes(),
		SegmentAttributes:               segmentValues(v.SegmentAttributes),
		AgentInfo:                       agentInfo(v.Agent),
	}
	if tags := texts(v.Tags); len(tags) > 0 {
		out.Tags = tags
	}
	if v.Queue != nil && v.Queue.name() != "" {
		id := v.Queue.name()
		out.QueueInfo = &connectapi.QueueInfo{Id: &id, EnqueueTimestamp: moment(v.Queue.Enqueued)}
	}
	if v.Campaign != nil && v.Campaign.CampaignID != "" {
		out.Campaign = &connectapi.Campaign{CampaignId: &v.Campaign.CampaignID}
	}
	return out
}

// moment is a time in milliseconds, absent when zero.
func moment(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

func (q *queue) name() string {
	if q.ID != "" {
		return q.ID
	}
	return lastPart(q.ARN)
}

func (a *agent) name() string {
	if a.ID != "" {
		return a.ID
	}
	return lastPart(a.ARN)
}

func endpointInfo(e *endpoint) *connectapi.EndpointInfo {
	if e == nil || e.Address == "" {
		return nil
	}
	return &connectapi.EndpointInfo{Address: &e.Address, Type: given(e.Type), DisplayName: given(e.DisplayName)}
}

func agentInfo(a *agent) *connectapi.AgentInfo {
	if a == nil || a.name() == "" {
		return nil
	}
	id := a.name()
	return &connectapi.AgentInfo{
		Id:                             &id,
		ConnectedToAgentTimestamp:      moment(a.Connected),
		AcceptedByAgentTimestamp:       moment(a.Accepted),
		PreviewEndTimestamp:            moment(a.PreviewEnded),
		AfterContactWorkStartTimestamp: moment(a.WorkStarted),
		AfterContactWorkEndTimestamp:   moment(a.WorkEnded),
		AfterContactWorkDuration:       seconds(a.Work),
		AgentInitiatedHoldDuration:     seconds(a.Hold),
		AgentPauseDurationInSeconds:    seconds(a.Pause),
	}
}

func seconds(ms *float64) *int {
	if ms == nil || *ms < 0 || *ms > 1e15 {
		return nil
	}
	n := int(*ms / 1000)
	return &n
}

func segmentValues(in map[string]segmentValue) map[string]connectapi.SegmentAttributeValue {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]connectapi.SegmentAttributeValue, len(in))
	for k, v := range in {
		out[k] = segmentAttribute(v)
	}
	return out
}

func segmentAttribute(v segmentValue) connectapi.SegmentAttributeValue {
	out := connectapi.SegmentAttributeValue{ValueString: given(v.Text), ValueArn: given(v.ARN), ValueInteger: v.Whole, ValueMap: segmentValues(v.Map)}
	for _, item := range v.List {
		out.ValueList = append(out.ValueList, segmentAttribute(item))
	}
	return out
}
