// Package jobcmd is the command "kindred job": it shows the jobs of a domain of a
// running server, and pauses, resumes and cancels them, over the API, with the
// credentials that every AWS client finds (environment, shared files).
package jobcmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

const (
	defaultShown = 100 // jobs of a list
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

	server      remote.Server
	domain, job string
	filter      kindredclient.ListJobsInput
	json        bool
	limit       int
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
		c.client, err = c.server.Client(ctx)
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
	c.server.Flags(fs)
	fs.BoolVar(&c.json, "json", false, "write JSON")
	fs.StringVar(&c.domain, "domain", "", "`name` of the domain")
	argument, want := " JOB", 1
	if verb == "list" {
		argument, want = "", 0
		fs.IntVar(&c.limit, "limit", defaultShown, "list at most this `number` of jobs")
		fs.StringVar(&c.filter.State, "state", "", "only jobs in this `state`, such as RUNNING")
		fs.StringVar(&c.filter.Kind, "kind", "", "only jobs of this `kind`")
	}
	args, err := remote.Parse(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "kindred job %s --domain D%s [flags]\n\n", verb, argument)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return err
	case err != nil:
		return err
	case len(args) > want:
		return fmt.Errorf("unexpected argument %q", args[want])
	case c.domain == "":
		return errors.New("--domain D is missing")
	case len(args) < want || want == 1 && args[0] == "":
		return errors.New("the id of a job is missing")
	case verb == "list" && c.limit < 1:
		return errors.New("--limit: want 1 or more")
	}
	if want == 1 {
		c.job = args[0]
	}
	c.filter.State = strings.ToUpper(c.filter.State)
	return nil
}
