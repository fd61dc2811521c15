package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

var quiet = slog.New(slog.DiscardHandler)

// environment sets variables for a test, and nothing else of OpenTelemetry's.
func environment(t *testing.T, vars ...string) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for _, kv := range vars {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
}

// TestEnvironment: tracing is off unless it is asked for, and what cannot be done is
// refused by the name of the variable, without its value.
func TestEnvironment(t *testing.T) {
	const on = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"
	for _, c := range []struct {
		vars []string
		want string // on, off, or the variable that is refused
	}{
		{nil, "off"},
		{[]string{"OTEL_TRACES_EXPORTER=otlp"}, "off"},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:1"}, "off"},
		{[]string{on}, "on"},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://s3cret:s3cret@collector.example/x"}, "on"},
		{[]string{on, "OTEL_TRACES_EXPORTER=otlp"}, "on"},
		{[]string{on, "OTEL_TRACES_EXPORTER=none"}, "off"},
		{[]string{on, "OTEL_SDK_DISABLED=true"}, "off"},
		{[]string{on, "OTEL_SDK_DISABLED=TRUE", "OTEL_TRACES_EXPORTER=s3cret"}, "off"},
		{[]string{on, "OTEL_SDK_DISABLED=false"}, "on"},
		{[]string{on, "OTEL_TRACES_EXPORTER=s3cret"}, "OTEL_TRACES_EXPORTER"},
		{[]string{"OTEL_TRACES_EXPORTER=s3cret"}, "OTEL_TRACES_EXPORTER"},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=s3cret:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{[]string{on, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=ftp://s3cret"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		{[]string{on, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}, "on"},
		{[]string{on, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"},
		{[]string{on, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf"}, "on"},
		{[]string{on, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json"}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"},
		{[]string{on, "OTEL_EXPORTER_OTLP_COMPRESSION=gzip"}, "on"},
		{[]string{on, "OTEL_EXPORTER_OTLP_COMPRESSION=s3cret"}, "OTEL_EXPORTER_OTLP_COMPRESSION"},
		{[]string{on, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20s3cret,x=y"}, "on"},
		{[]string{on, "OTEL_EXPORTER_OTLP_HEADERS=s3cret"}, "OTEL_EXPORTER_OTLP_HEADERS"},
		{[]string{on, "OTEL_EXPORTER_OTLP_TRACES_HEADERS=a=%zzs3cret"}, "OTEL_EXPORTER_OTLP_TRACES_HEADERS"},
		{[]string{on, "OTEL_EXPORTER_OTLP_CERTIFICATE=/none/such"}, "OTEL_EXPORTER_OTLP_CERTIFICATE"},
		{[]string{on, "OTEL_EXPORTER_OTLP_TIMEOUT=10s"}, "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{[]string{on, "OTEL_EXPORTER_OTLP_TIMEOUT=500"}, "on"},
		{[]string{on, "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.25"}, "on"},
		{[]string{on, "OTEL_TRACES_SAMPLER=always_off"}, "on"},
		{[]string{on, "OTEL_TRACES_SAMPLER=s3cret"}, "OTEL_TRACES_SAMPLER"},
		{[]string{on, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=2"}, "OTEL_TRACES_SAMPLER_ARG"},
		{[]string{on, "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=NaN"}, "OTEL_TRACES_SAMPLER_ARG"},
		{[]string{on, "OTEL_BSP_MAX_QUEUE_SIZE=0"}, "OTEL_BSP_MAX_QUEUE_SIZE"},
		{[]string{on, "OTEL_BSP_SCHEDULE_DELAY=often"}, "OTEL_BSP_SCHEDULE_DELAY"},
		{[]string{on, "OTEL_PROPAGATORS=tracecontext,baggage"}, "on"},
		{[]string{on, "OTEL_PROPAGATORS=none"}, "on"},
		{[]string{on, "OTEL_PROPAGATORS=b3"}, "OTEL_PROPAGATORS"},
		{[]string{on, "OTEL_RESOURCE_ATTRIBUTES=a=b,deployment.environment.name=x"}, "on"},
		{[]string{on, "OTEL_RESOURCE_ATTRIBUTES=s3cret"}, "OTEL_RESOURCE_ATTRIBUTES"},
	} {
		t.Run(strings.Join(c.vars, " "), func(t *testing.T) {
			environment(t, c.vars...)
			var log bytes.Buffer
			tracer, err := FromEnvironment("1.2.3", slog.New(slog.NewTextHandler(&log, nil)))
			switch {
			case c.want == "on" && (tracer == nil || err != nil), c.want == "off" && (tracer != nil || err != nil):
				t.Errorf("got %v, %v", tracer, err)
			case c.want != "on" && c.want != "off" && (err == nil || !strings.HasPrefix(err.Error(), c.want+":")):
				t.Errorf("got %v", err)
			}
			if strings.Contains(fmt.Sprint(err, log.String()), "s3cret") {
				t.Errorf("a value is shown: %v %s", err, &log)
			}
			tracer.Close()
		})
	}
}

// receiver is a collector that keeps what it is sent.
func receiver(t *testing.T) (url string, requests chan *collector.ExportTraceServiceRequest, headers chan http.Header) {
	t.Helper()
	requests, headers = make(chan *collector.ExportTraceServiceRequest, 10), make(chan http.Header, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		requests <- &in
		headers <- r.Header
	}))
	t.Cleanup(s.Close)
	return s.URL, requests, headers
}

// TestExport: what ends before Close arrives, with what the environment says of the
// process and the headers that it asks for.
func TestExport(t *testing.T) {
	url, requests, headers := receiver(t)
	environment(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+url, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20abc",
		"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,service.instance.id=mine")
	tracer, err := FromEnvironment("1.2.3", quiet)
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracer.Serve(t.Context(), nil)
	span.End()
	tracer.Close()
	in, header := <-requests, <-headers
	if got := header.Get("Authorization"); got != "Bearer abc" {
		t.Errorf("the header is %q", got)
	}
	got := map[string]string{}
	for _, a := range in.ResourceSpans[0].Resource.Attributes {
		got[a.Key] = a.Value.GetStringValue()
	}
	for key, want := range map[string]string{"service.name": "kindred", "service.version": "1.2.3", "service.instance.id": "mine", "deployment.environment.name": "test"} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	if f := tracer.Figures(); f != (Figures{Exported: 1}) {
		t.Errorf("got %+v", f)
	}
}

// TestRemoteParents: a sampled parent is followed as the sampler says, and the rest of
// what a client says of a trace is not looked at.
func TestRemoteParents(t *testing.T) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, c := range []struct {
		name, flags     string
		remote          bool
		sampler         sdk.Sampler
		sampled, joined bool
	}{
		{"sampled", "01", true, sdk.ParentBased(sdk.NeverSample()), true, true},
		{"not sampled", "00", true, sdk.ParentBased(sdk.AlwaysSample()), false, true},
		{"sampled, but the sampler does not ask", "01", true, sdk.NeverSample(), false, true},
		{"not propagated", "01", false, sdk.ParentBased(sdk.AlwaysSample()), true, false},
	} {
		out := tracetest.NewInMemoryExporter()
		tracer := newTracer(out, 10, c.remote, quiet, sdk.WithSampler(c.sampler))
		h := http.Header{"Traceparent": {"00-" + trace + "-" + parent + "-" + c.flags}, "Tracestate": {"jane=doe"}, "Baggage": {"jane=doe"}}
		ctx, span := tracer.Serve(t.Context(), h)
		id, _ := span.IDs()
		if span.Recording() != c.sampled || c.sampled && (id == trace) != c.joined {
			t.Errorf("%s: recording %t, trace %s", c.name, span.Recording(), id)
		}
		next := http.Header{}
		Inject(ctx, next)
		if len(next) > 1 || (next.Get("Traceparent") != "") != c.sampled {
			t.Errorf("%s: sent on %v", c.name, next)
		}
		span.End()
		if err := tracer.provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%+v", out.GetSpans()); strings.Contains(text, "doe") {
			t.Errorf("%s: what the client said is in %s", c.name, text)
		}
		tracer.Close()
	}
}

// stuck is an exporter that waits until it may go on, or is told to stop.
type stuck struct {
	began chan struct{}
	ended chan error
}

func (s *stuck) ExportSpans(ctx context.Context, _ []sdk.ReadOnlySpan) error {
	s.began <- struct{}{}
	select {
	case err := <-s.ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
func (s *stuck) Shutdown(context.Context) error { return nil }

// TestTheQueueIsBounded: with a collector that hangs, spans beyond the bound are dropped
// and counted, and nobody waits.
func TestTheQueueIsBounded(t *testing.T) {
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
	var log bytes.Buffer
	out := &stuck{make(chan struct{}, 100), make(chan error, 100)}
	tracer := newTracer(out, 5, true, slog.New(slog.NewTextHandler(&log, nil)))
	for range 20 {
		_, span := tracer.Serve(t.Context(), nil)
		span.End()
	}
	<-out.began
	if f := tracer.Figures(); f.Dropped != 15 {
		t.Errorf("got %+v, want 15 dropped", f)
	}
	for range 3 {
		out.ended <- errors.New("failed to send to http://collector: 500 Internal Server Error (body: jane)")
	}
	tracer.Close()
	if f := tracer.Figures(); f.Failed != 5 || f.Exported != 0 {
		t.Errorf("got %+v, want 5 failed", f)
	}
	if n := strings.Count(log.String(), "spans were not sent"); n != 1 || !strings.Contains(log.String(), "status 500") || strings.Contains(log.String(), "jane") {
		t.Errorf("the log says %s", &log)
	}
	if tracer.queue.held.Load() != 0 {
		t.Errorf("%d spans are held at the end", tracer.queue.held.Load())
	}
}

// TestErrorsAreSafe: no address and no text of the collector's.
func TestErrorsAreSafe(t *testing.T) {
	client := &http.Client{}
	_, refused := client.Get("http://user:s3cret@127.0.0.1:1/v1/traces?s3cret")
	for _, err := range []error{refused, context.DeadlineExceeded, errors.New("retry-able request failure: body: s3cret"),
		errors.New("failed to send to http://x: 401 Unauthorized (body: s3cret)")} {
		if text := safe(err); strings.Contains(text, "s3cret") || text == "" {
			t.Errorf("%v: %q", err, text)
		}
	}
}

// TestNothingCostsNothing: where nobody traces, making spans allocates nothing.
func TestNothingCostsNothing(t *testing.T) {
	var off *Tracer
	h := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	boom := errors.New("boom")
	base := off.Into(t.Context())
	if n := testing.AllocsPerRun(1000, func() {
		ctx, server := off.Serve(base, h)
		ctx, job := Begin(ctx, "job", Internal)
		_, span := Start(ctx, "store view", Internal)
		span.Text("a", "b")
		span.Number("a", 1)
		span.Flag("a", true)
		span.FailAs(boom)
		span.End()
		job.End()
		Inject(ctx, h)
		if id, _ := Current(ctx).IDs(); id != "" {
			t.Error("there is a span")
		}
		server.Name("x")
		server.End()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	off.Close()
	if off.Figures() != (Figures{}) {
		t.Error("nothing has figures")
	}
}

// TestTypes: an error is told by the type of what is at its bottom.
func TestTypes(t *testing.T) {
	for want, err := range map[string]error{
		"cancelled":           fmt.Errorf("jane: %w", context.Canceled),
		"timeout":             errors.Join(context.DeadlineExceeded, errors.New("jane")),
		"*errors.errorString": fmt.Errorf("a: %w", fmt.Errorf("b: %w", errors.New("jane"))),
		"*fs.PathError":       &os.PathError{Op: "open", Path: "jane"},
	} {
		if got := typeOf(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// BenchmarkRequest is what a request costs with a store call, when nobody traces, when it
// is not sampled, and when it is.
func BenchmarkRequest(b *testing.B) {
	for name, t := range map[string]*Tracer{"off": nil,
		"unsampled": newTracer(tracetest.NewNoopExporter(), 2048, true, quiet, sdk.WithSampler(sdk.NeverSample())),
		"sampled":   newTracer(tracetest.NewNoopExporter(), 2048, true, quiet, sdk.WithSampler(sdk.AlwaysSample()))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, server := t.Serve(context.Background(), nil)
				_, span := Start(ctx, "store view", Internal)
				span.Text("kindred.store.engine", "embedded")
				span.Number("kindred.store.runs", 1)
				span.End()
				server.Name("CustomerProfiles/PutProfileObject")
				server.Text("rpc.system", "aws-api")
				server.End()
			}
		})
	}
}
