package sqs

import (
	"context"

	"kindred/internal/access"
	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// outgoing is a message on its way into a queue.
type outgoing struct {
	in *sqsapi.SendMessageRequest
	id id

	// The following are made for one state of the queue.
	message *message
	sealed  []byte
	err     error
}

// prepare checks and seals the message for the queue as it is.
func (o *outgoing) prepare(q *queue, sender string) {
	o.sealed = nil
	if o.message, o.err = newMessage(q, o.in); o.err != nil {
		return
	}
	o.message.sender = sender
	o.sealed, o.err = seal(q.messages, bodyKey(q.Space, o.id), o.message.encode())
}

// send puts messages into a queue in one update. Those that break a rule have
// their error and are left out; if single, that is the error of the call.
func (s *Service) send(ctx context.Context, name string, out []outgoing, single bool) error {
	sender := senderID(ctx)
	var prepared *queue
	sent := 0
	err := s.updateQueue(ctx, "SendMessage", name, nil, func(tx store.Tx, q *queue, _ [][]byte) error {
		now := s.micros()
		fresh := prepared != q
		prepared, sent = q, 0
		for i := range out {
			o := &out[i]
			if fresh {
				o.prepare(q, sender)
			}
			if o.err != nil {
				if single {
					return o.err
				}
				continue
			}
			delay := q.delay
			if o.in.DelaySeconds != nil {
				delay = int64(*o.in.DelaySeconds)
			}
			insert(tx, q.Space, o.id, o.sealed, &state{visible: now + delay*second, sent: now})
			sent++
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.space(prepared.Space).wake(sent)
	return nil
}

// senderID is the SenderId of messages that the caller sends.
func senderID(ctx context.Context) string {
	c := access.From(ctx)
	switch {
	case c == nil:
		return ""
	case c.PrincipalID != "":
		return c.PrincipalID
	case c.ServiceName != "":
		return c.ServiceName
	}
	return c.Account
}

// SendMessage puts a message into a queue. It is durable when the call returns.
func (s *Service) SendMessage(ctx context.Context, in *sqsapi.SendMessageRequest) (*sqsapi.SendMessageResult, error) {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	out := []outgoing{{in: in, id: newID()}}
	if err := s.send(ctx, name, out, true); err != nil {
		return nil, err
	}
	m := out[0].message
	messageID, md5 := out[0].id.String(), digest(m.body)
	return &sqsapi.SendMessageResult{
		MessageId:                    &messageID,
		MD5OfMessageBody:             &md5,
		MD5OfMessageAttributes:       attributesDigest(m.attributes),
		MD5OfMessageSystemAttributes: m.systemDigest(),
	}, nil
}

// SendMessageBatch puts up to ten messages into a queue, in one update. Entries
// fail on their own; the size of all together is limited like that of one.
func (s *Service) SendMessageBatch(ctx context.Context, in *sqsapi.SendMessageBatchRequest) (*sqsapi.SendMessageBatchResult, error) {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.Entries, func(e *sqsapi.SendMessageBatchRequestEntry) string { return e.Id }); err != nil {
		return nil, err
	}
	total := 0
	out := make([]outgoing, len(in.Entries))
	for i := range in.Entries {
		e := &in.Entries[i]
		out[i] = outgoing{id: newID(), in: &sqsapi.SendMessageRequest{
			MessageBody:             e.MessageBody,
			DelaySeconds:            e.DelaySeconds,
			MessageAttributes:       e.MessageAttributes,
			MessageSystemAttributes: e.MessageSystemAttributes,
			MessageDeduplicationId:  e.MessageDeduplicationId,
			MessageGroupId:          e.MessageGroupId,
		}}
		total += requestSize(out[i].in)
	}
	if total > maxMessage {
		return nil, fault.Named(fault.Invalid, "BatchRequestTooLong",
			"Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessage, total)
	}
	if err := s.send(ctx, name, out, false); err != nil {
		return nil, err
	}
	result := &sqsapi.SendMessageBatchResult{
		Successful: []sqsapi.SendMessageBatchResultEntry{},
		Failed:     []sqsapi.BatchResultErrorEntry{},
	}
	for i := range out {
		o, entry := &out[i], in.Entries[i].Id
		if o.err != nil {
			result.Failed = append(result.Failed, failedEntry(entry, o.err))
			continue
		}
		result.Successful = append(result.Successful, sqsapi.SendMessageBatchResultEntry{
			Id:                           entry,
			MessageId:                    o.id.String(),
			MD5OfMessageBody:             digest(o.message.body),
			MD5OfMessageAttributes:       attributesDigest(o.message.attributes),
			MD5OfMessageSystemAttributes: o.message.systemDigest(),
		})
	}
	return result, nil
}

// requestSize is what an unchecked message counts towards the limit of a batch.
func requestSize(in *sqsapi.SendMessageRequest) int {
	n := len(in.MessageBody)
	for name, v := range in.MessageAttributes {
		n += len(name) + len(v.DataType) + len(v.BinaryValue)
		if v.StringValue != nil {
			n += len(*v.StringValue)
		}
	}
	return n
}
