package node

import (
	"context"
	"io"
	"net/http"
	"regexp"

	"github.com/prometheus/client_golang/prometheus"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/deadletter"
	"kindred/internal/domain"
	"kindred/internal/fault"
)

// late is a transport that is known only when the server is, which in turn is
// made of what uses the transport.
type late struct{ http.RoundTripper }

// settings are the operations of the kindred service on a domain's settings,
// where operations ask for permission themselves.
type settings struct {
	domains *domain.Service
	info    kindredapi.ServerInfo
}

// GetServerInfo tells any caller what it talks to.
func (s settings) GetServerInfo(context.Context, *kindredapi.GetServerInfoRequest) (*kindredapi.ServerInfo, error) {
	return &s.info, nil
}

func (s settings) GetDomainSettings(ctx context.Context, in *kindredapi.GetDomainSettingsRequest) (*kindredapi.DomainSettings, error) {
	if err := s.allow(ctx, "kindred:GetDomainSettings", in.DomainName); err != nil {
		return nil, err
	}
	return s.domains.GetDomainSettings(ctx, in)
}

func (s settings) PutDomainSettings(ctx context.Context, in *kindredapi.PutDomainSettingsRequest) (*kindredapi.DomainSettings, error) {
	if err := s.allow(ctx, "kindred:PutDomainSettings", in.DomainName); err != nil {
		return nil, err
	}
	return s.domains.PutDomainSettings(ctx, in)
}

// RenameDomain needs the permission for the old ARN and for the new one, so that
// nobody gains by bringing a domain under a name that a policy gives him more on.
// The tags of the domain are those of both.
func (s settings) RenameDomain(ctx context.Context, in *kindredapi.RenameDomainRequest) (*kindredapi.RenameDomainResponse, error) {
	cfg, err := s.domains.Config(ctx, in.DomainName)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	var tags map[string]string
	if err == nil {
		tags = cfg.Tags("")
	}
	for _, name := range []string{in.DomainName, in.NewDomainName} {
		if err := access.Require(ctx, access.Check{Action: "kindred:RenameDomain", Resource: s.domains.ARN(name, ""), ResourceTags: tags}); err != nil {
			return nil, err
		}
	}
	return s.domains.RenameDomain(ctx, in)
}

func (s settings) allow(ctx context.Context, action, domainName string) error {
	return access.Require(ctx, access.Check{Action: action, Resource: s.domains.ARN(domainName, "")})
}

// metrics are the figures beside those of the server.
type metrics struct{ ingested, expired, signIns *prometheus.CounterVec }

func newMetrics(r prometheus.Registerer, outbox *deadletter.Outbox) *metrics {
	m := &metrics{
		ingested: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kindred_ingested_objects_total",
			Help: "Objects by what became of them: stored, dead_letter or refused."}, []string{"outcome"}),
		expired: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kindred_expired_total",
			Help: "What was removed because it had expired: objects, those of expired profiles included, and profiles."}, []string{"kind"}),
	}
	m.signIns = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kindred_sign_ins_total",
		Help: "Attempts to sign in to the console by how they ended: let_in, refused, slowed or failed."}, []string{"method", "outcome"})
	r.MustRegister(m.ingested, m.expired, m.signIns, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kindred_dead_letters_waiting",
		Help: "Dead letters that wait for their queue to take them."}, func() float64 { return float64(outbox.Waiting()) }))
	return m
}

func (m *metrics) objects(outcome string, n int) {
	if n > 0 {
		m.ingested.WithLabelValues(outcome).Add(float64(n))
	}
}

// streamMetric registers the figure of streams that are open.
func streamMetric(r prometheus.Registerer, count func() int) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kindred_event_streams",
		Help: "Streams of live contacts that are open."}, func() float64 { return float64(count()) }))
}

// auditMetric registers the figure of audit events that were lost.
func auditMetric(r prometheus.Registerer, dropped func() int64) {
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "kindred_audit_events_dropped_total",
		Help: "Audit events that were lost because they could not be written in time."}, func() float64 { return float64(dropped()) }))
}

func (m *metrics) signIn(method, outcome string) { m.signIns.WithLabelValues(method, outcome).Inc() }

func (m *metrics) expire(objects, profiles int) {
	m.expired.WithLabelValues("objects").Add(float64(objects))
	m.expired.WithLabelValues("profiles").Add(float64(profiles))
}

var queueForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// echoQueueURL answers the unsigned GET of what looks like a queue's URL with
// that URL, whether there is such a queue or not. The AWS CLI of version 1 takes
// a parameter value that starts with http:// for a place to fetch the value
// from, and so sends the URL itself after all in --dead-letter-queue-url.
func echoQueueURL(endpoint func() string, account string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		queue := r.PathValue("queue")
		if !queueForm.MatchString(queue) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, endpoint()+"/"+account+"/"+queue) // the client is gone if this fails
	}
}
