package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"kindred/internal/api"
)

// decoder reads a JSON body into the structure of a plan, checking it on the
// way.
type decoder struct {
	checker
	json    jsontext.Decoder
	input   bytes.Buffer
	scratch []byte
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// empty is what a decoder at rest reads, so that it holds on to no request.
var empty bytes.Buffer

func newDecoder(body []byte) *decoder {
	d := decoders.Get().(*decoder)
	d.checker = checker{path: d.path[:0]}
	d.input = *bytes.NewBuffer(body)
	d.json.Reset(&d.input)
	return d
}

// release clears what a request left and gives the decoder back.
func (d *decoder) release() {
	d.input = bytes.Buffer{}
	d.json.Reset(&empty)
	if cap(d.scratch) > 64<<10 {
		d.scratch = nil
	}
	clear(d.scratch[:cap(d.scratch)])
	clear(d.path[:cap(d.path)])
	decoders.Put(d)
}

// document reads the whole body, which must be one object.
func (d *decoder) document(p *plan, v reflect.Value) (seen uint64, err error) {
	if d.json.PeekKind() != '{' {
		if _, err := d.json.ReadToken(); err != nil {
			return 0, d.syntax(err)
		}
		return 0, d.malformed(wantObject)
	}
	if seen, err = d.object(p, v); err != nil {
		return 0, err
	}
	switch _, err := d.json.ReadToken(); {
	case err == io.EOF:
		return seen, nil
	case err != nil:
		return 0, d.syntax(err)
	}
	return 0, &Invalid{Malformed, "The request body must end after one JSON object"}
}

// syntax is the error of a body that is not JSON. The decoder's own text would
// show parts of it.
func (d *decoder) syntax(err error) error {
	at := d.json.InputOffset()
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &Invalid{Malformed, fmt.Sprintf("The request body is not accepted: an object has the same member twice, near byte %d", at)}
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return &Invalid{Malformed, "The request body is not valid JSON: it ends too early"}
	}
	return &Invalid{Malformed, fmt.Sprintf("The request body is not valid JSON, near byte %d", at)}
}

// enter reads the start of an object or a list, bounding the depth.
func (d *decoder) enter() error {
	if d.json.StackDepth() >= MaxDepth {
		return &Invalid{Malformed, fmt.Sprintf("The request body is nested deeper than %d levels", MaxDepth)}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	return nil
}

// leave reads the end of an object or a list.
func (d *decoder) leave() error {
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	return nil
}

// object reads the members of a structure and reports which were there. That
// the required ones are is for the caller to check, who may know of members from
// elsewhere.
func (d *decoder) object(p *plan, v reflect.Value) (seen uint64, err error) {
	if err := d.enter(); err != nil {
		return 0, err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadValue()
		if err != nil {
			return 0, d.syntax(err)
		}
		i, known := p.body[string(d.raw(name))]
		if !known {
			if err := d.skip(); err != nil {
				return 0, err
			}
			continue
		}
		if d.json.PeekKind() == 'n' {
			if err := d.leave(); err != nil {
				return 0, err
			}
			continue
		}
		m := &p.members[i]
		d.push(step{name: m.Wire})
		if err := d.field(m, v.Field(m.Field)); err != nil {
			return 0, err
		}
		d.pop()
		seen |= 1 << i
	}
	return seen, d.leave()
}

// raw is the content of a JSON string, valid until the next use of the decoder.
func (d *decoder) raw(s jsontext.Value) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s[1 : len(s)-1]
	}
	d.scratch, _ = jsontext.AppendUnquote(d.scratch[:0], s) // a valid string, or it would not have been read
	return d.scratch
}

func (d *decoder) field(m *member, v reflect.Value) error {
	if m.pointer && m.plan.typ == api.Structure {
		s := reflect.New(m.plan.goType)
		v.Set(s)
		return d.value(m.plan, s.Elem(), false)
	}
	return d.value(m.plan, v, m.pointer)
}

// value reads a value, which is not null, into v.
func (d *decoder) value(p *plan, v reflect.Value, pointer bool) error {
	switch p.typ {
	case api.Structure:
		if d.json.PeekKind() != '{' {
			return d.mistyped(wantObject)
		}
		seen, err := d.object(p, v)
		if err != nil {
			return err
		}
		d.complete(p, seen)
		return nil
	case api.List:
		if d.json.PeekKind() != '[' {
			return d.mistyped(wantList)
		}
		return d.list(p, v)
	case api.Map:
		if d.json.PeekKind() != '{' {
			return d.mistyped(wantObject)
		}
		return d.mapping(p, v)
	}
	return d.scalar(p, v, pointer)
}

// mistyped is the error of a value that is well formed but of another type.
func (d *decoder) mistyped(want string) error {
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	return d.malformed(want)
}

// scalar reads a string, number, boolean, timestamp or blob.
func (d *decoder) scalar(p *plan, v reflect.Value, pointer bool) error {
	kind := d.json.PeekKind()
	if kind == '{' || kind == '[' {
		return d.mistyped(scalarForm(p.typ))
	}
	raw, err := d.json.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	switch {
	case p.typ == api.String && kind == '"':
		s := string(d.raw(raw))
		d.text(p, s, false)
		setString(v, pointer, s)
	case (p.typ == api.Integer || p.typ == api.Long) && kind == '0':
		n, ok := parseInteger(string(raw), p.typ)
		if !ok {
			return d.malformed(wantForm(p.typ))
		}
		d.integer(p, n)
		setInteger(v, pointer, p.typ, n)
	case p.typ == api.Double && kind == '0':
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || math.IsInf(f, 0) {
			return d.malformed(wantDouble)
		}
		d.double(p, f)
		setDouble(v, pointer, f)
	case p.typ == api.Boolean && (kind == 't' || kind == 'f'):
		setBoolean(v, pointer, kind == 't')
	case p.typ == api.Timestamp && (kind == '0' || kind == '"'):
		text := raw
		if kind == '"' {
			text = d.raw(raw)
		}
		t, ok := parseTime(string(text))
		if !ok {
			return d.malformed(wantTimestamp)
		}
		setTime(v, pointer, t)
	case p.typ == api.Blob && kind == '"':
		text := d.raw(raw)
		b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Decode(b, text)
		if err != nil {
			return d.malformed(wantBlob)
		}
		d.length(p, n)
		v.SetBytes(b[:n])
	default:
		return d.malformed(scalarForm(p.typ))
	}
	return nil
}

func scalarForm(t api.Type) string {
	switch t {
	case api.Integer, api.Long:
		return wantForm(t)
	case api.Double:
		return wantDouble
	case api.Boolean:
		return wantBoolean
	case api.Timestamp:
		return wantTimestamp
	case api.Blob:
		return wantBlob
	}
	return wantString
}

func (d *decoder) list(p *plan, v reflect.Value) error {
	if err := d.enter(); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(p.goType, 0, 0))
	n := 0
	for ; d.json.PeekKind() != ']'; n++ {
		if p.hasMax && int64(n) >= p.max { // a violation already; it is not to cost memory
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		d.push(step{index: n, kind: atIndex})
		if d.json.PeekKind() == 'n' {
			return d.mistyped(wantElement)
		}
		if n == v.Cap() {
			v.Grow(max(4, n))
		}
		v.SetLen(n + 1)
		if err := d.value(p.elem, v.Index(n), false); err != nil {
			return err
		}
		d.pop()
	}
	d.length(p, n)
	return d.leave()
}

// mapping reads a map. The entries whose value is null are absent.
func (d *decoder) mapping(p *plan, v reflect.Value) error {
	if err := d.enter(); err != nil {
		return err
	}
	m := reflect.MakeMap(p.goType)
	v.Set(m)
	var fast map[string]string
	if p.strings {
		fast, _ = m.Interface().(map[string]string)
	}
	n := 0
	for d.json.PeekKind() != '}' {
		raw, err := d.json.ReadValue()
		if err != nil {
			return d.syntax(err)
		}
		key := string(d.raw(raw))
		if d.json.PeekKind() == 'n' {
			if err := d.leave(); err != nil {
				return err
			}
			continue
		}
		if n++; p.hasMax && int64(n) > p.max { // as in a list
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		d.text(p.key, key, true)
		d.pushKey(p, key)
		if err := d.entry(p, m, fast, key); err != nil {
			return err
		}
		d.pop()
	}
	d.length(p, n)
	return d.leave()
}

// entry reads the value of a key into m, which is fast when that is not nil.
func (d *decoder) entry(p *plan, m reflect.Value, fast map[string]string, key string) error {
	if fast == nil {
		e := reflect.New(p.goType.Elem()).Elem()
		if err := d.value(p.elem, e, false); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(key), e)
		return nil
	}
	if d.json.PeekKind() != '"' {
		return d.mistyped(wantString)
	}
	raw, err := d.json.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	s := string(d.raw(raw))
	d.text(p.elem, s, false)
	fast[key] = s
	return nil
}

// skip reads over the value of an unknown member.
func (d *decoder) skip() error {
	for depth := d.json.StackDepth(); ; {
		switch d.json.PeekKind() {
		case '{', '[':
			if err := d.enter(); err != nil {
				return err
			}
		default:
			if _, err := d.json.ReadToken(); err != nil {
				return d.syntax(err)
			}
		}
		if d.json.StackDepth() == depth {
			return nil
		}
	}
}
