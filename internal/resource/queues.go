package resource

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/policy"
)

// Queues sends to dead letter queues, and checks them before they are used.
type Queues struct {
	clients *Clients
	region  string
	account string
	inspect *access.Caller // may look at the attributes of any queue of the account
}

// NewQueues makes Queues for an account and region.
func NewQueues(c *Clients, region, account string) *Queues {
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:GetQueueAttributes","Resource":"*"}}`),
		policy.Options{Kind: policy.Identity, Name: "InspectQueues"})
	if err != nil {
		panic("resource: " + err.Error()) // the text is a constant
	}
	return &Queues{c, region, account, &access.Caller{Type: access.Root, Account: account, Secure: true,
		ARN: "arn:aws:iam::" + account + ":root", Policies: []*policy.Policy{p}}}
}

func (q *Queues) source(domainName string) string {
	return "arn:aws:profile:" + q.region + ":" + q.account + ":domains/" + domainName
}

// CheckQueue makes sure that a queue exists and that its policy lets Customer
// Profiles send to it for the domain. A refusal holds the statement to add.
func (q *Queues) CheckQueue(ctx context.Context, url, domainName string) error {
	c, err := q.clients.SQS(ctx, url)
	if err != nil {
		return err
	}
	out, err := c.GetQueueAttributes(access.WithCaller(ctx, q.inspect), &sqs.GetQueueAttributesInput{QueueUrl: &url,
		AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNamePolicy, sqstypes.QueueAttributeNameQueueArn}})
	switch code(err) {
	case "":
		if err != nil {
			return fmt.Errorf("queue service: %w", err)
		}
	case "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress", "AWS.SimpleQueueService.InvalidAddress":
		return fault.New(fault.Invalid, "DeadLetterQueueUrl: the queue does not exist").Because(err)
	default:
		return fault.New(fault.Invalid, "DeadLetterQueueUrl: the attributes of the queue cannot be read: %s", text(err)).Because(err)
	}
	arn := out.Attributes[string(sqstypes.QueueAttributeNameQueueArn)]
	source := q.source(domainName)
	refuse := func(why string) error {
		return fault.New(fault.Invalid, "DeadLetterQueueUrl: the policy of the queue does not let Customer Profiles send to it. %s. "+
			"Add this statement to the policy: %s", why, policy.ServiceStatement("AllowCustomerProfiles", principal, []string{"sqs:SendMessage"}, arn, source, q.account))
	}
	var p *policy.Policy
	if t := out.Attributes[string(sqstypes.QueueAttributeNamePolicy)]; t != "" {
		if p, err = policy.Parse([]byte(t), policy.Options{Kind: policy.Resource, Name: "queue policy", ResourceOptional: true}); err != nil {
			return refuse("The policy cannot be read: " + err.Error())
		}
	}
	var context policy.Context
	context.Add("aws:SourceArn", source)
	context.Add("aws:SourceAccount", q.account)
	context.Add("aws:SecureTransport", "true")
	if check := policy.CheckService(p, principal, "sqs:SendMessage", arn, context); !check.Allowed {
		return refuse(check.String())
	}
	return nil
}

// Letter is a message for a dead letter queue.
type Letter struct {
	QueueURL   string
	Domain     string
	ObjectType string
	Reason     string
	Body       string
}

// Send puts a letter into its queue: the body is the object, the attributes say
// what it is and why it is there (AWS: error reporting for Customer Profiles).
func (q *Queues) Send(ctx context.Context, l *Letter) error {
	c, err := q.clients.SQS(ctx, l.QueueURL)
	if err != nil {
		return err
	}
	attribute := func(v string) sqstypes.MessageAttributeValue {
		return sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(v)}
	}
	_, err = c.SendMessage(access.WithCaller(ctx, access.ServiceCaller(principal, q.account, q.source(l.Domain))),
		&sqs.SendMessageInput{QueueUrl: &l.QueueURL, MessageBody: &l.Body,
			MessageAttributes: map[string]sqstypes.MessageAttributeValue{
				"Message": attribute(l.Reason), "DomainName": attribute(l.Domain), "ObjectTypeName": attribute(l.ObjectType)}})
	if err != nil {
		return fmt.Errorf("dead letter queue: %w", err)
	}
	return nil
}
