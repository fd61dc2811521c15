package policy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// action is one compiled pattern of Action or NotAction.
type action struct {
	pattern string // lower case
	any     bool   // "*"
	wild    bool
}

// compileAction reads an action: "*" or service:name, both with wildcards.
// Action names have no case.
func compileAction(s string) (action, error) {
	if s == "*" {
		return action{any: true}, nil
	}
	service, name, ok := strings.Cut(s, ":")
	if !ok || service == "" || name == "" {
		return action{}, fmt.Errorf(`%s must be "*" or have the form service:Operation`, quote(s))
	}
	for i := range len(s) {
		c := s[i]
		if !isWord(c) && c != '*' && c != '?' && c != '-' && c != '_' && c != '.' && i != len(service) {
			return action{}, fmt.Errorf("%s may hold letters, digits, '-', '_', '.' and the wildcards * and ? only", quote(s))
		}
	}
	// Lowered before the wildcards are put in, as those are no UTF-8.
	pattern := wildcards.Replace(strings.ToLower(s))
	return action{pattern: pattern, wild: hasWildcard(pattern)}, nil
}

func (a *action) match(name string) bool {
	switch {
	case a.any:
		return true
	case !a.wild && len(a.pattern) != len(name):
		return false
	}
	return glob(a.pattern, name, true)
}

// resource is one compiled pattern of Resource or NotResource.
type resource struct {
	template
	any bool // "*"
}

// compileResource reads "*" or an ARN pattern. Variables may stand in the
// resource part only (IAM User Guide, "Where you can use policy variables"),
// so that their values never decide on a service or an account.
func compileResource(s string, variables bool) (resource, error) {
	if s == "*" {
		return resource{any: true}, nil
	}
	if s == "" || strings.Trim(s, "*") != "" && !strings.HasPrefix(s, "arn:") {
		return resource{}, fmt.Errorf(`%s must be an ARN or "*"`, quote(s))
	}
	if variables {
		if i := strings.Index(s, "${"); i >= 0 && strings.Count(s[:i], ":") < arnColons {
			return resource{}, fmt.Errorf("%s may have policy variables after the fifth colon of the ARN only", quote(s))
		}
	}
	t, err := compileTemplate(s, variables, true)
	if err != nil {
		return resource{}, fmt.Errorf("%s: %w", quote(s), err)
	}
	return resource{template: t}, nil
}

func (p *resource) match(r *Request, wide bool) outcome {
	if p.any {
		return matches
	}
	how := compareARN
	if wide {
		how = compareARNWide
	}
	return p.template.match(r, r.Resource, how)
}

// principalMatch says how a Principal element names a caller, from the least to
// the most direct way. The difference matters to [Decide].
type principalMatch uint8

const (
	principalNone    principalMatch = iota
	principalAccount                // by its account: left to the account's identity policies
	principalAny                    // by "*"
	principalRole                   // a session by its role
	principalExact                  // the caller itself
)

// principalSet is a compiled Principal or NotPrincipal.
type principalSet struct {
	any       bool
	accounts  []string // twelve digits
	arns      []string // users, roles, sessions
	services  []string
	federated []string
	canonical []string
}

func (ps *principalSet) empty() bool {
	return !ps.any && len(ps.accounts)+len(ps.arns)+len(ps.services)+len(ps.federated)+len(ps.canonical) == 0
}

// match finds the most direct way in which the set names p.
func (ps *principalSet) match(p *Principal) principalMatch {
	if how := ps.matchDirect(p); how != principalNone {
		return how
	}
	if ps.any {
		return principalAny
	}
	if contains(ps.accounts, p.Account) || contains(ps.canonical, p.CanonicalUser) {
		return principalAccount
	}
	return principalNone
}

// excepts reports whether NotPrincipal names p. An account names its root user
// only here: AWS's own example lists a user and its account and excepts no
// other user of that account.
func (ps *principalSet) excepts(p *Principal) bool {
	return ps.matchDirect(p) != principalNone
}

func (ps *principalSet) matchDirect(p *Principal) principalMatch {
	switch p.Kind {
	case Service:
		if contains(ps.services, p.Name) {
			return principalExact
		}
	case Federated:
		if contains(ps.federated, p.Name) || contains(ps.arns, p.ARN) {
			return principalExact
		}
	case Root:
		if contains(ps.accounts, p.Account) || contains(ps.canonical, p.CanonicalUser) {
			return principalExact
		}
	case User:
		if contains(ps.arns, p.ARN) {
			return principalExact
		}
	case RoleSession:
		if contains(ps.arns, p.ARN) {
			return principalExact
		}
		if contains(ps.arns, p.RoleARN) {
			return principalRole
		}
	}
	return principalNone
}

// contains is slices.Contains for a value that must not be empty.
func contains(list []string, s string) bool {
	if s == "" {
		return false
	}
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// add compiles one value of one principal type.
func (ps *principalSet) add(kind, value string) error {
	switch kind {
	case "AWS":
		return ps.addAWS(value)
	case "Service":
		if !isServiceName(value) {
			return fmt.Errorf("%s must be the name of a service, such as profile.amazonaws.com", quote(value))
		}
		ps.services = append(ps.services, value)
	case "Federated":
		if value == "" || strings.ContainsAny(value, "*?") {
			return fmt.Errorf("%s must name an identity provider, without wildcards", quote(value))
		}
		ps.federated = append(ps.federated, value)
	case "CanonicalUser":
		if len(value) != 64 || strings.Trim(value, "0123456789abcdef") != "" {
			return fmt.Errorf("%s must be 64 lower-case hexadecimal digits", quote(value))
		}
		ps.canonical = append(ps.canonical, value)
	default:
		return fmt.Errorf("%s is no type of principal; there are AWS, Service, Federated and CanonicalUser", quote(kind))
	}
	return nil
}

func (ps *principalSet) addAWS(value string) error {
	if value == "*" {
		ps.any = true
		return nil
	}
	if isAccount(value) {
		ps.accounts = append(ps.accounts, value)
		return nil
	}
	parts := strings.SplitN(value, ":", arnColons+1)
	if len(parts) != arnColons+1 || parts[0] != "arn" || parts[1] == "" || parts[3] != "" {
		return fmt.Errorf(`%s must be "*", a 12-digit account ID, or the ARN of an account root, user, role or role session`, quote(value))
	}
	if strings.ContainsAny(value, "*?") {
		return fmt.Errorf(`%s: a principal ARN cannot have wildcards; name each principal, or use "*" with a condition on aws:PrincipalArn`, quote(value))
	}
	if !isAccount(parts[4]) {
		return fmt.Errorf("%s must have a 12-digit account ID", quote(value))
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		ps.accounts = append(ps.accounts, parts[4])
		return nil
	case name == "":
	case parts[2] == "iam" && (kind == "user" || kind == "role"),
		parts[2] == "sts" && kind == "federated-user":
		ps.arns = append(ps.arns, value)
		return nil
	case parts[2] == "sts" && kind == "assumed-role":
		if role, session, ok := strings.Cut(name, "/"); ok && role != "" && session != "" {
			ps.arns = append(ps.arns, value)
			return nil
		}
	}
	return fmt.Errorf("%s must be the ARN of an account root, user, role or role session", quote(value))
}

// isAccount reports whether s is an account ID.
func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isServiceName reports whether s has the form of a service principal: a host
// name of two or more labels.
func isServiceName(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 || len(s) > 128 {
		return false
	}
	for _, l := range labels {
		if l == "" || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// quote quotes a value for an error message, shortened.
func quote(s string) string { return `"` + short(s) + `"` }

// short makes text of a policy fit for an error message: printable, and cut to
// 80 bytes between two characters.
func short(s string) string {
	const most = 80
	tail := ""
	if len(s) > most {
		n := most
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s, tail = s[:n], "…"
	}
	q := strconv.Quote(s)
	return q[1:len(q)-1] + tail
}
