package profile_test

import (
	"context"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

const satelliteDomain = "satellites"

// merged makes a world with a profile that has been merged of two with the same
// e-mail address, and returns them and the id of the merge.
func merged(t *testing.T) (w *ingesttest.World, main, other profile.ID, merge string) {
	t.Helper()
	w = ingesttest.New(t)
	w.NewDomain(satelliteDomain)
	for name, d := range sequenceTypes {
		w.PutType(satelliteDomain, name, d)
	}
	main = w.Create(satelliteDomain, `{"EmailAddress":"a@x.org"}`)
	other = w.Create(satelliteDomain, `{"EmailAddress":"a@x.org"}`)
	return w, main, other, mergeOf(t, w, main, other)
}

func mergeOf(t *testing.T, w *ingesttest.World, main profile.ID, others ...profile.ID) string {
	t.Helper()
	in := &profileapi.MergeProfilesRequest{DomainName: satelliteDomain, MainProfileId: main.String()}
	for _, id := range others {
		in.ProfileIdsToBeMerged = append(in.ProfileIdsToBeMerged, id.String())
	}
	out, err := w.Profiles.MergeProfiles(w.Ctx(), in)
	if err != nil {
		t.Fatal(err)
	}
	return (*out.Message)[len(*out.Message)-32:]
}

func unmerge(t *testing.T, w *ingesttest.World, merge string) *profile.Unmerged {
	t.Helper()
	u, err := w.Profiles.Unmerge(w.Ctx(), satelliteDomain, merge)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func sound(t *testing.T, w *ingesttest.World) {
	t.Helper()
	found, err := profile.Verify(context.Background(), w.Domains, satelliteDomain)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

// TestAnAddressComesBackWhole: when the profiles that had the address leave the side that
// it came from, it comes as a whole from where it would have come without them.
func TestAnAddressComesBackWhole(t *testing.T) {
	w, main, other, first := merged(t)
	w.Edit(satelliteDomain, main, `{"FirstName":"Ann"}`)
	unmerge(t, w, first)
	w.Edit(satelliteDomain, other, `{"Address":{"PostalCode":"5003"}}`)
	inner := mergeOf(t, w, main, other)
	root := w.Create(satelliteDomain, `{"LastName":"Lund"}`)
	third := w.Create(satelliteDomain, `{"Address":{"City":"Oslo"}}`)
	mergeOf(t, w, root, main, third)
	if got, want := w.Show(satelliteDomain, root), `{"Address":{"PostalCode":"5003"},"EmailAddress":"a@x.org","FirstName":"Ann","LastName":"Lund"}`; got != want {
		t.Fatalf("merged: %s\nwant %s", got, want)
	}
	unmerge(t, w, inner)
	if got, want := w.Show(satelliteDomain, root), `{"Address":{"City":"Oslo"},"EmailAddress":"a@x.org","FirstName":"Ann","LastName":"Lund"}`; got != want {
		t.Errorf("as if the inner merge had never been: %s\nwant %s", got, want)
	}
	sound(t, w)
}

// TestAnOldRecordLeavesNoTrace: a record that would move into a merged profile, but
// is older than what is stored, changes nothing anywhere.
func TestAnOldRecordLeavesNoTrace(t *testing.T) {
	w, _, _, _ := merged(t)
	owner := w.Put(satelliteDomain, "Crm", `{"id":"C1","upd":1700000000020}`)
	if _, err := w.Profiles.DeleteProfileKey(w.Ctx(), &profileapi.DeleteProfileKeyRequest{DomainName: satelliteDomain, ProfileId: owner.String(),
		KeyName: "crmId", Values: []string{"C1"}}); err != nil {
		t.Fatal(err)
	}
	before := len(ingesttest.Dump(t, w.Store))
	if at := w.Put(satelliteDomain, "Crm", `{"id":"C1","mail":"a@x.org","upd":1700000000010}`); at != owner {
		t.Errorf("the record is said to be with %s, not with %s", at, owner)
	}
	if n := len(ingesttest.Dump(t, w.Store)); n != before {
		t.Errorf("%d records in the store, before %d", n, before)
	}
	sound(t, w)
}

// TestWhatFillsAnAddressKeepsItsRank: a record that a merge had let in, and that makes
// a profile once it is undone, gives that its address with the priority of its source.
func TestWhatFillsAnAddressKeepsItsRank(t *testing.T) {
	w, main, _, merge := merged(t)
	strong := sequenceTypes["Registration"]
	strong.Priority = 1
	w.PutType(satelliteDomain, "Registration", strong)
	if at := w.Put(satelliteDomain, "Registration", `{"no":"R1","mail":"A@x.org"}`); at != main {
		t.Fatalf("the record is with %s, not with %s", at, main)
	}
	u := unmerge(t, w, merge)
	made := u.Restored[len(u.Restored)-1]
	addKey(t, w, made, "crmId", "C9")
	if at := w.Put(satelliteDomain, "Crm", `{"id":"C9","mail":"weak@x.org"}`); at != made {
		t.Fatalf("the record is with %s, not with %s", at, made)
	}
	if got := w.Get(satelliteDomain, made).EmailAddress; got == nil || *got != "A@x.org" {
		t.Errorf("EmailAddress %v, want that of the stronger source", got)
	}
	sound(t, w)
}

// TestARecordMovesWithinAMergedProfile: a record whose keys now find its merged profile
// only because it is one moves into a satellite, and what it no longer gives is gone.
func TestARecordMovesWithinAMergedProfile(t *testing.T) {
	w, main, _, _ := merged(t)
	outside := w.Create(satelliteDomain, `{"FirstName":"Eva"}`)
	addKey(t, w, main, "crmId", "C1")
	addKey(t, w, outside, "crmId", "C2")
	shop := sequenceTypes["Shop"]
	shop.Keys = map[string]string{"shopId": "UNIQUE:id", "_email": "PROFILE:mail", "crmId": "PROFILE,SECONDARY:hint"}
	w.PutType(satelliteDomain, "Shop", shop)
	w.Put(satelliteDomain, "Shop", `{"id":"S1","hint":"C1","city":"Oslo"}`)
	if at := w.Put(satelliteDomain, "Shop", `{"id":"S1","mail":"a@x.org","hint":"C2"}`); at != main {
		t.Fatalf("the record is with %s, not with %s", at, main)
	}
	if got, want := w.Show(satelliteDomain, main), `{"EmailAddress":"a@x.org","PersonalEmailAddress":"a@x.org"}`; got != want {
		t.Errorf("after it has moved: %s\nwant %s", got, want)
	}
	sound(t, w)
}

// TestARecordThatMakesNoProfileStoresNoKeyForIt: nor does one that a merge has let in.
func TestARecordThatMakesNoProfileStoresNoKeyForIt(t *testing.T) {
	w, main, _, _ := merged(t)
	shop := sequenceTypes["Shop"]
	shop.Create = false
	w.PutType(satelliteDomain, "Shop", shop)
	if at := w.Put(satelliteDomain, "Shop", `{"id":"S1","mail":"a@x.org","once":"N1"}`); at != main {
		t.Fatalf("the record is with %s, not with %s", at, main)
	}
	w.Finds(satelliteDomain, "onceId", "N1")
	w.Finds(satelliteDomain, "shopId", "S1", main)
	sound(t, w)
}

// TestAnEvictedValueThatAMergeMadeStandStillStands: what an evicted object gave since a
// merge stands on, though another evicted before it gave a stronger value that the merge put aside.
func TestAnEvictedValueThatAMergeMadeStandStillStands(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain(satelliteDomain)
	w.PutType(satelliteDomain, "Crm", sequenceTypes["Crm"])
	main := w.Create(satelliteDomain, `{"LastName":"Lund"}`)
	other := w.Put(satelliteDomain, "Crm", `{"id":"C1","mail":"a@x.org","tier":"gold"}`)
	text := main.String()
	if _, err := w.Profiles.MergeProfiles(w.Ctx(), &profileapi.MergeProfilesRequest{DomainName: satelliteDomain, MainProfileId: text, ProfileIdsToBeMerged: []string{other.String()},
		FieldSourceProfileIds: &profileapi.FieldSourceProfileIds{Attributes: map[string]string{"tier": text}}}); err != nil {
		t.Fatal(err)
	}
	w.Types.MaxObjects = 1
	for i, body := range []string{`{"id":"C2","mail":"a@x.org","tier":"silver","upd":1700000000000}`, `{"id":"C3","mail":"a@x.org"}`, `{"id":"C4","mail":"a@x.org"}`} {
		w.Clock.Step(time.Second)
		if at := w.Put(satelliteDomain, "Crm", body); at != main {
			t.Fatalf("record %d is with %s, not with %s", i, at, main)
		}
	}
	if _, err := w.Profiles.DeleteProfileObject(w.Ctx(), &profileapi.DeleteProfileObjectRequest{DomainName: satelliteDomain, ProfileId: text, ObjectTypeName: "Crm",
		ProfileObjectUniqueKey: uniqueKeyOf(t, w, main)}); err != nil { // folds the profile anew
		t.Fatal(err)
	}
	if got := w.Get(satelliteDomain, main).Attributes["tier"]; got != "silver" {
		t.Errorf("tier %q, want silver", got)
	}
	sound(t, w)
}

func uniqueKeyOf(t *testing.T, w *ingesttest.World, id profile.ID) string {
	t.Helper()
	out, err := w.Profiles.ListProfileObjects(w.Ctx(), &profileapi.ListProfileObjectsRequest{DomainName: satelliteDomain, ProfileId: id.String(), ObjectTypeName: "Crm"})
	if err != nil || len(out.Items) == 0 {
		t.Fatal(out, err)
	}
	return *out.Items[0].ProfileObjectUniqueKey
}

// TestARecordGoesFromOneMergeToAnother: a record that a merge had let in and that another
// still lets in when that one is undone gives its values on.
func TestARecordGoesFromOneMergeToAnother(t *testing.T) {
	w, main, _, _ := merged(t)
	third := w.Create(satelliteDomain, `{"FirstName":"Eva"}`)
	addKey(t, w, third, "crmId", "C1")
	w.Put(satelliteDomain, "Shop", `{"id":"S2","hint":"C1","mail":"a@x.org"}`)
	second := mergeOf(t, w, main, third)
	shop := sequenceTypes["Shop"]
	shop.Create = false
	w.PutType(satelliteDomain, "Shop", shop)
	w.Put(satelliteDomain, "Shop", `{"id":"S1","mail":"a@x.org","city":"Oslo"}`)
	w.Put(satelliteDomain, "Shop", `{"id":"S2","hint":"C1"}`) // without the address that it had in common
	if u := unmerge(t, w, second); u.Moved != 1 {
		t.Errorf("%d records have moved, want 1", u.Moved)
	}
	if a := w.Get(satelliteDomain, main).Address; a == nil || a.City == nil || *a.City != "Oslo" {
		t.Errorf("the address is %v", a)
	}
	sound(t, w)
}

func addKey(t *testing.T, w *ingesttest.World, id profile.ID, name, value string) {
	t.Helper()
	if _, err := w.Profiles.AddProfileKey(w.Ctx(), &profileapi.AddProfileKeyRequest{DomainName: satelliteDomain, ProfileId: id.String(), KeyName: name, Values: []string{value}}); err != nil {
		t.Fatal(err)
	}
}
