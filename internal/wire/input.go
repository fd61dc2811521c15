package wire

import (
	"bytes"
	"net/url"
	"reflect"

	"kindred/internal/api"
)

// decodeREST reads the input of a REST-JSON operation: labels, query and
// headers first, then the body.
func (c *Call) decodeREST() (any, error) {
	in := c.plan.input()
	d := newDecoder(c.req.Body)
	defer d.release()
	ptr := reflect.New(in.goType)
	v := ptr.Elem()
	seen, err := d.labels(in, v, c)
	if err != nil {
		return nil, err
	}
	more, err := d.parameters(in, v, c.req)
	if err != nil {
		return nil, err
	}
	seen |= more
	if len(in.body) > 0 && len(bytes.TrimLeft(c.req.Body, " \t\r\n")) > 0 {
		if err := jsonType(c.req); err != nil {
			return nil, err
		}
		more, err := d.document(in, v)
		if err != nil {
			return nil, err
		}
		seen |= more
	}
	d.complete(in, seen)
	if err := d.invalid(); err != nil {
		return nil, err
	}
	return ptr.Interface(), nil
}

// decodeAWSJSON reads the input of an AWS JSON operation. An empty body stands
// for {}.
func (c *Call) decodeAWSJSON() (any, error) {
	in := c.plan.input()
	d := newDecoder(c.req.Body)
	defer d.release()
	ptr := reflect.New(in.goType)
	var seen uint64
	if len(bytes.TrimLeft(c.req.Body, " \t\r\n")) > 0 {
		if err := jsonType(c.req); err != nil {
			return nil, err
		}
		var err error
		if seen, err = d.document(in, ptr.Elem()); err != nil {
			return nil, err
		}
	}
	d.complete(in, seen)
	if err := d.invalid(); err != nil {
		return nil, err
	}
	return ptr.Interface(), nil
}

// jsonType refuses a body whose content type is not JSON's.
func jsonType(req *Request) error {
	switch mediaType(req) {
	case "application/json", "application/x-amz-json-1.0", "application/x-amz-json-1.1":
		return nil
	}
	return &Invalid{Malformed, "Content-Type must be application/json or application/x-amz-json-1.1"}
}

// labels sets the members that travel in the path.
func (d *decoder) labels(p *plan, v reflect.Value, c *Call) (seen uint64, err error) {
	for i, label := range c.labels {
		at := c.plan.labels[i]
		m := &p.members[at]
		d.push(step{name: m.Name})
		text, ok := unescape(label)
		if !ok {
			return 0, d.malformed("must be percent-encoded in the path")
		}
		if err := d.simple(m.plan, v.Field(m.Field), m.pointer, text); err != nil {
			return 0, err
		}
		d.pop()
		seen |= 1 << at
	}
	return seen, nil
}

// parameters sets the members that travel in the query or in headers.
func (d *decoder) parameters(p *plan, v reflect.Value, req *Request) (seen uint64, err error) {
	var query url.Values
	for i := range p.members {
		m := &p.members[i]
		var values []string
		switch m.Location {
		case api.Query:
			if req.RawQuery == "" {
				continue
			}
			if query == nil {
				if query, err = url.ParseQuery(req.RawQuery); err != nil {
					return 0, &Invalid{Malformed, "The query string is not well formed"}
				}
			}
			values = query[m.Wire]
		case api.Header:
			values = req.Header.Values(m.Wire)
		}
		if len(values) == 0 {
			continue
		}
		d.push(step{name: m.Name})
		if err := d.parameter(m, v.Field(m.Field), values); err != nil {
			return 0, err
		}
		d.pop()
		seen |= 1 << i
	}
	return seen, nil
}

func (d *decoder) parameter(m *member, v reflect.Value, values []string) error {
	if m.plan.typ != api.List {
		if len(values) > 1 {
			return d.malformed("must be given once")
		}
		return d.simple(m.plan, v, m.pointer, values[0])
	}
	d.length(m.plan, len(values))
	v.Set(reflect.MakeSlice(m.plan.goType, len(values), len(values)))
	for i, text := range values {
		d.push(step{index: i, kind: atIndex})
		if err := d.simple(m.plan.elem, v.Index(i), false, text); err != nil {
			return err
		}
		d.pop()
	}
	return nil
}
