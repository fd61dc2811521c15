package sqs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/sqsapi"
	"kindred/internal/store/memstore"
)

// benchEnv is a service on an engine with the system's clock.
func benchEnv(b *testing.B, engine string) *env {
	b.Helper()
	var e *env
	if engine == "pebble" {
		e = newEnvOn(b, openPebble(b))
	} else {
		e = newEnvOn(b, memstore.New())
	}
	e.config.Now = time.Now
	e.Service = New(e.config)
	return e
}

var benchBody = strings.Repeat("x", 1024)

func (e *env) fill(u string, n int) {
	e.t.Helper()
	for i := 0; i < n; i += 10 {
		in := &sqsapi.SendMessageBatchRequest{QueueUrl: u}
		for j := range min(10, n-i) {
			in.Entries = append(in.Entries, sqsapi.SendMessageBatchRequestEntry{Id: fmt.Sprint(j), MessageBody: benchBody})
		}
		if _, err := e.SendMessageBatch(e.ctx, in); err != nil {
			e.t.Fatal(err)
		}
	}
}

func BenchmarkSendMessage(b *testing.B) {
	for _, engine := range []string{"memory", "pebble"} {
		b.Run(engine, func(b *testing.B) {
			e := benchEnv(b, engine)
			u := e.create("q", nil)
			in := &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: benchBody}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.SendMessage(e.ctx, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// receiveAndDelete takes one message and sends another, so that the depth stays.
func (e *env) receiveAndDelete(u string) {
	out, err := e.ReceiveMessage(e.ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u})
	if err != nil || len(out.Messages) != 1 {
		e.t.Fatal(out, err)
	}
	if err := e.delete(u, *out.Messages[0].ReceiptHandle); err != nil {
		e.t.Fatal(err)
	}
}

func BenchmarkReceiveAndDelete(b *testing.B) {
	for _, engine := range []string{"memory", "pebble"} {
		for _, depth := range []int{10, 100_000} {
			b.Run(fmt.Sprintf("%s/depth=%d", engine, depth), func(b *testing.B) {
				e := benchEnv(b, engine)
				u := e.create("q", nil)
				e.fill(u, depth)
				b.ReportAllocs()
				for b.Loop() {
					e.receiveAndDelete(u)
					b.StopTimer()
					e.fill(u, 1)
					b.StartTimer()
				}
			})
		}
	}
}

// BenchmarkReceiveAfterMany is a receive from an empty queue through which
// 100,000 messages have gone: from the time before which nothing is known to be
// ready, and from the start of the index, as the service does every ten seconds.
func BenchmarkReceiveAfterMany(b *testing.B) {
	for _, from := range []string{"mark", "start"} {
		b.Run(from, func(b *testing.B) {
			e := benchEnv(b, "pebble")
			u := e.create("q", nil)
			const n = 100_000
			for range n / 1000 {
				e.fill(u, 1000)
				for range 100 {
					var entries []sqsapi.DeleteMessageBatchRequestEntry
					for i, m := range e.receiveUpTo(u, 10) {
						entries = append(entries, sqsapi.DeleteMessageBatchRequestEntry{Id: fmt.Sprint(i), ReceiptHandle: *m.ReceiptHandle})
					}
					if _, err := e.DeleteMessageBatch(e.ctx, &sqsapi.DeleteMessageBatchRequest{QueueUrl: u, Entries: entries}); err != nil {
						b.Fatal(err)
					}
				}
			}
			q, err := e.load(e.ctx, "q")
			if err != nil {
				b.Fatal(err)
			}
			time.Sleep(2 * lateness * time.Microsecond)
			e.none(u)
			b.ReportAllocs()
			for b.Loop() {
				if from == "start" {
					sp := e.space(q.Space)
					sp.mu.Lock()
					sp.full = 0
					sp.mu.Unlock()
				}
				e.none(u)
			}
		})
	}
}
