package ingest_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
)

// keysOf writes what became of the keys of a preview.
func keysOf(p *ingest.Preview) string {
	var b strings.Builder
	for _, k := range p.Keys {
		fmt.Fprintf(&b, "%s:%d:%s:%d:%s ", k.Name, k.Tried, k.Finding, len(k.Profiles), k.NotStored)
	}
	return strings.TrimSpace(b.String())
}

func previewOf(t *testing.T, w *ingesttest.World, typeName, body string) *ingest.Preview {
	t.Helper()
	p, err := w.Ingest.Preview(w.Ctx(), "d", typeName, nil, body)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPreviewSaysWhichKeyDecidedAndWhyTheOthersDidNot(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d")
	w.PutType("d", "T", ingesttest.Type{Create: true, Fields: map[string]string{"id": "id", "a": "a", "b": "b", "c": "c>_profile.FirstName", "n": "n"},
		Keys: map[string]string{"k": "UNIQUE:id", "a": "PROFILE:a", "b": "PROFILE,SECONDARY:b", "c": "PROFILE,LOOKUP_ONLY:c", "n": "PROFILE,NEW_ONLY:n"}})
	one, two := w.Put("d", "T", `{"id":"1","a":"A1"}`), w.Put("d", "T", `{"id":"2","a":"A2","b":"B"}`)
	for range profile.MaxExplained + 2 {
		id := w.Create("d", `{}`)
		if _, err := w.Profiles.AddProfileKey(w.Ctx(), &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: id.String(), KeyName: "b", Values: []string{"many"}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		body    string
		outcome ingest.Outcome
		profile profile.ID
		keys    string
	}{
		{`{"id":"9","a":"A1","b":"B","n":"N"}`, ingest.WouldJoin, one,
			"k:0:NOT_A_PROFILE_KEY:0: a:1:FOUND:1: b:3:NOT_TRIED:1: c:0:EMPTY:0:EMPTY n:2:NOT_TRIED:0:NEW_ONLY"},
		{`{"id":"9","a":"A3","b":"B","c":"C"}`, ingest.WouldJoin, two,
			"k:0:NOT_A_PROFILE_KEY:0: a:1:NOT_FOUND:0: b:3:FOUND:1: c:2:NOT_FOUND:0:LOOKUP_ONLY n:0:EMPTY:0:EMPTY"},
		{`{"id":"9","b":"many","n":"N"}`, ingest.WouldCreate, profile.ID{},
			"k:0:NOT_A_PROFILE_KEY:0: a:0:EMPTY:0:EMPTY b:2:AMBIGUOUS:10: c:0:EMPTY:0:EMPTY n:1:NOT_FOUND:0:"},
		{`{"id":"2","a":"A1"}`, ingest.WouldMove, one,
			"k:0:NOT_A_PROFILE_KEY:0: a:1:FOUND:1: b:0:EMPTY:0:EMPTY c:0:EMPTY:0:EMPTY n:0:EMPTY:0:EMPTY"},
		{`{"id":"2","a":"none"}`, ingest.WouldReplace, two,
			"k:0:NOT_A_PROFILE_KEY:0: a:1:NOT_FOUND:0: b:0:EMPTY:0:EMPTY c:0:EMPTY:0:EMPTY n:0:EMPTY:0:EMPTY"},
		{`{"id":"9"}`, ingest.WouldFail, profile.ID{},
			"k:0:NOT_A_PROFILE_KEY:0:FAILED a:0:EMPTY:0:EMPTY b:0:EMPTY:0:EMPTY c:0:EMPTY:0:EMPTY n:0:EMPTY:0:EMPTY"},
	} {
		p := previewOf(t, w, "T", c.body)
		if got := keysOf(p); p.Outcome != c.outcome || p.Attach.Profile != c.profile || got != c.keys {
			t.Errorf("%s: %s %s\n%s, want\n%s", c.body, p.Outcome, p.Attach.Profile, got, c.keys)
		}
		for _, k := range p.Keys {
			if k.More != (k.Value == "many") {
				t.Errorf("%s: key %s: more is %v", c.body, k.Name, k.More)
			}
		}
		if moved := p.MovedFrom == two; moved != (c.outcome == ingest.WouldMove) {
			t.Errorf("%s: moved from %s", c.body, p.MovedFrom)
		}
	}
}

func TestPreviewSaysWhyAValueStands(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d")
	for name, priority := range map[string]int{"Plain": 0, "Weak": 5, "Strong": 1} {
		w.PutType("d", name, ingesttest.Type{Create: true, Priority: priority, Format: "EpochMilli",
			Fields: map[string]string{"id": "id", "first": "first>_profile.FirstName", "at": "at>_profile.SourceLastUpdatedTimestamp"},
			Keys:   map[string]string{name: "UNIQUE:id", "person": "PROFILE:id"}})
	}
	id := w.Put("d", "Plain", `{"id":"1","first":"Ann","at":2000}`)
	check := func(typeName, body string, want profile.Reason) {
		t.Helper()
		p := previewOf(t, w, typeName, body)
		if len(p.Attach.Changes) != 1 || p.Attach.Changes[0].Reason != want {
			t.Errorf("%s %s: %+v, want %s", typeName, body, p.Attach.Changes, want)
		}
	}
	check("Plain", `{"id":"2","first":"Bea"}`, profile.New)
	check("Plain", `{"id":"1","first":"Ann"}`, profile.Same)
	check("Plain", `{"id":"1","first":"Bea","at":3000}`, profile.Newer)
	check("Strong", `{"id":"1","first":"Bea"}`, profile.StrongerSource)
	w.Put("d", "Weak", `{"id":"1","first":"Cid","at":5000}`)
	check("Plain", `{"id":"1","first":"Bea","at":9000}`, profile.KeptStrongerSource)
	check("Weak", `{"id":"1","first":"Bea","at":6000}`, profile.Newer)
	w.Clock.Step(time.Second)
	w.Edit("d", id, `{"FirstName":"Dot"}`)
	check("Plain", `{"id":"1","first":"Bea","at":9000}`, profile.KeptManual)
	check("Strong", `{"id":"1","first":"Bea","at":9000}`, profile.OverrulesManual)
	w.Edit("d", id, `{"FirstName":""}`)
	check("Plain", `{"id":"1","first":"Bea","at":9000}`, profile.New)
	other := w.Put("d", "Plain", `{"id":"3","first":"Ann","at":2000}`)
	w.PutType("d", "Plain2", ingesttest.Type{Format: "EpochMilli", Fields: map[string]string{"id": "id", "first": "first>_profile.FirstName",
		"at": "at>_profile.SourceLastUpdatedTimestamp"}, Keys: map[string]string{"Plain2": "UNIQUE:id", "person": "PROFILE:id"}})
	check("Plain2", `{"id":"3","first":"Bea","at":1000}`, profile.KeptNewer)
	p := previewOf(t, w, "Plain", `{"id":"3","first":"Bea","at":1000}`)
	if p.Outcome != ingest.WouldNothing || p.Attach.Profile != other || len(p.Attach.Changes) != 0 || p.Time.UnixMilli() != 1000 {
		t.Errorf("an outdated record: %+v", p)
	}
}

// TestPreviewMeetsTheErrorsOfPut: the same text, and the same way back.
func TestPreviewMeetsTheErrorsOfPut(t *testing.T) {
	w := tryWorld(t)
	w.Create("d", `{"AccountNumber":"2"}`)
	w.Create("d", `{"AccountNumber":"2"}`)
	w.Clock.Step(time.Hour)
	for _, c := range []struct {
		body    string
		toQueue bool
		keyOff  bool
	}{
		{`{"id":"1","ref":"a"}`, true, false},                                  // no match
		{`{"id":"2","ref":"a"}`, true, false},                                  // ambiguous
		{`{"id":"2"}`, false, false},                                           // no UNIQUE key
		{`[1]`, false, false},                                                  // no object
		{`{"id":"` + strings.Repeat("x", 1001) + `"}`, false, false},           // a key too long
		{`{"x":"` + strings.Repeat("x", ingest.MaxObject) + `"}`, true, false}, // too large
		{`{"id":"1","ref":"a"}`, true, true},                                   // the key out of use
		{`{"id":"1"}`, false, true},
	} {
		if c.keyOff {
			w.Keys.Disable("arn:aws:kms:eu-central-1:111122223333:key/1")
			w.Clock.Step(time.Hour)
		}
		p := previewOf(t, w, "T", c.body)
		r, err := w.Ingest.Put(w.Ctx(), "d", "T", []string{c.body})
		if err != nil {
			t.Fatal(err)
		}
		text := r[0].Letter
		if r[0].Err != nil {
			text = ingest.Reason(r[0].Err)
		}
		if p.Outcome != ingest.WouldFail || ingest.Reason(p.Err) != text || p.ToQueue != c.toQueue || p.ToQueue != (r[0].Letter != "") {
			t.Errorf("%.40s: %s %v, to the queue: %v; put says %s", c.body, p.Outcome, p.Err, p.ToQueue, text)
		}
	}
	w.Keys.Enable("arn:aws:kms:eu-central-1:111122223333:key/1")
	for _, c := range []struct{ domain, typ string }{{"x", "T"}, {"d", "X"}, {"d", "_profile"}} {
		_, put := w.Ingest.Put(w.Ctx(), c.domain, c.typ, []string{"{}"})
		if p, err := w.Ingest.Preview(w.Ctx(), c.domain, c.typ, nil, "{}"); p != nil || put == nil || err == nil || err.Error() != put.Error() {
			t.Errorf("%s %s: %v, put %v", c.domain, c.typ, err, put)
		}
	}
}

// TestPreviewUnderADefinition: its error is that of PutProfileObjectType, and it
// stands in for a type that is there or not.
func TestPreviewUnderADefinition(t *testing.T) {
	w := tryWorld(t)
	before := ingesttest.Dump(t, w.Store)
	preview := func(name string, edit func(*profileapi.PutProfileObjectTypeRequest)) (*ingest.Preview, *profileapi.PutProfileObjectTypeRequest, error) {
		in := ingesttest.Type{Create: true, Fields: map[string]string{"id": "id>_profile.AccountNumber", "ref": "ref"},
			Keys: map[string]string{"_account": "PROFILE:id", "k": "UNIQUE:ref"}}.Request("d", name)
		edit(in)
		p, err := w.Ingest.Preview(w.Ctx(), "d", name, func(cfg *domain.Config) (*objecttype.Type, error) { return w.TypeService.Candidate(cfg, in) }, `{"id":"1","ref":"a"}`)
		return p, in, err
	}
	for _, name := range []string{"T", "Other", "CTR"} {
		p, _, err := preview(name, func(*profileapi.PutProfileObjectTypeRequest) {})
		if err != nil || p.Outcome != ingest.WouldCreate {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if !reflect.DeepEqual(ingesttest.Dump(t, w.Store), before) {
		t.Error("the store changed")
	}
	for name, edit := range map[string]func(*profileapi.PutProfileObjectTypeRequest){
		"description": func(in *profileapi.PutProfileObjectTypeRequest) { in.Description = "" },
		"no keys":     func(in *profileapi.PutProfileObjectTypeRequest) { in.Keys = nil },
		"target": func(in *profileapi.PutProfileObjectTypeRequest) {
			in.Fields["id"] = profileapi.ObjectTypeField{Source: new("_source.id"), Target: new("_profile.Nonsense")}
		},
		"template": func(in *profileapi.PutProfileObjectTypeRequest) { in.TemplateId = new("none") },
		"limit":    func(in *profileapi.PutProfileObjectTypeRequest) { in.MaxProfileObjectCount = new(1001) },
		"name":     func(in *profileapi.PutProfileObjectTypeRequest) { in.ObjectTypeName = "_x" },
		"key of others": func(in *profileapi.PutProfileObjectTypeRequest) {
			f := in.Fields["ref"]
			f.ContentType = new("NUMBER")
			in.Fields["ref"] = f
		},
	} {
		_, in, err := preview("Other", edit)
		_, put := w.TypeService.PutProfileObjectType(w.Ctx(), in)
		if !fault.Is(err, fault.Invalid) || put == nil || ingest.Reason(err) != ingest.Reason(put) {
			t.Errorf("%s: %v, put %v", name, err, put)
		}
	}
}
