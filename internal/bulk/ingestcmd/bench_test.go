package ingestcmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"kindred/internal/rootkey"
	"kindred/internal/store/pebblestore"
)

// onDisk is a node on a store in a temporary directory.
func onDisk(b *testing.B) *world {
	b.Helper()
	st, err := pebblestore.Open(filepath.Join(b.TempDir(), "store"), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	w := newNode(b, st, rootkey.Random())
	w.create()
	return w
}

func members(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = record(i)
	}
	return list
}

// BenchmarkCore is the baseline: the ingestion core, one durable commit per
// object, from many goroutines at once.
func BenchmarkCore(b *testing.B) {
	w, list := onDisk(b), members(b.N)
	var next atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if r, err := w.Ingest.Put(context.Background(), "d", "Member", list[next.Add(1)-1:][:1]); err != nil || r[0].Err != nil {
				b.Error(err, r)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

// BenchmarkDirect is the command with --direct, from opening to closing the
// store.
func BenchmarkDirect(b *testing.B) {
	data := dataDir(b)
	file := write(b, b.TempDir(), "members.jsonl", strings.Join(members(b.N), "\n"))
	b.ReportAllocs()
	b.ResetTimer()
	if out, err := run("--direct", "--data-dir", data, "--domain", "d", "--object-type", "Member", file); err != nil || !strings.HasPrefix(out, fmt.Sprint(b.N)) {
		b.Fatal(out, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

// BenchmarkAPI is the command against a server in the same process.
func BenchmarkAPI(b *testing.B) {
	w := onDisk(b)
	credentials := filepath.Join(b.TempDir(), "credentials")
	if err := w.IAM.Bootstrap(context.Background(), credentials, true); err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(w.Server)
	defer srv.Close()
	file := write(b, b.TempDir(), "members.jsonl", strings.Join(members(b.N), "\n"))
	b.ReportAllocs()
	b.ResetTimer()
	err := Run(context.Background(), []string{"--domain", "d", "--object-type", "Member", "--endpoint", srv.URL, "--credentials", credentials, file},
		strings.NewReader(""), io.Discard, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}
