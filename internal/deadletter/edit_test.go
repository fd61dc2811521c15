package deadletter_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/resource"
)

func TestARepairedRecordTakesThePlaceOfItsLetter(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, `{"name":"Ann"}`)
		d.mail("Order", oldError, body("2", "Bob"))
		in := func(object string, dry bool) *redriveRequest {
			return &redriveRequest{ObjectTypeName: aws.String("Order"), Ids: []string{d.first("Order")}, Object: &object, DryRun: &dry}
		}

		// One that fails leaves the letter with the record that it is about.
		out := d.redrive(in(`{"name":"Ann Again"}`, false))
		if out.Failed != 1 || out.More || !strings.Contains(*out.Results[0].Message, "UNIQUE key") {
			t.Fatalf("%+v", out)
		}
		d.wantQueued(body("2", "Bob")+" "+oldError, `{"name":"Ann"} `+oldError)

		if out := d.redrive(in(body("1", "Ann"), true)); out.Redriven != 1 || d.name("1") != "" {
			t.Fatalf("rehearsal: %+v", out)
		}
		d.wantQueued(body("2", "Bob")+" "+oldError, `{"name":"Ann"} `+oldError)

		if out := d.redrive(in(body("1", "Ann"), false)); out.Redriven != 1 || out.Matched != 1 || out.More {
			t.Fatalf("%+v", out)
		}
		if d.name("1") != "Ann" || d.name("2") != "" {
			t.Errorf("the profiles are of %q and %q", d.name("1"), d.name("2"))
		}
		d.wantQueued(body("2", "Bob") + " " + oldError)
	})(t)
}

func TestARepairedRecordIsOfOneLetter(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, "{}")
		object, id := body("1", "Ann"), d.first("Order")
		for name, c := range map[string]struct {
			in   redriveRequest
			want string
		}{
			"no letter":       {redriveRequest{ObjectTypeName: aws.String("Order")}, "Ids"},
			"several letters": {redriveRequest{ObjectTypeName: aws.String("Order"), Ids: []string{id, "x"}}, "Ids"},
			"no type":         {redriveRequest{Ids: []string{id}}, "ObjectTypeName"},
			"a token":         {redriveRequest{ObjectTypeName: aws.String("Order"), Ids: []string{id}, NextToken: aws.String("x")}, "NextToken"},
		} {
			c.in.DomainName, c.in.Object = "d", &object
			if _, err := d.letters.RedriveDeadLetters(d.root(), &c.in); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// A letter of another type is not touched.
		if out := d.redrive(&redriveRequest{ObjectTypeName: aws.String("Other"), Ids: []string{id}, Object: &object}); out.Matched != 0 || out.Redriven != 0 {
			t.Errorf("%+v", out)
		}
		d.wantQueued("{} " + oldError)
	})(t)
}

// Who may not put objects of a type cannot do it by way of a letter.
func TestARepairedRecordNeedsThePermissionOfItsType(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, "{}")
		p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
			{"Effect":"Deny","Action":"profile:PutProfileObject","Resource":"`+domainARN+`/object-types/Order"}]}`), policy.Options{Kind: policy.Identity})
		if err != nil {
			t.Fatal(err)
		}
		ctx := access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: account,
			ARN: "arn:aws:iam::" + account + ":user/u", UserName: "u", PrincipalID: "AIDAU", Policies: []*policy.Policy{p}})
		_, err = d.letters.RedriveDeadLetters(ctx, &redriveRequest{DomainName: "d", ObjectTypeName: aws.String("Order"),
			Ids: []string{d.first("Order")}, Object: aws.String(body("1", "Eve"))})
		if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "profile:PutProfileObject") {
			t.Error(err)
		}
		d.wantQueued("{} " + oldError)
	})(t)
}

func TestLettersAreListedByTheirIds(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		for n := range 30 {
			d.mail("Order", oldError, body(fmt.Sprint(n), "x"))
		}
		time.Sleep(time.Millisecond) // of the bubble
		waits := &resource.Letter{QueueURL: queueURL, DomainID: d.id("d"), Domain: "d", ObjectType: "Order", Reason: oldError, Body: "waits"}
		if err := d.outbox.Put(t.Context(), waits); err != nil {
			t.Fatal(err)
		}
		all := d.list(&kindredapi.ListDeadLettersRequest{MaxResults: aws.Int(100)}).Items
		if len(all) != 31 || all[30].State != "WAITING" {
			t.Fatalf("%d letters, the last %+v", len(all), all[len(all)-1])
		}
		out := d.list(&kindredapi.ListDeadLettersRequest{Ids: []string{all[30].Id, all[3].Id}})
		if len(out.Items) != 2 || out.Items[0].Body != body("3", "x") || out.Items[1].Body != "waits" || !out.Complete || out.Matched != 2 {
			t.Errorf("%+v", out)
		}
		if out := d.list(&kindredapi.ListDeadLettersRequest{Ids: []string{"none"}}); len(out.Items) != 0 || !out.Complete || out.Examined != 31 {
			t.Errorf("%+v", out)
		}
		if out := d.list(&kindredapi.ListDeadLettersRequest{Ids: []string{all[3].Id}, ObjectTypeName: aws.String("Other")}); len(out.Items) != 0 || !out.Complete {
			t.Errorf("%+v", out)
		}
	})(t)
}

func TestLettersThatAreGivenUp(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.createDomain("other", &profileapi.CreateDomainRequest{DeadLetterQueueUrl: aws.String(queueURL)})
		for n := range 25 {
			d.mail("Order", oldError, body(fmt.Sprint(n), "x"))
		}
		d.mailAs(&resource.Letter{Domain: "other", ObjectType: "Order", Reason: oldError, Body: "of another domain"})
		items := d.list(&kindredapi.ListDeadLettersRequest{MaxResults: aws.Int(100)}).Items
		foreign, err := d.letters.ListDeadLetters(d.root(), &kindredapi.ListDeadLettersRequest{DomainName: "other"})
		if err != nil || len(foreign.Items) != 1 {
			t.Fatalf("%+v, %v", foreign, err)
		}
		ids := []string{"none", foreign.Items[0].Id}
		for _, l := range items[:24] {
			ids = append(ids, l.Id)
		}
		// One of them cannot be deleted.
		denied := true
		d.queues.deny = func(*sqstypes.DeleteMessageBatchRequestEntry) bool { was := denied; denied = false; return was }
		out, err := d.letters.DeleteDeadLetters(d.root(), &kindredapi.DeleteDeadLettersRequest{DomainName: "d", Ids: ids})
		if err != nil {
			t.Fatal(err)
		}
		missing := []string{"none", foreign.Items[0].Id}
		slices.Sort(missing)
		if out.Deleted != 23 || len(out.Failures) != 1 || out.Failures[0].Message != "InternalError: no" || !slices.Equal(out.NotFound, missing) {
			t.Errorf("%+v", out)
		}
		left := d.list(&kindredapi.ListDeadLettersRequest{}).Items
		if len(left) != 2 || left[1].Id != items[24].Id || left[0].Id != out.Failures[0].Id {
			t.Errorf("left: %+v", left)
		}
		if foreign, err := d.letters.ListDeadLetters(d.root(), &kindredapi.ListDeadLettersRequest{DomainName: "other"}); err != nil || len(foreign.Items) != 1 {
			t.Errorf("the letter of another domain: %+v, %v", foreign, err)
		}

		d.createDomain("none", &profileapi.CreateDomainRequest{})
		for name, kind := range map[string]fault.Kind{"none": fault.Invalid, "x": fault.NotFound} {
			if _, err := d.letters.DeleteDeadLetters(d.root(), &kindredapi.DeleteDeadLettersRequest{DomainName: name, Ids: ids}); !fault.Is(err, kind) {
				t.Errorf("domain %s: %v", name, err)
			}
		}
	})(t)
}

// A letter that somebody else holds is not taken from them.
func TestLettersInOtherHandsAreNotGivenUp(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.mail("Order", oldError, "{}")
		id := d.first("Order")
		if _, err := d.sqs.ReceiveMessage(d.root(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(queueURL)}); err != nil {
			t.Fatal(err)
		}
		out, err := d.letters.DeleteDeadLetters(d.root(), &kindredapi.DeleteDeadLettersRequest{DomainName: "d", Ids: []string{id}})
		if err != nil || out.Deleted != 0 || out.InFlight != 1 || !slices.Equal(out.NotFound, []string{id}) {
			t.Errorf("%+v, %v", out, err)
		}
	})(t)
}
