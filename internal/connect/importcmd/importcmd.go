// Package importcmd is the command "kindred contacts import": it reads contact
// records and brings them into the domains of a running server, through the
// same calls of Customer Profiles that everybody uses.
//
// Records may be exported more than once and lie in any order: the server keeps
// the newest of each contact. So an import may be repeated, in whole or in part.
package importcmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
)

const (
	// DefaultEndpoint is where a server listens that was started with no flags.
	DefaultEndpoint = "http://127.0.0.1:4620"

	defaultRegion = "us-east-1"
	maxBatch      = 10 // items of one BatchPutProfileObject
	maxWorkers    = 64
	maxAttempts   = 8 // of a call, or of an item that the server was too busy for
	maxBackoff    = 5 * time.Second
)

const usage = `usage: kindred contacts import [flags] FILE...

Reads contact records as Amazon Connect exports them, or in the form of profile
objects: one JSON object, an array of them, or objects one after the other
(JSON lines), plain or compressed with gzip. The FILE - is standard input.

Each record goes to the domain that has an integration with the record's
instance, or to the one given by --domain. Credentials are found as by every AWS
client. Ends with an error if any record has failed.

`

// options are the flags.
type options struct {
	domain, objectType            string
	endpoint, region, credentials string
	failed                        string
	batch, workers                int
	files                         []string
}

// Run runs "kindred contacts import" with the arguments after those words.
// Counts go to stdout, what is wrong with single records to stderr.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("contacts import: %w", err)
	}
	client, err := o.client(ctx, retry.NewExponentialJitterBackoff(maxBackoff))
	if err != nil {
		return fmt.Errorf("contacts import: %w", err)
	}
	if err := run(ctx, o, client, retry.NewExponentialJitterBackoff(maxBackoff), stdin, stdout, stderr); err != nil {
		return fmt.Errorf("contacts import: %w", err)
	}
	return nil
}

// parse takes flags before, between and after the files.
func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("kindred contacts import", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.domain, "domain", "", "`name` of the domain (else that of the record's instance)")
	fs.StringVar(&o.objectType, "type", "", "`name` of the object type (else that of the integration, or CTR with --domain)")
	fs.StringVar(&o.endpoint, "endpoint", "", "`URL` of the server (AWS_ENDPOINT_URL, else "+DefaultEndpoint+")")
	fs.StringVar(&o.region, "region", "", "the server's `region` (as for AWS clients, else "+defaultRegion+")")
	fs.StringVar(&o.credentials, "credentials", "", "AWS shared credentials `file`, profile default (else as for AWS clients)")
	fs.StringVar(&o.failed, "failed", "", "new `file` for the records that fail, one a line; it can be imported again")
	fs.IntVar(&o.batch, "batch", maxBatch, "records in one call, 1 to 10")
	fs.IntVar(&o.workers, "workers", 4, "calls at the same time, 1 to 64")
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				fmt.Fprint(stdout, usage)
				fs.SetOutput(stdout)
				fs.PrintDefaults()
			}
			return nil, err
		}
		if fs.NArg() == 0 {
			break
		}
		o.files, args = append(o.files, fs.Arg(0)), fs.Args()[1:]
	}
	var err error
	if len(o.files) == 0 {
		err = errors.Join(err, errors.New("name a file, or - for standard input"))
	}
	if o.batch < 1 || o.batch > maxBatch {
		err = errors.Join(err, fmt.Errorf("--batch: want 1 to %d", maxBatch))
	}
	if o.workers < 1 || o.workers > maxWorkers {
		err = errors.Join(err, fmt.Errorf("--workers: want 1 to %d", maxWorkers))
	}
	if n := slices.Index(o.files, "-"); n >= 0 && slices.Contains(o.files[n+1:], "-") {
		err = errors.Join(err, errors.New("standard input (-) can be read once"))
	}
	return o, err
}

// client makes the client of the server.
func (o *options) client(ctx context.Context, backoff retry.BackoffDelayer) (*customerprofiles.Client, error) {
	// A server on this machine is no reason to ask an instance's metadata.
	load := []func(*config.LoadOptions) error{config.WithEC2IMDSClientEnableState(imds.ClientDisabled),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(r *retry.StandardOptions) {
				r.MaxAttempts, r.Backoff, r.RateLimiter = maxAttempts, backoff, ratelimit.None
			})
		})}
	if o.credentials != "" {
		shared, err := readCredentials(ctx, o.credentials)
		if err != nil {
			return nil, err
		}
		load = append(load, config.WithCredentialsProvider(shared))
	}
	if o.region != "" {
		load = append(load, config.WithRegion(o.region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, err
	}
	return customerprofiles.NewFromConfig(cfg, func(c *customerprofiles.Options) {
		if c.Region == "" {
			c.Region = defaultRegion
		}
		switch {
		case o.endpoint != "":
			c.BaseEndpoint = &o.endpoint
		case c.BaseEndpoint == nil: // neither the environment nor a shared file names one
			c.BaseEndpoint = aws.String(DefaultEndpoint)
		}
	}), nil
}

// readCredentials reads profile "default" of a shared credentials file. Asked for
// by name, the file goes before what the environment says.
func readCredentials(ctx context.Context, file string) (aws.CredentialsProvider, error) {
	if _, err := os.Stat(file); err != nil { // a missing file would be passed over
		return nil, fmt.Errorf("--credentials: %w", err)
	}
	shared, err := config.LoadSharedConfigProfile(ctx, "default", func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{file}, []string{}
	})
	if err != nil {
		return nil, fmt.Errorf("--credentials: %w", err)
	}
	if !shared.Credentials.HasKeys() {
		return nil, fmt.Errorf("--credentials: %s has no access key in profile default", file)
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return shared.Credentials, nil }), nil
}
