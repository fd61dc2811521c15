package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/profileapi"
	"kindred/internal/connect"
	"kindred/internal/fault"
)

// Pattern is where the stream is served.
const Pattern = "GET /console/events"

// How a stream is kept.
const (
	askEvery   = 5 * time.Second // who the caller is
	beatEvery  = 3               // of these, a sign of life
	writeTime  = 10 * time.Second
	retryAfter = 2 * time.Second // for a browser to come again
	lookBack   = 2 * time.Minute // of a stream without a position
	maxPast    = 500             // notes, the newest, that a stream begins with
)

// Contacts are those of package connect.
type Contacts interface {
	Follow(ctx context.Context, given string) (instanceID string, err error)
	AllowContact(ctx context.Context, instanceID, contactID string) error
	DomainName(ctx context.Context, instanceID string) (string, error)
	Notes(ctx context.Context, instanceID string, since time.Time, limit int) ([]connect.Note, error)
	LiveContacts(ctx context.Context, instanceID string, ids []string) ([]connect.LiveContact, error)
}

// Profiles finds profiles; whether the caller may is asked elsewhere.
type Profiles interface {
	SearchProfiles(context.Context, *profileapi.SearchProfilesRequest) (*profileapi.SearchProfilesResponse, error)
}

// Authenticator finds out who signed a request, and who that is later on, as package
// iam does.
type Authenticator interface {
	AuthenticateStream(r *http.Request, body []byte) (caller *access.Caller, service string, again func(context.Context) (*access.Caller, error), err error)
}

// Config is what a Service is made of.
type Config struct {
	Contacts      Contacts
	Arrivals      *Arrivals // told of changes on this node
	Profiles      Profiles
	Authenticator Authenticator
	// Authorize asks whether the caller may do an operation of Customer Profiles.
	Authorize func(ctx context.Context, op *api.Operation, input any) error
	// Draining is closed when the server stops.
	Draining <-chan struct{}
	Log      *slog.Logger     // nil: no log
	Now      func() time.Time // nil: time.Now
}

// Service serves the streams. It may be used concurrently.
type Service struct {
	Config
	hub    *hub
	search *api.Operation
}

// New makes a Service; Run has to run for streams to carry anything.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{Config: c, search: profileapi.Service().Operation("SearchProfiles")}
	s.hub = &hub{read: s.notes, make: s.events, now: c.Now, wake: make(chan struct{}, 1), feeds: map[string]*feed{}, perCaller: map[string]int{},
		fail: func(instanceID string, err error) {
			c.Log.Warn("contacts that have arrived are told of later", "instance", instanceID, "error", err)
		}}
	c.Arrivals.hub.Store(s.hub)
	return s
}

// Run reads the feeds that streams follow until the context ends.
func (s *Service) Run(ctx context.Context) error {
	s.hub.run(ctx)
	return nil
}

// Streams is how many there are.
func (s *Service) Streams() int { return s.hub.count() }

// notes reads all notes of a feed from a time on.
func (s *Service) notes(ctx context.Context, instanceID string, since time.Time) ([]connect.Note, error) {
	var all []connect.Note
	for {
		page, err := s.Contacts.Notes(ctx, instanceID, since, notesPage)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < notesPage {
			return all, nil
		}
		next := page[len(page)-1].At
		if !next.After(since) { // more at one moment than anybody can follow
			next = since.Add(time.Microsecond)
		}
		since = next
	}
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // HEAD, which has no end
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	caller, service, again, err := s.Authenticator.AuthenticateStream(r, nil)
	if err == nil && service != "kindred" {
		err = fault.Named(fault.Denied, "InvalidSignatureException", "Sign the request for the service kindred.")
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	q := r.URL.Query()
	since, err := s.position(r.Header.Get("Last-Event-ID"), q.Get("lastEventId"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	ctx := access.WithCaller(r.Context(), caller)
	instanceID, err := s.allow(ctx, q.Get("instanceId"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	st, err := s.hub.join(ctx, instanceID, caller.ARN)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer s.hub.leave(instanceID, st)
	first, err := s.past(ctx, instanceID, since)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	out := &writer{w: w, to: http.NewResponseController(w), now: s.Now}
	began := s.Now()
	s.Log.InfoContext(ctx, "stream begins", "principal", caller.ARN, "instance", instanceID)
	why := s.stream(ctx, out, st, instanceID, first, again)
	s.Log.InfoContext(ctx, "stream ends", "principal", caller.ARN, "instance", instanceID, "why", why, "duration", s.Now().Sub(began))
}

// allow asks for what a stream shows.
func (s *Service) allow(ctx context.Context, given string) (instanceID string, err error) {
	if given == "" {
		return "", fault.New(fault.Invalid, "instanceId: it is missing in the query")
	}
	instanceID, err = s.Contacts.Follow(ctx, given)
	if err != nil {
		return "", err
	}
	domainName, err := s.Contacts.DomainName(ctx, instanceID)
	if err != nil || domainName == "" {
		return instanceID, err
	}
	return instanceID, s.Authorize(ctx, s.search, &profileapi.SearchProfilesRequest{DomainName: domainName})
}

// position reads where to go on from. The header is what a browser adds by itself, and
// so the newer one.
func (s *Service) position(header, query string) (time.Time, error) {
	text := header
	if text == "" {
		text = query
	}
	if text == "" {
		return s.Now().Add(-lookBack), nil
	}
	micros, err := strconv.ParseInt(text, 10, 64)
	if err != nil || micros < 0 {
		return time.Time{}, fault.New(fault.Invalid, "lastEventId: want the id of an event")
	}
	return time.UnixMicro(micros).Add(-connect.FeedSlack), nil
}

// past are the events of what was noted before a stream began.
func (s *Service) past(ctx context.Context, instanceID string, since time.Time) ([]*event, error) {
	if oldest := s.Now().Add(-connect.FeedKept); since.Before(oldest) {
		since = oldest
	}
	notes, err := s.notes(ctx, instanceID, since)
	if err != nil {
		return nil, err
	}
	return s.events(ctx, instanceID, notes[max(0, len(notes)-maxPast):])
}

// stream sends events until something ends it, and says what.
func (s *Service) stream(ctx context.Context, out *writer, st *stream, instanceID string, first []*event, again func(context.Context) (*access.Caller, error)) (why string) {
	if !out.begin() {
		return "reader gone"
	}
	if !s.send(ctx, out, instanceID, first...) {
		return "reader gone"
	}
	ask := time.NewTicker(askEvery)
	defer ask.Stop()
	for beat := 1; ; {
		select {
		case <-ctx.Done():
			return "reader gone"
		case <-s.Draining:
			return out.end("DRAINING")
		case <-st.slow:
			return out.end("TOO_SLOW")
		case e := <-st.events:
			if !s.send(ctx, out, instanceID, e) {
				return "reader gone"
			}
		case <-ask.C:
			caller, err := again(ctx)
			if err != nil {
				return out.end("CREDENTIALS")
			}
			ctx = access.WithCaller(ctx, caller)
			if _, err := s.allow(ctx, instanceID); err != nil {
				return out.end("PERMISSION")
			}
			if beat++; beat%beatEvery == 0 && !out.write([]byte(":\n\n")) {
				return "reader gone"
			}
		}
	}
}

// send writes the events of contacts that the caller may see.
func (s *Service) send(ctx context.Context, out *writer, instanceID string, events ...*event) bool {
	var text bytes.Buffer
	for _, e := range events {
		if s.Contacts.AllowContact(ctx, instanceID, e.contactID) == nil {
			e.write(&text)
		}
	}
	return text.Len() == 0 || out.write(text.Bytes())
}

// writer writes a stream, each piece in time.
type writer struct {
	w   http.ResponseWriter
	to  *http.ResponseController
	now func() time.Time
}

func (o *writer) begin() bool {
	// The server's deadlines are for requests that end. Where there are none, as in
	// tests, there is nothing to lift.
	_ = o.to.SetReadDeadline(time.Time{})
	h := o.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // a proxy is not to keep events back
	o.w.WriteHeader(http.StatusOK)
	return o.write([]byte("retry: " + strconv.FormatInt(retryAfter.Milliseconds(), 10) + "\n\n"))
}

func (o *writer) write(text []byte) bool {
	_ = o.to.SetWriteDeadline(o.now().Add(writeTime))
	if _, err := o.w.Write(text); err != nil {
		return false
	}
	return o.to.Flush() == nil
}

// end tells the reader why there is no more: what to do about it differs.
func (o *writer) end(reason string) string {
	o.write([]byte("event: end\ndata: {\"reason\":\"" + reason + "\"}\n\n")) // whether it arrives or not
	return reason
}

// refuse answers a request that gets no stream.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, code, text := http.StatusInternalServerError, "InternalError", "The server could not do that; its log says why."
	var f *fault.Error
	switch {
	case errors.Is(err, errTooMany):
		status, code, text = http.StatusTooManyRequests, "TooManyStreams", "There are too many streams already; end others, or try again later."
		w.Header().Set("Retry-After", "30")
	case errors.As(err, &f) && f.Kind != fault.Internal:
		code, text = f.Name, f.Message
		status = map[fault.Kind]int{fault.Invalid: 400, fault.Exists: 400, fault.Denied: 403, fault.NotFound: 404, fault.Busy: 429, fault.Unimplemented: 501}[f.Kind]
		if code == "" {
			code = map[fault.Kind]string{fault.Invalid: "BadRequestException", fault.Denied: "AccessDeniedException",
				fault.NotFound: "ResourceNotFoundException", fault.Busy: "ThrottlingException"}[f.Kind]
		}
	case r.Context().Err() != nil:
		return
	default:
		s.Log.ErrorContext(r.Context(), "stream refused", "cause", err)
	}
	body, err := json.Marshal(map[string]string{"code": code, "message": text})
	if err != nil {
		panic(err) // of two texts
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
