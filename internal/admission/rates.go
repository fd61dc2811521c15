package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kindred/internal/fault"
)

// Rules are rate limits, in requests per second. Each may be passed for a second's
// worth of requests at once (token bucket).
type Rules struct {
	// Operations are limits of all callers together on an operation such as
	// "profile:SearchProfiles"; * and ? stand for any characters. The first pattern that
	// matches is in force, those without * and ? before the others.
	Operations map[string]float64 `json:"operations"`
	// Principal is the limit of each principal, over all operations; 0 is none.
	Principal float64 `json:"principal"`
}

// Bounds of rules.
const (
	maxRules      = 1000
	maxPrincipals = 10_000 // that are told apart
	maxRulesFile  = 1 << 20
)

// AWS are the request rates that the managed service has for an account ("Amazon
// Connect endpoints and quotas", AWS General Reference).
var AWS = awsRules()

func awsRules() Rules {
	r := Rules{Operations: map[string]float64{"profile:*": 5, "profile:GetProfileObjectType": 10}}
	for _, op := range []string{"CreateDomain", "UpdateDomain", "DeleteDomain", "PutProfileObjectType", "DeleteProfileObjectType", "PutIntegration", "DeleteIntegration",
		"GetAutoMergingPreview", "CreateEventStream", "CreateCalculatedAttributeDefinition", "UpdateCalculatedAttributeDefinition"} {
		r.Operations["profile:"+op] = 1
	}
	for _, op := range []string{"SearchProfiles", "ListProfileObjects", "GetMatches", "GetSimilarProfiles", "GetCalculatedAttributeForProfile",
		"ListCalculatedAttributesForProfile", "CreateProfile", "UpdateProfile", "DeleteProfile", "PutProfileObject", "DeleteProfileObject", "AddProfileKey",
		"DeleteProfileKey", "MergeProfiles", "ListAccountIntegrations"} {
		r.Operations["profile:"+op] = 100
	}
	return r
}

// ReadRules finds the rules that a setting names: "aws", or a file with JSON.
func ReadRules(name string) (*Rules, error) {
	if name == "aws" {
		return &AWS, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxRulesFile {
		return nil, fmt.Errorf("%s: it has more than %d bytes", name, maxRulesFile)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r, err := ParseRules(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// ParseRules reads rules from JSON.
func ParseRules(text []byte) (*Rules, error) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	var r Rules
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is something after the rules")
	}
	if len(r.Operations) > maxRules {
		return nil, fmt.Errorf("operations: want %d at most", maxRules)
	}
	for pattern, limit := range r.Operations {
		if service, op, found := strings.Cut(pattern, ":"); !found || service == "" || op == "" {
			return nil, fmt.Errorf("operations: %q: want a service and an operation, such as profile:SearchProfiles or profile:*", pattern)
		}
		if _, err := path.Match(pattern, ""); err != nil || strings.ContainsAny(pattern, `[]\`) {
			return nil, fmt.Errorf("operations: %q: * and ? are the only wildcards", pattern)
		}
		if !isRate(limit) || limit == 0 {
			return nil, fmt.Errorf("operations: %s: want more than 0 requests per second", pattern)
		}
	}
	if !isRate(r.Principal) {
		return nil, errors.New("principal: want 0 or more requests per second")
	}
	return &r, nil
}

func isRate(f float64) bool { return f >= 0 && f <= 1e9 && !math.IsNaN(f) }

// Rates keep rules. They may be used concurrently. A nil *Rates has no rules.
type Rates struct {
	rules    *Rules
	patterns []string // with wildcards, the longest first
	now      func() time.Time

	mu         sync.Mutex // guards what follows
	operations map[string]*rate.Limiter
	principals map[string]*rate.Limiter
	others     *rate.Limiter // of principals beyond those that are told apart
}

// NewRates makes what keeps rules; nil if there are none.
func NewRates(rules *Rules, now func() time.Time) *Rates {
	if rules == nil {
		return nil
	}
	if now == nil {
		now = time.Now
	}
	r := &Rates{rules: rules, now: now, operations: map[string]*rate.Limiter{}, principals: map[string]*rate.Limiter{}, others: limiter(rules.Principal)}
	for pattern := range rules.Operations {
		if strings.ContainsAny(pattern, "*?") {
			r.patterns = append(r.patterns, pattern)
		}
	}
	slices.SortFunc(r.patterns, func(a, b string) int {
		if d := len(b) - len(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return r
}

func limiter(perSecond float64) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(math.Ceil(perSecond))))
}

// Allow reports that a principal may call an operation now. The error is a fault of the
// kind Busy that says which limit was passed.
func (r *Rates) Allow(service, operation, principal string) error {
	if r == nil {
		return nil
	}
	now := r.now()
	if l := r.principal(principal, now); l != nil && !l.AllowN(now, 1) {
		return fault.New(fault.Busy, "Rate exceeded: a principal may send %v requests per second", r.rules.Principal)
	}
	if l := r.operation(service + ":" + operation); l != nil && !l.AllowN(now, 1) {
		return fault.New(fault.Busy, "Rate exceeded: %s may be called %v times per second", operation, float64(l.Limit()))
	}
	return nil
}

func (r *Rates) operation(name string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, known := r.operations[name]
	if !known {
		// Operations are those of the interfaces, so there are not many.
		l = limiter(r.rules.of(name, r.patterns))
		r.operations[name] = l
	}
	return l
}

func (r *Rules) of(name string, patterns []string) float64 {
	if limit, found := r.Operations[name]; found {
		return limit
	}
	for _, p := range patterns {
		if ok, err := path.Match(p, name); err == nil && ok {
			return r.Operations[p]
		}
	}
	return 0
}

func (r *Rates) principal(name string, now time.Time) *rate.Limiter {
	if r.rules.Principal == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l, known := r.principals[name]
	if known {
		return l
	}
	if len(r.principals) >= maxPrincipals {
		// Those who have not called for a while lose nothing when they are forgotten.
		for n, l := range r.principals {
			if l.TokensAt(now) >= float64(l.Burst()) {
				delete(r.principals, n)
			}
		}
		if len(r.principals) >= maxPrincipals {
			return r.others
		}
	}
	l = limiter(r.rules.Principal)
	r.principals[name] = l
	return l
}
