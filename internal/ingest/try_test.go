package ingest_test

import (
	"reflect"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/store"
)

func tryWorld(t *testing.T) *ingesttest.World {
	t.Helper()
	w := ingesttest.New(t)
	w.NewDomain("d", func(in *profileapi.CreateDomainRequest) {
		in.DeadLetterQueueUrl = new("http://127.0.0.1/000000000000/dlq")
		in.DefaultEncryptionKey = new("arn:aws:kms:eu-central-1:111122223333:key/1")
	})
	w.PutType("d", "T", ingesttest.Type{Fields: map[string]string{"id": "id>_profile.AccountNumber", "ref": "ref"},
		Keys: map[string]string{"_account": "PROFILE:id", "k": "UNIQUE:ref"}})
	return w
}

func TestTryGivesErrorsBackAndNoLetters(t *testing.T) {
	w := tryWorld(t)
	w.Create("d", `{"AccountNumber":"1"}`)
	before := w.Outcomes["dead_letter"]
	bodies := []string{`{"id":"1","ref":"a"}`, `{"id":"2","ref":"b"}`, `{"id":"1"}`, `[]`, `{"id":"1","ref":"c"}`}
	results, err := w.Ingest.Try(w.Ctx(), w.ID("d"), "T", bodies, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"", "No profile matches the keys of this object and its object type does not allow profile creation",
		"The UNIQUE key or PROFILE key does not exist in the profile object", "Object: not a JSON object", ""}
	for i, r := range results {
		switch {
		case r.Letter != "":
			t.Errorf("record %d became a letter", i)
		case want[i] == "" && (r.Err != nil || r.UniqueKey == ""):
			t.Errorf("record %d: %+v", i, r)
		case want[i] != "" && !hasPrefix(r.Err, want[i]):
			t.Errorf("record %d: %v, want %s", i, r.Err, want[i])
		}
	}
	if n, err := w.Store.ScanPrefix(w.Ctx(), []byte("outbox"), store.Key{}, 10); err != nil || len(n) != 0 {
		t.Errorf("%d letters in the outbox, %v", len(n), err)
	}
	if w.Outcomes["stored"] != 2 || w.Outcomes["dead_letter"] != before || w.Outcomes["refused"] != 0 {
		t.Errorf("counted %v", w.Outcomes)
	}
}

func hasPrefix(err error, text string) bool {
	return err != nil && len(ingest.Reason(err)) >= len(text) && ingest.Reason(err)[:len(text)] == text
}

func TestARehearsalChangesNothing(t *testing.T) {
	w := tryWorld(t)
	id := w.Create("d", `{"AccountNumber":"1"}`)
	before := ingesttest.Dump(t, w.Store)
	for _, typ := range []string{"T", "CTR"} { // CTR is a type that the domain has not used yet
		bodies := []string{`{"id":"1","ref":"a"}`, `{"id":"2","ref":"b"}`}
		results, err := w.Ingest.Try(w.Ctx(), w.ID("d"), typ, bodies, true)
		if err != nil {
			t.Fatal(err)
		}
		if typ == "T" && (results[0].Err != nil || results[0].Profile != id || results[1].Err == nil) {
			t.Errorf("%+v", results)
		}
	}
	if !reflect.DeepEqual(ingesttest.Dump(t, w.Store), before) {
		t.Error("the store changed")
	}
	if n := w.Outcomes["stored"]; n != 0 {
		t.Errorf("%d counted as stored", n)
	}
}

func TestTryTellsOfTheKeyAndOfTheCall(t *testing.T) {
	w := tryWorld(t)
	w.Create("d", `{"AccountNumber":"1"}`)
	w.Keys.Disable("arn:aws:kms:eu-central-1:111122223333:key/1")
	w.Clock.Step(time.Hour)
	for _, rehearsal := range []bool{false, true} {
		results, err := w.Ingest.Try(w.Ctx(), w.ID("d"), "T", []string{`{"id":"1","ref":"a"}`}, rehearsal)
		if err != nil || ingest.Reason(results[0].Err) != "KMS key is invalid" {
			t.Errorf("rehearsal %v: %+v, %v", rehearsal, results, err)
		}
	}
	for _, c := range []struct {
		of   domain.ID
		typ  string
		kind fault.Kind
	}{{domain.NewID(), "T", fault.NotFound}, {w.ID("d"), "X", fault.NotFound}, {w.ID("d"), "_profile", fault.Invalid}} {
		if results, err := w.Ingest.Try(w.Ctx(), c.of, c.typ, []string{"{}"}, false); !fault.Is(err, c.kind) || results != nil {
			t.Errorf("%s %s: %v", c.of, c.typ, err)
		}
	}
}
