package profile_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
	"kindred/internal/store"
)

const everything = `{"AccountNumber":"A1","AdditionalInformation":"info","Address":{"Address1":"1","Address2":"2","Address3":"3","Address4":"4","City":"c","Country":"NO","County":"co","PostalCode":"p","Province":"pr","State":"s"},` +
	`"Attributes":{"shoe size":"44","tier":"gold"},"BillingAddress":{"City":"b"},"BirthDate":"1970","BusinessEmailAddress":"b@x","BusinessName":"Biz","BusinessPhoneNumber":"2065550101","EmailAddress":"e@x",` +
	`"EngagementPreferences":{"Phone":[{"ContactType":"PhoneNumber","KeyName":"_phone","KeyValue":"1"}]},"FirstName":"f","Gender":"MALE","GenderString":"gs","HomePhoneNumber":"2065550102","LastName":"l","MailingAddress":{"City":"m"},` +
	`"MiddleName":"mi","MobilePhoneNumber":"2065550103","PartyType":"INDIVIDUAL","PartyTypeString":"pts","PersonalEmailAddress":"p@x","PhoneNumber":"2065550104","ProfileType":"PROFILE","ShippingAddress":{"City":"sh"}}`

// TestEveryMember: each member of a profile is kept, updated and cleared.
func TestEveryMember(t *testing.T) {
	w := world(t, nil)
	p := w.Create("d", everything)
	if got := w.Show("d", p); got != everything {
		t.Errorf("made\n%s, want\n%s", got, everything)
	}
	q := w.Create("d", `{}`)
	w.Edit("d", q, everything)
	if got := w.Show("d", q); got != everything {
		t.Errorf("updated\n%s, want\n%s", got, everything)
	}
	var cleared func(v any) any
	cleared = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				v[k] = cleared(v[k])
			}
			return v
		case []any:
			return []any{}
		}
		return ""
	}
	var tree any
	if err := json.Unmarshal([]byte(everything), &tree); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(cleared(tree))
	if err != nil {
		t.Fatal(err)
	}
	w.Edit("d", q, `{}`)
	w.Edit("d", q, string(b))
	if got := w.Show("d", q); got != `{}` {
		t.Errorf("cleared: %s", got)
	}
	for key, value := range map[string]string{"_account": "A1", "_email": "b@x", "_phone": "2065550103", "_fullName": "f mi l"} {
		w.Finds("d", key, value, p)
	}
}

// TestEditsFollowTheIndex: predefined keys come and go with the fields.
func TestEditsFollowTheIndex(t *testing.T) {
	w := world(t, nil)
	p := w.Create("d", `{"EmailAddress":"a@x.org","PersonalEmailAddress":"A@X.org","FirstName":"Ann","LastName":"Lund"}`)
	w.Edit("d", p, `{"EmailAddress":"b@x.org"}`)
	w.Finds("d", "_email", "a@x.org", p)
	w.Finds("d", "_email", "b@x.org", p)
	w.Edit("d", p, `{"PersonalEmailAddress":"","FirstName":""}`)
	w.Finds("d", "_email", "a@x.org")
	w.Finds("d", "_fullName", "ann lund")
	w.Finds("d", "_fullName", "lund", p)
}

func TestAttributes(t *testing.T) {
	w := world(t, nil)
	ctx := context.Background()
	many := map[string]string{}
	for i := range 1000 {
		many[fmt.Sprint("a", i)] = "v"
	}
	made, err := w.Profiles.CreateProfile(ctx, &profileapi.CreateProfileRequest{DomainName: "d", Attributes: many})
	if err != nil {
		t.Fatal(err)
	}
	update := func(attributes map[string]string) error {
		_, err := w.Profiles.UpdateProfile(ctx, &profileapi.UpdateProfileRequest{DomainName: "d", ProfileId: made.ProfileId, Attributes: attributes})
		return err
	}
	w.IsFault(update(map[string]string{"one more": "v"}), fault.Invalid, "Attributes")
	if err := update(map[string]string{"a1": "", "one more": "v"}); err != nil {
		t.Errorf("one for another: %v", err)
	}
	for _, name := range []string{"", strings.Repeat("x", 256)} {
		w.IsFault(update(map[string]string{name: "v"}), fault.Invalid, "Attributes")
	}
	if err := update(map[string]string{strings.Repeat("é", 255): "", "with.dot and [] {}": ""}); err != nil {
		t.Error(err)
	}
}

func TestUnknownProfiles(t *testing.T) {
	w := world(t, nil)
	ctx := context.Background()
	p := w.Create("d", `{"FirstName":"Ann"}`)
	for _, id := range []string{profile.NewID().String(), strings.Repeat("0", 32), "x", "", strings.Repeat("g", 32)} {
		for what, err := range map[string]error{
			"update": second(w.Profiles.UpdateProfile(ctx, &profileapi.UpdateProfileRequest{DomainName: "d", ProfileId: id})),
			"delete": second(w.Profiles.DeleteProfile(ctx, &profileapi.DeleteProfileRequest{DomainName: "d", ProfileId: id})),
			"add":    second(w.Profiles.AddProfileKey(ctx, &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: id, KeyName: "_email", Values: []string{"a"}})),
			"drop":   second(w.Profiles.DeleteProfileKey(ctx, &profileapi.DeleteProfileKeyRequest{DomainName: "d", ProfileId: id, KeyName: "_email", Values: []string{"a"}})),
		} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s %q: %v", what, id, err)
			}
		}
	}
	ids := []string{profile.NewID().String(), p.String(), "x", p.String()}
	out, err := w.Profiles.BatchGetProfile(ctx, &profileapi.BatchGetProfileRequest{DomainName: "d", ProfileIds: ids})
	if err != nil || len(out.Profiles) != 2 || len(out.Errors) != 2 || out.Errors[0].ProfileId != ids[0] || out.Errors[1].ProfileId != "x" || out.Errors[0].Code != "404" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = w.Profiles.BatchGetProfile(ctx, &profileapi.BatchGetProfileRequest{DomainName: "e", ProfileIds: ids})
	w.IsFault(err, fault.NotFound, "Domain e")
}

func second[T any](_ T, err error) error { return err }

func TestProfileKeys(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"Crm": crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm", "_email": ":mail"})})
	ctx := context.Background()
	p := w.Put("d", "Crm", `{"id":"1","crm":"A","mail":"a@x.org"}`)
	w.Put("d", "Crm", `{"id":"2","crm":"A","mail":"a@x.org"}`)
	add := func(key string, values ...string) error {
		out, err := w.Profiles.AddProfileKey(ctx, &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: p.String(), KeyName: key, Values: values})
		if err == nil && (*out.KeyName != key || !slices.Equal(out.Values, values)) {
			t.Errorf("AddProfileKey echoes %+v", out)
		}
		return err
	}
	drop := func(key string, values ...string) error {
		return second(w.Profiles.DeleteProfileKey(ctx, &profileapi.DeleteProfileKeyRequest{DomainName: "d", ProfileId: p.String(), KeyName: key, Values: values}))
	}
	w.IsFault(add("noSuchKey", "1"), fault.Invalid, "KeyName")
	w.IsFault(drop("noSuchKey", "1"), fault.Invalid, "KeyName")
	w.IsFault(add("_profileId", p.String()), fault.Invalid, "KeyName")
	w.IsFault(add("_phone", "anonymous"), fault.Invalid, "Values")
	for range 2 { // adding twice is adding once
		if err := add("_email", "A@X.org", " a@x.org ", "b@x.org"); err != nil {
			t.Fatal(err)
		}
	}
	if err := add("_ctrContactId", "contact-1"); err != nil {
		t.Fatal(err)
	}
	w.Finds("d", "_email", "b@x.org", p)
	w.Finds("d", "_ctrContactId", "contact-1", p)
	if err := drop("_email", "B@x.org", "never there"); err != nil {
		t.Fatal(err)
	}
	w.Finds("d", "_email", "b@x.org")
	w.Finds("d", "_email", "a@x.org", p)
	if err := drop("_email", "a@x.org"); err != nil { // added by hand and brought by two objects
		t.Fatal(err)
	}
	w.Edit("d", p, `{"EmailAddress":""}`) // and by the field that was filled
	w.Finds("d", "_email", "a@x.org")
	w.Put("d", "Crm", `{"id":"2","crm":"A","mail":"a@x.org"}`)
	w.Finds("d", "_email", "a@x.org", p)
	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprint(i))
	}
	w.IsFault(add("crmId", many...), fault.Invalid, "at most 1000")
}

// TestVerifyFinds: the check that the tests rely on sees each kind of damage.
func TestVerifyFinds(t *testing.T) {
	ctx := context.Background()
	for kind, damage := range map[string]func(tx store.Tx, rec store.Record) bool{
		"an index entry is missing": func(tx store.Tx, rec store.Record) bool { tx.Delete(rec.Key); return rec.Key.Partition[9] == 'k' },
		"an index entry counts wrong": func(tx store.Tx, rec store.Record) bool {
			tx.Put(rec.Key, binary.AppendUvarint(nil, 9))
			return rec.Key.Partition[9] == 'k'
		},
		"an index entry too many": func(tx store.Tx, rec store.Record) bool {
			k := store.Key{Partition: rec.Key.Partition, Sort: slices.Clone(rec.Key.Sort)}
			k.Sort[5] ^= 1
			tx.Put(k, rec.Value)
			return rec.Key.Partition[9] == 'k'
		},
		"a unique key is missing": func(tx store.Tx, rec store.Record) bool { tx.Delete(rec.Key); return rec.Key.Partition[9] == 'u' },
		"a unique key names another": func(tx store.Tx, rec store.Record) bool {
			tx.Put(rec.Key, make([]byte, 16))
			return rec.Key.Partition[9] == 'u'
		},
		"the head is missing": func(tx store.Tx, rec store.Record) bool {
			tx.Delete(rec.Key)
			return rec.Key.Partition[9] == 'p' && rec.Key.Sort[0] == 'h'
		},
		"a contribution is missing": func(tx store.Tx, rec store.Record) bool {
			tx.Delete(rec.Key)
			return rec.Key.Partition[9] == 'p' && rec.Key.Sort[0] == 'c'
		},
		"manual facts are missing": func(tx store.Tx, rec store.Record) bool {
			tx.Delete(rec.Key)
			return rec.Key.Partition[9] == 'p' && rec.Key.Sort[0] == 'm'
		},
		"an object is missing": func(tx store.Tx, rec store.Record) bool {
			tx.Delete(rec.Key)
			return rec.Key.Partition[9] == 'p' && rec.Key.Sort[0] == 'o'
		},
		"a standard object is missing": func(tx store.Tx, rec store.Record) bool {
			tx.Delete(rec.Key)
			return rec.Key.Partition[9] == 'p' && rec.Key.Sort[0] == 's'
		},
		"the way to a standard object is missing": func(tx store.Tx, rec store.Record) bool {
			tx.Delete(rec.Key)
			return rec.Key.Partition[9] == 'p' && rec.Key.Sort[0] == 'k'
		},
		"a due entry is missing": func(tx store.Tx, rec store.Record) bool { tx.Delete(rec.Key); return rec.Key.Partition[9] == 'x' },
		"a due entry too many": func(tx store.Tx, rec store.Record) bool {
			k := store.Key{Partition: slices.Clone(rec.Key.Partition), Sort: rec.Key.Sort}
			k.Partition[10] ^= 1
			tx.Put(k, nil)
			return rec.Key.Partition[9] == 'x'
		},
		"a total is wrong": func(tx store.Tx, rec store.Record) bool {
			k := store.Key{Partition: append(slices.Clone(rec.Key.Partition[:9]), 'n', 0), Sort: []byte("objects")}
			tx.Add(k, 1)
			return true
		},
	} {
		w := ingesttest.New(t)
		w.NewDomain("d")
		w.PutType("d", "Registration", registration)
		p := w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S1"}`)
		w.Put("d", "Registration", `{"no":"2","mail":"a@x.org","serial":"S2"}`)
		w.Edit("d", p, `{"FirstName":"Ann"}`)
		verified(t, w)
		done := false
		for _, rec := range ingesttest.Dump(t, w.Store) {
			if len(rec.Key.Partition) < 10 || rec.Key.Partition[0] != 'd' || rec.Key.Partition[9] == 'c' {
				continue
			}
			give := fmt.Errorf("not this one")
			err := w.Store.Update(ctx, func(tx store.Tx) error {
				if damage(tx, rec) {
					return nil
				}
				return give
			})
			if done = err == nil; done {
				break
			}
		}
		found, err := profile.Verify(ctx, w.Domains, "d")
		if !done || err != nil || len(found) == 0 {
			t.Errorf("%s: found %v, %v", kind, found, err)
		}
	}
}
