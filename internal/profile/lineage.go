package profile

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/seal"
)

// Lineage is what merges have made of a profile.
type Lineage struct {
	Domain    domain.ID
	Successor ID      // the profile under which clients see it; itself if it is not merged away
	Merges    []Merge // of all that are one with it now, undone ones too; the newest first
}

// Merge is one merge of a lineage.
type Merge struct {
	ID     ID
	Main   ID   // the profile that stayed
	Merged []ID // those that became part of it, in the order of the request
	At     time.Time
	By     string // ARN; empty when it was the service
	Rule   string
	// Fields are the paths that came from another profile than the main one, as
	// the merge decides now; Chosen are what the request had named. By path.
	Fields, Chosen []FieldSource
	Undone         time.Time // zero while it stands
	UndoneBy       string

	seq uint64
}

// FieldSource says which profile a field comes from.
type FieldSource struct {
	Path string
	From ID
}

// Place orders merges, the newest first, by comparing bytes.
func (m *Merge) Place() []byte {
	b := binary.BigEndian.AppendUint64(nil, descending(m.At.UnixMicro()))
	return append(binary.BigEndian.AppendUint64(b, ^m.seq), m.ID[:]...)
}

func (m *merge) account() Merge {
	sources := func(list []choice) []FieldSource {
		out := make([]FieldSource, len(list))
		for i, c := range list {
			out[i] = FieldSource{c.path, c.from}
		}
		return out
	}
	a := Merge{ID: m.id, Main: m.main, Merged: m.merged, At: time.UnixMicro(m.at).UTC(), By: m.by, Rule: m.rule,
		Fields: sources(m.fields), Chosen: sources(m.explicit), UndoneBy: m.undoneBy, seq: m.seq}
	if m.undone != 0 {
		a.Undone = time.UnixMicro(m.undone).UTC()
	}
	return a
}

// Lineage tells all merges that the profile, and those that are one with it now,
// took part in. A profile that is not there, merged away or not, is a NotFound
// fault.
func (s *Service) Lineage(ctx context.Context, domainName, profileID string) (*Lineage, error) {
	var out *Lineage
	err := s.domains.View(ctx, domainName, func(cfg *domain.Config, r *seal.Reader) error {
		out = &Lineage{Domain: cfg.ID}
		var err error
		if _, out.Successor, err = successor(ctx, r, cfg.ID, profileID); err != nil {
			return err
		}
		members, err := membersOf(ctx, r, cfg.ID, out.Successor)
		if err != nil {
			return err
		}
		seen := map[ID]bool{}
		for _, m := range members {
			list, err := scanMerges(ctx, m.view, m.partition)
			if err != nil {
				return err
			}
			for _, x := range list {
				if !seen[x.id] {
					seen[x.id] = true
					out.Merges = append(out.Merges, x.account())
				}
			}
		}
		slices.SortFunc(out.Merges, func(a, b Merge) int { return bytes.Compare(a.Place(), b.Place()) })
		return nil
	})
	return out, err
}

// successor is the profile under which clients see one that is there.
func successor(ctx context.Context, r *seal.Reader, d domain.ID, profileID string) (id, root ID, err error) {
	id, ok := ParseID(profileID)
	if !ok {
		return id, root, noProfile(profileID)
	}
	heads, err := readHeads(ctx, r, d, []ID{id})
	if err != nil {
		return id, root, err
	}
	if heads[0] == nil {
		return id, root, noProfile(profileID)
	}
	roots, err := rootsOf(ctx, r, d, []ID{id})
	if err != nil {
		return id, root, err
	}
	return id, roots[0], nil
}

// AsOf is the profile as it stood at a time, the whole millisecond included, and
// the profile of which it was part then: itself if it was not merged. A profile
// that there was not then is a NotFound fault, as is one that has been deleted
// since; a time before that from which its history is complete is an Invalid
// fault that names it.
func (s *Service) AsOf(ctx context.Context, domainName, profileID string, at time.Time) (root ID, p *profileapi.Profile, err error) {
	id, ok := ParseID(profileID)
	if !ok {
		return root, nil, noProfile(profileID)
	}
	err = s.domains.View(ctx, domainName, func(cfg *domain.Config, r *seal.Reader) error {
		end := at.Truncate(time.Millisecond).Add(time.Millisecond - time.Microsecond)
		w := &when{ctx: ctx, r: r, d: cfg.ID, at: end.UnixMicro(), seq: math.MaxUint64}
		if b, err := w.base(id); err != nil || b == nil {
			if err == nil {
				err = noProfile(profileID)
			}
			return err
		}
		var facts []Fact
		if root, facts, err = w.profile(id); err != nil {
			return err
		}
		p, err = shape(root, facts)
		return err
	})
	return root, p, err
}
