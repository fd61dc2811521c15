package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"kindred/internal/mapping"
)

func TestTargets(t *testing.T) {
	tests := []struct {
		target, document string
		object, path     string
		list, templated  bool
	}{
		{target: "_profile.FirstName", object: "_profile", path: "FirstName"},
		{target: "_profile.Address.City", object: "_profile", path: "Address.City"},
		{target: "_order.OrderItems[].Title", object: "_order", path: "OrderItems[].Title", list: true},
		{target: "_profile.FoundByItems[]", object: "_profile", path: "FoundByItems[]", list: true},
		{target: "_profile.Attributes.Tier", object: "_profile", path: "Attributes.Tier"},
		{target: "_profile.Attributes.any name", object: "_profile", path: "Attributes.any name"},
		{target: "_profile.Attributes.a_b-c 9", object: "_profile", path: "Attributes.a_b-c 9"},
		{target: "_profile.Attributes.Größe (cm)", object: "_profile", path: "Attributes.Größe (cm)"},
		{target: "_profile.Attributes." + strings.Repeat("é", 255), object: "_profile", path: "Attributes." + strings.Repeat("é", 255)},
		{target: "_communicationRecord.Events.Bounce.Attributes.BounceType", object: "_communicationRecord", path: "Events.Bounce.Attributes.BounceType"},
		{target: "_communicationRecord.Events.{{campaign_event_type}}.EventId", document: `{"campaign_event_type":"Open"}`,
			object: "_communicationRecord", path: "Events.Open.EventId", templated: true},
		{target: "_communicationRecord.Events.{{ _source.campaign_event_type }}.EventId", document: `{"campaign_event_type":"Open"}`,
			object: "_communicationRecord", path: "Events.Open.EventId", templated: true},
		{target: "_communicationRecord.Events.{{a.b}}.Errors[].Code", document: `{"a":{"b":"x-1_Y"}}`,
			object: "_communicationRecord", path: "Events.x-1_Y.Errors[].Code", list: true, templated: true},
		{target: "_communicationRecord.Events.{{t}}.Attributes.IsoCountryCode", document: `{"t":12}`,
			object: "_communicationRecord", path: "Events.12.Attributes.IsoCountryCode", templated: true},
		{target: "_profile.Attributes.{{name}}", document: `{"name":"n"}`, object: "_profile", path: "Attributes.n", templated: true},
	}
	for _, tt := range tests {
		target, err := mapping.ParseTarget(tt.target)
		if err != nil {
			t.Error(err)
			continue
		}
		doc := mapping.Document{}
		if tt.document != "" {
			doc = parse(t, tt.document)
		}
		path, ok, err := target.Resolve(doc)
		if err != nil || !ok || path != tt.path || target.Object != tt.object {
			t.Errorf("%s: %q %q %t %v, want %q %q", tt.target, target.Object, path, ok, err, tt.object, tt.path)
		}
		if target.IsList() != tt.list || target.Templated() != tt.templated || target.String() != tt.target {
			t.Errorf("%s: IsList %t, Templated %t, String %q", tt.target, target.IsList(), target.Templated(), target)
		}
	}
}

func TestTargetSegments(t *testing.T) {
	target, err := mapping.ParseTarget("_communicationRecord.Events.{{t}}.Errors[].Code")
	if err != nil {
		t.Fatal(err)
	}
	p := target.Path
	if len(p) != 4 || p[0].Name != "Events" || p[1].Name != "" || p[1].Template == nil || p[2].Name != "Errors" || !p[2].List || p[3].Name != "Code" || p[3].List {
		t.Errorf("segments %+v", p)
	}
}

func TestRefusedTargets(t *testing.T) {
	for target, reason := range map[string]string{
		"":                                     "write _<object>.<field>",
		"_profile":                             "write _<object>.<field>",
		"profile.FirstName":                    "write _<object>.<field>",
		"_.FirstName":                          "write _<object>.<field>",
		"_pro file.FirstName":                  "write _<object>.<field>",
		"_profile[].FirstName":                 "write _<object>.<field>",
		"{{o}}.FirstName":                      "write _<object>.<field>",
		"_profile.":                            "a segment is empty",
		"_profile..City":                       "a segment is empty",
		"_profile.Address.":                    "a segment is empty",
		"_profile.[]":                          "a segment is empty",
		"_profile.First Name":                  "letters, digits, _ and -",
		"_profile.Fi\nrst":                     "letters, digits, _ and -",
		"_profile." + strings.Repeat("a", 256): "letters, digits, _ and -, at most 255",
		"_order.A[].B[]":                       "one [] at most",
		"_profile.Attributes":                  "the name of the attribute is missing",
		"_profile.Attributes.":                 "1 to 255 characters",
		"_profile.Attributes.a.b":              "no dots",
		"_profile.Attributes.a[]":              "no dots, brackets",
		"_profile.Attributes[].a":              "a map, not a list",
		"_profile.Attributes. a":               "begins or ends with a blank",
		"_profile.Attributes.a\tb":             "printable",
		"_profile.Attributes.{{a}}.b":          "a custom attribute has no parts",
		"_profile.Attributes." + strings.Repeat("a", 256): "1 to 255 characters",
		"_x.Events.{{t}.EventId":                          "{{ without }}",
		"_x.Events.{{t}}s.EventId":                        "must be a whole segment",
		"_x.Events.s{{t}}.EventId":                        "letters, digits, _ and -",
		"_x.Events.{{}}.EventId":                          "a name is empty",
		"_x.Events.{{a[]}}.EventId":                       "a segment cannot be a list",
		"_x.Events.{{#if a}}.EventId":                     "",
		"_x." + strings.Repeat("a.", 500):                 "at most 1000 characters",
		"_x.\xff":                                         "UTF-8",
	} {
		var syntax *mapping.SyntaxError
		if _, err := mapping.ParseTarget(target); !errors.As(err, &syntax) && reason != "" || err != nil && !strings.Contains(err.Error(), reason) {
			t.Errorf("ParseTarget(%q): %v, want %q", target, err, reason)
		}
	}
}

func TestTemplatedTargetsWithoutAPlace(t *testing.T) {
	target, err := mapping.ParseTarget("_communicationRecord.Events.{{t}}.EventId")
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range []string{`{}`, `{"t":""}`, `{"t":null}`, `{"t":{}}`, `{"t":"a.b"}`, `{"t":"a b"}`, `{"t":"é"}`, `{"t":"` + strings.Repeat("x", 65) + `"}`} {
		missing := strings.Contains(`{} {"t":""} {"t":null}`, document)
		path, ok, err := target.Resolve(parse(t, document))
		if ok || path != "" || (err == nil) != missing {
			t.Errorf("%s: %q, %t, %v", document, path, ok, err)
		}
		if err != nil && strings.Contains(err.Error(), "a.b") {
			t.Errorf("the error repeats the value: %v", err)
		}
	}
	if path, ok, err := target.Resolve(parse(t, `{"t":"`+strings.Repeat("x", 64)+`"}`)); !ok || err != nil || len(path) != len("Events..EventId")+64 {
		t.Errorf("64 characters: %q, %t, %v", path, ok, err)
	}
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"_profile.FirstName", "_order.OrderItems[].Title", "_profile.Attributes.any name", "_x.Events.{{a.b}}.Errors[].Code", "_x.{{['a b']}}", "_x.{{_source}}"} {
		f.Add(s, `{"a":{"b":"Open"},"a b":"Close"}`)
	}
	f.Fuzz(func(t *testing.T, text, document string) {
		target, err := mapping.ParseTarget(text)
		if err != nil {
			return
		}
		doc, err := mapping.ParseDocument([]byte(document))
		if err != nil {
			return
		}
		path, ok, err := target.Resolve(doc)
		switch {
		case ok && (err != nil || path == ""), !ok && path != "":
			t.Fatalf("%q: %q, %t, %v", text, path, ok, err)
		case ok:
			// The concrete path is a target too, for the same place.
			again, err := mapping.ParseTarget(target.Object + "." + path)
			if err != nil {
				t.Fatalf("%q became %q: %v", text, path, err)
			}
			if p, ok, err := again.Resolve(mapping.Document{}); p != path || !ok || err != nil {
				t.Fatalf("%q became %q, which is %q", text, path, p)
			}
		}
	})
}
