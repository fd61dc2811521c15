package deadletter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/datakey"
	"kindred/internal/deadletter"
	"kindred/internal/domain"
	"kindred/internal/ingest"
	"kindred/internal/node"
	"kindred/internal/page"
	"kindred/internal/permission"
	"kindred/internal/policy"
	"kindred/internal/resource"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

const (
	region    = "us-east-1"
	account   = "000000000000"
	queueURL  = "http://127.0.0.1/000000000000/dlq"
	queueARN  = "arn:aws:sqs:us-east-1:000000000000:dlq"
	domainARN = "arn:aws:profile:us-east-1:000000000000:domains/d"
)

// desk is a node in memory with a domain "d", its queue "dlq", and the
// operations on dead letters under test.
type desk struct {
	*node.Node
	t       *testing.T
	store   store.Store
	kms     *kms.Client
	sqs     *sqs.Client
	send    *resource.Queues
	queues  *hooks
	outbox  *deadletter.Outbox
	try     *trier
	letters *deadletter.Service
}

// hooks are called around the calls to the queue; each may be nil.
type hooks struct {
	*resource.Clients
	foreign bool // pretend that queues are outside of Kindred

	mu      sync.Mutex
	empty   int                                                 // receives that answer with nothing
	receive func(context.Context) error                         // after a receive
	remove  func(context.Context) error                         // instead of a delete, if an error
	deny    func(*sqstypes.DeleteMessageBatchRequestEntry) bool // entries that fail
	change  func(ctx context.Context, timeout int32)
	calls   map[string]int
}

func (h *hooks) Embedded(url string) bool { return !h.foreign && h.Clients.Embedded(url) }

func (h *hooks) SQS(ctx context.Context, url string) (resource.SQS, error) {
	q, err := h.Clients.SQS(ctx, url)
	return hooked{q, h}, err
}

func (h *hooks) called(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls[name]++
}

type hooked struct {
	resource.SQS
	h *hooks
}

func (q hooked) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	q.h.called("receive")
	if q.h.empty > 0 {
		q.h.empty--
		return &sqs.ReceiveMessageOutput{}, nil
	}
	out, err := q.SQS.ReceiveMessage(ctx, in, o...)
	if err == nil && q.h.receive != nil {
		err = q.h.receive(ctx)
	}
	return out, err
}

func (q hooked) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	q.h.called("delete")
	if q.h.remove != nil {
		if err := q.h.remove(ctx); err != nil {
			return nil, err
		}
	}
	if q.h.deny == nil {
		return q.SQS.DeleteMessageBatch(ctx, in, o...)
	}
	allowed := *in
	allowed.Entries = nil
	var failed []sqstypes.BatchResultErrorEntry
	for _, e := range in.Entries {
		if q.h.deny(&e) {
			failed = append(failed, sqstypes.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError"), Message: aws.String("no")})
		} else {
			allowed.Entries = append(allowed.Entries, e)
		}
	}
	out, err := q.SQS.DeleteMessageBatch(ctx, &allowed, o...)
	if err == nil {
		out.Failed = append(out.Failed, failed...)
	}
	return out, err
}

func (q hooked) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, o ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	timeout := in.Entries[0].VisibilityTimeout
	q.h.called(fmt.Sprintf("visibility %d", timeout))
	if q.h.change != nil {
		q.h.change(ctx, timeout)
	}
	return q.SQS.ChangeMessageVisibilityBatch(ctx, in, o...)
}

// trier notes what is ingested, and calls before, if any.
type trier struct {
	*ingest.Service
	before func(ctx context.Context) error

	mu     sync.Mutex
	bodies []string
}

func (r *trier) Try(ctx context.Context, d domain.ID, typ string, bodies []string, rehearsal bool) ([]ingest.Result, error) {
	r.mu.Lock()
	r.bodies = append(r.bodies, bodies...)
	r.mu.Unlock()
	if r.before != nil {
		if err := r.before(ctx); err != nil {
			return nil, err
		}
	}
	return r.Service.Try(ctx, d, typ, bodies, rehearsal)
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	st, root := memstore.New(), rootkey.Random()
	log := slog.New(slog.DiscardHandler)
	n, err := node.New(node.Config{Store: st, Root: root, Region: region, Account: account,
		Endpoint: func() string { return "http://127.0.0.1" }, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	local := n.Server.InProcess(access.From)
	cfg := aws.Config{Region: region, BaseEndpoint: aws.String("http://in-process"), HTTPClient: &http.Client{Transport: local},
		Credentials: credentials.NewStaticCredentialsProvider("A", "B", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	d := &desk{Node: n, t: t, store: st, kms: kms.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
		queues: &hooks{Clients: resource.NewClients(region, local, nil, nil), calls: map[string]int{}}, try: &trier{Service: n.Ingest}}
	d.send = resource.NewQueues(d.queues.Clients, region, account)
	d.outbox = deadletter.New(st, root.AEAD("outbox"), n.DomainAPI, d.send, log)
	d.letters = d.service()
	d.createQueue("dlq", nil)
	d.createDomain("d", &profileapi.CreateDomainRequest{DeadLetterQueueUrl: aws.String(queueURL)})
	return d
}

// id is the identity of a domain.
func (d *desk) id(domainName string) domain.ID {
	d.t.Helper()
	cfg, err := d.DomainAPI.Config(d.t.Context(), domainName)
	if err != nil {
		d.t.Fatal(err)
	}
	return cfg.ID
}

// service is another node's service over the same store and queues.
func (d *desk) service() *deadletter.Service {
	d.t.Helper()
	pages, err := page.New(make([]byte, datakey.Size))
	if err != nil {
		d.t.Fatal(err)
	}
	return deadletter.NewService(deadletter.Config{Domains: d.DomainAPI, Queues: d.queues, Outbox: d.outbox, Ingest: d.try,
		Pages: pages, Account: account, Log: slog.New(slog.DiscardHandler),
		Authorize: permission.New(region, account, func(context.Context, string, string) (map[string]string, error) { return nil, nil }).Authorize})
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

func (d *desk) root() context.Context { return as(d.t, "*") }

func (d *desk) createQueue(name string, attributes map[string]string) {
	d.t.Helper()
	arn := "arn:aws:sqs:us-east-1:000000000000:" + name
	statement := policy.ServiceStatement("P", "profile.amazonaws.com", []string{"sqs:SendMessage"}, arn, strings.TrimSuffix(domainARN, "d")+"*", account)
	statement = strings.ReplaceAll(statement, "ArnEquals", "ArnLike")
	all := map[string]string{"Policy": `{"Version":"2012-10-17","Statement":[` + statement + `]}`}
	for k, v := range attributes {
		all[k] = v
	}
	if _, err := d.sqs.CreateQueue(d.root(), &sqs.CreateQueueInput{QueueName: &name, Attributes: all}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) createDomain(name string, in *profileapi.CreateDomainRequest) {
	d.t.Helper()
	in.DomainName, in.DefaultExpirationDays = name, 30
	if _, err := d.DomainAPI.CreateDomain(d.root(), in); err != nil {
		d.t.Fatal(err)
	}
}

// putType makes an object type whose records have an id and a name.
func (d *desk) putType(name string, mayCreate bool) {
	d.t.Helper()
	_, err := d.TypesAPI.PutProfileObjectType(d.root(), &profileapi.PutProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: name,
		Description: "of a test", AllowProfileCreation: &mayCreate,
		Fields: map[string]profileapi.ObjectTypeField{"id": {Source: aws.String("_source.id"), Target: aws.String("_profile.AccountNumber")},
			"name": {Source: aws.String("_source.name"), Target: aws.String("_profile.FirstName")}},
		Keys: map[string][]profileapi.ObjectTypeKey{"_account": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}}})
	if err != nil {
		d.t.Fatal(err)
	}
}

const oldError = "an error of old"

func body(id, name string) string { return fmt.Sprintf(`{"id":%q,"name":%q}`, id, name) }

// mail puts a letter into the queue, a millisecond after the one before.
func (d *desk) mail(objectType, reason, body string) {
	d.t.Helper()
	d.mailAs(&resource.Letter{Domain: "d", ObjectType: objectType, Reason: reason, Body: body})
}

func (d *desk) mailAs(l *resource.Letter) {
	d.t.Helper()
	time.Sleep(time.Millisecond) // of a bubble
	l.QueueURL = queueURL
	if err := d.send.Send(context.Background(), l); err != nil {
		d.t.Fatal(err)
	}
}

// drop puts a message into the queue that Customer Profiles did not send.
func (d *desk) drop(body string, attributes map[string]string) {
	d.t.Helper()
	in := &sqs.SendMessageInput{QueueUrl: aws.String(queueURL), MessageBody: &body, MessageAttributes: map[string]sqstypes.MessageAttributeValue{}}
	for k, v := range attributes {
		in.MessageAttributes[k] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(v)}
	}
	if _, err := d.sqs.SendMessage(d.root(), in); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) list(in *kindredapi.ListDeadLettersRequest) *kindredapi.ListDeadLettersResponse {
	d.t.Helper()
	in.DomainName = "d"
	out, err := d.letters.ListDeadLetters(d.root(), in)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *desk) redrive(in *kindredapi.RedriveDeadLettersRequest) *kindredapi.RedriveDeadLettersResponse {
	d.t.Helper()
	in.DomainName = "d"
	out, err := d.letters.RedriveDeadLetters(d.root(), in)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// first is the id of the oldest letter of a type.
func (d *desk) first(objectType string) string {
	d.t.Helper()
	items := d.list(&kindredapi.ListDeadLettersRequest{ObjectTypeName: &objectType}).Items
	if len(items) == 0 {
		d.t.Fatalf("no letter of the type %s", objectType)
	}
	return items[0].Id
}

// queued is what an ordinary client finds in the queue: bodies and errors, in
// the order of the bodies. All must be visible.
func (d *desk) queued() (found []string) {
	d.t.Helper()
	for {
		out, err := d.sqs.ReceiveMessage(d.root(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(queueURL), MaxNumberOfMessages: 10,
			VisibilityTimeout: 1, MessageAttributeNames: []string{"All"}})
		if err != nil {
			d.t.Fatal(err)
		}
		for _, m := range out.Messages {
			found = append(found, *m.Body+" "+aws.ToString(m.MessageAttributes["Message"].StringValue))
		}
		if len(out.Messages) == 0 {
			break
		}
	}
	time.Sleep(time.Second)
	slices.Sort(found)
	return found
}

func (d *desk) wantQueued(want ...string) {
	d.t.Helper()
	if got := d.queued(); !slices.Equal(got, want) {
		d.t.Errorf("the queue holds %q, want %q", got, want)
	}
}

// name is the first name of the profile with an account number; empty: none.
func (d *desk) name(id string) string {
	d.t.Helper()
	out, err := d.Profiles.SearchProfiles(d.root(), &profileapi.SearchProfilesRequest{DomainName: "d", KeyName: "_account", Values: []string{id}})
	if err != nil {
		d.t.Fatal(err)
	}
	switch len(out.Items) {
	case 0:
		return ""
	case 1:
		return aws.ToString(out.Items[0].FirstName)
	}
	d.t.Errorf("%d profiles with the account %s", len(out.Items), id)
	return ""
}

// stats are the profiles and objects of the domain.
func (d *desk) stats() (profiles, objects int64) {
	d.t.Helper()
	out, err := d.DomainAPI.GetDomain(d.root(), &profileapi.GetDomainRequest{DomainName: "d"})
	if err != nil {
		d.t.Fatal(err)
	}
	return *out.Stats.ProfileCount, *out.Stats.ObjectCount
}
