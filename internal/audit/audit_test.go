package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/page"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

// world is a trail with a clock.
type world struct {
	*Service
	t   *testing.T
	st  *failing
	now time.Time
}

// failing is a store that refuses updates while told to.
type failing struct {
	store.Store
	err error
}

func (f *failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Update(ctx, fn)
}

func newWorld(t *testing.T, level Level) *world {
	t.Helper()
	w := &world{t: t, st: &failing{Store: memstore.New()}, now: time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)}
	root := rootkey.Random()
	pages, err := page.New(root.MAC("page", nil))
	if err != nil {
		t.Fatal(err)
	}
	w.Service = New(Config{Store: w.st, AEAD: root.AEAD("audit"), Region: "us-east-1", Account: "000000000000", Level: level, Days: 30, Pages: pages,
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)})
	return w
}

var ada = &access.Caller{Type: access.User, Account: "000000000000", ARN: "arn:aws:iam::000000000000:user/ada", UserName: "ada", AccessKeyID: "AKIDADA", SourceIP: "192.0.2.7"}

func (w *world) call(service, operation string, input any, errName string) {
	w.Called(w.t.Context(), &Call{Caller: ada, Service: service, Operation: operation, Input: input, At: w.now, RequestID: "r-" + operation, UserAgent: "aws-cli/2", Error: errName})
}

func (w *world) lookup(in *kindredapi.LookupEventsRequest) *kindredapi.LookupEventsResponse {
	w.t.Helper()
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx := access.WithCaller(w.t.Context(), &access.Caller{Type: access.User, Account: "000000000000", Policies: []*policy.Policy{all}})
	out, err := w.LookupEvents(ctx, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func names(out *kindredapi.LookupEventsResponse) string {
	var list []string
	for _, e := range out.Events {
		list = append(list, e.EventName)
	}
	return strings.Join(list, " ")
}

func TestWhatIsInTheTrail(t *testing.T) {
	for level, want := range map[Level]string{
		Off:        "",
		Management: "ListUsers CreateUser",
		Access:     "SearchProfiles ListUsers CreateUser",
		All:        "PutProfileObject SearchProfiles ListUsers CreateUser",
	} {
		w := newWorld(t, level)
		for i, c := range [][2]string{{"kindred", "CreateUser"}, {"kindred", "ListUsers"}, {"profile", "SearchProfiles"}, {"profile", "PutProfileObject"}} {
			w.now = w.now.Add(time.Duration(i) * time.Millisecond)
			w.call(c[0], c[1], nil, "")
		}
		w.Called(t.Context(), &Call{Service: "profile", Operation: "CreateDomain", At: w.now}) // nobody known
		w.now = w.now.Add(time.Second)
		w.flush(t.Context())
		if got := names(w.lookup(&kindredapi.LookupEventsRequest{})); got != want {
			t.Errorf("level %d: %s, want %s", level, got, want)
		}
	}
}

func TestAnEventIsShapedAsCloudTrailDoesAndHasNothingOfCustomers(t *testing.T) {
	w := newWorld(t, Access)
	type input struct {
		DomainName string
		ProfileIds []string
		KeyName    *string
		Values     []string
		FirstName  *string
	}
	w.call("profile", "BatchGetProfile", &input{DomainName: "shop", ProfileIds: []string{"p1", "p2"}, Values: []string{"ada@example.com"}, FirstName: new("Ada")}, "AccessDeniedException")
	w.now = w.now.Add(time.Second)
	w.flush(t.Context())
	out := w.lookup(&kindredapi.LookupEventsRequest{})
	if len(out.Events) != 1 {
		t.Fatal(out)
	}
	e := out.Events[0]
	var record map[string]any
	if err := json.Unmarshal([]byte(e.CloudTrailEvent), &record); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"eventVersion": "1.11", "eventSource": "profile.amazonaws.com", "eventName": "BatchGetProfile", "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.7",
		"userAgent": "aws-cli/2", "errorCode": "AccessDeniedException", "requestParameters": nil, "requestID": "r-BatchGetProfile", "readOnly": true, "managementEvent": false, "eventCategory": "Data",
		"eventType": "AwsApiCall", "recipientAccountId": "000000000000", "eventTime": "2026-11-26T10:00:00Z"}
	for name, v := range want {
		if got, there := record[name]; !there || got != v {
			t.Errorf("%s is %v, want %v", name, got, v)
		}
	}
	if id, _ := record["userIdentity"].(map[string]any); id["type"] != "IAMUser" || id["userName"] != "ada" || id["accessKeyId"] != "AKIDADA" {
		t.Errorf("the identity is %v", id)
	}
	if fmt.Sprint(e.Resources) != "[{Domain shop} {Profile p1} {Profile p2}]" {
		t.Errorf("the resources are %v", e.Resources)
	}
	for _, secret := range []string{"ada@example.com", "Ada\""} {
		if strings.Contains(e.CloudTrailEvent, secret) {
			t.Errorf("%s has %s", e.CloudTrailEvent, secret)
		}
	}
	// And at rest nothing can be read.
	list, err := w.st.ScanPrefix(t.Context(), []byte(prefix), store.Key{}, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	for _, word := range []string{"ada", "shop", "BatchGet", "192.0.2"} {
		if bytes.Contains(list[0].Value, []byte(word)) {
			t.Errorf("%s can be read in the store", word)
		}
	}
}

func TestLookupGoesBackPageByPage(t *testing.T) {
	w := newWorld(t, Access)
	var want []string
	for i := range 700 { // over several days and records
		w.call("profile", "SearchProfiles", nil, "")
		id := w.waiting[len(w.waiting)-1].EventID
		want = append([]string{id}, want...)
		if i%60 == 59 {
			w.flush(t.Context())
		}
		w.now = w.now.Add(7 * time.Minute)
	}
	w.flush(t.Context())
	all := func(in *kindredapi.LookupEventsRequest) (ids []string) {
		for {
			out := w.lookup(in)
			for _, e := range out.Events {
				ids = append(ids, e.EventId)
			}
			if out.NextToken == nil {
				return ids
			}
			in.NextToken = out.NextToken
		}
	}
	got := all(&kindredapi.LookupEventsRequest{MaxResults: new(33)})
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d events, want %d in their order, the newest first", len(got), len(want))
	}
	// Within times, and by attributes.
	start, end := w.now.Add(-3*time.Hour), w.now.Add(-time.Hour)
	n := 0
	for _, e := range w.lookup(&kindredapi.LookupEventsRequest{StartTime: &start, EndTime: &end}).Events {
		if e.EventTime.Before(start) || e.EventTime.After(end) {
			t.Errorf("an event of %s", e.EventTime)
		}
		n++
	}
	if n != 17 {
		t.Errorf("%d events in two hours", n)
	}
	for key, value := range map[string]string{"EventId": want[500], "EventName": "SearchProfiles", "Username": "ada", "ReadOnly": "true", "EventSource": "profile.amazonaws.com", "AccessKeyId": "AKIDADA"} {
		if ids := all(&kindredapi.LookupEventsRequest{LookupAttributes: []kindredapi.AuditAttribute{{AttributeKey: key, AttributeValue: value}}}); len(ids) == 0 {
			t.Errorf("nothing is found by %s %s", key, value)
		}
		if ids := all(&kindredapi.LookupEventsRequest{LookupAttributes: []kindredapi.AuditAttribute{{AttributeKey: key, AttributeValue: "x"}}}); len(ids) != 0 {
			t.Errorf("something is found by %s x", key)
		}
	}
}

func TestWhatCannotBeWrittenWaits(t *testing.T) {
	w := newWorld(t, Access)
	w.st.err = errors.New("the disk is full")
	w.call("kindred", "CreateUser", nil, "") // which is to be durable at once
	w.call("profile", "SearchProfiles", nil, "")
	w.flush(t.Context())
	w.st.err = nil
	w.now = w.now.Add(time.Second)
	w.flush(t.Context())
	if got := names(w.lookup(&kindredapi.LookupEventsRequest{})); got != "SearchProfiles CreateUser" {
		t.Errorf("the trail has %s", got)
	}
	w.st.err = errors.New("the disk is full")
	for range maxWaiting + 7 {
		w.call("profile", "SearchProfiles", nil, "")
	}
	w.flush(t.Context())
	if len(w.waiting) != maxWaiting || w.Dropped() != 7 {
		t.Errorf("%d wait, %d were dropped", len(w.waiting), w.Dropped())
	}
}

func TestOldDaysGo(t *testing.T) {
	w := newWorld(t, Access)
	for range 40 {
		w.call("kindred", "CreateUser", nil, "")
		w.now = w.now.AddDate(0, 0, 1)
	}
	if err := w.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := w.st.ScanPrefix(t.Context(), []byte(prefix), store.Key{}, 100)
	if err != nil || len(list) != 30 {
		t.Errorf("%d days are kept, %v", len(list), err)
	}
}

func TestWhoMayLookAndWhatIsRefused(t *testing.T) {
	w := newWorld(t, Access)
	if _, err := w.LookupEvents(access.WithCaller(t.Context(), ada), &kindredapi.LookupEventsRequest{}); !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kindred:LookupEvents","Resource":"arn:aws:kindred:us-east-1:000000000000:audit"}]}`), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := access.WithCaller(t.Context(), &access.Caller{Type: access.User, Account: "000000000000", Policies: []*policy.Policy{all}})
	later := w.now.Add(time.Hour)
	for name, in := range map[string]*kindredapi.LookupEventsRequest{
		"AttributeKey": {LookupAttributes: []kindredapi.AuditAttribute{{AttributeKey: "Color", AttributeValue: "x"}}},
		"EndTime":      {StartTime: &later},
		"NextToken":    {NextToken: new("forged")},
	} {
		if _, err := w.LookupEvents(ctx, in); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
