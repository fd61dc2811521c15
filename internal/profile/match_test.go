package profile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// crm is an object type of which each test states the keys.
func crm(keys map[string]string) ingesttest.Type {
	return ingesttest.Type{Create: true, Keys: keys, Fields: map[string]string{
		"id": "id", "crm": "crm", "loyalty": "loyalty", "person": "person",
		"mail": "mail|EMAIL_ADDRESS", "tel": "tel|PHONE_NUMBER", "first": "first>_profile.FirstName"}}
}

func world(t *testing.T, types map[string]ingesttest.Type) *ingesttest.World {
	t.Helper()
	w := ingesttest.New(t)
	w.NewDomain("d")
	for name, d := range types {
		w.PutType("d", name, d)
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		found, err := profile.Verify(context.Background(), w.Domains, "d")
		if err != nil {
			t.Error(err)
		}
		for _, f := range found {
			t.Error(f)
		}
	})
	return w
}

func same(t *testing.T, what string, got, want profile.ID) {
	t.Helper()
	if got != want {
		t.Errorf("%s: profile %s, want %s", what, got, want)
	}
}

func differ(t *testing.T, what string, ids ...profile.ID) {
	t.Helper()
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			t.Errorf("%s: %s twice", what, id)
		}
	}
}

func count(w *ingesttest.World, domainName string) int64 {
	w.T.Helper()
	out, err := w.Domain.GetDomain(context.Background(), &profileapi.GetDomainRequest{DomainName: domainName})
	if err != nil {
		w.T.Fatal(err)
	}
	return *out.Stats.ProfileCount
}

// TestWorkedOutcomes are the outcomes that the description of the matching
// algorithm gives as examples.
func TestWorkedOutcomes(t *testing.T) {
	t.Run("the unique key finds the profile and replaces the object", func(t *testing.T) {
		w := world(t, map[string]ingesttest.Type{"Crm": crm(map[string]string{"crmId": "PROFILE,UNIQUE:id"})})
		p := w.Put("d", "Crm", `{"id":"C1","first":"Ann"}`)
		same(t, "again", w.Put("d", "Crm", `{"id":"C1","first":"Bea"}`), p)
		if got := w.Objects("d", "Crm", p); len(got) != 1 || got[0] != `{"id":"C1","first":"Bea"}` {
			t.Errorf("objects: %v", got)
		}
		if got := w.Show("d", p); got != `{"FirstName":"Bea"}` {
			t.Errorf("profile: %s", got)
		}
	})
	t.Run("a key of two profiles is dropped and a third made", func(t *testing.T) {
		w := world(t, map[string]ingesttest.Type{"Crm": crm(map[string]string{"crmId": "UNIQUE:id", "_email": "PROFILE:mail"})})
		p1, p2 := w.Create("d", `{"EmailAddress":"a@x.org"}`), w.Create("d", `{"EmailAddress":"A@X.org"}`)
		p3 := w.Put("d", "Crm", `{"id":"C1","mail":"a@x.org"}`)
		differ(t, "profiles", p1, p2, p3)
		w.Finds("d", "_email", "a@x.org", p1, p2, p3)
		same(t, "the same record again", w.Put("d", "Crm", `{"id":"C1","mail":"a@x.org"}`), p3)
	})
	t.Run("a secondary key finds after the others, and the new key is stored", func(t *testing.T) {
		w := world(t, map[string]ingesttest.Type{"Crm": crm(map[string]string{"crmId": "PROFILE,UNIQUE:id", "_phone": "PROFILE,SECONDARY:tel"})})
		p1 := w.Create("d", `{"PhoneNumber":"+12065550101"}`)
		same(t, "by telephone", w.Put("d", "Crm", `{"id":"NEW","tel":"(206) 555-0101"}`), p1)
		w.Finds("d", "crmId", "NEW", p1)
		same(t, "by the new key", w.Put("d", "Crm", `{"id":"NEW"}`), p1)
	})
	t.Run("nothing found and none may be made", func(t *testing.T) {
		d := crm(map[string]string{"crmId": "PROFILE,UNIQUE:id"})
		d.Create = false
		w := world(t, map[string]ingesttest.Type{"Crm": d})
		_, err := w.TryPut("d", "Crm", `{"id":"NEW"}`)
		w.IsFault(err, fault.Invalid, profile.ErrNoMatch.Message)
		if n := count(w, "d"); n != 0 {
			t.Errorf("%d profiles", n)
		}
	})
	t.Run("ambiguous and none may be made", func(t *testing.T) {
		d := crm(map[string]string{"crmId": "UNIQUE:id", "_email": "PROFILE:mail"})
		d.Create = false
		w := world(t, map[string]ingesttest.Type{"Crm": d})
		w.Create("d", `{"EmailAddress":"a@x.org"}`)
		w.Create("d", `{"EmailAddress":"a@x.org"}`)
		_, err := w.TryPut("d", "Crm", `{"id":"C1","mail":"a@x.org"}`)
		w.IsFault(err, fault.Invalid, profile.ErrAmbiguous.Message)
	})
	t.Run("a hint finds nothing and is not stored", func(t *testing.T) {
		w := world(t, map[string]ingesttest.Type{"Crm": crm(map[string]string{"crmId": "UNIQUE:id", "loyaltyHint": "PROFILE,LOOKUP_ONLY:loyalty", "_phone": "PROFILE:tel"})})
		p1 := w.Create("d", `{"PhoneNumber":"+12065550101"}`)
		same(t, "by telephone", w.Put("d", "Crm", `{"id":"C1","loyalty":"H","tel":"2065550101"}`), p1)
		w.Finds("d", "loyaltyHint", "H")
	})
	t.Run("an asset of another profile stays there", func(t *testing.T) {
		w := world(t, map[string]ingesttest.Type{"Asset": {Create: true, Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "serial": "serial>_asset.SerialNumber"},
			Keys: map[string]string{"no": "UNIQUE:no", "deviceSerial": "ASSET:serial", "_email": "PROFILE:mail"}}})
		p1 := w.Put("d", "Asset", `{"no":"1","mail":"a@x.org","serial":"S"}`)
		p2 := w.Create("d", `{"EmailAddress":"b@x.org"}`)
		same(t, "by e-mail", w.Put("d", "Asset", `{"no":"2","mail":"b@x.org","serial":"S"}`), p2)
		for _, p := range []profile.ID{p1, p2} {
			if got := w.Objects("d", "_asset", p); len(got) != 1 || !strings.Contains(got[0], `"SerialNumber":"S"`) {
				t.Errorf("assets of %s: %v", p, got)
			}
		}
		w.Finds("d", "_serialNumber", "S", p1, p2)
	})
}

// TestOrderOfKeys: keys without SECONDARY come first, an ambiguous key is passed
// over, and the first one that finds a single profile decides.
func TestOrderOfKeys(t *testing.T) {
	keys := map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm", "loyaltyId": "PROFILE,SECONDARY:loyalty", "_email": "PROFILE,SECONDARY:mail", "_phone": "PROFILE:tel"}
	for _, c := range []struct{ what, body, want string }{
		{"one primary key", `{"id":"1","crm":"P1"}`, "P1"},
		{"two that disagree: the first in order", `{"id":"1","crm":"P1","tel":"2065550102"}`, "P1"},
		{"a primary key beats a secondary", `{"id":"1","tel":"2065550102","mail":"p1@x.org"}`, "P2"},
		{"an ambiguous primary key, then a secondary", `{"id":"1","tel":"2065550199","mail":"p2@x.org"}`, "P2"},
		{"an ambiguous key, then a primary", `{"id":"1","tel":"2065550199","crm":"P3"}`, "P3"},
		{"unknown keys, then a secondary", `{"id":"1","crm":"X","tel":"2065550177","mail":"p3@x.org"}`, "P3"},
		{"two secondary keys that disagree: the first in order", `{"id":"1","loyalty":"P1","mail":"p2@x.org"}`, "P1"},
		{"an ambiguous secondary key", `{"id":"1","mail":"all@x.org"}`, "new"},
		{"nothing", `{"id":"1","crm":"X","mail":"x@x.org"}`, "new"},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := world(t, map[string]ingesttest.Type{"Crm": crm(keys)})
			profiles := map[string]profile.ID{}
			for i, name := range []string{"P1", "P2", "P3"} {
				id := w.Create("d", fmt.Sprintf(`{"EmailAddress":"%s@x.org","PhoneNumber":"206555010%d","BusinessEmailAddress":"all@x.org"}`, strings.ToLower(name), i+1))
				profiles[name] = id
				add := func(key, value string) {
					if _, err := w.Profiles.AddProfileKey(context.Background(), &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: id.String(), KeyName: key, Values: []string{value}}); err != nil {
						t.Fatal(err)
					}
				}
				add("crmId", name)
				add("loyaltyId", name)
				add("_phone", "2065550199")
			}
			got := w.Put("d", "Crm", c.body)
			if c.want == "new" {
				differ(t, "profiles", got, profiles["P1"], profiles["P2"], profiles["P3"])
				return
			}
			same(t, c.what, got, profiles[c.want])
		})
	}
}

// TestWhatIsStored is the matrix of which keys stay.
func TestWhatIsStored(t *testing.T) {
	for _, c := range []struct {
		key             string
		makes, joins    bool
		findsTheProfile bool
	}{
		{"PROFILE:crm", true, true, true},
		{"PROFILE,SECONDARY:crm", true, true, true},
		{":crm", true, true, false},
		{"ASSET:crm", true, true, false},
		{"PROFILE,NEW_ONLY:crm", true, false, true},
		{"PROFILE,LOOKUP_ONLY:crm", false, false, true},
	} {
		t.Run(c.key, func(t *testing.T) {
			w := world(t, map[string]ingesttest.Type{"Crm": crm(map[string]string{"objectId": "UNIQUE:id", "crmId": c.key, "_email": "PROFILE:mail"})})
			find := func(value string, id profile.ID, stored bool) {
				t.Helper()
				if stored {
					w.Finds("d", "crmId", value, id)
				} else {
					w.Finds("d", "crmId", value)
				}
			}
			made := w.Put("d", "Crm", `{"id":"1","crm":"K1","mail":"a@x.org"}`)
			find("K1", made, c.makes)
			same(t, "sent again", w.Put("d", "Crm", `{"id":"1","crm":"K1","mail":"a@x.org"}`), made)
			find("K1", made, c.makes)
			same(t, "joins", w.Put("d", "Crm", `{"id":"2","crm":"K2","mail":"a@x.org"}`), made)
			find("K2", made, c.joins)
			other := w.Put("d", "Crm", `{"id":"3","crm":"K3","mail":"c@x.org"}`)
			if _, err := w.Profiles.AddProfileKey(context.Background(), &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: other.String(), KeyName: "crmId", Values: []string{"K9"}}); err != nil {
				t.Fatal(err)
			}
			got := w.Put("d", "Crm", `{"id":"4","crm":"K9","mail":"d@x.org"}`)
			if (got == other) != c.findsTheProfile {
				t.Errorf("a record with the key of %s is put into %s", other, got)
			}
		})
	}
}

func TestLookupByProfileID(t *testing.T) {
	d := crm(map[string]string{"objectId": "UNIQUE:id", "_profileId": "PROFILE,LOOKUP_ONLY:person"})
	d.Create = false
	w := world(t, map[string]ingesttest.Type{"Crm": d})
	p := w.Create("d", `{"FirstName":"Ann"}`)
	same(t, "by its id", w.Put("d", "Crm", fmt.Sprintf(`{"id":"1","person":"%s"}`, p)), p)
	for _, person := range []string{strings.Repeat("0", 32), "x", strings.ToUpper(p.String()), p.String()[:30]} {
		_, err := w.TryPut("d", "Crm", fmt.Sprintf(`{"id":"2","person":"%s"}`, person))
		if person == p.String() {
			continue // an id without letters is its own capital form
		}
		w.IsFault(err, fault.Invalid, profile.ErrNoMatch.Message)
	}
	w.Finds("d", "_profileId", p.String(), p)
	w.Finds("d", "_profileId", strings.Repeat("0", 32))
}

// TestAlmostAnID: text that is no id finds nobody, whatever its first digits
// are.
func TestAlmostAnID(t *testing.T) {
	if id, ok := profile.ParseID("00112233445566778899aabbccddeezz"); ok || id != (profile.ID{}) {
		t.Errorf("ParseID gives %s, %v", id, ok)
	}
	for _, text := range []string{"", "0", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("A", 32), strings.Repeat("g", 32)} {
		if id, ok := profile.ParseID(text); ok || id != (profile.ID{}) {
			t.Errorf("ParseID(%q) gives %s, %v", text, id, ok)
		}
	}
	id := profile.NewID()
	if got, ok := profile.ParseID(id.String()); !ok || got != id {
		t.Errorf("ParseID(%s) gives %s, %v", id, got, ok)
	}
}

// TestObjectsMove: an object whose keys find another profile goes there with
// all it gave.
func TestObjectsMove(t *testing.T) {
	d := crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm"})
	w := world(t, map[string]ingesttest.Type{"Crm": d})
	p1 := w.Put("d", "Crm", `{"id":"1","crm":"A","first":"Ann"}`)
	p2 := w.Put("d", "Crm", `{"id":"2","crm":"B","first":"Bea"}`)
	same(t, "moves", w.Put("d", "Crm", `{"id":"1","crm":"B","first":"Cid"}`), p2)
	if got := w.Show("d", p1); got != `{}` {
		t.Errorf("the profile it left: %s", got)
	}
	if got := w.Show("d", p2); got != `{"FirstName":"Cid"}` {
		t.Errorf("the profile it joined: %s", got)
	}
	w.Finds("d", "crmId", "A")
	w.Finds("d", "crmId", "B", p2)
	if n := len(w.Objects("d", "Crm", p1)) + 10*len(w.Objects("d", "Crm", p2)); n != 20 {
		t.Errorf("objects: %d", n)
	}
}
