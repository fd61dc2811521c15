package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes a certificate of a name and writes it with its key into two files of a
// directory, as of a time, so that they are seen to be other ones.
func write(t *testing.T, dir, name string, notAfter, modified time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		put(t, filepath.Join(dir, file), pem.EncodeToMemory(block), modified)
	}
}

func put(t *testing.T, file string, text []byte, modified time.Time) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, modified, modified); err != nil {
		t.Fatal(err)
	}
}

func TestANewCertificateIsTakenAndABadOneIsNot(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	later := now.Add(24 * time.Hour)
	write(t, dir, "old", later, now.Add(-time.Hour))
	var log bytes.Buffer
	f, err := Open(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	f.now = func() time.Time { return now }
	in := func(want, logged string, times int) {
		t.Helper()
		now = now.Add(lookEvery)
		c, err := f.Config().GetCertificate(nil)
		if err != nil || c.Leaf.Subject.CommonName != want {
			t.Fatalf("%s is in force, want %s: %v", c.Leaf.Subject.CommonName, want, err)
		}
		if n := strings.Count(log.String(), logged); n != times {
			t.Errorf("the log has %q %d times, want %d:\n%s", logged, n, times, log.String())
		}
	}
	in("old", "certificate", 0)
	write(t, dir, "new", later, now.Add(-time.Minute))
	in("new", "a new certificate is in force", 1)
	put(t, filepath.Join(dir, "cert.pem"), []byte("nothing"), now)
	in("new", "cannot be used", 1)
	in("new", "cannot be used", 1) // it is told once
	write(t, dir, "expired", time.Now().Add(-time.Minute), now.Add(time.Minute))
	in("new", "has expired", 1)
	if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	in("new", "cannot be used", 3)
	write(t, dir, "newest", later, now.Add(2*time.Minute))
	in("newest", "a new certificate is in force", 2)
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("the log has something of a key")
	}
}

func TestAServerDoesNotStartWithoutACertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	log := slog.New(slog.DiscardHandler)
	for _, pair := range [][2]string{{"", key}, {cert, ""}, {cert, key}} {
		if _, err := Open(pair[0], pair[1], log); err == nil {
			t.Errorf("%q was opened", pair)
		}
	}
	write(t, dir, "a", time.Now().Add(time.Hour), time.Now())
	other := t.TempDir()
	write(t, other, "b", time.Now().Add(time.Hour), time.Now())
	if _, err := Open(cert, filepath.Join(other, "key.pem"), log); err == nil {
		t.Error("a certificate was opened with the key of another")
	}
	write(t, dir, "a", time.Now().Add(-time.Minute), time.Now())
	if _, err := Open(cert, key, log); err == nil || !strings.Contains(err.Error(), "has expired") {
		t.Errorf("expired: %v", err)
	}
}
