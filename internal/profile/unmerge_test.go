package profile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// twins are two worlds to which the same happens, but that profiles are merged
// and merges undone in one of them only.
type twins struct {
	*sequence                   // the world with merges
	plain     *ingesttest.World // the one without
	made      [][2]string       // profiles that calls made, in both
	seed      uint64
	types     []string
}

// twinTypes are the object types of the twins. Types that make no profile are
// not among them: what merges let in cannot be sent back when they are undone.
var twinTypes = []string{"Crm", "Shop", "Registration", "Order"}

func newTwins(t *testing.T, seed uint64) *twins {
	t.Helper()
	w := &twins{sequence: newSequence(t, ingesttest.Memory, seed), seed: seed, types: twinTypes}
	w.w.Types.MaxObjects, w.w.Types.MaxBytes = profile.MaxObjects, profile.MaxBytes
	w.plain = ingesttest.NewOn(t, ingesttest.Memory)
	w.plain.NewDomain(sequenceDomain)
	for _, name := range twinTypes {
		w.plain.PutType(sequenceDomain, name, sequenceTypes[name])
	}
	return w
}

func (w *twins) both(fn func(i int, world *ingesttest.World) error) {
	w.w.T.Helper()
	for i, world := range []*ingesttest.World{w.w, w.plain} {
		if err := fn(i, world); err != nil {
			w.w.T.Fatalf("world %d: %v\nafter\n%s", i, err, strings.Join(w.trace, "\n"))
		}
	}
}

// stands reports whether clients see a profile of the world with merges.
func (w *twins) stands(id string) bool {
	out, err := w.w.Profiles.BatchGetProfile(context.Background(), &profileapi.BatchGetProfileRequest{DomainName: sequenceDomain, ProfileIds: []string{id}})
	return err == nil && len(out.Profiles) == 1
}

func (w *twins) step() {
	ctx := context.Background()
	w.w.Clock.Step(time.Millisecond)
	w.plain.Clock.Step(time.Millisecond)
	switch n := w.r.IntN(100); {
	case n < 15:
		b, _ := json.Marshal(w.members())
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
		w.made, w.ids = append(w.made, made), append(w.ids, made[0])
		w.trace = append(w.trace, fmt.Sprint("create ", made[0], " ", string(b)))
	case n < 32:
		if len(w.made) == 0 {
			return
		}
		which := w.made[w.r.IntN(len(w.made))]
		if !w.stands(which[0]) {
			return
		}
		m := w.members()
		if w.r.IntN(3) == 0 {
			m["FirstName"] = ""
		}
		b, _ := json.Marshal(m)
		key, value := "_email", w.mail()
		add := w.r.IntN(3) == 0
		w.both(func(i int, world *ingesttest.World) error {
			if add {
				_, err := world.Profiles.AddProfileKey(ctx, &profileapi.AddProfileKeyRequest{DomainName: sequenceDomain, ProfileId: which[i], KeyName: key, Values: []string{value}})
				return err
			}
			in := &profileapi.UpdateProfileRequest{}
			if err := json.Unmarshal(b, in); err != nil {
				return err
			}
			in.DomainName, in.ProfileId = sequenceDomain, which[i]
			_, err := world.Profiles.UpdateProfile(ctx, in)
			return err
		})
		w.trace = append(w.trace, fmt.Sprint("edit ", which[0], " ", string(b), add, value))
	case n < 75:
		name := w.types[w.r.IntN(len(w.types))]
		body := w.keyed(name)
		w.both(func(i int, world *ingesttest.World) error {
			r, err := world.Ingest.Put(ctx, sequenceDomain, name, []string{body})
			if err == nil && r[0].Err == nil && i == 0 && !slices.Contains(w.ids, r[0].Profile.String()) {
				w.ids = append(w.ids, r[0].Profile.String())
			}
			if err == nil && i == 0 {
				w.trace = append(w.trace, fmt.Sprint("put ", name, " ", body, " ", r[0].Profile, " ", r[0].Err))
			}
			return err
		})
	case n < 88:
		w.merge()
	default:
		w.unmerge()
	}
}

// keyed makes a record whose keys follow from its id: one that comes again has
// the keys that it had. A record whose keys change while a merge lets it in finds
// its way by the last of them when the merge is undone.
func (w *twins) keyed(name string) string {
	body := map[string]any{}
	if err := json.Unmarshal([]byte(w.record(name)), &body); err != nil {
		w.w.T.Fatal(err)
	}
	id := fmt.Sprint(body["id"], body["no"])
	r := rand.New(rand.NewPCG(w.seed, uint64(len(name))<<32|uint64(id[len(id)-1])<<16|uint64(id[0])))
	for _, key := range [][]string{{"mail", "a@x.org", "b@x.org", "c@x.org", "d@x.org"}, {"hint", "C1", "C2", "C3"}, {"crm", "C1", "C2", "C3"}, {"once", "N1", "N2"}, {"serial", "SN1", "SN2"}, {"cart", "K1", "K2"}} {
		if delete(body, key[0]); r.IntN(4) > 0 {
			body[key[0]] = key[1+r.IntN(len(key)-1)]
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		w.w.T.Fatal(err)
	}
	return string(b)
}

func (w *twins) undoAll() {
	order := w.r.Perm(len(w.merges))
	for _, i := range order {
		u, err := w.w.Profiles.Unmerge(context.Background(), sequenceDomain, w.merges[i])
		if err != nil && !strings.Contains(err.Error(), "has been undone") {
			w.w.T.Fatal(err)
		}
		w.trace = append(w.trace, fmt.Sprint("undo ", w.merges[i], u, err))
	}
}

// canonical is all that clients can see of a world, without what is random.
func canonical(t *testing.T, w *ingesttest.World) []string {
	t.Helper()
	ctx := context.Background()
	ids, err := profile.Standing(ctx, w.Domains, sequenceDomain)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, id := range ids {
		out, err := w.Profiles.BatchGetProfile(ctx, &profileapi.BatchGetProfileRequest{DomainName: sequenceDomain, ProfileIds: []string{id}})
		if err != nil || len(out.Profiles) != 1 {
			t.Fatal(id, err)
		}
		p := out.Profiles[0]
		p.ProfileId = nil
		text := ingesttest.Compact(t.Fatal, p)
		for _, name := range append(slices.Clone(twinTypes), "_asset", "_order") {
			list, err := w.Profiles.ListProfileObjects(ctx, &profileapi.ListProfileObjectsRequest{DomainName: sequenceDomain, ProfileId: id, ObjectTypeName: name})
			if err != nil {
				t.Fatal(err)
			}
			var objects []string // those of the same time are in the order of random hashes
			for _, it := range list.Items {
				body := map[string]any{}
				if err := json.Unmarshal([]byte(*it.Object), &body); err != nil {
					t.Fatal(err)
				}
				delete(body, "AssetId")
				delete(body, "OrderId")
				objects = append(objects, "\n  "+name+" "+ingesttest.Compact(t.Fatal, body))
			}
			slices.Sort(objects)
			text += strings.Join(objects, "")
		}
		for _, key := range [][2]string{{"_email", "a@x.org"}, {"_email", "b@x.org"}, {"_email", "c@x.org"}, {"_email", "d@x.org"}, {"crmId", "C1"}, {"crmId", "C2"}, {"crmId", "C3"},
			{"_phone", "2065550101"}, {"_phone", "2065550102"}, {"shopId", "S1"}, {"shopId", "S2"}, {"onceId", "N1"}, {"onceId", "N2"}, {"_fullName", "ann berg"}, {"_fullName", "ann lund"}, {"deviceSerial", "SN1"}} {
			out, err := w.Profiles.SearchProfiles(ctx, &profileapi.SearchProfilesRequest{DomainName: sequenceDomain, KeyName: key[0], Values: []string{key[1]}, MaxResults: new(100)})
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range out.Items {
				if *it.ProfileId == id {
					text += "\n  found by " + key[0] + " " + key[1]
				}
			}
		}
		// An object that moves away may leave a profile with nothing. In a satellite it
		// leaves none: it would have been alone in a profile had there been no merge.
		if text != "{}" {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return all
}

// onceWrong are seeds of sequences that have found mistakes.
var onceWrong = []uint64{8761366292616217298, 3599050214408502142, 12366951506534984686, 6229924421588542700, 7336512313727813763, 1574974278871311414,
	9502731979771003321, 13302113458363738495, 5200126201403143782, 10206695170662644674}

// TestUnmergedEqualsNeverMerged: whatever is ingested, edited, merged and unmerged
// in whatever order, once all merges are undone the world is the one in which
// there were none.
func TestUnmergedEqualsNeverMerged(t *testing.T) {
	for round := range 60 {
		seed := seedOf(t, round)
		if round < len(onceWrong) && !*random && *repeated == 0 {
			seed = onceWrong[round]
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newTwins(t, seed)
			for range 20 + w.r.IntN(60) {
				w.step()
			}
			w.verify(seed)
			w.undoAll()
			w.verify(seed)
			got, want := canonical(t, w.w), canonical(t, w.plain)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("never merged, unmerged:\n%s\nafter\n%s", diff, strings.Join(w.trace, "\n"))
			}
		})
	}
}

// TestTheWorkedExampleOfMerges is that of docs/fold.md, with its table of the past.
func TestTheWorkedExampleOfMerges(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("shop")
	for _, name := range []string{"Crm", "Shop"} {
		w.PutType("shop", name, sequenceTypes[name])
	}
	ctx := context.Background()
	times := map[int]time.Time{}
	arrival := 0
	next := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		arrival++
		w.Clock.Step(time.Second)
		times[arrival] = w.Clock.Now()
		w.Clock.Step(time.Second)
	}
	sees := func(id profile.ID, first, city string) {
		t.Helper()
		p := w.Get("shop", id)
		got := [2]string{}
		if p != nil && p.FirstName != nil {
			got[0] = *p.FirstName
		}
		if p != nil && p.Address != nil {
			got[1] = *p.Address.City
		}
		if got != [2]string{first, city} {
			t.Errorf("after arrival %d: %q, want %s %s", arrival, got, first, city)
		}
	}
	a := w.Put("shop", "Crm", `{"id":"C1","first":"Jon","mail":"jon@example.com"}`)
	next(nil)
	b := w.Create("shop", `{"FirstName":"Joan","Address":{"City":"Oslo"}}`)
	next(nil)
	for _, id := range []profile.ID{a, b} {
		if _, err := w.Profiles.AddProfileKey(ctx, &profileapi.AddProfileKeyRequest{DomainName: "shop", ProfileId: id.String(), KeyName: "_email", Values: []string{"home@example.com"}}); err != nil {
			t.Fatal(err)
		}
	}
	next(nil)
	sees(a, "Jon", "")
	sees(b, "Joan", "Oslo")
	out, err := w.Profiles.MergeProfiles(ctx, &profileapi.MergeProfilesRequest{DomainName: "shop", MainProfileId: a.String(), ProfileIdsToBeMerged: []string{b.String()},
		FieldSourceProfileIds: &profileapi.FieldSourceProfileIds{FirstName: new(b.String())}})
	next(err)
	sees(a, "Joan", "Oslo")
	w.Edit("shop", a, `{"Address":{"City":"Bergen"}}`)
	next(nil)
	w.Put("shop", "Crm", `{"id":"C1","first":"Jonathan","mail":"jon@example.com"}`)
	next(nil)
	sees(a, "Joan", "Bergen")
	if at := w.Put("shop", "Shop", `{"id":"S1","mail":"home@example.com"}`); at != a {
		t.Errorf("the object of Shop is with %s", at)
	}
	next(nil)
	u, err := w.Profiles.Unmerge(ctx, "shop", (*out.Message)[len(*out.Message)-32:])
	next(err)
	sees(a, "Jonathan", "Bergen")
	sees(b, "Joan", "Oslo")
	if made := w.Find("shop", "shopId", "S1"); u.Moved != 1 || len(made) != 1 || made[0] == a.String() || made[0] == b.String() {
		t.Errorf("%d records moved, and the object of Shop is with %v", u.Moved, made)
	}
	for _, x := range []struct {
		id, root    profile.ID
		at          int
		first, city string
	}{{a, a, 2, "Jon", ""}, {b, a, 5, "Joan", "Bergen"}, {b, b, 8, "Joan", "Oslo"}, {b, b, 1, "", ""}} {
		root, p, err := w.Profiles.AsOf(ctx, "shop", x.id.String(), times[x.at])
		if x.first == "" {
			w.IsFault(err, fault.NotFound, "at that time")
			continue
		}
		if err != nil || root != x.root || *p.FirstName != x.first || x.city != "" && *p.Address.City != x.city {
			t.Errorf("at %d: %s %+v %v", x.at, root, p, err)
		}
	}
}
