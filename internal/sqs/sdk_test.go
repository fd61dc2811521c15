package sqs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"kindred/internal/access"
	"kindred/internal/api/sqsapi"
	"kindred/internal/server"
	"kindred/internal/store/memstore"
)

// trusting lets everybody in as one caller.
type trusting struct{ caller *access.Caller }

func (a trusting) Authenticate(*http.Request, []byte) (*access.Caller, string, error) {
	return a.caller, "sqs", nil
}

// sdk is Amazon's client of a service behind the real HTTP adapter. It compares
// the digests of bodies with what it sent and received by itself.
func sdk(t *testing.T) (*client.Client, *env) {
	t.Helper()
	e := newEnvOn(t, memstore.New())
	e.config.Now = time.Now
	h := httptest.NewServer(nil)
	t.Cleanup(h.Close)
	e.config.Endpoint = func() string { return h.URL }
	e.Service = New(e.config)
	h.Config.Handler = server.New(server.Config{
		Services:      []server.Mount{{API: sqsapi.Service(), Impl: []any{e.Service}}},
		Authenticator: trusting{access.From(e.ctx)},
	})
	return client.New(client.Options{
		Region: testRegion, BaseEndpoint: &h.URL, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDTEST", SecretAccessKey: "secret"}, nil
		}),
	}), e
}

func TestAmazonsClientUsesAQueue(t *testing.T) {
	c, e := sdk(t)
	ctx := t.Context()
	dead, err := c.CreateQueue(ctx, &client.CreateQueueInput{QueueName: aws.String("dead"), Tags: map[string]string{"team": "a"}})
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateQueue(ctx, &client.CreateQueueInput{QueueName: aws.String("q"), Attributes: redriveTo("dead", 1)})
	if err != nil {
		t.Fatal(err)
	}
	u := made.QueueUrl
	attributes := map[string]types.MessageAttributeValue{
		"Message":    {DataType: aws.String("String"), StringValue: aws.String("KMS key is invalid")},
		"Count":      {DataType: aws.String("Number"), StringValue: aws.String("3")},
		"Attachment": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
	}
	sent, err := c.SendMessage(ctx, &client.SendMessageInput{QueueUrl: u, MessageBody: aws.String(`{"name":"Jürgen"}`), MessageAttributes: attributes,
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-2-3")}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.ReceiveMessage(ctx, &client.ReceiveMessageInput{QueueUrl: u, MessageAttributeNames: []string{"All"}, VisibilityTimeout: 20,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, WaitTimeSeconds: 1})
	if err != nil || len(got.Messages) != 1 {
		t.Fatal(got, err)
	}
	m := got.Messages[0]
	if *m.MD5OfMessageAttributes != *sent.MD5OfMessageAttributes || *m.MessageId != *sent.MessageId ||
		!bytes.Equal(m.MessageAttributes["Attachment"].BinaryValue, []byte{0, 1, 255}) || m.Attributes["AWSTraceHeader"] != "Root=1-2-3" {
		t.Errorf("sent %+v, received %+v", sent, m)
	}
	if _, err := c.ChangeMessageVisibility(ctx, &client.ChangeMessageVisibilityInput{QueueUrl: u, ReceiptHandle: m.ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	if got, err = c.ReceiveMessage(ctx, &client.ReceiveMessageInput{QueueUrl: u}); err != nil || len(got.Messages) != 0 {
		t.Fatal(got, err)
	}
	if _, err := c.StartMessageMoveTask(ctx, &client.StartMessageMoveTaskInput{SourceArn: aws.String(arnOf("dead"))}); err != nil {
		t.Fatal(err)
	}
	e.steps()
	tasks, err := c.ListMessageMoveTasks(ctx, &client.ListMessageMoveTasksInput{SourceArn: aws.String(arnOf("dead"))})
	if err != nil || len(tasks.Results) != 1 || tasks.Results[0].ApproximateNumberOfMessagesMoved != 1 {
		t.Fatal(tasks, err)
	}
	if got, err = c.ReceiveMessage(ctx, &client.ReceiveMessageInput{QueueUrl: u, MaxNumberOfMessages: 10}); err != nil || len(got.Messages) != 1 {
		t.Fatal(got, err)
	}
	if _, err := c.DeleteMessage(ctx, &client.DeleteMessageInput{QueueUrl: u, ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	all, err := c.GetQueueAttributes(ctx, &client.GetQueueAttributesInput{QueueUrl: u, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil || all.Attributes["ApproximateNumberOfMessages"] != "0" || all.Attributes["QueueArn"] != arnOf("q") {
		t.Fatal(all, err)
	}
	sources, err := c.ListDeadLetterSourceQueues(ctx, &client.ListDeadLetterSourceQueuesInput{QueueUrl: dead.QueueUrl})
	if err != nil || len(sources.QueueUrls) != 1 || sources.QueueUrls[0] != *u {
		t.Fatal(sources, err)
	}
}

func TestAmazonsClientUsesBatches(t *testing.T) {
	c, _ := sdk(t)
	ctx := t.Context()
	made, err := c.CreateQueue(ctx, &client.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	in := &client.SendMessageBatchInput{QueueUrl: made.QueueUrl}
	for i := range 10 {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(strings.Repeat("ü", i+1))})
	}
	in.Entries[9].MessageBody = aws.String("\x02")
	out, err := c.SendMessageBatch(ctx, in)
	if err != nil || len(out.Successful) != 9 || len(out.Failed) != 1 {
		t.Fatal(out, err)
	}
	got, err := c.ReceiveMessage(ctx, &client.ReceiveMessageInput{QueueUrl: made.QueueUrl, MaxNumberOfMessages: 10})
	if err != nil || len(got.Messages) != 9 {
		t.Fatal(got, err)
	}
	del := &client.DeleteMessageBatchInput{QueueUrl: made.QueueUrl}
	for i, m := range got.Messages {
		del.Entries = append(del.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
	}
	if out, err := c.DeleteMessageBatch(ctx, del); err != nil || len(out.Successful) != 9 || len(out.Failed) != 0 {
		t.Fatal(out, err)
	}
}

// The errors of the service reach the client under their names.
func TestAmazonsClientKnowsTheErrors(t *testing.T) {
	c, _ := sdk(t)
	ctx := t.Context()
	made, err := c.CreateQueue(ctx, &client.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil {
		t.Fatal(err)
	}
	u := made.QueueUrl
	none := aws.String(*u + "2")
	for _, call := range []struct {
		do   func() error
		want any
		code string
	}{
		{func() error { _, err := c.PurgeQueue(ctx, &client.PurgeQueueInput{QueueUrl: none}); return err }, new(*types.QueueDoesNotExist), ""},
		{func() error {
			_, err := c.CreateQueue(ctx, &client.CreateQueueInput{QueueName: aws.String("q"), Attributes: map[string]string{"DelaySeconds": "1"}})
			return err
		}, new(*types.QueueNameExists), ""},
		{func() error {
			_, err := c.SetQueueAttributes(ctx, &client.SetQueueAttributesInput{QueueUrl: u, Attributes: map[string]string{"DelaySeconds": "901"}})
			return err
		}, new(*types.InvalidAttributeValue), ""},
		{func() error {
			_, err := c.DeleteMessage(ctx, &client.DeleteMessageInput{QueueUrl: u, ReceiptHandle: aws.String("x")})
			return err
		}, new(*types.ReceiptHandleIsInvalid), ""},
		{func() error {
			_, err := c.SendMessage(ctx, &client.SendMessageInput{QueueUrl: u, MessageBody: aws.String("\x01")})
			return err
		}, new(*types.InvalidMessageContents), ""},
		{func() error {
			_, err := c.SendMessageBatch(ctx, &client.SendMessageBatchInput{QueueUrl: u, Entries: []types.SendMessageBatchRequestEntry{}})
			return err
		},
			new(*types.EmptyBatchRequest), ""},
		{func() error {
			_, err := c.CreateQueue(ctx, &client.CreateQueueInput{QueueName: aws.String("q.fifo")})
			return err
		}, new(*types.UnsupportedOperation), ""},
		{func() error {
			_, err := c.ReceiveMessage(ctx, &client.ReceiveMessageInput{QueueUrl: u, MaxNumberOfMessages: 11})
			return err
		}, nil, "InvalidParameterValue"},
		{func() error {
			_, err := c.ListMessageMoveTasks(ctx, &client.ListMessageMoveTasksInput{SourceArn: aws.String(arnOf("none"))})
			return err
		}, new(*types.ResourceNotFoundException), ""},
	} {
		err := call.do()
		var api smithy.APIError
		if call.want != nil && !errors.As(err, call.want) || call.want == nil && (!errors.As(err, &api) || api.ErrorCode() != call.code) {
			t.Errorf("got %v, want %T %s", err, call.want, call.code)
		}
	}
}
