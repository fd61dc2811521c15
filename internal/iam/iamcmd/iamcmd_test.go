package iamcmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/iam"
	"kindred/internal/iam/iamcmd"
	"kindred/internal/page"
	"kindred/internal/password"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/server"
	"kindred/internal/signin"
	"kindred/internal/store/memstore"
)

// start starts a server and points the environment of AWS clients at it.
func start(t *testing.T) (dir string, svc *iam.Service) {
	t.Helper()
	st := memstore.New()
	t.Cleanup(func() { st.Close() })
	pages, err := page.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	root := rootkey.Random()
	records := signin.NewRecords(root.AEAD("signin"))
	svc = iam.New(iam.Config{
		Store: st, Root: root, Pages: pages, Account: "123456789012", Region: "eu-west-2", Services: []string{"kindred", "sts"}, SignIns: records,
	})
	people := signin.New(signin.Config{Store: st, Records: records, Seal: root.AEAD("browser"), Principals: svc, Account: "123456789012", Region: "eu-west-2",
		Hasher: password.NewHasher(password.Cost{MemoryKiB: 8, Passes: 1}), Endpoint: func() string { return "http://somewhere.else" }})
	dir = t.TempDir()
	if err := svc.Bootstrap(t.Context(), filepath.Join(dir, "credentials"), true); err != nil {
		t.Fatal(err)
	}
	handler := server.New(server.Config{Authenticator: svc,
		Services: []server.Mount{{API: kindredapi.Service(), Impl: []any{svc, people}}, {API: stsapi.Service(), Impl: []any{svc}}}})
	people.Handle(handler.Claim)
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": srv.URL, "AWS_REGION": "eu-west-2", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
		"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	return dir, svc
}

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return runWith(t, "", args...)
}

func runWith(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := iamcmd.Run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return stdout.String() + stderr.String(), err
}

// TestStory runs commands one after another; each says what its output has to
// match, or its error when it begins with "error: ".
func TestStory(t *testing.T) {
	dir, _ := start(t)
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	policy := write("policy.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"profile:*","Resource":"*"}]}`+"\n")
	trust := write("trust.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}`)
	broken := write("broken.json", `{`)
	var keyID string
	for _, c := range []struct{ line, want string }{
		{"user create alice", `(?s)^UserName +alice\nUserId +AIDA\w{17}\nArn +arn:aws:iam::123456789012:user/alice\nCreateDate +\d{4}-\d\d-\d\dT.*Z\n$`},
		{"user create alice", `error: BadRequestException: .*alice exists already`},
		{"user get alice", `user/alice`},
		{"user list", `(?s)^UserName +UserId +Arn +CreateDate\nadministrator .*\nalice .*\n$`},
		{"key create alice", `^AccessKeyId +(AKIA\w{16})\nSecretAccessKey +\S{40}\n$`},
		{"key list alice", `(?s)^AccessKeyId +Status +CreateDate\nKEY +Active`},
		{"key disable alice KEY", `^access key KEY is now inactive\n$`},
		{"key list alice", `KEY +Inactive`},
		{"key enable alice KEY", `now active`},
		{"key delete alice KEY", `^deleted access key KEY\n$`},
		{"key list alice", `^AccessKeyId +Status +CreateDate\n$`},
		{"key delete alice KEY", `error: ResourceNotFoundException`},
		{"policy put --user alice own POLICY", `^put policy own\n$`},
		{"policy put own POLICY --user alice", `^put policy own\n$`},
		{"policy put --user alice own BROKEN", `error: BadRequestException: PolicyDocument`},
		{"policy get --user alice own", `^\{"Version".*\}\n$`},
		{"policy put shared POLICY", `^created policy shared\n$`},
		{"policy put shared POLICY", `^put policy shared\n$`},
		{"policy list", `(?s)^PolicyName.*\nshared +arn:aws:iam::123456789012:policy/shared +0 `},
		{"policy attach --user alice shared", `^attached policy shared\n$`},
		{"policy list --user alice", `^PolicyName +Kind\nown +inline\nshared +managed\n$`},
		{"policy delete shared", `error: BadRequestException: .*attached to 1`},
		{"policy detach --user alice shared", `^detached policy shared\n$`},
		{"policy delete shared", `^deleted policy shared\n$`},
		{"policy delete --user alice own", `^deleted policy own\n$`},
		{"policy attach shared", `error: --user or --role is missing`},
		{"policy list --user a --role b", `error: .*one of them`},
		{"role create worker", `error: --trust FILE is missing`},
		{"role create worker --trust TRUST --max-session 7200 --description works", `(?s)RoleName +worker.*MaxSessionDuration +7200\nDescription +works`},
		{"role trust worker TRUST", `^replaced the trust policy of role worker\n$`},
		{"role get worker", `AssumeRolePolicyDocument +\{"Version"`},
		{"role list", `worker`},
		{"policy put --role worker own POLICY", `put policy own`},
		{"role delete worker", `^deleted role worker\n$`},
		{"user delete alice", `^deleted user alice\n$`},
		{"user get alice", `error: ResourceNotFoundException: .*alice`},
		{"user delete administrator", `error: BadRequestException: .*cannot be deleted`},
		{"user", `error: there is no command "user"`},
		{"user frobnicate x", `error: there is no command "user frobnicate"`},
		{"user create", `error: usage: kindred iam user create NAME`},
		{"user create a b", `error: usage`},
		{"user list --nonsense", `error: .*nonsense`},
		{"user list --endpoint nonsense", `error: endpoint "nonsense"`},
		{"user list --region us-west-1", `error: InvalidSignatureException: .*region`},
		{"user list --credentials " + filepath.Join(dir, "none"), `error: `},
		{"--help", `kindred iam user create NAME`},
		{"role create --help", `(?s)kindred iam role create NAME.*-max-session`},
	} {
		line := strings.NewReplacer("KEY", keyID, "POLICY", policy, "TRUST", trust, "BROKEN", broken).Replace(c.line)
		got, err := run(t, strings.Fields(line)...)
		want, wantError := strings.CutPrefix(strings.ReplaceAll(c.want, "KEY", keyID), "error: ")
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
			keyID = match[1]
		}
	}
}

func TestJSON(t *testing.T) {
	start(t)
	if _, err := run(t, "user", "create", "zoe"); err != nil {
		t.Fatal(err)
	}
	text, err := run(t, "user", "list", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Users []struct{ UserName, Arn string }
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Users) != 2 || got.Users[0].UserName != iam.Administrator {
		t.Errorf("%s %v", text, err)
	}
	text, err = run(t, "key", "create", "--json", iam.Administrator)
	if err != nil || !strings.Contains(text, `"SecretAccessKey": "`) {
		t.Errorf("%s %v", text, err)
	}
}

// TestCredentialsFlag: a file that is named goes before the environment.
func TestCredentialsFlag(t *testing.T) {
	dir, _ := start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAAAAAAAAAAAAAAAAA")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	if _, err := run(t, "user", "list"); err == nil || !strings.Contains(err.Error(), "UnrecognizedClientException") {
		t.Errorf("with the environment's key: %v", err)
	}
	if _, err := run(t, "user", "list", "--credentials", filepath.Join(dir, "credentials")); err != nil {
		t.Error(err)
	}
}

// TestPages: a list that needs several pages is shown whole.
func TestPages(t *testing.T) {
	_, svc := start(t)
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := access.WithCaller(t.Context(), &access.Caller{Type: access.User, Account: "123456789012", Policies: []*policy.Policy{all}})
	const users = 220
	for i := range users {
		if _, err := svc.CreateUser(ctx, &kindredapi.CreateUserRequest{UserName: fmt.Sprintf("user%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := run(t, "user", "list")
	if err != nil || strings.Count(text, "\n") != users+2 {
		t.Errorf("%d lines, %v", strings.Count(text, "\n"), err)
	}
}
