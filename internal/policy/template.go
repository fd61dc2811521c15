package policy

import (
	"errors"
	"fmt"
	"strings"
)

// template is a string of a policy that may hold wildcards and policy
// variables (IAM User Guide, "IAM policy elements: Variables and tags").
type template struct {
	text  string // the compiled pattern, if there are no variables
	wild  bool   // text has wildcards
	parts []part // otherwise the pieces
	fixed int    // bytes of the literal pieces, wildcards not counted
}

// part is a literal piece, or a variable.
type part struct {
	literal  string // compiled
	variable bool
	key      contextKey
	fallback string
	hasElse  bool
}

var errVariable = errors.New("a policy variable is written ${key} or ${key, 'default'}; use ${$} for a literal dollar sign")

// compileTemplate reads s. Variables are read in the newer version of the
// language only, wildcards in the operators and elements that have them.
func compileTemplate(s string, variables, wild bool) (template, error) {
	literal := func(t string) string {
		if wild {
			return wildcards.Replace(t)
		}
		return t
	}
	if !variables || !strings.Contains(s, "${") {
		text := literal(s)
		return template{text: text, wild: wild && hasWildcard(text)}, nil
	}
	var t template
	var piece strings.Builder
	flush := func() {
		if piece.Len() > 0 {
			t.parts = append(t.parts, part{literal: piece.String()})
			piece.Reset()
		}
	}
	dynamic := false
	for rest := s; rest != ""; {
		before, after, found := strings.Cut(rest, "${")
		piece.WriteString(literal(before))
		if !found {
			break
		}
		inner, tail, closed := cutVariable(after)
		if !closed {
			return template{}, errVariable
		}
		rest = tail
		if inner == "*" || inner == "?" || inner == "$" {
			piece.WriteString(inner)
			continue
		}
		v, err := compileVariable(inner)
		if err != nil {
			return template{}, err
		}
		flush()
		t.parts = append(t.parts, v)
		dynamic = true
	}
	if !dynamic { // escapes only
		text := piece.String()
		return template{text: text, wild: wild && hasWildcard(text)}, nil
	}
	flush()
	for i := range t.parts {
		for j := range len(t.parts[i].literal) {
			if c := t.parts[i].literal[j]; c != anyRun && c != anyOne {
				t.fixed++
			}
		}
	}
	t.wild = wild
	return t, nil
}

// cutVariable cuts at the closing brace, which does not count inside the quotes
// of a default.
func cutVariable(s string) (inner, rest string, ok bool) {
	quoted := false
	for i := range len(s) {
		switch s[i] {
		case '\'':
			quoted = !quoted
		case '}':
			if !quoted {
				return s[:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}

func compileVariable(inner string) (part, error) {
	name, fallback, hasElse := strings.Cut(inner, ",")
	name = strings.TrimSpace(name)
	v := part{variable: true, hasElse: hasElse}
	if hasElse {
		f := strings.TrimSpace(fallback)
		if len(f) < 2 || f[0] != '\'' || f[len(f)-1] != '\'' {
			return part{}, errVariable
		}
		v.fallback = f[1 : len(f)-1]
	}
	if err := checkKeyName(name); err != nil {
		return part{}, fmt.Errorf("a policy variable names a condition key, which %w", err)
	}
	v.key = newContextKey(name)
	return v, nil
}

// checkKeyName checks the name of a condition key: prefix:name, where the part
// after the colon may have a tag key or an encryption context key in it.
func checkKeyName(name string) error {
	prefix, rest, ok := strings.Cut(name, ":")
	if !ok || prefix == "" || rest == "" {
		return errors.New("has the form prefix:name, such as aws:SourceArn")
	}
	if len(name) > 512 {
		return errors.New("has at most 512 bytes")
	}
	for i := range len(prefix) {
		if c := prefix[i]; !isWord(c) && c != '-' && c != '.' {
			return errors.New("has letters, digits, '-' and '.' only before the colon")
		}
	}
	if strings.ContainsAny(rest, "{}$*?'\"") {
		return errors.New("cannot hold any of {}$*?'\"")
	}
	return nil
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// outcome of comparing one value.
type outcome uint8

const (
	differs outcome = iota
	matches
	unresolved // a variable of the policy has no value in this request
)

// comparison is a way to compare a template with a value.
type comparison uint8

const (
	compareExact comparison = iota
	compareFold
	compareGlob
	compareARN
	compareARNWide
)

// match compares s with the template, whose variables are filled from r.
// Wildcard characters in the value of a variable stand for themselves.
func (t *template) match(r *Request, s string, how comparison) outcome {
	if t.parts == nil {
		return toOutcome(compareText(t.text, s, how, t.wild))
	}
	var buf [256]byte
	text, got := t.expand(buf[:0], r, s, how)
	if got != matches {
		return got
	}
	return toOutcome(compareText(text, s, how, t.wild))
}

func toOutcome(b bool) outcome {
	if b {
		return matches
	}
	return differs
}

// compareText compares a compiled text. Without wildcards in it the last three
// ways come down to equality, matchARN included.
func compareText[P string | []byte](p P, s string, how comparison, wild bool) bool {
	switch {
	case how == compareFold:
		return strings.EqualFold(string(p), s)
	case how == compareExact || !wild:
		return string(p) == s
	case how == compareGlob:
		return glob(p, s, false)
	}
	return matchARN(p, s, how == compareARNWide)
}

// expand fills the variables. A text that has grown longer than anything equal
// to s differs from it, which bounds the work by the length of s.
func (t *template) expand(dst []byte, r *Request, s string, how comparison) ([]byte, outcome) {
	limit := len(s)
	if how == compareFold {
		limit = 4*len(s) + 4 // letters differ in length between the cases
	}
	size := t.fixed
	for i := range t.parts {
		p := &t.parts[i]
		if !p.variable {
			dst = append(dst, p.literal...)
			continue
		}
		v, ok := r.single(&p.key)
		if !ok {
			if _, _, present := r.next(&p.key, 0); present || !p.hasElse {
				return nil, unresolved
			}
			v = p.fallback
		}
		if hasWildcard(v) { // not UTF-8: would turn into a wildcard
			return nil, unresolved
		}
		if size += len(v); size > limit {
			return nil, differs
		}
		dst = append(dst, v...)
	}
	return dst, matches
}
