package kms

import (
	"bytes"
	"sync"

	"github.com/tink-crypto/tink-go/v2/tink"
)

const (
	// recordCacheBytes bounds the sealed bytes of records kept opened; opened
	// they take a few times as much.
	recordCacheBytes = 8 << 20
	// materialCacheKeys bounds the number of ciphers kept.
	materialCacheKeys = 1024
)

// recordCache keeps records opened, by their place. An entry counts only for the
// very bytes it was opened from, and each sealing has a nonce of its own, so no
// change in the store is ever overlooked and nothing need be invalidated.
type recordCache struct {
	limit int

	mu sync.RWMutex // guards the following
	at map[string]recordEntry
	n  int // bytes
}

type recordEntry struct {
	sealed []byte
	value  any
}

func newRecordCache(limit int) *recordCache {
	return &recordCache{limit: limit, at: map[string]recordEntry{}}
}

// get returns what the sealed bytes at a place were opened to, nil if unknown.
func (c *recordCache) get(place, sealed []byte) any {
	c.mu.RLock()
	e, ok := c.at[string(place)]
	c.mu.RUnlock()
	if !ok || !bytes.Equal(e.sealed, sealed) {
		return nil
	}
	return e.value
}

func (c *recordCache) put(place, sealed []byte, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(string(place))
	c.at[string(place)] = recordEntry{bytes.Clone(sealed), value}
	c.n += cost(len(place), len(sealed))
	for victim := range c.at { // in no order: good enough where all is cheap to reopen
		if c.n <= c.limit {
			return
		}
		c.remove(victim)
	}
}

// remove needs mu.
func (c *recordCache) remove(place string) {
	if e, ok := c.at[place]; ok {
		c.n -= cost(len(place), len(e.sealed))
		delete(c.at, place)
	}
}

func (c *recordCache) drop(place []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(string(place))
}

func cost(place, sealed int) int { return 256 + place + sealed }

// material is the cipher of one version of a key.
type material struct {
	id   string // KeyMaterialId
	aead tink.AEAD
}

type materialKey struct {
	key     keyID
	version uint32
}

// materialCache keeps ciphers. A version's material never changes, and it is
// looked for only after the key's record has been read and allows its use.
type materialCache struct {
	limit int

	mu sync.RWMutex // guards the following
	at map[materialKey]*material
}

func newMaterialCache(limit int) *materialCache {
	return &materialCache{limit: limit, at: map[materialKey]*material{}}
}

func (c *materialCache) get(k materialKey) *material {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.at[k]
}

func (c *materialCache) put(k materialKey, m *material) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for victim := range c.at {
		if len(c.at) < c.limit {
			break
		}
		delete(c.at, victim)
	}
	c.at[k] = m
}

// dropKey forgets all material of a key.
func (c *materialCache) dropKey(id keyID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.at {
		if k.key == id {
			delete(c.at, k)
		}
	}
}
