package profile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/access"
	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// TestAsOf: whatever happens to profiles, what they were at any time is what was
// read from them then. Objects that move are left out: what has left a profile is
// no part of what it was any more.
func TestAsOf(t *testing.T) {
	for round := range 20 {
		seed := seedOf(t, round)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newTwins(t, seed)
			w.types = []string{"Crm"}
			ctx := context.Background()
			type moment struct {
				at   time.Time
				id   string
				want string
			}
			var moments []moment
			for range 50 {
				w.step()
				if n := len(w.trace); n > 0 && strings.Contains(w.trace[n-1], `"Moved":`) && !strings.Contains(w.trace[n-1], `"Moved":0`) {
					moments = nil // records that only a merge had let in are now known where they went
				}
				ids, err := profile.Standing(ctx, w.w.Domains, sequenceDomain)
				if err != nil {
					t.Fatal(err)
				}
				for part := range slices.Chunk(ids, 20) {
					out, err := w.w.Profiles.BatchGetProfile(ctx, &profileapi.BatchGetProfileRequest{DomainName: sequenceDomain, ProfileIds: part})
					if err != nil {
						t.Fatal(err)
					}
					for _, p := range out.Profiles {
						b, err := json.Marshal(p)
						if err != nil {
							t.Fatal(err)
						}
						moments = append(moments, moment{w.w.Clock.Now(), *p.ProfileId, string(b)})
					}
				}
			}
			if len(moments) == 0 {
				t.Skip("the last step has sent records on")
			}
			for range 200 {
				m := moments[w.r.IntN(len(moments))]
				got, err := profile.AsOf(ctx, w.w.Domains, sequenceDomain, m.id, m.at)
				if err != nil {
					t.Fatal(m.id, m.at, err)
				}
				if diff := cmp.Diff(m.want, got); diff != "" {
					t.Fatalf("profile %s at %s:\n%s\nafter\n%s", m.id, m.at, diff, strings.Join(w.trace, "\n"))
				}
			}
		})
	}
}

// TestHistory tells the life of two profiles and reads it back.
func TestHistory(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("shop")
	w.PutType("shop", "Crm", sequenceTypes["Crm"])
	ann := access.WithCaller(context.Background(), &access.Caller{ARN: "arn:aws:iam::1:user/ann"})
	bot := access.WithCaller(context.Background(), &access.Caller{ARN: "arn:aws:iam::1:user/bot"})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Step(time.Second)
	}
	put := func(body string) string {
		r, err := w.Ingest.Put(bot, "shop", "Crm", []string{body})
		must(err)
		must(r[0].Err)
		return r[0].Profile.String()
	}
	a := put(`{"id":"C1","first":"Jon","mail":"a@x.org"}`)
	put(`{"id":"C1","first":"John"}`)
	made, err := w.Profiles.CreateProfile(ann, &profileapi.CreateProfileRequest{DomainName: "shop", FirstName: new("Joan")})
	must(err)
	b := made.ProfileId
	_, err = w.Profiles.UpdateProfile(ann, &profileapi.UpdateProfileRequest{DomainName: "shop", ProfileId: b, LastName: new("Lund")})
	must(err)
	_, err = w.Profiles.AddProfileKey(ann, &profileapi.AddProfileKeyRequest{DomainName: "shop", ProfileId: b, KeyName: "_email", Values: []string{"B@x.org"}})
	must(err)
	_, err = w.Profiles.DeleteProfileKey(ann, &profileapi.DeleteProfileKeyRequest{DomainName: "shop", ProfileId: b, KeyName: "_email", Values: []string{"b@x.org"}})
	must(err)
	_, err = w.Profiles.MergeProfiles(ann, &profileapi.MergeProfilesRequest{DomainName: "shop", MainProfileId: a, ProfileIdsToBeMerged: []string{b}})
	must(err)
	put(`{"id":"C1","first":"Jonathan"}`)

	list := func(id string, edit ...func(*profileapi.ListProfileHistoryRecordsRequest)) []profileapi.ProfileHistoryRecord {
		t.Helper()
		in := &profileapi.ListProfileHistoryRecordsRequest{DomainName: "shop", ProfileId: id, MaxResults: new(2)}
		for _, e := range edit {
			e(in)
		}
		var all []profileapi.ProfileHistoryRecord
		for {
			out, err := w.Profiles.ListProfileHistoryRecords(ann, in)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, out.ProfileHistoryRecords...)
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return all
			}
		}
	}
	told := func(id string, edit ...func(*profileapi.ListProfileHistoryRecordsRequest)) []string {
		t.Helper()
		var lines []string
		for _, rec := range list(id, edit...) {
			got, err := w.Profiles.GetProfileHistoryRecord(ann, &profileapi.GetProfileHistoryRecordRequest{DomainName: "shop", ProfileId: id, Id: rec.Id})
			if err != nil {
				t.Fatal(err)
			}
			line := rec.ActionType + " " + rec.ObjectTypeName
			if rec.PerformedBy != nil {
				line += " by " + *rec.PerformedBy
			}
			if (rec.ProfileObjectUniqueKey != nil) != (rec.ObjectTypeName == "Crm") {
				t.Errorf("unique key of %s: %v", line, rec.ProfileObjectUniqueKey)
			}
			if got.Content != nil {
				line += " " + strings.ReplaceAll(strings.ReplaceAll(*got.Content, a, "A"), b, "B")
			}
			lines = append(lines, line)
		}
		return lines
	}
	want := []string{
		`INGESTED Crm by arn:aws:iam::1:user/bot {"id":"C1","first":"Jonathan"}`,
		`MERGED _profile by arn:aws:iam::1:user/ann {"AccountNumber":"C1","EmailAddress":"a@x.org","FirstName":"John","LastName":"Lund","ProfileId":"A"}`,
		`INGESTED Crm by arn:aws:iam::1:user/bot {"AccountNumber":"C1","EmailAddress":"a@x.org","FirstName":"John"}`,
		`INGESTED Crm by arn:aws:iam::1:user/bot {"AccountNumber":"C1","EmailAddress":"a@x.org","FirstName":"Jon"}`,
		`CREATED _profile {"AccountNumber":"C1","EmailAddress":"a@x.org","FirstName":"Jon","ProfileId":"A"}`,
	}
	if diff := cmp.Diff(want, told(a)); diff != "" {
		t.Error(diff)
	}
	want = []string{
		`DELETED_BY_MERGE _profile by arn:aws:iam::1:user/ann`,
		`DELETED_PROFILE_KEY _profile by arn:aws:iam::1:user/ann {"_email":["b@x.org"]}`,
		`ADDED_PROFILE_KEY _profile by arn:aws:iam::1:user/ann {"_email":["b@x.org"]}`,
		`UPDATED _profile by arn:aws:iam::1:user/ann {"FirstName":"Joan","LastName":"Lund","ProfileId":"B"}`,
		`CREATED _profile by arn:aws:iam::1:user/ann {"FirstName":"Joan","ProfileId":"B"}`,
	}
	if diff := cmp.Diff(want, told(b)); diff != "" {
		t.Error(diff)
	}
	if got := told(a, func(in *profileapi.ListProfileHistoryRecordsRequest) { in.ActionType = new("MERGED") }); len(got) != 1 {
		t.Errorf("by action: %q", got)
	}
	if got := told(a, func(in *profileapi.ListProfileHistoryRecordsRequest) { in.ObjectTypeName = new("Crm") }); len(got) != 3 {
		t.Errorf("by type: %q", got)
	}
	if got := told(a, func(in *profileapi.ListProfileHistoryRecordsRequest) { in.PerformedBy = new("arn:aws:iam::1:user/ann") }); len(got) != 1 {
		t.Errorf("by who: %q", got)
	}
	_, err = w.Profiles.DeleteProfile(ann, &profileapi.DeleteProfileRequest{DomainName: "shop", ProfileId: a})
	must(err)
	for _, id := range []string{a, b} {
		if got := told(id); !slices.Equal(got, []string{"DELETED_BY_CUSTOMER _profile by arn:aws:iam::1:user/ann"}) {
			t.Errorf("of a profile that is gone: %q", got)
		}
	}
}
