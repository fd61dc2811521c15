package sqs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/sqsapi"
	"kindred/internal/store"
)

func TestCreateQueueIsIdempotentForEqualAttributes(t *testing.T) {
	e := newEnv(t)
	u := e.create("orders", map[string]string{"VisibilityTimeout": "45", "Policy": ""})
	if want := testEndpoint + "/" + testAccount + "/orders"; u != want {
		t.Fatalf("got URL %s, want %s", u, want)
	}
	e.create("orders", nil)
	e.create("orders", map[string]string{"VisibilityTimeout": "045", "DelaySeconds": "0"})
	_, err := e.CreateQueue(e.ctx, &sqsapi.CreateQueueRequest{QueueName: "orders", Attributes: map[string]string{"VisibilityTimeout": "46"}})
	wantError(t, err, "QueueNameExists", "VisibilityTimeout")

	dlq := e.create("dead", nil)
	if dlq == u {
		t.Fatal("two queues have one URL")
	}
	e.create("work", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + arnOf("dead") + `","maxReceiveCount":3}`})
	e.create("work", map[string]string{"RedrivePolicy": `{ "maxReceiveCount": 3, "deadLetterTargetArn": "` + arnOf("dead") + `"}`})
}

func TestQueueNames(t *testing.T) {
	e := newEnv(t)
	for name, want := range map[string]string{
		"a":                                    "",
		"A-b_9":                                "",
		strings.Repeat("x", 80):                "",
		"":                                     "InvalidParameterValue",
		strings.Repeat("x", 81):                "InvalidParameterValue",
		"a.b":                                  "InvalidParameterValue",
		"a/b":                                  "InvalidParameterValue",
		"grün":                                 "InvalidParameterValue",
		"orders.fifo":                          "UnsupportedOperation",
		strings.Repeat("x", 81) + ".fifo":      "InvalidParameterValue",
		"orders.fifo" + strings.Repeat(" ", 1): "InvalidParameterValue",
	} {
		_, err := e.CreateQueue(e.ctx, &sqsapi.CreateQueueRequest{QueueName: name})
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", name, err)
			}
			continue
		}
		wantError(t, err, want, "QueueName")
	}
}

func TestQueueURLsAreTakenByTheEndOfTheirPath(t *testing.T) {
	e := newEnv(t)
	e.create("q", nil)
	for _, u := range []string{
		testEndpoint + "/" + testAccount + "/q",
		"https://sqs.eu-west-1.amazonaws.com/" + testAccount + "/q",
		"http://queue.example/prefix/" + testAccount + "/q/",
		"/" + testAccount + "/q",
	} {
		if _, err := e.ListQueueTags(e.ctx, &sqsapi.ListQueueTagsRequest{QueueUrl: u}); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
	for u, want := range map[string]string{
		"q":                                    "InvalidAddress",
		"":                                     "InvalidAddress",
		"http://[::1":                          "InvalidAddress",
		testEndpoint + "/210987654321/q":       "QueueDoesNotExist",
		testEndpoint + "/" + testAccount + "/": "QueueDoesNotExist",
		testEndpoint + "/" + testAccount + "/other": "QueueDoesNotExist",
		testEndpoint + "/" + testAccount + "/a%2Fq": "QueueDoesNotExist",
	} {
		_, err := e.ListQueueTags(e.ctx, &sqsapi.ListQueueTagsRequest{QueueUrl: u})
		wantError(t, err, want, "")
	}
}

func TestGetQueueURL(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	out, err := e.GetQueueUrl(e.ctx, &sqsapi.GetQueueUrlRequest{QueueName: "q", QueueOwnerAWSAccountId: ptr(testAccount)})
	if err != nil || *out.QueueUrl != u {
		t.Fatalf("got %v, %v", out, err)
	}
	for _, in := range []*sqsapi.GetQueueUrlRequest{
		{QueueName: "other"},
		{QueueName: "q", QueueOwnerAWSAccountId: ptr("210987654321")},
		{QueueName: "no such name"},
	} {
		_, err := e.GetQueueUrl(e.ctx, in)
		wantError(t, err, "QueueDoesNotExist", "")
	}
}

func TestListQueuesInPages(t *testing.T) {
	e := newEnv(t)
	var want []string
	for i := range 25 {
		want = append(want, e.create(fmt.Sprintf("app-%02d", i), nil))
	}
	e.create("other", nil)
	var got []string
	in := &sqsapi.ListQueuesRequest{QueueNamePrefix: ptr("app-"), MaxResults: ptr(10)}
	for pages := 1; ; pages++ {
		out, err := e.ListQueues(e.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out.QueueUrls...)
		if out.NextToken == nil {
			if pages != 3 {
				t.Errorf("got %d pages, want 3", pages)
			}
			break
		}
		in.NextToken = out.NextToken
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	all, err := e.ListQueues(e.ctx, &sqsapi.ListQueuesRequest{})
	if err != nil || len(all.QueueUrls) != 26 || all.NextToken != nil {
		t.Errorf("without pages: got %v, %v", all, err)
	}
	none, err := e.ListQueues(e.ctx, &sqsapi.ListQueuesRequest{QueueNamePrefix: ptr("no name")})
	if err != nil || len(none.QueueUrls) != 0 {
		t.Errorf("prefix of no name: got %v, %v", none, err)
	}
	in.QueueNamePrefix = ptr("oth")
	_, err = e.ListQueues(e.ctx, in)
	wantError(t, err, "InvalidParameterValue", "NextToken")
	_, err = e.ListQueues(e.ctx, &sqsapi.ListQueuesRequest{NextToken: in.NextToken})
	wantError(t, err, "InvalidParameterValue", "MaxResults")
	_, err = e.ListQueues(e.ctx, &sqsapi.ListQueuesRequest{MaxResults: ptr(1001)})
	wantError(t, err, "InvalidParameterValue", "MaxResults")
}

func TestDeletedQueueIsGoneWithItsMessages(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	e.sendText(u, "secret")
	m := e.receiveOne(u)
	if err := e.DeleteQueue(e.ctx, &sqsapi.DeleteQueueRequest{QueueUrl: u}); err != nil {
		t.Fatal(err)
	}
	_, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "x"})
	wantError(t, err, "QueueDoesNotExist", "")
	_, err = e.ReceiveMessage(e.ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u})
	wantError(t, err, "QueueDoesNotExist", "")
	wantError(t, e.delete(u, *m.ReceiptHandle), "QueueDoesNotExist", "")
	wantError(t, e.DeleteQueue(e.ctx, &sqsapi.DeleteQueueRequest{QueueUrl: u}), "QueueDoesNotExist", "")

	e.create("q", nil)
	e.clock.add(time.Hour)
	e.none(u)
	e.wantCounts(u, "0", "0", "0")
	wantError(t, e.delete(u, *m.ReceiptHandle), "ReceiptHandleIsInvalid", "this queue")

	if err := e.dropSpaces(e.ctx); err != nil {
		t.Fatal(err)
	}
	recs, err := e.store.ScanPrefix(e.ctx, []byte(spacePartition), store.Key{}, 10)
	if err != nil || len(recs) != 0 {
		t.Errorf("records of a deleted queue are left: %d, %v", len(recs), err)
	}
	recs, err = e.store.ScanPrefix(e.ctx, []byte(dropPartition), store.Key{}, 10)
	if err != nil || len(recs) != 0 {
		t.Errorf("the space is still to be dropped: %d, %v", len(recs), err)
	}
}

func TestPurgeQueue(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	for i := range 5 {
		e.sendText(u, fmt.Sprint("old ", i))
	}
	m := e.receiveOne(u)
	purge := func() error { return e.PurgeQueue(e.ctx, &sqsapi.PurgeQueueRequest{QueueUrl: u}) }
	if err := purge(); err != nil {
		t.Fatal(err)
	}
	e.wantCounts(u, "0", "0", "0")
	e.sendText(u, "new")
	if err := e.delete(u, *m.ReceiptHandle); err != nil {
		t.Errorf("delete of a purged message: %v", err)
	}
	wantError(t, e.ChangeMessageVisibility(e.ctx, &sqsapi.ChangeMessageVisibilityRequest{QueueUrl: u, ReceiptHandle: *m.ReceiptHandle}),
		"InvalidParameterValue", "does not exist")
	e.clock.add(59 * time.Second)
	wantError(t, purge(), "PurgeQueueInProgress", "60 seconds")
	if got := *e.receiveOne(u).Body; got != "new" {
		t.Errorf("got %q", got)
	}
	e.clock.add(time.Second)
	if err := purge(); err != nil {
		t.Fatal(err)
	}
	e.clock.add(time.Hour)
	e.none(u)
}

// Invariant 4: everything at rest is ciphertext.
func TestNothingReadableIsStored(t *testing.T) {
	e := newEnv(t)
	dead := e.create("dead", nil)
	u := e.create("q", map[string]string{
		"Policy":        `{"Statement":{"Sid":"needle","Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}}`,
		"RedrivePolicy": `{"deadLetterTargetArn":"` + arnOf("dead") + `","maxReceiveCount":"1"}`,
	})
	if err := e.TagQueue(e.ctx, &sqsapi.TagQueueRequest{QueueUrl: u, Tags: map[string]string{"needle": "needle"}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "needle", MessageGroupId: ptr("needle"),
			MessageAttributes: map[string]sqsapi.MessageAttributeValue{"needle": {DataType: "String.needle", StringValue: ptr("needle")}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	e.receiveOne(u)
	e.clock.add(time.Minute)
	e.receiveUpTo(u, 10)
	if e.attribute(dead, attrVisible) != "1" {
		t.Fatal("no message went to the dead-letter queue")
	}
	recs, err := e.store.ScanPrefix(e.ctx, []byte("sqs/"), store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range recs {
		if all := string(rec.Key.Partition) + string(rec.Key.Sort) + string(rec.Value); strings.Contains(all, "needle") {
			t.Errorf("record %q %q is readable", rec.Key.Partition, rec.Key.Sort)
		}
	}
	if len(recs) < 10 {
		t.Errorf("only %d records were looked at", len(recs))
	}
}

func TestTags(t *testing.T) {
	e := newEnv(t)
	out, err := e.CreateQueue(e.ctx, &sqsapi.CreateQueueRequest{QueueName: "q", Tags: map[string]string{"a": "1", "b": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	u := *out.QueueUrl
	tag := func(m map[string]string) error {
		return e.TagQueue(e.ctx, &sqsapi.TagQueueRequest{QueueUrl: u, Tags: m})
	}
	if err := tag(map[string]string{"b": "3", "c": ""}); err != nil {
		t.Fatal(err)
	}
	if err := e.UntagQueue(e.ctx, &sqsapi.UntagQueueRequest{QueueUrl: u, TagKeys: []string{"a", "none"}}); err != nil {
		t.Fatal(err)
	}
	got, err := e.ListQueueTags(e.ctx, &sqsapi.ListQueueTagsRequest{QueueUrl: u})
	if err != nil || fmt.Sprint(got.Tags) != "map[b:3 c:]" {
		t.Fatalf("got %v, %v", got, err)
	}
	many := make(map[string]string)
	for i := range 49 {
		many[fmt.Sprint("k", i)] = "v"
	}
	for name, m := range map[string]map[string]string{
		"at most 50":        many,
		"1 to 128":          {"": "v"},
		"1 to 128 ":         {strings.Repeat("k", 129): "v"},
		"at most 256":       {"k": strings.Repeat("v", 257)},
		"reserved":          {"aWs:x": "v"},
		"must not be empty": {},
	} {
		wantError(t, tag(m), "InvalidParameterValue", strings.TrimSpace(name))
	}
	wantError(t, e.UntagQueue(e.ctx, &sqsapi.UntagQueueRequest{QueueUrl: u}), "InvalidParameterValue", "TagKeys")
}
