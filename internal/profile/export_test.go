package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"time"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Verify checks all profiles of a domain; see verify. Nothing may change the
// domain meanwhile.
func Verify(ctx context.Context, d *domain.Domains, name string) ([]string, error) {
	cfg, err := d.Config(ctx, name)
	if err != nil {
		return nil, err
	}
	ring, err := d.Ring(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var partitions [][]byte
	var after store.Key
	for {
		list, err := d.Store().ScanPrefix(ctx, cfg.ID.Prefix(), after, store.MaxScan)
		if err != nil {
			return nil, err
		}
		for _, rec := range list {
			if n := len(partitions); n == 0 || !bytes.Equal(partitions[n-1], rec.Key.Partition) {
				partitions = append(partitions, rec.Key.Partition)
			}
			after = rec.Key
		}
		if len(list) < store.MaxScan {
			break
		}
	}
	var found []string
	err = d.Store().View(ctx, func(r store.Reader) error {
		found, err = verify(ctx, r, cfg, ring, partitions)
		return err
	})
	return found, err
}

// Standing lists the ids of all profiles that clients see.
func Standing(ctx context.Context, d *domain.Domains, name string) ([]string, error) {
	var ids []string
	err := d.View(ctx, name, func(cfg *domain.Config, r *seal.Reader) error {
		ids = nil
		prefix := cfg.ID.Partition('p')
		list, err := d.Store().ScanPrefix(ctx, prefix, store.Key{}, store.MaxScan)
		if err != nil {
			return err
		}
		for _, rec := range list {
			if !bytes.Equal(rec.Key.Sort, headSort) {
				continue
			}
			id := ID(rec.Key.Partition[len(prefix):])
			heads, err := readHeads(ctx, r, cfg.ID, []ID{id})
			if err != nil {
				return err
			}
			if heads[0].role != mergedAway {
				ids = append(ids, id.String())
			}
		}
		return nil
	})
	return ids, err
}

// AsOf is what a profile was at a time: the profile of which it was part, and
// what stood there, as the API shows it.
func AsOf(ctx context.Context, d *domain.Domains, name, profileID string, at time.Time) (string, error) {
	var out string
	err := d.View(ctx, name, func(cfg *domain.Config, r *seal.Reader) error {
		id, _ := ParseID(profileID)
		w := &when{ctx: ctx, r: r, d: cfg.ID, at: at.UnixMicro(), seq: math.MaxUint64}
		root, facts, err := w.profile(id)
		if err != nil {
			return err
		}
		p, err := shape(root, facts)
		if err != nil {
			return err
		}
		b, err := json.Marshal(p)
		out = string(b)
		return err
	})
	return out, err
}

// TracedFold folds all facts that a provenance has read of a profile, those of the
// log too, and gives the values by path.
func TracedFold(ctx context.Context, d *domain.Domains, name string, id ID) (map[string]string, error) {
	values := map[string]string{}
	err := d.View(ctx, name, func(cfg *domain.Config, r *seal.Reader) error {
		t, err := readTracing(ctx, r, cfg.ID, id)
		if err != nil {
			return err
		}
		for path, i := range t.fold(len(t.traces)) {
			if shown(path) {
				values[path] = t.traces[i].Text
			}
		}
		return nil
	})
	return values, err
}
