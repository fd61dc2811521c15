package profile

import (
	"context"
	"fmt"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// headKeys are the two records that every work on a profile begins with: the
// secret of its keys, and the head, which is sealed under it.
func headKeys(d domain.ID, id ID) (secret, head store.Key) {
	p := partition(d, id)
	return store.Key{Partition: p, Sort: secretSort}, store.Key{Partition: p, Sort: headSort}
}

// enter opens a head that was read as it is stored, and the view of the
// transaction under the profile's secret: all records of the profile but its keys'
// hashes are read and written through that.
func enter(tx *seal.Tx, k store.Key, secret, stored []byte) (*seal.Tx, *head, error) {
	s, err := seal.SecretOf(secret)
	if err != nil {
		return nil, nil, fmt.Errorf("profile: %w", err)
	}
	view := tx.Under(s)
	h, err := readHead(&view.Reader, k, stored, decodeHead)
	if err != nil {
		return nil, nil, err
	}
	h.secret = s
	return view, h, nil
}

// openHead is enter for a reader; the head has the secret.
func openHead(r *seal.Reader, k store.Key, secret, stored []byte, decode func([]byte) (*head, error)) (*head, error) {
	s, err := seal.SecretOf(secret)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	h, err := readHead(r.Under(s), k, stored, decode)
	if err != nil {
		return nil, err
	}
	h.secret = s
	return h, nil
}

func readHead(view *seal.Reader, k store.Key, sealed []byte, decode func([]byte) (*head, error)) (*head, error) {
	value, err := view.Open(k, sealed)
	if err != nil {
		return nil, err
	}
	return decode(value)
}

// ViewOf is a view of a reader under the secret of a base profile; nil if the
// profile is gone.
func ViewOf(ctx context.Context, r *seal.Reader, d domain.ID, id ID) (*seal.Reader, error) {
	heads, err := readHeads(ctx, r, d, []ID{id})
	if err != nil || heads[0] == nil {
		return nil, err
	}
	return r.Under(heads[0].secret), nil
}
