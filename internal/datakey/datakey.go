// Package datakey turns 256 secret bits into a cipher. It is the one place that
// says how Kindred encrypts: XAES-256-GCM of Tink, which is AES-256-GCM under a
// key derived for each message from a 192-bit nonce (C2SP XAES-256-GCM), so that
// one key may seal any number of records with random nonces.
package datakey

import (
	"crypto/rand"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Size of a key in bytes.
const Size = 32

// Overhead is what sealing adds to a plaintext, in bytes: the nonce (12 of salt
// and 12 of IV) and the tag.
const Overhead = 24 + 16

// AEAD makes the cipher of a key. The associated data that was given to Encrypt
// must be given to Decrypt. It may be used concurrently.
func AEAD(key []byte) (tink.AEAD, error) {
	if len(key) != Size {
		return nil, fmt.Errorf("datakey: a key has %d bytes, not %d", Size, len(key))
	}
	params, err := xaesgcm.NewParameters(xaesgcm.VariantNoPrefix, 12)
	if err != nil {
		return nil, fmt.Errorf("datakey: %w", err)
	}
	k, err := xaesgcm.NewKey(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}), 0, params)
	if err != nil {
		return nil, fmt.Errorf("datakey: %w", err)
	}
	m := keyset.NewManager()
	id, err := m.AddKey(k)
	if err != nil {
		return nil, fmt.Errorf("datakey: %w", err)
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("datakey: %w", err)
	}
	h, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("datakey: %w", err)
	}
	return aead.New(h)
}

// New makes a random key.
func New() []byte {
	key := make([]byte, Size)
	_, _ = rand.Read(key) // never fails
	return key
}
