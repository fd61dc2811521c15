package sqs

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/sqsapi"
)

func TestAddAndRemovePermission(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	add := func(label string, accounts, actions []string) error {
		return e.AddPermission(e.ctx, &sqsapi.AddPermissionRequest{QueueUrl: u, Label: label, AWSAccountIds: accounts, Actions: actions})
	}
	remove := func(label string) error {
		return e.RemovePermission(e.ctx, &sqsapi.RemovePermissionRequest{QueueUrl: u, Label: label})
	}
	one := []string{"210987654321"}
	if err := add("first", one, []string{"SendMessage", "ReceiveMessage"}); err != nil {
		t.Fatal(err)
	}
	caller := *access.From(e.ctx)
	caller.Account, caller.ARN = "210987654321", "arn:aws:iam::210987654321:user/stranger"
	stranger := access.WithCaller(context.Background(), &caller)
	send := func() error {
		_, err := e.SendMessage(stranger, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "hello"})
		return err
	}
	if err := send(); err != nil {
		t.Errorf("permitted account: %v", err)
	}
	wantDenied(t, e.PurgeQueue(stranger, &sqsapi.PurgeQueueRequest{QueueUrl: u}))

	for _, c := range []struct {
		label             string
		accounts, actions []string
		name, part        string
	}{
		{"first", one, []string{"*"}, "InvalidParameterValue", "already"},
		{"", one, []string{"*"}, "InvalidParameterValue", "Label"},
		{"a b", one, []string{"*"}, "InvalidParameterValue", "Label"},
		{strings.Repeat("a", 81), one, []string{"*"}, "InvalidParameterValue", "Label"},
		{"x", nil, []string{"*"}, "InvalidParameterValue", "AWSAccountIds"},
		{"x", []string{"123"}, []string{"*"}, "InvalidParameterValue", "12 digits"},
		{"x", one, nil, "InvalidParameterValue", "Actions"},
		{"x", one, []string{"DeleteQueue"}, "InvalidParameterValue", "DeleteQueue"},
		{"x", one, make([]string, 8), "OverLimit", "at most 7"},
	} {
		wantError(t, add(c.label, c.accounts, c.actions), c.name, c.part)
	}
	for i := range 19 {
		if err := add(fmt.Sprint("more-", i), one, []string{"GetQueueUrl"}); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, add("last", one, []string{"*"}), "OverLimit", "at most 20")
	wantError(t, remove("none"), "InvalidParameterValue", "Label")
	for i := range 19 {
		if err := remove(fmt.Sprint("more-", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := remove("first"); err != nil {
		t.Fatal(err)
	}
	if got := e.attribute(u, "Policy"); got != "" {
		t.Errorf("policy after the last statement went: %s", got)
	}
	wantDenied(t, send())
}

func TestAddPermissionKeepsTheRestOfThePolicy(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", map[string]string{
		"Policy": `{"Version":"2008-10-17","Id":"mine","Statement":{"Sid":"single","Effect":"Deny","Principal":"*","Action":"sqs:PurgeQueue","Resource":"*"}}`})
	err := e.AddPermission(e.ctx, &sqsapi.AddPermissionRequest{QueueUrl: u, Label: "l", AWSAccountIds: []string{testAccount}, Actions: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	got := e.attribute(u, "Policy")
	for _, part := range []string{`"Id":"mine"`, `"Version":"2008-10-17"`, `"Sid":"single"`, `"Sid":"l"`} {
		if !strings.Contains(got, part) {
			t.Errorf("%s is missing in %s", part, got)
		}
	}
	wantDenied(t, e.PurgeQueue(e.ctx, &sqsapi.PurgeQueueRequest{QueueUrl: u}))
}

func TestEveryOperationAsksForItsAction(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	e.create("dead", nil)
	if err := e.set(u, "RedrivePolicy", `{"deadLetterTargetArn":"`+arnOf("dead")+`"}`); err != nil {
		t.Fatal(err)
	}
	handle := func() string {
		e.sendText(u, "x")
		return *e.receiveOne(u).ReceiptHandle
	}
	task, err := e.StartMessageMoveTask(e.ctx, &sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead")})
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]func(context.Context) error{
		"SendMessage": func(ctx context.Context) error {
			_, err := e.SendMessage(ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "x"})
			return err
		},
		"SendMessage batch": func(ctx context.Context) error {
			_, err := e.SendMessageBatch(ctx, &sqsapi.SendMessageBatchRequest{QueueUrl: u, Entries: []sqsapi.SendMessageBatchRequestEntry{{Id: "a", MessageBody: "x"}}})
			return err
		},
		"ReceiveMessage": func(ctx context.Context) error {
			_, err := e.ReceiveMessage(ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u})
			return err
		},
		"ChangeMessageVisibility": func(ctx context.Context) error {
			return e.ChangeMessageVisibility(ctx, &sqsapi.ChangeMessageVisibilityRequest{QueueUrl: u, ReceiptHandle: handle(), VisibilityTimeout: 9})
		},
		"ChangeMessageVisibility batch": func(ctx context.Context) error {
			_, err := e.ChangeMessageVisibilityBatch(ctx, &sqsapi.ChangeMessageVisibilityBatchRequest{QueueUrl: u,
				Entries: []sqsapi.ChangeMessageVisibilityBatchRequestEntry{{Id: "a", ReceiptHandle: handle(), VisibilityTimeout: ptr(9)}}})
			return err
		},
		"DeleteMessage": func(ctx context.Context) error {
			return e.DeleteMessage(ctx, &sqsapi.DeleteMessageRequest{QueueUrl: u, ReceiptHandle: handle()})
		},
		"DeleteMessage batch": func(ctx context.Context) error {
			_, err := e.DeleteMessageBatch(ctx, &sqsapi.DeleteMessageBatchRequest{QueueUrl: u, Entries: []sqsapi.DeleteMessageBatchRequestEntry{{Id: "a", ReceiptHandle: handle()}}})
			return err
		},
		"GetQueueUrl": func(ctx context.Context) error {
			_, err := e.GetQueueUrl(ctx, &sqsapi.GetQueueUrlRequest{QueueName: "q"})
			return err
		},
		"GetQueueAttributes": func(ctx context.Context) error {
			_, err := e.GetQueueAttributes(ctx, &sqsapi.GetQueueAttributesRequest{QueueUrl: u})
			return err
		},
		"SetQueueAttributes": func(ctx context.Context) error {
			return e.SetQueueAttributes(ctx, &sqsapi.SetQueueAttributesRequest{QueueUrl: u, Attributes: map[string]string{"DelaySeconds": "0"}})
		},
		"ListDeadLetterSourceQueues": func(ctx context.Context) error {
			_, err := e.ListDeadLetterSourceQueues(ctx, &sqsapi.ListDeadLetterSourceQueuesRequest{QueueUrl: u})
			return err
		},
		"ListQueueTags": func(ctx context.Context) error {
			_, err := e.ListQueueTags(ctx, &sqsapi.ListQueueTagsRequest{QueueUrl: u})
			return err
		},
		"TagQueue": func(ctx context.Context) error {
			return e.TagQueue(ctx, &sqsapi.TagQueueRequest{QueueUrl: u, Tags: map[string]string{"a": "b"}})
		},
		"UntagQueue": func(ctx context.Context) error {
			return e.UntagQueue(ctx, &sqsapi.UntagQueueRequest{QueueUrl: u, TagKeys: []string{"a"}})
		},
		"AddPermission": func(ctx context.Context) error {
			return e.AddPermission(ctx, &sqsapi.AddPermissionRequest{QueueUrl: u, Label: "l", AWSAccountIds: []string{testAccount}, Actions: []string{"GetQueueUrl"}})
		},
		"PurgeQueue": func(ctx context.Context) error {
			return e.PurgeQueue(ctx, &sqsapi.PurgeQueueRequest{QueueUrl: u})
		},
		"ListMessageMoveTasks": func(ctx context.Context) error {
			_, err := e.ListMessageMoveTasks(ctx, &sqsapi.ListMessageMoveTasksRequest{SourceArn: arnOf("q")})
			return err
		},
		"CreateQueue": func(ctx context.Context) error {
			_, err := e.CreateQueue(ctx, &sqsapi.CreateQueueRequest{QueueName: "q"})
			return err
		},
	}
	grant := func(actions, resource string) context.Context {
		return user(t, "AIDAUSER", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":`+actions+`,"Resource":"`+resource+`"}]}`)
	}
	for name, call := range calls {
		action, _, _ := strings.Cut(name, " ")
		wantDenied(t, call(context.Background()))
		wantDenied(t, call(grant(`["sqs:Nothing"]`, "*")))
		wantDenied(t, call(grant(`["sqs:`+action+`"]`, arnOf("other"))))
		if err := call(grant(`["sqs:`+action+`"]`, arnOf("q"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for action, call := range map[string]func(context.Context) error{
		"RemovePermission": func(ctx context.Context) error {
			return e.RemovePermission(ctx, &sqsapi.RemovePermissionRequest{QueueUrl: u, Label: "l"})
		},
		"DeleteQueue": func(ctx context.Context) error {
			return e.DeleteQueue(ctx, &sqsapi.DeleteQueueRequest{QueueUrl: u})
		},
	} {
		wantDenied(t, call(grant(`["sqs:Nothing"]`, "*")))
		if action == "DeleteQueue" {
			continue
		}
		if err := call(grant(`["sqs:`+action+`"]`, arnOf("q"))); err != nil {
			t.Errorf("%s: %v", action, err)
		}
	}
	_, err = e.ListQueues(grant(`["sqs:ListQueues"]`, arnOf("q")), &sqsapi.ListQueuesRequest{})
	wantDenied(t, err)
	if _, err = e.ListQueues(grant(`["sqs:ListQueues"]`, "*"), &sqsapi.ListQueuesRequest{}); err != nil {
		t.Error(err)
	}
	cancel := &sqsapi.CancelMessageMoveTaskRequest{TaskHandle: *task.TaskHandle}
	_, err = e.CancelMessageMoveTask(grant(`["sqs:CancelMessageMoveTask"]`, arnOf("q")), cancel)
	wantDenied(t, err)
	if _, err = e.CancelMessageMoveTask(grant(`["sqs:CancelMessageMoveTask"]`, arnOf("dead")), cancel); err != nil {
		t.Error(err)
	}
	start := &sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead"), DestinationArn: ptr(arnOf("q"))}
	_, err = e.StartMessageMoveTask(grant(`["sqs:StartMessageMoveTask","sqs:ReceiveMessage","sqs:DeleteMessage"]`, "*"), start)
	wantDenied(t, err)
	start.DestinationArn = nil
	_, err = e.StartMessageMoveTask(grant(`["sqs:StartMessageMoveTask","sqs:ReceiveMessage","sqs:DeleteMessage"]`, "*"), start)
	wantDenied(t, err)
	_, err = e.StartMessageMoveTask(grant(`["sqs:StartMessageMoveTask","sqs:SendMessage"]`, "*"), start)
	wantDenied(t, err)
	if err := e.DeleteQueue(grant(`["sqs:DeleteQueue"]`, arnOf("q")), &sqsapi.DeleteQueueRequest{QueueUrl: u}); err != nil {
		t.Error(err)
	}
}

// A service acts only by the queue policy and its conditions.
func TestServicePrincipalAndConfusedDeputy(t *testing.T) {
	e := newEnv(t)
	u := e.create("dead", nil)
	domain := "arn:aws:profile:" + testRegion + ":" + testAccount + ":domains/d1"
	send := func(account, source string) error {
		ctx := access.WithCaller(context.Background(), access.ServiceCaller("profile.amazonaws.com", account, source))
		_, err := e.SendMessage(ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "{}"})
		return err
	}
	wantDenied(t, send(testAccount, domain))
	err := e.set(u, "Policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"profile.amazonaws.com"},
		"Action":"sqs:SendMessage","Resource":"`+arnOf("dead")+`","Condition":{"StringEquals":{"aws:SourceAccount":"`+testAccount+`","aws:SourceArn":"`+domain+`"}}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := send(testAccount, domain); err != nil {
		t.Errorf("the domain itself: %v", err)
	}
	wantDenied(t, send(testAccount, domain+"2"))
	wantDenied(t, send("210987654321", domain))
	if got := e.receiveOne(u).Attributes["SenderId"]; got != "profile.amazonaws.com" {
		t.Errorf("SenderId %q", got)
	}
}

func TestQueueThatIsNotThereIsNotRevealed(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	for _, url := range []string{u, u + "2"} {
		_, err := e.SendMessage(user(t, "AIDANOBODY"), &sqsapi.SendMessageRequest{QueueUrl: url, MessageBody: "x"})
		wantDenied(t, err)
	}
}

// A change of policy is in force at once, whatever is cached.
func TestPolicyChangesAreInForceAtOnce(t *testing.T) {
	e := newEnv(t)
	other := e.node()
	u := e.create("q", nil)
	ctx := access.WithCaller(context.Background(), access.ServiceCaller("profile.amazonaws.com", testAccount, "x"))
	send := func() error {
		_, err := other.SendMessage(ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "x"})
		return err
	}
	wantDenied(t, send())
	allow := `{"Statement":{"Effect":"Allow","Principal":{"Service":"profile.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}}`
	if err := e.set(u, "Policy", allow); err != nil {
		t.Fatal(err)
	}
	if err := send(); err != nil {
		t.Errorf("after it was allowed: %v", err)
	}
	if err := e.set(u, "Policy", ""); err != nil {
		t.Fatal(err)
	}
	wantDenied(t, send())
}
