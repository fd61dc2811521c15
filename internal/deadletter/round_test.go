package deadletter_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/datakey"
	"kindred/internal/deadletter"
	"kindred/internal/resource"
	"kindred/internal/store/memstore"
)

// nodesOf are outboxes of several nodes on one store, with one post.
func nodesOf(t *testing.T, n int) ([]*deadletter.Outbox, *post) {
	t.Helper()
	s := memstore.New()
	t.Cleanup(func() { _ = s.Close() })
	a, err := datakey.AEAD(make([]byte, datakey.Size))
	if err != nil {
		t.Fatal(err)
	}
	p := newPost()
	var list []*deadletter.Outbox
	for range n {
		list = append(list, deadletter.New(s, a, nowhere{}, p, slog.New(slog.DiscardHandler)))
	}
	return list, p
}

func TestLettersOfADeadNodeAreDeliveredByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, p := nodesOf(t, 2)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- nodes[1].Run(ctx) }() // the first never runs
		synctest.Wait()
		if err := nodes[0].Put(ctx, &resource.Letter{QueueURL: "q", Body: "b"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := p.all(); len(got) != 1 {
			t.Errorf("delivered: %q", got)
		}
		cancel()
		<-done
	})
}

// TestNodesDeliverEachLetterOnce has several nodes put and deliver at once, with a
// post that takes its time.
func TestNodesDeliverEachLetterOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, p := nodesOf(t, 3)
		p.set(func(*resource.Letter) error { time.Sleep(700 * time.Millisecond); return nil }, "")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, len(nodes))
		const each = 20
		for i, n := range nodes {
			go func() { done <- n.Run(ctx) }()
			for k := range each {
				if err := n.Put(ctx, &resource.Letter{QueueURL: "q", Body: fmt.Sprint(i, "/", k)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		times := map[string]int{}
		for _, l := range p.all() {
			times[l]++
		}
		if len(times) != len(nodes)*each {
			t.Errorf("%d letters of %d were delivered", len(times), len(nodes)*each)
		}
		for l, n := range times {
			if n != 1 {
				t.Errorf("%s was delivered %d times", l, n)
			}
		}
		cancel()
		for range nodes {
			<-done
		}
	})
}

// all are the letters that were taken, each as often as it was.
func (p *post) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.taken)
}
