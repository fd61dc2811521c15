package profilemodel_test

import (
	"slices"
	"testing"
)

// TestSequencesReachWhatIsRare: the generated sequences come by everything that
// the model is there to tell. It runs on the model alone.
func TestSequencesReachWhatIsRare(t *testing.T) {
	reached := map[string]int{}
	for seed := range uint64(60) {
		m := newModel()
		g := newGenerator(seed, m)
		for range 150 {
			s := g.step()
			if slices.Contains(queries, s.Op) {
				m.query(s)
				continue
			}
			a := m.apply(s)
			for _, name := range a.profiles {
				m.ids[name] = nobody[len(name):] + name
			}
			reached[s.Op]++
			if a.Err == errSeveral {
				reached["a refused unmerge"]++
			}
		}
		for what, n := range m.tally {
			reached[what] += n
		}
	}
	for _, what := range []string{"evicted", "outdated", "moved", "several standard objects", "let in by a merge", "sent back", "decided anew",
		"expired profile", "expired object", "nothing left", "rename", "unmerge", "merge", "put type"} {
		if reached[what] == 0 {
			t.Errorf("no sequence reaches: %s", what)
		}
	}
	t.Log(reached)
}
