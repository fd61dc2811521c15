package tag_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
)

const prefix = "arn:aws:profile:" + ingesttest.Region + ":" + ingesttest.Account + ":domains/"

const uri = "arn:aws:connect:eu-central-1:111122223333:instance/i"

type world struct{ *ingesttest.World }

func newWorld(t *testing.T) world {
	t.Helper()
	w := ingesttest.New(t)
	w.NewDomain("d")
	w.NewDomain("e")
	w.PutType("d", "Note", ingesttest.Type{Create: true, Fields: map[string]string{"id": "id"}, Keys: map[string]string{"noteId": "PROFILE,UNIQUE:id"}})
	if _, err := w.Integrations.PutIntegration(context.Background(), &profileapi.PutIntegrationRequest{DomainName: "d", Uri: new(uri), ObjectTypeName: new("CTR")}); err != nil {
		t.Fatal(err)
	}
	return world{w}
}

func (w world) tag(arn string, tags map[string]string) error {
	_, err := w.Tags.TagResource(context.Background(), &profileapi.TagResourceRequest{ResourceArn: arn, Tags: tags})
	return err
}

func (w world) untag(arn string, keys ...string) error {
	_, err := w.Tags.UntagResource(context.Background(), &profileapi.UntagResourceRequest{ResourceArn: arn, TagKeys: keys})
	return err
}

func (w world) list(arn string) (map[string]string, error) {
	out, err := w.Tags.ListTagsForResource(context.Background(), &profileapi.ListTagsForResourceRequest{ResourceArn: arn})
	if err != nil {
		return nil, err
	}
	return out.Tags, nil
}

func (w world) has(arn string, want map[string]string) {
	w.T.Helper()
	if got, err := w.list(arn); err != nil || !maps.Equal(got, want) {
		w.T.Errorf("%s has %v, %v, want %v", arn, got, err, want)
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	arns := []string{prefix + "d", prefix + "e", prefix + "d/object-types/Note", prefix + "d/object-types/CTR", prefix + "d/integrations/" + uri}
	for i, arn := range arns {
		if got, err := w.list(arn); err != nil || got == nil || len(got) != 0 {
			t.Errorf("%s: %v, %v", arn, got, err)
		}
		if err := w.tag(arn, map[string]string{"n": fmt.Sprint(i), "team": "care", "empty": ""}); err != nil {
			t.Fatal(err)
		}
	}
	for i, arn := range arns {
		w.has(arn, map[string]string{"n": fmt.Sprint(i), "team": "care", "empty": ""})
		if err := w.tag(arn, map[string]string{"team": "other", "more": "x"}); err != nil {
			t.Fatal(err)
		}
		w.has(arn, map[string]string{"n": fmt.Sprint(i), "team": "other", "more": "x", "empty": ""})
		if err := w.untag(arn, "team", "never there"); err != nil {
			t.Fatal(err)
		}
		w.has(arn, map[string]string{"n": fmt.Sprint(i), "more": "x", "empty": ""})
		if err := w.untag(arn, "n", "more", "empty"); err != nil {
			t.Fatal(err)
		}
		w.has(arn, map[string]string{})
	}
}

func TestUnknownResources(t *testing.T) {
	w := newWorld(t)
	for _, arn := range []string{
		"", "x", prefix, prefix + "f", prefix + "d/object-types/Nowhere", prefix + "d/object-types/", prefix + "d/object-types", prefix + "d/nothing/x",
		prefix + "d/integrations/x", prefix + "e/object-types/Note", prefix + "d/object-types/Note/x",
		prefix + "d/", prefix + "/d", // the domain itself has no slash behind it: policies tell the two apart
		"arn:aws:profile:us-east-1:" + ingesttest.Account + ":domains/d",
		"arn:aws:profile:" + ingesttest.Region + ":999999999999:domains/d",
		"arn:aws-cn:profile:" + ingesttest.Region + ":" + ingesttest.Account + ":domains/d",
	} {
		_, err := w.list(arn)
		w.IsFault(err, fault.NotFound, "does not exist")
		w.IsFault(w.tag(arn, map[string]string{"a": "b"}), fault.NotFound, arn)
		w.IsFault(w.untag(arn, "a"), fault.NotFound, arn)
	}
	w.has(prefix+"d", map[string]string{})
}

func TestLimit(t *testing.T) {
	w := newWorld(t)
	all := map[string]string{}
	for i := range 50 {
		all[fmt.Sprint("k", i)] = "v"
	}
	if err := w.tag(prefix+"d", all); err != nil {
		t.Fatal(err)
	}
	w.IsFault(w.tag(prefix+"d", map[string]string{"one more": "v"}), fault.Invalid, "at most 50")
	if err := w.tag(prefix+"d", map[string]string{"k1": "new"}); err != nil {
		t.Errorf("a new value at the limit: %v", err)
	}
	all["k1"] = "new"
	w.has(prefix+"d", all)
	if err := w.untag(prefix+"d", "k2"); err != nil {
		t.Fatal(err)
	}
	if err := w.tag(prefix+"d", map[string]string{"one more": "v"}); err != nil {
		t.Errorf("below the limit: %v", err)
	}
}

// TestTagsGoWithTheResource: what is made anew under an old name has no tags of
// the old one, and putting what is there leaves its tags alone.
func TestTagsGoWithTheResource(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	note := ingesttest.Type{Create: true, Fields: map[string]string{"id": "id"}, Keys: map[string]string{"noteId": "PROFILE,UNIQUE:id"}}
	arn := prefix + "d/object-types/Note"
	if err := w.tag(arn, map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
	in := note.Request("d", "Note")
	in.Tags = map[string]string{"c": "d"}
	if _, err := w.TypeService.PutProfileObjectType(ctx, in); err != nil {
		t.Fatal(err)
	}
	w.has(arn, map[string]string{"a": "b"})
	if _, err := w.TypeService.DeleteProfileObjectType(ctx, &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "Note"}); err != nil {
		t.Fatal(err)
	}
	_, err := w.list(arn)
	w.IsFault(err, fault.NotFound, arn)
	if _, err := w.TypeService.PutProfileObjectType(ctx, in); err != nil {
		t.Fatal(err)
	}
	w.has(arn, map[string]string{"c": "d"})
	if _, err := w.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
		t.Fatal(err)
	}
	_, err = w.list(prefix + "d")
	w.IsFault(err, fault.NotFound, prefix+"d")
	w.NewDomain("d")
	w.has(prefix+"d", map[string]string{})
}
