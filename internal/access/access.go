// Package access decides whether the caller of a request may do what it asks.
//
// The caller travels in the context, put there once by whoever authenticated
// it; every operation asks [Require] before it acts. A context without a caller
// may do nothing. The decisions are those of package policy.
package access

import (
	"context"
	"errors"
	"slices"
	"time"

	"kindred/internal/fault"
	"kindred/internal/policy"
)

// Type says what kind of caller it is.
type Type = policy.PrincipalKind

// The types of callers.
const (
	Anonymous   = policy.Anonymous
	User        = policy.User
	RoleSession = policy.RoleSession
	Root        = policy.Root
	Service     = policy.Service
	Federated   = policy.Federated
)

// Caller is who makes a request, as authenticated. It must not change once it
// is in a context.
type Caller struct {
	Type Type
	// Account of a user, a role session or a root. A service has none.
	Account string
	// ARN of a user, a role session
	// (arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION) or an account root.
	ARN string
	// RoleARN is the ARN of a session's role, path included. Without it,
	// policies that name the role do not match the session.
	RoleARN string
	// PrincipalID is the unique identifier, aws:userid.
	PrincipalID string
	// UserName of a user.
	UserName string
	// ServiceName of a service, such as profile.amazonaws.com, or the
	// provider of a federated identity.
	ServiceName string
	// AccessKeyID that signed the request; for logs, no policy sees it.
	AccessKeyID string
	// SignIn is the session of somebody who signed in by hand that the
	// credentials hang on, empty for others; no policy sees it.
	SignIn string

	// SourceARN and SourceAccount say on whose behalf a service acts.
	SourceARN     string
	SourceAccount string

	// SourceIP is the address the request came from; empty if it came from
	// none, as within the process.
	SourceIP string
	// Secure says that the request came over TLS.
	Secure bool
	// Time of the request; zero means now.
	Time time.Time

	// Tags of the principal, those of the session included.
	Tags map[string]string
	// Policies are the identity policies.
	Policies []*policy.Policy
	// SessionPolicies limit the session if there is at least one.
	SessionPolicies []*policy.Policy
}

// ServiceCaller is a service acting within the process on behalf of a resource
// of an account: what it may do is up to the resource policies it meets, whose
// conditions see the two as aws:SourceArn and aws:SourceAccount.
func ServiceCaller(service, account, sourceARN string) *Caller {
	return &Caller{
		Type:          Service,
		ServiceName:   service,
		SourceARN:     sourceARN,
		SourceAccount: account,
		Secure:        true,
	}
}

type callerKey struct{}

// WithCaller returns a context that carries the caller, in place of any other.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From returns the caller, nil if there is none.
func From(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}

// Check is what a caller must be allowed.
type Check struct {
	// Action, such as profile:GetDomain.
	Action string
	// Resource is an ARN; empty or "*" for an action without resource.
	Resource string
	// ResourceAccount owns the resource. Empty: the account in the ARN, or
	// the caller's own if the ARN has none.
	ResourceAccount string

	// ResourcePolicy is the policy of the resource, nil if it has none.
	ResourcePolicy *policy.Policy
	// ResourcePolicyRequired: identity policies alone do not open the
	// resource (KMS keys, the trust policies of roles).
	ResourcePolicyRequired bool
	// Granted says that a grant allows the action; GrantReason says which.
	Granted     bool
	GrantReason string

	// RequestTags are the tags in the request: aws:RequestTag/KEY, and their
	// keys in aws:TagKeys.
	RequestTags map[string]string
	// TagKeys are further values of aws:TagKeys, as for taking tags off.
	TagKeys []string
	// ResourceTags are the tags on the resource: aws:ResourceTag/KEY.
	ResourceTags map[string]string
	// Extra holds the condition keys of the service itself.
	Extra policy.Context
}

// Require returns nil if the caller in the context may do what c says, and
// otherwise an [*fault.Error] of kind Denied. Its message is AWS's, which shows
// the kind of the policy that decided and nothing of its text; its cause, for
// the log, names policy and statement.
func Require(ctx context.Context, c Check) error {
	caller := From(ctx)
	if caller == nil {
		return fault.New(fault.Denied, "The request has no authenticated caller, so it may not perform: %s", c.Action)
	}
	d := caller.Decide(c)
	if d.Allowed {
		return nil
	}
	return fault.New(fault.Denied, "%s", d.Message()).Because(errors.New(d.Explain()))
}

// Decide decides a check for the caller. [Require] is the usual way; this one
// is for those who need to know why.
func (c *Caller) Decide(check Check) policy.Decision {
	in := c.inputs(&check, c.needsContext(&check))
	return policy.Decide(&in)
}

// Retains decides a check as if the resource had the policy next instead of its
// own: the lock-out check before a policy is replaced.
func (c *Caller) Retains(check Check, next *policy.Policy) policy.Decision {
	return policy.Retains(c.inputs(&check, true), next)
}

// needsContext reports whether a policy that bears on a check looks at condition
// keys. Gathering them costs more than most decisions.
func (c *Caller) needsContext(check *Check) bool {
	return check.ResourcePolicy.ReadsContext() || slices.ContainsFunc(c.Policies, (*policy.Policy).ReadsContext) ||
		slices.ContainsFunc(c.SessionPolicies, (*policy.Policy).ReadsContext)
}

func (c *Caller) inputs(check *Check, context bool) policy.Inputs {
	resource := check.Resource
	if resource == "" {
		resource = "*"
	}
	at := c.Time
	if at.IsZero() {
		at = time.Now()
	}
	in := policy.Inputs{
		Request: policy.Request{
			Action:    check.Action,
			Resource:  resource,
			Principal: c.Principal(),
			Time:      at,
		},
		Identity:               c.Policies,
		Session:                c.SessionPolicies,
		Resource:               check.ResourcePolicy,
		ResourceAccount:        check.ResourceAccount,
		ResourcePolicyRequired: check.ResourcePolicyRequired,
		Granted:                check.Granted,
		GrantReason:            check.GrantReason,
	}
	if context {
		in.Request.Context = c.context(check)
	}
	return in
}

// Principal is the caller as policies see it.
func (c *Caller) Principal() policy.Principal {
	p := policy.Principal{Kind: c.Type, ID: c.PrincipalID, Name: c.ServiceName}
	switch c.Type {
	case User, RoleSession, Root:
		p.ARN, p.Account = c.ARN, c.Account
		p.RoleARN, p.UserName = c.RoleARN, c.UserName
	case Federated:
		p.ARN = c.ARN
	}
	return p
}

// context collects the condition keys. Those that follow from the principal
// are known to package policy.
func (c *Caller) context(check *Check) policy.Context {
	const fixed = 5
	k := policy.NewContext(fixed + len(c.Tags) + 2*len(check.RequestTags) + len(check.TagKeys) +
		len(check.ResourceTags) + check.Extra.Len())
	owner := check.ResourceAccount
	if owner == "" {
		owner = policy.ARNAccount(check.Resource)
	}
	secure := "false"
	if c.Secure {
		secure = "true"
	}
	k.Add("aws:securetransport", secure)
	for _, e := range [...]struct{ key, value string }{
		{"aws:sourceip", c.SourceIP},
		{"aws:sourcearn", c.SourceARN},
		{"aws:sourceaccount", c.SourceAccount},
		{"aws:resourceaccount", owner},
	} {
		if e.value != "" {
			k.Add(e.key, e.value)
		}
	}
	for t, v := range c.Tags {
		k.Add("aws:principaltag/"+t, v)
	}
	for t, v := range check.RequestTags {
		k.Add("aws:requesttag/"+t, v)
		k.Add("aws:tagkeys", t)
	}
	k.AddAll("aws:tagkeys", check.TagKeys)
	for t, v := range check.ResourceTags {
		k.Add("aws:resourcetag/"+t, v)
	}
	k.Merge(check.Extra)
	return k
}
