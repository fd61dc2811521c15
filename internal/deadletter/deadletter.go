// Package deadletter is the outbox for what could not be ingested: a dead
// letter is first a durable record, and is removed when its queue has taken it.
// So none is lost while the queue cannot be reached. A letter may arrive twice
// if the process ends between the two steps.
package deadletter

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/resource"
	"kindred/internal/store"
)

// Sender delivers letters.
type Sender interface {
	Send(ctx context.Context, l *resource.Letter) error
}

// outbox is the partition of waiting letters. A sort key is the time in
// microseconds and eight random bytes; the value is a format version and a
// resource.Letter in JSON, sealed under the root key because the domain's own
// key may be what the letter is about.
var outbox = []byte("outbox")

const version = 1

// How deliveries are paced.
const (
	batch      = 100              // letters read at a time
	sendWithin = 10 * time.Second // for one letter
	firstDelay = time.Second      // after a failure, doubled up to
	lastDelay  = time.Minute
)

// Outbox keeps and delivers dead letters.
type Outbox struct {
	store store.Store
	seal  tink.AEAD
	send  Sender
	log   *slog.Logger
	kick  chan struct{}

	mu      sync.Mutex // guards the following
	waiting int64      // letters known to wait, for metrics
}

// New makes an outbox. Nothing is delivered until Run.
func New(s store.Store, seal tink.AEAD, send Sender, log *slog.Logger) *Outbox {
	return &Outbox{store: s, seal: seal, send: send, log: log, kick: make(chan struct{}, 1)}
}

// Put makes letters durable; they are delivered soon after.
func (o *Outbox) Put(ctx context.Context, letters ...*resource.Letter) error {
	err := o.store.Update(ctx, func(tx store.Tx) error {
		for _, l := range letters {
			b, err := json.Marshal(l)
			if err != nil {
				return err
			}
			key := store.Key{Partition: outbox, Sort: binary.BigEndian.AppendUint64(nil, uint64(tx.Now().UnixMicro()))}
			var unique [8]byte
			_, _ = rand.Read(unique[:]) // never fails
			key.Sort = append(key.Sort, unique[:]...)
			sealed, err := o.seal.Encrypt(b, key.Sort)
			if err != nil {
				return err
			}
			tx.Put(key, append([]byte{version}, sealed...))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dead letter: %w", err)
	}
	select {
	case o.kick <- struct{}{}:
	default: // a delivery is due already
	}
	return nil
}

// Waiting is how many letters the last look at the outbox left in it.
func (o *Outbox) Waiting() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waiting
}

// Run delivers letters until the context ends.
func (o *Outbox) Run(ctx context.Context) error {
	delay := time.Duration(0)
	for {
		left, err := o.deliver(ctx)
		if ctx.Err() != nil {
			return nil
		}
		o.mu.Lock()
		o.waiting = int64(left)
		o.mu.Unlock()
		if err != nil {
			delay = min(max(2*delay, firstDelay), lastDelay)
			o.log.WarnContext(ctx, "dead letters wait", "letters", left, "again_in", delay, "error", err)
		} else {
			delay = 0
		}
		var again <-chan time.Time
		var timer *time.Timer
		if left > 0 {
			timer = time.NewTimer(max(delay, firstDelay))
			again = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-o.kick:
		case <-again:
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// deliver goes through the outbox once. A queue that refuses a letter is left
// alone for the rest of the pass, so that it does not hold up the others.
func (o *Outbox) deliver(ctx context.Context) (left int, first error) {
	refused := map[string]bool{}
	span := store.Span{Partition: outbox, Limit: batch}
	for {
		var list []store.Record
		err := o.store.View(ctx, func(r store.Reader) error {
			lists, err := r.Scan(ctx, span)
			if err == nil {
				list = lists[0]
			}
			return err
		})
		if err != nil {
			return left, fmt.Errorf("outbox: %w", err)
		}
		for _, rec := range list {
			if err := o.deliverOne(ctx, rec, refused); err != nil {
				left++
				first = errors.Join(first, err)
				if left > 1 {
					first = err // one cause says enough
				}
			}
		}
		if len(list) < batch || ctx.Err() != nil {
			return left, first
		}
		span.Start = append(list[batch-1].Key.Sort, 0)
	}
}

var errRefused = errors.New("the queue refused an earlier letter")

func (o *Outbox) deliverOne(ctx context.Context, rec store.Record, refused map[string]bool) error {
	var l resource.Letter
	if len(rec.Value) == 0 || rec.Value[0] != version {
		return fmt.Errorf("outbox record %x: %w", rec.Key.Sort, store.ErrCorrupt)
	}
	b, err := o.seal.Decrypt(rec.Value[1:], rec.Key.Sort)
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil {
		return fmt.Errorf("outbox record %x: %w", rec.Key.Sort, store.ErrCorrupt)
	}
	if refused[l.QueueURL] {
		return errRefused
	}
	within, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if err := o.send.Send(within, &l); err != nil {
		refused[l.QueueURL] = true
		return err
	}
	return o.store.Update(ctx, func(tx store.Tx) error {
		tx.Delete(rec.Key)
		return nil
	})
}
