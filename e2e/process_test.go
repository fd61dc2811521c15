package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestAnEmptyDirectoryIsServedAtOnceWithAnAdministrator(t *testing.T) {
	s := startServer(t)
	t.Logf("ready after %v", s.took.Round(time.Millisecond))
	if s.took > 3*time.Second {
		t.Errorf("ready after %v", s.took)
	}
	info, err := os.Stat(s.credentials())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the credentials file has the mode %v", info.Mode())
	}
	if info, err = os.Stat(s.dir); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the data directory: %v, %v", info.Mode(), err)
	}
	who, err := s.admin.security.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Account != account {
		t.Errorf("got %+v, %v", who, err)
	}
	if status, text := s.get("/healthz"); status != 200 {
		t.Errorf("/healthz: %d %q", status, text)
	}
	if status, text := s.get("/metrics"); status != 200 || !strings.Contains(text, "# TYPE ") {
		t.Errorf("/metrics: %d %q", status, text)
	}
	key, err := s.admin.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.logs {
		if strings.Contains(l.String(), key.SecretAccessKey) {
			t.Error("the secret of the administrator is in the log")
		}
	}
	s.restart()
	again, err := s.admin.config.Credentials.Retrieve(t.Context())
	if err != nil || again.AccessKeyID != key.AccessKeyID {
		t.Errorf("after a restart the administrator's key is %s, %v", again.AccessKeyID, err)
	}
	if _, err := s.admin.security.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestASecondStartOnTheSameDirectoryIsRefused(t *testing.T) {
	s := startServer(t)
	p := refusedStart(t, nil, "serve", "--listen", "127.0.0.1:0", "--data-dir", s.dir)
	var code *exec.ExitError
	if !errors.As(p.err, &code) || code.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", p.err)
	}
	if text := p.stderr.String(); !strings.Contains(text, s.dir) || !strings.Contains(text, "another process") && !strings.Contains(text, "in use") {
		t.Errorf("the error %q should say what is in use and by whom", text)
	}
	if out := p.stdout.String(); out != "" {
		t.Errorf("the second server wrote %q", out)
	}
	s.admin.domain("still-served", customerprofiles.CreateDomainInput{})
}

// refusedStart runs a server that is to end by itself, at its start.
func refusedStart(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := newProcess(env, args...)
	if err := p.run(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(readyWithin):
		_ = p.cmd.Process.Kill() // the failure is reported below
		<-p.exited
		t.Fatalf("%q, %q: the server went on", env, args)
	}
	return p
}

func TestBadSettingsAreRefusedBeforeAnythingIsTouched(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{{"--account-id", "12"}, {"--region", "nowhere"}, {"--listen", "256.0.0.1:1"}, {"--log-level", "loud"},
		{"--cache-mib", "0"}, {"--kms-endpoint", "x"}, {"--store", "mysql://"}, {"--no-such-flag"}, {"argument"}} {
		p := refusedStart(t, nil, append([]string{"serve", "--data-dir", dir}, args...)...)
		if text := p.stderr.String(); p.err == nil || !strings.Contains(text, strings.TrimLeft(args[0], "-")) {
			t.Errorf("%q: %v, %q", args, p.err, text)
		}
	}
}

func TestSettingsMayComeFromTheEnvironmentOrAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "kindred.conf")
	if err := os.WriteFile(file, []byte("account-id 222233334444\nregion eu-central-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, withArgs("--config", file), withEnv("KINDRED_ACCOUNT_ID=555566667777"))
	c := s.as(fileCredentials(s.credentials()), config.WithRegion("eu-central-1"))
	who, err := c.security.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Account != "555566667777" {
		t.Errorf("got %+v, %v", who, err)
	}
	out, err := c.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if err != nil || *out.QueueUrl != s.url+"/555566667777/q" {
		t.Errorf("got %+v, %v", out, err)
	}
}

// SIGTERM: what has begun is finished, what comes after is refused, and the exit
// code is 0, which every server's cleanup checks.
func TestStoppingLetsRunningRequestsFinish(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.queue("slow")
	c.domain("shop", customerprofiles.CreateDomainInput{})
	const polls = 8
	results := make(chan error, polls)
	var begun sync.WaitGroup
	for range polls {
		begun.Add(1)
		go func() {
			begun.Done()
			// A long poll that nothing answers lasts for three seconds.
			_, err := c.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 3})
			results <- err
		}()
	}
	begun.Wait()
	// The polls have arrived once the server counts them.
	eventually(t, soon, func() error {
		_, text := s.get("/metrics")
		if n := gauge(text, "kindred_requests_in_flight"); n < polls {
			return errors.New("the polls have not arrived: " + text)
		}
		return nil
	})
	s.signal(syscall.SIGTERM)
	for range polls {
		if err := <-results; err != nil {
			t.Errorf("a request that was running: %v", err)
		}
	}
	if err := s.awaitExit(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if _, err := c.profiles.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{}); err == nil {
		t.Error("a server that has ended answers")
	}
	s.start()
	if _, err := c.profiles.GetDomain(t.Context(), &customerprofiles.GetDomainInput{DomainName: aws.String("shop")}); err != nil {
		t.Error(err)
	}
}

// gauge is the value of a metric without labels, 0 if it is not there.
func gauge(metrics, name string) float64 {
	for line := range strings.Lines(metrics) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err == nil {
				return v
			}
		}
	}
	return 0
}
