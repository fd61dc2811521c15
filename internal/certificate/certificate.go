// Package certificate keeps the certificate by which a server is known to its
// clients (TLS), and takes a new one from its files without a restart, as programs
// that renew certificates expect it.
package certificate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often the files are looked at, at most; only when clients connect.
const lookEvery = 5 * time.Second

// Files is a certificate with its chain and its key, both in PEM. It may be used
// concurrently.
type Files struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex // guards what follows
	looked  time.Time
	state   [2]stamp // of the files that current was read from
	refused [2]stamp // of files that could not be used
	current *tls.Certificate
}

// stamp says whether a file is still the one that was read.
type stamp struct {
	size     int64
	modified time.Time
}

// Open reads a certificate and its key. The key's file should be readable by the
// server alone.
func Open(cert, key string, log *slog.Logger) (*Files, error) {
	if cert == "" || key == "" {
		return nil, errors.New("want both the certificate and its key")
	}
	f := &Files{cert: cert, key: key, log: log, now: time.Now}
	state, err := f.stat()
	if err != nil {
		return nil, err
	}
	if f.current, err = f.load(); err != nil {
		return nil, err
	}
	f.state, f.looked = state, f.now()
	return f, nil
}

// Config is for a server: TLS 1.2 at least, HTTP/2 where the client speaks it.
func (f *Files) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: f.get}
}

// get returns the certificate in force. Files that have changed are read; ones that
// cannot be used are told of in the log, once, and the old certificate stays.
func (f *Files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if now.Sub(f.looked) < lookEvery {
		return f.current, nil
	}
	f.looked = now
	state, err := f.stat()
	if err == nil && state == f.state || state == f.refused {
		return f.current, nil
	}
	var fresh *tls.Certificate
	if err == nil {
		fresh, err = f.load()
	}
	if err != nil {
		f.refused = state
		f.log.Error("the certificate's files have changed and cannot be used; the one that was read before stays", "error", err)
		return f.current, nil
	}
	f.current, f.state = fresh, state
	f.log.Info("a new certificate is in force", "not_after", fresh.Leaf.NotAfter)
	return f.current, nil
}

func (f *Files) stat() (s [2]stamp, err error) {
	for i, name := range [...]string{f.cert, f.key} {
		info, err := os.Stat(name)
		if err != nil {
			return s, err
		}
		s[i] = stamp{info.Size(), info.ModTime()}
	}
	return s, nil
}

func (f *Files) load() (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", f.cert, f.key, err)
	}
	if now := f.now(); now.After(c.Leaf.NotAfter) {
		return nil, fmt.Errorf("%s: the certificate has expired on %s", f.cert, c.Leaf.NotAfter.Format(time.DateTime))
	}
	return &c, nil
}
