package wire

import (
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"kindred/internal/api"
)

const (
	xmlContent = "text/xml"
	xmlHead    = `<?xml version="1.0"?>` + "\n"
)

// errNotUTF8: text in an answer is damaged.
var errNotUTF8 = errors.New("text is not UTF-8")

// xmlWriter appends elements.
type xmlWriter struct {
	body []byte
	err  error // the first
}

func (w *xmlWriter) open(name string) { w.body = append(append(append(w.body, '<'), name...), '>') }
func (w *xmlWriter) close(name string) {
	w.body = append(append(append(w.body, "</"...), name...), '>')
}

// Write appends what xml.EscapeText makes.
func (w *xmlWriter) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}

// text writes character data. Characters that XML 1.0 cannot hold become
// U+FFFD.
func (w *xmlWriter) text(s string) {
	if !utf8.ValidString(s) && w.err == nil {
		w.err = errNotUTF8
	}
	_ = xml.EscapeText(w, []byte(s)) // Write never fails
}

func (w *xmlWriter) element(name, text string) {
	w.open(name)
	w.text(text)
	w.close(name)
}

// encodeQuery writes <OpResponse><OpResult>…</OpResult><ResponseMetadata>…, the
// result only of an operation that has one.
func (c *Call) encodeQuery(a *Answer, out any, requestID string) error {
	a.reset(c.Operation.Status, xmlContent)
	w := xmlWriter{body: append(a.Body, xmlHead...)}
	c.root(&w, c.Operation.Name+"Response")
	p := c.plan.output()
	if v, ok := structure(p, out); ok && p.shape.Name != "Unit" {
		w.open(c.Operation.Name + "Result")
		w.structure(p, v)
		w.close(c.Operation.Name + "Result")
	}
	w.open("ResponseMetadata")
	w.element("RequestId", requestID)
	w.close("ResponseMetadata")
	w.close(c.Operation.Name + "Response")
	if w.err != nil {
		return fmt.Errorf("wire: encode %s: %w", c.Operation.Name, w.err)
	}
	a.Body = append(w.body, '\n')
	return nil
}

func (c *Call) refuseQuery(a *Answer, e *Error, requestID string) {
	a.reset(e.Status, xmlContent)
	w := xmlWriter{body: append(a.Body, xmlHead...)}
	c.root(&w, "ErrorResponse")
	w.open("Error")
	w.element("Type", e.party())
	w.element("Code", e.code())
	w.element("Message", e.Message)
	w.close("Error")
	w.element("RequestId", requestID)
	w.close("ErrorResponse")
	a.Body = append(w.body, '\n')
}

// root opens the outermost element, in the namespace of the service.
func (c *Call) root(w *xmlWriter, name string) {
	if c.Service == nil || c.Service.Namespace == "" {
		w.open(name)
		return
	}
	w.open(name + ` xmlns="` + c.Service.Namespace + `"`)
}

func (w *xmlWriter) structure(p *plan, v reflect.Value) {
	for i := range p.members {
		m := &p.members[i]
		if f, ok := present(m, v); ok {
			w.value(m.plan, f, m.element, m.Flattened || m.plan.shape.Flattened)
		}
	}
}

// value writes an element, or one for each entry of a flattened list or map.
func (w *xmlWriter) value(p *plan, v reflect.Value, name string, flat bool) {
	inner := name
	switch p.typ {
	case api.List:
		if !flat {
			w.open(name)
			inner = "member"
		}
		for i := range v.Len() {
			w.value(p.elem, v.Index(i), inner, p.elem.shape.Flattened)
		}
	case api.Map:
		if !flat {
			w.open(name)
			inner = "entry"
		}
		key, value := p.entryNames()
		for _, k := range sortedKeys(v) {
			w.open(inner)
			w.element(key, k.String())
			w.value(p.elem, v.MapIndex(k), value, p.elem.shape.Flattened)
			w.close(inner)
		}
	case api.Structure:
		w.open(name)
		w.structure(p, v)
		w.close(name)
		return
	default:
		text, err := plain(p, v)
		if err != nil && w.err == nil {
			w.err = fmt.Errorf("%s: %w", name, err)
		}
		w.element(name, text)
		return
	}
	if !flat {
		w.close(name)
	}
}
