package live

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/profileapi"
	"kindred/internal/connect"
	"kindred/internal/fault"
)

// desk stands for the packages around: contacts with their notes, profiles, and who may
// what.
type desk struct {
	mu       sync.Mutex // guards the following
	notes    []connect.Note
	contacts map[string]connect.LiveContact
	found    map[string][]string // profiles by key and value
	domain   string
	problem  error            // of searches
	reads    int              // of the feed
	broken   error            // of the feed
	denied   map[string]bool  // contacts
	refuse   map[string]error // by what is asked for
}

func (d *desk) Follow(_ context.Context, given string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return given, d.refuse["follow"]
}

func (d *desk) AllowContact(_ context.Context, _, contactID string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.denied[contactID] {
		return fault.New(fault.Denied, "no")
	}
	return nil
}

func (d *desk) DomainName(context.Context, string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.domain, nil
}

func (d *desk) Notes(_ context.Context, _ string, since time.Time, limit int) ([]connect.Note, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	if d.broken != nil {
		return nil, d.broken
	}
	var list []connect.Note
	for _, n := range d.notes {
		if !n.At.Before(since) && len(list) < limit {
			list = append(list, n)
		}
	}
	return list, nil
}

func (d *desk) LiveContacts(_ context.Context, _ string, ids []string) ([]connect.LiveContact, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []connect.LiveContact
	for _, id := range ids {
		if c, ok := d.contacts[id]; ok {
			list = append(list, c)
		}
	}
	return list, nil
}

func (d *desk) SearchProfiles(_ context.Context, in *profileapi.SearchProfilesRequest) (*profileapi.SearchProfilesResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.problem != nil {
		return nil, d.problem
	}
	out := &profileapi.SearchProfilesResponse{}
	for i, id := range d.found[in.KeyName+" "+in.Values[0]] {
		if i == *in.MaxResults {
			out.NextToken = new("more")
			break
		}
		out.Items = append(out.Items, profileapi.Profile{ProfileId: &id})
	}
	return out, nil
}

func (d *desk) AuthenticateStream(r *http.Request, _ []byte) (*access.Caller, string, func(context.Context) (*access.Caller, error), error) {
	again := func(context.Context) (*access.Caller, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return &access.Caller{ARN: r.URL.Query().Get("as")}, d.refuse["again"]
	}
	c, _ := again(r.Context())
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.refuse["authenticate"]; err != nil {
		return nil, "", nil, err
	}
	service := "kindred"
	if s := r.URL.Query().Get("service"); s != "" {
		service = s
	}
	return c, service, again, nil
}

func (d *desk) authorize(_ context.Context, op *api.Operation, input any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if op.Name != "SearchProfiles" || input.(*profileapi.SearchProfilesRequest).DomainName != d.domain {
		return errors.New("asked for something else")
	}
	return d.refuse["search"]
}

// put changes a contact and notes it, as if at another time.
func (d *desk) put(c connect.LiveContact, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.contacts[c.ID] = c
	d.notes = append(d.notes, connect.Note{At: at, ContactID: c.ID})
}

func (d *desk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// room is a running service.
type room struct {
	*desk
	t        *testing.T
	live     *Service
	arrivals *Arrivals
	draining chan struct{}
}

// within runs a test in a bubble with its own time.
func within(t *testing.T, test func(t *testing.T, r *room)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{contacts: map[string]connect.LiveContact{}, found: map[string][]string{}, domain: "shop", denied: map[string]bool{}, refuse: map[string]error{}}
		r := &room{desk: d, t: t, arrivals: &Arrivals{}, draining: make(chan struct{})}
		r.live = New(Config{Contacts: d, Arrivals: r.arrivals, Profiles: d, Authenticator: d, Authorize: d.authorize, Draining: r.draining})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.live.Run(ctx) }()
		test(t, r)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// reader follows an instance. Its connection is a pipe that it reads from.
type reader struct {
	t      *testing.T
	from   *io.PipeReader
	lines  *bufio.Scanner
	cancel context.CancelFunc
	done   chan struct{}
	header http.Header
}

type pipeWriter struct {
	*io.PipeWriter
	header http.Header
	status chan int
}

func (w *pipeWriter) Header() http.Header    { return w.header }
func (w *pipeWriter) WriteHeader(status int) { w.status <- status }
func (w *pipeWriter) Flush()                 {}

func (r *room) follow(query string, headers ...string) *reader {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	req := httptest.NewRequestWithContext(ctx, "GET", "/console/events?"+query, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	from, to := io.Pipe()
	w := &pipeWriter{to, http.Header{}, make(chan int, 1)}
	reading := &reader{t: r.t, from: from, lines: bufio.NewScanner(from), cancel: cancel, done: make(chan struct{}), header: w.header}
	reading.lines.Buffer(nil, 1<<20)
	go func() {
		defer close(reading.done)
		defer to.Close()
		r.live.ServeHTTP(w, req)
	}()
	if status := <-w.status; status != http.StatusOK {
		r.t.Fatalf("status %d", status)
	}
	if line := reading.line(); line != "retry: 2000" {
		r.t.Fatalf("the stream begins with %q", line)
	}
	reading.line()
	return reading
}

func (r *reader) line() string {
	r.t.Helper()
	if !r.lines.Scan() {
		r.t.Fatal("the stream has ended")
	}
	return r.lines.Text()
}

// next is the next event; signs of life are passed over.
func (r *reader) next() (id, kind string, data map[string]any) {
	r.t.Helper()
	for {
		name, value, _ := strings.Cut(r.line(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				r.t.Fatal(err)
			}
		case "":
			if kind != "" {
				return id, kind, data
			}
		}
	}
}

// wants fails the test when the next event is not that of a contact.
func (r *reader) wants(contactID string) map[string]any {
	r.t.Helper()
	_, kind, data := r.next()
	if kind != "contact" || data["contactId"] != contactID {
		r.t.Fatalf("got %s %v, want contact %s", kind, data, contactID)
	}
	return data
}

// ends fails the test when the stream does not end for a reason.
func (r *reader) ends(reason string) {
	r.t.Helper()
	if _, kind, data := r.next(); kind != "end" || data["reason"] != reason {
		r.t.Errorf("got %s %v, want the end: %s", kind, data, reason)
	}
	<-r.done
}

func (r *reader) leave() {
	r.cancel()
	r.from.Close()
	<-r.done
}

func call(id, phone string) connect.LiveContact {
	return connect.LiveContact{ID: id, Channel: "VOICE", InitiationMethod: "INBOUND", Initiated: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		Customer: connect.Endpoint{Address: phone, Type: "TELEPHONE_NUMBER"}}
}

func TestAContactArrives(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		r.found["_phone +15550100"] = []string{"ada", "bea"}
		reading := r.follow("instanceId=i&as=alice")
		began := time.Now()
		r.put(call("c1", "+15550100"), time.Now())
		r.arrivals.Changed("i")
		_, kind, data := reading.next()
		if d := time.Since(began); d > pollGap {
			t.Errorf("told after %s", d)
		}
		want := map[string]any{"contactId": "c1", "channel": "VOICE", "initiationMethod": "INBOUND", "state": "ARRIVED",
			"initiationTimestamp": "2026-03-01T10:00:00Z", "customerEndpoint": map[string]any{"type": "TELEPHONE_NUMBER", "address": "+15550100"},
			"domainName": "shop", "profileIds": []any{"ada", "bea"}, "searchKey": map[string]any{"name": "_phone", "value": "+15550100"}}
		if d := cmp.Diff(want, data); kind != "contact" || d != "" {
			t.Errorf("%s %s", kind, d)
		}
		if h := reading.header; h.Get("Content-Type") != "text/event-stream; charset=utf-8" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers %v", h)
		}

		// Another node's is heard of by the next reading.
		time.Sleep(10 * time.Second)
		began = time.Now()
		answered := call("c1", "+15550100")
		answered.ConnectedToAgent, answered.AgentID, answered.QueueName = time.Now(), "agent", "Sales"
		r.put(answered, time.Now())
		data = reading.wants("c1")
		if d := time.Since(began); d > pollEvery || data["state"] != "CONNECTED" || data["agentId"] != "agent" || data["queueName"] != "Sales" {
			t.Errorf("after %s: %v", d, data)
		}
		time.Sleep(time.Minute)
		ended := answered
		ended.Disconnected = time.Now()
		r.put(ended, time.Now())
		if data = reading.wants("c1"); data["state"] != "ENDED" {
			t.Errorf("%v", data)
		}
		reading.leave()
	})
}

func TestWhichProfiles(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		var many []string
		for i := range 15 {
			many = append(many, fmt.Sprintf("p%02d", i))
		}
		r.found["_phone +1"] = []string{"ada"}
		r.found["_phone +2"] = many
		r.found["_email e@x"] = []string{"bea"}
		r.found["account A7"] = []string{"cem"}
		r.found["_ctrContactId assoc"] = []string{"ada"}
		r.found["_ctrContactId assoc2"] = []string{"zoe"}
		r.found["_ctrContactId odd"] = []string{"x", "y"}
		reading := r.follow("instanceId=i")
		email := call("mail", "")
		email.Customer = connect.Endpoint{Address: "e@x", Type: "EMAIL_ADDRESS"}
		asked := call("asked", "+1")
		asked.SearchKey, asked.Search = "account", "A7"
		voip := call("voip", "x")
		voip.Customer.Type = "VOIP"
		for _, c := range []struct {
			contact    connect.LiveContact
			ids        []any
			associated any
			more       any
		}{
			{call("none", "+9"), []any{}, nil, nil},
			{call("one", "+1"), []any{"ada"}, nil, nil},
			{call("many", "+2"), []any{"p00", "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09"}, nil, true},
			{email, []any{"bea"}, nil, nil},
			{asked, []any{"cem"}, nil, nil},
			{call("assoc", "+1"), []any{"ada"}, "ada", nil},
			{call("assoc2", "+1"), []any{"zoe", "ada"}, "zoe", nil},
			{call("odd", "+1"), []any{"ada"}, nil, nil},
			{voip, []any{}, nil, nil},
			{connect.LiveContact{ID: "task", Channel: "TASK"}, []any{}, nil, nil},
		} {
			r.put(c.contact, time.Now())
			data := reading.wants(c.contact.ID)
			got := []any{data["profileIds"], data["associatedProfileId"], data["moreProfiles"]}
			if d := cmp.Diff([]any{c.ids, c.associated, c.more}, got); d != "" {
				t.Errorf("%s: %s", c.contact.ID, d)
			}
		}
		r.set(func() { r.problem = fault.New(fault.Denied, "The key of the domain is disabled.") })
		r.put(call("locked", "+1"), time.Now())
		if data := reading.wants("locked"); data["profilesProblem"] != "The key of the domain is disabled." || len(data["profileIds"].([]any)) != 0 {
			t.Errorf("%v", data)
		}
		r.set(func() { r.problem, r.domain = nil, "" })
		r.put(call("homeless", "+1"), time.Now())
		if data := reading.wants("homeless"); data["domainName"] != nil || len(data["profileIds"].([]any)) != 0 {
			t.Errorf("%v", data)
		}
		reading.leave()
	})
}

// A note that appears late, from a slow transaction or a clock that lags, is not missed,
// and none is told of twice.
func TestLateNotes(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		r.put(call("before", "+1"), time.Now().Add(-5*time.Minute))
		reading := r.follow("instanceId=i")
		time.Sleep(time.Minute)
		r.put(call("now", "+1"), time.Now())
		reading.wants("now")
		r.put(call("late", "+1"), time.Now().Add(-connect.FeedSlack+2*pollEvery))
		reading.wants("late")
		r.put(call("ahead", "+1"), time.Now().Add(10*time.Second))
		reading.wants("ahead")
		time.Sleep(time.Minute)
		r.put(call("last", "+1"), time.Now())
		reading.wants("last")
		reading.leave()
	})
}

// While a feed cannot be read nothing is lost, however long that takes.
func TestAFeedThatCannotBeRead(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		reading := r.follow("instanceId=i")
		time.Sleep(3 * time.Second)
		r.set(func() { r.broken = errors.New("no connection") })
		for i := range 4 {
			r.put(call(fmt.Sprint("c", i), "+1"), time.Now())
			time.Sleep(20 * time.Second)
		}
		r.set(func() { r.broken = nil })
		for i := range 4 {
			reading.wants(fmt.Sprint("c", i))
		}
		reading.leave()
	})
}

func TestResuming(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		start := time.Now()
		reading := r.follow("instanceId=i")
		r.put(call("c1", "+1"), time.Now())
		id, _, _ := reading.next()
		reading.leave()
		time.Sleep(time.Minute)
		r.put(call("c2", "+1"), time.Now())
		time.Sleep(4 * time.Minute)
		r.put(call("c3", "+1"), time.Now())

		for name, again := range map[string]*reader{"header": r.follow("instanceId=i", "Last-Event-ID", id), "query": r.follow("instanceId=i&lastEventId=" + id),
			"header first": r.follow("instanceId=i&lastEventId=9", "Last-Event-ID", id)} {
			for _, want := range []string{"c1", "c2", "c3"} { // c1 is within the slack
				if data := again.wants(want); data["contactId"] != want {
					t.Errorf("%s: %v", name, data)
				}
			}
			again.leave()
		}
		fresh := r.follow("instanceId=i") // of the last minutes only
		fresh.wants("c3")
		fresh.leave()

		time.Sleep(6 * time.Minute)
		if since := time.Since(start); since < connect.FeedKept {
			t.Fatalf("only %s have passed", since)
		}
		old := r.follow("instanceId=i&lastEventId=" + id) // what is kept
		old.wants("c2")
		old.wants("c3")
		old.leave()
	})
}

func TestAPastWithoutEndIsCutShort(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		for i := range maxPast + 10 {
			r.put(call(fmt.Sprint("c", i), "+1"), time.Now())
			time.Sleep(time.Millisecond)
		}
		reading := r.follow("instanceId=i")
		reading.wants("c10")
		reading.leave()
	})
}

// What ends a stream, and that the reader is told.
func TestEnds(t *testing.T) {
	for reason, c := range map[string]func(r *room){
		"CREDENTIALS": func(r *room) { r.set(func() { r.refuse["again"] = errors.New("signed out") }) },
		"PERMISSION":  func(r *room) { r.set(func() { r.refuse["search"] = fault.New(fault.Denied, "no") }) },
		"DRAINING":    func(r *room) { close(r.draining) },
	} {
		t.Run(reason, func(t *testing.T) {
			within(t, func(t *testing.T, r *room) {
				reading := r.follow("instanceId=i")
				time.Sleep(time.Minute)
				began := time.Now()
				c(r)
				reading.ends(reason)
				if d := time.Since(began); d > askEvery {
					t.Errorf("after %s", d)
				}
				if n := r.live.Streams(); n != 0 {
					t.Errorf("%d streams are left", n)
				}
			})
		})
	}
}

func TestSlowReadersAreDropped(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		slow, quick := r.follow("instanceId=i&as=slow"), r.follow("instanceId=i&as=quick")
		const n = maxWaiting + 50
		var caller sync.WaitGroup
		defer caller.Wait()
		caller.Go(func() {
			for i := range n {
				r.put(call(fmt.Sprint("c", i), "+1"), time.Now())
				time.Sleep(200 * time.Millisecond)
			}
		})
		for i := range n {
			quick.wants(fmt.Sprint("c", i))
		}
		for i := 0; ; i++ {
			_, kind, data := slow.next()
			if kind == "end" {
				if data["reason"] != "TOO_SLOW" || i > maxWaiting+2 {
					t.Errorf("after %d: %v", i, data)
				}
				break
			}
		}
		<-slow.done
		quick.leave()
	})
}

func TestASignOfLife(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		reading := r.follow("instanceId=i")
		began := time.Now()
		if line := reading.line(); line != ":" || time.Since(began) > beatEvery*askEvery {
			t.Errorf("%q after %s", line, time.Since(began))
		}
		reading.leave()
	})
}

// One reading of a feed serves all streams of the node, and without streams there is
// none.
func TestReadingsAreShared(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		var all []*reader
		for i := range 10 {
			all = append(all, r.follow(fmt.Sprint("instanceId=i&as=u", i)))
		}
		r.set(func() { r.reads = 0 })
		for range 1000 { // many changes make few readings
			r.arrivals.Changed("i")
			time.Sleep(10 * time.Millisecond)
		}
		r.set(func() {
			if r.reads < 90 || r.reads > 110 {
				t.Errorf("%d readings in ten seconds", r.reads)
			}
		})
		for _, reading := range all {
			reading.leave()
		}
		time.Sleep(2 * pollEvery)
		r.set(func() { r.reads = 0 })
		r.arrivals.Changed("i")
		time.Sleep(time.Minute)
		r.set(func() {
			if r.reads != 0 {
				t.Errorf("%d readings for nobody", r.reads)
			}
		})
	})
}

func TestContactsThatTheCallerMayNotSee(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		r.denied["secret"] = true
		r.put(call("secret", "+1"), time.Now())
		reading := r.follow("instanceId=i")
		r.put(call("open", "+1"), time.Now())
		reading.wants("open")
		r.put(call("secret", "+1"), time.Now())
		time.Sleep(2 * time.Second)
		r.put(call("open2", "+1"), time.Now())
		reading.wants("open2")
		reading.leave()
	})
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		query  string
		refuse map[string]error
		status int
		code   string
	}{
		"not authenticated":     {"instanceId=i", map[string]error{"authenticate": fault.Named(fault.Denied, "UnrecognizedClientException", "no")}, 403, "UnrecognizedClientException"},
		"for another service":   {"instanceId=i&service=profile", nil, 403, "InvalidSignatureException"},
		"no instance":           {"", nil, 400, "BadRequestException"},
		"no such instance":      {"instanceId=i", map[string]error{"follow": fault.New(fault.NotFound, "no")}, 404, "ResourceNotFoundException"},
		"not the contacts":      {"instanceId=i", map[string]error{"follow": fault.New(fault.Denied, "no")}, 403, "AccessDeniedException"},
		"not the profiles":      {"instanceId=i", map[string]error{"search": fault.New(fault.Denied, "no")}, 403, "AccessDeniedException"},
		"a position that is no": {"instanceId=i&lastEventId=x", nil, 400, "BadRequestException"},
		"a position before all": {"instanceId=i&lastEventId=-1", nil, 400, "BadRequestException"},
		"trouble":               {"instanceId=i", map[string]error{"follow": errors.New("secret cause")}, 500, "InternalError"},
	} {
		within(t, func(t *testing.T, r *room) {
			if c.refuse != nil {
				r.refuse = c.refuse
			}
			w := httptest.NewRecorder()
			r.live.ServeHTTP(w, httptest.NewRequest("GET", "/console/events?"+c.query, nil))
			var got struct{ Code, Message string }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || got.Code != c.code || got.Message == "" || strings.Contains(got.Message, "secret cause") || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
			if r.live.Streams() != 0 {
				t.Errorf("%s: a stream is left", name)
			}
		})
	}
}

func TestStreamsAreBounded(t *testing.T) {
	within(t, func(t *testing.T, r *room) {
		var all []*reader
		for range maxStreamsPerCaller {
			all = append(all, r.follow("instanceId=i&as=alice"))
		}
		w := httptest.NewRecorder()
		r.live.ServeHTTP(w, httptest.NewRequest("GET", "/console/events?instanceId=j&as=alice", nil))
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "TooManyStreams") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		r.follow("instanceId=i&as=bob").leave()
		all[0].leave()
		r.follow("instanceId=i&as=alice").leave()
		for _, reading := range all {
			reading.leave()
		}
		w = httptest.NewRecorder()
		r.live.ServeHTTP(w, httptest.NewRequest("HEAD", "/console/events?instanceId=j&as=alice", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("HEAD: %d", w.Code)
		}
	})
}
