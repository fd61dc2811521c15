package objecttype

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/integration"
)

// Items of a domain's configuration.
const (
	typeItems   = "type/"   // + name: stored
	usedItems   = "used/"   // + name of an implicit type: usedType
	scrubItems  = "scrub/"  // + name: scrubJob
	formerItems = "former/" // + name: []Former
)

// usedType is an implicit type that has taken in data.
type usedType struct{ Since time.Time }

// stored is an object type as the configuration holds it.
type stored struct {
	Definition
	CreatedAt     time.Time
	LastUpdatedAt time.Time
}

// maxTypes is the quota of object types of a domain.
const maxTypes = 100

// scrubJob is the removal of what a deleted type has brought.
type scrubJob struct{ Before time.Time }

// Scrubber removes the objects of a type from all profiles of a domain.
type Scrubber interface {
	Scrub(ctx context.Context, of domain.ID, objectType string, before time.Time) error
}

// Service is the object type part of the API.
type Service struct {
	*Types
	domains *domain.Domains
	check   domain.Checker
	scrub   Scrubber
	pages   domain.Pager
	log     *slog.Logger
	kick    chan struct{}
}

// NewService makes the API.
func NewService(t *Types, d *domain.Domains, check domain.Checker, scrub Scrubber, pages domain.Pager, log *slog.Logger) *Service {
	return &Service{t, d, check, scrub, pages, log, make(chan struct{}, 1)}
}

func notFound(name string) error {
	return fault.New(fault.NotFound, "The object type %s does not exist in the domain", name)
}

// PutProfileObjectType makes or replaces an object type. It applies to records
// that are ingested from then on.
func (s *Service) PutProfileObjectType(ctx context.Context, in *profileapi.PutProfileObjectTypeRequest) (*profileapi.PutProfileObjectTypeResponse, error) {
	def, err := definition(in)
	if err != nil {
		return nil, err
	}
	cfg, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	if err := s.validate(cfg, def); err != nil {
		return nil, err // before the key service is asked for anything
	}
	key, err := s.dataKey(ctx, cfg, def)
	if err != nil {
		return nil, err
	}
	var put stored
	var tags map[string]string
	available := 0
	err = s.domains.Configure(ctx, in.DomainName, func(e *domain.Edit) error {
		if err := e.Same(cfg); err != nil {
			return err
		}
		if err := s.validate(e.Config, def); err != nil {
			return err
		}
		put = stored{Definition: *def, CreatedAt: e.Tx.Now(), LastUpdatedAt: e.Tx.Now()}
		tags = e.Tags(tail(def.Name))
		if old := explicit(e.Config, def.Name); old != nil {
			put.CreatedAt = old.CreatedAt
		} else if len(in.Tags) > 0 {
			tags = in.Tags
			e.PutTags(tail(def.Name), tags)
		}
		if available, err = s.availableCount(e.Config, def); err != nil {
			return err
		}
		if err := s.rekey(ctx, e, def, key); err != nil {
			return err
		}
		keepFormer(e, def)
		e.PutJSON(typeItems+def.Name, put)
		return nil
	})
	if err != nil {
		return nil, err
	}
	g := put.shape(tags)
	return &profileapi.PutProfileObjectTypeResponse{ObjectTypeName: g.ObjectTypeName, Description: g.Description, TemplateId: g.TemplateId,
		ExpirationDays: g.ExpirationDays, EncryptionKey: g.EncryptionKey, AllowProfileCreation: g.AllowProfileCreation,
		SourceLastUpdatedTimestampFormat: g.SourceLastUpdatedTimestampFormat, MaxProfileObjectCount: g.MaxProfileObjectCount,
		MaxAvailableProfileObjectCount: &available, SourcePriority: g.SourcePriority, Fields: g.Fields, Keys: g.Keys,
		CreatedAt: g.CreatedAt, LastUpdatedAt: g.LastUpdatedAt, Tags: g.Tags}, nil
}

// definition reads a request. With a template the template's values apply.
func definition(in *profileapi.PutProfileObjectTypeRequest) (*Definition, error) {
	def := &Definition{Name: in.ObjectTypeName, Description: in.Description, SourcePriority: in.SourcePriority,
		ExpirationDays: in.ExpirationDays, MaxProfileObjectCount: in.MaxProfileObjectCount}
	if in.EncryptionKey != nil {
		def.EncryptionKey = *in.EncryptionKey
	}
	if in.TemplateId != nil && *in.TemplateId != "" {
		t, ok := TemplateByID(*in.TemplateId)
		if !ok {
			return nil, fault.New(fault.Invalid, "TemplateId: there is no template %s", *in.TemplateId)
		}
		// What Get answers for a type made from a template may be put again: it
		// is the template's own. Anything else would not be in force.
		td := t.Definition(in.ObjectTypeName)
		same := func(member string, given, own any) error {
			a, _ := json.Marshal(given)
			b, _ := json.Marshal(own)
			if string(a) != string(b) {
				return fault.New(fault.Invalid, "%s: cannot be given together with TemplateId, whose own applies", member)
			}
			return nil
		}
		var err error
		if len(in.Fields) > 0 {
			err = errors.Join(err, same("Fields", fields(in.Fields), td.Fields))
		}
		if len(in.Keys) > 0 {
			err = errors.Join(err, same("Keys", keys(in.Keys), td.Keys))
		}
		if in.AllowProfileCreation != nil {
			err = errors.Join(err, same("AllowProfileCreation", *in.AllowProfileCreation, td.AllowProfileCreation))
		}
		if f := in.SourceLastUpdatedTimestampFormat; f != nil {
			err = errors.Join(err, same("SourceLastUpdatedTimestampFormat", *f, td.SourceLastUpdatedTimestampFormat))
		}
		if err != nil {
			return nil, err
		}
		def.TemplateID, def.AllowProfileCreation = *in.TemplateId, td.AllowProfileCreation
		def.SourceLastUpdatedTimestampFormat, def.Fields, def.Keys = td.SourceLastUpdatedTimestampFormat, td.Fields, td.Keys
		return def, nil
	}
	if in.AllowProfileCreation != nil {
		def.AllowProfileCreation = *in.AllowProfileCreation
	}
	if in.SourceLastUpdatedTimestampFormat != nil {
		def.SourceLastUpdatedTimestampFormat = *in.SourceLastUpdatedTimestampFormat
	}
	def.Fields, def.Keys = fields(in.Fields), keys(in.Keys)
	return def, nil
}

func fields(in map[string]profileapi.ObjectTypeField) map[string]Field {
	out := make(map[string]Field, len(in))
	for name, f := range in {
		out[name] = Field{Source: value(f.Source), Target: value(f.Target), ContentType: value(f.ContentType)}
	}
	return out
}

func keys(in map[string][]profileapi.ObjectTypeKey) map[string][]KeyDef {
	out := make(map[string][]KeyDef, len(in))
	for name, list := range in {
		for _, k := range list {
			out[name] = append(out[name], KeyDef{StandardIdentifiers: k.StandardIdentifiers, FieldNames: k.FieldNames})
		}
	}
	return out
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// validate checks a definition against the rules of its own and of the domain.
func (s *Service) validate(cfg *domain.Config, def *Definition) error {
	others := DomainKeys{}
	n := 0
	for name, b := range cfg.Items(typeItems) {
		if name == def.Name {
			continue
		}
		n++
		var t stored
		if err := json.Unmarshal(b, &t); err != nil {
			return fmt.Errorf("object type %s: %w", name, err)
		}
		others.Add(&t.Definition)
	}
	if n >= maxTypes {
		return fault.New(fault.Invalid, "A domain has at most %d object types", maxTypes)
	}
	if _, err := s.availableCount(cfg, def); err != nil {
		return err
	}
	return Validate(def, others)
}

// dataKey makes the data key that an object type with a key of its own needs;
// nil if the key that is in force stays, or if the type is to have none.
func (s *Service) dataKey(ctx context.Context, cfg *domain.Config, def *Definition) (*domain.NewDataKey, error) {
	inForce, own := cfg.KeyFor(def.Name)
	if def.EncryptionKey == "" || own && def.EncryptionKey == inForce {
		return nil, nil
	}
	if cfg.Info.DataStoreEnabled && own {
		return nil, fault.New(fault.Invalid, "EncryptionKey: the key of an object type cannot change once the data store is enabled")
	}
	use := domain.KeyUse{KeyID: def.EncryptionKey, Domain: cfg.ID, DomainName: cfg.Info.Name, ObjectType: def.Name}
	if err := s.check.CheckKey(ctx, use); err != nil {
		return nil, err
	}
	return s.domains.GenerateDataKey(ctx, use)
}

// rekey puts the key of a definition in force and has the objects that there may
// be of the type sealed under it.
func (s *Service) rekey(ctx context.Context, e *domain.Edit, def *Definition, key *domain.NewDataKey) error {
	_, own := e.KeyFor(def.Name)
	switch {
	case key != nil:
		e.AddDataKey(key, nil)
	case def.EncryptionKey != "" || !e.DropTypeKey(def.Name):
		return nil
	}
	if _, template := TemplateByID(def.Name); !own && !template && explicit(e.Config, def.Name) == nil && e.Item(scrubItems+def.Name) == nil {
		return nil // a new type, of which nothing is stored
	}
	return s.domains.Rekeyed(ctx, e)
}

// tail is what an object type's ARN has after the domain's.
func tail(name string) string { return "object-types/" + name }

// Exists reports whether a domain has the object type, implicit ones included.
func (t *Types) Exists(c *domain.Config, name string) bool {
	_, err := t.Lookup(c, name)
	return err == nil
}

func explicit(c *domain.Config, name string) *stored {
	b := c.Item(typeItems + name)
	if b == nil {
		return nil
	}
	var t stored
	if json.Unmarshal(b, &t) != nil {
		return nil
	}
	return &t
}

func (t *stored) shape(tags map[string]string) *profileapi.GetProfileObjectTypeResponse {
	out := &profileapi.GetProfileObjectTypeResponse{ObjectTypeName: t.Name, Description: t.Description,
		AllowProfileCreation: &t.AllowProfileCreation, SourcePriority: t.SourcePriority, ExpirationDays: t.ExpirationDays,
		MaxProfileObjectCount: t.MaxProfileObjectCount, Tags: tags, CreatedAt: &t.CreatedAt, LastUpdatedAt: &t.LastUpdatedAt}
	for _, o := range []struct {
		to   **string
		from string
	}{{&out.TemplateId, t.TemplateID}, {&out.EncryptionKey, t.EncryptionKey}, {&out.SourceLastUpdatedTimestampFormat, t.SourceLastUpdatedTimestampFormat}} {
		if o.from != "" {
			*o.to = &o.from
		}
	}
	out.Fields, out.Keys = mappingShapes(&t.Definition)
	return out
}

func mappingShapes(d *Definition) (map[string]profileapi.ObjectTypeField, map[string][]profileapi.ObjectTypeKey) {
	fields := make(map[string]profileapi.ObjectTypeField, len(d.Fields))
	for name, f := range d.Fields {
		shape := profileapi.ObjectTypeField{Source: &f.Source}
		if f.Target != "" {
			shape.Target = &f.Target
		}
		if f.ContentType != "" {
			shape.ContentType = &f.ContentType
		}
		fields[name] = shape
	}
	keys := make(map[string][]profileapi.ObjectTypeKey, len(d.Keys))
	for name, list := range d.Keys {
		for _, k := range list {
			keys[name] = append(keys[name], profileapi.ObjectTypeKey{StandardIdentifiers: k.StandardIdentifiers, FieldNames: k.FieldNames})
		}
	}
	return fields, keys
}

// GetProfileObjectType describes an object type. A template's name that no type
// of the domain has is the template's implicit type.
func (s *Service) GetProfileObjectType(ctx context.Context, in *profileapi.GetProfileObjectTypeRequest) (*profileapi.GetProfileObjectTypeResponse, error) {
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	t := explicit(c, in.ObjectTypeName)
	if t == nil {
		tmpl, ok := TemplateByID(in.ObjectTypeName)
		if !ok {
			return nil, notFound(in.ObjectTypeName)
		}
		t = implicitType(c, tmpl)
	}
	out := t.shape(c.Tags(tail(in.ObjectTypeName)))
	left, err := s.availableCount(c, &t.Definition)
	if err != nil {
		return nil, err
	}
	out.MaxAvailableProfileObjectCount = &left
	return out, nil
}

// implicitType is the type of a template, as old as its first use, or the domain.
func implicitType(c *domain.Config, tmpl *Template) *stored {
	used := usedType{Since: c.Info.CreatedAt}
	if b := c.Item(usedItems + tmpl.ID); b != nil && json.Unmarshal(b, &used) != nil {
		used.Since = c.Info.CreatedAt
	}
	return &stored{Definition: tmpl.Definition(tmpl.ID), CreatedAt: used.Since, LastUpdatedAt: used.Since}
}

// listed are the types that a domain's list shows: those it defines, and the
// implicit ones that have taken in data.
func listed(c *domain.Config) (names []string) {
	for name := range c.Items(typeItems) {
		names = append(names, name)
	}
	for name := range c.Items(usedItems) {
		if c.Item(typeItems+name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ListProfileObjectTypes lists the object types of the domain by name: those
// that it defines and those of templates that it has used.
func (s *Service) ListProfileObjectTypes(ctx context.Context, in *profileapi.ListProfileObjectTypesRequest) (*profileapi.ListProfileObjectTypesResponse, error) {
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	args := []string{c.ID.String()}
	limit, after, err := s.page("ListProfileObjectTypes", args, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &profileapi.ListProfileObjectTypesResponse{Items: []profileapi.ListProfileObjectTypeItem{}}
	for _, name := range listed(c) {
		if name <= after {
			continue
		}
		if len(out.Items) == limit {
			if out.NextToken, err = domain.NextToken(s.pages, "ListProfileObjectTypes", args, []byte(out.Items[limit-1].ObjectTypeName)); err != nil {
				return nil, err
			}
			break
		}
		t := explicit(c, name)
		if t == nil {
			tmpl, ok := TemplateByID(name)
			if !ok {
				return nil, fmt.Errorf("object type %s cannot be read", name)
			}
			t = implicitType(c, tmpl)
		}
		left, err := s.availableCount(c, &t.Definition)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, profileapi.ListProfileObjectTypeItem{ObjectTypeName: name, Description: t.Description,
			CreatedAt: &t.CreatedAt, LastUpdatedAt: &t.LastUpdatedAt, MaxProfileObjectCount: t.MaxProfileObjectCount,
			MaxAvailableProfileObjectCount: &left, SourcePriority: t.SourcePriority, Tags: c.Tags(tail(name))})
	}
	return out, nil
}

func (s *Service) page(op string, args []string, max *int, token *string) (limit int, after string, err error) {
	limit = 100
	if max != nil {
		limit = *max
	}
	if token != nil {
		pos, err := s.pages.Open(op, args, *token)
		if err != nil {
			return 0, "", err
		}
		after = string(pos)
	}
	return limit, after, nil
}

// GetProfileObjectTypeTemplate describes a template.
func (s *Service) GetProfileObjectTypeTemplate(ctx context.Context, in *profileapi.GetProfileObjectTypeTemplateRequest) (*profileapi.GetProfileObjectTypeTemplateResponse, error) {
	t, ok := TemplateByID(in.TemplateId)
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no template %s", in.TemplateId)
	}
	d := t.Definition(t.ID)
	out := &profileapi.GetProfileObjectTypeTemplateResponse{TemplateId: &t.ID, SourceName: &t.SourceName, SourceObject: &t.SourceObject,
		AllowProfileCreation: &d.AllowProfileCreation}
	if d.SourceLastUpdatedTimestampFormat != "" {
		out.SourceLastUpdatedTimestampFormat = &d.SourceLastUpdatedTimestampFormat
	}
	out.Fields, out.Keys = mappingShapes(&d)
	return out, nil
}

// ListProfileObjectTypeTemplates lists the templates by their id.
func (s *Service) ListProfileObjectTypeTemplates(ctx context.Context, in *profileapi.ListProfileObjectTypeTemplatesRequest) (*profileapi.ListProfileObjectTypeTemplatesResponse, error) {
	limit, after, err := s.page("ListProfileObjectTypeTemplates", nil, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &profileapi.ListProfileObjectTypeTemplatesResponse{Items: []profileapi.ListProfileObjectTypeTemplateItem{}}
	for _, t := range Templates() {
		if t.ID <= after {
			continue
		}
		if len(out.Items) == limit {
			if out.NextToken, err = domain.NextToken(s.pages, "ListProfileObjectTypeTemplates", nil, []byte(*out.Items[limit-1].TemplateId)); err != nil {
				return nil, err
			}
			break
		}
		out.Items = append(out.Items, profileapi.ListProfileObjectTypeTemplateItem{TemplateId: &t.ID, SourceName: &t.SourceName, SourceObject: &t.SourceObject})
	}
	return out, nil
}

// inlineScrub is how long a deletion works on removing the type's data before
// it answers and leaves the rest to the background.
const inlineScrub = 3 * time.Second

// DeleteProfileObjectType removes an object type, the integrations that use it,
// its objects, and what these gave to profiles. For an implicit type it removes
// the data; the template stays usable.
func (s *Service) DeleteProfileObjectType(ctx context.Context, in *profileapi.DeleteProfileObjectTypeRequest) (*profileapi.DeleteProfileObjectTypeResponse, error) {
	name := in.ObjectTypeName
	var job scrubJob
	var of domain.ID
	err := s.domains.Configure(ctx, in.DomainName, func(e *domain.Edit) error {
		if !s.Exists(e.Config, name) {
			return notFound(name)
		}
		of = e.ID
		e.Delete(typeItems + name)
		e.Delete(usedItems + name)
		e.Delete(formerItems + name)
		e.PutTags(tail(name), nil)
		if e.DropTypeKey(name) {
			// What is there of it goes; until then it needs the key, and then no more.
			if err := s.domains.Rekeyed(ctx, e); err != nil {
				return err
			}
		}
		job.Before = e.Tx.Now()
		e.PutJSON(scrubItems+name, job)
		return integration.Drop(ctx, e, name)
	})
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), inlineScrub)
	defer cancel()
	if err := s.scrubOne(within, of, name, job); err != nil {
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
	return &profileapi.DeleteProfileObjectTypeResponse{Message: "The object type " + name + " has been deleted; its objects are being removed"}, nil
}

func (s *Service) scrubOne(ctx context.Context, of domain.ID, name string, job scrubJob) error {
	if err := s.scrub.Scrub(ctx, of, name, job.Before); err != nil {
		return err
	}
	return s.domains.ConfigureOf(ctx, of, func(e *domain.Edit) error {
		var now scrubJob
		if b := e.Item(scrubItems + name); b != nil && json.Unmarshal(b, &now) == nil && now.Before.Equal(job.Before) {
			e.Delete(scrubItems + name)
		}
		return nil
	})
}

// Run finishes deletions that a call left unfinished, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.kick:
		case <-again.C:
		}
		if err := s.scrubAll(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "removal of deleted object types' data is not finished", "error", err)
		}
		again.Reset(time.Minute) // for what a node that died has left
	}
}

func (s *Service) scrubAll(ctx context.Context) error {
	ids, err := s.domains.IDs(ctx)
	for _, id := range ids {
		c, cerr := s.domains.ConfigOf(ctx, id)
		if fault.Is(cerr, fault.NotFound) {
			continue
		}
		if cerr != nil {
			err = errors.Join(err, cerr)
			continue
		}
		for name, b := range c.Items(scrubItems) {
			var job scrubJob
			if uerr := json.Unmarshal(b, &job); uerr != nil {
				err = errors.Join(err, uerr)
				continue
			}
			err = errors.Join(err, s.scrubOne(ctx, id, name, job))
		}
	}
	return err
}
