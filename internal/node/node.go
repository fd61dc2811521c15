// Package node puts one running Kindred together: the engine below, the
// embedded services, the concepts, and the server in front. It holds no logic
// of its own; it is the page on which all the wiring can be read.
package node

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"kindred/internal/access"
	"kindred/internal/activity"
	"kindred/internal/admission"
	"kindred/internal/api/appflowapi"
	"kindred/internal/api/connectapi"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/kmsapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/api/sqsapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/audit"
	"kindred/internal/checkpoint"
	"kindred/internal/connect"
	"kindred/internal/console"
	"kindred/internal/deadletter"
	"kindred/internal/domain"
	"kindred/internal/erasure"
	"kindred/internal/fault"
	"kindred/internal/firehose"
	"kindred/internal/iam"
	"kindred/internal/ingest"
	"kindred/internal/integration"
	"kindred/internal/job"
	"kindred/internal/kms"
	"kindred/internal/lineage"
	"kindred/internal/live"
	"kindred/internal/objecttype"
	"kindred/internal/observed"
	"kindred/internal/page"
	"kindred/internal/permission"
	"kindred/internal/preview"
	"kindred/internal/profile"
	"kindred/internal/rekey"
	"kindred/internal/replay"
	"kindred/internal/resource"
	"kindred/internal/rootkey"
	"kindred/internal/server"
	"kindred/internal/signin"
	"kindred/internal/sqs"
	"kindred/internal/store"
	"kindred/internal/tag"
	"kindred/internal/tracing"
	"kindred/internal/usage"
)

// Config is what a node is made of.
type Config struct {
	Store   store.Store
	Engine  string // what the store is, for traces
	Root    *rootkey.Key
	Region  string
	Account string
	Version string // of the program
	// Endpoint is the base URL under which clients reach the node.
	Endpoint func() string
	// KeyRoutes and QueueRoutes take single keys and queues to other services
	// than the embedded ones.
	KeyRoutes, QueueRoutes []resource.Route
	// FrameOrigins may show the console in a frame, see [console.Config].
	FrameOrigins []string
	// Requests is how many requests to operations are at work at once; 0: 64 for each
	// processor. Connections is how many connections there may be; 0: the server's
	// default. RateLimits are rules for requests; nil: none.
	Requests, Connections int
	RateLimits            *admission.Rules
	// Audit says which calls are in the audit trail, and AuditDays for how long.
	Audit     audit.Level
	AuditDays int
	// Checkpoints is the engine if it can make them, and CheckpointDir where they are put.
	Checkpoints   checkpoint.Engine
	CheckpointDir string
	// Tracer traces requests and work in the background; nil: nothing does. The node does
	// not close it.
	Tracer *tracing.Tracer
	// Collectors are figures of the engine, read when /metrics is asked for.
	Collectors []prometheus.Collector
	Log        *slog.Logger
	Now        func() time.Time
}

// Node is a running Kindred without its listener.
type Node struct {
	Server   *server.Server
	IAM      *iam.Service
	SignIn   *signin.Service
	Contacts *connect.Service
	// Integrations tie sources of data to domains.
	Integrations *integration.Service
	DomainAPI    *domain.Service
	TypesAPI     *objecttype.Service
	Profiles     *profile.Service
	Ingest       *ingest.Service
	Jobs         *job.Jobs
	Keys         *rekey.Service
	Replays      *replay.Service

	store      store.Store
	root       *rootkey.Key
	tracer     *tracing.Tracer
	background []func(context.Context) error
}

// New puts a node together. Nothing runs until Run, and nothing is served until
// the Server is.
func New(c Config) (*Node, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	pages, err := page.New(c.Root.MAC("page", nil))
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(c.Collectors...)
	c.Store = observed.New(c.Store, c.Engine, registry)
	local := &late{}
	clients := resource.NewClients(c.Region, local, c.KeyRoutes, c.QueueRoutes)
	clients.OnCall(newCalls(registry).called)
	keys := resource.NewKeys(clients, c.Root.AEAD("domain"), c.Region, c.Account)
	queues := resource.NewQueues(clients, c.Region, c.Account)
	refusals := &rekey.Refusals{}
	check := refusals.Watch(checker{keys, queues}, c.Log)

	domains := domain.NewDomains(c.Store, c.Root.AEAD("config"), keys, c.Now)
	domainAPI := domain.NewService(domains, check, pages, c.Region, c.Account)
	cacheMetrics(registry, domains)
	jobSteps := newSteps(registry)
	jobs := job.New(job.Config{Store: c.Store, Domains: domains, Seal: c.Root.AEAD("job"), Now: c.Now, Log: c.Log, Stepped: jobSteps.stepped})
	types := objecttype.NewTypes()
	profiles := profile.NewService(domains, types, pages)
	typesAPI := objecttype.NewService(types, domains, check, profiles, pages, c.Log)
	outbox := deadletter.New(c.Store, c.Root.AEAD("outbox"), domains, queues, c.Log)
	integrations := integration.NewService(domains, types, pages, c.Log)
	tags := tag.NewService(domains, c.Region, c.Account, func(cfg *domain.Config, tail string) bool { return exists(types, cfg, tail) })
	permissions := permission.New(c.Region, c.Account, func(ctx context.Context, name, tail string) (map[string]string, error) {
		cfg, err := domains.Recent(ctx, name)
		if fault.Is(err, fault.NotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return cfg.Tags(tail), nil
	})

	rekeying := rekey.New(rekey.Config{Domains: domainAPI, Jobs: jobs, Keys: keys, Log: c.Log})

	erasures := erasure.New(erasure.Config{Domains: domainAPI, Profiles: profiles, Pages: pages, Seal: c.Root.AEAD("erasure"),
		MAC: func(message []byte) []byte { return c.Root.MAC("erasure", message) }, Log: c.Log})

	keyMetrics(registry, rekeying, refusals)
	counts := newMetrics(registry, outbox)
	ingestion := ingest.NewService(domains, types, outbox, counts.objects)
	sweeper := profile.NewSweeper(domains, c.Now, c.Log, counts.expire)
	letters := deadletter.NewService(deadletter.Config{Domains: domainAPI, Queues: clients, Outbox: outbox, Ingest: ingestion,
		Pages: pages, Account: c.Account, Authorize: permissions.Authorize, Log: c.Log})
	previews := preview.NewService(preview.Config{Domains: domainAPI, Types: typesAPI, Ingest: ingestion, Authorize: permissions.Authorize})
	lineages := lineage.NewService(lineage.Config{Domains: domainAPI, Profiles: profiles, Pages: pages, Now: c.Now, Authorize: permissions.Authorize})
	replays := replay.New(replay.Config{Domains: domainAPI, Types: typesAPI, Ingest: ingestion, Jobs: jobs, Authorize: permissions.Authorize, Now: c.Now, Log: c.Log})
	arrivals := &live.Arrivals{}
	contacts := connect.New(connect.Config{Store: c.Store, Seal: c.Root.AEAD("connect"), Pages: pages, Region: c.Region,
		Account: c.Account, Associations: integrations, Ingest: ingestion, Changed: arrivals.Changed, Now: c.Now, Log: c.Log})
	activities := activity.New(activity.Config{Domains: domainAPI, Now: c.Now, Log: c.Log})
	domains.OnTally(activities.Tallied)
	outbox.OnPut(activities.DeadLetter)
	signIns := signin.NewRecords(c.Root.AEAD("signin"))
	principals := iam.New(iam.Config{Store: c.Store, Root: c.Root, Pages: pages, Account: c.Account, Region: c.Region, SignIns: signIns,
		Services: []string{"profile", "connect", "sqs", "kms", "appflow", "sts", "kindred"}, Now: c.Now})
	signIn := signin.New(signin.Config{Store: c.Store, Records: signIns, Seal: c.Root.AEAD("browser"), Principals: principals,
		Account: c.Account, Region: c.Region, Endpoint: c.Endpoint, Count: counts.signIn, Log: c.Log, Now: c.Now})
	app, err := console.New(console.Config{Region: c.Region, Account: c.Account, Version: c.Version, FrameOrigins: c.FrameOrigins})
	if err != nil {
		return nil, err
	}
	kmsService := kms.New(kms.Config{Store: c.Store, Root: c.Root, Region: c.Region, Account: c.Account, Now: c.Now, Log: c.Log})
	sqsService := sqs.New(sqs.Config{Store: c.Store, Root: c.Root, Region: c.Region, Account: c.Account, Endpoint: c.Endpoint, Now: c.Now, Log: c.Log})

	checkpoints, err := checkpoint.New(c.Checkpoints, c.CheckpointDir, c.Region, c.Account, c.Now, c.Log)
	if err != nil {
		return nil, err
	}
	trail := audit.New(audit.Config{Store: c.Store, AEAD: c.Root.AEAD("audit"), Region: c.Region, Account: c.Account, Level: c.Audit, Days: max(1, c.AuditDays),
		Pages: pages, Now: c.Now, Log: c.Log})
	auditMetric(registry, trail.Dropped)
	jobSteps.known(registry, jobs)
	traceMetrics(registry, c.Tracer)
	srv := server.New(server.Config{Authenticator: principals, Logger: c.Log, Registry: registry, Tracer: c.Tracer, Now: c.Now, Browser: console.Home,
		Gate: gate(c.Requests), Connections: c.Connections, Rates: admission.NewRates(c.RateLimits, c.Now),
		Audit: func(ctx context.Context, a *server.Audited) {
			trail.Called(ctx, &audit.Call{Caller: a.Caller, Service: a.Service, Operation: a.Operation, Input: a.Input, At: a.At, RequestID: a.RequestID, UserAgent: a.UserAgent, Error: a.Error})
		},
		Health: func(ctx context.Context) error { return healthy(ctx, c.Store) },
		Services: []server.Mount{
			{API: profileapi.Service(), Impl: []any{domainAPI, typesAPI, profiles, ingestion, integrations, tags}, Authorize: permissions.Authorize},
			{API: kindredapi.Service(), Impl: []any{settings{domainAPI, kindredapi.ServerInfo{Version: c.Version, Region: c.Region, AccountId: c.Account}}, letters, previews, lineages, job.NewService(jobs, domainAPI, pages), rekeying, erasures, replays, activities, usage.New(domains, keys, c.Region, c.Account), permissions, principals, signIn, checkpoints, trail}},
			{API: connectapi.Service(), Impl: []any{contacts}},
			{API: kmsapi.Service(), Impl: []any{kmsService}},
			{API: sqsapi.Service(), Impl: []any{sqsService}},
			{API: stsapi.Service(), Impl: []any{principals}},
			{API: appflowapi.Service()},
		}})
	local.RoundTripper = srv.InProcess(access.From)
	srv.Handle(firehose.Pattern, firehose.New(firehose.Config{Principals: principals, Authorize: permissions.Authorize, Domains: domains,
		Types: types, Ingest: ingestion, Letters: outbox, Log: c.Log, Now: c.Now}))
	srv.Handle("GET /"+c.Account+"/{queue}", echoQueueURL(c.Endpoint, c.Account))
	app.Handle(srv.Claim)
	signIn.Handle(srv.Claim)
	streams := live.New(live.Config{Contacts: contacts, Arrivals: arrivals, Profiles: profiles, Authenticator: principals, Authorize: permissions.Authorize,
		Draining: srv.Draining(), Log: c.Log, Now: c.Now})
	srv.Claim(live.Pattern, streams)
	streamMetric(registry, streams.Streams)
	return &Node{Server: srv, IAM: principals, SignIn: signIn, Contacts: contacts, Integrations: integrations, DomainAPI: domainAPI, TypesAPI: typesAPI, Profiles: profiles, Ingest: ingestion, Jobs: jobs, Keys: rekeying, Replays: replays,
		store: c.Store, root: c.Root, tracer: c.Tracer,
		background: []func(context.Context) error{outbox.Run, typesAPI.Run, jobs.Run, kmsService.Run, sqsService.Run, contacts.Run, sweeper.Run, again(c.Log, "deletion of domains", domains.Sweep), rekeying.Run, erasures.Run, replays.Run, signIn.Run, streams.Run, activities.Run, trail.Run}}, nil
}

// Run does the work in the background until the context ends, which is no error.
func (n *Node) Run(ctx context.Context) error {
	g, within := errgroup.WithContext(n.tracer.Into(ctx))
	for _, run := range n.background {
		g.Go(func() error { return run(within) })
	}
	if err := g.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

// checker looks at queues and keys before a domain uses them.
type checker struct {
	*resource.Keys
	*resource.Queues
}

// exists tells which resources of a domain can be tagged.
func exists(types *objecttype.Types, cfg *domain.Config, tail string) bool {
	if name, ok := strings.CutPrefix(tail, "object-types/"); ok {
		return types.Exists(cfg, name)
	}
	if uri, ok := strings.CutPrefix(tail, "integrations/"); ok {
		return integration.Exists(cfg, uri)
	}
	return false
}

// How much a node takes on by itself.
const (
	requestsPerProcessor = 64
	queuedPerRequest     = 16
	queuedFor            = time.Second
)

// gate makes the gate of a node for so many requests at once; 0: what suits the machine.
func gate(requests int) *admission.Gate {
	if requests <= 0 {
		requests = requestsPerProcessor * runtime.GOMAXPROCS(0)
	}
	return admission.NewGate(requests, queuedPerRequest*requests, queuedFor)
}
