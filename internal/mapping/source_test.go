package mapping_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"kindred/internal/mapping"
)

// sourceCase is a line of testdata/sources.json: what a source makes of a
// document, or why it is refused.
type sourceCase struct {
	Name, Source string
	Document     json.RawMessage
	Text         string
	List         []string
	Error        string
}

func sourceCases(t testing.TB) []sourceCase {
	t.Helper()
	data, err := os.ReadFile("testdata/sources.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []sourceCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestSources(t *testing.T) {
	for _, tt := range sourceCases(t) {
		t.Run(tt.Name, func(t *testing.T) {
			source, err := mapping.CompileSource(tt.Source)
			if tt.Error != "" {
				var syntax *mapping.SyntaxError
				if !errors.As(err, &syntax) || !strings.Contains(err.Error(), tt.Error) {
					t.Fatalf("CompileSource(%q): %v, want an error with %q", tt.Source, err, tt.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := source.Eval(parse(t, string(tt.Document)))
			if err != nil {
				t.Fatal(err)
			}
			isList := tt.List != nil
			if got.Text != tt.Text || !slices.Equal(got.List, tt.List) || got.IsList != isList || source.IsList() != isList {
				t.Errorf("%s of %s\n got %+v\nwant %+v", tt.Source, tt.Document, got, mapping.Result{Text: tt.Text, List: tt.List, IsList: isList})
			}
			if source.String() != tt.Source {
				t.Errorf("String() = %q, want %q", source.String(), tt.Source)
			}
		})
	}
}

func parse(t testing.TB, text string) mapping.Document {
	t.Helper()
	doc, err := mapping.ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSourceBounds(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat("{{#if _source.a}}", n) + "x" + strings.Repeat("{{/if}}", n)
	}
	chained := func(n int) string {
		return "{{#if _source.a}}" + strings.Repeat("{{else if _source.b}}", n-1) + "{{/if}}"
	}
	long := func(n int) string { return "_source." + strings.Repeat("é", n-len("_source.")) }
	for _, tt := range []struct{ ok, tooMuch, reason string }{
		{long(4096), long(4097), "at most 4096 characters"},
		{nested(16), nested(17), "nested more than 16 deep"},
		{chained(16), chained(17), "nested more than 16 deep"},
		{"_source" + strings.Repeat(".a", 64), "_source" + strings.Repeat(".a", 65), "at most 64 steps"},
		{"{{_source" + strings.Repeat(".a", 64) + "}}", "{{_source" + strings.Repeat(".a", 65) + "}}", "at most 64 steps"},
	} {
		if _, err := mapping.CompileSource(tt.ok); err != nil {
			t.Errorf("at the limit: %v", err)
		}
		if _, err := mapping.CompileSource(tt.tooMuch); err == nil || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("above the limit: %v, want %q", err, tt.reason)
		}
	}
	if _, err := mapping.CompileSource("_source.\xff"); err == nil {
		t.Error("a source that is not UTF-8 was accepted")
	}
}

func TestEvaluationBounds(t *testing.T) {
	list := func(element string, n int) string {
		return `{"a":[` + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + `]}`
	}
	object := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"m` + strings.Repeat("x", 4) + string(rune('a'+i%26)) + `":1`)
		}
		return `{"o":{` + b.String()[1:] + `}}`
	}
	kilobyte := `"` + strings.Repeat("x", 1024) + `"`
	loops := "{{#each _source.a}}{{#each _source.a}}{{#each _source.a}}{{/each}}{{/each}}{{/each}}"
	tests := []struct{ name, source, document, what string }{
		{"long string", "_source.s", `{"s":"` + strings.Repeat("x", 65_537) + `"}`, "bytes"},
		{"long JSON", "_source.a", list(kilobyte, 64), "bytes"},
		{"long list", "_source.a[]", list(kilobyte, 65), "bytes"},
		{"long template", "{{_source.a}}", list(kilobyte, 64), "bytes"},
		{"long text of a loop", "{{#each _source.a}}" + strings.Repeat("y", 2000) + "{{/each}}", list("1", 40), "bytes"},
		{"long text before it is trimmed", "{{#removeExtraSpace}}{{#each _source.a}}" + strings.Repeat(" ", 2000) + "{{/each}}{{/removeExtraSpace}}", list("1", 40), "bytes"},
		{"long loop", "{{#each _source.a}}{{/each}}", list("1", 10_001), "steps"},
		{"loops in loops", loops, list("1", 22), "steps"},
		{"many elements", "_source.a[].x", list("1", 10_001), "steps"},
		{"many values", "{{_source.a}}", list("1", 10_001), "steps"},
		{"many values as JSON", "_source.a", list("1", 10_001), "steps"},
		{"many members", "_source.o", object(10_001), "steps"},
		{"many members in a loop", "{{#each _source.o}}{{/each}}", object(10_001), "steps"},
		{"many members looked up", "{{#each _source.a}}{{_source.o.none}}{{/each}}", `{"a":[` + strings.Repeat("1,", 99) + `1],` + object(10_001)[1:], "steps"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source, err := mapping.CompileSource(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			var limit *mapping.LimitError
			got, err := source.Eval(parse(t, tt.document))
			if !errors.As(err, &limit) || !strings.Contains(limit.What, tt.what) {
				t.Errorf("error %v, want the limit of %s", err, tt.what)
			}
			if got.Text != "" || got.List != nil {
				t.Errorf("a result of %d bytes and %d elements beside the error", len(got.Text), len(got.List))
			}
		})
	}
}

func TestEvaluationAtTheBounds(t *testing.T) {
	text := strings.Repeat("x", mapping.MaxResultBytes)
	for _, expr := range []string{"_source.s", "{{_source.s}}", "{{_source.s}}{{_source.none}}"} {
		source, err := mapping.CompileSource(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := source.Eval(parse(t, `{"s":"`+text+`"}`)); err != nil || got.Text != text {
			t.Errorf("%s: %d bytes, %v", expr, len(got.Text), err)
		}
	}
}

func TestZeroDocumentIsEmpty(t *testing.T) {
	for _, tt := range sourceCases(t) {
		if source, err := mapping.CompileSource(tt.Source); err == nil {
			if _, err := source.Eval(mapping.Document{}); err != nil {
				t.Errorf("%s: %v", tt.Source, err)
			}
		}
	}
}

// The library's parser leaves its lexer running when it fails; refused sources
// must not get that far.
func TestRefusedSourcesLeaveNoGoroutine(t *testing.T) {
	cases := sourceCases(t)
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range cases {
			_, _ = mapping.CompileSource(tt.Source)
		}
		// A goroutine left behind makes synctest.Test fail as a deadlock.
		synctest.Wait()
	})
}

func FuzzSource(f *testing.F) {
	for _, tt := range sourceCases(f) {
		f.Add(tt.Source, []byte(tt.Document))
	}
	f.Fuzz(func(t *testing.T, expr string, data []byte) {
		source, err := mapping.CompileSource(expr)
		if err != nil {
			var syntax *mapping.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("%q: %T", expr, err)
			}
			if strings.Contains(err.Error(), "Parse error") {
				t.Fatalf("%q: refused by the library's parser: %v", expr, err)
			}
			return
		}
		doc, err := mapping.ParseDocument(data)
		if err != nil {
			return
		}
		r, err := source.Eval(doc)
		var limit *mapping.LimitError
		if err != nil && !errors.As(err, &limit) {
			t.Fatalf("%q: %v", expr, err)
		}
		size := len(r.Text)
		for _, s := range r.List {
			size += len(s)
		}
		if size > mapping.MaxResultBytes {
			t.Fatalf("%q: %d bytes", expr, size)
		}
		if r.IsList != source.IsList() && err == nil {
			t.Fatalf("%q: IsList %t", expr, r.IsList)
		}
	})
}
