package iam

import (
	"context"
	"slices"
	"strings"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
)

// PutUserPolicy adds or replaces an inline policy of a user.
func (s *Service) PutUserPolicy(ctx context.Context, in *kindredapi.PutUserPolicyRequest) (*kindredapi.PutUserPolicyResponse, error) {
	return &kindredapi.PutUserPolicyResponse{}, s.putInline(ctx, "PutUserPolicy", user, in.UserName, document{in.PolicyName, in.PolicyDocument})
}

// GetUserPolicy returns an inline policy of a user, byte for byte as it was put.
func (s *Service) GetUserPolicy(ctx context.Context, in *kindredapi.GetUserPolicyRequest) (*kindredapi.GetUserPolicyResponse, error) {
	d, err := s.getInline(ctx, "GetUserPolicy", user, in.UserName, in.PolicyName)
	return &kindredapi.GetUserPolicyResponse{UserName: in.UserName, PolicyName: d.Name, PolicyDocument: d.Text}, err
}

// ListUserPolicies lists the names of a user's inline policies.
func (s *Service) ListUserPolicies(ctx context.Context, in *kindredapi.ListUserPoliciesRequest) (*kindredapi.ListUserPoliciesResponse, error) {
	names, err := s.listInline(ctx, "ListUserPolicies", user, in.UserName)
	return &kindredapi.ListUserPoliciesResponse{PolicyNames: names}, err
}

// DeleteUserPolicy removes an inline policy of a user.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *kindredapi.DeleteUserPolicyRequest) (*kindredapi.DeleteUserPolicyResponse, error) {
	return &kindredapi.DeleteUserPolicyResponse{}, s.deleteInline(ctx, "DeleteUserPolicy", user, in.UserName, in.PolicyName)
}

// PutRolePolicy adds or replaces an inline policy of a role.
func (s *Service) PutRolePolicy(ctx context.Context, in *kindredapi.PutRolePolicyRequest) (*kindredapi.PutRolePolicyResponse, error) {
	return &kindredapi.PutRolePolicyResponse{}, s.putInline(ctx, "PutRolePolicy", role, in.RoleName, document{in.PolicyName, in.PolicyDocument})
}

// GetRolePolicy returns an inline policy of a role, byte for byte as it was put.
func (s *Service) GetRolePolicy(ctx context.Context, in *kindredapi.GetRolePolicyRequest) (*kindredapi.GetRolePolicyResponse, error) {
	d, err := s.getInline(ctx, "GetRolePolicy", role, in.RoleName, in.PolicyName)
	return &kindredapi.GetRolePolicyResponse{RoleName: in.RoleName, PolicyName: d.Name, PolicyDocument: d.Text}, err
}

// ListRolePolicies lists the names of a role's inline policies.
func (s *Service) ListRolePolicies(ctx context.Context, in *kindredapi.ListRolePoliciesRequest) (*kindredapi.ListRolePoliciesResponse, error) {
	names, err := s.listInline(ctx, "ListRolePolicies", role, in.RoleName)
	return &kindredapi.ListRolePoliciesResponse{PolicyNames: names}, err
}

// DeleteRolePolicy removes an inline policy of a role.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *kindredapi.DeleteRolePolicyRequest) (*kindredapi.DeleteRolePolicyResponse, error) {
	return &kindredapi.DeleteRolePolicyResponse{}, s.deleteInline(ctx, "DeleteRolePolicy", role, in.RoleName, in.PolicyName)
}

func (s *Service) putInline(ctx context.Context, operation string, k kind, name string, d document) error {
	return s.change(ctx, operation, k, name, func(_ *txn, p *principalRecord) error {
		if _, err := parse("PolicyDocument", d.Text, policy.Identity, ""); err != nil {
			return err
		}
		i, there := p.inline(d.Name)
		switch {
		case there:
			p.Inline[i] = d
		case len(p.Inline) >= MaxInlinePolicies:
			return fault.New(fault.Invalid, "The %s %s has %d inline policies, which is the limit.", k.word, name, MaxInlinePolicies)
		default:
			p.Inline = slices.Insert(p.Inline, i, d)
		}
		return nil
	})
}

func (s *Service) getInline(ctx context.Context, operation string, k kind, name, policyName string) (document, error) {
	p, err := s.read(ctx, operation, k, name)
	if err != nil {
		return document{}, err
	}
	i, there := p.inline(policyName)
	if !there {
		return document{}, noInline(k, name, policyName)
	}
	return p.Inline[i], nil
}

func (s *Service) listInline(ctx context.Context, operation string, k kind, name string) ([]string, error) {
	p, err := s.read(ctx, operation, k, name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(p.Inline))
	for i, d := range p.Inline {
		names[i] = d.Name
	}
	return names, nil
}

func (s *Service) deleteInline(ctx context.Context, operation string, k kind, name, policyName string) error {
	return s.change(ctx, operation, k, name, func(_ *txn, p *principalRecord) error {
		i, there := p.inline(policyName)
		if !there {
			return noInline(k, name, policyName)
		}
		p.Inline = slices.Delete(p.Inline, i, i+1)
		return nil
	})
}

// inline finds an inline policy, or the place where it would be.
func (p *principalRecord) inline(name string) (int, bool) {
	return slices.BinarySearchFunc(p.Inline, name, func(d document, name string) int { return strings.Compare(d.Name, name) })
}

func noInline(k kind, name, policyName string) error {
	return fault.New(fault.NotFound, "The %s %s has no inline policy with the name %s.", k.word, name, policyName)
}
