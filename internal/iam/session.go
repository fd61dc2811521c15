package iam

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// session is what a session token carries. Nothing of it is stored: the token
// is sealed under the root key's cipher for "sts" and bound to its access key
// identifier, a format byte before it. Whoever holds the root key can therefore
// verify it on any node.
//
// A session ends at its time; when its user or role is deleted (one made again
// under the same name has another identifier); and one of a user, when the
// access key that asked for it is disabled or deleted. One that hangs on the
// session of somebody who signed in by hand ends with that.
type session struct {
	KeyID   string `json:"-"` // in the request, and in the associated data
	Secret  string
	Expires int64  // Unix seconds
	Origin  string `json:",omitempty"` // the long-term key of a user's session, if one asked for it
	User    string `json:",omitempty"` // name, of a user's session without Origin
	SignIn  string `json:",omitempty"` // what it hangs on, see [SignIns]
	Role    string `json:",omitempty"` // name; empty for a user's session
	ID      string // unique identifier of the user or role
	Name    string `json:",omitempty"` // of the role session
	// Session policies: an inline one and the names of managed ones.
	Policy   string   `json:",omitempty"`
	Policies []string `json:",omitempty"`
}

// maxToken bounds a session token, so that it fits in the headers of a request.
const maxToken = 6 << 10

// token seals a session.
func (s *Service) token(ses *session) (string, error) {
	text, err := json.Marshal(ses)
	if err != nil {
		return "", fmt.Errorf("iam: %w", err)
	}
	sealed, err := s.tokens.Encrypt(text, tokenBound(ses.KeyID))
	if err != nil {
		return "", fmt.Errorf("iam: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(append([]byte{format}, sealed...))
	if len(token) > maxToken {
		return "", fault.Named(fault.Invalid, "PackedPolicyTooLarge", "The session policies are too large: the session token would have %d characters of at most %d.", len(token), maxToken)
	}
	return token, nil
}

func tokenBound(keyID string) []byte { return append([]byte{format}, "session\x00"+keyID...) }

// openToken is errUnknown for whatever this installation has not sealed for
// that access key.
func (s *Service) openToken(keyID, token string) (*session, error) {
	if len(token) > maxToken {
		return nil, errUnknown
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) == 0 || sealed[0] != format {
		return nil, errUnknown
	}
	text, err := s.tokens.Decrypt(sealed[1:], tokenBound(keyID))
	if err != nil {
		return nil, errUnknown
	}
	ses := &session{KeyID: keyID}
	if err := json.Unmarshal(text, ses); err != nil {
		return nil, fmt.Errorf("iam: session token: %w", err)
	}
	return ses, nil
}

// readSession reads the identity behind a session token.
func (s *Service) readSession(ctx context.Context, keyID, token string) (*identity, error) {
	ses, err := s.openToken(keyID, token)
	if err != nil {
		return nil, err
	}
	id := &identity{keyID: keyID, secret: ses.Secret, expires: time.Unix(ses.Expires, 0)}
	err = s.view(ctx, func(r store.Reader) error {
		if err := s.standing(ctx, r, ses); err != nil {
			return err
		}
		if ses.Role == "" {
			return s.fillUserSession(ctx, r, id, ses)
		}
		return s.fillRoleSession(ctx, r, id, ses)
	})
	if errors.Is(err, errGone) && len(ses.Policies) > 0 {
		return nil, errUnknown // without one of its policies a session may do nothing
	}
	return id, err
}

func (s *Service) fillUserSession(ctx context.Context, r store.Reader, id *identity, ses *session) error {
	owner, err := s.holder(ctx, r, ses.User, ses.ID, ses.Origin)
	if err != nil {
		return err
	}
	if err := s.fill(ctx, r, id, user, owner); err != nil {
		return err
	}
	id.caller.SignIn = ses.SignIn
	return nil
}

// holder reads the user of a session: by the access key that asked for it, else by
// name. It is errUnknown when the session is not to be used any more.
func (s *Service) holder(ctx context.Context, r store.Reader, name, id, keyID string) (owner *principalRecord, err error) {
	if keyID != "" {
		_, owner, err = s.keyOwner(ctx, r, keyID)
	} else if owner, err = s.principal(ctx, r, user, name); fault.Is(err, fault.NotFound) {
		err = errUnknown
	}
	if err == nil && owner.ID != id {
		err = errUnknown
	}
	return owner, err
}

func (s *Service) fillRoleSession(ctx context.Context, r store.Reader, id *identity, ses *session) error {
	p, err := s.principal(ctx, r, role, ses.Role)
	if fault.Is(err, fault.NotFound) || err == nil && p.ID != ses.ID {
		return errUnknown
	}
	if err != nil {
		return err
	}
	if err := s.fill(ctx, r, id, role, p); err != nil {
		return err
	}
	c := &id.caller
	c.Type = access.RoleSession
	c.RoleARN = s.arn(role, p.Name)
	c.ARN = s.sessionARN(p.Name, ses.Name)
	c.PrincipalID = p.ID + ":" + ses.Name
	c.SignIn = ses.SignIn
	if ses.Policy != "" {
		inline, err := policy.Parse([]byte(ses.Policy), policy.Options{Kind: policy.Session, Name: "session policy"})
		if err != nil {
			return fmt.Errorf("iam: session policy: %w", err)
		}
		c.SessionPolicies = append(c.SessionPolicies, inline)
	}
	managed, err := s.managed(ctx, r, ses.Policies, policy.Session)
	if err != nil {
		return err
	}
	c.SessionPolicies = append(c.SessionPolicies, managed...)
	return nil
}

func (s *Service) sessionARN(role, name string) string {
	return "arn:aws:sts::" + s.account + ":assumed-role/" + role + "/" + name
}
