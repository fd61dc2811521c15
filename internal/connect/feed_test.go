package connect

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"kindred/internal/api/connectapi"
	"kindred/internal/fault"
)

func (e *env) notes(instanceID string, since time.Time) []string {
	e.t.Helper()
	list, err := e.Notes(e.ctx, instanceID, since, 100)
	if err != nil {
		e.t.Fatal(err)
	}
	var ids []string
	for _, n := range list {
		if !slices.Contains(ids, n.ContactID) {
			ids = append(ids, n.ContactID)
		}
	}
	return ids
}

// Contacts that arrive, change, and end leave notes; records of long ago do not.
func TestNotes(t *testing.T) {
	e := newEnv(t)
	told := map[string]int{}
	e.changed = func(id string) { told[id]++ }
	id, other := e.enabled(), e.create("other")
	start := e.clock()
	c := e.call(&connectapi.CreateContactRequest{InstanceId: id, Channel: "VOICE", Attributes: map[string]string{"customerPhone": "+15550100"}})
	if got := e.notes(id, start); !slices.Equal(got, []string{c}) || told[id] != 2 { // made, and ingested
		t.Errorf("notes %v, told %v", got, told)
	}
	e.pass(time.Second)
	later := e.clock()
	if _, err := e.UpdateContactAttributes(e.ctx, &connectapi.UpdateContactAttributesRequest{InstanceId: id, InitialContactId: c,
		Attributes: map[string]string{"profileSearchKey": "account", "profileSearchValue": "A7"}}); err != nil {
		t.Fatal(err)
	}
	if got := e.notes(id, later); !slices.Equal(got, []string{c}) {
		t.Errorf("after a change: %v", got)
	}
	live, err := e.LiveContacts(e.ctx, id, []string{c, "gone"})
	if err != nil || len(live) != 1 {
		t.Fatalf("%v, %v", live, err)
	}
	want := LiveContact{ID: c, Channel: "VOICE", InitiationMethod: "INBOUND", Initiated: live[0].Initiated, Customer: Endpoint{"+15550100", telephone},
		SearchKey: "account", Search: "A7"}
	if live[0] != want || start.Sub(live[0].Initiated) > time.Second {
		t.Errorf("got %+v, want %+v", live[0], want)
	}

	e.pass(time.Second)
	later = e.clock()
	record := func(contact string, ended time.Time) {
		t.Helper()
		text := fmt.Sprintf(`{"ContactId":%q,"Channel":"VOICE","InitiationTimestamp":%q,"DisconnectTimestamp":%q,"LastUpdateTimestamp":%q,"InstanceARN":%q}`,
			contact, ended.Add(-time.Minute).Format(time.RFC3339), ended.Format(time.RFC3339), ended.Format(time.RFC3339), e.arn(id, ""))
		results, err := e.IngestRecords(e.ctx, id, []json.RawMessage{json.RawMessage(text)})
		if err != nil || results[0].Err != nil || !results[0].Stored {
			t.Fatalf("%+v, %v", results, err)
		}
	}
	record("ended-now", later)
	record("ended-long-ago", later.Add(-time.Hour))
	if got := e.notes(id, later); !slices.Equal(got, []string{"ended-now"}) {
		t.Errorf("of records: %v", got)
	}
	if got := e.notes(other, start); len(got) != 0 {
		t.Errorf("of another instance: %v", got)
	}
}

func TestNotesAreKeptForTheirTime(t *testing.T) {
	e := newEnv(t)
	id := e.enabled()
	start := e.clock()
	var all []string
	for range 3 {
		all = append(all, e.call(&connectapi.CreateContactRequest{InstanceId: id, Channel: "CHAT"}))
		e.pass(FeedKept / 3)
	}
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	if got := e.notes(id, start); !slices.Equal(got, all) {
		t.Errorf("got %v, want %v", got, all)
	}
	e.pass(time.Millisecond)
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	if got := e.notes(id, start); !slices.Equal(got, all[1:]) {
		t.Errorf("got %v, want %v", got, all[1:])
	}
}

func TestFollowingNeedsThePermission(t *testing.T) {
	e := newEnv(t)
	id := e.create("a")
	const head = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"connect:DescribeContact","Resource":"`
	all := e.arn(id, "contact/*")
	if got, err := e.Follow(user(t, head+all+`"}]}`), e.arn(id, "")); err != nil || got != id {
		t.Errorf("%s, %v", got, err)
	}
	for _, ctx := range []string{head + e.arn("x", "contact/*") + `"}]}`, head + e.arn(id, "") + `"}]}`, head + e.arn(id, "contact/c") + `"}]}`} {
		if _, err := e.Follow(user(t, ctx), id); !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", ctx, err)
		}
	}
	if _, err := e.Follow(e.ctx, "no-such-instance"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	partly := user(t, head+all+`"},{"Effect":"Deny","Action":"connect:*","Resource":"`+e.arn(id, "contact/secret")+`"}]}`)
	if err := e.AllowContact(partly, id, "open"); err != nil {
		t.Error(err)
	}
	if err := e.AllowContact(partly, id, "secret"); !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
}
