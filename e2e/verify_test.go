package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestVerifyLooksThroughWhatACrashHasLeft: after a whole contact centre was loaded and
// the server killed in the middle of more, everything is as it must be; a running server
// is not looked into; and what cannot be looked at is said.
func TestVerifyLooksThroughWhatACrashHasLeft(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.mustKindred("", "demo", "--customers", "100")
	out, err := s.kindred("", "verify", "--data-dir", s.dir)
	if err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("of a running server: %s %v", out, err)
	}
	loading := make(chan struct{})
	go func() {
		defer close(loading)
		_, _ = s.kindred("", "demo", "--domain", "boreal", "--customers", "3000") // it is cut off
	}()
	for !strings.Contains(s.admin.send("profile", "GET", "/domains", "").body, "boreal") {
	}
	for s.admin.stats("boreal").ProfileCount < 200 {
	}
	s.kill()
	<-loading
	verify := func(args ...string) (sum struct{ Domains, Profiles, Findings, Repaired, Unseen int }, err error) {
		t.Helper()
		out, err := s.kindred("", append([]string{"verify", "--data-dir", s.dir, "--json"}, args...)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); jerr != nil {
			t.Fatal(jerr, out, err)
		}
		return sum, err
	}
	sum, err := verify()
	if err != nil || sum.Domains != 2 || sum.Profiles < 300 || sum.Findings != 0 || sum.Unseen != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if sum, err = verify("--repair"); err != nil || sum.Repaired != 0 {
		t.Errorf("a repair of what is sound: %+v, %v", sum, err)
	}
	s.start()
	key := "alias/aurora-profiles"
	described, err := s.admin.keys.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.admin.keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: described.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	s.stop()
	if sum, err = verify(); err == nil || sum.Unseen != 1 {
		t.Errorf("with a key out of use: %+v, %v", sum, err)
	}
}
