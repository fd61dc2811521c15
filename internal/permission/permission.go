// Package permission says which permission each operation of Customer Profiles
// asks for and on which resource (AWS: service authorization reference).
//
// An operation needs profile:OPERATION on the resource it is about: an object
// type, an integration, and so on where it names one of those as its object, else
// the domain. Operations on objects are about the domain; a policy may still
// forbid them for single object types by an explicit Deny.
package permission

import (
	"cmp"
	"context"
	"reflect"
	"strings"
	"sync"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/fault"
)

// Tags gives the tags of a resource of a domain; tail is empty for the domain
// itself. What does not exist has none.
type Tags func(ctx context.Context, domainName, tail string) (map[string]string, error)

// kinds are the parts of paths that lead to resources of their own, what their
// ARNs say instead where that differs, and the member that names the resource.
var kinds = []struct{ segment, arn, member string }{
	{"segments", "segment-definitions", "SegmentDefinitionName"},
	{"object-types", "", "ObjectTypeName"},
	{"event-streams", "", "EventStreamName"},
	{"event-triggers", "", "EventTriggerName"},
	{"calculated-attributes", "", "CalculatedAttributeName"},
	{"segment-definitions", "", "SegmentDefinitionName"},
	{"layouts", "", "LayoutDefinitionName"},
	{"recommenders", "", "RecommenderName"},
	{"recommender-filters", "", "RecommenderFilterName"},
	{"recommender-schemas", "", "RecommenderSchemaName"},
	{"domain-object-types", "", "ObjectTypeName"},
}

// Checker decides for the operations of an account and region.
type Checker struct {
	prefix string // of domain ARNs
	tags   Tags
	plans  sync.Map // *api.Operation -> plan
}

// New makes a Checker.
func New(region, account string, tags Tags) *Checker {
	return &Checker{prefix: "arn:aws:profile:" + region + ":" + account + ":domains/", tags: tags}
}

// plan is where an operation's input names what is asked for.
type plan struct {
	action                  string
	domain, name, arn, tags int // indices of members, -1 for none
	keys                    int
	kind                    string // of the resource that name names
	objectType              int    // of the object an operation is on
}

func (c *Checker) plan(op *api.Operation) plan {
	if p, ok := c.plans.Load(op); ok {
		return p.(plan)
	}
	p := plan{action: "profile:" + op.Name, domain: -1, name: -1, arn: -1, tags: -1, keys: -1, objectType: -1}
	index := func(member string) int {
		for _, m := range op.Input.Members {
			if m.Name == member {
				return m.Field
			}
		}
		return -1
	}
	p.domain, p.objectType, p.keys = index("DomainName"), index("ObjectTypeName"), index("tagKeys")
	if p.tags = index("Tags"); p.tags < 0 {
		p.tags = index("tags")
	}
	if strings.HasPrefix(op.URI, "/tags/") {
		p.arn = index("resourceArn")
	}
	for _, k := range kinds {
		if strings.Contains(op.URI, "/"+k.segment+"/{") {
			p.kind, p.name = cmp.Or(k.arn, k.segment), index(k.member)
		}
	}
	if strings.HasSuffix(op.Name, "Integration") {
		p.kind, p.name = "integrations", index("Uri")
	}
	c.plans.Store(op, p)
	return p
}

// Authorize lets the caller in the context perform an operation, or returns a
// fault of kind Denied.
func (c *Checker) Authorize(ctx context.Context, op *api.Operation, input any) error {
	p := c.plan(op)
	in := reflect.ValueOf(input).Elem()
	check := access.Check{Action: p.action, Resource: "*"}
	domainName, tail := "", ""
	switch {
	case p.arn >= 0:
		check.Resource = text(in.Field(p.arn))
		if rest, ok := strings.CutPrefix(check.Resource, c.prefix); ok {
			domainName, tail, _ = strings.Cut(rest, "/")
		}
	case p.domain >= 0:
		domainName = text(in.Field(p.domain))
		if p.name >= 0 {
			if name := text(in.Field(p.name)); name != "" {
				tail = p.kind + "/" + name
			}
		}
		check.Resource = c.arn(domainName, tail)
	}
	if p.tags >= 0 {
		check.RequestTags, _ = in.Field(p.tags).Interface().(map[string]string)
	}
	if p.keys >= 0 {
		check.TagKeys, _ = in.Field(p.keys).Interface().([]string)
	}
	if domainName != "" && op.Name != "CreateDomain" {
		var err error
		if check.ResourceTags, err = c.tags(ctx, domainName, tail); err != nil {
			return err
		}
	}
	if err := access.Require(ctx, check); err != nil {
		return err
	}
	if p.objectType >= 0 && p.name < 0 {
		return c.forbidden(ctx, check, domainName, "object-types/"+text(in.Field(p.objectType)))
	}
	return nil
}

// forbidden honours an explicit Deny on a resource that an operation touches
// beside the one it is about.
func (c *Checker) forbidden(ctx context.Context, check access.Check, domainName, tail string) error {
	check.Resource = c.arn(domainName, tail)
	if d := access.From(ctx).Decide(check); d.ExplicitDeny {
		return fault.New(fault.Denied, "User: %s is not authorized to perform: %s on resource: %s with an explicit deny",
			access.From(ctx).ARN, check.Action, check.Resource)
	}
	return nil
}

func (c *Checker) arn(domainName, tail string) string {
	if tail == "" {
		return c.prefix + domainName
	}
	return c.prefix + domainName + "/" + tail
}

// text reads a member of type string or *string; absent is empty.
func text(v reflect.Value) string {
	switch s := v.Interface().(type) {
	case string:
		return s
	case *string:
		if s != nil {
			return *s
		}
	}
	return ""
}
