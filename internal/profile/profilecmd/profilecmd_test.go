package profilecmd_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/profileapi"
	"kindred/internal/node"
	"kindred/internal/profile/profilecmd"
	"kindred/internal/rootkey"
	"kindred/internal/store/memstore"
)

// place is a server with a domain "d", at which the environment of AWS clients
// points. Nothing runs in the background.
type place struct {
	t       *testing.T
	node    *node.Node
	dir     string
	a, b    string // profiles; b has been merged into a
	merge   string
	between string // a time after both were made and before the merge
}

func start(t *testing.T) *place {
	t.Helper()
	// What is stored is stored in the past; requests are signed now.
	var clock atomic.Int64
	clock.Store(time.Date(2025, 11, 25, 9, 0, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Add(1)).UTC() }
	st := memstore.New(memstore.WithClock(now))
	t.Cleanup(func() { _ = st.Close() })
	n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: "000000000000",
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
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
	ctx := access.WithCaller(t.Context(), &access.Caller{Type: access.User, ARN: "arn:aws:iam::000000000000:user/ann"})
	create := func(in *profileapi.CreateProfileRequest) string {
		in.DomainName = "d"
		out, err := n.Profiles.CreateProfile(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return out.ProfileId
	}
	p.a = create(&profileapi.CreateProfileRequest{FirstName: new("Ada"), Attributes: map[string]string{"note": "odd\u009b31m"}})
	p.b = create(&profileapi.CreateProfileRequest{FirstName: new("Ada L."), LastName: new("Lund"), Address: &profileapi.Address{City: new("Oslo")}})
	if _, err := n.Profiles.UpdateProfile(ctx, &profileapi.UpdateProfileRequest{DomainName: "d", ProfileId: p.b, LastName: new("Berg")}); err != nil {
		t.Fatal(err)
	}
	clock.Add(time.Minute.Milliseconds())
	p.between = now().Format(time.RFC3339)
	clock.Add(time.Minute.Milliseconds())
	out, err := n.Profiles.MergeProfiles(ctx, &profileapi.MergeProfilesRequest{DomainName: "d", MainProfileId: p.a, ProfileIdsToBeMerged: []string{p.b},
		FieldSourceProfileIds: &profileapi.FieldSourceProfileIds{FirstName: &p.b}})
	if err != nil {
		t.Fatal(err)
	}
	p.merge = (*out.Message)[len(*out.Message)-32:]
	return p
}

func run(t *testing.T, line string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := profilecmd.Run(t.Context(), strings.Fields(line), &stdout, &stderr)
	return stdout.String() + stderr.String(), err
}

// TestStory runs commands one after another; each says what its output has to
// match, or its error when it begins with "error: ".
func TestStory(t *testing.T) {
	p := start(t)
	for _, c := range []struct{ line, want string }{
		{"show --domain d A", `^Profile A\n  Address.City +Oslo\n  Attributes.note +odd 31m\n  FirstName +Ada L.\n  LastName +Berg\n$`},
		{"show B --domain d", `^Profile B is part of A\n`},
		{"provenance --domain d A", `(?s)FIELD +VALUE +FROM +TIME +BY +PROFILE +MERGE\n.*FirstName +Ada L. +MANUAL +\S+Z +arn:aws:iam::000000000000:user/ann +B +MERGE\n` +
			`    before +Ada +MANUAL +\S+ +\S+ +A *\n.*LastName +Berg .*\n  +before +Lund `},
		{"history --domain d A", `(?s)^RECORD +TIME +ACTION.*MERGED +_profile +arn:\S+\n.*CREATED.*\n\n2 records shown\.\n$`},
		{"history --domain d B --limit 2", `(?s)DELETED_BY_MERGE.*UPDATED.*\n\n2 records shown\. There are more\.\n$`},
		{"history --domain d B --action created --object-type _profile", `(?s)CREATED.*\n\n1 records shown\.\n$`},
		{"history --domain d B --performed-by arn:nobody", `^\n0 records shown\.\n$`},
		{"history --domain d B none", `error: profile history: .*`},
		{"as-of --domain d B " + p.between, `^Profile B\nAs of \S+Z\n  Address.City +Oslo\n  FirstName +Ada L.\n  LastName +Berg\n$`},
		{"as-of --domain d B 2025-11-25T08:00:00Z", `error: profile as-of: ResourceNotFoundException`},
		{"as-of --domain d B 2126-11-25T08:00:00Z", `error: Time: is in the future`},
		{"as-of --domain d B yesterday", `error: TIME "yesterday": want`},
		{"as-of --domain d B", `error: TIME is missing`},
		{"lineage --domain d B", `(?s)^Profile B is part of A\n\nMerge MERGE, STANDING\n  into +A\n  of +B\n  at +\S+Z\n  by +arn:\S+ MANUAL\n.*  field FirstName +B\n.*  chosen FirstName +B\n\n1 merges shown\.\n$`},
		{"unmerge --domain d MERGE", `^Merge MERGE is undone\.\nProfile A stays,\nprofile B stands for itself again\.\n0 objects`},
		{"unmerge --domain d MERGE", `error: profile unmerge: BadRequestException: MergeId: the merge MERGE has been undone`},
		{"unmerge --domain d A", `error: profile unmerge: ResourceNotFoundException`},
		{"lineage --domain d B", `(?s)^Profile B\n.*UNDONE.*undone +\S+Z arn:aws:iam::000000000000:user/`},
		{"as-of --domain d B " + p.between, `^Profile B\n`},
		{"show --domain d ffffffffffffffffffffffffffffffff", `error: profile show: ResourceNotFoundException`},
		{"show --domain none A", `error: ResourceNotFoundException`},
		{"show --domain d", `error: PROFILE is missing`},
		{"show --domain d A B", `error: unexpected argument "B"`},
		{"show A", `error: --domain D is missing`},
		{"lineage A --domain d --limit 0", `error: --limit`},
		{"show A --domain d --nonsense", `error: nonsense`},
		{"frob", `error: there is no command "frob"`},
		{"", `error: a command is missing`},
		{"--help", `kindred profile unmerge --domain D MERGE`},
		{"history --help", `(?s)kindred profile history --domain D PROFILE \[RECORD\] \[flags\].*-performed-by`},
		{"show --domain d A --endpoint nonsense", `error: endpoint "nonsense"`},
		{"show --domain d A --region eu-west-1", `error: InvalidSignatureException`},
		{"show --domain d A --credentials /none", `error: credentials`},
		{"show --domain d A --credentials CREDENTIALS", `^Profile A\n`},
	} {
		words := strings.Fields(c.line)
		for i, w := range words {
			words[i] = cmp.Or(map[string]string{"A": p.a, "B": p.b, "MERGE": p.merge, "CREDENTIALS": filepath.Join(p.dir, "credentials")}[w], w)
		}
		line := strings.Join(words, " ")
		got, err := run(t, line)
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
		if got = strings.NewReplacer(p.a, "A", p.b, "B", p.merge, "MERGE").Replace(got); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: got\n%s\nwant %s", line, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	p := start(t)
	for _, c := range [][2]string{
		{"show --domain d --json " + p.b, `(?s)"SuccessorProfileId": "A".*"FirstName": "Ada L."`},
		{"provenance --domain d --json " + p.a, `(?s)"Field": "FirstName".*"DisplacedCount": 1`},
		{"lineage --domain d --json " + p.a, `(?s)"MergeId": "MERGE".*"State": "STANDING"`},
		{"history --domain d --json " + p.b, `(?s)"ActionType": "DELETED_BY_MERGE"`},
		{"as-of --json --domain d " + p.b + " " + p.between, `(?s)"Profile": {.*"LastName": "Berg"`},
		{"unmerge --json --domain d " + p.merge, `"UndoneAt": 17`},
	} {
		p.json(c[0], c[1])
	}
}

func (p *place) json(line, want string) {
	p.t.Helper()
	text, err := run(p.t, line)
	if err != nil || !json.Valid([]byte(text)) {
		p.t.Errorf("%s: %v\n%s", line, err, text)
	}
	if text = strings.NewReplacer(p.a, "A", p.b, "B", p.merge, "MERGE").Replace(text); !regexp.MustCompile(want).MatchString(text) {
		p.t.Errorf("%s: got\n%s\nwant %s", line, text, want)
	}
}

// TestRecords: a record of a history is shown with its content.
func TestRecords(t *testing.T) {
	p := start(t)
	text, err := run(t, "history --domain d --action UPDATED "+p.b)
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`\n([0-9a-f]{32}) `).FindStringSubmatch(text)
	if id == nil {
		t.Fatalf("got\n%s", text)
	}
	text, err = run(t, "history --domain d "+p.b+" "+id[1])
	if want := regexp.MustCompile(`(?s)^record +` + id[1] + `\ntime .*Z\naction +UPDATED\nobject type +_profile\nby +arn:\S+\ncontent .*"LastName":"Berg"`); err != nil || !want.MatchString(text) {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestOneServerIsMeant: AWS's calls go where Kindred's own do, and both where
// --endpoint says.
func TestOneServerIsMeant(t *testing.T) {
	p := start(t)
	server := os.Getenv("AWS_ENDPOINT_URL")
	t.Setenv("AWS_ENDPOINT_URL_CUSTOMER_PROFILES", "http://127.0.0.1:1")
	for _, flags := range []string{"", " --endpoint " + server} {
		for _, line := range []string{"history --domain d " + p.a, "lineage --domain d " + p.a} { // AWS's, Kindred's
			if text, err := run(t, line+flags); err != nil || text == "" {
				t.Errorf("%s%s: %q, %v", line, flags, text, err)
			}
		}
		t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	}
}
