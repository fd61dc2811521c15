// Package policy is the IAM JSON policy language: it reads a policy, compiles
// it, and decides requests by it.
//
// It promises that
//
//   - nothing is allowed unless a statement allows it, and an applicable Deny
//     always wins;
//   - a policy that it accepts, it understands whole: unknown elements,
//     operators and malformed values are refused by [Parse], never skipped;
//   - deciding is pure (no I/O, no clock, no shared state), safe for concurrent
//     use, and takes time bounded by the product of the lengths of the policy
//     and of the request, whatever the patterns are;
//   - where AWS documents no behaviour, the reading that grants less is taken.
//
// The rules come from the IAM User Guide: "IAM JSON policy element reference"
// for the language, "Policy evaluation logic" for the combination of policies.
package policy

// Kind says where a policy is attached, and so which elements it must and must
// not have.
type Kind uint8

const (
	// Identity is a policy of a user or a role: no Principal, and a Resource.
	Identity Kind = iota
	// Resource is a policy of a resource such as a queue or a key: a Principal,
	// and a Resource unless [Options.ResourceOptional].
	Resource
	// Trust says who may assume a role: a Principal, no Resource, and actions
	// of sts only.
	Trust
	// Session narrows a session; its form is that of Identity.
	Session
)

func (k Kind) String() string {
	switch k {
	case Identity:
		return "identity policy"
	case Resource:
		return "resource policy"
	case Trust:
		return "trust policy"
	case Session:
		return "session policy"
	}
	return "policy"
}

// Versions of the policy language. Policy variables exist in the newer only; a
// policy without a Version is of the older.
const (
	Version2012 = "2012-10-17"
	Version2008 = "2008-10-17"
)

// Limits of [Parse].
const (
	// MaxBytes is the largest policy text accepted unless Options say otherwise.
	MaxBytes = 20480
	// MaxStatements is the largest number of statements of one policy.
	MaxStatements = 256
)

// Policy is a compiled policy. It never changes after Parse and may be shared.
type Policy struct {
	text       string
	name       string
	id         string
	version    string
	kind       Kind
	statements []statement
	contextual bool // see ReadsContext
}

// statement is one compiled Statement.
type statement struct {
	sid  string
	deny bool

	principals   *principalSet // nil: the policy kind has none
	notPrincipal bool

	actions   []action
	notAction bool

	resources   []resource // empty: applies to whatever the policy hangs on
	notResource bool

	conditions []condition
}

// Name is the name given in [Options]; it appears in decisions, not in the text.
func (p *Policy) Name() string { return p.name }

// ID is the policy's Id element, empty if it has none.
func (p *Policy) ID() string { return p.id }

// Version is the version of the policy language in force for this policy.
func (p *Policy) Version() string { return p.version }

// Kind is the kind that the policy was parsed as.
func (p *Policy) Kind() Kind { return p.kind }

// ReadsContext reports whether what the policy says can depend on the Context of
// a request: whether a statement has conditions, or a policy variable in a
// resource. The Context may be left out for a policy that does not, and for nil.
func (p *Policy) ReadsContext() bool { return p != nil && p.contextual }

// readsContext is ReadsContext of one statement.
func (s *statement) readsContext() bool {
	if len(s.conditions) > 0 {
		return true
	}
	for i := range s.resources {
		if len(s.resources[i].template.parts) > 0 {
			return true
		}
	}
	return false
}

// Len is the number of statements.
func (p *Policy) Len() int { return len(p.statements) }

// String returns the text that was parsed, byte for byte.
func (p *Policy) String() string { return p.text }

// Marshal returns the text that was parsed, byte for byte, in a new slice.
func (p *Policy) Marshal() []byte { return []byte(p.text) }

// applies reports whether the statement covers the request, and how its
// Principal element names the caller. Condition is evaluated last, being the
// dearest.
func (s *statement) applies(r *Request) principalMatch {
	how := s.matchPrincipal(&r.Principal)
	if how == principalNone || !s.matchAction(r.Action) || !s.matchResource(r) || !s.matchConditions(r) {
		return principalNone
	}
	return how
}

func (s *statement) matchPrincipal(p *Principal) principalMatch {
	switch {
	case s.principals == nil:
		return principalExact
	case !s.notPrincipal:
		return s.principals.match(p)
	case s.principals.excepts(p):
		return principalNone
	}
	return principalExact
}

func (s *statement) matchAction(name string) bool {
	for i := range s.actions {
		if s.actions[i].match(name) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (s *statement) matchResource(r *Request) bool {
	if len(s.resources) == 0 {
		return true
	}
	// A pattern that widens what a statement denies, or narrows what it
	// allows, is read wide; see matchARN.
	wide := s.deny != s.notResource
	for i := range s.resources {
		switch s.resources[i].match(r, wide) {
		case matches:
			return !s.notResource
		case unresolved:
			// An exception that cannot be told must not widen an Allow.
			if s.notResource && !s.deny {
				return false
			}
		}
	}
	return s.notResource
}

func (s *statement) matchConditions(r *Request) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(r, s.deny) {
			return false
		}
	}
	return true
}

// verdict is what one policy says of a request: the indexes of the statements
// that deny and allow it, -1 for none, and how the allowing one, the most
// direct of several, names the caller.
type verdict struct {
	deny, allow int
	how         principalMatch
}

// evaluate runs the statements. It stops at the first Deny that applies.
func (p *Policy) evaluate(r *Request) verdict {
	v := verdict{deny: -1, allow: -1}
	if p == nil {
		return v
	}
	for i := range p.statements {
		s := &p.statements[i]
		// An Allow that could say no more than is known is not looked at.
		if !s.deny && v.how == principalExact {
			continue
		}
		how := s.applies(r)
		if how == principalNone {
			continue
		}
		if s.deny {
			v.deny = i
			return v
		}
		if how > v.how {
			v.allow, v.how = i, how
		}
	}
	return v
}
