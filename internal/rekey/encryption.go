package rekey

import (
	"context"
	"slices"

	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/job"
)

// States of data keys, and of a resealing whose job is not to be found.
const (
	inForce       = "IN_FORCE"
	beingReplaced = "BEING_REPLACED"
	unknownState  = "UNKNOWN"
)

// GetDomainEncryption answers under which keys a domain's values and those of its
// object types are sealed, how the KMS keys stand, and how far a resealing is. An
// object type is listed if values may be sealed with a data key of its own. A key
// service that does not answer is an error.
func (s *Service) GetDomainEncryption(ctx context.Context, in *kindredapi.GetDomainEncryptionRequest) (*kindredapi.GetDomainEncryptionResponse, error) {
	if err := s.allow(ctx, "kindred:GetDomainEncryption", in.DomainName); err != nil {
		return nil, err
	}
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	out := &kindredapi.GetDomainEncryptionResponse{DomainName: c.Info.Name, Domain: &kindredapi.EncryptionKeys{},
		ObjectTypes: []kindredapi.EncryptionKeys{}, Warnings: []string{}}
	known := map[string]condition{}
	for _, k := range c.DataKeys() {
		at, ok := known[k.KeyID]
		if !ok {
			if at, err = s.examine(ctx, c, k); err != nil {
				return nil, err
			}
			known[k.KeyID] = at
			if at.warning != "" {
				out.Warnings = append(out.Warnings, k.KeyID+": "+at.warning)
			}
		}
		group(out, k.ObjectType).add(k, at)
	}
	if r, pending := c.Resealing(); pending {
		if out.Reseal, err = s.progress(ctx, c.ID, r); err != nil {
			return nil, err
		}
		if out.Reseal.State == string(job.Failed) || out.Reseal.State == string(job.Cancelled) {
			out.Warnings = append(out.Warnings, "The resealing has ended before its time, and the keys that are being replaced are still needed: resume its job, or change a key again")
		}
	}
	return out, nil
}

// keys are the data keys of a domain or an object type in an answer.
type keys kindredapi.EncryptionKeys

// group finds the place of an object type's data keys.
func group(out *kindredapi.GetDomainEncryptionResponse, objectType string) *keys {
	if objectType == "" {
		return (*keys)(out.Domain)
	}
	i := slices.IndexFunc(out.ObjectTypes, func(e kindredapi.EncryptionKeys) bool { return *e.ObjectTypeName == objectType })
	if i < 0 {
		i = len(out.ObjectTypes)
		out.ObjectTypes = append(out.ObjectTypes, kindredapi.EncryptionKeys{ObjectTypeName: &objectType})
	}
	return (*keys)(&out.ObjectTypes[i])
}

func (g *keys) add(k domain.DataKey, at condition) {
	d := kindredapi.DataKey{Number: int(k.Number), CreatedAt: k.CreatedAt, KmsKeyId: optional(k.KeyID), State: beingReplaced,
		KmsKeyState: at.state, Warning: optional(at.warning)}
	if k.InForce {
		d.State, g.KmsKeyId = inForce, optional(k.KeyID)
	}
	if !at.deletion.IsZero() {
		d.DeletionDate = &at.deletion
	}
	g.DataKeys = append(g.DataKeys, d)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s *Service) progress(ctx context.Context, d domain.ID, r domain.Resealing) (*kindredapi.ResealStatus, error) {
	out := &kindredapi.ResealStatus{JobId: optional(r.Job), State: unknownState, Since: r.Since}
	id, err := job.ParseID(r.Job)
	if err != nil {
		return out, nil // there was nobody to make a job
	}
	j, err := s.jobs.Get(ctx, d, id)
	if fault.Is(err, fault.NotFound) {
		return out, nil // it ended long ago
	}
	if err != nil {
		return nil, err
	}
	out.State, out.Message = string(j.State), optional(j.Message)
	out.ProfilesDone = new(int(j.Done))
	out.RecordsResealed, out.RecordsLocked = new(int(j.Counters[resealedCounter])), new(int(j.Counters[lockedCounter]))
	if j.Total != nil {
		out.ProfilesTotal = new(int(*j.Total))
	}
	return out, nil
}
