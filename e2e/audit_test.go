package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
)

// TestTheAuditTrailTellsWhoCalledWhat: what changed the installation is in the trail when
// it is answered, even if the server is killed then; reads of customers' data and
// refusals a second later; and nothing of a customer ever.
func TestTheAuditTrailTellsWhoCalledWhat(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	s.crash()
	look := func(args ...string) []map[string]any {
		t.Helper()
		var list []map[string]any
		for _, line := range strings.Split(strings.TrimSpace(s.mustKindred("", append([]string{"audit", "--json"}, args...)...)), "\n") {
			if line == "" {
				continue
			}
			var e map[string]any
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err, line)
			}
			list = append(list, e)
		}
		return list
	}
	if list := look("--operation", "CreateDomain"); len(list) != 1 || list[0]["readOnly"] != false || list[0]["sourceIPAddress"] != "127.0.0.1" || list[0]["errorCode"] != nil {
		t.Errorf("after a crash the trail has %v", list)
	}
	p := s.person()
	id := c.profile("shop", p.create())
	c.one("shop", "_phone", p.phone)
	stranger, _ := s.user("stranger", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"profile:ListDomains","Resource":"*"}]}`)
	if _, err := stranger.profiles.BatchGetProfile(t.Context(), &customerprofiles.BatchGetProfileInput{DomainName: aws.String("shop"), ProfileIds: []string{id}}); err == nil {
		t.Fatal("a stranger has read a profile")
	}
	eventually(t, readyWithin, func() error {
		list := look("--resource", id)
		if len(list) != 1 || list[0]["errorCode"] != "AccessDeniedException" || list[0]["userIdentity"].(map[string]any)["userName"] != "stranger" {
			return fmt.Errorf("of the profile the trail has %v", list)
		}
		return nil
	})
	if list := look("--operation", "SearchProfiles", "--since", "1h"); len(list) != 1 {
		t.Errorf("of searches the trail has %v", list)
	}
	for _, e := range look("--limit", "1000") {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{p.phone, p.email} {
			if strings.Contains(string(text), secret) {
				t.Errorf("the trail has something of a customer: %s", text)
			}
		}
	}
	if out := s.mustKindred("", "audit", "--changes"); !strings.Contains(out, "profile:CreateDomain") || strings.Contains(out, "SearchProfiles") {
		t.Errorf("the changes are\n%s", out)
	}
	// Who may not look does not.
	a := stranger.send("kindred", "POST", "/audit/lookup-events", "{}")
	if a.status != 403 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
