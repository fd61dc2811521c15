package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"

	"kindred/kindredclient"
)

// A mapping was wrong: it is changed, tried, replayed while the process is killed,
// and in the end taken back.
func TestAMappingIsChangedReplayedAndTakenBack(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	typ := &customerprofiles.PutProfileObjectTypeInput{ObjectTypeName: aws.String("Card"), Description: aws.String("cards"), AllowProfileCreation: true,
		Fields: map[string]types.ObjectTypeField{
			"no":    {Source: aws.String("_source.no")},
			"mail":  {Source: aws.String("_source.mail"), Target: aws.String("_profile.EmailAddress"), ContentType: types.FieldContentTypeEmailAddress},
			"name":  {Source: aws.String("_source.name"), Target: aws.String("_profile.FirstName")},
			"house": {Source: aws.String("_source.house")}},
		Keys: map[string][]types.ObjectTypeKey{
			"cardNo": {{StandardIdentifiers: []types.StandardIdentifier{types.StandardIdentifierUnique}, FieldNames: []string{"no"}}},
			"_email": {{StandardIdentifiers: []types.StandardIdentifier{types.StandardIdentifierProfile}, FieldNames: []string{"mail"}}}}}
	c.objectType("shop", typ)
	const cards = 600
	for i := range cards {
		c.put("shop", "Card", fields{"no": fmt.Sprint("C", i), "mail": fmt.Sprintf("m%d@example.org", i), "name": fmt.Sprint("Name ", i), "house": fmt.Sprint("h", i/2)})
	}
	// Names were last names, and people of one house are one customer.
	typ.Fields = maps.Clone(typ.Fields)
	typ.Fields["name"] = types.ObjectTypeField{Source: aws.String("_source.name"), Target: aws.String("_profile.LastName")}
	typ.Keys = maps.Clone(typ.Keys)
	typ.Keys["houseNo"] = []types.ObjectTypeKey{{StandardIdentifiers: []types.StandardIdentifier{types.StandardIdentifierProfile, types.StandardIdentifierSecondary}, FieldNames: []string{"house"}}}
	c.objectType("shop", typ)
	own := c.own()
	ended := func(id string) (r *kindredclient.Replay) {
		t.Helper()
		eventually(t, resealIn, func() (err error) {
			if r, err = own.GetReplay(t.Context(), "shop", "Card", id); err == nil && r.Job.State != "SUCCEEDED" {
				err = fmt.Errorf("the job is %s: %s", r.Job.State, r.Job.Message)
			}
			return err
		})
		return r
	}

	var began kindredclient.Replay
	out := s.mustKindred("", "replay", "start", "--domain", "shop", "--object-type", "Card", "--dry-run", "--examples", "3", "--json")
	if err := json.Unmarshal([]byte(out), &began); err != nil {
		t.Fatal(err, out)
	}
	dry := ended(began.Job.ID)
	if dry.Job.Counters["objects"] != cards || dry.Job.Counters["moved"] != cards/2 || dry.Job.Counters["profilesRemoved"] != cards/2 || len(dry.Examples) != 3 {
		t.Errorf("the dry run: %+v", dry)
	}
	if text := s.mustKindred("", "replay", "show", "--domain", "shop", "--object-type", "Card", began.Job.ID); !strings.Contains(text, "LastName") || !strings.Contains(text, "GIVEN") {
		t.Errorf("the dry run as text: %s", text)
	}
	if p := c.one("shop", "_email", "m1@example.org"); aws.ToString(p.FirstName) != "Name 1" {
		t.Errorf("after the dry run: %+v", p)
	}

	r, err := own.ReplayObjectType(t.Context(), "shop", "Card", kindredclient.ReplayObjectTypeInput{})
	if err != nil {
		t.Fatal(err)
	}
	s.crash()
	own = c.own()
	real := ended(r.Job.ID)
	if !maps.Equal(real.Job.Counters, dry.Job.Counters) {
		t.Errorf("foretold %v, done %v", dry.Job.Counters, real.Job.Counters)
	}
	for i := 0; i < cards; i += 2 {
		a, b := c.one("shop", "_email", fmt.Sprintf("m%d@example.org", i)), c.one("shop", "_email", fmt.Sprintf("m%d@example.org", i+1))
		if *a.ProfileId != *b.ProfileId || a.FirstName != nil || aws.ToString(a.LastName) != fmt.Sprintf("Name %d", i+1) {
			t.Fatalf("house %d: %v %v, %s %s", i/2, *a.ProfileId, *b.ProfileId, aws.ToString(a.FirstName), aws.ToString(a.LastName))
		}
	}

	c.put("shop", "Card", fields{"no": "new", "mail": "m0@example.org", "name": "Newcomer"})
	back, err := own.RollBackReplay(t.Context(), "shop", "Card", r.Job.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.crash()
	own = c.own()
	if got := ended(back.Job.ID); got.Mode != "ROLL_BACK" || got.RollsBack != r.Job.ID {
		t.Errorf("the roll-back: %+v", got)
	}
	seen := map[string]bool{}
	for i := range cards {
		p := c.one("shop", "_email", fmt.Sprintf("m%d@example.org", i))
		want := fmt.Sprintf("Name %d", i)
		if i == 0 {
			want = "Newcomer"
		}
		if seen[*p.ProfileId] || aws.ToString(p.FirstName) != want || p.LastName != nil {
			t.Fatalf("card %d: %s %s %s", i, *p.ProfileId, aws.ToString(p.FirstName), aws.ToString(p.LastName))
		}
		seen[*p.ProfileId] = true
	}
	var refused *kindredclient.Error
	if _, err := own.RollBackReplay(t.Context(), "shop", "Card", r.Job.ID); !errors.As(err, &refused) || refused.Name != "BadRequestException" {
		t.Errorf("taken back twice: %v", err)
	}
	reader, _ := s.user("reader", allow(`"kindred:GetReplay"`, "*", ""))
	if _, err := reader.own().GetReplay(t.Context(), "shop", "Card", r.Job.ID); !errors.As(err, &refused) || refused.Name != "AccessDeniedException" {
		t.Errorf("without permission to see profiles: %v", err)
	}
}
