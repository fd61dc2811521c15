package sqs

import (
	"context"
	"encoding/base64"

	"kindred/internal/access"
	"kindred/internal/api/sqsapi"
	"kindred/internal/store"
)

// maxResults is the largest page of a listing, and its size when the caller does
// not ask for pages.
const maxResults = 1000

// page is one page of a listing of queue names, which are the sort keys of a
// partition.
type page struct {
	operation string // with its arguments: what a token is good for
	partition string
	prefix    string
	token     *string
	limit     *int // nil: no pages
}

// list reads a page and the token for the next, nil at the end.
func (s *Service) list(ctx context.Context, p *page) (names []string, next *string, err error) {
	limit := maxResults
	if p.limit != nil {
		if limit = *p.limit; limit < 1 || limit > maxResults {
			return nil, nil, invalidParameter("MaxResults: must be an integer from 1 to %d.", maxResults)
		}
	}
	start := []byte(p.prefix)
	if p.token != nil && *p.token != "" {
		if p.limit == nil {
			return nil, nil, invalidParameter("NextToken: needs MaxResults.")
		}
		if start, err = s.openToken(p.operation, *p.token); err != nil {
			return nil, nil, err
		}
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		span := store.Span{Partition: []byte(p.partition), Start: start, Limit: limit + 1}
		if p.prefix != "" {
			span.End = append([]byte(p.prefix), 0xff) // above every character of a name
		}
		found, err := r.Scan(ctx, span)
		if err != nil {
			return err
		}
		names = make([]string, 0, len(found[0]))
		for _, rec := range found[0] {
			names = append(names, string(rec.Key.Sort))
		}
		return nil
	})
	if err != nil || len(names) <= limit {
		return names, nil, err
	}
	if p.limit != nil {
		token, err := s.sealToken(p.operation, names[limit])
		if err != nil {
			return nil, nil, err
		}
		next = &token
	}
	return names[:limit], next, nil
}

// A token is the name that the next page starts with, sealed for the operation
// and its arguments.
func (s *Service) sealToken(operation, start string) (string, error) {
	sealed, err := seal(s.root, key("token", operation), []byte(start))
	return base64.StdEncoding.EncodeToString(sealed), err
}

func (s *Service) openToken(operation, token string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err == nil {
		sealed, err = unseal(s.root, key("token", operation), sealed)
	}
	if err != nil {
		return nil, invalidParameter("NextToken: is not a token of this operation with these arguments.")
	}
	return sealed, nil
}

func (s *Service) urls(names []string) []string {
	urls := make([]string, len(names))
	for i, name := range names {
		urls[i] = s.url(name)
	}
	return urls
}

// ListQueues lists the queues by name, at most 1000 if the caller does not ask
// for pages.
func (s *Service) ListQueues(ctx context.Context, in *sqsapi.ListQueuesRequest) (*sqsapi.ListQueuesResult, error) {
	if err := access.Require(ctx, access.Check{Action: "sqs:ListQueues", ResourceAccount: s.account}); err != nil {
		return nil, err
	}
	p := page{partition: directoryPartition, token: in.NextToken, limit: in.MaxResults}
	if in.QueueNamePrefix != nil {
		p.prefix = *in.QueueNamePrefix
		if p.prefix != "" && !validQueueName(p.prefix) {
			return &sqsapi.ListQueuesResult{}, nil // no name has such a start
		}
	}
	p.operation = "ListQueues " + p.prefix
	names, next, err := s.list(ctx, &p)
	if err != nil {
		return nil, err
	}
	return &sqsapi.ListQueuesResult{QueueUrls: s.urls(names), NextToken: next}, nil
}
