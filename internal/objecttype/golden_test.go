package objecttype_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred/internal/mapping"
	"kindred/internal/objecttype"
	"kindred/internal/standard"
)

var update = flag.Bool("update", false, "write the results of the golden cases anew")

// section is a part of a golden file: a line "-- name --" and what follows.
type section struct{ name, text string }

func readSections(t *testing.T, file string) []section {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []section
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "-- "); ok {
			all = append(all, section{name: strings.TrimSuffix(strings.TrimSpace(name), " --")})
			continue
		}
		if len(all) == 0 {
			t.Fatalf("%s: text before the first section", file)
		}
		all[len(all)-1].text += line
	}
	return all
}

// TestGolden maps the records of testdata. A file has a definition, or the id
// of a template, and records, each followed by what it means.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			sections := readSections(t, file)
			var def objecttype.Definition
			switch first := sections[0]; first.name {
			case "definition":
				if err := json.Unmarshal([]byte(first.text), &def); err != nil {
					t.Fatal(err)
				}
			case "template":
				id := strings.TrimSpace(first.text)
				template, ok := objecttype.TemplateByID(id)
				if !ok {
					t.Fatalf("there is no template %s", id)
				}
				seen[id] = true
				def = template.Definition(id)
			default:
				t.Fatalf("the first section is %s", first.name)
			}
			if err := objecttype.Validate(&def, nil); err != nil {
				t.Fatal(err)
			}
			compiled, err := objecttype.Compile(&def)
			if err != nil {
				t.Fatal(err)
			}
			checkRecords(t, file, sections, compiled)
		})
	}
	for _, template := range objecttype.Templates() {
		if !seen[template.ID] {
			t.Errorf("the template %s has no sample record", template.ID)
		}
	}
}

func checkRecords(t *testing.T, file string, sections []section, compiled *objecttype.Compiled) {
	out := fmt.Sprintf("-- %s --\n%s", sections[0].name, sections[0].text)
	for i := 1; i < len(sections); i++ {
		s := sections[i]
		if s.name == "result" {
			continue
		}
		doc, err := mapping.ParseDocument([]byte(s.text))
		if err != nil {
			t.Fatal(err)
		}
		mapped, err := compiled.Map(doc, "US")
		got := describe(t, mapped, err)
		out += fmt.Sprintf("-- %s --\n%s-- result --\n%s", s.name, s.text, got)
		want := ""
		if i+1 < len(sections) && sections[i+1].name == "result" {
			want = sections[i+1].text
		}
		if got != want && !*update {
			t.Errorf("%s: got\n%s\nwant\n%s", s.name, got, want)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// describe writes what a record means as text.
func describe(t *testing.T, m *objecttype.Mapped, err error) string {
	t.Helper()
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "unique %s %q\n", m.UniqueKey, m.Unique)
	if !m.SourceTime.IsZero() {
		fmt.Fprintf(&b, "time %s\n", m.SourceTime.Format(time.RFC3339Nano))
	}
	if m.Email != "" {
		fmt.Fprintf(&b, "email %s\n", m.Email)
	}
	if m.Phone != "" {
		fmt.Fprintf(&b, "phone %s\n", m.Phone)
	}
	for _, k := range m.Keys {
		fmt.Fprintf(&b, "key %s[%d] {%s} %q", k.Name, k.Def, k.Identifiers, k.Value)
		if k.Given != k.Value {
			fmt.Fprintf(&b, " given %q", k.Given)
		}
		b.WriteByte('\n')
	}
	for _, o := range m.Objects {
		s, ok := standard.Lookup(o.Object)
		if !ok {
			t.Fatalf("%s is no standard object", o.Object)
		}
		rendered, err := s.Render(o.Fields)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\n", o.Object, rendered)
		for _, f := range o.Fields {
			if f.IsList {
				fmt.Fprintf(&b, "  %s %q\n", f.Path, f.List)
			} else {
				fmt.Fprintf(&b, "  %s %q\n", f.Path, f.Text)
			}
		}
	}
	return b.String()
}
