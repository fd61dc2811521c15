package audit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

const (
	maxResults = 50
	maxChunks  = 200              // records read for one answer
	span       = 10 * time.Second // that the events of one record are apart, at most
	scanChunks = 20
)

// LookupEvents finds events, the newest first, as CloudTrail's operation of that name does:
// those that match every attribute, within the times that are given.
func (s *Service) LookupEvents(ctx context.Context, in *kindredapi.LookupEventsRequest) (*kindredapi.LookupEventsResponse, error) {
	if err := access.Require(ctx, access.Check{Action: "kindred:LookupEvents", Resource: fmt.Sprintf("arn:aws:kindred:%s:%s:audit", s.Region, s.Account)}); err != nil {
		return nil, err
	}
	q, err := s.question(in)
	if err != nil {
		return nil, err
	}
	if in.NextToken != nil {
		position, err := s.Pages.Open("LookupEvents", q.args, *in.NextToken)
		if err != nil {
			return nil, err
		}
		if err := q.resume(position); err != nil {
			return nil, err
		}
	}
	out := &kindredapi.LookupEventsResponse{Events: []kindredapi.AuditEvent{}}
	position, err := s.look(ctx, q, func(e *Event) (bool, error) {
		shape, err := e.shape()
		if err != nil {
			return false, err
		}
		out.Events = append(out.Events, *shape)
		return len(out.Events) < q.limit, nil
	})
	if err != nil || position == nil {
		return out, err
	}
	token, err := s.Pages.Seal("LookupEvents", q.args, position)
	if err != nil {
		return nil, err
	}
	out.NextToken = &token
	return out, nil
}

// question is what is looked for, and where the look is.
type question struct {
	args       []string
	start, end time.Time
	attributes []kindredapi.AuditAttribute
	limit      int

	day   time.Time // the one that is looked at
	below []byte    // sort key that the next record has to be before; nil: any
	skip  int       // events at the end of that record that have been looked at; -1: below is not in it
}

var attributeKeys = []string{"EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId", "ErrorCode"}

func (s *Service) question(in *kindredapi.LookupEventsRequest) (*question, error) {
	q := &question{end: s.Now().UTC(), start: s.Now().UTC().AddDate(0, 0, -s.Days), attributes: in.LookupAttributes, limit: maxResults}
	if in.StartTime != nil {
		q.start = in.StartTime.UTC()
	}
	given := ""
	if in.EndTime != nil {
		q.end = in.EndTime.UTC()
		given = strconv.FormatInt(q.end.UnixMicro(), 10)
	}
	if q.end.Before(q.start) {
		return nil, fault.New(fault.Invalid, "EndTime: it must not be before StartTime")
	}
	if in.MaxResults != nil {
		q.limit = *in.MaxResults
	}
	q.args = []string{strconv.FormatInt(q.start.Unix()/86_400, 10), given}
	if in.StartTime != nil {
		q.args[0] = strconv.FormatInt(q.start.UnixMicro(), 10)
	}
	for _, a := range in.LookupAttributes {
		if !slices.Contains(attributeKeys, a.AttributeKey) {
			return nil, fault.New(fault.Invalid, "LookupAttributes: AttributeKey: want one of %s", strings.Join(attributeKeys, ", "))
		}
		q.args = append(q.args, a.AttributeKey, a.AttributeValue)
	}
	q.day, q.skip = q.end, -1
	return q, nil
}

// position is where a look has stopped: the day, the record, and how many of its events,
// from the end, have been looked at.
func (q *question) position() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(q.day.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(q.skip))
	return append(b, q.below...)
}

func (q *question) resume(position []byte) error {
	if len(position) < 12 {
		return fault.New(fault.Invalid, "NextToken is not valid for this request")
	}
	q.day = time.Unix(int64(binary.BigEndian.Uint64(position)), 0).UTC()
	q.skip = int(binary.BigEndian.Uint32(position[8:]))
	q.below = position[12:]
	return nil
}

// look calls fn for each event that is asked for until it says that it has enough. It
// returns where to go on, nil at the end.
func (s *Service) look(ctx context.Context, q *question, fn func(*Event) (bool, error)) ([]byte, error) {
	first := dayPartition(q.start.Add(-span))
	for chunks := 0; string(dayPartition(q.day)) >= string(first); {
		list, err := s.before(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			q.day, q.below, q.skip = q.day.Truncate(24*time.Hour).Add(-time.Second), nil, -1
			continue
		}
		for _, rec := range list {
			if at := time.UnixMicro(int64(binary.BigEndian.Uint64(rec.Key.Sort))); at.Before(q.start.Add(-span)) {
				return nil, nil
			}
			events, err := s.open(rec)
			if err != nil {
				return nil, err
			}
			done := max(q.skip, 0)
			q.below = rec.Key.Sort
			for i := len(events) - 1 - done; i >= 0; i-- {
				q.skip = len(events) - i
				if e := events[i]; !q.matches(e) {
					continue
				}
				more, err := fn(events[i])
				if err != nil {
					return nil, err
				}
				if !more {
					return q.position(), nil
				}
			}
			q.skip = -1
			if chunks++; chunks >= maxChunks {
				q.skip = len(events)
				return q.position(), nil
			}
		}
	}
	return nil, nil
}

// before reads the next records of the day, the newest first.
func (s *Service) before(ctx context.Context, q *question) (list []store.Record, err error) {
	sp := store.Span{Partition: dayPartition(q.day), Reverse: true, Limit: scanChunks}
	switch {
	case q.below != nil && q.skip >= 0: // the record itself, of which something is left
		sp.End = append(slices.Clone(q.below), 0)
	case q.below != nil:
		sp.End = q.below
	default:
		sp.End = binary.BigEndian.AppendUint64(nil, uint64(q.end.UnixMicro())+1)
	}
	err = s.Store.View(ctx, func(r store.Reader) error {
		lists, err := r.Scan(ctx, sp)
		if err == nil {
			list = lists[0]
		}
		return err
	})
	return list, err
}

func (q *question) matches(e *Event) bool {
	if e.EventTime.Before(q.start) || e.EventTime.After(q.end) {
		return false
	}
	for _, a := range q.attributes {
		ok := false
		switch v := a.AttributeValue; a.AttributeKey {
		case "EventId":
			ok = e.EventID == v
		case "EventName":
			ok = e.EventName == v
		case "ReadOnly":
			ok = strconv.FormatBool(e.ReadOnly) == v
		case "Username":
			ok = e.UserIdentity.UserName == v || e.UserIdentity.ARN == v
		case "EventSource":
			ok = e.EventSource == v
		case "AccessKeyId":
			ok = e.UserIdentity.AccessKeyID == v
		case "ErrorCode":
			ok = e.ErrorCode == v
		case "ResourceType":
			ok = slices.ContainsFunc(e.Resources, func(r Resource) bool { return r.Type == v })
		case "ResourceName":
			ok = slices.ContainsFunc(e.Resources, func(r Resource) bool { return r.Name == v })
		}
		if !ok {
			return false
		}
	}
	return true
}

// shape is an event as the API shows it.
func (e *Event) shape() (*kindredapi.AuditEvent, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	a := &kindredapi.AuditEvent{EventId: e.EventID, EventName: e.EventName, EventTime: e.EventTime, EventSource: e.EventSource, ReadOnly: e.ReadOnly,
		Resources: []kindredapi.AuditResource{}, CloudTrailEvent: string(text)}
	if user := e.UserIdentity.UserName; user != "" {
		a.Username = &user
	} else if arn := e.UserIdentity.ARN; arn != "" {
		a.Username = &arn
	}
	if key := e.UserIdentity.AccessKeyID; key != "" {
		a.AccessKeyId = &key
	}
	if e.ErrorCode != "" {
		a.ErrorCode = &e.ErrorCode
	}
	for _, r := range e.Resources {
		a.Resources = append(a.Resources, kindredapi.AuditResource{ResourceType: r.Type, ResourceName: r.Name})
	}
	return a, nil
}
