package job_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/datakey"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
	"kindred/internal/page"
	"kindred/internal/policy"
)

func (w *world) service() *job.Service {
	w.t.Helper()
	pages, err := page.New(bytes.Repeat([]byte{7}, datakey.Size))
	if err != nil {
		w.t.Fatal(err)
	}
	return job.NewService(w.admin.jobs, w.admin.world.Domain, pages)
}

// as is a context with a user who may do what the actions say to the domain "d".
func as(t *testing.T, actions ...string) context.Context {
	t.Helper()
	list, err := json.Marshal(actions)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":`+string(list)+
		`,"Resource":"arn:aws:profile:`+ingesttest.Region+":"+ingesttest.Account+`:domains/d"}]}`), policy.Options{Kind: policy.Identity})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: ingesttest.Account, ARN: asker, Policies: []*policy.Policy{p}})
}

var operations = map[string]func(s *job.Service, ctx context.Context, domainName, id string) (*kindredapi.Job, error){
	"GetJob": func(s *job.Service, ctx context.Context, d, id string) (*kindredapi.Job, error) {
		return s.GetJob(ctx, &kindredapi.GetJobRequest{DomainName: d, JobId: id})
	},
	"PauseJob": func(s *job.Service, ctx context.Context, d, id string) (*kindredapi.Job, error) {
		return s.PauseJob(ctx, &kindredapi.PauseJobRequest{DomainName: d, JobId: id})
	},
	"ResumeJob": func(s *job.Service, ctx context.Context, d, id string) (*kindredapi.Job, error) {
		return s.ResumeJob(ctx, &kindredapi.ResumeJobRequest{DomainName: d, JobId: id})
	},
	"CancelJob": func(s *job.Service, ctx context.Context, d, id string) (*kindredapi.Job, error) {
		return s.CancelJob(ctx, &kindredapi.CancelJobRequest{DomainName: d, JobId: id})
	},
	"ListJobs": func(s *job.Service, ctx context.Context, d, _ string) (*kindredapi.Job, error) {
		_, err := s.ListJobs(ctx, &kindredapi.ListJobsRequest{DomainName: d})
		return nil, err
	},
}

func TestEachOperationAsksForItsPermissionOnTheDomain(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	s := w.service()
	w.newDomain("e")
	for name, call := range operations {
		id := w.create(w.spec("count", "", work{Units: 1, Batch: 1})).String()
		others := []string{"profile:*"}
		for other := range operations {
			if other != name {
				others = append(others, "kindred:"+other)
			}
		}
		if _, err := call(s, as(t, others...), "d", id); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "kindred:"+name) {
			t.Errorf("%s with all but its permission: %v", name, err)
		}
		if _, err := call(s, as(t, "*"), "e", id); !fault.Is(err, fault.Denied) {
			t.Errorf("%s on another domain: %v", name, err)
		}
		if _, err := call(s, context.Background(), "d", id); !fault.Is(err, fault.Denied) {
			t.Errorf("%s without a caller: %v", name, err)
		}
		if _, err := call(s, as(t, "*"), "none", id); !fault.Is(err, fault.Denied) {
			t.Errorf("%s tells which domains there are: %v", name, err)
		}
		if _, err := call(s, as(t, "kindred:"+name), "d", id); err != nil {
			t.Errorf("%s with its permission alone: %v", name, err)
		}
	}
}

func TestWhatTheOperationsAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s, ctx := w.service(), as(t, "kindred:*")
		id := w.create(w.spec("count", "Order", work{Units: 4, Batch: 2})).String()
		call := func(name string) *kindredapi.Job {
			t.Helper()
			j, err := operations[name](s, ctx, "d", id)
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		j := call("GetJob")
		if j.JobId != id || j.Kind != "count" || *j.Subject != "Order" || j.State != "PENDING" || *j.RequestedBy != asker || j.StartedAt != nil || j.EndedAt != nil ||
			j.TotalCount != nil || j.Message != nil || j.CreatedAt.IsZero() || j.LastUpdatedAt.IsZero() {
			t.Errorf("%+v", j)
		}
		n := w.node()
		parsed, err := job.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		w.mustTake(n, parsed)
		n.step()
		if j = call("PauseJob"); j.State != "PAUSED" || j.DoneCount != 2 || *j.TotalCount != 4 || j.Counters["made"] != 2 || *j.Message != "at 2" || j.StartedAt == nil {
			t.Errorf("%+v", j)
		}
		if j = call("ResumeJob"); j.State != "PENDING" {
			t.Errorf("%+v", j)
		}
		if j = call("CancelJob"); j.State != "PENDING" || !j.Cancelling {
			t.Errorf("%+v", j)
		}
		w.finish(w.node(), parsed)
		if j = call("GetJob"); j.State != "CANCELLED" || j.Cancelling || j.EndedAt == nil || j.DoneCount != 0 {
			t.Errorf("%+v", j)
		}
		if _, err := operations["ResumeJob"](s, ctx, "d", id); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "is CANCELLED and cannot be resumed") {
			t.Error(err)
		}
		if _, err := operations["GetJob"](s, ctx, "d", "x"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "JobId") {
			t.Error(err)
		}
		if _, err := operations["GetJob"](s, ctx, "d", job.NewID().String()); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

func TestListJobs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s, ctx := w.service(), as(t, "kindred:*")
		const jobs = 70 // more than are read at once
		byFilter := map[string][]string{}
		for i := range jobs {
			w.clock.Step(time.Millisecond)
			kind := []string{"count", "once"}[i%2]
			id := w.create(w.spec(kind, fmt.Sprint(i), work{Units: 1, Batch: 1}))
			state := "PENDING"
			switch i % 7 {
			case 0:
				w.finish(w.admin, id)
				state = "SUCCEEDED"
			case 1:
				w.ask(w.admin.jobs.Pause, id)
				state = "PAUSED"
			case 2:
				w.mustTake(w.admin, id)
				w.admin.toy.before = func(context.Context) error { return job.Final(errors.New("no")) }
				w.admin.step()
				state = "FAILED"
			}
			for _, filter := range []string{" ", state + " ", " " + kind, state + " " + kind} {
				byFilter[filter] = append([]string{id.String()}, byFilter[filter]...) // the newest first
			}
		}
		byFilter["RUNNING "] = nil
		for filter, want := range byFilter {
			state, kind, _ := strings.Cut(filter, " ")
			for _, limit := range []int{0, 1, 9, 100} {
				in := &kindredapi.ListJobsRequest{DomainName: "d", State: given(state), Kind: given(kind)}
				if limit > 0 {
					in.MaxResults = aws.Int(limit)
				}
				var got []string
				for {
					out, err := s.ListJobs(ctx, in)
					if err != nil {
						t.Fatal(err)
					}
					if limit == 0 && len(out.Items) > 25 || limit > 0 && len(out.Items) > limit {
						t.Errorf("%d jobs on a page of %d", len(out.Items), limit)
					}
					for _, j := range out.Items {
						got = append(got, j.JobId)
					}
					if in.NextToken = out.NextToken; in.NextToken == nil {
						break
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%q by %d: %d jobs, want %d", filter, limit, len(got), len(want))
				}
			}
		}
	})
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func TestTokensBelongToTheirList(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	s, ctx := w.service(), as(t, "kindred:*")
	for range 2 {
		w.create(w.spec("count", "", work{Units: 1, Batch: 1}))
	}
	out, err := s.ListJobs(ctx, &kindredapi.ListJobsRequest{DomainName: "d", MaxResults: aws.Int(1)})
	if err != nil || out.NextToken == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	for what, in := range map[string]*kindredapi.ListJobsRequest{
		"of another state": {State: aws.String("PENDING"), NextToken: out.NextToken},
		"of another kind":  {Kind: aws.String("count"), NextToken: out.NextToken},
		"made up":          {NextToken: aws.String("AQ")},
	} {
		in.DomainName = "d"
		if _, err := s.ListJobs(ctx, in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
