package sqs

import (
	"maps"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/sqsapi"
)

func TestDefaultAttributes(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	out, err := e.GetQueueAttributes(e.ctx, &sqsapi.GetQueueAttributesRequest{QueueUrl: u, AttributeNames: []string{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"VisibilityTimeout": "30", "DelaySeconds": "0", "MessageRetentionPeriod": "345600",
		"ReceiveMessageWaitTimeSeconds": "0", "MaximumMessageSize": "1048576", "SqsManagedSseEnabled": "true",
		"QueueArn": arnOf("q"), "CreatedTimestamp": "1700000000", "LastModifiedTimestamp": "1700000000",
		"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
	}
	if !maps.Equal(out.Attributes, want) {
		t.Errorf("got %v\nwant %v", out.Attributes, want)
	}
}

func TestGetQueueAttributesByName(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	for _, names := range [][]string{nil, {"Policy"}, {"FifoQueue", "RedrivePolicy"}} {
		out, err := e.GetQueueAttributes(e.ctx, &sqsapi.GetQueueAttributesRequest{QueueUrl: u, AttributeNames: names})
		if err != nil || len(out.Attributes) != 0 {
			t.Errorf("%v: got %v, %v", names, out, err)
		}
	}
	out, err := e.GetQueueAttributes(e.ctx, &sqsapi.GetQueueAttributesRequest{QueueUrl: u, AttributeNames: []string{"QueueArn", "DelaySeconds"}})
	if err != nil || !maps.Equal(out.Attributes, map[string]string{"QueueArn": arnOf("q"), "DelaySeconds": "0"}) {
		t.Errorf("got %v, %v", out, err)
	}
	_, err = e.GetQueueAttributes(e.ctx, &sqsapi.GetQueueAttributesRequest{QueueUrl: u, AttributeNames: []string{"Colour"}})
	wantError(t, err, "InvalidAttributeName", "Colour")
}

func TestWhatIsSetReadsBackEqual(t *testing.T) {
	e := newEnv(t)
	e.create("dead", nil)
	policyText := "{ \"Version\" : \"2012-10-17\",\n \"Statement\" : [ { \"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"" + testAccount +
		"\"}, \"Action\": \"sqs:SendMessage\", \"Resource\": \"" + arnOf("q") + "\" } ] }"
	set := map[string]string{
		"VisibilityTimeout": "0", "DelaySeconds": "900", "MessageRetentionPeriod": "60", "ReceiveMessageWaitTimeSeconds": "20",
		"MaximumMessageSize": "1024", "Policy": policyText, "KmsMasterKeyId": "alias/aws/sqs", "KmsDataKeyReusePeriodSeconds": "86400",
		"RedrivePolicy":      `{"deadLetterTargetArn":"` + arnOf("dead") + `","maxReceiveCount":"4"}`,
		"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["` + arnOf("x") + `"]}`,
	}
	check := func(u string) {
		t.Helper()
		for name, want := range set {
			if got := e.attribute(u, name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		if got := e.attribute(u, "SqsManagedSseEnabled"); got != "false" {
			t.Errorf("SqsManagedSseEnabled beside a KMS key: %s", got)
		}
	}
	check(e.create("q", set))
	u := e.create("q2", nil)
	e.clock.add(time.Minute)
	if err := e.SetQueueAttributes(e.ctx, &sqsapi.SetQueueAttributesRequest{QueueUrl: u, Attributes: set}); err != nil {
		t.Fatal(err)
	}
	check(u)
	if got := e.attribute(u, "LastModifiedTimestamp"); got != "1700000060" {
		t.Errorf("LastModifiedTimestamp: %s", got)
	}
	for _, name := range []string{"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"} {
		if err := e.set(u, name, ""); err != nil {
			t.Fatalf("%s taken away: %v", name, err)
		}
		if got := e.attribute(u, name); got != "" {
			t.Errorf("%s: got %q after it was taken away", name, got)
		}
	}
}

func TestOneKindOfEncryption(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", map[string]string{"KmsMasterKeyId": "k"})
	if got := e.attribute(u, "KmsDataKeyReusePeriodSeconds"); got != "300" {
		t.Errorf("KmsDataKeyReusePeriodSeconds: %q", got)
	}
	e.create("q", map[string]string{"KmsDataKeyReusePeriodSeconds": "300"})
	if err := e.set(u, "SqsManagedSseEnabled", "True"); err != nil {
		t.Fatal(err)
	}
	if key, sse := e.attribute(u, "KmsMasterKeyId"), e.attribute(u, "SqsManagedSseEnabled"); key != "" || sse != "true" {
		t.Errorf("got key %q, managed %q", key, sse)
	}
	err := e.SetQueueAttributes(e.ctx, &sqsapi.SetQueueAttributesRequest{QueueUrl: u,
		Attributes: map[string]string{"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true"}})
	wantError(t, err, "InvalidAttributeValue", "not both")
}

func TestAttributesAreChecked(t *testing.T) {
	e := newEnv(t)
	e.create("dead", map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["` + arnOf("friend") + `"]}`})
	e.create("deaf", map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`})
	u := e.create("q", nil)
	redrive := func(target, count string) string {
		return `{"deadLetterTargetArn":"` + target + `","maxReceiveCount":` + count + `}`
	}
	for _, c := range []struct{ name, value, want, part string }{
		{"DelaySeconds", "901", "InvalidAttributeValue", "0 to 900"},
		{"DelaySeconds", "-1", "InvalidAttributeValue", "0 to 900"},
		{"DelaySeconds", "", "InvalidAttributeValue", "0 to 900"},
		{"DelaySeconds", "1.5", "InvalidAttributeValue", "0 to 900"},
		{"MaximumMessageSize", "1023", "InvalidAttributeValue", "1024 to 1048576"},
		{"MaximumMessageSize", "1048577", "InvalidAttributeValue", "1024 to 1048576"},
		{"MessageRetentionPeriod", "59", "InvalidAttributeValue", "60 to 1209600"},
		{"MessageRetentionPeriod", "1209601", "InvalidAttributeValue", "60 to 1209600"},
		{"ReceiveMessageWaitTimeSeconds", "21", "InvalidAttributeValue", "0 to 20"},
		{"VisibilityTimeout", "43201", "InvalidAttributeValue", "0 to 43200"},
		{"KmsDataKeyReusePeriodSeconds", "59", "InvalidAttributeValue", "60 to 86400"},
		{"SqsManagedSseEnabled", "yes", "InvalidAttributeValue", "true or false"},
		{"KmsMasterKeyId", strings.Repeat("k", 2049), "InvalidAttributeValue", "2048"},
		{"Policy", "{", "InvalidAttributeValue", "Policy"},
		{"Policy", `{"Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}`, "InvalidAttributeValue", "Principal"},
		{"Policy", strings.Repeat(" ", 8193), "InvalidAttributeValue", "8192"},
		{"RedrivePolicy", "[]", "InvalidAttributeValue", "JSON object"},
		{"RedrivePolicy", `{"deadLetterTargetArn":"` + arnOf("dead") + `","colour":1}`, "InvalidAttributeValue", "JSON object"},
		{"RedrivePolicy", redrive("dead", "1"), "InvalidAttributeValue", "deadLetterTargetArn"},
		{"RedrivePolicy", redrive(arnOf("dead.fifo"), "1"), "InvalidAttributeValue", "standard queue"},
		{"RedrivePolicy", redrive(arnOf("friend"), "0"), "InvalidAttributeValue", "1 to 1000"},
		{"RedrivePolicy", redrive(arnOf("friend"), "1001"), "InvalidAttributeValue", "1 to 1000"},
		{"RedrivePolicy", redrive(arnOf("friend"), "true"), "InvalidAttributeValue", "1 to 1000"},
		{"RedrivePolicy", redrive(arnOf("q"), "1"), "InvalidAttributeValue", "its own"},
		{"RedrivePolicy", redrive(arnOf("friend"), "1"), "InvalidAttributeValue", "does not exist"},
		{"RedrivePolicy", redrive(arnOf("dead"), "1"), "InvalidAttributeValue", "RedriveAllowPolicy"},
		{"RedrivePolicy", redrive(arnOf("deaf"), "1"), "InvalidAttributeValue", "RedriveAllowPolicy"},
		{"RedriveAllowPolicy", `{"redrivePermission":"some"}`, "InvalidAttributeValue", "allowAll"},
		{"RedriveAllowPolicy", `{"redrivePermission":"byQueue"}`, "InvalidAttributeValue", "1 to 10"},
		{"RedriveAllowPolicy", `{"redrivePermission":"denyAll","sourceQueueArns":["x"]}`, "InvalidAttributeValue", "byQueue"},
		{"RedriveAllowPolicy", `{"redrivePermission":"denyAll"}}`, "InvalidAttributeValue", "JSON object"},
		{"RedriveAllowPolicy", `{"redrivePermission":"denyAll"} {}`, "InvalidAttributeValue", "JSON object"},
		{"QueueArn", "x", "InvalidAttributeName", "QueueArn"},
		{"CreatedTimestamp", "1", "InvalidAttributeName", "CreatedTimestamp"},
		{"All", "x", "InvalidAttributeName", "All"},
		{"Colour", "x", "InvalidAttributeName", "Colour"},
		{"ContentBasedDeduplication", "true", "InvalidAttributeName", "ContentBasedDeduplication"},
		{"FifoQueue", "false", "InvalidAttributeName", "FifoQueue"},
		{"FifoQueue", "true", "UnsupportedOperation", "FIFO"},
	} {
		wantError(t, e.set(u, c.name, c.value), c.want, c.part)
		if c.part != "its own" { // which it is only of q
			_, err := e.CreateQueue(e.ctx, &sqsapi.CreateQueueRequest{QueueName: "fresh", Attributes: map[string]string{c.name: c.value}})
			wantError(t, err, c.want, c.part)
		}
		if !modelled("CreateQueue")[c.want] || !modelled("SetQueueAttributes")[c.want] {
			t.Errorf("%s is not in the model", c.want)
		}
	}
	e.create("friend", map[string]string{"RedrivePolicy": redrive(arnOf("dead"), "1")})
}

func TestDeadLetterSourceQueues(t *testing.T) {
	e := newEnv(t)
	dead := e.create("dead", nil)
	other := e.create("other", nil)
	to := func(name string) string { return `{"deadLetterTargetArn":"` + arnOf(name) + `"}` }
	var urls []string
	for _, name := range []string{"a", "b", "c"} {
		urls = append(urls, e.create(name, map[string]string{"RedrivePolicy": to("dead")}))
	}
	want := func(u, token string, limit *int, n int) *sqsapi.ListDeadLetterSourceQueuesResult {
		t.Helper()
		in := &sqsapi.ListDeadLetterSourceQueuesRequest{QueueUrl: u, MaxResults: limit}
		if token != "" {
			in.NextToken = &token
		}
		out, err := e.ListDeadLetterSourceQueues(e.ctx, in)
		if err != nil || len(out.QueueUrls) != n {
			t.Fatalf("got %v, %v; want %d", out, err, n)
		}
		return out
	}
	first := want(dead, "", ptr(2), 2)
	last := want(dead, *first.NextToken, ptr(2), 1)
	if last.NextToken != nil || last.QueueUrls[0] != urls[2] {
		t.Errorf("got %v", last)
	}
	if err := e.set(urls[0], "RedrivePolicy", to("other")); err != nil {
		t.Fatal(err)
	}
	if err := e.set(urls[1], "RedrivePolicy", ""); err != nil {
		t.Fatal(err)
	}
	want(dead, "", nil, 1)
	want(other, "", nil, 1)
	if err := e.DeleteQueue(e.ctx, &sqsapi.DeleteQueueRequest{QueueUrl: urls[2]}); err != nil {
		t.Fatal(err)
	}
	want(dead, "", nil, 0)
	_, err := e.ListDeadLetterSourceQueues(e.ctx, &sqsapi.ListDeadLetterSourceQueuesRequest{QueueUrl: other, MaxResults: ptr(2), NextToken: first.NextToken})
	wantError(t, err, "InvalidParameterValue", "NextToken")
}
