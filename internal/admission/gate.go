// Package admission decides how much a server takes on at once. A server that is
// asked for more than it can do goes on doing what it can, and refuses the rest
// early and cheaply, instead of slowing down for everybody until nobody waits any
// more ("goodput collapse").
//
//   - A [Gate] bounds how many requests are at work. A few more wait for their turn,
//     the last to come first served, for not longer than anybody would wait: under
//     overload a queue in order of arrival serves those alone who have given up.
//   - A [Budget] bounds the bytes that request bodies take.
//   - [Rates] bound how often operations and principals are served.
//
// All of it is of one node: nodes do not ask each other before they serve.
package admission

import (
	"context"
	"sync"
	"time"

	"kindred/internal/fault"
)

// RetryAfter is when a client that was refused may well try again.
const RetryAfter = time.Second

// errFull is what a request is told that was not let in.
var errFull = fault.New(fault.Busy, "The server has more requests at hand than it can serve; try again after a moment")

// Gate lets a number of requests be at work at once. It may be used concurrently.
type Gate struct {
	wait  time.Duration
	queue int

	mu      sync.Mutex // guards what follows
	free    int
	waiting int
	first   *waiter // the first to have come, of those who wait
	last    *waiter
}

// waiter is a request that waits. It is told once, true if it is let in.
type waiter struct {
	told          chan bool
	before, after *waiter // in the order of arrival
}

// NewGate makes a gate for atOnce requests, for which as many as queue may wait, no
// longer than wait each.
func NewGate(atOnce, queue int, wait time.Duration) *Gate {
	return &Gate{free: atOnce, queue: queue, wait: wait}
}

// Pass is the permission of one request to be at work.
type Pass struct{ gate *Gate }

type passKey struct{}

// Enter waits until the request may be at work, and returns its pass, which has to be
// given back with [Pass.Leave], and a context by which [Away] finds it. The error is a
// fault of the kind Busy, or that of the context.
func (g *Gate) Enter(ctx context.Context) (context.Context, *Pass, error) {
	if err := g.enter(ctx, false); err != nil {
		return ctx, nil, err
	}
	p := &Pass{g}
	return context.WithValue(ctx, passKey{}, p), p, nil
}

// Leave gives the pass back.
func (p *Pass) Leave() { p.gate.leave() }

// Away calls f, which waits for something that takes no work, such as a message that
// is to come, while the request's place is another's. Without a pass it calls f.
func Away(ctx context.Context, f func() error) error {
	p, _ := ctx.Value(passKey{}).(*Pass)
	if p == nil {
		return f()
	}
	p.gate.leave()
	err := f()
	// What has been let in once is let in again: it is not made to fail half done.
	_ = p.gate.enter(context.WithoutCancel(ctx), true)
	return err
}

// Load is how many requests are waiting.
func (g *Gate) Load() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

// enter takes a place. One who is known waits as long as it takes.
func (g *Gate) enter(ctx context.Context, known bool) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	if g.queue == 0 && !known {
		g.mu.Unlock()
		return errFull
	}
	w := &waiter{told: make(chan bool, 1)}
	if g.waiting >= g.queue && !known {
		// The one who has waited longest is the likeliest to have given up.
		g.remove(g.first).told <- false
	}
	g.push(w)
	g.mu.Unlock()

	var expired <-chan time.Time
	if !known {
		timer := time.NewTimer(g.wait)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case in := <-w.told:
		if !in {
			if known {
				return g.enter(ctx, known)
			}
			return errFull
		}
		return nil
	case <-expired:
	case <-ctx.Done():
	}
	if !g.giveUp(w) && <-w.told {
		g.leave() // it was let in at the same moment
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errFull
}

// leave gives a place to the last to have come, or frees it.
func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last == nil {
		g.free++
		return
	}
	g.remove(g.last).told <- true
}

// giveUp takes a waiter out of the queue, and reports whether it was still there.
func (g *Gate) giveUp(w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.before == nil && w.after == nil && g.first != w {
		return false
	}
	g.remove(w)
	return true
}

func (g *Gate) push(w *waiter) {
	if w.before = g.last; g.last != nil {
		g.last.after = w
	} else {
		g.first = w
	}
	g.last = w
	g.waiting++
}

func (g *Gate) remove(w *waiter) *waiter {
	if w.before != nil {
		w.before.after = w.after
	} else {
		g.first = w.after
	}
	if w.after != nil {
		w.after.before = w.before
	} else {
		g.last = w.before
	}
	w.before, w.after = nil, nil
	g.waiting--
	return w
}
