package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Verify inspects all profiles of a domain; see Inspection. Nothing may change the
// domain meanwhile.
func Verify(ctx context.Context, d *domain.Domains, name string) ([]string, error) {
	return inspect(ctx, d, name, false)
}

// Mend inspects and repairs a domain.
func Mend(ctx context.Context, d *domain.Domains, name string) ([]string, error) {
	return inspect(ctx, d, name, true)
}

func inspect(ctx context.Context, d *domain.Domains, name string, repair bool) (found []string, err error) {
	cfg, err := d.Config(ctx, name)
	if err != nil {
		return nil, err
	}
	i := &Inspection{Domains: d, Domain: cfg.ID, Reveal: true, Repair: repair, Found: func(f *Fault) error {
		found = append(found, fmt.Sprintf("profile %s: %s %s", f.Profile, f.Text, f.Detail))
		return nil
	}}
	_, err = i.Run(ctx)
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

// spoil changes the records of a profile under its secret.
func spoil(ctx context.Context, d *domain.Domains, name string, id ID, fn func(s *stored, tx *seal.Tx)) error {
	cfg, err := d.Config(ctx, name)
	if err != nil {
		return err
	}
	ring, err := d.Ring(ctx, cfg)
	if err != nil {
		return err
	}
	v := &verifier{ctx: ctx, Inspection: &Inspection{}, st: d.Store(), cfg: cfg, ring: ring}
	s, err := v.base(id)
	if err != nil {
		return err
	}
	return d.UpdateOf(ctx, cfg.ID, func(_ *domain.Config, tx *seal.Tx) error {
		fn(s, tx.Under(s.head.secret))
		return nil
	})
}

// StaleHead leaves a profile as it was before its last value came.
func StaleHead(ctx context.Context, d *domain.Domains, name string, id ID) error {
	return spoil(ctx, d, name, id, func(s *stored, tx *seal.Tx) {
		h := *s.head
		h.facts = h.facts[:len(h.facts)-1]
		tx.Put(store.Key{Partition: partition(mustID(ctx, d, name), id), Sort: headSort}, h.encode())
	})
}

// StaleGroup does so with a merged profile.
func StaleGroup(ctx context.Context, d *domain.Domains, name string, id ID) error {
	return spoil(ctx, d, name, id, func(s *stored, tx *seal.Tx) {
		g := *s.group
		g.facts = g.facts[:len(g.facts)-1]
		tx.Put(store.Key{Partition: partition(mustID(ctx, d, name), id), Sort: groupSort}, g.encode())
	})
}

// StaleStandard does so with the first standard object of a profile.
func StaleStandard(ctx context.Context, d *domain.Domains, name string, id ID) error {
	return spoil(ctx, d, name, id, func(s *stored, tx *seal.Tx) {
		o := *s.standards[0]
		o.facts = o.facts[:len(o.facts)-1]
		tx.Put(store.Key{Partition: partition(mustID(ctx, d, name), id), Sort: standardSort(o.kind, o.id)}, o.encode())
	})
}

func mustID(ctx context.Context, d *domain.Domains, name string) domain.ID {
	cfg, err := d.Config(ctx, name)
	if err != nil {
		panic(err)
	}
	return cfg.ID
}
