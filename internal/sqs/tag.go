package sqs

import (
	"context"
	"maps"
	"strings"
	"unicode/utf8"

	"kindred/internal/access"
	"kindred/internal/api/sqsapi"
	"kindred/internal/store"
)

// Limits of tags (Amazon SQS quotas); lengths in characters.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// checkTags checks tags to be added to those that are there.
func checkTags(there, added map[string]string) error {
	n := len(there)
	for k, v := range added {
		if utf8.RuneCountInString(k) < 1 || utf8.RuneCountInString(k) > maxTagKey {
			return invalidParameter("Tags: a tag key has 1 to %d characters.", maxTagKey)
		}
		if utf8.RuneCountInString(v) > maxTagValue {
			return invalidParameter("Tags: a tag value has at most %d characters.", maxTagValue)
		}
		if len(k) >= 4 && strings.EqualFold(k[:4], "aws:") {
			return invalidParameter("Tags: tag keys that start with aws: are reserved.")
		}
		if _, ok := there[k]; !ok {
			n++
		}
	}
	if n > maxTags {
		return invalidParameter("Tags: a queue has at most %d tags.", maxTags)
	}
	return nil
}

// TagQueue adds tags to a queue, replacing those of the same key.
func (s *Service) TagQueue(ctx context.Context, in *sqsapi.TagQueueRequest) error {
	if len(in.Tags) == 0 {
		return invalidParameter("Tags: must not be empty.")
	}
	return s.changeTags(ctx, "TagQueue", in.QueueUrl, access.Check{RequestTags: in.Tags}, func(c *settings) error {
		if c.Tags == nil {
			c.Tags = make(map[string]string, len(in.Tags))
		}
		if err := checkTags(c.Tags, in.Tags); err != nil {
			return err
		}
		maps.Copy(c.Tags, in.Tags)
		return nil
	})
}

// UntagQueue takes tags from a queue; keys that it does not have are no error.
func (s *Service) UntagQueue(ctx context.Context, in *sqsapi.UntagQueueRequest) error {
	if len(in.TagKeys) == 0 {
		return invalidParameter("TagKeys: must not be empty.")
	}
	return s.changeTags(ctx, "UntagQueue", in.QueueUrl, access.Check{TagKeys: in.TagKeys}, func(c *settings) error {
		for _, k := range in.TagKeys {
			delete(c.Tags, k)
		}
		return nil
	})
}

// changeTags runs a change of tags. check holds what conditions on the request's
// tags see beside the usual.
func (s *Service) changeTags(ctx context.Context, action, queueURL string, check access.Check, change func(*settings) error) error {
	name, err := s.nameOfURL(queueURL)
	if err != nil {
		return err
	}
	c := s.check(action, name)
	c.RequestTags, c.TagKeys = check.RequestTags, check.TagKeys
	return s.updateChecked(ctx, name, c, nil, func(tx store.Tx, q *queue, _ [][]byte) error {
		c := q.clone()
		if err := change(c); err != nil {
			return err
		}
		return s.put(tx, name, c)
	})
}

// ListQueueTags answers the tags of a queue.
func (s *Service) ListQueueTags(ctx context.Context, in *sqsapi.ListQueueTagsRequest) (*sqsapi.ListQueueTagsResult, error) {
	q, err := s.open(ctx, "ListQueueTags", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sqsapi.ListQueueTagsResult{Tags: maps.Clone(q.Tags)}, nil
}
