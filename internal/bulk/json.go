package bulk

import (
	"bytes"
	"fmt"
	"io"
)

// blanks are the bytes that JSON allows between values (RFC 8259, section 2).
const blanks = " \t\r\n"

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// scan follows JSON text by its quotes and brackets, and finds where a value
// ends. It does not judge what is between them: a value that is not valid goes
// on to be refused for what it is, alone.
type scan struct {
	depth   int
	inside  bool // a string
	escaped bool
	scalar  bool // a number or a word, which ends where something else begins
}

// step takes a byte. ended says that the value ends with it; before, that it
// ended before it.
func (s *scan) step(b byte) (ended, before bool) {
	switch {
	case s.inside:
		switch {
		case s.escaped:
			s.escaped = false
		case b == '\\':
			s.escaped = true
		case b == '"':
			s.inside = false
			return s.depth == 0, false
		}
		return false, false
	case s.scalar:
		return false, isBlank(b) || b == ',' || b == ']' || b == '}' || b == '{' || b == '[' || b == '"'
	}
	switch b {
	case '"':
		s.inside = true
	case '{', '[':
		s.depth++
	case '}', ']':
		s.depth--
		return s.depth <= 0, false
	default:
		s.scalar = s.depth == 0 && !isBlank(b)
	}
	return false, false
}

// isValue reports whether text is one value that ends in it.
func isValue(text []byte) bool {
	text = bytes.Trim(text, blanks)
	var s scan
	for i, b := range text {
		if ended, _ := s.step(b); ended {
			return i == len(text)-1
		}
	}
	return false
}

// values reads JSON values that follow each other, or are the elements of one
// array.
type values struct {
	*text
	array bool
	after bool // a value of the array
	ended bool // the array
}

func newValues(t *text) (*values, error) {
	v := &values{text: t}
	b, err := v.blank()
	if err != nil {
		return nil, err
	}
	if b == '[' {
		v.skip(1)
		v.array = true
	}
	return v, nil
}

func (v *values) resume() { v.after = v.array }

// blank skips blanks and returns the byte that follows, without reading it.
func (t *text) blank() (byte, error) {
	for {
		b, err := t.ahead()
		if err != nil {
			return 0, err
		}
		n := 0
		for n < len(b) && isBlank(b[n]) {
			n++
		}
		first := byte(0)
		if n < len(b) {
			first = b[n]
		}
		whole := n == len(b)
		t.skip(n)
		if !whole {
			return first, nil
		}
	}
}

func (v *values) next(r *Record) error {
	b, err := v.blank()
	switch {
	case err == io.EOF && v.array && !v.ended:
		return &SyntaxError{v.offset, "the text ends inside the array"}
	case err != nil:
		return err
	case v.ended:
		return &SyntaxError{v.offset, "something follows the array"}
	case !v.array:
		return v.value(r)
	case b == ']':
		v.skip(1)
		v.ended = true
		return v.next(r)
	}
	if v.after {
		if b != ',' {
			return &SyntaxError{v.offset, "want a comma or the end of the array"}
		}
		v.skip(1)
		if b, err = v.blank(); err == io.EOF {
			return &SyntaxError{v.offset, "the text ends inside the array"}
		} else if err != nil {
			return err
		}
	}
	if b == ',' || b == ']' {
		return &SyntaxError{v.offset, "an element is missing in the array"}
	}
	v.after = true
	return v.value(r)
}

// value reads one value, whose first byte is next.
func (v *values) value(r *Record) error {
	r.Start = v.offset
	var s scan
	var body held
	for {
		b, err := v.ahead()
		if err == io.EOF && s.scalar {
			break
		}
		if err == io.EOF {
			return &SyntaxError{v.offset, fmt.Sprintf("the text ends inside the record that starts at byte %d", r.Start)}
		}
		if err != nil {
			return err
		}
		n, done := 0, false
		for n < len(b) && !done {
			ended, before := s.step(b[n])
			if !before {
				n++
			}
			done = ended || before
		}
		body.add(b[:n])
		v.skip(n)
		if done {
			break
		}
	}
	r.Body = body.bytes()
	return nil
}

// lines reads JSON lines: a value on each line, blank lines aside.
type lines struct{ *text }

func (l *lines) resume() {}

func (l *lines) next(r *Record) error {
	if _, err := l.blank(); err != nil {
		return err
	}
	r.Start = l.offset
	var body held
	if err := l.line(&body); err != nil {
		return err
	}
	if r.Body = body.bytes(); r.Body != nil {
		r.Body = bytes.TrimRight(r.Body, blanks)
	}
	return nil
}

// line adds the rest of a line to h, its end included.
func (t *text) line(h *held) error {
	for {
		b, err := t.ahead()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		i := bytes.IndexByte(b, '\n')
		if i >= 0 {
			b = b[:i+1]
		}
		h.add(b)
		t.skip(len(b))
		if i >= 0 {
			return nil
		}
	}
}

// held is the text of a record, up to its bound.
type held struct {
	b    []byte
	over bool
}

func (h *held) add(b []byte) {
	if h.over || len(h.b)+len(b) > MaxRecord {
		h.b, h.over = nil, true
		return
	}
	h.b = append(h.b, b...)
}

// bytes is the text, nil if it was too large.
func (h *held) bytes() []byte {
	if h.over {
		return nil
	}
	return h.b
}
