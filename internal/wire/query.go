package wire

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"kindred/internal/api"
)

// maxParameters bounds the parameters of a Query request, and maxNodes the parts
// of all their names.
const (
	maxParameters = 10_000
	maxNodes      = 4 * maxParameters
)

// form is the parameters of a Query request: those of the query string and of
// the form in the body. None may be given twice.
func (c *Call) form() (url.Values, error) {
	if c.params != nil {
		return c.params, nil
	}
	form := url.Values{}
	sources := []string{c.req.RawQuery}
	if mediaType(c.req) == "application/x-www-form-urlencoded" {
		sources = append(sources, string(c.req.Body))
	} else if len(c.req.Body) > 0 {
		return nil, &Invalid{Malformed, "Content-Type must be application/x-www-form-urlencoded"}
	}
	n := 0
	for _, source := range sources {
		if n += strings.Count(source, "&"); n >= maxParameters {
			return nil, &Invalid{Malformed, "The request has more than " + strconv.Itoa(maxParameters) + " parameters"}
		}
		values, err := url.ParseQuery(source)
		if err != nil {
			return nil, &Invalid{Malformed, "The request is not a well-formed form"}
		}
		for name, vs := range values {
			if len(vs) > 1 || form.Has(name) {
				return nil, &Invalid{Malformed, "A parameter is given twice"}
			}
			form[name] = vs
		}
	}
	c.params = form
	return form, nil
}

// parameter is a node of the tree that the dots in the names of parameters make:
// Entry.1.Id is the child Id of the child 1 of Entry.
type parameter struct {
	text     string
	set      bool // it has a value of its own
	children map[string]*parameter
}

// tree makes the tree of a form.
func tree(form url.Values) (*parameter, error) {
	root, nodes := new(parameter), 0
	for name, values := range form {
		parts := strings.Count(name, ".") + 1
		if nodes += parts; nodes > maxNodes {
			return nil, &Invalid{Malformed, "The names of the parameters have more than " + strconv.Itoa(maxNodes) + " parts"}
		}
		if parts > 2*MaxDepth { // a list takes two levels
			return nil, &Invalid{Malformed, "A parameter is nested deeper than " + strconv.Itoa(MaxDepth) + " levels"}
		}
		at := root
		for part := range strings.SplitSeq(name, ".") {
			next := at.children[part]
			if next == nil {
				next = new(parameter)
				if at.children == nil {
					at.children = map[string]*parameter{}
				}
				at.children[part] = next
			}
			at = next
		}
		at.text, at.set = values[0], true
	}
	return root, nil
}

// elements are the children whose names are numbers, in their order.
func (p *parameter) elements() []*parameter {
	type numbered struct {
		n int
		p *parameter
	}
	var found []numbered
	for name, child := range p.children {
		if n, err := strconv.Atoi(name); err == nil && n >= 0 {
			found = append(found, numbered{n, child})
		}
	}
	slices.SortFunc(found, func(a, b numbered) int { return a.n - b.n })
	elements := make([]*parameter, len(found))
	for i, f := range found {
		elements[i] = f.p
	}
	return elements
}

// queryDecoder reads a tree of parameters into the structure of a plan.
type queryDecoder struct{ checker }

// queueURL is the member that a request posted to the address of a queue may
// leave out.
const queueURL = "QueueUrl"

func (c *Call) decodeQuery() (any, error) {
	form, err := c.form()
	if err != nil {
		return nil, err
	}
	root, err := tree(form)
	if err != nil {
		return nil, err
	}
	in := c.plan.input()
	if _, ok := in.body[queueURL]; ok && root.children[queueURL] == nil && strings.Trim(c.req.Path, "/") != "" {
		scheme := "http://"
		if c.req.Secure {
			scheme = "https://"
		}
		root.children[queueURL] = &parameter{text: scheme + c.req.Host + c.req.Path, set: true}
	}
	ptr := reflect.New(in.goType)
	var d queryDecoder
	if err := d.structure(in, ptr.Elem(), root); err != nil {
		return nil, err
	}
	if err := d.invalid(); err != nil {
		return nil, err
	}
	return ptr.Interface(), nil
}

func (d *queryDecoder) structure(p *plan, v reflect.Value, from *parameter) error {
	var seen uint64
	for i := range p.members {
		m := &p.members[i]
		child := from.children[m.element]
		if child == nil {
			continue
		}
		d.push(step{name: m.element})
		f := v.Field(m.Field)
		var err error
		if m.plan.typ == api.Structure {
			s := reflect.New(m.plan.goType)
			f.Set(s)
			err = d.structure(m.plan, s.Elem(), child)
		} else {
			err = d.value(m.plan, f, m.pointer, m.Flattened || m.plan.shape.Flattened, child)
		}
		if err != nil {
			return err
		}
		d.pop()
		seen |= 1 << i
	}
	d.complete(p, seen)
	return nil
}

func (d *queryDecoder) value(p *plan, v reflect.Value, pointer, flat bool, from *parameter) error {
	switch p.typ {
	case api.Structure:
		return d.structure(p, v, from)
	case api.List:
		return d.list(p, v, flat, from)
	case api.Map:
		return d.mapping(p, v, flat, from)
	}
	if !from.set {
		return d.malformed("must have a value")
	}
	return d.simple(p, v, pointer, from.text)
}

// list reads Name.member.1, or Name.1 of a flattened list. Old clients write a
// flattened list of one element as Name, without a number.
func (d *queryDecoder) list(p *plan, v reflect.Value, flat bool, from *parameter) error {
	elements := from.elements()
	switch {
	case flat && len(elements) == 0 && from.set && from.text != "":
		elements = []*parameter{from}
	case !flat:
		elements = nil
		if m := from.children["member"]; m != nil {
			elements = m.elements()
		}
	}
	if len(elements) == 0 && !(from.set && from.text == "") {
		return d.malformed("must be a list with numbered elements")
	}
	v.Set(reflect.MakeSlice(p.goType, len(elements), len(elements)))
	for i, e := range elements {
		d.push(step{index: i, kind: atIndex})
		if err := d.value(p.elem, v.Index(i), false, p.elem.shape.Flattened, e); err != nil {
			return err
		}
		d.pop()
	}
	d.length(p, len(elements))
	return nil
}

// mapping reads Name.entry.1.key and Name.entry.1.value, or Name.1.key and so on
// of a flattened map. Old clients write a flattened map of one entry without a
// number.
func (d *queryDecoder) mapping(p *plan, v reflect.Value, flat bool, from *parameter) error {
	keyName, valueName := p.entryNames()
	if !flat {
		if from = from.children["entry"]; from == nil {
			return d.malformed("must be a map with numbered entries")
		}
	}
	entries := from.elements()
	if len(entries) == 0 && from.children[keyName] != nil {
		entries = []*parameter{from}
	}
	if len(entries) == 0 {
		return d.malformed("must be a map with numbered entries")
	}
	m := reflect.MakeMap(p.goType)
	for i, e := range entries {
		d.push(step{index: i, kind: atIndex})
		key, value := e.children[keyName], e.children[valueName]
		if key == nil || !key.set || value == nil {
			return d.malformed("must have a " + keyName + " and a " + valueName)
		}
		k := reflect.New(p.goType.Key()).Elem()
		if err := d.mapKey(p, k, key.text); err != nil {
			return err
		}
		if m.MapIndex(k).IsValid() {
			return d.malformed("has a " + keyName + " that is given twice")
		}
		e := reflect.New(p.goType.Elem()).Elem()
		if err := d.value(p.elem, e, false, p.elem.shape.Flattened, value); err != nil {
			return err
		}
		m.SetMapIndex(k, e)
		d.pop()
	}
	v.Set(m)
	d.length(p, m.Len())
	return nil
}

func (d *queryDecoder) mapKey(p *plan, k reflect.Value, text string) error {
	return d.simple(p.key, k, false, text)
}

// entryNames are the names of the key and the value in an entry of a map.
func (p *plan) entryNames() (key, value string) {
	key, value = "key", "value"
	if p.shape.KeyName != "" {
		key = p.shape.KeyName
	}
	if p.shape.ElemName != "" {
		value = p.shape.ElemName
	}
	return key, value
}
