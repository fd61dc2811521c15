package permission_test

import (
	"strings"
	"testing"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
)

func TestCallerPermissions(t *testing.T) {
	c := checker(map[string]map[string]string{"d1": {"team": "care"}})
	ctx := as(t, `{"Effect":"Allow","Action":"profile:*","Resource":"`+domainARN+`","Condition":{"StringEquals":{"aws:ResourceTag/team":"care"}}},
		{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"},{"Effect":"Deny","Action":"profile:DeleteProfile","Resource":"*"}`)
	ask := func(resource *string, actions ...string) map[string]string {
		t.Helper()
		out, err := c.GetCallerPermissions(ctx, &kindredapi.GetCallerPermissionsRequest{Actions: actions, ResourceArn: resource})
		if err != nil {
			t.Fatal(err)
		}
		if out.PrincipalArn != "arn:aws:iam::000000000000:user/u" || len(out.Permissions) != len(actions) {
			t.Errorf("%+v", out)
		}
		got := map[string]string{}
		for i, p := range out.Permissions {
			if p.Action != actions[i] || p.Allowed != (p.Reason == nil) {
				t.Errorf("%+v", p)
			}
			got[p.Action] = "allowed"
			if !p.Allowed {
				got[p.Action] = *p.Reason
			}
		}
		return got
	}
	for _, x := range []struct {
		resource *string
		action   string
		want     string
	}{
		{new(domainARN), "profile:GetDomain", "allowed"},
		{new(domainARN), "profile:DeleteProfile", "is not authorized to perform: profile:DeleteProfile on resource: " + domainARN + " with an explicit deny"},
		{new(domainARN), "iam:DeleteUser", "because no identity-based policy allows the iam:DeleteUser action"},
		{new(domainARN + "2"), "profile:GetDomain", "is not authorized"}, // another domain has not the tag
		{nil, "profile:GetDomain", "on resource: *"},
		{nil, "iam:ListUsers", "allowed"},
	} {
		if got := ask(x.resource, x.action)[x.action]; !strings.Contains(got, x.want) {
			t.Errorf("%s: %s, want %s", x.action, got, x.want)
		}
	}
	if got := ask(new(domainARN), "profile:GetDomain", "profile:DeleteProfile", "profile:SearchProfiles"); got["profile:SearchProfiles"] != "allowed" {
		t.Errorf("%v", got)
	}
	if _, err := c.GetCallerPermissions(t.Context(), &kindredapi.GetCallerPermissionsRequest{Actions: []string{"iam:ListUsers"}}); !fault.Is(err, fault.Denied) {
		t.Errorf("nobody: %v", err)
	}
}
