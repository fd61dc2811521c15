// Package benchcmd is the command "kindred bench": it puts any server that speaks the
// API under load, its own or a given one, and reports how long requests took.
package benchcmd

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kindred/internal/load"
	"kindred/internal/remote"
)

const usage = `usage: kindred bench [flags]

Puts a server under load and reports rates and latencies. It makes a domain of its
own, with some profiles to look for, and deletes it at the end. With --serve it starts
a server on an empty directory first, on this machine, and stops it.

Without --rate so many clients send one request after the other, as fast as they are
answered. With --rate requests are sent at that rate whatever happens, and latencies
are counted from when a request was due.

Steps of a mix: ingest (PutProfileObject of a new record), search (SearchProfiles by a
key), read (BatchGetProfile of one), merge (MergeProfiles of two that were made for it).

`

type options struct {
	server    remote.Server
	serve     bool
	serveArgs string
	mix       string
	profiles  int
	plan      load.Plan
	label     string
	json, svg string
}

// Run runs "kindred bench" with the arguments after that word. The table goes to stdout,
// what is being done to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, mix, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		err = o.run(ctx, mix, stdout, stderr)
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

func parse(args []string, stdout io.Writer) (*options, map[string]int, error) {
	o := &options{}
	fs := flag.NewFlagSet("kindred bench", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o.server.Flags(fs)
	fs.BoolVar(&o.serve, "serve", false, "start a server of this program on an empty directory")
	fs.StringVar(&o.serveArgs, "serve-flags", "", "with --serve: `flags` of kindred serve, such as \"--cache-mib 256\"")
	fs.StringVar(&o.mix, "mix", "ingest=60,search=25,read=15", "`steps` and their weights")
	fs.IntVar(&o.profiles, "profiles", 1000, "profiles that are there to look for, 1 to 1000000")
	fs.IntVar(&o.plan.Clients, "clients", 64, "requests at the same time, at most")
	fs.Float64Var(&o.plan.Rate, "rate", 0, "requests per second; 0: as fast as they are answered")
	fs.DurationVar(&o.plan.WarmUp, "warm-up", 2*time.Second, "time before anything is measured")
	fs.DurationVar(&o.plan.Duration, "duration", 10*time.Second, "time that is measured")
	fs.Uint64Var(&o.plan.Seed, "seed", 1, "of the order of steps")
	fs.StringVar(&o.label, "label", "", "`name` of the run in reports")
	fs.StringVar(&o.json, "json", "", "`file` for the result as JSON, with all latencies")
	fs.StringVar(&o.svg, "svg", "", "`file` for a plot of the latencies")
	rest, err := remote.Parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return nil, nil, err
	}
	if len(rest) > 0 {
		err = errors.Join(err, fmt.Errorf("%q is not wanted: there are only flags", rest[0]))
	}
	if o.profiles < 1 || o.profiles > 1_000_000 {
		err = errors.Join(err, errors.New("--profiles: want 1 to 1000000"))
	}
	if o.serve && o.server.Endpoint != "" || !o.serve && o.serveArgs != "" {
		err = errors.Join(err, errors.New("--serve: it starts a server, and --endpoint names one; --serve-flags are for --serve"))
	}
	mix, merr := load.ParseMix(o.mix, stepNames)
	if merr != nil {
		err = errors.Join(err, fmt.Errorf("--mix: %w", merr))
	}
	check := o.plan
	check.Steps = []load.Step{{Weight: 1}}
	return o, mix, errors.Join(err, check.Check())
}

func (o *options) run(ctx context.Context, mix map[string]int, stdout, stderr io.Writer) (err error) {
	if o.serve {
		stop, serr := o.start(ctx, stderr)
		if serr != nil {
			return serr
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	client, err := o.server.Client(ctx)
	if err != nil {
		return err
	}
	client.Service = "profile"
	client.HTTP = &http.Client{Timeout: remote.Timeout, Transport: &http.Transport{MaxIdleConnsPerHost: o.plan.Clients, IdleConnTimeout: time.Minute}}
	t := newTarget(client, o.profiles)
	fmt.Fprintf(stderr, "domain %s with %d profiles\n", t.domain, o.profiles)
	// Whatever happens then, the domain goes.
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), remote.Timeout)
		defer cancel()
		err = errors.Join(err, t.remove(bounded))
	}()
	if err := t.prepare(ctx, mix["merge"] > 0); err != nil {
		return err
	}
	o.plan.Steps = t.steps(mix)
	fmt.Fprintf(stderr, "%s of warm-up, %s measured\n", o.plan.WarmUp, o.plan.Duration)
	result, err := load.Run(ctx, &o.plan)
	if err != nil {
		return err
	}
	if err := result.WriteTable(stdout); err != nil {
		return err
	}
	title := o.label
	if title == "" {
		title = o.mix
	}
	return errors.Join(
		write(o.json, func(w io.Writer) error { return result.WriteJSON(w, o.label, &o.plan) }),
		write(o.svg, func(w io.Writer) error { return result.WriteSVG(w, title) }))
}

func write(name string, fn func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(fn(w), w.Flush(), f.Close())
}

// start starts a server on an empty directory, and points the options to it.
func (o *options) start(ctx context.Context, stderr io.Writer) (stop func() error, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kindred-bench-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", dir, "--log-level", "warn"}, strings.Fields(o.serveArgs)...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		err := cmd.Wait()
		if ctx.Err() != nil {
			err = nil // it was told to end
		}
		return errors.Join(err, os.RemoveAll(dir))
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "kindred ready "); ok {
			o.server.Endpoint, o.server.Credentials = url, filepath.Join(dir, "credentials")
			go func() { _, _ = io.Copy(io.Discard, out) }() // what else it says is of no use here
			return stop, nil
		}
	}
	return nil, errors.Join(errors.New("the server did not start"), stop())
}
