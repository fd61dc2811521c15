package profile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

func listed(t *testing.T, w *ingesttest.World, p profile.ID, typeName string, size int, filter *profileapi.ObjectFilter) (texts []string) {
	t.Helper()
	in := &profileapi.ListProfileObjectsRequest{DomainName: "d", ProfileId: p.String(), ObjectTypeName: typeName, MaxResults: &size, ObjectFilter: filter}
	for {
		out, err := w.Profiles.ListProfileObjects(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Items) > size {
			t.Errorf("a page of %d has %d items", size, len(out.Items))
		}
		for _, it := range out.Items {
			if *it.ObjectTypeName != typeName || len(*it.ProfileObjectUniqueKey) != 44 {
				t.Errorf("item %v %v", *it.ObjectTypeName, *it.ProfileObjectUniqueKey)
			}
			texts = append(texts, *it.Object)
		}
		if out.NextToken == nil {
			return texts
		}
		in.NextToken = out.NextToken
	}
}

func TestListProfileObjects(t *testing.T) {
	visits := ingesttest.Type{Create: true, Format: "EpochMilli", Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "upd": "upd>_profile.SourceLastUpdatedTimestamp", "shop": "shop|NAME"},
		Keys: map[string]string{"visitNo": "UNIQUE:no", "_email": "PROFILE:mail", "shop": ":shop"}}
	plain := ingesttest.Type{Create: true, Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS"}, Keys: map[string]string{"plainNo": "UNIQUE:no", "_email": "PROFILE:mail"}}
	w := world(t, map[string]ingesttest.Type{"Visit": visits, "Vis": plain, "Registration": registration})
	var p profile.ID
	for _, i := range []int{3, 1, 5, 2, 4, 7, 6} { // source times out of order
		shop := []string{"Oslo", "Bergen"}[i%2]
		p = w.Put("d", "Visit", fmt.Sprintf(`{"no":"%d","mail":"a@x.org","upd":%d,"shop":"%s"}`, i, i*1000, shop))
	}
	for i := range 5 { // by arrival
		w.Clock.Step(time.Second)
		w.Put("d", "Vis", fmt.Sprintf(`{"no":"%d","mail":"a@x.org"}`, i+1))
	}
	numbers := func(texts []string) string {
		var list []string
		for _, s := range texts {
			_, rest, _ := strings.Cut(s, `"no":"`)
			list = append(list, rest[:1])
		}
		return strings.Join(list, " ")
	}
	bergen := &profileapi.ObjectFilter{KeyName: "shop", Values: []string{" BERGEN "}}
	for _, size := range []int{1, 2, 3, 7, 100} {
		if got := numbers(listed(t, w, p, "Visit", size, nil)); got != "7 6 5 4 3 2 1" {
			t.Errorf("pages of %d, by source time: %s", size, got)
		}
		if got := numbers(listed(t, w, p, "Vis", size, nil)); got != "5 4 3 2 1" {
			t.Errorf("pages of %d, by arrival: %s", size, got)
		}
		if got := numbers(listed(t, w, p, "Visit", size, bergen)); got != "7 5 3 1" {
			t.Errorf("pages of %d, filtered: %s", size, got)
		}
	}
	for what, f := range map[string]*profileapi.ObjectFilter{"a value that none has": {KeyName: "shop", Values: []string{"Tromsø"}},
		"a key of no object": {KeyName: "plainNo", Values: []string{"1"}}, "an unknown key": {KeyName: "noSuchKey", Values: []string{"1"}}} {
		if got := listed(t, w, p, "Visit", 10, f); len(got) != 0 {
			t.Errorf("%s: %v", what, got)
		}
	}
	if got := numbers(listed(t, w, p, "Visit", 10, &profileapi.ObjectFilter{KeyName: "visitNo", Values: []string{"2", "4"}})); got != "4 2" {
		t.Errorf("several values: %s", got)
	}
	// Sent again, an object takes the place of its time.
	w.Clock.Step(time.Second)
	w.Put("d", "Vis", `{"no":"2","mail":"a@x.org"}`)
	w.Put("d", "Visit", `{"no":"2","mail":"a@x.org","upd":9000,"shop":"Bergen"}`)
	if a, b := numbers(listed(t, w, p, "Vis", 2, nil)), numbers(listed(t, w, p, "Visit", 2, bergen)); a != "2 5 4 3 1" || b != "2 7 5 3 1" {
		t.Errorf("after objects were sent again: %s, %s", a, b)
	}
	for _, c := range []struct {
		id, typeName string
		want         string
	}{
		{p.String(), "Nowhere", "object type Nowhere"},
		{p.String(), "_nothing", "object type _nothing"},
		{p.String(), "_catalogItem", "object type _catalogItem"},
		{profile.NewID().String(), "Visit", "No profile"},
		{"x", "Visit", "No profile"},
	} {
		_, err := w.Profiles.ListProfileObjects(context.Background(), &profileapi.ListProfileObjectsRequest{DomainName: "d", ProfileId: c.id, ObjectTypeName: c.typeName})
		w.IsFault(err, fault.NotFound, c.want)
	}
	for _, typeName := range []string{"CTR", "Salesforce-Account", "Registration", "_asset", "_order"} {
		if got := listed(t, w, p, typeName, 10, nil); len(got) != 0 {
			t.Errorf("%s: %v", typeName, got)
		}
	}
}

func TestListStandardObjects(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"Registration": registration})
	var p profile.ID
	for i := range 5 {
		w.Clock.Step(time.Second)
		p = w.Put("d", "Registration", fmt.Sprintf(`{"no":"%d","mail":"a@x.org","serial":"S%d","name":"Kettle %d"}`, i, i, i%2))
	}
	w.Clock.Step(time.Second)
	w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S1","status":"used"}`)
	serials := func(texts []string) string {
		var list []string
		for _, s := range texts {
			_, rest, _ := strings.Cut(s, `"SerialNumber":"`)
			list = append(list, rest[:2])
		}
		return strings.Join(list, " ")
	}
	for _, size := range []int{1, 2, 5, 50} {
		if got := serials(listed(t, w, p, "_asset", size, nil)); got != "S1 S4 S3 S2 S0" {
			t.Errorf("pages of %d: %s", size, got)
		}
		if got := serials(listed(t, w, p, "_asset", size, &profileapi.ObjectFilter{KeyName: "_assetName", Values: []string{"Kettle 0"}})); got != "S4 S2 S0" {
			t.Errorf("pages of %d, by name: %s", size, got)
		}
	}
	for key, value := range map[string]string{"_serialNumber": "S3", "deviceSerial": "S3"} {
		if got := serials(listed(t, w, p, "_asset", 5, &profileapi.ObjectFilter{KeyName: key, Values: []string{value}})); got != "S3" {
			t.Errorf("by %s: %s", key, got)
		}
	}
	if got := listed(t, w, p, "_asset", 5, nil)[0]; !strings.Contains(got, `"AssetName":"Kettle 1"`) || !strings.Contains(got, `"Status":"used"`) {
		t.Errorf("the last changed: %s", got)
	}
}

func TestDeleteProfileObject(t *testing.T) {
	d := crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm", "_email": ":mail"})
	w := world(t, map[string]ingesttest.Type{"Crm": d})
	p := w.Put("d", "Crm", `{"id":"1","crm":"A","first":"Ann","mail":"a@x.org"}`)
	key, err := w.TryPut("d", "Crm", `{"id":"2","crm":"A","first":"Bea","mail":"b@x.org"}`)
	if err != nil {
		t.Fatal(err)
	}
	drop := func(id, typeName, unique string) error {
		_, err := w.Profiles.DeleteProfileObject(context.Background(), &profileapi.DeleteProfileObjectRequest{DomainName: "d", ProfileId: id, ObjectTypeName: typeName, ProfileObjectUniqueKey: unique})
		return err
	}
	for _, c := range [][3]string{{p.String(), "Crm", "x"}, {p.String(), "Crm", strings.Repeat("A", 43) + "="}, {p.String(), "CTR", key}, {profile.NewID().String(), "Crm", key}} {
		w.IsFault(drop(c[0], c[1], c[2]), fault.NotFound, "")
	}
	if err := drop(p.String(), "Crm", key); err != nil {
		t.Fatal(err)
	}
	if got := w.Show("d", p); got != `{"EmailAddress":"a@x.org","FirstName":"Ann"}` {
		t.Errorf("profile: %s", got)
	}
	w.Finds("d", "_email", "b@x.org")
	w.Finds("d", "crmId", "A", p)
	w.IsFault(drop(p.String(), "Crm", key), fault.NotFound, "ProfileObjectUniqueKey")
	same(t, "the key is free again", w.Put("d", "Crm", `{"id":"2","crm":"A"}`), p)
}

// TestDeletedType: deleting an object type takes its objects, values and keys
// out of all profiles, and the profiles that only it had made.
func TestDeletedType(t *testing.T) {
	a := crm(map[string]string{"aId": "UNIQUE:id", "crmId": "PROFILE:crm"})
	w := world(t, map[string]ingesttest.Type{"A": a, "B": crm(map[string]string{"bId": "UNIQUE:id", "crmId": "PROFILE:crm"}), "Registration": registration})
	both := w.Put("d", "B", `{"id":"1","crm":"X","first":"Bea"}`)
	w.Put("d", "A", `{"id":"1","crm":"X","first":"Ann"}`)
	only := w.Put("d", "A", `{"id":"2","crm":"Y","first":"Ann"}`)
	edited := w.Put("d", "A", `{"id":"3","crm":"Z","first":"Ann"}`)
	w.Edit("d", edited, `{"LastName":"Lund"}`)
	w.Clock.Step(time.Millisecond)
	if _, err := w.TypeService.DeleteProfileObjectType(context.Background(), &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "A"}); err != nil {
		t.Fatal(err)
	}
	got := []string{w.Show("d", both), w.Show("d", only), w.Show("d", edited)}
	if want := []string{`{"FirstName":"Bea"}`, "none", `{"LastName":"Lund"}`}; !slices.Equal(got, want) {
		t.Errorf("profiles: %q, want %q", got, want)
	}
	w.Finds("d", "crmId", "X", both)
	w.PutType("d", "A", a)
	w.Finds("d", "crmId", "Z")
	if n := count(w, "d"); n != 2 {
		t.Errorf("%d profiles", n)
	}
}

// TestDeletedTypeOfAFullProfile: the removal of a thousand objects, each with a
// standard object of its own and one that they share, is one short transaction.
func TestDeletedTypeOfAFullProfile(t *testing.T) {
	shared := ingesttest.Type{Create: true, Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "serial": "serial>_asset.SerialNumber", "case": "case>_case.Title"},
		Keys: map[string]string{"fullNo": "UNIQUE:no", "deviceSerial": "ASSET:serial", "caseNo": "CASE:case", "_email": "PROFILE:mail"}}
	w := world(t, map[string]ingesttest.Type{"Full": shared, "Registration": registration})
	p := w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S0"}`)
	var bodies []string
	for i := range 999 {
		bodies = append(bodies, fmt.Sprintf(`{"no":"%d","mail":"a@x.org","serial":"S%d","case":"C"}`, i, i))
		if len(bodies) == 111 {
			w.Clock.Step(time.Second)
			if _, err := w.Ingest.Put(context.Background(), "d", "Full", bodies); err != nil {
				t.Fatal(err)
			}
			bodies = nil
		}
	}
	if n := len(listed(t, w, p, "_asset", 100, nil)); n != 999 {
		t.Fatalf("%d assets", n)
	}
	w.Clock.Step(time.Second)
	began := time.Now()
	if _, err := w.TypeService.DeleteProfileObjectType(context.Background(), &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "Full"}); err != nil {
		t.Fatal(err)
	}
	if a, c := len(listed(t, w, p, "_asset", 100, nil)), len(listed(t, w, p, "_case", 100, nil)); a != 1 || c != 0 {
		t.Errorf("%d assets and %d cases are left, after %s", a, c, time.Since(began))
	}
}
