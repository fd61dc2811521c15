// Package deadletter keeps what could not be ingested until it is: an outbox
// from which dead letters go to their queue, and the operations that list the
// letters of a domain, ingest them again, and give them up.
//
// # Outbox
//
// A dead letter is first a durable record, and is removed when its queue has
// taken it. So none is lost while the queue cannot be reached. A letter may
// arrive twice if the process ends between the two steps.
//
// A letter carries the identity of its domain beside the name (attribute DomainId).
// When the domain gets another name its letters stay its own, those in the outbox
// go out under the new name, and a new domain of the old name sees none of them.
//
// # Looking into a queue
//
// SQS has no way to look at messages without receiving them. A list receives all
// that can be received, within bounds, hides the letters for 40 seconds at most,
// and gives them back when it has seen them. So each list counts as a receive of
// each letter, also for a redrive policy that the queue itself may have: its
// limit is in the answer as MaxReceiveCount. What others work on at the time is
// not seen; how many those are is in the answer as InFlight. Lists of one queue
// on one node take turns, so that they do not hide letters from each other.
//
// # Redrive
//
// Letters are ingested in the order in which their records first went to the
// queue, each by the way of PutProfileObject but without a letter for what fails:
//
//   - One that succeeds is deleted, after the record is durable. Should the
//     process end in between, the letter is ingested once more, which changes
//     nothing: a record with the same key replaces itself.
//   - One that fails stays. If the error is another than before, a letter with
//     the newest error is sent, as Customer Profiles, and the old one deleted
//     after that. Should the process end in between, there are two letters of the
//     record, and never none. The new letter has another id, and keeps the
//     record's place in the order in the attribute FirstSentTimestamp.
//   - Messages that are no letters of the domain are left alone.
//
// A letter is locked by its visibility timeout, which is renewed before it is
// used when half of it has gone by. So any number of redrives can run at once,
// anywhere; on one node they take turns, across nodes each letter is ingested by
// the one that holds it, and the order is that of each redrive by itself.
// A rehearsal (DryRun) tells what would become of each letter by itself, and
// changes nothing but receive counts.
//
// # Permissions
//
// kindred:ListDeadLetters, kindred:RedriveDeadLetters or kindred:DeleteDeadLetters
// on the domain, and, as the caller and not as the service, on the queue:
// sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:ChangeMessageVisibility, and to
// redrive or delete sqs:DeleteMessage. Whoever redrives a letter with another
// record than its own needs profile:PutProfileObject too. A queue outside of Kindred is called with the credentials of
// the process, after the caller's identity policies have allowed the same.
// Letters that still wait in the outbox need the first permission only. Letters
// with a newer error are sent as Customer Profiles, which the queue's policy
// allows already.
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

	"github.com/aws/smithy-go"
	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/resource"
	"kindred/internal/store"
	"kindred/internal/tracing"
)

// Sender delivers letters.
type Sender interface {
	Send(ctx context.Context, l *resource.Letter) error
}

// Domains tells what a domain is called now; *domain.Domains does.
type Domains interface {
	ConfigOf(ctx context.Context, id domain.ID) (*domain.Config, error)
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
	lookEvery  = 5 * time.Second // for letters of a node that died with them
)

// Outbox keeps and delivers dead letters.
type Outbox struct {
	store   store.Store
	seal    tink.AEAD
	domains Domains
	send    Sender
	log     *slog.Logger
	kick    chan struct{}
	made    func(domain.ID) // nil: nobody

	// pauses are queues that refused a letter, and single letters that their
	// queue cannot take. Only Run uses them.
	pauses map[string]pause
	round  round

	mu      sync.Mutex // guards the following
	waiting int64      // letters known to wait, for metrics
}

// pause is how long a queue or letter is left alone, which doubles each time.
type pause struct {
	until  time.Time
	length time.Duration
}

func longer(d time.Duration) time.Duration { return min(max(2*d, firstDelay), lastDelay) }

// New makes an outbox. Nothing is delivered until Run.
func New(s store.Store, seal tink.AEAD, domains Domains, send Sender, log *slog.Logger) *Outbox {
	return &Outbox{store: s, seal: seal, domains: domains, send: send, log: log, kick: make(chan struct{}, 1), pauses: map[string]pause{}, round: newRound(s)}
}

// OnPut sets who is told of each letter that has been made durable; told must return at
// once. It is called where a node is put together.
func (o *Outbox) OnPut(told func(of domain.ID)) { o.made = told }

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
	if o.made != nil {
		for _, l := range letters {
			o.made(l.DomainID)
		}
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
		wait := lookEvery
		switch {
		case errors.Is(err, errOthersRound):
			delay, wait = 0, firstDelay
		case err != nil:
			delay = longer(delay)
			wait = o.soonest(delay)
			o.log.WarnContext(ctx, "dead letters wait", "letters", left, "again_in", delay, "error", err)
		default:
			delay = 0
			if left > 0 {
				wait = o.soonest(0)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-o.kick:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// soonest is the time until a pause ends, at most the delay if there is one.
func (o *Outbox) soonest(delay time.Duration) time.Duration {
	if delay == 0 {
		delay = lastDelay
	}
	for what, p := range o.pauses {
		left := time.Until(p.until)
		if left < -lastDelay { // nothing has waited for its end
			delete(o.pauses, what)
			continue
		}
		delay = min(delay, max(left, firstDelay))
	}
	return delay
}

// deliver goes through the outbox once. A queue that refused a letter is left
// alone for the rest of the pass and for a while after it, so that it does not
// hold up the others. The error is the first of this pass; that a pause goes on
// is none.
//
// One node at a time does so: the others' letters are delivered with its own.
func (o *Outbox) deliver(ctx context.Context) (left int, first error) {
	defer o.round.end(ctx)
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
		for i, rec := range list {
			if err := o.round.take(ctx); err != nil {
				return left + len(list) - i, err
			}
			err := o.deliverOne(ctx, rec)
			if err != nil {
				left++
			}
			if first == nil && !errors.Is(err, errPaused) {
				first = err
			}
		}
		if len(list) < batch || ctx.Err() != nil {
			return left, first
		}
		span.Start = append(list[batch-1].Key.Sort, 0)
	}
}

var errPaused = errors.New("left alone for a while")

// open reads a record of the outbox.
func (o *Outbox) open(rec store.Record) (*resource.Letter, error) {
	var l resource.Letter
	if len(rec.Value) == 0 || rec.Value[0] != version {
		return nil, fmt.Errorf("outbox record %x: %w", rec.Key.Sort, store.ErrCorrupt)
	}
	b, err := o.seal.Decrypt(rec.Value[1:], rec.Key.Sort)
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil {
		return nil, fmt.Errorf("outbox record %x: %w", rec.Key.Sort, store.ErrCorrupt)
	}
	return &l, nil
}

func (o *Outbox) deliverOne(ctx context.Context, rec store.Record) error {
	l, err := o.open(rec)
	if err != nil {
		return err
	}
	letter := "letter " + string(rec.Key.Sort)
	queue := "queue " + l.QueueURL
	if o.paused(queue) || o.paused(letter) {
		return errPaused
	}
	ctx, span := tracing.Begin(ctx, "deliver dead letter", tracing.Producer)
	defer span.End()
	within, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if err := o.dispatch(within, l); err != nil {
		span.FailAs(err)
		at := queue
		if unfit(err) {
			at = letter
		}
		length := longer(o.pauses[at].length)
		o.pauses[at] = pause{until: time.Now().Add(length), length: length}
		return err
	}
	delete(o.pauses, queue)
	delete(o.pauses, letter)
	return o.store.Update(ctx, func(tx store.Tx) error {
		tx.Delete(rec.Key)
		return nil
	})
}

// dispatch sends a letter under the name that its domain has now, which is the
// one that the policy of the queue speaks of. A letter of a domain that has been
// deleted since goes out under the name that this had.
func (o *Outbox) dispatch(ctx context.Context, l *resource.Letter) error {
	cfg, err := o.domains.ConfigOf(ctx, l.DomainID)
	switch {
	case err == nil:
		l.Domain = cfg.Info.Name
	case !fault.Is(err, fault.NotFound):
		return err
	}
	return o.send.Send(ctx, l)
}

func (o *Outbox) paused(what string) bool { return time.Now().Before(o.pauses[what].until) }

// unfit reports whether a queue refused a letter for what is in it: it is larger
// than the queue takes, or has characters that SQS does not know. Other letters
// may pass.
func unfit(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "InvalidMessageContents", "InvalidParameterValue":
		return true
	}
	return false
}
