package pgstore_test

import (
	"testing"

	"kindred/internal/store"
	"kindred/internal/store/pgstore/pgstoretest"
	"kindred/internal/store/pgstore/pgtest"
	"kindred/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return pgstoretest.Open(t, nil) })
}

// TestConformanceRouted has the suite issue what a distributed database is sent.
func TestConformanceRouted(t *testing.T) {
	s := pgtest.Shared(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		return pgstoretest.OpenURL(t, s.URL(s.Database(t)), pgstoretest.Options(nil).Routed())
	})
}
