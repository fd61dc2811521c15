// Package previewcmd is the command "kindred preview": it tells what would become
// of the records of files in a domain of a running server, and why, without
// storing anything, so that mappings can be tried and tested.
//
// Records and profiles are customer data, and are what the command shows.
package previewcmd

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"kindred/internal/bulk"
	"kindred/kindredclient"
)

// What a server is that was started with no flags.
const (
	defaultEndpoint = "http://127.0.0.1:4620"
	defaultRegion   = "us-east-1"
)

const timeout = time.Minute // of one request

const usage = `usage: kindred preview --domain D --object-type T [--mapping FILE] [flags] FILE...

Tells what would become of the records of files, and why: the values of the
fields, what each key finds, and the profile before and after. Nothing is stored.
A file is JSON, JSON lines, or CSV with a header; gzip and zstd are recognised. The
file - is standard input.

Each record is judged by what is stored when it is asked about, so one does not
see the profile that an earlier one would make.

--mapping is the definition of an object type in JSON, as put-profile-object-type
takes it and get-profile-object-type answers it. It stands in for the object type
of the domain, which need not exist.

The exit code is 0 only if no record would fail, so that a mapping and its sample
records can be a test.

`

// command is one run of the command.
type command struct {
	client *kindredclient.Client
	out    io.Writer

	endpoint, region, credentials       string
	domain, objectType, mapping, format string
	json                                bool
	files                               []string
}

// Run runs "kindred preview" with the arguments after that word. The account goes
// to stdout. It is an error if a record would fail.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	c := &command{out: stdout}
	err := c.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		c.client, err = c.connect(ctx)
	}
	if err == nil {
		err = c.run(ctx, stdin)
	}
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	return nil
}

func (c *command) parse(args []string) error {
	fs := flag.NewFlagSet("kindred preview", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.endpoint, "endpoint", "", "`URL` of the server (AWS_ENDPOINT_URL, else "+defaultEndpoint+")")
	fs.StringVar(&c.region, "region", "", "the server's `region` (as for AWS clients, else "+defaultRegion+")")
	fs.StringVar(&c.credentials, "credentials", "", "AWS shared credentials `file`, profile default (else as for AWS clients)")
	fs.StringVar(&c.domain, "domain", "", "`name` of the domain")
	fs.StringVar(&c.objectType, "object-type", "", "`name` of the records' object type (default: that of the mapping)")
	fs.StringVar(&c.mapping, "mapping", "", "`file` with the definition of an object type, instead of the one in the domain")
	fs.StringVar(&c.format, "format", string(bulk.Auto), "auto, json, jsonl or csv")
	fs.BoolVar(&c.json, "json", false, "write one line of JSON for each record")
	fs.Usage = func() {}
	// Flags may stand before, between and after the files.
	for rest := args; ; {
		if err := fs.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				fmt.Fprint(c.out, usage)
				fs.SetOutput(c.out)
				fs.PrintDefaults()
			}
			return err
		}
		if fs.NArg() == 0 {
			break
		}
		c.files, rest = append(c.files, fs.Arg(0)), fs.Args()[1:]
	}
	if _, err := bulk.ParseFormat(c.format); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	switch {
	case c.domain == "":
		return errors.New("--domain: required")
	case c.objectType == "" && c.mapping == "":
		return errors.New("--object-type: required without --mapping")
	case len(c.files) == 0:
		return errors.New("no file is given; - is standard input")
	}
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
		Endpoint:    cmp.Or(c.endpoint, aws.ToString(cfg.BaseEndpoint), defaultEndpoint),
		Region:      cmp.Or(cfg.Region, defaultRegion),
		Credentials: cfg.Credentials,
		HTTP:        &http.Client{Timeout: timeout},
	}, nil
}
