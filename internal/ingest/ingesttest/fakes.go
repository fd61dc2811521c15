package ingesttest

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"kindred/internal/datakey"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/resource"
)

// Clock stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock makes a clock that shows a fixed time.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Step moves the clock, back too.
func (c *Clock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Keys is a key service: it knows every key that it is asked for, and refuses
// those that a test has disabled.
type Keys struct {
	mu      sync.Mutex
	refused map[string]error
	serves  map[string]func(domain.KeyUse) bool
	unwraps int
}

// NewKeys makes a key service.
func NewKeys() *Keys {
	return &Keys{refused: map[string]error{}, serves: map[string]func(domain.KeyUse) bool{}}
}

var _ domain.DataKeys = (*Keys)(nil)

// Disable has a key refused as a disabled KMS key is; Enable takes that back.
func (k *Keys) Disable(keyID string) {
	k.Refuse(keyID, fault.New(fault.Invalid, "The KMS key %s is not enabled", keyID).Because(resource.ErrKeyState))
}

// Enable has a key used again.
func (k *Keys) Enable(keyID string) { k.Refuse(keyID, nil) }

// Refuse has a key fail with an error.
func (k *Keys) Refuse(keyID string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused[keyID] = err
}

// Unwraps is how often a data key was asked for.
func (k *Keys) Unwraps() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unwraps
}

// Policy has a key refused for the uses that the function does not let pass.
func (k *Keys) Policy(keyID string, serves func(domain.KeyUse) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.serves[keyID] = serves
}

func (k *Keys) usable(use domain.KeyUse) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if serves := k.serves[use.KeyID]; serves != nil && !serves(use) {
		return fault.New(fault.Invalid, "The policy of the KMS key %s does not let Customer Profiles use it", use.KeyID).Because(resource.ErrKeyMissing)
	}
	return k.refused[use.KeyID]
}

func place(use domain.KeyUse) []byte { return use.Domain[:] }

// GenerateDataKey implements [domain.DataKeys].
func (k *Keys) GenerateDataKey(_ context.Context, use domain.KeyUse) (plain, wrapped []byte, err error) {
	if err := k.usable(use); err != nil {
		return nil, nil, err
	}
	plain = datakey.New()
	wrapped, err = k.Wrap(use, plain)
	return plain, wrapped, err
}

// Wrap wraps a data key, each time otherwise.
func (k *Keys) Wrap(use domain.KeyUse, plain []byte) (wrapped []byte, err error) {
	secret := sha256.Sum256([]byte("kms " + use.KeyID))
	a, err := datakey.AEAD(secret[:])
	if err != nil {
		return nil, err
	}
	return a.Encrypt(plain, place(use))
}

// Unwrap implements [domain.DataKeys].
func (k *Keys) Unwrap(_ context.Context, use domain.KeyUse, wrapped []byte) ([]byte, error) {
	k.mu.Lock()
	k.unwraps++
	k.mu.Unlock()
	if err := k.usable(use); err != nil {
		return nil, err
	}
	secret := sha256.Sum256([]byte("kms " + use.KeyID))
	a, err := datakey.AEAD(secret[:])
	if err != nil {
		return nil, err
	}
	return a.Decrypt(wrapped, place(use))
}

// Checker lets every queue and key pass, unless a test has it refuse them.
type Checker struct {
	Queue, Key error
	Queues     []string // that were looked at
	For        []string // the names of the domains that they were looked at for
	KeyUses    []domain.KeyUse
	Meanwhile  func() // called once, when a key is looked at
}

var _ domain.Checker = (*Checker)(nil)

// CheckQueue implements [domain.Checker].
func (c *Checker) CheckQueue(_ context.Context, url, domainName string) error {
	c.Queues, c.For = append(c.Queues, url), append(c.For, domainName)
	return c.Queue
}

// CheckKey implements [domain.Checker].
func (c *Checker) CheckKey(_ context.Context, use domain.KeyUse) error {
	c.KeyUses = append(c.KeyUses, use)
	if f := c.Meanwhile; f != nil {
		c.Meanwhile = nil
		f()
	}
	return c.Key
}

// Queues takes dead letters, unless a test has a queue refuse them.
type Queues struct {
	mu      sync.Mutex
	letters []resource.Letter
	down    map[string]error
	tries   map[string]int
}

// NewQueues makes queues that take everything.
func NewQueues() *Queues { return &Queues{down: map[string]error{}, tries: map[string]int{}} }

// ErrDown is what a queue that is down answers.
var ErrDown = errors.New("queue service: no answer")

// Down has a queue refuse everything with an error; nil takes that back.
func (q *Queues) Down(url string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.down[url] = err
}

// Send implements deadletter.Sender.
func (q *Queues) Send(_ context.Context, l *resource.Letter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tries[l.QueueURL]++
	if err := q.down[l.QueueURL]; err != nil {
		return err
	}
	q.letters = append(q.letters, *l)
	return nil
}

// Letters are the letters taken so far.
func (q *Queues) Letters() []resource.Letter {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]resource.Letter(nil), q.letters...)
}
