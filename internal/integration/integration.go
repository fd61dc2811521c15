// Package integration ties sources of data to domains. This build takes in the
// contacts of Amazon Connect instances; an integration with another kind of
// source is refused, so that none stands there and does nothing.
//
// An integration belongs to one domain, and an instance has at most one.
// Putting an instance's integration into another domain moves it: contacts go
// to the new domain from then on, and the profiles stay where they are.
package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// items of the domain's configuration hold integrations, by their Uri.
const items = "int/"

// owners is the partition that tells which domain has an integration: sort key
// the Uri, value the domain's ID.
var owners = []byte("integrations")

func owner(uri string) store.Key { return store.Key{Partition: owners, Sort: []byte(uri)} }

// maxIntegrations is the quota of a domain.
const maxIntegrations = 50

type integration struct {
	URI             string
	ObjectTypeName  string            `json:",omitempty"`
	ObjectTypeNames map[string]string `json:",omitempty"`
	RoleARN         string            `json:",omitempty"`
	Scope           string
	CreatedAt       time.Time
	LastUpdatedAt   time.Time
}

// Types tells which object types a domain knows.
type Types interface {
	Known(c *domain.Config, objectType string) bool
}

// Service is the integration part of the API.
type Service struct {
	domains *domain.Domains
	types   Types
	pages   domain.Pager
	log     *slog.Logger
}

// NewService makes the API.
func NewService(d *domain.Domains, t Types, pages domain.Pager, log *slog.Logger) *Service {
	return &Service{d, t, pages, log}
}

// instanceARN is the Uri of a Connect instance.
var instanceARN = regexp.MustCompile(`^arn:aws[a-z-]*:connect:[a-z0-9-]*:[0-9]*:instance/[A-Za-z0-9-]{1,100}$`)

// Exists reports whether the domain has an integration with the Uri.
func Exists(c *domain.Config, uri string) bool { return c.Item(items+uri) != nil }

func read(c *domain.Config, uri string) (*integration, error) {
	b := c.Item(items + uri)
	if b == nil {
		return nil, fault.New(fault.NotFound, "The domain has no integration with the Uri %s", uri)
	}
	var i integration
	if err := json.Unmarshal(b, &i); err != nil {
		return nil, fmt.Errorf("integration: %w", store.ErrCorrupt)
	}
	return &i, nil
}

func (s *Service) check(in *profileapi.PutIntegrationRequest) error {
	switch {
	case in.FlowDefinition != nil:
		return fault.New(fault.Invalid, "FlowDefinition: AppFlow flows are not available in this build of Kindred")
	case in.Uri == nil:
		return fault.New(fault.Invalid, "Uri: required unless FlowDefinition is given")
	case !instanceARN.MatchString(*in.Uri):
		return fault.New(fault.Invalid, "Uri: this build of Kindred takes in the contacts of Connect instances (arn:aws:connect:REGION:ACCOUNT:instance/ID)")
	case in.ObjectTypeName == nil && len(in.ObjectTypeNames) == 0:
		return fault.New(fault.Invalid, "ObjectTypeName: either ObjectTypeName or ObjectTypeNames is required")
	case in.ObjectTypeName != nil && len(in.ObjectTypeNames) > 0:
		return fault.New(fault.Invalid, "ObjectTypeNames: cannot be given together with ObjectTypeName")
	case in.ObjectTypeName == nil:
		return fault.New(fault.Invalid, "ObjectTypeNames: the integration of a Connect instance has one ObjectTypeName")
	case in.Scope != nil && *in.Scope == "DOMAIN":
		return fault.New(fault.Invalid, "Scope: the contacts of a Connect instance belong to profiles (PROFILE)")
	case len(in.EventTriggerNames) > 0:
		return fault.New(fault.Invalid, "EventTriggerNames: event triggers are not available in this build of Kindred")
	}
	return nil
}

// PutIntegration makes or replaces an integration.
func (s *Service) PutIntegration(ctx context.Context, in *profileapi.PutIntegrationRequest) (*profileapi.PutIntegrationResponse, error) {
	if err := s.check(in); err != nil {
		return nil, err
	}
	uri := *in.Uri
	var put integration
	var tags map[string]string
	var moved bool
	err := s.domains.Configure(ctx, in.DomainName, func(e *domain.Edit) error {
		if !s.types.Known(e.Config, *in.ObjectTypeName) {
			return fault.New(fault.Invalid, "ObjectTypeName: the object type %s does not exist in the domain", *in.ObjectTypeName)
		}
		put = integration{URI: uri, ObjectTypeName: *in.ObjectTypeName, Scope: "PROFILE", CreatedAt: e.Tx.Now(), LastUpdatedAt: e.Tx.Now()}
		if in.RoleArn != nil {
			put.RoleARN = *in.RoleArn
		}
		tags = e.Tags(tail(uri))
		if old, err := read(e.Config, uri); err == nil {
			put.CreatedAt = old.CreatedAt
		} else {
			n := 0
			for range e.Items(items) {
				n++
			}
			if n >= maxIntegrations {
				return fault.New(fault.Invalid, "A domain has at most %d integrations", maxIntegrations)
			}
			if len(in.Tags) > 0 {
				tags = in.Tags
				e.PutTags(tail(uri), tags)
			}
		}
		v, err := e.Tx.Get(ctx, owner(uri))
		if err != nil {
			return fmt.Errorf("integration: %w", err)
		}
		var had domain.ID
		copy(had[:], v[0])
		if moved = v[0] != nil && had != e.ID; moved {
			if moved, err = e.DropElsewhere(ctx, had, items+uri, tail(uri)); err != nil {
				return err
			}
		}
		e.Tx.Put(owner(uri), e.ID[:])
		e.PutJSON(items+uri, put)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if moved {
		s.log.InfoContext(ctx, "the instance was associated with another domain; its profiles there stay", "uri", uri, "domain", in.DomainName)
	}
	it := put.item(in.DomainName, tags)
	out := profileapi.PutIntegrationResponse(*it)
	return &out, nil
}

// tail is what the integration's ARN has after the domain's.
func tail(uri string) string { return "integrations/" + uri }

func (i *integration) item(domainName string, tags map[string]string) *profileapi.ListIntegrationItem {
	it := &profileapi.ListIntegrationItem{DomainName: domainName, Uri: i.URI, ObjectTypeNames: i.ObjectTypeNames,
		CreatedAt: i.CreatedAt, LastUpdatedAt: i.LastUpdatedAt, Tags: tags, Scope: &i.Scope, IsUnstructured: new(false)}
	if i.ObjectTypeName != "" {
		it.ObjectTypeName = &i.ObjectTypeName
	}
	if i.RoleARN != "" {
		it.RoleArn = &i.RoleARN
	}
	return it
}

// GetIntegration describes an integration.
func (s *Service) GetIntegration(ctx context.Context, in *profileapi.GetIntegrationRequest) (*profileapi.GetIntegrationResponse, error) {
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	i, err := read(c, in.Uri)
	if err != nil {
		return nil, err
	}
	it := i.item(in.DomainName, c.Tags(tail(in.Uri)))
	return &profileapi.GetIntegrationResponse{DomainName: it.DomainName, Uri: it.Uri, ObjectTypeName: it.ObjectTypeName,
		CreatedAt: it.CreatedAt, LastUpdatedAt: it.LastUpdatedAt, Tags: it.Tags, ObjectTypeNames: it.ObjectTypeNames,
		IsUnstructured: it.IsUnstructured, RoleArn: it.RoleArn, Scope: it.Scope}, nil
}

// ListIntegrations lists a domain's integrations by Uri.
func (s *Service) ListIntegrations(ctx context.Context, in *profileapi.ListIntegrationsRequest) (*profileapi.ListIntegrationsResponse, error) {
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	limit, after := 100, ""
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	args := []string{c.ID.String()}
	if in.NextToken != nil {
		pos, err := s.pages.Open("ListIntegrations", args, *in.NextToken)
		if err != nil {
			return nil, err
		}
		after = string(pos)
	}
	out := &profileapi.ListIntegrationsResponse{Items: []profileapi.ListIntegrationItem{}}
	for uri := range c.Items(items) {
		if uri <= after {
			continue
		}
		if len(out.Items) == limit {
			if out.NextToken, err = domain.NextToken(s.pages, "ListIntegrations", args, []byte(out.Items[limit-1].Uri)); err != nil {
				return nil, err
			}
			break
		}
		i, err := read(c, uri)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, *i.item(in.DomainName, c.Tags(tail(uri))))
	}
	return out, nil
}

// ListAccountIntegrations tells which domain has the integration with a Uri.
func (s *Service) ListAccountIntegrations(ctx context.Context, in *profileapi.ListAccountIntegrationsRequest) (*profileapi.ListAccountIntegrationsResponse, error) {
	if in.NextToken != nil { // there is never a second page
		if _, err := s.pages.Open("ListAccountIntegrations", []string{in.Uri}, *in.NextToken); err != nil {
			return nil, err
		}
	}
	out := &profileapi.ListAccountIntegrationsResponse{Items: []profileapi.ListIntegrationItem{}}
	c, i, err := s.find(ctx, in.Uri)
	if err != nil {
		return nil, err
	}
	if i != nil {
		out.Items = append(out.Items, *i.item(c.Info.Name, c.Tags(tail(in.Uri))))
	}
	return out, nil
}

// find looks an integration up in all domains; nil if none has it.
func (s *Service) find(ctx context.Context, uri string) (*domain.Config, *integration, error) {
	var id domain.ID
	found := false
	err := s.domains.Store().View(ctx, func(r store.Reader) error {
		v, err := r.Get(ctx, owner(uri))
		if err != nil {
			return fmt.Errorf("integration: %w", err)
		}
		found = copy(id[:], v[0]) == len(id)
		return nil
	})
	if err != nil || !found {
		return nil, nil, err
	}
	c, err := s.domains.ConfigOf(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil, nil // the domain is gone, and its integration with it
	}
	if err != nil {
		return nil, nil, err
	}
	i, err := read(c, uri)
	if fault.Is(err, fault.NotFound) {
		return nil, nil, nil
	}
	return c, i, err
}

// DomainOf tells which domain takes in what comes from a Connect instance, and
// as which object type; there is no configuration when none does.
func (s *Service) DomainOf(ctx context.Context, instanceARN string) (of *domain.Config, objectType string, err error) {
	c, i, err := s.find(ctx, instanceARN)
	if err != nil || i == nil {
		return nil, "", err
	}
	return c, i.ObjectTypeName, nil
}

// DeleteIntegration removes an integration. What it has brought stays.
func (s *Service) DeleteIntegration(ctx context.Context, in *profileapi.DeleteIntegrationRequest) (*profileapi.DeleteIntegrationResponse, error) {
	err := s.domains.Configure(ctx, in.DomainName, func(e *domain.Edit) error {
		if _, err := read(e.Config, in.Uri); err != nil {
			return err
		}
		e.Delete(items + in.Uri)
		e.PutTags(tail(in.Uri), nil)
		v, err := e.Tx.Get(ctx, owner(in.Uri))
		if err != nil {
			return fmt.Errorf("integration: %w", err)
		}
		if string(v[0]) == string(e.ID[:]) {
			e.Tx.Delete(owner(in.Uri))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.DeleteIntegrationResponse{Message: "The integration has been deleted"}, nil
}

// Drop removes the integrations that use an object type, as part of the type's
// deletion.
func Drop(ctx context.Context, e *domain.Edit, objectType string) error {
	for uri := range e.Items(items) {
		i, err := read(e.Config, uri)
		if err != nil {
			return err
		}
		if i.ObjectTypeName == objectType {
			e.Delete(items + uri)
			e.PutTags(tail(uri), nil)
			e.Tx.Delete(owner(uri))
		}
	}
	return nil
}
