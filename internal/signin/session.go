package signin

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/store"
)

// usedEvery is how often it is written down that a session is in use.
const usedEvery = time.Minute

// session is a session with fresh credentials.
type session struct {
	user        iam.User
	expires     time.Time // of the session
	credentials iam.Credentials
}

// begin starts a session of a user, in a transaction that revises the principals. It
// returns the secret of its cookie and its hash.
func (s *Service) begin(ctx context.Context, tx store.Tx, u iam.User, method, keyID string) (secret, hash string, rec *sessionRecord, err error) {
	now := s.now()
	all, err := list[sessionRecord](ctx, s.Records, tx, u.ID, sessionPrefix)
	if err != nil {
		return "", "", nil, err
	}
	all = slices.DeleteFunc(all, func(e entry[sessionRecord]) bool {
		over := !e.record.standing(now)
		if over {
			tx.Delete(e.key)
		}
		return over
	})
	slices.SortFunc(all, func(a, b entry[sessionRecord]) int {
		return cmp.Or(a.record.Used.Compare(b.record.Used), cmp.Compare(a.hash(), b.hash()))
	})
	for i := range len(all) - (MaxSessions - 1) {
		tx.Delete(all[i].key)
	}
	secret, hash = newSecret(u.ID)
	rec = &sessionRecord{User: u.Name, Method: method, Key: keyID, Created: now, Used: now, Expires: now.Add(SessionLife)}
	return secret, hash, rec, s.put(tx, at(u.ID, sessionPrefix+hash), rec)
}

// issue makes the credentials of a session.
func (s *Service) issue(u iam.User, hash string, rec *sessionRecord) (*session, error) {
	life := min(CredentialLife, rec.Expires.Sub(s.now()))
	if life < time.Second {
		return nil, errNotSignedIn
	}
	c, err := s.principals.Issue(u, u.ID+"/"+hash, rec.Key, life)
	if err != nil {
		return nil, err
	}
	return &session{user: u, expires: rec.Expires, credentials: c}, nil
}

// errNotSignedIn: there is no such session, or it has ended.
var errNotSignedIn = errors.New("signin: no session")

// renew issues fresh credentials of the session with a secret, which thereby is used.
func (s *Service) renew(ctx context.Context, secret string) (*session, error) {
	userID, hash, ok := parseSecret(secret)
	if !ok {
		return nil, errNotSignedIn
	}
	k := at(userID, sessionPrefix+hash)
	now := s.now()
	var rec *sessionRecord
	var u iam.User
	look := func(r store.Reader) (err error) {
		if rec, err = load[sessionRecord](ctx, s.Records, r, k); err != nil {
			return err
		}
		if rec == nil || !rec.standing(now) {
			return errNotSignedIn
		}
		u = iam.User{Name: rec.User, ID: userID, ARN: s.principals.UserARN(rec.User)}
		holds, err := s.principals.Holds(ctx, r, u, rec.Key)
		if err == nil && !holds {
			err = errNotSignedIn
		}
		return err
	}
	err := s.store.View(ctx, look)
	if err == nil && now.Sub(rec.Used) >= usedEvery {
		err = s.store.Update(ctx, func(tx store.Tx) error {
			if err := look(tx); err != nil {
				return err
			}
			rec.Used = now
			return s.put(tx, k, rec)
		})
	}
	if err != nil {
		return nil, err
	}
	return s.issue(u, hash, rec)
}

// out ends the session with a secret, if there is one, and everything that hangs on
// it.
func (s *Service) out(ctx context.Context, secret string) (ended bool, err error) {
	userID, hash, ok := parseSecret(secret)
	if !ok {
		return false, nil
	}
	return s.revoke(ctx, userID, hash)
}

// revoke ends a session by its hash. One that is not there is not looked for in a
// transaction that revises the principals, so that nobody makes work by asking.
func (s *Service) revoke(ctx context.Context, userID, hash string) (ended bool, err error) {
	k := at(userID, sessionPrefix+hash)
	there := func(r store.Reader) (bool, error) {
		rec, err := load[sessionRecord](ctx, s.Records, r, k)
		return rec != nil, err
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		ended, err = there(r)
		return err
	})
	if err != nil || !ended {
		return false, err
	}
	err = s.principals.Revise(ctx, func(tx store.Tx) error {
		if ended, err = there(tx); err == nil && ended {
			tx.Delete(k)
		}
		return err
	})
	return ended, err
}

// ListSessions lists a user's sessions that stand, the newest first.
func (s *Service) ListSessions(ctx context.Context, in *kindredapi.ListSessionsRequest) (*kindredapi.ListSessionsResponse, error) {
	if err := s.require(ctx, "ListSessions", in.UserName); err != nil {
		return nil, err
	}
	var all []entry[sessionRecord]
	err := s.store.View(ctx, func(r store.Reader) error {
		u, err := s.principals.FindUser(ctx, r, in.UserName)
		if err == nil {
			all, err = list[sessionRecord](ctx, s.Records, r, u.ID, sessionPrefix)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b entry[sessionRecord]) int {
		return cmp.Or(b.record.Created.Compare(a.record.Created), cmp.Compare(a.hash(), b.hash()))
	})
	out := &kindredapi.ListSessionsResponse{Sessions: []kindredapi.SignInSession{}}
	now := s.now()
	for _, e := range all {
		r := e.record
		if !r.standing(now) {
			continue
		}
		shown := kindredapi.SignInSession{SessionId: e.hash(), Method: r.Method, CreateDate: r.Created, LastUsedDate: r.Used, ExpirationDate: r.Expires}
		if r.Key != "" {
			shown.AccessKeyId = &r.Key
		}
		out.Sessions = append(out.Sessions, shown)
	}
	return out, nil
}

// RevokeSession ends a user's session and every credential that hangs on it.
func (s *Service) RevokeSession(ctx context.Context, in *kindredapi.RevokeSessionRequest) (*kindredapi.RevokeSessionResponse, error) {
	if err := s.require(ctx, "RevokeSession", in.UserName); err != nil {
		return nil, err
	}
	u, err := s.find(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	ended, err := s.revoke(ctx, u.ID, in.SessionId)
	if err != nil {
		return nil, err
	}
	if !ended {
		return nil, fault.New(fault.NotFound, "The user %s has no such session.", u.Name)
	}
	return &kindredapi.RevokeSessionResponse{}, nil
}
