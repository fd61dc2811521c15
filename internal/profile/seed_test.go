package profile_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
)

var (
	random   = flag.Bool("random", false, "make other sequences each time, as make soak does")
	repeated = flag.Uint64("seed", 0, "make the sequence of this seed, in every round; 0: those of the rounds")
)

// seedOf is the seed of a round of a test: the same each time, unless told otherwise,
// so that what passes today is not found to fail by whoever changes something else.
func seedOf(t testing.TB, round int) uint64 {
	if *repeated != 0 {
		return *repeated
	}
	if *random {
		return rand.Uint64()
	}
	h := fnv.New64a()
	fmt.Fprint(h, t.Name(), round)
	return h.Sum64()
}
