package connect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/connectapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/connect"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/page"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
)

// TestContactsAndProfiles brings contacts into a real domain: under each
// template a call and a chat find or make their profile by phone and e-mail,
// and the record of the contact replaces what was known of it.
func TestContactsAndProfiles(t *testing.T) {
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{Kind: policy.Identity})
	if err != nil {
		t.Fatal(err)
	}
	ctx := access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: ingesttest.Account,
		ARN: "arn:aws:iam::" + ingesttest.Account + ":user/u", UserName: "u", PrincipalID: "AIDAU", Policies: []*policy.Policy{p}})
	root := rootkey.Random()
	pages, err := page.New(root.MAC("page", nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		template   string
		sameCaller int  // profiles of a phone number after two calls from it
		strangers  bool // whether an unknown caller gets a profile
	}{{"CTR", 2, true}, {"CTR-NoInferred", 1, true}, {"CTR-AutoAssociateOnly", 0, false}} {
		t.Run(tt.template, func(t *testing.T) {
			w := ingesttest.New(t)
			s := connect.New(connect.Config{Store: w.Store, Seal: root.AEAD("connect"), Pages: pages, Region: ingesttest.Region, Account: ingesttest.Account,
				Associations: w.Integrations, Ingest: w.Ingest, Now: w.Clock.Now})
			alias, name, ctr := "acme", "d", "CTR"
			i, err := s.CreateInstance(ctx, &connectapi.CreateInstanceRequest{IdentityManagementType: "SAML", InstanceAlias: &alias})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Domain.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: name, DefaultExpirationDays: 366}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.TypeService.PutProfileObjectType(ctx, &profileapi.PutProfileObjectTypeRequest{DomainName: name, ObjectTypeName: ctr, Description: "x", TemplateId: &tt.template}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Integrations.PutIntegration(ctx, &profileapi.PutIntegrationRequest{DomainName: name, Uri: i.Arn, ObjectTypeName: &ctr}); err != nil {
				t.Fatal(err)
			}
			search := func(key, value string) int {
				t.Helper()
				out, err := w.Profiles.SearchProfiles(ctx, &profileapi.SearchProfilesRequest{DomainName: name, KeyName: key, Values: []string{value}})
				if err != nil {
					t.Fatal(err)
				}
				return len(out.Items)
			}
			contact := func(channel, attribute, address string) (string, connect.Ingestion) {
				t.Helper()
				c, err := s.CreateContact(ctx, &connectapi.CreateContactRequest{InstanceId: *i.Id, Channel: channel, InitiationMethod: "INBOUND", Attributes: map[string]string{attribute: address}})
				if err != nil {
					t.Fatal(err)
				}
				in, err := s.Ingestion(ctx, *i.Id, *c.ContactId)
				if err != nil {
					t.Fatal(err)
				}
				return *c.ContactId, in
			}
			call, in := contact("VOICE", "phone", "+15555550123")
			if tt.strangers != (in.ProfileID != "") || tt.strangers != (in.Problem == "") {
				t.Fatalf("the first call: %+v", in)
			}
			contact("VOICE", "phone", "+15555550123")
			if n := search("_phone", "+1 (555) 555-0123"); n != tt.sameCaller {
				t.Errorf("%d profiles of the caller, want %d", n, tt.sameCaller)
			}
			if _, in := contact("CHAT", "email", "wren@example.com"); tt.strangers != (in.ProfileID != "") || tt.strangers != (search("_email", "Wren@example.com") == 1) {
				t.Errorf("the chat: %+v", in)
			}
			if !tt.strangers {
				return
			}
			// The record of the call, and an older one after it.
			w.Clock.Step(time.Minute)
			record := fmt.Sprintf(`{"ContactId":"%s","InstanceARN":"%s","Channel":"VOICE","CustomerEndpoint":{"Address":"+15555550123","Type":"TELEPHONE_NUMBER"},"LastUpdateTimestamp":"%s","Queue":{"Duration":4,"Name":null}}`,
				call, *i.Arn, w.Clock.Now().UTC().Format(time.RFC3339))
			older := strings.ReplaceAll(strings.Replace(record, `"Duration":4`, `"Duration":9`, 1), w.Clock.Now().UTC().Format(time.RFC3339), w.Clock.Now().Add(-time.Second).UTC().Format(time.RFC3339))
			for _, r := range []string{record, older, record} {
				results, err := s.IngestRecords(ctx, "", []json.RawMessage{json.RawMessage(r)})
				if err != nil || results[0].Err != nil {
					t.Fatal(err, results)
				}
			}
			out, err := w.Profiles.ListProfileObjects(ctx, &profileapi.ListProfileObjectsRequest{DomainName: name, ObjectTypeName: ctr, ProfileId: in.ProfileID})
			if err != nil {
				t.Fatal(err)
			}
			objects := 0
			for _, o := range out.Items {
				if strings.Contains(*o.Object, call) {
					objects++
					if !strings.Contains(*o.Object, `"queue":{"durationMillis":4000,"name":null}`) {
						t.Errorf("the profile has %s", *o.Object)
					}
				}
			}
			if objects != 1 {
				t.Errorf("%d objects of the contact", objects)
			}
		})
	}
}
