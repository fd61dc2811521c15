package api_test

import (
	"reflect"
	"testing"

	"kindred/internal/api"
	"kindred/internal/api/appflowapi"
	"kindred/internal/api/connectapi"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/kmsapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/api/sqsapi"
	"kindred/internal/api/stsapi"
)

func services() []*api.Service {
	return []*api.Service{profileapi.Service(), connectapi.Service(), sqsapi.Service(), kmsapi.Service(),
		appflowapi.Service(), stsapi.Service(), kindredapi.Service()}
}

func TestEveryReferenceLeadsSomewhereAndEveryPatternCompiles(t *testing.T) {
	for _, s := range services() {
		for name, sh := range s.Shapes {
			sh.Match("")
			switch sh.Type {
			case api.Structure:
				if sh.Go == nil || sh.Go.NumField() != len(sh.Members) {
					t.Errorf("%s %s: Go type %v does not fit %d members", s.ID, name, sh.Go, len(sh.Members))
				}
			case api.List, api.Map:
				if sh.Elem == nil {
					t.Errorf("%s %s: no element shape", s.ID, name)
				}
			}
		}
		for _, op := range s.Operations {
			if op.Input == nil || op.Output == nil || op.Method == "" || op.URI == "" {
				t.Errorf("%s %s: incomplete", s.ID, op.Name)
			}
			for _, e := range op.Errors {
				if e.Status == 0 {
					t.Errorf("%s %s: error %s has no status", s.ID, op.Name, e.Name)
				}
			}
		}
	}
}

func TestTheInterfacesHaveTheirOperations(t *testing.T) {
	want := map[string]int{"Customer Profiles": 107, "Connect": 15, "SQS": 23, "KMS": 33, "Appflow": 21, "STS": 3}
	for _, s := range services() {
		if n, ok := want[s.ID]; ok && n != len(s.Operations) {
			t.Errorf("%s: %d operations, want %d", s.ID, len(s.Operations), n)
		}
	}
}

func TestRequiredMembersAreValuesAndOptionalOnesPointers(t *testing.T) {
	in := reflect.TypeFor[profileapi.CreateDomainRequest]()
	for field, want := range map[string]reflect.Kind{"DomainName": reflect.String, "DefaultExpirationDays": reflect.Int,
		"DeadLetterQueueUrl": reflect.Pointer, "Tags": reflect.Map, "Matching": reflect.Pointer} {
		f, ok := in.FieldByName(field)
		if !ok || f.Type.Kind() != want {
			t.Errorf("CreateDomainRequest.%s is %v, want a %v", field, f.Type, want)
		}
	}
}

func TestPatternsMatchAsTheirAnchorsSay(t *testing.T) {
	for _, c := range []struct {
		shape, text string
		want        bool
	}{
		{"name", "My_domain-1", true}, {"name", "my domain", false}, {"name", "x\n", false},
		{"uuid", "0123456789abcdef0123456789abcdef", true}, {"uuid", "0123456789abcdef0123456789abcdefa", false},
		{"TagKey", "team:cost=x", true}, {"TagKey", "aws:team", false},
		{"TagArn", "arn:aws:profile:us-east-1:000000000000:domains/d", true}, {"TagArn", "arn:aws:sqs:x", false},
	} {
		if got := profileapi.Service().Shapes[c.shape].Match(c.text); got != c.want {
			t.Errorf("%s matches %q: %v, want %v", c.shape, c.text, got, c.want)
		}
	}
}
