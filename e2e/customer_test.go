package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// person is a customer of the tests. No two have anything in common, and nothing
// of them looks like anything else.
type person struct {
	first, last, phone, email string
}

func (p person) name() string { return p.first + " " + p.last }

// digits is the telephone number as people write it without punctuation.
func (p person) digits() string { return strings.TrimPrefix(p.phone, "+1") }

var people atomic.Int64

var syllables = []string{"qua", "zor", "vim", "plu", "dax", "wyb", "jor", "kez", "xan", "gwo"}

// word spells a number out, so that it is one no text has by chance.
func word(n int64) string {
	var b strings.Builder
	for range 4 {
		b.WriteString(syllables[n%10])
		n /= 10
	}
	return b.String()
}

// person invents a customer, whose name, number and address are looked for in
// whatever the server leaves behind.
func (s *server) person() person {
	n := people.Add(1)
	w := word(n)
	p := person{first: strings.ToUpper(w[:1]) + w[1:], last: "O'" + w + "heimer",
		phone: fmt.Sprintf("+1206%07d", 3450000+n), email: w + ".heimer@" + w + ".example"}
	s.known.add(p.first, p.last, p.phone, p.digits(), p.email)
	return p
}

// registry holds what must not be readable anywhere.
type registry struct {
	mu    sync.Mutex        // guards the following
	forms map[string]string // what to look for, lower-case, and whose form it is
}

// add registers texts in the forms in which they could lie about: as they are,
// in hexadecimal, and in base64 at any offset.
func (r *registry) add(texts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forms == nil {
		r.forms = map[string]string{}
	}
	for _, t := range texts {
		r.forms[strings.ToLower(t)] = t
		r.forms[hex.EncodeToString([]byte(t))] = t
		for shift := range 3 {
			// Of the encoding of the text behind shift other bytes, what does not
			// depend on its neighbours; in lower case, as all is searched for.
			e := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), t...))
			from, to := (shift*8+5)/6, (shift+len(t))*8/6
			r.forms[strings.ToLower(e[from:to])] = t
		}
	}
}

// find returns the texts that data shows.
func (r *registry) find(data []byte) []string {
	if r.mu.Lock(); len(r.forms) == 0 {
		r.mu.Unlock()
		return nil
	}
	defer r.mu.Unlock()
	lower := bytes.ToLower(data)
	var found []string
	for form, text := range r.forms {
		if bytes.Contains(lower, []byte(form)) {
			found = append(found, text)
		}
	}
	return found
}

// scan looks for customers in the data directory and the logs of all runs, as
// grep -ri would.
func (s *server) scan() {
	s.t.Helper()
	files := 0
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return gone(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return gone(err)
		}
		files++
		if found := s.known.find(append(data, path...)); found != nil {
			s.t.Errorf("%s shows of customers: %q", path, found)
		}
		return nil
	})
	if err != nil {
		s.t.Errorf("scan of the data directory: %v", err)
	}
	if files == 0 {
		s.t.Error("the data directory is empty")
	}
	for _, l := range s.logs {
		if found := s.known.find([]byte(l.String())); found != nil {
			s.t.Errorf("the log shows of customers: %q", found)
		}
	}
}

// gone drops the error of a file that a running server has removed meanwhile.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// scanMetrics looks for customers in what the server tells without a signature.
func (s *server) scanMetrics() {
	s.t.Helper()
	if _, text := s.get("/metrics"); s.known.find([]byte(text)) != nil {
		s.t.Errorf("the metrics show of customers: %q", s.known.find([]byte(text)))
	}
}
