package mapping_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"kindred/internal/mapping"
)

func TestRefusedDocuments(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for _, tt := range []struct{ data, reason string }{
		{"", "ends too early"},
		{"  ", "ends too early"},
		{`{"a":`, "ends too early"},
		{`{"a":"x`, "ends too early"},
		{`{"a"}`, "not valid JSON"},
		{`{"a":1,}`, "not valid JSON"},
		{`{"a":01}`, "not valid JSON"},
		{`{"a":NaN}`, "not valid JSON"},
		{`{'a':1}`, "not valid JSON"},
		{`{"a":"` + "\x01" + `"}`, "not valid JSON"},
		{`{"a":"` + "\xff" + `"}`, "not valid JSON in UTF-8"},
		{`{"a` + "\xff" + `":1}`, "not valid JSON in UTF-8"},
		{`{"a":"\ud800"}`, "not valid JSON in UTF-8"},
		{"\ufeff{}", "not valid JSON"},
		{`[1]`, "not an object"},
		{`"text"`, "not an object"},
		{`null`, "not an object"},
		{`17`, "not an object"},
		{`nul`, "ends too early"},
		{`{} {}`, "something follows"},
		{`{}x`, "something follows"},
		{deep(65), "nested more than 64 deep"},
		{`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "nested more than 64 deep"},
		{`{"a":"` + strings.Repeat("x", mapping.MaxDocumentBytes) + `"}`, "larger than 4194304 bytes"},
	} {
		var e *mapping.DocumentError
		_, err := mapping.ParseDocument([]byte(tt.data))
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%.40q: %v, want %q", tt.data, err, tt.reason)
		}
	}
	if _, err := mapping.ParseDocument([]byte(deep(64))); err != nil {
		t.Errorf("64 levels: %v", err)
	}
}

func TestDocumentErrorsRepeatNothing(t *testing.T) {
	_, err := mapping.ParseDocument([]byte(`{"secret":"+12063457890"x}`))
	var e *mapping.DocumentError
	if !errors.As(err, &e) || e.Offset != 24 {
		t.Fatalf("%v", err)
	}
	if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "2063457890") || strings.Contains(err.Error(), "'x'") {
		t.Errorf("the error repeats the document: %v", err)
	}
}

func TestDocumentKeepsNothingOfItsInput(t *testing.T) {
	data := []byte(`{"a":"value","b":"\u0041"}`)
	doc, err := mapping.ParseDocument(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = 'x'
	}
	source, err := mapping.CompileSource("{{_source.a}} {{_source.b}}")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := source.Eval(doc); err != nil || got.Text != "value A" {
		t.Errorf("after the input changed: %+v, %v", got, err)
	}
}

func TestDocumentsAndSourcesAreSafeForConcurrentUse(t *testing.T) {
	source, err := mapping.CompileSource("{{#each _source.items}}{{title}}{{/each}}")
	if err != nil {
		t.Fatal(err)
	}
	shared := parse(t, oneKB)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				for _, doc := range []mapping.Document{shared, parse(t, oneKB)} {
					if got, err := source.Eval(doc); err != nil || got.Text != "HatScarf" {
						t.Errorf("%+v, %v", got, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// The whole record as JSON must mean to encoding/json what the input means.
func FuzzParseDocument(f *testing.F) {
	for _, s := range []string{oneKB, `{}`, `{"a":{"a":[1,"\u00e9\n",null,{"b":[]}]},"a":1.10}`, `{"":{"":""}}`, `[1]`, `{"a":"\ud83d\ude00"}`, `{"a":1e400}`} {
		f.Add([]byte(s))
	}
	whole, err := mapping.CompileSource("_source")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := mapping.ParseDocument(data)
		var e *mapping.DocumentError
		if err != nil {
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(data) {
				t.Fatalf("%q: %v", data, err)
			}
			return
		}
		r, err := whole.Eval(doc)
		if err != nil {
			return
		}
		if got, want := decode(t, []byte(r.Text)), decode(t, data); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q", data, r.Text)
		}
	})
}

func decode(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var v map[string]any
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	return v
}
