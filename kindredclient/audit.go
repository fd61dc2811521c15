package kindredclient

import (
	"context"
	"net/http"
	"time"
)

// AuditAttribute is what events of the audit trail are looked for by, such as EventName.
type AuditAttribute struct{ AttributeKey, AttributeValue string }

// AuditQuestion is what events are looked for; what is empty does not matter.
type AuditQuestion struct {
	Start, End *time.Time
	Attributes []AuditAttribute
	NextToken  string
}

// AuditEvent is an event of the audit trail. CloudTrailEvent is all of it, in the shape
// of CloudTrail's records.
type AuditEvent struct {
	EventId, EventName, EventSource  string
	EventTime                        Time
	ReadOnly                         bool
	Username, AccessKeyId, ErrorCode string
	Resources                        []struct{ ResourceType, ResourceName string }
	CloudTrailEvent                  string
}

// LookupEvents finds events of the audit trail, the newest first, page by page: next is
// the token of the next page, empty at the end. A page may be empty and not the last.
func (c *Client) LookupEvents(ctx context.Context, q *AuditQuestion) (events []AuditEvent, next string, err error) {
	in := map[string]any{}
	if q.Start != nil {
		in["StartTime"] = float64(q.Start.UnixMilli()) / 1000
	}
	if q.End != nil {
		in["EndTime"] = float64(q.End.UnixMilli()) / 1000
	}
	if len(q.Attributes) > 0 {
		in["LookupAttributes"] = q.Attributes
	}
	if q.NextToken != "" {
		in["NextToken"] = q.NextToken
	}
	var out struct {
		Events    []AuditEvent
		NextToken string
	}
	err = c.Do(ctx, http.MethodPost, "/audit/lookup-events", in, &out)
	return out.Events, out.NextToken, err
}
