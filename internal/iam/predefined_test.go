package iam_test

import (
	"encoding/json"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/connectapi"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
	"kindred/internal/policy"
)

func (w *world) predefine() {
	w.t.Helper()
	if err := w.svc.Predefine(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func TestPredefinedPolicies(t *testing.T) {
	w := newWorld(t)
	w.predefine()
	for _, name := range []string{iam.AgentPolicy, iam.SupervisorPolicy, iam.AdminPolicy} {
		got, err := w.svc.GetPolicy(w.ctx, &kindredapi.GetPolicyRequest{PolicyName: name})
		if err != nil || got.Policy.Predefined == nil || !*got.Policy.Predefined || got.Policy.Description == nil {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		_, err = w.svc.UpdatePolicy(w.ctx, &kindredapi.UpdatePolicyRequest{PolicyName: name, PolicyDocument: allow("*", "*")})
		wantFault(t, err, fault.Invalid, "", name+" is predefined")
		_, err = w.svc.DeletePolicy(w.ctx, &kindredapi.DeletePolicyRequest{PolicyName: name})
		wantFault(t, err, fault.Invalid, "", name+" is predefined")
	}
	w.predefine()
	list, err := w.svc.ListPolicies(w.ctx, &kindredapi.ListPoliciesRequest{})
	if err != nil || len(list.Policies) != 3 {
		t.Errorf("%d policies, %v", len(list.Policies), err)
	}
	must(t)(w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: "own", PolicyDocument: allow("*", "*")}))
	own, err := w.svc.GetPolicy(w.ctx, &kindredapi.GetPolicyRequest{PolicyName: "own"})
	if err != nil || own.Policy.Predefined != nil {
		t.Errorf("%+v, %v", own, err)
	}
}

// A policy of the same name that somebody has made is not taken from them.
func TestAPolicyOfTheNameStays(t *testing.T) {
	w := newWorld(t)
	mine := allow("profile:GetDomain", "*")
	must(t)(w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: iam.AgentPolicy, PolicyDocument: mine}))
	w.predefine()
	got, err := w.svc.GetPolicy(w.ctx, &kindredapi.GetPolicyRequest{PolicyName: iam.AgentPolicy})
	if err != nil || got.PolicyDocument != mine || got.Policy.Predefined != nil {
		t.Errorf("%+v, %v", got, err)
	}
	must(t)(w.svc.DeletePolicy(w.ctx, &kindredapi.DeletePolicyRequest{PolicyName: iam.AgentPolicy}))
}

// What each role may do, and what it may not.
func TestRolesOfTheConsole(t *testing.T) {
	w := newWorld(t)
	w.predefine()
	const domain, instance = "arn:aws:profile:us-east-1:" + account + ":domains/shop", "arn:aws:connect:us-east-1:" + account + ":instance/i"
	levels := []string{"", iam.AgentPolicy, iam.SupervisorPolicy, iam.AdminPolicy}
	callers := make([]*access.Caller, len(levels))
	for i, name := range levels {
		c := w.user("u"+name, "")
		if name != "" {
			must(t)(w.svc.AttachUserPolicy(w.ctx, &kindredapi.AttachUserPolicyRequest{UserName: "u" + name, PolicyName: name}))
		}
		callers[i] = w.caller(c)
	}
	for action, c := range map[string]struct {
		resource string
		from     int // the first level that may
	}{
		"profile:SearchProfiles":                     {domain, 1},
		"profile:CreateProfile":                      {domain, 1},
		"profile:UpdateProfile":                      {domain, 1},
		"profile:AddProfileKey":                      {domain, 1},
		"profile:ListProfileObjects":                 {domain, 1},
		"connect:DescribeContact":                    {instance + "/contact/c", 1},
		"kindred:GetProfileProvenance":               {domain, 1},
		"profile:ListCalculatedAttributesForProfile": {domain, 2},
		"profile:ListSegmentDefinitions":             {domain, 2},
		"profile:MergeProfiles":                      {domain, 2},
		"kindred:UnmergeProfiles":                    {domain, 2},
		"kindred:RedriveDeadLetters":                 {domain, 2},
		"kindred:DeleteDeadLetters":                  {domain, 3},
		"profile:ListProfileHistoryRecords":          {domain, 2},
		"profile:DeleteProfile":                      {domain, 3},
		"kindred:EraseProfile":                       {domain, 3},
		"profile:PutProfileObjectType":               {domain + "/object-types/T", 3},
		"profile:CreateDomain":                       {domain, 3},
		"profile:CreateSegmentDefinition":            {domain + "/segment-definitions/S", 3},
		"kms:Decrypt":                                {"arn:aws:kms:us-east-1:" + account + ":key/k", 3},
		"iam:CreateUser":                             {"arn:aws:iam::" + account + ":user/x", 3},
		"iam:SetUserPassword":                        {"arn:aws:iam::" + account + ":user/x", 3},
	} {
		for level, caller := range callers {
			if got := may(caller, action, c.resource); got != (level >= c.from) {
				t.Errorf("%s: %q may: %t", action, levels[level], got)
			}
		}
	}
}

// Every action that is named is one of an operation that is there.
func TestPredefinedActionsExist(t *testing.T) {
	w := newWorld(t)
	w.predefine()
	known := map[string]bool{"*": true}
	for _, op := range profileapi.Service().Operations {
		known["profile:"+op.Name] = true
	}
	for _, op := range connectapi.Service().Operations {
		known["connect:"+op.Name] = true
	}
	for _, op := range kindredapi.Service().Operations {
		known["kindred:"+op.Name] = true
	}
	for _, name := range []string{"GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"} {
		known["sqs:"+name] = true
	}
	for _, name := range []string{iam.AgentPolicy, iam.SupervisorPolicy, iam.AdminPolicy} {
		got, err := w.svc.GetPolicy(w.ctx, &kindredapi.GetPolicyRequest{PolicyName: name})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Parse([]byte(got.PolicyDocument), policy.Options{Kind: policy.Identity}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var text struct{ Statement []struct{ Action []string } }
		if err := json.Unmarshal([]byte(got.PolicyDocument), &text); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, action := range text.Statement[0].Action {
			if !known[action] || seen[action] {
				t.Errorf("%s: action %s is unknown or there twice", name, action)
			}
			seen[action] = true
		}
	}
}

func TestFresh(t *testing.T) {
	w := newWorld(t)
	if fresh, err := w.svc.Fresh(t.Context()); err != nil || fresh {
		t.Errorf("after the bootstrap: %t, %v", fresh, err)
	}
	if err := w.store.DropPrefix(t.Context(), []byte("iam")); err != nil {
		t.Fatal(err)
	}
	if fresh, err := w.svc.Fresh(t.Context()); err != nil || !fresh {
		t.Errorf("before: %t, %v", fresh, err)
	}
}
