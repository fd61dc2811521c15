package wire_test

import (
	"errors"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"kindred/internal/api"
	"kindred/internal/api/profileapi"
	"kindred/internal/wire"
)

func TestRoutes(t *testing.T) {
	router := wire.NewRouter(services()...)
	for _, c := range []struct{ service, method, path, want string }{
		{"profile", "GET", "/domains", "ListDomains"},
		{"profile", "GET", "/domains/", "ListDomains"},
		{"profile", "GET", "/domains//", ""},
		{"profile", "GET", "/domains/d", "GetDomain"},
		{"profile", "GET", "/domains/d/", "GetDomain"},
		{"profile", "GET", "domains", ""},
		{"profile", "GET", "/", ""},
		{"profile", "GET", "", ""},
		{"profile", "POST", "/domains/search", "CreateDomain"},
		{"profile", "POST", "/domains/d/profiles/search", "SearchProfiles"},
		{"profile", "POST", "/domains/d/profiles/objects", "ListProfileObjects"},
		{"profile", "PUT", "/domains/d/profiles/objects", "PutProfileObject"},
		{"profile", "POST", "/domains/d/profiles/objects/delete", "DeleteProfileObject"},
		{"profile", "POST", "/domains/d/profiles/objects/recommendations", "GetProfileRecommendations"}, // a profile ID like a literal
		{"profile", "GET", "/domains/d/workflows/integrations", "GetWorkflow"},                          // the literal has only POST
		{"profile", "POST", "/domains/d/workflows/integrations", "CreateIntegrationWorkflow"},
		{"profile", "GET", "/domains/d/profile/p/calculated-attributes/c", "GetCalculatedAttributeForProfile"},
		{"profile", "GET", "/tags/arn%3Aaws%3Aprofile%3Ar%3Aa%3Adomains%2Fd1", "ListTagsForResource"},
		{"profile", "GET", "/tags/arn:aws:profile:r:a:domains/d1", ""},
		{"profile", "GET", "/templates", "ListProfileObjectTypeTemplates"},
		{"profile", "GET", "/templates/CTR", "GetProfileObjectTypeTemplate"},
		{"profile", "get", "/domains", ""},
		{"profile", "GET", "/d%6Fmains", ""},
		{"connect", "GET", "/domains", ""},
	} {
		call, err := router.Route(c.service, &wire.Request{Method: c.method, Path: c.path, Header: http.Header{}})
		got := ""
		if err == nil {
			got = call.Operation.Name
		}
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
		}
	}
}

func TestEveryRESTOperationIsRoutedToItself(t *testing.T) {
	router := wire.NewRouter(services()...)
	for _, s := range services() {
		if s.Protocol != api.RESTJSON {
			continue
		}
		for _, op := range s.Operations {
			path := strings.NewReplacer("{", "x-", "}", "").Replace(op.URI)
			call, err := router.Route(s.SigningName, &wire.Request{Method: op.Method, Path: path, Header: http.Header{}})
			if err != nil || call.Operation != op {
				t.Errorf("%s %s %s: %v", op.Name, op.Method, path, err)
			}
		}
	}
}

// decode decodes a PutProfileObjectType of that body.
func decode(t *testing.T, body string, header ...string) (*profileapi.PutProfileObjectTypeRequest, error) {
	t.Helper()
	req := &wire.Request{Method: "PUT", Path: "/domains/d/object-types/t", Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}}
	if len(header) > 0 {
		req.Header = http.Header{"Content-Type": header}
	}
	call, err := wire.NewRouter(profileapi.Service()).Route("profile", req)
	if err != nil {
		t.Fatal(err)
	}
	in, err := call.Decode()
	if err != nil {
		return nil, err
	}
	return in.(*profileapi.PutProfileObjectTypeRequest), nil
}

func TestMalformedBodiesAreRefusedWithPathAndRule(t *testing.T) {
	deep := strings.Repeat(`{"x":`, wire.MaxDepth+1) + "1" + strings.Repeat("}", wire.MaxDepth+1)
	for _, c := range []struct{ name, body, want string }{
		{"not JSON", `{"Description":`, "The request body is not valid JSON: it ends too early"},
		{"trailing text", `{"Description":"d"} x`, "The request body is not valid JSON, near byte"},
		{"two values", `{"Description":"d"}{}`, "The request body must end after one JSON object"},
		{"list", `[]`, "The request body must be an object"},
		{"string", `"x"`, "The request body must be an object"},
		{"null", `null`, "The request body must be an object"},
		{"duplicate member", `{"Description":"a","Description":"b"}`, "has the same member twice"},
		{"duplicate unknown member", `{"Description":"a","x":{"y":1,"y":2}}`, "has the same member twice"},
		{"duplicate by escape", `{"Description":"a","\u0044escription":"b"}`, "has the same member twice"},
		{"invalid UTF-8", "{\"Description\":\"\xff\"}", "not valid JSON"},
		{"lone surrogate", `{"Description":"\ud800"}`, "not valid JSON"},
		{"NaN", `{"ExpirationDays":NaN}`, "not valid JSON"},
		{"comment", `{/*x*/}`, "not valid JSON"},
		{"leading zero", `{"ExpirationDays":01}`, "not valid JSON"},
		{"too deep", deep, "nested deeper than 64 levels"},
		{"number for string", `{"Description":1}`, "Description must be a string"},
		{"object for string", `{"Description":{"a":1}}`, "Description must be a string"},
		{"string for integer", `{"ExpirationDays":"1"}`, "ExpirationDays must be an integer of 32 bits"},
		{"fraction", `{"ExpirationDays":1.5}`, "ExpirationDays must be an integer of 32 bits"},
		{"too large", `{"ExpirationDays":2147483648}`, "ExpirationDays must be an integer of 32 bits"},
		{"far too large", `{"ExpirationDays":1e999}`, "ExpirationDays must be an integer of 32 bits"},
		{"string for boolean", `{"AllowProfileCreation":"true"}`, "AllowProfileCreation must be true or false"},
		{"list for map", `{"Fields":[]}`, "Fields must be an object"},
		{"object for list", `{"Keys":{"k":{}}}`, "Keys.k must be a list"},
		{"string for structure", `{"Fields":{"f":"x"}}`, "Fields.f must be an object"},
		{"null in a list", `{"Keys":{"k":[null]}}`, "Keys.k[0] must not be null"},
		{"value of a map", `{"Tags":{"a":1}}`, "Tags.a must be a string"},
		{"value of a key that is no name", `{"Tags":{"+1 206 555 0100":1}}`, "Tags.* must be a string"},
	} {
		_, err := decode(t, c.body)
		var invalid *wire.Invalid
		if !errors.As(err, &invalid) || invalid.Rule != wire.Malformed || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestWhatIsNotThereAndWhatIsNotKnownIsPassedOver(t *testing.T) {
	in, err := decode(t, `{"Description":"d","ExpirationDays":null,"Fields":null,"Tags":{"a":null,"b":""},
		"Keys":{"k":[{"FieldNames":null,"X":[[],{"y":null}]}]},"description":"other","AllowProfileCreation":false,"MaxProfileObjectCount":2e0}`)
	if err != nil {
		t.Fatal(err)
	}
	no, two := false, 2
	want := &profileapi.PutProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "t", Description: "d", Tags: map[string]string{"b": ""},
		Keys: map[string][]profileapi.ObjectTypeKey{"k": {{}}}, AllowProfileCreation: &no, MaxProfileObjectCount: &two}
	if !reflect.DeepEqual(in, want) {
		t.Errorf("got %+v, want %+v", in, want)
	}
}

func TestContentTypes(t *testing.T) {
	for _, c := range []struct {
		contentType, body string
		ok                bool
	}{
		{"application/json", `{"Description":"d"}`, true},
		{"application/json; charset=utf-8", `{"Description":"d"}`, true},
		{"application/x-amz-json-1.1", `{"Description":"d"}`, true},
		{"text/plain", `{"Description":"d"}`, false},
		{"application/x-www-form-urlencoded", `{"Description":"d"}`, false},
		{"application/json; =", `{"Description":"d"}`, false},
		{"", `{"Description":"d"}`, false},
	} {
		if _, err := decode(t, c.body, c.contentType); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.contentType, err)
		} else if err != nil && !strings.Contains(err.Error(), "Content-Type") {
			t.Errorf("%q: %v", c.contentType, err)
		}
	}
	for _, body := range []string{"", " \r\n"} { // as {}
		if _, err := decode(t, body, "text/plain"); err == nil || !strings.Contains(err.Error(), "'description'") {
			t.Errorf("body %q: %v", body, err)
		}
	}
}

func TestConstraints(t *testing.T) {
	long := strings.Repeat("ü", 1000)
	for _, c := range []struct{ name, body, want string }{
		{"code points count, not bytes", `{"Description":"` + long + `"}`, ""},
		{"one too many", `{"Description":"` + long + `x"}`, "'description' failed to satisfy constraint: Member must have length less than or equal to 1000"},
		{"empty", `{"Description":""}`, "'description' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"missing", `{}`, "'description' failed to satisfy constraint: Member must not be null"},
		{"null", `{"Description":null}`, "'description' failed to satisfy constraint: Member must not be null"},
		{"may be empty", `{"Description":"d","EncryptionKey":""}`, ""},
		{"range below", `{"Description":"d","ExpirationDays":0}`, "'expirationDays' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"range above", `{"Description":"d","ExpirationDays":1099}`, "'expirationDays' failed to satisfy constraint: Member must have value less than or equal to 1098"},
		{"map too small", `{"Description":"d","Tags":{}}`, "'tags' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"enumeration", `{"Description":"d","Fields":{"f":{"ContentType":"X"}}}`, "'fields.f.contentType' failed to satisfy constraint: Member must satisfy enum value set: [STRING, NUMBER"},
		{"pattern of an element", `{"Description":"d","Keys":{"k":[{"FieldNames":["ok","not ok"]}]}}`, "'keys.k[0].fieldNames[1]' failed to satisfy constraint: Member must satisfy regular expression pattern: "},
	} {
		_, err := decode(t, c.body)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "1 validation error detected: Value at "+c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestManyViolationsAreCountedAndTenAreTold(t *testing.T) {
	_, err := decode(t, `{"Description":"d","Keys":{"k":[{"FieldNames":[`+strings.Repeat(`"no name",`, 19)+`"no name"]}]}}`)
	if err == nil || !strings.HasPrefix(err.Error(), "20 validation errors detected: ") || strings.Count(err.Error(), "Value at") != wire.MaxViolations {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "no name") {
		t.Error("a value is in the message")
	}
}

func TestElementsBeyondTheBoundAreCountedOnly(t *testing.T) {
	_, err := decode(t, `{"Description":"d","Tags":{`+manyTags(60)+`}}`)
	if err == nil || !strings.Contains(err.Error(), "'tags' failed to satisfy constraint: Member must have length less than or equal to 50") {
		t.Errorf("got %v", err)
	}
}

func manyTags(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = `"` + strings.Repeat("k", i+1) + `":"v"`
	}
	return strings.Join(parts, ",")
}

func TestParametersAreRead(t *testing.T) {
	router := wire.NewRouter(profileapi.Service())
	for _, c := range []struct{ query, want string }{
		{"max-results=1&next-token=x&unknown=1&X-Amz-Date=2", ""},
		{"max-results=1&max-results=2", "MaxResults must be given once"},
		{"max-results=", "MaxResults must be an integer of 32 bits"},
		{"max-results=1.5", "MaxResults must be an integer of 32 bits"},
		{"include-hidden=yes", "IncludeHidden must be true or false"},
		{"next-token=%ff", "NextToken must be UTF-8 text"},
		{"next-token=%zz", "The query string is not well formed"},
		{"next-token=", "'nextToken' failed to satisfy constraint: Member must have length greater than or equal to 1"},
	} {
		call, err := router.Route("profile", &wire.Request{Method: "GET", Path: "/domains/d/integrations", RawQuery: c.query, Header: http.Header{}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = call.Decode(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.query, err, c.want)
		}
	}
	for path, want := range map[string]string{"/domains/%ff": "DomainName must be UTF-8 text", "/domains/%zz": "DomainName must be percent-encoded"} {
		call, err := router.Route("profile", &wire.Request{Method: "GET", Path: path, Header: http.Header{}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Decode(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// stamp is a service with the types that no operation of the others has
// together.
type stamp struct {
	At   *time.Time
	Size *int64
	Rate float64
	Data []byte
	List []int
	Name *string
}

func stampShape() *api.Shape {
	s := &api.Shape{Name: "Stamp", Type: api.Structure, Go: reflect.TypeFor[stamp]()}
	for i, m := range []struct {
		name string
		typ  api.Type
	}{{"At", api.Timestamp}, {"Size", api.Long}, {"Rate", api.Double}, {"Data", api.Blob}, {"List", api.List}, {"Name", api.String}} {
		sh := &api.Shape{Name: m.name, Type: m.typ}
		if m.typ == api.List {
			sh.Elem = &api.Shape{Name: "Number", Type: api.Integer}
		}
		s.Members = append(s.Members, &api.Member{Name: m.name, Wire: m.name, Shape: sh, Field: i, Required: m.name == "Rate" || m.name == "List"})
	}
	return s
}

func TestTimestampsInTheirForms(t *testing.T) {
	shape := stampShape()
	for in, want := range map[string]string{
		`1767323045`:                       `1767323045`,
		`1767323045.006`:                   `1767323045.006`,
		`1767323045.5`:                     `1767323045.5`,
		`1.767323045E9`:                    `1767323045`,
		`-1.5`:                             `-1.5`,
		`"2026-01-02T03:04:05Z"`:           `1767323045`,
		`"2026-01-02T04:04:05.0061+01:00"`: `1767323045.006`,
		`"Fri, 02 Jan 2026 03:04:05 GMT"`:  `1767323045`,
		`"1767323045"`:                     `1767323045`,
		`"yesterday"`:                      "",
		`1e20`:                             "",
		`true`:                             "",
		`"\u0032\u0030\u0032\u0036-01-02T03:04:05Z"`: `1767323045`,
	} {
		v, err := wire.DecodeJSON(shape, []byte(`{"At":`+in+`,"Rate":0,"List":[]}`))
		if want == "" {
			if err == nil || !strings.HasPrefix(err.Error(), "At must be a timestamp") {
				t.Errorf("%s: %v", in, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if b, err := wire.EncodeJSON(shape, v); err != nil || string(b) != `{"At":`+want+`,"Rate":0,"List":[]}` {
			t.Errorf("%s: %s, %v, want %s", in, b, err, want)
		}
	}
}

func TestNumbersAndBlobs(t *testing.T) {
	shape := stampShape()
	for in, want := range map[string]string{
		`{"Size":9223372036854775807,"Rate":0.1,"Data":"AA==","List":[1,-2]}`: `{"Size":9223372036854775807,"Rate":0.1,"Data":"AA==","List":[1,-2]}`,
		`{"Rate":1e300,"List":[]}`:                        `{"Rate":1e+300,"List":[]}`,
		`{"Rate":1e-7,"Data":"","List":[]}`:               `{"Rate":1e-07,"Data":"","List":[]}`,
		`{"Size":9223372036854775808,"Rate":1,"List":[]}`: "Size must be an integer of 64 bits",
		`{"Rate":1e999,"List":[]}`:                        "Rate must be a finite number",
		`{"Rate":"1","List":[]}`:                          "Rate must be a finite number",
		`{"Rate":1,"Data":"A","List":[]}`:                 "Data must be base64 text",
		`{"Rate":1,"Data":1,"List":[]}`:                   "Data must be base64 text",
		`{"Rate":1,"List":[1,2.5]}`:                       "List[1] must be an integer of 32 bits",
		`{"Rate":1,"List":"x"}`:                           "List must be a list",
	} {
		v, err := wire.DecodeJSON(shape, []byte(in))
		if err != nil {
			if err.Error() != want {
				t.Errorf("%s: %v, want %s", in, err, want)
			}
			continue
		}
		if b, err := wire.EncodeJSON(shape, v); err != nil || string(b) != want {
			t.Errorf("%s: %s, %v, want %s", in, b, err, want)
		}
	}
}

func TestRequiredMembersAreWrittenAndAbsentOnesAreNot(t *testing.T) {
	shape := stampShape()
	empty := ""
	for want, v := range map[string]*stamp{
		`{"Rate":0,"List":[]}`:                     {},
		`{"Rate":0,"Data":"","List":[],"Name":""}`: {Data: []byte{}, Name: &empty},
		`{"Rate":0,"List":[0]}`:                    {List: []int{0}},
	} {
		if b, err := wire.EncodeJSON(shape, v); err != nil || string(b) != want {
			t.Errorf("%s, %v, want %s", b, err, want)
		}
	}
	damaged := "\xff"
	for _, v := range []*stamp{{Rate: math.NaN()}, {Rate: math.Inf(1)}, {Name: &damaged}} {
		if b, err := wire.EncodeJSON(shape, v); err == nil {
			t.Errorf("encoded %s", b)
		}
		if b, err := wire.EncodeXML(shape, v); err == nil {
			t.Errorf("encoded %s", b)
		}
	}
}

func TestQueryRequestsThatAreNotWellFormed(t *testing.T) {
	router := wire.NewRouter(services()...)
	for _, c := range []struct{ service, body, want string }{
		{"sqs", "Action=SendMessage&QueueUrl=q&MessageBody=a&MessageBody=b", "A parameter is given twice"},
		{"sqs", "Action=SendMessage&QueueUrl=q&MessageBody=%zz", "not a well-formed form"},
		{"sqs", "Action=SendMessage&QueueUrl=q&MessageBody.x=1", "MessageBody must have a value"},
		{"sqs", "Action=SendMessage&QueueUrl=q&MessageBody=m&DelaySeconds=x", "DelaySeconds must be an integer of 32 bits"},
		{"sqs", "Action=SendMessage&QueueUrl=q&MessageBody=m&MessageAttribute.1.Name=x", "MessageAttribute[0] must have a Name and a Value"},
		{"sqs", "Action=SendMessage&QueueUrl=q&MessageBody=m&MessageAttribute=x", "MessageAttribute must be a map with numbered entries"},
		{"sqs", "Action=SetQueueAttributes&QueueUrl=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=1&Attribute.2.Name=DelaySeconds&Attribute.2.Value=2", "Attribute[1] has a Name that is given twice"},
		{"sqs", "Action=UntagQueue&QueueUrl=q&TagKey.x=1", "TagKey must be a list with numbered elements"},
		{"sqs", "Action=SendMessage&QueueUrl=q&MessageBody=m&" + strings.Repeat("a.", 128) + "b=1", "nested deeper"},
		{"sqs", "Action=ListQueues&" + strings.Repeat("&", 10_000), "more than 10000 parameters"},
		{"sts", "Action=AssumeRole&RoleArn=arn:aws:iam::000000000000:role/r&RoleSessionName=ss&Tags.1.Key=k", "Tags must be a list with numbered elements"},
		{"sts", "Action=AssumeRole&Version=2011-06-16", "The service has no such operation"},
	} {
		call, err := router.Route(c.service, &wire.Request{Method: "POST", Path: "/", Body: []byte(c.body),
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
		if err == nil {
			_, err = call.Decode()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60s: %v, want %q", c.body, err, c.want)
		}
	}
}
