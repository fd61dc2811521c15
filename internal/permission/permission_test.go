package permission_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/permission"
	"kindred/internal/policy"
)

const domainARN = "arn:aws:profile:us-east-1:000000000000:domains/d1"

func checker(tags map[string]map[string]string) *permission.Checker {
	return permission.New("us-east-1", "000000000000", func(_ context.Context, domain, tail string) (map[string]string, error) {
		return tags[strings.Trim(domain+"/"+tail, "/")], nil
	})
}

func as(t *testing.T, statements string) context.Context {
	t.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`), policy.Options{Kind: policy.Identity})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: "000000000000",
		ARN: "arn:aws:iam::000000000000:user/u", UserName: "u", Policies: []*policy.Policy{p}})
}

// input makes the input of an operation with its string members set to what
// they are called, and DomainName to d1.
func input(op string) any {
	o := profileapi.Service().Operation(op)
	v := reflect.New(o.Input.Go)
	for _, m := range o.Input.Members {
		f := v.Elem().Field(m.Field)
		name := m.Name
		switch name {
		case "DomainName":
			name = "d1"
		case "resourceArn":
			name = domainARN + "/object-types/T"
		}
		switch f.Interface().(type) {
		case string:
			f.SetString(name)
		case *string:
			f.Set(reflect.ValueOf(&name))
		}
	}
	return v.Interface()
}

// The resource of each kind of operation (AWS: service authorization reference).
func TestEveryOperationAsksForItsPermissionOnItsResource(t *testing.T) {
	want := map[string]string{
		"CreateDomain": domainARN, "GetDomain": domainARN, "ListDomains": "*", "ListAccountIntegrations": "*",
		"PutProfileObjectType": domainARN + "/object-types/ObjectTypeName", "PutProfileObject": domainARN,
		"ListObjectTypeAttributes": domainARN + "/object-types/ObjectTypeName",
		"PutIntegration":           domainARN + "/integrations/Uri", "DeleteIntegration": domainARN + "/integrations/Uri",
		"ListIntegrations": domainARN, "TagResource": domainARN + "/object-types/T",
		"CreateEventStream":                  domainARN + "/event-streams/EventStreamName",
		"GetSegmentMembership":               domainARN + "/segment-definitions/SegmentDefinitionName",
		"UpdateRecommender":                  domainARN + "/recommenders/RecommenderName",
		"PutDomainObjectType":                domainARN + "/domain-object-types/ObjectTypeName",
		"GetProfileObjectTypeTemplate":       "*",
		"ListCalculatedAttributesForProfile": domainARN,
	}
	for _, op := range profileapi.Service().Operations {
		resource, ok := want[op.Name]
		if !ok {
			resource = "*"
		}
		allowed := as(t, `{"Effect":"Allow","Action":"profile:`+op.Name+`","Resource":"`+resource+`"}`)
		if err := checker(nil).Authorize(allowed, op, input(op.Name)); err != nil {
			t.Errorf("%s on %s: %v", op.Name, resource, err)
		}
		other := as(t, `{"Effect":"Allow","Action":"profile:Other`+op.Name+`","Resource":"*"}`)
		if err := checker(nil).Authorize(other, op, input(op.Name)); !fault.Is(err, fault.Denied) {
			t.Errorf("%s without its permission: %v", op.Name, err)
		}
		if ok && resource != "*" {
			elsewhere := as(t, `{"Effect":"Allow","Action":"profile:*","Resource":"`+strings.Replace(resource, "d1", "d2", 1)+`"}`)
			if err := checker(nil).Authorize(elsewhere, op, input(op.Name)); !fault.Is(err, fault.Denied) {
				t.Errorf("%s with the permission for another domain: %v", op.Name, err)
			}
		}
	}
}

func TestTagsOfRequestAndResourceAreConditions(t *testing.T) {
	op := profileapi.Service().Operation
	owned := as(t, `{"Effect":"Allow","Action":"profile:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`)
	tags := map[string]map[string]string{"d1": {"team": "blue"}, "d2": {"team": "red"}}
	if err := checker(tags).Authorize(owned, op("GetDomain"), &profileapi.GetDomainRequest{DomainName: "d1"}); err != nil {
		t.Error(err)
	}
	if err := checker(tags).Authorize(owned, op("GetDomain"), &profileapi.GetDomainRequest{DomainName: "d2"}); !fault.Is(err, fault.Denied) {
		t.Errorf("another team's domain: %v", err)
	}
	create := as(t, `{"Effect":"Allow","Action":"profile:CreateDomain","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"blue"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}}`)
	for _, c := range []struct {
		tags map[string]string
		ok   bool
	}{{map[string]string{"team": "blue"}, true}, {map[string]string{"team": "red"}, false}, {nil, false}, {map[string]string{"team": "blue", "x": "y"}, false}} {
		err := checker(nil).Authorize(create, op("CreateDomain"), &profileapi.CreateDomainRequest{DomainName: "n", Tags: c.tags})
		if (err == nil) != c.ok {
			t.Errorf("tags %v: %v", c.tags, err)
		}
	}
}

func TestADenyOnAnObjectTypeHoldsForItsObjects(t *testing.T) {
	ctx := as(t, `{"Effect":"Allow","Action":"profile:*","Resource":"`+domainARN+`"},
		{"Effect":"Deny","Action":"profile:PutProfileObject","Resource":"`+domainARN+`/object-types/Secret"}`)
	op := profileapi.Service().Operation("PutProfileObject")
	if err := checker(nil).Authorize(ctx, op, &profileapi.PutProfileObjectRequest{DomainName: "d1", ObjectTypeName: "Open"}); err != nil {
		t.Error(err)
	}
	if err := checker(nil).Authorize(ctx, op, &profileapi.PutProfileObjectRequest{DomainName: "d1", ObjectTypeName: "Secret"}); !fault.Is(err, fault.Denied) {
		t.Errorf("got %v", err)
	}
}
