package sqs

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/api/sqsapi"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

// counting counts the snapshots taken of a store.
type counting struct {
	store.Store
	views atomic.Int64
}

func (c *counting) View(ctx context.Context, fn func(store.Reader) error) error {
	c.views.Add(1)
	return c.Store.View(ctx, fn)
}

// polling runs a test in a bubble, with the bubble's clock.
func polling(t *testing.T, test func(t *testing.T, e *env, u string, views *atomic.Int64)) {
	synctest.Test(t, func(t *testing.T) {
		st := &counting{Store: memstore.New()}
		e := newEnvOn(t, st)
		e.config.Now = time.Now
		e.Service = New(e.config)
		test(t, e, e.create("q", nil), &st.views)
	})
}

// long receives with 20 seconds of patience, and says how long it took.
func (e *env) long(ctx context.Context, u string) (bodies []string, took time.Duration, err error) {
	began := time.Now()
	out, err := e.ReceiveMessage(ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u, WaitTimeSeconds: ptr(20), MaxNumberOfMessages: ptr(10)})
	if err == nil {
		for _, m := range out.Messages {
			bodies = append(bodies, *m.Body)
		}
	}
	return bodies, time.Since(began), err
}

func TestLongPollEndsWhenAMessageIsSent(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		go func() {
			time.Sleep(7300 * time.Millisecond)
			e.sendText(u, "at last")
		}()
		got, took, err := e.long(e.ctx, u)
		if err != nil || len(got) != 1 || took != 7300*time.Millisecond {
			t.Errorf("got %q after %v, %v", got, took, err)
		}
	})
}

func TestLongPollEndsWithoutAMessage(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, views *atomic.Int64) {
		before := views.Load()
		got, took, err := e.long(e.ctx, u)
		if err != nil || len(got) != 0 || took != 20*time.Second {
			t.Errorf("got %q after %v, %v", got, took, err)
		}
		if n := views.Load() - before; n > 25 {
			t.Errorf("a wait of 20 seconds looked %d times", n)
		}
	})
}

func TestQueueSaysHowLongToWait(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		if err := e.set(u, "ReceiveMessageWaitTimeSeconds", "3"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		e.none(u)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("waited %v", took)
		}
		began = time.Now()
		if _, err := e.ReceiveMessage(e.ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u, WaitTimeSeconds: ptr(0)}); err != nil || time.Since(began) != 0 {
			t.Errorf("waited %v, %v", time.Since(began), err)
		}
	})
}

func TestLongPollSeesTimeoutsEnd(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		if _, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "x", DelaySeconds: ptr(2)}); err != nil {
			t.Fatal(err)
		}
		if got, took, err := e.long(e.ctx, u); err != nil || len(got) != 1 || took != 2*time.Second {
			t.Errorf("delay: got %q after %v, %v", got, took, err)
		}
		time.Sleep(15 * time.Second)
		if got, took, err := e.long(e.ctx, u); err != nil || len(got) != 1 || took != 15*time.Second {
			t.Errorf("visibility timeout: got %q after %v, %v", got, took, err)
		}
	})
}

func TestLongPollEndsWithItsContext(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		ctx, cancel := context.WithCancel(e.ctx)
		go func() {
			time.Sleep(time.Second / 2)
			cancel()
		}()
		_, took, err := e.long(ctx, u)
		if !errors.Is(err, context.Canceled) || took != time.Second/2 {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

func TestLongPollSeesTheQueueGo(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		go func() {
			time.Sleep(time.Second / 2)
			if err := e.DeleteQueue(e.ctx, &sqsapi.DeleteQueueRequest{QueueUrl: u}); err != nil {
				t.Error(err)
			}
		}()
		_, took, err := e.long(e.ctx, u)
		wantError(t, err, "QueueDoesNotExist", "")
		if took != time.Second/2 {
			t.Errorf("after %v", took)
		}
	})
}

func TestLongPollSurvivesAPurge(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		go func() {
			time.Sleep(time.Second / 2)
			if err := e.PurgeQueue(e.ctx, &sqsapi.PurgeQueueRequest{QueueUrl: u}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second / 10)
			e.sendText(u, "after")
		}()
		if got, took, err := e.long(e.ctx, u); err != nil || len(got) != 1 || took != 600*time.Millisecond {
			t.Errorf("got %q after %v, %v", got, took, err)
		}
	})
}

func TestEachSendWakesOneWaiter(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		type answer struct {
			n    int
			took time.Duration
		}
		answers := make(chan answer)
		for range 3 {
			go func() {
				got, took, err := e.long(e.ctx, u)
				if err != nil {
					t.Error(err)
				}
				answers <- answer{len(got), took}
			}()
			time.Sleep(time.Millisecond) // so that they wait in order
		}
		e.sendText(u, "a")
		first := <-answers
		time.Sleep(time.Second)
		e.sendText(u, "b")
		second := <-answers
		if first.n != 1 || second.n != 1 || first.took > 3*time.Millisecond || second.took > 1100*time.Millisecond {
			t.Errorf("got %v and %v", first, second)
		}
		if last := <-answers; last.n != 0 || last.took != 20*time.Second {
			t.Errorf("the third got %v", last)
		}
	})
}

func TestMessagesOfAnotherNodeAreSeen(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		other := e.node()
		go func() {
			time.Sleep(5500 * time.Millisecond)
			other.sendText(u, "from afar")
		}()
		got, took, err := e.long(e.ctx, u)
		if err != nil || len(got) != 1 || took > 6500*time.Millisecond {
			t.Errorf("got %q after %v, %v", got, took, err)
		}
	})
}

func TestWaitersAreBounded(t *testing.T) {
	polling(t, func(t *testing.T, e *env, u string, _ *atomic.Int64) {
		e.waiting.Store(maxWaiters)
		_, _, err := e.long(e.ctx, u)
		wantError(t, err, "RequestThrottled", "")
		if n := e.waiting.Load(); n != maxWaiters {
			t.Errorf("%d are counted", n)
		}
	})
}

// A write that took long to commit has a time that the node thinks is done with.
func TestLateWritesAreFound(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", nil)
	e.none(u)
	e.clock.add(5 * time.Second)
	e.none(u)
	e.clock.add(-4 * time.Second)
	e.sendText(u, "late")
	e.clock.add(5 * time.Second)
	e.none(u)
	e.clock.add(fullScan * time.Microsecond)
	if got := *e.receiveOne(u).Body; got != "late" {
		t.Errorf("got %q", got)
	}
}
