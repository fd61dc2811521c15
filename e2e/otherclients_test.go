package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// environment is all that any AWS client needs to use a server.
func (s *server) environment() []string {
	return append(os.Environ(), "AWS_ENDPOINT_URL="+s.url, "AWS_SHARED_CREDENTIALS_FILE="+s.credentials(), "AWS_REGION="+region,
		"AWS_DEFAULT_REGION="+region, "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
}

// tell runs a program of another client to its end.
func tell(t *testing.T, env []string, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*stopWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = errors.Join(err, errors.New(errs.String()))
	}
	return out.String(), err
}

func TestInvariant1TheStoryToldByBoto3(t *testing.T) {
	t.Parallel()
	if _, err := tell(t, os.Environ(), "python3", "-c", "import boto3"); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: boto3 as a client. python3 with boto3 is not there (%v): pip install boto3", err)
	}
	s := startServer(t)
	p := s.person()
	out, err := tell(t, s.environment(), "python3", filepath.Join("testdata", "story.py"), account, p.phone, p.email, p.name())
	if err != nil || strings.TrimSpace(out) != "told" {
		t.Errorf("%s%v", out, err)
	}
}

func TestInvariant1TheStoryToldByTheAWSCLI(t *testing.T) {
	t.Parallel()
	version, err := tell(t, os.Environ(), "aws", "--version")
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: the AWS CLI as a client. It is not there: %v", err)
	}
	t.Logf("%s", strings.TrimSpace(version))
	s := startServer(t)
	p := s.person()
	run := func(args ...string) (string, error) {
		t.Helper()
		return tell(t, s.environment(), "aws", append(args, "--output", "json")...)
	}
	must := func(into any, args ...string) {
		t.Helper()
		out, err := run(args...)
		if err != nil {
			t.Fatalf("aws %s: %v", strings.Join(args[:2], " "), err)
		}
		if into == nil {
			return
		}
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatalf("aws %s: %q: %v", strings.Join(args[:2], " "), out, err)
		}
	}
	var who struct{ Arn string }
	must(&who, "sts", "get-caller-identity")
	if !strings.HasPrefix(who.Arn, "arn:aws:iam::"+account+":") {
		t.Errorf("got %+v", who)
	}
	// Version 1 of the CLI takes no endpoint for SQS from the environment.
	var queue struct{ QueueURL string }
	must(&queue, "sqs", "create-queue", "--queue-name", "letters", "--endpoint-url", s.url)
	policy := string(mustJSON(t, map[string]string{"Policy": document(serviceMay(queueARN("letters"), "cli"))}))
	must(nil, "sqs", "set-queue-attributes", "--queue-url", queue.QueueURL, "--attributes", policy, "--endpoint-url", s.url)
	var key struct{ KeyMetadata struct{ Arn string } }
	must(&key, "kms", "create-key")
	// It also fetches parameters that look like URLs; the server answers with
	// the URL, so that the value arrives as it was given.
	var domain struct{ DomainName, DeadLetterQueueURL, DefaultEncryptionKey string }
	must(&domain, "customer-profiles", "create-domain", "--domain-name", "cli", "--default-expiration-days", "366",
		"--default-encryption-key", key.KeyMetadata.Arn, "--dead-letter-queue-url", queue.QueueURL)
	if domain.DeadLetterQueueURL != queue.QueueURL || domain.DefaultEncryptionKey != key.KeyMetadata.Arn {
		t.Errorf("got %+v", domain)
	}
	var typ struct{ ObjectTypeName string }
	must(&typ, "customer-profiles", "put-profile-object-type", "--domain-name", "cli", "--object-type-name", "Order", "--description", "orders", "--allow-profile-creation",
		"--fields", `{"no":{"Source":"_source.no"},"mail":{"Source":"_source.mail","Target":"_profile.EmailAddress","ContentType":"EMAIL_ADDRESS"}}`,
		"--keys", `{"orderNo":[{"StandardIdentifiers":["PROFILE","UNIQUE"],"FieldNames":["no"]}],"_email":[{"StandardIdentifiers":["PROFILE","SECONDARY"],"FieldNames":["mail"]}]}`)
	must(nil, "customer-profiles", "put-profile-object", "--domain-name", "cli", "--object-type-name", "Order", "--object", *object(fields{"no": "C-1", "mail": p.email}))
	var found struct {
		Items []struct{ ProfileID, EmailAddress string }
	}
	must(&found, "customer-profiles", "search-profiles", "--domain-name", "cli", "--key-name", "_email", "--values", strings.ToUpper(p.email))
	if len(found.Items) != 1 || found.Items[0].EmailAddress != p.email {
		t.Fatalf("%d profiles are found", len(found.Items))
	}
	var listed struct{ Items []struct{ Object string } }
	must(&listed, "customer-profiles", "list-profile-objects", "--domain-name", "cli", "--object-type-name", "Order", "--profile-id", found.Items[0].ProfileID)
	if len(listed.Items) != 1 || !strings.Contains(listed.Items[0].Object, `"C-1"`) {
		t.Errorf("%d objects are listed", len(listed.Items))
	}
	if _, err := run("customer-profiles", "get-domain", "--domain-name", "none"); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("got %v", err)
	}
	must(nil, "customer-profiles", "delete-domain", "--domain-name", "cli")
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
