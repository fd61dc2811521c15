// Package rootkey keeps the root key of an installation: 256 random bits in a
// file that only its owner may read. The embedded key service protects its keys
// with it, and so do the queues and the principals, each under a key derived
// for that purpose alone.
//
// The file is text, so that it can be kept in a secret store: the version word
// "kindred-root-key-1", a space, and the key in base64. Whoever loses it loses
// everything that the embedded services protect; it belongs in no backup that
// also holds the data.
package rootkey

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/datakey"
)

const version = "kindred-root-key-1"

// Key is a root key in memory.
type Key struct{ secret []byte }

// Open reads the root key in a file, or makes the file with a new key when there
// is none. The file is created with mode 0600 and is durable when Open returns;
// one that others may read is refused.
func Open(path string) (*Key, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("root key: %s may be read by others (mode %04o): run chmod 600 on it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	word, encoded, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if word != version {
		return nil, fmt.Errorf("root key: %s is not a root key of version %s", path, version)
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(secret) != datakey.Size {
		return nil, fmt.Errorf("root key: %s does not hold a key of %d bytes in base64", path, datakey.Size)
	}
	return &Key{secret}, nil
}

// create writes a new key beside its place and renames it there, so that no
// half-written key is ever found.
func create(path string) (*Key, error) {
	k := Random()
	f, err := os.CreateTemp(filepath.Dir(path), ".root-key-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "%s %s\n", version, base64.StdEncoding.EncodeToString(k.secret))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil { // unlike rename, never over a key that has appeared meanwhile
		if errors.Is(err, fs.ErrExist) {
			return Open(path)
		}
		return nil, fmt.Errorf("root key: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	return k, nil
}

// Random makes a root key that is kept nowhere, for tests.
func Random() *Key {
	secret := make([]byte, datakey.Size)
	if _, err := rand.Read(secret); err != nil {
		panic("rootkey: the system has no randomness: " + err.Error())
	}
	return &Key{secret}
}

// AEAD is the cipher for a purpose. Purposes are constants of the program, such
// as "kms" or "sqs"; what one seals another cannot open.
func (k *Key) AEAD(purpose string) tink.AEAD {
	a, err := datakey.AEAD(k.derive("seal", purpose))
	if err != nil {
		panic("rootkey: " + err.Error()) // the derived key always has the right size
	}
	return a
}

// MAC authenticates a message for a purpose with HMAC-SHA256.
func (k *Key) MAC(purpose string, message []byte) []byte {
	h := hmac.New(sha256.New, k.derive("mac", purpose))
	h.Write(message)
	return h.Sum(nil)
}

func (k *Key) derive(use, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, k.secret, nil, "kindred "+use+" "+purpose, datakey.Size)
	if err != nil {
		panic("rootkey: " + err.Error())
	}
	return key
}
