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

// TestInferredFill: a profile that ingestion makes gets the addresses that the
// mapping only types as such; one that is there does not.
func TestInferredFill(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"Crm": crm(map[string]string{"crmId": "PROFILE,UNIQUE:id", "_email": "PROFILE,SECONDARY:mail"})})
	p := w.Put("d", "Crm", `{"id":"1","mail":"Ann@X.org","tel":"206 555 0101"}`)
	if got := w.Show("d", p); got != `{"EmailAddress":"Ann@X.org","PhoneNumber":"206 555 0101"}` {
		t.Errorf("inferred: %s", got)
	}
	same(t, "joins", w.Put("d", "Crm", `{"id":"2","mail":"ann@x.org","tel":"206 555 0102","first":"Ann"}`), p)
	if got := w.Show("d", p); got != `{"EmailAddress":"Ann@X.org","FirstName":"Ann","PhoneNumber":"206 555 0101"}` {
		t.Errorf("after another object: %s", got)
	}
	made := w.Create("d", `{"FirstName":"Cid"}`)
	if _, err := w.Profiles.AddProfileKey(context.Background(), &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: made.String(), KeyName: "crmId", Values: []string{"9"}}); err != nil {
		t.Fatal(err)
	}
	same(t, "by the added key", w.Put("d", "Crm", `{"id":"9","tel":"206 555 0103"}`), made)
	if got := w.Show("d", made); got != `{"FirstName":"Cid"}` {
		t.Errorf("made by a call: %s", got)
	}
}

var registration = ingesttest.Type{Create: true, Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "serial": "serial>_asset.SerialNumber",
	"name": "name>_asset.AssetName", "status": "status>_asset.Status"},
	Keys: map[string]string{"registrationNo": "UNIQUE:no", "deviceSerial": "ASSET:serial", "_email": "PROFILE:mail"}}

var ticket = ingesttest.Type{Create: true, Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "serial": "serial", "title": "title>_case.Title", "asset": "asset", "tag": "tag"},
	Keys: map[string]string{"repairNo": "CASE,UNIQUE:no", "deviceSerial": "ASSET:serial", "_email": "PROFILE:mail", "_assetId": "ASSET,LOOKUP_ONLY:asset"}}

func TestStandardObjects(t *testing.T) {
	types := map[string]ingesttest.Type{"Registration": registration, "Ticket": ticket}
	one := func(t *testing.T, w *ingesttest.World, kind string, p profile.ID, parts ...string) {
		t.Helper()
		got := w.Objects("d", kind, p)
		if len(got) != 1 {
			t.Errorf("%d objects %s: %v", len(got), kind, got)
			return
		}
		for _, part := range parts {
			if !strings.Contains(got[0], part) {
				t.Errorf("%s has no %s", got[0], part)
			}
		}
	}
	t.Run("the same serial again: values accumulate", func(t *testing.T) {
		w := world(t, types)
		p := w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S","name":"Kettle"}`)
		w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S","status":"used"}`)
		one(t, w, "_asset", p, `"AssetName":"Kettle"`, `"Status":"used"`)
		if got := w.Objects("d", "Registration", p); len(got) != 1 || strings.Contains(got[0], "Kettle") {
			t.Errorf("the record was not replaced: %v", got)
		}
	})
	t.Run("a shared key links another type to the asset", func(t *testing.T) {
		w := world(t, types)
		p := w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S","name":"Kettle"}`)
		w.Put("d", "Ticket", `{"no":"T1","mail":"a@x.org","serial":"S","title":"broken"}`)
		one(t, w, "_asset", p, `"AssetName":"Kettle"`)
		one(t, w, "_case", p, `"Title":"broken"`)
		w.Put("d", "Registration", `{"no":"2","mail":"a@x.org","serial":"S2"}`)
		if got := w.Objects("d", "_asset", p); len(got) != 2 {
			t.Errorf("assets: %v", got)
		}
	})
	t.Run("an object that changes its serial leaves the others' asset alone", func(t *testing.T) {
		w := world(t, types)
		p := w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S1","name":"Kettle"}`)
		w.Put("d", "Ticket", `{"no":"T1","mail":"a@x.org","serial":"S1"}`)
		w.Put("d", "Ticket", `{"no":"T1","mail":"a@x.org","serial":"S2"}`)
		w.Put("d", "Registration", `{"no":"2","mail":"a@x.org","serial":"S2","name":"Lamp"}`)
		got := w.Objects("d", "_asset", p)
		slices.Sort(got)
		if len(got) != 2 || !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, `"Kettle"`) && strings.Contains(s, `"S1"`) }) {
			t.Errorf("assets: %v", got)
		}
	})
	t.Run("keys that find two objects of a kind refuse the record", func(t *testing.T) {
		w := world(t, map[string]ingesttest.Type{"Registration": registration, "Both": {Create: true,
			Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "serial": "serial", "other": "other"},
			Keys:   map[string]string{"bothNo": "UNIQUE:no", "deviceSerial": "ASSET:serial;ASSET:other", "_email": "PROFILE:mail"}}})
		p := w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S1"}`)
		w.Put("d", "Registration", `{"no":"2","mail":"a@x.org","serial":"S2"}`)
		_, err := w.TryPut("d", "Both", `{"no":"1","mail":"a@x.org","serial":"S1","other":"S2"}`)
		w.IsFault(err, fault.Invalid, "more than one standard object")
		if got := w.Objects("d", "Both", p); len(got) != 0 {
			t.Errorf("the refused record is there: %v", got)
		}
		w.Put("d", "Both", `{"no":"1","mail":"a@x.org","serial":"S1","other":"S1"}`)
	})
	t.Run("an asset is found by its own id", func(t *testing.T) {
		w := world(t, types)
		p := w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S1"}`)
		w.Put("d", "Registration", `{"no":"2","mail":"a@x.org","serial":"S2"}`)
		text := w.Objects("d", "_asset", p)[0]
		_, rest, _ := strings.Cut(text, `"AssetId":"`)
		id, _, _ := strings.Cut(rest, `"`)
		w.Finds("d", "_assetId", id, p)
		w.Put("d", "Ticket", fmt.Sprintf(`{"no":"T1","mail":"a@x.org","asset":"%s"}`, id))
		if got := w.Objects("d", "_asset", p); len(got) != 2 {
			t.Errorf("assets: %v", got)
		}
	})
	t.Run("a hint for an asset is not stored on it", func(t *testing.T) {
		w := world(t, types)
		p := w.Put("d", "Ticket", `{"no":"T1","mail":"a@x.org","serial":"S1","asset":"hint"}`)
		w.Put("d", "Ticket", `{"no":"T2","mail":"a@x.org","serial":"S2","asset":"hint"}`)
		if got := w.Objects("d", "_asset", p); len(got) != 2 {
			t.Errorf("assets: %v", got)
		}
		w.Finds("d", "_assetId", "hint")
	})
	t.Run("a record that is sent again makes no second object", func(t *testing.T) {
		w := world(t, types)
		p := w.Put("d", "Ticket", `{"no":"T1","mail":"a@x.org","asset":"hint"}`)
		w.Put("d", "Ticket", `{"no":"T1","mail":"a@x.org","asset":"hint"}`)
		if got := w.Objects("d", "_asset", p); len(got) != 1 {
			t.Errorf("assets: %v", got)
		}
	})
	t.Run("the object goes with the last record that speaks of it", func(t *testing.T) {
		w := world(t, types)
		p := w.Put("d", "Registration", `{"no":"1","mail":"a@x.org","serial":"S","name":"Kettle"}`)
		w.Put("d", "Ticket", `{"no":"T1","mail":"a@x.org","serial":"S","title":"broken"}`)
		drop := func(typeName string) {
			t.Helper()
			list, err := w.Profiles.ListProfileObjects(context.Background(), &profileapi.ListProfileObjectsRequest{DomainName: "d", ProfileId: p.String(), ObjectTypeName: typeName})
			if err != nil || len(list.Items) != 1 {
				t.Fatalf("%v %v", list, err)
			}
			if _, err := w.Profiles.DeleteProfileObject(context.Background(), &profileapi.DeleteProfileObjectRequest{DomainName: "d", ProfileId: p.String(),
				ObjectTypeName: typeName, ProfileObjectUniqueKey: *list.Items[0].ProfileObjectUniqueKey}); err != nil {
				t.Fatal(err)
			}
		}
		drop("Registration")
		one(t, w, "_asset", p)
		w.Finds("d", "_assetName", "Kettle")
		drop("Ticket")
		if got := w.Objects("d", "_asset", p); len(got) != 0 {
			t.Errorf("assets: %v", got)
		}
	})
}

// TestOlderRecordsChangeNothing: a record that is older by its source's time
// than what is stored neither changes its profile nor moves to another.
func TestOlderRecordsChangeNothing(t *testing.T) {
	d := crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm"})
	d.Format = "EpochMilli"
	d.Fields["upd"] = "upd>_profile.SourceLastUpdatedTimestamp"
	w := world(t, map[string]ingesttest.Type{"Crm": d})
	p1 := w.Put("d", "Crm", `{"id":"1","crm":"A","first":"Ann","upd":2000}`)
	p2 := w.Put("d", "Crm", `{"id":"2","crm":"B","first":"Bea","upd":2000}`)
	same(t, "older", w.Put("d", "Crm", `{"id":"1","crm":"A","first":"Old","upd":1000}`), p1)
	if got := w.Show("d", p1); got != `{"FirstName":"Ann"}` {
		t.Errorf("after an older record: %s", got)
	}
	w.Put("d", "Crm", `{"id":"1","crm":"B","first":"Old","upd":1000}`)
	if got := w.Objects("d", "Crm", p1); len(got) != 1 || !strings.Contains(got[0], "2000") {
		t.Errorf("an older record with another profile's key: objects %v", got)
	}
	if a, b := w.Show("d", p1), w.Show("d", p2); a != `{"FirstName":"Ann"}` || b != `{"FirstName":"Bea"}` {
		t.Errorf("an older record with another profile's key: %s %s", a, b)
	}
	w.Put("d", "Crm", `{"id":"1","crm":"A","first":"New","upd":3000}`)
	if got := w.Show("d", p1); got != `{"FirstName":"New"}` {
		t.Errorf("after a newer record: %s", got)
	}
	w.Put("d", "Crm", `{"id":"1","crm":"A","first":"Now"}`)
	if got := w.Show("d", p1); got != `{"FirstName":"Now"}` {
		t.Errorf("after a record without a time: %s", got)
	}
	w.Put("d", "Crm", `{"id":"1","crm":"A","first":"Late","upd":2500}`)
	if got := w.Show("d", p1); got != `{"FirstName":"Now"}` {
		t.Errorf("a record older than the last time that was given: %s", got)
	}
}

// TestTimesBefore1970 are times as any other.
func TestTimesBefore1970(t *testing.T) {
	d := crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm"})
	d.Format = "yyyy-MM-dd"
	d.Fields["upd"] = "upd>_profile.SourceLastUpdatedTimestamp"
	w := world(t, map[string]ingesttest.Type{"Crm": d})
	p := w.Put("d", "Crm", `{"id":"1","crm":"A","first":"Ann","upd":"1950-01-01"}`)
	w.Put("d", "Crm", `{"id":"2","crm":"A","first":"Bea","upd":"1990-01-01"}`)
	w.Put("d", "Crm", `{"id":"3","crm":"A","first":"Cid","upd":"1960-01-01"}`)
	var order []string
	for _, text := range w.Objects("d", "Crm", p) {
		order = append(order, text[7:8])
	}
	if got := strings.Join(order, " "); got != "2 3 1" {
		t.Errorf("newest first: %s", got)
	}
	if got := w.Show("d", p); got != `{"FirstName":"Bea"}` {
		t.Errorf("profile: %s", got)
	}
	w.Put("d", "Crm", `{"id":"4","crm":"A"}`)
	w.Put("d", "Crm", `{"id":"4","crm":"A","first":"Dag","upd":"1950-01-01"}`)
	if got := w.Objects("d", "Crm", p); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "Dag") }) {
		t.Errorf("a record with a time after one without: %v", got)
	}
}

// TestClockThatGoesBack: among records without a source time the last to
// arrive wins, though the clock of the node that took it is behind.
func TestClockThatGoesBack(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"Crm": crm(map[string]string{"objectId": "UNIQUE:id", "crmId": "PROFILE:crm"})})
	p := w.Put("d", "Crm", `{"id":"1","crm":"A","first":"Ann"}`)
	w.Clock.Step(-5 * time.Second)
	w.Put("d", "Crm", `{"id":"2","crm":"A","first":"Bea"}`)
	if got := w.Show("d", p); got != `{"FirstName":"Bea"}` {
		t.Errorf("after the clock went back: %s", got)
	}
	w.Put("d", "Crm", `{"id":"2","crm":"A","first":"Cid"}`)
	if got := w.Show("d", p); got != `{"FirstName":"Cid"}` {
		t.Errorf("the same record anew: %s", got)
	}
}

func TestManualProtection(t *testing.T) {
	strong := crm(map[string]string{"strongId": "UNIQUE:id", "crmId": "PROFILE:crm"})
	strong.Priority = 3
	w := world(t, map[string]ingesttest.Type{"Weak": crm(map[string]string{"weakId": "UNIQUE:id", "crmId": "PROFILE:crm"}), "Strong": strong})
	p := w.Put("d", "Weak", `{"id":"1","crm":"A","first":"Jon"}`)
	shows := func(what, want string) {
		t.Helper()
		if got := w.Show("d", p); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	w.Edit("d", p, `{"FirstName":"John"}`)
	w.Put("d", "Weak", `{"id":"1","crm":"A","first":"Jan"}`)
	shows("without priority", `{"FirstName":"John"}`)
	w.Put("d", "Strong", `{"id":"1","crm":"A","first":"Jan"}`)
	shows("with priority", `{"FirstName":"Jan"}`)
	w.Edit("d", p, `{"FirstName":""}`)
	shows("cleared", `{}`)
	w.Put("d", "Weak", `{"id":"1","crm":"A"}`)
	shows("cleared, and the record sent without it", `{}`)
	w.Put("d", "Weak", `{"id":"1","crm":"A","first":"Jo"}`)
	shows("cleared, and the record sent with it", `{"FirstName":"Jo"}`)
}
