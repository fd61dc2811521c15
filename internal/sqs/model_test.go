package sqs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"kindred/internal/api/sqsapi"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/internal/store/pebblestore"
)

// engines run a test on each engine.
func engines(t *testing.T, test func(t *testing.T, e *env)) {
	t.Run("memory", func(t *testing.T) { test(t, newEnvOn(t, memstore.New())) })
	t.Run("pebble", func(t *testing.T) { test(t, newEnvOn(t, openPebble(t))) })
}

func openPebble(t testing.TB) store.Store {
	t.Helper()
	st, err := pebblestore.Open(t.TempDir(), pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// modelMessage is what the model knows of a message.
type modelMessage struct {
	id      string
	body    string
	visible time.Time
	sent    time.Time
	here    int    // receives from the queue that it is in
	total   int    // receives for life
	handle  string // of the latest receive
}

// model is a queue with a dead-letter queue, as simple as can be.
type model struct {
	retention, visibility time.Duration
	receives              int // before a message goes to the dead-letter queue
	messages, dead        map[string]*modelMessage
	gone                  []string // handles of messages that were deleted, or received again
}

// counts are visible, in flight, delayed.
func (m *model) counts(in map[string]*modelMessage, now time.Time) (n [3]int) {
	for _, x := range in {
		switch {
		case !x.visible.After(now):
			n[0]++
		case x.here > 0:
			n[1]++
		default:
			n[2]++
		}
	}
	return n
}

func (m *model) expire(now time.Time) {
	for id, x := range m.messages {
		if !x.sent.Add(m.retention).After(now) {
			delete(m.messages, id)
		}
	}
}

// TestModel does random things to a queue and compares it to the model after
// each: no message is lost, none is handed out within its visibility timeout,
// and the counts are right.
func TestModel(t *testing.T) {
	engines(t, func(t *testing.T, e *env) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		r := &run{env: e, t: t, rand: rand.New(rand.NewPCG(seed, 0)), model: &model{
			retention: 10 * time.Minute, visibility: 30 * time.Second, receives: 3,
			messages: map[string]*modelMessage{}, dead: map[string]*modelMessage{},
		}}
		r.deadURL = e.create("dead", nil)
		attributes := redriveTo("dead", r.model.receives)
		attributes[attrRetention] = "600"
		r.url = e.create("q", attributes)
		for range 1500 {
			r.step()
		}
		r.finish()
	})
}

type run struct {
	*env
	t            *testing.T
	rand         *rand.Rand
	model        *model
	url, deadURL string
	sent         int
}

func (r *run) step() {
	switch n := r.rand.IntN(100); {
	case n < 30:
		r.send()
	case n < 60:
		r.receive()
	case n < 75:
		r.deleteOne()
	case n < 85:
		r.change()
	case n < 88:
		r.stale()
	case n < 90 && r.rand.IntN(20) == 0:
		if err := r.PurgeQueue(r.ctx, &sqsapi.PurgeQueueRequest{QueueUrl: r.url}); err == nil {
			clear(r.model.messages)
		} else {
			wantError(r.t, err, "PurgeQueueInProgress", "")
		}
	default:
		r.clock.add(time.Duration(r.rand.IntN(20_000)) * time.Millisecond)
	}
	r.model.expire(r.clock.now())
	if r.rand.IntN(5) == 0 {
		r.compareCounts()
	}
}

func (r *run) compareCounts() {
	r.t.Helper()
	if err := r.sweep(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	now := r.clock.now()
	for url, in := range map[string]map[string]*modelMessage{r.url: r.model.messages, r.deadURL: r.model.dead} {
		n := r.model.counts(in, now)
		r.wantCounts(url, fmt.Sprint(n[0]), fmt.Sprint(n[1]), fmt.Sprint(n[2]))
	}
}

func (r *run) send() {
	in := &sqsapi.SendMessageBatchRequest{QueueUrl: r.url}
	for i := range 1 + r.rand.IntN(4) {
		r.sent++
		entry := sqsapi.SendMessageBatchRequestEntry{Id: fmt.Sprint(i), MessageBody: fmt.Sprint("body ", r.sent)}
		if r.rand.IntN(4) == 0 {
			entry.DelaySeconds = ptr(r.rand.IntN(60))
		}
		in.Entries = append(in.Entries, entry)
	}
	out, err := r.SendMessageBatch(r.ctx, in)
	if err != nil || len(out.Successful) != len(in.Entries) {
		r.t.Fatal(out, err)
	}
	now := r.clock.now()
	for i, entry := range in.Entries {
		x := &modelMessage{id: out.Successful[i].MessageId, body: entry.MessageBody, sent: now, visible: now}
		if entry.DelaySeconds != nil {
			x.visible = now.Add(time.Duration(*entry.DelaySeconds) * time.Second)
		}
		r.model.messages[x.id] = x
	}
}

// receive compares what is received with what could be: as many as were asked
// for, or all that there are.
func (r *run) receive() {
	want := 1 + r.rand.IntN(10)
	now := r.clock.now()
	ready, over := 0, 0
	for _, x := range r.model.messages {
		if !x.visible.After(now) && now.Before(x.sent.Add(r.model.retention)) {
			if x.here >= r.model.receives {
				over++
			} else {
				ready++
			}
		}
	}
	got := r.receiveUpTo(r.url, want)
	if len(got) != min(want, ready) {
		r.t.Fatalf("received %d of %d ready messages, asked for %d", len(got), ready, want)
	}
	for _, m := range got {
		x := r.model.messages[*m.MessageId]
		if x == nil {
			r.t.Fatalf("received %s, which is not there", *m.Body)
		}
		if x.visible.After(now) || x.here >= r.model.receives || x.body != *m.Body {
			r.t.Fatalf("received %+v at %v", x, now)
		}
		x.here++
		x.total++
		if m.Attributes["ApproximateReceiveCount"] != fmt.Sprint(x.total) {
			r.t.Fatalf("received for the %s. time, want %d", m.Attributes["ApproximateReceiveCount"], x.total)
		}
		if x.handle != "" {
			r.model.gone = append(r.model.gone, x.handle)
		}
		x.handle = *m.ReceiptHandle
		x.visible = now.Add(r.model.visibility)
	}
	if over > 0 {
		r.followRedrive(now)
	}
}

// followRedrive learns from the stored state which messages went to the
// dead-letter queue, and checks that they were to go.
func (r *run) followRedrive(now time.Time) {
	q, err := r.load(r.ctx, "dead")
	if err != nil {
		r.t.Fatal(err)
	}
	var found []store.Record
	err = r.store.View(r.ctx, func(rd store.Reader) error {
		found = nil
		for shard := range shards {
			recs, err := rd.Scan(r.ctx, store.Span{Partition: indexPartition(q.Space, shard),
				Start: []byte{byVisibility}, End: []byte{byVisibility + 1}, Limit: store.MaxScan})
			if err != nil {
				return err
			}
			found = append(found, recs[0]...)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, rec := range found {
		_, v, _ := parseIndex(rec.Key.Sort)
		if r.model.dead[v.String()] != nil {
			continue
		}
		x := r.model.messages[v.String()]
		if x == nil || x.here < r.model.receives || x.visible.After(now) {
			r.t.Fatalf("%+v went to the dead-letter queue", x)
		}
		delete(r.model.messages, x.id)
		x.visible, x.here = now, 0
		r.model.gone = append(r.model.gone, x.handle)
		r.model.dead[x.id] = x
	}
}

// pick is a message that was received at least once, nil if there is none.
func (r *run) pick() *modelMessage {
	var all []*modelMessage
	for _, x := range r.model.messages {
		if x.handle != "" {
			all = append(all, x)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b *modelMessage) int { return a.sent.Compare(b.sent) })
	return all[r.rand.IntN(len(all))]
}

func (r *run) deleteOne() {
	x := r.pick()
	if x == nil {
		return
	}
	if err := r.delete(r.url, x.handle); err != nil {
		r.t.Fatal(err)
	}
	delete(r.model.messages, x.id)
	r.model.gone = append(r.model.gone, x.handle)
}

func (r *run) change() {
	x := r.pick()
	if x == nil {
		return
	}
	timeout := r.rand.IntN(90)
	err := r.ChangeMessageVisibility(r.ctx, &sqsapi.ChangeMessageVisibilityRequest{QueueUrl: r.url, ReceiptHandle: x.handle, VisibilityTimeout: timeout})
	if !x.visible.After(r.clock.now()) {
		wantError(r.t, err, "MessageNotInflight", "")
		return
	}
	if err != nil {
		r.t.Fatal(err)
	}
	x.visible = r.clock.now().Add(time.Duration(timeout) * time.Second)
}

// stale uses a handle that is of no use any more.
func (r *run) stale() {
	if len(r.model.gone) == 0 {
		return
	}
	handle := r.model.gone[r.rand.IntN(len(r.model.gone))]
	if err := r.delete(r.url, handle); err != nil {
		r.t.Fatal(err)
	}
	err := r.ChangeMessageVisibility(r.ctx, &sqsapi.ChangeMessageVisibilityRequest{QueueUrl: r.url, ReceiptHandle: handle, VisibilityTimeout: 1})
	wantError(r.t, err, "InvalidParameterValue", "")
}

// finish receives all that is left, from both queues.
func (r *run) finish() {
	r.clock.add(90 * time.Second)
	r.model.expire(r.clock.now())
	for range 2 { // the first may move some to the dead-letter queue
		for {
			got := r.receiveUpTo(r.url, 10)
			if len(got) == 0 {
				break
			}
			for _, m := range got {
				if r.model.messages[*m.MessageId] == nil {
					r.t.Fatalf("received %s, which is not there", *m.Body)
				}
				delete(r.model.messages, *m.MessageId)
				if err := r.delete(r.url, *m.ReceiptHandle); err != nil {
					r.t.Fatal(err)
				}
			}
		}
		r.followRedrive(r.clock.now())
	}
	for len(r.model.dead) > 0 {
		got := r.receiveUpTo(r.deadURL, 10)
		if len(got) == 0 {
			break
		}
		for _, m := range got {
			delete(r.model.dead, *m.MessageId)
			if err := r.delete(r.deadURL, *m.ReceiptHandle); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	if len(r.model.messages) > 0 || len(r.model.dead) > 0 {
		r.t.Fatalf("lost: %d messages, %d dead letters", len(r.model.messages), len(r.model.dead))
	}
	r.wantCounts(r.url, "0", "0", "0")
	r.wantCounts(r.deadURL, "0", "0", "0")
	r.wantNothingStored()
}

// wantNothingStored looks for records of messages that nobody would find.
func (r *run) wantNothingStored() {
	r.t.Helper()
	if err := r.dropSpaces(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	recs, err := r.store.ScanPrefix(r.ctx, []byte(spacePartition), store.Key{}, 10)
	if err != nil || len(recs) > 0 {
		r.t.Fatalf("%d records are left, %v", len(recs), err)
	}
}
