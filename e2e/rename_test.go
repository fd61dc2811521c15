package e2e_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"kindred/kindredclient"
)

// kindred calls Kindred's own operations as the client does AWS's.
func (c *client) kindred() *kindredclient.Client {
	return &kindredclient.Client{Endpoint: c.s.url, Region: region, Credentials: c.config.Credentials}
}

// refusedKindred checks the name of an error of Kindred's own client.
func refusedKindred(t testing.TB, err error, code string, parts ...string) {
	t.Helper()
	var e *kindredclient.Error
	if !errors.As(err, &e) || e.Name != code {
		t.Errorf("got %v, want %s", err, code)
		return
	}
	for _, p := range parts {
		if !strings.Contains(e.Message, p) {
			t.Errorf("%q does not say %q", e.Message, p)
		}
	}
}

// renamed is a shop with a customer, her account and a dead letter, all under the
// name "shop", for which key and queue have policies that name it.
type renamed struct {
	*server
	c          *client
	key, queue string
	customer   person
	id         string
}

func startRenamed(t *testing.T) *renamed {
	t.Helper()
	s := startServer(t)
	r := &renamed{server: s, c: s.admin}
	r.queue = r.c.deadLetters("letters", "shop")
	r.key = r.c.key(document(noGrants, keyMay("shop")))
	r.c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &r.queue, DefaultEncryptionKey: &r.key, Tags: map[string]string{"team": "desk"}})
	r.c.objectType("shop", shopAccount())
	r.c.objectType("shop", strict())
	r.c.integrate("shop", instanceARN("11111111-2222-3333-4444-555555555555"))
	r.customer = s.person()
	r.c.put("shop", "ShopAccount", r.customer.account("A-1", nil))
	r.id = *r.c.one("shop", "shopAccountId", "A-1").ProfileId
	r.c.put("shop", "Strict", fields{"no": "1", "mail": s.person().email})
	eventually(t, soon, func() error {
		list, err := r.c.kindred().ListDeadLetters(t.Context(), "shop", kindredclient.ListDeadLettersInput{})
		if err == nil && (len(list.Items) != 1 || list.Items[0].State != "QUEUED") {
			err = fmt.Errorf("letters: %+v", list.Items)
		}
		return err
	})
	return r
}

// keyMay lets Customer Profiles use a key for a domain.
func keyMay(domain string) string {
	return `{"Sid":"` + strings.ReplaceAll(domain, "-", "") + `","Effect":"Allow","Principal":{"Service":"profile.amazonaws.com"},"Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"*",` +
		`"Condition":{"StringEquals":{"aws:SourceAccount":"` + account + `","aws:SourceArn":"` + arn("domains/"+domain) + `"}}}`
}

func TestARenamedDomainKeepsAllThatItHas(t *testing.T) {
	t.Parallel()
	r := startRenamed(t)
	c, k := r.c, r.c.kindred()
	before := c.stats("shop")

	_, err := k.RenameDomain(t.Context(), "shop", "a shop")
	refusedKindred(t, err, "BadRequestException", "ewDomainName")
	// The policies name the old ARN: each is asked for the new one.
	_, err = k.RenameDomain(t.Context(), "shop", "store")
	refusedKindred(t, err, "BadRequestException", "DeadLetterQueueUrl", arn("domains/store"))
	c.queuePolicy(r.queue, document(serviceMay(queueARN("letters"), "store")))
	_, err = k.RenameDomain(t.Context(), "shop", "store")
	refusedKindred(t, err, "BadRequestException", "key policy", arn("domains/store"))
	c.keyPolicy(r.key, document(noGrants, keyMay("shop"), keyMay("store")))
	if _, err := r.kindred("", "domain", "rename", "shop", "shop"); err == nil || !strings.Contains(err.Error(), "has this name already") {
		t.Errorf("to the same name: %v", err)
	}
	if out := r.mustKindred("", "domain", "rename", "shop", "store"); out != "The domain shop is store now: "+arn("domains/store")+"\n" {
		t.Errorf("rename wrote %q", out)
	}
	c.keyPolicy(r.key, document(noGrants, keyMay("store")))

	if err := c.getDomain("shop"); !strings.Contains(fmt.Sprint(err), "ResourceNotFoundException") {
		t.Errorf("the old name: %v", err)
	}
	for round := range 2 { // as it is, and after a crash
		if after := c.stats("store"); *after != *before {
			t.Errorf("stats were %+v and are %+v", before, after)
		}
		if p := c.one("store", "_email", r.customer.email); *p.ProfileId != r.id {
			t.Errorf("found %+v", p)
		}
		tags, err := c.profiles.ListTagsForResource(t.Context(), &customerprofiles.ListTagsForResourceInput{ResourceArn: aws.String(arn("domains/store"))})
		if err != nil || tags.Tags["team"] != "desk" {
			t.Errorf("tags: %+v, %v", tags, err)
		}
		where, err := c.profiles.ListAccountIntegrations(t.Context(), &customerprofiles.ListAccountIntegrationsInput{Uri: aws.String(instanceARN("11111111-2222-3333-4444-555555555555"))})
		if err != nil || len(where.Items) != 1 || *where.Items[0].DomainName != "store" {
			t.Errorf("the integration: %+v, %v", where, err)
		}
		list, err := k.ListDeadLetters(t.Context(), "store", kindredclient.ListDeadLettersInput{})
		if err != nil || len(list.Items) != 1 {
			t.Errorf("letters: %+v, %v", list, err)
		}
		if round == 0 {
			r.crash()
			k = c.kindred()
		}
	}
	c.put("store", "ShopAccount", r.customer.account("A-2", nil))
	if n := len(c.objects("store", r.id, "ShopAccount")); n != 2 {
		t.Errorf("%d accounts", n)
	}
}

func TestInvariant5ANewDomainOfAnOldNameSharesNothingWithTheRenamedOne(t *testing.T) {
	t.Parallel()
	r := startRenamed(t)
	c, k := r.c, r.c.kindred()
	c.queuePolicy(r.queue, document(serviceMay(queueARN("letters"), "shop"), serviceMay(queueARN("letters"), "store")))
	c.keyPolicy(r.key, document(noGrants, keyMay("shop"), keyMay("store")))
	if out, err := k.RenameDomain(t.Context(), "shop", "store"); err != nil || out.ARN != arn("domains/store") || out.FormerDomainName != "shop" {
		t.Fatalf("%+v, %v", out, err)
	}
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &r.queue, DefaultEncryptionKey: &r.key})
	c.objectType("shop", shopAccount())
	c.objectType("shop", strict())
	_, err := k.RenameDomain(t.Context(), "store", "shop")
	refusedKindred(t, err, "BadRequestException", "Domain shop already exists")

	checkStats(t, c.stats("shop"), 0, 0, 0)
	c.none("shop", "_email", r.customer.email)
	if _, err := c.profiles.GetIntegration(t.Context(), &customerprofiles.GetIntegrationInput{DomainName: aws.String("shop"),
		Uri: aws.String(instanceARN("11111111-2222-3333-4444-555555555555"))}); !strings.Contains(fmt.Sprint(err), "ResourceNotFoundException") {
		t.Errorf("the integration: %v", err)
	}
	if list, err := k.ListDeadLetters(t.Context(), "shop", kindredclient.ListDeadLettersInput{}); err != nil || len(list.Items) != 0 || list.Foreign != 1 {
		t.Errorf("letters of the new domain: %+v, %v", list, err)
	}
	if out, err := k.RedriveDeadLetters(t.Context(), "shop", kindredclient.RedriveDeadLettersInput{}); err != nil || out.Redriven+out.Failed != 0 {
		t.Errorf("redrive by the new domain: %+v, %v", out, err)
	}
	c.put("shop", "ShopAccount", r.customer.account("A-1", nil))
	if p := c.one("shop", "shopAccountId", "A-1"); *p.ProfileId == r.id {
		t.Error("the new domain has the profile of the renamed one")
	}
	if _, err := c.profiles.DeleteDomain(t.Context(), &customerprofiles.DeleteDomainInput{DomainName: aws.String("shop")}); err != nil {
		t.Fatal(err)
	}
	if p := c.one("store", "shopAccountId", "A-1"); *p.ProfileId != r.id {
		t.Errorf("when the new domain is deleted: %+v", p)
	}
	if list, err := k.ListDeadLetters(t.Context(), "store", kindredclient.ListDeadLettersInput{}); err != nil || len(list.Items) != 1 {
		t.Errorf("letters of the renamed domain: %+v, %v", list, err)
	}
}

// Every put that races with a rename is in the domain or was refused: none is
// lost, and none goes to the domain that has the name next.
func TestPutsUnderANameThatChangesAreTakenOrRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	c.objectType("shop", shopAccount())
	const enough = 100
	var taken atomic.Int64
	ready := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				var items []types.BatchPutProfileObjectRequestItem
				for i := range 4 {
					items = append(items, types.BatchPutProfileObjectRequestItem{Id: aws.String(fmt.Sprint(i)), Object: object(fields{"id": fmt.Sprintf("%d-%d-%d", w, n, i), "points": 7})})
				}
				out, err := c.profiles.BatchPutProfileObject(t.Context(), &customerprofiles.BatchPutProfileObjectInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("ShopAccount"), Items: items})
				if err != nil {
					refused(t, err, "ResourceNotFoundException", "shop")
					return
				}
				if len(out.Successful) != len(items) {
					t.Errorf("failed: %+v", out.Failed)
					return
				}
				if n := taken.Add(int64(len(items))); n >= enough && n < enough+int64(len(items)) {
					close(ready)
				}
			}
		})
	}
	<-ready
	if _, err := c.kindred().RenameDomain(t.Context(), "shop", "store"); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := c.stats("store").ObjectCount; n != taken.Load() {
		t.Errorf("%d objects of %d that were acknowledged", n, taken.Load())
	}
}

func (c *client) keyPolicy(key, policy string) {
	c.t.Helper()
	if _, err := c.keys.PutKeyPolicy(c.t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &policy}); err != nil {
		c.t.Fatal(err)
	}
}
