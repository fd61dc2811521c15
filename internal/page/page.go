// Package page makes the tokens with which clients ask for the next page of a
// list.
//
// A token is opaque: the position in it is sealed with AES-256-GCM, so that it
// reveals nothing, and bound to the operation and the arguments that it was
// made for, so that it opens for the same question only. Tokens have no expiry:
// a position is valid for as long as what it points into.
package page

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/datakey"
	"kindred/internal/fault"
)

const (
	// MaxToken is the length of the longest token in characters, the bound of
	// the API for NextToken.
	MaxToken = 1024
	// MaxPosition is the length of the longest position in bytes, such that its
	// token has at most MaxToken characters.
	MaxPosition = MaxToken/4*3 - 1 - datakey.Overhead

	// version is the first byte of a token and part of what is bound, so that
	// the form can change.
	version = 1
)

// Sealer makes and opens tokens. It may be used concurrently.
type Sealer struct{ aead tink.AEAD }

// New makes a Sealer with a key of datakey.Size bytes. Every node must have the
// same key, and a restart must not change it, or lists that are being read
// break off.
func New(key []byte) (*Sealer, error) {
	aead, err := datakey.AEAD(key)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return &Sealer{aead}, nil
}

// Seal makes the token for a position in the answer of an operation to args,
// which are all that decides what the list holds, such as the account, the
// domain and the filter, but not the size of a page. The token has at most
// MaxToken characters, all of them unreserved in URLs. A position longer than
// MaxPosition is a defect of the caller and an error.
func (s *Sealer) Seal(op string, args []string, position []byte) (string, error) {
	if len(position) > MaxPosition {
		return "", fmt.Errorf("page: the position of %s has %d bytes, more than %d", op, len(position), MaxPosition)
	}
	sealed, err := s.aead.Encrypt(position, binding(op, args))
	if err != nil {
		return "", fmt.Errorf("page: seal a token of %s: %w", op, err)
	}
	return base64.RawURLEncoding.EncodeToString(append([]byte{version}, sealed...)), nil
}

// Open returns the position in a token that Seal made for the same operation and
// arguments. Any other token is a fault.Invalid.
func (s *Sealer) Open(op string, args []string, token string) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, invalid()
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) == 0 || raw[0] != version {
		return nil, invalid()
	}
	position, err := s.aead.Decrypt(raw[1:], binding(op, args))
	if err != nil {
		return nil, invalid()
	}
	return position, nil
}

func invalid() error { return fault.New(fault.Invalid, "NextToken is not valid for this request") }

// binding encodes the operation and its arguments so that different ones never
// have the same bytes: a version, the number of parts, and each part after its
// length.
func binding(op string, args []string) []byte {
	b := append(make([]byte, 0, 128), "page"...)
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(len(args)+1))
	b = appendPart(b, op)
	for _, a := range args {
		b = appendPart(b, a)
	}
	return b
}

func appendPart(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}
