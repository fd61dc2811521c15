// Package firehose is an HTTP endpoint that Amazon Data Firehose delivers to: it
// speaks the "HTTP endpoint delivery request and response specifications" of
// its developer guide, version 1.0, and ingests what comes as profile objects.
//
// A stream is given the URL https://HOST/firehose/DOMAIN/OBJECT-TYPE and, as
// access key, ACCESS-KEY-ID:SECRET-ACCESS-KEY of a user who is allowed
// profile:PutProfileObject on the domain. A data blob holds one JSON object, or
// several, on lines of their own or not. Contact records, those for the object
// type CTR and for types made from a template of contact records, may come as
// Amazon Connect exports them; see package contactrecord.
//
// What it promises:
//
//   - 200 means that every record is durable: stored, or in the domain's dead
//     letter queue with its reason.
//   - The protocol has no failure of single records. Where a record can neither
//     be ingested nor go to a dead letter queue, because the domain has none or
//     the record is too large for one, the answer is 400, after all other
//     records of the request have been ingested. Firehose then tries again for
//     the retry duration of the stream and puts the whole request into the
//     stream's S3 backup, so that nothing is lost; that those that were fine are
//     ingested again changes nothing. A domain that is fed by streams should
//     have a dead letter queue.
//   - A request that comes again after it was answered with 200 is answered
//     with 200 and has no second effect, as long as this process remembers it:
//     the last [Remembered] requests at least. Afterwards it is ingested again,
//     which replaces each object by its unique key with itself. It matters only
//     to object types without a time of the source, where a late repetition
//     would bring back an older state.
//   - 413 is never answered. Firehose takes that status, and no other, for
//     final; all else is tried again and ends in the backup.
//   - Memory, time and work of a request are bounded, compressed ones included.
package firehose

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/objecttype"
	"kindred/internal/tracing"
)

// Pattern is what the endpoint is served at, in the form of http.ServeMux.
const Pattern = "POST /firehose/{domain}/{objectType}"

// Limits. Those of the protocol are the developer guide's.
const (
	MaxBody      = 64 << 20 // bytes of a body, decompressed too
	MaxRecords   = 10_000   // of a request
	MaxAccessKey = 4096     // bytes

	maxMessage   = 8192 // characters of an errorMessage
	maxRequestID = 256
	maxData      = 8 << 20 // bytes of a record, decoded; a stream's have 6 MiB at most
	version      = "1.0"

	// memory is what the bodies of all requests that are under way may take:
	// two of the largest, or one of unknown length while it is moved to more
	// room.
	memory = 2*MaxBody + 1<<20
	// Firehose waits for three minutes.
	answerWithin = 170 * time.Second
)

// Names of headers.
const (
	headerVersion   = "X-Amz-Firehose-Protocol-Version"
	headerRequestID = "X-Amz-Firehose-Request-Id"
	headerAccessKey = "X-Amz-Firehose-Access-Key"
	headerSource    = "X-Amz-Firehose-Source-Arn"
)

// Principals knows who has an access key. It compares secrets in constant time.
type Principals interface {
	Principal(ctx context.Context, accessKeyID, secret string) (*access.Caller, error)
}

// Ingester stores records.
type Ingester interface {
	PutInto(ctx context.Context, of domain.ID, typeName string, bodies []string) ([]ingest.Result, error)
}

// Config is what an Endpoint is made of. Now and Log may be nil.
type Config struct {
	Principals Principals
	// Authorize asks whether the caller in the context may call an operation of
	// Customer Profiles, as permission.Checker does.
	Authorize func(ctx context.Context, op *api.Operation, input any) error
	Domains   *domain.Domains
	Types     *objecttype.Types
	Ingest    Ingester
	Letters   ingest.DeadLetters
	Log       *slog.Logger
	Now       func() time.Time
}

// Endpoint answers deliveries. It is an http.Handler for [Pattern].
type Endpoint struct {
	Config
	put    *api.Operation
	memory budget
	seen   memo
}

// New makes an Endpoint.
func New(c Config) *Endpoint {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	e := &Endpoint{Config: c}
	e.memory.left.Store(memory)
	for _, op := range profileapi.Service().Operations {
		if op.Name == "PutProfileObject" {
			e.put = op
		}
	}
	if e.put == nil {
		panic("firehose: Customer Profiles has no PutProfileObject")
	}
	return e
}

// problem is an answer that is not 200.
type problem struct {
	status  int
	message string
	cause   error
}

func (p *problem) Error() string { return p.message }
func (p *problem) Unwrap() error { return p.cause }

func bad(format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

// ServeHTTP implements http.Handler.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A large delivery may take longer than the server gives to calls. A writer
	// without deadlines has none to be moved.
	control := http.NewResponseController(w)
	deadline := time.Now().Add(answerWithin)
	_, _ = control.SetReadDeadline(deadline), control.SetWriteDeadline(deadline.Add(5*time.Second))
	ctx, cancel := context.WithDeadline(r.Context(), deadline)
	defer cancel()

	id := r.Header.Get(headerRequestID)
	if len(id) > maxRequestID {
		id = ""
	}
	ctx, span := tracing.Begin(ctx, "Firehose/Deliver", tracing.Server)
	defer span.End()
	d := &delivery{Endpoint: e, domain: r.PathValue("domain"), objectType: r.PathValue("objectType"), id: id}
	err := d.deliver(ctx, r)
	p := asProblem(err)
	span.Number("http.response.status_code", int64(p.status))
	if p.status >= 500 {
		span.Fail("firehose")
	}
	level := slog.LevelInfo
	if p.status == http.StatusOK || p.status == http.StatusUnauthorized {
		level = slog.LevelDebug
	} else if p.status >= 500 {
		level = slog.LevelWarn
	}
	e.Log.Log(r.Context(), level, "firehose delivery", "firehose_request_id", id, "source", bounded(r.Header.Get(headerSource), 256),
		"status", p.status, "records", d.records, "objects", d.objects, "refused", d.refused, "dead_letters", d.letters,
		"repeated", d.repeated, "message", p.message, "cause", p.cause)
	if err != nil {
		w.Header().Set("Connection", "close") // the rest of the body may not have been read
	}
	e.answer(w, id, p)
}

// asProblem turns an error into an answer. No error is 200.
func asProblem(err error) *problem {
	var p *problem
	var f *fault.Error
	switch {
	case err == nil:
		return &problem{status: http.StatusOK}
	case errors.As(err, &p):
		return p
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &problem{http.StatusServiceUnavailable, "The delivery took too long; it may be sent again", err}
	case !errors.As(err, &f) || f.Kind == fault.Internal:
		return &problem{http.StatusInternalServerError, "The delivery met an internal error; it may be sent again", err}
	}
	status := http.StatusBadRequest
	switch f.Kind {
	case fault.Denied:
		status = http.StatusForbidden
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Busy:
		status = http.StatusServiceUnavailable
	}
	return &problem{status, f.Message, f.Cause}
}

// bounded cuts a text.
func bounded(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// authenticate finds out who delivers, and whether they may.
func (d *delivery) authenticate(ctx context.Context, r *http.Request) (context.Context, error) {
	key := r.Header.Get(headerAccessKey)
	id, secret, ok := strings.Cut(key, ":")
	if !ok || len(key) > MaxAccessKey {
		return nil, &problem{status: http.StatusUnauthorized, message: headerAccessKey + ": want ACCESS-KEY-ID:SECRET-ACCESS-KEY"}
	}
	known, err := d.Principals.Principal(ctx, id, secret)
	if fault.Is(err, fault.Denied) {
		return nil, &problem{status: http.StatusUnauthorized, message: headerAccessKey + ": the access key is not valid"}
	}
	if err != nil {
		return nil, err
	}
	caller := *known
	caller.Time = d.Now()
	caller.Secure = r.TLS != nil
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		caller.SourceIP = host
	}
	ctx = access.WithCaller(ctx, &caller)
	return ctx, d.Authorize(ctx, d.put, &profileapi.PutProfileObjectRequest{DomainName: d.domain, ObjectTypeName: d.objectType})
}
