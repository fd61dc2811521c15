package standard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is the value of one field of a standard object, named by its path as
// in Field. Only a field in a list has List, with one text for each element and
// an empty one where an element has no value; a Text stands for the list of that
// one element.
type Value struct {
	Path   string
	Text   string
	List   []string
	IsList bool
}

// placed is a value with the way to it.
type placed struct {
	route
	field *Field
	value *Value
}

// Render writes a standard object as JSON from the values of its fields, its
// own id among them. Members come in the order of the schema, names in maps in
// alphabetical order, whatever the order of the
// values, in which each path occurs once. The fields of a list
// are put together element by element. Numbers are written as numbers when
// their text is one. Empty values and control fields are left out. A path that
// the object does not have, and text that is not UTF-8, are errors.
func (o *Object) Render(values []Value) ([]byte, error) {
	return o.AppendRender(make([]byte, 0, 64+48*len(values)), values)
}

// AppendRender is Render that appends to dst.
func (o *Object) AppendRender(dst []byte, values []Value) ([]byte, error) {
	all := make([]placed, 0, len(values))
	for i := range values {
		v := &values[i]
		if v.Text == "" && len(v.List) == 0 {
			continue
		}
		p := placed{value: v}
		f, err := o.resolve(v.Path, &p.route)
		if err != nil {
			return nil, err
		}
		if f.Control {
			continue
		}
		p.field = f
		all = append(all, p)
	}
	order := make([]*placed, len(all)) // cheaper to move than the values
	for i := range all {
		order[i] = &all[i]
	}
	slices.SortStableFunc(order, func(a, b *placed) int { return compare(&a.route, &b.route) })
	return writeObject(dst, order, 0)
}

func compare(a, b *route) int {
	for i := range min(a.n, b.n) {
		x, y := &a.steps[i], &b.steps[i]
		if c := cmp.Or(cmp.Compare(x.node.index, y.node.index), strings.Compare(x.name, y.name)); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.n, b.n)
}

// writeObject writes values that have the first depth steps in common.
func writeObject(dst []byte, all []*placed, depth int) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for len(all) > 0 {
		s := all[0].steps[depth]
		n := 1
		for n < len(all) && all[n].steps[depth] == s {
			n++
		}
		group := all[:n]
		all = all[n:]
		first = appendComma(&dst, first)
		var err error
		if dst, err = writeMember(dst, s.name, group, depth); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendComma(dst *[]byte, first bool) bool {
	if !first {
		*dst = append(*dst, ',')
	}
	return false
}

func writeMember(dst []byte, name string, group []*placed, depth int) ([]byte, error) {
	dst, err := quote(dst, name)
	if err != nil {
		return nil, err
	}
	dst = append(dst, ':')
	node := group[0].steps[depth].node
	switch {
	case node.kind == list && group[0].n == depth+1:
		return writeTexts(dst, group[len(group)-1].value)
	case node.kind == list:
		return writeList(dst, group, depth+1)
	case group[0].n == depth+1:
		last := group[len(group)-1] // of values with the same path
		return writeText(dst, last.field, last.value.Text)
	}
	return writeObject(dst, group, depth+1)
}

// writeList puts the columns of a list together, element by element.
func writeList(dst []byte, group []*placed, depth int) ([]byte, error) {
	n := 0
	for i := range group {
		n = max(n, elements(group[i].value))
	}
	dst = append(dst, '[')
	for i := range n {
		appendComma(&dst, i == 0)
		dst = append(dst, '{')
		first := true
		for _, p := range group {
			text := element(p.value, i)
			if text == "" {
				continue
			}
			first = appendComma(&dst, first)
			var err error
			if dst, err = quote(dst, p.steps[depth].name); err != nil {
				return nil, err
			}
			dst = append(dst, ':')
			if dst, err = writeText(dst, p.field, text); err != nil {
				return nil, err
			}
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

func writeTexts(dst []byte, v *Value) (_ []byte, err error) {
	dst = append(dst, '[')
	for i := range elements(v) {
		appendComma(&dst, i == 0)
		if dst, err = quote(dst, element(v, i)); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func elements(v *Value) int {
	if v.IsList {
		return len(v.List)
	}
	return 1
}

func element(v *Value, i int) string {
	switch {
	case !v.IsList && i == 0:
		return v.Text
	case v.IsList && i < len(v.List):
		return v.List[i]
	}
	return ""
}

func writeText(dst []byte, f *Field, text string) ([]byte, error) {
	if f.Number && isNumber(text) {
		return append(dst, text...), nil
	}
	return quote(dst, text)
}

// isNumber reports whether text is a JSON number and nothing else.
func isNumber(text string) bool {
	if c := text[len(text)-1]; c < '0' || c > '9' {
		return false // a blank behind it, which IsValid would accept
	}
	c := text[0]
	return (c == '-' || c >= '0' && c <= '9') && jsontext.Value(text).IsValid()
}

func quote(dst []byte, text string) ([]byte, error) {
	dst, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		return nil, fmt.Errorf("standard object: %w", err)
	}
	return dst, nil
}
