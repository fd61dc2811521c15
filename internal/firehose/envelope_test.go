package firehose

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		blob string
		want string // values, what is not JSON in angle brackets
	}{
		{"", ""},
		{" \n", ""},
		{`{"a":1}`, `{"a":1}`},
		{"{\"a\":1}\n{\"b\":2}\r\n", `{"a":1} {"b":2}`},
		{`{"a":1}{"a":1,"a":2}[]7`, `{"a":1} {"a":1,"a":2} [] 7`},
		{`{"a":1} {"b":`, `{"a":1} <{"b":>`},
		{`{"a":1},{"b":2}`, `{"a":1} <,{"b":2}>`},
		{"x", "<x>"},
		{"{\"a\":\"\xff\"} {}", "<{\"a\":\"\xff\"} {}>"},
	} {
		var got []string
		err := split([]byte(c.blob), func(v []byte, whole bool) error {
			if !whole {
				v = []byte("<" + string(v) + ">")
			}
			got = append(got, string(v))
			return nil
		})
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q, %v; want %q", c.blob, got, err, c.want)
		}
	}
}

func TestMemoForgetsTheOldestOnly(t *testing.T) {
	var m memo
	key := func(i int) (k memoKey) {
		k[0], k[1], k[2] = byte(i), byte(i>>8), byte(i>>16)
		return k
	}
	for i := range 3 * Remembered {
		m.add(key(i))
		if i >= Remembered && !m.has(key(i-Remembered+1)) {
			t.Fatalf("%d is forgotten at %d", i-Remembered+1, i)
		}
	}
	if m.has(key(0)) || len(m.young)+len(m.old) > 2*Remembered {
		t.Error("it forgets nothing")
	}
}

// FuzzEnvelope holds the parser against encoding/json: what the one takes the
// other does, with the same content.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{
		`{"requestId":"r","timestamp":1,"records":[{"data":"e30="},{"x":{},"data":"e30\u003d"}]}`,
		`{"requestId":"r","timestamp":1,"records":[]}`, `{"records":[{"data":null}]}`, `{"records":{}}`, `[]`, `{`, `{"records":[{"data":""}]`,
		`{"requestId":1}`, `{"records":[{}]}`, `{"records":[1]}`, `{"a":{"b":[1,2,{"c":"\""}]},"records":[],"requestId":"\u0041"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := parseEnvelope(bytes.Clone(text))
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("taken, but not JSON: %v", err)
		}
		var records []map[string]json.RawMessage
		if err := json.Unmarshal(want["records"], &records); err != nil || len(records) != len(e.data) {
			t.Fatalf("%d records, %v; want %d", len(e.data), err, len(records))
		}
		var scratch []byte
		for i, r := range records {
			var data string
			if err := json.Unmarshal(r["data"], &data); err != nil {
				t.Fatal(err)
			}
			decoded, wantErr := base64.StdEncoding.DecodeString(data)
			var blob []byte
			blob, scratch, err = decode(e.data[i], scratch)
			if (err != nil) != (wantErr != nil) || err == nil && !bytes.Equal(blob, decoded) {
				t.Errorf("record %d: %q, %v; want %q, %v", i, blob, err, decoded, wantErr)
			}
		}
	})
}

// FuzzSplit checks that no byte of a blob but blanks gets lost.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"{}{}", "{}\n[1,{\"a\":2}]", "x", "{} {", "1 2", "\"a\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		var all []byte
		if err := split(bytes.Clone(blob), func(v []byte, whole bool) error {
			if whole && !json.Valid(v) {
				t.Errorf("%q is not JSON", v)
			}
			all = append(all, v...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		squeeze := func(b []byte) string { return strings.Join(strings.Fields(string(b)), "") }
		if got, want := squeeze(all), squeeze(blob); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
