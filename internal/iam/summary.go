package iam

import (
	"context"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/store"
)

// GetAccountSummary counts the principals and policies, and says how many there may be.
func (s *Service) GetAccountSummary(ctx context.Context, _ *kindredapi.GetAccountSummaryRequest) (*kindredapi.AccountSummary, error) {
	if err := require(ctx, "GetAccountSummary", "*"); err != nil {
		return nil, err
	}
	var l ledger
	err := s.view(ctx, func(r store.Reader) (err error) {
		l, err = readLedger(ctx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kindredapi.AccountSummary{Users: int(l.users), UsersQuota: MaxUsers, Roles: int(l.roles), RolesQuota: MaxRoles,
		Policies: int(l.policies), PoliciesQuota: MaxPolicies, AccessKeysPerUserQuota: MaxAccessKeys,
		AttachedPoliciesQuota: MaxAttachedPolicies, InlinePoliciesQuota: MaxInlinePolicies}, nil
}

// summarize adds to a user what the caller might list as well, so that a page of users
// needs one call and not one for each.
func (s *Service) summarize(ctx context.Context, u *kindredapi.User, p *principalRecord) {
	c := access.From(ctx)
	may := func(operation string) bool {
		return c != nil && c.Decide(access.Check{Action: "iam:" + operation, Resource: u.Arn}).Allowed
	}
	if may("ListAttachedUserPolicies") {
		u.AttachedPolicyNames = append([]string{}, p.Attached...)
	}
	if may("ListUserPolicies") {
		u.InlinePolicyNames = make([]string, len(p.Inline))
		for i, d := range p.Inline {
			u.InlinePolicyNames[i] = d.Name
		}
	}
	if may("ListAccessKeys") {
		u.AccessKeyCount = new(len(p.Keys))
	}
}
