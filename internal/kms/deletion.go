package kms

import (
	"context"
	"strconv"
	"time"

	"kindred/internal/api/kmsapi"
	"kindred/internal/store"
)

// The waiting period before a key is destroyed, in days.
const (
	leastWindow = 7
	usualWindow = 30
	mostWindow  = 30
)

func itoa(n int) string { return strconv.Itoa(n) }

// ScheduleKeyDeletion makes a key unusable at once and destroys it when
// PendingWindowInDays, 7 to 30 and 30 if not given, have passed.
func (s *Service) ScheduleKeyDeletion(ctx context.Context, in *kmsapi.ScheduleKeyDeletionRequest) (*kmsapi.ScheduleKeyDeletionResponse, error) {
	window := usualWindow
	if in.PendingWindowInDays != nil {
		window = *in.PendingWindowInDays
	}
	if window < leastWindow || window > mostWindow {
		return nil, invalid("PendingWindowInDays: must be between %d and %d", leastWindow, mostWindow)
	}
	k, err := s.find(ctx, in.KeyId, byKey, use{
		operation: "ScheduleKeyDeletion",
		extra:     []condition{{"kms:schedulekeydeletionpendingwindowindays", itoa(window)}},
	})
	if err != nil {
		return nil, err
	}
	date := s.clock().Add(time.Duration(window) * day)
	err = s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		if err := rec.notPending(k.arn); err != nil {
			return err
		}
		rec.State, rec.DeletionDate = statePendingDeletion, date
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kmsapi.ScheduleKeyDeletionResponse{
		KeyId:               new(k.arn),
		DeletionDate:        &date,
		KeyState:            new(statePendingDeletion),
		PendingWindowInDays: &window,
	}, nil
}

// CancelKeyDeletion keeps a key that was to be deleted; it is then disabled.
func (s *Service) CancelKeyDeletion(ctx context.Context, in *kmsapi.CancelKeyDeletionRequest) (*kmsapi.CancelKeyDeletionResponse, error) {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "CancelKeyDeletion"})
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		if rec.State != statePendingDeletion {
			return invalidState("%s is not pending deletion.", k.arn)
		}
		rec.State, rec.DeletionDate = stateDisabled, time.Time{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kmsapi.CancelKeyDeletionResponse{KeyId: new(k.arn)}, nil
}

// destroy removes all that there is of a key and returns the places of records
// that a cache may hold.
func (s *Service) destroy(ctx context.Context, tx store.Tx, id keyID, k *keyRecord) ([]store.Key, error) {
	known := []store.Key{keyPlace(id)}
	for _, name := range k.Aliases {
		at := s.aliasPlace(name)
		tx.Delete(at)
		known = append(known, at)
	}
	grants := store.Span{Partition: keyPartition(id), Start: []byte("g"), End: []byte("h"), Limit: store.MaxScan}
	for {
		found, err := scan(ctx, tx, grants)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			g, err := s.openGrant(f.Key, f.Value)
			if err != nil {
				return nil, err
			}
			if at, ok := s.retiringPlace(id, g); ok {
				tx.Delete(at)
			}
			known = append(known, f.Key)
		}
		if len(found) < grants.Limit {
			break
		}
		grants.Start = next(found[len(found)-1].Key.Sort)
	}
	if !k.Due.IsZero() {
		tx.Delete(duePlace(k.Due, id))
	}
	tx.Delete(listPlace(id))
	tx.Add(keyCounter, -1)
	tx.Clear(keyPartition(id))
	return known, nil
}
