package datakey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"
)

// DerivedOverhead is what sealing with a derived key adds to a plaintext, in
// bytes: the nonce and the tag.
const DerivedOverhead = 12 + 16

// Deriver makes keys below a data key.
type Deriver struct {
	prks sync.Pool // of hash.Hash, HMAC keyed with the extracted key
}

// NewDeriver makes the deriver of a key of [Size] bytes.
func NewDeriver(key []byte) (*Deriver, error) {
	if len(key) != Size {
		return nil, fmt.Errorf("datakey: a key has %d bytes, not %d", Size, len(key))
	}
	prk, err := hkdf.Extract(sha256.New, key, []byte("kindred derived keys"))
	if err != nil {
		return nil, fmt.Errorf("datakey: %w", err)
	}
	d := &Deriver{}
	d.prks.New = func() any { return hmac.New(sha256.New, prk) }
	return d, nil
}

// AEAD makes the cipher of the key that follows, by HKDF-SHA256, from the data
// key and a secret of at least [Size] random bytes. Without the data key or
// without the secret the key cannot be found: HMAC is a pseudorandom function
// under either of the two.
//
// The cipher is AES-256-GCM, which makes a random nonce of 96 bits for each
// message and puts it in front. That is right for up to 2^32 messages under one
// key (NIST SP 800-38D, 8.3), so for a few records and not for all of a domain;
// it costs a third of what [AEAD] does. It may be used concurrently.
func (d *Deriver) AEAD(secret []byte) (cipher.AEAD, error) {
	if len(secret) < Size {
		return nil, fmt.Errorf("datakey: a secret has at least %d bytes, not %d", Size, len(secret))
	}
	var key [sha256.Size]byte
	d.expand(key[:0], secret)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("datakey: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// expand is the first block of HKDF-Expand, which is all of a key. Unlike that of
// crypto/hkdf it keys the HMAC once and not for each secret, which is most of
// the cost.
func (d *Deriver) expand(dst, info []byte) {
	h := d.prks.Get().(hash.Hash)
	h.Reset()
	h.Write(info)
	h.Write([]byte{1})
	h.Sum(dst)
	d.prks.Put(h)
}
