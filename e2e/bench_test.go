package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
)

// TestTheLoadGenerator puts this server, and one that it starts itself, under load.
func TestTheLoadGenerator(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dir := t.TempDir()
	out := s.mustKindred("", "bench", "--profiles", "50", "--clients", "4", "--warm-up", "50ms", "--duration", "500ms", "--mix", "ingest=4,search=3,read=2",
		"--json", filepath.Join(dir, "r.json"), "--svg", filepath.Join(dir, "r.svg"), "--label", "small")
	for _, step := range []string{"ingest", "search", "read"} {
		if !strings.Contains(out, step) {
			t.Errorf("no %s in\n%s", step, out)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Label string
		Steps []struct {
			Name           string
			Served, Failed int64
		}
	}
	if err := json.Unmarshal(text, &r); err != nil || r.Label != "small" || len(r.Steps) != 3 {
		t.Fatalf("%v: %s", err, text)
	}
	for _, step := range r.Steps {
		if step.Served == 0 || step.Failed != 0 {
			t.Errorf("%+v", step)
		}
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "r.svg")); err != nil || !strings.HasPrefix(string(svg), "<svg") {
		t.Errorf("%.50s %v", svg, err)
	}
	left, err := s.admin.profiles.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("%d domains are left, %v", len(left.Items), err)
	}
	if out := s.mustKindred("", "bench", "--serve", "--profiles", "20", "--clients", "2", "--warm-up", "0s", "--duration", "300ms", "--rate", "100", "--mix", "ingest=1"); !strings.Contains(out, "ingest") {
		t.Error(out)
	}
	if _, err := s.kindred("", "bench", "--mix", "dance=1", "--clients", "0"); err == nil || !strings.Contains(err.Error(), "dance") || !strings.Contains(err.Error(), "clients") {
		t.Error(err)
	}
}
