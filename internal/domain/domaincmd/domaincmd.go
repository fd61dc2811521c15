// Package domaincmd is the command "kindred domain": it does with the domains of a
// running server what the API of Customer Profiles has no operation for, over the
// API, with the credentials that every AWS client finds (environment, shared
// files).
package domaincmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"kindred/kindredclient"
)

// DefaultEndpoint is where a server listens that was started with no flags.
const DefaultEndpoint = "http://127.0.0.1:4620"

const (
	defaultRegion = "us-east-1"
	timeout       = time.Minute // of one request
)

const usageText = `kindred domain does what Customer Profiles has no operation for.

  kindred domain rename OLD NEW [flags]
        Give the domain OLD the name NEW. Profiles, keys, integrations, tags,
        history and dead letters stay, and the ARNs follow. The name OLD is unknown
        from then on, and free. Policies of keys and of the dead letter queue that
        name the domain must name the new ARN first; a refusal holds the statement
        to add. Policies of users and roles are not changed.

Flags: kindred domain rename --help
`

// command is one run of the command.
type command struct {
	out io.Writer

	endpoint, region, credentials string
	json                          bool
	names                         []string
}

// Run runs "kindred domain" with the arguments after that word. What is asked for
// is written to stdout; usage that was asked for too, other usage to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usageText)
		return errors.New("domain: a command is missing")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(stdout, usageText)
		return nil
	}
	if args[0] != "rename" {
		fmt.Fprint(stderr, usageText)
		return fmt.Errorf("domain: there is no command %q", args[0])
	}
	c := &command{out: stdout}
	err := c.parse(args[1:], stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		err = c.rename(ctx)
	}
	if err != nil {
		return fmt.Errorf("domain rename: %w", err)
	}
	return nil
}

// parse takes flags before, between and after the names.
func (c *command) parse(args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("kindred domain rename", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.endpoint, "endpoint", "", "`URL` of the server (AWS_ENDPOINT_URL, else "+DefaultEndpoint+")")
	fs.StringVar(&c.region, "region", "", "the server's `region` (as for AWS clients, else "+defaultRegion+")")
	fs.StringVar(&c.credentials, "credentials", "", "AWS shared credentials `file`, profile default (else as for AWS clients)")
	fs.BoolVar(&c.json, "json", false, "write JSON")
	for rest := args; ; {
		err := fs.Parse(rest)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, "kindred domain rename OLD NEW [flags]\n\n")
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		if err != nil {
			return err
		}
		if fs.NArg() == 0 {
			break
		}
		c.names, rest = append(c.names, fs.Arg(0)), fs.Args()[1:]
	}
	if len(c.names) != 2 {
		return errors.New("want two names, the one that the domain has and the new one")
	}
	return nil
}

func (c *command) rename(ctx context.Context) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	out, err := client.RenameDomain(ctx, c.names[0], c.names[1])
	if err != nil {
		return err
	}
	if c.json {
		e := json.NewEncoder(c.out)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	fmt.Fprintf(c.out, "The domain %s is %s now: %s\n", out.FormerDomainName, out.DomainName, out.ARN)
	return nil
}

func (c *command) connect(ctx context.Context) (*kindredclient.Client, error) {
	// A server on this machine is no reason to ask an instance's metadata.
	options := []func(*config.LoadOptions) error{config.WithEC2IMDSClientEnableState(imds.ClientDisabled)}
	if c.credentials != "" {
		// Asked for by name, the file goes before what the environment says.
		if _, err := os.Stat(c.credentials); err != nil { // a missing file would be passed over
			return nil, fmt.Errorf("credentials: %w", err)
		}
		shared, err := config.LoadSharedConfigProfile(ctx, "default", func(o *config.LoadSharedConfigOptions) {
			o.CredentialsFiles, o.ConfigFiles = []string{c.credentials}, []string{}
		})
		if err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		if !shared.Credentials.HasKeys() {
			return nil, fmt.Errorf("credentials: %s has no access key in profile default", c.credentials)
		}
		options = append(options, config.WithCredentialsProvider(aws.CredentialsProviderFunc(
			func(context.Context) (aws.Credentials, error) { return shared.Credentials, nil })))
	}
	if c.region != "" {
		options = append(options, config.WithRegion(c.region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	return &kindredclient.Client{
		Endpoint:    cmp.Or(c.endpoint, aws.ToString(cfg.BaseEndpoint), DefaultEndpoint),
		Region:      cmp.Or(cfg.Region, defaultRegion),
		Credentials: cfg.Credentials,
		HTTP:        &http.Client{Timeout: timeout},
	}, nil
}
