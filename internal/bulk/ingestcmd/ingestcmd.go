// Package ingestcmd is the command "kindred ingest": it brings files of records
// into a domain, through the API of a running server or, faster, straight into
// the data directory of one that is stopped.
package ingestcmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/peterbourgon/ff/v3"

	"kindred/internal/bulk"
	"kindred/internal/remote"
	"kindred/internal/resource"
	"kindred/internal/store/pebblestore"
)

const usage = `usage: kindred ingest --domain D --object-type T [flags] FILE...

Brings the records of files into a domain. A file is JSON (one object, or an
array of them, of any size), JSON lines, or CSV with a header, of which each row
becomes an object of strings; gzip and zstd are recognised. The file - is standard
input.

Records go to a running server, with the credentials that every AWS client
finds, or with --direct into the data directory of a server that is stopped.

A record that fails does not stop the others. It is written to the file of
failures (--failed) as a JSON line, so that the file can be repaired and given to
this command; line for line the reasons are in the same name with .reasons. The
exit code is 0 only if no record failed.

A run that was cut off goes on where it stopped when the same command is given
again: the file of --checkpoint says where. Of the last second before the stop,
records may be ingested again, with the same outcome. If the domain was renamed
meanwhile, give its new name; to see that it is the same one takes the permission
for profile:GetDomain.

Order: with --direct, and with --workers 1, records are ingested in the order of
the files. Otherwise several batches are under way at once and may overtake each
other, so that of two records with the same unique key in one file the earlier
may win. Use --workers 1 where a file holds several states of the same thing and
the object type has no time of the source.

Flags can be set in the environment, in capitals with KINDRED_ before them
(--data-dir is KINDRED_DATA_DIR).

`

// Most workers, and how many there are if nothing is said.
const (
	maxWorkers     = 64
	defaultWorkers = 8
)

// options are what the command can be told.
type options struct {
	domain, objectType, format, failed, checkpoint string
	server                                         remote.Server
	workers                                        int
	retryFor                                       time.Duration
	direct                                         bool
	dataDir, account, rootKey                      string
	cacheMiB                                       int
	keyRoutes                                      routes
	files                                          []string
}

// routes is a flag that may be given several times.
type routes []resource.Route

func (r *routes) String() string { return "" }

func (r *routes) Set(s string) error {
	route, err := resource.ParseRoute(s)
	if err == nil {
		*r = append(*r, route)
	}
	return err
}

// Run runs "kindred ingest" with the arguments after that word. The result goes
// to stdout, progress to stderr. It is an error if a record failed.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		err = o.run(ctx, stdin, stdout, stderr)
	}
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return nil
}

func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("kindred ingest", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.domain, "domain", "", "`name` of the domain")
	fs.StringVar(&o.objectType, "object-type", "", "`name` of the records' object type")
	fs.StringVar(&o.format, "format", string(bulk.Auto), "auto, json, jsonl or csv")
	fs.StringVar(&o.failed, "failed", "", "`file` for records that fail (default: the first FILE with .failed.jsonl)")
	fs.StringVar(&o.checkpoint, "checkpoint", "", "`file` that says how far the run is, or none (default: the first FILE with .kindred-checkpoint)")
	o.server.Flags(fs)
	fs.IntVar(&o.workers, "workers", 0, fmt.Sprintf("batches under way at once, 1 to keep the order (default %d; always 1 with --direct)", defaultWorkers))
	fs.DurationVar(&o.retryFor, "retry-for", 2*time.Minute, "how long a batch is tried again while the server is busy or away")
	fs.BoolVar(&o.direct, "direct", false, "ingest into the data directory of a stopped server")
	fs.StringVar(&o.dataDir, "data-dir", "./kindred-data", "with --direct: the `directory` of the data")
	fs.StringVar(&o.account, "account-id", "000000000000", "with --direct: the AWS account that the server stands for, 12 digits")
	fs.StringVar(&o.rootKey, "root-key-file", "", "with --direct: `file` of the root key (default: root.key in the data directory)")
	fs.IntVar(&o.cacheMiB, "cache-mib", pebblestore.DefaultCacheBytes>>20, "with --direct: memory for cached data, in MiB")
	fs.Var(&o.keyRoutes, "kms-endpoint", "with --direct: `PATTERN=URL` or PATTERN=aws, as for serve; may be repeated")
	fs.Usage = func() {}
	var err error
	if o.files, err = remote.Parse(fs, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			fs.SetOutput(stdout)
			fs.PrintDefaults()
		}
		return nil, err
	}
	if err := ff.Parse(fs, nil, ff.WithEnvVarPrefix("KINDRED")); err != nil {
		return nil, err
	}
	return o, o.complete()
}

// complete checks the options and fills in defaults. It reports every problem at
// once.
func (o *options) complete() (err error) {
	bad := func(format string, args ...any) { err = errors.Join(err, fmt.Errorf(format, args...)) }
	if o.domain == "" {
		bad("--domain: required")
	}
	if o.objectType == "" {
		bad("--object-type: required")
	}
	if _, e := bulk.ParseFormat(o.format); e != nil {
		bad("--format: want auto, json, jsonl or csv")
	}
	if len(o.files) == 0 {
		bad("no file is given; - is standard input")
		return err
	}
	for _, f := range o.files {
		if f == bulk.Stdin && len(o.files) > 1 {
			bad("standard input cannot be one of several files")
		}
	}
	first := o.files[0]
	switch {
	case first == bulk.Stdin && o.checkpoint != "" && o.checkpoint != none:
		bad("--checkpoint: standard input cannot be read again")
	case first == bulk.Stdin || o.checkpoint == none:
		o.checkpoint = ""
	case o.checkpoint == "":
		o.checkpoint = first + ".kindred-checkpoint"
	}
	if o.failed == "" {
		if o.failed = first + ".failed.jsonl"; first == bulk.Stdin {
			o.failed = "kindred-ingest.failed.jsonl"
		}
	}
	if abs, e := filepath.Abs(o.failed); e != nil {
		bad("--failed: %w", e)
	} else {
		o.failed = abs
	}
	switch {
	case o.direct && o.workers > 1:
		bad("--workers: --direct ingests in the order of the files, with one")
	case o.direct:
		o.workers = 1
	case o.workers == 0:
		o.workers = defaultWorkers
	case o.workers < 1 || o.workers > maxWorkers:
		bad("--workers: want 1 to %d", maxWorkers)
	}
	if o.retryFor < 0 {
		bad("--retry-for: want 0 or more")
	}
	if o.direct {
		err = errors.Join(err, o.completeDirect())
	}
	return err
}

// none for --checkpoint.
const none = "none"

// sink is where records go, and what is to be closed after.
type sink interface {
	bulk.Sink
	io.Closer
	// Name tells the target from others in a checkpoint.
	Name() string
	// Made is when the domain was made, as a text; empty if that is not to be
	// learnt.
	Made(context.Context) string
	// BatchRecords is how many records go at once.
	BatchRecords() int
	// Waiting tells what it waits for, empty when for nothing.
	Waiting() string
}

func (o *options) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	job := bulk.Job{Domain: o.domain, ObjectType: o.objectType, Format: bulk.Format(o.format), Failed: o.failed}
	failed, _ := os.Stat(o.failed) // usually not there
	for _, f := range o.files {
		id := bulk.Identity{Name: f}
		if f != bulk.Stdin {
			if id, err = bulk.Identify(f); err != nil {
				return err
			}
			if info, err := os.Stat(f); err == nil && failed != nil && os.SameFile(info, failed) {
				return fmt.Errorf("--failed: %s is one of the files to be ingested", f)
			}
		}
		job.Inputs = append(job.Inputs, id)
	}
	open := o.openAPI
	if o.direct {
		open = o.openDirect
	}
	to, err := open(ctx, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	job.Target, job.Made = to.Name(), to.Made(ctx)
	run := &bulk.Run{Job: job, Checkpoint: o.checkpoint, Stdin: &interruptible{ctx: ctx, r: stdin}, Sink: to,
		Workers: o.workers, BatchRecords: to.BatchRecords(), Waiting: to.Waiting}
	began := time.Now()
	totals, err := do(ctx, run, stderr)
	fmt.Fprint(stdout, totals.Summary())
	if seconds := time.Since(began).Seconds(); seconds >= 1 {
		fmt.Fprintf(stdout, "in %.0f s\n", seconds)
	}
	switch {
	case err != nil && ctx.Err() != nil && o.checkpoint != "":
		return errors.New("interrupted; the same command goes on from there")
	case err != nil && o.checkpoint != "":
		return fmt.Errorf("%w\nthe same command goes on from there", err)
	case err != nil:
		return err
	case totals.Failed > 0:
		return fmt.Errorf("%d records failed; they are in %s, the reasons in %s", totals.Failed, o.failed, o.failed+bulk.ReasonsSuffix)
	}
	return nil
}

// do runs the job while its progress is shown.
func do(ctx context.Context, run *bulk.Run, stderr io.Writer) (bulk.Totals, error) {
	showing, stop := context.WithCancel(context.Background())
	var g sync.WaitGroup
	g.Go(func() { run.Show(showing, stderr, terminal(stderr)) })
	defer g.Wait()
	defer stop()
	return run.Do(ctx)
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// interruptible reads from a stream that may block for ever, and stops waiting
// when the context ends.
type interruptible struct {
	ctx     context.Context
	r       io.Reader
	started bool
	chunks  chan chunk
	rest    []byte
	err     error
}

type chunk struct {
	b   []byte
	err error
}

func (i *interruptible) Read(p []byte) (int, error) {
	if !i.started {
		i.started, i.chunks = true, make(chan chunk)
		go i.pump()
	}
	if len(i.rest) == 0 && i.err == nil {
		select {
		case c := <-i.chunks:
			i.rest, i.err = c.b, c.err
		case <-i.ctx.Done():
			i.err = context.Cause(i.ctx)
		}
	}
	n := copy(p, i.rest)
	if i.rest = i.rest[n:]; n > 0 {
		return n, nil
	}
	return 0, i.err
}

// pump reads ahead by one chunk. When nobody waits any more it ends with the
// process at the latest.
func (i *interruptible) pump() {
	for {
		b := make([]byte, 64<<10)
		n, err := i.r.Read(b)
		select {
		case i.chunks <- chunk{b[:n], err}:
		case <-i.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}
