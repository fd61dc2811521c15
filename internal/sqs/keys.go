package sqs

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"

	"kindred/internal/store"
)

// id is a random identifier: of a queue, a message space, a message or a task.
type id [16]byte

// newID makes a random identifier of the form of a version 4 UUID (RFC 9562).
func newID() (v id) {
	rand.Read(v[:]) // never fails, see crypto/rand
	v[6] = v[6]&0x0f | 0x40
	v[8] = v[8]&0x3f | 0x80
	return v
}

// String is the textual form of a UUID.
func (v id) String() string {
	var b [36]byte
	hex.Encode(b[0:8], v[0:4])
	hex.Encode(b[9:13], v[4:6])
	hex.Encode(b[14:18], v[6:8])
	hex.Encode(b[19:23], v[8:10])
	hex.Encode(b[24:36], v[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// shards of the index of a message space. It is part of the stored format.
const shards = 4

// shard is where the index records of a message are.
func (v id) shard() int { return int(v[0]) % shards }

// Partitions. Those that end in a slash are whole; the others are led by it.
const (
	directoryPartition = "sqs/n/"
	runningPartition   = "sqs/r/"
	dropPartition      = "sqs/x/"
	queuePartition     = "sqs/q/"
	sourcesPartition   = "sqs/d/"
	tasksPartition     = "sqs/t/"
	spacePartition     = "sqs/s/"
)

func key(partition, sort string) store.Key {
	return store.Key{Partition: []byte(partition), Sort: []byte(sort)}
}

func configKey(name string) store.Key    { return key(queuePartition+name, "config") }
func directoryKey(name string) store.Key { return key(directoryPartition, name) }
func runningKey(name string) store.Key   { return key(runningPartition, name) }
func dropKey(space id) store.Key         { return key(dropPartition, string(space[:])) }

func sourceKey(target, source string) store.Key { return key(sourcesPartition+target, source) }

// spacePrefix leads all partitions of a message space.
func spacePrefix(space id) []byte { return append([]byte(spacePartition), space[:]...) }

func messagePartition(space, message id) []byte {
	p := make([]byte, 0, len(spacePartition)+len(space)+1+len(message))
	p = append(p, spacePartition...)
	p = append(p, space[:]...)
	p = append(p, 'm')
	return append(p, message[:]...)
}

func bodyKey(space, message id) store.Key {
	return store.Key{Partition: messagePartition(space, message), Sort: []byte{'b'}}
}

func stateKey(space, message id) store.Key {
	return store.Key{Partition: messagePartition(space, message), Sort: []byte{'s'}}
}

func indexPartition(space id, shard int) []byte {
	return append(spacePrefix(space), 'i', byte(shard))
}

// The two orders of an index, and its counters.
const (
	byVisibility = 'v'
	bySent       = 'x'
	countAll     = "all"      // messages in the space
	countTaken   = "received" // those among them that have been received
)

func indexSort(order byte, at int64, message id) []byte {
	b := make([]byte, 0, 1+8+len(message))
	b = append(b, order)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	return append(b, message[:]...)
}

// indexFrom is the first sort key of an order at or after a time.
func indexFrom(order byte, at int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{order}, uint64(at))
}

func visibilityKey(space, message id, at int64) store.Key {
	return store.Key{Partition: indexPartition(space, message.shard()), Sort: indexSort(byVisibility, at, message)}
}

func sentKey(space, message id, at int64) store.Key {
	return store.Key{Partition: indexPartition(space, message.shard()), Sort: indexSort(bySent, at, message)}
}

func counterKey(space id, shard int, name string) store.Key {
	return store.Key{Partition: indexPartition(space, shard), Sort: []byte(name)}
}

// parseIndex reads the sort key of an index record.
func parseIndex(sort []byte) (at int64, message id, ok bool) {
	if len(sort) != 1+8+len(message) {
		return 0, id{}, false
	}
	copy(message[:], sort[9:])
	return int64(binary.BigEndian.Uint64(sort[1:])), message, true
}

func taskPartition(queue id) []byte { return append([]byte(tasksPartition), queue[:]...) }

func taskSort(started int64, task id) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(started)), task[:]...)
}
