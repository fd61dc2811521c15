package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParseLimits(t *testing.T) {
	one := `{"Effect":"Allow","Action":"a:b","Resource":"*"}`
	many := func(n int) []byte {
		return []byte(`{"Statement":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`)
	}
	if _, err := Parse(many(MaxStatements), Options{}); err != nil {
		t.Errorf("%d statements: %v", MaxStatements, err)
	}
	if _, err := Parse(many(MaxStatements+1), Options{}); err == nil || !strings.Contains(err.Error(), "at most 256") {
		t.Errorf("%d statements: %v", MaxStatements+1, err)
	}
	text := many(1)
	padded := append(text, bytes.Repeat([]byte{' '}, MaxBytes-len(text))...)
	if _, err := Parse(padded, Options{}); err != nil {
		t.Errorf("%d bytes: %v", len(padded), err)
	}
	padded = append(padded, ' ')
	if _, err := Parse(padded, Options{}); err == nil || !strings.Contains(err.Error(), "has 20481 bytes, at most 20480") {
		t.Errorf("%d bytes: %v", len(padded), err)
	}
	if _, err := Parse(padded, Options{MaxBytes: 32768}); err != nil {
		t.Errorf("with a larger limit: %v", err)
	}
	if _, err := Parse(text, Options{MaxBytes: 10}); err == nil {
		t.Error("a smaller limit has no effect")
	}
}

func TestErrorQuotesLittle(t *testing.T) {
	long := strings.Repeat("secret", 1000)
	_, err := Parse([]byte(`{"Statement":[{"Effect":"Allow","Action":"`+long+`","Resource":"*"}]}`), Options{})
	var e *Error
	if !errors.As(err, &e) || e.Statement != 1 || e.Element != "Action" {
		t.Fatalf("error %v", err)
	}
	if len(err.Error()) > 300 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

func TestErrorIsPrintable(t *testing.T) {
	_, err := Parse([]byte(`{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"String\nEquals":`+
		`{"`+strings.Repeat("é", 100)+`":[]}}}}`), Options{})
	want := `policy: statement 1: Condition String\nEquals ` + strings.Repeat("é", 40) + `…: must not be an empty array`
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v, want\n%v", err, want)
	}
}

func TestPolicyHeader(t *testing.T) {
	body := `"Statement":{"Effect":"Allow","Action":"a:b","Resource":"arn:aws:sqs:us-east-1:1:${aws:username}"}`
	p := mustParse(t, []byte(`{`+body+`,"Id":"hello"}`), Options{})
	if p.Version() != Version2008 || p.ID() != "hello" {
		t.Errorf("version %s, id %q", p.Version(), p.ID())
	}
	// The Version counts wherever it stands.
	p = mustParse(t, []byte(`{`+body+`,"Version":"2012-10-17"}`), Options{})
	r := Request{Action: "a:b", Resource: "arn:aws:sqs:us-east-1:1:bob", Principal: principals["user"]}
	if p.Version() != Version2012 || !applied(p, &r) {
		t.Errorf("version %s, applies %v", p.Version(), applied(p, &r))
	}
}

// reference is a matcher that is plainly right: it works on characters and
// fills the table of "the pattern from i on matches the text from j on".
func reference(pattern, text []rune) bool {
	table := make([][]bool, len(pattern)+1)
	for i := len(pattern); i >= 0; i-- {
		table[i] = make([]bool, len(text)+1)
		for j := len(text); j >= 0; j-- {
			switch {
			case i == len(pattern):
				table[i][j] = j == len(text)
			case pattern[i] == '*':
				table[i][j] = table[i+1][j] || j < len(text) && table[i][j+1]
			case j < len(text):
				table[i][j] = (pattern[i] == '?' || pattern[i] == text[j]) && table[i+1][j+1]
			}
		}
	}
	return table[0][0]
}

func checkGlob(t *testing.T, pattern, text string) {
	t.Helper()
	compiled := wildcards.Replace(pattern)
	want := reference([]rune(pattern), []rune(text))
	if got := glob(compiled, text, false); got != want {
		t.Fatalf("glob(%q, %q) is %v, want %v", pattern, text, got, want)
	}
	if got := glob([]byte(compiled), text, false); got != want {
		t.Fatalf("glob of bytes (%q, %q) is %v, want %v", pattern, text, got, want)
	}
}

func TestGlobAgainstReference(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	word := func(alphabet []rune, most int) string {
		out := make([]rune, rnd.IntN(most+1))
		for i := range out {
			out[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		return string(out)
	}
	for range 200_000 {
		checkGlob(t, word([]rune("ab*?é"), 8), word([]rune("abé"), 10))
	}
}

// TestARNAgainstReference: an ARN pattern of six segments matches exactly what
// its segments match one by one, and reading it wide never matches less.
func TestARNAgainstReference(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	for range 50_000 {
		var ps, ts []string
		for range arnColons {
			ps = append(ps, pick("a", "b", "*", "a*", "?", "*b", ""))
			ts = append(ts, pick("a", "b", "ab", ""))
		}
		ps = append(ps, pick("*", "x:*", "a*:b", "?:b", "a/*"))
		ts = append(ts, pick("a", "x:y", "ax:b", "a:a:a:a:a:b", "a/b/c"))
		want := true
		for i := range ps {
			want = want && reference([]rune(ps[i]), []rune(ts[i]))
		}
		p, text := wildcards.Replace(strings.Join(ps, ":")), strings.Join(ts, ":")
		if got := matchARN(p, text, false); got != want {
			t.Fatalf("matchARN(%q, %q) is %v, want %v", ps, text, got, want)
		}
		if want && !matchARN(p, text, true) {
			t.Fatalf("matchARN(%q, %q) matches less when wide", ps, text)
		}
	}
}

// TestGlobIsNotExponential runs a pattern that takes a naive matcher longer
// than the test would be allowed.
func TestGlobIsNotExponential(t *testing.T) {
	pattern := wildcards.Replace(strings.Repeat("a*", 500) + "b")
	start := time.Now()
	if glob(pattern, strings.Repeat("a", 2000), false) {
		t.Error("matched")
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

// TestVariableValuesAreLiteral: no value of a variable, bytes of compiled
// wildcards included, acts as a pattern.
func TestVariableValuesAreLiteral(t *testing.T) {
	p := mustParse(t, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",
		"Condition":{"StringLike":{"x:k":"home/${x:v}/?*"}}}}`), Options{})
	for _, v := range []string{"*", "?", "**", "\xff", "\xfe\xfe\xfe", "${x:k}", "a*"} {
		var c Context
		c.Add("x:v", v)
		c.Add("x:k", "home/abc/d")
		r := Request{Action: "a:b", Resource: "*", Context: c}
		if applied(p, &r) {
			t.Errorf("%q acts as a wildcard", v)
		}
	}
}

// TestVariablesAreBounded: a variable with a long value, repeated, costs no more
// than the value it is compared with.
func TestVariablesAreBounded(t *testing.T) {
	text := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",
		"Condition":{"StringEquals":{"x:k":"` + strings.Repeat("${x:v}", 3000) + `"}}}}`
	p := mustParse(t, []byte(text), Options{})
	var c Context
	c.Add("x:v", strings.Repeat("v", 1<<20))
	c.Add("x:k", "short")
	r := Request{Action: "a:b", Resource: "*", Context: c}
	var got bool
	allocs := testing.AllocsPerRun(1, func() { got = applied(p, &r) })
	if got || allocs > 4 {
		t.Errorf("applies %v after %v allocations", got, allocs)
	}
}

func TestRetains(t *testing.T) {
	key := "arn:aws:kms:us-east-1:111122223333:key/k"
	keyPolicy := func(principal string) *Policy {
		return mustParse(t, []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":`+principal+
			`,"Action":"kms:*","Resource":"*"}}`), Options{Kind: Resource})
	}
	in := Inputs{
		Request: Request{Action: "kms:PutKeyPolicy", Resource: key, Principal: principals["user"]},
		Identity: []*Policy{mustParse(t, []byte(
			`{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`), Options{})},
		Resource:               keyPolicy(`{"AWS":"111122223333"}`),
		ResourcePolicyRequired: true,
	}
	for _, c := range []struct {
		principal string
		want      bool
	}{
		{`{"AWS":"111122223333"}`, true},
		{`{"AWS":"arn:aws:iam::111122223333:user/bob"}`, true},
		{`{"AWS":"arn:aws:iam::111122223333:user/alice"}`, false},
		{`{"Service":"profile.amazonaws.com"}`, false},
	} {
		if got := Retains(in, keyPolicy(c.principal)); got.Allowed != c.want {
			t.Errorf("%s: %s", c.principal, got.Explain())
		}
	}
	if Retains(in, nil).Allowed {
		t.Error("retains access without any key policy")
	}
	if !Decide(&in).Allowed {
		t.Error("the present policy does not allow")
	}
}

// TestServiceStatement: what is offered for pasting allows what was asked for,
// and nobody else.
func TestServiceStatement(t *testing.T) {
	domain := "arn:aws:profile:us-east-1:111122223333:domains/shop"
	queue := "arn:aws:sqs:us-east-1:111122223333:dlq"
	text := ServiceStatement("Shop", "profile.amazonaws.com", []string{"sqs:SendMessage"}, queue, domain, "111122223333")
	p := mustParse(t, []byte(`{"Version":"2012-10-17","Statement":[`+text+`]}`), Options{Kind: Resource})
	for _, c := range []struct {
		service, source, account string
		want                     bool
	}{
		{"profile.amazonaws.com", domain, "111122223333", true},
		{"profile.amazonaws.com", domain, "444455556666", false},
		{"profile.amazonaws.com", domain + "2", "111122223333", false},
		{"profile.amazonaws.com", domain + "/objects/CTR", "111122223333", false},
		{"connect.amazonaws.com", domain, "111122223333", false},
	} {
		var ctx Context
		ctx.Add("aws:SourceArn", c.source)
		ctx.Add("aws:SourceAccount", c.account)
		if got := CheckService(p, c.service, "sqs:SendMessage", queue, ctx); got.Allowed != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestGrantIsExplained(t *testing.T) {
	in := Inputs{
		Request: Request{Action: "kms:Decrypt", Resource: "*", Principal: principals["service"]},
		Granted: true, GrantReason: "grant 7",
	}
	want := "kms:Decrypt on * by profile.amazonaws.com is allowed by a grant (grant 7)"
	if got := Decide(&in).Explain(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestDenyWins: adding a Deny that applies, at any place among random policies,
// takes away what they allow; adding an Allow never takes anything away.
func TestDenyWins(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	statement := func(effect string, resource bool) string {
		principal := ""
		if resource {
			principal = `"Principal":` + []string{`"*"`, `{"AWS":"111122223333"}`, `{"Service":"s3.amazonaws.com"}`}[rnd.IntN(3)] + `,`
		}
		action := []string{"a:*", "a:b", "a:c", "*"}[rnd.IntN(4)]
		return fmt.Sprintf(`{"Effect":%q,%s"Action":%q,"Resource":"*"}`, effect, principal, action)
	}
	build := func(statements []string, k Kind) *Policy {
		if len(statements) == 0 {
			return nil
		}
		return mustParse(t, []byte(`{"Statement":[`+strings.Join(statements, ",")+`]}`), Options{Kind: k})
	}
	for range 2000 {
		var id, res []string
		for range rnd.IntN(4) {
			id = append(id, statement([]string{"Allow", "Deny"}[rnd.IntN(2)], false))
		}
		for range rnd.IntN(4) {
			res = append(res, statement([]string{"Allow", "Deny"}[rnd.IntN(2)], true))
		}
		in := Inputs{
			Request:                Request{Action: "a:b", Resource: "*", Principal: principals["user"]},
			Identity:               []*Policy{build(id, Identity)},
			Resource:               build(res, Resource),
			ResourcePolicyRequired: rnd.IntN(2) == 0,
		}
		before := Decide(&in)
		allowMore := in
		allowMore.Identity = append([]*Policy{build([]string{`{"Effect":"Allow","Action":"*","Resource":"*"}`}, Identity)}, in.Identity...)
		if after := Decide(&allowMore); before.Allowed && !after.Allowed {
			t.Fatalf("an Allow took access away: identity %s, resource %s", id, res)
		}
		deny := `{"Effect":"Deny",%s"Action":"a:b","Resource":"*"}`
		if rnd.IntN(2) == 0 {
			at := rnd.IntN(len(id) + 1)
			id = append(id[:at:at], append([]string{fmt.Sprintf(deny, "")}, id[at:]...)...)
			in.Identity = []*Policy{build(id, Identity)}
		} else {
			at := rnd.IntN(len(res) + 1)
			res = append(res[:at:at], append([]string{fmt.Sprintf(deny, `"Principal":"*",`)}, res[at:]...)...)
			in.Resource = build(res, Resource)
		}
		if after := Decide(&in); after.Allowed || !after.ExplicitDeny {
			t.Fatalf("a Deny did not win: identity %s, resource %s", id, res)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("*", "")
	f.Add("é?*", "éé")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(text) || len(pattern)*len(text) > 1<<16 {
			return
		}
		checkGlob(t, pattern, text)
	})
}

func FuzzParse(f *testing.F) {
	for _, v := range load[struct {
		Name, Kind, Text, Error string
		Optional                bool
		Policy                  json.RawMessage
	}](f, "parse.json") {
		if v.Policy != nil {
			v.Text = string(v.Policy)
		}
		f.Add([]byte(v.Text))
	}
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Deny","NotPrincipal":{"AWS":["111122223333"]},` +
		`"NotAction":["a:*"],"NotResource":"arn:aws:s3:::${aws:username, 'x'}*","Condition":{"ForAllValues:StringNotLikeIfExists":` +
		`{"aws:TagKeys":["${$}","${*}a"]},"NumericEquals":{"x:n":1e3},"Bool":{"x:b":true},"IpAddress":{"aws:SourceIp":"::/0"},` +
		`"DateEquals":{"x:d":"2024"},"BinaryEquals":{"x:y":"QQ=="},"Null":{"x:z":"true"},"ArnLike":{"x:a":"arn:*:*:*:*:*"}}}]}`))
	f.Add([]byte(`{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"profile.amazonaws.com"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, kind := range []Kind{Identity, Resource, Trust, Session} {
			p, err := Parse(text, Options{Kind: kind, ResourceOptional: true})
			if err != nil {
				if len(err.Error()) > 1000 {
					t.Errorf("error of %d bytes", len(err.Error()))
				}
				continue
			}
			if p.String() != string(text) || p.Len() == 0 || p.Len() > MaxStatements {
				t.Fatalf("%d statements from %q", p.Len(), text)
			}
			var c Context
			c.Add("aws:TagKeys", "a")
			c.Add("aws:TagKeys", "")
			c.Add("aws:SourceIp", "::1")
			for name, principal := range principals {
				in := Inputs{
					Request: Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/r",
						Principal: principal, Context: c},
					Identity: []*Policy{p}, Resource: p,
				}
				d := Decide(&in)
				if d.Allowed && (d.ExplicitDeny || d.Statement == 0) {
					t.Fatalf("%s: %+v", name, d)
				}
				// The same policy, twice, says the same.
				if again := Decide(&in); again != d {
					t.Fatalf("%s: %+v, then %+v", name, d, again)
				}
			}
			CheckService(p, "profile.amazonaws.com", "sts:AssumeRole", "*", c)
		}
	})
}

func TestReadsContext(t *testing.T) {
	for _, c := range []struct {
		statement string
		want      bool
	}{
		{`"Action": "*", "Resource": "*"`, false},
		{`"NotAction": "iam:*", "NotResource": "arn:aws:profile:*:*:domains/a*"`, false},
		{`"Action": "*", "Resource": "arn:aws:profile:us-east-1:111122223333:domains/${*}"`, false},
		{`"Action": "*", "Resource": "arn:aws:profile:us-east-1:111122223333:domains/${aws:SourceAccount}"`, true},
		{`"Action": "*", "Resource": ["*", "arn:aws:profile:us-east-1:111122223333:domains/${aws:PrincipalTag/team, 'x'}"]`, true},
		{`"Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}`, true},
		{`"Action": "*", "NotResource": "arn:aws:s3:::${aws:RequestTag/a}"`, true},
	} {
		for _, text := range []string{
			`{"Version": "2012-10-17", "Statement": {"Effect": "Deny", ` + c.statement + `}}`,
			`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}, {"Effect": "Allow", ` + c.statement + `}]}`,
		} {
			p, err := Parse([]byte(text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.ReadsContext(); got != c.want {
				t.Errorf("%s: %v", text, got)
			}
		}
	}
	if (*Policy)(nil).ReadsContext() {
		t.Error("no policy reads the context")
	}
}
