// Command kindred is the server and its operator's tool. Run it with --help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"kindred/internal/audit/auditcmd"
	"kindred/internal/backup/backupcmd"
	"kindred/internal/bulk/ingestcmd"
	"kindred/internal/connect/importcmd"
	"kindred/internal/deadletter/deadlettercmd"
	"kindred/internal/democmd"
	"kindred/internal/domain/domaincmd"
	"kindred/internal/iam/iamcmd"
	"kindred/internal/ingest/previewcmd"
	"kindred/internal/job/jobcmd"
	"kindred/internal/load/benchcmd"
	"kindred/internal/profile/profilecmd"
	"kindred/internal/profile/verifycmd"
	"kindred/internal/replay/replaycmd"
	"kindred/internal/store/storecmd"
	"kindred/internal/transfer/copycmd"
)

const usage = `Kindred keeps one encrypted profile per customer and speaks the API of Amazon
Connect Customer Profiles.

  kindred serve [flags]                serve the API (kindred serve --help lists the flags)
  kindred iam ...                      manage users, passwords, roles, keys and policies of a running server
  kindred ingest FILE...               bring files of records into a domain
  kindred preview FILE...              tell what would become of records, without storing them
  kindred contacts import FILE...      bring contact records into a running server
  kindred deadletter list|redrive      look at what could not be ingested, and ingest it again
  kindred profile show|lineage|...     look at a profile, its past and its merges, and undo those
  kindred job list|get|pause|...       look at long work in the background, and steer it
  kindred replay start|show|rollback   give stored objects what another mapping makes of them
  kindred domain rename OLD NEW        give a domain another name
  kindred backup --to DIR              copy the embedded store of a running server, and kindred restore brings it back
  kindred copy --from X --to Y         move everything that is stored to another store, of another engine
  kindred audit                        show who called what
  kindred verify [--repair]            look through everything that is stored, and make anew what is derived
  kindred bench [--serve]              put a server under load and measure how long its clients wait
  kindred demo                         fill a running server with a contact centre to look at
  kindred store init                   prepare a PostgreSQL database that nodes share
  kindred version                      print the version

Every command prints its own help with --help.
`

// version is set when a release is built.
var version = "development"

// clockAhead is by how much the clock of "serve" runs ahead of the machine's, as
// Go writes durations; empty for a clock that is right. It is for tests of what
// takes days, and only a build can set it (-ldflags "-X main.clockAhead=48h").
var clockAhead string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kindred:", err)
		os.Exit(1)
	}
}

// run is main without the process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return errors.New("no command given")
	}
	switch command, rest := args[0], args[1:]; command {
	case "serve":
		return serve(ctx, rest, stdout, stderr)
	case "iam":
		return iamcmd.Run(ctx, rest, stdin, stdout, stderr)
	case "contacts":
		if len(rest) == 0 || rest[0] != "import" {
			fmt.Fprint(stderr, "usage: kindred contacts import [flags] FILE...\n")
			return errors.New("contacts: the only command is import")
		}
		return importcmd.Run(ctx, rest[1:], stdin, stdout, stderr)
	case "ingest":
		return ingestcmd.Run(ctx, rest, stdin, stdout, stderr)
	case "preview":
		return previewcmd.Run(ctx, rest, stdin, stdout)
	case "deadletter":
		return deadlettercmd.Run(ctx, rest, stdout, stderr)
	case "job":
		return jobcmd.Run(ctx, rest, stdout, stderr)
	case "profile":
		return profilecmd.Run(ctx, rest, stdout, stderr)
	case "replay":
		return replaycmd.Run(ctx, rest, stdout, stderr)
	case "domain":
		return domaincmd.Run(ctx, rest, stdout, stderr)
	case "audit":
		return auditcmd.Run(ctx, rest, stdout)
	case "backup":
		return backupcmd.Backup(ctx, rest, stdout)
	case "restore":
		return backupcmd.Restore(ctx, rest, stdout)
	case "copy":
		return copycmd.Run(ctx, rest, stdout, stderr)
	case "verify":
		return verifycmd.Run(ctx, rest, stdout, stderr)
	case "bench":
		return benchcmd.Run(ctx, rest, stdout, stderr)
	case "demo":
		return democmd.Run(ctx, rest, stdout)
	case "store":
		return storecmd.Run(ctx, rest, stdout, stderr)
	case "version", "--version":
		fmt.Fprintln(stdout, "kindred", version)
		return nil
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return nil
	default:
		fmt.Fprint(stderr, usage)
		return fmt.Errorf("there is no command %q", command)
	}
}
