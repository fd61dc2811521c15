package resource_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"kindred/internal/resource"
	"kindred/internal/tracing/tracingtest"
)

// service answers every request as a key or queue service would, or refuses it.
type service struct {
	parents []string
	refuse  string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.parents = append(s.parents, r.Header.Get("Traceparent"))
	if s.refuse != "" {
		w.Header().Set("X-Amzn-Errortype", s.refuse)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"jane.doe@example.com"}`, s.refuse)
		return
	}
	fmt.Fprint(w, `{}`)
}

// TestCallsAreToldOfAndTraced: calls of services elsewhere carry the span that they are
// made in, and neither counts nor spans have anything but names.
func TestCallsAreToldOfAndTraced(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	s := &service{}
	h := httptest.NewServer(s)
	defer h.Close()
	gone := httptest.NewServer(s)
	gone.Close()
	c := resource.NewClients("us-east-1", nil, []resource.Route{{Pattern: "gone", Endpoint: gone.URL}, {Pattern: "*", Endpoint: h.URL}},
		[]resource.Route{{Pattern: "*", Endpoint: h.URL}})
	var told []string
	c.OnCall(func(a resource.Call) {
		if a.Took <= 0 {
			t.Errorf("%+v took no time", a)
		}
		told = append(told, strings.Join([]string{a.Service, a.Operation, a.Where, a.Outcome}, " "))
	})
	rec := tracingtest.New()
	ctx, root := rec.Tracer.Serve(t.Context(), nil)
	trace, _ := root.IDs()
	describe := func(key, refuse string) {
		t.Helper()
		s.refuse = refuse
		k, err := c.KMS(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &key})
		if (err == nil) != (refuse == "" && key != "gone") {
			t.Errorf("%s: %v", key, err)
		}
	}
	describe("jane-key", "")
	describe("jane-key", "DisabledException")
	describe("jane-key", "Jane Doe")
	describe("gone", "")
	s.refuse = ""
	q, err := c.SQS(ctx, "jane-queue")
	if err != nil {
		t.Fatal(err)
	}
	body, url := "jane.doe@example.com", "http://h/jane-queue"
	_, _ = q.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}) // the SDK misses the digest in the answer
	root.End()
	want := []string{"KMS DescribeKey external ok", "KMS DescribeKey external refused", "KMS DescribeKey external refused", "KMS DescribeKey external unavailable"}
	if got := told[:4]; strings.Join(got, ",") != strings.Join(want, ",") || !strings.HasPrefix(told[4], "SQS SendMessage external ") {
		t.Errorf("told of %q", told)
	}
	spans := rec.Named("KMS/DescribeKey")
	errors := []string{"", "DisabledException", "refused", "unavailable"}
	if len(spans) != len(errors) || len(rec.Named("SQS/SendMessage")) != 1 {
		t.Fatalf("the spans are\n%s", rec.Text())
	}
	for i, span := range spans {
		if span.Trace != trace || span.Kind != "client" || span.Attributes["error.type"] != errors[i] || span.Attributes["kindred.where"] != "external" || !span.Plain() {
			t.Errorf("the span is %+v", span)
		}
		if i < 3 && s.parents[i] != "00-"+trace+"-"+span.ID+"-01" {
			t.Errorf("the request said %q", s.parents[i])
		}
	}
	if strings.Contains(strings.ToLower(rec.Text()+strings.Join(told, " ")), "jane") {
		t.Errorf("what was asked is in\n%s\n%q", rec.Text(), told)
	}
}
