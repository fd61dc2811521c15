package domain

import (
	"crypto/rand"
	"encoding/hex"

	"kindred/internal/store"
)

// ID identifies a domain for ever; its name may change. All partitions of a
// domain lead with it.
type ID [8]byte

// NewID makes a random identifier.
func NewID() (id ID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Prefix is what the keys of all partitions of the domain start with.
func (id ID) Prefix() []byte { return append([]byte{'d'}, id[:]...) }

// Partition names a partition of the domain. Each concept has a kind of its
// own: 'c' configuration, 'n' counters, 'p' a profile, 'k' an index key,
// 'u' a unique key, 'x' an hour in which profiles are due, 'm' a merge, 'z' the
// end of a profile, 'j' jobs, 'e' reports of erasures, 'r' dry runs of replays, 'a' activity. Package rekey has to know
// each kind: whether its values are sealed with the domain's data keys.
func (id ID) Partition(kind byte, rest ...byte) []byte {
	b := make([]byte, 0, 1+len(id)+1+len(rest))
	b = append(b, 'd')
	b = append(b, id[:]...)
	b = append(b, kind)
	return append(b, rest...)
}

// The partition of the names of all domains. Sort keys are 'n' and the name
// (value: the ID), and 'x' and the ID of a domain whose data are being removed.
var names = []byte("domains")

func nameKey(name string) store.Key {
	return store.Key{Partition: names, Sort: append([]byte{'n'}, name...)}
}
func goneKey(id ID) store.Key {
	return store.Key{Partition: names, Sort: append([]byte{'x'}, id[:]...)}
}

func (id ID) configKey(item string) store.Key {
	return store.Key{Partition: id.Partition('c'), Sort: []byte(item)}
}

// Items of the configuration partition. Every item but the revision is sealed
// under the root key, so that the configuration can be read and repaired while
// the domain's own key is out of use.
const (
	revisionItem = "rev"  // changes with every change of the configuration
	infoItem     = "info" // type info
	indexItem    = "idx"  // index key, sealed under a data key
	dataKeyItems = "dek/" // + number in hex: type dataKey
)
