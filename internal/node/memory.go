package node

import "runtime/debug"

// TuneMemory sets the garbage collector for a process that serves. What a call
// allocates is dead when it is answered and what lives long is small, so it pays
// to let garbage pile up; the limit, which is soft, keeps the process well under
// half a gigabyte with the default cache.
func TuneMemory() {
	debug.SetGCPercent(300)
	debug.SetMemoryLimit(400 << 20)
}
