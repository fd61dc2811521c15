package deadletter

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/resource"
	"kindred/internal/store"
)

// letter is a dead letter in a queue or in the outbox.
type letter struct {
	id         string
	objectType string
	reason     string
	body       string
	first      time.Time // when the record first went to the queue: its place in the order
	sent       time.Time // when this letter did
	receives   int
	waiting    bool // in the outbox

	receipt string    // of a letter in the queue
	held    time.Time // until when the receipt keeps others away
}

// compare orders letters as their records were sent, and by id where the time
// is the same.
func (l *letter) compare(o *letter) int {
	return cmp.Or(cmp.Compare(l.first.UnixMilli(), o.first.UnixMilli()), cmp.Compare(l.id, o.id))
}

// read makes a letter of a message; nil if it is none of the domain. A letter of
// Kindred's says by the identity whose it is, so that it stays with its domain
// when that gets another name, and is never one of another domain that has had
// the name before or since. A message that only names a domain is for whichever
// has the name: it was written by somebody else, such as the managed service.
func read(m *sqstypes.Message, cfg *domain.Config) *letter {
	text := func(attribute string) string { return aws.ToString(m.MessageAttributes[attribute].StringValue) }
	own := text(resource.AttributeDomain) == cfg.Info.Name
	if id := text(resource.AttributeDomainID); id != "" {
		own = id == cfg.ID.String()
	}
	if !own || text(resource.AttributeObjectType) == "" {
		return nil
	}
	l := &letter{id: aws.ToString(m.MessageId), objectType: text(resource.AttributeObjectType),
		reason: text(resource.AttributeReason), body: aws.ToString(m.Body)}
	l.receives, _ = strconv.Atoi(m.Attributes[string(sqstypes.MessageSystemAttributeNameApproximateReceiveCount)]) // 0: not told
	if ms, err := strconv.ParseInt(m.Attributes[string(sqstypes.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		l.sent = time.UnixMilli(ms)
	}
	l.first = l.sent
	if ms, err := strconv.ParseInt(text(resource.AttributeFirstSent), 10, 64); err == nil && ms > 0 && ms < l.sent.UnixMilli() {
		l.first = time.UnixMilli(ms)
	}
	return l
}

// letters calls fn with the letters of a domain that wait in the outbox. It looks
// at no more than max records of the outbox, and reports whether that was all and
// could be opened; Run tells of what cannot.
func (o *Outbox) letters(ctx context.Context, of domain.ID, max int, fn func(*letter)) (complete bool, err error) {
	span := store.Span{Partition: outbox, Limit: batch}
	complete = true
	for looked := 0; looked < max; looked += batch {
		var list []store.Record
		err := o.store.View(ctx, func(r store.Reader) error {
			lists, err := r.Scan(ctx, span)
			if err == nil {
				list = lists[0]
			}
			return err
		})
		if err != nil {
			return false, fmt.Errorf("outbox: %w", err)
		}
		for _, rec := range list {
			l, err := o.open(rec)
			if err != nil {
				complete = false
				continue
			}
			if l.DomainID != of {
				continue
			}
			at := time.UnixMicro(int64(binary.BigEndian.Uint64(rec.Key.Sort)))
			w := &letter{id: hex.EncodeToString(rec.Key.Sort), objectType: l.ObjectType, reason: l.Reason, body: l.Body,
				first: at, sent: at, waiting: true}
			if !l.FirstSent.IsZero() {
				w.first = l.FirstSent
			}
			fn(w)
		}
		if len(list) < batch {
			return complete, nil
		}
		span.Start = append(list[batch-1].Key.Sort, 0)
	}
	return false, nil
}

// filter says which letters are meant; what is empty means any.
type filter struct {
	objectType string
	reason     string // the whole text
	contains   string // part of it
	ids        map[string]bool
}

// newFilter is the filter of a request.
func newFilter(objectType, reason, contains *string, ids []string) filter {
	f := filter{objectType: aws.ToString(objectType), reason: aws.ToString(reason), contains: aws.ToString(contains)}
	if ids != nil {
		f.ids = map[string]bool{}
		for _, id := range ids {
			f.ids[id] = true
		}
	}
	return f
}

func (f *filter) matches(l *letter) bool {
	return (f.objectType == "" || l.objectType == f.objectType) && (f.reason == "" || l.reason == f.reason) &&
		strings.Contains(l.reason, f.contains) && (f.ids == nil || f.ids[l.id])
}

// args are the filter as what a page token is bound to.
func (f *filter) args() []string {
	args := []string{f.objectType, f.reason, f.contains}
	for id := range f.ids {
		args = append(args, id)
	}
	slices.Sort(args[3:])
	return args
}

// position is a place in the order of letters.
type position struct {
	first int64 // milliseconds
	id    string
}

func (l *letter) position() position { return position{l.first.UnixMilli(), l.id} }

// before reports whether a letter comes after the position. The zero position is
// before all.
func (p position) before(l *letter) bool {
	return p == position{} || cmp.Or(cmp.Compare(p.first, l.first.UnixMilli()), cmp.Compare(p.id, l.id)) < 0
}

func (p position) append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(p.first)), p.id...)
}

func parsePosition(b []byte) (position, error) {
	if len(b) < 8 {
		return position{}, fault.New(fault.Invalid, "NextToken is not valid for this request")
	}
	return position{int64(binary.BigEndian.Uint64(b)), string(b[8:])}, nil
}

// oldest keeps the first of the letters that it is given, in order, bounded in
// number and, but for one letter, in bytes of their bodies.
type oldest struct {
	limit, bytes int

	list []*letter
	size int
	more bool // letters found no room
}

func (o *oldest) add(l *letter) {
	if len(o.list) == o.limit && l.compare(o.list[len(o.list)-1]) > 0 {
		o.more = true
		return
	}
	at, _ := slices.BinarySearchFunc(o.list, l, (*letter).compare)
	o.list = slices.Insert(o.list, at, l)
	o.size += len(l.body)
	for len(o.list) > o.limit || len(o.list) > 1 && o.size > o.bytes {
		last := len(o.list) - 1
		o.size -= len(o.list[last].body)
		o.list[last] = nil
		o.list = o.list[:last]
		o.more = true
	}
}

// Bounds of a tally: how many kinds are told apart, and how many are answered.
const (
	maxKinds = 1000
	topKinds = 100
)

// tally counts letters by object type and error.
type tally map[[2]string]int

func (t tally) add(objectType, reason string) {
	k := [2]string{objectType, reason}
	if _, ok := t[k]; ok || len(t) < maxKinds {
		t[k]++
	}
}

// shape lists the most frequent kinds, those first.
func (t tally) shape() []kindredapi.DeadLetterTally {
	list := make([]kindredapi.DeadLetterTally, 0, len(t))
	for k, n := range t {
		list = append(list, kindredapi.DeadLetterTally{ObjectTypeName: k[0], Message: k[1], Count: n})
	}
	slices.SortFunc(list, func(a, b kindredapi.DeadLetterTally) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.ObjectTypeName, b.ObjectTypeName), cmp.Compare(a.Message, b.Message))
	})
	return list[:min(len(list), topKinds)]
}
