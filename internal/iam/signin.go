package iam

import (
	"context"
	"errors"
	"time"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// SignIns are the sessions of people who have signed in by hand (package signin),
// on which temporary credentials hang. A session is named by a text that means
// nothing here.
type SignIns interface {
	// Standing reports whether a session has begun and not ended. It is asked in
	// the snapshot in which the rest of an identity is read, and not again until
	// the principals are revised.
	Standing(ctx context.Context, r store.Reader, session string, now time.Time) (bool, error)
	// Forget removes, in the transaction that removes a user, what is kept of the
	// user's signing in.
	Forget(tx store.Tx, userID string)
}

// User is who a user is.
type User struct {
	Name string
	ID   string // unique, and another one when the user is made again
	ARN  string
}

// FindUser reads a user by name, in a transaction or snapshot of the caller's. It is
// a fault of kind NotFound if there is none.
func (s *Service) FindUser(ctx context.Context, r store.Reader, name string) (User, error) {
	p, err := s.principal(ctx, r, user, name)
	if err != nil {
		return User{}, err
	}
	return User{p.Name, p.ID, s.arn(user, p.Name)}, nil
}

// UserARN is the ARN of a user, whether there is one of the name or not.
func (s *Service) UserARN(name string) string { return s.arn(user, name) }

// Holds reports whether a user is still there and, if a session was asked for by an
// access key, that this is still active.
func (s *Service) Holds(ctx context.Context, r store.Reader, u User, keyID string) (bool, error) {
	_, err := s.holder(ctx, r, u.Name, u.ID, keyID)
	if errors.Is(err, errUnknown) {
		return false, nil
	}
	return err == nil, err
}

// Revise runs fn in a transaction that counts as a change of the principals: when
// it returns nil, no identity that was read before is used any more, on this node at
// once and on others after [Staleness]. So it is how what an identity hangs on ends.
func (s *Service) Revise(ctx context.Context, fn func(store.Tx) error) error {
	return s.update(ctx, func(t *txn) error { return fn(t.Tx) })
}

// Credentials are those of a session.
type Credentials struct {
	AccessKeyID, Secret, Token string
	Expires                    time.Time
}

// Issue makes temporary credentials of a user that hang on a session, and on the
// access key that it was begun with, if any. They are good for at most the time
// given, in whole seconds, and what they may do is what the user may.
func (s *Service) Issue(u User, signIn, keyID string, life time.Duration) (Credentials, error) {
	ses := &session{ID: u.ID, SignIn: signIn, Origin: keyID}
	if keyID == "" {
		ses.User = u.Name
	}
	c, err := s.issue(ses, int(life/time.Second))
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{c.AccessKeyId, c.SecretAccessKey, c.SessionToken, c.Expiration}, nil
}

// standing is errUnknown when what a session hangs on has ended.
func (s *Service) standing(ctx context.Context, r store.Reader, ses *session) error {
	if ses.SignIn == "" {
		return nil
	}
	if s.signIns == nil {
		return errUnknown
	}
	ok, err := s.signIns.Standing(ctx, r, ses.SignIn, s.now())
	if err == nil && !ok {
		err = errUnknown
	}
	return err
}

// RequireOwn is [access.Require] for what a user may do to itself without a policy
// that allows it: only an explicit Deny keeps the caller from it. It returns the
// user. A role, and a request without a caller, has nothing of its own.
func (s *Service) RequireOwn(ctx context.Context, action string) (User, error) {
	c, err := caller(ctx, action)
	if err != nil {
		return User{}, err
	}
	if c.Type != access.User {
		return User{}, fault.New(fault.Denied, "Only a user can perform: %s", action)
	}
	d := c.Decide(access.Check{Action: action, Resource: c.ARN})
	if d.ExplicitDeny {
		return User{}, fault.New(fault.Denied, "%s", d.Message()).Because(errors.New(d.Explain()))
	}
	return User{c.UserName, c.PrincipalID, c.ARN}, nil
}
