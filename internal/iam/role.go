package iam

import (
	"context"

	"kindred/internal/api/kindredapi"
	"kindred/internal/policy"
)

// defaultMaxSession of a role in seconds, as in AWS.
const defaultMaxSession = 3600

// CreateRole makes a role that those may assume whom its trust policy names.
func (s *Service) CreateRole(ctx context.Context, in *kindredapi.CreateRoleRequest) (*kindredapi.CreateRoleResponse, error) {
	if err := require(ctx, "CreateRole", s.arn(role, in.RoleName)); err != nil {
		return nil, err
	}
	if _, err := parse("AssumeRolePolicyDocument", in.AssumeRolePolicyDocument, policy.Trust, ""); err != nil {
		return nil, err
	}
	id := role.newID()
	var made *principalRecord
	err := s.update(ctx, func(t *txn) error {
		made = &principalRecord{
			Name: in.RoleName, ID: id, Created: t.Now(), Trust: in.AssumeRolePolicyDocument,
			Description: value(in.Description, ""), MaxSession: value(in.MaxSessionDuration, defaultMaxSession),
		}
		return t.create(ctx, role, made, &t.ledger.roles, MaxRoles)
	})
	if err != nil {
		return nil, err
	}
	return &kindredapi.CreateRoleResponse{Role: s.role(made)}, nil
}

// GetRole describes a role.
func (s *Service) GetRole(ctx context.Context, in *kindredapi.GetRoleRequest) (*kindredapi.GetRoleResponse, error) {
	p, err := s.read(ctx, "GetRole", role, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &kindredapi.GetRoleResponse{Role: s.role(p)}, nil
}

// ListRoles lists the roles by name.
func (s *Service) ListRoles(ctx context.Context, in *kindredapi.ListRolesRequest) (*kindredapi.ListRolesResponse, error) {
	out := &kindredapi.ListRolesResponse{Roles: []kindredapi.Role{}}
	var err error
	out.NextToken, err = list(ctx, s, "ListRoles", role.prefix, in.MaxResults, in.NextToken, func(p *principalRecord) {
		out.Roles = append(out.Roles, *s.role(p))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateAssumeRolePolicy replaces a role's trust policy. Sessions that have
// begun go on.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *kindredapi.UpdateAssumeRolePolicyRequest) (*kindredapi.UpdateAssumeRolePolicyResponse, error) {
	err := s.change(ctx, "UpdateAssumeRolePolicy", role, in.RoleName, func(_ *txn, p *principalRecord) error {
		if _, err := parse("PolicyDocument", in.PolicyDocument, policy.Trust, ""); err != nil {
			return err
		}
		p.Trust = in.PolicyDocument
		return nil
	})
	return &kindredapi.UpdateAssumeRolePolicyResponse{}, err
}

// DeleteRole removes a role with its inline policies, which ends its sessions.
func (s *Service) DeleteRole(ctx context.Context, in *kindredapi.DeleteRoleRequest) (*kindredapi.DeleteRoleResponse, error) {
	if err := require(ctx, "DeleteRole", s.arn(role, in.RoleName)); err != nil {
		return nil, err
	}
	return &kindredapi.DeleteRoleResponse{}, s.update(ctx, func(t *txn) error {
		p, err := s.principal(ctx, t, role, in.RoleName)
		if err != nil {
			return err
		}
		t.ledger.roles--
		return t.delete(ctx, role, p)
	})
}

func (s *Service) role(p *principalRecord) *kindredapi.Role {
	r := &kindredapi.Role{
		RoleName: p.Name, RoleId: p.ID, Arn: s.arn(role, p.Name), CreateDate: p.Created,
		AssumeRolePolicyDocument: p.Trust, MaxSessionDuration: p.MaxSession,
	}
	if p.Description != "" {
		r.Description = &p.Description
	}
	return r
}
