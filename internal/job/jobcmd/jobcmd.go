// Package jobcmd is the command "kindred job": it shows the jobs of a domain of a
// running server, and pauses, resumes and cancels them, over the API, with the
// credentials that every AWS client finds (environment, shared files).
package jobcmd

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
	"strings"
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
	defaultShown  = 100         // jobs of a list
)

const usageText = `kindred job shows the jobs of a domain, and pauses, resumes and cancels them.

  kindred job list --domain D [flags]
        List the jobs, the newest first.
  kindred job get --domain D JOB
        Show a job.
  kindred job pause --domain D JOB
        Have a job left alone until it is resumed.
  kindred job resume --domain D JOB
        Have a job that is paused or has failed go on where it stopped.
  kindred job cancel --domain D JOB
        End a job. If its kind can be taken back, that is done first.

Flags: kindred job list --help, and so on.
`

// command is one run of the command.
type command struct {
	client *kindredclient.Client
	out    io.Writer

	endpoint, region, credentials string
	domain, job                   string
	filter                        kindredclient.ListJobsInput
	json                          bool
	limit                         int
}

// verbs are the commands that there are.
var verbs = map[string]func(*command, context.Context) error{
	"list":   (*command).list,
	"get":    single((*kindredclient.Client).GetJob),
	"pause":  single((*kindredclient.Client).PauseJob),
	"resume": single((*kindredclient.Client).ResumeJob),
	"cancel": single((*kindredclient.Client).CancelJob),
}

// Run runs "kindred job" with the arguments after that word. What is asked for is
// written to stdout; usage that was asked for too, other usage to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usageText)
		return errors.New("job: a command is missing")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(stdout, usageText)
		return nil
	}
	run := verbs[args[0]]
	if run == nil {
		fmt.Fprint(stderr, usageText)
		return fmt.Errorf("job: there is no command %q", args[0])
	}
	c := &command{out: stdout}
	err := c.parse(args[0], args[1:], stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		c.client, err = c.connect(ctx)
	}
	if err == nil {
		err = run(c, ctx)
	}
	if err != nil {
		return fmt.Errorf("job %s: %w", args[0], err)
	}
	return nil
}

func (c *command) parse(verb string, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("kindred job "+verb, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.endpoint, "endpoint", "", "`URL` of the server (AWS_ENDPOINT_URL, else "+DefaultEndpoint+")")
	fs.StringVar(&c.region, "region", "", "the server's `region` (as for AWS clients, else "+defaultRegion+")")
	fs.StringVar(&c.credentials, "credentials", "", "AWS shared credentials `file`, profile default (else as for AWS clients)")
	fs.BoolVar(&c.json, "json", false, "write JSON")
	fs.StringVar(&c.domain, "domain", "", "`name` of the domain")
	argument, want := " JOB", 1
	if verb == "list" {
		argument, want = "", 0
		fs.IntVar(&c.limit, "limit", defaultShown, "list at most this `number` of jobs")
		fs.StringVar(&c.filter.State, "state", "", "only jobs in this `state`, such as RUNNING")
		fs.StringVar(&c.filter.Kind, "kind", "", "only jobs of this `kind`")
	}
	err := parseMixed(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "kindred job %s --domain D%s [flags]\n\n", verb, argument)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return err
	case err != nil:
		return err
	case fs.NArg() > want:
		return fmt.Errorf("unexpected argument %q", fs.Arg(want))
	case c.domain == "":
		return errors.New("--domain D is missing")
	case fs.NArg() < want || want == 1 && fs.Arg(0) == "":
		return errors.New("the id of a job is missing")
	case verb == "list" && c.limit < 1:
		return errors.New("--limit: want 1 or more")
	}
	c.job, c.filter.State = fs.Arg(0), strings.ToUpper(c.filter.State)
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
