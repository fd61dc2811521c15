package profilemodel_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
)

// engine is a world of real services on one storage engine.
type engine struct {
	name   string
	w      *ingesttest.World
	ctx    context.Context
	domain string
	id     func(name string) string                  // of a profile or a merge
	unique func(typ, name string) (onTheWire string) // of an object
}

// reply is what an engine answers, still with ids.
type reply struct {
	Err    string
	Lines  []string
	IDs    []string          // of profiles and merges, where the model names them
	Unique map[string]string // unique keys of records, by type and unique value
}

// scope is a test that a world may belong to for a part of it only.
type scope struct {
	testing.TB
	cleanups []func()
}

func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) close() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

func newEngine(s *scope, name string, make ingesttest.Engine) *engine {
	e := &engine{name: name, w: ingesttest.NewOn(s, make), ctx: context.Background(), domain: "chain"}
	e.w.NewDomain(e.domain, func(in *profileapi.CreateDomainRequest) { in.DefaultExpirationDays = domainDays })
	e.w.Types.MaxObjects, e.w.Types.MaxBytes = maxObjects, maxBytes
	for _, name := range typeNames {
		e.w.PutType(e.domain, name, objectTypes[name][0])
	}
	return e
}

var kindNames = map[fault.Kind]string{fault.Invalid: "Invalid", fault.NotFound: "NotFound", fault.Exists: "Exists", fault.Denied: "Denied", fault.Busy: "Busy"}

func said(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && kindNames[f.Kind] != "" {
		return kindNames[f.Kind] + ": " + f.Message
	}
	return "internal: " + err.Error()
}

// do makes a step.
func (e *engine) do(s step) (r reply) {
	defer func() {
		if p := recover(); p != nil {
			r = reply{Err: fmt.Sprint("panic: ", p)}
		}
	}()
	p := ""
	if len(s.Profiles) > 0 {
		p = e.id(s.Profiles[0])
	}
	var err error
	switch s.Op {
	case "create":
		in := &profileapi.CreateProfileRequest{}
		into(in, s.Members)
		in.DomainName = e.domain
		var out *profileapi.CreateProfileResponse
		if out, err = e.w.Profiles.CreateProfile(e.ctx, in); err == nil {
			r.IDs = []string{out.ProfileId}
		}
	case "update":
		in := &profileapi.UpdateProfileRequest{}
		into(in, s.Members)
		in.DomainName, in.ProfileId = e.domain, p
		_, err = e.w.Profiles.UpdateProfile(e.ctx, in)
	case "add key":
		_, err = e.w.Profiles.AddProfileKey(e.ctx, &profileapi.AddProfileKeyRequest{DomainName: e.domain, ProfileId: p, KeyName: s.Keys[0].Name, Values: e.values(s.Keys[0])})
	case "delete key":
		_, err = e.w.Profiles.DeleteProfileKey(e.ctx, &profileapi.DeleteProfileKeyRequest{DomainName: e.domain, ProfileId: p, KeyName: s.Keys[0].Name, Values: e.values(s.Keys[0])})
	case "delete object":
		_, err = e.w.Profiles.DeleteProfileObject(e.ctx, &profileapi.DeleteProfileObjectRequest{DomainName: e.domain, ProfileId: p, ObjectTypeName: s.Type, ProfileObjectUniqueKey: e.unique(s.Type, s.Name)})
	case "delete profile":
		_, err = e.w.Profiles.DeleteProfile(e.ctx, &profileapi.DeleteProfileRequest{DomainName: e.domain, ProfileId: p})
	case "merge":
		r.IDs, err = e.merge(s)
	case "unmerge":
		r, err = e.unmerge(s)
	case "put", "batch":
		r, err = e.put(s)
	case "put type":
		_, err = e.w.TypeService.PutProfileObjectType(e.ctx, objectTypes[s.Type][s.Form].Request(e.domain, s.Type))
	case "delete type":
		_, err = e.w.TypeService.DeleteProfileObjectType(e.ctx, &profileapi.DeleteProfileObjectTypeRequest{DomainName: e.domain, ObjectTypeName: s.Type})
	case "rename":
		r, err = e.rename(s.Name)
	case "pass":
		r, err = e.pass(s.Hours)
	default:
		r, err = e.ask(s)
	}
	r.Err = said(err)
	return r
}

// into decodes values by path into a request.
func into(in any, members map[string]string) {
	tree := map[string]any{}
	for path, text := range members {
		name, rest, deep := strings.Cut(path, ".")
		if !deep {
			tree[name] = text
			continue
		}
		if tree[name] == nil {
			tree[name] = map[string]string{}
		}
		tree[name].(map[string]string)[rest] = text
	}
	b, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(b, in)
	}
	if err != nil {
		panic(err)
	}
}

// values are those of a key; the key of profiles' ids has ids.
func (e *engine) values(k searchKey) []string {
	if k.Name != "_profileId" {
		return k.Values
	}
	var ids []string
	for _, name := range k.Values {
		ids = append(ids, e.id(name))
	}
	return ids
}

func (e *engine) merge(s step) ([]string, error) {
	in := &profileapi.MergeProfilesRequest{DomainName: e.domain, MainProfileId: e.id(s.Profiles[0])}
	for _, name := range s.Profiles[1:] {
		in.ProfileIdsToBeMerged = append(in.ProfileIdsToBeMerged, e.id(name))
	}
	if len(s.Members) > 0 {
		ids := map[string]string{}
		for field, name := range s.Members {
			ids[field] = e.id(name)
		}
		in.FieldSourceProfileIds = &profileapi.FieldSourceProfileIds{}
		into(in.FieldSourceProfileIds, ids)
	}
	out, err := e.w.Profiles.MergeProfiles(e.ctx, in)
	if err != nil {
		return nil, err
	}
	return []string{(*out.Message)[len(*out.Message)-32:]}, nil
}

func (e *engine) unmerge(s step) (r reply, err error) {
	u, err := e.w.Profiles.Unmerge(e.ctx, e.domain, e.id(s.Name))
	if err != nil {
		return r, err
	}
	for _, id := range u.Restored {
		r.IDs = append(r.IDs, id.String())
	}
	r.Lines = []string{fmt.Sprintf("%d records have moved", u.Moved), "from " + u.Main.String()}
	return r, nil
}

// ingested is what became of a record.
type ingested struct{ profile, unique, err string }

// put ingests records: by the way that all ways have in common, or by the API,
// which does not tell where they are.
func (e *engine) put(s step) (r reply, err error) {
	var bodies []string
	for _, record := range s.Records {
		bodies = append(bodies, text(record, e.id))
	}
	var results []ingested
	switch {
	case s.Form == 0:
		list, putErr := e.w.Ingest.Put(e.ctx, e.domain, s.Type, bodies)
		for _, result := range list {
			results = append(results, ingested{result.Profile.String(), result.UniqueKey, said(result.Err)})
		}
		err = putErr
	case s.Op == "put":
		results, err = e.putOne(s.Type, bodies[0])
	default:
		results, err = e.putBatch(s.Type, bodies)
	}
	if err != nil {
		return r, err
	}
	r.Unique = map[string]string{}
	for i, result := range results {
		m := mapRecord(s.Type, objectTypes[s.Type][0], "", s.Records[i])
		if result.unique != "" {
			b, err := base64.StdEncoding.DecodeString(result.unique)
			if err != nil {
				return r, err
			}
			r.Unique[s.Type+"/"+m.unique] = string(b)
		}
		if result.err != "" {
			r.Lines = append(r.Lines, result.err)
			continue
		}
		r.Lines = append(r.Lines, "stored")
		r.IDs = append(r.IDs, result.profile)
	}
	return r, nil
}

// putOne puts a record with PutProfileObject. Its refusal is the record's.
func (e *engine) putOne(typ, body string) ([]ingested, error) {
	out, err := e.w.Ingest.PutProfileObject(e.ctx, &profileapi.PutProfileObjectRequest{DomainName: e.domain, ObjectTypeName: typ, Object: body})
	if err != nil && !fault.Is(err, fault.Invalid) {
		return nil, err
	}
	if err != nil {
		return []ingested{{err: said(err)}}, nil
	}
	return []ingested{{unique: *out.ProfileObjectUniqueKey, profile: e.holder(typ, *out.ProfileObjectUniqueKey)}}, nil
}

// putBatch puts records with BatchPutProfileObject.
func (e *engine) putBatch(typ string, bodies []string) ([]ingested, error) {
	in := &profileapi.BatchPutProfileObjectRequest{DomainName: e.domain, ObjectTypeName: typ}
	for i, body := range bodies {
		in.Items = append(in.Items, profileapi.BatchPutProfileObjectRequestItem{Id: fmt.Sprint(i), Object: body})
	}
	out, err := e.w.Ingest.BatchPutProfileObject(e.ctx, in)
	if err != nil {
		return nil, err
	}
	results := make([]ingested, len(bodies))
	for _, it := range out.Successful {
		i, _ := strconv.Atoi(it.Id)
		results[i] = ingested{unique: it.ProfileObjectUniqueKey, profile: e.holder(typ, it.ProfileObjectUniqueKey)}
	}
	for _, it := range out.Failed {
		i, _ := strconv.Atoi(it.Id)
		results[i] = ingested{err: map[int]string{400: "Invalid: "}[it.Code] + *it.Message}
	}
	return results, nil
}

// holder is the id of the profile that has an object, by going through the profiles that have a
// key of its type; empty if none can be found so.
func (e *engine) holder(typ, unique string) string {
	for id := range e.candidates(typ) {
		in := &profileapi.ListProfileObjectsRequest{DomainName: e.domain, ProfileId: id, ObjectTypeName: typ, MaxResults: new(100)}
		out, err := e.w.Profiles.ListProfileObjects(e.ctx, in)
		if err != nil {
			continue
		}
		for _, it := range out.Items {
			if *it.ProfileObjectUniqueKey == unique {
				return id
			}
		}
	}
	return ""
}

// candidates are the profiles that have any of the unique values of a type.
func (e *engine) candidates(typ string) map[string]bool {
	in := &profileapi.SearchProfilesRequest{DomainName: e.domain, KeyName: uniqueKeys[typ][0], MaxResults: new(100)}
	for n := 1; n <= 5; n++ {
		in.Values = append(in.Values, fmt.Sprint(uniqueKeys[typ][1], n))
	}
	ids := map[string]bool{}
	if out, err := e.w.Profiles.SearchProfiles(e.ctx, in); err == nil {
		for _, p := range out.Items {
			ids[*p.ProfileId] = true
		}
	}
	return ids
}

// uniqueKeys are the key that identifies the records of a type, and what its values begin with.
var uniqueKeys = map[string][2]string{"Crm": {"crmId", "C"}, "Shop": {"shopId", "S"}, "Registration": {"registrationNo", "R"}, "Ticket": {"repairNo", "T"}, "Order": {"orderNo", "O"}}

func (e *engine) rename(name string) (r reply, err error) {
	if _, err := e.w.Domain.RenameDomain(e.ctx, &kindredapi.RenameDomainRequest{DomainName: e.domain, NewDomainName: name}); err != nil {
		return r, err
	}
	_, err = e.w.Domain.GetDomain(e.ctx, &profileapi.GetDomainRequest{DomainName: e.domain})
	e.domain = name
	kind, _, _ := strings.Cut(said(err), ":")
	return reply{Lines: []string{"the old name: " + kind}}, nil
}

// pass moves the clock to a full hour, when what has expired is due to the minute, and
// sweeps.
func (e *engine) pass(hours int) (r reply, err error) {
	now := e.w.Clock.Now()
	e.w.Clock.Step(now.Truncate(time.Hour).Add(time.Duration(hours) * time.Hour).Sub(now))
	err = e.w.Sweeper.Sweep(e.ctx)
	return reply{Lines: []string{fmt.Sprintf("%d objects and %d profiles expire", e.w.Expired.Objects.Swap(0), e.w.Expired.Profiles.Swap(0))}}, err
}
