package e2e_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// statement is the policy statement in a message: from the first brace on.
func statement(t testing.TB, message string) string {
	t.Helper()
	from, to := strings.Index(message, "{"), strings.LastIndex(message, "}")
	if from < 0 || to < from {
		t.Fatalf("no statement in %q", message)
	}
	return message[from : to+1]
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// queue makes a queue without a policy.
func (c *client) queue(name string) (url string) {
	c.t.Helper()
	out, err := c.queues.CreateQueue(c.t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		c.t.Fatal(err)
	}
	return *out.QueueUrl
}

func (c *client) queuePolicy(url, policy string) {
	c.t.Helper()
	_, err := c.queues.SetQueueAttributes(c.t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url,
		Attributes: map[string]string{string(sqstypes.QueueAttributeNamePolicy): policy}})
	if err != nil {
		c.t.Fatal(err)
	}
}

// key makes a key with a policy, or with the default one when that is empty.
func (c *client) key(policy string) (arn string) {
	c.t.Helper()
	in := &kms.CreateKeyInput{}
	if policy != "" {
		in.Policy = &policy
	}
	out, err := c.keys.CreateKey(c.t.Context(), in)
	if err != nil {
		c.t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

// accountMay lets the account's principals do some things with a key, as far as
// their own policies do.
func accountMay(actions string) string {
	return `{"Sid":"Account","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":[` + actions + `],"Resource":"*"}`
}

// noGrants is what an administrator may do with a key on which only the policy
// speaks for services.
var noGrants = accountMay(`"kms:Describe*","kms:Get*","kms:List*","kms:Put*","kms:Enable*","kms:Disable*","kms:ScheduleKeyDeletion",` +
	`"kms:CancelKeyDeletion","kms:Decrypt","kms:Encrypt","kms:GenerateDataKey","kms:RevokeGrant"`)

// serviceMay is the statement that the documentation gives for a queue.
func serviceMay(queueARN, domain string) string {
	return `{"Sid":"DeadLetters","Effect":"Allow","Principal":{"Service":"profile.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` +
		queueARN + `","Condition":{"StringEquals":{"aws:SourceAccount":"` + account + `","aws:SourceArn":"` + arn("domains/"+domain) + `"}}}`
}

func queueARN(name string) string { return "arn:aws:sqs:" + region + ":" + account + ":" + name }

// deadLetters makes a queue that takes the dead letters of a domain.
func (c *client) deadLetters(queue, domain string) (url string) {
	c.t.Helper()
	url = c.queue(queue)
	c.queuePolicy(url, document(serviceMay(queueARN(queue), domain)))
	return url
}

// domain makes a domain with what in has of it.
func (c *client) domain(name string, in customerprofiles.CreateDomainInput) *customerprofiles.CreateDomainOutput {
	c.t.Helper()
	in.DomainName = &name
	if in.DefaultExpirationDays == nil {
		in.DefaultExpirationDays = aws.Int32(366)
	}
	out, err := c.profiles.CreateDomain(c.t.Context(), &in)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func TestEnablingRefusesAQueueAndAKeyWithTheStatementToPasteAndAcceptsThemWithIt(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.queue("letters")
	key := c.key(document(noGrants))
	in := &customerprofiles.CreateDomainInput{DomainName: aws.String("amazon-connect-shop"), DefaultExpirationDays: aws.Int32(366),
		DeadLetterQueueUrl: &queue, DefaultEncryptionKey: &key, Tags: map[string]string{"team": "desk"}}

	_, err := c.profiles.CreateDomain(t.Context(), in)
	refused(t, err, "BadRequestException", "DeadLetterQueueUrl", "profile.amazonaws.com", arn("domains/amazon-connect-shop"))
	_, message := refusal(t, err)
	c.queuePolicy(queue, document(statement(t, message)))

	_, err = c.profiles.CreateDomain(t.Context(), in)
	refused(t, err, "BadRequestException", key, "kms:GenerateDataKey", "kms:Decrypt", "kms:CreateGrant", arn("domains/amazon-connect-shop"))
	_, message = refusal(t, err)
	_, err = c.keys.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: aws.String(document(noGrants, statement(t, message)))})
	if err != nil {
		t.Fatal(err)
	}

	out, err := c.profiles.CreateDomain(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if *out.DeadLetterQueueUrl != queue || *out.DefaultEncryptionKey != key || *out.DefaultExpirationDays != 366 || out.Tags["team"] != "desk" {
		t.Errorf("got %+v", out)
	}
	// The statement speaks for this domain only.
	in.DomainName = aws.String("other")
	_, err = c.profiles.CreateDomain(t.Context(), in)
	refused(t, err, "BadRequestException", "DeadLetterQueueUrl", arn("domains/other"))
	in.DeadLetterQueueUrl = nil
	_, err = c.profiles.CreateDomain(t.Context(), in)
	refused(t, err, "BadRequestException", arn("domains/other"))
	in.DomainName = aws.String("amazon-connect-shop")
	_, err = c.profiles.CreateDomain(t.Context(), in)
	refused(t, err, "BadRequestException", "Domain amazon-connect-shop already exists")

	s.restart()
	got, err := c.profiles.GetDomain(t.Context(), &customerprofiles.GetDomainInput{DomainName: in.DomainName})
	if err != nil {
		t.Fatal(err)
	}
	if *got.DeadLetterQueueUrl != queue || *got.DefaultEncryptionKey != key {
		t.Errorf("after a restart: %+v", got)
	}
}

func TestEnablingRefusesWhatCannotServe(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	disabled := c.key("")
	if _, err := c.keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &disabled}); err != nil {
		t.Fatal(err)
	}
	leaving := c.key("")
	if _, err := c.keys.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &leaving, PendingWindowInDays: aws.Int32(7)}); err != nil {
		t.Fatal(err)
	}
	denying := c.queue("denying")
	c.queuePolicy(denying, document(serviceMay(queueARN("denying"), "d"),
		`{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage","Resource":"`+queueARN("denying")+`"}`))
	foreign := c.queue("foreign")
	c.queuePolicy(foreign, document(strings.ReplaceAll(serviceMay(queueARN("foreign"), "d"), account, "111122223333")))
	for name, test := range map[string]struct {
		in   customerprofiles.CreateDomainInput
		says string
	}{
		"a queue that is not there":      {customerprofiles.CreateDomainInput{DeadLetterQueueUrl: aws.String(s.url + "/" + account + "/none")}, "does not exist"},
		"a queue that denies":            {customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &denying}, "sqs:SendMessage"},
		"a queue for another account":    {customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &foreign}, "aws:Source"},
		"a key that is not there":        {customerprofiles.CreateDomainInput{DefaultEncryptionKey: aws.String("12345678-1234-1234-1234-123456789012")}, "does not exist"},
		"a key that is disabled":         {customerprofiles.CreateDomainInput{DefaultEncryptionKey: &disabled}, "isabled"},
		"a key that is to be deleted":    {customerprofiles.CreateDomainInput{DefaultEncryptionKey: &leaving}, "scheduled for deletion"},
		"a data store without a key":     {customerprofiles.CreateDomainInput{DataStore: dataStore()}, "DataStore"},
		"no expiration":                  {customerprofiles.CreateDomainInput{DefaultExpirationDays: aws.Int32(0)}, "DefaultExpirationDays"},
		"an expiration beyond the model": {customerprofiles.CreateDomainInput{DefaultExpirationDays: aws.Int32(1099)}, "DefaultExpirationDays"},
	} {
		t.Run(name, func(t *testing.T) {
			in := test.in
			in.DomainName = aws.String("d")
			if in.DefaultExpirationDays == nil {
				in.DefaultExpirationDays = aws.Int32(366)
			}
			_, err := c.profiles.CreateDomain(t.Context(), &in)
			refused(t, err, "BadRequestException", test.says)
		})
	}
	out, err := c.profiles.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{})
	if err != nil || len(out.Items) != 0 {
		t.Errorf("a refused domain is there: %+v, %v", out, err)
	}
	c.domain("d", customerprofiles.CreateDomainInput{})
	_, err = c.profiles.UpdateDomain(t.Context(), &customerprofiles.UpdateDomainInput{DomainName: aws.String("d"), DeadLetterQueueUrl: &denying})
	refused(t, err, "BadRequestException", "DeadLetterQueueUrl")
	_, err = c.profiles.UpdateDomain(t.Context(), &customerprofiles.UpdateDomainInput{DomainName: aws.String("d"), DefaultEncryptionKey: &disabled})
	refused(t, err, "BadRequestException", disabled)
}

func TestUpdatingADomainKeepsWhatIsAbsentAndClearsWhatIsEmpty(t *testing.T) {
	t.Parallel()
	c := startServer(t).admin
	queue, key := c.deadLetters("letters", "shop"), c.key("")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key, DeadLetterQueueUrl: &queue, Tags: map[string]string{"a": "b"}})
	out, err := c.profiles.UpdateDomain(t.Context(), &customerprofiles.UpdateDomainInput{DomainName: aws.String("shop"), DefaultExpirationDays: aws.Int32(10)})
	if err != nil {
		t.Fatal(err)
	}
	if *out.DefaultExpirationDays != 10 || aws.ToString(out.DefaultEncryptionKey) != key || aws.ToString(out.DeadLetterQueueUrl) != queue || out.Tags["a"] != "b" {
		t.Errorf("got %+v", out)
	}
	if out, err = c.profiles.UpdateDomain(t.Context(), &customerprofiles.UpdateDomainInput{DomainName: aws.String("shop"),
		DefaultEncryptionKey: aws.String(""), DeadLetterQueueUrl: aws.String("")}); err != nil {
		t.Fatal(err)
	}
	if *out.DefaultExpirationDays != 10 || out.DefaultEncryptionKey != nil || out.DeadLetterQueueUrl != nil {
		t.Errorf("got %+v", out)
	}
	_, err = c.profiles.UpdateDomain(t.Context(), &customerprofiles.UpdateDomainInput{DomainName: aws.String("none")})
	refused(t, err, "ResourceNotFoundException")
}
