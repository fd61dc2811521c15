package mapping_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"kindred/internal/mapping"
)

var update = flag.Bool("update", false, "write the reasons of testdata/syntax.json anew")

// syntaxCase is a line of testdata/syntax.json: an expression, and why it is
// refused, in full. The console reads the file too, so that what it says while
// one types is what the server says.
type syntaxCase struct {
	What   string `json:"what"` // Source, Target or time format
	Text   string `json:"text"`
	Reason string `json:"reason,omitempty"` // empty: it is taken
	List   bool   `json:"list,omitempty"`   // of a source
}

func TestSyntax(t *testing.T) {
	const file = "testdata/syntax.json"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []syntaxCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false)
	for i, c := range cases {
		got := syntaxCase{What: c.What, Text: c.Text}
		var err error
		switch c.What {
		case "Source":
			var s *mapping.Source
			if s, err = mapping.CompileSource(c.Text); err == nil {
				got.List = s.IsList()
			}
		case "Target":
			_, err = mapping.ParseTarget(c.Text)
		case "time format":
			_, err = mapping.CompileTimeFormat(c.Text)
		default:
			t.Fatalf("case %d is about %q", i, c.What)
		}
		if err != nil {
			syntax, ok := errors.AsType[*mapping.SyntaxError](err)
			if !ok || syntax.What != c.What {
				t.Fatalf("%s %q: %T %v", c.What, c.Text, err, err)
			}
			got.Reason = syntax.Reason
		}
		if got != c && !*update {
			t.Errorf("got %+v, want %+v", got, c)
		}
		out.WriteString(map[bool]string{true: "[\n", false: ",\n"}[i == 0])
		if err := lines.Encode(got); err != nil {
			t.Fatal(err)
		}
		out.Truncate(out.Len() - 1) // the line's end
	}
	out.WriteString("\n]\n")
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
