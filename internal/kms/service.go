package kms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/rootkey"
	"kindred/internal/store"
)

// Quotas of AWS KMS ("Resource quotas", KMS Developer Guide).
const (
	maxKeys              = 100_000
	maxAliasesPerKey     = 50
	maxGrantsPerKey      = 50_000
	maxOnDemandRotations = 25
	maxPolicyBytes       = 32 << 10
	maxTags              = 50
)

// sweepInterval is how often [Service.Run] looks for what has fallen due. It
// bounds only how long destroyed material may outlive its date on disk: a use
// of the key finds out by itself.
const sweepInterval = time.Minute

// Config is what a key service needs.
type Config struct {
	Store   store.Store
	Root    *rootkey.Key
	Region  string // for ARNs, such as us-east-1
	Account string // twelve digits
	// Now is the clock; nil means time.Now. It decides when keys are deleted
	// and rotated.
	Now func() time.Time
	// Log receives what the background work could not do; nil means
	// slog.Default.
	Log *slog.Logger
}

// Service is the key service of one account in one region. Its methods named
// after operations of the API may be called concurrently; they take the caller
// from the context (package access) and expect requests that conform to the
// model in api/kms.json. Their errors are *fault.Error with the names of that
// model, ValidationException for a rule that the model cannot say, and
// AccessDeniedException.
type Service struct {
	store   store.Store
	root    tink.AEAD
	mac     []byte
	region  string
	account string
	now     func() time.Time
	log     *slog.Logger

	records   *recordCache
	materials *materialCache
}

// New makes a key service. It starts nothing; see [Service.Run].
func New(c Config) *Service {
	s := &Service{
		store:     c.Store,
		root:      c.Root.AEAD("kms"),
		mac:       c.Root.MAC("kms", []byte("names")),
		region:    c.Region,
		account:   c.Account,
		now:       c.Now,
		log:       c.Log,
		records:   newRecordCache(recordCacheBytes),
		materials: newMaterialCache(materialCacheKeys),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	return s
}

// Run destroys and rotates keys as they fall due, until the context ends, and
// returns nil then. It may run on several nodes at once.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(sweepInterval)
	defer t.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "kms: sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Sweep does once what [Service.Run] does each minute. Its cost is in
// proportion to the number of keys that are due.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.clock()
	var failed []error
	var after []byte
	for {
		var due []store.Record
		err := s.store.View(ctx, func(r store.Reader) error {
			got, err := r.Scan(ctx, store.Span{Partition: duePartition, Start: after, End: dueSort(now, keyID{}, true), Limit: 256})
			if err == nil {
				due = got[0]
			}
			return err
		})
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		if len(due) == 0 {
			return errors.Join(failed...)
		}
		for _, d := range due {
			after = next(d.Key.Sort)
			id := keyID(d.Key.Sort[8:])
			if err := s.settle(ctx, id, now); err != nil {
				failed = append(failed, err)
			}
		}
	}
}

// clock is the time with the precision of the API's timestamps.
func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// macSize is the length of a mac in bytes; 128 bits keep two names apart.
const macSize = 16

// nameMAC is the mac of parts for a use; see the package comment.
func (s *Service) nameMAC(use string, parts ...[]byte) [macSize]byte {
	h := hmac.New(sha256.New, s.mac)
	h.Write([]byte(use))
	for _, p := range parts {
		h.Write([]byte{0})
		h.Write(p)
	}
	var sum [sha256.Size]byte
	return [macSize]byte(h.Sum(sum[:0]))
}
