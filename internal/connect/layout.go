package connect

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"kindred/internal/store"
)

// timeKinds are the times by which contacts are indexed: the name in the API's
// search and the letter in the key.
var timeKinds = map[string]byte{
	"INITIATION_TIMESTAMP":         'i',
	"SCHEDULED_TIMESTAMP":          's',
	"CONNECTED_TO_AGENT_TIMESTAMP": 'a',
	"DISCONNECT_TIMESTAMP":         'd',
	"ENQUEUE_TIMESTAMP":            'q',
}

func contactPartition(instanceID, contactID string) []byte {
	return []byte("connect/" + instanceID + "/c/" + contactID)
}

func contactKey(instanceID, contactID string) store.Key {
	return store.Key{Partition: contactPartition(instanceID, contactID), Sort: []byte("c")}
}

// linkPrefix starts the sort keys of the contacts that refer to a contact.
const linkPrefix = "l/"

func linkKey(instanceID, to, from string) store.Key {
	return store.Key{Partition: contactPartition(instanceID, to), Sort: []byte(linkPrefix + from)}
}

func dueKey(instanceID, contactID string) store.Key {
	return store.Key{Partition: []byte("connect/" + instanceID + "/due"), Sort: []byte(contactID)}
}

func timePrefix(instanceID string, kind byte) string {
	return "connect/" + instanceID + "/t/" + string(kind) + "/"
}

// timePartition is that of the day of a time in milliseconds.
func timePartition(instanceID string, kind byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat([]byte(timePrefix(instanceID, kind)), "20060102")
}

func timeSort(ms int64, contactID string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(ms)), contactID...)
}

func timeKey(instanceID string, kind byte, ms int64, contactID string) store.Key {
	return store.Key{Partition: timePartition(instanceID, kind, ms), Sort: timeSort(ms, contactID)}
}

// parseTimeSort takes the sort key of a time entry apart.
func parseTimeSort(sort []byte) (ms int64, contactID string, err error) {
	if len(sort) < 9 {
		return 0, "", fmt.Errorf("connect: time entry: %w", store.ErrCorrupt)
	}
	return int64(binary.BigEndian.Uint64(sort)), string(sort[8:]), nil
}

// bare is the value of records whose key says all.
var bare = []byte{format}

// contact reads a contact; nil if the instance has none of that identifier.
func (s *Service) contact(ctx context.Context, r store.Reader, instanceID, contactID string) (*contact, error) {
	all, err := s.contacts(ctx, r, instanceID, []string{contactID})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// contacts reads contacts; nil for each that the instance does not have.
func (s *Service) contacts(ctx context.Context, r store.Reader, instanceID string, ids []string) ([]*contact, error) {
	keys := make([]store.Key, len(ids))
	for i, id := range ids {
		keys[i] = contactKey(instanceID, id)
	}
	all := make([]*contact, len(ids))
	if len(ids) == 0 {
		return all, nil
	}
	values, err := r.Get(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	for i, v := range values {
		if v == nil {
			continue
		}
		c := &contact{id: ids[i]}
		if err := s.open(keys[i], v, c); err != nil {
			return nil, err
		}
		if err := c.parse(); err != nil {
			return nil, fmt.Errorf("connect: %w: %w", store.ErrCorrupt, err)
		}
		all[i] = c
	}
	return all, nil
}

// putContact writes a contact and brings its index entries from those of old,
// which may be nil, to its own.
func (s *Service) putContact(tx store.Tx, instanceID string, old, c *contact) error {
	k := contactKey(instanceID, c.id)
	v, err := s.seal(k, c)
	if err != nil {
		return err
	}
	tx.Put(k, v)
	s.index(tx, instanceID, old, c)
	return nil
}

// deleteContact removes a contact with its index entries. What other contacts
// have written into its partition goes with it.
func (s *Service) deleteContact(tx store.Tx, instanceID string, old *contact) {
	s.index(tx, instanceID, old, nil)
	tx.Delete(dueKey(instanceID, old.id))
	tx.Clear(contactPartition(instanceID, old.id))
}

// index changes index entries from those of one state of a contact to those of
// another. Either may be nil.
func (s *Service) index(tx store.Tx, instanceID string, old, c *contact) {
	for _, kind := range timeKinds {
		before, after := old.time(kind), c.time(kind)
		if before == after {
			continue
		}
		if before != 0 {
			tx.Delete(timeKey(instanceID, kind, before, old.id))
		}
		if after != 0 {
			tx.Put(timeKey(instanceID, kind, after, c.id), bare)
		}
	}
	before, after := old.references(), c.references()
	for to := range before {
		if !after[to] {
			tx.Delete(linkKey(instanceID, to, old.id))
		}
	}
	for to := range after {
		if !before[to] {
			tx.Put(linkKey(instanceID, to, c.id), bare)
		}
	}
}

// linked lists the contacts that refer to a contact, at most limit.
func linked(ctx context.Context, r store.Reader, instanceID, to string, limit int) ([]string, error) {
	lists, err := r.Scan(ctx, store.Span{Partition: contactPartition(instanceID, to), Start: []byte(linkPrefix), End: []byte("l0"), Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	var ids []string
	for _, rec := range lists[0] {
		ids = append(ids, strings.TrimPrefix(string(rec.Key.Sort), linkPrefix))
	}
	return ids, nil
}
