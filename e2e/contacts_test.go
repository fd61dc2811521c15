package e2e_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/connect"
	connecttypes "github.com/aws/aws-sdk-go-v2/service/connect/types"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
)

func instanceARN(id string) string {
	return "arn:aws:connect:" + region + ":" + account + ":instance/" + id
}

func contactID(n int) string { return fmt.Sprintf("%08d-1111-2222-3333-444444444444", n) }

// voice is a contact record in the form in which profiles keep them.
func (p person) voice(n int, updated int64) fields {
	return fields{"contactId": contactID(n), "channel": "VOICE", "initiationMethod": "INBOUND", "attributes": fields{}, "nextContactId": nil,
		"customerEndpoint":    fields{"address": p.phone, "type": "TELEPHONE_NUMBER"},
		"systemEndpoint":      fields{"address": "+18005550100", "type": "TELEPHONE_NUMBER"},
		"initiationTimestamp": updated - 60_000, "disconnectTimestamp": updated - 1000, "lastUpdateTimestamp": updated,
		"agent": fields{"id": "agent-1", "username": nil, "customerHoldDurationMillis": 10}, "queue": fields{"name": nil, "durationMillis": 5},
		"instanceARN": instanceARN("11111111-2222-3333-4444-555555555555"), "disconnectReason": "CUSTOMER_DISCONNECT",
		"awsaccountId": account, "awscontactTraceRecordFormatVersion": "2019-01-23"}
}

func (c *client) integrate(domain, uri string) {
	c.t.Helper()
	if _, err := c.profiles.PutIntegration(c.t.Context(), &customerprofiles.PutIntegrationInput{DomainName: &domain, Uri: &uri, ObjectTypeName: aws.String("CTR")}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) template(domain, template string) {
	c.t.Helper()
	c.objectType(domain, &customerprofiles.PutProfileObjectTypeInput{ObjectTypeName: aws.String("CTR"), Description: aws.String("contacts"), TemplateId: &template})
}

func TestAnInstanceBelongsToOneDomainAndADomainToManyInstances(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("north", customerprofiles.CreateDomainInput{})
	c.domain("south", customerprofiles.CreateDomainInput{})
	one, two := instanceARN("11111111-2222-3333-4444-555555555555"), instanceARN("99999999-2222-3333-4444-555555555555")
	c.integrate("north", one)
	c.integrate("north", two)
	owner := func(uri string) string {
		t.Helper()
		out, err := c.profiles.ListAccountIntegrations(t.Context(), &customerprofiles.ListAccountIntegrationsInput{Uri: &uri})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Items) != 1 || *out.Items[0].Uri != uri {
			return fmt.Sprint(len(out.Items), " integrations")
		}
		return *out.Items[0].DomainName
	}
	list := func(domain string, want int) {
		t.Helper()
		out, err := c.profiles.ListIntegrations(t.Context(), &customerprofiles.ListIntegrationsInput{DomainName: &domain})
		if err != nil || len(out.Items) != want {
			t.Errorf("%s has %d integrations, want %d: %v", domain, len(out.Items), want, err)
		}
	}
	list("north", 2)
	if got := owner(one); got != "north" {
		t.Errorf("the instance belongs to %s", got)
	}
	p := s.person()
	c.profile("north", p.create())
	c.integrate("south", one) // moves it; profiles stay
	if got := owner(one); got != "south" {
		t.Errorf("after the move the instance belongs to %s", got)
	}
	list("north", 1)
	list("south", 1)
	c.one("north", "_phone", p.phone)
	c.none("south", "_phone", p.phone)
	_, err := c.profiles.GetIntegration(t.Context(), &customerprofiles.GetIntegrationInput{DomainName: aws.String("north"), Uri: &one})
	refused(t, err, "ResourceNotFoundException")
	s.restart()
	got, err := c.profiles.GetIntegration(t.Context(), &customerprofiles.GetIntegrationInput{DomainName: aws.String("south"), Uri: &one})
	if err != nil || *got.ObjectTypeName != "CTR" || *got.Uri != one || got.CreatedAt == nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := c.profiles.DeleteIntegration(t.Context(), &customerprofiles.DeleteIntegrationInput{DomainName: aws.String("south"), Uri: &one}); err != nil {
		t.Fatal(err)
	}
	if got := owner(one); got != "0 integrations" {
		t.Errorf("a deleted integration belongs to %s", got)
	}
	if got := owner(two); got != "north" {
		t.Errorf("the other instance belongs to %s", got)
	}
	_, err = c.profiles.DeleteIntegration(t.Context(), &customerprofiles.DeleteIntegrationInput{DomainName: aws.String("south"), Uri: &one})
	refused(t, err, "ResourceNotFoundException")
	_, err = c.profiles.PutIntegration(t.Context(), &customerprofiles.PutIntegrationInput{DomainName: aws.String("south"), Uri: &one})
	refused(t, err, "BadRequestException", "ObjectTypeName")
}

func TestContactRecordsFollowTheTemplateInForce(t *testing.T) {
	t.Parallel()
	const day = int64(1_790_000_000_000)
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "desk")
	c.domain("desk", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	known, stranger, third := s.person(), s.person(), s.person()
	id := c.profile("desk", known.create())

	// CTR: the contact's id alone tells whose it is.
	if _, err := c.profiles.AddProfileKey(t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: aws.String("desk"), ProfileId: &id, KeyName: aws.String("_ctrContactId"), Values: []string{contactID(1)}}); err != nil {
		t.Fatal(err)
	}
	c.put("desk", "CTR", known.voice(1, day))
	if got := c.one("desk", "_ctrContactId", contactID(1)); *got.ProfileId != id {
		t.Errorf("the agent's association has not held")
	}
	c.put("desk", "CTR", stranger.voice(2, day+1000))
	inferred := c.one("desk", "_ctrContactId", contactID(2))
	if *inferred.ProfileId == id || aws.ToString(inferred.PhoneNumber) != stranger.phone {
		t.Errorf("the inferred profile is %+v", inferred)
	}

	// The record comes again, later and older: it stays one object, the newest.
	again := stranger.voice(2, day+5000)
	again["disconnectReason"] = "LATE"
	c.put("desk", "CTR", again)
	c.put("desk", "CTR", stranger.voice(2, day+1000))
	list := c.objects("desk", *inferred.ProfileId, "CTR")
	if len(list) != 1 || *list[0].Object != *object(again) {
		t.Errorf("%d objects of one contact", len(list))
	}

	// CTR-NoInferred: the phone, when the id finds nobody.
	c.template("desk", "CTR-NoInferred")
	c.put("desk", "CTR", known.voice(3, day+10_000))
	if got := c.one("desk", "_ctrContactId", contactID(3)); *got.ProfileId != id {
		t.Errorf("the phone has not found the profile")
	}
	newest := c.objects("desk", id, "CTR")
	if len(newest) != 2 || parsed(t, newest[0].Object)["contactId"] != contactID(3) {
		t.Errorf("contacts are not listed newest first: %d", len(newest))
	}

	// CTR-AutoAssociateOnly: no profile is made, and nothing is lost.
	c.template("desk", "CTR-AutoAssociateOnly")
	c.put("desk", "CTR", known.voice(4, day+20_000))
	if got := c.one("desk", "_ctrContactId", contactID(4)); *got.ProfileId != id {
		t.Errorf("the phone has not found the profile")
	}
	c.put("desk", "CTR", third.voice(5, day))
	c.none("desk", "_phone", third.phone)
	if reason, body := c.letter(queue, "desk", "CTR"); body != *object(third.voice(5, day)) || reason == "" {
		t.Errorf("the dead letter says %q", reason)
	}
	// A number of two profiles associates nothing.
	c.profile("desk", customerprofiles.CreateProfileInput{MobilePhoneNumber: &known.phone})
	c.put("desk", "CTR", known.voice(6, day))
	if reason, _ := c.letter(queue, "desk", "CTR"); reason != ambiguousText {
		t.Errorf("the dead letter says %q", reason)
	}
	c.drained(queue)
}

// instance makes a Connect instance.
func (c *client) instance(alias string) (id, arn string) {
	c.t.Helper()
	out, err := c.connect.CreateInstance(c.t.Context(), &connect.CreateInstanceInput{InstanceAlias: &alias, IdentityManagementType: connecttypes.DirectoryTypeConnectManaged,
		InboundCallsEnabled: aws.Bool(true), OutboundCallsEnabled: aws.Bool(true)})
	if err != nil {
		c.t.Fatal(err)
	}
	return *out.Id, *out.Arn
}

func (c *client) contact(instance string, channel connecttypes.Channel, attributes map[string]string) (id string) {
	c.t.Helper()
	out, err := c.connect.CreateContact(c.t.Context(), &connect.CreateContactInput{InstanceId: &instance, Channel: channel,
		InitiationMethod: connecttypes.ContactInitiationMethodInbound, Attributes: attributes})
	if err != nil {
		c.t.Fatal(err)
	}
	return *out.ContactId
}

// contactOf waits until a contact is an object of a profile and returns both.
func (c *client) contactOf(domain, contact string) (profileID string, o fields) {
	c.t.Helper()
	eventually(c.t, soon, func() error {
		found := c.search(domain, "_ctrContactId", contact)
		if len(found) != 1 {
			return fmt.Errorf("the contact is found on %d profiles", len(found))
		}
		profileID = *found[0].ProfileId
		return nil
	})
	for _, item := range c.objects(domain, profileID, "CTR") {
		if o = parsed(c.t, item.Object); o["contactId"] == contact {
			return profileID, o
		}
	}
	c.t.Fatalf("the contact is not among the profile's")
	return "", nil
}

func TestALiveContactFindsOrMakesItsProfile(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	id, arn := c.instance("desk-instance")
	c.domain("amazon-connect-desk", customerprofiles.CreateDomainInput{})
	c.template("amazon-connect-desk", "CTR-NoInferred")
	known, stranger, chatting := s.person(), s.person(), s.person()
	profileID := c.profile("amazon-connect-desk", known.create())

	before := c.contact(id, connecttypes.ChannelVoice, map[string]string{"customerEndpointAddress": known.phone}) // nobody's yet
	c.integrate("amazon-connect-desk", arn)

	call := c.contact(id, connecttypes.ChannelVoice, map[string]string{"customerEndpointAddress": known.phone, "topic": "invoice"})
	if got, o := c.contactOf("amazon-connect-desk", call); got != profileID || o["channel"] != "VOICE" || o["instanceARN"] != arn {
		t.Errorf("the call belongs to %s and is %v", got, o["channel"])
	}
	first := c.contact(id, connecttypes.ChannelVoice, map[string]string{"customerEndpointAddress": stranger.phone})
	made, _ := c.contactOf("amazon-connect-desk", first)
	second := c.contact(id, connecttypes.ChannelVoice, map[string]string{"customerEndpointAddress": stranger.phone})
	if got, _ := c.contactOf("amazon-connect-desk", second); got != made || got == profileID {
		t.Errorf("the second call of a stranger belongs to %s, the first to %s", got, made)
	}
	chat := c.contact(id, connecttypes.ChannelChat, map[string]string{"customerEndpointAddress": chatting.email})
	chatProfile, _ := c.contactOf("amazon-connect-desk", chat)
	if got := c.one("amazon-connect-desk", "_email", chatting.email); *got.ProfileId != chatProfile {
		t.Errorf("the chat belongs to %s", chatProfile)
	}
	c.none("amazon-connect-desk", "_ctrContactId", before)

	if _, err := c.connect.UpdateContactAttributes(t.Context(), &connect.UpdateContactAttributesInput{InstanceId: &id, InitialContactId: &call, Attributes: map[string]string{"topic": "refund"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, func() error {
		if _, o := c.contactOf("amazon-connect-desk", call); o["attributes"].(fields)["topic"] != "refund" {
			return fmt.Errorf("the profile's contact has the attributes of before")
		}
		return nil
	})
	s.crash()
	got, err := c.connect.DescribeContact(t.Context(), &connect.DescribeContactInput{InstanceId: &id, ContactId: &call})
	if err != nil || *got.Contact.Id != call || got.Contact.Channel != connecttypes.ChannelVoice {
		t.Errorf("got %+v, %v", got, err)
	}
	now := time.Now()
	found, err := c.connect.SearchContacts(t.Context(), &connect.SearchContactsInput{InstanceId: &id, TimeRange: &connecttypes.SearchContactsTimeRange{
		Type: connecttypes.SearchContactsTimeRangeTypeInitiationTimestamp, StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Hour))}})
	if err != nil || len(found.Contacts) != 5 {
		t.Errorf("%d contacts are found, want 5: %v", len(found.Contacts), err)
	}
	list, err := c.connect.ListInstances(t.Context(), &connect.ListInstancesInput{})
	if err != nil || len(list.InstanceSummaryList) != 1 || *list.InstanceSummaryList[0].InstanceAlias != "desk-instance" {
		t.Errorf("got %+v, %v", list, err)
	}
	described, err := c.connect.DescribeInstance(t.Context(), &connect.DescribeInstanceInput{InstanceId: &id})
	if err != nil || *described.Instance.Arn != arn || described.Instance.InstanceStatus != connecttypes.InstanceStatusActive {
		t.Errorf("got %+v, %v", described, err)
	}
	if _, err := c.connect.DeleteInstance(t.Context(), &connect.DeleteInstanceInput{InstanceId: &id}); err != nil {
		t.Fatal(err)
	}
	_, err = c.connect.DescribeInstance(t.Context(), &connect.DescribeInstanceInput{InstanceId: &id})
	refused(t, err, "ResourceNotFoundException")
	c.one("amazon-connect-desk", "_ctrContactId", call) // what profiles know stays
}

// published is a contact record as Connect publishes it.
func (p person) published(n int, instance, updated string) fields {
	return fields{"ContactId": contactID(n), "Channel": "VOICE", "InitiationMethod": "INBOUND", "InstanceARN": instance, "AWSAccountId": account,
		"AWSContactTraceRecordFormatVersion": "2017-03-10", "CustomerEndpoint": fields{"Address": p.phone, "Type": "TELEPHONE_NUMBER"}, "Attributes": fields{},
		"InitiationTimestamp": "2026-01-02T03:00:00Z", "DisconnectTimestamp": "2026-01-02T03:04:00Z", "LastUpdateTimestamp": updated,
		"Agent": nil, "Queue": fields{"Name": nil, "Duration": 4}, "NextContactId": nil}
}

func TestPublishedContactRecordsAreImportedFromFiles(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	_, arn := c.instance("desk-instance")
	c.domain("desk", customerprofiles.CreateDomainInput{})
	c.template("desk", "CTR-NoInferred")
	c.integrate("desk", arn)
	p, q := s.person(), s.person()
	dir := t.TempDir()
	write := func(name string, zipped bool, records ...fields) string {
		t.Helper()
		var b bytes.Buffer
		var w io.Writer = &b
		if zipped {
			w = gzip.NewWriter(&b)
		}
		for _, r := range records {
			fmt.Fprintln(w, *object(r))
		}
		if z, ok := w.(*gzip.Writer); ok {
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	late, early := p.published(1, arn, "2026-01-02T03:09:00Z"), p.published(1, arn, "2026-01-02T03:05:00Z")
	late["DisconnectReason"] = "LATE"
	lines := write("lines.jsonl", false, late, early, late, q.published(2, arn, "2026-01-02T03:05:00Z"))
	zipped := write("more.json.gz", true, p.published(3, arn, "2026-01-02T03:05:00Z"))
	out := s.mustKindred("", "contacts", "import", lines, zipped)
	t.Logf("%s", out)
	checkStats := func() {
		t.Helper()
		if got := c.stats("desk"); got.ProfileCount != 2 || got.ObjectCount != 3 {
			t.Errorf("%d profiles and %d objects, want 2 and 3", got.ProfileCount, got.ObjectCount)
		}
	}
	checkStats()
	of1, o := c.contactOf("desk", contactID(1))
	of3, _ := c.contactOf("desk", contactID(3))
	if of1 != of3 || o["disconnectReason"] != "LATE" || o["lastUpdateTimestamp"] != float64(time.Date(2026, 1, 2, 3, 9, 0, 0, time.UTC).UnixMilli()) {
		t.Errorf("contacts 1 and 3 belong to %s and %s; the newest of 1 is %v", of1, of3, o["disconnectReason"])
	}
	s.mustKindred("", "contacts", "import", lines, zipped) // again changes nothing
	checkStats()
	_, err := s.kindred("", "contacts", "import", write("bad.jsonl", false, fields{"no": "contact"}))
	if err == nil {
		t.Error("a file without contact records was imported")
	}
}
