package objecttype_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kindred/internal/fault"
	"kindred/internal/mapping"
	"kindred/internal/objecttype"
	"kindred/internal/standard"
)

func compile(t testing.TB, d *definition) *objecttype.Compiled {
	t.Helper()
	if err := objecttype.Validate(d, nil); err != nil {
		t.Fatal(err)
	}
	c, err := objecttype.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t testing.TB, text string) mapping.Document {
	t.Helper()
	doc, err := mapping.ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestKeyOrder: the more specific a key, the earlier it is tried.
func TestKeyOrder(t *testing.T) {
	d := base()
	d.Fields = map[string]objecttype.Field{"f": {Source: "_source.f"}, "n": {Source: "_source.f", ContentType: "NAME"}}
	d.Keys = map[string][]objecttype.KeyDef{
		"_fullName": key("n"), "_phone": key("f", "PROFILE"), "_email": key("f", "PROFILE"), "_account": key("f"),
		"_salesforceAccountId": key("f", "PROFILE"), "_salesforceContactId": key("f", "PROFILE"),
		"aaa": key("f", "PROFILE"), "bbb": key("f", "PROFILE"), "zzz": key("f", "UNIQUE"),
		"_profileId": key("f", "PROFILE", "LOOKUP_ONLY"),
	}
	c := compile(t, d)
	m, err := c.Map(parse(t, `{"f":"206 345 7890"}`), "US")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range m.Keys {
		got = append(got, k.Name)
	}
	want := strings.Fields("zzz _profileId aaa bbb _salesforceContactId _salesforceAccountId _account _email _phone _fullName")
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !c.DefinesKey("aaa") || c.DefinesKey("_caseId") {
		t.Error("DefinesKey is wrong")
	}
}

// TestPredefinedKeysHaveOneNormalForm: a field left as STRING does not split
// the namespace of a predefined key.
func TestPredefinedKeysHaveOneNormalForm(t *testing.T) {
	d := base()
	d.Fields["mail"] = objecttype.Field{Source: "_source.mail"}
	d.Fields["tel"] = objecttype.Field{Source: "_source.tel"}
	d.Keys["_phone"] = key("tel")
	m, err := compile(t, d).Map(parse(t, `{"id":"1","mail":"Zoe@EX.org","tel":"(090) 12 34 56"}`), "SE")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, k := range m.Keys {
		got[k.Name] = k.Value
	}
	if got["_email"] != "zoe@ex.org" || got["_phone"] != "+4690123456" {
		t.Errorf("got %v", got)
	}
}

func TestAutomaticFill(t *testing.T) {
	d := base()
	d.Fields["a"] = objecttype.Field{Source: "_source.a", ContentType: "EMAIL_ADDRESS"}
	d.Fields["tel"] = objecttype.Field{Source: "_source.tel[].n", ContentType: "PHONE_NUMBER"}
	c := compile(t, d)
	tests := []struct{ name, record, email, phone string }{
		{"the field with the target comes first", `{"id":1,"a":"a@x","mail":"m@x"}`, "m@x", ""},
		{"another field when that is empty", `{"id":1,"a":"a@x"}`, "a@x", ""},
		{"the first of a list", `{"id":1,"tel":[{},{"n":" "},{"n":"1"},{"n":"2"}]}`, "", "1"},
		{"a number without digits is none", `{"id":1,"tel":[{"n":"anonymous"}]}`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := c.Map(parse(t, tt.record), "US")
			if err != nil {
				t.Fatal(err)
			}
			if m.Email != tt.email || m.Phone != tt.phone {
				t.Errorf("got %q and %q, want %q and %q", m.Email, m.Phone, tt.email, tt.phone)
			}
		})
	}
}

func TestMapErrors(t *testing.T) {
	d := base()
	d.Fields["items"] = objecttype.Field{Source: "_source.items"}
	d.Fields["tel"] = objecttype.Field{Source: "_source.tel[].n"}
	d.Fields["untargeted"] = objecttype.Field{Source: "_source.a", ContentType: "EMAIL_ADDRESS"}
	d.Keys["items"], d.Keys["tels"] = key("items"), key("tel")
	c := compile(t, d)
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"n":"%d"}`, i))
		}
		return `{"id":1,"tel":[` + strings.Join(list, ",") + `]}`
	}
	tests := []struct {
		name, record, want string
		missing            bool
	}{
		{name: "no key", record: `{}`, want: "The UNIQUE key or PROFILE key does not exist in the profile object", missing: true},
		{name: "an empty array is no value", record: `{"id":null,"tel":[]}`, want: "The UNIQUE key or PROFILE key does not exist in the profile object", missing: true},
		{name: "too large", record: `{"id":1,"items":"` + strings.Repeat("x", 1<<16) + `x"}`, want: "field items: more than 65536 bytes of result"},
		{name: "long key", record: `{"id":"` + strings.Repeat("x", 1001) + `"}`, want: "key shopId: the value is longer than 1000 characters"},
		{name: "long name", record: `{"id":1,"first":"` + strings.Repeat("x", 256) + `"}`, want: "field first: the value is longer than 255 characters, which Target _profile.FirstName takes"},
		{name: "long address", record: `{"id":1,"a":"` + strings.Repeat("x", 256) + `"}`, want: "field untargeted: an e-mail address or telephone number has at most 255 characters"},
		{name: "51 values of a key", record: many(51), want: "key tels: a list gives at most 50 values"},
		{name: "50 values of a key", record: many(50)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Map(parse(t, tt.record), "US")
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || err.Error() != tt.want {
				t.Fatalf("error %v, want %s", err, tt.want)
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Message != tt.want {
				t.Errorf("as a fault: %+v", f)
			}
			if errors.Is(err, objecttype.ErrMissingKey) != tt.missing {
				t.Errorf("ErrMissingKey: want %t", tt.missing)
			}
		})
	}
}

// FuzzMap: whatever the definition and the record, a valid definition maps
// without a panic, and what comes out keeps what Mapped promises.
func FuzzMap(f *testing.F) {
	for _, template := range objecttype.Templates() {
		b, err := json.Marshal(template)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte(`{"Id":"1","id":2,"contactId":"c","campaign_event_type":"Open"}`))
	}
	b, err := json.Marshal(base())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, []byte(`{"id":" 1","mail":"a@b","list":[{"n":1},[],{"n":{}}]}`))
	f.Fuzz(func(t *testing.T, definitionText, record []byte) {
		d := base()
		if json.Unmarshal(definitionText, d) != nil || objecttype.Validate(d, nil) != nil {
			d = base()
		}
		c, err := objecttype.Compile(d)
		if err != nil {
			t.Fatalf("valid, but Compile: %v", err)
		}
		doc, err := mapping.ParseDocument(record)
		if err != nil {
			return
		}
		m, err := c.Map(doc, "US")
		var value *objecttype.ValueError
		if err != nil {
			if !errors.Is(err, objecttype.ErrMissingKey) && !errors.As(err, &value) {
				t.Fatalf("error %v", err)
			}
			return
		}
		checkMapped(t, m)
	})
}

func checkMapped(t *testing.T, m *objecttype.Mapped) {
	t.Helper()
	if m.Unique == "" || m.UniqueKey == "" {
		t.Error("no UNIQUE key")
	}
	for _, k := range m.Keys {
		if k.Value == "" || k.Given == "" {
			t.Errorf("key %s is empty", k.Name)
		}
	}
	for _, o := range m.Objects {
		if len(o.Fields) == 0 {
			t.Errorf("%s has no fields", o.Object)
		}
		for i, v := range o.Fields {
			if i > 0 && o.Fields[i-1].Path >= v.Path {
				t.Errorf("%s: %s is not in order", o.Object, v.Path)
			}
			if v.IsList == (v.Text != "") {
				t.Errorf("%s.%s: %+v", o.Object, v.Path, v)
			}
		}
		s, ok := standard.Lookup(o.Object)
		if !ok {
			t.Fatalf("%s is no standard object", o.Object)
		}
		if out, err := s.Render(o.Fields); err != nil || !json.Valid(out) {
			t.Errorf("%s: %q, %v", o.Object, out, err)
		}
	}
}

const oneKB = `{"id":"A-000123456789","updated":"2024-02-29T12:34:56Z","given":"Zoe","family":"Lund",
 "contact":{"mail":"Zoe.Lund@example.org","tel":"+1 (206) 345-7890","fax":null},
 "address":{"street":"12 Long Meadow Lane","city":"Seattle","state":"WA","zip":"98101","country":"US"},
 "vip":true,"points":1234567,"balance":1.10,"segment":"frequent flyer","language":"en-US","birthday":"1990-05-17",
 "gender":"F","company":"Lund and Daughters Limited","title":"Director of Logistics",
 "notes":"Prefers to be called in the morning; has asked twice for the new catalogue. Ask her about the spring offers when she calls again, and about the delivery of the second parcel, which went to the old address in Tacoma first.",
 "channel":"web","campaign":"spring-2024","consent":false,"region":"north-west","agent":"a-17","score":0.875,
 "store":"Seattle Central","source":"counter","created":"2019-11-03T08:15:00Z","batch":"2024-02-29-0017"}`

// BenchmarkMap maps a record of 1 kB with 20 fields and 3 keys.
func BenchmarkMap(b *testing.B) {
	d := &definition{Name: "Shop", Description: "x", SourceLastUpdatedTimestampFormat: "yyyy-MM-dd'T'HH:mm:ss'Z'",
		Fields: map[string]objecttype.Field{}, Keys: map[string][]objecttype.KeyDef{
			"shopId": key("AccountNumber", "PROFILE", "UNIQUE"), "_email": key("EmailAddress", "PROFILE", "SECONDARY"), "_phone": key("PhoneNumber")}}
	for target, source := range map[string]string{
		"AccountNumber": "id", "EmailAddress": "contact.mail", "PhoneNumber": "contact.tel", "FirstName": "given", "LastName": "family",
		"Address.Address1": "address.street", "Address.City": "address.city", "Address.State": "address.state", "Address.PostalCode": "address.zip",
		"Address.Country": "address.country", "BirthDate": "birthday", "Gender": "gender", "BusinessName": "company", "AdditionalInformation": "notes",
		"Attributes.points": "points", "Attributes.segment": "segment", "Attributes.language": "language", "Attributes.score": "score",
		"Attributes.vip": "vip", "SourceLastUpdatedTimestamp": "updated"} {
		d.Fields[strings.ReplaceAll(target, ".", "-")] = objecttype.Field{Source: "_source." + source, Target: "_profile." + target}
	}
	if len(d.Fields) != 20 {
		b.Fatalf("%d fields", len(d.Fields))
	}
	c := compile(b, d)
	doc := parse(b, oneKB)
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Map(doc, "US"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		data := []byte(oneKB)
		for b.Loop() {
			if _, err := mapping.ParseDocument(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCompileTemplate makes the object type of the largest template.
func BenchmarkCompileTemplate(b *testing.B) {
	template, ok := objecttype.TemplateByID("WebAnalytics-Clickstream")
	if !ok {
		b.Fatal("no template")
	}
	b.ReportAllocs()
	for b.Loop() {
		d := template.Definition("x")
		if _, err := objecttype.Compile(&d); err != nil {
			b.Fatal(err)
		}
	}
}
