package firehose

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"kindred/internal/contactrecord"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/resource"
)

// A transaction holds so much of a delivery.
const (
	batchObjects = 100
	batchBytes   = 1 << 20
)

// shownReasons is how many reasons an answer names.
const shownReasons = 5

// delivery is one request on its way.
type delivery struct {
	*Endpoint
	domain, objectType, id string
	of                     domain.ID // all of a delivery goes to one domain, whatever its name becomes
	queue                  string    // of dead letters, empty if there is none
	contacts               bool      // the objects are contact records

	bodies []string
	from   []int // the records of bodies
	bytes  int
	dead   []*resource.Letter // wait for the next flush

	// for the log and the answer
	records, objects, refused, letters int
	repeated                           bool
	reasons                            []string
	busy                               error // the first trouble that no record is to blame for
}

func (d *delivery) deliver(ctx context.Context, r *http.Request) error {
	ctx, err := d.authenticate(ctx, r)
	if err != nil {
		return err
	}
	if v := r.Header.Get(headerVersion); v != version {
		return bad("%s: want %s", headerVersion, version)
	}
	if d.id == "" {
		return bad("%s: want 1 to %d characters", headerRequestID, maxRequestID)
	}
	if err := d.resolve(ctx); err != nil {
		return err
	}
	h := &holding{budget: &d.memory}
	defer h.release()
	if err := h.read(r); err != nil {
		return err
	}
	e, err := parseEnvelope(h.body)
	if errors.Is(err, errMany) {
		return bad("records: at most %d are allowed", MaxRecords)
	}
	if err != nil {
		return &problem{http.StatusBadRequest, "The request is malformed: " + safe(err), err}
	}
	if e.requestID != d.id {
		return bad("requestId: it is not that of the header %s", headerRequestID)
	}
	d.records = len(e.data)
	key := d.key(h.body)
	if d.repeated = d.seen.has(key); d.repeated {
		return nil
	}
	if err := d.ingest(ctx, e); err != nil {
		return err
	}
	d.seen.add(key)
	return nil
}

// safe is the text of an error of the envelope, which repeats nothing of it.
func safe(err error) string {
	for _, known := range []error{errNoData, errEnvelope} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return errEnvelope.Error()
}

// resolve finds out what the objects are and where those go that fail.
func (d *delivery) resolve(ctx context.Context) error {
	cfg, err := d.Domains.Config(ctx, d.domain)
	if err != nil {
		return err
	}
	typ, err := d.Types.Lookup(cfg, d.objectType)
	if err != nil {
		return err
	}
	d.of = cfg.ID
	d.queue = cfg.Info.DeadLetterQueueURL
	d.contacts = d.objectType == contactType || typ.TemplateID == contactType || strings.HasPrefix(typ.TemplateID, contactType+"-")
	return nil
}

// contactType is the object type of contact records; their templates are named
// after it.
const contactType = "CTR"

func (d *delivery) ingest(ctx context.Context, e *envelope) error {
	var scratch []byte
	for i, data := range e.data {
		blob, grown, err := decode(data, scratch)
		scratch = grown
		if err != nil {
			d.objects++
			d.refuse(i, err.Error())
			continue
		}
		n := 0
		err = split(blob, func(value []byte, whole bool) error {
			n++
			return d.object(ctx, i, value, whole)
		})
		if err != nil {
			return err
		}
		if n == 0 {
			d.objects++
			d.refuse(i, "the data are empty")
		}
	}
	if err := d.flush(ctx); err != nil {
		return err
	}
	if d.busy != nil {
		return &problem{http.StatusServiceUnavailable, "Some records could not be ingested now; the delivery may be sent again", d.busy}
	}
	if d.refused > 0 {
		return bad("%d of %d objects can neither be ingested nor go to a dead letter queue: %s", d.refused, d.objects, strings.Join(d.reasons, "; "))
	}
	return nil
}

// refuse counts what is lost to us, and so must stay with the stream.
func (d *delivery) refuse(record int, reason string) {
	d.refused++
	if reason = fmt.Sprintf("records[%d]: %s", record, reason); len(d.reasons) < shownReasons {
		d.reasons = append(d.reasons, reason)
	}
}

// fail takes an object that cannot be ingested to the dead letter queue, or
// refuses it.
func (d *delivery) fail(record int, body, reason string) {
	if d.queue == "" || len(body) > ingest.MaxObject {
		d.refuse(record, reason)
		return
	}
	d.letters++
	d.bytes += len(body)
	d.dead = append(d.dead, &resource.Letter{QueueURL: d.queue, DomainID: d.of, Domain: d.domain, ObjectType: d.objectType, Reason: reason, Body: body})
}

// object takes one object of a record.
func (d *delivery) object(ctx context.Context, record int, value []byte, whole bool) error {
	d.objects++
	switch {
	case !whole:
		d.fail(record, string(value), "Object: not a JSON object")
	case d.contacts:
		c, err := contactrecord.Convert(value)
		if err != nil {
			d.fail(record, string(value), err.Error()) // names members and rules only
			break
		}
		d.add(record, string(c.JSON))
	default:
		d.add(record, string(value))
	}
	if len(d.bodies)+len(d.dead) < batchObjects && d.bytes < batchBytes {
		return nil
	}
	return d.flush(ctx)
}

func (d *delivery) add(record int, body string) {
	d.bodies, d.from = append(d.bodies, body), append(d.from, record)
	d.bytes += len(body)
}

// flush makes what has been collected durable.
func (d *delivery) flush(ctx context.Context) error {
	if len(d.bodies) > 0 {
		results, err := d.Ingest.PutInto(ctx, d.of, d.objectType, d.bodies)
		if err != nil {
			return err
		}
		for i := range results {
			d.settle(i, &results[i])
		}
	}
	if len(d.dead) > 0 {
		if err := d.Letters.Put(ctx, d.dead...); err != nil {
			return fmt.Errorf("firehose: %w", err)
		}
	}
	d.bodies, d.from, d.dead, d.bytes = d.bodies[:0], d.from[:0], nil, 0
	return nil
}

func (d *delivery) settle(i int, r *ingest.Result) {
	var f *fault.Error
	switch {
	case r.Err == nil:
		if r.Letter != "" {
			d.letters++
		}
	case errors.As(r.Err, &f) && f.Kind != fault.Internal && f.Kind != fault.Busy:
		d.fail(d.from[i], d.bodies[i], f.Message)
	case d.busy == nil:
		d.busy = r.Err
	}
}

// Remembered is how many deliveries are known again.
const Remembered = 4096

type memoKey [sha256.Size]byte

// key tells a delivery from others. A request id that comes again with other
// content is another delivery.
func (d *delivery) key(body []byte) memoKey {
	sum := sha256.Sum256(body)
	h := sha256.New()
	for _, s := range []string{d.of.String(), d.objectType, d.id} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	h.Write(sum[:])
	return memoKey(h.Sum(nil))
}

// memo remembers the deliveries that have been acknowledged, in two generations:
// when the young one is full it becomes the old one.
type memo struct {
	mu         sync.Mutex
	young, old map[memoKey]bool
}

func (m *memo) has(k memoKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.young[k] || m.old[k]
}

func (m *memo) add(k memoKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= Remembered {
		m.young, m.old = map[memoKey]bool{}, m.young
	}
	m.young[k] = true
}
