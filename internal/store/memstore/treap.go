package memstore

import (
	"bytes"
	"math/rand/v2"
)

// node is a node of a persistent treap: an ordered map from physical key to
// value. Nodes are never changed, so a root is a snapshot.
type node struct {
	key         []byte
	value       []byte // of a record
	count       int64  // of a counter
	priority    uint64
	left, right *node
}

func newNode(key, value []byte, count int64) *node {
	return &node{key: key, value: value, count: count, priority: rand.Uint64()}
}

func (n *node) with(left, right *node) *node {
	c := *n
	c.left, c.right = left, right
	return &c
}

// get returns the node of key, or nil.
func (n *node) get(key []byte) *node {
	for n != nil {
		switch c := bytes.Compare(key, n.key); {
		case c == 0:
			return n
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil
}

// split divides a treap into the keys below key and the others.
func (n *node) split(key []byte) (below, rest *node) {
	if n == nil {
		return nil, nil
	}
	if bytes.Compare(n.key, key) < 0 {
		l, r := n.right.split(key)
		return n.with(n.left, l), r
	}
	l, r := n.left.split(key)
	return l, n.with(r, n.right)
}

// join puts two treaps together; all keys of a must be below those of b.
func join(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		return a.with(a.left, join(a.right, b))
	default:
		return b.with(join(a, b.left), b.right)
	}
}

// put returns the treap with m in the place of its key.
func (n *node) put(m *node) *node {
	below, rest := n.split(m.key)
	_, above := rest.split(append(m.key[:len(m.key):len(m.key)], 0))
	return join(join(below, m), above)
}

// drop returns the treap without the keys from start up to but not including
// end; no end means all that follow.
func (n *node) drop(start, end []byte) *node {
	below, rest := n.split(start)
	if end == nil {
		return below
	}
	_, above := rest.split(end)
	return join(below, above)
}

// ascend calls yield for the keys in [start, end) in order until it returns
// false; no end means all that follow. It returns false if yield did.
func (n *node) ascend(start, end []byte, yield func(*node) bool) bool {
	if n == nil {
		return true
	}
	fromStart := bytes.Compare(n.key, start) >= 0
	if fromStart && !n.left.ascend(start, end, yield) {
		return false
	}
	if end != nil && bytes.Compare(n.key, end) >= 0 {
		return true
	}
	if fromStart && !yield(n) {
		return false
	}
	return n.right.ascend(start, end, yield)
}

// descend is ascend in the opposite order.
func (n *node) descend(start, end []byte, yield func(*node) bool) bool {
	if n == nil {
		return true
	}
	beforeEnd := end == nil || bytes.Compare(n.key, end) < 0
	if beforeEnd && !n.right.descend(start, end, yield) {
		return false
	}
	if bytes.Compare(n.key, start) < 0 {
		return true
	}
	if beforeEnd && !yield(n) {
		return false
	}
	return n.left.descend(start, end, yield)
}
