package contactrecord

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// value is a JSON value. Numbers keep the text that they were written with.
type value struct {
	kind    byte   // n t f " 0 { [
	text    string // of a string, unquoted, or of a number
	members []member
	items   []value
}

type member struct {
	name  string
	value value
}

// parse reads one JSON value and nothing after it.
func parse(data []byte) (*value, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Rule: fmt.Sprintf("at most %d bytes", MaxBytes)}
	}
	// Duplicates are found after the names have been converted.
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	v := &value{}
	err := v.read(dec, 0)
	if err == nil {
		if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
			return v, nil
		}
		if err == nil {
			err = errors.New("more after the value")
		}
	}
	var own *Error
	if errors.As(err, &own) {
		return nil, own
	}
	// The decoder's own text may quote the record.
	return nil, &Error{Rule: fmt.Sprintf("not valid JSON (at byte %d)", dec.InputOffset())}
}

func (v *value) read(dec *jsontext.Decoder, depth int) error {
	if depth > MaxDepth {
		return &Error{Rule: fmt.Sprintf("nested more than %d deep", MaxDepth)}
	}
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	v.kind = byte(t.Kind())
	switch v.kind {
	case '"', '0':
		v.text = t.String()
	case '[':
		for dec.PeekKind() != ']' {
			var item value
			if err := item.read(dec, depth+1); err != nil {
				return err
			}
			v.items = append(v.items, item)
		}
		_, err = dec.ReadToken()
	case '{':
		for dec.PeekKind() != '}' {
			name, err := dec.ReadToken()
			if err != nil {
				return err
			}
			m := member{name: name.String()}
			if err := m.value.read(dec, depth+1); err != nil {
				return err
			}
			v.members = append(v.members, m)
		}
		_, err = dec.ReadToken()
		v.sort()
	}
	return err
}

func (v *value) sort() {
	slices.SortStableFunc(v.members, func(a, b member) int { return strings.Compare(a.name, b.name) })
}

// member finds a member of an object whose members are sorted; nil if there is
// none.
func (v *value) member(name string) *value {
	i, ok := slices.BinarySearchFunc(v.members, name, func(m member, name string) int { return strings.Compare(m.name, name) })
	if !ok {
		return nil
	}
	return &v.members[i].value
}

// set puts a member into an object whose members are sorted.
func (v *value) set(name string, to *value) {
	i, ok := slices.BinarySearchFunc(v.members, name, func(m member, name string) int { return strings.Compare(m.name, name) })
	if ok {
		v.members[i].value = *to
		return
	}
	v.members = slices.Insert(v.members, i, member{name, *to})
}

// unambiguous reports a key that is given twice, at any depth, of an object
// whose keys are the customer's own and not to be shown.
func (v *value) unambiguous(at string) error {
	for i := range v.items {
		if err := v.items[i].unambiguous(at); err != nil {
			return err
		}
	}
	for i := range v.members {
		if i > 0 && v.members[i].name == v.members[i-1].name {
			return &Error{at, "a key is given twice"}
		}
		if err := v.members[i].value.unambiguous(at); err != nil {
			return err
		}
	}
	return nil
}

// append writes the value, compact.
func (v *value) append(b []byte) []byte {
	switch v.kind {
	case 'n':
		return append(b, "null"...)
	case 't':
		return append(b, "true"...)
	case 'f':
		return append(b, "false"...)
	case '0':
		return append(b, v.text...)
	case '"':
		return appendString(b, v.text)
	case '[':
		b = append(b, '[')
		for i := range v.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.items[i].append(b)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	for i := range v.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, v.members[i].name), ':')
		b = v.members[i].value.append(b)
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		panic("contactrecord: the decoder let invalid UTF-8 pass")
	}
	return b
}
