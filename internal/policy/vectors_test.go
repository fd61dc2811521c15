package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// principals are the callers that the vectors name.
var principals = map[string]Principal{
	"user": {
		Kind: User, ARN: "arn:aws:iam::111122223333:user/bob", Account: "111122223333",
		UserName: "bob", ID: "AIDABOB",
	},
	"outsider": {
		Kind: User, ARN: "arn:aws:iam::444455556666:user/eve", Account: "444455556666",
		UserName: "eve", ID: "AIDAEVE",
	},
	"session": {
		Kind: RoleSession, ARN: "arn:aws:sts::111122223333:assumed-role/agent/s1",
		RoleARN: "arn:aws:iam::111122223333:role/team/agent", Account: "111122223333",
		UserName: "bob", ID: "AROAAGENT:s1",
	},
	"root": {
		Kind: Root, ARN: "arn:aws:iam::111122223333:root", Account: "111122223333", ID: "111122223333",
		CanonicalUser: "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
	},
	"service":   {Kind: Service, Name: "profile.amazonaws.com"},
	"anonymous": {},
	"federated": {Kind: Federated, Name: "arn:aws:iam::111122223333:oidc-provider/id.example.com"},
}

func load[T any](t testing.TB, file string) []T {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(out) == 0 {
		t.Fatalf("%s: no vectors", file)
	}
	return out
}

func contextOf(m map[string][]string) Context {
	var c Context
	for k, vs := range m {
		c.AddAll(k, vs)
	}
	return c
}

// document wraps statements into a policy text. A nil statement list is no policy.
func document(t testing.TB, version string, statements ...map[string]json.RawMessage) []byte {
	t.Helper()
	if version == "" {
		version = Version2012
	}
	b, err := json.Marshal(map[string]any{"Version": version, "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustParse(t testing.TB, text []byte, o Options) *Policy {
	t.Helper()
	p, err := Parse(text, o)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func withEffect(s map[string]json.RawMessage, effect string) map[string]json.RawMessage {
	if _, ok := s["Effect"]; !ok {
		if effect == "" {
			effect = "Allow"
		}
		s["Effect"] = json.RawMessage(`"` + effect + `"`)
	}
	return s
}

// applied reports whether the only statement of p applies to the request.
func applied(p *Policy, r *Request) bool {
	v := p.evaluate(r)
	return v.allow >= 0 || v.deny >= 0
}

func TestConditionVectors(t *testing.T) {
	for _, v := range load[struct {
		Name, Version, Effect string
		Condition             json.RawMessage
		Context               map[string][]string
		Time                  time.Time
		Want                  bool
	}](t, "conditions.json") {
		t.Run(v.Name, func(t *testing.T) {
			p := mustParse(t, document(t, v.Version, withEffect(map[string]json.RawMessage{
				"Action": json.RawMessage(`"*"`), "Resource": json.RawMessage(`"*"`), "Condition": v.Condition,
			}, v.Effect)), Options{})
			r := Request{
				Action: "profile:GetDomain", Resource: "*", Principal: principals["user"],
				Context: contextOf(v.Context), Time: v.Time,
			}
			if got := applied(p, &r); got != v.Want {
				t.Errorf("%s with %v: applies %v, want %v", v.Condition, v.Context, got, v.Want)
			}
		})
	}
}

func TestStatementVectors(t *testing.T) {
	kinds := map[string]Kind{"": Identity, "resource": Resource, "trust": Trust}
	for _, v := range load[struct {
		Name, Kind, Principal, Action, Resource string
		Statement                               map[string]json.RawMessage
		Context                                 map[string][]string
		Want                                    bool
	}](t, "statements.json") {
		t.Run(v.Name, func(t *testing.T) {
			p := mustParse(t, document(t, "", withEffect(v.Statement, "")), Options{Kind: kinds[v.Kind], ResourceOptional: true})
			r := Request{
				Action: "profile:GetDomain", Resource: "arn:aws:profile:us-east-1:111122223333:domains/shop",
				Principal: principals["user"], Context: contextOf(v.Context),
			}
			if v.Action != "" {
				r.Action = v.Action
			}
			if v.Resource != "" {
				r.Resource = v.Resource
			}
			if v.Principal != "" {
				r.Principal = principals[v.Principal]
			}
			if got := applied(p, &r); got != v.Want {
				t.Errorf("%s: applies %v, want %v", p, got, v.Want)
			}
		})
	}
}

func TestParseVectors(t *testing.T) {
	kinds := map[string]Kind{"identity": Identity, "resource": Resource, "trust": Trust, "session": Session}
	for _, v := range load[struct {
		Name, Kind, Text, Error string
		Optional                bool
		Policy                  json.RawMessage
	}](t, "parse.json") {
		t.Run(v.Name, func(t *testing.T) {
			text := []byte(v.Text)
			if v.Policy != nil {
				text = v.Policy
			}
			p, err := Parse(text, Options{Kind: kinds[v.Kind], ResourceOptional: v.Optional, Name: "p"})
			if v.Error == "" {
				if err != nil {
					t.Fatal(err)
				}
				if p.String() != string(text) || string(p.Marshal()) != string(text) {
					t.Errorf("text changed to %s", p)
				}
				if p.Kind() != kinds[v.Kind] || p.Name() != "p" || p.Len() == 0 {
					t.Errorf("kind %s, name %q, %d statements", p.Kind(), p.Name(), p.Len())
				}
				return
			}
			if err == nil {
				t.Fatalf("accepted, want an error with %q", v.Error)
			}
			if _, ok := err.(*Error); !ok || !strings.Contains(err.Error(), v.Error) {
				t.Errorf("error %q, want one with %q", err, v.Error)
			}
		})
	}
}

func TestDecisionVectors(t *testing.T) {
	for _, v := range load[struct {
		Name, Principal, Owner, Source, Sid, Message string
		RequestResource                              string `json:"request_resource"`
		Identity, Session, Resource                  []map[string]json.RawMessage
		Context                                      map[string][]string
		Required, Granted, Allowed, Deny             bool
	}](t, "decisions.json") {
		t.Run(v.Name, func(t *testing.T) {
			in := Inputs{
				Request: Request{
					Action: "sqs:SendMessage", Resource: "arn:aws:sqs:us-east-1:111122223333:dlq",
					Principal: principals[v.Principal], Context: contextOf(v.Context),
				},
				ResourceAccount: v.Owner, ResourcePolicyRequired: v.Required,
				Granted: v.Granted, GrantReason: "g-1",
			}
			if v.RequestResource != "" {
				in.Request.Resource = v.RequestResource
			}
			if v.Identity != nil {
				in.Identity = []*Policy{mustParse(t, document(t, "", v.Identity...), Options{Name: "attached"})}
			}
			if v.Session != nil {
				in.Session = []*Policy{mustParse(t, document(t, "", v.Session...), Options{Kind: Session})}
			}
			if v.Resource != nil {
				in.Resource = mustParse(t, document(t, "", v.Resource...), Options{Kind: Resource})
			}
			d := Decide(&in)
			if bare := in; !slices.ContainsFunc(append(slices.Concat(in.Identity, in.Session), in.Resource), (*Policy).ReadsContext) {
				if bare.Request.Context = (Context{}); Decide(&bare) != d {
					t.Error("the context matters to policies that do not read it")
				}
			}
			if d.Allowed != v.Allowed || d.ExplicitDeny != v.Deny || d.Source.String() != v.Source {
				t.Fatalf("allowed %v, explicit deny %v, source %s; want %v, %v, %s (%s)",
					d.Allowed, d.ExplicitDeny, d.Source, v.Allowed, v.Deny, v.Source, d.Explain())
			}
			if v.Sid != "" && d.Sid != v.Sid {
				t.Errorf("Sid %q, want %q", d.Sid, v.Sid)
			}
			if v.Message != "" && d.Message() != v.Message {
				t.Errorf("message\n%s, want\n%s", d.Message(), v.Message)
			}
			if (d.Message() == "") != d.Allowed {
				t.Errorf("allowed %v with message %q", d.Allowed, d.Message())
			}
			settled := d.ExplicitDeny || d.Allowed && d.Source != GrantSource
			if settled != (d.Statement > 0) {
				t.Errorf("statement %d of %s", d.Statement, d.Explain())
			}
			if !strings.HasPrefix(d.Explain(), "sqs:SendMessage on ") {
				t.Errorf("explanation %q", d.Explain())
			}
		})
	}
}

func TestServiceVectors(t *testing.T) {
	shop := map[string][]string{
		"aws:SourceArn":     {"arn:aws:profile:us-east-1:111122223333:domains/shop"},
		"aws:SourceAccount": {"111122223333"},
	}
	for _, v := range load[struct {
		Name, Action, Resource, Text string
		Policy                       []map[string]json.RawMessage
		Context                      map[string][]string
		Allowed                      bool
		Problem                      Problem
		Failed                       []string
	}](t, "services.json") {
		t.Run(v.Name, func(t *testing.T) {
			var p *Policy
			if v.Policy != nil {
				p = mustParse(t, document(t, "", v.Policy...), Options{Kind: Resource})
			}
			if v.Context == nil {
				v.Context = shop
			}
			got := CheckService(p, "profile.amazonaws.com", v.Action, v.Resource, contextOf(v.Context))
			if got.Allowed != v.Allowed || got.Problem != v.Problem {
				t.Fatalf("allowed %v, problem %d; want %v, %d (%s)", got.Allowed, got.Problem, v.Allowed, v.Problem, got)
			}
			var failed []string
			for _, f := range got.Failed {
				failed = append(failed, f.Operator+" "+f.Key)
			}
			if !reflect.DeepEqual(failed, v.Failed) {
				t.Errorf("failed conditions %q, want %q", failed, v.Failed)
			}
			if !strings.Contains(got.String(), v.Text) || !strings.HasPrefix(got.String(), "profile.amazonaws.com may ") {
				t.Errorf("text %q, want one with %q", got, v.Text)
			}
		})
	}
}
