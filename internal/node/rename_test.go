package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/kindredclient"
)

func (w *world) rename(ctx context.Context, from, to string) error {
	_, err := w.DomainAPI.RenameDomain(ctx, &kindredapi.RenameDomainRequest{DomainName: from, NewDomainName: to})
	return err
}

func (w *world) setKeyPolicy(t *testing.T, key string, statements ...string) {
	t.Helper()
	text := keyPolicy(statements...)
	if _, err := w.kms.PutKeyPolicy(as(t, "*"), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &text}); err != nil {
		t.Fatal(err)
	}
}

func TestPoliciesThatNameADomainMustNameItsNewNameFirst(t *testing.T) {
	w := newWorld(t)
	caller := as(t, "kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey") // makes no grants
	key, own := w.key(t, keyPolicy(forService("d1"))), w.key(t, keyPolicy(forService("d1/objects/T")))
	if err := w.create(caller, "d1", key); err != nil {
		t.Fatal(err)
	}
	if _, err := w.TypesAPI.PutProfileObjectType(caller, &profileapi.PutProfileObjectTypeRequest{DomainName: "d1", ObjectTypeName: "T", Description: "x",
		EncryptionKey: &own, AllowProfileCreation: new(true), Fields: map[string]profileapi.ObjectTypeField{"id": {Source: new("_source.id")}},
		Keys: map[string][]profileapi.ObjectTypeKey{"k": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}}}); err != nil {
		t.Fatal(err)
	}
	put := func(name string) error {
		r, err := w.Ingest.Put(context.Background(), name, "T", []string{`{"id":"1"}`})
		if err == nil {
			err = r[0].Err
		}
		return err
	}
	if err := put("d1"); err != nil {
		t.Fatal(err)
	}
	refused := func(source string) {
		t.Helper()
		if err := w.rename(caller, "d1", "d2"); !fault.Is(err, fault.Invalid) ||
			!strings.Contains(err.Error(), `"aws:SourceArn": "arn:aws:profile:us-east-1:000000000000:domains/`+source+`"`) {
			t.Errorf("got %v, want a statement for %s", err, source)
		}
		if err := put("d1"); err != nil {
			t.Errorf("after the refusal: %v", err)
		}
	}
	refused("d2")
	w.setKeyPolicy(t, key, forService("d1"), forService("d2"))
	refused("d2/objects/T")
	w.setKeyPolicy(t, own, forService("d1/objects/T"), forService("d2/objects/T"))
	if err := w.rename(caller, "d1", "d2"); err != nil {
		t.Fatal(err)
	}
	w.setKeyPolicy(t, key, forService("d2"))
	w.setKeyPolicy(t, own, forService("d2/objects/T"))
	if err := put("d2"); err != nil {
		t.Errorf("under the new name: %v", err)
	}
	if err := put("d1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("under the old name: %v", err)
	}
}

func TestTheGrantOfADomainServesItsNewName(t *testing.T) {
	w := newWorld(t)
	key := w.key(t, "")
	if err := w.create(as(t, "kms:*"), "d1", key); err != nil {
		t.Fatal(err)
	}
	if err := w.rename(as(t, "kms:GenerateDataKey", "kms:Decrypt"), "d1", "d2"); err != nil {
		t.Error(err)
	}
	if err := w.rename(as(t, "kms:Decrypt"), "d2", "d3"); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "kms:GenerateDataKey") {
		t.Errorf("a caller who may not use the key: %v", err)
	}
}

func TestAQueueIsLookedAtForTheNewName(t *testing.T) {
	w := newWorld(t)
	q, err := w.sqs.CreateQueue(as(t, "*"), &sqs.CreateQueueInput{QueueName: new("dlq")})
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string) {
		t.Helper()
		statement := policy.ServiceStatement("P", "profile.amazonaws.com", []string{"sqs:SendMessage"}, "arn:aws:sqs:us-east-1:000000000000:dlq",
			"arn:aws:profile:us-east-1:000000000000:domains/"+name, account)
		text := `{"Version":"2012-10-17","Statement":[` + statement + `]}`
		if _, err := w.sqs.SetQueueAttributes(as(t, "*"), &sqs.SetQueueAttributesInput{QueueUrl: q.QueueUrl, Attributes: map[string]string{"Policy": text}}); err != nil {
			t.Fatal(err)
		}
	}
	set("d1")
	if _, err := w.DomainAPI.CreateDomain(as(t, "*"), &profileapi.CreateDomainRequest{DomainName: "d1", DefaultExpirationDays: 30, DeadLetterQueueUrl: q.QueueUrl}); err != nil {
		t.Fatal(err)
	}
	if err := w.rename(as(t, "*"), "d1", "d2"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Add this statement") || !strings.Contains(err.Error(), "domains/d2") {
		t.Errorf("a policy for the old name: %v", err)
	}
	set("d2")
	if err := w.rename(as(t, "*"), "d1", "d2"); err != nil {
		t.Error(err)
	}
}

// A caller needs the permission on both ARNs: whoever may rename what is his must
// not bring it under a name that a policy gives him more on.
func TestRenamingNeedsPermissionOnBothNames(t *testing.T) {
	w := newWorld(t)
	if _, err := w.DomainAPI.CreateDomain(as(t, "*"), &profileapi.CreateDomainRequest{DomainName: "mine", DefaultExpirationDays: 30, Tags: map[string]string{"team": "care"}}); err != nil {
		t.Fatal(err)
	}
	arn := func(name string) string { return "arn:aws:profile:us-east-1:" + account + ":domains/" + name }
	statement := func(effect, condition string, names ...string) string {
		for i := range names {
			names[i] = arn(names[i])
		}
		list, err := json.Marshal(names)
		if err != nil {
			t.Fatal(err)
		}
		return `{"Effect":"` + effect + `","Action":"kindred:RenameDomain","Resource":` + string(list) + condition + `}`
	}
	tagged := func(value string) string {
		return `,"Condition":{"StringEquals":{"aws:ResourceTag/team":"` + value + `"}}`
	}
	client := &kindredclient.Client{Endpoint: "http://in-process", Region: "us-east-1", HTTP: &http.Client{Transport: w.Server.InProcess(access.From)},
		Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}
	call := func(statements string) error {
		p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[`+statements+`]}`), policy.Options{Kind: policy.Identity})
		if err != nil {
			t.Fatal(err)
		}
		ctx := access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/u",
			UserName: "u", PrincipalID: "AIDAU", Policies: []*policy.Policy{p}})
		_, err = client.RenameDomain(ctx, "mine", "theirs")
		return err
	}
	for name, statements := range map[string]string{
		"none":            statement("Allow", "", "other"),
		"the old alone":   statement("Allow", "", "mine"),
		"the new alone":   statement("Allow", "", "theirs"),
		"another tag":     statement("Allow", tagged("sales"), "*"),
		"denied by a tag": statement("Allow", "", "*") + "," + statement("Deny", tagged("care"), "*"),
	} {
		var refusal *kindredclient.Error
		if err := call(statements); !errors.As(err, &refusal) || refusal.Name != "AccessDeniedException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := call(statement("Allow", tagged("care"), "mine", "theirs")); err != nil {
		t.Errorf("both: %v", err)
	}
}
