package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"kindred/kindredclient"
)

// own is the client of Kindred's own operations, as the same principal.
func (c *client) own() *kindredclient.Client {
	return &kindredclient.Client{Endpoint: c.s.url, Region: region, Credentials: c.config.Credentials, HTTP: &http.Client{Transport: &watched{c.s}}}
}

// resealIn is how long the job of a small domain may take, taken over after a crash.
const resealIn = 45 * time.Second

// A domain and an object type get other keys; the process is killed while what is
// stored is sealed anew. Afterwards the old keys can be deleted.
func TestInvariant4OldKeysAreNotNeededAfterResealing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	keys := []string{c.key(""), c.key(""), c.key(""), c.key("")}
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &keys[0]})
	typ := shopAccount()
	typ.EncryptionKey = &keys[1]
	c.objectType("shop", typ)
	people := make([]person, 60)
	ids := make([]string, len(people))
	for i := range people {
		people[i] = s.person()
		c.put("shop", "ShopAccount", people[i].account(fmt.Sprint("A-", i), nil))
		ids[i] = *c.one("shop", "_email", people[i].email).ProfileId
	}
	if _, err := c.profiles.UpdateDomain(t.Context(), &customerprofiles.UpdateDomainInput{DomainName: aws.String("shop"), DefaultEncryptionKey: &keys[2]}); err != nil {
		t.Fatal(err)
	}
	typ.EncryptionKey = &keys[3]
	c.objectType("shop", typ)
	e, err := c.own().GetDomainEncryption(t.Context(), "shop")
	if err != nil || e.Domain.KMSKeyID != keys[2] || e.ObjectTypes[0].KMSKeyID != keys[3] {
		t.Fatalf("after the change: %+v, %v", e, err)
	}
	s.crash()
	c.one("shop", "_email", people[0].email)
	eventually(t, resealIn, func() error {
		e, err := c.own().GetDomainEncryption(t.Context(), "shop")
		if err == nil && e.Reseal != nil {
			err = fmt.Errorf("the job is %s, %d of %d profiles: %s", e.Reseal.State, e.Reseal.ProfilesDone, e.Reseal.ProfilesTotal, e.Reseal.Message)
		}
		return err
	})
	for _, key := range keys[:2] {
		if _, err := c.keys.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)}); err != nil {
			t.Fatal(err)
		}
	}
	s.restart() // nothing that was open before is of help
	e, err = c.own().GetDomainEncryption(t.Context(), "shop")
	if err != nil || len(e.Domain.DataKeys) != 1 || len(e.ObjectTypes[0].DataKeys) != 1 || len(e.Warnings) != 0 {
		t.Errorf("at the end: %+v, %v", e, err)
	}
	for i, p := range people {
		if got := *c.one("shop", "_email", p.email).ProfileId; got != ids[i] {
			t.Errorf("profile %d is %s, was %s", i, got, ids[i])
		}
		if got := c.objects("shop", ids[i], "ShopAccount"); len(got) != 1 {
			t.Errorf("profile %d has %d objects", i, len(got))
		}
		c.put("shop", "ShopAccount", p.account(fmt.Sprint("A-", i), fields{"points": 7}))
	}
	_, err = c.profiles.UpdateDomain(t.Context(), &customerprofiles.UpdateDomainInput{DomainName: aws.String("shop"), DefaultEncryptionKey: &keys[0]})
	if code, message := refusal(t, err); code != "BadRequestException" || !strings.Contains(message, "scheduled for deletion on 20") {
		t.Errorf("a key that is to be deleted: %s %s", code, message)
	}
	if _, text := s.get("/metrics"); !strings.Contains(text, `kindred_keys_refused_total{risk="pending_deletion"} 1`) {
		t.Error("the metrics do not tell of the refusal")
	}
}

// A person asks to be forgotten: their profile is erased, and the report can be
// shown later to whoever asks about that profile.
func TestInvariant4AnErasedProfileIsGoneForGood(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	key := c.key("")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	c.objectType("shop", shopAccount())
	gone, stays := s.person(), s.person()
	for i, p := range []person{gone, stays} {
		c.put("shop", "ShopAccount", p.account(fmt.Sprint("A-", i), nil))
	}
	id := *c.one("shop", "_email", gone.email).ProfileId
	r, err := c.own().EraseProfile(t.Context(), "shop", id)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != "ERASED" || r.Erased.Profiles != 1 || r.Erased.Objects != 1 || r.Erased.KeysDestroyed != 1 || r.RequestedBy != "arn:aws:iam::"+account+":user/administrator" {
		t.Errorf("the report: %+v", r)
	}
	c.none("shop", "_email", gone.email)
	c.one("shop", "_email", stays.email)
	s.crash()
	got, err := c.own().GetErasureReportOf(t.Context(), "shop", id)
	if err != nil || got.ErasureID != r.ErasureID || got.Erased != r.Erased {
		t.Errorf("by the profile's id: %+v, %v", got, err)
	}
	if got, err := c.own().GetErasureReport(t.Context(), "shop", r.ErasureID); err != nil || got.ProfileHash != r.ProfileHash {
		t.Errorf("by its id: %+v, %v", got, err)
	}
	list, err := c.own().ListErasureReports(t.Context(), "shop", 10, "")
	if err != nil || len(list.Items) != 1 || list.NextToken != "" {
		t.Errorf("listed: %+v, %v", list, err)
	}
	var refused *kindredclient.Error
	if _, err := c.own().EraseProfile(t.Context(), "shop", id); !errors.As(err, &refused) || refused.Name != "ResourceNotFoundException" {
		t.Errorf("erased twice: %v", err)
	}
	reader, _ := s.user("reader", allow(`"kindred:GetErasureReport"`, "*", ""))
	if _, err := reader.own().GetErasureReportOf(t.Context(), "shop", id); err != nil {
		t.Error(err)
	}
	if _, err := reader.own().EraseProfile(t.Context(), "shop", id); !errors.As(err, &refused) || refused.Name != "AccessDeniedException" {
		t.Errorf("without permission: %v", err)
	}
}
