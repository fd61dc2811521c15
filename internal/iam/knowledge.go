package iam

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"kindred/internal/store"
)

// Staleness bounds how long a node may act on what another node has changed.
const Staleness = time.Second

// knowledge is what this node remembers of the store: identities with all that
// authentication needs of them, and the newest revision it has heard of. An
// identity read at an older revision is not used.
type knowledge struct {
	revision atomic.Uint64
	checked  atomic.Int64 // Unix nanoseconds at which revision was the store's

	mu         sync.RWMutex // guards the following
	young, old map[string]*identity
}

// identitiesPerGeneration bounds each of the two generations of identities; a
// full young one becomes the old one. Keys are access key identifiers and
// session tokens, the latter of some kilobytes at most.
const identitiesPerGeneration = 2048

// advance records that the store has reached a revision.
func (k *knowledge) advance(revision uint64) {
	for {
		now := k.revision.Load()
		if now >= revision || k.revision.CompareAndSwap(now, revision) {
			return
		}
	}
}

// doubt makes the next request ask the store again.
func (k *knowledge) doubt() { k.checked.Store(0) }

// confirm makes sure that the known revision was the store's own at most
// Staleness ago.
func (s *Service) confirm(ctx context.Context, now time.Time) error {
	since := now.UnixNano() - s.known.checked.Load()
	if 0 <= since && since < int64(Staleness) { // a clock that was set back does not count as fresh
		return nil
	}
	var l ledger
	err := s.view(ctx, func(r store.Reader) (err error) {
		l, err = readLedger(ctx, r)
		return err
	})
	if err != nil {
		return err
	}
	s.known.advance(l.revision)
	s.known.checked.Store(now.UnixNano()) // the time before the question
	return nil
}

// find returns a remembered identity that is still current.
func (k *knowledge) find(key string) *identity {
	k.mu.RLock()
	id, young := k.young[key]
	if !young {
		id = k.old[key]
	}
	k.mu.RUnlock()
	if id == nil || id.revision < k.revision.Load() {
		return nil
	}
	if !young {
		k.remember(key, id)
	}
	return id
}

func (k *knowledge) remember(key string, id *identity) {
	k.advance(id.revision)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.young == nil || len(k.young) >= identitiesPerGeneration {
		k.young, k.old = make(map[string]*identity), k.young
	}
	k.young[key] = id
}
