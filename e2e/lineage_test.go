package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"

	"kindred/kindredclient"
)

// merge makes profiles one and returns the id of the merge.
func (c *client) merge(domain, main string, sources *types.FieldSourceProfileIds, others ...string) string {
	c.t.Helper()
	out, err := c.profiles.MergeProfiles(c.t.Context(), &customerprofiles.MergeProfilesInput{DomainName: &domain, MainProfileId: &main,
		ProfileIdsToBeMerged: others, FieldSourceProfileIds: sources})
	if err != nil {
		c.t.Fatal(err)
	}
	text := aws.ToString(out.Message)
	return text[len(text)-32:]
}

func (c *client) unmerge(domain, merge string) *kindredclient.Unmerged {
	c.t.Helper()
	u, err := c.own().UnmergeProfiles(c.t.Context(), domain, merge)
	if err != nil {
		c.t.Fatal(err)
	}
	return u
}

func (c *client) update(domain, id string, in customerprofiles.UpdateProfileInput) {
	c.t.Helper()
	in.DomainName, in.ProfileId = &domain, &id
	if _, err := c.profiles.UpdateProfile(c.t.Context(), &in); err != nil {
		c.t.Fatal(err)
	}
}

// read is a profile by its id; nil if there is none.
func (c *client) read(domain, id string) *types.Profile {
	c.t.Helper()
	out, err := c.profiles.BatchGetProfile(c.t.Context(), &customerprofiles.BatchGetProfileInput{DomainName: &domain, ProfileIds: []string{id}})
	if err != nil {
		c.t.Fatal(err)
	}
	if len(out.Profiles) == 0 {
		if len(out.Errors) != 1 || *out.Errors[0].Code != "404" || *out.Errors[0].ProfileId != id {
			c.t.Errorf("neither a profile nor the error of one: %+v", out.Errors)
		}
		return nil
	}
	return &out.Profiles[0]
}

// asOf is a profile at a time, and the one of which it was part.
func (c *client) asOf(domain, id string, at time.Time) (*types.Profile, string) {
	c.t.Helper()
	p, err := c.own().DescribeProfileAsOf(c.t.Context(), domain, id, at)
	if err != nil {
		c.t.Fatal(err)
	}
	var out types.Profile
	if err := json.Unmarshal(p.Profile, &out); err != nil {
		c.t.Fatal(err)
	}
	return &out, p.SuccessorProfileID
}

// told reads the whole history of a profile in pages of two.
func (c *client) told(domain, id string, in customerprofiles.ListProfileHistoryRecordsInput) []types.ProfileHistoryRecord {
	c.t.Helper()
	in.DomainName, in.ProfileId, in.MaxResults = &domain, &id, aws.Int32(2)
	var all []types.ProfileHistoryRecord
	for {
		out, err := c.profiles.ListProfileHistoryRecords(c.t.Context(), &in)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(out.ProfileHistoryRecords) > 2 || out.NextToken != nil && len(out.ProfileHistoryRecords) != 2 {
			c.t.Errorf("a page of %d", len(out.ProfileHistoryRecords))
		}
		all = append(all, out.ProfileHistoryRecords...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all
		}
	}
}

func actions(list []types.ProfileHistoryRecord) (out []string) {
	for _, r := range list {
		out = append(out, string(r.ActionType))
	}
	return out
}

// wrong is a merge of two people that should not have been: what they were, and
// what they are in the domain "shop".
type wrong struct {
	*client
	ada, bea       person
	adaID, beaID   string
	family         string // an address of both
	adaWas, beaWas *types.Profile
	merge          string
}

func wrongMerge(t *testing.T) *wrong {
	t.Helper()
	s := startServer(t)
	c := s.admin
	key := c.key("")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	c.objectType("shop", shopAccount())
	c.objectType("shop", shopOrder())
	c.objectType("shop", strict())
	w := &wrong{client: c, ada: s.person(), bea: s.person(), family: s.person().email}
	account := func(id string, p person, vip bool) fields {
		return fields{"id": id, "given": p.first, "contact": fields{"mail": p.email, "tel": p.phone}, "vip": vip}
	}
	c.put("shop", "ShopAccount", account("A-1", w.ada, true))
	w.adaID = *c.one("shop", "shopAccountId", "A-1").ProfileId
	c.update("shop", w.adaID, customerprofiles.UpdateProfileInput{LastName: &w.ada.last})
	w.beaID = c.profile("shop", customerprofiles.CreateProfileInput{FirstName: &w.bea.first, LastName: &w.bea.last, EmailAddress: &w.bea.email})
	c.put("shop", "ShopAccount", account("A-2", w.bea, false))
	for _, id := range []string{w.adaID, w.beaID} {
		if _, err := c.profiles.AddProfileKey(t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: aws.String("shop"), ProfileId: &id,
			KeyName: aws.String("_email"), Values: []string{w.family}}); err != nil {
			t.Fatal(err)
		}
	}
	w.adaWas, w.beaWas = c.read("shop", w.adaID), c.read("shop", w.beaID)
	if n := len(c.objects("shop", w.beaID, "ShopAccount")); n != 1 {
		t.Fatalf("the second account is one of %d of its profile", n)
	}
	w.merge = c.merge("shop", w.adaID, &types.FieldSourceProfileIds{FirstName: &w.beaID}, w.beaID)
	return w
}

// afterwards is what comes in while the two are one: an order and a note that are
// Bea's by their keys, an edit of what is seen as Ada, and an account that only finds
// the way to them because they are one.
func (w *wrong) afterwards() {
	w.put("shop", "ShopOrder", fields{"no": "O-1", "account": "A-2", "total": 7})
	w.put("shop", "Strict", fields{"no": "N-1", "mail": w.bea.email, "text": "calls on Mondays"})
	w.update("shop", w.adaID, customerprofiles.UpdateProfileInput{BusinessName: aws.String("Alley & Co")})
	w.put("shop", "ShopAccount", fields{"id": "A-3", "given": "Together", "contact": fields{"mail": w.family}})
}

func same(t testing.TB, what string, got, want *types.Profile) {
	t.Helper()
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if string(a) != string(b) {
		t.Errorf("%s is\n%s\nwant\n%s", what, a, b)
	}
}

// TestAWrongMergeIsTakenBack tells of two people who were made one, lived on as
// that, and are two again, through a crash in between.
func TestAWrongMergeIsTakenBack(t *testing.T) {
	t.Parallel()
	w := wrongMerge(t)
	c := w.client

	// Found under the keys of either, with the objects of both.
	for key, value := range map[string]string{"_email": w.bea.email, "shopAccountId": "A-2", "_phone": w.ada.phone} {
		if p := c.one("shop", key, value); *p.ProfileId != w.adaID || *p.FirstName != w.bea.first || *p.LastName != w.ada.last || p.Attributes["Tier"] != "gold" {
			t.Errorf("by %s: another profile, or other values", key)
		}
	}
	if c.read("shop", w.beaID) != nil {
		t.Error("the profile that was merged away is read")
	}
	w.afterwards()
	if n, m := len(c.objects("shop", w.adaID, "ShopAccount")), len(c.objects("shop", w.adaID, "ShopOrder")); n != 3 || m != 1 {
		t.Errorf("%d accounts and %d orders", n, m)
	}
	checkStats(t, c.stats("shop"), 1, 5, c.stats("shop").TotalSize)
	if p := c.read("shop", w.adaID); aws.ToString(p.AdditionalInformation) != "calls on Mondays" || aws.ToString(p.BusinessName) != "Alley & Co" {
		t.Error("what came in afterwards is not there")
	}
	c.s.crash()
	w.accounts()

	u := c.unmerge("shop", w.merge)
	if u.MergeID != w.merge || u.MainProfileID != w.adaID || u.MovedObjects != 1 || len(u.RestoredProfileIDs) != 2 || !slices.Contains(u.RestoredProfileIDs, w.beaID) {
		t.Errorf("got %+v", u)
	}
	ada, bea := *w.adaWas, *w.beaWas
	ada.BusinessName, bea.AdditionalInformation = aws.String("Alley & Co"), aws.String("calls on Mondays")
	same(t, "Ada", c.read("shop", w.adaID), &ada)
	same(t, "Bea", c.read("shop", w.beaID), &bea)
	for key, want := range map[string]string{"A-1": w.adaID, "A-2": w.beaID} {
		if got := *c.one("shop", "shopAccountId", key).ProfileId; got != want {
			t.Errorf("account %s is with %s", key, got)
		}
	}
	third := c.one("shop", "shopAccountId", "A-3")
	if *third.FirstName != "Together" || !slices.Contains(u.RestoredProfileIDs, *third.ProfileId) {
		t.Errorf("the account that found both is with %s", *third.ProfileId)
	}
	if n := len(c.objects("shop", w.beaID, "ShopOrder")); n != 1 {
		t.Errorf("%d orders are Bea's", n)
	}
	checkStats(t, c.stats("shop"), 3, 5, c.stats("shop").TotalSize)
	w.times(u.UndoneAt.Time, &ada, &bea)

	_, err := c.own().UnmergeProfiles(t.Context(), "shop", w.merge)
	if e, _ := errors.AsType[*kindredclient.Error](err); e == nil || e.Name != "BadRequestException" || !strings.Contains(e.Message, "has been undone") {
		t.Errorf("the second time: %v", err)
	}
	_, err = c.own().UnmergeProfiles(t.Context(), "shop", strings.Repeat("a", 32))
	if e, _ := errors.AsType[*kindredclient.Error](err); e == nil || e.Name != "ResourceNotFoundException" {
		t.Errorf("a merge that never was: %v", err)
	}
	c.s.crash()
	same(t, "Ada after a crash", c.read("shop", w.adaID), &ada)
	same(t, "Bea after a crash", c.read("shop", w.beaID), &bea)
}

// accounts looks at lineage and provenance while the merge stands, through the
// client and as the command tells them.
func (w *wrong) accounts() {
	t, c := w.t, w.client
	l, err := c.own().GetMergeLineage(t.Context(), "shop", w.beaID, 0, "")
	if err != nil || l.ProfileID != w.beaID || l.SuccessorProfileID != w.adaID || len(l.Merges) != 1 {
		t.Fatalf("%+v %v", l, err)
	}
	m := l.Merges[0]
	chosen := []kindredclient.MergeField{{Field: "FirstName", SourceProfileID: w.beaID}}
	if m.MergeID != w.merge || m.MainProfileID != w.adaID || !slices.Equal(m.MergedProfileIDs, []string{w.beaID}) || m.State != "STANDING" || m.Rule != "MANUAL" ||
		m.UndoneAt != nil || !strings.HasPrefix(m.MergedBy, "arn:aws:iam::"+account+":") || !slices.Equal(m.ChosenFields, chosen) ||
		!slices.Equal(m.Fields, chosen) {
		t.Errorf("got %+v", m)
	}
	p, err := c.own().GetProfileProvenance(t.Context(), "shop", w.beaID)
	if err != nil || p.SuccessorProfileID != w.adaID {
		t.Fatal(err)
	}
	byField := map[string]kindredclient.ProvenanceField{}
	for _, f := range p.Fields {
		byField[f.Field] = f
	}
	// A record of the account that only the merge let in gave a name too.
	if f := byField["FirstName"]; f.Value != w.bea.first || f.Kind != "MANUAL" || f.BaseProfileID != w.beaID || f.MergeID != w.merge || f.DisplacedCount != 3 {
		t.Errorf("FirstName comes from %s of %s with %d displaced", f.Kind, f.BaseProfileID, f.DisplacedCount)
	}
	if f := byField["Attributes.Tier"]; f.Value != "gold" || f.Kind != "OBJECT" || f.ObjectTypeName != "ShopAccount" || f.ProfileObjectUniqueKey == "" || f.PerformedBy == "" ||
		f.BaseProfileID != w.adaID || f.MergeID != "" || time.Since(f.Time.Time) > time.Hour {
		t.Errorf("Tier comes from %s of %s", f.Kind, f.BaseProfileID)
	}
	if f := byField["AdditionalInformation"]; f.ObjectTypeName != "Strict" || f.BaseProfileID != w.beaID || f.MergeID != w.merge || len(f.Displaced) != 0 {
		t.Errorf("AdditionalInformation comes from %s of %s", f.ObjectTypeName, f.BaseProfileID)
	}
	for line, want := range map[string]string{"lineage": "Merge " + w.merge + ", STANDING\n", "provenance": w.bea.first, "show": w.bea.first, "history": "DELETED_BY_MERGE"} {
		if out := c.s.mustKindred("", "profile", line, "--domain", "shop", w.beaID); !strings.Contains(out, want) {
			t.Errorf("profile %s: %d characters without what was looked for", line, len(out))
		}
	}
}

// times reads both as of before the merge, while it stood, and after.
func (w *wrong) times(undone time.Time, ada, bea *types.Profile) {
	t, c := w.t, w.client
	l, err := c.own().GetMergeLineage(t.Context(), "shop", w.adaID, 1, "")
	if err != nil || len(l.Merges) != 1 || l.Merges[0].State != "UNDONE" || !l.Merges[0].UndoneAt.Equal(undone) || l.SuccessorProfileID != w.adaID {
		t.Fatalf("%+v %v", l, err)
	}
	merged := l.Merges[0].MergedAt.Time
	for id, want := range map[string]struct{ before, after *types.Profile }{w.adaID: {w.adaWas, ada}, w.beaID: {w.beaWas, bea}} {
		p, at := c.asOf("shop", id, merged.Add(-time.Millisecond))
		if same(t, "before the merge", p, want.before); at != id {
			t.Errorf("before the merge it was part of %s", at)
		}
		for _, moment := range []time.Time{merged, undone.Add(-time.Millisecond)} {
			p, at = c.asOf("shop", id, moment)
			if at != w.adaID || *p.ProfileId != w.adaID || *p.FirstName != w.bea.first || *p.LastName != w.ada.last {
				t.Errorf("while the merge stood it was part of %s", at)
			}
		}
		p, at = c.asOf("shop", id, undone)
		if same(t, "after it was undone", p, want.after); at != id {
			t.Errorf("afterwards it was part of %s", at)
		}
	}
	for at, want := range map[time.Time]string{merged.Add(-time.Hour): "ResourceNotFoundException", time.Now().Add(time.Hour): "BadRequestException"} {
		_, err := c.own().DescribeProfileAsOf(t.Context(), "shop", w.adaID, at)
		if e, _ := errors.AsType[*kindredclient.Error](err); e == nil || e.Name != want {
			t.Errorf("as of %s: %v", at, err)
		}
	}
}

// TestAMergeInTheMiddleOfAChainIsTakenBack: the profiles below it stay one, and so do
// those above.
func TestAMergeInTheMiddleOfAChainIsTakenBack(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	var ids, merges []string
	var was []*types.Profile
	for i := range 5 {
		p := s.person()
		in := p.create()
		in.Attributes = map[string]string{fmt.Sprint("of", i): "yes"}
		ids = append(ids, c.profile("shop", in))
		was = append(was, c.read("shop", ids[i]))
	}
	for i := range 4 {
		merges = append(merges, c.merge("shop", ids[i+1], nil, ids[i]))
	}
	if n := len(c.read("shop", ids[4]).Attributes); n != 5 {
		t.Fatalf("the chain has %d attributes", n)
	}
	u := c.unmerge("shop", merges[1])
	if u.MainProfileID != ids[4] || !slices.Equal(u.RestoredProfileIDs, []string{ids[1]}) || u.MovedObjects != 0 {
		t.Errorf("got %+v", u)
	}
	lower, upper := c.read("shop", ids[1]), c.read("shop", ids[4])
	if len(lower.Attributes) != 2 || lower.Attributes["of0"] == "" || *lower.FirstName != *was[1].FirstName || len(upper.Attributes) != 3 || upper.Attributes["of2"] == "" ||
		c.read("shop", ids[0]) != nil || c.read("shop", ids[2]) != nil {
		t.Error("the chain has parted in another place")
	}
	var states []string
	for token := ""; ; {
		l, err := c.own().GetMergeLineage(t.Context(), "shop", ids[2], 1, token)
		if err != nil || l.SuccessorProfileID != ids[4] {
			t.Fatal(err)
		}
		for _, m := range l.Merges {
			states = append(states, fmt.Sprint(slices.Index(merges, m.MergeID), m.State))
		}
		if token = l.NextToken; token == "" {
			break
		}
	}
	if !slices.Equal(states, []string{"3STANDING", "2STANDING", "1UNDONE"}) {
		t.Errorf("the lineage of the upper part is %v", states)
	}
	for _, i := range []int{3, 0, 2} {
		c.unmerge("shop", merges[i])
	}
	for i, id := range ids {
		same(t, fmt.Sprint("profile ", i), c.read("shop", id), was[i])
	}
	checkStats(t, c.stats("shop"), 5, 0, 0)
}

func TestInvariant8MergesAndPastsNeedPermissions(t *testing.T) {
	t.Parallel()
	w := wrongMerge(t)
	domain := "arn:aws:profile:*:*:domains/shop"
	all := []string{"UnmergeProfiles", "GetMergeLineage", "GetProfileProvenance", "DescribeProfileAsOf"}
	for name, x := range map[string]struct {
		actions string
		allowed []string
	}{
		"nobody":  {`"profile:GetDomain"`, nil},
		"agent":   {`"profile:*"`, nil},
		"auditor": {`"kindred:GetMergeLineage","kindred:GetProfileProvenance","kindred:DescribeProfileAsOf"`, all[1:2]},
		"analyst": {`"kindred:GetProfileProvenance","kindred:DescribeProfileAsOf","profile:BatchGetProfile"`, all[2:]},
	} {
		c, _ := w.s.user(name, allow(x.actions, domain, ""))
		k := c.own()
		for _, op := range all {
			var err error
			switch op {
			case "UnmergeProfiles":
				_, err = k.UnmergeProfiles(t.Context(), "shop", w.merge)
			case "GetMergeLineage":
				_, err = k.GetMergeLineage(t.Context(), "shop", w.adaID, 0, "")
			case "GetProfileProvenance":
				_, err = k.GetProfileProvenance(t.Context(), "shop", w.adaID)
			case "DescribeProfileAsOf":
				_, err = k.DescribeProfileAsOf(t.Context(), "shop", w.adaID, time.Now().Add(-time.Millisecond))
			}
			e, _ := errors.AsType[*kindredclient.Error](err)
			if refused := e != nil && e.Status == 403 && e.Name == "AccessDeniedException"; refused == slices.Contains(x.allowed, op) || err != nil && !refused {
				t.Errorf("%s, %s: %v", name, op, err)
			}
		}
	}
	if w.read("shop", w.beaID) != nil {
		t.Error("the merge has been undone")
	}
	repairer, _ := w.s.user("repairer", allow(`"kindred:UnmergeProfiles"`, domain, ""))
	repairer.unmerge("shop", w.merge)
	if by := w.told("shop", w.beaID, customerprofiles.ListProfileHistoryRecordsInput{})[0]; !strings.HasSuffix(aws.ToString(by.PerformedBy), "user/repairer") || by.ActionType != types.ActionTypeUpdated {
		t.Errorf("the history says %s by %s", by.ActionType, aws.ToString(by.PerformedBy))
	}
}

// TestTheHistoryOfAProfileIsFilteredAndPaged: the same whatever the page, each
// record with its content.
func TestTheHistoryOfAProfileIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	w := wrongMerge(t)
	c := w.client
	w.afterwards()
	who, err := c.security.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := c.told("shop", w.adaID, customerprofiles.ListProfileHistoryRecordsInput{})
	want := []string{"INGESTED", "UPDATED", "INGESTED", "INGESTED", "MERGED", "ADDED_PROFILE_KEY", "UPDATED", "INGESTED", "CREATED"}
	if got := actions(all); !slices.Equal(got, want) {
		t.Errorf("the history is %v, want %v", got, want)
	}
	if got := actions(c.told("shop", w.beaID, customerprofiles.ListProfileHistoryRecordsInput{})); !slices.Equal(got, []string{"DELETED_BY_MERGE", "ADDED_PROFILE_KEY", "INGESTED", "CREATED"}) {
		t.Errorf("the history of the profile that was merged away is %v", got)
	}
	for name, x := range map[string]struct {
		in   customerprofiles.ListProfileHistoryRecordsInput
		want int
	}{
		"action":  {customerprofiles.ListProfileHistoryRecordsInput{ActionType: types.ActionTypeIngested}, 4},
		"type":    {customerprofiles.ListProfileHistoryRecordsInput{ObjectTypeName: aws.String("ShopAccount")}, 2},
		"profile": {customerprofiles.ListProfileHistoryRecordsInput{ObjectTypeName: aws.String("_profile"), ActionType: types.ActionTypeUpdated}, 2},
		"who":     {customerprofiles.ListProfileHistoryRecordsInput{PerformedBy: who.Arn}, 8},
		"nobody":  {customerprofiles.ListProfileHistoryRecordsInput{PerformedBy: aws.String("arn:aws:iam::" + account + ":user/none")}, 0},
	} {
		if got := c.told("shop", w.adaID, x.in); len(got) != x.want {
			t.Errorf("%s: %v, want %d", name, actions(got), x.want)
		}
	}
	contents := map[types.ActionType]string{types.ActionTypeMerged: `"FirstName":"` + w.bea.first, types.ActionTypeUpdated: `"LastName":"` + w.ada.last,
		types.ActionTypeAddedProfileKey: `"_email":["` + w.family, types.ActionTypeIngested: `{`, types.ActionTypeCreated: `"ProfileId":"` + w.adaID}
	for _, r := range all {
		got, err := c.profiles.GetProfileHistoryRecord(t.Context(), &customerprofiles.GetProfileHistoryRecordInput{DomainName: aws.String("shop"), ProfileId: &w.adaID, Id: r.Id})
		if err != nil {
			t.Fatal(err)
		}
		if got.ActionType != r.ActionType || !got.CreatedAt.Equal(*r.CreatedAt) || aws.ToString(got.PerformedBy) != aws.ToString(r.PerformedBy) || !strings.Contains(aws.ToString(got.Content), contents[r.ActionType]) {
			t.Errorf("%s: a record with other members, or %d characters of content without what they are about", r.ActionType, len(aws.ToString(got.Content)))
		}
	}
	_, err = c.profiles.GetProfileHistoryRecord(t.Context(), &customerprofiles.GetProfileHistoryRecordInput{DomainName: aws.String("shop"), ProfileId: &w.adaID, Id: aws.String(strings.Repeat("0", 32))})
	refused(t, err, "ResourceNotFoundException")
}
