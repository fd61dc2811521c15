// Package domaincmd is the command "kindred domain": it does with the domains of a
// running server what the API of Customer Profiles has no operation for, over the
// API, with the credentials that every AWS client finds (environment, shared
// files).
package domaincmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"

	"kindred/internal/remote"
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

	server remote.Server
	json   bool
	names  []string
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
	c.server.Flags(fs)
	fs.BoolVar(&c.json, "json", false, "write JSON")
	var err error
	if c.names, err = remote.Parse(fs, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, "kindred domain rename OLD NEW [flags]\n\n")
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		return err
	}
	if len(c.names) != 2 {
		return errors.New("want two names, the one that the domain has and the new one")
	}
	return nil
}

func (c *command) rename(ctx context.Context) error {
	client, err := c.server.Client(ctx)
	if err != nil {
		return err
	}
	out, err := client.RenameDomain(ctx, c.names[0], c.names[1])
	if err != nil {
		return err
	}
	if c.json {
		return remote.WriteJSON(c.out, out)
	}
	fmt.Fprintf(c.out, "The domain %s is %s now: %s\n", out.FormerDomainName, out.DomainName, out.ARN)
	return nil
}
