package kms

import (
	"context"
	"maps"
	"slices"
	"strings"

	"kindred/internal/api/kmsapi"
	"kindred/internal/store"
)

// newTags checks the tags of a request.
func newTags(in []kmsapi.Tag) (map[string]string, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(in))
	for _, t := range in {
		if err := checkTagKey(t.TagKey); err != nil {
			return nil, err
		}
		if _, twice := out[t.TagKey]; twice {
			return nil, tagFault("Tags: a TagKey may occur only once")
		}
		out[t.TagKey] = t.TagValue
	}
	return out, nil
}

func checkTagKey(k string) error {
	if len(k) >= 4 && strings.EqualFold(k[:4], "aws:") {
		return tagFault("TagKey: the prefix aws: is reserved")
	}
	return nil
}

// TagResource adds tags to a key, or replaces their values. A key has at most
// 50.
func (s *Service) TagResource(ctx context.Context, in *kmsapi.TagResourceRequest) error {
	tags, err := newTags(in.Tags)
	if err != nil {
		return err
	}
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "TagResource", requestTags: tags})
	if err != nil {
		return err
	}
	return s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		if err := rec.notPending(k.arn); err != nil {
			return err
		}
		if rec.Tags == nil {
			rec.Tags = map[string]string{}
		}
		maps.Copy(rec.Tags, tags)
		if len(rec.Tags) > maxTags {
			return limitExceeded("Tags: at most %d tags on a key", maxTags)
		}
		return nil
	})
}

// UntagResource takes tags off a key; one that is not there is no error.
func (s *Service) UntagResource(ctx context.Context, in *kmsapi.UntagResourceRequest) error {
	for _, t := range in.TagKeys {
		if err := checkTagKey(t); err != nil {
			return err
		}
	}
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "UntagResource", tagKeys: in.TagKeys})
	if err != nil {
		return err
	}
	return s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		for _, t := range in.TagKeys {
			delete(rec.Tags, t)
		}
		return rec.notPending(k.arn)
	})
}

// ListResourceTags lists the tags of a key in the order of their keys, 50 to a
// page.
func (s *Service) ListResourceTags(ctx context.Context, in *kmsapi.ListResourceTagsRequest) (*kmsapi.ListResourceTagsResponse, error) {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "ListResourceTags"})
	if err != nil {
		return nil, err
	}
	p, err := s.newPage("ListResourceTags", []string{k.arn}, in.Limit, in.Marker, 50, 50)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListResourceTagsResponse{Tags: []kmsapi.Tag{}}
	for _, t := range p.cutNames(slices.Sorted(maps.Keys(k.Tags))) {
		out.Tags = append(out.Tags, kmsapi.Tag{TagKey: t, TagValue: k.Tags[t]})
	}
	out.NextMarker, out.Truncated = p.rest()
	return out, nil
}
