package objecttype_test

import (
	"fmt"
	"maps"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

var limited = ingesttest.Type{Create: true, Fields: map[string]string{"id": "id"}, Keys: map[string]string{"limitedId": "PROFILE,UNIQUE:id"}}

// TestLimitsOfTypesShareAProfile: what one type takes is not left to the others.
func TestLimitsOfTypesShareAProfile(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d")
	put := func(name string, limit, available int) {
		t.Helper()
		d := limited
		d.Max = limit
		out, err := w.TypeService.PutProfileObjectType(w.Ctx(), d.Request("d", name))
		if err != nil || *out.MaxAvailableProfileObjectCount != available {
			t.Errorf("%s with %d: %+v, %v, want %d to be left", name, limit, out, err, available)
		}
	}
	refused := func(name string, limit, left int) {
		t.Helper()
		d := limited
		d.Max = limit
		_, err := w.TypeService.PutProfileObjectType(w.Ctx(), d.Request("d", name))
		w.IsFault(err, fault.Invalid, fmt.Sprintf("MaxProfileObjectCount: the limits of all object types cannot exceed the 1000 objects of a profile; %d are left", left))
	}
	refused("A", 1001, 1000)
	put("A", 600, 400)
	put("B", 0, 400)
	refused("B", 401, 400)
	put("B", 400, 0)
	put("A", 500, 100) // its own share is not counted against it
	refused("A", 601, 600)
	put("B", 0, 500)
	list, err := w.TypeService.ListProfileObjectTypes(w.Ctx(), &profileapi.ListProfileObjectTypesRequest{DomainName: "d"})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range list.Items {
		got, err := w.TypeService.GetProfileObjectType(w.Ctx(), &profileapi.GetProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: it.ObjectTypeName})
		if err != nil || *got.MaxAvailableProfileObjectCount != 500 || *it.MaxAvailableProfileObjectCount != 500 {
			t.Errorf("%s: listed %d, got %d, %v", it.ObjectTypeName, *it.MaxAvailableProfileObjectCount, *got.MaxAvailableProfileObjectCount, err)
		}
		if has := it.MaxProfileObjectCount != nil; has != (it.ObjectTypeName == "A") || has && *it.MaxProfileObjectCount != 500 {
			t.Errorf("%s is listed with the limit %v", it.ObjectTypeName, it.MaxProfileObjectCount)
		}
	}
	if _, err := w.TypeService.DeleteProfileObjectType(w.Ctx(), &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "A"}); err != nil {
		t.Fatal(err)
	}
	put("B", 1000, 0)
}

// TestLimitsInForce: those of the domain's types over those that are built in,
// which come back when a type gives up its own.
func TestLimitsInForce(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d")
	for _, c := range []struct {
		name  string
		limit int
		want  map[string]int
	}{
		{"Plain", 0, map[string]int{"WebAnalytics-Clickstream": 100}},
		{"Plain", 7, map[string]int{"WebAnalytics-Clickstream": 100, "Plain": 7}},
		{"WebAnalytics-Clickstream", 900, map[string]int{"WebAnalytics-Clickstream": 900, "Plain": 7}},
		{"WebAnalytics-Clickstream", 0, map[string]int{"WebAnalytics-Clickstream": 100, "Plain": 7}},
	} {
		d := limited
		d.Max = c.limit
		w.PutType("d", c.name, d)
		cfg, err := w.Domains.Config(w.Ctx(), "d")
		if err != nil {
			t.Fatal(err)
		}
		got := w.Types.Limits(cfg)
		if got.Objects != profile.MaxObjects || got.Bytes != profile.MaxBytes || !maps.Equal(got.OfType, c.want) {
			t.Errorf("after %s with %d: %+v, want %v", c.name, c.limit, got, c.want)
		}
	}
}
