package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kindred/internal/store"
)

const historyPartitions = 12

// history is what transactions were given to a store, over its crashes. Each
// leaves a record of its name in some partitions, adds its number to a counter
// of each, and raises by one the number in their records "head".
type history struct {
	mu       sync.Mutex
	next     int
	parts    map[int][]int // by transaction, which partitions it writes to
	answered map[int]bool  // acknowledged
}

func newHistory() *history {
	return &history{parts: map[int][]int{}, answered: map[int]bool{}}
}

func (h *history) start(rng *rand.Rand) (id int, parts []int) {
	parts = rng.Perm(historyPartitions)[:1+rng.IntN(4)]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	h.parts[h.next] = parts
	return h.next, parts
}

func (h *history) acknowledge(id int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answered[id] = true
}

// acknowledged returns what must be found from now on.
func (h *history) acknowledged() map[int]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[int]bool, len(h.answered))
	for id := range h.answered {
		out[id] = true
	}
	return out
}

func historyKey(p int, sort string) store.Key {
	return store.Key{Partition: fmt.Appendf(nil, "part\x00%d", p), Sort: []byte(sort)}
}

// write does one transaction of the history.
func (h *history) write(s *Store, rng *rand.Rand) error {
	ctx := context.Background()
	id, parts := h.start(rng)
	value := make([]byte, rng.IntN(700))
	err := s.Update(ctx, func(tx store.Tx) error {
		for _, p := range parts {
			head, err := tx.Get(ctx, historyKey(p, "head"))
			if err != nil {
				return err
			}
			n, err := parseHead(head[0])
			if err != nil {
				return err
			}
			tx.Put(historyKey(p, "head"), []byte(strconv.Itoa(n+1)))
			tx.Put(historyKey(p, fmt.Sprintf("tx%08d", id)), value)
			tx.Add(historyKey(p, "sum"), int64(id))
		}
		if id%5 == 0 { // what is made and removed again leaves nothing
			tx.Clear([]byte("temp"))
		} else {
			tx.Put(store.Key{Partition: []byte("temp"), Sort: fmt.Append(nil, id)}, value)
		}
		return nil
	})
	if err == nil {
		h.acknowledge(id)
	}
	return err
}

func parseHead(value []byte) (int, error) {
	if value == nil {
		return 0, nil
	}
	return strconv.Atoi(string(value))
}

// check compares a store with its history: all that was acknowledged is there,
// what was on its way is there wholly or not at all, and nothing else is.
func (h *history) check(s *Store, acknowledged map[int]bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	ctx := context.Background()
	places := map[int]int{}
	err := s.View(ctx, func(r store.Reader) error {
		for p := range historyPartitions {
			answer, err := r.Scan(ctx, store.Span{Partition: historyKey(p, "").Partition, Limit: store.MaxScan})
			if err != nil {
				return err
			}
			var sum int64
			n, head := 0, 0
			for _, rec := range answer[0] {
				if string(rec.Key.Sort) == "head" {
					if head, err = parseHead(rec.Value); err != nil {
						return err
					}
					continue
				}
				id, err := strconv.Atoi(string(rec.Key.Sort[2:]))
				if err != nil {
					return err
				}
				sum += int64(id)
				n++
				places[id]++
			}
			counts, err := r.Count(ctx, historyKey(p, "sum"))
			if err != nil {
				return err
			}
			if counts[0] != sum || head != n {
				return fmt.Errorf("partition %d has %d transactions of sum %d, but counts %d and %d", p, n, sum, head, counts[0])
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, n := range places {
		if n != len(h.parts[id]) {
			return fmt.Errorf("transaction %d is in %d of its %d partitions", id, n, len(h.parts[id]))
		}
	}
	for id := range acknowledged {
		if places[id] == 0 {
			return fmt.Errorf("transaction %d was acknowledged and is lost", id)
		}
	}
	// From here on the history is what was found: what was on its way and is not
	// there will never be.
	h.answered = map[int]bool{}
	for id := range places {
		h.answered[id] = true
	}
	return nil
}

func TestNothingAcknowledgedIsLostInACrash(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range 12 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, uint64(round)))
			crashRound(t, rng)
		})
	}
}

// crashRound crashes one store several times over.
func crashRound(t *testing.T, rng *rand.Rand) {
	h := newHistory()
	fs := vfs.NewCrashableMem()
	o := Options{FS: fs, memTableBytes: 64 << 10}
	s := openStore(t, "/d/store", o)
	for range 5 {
		crashed, acknowledged := runUntilCrash(t, h, s, fs, rng)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		fs = crashed
		o.FS = fs
		s = openStore(t, "/d/store", o)
		if err := h.check(s, acknowledged); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// runUntilCrash has several goroutines write, and takes the state of the disk
// after a crash at some moment among their writes, with what must be in it.
func runUntilCrash(t *testing.T, h *history, s *Store, fs *vfs.MemFS, rng *rand.Rand) (*vfs.MemFS, map[int]bool) {
	const writers = 6
	crashAt := 1 + rng.IntN(150)
	seeds := [writers]uint64{}
	for i := range seeds {
		seeds[i] = rng.Uint64()
	}
	var wg sync.WaitGroup
	crash := make(chan struct{})
	stop := make(chan struct{})
	for i := range writers {
		wg.Go(func() {
			own := rand.New(rand.NewPCG(seeds[i], 0))
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := h.write(s, own); err != nil {
					t.Error(err)
					return
				}
				h.mu.Lock()
				if crashAt--; crashAt == 0 {
					close(crash)
				}
				h.mu.Unlock()
			}
		})
	}
	<-crash
	acknowledged := h.acknowledged()
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 0, 30, 70, 100}[rng.IntN(5)], RNG: rng})
	close(stop)
	wg.Wait()
	return crashed, acknowledged
}

// TestNobodyIsToldOfWhatACrashTakesBack: what a View has returned is on disk,
// although others' updates can be read before they are.
func TestNobodyIsToldOfWhatACrashTakesBack(t *testing.T) {
	ctx := context.Background()
	fs := vfs.NewCrashableMem()
	slow := &slowSync{FS: fs, release: make(chan struct{}, 1000), waiting: make(chan struct{}, 1000)}
	s := openStore(t, "/d/store", Options{FS: slow})
	slow.on.Store(true)
	k := historyKey(1, "k")
	written := make(chan error, 1)
	go func() {
		written <- s.Update(ctx, func(tx store.Tx) error { tx.Put(k, []byte("v")); tx.Add(k, 1); return nil })
	}()
	<-slow.waiting

	// The write can be read, but reading it must not end before the sync.
	questions := map[string]func(r store.Reader) error{
		"Get":   func(r store.Reader) error { v, err := r.Get(ctx, k); return errors.Join(err, differs(v[0], "v")) },
		"Count": func(r store.Reader) error { _, err := r.Count(ctx, k); return err },
		"Scan": func(r store.Reader) error {
			_, err := r.Scan(ctx, store.Span{Partition: k.Partition, Limit: 1})
			return err
		},
	}
	read := make(chan error, 100)
	for _, ask := range questions {
		go func() { read <- s.View(ctx, ask) }()
		go func() { read <- s.Update(ctx, func(tx store.Tx) error { return ask(tx) }) }()
	}
	go func() { _, err := s.ScanPrefix(ctx, nil, store.Key{}, 1); read <- err }()
	for s.durability.waiting.Load() < 7 {
		select {
		case err := <-read:
			t.Fatalf("a read ended before what it read was durable (error %v)", err)
		default:
		}
	}
	// Reading something else does not wait.
	err := s.View(ctx, func(r store.Reader) error { _, err := r.Get(ctx, historyKey(2, "k")); return err })
	if err != nil {
		t.Fatal(err)
	}
	slow.on.Store(false)
	slow.release <- struct{}{}
	for range 7 {
		if err := <-read; err != nil {
			t.Error(err)
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func differs(got []byte, want string) error {
	if string(got) != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}
