package kms

import (
	"context"

	"kindred/internal/access"
	"kindred/internal/policy"
)

// use is what a caller wants of a key.
type use struct {
	// operation is the permission without "kms:"; where grants can give it,
	// also the name of the grant operation.
	operation string
	// crypto says that the operation takes an encryption context, which is
	// context; nil is the empty one.
	crypto  bool
	context map[string]string
	// child is the grant that CreateGrant is to make.
	child *grant
	// alias that the request names the key by, if it does.
	alias string
	// extra are condition keys of this operation, lower case.
	extra []condition

	requestTags map[string]string
	tagKeys     []string
}

type condition struct{ key, value string }

type viaKey struct{}

// Via marks calls that a service makes with the permissions of its own caller:
// kms:ViaService has the value given, such as
// profile.us-east-1.amazonaws.com, and kms:GrantIsForAWSResource is true. It is
// for services within the process only; nothing on the wire sets it.
func Via(ctx context.Context, service string) context.Context {
	return context.WithValue(ctx, viaKey{}, service)
}

func viaService(ctx context.Context) string {
	v, _ := ctx.Value(viaKey{}).(string)
	return v
}

// check is what access must allow for a use of a key.
func (s *Service) check(ctx context.Context, k *key, u *use) access.Check {
	return access.Check{
		Action:                 "kms:" + u.operation,
		Resource:               k.arn,
		ResourceAccount:        s.account,
		ResourcePolicy:         k.policy,
		ResourcePolicyRequired: true,
		RequestTags:            u.requestTags,
		TagKeys:                u.tagKeys,
		ResourceTags:           k.Tags,
		Extra:                  s.conditions(ctx, k, u),
	}
}

// authorise lets pass what the key policy, the identity policies and the grant,
// nil if none fits, allow together.
func (s *Service) authorise(ctx context.Context, k *key, granted *grant, u *use) error {
	c := s.check(ctx, k, u)
	if granted != nil {
		c.Granted, c.GrantReason = true, granted.id.String()
	}
	return access.Require(ctx, c)
}

// authoriseAccount is for operations on no key in particular, and on aliases:
// identity policies alone decide. An empty resource is "*".
func (s *Service) authoriseAccount(ctx context.Context, operation, resource string, u use) error {
	k := policy.NewContext(2 + len(u.extra))
	addCaller(ctx, &k)
	for _, e := range u.extra {
		k.Add(e.key, e.value)
	}
	return access.Require(ctx, access.Check{
		Action:          "kms:" + operation,
		Resource:        resource,
		ResourceAccount: s.account,
		RequestTags:     u.requestTags,
		TagKeys:         u.tagKeys,
		Extra:           k,
	})
}

// conditions are the kms: condition keys of a request on a key ("AWS KMS
// condition keys", KMS Developer Guide).
func (s *Service) conditions(ctx context.Context, k *key, u *use) policy.Context {
	encryption := u.context
	if u.child != nil {
		encryption = u.child.constrainedContext()
	}
	c := policy.NewContext(10 + len(k.Aliases) + 2*len(encryption) + len(u.extra))
	addCaller(ctx, &c)
	c.Add("kms:keyspec", specSymmetric)
	c.Add("kms:keyusage", usageEncryptDecrypt)
	c.Add("kms:keyorigin", originKMS)
	c.Add("kms:multiregion", "false")
	c.AddAll("kms:resourcealiases", k.Aliases)
	if u.alias != "" {
		c.Add("kms:requestalias", u.alias)
	}
	if u.crypto {
		c.Add("kms:encryptionalgorithm", specSymmetric)
	}
	for name, value := range encryption {
		c.Add("kms:encryptioncontext:"+name, value)
		c.Add("kms:encryptioncontextkeys", name)
	}
	if g := u.child; g != nil {
		g.addConditions(&c)
	}
	switch u.operation {
	case "CreateGrant", "ListGrants", "RevokeGrant":
		c.Add("kms:grantisforawsresource", boolText(forResource(ctx)))
	}
	for _, e := range u.extra {
		c.Add(e.key, e.value)
	}
	return c
}

func addCaller(ctx context.Context, c *policy.Context) {
	if caller := access.From(ctx); caller != nil && caller.Account != "" {
		c.Add("kms:calleraccount", caller.Account)
	}
	if via := viaService(ctx); via != "" {
		c.Add("kms:viaservice", via)
	}
}

// forResource reports whether a service makes the call, for itself or with the
// permissions of its own caller.
func forResource(ctx context.Context) bool {
	caller := access.From(ctx)
	return viaService(ctx) != "" || caller != nil && caller.Type == access.Service
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func isTrue(b *bool) bool { return b != nil && *b }
