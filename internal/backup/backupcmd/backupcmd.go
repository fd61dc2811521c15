// Package backupcmd is the commands "kindred backup" and "kindred restore": copies of
// the embedded store, of a server that runs and is written to, and back.
package backupcmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"kindred/internal/backup"
	"kindred/internal/remote"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
)

const backupUsage = `usage: kindred backup --to DIR [flags]

Makes a backup of the embedded store of a running server, on the same machine,
while it is written to: everything that was acknowledged before is in it. With
--direct it makes one of the data directory of a server that is stopped.

DIR keeps many backups; each adds the files that those before do not have. The
root key is not in it: keep root.key, without which no backup opens, in another
place. --keep N removes all but the N newest. --list lists what there is, and
--check reads all files of a backup and compares them with their checksums.

`

const restoreUsage = `usage: kindred restore --from DIR --data-dir DATA [flags]

Puts a backup, the newest if none is named, into a data directory that has no
store. Every file is compared with its checksum, and the store is looked through
before it is said to be restored. Put root.key beside it to start a server on it.

`

type options struct {
	server       remote.Server
	dir, dataDir string
	name         string
	direct       bool
	list, check  bool
	keep         int
}

// Backup runs "kindred backup" with the arguments after that word.
func Backup(ctx context.Context, args []string, stdout io.Writer) error {
	o := &options{}
	fs := flag.NewFlagSet("kindred backup", flag.ContinueOnError)
	fs.StringVar(&o.dir, "to", "", "`directory` of the backups, made if it is not there")
	fs.BoolVar(&o.direct, "direct", false, "of the data directory of a server that is stopped")
	fs.StringVar(&o.dataDir, "data-dir", "./kindred-data", "with --direct: the `directory` of the data")
	fs.IntVar(&o.keep, "keep", 0, "remove all backups but the newest `N`; 0: none")
	fs.BoolVar(&o.list, "list", false, "list the backups, and make none")
	fs.BoolVar(&o.check, "check", false, "compare the files of a backup with their checksums, and make none")
	fs.StringVar(&o.name, "backup", "", "with --check: the `name` of the backup; the newest if left out")
	o.server.Flags(fs)
	if done, err := o.parse(fs, args, backupUsage, stdout); done || err != nil {
		return wrap("backup", err)
	}
	return wrap("backup", o.backup(ctx, stdout))
}

// Restore runs "kindred restore" with the arguments after that word.
func Restore(ctx context.Context, args []string, stdout io.Writer) error {
	o := &options{}
	fs := flag.NewFlagSet("kindred restore", flag.ContinueOnError)
	fs.StringVar(&o.dir, "from", "", "`directory` of the backups")
	fs.StringVar(&o.dataDir, "data-dir", "", "`directory` of the data to be")
	fs.StringVar(&o.name, "backup", "", "`name` of the backup; the newest if left out")
	if done, err := o.parse(fs, args, restoreUsage, stdout); done || err != nil {
		return wrap("restore", err)
	}
	return wrap("restore", o.restore(ctx, stdout))
}

func wrap(command string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}

func (o *options) parse(fs *flag.FlagSet, args []string, usage string, stdout io.Writer) (done bool, err error) {
	fs.SetOutput(io.Discard)
	rest, err := remote.Parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return true, nil
	}
	if len(rest) > 0 {
		err = errors.Join(err, fmt.Errorf("%q is not wanted: there are only flags", rest[0]))
	}
	if o.dir == "" {
		err = errors.Join(err, errors.New("say where the backups are: --to, or --from"))
	}
	if o.dataDir == "" {
		err = errors.Join(err, errors.New("--data-dir: say where the data are to be"))
	}
	if o.keep < 0 {
		err = errors.Join(err, errors.New("--keep: want 0 or more"))
	}
	return false, err
}

func (o *options) backup(ctx context.Context, out io.Writer) error {
	pool, err := backup.Open(o.dir, !o.list && !o.check)
	if err != nil {
		return err
	}
	switch {
	case o.list:
		return list(pool, out)
	case o.check:
		m, err := pool.Manifest(o.name)
		if err != nil {
			return err
		}
		if err := pool.Verify(ctx, m); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is whole: %d files, %d bytes\n", m.Name, len(m.Files), m.Bytes())
		return nil
	}
	from, leave, err := o.checkpoint(ctx)
	if err != nil {
		return err
	}
	m, stats, err := pool.Add(ctx, from, time.Now())
	if err = errors.Join(err, leave()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d files, %d bytes; %d files and %d bytes of them new\n", m.Name, stats.Files, stats.Bytes, stats.Copied, stats.CopiedBytes)
	if o.keep > 0 {
		removed, err := pool.Prune(o.keep)
		if err != nil {
			return err
		}
		if removed > 0 {
			fmt.Fprintf(out, "%d older backups removed\n", removed)
		}
	}
	return nil
}

func list(pool *backup.Pool, out io.Writer) error {
	names, err := pool.Backups()
	if err != nil {
		return err
	}
	for _, name := range names {
		m, err := pool.Manifest(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s  %s  %d files  %d bytes\n", m.Name, m.Created.Format(time.DateTime), len(m.Files), m.Bytes())
	}
	return nil
}

// checkpoint gives a directory with the store's state, and what takes it away again.
func (o *options) checkpoint(ctx context.Context) (dir string, leave func() error, err error) {
	if o.direct {
		return o.directCheckpoint()
	}
	client, err := o.server.Client(ctx)
	if err != nil {
		return "", nil, err
	}
	c, err := client.CreateCheckpoint(ctx)
	if err != nil {
		return "", nil, err
	}
	leave = func() error {
		// The context may have ended, and the checkpoint is to go all the same.
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return client.DeleteCheckpoint(bounded, c.Name)
	}
	if _, err := os.Stat(c.Directory); err != nil {
		return "", nil, errors.Join(fmt.Errorf("the server's directory %s is not here: run the command on the machine of the server, as a user who may read it: %w", c.Directory, err), leave())
	}
	return c.Directory, leave, nil
}

// directCheckpoint opens the store, so that its log is written out and nobody else has
// it meanwhile.
func (o *options) directCheckpoint() (string, func() error, error) {
	if _, err := os.Stat(filepath.Join(o.dataDir, "store")); err != nil {
		return "", nil, fmt.Errorf("--data-dir: %w", err)
	}
	st, err := pebblestore.Open(filepath.Join(o.dataDir, "store"), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if errors.Is(err, store.ErrLocked) {
		return "", nil, fmt.Errorf("a server is running on %s; leave out --direct: %w", o.dataDir, err)
	}
	if err != nil {
		return "", nil, err
	}
	dir := filepath.Join(o.dataDir, "checkpoint-of-backup")
	if err := os.RemoveAll(dir); err != nil {
		return "", nil, errors.Join(err, st.Close())
	}
	if err := st.Checkpoint(dir); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir), st.Close())
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), st.Close()) }, nil
}

func (o *options) restore(ctx context.Context, out io.Writer) error {
	pool, err := backup.Open(o.dir, false)
	if err != nil {
		return err
	}
	m, err := pool.Manifest(o.name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dataDir, 0o700); err != nil {
		return err
	}
	to := filepath.Join(o.dataDir, "store")
	if err := pool.Restore(ctx, m, to); err != nil {
		return err
	}
	if err := pebblestore.Check(to, pebblestore.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return fmt.Errorf("the files are those of the backup, and they are no sound store: %w", err)
	}
	fmt.Fprintf(out, "%s is restored to %s: %d files, %d bytes\n", m.Name, to, len(m.Files), m.Bytes())
	return nil
}
