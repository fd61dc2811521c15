// Package iamcmd is the command "kindred iam": it manages users, passwords, roles,
// access keys and policies of a running server over its API, with the credentials that
// every AWS client finds (environment, shared files).
//
// Passwords are never among the arguments, which other users of the machine can see and
// shells keep: they are asked for without showing them, or read from standard input, a
// line each.
package iamcmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

const (
	maxDocument = 1 << 20 // bytes read as a policy; the server wants far fewer
	maxPassword = 4 << 10 // bytes of a line that is read as a password
)

// command is one verb of one noun.
type command struct {
	name string // noun and verb
	args string // in the usage line
	help string
	min  int // positional arguments
	max  int
	run  func(context.Context, *call) error
}

// call is a command on its way: its arguments and where its output goes.
type call struct {
	client *kindredclient.Client
	args   []string
	flags
	in     io.Reader
	out    io.Writer
	asking io.Writer // for questions to a person
	lines  *bufio.Reader
}

type flags struct {
	server             remote.Server
	json               bool
	user, role         string // whose policy
	trust, description string
	maxSession         int
}

// Run runs "kindred iam" with the arguments after those words. What is asked for
// is written to stdout; usage that was asked for too, other usage and questions to
// stderr.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		usage(stderr)
		return errors.New("iam: a command is missing")
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		usage(stdout)
		return nil
	}
	i := -1
	words := min(2, len(args))
	for ; i < 0 && words > 0; words-- {
		name := strings.Join(args[:words], " ")
		i = slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	}
	if i < 0 {
		usage(stderr)
		return fmt.Errorf("iam: there is no command %q", strings.Join(args[:min(2, len(args))], " "))
	}
	cmd := commands[i]
	c := &call{in: stdin, out: stdout, asking: stderr, lines: bufio.NewReaderSize(stdin, maxPassword)}
	rest, err := c.parse(cmd, args[words+1:], stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("iam %s: %w", cmd.name, err)
	}
	if len(rest) < cmd.min || len(rest) > cmd.max {
		return fmt.Errorf("iam %s: usage: kindred iam %s %s", cmd.name, cmd.name, cmd.args)
	}
	c.args = rest
	if c.client, err = c.server.Client(ctx); err != nil {
		return fmt.Errorf("iam %s: %w", cmd.name, err)
	}
	if err := cmd.run(ctx, c); err != nil {
		return fmt.Errorf("iam %s: %w", cmd.name, err)
	}
	return nil
}

// parse takes flags before, between and after the positional arguments.
func (c *call) parse(cmd command, args []string, stdout io.Writer) ([]string, error) {
	fs := flag.NewFlagSet("kindred iam "+cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.server.Flags(fs)
	fs.BoolVar(&c.json, "json", false, "write the answer as JSON")
	if cmd.name == "sign-in-link" {
		fs.StringVar(&c.user, "user", "", "`name` of the user whom the link lets in (default: the user who asks)")
	}
	if strings.HasPrefix(cmd.name, "policy ") {
		fs.StringVar(&c.user, "user", "", "`name` of the user whose policy it is")
		fs.StringVar(&c.role, "role", "", "`name` of the role whose policy it is")
	}
	if cmd.name == "role create" {
		fs.StringVar(&c.trust, "trust", "", "`file` with the trust policy, - for standard input")
		fs.StringVar(&c.description, "description", "", "`text` about the role")
		fs.IntVar(&c.maxSession, "max-session", 0, "longest session in `seconds`, 3600 to 43200 (default 3600)")
	}
	rest, err := remote.Parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, "kindred iam %s %s\n%s.\n\n", cmd.name, cmd.args, cmd.help)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
	}
	return rest, err
}

// ask calls the server, and shows the answer: as JSON, or with show.
func (c *call) ask(ctx context.Context, method, path string, in any, show func(answer) error) error {
	var a answer
	if err := c.client.Do(ctx, method, path, in, &a); err != nil {
		return err
	}
	return c.show(a, show)
}

func (c *call) show(a answer, show func(answer) error) error {
	if !c.json {
		return show(a)
	}
	e := json.NewEncoder(c.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(a)
}

func usage(w io.Writer) {
	fmt.Fprint(w, "kindred iam manages users, passwords, roles, access keys and policies of a running\nserver.\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  kindred iam %s %s\n        %s.\n", c.name, c.args, c.help)
	}
	fmt.Fprint(w, "\nFlags of each command: kindred iam NOUN VERB --help\n")
}

// document reads a policy from a file, or from standard input for "-".
func (c *call) document(file string) (string, error) {
	if file == "-" {
		text, err := io.ReadAll(io.LimitReader(c.in, maxDocument+1))
		return string(text), err
	}
	text, err := os.ReadFile(file)
	return string(text), err
}
