package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"kindred/internal/store/pebblestore"
)

// growthBatch is how many objects a transaction takes in, as with ingest
// --direct.
const growthBatch = 512

// twentieths is into how many parts a load is cut, each with figures of its own.
const twentieths = 20

// BenchmarkGrowth loads b.N objects of new profiles into one domain, in
// transactions as ingest --direct has them, and prints for each twentieth of the
// load what an object cost, the making of the records not counted: the clock,
// the processor, the bytes written by log, flushes and compactions; and beside
// it how many tables a read looks at and the resident memory. Its figures are
// those of the last twentieth, and growth is its processor time by that of the
// second: of 2,000,000 objects, that of the hundred thousand after the first.
// The promise, at most 1.5, is measured by
//
//	CGO_ENABLED=0 go test -run '^$' -bench Growth -benchtime 2000000x -timeout 3h ./bench
func BenchmarkGrowth(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "store")
	st, err := pebblestore.Open(dir, pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	}()
	n := on(b, st, slog.New(slog.DiscardHandler))
	b.ResetTimer()
	var first, last float64
	var table strings.Builder
	fmt.Fprintf(&table, "%10s %10s %10s %10s %8s %8s\n", "objects", "objects/s", "cpu-µs", "written", "read-amp", "MiB")
	at, written := 0, uint64(0)
	for part := range twentieths {
		end := b.N * (part + 1) / twentieths
		if end == at {
			continue
		}
		var used, took time.Duration
		size := end - at
		for at < end {
			list := records(uint64(at), min(growthBatch, end-at))
			cpu, clock := processorTime(), time.Now()
			results, err := n.Ingest.Put(context.Background(), "bench", "Member", list)
			if err != nil {
				b.Fatal(err)
			}
			for i := range results {
				if results[i].Err != nil {
					b.Fatal(results[i].Err)
				}
			}
			used, took, at = used+processorTime()-cpu, took+time.Since(clock), at+len(list)
		}
		m, err := st.Stats()
		if err != nil {
			b.Fatal(err)
		}
		last = float64(used.Nanoseconds()) / 1e3 / float64(size)
		if part == 1 {
			first = last
		}
		fmt.Fprintf(&table, "%10d %10.0f %10.1f %10d %8d %8d\n", at, float64(size)/took.Seconds(), last,
			(m.WrittenBytes-written)/uint64(size), m.ReadAmp, resident())
		written = m.WrittenBytes
	}
	b.StopTimer()
	if b.N >= 100*twentieths {
		fmt.Print(table.String())
	}
	b.ReportMetric(last, "cpu-µs/op")
	if first > 0 {
		b.ReportMetric(last/first, "growth")
	}
}

// resident is the resident memory of this process in MiB, 0 where it cannot be
// told.
func resident() int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kib, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return kib >> 10
}
