// Package pgstoretest opens stores on the PostgreSQL server of package pgtest, for
// tests.
package pgstoretest

import (
	"context"
	"testing"
	"time"

	"kindred/internal/store"
	"kindred/internal/store/pgstore"
	"kindred/internal/store/pgstore/pgtest"
)

// bits is the size of buckets in tests: few, so that they are made soon and
// partitions share them now and then.
const bits = 10

// Options are those of stores in tests.
func Options(clock func() time.Time) pgstore.Options {
	return pgstore.Options{Clock: clock, Bits: bits}
}

// Open opens an empty store on the shared server.
func Open(t testing.TB, clock func() time.Time) store.Store {
	t.Helper()
	s := pgtest.Shared(t)
	return OpenURL(t, s.URL(s.Database(t)), Options(clock))
}

// OpenURL opens a store. A server with fsync off is accepted.
func OpenURL(t testing.TB, url string, o pgstore.Options) *pgstore.Store {
	t.Helper()
	c, err := pgstore.ParseURL(url + "&kindred_unsafe=on")
	if err != nil {
		t.Fatal(err)
	}
	st, err := pgstore.Open(context.Background(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	return st
}
