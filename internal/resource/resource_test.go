package resource

import (
	"encoding/json"
	"testing"
)

func TestRoutesAreReadAndMatched(t *testing.T) {
	for _, c := range []struct {
		text, id string
		ok, hit  bool
	}{
		{"arn:aws:kms:*:111122223333:key/*=http://127.0.0.1:5000", "arn:aws:kms:us-east-1:111122223333:key/abc", true, true},
		{"arn:aws:kms:*:111122223333:key/*=http://127.0.0.1:5000", "arn:aws:kms:us-east-1:999922223333:key/abc", true, false},
		{"https://sqs.us-east-1.amazonaws.com/*=aws", "https://sqs.us-east-1.amazonaws.com/1/q", true, true},
		{"*/000000000000/dlq?=https://queues.example:9324", "http://h/000000000000/dlq1", true, true},
		{"*/000000000000/dlq?=https://queues.example:9324", "http://h/000000000000/dlq", true, false},
		{"=http://127.0.0.1", "", false, false},
		{"x=", "", false, false},
		{"x", "", false, false},
		{"x=ftp://h", "", false, false},
		{"[=http://h", "", false, false},
	} {
		r, err := ParseRoute(c.text)
		if (err == nil) != c.ok {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if c.ok && r.matches(c.id) != c.hit {
			t.Errorf("%q and %q: match is %v, want %v", c.text, c.id, !c.hit, c.hit)
		}
	}
}

func TestAClientSpeaksToTheRegionThatIsNamed(t *testing.T) {
	c := NewClients("eu-west-1", nil, nil, nil)
	for id, want := range map[string]string{
		"arn:aws:kms:us-east-2:1:key/k":            "us-east-2",
		"https://sqs.ap-south-1.amazonaws.com/1/q": "ap-south-1",
		"http://127.0.0.1:4620/000000000000/q":     "eu-west-1",
		"alias/k":                                  "eu-west-1",
	} {
		if got := c.regionOf(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func TestABodyWithCharactersThatQueuesRefuseStaysTheSameValue(t *testing.T) {
	for _, body := range []string{"{\"a\":\"x\uffffy\"}", "{\"a\":\"\ufffe\"}", `{"a":"plain ü 😀"}`} {
		sent := sendable(body)
		for _, r := range sent {
			if !queueTakes(r) {
				t.Errorf("%q is sent with %U", body, r)
			}
		}
		var before, after map[string]string
		if json.Unmarshal([]byte(body), &before) != nil || json.Unmarshal([]byte(sent), &after) != nil || before["a"] != after["a"] {
			t.Errorf("%q became %q", body, sent)
		}
	}
}
