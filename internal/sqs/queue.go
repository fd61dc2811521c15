package sqs

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/access"
	"kindred/internal/api/sqsapi"
	"kindred/internal/datakey"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// settings is the stored form of a queue.
type settings struct {
	ID         id                // for life
	Space      id                // until the next purge
	DataKey    []byte            // seals the messages of the space
	Created    int64             // microseconds since 1970, as are the next two
	Modified   int64             //
	Purged     int64             // 0: never
	Attributes map[string]string // as GetQueueAttributes returns them
	Tags       map[string]string `json:",omitempty"`
}

// queue is a queue in memory. It never changes; a change makes a new one.
type queue struct {
	settings
	name string
	raw  []byte // stored form

	messages                           tink.AEAD
	policy                             *policy.Policy // nil: none
	redrive                            *redrivePolicy // nil: none
	visibility, delay, retention, poll int64          // seconds
	maxSize                            int            // bytes
}

// MarshalText and UnmarshalText are the form of identifiers in settings.
func (v id) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, v[:]), nil }

// UnmarshalText is the inverse of MarshalText.
func (v *id) UnmarshalText(text []byte) error {
	if len(text) != 2*len(v) {
		return fmt.Errorf("sqs: an identifier has %d digits", 2*len(v))
	}
	_, err := hex.Decode(v[:], text)
	return err
}

// formatVersion is the first byte of all sealed values.
const formatVersion = 1

// associated binds a sealed value to the record it is in.
func associated(k store.Key) []byte {
	b := make([]byte, 0, 4+len(k.Partition)+len(k.Sort))
	b = binary.BigEndian.AppendUint32(b, uint32(len(k.Partition)))
	b = append(b, k.Partition...)
	return append(b, k.Sort...)
}

func seal(a tink.AEAD, k store.Key, plain []byte) ([]byte, error) {
	sealed, err := a.Encrypt(plain, associated(k))
	if err != nil {
		return nil, fmt.Errorf("sqs: seal: %w", err)
	}
	return append([]byte{formatVersion}, sealed...), nil
}

func unseal(a tink.AEAD, k store.Key, value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != formatVersion {
		return nil, errors.New("sqs: record of an unknown format")
	}
	plain, err := a.Decrypt(value[1:], associated(k))
	if err != nil {
		return nil, fmt.Errorf("sqs: open: %w", err)
	}
	return plain, nil
}

// openQueue makes a queue of its stored form.
func (s *Service) openQueue(name string, raw []byte) (*queue, error) {
	plain, err := unseal(s.root, configKey(name), raw)
	if err != nil {
		return nil, fmt.Errorf("queue settings: %w", err)
	}
	q := &queue{name: name, raw: raw}
	if err := json.Unmarshal(plain, &q.settings); err != nil {
		return nil, fmt.Errorf("sqs: queue settings: %w", err)
	}
	if q.messages, err = datakey.AEAD(q.DataKey); err != nil {
		return nil, fmt.Errorf("sqs: queue settings: %w", err)
	}
	for _, f := range [...]struct {
		name string
		to   *int64
	}{
		{attrVisibilityTimeout, &q.visibility},
		{attrDelaySeconds, &q.delay},
		{attrRetention, &q.retention},
		{attrWait, &q.poll},
	} {
		if *f.to, err = strconv.ParseInt(q.Attributes[f.name], 10, 64); err != nil {
			return nil, fmt.Errorf("sqs: queue settings: %s: %w", f.name, err)
		}
	}
	if q.maxSize, err = strconv.Atoi(q.Attributes[attrMaximumSize]); err != nil {
		return nil, fmt.Errorf("sqs: queue settings: %s: %w", attrMaximumSize, err)
	}
	if text := q.Attributes[attrPolicy]; text != "" {
		if q.policy, err = parsePolicy(text); err != nil {
			return nil, fmt.Errorf("sqs: queue settings: %w", err)
		}
	}
	if text := q.Attributes[attrRedrivePolicy]; text != "" {
		if q.redrive, err = s.parseRedrivePolicy(text); err != nil {
			return nil, fmt.Errorf("sqs: queue settings: %w", err)
		}
	}
	return q, nil
}

// put writes the settings of a queue.
func (s *Service) put(tx store.Tx, name string, c *settings) error {
	plain, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("sqs: queue settings: %w", err)
	}
	k := configKey(name)
	sealed, err := seal(s.root, k, plain)
	if err != nil {
		return err
	}
	tx.Put(k, sealed)
	return nil
}

// clone copies settings so that the copy may be changed.
func (c *settings) clone() *settings {
	d := *c
	d.Attributes, d.Tags = maps.Clone(c.Attributes), maps.Clone(c.Tags)
	return &d
}

// renew gives the queue a new, empty message space under a new key.
func (c *settings) renew() {
	c.Space = newID()
	c.DataKey = make([]byte, datakey.Size)
	rand.Read(c.DataKey)
}

// maxQueueName is the longest name of a queue in characters (Amazon SQS
// quotas).
const maxQueueName = 80

func validQueueName(name string) bool {
	if name == "" || len(name) > maxQueueName {
		return false
	}
	for _, c := range []byte(name) {
		if !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// CreateQueue makes a queue. With the name of a queue that is there, it answers
// that queue's URL if every attribute given has the value that the queue has,
// and QueueNameExists otherwise; tags are then left as they are.
func (s *Service) CreateQueue(ctx context.Context, in *sqsapi.CreateQueueRequest) (*sqsapi.CreateQueueResult, error) {
	name := in.QueueName
	if err := checkQueueName(name); err != nil {
		return nil, err
	}
	err := access.Require(ctx, access.Check{Action: "sqs:CreateQueue", Resource: s.arn(name),
		ResourceAccount: s.account, RequestTags: in.Tags})
	if err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		err := access.Require(ctx, access.Check{Action: "sqs:TagQueue", Resource: s.arn(name),
			ResourceAccount: s.account, RequestTags: in.Tags})
		if err != nil {
			return nil, err
		}
	}
	if err := checkTags(nil, in.Tags); err != nil {
		return nil, err
	}
	changes, err := s.checkAttributes(name, in.Attributes)
	if err != nil {
		return nil, err
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		values, err := tx.Get(ctx, configKey(name))
		if err != nil {
			return err
		}
		old, err := s.parse(name, values[0])
		if err == nil {
			return sameAttributes(old, changes)
		}
		if !errors.Is(err, errNoQueue) {
			return err
		}
		now := s.micros()
		c := &settings{ID: newID(), Created: now, Modified: now, Attributes: defaults(), Tags: in.Tags}
		c.renew()
		if err := s.change(ctx, tx, name, c, changes); err != nil {
			return err
		}
		tx.Put(directoryKey(name), []byte{})
		return s.put(tx, name, c)
	})
	if err != nil {
		return nil, storeFault(err)
	}
	u := s.url(name)
	return &sqsapi.CreateQueueResult{QueueUrl: &u}, nil
}

func checkQueueName(name string) error {
	if base, ok := strings.CutSuffix(name, ".fifo"); ok && validQueueName(base) {
		return unsupported("QueueName: FIFO queues are not supported; the name must not end in .fifo.")
	}
	if !validQueueName(name) {
		return invalidParameter("QueueName: can only include alphanumeric characters, hyphens and underscores, 1 to %d of them.", maxQueueName)
	}
	return nil
}

// GetQueueUrl answers the URL of a queue by its name.
func (s *Service) GetQueueUrl(ctx context.Context, in *sqsapi.GetQueueUrlRequest) (*sqsapi.GetQueueUrlResult, error) {
	if in.QueueOwnerAWSAccountId != nil && *in.QueueOwnerAWSAccountId != s.account || !validQueueName(in.QueueName) {
		return nil, noQueue()
	}
	q, err := s.openName(ctx, in.QueueName, s.check("GetQueueUrl", in.QueueName))
	if err != nil {
		return nil, err
	}
	u := s.url(q.name)
	return &sqsapi.GetQueueUrlResult{QueueUrl: &u}, nil
}

// DeleteQueue removes a queue with its messages. What is stored of them is
// unreadable at once, since their key is gone, and dropped in the background.
func (s *Service) DeleteQueue(ctx context.Context, in *sqsapi.DeleteQueueRequest) error {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return err
	}
	var gone id
	err = s.updateQueue(ctx, "DeleteQueue", name, nil, func(tx store.Tx, q *queue, _ [][]byte) error {
		tx.Delete(configKey(name))
		tx.Delete(directoryKey(name))
		tx.Delete(runningKey(name))
		tx.Clear(taskPartition(q.ID))
		if q.redrive != nil {
			tx.Delete(sourceKey(q.redrive.target, name))
		}
		tx.Put(dropKey(q.Space), []byte{})
		gone = q.Space
		return nil
	})
	if err != nil {
		return err
	}
	s.forget(name)
	s.abandon(gone)
	return nil
}

// PurgeQueue removes all messages of a queue, those in flight included, at most
// once in 60 seconds.
func (s *Service) PurgeQueue(ctx context.Context, in *sqsapi.PurgeQueueRequest) error {
	const interval = 60_000_000 // microseconds
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return err
	}
	var gone id
	err = s.updateQueue(ctx, "PurgeQueue", name, nil, func(tx store.Tx, q *queue, _ [][]byte) error {
		now := s.micros()
		if q.Purged != 0 && now-q.Purged < interval {
			return fault.Named(fault.Busy, "PurgeQueueInProgress", "Only one PurgeQueue operation on %s is allowed every 60 seconds.", name)
		}
		gone = q.Space
		c := q.clone()
		c.renew()
		c.Purged = now
		tx.Put(dropKey(gone), []byte{})
		return s.put(tx, name, c)
	})
	if err != nil {
		return err
	}
	s.abandon(gone)
	return nil
}
