package iam

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"kindred/internal/fault"
	"kindred/internal/store"
)

// All records are in one partition, "iam", so that every change of principals is
// one transaction and every question a snapshot; changes are rare, and reads are
// answered from memory. Sort keys:
//
//	k/ACCESS-KEY-ID   keyRecord
//	p/name            policyRecord, name in lower case
//	r/name            principalRecord of a role
//	u/name            principalRecord of a user
//	v                 ledger, in the clear: it holds numbers only
//
// The others are sealed: a format byte, then JSON under the root key's cipher
// for "iam", bound to format, partition and sort key.
const (
	partition  = "iam"
	format     = 1
	ledgerSort = "v"
	keyPrefix  = "k/"
	polPrefix  = "p/"
)

// The states of an access key.
const (
	active   = "Active"
	inactive = "Inactive"
)

// principalRecord is a user or a role.
type principalRecord struct {
	Name     string
	ID       string
	Created  time.Time
	Inline   []document `json:",omitempty"` // sorted by name
	Attached []string   `json:",omitempty"` // names of policies, sorted
	// Keys of a user, oldest first.
	Keys []string `json:",omitempty"`
	// The rest is of a role.
	Trust       string `json:",omitempty"`
	Description string `json:",omitempty"`
	MaxSession  int    `json:",omitempty"` // seconds
}

// document is an inline policy.
type document struct{ Name, Text string }

// keyRecord is a long-term access key.
type keyRecord struct {
	ID      string
	User    string
	Secret  string
	Status  string
	Created time.Time
	// Bootstrap says that [Service.Bootstrap] made it, and Undelivered that its
	// secret has not been written to the credentials file yet.
	Bootstrap   bool `json:",omitempty"`
	Undelivered bool `json:",omitempty"`
}

// policyRecord is a managed policy.
type policyRecord struct {
	Name        string
	ID          string
	Created     time.Time
	Updated     time.Time
	Description string `json:",omitempty"`
	Text        string
	Attachments int
	// Predefined is the version of the text of a policy that Kindred made; 0: a
	// person made it.
	Predefined int `json:",omitempty"`
}

// ledger counts. Its revision grows by one with every change of any record, and
// is all that has to be read to know that nothing has changed.
type ledger struct {
	revision               uint64
	users, roles, policies uint32
}

const ledgerSize = 1 + 8 + 3*4

func (l ledger) encode() []byte {
	b := make([]byte, 0, ledgerSize)
	b = append(b, format)
	b = binary.BigEndian.AppendUint64(b, l.revision)
	b = binary.BigEndian.AppendUint32(b, l.users)
	b = binary.BigEndian.AppendUint32(b, l.roles)
	return binary.BigEndian.AppendUint32(b, l.policies)
}

func decodeLedger(b []byte) (l ledger, err error) {
	if b == nil {
		return l, nil
	}
	if len(b) != ledgerSize || b[0] != format {
		return l, fmt.Errorf("iam: ledger: %w", store.ErrCorrupt)
	}
	l.revision = binary.BigEndian.Uint64(b[1:])
	l.users = binary.BigEndian.Uint32(b[9:])
	l.roles = binary.BigEndian.Uint32(b[13:])
	l.policies = binary.BigEndian.Uint32(b[17:])
	return l, nil
}

func readLedger(ctx context.Context, r store.Reader) (ledger, error) {
	values, err := r.Get(ctx, at(ledgerSort))
	if err != nil {
		return ledger{}, err
	}
	return decodeLedger(values[0])
}

func at(sort string) store.Key {
	return store.Key{Partition: []byte(partition), Sort: []byte(sort)}
}

func (k kind) sort(name string) string { return k.prefix + strings.ToLower(name) }

func policySort(name string) string { return polPrefix + strings.ToLower(name) }

func bound(sort string) []byte {
	return append([]byte{format}, partition+"\x00"+sort...)
}

// seal makes the value of a record.
func (s *Service) seal(sort string, record any) ([]byte, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("iam: %w", err)
	}
	sealed, err := s.records.Encrypt(text, bound(sort))
	if err != nil {
		return nil, fmt.Errorf("iam: %w", err)
	}
	return append([]byte{format}, sealed...), nil
}

func (s *Service) open(sort string, value []byte, record any) error {
	if len(value) == 0 || value[0] != format {
		return fmt.Errorf("iam: record %s: %w: unknown format", hex.EncodeToString([]byte(sort)), store.ErrCorrupt)
	}
	text, err := s.records.Decrypt(value[1:], bound(sort))
	if err == nil {
		err = json.Unmarshal(text, record)
	}
	if err != nil {
		return fmt.Errorf("iam: record %s cannot be opened with this root key: %w", hex.EncodeToString([]byte(sort)), store.ErrCorrupt)
	}
	return nil
}

// load reads a record; nil if there is none.
func load[T any](ctx context.Context, s *Service, r store.Reader, sort string) (*T, error) {
	all, err := loadAll[T](ctx, s, r, sort)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func loadAll[T any](ctx context.Context, s *Service, r store.Reader, sorts ...string) ([]*T, error) {
	keys := make([]store.Key, len(sorts))
	for i, sort := range sorts {
		keys[i] = at(sort)
	}
	values, err := r.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	all := make([]*T, len(sorts))
	for i, v := range values {
		if v == nil {
			continue
		}
		all[i] = new(T)
		if err := s.open(sorts[i], v, all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// principal reads a user or role by its name as it was made.
func (s *Service) principal(ctx context.Context, r store.Reader, k kind, name string) (*principalRecord, error) {
	p, err := load[principalRecord](ctx, s, r, k.sort(name))
	if err == nil && (p == nil || p.Name != name) {
		return nil, absent(k.word, name)
	}
	return p, err
}

func (s *Service) policy(ctx context.Context, r store.Reader, name string) (*policyRecord, error) {
	p, err := load[policyRecord](ctx, s, r, policySort(name))
	if err == nil && (p == nil || p.Name != name) {
		return nil, absent("policy", name)
	}
	return p, err
}

// txn is one run of an update.
type txn struct {
	store.Tx
	ledger ledger
	s      *Service
}

func (t *txn) save(sort string, record any) error {
	v, err := t.s.seal(sort, record)
	if err != nil {
		return err
	}
	t.Put(at(sort), v)
	return nil
}

func (t *txn) remove(sort string) { t.Delete(at(sort)) }

// view runs fn on a snapshot.
func (s *Service) view(ctx context.Context, fn func(store.Reader) error) error {
	return s.store.View(ctx, fn)
}

// update runs fn, which may run again, and counts the change. When it returns
// nil, this node answers by what fn wrote.
func (s *Service) update(ctx context.Context, fn func(*txn) error) error {
	var revision uint64
	err := s.store.Update(ctx, func(tx store.Tx) error {
		l, err := readLedger(ctx, tx)
		if err != nil {
			return err
		}
		t := &txn{Tx: tx, ledger: l, s: s}
		if err := fn(t); err != nil {
			return err
		}
		t.ledger.revision++
		revision = t.ledger.revision
		tx.Put(at(ledgerSort), t.ledger.encode())
		return nil
	})
	switch {
	case err == nil:
		s.known.advance(revision)
	case errors.Is(err, store.ErrUnknownOutcome):
		s.known.doubt()
	case errors.Is(err, store.ErrConflict):
		return fault.New(fault.Busy, "The principals are being changed by many requests at once; try again.").Because(err)
	}
	return err
}
