package contactrecord_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kindred/internal/contactrecord"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden converts each record of testdata and compares with the file beside
// it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := contactrecord.Convert(in)
			if err != nil {
				t.Fatal(err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, r.JSON, "", "  "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, pretty.Bytes(), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(pretty.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", pretty.Bytes(), want)
			}
			again, err := contactrecord.Convert(r.JSON)
			if err != nil {
				t.Fatalf("the object form: %v", err)
			}
			if !bytes.Equal(again.JSON, r.JSON) {
				t.Errorf("the object form of the object form is another:\n%s\n%s", again.JSON, r.JSON)
			}
			if again.ContactID != r.ContactID || again.Updated != r.Updated || again.Initiated != r.Initiated || again.InstanceARN != r.InstanceARN {
				t.Errorf("identity changed: %+v, %+v", again, r)
			}
		})
	}
}

func TestConvert(t *testing.T) {
	const known = `"contactId":"c1","lastUpdateTimestamp":1000`
	tests := []struct{ name, in, want string }{
		{"names as Java's beans have them", `{"AWSAccountId":"1","AWSContactTraceRecordFormatVersion":"2","InstanceARN":"arn:x","ContactId":"c1","LastUpdateTimestamp":"1970-01-01T00:00:01Z"}`,
			`{"awsaccountId":"1","awscontactTraceRecordFormatVersion":"2","contactId":"c1","instanceARN":"arn:x","lastUpdateTimestamp":1000}`},
		{"a time with a fraction and an offset", `{"ContactId":"c1","LastUpdateTimestamp":"1970-01-01T01:00:01.25+01:00"}`,
			`{"contactId":"c1","lastUpdateTimestamp":1250}`},
		{"an offset without a colon", `{"ContactId":"c1","LastUpdateTimestamp":"1970-01-01T02:00:01+0200"}`,
			`{"contactId":"c1","lastUpdateTimestamp":1000}`},
		{"durations become milliseconds", `{` + known + `,"Queue":{"Duration":3},"Agent":{"CustomerHoldDuration":1.5,"LongestHoldDuration":null}}`,
			`{"agent":{"customerHoldDurationMillis":1500,"longestHoldDurationMillis":null},"contactId":"c1","lastUpdateTimestamp":1000,"queue":{"durationMillis":3000}}`},
		{"durations in object form stay", `{` + known + `,"queue":{"duration":3,"durationMillis":3000}}`,
			`{"contactId":"c1","lastUpdateTimestamp":1000,"queue":{"duration":3,"durationMillis":3000}}`},
		{"attributes are not touched", `{` + known + `,"Attributes":{"XTimestamp":"soon","Duration":7,"N":{"B":[1,{"D":null}]}}}`,
			`{"attributes":{"Duration":7,"N":{"B":[1,{"D":null}]},"XTimestamp":"soon"},"contactId":"c1","lastUpdateTimestamp":1000}`},
		{"numbers keep their text", `{` + known + `,"Big":12345678901234567890.10,"Exp":1E3}`,
			`{"big":12345678901234567890.10,"contactId":"c1","exp":1E3,"lastUpdateTimestamp":1000}`},
		{"the agent's id comes from the ARN", `{` + known + `,"Agent":{"ARN":"arn:aws:connect:r:a:instance/i/agent/g1"}}`,
			`{"agent":{"arn":"arn:aws:connect:r:a:instance/i/agent/g1","id":"g1"},"contactId":"c1","lastUpdateTimestamp":1000}`},
		{"no update time", `{"ContactId":"c1","LastUpdateTimestamp":null,"DisconnectTimestamp":null,"InitiationTimestamp":"1970-01-01T00:00:02Z"}`,
			`{"contactId":"c1","disconnectTimestamp":null,"initiationTimestamp":2000,"lastUpdateTimestamp":null}`},
		{"escapes are one form", `{` + known + `,"Name":"\u0041\/<"}`,
			`{"contactId":"c1","lastUpdateTimestamp":1000,"name":"A/<"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := contactrecord.Convert([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if string(r.JSON) != tt.want {
				t.Errorf("got  %s\nwant %s", r.JSON, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	const known = `"ContactId":"c1","LastUpdateTimestamp":"2026-01-01T00:00:00Z"`
	tests := []struct{ name, in, member, rule string }{
		{"not JSON", `{"ContactId":`, "", "not valid JSON"},
		{"two values", `{` + known + `}{}`, "", "not valid JSON"},
		{"an array", `[]`, "", "want a JSON object"},
		{"invalid UTF-8", "{\"ContactId\":\"\xff\"}", "", "not valid JSON"},
		{"no contact", `{"LastUpdateTimestamp":"2026-01-01T00:00:00Z"}`, "ContactId", "required"},
		{"null contact", `{"ContactId":null}`, "ContactId", "required"},
		{"contact is a number", `{"ContactId":7}`, "ContactId", "want a string"},
		{"contact with a slash", `{"ContactId":"a/b"}`, "ContactId", "letters, digits"},
		{"contact too long", `{"ContactId":"` + strings.Repeat("a", 257) + `"}`, "ContactId", "at most 256"},
		{"no time", `{"ContactId":"c1"}`, "LastUpdateTimestamp", "required"},
		{"bad time", `{` + known + `,"Queue":{"EnqueueTimestamp":"yesterday"}}`, "Queue.EnqueueTimestamp", "ISO 8601"},
		{"time in a list", `{` + known + `,"Recordings":[{},{"StartTimestamp":true}]}`, "Recordings[1].StartTimestamp", "ISO 8601"},
		{"time before 1970", `{` + known + `,"ScheduledTimestamp":"1969-12-31T23:59:59Z"}`, "ScheduledTimestamp", "ISO 8601"},
		{"time with a fraction", `{` + known + `,"scheduledTimestamp":1.5}`, "scheduledTimestamp", "milliseconds"},
		{"negative duration", `{` + known + `,"Queue":{"Duration":-1}}`, "Queue.Duration", "seconds"},
		{"endless duration", `{` + known + `,"Queue":{"Duration":1e300}}`, "Queue.Duration", "seconds"},
		{"attributes are a list", `{` + known + `,"Attributes":["x"]}`, "Attributes", "want an object"},
		{"a member in both forms", `{` + known + `,"Channel":"VOICE","channel":"CHAT"}`, "channel", "given twice"},
		{"a member twice within", `{` + known + `,"Queue":{"Name":"a","Name":"b"}}`, "Queue.name", "given twice"},
		{"an attribute twice", `{` + known + `,"Attributes":{"secret":"a","secret":"b"}}`, "Attributes", "given twice"},
		{"a segment attribute twice", `{` + known + `,"SegmentAttributes":{"secret":{},"secret":{}}}`, "SegmentAttributes.*", "given twice"},
		{"too deep", `{` + known + `,"X":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "", "nested"},
		{"too large", `{"ContactId":"` + strings.Repeat("a", contactrecord.MaxBytes) + `"}`, "", "at most 1048576 bytes"},
		{"instance is a list", `{` + known + `,"InstanceARN":[]}`, "InstanceARN", "want a string"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := contactrecord.Convert([]byte(tt.in))
			var e *contactrecord.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Member != tt.member || !strings.Contains(e.Rule, tt.rule) {
				t.Errorf("got %q %q, want %q %q", e.Member, e.Rule, tt.member, tt.rule)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "yesterday") {
				t.Errorf("the error shows what the record holds: %v", err)
			}
		})
	}
}

func TestWithInstance(t *testing.T) {
	r, err := contactrecord.Convert([]byte(`{"ContactId":"c1","LastUpdateTimestamp":"1970-01-01T00:00:01Z","InstanceARN":null}`))
	if err != nil {
		t.Fatal(err)
	}
	with, err := r.WithInstance("arn:i")
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"contactId":"c1","instanceARN":"arn:i","lastUpdateTimestamp":1000}`; string(with.JSON) != want || with.InstanceARN != "arn:i" {
		t.Errorf("got %s, want %s", with.JSON, want)
	}
	again, err := with.WithInstance("arn:other")
	if err != nil || again.InstanceARN != "arn:i" {
		t.Errorf("a record's own instance was replaced: %s, %v", again.JSON, err)
	}
}

// TestOrderOfMembersDoesNotMatter shuffles the members of a record at every
// level.
func TestOrderOfMembersDoesNotMatter(t *testing.T) {
	in, err := os.ReadFile("testdata/voice.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := contactrecord.Convert(in)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 50 {
		got, err := contactrecord.Convert(shuffle(t, rng, in))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.JSON, want.JSON) {
			t.Fatalf("got  %s\nwant %s", got.JSON, want.JSON)
		}
	}
}

// shuffle writes the members of every object of a JSON text in random order.
func shuffle(t *testing.T, rng *rand.Rand, text []byte) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) == nil && members != nil {
		var parts [][]byte
		for name, v := range members {
			quoted, err := json.Marshal(name)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, append(append(quoted, ':'), shuffle(t, rng, v)...))
		}
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return append(append([]byte{'{'}, bytes.Join(parts, []byte{','})...), '}')
	}
	var items []json.RawMessage
	if json.Unmarshal(text, &items) == nil && items != nil {
		parts := make([][]byte, len(items))
		for i := range items {
			parts[i] = shuffle(t, rng, items[i])
		}
		return append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']')
	}
	return text
}

func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"contactId":"c","lastUpdateTimestamp":-0,"Agent":{"ARN":"x/agent/y","duration":1,"Duration":1e3}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := contactrecord.Convert(in)
		if err != nil {
			var e *contactrecord.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T is not an *Error", err)
			}
			return
		}
		if !json.Valid(r.JSON) {
			t.Fatalf("not JSON: %s", r.JSON)
		}
		if r.ContactID == "" {
			t.Fatal("no identity")
		}
		again, err := contactrecord.Convert(r.JSON)
		if err != nil {
			t.Fatalf("the object form is refused: %v\n%s", err, r.JSON)
		}
		if !bytes.Equal(again.JSON, r.JSON) {
			t.Fatalf("converted again:\n%s\n%s", r.JSON, again.JSON)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	in, err := os.ReadFile("testdata/voice.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := contactrecord.Convert(in); err != nil {
			b.Fatal(err)
		}
	}
}
