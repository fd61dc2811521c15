package profile_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// everyRecord makes a domain with profiles that have every kind of record.
func everyRecord(t *testing.T, w *ingesttest.World) (cfg *domain.Config, ids []profile.ID) {
	t.Helper()
	w.Types.MaxObjects = 3
	w.NewDomain("d")
	w.PutType("d", "Registration", registration)
	w.PutType("d", "Visit", visit(1))
	for i := range 3 {
		mail := fmt.Sprintf("%d@x.org", i)
		p := w.Put("d", "Registration", fmt.Sprintf(`{"no":"R%d","mail":"%s","serial":"S%d"}`, i, mail, i))
		for j := range 3 { // one more than there is room for
			w.Put("d", "Visit", fmt.Sprintf(`{"no":"V%d-%d","mail":"%s","tier":"gold"}`, i, j, mail))
		}
		w.Edit("d", p, `{"FirstName":"Ann"}`)
		if _, err := w.Profiles.AddProfileKey(w.Ctx(), &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: p.String(), KeyName: "_account", Values: []string{"A"}}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p, w.Create("d", `{"FirstName":"Bea"}`))
	}
	for i := 0; i < 4; i += 2 {
		if _, err := w.Profiles.MergeProfiles(w.Ctx(), &profileapi.MergeProfilesRequest{DomainName: "d", MainProfileId: ids[i].String(), ProfileIdsToBeMerged: []string{ids[i+1].String()}}); err != nil {
			t.Fatal(err)
		}
	}
	verified(t, w)
	cfg, err := w.Domains.Config(w.Ctx(), "d")
	if err != nil {
		t.Fatal(err)
	}
	return cfg, ids
}

// kinds lists the kinds of partition of a domain, with the kinds of record of
// those of profiles.
func kinds(t *testing.T, w *ingesttest.World, id domain.ID) string {
	t.Helper()
	var list []string
	for _, rec := range ingesttest.Dump(t, w.Store) {
		rest, ok := bytes.CutPrefix(rec.Key.Partition, id.Prefix())
		if !ok {
			continue
		}
		kind := string(rest[:1])
		if kind == "p" {
			kind += string(rec.Key.Sort[:1])
			if kind == "pc" && bytes.HasSuffix(rec.Key.Sort, make([]byte, seal.HashSize)) {
				kind += "0" // a residue
			}
		}
		if !slices.Contains(list, kind) {
			list = append(list, kind)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func totals(t *testing.T, w *ingesttest.World, cfg *domain.Config) (sum domain.Totals) {
	t.Helper()
	err := w.Store.View(w.Ctx(), func(r store.Reader) (err error) {
		sum, err = cfg.Totals(w.Ctx(), r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestInvariant6DeletedProfilesLeaveNothing: in a domain whose profiles are
// deleted, or have expired, there is its configuration and nothing else.
func TestInvariant6DeletedProfilesLeaveNothing(t *testing.T) {
	const all = "c k m pa pc pc0 pg ph pi pj pk pm po ps py u x"
	for name, engine := range engines {
		for how, end := range map[string]func(t *testing.T, w *ingesttest.World, ids []profile.ID){
			"deleted": func(t *testing.T, w *ingesttest.World, ids []profile.ID) {
				for i, id := range ids {
					if i == 1 || i == 3 { // gone with what it was merged into
						continue
					}
					if _, err := w.Profiles.DeleteProfile(w.Ctx(), &profileapi.DeleteProfileRequest{DomainName: "d", ProfileId: id.String()}); err != nil {
						t.Fatal(err)
					}
				}
			},
			"expired": func(_ *testing.T, w *ingesttest.World, _ []profile.ID) {
				w.Clock.Step(367 * day)
				w.Sweep()
			},
		} {
			t.Run(how+" "+name, func(t *testing.T) {
				w := ingesttest.NewOn(t, engine)
				cfg, ids := everyRecord(t, w)
				if got := kinds(t, w, cfg.ID); got != all {
					t.Fatalf("there are records of the kinds %s, want %s", got, all)
				}
				if got := totals(t, w, cfg); got.Profiles != 4 || got.Objects != 9 || got.Bytes == 0 {
					t.Fatalf("totals %+v", got)
				}
				end(t, w, ids)
				if got := kinds(t, w, cfg.ID); got != "c z" { // z: that there was a profile, under a hash of its id
					t.Errorf("left are records of the kinds %s", got)
				}
				if got := totals(t, w, cfg); got != (domain.Totals{}) {
					t.Errorf("left are totals %+v", got)
				}
				verified(t, w)
			})
		}
	}
}

// TestInvariant6DeletedDomainLeavesNoTotals: of a deleted domain there is no
// record and no count.
func TestInvariant6DeletedDomainLeavesNoTotals(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w := ingesttest.NewOn(t, engine)
			cfg, _ := everyRecord(t, w)
			if _, err := w.Domain.DeleteDomain(w.Ctx(), &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
				t.Fatal(err)
			}
			for _, rec := range ingesttest.Dump(t, w.Store) {
				t.Errorf("there is still %q/%q", rec.Key.Partition, rec.Key.Sort)
			}
			if got := totals(t, w, cfg); got != (domain.Totals{}) {
				t.Errorf("left are totals %+v", got)
			}
		})
	}
}
