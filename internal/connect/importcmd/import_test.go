package importcmd

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// server answers like Customer Profiles and keeps what it is sent.
type server struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex                                   // guards the following
	objects map[string]string                            // by contact
	calls   map[string]int                               // by path
	busy    int                                          // calls to be throttled before one is taken
	item    func(object string) (int32, string)          // status and text of an item; 0 takes it
	whole   func(objects []string) (int, string, string) // status, name and text of a call; 0 takes it
}

func newServer(t *testing.T) *server {
	s := &server{t: t, objects: map[string]string{}, calls: map[string]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_ENDPOINT_URL", s.URL)
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[r.URL.Path]++
	refuse := func(status int, name, text string) {
		w.Header().Set("X-Amzn-ErrorType", name)
		w.WriteHeader(status)
		s.write(w, map[string]string{"Message": text})
	}
	if !strings.Contains(r.Header.Get("Authorization"), "/profile/aws4_request") {
		refuse(403, "AccessDeniedException", "not signed")
		return
	}
	if s.busy > 0 {
		s.busy--
		refuse(429, "ThrottlingException", "slow down")
		return
	}
	var in struct {
		Uri, ObjectTypeName, Object string
		Items                       []struct{ Id, Object string }
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		s.t.Error(err)
	}
	if r.URL.Path == "/integrations" {
		var items []map[string]any
		if strings.HasSuffix(in.Uri, "instance/known") {
			items = append(items, map[string]any{"DomainName": "found", "ObjectTypeName": "CTR-Mine", "Uri": in.Uri, "CreatedAt": 1, "LastUpdatedAt": 1})
		}
		s.write(w, map[string]any{"Items": items})
		return
	}
	objects := []string{in.Object}
	if in.Items != nil {
		objects = nil
		for _, it := range in.Items {
			objects = append(objects, it.Object)
		}
	}
	if s.whole != nil {
		if status, name, text := s.whole(objects); status != 0 {
			refuse(status, name, text)
			return
		}
	}
	var good, bad []map[string]any
	for i, o := range objects {
		if s.item != nil {
			if status, text := s.item(o); status != 0 {
				if in.Items == nil {
					refuse(int(status), "BadRequestException", text)
					return
				}
				bad = append(bad, map[string]any{"Id": in.Items[i].Id, "Code": status, "Message": text})
				continue
			}
		}
		var c struct{ ContactID string }
		if err := json.Unmarshal([]byte(o), &c); err != nil {
			s.t.Error(err)
		}
		s.objects[c.ContactID] = r.URL.Path + " " + in.ObjectTypeName + " " + o
		if in.Items != nil {
			good = append(good, map[string]any{"Id": in.Items[i].Id, "ProfileObjectUniqueKey": "k"})
		}
	}
	s.write(w, map[string]any{"Successful": good, "Failed": bad, "ProfileObjectUniqueKey": "k"})
}

func (s *server) write(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

// do runs the command without waiting between tries.
func do(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	o, err := parse(args, &out)
	if err != nil {
		t.Fatal(err)
	}
	now := retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	client, err := o.client(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), o, client, now, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), err
}

func record(id string, more ...string) string {
	return `{"ContactId":"` + id + `","LastUpdateTimestamp":"2026-01-01T00:00:00Z"` + strings.Join(append([]string{""}, more...), ",") + `}`
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func compress(t *testing.T, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts { // several members, as concatenated files have
		z := gzip.NewWriter(&b)
		if _, err := io.WriteString(z, p); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestForms(t *testing.T) {
	a, b, c := record("a"), record("b"), record("c")
	tests := []struct{ name, text, want string }{
		{"one object", a, "a"},
		{"indented", "{\n \"ContactId\": \"a\",\n \"LastUpdateTimestamp\": \"2026-01-01T00:00:00Z\"\n}\n", "a"},
		{"array", "[" + a + ",\n" + b + "]", "a b"},
		{"empty array", "[]", ""},
		{"empty file", "", ""},
		{"JSON lines", a + "\n" + b + "\r\n\n" + c, "a b c"},
		{"concatenated", a + b + c, "a b c"},
		{"lines of arrays", "[" + a + "]\n[" + b + "," + c + "]\n", "a b c"},
		{"byte order mark", "\xef\xbb\xbf" + a, "a"},
		{"gzip", compress(t, a+"\n"+b+"\n"), "a b"},
		{"gzip of two parts", compress(t, a+"\n", b), "a b"},
		{"object form", `{"contactId":"a","lastUpdateTimestamp":1}`, "a"},
	}
	for _, tt := range tests {
		for _, from := range []string{"file", "standard input"} {
			t.Run(tt.name+" from "+from, func(t *testing.T) {
				s := newServer(t)
				arg := "-"
				if from == "file" {
					arg = write(t, "in", tt.text)
				}
				out, errs, err := do(t, tt.text, arg, "--domain", "d")
				if err != nil {
					t.Fatalf("%v\n%s", err, errs)
				}
				var got []string
				for id, o := range s.objects {
					got = append(got, id)
					if !strings.Contains(o, " CTR {") || !strings.Contains(o, `"lastUpdateTimestamp":`) {
						t.Errorf("sent %s", o)
					}
				}
				slices.Sort(got)
				if strings.Join(got, " ") != tt.want {
					t.Errorf("got %v, want %s", got, tt.want)
				}
				if want := fmt.Sprintf("read      %d\ningested  %d\nfailed    0\n", len(got), len(got)); out != want {
					t.Errorf("printed %q, want %q", out, want)
				}
			})
		}
	}
}

func TestDomainOfTheInstance(t *testing.T) {
	s := newServer(t)
	known, unknown := `"InstanceARN":"arn:aws:connect:r:a:instance/known"`, `"InstanceARN":"arn:aws:connect:r:a:instance/other"`
	in := record("a", known) + record("b", known) + record("c", unknown) + record("d")
	out, errs, err := do(t, in, "-")
	if err == nil || !strings.Contains(err.Error(), "2 of 4 records failed") {
		t.Errorf("got %v", err)
	}
	for _, id := range []string{"a", "b"} {
		if !strings.HasPrefix(s.objects[id], "/domains/found/profiles/objects/batch-put-profile-object CTR-Mine ") {
			t.Errorf("%s went to %s", id, s.objects[id])
		}
	}
	if s.calls["/integrations"] != 2 {
		t.Errorf("%d look-ups for 2 instances", s.calls["/integrations"])
	}
	for _, want := range []string{"read      4\ningested  2\nfailed    2\n", "1  InstanceARN: no domain has", "1  InstanceARN: the record names no instance"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q lacks %q", out, want)
		}
	}
	if !strings.Contains(errs, "-, record 3: InstanceARN: no domain") {
		t.Errorf("said %q", errs)
	}
}

func TestFailedRecords(t *testing.T) {
	s := newServer(t)
	s.item = func(o string) (int32, string) {
		if strings.Contains(o, `"bad`) {
			return 400, "All keys of this object are binding to more than one profiles"
		}
		return 0, ""
	}
	var lines []string
	for n := range 57 {
		id := fmt.Sprintf("good%d", n)
		if n%5 == 0 {
			id = fmt.Sprintf("bad%d", n)
		}
		lines = append(lines, record(id))
	}
	lines = append(lines, `{"LastUpdateTimestamp":"2026-01-01T00:00:00Z"}`, `7`, `{"ContactId":"x","ContactId":"y","LastUpdateTimestamp":null}`)
	failed := filepath.Join(t.TempDir(), "failed.jsonl")
	out, errs, err := do(t, strings.Join(lines, "\n"), "-", "--domain=d", "--batch=7", "--workers=3", "--failed", failed)
	if err == nil || !strings.Contains(err.Error(), "15 of 60 records failed") {
		t.Errorf("got %v", err)
	}
	if len(s.objects) != 45 {
		t.Errorf("%d objects, want 45", len(s.objects))
	}
	for _, want := range []string{"ingested  45\n", "       12  All keys of this object", "1  ContactId: required", "1  contact record: want a JSON object", "given twice"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q lacks %q", out, want)
		}
	}
	if strings.Count(errs, "record ") != 15 {
		t.Errorf("said %s", errs)
	}
	info, err := os.Stat(failed)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	b, err := os.ReadFile(failed)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n != 15 || !strings.Contains(string(b), record("bad55")+"\n") {
		t.Errorf("%d lines: %s", n, b)
	}
	// Put right, they can be imported again; the file is not overwritten.
	s.item = nil
	if _, _, err := do(t, "", failed, "--domain=d"); err == nil || !strings.Contains(err.Error(), "3 of 15 records failed") {
		t.Errorf("got %v", err)
	}
	if _, _, err := do(t, "", failed, "--domain=d", "--failed", failed); err == nil || !strings.Contains(err.Error(), "file exists") {
		t.Errorf("got %v", err)
	}
	// Without failures no file is left.
	none := filepath.Join(t.TempDir(), "none")
	if _, _, err := do(t, record("a"), "-", "--domain=d", "--failed", none); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(none); !os.IsNotExist(err) {
		t.Errorf("an empty file of failed records is left: %v", err)
	}
}

func TestBusyServer(t *testing.T) {
	s := newServer(t)
	s.busy = 3
	tries := map[string]int{}
	s.item = func(o string) (int32, string) {
		tries[o]++
		if strings.Contains(o, "always") || tries[o] < 4 && strings.Contains(o, "slow") {
			return 429, "Too many changes to the same profile at the same time; try again"
		}
		return 0, ""
	}
	out, _, err := do(t, record("a")+record("slow1")+record("always1")+record("always2")+record("slow2"), "-", "--domain", "d")
	if err == nil || !strings.Contains(err.Error(), "2 of 5 records failed") {
		t.Errorf("got %v", err)
	}
	if len(s.objects) != 3 || !strings.Contains(out, "2  Too many changes") {
		t.Errorf("%d objects; %s", len(s.objects), out)
	}
	for o, n := range tries {
		if n > maxAttempts {
			t.Errorf("%d tries of %s", n, o)
		}
	}
}

// TestBadBatch: of a batch that is refused as a whole the good records are sent.
func TestBadBatch(t *testing.T) {
	s := newServer(t)
	s.whole = func(objects []string) (int, string, string) {
		if slices.ContainsFunc(objects, func(o string) bool { return strings.Contains(o, "bad") }) {
			return 400, "BadRequestException", "Object: no"
		}
		return 0, "", ""
	}
	out, _, err := do(t, record("a")+record("bad")+record("b"), "-", "--domain", "d")
	if err == nil || len(s.objects) != 2 || !strings.Contains(out, "ingested  2\nfailed    1\n        1  Object: no\n") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestStops: what befalls every call ends the import, and says what was read is
// not lost.
func TestStops(t *testing.T) {
	s := newServer(t)
	s.whole = func([]string) (int, string, string) {
		return 404, "ResourceNotFoundException", "Domain d does not exist"
	}
	var in strings.Builder
	for n := range 500 {
		in.WriteString(record(fmt.Sprintf("c%d", n)))
	}
	failed := filepath.Join(t.TempDir(), "failed")
	out, _, err := do(t, in.String(), "-", "--domain", "d", "--failed", failed)
	if err == nil || !strings.Contains(err.Error(), "stopped before all records were read: ResourceNotFoundException: Domain d does not exist") {
		t.Errorf("got %v", err)
	}
	var read, ingested, lost int
	if _, err := fmt.Sscanf(out, "read %d\ningested %d\nfailed %d\n", &read, &ingested, &lost); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(failed)
	if err != nil {
		t.Fatal(err)
	}
	if ingested != 0 || read != lost || read == 500 || strings.Count(string(b), "\n") != lost {
		t.Errorf("read %d, failed %d, kept %d", read, lost, strings.Count(string(b), "\n"))
	}
}

func TestUnreadable(t *testing.T) {
	newServer(t)
	tests := []struct{ name, text, want string }{
		{"cut off", record("a") + `{"ContactId":"secret`, "the file ends within a record"},
		{"not JSON", record("a") + "\nsecret", "not valid JSON after byte"},
		{"open array", "[" + record("a"), "the file ends within a record"},
		{"cut gzip", compress(t, record("a")+strings.Repeat(" ", 9000))[:60], "unexpected EOF"},
		{"endless record", `{"ContactId":"` + strings.Repeat("x", maxRecord+1<<20), "a record is larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := write(t, "good", record("z"))
			out, errs, err := do(t, tt.text, "-", good, "--domain", "d")
			if err == nil || !strings.Contains(err.Error(), "-: "+tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error()+errs, "secret") {
				t.Errorf("the record is shown: %v", err)
			}
			if !strings.Contains(out, "failed    0") || strings.Contains(out, "ingested  0") {
				t.Errorf("the other file was not read: %s", out)
			}
		})
	}
	if _, _, err := do(t, "", filepath.Join(t.TempDir(), "gone"), "--domain", "d"); err == nil || !strings.Contains(err.Error(), "gone: no such file") {
		t.Errorf("got %v", err)
	}
}

func TestArguments(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no file", nil, "name a file"},
		{"batch", []string{"-", "--batch", "11"}, "--batch: want 1 to 10"},
		{"workers", []string{"-", "--workers", "0"}, "--workers: want 1 to 64"},
		{"standard input twice", []string{"-", "x", "-"}, "can be read once"},
		{"unknown flag", []string{"--colour"}, "not defined"},
		{"credentials", []string{"-", "--credentials", "/nonexistent/file"}, "--credentials: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Run(t.Context(), tt.args, strings.NewReader(""), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "contacts import: ") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	var help bytes.Buffer
	if err := Run(context.Background(), []string{"--help"}, nil, &help, io.Discard); err != nil || !strings.Contains(help.String(), "-failed file") {
		t.Errorf("%v: %s", err, help.String())
	}
}

// TestCredentialsAndEndpoint: the flags go before the environment.
func TestCredentialsAndEndpoint(t *testing.T) {
	s := newServer(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ENDPOINT_URL_CUSTOMER_PROFILES", "http://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	file := write(t, "credentials", "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n")
	var out bytes.Buffer
	err := Run(t.Context(), []string{"-", "--domain", "d", "--endpoint", s.URL, "--region", "eu-west-1", "--credentials", file}, strings.NewReader(record("a")), &out, io.Discard)
	if err != nil || s.objects["a"] == "" {
		t.Errorf("%v: %s", err, out.String())
	}
	empty := write(t, "empty", "[other]\n")
	if err := Run(t.Context(), []string{"-", "--credentials", empty}, nil, io.Discard, io.Discard); err == nil {
		t.Error("credentials without a key were taken")
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "[]", "[[]]", "{}{}", "{} ,", "[1,2", "nul", "\x1f\x8b", "\xef\xbb\xbf{}", `{"a":"\xff"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		n := 0
		err := read(bytes.NewReader(in), func(raw []byte) error {
			n++
			if len(raw) == 0 {
				t.Fatal("an empty record")
			}
			return nil
		})
		if err == nil && n > len(in) && !bytes.HasPrefix(in, []byte{0x1f, 0x8b}) {
			t.Fatalf("%d records in %d bytes", n, len(in))
		}
	})
}
