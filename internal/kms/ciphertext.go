package kms

import (
	"crypto/hmac"
	"encoding/binary"
	"maps"
	"slices"

	"kindred/internal/datakey"
)

const (
	// headerBound is the part of a ciphertext's header that is bound to what
	// it seals, and headerSize adds its own mac.
	headerBound = 1 + 16 + 4
	headerSize  = headerBound + macSize

	// maxContext is the size of an encryption context in bytes, as bound.
	maxContext = 8192
)

// header says what a ciphertext was sealed with.
type header struct {
	key     keyID
	version uint32
}

// appendHeader writes the header of a ciphertext.
func (s *Service) appendHeader(dst []byte, h header) []byte {
	start := len(dst)
	dst = append(dst, formatVersion)
	dst = append(dst, h.key[:]...)
	dst = binary.BigEndian.AppendUint32(dst, h.version)
	t := s.nameMAC("ciphertext", dst[start:])
	return append(dst, t[:]...)
}

// parseCiphertext reads the header of a ciphertext that this service made; any
// other, and any change to the header, is InvalidCiphertextException.
func (s *Service) parseCiphertext(blob []byte) (header, error) {
	if len(blob) < headerSize+datakey.Overhead || blob[0] != formatVersion {
		return header{}, invalidCiphertext()
	}
	t := s.nameMAC("ciphertext", blob[:headerBound])
	if !hmac.Equal(t[:], blob[headerBound:headerSize]) {
		return header{}, invalidCiphertext()
	}
	return header{keyID(blob[1:17]), binary.BigEndian.Uint32(blob[17:])}, nil
}

// bindContext is the associated data of a ciphertext: the bound part of its
// header and the encryption context, in an order of its own.
func bindContext(head []byte, encryption map[string]string) []byte {
	n := headerBound
	for k, v := range encryption {
		n += 8 + len(k) + len(v)
	}
	return appendContext(append(make([]byte, 0, n), head[:headerBound]...), encryption)
}

// appendContext writes an encryption context; equal ones give equal bytes, and
// different ones different bytes.
func appendContext(dst []byte, encryption map[string]string) []byte {
	appendPair := func(k string) {
		v := encryption[k]
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(k)))
		dst = append(dst, k...)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
		dst = append(dst, v...)
	}
	switch len(encryption) {
	case 0:
	case 1:
		for k := range encryption {
			appendPair(k)
		}
	default:
		for _, k := range slices.Sorted(maps.Keys(encryption)) {
			appendPair(k)
		}
	}
	return dst
}

// checkContext bounds an encryption context.
func checkContext(member string, encryption map[string]string) error {
	n := 0
	for k, v := range encryption {
		n += len(k) + len(v)
	}
	if n > maxContext {
		return invalid("%s: at most %d bytes in all", member, maxContext)
	}
	return nil
}
