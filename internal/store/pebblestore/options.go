package pebblestore

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"kindred/internal/store"
)

const (
	bloomBits      = 10 // per partition and table: 1 false answer in 100
	blockBytes     = 16 << 10
	maxOpenFiles   = 2000
	pebbleFormat   = pebble.FormatValueSeparation
	maxCompactions = 2
	// l0Compaction is how many memory tables' worth of tables lie on level 0 until
	// they are merged with what is below. Keys are spread evenly, so that each such
	// merge writes the level below anew: with fewer, more is written for an object
	// (package bench, Growth). Filters keep most reads out of those tables.
	l0Compaction = 20
)

// tableBytes is the size of a table on level 0, at most: a memory table becomes
// one. Keys are spread evenly, and the fewer tables there are the more often the
// next question is about the one that a reader has just looked at.
const tableBytes = 16 << 20

// separation keeps larger values apart from their keys, in files that
// compactions carry along by reference. Keys are spread evenly, so that every
// compaction touches everything on its level; sealed values are most of it, and
// writing them once instead of time and again is what keeps the cost of an
// object from growing with what is stored (package bench, Growth).
var separation = pebble.ValueSeparationPolicy{
	Enabled: true,
	// A value below this costs less in place than a second look for it.
	MinimumSize: store.ExpungedBelow,
	// When more such files than this stand behind one table their values are
	// written anew, all of them: with a hundred, loads of millions would do that
	// for every hundred memory tables. Records that were written together, as those
	// of a profile are, stay together without it.
	MaxBlobReferenceDepth: 2000,
	// What no key refers to any more is given back when it is this part of a file.
	TargetGarbageRatio: 0.3,
	RewriteMinimumAge:  5 * time.Minute,
}

// comparer orders keys by their bytes and tells Pebble where their partition
// ends, so that its Bloom filters are on partitions.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "kindred.partition.v1"
	c.Split = store.SplitPhysicalKey
	// The default Separator and Successor do: a byte string between two keys
	// sorts between them whatever Split makes of it.
	c.ImmediateSuccessor = func(dst, prefix []byte) []byte {
		// All that follows a whole partition's prefix, up to the same with a
		// greater last byte, has that prefix.
		if n := len(prefix); n >= 2 && prefix[n-2] == 0 && prefix[n-1] == 1 {
			return append(append(dst, prefix[:n-1]...), 2)
		}
		return append(append(dst, prefix...), 0)
	}
	c.FormatKey = func(key []byte) fmt.Formatter { return hiddenKey(len(key)) }
	return &c
}()

// hiddenKey is how a key looks in Pebble's messages, which end in logs.
type hiddenKey int

func (k hiddenKey) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "<key of %d bytes>", int(k)) }

func (s *Store) pebbleOptions(cache *pebble.Cache) *pebble.Options {
	o := &pebble.Options{
		FS:                          s.guard,
		Lock:                        s.lock,
		Cache:                       cache,
		Comparer:                    comparer,
		FormatMajorVersion:          pebbleFormat,
		MemTableSize:                s.opts.memTableBytes,
		MemTableStopWritesThreshold: hardMemTables(s.opts.memTableBytes),
		L0CompactionThreshold:       l0Compaction,
		L0StopWritesThreshold:       hardL0,
		MaxOpenFiles:                maxOpenFiles,
		Logger:                      pebbleLogger{s},
		WALMinSyncInterval:          s.syncInterval,
		CompactionConcurrencyRange: func() (int, int) {
			return 1, max(1, min(maxCompactions, runtime.GOMAXPROCS(0)))
		},
		EventListener: &pebble.EventListener{
			BackgroundError: s.backgroundError,
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				s.opts.Logger.Error("stored data is damaged", slog.String("file", info.Path))
			},
			WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
				s.stalls.Add(1)
				s.opts.Logger.Warn("writes wait for the disk", slog.String("reason", info.Reason))
			},
			WALCreated:    func(pebble.WALCreateInfo) { s.room.change() },
			FlushEnd:      func(pebble.FlushInfo) { s.room.change() },
			CompactionEnd: func(pebble.CompactionInfo) { s.room.change() },
			TableDeleted:  func(pebble.TableDeleteInfo) { s.room.change() },
		},
	}
	o.TargetFileSizes[0] = tableBytes // of the levels below twice as much each
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy { return separation }
	// Pebble takes keys with one prefix for versions of one thing, of which the
	// first alone is read much, and would treat the values of the others worse.
	o.Experimental.SpanPolicyFunc = func([]byte) (pebble.SpanPolicy, []byte, error) {
		return pebble.SpanPolicy{DisableValueSeparationBySuffix: true}, nil, nil
	}
	for i := range o.Levels {
		l := &o.Levels[i]
		l.BlockSize = blockBytes
		l.FilterPolicy = bloom.FilterPolicy(bloomBits)
		l.FilterType = pebble.TableFilter
		// Values are ciphertext, which does not compress.
		l.Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	return o
}

// Under load the log is synced at most once in this time, so that more commits
// share a sync; package bench's WirePut shows what that spares the processor.
// Fewer commits than a crowd are synced at once.
const (
	crowd         = 8 // commits that wait, from which on it is load
	crowdInterval = time.Millisecond
)

// syncInterval is how long the log waits from one sync to the next.
func (s *Store) syncInterval() time.Duration {
	if s.syncing.Load() >= crowd {
		return crowdInterval
	}
	return 0
}

// backgroundError is told of a flush or compaction that failed.
func (s *Store) backgroundError(err error) {
	s.opts.Logger.Error("storage maintenance failed", slog.String("error", s.describe(err)))
	if s.failure() != nil {
		// Pebble would try again at once and for ever. Nothing waits for this
		// goroutine: a failed store is abandoned and not closed.
		runtime.Goexit()
	}
}

// pebbleLogger passes Pebble's own messages on. Its information is of no use to
// an operator; its fatal errors, which by its rules must end the process, are
// states of memory that no code has foreseen.
type pebbleLogger struct{ s *Store }

func (l pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.s.opts.Logger.Error("storage engine", slog.String("error", fmt.Sprintf(format, args...)))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("storage engine: "+format, args...)
	l.s.guard.fail(err)
	panic(fmt.Sprintf("pebblestore: %s: %v", l.s.dir, err))
}
