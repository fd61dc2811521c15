// Package deadlettercmd is the command "kindred deadletter": it lists the dead
// letters of a domain of a running server and ingests them again, over the API,
// with the credentials that every AWS client finds (environment, shared files).
//
// Records are customer data: they are written only when --show-records asks for
// them.
package deadlettercmd

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
	defaultShown = 100 // letters of a list
)

const usageText = `kindred deadletter lists the dead letters of a domain and ingests them again.

  kindred deadletter list --domain D [flags]
        List the letters, the oldest first, and count them by error. Records are
        shown only with --show-records. Each list counts as a receive of each
        letter.
  kindred deadletter redrive --domain D [flags]
        Ingest letters again in the order in which they were sent, delete those
        that succeed, and leave the others with their newest error. With
        --dry-run, tell what would become of them.

Flags: kindred deadletter list --help, kindred deadletter redrive --help
`

// command is one run of the command.
type command struct {
	client *kindredclient.Client
	out    io.Writer

	server                    remote.Server
	domain                    string
	filter                    kindredclient.DeadLetterFilter
	ids                       ids
	dryRun, json, showRecords bool
	limit                     int
}

// ids is a flag that may be given several times.
type ids []string

func (l *ids) String() string { return strings.Join(*l, " ") }

func (l *ids) Set(id string) error {
	if id == "" {
		return errors.New("want the id of a letter")
	}
	*l = append(*l, id)
	return nil
}

// Run runs "kindred deadletter" with the arguments after that word. What is
// asked for is written to stdout; usage that was asked for too, other usage to
// stderr. A redrive after which letters are left that failed is an error.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usageText)
		return errors.New("deadletter: a command is missing")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(stdout, usageText)
		return nil
	}
	verbs := map[string]func(*command, context.Context) error{"list": (*command).list, "redrive": (*command).redrive}
	run := verbs[args[0]]
	if run == nil {
		fmt.Fprint(stderr, usageText)
		return fmt.Errorf("deadletter: there is no command %q", args[0])
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
		return fmt.Errorf("deadletter %s: %w", args[0], err)
	}
	return nil
}

func (c *command) parse(verb string, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("kindred deadletter "+verb, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.server.Flags(fs)
	fs.BoolVar(&c.json, "json", false, "write JSON")
	fs.StringVar(&c.domain, "domain", "", "`name` of the domain")
	fs.StringVar(&c.filter.ObjectTypeName, "object-type", "", "only letters of the object type with this `name`")
	fs.StringVar(&c.filter.MessageContains, "error", "", "only letters whose error contains this `text`")
	if verb == "list" {
		fs.IntVar(&c.limit, "limit", defaultShown, "list at most this `number` of letters")
		fs.BoolVar(&c.showRecords, "show-records", false, "write the records too, which are customer data")
	} else {
		fs.IntVar(&c.limit, "limit", 0, "ingest at most this `number` of letters (default: all)")
		fs.Var(&c.ids, "id", "only the letter with this `id`; may be repeated")
		fs.BoolVar(&c.dryRun, "dry-run", false, "tell what would become of the letters, and change nothing but receive counts")
	}
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "kindred deadletter %s --domain D [flags]\n\n", verb)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return err
	case err != nil:
		return err
	case fs.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case c.domain == "":
		return errors.New("--domain D is missing")
	case c.limit < 0 || c.limit == 0 && verb == "list":
		return errors.New("--limit: want 1 or more")
	}
	return nil
}
