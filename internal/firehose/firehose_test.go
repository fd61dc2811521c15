package firehose_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/firehose"
	"kindred/internal/ingest"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/objecttype"
	"kindred/internal/policy"
	"kindred/internal/tracing/tracingtest"
)

// keys is a key with a user who may put objects into domains that start with d.
type keys struct{}

func (keys) Principal(_ context.Context, id, secret string) (*access.Caller, error) {
	switch {
	case id == "DOWN":
		return nil, errors.New("the store is away")
	case id != "AKID" || secret != "se:cret":
		return nil, fault.New(fault.Denied, "no")
	}
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"profile:PutProfileObject","Resource":"arn:aws:profile:*:*:domains/d*",
		"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}`), policy.Options{Kind: policy.Identity})
	if err != nil {
		return nil, err
	}
	return &access.Caller{Type: access.User, Account: ingesttest.Account, ARN: "arn:aws:iam::" + ingesttest.Account + ":user/u", UserName: "u",
		PrincipalID: "AIDAU", Policies: []*policy.Policy{p}}, nil
}

func authorize(ctx context.Context, op *api.Operation, in any) error {
	return access.Require(ctx, access.Check{Action: "profile:" + op.Name,
		Resource: "arn:aws:profile:" + ingesttest.Region + ":" + ingesttest.Account + ":domains/" + in.(*profileapi.PutProfileObjectRequest).DomainName})
}

// tap counts calls of the ingestion, and fails when told to.
type tap struct {
	firehose.Ingester
	mu     sync.Mutex
	bodies []string
	fail   error
	busy   bool
	before func() // called once, before the second put
	puts   int
}

func (i *tap) PutInto(ctx context.Context, d domain.ID, t string, bodies []string) ([]ingest.Result, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail != nil {
		return nil, i.fail
	}
	i.bodies = append(i.bodies, bodies...)
	if i.puts++; i.puts == 2 && i.before != nil {
		i.before()
	}
	if i.busy {
		out := make([]ingest.Result, len(bodies))
		out[0].Err = fault.New(fault.Busy, "later")
		return out, nil
	}
	return i.Ingester.PutInto(ctx, d, t, bodies)
}

type world struct {
	*ingesttest.World
	tap *tap
	mux *http.ServeMux
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: ingesttest.New(t), mux: http.NewServeMux()}
	w.tap = &tap{Ingester: w.Ingest}
	ctx := context.Background()
	queue := "http://queue"
	for _, in := range []*profileapi.CreateDomainRequest{
		{DomainName: "d1", DefaultExpirationDays: 30},
		{DomainName: "dq", DefaultExpirationDays: 30, DeadLetterQueueUrl: &queue},
		{DomainName: "other", DefaultExpirationDays: 30},
	} {
		if _, err := w.Domain.CreateDomain(ctx, in); err != nil {
			t.Fatal(err)
		}
		if _, err := w.TypeService.PutProfileObjectType(ctx, &profileapi.PutProfileObjectTypeRequest{
			DomainName: in.DomainName, ObjectTypeName: "T", Description: "x", AllowProfileCreation: new(true),
			Fields: map[string]profileapi.ObjectTypeField{
				"id":   {Source: new("_source.id"), Target: new("_profile.AccountNumber")},
				"name": {Source: new("_source.name"), Target: new("_profile.FirstName")}},
			Keys: map[string][]profileapi.ObjectTypeKey{"k": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}}}); err != nil {
			t.Fatal(err)
		}
	}
	w.mux.Handle(firehose.Pattern, firehose.New(firehose.Config{Principals: keys{}, Authorize: authorize, Domains: w.Domains,
		Types: objecttype.NewTypes(), Ingest: w.tap, Letters: w.Outbox, Now: func() time.Time { return time.UnixMilli(1700000000000) }}))
	return w
}

// body is a delivery of blobs.
func body(id string, blobs ...string) string {
	type record struct {
		Data []byte `json:"data"`
	}
	in := struct {
		RequestID string   `json:"requestId"`
		Timestamp int64    `json:"timestamp"`
		Records   []record `json:"records"`
	}{id, 1690000000000, []record{}}
	for _, b := range blobs {
		in.Records = append(in.Records, record{[]byte(b)})
	}
	text, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func request(path, id, text string) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Amz-Firehose-Protocol-Version", "1.0")
	r.Header.Set("X-Amz-Firehose-Request-Id", id)
	r.Header.Set("X-Amz-Firehose-Source-Arn", "arn:aws:firehose:us-east-1:111122223333:deliverystream/s")
	r.Header.Set("X-Amz-Firehose-Access-Key", "AKID:se:cret")
	return r
}

type answer struct {
	RequestID    string `json:"requestId"`
	Timestamp    int64  `json:"timestamp"`
	ErrorMessage string `json:"errorMessage"`
}

func (w *world) send(r *http.Request) (int, answer) {
	w.T.Helper()
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	var a answer
	d := json.NewDecoder(rec.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		w.T.Fatalf("status %d: %v", rec.Code, err)
	}
	if a.Timestamp != 1700000000000 || rec.Header().Get("Content-Type") != "application/json" {
		w.T.Errorf("answer %+v, %v", a, rec.Header())
	}
	if rec.Code == 413 || (rec.Code == 200) != (a.ErrorMessage == "") {
		w.T.Errorf("status %d with %+v", rec.Code, a)
	}
	return rec.Code, a
}

// names are the first names of the profiles with these account numbers.
func (w *world) names(domain string, ids ...string) (names []string) {
	w.T.Helper()
	for _, id := range ids {
		out, err := w.Profiles.SearchProfiles(context.Background(), &profileapi.SearchProfilesRequest{DomainName: domain, KeyName: "k", Values: []string{id}})
		if err != nil {
			w.T.Fatal(err)
		}
		name := "-"
		if len(out.Items) == 1 && out.Items[0].FirstName != nil {
			name = *out.Items[0].FirstName
		}
		names = append(names, name)
	}
	return names
}

// letters is how many dead letters wait.
func (w *world) letters() (n int) {
	w.T.Helper()
	for _, r := range ingesttest.Dump(w.T, w.Store) {
		if string(r.Key.Partition) == "outbox" {
			n++
		}
	}
	return n
}

func TestDelivery(t *testing.T) {
	w := newWorld(t)
	status, a := w.send(request("/firehose/d1/T", "r1", body("r1",
		`{"id":"1","name":"Ann"}`, "{\"id\":\"2\",\"name\":\"Bob\"}\n{\"id\":\"3\",\"name\":\"Cy\"}\n", `{"id":"4","name":"Di"}{"id":"5","name":"Ed"}`)))
	if status != 200 || a.RequestID != "r1" {
		t.Errorf("%d, %+v", status, a)
	}
	if got := w.names("d1", "1", "2", "3", "4", "5"); fmt.Sprint(got) != "[Ann Bob Cy Di Ed]" {
		t.Errorf("profiles %v", got)
	}
	if status, a := w.send(request("/firehose/d1/T", "r2", body("r2"))); status != 200 {
		t.Errorf("no records: %d, %+v", status, a)
	}
}

func TestCompressedDelivery(t *testing.T) {
	w := newWorld(t)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, body("r1", `{"id":"1","name":"Ann"}`))
	_ = z.Close()
	r := request("/firehose/d1/T", "r1", b.String())
	r.Header.Set("Content-Encoding", "gzip")
	if status, a := w.send(r); status != 200 {
		t.Fatalf("%d, %+v", status, a)
	}
	if got := w.names("d1", "1"); got[0] != "Ann" {
		t.Error(got)
	}

	// A bomb: it is let go before it is large.
	b.Reset()
	z = gzip.NewWriter(&b)
	blank := bytes.Repeat([]byte{' '}, 1<<20)
	for range 80 {
		_, _ = z.Write(blank)
	}
	_ = z.Close()
	r = request("/firehose/d1/T", "r2", b.String())
	r.Header.Set("Content-Encoding", "gzip")
	if status, a := w.send(r); status != 400 || !strings.Contains(a.ErrorMessage, "decompressed") {
		t.Errorf("%d, %+v", status, a)
	}
}

func TestDeliveryIsRefused(t *testing.T) {
	w := newWorld(t)
	good := body("r1", `{"id":"1"}`)
	many := `{"requestId":"r1","timestamp":1,"records":[` + strings.Repeat(`{"data":""},`, firehose.MaxRecords) + `{"data":""}]}`
	for _, c := range []struct {
		name   string
		path   string
		text   string
		change func(*http.Request)
		status int
		want   string
	}{
		{name: "no key", change: func(r *http.Request) { r.Header.Del("X-Amz-Firehose-Access-Key") }, status: 401, want: "ACCESS-KEY-ID"},
		{name: "half a key", change: func(r *http.Request) { r.Header.Set("X-Amz-Firehose-Access-Key", "AKID") }, status: 401, want: "ACCESS-KEY-ID"},
		{name: "another secret", change: func(r *http.Request) { r.Header.Set("X-Amz-Firehose-Access-Key", "AKID:x") }, status: 401, want: "not valid"},
		{name: "a key that is too long", change: func(r *http.Request) { r.Header.Set("X-Amz-Firehose-Access-Key", "AKID:"+strings.Repeat("x", 4096)) }, status: 401, want: "ACCESS-KEY-ID"},
		{name: "keys cannot be read", change: func(r *http.Request) { r.Header.Set("X-Amz-Firehose-Access-Key", "DOWN:x") }, status: 500, want: "internal error"},
		{name: "another domain", path: "/firehose/other/T", status: 403, want: "profile:PutProfileObject"},
		{name: "from elsewhere", change: func(r *http.Request) { r.RemoteAddr = "198.51.100.1:1" }, status: 403, want: "not authorized"},
		{name: "no such domain", path: "/firehose/dx/T", status: 404, want: "dx"},
		{name: "no such type", path: "/firehose/d1/U", status: 404, want: "U"},
		{name: "no version", change: func(r *http.Request) { r.Header.Del("X-Amz-Firehose-Protocol-Version") }, status: 400, want: "Protocol-Version: want 1.0"},
		{name: "no request id", change: func(r *http.Request) { r.Header.Del("X-Amz-Firehose-Request-Id") }, status: 400, want: "Request-Id"},
		{name: "long request id", change: func(r *http.Request) { r.Header.Set("X-Amz-Firehose-Request-Id", strings.Repeat("x", 257)) }, status: 400, want: "Request-Id"},
		{name: "another request id", text: body("r2"), status: 400, want: "requestId"},
		{name: "not JSON", text: good[:len(good)-1], status: 400, want: "malformed"},
		{name: "two bodies", text: good + good, status: 400, want: "malformed"},
		{name: "no records", text: `{"requestId":"r1","timestamp":1}`, status: 400, want: "malformed"},
		{name: "records twice", text: `{"requestId":"r1","records":[],"records":[]}`, status: 400, want: "malformed"},
		{name: "no data", text: `{"requestId":"r1","timestamp":1,"records":[{}]}`, status: 400, want: "no data"},
		{name: "data are no string", text: `{"requestId":"r1","timestamp":1,"records":[{"data":{}}]}`, status: 400, want: "no string"},
		{name: "data are not base64", text: `{"requestId":"r1","timestamp":1,"records":[{"data":"***"}]}`, status: 400, want: "records[0]: the data are not base64"},
		{name: "data are empty", text: body("r1", " "), status: 400, want: "records[0]: the data are empty"},
		{name: "data are too large", text: body("r1", strings.Repeat(" ", 9<<20)), status: 400, want: "records[0]: the data have more than 8388608 bytes"},
		{name: "many records", text: many, status: 400, want: "at most 10000"},
		{name: "too large", change: func(r *http.Request) { r.ContentLength = firehose.MaxBody + 1 }, status: 400, want: "at most 67108864 bytes"},
		{name: "not gzip", change: func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, status: 400, want: "not gzip"},
		{name: "another encoding", change: func(r *http.Request) { r.Header.Set("Content-Encoding", "br") }, status: 400, want: "Content-Encoding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.path == "" {
				c.path = "/firehose/d1/T"
			}
			if c.text == "" {
				c.text = good
			}
			r := request(c.path, "r1", c.text)
			if c.change != nil {
				c.change(r)
			}
			status, a := w.send(r)
			if status != c.status || !strings.Contains(a.ErrorMessage, c.want) {
				t.Errorf("%d %+v, want %d with %q", status, a, c.status, c.want)
			}
			if len(w.tap.bodies) > 0 {
				t.Error("something was ingested")
			}
		})
	}
}

func TestEscapedBase64(t *testing.T) {
	w := newWorld(t)
	data := base64.StdEncoding.EncodeToString([]byte(`{"id":"1","name":"???>>>"}`))
	text := strings.ReplaceAll(strings.ReplaceAll(data, "/", `\/`), "=", `\u003d`)
	if text == data {
		t.Fatal("nothing to escape")
	}
	status, a := w.send(request("/firehose/d1/T", "r1", `{"records":[{"x":[1],"data":"`+text+`"}],"requestId":"r1","more":{"a":1},"timestamp":1.5}`))
	if status != 200 || w.names("d1", "1")[0] != "???>>>" {
		t.Errorf("%d, %+v", status, a)
	}
}

var poison = []string{`{"id":"1","name":"Ann"}`, `{"name":"no key"}`, `{"id":"2","name":"Bob"} {"id":`, `[]`, `{"id":"3","name":"Cy"}`}

func TestWhatFailsGoesToTheDeadLetterQueue(t *testing.T) {
	w := newWorld(t)
	if status, a := w.send(request("/firehose/dq/T", "r1", body("r1", poison...))); status != 200 {
		t.Fatalf("%d, %+v", status, a)
	}
	if got := fmt.Sprint(w.names("dq", "1", "2", "3")); got != "[Ann Bob Cy]" {
		t.Error(got)
	}
	if n := w.letters(); n != 3 {
		t.Errorf("%d letters", n)
	}
}

func TestWithoutADeadLetterQueueNothingIsAcknowledged(t *testing.T) {
	w := newWorld(t)
	text := body("r1", poison...)
	for range 2 { // as often as it is sent
		status, a := w.send(request("/firehose/d1/T", "r1", text))
		if status != 400 || !strings.Contains(a.ErrorMessage, "3 of 6 objects") || !strings.Contains(a.ErrorMessage, "records[1]: The UNIQUE key") ||
			!strings.Contains(a.ErrorMessage, "records[2]: Object: not a JSON object") || !strings.Contains(a.ErrorMessage, "records[3]: ") {
			t.Errorf("%d, %+v", status, a)
		}
		if strings.Contains(a.ErrorMessage, "no key") {
			t.Error("the answer holds what the record says")
		}
		if got := fmt.Sprint(w.names("d1", "1", "2", "3")); got != "[Ann Bob Cy]" {
			t.Error(got)
		}
	}
}

func TestARepeatedDeliveryHasNoSecondEffect(t *testing.T) {
	w := newWorld(t)
	older, newer := body("r1", `{"id":"1","name":"Old"}`), body("r2", `{"id":"1","name":"New"}`)
	for _, c := range []struct{ id, text, want string }{{"r1", older, "Old"}, {"r2", newer, "New"}, {"r1", older, "New"}} {
		if status, a := w.send(request("/firehose/d1/T", c.id, c.text)); status != 200 || a.RequestID != c.id {
			t.Fatalf("%d, %+v", status, a)
		}
		if got := w.names("d1", "1")[0]; got != c.want {
			t.Errorf("after %s: %s, want %s", c.id, got, c.want)
		}
	}
	if len(w.tap.bodies) != 2 {
		t.Errorf("%d objects were ingested", len(w.tap.bodies))
	}
	// The same id with other content is another delivery, as it is elsewhere.
	if status, _ := w.send(request("/firehose/d1/T", "r1", body("r1", `{"id":"1","name":"Third"}`))); status != 200 || w.names("d1", "1")[0] != "Third" {
		t.Error("other content was taken for a repetition")
	}
	if status, _ := w.send(request("/firehose/dq/T", "r1", older)); status != 200 || w.names("dq", "1")[0] != "Old" {
		t.Error("another domain was taken for a repetition")
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	text := body("r1", `{"id":"1","name":"Ann"}`)
	for _, c := range []struct {
		err    error
		busy   bool
		status int
	}{
		{err: fault.New(fault.Busy, "busy"), status: 503},
		{err: errors.New("disk"), status: 500},
		{err: context.DeadlineExceeded, status: 503},
		{busy: true, status: 503},
		{status: 200},
	} {
		w.tap.fail, w.tap.busy = c.err, c.busy
		if status, a := w.send(request("/firehose/d1/T", "r1", text)); status != c.status || strings.Contains(a.ErrorMessage, "disk") {
			t.Errorf("%v: %d, %+v", c.err, status, a)
		}
	}
}

func TestManyObjectsAreIngestedInOrder(t *testing.T) {
	w := newWorld(t)
	var blobs []string
	for i := range 450 {
		blobs = append(blobs, fmt.Sprintf(`{"id":"%d","name":"N%d"}`, i%3, i))
	}
	if status, a := w.send(request("/firehose/d1/T", "r1", body("r1", blobs...))); status != 200 {
		t.Fatalf("%d, %+v", status, a)
	}
	if got := fmt.Sprint(w.names("d1", "0", "1", "2")); got != "[N447 N448 N449]" {
		t.Error(got)
	}
	if fmt.Sprint(w.tap.bodies) != fmt.Sprint(blobs) {
		t.Error("the order is another")
	}
}

func TestContactRecords(t *testing.T) {
	const published = `{"ContactId":"c-1","LastUpdateTimestamp":"2026-03-01T09:30:00Z","Channel":"VOICE","Queue":{"Duration":3},"CustomerEndpoint":{"Address":"+12065550100","Type":"TELEPHONE_NUMBER"}}`
	w := newWorld(t)
	ctx := context.Background()
	if _, err := w.TypeService.PutProfileObjectType(ctx, &profileapi.PutProfileObjectTypeRequest{DomainName: "dq", ObjectTypeName: "Calls", Description: "x", TemplateId: new("CTR-NoInferred")}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"CTR", "Calls", "CTR-AutoAssociateOnly", "T"} {
		w.tap.bodies = nil
		id := "r-" + name
		status, a := w.send(request("/firehose/dq/"+name, id, body(id, published, `{"ContactId":7}`)))
		if status != 200 {
			t.Fatalf("%s: %d, %+v", name, status, a)
		}
		if converted := strings.HasPrefix(w.tap.bodies[0], `{"channel":"VOICE","contactId":"c-1"`); converted != (name != "T") {
			t.Errorf("%s: %s", name, w.tap.bodies[0])
		}
	}
	if n := w.letters(); n != 5 { // one of each type, and both of T
		t.Errorf("%d letters", n)
	}
	status, a := w.send(request("/firehose/d1/CTR", "r1", body("r1", `{"ContactId":7}`)))
	if status != 400 || !strings.Contains(a.ErrorMessage, "records[0]: ContactId: want a string") {
		t.Errorf("%d, %+v", status, a)
	}
}

func TestDeliveriesShareMemory(t *testing.T) {
	w := newWorld(t)
	// Bodies that do not end hold what they have said they need.
	var senders []*io.PipeWriter
	var g sync.WaitGroup
	started := make(chan bool)
	for range 2 {
		from, to := io.Pipe()
		senders = append(senders, to)
		r := request("/firehose/d1/T", "r1", "")
		r.Body, r.ContentLength = &notifying{from, started, false}, firehose.MaxBody-1
		done := make(chan bool)
		g.Go(func() {
			defer close(done)
			rec := httptest.NewRecorder()
			w.mux.ServeHTTP(rec, r)
			if rec.Code != 400 {
				t.Errorf("status %d", rec.Code)
			}
		})
		select {
		case <-started:
		case <-done:
			t.Fatal("it was answered before its body was read")
		}
	}
	text := body("r2", `{"id":"1"}`)
	r := request("/firehose/d1/T", "r2", text)
	r.ContentLength = firehose.MaxBody
	if status, a := w.send(r); status != 503 {
		t.Errorf("%d, %+v", status, a)
	}
	for _, s := range senders {
		_ = s.CloseWithError(io.ErrUnexpectedEOF)
	}
	g.Wait()
	if status, a := w.send(request("/firehose/d1/T", "r2", text)); status != 200 {
		t.Errorf("%d, %+v", status, a)
	}
}

// notifying tells of its first read.
type notifying struct {
	io.ReadCloser
	started chan<- bool
	told    bool
}

func (n *notifying) Read(p []byte) (int, error) {
	if !n.told {
		n.told = true
		n.started <- true
	}
	return n.ReadCloser.Read(p)
}

func TestConcurrentDeliveries(t *testing.T) {
	w := newWorld(t)
	w.tap.Ingester = w.Ingest
	var g sync.WaitGroup
	for i := range 8 {
		id := fmt.Sprint("r", i%4)
		g.Go(func() {
			rec := httptest.NewRecorder()
			w.mux.ServeHTTP(rec, request("/firehose/d1/T", id, body(id, fmt.Sprintf(`{"id":"%s","name":"%s"}`, id, id))))
			if rec.Code != 200 {
				t.Errorf("status %d: %s", rec.Code, rec.Body)
			}
		})
	}
	g.Wait()
	if got := fmt.Sprint(w.names("d1", "r0", "r1", "r2", "r3")); got != "[r0 r1 r2 r3]" {
		t.Error(got)
	}
}

// BenchmarkDelivery is a delivery of 500 new objects, over the engine in memory.
func BenchmarkDelivery(b *testing.B) {
	w := newWorld(b)
	const objects = 500
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		blobs := make([]string, objects)
		for i := range blobs {
			blobs[i] = fmt.Sprintf(`{"id":"%d","name":"N%d"}`, n*objects+i, i)
		}
		n++
		id := fmt.Sprint("r", n)
		r := request("/firehose/d1/T", id, body(id, blobs...))
		b.StartTimer()
		if status, a := w.send(r); status != 200 {
			b.Fatal(status, a)
		}
	}
	b.ReportMetric(float64(b.N*objects)/b.Elapsed().Seconds(), "objects/s")
}

// TestADeliveryIsTraced by its status alone.
func TestADeliveryIsTraced(t *testing.T) {
	w, rec := newWorld(t), tracingtest.New()
	for _, c := range []struct {
		fail   error
		status int
	}{{nil, 200}, {errors.New("jane.doe@example.com"), 500}} {
		w.tap.fail = c.fail
		id := fmt.Sprint("r", c.status)
		r := request("/firehose/d1/T", id, body(id, `{"id":"1","name":"Jane"}`))
		status, _ := w.send(r.WithContext(rec.Tracer.Into(r.Context())))
		spans := rec.Named("Firehose/Deliver")
		s := spans[len(spans)-1]
		if status != c.status || s.Attributes["http.response.status_code"] != fmt.Sprint(c.status) || s.Failed != (c.fail != nil) || s.Kind != "server" || !s.Plain() {
			t.Errorf("status %d: %+v", status, s)
		}
	}
	if text := strings.ToLower(rec.Text()); strings.Contains(text, "jane") || strings.Contains(text, "firehose/d1") {
		t.Errorf("something of the delivery is in %s", text)
	}
}
