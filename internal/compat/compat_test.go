package compat

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store/memstore"
)

var update = flag.Bool("update", false, "write docs/compatibility.md anew")

// server is that of a whole node, whose binding says what is implemented.
func server(t *testing.T) func(signingName string) []string {
	t.Helper()
	st := memstore.New()
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: "000000000000",
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return n.Server.Implemented
}

// TestDocument: the committed document is what would be generated.
func TestDocument(t *testing.T) {
	text, err := Document(server(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "docs", "compatibility.md")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, want := strings.Split(string(committed), "\n"), strings.Split(text, "\n")
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("docs/compatibility.md:%d is out of date: run make docs\n got %q\nwant %q", i+1, g, w)
		}
	}
}

// TestProfileOperations: the table of Customer Profiles has a row for each of
// its 107 operations.
func TestProfileOperations(t *testing.T) {
	_, err := Document(func(string) []string { return nil })
	if err == nil || !strings.Contains(err.Error(), "in part") {
		t.Errorf("a note on an operation that is there in part passes without it: %v", err)
	}
	text, err := Document(func(service string) (all []string) {
		for _, s := range sections {
			if s.api().SigningName == service {
				for _, op := range s.api().Operations {
					all = append(all, op.Name)
				}
			}
		}
		return all
	})
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(text, "## Customer Profiles (`profile`)")
	rows, _, _ = strings.Cut(rows, "\n## ")
	const want = 107
	if len(profileapi.Service().Operations) != want {
		t.Fatalf("the interface has %d operations, want %d", len(profileapi.Service().Operations), want)
	}
	for _, op := range profileapi.Service().Operations {
		if n := strings.Count(rows, "\n| "+op.Name+" | "); n != 1 {
			t.Errorf("%s has %d rows", op.Name, n)
		}
	}
}

func TestNotes(t *testing.T) {
	list, err := parse("# comment\n[profile]\n*: all\n~PutIntegration: first\n  and more\nGetDomain, DeleteDomain: both\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		operation string
		want      []string
	}{
		{"*", []string{"all"}},
		{"PutIntegration", []string{"first and more"}},
		{"GetDomain", []string{"both"}},
		{"DeleteDomain", []string{"both"}},
		{"ListDomains", nil},
	} {
		if got := list.of("profile", c.operation); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.operation, got, c.want)
		}
	}
	if !list.partial("profile", "PutIntegration") || list.partial("profile", "GetDomain") {
		t.Error("~ does not tell what is there in part")
	}
	if err := list.check(); err != nil {
		t.Error(err)
	}
}

func TestNotesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"GetDomain: x\n":                 "notes.txt:1: want OPERATION",
		"[profile\n":                     "notes.txt:1: want [service]",
		"[profile]\n more\n":             "notes.txt:2: nothing to go on with",
		"[profile]\nGetDomain\n":         "notes.txt:2: want OPERATION",
		"[profile]\n\nGetNothing: x\n":   `notes.txt:3: profile has no operation "GetNothing"`,
		"[nothing]\nGetDomain: x\n":      `notes.txt:2: there is no service "nothing"`,
		"[*]\nGetDomain: everywhere?\n":  `notes.txt:2: there is no service "*"`,
		"[sqs]\nSendMessage, Nothing: x": `notes.txt:2: sqs has no operation "Nothing"`,
	} {
		list, err := parse(text)
		if err == nil {
			err = list.check()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}
