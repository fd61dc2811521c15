package profile_test

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
)

var random = flag.Bool("random", false, "make other sequences each time, as make soak does")

// seedOf is the seed of a round of a test: the same each time, unless told otherwise,
// so that what passes today is not found to fail by whoever changes something else.
func seedOf(t testing.TB, round int) uint64 {
	if *random {
		return rand.Uint64()
	}
	h := fnv.New64a()
	fmt.Fprint(h, t.Name(), round)
	return h.Sum64()
}
