package house

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of docs/architecture.md anew")

var architecture = filepath.Join("..", "..", "docs", "architecture.md")

// TestArchitecture: the tree of packages and the list of the invariants' tests
// in docs/architecture.md are those of the code.
func TestArchitecture(t *testing.T) {
	b, err := os.ReadFile(architecture)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, want := range map[string]string{"packages": packages(t), "tests of invariants": invariants(t)} {
		begin, end := "<!-- begin generated: "+name+" -->\n", "<!-- end generated: "+name+" -->\n"
		before, rest, ok := strings.Cut(text, begin)
		got, after, ended := strings.Cut(rest, end)
		if !ok || !ended {
			t.Fatalf("docs/architecture.md has no place for %s", name)
		}
		if got != want && !*update {
			t.Errorf("docs/architecture.md: %s are out of date (run make docs): %s", name, firstDifference(got, want))
		}
		text = before + begin + want + end + after
	}
	if *update {
		if err := os.WriteFile(architecture, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("\n got %s\nwant %s", g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// packages lists the packages, each with the first sentence of its comment.
func packages(t *testing.T) string {
	says := map[string]string{}
	for _, s := range all(t) {
		if s.file.Doc == nil {
			continue
		}
		sentence := new(doc.Package).Synopsis(s.file.Doc.Text())
		_, sentence, _ = strings.Cut(sentence, " ") // "Package", "Command"
		_, sentence, _ = strings.Cut(sentence, " ") // its name
		if sentence != "" {
			says[s.dir()] = sentence
		}
	}
	var b strings.Builder
	for _, dir := range slices.Sorted(maps.Keys(says)) {
		fmt.Fprintf(&b, "- `%s` %s\n", dir, says[dir])
	}
	return b.String()
}

// numbered is the name of a test that shows an invariant.
var numbered = regexp.MustCompile(`^TestInvariant([0-9]+)`)

// maxInvariant is the number of the last invariant.
const maxInvariant = 8

// byInvariant finds the tests of each invariant.
func byInvariant(t *testing.T) map[string][]string {
	tests := map[string][]string{}
	for _, s := range all(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !s.test {
				continue
			}
			if m := numbered.FindStringSubmatch(f.Name.Name); m != nil {
				tests[m[1]] = append(tests[m[1]], fmt.Sprintf("`%s` `%s`", s.dir(), f.Name.Name))
			}
		}
	}
	return tests
}

func invariants(t *testing.T) string {
	var b strings.Builder
	tests := byInvariant(t)
	for n := range maxInvariant {
		number := fmt.Sprint(n + 1)
		for _, test := range tests[number] {
			fmt.Fprintf(&b, "- %s: %s\n", number, test)
		}
	}
	return b.String()
}

// TestInvariantsAreTested: each invariant has a test that names it.
func TestInvariantsAreTested(t *testing.T) {
	tests := byInvariant(t)
	for n := range maxInvariant {
		if len(tests[fmt.Sprint(n+1)]) == 0 {
			t.Errorf("no test is named TestInvariant%d...", n+1)
		}
	}
	for number := range tests {
		if n := len(number); n != 1 || number > fmt.Sprint(maxInvariant) || number == "0" {
			t.Errorf("there is no invariant %s", number)
		}
	}
}
