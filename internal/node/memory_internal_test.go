package node

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestMemoryIsGivenBackWhenWorkIsDone: after work and a quiet while, once, and
// again only when enough has come together to be worth it.
func TestMemoryIsGivenBackWhenWorkIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bytes, releases atomic.Uint64
		i := &idleness{allocated: bytes.Load, release: func() {
			releases.Add(1)
			bytes.Add(10 << 20) // of the release itself
		}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- i.run(ctx) }()
		// pass lets so many looks go by, with so many bytes allocated before each.
		pass := func(what string, looks int, each, want uint64) {
			t.Helper()
			for range looks {
				bytes.Add(each)
				time.Sleep(lookEvery)
				synctest.Wait()
			}
			if got := releases.Swap(0); got != want {
				t.Errorf("%s: memory was given back %d times, want %d", what, got, want)
			}
		}
		synctest.Wait()
		pass("nothing has been done yet", 10, 0, 0)
		pass("under load", 10, 100<<20, 0)
		pass("a short pause", quietLooks-1, 0, 0)
		pass("load again", 2, quietBytes+1, 0)
		pass("a while after", quietLooks, quietBytes, 1)
		pass("nothing to do", 100, 0, 0)
		pass("a little now and then", 15, quietBytes, 0)
		pass("until it has become something", 1, quietBytes, 1)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAllocatedBytesGrow(t *testing.T) {
	before := allocatedBytes()
	kept := make([]byte, 4<<20)
	after := allocatedBytes()
	runtime.KeepAlive(kept)
	if after-before < uint64(len(kept)) {
		t.Errorf("%d bytes, then %d, with %d allocated between", before, after, len(kept))
	}
}
