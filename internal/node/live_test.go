package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"kindred/internal/api/connectapi"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

// desk is an installation of two nodes with an instance that belongs to a domain.
type desk struct {
	t          *testing.T
	nodes      [2]*node.Node
	urls       [2]string
	instanceID string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t}
	st := memstore.New()
	root := rootkey.Random()
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range d.nodes {
		d.join(i, st, root)
	}
	all := as(t, "*")
	if err := d.nodes[0].IAM.Bootstrap(t.Context(), filepath.Join(t.TempDir(), "credentials"), true); err != nil {
		t.Fatal(err)
	}
	if _, err := d.nodes[0].DomainAPI.CreateDomain(all, &profileapi.CreateDomainRequest{DomainName: "shop", DefaultExpirationDays: 30}); err != nil {
		t.Fatal(err)
	}
	instance, err := d.nodes[0].Contacts.CreateInstance(all, &connectapi.CreateInstanceRequest{IdentityManagementType: "CONNECT_MANAGED", InstanceAlias: aws.String("shop")})
	if err != nil {
		t.Fatal(err)
	}
	d.instanceID = *instance.Id
	if _, err := d.nodes[0].Integrations.PutIntegration(all, &profileapi.PutIntegrationRequest{DomainName: "shop", Uri: instance.Arn, ObjectTypeName: aws.String("CTR")}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) join(i int, st store.Store, root *rootkey.Key) {
	d.t.Helper()
	n, err := node.New(node.Config{Store: st, Root: root, Region: "us-east-1", Account: account,
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(d.t.Context())
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	server := httptest.NewServer(n.Server)
	d.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Error(err)
		}
		server.CloseClientConnections()
		server.Close()
	})
	d.nodes[i], d.urls[i] = n, server.URL
}

// user makes a user with a policy and an access key.
func (d *desk) user(name, document string) aws.Credentials {
	d.t.Helper()
	all := as(d.t, "*")
	iam := d.nodes[0].IAM
	if _, err := iam.CreateUser(all, &kindredapi.CreateUserRequest{UserName: name}); err != nil {
		d.t.Fatal(err)
	}
	if _, err := iam.PutUserPolicy(all, &kindredapi.PutUserPolicyRequest{UserName: name, PolicyName: "p", PolicyDocument: document}); err != nil {
		d.t.Fatal(err)
	}
	key, err := iam.CreateAccessKey(all, &kindredapi.CreateAccessKeyRequest{UserName: name})
	if err != nil {
		d.t.Fatal(err)
	}
	return aws.Credentials{AccessKeyID: key.AccessKey.AccessKeyId, SecretAccessKey: key.AccessKey.SecretAccessKey}
}

// follow asks a node for the stream as an EventSource does: with a URL and nothing else.
func (d *desk) follow(i int, c aws.Credentials) *http.Response {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), "GET", d.urls[i]+"/console/events?X-Amz-Expires=60&instanceId="+url.QueryEscape(d.instanceID), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	signed, _, err := v4.NewSigner().PresignHTTP(d.t.Context(), c, r, empty, "kindred", "us-east-1", time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	answer, err := http.Get(signed)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// contact waits for the next event of a contact.
func contact(t *testing.T, lines *bufio.Scanner) (data map[string]any) {
	t.Helper()
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if err := json.Unmarshal([]byte(text), &data); err != nil {
			t.Fatal(err)
		}
		return data
	}
	t.Fatal("the stream has ended")
	return nil
}

const agent = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["connect:DescribeContact","profile:SearchProfiles"],"Resource":"*"}]}`

// A contact that arrives on one node is told of on both, with its profile.
func TestContactsAreToldOfOnEveryNode(t *testing.T) {
	d := newDesk(t)
	all := as(t, "*")
	made, err := d.nodes[0].Profiles.CreateProfile(all, &profileapi.CreateProfileRequest{DomainName: "shop", FirstName: aws.String("Ada"), PhoneNumber: aws.String("+15550100")})
	if err != nil {
		t.Fatal(err)
	}
	c := d.user("agent", agent)
	var streams [2]*bufio.Scanner
	for i := range streams {
		answer := d.follow(i, c)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Fatalf("%d %v", answer.StatusCode, answer.Header)
		}
		streams[i] = bufio.NewScanner(answer.Body)
	}
	out, err := d.nodes[0].Contacts.CreateContact(all, &connectapi.CreateContactRequest{InstanceId: d.instanceID, Channel: "VOICE", InitiationMethod: "INBOUND",
		Attributes: map[string]string{"customerPhone": "+1 555 0100"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, lines := range streams {
		for {
			data := contact(t, lines)
			if data["contactId"] != *out.ContactId || data["state"] != "ARRIVED" {
				t.Fatalf("node %d: %v", i, data)
			}
			ids, _ := data["profileIds"].([]any)
			found := false
			for _, id := range ids {
				found = found || id == made.ProfileId
			}
			if !found {
				t.Fatalf("node %d: %v has not %s", i, data, made.ProfileId)
			}
			if data["associatedProfileId"] != nil { // once it is ingested, too
				break
			}
		}
	}
}

// Without the permissions there is no stream, and it ends when they do.
func TestStreamsNeedPermissions(t *testing.T) {
	d := newDesk(t)
	for name, document := range map[string]string{
		"nothing":    `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`,
		"nocontacts": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"profile:*","Resource":"*"}]}`,
		"noprofiles": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"connect:*","Resource":"*"}]}`,
	} {
		answer := d.follow(0, d.user(name, document))
		var refusal struct{ Code, Message string }
		if err := json.NewDecoder(answer.Body).Decode(&refusal); err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusForbidden || refusal.Code != "AccessDeniedException" || !strings.Contains(refusal.Message, "is not authorized to perform: ") {
			t.Errorf("%s: %d %v", name, answer.StatusCode, refusal)
		}
	}
	c := d.user("leaving", agent)
	answer := d.follow(0, c)
	lines := bufio.NewScanner(answer.Body)
	if answer.StatusCode != http.StatusOK || !lines.Scan() {
		t.Fatal(answer.Status)
	}
	if _, err := d.nodes[0].IAM.UpdateAccessKey(as(t, "*"), &kindredapi.UpdateAccessKeyRequest{UserName: "leaving", AccessKeyId: c.AccessKeyID, Status: "Inactive"}); err != nil {
		t.Fatal(err)
	}
	if data := contact(t, lines); data["reason"] != "CREDENTIALS" {
		t.Errorf("%v", data)
	}
	wrong := c
	wrong.SecretAccessKey = "x"
	if answer := d.follow(0, wrong); answer.StatusCode != http.StatusForbidden {
		t.Errorf("%d", answer.StatusCode)
	}
}
