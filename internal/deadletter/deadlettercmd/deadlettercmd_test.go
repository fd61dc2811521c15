package deadlettercmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/datakey"
	"kindred/internal/deadletter"
	"kindred/internal/deadletter/deadlettercmd"
	"kindred/internal/node"
	"kindred/internal/page"
	"kindred/internal/policy"
	"kindred/internal/resource"
	"kindred/internal/rootkey"
	"kindred/internal/server"
	"kindred/internal/store/memstore"
)

const (
	account  = "000000000000"
	queueURL = "http://127.0.0.1/000000000000/dlq"
)

// office is a server with a domain "d" and its queue, at which the environment
// of AWS clients points.
type office struct {
	t    *testing.T
	node *node.Node
	send *resource.Queues
	sqs  *sqs.Client
	root context.Context
	dir  string
	sent time.Time // of the last letter
}

func start(t *testing.T) *office {
	t.Helper()
	st, root := memstore.New(), rootkey.Random()
	t.Cleanup(func() { _ = st.Close() })
	log := slog.New(slog.DiscardHandler)
	n, err := node.New(node.Config{Store: st, Root: root, Region: "us-east-1", Account: account, Endpoint: func() string { return "http://127.0.0.1" }, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	local := n.Server.InProcess(access.From)
	clients := resource.NewClients("us-east-1", local, nil, nil)
	pages, err := page.New(make([]byte, datakey.Size))
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, node: n, send: resource.NewQueues(clients, "us-east-1", account), dir: t.TempDir(), sent: time.Now().Add(-time.Hour)}
	letters := deadletter.NewService(deadletter.Config{Domains: n.DomainAPI, Queues: clients, Ingest: n.Ingest, Pages: pages,
		Outbox: deadletter.New(st, root.AEAD("outbox"), n.DomainAPI, o.send, log), Account: account, Log: log})
	if err := n.IAM.Bootstrap(t.Context(), filepath.Join(o.dir, "credentials"), true); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(server.New(server.Config{Authenticator: n.IAM, Logger: log,
		Services: []server.Mount{{API: kindredapi.Service(), Impl: []any{n.IAM, letters}}}}))
	t.Cleanup(srv.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": srv.URL, "AWS_REGION": "us-east-1", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(o.dir, "credentials"),
		"AWS_CONFIG_FILE": filepath.Join(o.dir, "config"), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.root = access.WithCaller(t.Context(), &access.Caller{Type: access.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/u",
		Policies: []*policy.Policy{all}})
	o.furnish(local)
	return o
}

// furnish makes a queue and a domain with the object types Order and, of which
// records make no profiles, Match.
func (o *office) furnish(local http.RoundTripper) {
	o.t.Helper()
	o.sqs = sqs.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://in-process"), HTTPClient: &http.Client{Transport: local},
		Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")})
	statement := policy.ServiceStatement("P", "profile.amazonaws.com", []string{"sqs:SendMessage"}, "arn:aws:sqs:us-east-1:000000000000:dlq",
		"arn:aws:profile:us-east-1:000000000000:domains/d", account)
	_, err := o.sqs.CreateQueue(o.root, &sqs.CreateQueueInput{QueueName: aws.String("dlq"),
		Attributes: map[string]string{"Policy": `{"Version":"2012-10-17","Statement":[` + statement + `]}`}})
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.node.DomainAPI.CreateDomain(o.root, &profileapi.CreateDomainRequest{DomainName: "d", DefaultExpirationDays: 30, DeadLetterQueueUrl: aws.String(queueURL)}); err != nil {
		o.t.Fatal(err)
	}
	for name, mayCreate := range map[string]bool{"Order": true, "Match": false} {
		_, err := o.node.TypesAPI.PutProfileObjectType(o.root, &profileapi.PutProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: name,
			Description: "of a test", AllowProfileCreation: &mayCreate,
			Fields: map[string]profileapi.ObjectTypeField{"id": {Source: aws.String("_source.id"), Target: aws.String("_profile.AccountNumber")}},
			Keys:   map[string][]profileapi.ObjectTypeKey{"_account": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}}})
		if err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *office) mail(objectType, reason, id string) {
	o.t.Helper()
	o.sent = o.sent.Add(time.Millisecond) // a time each, however fast the test is
	err := o.send.Send(o.t.Context(), &resource.Letter{QueueURL: queueURL, Domain: "d", ObjectType: objectType, Reason: reason,
		Body: fmt.Sprintf(`{"id":%q}`, id), FirstSent: o.sent})
	if err != nil {
		o.t.Fatal(err)
	}
}

func run(t *testing.T, line string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := deadlettercmd.Run(t.Context(), strings.Fields(line), &stdout, &stderr)
	return stdout.String() + stderr.String(), err
}

// TestStory runs commands one after another; each says what its output has to
// match, or its error when it begins with "error: ".
func TestStory(t *testing.T) {
	o := start(t)
	o.mail("Order", "old\u009b31m", "secret-1")
	o.mail("Order", "another", "secret-2")
	o.mail("Match", "old", "secret-3")
	var id string
	for _, c := range []struct{ line, want string }{
		{"list --domain d", `(?s)^ID +SENT +OBJECT TYPE +STATE +RECEIVED +ERROR\n\S+ +\d{4}-\S+Z +Order +QUEUED +1 +old 31m\n.*LETTERS +OBJECT TYPE +ERROR\n1 .*3 of 3 letters shown\.\n$`},
		{"list --domain d --show-records", `(?s)old 31m\n    \{"id":"secret-1"\}\n.*secret-2.*secret-3`},
		{"list --domain d --error anoth", `(?s)\n(\S+) +\S+ +Order +QUEUED +\d+ +another\n\n.*1 of 1 letters shown`},
		{"list --domain d --object-type Match --limit 1", `(?s)Match.*1 of 1 letters shown`},
		{"list --domain d --limit 2", `2 of 3 letters shown`},
		{"redrive --domain d --dry-run", `(?s)FAILED +No profile matches.*\n\nFAILED +OBJECT TYPE +ERROR\n1 +Match .*\n2 letters would be ingested, 1 failed, 0 skipped\.\n$`},
		{"redrive --domain d --id ID", `^\n1 letters ingested, 0 failed, 0 skipped\.\n$`},
		{"redrive --domain d --object-type Order --error old --limit 1", `^\n1 letters ingested`},
		{"redrive --domain d", `error: deadletter redrive: 1 letters failed again`},
		{"list --domain d", `(?s)No profile matches.*1 of 1 letters shown`},
		{"list --domain none", `error: deadletter list: ResourceNotFoundException`},
		{"redrive --domain none", `error: deadletter redrive: ResourceNotFoundException`},
		{"list", `error: --domain D is missing`},
		{"list --domain d x", `error: unexpected argument "x"`},
		{"list --domain d --limit 0", `error: --limit`},
		{"list --domain d --nonsense", `error: nonsense`},
		{"redrive --domain d --limit -1", `error: --limit`},
		{"redrive --domain d --id=", `error: want the id`},
		{"redrive --domain d --show-records", `error: show-records`},
		{"frob", `error: there is no command "frob"`},
		{"", `error: a command is missing`},
		{"--help", `kindred deadletter redrive --domain D`},
		{"list --help", `(?s)kindred deadletter list --domain D.*-show-records`},
		{"list --domain d --endpoint nonsense", `error: endpoint "nonsense"`},
		{"list --domain d --region eu-west-1", `error: InvalidSignatureException`},
		{"list --domain d --credentials /none", `error: credentials`},
		{"list --domain d --credentials CREDENTIALS", `1 of 1 letters shown`},
	} {
		line := strings.NewReplacer("ID", id, "CREDENTIALS", filepath.Join(o.dir, "credentials")).Replace(c.line)
		got, err := run(t, line)
		if !strings.Contains(line, "--show-records") && strings.Contains(got, "secret") {
			t.Errorf("%s: shows a record:\n%s", line, got)
		}
		want, wantError := strings.CutPrefix(c.want, "error: ")
		if wantError {
			if err == nil {
				t.Errorf("%s: no error, want %s", line, want)
				continue
			}
			got = err.Error()
		} else if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		match := regexp.MustCompile(want).FindStringSubmatch(got)
		if match == nil {
			t.Errorf("%s: got\n%s\nwant %s", line, got, want)
		} else if len(match) > 1 {
			id = match[1]
		}
	}
}

func TestJSON(t *testing.T) {
	o := start(t)
	o.mail("Order", "old", "secret")
	for _, c := range []struct {
		line string
		body string
	}{{"list --domain d --json", ""}, {"list --domain d --json --show-records", `{"id":"secret"}`}} {
		text, err := run(t, c.line)
		var got struct {
			Items []struct {
				Id, Body, State string
				SentAt          float64
			}
			Matched int
		}
		if err == nil {
			err = json.Unmarshal([]byte(text), &got)
		}
		if err != nil || len(got.Items) != 1 || got.Items[0].Body != c.body || got.Items[0].Id == "" || got.Items[0].SentAt < 1e9 || got.Matched != 1 {
			t.Errorf("%s: %s %v", c.line, text, err)
		}
	}
	text, err := run(t, "redrive --domain d --json")
	var got struct {
		Redriven int
		Results  []struct{ State string }
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &got)
	}
	if err != nil || got.Redriven != 1 || got.Results[0].State != "REDRIVEN" {
		t.Errorf("%s %v", text, err)
	}
}

// TestMany: lists and redrives that take several calls are shown whole.
func TestMany(t *testing.T) {
	o := start(t)
	const letters = 130
	for i := range letters {
		o.mail("Match", "old", fmt.Sprint(i))
	}
	if text, err := run(t, "list --domain d --limit 1000"); err != nil || !strings.Contains(text, "130 of 130 letters shown") || strings.Count(text, "QUEUED") != letters {
		t.Errorf("%v\n%s", err, text)
	}
	text, err := run(t, "redrive --domain d")
	if err == nil || !strings.Contains(text, "\n0 letters ingested, 130 failed, 0 skipped.\n") || strings.Count(text, "No profile") != 100+1 {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestWhatIsLeftUnseenIsTold(t *testing.T) {
	o := start(t)
	o.mail("Order", "old", "1")
	o.mail("Order", "old", "2")
	if _, err := o.sqs.SendMessage(o.root, &sqs.SendMessageInput{QueueUrl: aws.String(queueURL), MessageBody: aws.String("hello")}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.sqs.ReceiveMessage(o.root, &sqs.ReceiveMessageInput{QueueUrl: aws.String(queueURL)}); err != nil {
		t.Fatal(err)
	}
	text, err := run(t, "list --domain d")
	if err != nil || !strings.Contains(text, "\n1 messages are held by others") || !strings.Contains(text, "\n1 messages in the queue are no letters") {
		t.Errorf("%v\n%s", err, text)
	}
	if text, err = run(t, "redrive --domain d"); err != nil || !strings.Contains(text, "1 letters ingested, 0 failed, 1 skipped.\n1 messages were held by others") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := o.sqs.DeleteQueue(o.root, &sqs.DeleteQueueInput{QueueUrl: aws.String(queueURL)}); err != nil {
		t.Fatal(err)
	}
	if text, err = run(t, "list --domain d"); err != nil || !strings.Contains(text, "The dead letter queue of the domain does not exist.") {
		t.Errorf("%v\n%s", err, text)
	}
}
