// Package storetest is the suite that every storage engine passes: each test is
// a promise of package store, and an engine that passes them all can stand in
// for any other.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"kindred/internal/store"
)

// Run tests an engine. Open returns a new, empty store; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		promise string
		test    func(t *testing.T, s store.Store)
	}{
		{"an absent record reads as nil and an empty one as empty", testAbsentAndEmpty},
		{"answers come in the order of the questions", testOrderOfAnswers},
		{"what was written is read back byte for byte", testOddKeys},
		{"answers belong to the reader", testAnswersBelongToReader},
		{"a partition does not show the records of its neighbours", testNeighbours},
		{"a scan is ordered, bounded and reversible", testScan},
		{"spans asked for together are answered as if each were alone", testSpansTogether},
		{"a small value read again is the one in force", testReadAgain},
		{"a scan of many records keeps to its limit", testScanLimit},
		{"bounds and empty key parts are enforced", testBounds},
		{"a transaction at its bounds commits and one over them does not", testTransactionBounds},
		{"an update sees its own writes", testOwnWrites},
		{"an update with a random mix of operations agrees with a model", testModel},
		{"an update that fails writes nothing", testFailedUpdate},
		{"an update that panics writes nothing and leaves the store usable", testPanic},
		{"clear removes records and counters of one partition only", testClear},
		{"clear removes what came after the snapshot too", testBlindClear},
		{"counters add up", testCounters},
		{"adding to a counter conflicts with nothing", testCountersDoNotConflict},
		{"clear and add to one counter in turns agree with a model", testClearAndAdd},
		{"scan prefix goes through all partitions in order and can go on", testScanPrefix},
		{"scan counters does so for counters, and leaves out those of 0", testScanCounters},
		{"drop prefix removes exactly what starts with it", testDropPrefix},
		{"drop prefix makes updates that read from it run again", testDropPrefixConflicts},
		{"expunge changes nothing that can be read", testExpunge},
		{"now is one time in UTC with microseconds", testNow},
		{"a reader is of no use after its function returned", testReaderAfterReturn},
		{"a cancelled context ends calls", testCancelled},
		{"a closed store refuses every call", testClosed},
		{"close waits for running calls", testCloseWaits},
		{"what one run of a view reads is a snapshot", testViewIsSnapshot},
		{"a view never sees half an update", testNoHalfUpdates},
		{"an update that lost runs again on the new state", testConflictRunsAgain},
		{"reading an absent record takes part in conflict detection", testAbsentConflicts},
		{"a record put into a scanned span makes the scan run again", testPhantom},
		{"writing without reading conflicts with nothing", testBlindWrites},
		{"write skew does not happen", testWriteSkew},
		{"the error of a run whose reads are stale is discarded", testStaleError},
		{"what is believed of a record makes no difference", testPutNew},
		{"an update can be made to depend on what a record is expected to be", testExpect},
		{"what is read ahead is what would have been read", testAhead},
		{"find or create from many goroutines makes exactly one", testFindOrCreate},
		{"many updates of one record lose none", testIncrements},
		{"transfers keep the sum of all accounts", testBank},
		{"concurrent histories are serialisable", testSerialisable},
	} {
		t.Run(c.promise, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			c.test(t, s)
		})
	}
}

// seeded returns a source of chance whose seed is printed if the test fails.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

func key(partition, sort string) store.Key {
	return store.Key{Partition: []byte(partition), Sort: []byte(sort)}
}

// all is the span of a whole partition.
func all(partition string) store.Span {
	return store.Span{Partition: []byte(partition), Limit: store.MaxScan}
}

// cut is how a read that fails ends the function that it was made in, which returns
// the error as it should: the engine may be going to run it again.
type cut struct{ err error }

// cutShort is deferred by functions of View and Update in which reads may fail.
func cutShort(err *error) {
	if p := recover(); p != nil {
		c, ok := p.(cut)
		if !ok {
			panic(p)
		}
		*err = c.err
	}
}

func update(t testing.TB, s store.Store, fn func(tx store.Tx)) {
	t.Helper()
	err := s.Update(context.Background(), func(tx store.Tx) (err error) {
		defer cutShort(&err)
		fn(tx)
		return nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func put(t testing.TB, s store.Store, partition, sort, value string) {
	t.Helper()
	update(t, s, func(tx store.Tx) { tx.Put(key(partition, sort), []byte(value)) })
}

func view(t testing.TB, s store.Store, fn func(r store.Reader)) {
	t.Helper()
	err := s.View(context.Background(), func(r store.Reader) (err error) {
		defer cutShort(&err)
		fn(r)
		return nil
	})
	if err != nil {
		t.Fatalf("View: %v", err)
	}
}

// get reads one record; absent is "<nil>". It and the others that read are for
// functions given to update or view, or that defer cutShort.
func get(t testing.TB, r store.Reader, partition, sort string) string {
	t.Helper()
	values, err := r.Get(context.Background(), key(partition, sort))
	if err != nil {
		panic(cut{err})
	}
	if values[0] == nil {
		return "<nil>"
	}
	return string(values[0])
}

func read(t testing.TB, s store.Store, partition, sort string) (value string) {
	t.Helper()
	view(t, s, func(r store.Reader) { value = get(t, r, partition, sort) })
	return value
}

func scan(t testing.TB, r store.Reader, span store.Span) []store.Record {
	t.Helper()
	answers, err := r.Scan(context.Background(), span)
	if err != nil {
		panic(cut{err})
	}
	if len(answers) != 1 {
		t.Fatalf("Scan of one span gave %d answers", len(answers))
	}
	return answers[0]
}

func count(t testing.TB, r store.Reader, partition, sort string) int64 {
	t.Helper()
	n, err := r.Count(context.Background(), key(partition, sort))
	if err != nil {
		panic(cut{err})
	}
	return n[0]
}

func readCount(t testing.TB, s store.Store, partition, sort string) (n int64) {
	t.Helper()
	view(t, s, func(r store.Reader) { n = count(t, r, partition, sort) })
	return n
}

// show writes records as "partition/sort=value" for comparison.
func show(records []store.Record) string {
	var b bytes.Buffer
	for _, r := range records {
		fmt.Fprintf(&b, "%s/%s=%s ", r.Key.Partition, r.Key.Sort, r.Value)
	}
	return b.String()
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func wantError(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got error %v, want %v", what, got, want)
	}
}

// within fails a test that hangs instead of leaving it to the test binary's
// time limit.
func within(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s: still waiting after a minute", what)
	}
}
