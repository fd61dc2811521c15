package deadletter_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/resource"
	"kindred/internal/store"
)

type redriveRequest = kindredapi.RedriveDeadLettersRequest

func TestRedriveKeepsTheOrderOfTheRecords(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, body("1", "first"))
		// Received and given back, a message is behind those that came later.
		got, err := d.sqs.ReceiveMessage(d.root(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(queueURL)})
		if err != nil {
			t.Fatal(err)
		}
		d.mail("Order", oldError, body("1", "second"))
		time.Sleep(time.Millisecond)
		begun := time.Now()
		d.mail("Order", oldError, body("1", "last"))
		if _, err := d.sqs.ChangeMessageVisibility(d.root(), &sqs.ChangeMessageVisibilityInput{QueueUrl: aws.String(queueURL), ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
		// A letter that replaces an older one has the place of its record.
		d.mailAs(&resource.Letter{Domain: "d", ObjectType: "Order", Reason: oldError, Body: body("1", "between"), FirstSent: begun})
		if out := d.redrive(&redriveRequest{}); out.Redriven != 4 {
			t.Fatalf("%+v", out)
		}
		want := []string{body("1", "first"), body("1", "second"), body("1", "between"), body("1", "last")}
		if !slices.Equal(d.try.bodies, want) {
			t.Errorf("ingested in the order %q", d.try.bodies)
		}
		if got := d.name("1"); got != "last" {
			t.Errorf("the profile is of %q", got)
		}
	})(t)
}

func TestWhatFailsStaysWithItsNewestError(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.putType("Match", false)
		d.mail("Match", oldError, body("9", "x"))   // fails otherwise now
		d.mail("Gone", oldError, body("8", "x"))    // of a type that is no more
		d.mail("Order", oldError, `{"name":"x"}`)   // without a key
		d.mail("Order", oldError, body("1", "Ann")) // succeeds
		before := d.list(&kindredapi.ListDeadLettersRequest{})
		out := d.redrive(&redriveRequest{})
		if out.Redriven != 1 || out.Failed != 3 || out.More || len(out.Failures) != 3 || len(out.Results) != 4 || out.Results[3].State != "REDRIVEN" {
			t.Fatalf("%+v", out)
		}
		after := d.list(&kindredapi.ListDeadLettersRequest{})
		if len(after.Items) != 3 {
			t.Fatalf("%d letters are left", len(after.Items))
		}
		for i, want := range []string{"No profile matches", "Gone", "The UNIQUE key or PROFILE key does not exist"} {
			x := after.Items[i]
			if !strings.Contains(x.Message, want) || x.Message != *out.Results[i].Message || x.Body != before.Items[i].Body ||
				x.Id == before.Items[i].Id || x.SentAt != before.Items[i].SentAt {
				t.Errorf("letter %d: %+v was %+v", i, x, before.Items[i])
			}
		}
		if out := d.redrive(&redriveRequest{}); out.Failed != 3 || out.Redriven != 0 {
			t.Errorf("again: %+v", out)
		}
		again := d.list(&kindredapi.ListDeadLettersRequest{})
		for i := range after.Items {
			if again.Items[i].Id != after.Items[i].Id {
				t.Errorf("letter %d with the same error was replaced", i)
			}
		}
		if p, o := d.stats(); p != 1 || o != 1 {
			t.Errorf("%d profiles, %d objects", p, o)
		}
	})(t)
}

func TestALetterThatCannotBeReplacedStays(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Match", false)
		d.mail("Match", oldError, body("9", "x"))
		if _, err := d.sqs.SetQueueAttributes(d.root(), &sqs.SetQueueAttributesInput{QueueUrl: aws.String(queueURL), Attributes: map[string]string{"Policy": ""}}); err != nil {
			t.Fatal(err)
		}
		out := d.redrive(&redriveRequest{})
		if out.Failed != 1 || out.Results[0].Note == nil || !strings.Contains(*out.Results[0].Note, "old error") {
			t.Errorf("%+v", out)
		}
		d.wantQueued(body("9", "x") + " " + oldError)
	})(t)
}

// profileData are the records of the domain's profiles.
func (d *desk) profileData() (list []store.Record) {
	d.t.Helper()
	cfg, err := d.DomainAPI.Config(d.root(), "d")
	if err != nil {
		d.t.Fatal(err)
	}
	list, err = d.store.ScanPrefix(d.root(), cfg.ID.Prefix(), store.Key{}, 10_000)
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

func TestADryRunTellsAndChangesNothing(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.putType("Match", false)
		d.mail("Order", oldError, body("1", "Ann"))
		d.mail("Match", oldError, body("9", "x"))
		d.drop("hello", nil)
		letters, data := d.list(&kindredapi.ListDeadLettersRequest{}), d.profileData()
		out := d.redrive(&redriveRequest{DryRun: aws.Bool(true)})
		if !out.DryRun || out.Redriven != 1 || out.Failed != 1 || out.Skipped != 1 || out.More || !strings.Contains(out.Failures[0].Message, "No profile") {
			t.Errorf("%+v", out)
		}
		after := d.list(&kindredapi.ListDeadLettersRequest{})
		for i := range letters.Items {
			letters.Items[i].ReceiveCount += 2
		}
		if !slices.Equal(after.Items, letters.Items) {
			t.Errorf("letters %+v, were %+v", after.Items, letters.Items)
		}
		if !slices.EqualFunc(d.profileData(), data, func(a, b store.Record) bool {
			return bytes.Equal(a.Key.Partition, b.Key.Partition) && bytes.Equal(a.Key.Sort, b.Key.Sort) && bytes.Equal(a.Value, b.Value)
		}) {
			t.Error("the domain's records changed")
		}
		if d.queues.calls["delete"] > 0 {
			t.Error("letters were deleted")
		}
	})(t)
}

func TestForeignMessagesAreLeft(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, body("1", "Ann"))
		d.drop("hello", nil)
		d.drop(body("2", "Eve"), map[string]string{"DomainName": "other", "ObjectTypeName": "Order", "Message": "m"})
		d.drop(body("3", "Eve"), map[string]string{"DomainName": "d", "Message": "m"})
		d.drop(body("4", "Dan"), map[string]string{"DomainName": "d", "ObjectTypeName": "Order"}) // a letter of somebody's own
		if out := d.redrive(&redriveRequest{}); out.Redriven != 2 || out.Skipped != 3 || out.Examined != 5 || out.More {
			t.Errorf("%+v", out)
		}
		d.wantQueued("hello ", body("2", "Eve")+" m", body("3", "Eve")+" m")
	})(t)
}

func TestRedriveFilters(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.putType("Case", true)
		d.mail("Order", "error a", body("1", "x"))
		d.mail("Order", "error b", body("2", "x"))
		d.mail("Case", "error a", body("3", "x"))
		d.mail("Case", "error c", body("4", "x"))
		d.mail("Case", "error d", body("5", "x"))
		var last string
		for _, l := range d.list(&kindredapi.ListDeadLettersRequest{}).Items {
			last = l.Id
		}
		for _, c := range []struct {
			in   redriveRequest
			left int
		}{
			{redriveRequest{Message: aws.String("error")}, 5},
			{redriveRequest{Ids: []string{"unknown"}}, 5},
			{redriveRequest{Ids: []string{last}}, 4},
			{redriveRequest{ObjectTypeName: aws.String("Order"), Message: aws.String("error b")}, 3},
			{redriveRequest{ObjectTypeName: aws.String("Case"), MessageContains: aws.String("c")}, 2},
			{redriveRequest{Message: aws.String("error a"), Limit: aws.Int(1)}, 1},
			{redriveRequest{}, 0},
		} {
			d.redrive(&c.in)
			if n := d.list(&kindredapi.ListDeadLettersRequest{}).Matched; n != c.left {
				t.Errorf("after %+v: %d letters, want %d", c.in, n, c.left)
			}
		}
		if p, _ := d.stats(); p != 5 {
			t.Errorf("%d profiles", p)
		}
	})(t)
}

// TestARunTriesEachLetterOnce: with a limit, the calls of a run get to all
// letters, those that fail with another error too, and end.
func TestARunTriesEachLetterOnce(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Match", false)
		var want []string
		for i := range 7 {
			want = append(want, body(fmt.Sprint(i), "x"))
			d.mail("Match", oldError, want[i])
		}
		time.Sleep(time.Millisecond) // newer letters are told from older ones by the millisecond
		in := &redriveRequest{Limit: aws.Int(3)}
		for calls := 1; ; calls++ {
			out := d.redrive(in)
			if out.More != (calls < 3) || out.More != (out.NextToken != nil) {
				t.Fatalf("call %d: %+v", calls, out)
			}
			if in.NextToken = out.NextToken; !out.More {
				break
			}
			time.Sleep(time.Second)
		}
		if !slices.Equal(d.try.bodies, want) {
			t.Errorf("tried %q", d.try.bodies)
		}
		if out := d.list(&kindredapi.ListDeadLettersRequest{MessageContains: aws.String("No profile")}); out.Matched != 7 {
			t.Errorf("%d letters have the newest error", out.Matched)
		}
		if _, err := d.letters.RedriveDeadLetters(d.root(), &redriveRequest{DomainName: "d", DryRun: aws.Bool(true),
			NextToken: d.redrive(&redriveRequest{Limit: aws.Int(3)}).NextToken}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a token of another request: %v", err)
		}
	})(t)
}

func TestARedriveThatRunsOutOfTimeSaysSoAndRenewsItsHold(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		for i := range 100 {
			d.mail("Order", oldError, body(fmt.Sprint(i), "x"))
		}
		d.try.before = func(context.Context) error { time.Sleep(4 * time.Second); return nil }
		out := d.redrive(&redriveRequest{})
		if out.Redriven != 80 || !out.More || out.NextToken == nil {
			t.Fatalf("redriven %d, more: %v", out.Redriven, out.More)
		}
		if n := d.queues.calls["visibility 40"]; n != 2 {
			t.Errorf("holds renewed %d times", n)
		}
		if out = d.redrive(&redriveRequest{NextToken: out.NextToken}); out.Redriven != 20 || out.More {
			t.Errorf("then: %+v", out)
		}
		d.wantQueued()
	})(t)
}

func TestALetterThatWasTakenMeanwhileIsSkipped(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		for i := range 11 {
			d.mail("Order", oldError, body(fmt.Sprint(i), "x"))
		}
		d.try.before = func(context.Context) error { time.Sleep(25 * time.Second); return nil }
		d.queues.change = func(_ context.Context, timeout int32) {
			if timeout == 0 {
				return
			}
			if _, err := d.sqs.PurgeQueue(d.root(), &sqs.PurgeQueueInput{QueueUrl: aws.String(queueURL)}); err != nil {
				t.Error(err)
			}
		}
		out := d.redrive(&redriveRequest{})
		if out.Redriven != 10 || out.Skipped != 1 || out.Results[0].State != "SKIPPED" || out.Results[0].Note == nil {
			t.Errorf("%+v", out)
		}
		if len(d.try.bodies) != 10 {
			t.Errorf("%d letters were ingested", len(d.try.bodies))
		}
	})(t)
}

// TestAQueueThatCannotBeSeenToItsEnd has no token: the call is repeated.
func TestAQueueThatCannotBeSeenToItsEnd(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		for i := range 25 {
			d.mail("Order", oldError, body(fmt.Sprint(i), "x"))
		}
		d.queues.receive = func(context.Context) error { time.Sleep(11 * time.Second); return nil }
		for _, want := range []int{10, 10, 5} {
			out := d.redrive(&redriveRequest{})
			if out.Redriven != want || !out.More || out.NextToken != nil {
				t.Errorf("redriven %d of %d, more: %v", out.Redriven, want, out.More)
			}
		}
	})(t)
}
