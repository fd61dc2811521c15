package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/password"
	"kindred/internal/store"
)

// browserLife is how long a browser is remembered after a user has signed in from it.
const browserLife = 90 * 24 * time.Hour

// attempt is somebody who wants to be let in, and with what.
type attempt struct {
	userName, password   string
	accessKeyID, secret  string
	token                string
	address, knownCookie string // where it comes from
}

func (a *attempt) method() string {
	switch {
	case a.token != "":
		return byLink
	case a.accessKeyID != "":
		return byKey
	}
	return byPassword
}

// admitted is who has been let in: the session, the secret of its cookie, and that of
// the one by which the browser is known from now on.
type admitted struct {
	*session
	cookie, browser string
}

// refusal is why an attempt failed, for the log alone.
type refusal struct {
	reason string
	user   string // ARN, of a user who is there
}

func (r *refusal) Error() string { return "signin: " + r.reason }

// tooEarly: attempts are being slowed down.
type tooEarly struct{ wait time.Duration }

func (t *tooEarly) Error() string { return "signin: too many attempts failed; wait " + t.wait.String() }

// in lets somebody in. Its error is a *refusal, a *tooEarly, or one that is not the
// fault of who asks. Each attempt is logged and counted.
func (s *Service) in(ctx context.Context, a *attempt) (*admitted, error) {
	got, err := s.try(ctx, a)
	method := a.method()
	var no *refusal
	var early *tooEarly
	switch {
	case err == nil:
		s.count(method, "let_in")
		s.log.InfoContext(ctx, "sign-in", "method", method, "principal", got.user.ARN, "address", a.address)
	case errors.As(err, &no):
		s.count(method, "refused")
		s.log.WarnContext(ctx, "sign-in refused", "method", method, "reason", no.reason, "principal", no.user, "address", a.address)
	case errors.As(err, &early):
		s.count(method, "slowed")
		s.log.WarnContext(ctx, "sign-in slowed down", "method", method, "wait", early.wait, "address", a.address)
	default:
		s.count(method, "failed")
	}
	return got, err
}

func (s *Service) try(ctx context.Context, a *attempt) (*admitted, error) {
	var got *admitted
	var err error
	switch a.method() {
	case byPassword:
		got, err = s.withPassword(ctx, a)
	case byKey:
		got, err = s.withKey(ctx, a)
	default:
		got, err = s.withLink(ctx, a)
	}
	if err != nil {
		return nil, err
	}
	got.browser, err = s.rememberBrowser(got.user.ID)
	return got, err
}

// withPassword is the way in that can be guessed. A user that does not exist, or has
// no password, takes the same steps as one that does.
func (s *Service) withPassword(ctx context.Context, a *attempt) (*admitted, error) {
	var u iam.User
	var there passwordRecord
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		if u, err = s.principals.FindUser(ctx, r, a.userName); err != nil {
			return err
		}
		p, err := load[passwordRecord](ctx, s.Records, r, at(u.ID, passwordSort))
		if p != nil {
			there = *p
		}
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	limits := []limit{byName(a.userName), byAddress(a.address)}
	if id, ok := s.knowsBrowser(a.knownCookie, u.ID); ok {
		limits = []limit{byBrowser(id)}
	}
	now := s.now()
	if wait := s.throttle.admit(now, limits...); wait > 0 {
		return nil, &tooEarly{wait}
	}
	ok, err := s.hasher.Verify(ctx, there.Hash, a.password)
	switch {
	case err != nil:
		s.throttle.unmade(now, limits...)
		if errors.Is(err, password.ErrBusy) {
			return nil, &tooEarly{firstWait}
		}
		return nil, err
	case u.ID == "":
		return nil, &refusal{"there is no such user", ""}
	case there.Hash == "":
		return nil, &refusal{"the user has no password", u.ARN}
	case !ok:
		return nil, &refusal{"wrong password", u.ARN}
	}
	got, err := s.admit(ctx, u, byPassword, "", func(tx store.Tx) error {
		p, err := load[passwordRecord](ctx, s.Records, tx, at(u.ID, passwordSort))
		if err == nil && (p == nil || p.Hash != there.Hash) {
			err = &refusal{"the password was changed meanwhile", u.ARN}
		}
		return err
	})
	if err == nil {
		s.throttle.succeeded(now, limits...)
	}
	return got, err
}

// withKey takes a long-term access key. Its secret cannot be guessed, so only the
// address is slowed down.
func (s *Service) withKey(ctx context.Context, a *attempt) (*admitted, error) {
	now := s.now()
	if wait := s.throttle.admit(now, byAddress(a.address)); wait > 0 {
		return nil, &tooEarly{wait}
	}
	c, err := s.principals.Principal(ctx, a.accessKeyID, a.secret)
	if fault.Is(err, fault.Denied) {
		return nil, &refusal{"unknown access key or wrong secret", ""}
	}
	if err != nil {
		return nil, err
	}
	u := iam.User{Name: c.UserName, ID: c.PrincipalID, ARN: c.ARN}
	got, err := s.admit(ctx, u, byKey, a.accessKeyID, func(store.Tx) error { return nil })
	if err == nil {
		s.throttle.succeeded(now, byAddress(a.address))
	}
	return got, err
}

// withLink uses a link up. Of several who come with it at once, the transaction lets
// one in.
func (s *Service) withLink(ctx context.Context, a *attempt) (*admitted, error) {
	now := s.now()
	if wait := s.throttle.admit(now, byAddress(a.address)); wait > 0 {
		return nil, &tooEarly{wait}
	}
	userID, hash, ok := parseSecret(a.token)
	if !ok {
		return nil, &refusal{"malformed link", ""}
	}
	k := at(userID, linkPrefix+hash)
	read := func(r store.Reader) (*linkRecord, error) {
		l, err := load[linkRecord](ctx, s.Records, r, k)
		if err == nil && (l == nil || !now.Before(l.Expires)) {
			err = &refusal{"the link is unknown, used or expired", ""}
		}
		return l, err
	}
	var l *linkRecord
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		l, err = read(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	u := iam.User{Name: l.User, ID: userID, ARN: s.principals.UserARN(l.User)}
	got, err := s.admit(ctx, u, byLink, "", func(tx store.Tx) error {
		if _, err := read(tx); err != nil {
			return err
		}
		tx.Delete(k)
		return nil
	})
	if err == nil {
		s.throttle.succeeded(now, byAddress(a.address))
	}
	return got, err
}

// admit begins a session, if the user is still there, the access key still active, and
// check agrees, all in one transaction.
func (s *Service) admit(ctx context.Context, u iam.User, method, keyID string, check func(store.Tx) error) (*admitted, error) {
	var secret, hash string
	var rec *sessionRecord
	err := s.principals.Revise(ctx, func(tx store.Tx) error {
		holds, err := s.principals.Holds(ctx, tx, u, keyID)
		if err != nil {
			return err
		}
		if !holds {
			return &refusal{"the user or its access key is gone", u.ARN}
		}
		if err := check(tx); err != nil {
			return err
		}
		secret, hash, rec, err = s.begin(ctx, tx, u, method, keyID)
		return err
	})
	if err != nil {
		return nil, err
	}
	ses, err := s.issue(u, hash, rec)
	if err != nil {
		return nil, err
	}
	return &admitted{session: ses, cookie: secret}, nil
}

// A browser is known by a sealed cookie: USER-ID/ID/UNIX-TIME, where ID is random. It
// opens nothing; attempts that come with it are counted under its ID and not with those
// of everybody else who tries the user's name.
const browserBound = "browser"

func (s *Service) rememberBrowser(userID string) (string, error) {
	id := make([]byte, 16)
	rand.Read(id) // never fails, see crypto/rand
	text := fmt.Sprintf("%s/%x/%d", userID, id, s.now().Add(browserLife).Unix())
	sealed, err := s.browsers.Encrypt([]byte(text), []byte(browserBound))
	if err != nil {
		return "", fmt.Errorf("signin: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// maxBrowserCookie bounds what is looked at as a browser's cookie.
const maxBrowserCookie = 256

// knowsBrowser returns the id of a browser that the user has signed in from before.
func (s *Service) knowsBrowser(cookie, userID string) (id string, ok bool) {
	if cookie == "" || len(cookie) > maxBrowserCookie || userID == "" {
		return "", false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cookie)
	if err != nil {
		return "", false
	}
	text, err := s.browsers.Decrypt(sealed, []byte(browserBound))
	if err != nil {
		return "", false
	}
	parts := strings.Split(string(text), "/")
	if len(parts) != 3 || parts[0] != userID {
		return "", false
	}
	if _, err := hex.DecodeString(parts[1]); err != nil {
		return "", false
	}
	until, err := strconv.ParseInt(parts[2], 10, 64)
	return parts[1], err == nil && s.now().Unix() < until
}
