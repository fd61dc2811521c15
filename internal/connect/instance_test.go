package connect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/connectapi"
)

func TestCreateInstance(t *testing.T) {
	e := newEnv(t)
	in := &connectapi.CreateInstanceRequest{IdentityManagementType: "SAML", InstanceAlias: ptr("Acme-Support"), InboundCallsEnabled: true,
		Tags: map[string]string{"team": "care"}, ClientToken: ptr("t1")}
	out, err := e.CreateInstance(e.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.CreateInstance(e.ctx, in)
	if err != nil || *again.Id != *out.Id {
		t.Fatalf("the same token made another instance: %v", err)
	}
	d, err := e.DescribeInstance(e.ctx, &connectapi.DescribeInstanceRequest{InstanceId: *out.Arn})
	if err != nil {
		t.Fatal(err)
	}
	i := d.Instance
	if *i.Id != *out.Id || *i.Arn != "arn:aws:connect:us-east-1:000000000000:instance/"+*out.Id || *i.InstanceAlias != "Acme-Support" ||
		*i.IdentityManagementType != "SAML" || *i.InstanceStatus != "ACTIVE" || !*i.InboundCallsEnabled || *i.OutboundCallsEnabled ||
		i.Tags["team"] != "care" || !i.CreatedTime.Equal(e.clock()) {
		t.Errorf("got %+v", i)
	}
	refused := map[string]struct {
		in   connectapi.CreateInstanceRequest
		name string
	}{
		"alias in use":        {connectapi.CreateInstanceRequest{IdentityManagementType: "SAML", InstanceAlias: ptr("ACME-support")}, "Exists"},
		"token of another":    {connectapi.CreateInstanceRequest{IdentityManagementType: "SAML", InstanceAlias: ptr("x"), ClientToken: ptr("t1")}, "InvalidRequestException"},
		"no alias":            {connectapi.CreateInstanceRequest{IdentityManagementType: "SAML"}, "InvalidRequestException"},
		"directory":           {connectapi.CreateInstanceRequest{IdentityManagementType: "EXISTING_DIRECTORY", DirectoryId: ptr("d-0123456789")}, "InvalidRequestException"},
		"directory with SAML": {connectapi.CreateInstanceRequest{IdentityManagementType: "SAML", InstanceAlias: ptr("x"), DirectoryId: ptr("d-0123456789")}, "InvalidRequestException"},
	}
	for name, r := range refused {
		t.Run(name, func(t *testing.T) {
			_, err := e.CreateInstance(e.ctx, &r.in)
			declared(t, "CreateInstance", err, r.name)
		})
	}
}

func TestInstanceQuota(t *testing.T) {
	e := newEnv(t)
	for range MaxInstances {
		e.create("a" + strings.Repeat("x", len(e.list(100))))
		if len(e.list(10)) > 40 {
			break // aliases have 45 characters
		}
	}
	for n := len(e.list(10)); n < MaxInstances; n++ {
		e.create("b" + strings.Repeat("y", n%40) + strings.Repeat("z", n/40))
	}
	_, err := e.CreateInstance(e.ctx, &connectapi.CreateInstanceRequest{IdentityManagementType: "SAML", InstanceAlias: ptr("last")})
	declared(t, "CreateInstance", err, "ServiceQuotaExceededException")
}

// list reads all pages of ListInstances and returns the identifiers.
func (e *env) list(size int) []string {
	e.t.Helper()
	var ids []string
	in := &connectapi.ListInstancesRequest{MaxResults: &size}
	for {
		out, err := e.ListInstances(e.ctx, in)
		if err != nil {
			e.t.Fatal(err)
		}
		if len(out.InstanceSummaryList) > size {
			e.t.Fatalf("a page of %d", len(out.InstanceSummaryList))
		}
		for _, i := range out.InstanceSummaryList {
			ids = append(ids, *i.Id)
		}
		if out.NextToken == nil {
			return ids
		}
		in.NextToken = out.NextToken
	}
}

func TestListInstances(t *testing.T) {
	e := newEnv(t)
	var want []string
	for _, alias := range []string{"c", "a", "b", "e", "d"} {
		want = append(want, e.create(alias))
		e.pass(time.Second)
	}
	for _, size := range []int{1, 2, 5, 10} {
		if got := e.list(size); !slices.Equal(got, want) {
			t.Errorf("pages of %d: got %v, want %v", size, got, want)
		}
	}
	_, err := e.ListInstances(e.ctx, &connectapi.ListInstancesRequest{NextToken: ptr("forged")})
	declared(t, "ListInstances", err, "Invalid")
}

func TestDeleteInstance(t *testing.T) {
	e := newEnv(t)
	id := e.enabled()
	e.call(&connectapi.CreateContactRequest{InstanceId: id, Channel: "VOICE", Attributes: map[string]string{"phone": "+15555550123"}})
	if err := e.DeleteInstance(e.ctx, &connectapi.DeleteInstanceRequest{InstanceId: id}); err != nil {
		t.Fatal(err)
	}
	if left := e.raw(); left != "" {
		t.Errorf("left behind: %q", left)
	}
	_, err := e.DescribeInstance(e.ctx, &connectapi.DescribeInstanceRequest{InstanceId: id})
	declared(t, "DescribeInstance", err, "ResourceNotFoundException")
	err = e.DeleteInstance(e.ctx, &connectapi.DeleteInstanceRequest{InstanceId: id})
	declared(t, "DeleteInstance", err, "ResourceNotFoundException")
	_, err = e.CreateContact(e.ctx, &connectapi.CreateContactRequest{InstanceId: id, Channel: "VOICE", InitiationMethod: "INBOUND"})
	declared(t, "CreateContact", err, "ResourceNotFoundException")
}

func TestDeletionIsFinished(t *testing.T) {
	e := newEnv(t)
	id := e.create("a")
	e.call(&connectapi.CreateContactRequest{InstanceId: id, Channel: "VOICE"})
	// As if the process had ended between the two steps of DeleteInstance.
	if err := e.Service.store.Update(e.ctx, markDeleted(e, id)); err != nil {
		t.Fatal(err)
	}
	if got := e.list(10); len(got) != 0 {
		t.Errorf("a deleted instance is listed: %v", got)
	}
	e.create("A") // the alias is free
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(e.raw(), id) {
		t.Error("the instance is still there")
	}
}

func TestPermissions(t *testing.T) {
	e := newEnv(t)
	mine, other := e.create("mine"), e.create("other")
	contact := e.call(&connectapi.CreateContactRequest{InstanceId: mine, Channel: "TASK"})
	arn := e.arn(mine, "")
	allow := func(action, resource, condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"` + condition + `}]}`
	}
	describe := func(policy, instance string) error {
		_, err := e.DescribeContact(user(t, policy), &connectapi.DescribeContactRequest{InstanceId: instance, ContactId: contact})
		return err
	}
	if err := describe(allow("connect:DescribeContact", arn+"/contact/"+contact, ""), mine); err != nil {
		t.Errorf("the contact itself: %v", err)
	}
	byInstance := allow("connect:*", "*", `,"Condition":{"StringEquals":{"connect:InstanceId":"`+arn+`"}}`)
	if err := describe(byInstance, mine); err != nil {
		t.Errorf("by connect:InstanceId: %v", err)
	}
	declared(t, "DescribeContact", describe(byInstance, other), "AccessDeniedException")
	declared(t, "DescribeContact", describe(allow("connect:DescribeContact", arn, ""), mine), "AccessDeniedException")
	declared(t, "DescribeContact", describe(allow("connect:GetContactAttributes", "*", ""), mine), "AccessDeniedException")
	// Whether an instance exists is told only to those who may ask.
	declared(t, "DescribeContact", describe(allow("connect:DescribeContact", arn+"/*", ""), "nobodys"), "AccessDeniedException")
	_, err := e.ListInstances(user(t, allow("connect:ListInstances", "*", "")), &connectapi.ListInstancesRequest{})
	if err != nil {
		t.Error(err)
	}
	_, err = e.CreateInstance(user(t, allow("connect:ListInstances", "*", "")), &connectapi.CreateInstanceRequest{IdentityManagementType: "SAML", InstanceAlias: ptr("z")})
	declared(t, "CreateInstance", err, "AccessDeniedException")
	_, err = e.IngestRecords(user(t), mine, nil)
	if err != nil {
		t.Errorf("nothing to do: %v", err)
	}
	_, err = e.IngestRecords(user(t), mine, rawRecords(record("c", 1)))
	declared(t, "BatchPutContact", err, "AccessDeniedException")
}

func TestIntegrationAssociations(t *testing.T) {
	e := newEnv(t)
	id := e.create("a")
	in := &connectapi.CreateIntegrationAssociationRequest{InstanceId: id, IntegrationType: "CASES_DOMAIN", IntegrationArn: "arn:aws:cases:us-east-1:000000000000:domain/1"}
	first, err := e.CreateIntegrationAssociation(e.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.CreateIntegrationAssociation(e.ctx, in)
	declared(t, "CreateIntegrationAssociation", err, "Exists")
	bad := *in
	bad.IntegrationArn = "x"
	_, err = e.CreateIntegrationAssociation(e.ctx, &bad)
	declared(t, "CreateIntegrationAssociation", err, "InvalidRequestException")
	event := *in
	event.IntegrationType, event.SourceApplicationName = "EVENT", ptr("CRM")
	if _, err := e.CreateIntegrationAssociation(e.ctx, &event); err != nil {
		t.Fatal(err)
	}
	list := func(kind *string, size int) (n int) {
		q := &connectapi.ListIntegrationAssociationsRequest{InstanceId: id, IntegrationType: kind, MaxResults: &size}
		for {
			out, err := e.ListIntegrationAssociations(e.ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			n += len(out.IntegrationAssociationSummaryList)
			if out.NextToken == nil {
				return n
			}
			q.NextToken = out.NextToken
		}
	}
	if a, b := list(nil, 1), list(ptr("EVENT"), 10); a != 2 || b != 1 {
		t.Errorf("listed %d and %d, want 2 and 1", a, b)
	}
	del := &connectapi.DeleteIntegrationAssociationRequest{InstanceId: id, IntegrationAssociationId: *first.IntegrationAssociationId}
	if err := e.DeleteIntegrationAssociation(e.ctx, del); err != nil {
		t.Fatal(err)
	}
	declared(t, "DeleteIntegrationAssociation", e.DeleteIntegrationAssociation(e.ctx, del), "ResourceNotFoundException")
	if n := list(nil, 10); n != 1 {
		t.Errorf("listed %d, want 1", n)
	}
}
