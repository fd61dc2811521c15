package bench

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"kindred/internal/tracing"
)

// BenchmarkTraces is WirePut with a collector in the same process, which takes what it is
// sent and looks at none of it: when nothing is traced, one request in a hundred, and all.
func BenchmarkTraces(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	for _, c := range []struct{ name, endpoint, ratio string }{{"off", "", "0"}, {"one in a hundred", collector.URL, "0.01"}, {"all", collector.URL, "1"}} {
		b.Run(c.name, func(b *testing.B) {
			b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.endpoint)
			b.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
			b.Setenv("OTEL_TRACES_SAMPLER_ARG", c.ratio)
			tracer, err := tracing.FromEnvironment("bench", slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			runPut(b, serveTraced(b, tracer))
			tracer.Close()
			if f := tracer.Figures(); c.ratio == "1" {
				b.ReportMetric(float64(f.Exported+f.Failed+f.Dropped)/float64(b.N), "spans/op")
				b.ReportMetric(float64(f.Dropped)/float64(b.N), "dropped/op")
			}
		})
	}
}
