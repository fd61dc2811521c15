package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kindred/internal/bulk/ingestcmd"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store/pebblestore"
)

// ingest is the command "kindred ingest" with a file of records.
func ingest(b *testing.B, flags ...string) {
	b.Helper()
	file := filepath.Join(b.TempDir(), "members.jsonl")
	if err := os.WriteFile(file, []byte(strings.Join(records(0, b.N), "\n")), 0o600); err != nil {
		b.Fatal(err)
	}
	args := append(flags, "--domain", "bench", "--object-type", "Member", file)
	var out strings.Builder
	b.ReportAllocs()
	used := processorTime()
	b.ResetTimer()
	err := ingestcmd.Run(context.Background(), args, strings.NewReader(""), &out, io.Discard)
	report(b, used, "objects/s")
	if err != nil || !strings.HasPrefix(out.String(), fmt.Sprintf("%d records ingested, 0 failed\n", b.N)) {
		b.Fatal(err, out.String())
	}
}

// dataDir is the data directory of a stopped server, with the domain and the
// object type of the benchmarks.
func dataDir(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	st, err := pebblestore.Open(filepath.Join(dir, "store"), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	root, err := rootkey.Open(filepath.Join(dir, "root.key"))
	if err != nil {
		b.Fatal(err)
	}
	prepare(b, node.Config{Store: st, Root: root, Log: slog.New(slog.DiscardHandler)})
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// BenchmarkBulkDirect is a load with --direct, from the opening of the store to its
// end.
func BenchmarkBulkDirect(b *testing.B) {
	ingest(b, "--direct", "--data-dir", dataDir(b))
}

// BenchmarkBulkAPI is a load through the API: ten records a call, signed, over
// loopback, to a server in this process.
func BenchmarkBulkAPI(b *testing.B) {
	c := serve(b)
	ingest(b, "--endpoint", c.url, "--credentials", c.file)
}
