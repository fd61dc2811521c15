package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/password"
	"kindred/internal/store"
)

// How long things are good for.
const (
	CredentialLife = 15 * time.Minute // of the credentials of a session
	IdleLife       = time.Hour        // of a session that is not renewed
	SessionLife    = 12 * time.Hour   // of a session, however much it is used
	LinkLife       = 15 * time.Minute
	FirstLinkLife  = 24 * time.Hour // of the link that is printed at the first start
)

// Limits for one user. The session that was used least gives way, and the oldest link.
const (
	MaxSessions = 50
	MaxLinks    = 10
)

// Methods of signing in.
const (
	byPassword = "PASSWORD"
	byKey      = "ACCESS_KEY"
	byLink     = "LINK"
)

// Principals are the users, as package iam keeps them.
type Principals interface {
	FindUser(ctx context.Context, r store.Reader, name string) (iam.User, error)
	Holds(ctx context.Context, r store.Reader, u iam.User, keyID string) (bool, error)
	Principal(ctx context.Context, accessKeyID, secret string) (*access.Caller, error)
	Issue(u iam.User, signIn, keyID string, life time.Duration) (iam.Credentials, error)
	Revise(ctx context.Context, fn func(store.Tx) error) error
	RequireOwn(ctx context.Context, action string) (iam.User, error)
	UserARN(name string) string
}

// Config is what a Service is made of.
type Config struct {
	Store      store.Store
	Records    *Records // those that Principals asks
	Seal       tink.AEAD
	Principals Principals
	Account    string
	Region     string
	// Hasher checks passwords; nil is one of the usual cost.
	Hasher *password.Hasher
	// Endpoint is the base URL under which browsers reach the node.
	Endpoint func() string
	// Count is told how each attempt ended; nil: nobody is.
	Count func(method, outcome string)
	Log   *slog.Logger     // nil: no log
	Now   func() time.Time // nil: time.Now
}

// Service lets people in. It may be used concurrently.
type Service struct {
	*Records
	store      store.Store
	browsers   tink.AEAD
	principals Principals
	account    string
	region     string
	endpoint   func() string
	count      func(method, outcome string)
	log        *slog.Logger
	now        func() time.Time
	hasher     *password.Hasher
	throttle   throttle
}

// New makes a Service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Count == nil {
		c.Count = func(string, string) {}
	}
	if c.Hasher == nil {
		c.Hasher = password.NewHasher(password.Usual)
	}
	return &Service{Records: c.Records, store: c.Store, browsers: c.Seal, principals: c.Principals, account: c.Account, region: c.Region,
		endpoint: c.Endpoint, count: c.Count, log: c.Log, now: c.Now, hasher: c.Hasher}
}

// sweepEvery is how often what has ended by time is removed, and sweepPage how many
// records are looked at together.
const (
	sweepEvery = time.Hour
	sweepPage  = 500
)

// Run removes sessions and links that have ended by time, until the context ends.
// Nothing depends on it but the space that they take.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "signin: background work", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	var after store.Key
	for {
		page, err := s.store.ScanPrefix(ctx, []byte(prefix), after, sweepPage)
		if err != nil {
			return err
		}
		now := s.now()
		for _, rec := range page {
			over, err := s.over(rec, now)
			if err != nil {
				return err
			}
			if !over {
				continue
			}
			err = s.store.Update(ctx, func(tx store.Tx) error {
				values, err := tx.Get(ctx, rec.Key)
				if err != nil || values[0] == nil {
					return err
				}
				over, err := s.over(store.Record{Key: rec.Key, Value: values[0]}, now)
				if err == nil && over {
					tx.Delete(rec.Key)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		if len(page) < sweepPage {
			return nil
		}
		after = page[len(page)-1].Key
	}
}

// over reports whether a record is a session or a link that has ended by time.
func (s *Service) over(rec store.Record, now time.Time) (bool, error) {
	switch sort := string(rec.Key.Sort); {
	case len(sort) > len(sessionPrefix) && sort[:len(sessionPrefix)] == sessionPrefix:
		var r sessionRecord
		err := s.open(rec.Key, rec.Value, &r)
		return !r.standing(now), err
	case len(sort) > len(linkPrefix) && sort[:len(linkPrefix)] == linkPrefix:
		var r linkRecord
		err := s.open(rec.Key, rec.Value, &r)
		return !now.Before(r.Expires), err
	}
	return false, nil
}

// require asks for an action of iam on a user.
func (s *Service) require(ctx context.Context, operation, name string) error {
	return access.Require(ctx, access.Check{Action: "iam:" + operation, Resource: s.principals.UserARN(name)})
}

// find reads a user in a snapshot.
func (s *Service) find(ctx context.Context, name string) (u iam.User, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		u, err = s.principals.FindUser(ctx, r, name)
		return err
	})
	return u, err
}

// busy makes a fault of a hasher's refusal.
func busy(err error) error {
	if errors.Is(err, password.ErrBusy) {
		return fault.New(fault.Busy, "Too many passwords are being checked at once; try again.")
	}
	return err
}

// waitFault is the answer to an attempt that comes too early.
func waitFault(wait time.Duration) error {
	return fault.New(fault.Busy, "Too many attempts failed; try again in %s.", seconds(wait))
}

func seconds(wait time.Duration) string {
	n := int64((wait + time.Second - 1) / time.Second)
	if n == 1 {
		return "1 second"
	}
	return fmt.Sprintf("%d seconds", n)
}
