package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"kindred/internal/checkpoint"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
	"kindred/internal/store/pgstore"
)

// validateStore checks --store. Its text may hold a password and is in no message.
func (c *config) validateStore() error {
	if c.store == "" {
		return nil
	}
	if _, err := pgstore.ParseURL(c.store); err != nil {
		return fmt.Errorf("--store: %w; leave it empty for the embedded engine", err)
	}
	return nil
}

// shared tells of a store that other nodes may use too.
func (c *config) shared() bool { return c.store != "" }

// openStore opens the engine that --store names.
func (c *config) openStore(ctx context.Context, now func() time.Time, log *slog.Logger) (store.Store, error) {
	if !c.shared() {
		return pebblestore.Open(filepath.Join(c.dataDir, "store"), pebblestore.Options{CacheBytes: int64(c.cacheMiB) << 20, Clock: now, Logger: log})
	}
	database, err := pgstore.ParseURL(c.store)
	if err != nil {
		return nil, err
	}
	st, err := pgstore.Open(ctx, database, pgstore.Options{Logger: log})
	if errors.Is(err, store.ErrUnavailable) {
		return nil, fmt.Errorf("--store: %s: %w", database, err)
	}
	if err != nil {
		return nil, err
	}
	log.Info("store is open", slog.String("store", st.String()))
	return st, nil
}

// shed gives up memory of an engine that can be had again.
func shed(st store.Store) {
	if embedded, ok := st.(*pebblestore.Store); ok {
		embedded.Shed()
	}
}

// checkpoints is the engine if it is one that makes them.
func checkpoints(st store.Store) checkpoint.Engine {
	if embedded, ok := st.(*pebblestore.Store); ok {
		return embedded
	}
	return nil
}
