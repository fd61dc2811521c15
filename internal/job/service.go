package job

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

const (
	defaultPage = 25 // jobs
	readAtOnce  = 50 // jobs, for one page
)

// Service is the part of the kindred service about jobs. Each operation asks for
// the permission kindred:OPERATION on the domain.
type Service struct {
	jobs    *Jobs
	domains *domain.Service
	pages   domain.Pager
}

// NewService makes the operations.
func NewService(j *Jobs, d *domain.Service, pages domain.Pager) *Service {
	return &Service{jobs: j, domains: d, pages: pages}
}

// domain is the identity of a domain, for a caller who may do what is asked.
func (s *Service) domain(ctx context.Context, operation, name string) (id domain.ID, err error) {
	if err := access.Require(ctx, access.Check{Action: "kindred:" + operation, Resource: s.domains.ARN(name, "")}); err != nil {
		return id, err
	}
	c, err := s.domains.Config(ctx, name)
	if err != nil {
		return id, err
	}
	return c.ID, nil
}

// one is an operation on a single job.
func (s *Service) one(ctx context.Context, operation, domainName, jobID string, do func(context.Context, domain.ID, ID) (*Job, error)) (*kindredapi.Job, error) {
	d, err := s.domain(ctx, operation, domainName)
	if err != nil {
		return nil, err
	}
	id, err := ParseID(jobID)
	if err != nil {
		return nil, err
	}
	j, err := do(ctx, d, id)
	if err != nil {
		return nil, err
	}
	return j.shape(), nil
}

// GetJob answers a job as it stands.
func (s *Service) GetJob(ctx context.Context, in *kindredapi.GetJobRequest) (*kindredapi.Job, error) {
	return s.one(ctx, "GetJob", in.DomainName, in.JobId, s.jobs.Get)
}

// PauseJob is [Jobs.Pause].
func (s *Service) PauseJob(ctx context.Context, in *kindredapi.PauseJobRequest) (*kindredapi.Job, error) {
	return s.one(ctx, "PauseJob", in.DomainName, in.JobId, s.jobs.Pause)
}

// ResumeJob is [Jobs.Resume].
func (s *Service) ResumeJob(ctx context.Context, in *kindredapi.ResumeJobRequest) (*kindredapi.Job, error) {
	return s.one(ctx, "ResumeJob", in.DomainName, in.JobId, s.jobs.Resume)
}

// CancelJob is [Jobs.Cancel].
func (s *Service) CancelJob(ctx context.Context, in *kindredapi.CancelJobRequest) (*kindredapi.Job, error) {
	return s.one(ctx, "CancelJob", in.DomainName, in.JobId, s.jobs.Cancel)
}

// ListJobs answers the jobs of a domain, the newest first, of a state and a kind
// if they are given.
func (s *Service) ListJobs(ctx context.Context, in *kindredapi.ListJobsRequest) (*kindredapi.ListJobsResponse, error) {
	d, err := s.domain(ctx, "ListJobs", in.DomainName)
	if err != nil {
		return nil, err
	}
	limit := defaultPage
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	state, kind := aws.ToString(in.State), aws.ToString(in.Kind)
	args := []string{d.String(), state, kind}
	var after []byte
	if in.NextToken != nil {
		if after, err = s.pages.Open("ListJobs", args, *in.NextToken); err != nil {
			return nil, err
		}
		if len(after) != listSortSize {
			return nil, fault.New(fault.Invalid, "NextToken is not valid for this request")
		}
	}
	list, err := s.jobs.newest(ctx, d, after, limit+1, func(j *Job) bool {
		return (state == "" || j.State == State(state)) && (kind == "" || j.Kind == kind)
	})
	if err != nil {
		return nil, err
	}
	out := &kindredapi.ListJobsResponse{Items: []kindredapi.Job{}}
	if len(list) > limit {
		list = list[:limit]
		if out.NextToken, err = domain.NextToken(s.pages, "ListJobs", args, list[limit-1].listKey().Sort); err != nil {
			return nil, err
		}
	}
	for _, r := range list {
		out.Items = append(out.Items, *r.shape())
	}
	return out, nil
}

// newest reads jobs of a domain, the newest first, that were made before a
// position in the list (none: all), until there are enough.
func (j *Jobs) newest(ctx context.Context, d domain.ID, before []byte, enough int, matches func(*Job) bool) (out []*record, err error) {
	err = j.store.View(ctx, func(rd store.Reader) error {
		out = out[:0]
		span := store.Span{Partition: listPartition(d), End: before, Reverse: true, Limit: readAtOnce}
		for {
			lists, err := rd.Scan(ctx, span)
			if err != nil {
				return fmt.Errorf("jobs of domain %s: %w", d, err)
			}
			some, err := j.readListed(ctx, rd, d, lists[0])
			if err != nil {
				return err
			}
			for _, r := range some {
				if matches(&r.Job) {
					out = append(out, r)
				}
			}
			if len(out) >= enough {
				out = out[:enough]
				return nil
			}
			if len(lists[0]) < span.Limit {
				return nil
			}
			span.End = lists[0][span.Limit-1].Key.Sort
		}
	})
	return out, err
}

// readListed reads the jobs of entries of the list.
func (j *Jobs) readListed(ctx context.Context, rd store.Reader, d domain.ID, entries []store.Record) ([]*record, error) {
	var jobs []ref
	var keys []store.Key
	for _, rec := range entries {
		k, err := listed(d, rec)
		if err != nil {
			return nil, err
		}
		jobs, keys = append(jobs, k), append(keys, k.key())
	}
	values, err := rd.Get(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("jobs of domain %s: %w", d, err)
	}
	out := make([]*record, 0, len(jobs))
	for i, k := range jobs {
		if values[i] == nil {
			return nil, fmt.Errorf("job %s is in the list only: %w", k.id, store.ErrCorrupt)
		}
		r, err := j.open(k, values[i])
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Shape is the job as the API shows it.
func (j *Job) Shape() *kindredapi.Job { return j.shape() }

// shape is the job as the API shows it: what is the handler's own stays inside.
func (j *Job) shape() *kindredapi.Job {
	return &kindredapi.Job{JobId: j.ID.String(), Kind: j.Kind, Subject: optional(j.Subject), State: string(j.State), Cancelling: j.Cancelling && !j.State.Ended(),
		RequestedBy: optional(j.RequestedBy), CreatedAt: j.CreatedAt, StartedAt: optionalTime(j.StartedAt), LastUpdatedAt: j.UpdatedAt,
		EndedAt: optionalTime(j.EndedAt), DoneCount: j.Done, FailedCount: j.Failed, TotalCount: j.Total, Counters: j.Counters, Message: optional(j.Message)}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
