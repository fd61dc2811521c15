// Package bench measures what Kindred promises figures for, each beside a
// baseline of the same run: the machines are shared, so only ratios say
// anything. Run it with make bench.
package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"kindred/internal/api/profileapi"
	"kindred/internal/datakey"
	"kindred/internal/mapping"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/seal"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/internal/store/pebblestore"
)

// TestMain measures with the garbage collector set as serve sets it, baselines
// included.
func TestMain(m *testing.M) {
	node.TuneMemory(pebblestore.DefaultCacheBytes)
	os.Exit(m.Run())
}

// fields is the number of mapped fields of a benchmark record.
const fields = 20

// targets are standard fields for a mapping of 20 fields.
var targets = [fields]string{"_profile.AccountNumber", "_profile.FirstName", "_profile.LastName", "_profile.MiddleName",
	"_profile.EmailAddress", "_profile.PhoneNumber", "_profile.BirthDate", "_profile.BusinessName", "_profile.GenderString",
	"_profile.Address.Address1", "_profile.Address.City", "_profile.Address.State", "_profile.Address.Country",
	"_profile.Address.PostalCode", "_profile.Attributes.tier", "_profile.Attributes.segment", "_profile.Attributes.store",
	"_profile.Attributes.language", "_profile.Attributes.consent", "_profile.AdditionalInformation"}

// objectType maps 20 fields with three keys: the unique one, e-mail and phone.
func objectType(domain string) *profileapi.PutProfileObjectTypeRequest {
	in := &profileapi.PutProfileObjectTypeRequest{DomainName: domain, ObjectTypeName: "Member", Description: "benchmark",
		AllowProfileCreation: new(true), Fields: map[string]profileapi.ObjectTypeField{}}
	for i, t := range targets {
		f := profileapi.ObjectTypeField{Source: new(fmt.Sprintf("_source.f%02d", i)), Target: new(t)}
		switch t {
		case "_profile.EmailAddress":
			f.ContentType = new("EMAIL_ADDRESS")
		case "_profile.PhoneNumber":
			f.ContentType = new("PHONE_NUMBER")
		}
		in.Fields[fmt.Sprintf("f%02d", i)] = f
	}
	in.Keys = map[string][]profileapi.ObjectTypeKey{
		"memberId": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"f00"}}},
		"_email":   {{StandardIdentifiers: []string{"PROFILE", "SECONDARY"}, FieldNames: []string{"f04"}}},
		"_phone":   {{FieldNames: []string{"f05"}}},
	}
	return in
}

// record is a JSON object of about 1 kB with the fields of the object type.
func record(n uint64) string {
	m := map[string]string{}
	for i := range fields {
		m[fmt.Sprintf("f%02d", i)] = fmt.Sprintf("value %02d of member %d", i, n)
	}
	m["f00"] = memberID(int(n))
	m["f04"] = fmt.Sprintf("member.%d@example.org", n)
	m["f05"] = fmt.Sprintf("+1206%07d", n%10_000_000)
	m["note"] = strings.Repeat("x", 430)
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func memberID(i int) string { return fmt.Sprintf("M-%d", i) }

// records are made before the clock runs.
func records(from uint64, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = record(from + uint64(i))
	}
	return list
}

// world is a node on a store in a temporary directory, with one domain.
func world(b *testing.B) *node.Node {
	b.Helper()
	return on(b, durable(b), slog.New(slog.DiscardHandler))
}

// durable is a store in a temporary directory.
func durable(b *testing.B) store.Store {
	b.Helper()
	st, err := pebblestore.Open(filepath.Join(b.TempDir(), "store"), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
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

// on is a node over a store, with the domain and the object type of the
// benchmarks.
func on(b testing.TB, st store.Store, log *slog.Logger) *node.Node {
	b.Helper()
	return prepare(b, node.Config{Store: st, Root: rootkey.Random(), Log: log})
}

// prepare is on for a node that is described further.
func prepare(b testing.TB, c node.Config) *node.Node {
	b.Helper()
	n := wired(b, c)
	ctx := context.Background()
	if _, err := n.DomainAPI.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "bench", DefaultExpirationDays: 366}); err != nil {
		b.Fatal(err)
	}
	if _, err := n.TypesAPI.PutProfileObjectType(ctx, objectType("bench")); err != nil {
		b.Fatal(err)
	}
	return n
}

// wired is a node without anything in it.
func wired(b testing.TB, c node.Config) *node.Node {
	b.Helper()
	c.Region, c.Account, c.Endpoint = "us-east-1", "000000000000", func() string { return "http://127.0.0.1" }
	n, err := node.New(c)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// parallel is how many goroutines per processor ingest at once, so that commits
// share syncs as they do under load.
const parallel = 32

// BenchmarkCore is the whole ingestion core: parse, map, match, fold, seal, one
// durable commit per object.
func BenchmarkCore(b *testing.B) {
	n := world(b)
	list := records(0, b.N)
	var next atomic.Int64
	b.SetParallelism(parallel)
	b.ReportAllocs()
	used := processorTime()
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
	report(b, used, "objects/s")
}

// What one object of a new profile becomes on disk: two sealed records (the
// profile with what the object contributed, and the object) of these sizes in plaintext, and
// small ones in the plain: the owner of its unique key, five entries of the
// index, the secret of its keys, its due time, three totals.
// TestTheBaselineWritesWhatTheCoreWrites holds it to that.
var sealedSizes = []int{1200, 1000}

const plainRecords = 11

// engine is what the store sets Pebble to, as far as it bears on writing.
func engine(cache *pebble.Cache) *pebble.Options {
	o := &pebble.Options{Logger: quiet{}, Cache: cache, MemTableSize: 8 << 20, L0CompactionThreshold: 8,
		FormatMajorVersion: pebble.FormatNewest}
	o.TargetFileSizes[0] = 16 << 20
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{Enabled: true, MinimumSize: 256, MaxBlobReferenceDepth: 2000,
			TargetGarbageRatio: 0.3, RewriteMinimumAge: 5 * time.Minute}
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	return o
}

// BenchmarkCoreBaseline only parses the same JSON, seals the same bytes and
// writes the same number of records, durably, with the same engine settings.
func BenchmarkCoreBaseline(b *testing.B) {
	cache := pebble.NewCache(pebblestore.DefaultCacheBytes)
	defer cache.Unref()
	db, err := pebble.Open(b.TempDir(), engine(cache))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
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
	used := processorTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := next.Add(1) - 1
			if _, err := mapping.ParseDocument([]byte(list[i])); err != nil {
				b.Error(err)
				return
			}
			batch := db.NewBatch()
			var key [41]byte
			_, _ = rand.Read(key[:32])
			binary.BigEndian.PutUint64(key[32:], uint64(i))
			aead, err := keys.AEAD(key[:32]) // each profile has a key of its own
			if err != nil {
				b.Error(err)
				return
			}
			for j, size := range sealedSizes {
				key[40] = byte(j)
				_ = batch.Set(key[:], aead.Seal(nil, nil, values[:size], key[:]), nil)
			}
			for j := range plainRecords {
				_, _ = rand.Read(key[:8])
				key[40] = byte(100 + j)
				_ = batch.Set(key[:], values[:8], nil)
			}
			if err := batch.Commit(pebble.Sync); err != nil {
				b.Error(err)
				return
			}
		}
	})
	report(b, used, "objects/s")
}

// quiet keeps the engine's log out of the figures.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

// processorTime is what the process has used so far, its garbage collection and
// the engine's background work included. On a machine that is shared it says
// more than the clock.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds the rate and the processor time per operation to the figures.
func report(b *testing.B, before time.Duration, rate string) {
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), rate)
	b.ReportMetric(float64((processorTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// TestTheBaselineWritesWhatTheCoreWrites compares the bytes and records of one
// object with what the baseline takes them for.
func TestTheBaselineWritesWhatTheCoreWrites(t *testing.T) {
	st := memstore.New()
	n := on(t, st, slog.New(slog.DiscardHandler))
	before := sizes(t, st)
	if r, err := n.Ingest.Put(context.Background(), "bench", "Member", []string{record(7)}); err != nil || r[0].Err != nil {
		t.Fatal(err, r)
	}
	sealed, plain, bytes := 0, 0, 0
	for key, size := range sizes(t, st) {
		switch {
		case before[key] != 0 || key[:1] != "d":
		case size > 100:
			sealed, bytes = sealed+1, bytes+size-seal.UnderOverhead
		default:
			plain++
		}
	}
	want := 0
	for _, s := range sealedSizes {
		want += s
	}
	const totals = 3 // counters, which a scan does not show
	if sealed != len(sealedSizes) || plain+totals != plainRecords || bytes < want*95/100 || bytes > want*105/100 {
		t.Errorf("an object is %d sealed records of %d bytes and %d plain ones, the baseline writes %d of %d bytes and %d",
			sealed, bytes, plain+totals, len(sealedSizes), want, plainRecords)
	}
	if n := len(record(7)); n < 950 || n > 1100 {
		t.Errorf("a record has %d bytes, not about 1000", n)
	}
}

// sizes are the sizes of all records of domains by key.
func sizes(t *testing.T, st store.Store) map[string]int {
	t.Helper()
	list, err := st.ScanPrefix(context.Background(), []byte("d"), store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for _, r := range list {
		all[string(r.Key.Partition)+"/"+string(r.Key.Sort)] = len(r.Value)
	}
	return all
}
