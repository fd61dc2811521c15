package store

import "sync"

// Gate lets an engine's Close wait for running calls and refuse later ones. The
// zero Gate is open.
type Gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	empty  chan struct{} // made by the first Close, closed when nobody is inside
}

// Enter notes the start of a call, which ends with Leave. After Close it
// returns [ErrClosed] and Leave must not be called.
func (g *Gate) Enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	g.inside++
	return nil
}

// Leave notes the end of a call.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// Close refuses later calls and waits for those inside. It reports whether it
// is the first Close; a later one waits too.
func (g *Gate) Close() (first bool) {
	g.mu.Lock()
	if !g.closed {
		first, g.closed, g.empty = true, true, make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
	}
	g.mu.Unlock()
	<-g.empty
	return first
}
