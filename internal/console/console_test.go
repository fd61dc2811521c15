package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/console"
)

var app = fstest.MapFS{
	".gitignore":             {Data: []byte("*")},
	"index.html":             {Data: []byte("<!doctype html><title>app</title>")},
	"favicon.svg":            {Data: []byte("<svg/>")},
	"assets/main-1a2b.js":    {Data: []byte("plain script")},
	"assets/main-1a2b.js.br": {Data: []byte("br script")},
	"assets/main-1a2b.js.gz": {Data: []byte("gz script")},
	"assets/s-1.css":         {Data: []byte("p{}")},
	"assets/s-1.css.gz":      {Data: []byte("gz style")},
}

func serve(t *testing.T, c console.Config) http.Handler {
	t.Helper()
	made, err := console.New(c)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	made.Handle(mux.Handle)
	return mux
}

func ask(h http.Handler, method, path string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const page = "<!doctype html><title>app</title>"

func TestFiles(t *testing.T) {
	h := serve(t, console.Config{Files: app})
	for _, c := range []struct {
		name, path, accept      string
		status                  int
		body, kind, cache, code string
	}{
		{"the page", "/console/", "", 200, page, "text/html; charset=utf-8", "no-store", ""},
		{"the page for what is no file", "/console/domains/shop", "br", 200, page, "text/html; charset=utf-8", "no-store", ""},
		{"the page by name", "/console/index.html", "", 200, page, "text/html; charset=utf-8", "no-store", ""},
		{"the workspace", "/agent?phone=%2B15550100&contactId=1", "", 200, page, "text/html; charset=utf-8", "no-store", ""},
		{"a script", "/console/assets/main-1a2b.js", "", 200, "plain script", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", ""},
		{"a script, brotli", "/console/assets/main-1a2b.js", "gzip, deflate, br, zstd", 200, "br script", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "br"},
		{"a script, gzip", "/console/assets/main-1a2b.js", "gzip;q=0.5, br;q=0", 200, "gz script", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "gzip"},
		{"a style without brotli", "/console/assets/s-1.css", "br, gzip", 200, "gz style", "text/css; charset=utf-8", "public, max-age=31536000, immutable", "gzip"},
		{"a file without a hash", "/console/favicon.svg", "br", 200, "<svg/>", "image/svg+xml", "no-cache", ""},
		{"a script of another version", "/console/assets/main-0000.js", "", 404, "There is no such file in this version of the console. Load the page again.\n", "text/plain; charset=utf-8", "no-store", ""},
		{"the compressed form is no file", "/console/favicon.svg.br", "", 200, page, "text/html; charset=utf-8", "no-store", ""},
		{"what git needs is no file", "/console/.gitignore", "", 200, page, "text/html; charset=utf-8", "no-store", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ask(h, "GET", c.path, "Accept-Encoding", c.accept)
			got := []any{r.StatusCode, body(t, r), r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"), r.Header.Get("Content-Encoding")}
			if d := cmp.Diff([]any{c.status, c.body, c.kind, c.cache, c.code}, got); d != "" {
				t.Error(d)
			}
			if (c.code != "" || strings.Contains(c.path, "main-1a2b")) && r.Header.Get("Vary") != "Accept-Encoding" {
				t.Error("no Vary")
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	const csp = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
	for _, c := range []struct {
		name            string
		origins         []string
		ancestors, deny string
	}{
		{"no frames", nil, "'none'", "DENY"},
		{"two origins", []string{"https://desk.example.com", "http://127.0.0.1:8080"}, "'self' https://desk.example.com http://127.0.0.1:8080", ""},
	} {
		h := serve(t, console.Config{Files: app, FrameOrigins: c.origins})
		for _, path := range []string{"/console/", "/agent", "/console/assets/main-1a2b.js", "/console/assets/gone.js", "/console/config.json", "/console/x/y"} {
			r := ask(h, "GET", path)
			want := map[string]string{"Content-Security-Policy": csp + c.ancestors, "X-Frame-Options": c.deny, "X-Content-Type-Options": "nosniff",
				"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"}
			got := map[string]string{}
			for name := range want {
				got[name] = r.Header.Get(name)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s, %s: %s", c.name, path, d)
			}
			for _, feature := range []string{"camera=()", "microphone=()", "geolocation=()"} {
				if !strings.Contains(r.Header.Get("Permissions-Policy"), feature) {
					t.Errorf("%s: Permissions-Policy lacks %s", path, feature)
				}
			}
		}
	}
}

func TestConfig(t *testing.T) {
	h := serve(t, console.Config{Files: app, Region: "eu-west-2", Account: "123456789012", Version: "v1", FrameOrigins: []string{"https://desk.example.com"}})
	r := ask(h, "GET", "/console/config.json")
	var got map[string]any
	if err := json.Unmarshal([]byte(body(t, r)), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"region": "eu-west-2", "accountId": "123456789012", "version": "v1", "allowedOrigins": []any{"https://desk.example.com"}}
	if d := cmp.Diff(want, got); d != "" || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Error(d, r.Header)
	}
	if got := body(t, ask(serve(t, console.Config{Files: app}), "GET", "/console/config.json")); !strings.Contains(got, `"allowedOrigins":[]`) {
		t.Errorf("without origins: %s", got)
	}
}

func TestRevalidation(t *testing.T) {
	h := serve(t, console.Config{Files: app})
	tag := ask(h, "GET", "/console/favicon.svg").Header.Get("Etag")
	if tag == "" {
		t.Fatal("no Etag")
	}
	if r := ask(h, "GET", "/console/favicon.svg", "If-None-Match", tag); r.StatusCode != 304 || body(t, r) != "" {
		t.Errorf("status %d", r.StatusCode)
	}
	if r := ask(h, "GET", "/console/favicon.svg", "If-None-Match", `W/"other"`); r.StatusCode != 200 {
		t.Errorf("another tag: status %d", r.StatusCode)
	}
	if r := ask(h, "GET", "/console/", "If-None-Match", tag); r.StatusCode != 200 || r.Header.Get("Etag") != "" {
		t.Errorf("the page is to be asked for each time: %d %s", r.StatusCode, r.Header.Get("Etag"))
	}
}

func TestMethodsAndRedirect(t *testing.T) {
	h := serve(t, console.Config{Files: app})
	if r := ask(h, "HEAD", "/console/assets/main-1a2b.js"); r.StatusCode != 200 || body(t, r) != "" || r.ContentLength != int64(len("plain script")) {
		t.Errorf("HEAD: %d, length %d", r.StatusCode, r.ContentLength)
	}
	if r := ask(h, "POST", "/console/"); r.StatusCode != 405 {
		t.Errorf("POST: %d", r.StatusCode)
	}
	if r := ask(h, "GET", "/console"); r.StatusCode != 308 || r.Header.Get("Location") != "/console/" {
		t.Errorf("without the slash: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
}

func TestNotBuilt(t *testing.T) {
	h := serve(t, console.Config{Files: fstest.MapFS{".gitignore": {Data: []byte("*")}}})
	for _, path := range []string{"/console/", "/agent", "/console/domains"} {
		r := ask(h, "GET", path)
		if text := body(t, r); r.StatusCode != 200 || !strings.Contains(text, "make build") || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %s", path, r.StatusCode, text)
		}
	}
}

// TestEmbedded: whatever the build has left in the tree can be served.
func TestEmbedded(t *testing.T) {
	h := serve(t, console.Config{})
	if r := ask(h, "GET", "/console/"); r.StatusCode != 200 {
		t.Errorf("status %d", r.StatusCode)
	}
}

func TestACompressedFormAlone(t *testing.T) {
	if _, err := console.New(console.Config{Files: fstest.MapFS{"assets/x.js.br": {Data: []byte("x")}}}); err == nil || !strings.Contains(err.Error(), "assets/x.js") {
		t.Errorf("got %v", err)
	}
}

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://desk.example.com":      "https://desk.example.com",
		"https://Desk.Example.com/":     "https://desk.example.com",
		"https://desk.example.com:443":  "https://desk.example.com",
		"http://127.0.0.1:8080":         "http://127.0.0.1:8080",
		"http://[::1]:80":               "http://[::1]",
		"https://desk.example.com/page": "",
		"https://*.example.com":         "",
		"desk.example.com":              "",
		"https://":                      "",
		"ftp://desk.example.com":        "",
		"https://u:p@desk.example.com":  "",
		"https://a.example; script-src": "",
		"https://a.example?x":           "",
		"https://a.example#":            "",
		"https://käse.example":          "",
		"*":                             "",
		"":                              "",
		"'self'":                        "",
	} {
		got, err := console.ParseOrigin(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}
