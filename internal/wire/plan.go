package wire

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"kindred/internal/api"
)

// plan is what the interpreter knows of a shape, worked out once.
type plan struct {
	shape    *api.Shape
	typ      api.Type
	goType   reflect.Type
	members  []member
	body     map[string]int // members of the body by their name on the wire
	required uint64         // bits of the required members
	strings  bool           // a list of strings or a map of strings to strings
	key      *plan
	elem     *plan
	enum     map[string]struct{}

	// Bounds as integers: of a length or, of integers, of the value. Min and
	// Max of the shape bound doubles.
	hasMin, hasMax bool
	min, max       int64
}

type member struct {
	*api.Member
	plan    *plan
	pointer bool   // the field is a pointer to a simple type
	key     []byte // "name": as JSON
	element string // name in XML
}

// plans holds the plan of each shape that has been used. A shape is in it only
// with everything that it refers to.
var plans struct {
	mu sync.RWMutex // guards the following
	m  map[*api.Shape]*plan
}

// planOf returns the plan of a structure.
func planOf(s *api.Shape) *plan {
	plans.mu.RLock()
	p := plans.m[s]
	plans.mu.RUnlock()
	if p != nil {
		return p
	}
	plans.mu.Lock()
	defer plans.mu.Unlock()
	if plans.m == nil {
		plans.m = map[*api.Shape]*plan{}
	}
	return compile(s, s.Go)
}

// compile makes the plan of a shape that is held as a goType.
func compile(s *api.Shape, goType reflect.Type) *plan {
	if p := plans.m[s]; p != nil {
		return p
	}
	p := &plan{shape: s, typ: s.Type, goType: goType}
	plans.m[s] = p // before its parts: a shape may contain itself
	if s.Min != nil {
		p.hasMin, p.min = true, int64(*s.Min)
	}
	if s.Max != nil {
		p.hasMax, p.max = true, int64(*s.Max)
	}
	if len(s.Enum) > 0 {
		p.enum = make(map[string]struct{}, len(s.Enum))
		for _, v := range s.Enum {
			p.enum[v] = struct{}{}
		}
	}
	switch s.Type {
	case api.Structure:
		p.compileMembers()
	case api.List:
		p.elem = compile(s.Elem, goType.Elem())
		p.strings = p.elem.typ == api.String
	case api.Map:
		p.key = compile(s.Key, goType.Key())
		p.elem = compile(s.Elem, goType.Elem())
		p.strings = p.elem.typ == api.String
	}
	return p
}

func (p *plan) compileMembers() {
	if len(p.shape.Members) > 64 {
		panic(fmt.Sprintf("wire: %s has more than 64 members", p.shape.Name))
	}
	p.members = make([]member, len(p.shape.Members))
	p.body = make(map[string]int, len(p.shape.Members))
	for i, m := range p.shape.Members {
		t := p.goType.Field(m.Field).Type
		pointer := t.Kind() == reflect.Pointer
		if pointer {
			t = t.Elem()
		}
		p.members[i] = member{
			Member:  m,
			plan:    compile(m.Shape, t),
			pointer: pointer,
			key:     append(quote(nil, m.Wire), ':'),
			element: m.Wire,
		}
		if m.QueryName != "" {
			p.members[i].element = m.QueryName
		}
		if m.Required {
			p.required |= 1 << i
		}
		if m.Location == api.Body {
			p.body[m.Wire] = i
		}
	}
}

// lower is how messages spell a member: with a small first letter.
func lower(name string) string { return strings.ToLower(name[:1]) + name[1:] }
