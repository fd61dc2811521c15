package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Resealed is what Reseal has done with records.
type Resealed struct {
	Records int // sealed anew
	Locked  int // sealed under a key that cannot be used now: they stay as they are
}

// Partitions is what the partitions of all profiles of a domain start with.
func Partitions(d domain.ID) []byte { return d.Partition('p') }

// Outdated reports whether a record of a profile, as it is stored, is sealed with
// another data key than it would be now.
func Outdated(ring *seal.Ring, rec store.Record) (bool, error) {
	sort, sealed := rec.Key.Sort, rec.Value
	if isPlain(sort) {
		return false, nil
	}
	number, err := seal.SealedWith(sealed)
	if err != nil {
		return false, fmt.Errorf("record %x: %w", sort, err)
	}
	return number != keyOf(ring, sort), nil
}

// keyOf is the number of the data key that a record is sealed with now: an
// object's may be its type's own, all others' is the domain's.
func keyOf(ring *seal.Ring, sort []byte) uint32 {
	if sort[0] == 'o' {
		if name, _, ok := bytes.Cut(sort[1:], []byte{0}); ok {
			return ring.TypeKey(string(name))
		}
	}
	return ring.Current()
}

// Reseal seals records of profiles, which need not be there any more, under the
// data keys in force. Those that are are left alone.
func Reseal(ctx context.Context, tx *seal.Tx, keys []store.Key) (done Resealed, err error) {
	for len(keys) > 0 {
		p := keys[0].Partition
		n := 1
		for n < len(keys) && bytes.Equal(keys[n].Partition, p) {
			n++
		}
		if err := resealSome(ctx, tx, keys[:n], &done); err != nil {
			return done, err
		}
		keys = keys[n:]
	}
	return done, nil
}

// resealSome is Reseal for records of one profile.
func resealSome(ctx context.Context, tx *seal.Tx, keys []store.Key, done *Resealed) error {
	all := append([]store.Key{{Partition: keys[0].Partition, Sort: secretSort}}, keys...)
	values, err := tx.GetPlain(ctx, all...)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if values[0] == nil {
		return nil // the profile is gone, and its records with it
	}
	secret, err := seal.SecretOf(values[0])
	if err != nil {
		return err
	}
	view := tx.Under(secret)
	for i, k := range all[1:] {
		rec := store.Record{Key: k, Value: values[i+1]}
		if rec.Value == nil {
			continue
		}
		outdated, err := Outdated(tx.Ring(), rec)
		if err != nil {
			return err
		}
		if !outdated {
			continue
		}
		err = resealRecord(view, rec)
		if errors.Is(err, seal.ErrUnknownKey) {
			done.Locked++
			continue
		}
		if err != nil {
			return err
		}
		done.Records++
	}
	return nil
}

func resealRecord(view *seal.Tx, rec store.Record) error {
	value, err := view.Open(rec.Key, rec.Value)
	if err != nil {
		return err
	}
	number := keyOf(view.Ring(), rec.Key.Sort)
	if !view.Ring().Has(number) {
		return fmt.Errorf("data key %d: %w", number, seal.ErrUnknownKey)
	}
	view.PutWith(number, rec.Key, value)
	return nil
}
