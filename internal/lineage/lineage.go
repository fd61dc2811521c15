// Package lineage is what the service kindred does with merges and with the past
// of profiles: it undoes merges, shows which there were, tells where each value of
// a profile comes from, and shows profiles as they stood at a time.
//
// Each operation needs the permission kindred:OPERATION on the domain. Those that
// show what is in a profile need profile:BatchGetProfile as well.
package lineage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/profile"
)

// defaultPage is how many merges a page has when nobody says.
const defaultPage = 25

// Profiles is what the operations do with profiles; *profile.Service does it.
type Profiles interface {
	Unmerge(ctx context.Context, domainName, mergeID string) (*profile.Unmerged, error)
	Lineage(ctx context.Context, domainName, profileID string) (*profile.Lineage, error)
	Provenance(ctx context.Context, domainName, profileID string) (*profile.Provenance, error)
	AsOf(ctx context.Context, domainName, profileID string, at time.Time) (profile.ID, *profileapi.Profile, error)
}

// Config is what the operations work with.
type Config struct {
	Domains  *domain.Service
	Profiles Profiles
	Pages    domain.Pager
	Now      func() time.Time
	// Authorize asks whether the caller in the context may call an operation of
	// Customer Profiles.
	Authorize func(ctx context.Context, op *api.Operation, input any) error
}

// Service is the operations. It asks for permission itself.
type Service struct {
	Config
	read *api.Operation
}

// NewService makes the operations.
func NewService(c Config) *Service {
	return &Service{Config: c, read: profileapi.Service().Operation("BatchGetProfile")}
}

func (s *Service) allow(ctx context.Context, operation, domainName string) error {
	return access.Require(ctx, access.Check{Action: "kindred:" + operation, Resource: s.Domains.ARN(domainName, "")})
}

// allowReading is allow for operations that show what is in a profile.
func (s *Service) allowReading(ctx context.Context, operation, domainName string) error {
	if err := s.allow(ctx, operation, domainName); err != nil {
		return err
	}
	return s.Authorize(ctx, s.read, &profileapi.BatchGetProfileRequest{DomainName: domainName})
}

// UnmergeProfiles is [profile.Service.Unmerge].
func (s *Service) UnmergeProfiles(ctx context.Context, in *kindredapi.UnmergeProfilesRequest) (*kindredapi.UnmergeProfilesResponse, error) {
	if err := s.allow(ctx, "UnmergeProfiles", in.DomainName); err != nil {
		return nil, err
	}
	u, err := s.Profiles.Unmerge(ctx, in.DomainName, in.MergeId)
	if err != nil {
		return nil, err
	}
	return &kindredapi.UnmergeProfilesResponse{MergeId: u.MergeID, MainProfileId: u.Main.String(), RestoredProfileIds: texts(u.Restored),
		MovedObjects: u.Moved, UndoneAt: u.At}, nil
}

// GetMergeLineage shows the merges that a profile, and those that are one with it
// now, took part in, the newest first, undone ones too.
func (s *Service) GetMergeLineage(ctx context.Context, in *kindredapi.GetMergeLineageRequest) (*kindredapi.GetMergeLineageResponse, error) {
	if err := s.allow(ctx, "GetMergeLineage", in.DomainName); err != nil {
		return nil, err
	}
	l, err := s.Profiles.Lineage(ctx, in.DomainName, in.ProfileId)
	if err != nil {
		return nil, err
	}
	args := []string{l.Domain.String(), in.ProfileId}
	var after []byte
	if in.NextToken != nil {
		if after, err = s.Pages.Open("GetMergeLineage", args, *in.NextToken); err != nil {
			return nil, err
		}
	}
	limit := defaultPage
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	out := &kindredapi.GetMergeLineageResponse{ProfileId: in.ProfileId, SuccessorProfileId: l.Successor.String(), Merges: []kindredapi.Merge{}}
	for i := range l.Merges {
		place := l.Merges[i].Place()
		if bytes.Compare(place, after) <= 0 {
			continue
		}
		if len(out.Merges) == limit {
			out.NextToken, err = domain.NextToken(s.Pages, "GetMergeLineage", args, after)
			return out, err
		}
		after = place
		out.Merges = append(out.Merges, merge(&l.Merges[i]))
	}
	return out, nil
}

func merge(m *profile.Merge) kindredapi.Merge {
	x := kindredapi.Merge{MergeId: m.ID.String(), MainProfileId: m.Main.String(), MergedProfileIds: texts(m.Merged), MergedAt: m.At, MergedBy: filled(m.By),
		Rule: m.Rule, State: "STANDING", UndoneBy: filled(m.UndoneBy), Fields: sources(m.Fields), ChosenFields: sources(m.Chosen)}
	if !m.Undone.IsZero() {
		x.State, x.UndoneAt = "UNDONE", &m.Undone
	}
	return x
}

func sources(list []profile.FieldSource) []kindredapi.MergeField {
	out := make([]kindredapi.MergeField, len(list))
	for i, f := range list {
		out[i] = kindredapi.MergeField{Field: f.Path, SourceProfileId: f.From.String()}
	}
	return out
}

// GetProfileProvenance tells where each value of a profile comes from and what it
// stands before.
func (s *Service) GetProfileProvenance(ctx context.Context, in *kindredapi.GetProfileProvenanceRequest) (*kindredapi.GetProfileProvenanceResponse, error) {
	if err := s.allowReading(ctx, "GetProfileProvenance", in.DomainName); err != nil {
		return nil, err
	}
	p, err := s.Profiles.Provenance(ctx, in.DomainName, in.ProfileId)
	if err != nil {
		return nil, err
	}
	out := &kindredapi.GetProfileProvenanceResponse{ProfileId: in.ProfileId, SuccessorProfileId: p.Successor.String(), Fields: []kindredapi.ProvenanceField{}}
	for i := range p.Fields {
		f := &p.Fields[i]
		v := value(&f.Trace)
		x := kindredapi.ProvenanceField{Field: f.Path, Value: v.Value, Values: v.Values, Kind: v.Kind, ObjectTypeName: v.ObjectTypeName,
			ProfileObjectUniqueKey: v.ProfileObjectUniqueKey, PerformedBy: v.PerformedBy, Time: v.Time, Priority: v.Priority,
			BaseProfileId: v.BaseProfileId, MergeId: v.MergeId, Displaced: []kindredapi.DisplacedValue{}, DisplacedCount: f.Passed}
		for j := range f.Displaced {
			x.Displaced = append(x.Displaced, value(&f.Displaced[j]))
		}
		out.Fields = append(out.Fields, x)
	}
	return out, nil
}

// value gives a fact the shape of the interface.
func value(t *profile.Trace) kindredapi.DisplacedValue {
	x := kindredapi.DisplacedValue{Kind: "OBJECT", PerformedBy: filled(t.By), Time: t.At, BaseProfileId: t.Base.String()}
	switch {
	case t.Cleared:
		x.Cleared = new(true)
	case t.IsList:
		x.Values = t.List
	default:
		x.Value = &t.Text
	}
	switch {
	case t.Manual:
		x.Kind = "MANUAL"
	case t.Evicted():
		x.Kind, x.ObjectTypeName = "EVICTED", &t.Origin.Type
	default:
		x.ObjectTypeName, x.ProfileObjectUniqueKey = &t.Origin.Type, new(t.Origin.UniqueKey())
	}
	if t.Priority > 0 {
		x.Priority = new(int(t.Priority))
	}
	if t.Merge != (profile.ID{}) {
		x.MergeId = new(t.Merge.String())
	}
	return x
}

// DescribeProfileAsOf is [profile.Service.AsOf]. A time that is to come is an
// Invalid fault.
func (s *Service) DescribeProfileAsOf(ctx context.Context, in *kindredapi.DescribeProfileAsOfRequest) (*kindredapi.DescribeProfileAsOfResponse, error) {
	if err := s.allowReading(ctx, "DescribeProfileAsOf", in.DomainName); err != nil {
		return nil, err
	}
	if in.Time.After(s.Now()) {
		return nil, fault.New(fault.Invalid, "Time: is in the future")
	}
	root, p, err := s.Profiles.AsOf(ctx, in.DomainName, in.ProfileId, in.Time)
	if err != nil {
		return nil, err
	}
	out := &kindredapi.DescribeProfileAsOfResponse{ProfileId: in.ProfileId, SuccessorProfileId: root.String(), AsOf: in.Time}
	// A profile of Customer Profiles has the same members in both interfaces; a
	// test of package preview says so.
	b, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(b, &out.Profile)
	}
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return out, nil
}

func texts(ids []profile.ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

func filled(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
