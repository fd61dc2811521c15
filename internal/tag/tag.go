// Package tag reads and writes the tags of resources by their ARN.
package tag

import (
	"context"
	"maps"
	"strings"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
)

// maxTags is how many tags a resource may have.
const maxTags = 50

// Service is the tag part of the API.
type Service struct {
	domains *domain.Domains
	prefix  string
	exists  func(c *domain.Config, tail string) bool
}

// NewService makes the API for the resources of an account and region. exists
// tells whether a domain has the resource whose ARN goes on with the tail, such
// as object-types/NAME.
func NewService(d *domain.Domains, region, account string, exists func(*domain.Config, string) bool) *Service {
	return &Service{d, "arn:aws:profile:" + region + ":" + account + ":domains/", exists}
}

// split takes an ARN apart.
func (s *Service) split(arn string) (domainName, tail string, err error) {
	rest, ok := strings.CutPrefix(arn, s.prefix)
	domainName, tail, below := strings.Cut(rest, "/")
	// The domain's own ARN has no slash at its end: with one it is another name to
	// whoever wrote a policy, and must not be the same to us.
	if !ok || domainName == "" || below && tail == "" {
		return "", "", missing(arn)
	}
	return domainName, tail, nil
}

func missing(arn string) error {
	return fault.New(fault.NotFound, "The resource %s does not exist", arn)
}

func (s *Service) has(c *domain.Config, tail string) bool { return tail == "" || s.exists(c, tail) }

// change edits the tags of a resource.
func (s *Service) change(ctx context.Context, arn string, fn func(tags map[string]string) error) error {
	name, tail, err := s.split(arn)
	if err != nil {
		return err
	}
	err = s.domains.Configure(ctx, name, func(e *domain.Edit) error {
		if !s.has(e.Config, tail) {
			return missing(arn)
		}
		tags := maps.Clone(e.Tags(tail))
		if tags == nil {
			tags = map[string]string{}
		}
		if err := fn(tags); err != nil {
			return err
		}
		e.PutTags(tail, tags)
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		return missing(arn)
	}
	return err
}

// TagResource adds tags, or gives them new values.
func (s *Service) TagResource(ctx context.Context, in *profileapi.TagResourceRequest) (*profileapi.TagResourceResponse, error) {
	err := s.change(ctx, in.ResourceArn, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		if len(tags) > maxTags {
			return fault.New(fault.Invalid, "tags: a resource has at most %d tags", maxTags)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.TagResourceResponse{}, nil
}

// UntagResource removes tags; those that are not there are no error.
func (s *Service) UntagResource(ctx context.Context, in *profileapi.UntagResourceRequest) (*profileapi.UntagResourceResponse, error) {
	err := s.change(ctx, in.ResourceArn, func(tags map[string]string) error {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.UntagResourceResponse{}, nil
}

// ListTagsForResource lists the tags of a resource.
func (s *Service) ListTagsForResource(ctx context.Context, in *profileapi.ListTagsForResourceRequest) (*profileapi.ListTagsForResourceResponse, error) {
	name, tail, err := s.split(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	c, err := s.domains.Config(ctx, name)
	if fault.Is(err, fault.NotFound) || err == nil && !s.has(c, tail) {
		return nil, missing(in.ResourceArn)
	}
	if err != nil {
		return nil, err
	}
	out := &profileapi.ListTagsForResourceResponse{Tags: c.Tags(tail)}
	if out.Tags == nil {
		out.Tags = map[string]string{}
	}
	return out, nil
}
