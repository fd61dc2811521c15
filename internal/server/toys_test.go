package server_test

import (
	"context"

	"kindred/internal/access"
	"kindred/internal/api/kmsapi"
	"kindred/internal/api/sqsapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/fault"
)

func ptr[T any](v T) *T { return &v }

// queues is a queue service without queues.
type queues struct{}

func (queues) GetQueueUrl(_ context.Context, in *sqsapi.GetQueueUrlRequest) (*sqsapi.GetQueueUrlResult, error) {
	if in.QueueName == "missing" {
		return nil, fault.Named(fault.NotFound, "QueueDoesNotExist", "The specified queue does not exist.")
	}
	return &sqsapi.GetQueueUrlResult{QueueUrl: ptr("http://localhost/000000000000/" + in.QueueName)}, nil
}

func (queues) DeleteMessage(_ context.Context, in *sqsapi.DeleteMessageRequest) error {
	if in.ReceiptHandle == "denied" {
		return fault.New(fault.Denied, "may not")
	}
	return nil
}

func (queues) ReceiveMessage(ctx context.Context, in *sqsapi.ReceiveMessageRequest) (*sqsapi.ReceiveMessageResult, error) {
	if in.WaitTimeSeconds != nil {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	return &sqsapi.ReceiveMessageResult{Messages: []sqsapi.Message{{
		MessageId: ptr("1"), Body: ptr("<&>"), Attributes: map[string]string{"SenderId": "me", "SentTimestamp": "1"},
		MessageAttributes: map[string]sqsapi.MessageAttributeValue{"n": {DataType: "Binary", BinaryValue: []byte{1, 2}}},
	}}}, nil
}

func (queues) SendMessage(_ context.Context, in *sqsapi.SendMessageRequest) (*sqsapi.SendMessageResult, error) {
	return &sqsapi.SendMessageResult{MessageId: ptr(in.QueueUrl + "|" + in.MessageBody)}, nil
}

// keys is a key service with one key.
type keys struct{}

func (keys) DescribeKey(_ context.Context, in *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	switch in.KeyId {
	case "missing":
		return nil, fault.New(fault.NotFound, "Key 'missing' does not exist")
	case "broken":
		return nil, fault.Named(fault.Internal, "KMSInternalException", "not now")
	case "denied":
		return nil, fault.New(fault.Denied, "may not")
	}
	return &kmsapi.DescribeKeyResponse{KeyMetadata: &kmsapi.KeyMetadata{KeyId: in.KeyId, Enabled: ptr(true)}}, nil
}

func (keys) Encrypt(_ context.Context, in *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	return &kmsapi.EncryptResponse{KeyId: &in.KeyId, CiphertextBlob: append([]byte("sealed:"), in.Plaintext...)}, nil
}

func (keys) EnableKey(context.Context, *kmsapi.EnableKeyRequest) error { return nil }

// tokens knows who calls.
type tokens struct{}

func (tokens) GetCallerIdentity(ctx context.Context, _ *stsapi.GetCallerIdentityRequest) (*stsapi.GetCallerIdentityResponse, error) {
	c := access.From(ctx)
	return &stsapi.GetCallerIdentityResponse{Arn: ptr(c.ARN + c.ServiceName), Account: &c.Account, UserId: ptr("U")}, nil
}
