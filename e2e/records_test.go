package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
)

// account is a record of a web shop.
func (p person) account(id string, more fields) fields {
	f := fields{"id": id, "given": p.first, "family": p.last, "contact": fields{"mail": p.email, "tel": p.phone}}
	for k, v := range more {
		f[k] = v
	}
	return f
}

func TestRecordsOfApplicationsBecomeOneProfileThatIsFoundByEveryKey(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	key := c.key("")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	for _, in := range []*customerprofiles.PutProfileObjectTypeInput{shopAccount(), registration(), repairTicket(), shopOrder()} {
		c.objectType("shop", in)
	}
	p := s.person()
	first := p.account("A-1", fields{"vip": true, "points": 12, "updated": "2026-01-02T03:04:05Z"})
	uniqueKey := c.put("shop", "ShopAccount", first)
	if len(uniqueKey) != 44 {
		t.Errorf("ProfileObjectUniqueKey %q has %d characters, want 44", uniqueKey, len(uniqueKey))
	}

	found := c.one("shop", "shopAccountId", "A-1")
	id := *found.ProfileId
	if aws.ToString(found.AccountNumber) != "A-1" || aws.ToString(found.FirstName) != p.first || aws.ToString(found.LastName) != p.last ||
		aws.ToString(found.PersonalEmailAddress) != p.email || aws.ToString(found.EmailAddress) != p.email ||
		aws.ToString(found.MobilePhoneNumber) != p.phone || found.Attributes["Tier"] != "gold" {
		t.Errorf("got %+v", found)
	}
	for keyName, values := range map[string][]string{
		"shopAccountId": {"A-1"},
		"_account":      {"A-1"},
		"_profileId":    {id},
		"_email":        {p.email, strings.ToUpper(p.email)},
		"_phone":        {p.phone, p.digits(), "(" + p.digits()[:3] + ") " + p.digits()[3:6] + "-" + p.digits()[6:], "1" + p.digits()},
		"_fullName":     {p.name(), strings.ToLower(p.first) + "   " + strings.ToUpper(p.last)},
		"shopPoints":    {"12", "12.0"},
	} {
		for i, value := range values {
			if got := c.search("shop", keyName, value); len(got) != 1 || *got[0].ProfileId != id {
				t.Errorf("%s, value %d: %d profiles found", keyName, i+1, len(got))
			} else if f := got[0].FoundByItems; len(f) != 1 || *f[0].KeyName != keyName || !slices.Equal(f[0].Values, []string{value}) {
				t.Errorf("%s, value %d: found by %+v", keyName, i+1, f)
			}
		}
	}
	for keyName, value := range map[string]string{"shopAccountId": "a-1", "_account": "A-2", "_email": "x" + p.email, "_fullName": p.first,
		"_phone": "2065550000", "_profileId": strings.Repeat("0", 32), "noSuchKey": "x", "_orderId": "", "shopPoints": "13"} {
		if got := c.search("shop", keyName, value); len(got) != 0 {
			t.Errorf("%s finds %d profiles, want none", keyName, len(got))
		}
	}

	t.Run("the same record again replaces its object", func(t *testing.T) {
		if again := c.put("shop", "ShopAccount", first); again != uniqueKey {
			t.Errorf("ProfileObjectUniqueKey %s, then %s", uniqueKey, again)
		}
		checkStats(t, c.stats("shop"), 1, 1, size(first))
	})
	t.Run("an older record changes nothing and a newer one wins", func(t *testing.T) {
		c.put("shop", "ShopAccount", p.account("A-1", fields{"given": "Old", "updated": "2025-01-01T00:00:00Z"}))
		if got := c.one("shop", "_account", "A-1"); *got.FirstName != p.first {
			t.Errorf("the first name is %q", *got.FirstName)
		}
		first = p.account("A-1", fields{"contact": fields{"mail": p.email, "tel": p.phone, "fax": "none"}, "updated": "2026-02-02T00:00:00Z", "points": 13})
		c.put("shop", "ShopAccount", first)
		got := c.one("shop", "shopPoints", "13")
		if got.Attributes["Tier"] != "gold" {
			t.Errorf("an empty value has blanked the attribute: %v", got.Attributes)
		}
		c.none("shop", "shopPoints", "12")
	})
	t.Run("a secondary key joins another record to the profile", func(t *testing.T) {
		second := fields{"id": "A-2", "contact": fields{"mail": strings.ToUpper(p.email)}, "updated": "2026-03-03T00:00:00Z"}
		c.put("shop", "ShopAccount", second)
		got := c.one("shop", "shopAccountId", "A-2")
		if *got.ProfileId != id || *got.AccountNumber != "A-2" || *got.FirstName != p.first {
			t.Errorf("got %+v", got)
		}
		if first := c.one("shop", "shopAccountId", "A-1"); *first.ProfileId != id {
			t.Errorf("A-1 finds %s", *first.ProfileId)
		}
		list := c.objects("shop", id, "ShopAccount")
		if len(list) != 2 || parsed(t, list[0].Object)["id"] != "A-2" || parsed(t, list[1].Object)["id"] != "A-1" {
			t.Errorf("objects are not listed newest first: %d of them", len(list))
		}
		if *list[1].Object != *object(first) {
			t.Error("the object is not as it was sent")
		}
	})
	t.Run("an asset, a case and an order are composed and found", func(t *testing.T) {
		c.put("shop", "Registration", fields{"serial": "SN-7", "model": "Kettle", "mail": p.email})
		c.put("shop", "Registration", fields{"serial": "SN-7", "bought": "2026-01-01", "mail": p.email})
		c.put("shop", "RepairTicket", fields{"no": "R-9", "title": "leaks", "status": "open", "serial": "SN-7", "mail": p.email})
		c.put("shop", "ShopOrder", fields{"no": "O-3", "account": "A-2", "total": 10.5, "lines": []fields{{"title": "cup", "price": "4"}, {"title": "lid", "price": "6.5"}}})
		for keyName, value := range map[string]string{"deviceSerial": "SN-7", "_serialNumber": "SN-7", "repairNo": "R-9", "shopOrderNo": "O-3"} {
			if got := c.one("shop", keyName, value); *got.ProfileId != id {
				t.Errorf("%s finds %s", keyName, *got.ProfileId)
			}
		}
		assets := c.objects("shop", id, "_asset")
		if len(assets) != 1 {
			t.Fatalf("%d assets", len(assets))
		}
		if a := parsed(t, assets[0].Object); a["SerialNumber"] != "SN-7" || a["ModelName"] != "Kettle" || a["PurchaseDate"] != "2026-01-01" || a["AssetId"] == nil {
			t.Errorf("the asset is %v", a)
		}
		cases := c.objects("shop", id, "_case")
		if len(cases) != 1 || parsed(t, cases[0].Object)["Title"] != "leaks" || parsed(t, cases[0].Object)["Status"] != "open" {
			t.Errorf("cases: %d", len(cases))
		}
		orders := c.objects("shop", id, "_order")
		if len(orders) != 1 {
			t.Fatalf("%d orders", len(orders))
		}
		o := parsed(t, orders[0].Object)
		if items := fmt.Sprint(o["OrderItems"]); o["TotalPrice"] != "10.5" || items != "[map[Price:4 Title:cup] map[Price:6.5 Title:lid]]" {
			t.Errorf("the order is %v", o)
		}
		id2 := parsed(t, assets[0].Object)["AssetId"].(string)
		for _, filter := range []types.ObjectFilter{{KeyName: aws.String("_assetId"), Values: []string{id2}}, {KeyName: aws.String("_serialNumber"), Values: []string{"SN-7"}}} {
			out, err := c.profiles.ListProfileObjects(t.Context(), &customerprofiles.ListProfileObjectsInput{DomainName: aws.String("shop"),
				ProfileId: &id, ObjectTypeName: aws.String("_asset"), ObjectFilter: &filter})
			if err != nil || len(out.Items) != 1 {
				t.Errorf("filter %s: %d assets, %v", *filter.KeyName, len(out.Items), err)
			}
			filter.Values = []string{"other"}
			out, err = c.profiles.ListProfileObjects(t.Context(), &customerprofiles.ListProfileObjectsInput{DomainName: aws.String("shop"),
				ProfileId: &id, ObjectTypeName: aws.String("_asset"), ObjectFilter: &filter})
			if err != nil || len(out.Items) != 0 {
				t.Errorf("filter %s of another value: %d assets, %v", *filter.KeyName, len(out.Items), err)
			}
		}
	})
	t.Run("what is listed must exist", func(t *testing.T) {
		_, err := c.profiles.ListProfileObjects(t.Context(), &customerprofiles.ListProfileObjectsInput{DomainName: aws.String("shop"), ProfileId: &id, ObjectTypeName: aws.String("Never")})
		refused(t, err, "ResourceNotFoundException")
		if list := c.objects("shop", id, "Zendesk-users"); len(list) != 0 {
			t.Errorf("%d objects of a type without any", len(list))
		}
	})
	t.Run("an object is deleted with what only it gave", func(t *testing.T) {
		_, err := c.profiles.DeleteProfileObject(t.Context(), &customerprofiles.DeleteProfileObjectInput{DomainName: aws.String("shop"),
			ProfileId: &id, ObjectTypeName: aws.String("ShopAccount"), ProfileObjectUniqueKey: &uniqueKey})
		if err != nil {
			t.Fatal(err)
		}
		c.none("shop", "shopAccountId", "A-1")
		if got := c.one("shop", "shopAccountId", "A-2"); got.FirstName != nil || got.Attributes["Tier"] != "" {
			t.Errorf("values of the deleted object are still there: %+v", got)
		}
		_, err = c.profiles.DeleteProfileObject(t.Context(), &customerprofiles.DeleteProfileObjectInput{DomainName: aws.String("shop"),
			ProfileId: &id, ObjectTypeName: aws.String("ShopAccount"), ProfileObjectUniqueKey: &uniqueKey})
		refused(t, err, "ResourceNotFoundException")
	})
}

func TestABatchAnswersForEachOfItsItems(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	c.objectType("shop", shopAccount())
	var items []types.BatchPutProfileObjectRequestItem
	for i := range 8 {
		items = append(items, types.BatchPutProfileObjectRequestItem{Id: aws.String(fmt.Sprint("i", i)), Object: object(fields{"id": fmt.Sprint("B-", i), "given": "Same"})})
	}
	items = append(items, types.BatchPutProfileObjectRequestItem{Id: aws.String("keyless"), Object: aws.String(`{"given":"x"}`)},
		types.BatchPutProfileObjectRequestItem{Id: aws.String("no-json"), Object: aws.String(`{"id":`)})
	in := &customerprofiles.BatchPutProfileObjectInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("ShopAccount"), Items: items}
	out, err := c.profiles.BatchPutProfileObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Successful) != 8 || len(out.Failed) != 2 {
		t.Fatalf("%d successful, %d failed", len(out.Successful), len(out.Failed))
	}
	for _, f := range out.Failed {
		if *f.Code != 400 || *f.Id == "keyless" && *f.Message != "The UNIQUE key or PROFILE key does not exist in the profile object" {
			t.Errorf("failed: %s %d %s", *f.Id, *f.Code, *f.Message)
		}
	}
	for i := range 8 {
		c.one("shop", "shopAccountId", fmt.Sprint("B-", i))
	}
	in.Items = append(items[:1:1], items[0])
	_, err = c.profiles.BatchPutProfileObject(t.Context(), in)
	refused(t, err, "BadRequestException", "Items")
	if n := c.stats("shop").ObjectCount; n != 8 {
		t.Errorf("%d objects", n)
	}
}

func TestTemplatesAreUsableWithoutBeingPut(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("crm", customerprofiles.CreateDomainInput{})
	p := s.person()
	var templates []string
	in := &customerprofiles.ListProfileObjectTypeTemplatesInput{MaxResults: aws.Int32(7)}
	for {
		out, err := c.profiles.ListProfileObjectTypeTemplates(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range out.Items {
			templates = append(templates, *i.TemplateId)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	for _, want := range []string{"CTR", "CTR-NoInferred", "CTR-AutoAssociateOnly", "Salesforce-Account", "Salesforce-Contact", "Salesforce-Asset",
		"Marketo-leads", "Zendesk-users", "Zendesk-tickets", "Servicenow-sys_user", "Servicenow-task", "Servicenow-incident", "Segment-Identify",
		"Shopify-Customer", "Shopify-DraftOrder", "Shopify-Order", "Campaign-Email", "Campaign-SMS", "Campaign-Telephony", "WebAnalytics-Clickstream"} {
		if !slices.Contains(templates, want) {
			t.Errorf("there is no template %s", want)
		}
		out, err := c.profiles.GetProfileObjectTypeTemplate(t.Context(), &customerprofiles.GetProfileObjectTypeTemplateInput{TemplateId: &want})
		if err != nil || len(out.Fields) == 0 || len(out.Keys) == 0 {
			t.Errorf("template %s: %+v, %v", want, out, err)
		}
	}
	c.put("crm", "Salesforce-Account", fields{"Id": "SF-1", "Name": p.name() + " Ltd", "Phone": p.phone, "BillingCity": "Torino", "PersonEmail": p.email, "FirstName": p.first, "LastName": p.last})
	got := c.one("crm", "_salesforceAccountId", "SF-1")
	if aws.ToString(got.BusinessName) != p.name()+" Ltd" || got.BillingAddress == nil || *got.BillingAddress.City != "Torino" || got.Attributes["sfdcAccountId"] != "SF-1" {
		t.Errorf("got %+v", got)
	}
	c.put("crm", "Zendesk-users", fields{"id": 77, "name": p.name(), "email": p.email, "phone": p.phone, "external_id": "x-77"})
	if found := c.search("crm", "_zendeskUserId", "77"); len(found) != 1 {
		t.Errorf("_zendeskUserId finds %d", len(found))
	}
	c.put("crm", "Segment-Identify", fields{"detail": fields{"event": fields{"detail": fields{"userId": "seg-5", "traits": fields{"email": p.email}}}}})
	if found := c.search("crm", "_segmentUserId", "seg-5"); len(found) != 1 {
		t.Errorf("_segmentUserId finds %d", len(found))
	}
	listed := c.types("crm")
	for _, want := range []string{"Salesforce-Account", "Zendesk-users", "Segment-Identify"} {
		if !slices.Contains(listed, want) {
			t.Errorf("%s is not among the object types %v", want, listed)
		}
	}
	// Put under a name of its own, and under its own name.
	for _, name := range []string{"Accounts", "Salesforce-Account"} {
		out := c.objectType("crm", &customerprofiles.PutProfileObjectTypeInput{ObjectTypeName: &name, Description: aws.String("accounts"), TemplateId: aws.String("Salesforce-Account")})
		if aws.ToString(out.TemplateId) != "Salesforce-Account" || len(out.Fields) == 0 {
			t.Errorf("%s: %+v", name, out)
		}
	}
	_, err := c.profiles.GetProfileObjectTypeTemplate(t.Context(), &customerprofiles.GetProfileObjectTypeTemplateInput{TemplateId: aws.String("None")})
	refused(t, err, "ResourceNotFoundException")
	_, err = c.tryPut("crm", "Nothing", fields{"id": 1})
	refused(t, err, "ResourceNotFoundException")
	_, err = c.tryPut("crm", "_profile", fields{"FirstName": "x"})
	refused(t, err, "BadRequestException", "ObjectTypeName")
}

// types are the names of a domain's object types.
func (c *client) types(domain string) []string {
	c.t.Helper()
	var names []string
	in := &customerprofiles.ListProfileObjectTypesInput{DomainName: &domain, MaxResults: aws.Int32(2)}
	for {
		out, err := c.profiles.ListProfileObjectTypes(c.t.Context(), in)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, i := range out.Items {
			names = append(names, *i.ObjectTypeName)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return names
		}
	}
}

func TestAnObjectTypeReadsBackAsItWasPutAndGoesWithItsData(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	in := shopAccount()
	in.SourcePriority, in.MaxProfileObjectCount, in.Tags = aws.Int32(2), aws.Int32(50), map[string]string{"owner": "web"}
	c.objectType("shop", in)
	s.restart()
	got, err := c.profiles.GetProfileObjectType(t.Context(), &customerprofiles.GetProfileObjectTypeInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("ShopAccount")})
	if err != nil {
		t.Fatal(err)
	}
	if *got.Description != *in.Description || !got.AllowProfileCreation || *got.SourceLastUpdatedTimestampFormat != *in.SourceLastUpdatedTimestampFormat ||
		*got.SourcePriority != 2 || *got.MaxProfileObjectCount != 50 || *got.ExpirationDays != 30 || got.Tags["owner"] != "web" || got.CreatedAt == nil {
		t.Errorf("got %+v", got)
	}
	if len(got.Fields) != len(in.Fields) || len(got.Keys) != len(in.Keys) {
		t.Errorf("%d fields and %d keys", len(got.Fields), len(got.Keys))
	}
	for name, f := range in.Fields {
		if g := got.Fields[name]; *g.Source != *f.Source || aws.ToString(g.Target) != aws.ToString(f.Target) || g.ContentType != f.ContentType {
			t.Errorf("field %s: %+v", name, g)
		}
	}
	// A script that reads a definition can put it back.
	c.objectType("shop", &customerprofiles.PutProfileObjectTypeInput{ObjectTypeName: got.ObjectTypeName, Description: got.Description,
		AllowProfileCreation: got.AllowProfileCreation, SourceLastUpdatedTimestampFormat: got.SourceLastUpdatedTimestampFormat, SourcePriority: got.SourcePriority,
		ExpirationDays: got.ExpirationDays, Fields: got.Fields, Keys: got.Keys})

	p := s.person()
	c.put("shop", "ShopAccount", p.account("A-1", nil))
	id := *c.one("shop", "shopAccountId", "A-1").ProfileId
	if _, err := c.profiles.UpdateProfile(t.Context(), &customerprofiles.UpdateProfileInput{DomainName: aws.String("shop"), ProfileId: &id, BusinessName: aws.String("by hand")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.profiles.DeleteProfileObjectType(t.Context(), &customerprofiles.DeleteProfileObjectTypeInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("ShopAccount")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.profiles.GetProfileObjectType(t.Context(), &customerprofiles.GetProfileObjectTypeInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("ShopAccount")})
	refused(t, err, "ResourceNotFoundException")
	eventually(t, soon, func() error {
		if n := c.stats("shop").ObjectCount; n != 0 {
			return fmt.Errorf("%d objects are left of the type", n)
		}
		return nil
	})
	left := c.one("shop", "_profileId", id)
	if left.FirstName != nil || left.PersonalEmailAddress != nil || left.AccountNumber != nil || aws.ToString(left.BusinessName) != "by hand" {
		t.Errorf("what the type gave is not scrubbed: %+v", left)
	}
	c.none("shop", "_email", p.email)
	c.none("shop", "_fullName", p.name())
}

func TestObjectTypesThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	c := startServer(t).admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	c.objectType("shop", registration())
	bad := func(change func(*customerprofiles.PutProfileObjectTypeInput)) *customerprofiles.PutProfileObjectTypeInput {
		in := shopAccount()
		change(in)
		return in
	}
	type input = customerprofiles.PutProfileObjectTypeInput
	for name, in := range map[string]*input{
		"no UNIQUE key":   bad(func(in *input) { in.Keys["shopAccountId"] = mapKey("acct", isProfile) }),
		"two UNIQUE keys": bad(func(in *input) { in.Keys["_phone"] = mapKey("tel", isUnique) }),
		"no PROFILE key":  bad(func(in *input) { in.Keys["shopAccountId"] = mapKey("acct", isUnique); delete(in.Keys, "_email") }),
		"UNIQUE and LOOKUP_ONLY": bad(func(in *input) {
			in.Keys["shopAccountId"] = mapKey("acct", isUnique, isProfile, types.StandardIdentifierLookupOnly)
		}),
		"a target without its identifier":   bad(func(in *input) { in.Fields["points"] = field("_source.points", "_asset.Price", asNumber) }),
		"a target that is no field":         bad(func(in *input) { in.Fields["points"] = field("_source.points", "_profile.Points", asNumber) }),
		"a target that is the profile's id": bad(func(in *input) { in.Fields["points"] = field("_source.points", "_profile.ProfileId", asText) }),
		"both kinds of gender": bad(func(in *input) {
			in.Fields["g1"], in.Fields["g2"] = field("_source.g", "_profile.Gender", asText), field("_source.g", "_profile.GenderString", asText)
		}),
		"a key of no field":              bad(func(in *input) { in.Keys["other"] = mapKey("nothing") }),
		"a key of another content type":  bad(func(in *input) { in.Keys["deviceSerial"] = mapKey("mail") }),
		"_profileId without LOOKUP_ONLY": bad(func(in *input) { in.Keys["_profileId"] = mapKey("acct", isProfile) }),
		"an unknown key with underscore": bad(func(in *input) { in.Keys["_mine"] = mapKey("acct") }),
		"Handlebars that do not parse":   bad(func(in *input) { in.Fields["points"] = field("{{#if _source.x}}", "", asText) }),
		"a time without its format":      bad(func(in *input) { in.SourceLastUpdatedTimestampFormat = nil }),
		"a name of a standard object":    bad(func(in *input) { in.ObjectTypeName = aws.String("_mine") }),
		"fields beside a template":       bad(func(in *input) { in.TemplateId = aws.String("CTR") }),
		"a template that is not there":   {ObjectTypeName: aws.String("X"), Description: aws.String("x"), TemplateId: aws.String("None")},
		"neither template nor fields":    {ObjectTypeName: aws.String("X"), Description: aws.String("x")},
		"more fields than a type can have": bad(func(in *input) {
			for i := range 251 {
				in.Fields[fmt.Sprint("f", i)] = field("_source.f", "", asText)
			}
		}),
		"more keys than a type can have": bad(func(in *input) {
			for i := range 10 {
				in.Keys[fmt.Sprint("k", i)] = mapKey("acct")
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			in.DomainName = aws.String("shop")
			_, err := c.profiles.PutProfileObjectType(t.Context(), in)
			refused(t, err, "BadRequestException")
		})
	}
	if listed := c.types("shop"); !slices.Equal(listed, []string{"Registration"}) {
		t.Errorf("object types %v", listed)
	}
}
