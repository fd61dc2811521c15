package deadletter_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/resource"
	"kindred/internal/store"
)

// bubble runs a test with a clock that moves when everybody waits.
func bubble(test func(*testing.T, *desk)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) { test(t, newDesk(t)) })
	}
}

func TestAFailureEndsAsAProfile(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", false)
		if _, err := d.Ingest.PutProfileObject(d.root(), &profileapi.PutProfileObjectRequest{DomainName: "d", ObjectTypeName: "Order", Object: body("1", "Ann")}); err != nil {
			t.Fatal(err)
		}
		out := d.list(&kindredapi.ListDeadLettersRequest{})
		if len(out.Items) != 1 || out.Items[0].State != "WAITING" || out.Items[0].Body != body("1", "Ann") || !out.Complete || *out.QueueUrl != queueURL {
			t.Fatalf("before the delivery: %+v", out)
		}
		wrote := out.Items[0].Message

		ctx, stop := context.WithCancel(t.Context())
		var deliver sync.WaitGroup
		deliver.Go(func() {
			if err := d.outbox.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		stop()
		deliver.Wait()
		out = d.list(&kindredapi.ListDeadLettersRequest{})
		if len(out.Items) != 1 || out.Items[0].State != "QUEUED" || out.Items[0].Message != wrote || out.Items[0].ReceiveCount != 1 ||
			out.Examined != 1 || out.Matched != 1 || len(out.Counts) != 1 || out.Counts[0].Count != 1 {
			t.Fatalf("after the delivery: %+v", out)
		}

		if out := d.redrive(&kindredapi.RedriveDeadLettersRequest{}); out.Failed != 1 || out.Redriven != 0 || out.More || out.Results[0].State != "FAILED" ||
			*out.Results[0].Message != wrote || out.Failures[0].Message != wrote {
			t.Errorf("before the repair: %+v", out)
		}
		d.putType("Order", true)
		if out := d.redrive(&kindredapi.RedriveDeadLettersRequest{}); out.Redriven != 1 || out.Failed != 0 || out.More || out.Results[0].State != "REDRIVEN" {
			t.Errorf("after the repair: %+v", out)
		}
		d.wantQueued()
		if got := d.name("1"); got != "Ann" {
			t.Errorf("the profile is of %q", got)
		}
		if out := d.redrive(&kindredapi.RedriveDeadLettersRequest{}); out.Examined != 0 || out.More || out.Results == nil && out.Redriven != 0 {
			t.Errorf("with nothing left: %+v", out)
		}
	})(t)
}

func TestListPagesAndFilters(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		for i := range 25 {
			d.mail("Order", fmt.Sprintf("error %d", i%2), body(fmt.Sprint(i), "n"))
		}
		d.mail("Case", "error 0", body("c", "n"))
		d.drop("hello", nil)
		d.drop("hello", map[string]string{"DomainName": "other", "ObjectTypeName": "Order", "Message": "error 0"})
		var seen []string
		in := &kindredapi.ListDeadLettersRequest{MaxResults: aws.Int(10)}
		for pages := 1; ; pages++ {
			out := d.list(in)
			for _, x := range out.Items {
				seen = append(seen, x.Body)
			}
			if out.Examined != 28 || out.Matched != 26 || out.Foreign != 2 || !out.Complete || out.InFlight != 0 {
				t.Errorf("page %d: %+v", pages, out)
			}
			if fmt.Sprint(out.Counts) != "[{Order error 0 13} {Order error 1 12} {Case error 0 1}]" {
				t.Errorf("page %d: counts %v", pages, out.Counts)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				if pages != 3 {
					t.Errorf("%d pages", pages)
				}
				break
			}
		}
		for i, b := range seen {
			if want := body(fmt.Sprint(i), "n"); i < 25 && b != want {
				t.Errorf("letter %d is %s", i, b)
			}
		}
		if len(seen) != 26 {
			t.Errorf("%d letters on the pages", len(seen))
		}
		for _, c := range []struct {
			in   kindredapi.ListDeadLettersRequest
			want int
		}{
			{kindredapi.ListDeadLettersRequest{ObjectTypeName: aws.String("Case")}, 1},
			{kindredapi.ListDeadLettersRequest{Message: aws.String("error 0")}, 14},
			{kindredapi.ListDeadLettersRequest{Message: aws.String("error")}, 0},
			{kindredapi.ListDeadLettersRequest{MessageContains: aws.String("or 1")}, 12},
			{kindredapi.ListDeadLettersRequest{ObjectTypeName: aws.String("Order"), Message: aws.String("error 0"), MessageContains: aws.String("0")}, 13},
		} {
			c.in.MaxResults = aws.Int(100)
			if out := d.list(&c.in); len(out.Items) != c.want || out.Matched != c.want {
				t.Errorf("%+v: %d items, %d matched, want %d", c.in, len(out.Items), out.Matched, c.want)
			}
		}
		first := d.list(&kindredapi.ListDeadLettersRequest{})
		if _, err := d.letters.ListDeadLetters(d.root(), &kindredapi.ListDeadLettersRequest{DomainName: "d", ObjectTypeName: aws.String("Order"), NextToken: first.NextToken}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a token of another filter: %v", err)
		}
	})(t)
}

func TestAPageIsBoundedInBytes(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		large := strings.Repeat("x", 900_000)
		for range 6 {
			d.mail("Order", oldError, large)
		}
		out := d.list(&kindredapi.ListDeadLettersRequest{})
		if len(out.Items) != 4 || out.NextToken == nil {
			t.Fatalf("%d items, token %v", len(out.Items), out.NextToken)
		}
		if out = d.list(&kindredapi.ListDeadLettersRequest{NextToken: out.NextToken}); len(out.Items) != 2 || out.NextToken != nil {
			t.Errorf("then %d items, token %v", len(out.Items), out.NextToken)
		}
	})(t)
}

func TestListGivesLettersBackAndListsTakeTurns(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		for i := range 30 {
			d.mail("Order", oldError, body(fmt.Sprint(i), "n"))
		}
		var g sync.WaitGroup
		for range 4 {
			g.Go(func() {
				if out := d.list(&kindredapi.ListDeadLettersRequest{}); out.Matched != 30 || !out.Complete {
					t.Errorf("%d letters seen, complete: %v", out.Matched, out.Complete)
				}
			})
		}
		g.Wait()
		if out := d.list(&kindredapi.ListDeadLettersRequest{}); out.Items[0].ReceiveCount != 5 {
			t.Errorf("received %d times", out.Items[0].ReceiveCount)
		}
		if n := len(d.queued()); n != 30 {
			t.Errorf("%d letters can be received", n)
		}
	})(t)
}

func TestListTellsOfLettersInFlightAndOfTheQueuesOwnPolicy(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.createQueue("last", nil)
		if _, err := d.sqs.SetQueueAttributes(d.root(), &sqs.SetQueueAttributesInput{QueueUrl: aws.String(queueURL), Attributes: map[string]string{
			"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:last","maxReceiveCount":"7"}`}}); err != nil {
			t.Fatal(err)
		}
		d.mail("Order", oldError, body("1", "n"))
		d.mail("Order", oldError, body("2", "n"))
		if _, err := d.sqs.ReceiveMessage(d.root(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(queueURL)}); err != nil {
			t.Fatal(err)
		}
		out := d.list(&kindredapi.ListDeadLettersRequest{})
		if len(out.Items) != 1 || out.InFlight != 1 || aws.ToInt(out.MaxReceiveCount) != 7 {
			t.Errorf("list: %+v", out)
		}
		if out := d.redrive(&kindredapi.RedriveDeadLettersRequest{DryRun: aws.Bool(true)}); out.Examined != 1 || out.InFlight != 1 || aws.ToInt(out.MaxReceiveCount) != 7 {
			t.Errorf("redrive: %+v", out)
		}
	})(t)
}

func TestAListThatRunsOutOfTimeSaysSo(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		for i := range 25 {
			d.mail("Order", oldError, body(fmt.Sprint(i), "n"))
		}
		d.queues.receive = func(context.Context) error { time.Sleep(11 * time.Second); return nil }
		out := d.list(&kindredapi.ListDeadLettersRequest{})
		if out.Complete || out.Examined != 10 {
			t.Errorf("complete: %v, examined %d", out.Complete, out.Examined)
		}
		d.queues.receive = nil
		if n := len(d.queued()); n != 25 {
			t.Errorf("%d letters can be received", n)
		}
	})(t)
}

func TestAListThatFailsGivesLettersBack(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.mail("Order", oldError, body("1", "n"))
		ctx, cancel := context.WithCancel(d.root())
		d.queues.receive = func(context.Context) error { cancel(); return nil }
		if _, err := d.letters.ListDeadLetters(ctx, &kindredapi.ListDeadLettersRequest{DomainName: "d"}); err == nil {
			t.Error("a caller who is gone gets an answer")
		}
		d.wantQueued(body("1", "n") + " " + oldError)
	})(t)
}

func TestWithoutAQueueLettersThatWaitAreListed(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.createDomain("none", &profileapi.CreateDomainRequest{})
		put := func(domainName string) {
			t.Helper()
			if err := d.outbox.Put(t.Context(), &resource.Letter{QueueURL: queueURL, DomainID: d.id(domainName), Domain: domainName, ObjectType: "Order", Reason: oldError, Body: "{}"}); err != nil {
				t.Fatal(err)
			}
		}
		put("d")
		put("none")
		if out, err := d.letters.ListDeadLetters(d.root(), &kindredapi.ListDeadLettersRequest{DomainName: "none"}); err != nil || len(out.Items) != 1 ||
			out.QueueUrl != nil || out.QueueProblem != nil {
			t.Errorf("no queue: %+v, %v", out, err)
		}
		if _, err := d.letters.RedriveDeadLetters(d.root(), &kindredapi.RedriveDeadLettersRequest{DomainName: "none"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("redrive without a queue: %v", err)
		}
		if _, err := d.sqs.DeleteQueue(d.root(), &sqs.DeleteQueueInput{QueueUrl: aws.String(queueURL)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if out := d.list(&kindredapi.ListDeadLettersRequest{}); len(out.Items) != 1 || out.Complete ||
			aws.ToString(out.QueueProblem) != "The dead letter queue of the domain does not exist" {
			t.Errorf("queue deleted: %+v", out)
		}
		if _, err := d.letters.RedriveDeadLetters(d.root(), &kindredapi.RedriveDeadLettersRequest{DomainName: "d"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("redrive from a queue that was deleted: %v", err)
		}
		// A new domain of the name does not get the letters of the old one.
		if _, err := d.DomainAPI.DeleteDomain(d.root(), &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
			t.Fatal(err)
		}
		d.createDomain("d", &profileapi.CreateDomainRequest{})
		if out := d.list(&kindredapi.ListDeadLettersRequest{}); len(out.Items) != 0 {
			t.Errorf("letters of an earlier domain of the name: %+v", out.Items)
		}
	})(t)
}

func TestLettersNeedPermissions(t *testing.T) {
	onQueue := []string{"sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"}
	toList := append([]string{"kindred:ListDeadLetters"}, onQueue...)
	toRedrive := append([]string{"kindred:RedriveDeadLetters", "sqs:DeleteMessage"}, onQueue...)
	toReplace := append([]string{"profile:PutProfileObject"}, toRedrive...)
	toDelete := append([]string{"kindred:DeleteDeadLetters", "sqs:DeleteMessage"}, onQueue...)
	for _, c := range []struct {
		name string
		all  []string
		call func(*desk, context.Context) error
	}{
		{"list", toList, func(d *desk, ctx context.Context) error {
			_, err := d.letters.ListDeadLetters(ctx, &kindredapi.ListDeadLettersRequest{DomainName: "d"})
			return err
		}},
		{"redrive", toRedrive, func(d *desk, ctx context.Context) error {
			_, err := d.letters.RedriveDeadLetters(ctx, &kindredapi.RedriveDeadLettersRequest{DomainName: "d"})
			return err
		}},
		{"redrive with another record", toReplace, func(d *desk, ctx context.Context) error {
			_, err := d.letters.RedriveDeadLetters(ctx, &kindredapi.RedriveDeadLettersRequest{DomainName: "d", ObjectTypeName: aws.String("Order"),
				Ids: []string{d.first("Order")}, Object: aws.String(body("1", "Eve"))})
			return err
		}},
		{"delete", toDelete, func(d *desk, ctx context.Context) error {
			_, err := d.letters.DeleteDeadLetters(ctx, &kindredapi.DeleteDeadLettersRequest{DomainName: "d", Ids: []string{d.first("Order")}})
			return err
		}},
	} {
		for _, outside := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, queue outside: %v", c.name, outside), bubble(func(t *testing.T, d *desk) {
				d.queues.foreign = outside
				d.putType("Order", true) // of a letter to be deleted, and of one to be given back
				d.putType("Match", false)
				d.mail("Order", oldError, body("1", "Ann"))
				d.mail("Match", "No profile matches the keys of this object and its object type does not allow profile creation", body("2", "Bob"))
				for i, without := range c.all {
					rest := append(append([]string{}, c.all[:i]...), c.all[i+1:]...)
					err := c.call(d, as(t, rest...))
					if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), strings.TrimPrefix(without, "sqs:")) {
						t.Errorf("without %s: %v", without, err)
					}
					time.Sleep(time.Minute) // letters that could not be given back are visible again
				}
				if n := d.list(&kindredapi.ListDeadLettersRequest{ObjectTypeName: aws.String("Match")}).Matched; n != 1 {
					t.Errorf("%d letters are left that were not to be ingested", n)
				}
				if err := c.call(d, as(t, c.all...)); err != nil {
					t.Errorf("with all of them: %v", err)
				}
			}))
		}
	}
}

func TestNoSuchDomain(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		if _, err := d.letters.ListDeadLetters(d.root(), &kindredapi.ListDeadLettersRequest{DomainName: "x"}); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		if _, err := d.letters.RedriveDeadLetters(d.root(), &kindredapi.RedriveDeadLettersRequest{DomainName: "x"}); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})(t)
}

// TestAShortPollThatFindsNothing: a distributed queue may answer so although it
// holds messages; a long poll then finds them.
func TestAShortPollThatFindsNothing(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.mail("Order", oldError, body("1", "n"))
		d.queues.empty = 1
		if out := d.list(&kindredapi.ListDeadLettersRequest{}); len(out.Items) != 1 || !out.Complete {
			t.Errorf("%+v", out)
		}
		d.queues.empty = 2
		if out := d.list(&kindredapi.ListDeadLettersRequest{}); len(out.Items) != 0 || !out.Complete {
			t.Errorf("when that finds nothing either: %+v", out)
		}
	})(t)
}

func TestManyLettersThatWait(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		var letters []*resource.Letter
		for range 150 {
			letters = append(letters, &resource.Letter{QueueURL: queueURL, DomainID: d.id("d"), Domain: "d", ObjectType: "Order", Reason: oldError, Body: "{}"})
		}
		letters[149].FirstSent = time.Now().Add(-time.Hour)
		letters[149].Body = "first"
		if err := d.outbox.Put(t.Context(), letters...); err != nil {
			t.Fatal(err)
		}
		if out := d.list(&kindredapi.ListDeadLettersRequest{}); out.Matched != 150 || !out.Complete || out.Items[0].Body != "first" {
			t.Errorf("%d letters, complete: %v, the first %+v", out.Matched, out.Complete, out.Items[0])
		}
		err := d.store.Update(t.Context(), func(tx store.Tx) error {
			tx.Put(store.Key{Partition: []byte("outbox"), Sort: []byte("broken")}, []byte("x"))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if out := d.list(&kindredapi.ListDeadLettersRequest{}); out.Matched != 150 || out.Complete {
			t.Errorf("with a record that does not open: %d letters, complete: %v", out.Matched, out.Complete)
		}
	})(t)
}
