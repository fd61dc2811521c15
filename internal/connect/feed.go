package connect

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"kindred/internal/store"
)

// What follows contacts as they arrive and change. Every change of a contact that is
// live, or was until a moment ago, leaves a note in its instance's feed, in the same
// transaction; so whoever reads the feeds of the store hears of the contacts of all
// nodes. Notes are written without reading the feed, so that they conflict with nothing,
// and ordered by the time at which their change began: one may appear after another that
// carries a later time, by the time that a transaction takes and by which the clocks of
// nodes differ. A reader looks back by FeedSlack.

const (
	// FeedKept is how long notes are kept.
	FeedKept = 10 * time.Minute
	// FeedSlack is how much later than its time a note may appear.
	FeedSlack = 15 * time.Second
	// liveAfterEnd is how long after its end the changes of a contact are noted.
	// Records of long ago, which are brought in by the million, leave no notes.
	liveAfterEnd = 15 * time.Minute
)

// Note says that a contact has arrived or changed.
type Note struct {
	At        time.Time // when the change began
	ContactID string
}

// LiveContact is what is told of a contact while it is live. It holds customer data.
type LiveContact struct {
	ID                string
	Channel           string
	InitiationMethod  string
	Initiated         time.Time // zero: not known, as of the following
	ConnectedToAgent  time.Time
	Disconnected      time.Time
	Customer, System  Endpoint
	QueueName         string
	AgentID           string
	SearchKey, Search string // that the contact's attributes ask to find the profile by
}

// Endpoint is an address of a contact; empty if it has none.
type Endpoint struct{ Address, Type string }

func feedKey(instanceID string, at int64, contactID string) store.Key {
	return store.Key{Partition: []byte("connect/" + instanceID + "/feed"), Sort: append(binary.BigEndian.AppendUint64(nil, uint64(at)), contactID...)}
}

// note leaves a note of a changed contact, if it is live.
func (s *Service) note(tx store.Tx, instanceID string, c *contact, now time.Time) {
	if end := c.view.Disconnected; end == 0 || end > now.Add(-liveAfterEnd).UnixMilli() {
		tx.Put(feedKey(instanceID, now.UnixMicro(), c.id), bare)
	}
}

// noted tells who listens that an instance has notes.
func (s *Service) noted(instanceID string) {
	if s.changed != nil {
		s.changed(instanceID)
	}
}

// Follow asks whether the caller may follow the contacts of an instance, which is
// connect:DescribeContact on all of them, and returns the instance's identifier.
func (s *Service) Follow(ctx context.Context, given string) (instanceID string, err error) {
	in, err := s.enter(ctx, "DescribeContact", given, "contact/*")
	if err != nil {
		return "", err
	}
	return in.ID, nil
}

// AllowContact asks whether the caller may see one contact.
func (s *Service) AllowContact(ctx context.Context, instanceID, contactID string) error {
	return s.allow(ctx, "DescribeContact", s.arn(instanceID, contactTail(contactID)), instanceID, nil)
}

// DomainName is the name of the domain that takes in an instance's contacts; empty if
// none does.
func (s *Service) DomainName(ctx context.Context, instanceID string) (string, error) {
	to, _, err := s.target(ctx, s.arn(instanceID, ""))
	return to.domain, err
}

// Notes lists an instance's notes from a time on, the oldest first, at most limit.
func (s *Service) Notes(ctx context.Context, instanceID string, since time.Time, limit int) ([]Note, error) {
	start := feedKey(instanceID, since.UnixMicro(), "")
	var notes []Note
	err := s.store.View(ctx, func(r store.Reader) error {
		lists, err := r.Scan(ctx, store.Span{Partition: start.Partition, Start: start.Sort, Limit: limit})
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		notes = make([]Note, len(lists[0]))
		for i, rec := range lists[0] {
			at, id, err := parseTimeSort(rec.Key.Sort)
			if err != nil {
				return err
			}
			notes[i] = Note{time.UnixMicro(at).UTC(), id}
		}
		return nil
	})
	return notes, err
}

// LiveContacts reads contacts as they are now; those that are gone are left out.
func (s *Service) LiveContacts(ctx context.Context, instanceID string, ids []string) ([]LiveContact, error) {
	var live []LiveContact
	err := s.store.View(ctx, func(r store.Reader) error {
		all, err := s.contacts(ctx, r, instanceID, ids)
		if err != nil {
			return err
		}
		live = make([]LiveContact, 0, len(all))
		for _, c := range all {
			if c != nil {
				live = append(live, c.live())
			}
		}
		return nil
	})
	return live, err
}

func (c *contact) live() LiveContact {
	v := &c.view
	l := LiveContact{ID: c.id, Channel: v.Channel, InitiationMethod: v.InitiationMethod, Initiated: instant(c.time('i')),
		ConnectedToAgent: instant(c.time('a')), Disconnected: instant(v.Disconnected), Customer: v.CustomerEndpoint.exported(), System: v.SystemEndpoint.exported()}
	if v.Queue != nil {
		l.QueueName = v.Queue.Name
	}
	if v.Agent != nil {
		l.AgentID = v.Agent.ID
	}
	attributes := c.attributes()
	if key, value := attribute(attributes, "profileSearchKey"), attribute(attributes, "profileSearchValue"); key != "" && value != "" {
		l.SearchKey, l.Search = key, value
	}
	return l
}

func (e *endpoint) exported() Endpoint {
	if e == nil {
		return Endpoint{}
	}
	return Endpoint{e.Address, e.Type}
}

// instant is a time in milliseconds; 0 is none.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// prunePage is how many notes are removed at a time.
const prunePage = 1000

// prune removes notes that have been kept for their time. It reads them outside of the
// transaction that removes them, which therefore conflicts with nothing.
func (s *Service) prune(ctx context.Context, instanceID string) error {
	partition := feedKey(instanceID, 0, "").Partition
	end := feedKey(instanceID, s.now().Add(-FeedKept).UnixMicro(), "").Sort
	for {
		var old []store.Record
		err := s.store.View(ctx, func(r store.Reader) error {
			lists, err := r.Scan(ctx, store.Span{Partition: partition, End: end, Limit: prunePage})
			if err == nil {
				old = lists[0]
			}
			return err
		})
		if err == nil && len(old) > 0 {
			err = s.store.Update(ctx, func(tx store.Tx) error {
				for _, rec := range old {
					tx.Delete(rec.Key)
				}
				return nil
			})
		}
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		if len(old) < prunePage {
			return nil
		}
	}
}
