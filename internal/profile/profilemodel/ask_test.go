package profilemodel_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/ingesttest"
)

// ask makes a step that changes nothing.
func (e *engine) ask(s step) (r reply, err error) {
	switch s.Op {
	case "get":
		return e.get(s)
	case "search":
		return e.search(s)
	case "list":
		return e.list(s)
	case "history":
		return e.history(s)
	case "stats":
		out, err := e.w.Domain.GetDomain(e.ctx, &profileapi.GetDomainRequest{DomainName: e.domain})
		if err != nil {
			return r, err
		}
		return reply{Lines: []string{fmt.Sprintf("%d profiles, %d metered, %d objects, %d bytes",
			*out.Stats.ProfileCount, *out.Stats.MeteringProfileCount, *out.Stats.ObjectCount, *out.Stats.TotalSize)}}, nil
	}
	return r, fmt.Errorf("there is no step %q", s.Op)
}

func (e *engine) get(s step) (r reply, err error) {
	in := &profileapi.BatchGetProfileRequest{DomainName: e.domain}
	for _, name := range s.Profiles {
		in.ProfileIds = append(in.ProfileIds, e.id(name))
	}
	out, err := e.w.Profiles.BatchGetProfile(e.ctx, in)
	if err != nil {
		return r, err
	}
	for _, id := range in.ProfileIds { // profiles and errors are each in the order asked for
		switch {
		case len(out.Profiles) > 0 && *out.Profiles[0].ProfileId == id:
			r.Lines, out.Profiles = append(r.Lines, plain(out.Profiles[0])), out.Profiles[1:]
		case len(out.Errors) > 0 && out.Errors[0].ProfileId == id:
			r.Lines, out.Errors = append(r.Lines, out.Errors[0].Code+" NotFound: "+out.Errors[0].Message), out.Errors[1:]
		default:
			r.Lines = append(r.Lines, "nothing about "+id)
		}
	}
	return r, nil
}

// plain is a shape as JSON without what is absent.
func plain(shape any) string {
	return ingesttest.Compact(func(v ...any) { panic(fmt.Sprint(v...)) }, shape)
}

func (e *engine) search(s step) (r reply, err error) {
	in := &profileapi.SearchProfilesRequest{DomainName: e.domain, KeyName: s.Keys[0].Name, Values: e.values(s.Keys[0]), MaxResults: &s.Page}
	for _, k := range s.Keys[1:] {
		in.AdditionalSearchKeys = append(in.AdditionalSearchKeys, profileapi.AdditionalSearchKey{KeyName: k.Name, Values: e.values(k)})
	}
	if s.And {
		in.LogicalOperator = new("AND")
	}
	for range 100 {
		out, err := e.w.Profiles.SearchProfiles(e.ctx, in)
		if err != nil {
			return r, err
		}
		if len(out.Items) > s.Page {
			return r, fmt.Errorf("%d items on a page of %d", len(out.Items), s.Page)
		}
		for _, p := range out.Items {
			var by []string
			for _, k := range p.FoundByItems {
				by = append(by, *k.KeyName+" "+strings.Join(k.Values, ","))
			}
			r.IDs = append(r.IDs, *p.ProfileId)
			p.FoundByItems = nil
			r.Lines = append(r.Lines, fmt.Sprint(plain(p), " by ", by))
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return r, nil
		}
	}
	return r, fmt.Errorf("the pages of a search have no end")
}

func (e *engine) list(s step) (r reply, err error) {
	in := &profileapi.ListProfileObjectsRequest{DomainName: e.domain, ProfileId: e.id(s.Profiles[0]), ObjectTypeName: s.Type, MaxResults: &s.Page}
	if len(s.Keys) > 0 {
		in.ObjectFilter = &profileapi.ObjectFilter{KeyName: s.Keys[0].Name, Values: e.values(s.Keys[0])}
	}
	for range 100 {
		out, err := e.w.Profiles.ListProfileObjects(e.ctx, in)
		if err != nil {
			return r, err
		}
		if len(out.Items) > s.Page || len(out.Items) < s.Page && out.NextToken != nil {
			return r, fmt.Errorf("%d items on a page of %d", len(out.Items), s.Page)
		}
		for _, it := range out.Items {
			if s.Type[0] == '_' {
				r.Lines = append(r.Lines, withoutID(*it.Object))
				continue
			}
			b, err := base64.StdEncoding.DecodeString(*it.ProfileObjectUniqueKey)
			if err != nil {
				return r, err
			}
			r.Lines = append(r.Lines, unique(s.Type, string(b))+" "+*it.Object)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return r, nil
		}
	}
	return r, fmt.Errorf("the pages of a list have no end")
}

// withoutID is a standard object without its own id, which is random.
func withoutID(text string) string {
	tree := map[string]any{}
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		return err.Error()
	}
	for _, name := range []string{"AssetId", "CaseId", "OrderId"} {
		delete(tree, name)
	}
	return compact(tree)
}

// unique marks the unique key of an object, to be named as the model names it.
func unique(typ, k string) string { return fmt.Sprintf("<%s %x>", typ, k) }

func (e *engine) history(s step) (r reply, err error) {
	in := &profileapi.ListProfileHistoryRecordsRequest{DomainName: e.domain, ProfileId: e.id(s.Profiles[0]), MaxResults: &s.Page}
	for range 1000 {
		out, err := e.w.Profiles.ListProfileHistoryRecords(e.ctx, in)
		if err != nil {
			return r, err
		}
		for _, h := range out.ProfileHistoryRecords {
			line := h.ActionType
			if h.ProfileObjectUniqueKey != nil {
				b, err := base64.StdEncoding.DecodeString(*h.ProfileObjectUniqueKey)
				if err != nil {
					return r, err
				}
				line += " " + h.ObjectTypeName + "/" + unique(h.ObjectTypeName, string(b))
			}
			r.Lines = append(r.Lines, line)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return r, nil
		}
	}
	return r, fmt.Errorf("the pages of a history have no end")
}
