// Package password keeps passwords as hashes that are dear to compute, and says
// which passwords are good enough.
//
// A hash is Argon2id in the form of the PHC string format, with its parameters in
// it, so that they can be raised without making old hashes invalid. Computing one
// takes tens of mebibytes and of milliseconds on purpose; a [Hasher] bounds how
// many are computed at a time and how many wait, so that whoever tries passwords
// can exhaust neither memory nor processors.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"
)

// The length of a password in characters.
const (
	MinLength = 12
	MaxLength = 128
)

// MaxBytes bounds what is looked at as a password: the longest one, in the longest
// encoding.
const MaxBytes = MaxLength * utf8.UTFMax

// Cost is what a new hash takes.
type Cost struct {
	MemoryKiB, Passes uint32
}

// Usual is well above the least that OWASP's password storage guide asks of Argon2id
// (19 MiB twice).
var Usual = Cost{MemoryKiB: 32 << 10, Passes: 3}

const (
	saltBytes = 16
	hashBytes = 32
)

// Bounds of the parameters of a stored hash, so that a damaged one costs no more
// than a refusal.
const (
	maxMemoryKiB = 1 << 20
	maxPasses    = 64
	maxSum       = 128
)

// maxWaiting bounds who waits for a hash to be computed.
const maxWaiting = 64

// ErrBusy: so many hashes are being computed that another one would wait too long.
var ErrBusy = errors.New("too many passwords are being checked at once; try again")

// Check returns the normal form of a new password, or an error that says which rule
// it breaks and nothing of the password. Two passwords that look the same and are
// typed on different keyboards have the same form (RFC 8265, OpaqueString). The name
// of the user is no password.
func Check(text, userName string) (string, error) {
	normal, err := normalize(text)
	if err != nil {
		return "", err
	}
	n := utf8.RuneCountInString(normal)
	switch {
	case n < MinLength:
		return "", fmt.Errorf("at least %d characters", MinLength)
	case n > MaxLength:
		return "", fmt.Errorf("at most %d characters", MaxLength)
	case strings.EqualFold(normal, userName):
		return "", errors.New("it must not be the name of the user")
	}
	return normal, nil
}

func normalize(text string) (string, error) {
	if len(text) > MaxBytes {
		return "", fmt.Errorf("at most %d characters", MaxLength)
	}
	normal, err := precis.OpaqueString.String(text)
	if err != nil || !utf8.ValidString(text) {
		return "", errors.New("control characters and what is no assigned character of Unicode are not allowed, and it must not be empty")
	}
	return normal, nil
}

// Hasher computes hashes, a few at a time. Make one with NewHasher; it may be used
// concurrently.
type Hasher struct {
	working chan struct{}
	waiting atomic.Int32
	cost    Cost
	dummy   string
}

// NewHasher makes a Hasher whose new hashes have a cost, [Usual] unless in tests. It
// computes as many hashes at a time as half of the processors can, one at least and
// four at most.
func NewHasher(c Cost) *Hasher {
	h := &Hasher{working: make(chan struct{}, min(max(runtime.GOMAXPROCS(0)/2, 1), 4)), cost: c}
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails, see crypto/rand
	// A hash that no password has: nobody finds one for 256 random bits.
	sum := make([]byte, hashBytes)
	rand.Read(sum)
	h.dummy = encode(stored{c.MemoryKiB, c.Passes, 1, salt, sum})
	return h
}

// Hash makes the hash of a password that [Check] has returned. Its errors are
// [ErrBusy] and that of the context.
func (h *Hasher) Hash(ctx context.Context, normal string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(normal), salt, h.cost.Passes, h.cost.MemoryKiB, 1, hashBytes)
	return encode(stored{h.cost.MemoryKiB, h.cost.Passes, 1, salt, sum}), nil
}

// Verify reports whether a password has the hash. An empty hash, that of a user who
// has none or does not exist, takes the time of a real one and is never matched.
// Its errors are [ErrBusy], that of the context, and that of a hash that is none.
func (h *Hasher) Verify(ctx context.Context, hash, text string) (bool, error) {
	if hash == "" {
		hash = h.dummy
	}
	want, err := decode(hash)
	if err != nil {
		return false, err
	}
	normal, err := normalize(text)
	wellFormed := err == nil
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(normal), want.salt, want.passes, want.memory, want.lanes, uint32(len(want.sum)))
	return subtle.ConstantTimeCompare(got, want.sum) == 1 && wellFormed, nil
}

func (h *Hasher) enter(ctx context.Context) error {
	if h.waiting.Add(1) > maxWaiting {
		h.waiting.Add(-1)
		return ErrBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.working <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) leave() { <-h.working }

// stored is a hash taken apart.
type stored struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

var encoding = base64.RawStdEncoding.Strict()

func encode(s stored) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, s.memory, s.passes, s.lanes,
		encoding.EncodeToString(s.salt), encoding.EncodeToString(s.sum))
}

var errHash = errors.New("password: the stored hash is damaged")

func decode(text string) (s stored, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return s, errHash
	}
	var version int
	if n, err := fmt.Sscanf(parts[2], "v=%d", &version); n != 1 || err != nil || version != argon2.Version {
		return s, errHash
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &s.memory, &s.passes, &s.lanes); n != 3 || err != nil {
		return s, errHash
	}
	if s.salt, err = encoding.DecodeString(parts[4]); err != nil {
		return s, errHash
	}
	if s.sum, err = encoding.DecodeString(parts[5]); err != nil {
		return s, errHash
	}
	if s.memory < 8 || s.memory > maxMemoryKiB || s.passes < 1 || s.passes > maxPasses || s.lanes < 1 || len(s.salt) == 0 || len(s.sum) < 16 || len(s.sum) > maxSum {
		return s, errHash
	}
	return s, nil
}
