package profilemodel_test

import (
	"flag"
	"maps"
	"slices"
	"testing"
	"time"
)

var (
	seeds     = flag.Int("model.seeds", 6, "how many sequences")
	firstSeed = flag.Uint64("model.seed", 0, "the seed of the first sequence, from which the others count; 0: always the same, or random ones with -model.for")
	forTime   = flag.Duration("model.for", 0, "how long to make sequences, whatever model.seeds says")
	length    = flag.Int("model.steps", 150, "how many steps a sequence has")
)

// Bounds of making a sequence smaller.
const (
	shrinkRuns = 2000
	shrinkTime = 90 * time.Second
)

// shrinking is the search for a small sequence that is still answered otherwise.
type shrinking struct {
	t       *testing.T
	seed    uint64
	steps   []step
	problem string
	runs    int
	until   time.Time
	on      int  // so many engines
	each    bool // look after each step
}

// shrink makes a sequence smaller: runs of steps are left out, then single ones,
// then what the steps say.
func shrink(t *testing.T, seed uint64, steps []step, problem string) ([]step, string) {
	s := &shrinking{t: t, seed: seed, steps: steps, problem: problem, until: time.Now().Add(shrinkTime), each: true}
	if s.on = 1; !s.try(steps) { // one is faster, if it is no matter of a difference between them
		if s.on = len(storageEngines); !s.try(steps) {
			return steps, problem // only as it was generated
		}
	}
	s.each = false // what is wrong shows after the last step now
	for before := -1; before != len(s.steps); {
		before = len(s.steps)
		for size := max(1, len(s.steps)/2); size > 0; size /= 2 {
			for at := len(s.steps) - size; at >= 0; at -= size {
				s.try(slices.Delete(slices.Clone(s.steps), at, min(at+size, len(s.steps))))
				at = min(at, len(s.steps))
			}
		}
	}
	for i := 0; i < len(s.steps); i++ {
		s.simplify(i)
	}
	return s.steps, s.problem
}

// try runs steps from the beginning and keeps them if an answer is still wrong.
func (s *shrinking) try(steps []step) bool {
	if s.runs++; s.runs > shrinkRuns || time.Now().After(s.until) {
		return false
	}
	r := newRun(s.t, s.seed, s.on)
	defer r.scope.close()
	problem := r.given(steps, s.each)
	if problem == "" {
		return false
	}
	s.steps, s.problem = r.steps, problem
	return true
}

// simplify makes a step say less. The sequence may become shorter than it was.
func (s *shrinking) simplify(i int) {
	try := func(edit func(*step) bool) {
		if i >= len(s.steps) {
			return
		}
		steps := slices.Clone(s.steps)
		if edit(&steps[i]) {
			s.try(steps)
		}
	}
	was := s.steps[i]
	for j := len(was.Records) - 1; j >= 0; j-- {
		for _, name := range slices.Sorted(maps.Keys(was.Records[j])) {
			try(func(x *step) bool {
				x.Records = slices.Clone(x.Records)
				x.Records[j] = maps.Clone(x.Records[j])
				delete(x.Records[j], name)
				return true
			})
		}
		try(func(x *step) bool {
			x.Records = slices.Delete(slices.Clone(x.Records), j, j+1)
			return len(x.Records) > 0
		})
	}
	for _, name := range slices.Sorted(maps.Keys(was.Members)) {
		try(func(x *step) bool { x.Members = maps.Clone(x.Members); delete(x.Members, name); return true })
	}
	for j := len(was.Keys) - 1; j >= 0; j-- {
		try(func(x *step) bool { x.Keys = slices.Delete(slices.Clone(x.Keys), j, j+1); return len(x.Keys) > 0 })
	}
	if len(was.Profiles) > 2 {
		try(func(x *step) bool { x.Profiles = x.Profiles[:2]; return true })
	}
}
