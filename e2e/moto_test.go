package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Any credentials do for moto.
const motoKey, motoSecret = "AKIAMOTOMOTOMOTOMOTO", "moto"

var motoURL = regexp.MustCompile(`Running on (http://127\.0\.0\.1:[0-9]+)`)

// startMoto starts moto's server, an implementation of AWS's services that has
// nothing in common with Kindred's, and returns its URL.
func startMoto(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err == nil {
		err = exec.Command(path, "--help").Run()
	}
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: Kindred with the keys and queues of another implementation. moto's server is not there (%v): pip install 'moto[server]'", err)
	}
	ready := make(chan string, 1)
	out := &output{line: func(line string) {
		if m := motoURL.FindStringSubmatch(line); m != nil {
			select {
			case ready <- m[1]:
			default:
			}
		}
	}}
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", "0")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-exited:
		case <-time.After(stopWithin):
			_ = cmd.Process.Kill() // the failure is reported below
			t.Errorf("moto did not end")
		}
		if t.Failed() {
			t.Logf("moto:\n%s", out)
		}
	})
	select {
	case url := <-ready:
		return url
	case err := <-exited:
		t.Fatalf("moto ended: %v\n%s", err, out)
	case <-time.After(2 * readyWithin):
		t.Fatalf("moto was not ready\n%s", out)
	}
	return ""
}

// enforce stands before moto, which keeps the state of a key but lets one that is
// disabled be used all the same: it refuses that as AWS does.
func enforce(t *testing.T, moto string, state func() string) string {
	t.Helper()
	target, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("X-Amz-Target") {
		case "TrentService.Decrypt", "TrentService.GenerateDataKey":
			if state() != "Enabled" {
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"__type":"DisabledException","message":"The key is disabled."}`) // the client may be gone
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	return h.URL
}

func TestKeysAndQueuesMayBeThoseOfAnotherImplementation(t *testing.T) {
	t.Parallel()
	moto := startMoto(t)
	// A server that is never used lends its clients to reach moto.
	s := &server{t: t, url: moto}
	cfg := s.as(keyCredentials(motoKey, motoSecret, "")).config
	cfg.HTTPClient = nil
	cfg.BaseEndpoint = &moto
	keys, queues := kms.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	keyARN := *key.KeyMetadata.Arn
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("letters")})
	if err != nil {
		t.Fatal(err)
	}
	queueURL := *queue.QueueUrl

	strictURL := enforce(t, moto, func() string {
		out, err := keys.DescribeKey(context.Background(), &kms.DescribeKeyInput{KeyId: &keyARN})
		if err != nil {
			t.Errorf("moto: %v", err)
			return ""
		}
		return string(out.KeyMetadata.KeyState)
	})
	s = startServer(t, withArgs("--kms-endpoint", keyARN+"="+strictURL, "--sqs-endpoint", queueURL+"="+moto),
		withEnv("AWS_ACCESS_KEY_ID="+motoKey, "AWS_SECRET_ACCESS_KEY="+motoSecret))
	c := s.admin
	in := &customerprofiles.CreateDomainInput{DomainName: aws.String("shop"), DefaultExpirationDays: aws.Int32(366),
		DefaultEncryptionKey: &keyARN, DeadLetterQueueUrl: &queueURL}
	_, err = c.profiles.CreateDomain(t.Context(), in)
	refused(t, err, "BadRequestException", "DeadLetterQueueUrl", arn("domains/shop"))
	_, message := refusal(t, err)
	if _, err := queues.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &queueURL,
		Attributes: map[string]string{"Policy": document(statement(t, message))}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.profiles.CreateDomain(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	c.objectType("shop", shopAccount())
	c.objectType("shop", strict())
	p := s.person()
	c.put("shop", "ShopAccount", p.account("A-1", nil))
	id := *c.one("shop", "_email", p.email).ProfileId

	letter := func(objectType string) (reason, body string) {
		t.Helper()
		var m sqstypes.Message
		eventually(t, soon, func() error {
			out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queueURL, MessageAttributeNames: []string{"All"}})
			if err != nil {
				return err
			}
			if len(out.Messages) == 0 {
				return fmt.Errorf("no dead letter in moto's queue")
			}
			m = out.Messages[0]
			return nil
		})
		if _, err := queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &queueURL, ReceiptHandle: m.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
		if a := m.MessageAttributes; len(a) != 4 || *a["DomainId"].StringValue == "" || *a["DomainName"].StringValue != "shop" || *a["ObjectTypeName"].StringValue != objectType {
			t.Errorf("attributes %v", a)
		}
		return *m.MessageAttributes["Message"].StringValue, *m.Body
	}
	lost := fields{"no": "1", "mail": s.person().email}
	c.put("shop", "Strict", lost)
	if reason, body := letter("Strict"); !strings.HasPrefix(reason, "No profile matches") || body != *object(lost) {
		t.Errorf("the dead letter says %q", reason)
	}

	if _, err := keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	read := func() error {
		out, err := c.profiles.BatchGetProfile(t.Context(), &customerprofiles.BatchGetProfileInput{DomainName: aws.String("shop"), ProfileIds: []string{id}})
		if err == nil && len(out.Profiles) != 1 {
			return fmt.Errorf("%d profiles", len(out.Profiles))
		}
		return err
	}
	eventually(t, keyWithin, func() error {
		if read() == nil {
			return fmt.Errorf("a profile is still read under a disabled key")
		}
		return nil
	})
	c.put("shop", "ShopAccount", p.account("A-2", nil))
	if reason, body := letter("ShopAccount"); reason != keyStateText || body != *object(p.account("A-2", nil)) {
		t.Errorf("the dead letter says %q", reason)
	}
	if _, err := keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	eventually(t, keyWithin, read)
	s.restart() // the data key comes from moto again
	if err := read(); err != nil {
		t.Error(err)
	}
	// Other keys and queues are still Kindred's own.
	own := c.key("")
	c.domain("own", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &own})
	_, err = c.profiles.CreateDomain(t.Context(), &customerprofiles.CreateDomainInput{DomainName: aws.String("x"), DefaultExpirationDays: aws.Int32(1),
		DefaultEncryptionKey: aws.String(strings.Replace(keyARN, "key/", "key/0", 1))})
	refused(t, err, "BadRequestException", "does not exist")
}
