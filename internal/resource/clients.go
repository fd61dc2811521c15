// Package resource reaches the key and the queue that a domain uses: through the
// AWS SDK's clients, whether they are Kindred's own services in this process, a
// real one, or a compatible server somewhere else. Which of them is a matter of
// configuration, by key or queue; the code is one.
//
// Kindred's own services are called without a network and as the principal that
// the context carries. Elsewhere the calls are signed with the credentials that
// the process finds in the usual places of the AWS SDK.
package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

// KMS is what Kindred asks of a key service; *kms.Client has it.
type KMS interface {
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	GenerateDataKey(context.Context, *kms.GenerateDataKeyInput, ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error)
	Decrypt(context.Context, *kms.DecryptInput, ...func(*kms.Options)) (*kms.DecryptOutput, error)
	Encrypt(context.Context, *kms.EncryptInput, ...func(*kms.Options)) (*kms.EncryptOutput, error)
	CreateGrant(context.Context, *kms.CreateGrantInput, ...func(*kms.Options)) (*kms.CreateGrantOutput, error)
}

// SQS is what Kindred asks of a queue service; *sqs.Client has it.
type SQS interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Route sends the keys or queues that a pattern matches to an endpoint. The
// pattern is a key id, key ARN or queue URL, in which * stands for any text and
// ? for one character. The endpoint is a base URL, or "aws" for the service of
// AWS itself.
type Route struct{ Pattern, Endpoint string }

// ParseRoute reads PATTERN=ENDPOINT, the form of the configuration.
func ParseRoute(s string) (Route, error) {
	i := strings.LastIndex(s, "=")
	if i <= 0 || i == len(s)-1 {
		return Route{}, fmt.Errorf("route %q: want PATTERN=ENDPOINT", s)
	}
	r := Route{s[:i], s[i+1:]}
	if r.Endpoint != "aws" && !strings.HasPrefix(r.Endpoint, "http://") && !strings.HasPrefix(r.Endpoint, "https://") {
		return Route{}, fmt.Errorf("route %q: the endpoint is a URL or aws", s)
	}
	if _, err := path.Match(glob(r.Pattern), ""); err != nil {
		return Route{}, fmt.Errorf("route %q: %w", s, err)
	}
	return r, nil
}

// glob lets path.Match's wildcards cross slashes, which ARNs and URLs have.
func glob(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

func (r Route) matches(id string) bool {
	ok, err := path.Match(glob(r.Pattern), glob(id))
	return err == nil && ok
}

// Clients chooses the client for a key or a queue.
type Clients struct {
	region string
	local  http.RoundTripper
	keys   []Route
	queues []Route
	told   func(Call) // nil: nobody

	mu  sync.Mutex // guards the following
	kms map[string]KMS
	sqs map[string]SQS
}

// NewClients makes clients for a region. local reaches Kindred's own services;
// the first route that matches takes a key or queue elsewhere.
func NewClients(region string, local http.RoundTripper, keys, queues []Route) *Clients {
	return &Clients{region: region, local: local, keys: keys, queues: queues, kms: map[string]KMS{}, sqs: map[string]SQS{}}
}

func route(routes []Route, id string) string {
	for _, r := range routes {
		if r.matches(id) {
			return r.Endpoint
		}
	}
	return ""
}

// regionOf is the region that a key ARN or queue URL names, else the default.
func (c *Clients) regionOf(id string) string {
	if p := strings.Split(id, ":"); len(p) > 3 && p[0] == "arn" && p[3] != "" {
		return p[3]
	}
	if host, ok := strings.CutPrefix(id, "https://sqs."); ok {
		if r, _, ok := strings.Cut(host, ".amazonaws."); ok {
			return r
		}
	}
	return c.region
}

// KMS is the client for a key.
func (c *Clients) KMS(ctx context.Context, keyID string) (KMS, error) {
	endpoint, region := route(c.keys, keyID), c.regionOf(keyID)
	c.mu.Lock()
	defer c.mu.Unlock()
	id := endpoint + " " + region
	if k := c.kms[id]; k != nil {
		return k, nil
	}
	cfg, err := c.config(ctx, endpoint, region)
	if err != nil {
		return nil, err
	}
	k := &watchedKMS{c.watch(endpoint), kms.NewFromConfig(cfg)}
	c.kms[id] = k
	return k, nil
}

// SQS is the client for a queue.
func (c *Clients) SQS(ctx context.Context, queueURL string) (SQS, error) {
	endpoint, region := route(c.queues, queueURL), c.regionOf(queueURL)
	c.mu.Lock()
	defer c.mu.Unlock()
	id := endpoint + " " + region
	if q := c.sqs[id]; q != nil {
		return q, nil
	}
	cfg, err := c.config(ctx, endpoint, region)
	if err != nil {
		return nil, err
	}
	q := &watchedSQS{c.watch(endpoint), sqs.NewFromConfig(cfg)}
	c.sqs[id] = q
	return q, nil
}

// Embedded reports whether a queue is one of Kindred's own, where the caller in
// the context is who calls. Elsewhere it is the process, so whoever calls on
// behalf of somebody asks package access first.
func (c *Clients) Embedded(queueURL string) bool { return route(c.queues, queueURL) == "" }

// config makes the SDK's configuration for an endpoint: empty is this process.
func (c *Clients) config(ctx context.Context, endpoint, region string) (aws.Config, error) {
	if endpoint == "" {
		return aws.Config{Region: c.region, BaseEndpoint: aws.String("http://in-process"),
			HTTPClient: &http.Client{Transport: c.local},
			// The signature is not looked at: the caller comes with the context.
			Credentials: credentials.NewStaticCredentialsProvider("INPROCESS", "unused", ""),
			Retryer:     func() aws.Retryer { return aws.NopRetryer{} }}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return cfg, fmt.Errorf("AWS configuration: %w", err)
	}
	// The process may itself be told to use Kindred for everything; a route says
	// better where this client goes.
	cfg.BaseEndpoint = nil
	cfg.ConfigSources = nil
	cfg.APIOptions = append(cfg.APIOptions, tell)
	if endpoint != "aws" {
		cfg.BaseEndpoint = aws.String(endpoint)
	}
	return cfg, nil
}

// code is the AWS error name in an error of the SDK, empty if it is none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// text is the service's own message in an error of the SDK.
func text(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorMessage() != "" {
		return api.ErrorMessage()
	}
	return "the service did not answer"
}
