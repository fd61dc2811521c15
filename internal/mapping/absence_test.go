package mapping_test

import (
	"testing"

	"kindred/internal/mapping"
)

func TestAbsence(t *testing.T) {
	doc, err := mapping.ParseDocument([]byte(`{"a":{"b":"","n":null,"s":"  "},"list":[{"x":""},{}],"none":[],"text":"t"}`))
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"_source.a.b":         "the value is empty",
		"_source.a.s":         "the value is empty",
		"_source.a.n":         "the value is null",
		"_source.a.c":         "the record has no _source.a.c",
		"_source.z.c":         "the record has no _source.z",
		"_source.text.c":      "the record has no _source.text.c",
		"_source['a'].c":      "the record has no _source.a.c",
		"_source.list[5].x":   "the record has no _source.list.5",
		"_source.list[].x":    "no element of the array has a value",
		"_source.none[].x":    "the array is empty",
		"_source.text[].x":    "_source.text is no array",
		"_source.missing[].x": "the record has no _source.missing",
		"{{_source.a.b}}":     "the template gives no text",
	} {
		s, err := mapping.CompileSource(source)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Absence(doc); got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
	if s, err := mapping.CompileSource("_source"); err != nil || s.Absence(mapping.Document{}) != "the value is null" {
		t.Errorf("an empty document: %v", err)
	}
}
