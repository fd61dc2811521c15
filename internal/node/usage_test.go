package node_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"kindred/internal/access"
	"kindred/internal/api/profileapi"
	"kindred/internal/policy"
	"kindred/kindredclient"
)

func (w *world) client() *kindredclient.Client {
	return &kindredclient.Client{Endpoint: "http://in-process", Region: "us-east-1", HTTP: &http.Client{Transport: w.Server.InProcess(access.From)},
		Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}
}

func TestWhoUsesAKey(t *testing.T) {
	w := newWorld(t)
	all := as(t, "*")
	// A grant cannot be made by an alias; a key policy serves.
	first, second, idle := w.key(t, keyPolicy(forService("by-alias"))), w.key(t, ""), w.key(t, "")
	if _, err := w.kms.CreateAlias(all, &kms.CreateAliasInput{AliasName: new("alias/first"), TargetKeyId: &first}); err != nil {
		t.Fatal(err)
	}
	id := first[strings.LastIndexByte(first, '/')+1:]
	for name, key := range map[string]string{"by-arn": first, "by-id": id, "by-alias": "alias/first", "other": second, "changed": first} {
		if err := w.create(all, name, key); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if _, err := w.DomainAPI.CreateDomain(all, &profileapi.CreateDomainRequest{DomainName: "none", DefaultExpirationDays: 30}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.TypesAPI.PutProfileObjectType(all, &profileapi.PutProfileObjectTypeRequest{
		DomainName: "other", ObjectTypeName: "T", Description: "x", EncryptionKey: &first,
		Fields: map[string]profileapi.ObjectTypeField{"id": {Source: new("_source.id")}},
		Keys:   map[string][]profileapi.ObjectTypeKey{"k": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.update(t, "changed", second); err != nil { // nobody reseals here: the node does not run
		t.Fatal(err)
	}
	for key, want := range map[string][]kindredclient.KeyUse{
		first: {{DomainName: "by-alias", State: "IN_FORCE"}, {DomainName: "by-arn", State: "IN_FORCE"}, {DomainName: "by-id", State: "IN_FORCE"},
			{DomainName: "changed", State: "BEING_REPLACED"}, {DomainName: "other", ObjectTypeName: "T", State: "IN_FORCE"}},
		second: {{DomainName: "changed", State: "IN_FORCE"}, {DomainName: "other", State: "IN_FORCE"}},
		idle:   {},
	} {
		got, err := w.client().GetKeyUsage(all, key)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %s %v", key, d, err)
		}
	}
	refused(t, "without the permission", "AccessDeniedException", func() error {
		_, err := w.client().GetKeyUsage(as(t, "kms:*"), first)
		return err
	})
	refused(t, "what is no key", "BadRequestException", func() error {
		_, err := w.client().GetKeyUsage(all, "arn:aws:kms:us-east-1:000000000000:alias/first")
		return err
	})
}

// refused fails the test when a call is not refused by the name.
func refused(t *testing.T, what, name string, call func() error) {
	t.Helper()
	var refusal *kindredclient.Error
	if err := call(); !errors.As(err, &refusal) || refusal.Name != name {
		t.Errorf("%s: %v", what, err)
	}
}

func TestWhoUsesAQueue(t *testing.T) {
	w := newWorld(t)
	all := as(t, "*")
	var urls []string
	for _, name := range []string{"used", "idle"} {
		text := `{"Version":"2012-10-17","Statement":[` + policy.ServiceStatement("P", "profile.amazonaws.com", []string{"sqs:SendMessage"},
			"arn:aws:sqs:us-east-1:"+account+":"+name, "arn:aws:profile:us-east-1:"+account+":domains/*", account) + `]}`
		text = strings.ReplaceAll(text, "StringEquals", "StringLike")
		q, err := w.sqs.CreateQueue(all, &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"Policy": text}})
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, *q.QueueUrl)
	}
	for _, name := range []string{"d2", "d1"} {
		if _, err := w.DomainAPI.CreateDomain(all, &profileapi.CreateDomainRequest{DomainName: name, DefaultExpirationDays: 30, DeadLetterQueueUrl: &urls[0]}); err != nil {
			t.Fatal(err)
		}
	}
	for url, want := range map[string][]string{urls[0]: {"d1", "d2"}, urls[1]: {},
		strings.Replace(urls[0], "http://127.0.0.1", "https://kindred.example.com", 1): {"d1", "d2"}, // reached by another name
		"https://sqs.eu-west-1.amazonaws.com/000000000000/used":                        {}} {
		got, err := w.client().GetQueueUsage(all, url)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %s %v", url, d, err)
		}
	}
	refused(t, "without the permission", "AccessDeniedException", func() error {
		_, err := w.client().GetQueueUsage(as(t, "sqs:*"), urls[0])
		return err
	})
	refused(t, "what is no queue", "BadRequestException", func() error {
		_, err := w.client().GetQueueUsage(all, "http://127.0.0.1/used")
		return err
	})
}

func TestCallerPermissionsOverTheWire(t *testing.T) {
	w := newWorld(t)
	got, err := w.client().GetCallerPermissions(as(t, "profile:Search*"), "arn:aws:profile:us-east-1:000000000000:domains/d", "profile:SearchProfiles", "profile:DeleteProfile")
	if err != nil || len(got) != 2 || !got[0].Allowed || got[1].Allowed || !strings.Contains(got[1].Reason, "profile:DeleteProfile") {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"profile:*", "SearchProfiles", "profile:Search Profiles"} {
		refused(t, bad, "BadRequestException", func() error {
			_, err := w.client().GetCallerPermissions(as(t, "*"), "", bad)
			return err
		})
	}
}
