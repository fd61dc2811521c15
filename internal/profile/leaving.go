package profile

import (
	"fmt"
	"slices"
)

// leave gathers no more than those who leave, if what they leave stands as it
// stood but for fields that nobody else has: when none of their facts is later
// than the merge, no satellite depends on them, and the merge chose nothing else
// of theirs. Later merges had then nothing to decide in which they matter. It
// reports whether that is so; if not, nothing is gathered.
func (w *unmerging) leave(c *change, id ID) (bool, error) {
	g := c.group
	v, err := c.tx.Get(c.ctx, c.key(mergeSort(id)))
	if err != nil {
		return false, fmt.Errorf("merge: %w", err)
	}
	if v[0] == nil {
		return false, nil
	}
	m, err := decodeMerge(v[0])
	if err != nil || m.undone != 0 {
		return false, err
	}
	var bases []*base
	var merges []*merge
	leaving := map[ID]bool{}
	for open := m.merged; len(open) > 0; {
		if len(bases)+len(open) > (len(g.members)+1)/2 {
			return false, nil // reading all at once is less
		}
		list, err := readOutlines(w.ctx, &w.tx.Reader, w.cfg.ID, open)
		if err != nil {
			return false, err
		}
		open = nil
		for _, b := range list {
			if b.head.latest > m.seq {
				return false, nil
			}
			leaving[b.id] = true
			for _, x := range b.merges {
				if x.main == b.id && x.undone == 0 {
					merges, open = append(merges, x), append(open, x.merged...)
				}
			}
		}
		bases = append(bases, list...)
	}
	leaves := func(id ID) bool { return leaving[id] }
	for _, s := range g.satellites {
		if leaves(s.anchor) || slices.ContainsFunc(s.hits, leaves) {
			return false, nil
		}
	}
	if alone, err := w.alone(g, leaving, m.fields); !alone || err != nil {
		return false, err
	}
	byArrival(merges)
	w.g, w.merge, w.bases, w.rest, w.stays = g, m, bases, merges, true
	w.ascend()
	if m.main != g.root.id {
		w.rootOf[m.main] = g.root.id
	}
	return true, nil
}

// alone reports whether none of those who stay has a fact for any of some fields,
// or for what goes with them as a unit.
// What has a fact for a field has a value there, if nobody has ever removed one.
func (w *unmerging) alone(g *group, leaving map[ID]bool, fields []choice) (bool, error) {
	if len(fields) == 0 {
		return true, nil
	}
	chosen := make(map[string]bool, len(fields))
	for _, c := range fields {
		chosen[unit(c.path)] = true
	}
	staying := slices.DeleteFunc(g.all(), func(id ID) bool { return leaving[id] })
	for part := range slices.Chunk(staying, scanPage) {
		heads, err := readHeads(w.ctx, &w.tx.Reader, w.cfg.ID, part)
		if err != nil {
			return false, err
		}
		for _, h := range heads {
			if h == nil || h.cleared {
				return false, nil
			}
			for i := range h.facts {
				if chosen[unit(h.facts[i].Path)] {
					return false, nil
				}
			}
		}
	}
	return true, nil
}

// stay is what they have left.
func (w *unmerging) stay() *change {
	old, c := w.g, w.g.root
	g := &group{root: c, open: map[ID]*change{}, satellites: old.satellites, objects: old.objects, facts: old.facts, derived: old.derived, counted: old.counted}
	leaving := map[ID]bool{}
	for _, b := range w.bases {
		leaving[b.id] = true
		g.objects -= b.head.objects
	}
	g.members = slices.DeleteFunc(slices.Clone(old.members), func(id ID) bool { return leaving[id] })
	g.eras = slices.Clone(old.eras)
	for _, seq := range erasOf(append(w.rest[:len(w.rest):len(w.rest)], w.merge)) { // two merges may have the same place
		if i := slices.Index(g.eras, seq); i >= 0 {
			g.eras = slices.Delete(g.eras, i, i+1)
		}
	}
	for _, f := range w.merge.fields {
		if i, ok := find(g.facts, f.path); ok {
			g.facts = slices.Delete(g.facts, i, i+1)
		}
	}
	c.group = g
	return c
}
