package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
)

func TestInvariant1BadRequestsAreRefusedWithTheMemberAndTheRule(t *testing.T) {
	s := startServer(t)
	c := s.admin
	c.domain("d", customerprofiles.CreateDomainInput{})
	many := func(n int, item string) string { return strings.Repeat(item+",", n-1) + item }
	long := func(n int) string { return strings.Repeat("x", n) }
	const (
		search  = "/domains/d/profiles/search"
		profile = "/domains/d/profiles"
		objects = "/domains/d/profiles/objects"
		typ     = "/domains/d/object-types/T"
		id32    = "0123456789abcdef0123456789abcdef"
	)
	for name, test := range map[string]struct {
		method, path, body string
		says               []string // parts of the message, in any case
	}{
		"missing":                      {"POST", "/domains/x", `{}`, []string{"defaultExpirationDays", "null"}},
		"missing, and there is null":   {"POST", "/domains/x", `{"DefaultExpirationDays":null}`, []string{"defaultExpirationDays", "null"}},
		"missing of a list":            {"POST", search, `{"KeyName":"_phone"}`, []string{"values", "null"}},
		"missing inside a list":        {"POST", search, `{"KeyName":"_phone","Values":["1"],"AdditionalSearchKeys":[{"Values":["1"]}]}`, []string{"additionalSearchKeys", "keyName"}},
		"missing body":                 {"POST", search, ``, []string{"keyName"}},
		"too long":                     {"POST", profile, `{"FirstName":"` + long(256) + `"}`, []string{"firstName", "255"}},
		"too short":                    {"POST", profile, `{"FirstName":""}`, []string{"firstName", "1"}},
		"too long in the path":         {"GET", "/domains/" + long(65), ``, []string{"domainName", "64"}},
		"too long in the query":        {"GET", "/domains?next-token=" + long(1025), ``, []string{"nextToken", "1024"}},
		"too long in a structure":      {"POST", profile, `{"Address":{"City":"` + long(256) + `"}}`, []string{"address", "city", "255"}},
		"too long a key of a map":      {"POST", profile, `{"Attributes":{"` + long(256) + `":"v"}}`, []string{"attributes", "255"}},
		"too long a value of a map":    {"POST", profile, `{"Attributes":{"k":"` + long(256) + `"}}`, []string{"attributes", "255"}},
		"too long in characters":       {"POST", profile, `{"FirstName":"` + strings.Repeat("ü", 256) + `"}`, []string{"firstName", "255"}},
		"pattern":                      {"GET", "/domains/a%20b", ``, []string{"domainName", "pattern"}},
		"pattern, percent-encoded":     {"GET", "/domains/a%2Fb", ``, []string{"domainName", "pattern"}},
		"pattern in a body":            {"PUT", profile, `{"ProfileId":"` + strings.ToUpper(id32) + `"}`, []string{"profileId", "pattern"}},
		"pattern in a list":            {"POST", "/domains/d/batch-get-profiles", `{"ProfileIds":["x"]}`, []string{"profileIds", "pattern"}},
		"range, below":                 {"POST", "/domains/x", `{"DefaultExpirationDays":0}`, []string{"defaultExpirationDays", "1"}},
		"range, above":                 {"POST", "/domains/x", `{"DefaultExpirationDays":1099}`, []string{"defaultExpirationDays", "1098"}},
		"range in the query":           {"GET", "/domains?max-results=101", ``, []string{"maxResults", "100"}},
		"range in the query, zero":     {"GET", "/domains?max-results=0", ``, []string{"maxResults", "1"}},
		"number in the query":          {"GET", "/domains?max-results=ten", ``, []string{"maxResults"}},
		"boolean in the query":         {"POST", "/integrations?include-hidden=maybe", `{"Uri":"x"}`, []string{"includeHidden"}},
		"enum":                         {"POST", profile, `{"Gender":"ROBOT"}`, []string{"gender", "enum", "FEMALE"}},
		"enum in a map of structures":  {"PUT", typ, `{"Description":"x","Fields":{"f":{"Source":"_source.f","ContentType":"TEXT"}}}`, []string{"contentType", "STRING"}},
		"list too long":                {"POST", search, `{"KeyName":"_phone","Values":["1"],"AdditionalSearchKeys":[` + many(5, `{"KeyName":"_phone","Values":["1"]}`) + `]}`, []string{"additionalSearchKeys", "4"}},
		"list too short":               {"POST", "/domains/d/batch-get-profiles", `{"ProfileIds":[]}`, []string{"profileIds", "1"}},
		"batch too long":               {"PUT", objects + "/batch-put-profile-object", `{"ObjectTypeName":"CTR","Items":[` + many(11, `{"Id":"i","Object":"{}"}`) + `]}`, []string{"items", "10"}},
		"map too large":                {"POST", "/tags/" + url.PathEscape(arn("domains/d")), `{"tags":{` + tags(51) + `}}`, []string{"tags", "50"}},
		"object too long":              {"PUT", objects, `{"ObjectTypeName":"CTR","Object":"` + long(256_001) + `"}`, []string{"object", "256000"}},
		"number for a string":          {"POST", profile, `{"FirstName":1}`, []string{"firstName"}},
		"string for a number":          {"POST", "/domains/x", `{"DefaultExpirationDays":"1"}`, []string{"defaultExpirationDays"}},
		"fraction for an integer":      {"POST", "/domains/x", `{"DefaultExpirationDays":1.5}`, []string{"defaultExpirationDays"}},
		"huge integer":                 {"POST", "/domains/x", `{"DefaultExpirationDays":99999999999999999999}`, []string{"defaultExpirationDays"}},
		"object for a list":            {"POST", search, `{"KeyName":"_phone","Values":{}}`, []string{"values"}},
		"list for an object":           {"POST", profile, `{"Address":[]}`, []string{"address"}},
		"string for a boolean":         {"PUT", typ, `{"Description":"x","AllowProfileCreation":"true"}`, []string{"allowProfileCreation"}},
		"list as the body":             {"POST", profile, `[]`, nil},
		"string as the body":           {"POST", profile, `"FirstName"`, nil},
		"malformed":                    {"POST", profile, `{"FirstName":`, nil},
		"two documents":                {"POST", profile, `{}{}`, nil},
		"not UTF-8":                    {"POST", profile, "{\"FirstName\":\"\xff\"}", nil},
		"deep":                         {"POST", profile, strings.Repeat(`{"Address":`, 10_000), nil},
		"many problems at once":        {"POST", search, `{"KeyName":"a b","Values":[]}`, []string{"keyName"}},
		"a tag key that AWS keeps":     {"POST", "/tags/" + url.PathEscape(arn("domains/d")), `{"tags":{"aws:x":"1"}}`, []string{"tags"}},
		"a resource of another kind":   {"GET", "/tags/" + url.PathEscape("arn:aws:s3:::bucket"), ``, []string{"resourceArn"}},
		"a tag list without its names": {"DELETE", "/tags/" + url.PathEscape(arn("domains/d")), ``, []string{"tagKeys"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.send("profile", test.method, test.path, test.body)
			if code := a.code(t); a.status != 400 || code != "BadRequestException" || a.header.Get("X-Amzn-Errortype") == "" {
				t.Fatalf("got %d %q, header %v", a.status, a.body, a.header)
			}
			if got := a.header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(a.body), &body); err != nil || body["Message"] == nil {
				t.Errorf("body %q: %v", a.body, err)
			}
			if a.message() == "" {
				t.Error("the message is empty")
			}
			for _, part := range test.says {
				if !strings.Contains(strings.ToLower(a.message()), strings.ToLower(part)) {
					t.Errorf("the message %q does not say %q", a.message(), part)
				}
			}
		})
	}
	checkStats(t, c.stats("d"), 0, 0, 0)
}

func tags(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"k%s":"v"`, word(int64(i)))
	}
	return b.String()
}

func TestInvariant1TheEdgesOfTheWire(t *testing.T) {
	s := startServer(t)
	c := s.admin
	c.domain("d", customerprofiles.CreateDomainInput{})
	now := time.Now()
	check := func(name string, a *answer, status int, code string) {
		t.Helper()
		if got := a.code(t); a.status != status || got != code {
			t.Errorf("%s: got %d %q, want %d %s", name, a.status, a.body, status, code)
		}
	}
	post := func(body string, header map[string]string) *answer {
		return c.do(c.request("profile", "POST", "/domains/d/profiles", body, header, now))
	}
	check("unknown members", post(`{"FirstName":"x","Favourite":{"deep":[1,{"a":null}]},"firstname":7}`, nil), 200, "")
	check("null members", post(`{"FirstName":null,"Address":null,"Attributes":null}`, nil), 200, "")
	check("longest allowed", post(`{"FirstName":"`+strings.Repeat("ü", 255)+`"}`, nil), 200, "")
	check("charset", post(`{}`, map[string]string{"Content-Type": "application/json; charset=utf-8"}), 200, "")
	check("amz-json", post(`{}`, map[string]string{"Content-Type": "application/x-amz-json-1.1"}), 200, "")
	check("no body", post("", nil), 200, "")
	check("wrong content type", post(`FirstName=x`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}), 400, "BadRequestException")
	check("XML", post(`<a/>`, map[string]string{"Content-Type": "application/xml"}), 400, "BadRequestException")
	check("body too large", post(`{"FirstName":"`+strings.Repeat("x", 7<<20)+`"}`, nil), 400, "BadRequestException")
	check("unknown path", c.send("profile", "GET", "/nowhere", ""), 404, "UnknownOperationException")
	check("unknown method", c.send("profile", "PATCH", "/domains/d", "{}"), 404, "UnknownOperationException")
	check("not there", c.send("profile", "GET", "/domains/none", ""), 404, "ResourceNotFoundException")
	check("unknown query parameter", c.send("profile", "GET", "/domains/d?colour=blue", ""), 200, "")
	check("unknown service", c.send("s3", "GET", "/", ""), 403, "InvalidSignatureException")
	check("an operation of KMS by another's name", c.do(c.request("kms", "POST", "/", "{}", map[string]string{
		"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.MakeCoffee"}, now)), 400, "UnknownOperationException")

	if a := c.send("profile", "GET", "/domains/d", ""); a.header.Get("Content-Type") != "application/json" || !strings.Contains(a.body, `"DomainName":"d"`) {
		t.Errorf("got %+v", a)
	}
	ids := map[string]bool{}
	for range 20 {
		ids[c.send("profile", "GET", "/domains", "").header.Get("X-Amzn-Requestid")] = true
	}
	if len(ids) != 20 {
		t.Errorf("%d request IDs of 20 requests", len(ids))
	}
	for _, path := range []string{"/domains", "/domains/d", "/domains/d/object-types"} {
		r, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close() // only the header is looked at
		if r.StatusCode != 403 || r.Header.Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" || r.Header.Get("X-Amzn-Requestid") == "" {
			t.Errorf("GET %s without a signature: %d %v", path, r.StatusCode, r.Header)
		}
	}
}

// Timestamps are seconds since 1970, members that are empty are absent.
func TestInvariant1AnswersAreInTheFormOfTheModel(t *testing.T) {
	s := startServer(t)
	c := s.admin
	before := time.Now().Add(-time.Minute)
	c.domain("d", customerprofiles.CreateDomainInput{})
	a := c.send("profile", "GET", "/domains/d", "")
	var d struct {
		DomainName, DeadLetterQueueUrl *string
		CreatedAt, LastUpdatedAt       float64
		DefaultExpirationDays          int
		Stats                          map[string]int64
	}
	if err := json.Unmarshal([]byte(a.body), &d); err != nil {
		t.Fatal(err)
	}
	if d.DeadLetterQueueUrl != nil || strings.Contains(a.body, "null") || d.CreatedAt < float64(before.Unix()) || d.CreatedAt > float64(time.Now().Unix()+1) ||
		len(d.Stats) != 4 {
		t.Errorf("got %s", a.body)
	}
	a = c.send("profile", "POST", "/domains/d/profiles/search", `{"KeyName":"_phone","Values":["1"]}`)
	if a.body != `{"Items":[]}` {
		t.Errorf("got %s", a.body)
	}
	c.deadLetters("q", "d")
	// Old clients speak to SQS in the Query protocol.
	a = c.do(c.request("sqs", "POST", "/", "Action=GetQueueUrl&Version=2012-11-05&QueueName=q", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, time.Now()))
	if a.status != 200 || !strings.Contains(a.body, "<QueueUrl>"+s.url+"/"+account+"/q</QueueUrl>") {
		t.Errorf("got %+v", a)
	}
	a = c.do(c.request("sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, time.Now()))
	if a.status != 200 || !strings.Contains(a.body, "<Account>"+account+"</Account>") {
		t.Errorf("got %+v", a)
	}
}

// model is the interface description of Customer Profiles.
type model struct {
	Operations map[string]struct {
		HTTP struct {
			Method     string
			RequestURI string
		}
		Input string
	}
	Shapes map[string]*shape
}

type shape struct {
	Type     string
	Required []string
	Members  map[string]struct{ Shape, Location, LocationName string }
	Member   struct{ Shape string }
	Key      struct{ Shape string }
	Value    struct{ Shape string }
	Enum     []string
	Pattern  string
	Min      float64
	Union    bool
}

// minimal is a valid value of a shape with what is required.
func (m *model) minimal(name string) any {
	s := m.Shapes[name]
	switch s.Type {
	case "structure":
		v := map[string]any{}
		for member, ref := range s.Members {
			if slices.Contains(s.Required, member) || s.Union && len(v) == 0 {
				key := member
				if ref.LocationName != "" {
					key = ref.LocationName
				}
				v[key] = m.minimal(ref.Shape)
			}
		}
		return v
	case "list":
		return []any{m.minimal(s.Member.Shape)}
	case "map":
		return map[string]any{m.text(s.Key.Shape): m.minimal(s.Value.Shape)}
	case "string":
		return m.text(name)
	case "boolean":
		return true
	case "timestamp":
		return 1_790_000_000
	}
	return max(1, s.Min)
}

func (m *model) text(name string) string {
	s := m.Shapes[name]
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case strings.Contains(s.Pattern, "a-f0-9"):
		return "0123456789abcdef0123456789abcdef"
	case strings.Contains(s.Pattern, "arn") && strings.Contains(s.Pattern, "iam"):
		return "arn:aws:iam::000000000000:role/r"
	case strings.Contains(s.Pattern, "arn") && strings.Contains(s.Pattern, "kms"):
		return "arn:aws:kms:us-east-1:000000000000:key/k"
	case strings.Contains(s.Pattern, "arn"):
		return arn("domains/d")
	}
	return strings.Repeat("d", max(1, int(s.Min)))
}

// offered are the operations that have behaviour; the others are reachable and
// say that they are not implemented.
var offered = strings.Fields(`CreateDomain GetDomain UpdateDomain DeleteDomain ListDomains TagResource UntagResource ListTagsForResource
	PutProfileObjectType GetProfileObjectType ListProfileObjectTypes DeleteProfileObjectType GetProfileObjectTypeTemplate ListProfileObjectTypeTemplates
	PutProfileObject BatchPutProfileObject ListProfileObjects DeleteProfileObject CreateProfile UpdateProfile DeleteProfile BatchGetProfile AddProfileKey
	DeleteProfileKey SearchProfiles PutIntegration GetIntegration ListIntegrations ListAccountIntegrations DeleteIntegration
	MergeProfiles ListProfileHistoryRecords GetProfileHistoryRecord`)

func TestInvariant1All107OperationsAreReachable(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "api", "customer-profiles.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m model
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Operations) != 107 {
		t.Fatalf("%d operations, want 107", len(m.Operations))
	}
	c := startServer(t).admin
	missing := 0
	for name, op := range m.Operations {
		path, query := op.HTTP.RequestURI, url.Values{}
		body := map[string]any{}
		if in := m.Shapes[op.Input]; in != nil {
			for member, ref := range in.Members {
				wire := member
				if ref.LocationName != "" {
					wire = ref.LocationName
				}
				required := slices.Contains(in.Required, member)
				switch {
				case ref.Location == "uri":
					path = strings.ReplaceAll(path, "{"+wire+"}", url.PathEscape(m.text(ref.Shape)))
				case ref.Location == "querystring" && required && m.Shapes[ref.Shape].Type == "list":
					query.Add(wire, "k")
				case ref.Location == "querystring" && required:
					query.Add(wire, m.text(ref.Shape))
				case ref.Location == "" && required:
					body[wire] = m.minimal(ref.Shape)
				}
			}
		}
		if strings.Contains(path, "{") {
			t.Fatalf("%s: no value for the path %s", name, path)
		}
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		text := ""
		if op.HTTP.Method != "GET" && op.HTTP.Method != "DELETE" {
			text = *object(body)
		}
		a := c.send("profile", op.HTTP.Method, path, text)
		code := a.code(t)
		if slices.Contains(offered, name) {
			if a.status >= 500 || code == "UnknownOperationException" || code == "AccessDeniedException" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			continue
		}
		missing++
		switch {
		case a.status == 501 && code == "NotImplementedException" && a.message() != "":
		case a.status < 500 && code != "UnknownOperationException" && code != "BadRequestException":
			// It has behaviour by now.
		default:
			t.Errorf("%s %s %s: %d %s", name, path, text, a.status, a.body)
		}
	}
	t.Logf("%d operations are not among those that this test expects to behave", missing)
}

// Every paginated answer is complete and without doubles when it is read in the
// smallest pages.
func TestInvariant1SmallPagesMakeUpTheWhole(t *testing.T) {
	c := startServer(t).admin
	want := []string{}
	for i := range 7 {
		name := fmt.Sprint("page-", i)
		c.domain(name, customerprofiles.CreateDomainInput{})
		want = append(want, name)
	}
	var got []string
	in := &customerprofiles.ListDomainsInput{MaxResults: aws.Int32(2)}
	for {
		out, err := c.profiles.ListDomains(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Items) > 2 || len(out.Items) == 0 {
			t.Fatalf("a page of %d domains", len(out.Items))
		}
		for _, d := range out.Items {
			got = append(got, *d.DomainName)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
