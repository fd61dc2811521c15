package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3"
	"golang.org/x/sync/errgroup"

	"kindred/internal/admission"
	"kindred/internal/audit"
	"kindred/internal/certificate"
	"kindred/internal/console"
	"kindred/internal/node"
	"kindred/internal/resource"
	"kindred/internal/rootkey"
	"kindred/internal/server"
	"kindred/internal/store/pebblestore"
	"kindred/internal/tracing"
)

// config is what serve can be told, by flags, environment or file.
type config struct {
	listen, dataDir, store, region, account string
	rootKey, logLevel, publicURL            string
	cacheMiB                                int
	renewCredentials                        bool
	keyRoutes, queueRoutes                  routes
	frameOrigins                            origins
	tlsCert, tlsKey, rateLimits             string
	maxRequests, maxConnections             int
	auditLevel                              string
	auditDays                               int
	adminListen                             string
	audit                                   audit.Level      // what auditLevel names
	limits                                  *admission.Rules // what rateLimits names
}

// routes is a flag that may be given several times.
type routes []resource.Route

func (r *routes) String() string {
	var list []string
	for _, x := range *r {
		list = append(list, x.Pattern+"="+x.Endpoint)
	}
	return strings.Join(list, " ")
}

func (r *routes) Set(s string) error {
	route, err := resource.ParseRoute(s)
	if err != nil {
		return err
	}
	*r = append(*r, route)
	return nil
}

// origins is a flag of origins of pages that may be given several times.
type origins []string

func (o *origins) String() string { return strings.Join(*o, " ") }

func (o *origins) Set(s string) error {
	origin, err := console.ParseOrigin(s)
	if err != nil {
		return err
	}
	*o = append(*o, origin)
	return nil
}

const serveUsage = `usage: kindred serve [flags]

Serves the API. Each flag can also be set in the environment, in capitals with
KINDRED_ before it (--data-dir is KINDRED_DATA_DIR), or in the file named by
--config, a line "name value" each. A flag on the command line wins over the
environment, and that over the file.

`

func parse(args []string, stderr io.Writer) (*config, error) {
	var c config
	fs := flag.NewFlagSet("kindred serve", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&c.listen, "listen", "127.0.0.1:4620", "address and port to serve on; port 0 takes a free one")
	fs.StringVar(&c.dataDir, "data-dir", "./kindred-data", "directory of the data, made if it is not there")
	fs.StringVar(&c.store, "store", "", "URL of the database that nodes share, postgres://USER@HOST:PORT/DATABASE; empty is the embedded engine in the data directory")
	fs.StringVar(&c.region, "region", "us-east-1", "AWS region that the server stands for")
	fs.StringVar(&c.account, "account-id", "000000000000", "AWS account that the server stands for, 12 digits")
	fs.StringVar(&c.rootKey, "root-key-file", "", "file of the root key (default: root.key in the data directory)")
	fs.StringVar(&c.publicURL, "public-url", "", "base URL of queue URLs, where clients reach the server by another name than --listen")
	fs.IntVar(&c.cacheMiB, "cache-mib", pebblestore.DefaultCacheBytes>>20, "memory for cached data of the embedded engine, in MiB")
	fs.BoolVar(&c.renewCredentials, "renew-credentials", false, "with --store: give the administrator a new access key if this node has no credentials file; the embedded engine always does")
	fs.Var(&c.keyRoutes, "kms-endpoint", "PATTERN=URL or PATTERN=aws: use another KMS for the keys whose id or ARN matches (* and ?); may be repeated")
	fs.Var(&c.queueRoutes, "sqs-endpoint", "PATTERN=URL or PATTERN=aws: use another SQS for the queues whose URL matches; may be repeated")
	fs.Var(&c.frameOrigins, "console-frame-origin", "`origin` of pages that may show the console in a frame and send it messages, such as https://desk.example.com; may be repeated")
	fs.StringVar(&c.tlsCert, "tls-cert", "", "file of the certificate and its chain (PEM); with --tls-key the server speaks TLS, and takes new ones as the files change")
	fs.StringVar(&c.tlsKey, "tls-key", "", "file of the certificate's key (PEM)")
	fs.IntVar(&c.maxRequests, "max-requests", 0, "requests that are at work at once; further ones wait for a second at most and are then told to come again; 0: 64 for each processor")
	fs.IntVar(&c.maxConnections, "max-connections", server.DefaultConnections, "connections that there may be; for one more, one that is idle is closed")
	fs.StringVar(&c.rateLimits, "rate-limits", "", "limits of requests per second: aws for those of the managed service, or a file with rules (JSON); empty: none")
	fs.StringVar(&c.adminListen, "admin-listen", "", "loopback address and port of /metrics, /healthz and runtime profiles (/debug/pprof) for the machine's administrator; empty: none")
	fs.StringVar(&c.auditLevel, "audit", "access", "calls in the audit trail: off, management, access (those on customers' data too) or all (ingestion, messages and uses of keys too)")
	fs.IntVar(&c.auditDays, "audit-days", 90, "days for which the audit trail is kept")
	fs.StringVar(&c.logLevel, "log-level", "info", "least level of what is logged: debug, info, warn or error")
	fs.String("config", "", "file with the settings")
	fs.Usage = func() {
		fmt.Fprint(stderr, serveUsage)
		fs.PrintDefaults()
	}
	err := ff.Parse(fs, args, ff.WithEnvVarPrefix("KINDRED"), ff.WithConfigFileFlag("config"), ff.WithConfigFileParser(ff.PlainParser))
	if err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("serve: unexpected argument %q", fs.Arg(0))
	}
	return &c, c.validate()
}

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
)

// validate reports every problem at once.
func (c *config) validate() (err error) {
	if !accountForm.MatchString(c.account) {
		err = errors.Join(err, errors.New("--account-id: want 12 digits"))
	}
	if !regionForm.MatchString(c.region) {
		err = errors.Join(err, errors.New("--region: want the name of an AWS region, such as us-east-1"))
	}
	err = errors.Join(err, c.validateStore())
	if (c.tlsCert == "") != (c.tlsKey == "") {
		err = errors.Join(err, errors.New("--tls-cert, --tls-key: want both, or neither"))
	}
	if c.maxRequests < 0 || c.maxRequests > 1<<20 {
		err = errors.Join(err, errors.New("--max-requests: want 0 or more"))
	}
	if c.maxConnections < 1 || c.maxConnections > 1<<20 {
		err = errors.Join(err, errors.New("--max-connections: want 1 or more"))
	}
	err = errors.Join(err, c.validateAdmin())
	level, e := audit.ParseLevel(c.auditLevel)
	if e != nil {
		err = errors.Join(err, fmt.Errorf("--audit: %w", e))
	}
	c.audit = level
	if c.auditDays < 1 || c.auditDays > 36_500 {
		err = errors.Join(err, errors.New("--audit-days: want 1 or more"))
	}
	if c.rateLimits != "" {
		rules, e := admission.ReadRules(c.rateLimits)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("--rate-limits: %w", e))
		}
		c.limits = rules
	}
	if c.cacheMiB < 1 || c.cacheMiB > 1<<20 {
		err = errors.Join(err, errors.New("--cache-mib: want 1 or more"))
	}
	if e := new(slog.Level).UnmarshalText([]byte(c.logLevel)); e != nil {
		err = errors.Join(err, errors.New("--log-level: want debug, info, warn or error"))
	}
	if c.rootKey == "" {
		c.rootKey = filepath.Join(c.dataDir, "root.key")
	}
	return err
}

// clock is the one that the server and its store go by.
func clock(log *slog.Logger) (func() time.Time, error) {
	if clockAhead == "" {
		return time.Now, nil
	}
	ahead, err := time.ParseDuration(clockAhead)
	if err != nil {
		return nil, fmt.Errorf("this build's clock: %w", err)
	}
	log.Warn("the clock of this build is wrong; it is for tests only", slog.Duration("ahead", ahead))
	return func() time.Time { return time.Now().Add(ahead) }, nil
}

// serve runs a server until the context ends, and then lets requests finish.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.logLevel)) // validated
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))
	now, err := clock(log)
	if err != nil {
		return err
	}
	// GOGC and GOMEMLIMIT in the environment override what suits a server.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		node.TuneMemory(int64(c.cacheMiB) << 20)
	}

	tracer, err := tracing.FromEnvironment(version, log)
	if err != nil {
		return err
	}
	defer tracer.Close() // after all that makes spans has ended

	if err := os.MkdirAll(c.dataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	// The embedded engine's lock comes first: nothing else of the directory is
	// touched while another process has it.
	st, err := c.openStore(ctx, now, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	root, err := rootkey.Open(c.rootKey)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", c.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	defer ln.Close()
	url := "http://" + ln.Addr().String()
	if c.tlsCert != "" {
		files, err := certificate.Open(c.tlsCert, c.tlsKey, log)
		if err != nil {
			return fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		url = "https://" + ln.Addr().String()
		ln = tls.NewListener(ln, files.Config())
	}
	if c.publicURL == "" {
		c.publicURL = url
	}
	engine, collectors := figures(st)
	n, err := node.New(node.Config{Store: st, Engine: engine, Collectors: collectors, Tracer: tracer, Root: root, Region: c.region, Account: c.account, Version: version,
		Endpoint: func() string { return c.publicURL }, KeyRoutes: c.keyRoutes, QueueRoutes: c.queueRoutes,
		FrameOrigins: c.frameOrigins, Requests: c.maxRequests, Connections: c.maxConnections, RateLimits: c.limits, Audit: c.audit, AuditDays: c.auditDays,
		Checkpoints: checkpoints(st), CheckpointDir: filepath.Join(c.dataDir, "checkpoints"), Log: log, Now: now})
	if err != nil {
		return err
	}
	if err := n.BindRootKey(ctx); errors.Is(err, node.ErrRootKey) {
		return fmt.Errorf("--root-key-file: %s: %w", c.rootKey, err)
	} else if err != nil {
		return err
	}
	// That a node of many has no credentials file is no loss: another has it.
	link, err := prepare(ctx, n, filepath.Join(c.dataDir, "credentials"), !c.shared() || c.renewCredentials)
	if err != nil {
		return err
	}

	// Background work outlives the listener, so that requests that are being
	// finished still find it.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, gctx := errgroup.WithContext(background)
	g.Go(func() error { return n.Run(gctx) })
	g.Go(func() error { return node.GiveBack(gctx, func() { shed(st) }) })
	if c.adminListen != "" {
		admin, err := net.Listen("tcp", c.adminListen)
		if err != nil {
			return fmt.Errorf("--admin-listen: %w", err)
		}
		log.Info("the administrator's address", slog.String("address", admin.Addr().String()))
		g.Go(func() error { return administer(gctx, admin, n.Server) })
	}
	serving, end := context.WithCancel(ctx)
	defer end()
	context.AfterFunc(gctx, end)
	g.Go(func() error {
		defer stop()
		return n.Server.Serve(serving, ln)
	})
	fmt.Fprintf(stdout, "kindred ready %s\n", url)
	if link != "" {
		fmt.Fprintf(stdout, "console %s\n", link)
	}
	return g.Wait()
}

// prepare makes what every installation has: the administrator and the predefined
// policies. At the first start it returns the link by which the administrator can sign
// in to the console.
func prepare(ctx context.Context, n *node.Node, credentials string, renew bool) (link string, err error) {
	fresh, err := n.IAM.Fresh(ctx)
	if err != nil {
		return "", fmt.Errorf("administrator: %w", err)
	}
	if err := n.IAM.Bootstrap(ctx, credentials, renew); err != nil {
		return "", fmt.Errorf("administrator: %w", err)
	}
	if err := n.IAM.Predefine(ctx); err != nil {
		return "", err
	}
	if fresh {
		if link, err = n.SignIn.FirstLink(ctx); err != nil {
			return "", fmt.Errorf("sign-in link: %w", err)
		}
	}
	return link, nil
}
