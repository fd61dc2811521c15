package previewcmd_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kindred/internal/access"
	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/previewcmd"
	"kindred/internal/node"
	"kindred/internal/policy"
	"kindred/internal/rootkey"
	"kindred/internal/store/memstore"
)

const account = "000000000000"

// office starts a server with the domain "d" and the object type Member, at which
// the environment of AWS clients points, and returns a directory for files.
func office(t *testing.T) (dir string, put func(id, mail string)) {
	t.Helper()
	st := memstore.New()
	t.Cleanup(func() { _ = st.Close() })
	n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: account,
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
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
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := access.WithCaller(t.Context(), &access.Caller{Type: access.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/u", Policies: []*policy.Policy{all}})
	if _, err := n.DomainAPI.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "d", DefaultExpirationDays: 30}); err != nil {
		t.Fatal(err)
	}
	var in profileapi.PutProfileObjectTypeRequest
	if err := json.Unmarshal([]byte(member), &in); err != nil {
		t.Fatal(err)
	}
	in.DomainName = "d"
	if _, err := n.TypesAPI.PutProfileObjectType(ctx, &in); err != nil {
		t.Fatal(err)
	}
	return dir, func(id, mail string) {
		body, _ := json.Marshal(map[string]string{"id": id, "mail": mail, "first": "Ada"})
		if _, err := n.Ingest.PutProfileObject(ctx, &profileapi.PutProfileObjectRequest{DomainName: "d", ObjectTypeName: "Member", Object: string(body)}); err != nil {
			t.Fatal(err)
		}
	}
}

const member = `{"ObjectTypeName":"Member","Description":"of a test","AllowProfileCreation":true,
	"Fields":{"id":{"Source":"_source.id"},"first":{"Source":"_source.first","Target":"_profile.FirstName"},
		"mail":{"Source":"_source.mail","Target":"_profile.EmailAddress","ContentType":"EMAIL_ADDRESS"}},
	"Keys":{"memberId":[{"StandardIdentifiers":["UNIQUE"],"FieldNames":["id"]}],"_email":[{"StandardIdentifiers":["PROFILE"],"FieldNames":["mail"]}]}}`

// TestStory runs commands one after another; each says what its output has to
// match, or after "error: " what its error has to.
func TestStory(t *testing.T) {
	dir, put := office(t)
	put("1", "ada@example.com")
	for name, text := range map[string]string{
		"good.jsonl":    "{\"id\":\"1\",\"mail\":\"ada@example.com\",\"first\":\"Ada\\u001b[31m\"}\n{\"id\":\"2\",\"mail\":\"b@example.com\"}\n",
		"bad.jsonl":     "{\"id\":\"1\",\"mail\":\"ada@example.com\"}\n{\"id\":\"2\"}\n[1]\n",
		"huge.jsonl":    `{"x":"` + strings.Repeat("x", 300_000) + "\"}\n",
		"good.csv":      "id,mail,first\n3,c@example.com,Cid\n",
		"none.jsonl":    "",
		"member.json":   member,
		"stricter.json": strings.Replace(member, `"AllowProfileCreation":true`, `"AllowProfileCreation":false,"CreatedAt":1,"Tags":{}`, 1),
		"wrong.json":    strings.Replace(member, "_profile.FirstName", "_profile.First", 1),
		"misspelt.json": strings.Replace(member, `"Description"`, `"Descripton"`, 1),
		"nameless.json": strings.Replace(member, `"ObjectTypeName":"Member",`, "", 1),
		"two.json":      member + member,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ line, want string }{
		{"--domain d --object-type Member DIR/good.jsonl", `(?s)^\S+good.jsonl, record 1: WOULD_REPLACE, profile [0-9a-f]{32}\n` +
			`  FIELD +VALUE +WRITES TO +PROBLEM\n  first +Ada \[31m +_profile.FirstName.*` +
			`  KEY +NORMALISED +TRIED +FINDING +STORED +PROFILES\n  memberId \(UNIQUE\) +1 +NOT_A_PROFILE_KEY +yes.*_email \(PROFILE\) +ada@example.com +1 +FOUND +yes +[0-9a-f]{32}\n` +
			`  PROFILE +BEFORE +AFTER +REASON\n  EmailAddress +ada@example.com +ada@example.com +SAME\n.*record 2: WOULD_CREATE\n.*the record has no _source.first` +
			`.*EmailAddress +- +b@example.com +NEW\n\nRecords: 1 WOULD_CREATE, 1 WOULD_REPLACE\.\n$`},
		{"--domain d DIR/good.csv --object-type Member", `Records: 1 WOULD_CREATE\.`},
		{"--domain d --object-type Member DIR/bad.jsonl", `error: 2 of 3 records would fail`},
		{"--domain d --object-type Member DIR/huge.jsonl", `error: 1 of 1 records would fail`},
		{"--domain d --object-type Member --json DIR/bad.jsonl", `error: 2 of 3 records would fail`},
		{"--domain d --object-type Member -", `record 1: WOULD_CREATE`},
		{"--domain d --mapping DIR/member.json DIR/good.jsonl", `Records: 1 WOULD_CREATE, 1 WOULD_REPLACE`},
		{"--domain d --mapping DIR/stricter.json DIR/good.jsonl", `error: 1 of 2 records would fail`},
		{"--domain d --mapping DIR/wrong.json DIR/good.jsonl", `error: good.jsonl, record 1: BadRequestException: Field first: Target`},
		{"--domain d --mapping DIR/misspelt.json DIR/good.jsonl", `error: unknown field "Descripton"`},
		{"--domain d --mapping DIR/nameless.json DIR/good.jsonl", `error: --object-type: required`},
		{"--domain d --mapping DIR/nameless.json --object-type Other DIR/good.jsonl", `Records: 1 WOULD_CREATE, 1 WOULD_JOIN\.`},
		{"--domain d --mapping DIR/member.json --object-type Other DIR/good.jsonl", `error: Other is not the Member of the mapping`},
		{"--domain d --mapping DIR/two.json DIR/good.jsonl", `error: something follows the definition`},
		{"--domain d --mapping DIR/none DIR/good.jsonl", `error: --mapping: open`},
		{"--domain d --object-type Member DIR/none.jsonl", `error: there are no records`},
		{"--domain d --object-type Member DIR/missing", `error: no such file`},
		{"--domain d --object-type None DIR/good.jsonl", `error: ResourceNotFoundException: The object type None`},
		{"--domain none --object-type Member DIR/good.jsonl", `error: ResourceNotFoundException`},
		{"--object-type Member DIR/good.jsonl", `error: --domain: required`},
		{"--domain d DIR/good.jsonl", `error: --object-type: required`},
		{"--domain d --object-type Member", `error: no file is given`},
		{"--domain d --object-type Member --format xml DIR/good.jsonl", `error: --format`},
		{"--domain d --nonsense", `error: nonsense`},
		{"--help", `(?s)usage: kindred preview --domain D.*-mapping`},
		{"--domain d --object-type Member --credentials /none DIR/good.jsonl", `error: credentials`},
		{"--domain d --object-type Member --credentials DIR/credentials --region us-east-1 DIR/good.csv", `WOULD_CREATE`},
	} {
		var out bytes.Buffer
		err := previewcmd.Run(t.Context(), strings.Fields(strings.ReplaceAll(c.line, "DIR", dir)), strings.NewReader(`{"id":"9","mail":"z@example.com"}`), &out)
		got := out.String()
		want, wantError := strings.CutPrefix(c.want, "error: ")
		switch {
		case wantError && err == nil:
			t.Errorf("%s: no error, want %s\n%s", c.line, want, got)
			continue
		case wantError && err != nil:
			got = err.Error()
		case err != nil:
			t.Errorf("%s: %v\n%s", c.line, err, got)
			continue
		}
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: got\n%s\nwant %s", c.line, got, want)
		}
	}
}

// TestJSON: a line for each record, with the members of the API.
func TestJSON(t *testing.T) {
	dir, put := office(t)
	put("1", "ada@example.com")
	path := filepath.Join(dir, "r.jsonl")
	if err := os.WriteFile(path, []byte("{\"id\":\"1\",\"mail\":\"ADA@example.com\"}\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := previewcmd.Run(t.Context(), []string{"--domain", "d", "--object-type", "Member", "--json", path}, nil, &out)
	if err == nil || !strings.Contains(err.Error(), "1 of 2 records would fail") {
		t.Errorf("error %v", err)
	}
	type line struct {
		File    string
		Record  int
		Outcome string
		Before  profileapi.Profile
		After   *profileapi.Profile
		Error   struct{ Message, Destination string }
		Changes []struct{ Field, Before, After, Reason string }
	}
	var lines []line
	in := json.NewDecoder(&out)
	for in.More() {
		var l line
		if err := in.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	first, second := lines[0], lines[1]
	if first.File != path || first.Record != 1 || first.Outcome != "WOULD_REPLACE" || *first.Before.EmailAddress != "ada@example.com" ||
		*first.After.EmailAddress != "ADA@example.com" || len(first.Changes) != 1 || first.Changes[0].Reason != "NEWER" {
		t.Errorf("%+v", first)
	}
	if second.Record != 2 || second.Outcome != "WOULD_FAIL" || second.Error.Destination != "CALLER" || second.After != nil ||
		second.Error.Message != "The UNIQUE key or PROFILE key does not exist in the profile object" {
		t.Errorf("%+v", second)
	}
}
