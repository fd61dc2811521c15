package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// defaultRoom is how many spans wait at most where OTEL_BSP_MAX_QUEUE_SIZE does not say.
const defaultRoom = sdk.DefaultMaxQueueSize

// FromEnvironment makes the tracer that the environment asks for, by the variables of
// OpenTelemetry's specification. It returns nil if it asks for none: tracing is off
// unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, and
// with OTEL_SDK_DISABLED=true or OTEL_TRACES_EXPORTER=none.
//
// What cannot be done is an error that names the variable, and never its value, which
// may be a secret: other exporters than otlp, other protocols than http/protobuf, other
// propagators than tracecontext, unknown samplers, and what does not read as what it
// should be.
func FromEnvironment(version string, log *slog.Logger) (*Tracer, error) {
	if strings.EqualFold(strings.TrimSpace(os.Getenv("OTEL_SDK_DISABLED")), "true") {
		return nil, nil
	}
	switch exporter, name := setting("OTEL_TRACES_EXPORTER"); exporter {
	case "", "otlp":
	case "none":
		return nil, nil
	default:
		return nil, fmt.Errorf("%s: this program has the exporters otlp and none", name)
	}
	endpoint, name := setting("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s: want a URL of http or https, such as http://127.0.0.1:4318", name)
	}
	if err := errors.Join(checkExport(), checkSampler(), checkNumbers()); err != nil {
		return nil, err
	}
	remote, err := propagates()
	if err != nil {
		return nil, err
	}
	origin, err := origin(version)
	if err != nil {
		return nil, err
	}
	room := defaultRoom
	if text, _ := setting("OTEL_BSP_MAX_QUEUE_SIZE"); text != "" {
		room, _ = strconv.Atoi(text) // checked
	}
	// What the libraries have to say may have values of variables in it. All that matters
	// of it has been checked here, and what fails later is logged by the queue.
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Debug("tracing", slog.String("error", safe(err))) }))
	to, err := otlptracehttp.New(context.Background())
	if err != nil {
		return nil, fmt.Errorf("%s: the exporter of traces cannot be set up", name)
	}
	log.Info("traces are sent to a collector", slog.String("collector", u.Host))
	return newTracer(to, room, remote, log, sdk.WithResource(origin)), nil
}

// setting is the value of the first variable that has one, with the name of that
// variable; without any, with the name of the last.
func setting(names ...string) (value, name string) {
	for _, name = range names {
		if value = strings.TrimSpace(os.Getenv(name)); value != "" {
			break
		}
	}
	return value, name
}

// both are the names of a variable of the exporter: for traces, and for everything.
func both(suffix string) []string {
	return []string{"OTEL_EXPORTER_OTLP_TRACES_" + suffix, "OTEL_EXPORTER_OTLP_" + suffix}
}

// checkExport checks how spans are to be sent.
func checkExport() (err error) {
	if protocol, name := setting(both("PROTOCOL")...); protocol != "" && protocol != "http/protobuf" {
		err = errors.Join(err, fmt.Errorf("%s: this program speaks http/protobuf only", name))
	}
	if c, name := setting(both("COMPRESSION")...); c != "" && c != "gzip" && c != "none" {
		err = errors.Join(err, fmt.Errorf("%s: want gzip or none", name))
	}
	for _, name := range both("HEADERS") {
		text, _ := setting(name)
		for pair := range strings.SplitSeq(text, ",") {
			key, value, ok := strings.Cut(pair, "=")
			if _, e := url.PathUnescape(value); strings.TrimSpace(pair) != "" && (!ok || strings.TrimSpace(key) == "" || e != nil) {
				err = errors.Join(err, fmt.Errorf("%s: want NAME=VALUE,NAME=VALUE with values as in URLs", name))
				break
			}
		}
	}
	for _, suffix := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		if file, name := setting(both(suffix)...); file != "" {
			if _, e := os.ReadFile(file); e != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", name, e))
			}
		}
	}
	return err
}

// samplers are the names that the SDK knows, and whether they take a ratio.
var samplers = map[string]bool{"always_on": false, "always_off": false, "traceidratio": true,
	"parentbased_always_on": false, "parentbased_always_off": false, "parentbased_traceidratio": true}

func checkSampler() error {
	text, name := setting("OTEL_TRACES_SAMPLER")
	if text == "" {
		return nil
	}
	ratio, known := samplers[strings.ToLower(text)]
	if !known {
		return fmt.Errorf("%s: want always_on, always_off, traceidratio, or one of these with parentbased_ before it", name)
	}
	if text, name = setting("OTEL_TRACES_SAMPLER_ARG"); ratio && text != "" {
		if r, err := strconv.ParseFloat(text, 64); err != nil || !(r >= 0 && r <= 1) {
			return fmt.Errorf("%s: want a number from 0 to 1", name)
		}
	}
	return nil
}

// checkNumbers checks variables that are whole numbers above zero.
func checkNumbers() (err error) {
	for _, names := range [][]string{both("TIMEOUT"), {"OTEL_BSP_SCHEDULE_DELAY"}, {"OTEL_BSP_EXPORT_TIMEOUT"}, {"OTEL_BSP_MAX_QUEUE_SIZE"}, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE"}} {
		text, name := setting(names...)
		if n, e := strconv.Atoi(text); text != "" && (e != nil || n < 1 || n > 1<<31-1) {
			err = errors.Join(err, fmt.Errorf("%s: want a whole number above zero", name))
		}
	}
	return err
}

// propagates reports whether the spans of clients are parents of ours.
func propagates() (bool, error) {
	text, name := setting("OTEL_PROPAGATORS")
	if text == "" {
		return true, nil
	}
	list := strings.Split(strings.ReplaceAll(text, " ", ""), ",")
	for _, p := range list {
		if p != "tracecontext" && p != "baggage" && p != "none" {
			return false, fmt.Errorf("%s: this program knows tracecontext, baggage, which it does not read, and none", name)
		}
	}
	return slices.Contains(list, "tracecontext"), nil
}

// origin says of each span which process it comes from. What the environment says wins.
func origin(version string) (*resource.Resource, error) {
	r, err := resource.New(context.Background(), resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "kindred"), attribute.String("service.version", version),
			attribute.String("service.instance.id", uuid.NewString())),
		resource.WithFromEnv())
	if err != nil {
		return nil, errors.New("OTEL_RESOURCE_ATTRIBUTES: want NAME=VALUE,NAME=VALUE with values as in URLs")
	}
	return r, nil
}
