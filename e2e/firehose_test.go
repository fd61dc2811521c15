package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
)

// stream delivers as Amazon Data Firehose does to an HTTP endpoint (developer
// guide: HTTP endpoint delivery request and response specifications).
type stream struct {
	*server
	path, key string
}

// streamTo is a stream of a principal to an object type of a domain.
func (s *server) streamTo(c *client, domain, objectType string) stream {
	s.t.Helper()
	k, err := c.config.Credentials.Retrieve(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return stream{s, "/firehose/" + domain + "/" + objectType, k.AccessKeyID + ":" + k.SecretAccessKey}
}

// deliver sends one request and checks the form of the answer.
func (f stream) deliver(id string, blobs ...string) (status int, message string) {
	f.t.Helper()
	records := []fields{}
	for _, b := range blobs {
		records = append(records, fields{"data": base64.StdEncoding.EncodeToString([]byte(b))})
	}
	r, err := http.NewRequest("POST", f.url+f.path, strings.NewReader(*object(fields{"requestId": id, "timestamp": 1772355600000, "records": records})))
	if err != nil {
		f.t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "X-Amz-Firehose-Protocol-Version": "1.0", "X-Amz-Firehose-Request-Id": id,
		"X-Amz-Firehose-Source-Arn": "arn:aws:firehose:us-east-1:" + account + ":deliverystream/accounts", "X-Amz-Firehose-Access-Key": f.key} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	var a struct {
		RequestID    string `json:"requestId"`
		Timestamp    int64  `json:"timestamp"`
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(text, &a); err != nil || a.RequestID != id || a.Timestamp == 0 || answer.Header.Get("Content-Type") != "application/json" ||
		(answer.StatusCode == 200) != (a.ErrorMessage == "") {
		f.t.Errorf("the answer is %d %s, %v", answer.StatusCode, text, err)
	}
	if found := f.known.find(text); found != nil {
		f.t.Errorf("the answer shows of customers: %q", found)
	}
	return answer.StatusCode, a.ErrorMessage
}

func TestFirehoseDeliversAndRepeatsWhatItIsNotSureOf(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	c.domain("silent", customerprofiles.CreateDomainInput{}) // has no queue
	c.objectType("shop", shopAccount())
	c.objectType("silent", shopAccount())
	p, q := s.person(), s.person()
	first, second := *object(p.account("A-1", nil)), *object(q.account("A-2", nil))
	f := s.streamTo(c, "shop", "ShopAccount")
	if status, message := f.deliver("r-1", first+"\n"+second+"\n", `{"given":"Nobody"}`); status != 200 {
		t.Fatalf("%d %s", status, message)
	}
	if reason, body := c.letter(queue, "shop", "ShopAccount"); reason != noKeyText || body != `{"given":"Nobody"}` {
		t.Errorf("the dead letter %s says %q", body, reason)
	}
	before := c.stats("shop")
	checkStats(t, before, 2, 2, int64(len(first)+len(second)))
	id := *c.one("shop", "_email", p.email).ProfileId

	// The answer was lost: the same delivery comes again, and once more when the
	// server has forgotten it.
	moved := *object(p.account("A-1", fields{"points": 3}))
	c.put("shop", "ShopAccount", parsed(t, &moved))
	if status, message := f.deliver("r-1", first+"\n"+second+"\n", `{"given":"Nobody"}`); status != 200 {
		t.Errorf("%d %s", status, message)
	}
	if got := *c.objects("shop", id, "ShopAccount")[0].Object; got != moved {
		t.Error("a delivery that was repeated has brought back what was replaced since")
	}
	c.drained(queue)
	s.crash()
	f.server = s
	if status, message := f.deliver("r-1", first+"\n"+second+"\n", `{"given":"Nobody"}`); status != 200 {
		t.Errorf("%d %s", status, message)
	}
	if after := c.stats("shop"); *after != *before {
		t.Errorf("stats were %+v and are %+v", before, after)
	}

	// Without a queue what cannot be ingested stays with the stream.
	silent := s.streamTo(c, "silent", "ShopAccount")
	if status, message := silent.deliver("r-2", first, `{"given":"Nobody"}`); status != 400 || !strings.Contains(message, "1 of 2 objects") || !strings.Contains(message, "records[1]") {
		t.Errorf("%d %s", status, message)
	}
	checkStats(t, c.stats("silent"), 1, 1, int64(len(first)))
}

func TestFirehoseIsRefusedWithoutAKeyThatMay(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.admin.domain("shop", customerprofiles.CreateDomainInput{})
	s.admin.domain("other", customerprofiles.CreateDomainInput{})
	for _, d := range []string{"shop", "other"} {
		s.admin.objectType(d, shopAccount())
	}
	feeder, _ := s.user("feeder", allow(`"profile:PutProfileObject"`, arn("domains/shop"), ""))
	record := *object(s.person().account("A-1", nil))
	good := s.streamTo(feeder, "shop", "ShopAccount")
	id, _, _ := strings.Cut(good.key, ":")
	for name, test := range map[string]struct {
		stream stream
		status int
	}{
		"no key":             {stream{s, good.path, ""}, 401},
		"another secret":     {stream{s, good.path, id + ":" + strings.Repeat("x", 40)}, 401},
		"a key of nobody":    {stream{s, good.path, "AKIAIOSFODNN7EXAMPLE:" + strings.Repeat("x", 40)}, 401},
		"another domain":     {s.streamTo(feeder, "other", "ShopAccount"), 403},
		"no such domain":     {s.streamTo(s.admin, "none", "ShopAccount"), 404},
		"no such type":       {s.streamTo(s.admin, "shop", "None"), 404},
		"a domain not named": {s.streamTo(feeder, "none", "ShopAccount"), 403},
	} {
		if status, message := test.stream.deliver("r-1", record); status != test.status {
			t.Errorf("%s: %d %s, want %d", name, status, message, test.status)
		}
	}
	for _, d := range []string{"shop", "other"} {
		checkStats(t, s.admin.stats(d), 0, 0, 0)
	}
	if status, message := good.deliver("r-1", record); status != 200 {
		t.Errorf("the key that may: %d %s", status, message)
	}
	checkStats(t, s.admin.stats("shop"), 1, 1, int64(len(record)))
}
