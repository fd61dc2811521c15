package connect

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"kindred/internal/api/connectapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// MaxIntegrationAssociations bounds the integration associations of an
// instance.
const MaxIntegrationAssociations = 100

// association is a stored integration association.
type association struct {
	ID     string
	Type   string
	ARN    string
	URL    string            `json:",omitempty"`
	Name   string            `json:",omitempty"`
	Source string            `json:",omitempty"`
	Tags   map[string]string `json:",omitempty"`
}

func associationKey(instanceID, id string) store.Key {
	return store.Key{Partition: []byte("connect/" + instanceID + "/associations"), Sort: []byte(id)}
}

func (s *Service) associationsOf(ctx context.Context, r store.Reader, instanceID string) ([]*association, error) {
	lists, err := r.Scan(ctx, store.Span{Partition: associationKey(instanceID, "-").Partition, Limit: store.MaxScan})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	all := make([]*association, len(lists[0]))
	for i, rec := range lists[0] {
		all[i] = &association{}
		if err := s.open(rec.Key, rec.Value, all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// CreateIntegrationAssociation notes that an instance uses a resource of another
// service. It is kept for those who ask for it; nothing is done with it here. A
// domain takes in an instance's contacts by PutIntegration of Customer Profiles.
func (s *Service) CreateIntegrationAssociation(ctx context.Context, in *connectapi.CreateIntegrationAssociationRequest) (*connectapi.CreateIntegrationAssociationResponse, error) {
	i, err := s.enter(ctx, "CreateIntegrationAssociation", in.InstanceId, "")
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(in.IntegrationArn, "arn:") || len(in.IntegrationArn) > 2048 {
		return nil, invalidRequest("IntegrationArn: want an ARN of at most 2048 characters")
	}
	a := &association{ID: uuid.NewString(), Type: in.IntegrationType, ARN: in.IntegrationArn, URL: text(in.SourceApplicationUrl),
		Name: text(in.SourceApplicationName), Source: text(in.SourceType), Tags: in.Tags}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		now, err := s.instance(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		if now == nil {
			return errNoInstance
		}
		all, err := s.associationsOf(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Type == a.Type && other.ARN == a.ARN {
				return fault.New(fault.Exists, "IntegrationArn: the instance has an integration association of this type with it")
			}
		}
		if len(all) >= MaxIntegrationAssociations {
			return invalidRequest("An instance has at most %d integration associations", MaxIntegrationAssociations)
		}
		k := associationKey(i.ID, a.ID)
		v, err := s.seal(k, a)
		if err != nil {
			return err
		}
		tx.Put(k, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	arn := s.arn(i.ID, "integration-association/"+a.ID)
	return &connectapi.CreateIntegrationAssociationResponse{IntegrationAssociationId: &a.ID, IntegrationAssociationArn: &arn}, nil
}

// ListIntegrationAssociations lists the integration associations of an instance
// by identifier.
func (s *Service) ListIntegrationAssociations(ctx context.Context, in *connectapi.ListIntegrationAssociationsRequest) (*connectapi.ListIntegrationAssociationsResponse, error) {
	i, err := s.enter(ctx, "ListIntegrationAssociations", in.InstanceId, "")
	if err != nil {
		return nil, err
	}
	const op = "ListIntegrationAssociations"
	args := []string{i.ID, text(in.IntegrationType), text(in.IntegrationArn)}
	limit, after, err := s.page(op, args, in.MaxResults, usualPage, in.NextToken)
	if err != nil {
		return nil, err
	}
	var all []*association
	if err := s.store.View(ctx, func(r store.Reader) (err error) {
		all, err = s.associationsOf(ctx, r, i.ID)
		return err
	}); err != nil {
		return nil, err
	}
	out := &connectapi.ListIntegrationAssociationsResponse{IntegrationAssociationSummaryList: []connectapi.IntegrationAssociationSummary{}}
	var last string
	for _, a := range all {
		if a.ID <= string(after) || in.IntegrationType != nil && *in.IntegrationType != a.Type || in.IntegrationArn != nil && *in.IntegrationArn != a.ARN {
			continue
		}
		if len(out.IntegrationAssociationSummaryList) == limit {
			out.NextToken, err = domain.NextToken(s.pages, op, args, []byte(last))
			return out, err
		}
		last = a.ID
		arn := s.arn(i.ID, "integration-association/"+a.ID)
		out.IntegrationAssociationSummaryList = append(out.IntegrationAssociationSummaryList, connectapi.IntegrationAssociationSummary{
			IntegrationAssociationId: &a.ID, IntegrationAssociationArn: &arn, InstanceId: &i.ID, IntegrationType: &a.Type, IntegrationArn: &a.ARN,
			SourceApplicationUrl: given(a.URL), SourceApplicationName: given(a.Name), SourceType: given(a.Source)})
	}
	return out, nil
}

// DeleteIntegrationAssociation removes an integration association.
func (s *Service) DeleteIntegrationAssociation(ctx context.Context, in *connectapi.DeleteIntegrationAssociationRequest) error {
	id := in.IntegrationAssociationId
	if !idForm.MatchString(id) {
		id = "*" // names none, and is no other resource in the ARN
	}
	i, err := s.enter(ctx, "DeleteIntegrationAssociation", in.InstanceId, "integration-association/"+id)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error {
		k := associationKey(i.ID, id)
		v, err := tx.Get(ctx, k)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		if v[0] == nil {
			return fault.New(fault.NotFound, "IntegrationAssociationId: the instance has no such integration association")
		}
		tx.Delete(k)
		return nil
	})
}
