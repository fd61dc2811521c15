package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"kindred/internal/store"
)

func testReaderAfterReturn(t *testing.T, s store.Store) {
	ctx := context.Background()
	put(t, s, "p", "a", "v")
	var r store.Reader
	var tx store.Tx
	view(t, s, func(x store.Reader) { r = x; get(t, x, "p", "a") })
	update(t, s, func(x store.Tx) { tx = x; get(t, x, "p", "a") })
	for _, kept := range []store.Reader{r, tx} {
		_, err := kept.Get(ctx, key("p", "a"))
		wantError(t, "Get", err, store.ErrInvalid)
		_, err = kept.Scan(ctx, all("p"))
		wantError(t, "Scan", err, store.ErrInvalid)
		_, err = kept.Count(ctx, key("p", "a"))
		wantError(t, "Count", err, store.ErrInvalid)
	}
	tx.Put(key("p", "b"), []byte("late"))
	tx.Clear([]byte("p"))
	tx.Delete(key("p", "a"))
	tx.Add(key("p", "a"), 1)
	put(t, s, "q", "a", "v")
	view(t, s, func(r store.Reader) { want(t, "records", show(scan(t, r, all("p"))), "p/a=v ") })
}

func testCancelled(t *testing.T, s store.Store) {
	put(t, s, "p", "a", "v")
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Update(ctx, func(tx store.Tx) error {
		tx.Put(key("p", "a"), []byte("w"))
		cancel()
		return nil
	})
	wantError(t, "Update cancelled while it runs", err, context.Canceled)
	want(t, "value", read(t, s, "p", "a"), "v")
	err = s.View(context.Background(), func(r store.Reader) error {
		_, err := r.Get(ctx, key("p", "a"))
		wantError(t, "Get", err, context.Canceled)
		_, err = r.Count(ctx, key("p", "a"))
		wantError(t, "Count", err, context.Canceled)
		_, err = r.Scan(ctx, all("p"))
		return err
	})
	wantError(t, "Scan", err, context.Canceled)
	wantError(t, "Update", s.Update(ctx, func(store.Tx) error { t.Error("called"); return nil }), context.Canceled)
	wantError(t, "View", s.View(ctx, func(store.Reader) error { t.Error("called"); return nil }), context.Canceled)
	_, err = s.ScanPrefix(ctx, nil, store.Key{}, 1)
	wantError(t, "ScanPrefix", err, context.Canceled)
	_, err = s.ScanCounters(ctx, nil, store.Key{}, 1)
	wantError(t, "ScanCounters", err, context.Canceled)
	wantError(t, "DropPrefix", s.DropPrefix(ctx, []byte("p")), context.Canceled)
	wantError(t, "Expunge", s.Expunge(ctx, []byte("p")), context.Canceled)
	want(t, "value", read(t, s, "p", "a"), "v")
}

func testClosed(t *testing.T, s store.Store) {
	ctx := context.Background()
	put(t, s, "p", "a", "v")
	wantError(t, "Ready", s.Ready(ctx), nil)
	wantError(t, "Close", s.Close(), nil)
	wantError(t, "Ready", s.Ready(ctx), store.ErrClosed)
	wantError(t, "Update", s.Update(ctx, func(store.Tx) error { t.Error("called"); return nil }), store.ErrClosed)
	wantError(t, "View", s.View(ctx, func(store.Reader) error { t.Error("called"); return nil }), store.ErrClosed)
	_, err := s.ScanPrefix(ctx, nil, store.Key{}, 1)
	wantError(t, "ScanPrefix", err, store.ErrClosed)
	_, err = s.ScanCounters(ctx, nil, store.Key{}, 1)
	wantError(t, "ScanCounters", err, store.ErrClosed)
	wantError(t, "DropPrefix", s.DropPrefix(ctx, []byte("p")), store.ErrClosed)
	wantError(t, "Expunge", s.Expunge(ctx, []byte("p")), store.ErrClosed)
	wantError(t, "Close again", s.Close(), nil)
}

func testCloseWaits(t *testing.T, s store.Store) {
	inside, closing := make(chan struct{}), make(chan struct{})
	enter := sync.OnceFunc(func() { close(inside) })
	var closed atomic.Bool
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		view(t, s, func(r store.Reader) {
			enter()
			<-closing
			want(t, "a read before Close is done", get(t, r, "p", "a"), "<nil>")
			want(t, "closed", closed.Load(), false)
		})
	}()
	within(t, "View", inside)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		closed.Store(true)
	}()
	close(closing)
	within(t, "View", finished)
	within(t, "Close", done)
}
