package profile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// TestContentionOfOneKey: of many calls with the same new key one makes the
// profile, and all objects are on it.
func TestContentionOfOneKey(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w := ingesttest.NewOn(t, engine)
			w.NewDomain("d")
			w.PutType("d", "Crm", crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm"}))
			const n = 64
			ids := make([]profile.ID, n)
			parallel(n, func(i int) {
				for { // an update that lost too often says so, and the client comes again
					var err error
					if ids[i], err = attach(w, fmt.Sprintf(`{"id":"%d","crm":"A"}`, i)); !fault.Is(err, fault.Busy) {
						if err != nil {
							t.Error(err)
						}
						return
					}
				}
			})
			for i := range ids {
				same(t, fmt.Sprint("call ", i), ids[i], ids[0])
			}
			if got := len(w.Objects("d", "Crm", ids[0])); got != n {
				t.Errorf("%d objects on the profile, want %d", got, n)
			}
			if got := count(w, "d"); got != 1 {
				t.Errorf("%d profiles", got)
			}
			verified(t, w)
		})
	}
}

// attach ingests a record, for many goroutines.
func attach(w *ingesttest.World, body string) (profile.ID, error) {
	r, err := w.Quiet().Put(context.Background(), "d", "Crm", []string{body})
	if err != nil {
		return profile.ID{}, err
	}
	return r[0].Profile, r[0].Err
}

func parallel(n int, fn func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	wg.Wait()
}

func verified(t *testing.T, w *ingesttest.World) {
	t.Helper()
	found, err := profile.Verify(context.Background(), w.Domains, "d")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

// TestContentionOfManyKeys: calls for different customers do not disturb one
// another, and retries of the same record leave one object.
func TestContentionOfManyKeys(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d")
	w.PutType("d", "Crm", crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm"}))
	ids := make([]profile.ID, 64)
	parallel(len(ids), func(i int) {
		var err error
		if ids[i], err = attach(w, fmt.Sprintf(`{"id":"%d","crm":"%d"}`, i/2, i/2)); err != nil {
			t.Error(err)
		}
	})
	distinct := map[profile.ID]bool{}
	for i := range ids {
		distinct[ids[i]] = true
		same(t, "two calls with one record", ids[i], ids[i-i%2])
	}
	if len(distinct) != 32 || count(w, "d") != 32 {
		t.Errorf("%d profiles of which %d are told", count(w, "d"), len(distinct))
	}
	verified(t, w)
}

// TestContentionWithDeletes: deletions and ingestions at the same time leave
// nothing half done.
func TestContentionWithDeletes(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d")
	w.PutType("d", "Crm", crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm"}))
	p := w.Put("d", "Crm", `{"id":"0","crm":"A","first":"Ann"}`)
	ctx := context.Background()
	parallel(48, func(i int) {
		var err error
		switch i % 3 {
		case 0:
			_, err = attach(w, fmt.Sprintf(`{"id":"%d","crm":"A"}`, i%6))
		case 1:
			_, err = w.Profiles.DeleteProfile(ctx, &profileapi.DeleteProfileRequest{DomainName: "d", ProfileId: p.String()})
		default:
			first := "Bea"
			_, err = w.Profiles.UpdateProfile(ctx, &profileapi.UpdateProfileRequest{DomainName: "d", ProfileId: p.String(), FirstName: &first})
		}
		var f *fault.Error
		if err != nil && (!errors.As(err, &f) || f.Kind != fault.NotFound && f.Kind != fault.Busy) {
			t.Error(err)
		}
	})
	if got := w.Get("d", p); got != nil {
		t.Errorf("the deleted profile is there: %v", got)
	}
	for _, rec := range ingesttest.Dump(t, w.Store) {
		if bytes.Contains(rec.Key.Partition, p[:]) || bytes.Contains(rec.Key.Sort, p[:]) {
			t.Errorf("there is still %x/%x", rec.Key.Partition, rec.Key.Sort)
		}
	}
	verified(t, w)
}
