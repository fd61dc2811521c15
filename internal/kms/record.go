package kms

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"kindred/internal/datakey"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// formatVersion leads every value and every ciphertext.
const formatVersion = 1

var mark = []byte{formatVersion}

// keyID is the UUID of a key.
type keyID [16]byte

func (id keyID) String() string { return uuid.UUID(id).String() }

var (
	keysPartition  = []byte("kms/keys")
	aliasPartition = []byte("kms/aliases")
	duePartition   = []byte("kms/due")
	keyCounter     = store.Key{Partition: keysPartition, Sort: []byte("n")}
)

func keyPartition(id keyID) []byte { return append([]byte("kms/key/"), id[:]...) }

func keyPlace(id keyID) store.Key { return store.Key{Partition: keyPartition(id), Sort: []byte("k")} }

func listPlace(id keyID) store.Key { return store.Key{Partition: keysPartition, Sort: id[:]} }

func materialPlace(id keyID, version uint32) store.Key {
	return store.Key{Partition: keyPartition(id), Sort: binary.BigEndian.AppendUint32([]byte("m"), version)}
}

func grantCounter(id keyID) store.Key {
	return store.Key{Partition: keyPartition(id), Sort: []byte("n")}
}

func (s *Service) aliasPlace(name string) store.Key {
	t := s.nameMAC("alias", []byte(name))
	return store.Key{Partition: aliasPartition, Sort: t[:]}
}

// dueSort is the place of a key that falls due at a time; with end, the place
// after all keys that are due by then.
func dueSort(at time.Time, id keyID, end bool) []byte {
	t := uint64(max(at.UnixMicro(), 0))
	if end {
		return binary.BigEndian.AppendUint64(nil, t+1)
	}
	return append(binary.BigEndian.AppendUint64(nil, t), id[:]...)
}

func duePlace(at time.Time, id keyID) store.Key {
	return store.Key{Partition: duePartition, Sort: dueSort(at, id, false)}
}

// next is the least sort key after k.
func next(k []byte) []byte { return append(append(make([]byte, 0, len(k)+1), k...), 0) }

// prefixEnd is the least sort key after all that start with p; nil, which means
// the end of the partition, if there is none.
func prefixEnd(p []byte) []byte {
	end := append([]byte(nil), p...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// States of a key; a destroyed key has no record.
const (
	stateEnabled         = "Enabled"
	stateDisabled        = "Disabled"
	statePendingDeletion = "PendingDeletion"
)

// keyRecord is what the store keeps of a key.
type keyRecord struct {
	State        string            `json:"state"`
	Created      time.Time         `json:"created"`
	Description  string            `json:"description,omitempty"`
	Policy       string            `json:"policy"`
	Tags         map[string]string `json:"tags,omitempty"`
	Aliases      []string          `json:"aliases,omitempty"` // sorted
	DeletionDate time.Time         `json:"deletion,omitzero"` // while pending deletion
	Version      uint32            `json:"version"`           // of the current material, from 1
	MaterialID   string            `json:"material"`          // of the current material
	Period       int               `json:"period,omitempty"`  // days between automatic rotations; 0: off
	NextRotation time.Time         `json:"next,omitzero"`     // while Period is set
	OnDemand     int               `json:"onDemand,omitempty"`
	Due          time.Time         `json:"due,omitzero"` // its place in kms/due; zero: none
}

// key is a key record, opened. One that came from the cache must not be changed.
type key struct {
	keyRecord
	id     keyID
	arn    string
	policy *policy.Policy
}

// dueAt is when something is to happen to the key by itself; zero for never.
func (k *keyRecord) dueAt() time.Time {
	switch {
	case k.State == statePendingDeletion:
		return k.DeletionDate
	case k.State == stateEnabled && k.Period > 0:
		return k.NextRotation
	}
	return time.Time{}
}

func (k *keyRecord) overdue(now time.Time) bool {
	at := k.dueAt()
	return !at.IsZero() && !at.After(now)
}

// materialRecord is what the store keeps of one version of a key's material.
type materialRecord struct {
	Material []byte    `json:"material"`
	ID       string    `json:"id"`
	Created  time.Time `json:"created"`
	Why      string    `json:"why,omitempty"` // RotationType; empty for the first
}

// errDamaged: a record does not open under the root key at its place.
var errDamaged = errors.New("kms: record is damaged, out of place, or sealed under another root key")

// bind is the associated data of a record.
func bind(dst []byte, k store.Key) []byte {
	dst = append(dst, "record"...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(k.Partition)))
	dst = append(dst, k.Partition...)
	return append(dst, k.Sort...)
}

// seal turns a record into the value stored at a place.
func (s *Service) seal(at store.Key, record any) ([]byte, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("kms: record: %w", err)
	}
	sealed, err := s.root.Encrypt(text, bind(nil, at))
	if err != nil {
		return nil, fmt.Errorf("kms: record: %w", err)
	}
	return append([]byte{formatVersion}, sealed...), nil
}

// open is the reverse of seal.
func (s *Service) open(at store.Key, value []byte, record any) error {
	if len(value) < 1+datakey.Overhead || value[0] != formatVersion {
		return fmt.Errorf("%w: %x %x", errDamaged, at.Partition, at.Sort)
	}
	text, err := s.root.Decrypt(value[1:], bind(nil, at))
	if err != nil {
		return fmt.Errorf("%w: %x %x", errDamaged, at.Partition, at.Sort)
	}
	if err := json.Unmarshal(text, record); err != nil {
		return fmt.Errorf("kms: record: %w", err)
	}
	return nil
}

// opened is open through the cache, for values that nobody changes. build makes
// the value from the record that was opened.
func opened[R, V any](s *Service, at store.Key, value []byte, build func(*R) (V, error)) (V, error) {
	var buf [128]byte
	place := append(append(buf[:0], at.Partition...), at.Sort...)
	if v, ok := s.records.get(place, value).(V); ok {
		return v, nil
	}
	var v V
	record := new(R)
	err := s.open(at, value, record)
	if err == nil {
		v, err = build(record)
	}
	if err != nil {
		return v, err
	}
	s.records.put(place, value, v)
	return v, nil
}

// readKey reads a key, nil if there is none. The key must not be changed.
func (s *Service) readKey(ctx context.Context, r store.Reader, id keyID) (*key, error) {
	at := keyPlace(id)
	got, err := r.Get(ctx, at)
	if err != nil || got[0] == nil {
		return nil, err
	}
	return opened(s, at, got[0], func(rec *keyRecord) (*key, error) { return s.assemble(id, rec) })
}

// assemble completes a key record.
func (s *Service) assemble(id keyID, rec *keyRecord) (*key, error) {
	p, err := parsePolicy(rec.Policy)
	if err != nil {
		return nil, fmt.Errorf("kms: stored policy of key %s: %w", id, err)
	}
	return &key{keyRecord: *rec, id: id, arn: s.keyARN(id), policy: p}, nil
}

// editKey reads a key for a change; a missing one is NotFoundException.
func (s *Service) editKey(ctx context.Context, tx store.Tx, id keyID) (*keyRecord, error) {
	at := keyPlace(id)
	got, err := tx.Get(ctx, at)
	if err != nil {
		return nil, err
	}
	if got[0] == nil {
		return nil, s.noKey(id)
	}
	rec := new(keyRecord)
	if err := s.open(at, got[0], rec); err != nil {
		return nil, err
	}
	return rec, nil
}

// writeKey writes a key record and moves its place among the due.
func (s *Service) writeKey(tx store.Tx, id keyID, rec *keyRecord) error {
	if due := rec.dueAt(); !due.Equal(rec.Due) {
		if !rec.Due.IsZero() {
			tx.Delete(duePlace(rec.Due, id))
		}
		if rec.Due = due; !due.IsZero() {
			tx.Put(duePlace(due, id), mark)
		}
	}
	at := keyPlace(id)
	value, err := s.seal(at, rec)
	if err != nil {
		return err
	}
	tx.Put(at, value)
	return nil
}

// change alters a key in one update. What has fallen due meanwhile is left to
// the next use, but for a key past its deletion date, which is gone.
func (s *Service) change(ctx context.Context, id keyID, fn func(tx store.Tx, k *keyRecord) error) error {
	now := s.clock()
	return s.update(ctx, func(tx store.Tx) error {
		k, err := s.editKey(ctx, tx, id)
		if err != nil {
			return err
		}
		if k.State == statePendingDeletion && k.overdue(now) {
			return s.noKey(id)
		}
		if err := fn(tx, k); err != nil {
			return err
		}
		return s.writeKey(tx, id, k)
	})
}
