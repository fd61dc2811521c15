package wire_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kindred/internal/api"
	"kindred/internal/wire"
)

// operations is every operation of every service.
func operations() (ops []*api.Operation) {
	for _, s := range services() {
		ops = append(ops, s.Operations...)
	}
	return ops
}

// goldenRequests are seeds.
func goldenRequests(f *testing.F) (out []string) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, sections(string(b))[0].text)
	}
	return out
}

// FuzzDecodeJSON: what decodes and is encoded decodes to the same. Members that
// travel elsewhere than in the body are left out.
func FuzzDecodeJSON(f *testing.F) {
	ops := operations()
	seeds := []string{`{}`, `{"a":[{"b":null}]}`, `{"Tags":{"a":"b"},"DefaultExpirationDays":1e2}`,
		`{"StartTime":1.5,"EndTime":"2026-01-02T03:04:05Z"}`, strings.Repeat(`{"x":`, 70), `{"Fields":{"a":{"Source":"s"}},"Description":"d"}`}
	for _, text := range goldenRequests(f) {
		_, req := parseRequest(text)
		seeds = append(seeds, string(req.Body))
	}
	for i, op := range ops {
		f.Add(uint16(i), seeds[len(op.Name)%len(seeds)])
	}
	for i, s := range seeds {
		f.Add(uint16(i*7), s)
	}
	f.Fuzz(func(t *testing.T, n uint16, body string) {
		shape := ops[int(n)%len(ops)].Input
		in, err := wire.DecodeJSON(shape, []byte(body))
		checkInvalid(t, err)
		if in == nil {
			return
		}
		valid := err == nil
		again, err := wire.EncodeJSON(shape, in)
		if err != nil {
			t.Fatalf("%s: %v", shape.Name, err)
		}
		back, err := wire.DecodeJSON(shape, again)
		if back == nil {
			t.Fatalf("%s: %v\n%s", shape.Name, err, again)
		}
		third, err := wire.EncodeJSON(shape, back)
		if err != nil || string(third) != string(again) {
			t.Errorf("%s:\n%s\n%s, %v", shape.Name, again, third, err)
		}
		if valid && !reflect.DeepEqual(in, back) { // a violation may have left a required list absent, which is written as empty
			t.Errorf("%s:\n%+v\n%+v", shape.Name, in, back)
		}
	})
}

// checkInvalid: errors are of the kind that is shown.
func checkInvalid(t *testing.T, err error) {
	t.Helper()
	var invalid *wire.Invalid
	if err != nil && (!errors.As(err, &invalid) || invalid.Rule == 0 || invalid.Message == "") {
		t.Fatalf("%T %v", err, err)
	}
}

// FuzzDecodeQuery: a form decodes to what its encoding in JSON decodes to, and
// its encoding in XML is well formed.
func FuzzDecodeQuery(f *testing.F) {
	router := wire.NewRouter(services()...)
	for _, text := range goldenRequests(f) {
		if service, req := parseRequest(text); service == "sqs" || service == "sts" {
			f.Add(service == "sqs", req.RawQuery, string(req.Body))
		}
	}
	f.Add(true, "Action=ReceiveMessage", "QueueUrl=q&AttributeName.999999999999999999999=x&AttributeName.-1=y")
	f.Add(true, "Action=SendMessage", "QueueUrl=q&MessageBody="+strings.Repeat("a.", 200)+"&"+strings.Repeat("a.", 200)+"=1")
	f.Fuzz(func(t *testing.T, isSQS bool, query, body string) {
		service := "sts"
		if isSQS {
			service = "sqs"
		}
		call, err := router.Route(service, &wire.Request{Method: "POST", Path: "/", RawQuery: query, Body: []byte(body),
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
		checkInvalid(t, err)
		if err != nil {
			return
		}
		in, err := call.Decode()
		checkInvalid(t, err)
		if err != nil {
			return
		}
		shape := call.Operation.Input
		text, err := wire.EncodeJSON(shape, in)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := wire.DecodeJSON(shape, text); err != nil || !reflect.DeepEqual(in, back) {
			t.Errorf("%s: %v\n%+v\n%+v", text, err, in, back)
		}
		elements, err := wire.EncodeXML(shape, in)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, "<x>"+string(elements)+"</x>")
	})
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
}

// FuzzRequest: no request panics, and each has an answer.
func FuzzRequest(f *testing.F) {
	router := wire.NewRouter(services()...)
	for _, text := range goldenRequests(f) {
		s, req := parseRequest(text)
		f.Add(s, req.Method, req.Path, req.RawQuery, req.Header.Get("Content-Type"), req.Header.Get("X-Amz-Target"), string(req.Body))
	}
	for _, s := range services() {
		for _, op := range s.Operations {
			f.Add(s.SigningName, op.Method, strings.NewReplacer("{", "", "}", "").Replace(op.URI), "", "application/json", s.TargetPrefix+"."+op.Name, "{}")
		}
	}
	f.Fuzz(func(t *testing.T, service, method, path, query, contentType, target, body string) {
		req := &wire.Request{Method: method, Path: path, RawQuery: query, Body: []byte(body), Header: http.Header{}}
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("X-Amz-Target", target)
		call, err := router.Route(service, req)
		checkInvalid(t, err)
		if (err == nil) != (call.Operation != nil) {
			t.Fatalf("operation %v with error %v", call.Operation, err)
		}
		if err == nil {
			_, err = call.Decode()
			checkInvalid(t, err)
		}
		var a wire.Answer
		call.Refuse(&a, &wire.Error{Name: "X", Status: 400, Message: path}, "id")
		if a.Status != 400 || len(a.Body) == 0 {
			t.Errorf("answer %+v", a)
		}
		if call.Protocol == api.AWSQuery {
			wellFormed(t, string(a.Body))
		}
	})
}
