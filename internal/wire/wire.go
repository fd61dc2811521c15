// Package wire is the interpreter of the interface tables in package api: it
// finds the operation of a request, decodes and validates its input, and
// encodes answers and errors, for the protocols REST-JSON, AWS JSON 1.0 and
// 1.1, and Query with XML answers. It knows shapes and headers, not profiles.
//
// What it promises:
//
//   - Members the tables do not know are skipped; null means absent (null is
//     refused as an element of a list, because dropping it would move the
//     others).
//   - Otherwise JSON is read strictly: an object with the same member twice,
//     invalid UTF-8, text after the value and nesting deeper than [MaxDepth]
//     are refused.
//   - Every constraint of the tables holds for what Decode returns: required
//     members, lengths (in code points), patterns, ranges, enumerations, sizes,
//     keys of maps, and unions of exactly one member. A string that the tables
//     allow to be empty needs no pattern when it is.
//   - Messages name members and rules and never repeat a value.
//   - What Encode writes, a decoder of the same tables reads back as the same
//     value; timestamps carry milliseconds.
package wire

import (
	"net/http"
	"net/url"

	"kindred/internal/api"
)

const (
	// MaxDepth bounds the nesting of objects and lists in a request.
	MaxDepth = 64
	// MaxViolations bounds the violations that one message lists.
	MaxViolations = 10
)

// Request is what the interpreter needs of an HTTP request.
type Request struct {
	Method   string
	Path     string // as it was sent, percent-encoded
	RawQuery string
	Host     string // with Secure, the origin that a Query request was sent to
	Secure   bool
	Header   http.Header
	Body     []byte
}

// Rule says what kind of rule a request breaks, because services that have
// several names for a bad request tell these apart.
type Rule uint8

const (
	Malformed        Rule = iota + 1 // not JSON, wrong type, wrong content type
	Missing                          // a required member is absent
	Enumeration                      // not one of the values
	Constraint                       // any other constraint of the model
	UnknownOperation                 // no such path, target or action
	MissingOperation                 // a Query or AWS JSON request that names none
)

// Invalid is the error of a request that breaks a rule. Its message is safe to
// show: it holds names and rules of the interface, and no values.
type Invalid struct {
	Rule    Rule // of several violations that of the first
	Message string
}

func (e *Invalid) Error() string { return e.Message }

// Answer is an encoded answer. Encode and Refuse append to Body, so that its
// memory can be used again, and set the rest.
type Answer struct {
	Status      int
	ContentType string // empty when there is no body
	Header      [][2]string
	Body        []byte
}

func (a *Answer) reset(status int, contentType string) {
	a.Status, a.ContentType = status, contentType
	a.Header, a.Body = a.Header[:0], a.Body[:0]
}

// Call is a request for an operation.
type Call struct {
	Service   *api.Service   // nil when the request named no known service
	Operation *api.Operation // nil when Route failed
	Protocol  api.Protocol   // that the answer must be in

	plan   *operation
	req    *Request
	labels []string
	params url.Values // of a Query request, once read
}

// Decode returns the input of the operation, a pointer to its generated
// structure, or an [*Invalid].
func (c *Call) Decode() (any, error) {
	switch c.Protocol {
	case api.RESTJSON:
		return c.decodeREST()
	case api.AWSJSON:
		return c.decodeAWSJSON()
	}
	return c.decodeQuery()
}

// Encode writes the answer of the operation. Out is a pointer to its generated
// structure; nil stands for an operation without output. An error means that
// out cannot be expressed (text that is not UTF-8, a number that is not finite),
// which is a defect of whoever made it.
func (c *Call) Encode(a *Answer, out any, requestID string) error {
	switch c.Protocol {
	case api.RESTJSON:
		return c.encodeREST(a, out)
	case api.AWSJSON:
		return c.encodeAWSJSON(a, out)
	}
	return c.encodeQuery(a, out, requestID)
}
