package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"kindred/internal/store"
)

// toldEvery is after how many entries of a comparison progress is told.
const toldEvery = 1 << 14

// digest is the SHA-256 over all entries, each with the lengths of its parts.
type digest struct {
	hash.Hash
	lengths [13]byte
}

func newDigest() *digest { return &digest{Hash: sha256.New()} }

func (d *digest) add(k kind, e entry) {
	d.lengths[0] = byte(k)
	binary.BigEndian.PutUint32(d.lengths[1:], uint32(len(e.key.Partition)))
	binary.BigEndian.PutUint32(d.lengths[5:], uint32(len(e.key.Sort)))
	binary.BigEndian.PutUint32(d.lengths[9:], uint32(len(e.value)))
	for _, part := range [][]byte{d.lengths[:], e.key.Partition, e.key.Sort, e.value} {
		d.Write(part) // a hash takes everything
	}
}

// compare reads both stores from beginning to end. The error names the first key that
// is not the same.
func (c *Copy) compare(ctx context.Context) (*Result, error) {
	r := &Result{}
	source, copied := newDigest(), newDigest()
	for _, k := range []kind{records, counters} {
		if err := c.compareAll(ctx, k, r, source, copied); err != nil {
			return nil, err
		}
	}
	sum := source.Sum(nil)
	if !bytes.Equal(sum, copied.Sum(nil)) {
		return nil, fmt.Errorf("%w: their digests are not the same", ErrDiffers)
	}
	r.Digest = hex.EncodeToString(sum)
	c.tell(true, r.Records, r.Counters, r.Bytes)
	return r, nil
}

func (c *Copy) compareAll(ctx context.Context, k kind, r *Result, source, copied *digest) error {
	from, to := newWalk(ctx, c.From, k, store.Key{}), newWalk(ctx, c.To, k, store.Key{})
	defer from.stop()
	defer to.stop()
	for n := 1; ; n++ {
		x, more, err := from.next()
		if err != nil {
			return err
		}
		y, moreCopied, err := to.next()
		if err != nil {
			return err
		}
		if !more && !moreCopied {
			return nil
		}
		if what := difference(k, x, more, y, moreCopied); what != "" {
			return fmt.Errorf("%w: %s; if the source was in use meanwhile, stop what used it and copy with --restart", ErrDiffers, what)
		}
		source.add(k, x)
		copied.add(k, y)
		if k == records {
			r.Records++
		} else {
			r.Counters++
		}
		r.Bytes += x.size()
		if n%toldEvery == 0 {
			c.tell(true, r.Records, r.Counters, r.Bytes)
		}
	}
}

// difference says what is not the same, in words without data: keys are in hex.
func difference(k kind, x entry, inSource bool, y entry, inCopy bool) string {
	what := "record"
	if k == counters {
		what = "counter"
	}
	order := 0
	if inSource && inCopy {
		order = compareKeys(x.key, y.key)
	}
	switch {
	case !inCopy || inSource && order < 0:
		return fmt.Sprintf("the %s %s of the source is not in the copy", what, show(x.key))
	case !inSource || order > 0:
		return fmt.Sprintf("the %s %s of the copy is not in the source", what, show(y.key))
	case !bytes.Equal(x.value, y.value):
		return fmt.Sprintf("the %s %s has another value", what, show(x.key))
	}
	return ""
}

func compareKeys(x, y store.Key) int {
	if c := slices.Compare(x.Partition, y.Partition); c != 0 {
		return c
	}
	return slices.Compare(x.Sort, y.Sort)
}

func show(k store.Key) string {
	return hex.EncodeToString(k.Partition) + "/" + hex.EncodeToString(k.Sort)
}
