package profile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// TestMergesUnderContention: merges, their undoing, edits, records and deletions
// that meet on a few profiles leave profiles, groups, index and totals that are
// what the contributions say.
func TestMergesUnderContention(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			seed := seedOf(t, 0)
			t.Logf("seed %d", seed)
			w := ingesttest.NewOn(t, engine)
			w.NewDomain(sequenceDomain)
			for _, name := range []string{"Crm", "Shop"} {
				w.PutType(sequenceDomain, name, sequenceTypes[name])
			}
			ingestion := w.Quiet()
			ctx := context.Background()
			var mu sync.Mutex // guards ids and merges
			var ids, merges []string
			for i := range 6 {
				ids = append(ids, w.Put(sequenceDomain, "Crm", fmt.Sprintf(`{"id":"C%d","mail":"%d@x.org","first":"Ann"}`, i, i%3)).String())
			}
			expected := func(err error) error {
				var f *fault.Error
				if errors.As(err, &f) && (f.Kind == fault.NotFound || f.Kind == fault.Invalid || f.Kind == fault.Busy) {
					return nil
				}
				return err
			}
			work := func(r *rand.Rand) error {
				pick := func(list *[]string) string {
					mu.Lock()
					defer mu.Unlock()
					if len(*list) == 0 {
						return strings.Repeat("0", 32)
					}
					return (*list)[r.IntN(len(*list))]
				}
				switch n := r.IntN(100); {
				case n < 25:
					out, err := w.Profiles.MergeProfiles(ctx, &profileapi.MergeProfilesRequest{DomainName: sequenceDomain, MainProfileId: pick(&ids), ProfileIdsToBeMerged: []string{pick(&ids)}})
					if err == nil {
						mu.Lock()
						merges = append(merges, (*out.Message)[len(*out.Message)-32:])
						mu.Unlock()
					}
					return expected(err)
				case n < 45:
					_, err := w.Profiles.Unmerge(ctx, sequenceDomain, pick(&merges))
					return expected(err)
				case n < 60:
					_, err := w.Profiles.UpdateProfile(ctx, &profileapi.UpdateProfileRequest{DomainName: sequenceDomain, ProfileId: pick(&ids), LastName: new(fmt.Sprint("L", n))})
					return expected(err)
				case n < 64:
					_, err := w.Profiles.DeleteProfile(ctx, &profileapi.DeleteProfileRequest{DomainName: sequenceDomain, ProfileId: pick(&ids)})
					return expected(err)
				}
				body := fmt.Sprintf(`{"id":"C%d","mail":"%d@x.org","first":"Bea"}`, r.IntN(8), r.IntN(3))
				typeName := "Crm"
				if r.IntN(2) == 0 {
					typeName = "Shop"
				}
				results, err := ingestion.Put(ctx, sequenceDomain, typeName, []string{body})
				if err != nil {
					return expected(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if results[0].Err == nil {
					ids = append(ids, results[0].Profile.String())
				}
				return expected(results[0].Err)
			}
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(g)))
					for range 120 {
						if err := work(r); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			found, err := profile.Verify(ctx, w.Domains, sequenceDomain)
			if err != nil || len(found) > 0 {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
}
