package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kindred/internal/api"
	"kindred/internal/api/appflowapi"
	"kindred/internal/api/connectapi"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/kmsapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/api/sqsapi"
	"kindred/internal/api/stsapi"
	"kindred/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

func services() []*api.Service {
	return []*api.Service{profileapi.Service(), connectapi.Service(), sqsapi.Service(), kmsapi.Service(),
		appflowapi.Service(), stsapi.Service(), kindredapi.Service()}
}

// A case is a file of sections, each headed by a line "-- name --":
//
//	request   service, method and path; headers; an empty line; the body
//	output    JSON of the Go structure that the operation returns (optional)
//	refusal   name, status and text of an error (optional)
//	decoded   expected: operation and JSON of the Go structure, or the error
//	answer    expected: status, content type, headers and body
type section struct{ name, text string }

func sections(text string) []section {
	var out []section
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(name, " --\n") {
			out = append(out, section{name: strings.TrimSuffix(name, " --\n")})
		} else {
			out[len(out)-1].text += line
		}
	}
	return out
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	router := wire.NewRouter(services()...)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := map[string]string{}
			var got strings.Builder
			for _, s := range sections(string(b)) {
				in[s.name] = s.text
				if s.name != "decoded" && s.name != "answer" {
					fmt.Fprintf(&got, "-- %s --\n%s", s.name, s.text)
				}
			}
			call, decoded := decodeCase(router, in["request"])
			fmt.Fprintf(&got, "-- decoded --\n%s\n", decoded)
			if answer := answerCase(t, call, in); answer != "" {
				fmt.Fprintf(&got, "-- answer --\n%s", answer)
			}
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got.String() != string(b) {
				t.Errorf("got\n%s\nwant\n%s", got.String(), b)
			}
		})
	}
}

// parseRequest reads the request section and returns the service with it.
func parseRequest(text string) (string, *wire.Request) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	first := strings.Fields(lines[0])
	req := &wire.Request{Method: first[1], Host: "localhost:4620", Header: http.Header{}, Body: []byte(strings.TrimSuffix(body, "\n"))}
	req.Path, req.RawQuery, _ = strings.Cut(first[2], "?")
	for _, line := range lines[1:] {
		k, v, _ := strings.Cut(line, ": ")
		req.Header.Add(k, v)
	}
	return first[0], req
}

func decodeCase(router *wire.Router, request string) (*wire.Call, string) {
	service, req := parseRequest(request)
	call, err := router.Route(service, req)
	var input any
	if err == nil {
		input, err = call.Decode()
	}
	var invalid *wire.Invalid
	if errors.As(err, &invalid) {
		return call, fmt.Sprintf("rule %d: %s", invalid.Rule, invalid.Message)
	}
	b, err := json.MarshalIndent(input, "", " ")
	if err != nil {
		return call, err.Error()
	}
	return call, call.Operation.Name + " " + string(withoutNulls(b))
}

// withoutNulls drops the lines of absent members.
func withoutNulls(b []byte) []byte {
	var keep [][]byte
	for _, line := range bytes.Split(b, []byte("\n")) {
		if !bytes.HasSuffix(bytes.TrimSuffix(line, []byte(",")), []byte(": null")) {
			keep = append(keep, line)
		}
	}
	return bytes.Join(keep, []byte("\n"))
}

func answerCase(t *testing.T, call *wire.Call, in map[string]string) string {
	t.Helper()
	var a wire.Answer
	const id = "00000000-0000-4000-8000-000000000000"
	switch {
	case in["refusal"] != "":
		var e wire.Error
		name, rest, _ := strings.Cut(in["refusal"], " ")
		if _, err := fmt.Sscan(rest, &e.Status); err != nil {
			t.Fatal(err)
		}
		e.Name, e.Shape = name, call.Service.Shapes[name]
		_, e.Message, _ = strings.Cut(strings.TrimSuffix(rest, "\n"), " ")
		call.Refuse(&a, &e, id)
	case in["output"] != "":
		out := reflect.New(call.Operation.Output.Go)
		if err := json.Unmarshal([]byte(in["output"]), out.Interface()); err != nil {
			t.Fatal(err)
		}
		if err := call.Encode(&a, out.Interface(), id); err != nil {
			t.Fatal(err)
		}
	default:
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", a.Status, a.ContentType)
	for _, kv := range a.Header {
		fmt.Fprintf(&b, "%s: %s\n", kv[0], kv[1])
	}
	fmt.Fprintf(&b, "\n%s\n", strings.TrimSuffix(string(a.Body), "\n"))
	return b.String()
}
