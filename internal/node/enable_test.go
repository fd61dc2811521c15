package node_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kindred/internal/access"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/node"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/store/memstore"
)

const account = "000000000000"

// world is a node in memory with SDK clients of its embedded services.
type world struct {
	*node.Node
	kms *kms.Client
	sqs *sqs.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, func(*node.Config) {})
}

// newWorldWith is newWorld with another configuration.
func newWorldWith(t *testing.T, change func(*node.Config)) *world {
	t.Helper()
	st := memstore.New()
	c := node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: account,
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)}
	change(&c)
	n, err := node.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://in-process"),
		HTTPClient:  &http.Client{Transport: n.Server.InProcess(access.From)},
		Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}
	return &world{n, kms.NewFromConfig(cfg), sqs.NewFromConfig(cfg)}
}

// as is a context with a user who may do what the actions say, everywhere.
func as(t *testing.T, actions ...string) context.Context {
	t.Helper()
	list, err := json.Marshal(actions)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":`+string(list)+`,"Resource":"*"}]}`),
		policy.Options{Kind: policy.Identity})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: account,
		ARN: "arn:aws:iam::" + account + ":user/u", UserName: "u", PrincipalID: "AIDAU", Policies: []*policy.Policy{p}})
}

func (w *world) key(t *testing.T, keyPolicy string) string {
	t.Helper()
	in := &kms.CreateKeyInput{}
	if keyPolicy != "" {
		in.Policy = &keyPolicy
	}
	out, err := w.kms.CreateKey(as(t, "*"), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

const delegation = `{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"}`

func keyPolicy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(append([]string{delegation}, statements...), ",") + `]}`
}

func forService(source string) string {
	return policy.ServiceStatement("Profiles", "profile.amazonaws.com", []string{"kms:GenerateDataKey", "kms:Decrypt", "kms:CreateGrant"},
		"*", "arn:aws:profile:us-east-1:"+account+":domains/"+source, account)
}

func (w *world) create(ctx context.Context, name, key string) error {
	_, err := w.DomainAPI.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: name, DefaultExpirationDays: 30, DefaultEncryptionKey: &key})
	return err
}

func TestAKeyIsCheckedBeforeADomainUsesIt(t *testing.T) {
	user := []string{"kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"}
	for _, c := range []struct {
		name, policy string
		caller       []string
		kind         fault.Kind // of the refusal; Internal: none
		text         string
		grants       int
	}{
		{name: "a caller who may make grants gets one made", caller: append(user, "kms:CreateGrant"), grants: 1},
		{name: "a key policy for the service needs no grant", policy: keyPolicy(forService("d1")), caller: user},
		{name: "a key policy for another domain does not serve", policy: keyPolicy(forService("other")), caller: user,
			kind: fault.Invalid, text: `"aws:SourceArn": "arn:aws:profile:us-east-1:000000000000:domains/d1"`},
		{name: "neither policy nor grant", caller: user, kind: fault.Invalid, text: "add this statement to its key policy"},
		{name: "the caller may not make data keys", policy: keyPolicy(forService("d1")), caller: []string{"kms:Decrypt", "kms:DescribeKey"},
			kind: fault.Denied, text: "kms:GenerateDataKey"},
		{name: "the caller may not decrypt", policy: keyPolicy(forService("d1")), caller: []string{"kms:GenerateDataKey", "kms:DescribeKey"},
			kind: fault.Denied, text: "kms:Decrypt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			key := w.key(t, c.policy)
			err := w.create(as(t, c.caller...), "d1", key)
			if c.text == "" && err != nil {
				t.Fatal(err)
			}
			if c.text != "" && (!fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.text)) {
				t.Fatalf("got %v, want a refusal with %q", err, c.text)
			}
			grants, err := w.kms.ListGrants(as(t, "*"), &kms.ListGrantsInput{KeyId: &key})
			if err != nil {
				t.Fatal(err)
			}
			if len(grants.Grants) != c.grants {
				t.Errorf("%d grants, want %d", len(grants.Grants), c.grants)
			}
			if _, err := w.DomainAPI.GetDomain(as(t, "*"), &profileapi.GetDomainRequest{DomainName: "d1"}); (err == nil) != (c.text == "") {
				t.Errorf("after the refusal the domain is there: %v", err)
			}
		})
	}
}

func TestTheStatementInARefusalIsTheRepair(t *testing.T) {
	w := newWorld(t)
	key := w.key(t, "")
	caller := as(t, "kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey")
	err := w.create(caller, "d1", key)
	_, statement, ok := strings.Cut(err.Error(), "key policy: ")
	if !ok {
		t.Fatal(err)
	}
	statement, _, _ = strings.Cut(statement, "\n}") // the fault's cause follows in Error, not in the message
	text := keyPolicy(statement + "}")
	if _, err := w.kms.PutKeyPolicy(as(t, "*"), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &text}); err != nil {
		t.Fatal(err)
	}
	if err := w.create(caller, "d1", key); err != nil {
		t.Error(err)
	}
}

func TestAKeyThatIsNotThereOrNotEnabledIsRefused(t *testing.T) {
	w := newWorld(t)
	if err := w.create(as(t, "*"), "d1", "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000"); !fault.Is(err, fault.Invalid) {
		t.Errorf("missing key: %v", err)
	}
	key := w.key(t, "")
	if _, err := w.kms.DisableKey(as(t, "*"), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	if err := w.create(as(t, "*"), "d1", key); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Disabled") {
		t.Errorf("disabled key: %v", err)
	}
}

func TestAnObjectTypesKeyIsCheckedForTheType(t *testing.T) {
	w := newWorld(t)
	if _, err := w.DomainAPI.CreateDomain(as(t, "*"), &profileapi.CreateDomainRequest{DomainName: "d1", DefaultExpirationDays: 30}); err != nil {
		t.Fatal(err)
	}
	put := func(key string) error {
		_, err := w.TypesAPI.PutProfileObjectType(as(t, "kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"), &profileapi.PutProfileObjectTypeRequest{
			DomainName: "d1", ObjectTypeName: "T", Description: "x", EncryptionKey: &key,
			Fields: map[string]profileapi.ObjectTypeField{"id": {Source: new("_source.id")}},
			Keys:   map[string][]profileapi.ObjectTypeKey{"k": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}}})
		return err
	}
	if err := put(w.key(t, keyPolicy(forService("d1")))); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "domains/d1/objects/T") {
		t.Errorf("a policy for the domain: %v", err)
	}
	if err := put(w.key(t, keyPolicy(forService("d1/objects/T")))); err != nil {
		t.Errorf("a policy for the type: %v", err)
	}
}

func TestAQueueIsCheckedBeforeADomainUsesIt(t *testing.T) {
	w := newWorld(t)
	q, err := w.sqs.CreateQueue(as(t, "*"), &sqs.CreateQueueInput{QueueName: new("dlq")})
	if err != nil {
		t.Fatal(err)
	}
	create := func() error {
		_, err := w.DomainAPI.CreateDomain(as(t, "*"), &profileapi.CreateDomainRequest{DomainName: "d1", DefaultExpirationDays: 30, DeadLetterQueueUrl: q.QueueUrl})
		return err
	}
	set := func(statement string) {
		t.Helper()
		text := `{"Version":"2012-10-17","Statement":[` + statement + `]}`
		if _, err := w.sqs.SetQueueAttributes(as(t, "*"), &sqs.SetQueueAttributesInput{QueueUrl: q.QueueUrl, Attributes: map[string]string{"Policy": text}}); err != nil {
			t.Fatal(err)
		}
	}
	statement := func(source, account string) string {
		return policy.ServiceStatement("P", "profile.amazonaws.com", []string{"sqs:SendMessage"}, "arn:aws:sqs:us-east-1:000000000000:dlq",
			"arn:aws:profile:us-east-1:000000000000:domains/"+source, account)
	}
	if err := create(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Add this statement") {
		t.Errorf("no policy: %v", err)
	}
	set(statement("other", account))
	if err := create(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "aws:SourceArn") {
		t.Errorf("a policy for another domain: %v", err)
	}
	set(statement("d1", "111111111111"))
	if err := create(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "aws:SourceAccount") {
		t.Errorf("a policy for another account: %v", err)
	}
	set(statement("d1", account))
	if err := create(); err != nil {
		t.Errorf("the right policy: %v", err)
	}
	if _, err := w.DomainAPI.UpdateDomain(as(t, "*"), &profileapi.UpdateDomainRequest{DomainName: "d1", DeadLetterQueueUrl: new("http://127.0.0.1/000000000000/gone")}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a queue that is not there: %v", err)
	}
}
