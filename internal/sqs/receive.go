package sqs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kindred/internal/admission"
	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// maxInFlight is how many messages of a queue may be in flight (Amazon SQS
// quotas).
const maxInFlight = 120_000

// claim is a message that was claimed for a receiver.
type claim struct {
	id     id
	state  state
	sealed []byte
}

// receive is one ReceiveMessage call.
type receive struct {
	s       *Service
	name    string
	max     int    // messages
	timeout *int64 // visibility, seconds; nil: the queue's
	wait    *int64 // seconds; nil: the queue's
	system  map[string]bool
	filters []string // of message attributes
}

// ReceiveMessage hands out up to ten messages that are ready, the oldest first
// as far as concurrent receivers allow, and hides them for the visibility
// timeout. If none is ready it waits for one as long as WaitTimeSeconds says.
func (s *Service) ReceiveMessage(ctx context.Context, in *sqsapi.ReceiveMessageRequest) (*sqsapi.ReceiveMessageResult, error) {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	r := &receive{s: s, name: name, max: 1, filters: in.MessageAttributeNames}
	if err := r.parameters(in); err != nil {
		return nil, err
	}
	messages, err := r.poll(ctx)
	if err != nil {
		return nil, err
	}
	return &sqsapi.ReceiveMessageResult{Messages: messages}, nil
}

// poll looks for messages until there are some or the time to wait is over.
func (r *receive) poll(ctx context.Context) ([]sqsapi.Message, error) {
	s, deadline := r.s, context.Context(nil)
	for reloads := 0; reloads < maxReloads; {
		q, err := s.recent(ctx, r.name, s.check("ReceiveMessage", r.name))
		if err != nil {
			return nil, err
		}
		wait := q.poll
		if r.wait != nil {
			wait = *r.wait
		}
		sp := s.space(q.Space)
		var w *waiter
		if wait > 0 {
			w = sp.enter() // before the look, so that no send falls between
		}
		messages, err := r.try(ctx, q, sp)
		if err == nil && len(messages) == 0 && w != nil {
			if deadline == nil {
				var cancel context.CancelFunc
				deadline, cancel = context.WithTimeout(ctx, time.Duration(wait)*time.Second)
				defer cancel()
			}
			err = s.await(deadline, sp, w)
		}
		if w != nil {
			sp.leave(w)
		}
		switch {
		case errors.Is(err, errStale):
			reloads++
			s.forget(r.name)
		case err != nil || len(messages) > 0 || w == nil:
			return messages, storeFault(err)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case deadline.Err() != nil:
			return nil, nil
		default:
			reloads = 0
		}
	}
	return nil, storeFault(store.ErrConflict)
}

// await waits until there may be something to receive, or for the deadline.
func (s *Service) await(deadline context.Context, sp *space, w *waiter) error {
	if s.waiting.Add(1) > maxWaiters {
		s.waiting.Add(-1)
		return fault.Named(fault.Busy, "RequestThrottled", "Too many receivers are waiting; try again.")
	}
	defer s.waiting.Add(-1)
	timer := time.NewTimer(sp.sleep(s.micros()))
	defer timer.Stop()
	// Who waits for a message keeps nobody from being served.
	return admission.Away(deadline, func() error {
		select {
		case <-w.awake:
		case <-timer.C:
		case <-deadline.Done():
		}
		return nil
	})
}

// parameters checks the request.
func (r *receive) parameters(in *sqsapi.ReceiveMessageRequest) error {
	if n := in.MaxNumberOfMessages; n != nil {
		if *n < 1 || *n > maxBatch {
			return invalidParameter("MaxNumberOfMessages: must be an integer from 1 to %d.", maxBatch)
		}
		r.max = *n
	}
	for _, p := range [...]struct {
		name  string
		given *int
		max   int
		to    **int64
	}{
		{"VisibilityTimeout", in.VisibilityTimeout, maxVisibility, &r.timeout},
		{"WaitTimeSeconds", in.WaitTimeSeconds, maxWait, &r.wait},
	} {
		if p.given == nil {
			continue
		}
		if *p.given < 0 || *p.given > p.max {
			return invalidParameter("%s: must be an integer from 0 to %d.", p.name, p.max)
		}
		v := int64(*p.given)
		*p.to = &v
	}
	if in.ReceiveRequestAttemptId != nil {
		return invalidParameter("ReceiveRequestAttemptId: the parameter is not valid for this queue type.")
	}
	r.system = make(map[string]bool)
	for _, names := range [][]string{in.AttributeNames, in.MessageSystemAttributeNames} {
		for _, name := range names {
			if !systemAttributes[name] {
				return invalidParameter("MessageSystemAttributeNames: %.80q is not known.", name)
			}
			r.system[name] = true
		}
	}
	return nil
}

// systemAttributes are the names that a receiver may ask for; those of FIFO
// queues are never there.
var systemAttributes = map[string]bool{
	"All": true, "SenderId": true, "SentTimestamp": true, "ApproximateReceiveCount": true,
	"ApproximateFirstReceiveTimestamp": true, "AWSTraceHeader": true, "DeadLetterQueueSourceArn": true,
	"MessageGroupId": true, "SequenceNumber": true, "MessageDeduplicationId": true,
}

// try claims what is ready, without waiting. It goes on while some of what the
// index named turned out to be deleted, expired or to be moved, so that a
// receiver gets as many as there are.
func (r *receive) try(ctx context.Context, q *queue, sp *space) (messages []sqsapi.Message, err error) {
	for len(messages) < r.max {
		got, err := r.s.take(ctx, q, sp, r.max-len(messages), r.s.micros())
		if err == nil && len(got) > 0 {
			err = r.s.checkInFlight(ctx, q, sp)
		}
		var claims []claim
		var expired int
		if err == nil && len(got) > 0 {
			claims, expired, err = r.claim(ctx, q, got)
		}
		sp.done(got)
		if err == nil {
			var opened []sqsapi.Message
			opened, err = r.open(q, claims)
			messages = append(messages, opened...)
		}
		if err == nil && expired > 0 { // get the rest of them out of the way
			err = r.s.expire(ctx, q)
		}
		switch {
		case err != nil && len(messages) == 0:
			return nil, err
		case err != nil, len(claims) == len(got):
			return messages, nil // what failed after a claim fails again if it must
		}
	}
	return messages, nil
}

// checkInFlight refuses when too many messages are in flight. The kept number of
// messages that were ever received is an upper bound, so that the exact one is
// found out only for large queues.
func (s *Service) checkInFlight(ctx context.Context, q *queue, sp *space) error {
	sp.mu.Lock()
	ever := sp.taken
	sp.mu.Unlock()
	if ever < s.maxInFlight {
		return nil
	}
	n, err := s.count(ctx, q.Space)
	if err == nil && n.inFlight >= s.maxInFlight {
		err = fault.Named(fault.Busy, "OverLimit", "Too many messages are in flight: at most %d may be.", s.maxInFlight)
	}
	return err
}

// claim claims candidates in one update: it hides them for the receiver, or
// removes them if they have expired, or moves them to the dead-letter queue if
// they were received too often.
func (r *receive) claim(ctx context.Context, q *queue, got []candidate) (claims []claim, expired int, err error) {
	keysOf := func(q *queue) []store.Key {
		keys := make([]store.Key, 0, 2*len(got))
		for _, c := range got {
			keys = append(keys, stateKey(q.Space, c.id), bodyKey(q.Space, c.id))
		}
		return keys
	}
	var moved int
	var target *queue
	err = r.s.updateAs(ctx, q, keysOf, func(tx store.Tx, q *queue, values [][]byte) error {
		claims, expired, moved, target = nil, 0, 0, nil
		now := r.s.micros()
		for i, c := range got {
			st, ok, err := unclaimed(values[2*i], c, now)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if st.expired(q, now) {
				remove(tx, q.Space, c.id, &st)
				expired++
				continue
			}
			sealed := values[2*i+1]
			if q.redrive != nil && int64(st.here) >= q.redrive.receives {
				if target == nil {
					if target, err = r.s.readQueue(ctx, tx, q.redrive.target); err != nil && !errors.Is(err, errNoQueue) {
						return err
					}
				}
				if target != nil && r.s.deadLetter(tx, q, target, c.id, &st, sealed, now) {
					moved++
					continue
				}
			}
			claims = append(claims, r.hide(tx, q, c.id, &st, sealed, now))
		}
		return nil
	})
	if err == nil && moved > 0 {
		r.s.space(target.Space).wake(moved)
	}
	return claims, expired, err
}

// unclaimed reads the state of a candidate; ok is false if it is no longer what
// the index said when it was read.
func unclaimed(value []byte, c candidate, now int64) (st state, ok bool, err error) {
	if value == nil {
		return st, false, nil
	}
	st, err = decodeState(value)
	return st, err == nil && st.visible == c.visible && st.visible <= now, err
}

// readQueue reads a queue within an update; errNoQueue if there is none.
func (s *Service) readQueue(ctx context.Context, tx store.Tx, name string) (*queue, error) {
	values, err := tx.Get(ctx, configKey(name))
	if err != nil {
		return nil, err
	}
	return s.parse(name, values[0])
}

// hide claims one message.
func (r *receive) hide(tx store.Tx, q *queue, message id, st *state, sealed []byte, now int64) claim {
	timeout := q.visibility
	if r.timeout != nil {
		timeout = *r.timeout
	}
	next := *st
	next.visible, next.last = now+timeout*second, now
	if next.first == 0 {
		next.first = now
	}
	next.receives++
	next.here++
	replace(tx, q.Space, message, st, &next)
	return claim{message, next, sealed}
}

// deadLetter moves a message that was received too often. It keeps its
// identifier, when it was sent, and its number of receives. A message that
// cannot be opened stays where it is.
func (s *Service) deadLetter(tx store.Tx, q, target *queue, message id, st *state, sealed []byte, now int64) bool {
	m, err := openMessage(q, message, sealed)
	if err != nil {
		s.log.Error("sqs: message cannot be moved to the dead-letter queue", "queue", q.name, "message", message.String(), "error", err)
		return false
	}
	m.source = s.arn(q.name)
	moved, err := seal(target.messages, bodyKey(target.Space, message), m.encode())
	if err != nil {
		s.log.Error("sqs: message cannot be moved to the dead-letter queue", "queue", q.name, "message", message.String(), "error", err)
		return false
	}
	remove(tx, q.Space, message, st)
	insert(tx, target.Space, message, moved, &state{visible: now, sent: st.sent, first: st.first, receives: st.receives})
	return true
}

func openMessage(q *queue, message id, sealed []byte) (*message, error) {
	plain, err := unseal(q.messages, bodyKey(q.Space, message), sealed)
	if err != nil {
		return nil, err
	}
	return decodeMessage(plain)
}

// open makes the answer of claimed messages. One that cannot be opened is left
// out, to be found again after its visibility timeout; if that leaves none, it
// is an error.
func (r *receive) open(q *queue, claims []claim) ([]sqsapi.Message, error) {
	var messages []sqsapi.Message
	var failed error
	for _, c := range claims {
		m, err := openMessage(q, c.id, c.sealed)
		if err != nil {
			failed = fmt.Errorf("sqs: message %s of queue %s: %w", c.id, q.name, err)
			r.s.log.Error("sqs: message cannot be opened", "queue", q.name, "message", c.id.String(), "error", err)
			continue
		}
		handle, err := r.s.sealReceipt(receipt{q.ID, q.Space, c.id, c.state.here})
		if err != nil {
			return nil, err
		}
		messages = append(messages, r.answer(m, &c, handle))
	}
	if len(messages) == 0 {
		return nil, failed
	}
	return messages, nil
}

func (r *receive) answer(m *message, c *claim, handle string) sqsapi.Message {
	messageID, md5 := c.id.String(), digest(m.body)
	out := sqsapi.Message{MessageId: &messageID, ReceiptHandle: &handle, MD5OfBody: &md5, Body: &m.body}
	for _, a := range [...]struct{ name, value string }{
		{"SenderId", m.sender},
		{"SentTimestamp", strconv.FormatInt(c.state.sent/1000, 10)},
		{"ApproximateReceiveCount", strconv.FormatUint(uint64(c.state.receives), 10)},
		{"ApproximateFirstReceiveTimestamp", strconv.FormatInt(c.state.first/1000, 10)},
		{"AWSTraceHeader", m.trace},
		{"DeadLetterQueueSourceArn", m.source},
		{"MessageGroupId", m.group},
	} {
		if a.value != "" && (r.system["All"] || r.system[a.name]) {
			if out.Attributes == nil {
				out.Attributes = make(map[string]string)
			}
			out.Attributes[a.name] = a.value
		}
	}
	var chosen []messageAttribute
	for i := range m.attributes {
		if a := &m.attributes[i]; r.chooses(a.name) {
			if out.MessageAttributes == nil {
				out.MessageAttributes = make(map[string]sqsapi.MessageAttributeValue)
			}
			out.MessageAttributes[a.name] = a.wire()
			chosen = append(chosen, *a)
		}
	}
	out.MD5OfMessageAttributes = attributesDigest(chosen)
	return out
}

// chooses says whether the receiver wants a message attribute: by its name, by
// the start of it (prefix.*), or as any other (All or .*).
func (r *receive) chooses(name string) bool {
	for _, f := range r.filters {
		prefix, pattern := strings.CutSuffix(f, ".*")
		if f == "All" || f == name || pattern && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
