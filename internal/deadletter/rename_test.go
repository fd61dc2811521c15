package deadletter_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/resource"
)

func (d *desk) rename(from, to string) {
	d.t.Helper()
	if _, err := d.DomainAPI.RenameDomain(d.root(), &kindredapi.RenameDomainRequest{DomainName: from, NewDomainName: to}); err != nil {
		d.t.Fatal(err)
	}
}

// listed are the records of the letters of a domain, and where they lie.
func (d *desk) listed(domainName string) string {
	d.t.Helper()
	out, err := d.letters.ListDeadLetters(d.root(), &kindredapi.ListDeadLettersRequest{DomainName: domainName})
	if err != nil {
		d.t.Fatal(err)
	}
	var list []string
	for _, l := range out.Items {
		list = append(list, l.Body+" "+l.State)
	}
	return strings.Join(list, ", ")
}

// objects is how many objects a domain holds.
func (d *desk) objects(domainName string) int64 {
	d.t.Helper()
	out, err := d.DomainAPI.GetDomain(d.root(), &profileapi.GetDomainRequest{DomainName: domainName})
	if err != nil {
		d.t.Fatal(err)
	}
	return *out.Stats.ObjectCount
}

// A domain's letters stay its own when its name changes, and a new domain of the
// old name, with the same queue, gets none of them.
func TestLettersStayWithTheirDomainWhenItsNameChanges(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		id := d.id("d")
		d.mailAs(&resource.Letter{DomainID: id, Domain: "d", ObjectType: "Order", Reason: oldError, Body: body("1", "queued")})
		time.Sleep(time.Millisecond)
		if err := d.outbox.Put(t.Context(), &resource.Letter{QueueURL: queueURL, DomainID: id, Domain: "d", ObjectType: "Order", Reason: oldError, Body: body("2", "waiting")}); err != nil {
			t.Fatal(err)
		}
		d.rename("d", "n")
		d.createDomain("d", &profileapi.CreateDomainRequest{DeadLetterQueueUrl: aws.String(queueURL)})
		d.putType("Order", true)
		d.mail("Order", oldError, body("3", "of somebody who knows the name only"))
		if got := d.listed("n"); got != body("1", "queued")+" QUEUED, "+body("2", "waiting")+" WAITING" {
			t.Errorf("of the renamed domain: %s", got)
		}
		if got := d.listed("d"); got != body("3", "of somebody who knows the name only")+" QUEUED" {
			t.Errorf("of the new domain: %s", got)
		}
		if out := d.redrive(&kindredapi.RedriveDeadLettersRequest{}); out.Redriven != 1 || out.Skipped != 1 {
			t.Errorf("redriven by the new domain: %+v", out)
		}
		out, err := d.letters.RedriveDeadLetters(d.root(), &kindredapi.RedriveDeadLettersRequest{DomainName: "n"})
		if err != nil || out.Redriven != 1 {
			t.Errorf("redriven by the renamed domain: %+v, %v", out, err)
		}
		if d.objects("n") != 1 || d.objects("d") != 1 {
			t.Errorf("%d objects in the renamed domain, %d in the new one", d.objects("n"), d.objects("d"))
		}
		d.wantQueued()
	})(t)
}

// A redrive under way goes on with its own domain, whatever has its name now.
func TestARedriveKeepsToItsDomainWhenTheNameChangesHands(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		id := d.id("d")
		for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
			d.mailAs(&resource.Letter{DomainID: id, Domain: "d", ObjectType: "Order", Reason: oldError, Body: body(n, "n")})
		}
		d.mailAs(&resource.Letter{DomainID: id, Domain: "d", ObjectType: "Gone", Reason: oldError, Body: body("13", "n")})
		calls := 0
		d.try.before = func(context.Context) error {
			if calls++; calls == 2 {
				d.rename("d", "n")
				d.createDomain("d", &profileapi.CreateDomainRequest{DeadLetterQueueUrl: aws.String(queueURL)})
				d.putType("Order", true)
			}
			return nil
		}
		if out := d.redrive(&kindredapi.RedriveDeadLettersRequest{}); out.Redriven != 12 || out.Failed != 1 {
			t.Errorf("%+v", out)
		}
		if d.objects("n") != 12 || d.objects("d") != 0 {
			t.Errorf("%d objects in the renamed domain, %d in the new one", d.objects("n"), d.objects("d"))
		}
		// The letter with the newer error is the renamed domain's.
		if got := d.listed("n"); got != body("13", "n")+" QUEUED" {
			t.Errorf("left to the renamed domain: %s", got)
		}
		if got := d.listed("d"); got != "" {
			t.Errorf("left to the new domain: %s", got)
		}
	})(t)
}

// The policy of a queue may name the new ARN alone once the name has changed:
// letters that were written before go out all the same.
func TestLettersThatWaitGoOutUnderTheNewName(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		if err := d.outbox.Put(t.Context(), &resource.Letter{QueueURL: queueURL, DomainID: d.id("d"), Domain: "d", ObjectType: "Order", Reason: oldError, Body: body("1", "n")}); err != nil {
			t.Fatal(err)
		}
		d.rename("d", "n")
		got, err := d.sqs.GetQueueAttributes(d.root(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(queueURL), AttributeNames: []sqstypes.QueueAttributeName{"Policy"}})
		if err != nil {
			t.Fatal(err)
		}
		narrow := strings.ReplaceAll(got.Attributes["Policy"], "domains/*", "domains/n")
		if _, err := d.sqs.SetQueueAttributes(d.root(), &sqs.SetQueueAttributesInput{QueueUrl: aws.String(queueURL), Attributes: map[string]string{"Policy": narrow}}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.outbox.Run(ctx) }()
		synctest.Wait()
		if got := d.listed("n"); got != body("1", "n")+" QUEUED" {
			t.Errorf("letters: %s", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})(t)
}
