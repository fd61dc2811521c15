package iam

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/sigv4"
	"kindred/internal/store"
)

// identity is all that authentication needs of one access key. It does not
// change once it is made.
type identity struct {
	revision uint64
	keyID    string
	secret   string
	expires  time.Time     // of a session; zero for a long-term key
	caller   access.Caller // but for what each request has of its own
}

// Authenticate finds out who signed a request, and for which service. The body
// is the request's, already read. Errors are faults with the names that AWS's
// JSON protocols give to failed authentication; the service is returned with
// them when the request's claim could be read.
func (s *Service) Authenticate(r *http.Request, body []byte) (*access.Caller, string, error) {
	_, caller, service, err := s.authenticate(r, body)
	return caller, service, err
}

// AuthenticateStream is [Service.Authenticate] for a request whose answer goes on for
// a while. Again finds out who the caller is by then, with the policies in force, or
// why it may not call any more: its key is inactive, its session has ended. The
// signature has been good and is not looked at again, nor is how long it is good for.
func (s *Service) AuthenticateStream(r *http.Request, body []byte) (caller *access.Caller, service string, again func(context.Context) (*access.Caller, error), err error) {
	claim, caller, service, err := s.authenticate(r, body)
	if err != nil {
		return nil, service, nil, err
	}
	return caller, service, func(ctx context.Context) (*access.Caller, error) {
		now := s.now()
		id, err := s.identify(ctx, claim, now)
		if err != nil {
			return nil, err
		}
		return id.present(r, now)
	}, nil
}

func (s *Service) authenticate(r *http.Request, body []byte) (*sigv4.Signed, *access.Caller, string, error) {
	claim, err := s.verifier.Parse(r)
	if err != nil {
		return nil, nil, "", err
	}
	now := s.now()
	id, err := s.identify(r.Context(), claim, now)
	if err != nil {
		return nil, nil, claim.Service, err
	}
	if err := s.verifier.Verify(claim, id.secret, body, now); err != nil {
		return nil, nil, claim.Service, err
	}
	caller, err := id.present(r, now)
	return claim, caller, claim.Service, err
}

// present is the caller with what a request has of its own, unless its session has
// ended by time.
func (id *identity) present(r *http.Request, now time.Time) (*access.Caller, error) {
	if !id.expires.IsZero() && !now.Before(id.expires) {
		return nil, sigv4.Expired()
	}
	caller := id.caller
	caller.Time = now
	caller.Secure = r.TLS != nil
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		caller.SourceIP = host
	}
	return &caller, nil
}

// errUnknown: there is no such key, or it is not to be used.
var errUnknown = errors.New("iam: unknown access key")

func (s *Service) identify(ctx context.Context, claim *sigv4.Signed, now time.Time) (*identity, error) {
	if err := s.confirm(ctx, now); err != nil {
		return nil, err
	}
	key := claim.AccessKeyID
	if claim.Token != "" {
		key = claim.Token
	}
	id := s.known.find(key)
	if id == nil {
		var err error
		if claim.Token != "" {
			id, err = s.readSession(ctx, claim.AccessKeyID, claim.Token)
		} else {
			id, err = s.readKey(ctx, claim.AccessKeyID)
		}
		if errors.Is(err, errUnknown) {
			return nil, sigv4.UnknownKey()
		}
		if err != nil {
			return nil, err
		}
		s.known.remember(key, id)
	}
	if id.keyID != claim.AccessKeyID {
		return nil, sigv4.UnknownKey()
	}
	return id, nil
}

// readKey reads the identity behind a long-term access key.
func (s *Service) readKey(ctx context.Context, keyID string) (*identity, error) {
	id := &identity{keyID: keyID}
	err := s.view(ctx, func(r store.Reader) error {
		key, owner, err := s.keyOwner(ctx, r, keyID)
		if err != nil {
			return err
		}
		id.secret = key.Secret
		return s.fill(ctx, r, id, user, owner)
	})
	return id, err
}

// keyOwner reads an active access key and its user.
func (s *Service) keyOwner(ctx context.Context, r store.Reader, keyID string) (*keyRecord, *principalRecord, error) {
	key, err := load[keyRecord](ctx, s, r, keyPrefix+keyID)
	if err != nil {
		return nil, nil, err
	}
	if key == nil || key.Status != active {
		return nil, nil, errUnknown
	}
	owner, err := s.principal(ctx, r, user, key.User)
	if fault.Is(err, fault.NotFound) {
		return nil, nil, errUnknown
	}
	return key, owner, err
}

// fill adds the revision and the caller to an identity.
func (s *Service) fill(ctx context.Context, r store.Reader, id *identity, k kind, p *principalRecord) error {
	l, err := readLedger(ctx, r)
	if err != nil {
		return err
	}
	policies, err := s.policiesOf(ctx, r, k, p)
	if err != nil {
		return err
	}
	id.revision = l.revision
	id.caller = access.Caller{
		Type:        access.User,
		Account:     s.account,
		ARN:         s.arn(k, p.Name),
		PrincipalID: p.ID,
		AccessKeyID: id.keyID,
		Policies:    policies,
	}
	if k == user {
		id.caller.UserName = p.Name
	}
	return nil
}

// policiesOf compiles the policies of a user or role. A policy that cannot be
// read is an error and not left out, for it may be one that denies.
func (s *Service) policiesOf(ctx context.Context, r store.Reader, k kind, p *principalRecord) ([]*policy.Policy, error) {
	compiled := make([]*policy.Policy, 0, len(p.Inline)+len(p.Attached))
	for _, d := range p.Inline {
		c, err := policy.Parse([]byte(d.Text), policy.Options{Kind: policy.Identity, Name: s.arn(k, p.Name) + " inline policy " + d.Name})
		if err != nil {
			return nil, fmt.Errorf("iam: stored policy %s of %s %s: %w", d.Name, k.word, p.Name, err)
		}
		compiled = append(compiled, c)
	}
	managed, err := s.managed(ctx, r, p.Attached, policy.Identity)
	if err != nil {
		return nil, err
	}
	return append(compiled, managed...), nil
}

// errGone: a policy that something refers to is not there.
var errGone = errors.New("no such policy")

// managed compiles managed policies by name.
func (s *Service) managed(ctx context.Context, r store.Reader, names []string, as policy.Kind) ([]*policy.Policy, error) {
	if len(names) == 0 {
		return nil, nil
	}
	sorts := make([]string, len(names))
	for i, name := range names {
		sorts[i] = policySort(name)
	}
	records, err := loadAll[policyRecord](ctx, s, r, sorts...)
	if err != nil {
		return nil, err
	}
	compiled := make([]*policy.Policy, len(names))
	for i, m := range records {
		if m == nil || m.Name != names[i] {
			return nil, fmt.Errorf("iam: policy %s: %w", names[i], errGone)
		}
		if compiled[i], err = policy.Parse([]byte(m.Text), policy.Options{Kind: as, Name: s.policyARN(m.Name)}); err != nil {
			return nil, fmt.Errorf("iam: stored policy %s: %w", m.Name, err)
		}
	}
	return compiled, nil
}
