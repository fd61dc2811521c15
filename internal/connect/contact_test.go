package connect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/connectapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

func markDeleted(e *env, id string) func(store.Tx) error {
	return func(tx store.Tx) error {
		v, err := e.seal(instanceKey(id), &instance{ID: id, Deleted: true})
		tx.Put(instanceKey(id), v)
		return err
	}
}

// TestCustomerAddress: the contact is tracked by phone or by e-mail, wherever
// the address comes from.
func TestCustomerAddress(t *testing.T) {
	type attributes = map[string]string
	tests := []struct {
		name string
		in   connectapi.CreateContactRequest
		want string
	}{
		{"voice, attribute", connectapi.CreateContactRequest{Channel: "VOICE", Attributes: attributes{"CustomerPhone": " +15555550123 ", "email": "a@example.com"}},
			`{"address":"+15555550123","type":"TELEPHONE_NUMBER"}`},
		{"chat, attribute", connectapi.CreateContactRequest{Channel: "CHAT", Attributes: attributes{"phone": "+15555550123", "email": "a@example.com"}},
			`{"address":"a@example.com","type":"EMAIL_ADDRESS"}`},
		{"chat by SMS", connectapi.CreateContactRequest{Channel: "CHAT", Attributes: attributes{"phone": "+15555550123"}},
			`{"address":"+15555550123","type":"TELEPHONE_NUMBER"}`},
		{"explicit before common", connectapi.CreateContactRequest{Channel: "VOICE", Attributes: attributes{"customerEndpointAddress": "+15555550100", "phone": "+15555550123"}},
			`{"address":"+15555550100","type":"TELEPHONE_NUMBER"}`},
		{"explicit type", connectapi.CreateContactRequest{Channel: "TASK", Attributes: attributes{"customerEndpointAddress": "x", "customerEndpointType": "VOIP"}},
			`{"address":"x","type":"VOIP"}`},
		{"auto-pop", connectapi.CreateContactRequest{Channel: "TASK", Attributes: attributes{"profileSearchKey": "_phone", "profileSearchValue": "+15555550123"}},
			`{"address":"+15555550123","type":"TELEPHONE_NUMBER"}`},
		{"auto-pop by another key", connectapi.CreateContactRequest{Channel: "TASK", Attributes: attributes{"profileSearchKey": "_account", "profileSearchValue": "1"}}, ``},
		{"e-mail reference", connectapi.CreateContactRequest{Channel: "EMAIL", References: map[string]connectapi.Reference{"from": {Type: "EMAIL", Value: ptr("a@example.com")}}},
			`{"address":"a@example.com","type":"EMAIL_ADDRESS"}`},
		{"nothing", connectapi.CreateContactRequest{Channel: "VOICE", Attributes: attributes{"email": "a@example.com"}}, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEnv(t)
			tt.in.InstanceId = e.enabled()
			id := e.call(&tt.in)
			var o struct {
				CustomerEndpoint json.RawMessage
				Channel          string
			}
			if err := json.Unmarshal([]byte(e.profiles.object(id)), &o); err != nil {
				t.Fatalf("not ingested: %v", err)
			}
			if string(o.CustomerEndpoint) != tt.want || o.Channel != tt.in.Channel {
				t.Errorf("got %s, want %s", o.CustomerEndpoint, tt.want)
			}
			follower := e.call(&connectapi.CreateContactRequest{InstanceId: tt.in.InstanceId, Channel: tt.in.Channel, InitiationMethod: "TRANSFER", PreviousContactId: &id})
			if err := json.Unmarshal([]byte(e.profiles.object(follower)), &o); err != nil || string(o.CustomerEndpoint) != tt.want {
				t.Errorf("the contact after a transfer: got %s, want %s (%v)", o.CustomerEndpoint, tt.want, err)
			}
		})
	}
}

func TestCreateContact(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	in := &connectapi.CreateContactRequest{InstanceId: i, Channel: "TASK", InitiationMethod: "API", ClientToken: ptr("k"), Name: ptr("Call back"),
		Description: ptr("About the order"), Attributes: map[string]string{"Order": "A-1 <b>"}, UserInfo: &connectapi.UserInfo{UserId: ptr("u-1")},
		InitiateAs: ptr("CONNECTED_TO_USER"), SegmentAttributes: map[string]connectapi.SegmentAttributeValue{"connect:Subtype": {ValueString: ptr("connect:Task")}},
		References: map[string]connectapi.Reference{"page": {Type: "URL", Value: ptr("https://example.com")}}}
	out, err := e.CreateContact(e.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"agent":{"arn":"ARN/agent/u-1","connectedToAgentTimestamp":1773144000250,"id":"u-1"},"attributes":{"Order":"A-1 <b>"},` +
		`"awsaccountId":"000000000000","channel":"TASK","contactId":"ID","initiationMethod":"API","initiationTimestamp":1773144000250,` +
		`"instanceARN":"ARN","lastUpdateTimestamp":1773144000000,"references":[{"name":"page","type":"URL","value":"https://example.com"}],` +
		`"segmentAttributes":{"connect:Subtype":{"valueString":"connect:Task"}}}`
	want = strings.NewReplacer("ARN/", e.arn(i, "")+"/", `"ARN"`, `"`+e.arn(i, "")+`"`, `"ID"`, `"`+*out.ContactId+`"`).Replace(want)
	if got := e.profiles.object(*out.ContactId); got != want {
		t.Errorf("ingested\n%s\nwant\n%s", got, want)
	}
	if e.profiles.puts != 1 || e.profiles.calls["CTR"] != 1 {
		t.Errorf("%d puts: %v", e.profiles.puts, e.profiles.calls)
	}
	c := e.contactOf(i, *out.ContactId)
	if *c.Name != "Call back" || *c.Description != "About the order" || c.Attributes["Order"] != "A-1 <b>" || *c.AgentInfo.Id != "u-1" ||
		*c.Arn != *out.ContactArn || *c.SegmentAttributes["connect:Subtype"].ValueString != "connect:Task" || !c.InitiationTimestamp.Equal(e.clock().Truncate(time.Millisecond)) {
		t.Errorf("got %+v", c)
	}
	// Again, later, with the same token.
	e.pass(time.Hour)
	again, err := e.CreateContact(e.ctx, in)
	if err != nil || *again.ContactId != *out.ContactId {
		t.Errorf("the token made another contact: %v", err)
	}
	if e.profiles.puts != 1 {
		t.Error("a repeated call was ingested")
	}
	other := *in
	other.Name = ptr("Something else")
	_, err = e.CreateContact(e.ctx, &other)
	if f := new(fault.Error); !errors.As(err, &f) || f.Name != "IdempotencyException" {
		t.Errorf("got %v, want IdempotencyException", err)
	}

	refused := map[string]struct {
		change func(*connectapi.CreateContactRequest)
		name   string
	}{
		"attribute key": {func(r *connectapi.CreateContactRequest) { r.Attributes = map[string]string{"a b": ""} }, "Invalid"},
		"attributes": {func(r *connectapi.CreateContactRequest) {
			r.Attributes = map[string]string{"a": strings.Repeat("x", MaxAttributeBytes)}
		}, "Invalid"},
		"nobody to connect": {func(r *connectapi.CreateContactRequest) { r.UserInfo = nil }, "InvalidRequestException"},
		"completed call":    {func(r *connectapi.CreateContactRequest) { r.InitiateAs, r.Channel = ptr("COMPLETED"), "VOICE" }, "InvalidRequestException"},
		"expiry":            {func(r *connectapi.CreateContactRequest) { r.ExpiryDurationInMinutes = ptr(0) }, "Invalid"},
		"no previous":       {func(r *connectapi.CreateContactRequest) { r.PreviousContactId = ptr("x") }, "ResourceNotFoundException"},
		"no related":        {func(r *connectapi.CreateContactRequest) { r.RelatedContactId = ptr("a/b") }, "ResourceNotFoundException"},
		"no instance":       {func(r *connectapi.CreateContactRequest) { r.InstanceId = "x/y" }, "ResourceNotFoundException"},
	}
	for name, r := range refused {
		t.Run(name, func(t *testing.T) {
			in := *in
			in.ClientToken = nil
			r.change(&in)
			_, err := e.CreateContact(e.ctx, &in)
			declared(t, "CreateContact", err, r.name)
		})
	}
}

func TestUpdateContactAttributes(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	id := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "CHAT", Attributes: map[string]string{"a": "1", "b": "2"}})
	e.pass(5 * time.Second)
	update := func(attributes map[string]string) error {
		_, err := e.UpdateContactAttributes(e.ctx, &connectapi.UpdateContactAttributesRequest{InstanceId: i, InitialContactId: id, Attributes: attributes})
		return err
	}
	if err := update(map[string]string{"b": "3", "email": "a@example.com"}); err != nil {
		t.Fatal(err)
	}
	out, err := e.GetContactAttributes(e.ctx, &connectapi.GetContactAttributesRequest{InstanceId: i, InitialContactId: id})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(out.Attributes); got != "map[a:1 b:3 email:a@example.com]" {
		t.Errorf("got %s", got)
	}
	object := e.profiles.object(id)
	for _, want := range []string{`"b":"3"`, `"customerEndpoint":{"address":"a@example.com","type":"EMAIL_ADDRESS"}`, `"lastUpdateTimestamp":1773144005000`} {
		if !strings.Contains(object, want) {
			t.Errorf("the object lacks %s: %s", want, object)
		}
	}
	declared(t, "UpdateContactAttributes", update(map[string]string{"a.b": "1"}), "Invalid")
	if err := update(map[string]string{"big": strings.Repeat("x", MaxAttributeBytes-10)}); err == nil {
		t.Error("more attributes than fit were taken")
	} else {
		declared(t, "UpdateContactAttributes", err, "InvalidRequestException")
	}
	_, err = e.UpdateContactAttributes(e.ctx, &connectapi.UpdateContactAttributesRequest{InstanceId: i, InitialContactId: "x", Attributes: map[string]string{}})
	declared(t, "UpdateContactAttributes", err, "ResourceNotFoundException")
}

func TestBatchPutContact(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	phone := &connectapi.Endpoint{Type: ptr("TELEPHONE_NUMBER"), Address: ptr("+15555550123")}
	in := &connectapi.BatchPutContactRequest{InstanceId: i, ClientToken: ptr("t"), ContactDataRequestList: []connectapi.ContactDataRequest{
		{RequestIdentifier: ptr("ok"), CustomerEndpoint: phone, QueueId: ptr("q1"), Campaign: &connectapi.Campaign{CampaignId: ptr("camp")},
			SystemEndpoint: &connectapi.Endpoint{Type: ptr("TELEPHONE_NUMBER"), Address: ptr("+15555550100")}},
		{RequestIdentifier: ptr("mail"), CustomerEndpoint: &connectapi.Endpoint{Type: ptr("EMAIL_ADDRESS"), Address: ptr("a@example.com")}},
		{RequestIdentifier: ptr("none")},
		{RequestIdentifier: ptr("bad"), CustomerEndpoint: &connectapi.Endpoint{Type: ptr("TELEPHONE_NUMBER"), Address: ptr("call me")}},
		{RequestIdentifier: ptr("badmail"), CustomerEndpoint: &connectapi.Endpoint{Type: ptr("EMAIL_ADDRESS"), Address: ptr("a@")}},
		{RequestIdentifier: ptr("untyped"), CustomerEndpoint: &connectapi.Endpoint{Address: ptr("+15555550123")}},
		{RequestIdentifier: ptr("key"), CustomerEndpoint: phone, Attributes: map[string]string{"a b": "c"}},
	}}
	out, err := e.BatchPutContact(e.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range out.FailedRequestList {
		got[*f.RequestIdentifier] = *f.FailureReasonCode
	}
	for _, s := range out.SuccessfulRequestList {
		got[*s.RequestIdentifier] = "ok"
	}
	want := map[string]string{"ok": "ok", "mail": "ok", "none": "MISSING_CUSTOMER_ENDPOINT", "bad": "INVALID_CUSTOMER_ENDPOINT",
		"badmail": "INVALID_CUSTOMER_ENDPOINT", "untyped": "INVALID_CUSTOMER_ENDPOINT", "key": "INVALID_ATTRIBUTE_KEY"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if e.profiles.puts != 1 {
		t.Errorf("%d puts for one batch", e.profiles.puts)
	}
	c := e.contactOf(i, *out.SuccessfulRequestList[0].ContactId)
	if *c.Channel != "VOICE" || *c.CustomerEndpoint.Address != "+15555550123" || *c.QueueInfo.Id != "q1" || *c.Campaign.CampaignId != "camp" || *c.SystemEndpoint.Address != "+15555550100" {
		t.Errorf("got %+v", c)
	}
	again, err := e.BatchPutContact(e.ctx, in)
	if err != nil || *again.SuccessfulRequestList[0].ContactId != *out.SuccessfulRequestList[0].ContactId {
		t.Errorf("the token made other contacts: %v", err)
	}
	in.ContactDataRequestList[0].QueueId = ptr("q2")
	again, err = e.BatchPutContact(e.ctx, in)
	if err != nil || *again.FailedRequestList[len(again.FailedRequestList)-1].FailureReasonCode != "IDEMPOTENCY_EXCEPTION" {
		t.Errorf("another request with the token: %+v, %v", again, err)
	}
	in.ContactDataRequestList[1].RequestIdentifier = ptr("ok")
	_, err = e.BatchPutContact(e.ctx, in)
	declared(t, "BatchPutContact", err, "InvalidRequestException")
}

func TestAssociatedContacts(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	var chain []string
	previous := (*string)(nil)
	for range 5 {
		id := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "CHAT", PreviousContactId: previous})
		previous = &id
		chain = append(chain, id)
		e.pass(time.Second)
	}
	task := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "TASK", RelatedContactId: &chain[2]})
	chain = append(chain, task)
	e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "CHAT"}) // a stranger
	for _, from := range chain {
		for _, size := range []int{1, 4, 100} {
			var got []string
			in := &connectapi.ListAssociatedContactsRequest{InstanceId: i, ContactId: from, MaxResults: &size}
			for {
				out, err := e.ListAssociatedContacts(e.ctx, in)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range out.ContactSummaryList {
					got = append(got, *c.ContactId)
				}
				if in.NextToken = out.NextToken; in.NextToken == nil {
					break
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(chain) {
				t.Errorf("from %s by %d: got %v, want %v", from, size, got, chain)
			}
		}
	}
	if c := e.contactOf(i, chain[4]); *c.InitialContactId != chain[0] || *c.PreviousContactId != chain[3] {
		t.Errorf("the chain is %s, %s", *c.InitialContactId, *c.PreviousContactId)
	}
	_, err := e.ListAssociatedContacts(e.ctx, &connectapi.ListAssociatedContactsRequest{InstanceId: i, ContactId: "x"})
	declared(t, "ListAssociatedContacts", err, "ResourceNotFoundException")
}

func TestPersistentContactAssociation(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	chat := func(id, initial string, minute int, ended bool) string {
		end := "null"
		if ended {
			end = fmt.Sprintf(`"2026-01-01T00:%02d:30Z"`, minute)
		}
		return fmt.Sprintf(`{"ContactId":"%s","InitialContactId":"%s","Channel":"CHAT","InitiationTimestamp":"2026-01-01T00:%02d:00Z","LastUpdateTimestamp":"2026-01-01T01:00:00Z","DisconnectTimestamp":%s}`,
			id, initial, minute, end)
	}
	for _, r := range e.ingestRecords(i, chat("s1", "", 1, true), chat("s2", "s1", 2, true), chat("s3", "s1", 3, false)) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	associate := func(to, from, how string) (string, error) {
		out, err := e.CreatePersistentContactAssociation(e.ctx, &connectapi.CreatePersistentContactAssociationRequest{InstanceId: i,
			InitialContactId: to, SourceContactId: from, RehydrationType: how})
		if err != nil {
			return "", err
		}
		return *out.ContinuedFromContactId, nil
	}
	a := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "CHAT"})
	b := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "CHAT"})
	if got, err := associate(a, "s1", "ENTIRE_PAST_SESSION"); err != nil || got != "s2" {
		t.Errorf("the session: %s, %v", got, err)
	}
	if got, err := associate(b, "s1", "FROM_SEGMENT"); err != nil || got != "s1" {
		t.Errorf("the segment: %s, %v", got, err)
	}
	if c := e.contactOf(i, a); *c.RelatedContactId != "s2" {
		t.Errorf("related to %s", *c.RelatedContactId)
	}
	voice := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "VOICE"})
	for _, bad := range [][3]string{{a, "s1", "FROM_SEGMENT"}, {b, "s3", "FROM_SEGMENT"}, {b, "s2", "ENTIRE_PAST_SESSION"}, {b, "gone", "FROM_SEGMENT"},
		{b, b, "FROM_SEGMENT"}, {voice, "s1", "FROM_SEGMENT"}} {
		_, err := associate(bad[0], bad[1], bad[2])
		declared(t, "CreatePersistentContactAssociation", err, "InvalidRequestException")
	}
	_, err := associate("gone", "s1", "FROM_SEGMENT")
	declared(t, "CreatePersistentContactAssociation", err, "ResourceNotFoundException")
}

func TestRetention(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	var old []string
	for n := range 60 {
		old = append(old, record(fmt.Sprintf("old%d", n), n, `"Attributes":{"k":"v"}`))
	}
	e.ingestRecords(i, old...)
	e.pass(Retention - 120*24*time.Hour)
	young := e.call(&connectapi.CreateContactRequest{InstanceId: i, Channel: "TASK", RelatedContactId: ptr("old1")})
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	e.contactOf(i, "old59")
	e.pass(60 * 24 * time.Hour)
	if err := e.sweep(e.ctx); err != nil {
		t.Fatal(err)
	}
	e.contactOf(i, young)
	if strings.Contains(strings.ReplaceAll(e.raw(), "/c/old1\x00l/", ""), "old") {
		t.Error("an old contact is still there")
	}
}
