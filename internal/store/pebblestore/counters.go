package pebblestore

import (
	"encoding/binary"
	"fmt"

	"kindred/internal/store"
)

// maxCachedCounters bounds the memory of the cache to some ten megabytes.
const maxCachedCounters = 1 << 16

// counters caches the values of counters. It is used inside the critical
// section of commits only and is exact: each commit that changes a counter
// changes it here.
type counters struct {
	values map[string]map[string]int64 // by partition and sort key
	n      int
}

func (c *counters) get(k store.Key) (int64, bool) {
	v, ok := c.values[string(k.Partition)][string(k.Sort)]
	return v, ok
}

func (c *counters) set(k store.Key, v int64) {
	p := c.values[string(k.Partition)]
	if p == nil {
		if c.n >= maxCachedCounters || c.values == nil {
			c.reset()
		}
		p = make(map[string]int64)
		c.values[string(k.Partition)] = p
	}
	if _, ok := p[string(k.Sort)]; !ok {
		c.n++
	}
	p[string(k.Sort)] = v
	if c.n > 2*maxCachedCounters { // a partition with very many
		c.reset()
	}
}

// forget removes all counters of a partition.
func (c *counters) forget(partition []byte) {
	if p, ok := c.values[string(partition)]; ok {
		c.n -= len(p)
		delete(c.values, string(partition))
	}
}

func (c *counters) reset() {
	c.values, c.n = make(map[string]map[string]int64), 0
}

// A counter is stored as eight bytes, big-endian two's complement.
func encodeCounter(dst []byte, v int64) { binary.BigEndian.PutUint64(dst, uint64(v)) }

func decodeCounter(value []byte) (int64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("%w: a counter of %d bytes", store.ErrCorrupt, len(value))
	}
	return int64(binary.BigEndian.Uint64(value)), nil
}
