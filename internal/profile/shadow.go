package profile

import (
	"encoding/hex"
	"slices"

	"kindred/internal/domain"
)

// A dry run of a replay lays what it would write over what there is, in partitions
// of its own: 'd' DOMAIN 'r' RUN and the name of the partition that it stands for.
// They are of no more use when it has ended, and are removed then. Until then the
// configuration has an item for each run, so that a profile that is removed takes
// its shadows, which hold a copy of its head and so of its secret, with it.
const shadowItems = "shadow/" // + run in hex

// ShadowItem is the item of the configuration that says that there may be shadows
// of a run.
func ShadowItem(run [16]byte) string { return shadowItems + hex.EncodeToString(run[:]) }

// DryRuns is what the names of the partitions of all dry runs begin with.
func DryRuns(d domain.ID) []byte { return d.Partition('r') }

// Shadows is what the names of all of a run's partitions begin with.
func Shadows(d domain.ID, run [16]byte) []byte { return d.Partition('r', run[:]...) }

// Shadow is the partition that stands for another.
func Shadow(d domain.ID, run [16]byte, p []byte) []byte {
	return slices.Concat(Shadows(d, run), p)
}

// shadows are the partitions of runs under way that stand for the profile's.
func (c *change) shadows() (list [][]byte) {
	for name := range c.cfg.Items(shadowItems) {
		var run [16]byte
		if n, err := hex.Decode(run[:], []byte(name)); err == nil && n == len(run) {
			list = append(list, Shadow(c.cfg.ID, run, c.p))
		}
	}
	return list
}
