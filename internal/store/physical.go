package store

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// A physical key is the one byte string under which an engine with a flat,
// ordered key space keeps a record or counter:
//
//	escape(partition) 00 01 kind sort
//
// escape replaces the byte 00 with 00 ff and leaves all others. So comparing
// physical keys byte by byte orders them by partition, then kind, then sort key;
// the first 00 01 ends the partition and nothing else does; and the partitions
// that start with a prefix are one contiguous range, that of the keys starting
// with escape(prefix).
//
// No partition is empty, so keys that start with 00 01 are free for an engine's
// own use.

// Kind tells the two sorts of physical keys of a partition apart.
type Kind byte

const (
	KindRecord  Kind = 1 // records, those of Put
	KindCounter Kind = 2 // counters, those of Add
)

const (
	escapeByte = 0x00
	escapedNul = 0xff
	terminator = 0x01
)

// MaxPhysicalKey is the length of the longest physical key, in bytes.
const MaxPhysicalKey = 2*MaxPartition + 3 + MaxSort

// AppendPartitionPrefix appends escape(prefix): the start of the physical keys
// of all partitions that start with prefix.
func AppendPartitionPrefix(dst, prefix []byte) []byte {
	for {
		i := bytes.IndexByte(prefix, escapeByte)
		if i < 0 {
			return append(dst, prefix...)
		}
		dst = append(dst, prefix[:i]...)
		dst = append(dst, escapeByte, escapedNul)
		prefix = prefix[i+1:]
	}
}

// AppendPartition appends the start that the physical keys of one partition, and
// of no other, have in common.
func AppendPartition(dst, partition []byte) []byte {
	return append(AppendPartitionPrefix(dst, partition), escapeByte, terminator)
}

// AppendPhysicalKey appends the physical key of k.
func AppendPhysicalKey(dst []byte, kind Kind, k Key) []byte {
	dst = append(AppendPartition(dst, k.Partition), byte(kind))
	return append(dst, k.Sort...)
}

// PhysicalKeyLen is the length of what [AppendPhysicalKey] appends.
func PhysicalKeyLen(k Key) int {
	return len(k.Partition) + bytes.Count(k.Partition, []byte{escapeByte}) + 3 + len(k.Sort)
}

// SplitPhysicalKey returns the length of the partition part of a physical key,
// its terminator included, or the length of all of it when there is none.
func SplitPhysicalKey(key []byte) int {
	for i := 0; ; i += 2 {
		j := bytes.IndexByte(key[i:], escapeByte)
		if j < 0 || i+j+1 >= len(key) {
			return len(key)
		}
		i += j
		if key[i+1] == terminator {
			return i + 2
		}
	}
}

// DecodePhysicalKey takes a physical key apart. The parts do not share memory
// with it. A key that AppendPhysicalKey cannot have made is [ErrCorrupt].
func DecodePhysicalKey(key []byte) (Kind, Key, error) {
	n := SplitPhysicalKey(key)
	if n < 3 || n+2 > len(key) || key[n-2] != escapeByte || key[n-1] != terminator {
		return 0, Key{}, corruptKey(key)
	}
	kind := Kind(key[n])
	if kind != KindRecord && kind != KindCounter {
		return 0, Key{}, corruptKey(key)
	}
	escaped := key[:n-2]
	buf := make([]byte, 0, len(escaped)+len(key)-n-1)
	for {
		i := bytes.IndexByte(escaped, escapeByte)
		if i < 0 {
			buf = append(buf, escaped...)
			break
		}
		if i+1 >= len(escaped) || escaped[i+1] != escapedNul {
			return 0, Key{}, corruptKey(key)
		}
		buf = append(append(buf, escaped[:i]...), escapeByte)
		escaped = escaped[i+2:]
	}
	p := len(buf)
	buf = append(buf, key[n+1:]...)
	return kind, Key{Partition: buf[:p:p], Sort: buf[p:]}, nil
}

func corruptKey(key []byte) error {
	return fmt.Errorf("%w: malformed key %s", ErrCorrupt, hex.EncodeToString(key[:min(len(key), MaxPhysicalKey)]))
}

// AppendPrefixEnd appends the smallest byte string that is greater than all that
// start with prefix, and reports false, appending nothing, when there is none.
func AppendPrefixEnd(dst, prefix []byte) ([]byte, bool) {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			dst = append(dst, prefix[:i+1]...)
			dst[len(dst)-1]++
			return dst, true
		}
	}
	return dst, false
}
