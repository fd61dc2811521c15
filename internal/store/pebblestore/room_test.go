package pebblestore

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kindred/internal/store"
)

// stuckTables is a file system on which no table can be made until it is let go,
// and then with an error if there is one.
type stuckTables struct {
	vfs.FS
	stuck atomic.Bool
	letGo chan struct{}
	err   error
}

func (s *stuckTables) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if s.stuck.Load() && strings.HasSuffix(name, ".sst") {
		<-s.letGo
		if s.err != nil {
			return nil, s.err
		}
	}
	return s.FS.Create(name, c)
}

// TestUpdatesWaitForFlushes fills memory while nothing can be flushed. Updates
// must wait, and end by their context, by the flush, or by the disk's failure.
func TestUpdatesWaitForFlushes(t *testing.T) {
	for what, failure := range map[string]error{"the disk comes back": nil, "the disk fails": syscall.EIO} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			disk := vfs.NewCrashableMem()
			fs := &stuckTables{FS: disk, letGo: make(chan struct{}), err: failure}
			s := openStore(t, "/d/store", Options{FS: fs, memTableBytes: 64 << 10})
			fs.stuck.Store(true)
			h := newHistory()
			var wg sync.WaitGroup
			results := make(chan error, 4)
			for i := range cap(results) {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(1, uint64(i)))
					for range 2000 {
						if err := h.write(s, rng); err != nil {
							results <- err
							return
						}
					}
					results <- nil
				})
			}
			// Each writer notes when it begins to wait.
			for s.stalls.Load() < uint64(cap(results)) {
				select {
				case err := <-results:
					t.Fatalf("a writer ended before it had to wait (error %v)", err)
				default:
				}
			}
			m := s.db.Metrics()
			if m.MemTable.Size > 2*maxMemTables*s.opts.memTableBytes {
				t.Errorf("%d bytes in memory", m.MemTable.Size)
			}
			ctx, cancel := context.WithCancel(context.Background())
			waiting := make(chan error)
			go func() { waiting <- s.Update(ctx, func(tx store.Tx) error { return errors.New("was called") }) }()
			cancel()
			if err := <-waiting; !errors.Is(err, context.Canceled) {
				t.Errorf("a waiting update whose context is cancelled: %v", err)
			}
			err := s.View(context.Background(), func(r store.Reader) error {
				_, err := r.Get(context.Background(), historyKey(1, "head"))
				return err
			})
			if err != nil {
				t.Errorf("a view meanwhile: %v", err)
			}

			acknowledged := h.acknowledged()
			close(fs.letGo)
			wg.Wait()
			for range cap(results) {
				if err := <-results; !errors.Is(err, failure) || (failure != nil && !errors.Is(err, ErrFailed)) {
					t.Errorf("a writer ended with %v, want %v", err, failure)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openStore(t, "/d/store", Options{FS: disk})
			if err := h.check(s, acknowledged); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
