// Package storecmd is the command "kindred store": it prepares the database that
// nodes share.
package storecmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"kindred/internal/store/pgstore"
)

const usageText = `kindred store prepares the database that nodes share.

  kindred store init [--store URL] [--citus] [--bits N]
        Make the tables in a PostgreSQL database, or bring those that are there
        up to date. With --citus they are distributed over the workers of Citus, of
        which the database must have the extension; then connect to the coordinator.
        Running it again changes nothing. "kindred serve" does the same for a plain
        database by itself, if its user may make tables.

The URL is that of "kindred serve --store": postgres://USER@HOST:PORT/DATABASE, or
the environment variable KINDRED_STORE. Keep passwords out of it: PGPASSWORD, a
password file (~/.pgpass) and a service file serve here as with psql.

Flags: kindred store init --help
`

// Run runs "kindred store" with the arguments after that word. What is asked for is
// written to stdout; usage that was asked for too, other usage to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usageText)
		return errors.New("store: a command is missing")
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usageText)
		return nil
	case "init":
		if err := initialise(ctx, args[1:], stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
			return fmt.Errorf("store init: %w", err)
		}
		return nil
	}
	fmt.Fprint(stderr, usageText)
	return fmt.Errorf("store: there is no command %q", args[0])
}

func initialise(ctx context.Context, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("kindred store init", flag.ContinueOnError)
	fs.SetOutput(stdout)
	raw := fs.String("store", "", "URL of the database, postgres://...; KINDRED_STORE if left out")
	var want pgstore.Setup
	fs.BoolVar(&want.Citus, "citus", false, "distribute the tables over the workers of Citus")
	fs.IntVar(&want.Bits, "bits", 0, fmt.Sprintf("size of the hash by which conflicts are detected, in bits, 1 to %d, for ever; 0 is %d, or %d with --citus",
		pgstore.MaxBits, pgstore.DefaultBits, pgstore.DefaultDistributedBits))
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if *raw == "" {
		*raw = os.Getenv("KINDRED_STORE")
	}
	if *raw == "" {
		return errors.New("--store or KINDRED_STORE: the URL of the database is missing")
	}
	c, err := pgstore.ParseURL(*raw)
	if err != nil {
		return fmt.Errorf("--store: %w", err)
	}
	if err := pgstore.Init(ctx, c, want); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s is ready\n", c)
	return nil
}
