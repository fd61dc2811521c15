package iam

import (
	"context"
	"slices"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// CreatePolicy makes a managed policy, to be attached to users and roles.
func (s *Service) CreatePolicy(ctx context.Context, in *kindredapi.CreatePolicyRequest) (*kindredapi.CreatePolicyResponse, error) {
	if err := require(ctx, "CreatePolicy", s.policyARN(in.PolicyName)); err != nil {
		return nil, err
	}
	if _, err := parse("PolicyDocument", in.PolicyDocument, policy.Identity, ""); err != nil {
		return nil, err
	}
	id := newID("ANPA", 17)
	var made *policyRecord
	err := s.update(ctx, func(t *txn) error {
		there, err := load[policyRecord](ctx, s, t, policySort(in.PolicyName))
		switch {
		case err != nil:
			return err
		case there != nil:
			return taken("policy", in.PolicyName)
		case t.ledger.policies >= MaxPolicies:
			return fault.New(fault.Invalid, "There are %d policies, which is the limit.", MaxPolicies)
		}
		t.ledger.policies++
		made = &policyRecord{
			Name: in.PolicyName, ID: id, Created: t.Now(), Updated: t.Now(),
			Description: value(in.Description, ""), Text: in.PolicyDocument,
		}
		return t.save(policySort(made.Name), made)
	})
	if err != nil {
		return nil, err
	}
	return &kindredapi.CreatePolicyResponse{Policy: s.describe(made)}, nil
}

// GetPolicy describes a managed policy and returns its text, byte for byte.
func (s *Service) GetPolicy(ctx context.Context, in *kindredapi.GetPolicyRequest) (*kindredapi.GetPolicyResponse, error) {
	if err := require(ctx, "GetPolicy", s.policyARN(in.PolicyName)); err != nil {
		return nil, err
	}
	var p *policyRecord
	err := s.view(ctx, func(r store.Reader) (err error) {
		p, err = s.policy(ctx, r, in.PolicyName)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kindredapi.GetPolicyResponse{Policy: s.describe(p), PolicyDocument: p.Text}, nil
}

// ListPolicies lists the managed policies by name.
func (s *Service) ListPolicies(ctx context.Context, in *kindredapi.ListPoliciesRequest) (*kindredapi.ListPoliciesResponse, error) {
	out := &kindredapi.ListPoliciesResponse{Policies: []kindredapi.Policy{}}
	var err error
	out.NextToken, err = list(ctx, s, "ListPolicies", polPrefix, in.MaxResults, in.NextToken, func(p *policyRecord) {
		out.Policies = append(out.Policies, *s.describe(p))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdatePolicy replaces the text of a managed policy, for all that it is
// attached to.
func (s *Service) UpdatePolicy(ctx context.Context, in *kindredapi.UpdatePolicyRequest) (*kindredapi.UpdatePolicyResponse, error) {
	if err := require(ctx, "UpdatePolicy", s.policyARN(in.PolicyName)); err != nil {
		return nil, err
	}
	if _, err := parse("PolicyDocument", in.PolicyDocument, policy.Identity, ""); err != nil {
		return nil, err
	}
	var p *policyRecord
	err := s.update(ctx, func(t *txn) (err error) {
		if p, err = s.policy(ctx, t, in.PolicyName); err != nil {
			return err
		}
		if err := keepPredefined(p); err != nil {
			return err
		}
		p.Text, p.Updated = in.PolicyDocument, t.Now()
		if err := t.save(policySort(p.Name), p); err != nil {
			return err
		}
		a, err := s.principal(ctx, t, user, Administrator)
		if err != nil || !slices.Contains(a.Attached, p.Name) {
			return err
		}
		return t.keepAdministrator(ctx, a)
	})
	if err != nil {
		return nil, err
	}
	return &kindredapi.UpdatePolicyResponse{Policy: s.describe(p)}, nil
}

// DeletePolicy removes a managed policy that is attached to nothing.
func (s *Service) DeletePolicy(ctx context.Context, in *kindredapi.DeletePolicyRequest) (*kindredapi.DeletePolicyResponse, error) {
	if err := require(ctx, "DeletePolicy", s.policyARN(in.PolicyName)); err != nil {
		return nil, err
	}
	return &kindredapi.DeletePolicyResponse{}, s.update(ctx, func(t *txn) error {
		p, err := s.policy(ctx, t, in.PolicyName)
		if err != nil {
			return err
		}
		if err := keepPredefined(p); err != nil {
			return err
		}
		if p.Attachments > 0 {
			return fault.New(fault.Invalid, "The policy %s is attached to %d users and roles: detach it first.", p.Name, p.Attachments)
		}
		t.ledger.policies--
		t.remove(policySort(p.Name))
		return nil
	})
}

// AttachUserPolicy attaches a managed policy to a user; if it is attached
// already, nothing happens.
func (s *Service) AttachUserPolicy(ctx context.Context, in *kindredapi.AttachUserPolicyRequest) (*kindredapi.AttachUserPolicyResponse, error) {
	return &kindredapi.AttachUserPolicyResponse{}, s.attach(ctx, "AttachUserPolicy", user, in.UserName, in.PolicyName)
}

// ListAttachedUserPolicies lists the managed policies attached to a user.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *kindredapi.ListAttachedUserPoliciesRequest) (*kindredapi.ListAttachedUserPoliciesResponse, error) {
	p, err := s.read(ctx, "ListAttachedUserPolicies", user, in.UserName)
	if err != nil {
		return nil, err
	}
	return &kindredapi.ListAttachedUserPoliciesResponse{AttachedPolicies: s.attachments(p)}, nil
}

// DetachUserPolicy detaches a managed policy from a user.
func (s *Service) DetachUserPolicy(ctx context.Context, in *kindredapi.DetachUserPolicyRequest) (*kindredapi.DetachUserPolicyResponse, error) {
	return &kindredapi.DetachUserPolicyResponse{}, s.detach(ctx, "DetachUserPolicy", user, in.UserName, in.PolicyName)
}

// AttachRolePolicy attaches a managed policy to a role; if it is attached
// already, nothing happens.
func (s *Service) AttachRolePolicy(ctx context.Context, in *kindredapi.AttachRolePolicyRequest) (*kindredapi.AttachRolePolicyResponse, error) {
	return &kindredapi.AttachRolePolicyResponse{}, s.attach(ctx, "AttachRolePolicy", role, in.RoleName, in.PolicyName)
}

// ListAttachedRolePolicies lists the managed policies attached to a role.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *kindredapi.ListAttachedRolePoliciesRequest) (*kindredapi.ListAttachedRolePoliciesResponse, error) {
	p, err := s.read(ctx, "ListAttachedRolePolicies", role, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &kindredapi.ListAttachedRolePoliciesResponse{AttachedPolicies: s.attachments(p)}, nil
}

// DetachRolePolicy detaches a managed policy from a role.
func (s *Service) DetachRolePolicy(ctx context.Context, in *kindredapi.DetachRolePolicyRequest) (*kindredapi.DetachRolePolicyResponse, error) {
	return &kindredapi.DetachRolePolicyResponse{}, s.detach(ctx, "DetachRolePolicy", role, in.RoleName, in.PolicyName)
}

func (s *Service) attach(ctx context.Context, operation string, k kind, name, policyName string) error {
	return s.change(ctx, operation, k, name, func(t *txn, p *principalRecord) error {
		i, there := slices.BinarySearch(p.Attached, policyName)
		if there {
			return nil
		}
		if len(p.Attached) >= MaxAttachedPolicies {
			return fault.New(fault.Invalid, "The %s %s has %d policies attached, which is the limit.", k.word, name, MaxAttachedPolicies)
		}
		p.Attached = slices.Insert(p.Attached, i, policyName)
		return t.attached(ctx, policyName, 1)
	})
}

func (s *Service) detach(ctx context.Context, operation string, k kind, name, policyName string) error {
	return s.change(ctx, operation, k, name, func(t *txn, p *principalRecord) error {
		i, there := slices.BinarySearch(p.Attached, policyName)
		if !there {
			return fault.New(fault.NotFound, "The policy %s is not attached to the %s %s.", policyName, k.word, name)
		}
		p.Attached = slices.Delete(p.Attached, i, i+1)
		return t.attached(ctx, policyName, -1)
	})
}

// attached counts an attachment of a policy.
func (t *txn) attached(ctx context.Context, name string, by int) error {
	p, err := t.s.policy(ctx, t, name)
	if err != nil {
		return err
	}
	p.Attachments += by
	return t.save(policySort(name), p)
}

func (s *Service) attachments(p *principalRecord) []kindredapi.AttachedPolicy {
	list := make([]kindredapi.AttachedPolicy, len(p.Attached))
	for i, name := range p.Attached {
		list[i] = kindredapi.AttachedPolicy{PolicyName: name, PolicyArn: s.policyARN(name)}
	}
	return list
}

func (s *Service) describe(p *policyRecord) *kindredapi.Policy {
	d := &kindredapi.Policy{
		PolicyName: p.Name, PolicyId: p.ID, Arn: s.policyARN(p.Name), CreateDate: p.Created, UpdateDate: p.Updated,
		AttachmentCount: p.Attachments,
	}
	if p.Description != "" {
		d.Description = &p.Description
	}
	if p.Predefined != 0 {
		d.Predefined = new(true)
	}
	return d
}

// keepAdministrator refuses a change after which nobody might be able to undo
// it: the administrator must keep an active access key and the permission to
// change its own keys and policies. It sees what the transaction has written,
// and the record of the administrator as it is going to be.
func (t *txn) keepAdministrator(ctx context.Context, p *principalRecord) error {
	keys, err := t.s.keysOf(ctx, t, p)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(keys, func(k *keyRecord) bool { return k.Status == active }) {
		return fault.New(fault.Invalid, "This would leave the user %s without an active access key: make another one first.", Administrator)
	}
	policies, err := t.s.policiesOf(ctx, t, user, p)
	if err != nil {
		return err
	}
	c := access.Caller{
		Type: access.User, Account: t.s.account, ARN: t.s.arn(user, p.Name), PrincipalID: p.ID, UserName: p.Name,
		Secure: true, Time: t.Now(), Policies: policies,
	}
	for _, operation := range []string{"PutUserPolicy", "DeleteUserPolicy", "AttachUserPolicy", "DetachUserPolicy", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"} {
		d := c.Decide(access.Check{Action: "iam:" + operation, Resource: c.ARN})
		if !d.Allowed {
			return fault.New(fault.Invalid, "This would lock out the user %s, which could no longer perform iam:%s on itself.", Administrator, operation)
		}
	}
	return nil
}
