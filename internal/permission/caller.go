package permission

import (
	"context"
	"strings"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
)

// GetCallerPermissions tells which of some actions the caller may do on a resource, so
// that a page can leave out, or explain, what would be refused. It is decided by the
// caller's policies and the tags of a domain's resource, and changes nothing; policies of
// the resource itself, as keys and queues have, and conditions on what a request says, may
// decide otherwise when the time comes. It needs no permission.
func (c *Checker) GetCallerPermissions(ctx context.Context, in *kindredapi.GetCallerPermissionsRequest) (*kindredapi.CallerPermissions, error) {
	caller := access.From(ctx)
	if caller == nil {
		return nil, fault.New(fault.Denied, "The request has no authenticated caller, so it may not perform: kindred:GetCallerPermissions")
	}
	check := access.Check{Resource: "*"}
	if in.ResourceArn != nil {
		check.Resource = *in.ResourceArn
	}
	if rest, ok := strings.CutPrefix(check.Resource, c.prefix); ok && rest != "" && !strings.Contains(rest, "*") {
		domainName, tail, _ := strings.Cut(rest, "/")
		var err error
		if check.ResourceTags, err = c.tags(ctx, domainName, tail); err != nil {
			return nil, err
		}
	}
	out := &kindredapi.CallerPermissions{PrincipalArn: caller.ARN, Permissions: make([]kindredapi.CallerPermission, len(in.Actions))}
	for i, action := range in.Actions {
		check.Action = action
		d := caller.Decide(check)
		out.Permissions[i] = kindredapi.CallerPermission{Action: action, Allowed: d.Allowed}
		if !d.Allowed {
			out.Permissions[i].Reason = new(d.Message())
		}
	}
	return out, nil
}
