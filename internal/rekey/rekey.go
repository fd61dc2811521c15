package rekey

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"kindred/internal/access"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/job"
	"kindred/internal/resource"
)

// Keys tells of KMS keys and wraps data keys anew; *resource.Keys does.
type Keys interface {
	domain.Rewrapper
	Status(ctx context.Context, use domain.KeyUse) (resource.KeyStatus, error)
}

// Config is what the service works with.
type Config struct {
	Domains *domain.Service
	Jobs    *job.Jobs
	Keys    Keys
	Log     *slog.Logger
}

// Service is the part of the kindred service about keys. It asks for permission
// itself.
type Service struct {
	domains *domain.Service
	jobs    *job.Jobs
	keys    Keys
	log     *slog.Logger

	mu     sync.Mutex // guards the following
	atRisk map[Risk]int
}

// New makes the service, makes its kind of jobs known, and has the domains make
// them.
func New(c Config) *Service {
	s := &Service{domains: c.Domains, jobs: c.Jobs, keys: c.Keys, log: c.Log, atRisk: map[Risk]int{}}
	c.Jobs.Register(Kind, resealer{c.Domains.Domains})
	c.Domains.OnRekey(s)
	return s
}

var _ domain.Resealer = (*Service)(nil)

// Reseal implements [domain.Resealer]. A job that is under way notices by itself
// that the keys have changed again.
func (s *Service) Reseal(ctx context.Context, e *domain.Edit, old domain.Resealing) (string, error) {
	j, err := s.jobs.Create(ctx, e.Tx, e.Config, job.Spec{Kind: Kind, Unique: true})
	if fault.Is(err, fault.Exists) {
		return old.Job, nil
	}
	if err != nil {
		return "", err
	}
	return j.ID.String(), nil
}

func (s *Service) allow(ctx context.Context, action, domainName string) error {
	return access.Require(ctx, access.Check{Action: action, Resource: s.domains.ARN(domainName, "")})
}

// Risk is why a key is, or soon will be, of no use.
type Risk string

// The risks.
const (
	PendingDeletion Risk = "pending_deletion"
	Disabled        Risk = "disabled"
	OutOfReach      Risk = "out_of_reach"
)

// Risks are all of them, for metrics.
func Risks() []Risk { return []Risk{PendingDeletion, Disabled, OutOfReach} }

// AtRisk is how many KMS keys of domains and object types were found at a risk when
// they were last looked at.
func (s *Service) AtRisk(r Risk) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.atRisk[r]
}

// condition is a KMS key as it stands.
type condition struct {
	state    string
	deletion time.Time
	risk     Risk // empty: none
	warning  string
}

var disabled = condition{state: "DISABLED", risk: Disabled, warning: "The KMS key is disabled: what is sealed under it cannot be read until it is enabled"}

// examine looks at the KMS key of a data key. A key service that does not answer
// is an error.
func (s *Service) examine(ctx context.Context, c *domain.Config, k domain.DataKey) (condition, error) {
	if k.KeyID == "" {
		return condition{state: "ENABLED"}, nil
	}
	st, err := s.keys.Status(ctx, c.KeyUse(k))
	switch {
	case errors.Is(err, resource.ErrKeyMissing), errors.Is(err, resource.ErrKeyInvalid):
		// It may be that only its description cannot be seen.
		switch open := s.domains.OpenDataKey(ctx, c, k); {
		case open == nil:
			return condition{state: "UNKNOWN"}, nil
		case errors.Is(open, resource.ErrKeyState):
			return disabled, nil
		}
		return condition{state: "OUT_OF_REACH", risk: OutOfReach, warning: "The KMS key does not exist, or Customer Profiles has no grant or permission " +
			"to use it: what is sealed under it cannot be read until that is restored"}, nil
	case err != nil:
		return condition{}, err
	case !st.DeletionDate.IsZero():
		return condition{state: "PENDING_DELETION", deletion: st.DeletionDate, risk: PendingDeletion, warning: "The KMS key will be deleted on " +
			st.DeletionDate.UTC().Format(time.RFC3339) + ": what is sealed under it cannot be read now, and never again from then on. Cancel the deletion and " +
			"enable the key; then give its domain or object type another one, wait for the end of the resealing, and delete it"}, nil
	case st.Disabled:
		return disabled, nil
	case st.Enabled:
		return condition{state: "ENABLED"}, nil
	}
	return condition{state: "OUT_OF_REACH", risk: OutOfReach, warning: "The KMS key is in the state " + st.State + ": what is sealed under it cannot be read"}, nil
}
