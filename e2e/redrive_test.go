package e2e_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"

	"kindred/kindredclient"
)

// heldFor is how long letters are hidden that a redrive had in hand when its
// server was killed, with something for the machine.
const heldFor = 40*time.Second + stopWithin

// backlog is a domain with dead letters of customers who are not known yet.
type backlog struct {
	*server
	domain, queue string
	people        []person
	each          int // letters of each
}

// newBacklog puts records that match no profile into a domain, and waits until
// they are in its dead letter queue.
func (s *server) newBacklog(domain string, people, each int) *backlog {
	s.t.Helper()
	c := s.admin
	b := &backlog{server: s, domain: domain, queue: c.deadLetters("letters-"+domain, domain), each: each}
	c.domain(domain, customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &b.queue})
	c.objectType(domain, strict())
	for i := range people {
		b.people = append(b.people, s.person())
		for from := 0; from < each; from += 10 {
			var items []types.BatchPutProfileObjectRequestItem
			for n := from; n < min(each, from+10); n++ {
				items = append(items, types.BatchPutProfileObjectRequestItem{Id: aws.String(fmt.Sprint(n)), Object: b.record(i, n)})
			}
			out, err := c.profiles.BatchPutProfileObject(s.t.Context(), &customerprofiles.BatchPutProfileObjectInput{DomainName: &domain, ObjectTypeName: aws.String("Strict"), Items: items})
			if err != nil || len(out.Successful) != len(items) {
				s.t.Fatalf("%+v, %v", out, err)
			}
		}
	}
	eventually(s.t, stopWithin, func() error {
		list, err := c.kindred().ListDeadLetters(s.t.Context(), domain, kindredclient.ListDeadLettersInput{MaxResults: 1})
		if err == nil && (list.Matched != people*each || list.Items[0].State != "QUEUED" || !list.Complete) {
			err = fmt.Errorf("%d letters have arrived", list.Matched)
		}
		if _, text := s.get("/metrics"); err == nil && gauge(text, "kindred_dead_letters_waiting") != 0 {
			err = fmt.Errorf("letters wait")
		}
		return err
	})
	return b
}

func (b *backlog) record(person, n int) *string {
	return object(fields{"no": fmt.Sprintf("%d-%d", person, n), "mail": b.people[person].email, "text": "of the backlog"})
}

// known makes profiles of the first of the people, so that their letters succeed.
func (b *backlog) known(people int) {
	b.t.Helper()
	for _, p := range b.people[:people] {
		b.admin.profile(b.domain, p.create())
	}
}

// check looks at what has become of the letters when all of the first people have
// been ingested, and the others could not be: nothing is lost, nothing doubled.
func (b *backlog) check(people int) {
	b.t.Helper()
	c := b.admin
	var bytes int64
	for i, p := range b.people[:people] {
		stored := map[string]bool{}
		for _, o := range c.objects(b.domain, *c.one(b.domain, "_email", p.email).ProfileId, "Strict") {
			stored[*o.Object] = true
			bytes += int64(len(*o.Object))
		}
		for n := range b.each {
			if !stored[*b.record(i, n)] {
				b.t.Errorf("%s: the record %d-%d is not stored", b.domain, i, n)
			}
		}
	}
	checkStats(b.t, c.stats(b.domain), int64(people), int64(people*b.each), bytes)
	left := map[string]int{}
	in := kindredclient.ListDeadLettersInput{MaxResults: 100}
	for {
		list, err := c.kindred().ListDeadLetters(b.t.Context(), b.domain, in)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, l := range list.Items {
			left[l.Body]++
		}
		if in.NextToken = list.NextToken; in.NextToken == "" {
			break
		}
	}
	for i := people; i < len(b.people); i++ {
		for n := range b.each {
			if left[*b.record(i, n)] != 1 {
				b.t.Errorf("%s: of the record %d-%d there are %d letters", b.domain, i, n, left[*b.record(i, n)])
			}
		}
	}
	if want := (len(b.people) - people) * b.each; len(left) != want {
		b.t.Errorf("%s: %d letters are left, want %d", b.domain, len(left), want)
	}
}

// redrive starts the command.
func (b *backlog) redrive() *process {
	b.t.Helper()
	p := newProcess(b.environment(), "deadletter", "redrive", "--domain", b.domain)
	if err := p.run(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // unless it has ended
	return p
}

// A server that is killed in the middle of a redrive has lost nothing and doubled
// nothing: the letters that it had in hand come back after a while, and are
// redriven then.
func TestInvariant3ARedriveThatACrashInterruptsIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for i := range tries {
		b := s.newBacklog(fmt.Sprint("shop", i), 12, 20<<i)
		b.known(9)
		p := b.redrive()
		middle := under(p, func() bool { return s.admin.stats(b.domain).ObjectCount > 0 })
		s.crash()
		<-p.exited
		if done := s.admin.stats(b.domain).ObjectCount; !middle || done == int64(9*b.each) {
			continue // as good as done
		}
		eventually(t, heldFor, func() error {
			out, err := s.admin.kindred().RedriveDeadLetters(t.Context(), b.domain, kindredclient.RedriveDeadLettersInput{})
			if err == nil && (out.InFlight > 0 || out.More || out.Redriven > 0) {
				err = fmt.Errorf("%d redriven, %d failed, %d are held", out.Redriven, out.Failed, out.InFlight)
			}
			return err
		})
		b.check(9)
		return
	}
	t.Errorf("of %d redrives each had ended before the server could be killed", tries)
}

// Of redrives at once each letter is ingested by one, and those that fail stay
// there once.
func TestInvariant3TwoRedrivesAtOnceShareTheLetters(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := s.newBacklog("shop", 12, 20)
	b.known(9)
	var wg sync.WaitGroup
	outs := make([]*kindredclient.Redrive, 2)
	for i := range outs {
		wg.Go(func() {
			var err error
			if outs[i], err = s.admin.kindred().RedriveDeadLetters(t.Context(), "shop", kindredclient.RedriveDeadLettersInput{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := outs[0].Redriven + outs[1].Redriven; n != 180 {
		t.Errorf("%d letters were redriven by both together", n)
	}
	b.check(9)
}

// A letter whose record is repaired is ingested, and one that is given up is gone;
// the others stay.
func TestALetterIsRepairedAndAnotherGivenUp(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := s.newBacklog("shop", 3, 1)
	b.known(1)
	ctx, client := t.Context(), s.admin.kindred()
	list, err := client.ListDeadLetters(ctx, "shop", kindredclient.ListDeadLettersInput{})
	if err != nil || len(list.Items) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	// The letter of a stranger is repaired: it is of the one who is known.
	id := map[string]string{}
	for _, l := range list.Items {
		id[l.Body] = l.ID
	}
	repaired := kindredclient.RedriveDeadLettersInput{IDs: []string{id[*b.record(1, 0)]}, Object: *b.record(0, 0)}
	repaired.ObjectTypeName = "Strict"
	out, err := client.RedriveDeadLetters(ctx, "shop", repaired)
	if err != nil || out.Redriven != 1 {
		t.Fatalf("repaired: %+v, %v", out, err)
	}
	gone, err := client.DeleteDeadLetters(ctx, "shop", []string{id[*b.record(2, 0)], repaired.IDs[0]})
	if err != nil || gone.Deleted != 1 || len(gone.NotFound) != 1 || gone.NotFound[0] != repaired.IDs[0] {
		t.Fatalf("given up: %+v, %v", gone, err)
	}
	list, err = client.ListDeadLetters(ctx, "shop", kindredclient.ListDeadLettersInput{IDs: []string{id[*b.record(0, 0)]}})
	if err != nil || len(list.Items) != 1 || list.Items[0].Body != *b.record(0, 0) || list.Matched != 1 {
		t.Errorf("left: %+v, %v", list, err)
	}
	if n := s.admin.stats("shop").ObjectCount; n != 1 {
		t.Errorf("%d objects are stored", n)
	}
}
