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
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// flat gives the values of a profile by path, as the API shows it.
func flat(t *testing.T, p *profileapi.Profile) map[string]string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(ingesttest.Compact(t.Fatal, p)), &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "ProfileId")
	out := map[string]string{}
	for name, v := range m {
		if below, ok := v.(map[string]any); ok {
			for k, x := range below {
				out[name+"."+k] = fmt.Sprint(x)
			}
			continue
		}
		out[name] = fmt.Sprint(v)
	}
	return out
}

// TestProvenanceIsThatOfTheProfile: after every few steps of a random sequence the
// provenance of each profile has the fields and values that BatchGetProfile
// answers, and folding all that it says was displaced, what the log has
// included, changes nothing.
func TestProvenanceIsThatOfTheProfile(t *testing.T) {
	ctx := context.Background()
	for round := range 8 {
		seed := seedOf(t, round)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := newSequence(t, ingesttest.Memory, seed)
			for i := range 150 {
				s.step()
				if i%5 != 4 {
					continue
				}
				ids, err := profile.Standing(ctx, s.w.Domains, sequenceDomain)
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range ids {
					id, _ := profile.ParseID(text)
					want := flat(t, s.w.Get(sequenceDomain, id))
					p, err := s.w.Profiles.Provenance(ctx, sequenceDomain, text)
					if err != nil {
						t.Fatal(err)
					}
					got := map[string]string{}
					for _, f := range p.Fields {
						got[f.Path] = f.Text
						if len(f.Displaced) != min(f.Passed, profile.MaxDisplaced) || f.Cleared {
							t.Errorf("field %s: %+v", f.Path, f)
						}
						for _, x := range f.Displaced {
							if x.Path != f.Path {
								t.Errorf("field %s displaces %+v", f.Path, x)
							}
						}
					}
					all, err := profile.TracedFold(ctx, s.w.Domains, sequenceDomain, id)
					if err != nil {
						t.Fatal(err)
					}
					if slices.ContainsFunc(s.trace, func(step string) bool {
						return strings.HasPrefix(step, "replay ") || strings.HasPrefix(step, "roll back ")
					}) {
						all = got // the log has what objects gave by another mapping, which may be stronger
					}
					if diff := cmp.Diff(want, got) + cmp.Diff(got, all); diff != "" {
						t.Fatalf("profile %s, provenance, fold with the log:\n%s\nafter\n%s", text, diff, strings.Join(s.trace, "\n"))
					}
				}
			}
		})
	}
}

// story is a world in which two persons are made one.
type story struct {
	*ingesttest.World
	t        *testing.T
	ann, bot context.Context
	a, b     string // profiles
	merge    string
}

const (
	annARN = "arn:aws:iam::1:user/ann"
	botARN = "arn:aws:iam::1:user/bot"
)

func newStory(t *testing.T) *story {
	t.Helper()
	w := &story{World: ingesttest.New(t), t: t,
		ann: access.WithCaller(context.Background(), &access.Caller{ARN: annARN}),
		bot: access.WithCaller(context.Background(), &access.Caller{ARN: botARN})}
	w.NewDomain("shop")
	w.PutType("shop", "Crm", sequenceTypes["Crm"])
	w.PutType("shop", "Shop", sequenceTypes["Shop"])
	w.a = w.put("Crm", `{"id":"C1","first":"Jon","mail":"a@x.org"}`)
	w.put("Crm", `{"id":"C1","first":"John","tier":"gold"}`)
	made, err := w.Profiles.CreateProfile(w.ann, &profileapi.CreateProfileRequest{DomainName: "shop", FirstName: new("Joan"), LastName: new("Lund"),
		EmailAddress: new("b@x.org")})
	w.must(err)
	w.b = made.ProfileId
	w.put("Shop", `{"id":"S1","mail":"b@x.org","city":"Oslo"}`)
	out, err := w.Profiles.MergeProfiles(w.ann, &profileapi.MergeProfilesRequest{DomainName: "shop", MainProfileId: w.a, ProfileIdsToBeMerged: []string{w.b},
		FieldSourceProfileIds: &profileapi.FieldSourceProfileIds{FirstName: &w.b}})
	w.must(err)
	w.merge = (*out.Message)[len(*out.Message)-32:]
	return w
}

func (w *story) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	w.Clock.Step(time.Second)
}

func (w *story) put(objectType, body string) string {
	w.t.Helper()
	r, err := w.Ingest.Put(w.bot, "shop", objectType, []string{body})
	w.must(err)
	w.must(r[0].Err)
	return r[0].Profile.String()
}

// told is a provenance in short lines.
func (w *story) told(id string) []string {
	w.t.Helper()
	p, err := w.Profiles.Provenance(w.ann, "shop", id)
	if err != nil {
		w.t.Fatal(err)
	}
	names := strings.NewReplacer(w.a, "A", w.b, "B", w.merge, "M", annARN, "ann", botARN, "bot", strings.Repeat("0", 32), "-")
	line := func(t *profile.Trace) string {
		text := t.Text
		switch {
		case t.Cleared:
			text = "removed"
		case t.Evicted():
			text += " evicted"
		case t.Manual:
			text += " manual"
		}
		return names.Replace(fmt.Sprint(text, " ", t.Origin.Type, " ", t.Priority, " ", t.By, " ", t.Base, " ", t.Merge))
	}
	lines := []string{names.Replace(p.Successor.String())}
	for i := range p.Fields {
		f := &p.Fields[i]
		lines = append(lines, f.Path+": "+line(&f.Trace))
		for j := range f.Displaced {
			lines = append(lines, "  "+line(&f.Displaced[j]))
		}
	}
	return lines
}

func TestProvenance(t *testing.T) {
	w := newStory(t)
	_, err := w.Profiles.UpdateProfile(w.ann, &profileapi.UpdateProfileRequest{DomainName: "shop", ProfileId: w.a, LastName: new("")})
	w.must(err)
	w.put("Shop", `{"id":"S1","mail":"b@x.org","city":"Bergen"}`)
	_, err = w.Profiles.UpdateProfile(w.ann, &profileapi.UpdateProfileRequest{DomainName: "shop", ProfileId: w.a, LastName: new("Berg")})
	w.must(err)
	want := []string{
		"A",
		"AccountNumber: C1 Crm 0 bot A -",
		"  C1 Crm 0 bot A -",
		"Address.City: Bergen Shop 2 bot B M",
		"  Oslo Shop 2 bot B M",
		"Attributes.tier: gold Crm 0 bot A -",
		"EmailAddress: a@x.org Crm 0 bot A -",
		"  b@x.org manual  0 ann B M",
		"FirstName: Joan manual  0 ann B M",
		"  John Crm 0 bot A -",
		"  Jon Crm 0 bot A -",
		"LastName: Berg manual  0 ann A -",
		"  removed  0 ann A -",
		"  Lund manual  0 ann B M",
		"PersonalEmailAddress: b@x.org Shop 2 bot B M",
		"  b@x.org Shop 2 bot B M",
	}
	for _, id := range []string{w.a, w.b} { // the one that was merged away is the other now
		if diff := cmp.Diff(want, w.told(id)); diff != "" {
			t.Error(diff)
		}
	}
	for _, id := range []string{"ffffffffffffffffffffffffffffffff", "x"} {
		_, err := w.Profiles.Provenance(w.ann, "shop", id)
		w.IsFault(err, fault.NotFound, "No profile")
		_, err = w.Profiles.Lineage(w.ann, "shop", id)
		w.IsFault(err, fault.NotFound, "No profile")
	}
}

// TestProvenanceOfEvictedObjects: what has left a full profile is known by its type
// only.
func TestProvenanceOfEvictedObjects(t *testing.T) {
	w := newStory(t)
	w.Types.MaxObjects = 1
	id := w.put("Shop", `{"id":"S7","mail":"z@x.org","city":"Oslo"}`)
	w.put("Shop", `{"id":"S8","mail":"z@x.org"}`)
	want := []string{id, "Address.City: Oslo evicted Shop 2  " + id + " -", "EmailAddress: z@x.org evicted Shop 2  " + id + " -", "PersonalEmailAddress: z@x.org Shop 2 bot " + id + " -",
		"  z@x.org evicted Shop 2  " + id + " -"}
	if diff := cmp.Diff(want, w.told(id)); diff != "" {
		t.Error(diff)
	}
}

// TestProvenanceOfSatellites: what only the merge let in came through it, and the
// merge that matters is the one that made the key's profiles one.
func TestProvenanceOfSatellites(t *testing.T) {
	w := newStory(t)
	ids := []string{w.a}
	var merges []string
	for i := range 3 {
		made, err := w.Profiles.CreateProfile(w.ann, &profileapi.CreateProfileRequest{DomainName: "shop", AccountNumber: new(fmt.Sprint("X", i)),
			Attributes: map[string]string{fmt.Sprint("n", i): "1"}})
		w.must(err)
		if i > 0 {
			_, err = w.Profiles.AddProfileKey(w.ann, &profileapi.AddProfileKeyRequest{DomainName: "shop", ProfileId: made.ProfileId, KeyName: "_email", Values: []string{"s@x.org"}})
			w.must(err)
		}
		out, err := w.Profiles.MergeProfiles(w.ann, &profileapi.MergeProfilesRequest{DomainName: "shop", MainProfileId: made.ProfileId, ProfileIdsToBeMerged: ids[i : i+1]})
		w.must(err)
		ids, merges = append(ids, made.ProfileId), append(merges, (*out.Message)[len(*out.Message)-32:])
	}
	root := ids[3]
	if at := w.put("Shop", `{"id":"S9","mail":"s@x.org","city":"Molde"}`); at != root {
		t.Fatalf("the record went to %s", at)
	}
	p, err := w.Profiles.Provenance(w.ann, "shop", w.a)
	w.must(err)
	want := map[string]string{"Address.City": merges[2], "Attributes.tier": merges[2], "Attributes.n0": merges[2], "Attributes.n1": merges[2],
		"Attributes.n2": strings.Repeat("0", 32)}
	for _, f := range p.Fields {
		if m, ok := want[f.Path]; ok && m != f.Merge.String() {
			t.Errorf("%s came through %s, want %s", f.Path, f.Merge, m)
		}
		delete(want, f.Path)
	}
	if len(want) > 0 || p.Successor.String() != root {
		t.Errorf("missing: %v", want)
	}
	u, err := w.Profiles.Unmerge(w.ann, "shop", merges[2])
	w.must(err)
	if u.Moved != 1 {
		t.Errorf("%d records moved", u.Moved)
	}
}

func TestLineage(t *testing.T) {
	w := newStory(t)
	_, err := w.Profiles.Unmerge(w.bot, "shop", w.merge)
	w.must(err)
	undone := w.Clock.Now().Add(-time.Second)
	out, err := w.Profiles.MergeProfiles(w.ann, &profileapi.MergeProfilesRequest{DomainName: "shop", MainProfileId: w.b, ProfileIdsToBeMerged: []string{w.a}})
	w.must(err)
	names := strings.NewReplacer(w.a, "A", w.b, "B", w.merge, "M", (*out.Message)[len(*out.Message)-32:], "N")
	l, err := w.Profiles.Lineage(w.ann, "shop", w.a)
	w.must(err)
	var got []string
	for _, m := range l.Merges {
		got = append(got, names.Replace(fmt.Sprintln(m.ID, m.Main, m.Merged, m.By, m.Rule, m.Fields, m.Chosen, m.Undone.Equal(undone), m.UndoneBy)))
	}
	want := []string{
		"N B [A] " + annARN + " MANUAL [{AccountNumber A} {Attributes.tier A}] [] false \n",
		"M A [B] " + annARN + " MANUAL [{Address.City B} {FirstName B} {LastName B} {PersonalEmailAddress B}] [{FirstName B}] true " + botARN + "\n",
	}
	if diff := cmp.Diff(want, got); diff != "" || l.Successor.String() != w.b {
		t.Errorf("%s %s", l.Successor, diff)
	}
}

func TestAsOfNeedsTheProfileThen(t *testing.T) {
	w := newStory(t)
	before, after := w.Clock.Now().Add(-time.Second-time.Millisecond), w.Clock.Now()
	for id, want := range map[string][2]string{w.a: {w.a, w.a}, w.b: {w.b, w.a}} {
		for i, at := range []time.Time{before, after} {
			root, p, err := w.Profiles.AsOf(w.ann, "shop", id, at)
			if err != nil || root.String() != want[i] || *p.ProfileId != want[i] {
				t.Errorf("%s at %s: %s %v", id, at, root, err)
			}
		}
	}
	_, _, err := w.Profiles.AsOf(w.ann, "shop", w.b, after.Add(-time.Hour))
	w.IsFault(err, fault.NotFound, "at that time")
	_, _, err = w.Profiles.AsOf(w.ann, "shop", strings.Repeat("e", 32), after)
	w.IsFault(err, fault.NotFound, "No profile")
	for range 105 { // so that the first of them are forgotten
		w.put("Crm", `{"id":"C1","first":"Jon"}`)
	}
	_, _, err = w.Profiles.AsOf(w.ann, "shop", w.b, after)
	w.IsFault(err, fault.Invalid, "complete from")
}
