package deadletter_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"kindred/internal/datakey"
	"kindred/internal/deadletter"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/resource"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

// post takes letters as queues do, unless a queue is down.
type post struct {
	mu    sync.Mutex
	taken []string // queue and body, in order
	tries map[string]int
	fail  func(l *resource.Letter) error
	hang  string // a queue that never answers
}

func (p *post) Send(ctx context.Context, l *resource.Letter) error {
	p.mu.Lock()
	p.tries[l.QueueURL]++
	fail, hangs := p.fail, p.hang == l.QueueURL
	p.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if fail != nil {
		if err := fail(l); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = append(p.taken, l.QueueURL+" "+l.Body)
	return nil
}

func (p *post) set(fail func(*resource.Letter) error, hang string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail, p.hang = fail, hang
}

func (p *post) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.taken, ", ")
}

func (p *post) tried(queue string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries[queue]
}

// office is an outbox that is being delivered.
type office struct {
	*deadletter.Outbox
	post  *post
	store store.Store
	stop  func()
}

// nowhere has no domains: letters go out under the names that they have.
type nowhere struct{}

func (nowhere) ConfigOf(context.Context, domain.ID) (*domain.Config, error) {
	return nil, fault.New(fault.NotFound, "The domain does not exist any more")
}

func openOffice(t *testing.T, s store.Store, p *post) *office {
	t.Helper()
	a, err := datakey.AEAD([]byte("the key of these tests, 32 bytes")[:datakey.Size])
	if err != nil {
		t.Fatal(err)
	}
	o := &office{Outbox: deadletter.New(s, a, nowhere{}, p, slog.New(slog.DiscardHandler)), post: p, store: s}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- o.Run(ctx) }()
	o.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(o.stop)
	return o
}

func newPost() *post { return &post{tries: map[string]int{}} }

func (o *office) put(t *testing.T, letters ...string) {
	t.Helper()
	var list []*resource.Letter
	for _, text := range letters {
		queue, body, _ := strings.Cut(text, " ")
		list = append(list, &resource.Letter{QueueURL: queue, Domain: "d", ObjectType: "T", Reason: "why", Body: body})
	}
	if err := o.Put(context.Background(), list...); err != nil {
		t.Fatal(err)
	}
}

func (o *office) wants(t *testing.T, what, taken string, waiting int64) {
	t.Helper()
	synctest.Wait()
	if got := o.post.seen(); got != taken {
		t.Errorf("%s: taken %q, want %q", what, got, taken)
	}
	if got := o.Waiting(); got != waiting {
		t.Errorf("%s: %d letters wait, want %d", what, got, waiting)
	}
}

var errDown = errors.New("no answer")

func down(queues ...string) func(*resource.Letter) error {
	return func(l *resource.Letter) error {
		for _, q := range queues {
			if l.QueueURL == q {
				return errDown
			}
		}
		return nil
	}
}

func TestDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openOffice(t, memstore.New(), newPost())
		o.put(t, "a 1")
		o.wants(t, "one", "a 1", 0)
		time.Sleep(time.Millisecond)
		o.put(t, "a 2")
		time.Sleep(time.Millisecond)
		o.put(t, "b 3")
		o.wants(t, "in order", "a 1, a 2, b 3", 0)
		if o.post.tried("a") != 2 {
			t.Errorf("%d tries", o.post.tried("a"))
		}
	})
}

// TestQueueDownThenUp: a letter waits while its queue is down, is tried less and
// less often, and goes within a minute of the queue's return.
func TestQueueDownThenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openOffice(t, memstore.New(), newPost())
		o.post.set(down("a"), "")
		o.put(t, "a 1")
		o.wants(t, "down", "", 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := o.post.tried("a"); n < 50 || n > 80 {
			t.Errorf("%d tries in an hour", n)
		}
		o.post.set(nil, "")
		time.Sleep(61 * time.Second)
		o.wants(t, "up", "a 1", 0)
		time.Sleep(time.Hour)
		o.wants(t, "later", "a 1", 0)
	})
}

// TestRestart: what waits when the process ends is delivered by the next one.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		first := openOffice(t, s, newPost())
		first.post.set(down("a"), "")
		first.put(t, "a 1")
		first.wants(t, "down", "", 1)
		first.stop()
		second := openOffice(t, s, newPost())
		second.wants(t, "after a restart", "a 1", 0)
	})
}

// TestAtLeastOnce: a letter that its queue took and that could not be removed
// from the outbox is delivered once more, and not lost.
func TestAtLeastOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shaky{Store: memstore.New()}
		o := openOffice(t, s, newPost())
		o.put(t, "a 1")
		o.wants(t, "as ever", "a 1", 0)
		o.post.set(func(*resource.Letter) error { s.fail(true, false); return nil }, "")
		o.put(t, "a 2")
		o.wants(t, "not removed", "a 1, a 2", 1)
		o.post.set(nil, "")
		s.fail(false, false)
		time.Sleep(2 * time.Second)
		o.wants(t, "again", "a 1, a 2, a 2", 0)
	})
}

// TestStoreThatFailsToRead: an outbox that cannot be read for a moment, when the
// process starts for example, is read again.
func TestStoreThatFailsToRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shaky{Store: memstore.New()}
		first := openOffice(t, s, newPost())
		first.post.set(down("a"), "")
		first.put(t, "a 1")
		synctest.Wait()
		first.stop()
		s.fail(false, true)
		o := openOffice(t, s, newPost())
		synctest.Wait()
		s.fail(false, false)
		time.Sleep(time.Minute)
		o.wants(t, "readable again", "a 1", 0)
	})
}

// shaky is a store of which reads or writes fail at times.
type shaky struct {
	store.Store
	mu            sync.Mutex
	writes, reads bool
}

func (s *shaky) fail(writes, reads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes, s.reads = writes, reads
}

func (s *shaky) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.mu.Lock()
	fails := s.writes
	s.mu.Unlock()
	if fails {
		return errDown
	}
	return s.Store.Update(ctx, fn)
}

func (s *shaky) View(ctx context.Context, fn func(store.Reader) error) error {
	s.mu.Lock()
	fails := s.reads
	s.mu.Unlock()
	if fails {
		return errDown
	}
	return s.Store.View(ctx, fn)
}

// TestOneBadQueueHoldsUpNoOther: whether a queue refuses or hangs, the letters of
// the others go, those that lie behind its own and those that come later.
func TestOneBadQueueHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openOffice(t, memstore.New(), newPost())
		o.post.set(down("bad"), "")
		for i := range 250 {
			o.put(t, fmt.Sprint("bad ", i))
		}
		time.Sleep(time.Millisecond)
		o.put(t, "good 1")
		synctest.Wait()
		o.wants(t, "refuses", "good 1", 250)
		if n := o.post.tried("bad"); n > 5 {
			t.Errorf("the bad queue was tried %d times", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		o := openOffice(t, memstore.New(), newPost())
		o.post.set(nil, "bad")
		o.put(t, "bad 1")
		time.Sleep(time.Millisecond)
		began := time.Now()
		held := 0
		for i := range 120 { // one letter a second for two minutes
			o.put(t, fmt.Sprint("good ", i))
			time.Sleep(time.Second)
			synctest.Wait()
			if !strings.HasSuffix(o.post.seen(), fmt.Sprint("good ", i)) {
				held++
			}
		}
		if held > 60 {
			t.Errorf("in %s, %d of 120 letters were held up for a second or more", time.Since(began), held)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if n := strings.Count(o.post.seen(), "good"); n != 120 {
			t.Errorf("%d good letters", n)
		}
	})
}

// TestLetterThatItsQueueCannotTake: a letter that the queue will never take, for
// what is in it, stays, and holds up no other of the same queue.
func TestLetterThatItsQueueCannotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openOffice(t, memstore.New(), newPost())
		o.post.set(func(l *resource.Letter) error {
			if l.Body == "bad" {
				return fmt.Errorf("dead letter queue: %w", &smithy.GenericAPIError{Code: "InvalidMessageContents", Message: "characters"})
			}
			return nil
		}, "")
		o.put(t, "a bad")
		time.Sleep(time.Millisecond)
		o.put(t, "a 1")
		o.wants(t, "behind it", "a 1", 1)
		time.Sleep(time.Hour)
		o.put(t, "a 2")
		o.wants(t, "later", "a 1, a 2", 1)
		if n := o.post.tried("a"); n > 80 {
			t.Errorf("%d tries", n)
		}
		o.post.set(nil, "")
		time.Sleep(2 * time.Minute)
		o.wants(t, "should the queue take it after all", "a 1, a 2, a bad", 0)
	})
}

// TestOutboxIsSealed: letters at rest show neither the record nor its reason.
func TestOutboxIsSealed(t *testing.T) {
	s := memstore.New()
	a, err := datakey.AEAD(make([]byte, datakey.Size))
	if err != nil {
		t.Fatal(err)
	}
	o := deadletter.New(s, a, nowhere{}, newPost(), slog.New(slog.DiscardHandler))
	body := `{"mail":"ann@x.org"}`
	if err := o.Put(context.Background(), &resource.Letter{QueueURL: "a", Domain: "domain", ObjectType: "T", Reason: "reason", Body: body}); err != nil {
		t.Fatal(err)
	}
	list, err := s.ScanPrefix(context.Background(), []byte("outbox"), store.Key{}, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, text := range []string{"ann@x.org", "reason", "domain", base64.StdEncoding.EncodeToString([]byte(body))} {
		if strings.Contains(string(list[0].Value), text) || strings.Contains(string(list[0].Key.Sort), text) {
			t.Errorf("the record shows %q", text)
		}
	}
}

// TestDamagedLetterHoldsUpNoOther: a record that does not open stays for whoever
// can repair it.
func TestDamagedLetterHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		err := s.Update(context.Background(), func(tx store.Tx) error {
			for _, value := range []string{"", "\x01damaged", "\x02later version"} {
				tx.Put(store.Key{Partition: []byte("outbox"), Sort: []byte("\x00" + value)}, []byte(value))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		o := openOffice(t, s, newPost())
		o.put(t, "a 1")
		o.wants(t, "behind it", "a 1", 3)
	})
}
