package ingestcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"

	"kindred/internal/bulk"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/node"
	"kindred/internal/remote"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
	"kindred/internal/transfer"
)

// So many records share a transaction, and one sync of the disk: few at first,
// then twice as many each time that all find their place.
const (
	firstTransaction = 16
	directBatch      = 512
)

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
)

// completeDirect checks what only --direct needs.
func (o *options) completeDirect() (err error) {
	o.server.Region = cmp.Or(o.server.Region, remote.DefaultRegion)
	o.rootKey = cmp.Or(o.rootKey, filepath.Join(o.dataDir, "root.key"))
	if !accountForm.MatchString(o.account) {
		err = errors.Join(err, errors.New("--account-id: want 12 digits"))
	}
	if !regionForm.MatchString(o.server.Region) {
		err = errors.Join(err, errors.New("--region: want the name of an AWS region, such as us-east-1"))
	}
	if o.cacheMiB < 1 || o.cacheMiB > 1<<20 {
		err = errors.Join(err, errors.New("--cache-mib: want 1 or more"))
	}
	if o.server.Endpoint != "" || o.server.Credentials != "" {
		err = errors.Join(err, errors.New("--endpoint and --credentials are not for --direct"))
	}
	return err
}

// direct puts records into a store that no server has open.
type direct struct {
	store              store.Store
	domains            *domain.Service
	ingest             *ingest.Service
	dir                string
	domain, objectType string
	size               int // of the next transaction
}

func (o *options) openDirect(ctx context.Context, stderr io.Writer) (_ sink, err error) {
	dir := filepath.Join(o.dataDir, "store")
	for _, path := range []string{dir, o.rootKey} { // neither is to be made here
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("--data-dir: not the data of a server: %w", err)
		}
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	st, err := pebblestore.Open(dir, pebblestore.Options{CacheBytes: int64(o.cacheMiB) << 20, Logger: log})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("--direct: a server is running on %s; stop it, or ingest without --direct: %w", o.dataDir, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.Close())
		}
	}()
	if err := transfer.Finished(ctx, st); err != nil {
		return nil, err
	}
	// As the server does it.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		node.TuneMemory(int64(o.cacheMiB) << 20)
	}
	root, err := rootkey.Open(o.rootKey)
	if err != nil {
		return nil, err
	}
	// Nothing is served and nothing runs in the background: dead letters wait in
	// the store for the next server.
	n, err := node.New(node.Config{Store: st, Root: root, Region: o.server.Region, Account: o.account,
		Endpoint: func() string { return remote.DefaultEndpoint }, KeyRoutes: o.keyRoutes, Log: log})
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(o.dataDir)
	if err != nil {
		return nil, err
	}
	return &direct{store: st, domains: n.DomainAPI, ingest: n.Ingest, dir: abs, domain: o.domain, objectType: o.objectType, size: firstTransaction}, nil
}

func (d *direct) Name() string      { return "file://" + d.dir }
func (d *direct) BatchRecords() int { return directBatch }
func (d *direct) Waiting() string   { return "" }
func (d *direct) Close() error      { return d.store.Close() }

// Made has no reason when it has no answer: the first Put will tell it.
func (d *direct) Made(ctx context.Context) string {
	cfg, err := d.domains.Config(ctx, d.domain)
	if err != nil {
		return ""
	}
	return stamp(cfg.Info.CreatedAt)
}

// Put implements bulk.Sink. It is called by one goroutine at a time.
//
// A transaction runs again without each record that finds no place in it, so
// that where many do not, transactions are better small: they have little to
// commit anyway.
func (d *direct) Put(ctx context.Context, bodies []string) ([]bulk.Outcome, error) {
	out := make([]bulk.Outcome, 0, len(bodies))
	for len(out) < len(bodies) {
		part := bodies[len(out):min(len(bodies), len(out)+d.size)]
		results, err := d.ingest.Put(ctx, d.domain, d.objectType, part)
		if err != nil {
			return nil, err
		}
		failed := 0
		for i := range results {
			out = append(out, outcome(&results[i]))
			if results[i].Err != nil || results[i].Letter != "" {
				failed++
			}
		}
		switch {
		case failed > 1+len(part)/32:
			d.size = max(1, d.size/4)
		case failed == 0:
			d.size = min(directBatch, d.size*2)
		}
	}
	return out, nil
}

// outcome says of a result what BatchPutProfileObject says of it.
func outcome(r *ingest.Result) bulk.Outcome {
	var f *fault.Error
	switch {
	case r.Err == nil:
		return bulk.Outcome{DeadLetter: r.Letter != ""}
	case !errors.As(r.Err, &f) || f.Kind == fault.Internal:
		return bulk.Outcome{Code: http.StatusInternalServerError, Reason: "The object could not be ingested because of an internal error"}
	case f.Kind == fault.Invalid:
		return bulk.Outcome{Code: http.StatusBadRequest, Reason: f.Message}
	case f.Kind == fault.Denied:
		return bulk.Outcome{Code: http.StatusForbidden, Reason: f.Message}
	case f.Kind == fault.NotFound:
		return bulk.Outcome{Code: http.StatusNotFound, Reason: f.Message}
	}
	return bulk.Outcome{Code: http.StatusTooManyRequests, Reason: f.Message}
}
