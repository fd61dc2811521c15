package wire

import (
	"fmt"
	"mime"
	"net/url"
	"strings"
	"sync"

	"kindred/internal/api"
)

// Router finds the operation of a request. It may be used concurrently.
type Router struct {
	services map[string]*service
}

type service struct {
	api   *api.Service
	paths *node // of REST-JSON
	ops   map[string]*operation
}

// operation is an api.Operation with its plans.
type operation struct {
	op     *api.Operation
	input  func() *plan
	output func() *plan
	labels []int // members for the labels of the path, from left to right
}

// node is a segment in the tree of paths.
type node struct {
	literals map[string]*node
	label    *node
	methods  map[string]*operation
	rest     map[string]*operation // by method: a greedy label ends the path here
}

// NewRouter makes the router of services, which are told apart by their signing
// names. It panics when a table contradicts itself.
func NewRouter(services ...*api.Service) *Router {
	r := &Router{services: make(map[string]*service, len(services))}
	for _, s := range services {
		if r.services[s.SigningName] != nil {
			panic(fmt.Sprintf("wire: two services sign as %q", s.SigningName))
		}
		sv := &service{api: s, paths: new(node), ops: make(map[string]*operation, len(s.Operations))}
		for _, op := range s.Operations {
			o := &operation{
				op:     op,
				input:  sync.OnceValue(func() *plan { return planOf(op.Input) }),
				output: sync.OnceValue(func() *plan { return planOf(op.Output) }),
			}
			sv.ops[op.Name] = o
			if s.Protocol == api.RESTJSON {
				sv.paths.add(o)
			}
		}
		r.services[s.SigningName] = sv
	}
	return r
}

// add puts an operation into the tree of paths.
func (n *node) add(o *operation) {
	for segment := range strings.SplitSeq(strings.TrimPrefix(o.op.URI, "/"), "/") {
		name, isLabel := strings.CutPrefix(segment, "{")
		if !isLabel {
			if n.literals == nil {
				n.literals = map[string]*node{}
			}
			next := n.literals[segment]
			if next == nil {
				next = new(node)
				n.literals[segment] = next
			}
			n = next
			continue
		}
		name = strings.TrimSuffix(name, "}")
		name, greedy := strings.CutSuffix(name, "+")
		o.labels = append(o.labels, uriMember(o.op, name))
		if greedy {
			n.rest = put(n.rest, o)
			return
		}
		if n.label == nil {
			n.label = new(node)
		}
		n = n.label
	}
	n.methods = put(n.methods, o)
}

func put(m map[string]*operation, o *operation) map[string]*operation {
	if m == nil {
		m = map[string]*operation{}
	}
	if m[o.op.Method] != nil {
		panic(fmt.Sprintf("wire: %s and %s have the same method and path", m[o.op.Method].op.Name, o.op.Name))
	}
	m[o.op.Method] = o
	return m
}

func uriMember(op *api.Operation, label string) int {
	for i, m := range op.Input.Members {
		if m.Location == api.URI && m.Wire == label {
			return i
		}
	}
	panic(fmt.Sprintf("wire: %s: the path names %q, the input does not", op.Name, label))
}

// find walks the tree along path, which has no leading slash. A literal segment
// goes before a label, and a label is tried where the literal leads nowhere. An
// empty segment is no label.
func (n *node) find(method, path string, labels []string) (*operation, []string) {
	segment, rest, more := strings.Cut(path, "/")
	last := !more || rest == "" // one slash at the end is allowed
	if next := n.literals[segment]; next != nil {
		if o, l := next.step(method, rest, last, labels); o != nil {
			return o, l
		}
	}
	if n.label != nil && segment != "" {
		if o, l := n.label.step(method, rest, last, append(labels, segment)); o != nil {
			return o, l
		}
	}
	if o := n.rest[method]; o != nil && path != "" {
		return o, append(labels, path)
	}
	return nil, nil
}

func (n *node) step(method, rest string, last bool, labels []string) (*operation, []string) {
	if !last {
		return n.find(method, rest, labels)
	}
	if o := n.methods[method]; o != nil {
		return o, labels
	}
	return nil, nil
}

// Call returns a Call without operation for a request to the service of that
// signing name. Errors that come before routing can be answered with it, in the
// protocol that the request speaks.
func (r *Router) Call(signingName string, req *Request) *Call {
	c := &Call{req: req}
	if s := r.services[signingName]; s != nil {
		c.Service = s.api
		c.Protocol = s.protocol(req)
	} else {
		c.Protocol = guess(req)
	}
	return c
}

// Route finds the operation that a request to the service of that signing name
// asks for. It always returns a Call, with which an error can be answered; when
// the error, an [*Invalid], is not nil its Operation is nil.
func (r *Router) Route(signingName string, req *Request) (*Call, error) {
	c := r.Call(signingName, req)
	s := r.services[signingName]
	if s == nil {
		return c, &Invalid{UnknownOperation, "There is no such service here; the services are told apart by the service name in the credential scope"}
	}
	var name string
	switch c.Protocol {
	case api.RESTJSON:
		if path, ok := strings.CutPrefix(req.Path, "/"); ok {
			c.plan, c.labels = s.paths.find(req.Method, path, make([]string, 0, 4))
		}
	case api.AWSJSON:
		target := req.Header.Get("X-Amz-Target")
		if target == "" {
			return c, &Invalid{MissingOperation, "X-Amz-Target is missing"}
		}
		prefix, op, _ := strings.Cut(target, ".")
		if prefix == s.api.TargetPrefix && req.Method == "POST" {
			name = op
		}
		c.plan = s.ops[name]
	case api.AWSQuery:
		form, err := c.form()
		if err != nil {
			return c, err
		}
		if name = form.Get("Action"); name == "" {
			return c, &Invalid{MissingOperation, "Action is missing"}
		}
		if v := form.Get("Version"); v == "" || v == s.api.Version {
			c.plan = s.ops[name]
		}
	}
	if c.plan == nil {
		return c, &Invalid{UnknownOperation, "The service has no such operation"}
	}
	c.Operation = c.plan.op
	return c, nil
}

// protocol is the one that the request speaks, of those of the service.
func (s *service) protocol(req *Request) api.Protocol {
	if s.api.Query && req.Header.Get("X-Amz-Target") == "" && guess(req) == api.AWSQuery {
		return api.AWSQuery
	}
	return s.api.Protocol
}

// guess is the protocol of a request whose service is not known.
func guess(req *Request) api.Protocol {
	if req.Header.Get("X-Amz-Target") != "" {
		return api.AWSJSON
	}
	if mediaType(req) == "application/x-www-form-urlencoded" || hasAction(req.RawQuery) {
		return api.AWSQuery
	}
	return api.RESTJSON
}

func hasAction(rawQuery string) bool {
	return strings.HasPrefix(rawQuery, "Action=") || strings.Contains(rawQuery, "&Action=")
}

// mediaType is the content type without parameters, empty when there is none.
func mediaType(req *Request) string {
	switch ct := req.Header.Get("Content-Type"); ct {
	case "", "application/json", "application/x-amz-json-1.0", "application/x-amz-json-1.1":
		return ct
	default:
		t, _, err := mime.ParseMediaType(ct)
		if err != nil {
			return "invalid"
		}
		return t
	}
}

// unescape decodes a label, which must come out as UTF-8.
func unescape(label string) (string, bool) {
	if !strings.Contains(label, "%") {
		return label, true
	}
	text, err := url.PathUnescape(label)
	return text, err == nil
}
