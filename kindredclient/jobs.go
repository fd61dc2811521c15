package kindredclient

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// Job is long work inside a domain, and how far it is.
type Job struct {
	ID            string `json:"JobId"`
	Kind          string
	Subject       string `json:",omitempty"` // such as the name of an object type
	State         string // PENDING, RUNNING, PAUSED, SUCCEEDED, FAILED or CANCELLED
	Cancelling    bool   // what was done is being taken back
	RequestedBy   string `json:",omitempty"` // ARN
	CreatedAt     Time
	StartedAt     *Time `json:",omitempty"`
	LastUpdatedAt Time
	EndedAt       *Time            `json:",omitempty"`
	DoneCount     int64            // in units of the kind's own
	FailedCount   int64            // units that failed
	TotalCount    *int64           `json:",omitempty"` // nil: not known
	Counters      map[string]int64 `json:",omitempty"`
	Message       string           `json:",omitempty"`
}

// ListJobsInput asks for one page; what is empty means any.
type ListJobsInput struct {
	State      string
	Kind       string
	MaxResults int // 1 to 100; 0: 25
	NextToken  string
}

// JobPage is a page of jobs.
type JobPage struct {
	Items     []Job
	NextToken string `json:",omitempty"`
}

// ListJobs lists the jobs of a domain, the newest first. The 100 newest that have
// ended are kept.
func (c *Client) ListJobs(ctx context.Context, domainName string, in ListJobsInput) (*JobPage, error) {
	q := url.Values{}
	for name, value := range map[string]string{"state": in.State, "kind": in.Kind, "next-token": in.NextToken} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if in.MaxResults != 0 {
		q.Set("max-results", strconv.Itoa(in.MaxResults))
	}
	path := jobsPath(domainName)
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	var out JobPage
	err := c.Do(ctx, http.MethodGet, path, nil, &out)
	return &out, err
}

// GetJob reads a job.
func (c *Client) GetJob(ctx context.Context, domainName, jobID string) (*Job, error) {
	return c.job(ctx, http.MethodGet, domainName, jobID, "")
}

// PauseJob has a job left alone until it is resumed.
func (c *Client) PauseJob(ctx context.Context, domainName, jobID string) (*Job, error) {
	return c.job(ctx, http.MethodPost, domainName, jobID, "/pause")
}

// ResumeJob has a job that is paused or has failed go on where it stopped.
func (c *Client) ResumeJob(ctx context.Context, domainName, jobID string) (*Job, error) {
	return c.job(ctx, http.MethodPost, domainName, jobID, "/resume")
}

// CancelJob ends a job; if its kind can be taken back, that is done first.
func (c *Client) CancelJob(ctx context.Context, domainName, jobID string) (*Job, error) {
	return c.job(ctx, http.MethodPost, domainName, jobID, "/cancel")
}

func (c *Client) job(ctx context.Context, method, domainName, jobID, verb string) (*Job, error) {
	var out Job
	err := c.Do(ctx, method, jobsPath(domainName)+"/"+url.PathEscape(jobID)+verb, nil, &out)
	return &out, err
}

func jobsPath(domainName string) string { return "/domains/" + url.PathEscape(domainName) + "/jobs" }
