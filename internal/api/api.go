// Package api describes interfaces: services, their operations and the shapes
// that go over the wire. Its subpackages hold the Go types and tables of one
// service each, generated from the descriptions in the api directory at the
// root of the project; package wire interprets them. Nothing of Kindred's own
// is imported here.
//
// How a shape becomes a Go type: structures are structs with one field per
// member; a required member of a simple type is a plain value, an optional one
// a pointer, so that absent and empty stay apart; lists are slices, maps are
// map[string]T, structures inside structures are pointers, timestamps are
// time.Time, blobs are []byte, enumerations are strings.
package api

//go:generate go run ./gen -root ../..

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"
)

// Type is the kind of a shape.
type Type uint8

const (
	Structure Type = iota + 1
	List
	Map
	String
	Integer
	Long
	Double
	Boolean
	Timestamp
	Blob
)

// Location says where a member travels in a REST protocol.
type Location uint8

const (
	Body Location = iota
	URI
	Query
	Header
	StatusCode
)

// Protocol is the wire protocol of a service.
type Protocol uint8

const (
	RESTJSON Protocol = iota + 1 // method, path and JSON body
	AWSJSON                      // POST / with X-Amz-Target and JSON body
	AWSQuery                     // POST / with a form body, XML answer
)

// Shape is a type of the interface with its constraints. For strings, lists,
// maps and blobs Min and Max bound the length (strings in Unicode code points),
// for numbers the value.
type Shape struct {
	Name      string
	Type      Type
	Members   []*Member // of a structure, in the order of the description
	Key, Elem *Shape    // of a map; Elem also of a list
	KeyName   string    // of a map, name of the key in the Query protocol, when it is not "key"
	ElemName  string    // of a map, name of the value in the Query protocol, when it is not "value"
	Min, Max  *float64
	Pattern   string
	Enum      []string
	Sensitive bool
	Flattened bool
	Union     bool
	Status    int          // HTTP status, when the shape is an error
	Code      string       // name on the wire, when it differs from Name
	Go        reflect.Type // struct type of a structure

	once   sync.Once
	regexp *regexp.Regexp // Pattern without its prohibition
	not    string         // forbidden start
}

// Match reports whether text has the form that Pattern asks for; without a
// pattern everything does. A pattern with an anchor means what it says, one
// without is matched as a whole. The descriptions are written in Java's
// dialect; of what RE2 lacks they use only \uXXXX and a prohibition at the
// start, as in ^(?!aws:).
func (s *Shape) Match(text string) bool {
	s.once.Do(s.compile)
	if s.regexp == nil {
		return true
	}
	return (s.not == "" || !strings.HasPrefix(text, s.not)) && s.regexp.MatchString(text)
}

func (s *Shape) compile() {
	p := s.Pattern
	if p == "" {
		return
	}
	if rest, ok := strings.CutPrefix(p, "^(?!"); ok {
		s.not, rest, _ = strings.Cut(rest, ")")
		p = "^" + rest
	}
	if !strings.HasPrefix(p, "^") && !strings.HasSuffix(p, "$") {
		p = `^(?:` + p + `)$`
	}
	p = strings.ReplaceAll(p, `\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`)
	s.regexp = regexp.MustCompile(javaEscape.ReplaceAllString(p, `\x{$1}`))
}

// javaEscape is Java's way to write a code point of the basic plane, \u0020;
// those beyond are written as two surrogates.
var javaEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// Member is a named part of a structure.
type Member struct {
	Name        string // as in the description
	Wire        string // name on the wire
	QueryName   string // name in the Query protocol, when it differs
	Location    Location
	Required    bool
	Flattened   bool
	Idempotency bool // a token the client makes when none is given
	Shape       *Shape
	Field       int // index of the field in the structure's Go type
}

// Operation is one call of a service.
type Operation struct {
	Name   string
	Method string // HTTP
	URI    string // path template, for example /domains/{DomainName}
	Status int    // HTTP status of success
	Input  *Shape // a structure; of no members when the operation takes nothing
	Output *Shape
	Errors []*Shape
}

// Service is an interface: what a client's endpoint speaks.
type Service struct {
	SigningName  string // the service in the SigV4 credential scope
	ID           string // for example "Customer Profiles"
	Version      string
	Protocol     Protocol
	JSONVersion  string // of AWSJSON: "1.0" or "1.1"
	TargetPrefix string // of AWSJSON, before the dot in X-Amz-Target
	Query        bool   // AWSJSON service that older clients call by AWSQuery
	Namespace    string // XML namespace for AWSQuery answers
	Operations   []*Operation
	Shapes       map[string]*Shape

	byName map[string]*Operation
}

// Operation finds an operation by name; nil if there is none.
func (s *Service) Operation(name string) *Operation { return s.byName[name] }

// Spec is what generated code hands to [Build]: the tables with references by
// name.
type Spec struct {
	Service    Service
	Shapes     []ShapeSpec
	Operations []OperationSpec
	Types      map[string]reflect.Type
}

// ShapeSpec is a Shape with its references by name.
type ShapeSpec struct {
	Shape     Shape
	Members   []MemberSpec
	Key, Elem string
}

// MemberSpec is a Member with the name of its shape.
type MemberSpec struct {
	Member Member
	Shape  string
}

// OperationSpec is an Operation with the names of its shapes.
type OperationSpec struct {
	Operation     Operation
	Input, Output string
	Errors        []string
}

// Build links a specification. It panics on a reference that leads nowhere,
// which a test of the generated packages rules out.
func Build(spec *Spec) *Service {
	s := spec.Service
	s.Shapes = make(map[string]*Shape, len(spec.Shapes))
	for i := range spec.Shapes {
		s.Shapes[spec.Shapes[i].Shape.Name] = &spec.Shapes[i].Shape
	}
	find := func(name string) *Shape {
		if name == "" {
			return nil
		}
		sh := s.Shapes[name]
		if sh == nil {
			panic(fmt.Sprintf("api: %s: no shape %q", s.ID, name))
		}
		return sh
	}
	for i := range spec.Shapes {
		in := &spec.Shapes[i]
		sh := &in.Shape
		sh.Key, sh.Elem = find(in.Key), find(in.Elem)
		sh.Go = spec.Types[sh.Name]
		for j := range in.Members {
			m := &in.Members[j].Member
			m.Shape = find(in.Members[j].Shape)
			m.Field = j
			sh.Members = append(sh.Members, m)
		}
	}
	s.byName = make(map[string]*Operation, len(spec.Operations))
	for i := range spec.Operations {
		in := &spec.Operations[i]
		op := &in.Operation
		op.Input, op.Output = find(in.Input), find(in.Output)
		for _, e := range in.Errors {
			op.Errors = append(op.Errors, find(e))
		}
		s.Operations = append(s.Operations, op)
		s.byName[op.Name] = op
	}
	return &s
}

// Bound makes the pointer that Shape's Min and Max want.
func Bound(v float64) *float64 { return &v }
