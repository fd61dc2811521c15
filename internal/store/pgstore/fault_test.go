package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"kindred/internal/store"
	"kindred/internal/store/pgstore"
	"kindred/internal/store/pgstore/pgstoretest"
	"kindred/internal/store/pgstore/pgtest"
)

func key(partition, sort string) store.Key {
	return store.Key{Partition: []byte(partition), Sort: []byte(sort)}
}

// account is what writers have been told of their updates.
type account struct {
	mu      sync.Mutex
	acked   map[string]bool
	unknown map[string]bool
	failed  map[string]bool
}

func newAccount() *account {
	return &account{acked: map[string]bool{}, unknown: map[string]bool{}, failed: map[string]bool{}}
}

// write makes one update: a record of its own, a number in a record that it has in
// common with others, a counter, and an entry in a log of another partition.
func (a *account) write(ctx context.Context, s store.Store, id string) error {
	shared := "shared" + id[len(id)-1:]
	err := s.Update(ctx, func(tx store.Tx) error {
		v, err := tx.Get(ctx, key(shared, "n"), key("own"+id, "k"))
		if err != nil {
			return err
		}
		if v[1] != nil {
			return fmt.Errorf("update %s takes place twice", id)
		}
		n := 0
		if v[0] != nil {
			if n, err = strconv.Atoi(string(v[0])); err != nil {
				return err
			}
		}
		tx.Put(key(shared, "n"), []byte(strconv.Itoa(n+1)))
		tx.Put(key("own"+id, "k"), []byte("v"))
		tx.Put(key("log"+id[len(id)-1:], fmt.Sprintf("%09d", n)), []byte(id))
		tx.Add(key("total", "n"), 1)
		return nil
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.acked[id] = true
	case errors.Is(err, store.ErrUnknownOutcome):
		a.unknown[id] = true
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrConflict), errors.Is(err, context.DeadlineExceeded):
		a.failed[id] = true
	default:
		return err
	}
	return nil
}

// check compares what is stored with what was told: all that was acknowledged is
// there once, all that failed is not, and what belongs together agrees.
func (a *account) check(t *testing.T, s store.Store) {
	t.Helper()
	ctx := context.Background()
	own, err := s.ScanPrefix(ctx, []byte("own"), store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, r := range own {
		id := string(r.Key.Partition[len("own"):])
		there[id] = true
		if !a.acked[id] && !a.unknown[id] {
			t.Errorf("update %s failed and took place", id)
		}
	}
	for id := range a.acked {
		if !there[id] {
			t.Errorf("update %s was acknowledged and is lost", id)
		}
	}
	logs, err := s.ScanPrefix(ctx, []byte("log"), store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range logs {
		if !there[string(r.Value)] {
			t.Errorf("the log has update %s of which the rest is missing", r.Value)
		}
	}
	sum := 0
	numbers, err := s.ScanPrefix(ctx, []byte("shared"), store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range numbers {
		n, err := strconv.Atoi(string(r.Value))
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	var total int64
	err = s.View(ctx, func(r store.Reader) error {
		n, err := r.Count(ctx, key("total", "n"))
		if err == nil {
			total = n[0]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(logs) != len(there) || sum != len(there) || total != int64(len(there)) {
		t.Errorf("%d updates took place: %d in the logs, %d by their numbers, %d by the counter", len(there), len(logs), sum, total)
	}
	t.Logf("%d acknowledged, %d of unknown outcome, %d refused; %d took place", len(a.acked), len(a.unknown), len(a.failed), len(there))
}

// atLeast waits until writers have had n more updates acknowledged.
func (a *account) atLeast(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.acked)
	}
	from := count()
	deadline := time.Now().Add(time.Minute)
	for count() < from+more {
		if time.Now().After(deadline) {
			t.Fatalf("no %d updates within a minute", more)
		}
		<-time.After(time.Millisecond)
	}
}

func modes(t *testing.T, test func(t *testing.T, options pgstore.Options)) {
	for name, o := range map[string]pgstore.Options{"plain": pgstoretest.Options(nil), "routed": pgstoretest.Options(nil).Routed()} {
		t.Run(name, func(t *testing.T) { test(t, o) })
	}
}

func closing(t *testing.T, s store.Store) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestKilledServer kills PostgreSQL again and again while two nodes write: what was
// acknowledged is there when it has recovered, once.
func TestKilledServer(t *testing.T) {
	modes(t, func(t *testing.T, o pgstore.Options) {
		server := pgtest.New(t, "checkpoint_timeout=30s")
		url := server.URL(server.Database(t))
		stores := []store.Store{pgstoretest.OpenURL(t, url, o), pgstoretest.OpenURL(t, url, o)}
		for _, s := range stores {
			closing(t, s)
		}
		a := newAccount()
		var done atomic.Bool
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := 0; !done.Load(); i++ {
					if err := a.write(context.Background(), stores[w%2], fmt.Sprintf("%d-%d", w, i)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 3 {
			a.atLeast(t, 40)
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
		}
		a.atLeast(t, 40)
		done.Store(true)
		wg.Wait()
		a.check(t, stores[0])
		if len(a.unknown) > 0 {
			t.Errorf("%d outcomes could not be found out although the server came back", len(a.unknown))
		}
	})
}

// TestTerminatedConnections ends connections from the server's side while they work.
func TestTerminatedConnections(t *testing.T) {
	modes(t, func(t *testing.T, o pgstore.Options) {
		server := pgtest.Shared(t)
		database := server.Database(t)
		s := pgstoretest.OpenURL(t, server.URL(database), o)
		closing(t, s)
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, server.URL(database))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		a := newAccount()
		var done atomic.Bool
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for i := 0; !done.Load(); i++ {
					if err := a.write(ctx, s, fmt.Sprintf("%d-%d", w, i)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		ended := 0
		for range 60 {
			a.atLeast(t, 3)
			var n int
			// Those at work: most are in the midst of a commit.
			err := conn.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'kindred' AND state = 'active' AND pid <> pg_backend_pid()`).Scan(&n)
			if err != nil {
				t.Fatal(err)
			}
			ended += n
		}
		done.Store(true)
		wg.Wait()
		if ended == 0 {
			t.Error("no connection was ended while it worked")
		}
		a.check(t, s)
		if len(a.unknown)+len(a.failed) > 0 {
			t.Errorf("%d unknown and %d failed although the server was there", len(a.unknown), len(a.failed))
		}
	})
}

// isCommit tells of the last statement of a commit, with parameters that are binary.
func isCommit(data []byte) bool {
	return bytes.Contains(data, []byte("kindred_mark\x00\x00\x01\x00\x01"))
}

// TestCutConnections breaks one commit in three on its way, some before the server
// has heard of it and some after: the engine finds out which.
func TestCutConnections(t *testing.T) {
	modes(t, func(t *testing.T, o pgstore.Options) {
		server := pgtest.Shared(t)
		var mu sync.Mutex
		rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
		cut := map[pgtest.Fate]int{}
		proxy := pgtest.NewProxy(t, server.Address(), func(data []byte) pgtest.Fate {
			mu.Lock()
			defer mu.Unlock()
			fate := pgtest.Deliver
			if isCommit(data) {
				fate = []pgtest.Fate{pgtest.CutBefore, pgtest.CutAfter, pgtest.Deliver, pgtest.Deliver, pgtest.Deliver, pgtest.Deliver}[rng.IntN(6)]
				cut[fate]++
			}
			return fate
		})
		s := pgstoretest.OpenURL(t, proxy.URL(server, server.Database(t)), o)
		closing(t, s)
		a := newAccount()
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 40 {
					if err := a.write(context.Background(), s, fmt.Sprintf("%d-%d", w, i)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		a.check(t, s)
		if len(a.acked) != 160 {
			t.Errorf("%d of 160 updates were acknowledged", len(a.acked))
		}
		if cut[pgtest.CutBefore] == 0 || cut[pgtest.CutAfter] == 0 {
			t.Errorf("not all was tried: %v", cut)
		}
	})
}

// TestALateCommitIsFenced has the network keep a commit, while its client makes the
// update again on another connection, and deliver it then. It writes without
// reading, so that nothing but the fence is in its way.
func TestALateCommitIsFenced(t *testing.T) {
	modes(t, func(t *testing.T, o pgstore.Options) {
		server := pgtest.Shared(t)
		var kept atomic.Bool
		proxy := pgtest.NewProxy(t, server.Address(), func(data []byte) pgtest.Fate {
			if isCommit(data) && kept.CompareAndSwap(false, true) {
				return pgtest.CutAndHoldBack
			}
			return pgtest.Deliver
		})
		s := pgstoretest.OpenURL(t, proxy.URL(server, server.Database(t)), o)
		closing(t, s)
		ctx := context.Background()
		runs := 0
		err := s.Update(ctx, func(tx store.Tx) error {
			runs++
			tx.Put(key("p", "run"), fmt.Append(nil, runs))
			tx.Add(key("p", "n"), 1)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Update(ctx, func(tx store.Tx) error { tx.Put(key("p", "later"), nil); return nil }); err != nil {
			t.Fatal(err)
		}
		if n, err := proxy.Release(); n != 1 || err != nil {
			t.Fatalf("released %d commits: %v", n, err)
		}
		err = s.View(ctx, func(r store.Reader) error {
			v, err := r.Get(ctx, key("p", "run"))
			if err != nil {
				return err
			}
			n, err := r.Count(ctx, key("p", "n"))
			if err != nil {
				return err
			}
			if runs != 2 || string(v[0]) != "2" || n[0] != 1 {
				t.Errorf("after %d runs the record is of run %s and the counter %d", runs, v[0], n[0])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestUnknownOutcome: when the server stays away after a commit was sent, the engine
// says that it does not know, within its patience.
func TestUnknownOutcome(t *testing.T) {
	server := pgtest.Shared(t)
	var proxy *pgtest.Proxy
	var armed atomic.Bool
	proxy = pgtest.NewProxy(t, server.Address(), func(data []byte) pgtest.Fate {
		if isCommit(data) && armed.Load() {
			proxy.SetDown(true)
			return pgtest.CutAfter
		}
		return pgtest.Deliver
	})
	o := pgstoretest.Options(nil)
	o.Patience = 200 * time.Millisecond
	s := pgstoretest.OpenURL(t, proxy.URL(server, server.Database(t)), o)
	closing(t, s)
	ctx := context.Background()
	armed.Store(true)
	err := s.Update(ctx, func(tx store.Tx) error { tx.Put(key("p", "k"), []byte("v")); return nil })
	if !errors.Is(err, store.ErrUnknownOutcome) {
		t.Fatalf("got %v, want ErrUnknownOutcome", err)
	}
	proxy.CutAll()
	view := func() (v [][]byte, err error) {
		err = s.View(ctx, func(r store.Reader) (err error) { v, err = r.Get(ctx, key("p", "k")); return err })
		return v, err
	}
	if _, err := view(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while the server is away: %v, want ErrUnavailable", err)
	}
	armed.Store(false)
	proxy.SetDown(false)
	if v, err := view(); err != nil || string(v[0]) != "v" {
		t.Errorf("when it is back: %q, %v", v, err)
	}
}

// TestTwoNodes: nodes with a store each conflict with one another as updates of one
// node do.
func TestTwoNodes(t *testing.T) {
	modes(t, func(t *testing.T, o pgstore.Options) {
		server := pgtest.Shared(t)
		url := server.URL(server.Database(t))
		stores := []store.Store{pgstoretest.OpenURL(t, url, o), pgstoretest.OpenURL(t, url, o)}
		for _, s := range stores {
			closing(t, s)
		}
		a := newAccount()
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 25 {
					if err := a.write(context.Background(), stores[w%2], fmt.Sprintf("%d-%d", w, i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		a.check(t, stores[1])
		if len(a.acked) != 200 {
			t.Errorf("%d of 200 updates were acknowledged", len(a.acked))
		}
	})
}
