package signin

import (
	"context"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/password"
	"kindred/internal/store"
)

// SetUserPassword gives a user a password, or another one. It ends the user's sessions
// and links.
func (s *Service) SetUserPassword(ctx context.Context, in *kindredapi.SetUserPasswordRequest) (*kindredapi.SetUserPasswordResponse, error) {
	if err := s.require(ctx, "SetUserPassword", in.UserName); err != nil {
		return nil, err
	}
	u, err := s.find(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	hash, err := s.hash(ctx, "Password", in.Password, u.Name)
	if err != nil {
		return nil, err
	}
	return &kindredapi.SetUserPasswordResponse{}, s.replace(ctx, u, func(*passwordRecord) error { return nil }, hash)
}

// GetUserPassword tells whether a user has a password, and since when. Nobody is told
// more.
func (s *Service) GetUserPassword(ctx context.Context, in *kindredapi.GetUserPasswordRequest) (*kindredapi.GetUserPasswordResponse, error) {
	if err := s.require(ctx, "GetUserPassword", in.UserName); err != nil {
		return nil, err
	}
	out := &kindredapi.GetUserPasswordResponse{UserName: in.UserName}
	err := s.store.View(ctx, func(r store.Reader) error {
		u, err := s.principals.FindUser(ctx, r, in.UserName)
		if err != nil {
			return err
		}
		p, err := load[passwordRecord](ctx, s.Records, r, at(u.ID, passwordSort))
		if p != nil {
			out.HasPassword, out.SetDate = true, &p.Set
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteUserPassword takes a user's password away. It ends the user's sessions and
// links; access keys go on working.
func (s *Service) DeleteUserPassword(ctx context.Context, in *kindredapi.DeleteUserPasswordRequest) (*kindredapi.DeleteUserPasswordResponse, error) {
	if err := s.require(ctx, "DeleteUserPassword", in.UserName); err != nil {
		return nil, err
	}
	u, err := s.find(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	err = s.replace(ctx, u, func(p *passwordRecord) error {
		if p == nil {
			return fault.New(fault.NotFound, "The user %s has no password.", u.Name)
		}
		return nil
	}, "")
	return &kindredapi.DeleteUserPasswordResponse{}, err
}

// ChangePassword replaces the calling user's own password, given the old one. It ends
// all sessions and links of the user, that of the call included, if it is one. It
// needs no permission; an explicit Deny of iam:ChangePassword keeps a user from it.
func (s *Service) ChangePassword(ctx context.Context, in *kindredapi.ChangePasswordRequest) (*kindredapi.ChangePasswordResponse, error) {
	u, err := s.principals.RequireOwn(ctx, "iam:ChangePassword")
	if err != nil {
		return nil, err
	}
	now := s.now()
	if wait := s.throttle.admit(now, byUser(u.ID)); wait > 0 {
		return nil, waitFault(wait)
	}
	var old *passwordRecord
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		old, err = load[passwordRecord](ctx, s.Records, r, at(u.ID, passwordSort))
		return err
	})
	if err != nil {
		return nil, err
	}
	if old == nil {
		return nil, fault.New(fault.Invalid, "The user %s has no password yet; somebody who may perform iam:SetUserPassword sets the first one.", u.Name)
	}
	ok, err := s.hasher.Verify(ctx, old.Hash, in.OldPassword)
	if err != nil {
		s.throttle.unmade(now, byUser(u.ID))
		return nil, busy(err)
	}
	if !ok {
		return nil, fault.New(fault.Invalid, "OldPassword: it is not the password of the user %s", u.Name)
	}
	s.throttle.succeeded(now, byUser(u.ID))
	hash, err := s.hash(ctx, "NewPassword", in.NewPassword, u.Name)
	if err != nil {
		return nil, err
	}
	err = s.replace(ctx, u, func(p *passwordRecord) error {
		if p == nil || p.Hash != old.Hash {
			return fault.New(fault.Busy, "The password has been changed meanwhile.")
		}
		return nil
	}, hash)
	return &kindredapi.ChangePasswordResponse{}, err
}

// hash checks a new password and makes its hash.
func (s *Service) hash(ctx context.Context, member, text, userName string) (string, error) {
	normal, err := password.Check(text, userName)
	if err != nil {
		return "", fault.New(fault.Invalid, "%s: %s", member, err)
	}
	hash, err := s.hasher.Hash(ctx, normal)
	return hash, busy(err)
}

// replace puts another hash in place of a user's, empty for none, if check agrees with
// what is there, and ends the user's sessions and links.
func (s *Service) replace(ctx context.Context, u iam.User, check func(*passwordRecord) error, hash string) error {
	return s.principals.Revise(ctx, func(tx store.Tx) error {
		there, err := s.principals.Holds(ctx, tx, u, "")
		if err != nil {
			return err
		}
		if !there {
			return fault.New(fault.NotFound, "The user %s has been deleted meanwhile.", u.Name)
		}
		k := at(u.ID, passwordSort)
		p, err := load[passwordRecord](ctx, s.Records, tx, k)
		if err != nil {
			return err
		}
		if err := check(p); err != nil {
			return err
		}
		if err := end(ctx, tx, u.ID); err != nil {
			return err
		}
		if hash == "" {
			tx.Delete(k)
			return nil
		}
		return s.put(tx, k, &passwordRecord{Hash: hash, Set: s.now()})
	})
}
