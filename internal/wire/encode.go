package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"kindred/internal/api"
)

const jsonContent = "application/json"

// errNotFinite: JSON has no NaN and no infinity.
var errNotFinite = errors.New("a number is not finite")

func (c *Call) encodeREST(a *Answer, out any) error {
	a.reset(c.Operation.Status, "")
	p := c.plan.output()
	v, ok := structure(p, out)
	if !ok || len(p.members) == 0 && p.shape.Name == "Unit" {
		return nil
	}
	for i := range p.members {
		m := &p.members[i]
		f, set := simpleField(m, v)
		if !set {
			continue
		}
		switch m.Location {
		case api.StatusCode:
			if n := f.Int(); n >= 100 && n < 600 {
				a.Status = int(n)
			}
		case api.Header:
			text, err := plain(m.plan, f)
			if err != nil {
				return fmt.Errorf("wire: encode %s: %s: %w", c.Operation.Name, m.Name, err)
			}
			a.Header = append(a.Header, [2]string{m.Wire, text})
		}
	}
	return c.encodeBody(a, p, v, jsonContent)
}

func (c *Call) encodeAWSJSON(a *Answer, out any) error {
	a.reset(c.Operation.Status, "")
	p := c.plan.output()
	v, ok := structure(p, out)
	if !ok || p.shape.Name == "Unit" {
		return nil
	}
	return c.encodeBody(a, p, v, "application/x-amz-json-"+c.Service.JSONVersion)
}

func (c *Call) encodeBody(a *Answer, p *plan, v reflect.Value, contentType string) error {
	body, err := appendStructure(a.Body, p, v)
	if err != nil {
		return fmt.Errorf("wire: encode %s: %w", c.Operation.Name, err)
	}
	a.Body, a.ContentType = body, contentType
	return nil
}

// structure is the value of a pointer to the structure of p; false when it is
// nil. Another type is a defect of ours.
func structure(p *plan, out any) (reflect.Value, bool) {
	if out == nil {
		return reflect.Value{}, false
	}
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.Type().Elem() != p.goType {
		panic(fmt.Sprintf("wire: %T is not a pointer to the structure %s", out, p.shape.Name))
	}
	return v.Elem(), !v.IsNil()
}

// simpleField is the value of a member that is not in the body.
func simpleField(m *member, v reflect.Value) (reflect.Value, bool) {
	if m.Location == api.Body {
		return v, false
	}
	f := v.Field(m.Field)
	if m.pointer {
		return f.Elem(), !f.IsNil()
	}
	return f, true
}

// appendStructure writes an object of the members that are present. Required
// members always are.
func appendStructure(dst []byte, p *plan, v reflect.Value) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for i := range p.members {
		m := &p.members[i]
		if m.Location != api.Body {
			continue
		}
		f, present := present(m, v)
		if !present {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, m.key...)
		var err error
		if dst, err = appendValue(dst, m.plan, f); err != nil {
			return dst, fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	return append(dst, '}'), nil
}

// present is the value of a member without its pointer, and whether it is
// written. A required structure that is nil is written as one without values.
func present(m *member, v reflect.Value) (reflect.Value, bool) {
	f := v.Field(m.Field)
	switch {
	case m.pointer:
		if f.IsNil() {
			return reflect.Zero(m.plan.goType), m.Required
		}
		return f.Elem(), true
	case m.plan.typ == api.List || m.plan.typ == api.Map || m.plan.typ == api.Blob:
		return f, m.Required || !f.IsNil()
	}
	return f, true
}

func appendValue(dst []byte, p *plan, v reflect.Value) ([]byte, error) {
	switch p.typ {
	case api.Structure:
		return appendStructure(dst, p, v)
	case api.List:
		return appendList(dst, p, v)
	case api.Map:
		return appendMap(dst, p, v)
	case api.String:
		return jsontext.AppendQuote(dst, v.String())
	case api.Integer, api.Long:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case api.Double:
		return appendDouble(dst, v.Float())
	case api.Boolean:
		return strconv.AppendBool(dst, v.Bool()), nil
	case api.Timestamp:
		return appendEpoch(dst, timeOf(v)), nil
	default: // a blob
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"'), nil
	}
}

func timeOf(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

func appendDouble(dst []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, errNotFinite
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64), nil
}

func appendList(dst []byte, p *plan, v reflect.Value) ([]byte, error) {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, p.elem, v.Index(i)); err != nil {
			return dst, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return append(dst, ']'), nil
}

// appendMap writes a map in the order of its keys, so that equal answers are
// equal bytes.
func appendMap(dst []byte, p *plan, v reflect.Value) ([]byte, error) {
	if texts, ok := v.Interface().(map[string]string); ok {
		return appendTexts(dst, texts)
	}
	dst = append(dst, '{')
	for i, key := range sortedKeys(v) {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = jsontext.AppendQuote(dst, key.String()); err != nil {
			return dst, fmt.Errorf("a key: %w", err)
		}
		dst = append(dst, ':')
		if dst, err = appendValue(dst, p.elem, v.MapIndex(key)); err != nil {
			return dst, fmt.Errorf("the value of a key: %w", err)
		}
	}
	return append(dst, '}'), nil
}

// appendTexts is appendMap for the attributes and tags of an answer, which are
// most of all maps: reflection would copy each of their keys and values.
func appendTexts(dst []byte, texts map[string]string) ([]byte, error) {
	var few [16]string
	keys := few[:0]
	for key := range texts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = jsontext.AppendQuote(dst, key); err != nil {
			return dst, fmt.Errorf("a key: %w", err)
		}
		dst = append(dst, ':')
		if dst, err = jsontext.AppendQuote(dst, texts[key]); err != nil {
			return dst, fmt.Errorf("the value of a key: %w", err)
		}
	}
	return append(dst, '}'), nil
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch x, y := a.String(), b.String(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return keys
}

// plain writes a value of a simple type as text, for a header or XML.
func plain(p *plan, v reflect.Value) (string, error) {
	switch p.typ {
	case api.String:
		return v.String(), nil
	case api.Integer, api.Long:
		return strconv.FormatInt(v.Int(), 10), nil
	case api.Double:
		b, err := appendDouble(nil, v.Float())
		return string(b), err
	case api.Boolean:
		return strconv.FormatBool(v.Bool()), nil
	case api.Timestamp:
		return timeOf(v).UTC().Format("2006-01-02T15:04:05.999Z"), nil
	case api.Blob:
		return base64.StdEncoding.EncodeToString(v.Bytes()), nil
	}
	panic("wire: " + p.shape.Name + " cannot be written as plain text")
}

// quote writes text that is known to be UTF-8, such as names of the tables, and
// makes U+FFFD of what is not.
func quote(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}
