package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"

	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// Names of queue attributes.
const (
	attrVisibilityTimeout  = "VisibilityTimeout"
	attrDelaySeconds       = "DelaySeconds"
	attrRetention          = "MessageRetentionPeriod"
	attrWait               = "ReceiveMessageWaitTimeSeconds"
	attrMaximumSize        = "MaximumMessageSize"
	attrPolicy             = "Policy"
	attrRedrivePolicy      = "RedrivePolicy"
	attrRedriveAllowPolicy = "RedriveAllowPolicy"
	attrKmsKey             = "KmsMasterKeyId"
	attrKmsReuse           = "KmsDataKeyReusePeriodSeconds"
	attrManagedSse         = "SqsManagedSseEnabled"

	attrArn        = "QueueArn"
	attrCreated    = "CreatedTimestamp"
	attrModified   = "LastModifiedTimestamp"
	attrVisible    = "ApproximateNumberOfMessages"
	attrNotVisible = "ApproximateNumberOfMessagesNotVisible"
	attrDelayed    = "ApproximateNumberOfMessagesDelayed"
)

// Limits of messages and their times (SetQueueAttributes in the API reference).
const (
	maxMessage    = 1 << 20 // bytes
	maxVisibility = 43_200  // seconds
	maxDelay      = 900
	maxWait       = 20
)

// numbers are the attributes that are integers.
var numbers = map[string]struct{ min, max, def int }{
	attrVisibilityTimeout: {0, maxVisibility, 30},
	attrDelaySeconds:      {0, maxDelay, 0},
	attrRetention:         {60, 1_209_600, 345_600},
	attrWait:              {0, maxWait, 0},
	attrMaximumSize:       {1024, maxMessage, maxMessage},
	attrKmsReuse:          {60, 86_400, 300},
}

// readOnly are the attributes that the service computes.
var readOnly = map[string]bool{
	attrArn: true, attrCreated: true, attrModified: true,
	attrVisible: true, attrNotVisible: true, attrDelayed: true,
}

// fifoOnly are the attributes that only FIFO queues have.
var fifoOnly = map[string]bool{
	"FifoQueue": true, "ContentBasedDeduplication": true, "DeduplicationScope": true, "FifoThroughputLimit": true,
}

// defaults are the attributes of a queue that was made with none. The one for
// KmsDataKeyReusePeriodSeconds applies only where there is a key.
func defaults() map[string]string {
	m := map[string]string{attrManagedSse: "true"}
	for name, n := range numbers {
		if name != attrKmsReuse {
			m[name] = strconv.Itoa(n.def)
		}
	}
	return m
}

func invalidValue(name, format string, args ...any) error {
	return fault.Named(fault.Invalid, "InvalidAttributeValue", "Invalid value for the parameter %s. Reason: %s",
		name, fmt.Sprintf(format, args...))
}

func unknownAttribute(name string) error {
	return fault.Named(fault.Invalid, "InvalidAttributeName", "Unknown Attribute %s.", name)
}

// checkAttributes checks the attributes that a caller wants to set, one by one,
// and returns them in the form they are kept in: numbers without leading zeros,
// texts as they are. An empty text takes the attribute away.
func (s *Service) checkAttributes(queueName string, in map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(in))
	for name, value := range in {
		kept, err := s.checkAttribute(queueName, name, value)
		if err != nil {
			return nil, err
		}
		out[name] = kept
	}
	if out[attrKmsKey] != "" && out[attrManagedSse] == "true" {
		return nil, invalidValue(attrManagedSse, "a queue has either a KMS key or keys managed by the service, not both.")
	}
	return out, nil
}

func (s *Service) checkAttribute(queueName, name, value string) (string, error) {
	if n, ok := numbers[name]; ok {
		v, err := strconv.Atoi(value)
		if err != nil || v < n.min || v > n.max {
			return "", invalidValue(name, "must be an integer from %d to %d.", n.min, n.max)
		}
		return strconv.Itoa(v), nil
	}
	switch {
	case name == "FifoQueue" && !strings.EqualFold(value, "false"):
		return "", unsupported("FifoQueue: FIFO queues are not supported.")
	case fifoOnly[name], readOnly[name], name == "All":
		return "", unknownAttribute(name)
	case name == attrManagedSse:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return "", invalidValue(name, "must be true or false.")
		}
		return strings.ToLower(value), nil
	case name == attrKmsKey:
		const maxKey = 2048 // characters, of KeyId in KMS
		if len(value) > maxKey {
			return "", invalidValue(name, "must have at most %d characters.", maxKey)
		}
		return value, nil
	}
	if value == "" && (name == attrPolicy || name == attrRedrivePolicy || name == attrRedriveAllowPolicy) {
		return "", nil
	}
	switch name {
	case attrPolicy:
		if _, err := parsePolicy(value); err != nil {
			return "", invalidValue(name, "%s.", err)
		}
	case attrRedrivePolicy:
		r, err := s.parseRedrivePolicy(value)
		if err != nil {
			return "", invalidValue(name, "%s.", err)
		}
		if r.target == queueName {
			return "", invalidValue(name, "a queue cannot be its own dead-letter queue.")
		}
	case attrRedriveAllowPolicy:
		if _, err := parseRedriveAllowPolicy(value); err != nil {
			return "", invalidValue(name, "%s.", err)
		}
	default:
		return "", unknownAttribute(name)
	}
	return value, nil
}

// Limits of queue policies (Amazon SQS quotas).
const (
	maxPolicyBytes      = 8192
	maxPolicyStatements = 20
)

func parsePolicy(text string) (*policy.Policy, error) {
	p, err := policy.Parse([]byte(text), policy.Options{Kind: policy.Resource, Name: "queue policy", MaxBytes: maxPolicyBytes})
	if err != nil {
		return nil, err
	}
	if p.Len() > maxPolicyStatements {
		return nil, fmt.Errorf("policy: has %d statements, at most %d are allowed", p.Len(), maxPolicyStatements)
	}
	return p, nil
}

// effective are the attributes in force, in a map of their own.
func (c *settings) effective() map[string]string {
	m := maps.Clone(c.Attributes)
	if m[attrKmsKey] != "" && m[attrKmsReuse] == "" {
		m[attrKmsReuse] = strconv.Itoa(numbers[attrKmsReuse].def)
	}
	return m
}

// sameAttributes is nil if the queue has each of the attributes.
func sameAttributes(q *queue, attributes map[string]string) error {
	have := q.effective()
	for name, want := range attributes {
		if !sameValue(have[name], want) {
			return fault.Named(fault.Exists, "QueueNameExists",
				"A queue already exists with the same name and a different value for attribute %s", name)
		}
	}
	return nil
}

// sameValue compares values of attributes, those in JSON by what they say.
func sameValue(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// change applies checked attributes to the settings of a queue, and keeps the
// index of dead-letter queues in step.
func (s *Service) change(ctx context.Context, tx store.Tx, name string, c *settings, changes map[string]string) error {
	if text, ok := changes[attrRedrivePolicy]; ok {
		if err := s.changeRedrive(ctx, tx, name, c.Attributes[attrRedrivePolicy], text); err != nil {
			return err
		}
	}
	for attribute, value := range changes {
		if value == "" {
			delete(c.Attributes, attribute)
		} else {
			c.Attributes[attribute] = value
		}
	}
	// One kind of encryption at a time: the one that was asked for last.
	switch {
	case changes[attrManagedSse] == "true":
		delete(c.Attributes, attrKmsKey)
	case changes[attrKmsKey] != "":
		c.Attributes[attrManagedSse] = "false"
	}
	return nil
}

// SetQueueAttributes changes attributes of a queue; those that are not named
// stay. The change is in force when it returns.
func (s *Service) SetQueueAttributes(ctx context.Context, in *sqsapi.SetQueueAttributesRequest) error {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return err
	}
	changes, err := s.checkAttributes(name, in.Attributes)
	return s.updateQueue(ctx, "SetQueueAttributes", name, nil, func(tx store.Tx, q *queue, _ [][]byte) error {
		if err != nil { // told only to those who may
			return err
		}
		c := q.clone()
		c.Modified = s.micros()
		if err := s.change(ctx, tx, name, c, changes); err != nil {
			return err
		}
		return s.put(tx, name, c)
	})
}

// GetQueueAttributes answers the attributes that are asked for, all of them by
// the name All. Those that the queue does not have are left out.
func (s *Service) GetQueueAttributes(ctx context.Context, in *sqsapi.GetQueueAttributesRequest) (*sqsapi.GetQueueAttributesResult, error) {
	q, err := s.open(ctx, "GetQueueAttributes", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]bool, len(in.AttributeNames))
	for _, name := range in.AttributeNames {
		_, number := numbers[name]
		switch name {
		case "All", attrPolicy, attrRedrivePolicy, attrRedriveAllowPolicy, attrKmsKey, attrManagedSse:
		default:
			if !number && !readOnly[name] && !fifoOnly[name] {
				return nil, unknownAttribute(name)
			}
		}
		wanted[name] = true
	}
	have, err := s.attributes(ctx, q, wanted)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string)
	for name, value := range have {
		if wanted["All"] || wanted[name] {
			out[name] = value
		}
	}
	return &sqsapi.GetQueueAttributesResult{Attributes: out}, nil
}

// attributes are all attributes of a queue, with the counts only if wanted.
func (s *Service) attributes(ctx context.Context, q *queue, wanted map[string]bool) (map[string]string, error) {
	m := q.effective()
	m[attrArn] = s.arn(q.name)
	m[attrCreated] = strconv.FormatInt(q.Created/second, 10)
	m[attrModified] = strconv.FormatInt(q.Modified/second, 10)
	if wanted["All"] || wanted[attrVisible] || wanted[attrNotVisible] || wanted[attrDelayed] {
		n, err := s.count(ctx, q.Space)
		if err != nil {
			return nil, err
		}
		m[attrVisible] = strconv.FormatInt(n.visible, 10)
		m[attrNotVisible] = strconv.FormatInt(n.inFlight, 10)
		m[attrDelayed] = strconv.FormatInt(n.delayed, 10)
	}
	return m, nil
}

// counts are the numbers of messages by what can be done with them.
type counts struct{ visible, inFlight, delayed int64 }

// count counts the messages of a space. The total is kept; those that are not
// ready are counted in the index, so it costs in proportion to their number.
func (s *Service) count(ctx context.Context, space id) (counts, error) {
	var n counts
	err := s.store.View(ctx, func(r store.Reader) error {
		n = counts{}
		var keys []store.Key
		for shard := range shards {
			keys = append(keys, counterKey(space, shard, countAll))
		}
		totals, err := r.Count(ctx, keys...)
		if err != nil {
			return err
		}
		for _, t := range totals {
			n.visible += t
		}
		now := s.micros()
		for shard := range shards {
			span := store.Span{Partition: indexPartition(space, shard),
				Start: indexFrom(byVisibility, now+1), End: []byte{byVisibility + 1}, Limit: store.MaxScan}
			for {
				found, err := r.Scan(ctx, span)
				if err != nil {
					return err
				}
				for _, rec := range found[0] {
					n.visible--
					if taken(rec.Value) {
						n.inFlight++
					} else {
						n.delayed++
					}
				}
				if len(found[0]) < store.MaxScan {
					break
				}
				span.Start = append(found[0][store.MaxScan-1].Key.Sort, 0)
			}
		}
		return nil
	})
	n.visible = max(n.visible, 0)
	return n, err
}
