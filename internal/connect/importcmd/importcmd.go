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
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"

	"kindred/internal/remote"
)

const (
	maxBatch    = 10 // items of one BatchPutProfileObject
	maxWorkers  = 64
	maxAttempts = 8 // of a call, or of an item that the server was too busy for
	maxBackoff  = 5 * time.Second
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
	domain, objectType string
	server             remote.Server
	failed             string
	batch, workers     int
	files              []string
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
	o.server.Flags(fs)
	fs.StringVar(&o.failed, "failed", "", "new `file` for the records that fail, one a line; it can be imported again")
	fs.IntVar(&o.batch, "batch", maxBatch, "records in one call, 1 to 10")
	fs.IntVar(&o.workers, "workers", 4, "calls at the same time, 1 to 64")
	var err error
	if o.files, err = remote.Parse(fs, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		return nil, err
	}
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
	cfg, err := o.server.Config(ctx)
	if err != nil {
		return nil, err
	}
	return customerprofiles.NewFromConfig(cfg, func(c *customerprofiles.Options) {
		if o.server.Endpoint != "" { // goes before one for this service in the environment
			c.BaseEndpoint = cfg.BaseEndpoint
		}
		c.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.Backoff, r.RateLimiter = maxAttempts, backoff, ratelimit.None
		})
	}), nil
}
