package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/api/connectapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// record is a contact record in published form, last updated n seconds into
// 2026.
func record(id string, n int, more ...string) string {
	at := time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC).Format(time.RFC3339)
	return `{"ContactId":"` + id + `","Channel":"VOICE","InitiationTimestamp":"2026-01-01T00:00:00Z","LastUpdateTimestamp":"` + at + `"` +
		strings.Join(append([]string{""}, more...), ",") + `}`
}

func rawRecords(records ...string) []json.RawMessage {
	out := make([]json.RawMessage, len(records))
	for i, r := range records {
		out[i] = json.RawMessage(r)
	}
	return out
}

func (e *env) ingestRecords(instance string, records ...string) []RecordResult {
	e.t.Helper()
	results, err := e.IngestRecords(e.ctx, instance, rawRecords(records...))
	if err != nil {
		e.t.Fatal(err)
	}
	return results
}

// TestRecordAfterLiveContact: the record of a contact replaces what was known
// of it, though its time has whole seconds only, and an older one does not.
func TestRecordAfterLiveContact(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	id := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "VOICE", Name: ptr("n"), Attributes: map[string]string{"phone": "+15555550123"}})
	sameSecond := `{"ContactId":"` + id + `","Channel":"VOICE","LastUpdateTimestamp":"2026-03-10T12:00:00Z","Queue":{"Duration":4},"Attributes":{"k":"record"},"InitiationTimestamp":"2026-03-10T12:00:00Z"}`
	older := strings.Replace(sameSecond, "12:00:00Z", "11:59:59Z", 1)
	if r := e.ingestRecords(i, older)[0]; r.Stored || r.Err != nil {
		t.Errorf("an older record: %+v", r)
	}
	if r := e.ingestRecords(i, sameSecond)[0]; !r.Stored || r.Err != nil {
		t.Errorf("the record: %+v", r)
	}
	if r := e.ingestRecords(i, sameSecond)[0]; r.Stored || r.Err != nil {
		t.Errorf("the record again: %+v", r)
	}
	if o := e.profiles.object(id); !strings.Contains(o, `"durationMillis":4000`) {
		t.Errorf("the profile has %s", o)
	}
	if c := e.contactOf(i, id); c.Attributes["k"] != "record" || *c.Name != "n" {
		t.Errorf("the contact has %v", c.Attributes)
	}
	// A change after the record is newer than the record, in the same second too.
	if _, err := e.UpdateContactAttributes(e.ctx, &connectapi.UpdateContactAttributesRequest{InstanceId: i, InitialContactId: id, Attributes: map[string]string{"k": "call"}}); err != nil {
		t.Fatal(err)
	}
	e.ingestRecords(i, sameSecond)
	if c := e.contactOf(i, id); c.Attributes["k"] != "call" {
		t.Errorf("the contact has %v", c.Attributes)
	}
	if o := e.profiles.object(id); !strings.Contains(o, `"k":"call"`) {
		t.Errorf("the profile has %s", o)
	}
}

// TestAnyOrderOfRecords: contact records that come repeatedly and in any order,
// one by one and in batches, leave the newest.
func TestAnyOrderOfRecords(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	for range 30 {
		e := newEnv(t)
		i := e.enabled()
		newest := map[string]string{}
		var emitted []string
		for c := range 3 {
			id := fmt.Sprintf("c%d", c)
			for n := range 1 + rng.IntN(5) {
				queue := `"Queue":null`
				if rng.IntN(2) == 0 {
					queue = fmt.Sprintf(`"Queue":{"Duration":%d,"EnqueueTimestamp":"2026-01-02T00:00:0%dZ"}`, n, rng.IntN(9))
				}
				r := record(id, n, queue, fmt.Sprintf(`"DisconnectTimestamp":"2026-01-0%dT00:00:00Z"`, 1+rng.IntN(9)))
				newest[id] = r
				for range 1 + rng.IntN(3) {
					emitted = append(emitted, r)
				}
			}
			// Two different records of the same time: any order ends alike.
			twins := []string{record(id, 9, `"Twin":1`), record(id, 9, `"Twin":2`)}
			newest[id] = twins[1]
			emitted = append(emitted, twins...)
		}
		rng.Shuffle(len(emitted), func(a, b int) { emitted[a], emitted[b] = emitted[b], emitted[a] })
		for len(emitted) > 0 {
			n := 1 + rng.IntN(len(emitted))
			for _, r := range e.ingestRecords(i, emitted[:n]...) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			emitted = emitted[n:]
		}
		fresh := newEnv(t)
		j := fresh.create("x")
		for id, r := range newest {
			fresh.ingestRecords(j, r)
			got, want := e.object(i, id), strings.ReplaceAll(fresh.object(j, id), j, i)
			if got != want {
				t.Fatalf("stored\n%s\nwant\n%s", got, want)
			}
			if p := e.profiles.object(id); p != want {
				t.Fatalf("ingested\n%s\nwant\n%s", p, want)
			}
		}
		// No index entry of an earlier state is left.
		if got, want := strings.Count(e.raw(), "/t/"), strings.Count(fresh.raw(), "/t/"); got != want {
			t.Fatalf("%d time entries, want %d", got, want)
		}
	}
}

// object is the stored object form of a contact.
func (e *env) object(instanceID, id string) string {
	e.t.Helper()
	var c *contact
	err := e.store.View(e.ctx, func(r store.Reader) (err error) {
		c, err = e.find(e.ctx, r, instanceID, id)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return string(c.Object)
}

// TestPublishedRecords takes in the records of package contactrecord's tests.
func TestPublishedRecords(t *testing.T) {
	files, err := filepath.Glob("../contactrecord/testdata/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d records: %v", len(files), err)
	}
	e := newEnv(t)
	i := e.enabled()
	var records []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, strings.ReplaceAll(string(b), "5f6f1a52-30a7-4c2d-93d8-0e3b1d9b2c11", i))
	}
	for n, r := range e.ingestRecords("", records...) {
		if r.Err != nil || !r.Stored {
			t.Errorf("%s: %+v", files[n], r)
		}
	}
	c := e.contactOf(i, "3b7f5cfe-41a5-49f4-8b33-96b4f8d7c001")
	if *c.QueueInfo.Id != "a9c4" || *c.AgentInfo.AfterContactWorkDuration != 42 || *c.CustomerEndpoint.Address != "+15555550123" ||
		*c.DisconnectReason != "CUSTOMER_DISCONNECT" || c.Tags["Team"] != "Orders" || c.Attributes["OrderNumber"] != "A-10093" {
		t.Errorf("got %+v", c)
	}
	if stored := e.raw(); strings.Contains(stored, "5555550123") || strings.Contains(stored, "vantreight") || strings.Contains(strings.ToLower(stored), "marchetti") {
		t.Error("the store holds a customer's data in the clear")
	}
	if strings.Contains(e.log.String(), "5555550123") {
		t.Error("the log holds a customer's data")
	}
}

func TestIngestRecordsRefuses(t *testing.T) {
	e := newEnv(t)
	i, j := e.enabled(), e.create("other")
	tests := []struct{ name, instance, record, want string }{
		{"not JSON", i, `{`, "not valid JSON"},
		{"no instance", "", record("c", 1), "InstanceARN: the record names no instance"},
		{"unknown instance", "", record("c", 1, `"InstanceARN":"arn:aws:connect:us-east-1:000000000000:instance/gone"`), "no such instance"},
		{"another instance", i, record("c", 1, `"InstanceARN":"`+e.arn(j, "")+`"`), "another instance"},
		{"another region", "", record("c", 1, `"InstanceARN":"arn:aws:connect:eu-west-1:000000000000:instance/`+i+`"`), "no such instance"},
		{"wrong type", i, record("c", 1, `"Queue":"Orders"`), "queue: a value in it has another type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := e.ingestRecords(tt.instance, tt.record)[0]
			if r.Err == nil || !strings.Contains(r.Err.Error(), tt.want) || r.Stored {
				t.Errorf("got %+v, want %q", r, tt.want)
			}
			if !fault.Is(r.Err, fault.Invalid) && !fault.Is(r.Err, fault.NotFound) {
				t.Errorf("%v is not the client's", r.Err)
			}
		})
	}
	if _, err := e.IngestRecords(e.ctx, i, make([]json.RawMessage, MaxRecords+1)); err == nil {
		t.Error("too many records were taken")
	}
}

func TestIngestionFails(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	contact := func() (string, Ingestion) {
		t.Helper()
		id := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "VOICE", Attributes: map[string]string{"phone": "+15555550123"}})
		in, err := e.Ingestion(e.ctx, i, id)
		if err != nil {
			t.Fatal(err)
		}
		return id, in
	}
	if _, in := contact(); in.Domain != "d" || in.ProfileID != "01000000000000000000000000000000" || in.Problem != "" || in.Pending {
		t.Errorf("stored: %+v", in)
	}
	e.profiles.letter = "All keys of this object are binding to more than one profiles"
	if _, in := contact(); in.Letter != e.profiles.letter || in.ProfileID != "" || in.Problem != "" || in.Pending {
		t.Errorf("dead letter: %+v", in)
	}
	e.profiles.letter = ""
	e.profiles.refuse = func(string) error { return fault.New(fault.Invalid, "no profile has these keys") }
	if _, in := contact(); in.Problem != "no profile has these keys" || in.ProfileID != "" || in.Pending {
		t.Errorf("refused: %+v", in)
	}
	if log := e.log.String(); !strings.Contains(log, "no profile has these keys") || strings.Contains(log, "5555550123") {
		t.Errorf("log: %s", log)
	}
	e.profiles.refuse = nil
	e.profiles.fail = fault.New(fault.Busy, "try again")
	id, in := contact()
	if !in.Pending {
		t.Errorf("busy: %+v", in)
	}
	// It is brought in later, but not while the call may still be at it.
	e.profiles.fail = nil
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	if e.profiles.object(id) != "" {
		t.Error("ingested at once")
	}
	e.pass(time.Minute)
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	if in, _ = e.Ingestion(e.ctx, i, id); in.Pending || in.ProfileID == "" || e.profiles.object(id) == "" {
		t.Errorf("after a while: %+v", in)
	}
	puts := e.profiles.puts
	if err := e.sweep(e.ctx); err != nil || e.profiles.puts != puts {
		t.Errorf("nothing is due any more, %d puts, %v", e.profiles.puts-puts, err)
	}
}

// TestDueAndNoDomain: what is due is forgotten when the instance leaves its
// domain, and contacts of an instance without one are not ingested.
func TestDueAndNoDomain(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	e.profiles.fail = errors.New("down")
	id := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "TASK"})
	clear(e.domains.to)
	e.pass(time.Minute)
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	if in, err := e.Ingestion(e.ctx, i, id); err != nil || in.Pending {
		t.Errorf("%+v, %v", in, err)
	}
	if strings.Contains(e.raw(), "/due") {
		t.Error("still due")
	}
	puts := e.profiles.puts
	e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "TASK"})
	if e.profiles.puts != puts {
		t.Error("a contact went to a domain that its instance does not belong to")
	}
}

// TestChangeDuringIngestion: a change that commits while an older state is on
// its way into the domain is what the domain has in the end.
func TestChangeDuringIngestion(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	id := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "TASK"})
	update := func(v string) {
		_, err := e.UpdateContactAttributes(e.ctx, &connectapi.UpdateContactAttributesRequest{InstanceId: i, InitialContactId: id, Attributes: map[string]string{"v": v}})
		if err != nil {
			t.Error(err)
		}
	}
	e.profiles.before = func() { update("second") } // overtakes the first, within the same second
	update("first")
	if o := e.profiles.object(id); !strings.Contains(o, `"v":"second"`) {
		t.Errorf("the domain has %s", o)
	}
	if in, err := e.Ingestion(e.ctx, i, id); err != nil || in.Pending {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestConcurrentChanges(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	id := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "TASK"})
	var wg sync.WaitGroup
	const n = 20
	for k := range n {
		wg.Go(func() {
			_, err := e.UpdateContactAttributes(e.ctx, &connectapi.UpdateContactAttributesRequest{InstanceId: i, InitialContactId: id,
				Attributes: map[string]string{fmt.Sprintf("k%02d", k): "v"}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := e.contactOf(i, id).Attributes; len(got) != n {
		t.Errorf("%d attributes, want %d", len(got), n)
	}
	if o := e.profiles.object(id); strings.Count(o, `":"v"`) != n {
		t.Errorf("the domain has %s", o)
	}
}

// FuzzRecord takes in a record and reads it back in every way.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(record("c", 1, `"Agent":{"ARN":"x"},"Queue":{"EnqueueTimestamp":null},"Tags":{"a":null,"b":1}`)))
	f.Add([]byte(`{"contactId":"c","lastUpdateTimestamp":253402300799999,"attributes":null,"segmentAttributes":{"a":{"valueList":[{"valueMap":{}}]}}}`))
	f.Add([]byte(`{"contactId":"c","lastUpdateTimestamp":1,"agent":{"afterContactWorkDurationMillis":1e300},"initialContactId":"c","previousContactId":"/"}`))
	e := newEnv(f)
	i := e.enabled()
	f.Fuzz(func(t *testing.T, in []byte) {
		e.t = t
		r := e.ingestRecords(i, string(in))[0]
		if r.Err != nil {
			if !fault.Is(r.Err, fault.Invalid) {
				t.Fatalf("%v is not the client's", r.Err)
			}
			return
		}
		c := e.contactOf(i, r.ContactID)
		if *c.Id != r.ContactID {
			t.Fatalf("%s is described as %s", r.ContactID, *c.Id)
		}
		_, err := e.UpdateContactAttributes(e.ctx, &connectapi.UpdateContactAttributesRequest{InstanceId: i, InitialContactId: r.ContactID, Attributes: map[string]string{"k": "v"}})
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		if _, err := e.ListAssociatedContacts(e.ctx, &connectapi.ListAssociatedContactsRequest{InstanceId: i, ContactId: r.ContactID}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestRun: the work in the background is done at once, then at intervals, and
// ends with its context.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		i := e.enabled()
		e.profiles.fail = errors.New("down")
		id := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "TASK"})
		e.profiles.fail = nil
		ctx, cancel := context.WithCancel(e.ctx)
		done := make(chan error)
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		if e.profiles.object(id) != "" {
			t.Error("ingested while the call may still be at it")
		}
		e.pass(dueAfter)
		time.Sleep(sweepEvery)
		synctest.Wait()
		if e.profiles.object(id) == "" {
			t.Error("not ingested after a while")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
