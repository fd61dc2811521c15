package lineage_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/lineage"
	"kindred/internal/page"
	"kindred/internal/permission"
	"kindred/internal/policy"
	"kindred/internal/profile"
)

func service(t *testing.T, w *ingesttest.World) *lineage.Service {
	t.Helper()
	pages, err := page.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	tags := func(context.Context, string, string) (map[string]string, error) { return nil, nil }
	return lineage.NewService(lineage.Config{Domains: w.Domain, Profiles: w.Profiles, Pages: pages, Now: w.Clock.Now,
		Authorize: permission.New(ingesttest.Region, ingesttest.Account, tags).Authorize})
}

const (
	arn      = "arn:aws:iam::" + ingesttest.Account + ":user/u"
	anything = `{"Effect":"Allow","Action":"*","Resource":"*"}`
)

// caller is a context with the identity policy whose statements are given.
func caller(t *testing.T, statements string) context.Context {
	t.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithCaller(t.Context(), &access.Caller{Type: access.User, Account: ingesttest.Account, ARN: arn, Policies: []*policy.Policy{p}})
}

// merged is a world with the domain "d", in which each of some profiles has been
// merged into the one before it, the last one first.
func merged(t *testing.T, n int) (w *ingesttest.World, ids []profile.ID, merges []string) {
	t.Helper()
	w = ingesttest.New(t)
	w.NewDomain("d")
	for i := range n {
		ids = append(ids, w.Create("d", `{"FirstName":"P`+string(rune('a'+i))+`","Attributes":{"a`+string(rune('a'+i))+`":"1"}}`))
		w.Clock.Step(time.Second)
	}
	ctx := caller(t, anything)
	for i := n - 1; i > 0; i-- {
		out, err := w.Profiles.MergeProfiles(ctx, &profileapi.MergeProfilesRequest{DomainName: "d", MainProfileId: ids[i-1].String(),
			ProfileIdsToBeMerged: []string{ids[i].String()}, FieldSourceProfileIds: &profileapi.FieldSourceProfileIds{FirstName: new(ids[i].String())}})
		if err != nil {
			t.Fatal(err)
		}
		merges = append(merges, (*out.Message)[len(*out.Message)-32:])
		w.Clock.Step(time.Second)
	}
	return w, ids, merges
}

// TestInvariant8LineageNeedsItsPermissions: each operation needs its own, and who
// may not read profiles sees nothing of what is in one.
func TestInvariant8LineageNeedsItsPermissions(t *testing.T) {
	w, ids, merges := merged(t, 2)
	s := service(t, w)
	read := `{"Effect":"Allow","Action":"profile:BatchGetProfile","Resource":"arn:aws:profile:*:*:domains/d"}`
	for _, op := range []struct {
		name  string
		shows bool
		call  func(ctx context.Context) error
	}{
		{"GetMergeLineage", false, func(ctx context.Context) error {
			_, err := s.GetMergeLineage(ctx, &kindredapi.GetMergeLineageRequest{DomainName: "d", ProfileId: ids[0].String()})
			return err
		}},
		{"GetProfileProvenance", true, func(ctx context.Context) error {
			_, err := s.GetProfileProvenance(ctx, &kindredapi.GetProfileProvenanceRequest{DomainName: "d", ProfileId: ids[0].String()})
			return err
		}},
		{"DescribeProfileAsOf", true, func(ctx context.Context) error {
			_, err := s.DescribeProfileAsOf(ctx, &kindredapi.DescribeProfileAsOfRequest{DomainName: "d", ProfileId: ids[0].String(), Time: w.Clock.Now()})
			return err
		}},
		{"UnmergeProfiles", false, func(ctx context.Context) error {
			_, err := s.UnmergeProfiles(ctx, &kindredapi.UnmergeProfilesRequest{DomainName: "d", MergeId: merges[0]})
			return err
		}},
	} {
		own := `{"Effect":"Allow","Action":"kindred:` + op.name + `","Resource":"arn:aws:profile:*:*:domains/d"}`
		for statements, allowed := range map[string]bool{read: false, `{"Effect":"Allow","Action":"profile:*","Resource":"*"}`: false,
			own + `,{"Effect":"Deny","Action":"kindred:*","Resource":"*"},` + read: false, own: !op.shows} {
			err := op.call(caller(t, statements))
			if allowed && op.name != "UnmergeProfiles" && err != nil || !allowed && !fault.Is(err, fault.Denied) {
				t.Errorf("%s with %s: %v", op.name, statements, err)
			}
		}
		if err := op.call(t.Context()); !fault.Is(err, fault.Denied) {
			t.Errorf("%s without a caller: %v", op.name, err)
		}
		if err := op.call(caller(t, own+","+read)); err != nil && op.name != "UnmergeProfiles" {
			t.Errorf("%s with what it needs: %v", op.name, err)
		}
	}
	// One of the calls that were allowed has undone it.
	_, err := s.UnmergeProfiles(caller(t, anything), &kindredapi.UnmergeProfilesRequest{DomainName: "d", MergeId: merges[0]})
	w.IsFault(err, fault.Invalid, "has been undone")
	if w.Get("d", ids[1]) == nil {
		t.Error("the merge stands")
	}
}

func TestLineageInPages(t *testing.T) {
	w, ids, merges := merged(t, 6)
	s, ctx := service(t, w), caller(t, anything)
	if _, err := s.UnmergeProfiles(ctx, &kindredapi.UnmergeProfilesRequest{DomainName: "d", MergeId: merges[1]}); err != nil {
		t.Fatal(err)
	}
	in := &kindredapi.GetMergeLineageRequest{DomainName: "d", ProfileId: ids[2].String(), MaxResults: new(2)}
	var got []string
	for {
		out, err := s.GetMergeLineage(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if out.ProfileId != ids[2].String() || out.SuccessorProfileId != ids[0].String() || len(out.Merges) > 2 {
			t.Errorf("%+v", out)
		}
		for _, m := range out.Merges {
			got = append(got, m.MergeId+" "+m.State)
			if len(m.ChosenFields) != 1 || len(m.Fields) < 2 || *m.MergedBy != arn || m.Rule != "MANUAL" || (m.UndoneAt != nil) != (m.State == "UNDONE") {
				t.Errorf("%+v", m)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	// The first merge is that of profiles that are no part of it any more.
	want := []string{merges[4] + " STANDING", merges[3] + " STANDING", merges[2] + " STANDING", merges[1] + " UNDONE"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	in.NextToken = new("forged")
	_, err := s.GetMergeLineage(ctx, in)
	w.IsFault(err, fault.Invalid, "NextToken")
}

func TestAsOf(t *testing.T) {
	w, ids, merges := merged(t, 2)
	s, ctx := service(t, w), caller(t, anything)
	standing := w.Clock.Now()
	w.Clock.Step(time.Second)
	u, err := s.UnmergeProfiles(ctx, &kindredapi.UnmergeProfilesRequest{DomainName: "d", MergeId: merges[0]})
	if err != nil {
		t.Fatal(err)
	}
	want := &kindredapi.UnmergeProfilesResponse{MergeId: merges[0], MainProfileId: ids[0].String(), RestoredProfileIds: []string{ids[1].String()}, UndoneAt: w.Clock.Now()}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
	for _, x := range []struct {
		at              time.Time
		successor, name string
	}{{standing.Add(-2 * time.Second), ids[1].String(), "Pb"}, {standing, ids[0].String(), "Pb"}, {w.Clock.Now(), ids[1].String(), "Pb"}} {
		out, err := s.DescribeProfileAsOf(ctx, &kindredapi.DescribeProfileAsOfRequest{DomainName: "d", ProfileId: ids[1].String(), Time: x.at})
		if err != nil || out.ProfileId != ids[1].String() || out.SuccessorProfileId != x.successor || *out.Profile.ProfileId != x.successor ||
			*out.Profile.FirstName != x.name || !out.AsOf.Equal(x.at) || len(out.Profile.Attributes) != 1+map[bool]int{true: 1}[x.successor == ids[0].String()] {
			t.Errorf("at %s: %+v %v", x.at, out, err)
		}
	}
	_, err = s.DescribeProfileAsOf(ctx, &kindredapi.DescribeProfileAsOfRequest{DomainName: "d", ProfileId: ids[1].String(), Time: w.Clock.Now().Add(time.Hour)})
	w.IsFault(err, fault.Invalid, "Time: is in the future")
}

// TestProvenance: all members of the answer.
func TestProvenance(t *testing.T) {
	w, ids, merges := merged(t, 2)
	w.PutType("d", "Shop", ingesttest.Type{Create: true, Priority: 3, Fields: map[string]string{"id": "id", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS"},
		Keys: map[string]string{"shopId": "UNIQUE:id", "_profileId": "PROFILE,LOOKUP_ONLY:id"}})
	at := w.Clock.Now()
	if _, err := w.Profiles.UpdateProfile(caller(t, anything), &profileapi.UpdateProfileRequest{DomainName: "d", ProfileId: ids[0].String(), EmailAddress: new("")}); err != nil {
		t.Fatal(err)
	}
	w.Put("d", "Shop", `{"id":"`+ids[0].String()+`","mail":"a@x.org"}`)
	out, err := service(t, w).GetProfileProvenance(caller(t, anything), &kindredapi.GetProfileProvenanceRequest{DomainName: "d", ProfileId: ids[1].String()})
	if err != nil {
		t.Fatal(err)
	}
	if out.ProfileId != ids[1].String() || out.SuccessorProfileId != ids[0].String() || len(out.Fields) != 4 {
		t.Fatalf("%+v", out)
	}
	byField := map[string]kindredapi.ProvenanceField{}
	for _, f := range out.Fields {
		byField[f.Field] = f
	}
	mail := byField["EmailAddress"]
	if len(*mail.ProfileObjectUniqueKey) != 44 {
		t.Errorf("unique key %q", *mail.ProfileObjectUniqueKey)
	}
	mail.ProfileObjectUniqueKey = nil
	want := kindredapi.ProvenanceField{Field: "EmailAddress", Value: new("a@x.org"), Kind: "OBJECT", ObjectTypeName: new("Shop"), Time: at, Priority: new(3),
		BaseProfileId: ids[0].String(), DisplacedCount: 1,
		Displaced: []kindredapi.DisplacedValue{{Kind: "MANUAL", Cleared: new(true), PerformedBy: new(arn), Time: at, BaseProfileId: ids[0].String()}}}
	if diff := cmp.Diff(want, mail); diff != "" {
		t.Error(diff)
	}
	if f := byField["FirstName"]; *f.Value != "Pb" || f.Kind != "MANUAL" || *f.MergeId != merges[0] || f.BaseProfileId != ids[1].String() || *f.Displaced[0].Value != "Pa" {
		t.Errorf("%s", ingesttest.Compact(t.Fatal, f))
	}
}
