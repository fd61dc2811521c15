package node

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"kindred/internal/store"
	"kindred/internal/transfer"
)

// rootCheck is the record by which a store knows its root key: a version byte and
// a MAC under a key derived from it, which tells nothing of it.
var rootCheck = store.Key{Partition: []byte("installation"), Sort: []byte("root key")}

const rootCheckVersion = 1

// ErrRootKey: the store belongs to another root key, and what is sealed there
// cannot be opened with this one.
var ErrRootKey = errors.New("this is not the root key of what is stored: give all nodes of a store the same one")

// BindRootKey makes sure that the node has the root key of its store, and that the
// store is not a copy that was never finished ([transfer.ErrUnfinished]). The first
// node of a store decides which key that is.
func (n *Node) BindRootKey(ctx context.Context) error {
	want := append([]byte{rootCheckVersion}, n.root.MAC("installation", rootCheck.Sort)...)
	return n.store.Update(ctx, func(tx store.Tx) error {
		if err := transfer.FinishedIn(ctx, tx); err != nil {
			return err
		}
		values, err := tx.Get(ctx, rootCheck)
		if err != nil {
			return fmt.Errorf("installation: %w", err)
		}
		switch is := values[0]; {
		case is == nil:
			tx.Put(rootCheck, want)
		case len(is) == 0 || is[0] != rootCheckVersion:
			return fmt.Errorf("installation: version: %w", store.ErrCorrupt)
		case !hmac.Equal(is, want):
			return ErrRootKey
		}
		return nil
	})
}

// healthWithin bounds the look at the store of a question for a node's health.
const healthWithin = 2 * time.Second

// healthy asks the store whether it takes updates.
func healthy(ctx context.Context, s store.Store) error {
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	return s.Ready(ctx)
}
