// Package iam keeps the principals of an installation (users, roles, access
// keys and the policies attached to them), authenticates requests by them, and
// issues temporary credentials.
//
// It promises that
//
//   - [Service.Authenticate] lets nobody in whose signature does not verify
//     with the secret of an active access key or an unexpired session;
//   - a change (a key disabled, a user deleted, a policy replaced) is in force on
//     this node when the operation that made it returns, and on every other
//     node within [Staleness];
//   - a session may do what its user's or role's policies allow at the time of
//     use, and no more than its session policies allow;
//   - secrets are stored sealed, and are never in an error or a log;
//   - the user "administrator", made at first start, cannot be deleted or left
//     without an active key, nor its own policies changed so that it may no
//     longer manage itself.
//
// Names tell users, roles and policies apart without regard to case when they
// are made, as in AWS, but must be spelt as made when they are used, so that a
// policy about one spelling cannot be passed by with another.
//
// The records, their keys and their form are described in record.go.
package iam

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/sigv4"
	"kindred/internal/store"
)

// Limits. The numbers of users, roles and policies are AWS's default quotas;
// what hangs on one principal is bounded more generously than there, since it is
// read at every first use of a key.
const (
	MaxUsers            = 5000
	MaxRoles            = 1000
	MaxPolicies         = 1500
	MaxAccessKeys       = 2  // of a user
	MaxInlinePolicies   = 20 // of a user or a role
	MaxAttachedPolicies = 20 // of a user or a role
)

// Pager seals the positions of paginated answers, as page.Sealer does.
type Pager interface {
	Seal(operation string, args []string, position []byte) (string, error)
	Open(operation string, args []string, token string) ([]byte, error)
}

// Config is what a [Service] needs. Every field but SignIns and Now is required.
type Config struct {
	Store    store.Store
	Root     *rootkey.Key
	Pages    Pager
	Account  string
	Region   string
	Services []string // signing names that are served here
	// SignIns are asked about credentials that hang on a session of somebody who
	// signed in by hand; nil: there are none.
	SignIns SignIns
	// Now is the clock; nil is that of the system.
	Now func() time.Time
}

// Service is the principals of one installation. Its methods may be called
// concurrently.
type Service struct {
	store    store.Store
	records  tink.AEAD
	tokens   tink.AEAD
	pages    Pager
	account  string
	region   string
	now      func() time.Time
	signIns  SignIns
	verifier *sigv4.Verifier
	known    knowledge
}

// New makes a Service. The store must have been bootstrapped, see
// [Service.Bootstrap], before anybody can be authenticated.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{
		store:    c.Store,
		records:  c.Root.AEAD("iam"),
		tokens:   c.Root.AEAD("sts"),
		pages:    c.Pages,
		account:  c.Account,
		region:   c.Region,
		now:      c.Now,
		signIns:  c.SignIns,
		verifier: sigv4.NewVerifier(c.Region, c.Services...),
	}
}

// kind tells users and roles apart.
type kind struct {
	word   string // in ARNs and messages
	prefix string // of record keys
	label  string // start of unique identifiers
}

var (
	user = kind{"user", "u/", "AIDA"}
	role = kind{"role", "r/", "AROA"}
)

func (s *Service) arn(k kind, name string) string {
	return "arn:aws:iam::" + s.account + ":" + k.word + "/" + name
}

func (s *Service) policyARN(name string) string {
	return "arn:aws:iam::" + s.account + ":policy/" + name
}

// require asks for an action of iam on a resource.
func require(ctx context.Context, operation, resource string) error {
	return access.Require(ctx, access.Check{Action: "iam:" + operation, Resource: resource})
}

func absent(word, name string) error {
	return fault.New(fault.NotFound, "There is no %s with the name %s.", word, name)
}

func taken(word, name string) error {
	return fault.New(fault.Exists, "A %s with the name %s exists already. Names are not told apart by case.", word, name)
}

// parse reads a policy that a caller sent as a member of its request.
func parse(member, text string, k policy.Kind, name string) (*policy.Policy, error) {
	p, err := policy.Parse([]byte(text), policy.Options{Kind: k, Name: name})
	var bad *policy.Error
	switch {
	case errors.As(err, &bad):
		return nil, fault.New(fault.Invalid, "%s: %s", member, bad.Error())
	case err != nil:
		return nil, err
	}
	return p, nil
}

var idEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newID makes a unique identifier of n characters after the label.
func newID(label string, n int) string {
	b := make([]byte, 15)
	rand.Read(b) // never fails, see crypto/rand
	return label + idEncoding.EncodeToString(b)[:n]
}

// Access key identifiers have 20 characters, those of principals 21.
func newKeyID(label string) string { return newID(label, 16) }
func (k kind) newID() string       { return newID(k.label, 17) }

// newSecret makes a secret access key: 240 random bits in 40 characters.
func newSecret() string {
	b := make([]byte, 30)
	rand.Read(b) // never fails, see crypto/rand
	return base64.StdEncoding.EncodeToString(b)
}
