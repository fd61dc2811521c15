package live

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"kindred/internal/connect"
)

// How feeds are read.
const (
	pollEvery = time.Second            // for what other nodes have noted
	pollGap   = 100 * time.Millisecond // at least, however much this node notes
	polling   = 8                      // feeds read at a time
	pollTime  = 10 * time.Second       // for one
	notesPage = 5000
)

// Bounds of streams.
const (
	maxStreams          = 1000 // of the node
	maxStreamsPerCaller = 20
	maxWaiting          = 256 // events that wait for a reader
)

// hub reads the feeds of the instances that streams follow, each once however many
// follow it, and hands the events on.
type hub struct {
	read func(ctx context.Context, instanceID string, since time.Time) ([]connect.Note, error)
	make func(ctx context.Context, instanceID string, notes []connect.Note) ([]*event, error)
	now  func() time.Time
	fail func(instanceID string, err error)
	wake chan struct{} // has room for one

	mu        sync.Mutex // guards the following
	feeds     map[string]*feed
	streams   int
	perCaller map[string]int
}

// feed is an instance that streams follow.
type feed struct {
	id      string
	streams map[*stream]bool
	seen    map[connect.Note]bool // notes that have been handed on and may be read again
	polled  time.Time             // when the last successful reading began
	tried   time.Time             // when the last one did
	dirty   bool                  // there is something to read on this node
	busy    bool
}

// stream is one reader.
type stream struct {
	caller string
	events chan *event
	slow   chan struct{} // closed when the reader is dropped
}

var errTooMany = errors.New("live: too many streams")

// join begins a stream. What has been noted until now is not handed on to it, unless
// others read it later than that.
func (h *hub) join(ctx context.Context, instanceID, caller string) (*stream, error) {
	st := &stream{caller: caller, events: make(chan *event, maxWaiting), slow: make(chan struct{})}
	if known, err := h.enter(instanceID, st, nil); known || err != nil {
		return st, err
	}
	// The first stream of an instance: what is there already is old.
	now := h.now()
	notes, err := h.read(ctx, instanceID, now.Add(-connect.FeedSlack))
	if err != nil {
		return nil, err
	}
	f := &feed{id: instanceID, streams: map[*stream]bool{}, seen: map[connect.Note]bool{}, polled: now, tried: now}
	for _, n := range notes {
		f.seen[n] = true
	}
	_, err = h.enter(instanceID, st, f)
	return st, err
}

// enter adds a stream to its feed, or to this one when there is none yet. It reports
// whether there is one now.
func (h *hub) enter(instanceID string, st *stream, fresh *feed) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams >= maxStreams || h.perCaller[st.caller] >= maxStreamsPerCaller {
		return false, errTooMany
	}
	f := h.feeds[instanceID]
	if f == nil {
		if fresh == nil {
			return false, nil
		}
		f = fresh
		h.feeds[instanceID] = f
	}
	f.streams[st] = true
	h.streams++
	h.perCaller[st.caller]++
	h.rouse()
	return true, nil
}

func (h *hub) leave(instanceID string, st *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[instanceID]
	if f == nil || !f.streams[st] {
		return
	}
	if delete(f.streams, st); len(f.streams) == 0 {
		delete(h.feeds, instanceID)
	}
	h.streams--
	if h.perCaller[st.caller]--; h.perCaller[st.caller] == 0 {
		delete(h.perCaller, st.caller)
	}
}

// Arrivals hands on which instances' contacts have changed on this node, from package
// connect, which is made first, to a Service. Its zero value hands on nothing yet.
type Arrivals struct{ hub atomic.Pointer[hub] }

// Changed is told of an instance whose contacts have changed.
func (a *Arrivals) Changed(instanceID string) {
	if h := a.hub.Load(); h != nil {
		h.changed(instanceID)
	}
}

// changed is told of an instance whose feed has more on this node.
func (h *hub) changed(instanceID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.feeds[instanceID]; f != nil {
		f.dirty = true
		h.rouse()
	}
}

// rouse makes run look at what is due.
func (h *hub) rouse() {
	select {
	case h.wake <- struct{}{}:
	default: // it will look anyhow
	}
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams
}

// run reads feeds until the context ends.
func (h *hub) run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	slots := make(chan struct{}, polling)
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	for {
		due, next := h.due(cap(slots) - len(slots))
		for _, f := range due {
			slots <- struct{}{}
			work.Go(func() {
				h.poll(ctx, f)
				<-slots
				h.rouse()
			})
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// due takes at most n feeds that are to be read now, and says when to look again.
func (h *hub) due(n int) (due []*feed, next time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	next = pollEvery
	for _, f := range h.feeds {
		if f.busy {
			continue
		}
		wait := pollEvery
		if f.dirty {
			wait = pollGap
		}
		switch left := f.tried.Add(wait).Sub(now); {
		case left > 0:
			next = min(next, left)
		case len(due) < n:
			f.busy, f.dirty, f.tried = true, false, now
			due = append(due, f)
		}
	}
	return due, next
}

// poll reads a feed and hands on what is new.
func (h *hub) poll(ctx context.Context, f *feed) {
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	since := f.polled.Add(-connect.FeedSlack) // of a busy feed, which is this function's
	began := h.now()
	fresh, events, err := h.news(ctx, f, since)
	h.mu.Lock()
	defer h.mu.Unlock()
	f.busy = false
	if err != nil {
		if ctx.Err() == nil || errors.Is(err, context.DeadlineExceeded) {
			h.fail(f.id, err)
		}
		return
	}
	f.polled = began
	for n := range f.seen {
		if n.At.Before(began.Add(-connect.FeedSlack)) {
			delete(f.seen, n)
		}
	}
	for _, n := range fresh {
		f.seen[n] = true
	}
	for st := range f.streams {
		st.take(events)
	}
}

// news reads the notes of a feed that have not been handed on, and makes events of them.
func (h *hub) news(ctx context.Context, f *feed, since time.Time) (fresh []connect.Note, events []*event, err error) {
	notes, err := h.read(ctx, f.id, since)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range notes {
		if !f.seen[n] {
			fresh = append(fresh, n)
		}
	}
	events, err = h.make(ctx, f.id, fresh)
	return fresh, events, err
}

// take gives a stream events, or drops its reader, who has not kept up. The caller
// holds the hub's lock.
func (st *stream) take(events []*event) {
	for _, e := range events {
		select {
		case <-st.slow:
			return
		default:
		}
		select {
		case st.events <- e:
		default:
			close(st.slow)
			return
		}
	}
}
