package deadletter

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"kindred/internal/store"
)

// roundKey is the record that says which node goes through the outbox, and until
// when: a version byte, the node, and a time in microseconds. It is in a partition
// of its own so that letters which arrive do not disturb it.
var roundKey = store.Key{Partition: []byte("outbox/round"), Sort: []byte("holder")}

const (
	roundVersion = 1
	roundLasts   = 3 * sendWithin // after which another node goes on
)

// errOthersRound: another node goes through the outbox.
var errOthersRound = errors.New("another node delivers letters")

// round is a node's right to go through the outbox. It is no more than good manners:
// a node that lost it without knowing, because it was stopped for a while, may
// deliver a letter that another delivers too, as letters may be delivered twice.
type round struct {
	store store.Store
	node  [16]byte
	taken time.Time // zero: it is not ours
}

func newRound(s store.Store) round {
	t := round{store: s}
	_, _ = rand.Read(t.node[:]) // never fails
	return t
}

// take makes sure that the round is ours for the time that a letter takes.
func (t *round) take(ctx context.Context) error {
	now := time.Now()
	if !t.taken.IsZero() && now.Sub(t.taken) < roundLasts/3 {
		return nil
	}
	err := t.store.Update(ctx, func(tx store.Tx) error {
		values, err := tx.Get(ctx, roundKey)
		if err != nil {
			return err
		}
		if v := values[0]; v != nil {
			if len(v) != 1+len(t.node)+8 || v[0] != roundVersion {
				return fmt.Errorf("outbox: round: %w", store.ErrCorrupt)
			}
			until := time.UnixMicro(int64(binary.BigEndian.Uint64(v[1+len(t.node):])))
			if !bytes.Equal(v[1:1+len(t.node)], t.node[:]) && tx.Now().Before(until) {
				return errOthersRound
			}
		}
		v := append([]byte{roundVersion}, t.node[:]...)
		tx.Put(roundKey, binary.BigEndian.AppendUint64(v, uint64(tx.Now().Add(roundLasts).UnixMicro())))
		return nil
	})
	t.taken = time.Time{}
	if err == nil {
		t.taken = now
	}
	return err
}

// end gives the round back. If that fails it runs out.
func (t *round) end(ctx context.Context) {
	if t.taken.IsZero() {
		return
	}
	t.taken = time.Time{}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), firstDelay)
	defer cancel()
	_ = t.store.Update(ctx, func(tx store.Tx) error {
		values, err := tx.Get(ctx, roundKey)
		if err == nil && len(values[0]) > len(t.node) && bytes.Equal(values[0][1:1+len(t.node)], t.node[:]) {
			tx.Delete(roundKey)
		}
		return err
	})
}
