// Package server is the one adapter between HTTP and the operations: it
// authenticates, finds the operation, decodes and validates, asks whether the
// caller may, calls, encodes the answer or the error, logs and measures. An
// operation is an ordinary method and never sees an http.Request.
//
// What it promises:
//
//   - Every answer carries x-amzn-RequestId, errors included.
//   - Nothing is routed, decoded or called for a request that is not
//     authenticated. The paths /healthz and /metrics, the page at / and what
//     was given to Handle or Claim are all that needs no signature.
//   - Bodies, query strings and values are neither logged nor counted.
//   - An error that the operation does not declare never reaches a client under
//     its name; it is logged as a defect and answered as an internal error.
//   - A panic of an operation ends its request and nothing else.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kindred/internal/access"
	"kindred/internal/admission"
	"kindred/internal/api"
	"kindred/internal/tracing"
	"kindred/internal/wire"
)

// Defaults and bounds of the HTTP server.
const (
	DefaultMaxBody = 6 << 20          // bytes of a request body
	DefaultDrain   = 25 * time.Second // for requests at work when serving ends; longer than a long poll
	DefaultBodies  = 256 << 20        // bytes of all request bodies that are held at once
	// DefaultConnections is how many connections there may be.
	DefaultConnections = 16_384

	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 90 * time.Second // from the end of the header; a long poll takes 20 s of it
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
)

// Authenticator finds out who sent a request. The body has been read from r
// and must not be kept. It returns the caller and the service of the credential
// scope, or a *fault.Error whose Name is the error of AWS. The service may be
// returned along with an error, so that the error can be given in its protocol.
type Authenticator interface {
	Authenticate(r *http.Request, body []byte) (caller *access.Caller, service string, err error)
}

// Mount is a service and what implements it.
type Mount struct {
	API *api.Service
	// Impl are the values whose methods are the operations. For an operation
	// Op it is looked for a method
	//
	//	Op(context.Context, *In) (*Out, error)
	//
	// with the generated types; when the operation has no output the method may
	// return only an error.
	Impl []any
	// Authorize is asked before the operation is called; nil when the
	// operations ask for themselves.
	Authorize func(ctx context.Context, op *api.Operation, input any) error
}

// Config is what a Server is made of.
type Config struct {
	Services      []Mount
	Authenticator Authenticator
	Logger        *slog.Logger         // nil: no log
	Registry      *prometheus.Registry // nil: one of its own
	Now           func() time.Time     // nil: time.Now
	MaxBody       int64                // bytes; 0: DefaultMaxBody
	Drain         time.Duration        // 0: DefaultDrain
	Bodies        int64                // bytes; 0: DefaultBodies
	Connections   int                  // 0: DefaultConnections
	// Gate bounds the requests to operations that are at work; nil: none does.
	Gate *admission.Gate
	// Rates limit how often operations and principals are served; nil: they do not.
	Rates *admission.Rates
	// Health is asked by /healthz; nil counts as healthy.
	Health func(context.Context) error
	// Audit is told of each call of an operation over the network by somebody known, before it is
	// answered; nil: nobody is.
	Audit func(context.Context, *Audited)
	// Tracer traces requests; nil: they are not traced.
	Tracer *tracing.Tracer
	// Browser is the path that a browser is sent to that asks for the page at /;
	// empty: it gets the page that others get.
	Browser string
}

// Server answers requests. Make one with New.
type Server struct {
	router   *wire.Router
	ops      map[*api.Operation]*operation
	mounts   map[string]*Mount // by signing name
	auth     Authenticator
	log      *slog.Logger
	now      func() time.Time
	maxBody  int64
	drain    time.Duration
	bodies   *admission.Budget
	gate     *admission.Gate
	rates    *admission.Rates
	most     int // connections
	audit    func(context.Context, *Audited)
	health   func(context.Context) error
	browser  string
	tracer   *tracing.Tracer
	metrics  *metrics
	exporter http.Handler
	extra    *http.ServeMux
	claims   []claim
	draining chan struct{} // closed when serving ends
}

// New makes a server. It panics when the configuration contradicts itself: a
// method with the name of an operation and another signature, an operation that
// is implemented twice, a service that is mounted twice, no authenticator.
func New(c Config) *Server {
	if c.Authenticator == nil {
		panic("server: no authenticator")
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	s := &Server{
		ops:      map[*api.Operation]*operation{},
		mounts:   map[string]*Mount{},
		auth:     c.Authenticator,
		log:      c.Logger,
		now:      c.Now,
		maxBody:  c.MaxBody,
		drain:    c.Drain,
		gate:     c.Gate,
		rates:    c.Rates,
		most:     c.Connections,
		audit:    c.Audit,
		health:   c.Health,
		browser:  c.Browser,
		tracer:   c.Tracer,
		metrics:  newMetrics(c.Registry),
		exporter: promhttp.HandlerFor(c.Registry, promhttp.HandlerOpts{}),
		extra:    http.NewServeMux(),
		draining: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.maxBody <= 0 {
		s.maxBody = DefaultMaxBody
	}
	if s.drain <= 0 {
		s.drain = DefaultDrain
	}
	if s.most <= 0 {
		s.most = DefaultConnections
	}
	if c.Bodies <= 0 {
		c.Bodies = DefaultBodies
	}
	s.bodies = admission.NewBudget(c.Bodies)
	if s.gate != nil {
		s.metrics.waiting(c.Registry, s.gate.Load)
	}
	apis := make([]*api.Service, len(c.Services))
	for i := range c.Services {
		m := &c.Services[i]
		apis[i] = m.API
		s.mounts[m.API.SigningName] = m
		methods := bind(m)
		rpc := strings.ReplaceAll(m.API.ID, " ", "") // as the AWS SDKs write it
		for _, op := range m.API.Operations {
			s.ops[op] = &operation{mount: m, method: methods[op.Name], stats: s.metrics.operation(m.API.SigningName, rpc, op.Name)}
		}
	}
	s.router = wire.NewRouter(apis...)
	return s
}

// Implemented lists the operations of a service that have an implementation, in
// the order of the description.
func (s *Server) Implemented(signingName string) []string {
	m := s.mounts[signingName]
	if m == nil {
		return nil
	}
	var names []string
	for _, op := range m.API.Operations {
		if s.ops[op].method != nil {
			names = append(names, op.Name)
		}
	}
	return names
}

// Handle serves requests without a signature that match the pattern, which is
// one of http.ServeMux, with h. It must not be called once the server serves.
func (s *Server) Handle(pattern string, h http.Handler) { s.extra.Handle(pattern, h) }

// Claim is Handle for h that serves requests with a signature, or with what looks like
// one, as well: whose path is no operation's, or who authenticates by itself.
func (s *Server) Claim(pattern string, h http.Handler) {
	s.Handle(pattern, h)
	start := pattern[strings.IndexByte(pattern, '/'):]
	if i := strings.IndexByte(start, '{'); i >= 0 {
		start = start[:i]
	}
	s.claims = append(s.claims, claim{pattern, start})
}

// claim is a pattern that takes signed requests too, and what their paths start with.
type claim struct{ pattern, start string }

// isClaimed reports whether a signed request goes to what claims its path.
func (s *Server) isClaimed(r *http.Request) bool {
	for _, c := range s.claims { // a few; calls of operations pay for them
		if strings.HasPrefix(r.URL.Path, c.start) {
			_, pattern := s.extra.Handler(r)
			return slices.ContainsFunc(s.claims, func(c claim) bool { return c.pattern == pattern })
		}
	}
	return false
}

// Draining is closed when serving ends, for requests that would never finish by
// themselves.
func (s *Server) Draining() <-chan struct{} { return s.draining }

// Serve answers requests on ln until ctx ends, then lets those at work finish
// within the drain time and returns nil. The listener is closed in any case. It may be
// called once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnState:         newConnections(s.most).changed,
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	close(s.draining)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	if err := srv.Shutdown(bounded); err != nil {
		s.log.Warn("requests were cut off because they outlasted the drain time", "drain", s.drain)
		if err := srv.Close(); err != nil {
			s.log.Debug("closing connections", "error", err)
		}
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}
