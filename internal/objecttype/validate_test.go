package objecttype_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"kindred/internal/fault"
	"kindred/internal/objecttype"
	"kindred/internal/standard"
)

type definition = objecttype.Definition

// base is a valid definition that each case changes.
func base() *definition {
	return &definition{Name: "Shop", Description: "web shop", AllowProfileCreation: true,
		Fields: map[string]objecttype.Field{
			"id":    {Source: "_source.id"},
			"mail":  {Source: "_source.mail", Target: "_profile.EmailAddress", ContentType: "EMAIL_ADDRESS"},
			"first": {Source: "_source.first", Target: "_profile.FirstName", ContentType: "NAME"},
			"list":  {Source: "_source.list[].n"},
		},
		Keys: map[string][]objecttype.KeyDef{
			"shopId": key("id", "PROFILE", "UNIQUE"),
			"_email": key("mail"),
		}}
}

func key(fields string, identifiers ...string) []objecttype.KeyDef {
	return []objecttype.KeyDef{{StandardIdentifiers: identifiers, FieldNames: strings.Split(fields, ",")}}
}

func target(name, path string) func(*definition) {
	return func(d *definition) { d.Fields[name] = objecttype.Field{Source: "_source.x", Target: path} }
}

func source(text string) func(*definition) {
	return func(d *definition) { d.Fields["x"] = objecttype.Field{Source: text} }
}

func keys(pairs ...any) func(*definition) {
	return func(d *definition) {
		for i := 0; i < len(pairs); i += 2 {
			d.Keys[pairs[i].(string)] = pairs[i+1].([]objecttype.KeyDef)
		}
	}
}

func all(changes ...func(*definition)) func(*definition) {
	return func(d *definition) {
		for _, c := range changes {
			c(d)
		}
	}
}

func closed(d *definition) { d.AllowProfileCreation = false }

func number(n int) *int { return &n }

// TestValidate has for each rule what breaks it and the nearest definition that
// does not.
func TestValidate(t *testing.T) {
	other := objecttype.DomainKeys{"crmId": "NUMBER", "_legacy": "STRING", "person": "NAME,STRING"}
	tests := []struct {
		rule   string
		change func(*definition)
		want   string // "" when valid
	}{
		{"as it is", func(*definition) {}, ""},

		{"1 no UNIQUE", keys("shopId", key("id", "PROFILE")), "Keys: exactly one key definition must have the identifier UNIQUE, not 0"},
		{"1 two UNIQUE", keys("b", key("first", "UNIQUE")), "Keys: exactly one key definition must have the identifier UNIQUE, not 2"},
		{"1 UNIQUE on another key than PROFILE", keys("shopId", key("id", "PROFILE"), "b", key("first", "UNIQUE")), ""},
		{"2 no PROFILE", all(keys("shopId", key("id", "UNIQUE")), func(d *definition) { d.Fields["mail"] = objecttype.Field{Source: "_source.mail"} }), "Keys: at least one key must have the identifier PROFILE"},
		{"2 PROFILE on another key", keys("shopId", key("id", "UNIQUE"), "_email", key("mail", "PROFILE")), ""},
		{"3 only LOOKUP_ONLY", keys("shopId", key("id", "UNIQUE"), "_email", key("mail", "PROFILE", "LOOKUP_ONLY")), "Keys: with AllowProfileCreation at least one PROFILE key must be without LOOKUP_ONLY and NEW_ONLY, so that a new profile can be found again"},
		{"3 only NEW_ONLY", keys("shopId", key("id", "UNIQUE"), "_email", key("mail", "PROFILE", "NEW_ONLY")), "Keys: with AllowProfileCreation at least one PROFILE key must be without LOOKUP_ONLY and NEW_ONLY, so that a new profile can be found again"},
		{"3 only LOOKUP_ONLY without AllowProfileCreation", all(closed, keys("shopId", key("id", "UNIQUE"), "_email", key("mail", "PROFILE", "LOOKUP_ONLY"))), ""},
		{"3 only _profileId", keys("shopId", key("id", "UNIQUE"), "_profileId", key("first", "PROFILE", "LOOKUP_ONLY")), ""},
		{"3 LOOKUP_ONLY and another", keys("hint", key("first", "PROFILE", "LOOKUP_ONLY")), ""},
		{"4 UNIQUE with LOOKUP_ONLY", keys("shopId", key("id", "PROFILE", "UNIQUE", "LOOKUP_ONLY")), "Key shopId: UNIQUE and LOOKUP_ONLY exclude each other"},
		{"4 UNIQUE with NEW_ONLY", keys("shopId", key("id", "PROFILE", "UNIQUE", "NEW_ONLY")), "Key shopId: UNIQUE and NEW_ONLY exclude each other"},
		{"4 UNIQUE with SECONDARY", keys("shopId", key("id", "PROFILE", "UNIQUE", "SECONDARY")), ""},
		{"5 _asset without ASSET", target("x", "_asset.Status"), "Field x: Target _asset.Status needs a key with the identifier ASSET"},
		{"5 _asset with ASSET", all(target("x", "_asset.Status"), keys("serial", key("first", "ASSET"))), ""},
		{"5 ASSET without _asset", keys("serial", key("first", "ASSET")), ""},
		{"5 _communicationRecord without its key", target("x", "_communicationRecord.Channel"), "Field x: Target _communicationRecord.Channel needs a key with the identifier COMMUNICATION_RECORD"},
		{"6 no such field", target("x", "_profile.Nickname"), "Field x: Target _profile.Nickname: _profile has no field Nickname"},
		{"6 a structure", target("x", "_profile.Address"), "Field x: Target _profile.Address: _profile has no field Address: Address is a structure, write Address.<field>"},
		{"6 a field of the structure", target("x", "_profile.Address.City"), ""},
		{"6 no such object", target("x", "_person.Name"), "Field x: Target _person.Name: _person is no standard object that an object type can fill"},
		{"6 an object of the domain", target("x", "_catalogItem.Name"), "Field x: Target _catalogItem.Name: _catalogItem is no standard object that an object type can fill"},
		{"6 no target at all", target("x", "FirstName"), `Field x: Target "FirstName": write _<object>.<field>, such as _profile.FirstName`},
		{"6 attribute", target("x", "_profile.Attributes.shoe size"), ""},
		{"6 attribute without a name", target("x", "_profile.Attributes"), `Field x: Target "_profile.Attributes": the name of the attribute is missing after Attributes`},
		{"6 templated event", all(target("x", "_communicationRecord.Events.{{kind}}.EventId"), keys("c", key("first", "COMMUNICATION_RECORD"))), ""},
		{"6 templated field", target("x", "_profile.{{kind}}"), "Field x: Target _profile.{{kind}}: {{}} can stand only for a name in a map, Attributes.<name> or Events.<name>.<field>"},
		{"7 ImportIds", target("x", "_profile.ImportIds"), "Field x: Target _profile.ImportIds is set by the service and cannot be mapped"},
		{"7 FoundByItems[]", target("x", "_profile.FoundByItems[]"), "Field x: Target _profile.FoundByItems[] is set by the service and cannot be mapped"},
		{"7 the id of another object", all(target("x", "_webAnalytics.DeviceId"), keys("w", key("first", "WEB_ANALYTICS"))), ""},
		{"8 Gender and GenderString", all(target("x", "_profile.Gender"), target("y", "_profile.GenderString")), "Fields x and y: an object type can have only one of the targets _profile.Gender and _profile.GenderString"},
		{"8 PartyType and PartyTypeString", all(target("x", "_profile.PartyTypeString"), target("y", "_profile.PartyType")), "Fields y and x: an object type can have only one of the targets _profile.PartyType and _profile.PartyTypeString"},
		{"8 Gender and PartyTypeString", all(target("x", "_profile.Gender"), target("y", "_profile.PartyTypeString")), ""},
		{"9 unknown field", keys("k", key("nope")), `Key k: FieldNames: "nope" is no field of the object type`},
		{"9 no fields", keys("k", []objecttype.KeyDef{{}}), "Key k: FieldNames is empty"},
		{"9 no definitions", keys("k", []objecttype.KeyDef(nil)), "Key k: at least one definition is required"},
		{"9 unknown identifier", keys("k", key("id", "ASSETS")), `Key k: "ASSETS" is no standard identifier`},
		{"10 other content types", keys("crmId", key("id")), "Key crmId: its fields have the content types STRING, and other object types of the domain define the key with NUMBER"},
		{"10 the same content types", all(func(d *definition) { d.Fields["n"] = objecttype.Field{Source: "_source.n", ContentType: "NUMBER"} }, keys("crmId", key("n"))), ""},
		{"10 the same content types in two definitions", keys("person", []objecttype.KeyDef{{FieldNames: []string{"first", "id"}}, {FieldNames: []string{"first"}}}), ""},
		{"10 an e-mail left as STRING, nowhere else defined", all(func(d *definition) {
			d.Fields["mail"] = objecttype.Field{Source: "_source.mail"}
		}), ""},
		{"11 _profileId", keys("_profileId", key("first", "PROFILE")), "Key _profileId: it holds ids that the service gives, and needs LOOKUP_ONLY"},
		{"11 _orderId", keys("_orderId", key("first", "ORDER")), "Key _orderId: it holds ids that the service gives, and needs LOOKUP_ONLY"},
		{"11 _caseId", keys("_caseId", key("first")), "Key _caseId: it holds ids that the service gives, and needs LOOKUP_ONLY"},
		{"11 _assetId", keys("_assetId", key("first", "ASSET", "NEW_ONLY")), "Key _assetId: it holds ids that the service gives, and needs LOOKUP_ONLY"},
		{"11 _assetId with LOOKUP_ONLY", keys("_assetId", key("first", "ASSET", "LOOKUP_ONLY")), ""},
		{"12 unknown underscore", keys("_mine", key("first")), "Key _mine: a name that begins with _ must be a predefined key or one that the domain has already"},
		{"12 known to the domain", keys("_legacy", key("id")), ""},
		{"12 predefined", keys("_account", key("id")), ""},
		{"13 field name with a digit first", target("1x", "_profile.LastName"), `Field "1x": a name has 1 to 64 letters, digits, _ . and -, the first one a letter`},
		{"13 field name with an underscore first", target("_x", "_profile.LastName"), `Field "_x": a name has 1 to 64 letters, digits, _ . and -, the first one a letter`},
		{"13 field name with a blank", target("a b", "_profile.LastName"), `Field "a b": a name has 1 to 64 letters, digits, _ . and -, the first one a letter`},
		{"13 field name of 65", target(strings.Repeat("a", 65), "_profile.LastName"), `Field "` + strings.Repeat("a", 65) + `": a name has 1 to 64 letters, digits, _ . and -, the first one a letter`},
		{"13 field name of 64", target("A_.-9"+strings.Repeat("a", 59), "_profile.LastName"), ""},
		{"13 Tags", target("Tags", "_profile.LastName"), "Field Tags: the names Tags and tags are not allowed"},
		{"13 tags", keys("tags", key("id")), "Key tags: the names Tags and tags are not allowed"},
		{"13 TAGS", keys("TAGS", key("id")), ""},
		{"13 key name", keys("a/b", key("id")), `Key "a/b": a name has 1 to 64 letters, digits, _ . and -, the first one a letter`},
		{"13 key name with a digit first", keys("9a", key("id")), `Key "9a": a name has 1 to 64 letters, digits, _ . and -, the first one a letter`},
		{"14 251 fields", fieldCount(251), "Fields: at most 250 fields, not 251"},
		{"14 250 fields", fieldCount(250), ""},
		{"14 11 key definitions", keyCount(9), "Keys: at most 10 key definitions, not 11"},
		{"14 10 key definitions", keyCount(8), ""},
		{"15 invalid template", source("{{#if _source.a}}x"), `Field x: Source "{{#if _source.a}}x": `},
		{"15 valid template", source("{{#if _source.a}}x{{/if}}"), ""},
		{"15 no source", source(""), "Field x: Source is required"},
		{"15 not from the record", source("Address.City"), `Field x: Source "Address.City": `},
		{"16 SECONDARY alone", keys("_email", key("mail", "SECONDARY")), "Key _email: SECONDARY needs PROFILE"},
		{"16 SECONDARY with PROFILE", keys("_email", key("mail", "PROFILE", "SECONDARY")), ""},
		{"17 time without a format", target("x", "_profile.SourceLastUpdatedTimestamp"), "Field x: Target _profile.SourceLastUpdatedTimestamp needs SourceLastUpdatedTimestampFormat"},
		{"17 time with a format", all(target("x", "_profile.SourceLastUpdatedTimestamp"), func(d *definition) { d.SourceLastUpdatedTimestampFormat = "EPOCHMILLI" }), ""},
		{"17 time of another object", all(target("x", "_case.SourceLastUpdatedTimestamp"), keys("c", key("first", "CASE"))), ""},
		{"17 not a format", func(d *definition) { d.SourceLastUpdatedTimestampFormat = "yyyy-qq" }, "SourceLastUpdatedTimestampFormat: "},

		{"content type", func(d *definition) { d.Fields["x"] = objecttype.Field{Source: "_source.x", ContentType: "TEXT"} }, "Field x: ContentType: one of STRING, NUMBER, PHONE_NUMBER, EMAIL_ADDRESS, NAME"},
		{"a list in one value", func(d *definition) {
			d.Fields["x"] = objecttype.Field{Source: "_source.x[].y", Target: "_profile.LastName"}
		}, "Field x: Target _profile.LastName takes one value, and a Source with [] gives a list"},
		{"a list in a list", all(func(d *definition) {
			d.Fields["x"] = objecttype.Field{Source: "_source.x[].y", Target: "_order.OrderItems[].Title"}
		}, keys("o", key("first", "ORDER"))), ""},
		{"a list in a UNIQUE key", keys("shopId", key("list", "PROFILE", "UNIQUE")), "Key shopId: field list gives a list, which cannot be UNIQUE or combined with other fields"},
		{"a list with another field", keys("k", key("list,id")), "Key k: field list gives a list, which cannot be UNIQUE or combined with other fields"},
		{"a list alone", keys("k", key("list", "PROFILE")), ""},
		{"no fields", func(d *definition) { d.Fields = nil }, "Fields and Keys: both are required when there is no TemplateId"},
		{"no keys", func(d *definition) { d.Keys = nil }, "Fields and Keys: both are required when there is no TemplateId"},
		{"no description", func(d *definition) { d.Description = "" }, "Description: 1 to 1000 characters"},
		{"long description", func(d *definition) { d.Description = strings.Repeat("é", 1001) }, "Description: 1 to 1000 characters"},
		{"reserved name", func(d *definition) { d.Name = "_profile" }, "ObjectTypeName: names that begin with _ are reserved for standard objects"},
		{"name", func(d *definition) { d.Name = "a b" }, "ObjectTypeName: 1 to 255 letters, digits, _ and -, the first one a letter"},
		{"priority 0", func(d *definition) { d.SourcePriority = number(0) }, "SourcePriority: 1 to 65535"},
		{"priority 1", func(d *definition) { d.SourcePriority = number(1) }, ""},
		{"expiration 1099", func(d *definition) { d.ExpirationDays = number(1099) }, "ExpirationDays: 1 to 1098"},
		{"expiration 1098", func(d *definition) { d.ExpirationDays = number(1098) }, ""},
		{"object count 0", func(d *definition) { d.MaxProfileObjectCount = number(0) }, "MaxProfileObjectCount: at least 1"},
		{"object count 1", func(d *definition) { d.MaxProfileObjectCount = number(1) }, ""},
	}
	var vectors []vector
	record := func(d *definition, rule string) {
		v := vector{Rule: rule, Definition: d, Domain: other}
		if f, ok := errors.AsType[*fault.Error](objecttype.Validate(d, other)); ok {
			v.Error = f.Message
		}
		vectors = append(vectors, v)
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			d := base()
			tt.change(d)
			for range 5 { // the same mistake is named whatever the order of the maps
				checkValidate(t, d, other, tt.want)
			}
			record(d, tt.rule)
		})
	}
	checkFile(t, "testdata/validation.json", vectors)
}

// vector is a case of TestValidate as testdata/validation.json has it. The
// console reads that file: what it checks while one types is what the server
// checks.
type vector struct {
	Rule       string                `json:"rule"`
	Error      string                `json:"error,omitempty"` // in full; empty when valid
	Definition *definition           `json:"definition"`
	Domain     objecttype.DomainKeys `json:"domain"` // the keys of the other object types
}

// checkFile compares vectors, one on a line, with a file.
func checkFile(t *testing.T, file string, vectors []vector) {
	t.Helper()
	var lines []string
	for _, v := range vectors {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(b.String()))
	}
	want := "[\n" + strings.Join(lines, ",\n") + "\n]\n"
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not of these cases; write it anew with -update", file)
	}
}

func fieldCount(n int) func(*definition) {
	return func(d *definition) {
		for i := len(d.Fields); i < n; i++ {
			d.Fields[fmt.Sprint("f", i)] = objecttype.Field{Source: "_source.f"}
		}
	}
}

func keyCount(n int) func(*definition) {
	return func(d *definition) {
		d.Keys["many"] = nil
		for range n {
			d.Keys["many"] = append(d.Keys["many"], objecttype.KeyDef{FieldNames: []string{"first"}})
		}
	}
}

// checkValidate compares the error; one that is not whole ends with a blank.
func checkValidate(t *testing.T, d *definition, other objecttype.DomainKeys, want string) {
	t.Helper()
	err := objecttype.Validate(d, other)
	if want == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		if _, err := objecttype.Compile(d); err != nil {
			t.Fatalf("valid, but Compile: %v", err)
		}
		return
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Invalid {
		t.Fatalf("error %v, want an Invalid fault", err)
	}
	if f.Message != want && !(strings.HasSuffix(want, " ") && strings.HasPrefix(f.Message, want)) {
		t.Errorf("got  %s\nwant %s", f.Message, want)
	}
}

// TestOwnIDsAreNoTargets covers rule 7 for every standard object.
func TestOwnIDsAreNoTargets(t *testing.T) {
	for _, o := range standard.Objects() {
		if o.Domain {
			continue
		}
		d := base()
		d.Keys["other"] = key("first", o.Identifier)
		target("x", o.Name+"."+o.ID)(d)
		checkValidate(t, d, nil, fmt.Sprintf("Field x: Target %s.%s is set by the service and cannot be mapped", o.Name, o.ID))
		target("x", o.Name+".Attributes.x")(d)
		checkValidate(t, d, nil, "")
		delete(d.Keys, "other")
		if o.Name != "_profile" {
			checkValidate(t, d, nil, fmt.Sprintf("Field x: Target %s.Attributes.x needs a key with the identifier %s", o.Name, o.Identifier))
		}
	}
}

func TestTemplates(t *testing.T) {
	want := strings.Fields(`CTR CTR-AutoAssociateOnly CTR-NoInferred Campaign-Email Campaign-Orchestration Campaign-SMS
		Campaign-Telephony Campaign-WebNotification Campaign-WhatsApp Marketo-Multi-Lead-Account-Link Marketo-leads
		Salesforce-Account Salesforce-Asset Salesforce-Contact Salesforce-Multi-Asset-Account-Link
		Salesforce-Multi-Contact-Account-Link Segment-Customer Segment-Identify Servicenow-incident Servicenow-sys_user
		Servicenow-task Shopify-Customer Shopify-DraftOrder Shopify-Order WebAnalytics-Clickstream Zendesk-tickets Zendesk-users`)
	var got []string
	domain := objecttype.DomainKeys{}
	for _, template := range objecttype.Templates() {
		got = append(got, template.ID)
		if template.SourceName == "" || template.SourceObject == "" {
			t.Errorf("%s: no source", template.ID)
		}
		d := template.Definition("Mine")
		// The templates agree with each other on their keys.
		if err := objecttype.Validate(&d, domain); err != nil {
			t.Errorf("%s: %v", template.ID, err)
		}
		domain.Add(&d)
		for name, defs := range d.Keys {
			k, ok := standard.LookupKey(name)
			if !ok {
				t.Errorf("%s: %s is no predefined key", template.ID, name)
				continue
			}
			if k.Object == "" && !k.Filters(template.ID) {
				t.Errorf("%s: its objects cannot be listed by %s", template.ID, name)
			}
			defs[0].FieldNames[0] = "changed" // must not reach the template
		}
		d.Fields["more"] = objecttype.Field{}
		if again := template.Definition("Mine"); objecttype.Validate(&again, nil) != nil {
			t.Errorf("%s: a caller changed the template", template.ID)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("templates %v, want %v", got, want)
	}
	if _, ok := objecttype.TemplateByID("Salesforce"); ok {
		t.Error("Salesforce is a template")
	}
}

// TestRoundTrip: what is stored, and what a client reads, can be put again.
func TestRoundTrip(t *testing.T) {
	d := base()
	d.SourcePriority, d.ExpirationDays, d.MaxProfileObjectCount, d.EncryptionKey = number(3), number(30), number(5), "arn:aws:kms:us-east-1:000000000000:key/k"
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var again definition
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*d, again) {
		t.Errorf("got %+v, want %+v", again, *d)
	}
	if err := objecttype.Validate(&again, nil); err != nil {
		t.Error(err)
	}
}

func TestIdentifiers(t *testing.T) {
	s := objecttype.SetOf(objecttype.Profile, objecttype.Asset, objecttype.LoyaltyPromotion, objecttype.Unique)
	if got := s.String(); got != "PROFILE,ASSET,LOYALTY_PROMOTION,UNIQUE" {
		t.Error(got)
	}
	if !s.Has(objecttype.Unique) || s.Has(objecttype.Secondary) || !s.Matching() {
		t.Error("Has or Matching is wrong")
	}
	if got := s.Kinds(); !reflect.DeepEqual(got, []string{"_asset", "_loyaltyPromotion"}) {
		t.Error(got)
	}
	if search := objecttype.SetOf(objecttype.Unique, objecttype.LookupOnly); search.Matching() || search.Kinds() != nil {
		t.Error("UNIQUE alone finds no object")
	}
	for _, o := range standard.Objects() {
		if _, ok := objecttype.ParseIdentifier(o.Identifier); ok == o.Domain {
			t.Errorf("%s: identifier %q", o.Name, o.Identifier)
		}
	}
}
