package replay

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"kindred/internal/domain"
	"kindred/internal/job"
	"kindred/internal/profile"
	"kindred/internal/store"
)

// overlay is a transaction that changes nothing of what it is laid over: its writes
// go to records of a job, and its reads see them on top of what there is. So a dry
// run is the replay itself, step after step, and each step sees what those before
// have done. Counters are not kept: nobody reads them.
//
// What the run wrote to a record is at its sort key behind 'w', in the partition
// 'd' DOMAIN 'r' JOB and the record's own: a byte that says whether it is there,
// and the value, which is sealed for its proper place. An empty record 'c' says
// that the partition was cleared before.
type overlay struct {
	tx   store.Tx
	d    domain.ID
	run  job.ID
	keep bool // for later steps; else nothing is written at all
	buf  store.Buffer
}

var _ store.Tx = (*overlay)(nil)

const (
	removed byte = iota
	written
)

var clearedSort = []byte{'c'}

func (o *overlay) shadow(partition []byte) []byte { return profile.Shadow(o.d, o.run, partition) }

func shadowSort(sort []byte) []byte { return append([]byte{'w'}, sort...) }

func (o *overlay) Now() time.Time { return o.tx.Now() }

func (o *overlay) Put(k store.Key, value []byte)    { o.buf.Put(k, value) }
func (o *overlay) PutNew(k store.Key, value []byte) { o.buf.PutNew(k, value) }
func (o *overlay) Delete(k store.Key)               { o.buf.Delete(k) }
func (o *overlay) Clear(partition []byte)           { o.buf.Clear(partition) }
func (o *overlay) Add(store.Key, int64)             {}

func (o *overlay) Expect(k store.Key, value []byte) { o.tx.Expect(k, value) }

// Ahead does nothing: what is below is read otherwise.
func (o *overlay) Ahead(context.Context, ...store.Span) {}

func (o *overlay) Count(ctx context.Context, keys ...store.Key) ([]int64, error) {
	return o.tx.Count(ctx, keys...)
}

func (o *overlay) Get(ctx context.Context, keys ...store.Key) ([][]byte, error) {
	out := make([][]byte, len(keys))
	var ask []store.Key
	var at []int
	for i, k := range keys {
		v, known, err := o.buf.Get(k)
		if err != nil {
			return nil, err
		}
		if out[i] = v; !known {
			ask, at = append(ask, k), append(at, i)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	below, err := o.tx.Get(ctx, ask...)
	if err != nil {
		return nil, err
	}
	var over [][]byte
	if o.keep {
		var shadows []store.Key
		for _, k := range ask {
			p := o.shadow(k.Partition)
			shadows = append(shadows, store.Key{Partition: p, Sort: shadowSort(k.Sort)}, store.Key{Partition: p, Sort: clearedSort})
		}
		if over, err = o.tx.Get(ctx, shadows...); err != nil {
			return nil, err
		}
	}
	for j, i := range at {
		out[i] = below[j]
		if !o.keep {
			continue
		}
		switch v := over[2*j]; {
		case len(v) > 0 && v[0] == written:
			out[i] = v[1:]
		case len(v) > 0 || over[2*j+1] != nil:
			out[i] = nil
		}
	}
	return out, nil
}

func (o *overlay) Scan(ctx context.Context, spans ...store.Span) ([][]store.Record, error) {
	out := make([][]store.Record, len(spans))
	for i, s := range spans {
		base, need, err := o.buf.BaseSpan(s)
		if err != nil {
			return nil, err
		}
		var list []store.Record
		if need {
			if list, err = o.below(ctx, base); err != nil {
				return nil, err
			}
		}
		out[i] = o.buf.Merge(s, list)
	}
	return out, nil
}

// below reads a span as it is and as earlier steps have left it. The limit may be
// over that of the store.
func (o *overlay) below(ctx context.Context, s store.Span) ([]store.Record, error) {
	if !o.keep {
		return all(ctx, o.tx, s)
	}
	p := o.shadow(s.Partition)
	over := store.Span{Partition: p, Start: shadowSort(s.Start), End: []byte{'w' + 1}, Limit: store.MaxScan}
	if len(s.End) > 0 {
		over.End = shadowSort(s.End)
	}
	shadows, err := all(ctx, o.tx, over)
	if err != nil {
		return nil, err
	}
	cleared, err := o.tx.Get(ctx, store.Key{Partition: p, Sort: clearedSort})
	if err != nil {
		return nil, err
	}
	if len(shadows) == 0 && cleared[0] == nil {
		return all(ctx, o.tx, s)
	}
	var layer store.Buffer
	if cleared[0] != nil {
		layer.Clear(s.Partition)
	}
	for _, rec := range shadows {
		k := store.Key{Partition: s.Partition, Sort: rec.Key.Sort[1:]}
		if len(rec.Value) == 0 {
			return nil, fmt.Errorf("record of a dry run: %w", store.ErrCorrupt)
		}
		if rec.Value[0] == written {
			layer.Put(k, rec.Value[1:])
		} else {
			layer.Delete(k)
		}
	}
	limit := s.Limit
	s.Limit = min(limit, store.MaxScan)
	base, need, err := layer.BaseSpan(s)
	var list []store.Record
	if err == nil && need {
		base.Limit += limit - s.Limit
		list, err = all(ctx, o.tx, base)
	}
	if err != nil {
		return nil, err
	}
	s.Limit = limit
	return layer.Merge(s, list), nil
}

// all reads a span whose limit may be over that of the store.
func all(ctx context.Context, r store.Reader, s store.Span) ([]store.Record, error) {
	var list []store.Record
	for limit := s.Limit; len(list) < limit; {
		s.Limit = min(limit-len(list), store.MaxScan)
		some, err := r.Scan(ctx, s)
		if err != nil {
			return nil, err
		}
		list = append(list, some[0]...)
		if len(some[0]) < s.Limit {
			break
		}
		last := some[0][len(some[0])-1].Key.Sort
		if s.Reverse {
			s.End = last
		} else {
			s.Start = append(bytes.Clone(last), 0)
		}
	}
	return list, nil
}

// end keeps what was written for later steps.
func (o *overlay) end() error {
	if err := o.buf.Err(); err != nil || !o.keep {
		return err
	}
	for _, p := range o.buf.Partitions() {
		if p.Cleared {
			s := o.shadow(p.Partition)
			o.tx.Clear(s)
			o.tx.Put(store.Key{Partition: s, Sort: clearedSort}, nil)
		}
	}
	for _, w := range o.buf.Writes() {
		k := store.Key{Partition: o.shadow(w.Key.Partition), Sort: shadowSort(w.Key.Sort)}
		switch w.Kind {
		case store.WritePut:
			o.tx.Put(k, append([]byte{written}, w.Value...))
		case store.WriteDelete:
			o.tx.Put(k, []byte{removed})
		}
	}
	return nil
}
