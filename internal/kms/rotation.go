package kms

import (
	"context"
	"encoding/binary"
	"time"

	"kindred/internal/api/kmsapi"
	"kindred/internal/store"
)

const day = 24 * time.Hour

// usualPeriod is the rotation period in days when none is given.
const usualPeriod = 365

// Reasons for a rotation, as ListKeyRotations tells them.
const (
	rotatedAutomatically = "AUTOMATIC"
	rotatedOnDemand      = "ON_DEMAND"
)

// settle does what has fallen due with a key: destroys it, or gives it new
// material. A key of which nothing is due stays as it is.
func (s *Service) settle(ctx context.Context, id keyID, now time.Time) error {
	var gone bool
	var known []store.Key
	err := s.update(ctx, func(tx store.Tx) error {
		gone, known = false, nil
		got, err := tx.Get(ctx, keyPlace(id))
		if err != nil || got[0] == nil {
			return err
		}
		k, err := s.editKey(ctx, tx, id)
		if err != nil || !k.overdue(now) {
			return err
		}
		if k.State == statePendingDeletion {
			gone = true
			known, err = s.destroy(ctx, tx, id, k)
			return err
		}
		if err := s.addMaterial(tx, id, k, rotatedAutomatically); err != nil {
			return err
		}
		k.NextRotation = now.Add(time.Duration(k.Period) * day)
		return s.writeKey(tx, id, k)
	})
	if err != nil || !gone {
		return err
	}
	s.materials.dropKey(id)
	for _, k := range known {
		s.records.drop(append(append([]byte(nil), k.Partition...), k.Sort...))
	}
	return nil
}

// EnableKeyRotation turns automatic rotation on: each RotationPeriodInDays,
// counted from now, 365 if not given. Where it is on with the same period it
// stays as it is.
func (s *Service) EnableKeyRotation(ctx context.Context, in *kmsapi.EnableKeyRotationRequest) error {
	u := use{operation: "EnableKeyRotation"}
	period := usualPeriod
	if in.RotationPeriodInDays != nil {
		period = *in.RotationPeriodInDays
		u.extra = []condition{{"kms:rotationperiodindays", itoa(period)}}
	}
	k, err := s.find(ctx, in.KeyId, byKey, u)
	if err != nil {
		return err
	}
	now := s.clock()
	return s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		if err := rec.usable(k.arn); err != nil {
			return err
		}
		if rec.Period != period {
			rec.Period, rec.NextRotation = period, now.Add(time.Duration(period)*day)
		}
		return nil
	})
}

// DisableKeyRotation turns automatic rotation off. All material stays.
func (s *Service) DisableKeyRotation(ctx context.Context, in *kmsapi.DisableKeyRotationRequest) error {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "DisableKeyRotation"})
	if err != nil {
		return err
	}
	return s.change(ctx, k.id, func(_ store.Tx, rec *keyRecord) error {
		rec.Period, rec.NextRotation = 0, time.Time{}
		return rec.usable(k.arn)
	})
}

// GetKeyRotationStatus tells whether a key is rotated automatically and when
// next. A key that is to be deleted is not; a disabled one will be when it is
// enabled again.
func (s *Service) GetKeyRotationStatus(ctx context.Context, in *kmsapi.GetKeyRotationStatusRequest) (*kmsapi.GetKeyRotationStatusResponse, error) {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "GetKeyRotationStatus"})
	if err != nil {
		return nil, err
	}
	on := k.Period > 0 && k.State != statePendingDeletion
	out := &kmsapi.GetKeyRotationStatusResponse{KeyId: new(k.id.String()), KeyRotationEnabled: &on}
	if on {
		out.RotationPeriodInDays = new(k.Period)
	}
	if on && k.State == stateEnabled {
		out.NextRotationDate = new(k.NextRotation)
	}
	return out, nil
}

// RotateKeyOnDemand gives the key new material at once, beside any automatic
// rotation, at most 25 times in its life.
func (s *Service) RotateKeyOnDemand(ctx context.Context, in *kmsapi.RotateKeyOnDemandRequest) (*kmsapi.RotateKeyOnDemandResponse, error) {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "RotateKeyOnDemand"})
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, k.id, func(tx store.Tx, rec *keyRecord) error {
		if err := rec.usable(k.arn); err != nil {
			return err
		}
		if rec.OnDemand >= maxOnDemandRotations {
			return limitExceeded("A key can be rotated on demand at most %d times", maxOnDemandRotations)
		}
		rec.OnDemand++
		return s.addMaterial(tx, k.id, rec, rotatedOnDemand)
	})
	if err != nil {
		return nil, err
	}
	return &kmsapi.RotateKeyOnDemandResponse{KeyId: new(k.id.String())}, nil
}

// ListKeyRotations lists the rotations of a key from the oldest on, and with
// IncludeKeyMaterial ALL_KEY_MATERIAL also its first material; 100 to a page
// unless Limit says otherwise.
func (s *Service) ListKeyRotations(ctx context.Context, in *kmsapi.ListKeyRotationsRequest) (*kmsapi.ListKeyRotationsResponse, error) {
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "ListKeyRotations"})
	if err != nil {
		return nil, err
	}
	all := or(in.IncludeKeyMaterial, "ROTATIONS_ONLY") == "ALL_KEY_MATERIAL"
	p, err := s.newPage("ListKeyRotations", []string{k.arn, boolText(all)}, in.Limit, in.Marker, 100, 1000)
	if err != nil {
		return nil, err
	}
	if !all && p.after == nil {
		p.after = materialPlace(k.id, 1).Sort
	}
	out := &kmsapi.ListKeyRotationsResponse{Rotations: []kmsapi.RotationsListEntry{}}
	err = s.store.View(ctx, func(r store.Reader) error {
		found, err := scan(ctx, r, p.span(keyPartition(k.id), []byte("m")))
		if err != nil {
			return err
		}
		out.Rotations = out.Rotations[:0]
		for _, f := range p.cut(found) {
			var m materialRecord
			if err := s.open(f.Key, f.Value, &m); err != nil {
				return err
			}
			version := binary.BigEndian.Uint32(f.Key.Sort[1:])
			clear(m.Material)
			out.Rotations = append(out.Rotations, rotationEntry(k, version, &m))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.NextMarker, out.Truncated = p.rest()
	return out, nil
}

func rotationEntry(k *key, version uint32, m *materialRecord) kmsapi.RotationsListEntry {
	e := kmsapi.RotationsListEntry{
		KeyId:            new(k.id.String()),
		KeyMaterialId:    new(m.ID),
		KeyMaterialState: new("NON_CURRENT"),
	}
	if version == k.Version {
		e.KeyMaterialState = new("CURRENT")
	}
	if m.Why != "" {
		e.RotationDate, e.RotationType = new(m.Created), new(m.Why)
	}
	return e
}
