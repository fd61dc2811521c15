package policy

import (
	"fmt"
	"strings"
	"testing"
)

// benchInputs are three policies of five statements each, as a request meets
// them: two attached to a user, one on a queue.
func benchInputs(b testing.TB) Inputs {
	identity := func(n int) *Policy {
		var s []string
		for i := range 4 {
			s = append(s, fmt.Sprintf(`{"Sid":"S%d%d","Effect":"Allow","Action":["connect:*","profile:List*","kms:Describe%d"],
				"Resource":["arn:aws:profile:*:111122223333:domains/d%d*","arn:aws:s3:::bucket%d/*"]}`, n, i, i, i, i))
		}
		s = append(s, `{"Sid":"Last","Effect":"Allow","Action":"sqs:Send*","Resource":"arn:aws:sqs:*:111122223333:*",
			"Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"},"Bool":{"aws:SecureTransport":"true"}}}`)
		return mustParse(b, []byte(`{"Version":"2012-10-17","Statement":[`+strings.Join(s, ",")+`]}`), Options{})
	}
	queue := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"Service":"profile.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sqs:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"sqs:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sqs:*","Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
	var c Context
	c.Add("aws:SecureTransport", "true")
	c.Add("aws:SourceIp", "203.0.113.7")
	c.Add("aws:SourceAccount", "111122223333")
	return Inputs{
		Request: Request{
			Action: "sqs:SendMessage", Resource: "arn:aws:sqs:us-east-1:111122223333:orders",
			Principal: principals["user"], Context: c,
		},
		Identity: []*Policy{identity(1), identity(2)},
		Resource: mustParse(b, []byte(queue), Options{Kind: Resource}),
	}
}

func BenchmarkDecide(b *testing.B) {
	in := benchInputs(b)
	b.ReportAllocs()
	for b.Loop() {
		if d := Decide(&in); !d.Allowed {
			b.Fatal(d.Explain())
		}
	}
}

func BenchmarkDecideDenied(b *testing.B) {
	in := benchInputs(b)
	in.Request.Action = "sqs:PurgeQueue"
	b.ReportAllocs()
	for b.Loop() {
		if d := Decide(&in); d.Allowed {
			b.Fatal(d.Explain())
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := benchInputs(b).Identity[0].Marshal()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVariables(b *testing.B) {
	p := mustParse(b, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*",
		"Resource":"arn:aws:profile:*:*:domains/${aws:username}/*"}}`), Options{})
	in := Inputs{
		Request: Request{
			Action: "profile:GetDomain", Resource: "arn:aws:profile:us-east-1:111122223333:domains/bob/x",
			Principal: principals["user"],
		},
		Identity: []*Policy{p},
	}
	b.ReportAllocs()
	for b.Loop() {
		if !Decide(&in).Allowed {
			b.Fatal("denied")
		}
	}
}

// TestDecideDoesNotAllocate holds the plain path to what the benchmark shows.
func TestDecideDoesNotAllocate(t *testing.T) {
	in := benchInputs(t)
	if n := testing.AllocsPerRun(100, func() { Decide(&in) }); n != 0 {
		t.Errorf("%v allocations per decision", n)
	}
}
