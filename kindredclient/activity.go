package kindredclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// ActivityBucket is what happened in a domain in an hour or a day.
type ActivityBucket struct {
	StartTime       Time
	ObjectsIngested int64
	ProfilesCreated int64
	Merges          int64
	DeadLetters     int64
}

// Hours and days of a domain's activity.
const (
	ByHour = "HOUR" // 744 buckets at most, 24 if none are asked for
	ByDay  = "DAY"  // UTC; 90 buckets at most, 30 if none are asked for
)

// GetDomainActivity tells what has happened in a domain, the oldest bucket first. The
// last is the one that is not over.
func (c *Client) GetDomainActivity(ctx context.Context, domainName, granularity string, buckets int) ([]ActivityBucket, error) {
	q := url.Values{}
	if granularity != "" {
		q.Set("granularity", granularity)
	}
	if buckets != 0 {
		q.Set("buckets", strconv.Itoa(buckets))
	}
	path := "/domains/" + url.PathEscape(domainName) + "/activity"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	var out struct{ Buckets []ActivityBucket }
	err := c.Do(ctx, http.MethodGet, path, nil, &out)
	return out.Buckets, err
}
