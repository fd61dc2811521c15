package e2e_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// receive takes up to max messages that are in a queue now.
func (c *client) receive(queue string, max int32) []sqstypes.Message {
	c.t.Helper()
	out, err := c.queues.ReceiveMessage(c.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: max, MessageAttributeNames: []string{"All"}})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.Messages
}

// letter waits for the next dead letter, deletes it and checks what it carries.
func (c *client) letter(queue, domain, objectType string) (reason, body string) {
	c.t.Helper()
	var m sqstypes.Message
	eventually(c.t, soon, func() error {
		got := c.receive(queue, 1)
		if len(got) == 0 {
			return fmt.Errorf("no dead letter has arrived")
		}
		m = got[0]
		return nil
	})
	if _, err := c.queues.DeleteMessage(c.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
		c.t.Fatal(err)
	}
	attribute := func(name string) string {
		a := m.MessageAttributes[name]
		if aws.ToString(a.DataType) != "String" {
			c.t.Errorf("the attribute %s has the type %q", name, aws.ToString(a.DataType))
		}
		return aws.ToString(a.StringValue)
	}
	// Beside the three of Customer Profiles there is the domain's identity.
	if len(m.MessageAttributes) != 4 || attribute("DomainId") == "" || attribute("DomainName") != domain || attribute("ObjectTypeName") != objectType {
		c.t.Errorf("the dead letter is of the domain %q and type %q", attribute("DomainName"), attribute("ObjectTypeName"))
	}
	return attribute("Message"), *m.Body
}

// drained checks that nothing is left in a queue.
func (c *client) drained(queue string) {
	c.t.Helper()
	out, err := c.queues.GetQueueAttributes(c.t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []sqstypes.QueueAttributeName{
		"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}})
	if err != nil {
		c.t.Fatal(err)
	}
	for name, n := range out.Attributes {
		if n != "0" {
			c.t.Errorf("%s is %s", name, n)
		}
	}
}

const (
	noKeyText     = "The UNIQUE key or PROFILE key does not exist in the profile object"
	tooManyText   = "Too many objects ingested on profile per second"
	ambiguousText = "All keys of this object are binding to more than one profiles"
	tooLargeText  = "Your data contains profile object larger than 256000 bytes"
	noGrantText   = "Customer Profiles cannot ingest the object due to the EncryptionKey does not exist in the Region, " +
		"the EncryptionKey does not have a grant for Customer Profiles to use, or the EncryptionKey does not have the GenerateDataKey permission"
	keyStateText = "KMS key is invalid"
)

func TestInvariant3WhatCannotBeIngestedWaitsInTheDeadLetterQueueWithItsReason(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.domain("silent", customerprofiles.CreateDomainInput{}) // has no queue
	twins, lone := s.person(), s.person()
	for _, d := range []string{"shop", "silent"} {
		c.objectType(d, shopAccount())
		c.objectType(d, strict())
		for range 2 {
			c.profile(d, customerprofiles.CreateProfileInput{EmailAddress: &twins.email})
		}
		c.profile(d, customerprofiles.CreateProfileInput{EmailAddress: &lone.email})
		c.put(d, "Strict", fields{"no": "0", "mail": lone.email})
	}
	nobody := s.person()
	for name, test := range map[string]struct {
		body   fields
		reason string
	}{
		"ambiguous keys":      {fields{"no": "1", "mail": twins.email, "text": lone.name()}, ambiguousText},
		"no match":            {fields{"no": "2", "mail": nobody.email}, "No profile matches"},
		"an object too large": {fields{"no": "3", "mail": lone.email, "bulk": strings.Repeat("ü", 128_100)}, tooLargeText},
	} {
		before := c.stats("shop")
		c.put("shop", "Strict", test.body)
		if reason, body := c.letter(queue, "shop", "Strict"); !strings.HasPrefix(reason, test.reason) || body != *object(test.body) {
			t.Errorf("%s: the dead letter says %q", name, reason)
		}
		if after := c.stats("shop"); *after != *before {
			t.Errorf("%s: stats were %+v and are %+v", name, before, after)
		}
		before = c.stats("silent")
		_, err := c.tryPut("silent", "Strict", test.body)
		refused(t, err, "BadRequestException", test.reason)
		if after := c.stats("silent"); *after != *before {
			t.Errorf("%s: stats were %+v and are %+v", name, before, after)
		}
	}
	c.drained(queue)
}

func TestInvariant3TooManyObjectsOnAProfileInASecondAreNotLost(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.domain("silent", customerprofiles.CreateDomainInput{}) // has no queue
	for _, d := range []string{"shop", "silent"} {
		c.objectType(d, shopOrder())
		c.objectType(d, shopAccount())
		c.put(d, "ShopAccount", fields{"id": "A-1"})
		c.settings(d, `{"DefaultCountry":"US","MaxObjectsPerProfilePerSecond":4}`)
		id := *c.one(d, "shopAccountId", "A-1").ProfileId
		var items []types.BatchPutProfileObjectRequestItem
		for i := range 10 {
			items = append(items, types.BatchPutProfileObjectRequestItem{Id: aws.String(fmt.Sprint("i", i)), Object: object(fields{"no": fmt.Sprint("O-", i), "account": "A-1"})})
		}
		out, err := c.profiles.BatchPutProfileObject(t.Context(), &customerprofiles.BatchPutProfileObjectInput{DomainName: &d, ObjectTypeName: aws.String("ShopOrder"), Items: items})
		if err != nil {
			t.Fatal(err)
		}
		stored := len(c.objects(d, id, "ShopOrder"))
		if stored < 3 || stored > 8 { // a second may end on the way
			t.Errorf("%s: %d objects are stored", d, stored)
		}
		if d == "silent" {
			if len(out.Successful) != stored || len(out.Failed) != 10-stored {
				t.Errorf("%d successful, %d failed, %d stored", len(out.Successful), len(out.Failed), stored)
			}
			for _, f := range out.Failed {
				if *f.Message != tooManyText {
					t.Errorf("failed: %d %s", *f.Code, *f.Message)
				}
			}
			continue
		}
		if len(out.Successful) != 10 {
			t.Errorf("%d successful, want the queue to take the rest", len(out.Successful))
		}
		for range 10 - stored {
			if reason, _ := c.letter(queue, d, "ShopOrder"); reason != tooManyText {
				t.Errorf("the dead letter says %q", reason)
			}
		}
		c.drained(queue)
	}
}

func TestInvariant3ARequestThatIsNoneComesBackToTheCallerInSpiteOfTheQueue(t *testing.T) {
	t.Parallel()
	c := startServer(t).admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.objectType("shop", shopAccount())
	for name, body := range map[string]string{"no JSON": `{"id":`, "no object": `["A-1"]`, "no keys": `{"given":"x"}`, "two documents": `{"id":"A-1"}{"id":"A-2"}`} {
		_, err := c.profiles.PutProfileObject(t.Context(), &customerprofiles.PutProfileObjectInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("ShopAccount"), Object: &body})
		want := "Object"
		if name == "no keys" {
			want = noKeyText
		}
		refused(t, err, "BadRequestException", want)
	}
	c.drained(queue)
	checkStats(t, c.stats("shop"), 0, 0, 0)
}

func TestInvariant3DeadLettersWaitUntilTheirQueueTakesThemEvenThroughACrash(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.objectType("shop", strict())
	c.queuePolicy(queue, "") // the queue takes nothing any more
	p := s.person()
	const letters = 5
	want := map[string]bool{}
	for i := range letters {
		body := fields{"no": fmt.Sprint(i), "mail": p.email}
		want[*object(body)] = true
		c.put("shop", "Strict", body)
	}
	eventually(t, soon, func() error {
		if _, text := s.get("/metrics"); gauge(text, "kindred_dead_letters_waiting") != letters {
			return fmt.Errorf("%v dead letters wait, want %d", gauge(text, "kindred_dead_letters_waiting"), letters)
		}
		return nil
	})
	c.drained(queue)
	s.crash()
	c.queuePolicy(queue, document(serviceMay(queueARN("letters"), "shop")))
	for range letters {
		reason, body := c.letter(queue, "shop", "Strict")
		if !want[body] || !strings.HasPrefix(reason, "No profile matches") {
			t.Errorf("an unexpected dead letter: %q", reason)
		}
		delete(want, body)
	}
	c.drained(queue)
}

func TestInvariant3WhatADeadLetterCarriesCanBeSentAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.objectType("shop", strict())
	p := s.person()
	c.put("shop", "Strict", fields{"no": "1", "mail": p.email, "text": "älter – „neu“ \n\t"})
	_, body := c.letter(queue, "shop", "Strict")
	id := c.profile("shop", p.create())
	if _, err := c.profiles.PutProfileObject(t.Context(), &customerprofiles.PutProfileObjectInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("Strict"), Object: &body}); err != nil {
		t.Fatal(err)
	}
	if got := c.one("shop", "strictNo", "1"); *got.ProfileId != id || *got.AdditionalInformation != "älter – „neu“ \n\t" {
		t.Errorf("got %+v", got)
	}
	c.drained(queue)
}

func TestInvariant3ALetterThatItsQueueRefusesHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.objectType("shop", strict())
	if _, err := c.queues.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &queue, Attributes: map[string]string{"MaximumMessageSize": "1024"}}); err != nil {
		t.Fatal(err)
	}
	p := s.person()
	c.put("shop", "Strict", fields{"no": "0", "mail": p.email, "bulk": strings.Repeat("x", 2000)})
	for i := range 3 {
		small := fields{"no": fmt.Sprint(i + 1), "mail": p.email}
		c.put("shop", "Strict", small)
		if _, body := c.letter(queue, "shop", "Strict"); body != *object(small) {
			t.Errorf("letter %d is another", i)
		}
	}
	eventually(t, soon, func() error {
		if _, text := s.get("/metrics"); gauge(text, "kindred_dead_letters_waiting") != 1 {
			return fmt.Errorf("the letter that the queue refuses is not counted as waiting")
		}
		return nil
	})
}

// SQS takes no U+FFFE and U+FFFF, and JSON does: the letter says the same in
// other bytes.
func TestInvariant3ALetterWithCharactersThatSQSDoesNotTakeArrives(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.objectType("shop", strict())
	sent := fields{"no": "0", "mail": s.person().email, "odd\ufffe": "a\uffffb"}
	c.put("shop", "Strict", sent)
	_, body := c.letter(queue, "shop", "Strict")
	if got := parsed(t, &body); !reflect.DeepEqual(got, sent) {
		t.Error("the letter says something else than the record")
	}
	c.drained(queue)
}

// The largest objects that the model allows: a dead letter must still fit.
func TestInvariant3TheLargestObjectsGoToTheQueueWhole(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.objectType("shop", strict())
	mail := s.person().email
	for _, letter := range []string{"x", "ü", "€", "😀"} {
		body := fields{"no": "1", "mail": mail, "bulk": ""}
		room := 256_000 - len([]rune(*object(body)))
		body["bulk"] = strings.Repeat(letter, room)
		if letter == "😀" {
			body["bulk"] = strings.Repeat(letter, room/2) // two UTF-16 units each
		}
		want := "No profile matches"
		if letter != "x" {
			want = tooLargeText
		}
		c.put("shop", "Strict", body)
		if reason, got := c.letter(queue, "shop", "Strict"); got != *object(body) || !strings.HasPrefix(reason, want) {
			t.Errorf("%s: the dead letter has %d of %d bytes and says %q", letter, len(got), size(body), reason)
		}
	}
}
