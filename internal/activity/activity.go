// Package activity counts what happens in each domain by the hour and by the day, for
// charts: objects ingested, profiles made, merges, dead letters.
//
// Counting must cost ingestion nothing, so a node counts in memory, after the fact, and
// adds to the counters of the store every few seconds. A crash loses what was counted since
// the last time: charts may miss those seconds of one node. What must be exact are the
// totals of a domain (package domain), which are part of each transaction.
//
// # Storage
//
// A day (UTC) of a domain is one partition, and goes as a whole when it is older than
// [Kept]:
//
//	d DOMAIN a DAY   d/KIND, h/HOUR/KIND: counters; there: that the day has some
//
// DAY is days since 1970, 4 bytes big endian; HOUR, of the day, and KIND are a byte each.
// They say nothing of a customer, and are in the clear.
package activity

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Limits.
const (
	// Kept is how many days there are to ask for, today included.
	Kept = 90
	// MaxHours is how many hours one answer has.
	MaxHours = 31 * 24

	usualHours = 24
	usualDays  = 30
)

// kind is what is counted.
type kind byte

const (
	objects kind = iota
	profiles
	merges
	letters
	kinds
)

// count holds one number of each kind.
type count [kinds]int64

// hour is an hour since 1970.
type hour int64

func hourOf(t time.Time) hour { return hour(t.Unix() / 3600) }

func (h hour) time() time.Time { return time.Unix(int64(h)*3600, 0).UTC() }
func (h hour) day() uint32     { return uint32(h / 24) }

// flushEvery is how often what has been counted is written, and so how much a crash may
// lose.
const flushEvery = 5 * time.Second

// maxUnwritten bounds the hours of a domain that wait while the store cannot be written.
const maxUnwritten = 48

// Config is what a Service is made of.
type Config struct {
	Domains *domain.Service
	Now     func() time.Time
	Log     *slog.Logger
}

// Service counts, and tells what it has counted. It asks for permission itself, and may
// be used concurrently.
type Service struct {
	domains *domain.Service
	now     func() time.Time
	log     *slog.Logger

	mu    sync.Mutex // guards the following
	fresh map[domain.ID]map[hour]*count
}

// New makes a Service; Run has to run for anything to be kept.
func New(c Config) *Service {
	return &Service{domains: c.Domains, now: c.Now, log: c.Log, fresh: map[domain.ID]map[hour]*count{}}
}

// Tallied counts what a transaction of a domain has done.
func (s *Service) Tallied(of domain.ID, t seal.Tally) {
	s.add(of, hourOf(s.now()), &count{objects: t[domain.TallyObjects], profiles: t[domain.TallyProfiles], merges: t[domain.TallyMerges]})
}

// DeadLetter counts a dead letter of a domain.
func (s *Service) DeadLetter(of domain.ID) { s.add(of, hourOf(s.now()), &count{letters: 1}) }

func (s *Service) add(of domain.ID, at hour, n *count) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hours := s.fresh[of]
	if hours == nil {
		hours = map[hour]*count{}
		s.fresh[of] = hours
	}
	c := hours[at]
	if c == nil {
		if len(hours) >= maxUnwritten {
			return
		}
		c = &count{}
		hours[at] = c
	}
	for k := range c {
		c[k] += n[k]
	}
}

// Run writes what has been counted every few seconds and when the context ends, and
// removes what is too old.
func (s *Service) Run(ctx context.Context) error {
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	expire := time.NewTicker(time.Hour)
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushEvery)
			defer cancel()
			s.try(last, "write", s.flush)
			return nil
		case <-flush.C:
			s.try(ctx, "write", s.flush)
		case <-expire.C:
			s.try(ctx, "expire", s.expire)
		}
	}
}

func (s *Service) try(ctx context.Context, what string, do func(context.Context) error) {
	if err := do(ctx); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "activity of domains", "task", what, "error", err)
	}
}

func partition(of domain.ID, day uint32) []byte {
	return of.Partition('a', binary.BigEndian.AppendUint32(nil, day)...)
}

func dayKey(of domain.ID, day uint32, k kind) store.Key {
	return store.Key{Partition: partition(of, day), Sort: []byte{'d', '/', byte(k)}}
}

func hourKey(of domain.ID, h hour, k kind) store.Key {
	return store.Key{Partition: partition(of, h.day()), Sort: []byte{'h', '/', byte(h % 24), '/', byte(k)}}
}

// thereKey is the record of a day that has counters, which by themselves are in no list.
func thereKey(of domain.ID, day uint32) store.Key {
	return store.Key{Partition: partition(of, day), Sort: []byte("there")}
}

// format is the version of what is stored.
const format = 1

// flush writes what has been counted, domain by domain. What cannot be written is
// counted again.
func (s *Service) flush(ctx context.Context) (err error) {
	s.mu.Lock()
	fresh := s.fresh
	s.fresh = make(map[domain.ID]map[hour]*count, len(fresh))
	s.mu.Unlock()
	for of, hours := range fresh {
		if e := s.write(ctx, of, hours); e != nil {
			err = errors.Join(err, e)
			if errors.Is(e, store.ErrUnknownOutcome) {
				continue // twice would be worse than not at all
			}
			for h, n := range hours {
				s.add(of, h, n)
			}
		}
	}
	return err
}

// write adds counts to a domain's counters, unless it is being removed: then they are
// nobody's any more.
func (s *Service) write(ctx context.Context, of domain.ID, hours map[hour]*count) error {
	err := s.domains.Store().Update(ctx, func(tx store.Tx) error {
		standing, err := s.domains.Standing(ctx, tx, of)
		if err != nil || !standing {
			return err
		}
		for h, n := range hours {
			tx.Put(thereKey(of, h.day()), []byte{format})
			for k, v := range n {
				if v != 0 {
					tx.Add(dayKey(of, h.day(), kind(k)), v)
					tx.Add(hourKey(of, h, kind(k)), v)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("activity of domain %s: %w", of, err)
	}
	return nil
}

// expirePage is how many days of a domain are looked at together.
const expirePage = 100

// expire removes days that are too old.
func (s *Service) expire(ctx context.Context) error {
	ids, err := s.domains.IDs(ctx)
	if err != nil {
		return err
	}
	oldest := hourOf(s.now()).day() - Kept + 1
	for _, of := range ids {
		list, err := s.domains.Store().ScanPrefix(ctx, of.Partition('a'), store.Key{}, expirePage)
		if err != nil {
			return err
		}
		for _, rec := range list { // the oldest day first
			prefix := len(of.Partition('a'))
			if len(rec.Key.Partition) != prefix+4 || binary.BigEndian.Uint32(rec.Key.Partition[prefix:]) >= oldest {
				break
			}
			err := s.domains.Store().Update(ctx, func(tx store.Tx) error {
				tx.Clear(rec.Key.Partition)
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// GetDomainActivity tells what has happened in a domain, by the hour or the day, the
// oldest first. The last bucket is the one that is not over.
func (s *Service) GetDomainActivity(ctx context.Context, in *kindredapi.GetDomainActivityRequest) (*kindredapi.DomainActivity, error) {
	if err := access.Require(ctx, access.Check{Action: "kindred:GetDomainActivity", Resource: s.domains.ARN(in.DomainName, "")}); err != nil {
		return nil, err
	}
	cfg, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	q, err := ask(in, hourOf(s.now()))
	if err != nil {
		return nil, err
	}
	counts, err := s.read(ctx, cfg.ID, q)
	if err != nil {
		return nil, err
	}
	out := &kindredapi.DomainActivity{Granularity: q.granularity, Buckets: make([]kindredapi.ActivityBucket, q.n)}
	for i, c := range counts {
		out.Buckets[i] = kindredapi.ActivityBucket{StartTime: q.start(i).time(), ObjectsIngested: c[objects], ProfilesCreated: c[profiles],
			Merges: c[merges], DeadLetters: c[letters]}
	}
	return out, nil
}
