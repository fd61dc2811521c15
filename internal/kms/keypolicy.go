package kms

import (
	"context"
	"encoding/json"

	"kindred/internal/access"
	"kindred/internal/api/kmsapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// policyName is the only name that a key policy has.
const policyName = "default"

// defaultPolicy is the policy of a key that is made through the API without one
// ("Default key policy", KMS Developer Guide): the account's identity policies
// decide.
func (s *Service) defaultPolicy() string {
	type principal struct {
		AWS string
	}
	type statement struct {
		Sid, Effect      string
		Principal        principal
		Action, Resource string
	}
	text, err := json.MarshalIndent(struct {
		Version   string
		ID        string `json:"Id"`
		Statement []statement
	}{policy.Version2012, "key-default-1", []statement{{
		"Enable IAM User Permissions", "Allow", principal{"arn:aws:iam::" + s.account + ":root"}, "kms:*", "*",
	}}}, "", "  ")
	if err != nil {
		panic("kms: default policy: " + err.Error())
	}
	return string(text)
}

func parsePolicy(text string) (*policy.Policy, error) {
	return policy.Parse([]byte(text), policy.Options{
		Kind: policy.Resource, Name: "key policy", MaxBytes: maxPolicyBytes,
	})
}

// checkNewPolicy checks a policy that is to be put on a key: that it can be
// read and, unless bypass is set, that it lets the caller put another one later
// (the lock-out safety check).
func (s *Service) checkNewPolicy(ctx context.Context, k *key, text string, bypass bool) error {
	if len(text) > maxPolicyBytes {
		return limitExceeded("Policy: a key policy has at most %d bytes", maxPolicyBytes)
	}
	malformed := func(format string, args ...any) error {
		return fault.Named(fault.Invalid, "MalformedPolicyDocumentException", format, args...)
	}
	p, err := parsePolicy(text)
	if err != nil {
		return malformed("Policy: %v", err)
	}
	if bypass {
		return nil
	}
	caller := access.From(ctx)
	check := s.check(ctx, k, &use{operation: "PutKeyPolicy", extra: bypassCondition(false)})
	if caller == nil || !caller.Retains(check, p).Allowed {
		return malformed("The new key policy will not allow you to update the key policy in the future.")
	}
	return nil
}

func bypassCondition(bypass bool) []condition {
	return []condition{{"kms:bypasspolicylockoutsafetycheck", boolText(bypass)}}
}

// GetKeyPolicy returns the key policy as it was put.
func (s *Service) GetKeyPolicy(ctx context.Context, in *kmsapi.GetKeyPolicyRequest) (*kmsapi.GetKeyPolicyResponse, error) {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "GetKeyPolicy"})
	if err != nil {
		return nil, err
	}
	if or(in.PolicyName, policyName) != policyName {
		return nil, notFound("No such policy exists: a key policy has the name %s", policyName)
	}
	return &kmsapi.GetKeyPolicyResponse{Policy: new(k.Policy), PolicyName: new(policyName)}, nil
}

// PutKeyPolicy replaces the key policy, from the next call on. Errors:
// MalformedPolicyDocumentException, also when the policy would lock the caller
// out and BypassPolicyLockoutSafetyCheck is not set; LimitExceededException over
// 32 kB.
func (s *Service) PutKeyPolicy(ctx context.Context, in *kmsapi.PutKeyPolicyRequest) error {
	bypass := isTrue(in.BypassPolicyLockoutSafetyCheck)
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "PutKeyPolicy", extra: bypassCondition(bypass)})
	if err != nil {
		return err
	}
	if or(in.PolicyName, policyName) != policyName {
		return invalid("PolicyName: must be %s", policyName)
	}
	if err := s.checkNewPolicy(ctx, k, in.Policy, bypass); err != nil {
		return err
	}
	return s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		rec.Policy = in.Policy
		return nil
	})
}

// ListKeyPolicies lists the names of a key's policies, of which there is one.
func (s *Service) ListKeyPolicies(ctx context.Context, in *kmsapi.ListKeyPoliciesRequest) (*kmsapi.ListKeyPoliciesResponse, error) {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "ListKeyPolicies"})
	if err != nil {
		return nil, err
	}
	if in.Marker != nil {
		// One name fits on any page, so no marker was ever given out.
		return nil, invalid("Marker: ListKeyPolicies of %s has returned none", k.arn)
	}
	return &kmsapi.ListKeyPoliciesResponse{PolicyNames: []string{policyName}, Truncated: new(false)}, nil
}
