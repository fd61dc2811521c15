package kindredclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// ErasedCounts are what an erasure has removed.
type ErasedCounts struct {
	Profiles        int
	Objects         int
	Contributions   int
	StandardObjects int
	OtherRecords    int // of the profile
	IndexEntries    int
	KeysDestroyed   int
}

// ErasureReport tells what was erased where. It names nobody.
type ErasureReport struct {
	ErasureID   string `json:"ErasureId"`
	DomainName  string
	ProfileHash string // keyed hash of the profile's id
	RequestedAt Time
	RequestedBy string `json:",omitempty"` // ARN
	State       string // ERASED, or ERASING while files of the engine may still hold bytes
	CompletedAt *Time  `json:",omitempty"`
	Erased      ErasedCounts
	Stores      []string // where, in words
	Notes       []string // what is out of reach, in words
}

// EraseProfile removes a profile for good, destroys its keys and makes the storage
// engine forget its bytes. It may take half a minute.
func (c *Client) EraseProfile(ctx context.Context, domainName, profileID string) (*ErasureReport, error) {
	var out ErasureReport
	err := c.Do(ctx, http.MethodPost, "/domains/"+url.PathEscape(domainName)+"/profiles/erase", map[string]string{"ProfileId": profileID}, &out)
	return &out, err
}

// GetErasureReport reads a report by its id.
func (c *Client) GetErasureReport(ctx context.Context, domainName, erasureID string) (*ErasureReport, error) {
	return c.erasureReport(ctx, domainName, map[string]string{"ErasureId": erasureID})
}

// GetErasureReportOf reads the newest report about a profile by the id that it had.
func (c *Client) GetErasureReportOf(ctx context.Context, domainName, profileID string) (*ErasureReport, error) {
	return c.erasureReport(ctx, domainName, map[string]string{"ProfileId": profileID})
}

func (c *Client) erasureReport(ctx context.Context, domainName string, in map[string]string) (*ErasureReport, error) {
	var out ErasureReport
	err := c.Do(ctx, http.MethodPost, "/domains/"+url.PathEscape(domainName)+"/erasures/get", in, &out)
	return &out, err
}

// ErasureReports is a page of reports, the newest first.
type ErasureReports struct {
	Items     []ErasureReport
	NextToken string `json:",omitempty"`
}

// ListErasureReports lists the reports of a domain: up to max, 1 to 100 (0: 25), from
// the token of the page before on (empty: from the newest).
func (c *Client) ListErasureReports(ctx context.Context, domainName string, max int, token string) (*ErasureReports, error) {
	q := url.Values{}
	if max != 0 {
		q.Set("max-results", strconv.Itoa(max))
	}
	if token != "" {
		q.Set("next-token", token)
	}
	path := "/domains/" + url.PathEscape(domainName) + "/erasures"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	var out ErasureReports
	err := c.Do(ctx, http.MethodGet, path, nil, &out)
	return &out, err
}
