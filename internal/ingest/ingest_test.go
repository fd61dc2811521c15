package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
	"kindred/internal/resource"
	"kindred/internal/store"
)

const (
	queue = "http://localhost/111122223333/letters"
	keyA  = "arn:aws:kms:eu-central-1:111122223333:key/a"
	keyT  = "arn:aws:kms:eu-central-1:111122223333:key/t"
)

var strict = ingesttest.Type{Fields: map[string]string{"id": "id", "mail": "mail|EMAIL_ADDRESS"}, Keys: map[string]string{"strictId": "UNIQUE:id", "_email": "PROFILE:mail"}}
var open = ingesttest.Type{Create: true, Fields: map[string]string{"id": "id", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS", "first": "first>_profile.FirstName", "list": "{{_source.n}}"},
	Keys: map[string]string{"openId": "UNIQUE:id", "_email": "PROFILE:mail"}}
var keyed = ingesttest.Type{Create: true, Key: keyT, Fields: map[string]string{"id": "id", "mail": "mail|EMAIL_ADDRESS"}, Keys: map[string]string{"keyedId": "UNIQUE:id", "_email": "PROFILE:mail"}}

func newWorld(t *testing.T, deadLetters bool) *ingesttest.World {
	t.Helper()
	w := ingesttest.New(t)
	w.NewDomain("d", func(in *profileapi.CreateDomainRequest) {
		key := keyA
		in.DefaultEncryptionKey = &key
		if deadLetters {
			q := queue
			in.DeadLetterQueueUrl = &q
		}
	})
	for name, d := range map[string]ingesttest.Type{"Strict": strict, "Open": open, "Keyed": keyed} {
		w.PutType("d", name, d)
	}
	return w
}

// waiting are the letters in the outbox, which is delivered.
func waiting(w *ingesttest.World) []resource.Letter {
	w.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Outbox.Run(ctx)
	}()
	for len(ingesttest.Dump(w.T, outboxOf{w.Store})) > 0 {
		runtime.Gosched()
	}
	cancel()
	<-done
	return w.Queues.Letters()
}

// outboxOf shows the outbox only.
type outboxOf struct{ store.Store }

func (o outboxOf) ScanPrefix(ctx context.Context, _ []byte, after store.Key, limit int) ([]store.Record, error) {
	return o.Store.ScanPrefix(ctx, []byte("outbox"), after, limit)
}

// TestErrorsAndDeadLetters: what is wrong with a request goes back to the caller
// whether there is a queue or not; what cannot be ingested for another reason
// goes back without a queue and becomes a letter with the same text with one.
func TestErrorsAndDeadLetters(t *testing.T) {
	large := fmt.Sprintf(`{"id":"1","mail":"a@x.org","text":"%s"}`, strings.Repeat("é", 127_990))
	for _, c := range []struct {
		what     string
		prepare  func(*ingesttest.World)
		typeName string
		body     string
		kind     fault.Kind
		text     string
		letter   bool // with a queue
	}{
		{"not JSON", nil, "Open", `{"id":`, fault.Invalid, "Object: not a JSON object", false},
		{"an array", nil, "Open", `[]`, fault.Invalid, "Object: not a JSON object", false},
		{"text behind it", nil, "Open", `{"id":"1"} {}`, fault.Invalid, "Object: not a JSON object", false},
		{"not UTF-8", nil, "Open", "{\"id\":\"\xff\"}", fault.Invalid, "Object: not a JSON object", false},
		{"no unique key", nil, "Open", `{"mail":"a@x.org"}`, fault.Invalid, "The UNIQUE key or PROFILE key does not exist in the profile object", false},
		{"no profile key", nil, "Open", `{"id":"1"}`, fault.Invalid, "The UNIQUE key or PROFILE key does not exist in the profile object", false},
		{"a value that is too long", nil, "Open", fmt.Sprintf(`{"id":"1","mail":"a@x.org","first":"%s"}`, strings.Repeat("x", 256)), fault.Invalid, "Object: field first", false},
		{"an unknown type", nil, "Nowhere", `{}`, fault.NotFound, "Nowhere", false},
		{"a standard type", nil, "_asset", `{}`, fault.Invalid, "_asset", false},
		{"no match", nil, "Strict", `{"id":"1","mail":"a@x.org"}`, fault.Invalid, profile.ErrNoMatch.Message, true},
		{"ambiguous", func(w *ingesttest.World) {
			w.Create("d", `{"EmailAddress":"a@x.org"}`)
			w.Create("d", `{"EmailAddress":"a@x.org"}`)
		}, "Strict", `{"id":"1","mail":"a@x.org"}`, fault.Invalid, "All keys of this object are binding to more than one profiles", true},
		{"too large", nil, "Open", large, fault.Invalid, "Your data contains profile object larger than 256000 bytes", true},
		{"too many", func(w *ingesttest.World) {
			limit := 1
			if _, err := w.Domain.PutDomainSettings(w.Ctx(), &kindredapi.PutDomainSettingsRequest{DomainName: "d", MaxObjectsPerProfilePerSecond: &limit}); err != nil {
				w.T.Fatal(err)
			}
			w.Put("d", "Open", `{"id":"0","mail":"a@x.org"}`)
		}, "Open", `{"id":"1","mail":"a@x.org"}`, fault.Invalid, "Too many objects ingested on profile per second", true},
		{"the domain's key is disabled", func(w *ingesttest.World) {
			w.Keys.Disable(keyA)
			w.Clock.Step(time.Minute)
		}, "Open", `{"id":"1","mail":"a@x.org"}`, fault.Invalid, "KMS key is invalid", true},
		{"the type's key is disabled", func(w *ingesttest.World) {
			w.Keys.Disable(keyT)
			w.Clock.Step(time.Minute)
		}, "Keyed", `{"id":"1","mail":"a@x.org"}`, fault.Invalid, "KMS key is invalid", true},
		{"the key is gone", func(w *ingesttest.World) {
			w.Keys.Refuse(keyA, fault.New(fault.Invalid, "no").Because(resource.ErrKeyMissing))
			w.Clock.Step(time.Minute)
		}, "Open", `{"id":"1","mail":"a@x.org"}`, fault.Invalid, "the EncryptionKey does not exist in the Region", true},
		{"the key is wrong", func(w *ingesttest.World) {
			w.Keys.Refuse(keyA, fault.New(fault.Invalid, "no").Because(resource.ErrKeyInvalid))
			w.Clock.Step(time.Minute)
		}, "Open", `{"id":"1","mail":"a@x.org"}`, fault.Invalid, "Customer Profiles cannot ingest the object due to invalid KMS key", true},
		{"the key service does not answer", func(w *ingesttest.World) {
			w.Keys.Refuse(keyA, errors.New("key service: no answer"))
			w.Clock.Step(time.Minute)
		}, "Open", `{"id":"1","mail":"a@x.org"}`, fault.Internal, "no answer", false},
	} {
		for _, deadLetters := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, queue %v", c.what, deadLetters), func(t *testing.T) {
				w := newWorld(t, deadLetters)
				if c.prepare != nil {
					c.prepare(w)
				}
				_, err := w.TryPut("d", c.typeName, c.body)
				letters := waiting(w)
				if !deadLetters || !c.letter {
					w.IsFault(err, c.kind, c.text)
					if len(letters) != 0 {
						t.Errorf("letters: %+v", letters)
					}
					return
				}
				if err != nil {
					t.Fatalf("the caller is told %v", err)
				}
				if len(letters) != 1 {
					t.Fatalf("%d letters", len(letters))
				}
				l := letters[0]
				if !strings.Contains(l.Reason, c.text) || l.Body != c.body || l.Domain != "d" || l.ObjectType != c.typeName || l.QueueURL != queue {
					t.Errorf("letter: %.200q of %s/%s for %s because %s", l.Body, l.Domain, l.ObjectType, l.QueueURL, l.Reason)
				}
				if w.Outcomes["dead_letter"] != 1 {
					t.Errorf("counted: %v", w.Outcomes)
				}
			})
		}
	}
}

// TestLargest: an object of exactly the limit is taken.
func TestLargest(t *testing.T) {
	w := newWorld(t, false)
	frame := `{"id":"1","mail":"a@x.org","text":""}`
	for _, c := range []struct {
		size int
		ok   bool
	}{{ingest.MaxObject, true}, {ingest.MaxObject + 1, false}} {
		body := strings.Replace(frame, `"text":""`, `"text":"`+strings.Repeat("x", c.size-len(frame))+`"`, 1)
		if _, err := w.TryPut("d", "Open", body); (err == nil) != c.ok {
			t.Errorf("%d bytes: %v", len(body), err)
		}
	}
}

// TestBatch: one bad record in the middle leaves the others as they are and
// nothing of itself.
func TestBatch(t *testing.T) {
	for _, deadLetters := range []bool{false, true} {
		t.Run(fmt.Sprint("queue ", deadLetters), func(t *testing.T) {
			w := newWorld(t, deadLetters)
			known := w.Create("d", `{"EmailAddress":"known@x.org"}`)
			in := &profileapi.BatchPutProfileObjectRequest{DomainName: "d", ObjectTypeName: "Strict"}
			for i, body := range []string{`{"id":"1","mail":"known@x.org"}`, `{"id":"2","mail":"unknown@x.org"}`, `{"id":"3","mail":"known@x.org"}`, `{"id":`, `{"id":"5","mail":"KNOWN@x.org"}`} {
				in.Items = append(in.Items, profileapi.BatchPutProfileObjectRequestItem{Id: fmt.Sprint("item", i+1), Object: body})
			}
			out, err := w.Ingest.BatchPutProfileObject(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			var good, bad []string
			for _, it := range out.Successful {
				good = append(good, it.Id)
				if len(it.ProfileObjectUniqueKey) != 44 {
					t.Errorf("%s has the unique key %q", it.Id, it.ProfileObjectUniqueKey)
				}
			}
			for _, it := range out.Failed {
				bad = append(bad, fmt.Sprint(it.Id, " ", it.Code))
				if it.Message == nil || *it.Message == "" {
					t.Errorf("%s has no message", it.Id)
				}
			}
			wantGood, wantBad := "item1 item3 item5", "item2 400,item4 400"
			if deadLetters {
				wantGood, wantBad = "item1 item2 item3 item5", "item4 400"
			}
			if g, b := strings.Join(good, " "), strings.Join(bad, ","); g != wantGood || b != wantBad {
				t.Errorf("successful %s, failed %s", g, b)
			}
			if letters := waiting(w); deadLetters && (len(letters) != 1 || letters[0].Body != in.Items[1].Object) || !deadLetters && len(letters) != 0 {
				t.Errorf("letters: %+v", letters)
			}
			if got := w.Objects("d", "Strict", known); len(got) != 3 || slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, `"2"`) }) {
				t.Errorf("objects: %v", got)
			}
			w.Finds("d", "strictId", "2")
			w.Finds("d", "_email", "known@x.org", known)
			stats, err := w.Domain.GetDomain(context.Background(), &profileapi.GetDomainRequest{DomainName: "d"})
			if err != nil || *stats.Stats.ObjectCount != 3 || *stats.Stats.ProfileCount != 1 {
				t.Errorf("%+v, %v", stats.Stats, err)
			}
		})
	}
}

// TestManyRecords: records of which each processor maps some keep their order and
// have their own errors.
func TestManyRecords(t *testing.T) {
	w := newWorld(t, false)
	const people = 30
	bodies := make([]string, 500)
	for i := range bodies {
		if bodies[i] = fmt.Sprintf(`{"id":"%d","mail":"m%d@x.org","first":"N%d"}`, i, i%people, i); i%7 == 3 {
			bodies[i] = fmt.Sprintf(`{"id":"%d"`, i)
		}
	}
	results, err := w.Ingest.Put(context.Background(), "d", "Open", bodies)
	if err != nil || len(results) != len(bodies) {
		t.Fatal(len(results), err)
	}
	last := map[profile.ID]string{}
	for i, r := range results {
		switch {
		case i%7 == 3:
			if r.Err == nil {
				t.Errorf("record %d is malformed and was taken in", i)
			}
		case r.Err != nil:
			t.Errorf("record %d: %v", i, r.Err)
		default:
			last[r.Profile] = fmt.Sprintf(`{"EmailAddress":"m%d@x.org","FirstName":"N%d"}`, i%people, i)
		}
	}
	if len(last) != people {
		t.Errorf("%d profiles were made of %d people", len(last), people)
	}
	for id, want := range last {
		if got := w.Show("d", id); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestBatchRefusals(t *testing.T) {
	w := newWorld(t, true)
	items := []profileapi.BatchPutProfileObjectRequestItem{{Id: "a", Object: `{"id":"1","mail":"a@x.org"}`}, {Id: "a", Object: `{"id":"2","mail":"a@x.org"}`}}
	_, err := w.Ingest.BatchPutProfileObject(context.Background(), &profileapi.BatchPutProfileObjectRequest{DomainName: "d", ObjectTypeName: "Open", Items: items})
	w.IsFault(err, fault.Invalid, "Items")
	_, err = w.Ingest.BatchPutProfileObject(context.Background(), &profileapi.BatchPutProfileObjectRequest{DomainName: "e", ObjectTypeName: "Open", Items: items[:1]})
	w.IsFault(err, fault.NotFound, "Domain e")
	_, err = w.Ingest.BatchPutProfileObject(context.Background(), &profileapi.BatchPutProfileObjectRequest{DomainName: "d", ObjectTypeName: "Nowhere", Items: items[:1]})
	w.IsFault(err, fault.NotFound, "Nowhere")
	w.Finds("d", "_email", "a@x.org")
}

// TestBatchOfOneCustomer: records of one batch find what the earlier ones made.
func TestBatchOfOneCustomer(t *testing.T) {
	w := newWorld(t, false)
	var bodies []string
	for i := range 10 {
		bodies = append(bodies, fmt.Sprintf(`{"id":"%d","mail":"a@x.org","first":"N%d"}`, i/2, i))
	}
	results, err := w.Ingest.Put(context.Background(), "d", "Open", bodies)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Err != nil || r.Profile != results[0].Profile || r.UniqueKey != results[i-i%2].UniqueKey {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if got := w.Show("d", results[0].Profile); got != `{"EmailAddress":"a@x.org","FirstName":"N9"}` {
		t.Errorf("profile: %s", got)
	}
	if n := len(w.Objects("d", "Open", results[0].Profile)); n != 5 {
		t.Errorf("%d objects", n)
	}
}

// TestTooManyPerSecond: the limit is per profile and per second, of a batch only
// those over it fail, and the next second is another.
func TestTooManyPerSecond(t *testing.T) {
	w := newWorld(t, false)
	limit := 3
	if _, err := w.Domain.PutDomainSettings(w.Ctx(), &kindredapi.PutDomainSettingsRequest{DomainName: "d", MaxObjectsPerProfilePerSecond: &limit}); err != nil {
		t.Fatal(err)
	}
	put := func(mail string, n int) (failed int) {
		t.Helper()
		var bodies []string
		for i := range n {
			bodies = append(bodies, fmt.Sprintf(`{"id":"%s%d","mail":"%s@x.org"}`, mail, i, mail))
		}
		results, err := w.Ingest.Put(context.Background(), "d", "Open", bodies)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				w.IsFault(r.Err, fault.Invalid, "Too many objects")
				failed++
			}
		}
		return failed
	}
	if a, b, c := put("a", 5), put("a", 1), put("b", 3); a != 2 || b != 1 || c != 0 {
		t.Errorf("failed %d, %d, %d", a, b, c)
	}
	w.Clock.Step(time.Second)
	if n := put("a", 3); n != 0 {
		t.Errorf("in the next second %d failed", n)
	}
	// A profile that was changed by a node whose clock is ahead has its seconds too.
	w.Clock.Step(-10 * time.Second)
	for range 3 {
		w.Clock.Step(time.Second)
		if n := put("a", 3); n != 0 {
			t.Errorf("after the clock went back %d failed", n)
		}
	}
}

// TestUndeliveredLetterFailsTheCall: a record that is neither stored nor in the
// outbox is the caller's again.
func TestUndeliveredLetterFailsTheCall(t *testing.T) {
	w := newWorld(t, true)
	broken := ingest.NewService(w.Domains, w.TypeService.Types, failing{}, nil)
	_, err := broken.PutProfileObject(context.Background(), &profileapi.PutProfileObjectRequest{DomainName: "d", ObjectTypeName: "Strict", Object: `{"id":"1","mail":"a@x.org"}`})
	w.IsFault(err, fault.Internal, "outbox is broken")
}

type failing struct{}

func (failing) Put(context.Context, ...*resource.Letter) error {
	return errors.New("the outbox is broken")
}

// TestImplicitTypes: a record of a template's type needs no definition.
func TestImplicitTypes(t *testing.T) {
	w := newWorld(t, false)
	p := w.Put("d", "Salesforce-Account", `{"Id":"001A","Name":"Acme","Phone":"2065550142"}`)
	w.Finds("d", "_salesforceAccountId", "001A", p)
	if n := len(w.Objects("d", "Salesforce-Account", p)); n != 1 {
		t.Errorf("%d objects", n)
	}
}

func TestUniqueKeyIsStable(t *testing.T) {
	w := newWorld(t, false)
	first, err := w.TryPut("d", "Open", `{"id":"1","mail":"a@x.org"}`)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.TryPut("d", "Open", `{"mail":"b@x.org","id":"1"}`)
	if err != nil || again != first || len(first) != 44 {
		t.Errorf("%q, %q, %v", first, again, err)
	}
	if other, err := w.TryPut("d", "Keyed", `{"id":"1","mail":"a@x.org"}`); err != nil || other == first {
		t.Errorf("an object of another type has %q, %v", other, err)
	}
}
