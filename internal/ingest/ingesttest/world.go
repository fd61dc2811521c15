// Package ingesttest puts the concepts from domains to ingestion together for
// tests: real services over a chosen engine, with a clock that only moves when
// told to, a key service and a dead letter queue in memory.
package ingesttest

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/datakey"
	"kindred/internal/deadletter"
	"kindred/internal/domain"
	"kindred/internal/ingest"
	"kindred/internal/integration"
	"kindred/internal/objecttype"
	"kindred/internal/page"
	"kindred/internal/profile"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/internal/store/pebblestore"
	"kindred/internal/store/pgstore/pgstoretest"
	"kindred/internal/tag"
)

// Region and Account are those of the world's ARNs.
const (
	Region  = "eu-central-1"
	Account = "111122223333"
)

// World is a node without its wire.
type World struct {
	T            testing.TB
	Store        store.Store
	Clock        *Clock
	Keys         *Keys
	Check        *Checker
	Queues       *Queues
	Outbox       *deadletter.Outbox
	Domains      *domain.Domains
	Domain       *domain.Service
	Types        *objecttype.Types // whose bounds of a profile a test may lower
	TypeService  *objecttype.Service
	Profiles     *profile.Service
	Sweeper      *profile.Sweeper
	Ingest       *ingest.Service
	Integrations *integration.Service
	Tags         *tag.Service
	Outcomes     map[string]int // what ingestion counted; for tests with one goroutine
	Expired      Expired        // what the sweeper counted
}

// Expired counts what sweeps have removed.
type Expired struct{ Objects, Profiles atomic.Int64 }

// Engine makes an empty engine of which Tx.Now reads a clock.
type Engine func(t testing.TB, now func() time.Time) store.Store

// Memory is the memory engine.
func Memory(_ testing.TB, now func() time.Time) store.Store {
	return memstore.New(memstore.WithClock(now))
}

// Pebble is the embedded engine on a file system in memory.
func Pebble(t testing.TB, now func() time.Time) store.Store {
	t.Helper()
	s, err := pebblestore.Open("/data/store", pebblestore.Options{FS: vfs.NewMem(), Clock: now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Postgres is the engine for many nodes, on a server that the tests of a package
// share: its TestMain must call [pgtest.Main].
func Postgres(t testing.TB, now func() time.Time) store.Store {
	t.Helper()
	return pgstoretest.Open(t, now)
}

// New makes a world on the memory engine.
func New(t testing.TB) *World { t.Helper(); return NewOn(t, Memory) }

// NewOn makes a world on an engine, which is closed with the test.
func NewOn(t testing.TB, engine Engine) *World {
	t.Helper()
	clock := NewClock()
	s := engine(t, clock.Now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return Over(t, s, clock, NewKeys())
}

// Over makes a world over an engine and key service that are there: a second
// node, or one that has been started again.
func Over(t testing.TB, s store.Store, clock *Clock, keys *Keys) *World {
	t.Helper()
	w := &World{T: t, Store: s, Clock: clock, Keys: keys, Check: &Checker{}, Queues: NewQueues(), Outcomes: map[string]int{}}
	pages, err := page.New(bytes.Repeat([]byte{7}, datakey.Size))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	w.Domains = domain.NewDomains(s, Cipher(t, "config"), keys, clock.Now)
	w.Domain = domain.NewService(w.Domains, w.Check, pages, Region, Account)
	types := objecttype.NewTypes()
	w.Types = types
	w.Profiles = profile.NewService(w.Domains, types, pages)
	w.TypeService = objecttype.NewService(types, w.Domains, w.Check, w.Profiles, pages, log)
	w.Outbox = deadletter.New(s, Cipher(t, "outbox"), w.Domains, w.Queues, log)
	w.Ingest = ingest.NewService(w.Domains, types, w.Outbox, func(outcome string, n int) {
		if n > 0 {
			w.Outcomes[outcome] += n
		}
	})
	w.Sweeper = profile.NewSweeper(w.Domains, clock.Now, log, func(objects, profiles int) {
		w.Expired.Objects.Add(int64(objects))
		w.Expired.Profiles.Add(int64(profiles))
	})
	w.Integrations = integration.NewService(w.Domains, types, pages, log)
	w.Tags = tag.NewService(w.Domains, Region, Account, func(c *domain.Config, tail string) bool {
		name, ok := cutPrefix(tail, "object-types/")
		if ok {
			return types.Exists(c, name)
		}
		uri, ok := cutPrefix(tail, "integrations/")
		return ok && integration.Exists(c, uri)
	})
	return w
}

// Quiet is ingestion that counts nothing, for use by many goroutines.
func (w *World) Quiet() *ingest.Service {
	return ingest.NewService(w.Domains, w.Types, w.Outbox, nil)
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return "", false
	}
	return s[len(prefix):], true
}

// Cipher is a cipher that is the same in each world.
func Cipher(t testing.TB, name string) tink.AEAD {
	t.Helper()
	key := make([]byte, datakey.Size)
	copy(key, name)
	a, err := datakey.AEAD(key)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Dump reads all records of an engine.
func Dump(t testing.TB, s store.Store) []store.Record {
	t.Helper()
	var all []store.Record
	var after store.Key
	for {
		list, err := s.ScanPrefix(context.Background(), nil, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
		if len(list) < 1000 {
			return all
		}
		after = list[len(list)-1].Key
	}
}
