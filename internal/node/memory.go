package node

import (
	"context"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// TuneMemory sets the garbage collector for a process that serves or loads. What
// a call allocates is dead when it is answered and what lives long is small, so
// it pays to let garbage pile up. The limit is soft and bounds how far, with the
// engine's cache, of so many bytes, in it: where it does, memory that is reserved
// once and never given back stays small, too.
func TuneMemory(cacheBytes int64) {
	debug.SetGCPercent(300)
	debug.SetMemoryLimit(160<<20 + cacheBytes)
}

// When memory is given back: the process has been quiet at quietLooks looks in a
// row, and has allocated as much since the last time that it is worth the
// collection. It is quiet when it has allocated no more from one look to the next
// than health checks, scraped metrics, and what runs by the clock.
const (
	lookEvery   = 10 * time.Second
	quietLooks  = 3
	quietBytes  = 1 << 20
	worthTrying = 16 << 20
)

// GiveBack gives the operating system what memory is left over from work that is
// done, until the context ends. Without it the collector would keep what it has
// come to under load. shed is called before, to let go of what can be had again.
func GiveBack(ctx context.Context, shed func()) error {
	return (&idleness{allocated: allocatedBytes, release: func() {
		shed()
		runtime.GC() // a collection more: what pools hold lasts through the first
		debug.FreeOSMemory()
	}}).run(ctx)
}

// idleness watches whether there is anything to do.
type idleness struct {
	allocated func() uint64 // bytes, since the start of the process
	release   func()
}

func (i *idleness) run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var released uint64
	last, quiet := i.allocated(), 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := i.allocated()
		if quiet++; now-last > quietBytes {
			quiet = 0
		}
		last = now
		if quiet >= quietLooks && now-released >= worthTrying {
			i.release()
			last, quiet = i.allocated(), 0
			released = last
		}
	}
}

// allocatedBytes is what has been allocated on the heap, cheaply told.
func allocatedBytes() uint64 {
	s := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	runtimemetrics.Read(s)
	return s[0].Value.Uint64()
}
