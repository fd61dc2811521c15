package preview_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/permission"
	"kindred/internal/policy"
	"kindred/internal/preview"
)

func service(w *ingesttest.World) *preview.Service {
	tags := func(_ context.Context, name, _ string) (map[string]string, error) {
		return map[string]string{"of": name}, nil
	}
	return preview.NewService(preview.Config{Domains: w.Domain, Types: w.TypeService, Ingest: w.Ingest,
		Authorize: permission.New(ingesttest.Region, ingesttest.Account, tags).Authorize})
}

// caller is a context with the identity policy whose statements are given.
func caller(t *testing.T, statements string) context.Context {
	t.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithCaller(t.Context(), &access.Caller{Type: access.User, Account: ingesttest.Account,
		ARN: "arn:aws:iam::" + ingesttest.Account + ":user/u", Policies: []*policy.Policy{p}})
}

const all = `{"Effect":"Allow","Action":"*","Resource":"*"}`

func member(t *testing.T) *ingesttest.World {
	t.Helper()
	w := ingesttest.New(t)
	w.NewDomain("d")
	w.PutType("d", "Member", ingesttest.Type{Create: true, Fields: map[string]string{"id": "id", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"tier": "tier>_profile.Attributes.tier", "marks": "marks[].t", "gender": "gender>_profile.Gender"},
		Keys: map[string]string{"memberId": "UNIQUE:id", "_email": "PROFILE:mail"}})
	return w
}

// TestInvariant8PreviewNeedsItsOwnPermissionAndThatToSearch: nothing is told to
// who may not search profiles, whether or not the domain is there.
func TestInvariant8PreviewNeedsItsOwnPermissionAndThatToSearch(t *testing.T) {
	w := member(t)
	s := service(w)
	own := `{"Effect":"Allow","Action":"kindred:PreviewProfileObject","Resource":"arn:aws:profile:*:*:domains/*"}`
	search := `{"Effect":"Allow","Action":"profile:SearchProfiles","Resource":"arn:aws:profile:*:*:domains/*"}`
	for _, c := range []struct {
		name, statements string
		allowed          bool
	}{
		{"both", own + "," + search, true},
		{"everything", all, true},
		{"search only", search, false},
		{"preview only", own, false},
		{"all of profile", `{"Effect":"Allow","Action":"profile:*","Resource":"*"}`, false},
		{"search denied", all + `,{"Effect":"Deny","Action":"profile:SearchProfiles","Resource":"*"}`, false},
		{"another domain", own + `,{"Effect":"Allow","Action":"profile:SearchProfiles","Resource":"arn:aws:profile:*:*:domains/other"}`, false},
		{"search by tag", own + `,{"Effect":"Allow","Action":"profile:SearchProfiles","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/of":"d"}}}`, true},
	} {
		for _, domain := range []string{"d", "none"} {
			_, err := s.PreviewProfileObject(caller(t, c.statements), &kindredapi.PreviewProfileObjectRequest{DomainName: domain, ObjectTypeName: "Member", Object: `{}`})
			switch {
			case !c.allowed && !fault.Is(err, fault.Denied):
				t.Errorf("%s, domain %s: %v", c.name, domain, err)
			case c.allowed && domain == "d" && err != nil:
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	if _, err := s.PreviewProfileObject(t.Context(), &kindredapi.PreviewProfileObjectRequest{DomainName: "d", ObjectTypeName: "Member", Object: `{}`}); !fault.Is(err, fault.Denied) {
		t.Errorf("without a caller: %v", err)
	}
}

func TestAnswer(t *testing.T) {
	w := member(t)
	id := w.Put("d", "Member", `{"id":"1","mail":"Ada@x.org","tier":"gold"}`)
	out, err := service(w).PreviewProfileObject(caller(t, all), &kindredapi.PreviewProfileObjectRequest{DomainName: "d", ObjectTypeName: "Member",
		Object: `{"id":"2","mail":"ADA@x.org","tier":"silver","gender":"none of them","marks":[` + strings.Repeat(`{"t":"x"},`, 60) + `{}]}`})
	if err != nil {
		t.Fatal(err)
	}
	if out.Outcome != "WOULD_JOIN" || *out.ProfileId != id.String() || out.UniqueKey == nil || out.Error != nil || out.MovedFrom != nil {
		t.Errorf("%s", ingesttest.Compact(t.Fatal, out))
	}
	for what, shape := range map[string]any{
		`{"Attributes":{"tier":"gold"},"EmailAddress":"Ada@x.org","ProfileId":"` + id.String() + `"}`:                                                        out.Before,
		`{"Attributes":{"tier":"silver"},"EmailAddress":"ADA@x.org","Gender":"UNSPECIFIED","GenderString":"none of them","ProfileId":"` + id.String() + `"}`: out.After,
	} {
		if got := ingesttest.Compact(t.Fatal, shape); got != what {
			t.Errorf("got %s, want %s", got, what)
		}
	}
	for _, f := range out.Fields {
		switch f.Name {
		case "marks":
			if len(f.Values) != 50 || f.Truncated == nil || f.Value != nil {
				t.Errorf("a list: %d values, %+v", len(f.Values), f)
			}
		case "gender":
			if strings.Join(f.WritesTo, " ") != "_profile.Gender _profile.GenderString" {
				t.Errorf("writes to %v", f.WritesTo)
			}
		}
	}
	if k := out.Keys[1]; k.Name != "_email" || *k.Value != "ADA@x.org" || *k.NormalizedValue != "ada@x.org" || *k.Tried != 1 ||
		k.Finding != "FOUND" || k.ProfileIds[0] != id.String() || !k.Stored || strings.Join(k.StandardIdentifiers, " ") != "PROFILE" {
		t.Errorf("%s", ingesttest.Compact(t.Fatal, k))
	}
}

func TestLongValuesAreCut(t *testing.T) {
	w := member(t)
	long := strings.Repeat("ü", 5000)
	out, err := service(w).PreviewProfileObject(caller(t, all), &kindredapi.PreviewProfileObjectRequest{DomainName: "d", ObjectTypeName: "Member",
		Object: `{"id":"1","mail":"a@x.org","marks":[{"t":"` + long + `"},{"t":"b"}],"tier":"` + long + `"}`})
	if err != nil {
		t.Fatal(err)
	}
	if out.Outcome != "WOULD_FAIL" || out.Error.Destination != "CALLER" {
		t.Errorf("%s %+v", out.Outcome, out.Error)
	}
	for _, f := range out.Fields {
		switch f.Name {
		case "marks":
			if len(f.Values) != 2 || f.Values[0] != long[:2*4000] || f.Values[1] != "" || f.Truncated == nil {
				t.Errorf("%d values", len(f.Values))
			}
		case "tier":
			if *f.Value != long[:2*4000] || f.Truncated == nil || f.Problem == nil || f.WritesTo != nil {
				t.Errorf("%d bytes", len(*f.Value))
			}
		case "mail":
			if f.Truncated != nil {
				t.Errorf("%+v", f)
			}
		}
	}
}

// TestShapesAreThoseOfCustomerProfiles: what is copied from AWS's interface has
// the same members, so that nothing is lost between the two.
func TestShapesAreThoseOfCustomerProfiles(t *testing.T) {
	var same func(path string, a, b reflect.Type)
	same = func(path string, a, b reflect.Type) {
		if a.Kind() != b.Kind() {
			t.Errorf("%s: %s and %s", path, a, b)
			return
		}
		switch a.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			same(path, a.Elem(), b.Elem())
		case reflect.Struct:
			if a.NumField() != b.NumField() {
				t.Errorf("%s: %d members and %d", path, a.NumField(), b.NumField())
				return
			}
			for i := range a.NumField() {
				if a.Field(i).Name != b.Field(i).Name {
					t.Errorf("%s: %s and %s", path, a.Field(i).Name, b.Field(i).Name)
				}
				same(path+"."+a.Field(i).Name, a.Field(i).Type, b.Field(i).Type)
			}
		}
	}
	same("Profile", reflect.TypeFor[kindredapi.Profile](), reflect.TypeFor[profileapi.Profile]())
	// Of a definition, all but what the path and the tags say.
	put := reflect.TypeFor[profileapi.PutProfileObjectTypeRequest]()
	def := reflect.TypeFor[kindredapi.ObjectTypeDefinition]()
	for i := range put.NumField() {
		f := put.Field(i)
		own, ok := def.FieldByName(f.Name)
		if missing := f.Name == "DomainName" || f.Name == "ObjectTypeName" || f.Name == "Tags"; ok == missing {
			t.Errorf("the definition has %s: %v", f.Name, ok)
		} else if ok {
			same(f.Name, own.Type, f.Type)
		}
	}
}

// TestADefinitionReachesTheRulesWhole: every member of a definition is that of
// the request it stands for.
func TestADefinitionReachesTheRulesWhole(t *testing.T) {
	w := member(t)
	s := service(w)
	def := func() *kindredapi.ObjectTypeDefinition {
		return &kindredapi.ObjectTypeDefinition{Description: "of a test", AllowProfileCreation: new(true),
			Fields: map[string]kindredapi.ObjectTypeField{"id": {Source: new("_source.id")}, "first": {Source: new("_source.first"), Target: new("_profile.FirstName")},
				"at": {Source: new("_source.at"), Target: new("_profile.SourceLastUpdatedTimestamp")}},
			Keys:                             map[string][]kindredapi.ObjectTypeKey{"no": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}},
			SourceLastUpdatedTimestampFormat: new("EpochMilli")}
	}
	for want, edit := range map[string]func(*kindredapi.ObjectTypeDefinition){
		"":                                 func(*kindredapi.ObjectTypeDefinition) {},
		"Description":                      func(d *kindredapi.ObjectTypeDefinition) { d.Description = "" },
		"TemplateId":                       func(d *kindredapi.ObjectTypeDefinition) { d.TemplateId = new("none") },
		"ExpirationDays":                   func(d *kindredapi.ObjectTypeDefinition) { d.ExpirationDays = new(2000) },
		"SourcePriority":                   func(d *kindredapi.ObjectTypeDefinition) { d.SourcePriority = new(0) },
		"MaxProfileObjectCount":            func(d *kindredapi.ObjectTypeDefinition) { d.MaxProfileObjectCount = new(0) },
		"SourceLastUpdatedTimestampFormat": func(d *kindredapi.ObjectTypeDefinition) { d.SourceLastUpdatedTimestampFormat = new("%%%") },
		"Fields and Keys":                  func(d *kindredapi.ObjectTypeDefinition) { d.Keys = nil },
		"Field first": func(d *kindredapi.ObjectTypeDefinition) {
			d.Fields["first"] = kindredapi.ObjectTypeField{Source: new("x")}
		},
		"No profile matches": func(d *kindredapi.ObjectTypeDefinition) { d.AllowProfileCreation = nil },
	} {
		d := def()
		edit(d)
		out, err := s.PreviewProfileObject(caller(t, all), &kindredapi.PreviewProfileObjectRequest{DomainName: "d", ObjectTypeName: "New", ObjectType: d,
			Object: `{"id":"7","first":"Ann","at":1000}`})
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case out.Error != nil:
			got = out.Error.Message
		default:
			if out.SourceLastUpdatedTimestamp == nil || out.SourceLastUpdatedTimestamp.UnixMilli() != 1000 || *out.After.FirstName != "Ann" || out.ProfileId != nil {
				t.Errorf("%s", ingesttest.Compact(t.Fatal, out))
			}
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q", want, got)
		}
	}
}
