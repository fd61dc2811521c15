package connect

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"kindred/internal/api/connectapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// Bounds of a search.
const (
	// MaxSearchRange is the longest time range.
	MaxSearchRange = 366 * 24 * time.Hour
	// MaxSearched bounds the contacts that are looked at for one page. A search
	// in the order of its time range goes on from there with the next page; one
	// in another order is refused when its range holds more.
	MaxSearched = 10_000

	searchBatch = 256 // contacts read at a time
	usualPage   = 100
)

// timeRange reads a time range: the letter of its time and both ends, included,
// in milliseconds.
func timeRange(member string, in *connectapi.SearchContactsTimeRange) (kind byte, from, to int64, err error) {
	kind = timeKinds[in.Type]
	from, to = in.StartTime.UnixMilli(), in.EndTime.UnixMilli()
	switch {
	case kind == 0:
		err = fault.New(fault.Invalid, "%s.Type: no such time", member)
	case from < 0 || to > maxMillis:
		err = fault.New(fault.Invalid, "%s: want times from 1970 to 9999", member)
	case from > to:
		err = fault.New(fault.Invalid, "%s: StartTime is after EndTime", member)
	case to-from > MaxSearchRange.Milliseconds():
		err = fault.New(fault.Invalid, "%s: at most %d days", member, int(MaxSearchRange.Hours()/24))
	}
	return kind, from, to, err
}

const maxMillis = 253402300799999 // the end of the year 9999

// search is one SearchContacts.
type search struct {
	s        *Service
	instance string
	kind     byte // of the time range
	from, to int64
	wanted   test   // nil: all
	most     int    // contacts that may be looked at
	field    string // to sort by
	reverse  bool
	limit    int
	after    []byte // position of the last contact of the page before
	total    int64  // as the page before knew it; -1 unknown

	found []*contact
	next  []byte // position to go on from; nil at the end
}

// SearchContacts finds the contacts of an instance by one of their times, and
// by criteria. TotalCount is given when the contacts in the time range are at
// most [MaxSearched].
func (s *Service) SearchContacts(ctx context.Context, in *connectapi.SearchContactsRequest) (*connectapi.SearchContactsResponse, error) {
	i, err := s.enter(ctx, "SearchContacts", in.InstanceId, "")
	if err != nil {
		return nil, err
	}
	q := &search{s: s, instance: i.ID, field: "INITIATION_TIMESTAMP", reverse: true, total: -1, most: s.searched}
	if in.Sort != nil {
		q.field, q.reverse = in.Sort.FieldName, in.Sort.Order == "DESCENDING"
	}
	if q.kind, q.from, q.to, err = timeRange("TimeRange", in.TimeRange); err != nil {
		return nil, err
	}
	if in.SearchCriteria != nil {
		if q.wanted, err = criteria(in.SearchCriteria); err != nil {
			return nil, err
		}
	}
	question, err := digest([]any{in.TimeRange, in.SearchCriteria, q.field, q.reverse})
	if err != nil {
		return nil, err
	}
	const op = "SearchContacts"
	args := []string{i.ID, question}
	var position []byte
	if q.limit, position, err = s.page(op, args, in.MaxResults, usualPage, in.NextToken); err != nil {
		return nil, err
	}
	if len(position) >= 8 {
		q.total, q.after = int64(binary.BigEndian.Uint64(position)), position[8:]
	}
	run := q.sorted
	if q.inIndexOrder() {
		run = q.inOrder
	}
	asked := *q // a search keeps in itself how far it is
	if err := s.store.View(ctx, func(r store.Reader) error { *q = asked; return run(ctx, r) }); err != nil {
		return nil, err
	}
	out := &connectapi.SearchContactsResponse{Contacts: make([]connectapi.ContactSearchSummary, len(q.found))}
	for j, c := range q.found {
		out.Contacts[j] = s.summary(i.ID, c)
	}
	if q.total >= 0 {
		out.TotalCount = &q.total
	}
	if q.next != nil {
		position := append(binary.BigEndian.AppendUint64(nil, uint64(q.total)), q.next...)
		if out.NextToken, err = domain.NextToken(s.pages, op, args, position); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// inIndexOrder reports whether the order asked for is that of the time range.
func (q *search) inIndexOrder() bool { return timeKinds[q.field] == q.kind }

// inOrder searches along the index of the time range, which is the order asked
// for. On the first page it goes on to count when that is cheap.
func (q *search) inOrder(ctx context.Context, r store.Reader) error {
	first := q.after == nil
	matches, examined := int64(0), 0
	more := false // contacts that belong to a later page
	err := q.walk(ctx, r, func(sort []byte, c *contact) bool {
		examined++
		if q.wants(c) {
			matches++
			if len(q.found) == q.limit {
				more = true
			} else {
				q.found = append(q.found, c)
				q.next = bytes.Clone(sort)
			}
		}
		if len(q.found) < q.limit {
			q.next = bytes.Clone(sort) // where to go on if this was the last that may be looked at
		}
		return examined < q.most && (!more || first)
	})
	if err != nil {
		return err
	}
	complete := examined < q.most
	if first && complete {
		q.total = matches
	}
	if complete && !more {
		q.next = nil
	}
	return nil
}

// sorted searches in another order than that of an index: it reads all contacts
// in the time range.
func (q *search) sorted(ctx context.Context, r store.Reader) error {
	after := q.after
	q.after = nil
	examined := 0
	type entry struct {
		position []byte
		contact  *contact
	}
	var all []entry
	err := q.walk(ctx, r, func(_ []byte, c *contact) bool {
		if examined++; examined <= q.most && q.wants(c) {
			all = append(all, entry{q.position(c), c})
		}
		return examined <= q.most
	})
	if err != nil {
		return err
	}
	if examined > q.most {
		return fault.New(fault.Invalid, "TimeRange: it holds more than %d contacts, too many to sort by %s; narrow it, or sort by its own time",
			q.most, q.field)
	}
	sign := 1
	if q.reverse {
		sign = -1
	}
	slices.SortFunc(all, func(a, b entry) int { return sign * bytes.Compare(a.position, b.position) })
	q.total = int64(len(all))
	for _, e := range all {
		if after != nil && sign*bytes.Compare(e.position, after) <= 0 {
			continue
		}
		if len(q.found) == q.limit {
			return nil
		}
		q.found, q.next = append(q.found, e.contact), e.position
	}
	q.next = nil
	return nil
}

func (q *search) wants(c *contact) bool { return q.wanted == nil || q.wanted(c) }

// position is where a contact stands in the order of the field: its value, and
// its identifier to tell it from others with the same.
func (q *search) position(c *contact) []byte {
	switch q.field {
	case "CHANNEL":
		return append(append([]byte(cut(c.view.Channel)), 0), c.id...)
	case "INITIATION_METHOD":
		return append(append([]byte(cut(c.view.InitiationMethod)), 0), c.id...)
	case "EXPIRY_TIMESTAMP":
		return timeSort(c.Expires, c.id)
	}
	return timeSort(c.time(timeKinds[q.field]), c.id)
}

// cut bounds a text that a record has brought, for a position.
func cut(s string) string { return s[:min(len(s), 64)] }

// walk calls visit with the contacts of the time range in the order of its
// time, after the position q.after, until visit returns false. A contact that
// only counts, because all are wanted and the page is full, is not read and nil.
func (q *search) walk(ctx context.Context, r store.Reader, visit func(sort []byte, c *contact) bool) error {
	const day = 24 * 60 * 60 * 1000
	low, high := timeSort(q.from, ""), timeSort(q.to+1, "")
	from, to := q.from/day, q.to/day
	if q.after != nil { // days before the position need not be looked at
		ms, _, err := parseTimeSort(q.after)
		if err != nil {
			return err
		}
		if q.reverse {
			high, to = q.after, min(to, ms/day)
		} else {
			low, from = append(bytes.Clone(q.after), 0), max(from, ms/day)
		}
	}
	for n := from; n <= to; n++ {
		at := n
		if q.reverse {
			at = to - (n - from)
		}
		span := store.Span{Partition: timePartition(q.instance, q.kind, at*day), Start: low, End: high, Reverse: q.reverse, Limit: searchBatch}
		if more, err := q.walkDay(ctx, r, span, visit); err != nil || !more {
			return err
		}
	}
	return nil
}

func (q *search) walkDay(ctx context.Context, r store.Reader, span store.Span, visit func([]byte, *contact) bool) (more bool, err error) {
	for {
		lists, err := r.Scan(ctx, span)
		if err != nil {
			return false, fmt.Errorf("connect: %w", err)
		}
		ids := make([]string, len(lists[0]))
		for i, rec := range lists[0] {
			if _, ids[i], err = parseTimeSort(rec.Key.Sort); err != nil {
				return false, err
			}
		}
		if len(ids) == 0 {
			return true, nil
		}
		needed := ids
		if q.wanted == nil && q.inIndexOrder() {
			needed = ids[:min(len(ids), q.limit-len(q.found))]
		}
		all, err := q.s.contacts(ctx, r, q.instance, needed)
		if err != nil {
			return false, err
		}
		for i := range ids {
			var c *contact
			if i < len(all) {
				if c = all[i]; c == nil {
					return false, fmt.Errorf("connect: time entry without a contact: %w", store.ErrCorrupt)
				}
			}
			if !visit(lists[0][i].Key.Sort, c) {
				return false, nil
			}
		}
		if len(ids) < searchBatch {
			return true, nil
		}
		last := lists[0][len(ids)-1].Key.Sort
		if q.reverse {
			span.End = last
		} else {
			span.Start = append(bytes.Clone(last), 0)
		}
	}
}

// summary is a contact as SearchContacts shows it.
func (s *Service) summary(instanceID string, c *contact) connectapi.ContactSearchSummary {
	d := s.describeContact(instanceID, c)
	out := connectapi.ContactSearchSummary{Arn: d.Arn, Id: d.Id, InitialContactId: d.InitialContactId, PreviousContactId: d.PreviousContactId,
		InitiationMethod: d.InitiationMethod, Channel: d.Channel, InitiationTimestamp: d.InitiationTimestamp,
		DisconnectTimestamp: d.DisconnectTimestamp, ScheduledTimestamp: d.ScheduledTimestamp, Name: d.Name, Tags: d.Tags}
	if d.QueueInfo != nil {
		out.QueueInfo = &connectapi.ContactSearchSummaryQueueInfo{Id: d.QueueInfo.Id, EnqueueTimestamp: d.QueueInfo.EnqueueTimestamp}
	}
	if d.AgentInfo != nil {
		out.AgentInfo = &connectapi.ContactSearchSummaryAgentInfo{Id: d.AgentInfo.Id, ConnectedToAgentTimestamp: d.AgentInfo.ConnectedToAgentTimestamp}
	}
	if len(d.SegmentAttributes) > 0 {
		out.SegmentAttributes = map[string]connectapi.ContactSearchSummarySegmentAttributeValue{}
		for k, v := range d.SegmentAttributes {
			out.SegmentAttributes[k] = connectapi.ContactSearchSummarySegmentAttributeValue{ValueString: v.ValueString, ValueMap: v.ValueMap}
		}
	}
	return out
}
