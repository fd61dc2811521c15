package profile

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// ID identifies a profile: 128 random bits, on the wire 32 lower-case
// hexadecimal digits.
type ID [16]byte

// NewID makes a random identifier.
func NewID() (id ID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads an identifier as the wire has it.
func ParseID(s string) (id ID, ok bool) {
	if len(s) != hex.EncodedLen(len(id)) {
		return id, false
	}
	for _, c := range []byte(s) {
		if c >= 'A' && c <= 'F' {
			return id, false
		}
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, false // and not what was read before the mistake
	}
	return id, true
}

// The data of a profile share a partition, whose sort keys begin with:
//
//	a                           the secret that the keys of all others follow from
//	h                           the head: the folded profile and its bookkeeping
//	m                           what people wrote: manual facts and added keys
//	c type 0 hash               contribution of the object with that unique key;
//	                            with a hash of zero, of those that were evicted
//	o type 0 time hash          the object as it was ingested, newest first
//	s kind 0 id                 a standard object below the profile, folded
//	k kind 0 hash id            finds a standard object by one of its keys
//	g                           the group of which it is the root: the merged profile
//	i                           the id of the root that it was merged into
//	j merge                     a merge that it took part in
//	y seq                       the log: what happened to it, see entry
//
// All of them but 'a', 'i' and 'k', which hold random bits and keyed hashes only,
// are sealed under the profile's secret (see seal.Secret): with that, the
// profile's keys are gone.
//
// type and kind are names without a zero byte, hash is a seal.Hash (of "k": its
// first half), time is the object's time in microseconds, inverted.
//
// Three kinds of partition lead to profiles. In that of a key's hash ('k'), each
// sort key is a class byte and a profile id; the value counts how many
// contributions of the profile have the key. In that of an object's unique key
// ('u') the one record holds the id of the profile that has the object. In that
// of a merge ('m') the one record holds the id of the main profile of it. Those of
// due times ('x') are described in expire.go.
var (
	secretSort = []byte("a")
	headSort   = []byte("h")
	manualSort = []byte("m")
	groupSort  = []byte("g")
	intoSort   = []byte("i")
)

// isPlain reports whether a record of a profile's partition is not sealed: its
// value is empty, or nothing but random.
func isPlain(sort []byte) bool { return sort[0] == 'k' || sort[0] == 'i' || sort[0] == 'a' }

func mergeSort(id ID) []byte { return append([]byte{'j'}, id[:]...) }

func logSort(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'y'}, seq) }

func mergeKey(d domain.ID, id ID) store.Key {
	return store.Key{Partition: d.Partition('m', id[:]...), Sort: []byte{'p'}}
}

func partition(d domain.ID, id ID) []byte { return d.Partition('p', id[:]...) }

func named(tag byte, name string, extra int) []byte {
	b := make([]byte, 0, 2+len(name)+extra)
	b = append(b, tag)
	b = append(b, name...)
	return append(b, 0)
}

func contributionSort(o Origin) []byte {
	return append(named('c', o.Type, seal.HashSize), o.Object[:]...)
}

func objectSort(o Origin, at int64) []byte {
	b := named('o', o.Type, 8+seal.HashSize)
	b = binary.BigEndian.AppendUint64(b, descending(at))
	return append(b, o.Object[:]...)
}

// descending turns a time into a number that is smaller the later it is, times
// before 1970 included.
func descending(at int64) uint64 { return ^(uint64(at) ^ 1<<63) }

func standardSort(kind string, id ID) []byte { return append(named('s', kind, len(id)), id[:]...) }

// keyHash is the half of a hash that index records are named by: 128 bits keep
// accidental collisions out of reach at any size.
const keyHash = seal.HashSize / 2

func standardKeySort(kind string, h seal.Hash) []byte {
	return append(named('k', kind, keyHash+16), h[:keyHash]...)
}

// within is the span of all sort keys that start with prefix.
func within(p, prefix []byte, limit int) store.Span {
	return store.Span{Partition: p, Start: prefix, End: after(prefix), Limit: limit}
}

// after is the first sort key behind all that start with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// Classes of index entries.
const (
	matching byte = 'm' // used to attach objects, and found by searches
	findable byte = 's' // found by searches only
)

// Kinds of identifier under the domain's index key.
const (
	identKey      byte = 'k' // key name and normalised value
	identUnique   byte = 'u' // object type and unique value
	identStandard byte = 's' // key name and value of a standard object
	identGone     byte = 'g' // id of a profile that is gone
)

func indexPartition(d domain.ID, h seal.Hash) []byte { return d.Partition('k', h[:keyHash]...) }

func indexKey(d domain.ID, h seal.Hash, class byte, id ID) store.Key {
	return store.Key{Partition: indexPartition(d, h), Sort: append([]byte{class}, id[:]...)}
}

func uniqueKey(d domain.ID, o Origin) store.Key {
	return store.Key{Partition: d.Partition('u', o.Object[:keyHash]...), Sort: []byte{'p'}}
}
