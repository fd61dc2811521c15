// Package replaycmd is the command "kindred replay": it replays an object type of a
// running server, tells what that would do, shows how far it is and takes it back,
// over the API, with the credentials that every AWS client finds (environment,
// shared files).
package replaycmd

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
	defaultRegion   = "us-east-1"
	timeout         = time.Minute // of one request
	defaultExamples = 10
)

const usageText = `kindred replay gives the stored objects of a type what its mapping in force makes
of them.

  kindred replay start --domain D --object-type T [--dry-run] [flags]
        Begin to replay in the background; or tell what that would do.
  kindred replay show --domain D --object-type T JOB
        Show how far a replay is, and the examples of a dry run.
  kindred replay rollback --domain D --object-type T JOB
        Take the last replay of the type back, and put the mapping before it in force.

kindred job pauses and resumes replays. Flags: kindred replay start --help, and so on.
`

// command is one run of the command.
type command struct {
	client *kindredclient.Client
	out    io.Writer

	endpoint, region, credentials string
	domain, objectType, job       string
	in                            kindredclient.ReplayObjectTypeInput
	json                          bool
}

// verbs are the commands that there are.
var verbs = map[string]func(*command, context.Context) (*kindredclient.Replay, error){
	"start": func(c *command, ctx context.Context) (*kindredclient.Replay, error) {
		return c.client.ReplayObjectType(ctx, c.domain, c.objectType, c.in)
	},
	"show": func(c *command, ctx context.Context) (*kindredclient.Replay, error) {
		return c.client.GetReplay(ctx, c.domain, c.objectType, c.job)
	},
	"rollback": func(c *command, ctx context.Context) (*kindredclient.Replay, error) {
		return c.client.RollBackReplay(ctx, c.domain, c.objectType, c.job)
	},
}

// Run runs "kindred replay" with the arguments after that word. What is asked for
// is written to stdout; usage that was asked for too, other usage to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usageText)
		return errors.New("replay: a command is missing")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(stdout, usageText)
		return nil
	}
	run := verbs[args[0]]
	if run == nil {
		fmt.Fprint(stderr, usageText)
		return fmt.Errorf("replay: there is no command %q", args[0])
	}
	c := &command{out: stdout}
	err := c.parse(args[0], args[1:], stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		c.client, err = c.connect(ctx)
	}
	var r *kindredclient.Replay
	if err == nil {
		r, err = run(c, ctx)
	}
	if err == nil && c.json {
		err = c.writeJSON(r)
	} else if err == nil {
		err = c.show(r)
	}
	if err != nil {
		return fmt.Errorf("replay %s: %w", args[0], err)
	}
	return nil
}

func (c *command) parse(verb string, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("kindred replay "+verb, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.endpoint, "endpoint", "", "`URL` of the server (AWS_ENDPOINT_URL, else "+DefaultEndpoint+")")
	fs.StringVar(&c.region, "region", "", "the server's `region` (as for AWS clients, else "+defaultRegion+")")
	fs.StringVar(&c.credentials, "credentials", "", "AWS shared credentials `file`, profile default (else as for AWS clients)")
	fs.BoolVar(&c.json, "json", false, "write JSON")
	fs.StringVar(&c.domain, "domain", "", "`name` of the domain")
	fs.StringVar(&c.objectType, "object-type", "", "`name` of the object type")
	argument, want, examples := " JOB", 1, 0
	if verb == "start" {
		argument, want = "", 0
		fs.BoolVar(&c.in.DryRun, "dry-run", false, "change nothing, and tell what a replay would do")
		fs.IntVar(&examples, "examples", defaultExamples, "of a dry run, show this `number` of profiles, at most 100")
	}
	err := parseMixed(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "kindred replay %s --domain D --object-type T%s [flags]\n\n", verb, argument)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return err
	case err != nil:
		return err
	case fs.NArg() > want:
		return fmt.Errorf("unexpected argument %q", fs.Arg(want))
	case c.domain == "":
		return errors.New("--domain D is missing")
	case c.objectType == "":
		return errors.New("--object-type T is missing")
	case fs.NArg() < want || want == 1 && fs.Arg(0) == "":
		return errors.New("the id of a job is missing")
	case examples < 0 || examples > 100:
		return errors.New("--examples: want 0 to 100")
	}
	if c.job = fs.Arg(0); c.in.DryRun {
		c.in.MaxExamples = examples
	}
	return nil
}

// parseMixed parses flags before and after one argument.
func parseMixed(fs *flag.FlagSet, args []string) error {
	if err := fs.Parse(args); err != nil || fs.NArg() < 2 {
		return err
	}
	first := fs.Arg(0)
	if err := fs.Parse(fs.Args()[1:]); err != nil {
		return err
	}
	return fs.Parse(append([]string{"--", first}, fs.Args()...))
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

func (c *command) writeJSON(v any) error {
	e := json.NewEncoder(c.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
