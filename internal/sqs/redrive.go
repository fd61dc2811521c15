package sqs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"kindred/internal/api/sqsapi"
	"kindred/internal/store"
)

// redrivePolicy says where messages go that were received too often.
type redrivePolicy struct {
	target   string // name of the dead-letter queue
	receives int64  // how often a message may be received before
}

func (s *Service) parseRedrivePolicy(text string) (*redrivePolicy, error) {
	var p struct {
		DeadLetterTargetArn string          `json:"deadLetterTargetArn"`
		MaxReceiveCount     json.RawMessage `json:"maxReceiveCount"`
	}
	if err := decodeStrict(text, &p); err != nil {
		return nil, err
	}
	r := &redrivePolicy{receives: 10} // the documented default
	var ok bool
	if r.target, ok = s.nameOfARN(p.DeadLetterTargetArn); !ok {
		return nil, errors.New("deadLetterTargetArn must be the ARN of a standard queue of this account and region")
	}
	if p.MaxReceiveCount != nil {
		// Tools send the number as a string, too.
		n, err := strconv.ParseInt(string(bytes.Trim(p.MaxReceiveCount, `"`)), 10, 64)
		if err != nil || n < 1 || n > 1000 {
			return nil, errors.New("maxReceiveCount must be an integer from 1 to 1000")
		}
		r.receives = n
	}
	return r, nil
}

// redriveAllowPolicy says which queues may use this one as their dead-letter
// queue.
type redriveAllowPolicy struct {
	RedrivePermission string   `json:"redrivePermission"`
	SourceQueueArns   []string `json:"sourceQueueArns"`
}

func parseRedriveAllowPolicy(text string) (*redriveAllowPolicy, error) {
	const maxSources = 10
	var p redriveAllowPolicy
	if err := decodeStrict(text, &p); err != nil {
		return nil, err
	}
	switch p.RedrivePermission {
	case "allowAll", "denyAll":
		if p.SourceQueueArns != nil {
			return nil, errors.New("sourceQueueArns goes only with redrivePermission byQueue")
		}
	case "byQueue":
		if n := len(p.SourceQueueArns); n < 1 || n > maxSources {
			return nil, fmt.Errorf("sourceQueueArns must name 1 to %d queues", maxSources)
		}
	default:
		return nil, errors.New("redrivePermission must be allowAll, denyAll or byQueue")
	}
	return &p, nil
}

func (p *redriveAllowPolicy) allows(sourceARN string) bool {
	switch p.RedrivePermission {
	case "allowAll":
		return true
	case "byQueue":
		return slices.Contains(p.SourceQueueArns, sourceARN)
	}
	return false
}

// decodeStrict reads one JSON object that has no members but those of v.
func decodeStrict(text string, v any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if d.Decode(v) == nil {
		if _, err := d.Token(); err == io.EOF {
			return nil
		}
	}
	return errors.New("must be a JSON object with the documented members only")
}

// changeRedrive checks a new redrive policy of a queue against the dead-letter
// queue that it names, and notes the queue as a source there.
func (s *Service) changeRedrive(ctx context.Context, tx store.Tx, name, before, after string) error {
	if before != "" {
		old, err := s.parseRedrivePolicy(before)
		if err != nil {
			return fmt.Errorf("sqs: queue settings: %w", err)
		}
		tx.Delete(sourceKey(old.target, name))
	}
	if after == "" {
		return nil
	}
	p, err := s.parseRedrivePolicy(after)
	if err != nil {
		return invalidValue(attrRedrivePolicy, "%s.", err)
	}
	values, err := tx.Get(ctx, configKey(p.target))
	if err != nil {
		return err
	}
	target, err := s.parse(p.target, values[0])
	if errors.Is(err, errNoQueue) {
		return invalidValue(attrRedrivePolicy, "the dead-letter target does not exist.")
	}
	if err != nil {
		return err
	}
	if text := target.Attributes[attrRedriveAllowPolicy]; text != "" {
		allow, err := parseRedriveAllowPolicy(text)
		if err != nil {
			return fmt.Errorf("sqs: queue settings: %w", err)
		}
		if !allow.allows(s.arn(name)) {
			return invalidValue(attrRedrivePolicy, "the RedriveAllowPolicy of the dead-letter target does not allow this queue.")
		}
	}
	tx.Put(sourceKey(p.target, name), []byte{})
	return nil
}

// ListDeadLetterSourceQueues lists the queues whose redrive policy names this
// one, by name.
func (s *Service) ListDeadLetterSourceQueues(ctx context.Context, in *sqsapi.ListDeadLetterSourceQueuesRequest) (*sqsapi.ListDeadLetterSourceQueuesResult, error) {
	q, err := s.open(ctx, "ListDeadLetterSourceQueues", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	p := page{operation: "ListDeadLetterSourceQueues " + q.name, partition: sourcesPartition + q.name,
		token: in.NextToken, limit: in.MaxResults}
	names, next, err := s.list(ctx, &p)
	if err != nil {
		return nil, err
	}
	return &sqsapi.ListDeadLetterSourceQueuesResult{QueueUrls: s.urls(names), NextToken: next}, nil
}

// sources are the queues that redrive to a queue, at most limit.
func (s *Service) sources(ctx context.Context, target string, limit int) ([]string, error) {
	var names []string
	err := s.store.View(ctx, func(r store.Reader) error {
		names = nil
		found, err := r.Scan(ctx, store.Span{Partition: []byte(sourcesPartition + target), Limit: limit})
		if err != nil {
			return err
		}
		for _, rec := range found[0] {
			names = append(names, string(rec.Key.Sort))
		}
		return nil
	})
	return names, err
}
