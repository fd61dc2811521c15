// Package copycmd is the command "kindred copy": it moves everything that is stored
// from one engine to another.
package copycmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kindred/internal/remote"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
	"kindred/internal/store/pgstore"
	"kindred/internal/transfer"
)

const usage = `usage: kindred copy --from SOURCE --to DESTINATION [--restart]

Copies all data of one store into another and compares the two from beginning to
end, byte by byte, with a digest. SOURCE and DESTINATION are data directories of
"kindred serve", or URLs of databases, postgres://USER@HOST:PORT/DATABASE.

Nothing may use either of them meanwhile: stop the servers of the source. The
destination must be empty. If the copy is interrupted, run the command again: it
goes on where it was. No server starts on a destination before the copy is done.

What is stored is sealed and is copied as it is. The root key is not part of it:
give the servers of the copy the root key of the source, with the same --region and
--account-id.

Keep passwords out of URLs: PGPASSWORD, a password file (~/.pgpass) and a service
file serve here as with psql.

`

// Run runs "kindred copy" with the arguments after that word. What it came to goes to
// stdout, how far it is to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("kindred copy", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	from := fs.String("from", "", "data `directory`, or URL of a database")
	to := fs.String("to", "", "data `directory`, or URL of a database; empty")
	restart := fs.Bool("restart", false, "empty a destination that an unfinished copy has left, and begin anew")
	rest, err := remote.Parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return nil
	}
	if len(rest) > 0 {
		err = errors.Join(err, fmt.Errorf("%q is not wanted: there are only flags", rest[0]))
	}
	if *from == "" || *to == "" {
		err = errors.Join(err, errors.New("--from and --to: both must be given"))
	}
	if err == nil {
		err = run(ctx, *from, *to, *restart, stdout, stderr)
	}
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return nil
}

func run(ctx context.Context, from, to string, restart bool, stdout, stderr io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	source, name, err := open(ctx, from, false, log)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	destination, _, err := open(ctx, to, true, log)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, destination.Close()) }()
	c := transfer.Copy{From: source, To: destination, Source: name, Restart: restart, Progress: report(stderr)}
	r, err := c.Run(ctx)
	if err != nil {
		return err
	}
	how := "copied"
	if r.Resumed {
		how = "copied, the last part of it now"
	}
	fmt.Fprintf(stdout, "%d records and %d counters, %d bytes: %s and compared\n", r.Records, r.Counters, r.Bytes, how)
	fmt.Fprintf(stdout, "SHA-256 of both %s\n", r.Digest)
	return nil
}

// isURL tells a database from a directory.
func isURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// open opens a store, and names it without secrets. Only a destination may be made.
func open(ctx context.Context, where string, create bool, log *slog.Logger) (store.Store, string, error) {
	if isURL(where) {
		database, err := pgstore.ParseURL(where)
		if err != nil {
			return nil, "", err
		}
		st, err := pgstore.Open(ctx, database, pgstore.Options{Logger: log})
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", database, err)
		}
		return st, database.String(), nil
	}
	name, err := filepath.Abs(where)
	if err != nil {
		return nil, "", err
	}
	dir := filepath.Join(name, "store")
	if create {
		err = os.MkdirAll(name, 0o700)
	} else if _, err = os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s is not a data directory of kindred serve: %w", where, err)
	}
	if err != nil {
		return nil, "", err
	}
	st, err := pebblestore.Open(dir, pebblestore.Options{Logger: log})
	if errors.Is(err, store.ErrLocked) {
		return nil, "", fmt.Errorf("a server is running on %s; stop it first: %w", where, err)
	}
	if err != nil {
		return nil, "", err
	}
	return st, name, nil
}

// reportEvery is how often progress is written.
const reportEvery = 5 * time.Second

// report writes progress to w from time to time.
func report(w io.Writer) func(transfer.Progress) {
	next := time.Now().Add(reportEvery)
	return func(p transfer.Progress) {
		now := time.Now()
		if now.Before(next) {
			return
		}
		next = now.Add(reportEvery)
		doing := "copied"
		if p.Comparing {
			doing = "compared"
		}
		fmt.Fprintf(w, "%s %d records and %d counters, %d MB\n", doing, p.Records, p.Counters, p.Bytes/1e6)
	}
}
