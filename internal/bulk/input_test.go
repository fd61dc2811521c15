package bulk_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"kindred/internal/bulk"
	"kindred/internal/ingest"
)

// all reads an input to its end.
func all(in *bulk.Input) (list []bulk.Record, err error) {
	for {
		r, err := in.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, r)
	}
}

func read(t testing.TB, name, text string, f bulk.Format) ([]bulk.Record, bulk.Format, error) {
	t.Helper()
	in, err := bulk.NewInput(name, strings.NewReader(text), f)
	if err != nil {
		return nil, "", err
	}
	defer in.Close()
	list, err := all(in)
	return list, in.Format, err
}

func TestInput(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		as               bulk.Format
		found            bulk.Format
		want             []string // records; those that are malformed after "!"
	}{
		{"one object", "x.json", `{"a":1}`, bulk.Auto, bulk.Lines, []string{`{"a":1}`}},
		{"one object on several lines", "x", "{\n \"a\": 1\n}\n", bulk.Auto, bulk.JSON, []string{"{\n \"a\": 1\n}"}},
		{"array", "x.json", " [ {\"a\":\"],}\"} ,\n{\"b\":[1,{\"c\":\"\\\"\\\\\"}]}, 7,\"s\" , null ]\n", bulk.Auto, bulk.JSON,
			[]string{`{"a":"],}"}`, `{"b":[1,{"c":"\"\\"}]}`, "7", `"s"`, "null"}},
		{"empty array", "x", "[]", bulk.Auto, bulk.JSON, nil},
		{"nothing", "x.csv", "", bulk.Auto, bulk.CSV, nil},
		{"blanks", "x.jsonl", " \n\r\n\t", bulk.Auto, bulk.Lines, nil},
		{"one after the other", "x", `{"a":1}{"b":2} {"c":3}`, bulk.JSON, bulk.JSON, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}},
		{"lines", "x.txt", "{\"a\":1}\r\n\n{\"b\":2}\n  {\"c\":3}  ", bulk.Auto, bulk.Lines, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}},
		{"a malformed line is a record", "x.ndjson", "{\"a\":1\n{\"b\":2}\n", bulk.Auto, bulk.Lines, []string{`{"a":1`, `{"b":2}`}},
		{"lines named json", "x.json", "{\"a\":1}\n{\"b\":2}", bulk.Auto, bulk.Lines, []string{`{"a":1}`, `{"b":2}`}},
		{"byte order mark", "x", "\ufeff{\"a\":1}", bulk.Auto, bulk.Lines, []string{`{"a":1}`}},
		{"csv", "x.csv", "\ufeffid,na\"me\r\n", bulk.Auto, bulk.CSV, nil},
		{"csv rows", "x.csv", "id,name\n1,Ann\n\n2,\"Smith, \"\"J\"\"\r\nx\"\n3,\n", bulk.Auto, bulk.CSV,
			[]string{`{"id":"1","name":"Ann"}`, `{"id":"2","name":"Smith, \"J\"\r\nx"}`, `{"id":"3","name":""}`}},
		{"csv by its looks", "x", "id,name\r\n1,\"\"", bulk.Auto, bulk.CSV, []string{`{"id":"1","name":""}`}},
		{"csv of one column", "x", "id\n1\n 2", bulk.CSV, bulk.CSV, []string{`{"id":"1"}`, `{"id":" 2"}`}},
		{"csv malformed rows", "x.csv", "a,b\n1\n1,2,3\n1,x\"y\n1,\"x\"y\n\xff,\x01\n3,4\n5,\"six\n", bulk.Auto, bulk.CSV,
			[]string{`!"1"`, `!"1,2,3"`, `!"1,x\"y"`, `!"1,\"x\"y"`, "!\"\xff,\\u0001\"", `{"a":"3","b":"4"}`, `!"5,\"six"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, found, err := read(t, c.file, c.text, c.as)
			if c.name == "csv" { // a quote in the header
				var syntax *bulk.SyntaxError
				if !errors.As(err, &syntax) || !strings.Contains(err.Error(), "header") {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if found != c.found && len(c.want) > 0 {
				t.Errorf("format %s, want %s", found, c.found)
			}
			var got []string
			for i, r := range list {
				text := string(r.Body)
				if r.Problem != "" {
					text = "!" + text
				}
				got = append(got, text)
				if r.Number != int64(i+1) || r.End <= r.Start || i > 0 && r.Start < list[i-1].End {
					t.Errorf("record %d: %+v", i, r)
				}
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			resumes(t, c.file, c.text, c.as, list)
		})
	}
}

// resumes checks that reading on after each record gives the rest, plain and
// compressed.
func resumes(t *testing.T, name, text string, f bulk.Format, want []bulk.Record) {
	t.Helper()
	dir := t.TempDir()
	for _, z := range []struct{ ext, text string }{{"", text}, {".gz", zip(t, text)}, {".zst", zstandard(t, text)}} {
		path := filepath.Join(dir, name+z.ext)
		if err := os.WriteFile(path, []byte(z.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for i := -1; i < len(want); i++ {
			in, err := bulk.Open(path, f)
			if err != nil {
				t.Fatal(err)
			}
			var p bulk.Position
			if i >= 0 {
				p = bulk.Position{Offset: want[i].End, Records: want[i].Number}
			}
			if err := in.Resume(p); err != nil {
				t.Fatal(err)
			}
			got, err := all(in)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want[i+1:]) {
				t.Errorf("%s after record %d: got %v, want %v", z.ext, i+1, got, want[i+1:])
			}
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func zip(t testing.TB, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts { // members one after the other are one stream
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, p); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func zstandard(t testing.TB, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

func TestInputThatCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		as               bulk.Format
		records          int
		want             string
	}{
		{"no format", "x", "hello", bulk.Auto, 0, "use --format"},
		{"UTF-16", "x.csv", "\xff\xfea\x00", bulk.Auto, 0, "UTF-16"},
		{"array cut off", "x", `[{"a":1},{"b":2}`, bulk.JSON, 2, "ends inside the array"},
		{"array cut off after a comma", "x", `[{"a":1}, `, bulk.JSON, 1, "ends inside the array"},
		{"record cut off", "x", `[{"a":1},{"b":"2`, bulk.JSON, 1, "inside the record that starts at byte 9"},
		{"no comma", "x", `[{"a":1}{"b":2}]`, bulk.JSON, 1, "at byte 8: want a comma"},
		{"two commas", "x", `[1,,2]`, bulk.JSON, 1, "an element is missing"},
		{"comma at the end", "x", `[1,]`, bulk.JSON, 1, "an element is missing"},
		{"more after the array", "x", `[1] 2`, bulk.JSON, 1, "something follows the array"},
		{"header twice", "x.csv", "a,b,a\n1,2,3\n", bulk.Auto, 0, "column 3 has the name of another"},
		{"header without name", "x.csv", "a,\n1,2\n", bulk.Auto, 0, "column 2 has no name"},
		{"header not UTF-8", "x.csv", "a,\xff\n1,2\n", bulk.Auto, 0, "column 2 is not valid UTF-8"},
		{"header too wide", "x.csv", strings.Repeat("a,", 5000) + "b\n", bulk.Auto, 0, "5001 columns"},
		{"quote that swallows the file", "x.csv", "a,b\n1,\"2\n" + strings.Repeat("x,y\n", bulk.MaxRecord/3), bulk.Auto, 0, "is a quote missing?"},
		{"gzip cut off", "x.jsonl.gz", zip(t, "{\"a\":1}\n{\"b\":2}\n")[:20], bulk.Auto, 0, "unexpected EOF"},
		{"zstd damaged", "x.jsonl.zst", zstandard(t, "{\"a\":1}\n")[:8] + "????", bulk.Auto, 0, "x.jsonl.zst"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, _, err := read(t, c.file, c.text, c.as)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if len(list) != c.records {
				t.Errorf("%d records before the error, want %d", len(list), c.records)
			}
		})
	}
}

func TestRecordsThatMayNotBeIngested(t *testing.T) {
	small := `{"n":1}`
	large := `{"x":"` + strings.Repeat("y", ingest.MaxObject) + `"}`
	huge := `{"x":"` + strings.Repeat("y", bulk.MaxRecord) + `"}`
	for _, c := range []struct{ name, text string }{
		{"x.json", "[" + small + "," + large + "," + huge + ",{\"a\":\"\xff\"}," + small + "]"},
		{"x.jsonl", small + "\n" + large + "\n" + huge + "\n{\"a\":\"\xff\"}\n" + small + "\n"},
	} {
		list, _, err := read(t, c.name, c.text, bulk.Auto)
		if err != nil || len(list) != 5 {
			t.Fatal(err, len(list))
		}
		for i, want := range []string{"", "larger than 256000 bytes", "larger than 1048576 bytes", "not valid UTF-8", ""} {
			if (want == "") != (list[i].Problem == "") || !strings.Contains(list[i].Problem, want) {
				t.Errorf("%s: record %d: %q, want %q", c.name, i, list[i].Problem, want)
			}
		}
		if list[2].Body != nil || string(list[1].Body) != large {
			t.Errorf("%s: held %d and %d bytes", c.name, len(list[2].Body), len(list[1].Body))
		}
	}
	list, _, err := read(t, "x.csv", "a,b\n1,"+strings.Repeat("y", bulk.MaxRecord)+"\n3,4\n", bulk.Auto)
	if err != nil || len(list) != 2 || list[0].Problem == "" || list[0].Body != nil || string(list[1].Body) != `{"a":"3","b":"4"}` {
		t.Errorf("csv: %v, %d records", err, len(list))
	}
}

func TestMembersOfGzipAreOneText(t *testing.T) {
	list, _, err := read(t, "x.jsonl.gz", zip(t, "{\"a\":1}\n{\"b\"", ":2}\n"), bulk.Auto)
	if err != nil || len(list) != 2 || string(list[1].Body) != `{"b":2}` {
		t.Errorf("%v, %v", list, err)
	}
}

func TestResumeBehindTheEnd(t *testing.T) {
	in, err := bulk.NewInput("x.jsonl", strings.NewReader("{}\n"), bulk.Auto)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Resume(bulk.Position{Offset: 100, Records: 3}); err == nil {
		t.Error("no error")
	}
}

// FuzzJSON holds the splitter against encoding/json wherever that reads the
// text.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`[{"a":1},{"b":"]"}]`, `{"a":1}{"b":2}`, `[1,2`, `["\"", "\\"]`, "1 2 3", "[[],{}]", "]", `"`, "{", ",", "[,]", "\ufeff[]", "tru"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, ok := fuzzInput(t, text, bulk.JSON)
		var want []json.RawMessage
		if trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff"))); len(trimmed) == 0 || trimmed[0] != '[' || json.Unmarshal(trimmed, &want) != nil {
			return
		}
		if !ok || len(list) != len(want) {
			t.Fatalf("%d records, want %d", len(list), len(want))
		}
		for i := range want {
			if !bytes.Equal(list[i].Body, want[i]) {
				t.Errorf("record %d: %q, want %q", i, list[i].Body, want[i])
			}
		}
	})
}

// FuzzLines checks that every line that is not blank is a record.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"{}\n{}", "\n\n{\"a\":1}\r\n", "x\ny", " a \n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, ok := fuzzInput(t, text, bulk.Lines)
		if !ok {
			return
		}
		var want [][]byte
		for l := range bytes.SplitSeq(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\n")) {
			if l = bytes.Trim(l, " \t\r\n"); len(l) > 0 {
				want = append(want, l)
			}
		}
		if len(list) != len(want) {
			t.Fatalf("%d records, want %d", len(list), len(want))
		}
		for i := range want {
			if !bytes.Equal(list[i].Body, want[i]) {
				t.Errorf("record %d: %q, want %q", i, list[i].Body, want[i])
			}
		}
	})
}

// FuzzCSV holds the reader against encoding/csv wherever that reads the text.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a\n\"x\"\"y\"\n", "a,b\r\n\"1\n2\",3", "a\n\"", "a,b\n1", "\n\na\n1", "a\nx\"y\n", "a\n\r1", "a,b\n\"1\"\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, ok := fuzzInput(t, text, bulk.CSV)
		if !ok || bytes.IndexByte(text, '\r') >= 0 { // the two differ on single returns
			return
		}
		want, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
		if err != nil || len(want) == 0 {
			return
		}
		if len(list) != len(want)-1 {
			t.Fatalf("%d records, want %d", len(list), len(want)-1)
		}
		for i, row := range want[1:] {
			if list[i].Problem != "" {
				continue // not UTF-8, which encoding/csv lets pass
			}
			var got map[string]string
			if err := json.Unmarshal(list[i].Body, &got); err != nil {
				t.Fatal(err)
			}
			for j, name := range want[0] {
				if got[name] != row[j] {
					t.Errorf("row %d, %q: %q, want %q", i, name, got[name], row[j])
				}
			}
		}
	})
}

// fuzzInput reads a text, reports whether it could be read to the end, and
// checks that it can be resumed after each record.
func fuzzInput(t *testing.T, text []byte, f bulk.Format) (list []bulk.Record, ok bool) {
	if len(text) > 1<<12 {
		return nil, false
	}
	in, err := bulk.NewInput("fuzz", bytes.NewReader(text), f)
	if err != nil {
		return nil, false
	}
	list, err = all(in)
	if err != nil && !strings.Contains(err.Error(), "fuzz") {
		t.Fatalf("an error without the name: %v", err)
	}
	for i := range list {
		in, err := bulk.NewInput("fuzz", bytes.NewReader(text), f)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Resume(bulk.Position{Offset: list[i].End, Records: list[i].Number}); err != nil {
			t.Fatal(err)
		}
		if i+1 == len(list) {
			continue
		}
		next, err := in.Next()
		if err != nil || fmt.Sprint(next) != fmt.Sprint(list[i+1]) {
			t.Fatalf("after record %d: %v, %v; want %v", i, next, err, list[i+1])
		}
	}
	return list, err == nil
}

func BenchmarkInput(b *testing.B) {
	object := `{"id":"1","name":"` + strings.Repeat("x", 1000) + `"}`
	for _, c := range []struct {
		name, text string
		format     bulk.Format
	}{
		{"json", "[" + strings.Repeat(object+",", 999) + object + "]", bulk.JSON},
		{"jsonl", strings.Repeat(object+"\n", 1000), bulk.Lines},
		{"csv", "id,name\n" + strings.Repeat("1,"+strings.Repeat("x", 1000)+"\n", 1000), bulk.CSV},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				in, err := bulk.NewInput("x", strings.NewReader(c.text), c.format)
				if err != nil {
					b.Fatal(err)
				}
				if list, err := all(in); err != nil || len(list) != 1000 {
					b.Fatal(err, len(list))
				}
			}
		})
	}
}
