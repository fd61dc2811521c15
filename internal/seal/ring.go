// Package seal is the layer between Kindred's concepts and the storage engine:
// above it are plaintext records, below it ciphertext.
//
// Every value is sealed with a data key of its domain, or of its object type
// where that has an encryption key of its own. Data keys come from the key
// service (GenerateDataKey), are stored wrapped, and stay in memory for a
// bounded time only, so that a key that is disabled there stops reads and
// writes here. The record's key is bound to its value as associated data: a
// value that is moved to another record does not open.
//
// Records that belong together, such as those of a profile, can be sealed under a
// secret of their own beside the data key (see [Secret]): destroying that secret
// destroys them, wherever there are copies. Other values are sealed as
//
//	byte 0      format version, 1
//	bytes 1-4   number of the data key within the domain, big endian
//	the rest    XAES-256-GCM nonce, ciphertext and tag (package datakey)
//
// Identifiers that must be found again are turned into index keys with
// HMAC-SHA256 under a key of the domain: equal identifiers give equal index
// keys inside one domain and nothing else can be learned from them.
package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/datakey"
	"kindred/internal/store"
)

const formatVersion = 1

// header is the size of what precedes the ciphertext.
const header = 5

// Overhead is what sealing adds to a value, in bytes.
const Overhead = header + datakey.Overhead

var (
	// ErrUnknownKey: a value is sealed with a data key that the ring does not
	// have, because it was made after the ring was loaded or belongs to an
	// object type whose key cannot be used.
	ErrUnknownKey = errors.New("seal: data key is not at hand")
	// ErrDamaged: a value does not open under its key and place.
	ErrDamaged = errors.New("seal: value is damaged or in the wrong place")
)

// Ring holds the opened data keys of one domain. It does not change and may be
// used concurrently.
type Ring struct {
	keys     map[uint32]tink.AEAD
	derivers map[uint32]*datakey.Deriver // for values under a secret
	current  uint32                      // for values of the domain
	types    map[string]uint32           // for values of object types with their own key
	macs     sync.Pool                   // of *mac keyed with the index key
}

// NewRing makes a ring. indexKey keys the identifiers' HMAC; current must be
// among keys. types maps an object type's name to the key its objects are
// sealed with now.
func NewRing(keys map[uint32][]byte, current uint32, types map[string]uint32, indexKey []byte) (*Ring, error) {
	if len(indexKey) < 32 {
		return nil, fmt.Errorf("seal: an index key has 32 bytes, not %d", len(indexKey))
	}
	r := &Ring{keys: make(map[uint32]tink.AEAD, len(keys)), derivers: make(map[uint32]*datakey.Deriver, len(keys)),
		current: current, types: types}
	r.macs.New = func() any { return &mac{h: hmac.New(sha256.New, indexKey)} }
	for id, k := range keys {
		a, err := datakey.AEAD(k)
		if err != nil {
			return nil, fmt.Errorf("seal: data key %d: %w", id, err)
		}
		r.keys[id] = a
		if r.derivers[id], err = datakey.NewDeriver(k); err != nil {
			return nil, fmt.Errorf("seal: data key %d: %w", id, err)
		}
	}
	if r.keys[current] == nil {
		return nil, fmt.Errorf("seal: data key %d: %w", current, ErrUnknownKey)
	}
	return r, nil
}

// TypeKey is the number of the data key for an object type's values.
func (r *Ring) TypeKey(objectType string) uint32 {
	if id, ok := r.types[objectType]; ok {
		return id
	}
	return r.current
}

// Current is the number of the data key for the domain's values.
func (r *Ring) Current() uint32 { return r.current }

// Has reports whether a data key is at hand.
func (r *Ring) Has(id uint32) bool { return r.keys[id] != nil }

// Seal seals the value of a record with one of the ring's keys.
func (r *Ring) Seal(id uint32, k store.Key, value []byte) ([]byte, error) {
	a := r.keys[id]
	if a == nil {
		return nil, fmt.Errorf("data key %d: %w", id, ErrUnknownKey)
	}
	var ad [256]byte
	ct, err := a.Encrypt(value, place(ad[:0], k))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	out := make([]byte, header+len(ct))
	out[0] = formatVersion
	binary.BigEndian.PutUint32(out[1:], id)
	copy(out[header:], ct)
	return out, nil
}

// Open gives back the value of a record; nil stays nil.
func (r *Ring) Open(k store.Key, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	if len(sealed) < Overhead || sealed[0] != formatVersion {
		return nil, fmt.Errorf("record %x: %w", k.Sort, ErrDamaged)
	}
	id := binary.BigEndian.Uint32(sealed[1:])
	a := r.keys[id]
	if a == nil {
		return nil, fmt.Errorf("data key %d: %w", id, ErrUnknownKey)
	}
	var ad [256]byte
	value, err := a.Decrypt(sealed[header:], place(ad[:0], k))
	if err != nil {
		return nil, fmt.Errorf("record %x: %w", k.Sort, ErrDamaged)
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}

// place is the associated data of a record: its key, unambiguously.
func place(b []byte, k store.Key) []byte {
	b = binary.AppendUvarint(b, uint64(len(k.Partition)))
	b = append(b, k.Partition...)
	return append(b, k.Sort...)
}

// HashSize is the size of a Hash in bytes.
const HashSize = 32

// Hash is a keyed hash of an identifier.
type Hash [HashSize]byte

// Identify hashes a named value, such as a key name and its normalised value or
// an object type and its unique key. The parts are kept apart.
func (r *Ring) Identify(kind byte, name, value string) (h Hash) {
	m := r.macs.Get().(*mac)
	m.h.Reset()
	m.in = append(m.in[:0], kind)
	m.in = binary.AppendUvarint(m.in, uint64(len(name)))
	m.in = append(m.in, name...)
	m.in = append(m.in, value...)
	m.h.Write(m.in)
	m.out = m.h.Sum(m.out[:0])
	copy(h[:], m.out)
	clear(m.in)
	r.macs.Put(m)
	return h
}

// mac is a keyed hash with room for what goes in and out, so that identifying
// allocates nothing.
type mac struct {
	h       hash.Hash
	in, out []byte
}
