package e2e_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"

	"kindred/kindredclient"
)

func (c *client) preview(domain, objectType string, def *kindredclient.ObjectType, body any) *kindredclient.Preview {
	c.t.Helper()
	p, err := c.own().PreviewProfileObject(c.t.Context(), domain, kindredclient.PreviewProfileObjectInput{ObjectTypeName: objectType, ObjectType: def, Object: *object(body)})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// shown is a profile of a preview.
func shown(t testing.TB, text json.RawMessage) types.Profile {
	t.Helper()
	var p types.Profile
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPreviewTellsWhatPutProfileObjectThenDoes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.objectType("shop", shopAccount())
	c.objectType("shop", strict())
	ada, twins, nobody := s.person(), s.person(), s.person()
	account := fields{"id": "A-1", "given": ada.first, "family": ada.last, "contact": fields{"mail": ada.email, "tel": ada.phone}, "vip": true}

	p := c.preview("shop", "ShopAccount", nil, account)
	if p.Outcome != "WOULD_CREATE" || p.ProfileID != "" || p.Before != nil || len(c.search("shop", "shopAccountId", "A-1")) != 0 {
		t.Fatalf("the first preview: %+v", p)
	}
	if key := c.put("shop", "ShopAccount", account); key != p.UniqueKey {
		t.Errorf("the unique key is %s, foretold %s", key, p.UniqueKey)
	}
	got, told := *c.one("shop", "shopAccountId", "A-1"), shown(t, p.After)
	if aws.ToString(got.FirstName) != ada.first || aws.ToString(told.FirstName) != ada.first || *told.MobilePhoneNumber != *got.MobilePhoneNumber ||
		*told.PersonalEmailAddress != *got.PersonalEmailAddress || told.Attributes["Tier"] != "gold" || got.Attributes["Tier"] != "gold" {
		t.Errorf("the profile differs from what was foretold: %d changes", len(p.Changes))
	}

	// By the address another record joins, and says which key found it.
	note := fields{"no": "N-1", "mail": strings.ToUpper(ada.email), "text": "calls on Mondays"}
	p = c.preview("shop", "Strict", nil, note)
	if p.Outcome != "WOULD_JOIN" || p.ProfileID != *got.ProfileId || len(p.Changes) != 1 || p.Changes[0].Reason != "NEW" {
		t.Errorf("a record that joins: %s, %d changes", p.Outcome, len(p.Changes))
	}
	for _, k := range p.Keys {
		if k.Name == "_email" && (k.Finding != "FOUND" || k.NormalizedValue != ada.email || k.ProfileIDs[0] != *got.ProfileId) {
			t.Errorf("the key _email: %s", k.Finding)
		}
	}
	c.put("shop", "Strict", note)
	if text := c.one("shop", "shopAccountId", "A-1").AdditionalInformation; aws.ToString(text) != "calls on Mondays" {
		t.Errorf("after the record joined: %v", text)
	}

	// What would go to the queue does not go there.
	for range 2 {
		c.profile("shop", customerprofiles.CreateProfileInput{EmailAddress: &twins.email})
	}
	for _, x := range []struct {
		body                         fields
		finding, reason, destination string
	}{
		{fields{"no": "N-2", "mail": twins.email}, "AMBIGUOUS", ambiguousText, "DEAD_LETTER_QUEUE"},
		{fields{"no": "N-2", "mail": nobody.email}, "NOT_FOUND", "No profile matches", "DEAD_LETTER_QUEUE"},
		{fields{"mail": nobody.email}, "NOT_TRIED", noKeyText, "CALLER"},
	} {
		before := c.stats("shop")
		p := c.preview("shop", "Strict", nil, x.body)
		if p.Outcome != "WOULD_FAIL" || p.Error == nil || !strings.HasPrefix(p.Error.Message, x.reason) || p.Error.Destination != x.destination {
			t.Errorf("%s: %s %+v", x.finding, p.Outcome, p.Error)
		}
		for _, k := range p.Keys {
			if k.Name == "_email" && k.Finding != x.finding {
				t.Errorf("the key _email: %s, want %s", k.Finding, x.finding)
			}
		}
		if after := c.stats("shop"); *after != *before {
			t.Errorf("%s: stats were %+v and are %+v", x.finding, before, after)
		}
	}
	c.drained(queue)

	// A template that the domain has not used is not noted as used.
	c.preview("shop", "CTR", nil, fields{"contactId": "c-1"})
	list, err := c.profiles.ListProfileObjectTypes(t.Context(), &customerprofiles.ListProfileObjectTypesInput{DomainName: aws.String("shop")})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("%d object types, %v", len(list.Items), err)
	}
}

func TestInvariant8APreviewShowsNothingToWhoMayNotSearch(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.admin.domain("shop", customerprofiles.CreateDomainInput{})
	s.admin.objectType("shop", strict())
	arn := "arn:aws:profile:*:*:domains/shop"
	for name, x := range map[string]struct {
		actions string
		allowed bool
	}{
		"neither": {`"profile:GetDomain"`, false},
		"preview": {`"kindred:PreviewProfileObject"`, false},
		"search":  {`"profile:SearchProfiles","profile:PutProfileObject"`, false},
		"both":    {`"kindred:PreviewProfileObject","profile:SearchProfiles"`, true},
	} {
		c, _ := s.user(name, allow(x.actions, arn, ""))
		_, err := c.own().PreviewProfileObject(t.Context(), "shop", kindredclient.PreviewProfileObjectInput{ObjectTypeName: "Strict", Object: `{"no":"1"}`})
		refused, _ := errors.AsType[*kindredclient.Error](err)
		if x.allowed != (err == nil) || !x.allowed && (refused == nil || refused.Status != 403 || refused.Name != "AccessDeniedException") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMappingIsTestedByTheCommandPreview(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	dir := t.TempDir()
	mapping, records := filepath.Join(dir, "member.json"), filepath.Join(dir, "samples.jsonl")
	definition := `{"ObjectTypeName":"Member","Description":"members of the shop","AllowProfileCreation":true,
		"Fields":{"id":{"Source":"_source.id"},"tier":{"Source":"_source.tier","Target":"_profile.Attributes.tier"}},
		"Keys":{"memberId":[{"StandardIdentifiers":["PROFILE","UNIQUE"],"FieldNames":["id"]}]}}`
	for file, text := range map[string]string{mapping: definition, records: "{\"id\":\"1\",\"tier\":\"gold\"}\n{\"id\":\"2\"}\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := s.mustKindred("", "preview", "--domain", "shop", "--mapping", mapping, records)
	if !strings.Contains(out, "Records: 2 WOULD_CREATE.") || !strings.Contains(out, "the record has no _source.tier") {
		t.Errorf("the account is\n%s", out)
	}
	if n := *c.stats("shop"); n.ProfileCount != 0 || n.ObjectCount != 0 {
		t.Errorf("stats are %+v", n)
	}
	out, err := s.kindred("{\"id\":\"1\"}\n{\"tier\":\"gold\"}\n", "preview", "--domain", "shop", "--mapping", mapping, "--json", "-")
	if err == nil || !strings.Contains(out, `"Outcome":"WOULD_FAIL"`) || !strings.Contains(out, noKeyText) {
		t.Errorf("a record without its key: %v\n%s", err, out)
	}
}

// TestTheExampleOfThePreviewIsTrue runs the example of docs/kindred-api.md.
func TestTheExampleOfThePreviewIsTrue(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("..", "docs", "kindred-api.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "### Example")
	blocks := strings.Split(text, "```")
	if len(blocks) < 8 || strings.Count(blocks[5], "...") != 1 {
		t.Fatalf("the example has another form than this test knows: %d blocks", len(blocks))
	}
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	c.objectType("shop", &customerprofiles.PutProfileObjectTypeInput{ObjectTypeName: aws.String("Member"), Description: aws.String("Members of the shop"), AllowProfileCreation: true,
		Fields: map[string]types.ObjectTypeField{"id": field("_source.id", "", asText), "first": field("_source.first", "_profile.FirstName", asText),
			"email": field("_source.email", "_profile.EmailAddress", asEmail)},
		Keys: map[string][]types.ObjectTypeKey{"memberId": mapKey("id", isUnique), "_email": mapKey("email", isProfile)}})
	c.put("shop", "Member", fields{"id": "M-1", "first": "Ada", "email": "Ada@example.com"})
	dir := t.TempDir()
	for i, name := range map[int]string{1: "ticket.json", 3: "samples.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.TrimPrefix(blocks[i], "json\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := s.kindred("", "preview", "--domain", "shop", "--mapping", filepath.Join(dir, "ticket.json"), filepath.Join(dir, "samples.jsonl"))
	if err == nil {
		t.Error("the exit code is 0")
	}
	// As it is in the text: without blanks at the ends of lines, and with that id.
	out = regexp.MustCompile(` +\n`).ReplaceAllString(strings.ReplaceAll(out, dir+string(filepath.Separator), ""), "\n")
	out = regexp.MustCompile(`\b[0-9a-f]{32}\b`).ReplaceAllString(out, "10d78e7bd3bfd293b67cbbb39874ba98")
	head, tail, _ := strings.Cut(strings.TrimPrefix(blocks[5], "\n"), "  ...\n")
	if !strings.HasPrefix(out, head) || !strings.HasSuffix(out, tail) {
		t.Errorf("the command prints\n%s\nthe text has\n%s", out, blocks[5])
	}
}
