package main

import (
	"context"
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

	"github.com/peterbourgon/ff/v3"
	"golang.org/x/sync/errgroup"

	"kindred/internal/console"
	"kindred/internal/node"
	"kindred/internal/resource"
	"kindred/internal/rootkey"
	"kindred/internal/store/pebblestore"
)

// config is what serve can be told, by flags, environment or file.
type config struct {
	listen, dataDir, store, region, account string
	rootKey, logLevel, publicURL            string
	cacheMiB                                int
	keyRoutes, queueRoutes                  routes
	frameOrigins                            origins
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
	fs.StringVar(&c.store, "store", "", "storage engine; empty is the embedded one in the data directory")
	fs.StringVar(&c.region, "region", "us-east-1", "AWS region that the server stands for")
	fs.StringVar(&c.account, "account-id", "000000000000", "AWS account that the server stands for, 12 digits")
	fs.StringVar(&c.rootKey, "root-key-file", "", "file of the root key (default: root.key in the data directory)")
	fs.StringVar(&c.publicURL, "public-url", "", "base URL of queue URLs, where clients reach the server by another name than --listen")
	fs.IntVar(&c.cacheMiB, "cache-mib", pebblestore.DefaultCacheBytes>>20, "memory for cached data of the embedded engine, in MiB")
	fs.Var(&c.keyRoutes, "kms-endpoint", "PATTERN=URL or PATTERN=aws: use another KMS for the keys whose id or ARN matches (* and ?); may be repeated")
	fs.Var(&c.queueRoutes, "sqs-endpoint", "PATTERN=URL or PATTERN=aws: use another SQS for the queues whose URL matches; may be repeated")
	fs.Var(&c.frameOrigins, "console-frame-origin", "`origin` of pages that may show the console in a frame and send it messages, such as https://desk.example.com; may be repeated")
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
	if c.store != "" {
		err = errors.Join(err, errors.New("--store: this build has the embedded engine only; leave it empty"))
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

// serve runs a server until the context ends, and then lets requests finish.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.logLevel)) // validated
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))
	// GOGC and GOMEMLIMIT in the environment override what suits a server.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		node.TuneMemory()
	}

	if err := os.MkdirAll(c.dataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	// The engine's lock comes first: nothing else of the directory is touched
	// while another process has it.
	st, err := pebblestore.Open(filepath.Join(c.dataDir, "store"), pebblestore.Options{CacheBytes: int64(c.cacheMiB) << 20, Logger: log})
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
	if c.publicURL == "" {
		c.publicURL = url
	}
	n, err := node.New(node.Config{Store: st, Root: root, Region: c.region, Account: c.account, Version: version,
		Endpoint: func() string { return c.publicURL }, KeyRoutes: c.keyRoutes, QueueRoutes: c.queueRoutes,
		FrameOrigins: c.frameOrigins, Log: log})
	if err != nil {
		return err
	}
	link, err := prepare(ctx, n, filepath.Join(c.dataDir, "credentials"))
	if err != nil {
		return err
	}

	// Background work outlives the listener, so that requests that are being
	// finished still find it.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, gctx := errgroup.WithContext(background)
	g.Go(func() error { return n.Run(gctx) })
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
func prepare(ctx context.Context, n *node.Node, credentials string) (link string, err error) {
	fresh, err := n.IAM.Fresh(ctx)
	if err != nil {
		return "", fmt.Errorf("administrator: %w", err)
	}
	if err := n.IAM.Bootstrap(ctx, credentials, true); err != nil {
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
