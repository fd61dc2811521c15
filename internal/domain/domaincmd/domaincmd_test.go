package domaincmd_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kindred/internal/domain/domaincmd"
)

// serve is a server that renames the domain "old", and nothing else.
func serve(t *testing.T) (endpoint string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != "POST" || !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDEXAMPLE000000000/") {
			t.Errorf("%s %s %v, %v", r.Method, r.URL, r.Header, err)
		}
		if r.URL.Path != "/domains/old/rename" || string(body) != `{"NewDomainName":"new"}` {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"__type":"ResourceNotFoundException","Message":"Domain does not exist"}`)
			return
		}
		io.WriteString(w, `{"DomainName":"new","FormerDomainName":"old","DomainArn":"arn:x","LastUpdatedAt":1.5}`)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{"AWS_REGION": "us-east-1", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"), "AWS_ENDPOINT_URL": serve(t),
		"AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	keys := filepath.Join(dir, "credentials")
	if err := os.WriteFile(keys, []byte("[default]\naws_access_key_id = AKIDEXAMPLE000000000\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line, out, err string
	}{
		{"rename old new --credentials " + keys, "The domain old is new now: arn:x\n", ""},
		{"rename --credentials " + keys + " old --json new", "\"FormerDomainName\": \"old\"", ""},
		{"rename other new --credentials " + keys, "", "domain rename: ResourceNotFoundException: Domain does not exist"},
		{"rename old new --credentials " + keys + " --endpoint nowhere", "", "endpoint"},
		{"rename old new --credentials " + filepath.Join(dir, "none"), "", "credentials"},
		{"rename old", "", "want two names"},
		{"rename old new newer", "", "want two names"},
		{"rename old new --x", "", "-x"},
		{"remove old", "", `there is no command "remove"`},
		{"", "", "a command is missing"},
		{"--help", "kindred domain rename OLD NEW", ""},
		{"rename --help", "-endpoint URL", ""},
	} {
		var out, errs bytes.Buffer
		err := domaincmd.Run(t.Context(), strings.Fields(c.line), &out, &errs)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %v, want %q", c.line, err, c.err)
		}
		if !strings.Contains(out.String(), c.out) {
			t.Errorf("%q: wrote %q, want %q", c.line, out.String(), c.out)
		}
	}
}
