package jobcmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/job"
	"kindred/internal/job/jobcmd"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

// place is a server with a domain "d", at which the environment of AWS clients
// points. Nothing runs in the background.
type place struct {
	t    *testing.T
	node *node.Node
	dir  string
}

// idle is a kind of job that does not come to an end; plain is one that cannot be
// taken back.
type (
	idle  struct{}
	plain struct{ job.Handler }
)

func (idle) Step(ctx context.Context, s *job.Step) error {
	return s.UpdateStore(ctx, func(store.Tx) (job.Progress, error) { return job.Progress{}, nil })
}

func (i idle) Undo(ctx context.Context, s *job.Step) error { return i.Step(ctx, s) }

func start(t *testing.T) *place {
	t.Helper()
	st := memstore.New()
	t.Cleanup(func() { _ = st.Close() })
	n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: "000000000000",
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	n.Jobs.Register("idle", idle{})
	n.Jobs.Register("plain", plain{idle{}})
	p := &place{t: t, node: n, dir: t.TempDir()}
	if err := n.IAM.Bootstrap(t.Context(), filepath.Join(p.dir, "credentials"), true); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Server)
	t.Cleanup(srv.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": srv.URL, "AWS_REGION": "us-east-1", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(p.dir, "credentials"),
		"AWS_CONFIG_FILE": filepath.Join(p.dir, "config"), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	if _, err := n.DomainAPI.CreateDomain(t.Context(), &profileapi.CreateDomainRequest{DomainName: "d", DefaultExpirationDays: 30}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) create(kind, subject string) string {
	p.t.Helper()
	var id string
	ctx := access.WithCaller(p.t.Context(), &access.Caller{Type: access.User, ARN: "arn:aws:iam::000000000000:user/ann"})
	err := p.node.DomainAPI.Configure(ctx, "d", func(e *domain.Edit) error {
		j, err := p.node.Jobs.Create(ctx, e.Tx, e.Config, job.Spec{Kind: kind, Subject: subject})
		if err == nil {
			id = j.ID.String()
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// end ends a job of the kind plain.
func (p *place) end(id string) {
	p.t.Helper()
	if _, err := run(p.t, "cancel --domain d "+id); err != nil {
		p.t.Fatal(err)
	}
}

func run(t *testing.T, line string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := jobcmd.Run(t.Context(), strings.Fields(line), &stdout, &stderr)
	return stdout.String() + stderr.String(), err
}

// TestStory runs commands one after another; each says what its output has to
// match, or its error when it begins with "error: ".
func TestStory(t *testing.T) {
	p := start(t)
	first, second := p.create("idle", "Order"), p.create("idle", "Case")
	for _, c := range []struct{ line, want string }{
		{"list --domain d", `(?s)^ID +CREATED +KIND +SUBJECT +STATE +DONE +FAILED +MESSAGE\nSECOND +\d{4}-\S+Z +idle +Case +PENDING +0 +0 *\nFIRST .*\n\n2 jobs shown\.\n$`},
		{"list --domain d --limit 1", `(?s)Case.*\n1 jobs shown\. There are more\.`},
		{"list --domain d --state paused", `^\n0 jobs shown\.\n$`},
		{"list --domain d --kind idle --state PENDING", `2 jobs shown`},
		{"list --domain d --kind other", `^\n0 jobs shown`},
		{"list --domain d --state odd", `error: job list: BadRequestException`},
		{"get --domain d SECOND", `(?s)^id +SECOND\nkind +idle\nsubject +Case\nstate +PENDING\ndone +0\nfailed +0\nrequested by +arn:aws:iam::000000000000:user/ann\ncreated .*\nupdated .*Z\n$`},
		{"pause SECOND --domain d", `\nstate +PAUSED\n`},
		{"resume --domain d SECOND", `\nstate +PENDING\n`},
		{"cancel --domain d SECOND", `\nstate +PENDING \(cancelling\)\n`},
		{"list --domain d", `PENDING \(cancelling\)`},
		{"get --domain d 00000000000000000000000000000000", `error: job get: ResourceNotFoundException: Job 0+ does not exist`},
		{"get --domain d xyz", `error: job get: BadRequestException`},
		{"get --domain none SECOND", `error: job get: ResourceNotFoundException`},
		{"get --domain d", `error: the id of a job is missing`},
		{"get --domain d SECOND extra", `error: unexpected argument "extra"`},
		{"pause SECOND extra --domain d", `error: unexpected argument "extra"`},
		{"get SECOND", `error: --domain D is missing`},
		{"list", `error: --domain D is missing`},
		{"list --domain d x", `error: unexpected argument "x"`},
		{"list --domain d --limit 0", `error: --limit`},
		{"list --domain d --nonsense", `error: nonsense`},
		{"get --domain d SECOND --nonsense", `error: nonsense`},
		{"frob", `error: there is no command "frob"`},
		{"", `error: a command is missing`},
		{"--help", `kindred job cancel --domain D JOB`},
		{"list --help", `(?s)kindred job list --domain D \[flags\].*-state`},
		{"get --help", `(?s)kindred job get --domain D JOB \[flags\].*-json`},
		{"list --domain d --endpoint nonsense", `error: endpoint "nonsense"`},
		{"list --domain d --region eu-west-1", `error: InvalidSignatureException`},
		{"list --domain d --credentials /none", `error: credentials`},
		{"list --domain d --credentials CREDENTIALS", `2 jobs shown`},
	} {
		fill := strings.NewReplacer("FIRST", first, "SECOND", second, "CREDENTIALS", filepath.Join(p.dir, "credentials"))
		line := fill.Replace(c.line)
		got, err := run(t, line)
		want, wantError := strings.CutPrefix(fill.Replace(c.want), "error: ")
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
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: got\n%s\nwant %s", line, got, want)
		}
	}
}

// atWork does one step, and says when it is at the second, which does not end.
type atWork struct{ second chan struct{} }

func (h atWork) Step(ctx context.Context, s *job.Step) error {
	if s.Job.Done > 0 {
		close(h.second)
		<-ctx.Done()
		return ctx.Err()
	}
	return s.UpdateStore(ctx, func(store.Tx) (job.Progress, error) {
		return job.Progress{Done: 1, Total: new(int64(9)), Counters: map[string]int64{"profilesMade": 3}, Message: "odd\u009b31m"}, nil
	})
}

// TestAJobAtWork: the server's node works on jobs, and what a handler says is shown
// and cannot command the terminal.
func TestAJobAtWork(t *testing.T) {
	p := start(t)
	h := atWork{make(chan struct{})}
	p.node.Jobs.Register("work", h)
	id := p.create("work", "Order")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.node.Run(ctx) }()
	<-h.second
	text, err := run(t, "get --domain d "+id)
	want := regexp.MustCompile(`(?s)state +RUNNING\nmessage +odd 31m\ndone +1 of 9\nfailed +0\nprofilesMade +3\nrequested by.*\nstarted `)
	if err != nil || !want.MatchString(text) {
		t.Errorf("%v\n%s", err, text)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if text, err = run(t, "get --domain d "+id); err != nil || !strings.Contains(text, "PENDING") {
		t.Errorf("after the stop: %v\n%s", err, text)
	}
}

func TestJSON(t *testing.T) {
	p := start(t)
	id := p.create("idle", "Order")
	type shown struct {
		JobID     string `json:"JobId"`
		State     string
		CreatedAt float64
	}
	var one shown
	var all struct{ Items []shown }
	for line, to := range map[string]any{"get --domain d --json " + id: &one, "list --domain d --json": &all} {
		text, err := run(t, line)
		if err == nil {
			err = json.Unmarshal([]byte(text), to)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, text)
		}
	}
	if one.JobID != id || one.State != "PENDING" || one.CreatedAt < 1e9 || len(all.Items) != 1 || all.Items[0] != one {
		t.Errorf("%+v, %+v", one, all)
	}
}

// TestMany: a list that takes several calls is shown whole.
func TestMany(t *testing.T) {
	p := start(t)
	const jobs = job.MaxOpen + 20 // more than a page has
	for i := range jobs {
		id := p.create("plain", fmt.Sprint(i))
		if i < jobs-job.MaxOpen+1 { // or no more could be made
			p.end(id)
		}
	}
	for limit, want := range map[int]int{1: 1, 100: 100, 110: 110, 1000: jobs} {
		text, err := run(t, fmt.Sprint("list --domain d --limit ", limit))
		if err != nil || strings.Count(text, " plain ") != want || strings.Contains(text, "There are more") != (want < jobs) {
			t.Errorf("%d: %v\n%s", limit, err, text)
		}
	}
}
