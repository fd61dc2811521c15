package remote

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// alone takes away what the environment of the test says of clients.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWhatIsGivenGoesBeforeTheEnvironment(t *testing.T) {
	alone(t)
	client, err := (&Server{}).Client(t.Context())
	if err != nil || client.Endpoint != DefaultEndpoint || client.Region != DefaultRegion {
		t.Errorf("nothing given: %+v, %v", client, err)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://elsewhere:1")
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "ENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	file := write(t, "[default]\naws_access_key_id = FILE\naws_secret_access_key = secret\n")
	for _, c := range []struct {
		s                     Server
		endpoint, region, key string
	}{
		{Server{}, "http://elsewhere:1", "eu-central-1", "ENV"},
		{Server{Endpoint: "https://given:2", Region: "us-west-2", Credentials: file}, "https://given:2", "us-west-2", "FILE"},
	} {
		client, err := c.s.Client(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.Credentials.Retrieve(t.Context())
		if err != nil || client.Endpoint != c.endpoint || client.Region != c.region || got.AccessKeyID != c.key {
			t.Errorf("%+v: %s %s %s, %v", c.s, client.Endpoint, client.Region, got.AccessKeyID, err)
		}
	}
}

func TestAServerThatCannotBeMeant(t *testing.T) {
	alone(t)
	for _, c := range []struct {
		s    Server
		want string
	}{
		{Server{Credentials: "/nonexistent/file"}, "--credentials: stat /nonexistent/file"},
		{Server{Credentials: write(t, "[default]\nregion = x\n")}, "has no access key in profile default"},
		{Server{Credentials: write(t, "[other]\naws_access_key_id = A\n")}, "--credentials: "},
		{Server{Endpoint: "localhost:4620"}, "want a URL"},
		{Server{Endpoint: "ftp://localhost"}, "want a URL"},
	} {
		if _, err := c.s.Config(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.s, err, c.want)
		}
	}
}

func TestFlagsStandAmongArguments(t *testing.T) {
	for _, c := range []struct{ line, want, region string }{
		{"", "", ""},
		{"a b", "a b", ""},
		{"--region x a b", "a b", "x"},
		{"a --region x b", "a b", "x"},
		{"a b --region=x", "a b", "x"},
		{"- --region x -", "- -", "x"},
		{"a -- --region x", "a --region x", ""},
		{"-- a --region x", "a --region x", ""},
	} {
		var s Server
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		s.Flags(fs)
		got, err := Parse(fs, strings.Fields(c.line))
		if err != nil || !slices.Equal(got, strings.Fields(c.want)) || s.Region != c.region {
			t.Errorf("%q: %q, region %q, %v", c.line, got, s.Region, err)
		}
	}
	if _, err := Parse(flag.NewFlagSet("", flag.ContinueOnError), []string{"a", "-h"}); err != flag.ErrHelp {
		t.Errorf("help after an argument: %v", err)
	}
}
