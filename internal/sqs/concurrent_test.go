package sqs

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
)

// 64 receivers on two nodes: each message is handed out once.
func TestConcurrentReceivers(t *testing.T) {
	const messages, receivers = 2000, 64
	engines(t, func(t *testing.T, e *env) {
		u := e.create("q", nil)
		other := e.node()
		var sending sync.WaitGroup
		for s := range 4 {
			sending.Go(func() {
				for i := 0; i < messages/4; i += 10 {
					in := &sqsapi.SendMessageBatchRequest{QueueUrl: u}
					for j := range 10 {
						in.Entries = append(in.Entries, sqsapi.SendMessageBatchRequestEntry{Id: fmt.Sprint(j), MessageBody: fmt.Sprint(s, "-", i+j)})
					}
					if out, err := e.SendMessageBatch(e.ctx, in); err != nil || len(out.Failed) > 0 {
						t.Error(out, err)
					}
				}
			})
		}
		var mu sync.Mutex
		seen := make(map[string]int)
		var done atomic.Bool
		var left atomic.Int64
		left.Store(messages)
		var receiving sync.WaitGroup
		for i := range receivers {
			node := e
			if i%2 == 1 {
				node = other
			}
			receiving.Go(func() {
				for left.Load() > 0 && !done.Load() {
					out, err := node.ReceiveMessage(node.ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u, MaxNumberOfMessages: ptr(1 + i%10)})
					if fault.Is(err, fault.Busy) {
						continue
					}
					if err != nil {
						t.Error(err)
						done.Store(true)
						return
					}
					for _, m := range out.Messages {
						mu.Lock()
						seen[*m.Body]++
						mu.Unlock()
						if i%3 == 0 {
							if err := node.DeleteMessage(node.ctx, &sqsapi.DeleteMessageRequest{QueueUrl: u, ReceiptHandle: *m.ReceiptHandle}); err != nil {
								t.Error(err)
							}
						}
						left.Add(-1)
					}
				}
			})
		}
		sending.Wait()
		receiving.Wait()
		for body, n := range seen {
			if n != 1 {
				t.Errorf("%s was received %d times", body, n)
			}
		}
		if len(seen) != messages {
			t.Errorf("%d messages were received, want %d", len(seen), messages)
		}
		if visible := e.attribute(u, attrVisible); visible != "0" {
			t.Errorf("%s are visible", visible)
		}
	})
}

// Sends, purges and deletes of the queue race; nothing is left behind.
func TestSendsRaceWithPurges(t *testing.T) {
	engines(t, func(t *testing.T, e *env) {
		u := e.create("q", nil)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					_, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "x"})
					if err != nil && !fault.Is(err, fault.NotFound) {
						t.Error(err)
					}
					if _, err := e.ReceiveMessage(e.ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u}); err != nil && !fault.Is(err, fault.NotFound) {
						t.Error(err)
					}
				}
			})
		}
		for range 10 {
			e.clock.add(61 * time.Second)
			if err := e.PurgeQueue(e.ctx, &sqsapi.PurgeQueueRequest{QueueUrl: u}); err != nil {
				t.Error(err)
			}
		}
		if err := e.DeleteQueue(e.ctx, &sqsapi.DeleteQueueRequest{QueueUrl: u}); err != nil {
			t.Error(err)
		}
		wg.Wait()
		(&run{env: e, t: t}).wantNothingStored()
	})
}
