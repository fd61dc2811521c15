package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"kindred/internal/store"
)

// The shape of the hottest update: one profile object is ingested.
const (
	benchReads  = 4
	benchWrites = 8
	benchValue  = 300
)

var benchPayload = func() []byte {
	b := make([]byte, benchValue)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}()

// benchKey makes a key as a domain with a profile id or keyed hash would.
func benchKey(n uint64, sort byte) store.Key {
	p := make([]byte, 0, 26)
	p = append(p, "domain01/"...)
	p = binary.BigEndian.AppendUint64(p, n*0x9e3779b97f4a7c15)
	p = binary.BigEndian.AppendUint64(p, n*0xbf58476d1ce4e5b9)
	return store.Key{Partition: p, Sort: []byte{'s', sort}}
}

// benchKeys are the keys of the n-th update: its reads and its writes are in
// four partitions.
func benchKeys(n uint64) (reads [benchReads]store.Key, writes [benchWrites]store.Key) {
	for i := range reads {
		reads[i] = benchKey(4*n+uint64(i), 0)
	}
	for i := range writes {
		writes[i] = benchKey(4*n+uint64(i%benchReads), byte(i))
	}
	return reads, writes
}

// cpu is the processor time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// parallel runs op b.N times in p goroutines and reports the processor time of
// one.
func parallel(b *testing.B, p int, op func(n uint64)) {
	var next atomic.Uint64
	b.ReportAllocs()
	start := cpu()
	b.ResetTimer()
	work := func() {
		for n := next.Add(1); n <= uint64(b.N); n = next.Add(1) {
			op(n)
		}
	}
	done := make(chan struct{})
	for range p {
		go func() { work(); done <- struct{}{} }()
	}
	for range p {
		<-done
	}
	b.StopTimer()
	b.ReportMetric(float64(cpu()-start)/float64(b.N)/1e3, "cpu-µs/op")
}

// BenchmarkUpdate compares an update with what Pebble alone takes for the same
// reads and the same batch.
func BenchmarkUpdate(b *testing.B) {
	ctx := context.Background()
	for _, p := range []int{1, 64} {
		b.Run(fmt.Sprintf("store/parallel=%d", p), func(b *testing.B) {
			s := openStore(b, b.TempDir(), Options{})
			parallel(b, p, func(n uint64) {
				reads, writes := benchKeys(n)
				err := s.Update(ctx, func(tx store.Tx) error {
					if _, err := tx.Get(ctx, reads[:]...); err != nil {
						return err
					}
					for i := range writes {
						tx.Put(writes[i], benchPayload)
					}
					return nil
				})
				if err != nil {
					b.Error(err)
				}
			})
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
		for _, reads := range []int{0, benchReads} {
			b.Run(fmt.Sprintf("pebble+%dreads/parallel=%d", reads, p), func(b *testing.B) {
				s := openStore(b, b.TempDir(), Options{})
				parallel(b, p, func(n uint64) { rawUpdate(b, s.db, n, reads) })
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func rawUpdate(b *testing.B, db *pebble.DB, n uint64, nreads int) {
	reads, writes := benchKeys(n)
	for i := range nreads {
		v, closer, err := db.Get(store.AppendPhysicalKey(nil, store.KindRecord, reads[i]))
		if err == nil {
			_ = append([]byte(nil), v...)
			err = closer.Close()
		}
		if err != nil && !errors.Is(err, pebble.ErrNotFound) {
			b.Error(err)
		}
	}
	batch := db.NewBatch()
	for i := range writes {
		if err := batch.Set(store.AppendPhysicalKey(nil, store.KindRecord, writes[i]), benchPayload, nil); err != nil {
			b.Error(err)
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		b.Error(err)
	}
	if err := batch.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkHotPartition has many goroutines read and write one record.
func BenchmarkHotPartition(b *testing.B) {
	ctx := context.Background()
	for _, p := range []int{1, 2, 8, 64} {
		b.Run(fmt.Sprintf("parallel=%d", p), func(b *testing.B) {
			s := openStore(b, b.TempDir(), Options{})
			parallel(b, p, func(n uint64) {
				k := benchKey(7, 0)
				err := s.Update(ctx, func(tx store.Tx) error {
					if _, err := tx.Get(ctx, k); err != nil {
						return err
					}
					tx.Put(k, benchPayload)
					return nil
				})
				if err != nil {
					b.Error(err)
				}
			})
			b.ReportMetric(float64(s.conflicts.Load())/float64(b.N), "lost-runs/op")
			b.ReportMetric(float64(s.alone.Load())/float64(b.N), "alone/op")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// filled returns a store of n partitions with two records each, all in tables.
func filled(b *testing.B, n int) *Store {
	b.Helper()
	ctx := context.Background()
	s := openStore(b, b.TempDir(), Options{})
	const each = 1000
	for i := 0; i < n; i += each {
		err := s.Update(ctx, func(tx store.Tx) error {
			for j := i; j < i+each; j++ {
				tx.Put(benchKey(uint64(j), 1), benchPayload)
				tx.Put(benchKey(uint64(j), 2), benchPayload)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.db.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := s.db.Compact(ctx, []byte{0}, []byte{0xff}, false); err != nil {
		b.Fatal(err)
	}
	return s
}

const filledPartitions = 200_000

func benchRead(b *testing.B, read func(r store.Reader, n int) error) {
	ctx := context.Background()
	s := filled(b, filledPartitions)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		if err := s.View(ctx, func(r store.Reader) error { return read(r, n) }); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkGetAbsent(b *testing.B) {
	ctx := context.Background()
	benchRead(b, func(r store.Reader, n int) error {
		v, err := r.Get(ctx, benchKey(uint64(filledPartitions+n), 1))
		return errors.Join(err, differs(v[0], ""))
	})
}

func BenchmarkGetPresent(b *testing.B) {
	ctx := context.Background()
	benchRead(b, func(r store.Reader, n int) error {
		v, err := r.Get(ctx, benchKey(uint64(n*7919%filledPartitions), 1))
		return errors.Join(err, differs(v[0], string(benchPayload)))
	})
}

func BenchmarkScanAbsent(b *testing.B) {
	ctx := context.Background()
	benchRead(b, func(r store.Reader, n int) error {
		_, err := r.Scan(ctx, store.Span{Partition: benchKey(uint64(filledPartitions+n), 1).Partition, Limit: 100})
		return err
	})
}

func BenchmarkScanSmall(b *testing.B) {
	ctx := context.Background()
	for _, reverse := range []bool{false, true} {
		b.Run(fmt.Sprintf("reverse=%v", reverse), func(b *testing.B) {
			benchRead(b, func(r store.Reader, n int) error {
				p := benchKey(uint64(n*7919%filledPartitions), 1).Partition
				answer, err := r.Scan(ctx, store.Span{Partition: p, Limit: 100, Reverse: reverse})
				if err == nil && len(answer[0]) != 2 {
					b.Fatalf("%d records", len(answer[0]))
				}
				return err
			})
		})
	}
}

// BenchmarkRawGetAbsent is what Pebble alone takes for BenchmarkGetAbsent.
func BenchmarkRawGetAbsent(b *testing.B) {
	s := filled(b, filledPartitions)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		_, _, err := s.db.Get(store.AppendPhysicalKey(nil, store.KindRecord, benchKey(uint64(filledPartitions+n), 1)))
		if !errors.Is(err, pebble.ErrNotFound) {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkClear clears partitions of some size, one per update, record by
// record or by a range tombstone, and then measures a small scan of others, with
// the tombstones in memory and after they were flushed.
func BenchmarkClear(b *testing.B) {
	ctx := context.Background()
	const clears = 1000
	for _, size := range []int{4, 64, 512} {
		for _, way := range []struct {
			name string
			max  int
		}{{"points", 1 << 20}, {"range", -1}} {
			b.Run(fmt.Sprintf("records=%d/by=%s", size, way.name), func(b *testing.B) {
				s := openStore(b, b.TempDir(), Options{maxPointClear: way.max})
				for n := range 2 * clears {
					err := s.Update(ctx, func(tx store.Tx) error {
						k := benchKey(uint64(n), 0)
						for i := range size {
							tx.Put(store.Key{Partition: k.Partition, Sort: fmt.Append(nil, i)}, benchPayload[:30])
						}
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				scans := func() time.Duration {
					start := time.Now()
					for n := range clears {
						span := store.Span{Partition: benchKey(uint64(2*n+1), 0).Partition, Limit: 10}
						err := s.View(ctx, func(r store.Reader) error { _, err := r.Scan(ctx, span); return err })
						if err != nil {
							b.Fatal(err)
						}
					}
					return time.Since(start) / clears
				}
				var clearing, inMemory, flushed time.Duration
				for b.Loop() {
					start := time.Now()
					for n := range clears {
						p := benchKey(uint64(2*n), 0).Partition
						if err := s.Update(ctx, func(tx store.Tx) error { tx.Clear(p); return nil }); err != nil {
							b.Fatal(err)
						}
					}
					clearing = time.Since(start) / clears
					inMemory = scans()
					if err := s.db.Flush(); err != nil {
						b.Fatal(err)
					}
					flushed = scans()
				}
				b.ReportMetric(float64(clearing.Microseconds()), "µs/clear")
				b.ReportMetric(float64(inMemory.Nanoseconds())/1e3, "µs/scan-in-memory")
				b.ReportMetric(float64(flushed.Nanoseconds())/1e3, "µs/scan-flushed")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkOpen opens an empty directory, which the start of a new installation
// waits for.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		s := openStore(b, b.TempDir(), Options{})
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
