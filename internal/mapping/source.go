package mapping

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of a source expression and of evaluating it once.
const (
	MaxSourceLength = 4096    // characters of an expression
	MaxNesting      = 16      // blocks inside blocks; an {{else if}} counts as one
	MaxSteps        = 10_000  // values looked up, visited or rendered
	MaxResultBytes  = 1 << 16 // of a result, of all elements of a list together
)

// SyntaxError says why a source, a target or a time format cannot be used.
type SyntaxError struct {
	What   string // "Source", "Target" or "time format"
	Text   string // the expression
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s %s: %s", e.What, quoted(e.Text), e.Reason)
}

// quoted shortens an expression for a message.
func quoted(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// LimitError says which bound an evaluation exceeded.
type LimitError struct {
	What string
	Max  int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("mapping: more than %d %s", e.Max, e.What)
}

// Result is the value of a source for one document. Text may share memory
// with the document. A value that is missing or null is the empty text, which
// a mapping treats as no value.
type Result struct {
	Text string
	// List has one entry for each element of the array when IsList is set,
	// in order; a value missing in an element is "", so that the lists of
	// several sources over one array stay aligned.
	List   []string
	IsList bool
}

// Source is a compiled source expression, safe for concurrent use.
type Source struct {
	text string
	path []step // accessor: the path, up to "[]" in a list
	rest []step // list accessor: the path inside each element
	list bool

	template []op // instead of a path
}

// CompileSource compiles the Source of a field. It is an accessor
// (_source.Address.City, _source.items[0].sku, _source['first name'], and
// with one array mark _source.line_items[].title), or, when it contains {{, a
// template in the subset of Handlebars that the package comment lists.
// The error is a *SyntaxError that names what is wrong or not supported.
func CompileSource(expr string) (*Source, error) {
	s := &Source{text: expr}
	if err := s.compile(expr); err != nil {
		return nil, &SyntaxError{What: "Source", Text: expr, Reason: err.Error()}
	}
	return s, nil
}

func (s *Source) compile(expr string) (err error) {
	switch {
	case len(expr) > MaxSourceLength && utf8.RuneCountInString(expr) > MaxSourceLength:
		return fmt.Errorf("at most %d characters", MaxSourceLength)
	case !utf8.ValidString(expr):
		return fmt.Errorf("not valid UTF-8")
	case strings.TrimSpace(expr) == "":
		return fmt.Errorf("it is empty")
	case strings.Contains(expr, "{{"):
		s.template, err = compileTemplate(expr)
		return err
	}
	s.path, s.rest, s.list, err = parsePath(strings.TrimSpace(expr))
	return err
}

// String returns the expression as it was written.
func (s *Source) String() string { return s.text }

// IsList reports whether the source is an array accessor, whose results are
// lists.
func (s *Source) IsList() bool { return s.list }

// Eval computes the source for one document. The error is a *LimitError when
// a bound is exceeded; there is no other.
//
// Strings are taken as they are, numbers as they were written, booleans are
// true and false. An accessor gives an object or an array as compact JSON;
// inside {{ }} the elements of an array are joined by commas.
func (s *Source) Eval(doc Document) (Result, error) {
	c := cursor{doc: doc, left: MaxSteps}
	if s.list {
		return c.list(s)
	}
	if s.template != nil {
		return s.render(&c)
	}
	n := c.follow(c.root(), s.path)
	if !c.compound(n) {
		return c.plain(n)
	}
	out := c.json(nil, n)
	if c.add(out, ""); c.failed() {
		return Result{}, c.err()
	}
	return Result{Text: string(out)}, nil
}

// plain is the result for a value that is no container.
func (c *cursor) plain(n int32) (Result, error) {
	var r Result
	if n != none {
		r.Text = c.scalar(n)
		c.tooLong = len(r.Text) > MaxResultBytes
	}
	if c.failed() {
		return Result{}, c.err()
	}
	return r, nil
}

// list evaluates an array accessor. What is not an array has no elements.
func (c *cursor) list(s *Source) (Result, error) {
	r := Result{IsList: true}
	n := c.follow(c.root(), s.path)
	if n == none || c.doc.nodes[n].kind != kindArray {
		return r, c.err()
	}
	nodes := c.doc.nodes
	total := 0
	for i := n + 1; i < nodes[n].end; i = nodes[i].end {
		c.left--
		var text string
		if v := c.follow(i, s.rest); c.compound(v) {
			text = string(c.json(nil, v))
		} else if v != none {
			text = c.scalar(v)
		}
		total += len(text)
		c.tooLong = c.tooLong || total > MaxResultBytes
		if c.failed() {
			return Result{}, c.err()
		}
		r.List = append(r.List, text)
	}
	return r, nil
}
