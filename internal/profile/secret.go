package profile

import (
	"context"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// enter opens a head that was read as it is stored, and the view of the
// transaction under the secret that it bears: all records of the profile but its
// keys' hashes are read and written through that.
func enter(tx *seal.Tx, k store.Key, stored []byte) (*seal.Tx, *head, error) {
	secret, sealed, err := seal.SecretOf(stored)
	if err != nil {
		return nil, nil, err
	}
	view := tx.Under(secret)
	h, err := readHead(&view.Reader, k, sealed)
	if err != nil {
		return nil, nil, err
	}
	h.secret = secret
	return view, h, nil
}

// openHead is enter for a reader; the head has the secret.
func openHead(r *seal.Reader, k store.Key, stored []byte) (*head, error) {
	secret, sealed, err := seal.SecretOf(stored)
	if err != nil {
		return nil, err
	}
	h, err := readHead(r.Under(secret), k, sealed)
	if err != nil {
		return nil, err
	}
	h.secret = secret
	return h, nil
}

func readHead(view *seal.Reader, k store.Key, sealed []byte) (*head, error) {
	value, err := view.Open(k, sealed)
	if err != nil {
		return nil, err
	}
	return decodeHead(value)
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
