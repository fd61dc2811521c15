package iam

import (
	"context"
	"errors"
	"strings"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/stsapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// Durations of sessions in seconds (STS API reference; bounds of the members are
// in the model).
const (
	defaultRoleSession = 3600
	defaultUserSession = 43200
	maxChainedSession  = 3600
	maxSessionPolicies = 10
)

// sessionKey starts the identifiers of temporary access keys.
const sessionKey = "ASIA"

// GetCallerIdentity says who calls. It needs no permission.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *stsapi.GetCallerIdentityRequest) (*stsapi.GetCallerIdentityResponse, error) {
	c, err := caller(ctx, "sts:GetCallerIdentity")
	if err != nil {
		return nil, err
	}
	return &stsapi.GetCallerIdentityResponse{UserId: &c.PrincipalID, Account: &c.Account, Arn: &c.ARN}, nil
}

// GetSessionToken issues temporary credentials for the calling user. It needs no
// permission, and cannot be called with temporary credentials.
func (s *Service) GetSessionToken(ctx context.Context, in *stsapi.GetSessionTokenRequest) (*stsapi.GetSessionTokenResponse, error) {
	c, err := caller(ctx, "sts:GetSessionToken")
	if err != nil {
		return nil, err
	}
	if c.Type != access.User || strings.HasPrefix(c.AccessKeyID, sessionKey) {
		return nil, fault.New(fault.Denied, "Cannot call GetSessionToken with session credentials")
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, unsupported("SerialNumber and TokenCode", "multi-factor authentication")
	}
	credentials, err := s.issue(&session{Origin: c.AccessKeyID, ID: c.PrincipalID}, value(in.DurationSeconds, defaultUserSession))
	if err != nil {
		return nil, err
	}
	return &stsapi.GetSessionTokenResponse{Credentials: credentials}, nil
}

// AssumeRole issues temporary credentials for a role. As in AWS within one
// account, the role's trust policy must allow sts:AssumeRole; if it names the
// account only, an identity policy of the caller must allow it too.
func (s *Service) AssumeRole(ctx context.Context, in *stsapi.AssumeRoleRequest) (*stsapi.AssumeRoleResponse, error) {
	c, err := caller(ctx, "sts:AssumeRole")
	if err != nil {
		return nil, err
	}
	if err := checkMembers(in); err != nil {
		return nil, err
	}
	name, err := s.roleName(in.RoleArn)
	if err != nil {
		return nil, err
	}
	p, policies, err := s.readRole(ctx, name, in)
	if err != nil {
		return nil, err
	}
	check := access.Check{
		Action: "sts:AssumeRole", Resource: in.RoleArn, ResourceAccount: s.account, ResourcePolicyRequired: true,
	}
	if in.ExternalId != nil {
		check.Extra.Add("sts:externalid", *in.ExternalId)
	}
	check.Extra.Add("sts:rolesessionname", in.RoleSessionName)
	if p != nil {
		if check.ResourcePolicy, err = policy.Parse([]byte(p.Trust), policy.Options{Kind: policy.Trust, Name: "trust policy of " + in.RoleArn}); err != nil {
			return nil, err
		}
	}
	// A role that is not there has no trust policy, and nobody learns which.
	if err := access.Require(ctx, check); err != nil {
		return nil, err
	}
	seconds, err := duration(in, c, p)
	if err != nil {
		return nil, err
	}
	ses := &session{Role: p.Name, ID: p.ID, SignIn: c.SignIn, Name: in.RoleSessionName, Policy: value(in.Policy, ""), Policies: policies}
	credentials, err := s.issue(ses, seconds)
	if err != nil {
		return nil, err
	}
	out := &stsapi.AssumeRoleResponse{
		Credentials:     credentials,
		AssumedRoleUser: &stsapi.AssumedRoleUser{AssumedRoleId: p.ID + ":" + ses.Name, Arn: s.sessionARN(p.Name, ses.Name)},
	}
	if ses.Policy != "" || len(policies) > 0 {
		out.PackedPolicySize = new(len(credentials.SessionToken) * 100 / maxToken)
	}
	return out, nil
}

// readRole reads the role, nil if there is none, and checks that the session's
// managed policies are there; it returns their names.
func (s *Service) readRole(ctx context.Context, name string, in *stsapi.AssumeRoleRequest) (p *principalRecord, policies []string, err error) {
	for _, d := range in.PolicyArns {
		n, ok := strings.CutPrefix(value(d.Arn, ""), s.policyARN(""))
		if !ok || n == "" {
			return nil, nil, validation("PolicyArns: must be ARNs of managed policies, %sNAME", s.policyARN(""))
		}
		policies = append(policies, n)
	}
	err = s.view(ctx, func(r store.Reader) error {
		p, err = s.principal(ctx, r, role, name)
		if fault.Is(err, fault.NotFound) {
			p, err = nil, nil
		}
		if err != nil {
			return err
		}
		_, err = s.managed(ctx, r, policies, policy.Session)
		if errors.Is(err, errGone) {
			return validation("PolicyArns: one of the policies is not there")
		}
		return err
	})
	return p, policies, err
}

// checkMembers refuses what is not served, and reads the session policy.
func checkMembers(in *stsapi.AssumeRoleRequest) error {
	switch {
	case len(in.Tags) > 0 || len(in.TransitiveTagKeys) > 0:
		return unsupported("Tags and TransitiveTagKeys", "session tags")
	case in.SerialNumber != nil || in.TokenCode != nil:
		return unsupported("SerialNumber and TokenCode", "multi-factor authentication")
	case in.SourceIdentity != nil:
		return unsupported("SourceIdentity", "a source identity")
	case len(in.PolicyArns) > maxSessionPolicies:
		return validation("PolicyArns: at most %d policies", maxSessionPolicies)
	}
	if in.Policy == nil {
		return nil
	}
	_, err := policy.Parse([]byte(*in.Policy), policy.Options{Kind: policy.Session})
	var bad *policy.Error
	if errors.As(err, &bad) {
		return fault.Named(fault.Invalid, "MalformedPolicyDocument", "Policy: %s", bad.Error())
	}
	return err
}

// duration of a role session in seconds.
func duration(in *stsapi.AssumeRoleRequest, c *access.Caller, p *principalRecord) (int, error) {
	seconds := value(in.DurationSeconds, defaultRoleSession)
	if seconds > p.MaxSession {
		return 0, validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if c.Type == access.RoleSession && seconds > maxChainedSession {
		return 0, validation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	return seconds, nil
}

// roleName is the name in the ARN of a role of this account. The ARN of another
// account is as good as that of a role that is not there.
func (s *Service) roleName(arn string) (string, error) {
	if name, ok := strings.CutPrefix(arn, s.arn(role, "")); ok {
		return name, nil
	}
	if !strings.HasPrefix(arn, "arn:aws:iam::") || !strings.Contains(arn, ":role/") {
		return "", validation("RoleArn: must be the ARN of a role, %sNAME", s.arn(role, ""))
	}
	return "", nil
}

// issue makes the credentials of a session.
func (s *Service) issue(ses *session, seconds int) (*stsapi.Credentials, error) {
	expires := s.now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second).UTC()
	ses.KeyID, ses.Secret, ses.Expires = newKeyID(sessionKey), newSecret(), expires.Unix()
	token, err := s.token(ses)
	if err != nil {
		return nil, err
	}
	return &stsapi.Credentials{
		AccessKeyId: ses.KeyID, SecretAccessKey: ses.Secret, SessionToken: token, Expiration: expires,
	}, nil
}

func caller(ctx context.Context, action string) (*access.Caller, error) {
	if c := access.From(ctx); c != nil {
		return c, nil
	}
	return nil, fault.New(fault.Denied, "The request has no authenticated caller, so it may not perform: %s", action)
}

func validation(format string, args ...any) error {
	return fault.Named(fault.Invalid, "ValidationError", format, args...)
}

func unsupported(member, what string) error {
	return validation("%s: %s is not supported by this server", member, what)
}

func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
