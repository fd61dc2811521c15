// Package profilecmd is the command "kindred profile": it shows a profile of a
// running server, where its values come from, its history and its merges, and
// undoes merges, over the API, with the credentials that every AWS client finds
// (environment, shared files).
package profilecmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

const (
	defaultShown = 100 // merges or records of a history
)

const usageText = `kindred profile shows a profile, its past and its merges, and undoes those.

  kindred profile show --domain D PROFILE
        Show the fields of a profile; of one that was merged into another, those of that.
  kindred profile provenance --domain D PROFILE
        Show for each field where its value comes from, and what it stands before.
  kindred profile history --domain D PROFILE [RECORD]
        List what happened to a profile, the newest first, or show one record with its content.
  kindred profile as-of --domain D PROFILE TIME
        Show a profile as it stood at a time, such as 2026-11-25T09:30:00Z.
  kindred profile lineage --domain D PROFILE
        List the merges that made a profile what it is, the newest first, undone ones too.
  kindred profile unmerge --domain D MERGE
        Undo a merge: the profiles stand for themselves again.

Flags: kindred profile show --help, and so on.
`

// command is one run of the command.
type command struct {
	client   *kindredclient.Client
	profiles *customerprofiles.Client
	out      io.Writer

	server                 remote.Server
	domain                 string
	args                   []string
	objectType, action, by string // of the history
	json                   bool
	limit                  int
}

// verb is a command that there is.
type verb struct {
	run  func(*command, context.Context) error
	args []string // what it takes; one in brackets may be left out
}

var verbs = map[string]verb{
	"show":       {(*command).show, []string{"PROFILE"}},
	"provenance": {(*command).provenance, []string{"PROFILE"}},
	"history":    {(*command).history, []string{"PROFILE", "[RECORD]"}},
	"as-of":      {(*command).asOf, []string{"PROFILE", "TIME"}},
	"lineage":    {(*command).lineage, []string{"PROFILE"}},
	"unmerge":    {(*command).unmerge, []string{"MERGE"}},
}

// Run runs "kindred profile" with the arguments after that word. What is asked for
// is written to stdout; usage that was asked for too, other usage to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usageText)
		return errors.New("profile: a command is missing")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(stdout, usageText)
		return nil
	}
	v, ok := verbs[args[0]]
	if !ok {
		fmt.Fprint(stderr, usageText)
		return fmt.Errorf("profile: there is no command %q", args[0])
	}
	c := &command{out: stdout}
	err := c.parse(args[0], v.args, args[1:], stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		err = c.connect(ctx)
	}
	if err == nil {
		err = v.run(c, ctx)
	}
	if err != nil {
		return fmt.Errorf("profile %s: %w", args[0], err)
	}
	return nil
}

func (c *command) parse(name string, want, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("kindred profile "+name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.server.Flags(fs)
	fs.BoolVar(&c.json, "json", false, "write JSON")
	fs.StringVar(&c.domain, "domain", "", "`name` of the domain")
	c.limit = defaultShown
	if name == "lineage" || name == "history" {
		fs.IntVar(&c.limit, "limit", defaultShown, "show at most this `number`")
	}
	if name == "history" {
		fs.StringVar(&c.objectType, "object-type", "", "only what is about this object `type`; _profile is the profile itself")
		fs.StringVar(&c.action, "action", "", "only this `action`, such as INGESTED")
		fs.StringVar(&c.by, "performed-by", "", "only what the principal with this `ARN` did")
	}
	var err error
	if c.args, err = remote.Parse(fs, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(stdout, "kindred profile %s --domain D %s [flags]\n\n", name, strings.Join(want, " "))
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		return err
	}
	return c.check(want)
}

// check looks at what was parsed.
func (c *command) check(want []string) error {
	switch {
	case c.domain == "":
		return errors.New("--domain D is missing")
	case len(c.args) > len(want):
		return fmt.Errorf("unexpected argument %q", c.args[len(want)])
	case c.limit < 1:
		return errors.New("--limit: want 1 or more")
	}
	for i, name := range want {
		if (i >= len(c.args) || c.args[i] == "") && !strings.HasPrefix(name, "[") {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}

func (c *command) connect(ctx context.Context) error {
	cfg, err := c.server.Config(ctx)
	if err != nil {
		return err
	}
	if c.client, err = c.server.Client(ctx); err != nil {
		return err
	}
	c.profiles = customerprofiles.NewFromConfig(cfg, func(o *customerprofiles.Options) {
		// One server is meant, whatever the environment says of this service.
		o.BaseEndpoint, o.HTTPClient = cfg.BaseEndpoint, c.client.HTTP
	})
	return nil
}
