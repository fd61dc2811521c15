package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "kindred"

// source is a Go file of the project.
type source struct {
	path      string // from the root, with slashes
	text      []byte
	file      *ast.File
	test      bool
	generated bool
}

// dir is the path of the file's package below the module, "internal/store".
func (s *source) dir() string { return path.Dir(s.path) }

var generatedLine = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// sources are all Go files of the project, in the order of their paths.
var sources = sync.OnceValues(func() (list []*source, err error) {
	root := os.DirFS(filepath.Join("..", ".."))
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, &source{path: name, text: text, file: file,
			test: strings.HasSuffix(name, "_test.go"), generated: generatedLine.Match(text)})
		return nil
	})
	return list, err
})

func all(t *testing.T) []*source {
	t.Helper()
	list, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("only %d Go files: the tree is not where this test looks for it", len(list))
	}
	return list
}

// imports are the packages of ours that a directory's files import, tests
// aside, each with one of the files that does.
func imports(t *testing.T) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for _, s := range all(t) {
		if s.test {
			continue
		}
		m := out[s.dir()]
		if m == nil {
			m = map[string]string{}
			out[s.dir()] = m
		}
		for _, i := range s.file.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if rest, ok := strings.CutPrefix(p, module+"/"); ok {
				m[rest] = s.path
			}
		}
	}
	return out
}

// only lists packages below internal/ that may import nothing of ours but what
// is named: what is at the bottom of the tree, or is to be understood by itself.
var only = map[string]string{
	"access":        "fault policy",
	"admission":     "fault",
	"backup":        "",
	"certificate":   "",
	"contactrecord": "",
	"content":       "",
	"datakey":       "",
	"fault":         "",
	"mapping":       "",
	"observed":      "store tracing",
	"page":          "datakey fault",
	"password":      "",
	"policy":        "",
	"rootkey":       "datakey",
	"seal":          "datakey store",
	"sigv4":         "fault",
	"standard":      "content",
	"store":         "",
	"tracing":       "",
	"transfer":      "store",
	"wire":          "api",

	// The console's pages are the same for everybody; who they are for is decided
	// elsewhere.
	"console": "",
	"signin":  "access api/kindredapi fault iam password store",

	// The embedded services stand on the store and know nothing of profiles.
	"iam": "access api/kindredapi api/stsapi fault page policy rootkey sigv4 store",
	"kms": "access api/kmsapi datakey fault page policy rootkey store",
	"sqs": "access admission api/sqsapi datakey fault page policy rootkey store",

	// The adapter knows interfaces and callers, and no concept.
	"server": "access admission api fault store tracing wire",
}

// TestArrows: arrows point one way, from the command over the server and the
// concepts to the store.
func TestArrows(t *testing.T) {
	for dir, list := range imports(t) {
		name, internal := strings.CutPrefix(dir, "internal/")
		for _, imported := range slices.Sorted(maps.Keys(list)) {
			if why := forbidden(dir, name, internal, imported); why != "" {
				t.Errorf("%s imports %s: %s", list[imported], imported, why)
			}
		}
	}
}

// known are modules of others that only some packages know, tests aside, by how their
// import paths begin.
var known = map[string][]string{
	"go.opentelemetry.io/": {"internal/tracing", "internal/tracing/tracingtest"},
}

// TestModules: what is hidden behind a package stays there.
func TestModules(t *testing.T) {
	for _, s := range all(t) {
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for prefix, dirs := range known {
				if strings.HasPrefix(path, prefix) && !s.test && !slices.Contains(dirs, s.dir()) {
					t.Errorf("%s imports %s: only %v may", s.path, path, dirs)
				}
			}
		}
	}
}

// above is what stands above the concepts: the programs, what puts a node
// together, and what looks at the whole from outside.
var above = []string{"internal/node", "internal/compat", "internal/house"}

func forbidden(dir, name string, internal bool, imported string) string {
	command := strings.HasPrefix(dir, "cmd/") || strings.HasSuffix(dir, "cmd") // such as iamcmd
	top := !internal || command || slices.Contains(above, dir)
	support := strings.HasSuffix(dir, "test") // of tests, such as storetest
	target := strings.TrimPrefix(imported, "internal/")
	switch list, limited := only[name]; {
	case limited && !slices.Contains(strings.Fields(list), target):
		return "it may import of ours only: " + list
	case dir == "kindredclient" || strings.HasPrefix(dir, "scripts/"):
		return "it is to be used without the rest"
	case name == "api" || name == "api/gen":
		return "descriptions of interfaces import nothing of ours"
	case internal && strings.HasPrefix(name, "api/") && target != "api":
		return "generated tables import api alone"
	case internal && strings.HasPrefix(name, "store/") && target != "store" && !support && !command:
		return "an engine knows the store's contract and nothing above it"
	case strings.HasPrefix(target, "store/") && !support && !command:
		return "which engine there is, only a command says"
	case !top && (target == "server" || target == "node" || strings.HasPrefix(imported, "cmd/")):
		return "a concept does not know what serves it"
	case !top && (target == "kms" || target == "sqs"):
		return "keys and queues are reached through the AWS SDK's clients (package resource)"
	}
	return ""
}

// TestPackageComment: every package says what it is for.
func TestPackageComment(t *testing.T) {
	said, seen := map[string]string{}, map[string]*source{}
	for _, s := range all(t) {
		if strings.HasSuffix(s.file.Name.Name, "_test") {
			continue
		}
		seen[s.dir()] = s
		if s.file.Doc != nil {
			said[s.dir()] = s.file.Doc.Text()
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(seen)) {
		s := seen[dir]
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		if !strings.HasPrefix(said[dir], want) {
			t.Errorf("%s: the comment of the package must begin with %q, not with %.40q", dir, want, said[dir])
		}
	}
}

// TestNames: a package is named for what it is about.
func TestNames(t *testing.T) {
	for _, s := range all(t) {
		switch name := strings.TrimSuffix(s.file.Name.Name, "_test"); name {
		case "util", "utils", "common", "helper", "helpers", "misc", "types", "models", "shared", "base":
			t.Errorf("%s: %s says nothing about what the package is for", s.path, name)
		}
	}
}

// TestNothingLeftOpen: what is not done is not in the code. It is an issue, or a
// difference in docs/compatibility.md.
func TestNothingLeftOpen(t *testing.T) {
	open := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|HA` + `CK)\b`)
	for _, s := range all(t) {
		for i, line := range bytes.Split(s.text, []byte("\n")) {
			if m := open.Find(line); m != nil {
				t.Errorf("%s:%d: %s", s.path, i+1, m)
			}
		}
	}
}

// maxLines is where a file holds a concept that has no name yet.
const maxLines = 800

func TestFileLength(t *testing.T) {
	for _, s := range all(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > maxLines && !s.generated {
			t.Errorf("%s has %d lines: at most %d; look for the concept that wants a file of its own", s.path, n, maxLines)
		}
	}
}

// TestGeneratedCode: only the tables of interfaces are generated.
func TestGeneratedCode(t *testing.T) {
	for _, s := range all(t) {
		inAPI := strings.HasPrefix(s.path, "internal/api/") && strings.HasSuffix(s.dir(), "api") && s.dir() != "internal/api"
		if s.generated != inAPI {
			t.Errorf("%s: generated is %t, want %t", s.path, s.generated, inAPI)
		}
	}
}

// TestRules: the rules above find what they forbid.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		dir, imported string
		allowed       bool
	}{
		{"internal/profile", "internal/seal", true},
		{"internal/profile", "internal/server", false},
		{"internal/profile", "internal/node", false},
		{"internal/profile", "internal/store/memstore", false},
		{"internal/ingest/ingesttest", "internal/store/memstore", true},
		{"internal/store/pebblestore", "internal/store", true},
		{"internal/store/pebblestore", "internal/fault", false},
		{"internal/store/pgstore", "internal/store/pebblestore", false},
		{"internal/store/pgstore/pgtest", "internal/store/pgstore", true},
		{"internal/store/storecmd", "internal/store/pgstore", true},
		{"internal/api/kmsapi", "internal/api", true},
		{"internal/api/kmsapi", "internal/api/sqsapi", false},
		{"internal/api", "internal/fault", false},
		{"internal/policy", "internal/fault", false},
		{"internal/domain", "internal/kms", false},
		{"internal/node", "internal/kms", true},
		{"internal/node", "internal/store/pebblestore", false},
		{"cmd/kindred", "internal/store/pebblestore", true},
		{"internal/bulk/ingestcmd", "internal/node", true},
		{"internal/bulk", "internal/node", false},
		{"kindredclient", "internal/fault", false},
	} {
		name, internal := strings.CutPrefix(c.dir, "internal/")
		if why := forbidden(c.dir, name, internal, c.imported); (why == "") != c.allowed {
			t.Errorf("%s imports %s: %q", c.dir, c.imported, why)
		}
	}
}
