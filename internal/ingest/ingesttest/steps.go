package ingesttest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/profile"
)

// Ctx is the context of the steps below.
func (w *World) Ctx() context.Context { return context.Background() }

// NewDomain makes a domain; edit may change the request.
func (w *World) NewDomain(name string, edit ...func(*profileapi.CreateDomainRequest)) {
	w.T.Helper()
	in := &profileapi.CreateDomainRequest{DomainName: name, DefaultExpirationDays: 366}
	for _, e := range edit {
		e(in)
	}
	if _, err := w.Domain.CreateDomain(w.Ctx(), in); err != nil {
		w.T.Fatal(err)
	}
}

// ID is the identity of a domain.
func (w *World) ID(domainName string) domain.ID {
	w.T.Helper()
	c, err := w.Domains.Config(w.Ctx(), domainName)
	if err != nil {
		w.T.Fatal(err)
	}
	return c.ID
}

// Type is an object type in the notation of the tests: a field is
// "source>target|CONTENT_TYPE", a key "IDENTIFIER,IDENTIFIER:field,field", with
// several definitions separated by ";".
type Type struct {
	Fields   map[string]string
	Keys     map[string]string
	Create   bool
	Priority int
	Days     int // ExpirationDays
	Max      int // MaxProfileObjectCount
	Format   string
	Key      string // EncryptionKey
}

// Request is the call that makes the type.
func (d Type) Request(domainName, name string) *profileapi.PutProfileObjectTypeRequest {
	in := &profileapi.PutProfileObjectTypeRequest{DomainName: domainName, ObjectTypeName: name, Description: "of a test",
		AllowProfileCreation: &d.Create, Fields: map[string]profileapi.ObjectTypeField{}, Keys: map[string][]profileapi.ObjectTypeKey{}}
	if d.Priority > 0 {
		in.SourcePriority = &d.Priority
	}
	if d.Days > 0 {
		in.ExpirationDays = &d.Days
	}
	if d.Max > 0 {
		in.MaxProfileObjectCount = &d.Max
	}
	if d.Format != "" {
		in.SourceLastUpdatedTimestampFormat = &d.Format
	}
	if d.Key != "" {
		in.EncryptionKey = &d.Key
	}
	for field, text := range d.Fields {
		rest, contentType, _ := strings.Cut(text, "|")
		source, target, _ := strings.Cut(rest, ">")
		if !strings.Contains(source, "{{") {
			source = "_source." + source
		}
		f := profileapi.ObjectTypeField{Source: &source}
		if target != "" {
			f.Target = &target
		}
		if contentType != "" {
			f.ContentType = &contentType
		}
		in.Fields[field] = f
	}
	for key, text := range d.Keys {
		for def := range strings.SplitSeq(text, ";") {
			identifiers, fields, _ := strings.Cut(def, ":")
			k := profileapi.ObjectTypeKey{FieldNames: strings.Split(fields, ",")}
			if identifiers != "" {
				k.StandardIdentifiers = strings.Split(identifiers, ",")
			}
			in.Keys[key] = append(in.Keys[key], k)
		}
	}
	return in
}

// PutType makes or replaces an object type.
func (w *World) PutType(domainName, name string, d Type) {
	w.T.Helper()
	if _, err := w.TypeService.PutProfileObjectType(w.Ctx(), d.Request(domainName, name)); err != nil {
		w.T.Fatalf("object type %s: %v", name, err)
	}
}

// Put ingests one record and returns the profile that has it.
func (w *World) Put(domainName, typeName, body string) profile.ID {
	w.T.Helper()
	r, err := w.Ingest.Put(w.Ctx(), domainName, typeName, []string{body})
	if err == nil {
		err = r[0].Err
	}
	if err != nil {
		w.T.Fatalf("put %s: %v", typeName, err)
	}
	if r[0].Letter != "" {
		w.T.Fatalf("put %s: dead letter: %s", typeName, r[0].Letter)
	}
	return r[0].Profile
}

// TryPut ingests one record and returns what the client is told.
func (w *World) TryPut(domainName, typeName, body string) (uniqueKey string, err error) {
	out, err := w.Ingest.PutProfileObject(w.Ctx(), &profileapi.PutProfileObjectRequest{DomainName: domainName, ObjectTypeName: typeName, Object: body})
	if err != nil {
		return "", err
	}
	if out.ProfileObjectUniqueKey != nil {
		uniqueKey = *out.ProfileObjectUniqueKey
	}
	return uniqueKey, nil
}

// Create makes a profile with CreateProfile from the JSON of its members.
func (w *World) Create(domainName, members string) profile.ID {
	w.T.Helper()
	in := &profileapi.CreateProfileRequest{}
	w.decode(members, in)
	in.DomainName = domainName
	out, err := w.Profiles.CreateProfile(w.Ctx(), in)
	if err != nil {
		w.T.Fatal(err)
	}
	id, ok := profile.ParseID(out.ProfileId)
	if !ok {
		w.T.Fatalf("CreateProfile answers the id %q", out.ProfileId)
	}
	return id
}

// Edit changes a profile with UpdateProfile.
func (w *World) Edit(domainName string, id profile.ID, members string) {
	w.T.Helper()
	in := &profileapi.UpdateProfileRequest{}
	w.decode(members, in)
	in.DomainName, in.ProfileId = domainName, id.String()
	if _, err := w.Profiles.UpdateProfile(w.Ctx(), in); err != nil {
		w.T.Fatal(err)
	}
}

func (w *World) decode(members string, into any) {
	w.T.Helper()
	if err := json.Unmarshal([]byte(members), into); err != nil {
		w.T.Fatal(err)
	}
}

// Sweep removes what has expired by the world's clock.
func (w *World) Sweep() {
	w.T.Helper()
	if err := w.Sweeper.Sweep(w.Ctx()); err != nil {
		w.T.Fatal(err)
	}
}

// Get reads a profile; nil when there is none.
func (w *World) Get(domainName string, id profile.ID) *profileapi.Profile {
	w.T.Helper()
	out, err := w.Profiles.BatchGetProfile(w.Ctx(), &profileapi.BatchGetProfileRequest{DomainName: domainName, ProfileIds: []string{id.String()}})
	if err != nil {
		w.T.Fatal(err)
	}
	if len(out.Profiles) == 0 {
		return nil
	}
	return &out.Profiles[0]
}

// Show is a profile as JSON without empty members and without its id.
func (w *World) Show(domainName string, id profile.ID) string {
	w.T.Helper()
	p := w.Get(domainName, id)
	if p == nil {
		return "none"
	}
	p.ProfileId = nil
	return Compact(w.T.Fatal, p)
}

// Compact is the JSON of a shape without null members, names sorted.
func Compact(fail func(...any), shape any) string {
	b, err := json.Marshal(shape)
	if err != nil {
		fail(err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		fail(err)
	}
	if b, err = json.Marshal(prune(tree)); err != nil {
		fail(err)
	}
	return string(b)
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, m := range v {
			if m == nil {
				delete(v, k)
			} else {
				v[k] = prune(m)
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}

// Find searches by one key and returns the ids found, over all pages.
func (w *World) Find(domainName, key string, values ...string) []string {
	w.T.Helper()
	var ids []string
	in := &profileapi.SearchProfilesRequest{DomainName: domainName, KeyName: key, Values: values}
	for {
		out, err := w.Profiles.SearchProfiles(w.Ctx(), in)
		if err != nil {
			w.T.Fatal(err)
		}
		for i := range out.Items {
			ids = append(ids, *out.Items[i].ProfileId)
		}
		if out.NextToken == nil {
			return ids
		}
		in.NextToken = out.NextToken
	}
}

// Finds fails the test unless a search finds exactly these profiles.
func (w *World) Finds(domainName, key, value string, want ...profile.ID) {
	w.T.Helper()
	var ids []string
	for _, id := range want {
		ids = append(ids, id.String())
	}
	slices.Sort(ids)
	if got := w.Find(domainName, key, value); !slices.Equal(got, ids) {
		w.T.Errorf("search %s=%q finds %v, want %v", key, value, got, ids)
	}
}

// Objects lists the texts of a type's objects of a profile, newest first.
func (w *World) Objects(domainName, typeName string, id profile.ID) []string {
	w.T.Helper()
	var texts []string
	in := &profileapi.ListProfileObjectsRequest{DomainName: domainName, ObjectTypeName: typeName, ProfileId: id.String()}
	for {
		out, err := w.Profiles.ListProfileObjects(w.Ctx(), in)
		if err != nil {
			w.T.Fatal(err)
		}
		for i := range out.Items {
			texts = append(texts, *out.Items[i].Object)
		}
		if out.NextToken == nil {
			return texts
		}
		in.NextToken = out.NextToken
	}
}

// IsFault fails the test unless an error is a fault of the kind whose message
// has the text.
func (w *World) IsFault(err error, kind fault.Kind, text string) {
	w.T.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), text) {
		w.T.Errorf("error %v, want kind %d with %q", err, kind, text)
	}
}
