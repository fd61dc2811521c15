package iam

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"

	"kindred/internal/access"
	"kindred/internal/sigv4"
)

// maxKeyID bounds what is looked up as an access key (AWS: AccessKeyId has 16 to
// 128 characters).
const maxKeyID = 128

// Principal finds the user who presents an active long-term access key together
// with its secret, for protocols that cannot sign. The secret travels with each
// request there, so they belong behind TLS. The error does not tell whether the
// key or the secret is wrong, nor does the time it takes to compare them; it is
// that of [Service.Authenticate] for a key that is not known. What a request has
// of its own (address, TLS) is the caller's to add, on a copy.
func (s *Service) Principal(ctx context.Context, accessKeyID, secret string) (*access.Caller, error) {
	if accessKeyID == "" || len(accessKeyID) > maxKeyID {
		return nil, sigv4.UnknownKey()
	}
	now := s.now()
	id, err := s.identify(ctx, &sigv4.Signed{AccessKeyID: accessKeyID}, now)
	if err != nil {
		return nil, err
	}
	want, got := sha256.Sum256([]byte(id.secret)), sha256.Sum256([]byte(secret))
	if !id.expires.IsZero() || id.secret == "" || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return nil, sigv4.UnknownKey()
	}
	caller := id.caller
	caller.Time = now
	return &caller, nil
}
