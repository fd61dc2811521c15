package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/api/sqsapi"
	"kindred/internal/server"
)

// lines passes on what is written, a line each.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// waiting is a queue on which a receiver waits for ever.
type waiting struct{ begun chan struct{} }

func (w waiting) ReceiveMessage(ctx context.Context, _ *sqsapi.ReceiveMessageRequest) (*sqsapi.ReceiveMessageResult, error) {
	close(w.begun)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAClientThatHangsUpIsNoFailure(t *testing.T) {
	log := make(lines, 10)
	queue := waiting{make(chan struct{})}
	_, h := newServer(t, []server.Mount{{API: sqsapi.Service(), Impl: []any{queue}}}, withLog(log))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", h.URL, strings.NewReader(`{"QueueUrl":"q","WaitTimeSeconds":20}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/sqs/aws4_request")
	req.Header.Set("X-Amz-Target", "AmazonSQS.ReceiveMessage")
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	go func() {
		<-queue.begun
		cancel()
	}()
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Fatal("answered")
	}
	if line := <-log; !strings.Contains(line, `"status":499`) || strings.Contains(line, `"level":"ERROR"`) {
		t.Errorf("log: %s", line)
	}
	if text := send(t, h.URL, "GET", "/metrics", "", "", nil).Body; strings.Contains(text, `"5xx"`) || !strings.Contains(text, `status="gone"} 1`) {
		t.Errorf("metrics:\n%s", text)
	}
}

// slow says when it has begun and waits until it is let go.
type slow struct{ begun, release chan struct{} }

func (s slow) ListDomains(ctx context.Context, _ *profileapi.ListDomainsRequest) (*profileapi.ListDomainsResponse, error) {
	close(s.begun)
	select {
	case <-s.release:
	case <-ctx.Done():
	}
	return &profileapi.ListDomainsResponse{}, nil
}

// serve serves a slow operation, calls it, and ends serving while it is at work.
func serve(t *testing.T, drain time.Duration, afterwards func(slow)) (answered error, served error) {
	t.Helper()
	impl := slow{make(chan struct{}), make(chan struct{})}
	s := server.New(server.Config{Services: []server.Mount{{API: profileapi.Service(), Impl: []any{impl}}}, Authenticator: anyone{}, Drain: drain})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	got := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+ln.Addr().String()+"/domains", nil)
		if err != nil {
			got <- err
			return
		}
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/profile/aws4_request")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != 200 {
				err = errors.New(resp.Status)
			}
		}
		got <- err
	}()
	<-impl.begun
	stop()
	afterwards(impl)
	return <-got, <-done
}

func TestServeLetsRequestsFinish(t *testing.T) {
	answered, served := serve(t, time.Minute, func(s slow) { close(s.release) })
	if answered != nil || served != nil {
		t.Errorf("answered %v, served %v", answered, served)
	}
}

func TestServeCutsOffWhatOutlastsTheDrainTime(t *testing.T) {
	answered, served := serve(t, time.Millisecond, func(slow) {})
	if answered == nil || served != nil {
		t.Errorf("answered %v, served %v", answered, served)
	}
}

func TestServeTellsThatItCannot(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Config{Authenticator: anyone{}})
	if err := s.Serve(t.Context(), ln); err == nil {
		t.Error("no error")
	}
}

func TestHealth(t *testing.T) {
	var ill error
	s := server.New(server.Config{Authenticator: anyone{}, Health: func(context.Context) error { return ill }})
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	if r := send(t, h.URL, "GET", "/healthz", "", "", nil); r.Status != 200 {
		t.Errorf("%+v", r)
	}
	if r := send(t, h.URL, "HEAD", "/healthz", "", "", nil); r.Status != 200 || r.Body != "" {
		t.Errorf("%+v", r)
	}
	ill = errors.New("store at /var/lib closed")
	if r := send(t, h.URL, "GET", "/healthz", "", "", nil); r.Status != 503 || strings.Contains(r.Body, "store") {
		t.Errorf("%+v", r)
	}
}

// discard is a ResponseWriter for benchmarks.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkNoOperation is the adapter alone: an operation that does nothing,
// without network and signature.
func BenchmarkNoOperation(b *testing.B) {
	s := server.New(server.Config{Services: mounts(), Authenticator: anyone{}})
	r := httptest.NewRequestWithContext(b.Context(), "GET", "/domains", nil)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/profile/aws4_request, SignedHeaders=host, Signature=00")
	w := &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		s.ServeHTTP(w, r)
	}
}

// BenchmarkNoOperationOverHTTP is the same over a connection on this machine.
func BenchmarkNoOperationOverHTTP(b *testing.B) {
	_, h := newServer(b, mounts())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequestWithContext(b.Context(), "GET", h.URL+"/domains", bytes.NewReader(nil))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/profile/aws4_request, SignedHeaders=host, Signature=00")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}

// A request that would go on for ever hears that serving ends.
func TestServeTellsStreamsThatItEnds(t *testing.T) {
	s := server.New(server.Config{Authenticator: anyone{}})
	begun := make(chan struct{})
	s.Handle("GET /stream", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		select {
		case <-s.Draining():
			w.WriteHeader(http.StatusNoContent)
		case <-r.Context().Done():
		}
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done, status := make(chan error, 1), make(chan int, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	go func() {
		answer, err := http.Get("http://" + ln.Addr().String() + "/stream")
		if err != nil {
			status <- 0
			return
		}
		answer.Body.Close()
		status <- answer.StatusCode
	}()
	<-begun
	stop()
	if got := <-status; got != http.StatusNoContent {
		t.Errorf("status %d", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
