package objecttype_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kindred/internal/mapping"
	"kindred/internal/objecttype"
)

func typeOf(t *testing.T, def *objecttype.Definition) *objecttype.Type {
	t.Helper()
	c, err := objecttype.Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	return &objecttype.Type{Definition: def, Compiled: c}
}

// agree checks that the account of a record is that of what Map makes of it.
func agree(t *testing.T, typ *objecttype.Type, doc mapping.Document) {
	t.Helper()
	m, err := typ.Map(doc, "US")
	a := typ.Explain(doc, "US")
	problems := map[string]bool{}
	var keys []objecttype.KeyValue
	for _, k := range a.Keys {
		keys = append(keys, k.Values...)
		problems["key "+k.Name+": "+k.Problem] = true
		if (len(k.Values) == 0) == (k.Problem == "") {
			t.Errorf("key %s has %d values and the problem %q", k.Name, len(k.Values), k.Problem)
		}
	}
	written := map[string]string{}
	for _, f := range a.Fields {
		problems["field "+f.Name+": "+f.Problem] = true
		for _, path := range f.Writes {
			written[path] = f.Name
		}
		if f.Text == "" && len(f.List) == 0 && f.Problem == "" {
			t.Errorf("field %s has no value and no problem", f.Name)
		}
	}
	if bad, ok := errors.AsType[*objecttype.ValueError](err); ok {
		if !problems[bad.Error()] {
			t.Errorf("Map says %q, the account %v", bad, problems)
		}
		return
	}
	if err != nil {
		return
	}
	if !slices.Equal(keys, m.Keys) {
		t.Errorf("keys %+v, want %+v", keys, m.Keys)
	}
	for _, o := range m.Objects {
		for _, v := range o.Fields {
			path := o.Object + "." + v.Path
			if _, ok := written[path]; !ok {
				t.Errorf("Map writes %s, of which the account says nothing", path)
			}
			delete(written, path)
		}
	}
	for path := range written {
		if m.SourceTime.IsZero() || !strings.HasSuffix(path, "SourceLastUpdatedTimestamp") {
			t.Errorf("the account writes %s, and Map does not", path)
		}
	}
}

// TestExplainAgreesWithMap: for all records of testdata, and for those records
// with members taken away.
func TestExplainAgreesWithMap(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		sections := readSections(t, file)
		var def objecttype.Definition
		if sections[0].name == "template" {
			template, _ := objecttype.TemplateByID(strings.TrimSpace(sections[0].text))
			def = template.Definition(template.ID)
		} else if err := json.Unmarshal([]byte(sections[0].text), &def); err != nil {
			t.Fatal(err)
		}
		typ := typeOf(t, &def)
		for _, s := range sections[1:] {
			if s.name == "result" {
				continue
			}
			agree(t, typ, parse(t, s.text))
			var members map[string]any
			if json.Unmarshal([]byte(s.text), &members) != nil {
				continue
			}
			for name, value := range members {
				for _, less := range []any{nil, "", strings.Repeat("x", 300), []any{}} {
					members[name] = less
					b, _ := json.Marshal(members)
					agree(t, typ, parse(t, string(b)))
				}
				members[name] = value
			}
		}
	}
}

func TestExplainSaysWhyNot(t *testing.T) {
	def := base()
	def.SourceLastUpdatedTimestampFormat = "EpochMilli"
	def.Fields = map[string]objecttype.Field{
		"id": {Source: "_source.id"}, "a": {Source: "_source.first", Target: "_profile.FirstName"},
		"b":      {Source: "_source.first", Target: "_profile.FirstName"},
		"gender": {Source: "_source.gender", Target: "_profile.Gender"},
		"long":   {Source: "_source.long", Target: "_profile.LastName"},
		"title":  {Source: "_source.title", Target: "_case.Title"}, "no": {Source: "_source.no"},
		"tel": {Source: "_source.address", ContentType: "PHONE_NUMBER"}, "mail": {Source: "_source.address", ContentType: "EMAIL_ADDRESS"},
		"unused": {Source: "_source.first"}, "gone": {Source: "_source.x.y", Target: "_profile.MiddleName"},
		"upd": {Source: "_source.first", Target: "_profile.SourceLastUpdatedTimestamp"},
	}
	def.Keys = map[string][]objecttype.KeyDef{"k": key("id", "PROFILE", "UNIQUE"), "caseNo": key("no", "CASE"), "_email": key("mail"), "_phone": key("tel"),
		"both": {{FieldNames: []string{"id", "no"}, StandardIdentifiers: []string{"PROFILE"}}}}
	if err := objecttype.Validate(def, nil); err != nil {
		t.Fatal(err)
	}
	a := typeOf(t, def).Explain(parse(t, `{"id":"1","first":"Ann","gender":"f","long":"`+strings.Repeat("x", 256)+`","title":"T","address":"a@x.org"}`), "US")
	got := map[string]string{}
	for _, f := range a.Fields {
		got[f.Name] = strings.Join(append(f.Writes, f.Problem), "|")
	}
	for _, k := range a.Keys {
		got["key "+k.Name] = k.Problem
	}
	want := map[string]string{
		"id": "", "a": "_profile.FirstName|", "b": "the field a has the same Target and goes first",
		"gender": "_profile.Gender|_profile.GenderString|",
		"long":   "the value is longer than 255 characters, which Target _profile.LastName takes",
		"title":  "no key with the identifier CASE has a value, so _case is not written", "no": "the record has no _source.no",
		"tel":  "the value does not look like one of type PHONE_NUMBER, and a field of another type has the same Source",
		"mail": "", "unused": "no key and no Target uses the field", "gone": "the record has no _source.x",
		"upd":   "the value is no time in the format of the object type, so the record has no time by it",
		"key k": "", "key caseNo": "the field no has no value", "key both": "the field no has no value", "key _email": "", "key _phone": "the field tel has no value",
	}
	if !reflect.DeepEqual(got, want) {
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s: got %q, want %q", name, got[name], want[name])
			}
		}
	}
}
