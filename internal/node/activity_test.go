package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"kindred/internal/access"
	"kindred/internal/api/profileapi"
	"kindred/internal/node"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/kindredclient"
)

// plant is a node in a bubble, which can be stopped and started again on its store.
type plant struct {
	*node.Node
	t     *testing.T
	store store.Store
	root  *rootkey.Key
	ctx   context.Context
	api   *kindredclient.Client
	stop  func()
}

func (p *plant) start() {
	p.t.Helper()
	n, err := node.New(node.Config{Store: p.store, Root: p.root, Region: "us-east-1", Account: account,
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	p.Node = n
	p.api = &kindredclient.Client{Endpoint: "http://in-process", Region: "us-east-1", HTTP: &http.Client{Transport: n.Server.InProcess(access.From)},
		Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}
	p.stop = func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
	}
}

// grow runs a test with a plant that has the domain "shop".
func grow(t *testing.T, test func(t *testing.T, p *plant)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &plant{t: t, store: memstore.New(), root: rootkey.Random(), ctx: as(t, "*")}
		p.start()
		p.domain("shop", nil)
		defer func() { p.stop() }()
		test(t, p)
	})
}

func (p *plant) domain(name string, queue *string) {
	p.t.Helper()
	if _, err := p.DomainAPI.CreateDomain(p.ctx, &profileapi.CreateDomainRequest{DomainName: name, DefaultExpirationDays: 300, DeadLetterQueueUrl: queue}); err != nil {
		p.t.Fatal(err)
	}
	typ := &profileapi.PutProfileObjectTypeRequest{DomainName: name, ObjectTypeName: "Visit", Description: "x", AllowProfileCreation: new(true),
		Fields: map[string]profileapi.ObjectTypeField{"id": {Source: new("_source.id")}, "who": {Source: new("_source.who")}},
		Keys: map[string][]profileapi.ObjectTypeKey{"who": {{StandardIdentifiers: []string{"PROFILE"}, FieldNames: []string{"who"}}},
			"visitId": {{StandardIdentifiers: []string{"UNIQUE"}, FieldNames: []string{"id"}}}}}
	if _, err := p.TypesAPI.PutProfileObjectType(p.ctx, typ); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plant) visit(name, id, who string) {
	p.t.Helper()
	if _, err := p.Ingest.PutProfileObject(p.ctx, &profileapi.PutProfileObjectRequest{DomainName: name, ObjectTypeName: "Visit",
		Object: fmt.Sprintf(`{"id":%q,"who":%q}`, id, who)}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plant) profile(name string) string {
	p.t.Helper()
	out, err := p.Profiles.CreateProfile(p.ctx, &profileapi.CreateProfileRequest{DomainName: name})
	if err != nil {
		p.t.Fatal(err)
	}
	return out.ProfileId
}

// activity is what buckets of a domain hold, from the first that holds something:
// objects, profiles, merges and dead letters of each.
func (p *plant) activity(name, granularity string, buckets int) (list [][4]int64, first time.Time) {
	p.t.Helper()
	out, err := p.api.GetDomainActivity(p.ctx, name, granularity, buckets)
	if err != nil {
		p.t.Fatal(err)
	}
	if len(out) != buckets {
		p.t.Fatalf("%d buckets, want %d", len(out), buckets)
	}
	for i, b := range out {
		c := [4]int64{b.ObjectsIngested, b.ProfilesCreated, b.Merges, b.DeadLetters}
		if i > 0 && !b.StartTime.After(out[i-1].StartTime.Time) {
			p.t.Errorf("bucket %d begins at %s, after %s", i, b.StartTime, out[i-1].StartTime)
		}
		if list != nil || c != [4]int64{} {
			if list == nil {
				first = b.StartTime.Time
			}
			list = append(list, c)
		}
	}
	return list, first
}

func TestActivityIsCounted(t *testing.T) {
	grow(t, func(t *testing.T, p *plant) {
		start := time.Now().UTC().Truncate(time.Hour)
		p.visit("shop", "1", "ada")
		p.visit("shop", "2", "ada")
		p.visit("shop", "2", "ada") // replaces: it was ingested all the same
		main, other := p.profile("shop"), p.profile("shop")
		if _, err := p.Profiles.MergeProfiles(p.ctx, &profileapi.MergeProfilesRequest{DomainName: "shop", MainProfileId: main, ProfileIdsToBeMerged: []string{other}}); err != nil {
			t.Fatal(err)
		}
		want := [][4]int64{{3, 3, 1, 0}}
		got, first := p.activity("shop", kindredclient.ByHour, 24)
		if d := cmp.Diff(want, got); d != "" || !first.Equal(start) {
			t.Errorf("at once, from %s: %s", first, d)
		}
		time.Sleep(10 * time.Second)
		if got, _ = p.activity("shop", kindredclient.ByHour, 24); cmp.Diff(want, got) != "" {
			t.Errorf("written: %v", got)
		}
		time.Sleep(2 * time.Hour)
		p.visit("shop", "3", "bea")
		p.stop()
		p.start()
		if got, _ = p.activity("shop", kindredclient.ByHour, 744); cmp.Diff([][4]int64{{3, 3, 1, 0}, {}, {1, 1, 0, 0}}, got) != "" {
			t.Errorf("after a restart: %v", got)
		}
		if got, first = p.activity("shop", kindredclient.ByDay, 90); cmp.Diff([][4]int64{{4, 4, 1, 0}}, got) != "" || !first.Equal(start.Truncate(24*time.Hour)) {
			t.Errorf("by day, from %s: %v", first, got)
		}
	})
}

// What is tried and not done counts nothing.
func TestWhatIsNotDoneCountsNothing(t *testing.T) {
	grow(t, func(t *testing.T, p *plant) {
		if _, err := p.Ingest.PutProfileObject(p.ctx, &profileapi.PutProfileObjectRequest{DomainName: "shop", ObjectTypeName: "Visit", Object: `{"id":"1"}`}); err == nil {
			t.Error("an object without the key of its profile was taken")
		}
		if _, err := p.api.PreviewProfileObject(p.ctx, "shop", kindredclient.PreviewProfileObjectInput{ObjectTypeName: "Visit", Object: `{"id":"1","who":"ada"}`}); err != nil {
			t.Fatal(err)
		}
		if got, _ := p.activity("shop", kindredclient.ByHour, 24); got != nil {
			t.Errorf("%v", got)
		}
	})
}

func TestDeadLettersAreCounted(t *testing.T) {
	grow(t, func(t *testing.T, p *plant) {
		cfg := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://in-process"),
			HTTPClient:  &http.Client{Transport: p.Server.InProcess(access.From)},
			Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}
		text := `{"Version":"2012-10-17","Statement":[` + policy.ServiceStatement("P", "profile.amazonaws.com", []string{"sqs:SendMessage"},
			"arn:aws:sqs:us-east-1:"+account+":dlq", "arn:aws:profile:us-east-1:"+account+":domains/desk", account) + `]}`
		q, err := sqs.NewFromConfig(cfg).CreateQueue(p.ctx, &sqs.CreateQueueInput{QueueName: new("dlq"), Attributes: map[string]string{"Policy": text}})
		if err != nil {
			t.Fatal(err)
		}
		p.domain("desk", q.QueueUrl)
		p.visit("desk", "1", "ada")
		typ := &profileapi.PutProfileObjectTypeRequest{DomainName: "desk", ObjectTypeName: "Ticket", Description: "of those who are known only",
			Fields: map[string]profileapi.ObjectTypeField{"who": {Source: new("_source.who")}},
			Keys:   map[string][]profileapi.ObjectTypeKey{"who": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"who"}}}}}
		if _, err := p.TypesAPI.PutProfileObjectType(p.ctx, typ); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := p.Ingest.PutProfileObject(p.ctx, &profileapi.PutProfileObjectRequest{DomainName: "desk", ObjectTypeName: "Ticket", Object: `{"who":"nobody"}`}); err != nil {
				t.Fatal(err)
			}
		}
		if got, _ := p.activity("desk", kindredclient.ByHour, 24); cmp.Diff([][4]int64{{1, 1, 0, 2}}, got) != "" {
			t.Errorf("%v", got)
		}
		if got, _ := p.activity("shop", kindredclient.ByHour, 24); got != nil {
			t.Errorf("of another domain: %v", got)
		}
	})
}

func TestActivityRefusals(t *testing.T) {
	grow(t, func(t *testing.T, p *plant) {
		for name, c := range map[string]struct {
			ctx                 context.Context
			domain, granularity string
			buckets             int
			want                string
		}{
			"no permission":        {as(t, "kindred:GetDomainSettings"), "shop", "", 0, "AccessDeniedException"},
			"none, and no domain":  {as(t, "kindred:GetDomainSettings"), "gone", "", 0, "AccessDeniedException"},
			"no such domain":       {p.ctx, "gone", "", 0, "ResourceNotFoundException"},
			"too many days":        {p.ctx, "shop", "DAY", 91, "BadRequestException"},
			"too many hours":       {p.ctx, "shop", "HOUR", 745, "BadRequestException"},
			"no buckets":           {p.ctx, "shop", "HOUR", -1, "BadRequestException"},
			"no such granularity":  {p.ctx, "shop", "WEEK", 1, "BadRequestException"},
			"usual hours are fine": {p.ctx, "shop", "", 0, ""},
		} {
			_, err := p.api.GetDomainActivity(c.ctx, c.domain, c.granularity, c.buckets)
			var refusal *kindredclient.Error
			if errors.As(err, &refusal); (err != nil || c.want != "") && (refusal == nil || refusal.Name != c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
