package integration_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
)

func instance(n int) string {
	return fmt.Sprintf("arn:aws:connect:eu-central-1:111122223333:instance/%08d-0000-4000-8000-000000000000", n)
}

func put(w *ingesttest.World, domainName, uri string, edit ...func(*profileapi.PutIntegrationRequest)) (*profileapi.PutIntegrationResponse, error) {
	typeName := "CTR"
	in := &profileapi.PutIntegrationRequest{DomainName: domainName, Uri: &uri, ObjectTypeName: &typeName}
	for _, e := range edit {
		e(in)
	}
	return w.Integrations.PutIntegration(context.Background(), in)
}

func newWorld(t *testing.T) *ingesttest.World {
	t.Helper()
	w := ingesttest.New(t)
	w.NewDomain("d")
	w.NewDomain("e")
	return w
}

func TestPutGetListDelete(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	role := "arn:aws:iam::111122223333:role/r"
	made, err := put(w, "d", instance(1), func(in *profileapi.PutIntegrationRequest) {
		in.Tags, in.RoleArn = map[string]string{"team": "care"}, &role
	})
	if err != nil {
		t.Fatal(err)
	}
	if made.DomainName != "d" || made.Uri != instance(1) || *made.ObjectTypeName != "CTR" || *made.Scope != "PROFILE" || *made.RoleArn != role ||
		made.Tags["team"] != "care" || *made.IsUnstructured || !made.CreatedAt.Equal(w.Clock.Now()) {
		t.Errorf("made: %+v", made)
	}
	w.Clock.Step(1e9)
	again, err := put(w, "d", instance(1), func(in *profileapi.PutIntegrationRequest) { in.Tags = map[string]string{"team": "other"} })
	if err != nil || !again.CreatedAt.Equal(made.CreatedAt) || !again.LastUpdatedAt.After(made.LastUpdatedAt) || again.Tags["team"] != "care" || again.RoleArn != nil {
		t.Errorf("replaced: %+v, %v", again, err)
	}
	got, err := w.Integrations.GetIntegration(ctx, &profileapi.GetIntegrationRequest{DomainName: "d", Uri: instance(1)})
	if err != nil || got.Uri != instance(1) || *got.ObjectTypeName != "CTR" || got.Tags["team"] != "care" {
		t.Errorf("got: %+v, %v", got, err)
	}
	_, err = w.Integrations.GetIntegration(ctx, &profileapi.GetIntegrationRequest{DomainName: "e", Uri: instance(1)})
	w.IsFault(err, fault.NotFound, instance(1))
	if _, err := w.Integrations.DeleteIntegration(ctx, &profileapi.DeleteIntegrationRequest{DomainName: "d", Uri: instance(1)}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Integrations.DeleteIntegration(ctx, &profileapi.DeleteIntegrationRequest{DomainName: "d", Uri: instance(1)})
	w.IsFault(err, fault.NotFound, instance(1))
	if of, _, err := w.Integrations.DomainOf(ctx, instance(1)); of != nil || err != nil {
		t.Errorf("a domain still has it: %v", err)
	}
	if again, err := put(w, "d", instance(1)); err != nil || len(again.Tags) != 0 {
		t.Errorf("the tags of the deleted one: %v, %v", again, err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for want, edit := range map[string]func(*profileapi.PutIntegrationRequest){
		"FlowDefinition":  func(in *profileapi.PutIntegrationRequest) { in.FlowDefinition = &profileapi.FlowDefinition{} },
		"Uri: required":   func(in *profileapi.PutIntegrationRequest) { in.Uri = nil },
		"Uri: this build": func(in *profileapi.PutIntegrationRequest) { in.Uri = new("arn:aws:appflow:r:1:flow/f") },
		"either":          func(in *profileapi.PutIntegrationRequest) { in.ObjectTypeName = nil },
		"cannot be given": func(in *profileapi.PutIntegrationRequest) {
			in.ObjectTypeNames = map[string]string{"SegmentIdentify": "CTR"}
		},
		"has one": func(in *profileapi.PutIntegrationRequest) {
			in.ObjectTypeName, in.ObjectTypeNames = nil, map[string]string{"SegmentIdentify": "CTR"}
		},
		"Scope":                        func(in *profileapi.PutIntegrationRequest) { in.Scope = new("DOMAIN") },
		"EventTriggerNames":            func(in *profileapi.PutIntegrationRequest) { in.EventTriggerNames = []string{"t"} },
		"object type Nowhere does not": func(in *profileapi.PutIntegrationRequest) { in.ObjectTypeName = new("Nowhere") },
	} {
		_, err := put(w, "d", instance(1), edit)
		w.IsFault(err, fault.Invalid, want)
	}
	for _, uri := range []string{"", "x", instance(1) + "/contact/2", "arn:aws:connect:eu-central-1:111122223333:instance/", instance(1) + "\n"} {
		_, err := put(w, "d", uri)
		w.IsFault(err, fault.Invalid, "Uri")
	}
	_, err := put(w, "f", instance(1))
	w.IsFault(err, fault.NotFound, "Domain f")
}

// TestMoves: an instance has one domain; putting its integration into another
// moves it, and leaves nothing of it behind.
func TestMoves(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	where := func() string {
		t.Helper()
		of, typeName, err := w.Integrations.DomainOf(ctx, instance(1))
		if err != nil || of == nil || typeName != "CTR" {
			t.Fatalf("%v, %q, %v", of, typeName, err)
		}
		name := of.Info.Name
		list, err := w.Integrations.ListAccountIntegrations(ctx, &profileapi.ListAccountIntegrationsRequest{Uri: instance(1)})
		if err != nil || len(list.Items) != 1 || list.Items[0].DomainName != name {
			t.Errorf("%+v, %v", list, err)
		}
		return name
	}
	if _, err := put(w, "d", instance(1), func(in *profileapi.PutIntegrationRequest) { in.Tags = map[string]string{"team": "care"} }); err != nil {
		t.Fatal(err)
	}
	moved, err := put(w, "e", instance(1))
	if err != nil || len(moved.Tags) != 0 || where() != "e" {
		t.Errorf("moved: %+v, %v", moved, err)
	}
	_, err = w.Integrations.GetIntegration(ctx, &profileapi.GetIntegrationRequest{DomainName: "d", Uri: instance(1)})
	w.IsFault(err, fault.NotFound, instance(1))
	_, err = w.Integrations.DeleteIntegration(ctx, &profileapi.DeleteIntegrationRequest{DomainName: "d", Uri: instance(1)})
	w.IsFault(err, fault.NotFound, instance(1))
	back, err := put(w, "d", instance(1))
	if err != nil || len(back.Tags) != 0 || where() != "d" {
		t.Errorf("moved back: %+v, %v", back, err)
	}
	if list, err := w.Integrations.ListIntegrations(ctx, &profileapi.ListIntegrationsRequest{DomainName: "e"}); err != nil || len(list.Items) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestAfterDeleteDomain: what a deleted domain had can be put into another, and
// doing so brings nothing of the deleted one back.
func TestAfterDeleteDomain(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	if _, err := put(w, "d", instance(1)); err != nil {
		t.Fatal(err)
	}
	cfg, err := w.Domains.Config(ctx, "d")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
		t.Fatal(err)
	}
	if of, _, err := w.Integrations.DomainOf(ctx, instance(1)); of != nil || err != nil {
		t.Errorf("the deleted domain has it: %v", err)
	}
	if list, err := w.Integrations.ListAccountIntegrations(ctx, &profileapi.ListAccountIntegrationsRequest{Uri: instance(1)}); err != nil || len(list.Items) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := put(w, "e", instance(1)); err != nil {
		t.Fatal(err)
	}
	for _, rec := range ingesttest.Dump(t, w.Store) {
		if bytes.Contains(rec.Key.Partition, cfg.ID[:]) || bytes.Contains(rec.Value, cfg.ID[:]) {
			t.Errorf("there is %q/%q of the deleted domain", rec.Key.Partition, rec.Key.Sort)
		}
	}
	if of, _, err := w.Integrations.DomainOf(ctx, instance(1)); of == nil || of.Info.Name != "e" || err != nil {
		t.Errorf("%v, %v", of, err)
	}
}

func TestListAndLimit(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	for i := range 50 {
		if _, err := put(w, "d", instance(i)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := put(w, "d", instance(50))
	w.IsFault(err, fault.Invalid, "at most 50")
	if _, err := put(w, "d", instance(7)); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	for _, size := range []int{1, 7, 50, 100} {
		var uris []string
		in := &profileapi.ListIntegrationsRequest{DomainName: "d", MaxResults: &size}
		for {
			out, err := w.Integrations.ListIntegrations(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range out.Items {
				uris = append(uris, it.Uri)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if len(uris) != 50 || !slices.IsSorted(uris) {
			t.Errorf("pages of %d: %d", size, len(uris))
		}
	}
}

// TestDeletedTypeTakesItsIntegrations with it.
func TestDeletedTypeTakesItsIntegrations(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.PutType("d", "CTR", ingesttest.Type{Create: true, Fields: map[string]string{"id": "contactId"}, Keys: map[string]string{"_ctrContactId": "PROFILE,UNIQUE:id"}})
	if _, err := put(w, "d", instance(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := put(w, "d", instance(2), func(in *profileapi.PutIntegrationRequest) { in.ObjectTypeName = new("CTR-NoInferred") }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.TypeService.DeleteProfileObjectType(ctx, &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "CTR"}); err != nil {
		t.Fatal(err)
	}
	if of, _, err := w.Integrations.DomainOf(ctx, instance(1)); of != nil || err != nil {
		t.Errorf("of the deleted type: %v", err)
	}
	if of, typeName, err := w.Integrations.DomainOf(ctx, instance(2)); of == nil || !strings.HasPrefix(typeName, "CTR-") || err != nil {
		t.Errorf("of another type: %v", err)
	}
}
