// Package preview tells what would become of a record, and why, without storing
// anything: the operation PreviewProfileObject of the service kindred.
//
// The record goes the way of PutProfileObject, in a transaction that is given up
// at its end, so what the answer says is what ingestion would do (package
// ingest). No dead letter, no count and no note of a template's first use results
// from it.
//
// The caller needs kindred:PreviewProfileObject on the domain, and
// profile:SearchProfiles as well, because the answer shows profiles by their keys.
package preview

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/ingest"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
)

// Ingester previews records; *ingest.Service does.
type Ingester interface {
	Preview(ctx context.Context, domainName, typeName string, candidate func(*domain.Config) (*objecttype.Type, error), body string) (*ingest.Preview, error)
}

// Config is what the operation works with.
type Config struct {
	Domains *domain.Service
	Types   *objecttype.Service
	Ingest  Ingester
	// Authorize asks whether the caller in the context may call an operation of
	// Customer Profiles.
	Authorize func(ctx context.Context, op *api.Operation, input any) error
}

// Service is the operation. It asks for permission itself.
type Service struct {
	Config
	search *api.Operation
}

// NewService makes the operation.
func NewService(c Config) *Service {
	return &Service{Config: c, search: profileapi.Service().Operation("SearchProfiles")}
}

// Bounds of what is shown of a record's values, in characters and elements.
const (
	maxText   = 4000
	maxValues = 50
)

// PreviewProfileObject tells what would become of a record of an object type: a
// stored one, a template, or the definition in the request, which is checked by
// the rules of PutProfileObjectType and may stand in for a stored one. An error
// that PutProfileObject would meet with the record itself is part of the answer;
// that of a domain, object type or definition is the error of the call.
func (s *Service) PreviewProfileObject(ctx context.Context, in *kindredapi.PreviewProfileObjectRequest) (*kindredapi.PreviewProfileObjectResponse, error) {
	if err := access.Require(ctx, access.Check{Action: "kindred:PreviewProfileObject", Resource: s.Domains.ARN(in.DomainName, "")}); err != nil {
		return nil, err
	}
	if err := s.Authorize(ctx, s.search, &profileapi.SearchProfilesRequest{DomainName: in.DomainName}); err != nil {
		return nil, err
	}
	var candidate func(*domain.Config) (*objecttype.Type, error)
	if in.ObjectType != nil {
		put := request(in)
		candidate = func(cfg *domain.Config) (*objecttype.Type, error) { return s.Types.Candidate(cfg, put) }
	}
	p, err := s.Ingest.Preview(ctx, in.DomainName, in.ObjectTypeName, candidate, in.Object)
	if err != nil {
		return nil, err
	}
	return answer(p)
}

// request is the PutProfileObjectType that a definition stands for.
func request(in *kindredapi.PreviewProfileObjectRequest) *profileapi.PutProfileObjectTypeRequest {
	d := in.ObjectType
	out := &profileapi.PutProfileObjectTypeRequest{DomainName: in.DomainName, ObjectTypeName: in.ObjectTypeName, Description: d.Description,
		TemplateId: d.TemplateId, ExpirationDays: d.ExpirationDays, EncryptionKey: d.EncryptionKey, AllowProfileCreation: d.AllowProfileCreation,
		SourceLastUpdatedTimestampFormat: d.SourceLastUpdatedTimestampFormat, MaxProfileObjectCount: d.MaxProfileObjectCount,
		SourcePriority: d.SourcePriority, Fields: map[string]profileapi.ObjectTypeField{}, Keys: map[string][]profileapi.ObjectTypeKey{}}
	for name, f := range d.Fields {
		out.Fields[name] = profileapi.ObjectTypeField(f)
	}
	for name, list := range d.Keys {
		for _, k := range list {
			out.Keys[name] = append(out.Keys[name], profileapi.ObjectTypeKey(k))
		}
	}
	return out
}

// answer gives a preview the shapes of the interface.
func answer(p *ingest.Preview) (*kindredapi.PreviewProfileObjectResponse, error) {
	out := &kindredapi.PreviewProfileObjectResponse{Outcome: string(p.Outcome), UniqueKey: filled(p.UniqueKey),
		SourceLastUpdatedTimestamp: timed(p.Time), ProfileId: identified(p.Attach.Profile), MovedFrom: identified(p.MovedFrom),
		Fields: fields(p.Fields), Keys: keys(p.Keys), StandardObjects: parts(p.Attach.Parts), Changes: changes(p.Attach.Changes)}
	if p.Err != nil {
		out.Error = &kindredapi.PreviewError{Message: ingest.Reason(p.Err), Destination: "CALLER"}
		if p.ToQueue {
			out.Error.Destination = "DEAD_LETTER_QUEUE"
		}
	}
	before, after, err := p.Attach.Shapes()
	if err == nil {
		out.Before, err = shape(before)
	}
	if err == nil {
		out.After, err = shape(after)
	}
	return out, err
}

// shape is a profile of Customer Profiles in the interface of kindred, which has
// the same members; a test says so.
func shape(p *profileapi.Profile) (*kindredapi.Profile, error) {
	if p == nil {
		return nil, nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	out := &kindredapi.Profile{}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return out, nil
}

func fields(list []objecttype.FieldAccount) []kindredapi.PreviewField {
	out := make([]kindredapi.PreviewField, 0, len(list))
	for i := range list {
		f := &list[i]
		x := kindredapi.PreviewField{Name: f.Name, Source: f.Source, ContentType: f.ContentType, Target: filled(f.Target),
			WritesTo: f.Writes, Problem: filled(f.Problem)}
		left, cut := maxText, false
		for _, text := range f.List[:min(len(f.List), maxValues)] {
			text, short := shorten(text, left)
			left, cut = left-utf8.RuneCountInString(text), cut || short
			x.Values = append(x.Values, text)
		}
		if !f.IsList && f.Text != "" {
			var text string
			text, cut = shorten(f.Text, left)
			x.Value = &text
		}
		if cut || len(f.List) > maxValues {
			x.Truncated = new(true)
		}
		out = append(out, x)
	}
	return out
}

func keys(list []ingest.PreviewKey) []kindredapi.PreviewKey {
	out := make([]kindredapi.PreviewKey, 0, len(list))
	for i := range list {
		k := &list[i]
		given, _ := shorten(k.Given, maxText)
		x := kindredapi.PreviewKey{Name: k.Name, StandardIdentifiers: k.Identifiers.Names(), FieldNames: k.FieldNames, Value: filled(given),
			NormalizedValue: filled(k.Value), Stored: k.Stored, NotStored: filled(k.NotStored), Finding: string(k.Finding), Problem: filled(k.Problem)}
		if k.Tried > 0 {
			x.Tried = &k.Tried
		}
		for _, id := range k.Profiles {
			x.ProfileIds = append(x.ProfileIds, id.String())
		}
		if k.More {
			x.More = &k.More
		}
		out = append(out, x)
	}
	return out
}

func parts(list []profile.PartTrial) []kindredapi.PreviewStandardObject {
	out := make([]kindredapi.PreviewStandardObject, 0, len(list))
	for _, p := range list {
		x := kindredapi.PreviewStandardObject{ObjectTypeName: p.Kind, Outcome: string(p.Outcome), Id: identified(p.ID)}
		for _, k := range p.By {
			x.FoundBy = append(x.FoundBy, kindredapi.PreviewKeyValue{KeyName: k.Name, NormalizedValue: k.Value})
		}
		out = append(out, x)
	}
	return out
}

func changes(list []profile.Change) []kindredapi.PreviewChange {
	out := make([]kindredapi.PreviewChange, 0, len(list))
	for _, c := range list {
		out = append(out, kindredapi.PreviewChange{Field: c.Path, Before: c.Before, After: c.After, Reason: string(c.Reason)})
	}
	return out
}

// shorten cuts a text to so many characters and reports whether it had more.
func shorten(text string, most int) (string, bool) {
	if len(text) <= most {
		return text, false
	}
	n := 0
	for at := range text {
		if n == most {
			return text[:at], true
		}
		n++
	}
	return text, false
}

func filled(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func identified(id profile.ID) *string {
	if id == (profile.ID{}) {
		return nil
	}
	return new(id.String())
}

func timed(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
