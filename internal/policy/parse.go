package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Options say what kind of policy is read.
type Options struct {
	Kind Kind
	// Name is what decisions call the policy, for example the name that an
	// administrator gave it.
	Name string
	// ResourceOptional lets statements of a resource policy leave Resource
	// out; they apply to the resource that the policy hangs on.
	ResourceOptional bool
	// MaxBytes replaces the limit [MaxBytes] if it is not 0.
	MaxBytes int
}

// Error says what is wrong with a policy text.
type Error struct {
	// Statement counts from 1; 0 is the policy itself.
	Statement int
	// Element is the element at fault, such as "Action" or
	// "Condition StringEquals aws:SourceArn"; empty for the text as a whole.
	Element string
	// Rule is what it has to be.
	Rule string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("policy: ")
	if e.Statement > 0 {
		fmt.Fprintf(&b, "statement %d: ", e.Statement)
	}
	if e.Element != "" {
		b.WriteString(e.Element + ": ")
	}
	b.WriteString(e.Rule)
	return b.String()
}

// Parse reads and compiles a policy. The text is kept as it is, see
// [Policy.String]. An error is an [*Error] and quotes no more than the start of
// the value at fault.
func Parse(text []byte, o Options) (*Policy, error) {
	limit := o.MaxBytes
	if limit == 0 {
		limit = MaxBytes
	}
	if len(text) > limit {
		return nil, &Error{Rule: fmt.Sprintf("has %d bytes, at most %d are allowed", len(text), limit)}
	}
	r := &reader{
		dec:     jsontext.NewDecoder(bytes.NewReader(text)),
		options: o,
		policy:  &Policy{text: string(text), name: o.Name, kind: o.Kind, version: Version2008},
	}
	if err := r.document(); err != nil {
		return nil, err
	}
	for i := range r.drafts {
		if err := r.compile(i+1, &r.drafts[i]); err != nil {
			return nil, err
		}
	}
	return r.policy, nil
}

// reader reads the text into drafts; compile turns those into statements once
// the Version, which may come last, is known.
type reader struct {
	dec     *jsontext.Decoder
	options Options
	policy  *Policy
	drafts  []draft
	at      int // the statement being read, from 1
}

// draft is a statement as it is written.
type draft struct {
	has                 map[string]bool
	sid, effect         string
	principal           []principalValue
	actions, notActions []string
	resources, notRes   []string
	conditions          []conditionValue
}

type principalValue struct{ kind, value string }

type conditionValue struct {
	operator, key string
	values        []string
}

func (r *reader) fail(element, format string, args ...any) error {
	return &Error{Statement: r.at, Element: element, Rule: fmt.Sprintf(format, args...)}
}

// syntax turns an error of the JSON decoder into ours.
func (r *reader) syntax(element string, err error) error {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return r.fail(element, "an element may be given only once")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.fail(element, "the JSON ends too early")
	}
	return r.fail(element, "not valid JSON near byte %d", r.dec.InputOffset())
}

// object reads an object and calls member for each name, with the decoder in
// front of the value.
func (r *reader) object(element string, member func(name string) error) error {
	if k := r.dec.PeekKind(); k != '{' {
		return r.unexpected(element, "must be a JSON object")
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntax(element, err)
	}
	for {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return r.syntax(element, err)
		}
		if tok.Kind() == '}' {
			return nil
		}
		if err := member(tok.String()); err != nil {
			return err
		}
	}
}

// unexpected reports a value of the wrong kind, or bad JSON in its place.
func (r *reader) unexpected(element, rule string) error {
	if r.dec.PeekKind() == 0 {
		_, err := r.dec.ReadToken()
		return r.syntax(element, err)
	}
	return r.fail(element, "%s", rule)
}

func (r *reader) text(element string) (string, error) {
	if r.dec.PeekKind() != '"' {
		return "", r.unexpected(element, "must be a string")
	}
	tok, err := r.dec.ReadToken()
	if err != nil {
		return "", r.syntax(element, err)
	}
	return tok.String(), nil
}

// texts reads a string or a non-empty array of strings. With scalars, numbers
// and booleans are taken too, as condition values may be.
func (r *reader) texts(element string, scalars bool) ([]string, error) {
	rule := "must be a string or an array of strings"
	if scalars {
		rule = "must be a string, number or boolean, or an array of them"
	}
	array := r.dec.PeekKind() == '['
	if array {
		if _, err := r.dec.ReadToken(); err != nil {
			return nil, r.syntax(element, err)
		}
	}
	var out []string
	for {
		switch k := r.dec.PeekKind(); {
		case k == '"', scalars && (k == '0' || k == 't' || k == 'f'):
			tok, err := r.dec.ReadToken()
			if err != nil {
				return nil, r.syntax(element, err)
			}
			out = append(out, tok.String())
		case k == ']' && array:
			if _, err := r.dec.ReadToken(); err != nil {
				return nil, r.syntax(element, err)
			}
			if len(out) == 0 {
				return nil, r.fail(element, "must not be an empty array")
			}
			return out, nil
		default:
			return nil, r.unexpected(element, rule)
		}
		if !array {
			return out, nil
		}
	}
}

// document reads the whole text.
func (r *reader) document() error {
	var hasStatement bool
	err := r.object("", func(name string) (err error) {
		switch name {
		case "Version":
			v, err := r.text(name)
			if err != nil {
				return err
			}
			if v != Version2012 && v != Version2008 {
				return r.fail(name, "must be %s or %s", Version2012, Version2008)
			}
			r.policy.version = v
		case "Id":
			r.policy.id, err = r.text(name)
		case "Statement":
			hasStatement = true
			err = r.readStatements()
		default:
			err = r.fail(quote(name), "is no element of a policy; there are Version, Id and Statement")
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := r.dec.ReadToken(); err != io.EOF {
		return r.fail("", "must be one JSON object with nothing after it")
	}
	if !hasStatement || len(r.drafts) == 0 {
		return r.fail("Statement", "a policy must have at least one")
	}
	return nil
}

func (r *reader) readStatements() error {
	if r.dec.PeekKind() != '[' {
		return r.readStatement()
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntax("Statement", err)
	}
	for r.dec.PeekKind() != ']' {
		if len(r.drafts) == MaxStatements {
			return r.fail("Statement", "a policy has at most %d", MaxStatements)
		}
		if err := r.readStatement(); err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntax("Statement", err)
	}
	return nil
}

func (r *reader) readStatement() error {
	r.at = len(r.drafts) + 1
	d := draft{has: make(map[string]bool)}
	err := r.object("Statement", func(name string) (err error) {
		d.has[name] = true
		switch name {
		case "Sid":
			d.sid, err = r.text(name)
		case "Effect":
			d.effect, err = r.text(name)
		case "Principal", "NotPrincipal":
			d.principal, err = r.readPrincipal(name)
		case "Action":
			d.actions, err = r.texts(name, false)
		case "NotAction":
			d.notActions, err = r.texts(name, false)
		case "Resource":
			d.resources, err = r.texts(name, false)
		case "NotResource":
			d.notRes, err = r.texts(name, false)
		case "Condition":
			d.conditions, err = r.readConditions()
		default:
			err = r.fail(quote(name), "is no element of a statement")
		}
		return err
	})
	if err != nil {
		return err
	}
	r.drafts = append(r.drafts, d)
	r.at = 0
	return nil
}

func (r *reader) readPrincipal(element string) ([]principalValue, error) {
	if r.dec.PeekKind() == '"' {
		v, err := r.text(element)
		if err == nil && v != "*" {
			err = r.fail(element, `must be "*" or an object with AWS, Service, Federated or CanonicalUser`)
		}
		return []principalValue{{"AWS", "*"}}, err
	}
	var out []principalValue
	err := r.object(element, func(kind string) error {
		values, err := r.texts(element+" "+kind, false)
		for _, v := range values {
			out = append(out, principalValue{kind, v})
		}
		return err
	})
	return out, err
}

func (r *reader) readConditions() ([]conditionValue, error) {
	var out []conditionValue
	err := r.object("Condition", func(op string) error {
		element := "Condition " + short(op)
		empty := true
		err := r.object(element, func(key string) error {
			empty = false
			values, err := r.texts(element+" "+short(key), true)
			out = append(out, conditionValue{op, key, values})
			return err
		})
		if err == nil && empty {
			err = r.fail(element, "must name a condition key")
		}
		return err
	})
	return out, err
}
