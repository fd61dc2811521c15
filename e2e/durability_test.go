package e2e_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

const (
	writers  = 32
	families = 40 // profiles that the records of all writers share
	crashes  = 3
	// perRound is how many writes are acknowledged before the server is killed.
	perRound = 1200
)

// load is what writers were promised.
type load struct {
	c     *client
	queue string

	next         atomic.Int64
	acknowledged atomic.Int64
	mu           sync.Mutex        // guards the following
	objects      map[string]string // id of the record -> its family's e-mail address
	profiles     map[string]string // account number -> id of the profile
	messages     map[string]bool   // bodies, until they are taken
	taken        int
}

// newLoad makes what the writers need.
func newLoad(s *server) *load {
	s.t.Helper()
	c := s.admin
	key := c.key("")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	c.objectType("shop", shopAccount())
	s.known.add("durable.example") // nor is anything readable that a crash leaves behind
	return &load{c: c, queue: c.queue("q"), objects: map[string]string{}, profiles: map[string]string{}, messages: map[string]bool{}}
}

// moved is to be called when the server has been started again.
func (l *load) moved() { l.queue = l.c.s.url + l.queue[strings.Index(l.queue, "/"+account):] }

func family(n int64) string { return fmt.Sprintf("family%d@durable.example", n%families) }

// write writes one thing of the three kinds in turn and remembers it once it is
// acknowledged. A connection that breaks is no failure: the server was killed.
func (l *load) write() error {
	n := l.next.Add(1)
	ctx := l.c.t.Context()
	switch n % 3 {
	case 0:
		id := fmt.Sprint("D-", n)
		_, err := l.c.profiles.PutProfileObject(ctx, &customerprofiles.PutProfileObjectInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("ShopAccount"),
			Object: object(fields{"id": id, "points": 7, "contact": fields{"mail": family(n / 3)}})})
		if err != nil {
			return err
		}
		l.acknowledge(func() { l.objects[id] = family(n / 3) })
		if n%4 == 0 {
			return l.visible(id)
		}
	case 1:
		number := fmt.Sprint("N-", n)
		out, err := l.c.profiles.CreateProfile(ctx, &customerprofiles.CreateProfileInput{DomainName: aws.String("shop"), AccountNumber: &number, BusinessEmailAddress: aws.String("all@durable.example")})
		if err != nil {
			return err
		}
		l.acknowledge(func() { l.profiles[number] = *out.ProfileId })
	default:
		body := fmt.Sprint("message ", n)
		if _, err := l.c.queues.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &l.queue, MessageBody: &body}); err != nil {
			return err
		}
		l.acknowledge(func() { l.messages[body] = true })
	}
	return nil
}

func (l *load) acknowledge(f func()) {
	l.mu.Lock()
	f()
	l.mu.Unlock()
	l.acknowledged.Add(1)
}

// visible checks that what was acknowledged is found by the next read.
func (l *load) visible(id string) error {
	out, err := l.c.profiles.SearchProfiles(l.c.t.Context(), &customerprofiles.SearchProfilesInput{DomainName: aws.String("shop"), KeyName: aws.String("shopAccountId"), Values: []string{id}})
	if err == nil && len(out.Items) != 1 {
		l.c.t.Errorf("the record %s was acknowledged and is found on %d profiles", id, len(out.Items))
	}
	return err
}

// run writes until the server is gone, which end sees to after so many writes.
func (l *load) run(end func()) {
	target := l.acknowledged.Load() + perRound
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for {
				err := l.write()
				var service smithy.APIError
				switch {
				case err == nil:
				case errors.As(err, &service):
					if service.ErrorCode() != "ThrottlingException" { // a client would try again
						l.c.t.Errorf("under load: %v", err)
						return
					}
				default:
					return // the connection broke
				}
			}
		})
	}
	deadline := time.Now().Add(stopWithin)
	for l.acknowledged.Load() < target && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) // many writers count; the kill may come at any moment
	}
	if l.acknowledged.Load() < target {
		l.c.t.Errorf("only %d writes were acknowledged within %v", l.acknowledged.Load()-target+perRound, stopWithin)
	}
	end()
	wg.Wait()
}

// parallel calls f for every item on as many goroutines as there were writers.
func parallel[T any](items []T, f func(T)) {
	work := make(chan T)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for item := range work {
				f(item)
			}
		})
	}
	for _, item := range items {
		work <- item
	}
	close(work)
	wg.Wait()
}

// all finds every profile with a value of a key, page by page.
func (c *client) all(domain, key, value string) []types.Profile {
	var all []types.Profile
	in := &customerprofiles.SearchProfilesInput{DomainName: &domain, KeyName: &key, Values: []string{value}, MaxResults: aws.Int32(100)}
	for {
		out, err := c.profiles.SearchProfiles(c.t.Context(), in)
		if err != nil {
			c.t.Errorf("search: %v", err)
			return nil
		}
		all = append(all, out.Items...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all
		}
	}
}

// check compares what is there with what was promised. More may be there: a
// write may have been done whose acknowledgement did not arrive.
func (l *load) check() {
	c := l.c
	c.t.Helper()
	byHand := map[string]string{}
	for _, p := range c.all("shop", "_email", "all@durable.example") {
		byHand[aws.ToString(p.AccountNumber)] = *p.ProfileId
	}
	for number, id := range l.profiles {
		if byHand[number] != id {
			c.t.Errorf("the profile %s was acknowledged and is not there", number)
		}
	}
	ingested := c.all("shop", "shopPoints", "7")
	if len(ingested) > families {
		c.t.Errorf("%d profiles were made of %d families", len(ingested), families)
	}
	var mu sync.Mutex // guards the following
	stored := map[string]string{}
	var objects, bytes int64
	parallel(ingested, func(p types.Profile) {
		list := c.objects("shop", *p.ProfileId, "ShopAccount")
		mu.Lock()
		defer mu.Unlock()
		for _, o := range list {
			id, _ := parsed(c.t, o.Object)["id"].(string)
			if stored[id] != "" {
				c.t.Errorf("the record %s is there twice", id)
			}
			stored[id] = *p.ProfileId
			objects++
			bytes += int64(len(*o.Object))
		}
	})
	ids := []string{}
	for id := range stored {
		ids = append(ids, id)
	}
	// Whatever is listed is found, acknowledged or not: nothing is half there.
	parallel(ids, func(id string) {
		found := c.all("shop", "shopAccountId", id)
		if len(found) != 1 || *found[0].ProfileId != stored[id] {
			c.t.Errorf("the record %s is listed on one profile and found on %d", id, len(found))
		}
	})
	owner := map[string]string{}
	for id, mail := range l.objects {
		if stored[id] == "" {
			c.t.Errorf("the record %s was acknowledged and is not there", id)
		}
		if owner[mail] == "" {
			owner[mail] = stored[id]
		}
		if owner[mail] != stored[id] {
			c.t.Errorf("the records of %s are on several profiles", mail)
		}
	}
	checkStats(c.t, c.stats("shop"), int64(len(byHand)+len(ingested)), objects, bytes)
	c.t.Logf("%d records, %d profiles by hand and %d messages were acknowledged; %d, %d are there", len(l.objects), len(l.profiles), l.taken, objects, len(byHand))
}

// drain takes all messages and checks that those promised are among them.
func (l *load) drain() {
	c := l.c
	c.t.Helper()
	got := map[string]int{}
	for {
		messages := c.receive(l.queue, 10)
		if len(messages) == 0 {
			break
		}
		var entries []sqstypes.DeleteMessageBatchRequestEntry
		for i, m := range messages {
			got[*m.Body]++
			entries = append(entries, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
		}
		out, err := c.queues.DeleteMessageBatch(c.t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &l.queue, Entries: entries})
		if err != nil || len(out.Failed) > 0 {
			c.t.Fatalf("delete: %+v, %v", out, err)
		}
	}
	for body := range l.messages {
		if got[body] == 0 {
			c.t.Errorf("%q was acknowledged and is not in the queue", body)
		}
	}
	for body, n := range got {
		if n > 1 {
			c.t.Errorf("%q is in the queue %d times", body, n)
		}
	}
	l.taken += len(l.messages)
	l.messages = map[string]bool{}
}

func TestInvariant2WhatIsAcknowledgedSurvivesKill9AndSIGTERMUnderLoad(t *testing.T) {
	s := startServer(t)
	l := newLoad(s)
	for round := range crashes + 1 {
		end := s.kill
		if round == crashes {
			end = s.stop // ends with exit code 0 in the middle of work, too
		}
		l.run(end)
		s.start()
		l.moved()
		l.drain()
	}
	l.check()
}

// A crash in the middle of deletions leaves a domain that is there or gone, and
// its name usable.
func TestInvariant2ADeletionThatACrashInterruptsIsWholeOrNotAtAll(t *testing.T) {
	s := startServer(t)
	c := s.admin
	var names []string
	for i := range 8 {
		name := fmt.Sprint("shop", i)
		names = append(names, name)
		c.domain(name, customerprofiles.CreateDomainInput{})
		c.objectType(name, shopAccount())
		for j := range 20 {
			c.put(name, "ShopAccount", fields{"id": fmt.Sprint("A-", j), "points": 7})
		}
	}
	gone := make(chan string, len(names))
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() {
			if _, err := c.profiles.DeleteDomain(t.Context(), &customerprofiles.DeleteDomainInput{DomainName: &name}); err == nil {
				gone <- name
			}
		})
	}
	first := <-gone
	s.kill()
	wg.Wait()
	s.start()
	acknowledged := []string{first}
	for len(gone) > 0 {
		acknowledged = append(acknowledged, <-gone)
	}
	for _, name := range names {
		_, err := c.profiles.GetDomain(t.Context(), &customerprofiles.GetDomainInput{DomainName: &name})
		switch code, message := refusal(t, err); {
		case code == "ResourceNotFoundException":
			c.domain(name, customerprofiles.CreateDomainInput{})
			checkStats(t, c.stats(name), 0, 0, 0)
		case code != "":
			t.Errorf("%s: %s %s", name, code, message)
		case slices.Contains(acknowledged, name):
			t.Errorf("%s was deleted and is there again", name)
		default:
			if n := len(c.all(name, "shopPoints", "7")); n != 20 {
				t.Errorf("%s has %d of 20 profiles", name, n)
			}
		}
	}
}
