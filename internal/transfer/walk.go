package transfer

import (
	"context"
	"encoding/binary"

	"kindred/internal/store"
)

// kind is what there is to walk over.
type kind int

const (
	records kind = iota
	counters
)

// entry is a record, or a counter with its value as eight bytes.
type entry struct {
	key   store.Key
	value []byte
}

func (e entry) count() int64 { return int64(binary.BigEndian.Uint64(e.value)) }

func (e entry) size() int64 { return int64(len(e.key.Partition) + len(e.key.Sort) + len(e.value)) }

// Pages are as large as their bytes allow: a page of values of the largest size would
// fill the memory otherwise.
const (
	firstPage = 32
	maxPage   = 1024
	pageBytes = 2 << 20
)

// Batches are cut so that one is a transaction that an engine likes: of few bytes and
// few partitions.
const (
	batchRecords    = 512
	batchBytes      = 2 << 20
	batchPartitions = 128
)

// walk goes through all entries of a store in their order. The page after the one in
// hand is read meanwhile.
type walk struct {
	ctx   context.Context
	stop  context.CancelFunc
	pages <-chan page
	ready []entry
	ended bool
	err   error
}

type page struct {
	list []entry
	last bool
	err  error
}

func newWalk(ctx context.Context, s store.Store, k kind, after store.Key) *walk {
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan page, 1)
	go func() {
		defer close(pages)
		limit := firstPage
		for {
			list, size, err := readPage(ctx, s, k, after, limit)
			select {
			case pages <- page{list, len(list) < limit, err}:
			case <-ctx.Done():
				return
			}
			if err != nil || len(list) < limit {
				return
			}
			after = list[len(list)-1].key
			limit = nextLimit(limit, size)
		}
	}()
	return &walk{ctx: ctx, stop: cancel, pages: pages}
}

// nextLimit is the limit of the page after one of so many entries and bytes.
func nextLimit(limit int, size int64) int {
	fit := int64(limit) * pageBytes / max(size, 1)
	return int(min(max(fit, 1), 2*int64(limit), maxPage))
}

func readPage(ctx context.Context, s store.Store, k kind, after store.Key, limit int) (list []entry, size int64, err error) {
	if k == counters {
		page, err := s.ScanCounters(ctx, nil, after, limit)
		for _, c := range page {
			list = append(list, entry{c.Key, binary.BigEndian.AppendUint64(nil, uint64(c.N))})
		}
		return list, int64(len(list)), err
	}
	page, err := s.ScanPrefix(ctx, nil, after, limit)
	for _, r := range page {
		list = append(list, entry{r.Key, r.Value})
		size += int64(len(r.Value))
	}
	return list, size, err
}

// next returns the next entry, false after the last. The marker is not among them.
func (w *walk) next() (entry, bool, error) {
	for {
		for len(w.ready) == 0 {
			if w.ended || w.err != nil {
				return entry{}, false, w.err
			}
			p, more := <-w.pages
			if !more {
				p.err = w.ctx.Err() // it was stopped before the end
			}
			w.ready, w.ended, w.err = p.list, p.last, p.err
			if w.err != nil {
				w.ready = nil
			}
		}
		e := w.ready[0]
		w.ready = w.ready[1:]
		if !isMarker(e.key) {
			return e, true, nil
		}
	}
}

// batch returns the next entries for one transaction, none after the last.
func (w *walk) batch() (list []entry, err error) {
	size, partitions := int64(0), 0
	for len(list) < batchRecords && size < batchBytes && partitions < batchPartitions {
		e, more, err := w.next()
		if err != nil || !more {
			return list, err
		}
		if len(list) == 0 || string(list[len(list)-1].key.Partition) != string(e.key.Partition) {
			partitions++
		}
		list = append(list, e)
		size += e.size()
	}
	return list, nil
}
