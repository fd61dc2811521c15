package pgstore_test

import (
	"context"
	"fmt"
	"log/slog"
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

// writers write with several stores at once, until the function that it returns is
// called.
func (a *account) writers(t *testing.T, n int, stores ...store.Store) (stop func()) {
	var done atomic.Bool
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				if err := a.write(context.Background(), stores[w%len(stores)], fmt.Sprintf("%d-%d", w, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() {
		done.Store(true)
		wg.Wait()
	}
}

// TestFailOver: the primary dies while two nodes write, and its standby, which has all
// that was acknowledged, takes over. The nodes find it by themselves.
func TestFailOver(t *testing.T) {
	modes(t, func(t *testing.T, o pgstore.Options) {
		primary := pgtest.New(t)
		database := primary.Database(t)
		standby := primary.Standby(t)
		o.Patience = time.Minute
		url := primary.Either(database, primary.Address(), standby.Address())
		stores := []store.Store{pgstoretest.OpenURL(t, url, o), pgstoretest.OpenURL(t, url, o)}
		for _, s := range stores {
			closing(t, s)
		}
		a := newAccount()
		stop := a.writers(t, 8, stores...)
		a.atLeast(t, 80)
		if err := primary.Kill(); err != nil {
			t.Fatal(err)
		}
		standby.Promote(t)
		a.atLeast(t, 80)
		stop()
		a.check(t, stores[0])
		if len(a.unknown)+len(a.failed) > 0 {
			t.Errorf("%d unknown and %d refused although there was a primary again", len(a.unknown), len(a.failed))
		}
	})
}

// TestAStandbyThatIsAwayHoldsUpAcknowledgements: while the standby is down nothing is
// acknowledged that only the primary has.
func TestAStandbyThatIsAwayHoldsUpAcknowledgements(t *testing.T) {
	primary := pgtest.New(t)
	database := primary.Database(t)
	standby := primary.Standby(t)
	s := pgstoretest.OpenURL(t, primary.Either(database, primary.Address(), standby.Address()), pgstoretest.Options(nil))
	closing(t, s)
	put := func(ctx context.Context, sort string) error {
		return s.Update(ctx, func(tx store.Tx) error { tx.Put(key("p", sort), nil); return nil })
	}
	if err := put(context.Background(), "before"); err != nil {
		t.Fatal(err)
	}
	if err := standby.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- put(ctx, "meanwhile") }()
	<-ctx.Done()
	select {
	case err := <-answer:
		if err == nil {
			t.Error("an update was acknowledged that the standby does not have")
		}
	default: // it waits on
	}
	if err := standby.Start(); err != nil {
		t.Fatal(err)
	}
	<-answer // whatever came of it
	if err := put(context.Background(), "after"); err != nil {
		t.Fatal(err)
	}
}

// TestPointInTimeRecovery: a base backup taken under load, the log archived since, and a
// time give back what had been acknowledged by then, and nothing of what came after.
func TestPointInTimeRecovery(t *testing.T) {
	archive, settings := pgtest.Archive(t)
	server := pgtest.New(t, settings...)
	database := server.Database(t)
	s := pgstoretest.OpenURL(t, server.URL(database), pgstoretest.Options(nil))
	closing(t, s)
	before := newAccount()
	stop := before.writers(t, 6, s)
	before.atLeast(t, 60)
	backup := server.BaseBackup(t)
	before.atLeast(t, 60)
	stop()
	var until time.Time
	conn, err := pgx.Connect(context.Background(), server.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), "SELECT clock_timestamp()").Scan(&until); err != nil {
		t.Fatal(err)
	}
	// The mistake that is to be undone: what is there goes, and other things come.
	for _, prefix := range []string{"own", "log", "shared", "total"} {
		if err := s.DropPrefix(context.Background(), []byte(prefix)); err != nil {
			t.Fatal(err)
		}
	}
	after := newAccount()
	stop = after.writers(t, 6, s)
	after.atLeast(t, 30)
	stop()
	server.ArchiveAll(t, archive)

	restored := pgstoretest.OpenURL(t, backup.Restore(t, archive, until).URL(database), pgstoretest.Options(nil))
	closing(t, restored)
	before.check(t, restored)
	if len(before.unknown)+len(before.failed) > 0 {
		t.Errorf("%d unknown and %d refused", len(before.unknown), len(before.failed))
	}
	// It is a store like any other.
	again := newAccount()
	for i := range 20 {
		if err := again.write(context.Background(), restored, fmt.Sprintf("again-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(again.acked) != 20 {
		t.Errorf("%d of 20 updates of the restored store were acknowledged", len(again.acked))
	}
}

// TestOpeningWaitsForTheServer: a node that starts before its database does is there
// when that is.
func TestOpeningWaitsForTheServer(t *testing.T) {
	server := pgtest.New(t)
	url := server.URL(server.Database(t))
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	c, err := pgstore.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{})
	o := pgstoretest.Options(nil)
	o.Logger = slog.New(slog.NewTextHandler(onWrite(sync.OnceFunc(func() { close(tried) })), nil))
	opened := make(chan error, 1)
	go func() {
		s, err := pgstore.Open(context.Background(), c, o)
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	<-tried
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// onWrite is a writer that calls a function.
type onWrite func()

func (f onWrite) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}
