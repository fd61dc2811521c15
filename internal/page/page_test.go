package page_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"kindred/internal/datakey"
	"kindred/internal/fault"
	"kindred/internal/page"
)

func sealer(t testing.TB, fill byte) *page.Sealer {
	t.Helper()
	s, err := page.New(bytes.Repeat([]byte{fill}, datakey.Size))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATokenOpensForItsQuestionOnly(t *testing.T) {
	s := sealer(t, 1)
	args := []string{"000000000000", "domain", "ab"}
	token, err := s.Seal("ListDomains", args, []byte("position"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open("ListDomains", args, token); err != nil || string(got) != "position" {
		t.Fatalf("got %q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"other operation": func() ([]byte, error) { return s.Open("ListDomain", args, token) },
		"other argument":  func() ([]byte, error) { return s.Open("ListDomains", []string{"000000000000", "domain", "ac"}, token) },
		"other boundary":  func() ([]byte, error) { return s.Open("ListDomains", []string{"000000000000", "domaina", "b"}, token) },
		"operation moved": func() ([]byte, error) {
			return s.Open("ListDomains000000000000", []string{"domain", "ab"}, token)
		},
		"argument missing": func() ([]byte, error) { return s.Open("ListDomains", args[:2], token) },
		"empty argument":   func() ([]byte, error) { return s.Open("ListDomains", append(args[:3:3], ""), token) },
		"other key":        func() ([]byte, error) { return sealer(t, 2).Open("ListDomains", args, token) },
		"changed":          func() ([]byte, error) { return s.Open("ListDomains", args, flip(token)) },
		"cut":              func() ([]byte, error) { return s.Open("ListDomains", args, token[:len(token)-4]) },
		"empty":            func() ([]byte, error) { return s.Open("ListDomains", args, "") },
		"not base64":       func() ([]byte, error) { return s.Open("ListDomains", args, token+"=") },
		"version only":     func() ([]byte, error) { return s.Open("ListDomains", args, "AQ") },
		"other version":    func() ([]byte, error) { return s.Open("ListDomains", args, "Ag"+token[2:]) },
		"too long":         func() ([]byte, error) { return s.Open("ListDomains", args, strings.Repeat("A", page.MaxToken+1)) },
	} {
		position, err := open()
		if !fault.Is(err, fault.Invalid) || err.Error() != "NextToken is not valid for this request" || position != nil {
			t.Errorf("%s: %q, %v", name, position, err)
		}
	}
}

func flip(token string) string {
	b := []byte(token)
	if b[len(b)/2]++; b[len(b)/2] == '[' || b[len(b)/2] == '{' || b[len(b)/2] == ':' {
		b[len(b)/2] = 'a'
	}
	return string(b)
}

func TestTokensAreShortOpaqueAndSafeInURLs(t *testing.T) {
	s := sealer(t, 1)
	safe := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	position := bytes.Repeat([]byte("p"), page.MaxPosition)
	token, err := s.Seal("Op", nil, position)
	if err != nil {
		t.Fatal(err)
	}
	if len(token) > page.MaxToken || !safe.MatchString(token) {
		t.Errorf("%d characters: %s", len(token), token)
	}
	if got, err := s.Open("Op", nil, token); err != nil || !bytes.Equal(got, position) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if other, _ := s.Seal("Op", nil, position); other == token {
		t.Error("two tokens of the same position are equal")
	}
	if _, err := s.Seal("Op", nil, append(position, 'p')); err == nil {
		t.Error("a position that is too long was sealed")
	}
}

func TestAKeyOfTheWrongSizeIsRefused(t *testing.T) {
	if _, err := page.New(make([]byte, 16)); err == nil {
		t.Error("no error")
	}
}

func FuzzOpen(f *testing.F) {
	s := sealer(f, 1)
	token, err := s.Seal("Op", []string{"a"}, []byte("position"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{token, "", "AQ", flip(token), token + "A", strings.Repeat("A", page.MaxToken)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		position, err := s.Open("Op", []string{"a"}, text)
		switch {
		case err != nil && !fault.Is(err, fault.Invalid):
			t.Errorf("%v", err)
		case err == nil && string(position) != "position": // what all tokens of this key hold
			t.Errorf("a forged token opened as %q", position)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	s := sealer(f, 1)
	f.Add("Op", "a", "b", []byte("p"))
	f.Add("", "", "", []byte{})
	f.Fuzz(func(t *testing.T, op, a, b string, position []byte) {
		if len(position) > page.MaxPosition {
			t.Skip()
		}
		token, err := s.Seal(op, []string{a, b}, position)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Open(op, []string{a, b}, token); err != nil || !bytes.Equal(got, position) {
			t.Errorf("got %q, %v", got, err)
		}
		if a+b != "" {
			if _, err := s.Open(op, []string{a + b, ""}, token); b != "" && err == nil {
				t.Error("opened for other arguments")
			}
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	s := sealer(b, 1)
	args := []string{"000000000000", "domain"}
	position := bytes.Repeat([]byte("p"), 64)
	b.ReportAllocs()
	for b.Loop() {
		token, err := s.Seal("ListDomains", args, position)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Open("ListDomains", args, token); err != nil {
			b.Fatal(err)
		}
	}
}
