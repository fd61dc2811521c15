// Package verifycmd is the command "kindred verify": it looks through everything that
// is stored of profiles, says what is not as it must be, and makes anew what is
// derived.
package verifycmd

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"kindred/internal/domain"
	"kindred/internal/node"
	"kindred/internal/profile"
	"kindred/internal/remote"
	"kindred/internal/resource"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
	"kindred/internal/store/pgstore"
	"kindred/internal/transfer"
)

// ErrFindings: something is not as it must be, and was not repaired.
var ErrFindings = errors.New("not everything is as it must be")

const usage = `usage: kindred verify [flags]

Looks through all profiles of all domains: every record opens under its key, each
profile, merged profile and standard object is what its contributions make of it, the
index, the unique keys and the due times lead to what profiles have and to nothing
else, objects and histories are whole, and the totals count what is there. It tells
each thing that is not so in a line, with no value of a customer, and ends with an
error if there is any.

The server must be stopped: --data-dir is its directory. With --store nothing may be
written to the database meanwhile.

--repair makes anew what is derived, where it is wrong. What people and records
said is never touched; what is lost is told and stays lost.

`

type options struct {
	dataDir, store, rootKey string
	region, account         string
	repair, json            bool
	keyRoutes               routes
}

// routes is a flag that may be given several times.
type routes []resource.Route

func (r *routes) String() string { return "" }

func (r *routes) Set(s string) error {
	route, err := resource.ParseRoute(s)
	*r = append(*r, route)
	return err
}

// Run runs "kindred verify" with the arguments after that word. Findings and the summary
// go to stdout, how far it is to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		err = o.run(ctx, stdout, stderr)
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}

func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("kindred verify", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.dataDir, "data-dir", "./kindred-data", "`directory` of the data")
	fs.StringVar(&o.store, "store", os.Getenv("KINDRED_STORE"), "URL of the database that nodes share (KINDRED_STORE); empty is the embedded engine")
	fs.StringVar(&o.rootKey, "root-key-file", "", "`file` of the root key (default: root.key in the data directory)")
	fs.StringVar(&o.region, "region", remote.DefaultRegion, "AWS `region` that the server stands for")
	fs.StringVar(&o.account, "account-id", "000000000000", "AWS `account` that the server stands for")
	fs.Var(&o.keyRoutes, "kms-endpoint", "as of kindred serve; may be repeated")
	fs.BoolVar(&o.repair, "repair", false, "make anew what is derived")
	fs.BoolVar(&o.json, "json", false, "write findings and the summary as JSON lines")
	rest, err := remote.Parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return nil, err
	}
	if len(rest) > 0 {
		err = errors.Join(err, fmt.Errorf("%q is not wanted: there are only flags", rest[0]))
	}
	if o.rootKey == "" {
		o.rootKey = filepath.Join(o.dataDir, "root.key")
	}
	return o, err
}

func (o *options) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if _, err := os.Stat(o.rootKey); err != nil { // it is not to be made here
		return fmt.Errorf("--root-key-file: %w", err)
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	st, err := o.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := transfer.Finished(ctx, st); err != nil {
		return err
	}
	root, err := rootkey.Open(o.rootKey)
	if err != nil {
		return err
	}
	n, err := node.New(node.Config{Store: st, Root: root, Region: o.region, Account: o.account,
		Endpoint: func() string { return remote.DefaultEndpoint }, KeyRoutes: o.keyRoutes, Log: log})
	if err != nil {
		return err
	}
	return o.look(ctx, n.Profiles.Domains(), stdout, stderr)
}

func (o *options) open(ctx context.Context, log *slog.Logger) (store.Store, error) {
	if o.store != "" {
		database, err := pgstore.ParseURL(o.store)
		if err != nil {
			return nil, fmt.Errorf("--store: %w", err)
		}
		return pgstore.Open(ctx, database, pgstore.Options{Logger: log})
	}
	dir := filepath.Join(o.dataDir, "store")
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("--data-dir: not the data of a server: %w", err)
	}
	st, err := pebblestore.Open(dir, pebblestore.Options{Logger: log})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("a server is running on %s; stop it first: %w", o.dataDir, err)
	}
	return st, err
}

// finding is a line of output.
type finding struct {
	Domain   string `json:"domain"`
	Profile  string `json:"profile,omitempty"`
	Text     string `json:"text"`
	Repaired bool   `json:"repaired"`
}

// summary is the last line.
type summary struct {
	Domains  int `json:"domains"`
	Profiles int `json:"profiles"`
	Findings int `json:"findings"`
	Repaired int `json:"repaired"`
	// Unseen domains could not be looked at, such as with a key out of use.
	Unseen int `json:"unseen"`
}

func (o *options) look(ctx context.Context, domains *domain.Domains, stdout, stderr io.Writer) error {
	ids, err := domains.IDs(ctx)
	if err != nil {
		return err
	}
	var sum summary
	for _, id := range ids {
		i := &profile.Inspection{Domains: domains, Domain: id, Repair: o.repair, Found: func(f *profile.Fault) error {
			line := finding{Domain: id.String(), Text: f.Text, Repaired: o.repair && f.Repairable}
			if f.Profile != (profile.ID{}) {
				line.Profile = f.Profile.String()
			}
			sum.Findings++
			if line.Repaired {
				sum.Repaired++
			}
			return o.write(stdout, line, line.words())
		}}
		i.Progress = func(n int) {
			if n%100_000 == 0 {
				fmt.Fprintf(stderr, "%d profiles of domain %s\n", n, id)
			}
		}
		n, err := i.Run(ctx)
		sum.Domains++
		sum.Profiles += n
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			sum.Unseen++
			line := finding{Domain: id.String(), Text: fmt.Sprintf("it could not be looked at to its end: %v", err)}
			if err := o.write(stdout, line, line.words()); err != nil {
				return err
			}
		}
	}
	words := fmt.Sprintf("%d domains, %d profiles: %d findings, %d repaired", sum.Domains, sum.Profiles, sum.Findings, sum.Repaired)
	if sum.Unseen > 0 {
		words += fmt.Sprintf("; %d domains could not be looked at to their end", sum.Unseen)
	}
	if err := o.write(stdout, sum, words); err != nil {
		return err
	}
	if sum.Findings > sum.Repaired || sum.Unseen > 0 {
		return ErrFindings
	}
	return nil
}

func (f finding) words() string {
	text := "domain " + f.Domain
	if f.Profile != "" {
		text += ", profile " + f.Profile
	}
	text += ": " + f.Text
	if f.Repaired {
		text += " (repaired)"
	}
	return text
}

func (o *options) write(w io.Writer, v any, words string) error {
	if !o.json {
		_, err := fmt.Fprintln(w, words)
		return err
	}
	return json.NewEncoder(w).Encode(v)
}
