package replaycmd_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/node"
	"kindred/internal/replay/replaycmd"
	"kindred/internal/rootkey"
	"kindred/internal/store/memstore"
)

// start starts a server with a domain "d" and a type "Card", at which the
// environment of AWS clients points. Nothing runs in the background.
func start(t *testing.T) {
	t.Helper()
	st := memstore.New()
	t.Cleanup(func() { _ = st.Close() })
	n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: "000000000000",
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := n.IAM.Bootstrap(t.Context(), filepath.Join(dir, "credentials"), true); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Server)
	t.Cleanup(srv.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": srv.URL, "AWS_REGION": "us-east-1", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
		"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	if _, err := n.DomainAPI.CreateDomain(t.Context(), &profileapi.CreateDomainRequest{DomainName: "d", DefaultExpirationDays: 30}); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"FirstName", "LastName"} {
		card := ingesttest.Type{Create: true, Fields: map[string]string{"no": "no", "name": "name>_profile." + target}, Keys: map[string]string{"no": "UNIQUE,PROFILE:no"}}
		if _, err := n.TypesAPI.PutProfileObjectType(t.Context(), card.Request("d", "Card")); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, line string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := replaycmd.Run(t.Context(), strings.Fields(line), &stdout, &stderr)
	return stdout.String() + stderr.String(), err
}

// TestStory runs commands one after another; each says what its output has to
// match, or its error when it begins with "error: ". JOB is the id that the last
// one has shown.
func TestStory(t *testing.T) {
	start(t)
	job := ""
	for _, c := range []struct{ line, want string }{
		{"start --domain d --object-type None", `error: replay start: ResourceNotFoundException`},
		{"start --domain d --object-type Card", `(?s)^id +\w{32}\nmode +REPLAY\nobject type +Card\nstate +PENDING\nprofiles +0\nfailed +0\n$`},
		{"start --domain d --object-type Card --dry-run", `error: replay start: BadRequestException: Job JOB`},
		{"show --domain d --object-type Card JOB --json", `"Mode": "REPLAY"`},
		{"show --domain d --object-type Card 00000000000000000000000000000000", `error: replay show: ResourceNotFoundException`},
		{"rollback JOB --domain d --object-type Card", `(?s)^id +\w{32}\nmode +ROLL_BACK\nobject type +Card\nrolls back +JOB\nstate +PENDING\n`},
		{"rollback --domain d --object-type Card", `error: the id of a job is missing`},
		{"start --domain d --object-type Card x", `error: unexpected argument "x"`},
		{"start --domain d", `error: --object-type T is missing`},
		{"start --object-type Card", `error: --domain D is missing`},
		{"start --domain d --object-type Card --dry-run --examples 101", `error: --examples`},
		{"start --help", `--dry-run|-dry-run`},
		{"help", `kindred replay rollback`},
		{"undo", `error: there is no command "undo"`},
		{"", `error: a command is missing`},
	} {
		out, err := run(t, strings.ReplaceAll(c.line, "JOB", job))
		want := strings.ReplaceAll(c.want, "JOB", job)
		if text, fails := strings.CutPrefix(want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: error %v, want %s", c.line, err, text)
			}
			continue
		}
		if err != nil || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s: %v\n%s\nwant %s", c.line, err, out, want)
		}
		if m := regexp.MustCompile(`^id +(\w{32})`).FindStringSubmatch(out); m != nil {
			job = m[1]
		}
	}
}
