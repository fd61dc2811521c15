package node_test

import (
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/prometheus/client_golang/prometheus"

	"kindred/internal/api/profileapi"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store/memstore"
	"kindred/internal/tracing/tracingtest"
)

// value is that of a series in what /metrics says; -1 if there is none.
func value(text, series string) float64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err == nil {
				return v
			}
		}
	}
	return -1
}

// TestFiguresMove: what is done with the store and with keys is counted, under labels
// that are known before anybody has done anything.
func TestFiguresMove(t *testing.T) {
	w := newWorld(t)
	before := w.metrics()
	key := w.key(t, "")
	if err := w.create(as(t, "kms:*"), "janes-domain", key); err != nil {
		t.Fatal(err)
	}
	if err := w.update(t, "janes-domain", key); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := w.Profiles.CreateProfile(as(t, "profile:*"), &profileapi.CreateProfileRequest{DomainName: "janes-domain", FirstName: new("Jane")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.kms.DisableKey(as(t, "*"), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	_ = w.create(as(t, "kms:*"), "janes-other", key) // refused
	_, err := w.DomainAPI.GetDomain(as(t, "profile:*"), &profileapi.GetDomainRequest{DomainName: "janes-none"})
	if err == nil {
		t.Error("there is a domain that nobody made")
	}
	after := w.metrics()
	for _, series := range []string{
		`kindred_store_operations_total{kind="view",outcome="ok"}`, `kindred_store_operations_total{kind="view",outcome="abandoned"}`,
		`kindred_store_operations_total{kind="update",outcome="ok"}`, `kindred_store_operation_duration_seconds_count{kind="update"}`,
		`kindred_store_reruns_total{kind="view"}`, // which the engine for tests makes sure of
		`kindred_key_operations_total{operation="GenerateDataKey",outcome="ok",where="embedded"}`,
		`kindred_key_operations_total{operation="Decrypt",outcome="ok",where="embedded"}`,
		`kindred_key_operation_duration_seconds_count{where="embedded"}`,
		`kindred_config_lookups_total{result="hit"}`, `kindred_config_lookups_total{result="miss"}`,
		`kindred_data_key_lookups_total{result="hit"}`, `kindred_data_key_lookups_total{result="miss"}`,
	} {
		if b, a := value(before, series), value(after, series); b < 0 || a <= b {
			t.Errorf("%s was %v and is %v", series, b, a)
		}
	}
	// No series is new but those by operation of the interfaces, and no label is anybody's text.
	own := regexp.MustCompile(`^kindred_request`)
	for line := range strings.Lines(after) {
		name, _, _ := strings.Cut(line, "} ")
		if strings.HasPrefix(line, "kindred_") && strings.Contains(line, "{") && !own.MatchString(line) && !strings.Contains(before, "\n"+name+"} ") {
			t.Errorf("a new series: %s", line)
		}
	}
	if strings.Contains(strings.ToLower(after), "jane") || strings.Contains(after, key) {
		t.Errorf("the metrics have something of the client's:\n%s", after)
	}
}

// TestAnEnginesCollectorsAreServed beside the rest.
func TestAnEnginesCollectorsAreServed(t *testing.T) {
	st := memstore.New()
	defer st.Close()
	n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: account, Endpoint: func() string { return "" },
		Collectors: []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kindred_engine_mood"}, func() float64 { return 7 })}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Node: n}
	if v := value(w.metrics(), "kindred_engine_mood"); v != 7 {
		t.Errorf("got %v", v)
	}
}

// TestWhatANodeDoesIsTraced: calls to keys and the store are spans within those of who
// made them, and nothing of the domain or the customer is in them.
func TestWhatANodeDoesIsTraced(t *testing.T) {
	rec := tracingtest.New()
	w := newWorldWith(t, func(c *node.Config) { c.Tracer, c.Engine = rec.Tracer, "memory" })
	key := w.key(t, "")
	ctx, root := rec.Tracer.Serve(as(t, "*"), nil)
	if err := w.create(ctx, "janes-domain", key); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Profiles.CreateProfile(ctx, &profileapi.CreateProfileRequest{DomainName: "janes-domain", FirstName: new("Jane")}); err != nil {
		t.Fatal(err)
	}
	root.End()
	trace, top := root.IDs()
	by := map[string]tracingtest.Span{}
	for _, s := range rec.Spans() {
		if s.Trace != trace || !s.Plain() {
			t.Errorf("not of the trace: %+v", s)
		}
		by[s.ID] = s
	}
	var updates, nested int
	for _, s := range by {
		switch {
		case s.Name == "store update" && s.Parent == top:
			updates++
		case s.Name == "store view" && by[s.Parent].Name == "KMS/Decrypt":
			nested++
		}
		if strings.HasPrefix(s.Name, "store ") && (s.Attributes["kindred.store.engine"] != "memory" || s.Attributes["kindred.store.runs"] == "") {
			t.Errorf("the span is %+v", s)
		}
		if strings.HasPrefix(s.Name, "KMS/") && s.Attributes["kindred.where"] != "embedded" {
			t.Errorf("the span is %+v", s)
		}
	}
	if updates == 0 || nested == 0 {
		t.Errorf("%d updates, %d looks of the key service:\n%s", updates, nested, rec.Text())
	}
	if text := rec.Text(); strings.Contains(strings.ToLower(text), "jane") || strings.Contains(text, key) || strings.Contains(text, "arn:") {
		t.Errorf("something of the client's is in the spans:\n%s", text)
	}
}

// BenchmarkScrape is what a look at /metrics costs.
func BenchmarkScrape(b *testing.B) {
	st := memstore.New()
	defer st.Close()
	n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: account, Endpoint: func() string { return "" },
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n.Server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil))
	}
}
