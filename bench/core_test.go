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
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"kindred/internal/api/profileapi"
	"kindred/internal/datakey"
	"kindred/internal/mapping"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store/pebblestore"
)

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
	m["note"] = strings.Repeat("x", 256)
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
	st, err := pebblestore.Open(filepath.Join(b.TempDir(), "store"), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	})
	n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: "000000000000",
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	if _, err := n.DomainAPI.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "bench", DefaultExpirationDays: 366}); err != nil {
		b.Fatal(err)
	}
	if _, err := n.TypesAPI.PutProfileObjectType(ctx, objectType("bench")); err != nil {
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
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

// What one object of a new profile becomes on disk: three sealed records of
// these sizes, a unique key, three index entries, and four totals.
var sealedSizes = []int{1400, 1200, 900}

const plainRecords = 8

// BenchmarkCoreBaseline only parses the same JSON, seals the same bytes and
// writes the same number of records, durably, with the same engine settings.
func BenchmarkCoreBaseline(b *testing.B) {
	db, err := pebble.Open(b.TempDir(), &pebble.Options{Logger: quiet{}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	aead, err := datakey.AEAD(datakey.New())
	if err != nil {
		b.Fatal(err)
	}
	list := records(0, b.N)
	values := make([]byte, 4096)
	_, _ = rand.Read(values)
	var next atomic.Int64
	b.SetParallelism(parallel)
	b.ReportAllocs()
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
			for j, size := range sealedSizes {
				key[40] = byte(j)
				sealed, err := aead.Encrypt(values[:size], key[:])
				if err != nil {
					b.Error(err)
					return
				}
				_ = batch.Set(key[:], sealed, nil)
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
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

// quiet keeps the engine's log out of the figures.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
