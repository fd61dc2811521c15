package bulk

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxColumns bounds the header of a CSV input.
const maxColumns = 4096

// rows reads CSV (RFC 4180): fields separated by commas, quoted where they hold
// commas, quotes or line ends, a header first. Each row becomes an object of
// strings.
type rows struct {
	*text
	names []string
	heads [][]byte // the names as they are written in an object, colon included
	row   row
}

// row is one row while it is read.
type row struct {
	raw    held
	fields [][]byte
	spare  []byte // backs fields
	ends   []int  // of the fields in spare
	bad    string
}

func newCSV(t *text) (*rows, error) {
	c := &rows{text: t}
	if err := c.emptyLines(); err != nil {
		return nil, err
	}
	at := t.offset
	if err := c.read(); err != nil {
		return nil, err
	}
	if c.row.bad != "" {
		return nil, &SyntaxError{at, "the header: " + c.row.bad}
	}
	if len(c.row.fields) > maxColumns {
		return nil, &SyntaxError{at, fmt.Sprintf("the header has %d columns, at most %d are allowed", len(c.row.fields), maxColumns)}
	}
	for i, f := range c.row.fields {
		name := string(f)
		switch {
		case name == "":
			return nil, &SyntaxError{at, fmt.Sprintf("the header: column %d has no name", i+1)}
		case !utf8.ValidString(name):
			return nil, &SyntaxError{at, fmt.Sprintf("the header: the name of column %d is not valid UTF-8", i+1)}
		case slices.Contains(c.names, name):
			return nil, &SyntaxError{at, fmt.Sprintf("the header: column %d has the name of another", i+1)}
		}
		quoted, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			return nil, err
		}
		c.names, c.heads = append(c.names, name), append(c.heads, append(quoted, ':'))
	}
	return c, nil
}

func (c *rows) resume() {}

func (c *rows) next(r *Record) error {
	if err := c.emptyLines(); err != nil {
		return err
	}
	r.Start = c.offset
	if err := c.read(); err != nil {
		return err
	}
	raw := c.row.raw.bytes()
	if raw == nil {
		r.Problem = fmt.Sprintf("The row is larger than %d bytes: a quote may be missing", MaxRecord)
		return nil
	}
	if c.row.bad == "" && len(c.row.fields) != len(c.names) {
		c.row.bad = "the number of fields is not that of the header"
	}
	if c.row.bad != "" {
		r.Problem = "The row is malformed: " + c.row.bad
		r.Body = quoteRaw(bytes.TrimRight(raw, "\r\n"))
		return nil
	}
	body, err := c.object(make([]byte, 0, len(raw)+8*len(c.names)))
	if err != nil {
		r.Problem = "The row is not valid UTF-8"
		r.Body = quoteRaw(bytes.TrimRight(raw, "\r\n"))
		return nil
	}
	r.Body = body
	return nil
}

// object writes the row as an object.
func (c *rows) object(b []byte) ([]byte, error) {
	b = append(b, '{')
	for i, f := range c.row.fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c.heads[i]...)
		var err error
		if b, err = jsontext.AppendQuote(b, f); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// emptyLines skips them. A blank is a field's and stays.
func (c *rows) emptyLines() error {
	for {
		b, err := c.ahead()
		if err != nil {
			return err
		}
		if b[0] != '\n' && b[0] != '\r' {
			return nil
		}
		c.skip(1)
	}
}

// read reads one row, whose fields are valid until the next.
func (c *rows) read() error {
	w := &c.row
	*w = row{fields: w.fields[:0], spare: w.spare[:0], ends: w.ends[:0]}
	state := fieldStart
	for {
		from := len(w.raw.b)
		if err := c.line(&w.raw); err != nil {
			return err
		}
		if w.raw.over {
			return c.abandon(state)
		}
		line := w.raw.b[from:]
		if len(line) == 0 { // the end, inside quotes
			w.bad = "a quote is not closed"
			return nil
		}
		state = w.parse(line, state)
		if state != inQuotes || w.bad != "" {
			w.finish()
			return nil
		}
	}
}

// abandon gives up a row that is too large. It has been read to the end of a
// line; where quotes are open nobody knows what is a row.
func (c *rows) abandon(state fieldState) error {
	if state != inQuotes {
		return nil
	}
	return &SyntaxError{c.offset, fmt.Sprintf("a row is larger than %d bytes and has open quotes: is a quote missing?", MaxRecord)}
}

type fieldState uint8

const (
	fieldStart fieldState = iota
	inField
	inQuotes
	afterQuote // that may end the field, or be the first of two
)

// parse takes a line. It returns inQuotes if the row goes on.
func (w *row) parse(line []byte, s fieldState) fieldState {
	for i, b := range line {
		end := b == '\n' || b == '\r' && (i+1 == len(line) || line[i+1] == '\n')
		switch {
		case s == inQuotes:
			if b == '"' {
				s = afterQuote
			} else {
				w.spare = append(w.spare, b)
			}
		case s == afterQuote && b == '"':
			w.spare = append(w.spare, b)
			s = inQuotes
		case end:
			w.ends = append(w.ends, len(w.spare))
			return fieldStart
		case b == ',':
			w.ends = append(w.ends, len(w.spare))
			s = fieldStart
		case s == afterQuote:
			w.bad = "something follows a closing quote"
			return fieldStart
		case b == '"' && s == fieldStart:
			s = inQuotes
		case b == '"':
			w.bad = "a quote inside a field that is not quoted"
			return fieldStart
		default:
			w.spare = append(w.spare, b)
			s = inField
		}
	}
	if s != inQuotes { // the last line, without an end
		w.ends = append(w.ends, len(w.spare))
		return fieldStart
	}
	return s
}

// finish cuts the fields.
func (w *row) finish() {
	from := 0
	for _, end := range w.ends {
		w.fields = append(w.fields, w.spare[from:end])
		from = end
	}
}

// quoteRaw writes a text that is no record as a JSON string, byte for byte: what
// is not UTF-8 stays as it is, for a person to repair.
func quoteRaw(text []byte) []byte {
	const hex = "0123456789abcdef"
	b := append(make([]byte, 0, len(text)+16), '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
