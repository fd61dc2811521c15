package bench

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/store/pebblestore"
)

// profiles is how many profiles BenchmarkLarge reads from.
var profiles = flag.Int("profiles", 20_000, "profiles that BenchmarkLarge loads before it reads")

// BenchmarkLarge reads profiles at random from a store that holds many, and
// reports the median and the 99th percentile of SearchProfiles by a key and of
// BatchGetProfile of one, the wire left out. Beside it stands what the machine
// takes to read 16 KiB at random places of the same files, through the file
// system's cache and, where that can be had, past it. 2,000,000 profiles are
// some 6 GiB, over a hundred times the engine's cache:
//
//	CGO_ENABLED=0 go test -run '^$' -bench Large -benchtime 20000x -timeout 3h ./bench -profiles 2000000
func BenchmarkLarge(b *testing.B) {
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
	ctx := context.Background()
	var ids []string
	for at := 0; at < *profiles; at += growthBatch {
		results, err := n.Ingest.Put(ctx, "bench", "Member", records(uint64(at), min(growthBatch, *profiles-at)))
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
			ids = append(ids, r.Profile.String())
		}
	}
	chance := rand.New(rand.NewPCG(1, 2))
	b.Run("search", func(b *testing.B) {
		percentiles(b, func() error {
			out, err := n.Profiles.SearchProfiles(ctx, &profileapi.SearchProfilesRequest{DomainName: "bench", KeyName: "memberId",
				Values: []string{memberID(chance.IntN(len(ids)))}})
			if err == nil && len(out.Items) != 1 {
				err = fmt.Errorf("found %d profiles", len(out.Items))
			}
			return err
		})
	})
	b.Run("get", func(b *testing.B) {
		percentiles(b, func() error {
			out, err := n.Profiles.BatchGetProfile(ctx, &profileapi.BatchGetProfileRequest{DomainName: "bench", ProfileIds: []string{ids[chance.IntN(len(ids))]}})
			if err == nil && len(out.Profiles) != 1 {
				err = fmt.Errorf("read %d profiles", len(out.Profiles))
			}
			return err
		})
	})
	b.Run("file", func(b *testing.B) { readsAtRandom(b, dir, 0, chance) })
	b.Run("disk", func(b *testing.B) { readsAtRandom(b, dir, syscall.O_DIRECT, chance) })
}

// percentiles reports how long a call takes.
func percentiles(b *testing.B, call func() error) {
	took := make([]time.Duration, 0, b.N)
	for range b.N {
		began := time.Now()
		if err := call(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	at := func(p int) float64 { return float64(took[min(len(took)*p/100, len(took)-1)].Nanoseconds()) / 1e3 }
	b.ReportMetric(at(50), "p50-µs")
	b.ReportMetric(at(99), "p99-µs")
}

// readsAtRandom reads blocks of 16 KiB, the engine's, from the files of a store.
func readsAtRandom(b *testing.B, dir string, flags int, chance *rand.Rand) {
	const block = 16 << 10
	type file struct {
		*os.File
		blocks int
	}
	var files []file
	blocks := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDONLY|flags, 0)
		if err != nil {
			return err
		}
		b.Cleanup(func() { f.Close() })
		info, err := f.Stat()
		if err == nil && info.Size() >= block {
			files = append(files, file{f, int(info.Size() / block)})
			blocks += int(info.Size() / block)
		}
		return err
	})
	if err != nil {
		b.Skip(err) // not every file system reads past its cache
	}
	// Direct reads want memory that begins at a page.
	buf, err := syscall.Mmap(-1, 0, block, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(buf) }()
	percentiles(b, func() error {
		at := chance.IntN(blocks)
		for _, f := range files {
			if at < f.blocks {
				_, err := f.ReadAt(buf, int64(at)*block)
				return err
			}
			at -= f.blocks
		}
		return nil
	})
}
