package node

import "runtime/debug"

// TuneMemory sets the garbage collector for a process that serves. What a call
// allocates is dead when it is answered and what lives long is small, so it pays
// to let garbage pile up. The limit is soft and bounds how far, with the default
// cache in it.
func TuneMemory() {
	debug.SetGCPercent(300)
	debug.SetMemoryLimit(400 << 20)
}
