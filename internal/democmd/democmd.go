// Package democmd is the command "kindred demo": it fills a running server with the
// customers of a shop that does not exist, as a contact centre would have them after
// some weeks: an instance with a queue and a key, members, orders, cases, devices and
// contacts, profiles that were merged, records that could not be ingested, and
// contacts that have just arrived. It goes through the public API, as anybody could.
//
// The same seed gives the same people with the same stories; times are counted back
// from now. Nobody in it is real: telephone numbers are of the ranges kept for
// fiction (555-0100 to 555-0199) and addresses of example domains (RFC 2606).
package democmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

const (
	maxCustomers = 5000
	workers      = 8 // calls at the same time
)

const usage = `usage: kindred demo [flags]

Fills a running server with a contact centre that does not exist: an instance whose
customer profiles are enabled with a queue and a key, customers, contacts over eight
weeks, orders, cases and devices, some merges, and some dead letters. It makes
everything anew, and so refuses a domain that is there.

With --arrive it only lets some more contacts of its customers arrive, for pages that
show them live.

Credentials are found as by every AWS client.

`

// options are the flags.
type options struct {
	server    remote.Server
	domain    string
	customers int
	seed      uint64
	arrive    int
}

// Run runs "kindred demo" with the arguments after that word. What it has made goes to
// stdout.
func Run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	l, err := connect(ctx, o, stdout)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if o.arrive > 0 {
		err = l.arriveAgain(ctx, o.arrive)
	} else {
		err = l.load(ctx)
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("kindred demo", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.server.Flags(fs)
	fs.StringVar(&o.domain, "domain", "aurora", "`name` of the domain that is made; instance, queue and key are named after it")
	fs.IntVar(&o.customers, "customers", 300, fmt.Sprintf("how many there are, 10 to %d", maxCustomers))
	fs.Uint64Var(&o.seed, "seed", 1, "another `number` gives other people")
	fs.IntVar(&o.arrive, "arrive", 0, "let only this many contacts arrive, at the instance that is there")
	rest, err := remote.Parse(fs, args)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		return nil, err
	}
	if len(rest) > 0 {
		err = errors.Join(err, fmt.Errorf("%q is not wanted: there are only flags", rest[0]))
	}
	if o.customers < 10 || o.customers > maxCustomers {
		err = errors.Join(err, fmt.Errorf("--customers: want 10 to %d", maxCustomers))
	}
	if o.arrive < 0 || o.arrive > maxCustomers {
		err = errors.Join(err, fmt.Errorf("--arrive: want 1 to %d", maxCustomers))
	}
	return o, err
}

// loader fills one server.
type loader struct {
	*options
	account, region string
	profiles        *customerprofiles.Client
	keys            *kms.Client
	queues          *sqs.Client
	contacts        *kindredclient.Client // of the service connect
	out             io.Writer
	now             time.Time
}

// connect makes the clients, and finds out what server it is.
func connect(ctx context.Context, o *options, out io.Writer) (*loader, error) {
	cfg, err := o.server.Config(ctx)
	if err != nil {
		return nil, err
	}
	client, err := o.server.Client(ctx)
	if err != nil {
		return nil, err
	}
	client.Service = "connect"
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	return &loader{options: o, account: *who.Account, region: cfg.Region, out: out, now: time.Now(), contacts: client,
		profiles: customerprofiles.NewFromConfig(cfg), keys: kms.NewFromConfig(cfg), queues: sqs.NewFromConfig(cfg)}, nil
}

// load makes everything.
func (l *loader) load(ctx context.Context) error {
	story := tell(l.seed, l.customers, l.now)
	instance, err := l.enable(ctx)
	if err != nil {
		return err
	}
	story.at(instance)
	chapters := []chapter{{"customers", "Customer", story.customers}, {"orders", "Order", story.orders}, {"cases", "Case", story.cases}, {"devices", "Device", story.devices}}
	for _, c := range chapters {
		if err := l.write(ctx, c); err != nil {
			return err
		}
	}
	// Before they are merged nobody could tell by their number who has called.
	merged, err := l.merge(ctx, story.twins)
	if err != nil {
		return fmt.Errorf("merges: %w", err)
	}
	fmt.Fprintf(l.out, "%-10s %5d\n", "merges", merged)
	if err := l.write(ctx, chapter{"contacts", "CTR", story.contacts}); err != nil {
		return err
	}
	// What cannot be ingested is answered with success: it lies in the queue.
	for _, s := range story.strays {
		if err := l.put(ctx, s.objectType, []record{s.record}); err != nil {
			return fmt.Errorf("dead letters: %w", err)
		}
	}
	fmt.Fprintf(l.out, "%-10s %5d\n", "letters", len(story.strays))
	if err := l.arrive(ctx, instance, story.callers(4)); err != nil {
		return fmt.Errorf("arrivals: %w", err)
	}
	fmt.Fprintf(l.out, "\nThe domain is %s. Agents find its customers at /agent?domain=%s, such as %s or %s.\n", l.domain, l.domain, story.examples[0], story.examples[1])
	return nil
}

// chapter is a part of the story: records of one type.
type chapter struct {
	name, objectType string
	records          []record
}

func (l *loader) write(ctx context.Context, c chapter) error {
	if err := l.put(ctx, c.objectType, c.records); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	fmt.Fprintf(l.out, "%-10s %5d\n", c.name, len(c.records))
	return nil
}

// arriveAgain lets contacts of the customers arrive at the instance that load has made.
func (l *loader) arriveAgain(ctx context.Context, n int) error {
	story := tell(l.seed, l.customers, l.now)
	instance, err := l.instance(ctx)
	if err != nil {
		return err
	}
	// Others than those that have arrived at first, and others each time.
	callers := story.callers(len(story.people))
	from := int(l.now.UnixNano() % int64(len(callers)))
	for i := range n {
		if err := l.arrive(ctx, instance, callers[(from+i)%len(callers):][:1]); err != nil {
			return fmt.Errorf("arrivals: %w", err)
		}
	}
	fmt.Fprintf(l.out, "%-10s %5d\n", "arrived", n)
	return nil
}
