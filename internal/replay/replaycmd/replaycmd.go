// Package replaycmd is the command "kindred replay": it replays an object type of a
// running server, tells what that would do, shows how far it is and takes it back,
// over the API, with the credentials that every AWS client finds (environment,
// shared files).
package replaycmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

const (
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

	server                  remote.Server
	domain, objectType, job string
	in                      kindredclient.ReplayObjectTypeInput
	json                    bool
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
		c.client, err = c.server.Client(ctx)
	}
	var r *kindredclient.Replay
	if err == nil {
		r, err = run(c, ctx)
	}
	if err == nil && c.json {
		err = remote.WriteJSON(c.out, r)
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
	c.server.Flags(fs)
	fs.BoolVar(&c.json, "json", false, "write JSON")
	fs.StringVar(&c.domain, "domain", "", "`name` of the domain")
	fs.StringVar(&c.objectType, "object-type", "", "`name` of the object type")
	argument, want, examples := " JOB", 1, 0
	if verb == "start" {
		argument, want = "", 0
		fs.BoolVar(&c.in.DryRun, "dry-run", false, "change nothing, and tell what a replay would do")
		fs.IntVar(&examples, "examples", defaultExamples, "of a dry run, show this `number` of profiles, at most 100")
	}
	args, err := remote.Parse(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "kindred replay %s --domain D --object-type T%s [flags]\n\n", verb, argument)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return err
	case err != nil:
		return err
	case len(args) > want:
		return fmt.Errorf("unexpected argument %q", args[want])
	case c.domain == "":
		return errors.New("--domain D is missing")
	case c.objectType == "":
		return errors.New("--object-type T is missing")
	case len(args) < want || want == 1 && args[0] == "":
		return errors.New("the id of a job is missing")
	case examples < 0 || examples > 100:
		return errors.New("--examples: want 0 to 100")
	}
	if want == 1 {
		c.job = args[0]
	}
	if c.in.DryRun {
		c.in.MaxExamples = examples
	}
	return nil
}
