package sqs

import (
	"context"

	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// settlement is what a receiver wants done with a message that it received.
type settlement struct {
	handle  string
	change  bool
	timeout *int // new visibility timeout in seconds, of a change

	receipt receipt // the handle, opened for the queue
	refused error   // found before the message was read
	err     error   // in the end
}

// open checks the settlement as far as the queue alone tells.
func (t *settlement) open(s *Service, q *queue) {
	t.receipt, t.refused = s.openReceipt(q, t.handle)
	switch {
	case t.refused != nil || !t.change:
	case t.timeout == nil:
		t.refused = fault.Named(fault.Invalid, "MissingParameter", "The request must contain the parameter VisibilityTimeout.")
	case *t.timeout < 0 || *t.timeout > maxVisibility:
		t.refused = invalidParameter("VisibilityTimeout: must be an integer from 0 to %d.", maxVisibility)
	}
}

// settle deletes messages or changes their visibility in one update. Each has
// its own error; if single, that of the first is the error of the call.
func (s *Service) settle(ctx context.Context, action, name string, all []settlement, single bool) error {
	var space id
	keysOf := func(q *queue) []store.Key {
		space = q.Space
		keys := make([]store.Key, len(all))
		for i := range all {
			all[i].open(s, q)
			keys[i] = stateKey(all[i].receipt.space, all[i].receipt.message)
		}
		return keys
	}
	err := s.updateQueue(ctx, action, name, keysOf, func(tx store.Tx, q *queue, values [][]byte) error {
		now := s.micros()
		seen := make(map[id]bool, len(all))
		for i := range all {
			t := &all[i]
			if t.err = t.refused; t.err != nil {
				continue
			}
			value := values[i]
			if seen[t.receipt.message] { // named before in this batch, and written
				again, err := tx.Get(ctx, stateKey(q.Space, t.receipt.message))
				if err != nil {
					return err
				}
				value = again[0]
			}
			seen[t.receipt.message] = true
			if t.err = t.apply(tx, q, value, now); t.err != nil && !fault.Is(t.err, fault.Invalid) {
				return t.err
			}
		}
		if single {
			return all[0].err
		}
		return nil
	})
	if err == nil && all[0].change {
		s.space(space).wake(len(all))
	}
	return err
}

// apply does what was asked to the message with the stored state value.
func (t *settlement) apply(tx store.Tx, q *queue, value []byte, now int64) error {
	var st state
	current := value != nil && t.receipt.space == q.Space
	if current {
		var err error
		if st, err = decodeState(value); err != nil {
			return err
		}
		current = st.here == t.receipt.here
	}
	if !t.change {
		if current {
			remove(tx, q.Space, t.receipt.message, &st)
		}
		return nil
	}
	switch next := st; {
	case !current:
		return invalidParameter("ReceiptHandle: the message does not exist, or was received again, and is not available for a visibility timeout change.")
	case st.visible <= now:
		return fault.Named(fault.Invalid, "MessageNotInflight", "The message referred to is not in flight.")
	case now+int64(*t.timeout)*second > st.last+maxVisibility*second:
		return invalidParameter("VisibilityTimeout: the total for the message would be beyond the limit of %d seconds since it was received.", maxVisibility)
	default:
		next.visible = now + int64(*t.timeout)*second
		replace(tx, q.Space, t.receipt.message, &st, &next)
		return nil
	}
}

// DeleteMessage deletes a message by the handle of its latest receive. With an
// older one, or when the message is gone, it succeeds without effect.
func (s *Service) DeleteMessage(ctx context.Context, in *sqsapi.DeleteMessageRequest) error {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return err
	}
	return s.settle(ctx, "DeleteMessage", name, []settlement{{handle: in.ReceiptHandle}}, true)
}

// DeleteMessageBatch deletes up to ten messages; entries fail on their own.
func (s *Service) DeleteMessageBatch(ctx context.Context, in *sqsapi.DeleteMessageBatchRequest) (*sqsapi.DeleteMessageBatchResult, error) {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.Entries, func(e *sqsapi.DeleteMessageBatchRequestEntry) string { return e.Id }); err != nil {
		return nil, err
	}
	all := make([]settlement, len(in.Entries))
	for i, e := range in.Entries {
		all[i].handle = e.ReceiptHandle
	}
	if err := s.settle(ctx, "DeleteMessage", name, all, false); err != nil {
		return nil, err
	}
	out := &sqsapi.DeleteMessageBatchResult{
		Successful: []sqsapi.DeleteMessageBatchResultEntry{},
		Failed:     []sqsapi.BatchResultErrorEntry{},
	}
	for i, e := range in.Entries {
		if all[i].err != nil {
			out.Failed = append(out.Failed, failedEntry(e.Id, all[i].err))
		} else {
			out.Successful = append(out.Successful, sqsapi.DeleteMessageBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}

// ChangeMessageVisibility sets the time, from now, after which a message in
// flight may be received again: 0 to 43,200 seconds, and in all no more than
// that since it was received.
func (s *Service) ChangeMessageVisibility(ctx context.Context, in *sqsapi.ChangeMessageVisibilityRequest) error {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return err
	}
	return s.settle(ctx, "ChangeMessageVisibility", name,
		[]settlement{{handle: in.ReceiptHandle, change: true, timeout: &in.VisibilityTimeout}}, true)
}

// ChangeMessageVisibilityBatch changes the visibility of up to ten messages;
// entries fail on their own.
func (s *Service) ChangeMessageVisibilityBatch(ctx context.Context, in *sqsapi.ChangeMessageVisibilityBatchRequest) (*sqsapi.ChangeMessageVisibilityBatchResult, error) {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.Entries, func(e *sqsapi.ChangeMessageVisibilityBatchRequestEntry) string { return e.Id }); err != nil {
		return nil, err
	}
	all := make([]settlement, len(in.Entries))
	for i := range in.Entries {
		e := &in.Entries[i]
		all[i] = settlement{handle: e.ReceiptHandle, change: true, timeout: e.VisibilityTimeout}
	}
	if err := s.settle(ctx, "ChangeMessageVisibility", name, all, false); err != nil {
		return nil, err
	}
	out := &sqsapi.ChangeMessageVisibilityBatchResult{
		Successful: []sqsapi.ChangeMessageVisibilityBatchResultEntry{},
		Failed:     []sqsapi.BatchResultErrorEntry{},
	}
	for i, e := range in.Entries {
		if all[i].err != nil {
			out.Failed = append(out.Failed, failedEntry(e.Id, all[i].err))
		} else {
			out.Successful = append(out.Successful, sqsapi.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}
