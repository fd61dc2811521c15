package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// step is one step of a path into a document: the member of that name, or,
// when the name is a whole number and the value an array, that element.
type step struct {
	name  string
	index int // -1 when name is not an index
}

func newStep(name string) step {
	if len(name) > 0 && len(name) <= 9 && name[0] >= '0' && name[0] <= '9' {
		if i, err := strconv.Atoi(name); err == nil {
			return step{name: name, index: i}
		}
	}
	return step{name: name, index: -1}
}

// cursor reads a document within the bounds of one evaluation.
type cursor struct {
	doc Document
	// left is what remains of MaxSteps; below zero the evaluation is over.
	left int
	// tooLong says that the output passed MaxResultBytes.
	tooLong bool
}

// scanned is how many siblings are looked at for the price of one step.
const scanned = 64

func (c *cursor) failed() bool { return c.left < 0 || c.tooLong }

func (c *cursor) err() error {
	if c.tooLong {
		return &LimitError{What: "bytes of result", Max: MaxResultBytes}
	}
	if c.left < 0 {
		return &LimitError{What: "steps of evaluation", Max: MaxSteps}
	}
	return nil
}

// follow walks path from node n and returns none when something is missing.
func (c *cursor) follow(n int32, path []step) int32 {
	for i := range path {
		if n == none {
			return none
		}
		switch c.doc.nodes[n].kind {
		case kindObject:
			n = c.member(n, path[i].name)
		case kindArray:
			n = c.element(n, path[i].index)
		default:
			return none
		}
	}
	return n
}

// member finds the last member with a name: siblings are chained backwards so
// that the first hit is the one that counts.
func (c *cursor) member(object int32, name string) int32 {
	text, nodes := c.doc.text, c.doc.nodes
	seen := 0
	i := nodes[object].last
	for ; i != none; i = nodes[i].prev {
		s := nodes[i].name
		if int(s.n) == len(name) && text[s.off:s.off+s.n] == name {
			break
		}
		seen++
	}
	c.left -= 1 + seen/scanned
	return i
}

func (c *cursor) element(array int32, index int) int32 {
	nodes := c.doc.nodes
	end := nodes[array].end
	if index < 0 || index >= int(end-array) {
		c.left--
		return none
	}
	i := array + 1
	for k := 0; k < index && i < end; k++ {
		i = nodes[i].end
	}
	c.left -= 1 + index/scanned
	if i >= end {
		return none
	}
	return i
}

// root is the document's object, or none in the zero Document.
func (c *cursor) root() int32 {
	if len(c.doc.nodes) == 0 {
		return none
	}
	return 0
}

// members lists the members of an object that count, in document order.
func (c *cursor) members(object int32) []int32 {
	nodes := c.doc.nodes
	var list []int32
	at := map[string]int{}
	for i := object + 1; i < nodes[object].end; i = nodes[i].end {
		if c.left--; c.failed() {
			return nil
		}
		name := c.doc.string(nodes[i].name)
		if k, twice := at[name]; twice {
			list[k] = i
			continue
		}
		at[name] = len(list)
		list = append(list, i)
	}
	return list
}

// scalar returns the text of a value that is neither object nor array.
func (c *cursor) scalar(n int32) string {
	v := &c.doc.nodes[n]
	switch v.kind {
	case kindNumber, kindString:
		return c.doc.string(v.text)
	case kindTrue:
		return "true"
	case kindFalse:
		return "false"
	}
	return ""
}

func (c *cursor) compound(n int32) bool {
	return n != none && c.doc.nodes[n].kind >= kindArray
}

// truthy is Handlebars' notion: nothing, null, false, zero, the empty string
// and the empty array are false.
func (c *cursor) truthy(n int32) bool {
	if n == none {
		return false
	}
	v := &c.doc.nodes[n]
	switch v.kind {
	case kindNull, kindFalse:
		return false
	case kindString:
		return v.text.n > 0
	case kindNumber:
		return !zero(c.doc.string(v.text))
	case kindArray:
		return v.last != none
	}
	return true
}

// zero reports whether JSON number text stands for 0: no digit of the
// mantissa is anything else.
func zero(number string) bool {
	mantissa := number
	if e := strings.IndexAny(number, "eE"); e >= 0 {
		mantissa = number[:e]
	}
	return !strings.ContainsAny(mantissa, "123456789")
}

// text appends what {{ }} shows of a value: arrays element by element joined
// by commas, objects as JSON.
func (c *cursor) text(dst []byte, n int32) []byte {
	if n == none || c.failed() {
		return dst
	}
	nodes := c.doc.nodes
	switch nodes[n].kind {
	case kindObject:
		return c.json(dst, n)
	case kindArray:
		for i := n + 1; i < nodes[n].end && !c.failed(); i = nodes[i].end {
			c.left--
			if i > n+1 {
				dst = append(dst, ',')
			}
			dst = c.text(dst, i)
		}
		return dst
	}
	return c.add(dst, c.scalar(n))
}

// json appends a value as compact JSON, numbers as they were written.
func (c *cursor) json(dst []byte, n int32) []byte {
	if c.left--; c.failed() {
		return dst
	}
	nodes := c.doc.nodes
	switch nodes[n].kind {
	case kindNull:
		return append(dst, "null"...)
	case kindString:
		// The text is valid UTF-8, so quoting cannot fail.
		dst, _ = jsontext.AppendQuote(dst, c.scalar(n))
		return c.add(dst, "")
	case kindArray:
		dst = append(dst, '[')
		for i := n + 1; i < nodes[n].end && !c.failed(); i = nodes[i].end {
			if i > n+1 {
				dst = append(dst, ',')
			}
			dst = c.json(dst, i)
		}
		return append(dst, ']')
	case kindObject:
		dst = append(dst, '{')
		for k, i := range c.members(n) {
			if c.failed() {
				return dst
			}
			if k > 0 {
				dst = append(dst, ',')
			}
			dst, _ = jsontext.AppendQuote(dst, c.doc.string(nodes[i].name))
			dst = append(dst, ':')
			dst = c.json(dst, i)
		}
		return append(dst, '}')
	}
	return c.add(dst, c.scalar(n))
}

// add appends s and notices when the result has become too long.
func (c *cursor) add(dst []byte, s string) []byte {
	if len(dst)+len(s) > MaxResultBytes {
		c.tooLong = true
		return dst
	}
	return append(dst, s...)
}

// sourceRoot is the only name available to a source.
const sourceRoot = "_source"

// maxPathSteps bounds a path; a document is not deeper.
const maxPathSteps = MaxDocumentDepth

// parsePath reads an accessor. rest is what follows its array mark "[]";
// list says whether it has one.
func parsePath(expr string) (path, rest []step, list bool, err error) {
	tail, found := strings.CutPrefix(expr, sourceRoot)
	if !found || tail != "" && tail[0] != '.' && tail[0] != '[' {
		return nil, nil, false, fmt.Errorf("only %s is available: write %s.<name>, or {{…}} for a template", sourceRoot, sourceRoot)
	}
	steps := &path
	for tail != "" {
		var name string
		switch {
		case strings.HasPrefix(tail, "[]"):
			if list {
				return nil, nil, false, fmt.Errorf("one [] at most")
			}
			list, steps, tail = true, &rest, tail[2:]
			continue
		case tail[0] == '[':
			name, tail, err = bracketed(tail)
		case strings.HasPrefix(tail, ".["):
			name, tail, err = literal(tail[1:])
		case tail[0] == '.':
			name, tail, err = plainName(tail[1:])
		default:
			err = fmt.Errorf("a dot or bracket is missing before %q", tail)
		}
		if err != nil {
			return nil, nil, false, err
		}
		*steps = append(*steps, newStep(name))
		if len(path)+len(rest) > maxPathSteps {
			return nil, nil, false, fmt.Errorf("at most %d steps", maxPathSteps)
		}
	}
	return path, rest, list, nil
}

// plainName reads a name up to the next dot or bracket. Blanks inside it are
// allowed, since column names have them.
func plainName(s string) (name, tail string, err error) {
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	name, tail = s[:end], s[end:]
	switch {
	case name == "":
		return "", "", fmt.Errorf("a name is empty")
	case strings.TrimSpace(name) != name:
		return "", "", fmt.Errorf("a name begins or ends with a blank: %q", name)
	case strings.ContainsAny(name, "]{}\n\r\t\x00"):
		return "", "", fmt.Errorf("the name %q has a character that needs ['…']", name)
	}
	return name, tail, nil
}

// bracketed reads [0], ['name'] or ["name"].
func bracketed(s string) (name, tail string, err error) {
	if len(s) > 1 && (s[1] == '\'' || s[1] == '"') {
		end := strings.Index(s[2:], s[1:2]+"]")
		if end <= 0 {
			return "", "", fmt.Errorf("unfinished or empty name in brackets")
		}
		return s[2 : 2+end], s[2+end+2:], nil
	}
	name, tail, err = literal(s)
	if err == nil && newStep(name).index < 0 {
		err = fmt.Errorf("brackets hold an index ([0]), nothing ([]) or a quoted name (['a b']), not %q", name)
	}
	return name, tail, err
}

// literal reads a Handlebars segment literal, [name].
func literal(s string) (name, tail string, err error) {
	end := strings.IndexByte(s, ']')
	if end <= 1 {
		return "", "", fmt.Errorf("unfinished or empty brackets")
	}
	return s[1:end], s[end+1:], nil
}
