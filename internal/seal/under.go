package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"kindred/internal/datakey"
	"kindred/internal/store"
)

// A value under a secret is
//
//	byte 0      format version, 2
//	bytes 1-4   number of the data key within the domain, big endian
//	the rest    AES-256-GCM nonce, ciphertext and tag, under the key that follows
//	            from that data key and the secret (datakey.Deriver)
//
// The secret itself is a small record in clear:
//
//	byte 0      version of the record, 1
//	bytes 1-32  the secret
const (
	underVersion  = 2
	secretVersion = 1
)

// UnderOverhead is what sealing under a secret adds to a value, in bytes.
const UnderOverhead = header + datakey.DerivedOverhead

// Secret is what the keys of a group of records follow from, together with the
// data keys. It is kept in one record alone, in clear (see [Secret.Record]). Who
// has it and not the data key can open nothing; and once that record is gone,
// nobody can open a copy of the others, data key or not. The record is small, so
// that an engine that keeps large values apart does not keep this one there.
type Secret [32]byte

// NewSecret makes a random secret.
func NewSecret() (s Secret) {
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// Record is the value of the record that keeps the secret.
func (s Secret) Record() []byte { return append([]byte{secretVersion}, s[:]...) }

// SecretOf reads the record that keeps a secret.
func SecretOf(stored []byte) (s Secret, err error) {
	if len(stored) != 1+len(s) || stored[0] != secretVersion {
		return s, fmt.Errorf("record of a secret: %w", ErrDamaged)
	}
	copy(s[:], stored[1:])
	return s, nil
}

// under is a ring of the keys that follow from a secret. Each is made when it is
// first needed. It is not safe for concurrent use.
type under struct {
	ring   *Ring
	secret Secret
	made   []derived
}

type derived struct {
	id uint32
	cipher.AEAD
}

func (u *under) key(id uint32) (cipher.AEAD, error) {
	for i := range u.made {
		if u.made[i].id == id {
			return u.made[i].AEAD, nil
		}
	}
	d := u.ring.derivers[id]
	if d == nil {
		return nil, fmt.Errorf("data key %d: %w", id, ErrUnknownKey)
	}
	a, err := d.AEAD(u.secret[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	u.made = append(u.made, derived{id, a})
	return a, nil
}

// seal appends a sealed value to dst.
func (u *under) seal(dst []byte, id uint32, k store.Key, value []byte) ([]byte, error) {
	a, err := u.key(id)
	if err != nil {
		return nil, err
	}
	dst = append(dst, underVersion)
	dst = binary.BigEndian.AppendUint32(dst, id)
	var ad [256]byte
	return a.Seal(dst, nil, value, place(ad[:0], k)), nil
}

func (u *under) open(k store.Key, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	if len(sealed) < UnderOverhead || sealed[0] != underVersion {
		return nil, fmt.Errorf("record %x: %w", k.Sort, ErrDamaged)
	}
	a, err := u.key(binary.BigEndian.Uint32(sealed[1:]))
	if err != nil {
		return nil, err
	}
	var ad [256]byte
	value, err := a.Open(nil, nil, sealed[header:], place(ad[:0], k))
	if err != nil {
		return nil, fmt.Errorf("record %x: %w", k.Sort, ErrDamaged)
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}

// Under is a view of the reader that opens what was sealed under a secret, and
// nothing else. It is for as long as the reader.
func (r *Reader) Under(secret Secret) *Reader {
	return &Reader{Reader: r.Reader, ring: r.ring, under: &under{ring: r.ring, secret: secret}}
}

// Under is a view of the transaction that seals and opens under a secret. What
// it writes is part of the transaction, whose Err also tells its failures.
func (t *Tx) Under(secret Secret) *Tx {
	v := &Tx{Reader: *t.Reader.Under(secret), tx: t.tx, owner: t, isNew: t.isNew}
	if t.owner != nil {
		v.owner = t.owner
	}
	return v
}

// Open opens the value of a record that was read as it is stored; nil stays nil.
func (r *Reader) Open(k store.Key, sealed []byte) ([]byte, error) {
	if r.under != nil {
		return r.under.open(k, sealed)
	}
	return r.ring.Open(k, sealed)
}

// SealedWith is the number of the data key that a stored value is sealed with.
func SealedWith(sealed []byte) (number uint32, err error) {
	if len(sealed) < header || sealed[0] != formatVersion && sealed[0] != underVersion {
		return 0, fmt.Errorf("sealed value: %w", ErrDamaged)
	}
	return binary.BigEndian.Uint32(sealed[1:]), nil
}
