package sqs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/sqsapi"
)

func TestLifeOfAMessage(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	sent := e.sendText(u, "hello")
	e.wantCounts(u, "1", "0", "0")
	e.clock.add(1500 * time.Millisecond)
	m := e.receiveOne(u)
	if *m.Body != "hello" || *m.MessageId != sent {
		t.Fatalf("received %+v", m)
	}
	e.wantCounts(u, "0", "1", "0")
	e.none(u)
	e.clock.add(29_999 * time.Millisecond)
	e.none(u)
	e.clock.add(time.Millisecond)
	e.wantCounts(u, "1", "0", "0")
	again := e.receiveOne(u)
	want := map[string]string{"SenderId": "AIDAADMIN", "SentTimestamp": "1700000000000",
		"ApproximateFirstReceiveTimestamp": "1700000001500", "ApproximateReceiveCount": "2"}
	if fmt.Sprint(again.Attributes) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", again.Attributes, want)
	}
	if *again.ReceiptHandle == *m.ReceiptHandle {
		t.Error("two receives have one handle")
	}
	if err := e.delete(u, *m.ReceiptHandle); err != nil {
		t.Errorf("delete by an old handle: %v", err)
	}
	e.wantCounts(u, "0", "1", "0")
	for range 2 {
		if err := e.delete(u, *again.ReceiptHandle); err != nil {
			t.Fatal(err)
		}
		e.wantCounts(u, "0", "0", "0")
	}
	e.clock.add(time.Hour)
	e.none(u)
}

func TestHandleDeletesAfterTheTimeout(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	e.sendText(u, "x")
	m := e.receiveOne(u)
	e.clock.add(time.Hour)
	if err := e.delete(u, *m.ReceiptHandle); err != nil {
		t.Fatal(err)
	}
	e.none(u)
	e.wantCounts(u, "0", "0", "0")
}

func TestDelays(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", map[string]string{"DelaySeconds": "10"})
	e.sendText(u, "queue's")
	if _, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "none", DelaySeconds: ptr(0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "own", DelaySeconds: ptr(5)}); err != nil {
		t.Fatal(err)
	}
	e.wantCounts(u, "1", "0", "2")
	var got []string
	for range 11 {
		for _, m := range e.receiveUpTo(u, 10) {
			got = append(got, *m.Body)
		}
		e.clock.add(time.Second)
	}
	if want := []string{"none", "own", "queue's"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChangeMessageVisibility(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	other := e.create("other", nil)
	change := func(handle string, timeout int) error {
		return e.ChangeMessageVisibility(e.ctx, &sqsapi.ChangeMessageVisibilityRequest{QueueUrl: u, ReceiptHandle: handle, VisibilityTimeout: timeout})
	}
	e.sendText(u, "x")
	m := e.receiveOne(u)
	e.clock.add(20 * time.Second)
	if err := change(*m.ReceiptHandle, 20); err != nil {
		t.Fatal(err)
	}
	e.clock.add(15 * time.Second)
	e.none(u)
	if err := change(*m.ReceiptHandle, 0); err != nil {
		t.Fatal(err)
	}
	e.wantCounts(u, "1", "0", "0")
	wantError(t, change(*m.ReceiptHandle, 5), "MessageNotInflight", "")
	second := e.receiveOne(u)
	wantError(t, change(*m.ReceiptHandle, 5), "InvalidParameterValue", "received again")
	wantError(t, change("handle", 5), "ReceiptHandleIsInvalid", "")
	wantError(t, change(strings.Repeat("A", 5000), 5), "ReceiptHandleIsInvalid", "")
	wantError(t, change(*second.ReceiptHandle, 43201), "InvalidParameterValue", "0 to 43200")
	wantError(t, change(*second.ReceiptHandle, -1), "InvalidParameterValue", "0 to 43200")
	if err := change(*second.ReceiptHandle, 43200); err != nil {
		t.Fatal(err)
	}
	e.clock.add(time.Hour)
	wantError(t, change(*second.ReceiptHandle, 43200), "InvalidParameterValue", "43200 seconds since")
	if err := change(*second.ReceiptHandle, 39600); err != nil {
		t.Fatal(err)
	}
	wantError(t, e.delete(other, *second.ReceiptHandle), "ReceiptHandleIsInvalid", "this queue")
	if err := e.delete(u, *second.ReceiptHandle); err != nil {
		t.Fatal(err)
	}
	wantError(t, change(*second.ReceiptHandle, 5), "InvalidParameterValue", "does not exist")
}

func TestReceiveParameters(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	for _, c := range []struct {
		in   sqsapi.ReceiveMessageRequest
		part string
	}{
		{sqsapi.ReceiveMessageRequest{MaxNumberOfMessages: ptr(0)}, "MaxNumberOfMessages"},
		{sqsapi.ReceiveMessageRequest{MaxNumberOfMessages: ptr(11)}, "MaxNumberOfMessages"},
		{sqsapi.ReceiveMessageRequest{VisibilityTimeout: ptr(43201)}, "VisibilityTimeout"},
		{sqsapi.ReceiveMessageRequest{VisibilityTimeout: ptr(-1)}, "VisibilityTimeout"},
		{sqsapi.ReceiveMessageRequest{WaitTimeSeconds: ptr(21)}, "WaitTimeSeconds"},
		{sqsapi.ReceiveMessageRequest{ReceiveRequestAttemptId: ptr("x")}, "ReceiveRequestAttemptId"},
		{sqsapi.ReceiveMessageRequest{AttributeNames: []string{"Policy"}}, "Policy"},
	} {
		c.in.QueueUrl = u
		_, err := e.ReceiveMessage(e.ctx, &c.in)
		wantError(t, err, "InvalidParameterValue", c.part)
	}
}

func TestOldestFirst(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	var want, got []string
	for i := range 300 {
		body := fmt.Sprint(i)
		e.sendText(u, body)
		want = append(want, body)
		e.clock.add(time.Millisecond)
	}
	for len(got) < len(want) {
		ms := e.receiveUpTo(u, 7)
		if len(ms) == 0 {
			t.Fatalf("nothing left after %d", len(got))
		}
		for _, m := range ms {
			got = append(got, *m.Body)
		}
	}
	// Order is the best effort of a standard queue: with four shards read 64 at a
	// time it is nearly that of sending.
	for i := range got {
		j := slices.Index(want, got[i])
		if j < i-64 || j > i+64 {
			t.Errorf("message %d was received at place %d", j, i)
		}
	}
}

func TestRetention(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", map[string]string{"MessageRetentionPeriod": "60"})
	e.sendText(u, "received")
	e.receiveOne(u)
	for i := range 500 {
		e.sendText(u, fmt.Sprint(i))
	}
	e.clock.add(40 * time.Second)
	e.sendText(u, "young")
	e.clock.add(20 * time.Second)
	e.wantCounts(u, "502", "0", "0")
	if m := e.receiveUpTo(u, 10); len(m) != 1 || *m[0].Body != "young" {
		t.Fatalf("received %d messages", len(m))
	}
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	e.wantCounts(u, "0", "1", "0")
	if err := e.set(u, "MessageRetentionPeriod", "120"); err != nil {
		t.Fatal(err)
	}
	e.clock.add(30 * time.Second)
	e.receiveOne(u)
	e.clock.add(time.Hour)
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	e.wantCounts(u, "0", "0", "0")
}

func TestBatchesFailByEntry(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", map[string]string{"MaximumMessageSize": "2000"})
	out, err := e.SendMessageBatch(e.ctx, &sqsapi.SendMessageBatchRequest{QueueUrl: u, Entries: []sqsapi.SendMessageBatchRequestEntry{
		{Id: "good", MessageBody: "hello", DelaySeconds: ptr(0)},
		{Id: "bad", MessageBody: "a\x01"},
		{Id: "long", MessageBody: strings.Repeat("x", 2001)},
		{Id: "late", MessageBody: "later", DelaySeconds: ptr(60),
			MessageAttributes: map[string]sqsapi.MessageAttributeValue{"a": {DataType: "String", StringValue: ptr("v")}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Successful) != 2 || out.Successful[0].Id != "good" || out.Successful[1].MD5OfMessageAttributes == nil ||
		out.Successful[0].MD5OfMessageBody != "5d41402abc4b2a76b9719d911017c592" {
		t.Errorf("successful: %+v", out.Successful)
	}
	if len(out.Failed) != 2 || out.Failed[0].Id != "bad" || out.Failed[0].Code != "InvalidMessageContents" || !out.Failed[0].SenderFault ||
		out.Failed[1].Code != "InvalidParameterValue" || !strings.Contains(*out.Failed[1].Message, "2000") {
		t.Errorf("failed: %+v", out.Failed)
	}
	e.wantCounts(u, "1", "0", "1")

	h := *e.receiveOne(u).ReceiptHandle
	change, err := e.ChangeMessageVisibilityBatch(e.ctx, &sqsapi.ChangeMessageVisibilityBatchRequest{QueueUrl: u,
		Entries: []sqsapi.ChangeMessageVisibilityBatchRequestEntry{
			{Id: "a", ReceiptHandle: h, VisibilityTimeout: ptr(100)}, {Id: "b", ReceiptHandle: h, VisibilityTimeout: ptr(0)},
			{Id: "c", ReceiptHandle: h, VisibilityTimeout: ptr(100)}, {Id: "d", ReceiptHandle: "x", VisibilityTimeout: ptr(1)},
			{Id: "e", ReceiptHandle: h}, {Id: "f", ReceiptHandle: h, VisibilityTimeout: ptr(-1)},
		}})
	if err != nil || len(change.Successful) != 2 {
		t.Fatalf("got %+v, %v", change, err)
	}
	var codes []string
	for _, f := range change.Failed {
		codes = append(codes, f.Id+" "+f.Code)
	}
	if want := "[c MessageNotInflight d ReceiptHandleIsInvalid e MissingParameter f InvalidParameterValue]"; fmt.Sprint(codes) != want {
		t.Errorf("got %v, want %s", codes, want)
	}
	e.wantCounts(u, "1", "0", "1")
	h = *e.receiveOne(u).ReceiptHandle
	del, err := e.DeleteMessageBatch(e.ctx, &sqsapi.DeleteMessageBatchRequest{QueueUrl: u, Entries: []sqsapi.DeleteMessageBatchRequestEntry{
		{Id: "a", ReceiptHandle: h}, {Id: "again", ReceiptHandle: h}, {Id: "bad", ReceiptHandle: "x"}}})
	if err != nil || len(del.Successful) != 2 || len(del.Failed) != 1 || del.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("got %+v, %v", del, err)
	}
	e.wantCounts(u, "0", "0", "1")
}

func TestBatchesAreChecked(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	entries := func(ids ...string) []sqsapi.SendMessageBatchRequestEntry {
		var all []sqsapi.SendMessageBatchRequestEntry
		for _, id := range ids {
			all = append(all, sqsapi.SendMessageBatchRequestEntry{Id: id, MessageBody: "x"})
		}
		return all
	}
	big := entries("a", "b")
	big[0].MessageBody, big[1].MessageBody = strings.Repeat("x", 1<<20-1), "yz"
	for want, in := range map[string][]sqsapi.SendMessageBatchRequestEntry{
		"EmptyBatchRequest":            nil,
		"TooManyEntriesInBatchRequest": entries("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"),
		"BatchEntryIdsNotDistinct":     entries("a", "b", "a"),
		"InvalidBatchEntryId":          entries("a", "b c"),
		"BatchRequestTooLong":          big,
	} {
		_, err := e.SendMessageBatch(e.ctx, &sqsapi.SendMessageBatchRequest{QueueUrl: u, Entries: in})
		wantError(t, err, want, "")
		if !modelled("SendMessageBatch")[want] {
			t.Errorf("%s is not in the model", want)
		}
	}
	_, err := e.DeleteMessageBatch(e.ctx, &sqsapi.DeleteMessageBatchRequest{QueueUrl: u})
	wantError(t, err, "EmptyBatchRequest", "")
	_, err = e.ChangeMessageVisibilityBatch(e.ctx, &sqsapi.ChangeMessageVisibilityBatchRequest{QueueUrl: u,
		Entries: make([]sqsapi.ChangeMessageVisibilityBatchRequestEntry, 11)})
	wantError(t, err, "TooManyEntriesInBatchRequest", "")
	e.wantCounts(u, "0", "0", "0")

	big[1].MessageBody = "y"
	out, err := e.SendMessageBatch(e.ctx, &sqsapi.SendMessageBatchRequest{QueueUrl: u, Entries: big})
	if err != nil || len(out.Successful) != 2 {
		t.Errorf("a batch of just 1 MiB: %v, %v", out, err)
	}
}

func TestTooManyInFlight(t *testing.T) {
	e := newEnv(t)
	e.maxInFlight = 3
	u := e.create("q", nil)
	for range 5 {
		e.sendText(u, "x")
	}
	for range 3 {
		e.receiveOne(u)
	}
	e.clock.add(2 * time.Second) // past what was read from the index
	_, err := e.ReceiveMessage(e.ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u})
	wantError(t, err, "OverLimit", "3")
	e.clock.add(30 * time.Second) // now none is in flight, though three have been received
	for range 3 {
		e.receiveOne(u)
	}
}
