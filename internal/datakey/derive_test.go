package datakey_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"kindred/internal/datakey"
)

// TestDerivedKeys: the same data key and secret give the same key, another of
// either gives another.
func TestDerivedKeys(t *testing.T) {
	key, secret := bytes.Repeat([]byte{1}, datakey.Size), bytes.Repeat([]byte{2}, datakey.Size)
	sealed := derived(t, key, secret).Seal(nil, nil, []byte("Ann Lund"), []byte("place"))
	if len(sealed) != len("Ann Lund")+datakey.DerivedOverhead {
		t.Errorf("8 bytes are sealed as %d", len(sealed))
	}
	other := bytes.Repeat([]byte{3}, datakey.Size)
	for what, c := range map[string]struct {
		key, secret []byte
		place       string
		opens       bool
	}{
		"the same":        {key, secret, "place", true},
		"another key":     {other, secret, "place", false},
		"another secret":  {key, other, "place", false},
		"exchanged":       {secret, key, "place", false},
		"another place":   {key, secret, "other", false},
		"a longer secret": {key, append(bytes.Clone(secret), 0), "place", false},
	} {
		v, err := derived(t, c.key, c.secret).Open(nil, nil, sealed, []byte(c.place))
		if (err == nil) != c.opens || c.opens && string(v) != "Ann Lund" {
			t.Errorf("%s: %q, %v", what, v, err)
		}
	}
	if plain, err := datakey.AEAD(key); err != nil {
		t.Fatal(err)
	} else if _, err := plain.Decrypt(sealed, []byte("place")); err == nil {
		t.Error("the data key itself opens what a derived one has sealed")
	}
}

// TestDerivationIsHKDF: the key is that of crypto/hkdf.
func TestDerivationIsHKDF(t *testing.T) {
	key := bytes.Repeat([]byte{1}, datakey.Size)
	for i := range byte(10) { // the deriver is used again and again
		secret := bytes.Repeat([]byte{i}, datakey.Size)
		want, err := hkdf.Key(sha256.New, key, []byte("kindred derived keys"), string(secret), datakey.Size)
		if err != nil {
			t.Fatal(err)
		}
		block, err := aes.NewCipher(want)
		if err != nil {
			t.Fatal(err)
		}
		a, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := derived(t, key, secret).Open(nil, nil, a.Seal(nil, nil, []byte("Ann Lund"), nil), nil); err != nil || string(v) != "Ann Lund" {
			t.Errorf("secret %d: %q, %v", i, v, err)
		}
	}
}

func TestDerivationRefusesShortSecrets(t *testing.T) {
	if _, err := datakey.NewDeriver(make([]byte, datakey.Size-1)); err == nil {
		t.Error("a short data key is taken")
	}
	d, err := datakey.NewDeriver(make([]byte, datakey.Size))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.AEAD(make([]byte, datakey.Size-1)); err == nil {
		t.Error("a short secret is taken")
	}
}

func derived(t testing.TB, key, secret []byte) interface {
	Seal(dst, nonce, plaintext, ad []byte) []byte
	Open(dst, nonce, ciphertext, ad []byte) ([]byte, error)
} {
	t.Helper()
	d, err := datakey.NewDeriver(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.AEAD(secret)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
