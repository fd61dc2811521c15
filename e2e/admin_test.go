package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"

	"kindred/internal/store/pgstore/pgtest"
)

// TestTheAdministratorsAddress: runtime profiles are served on a loopback address alone,
// and to nobody who comes by another name; the port of the API has none.
func TestTheAdministratorsAddress(t *testing.T) {
	t.Parallel()
	s := startServer(t, withArgs("--admin-listen", "127.0.0.1:0"))
	said := regexp.MustCompile(`"the administrator's address","address":"([0-9.:]+)"`)
	var address []string
	eventually(t, readyWithin, func() error {
		if address = said.FindStringSubmatch(s.stderr.String()); address == nil {
			return fmt.Errorf("the log does not say where it is:\n%s", s.stderr)
		}
		return nil
	})
	get := func(host, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequest("GET", "http://"+address[1]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	for path, want := range map[string]string{"/metrics": "kindred_requests_in_flight", "/healthz": "ok", "/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile"} {
		if status, text := get("", path); status != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %.100s", path, status, text)
		}
	}
	if status, _ := get("evil.example", "/debug/pprof/"); status != 403 {
		t.Errorf("by another name: %d", status)
	}
	if status, _ := get("", "/debug/pprof/cmdline"); status != 404 {
		t.Errorf("flags: %d", status)
	}
	if status, text := s.get("/debug/pprof/"); status == 200 {
		t.Errorf("the port of the API has profiles: %s", text)
	}
	p := newProcessOf(binary, nil, "serve", "--data-dir", t.TempDir(), "--admin-listen", "0.0.0.0:0")
	if err := p.run(); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if p.err == nil || !strings.Contains(p.stderr.String(), "want a loopback address") {
		t.Errorf("an address for everybody: %v %s", p.err, p.stderr)
	}
}

// TestTheDashboardShowsFiguresThatThereAre: every metric that the dashboard asks for is
// one that a server has, with one engine or the other.
func TestTheDashboardShowsFiguresThatThereAre(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "deploy", "grafana", "kindred.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board any
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	pg := pgtest.Shared(t)
	var metrics string
	for engine, store := range map[string]string{"embedded": "", "database": pg.URL(pg.Database(t)) + "&kindred_unsafe=on"} {
		s := startServer(t, withEnv("KINDRED_STORE="+store))
		s.admin.domain("shop", customerprofiles.CreateDomainInput{})
		s.admin.shopTypes("shop")
		s.admin.put("shop", "Member", fields{"id": "1", "email": "a@example.com"})
		s.admin.send("profile", "GET", "/domains/none", "")
		_, text := s.get("/metrics")
		metrics += text
		for _, series := range map[string][]string{
			"embedded": {"kindred_engine_commits_total", "kindred_engine_disk_bytes", "kindred_engine_written_bytes_total", "kindred_engine_memory_table_bytes"},
			"database": {"kindred_engine_connections_max", `kindred_engine_connections{state="idle"}`},
		}[engine] {
			if gauge(text, series) <= 0 {
				t.Errorf("%s: %s is not above 0", engine, series)
			}
		}
	}
	names := regexp.MustCompile(`\b(kindred|go|process)_[a-z0-9_]+`).FindAllString(string(text), -1)
	if len(names) < 10 {
		t.Fatalf("the dashboard asks for %v", names)
	}
	for _, name := range names {
		if !strings.Contains(metrics, "\n"+name+"{") && !strings.Contains(metrics, "\n"+name+" ") {
			t.Errorf("there is no %s", name)
		}
	}
	pages, err := os.ReadFile(filepath.Join("..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (kindred_[a-z0-9_]+) `).FindAllStringSubmatch(metrics, -1) {
		if !strings.Contains(string(pages), "`"+m[1]+"`") {
			t.Errorf("docs/operations.md does not say what %s is", m[1])
		}
	}
}
