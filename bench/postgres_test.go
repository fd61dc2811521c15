package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"kindred/internal/datakey"
	"kindred/internal/mapping"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store/pgstore"
	"kindred/internal/store/pgstore/pgtest"
)

// databaseServer is a server that waits for the disk, with memory as an operator
// would give it.
func databaseServer(b *testing.B) *pgtest.Server {
	b.Helper()
	return pgtest.New(b, "shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=15min")
}

// pooled bounds a client's connections.
const pooled = "&pool_max_conns=32"

// reportBoth reports objects per second, and the processor time that the client and
// the database took for one.
func reportBoth(b *testing.B, server *pgtest.Server, own, theirs time.Duration) {
	b.Helper()
	b.StopTimer()
	ours, used := processorTime()-own, server.ProcessorTime()-theirs
	report(b, own, "objects/s")
	b.ReportMetric(float64(used)/float64(ours+used), "database-share")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "database-µs/op")
}

// openPostgres opens a store for the time of a benchmark.
func openPostgres(b *testing.B, url string) *pgstore.Store {
	b.Helper()
	c, err := pgstore.ParseURL(url)
	if err != nil {
		b.Fatal(err)
	}
	st, err := pgstore.Open(context.Background(), c, pgstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	})
	return st
}

// BenchmarkPostgresCore is the whole ingestion core on the engine for many nodes: one
// durable commit per object.
func BenchmarkPostgresCore(b *testing.B) {
	server := databaseServer(b)
	n := on(b, openPostgres(b, server.URL(server.Database(b))+pooled), slog.New(slog.DiscardHandler))
	list := records(0, b.N)
	var next atomic.Int64
	b.SetParallelism(parallel)
	b.ReportAllocs()
	own, theirs := processorTime(), server.ProcessorTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := n.Ingest.Put(context.Background(), "bench", "Member", list[next.Add(1)-1:][:1])
			if err != nil || r[0].Err != nil {
				b.Error(err, r)
				return
			}
		}
	})
	reportBoth(b, server, own, theirs)
}

const baselineUpsert = `INSERT INTO record (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value`

// BenchmarkPostgresCoreBaseline only parses the same JSON, seals the same bytes and
// upserts the same number of rows, in one transaction per object, prepared and in one
// round trip, on the same kind of server.
func BenchmarkPostgresCoreBaseline(b *testing.B) {
	ctx := context.Background()
	server := databaseServer(b)
	pool, err := pgxpool.New(ctx, server.URL(server.Database(b))+pooled)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := pool.Exec(ctx, `CREATE TABLE record (key bytea PRIMARY KEY, value bytea NOT NULL); ALTER TABLE record ALTER COLUMN value SET STORAGE EXTERNAL`,
		pgx.QueryExecModeSimpleProtocol); err != nil {
		b.Fatal(err)
	}
	keys, err := datakey.NewDeriver(datakey.New())
	if err != nil {
		b.Fatal(err)
	}
	list := records(0, b.N)
	values := make([]byte, 4096)
	_, _ = rand.Read(values)
	var next atomic.Int64
	b.SetParallelism(parallel)
	b.ReportAllocs()
	own, theirs := processorTime(), server.ProcessorTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := next.Add(1) - 1
			if _, err := mapping.ParseDocument([]byte(list[i])); err != nil {
				b.Error(err)
				return
			}
			var batch pgx.Batch
			batch.Queue("BEGIN")
			key := func(kind byte) []byte {
				k := make([]byte, 41)
				_, _ = rand.Read(k[:32])
				binary.BigEndian.PutUint64(k[32:], uint64(i))
				k[40] = kind
				return k
			}
			profile := key(0)
			aead, err := keys.AEAD(profile[:32]) // each profile has a key of its own
			if err != nil {
				b.Error(err)
				return
			}
			for j, size := range sealedSizes {
				k := append([]byte{}, profile...)
				k[40] = byte(j)
				batch.Queue(baselineUpsert, k, aead.Seal(nil, nil, values[:size], k))
			}
			for j := range plainRecords {
				batch.Queue(baselineUpsert, key(byte(100+j)), values[:8])
			}
			batch.Queue("COMMIT")
			if err := pool.SendBatch(ctx, &batch).Close(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	reportBoth(b, server, own, theirs)
}

// BenchmarkPostgresNodes is the ingestion core of one, two and four nodes on one
// database, each with a store, connections and caches of its own. It tells the database's
// share of the processor time that all take together: where that is most of it, more
// nodes on the same machine cannot help, and more machines for nodes do until the
// database's is full.
func BenchmarkPostgresNodes(b *testing.B) {
	for _, nodes := range []int{1, 2, 4} {
		b.Run(strconv.Itoa(nodes), func(b *testing.B) {
			server := databaseServer(b)
			url := server.URL(server.Database(b)) + "&pool_max_conns=" + strconv.Itoa(32/nodes)
			root, log := rootkey.Random(), slog.New(slog.DiscardHandler)
			list := []*node.Node{prepare(b, node.Config{Store: openPostgres(b, url), Root: root, Log: log})}
			for range nodes - 1 {
				list = append(list, wired(b, node.Config{Store: openPostgres(b, url), Root: root, Log: log}))
			}
			texts := records(0, b.N)
			var next atomic.Int64
			b.SetParallelism(parallel)
			own, theirs := processorTime(), server.ProcessorTime()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := next.Add(1) - 1
					r, err := list[i%int64(nodes)].Ingest.Put(context.Background(), "bench", "Member", texts[i:][:1])
					if err != nil || r[0].Err != nil {
						b.Error(err, r)
						return
					}
				}
			})
			reportBoth(b, server, own, theirs)
		})
	}
}
