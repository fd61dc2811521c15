package connect

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kindred/internal/contactrecord"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/store"
)

// Ingestion is what became of a contact in its instance's domain.
type Ingestion struct {
	// Domain that the contact went to, by the name that it had then; empty when
	// its instance has none.
	Domain string `json:",omitempty"`
	// ProfileID is the profile it belongs to, empty when it was not stored.
	ProfileID string `json:",omitempty"`
	// UniqueKey is the ProfileObjectUniqueKey of the object.
	UniqueKey string `json:",omitempty"`
	// Letter is the reason for which it lies in the dead letter queue.
	Letter string `json:",omitempty"`
	// Problem is the reason for which it is not in the domain nor in a dead
	// letter queue.
	Problem string `json:",omitempty"`
	// Pending says that the contact has changed since, and that the rest is
	// about an earlier state.
	Pending bool `json:"-"`
}

// Ingestion tells what became of a contact in its instance's domain. The caller
// must be allowed connect:DescribeContact.
func (s *Service) Ingestion(ctx context.Context, instanceID, contactID string) (Ingestion, error) {
	c, _, err := s.describe(ctx, "DescribeContact", instanceID, contactID)
	if err != nil {
		return Ingestion{}, err
	}
	var out Ingestion
	if c.Ingested != nil {
		out = *c.Ingested
	}
	out.Pending = c.Pending
	return out, nil
}

func dueValue(at int64) []byte { return binary.BigEndian.AppendUint64([]byte{format}, uint64(at)) }

// rounds bounds how often a contact is ingested again because it has changed
// meanwhile. After that it is due.
const rounds = 16

// ingestWithin bounds one ingestion, all its rounds together.
const ingestWithin = 30 * time.Second

// ingest brings contacts that are due into a domain. What fails stays due,
// except for what the ingestion has refused. A contact that changes meanwhile
// is brought again, so that of concurrent calls none leaves an older state.
//
// The contacts are stored by now, so a caller who has gone does not end it.
func (s *Service) ingest(ctx context.Context, instanceID string, to target, list []*contact) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ingestWithin)
	defer cancel()
	for range rounds {
		bodies := make([]string, len(list))
		for i, c := range list {
			bodies[i] = string(c.Object)
		}
		results, err := s.ingester.PutInto(ctx, to.id, to.objectType, bodies)
		if err == nil && len(results) != len(list) {
			err = fmt.Errorf("connect: %d results for %d contacts", len(results), len(list))
		}
		if err != nil {
			s.log.WarnContext(ctx, "contacts wait for their ingestion", "instance", instanceID, "domain", to.domain, "contacts", len(list), "error", err)
			return
		}
		if list, err = s.settle(ctx, instanceID, to, list, results); err != nil {
			s.log.WarnContext(ctx, "contacts will be ingested again", "instance", instanceID, "domain", to.domain, "error", err)
			return
		}
		if len(list) == 0 {
			return
		}
	}
}

// settle notes the results of an ingestion, and returns the contacts that have
// changed since.
func (s *Service) settle(ctx context.Context, instanceID string, to target, list []*contact, results []ingest.Result) (again []*contact, err error) {
	at := s.now()
	err = s.store.Update(ctx, func(tx store.Tx) error {
		again = nil
		ids := make([]string, len(list))
		for i, c := range list {
			ids[i] = c.id
		}
		stored, err := s.contacts(ctx, tx, instanceID, ids)
		if err != nil {
			return err
		}
		for i, now := range stored {
			switch {
			case now == nil:
				tx.Delete(dueKey(instanceID, ids[i]))
				continue
			case !bytes.Equal(now.Object, list[i].Object):
				// Even if the newer state has been ingested already: within
				// the same second this one may have come after it.
				again = append(again, now)
				continue
			}
			next := *now
			next.Pending, next.Ingested = false, outcome(to, &results[i])
			if err := s.putContact(tx, instanceID, now, &next); err != nil {
				return err
			}
			s.note(tx, instanceID, &next, at)
			tx.Delete(dueKey(instanceID, ids[i]))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s.noted(instanceID)
	for i := range results {
		if results[i].Err != nil {
			s.log.WarnContext(ctx, "a contact was refused by its domain, which has no dead letter queue", "instance", instanceID,
				"contact", list[i].id, "domain", to.domain, "reason", reason(results[i].Err))
		}
	}
	return again, nil
}

func outcome(to target, r *ingest.Result) *Ingestion {
	out := &Ingestion{Domain: to.domain, UniqueKey: r.UniqueKey, Letter: r.Letter}
	if r.Err != nil {
		out.UniqueKey, out.Problem = "", reason(r.Err)
	} else if r.Letter == "" {
		out.ProfileID = r.Profile.String()
	}
	return out
}

// reason is what may be shown of an error.
func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Internal {
		return f.Message
	}
	return "The contact could not be ingested because of an internal error"
}

// MaxRecords bounds the records of one [Service.IngestRecords].
const MaxRecords = 100

// RecordResult is what became of one contact record.
type RecordResult struct {
	ContactID string
	// Stored says that the record was newer than what was known of the contact.
	// An older one, or one that came before, changes nothing and is no error.
	Stored bool
	// Err says why the record was not taken.
	Err error
}

// IngestRecords takes in contact records, in published or object form, which
// may come more than once and in any order. Each is stored with its contact and
// ingested like a call's change. Without an instance (identifier or ARN) each
// record names its own; with one, a record must name the same or none. The
// caller must be allowed connect:BatchPutContact on the instance. The error is
// that of the call as a whole; there is a result for each record otherwise.
func (s *Service) IngestRecords(ctx context.Context, instanceID string, records []json.RawMessage) ([]RecordResult, error) {
	if len(records) > MaxRecords {
		return nil, invalidRequest("at most %d contact records at a time", MaxRecords)
	}
	results := make([]RecordResult, len(records))
	groups := map[string]*recordGroup{}
	var order []*recordGroup
	for i, raw := range records {
		r, err := contactrecord.Convert(raw)
		if err != nil {
			results[i].Err = asFault(err)
			continue
		}
		results[i].ContactID = r.ContactID
		name := instanceID
		if name == "" {
			name = r.InstanceARN
		}
		if name == "" {
			results[i].Err = fault.New(fault.Invalid, "InstanceARN: the record names no instance, and none is given for it")
			continue
		}
		g := groups[name]
		if g == nil {
			g = &recordGroup{}
			g.instance, g.err = s.enter(ctx, "BatchPutContact", name, "")
			groups[name] = g
			order = append(order, g)
		}
		if g.err != nil {
			if instanceID != "" {
				return nil, g.err
			}
			results[i].Err = g.err
			continue
		}
		arn := s.arn(g.instance.ID, "")
		if r, err = r.WithInstance(arn); err == nil && r.InstanceARN != arn {
			err = fault.New(fault.Invalid, "InstanceARN: the record is of another instance")
		}
		if err != nil {
			results[i].Err = asFault(err)
			continue
		}
		g.add(i, r)
	}
	for _, g := range order {
		if len(g.edits) == 0 {
			continue
		}
		if err := s.change(ctx, g.instance, g.edits); err != nil {
			return nil, err
		}
		for j, e := range g.edits {
			results[g.index[j]].Stored, results[g.index[j]].Err = e.changed, e.err
		}
	}
	return results, nil
}

// recordGroup is the records of one instance.
type recordGroup struct {
	instance *instance
	err      error
	edits    []*edit
	index    []int // of each edit's record
}

func (g *recordGroup) add(i int, r *contactrecord.Record) {
	g.index = append(g.index, i)
	g.edits = append(g.edits, &edit{id: r.ContactID, apply: func(old *contact) (*contact, error) {
		c, err := fromRecord(r, old)
		if err != nil || c.newer(old) {
			return c, err
		}
		return old, nil
	}})
}

// How the work in the background is paced.
const (
	sweepEvery = 15 * time.Second
	dueAfter   = 15 * time.Second // before, the call that changed the contact is at it
	batch      = 25               // contacts ingested at a time
)

// Run ingests what a crash, a lost connection or a busy domain has left due,
// removes contacts that have outlived [Retention] and notes that have been kept for
// their time, and finishes deletions of instances, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "connect: background work", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	var all []*instance
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		all, err = s.allInstances(ctx, r)
		return err
	})
	for _, in := range all {
		if in.Deleted {
			err = errors.Join(err, s.purge(ctx, in.ID))
			continue
		}
		err = errors.Join(err, s.retry(ctx, in.ID), s.expire(ctx, in.ID), s.prune(ctx, in.ID))
	}
	return err
}

// retry ingests the contacts that are due for a while.
func (s *Service) retry(ctx context.Context, instanceID string) error {
	to, ok, err := s.target(ctx, s.arn(instanceID, ""))
	if err != nil {
		return err
	}
	before := s.now().Add(-dueAfter).UnixMilli()
	span := store.Span{Partition: dueKey(instanceID, "-").Partition, Limit: batch}
	for ctx.Err() == nil {
		var list []*contact
		n := 0
		err := s.store.View(ctx, func(r store.Reader) error {
			lists, err := r.Scan(ctx, span)
			if err != nil {
				return fmt.Errorf("connect: %w", err)
			}
			n = len(lists[0])
			var ids []string
			for _, rec := range lists[0] {
				span.Start = append(rec.Key.Sort, 0)
				if len(rec.Value) == 9 && rec.Value[0] == format && int64(binary.BigEndian.Uint64(rec.Value[1:])) <= before {
					ids = append(ids, string(rec.Key.Sort))
				}
			}
			if len(ids) == 0 {
				return nil
			}
			found, err := s.contacts(ctx, r, instanceID, ids)
			for _, c := range found {
				if c != nil {
					list = append(list, c)
				}
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case len(list) > 0 && ok:
			s.ingest(ctx, instanceID, to, list)
		case len(list) > 0:
			if err := s.forget(ctx, instanceID, list); err != nil {
				return err
			}
		}
		if n < batch {
			return nil
		}
	}
	return ctx.Err()
}

// forget takes contacts off the list of those that are due, because their
// instance belongs to no domain any more.
func (s *Service) forget(ctx context.Context, instanceID string, list []*contact) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		for _, c := range list {
			now, err := s.contact(ctx, tx, instanceID, c.id)
			if err != nil {
				return err
			}
			tx.Delete(dueKey(instanceID, c.id))
			if now == nil {
				continue
			}
			next := *now
			next.Pending = false
			if err := s.putContact(tx, instanceID, now, &next); err != nil {
				return err
			}
		}
		return nil
	})
}

// Retention is how long contacts are kept, as Connect does: 24 months.
const Retention = 731 * 24 * time.Hour

// expire removes the contacts that were initiated before the retention.
func (s *Service) expire(ctx context.Context, instanceID string) error {
	before := s.now().Add(-Retention).UnixMilli()
	for {
		// Days ascend with time, so the oldest contact comes first.
		list, err := s.store.ScanPrefix(ctx, []byte(timePrefix(instanceID, 'i')), store.Key{}, batch)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		n := 0
		for _, rec := range list {
			ms, id, err := parseTimeSort(rec.Key.Sort)
			if err != nil {
				return err
			}
			if ms >= before {
				break
			}
			n++
			err = s.store.Update(ctx, func(tx store.Tx) error {
				old, err := s.contact(ctx, tx, instanceID, id)
				if err != nil {
					return err
				}
				tx.Delete(rec.Key)
				if old != nil && old.time('i') == ms {
					s.deleteContact(tx, instanceID, old)
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("connect: %w", err)
			}
		}
		if n < batch {
			return nil
		}
	}
}
