package e2e_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collecting is a collector of traces that keeps what it is sent.
type collecting struct {
	*httptest.Server

	mu    sync.Mutex // guards the following
	bytes []byte     // of all requests, bodies and headers
	spans []*tracev1.Span
	wrong error
}

func newCollector(t *testing.T) *collecting {
	t.Helper()
	c := &collecting{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collecting) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var in collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &in)
	}
	if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("X-Team") != "desk" {
		err = fmt.Errorf("%s %v", r.URL.Path, r.Header)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = errors.Join(c.wrong, err)
	c.bytes = fmt.Appendf(append(c.bytes, body...), "%v", r.Header)
	for _, resource := range in.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

// tree are the spans of a trace by their identity, and that of a name.
func (c *collecting) tree(trace, name string) (by map[string]*tracev1.Span, root *tracev1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by = map[string]*tracev1.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) != trace {
			continue
		}
		by[string(s.SpanId)] = s
		if s.Name == name {
			root = s
		}
	}
	return by, root
}

// tracingEnv is the environment of a server that sends traces to a collector at once.
func tracingEnv(url string, more ...string) option {
	return withEnv(append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + url, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20s3cret,x-team=desk", "OTEL_BSP_SCHEDULE_DELAY=20"}, more...)...)
}

// within makes the clients of the administrator send a parent for each request.
func (s *server) within(trace, parent string) *client {
	s.t.Helper()
	return s.as(fileCredentials(s.credentials()), config.WithAPIOptions([]func(*middleware.Stack) error{
		smithyhttp.SetHeaderValue("Traceparent", "00-"+trace+"-"+parent+"-01"), smithyhttp.SetHeaderValue("Tracestate", "desk=7")}))
}

// attribute is the text of an attribute of a span, empty if it has none.
func attribute(s *tracev1.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key != key {
			continue
		}
		if n, ok := a.Value.Value.(*common.AnyValue_IntValue); ok {
			return strconv.FormatInt(n.IntValue, 10)
		}
		return a.Value.GetStringValue()
	}
	return ""
}

// TestRequestsAreTracedDownToTheStoreAndTheKeys: each call of AWS's own client is a span
// within the one it was made in, with what the call asked of the store and the key
// service below it, and nothing of a customer, a domain, a key or a caller.
func TestRequestsAreTracedDownToTheStoreAndTheKeys(t *testing.T) {
	t.Parallel()
	out := newCollector(t)
	s := startServer(t, tracingEnv(out.URL))
	const parent = "b7ad6b7169203331"
	traces := []string{strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 32)}
	key := s.admin.key("")
	queue := s.admin.deadLetters("janes-letters", "janes-shop")
	s.within(traces[0], parent).domain("janes-shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key, DeadLetterQueueUrl: &queue})
	s.within(traces[1], parent).objectType("janes-shop", shopAccount())
	p := s.person()
	s.within(traces[2], parent).put("janes-shop", "ShopAccount", p.account("A-1", fields{"note": p.name()}))
	s.admin.objectType("janes-shop", strict())
	s.admin.put("janes-shop", "Strict", fields{"no": 1, "mail": s.person().email}) // a dead letter
	for i, want := range []struct {
		operation string
		below     []string
	}{
		{"CreateDomain", []string{"store update", "KMS/GenerateDataKey", "KMS/DescribeKey", "SQS/GetQueueAttributes"}},
		{"PutProfileObjectType", []string{"store update"}},
		{"PutProfileObject", []string{"store update"}},
	} {
		name := "CustomerProfiles/" + want.operation
		eventually(t, soon, func() error {
			by, root := out.tree(traces[i], name)
			if root == nil {
				return fmt.Errorf("%s: no span yet", name)
			}
			if hex.EncodeToString(root.ParentSpanId) != parent || root.Kind != tracev1.Span_SPAN_KIND_SERVER || root.TraceState != "" ||
				attribute(root, "rpc.method") != want.operation || attribute(root, "http.response.status_code") != "200" || len(attribute(root, "aws.request_id")) != 36 {
				return fmt.Errorf("the span is %v", root)
			}
			var below []string
			for _, span := range by {
				if span == root {
					continue
				}
				if string(span.ParentSpanId) == string(root.SpanId) {
					below = append(below, span.Name)
				}
				if by[string(span.ParentSpanId)] == nil {
					return fmt.Errorf("%v hangs in the air", span)
				}
			}
			for _, b := range want.below {
				if !slices.Contains(below, b) {
					return fmt.Errorf("%s has below it %q, and no %s", name, below, b)
				}
			}
			return nil
		})
	}
	eventually(t, soon, func() error { // in the background
		out.mu.Lock()
		defer out.mu.Unlock()
		if !slices.ContainsFunc(out.spans, func(s *tracev1.Span) bool {
			return s.Name == "deliver dead letter" && s.Kind == tracev1.Span_SPAN_KIND_PRODUCER && len(s.ParentSpanId) == 0
		}) {
			return errors.New("the delivery of a dead letter is not traced")
		}
		return nil
	})
	if !strings.Contains(s.stderr.String(), `"trace_id":"`+traces[2]+`"`) {
		t.Error("the log does not name the trace")
	}
	s.stop()
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.wrong != nil {
		t.Error(out.wrong)
	}
	if found := s.known.find(out.bytes); found != nil {
		t.Errorf("the spans show of customers: %q", found)
	}
	text := strings.ToLower(string(out.bytes))
	for _, secret := range []string{"janes", "arn:", "shopaccount", "strict", key[strings.LastIndex(key, "/")+1:], "akia", "desk=7"} {
		if strings.Contains(text, secret) {
			t.Errorf("the spans have %q", secret)
		}
	}
	for _, l := range s.logs {
		if strings.Contains(l.String(), "s3cret") {
			t.Error("the collector's token is in the log")
		}
	}
}

// TestTheSamplerDecides: with a ratio of nothing there are no spans but for requests whose
// caller has been sampled, and the log names traces of those only.
func TestTheSamplerDecides(t *testing.T) {
	t.Parallel()
	out := newCollector(t)
	s := startServer(t, tracingEnv(out.URL, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0"))
	trace := strings.Repeat("d", 32)
	list := func(c *client) {
		t.Helper()
		if _, err := c.profiles.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{}); err != nil {
			t.Fatal(err)
		}
	}
	list(s.admin)
	list(s.within(trace, "b7ad6b7169203331"))
	s.stop() // which sends what waits
	out.mu.Lock()
	defer out.mu.Unlock()
	roots := 0
	for _, span := range out.spans {
		if hex.EncodeToString(span.TraceId) != trace {
			t.Errorf("a span of nobody's: %v", span)
		}
		if span.Name == "CustomerProfiles/ListDomains" {
			roots++
		}
	}
	if roots != 1 || strings.Count(s.stderr.String(), `"trace_id"`) != 1 {
		t.Errorf("%d spans of requests", roots)
	}
}

// TestACollectorThatDoesNotWorkHoldsNobodyUp: neither one that hangs nor one that refuses
// slows requests or the end of the server, and what is lost is counted and logged.
func TestACollectorThatDoesNotWorkHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(over) })
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "token was "+r.Header.Get("Authorization"), http.StatusInternalServerError)
	}))
	t.Cleanup(broken.Close)
	for _, c := range []struct{ name, url, lost, says string }{
		{"hanging", hanging.URL, "dropped", ""},
		{"broken", broken.URL, "failed", "the collector answered with status 500"},
		{"gone", "http://user:s3cret@127.0.0.1:1", "failed", "the collector cannot be reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, tracingEnv(c.url, "OTEL_BSP_MAX_QUEUE_SIZE=64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=16", "OTEL_BSP_EXPORT_TIMEOUT=60000"))
			s.admin.domain("shop", customerprofiles.CreateDomainInput{})
			s.admin.objectType("shop", shopAccount())
			began := time.Now()
			for i := range 100 {
				s.admin.put("shop", "ShopAccount", s.person().account(fmt.Sprint("A-", i), nil))
			}
			if took := time.Since(began); took > 10*time.Second { // of one call to the collector; these take milliseconds
				t.Errorf("a hundred objects took %v", took)
			}
			eventually(t, soon, func() error {
				_, text := s.get("/metrics")
				if gauge(text, `kindred_trace_spans_total{outcome="`+c.lost+`"}`) == 0 {
					return fmt.Errorf("no span is %s", c.lost)
				}
				if !strings.Contains(s.stderr.String(), c.says) {
					return fmt.Errorf("the log does not say that %s", c.says)
				}
				return nil
			})
			began = time.Now()
			s.stop()
			if took := time.Since(began); took > 15*time.Second { // five for the collector
				t.Errorf("the end took %v", took)
			}
			if log := s.stderr.String(); strings.Contains(log, "s3cret") || strings.Count(log, "spans were not sent") > 1 {
				t.Error("the log says too much of the collector")
			}
		})
	}
}

// TestBadSettingsOfTracesAreRefused before anything is touched.
func TestBadSettingsOfTracesAreRefused(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_TRACES_EXPORTER=zipkin", "OTEL_TRACES_SAMPLER=sometimes"} {
		dir := t.TempDir() + "/data"
		p := refusedStart(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", env}, "serve", "--listen", "127.0.0.1:0", "--data-dir", dir)
		name, _, _ := strings.Cut(env, "=")
		if text := p.stderr.String(); p.err == nil || !strings.Contains(text, name+": ") {
			t.Errorf("%s: %v, %q", env, p.err, text)
		}
	}
}
