package kindredclient_test

import (
	"encoding/json"
	"testing"
	"time"

	"kindred/kindredclient"
)

func TestTimesAreSecondsToMilliseconds(t *testing.T) {
	for text, want := range map[string]string{"1795492014.912": "2026-11-24T03:46:54.912Z", "0": "1970-01-01T00:00:00Z", "-1.5": "1969-12-31T23:59:58.5Z"} {
		var got kindredclient.Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if b, err := json.Marshal(got); err != nil || string(b) != text {
			t.Errorf("%s becomes %s, %v", text, b, err)
		}
	}
	for _, text := range []string{`"2026"`, "1e300", "{}", "true"} {
		var got kindredclient.Time
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is taken for %v", text, got)
		}
	}
}
