package policy

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Problem says how far the nearest statement of a resource policy is from
// allowing a service; a greater one is nearer.
type Problem uint8

const (
	// NoProblem: the service is allowed.
	NoProblem Problem = iota
	// NoPolicy: the resource has no policy.
	NoPolicy
	// NoStatement: no Allow statement names the service.
	NoStatement
	// WrongAction: statements name the service, none with the action.
	WrongAction
	// WrongResource: statements allow the service the action, on other resources.
	WrongResource
	// FailedConditions: a statement fits but for its conditions.
	FailedConditions
	// Denied: a Deny statement applies.
	Denied
)

// FailedCondition is a condition of the policy that the request does not meet.
type FailedCondition struct {
	Operator string
	Key      string
	Want     []string // the values in the policy
	Got      []string // the values of the request, empty if the key is missing
}

// ServiceCheck is what a resource policy says of a service principal.
type ServiceCheck struct {
	Allowed bool
	Problem Problem
	// Sid and Statement (counted from 1, 0 for none) are the statement that
	// allows or denies, or came nearest.
	Sid       string
	Statement int
	// Failed are the conditions that kept that statement from applying.
	Failed []FailedCondition

	service, action, resource string
}

// CheckService decides whether the policy p of a resource lets a service, such
// as profile.amazonaws.com, perform one action, and if not, why. The context
// holds what the service will send, such as aws:SourceArn and
// aws:SourceAccount. Grants are not looked at.
func CheckService(p *Policy, service, action, resource string, c Context) ServiceCheck {
	out := ServiceCheck{service: service, action: action, resource: resource}
	if p == nil {
		out.Problem = NoPolicy
		return out
	}
	r := Request{
		Action: action, Resource: resource, Context: c,
		Principal: Principal{Kind: Service, Name: service},
	}
	v := p.evaluate(&r)
	switch {
	case v.deny >= 0:
		out.Problem = Denied
		out.at(p, v.deny)
	case v.how >= principalAny:
		out.Allowed = true
		out.at(p, v.allow)
	default:
		out.findNearest(p, &r)
	}
	return out
}

func (c *ServiceCheck) at(p *Policy, i int) {
	c.Sid, c.Statement = p.statements[i].sid, i+1
}

// findNearest looks for the Allow statement that fails last.
func (c *ServiceCheck) findNearest(p *Policy, r *Request) {
	c.Problem = NoStatement
	for i := range p.statements {
		s := &p.statements[i]
		if s.deny || s.matchPrincipal(&r.Principal) < principalAny {
			continue
		}
		problem := FailedConditions
		var failed []FailedCondition
		switch {
		case !s.matchAction(r.Action):
			problem = WrongAction
		case !s.matchResource(r):
			problem = WrongResource
		default:
			failed = s.failed(r)
		}
		nearer := problem > c.Problem ||
			problem == FailedConditions && c.Problem == FailedConditions && len(failed) < len(c.Failed)
		if nearer {
			c.Problem, c.Failed = problem, failed
			c.at(p, i)
		}
	}
}

// failed lists the conditions of the statement that do not hold.
func (s *statement) failed(r *Request) []FailedCondition {
	var out []FailedCondition
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.holds(r, s.deny) {
			continue
		}
		f := FailedCondition{Operator: c.name, Key: c.key.name, Want: append([]string(nil), c.given...)}
		for v, at, ok := r.next(&c.key, 0); ok; v, at, ok = r.next(&c.key, at) {
			f.Got = append(f.Got, v)
		}
		out = append(out, f)
	}
	return out
}

// String is a sentence for the administrator who owns the policy.
func (c ServiceCheck) String() string {
	what := c.service + " may not perform " + c.action + " on " + c.resource + ": "
	statement := describe(ResourceSource, "", c.Statement, c.Sid)
	switch c.Problem {
	case NoProblem:
		return c.service + " may perform " + c.action + " on " + c.resource + " by " + statement
	case NoPolicy:
		return what + "the resource has no policy"
	case NoStatement:
		return what + "no statement of the resource's policy allows this service anything"
	case WrongAction:
		return what + statement + " allows the service other actions only"
	case WrongResource:
		return what + statement + " allows the action on other resources only"
	case Denied:
		return what + statement + " denies it"
	}
	var b strings.Builder
	b.WriteString(what + statement + " would allow it, but ")
	for i, f := range c.Failed {
		if i > 0 {
			b.WriteString(", and ")
		}
		b.WriteString("its condition " + f.Operator + " on " + f.Key + " asks for " + list(f.Want))
		if len(f.Got) == 0 {
			b.WriteString(", which the request does not have")
		} else {
			b.WriteString(" and the request has " + list(f.Got))
		}
	}
	return b.String()
}

// describe names a statement of a policy.
func describe(by Source, policy string, statement int, sid string) string {
	m := "statement " + strconv.Itoa(statement)
	if sid != "" {
		m += " (" + sid + ")"
	}
	m += " of the " + by.String() + " policy"
	if policy != "" {
		m += " " + policy
	}
	return m
}

func list(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	return strings.Join(quoted, " or ")
}

// ServiceStatement writes the statement that lets a service perform the actions
// on a resource on behalf of one source, for an administrator to paste into a
// resource policy. Its conditions keep the service from being used as a
// confused deputy: they bind it to one source and one account.
func ServiceStatement(sid, service string, actions []string, resource, sourceARN, sourceAccount string) string {
	type equals map[string]string
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(struct {
		Sid       string
		Effect    string
		Principal map[string]string
		Action    []string
		Resource  string
		Condition map[string]equals
	}{
		Sid: sid, Effect: "Allow", Principal: map[string]string{"Service": service},
		Action: actions, Resource: resource,
		Condition: map[string]equals{
			"ArnEquals":    {"aws:SourceArn": sourceARN},
			"StringEquals": {"aws:SourceAccount": sourceAccount},
		},
	})
	if err != nil { // strings and maps of strings cannot fail
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
