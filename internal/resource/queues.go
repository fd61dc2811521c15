package resource

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/access"
	"kindred/internal/domain"
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

// missingQueue are the names of the error that a queue is not there, in the
// protocols of SQS.
var missingQueue = map[string]bool{"AWS.SimpleQueueService.NonExistentQueue": true, "QueueDoesNotExist": true,
	"InvalidAddress": true, "AWS.SimpleQueueService.InvalidAddress": true}

// ErrQueueMissing is in what [QueueFault] makes of a queue that is not there.
var ErrQueueMissing = errors.New("the queue does not exist")

// QueueFault says in the API's terms why a queue cannot be worked on for the
// caller. A queue service that does not answer is not the caller's fault and
// stays an internal error.
func QueueFault(err error) error {
	switch name := code(err); {
	case err == nil:
		return nil
	case missingQueue[name]:
		return fault.New(fault.Invalid, "The dead letter queue of the domain does not exist").Because(errors.Join(ErrQueueMissing, err))
	case name == "AccessDenied" || name == "AccessDeniedException" || name == "AWS.SimpleQueueService.AccessDenied":
		return fault.New(fault.Denied, "%s", text(err)).Because(err)
	case name == "OverLimit" || name == "RequestThrottled" || name == "ThrottlingException":
		return fault.New(fault.Busy, "The queue is busy: %s", text(err)).Because(err)
	}
	return fmt.Errorf("queue service: %w", err)
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
	switch name := code(err); {
	case err == nil:
	case name == "":
		return fmt.Errorf("queue service: %w", err)
	case missingQueue[name]:
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

// Names of the message attributes of a dead letter. The first three are those
// of Customer Profiles, the others are Kindred's: the identity of the domain,
// which stays when its name changes, and, in milliseconds since 1970, and only on
// a letter that replaces an earlier one of the same record, when that was sent.
const (
	AttributeReason     = "Message"
	AttributeDomain     = "DomainName"
	AttributeObjectType = "ObjectTypeName"
	AttributeDomainID   = "DomainId"
	AttributeFirstSent  = "FirstSentTimestamp"
)

// Letter is a message for a dead letter queue.
type Letter struct {
	QueueURL string
	// DomainID tells whose letter it is. Domain is the domain's name when the
	// letter was written; the outbox sends it with the one of the day.
	DomainID   domain.ID
	Domain     string
	ObjectType string
	Reason     string
	Body       string
	// FirstSent is when the record first went to the queue; zero: with this
	// letter.
	FirstSent time.Time `json:",omitzero"`
}

// sendable writes characters that a queue does not take as JSON escapes. They
// can stand in the strings of a JSON text only, so it stays the same value.
func sendable(body string) string {
	i := strings.IndexFunc(body, func(r rune) bool { return !queueTakes(r) })
	if i < 0 {
		return body
	}
	var b strings.Builder
	b.WriteString(body[:i])
	for _, r := range body[i:] {
		if queueTakes(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// queueTakes is the set of characters that SQS allows in a message (AWS:
// SendMessage, MessageBody).
func queueTakes(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
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
	attributes := map[string]sqstypes.MessageAttributeValue{AttributeReason: attribute(l.Reason),
		AttributeDomain: attribute(l.Domain), AttributeObjectType: attribute(l.ObjectType)}
	if l.DomainID != (domain.ID{}) {
		attributes[AttributeDomainID] = attribute(l.DomainID.String())
	}
	if !l.FirstSent.IsZero() {
		attributes[AttributeFirstSent] = sqstypes.MessageAttributeValue{DataType: aws.String("Number"),
			StringValue: aws.String(strconv.FormatInt(l.FirstSent.UnixMilli(), 10))}
	}
	_, err = c.SendMessage(access.WithCaller(ctx, access.ServiceCaller(principal, q.account, q.source(l.Domain))),
		&sqs.SendMessageInput{QueueUrl: &l.QueueURL, MessageBody: aws.String(sendable(l.Body)), MessageAttributes: attributes})
	if err != nil {
		return fmt.Errorf("dead letter queue: %w", err)
	}
	return nil
}
