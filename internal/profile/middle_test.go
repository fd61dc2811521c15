package profile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// writing is what people write of somebody, with addresses of several parts.
func (w *twins) writing() map[string]any {
	m := w.members()
	if w.r.IntN(2) == 0 {
		address := map[string]string{}
		for name, value := range map[string]string{"City": w.one("Oslo", "Bergen"), "Country": w.one("Norge", "Sverige")} {
			address[name] = value
		}
		if w.r.IntN(2) == 0 {
			delete(address, w.one("City", "Country"))
		}
		m["Address"] = address
	}
	return m
}

// mergeBoth makes the same merge in both worlds, or in the first only. It returns
// the id of the merge in the first, empty if it was not made.
func (w *twins) mergeBoth(skip bool) string {
	var standing [][2]string
	for _, x := range w.made {
		if w.stands(x[0]) {
			standing = append(standing, x)
		}
	}
	if len(standing) < 3 {
		return ""
	}
	w.r.Shuffle(len(standing), func(i, j int) { standing[i], standing[j] = standing[j], standing[i] })
	sides := standing[:2+w.r.IntN(2)]
	from := [3]int{-1, -1, -1}
	for i := range from {
		if w.r.IntN(3) == 0 {
			from[i] = w.r.IntN(len(sides))
		}
	}
	id := ""
	w.both(func(i int, world *ingesttest.World) error {
		if i == 1 && skip {
			return nil
		}
		in := &profileapi.MergeProfilesRequest{DomainName: sequenceDomain, MainProfileId: sides[0][i], FieldSourceProfileIds: &profileapi.FieldSourceProfileIds{}}
		for _, s := range sides[1:] {
			in.ProfileIdsToBeMerged = append(in.ProfileIdsToBeMerged, s[i])
		}
		for j, field := range []**string{&in.FieldSourceProfileIds.FirstName, &in.FieldSourceProfileIds.Address, &in.FieldSourceProfileIds.AccountNumber} {
			if from[j] >= 0 {
				*field = &sides[from[j]][i]
			}
		}
		out, err := world.Profiles.MergeProfiles(context.Background(), in)
		if err == nil && i == 0 {
			id = (*out.Message)[len(*out.Message)-32:]
			w.trace = append(w.trace, fmt.Sprint("merge ", id, " ", in.MainProfileId, in.ProfileIdsToBeMerged, from, skip))
		}
		return err
	})
	return id
}

// TestUnmergedInTheMiddleEqualsNeverMade: one of several merges is made in one of
// two worlds only, the others in both. Once it is undone the worlds are the same,
// what later merges chose included.
func TestUnmergedInTheMiddleEqualsNeverMade(t *testing.T) {
	for round := range 60 {
		seed := seedOf(t, round)
		if round == 0 && !*random && *repeated == 0 {
			seed = 3267981338093033197 // it has found a mistake
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newTwins(t, seed)
			ctx := context.Background()
			which, merges, undo := w.r.IntN(3), 0, ""
			for left := 30 + w.r.IntN(50); left > 0 || undo == "" && left > -1000; left-- {
				w.w.Clock.Step(time.Millisecond)
				w.plain.Clock.Step(time.Millisecond)
				switch n := w.r.IntN(100); {
				case n < 25:
					b, _ := json.Marshal(w.writing())
					var made [2]string
					w.both(func(i int, world *ingesttest.World) error {
						in := &profileapi.CreateProfileRequest{}
						if err := json.Unmarshal(b, in); err != nil {
							return err
						}
						in.DomainName = sequenceDomain
						out, err := world.Profiles.CreateProfile(ctx, in)
						if err == nil {
							made[i] = out.ProfileId
						}
						return err
					})
					w.made = append(w.made, made)
					w.trace = append(w.trace, fmt.Sprint("create ", made[0], " ", string(b)))
				case n < 40:
					if len(w.made) == 0 {
						continue
					}
					x := w.made[w.r.IntN(len(w.made))]
					if !w.stands(x[0]) {
						continue
					}
					b, _ := json.Marshal(w.writing())
					w.both(func(i int, world *ingesttest.World) error {
						id, _ := profile.ParseID(x[i])
						world.Edit(sequenceDomain, id, string(b))
						return nil
					})
					w.trace = append(w.trace, fmt.Sprint("edit ", x[0], " ", string(b)))
				case n < 75:
					name := w.types[w.r.IntN(len(w.types))]
					body := w.keyed(name)
					w.both(func(i int, world *ingesttest.World) error {
						r, err := world.Ingest.Put(ctx, sequenceDomain, name, []string{body})
						if err == nil && i == 0 {
							w.trace = append(w.trace, fmt.Sprint("put ", name, " ", body, " ", r[0].Profile, " ", r[0].Err))
						}
						return err
					})
				default:
					if id := w.mergeBoth(merges == which); id != "" {
						if merges == which {
							undo = id
						}
						merges++
					}
				}
			}
			if undo == "" {
				t.Fatalf("only %d merges came about, after\n%s", merges, strings.Join(w.trace, "\n"))
			}
			u, err := w.w.Profiles.Unmerge(ctx, sequenceDomain, undo)
			if err != nil {
				t.Fatal(err)
			}
			w.trace = append(w.trace, fmt.Sprint("undo ", undo, u))
			w.verify(seed)
			if diff := cmp.Diff(canonical(t, w.plain), canonical(t, w.w)); diff != "" {
				t.Errorf("never made, undone:\n%s\nafter\n%s", diff, strings.Join(w.trace, "\n"))
			}
		})
	}
}
