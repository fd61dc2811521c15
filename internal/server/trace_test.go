package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"kindred/internal/server"
	"kindred/internal/tracing"
	"kindred/internal/tracing/tracingtest"
)

const (
	clientTrace = "0af7651916cd43dd8448eb211c80319c"
	clientSpan  = "b7ad6b7169203331"
)

// TestRequestsAreTraced: a span for each request, within that of the client, which says
// the operation, the status and the name of the error, and nothing of what was asked.
func TestRequestsAreTraced(t *testing.T) {
	rec := tracingtest.New()
	var log bytes.Buffer
	_, h := newServer(t, mounts(), func(c *server.Config) {
		c.Tracer, c.Logger = rec.Tracer, slog.New(slog.NewJSONHandler(&log, nil))
	})
	for i, c := range []struct {
		key, path, name, err string
		status               string
		failed               bool
	}{
		{"AKIDTEST", "/domains/there", "CustomerProfiles/GetDomain", "", "200", false},
		{"AKIDTEST", "/domains/missing", "CustomerProfiles/GetDomain", "ResourceNotFoundException", "404", false},
		{"AKIDTEST", "/domains/broken", "CustomerProfiles/GetDomain", "InternalServerException", "500", true},
		{"AKIDTEST", "/domains/panic", "CustomerProfiles/GetDomain", "InternalServerException", "500", true},
		{"AKIDWRONG", "/domains/there", "unknown/unknown", "InvalidSignatureException", "403", false},
		{"AKIDTEST", "/no/such/jane.doe", "unknown/unknown", "UnknownOperationException", "404", false},
	} {
		log.Reset()
		r, err := http.NewRequest("GET", h.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.key+"/20260101/us-east-1/profile/aws4_request")
		r.Header.Set("Traceparent", "00-"+clientTrace+"-"+clientSpan+"-01")
		r.Header.Set("Tracestate", "jane=doe")
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, a.Body)
		a.Body.Close()
		s := rec.Await(t, i+1)[i] // it ends after the answer, and after the line of the log
		if s.Name != c.name || s.Kind != "server" || s.Trace != clientTrace || s.Parent != clientSpan || !s.Remote || s.Failed != c.failed || !s.Plain() ||
			s.Attributes["http.response.status_code"] != c.status || s.Attributes["error.type"] != c.err || s.Attributes["rpc.system"] != "aws-api" ||
			s.Attributes["aws.request_id"] != a.Header.Get("X-Amzn-Requestid") || s.Attributes["rpc.service"]+"/"+s.Attributes["rpc.method"] != c.name {
			t.Errorf("%s: the span is %+v", c.path, s)
		}
		var line struct {
			Trace string `json:"trace_id"`
			Span  string `json:"span_id"`
		}
		if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Trace != clientTrace || line.Span != s.ID {
			t.Errorf("%s: the log says %s", c.path, &log)
		}
	}
	if text := rec.Text(); strings.Contains(text, "doe") || strings.Contains(text, "AKID") || strings.Contains(text, "arn:") || strings.Contains(text, "there") || strings.Contains(text, "missing") {
		t.Errorf("something of the client's is in the spans:\n%s", text)
	}
}

// TestWithoutATracerTheLogSaysNothingOfTraces, whatever clients send.
func TestWithoutATracerTheLogSaysNothingOfTraces(t *testing.T) {
	log := make(lines, 10)
	_, h := newServer(t, mounts(), withLog(log))
	r, err := http.NewRequest("GET", h.URL+"/domains/there", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/us-east-1/profile/aws4_request")
	r.Header.Set("Traceparent", "00-"+clientTrace+"-"+clientSpan+"-01")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if line := <-log; strings.Contains(line, "trace_id") || strings.Contains(line, clientTrace) {
		t.Errorf("the log says %s", line)
	}
}

// TestWhatIsServedBesideOperationsMayBeginTraces, and none is begun for it.
func TestWhatIsServedBesideOperationsMayBeginTraces(t *testing.T) {
	rec := tracingtest.New()
	s, h := newServer(t, mounts(), func(c *server.Config) { c.Tracer = rec.Tracer })
	s.Handle("GET /traced", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, span := tracing.Begin(r.Context(), "page", tracing.Server)
		span.End()
	}))
	for _, path := range []string{"/healthz", "/metrics", "/", "/traced"} {
		a, err := http.Get(h.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
	}
	if spans := rec.Spans(); len(spans) != 1 || spans[0].Name != "page" || spans[0].Parent != "" {
		t.Errorf("the spans are %+v", spans)
	}
}
