package profile

import (
	"bytes"
	"context"

	"kindred/internal/domain"
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
