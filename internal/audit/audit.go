// Package audit keeps a trail of who called what: each event says who it was, from where,
// when, which operation on which resources, and how it ended, in the shape of AWS
// CloudTrail's records ("CloudTrail record contents", CloudTrail user guide), and never
// what was asked or answered.
//
// Calls that change what an installation is (management events) are in the trail,
// durably, before they are answered. Calls on customers' data (data events), reads of
// settings, and refusals are written a second later, many at once, so that they cost
// next to nothing; a crash loses that second of a node. Requests that are not signed by
// somebody known are not in it: anybody could fill it.
//
// Events lie in the store, sealed under the root key, by day, for as long as is set.
package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/access"
	"kindred/internal/store"
)

// Level says which calls are in the trail.
type Level int

const (
	Off        Level = iota
	Management       // calls on what an installation is
	Access           // those on customers' data too
	All              // ingestion, messages and uses of keys too
)

// ParseLevel reads a level by its name.
func ParseLevel(name string) (Level, error) {
	for i, n := range []string{"off", "management", "access", "all"} {
		if n == name {
			return Level(i), nil
		}
	}
	return 0, errors.New("want off, management, access or all")
}

// Call is a call of an operation that has ended.
type Call struct {
	Caller             *access.Caller
	Service, Operation string // the signing name, and the name
	Input              any    // a pointer to a structure, or nil
	At                 time.Time
	RequestID          string
	UserAgent          string
	Error              string // name of the error in the answer; empty for none
}

const (
	format = 1
	prefix = "audit/"

	flushEvery = time.Second
	maxWaiting = 20_000 // events that wait to be written
	chunk      = 500    // events in a record, which keeps it far below the bound of a value
	sweepEvery = time.Hour
)

// Config is what a Service is made of.
type Config struct {
	Store           store.Store
	AEAD            tink.AEAD // seals the events
	Region, Account string
	Level           Level
	Days            int // that events are kept
	Pages           Pager
	Now             func() time.Time
	Log             *slog.Logger
}

// Pager makes and opens the tokens of lists.
type Pager interface {
	Seal(op string, args []string, position []byte) (string, error)
	Open(op string, args []string, token string) ([]byte, error)
}

// Service keeps the trail and answers questions about it. It may be used concurrently.
type Service struct {
	Config

	mu      sync.Mutex // guards what follows
	waiting []*Event
	dropped int64
}

// New makes a Service; Run has to run for what is not written at once to be kept.
func New(c Config) *Service { return &Service{Config: c} }

// Called takes a call into the trail. When it returns, a call that has changed what the
// installation is has been written.
func (s *Service) Called(ctx context.Context, c *Call) {
	kind := classify(c.Service, c.Operation)
	if c.Caller == nil || kind.level > s.Level {
		return
	}
	e := s.event(c, kind)
	if kind.level == Management && !kind.reads && c.Error == "" {
		// The call took place, whether its client waits or not.
		if err := s.write(context.WithoutCancel(ctx), []*Event{e}); err == nil {
			return
		}
		// It is tried again with the others.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= maxWaiting {
		s.dropped++
		return
	}
	s.waiting = append(s.waiting, e)
}

// Dropped is how many events were lost because they could not be written in time.
func (s *Service) Dropped() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Run writes what waits, and removes what is older than is kept, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var swept time.Time
	for {
		select {
		case <-ctx.Done():
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.flush(bounded)
			return nil
		case <-tick.C:
		}
		s.flush(ctx)
		if now := s.Now(); now.Sub(swept) >= sweepEvery {
			swept = now
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				s.Log.Warn("old audit events are removed later", "error", err)
			}
		}
	}
}

// flush writes what waits. What cannot be written waits on.
func (s *Service) flush(ctx context.Context) {
	s.mu.Lock()
	list := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	if len(list) == 0 {
		return
	}
	if err := s.write(ctx, list); err != nil {
		s.Log.Error("audit events cannot be written; they wait", "events", len(list), "error", err)
		s.mu.Lock()
		defer s.mu.Unlock()
		room := maxWaiting - len(s.waiting)
		if over := len(list) - room; over > 0 {
			s.dropped += int64(over)
			list = list[:room]
		}
		s.waiting = append(list, s.waiting...)
	}
}

func dayPartition(t time.Time) []byte { return []byte(prefix + t.UTC().Format("20060102")) }

// write puts events into records of their days.
func (s *Service) write(ctx context.Context, events []*Event) error {
	// They come as calls end, and are kept as calls began.
	events = slices.SortedStableFunc(slices.Values(events), func(a, b *Event) int { return a.EventTime.Compare(b.EventTime) })
	var records []store.Record
	for len(events) > 0 {
		n := min(len(events), chunk)
		for i := range n { // one record is of one day, and of a few seconds of it
			if !bytes.Equal(dayPartition(events[i].EventTime), dayPartition(events[0].EventTime)) || events[i].EventTime.Sub(events[0].EventTime) > span {
				n = i
				break
			}
		}
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		for _, e := range events[:n] {
			if err := enc.Encode(e); err != nil {
				return fmt.Errorf("audit: %w", err)
			}
		}
		sort := binary.BigEndian.AppendUint64(nil, uint64(events[0].EventTime.UnixMicro()))
		var random [8]byte
		_, _ = rand.Read(random[:]) // it never fails
		k := store.Key{Partition: dayPartition(events[0].EventTime), Sort: append(sort, random[:]...)}
		sealed, err := s.AEAD.Encrypt(text.Bytes(), bound(k))
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		records = append(records, store.Record{Key: k, Value: append([]byte{format}, sealed...)})
		events = events[n:]
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		for _, r := range records {
			tx.Put(r.Key, r.Value)
		}
		return nil
	})
}

func bound(k store.Key) []byte {
	return append([]byte{format}, string(k.Partition)+"\x00"+string(k.Sort)...)
}

// open reads the events of a record, the first first.
func (s *Service) open(r store.Record) ([]*Event, error) {
	if len(r.Value) == 0 || r.Value[0] != format {
		return nil, fmt.Errorf("audit: record %x: %w: unknown format", r.Key.Sort, store.ErrCorrupt)
	}
	text, err := s.AEAD.Decrypt(r.Value[1:], bound(r.Key))
	if err != nil {
		return nil, fmt.Errorf("audit: record %x: %w", r.Key.Sort, store.ErrCorrupt)
	}
	var events []*Event
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var e Event
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("audit: record %x: %w", r.Key.Sort, store.ErrCorrupt)
		}
		events = append(events, &e)
	}
	return events, nil
}

// sweep removes days that are older than is kept.
func (s *Service) sweep(ctx context.Context) error {
	oldest := dayPartition(s.Now().AddDate(0, 0, -s.Days))
	for {
		list, err := s.Store.ScanPrefix(ctx, []byte(prefix), store.Key{}, 1)
		if err != nil || len(list) == 0 || strings.Compare(string(list[0].Key.Partition), string(oldest)) >= 0 {
			return err
		}
		if err := s.Store.DropPrefix(ctx, list[0].Key.Partition); err != nil {
			return err
		}
	}
}
