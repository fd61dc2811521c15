package policy

import "strings"

// Inputs are a request and all the policies that bear on it.
type Inputs struct {
	Request Request

	// Identity policies of the caller. Services and anonymous callers have
	// none, whatever is given here.
	Identity []*Policy
	// Session policies; with at least one, the session is limited to what
	// they allow.
	Session []*Policy
	// Resource is the policy of the resource, nil if it has none.
	Resource *Policy

	// ResourceAccount owns the resource. Empty: the account in the resource's
	// ARN, or the caller's own if there is none.
	ResourceAccount string
	// ResourcePolicyRequired is set for resources that identity policies
	// alone do not open, even in the same account: KMS keys, and roles with
	// their trust policy.
	ResourcePolicyRequired bool
	// Granted says that a grant on the resource allows the action; it counts
	// as a resource policy that names the caller. GrantReason describes the
	// grant in [Decision.Explain].
	Granted     bool
	GrantReason string
}

// Source is the kind of policy that settled a decision.
type Source uint8

const (
	// NoSource: there was nothing to settle it, such as a caller of no account.
	NoSource Source = iota
	// IdentitySource stands for the identity policies.
	IdentitySource
	// ResourceSource stands for the resource policy.
	ResourceSource
	// SessionSource stands for the session policies.
	SessionSource
	// GrantSource stands for a grant.
	GrantSource
)

func (s Source) String() string {
	switch s {
	case IdentitySource:
		return "identity-based"
	case ResourceSource:
		return "resource-based"
	case SessionSource:
		return "session"
	case GrantSource:
		return "grant"
	}
	return "none"
}

// Decision is the answer to a request.
type Decision struct {
	Allowed bool
	// ExplicitDeny: a Deny statement applied, so that nothing could allow it.
	ExplicitDeny bool
	// Source is the kind of policy that allowed or denied the request, or
	// that would have had to allow it.
	Source Source
	// PolicyName, Sid and Statement (counted from 1) identify the statement
	// that allowed or explicitly denied; Statement is 0 if there is none.
	PolicyName string
	Sid        string
	Statement  int

	principal, action, resource string
	grant                       string
}

// Decide applies AWS's rules of combination ("Policy evaluation logic" and
// "Cross-account policy evaluation logic" in the IAM User Guide, "Key access
// and permissions" in the KMS Developer Guide):
//
//   - A Deny that applies, in any policy, is final.
//   - In the caller's own account either side may allow: an identity policy,
//     or a resource policy that names the caller, its role or "*". A resource
//     policy that names the account only leaves the decision to the identity
//     policies. With ResourcePolicyRequired the identity policies count only
//     where the resource policy names the account.
//   - In another account both sides must allow.
//   - Services, anonymous callers and federated identities without a role are
//     allowed by resource policies (services also by grants), never by others.
//   - Session policies limit all that, except what a resource policy of the
//     same account allows the session's own ARN.
func Decide(in *Inputs) Decision {
	r := &in.Request
	d := Decision{principal: r.Principal.display(), action: r.Action, resource: r.Resource}
	res := in.Resource.evaluate(r)
	if res.deny >= 0 {
		return d.settle(ResourceSource, in.Resource, res.deny, true)
	}
	switch r.Principal.Kind {
	case User, RoleSession, Root:
		return in.decideAccount(d, res)
	}
	switch {
	case res.how >= principalAny:
		return d.settle(ResourceSource, in.Resource, res.allow, false)
	case in.Granted && r.Principal.Kind == Service:
		return d.settleGrant(in.GrantReason)
	}
	d.Source = ResourceSource
	return d
}

// decideAccount decides for a caller that belongs to an account. The resource
// policy has been found not to deny.
func (in *Inputs) decideAccount(d Decision, res verdict) Decision {
	r := &in.Request
	identity, byIdentity := evaluateAll(in.Identity, r)
	if identity.deny >= 0 {
		return d.settle(IdentitySource, byIdentity, identity.deny, true)
	}
	session, bySession := evaluateAll(in.Session, r)
	if session.deny >= 0 {
		return d.settle(SessionSource, bySession, session.deny, true)
	}

	same := r.Principal.Account != "" && r.Principal.Account == in.owner()
	named := res.how >= principalAny || in.Granted
	if (!same || in.ResourcePolicyRequired) && !named && res.how != principalAccount {
		d.Source = ResourceSource
		return d
	}
	if (!same || !named) && identity.allow < 0 {
		d.Source = IdentitySource
		return d
	}
	ownARN := same && r.Principal.Kind == RoleSession && res.how == principalExact
	if len(in.Session) > 0 && session.allow < 0 && !ownARN {
		d.Source = SessionSource
		return d
	}
	switch {
	case same && res.how >= principalAny:
		return d.settle(ResourceSource, in.Resource, res.allow, false)
	case same && in.Granted:
		return d.settleGrant(in.GrantReason)
	}
	return d.settle(IdentitySource, byIdentity, identity.allow, false)
}

// evaluateAll runs several policies of one kind: the first that denies, or else
// the first that allows.
func evaluateAll(policies []*Policy, r *Request) (verdict, *Policy) {
	v, by := verdict{deny: -1, allow: -1}, (*Policy)(nil)
	for _, p := range policies {
		got := p.evaluate(r)
		if got.deny >= 0 {
			return got, p
		}
		if got.allow >= 0 && v.allow < 0 {
			v, by = got, p
		}
	}
	return v, by
}

// owner is the account of the resource.
func (in *Inputs) owner() string {
	if in.ResourceAccount != "" {
		return in.ResourceAccount
	}
	if account := ARNAccount(in.Request.Resource); account != "" {
		return account
	}
	return in.Request.Principal.Account
}

// ARNAccount is the account in an ARN, empty if it has none or is no ARN.
func ARNAccount(arn string) string {
	for range arnColons - 1 {
		i := strings.IndexByte(arn, ':')
		if i < 0 {
			return ""
		}
		arn = arn[i+1:]
	}
	account, _, found := strings.Cut(arn, ":")
	if !found {
		return ""
	}
	return account
}

func (d Decision) settle(by Source, p *Policy, statement int, deny bool) Decision {
	d.Allowed, d.ExplicitDeny, d.Source = !deny, deny, by
	d.PolicyName, d.Sid, d.Statement = p.name, p.statements[statement].sid, statement+1
	return d
}

func (d Decision) settleGrant(reason string) Decision {
	d.Allowed, d.Source, d.grant = true, GrantSource, reason
	return d
}

// Message is the sentence that AWS answers a denied request with; it names the
// kind of policy that decided, but neither policy nor statement, so it may be
// shown to the caller. It is empty for an allowed request.
func (d Decision) Message() string {
	if d.Allowed {
		return ""
	}
	m := "User: " + d.principal + " is not authorized to perform: " + d.action + " on resource: " + d.resource
	switch {
	case d.ExplicitDeny && d.Source == IdentitySource:
		m += " with an explicit deny in an identity-based policy"
	case d.ExplicitDeny:
		m += " with an explicit deny in a " + d.Source.String() + " policy"
	default:
		m += " because no " + d.Source.String() + " policy allows the " + d.action + " action"
	}
	return m
}

// Explain is a sentence for the administrator: it names the deciding policy and
// statement.
func (d Decision) Explain() string {
	m := d.action + " on " + d.resource + " by " + d.principal
	switch {
	case d.Allowed && d.Source == GrantSource:
		m += " is allowed by a grant"
		if d.grant != "" {
			m += " (" + d.grant + ")"
		}
		return m
	case d.Allowed:
		m += " is allowed"
	case d.ExplicitDeny:
		m += " is denied"
	default:
		return m + ": no " + d.Source.String() + " policy allows it"
	}
	return m + " by " + describe(d.Source, d.PolicyName, d.Statement, d.Sid)
}

// Retains reports whether the caller of in would still be allowed its action
// if the resource had the policy next instead of its present one. KMS refuses a
// key policy that would take kms:PutKeyPolicy from the caller who sets it,
// unless told to bypass this check.
func Retains(in Inputs, next *Policy) Decision {
	in.Resource = next
	return Decide(&in)
}
