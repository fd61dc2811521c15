package server

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"kindred/internal/access"
	"kindred/internal/admission"
	"kindred/internal/fault"
	"kindred/internal/wire"
)

const requestIDHeader = "X-Amzn-Requestid"

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case reading && r.URL.Path == "/healthz":
		s.serveHealth(w, r)
	case reading && r.URL.Path == "/metrics":
		w.Header()[requestIDHeader] = []string{newRequestID()}
		s.exporter.ServeHTTP(w, r)
	case signed(r):
		if s.isClaimed(r) {
			s.serveExtra(w, r)
			return
		}
		s.serveAPI(w, r)
	default:
		if _, pattern := s.extra.Handler(r); pattern != "" {
			s.serveExtra(w, r)
			return
		}
		if reading && r.URL.Path == "/" {
			s.serveWelcome(w, r)
			return
		}
		s.serveAPI(w, r)
	}
}

// signed reports whether a request means to be one to the API.
func signed(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || r.Header.Get("X-Amz-Target") != "" ||
		strings.Contains(r.URL.RawQuery, "X-Amz-") || strings.Contains(r.URL.RawQuery, "Action=")
}

func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, "ok\n"
	if s.health != nil {
		if err := s.health(r.Context()); err != nil {
			s.log.Warn("not healthy", "cause", err)
			status, text = http.StatusServiceUnavailable, "not ready\n"
		}
	}
	writePlain(w, status, text)
}

// serveWelcome tells whoever looks what it has found, and sends a browser on.
func (s *Server) serveWelcome(w http.ResponseWriter, r *http.Request) {
	if s.browser != "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
		h := w.Header()
		h[requestIDHeader] = []string{newRequestID()}
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Accept")
		http.Redirect(w, r, s.browser, http.StatusSeeOther)
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	host := "this host and port"
	if (&url.URL{Host: r.Host}).Hostname() != "" {
		host = scheme + "://" + r.Host
	}
	writePlain(w, http.StatusOK, "Kindred: customer profiles with the API of Amazon Connect Customer Profiles.\n\n"+
		"This port speaks the AWS API. Reach it with any AWS client by setting\n\n"+
		"    AWS_ENDPOINT_URL="+host+"\n\n"+
		"and the credentials file that the first start wrote into the data directory\n"+
		"(AWS_SHARED_CREDENTIALS_FILE), for example:\n\n"+
		"    aws customer-profiles list-domains\n")
}

func writePlain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h[requestIDHeader] = []string{newRequestID()}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the client may be gone
}

func (s *Server) serveExtra(w http.ResponseWriter, r *http.Request) {
	id := newRequestID()
	w.Header()[requestIDHeader] = []string{id}
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.log.Error("request", "request_id", id, "cause", panicked(v))
			w.WriteHeader(http.StatusInternalServerError)
		}
	}()
	if s.tracer != nil {
		r = r.WithContext(s.tracer.Into(r.Context()))
	}
	s.extra.ServeHTTP(w, r) // the mux again, which sets the values of the path
}

// buffers are for bodies of requests.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// serveAPI answers a request to an operation.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	x := s.begin()
	ctx, span := s.tracer.Serve(r.Context(), r.Header)
	x.span = span
	if span.Recording() {
		r = r.WithContext(ctx)
	}
	defer s.end(ctx, x)
	w.Header()[requestIDHeader] = []string{x.id}
	buf := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= maxKept {
			buf.Reset()
			buffers.Put(buf)
		}
	}()
	req := request(r)
	body := s.bodies.Reader(r.Body)
	defer body.Done()
	unread := s.read(buf, r, &body)
	err := unread
	req.Body = buf.Bytes()
	// A place at work is taken once the body is there, and given back before the answer
	// is sent: who sends or reads slowly takes none.
	pass := (*admission.Pass)(nil)
	if err == nil && s.gate != nil {
		ctx, pass, err = s.gate.Enter(ctx)
		x.crowded = err != nil
	}
	s.exchange(ctx, x, req, func() (*access.Caller, string, error) {
		if err != nil {
			return nil, claimedService(r), err
		}
		caller, service, err := s.auth.Authenticate(r, req.Body)
		if service == "" {
			service = claimedService(r)
		}
		return caller, service, err
	})
	if pass != nil {
		pass.Leave()
	}
	if s.audit != nil && x.done.Caller != nil && x.done.Operation != "" {
		x.done.At, x.done.RequestID, x.done.UserAgent, x.done.Error = x.start, x.id, r.UserAgent(), x.err
		s.audit(ctx, &x.done)
	}
	if unread != nil {
		w.Header().Set("Connection", "close") // the rest of the body is not read
	}
	if x.answer.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", retryAfter)
	}
	if !x.gone {
		s.send(w, &x.answer)
	}
}

// retryAfter is when a client that was refused for load may try again, in seconds.
var retryAfter = strconv.Itoa(int(admission.RetryAfter.Seconds()))

func request(r *http.Request) *wire.Request {
	return &wire.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Host: r.Host, Secure: r.TLS != nil, Header: r.Header,
	}
}

// read reads the body of a request into buf, at most the bytes that are allowed.
func (s *Server) read(buf *bytes.Buffer, r *http.Request, body io.Reader) error {
	if r.ContentLength > s.maxBody {
		return s.tooLarge()
	}
	if r.Body == nil {
		return nil
	}
	if _, err := buf.ReadFrom(io.LimitReader(body, s.maxBody+1)); err != nil {
		if cerr := r.Context().Err(); cerr != nil {
			return cerr
		}
		if fault.Is(err, fault.Busy) {
			return err
		}
		return fault.New(fault.Invalid, "The request body could not be read to its end").Because(err)
	}
	if int64(buf.Len()) > s.maxBody {
		return s.tooLarge()
	}
	return nil
}

func (s *Server) tooLarge() error {
	return fault.New(fault.Invalid, "The request body must have at most %d bytes", s.maxBody)
}

func (s *Server) send(w http.ResponseWriter, a *wire.Answer) {
	h := w.Header()
	for _, kv := range a.Header {
		h[http.CanonicalHeaderKey(kv[0])] = []string{kv[1]}
	}
	if a.ContentType != "" {
		h["Content-Type"] = []string{a.ContentType}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	w.WriteHeader(a.Status)
	if len(a.Body) == 0 {
		return
	}
	if _, err := w.Write(a.Body); err != nil {
		s.log.Debug("answer not sent", "cause", err)
	}
}

// claimedService is the service in the credential scope of a request, true or
// not: AKID/DATE/REGION/SERVICE/aws4_request. Empty when there is none.
func claimedService(r *http.Request) string {
	_, scope, ok := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !ok {
		if !strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
			return ""
		}
		scope = r.URL.Query().Get("X-Amz-Credential")
	}
	scope, _, _ = strings.Cut(scope, ",")
	parts := strings.Split(scope, "/")
	if len(parts) < 5 {
		return ""
	}
	return parts[len(parts)-2]
}
