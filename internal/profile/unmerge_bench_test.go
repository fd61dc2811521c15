package profile_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
)

// onDisk is the embedded engine on a disk, durable with each commit.
func onDisk(t testing.TB, now func() time.Time) store.Store {
	t.Helper()
	s, err := pebblestore.Open(filepath.Join(t.TempDir(), "store"), pebblestore.Options{Clock: now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mergeBench is a world for benchmarks of merges.
type mergeBench struct {
	*ingesttest.World
	b *testing.B
}

func newMergeBench(b *testing.B) *mergeBench {
	b.Helper()
	w := &mergeBench{ingesttest.NewOn(b, onDisk), b}
	w.NewDomain("d")
	w.PutType("d", "Bench", benchType())
	return w
}

// put ingests so many records at once that go to the profile with an address.
func (w *mergeBench) put(from, n, mail int) profile.ID {
	w.b.Helper()
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = benchBody(from+i, mail)
	}
	w.Clock.Step(time.Second)
	r, err := w.Ingest.Put(context.Background(), "d", "Bench", bodies)
	if err != nil {
		w.b.Fatal(err)
	}
	for i := range r {
		if r[i].Err != nil {
			w.b.Fatal(r[i].Err)
		}
	}
	return r[0].Profile
}

func (w *mergeBench) merge(main, other profile.ID) string {
	w.b.Helper()
	w.Clock.Step(time.Second)
	out, err := w.Profiles.MergeProfiles(context.Background(), &profileapi.MergeProfilesRequest{DomainName: "d", MainProfileId: main.String(), ProfileIdsToBeMerged: []string{other.String()}})
	if err != nil {
		w.b.Fatal(err)
	}
	return (*out.Message)[len(*out.Message)-32:]
}

func (w *mergeBench) unmerge(id string) {
	if _, err := w.Profiles.Unmerge(context.Background(), "d", id); err != nil {
		w.b.Fatal(err)
	}
}

// report gives the time of a step alone, without that of getting ready for it.
func report(b *testing.B, ready func(), step func()) {
	var took time.Duration
	n := 0
	for b.Loop() {
		ready()
		began := time.Now()
		step()
		took += time.Since(began)
		n++
	}
	b.ReportMetric(float64(took.Microseconds())/1000/float64(n), "ms/unmerge")
	b.ReportMetric(0, "ns/op")
}

const chained = 1000 // merges

// BenchmarkUnmergeDeepest undoes the oldest merge of a profile that 1000 merges
// have made, each of one person with a record of 20 fields: a chain, in which each
// profile was merged into the next; the same where what leaves has a value that
// nobody else has, or that only one other has; or a star, in which all were merged
// into the same.
// In the first and the last the profile that leaves is merged again before the next
// merge is undone, so that there are always as many; the others have 50 for that.
func BenchmarkUnmergeDeepest(b *testing.B) {
	for _, shape := range []string{"chain", "chain with own values", "chain with a shared value", "star"} {
		b.Run(shape, func(b *testing.B) {
			w := newMergeBench(b)
			var ids []profile.ID
			for i := range chained + 1 {
				ids = append(ids, w.put(i, 1, i))
			}
			root := ids[chained]
			for i := range 50 {
				switch shape {
				case "chain with own values":
					w.Edit("d", ids[i], fmt.Sprintf(`{"Attributes":{"own%d":"a value of some length"}}`, i))
				case "chain with a shared value":
					w.Edit("d", ids[i], fmt.Sprintf(`{"Attributes":{"shared%d":"a value of some length"}}`, i))
					w.Edit("d", root, fmt.Sprintf(`{"Attributes":{"shared%d":"another value"}}`, i))
				}
			}
			var merges []string
			for i := range chained {
				if shape == "star" {
					merges = append(merges, w.merge(root, ids[i]))
				} else {
					merges = append(merges, w.merge(ids[i+1], ids[i]))
				}
			}
			left := -1
			i := -1
			report(b, func() {
				if i++; left >= 0 && !strings.Contains(shape, "value") {
					merges = append(merges, w.merge(root, ids[left]))
				}
				left = i % chained
			}, func() { w.unmerge(merges[i]) })
			w.check()
		})
	}
}

// BenchmarkUnmergeWide undoes a merge of two profiles with 1000 objects of 20
// fields each: all from before the merge, or half of them ingested
// again after it.
func BenchmarkUnmergeWide(b *testing.B) {
	for _, since := range []int{0, 500} {
		b.Run(fmt.Sprintf("%d since", since), func(b *testing.B) {
			w := newMergeBench(b)
			fill := func(from, n, mail int) (id profile.ID) {
				for i := 0; i < n; i += 100 {
					id = w.put(from+i, 100, mail)
				}
				return id
			}
			one, other := fill(0, profile.MaxObjects, 1), fill(10_000, profile.MaxObjects, 2)
			var merge string
			report(b, func() {
				merge = w.merge(one, other)
				fill(0, since, 1) // again
				fill(10_000, since, 2)
			}, func() { w.unmerge(merge) })
			w.check()
		})
	}
}

// check holds what is left against its definition.
func (w *mergeBench) check() {
	w.b.Helper()
	found, err := profile.Verify(context.Background(), w.Domains, "d")
	if err != nil {
		w.b.Fatal(err)
	}
	if len(found) > 0 {
		w.b.Fatal(found[0])
	}
}
