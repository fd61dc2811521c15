package policy

import (
	"strconv"
	"strings"
	"time"
)

// PrincipalKind says what kind of caller makes a request.
type PrincipalKind uint8

const (
	// Anonymous has made no proof of who it is.
	Anonymous PrincipalKind = iota
	// User is an IAM user.
	User
	// RoleSession is an assumed role.
	RoleSession
	// Root is the account itself.
	Root
	// Service is an AWS service principal such as profile.amazonaws.com.
	Service
	// Federated is an identity of an outside provider, before it has a role.
	Federated
)

func (k PrincipalKind) String() string {
	switch k {
	case Anonymous:
		return "anonymous"
	case User:
		return "user"
	case RoleSession:
		return "role-session"
	case Root:
		return "root"
	case Service:
		return "service"
	case Federated:
		return "federated"
	}
	return "unknown"
}

// Principal is the caller of a request.
type Principal struct {
	Kind PrincipalKind
	// ARN of a user, a session (arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION)
	// or an account root.
	ARN string
	// RoleARN is the role of a session, path included.
	RoleARN string
	// Account of a user, a session or a root; empty for the others.
	Account string
	// UserName of a user.
	UserName string
	// ID is the unique identifier, aws:userid ("AROA…:session" for a session).
	ID string
	// Name of a service, host name form, or the provider of a federated identity.
	Name string
	// CanonicalUser is the canonical user ID of an account, if it is known.
	CanonicalUser string
}

// display is how error messages call the principal.
func (p *Principal) display() string {
	switch {
	case p.ARN != "":
		return p.ARN
	case p.Name != "":
		return p.Name
	}
	return p.Kind.String()
}

// Request is what is to be decided.
type Request struct {
	// Action in the form service:Operation; compared without regard to case.
	Action string
	// Resource is an ARN, or "*" for an action without resource.
	Resource  string
	Principal Principal
	Context   Context
	// Time of the request: aws:CurrentTime and aws:EpochTime. Zero: both are
	// missing keys.
	Time time.Time
}

// Context holds the condition keys of a request, except those that follow from
// the [Principal] and the Time of the [Request] and that cannot be given here
// (aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalType,
// aws:PrincipalIsAWSService, aws:PrincipalServiceName, aws:userid,
// aws:username, aws:CurrentTime, aws:EpochTime). The zero Context is empty and
// ready. Key names have no case.
type Context struct {
	entries []contextEntry
}

type contextEntry struct{ key, value string }

// NewContext makes a context with room for n values.
func NewContext(n int) Context {
	return Context{entries: make([]contextEntry, 0, n)}
}

// Add gives the key one more value. A key that is given several values is
// multi-valued, in no particular order. A lower-case key costs no allocation.
func (c *Context) Add(key, value string) {
	c.entries = append(c.entries, contextEntry{strings.ToLower(key), value})
}

// AddAll gives the key each of the values. No values leave it missing.
func (c *Context) AddAll(key string, values []string) {
	key = strings.ToLower(key)
	for _, v := range values {
		c.entries = append(c.entries, contextEntry{key, v})
	}
}

// Merge adds every key and value of o.
func (c *Context) Merge(o Context) {
	c.entries = append(c.entries, o.entries...)
}

// Len is the number of values of all keys.
func (c *Context) Len() int { return len(c.entries) }

// keyID tells the keys that follow from the request apart from those that are
// looked up in its Context.
type keyID uint8

const (
	keyInContext keyID = iota
	keyPrincipalArn
	keyPrincipalAccount
	keyPrincipalType
	keyPrincipalIsService
	keyPrincipalServiceName
	keyUserID
	keyUserName
	keyCurrentTime
	keyEpochTime
)

var derivedKeys = map[string]keyID{
	"aws:principalarn":          keyPrincipalArn,
	"aws:principalaccount":      keyPrincipalAccount,
	"aws:principaltype":         keyPrincipalType,
	"aws:principalisawsservice": keyPrincipalIsService,
	"aws:principalservicename":  keyPrincipalServiceName,
	"aws:userid":                keyUserID,
	"aws:username":              keyUserName,
	"aws:currenttime":           keyCurrentTime,
	"aws:epochtime":             keyEpochTime,
}

// contextKey is a condition key named by a policy.
type contextKey struct {
	name  string // as the policy spells it
	lower string
	id    keyID
}

func newContextKey(name string) contextKey {
	lower := strings.ToLower(name)
	return contextKey{name: name, lower: lower, id: derivedKeys[lower]}
}

// next returns the key's first value at or after the position from, which is 0
// at first, and the position to go on with. ok is false at the end.
func (r *Request) next(k *contextKey, from int) (value string, then int, ok bool) {
	if k.id != keyInContext {
		if from > 0 {
			return "", from, false
		}
		value, ok = r.derived(k.id)
		return value, 1, ok
	}
	for i := from; i < len(r.Context.entries); i++ {
		if e := &r.Context.entries[i]; e.key == k.lower {
			return e.value, i + 1, true
		}
	}
	return "", from, false
}

// single returns the value of a key that has exactly one.
func (r *Request) single(k *contextKey) (string, bool) {
	v, then, ok := r.next(k, 0)
	if !ok {
		return "", false
	}
	if _, _, more := r.next(k, then); more {
		return "", false
	}
	return v, true
}

// derived computes a key that follows from the principal or the time; ok is
// false where AWS does not have the key for such a principal.
func (r *Request) derived(id keyID) (value string, ok bool) {
	p := &r.Principal
	switch id {
	case keyPrincipalArn:
		// For a session AWS gives the role, not the session.
		value = p.ARN
		if p.Kind == RoleSession {
			value = p.RoleARN
		}
	case keyPrincipalAccount:
		value = p.Account
	case keyPrincipalType:
		value = principalTypes[p.Kind]
	case keyPrincipalIsService:
		value = strconv.FormatBool(p.Kind == Service)
	case keyPrincipalServiceName:
		if p.Kind == Service {
			value = p.Name
		}
	case keyUserID:
		value = p.ID
	case keyUserName:
		if p.Kind == User {
			value = p.UserName
		}
	case keyCurrentTime:
		if !r.Time.IsZero() {
			value = r.Time.UTC().Format(time.RFC3339)
		}
	case keyEpochTime:
		if !r.Time.IsZero() {
			value = strconv.FormatInt(r.Time.Unix(), 10)
		}
	}
	return value, value != ""
}

// principalTypes are the values of aws:PrincipalType; a service has none.
var principalTypes = [...]string{
	Anonymous:   "Anonymous",
	User:        "User",
	RoleSession: "AssumedRole",
	Root:        "Account",
	Service:     "",
	Federated:   "FederatedUser",
}
