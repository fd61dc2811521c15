package resource

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"kindred/internal/tracing"
)

// Call is a call of a key or queue service that has ended.
type Call struct {
	Service   string // KMS or SQS
	Operation string // such as Decrypt
	Where     string // embedded or external
	Outcome   string // ok, refused, unavailable or cancelled
	Took      time.Duration
}

// The outcomes of calls. The service refused what it answered with an error, and is
// unavailable if it gave no answer.
const (
	callOK          = "ok"
	callRefused     = "refused"
	callUnavailable = "unavailable"
	callCancelled   = "cancelled"
)

// CallOutcomes are all values of [Call].Outcome.
func CallOutcomes() []string {
	return []string{callOK, callRefused, callUnavailable, callCancelled}
}

// Places are all values of [Call].Where.
func Places() []string { return []string{"embedded", "external"} }

// KMSOperations are what Kindred asks of keys.
func KMSOperations() []string {
	return []string{"CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"}
}

// SQSOperations are what Kindred asks of queues.
func SQSOperations() []string {
	return []string{"ChangeMessageVisibilityBatch", "DeleteMessageBatch", "GetQueueAttributes", "ReceiveMessage", "SendMessage"}
}

// OnCall sets who is told of each call; told must return at once. It is called where a
// node is put together.
func (c *Clients) OnCall(told func(Call)) { c.told = told }

// watch is what the clients of one endpoint have in common: each call is told of and
// is a span of the trace that it is made in.
type watch struct {
	clients *Clients
	where   string
}

func (c *Clients) watch(endpoint string) watch {
	if endpoint == "" {
		return watch{c, Places()[0]}
	}
	return watch{c, Places()[1]}
}

// observe makes a call of an operation.
func observe[I, O, F any](ctx context.Context, w watch, service, operation string, call func(context.Context, I, ...F) (O, error), in I, options []F) (O, error) {
	began := time.Now()
	ctx, span := tracing.Start(ctx, service+"/"+operation, tracing.Client)
	out, err := call(ctx, in, options...)
	c := Call{Service: service, Operation: operation, Where: w.where, Outcome: outcomeOf(ctx, err), Took: time.Since(began)}
	if span.Recording() {
		span.Text("rpc.system", "aws-api")
		span.Text("rpc.service", service)
		span.Text("rpc.method", operation)
		span.Text("kindred.where", w.where)
		switch c.Outcome {
		case callOK:
		case callRefused:
			span.Fail(errorName(code(err)))
		default:
			span.Fail(c.Outcome)
		}
		span.End()
	}
	if w.clients.told != nil {
		w.clients.told(c)
	}
	return out, err
}

func outcomeOf(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return callOK
	case code(err) != "":
		return callRefused
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled):
		return callCancelled
	}
	return callUnavailable
}

var errorForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.]{0,79}$`)

// errorName is the name of an error as another service gave it, if it looks like one.
func errorName(code string) string {
	if errorForm.MatchString(code) {
		return code
	}
	return callRefused
}

// tell has the requests to a service elsewhere carry the span that they are made in. The
// header is not signed: what stands between may change it.
func tell(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("kindred:traceparent", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if r, ok := in.Request.(*smithyhttp.Request); ok {
			tracing.Inject(ctx, r.Header)
		}
		return next.HandleFinalize(ctx, in)
	}), "Signing", middleware.After)
}

// watchedKMS is a KMS whose calls are observed.
type watchedKMS struct {
	watch
	to KMS
}

func (k *watchedKMS) DescribeKey(ctx context.Context, in *kms.DescribeKeyInput, o ...func(*kms.Options)) (*kms.DescribeKeyOutput, error) {
	return observe(ctx, k.watch, "KMS", "DescribeKey", k.to.DescribeKey, in, o)
}

func (k *watchedKMS) GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput, o ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	return observe(ctx, k.watch, "KMS", "GenerateDataKey", k.to.GenerateDataKey, in, o)
}

func (k *watchedKMS) Decrypt(ctx context.Context, in *kms.DecryptInput, o ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	return observe(ctx, k.watch, "KMS", "Decrypt", k.to.Decrypt, in, o)
}

func (k *watchedKMS) Encrypt(ctx context.Context, in *kms.EncryptInput, o ...func(*kms.Options)) (*kms.EncryptOutput, error) {
	return observe(ctx, k.watch, "KMS", "Encrypt", k.to.Encrypt, in, o)
}

func (k *watchedKMS) CreateGrant(ctx context.Context, in *kms.CreateGrantInput, o ...func(*kms.Options)) (*kms.CreateGrantOutput, error) {
	return observe(ctx, k.watch, "KMS", "CreateGrant", k.to.CreateGrant, in, o)
}

// watchedSQS is an SQS whose calls are observed.
type watchedSQS struct {
	watch
	to SQS
}

func (q *watchedSQS) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, o ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	return observe(ctx, q.watch, "SQS", "GetQueueAttributes", q.to.GetQueueAttributes, in, o)
}

func (q *watchedSQS) SendMessage(ctx context.Context, in *sqs.SendMessageInput, o ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return observe(ctx, q.watch, "SQS", "SendMessage", q.to.SendMessage, in, o)
}

func (q *watchedSQS) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	return observe(ctx, q.watch, "SQS", "ReceiveMessage", q.to.ReceiveMessage, in, o)
}

func (q *watchedSQS) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	return observe(ctx, q.watch, "SQS", "DeleteMessageBatch", q.to.DeleteMessageBatch, in, o)
}

func (q *watchedSQS) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, o ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return observe(ctx, q.watch, "SQS", "ChangeMessageVisibilityBatch", q.to.ChangeMessageVisibilityBatch, in, o)
}
