package memstore_test

import (
	"context"
	"testing"
	"time"

	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return memstore.New() })
}

func TestClock(t *testing.T) {
	at := time.Date(2020, 2, 3, 4, 5, 6, 7_891_234, time.FixedZone("east", 3600))
	s := memstore.New(memstore.WithClock(func() time.Time { return at }))
	err := s.Update(context.Background(), func(tx store.Tx) error {
		if want := time.Date(2020, 2, 3, 3, 5, 6, 7_891_000, time.UTC); tx.Now() != want {
			t.Errorf("Now is %v, want %v", tx.Now(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
