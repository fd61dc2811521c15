package policy

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// quantifier is the set operator in front of a condition operator.
type quantifier uint8

const (
	noSet quantifier = iota
	forAnyValue
	forAllValues
)

// valueType is what an operator compares.
type valueType uint8

const (
	typeString valueType = iota
	typeARN
	typeNumber
	typeDate
	typeBool
	typeBinary
	typeIP
	typeNull
)

// order is what a Numeric or Date operator asks of the request's value compared
// with the policy's.
type order uint8

const (
	orderEqual order = iota
	orderLess
	orderLessEqual
	orderGreater
	orderGreaterEqual
)

// operator is a condition operator without prefix and suffix. A negated one
// holds where its positive form does not.
type operator struct {
	typ     valueType
	how     comparison // typeString, typeARN
	order   order      // typeNumber, typeDate
	negated bool
}

var operators = map[string]operator{
	"StringEquals":              {typ: typeString, how: compareExact},
	"StringNotEquals":           {typ: typeString, how: compareExact, negated: true},
	"StringEqualsIgnoreCase":    {typ: typeString, how: compareFold},
	"StringNotEqualsIgnoreCase": {typ: typeString, how: compareFold, negated: true},
	"StringLike":                {typ: typeString, how: compareGlob},
	"StringNotLike":             {typ: typeString, how: compareGlob, negated: true},
	// AWS documents ArnEquals and ArnLike to behave the same.
	"ArnEquals":    {typ: typeARN, how: compareARN},
	"ArnLike":      {typ: typeARN, how: compareARN},
	"ArnNotEquals": {typ: typeARN, how: compareARN, negated: true},
	"ArnNotLike":   {typ: typeARN, how: compareARN, negated: true},

	"NumericEquals":            {typ: typeNumber, order: orderEqual},
	"NumericNotEquals":         {typ: typeNumber, order: orderEqual, negated: true},
	"NumericLessThan":          {typ: typeNumber, order: orderLess},
	"NumericLessThanEquals":    {typ: typeNumber, order: orderLessEqual},
	"NumericGreaterThan":       {typ: typeNumber, order: orderGreater},
	"NumericGreaterThanEquals": {typ: typeNumber, order: orderGreaterEqual},

	"DateEquals":            {typ: typeDate, order: orderEqual},
	"DateNotEquals":         {typ: typeDate, order: orderEqual, negated: true},
	"DateLessThan":          {typ: typeDate, order: orderLess},
	"DateLessThanEquals":    {typ: typeDate, order: orderLessEqual},
	"DateGreaterThan":       {typ: typeDate, order: orderGreater},
	"DateGreaterThanEquals": {typ: typeDate, order: orderGreaterEqual},

	"Bool":         {typ: typeBool},
	"BinaryEquals": {typ: typeBinary},
	"IpAddress":    {typ: typeIP},
	"NotIpAddress": {typ: typeIP, negated: true},
	"Null":         {typ: typeNull},
}

// condition is one operator applied to one key: the values are alternatives.
type condition struct {
	operator
	name     string // operator as the policy spells it
	set      quantifier
	ifExists bool
	key      contextKey
	given    []string // values as the policy spells them

	texts    []template // typeString, typeARN
	numbers  []number
	dates    []time.Time
	bools    []bool // typeBool, typeNull
	binaries []string
	networks []netip.Prefix
}

// compileOperator reads the name of an operator with its set prefix and its
// IfExists suffix. Names are spelt exactly.
func compileOperator(name string) (condition, error) {
	c := condition{name: name}
	rest := name
	if after, ok := strings.CutPrefix(rest, "ForAnyValue:"); ok {
		c.set, rest = forAnyValue, after
	} else if after, ok := strings.CutPrefix(rest, "ForAllValues:"); ok {
		c.set, rest = forAllValues, after
	}
	if before, ok := strings.CutSuffix(rest, "IfExists"); ok {
		c.ifExists, rest = true, before
	}
	op, ok := operators[rest]
	if !ok {
		return c, fmt.Errorf("%s is no condition operator", quote(name))
	}
	if op.typ == typeNull && (c.ifExists || c.set != noSet) {
		return c, fmt.Errorf("%s: the operator Null has neither a set operator nor IfExists", quote(name))
	}
	c.operator = op
	return c, nil
}

// addValue compiles one value. Variables are read for the String and Arn
// operators only, the others have none.
func (c *condition) addValue(s string, variables bool) error {
	c.given = append(c.given, s)
	switch c.typ {
	case typeString, typeARN:
		t, err := compileTemplate(s, variables, c.how == compareGlob || c.how == compareARN)
		if err != nil {
			return fmt.Errorf("%s: %w", quote(s), err)
		}
		if c.typ == typeARN && t.parts == nil && s != "*" &&
			(!strings.HasPrefix(s, "arn:") || countColons(s) < arnColons) {
			return fmt.Errorf(`%s must be an ARN of six parts separated by colons, or "*"`, quote(s))
		}
		c.texts = append(c.texts, t)
	case typeNumber:
		n, ok := parseNumber(s)
		if !ok {
			return fmt.Errorf("%s must be a decimal number", quote(s))
		}
		c.numbers = append(c.numbers, n)
	case typeDate:
		d, ok := parseDate(s)
		if !ok {
			return fmt.Errorf("%s must be an ISO 8601 date and time, or seconds since 1970", quote(s))
		}
		c.dates = append(c.dates, d)
	case typeBool, typeNull:
		b, ok := parseBool(s)
		if !ok {
			return fmt.Errorf("%s must be true or false", quote(s))
		}
		c.bools = append(c.bools, b)
	case typeBinary:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return fmt.Errorf("%s must be base64", quote(s))
		}
		c.binaries = append(c.binaries, string(b))
	case typeIP:
		n, ok := parseNetwork(s)
		if !ok {
			return fmt.Errorf("%s must be an IPv4 or IPv6 address or a network in CIDR notation", quote(s))
		}
		c.networks = append(c.networks, n)
	}
	return nil
}

// holds decides the condition for a request. deny is the effect of the
// statement: where a policy leaves the meaning open, a Deny is read to apply
// and an Allow not to.
//
// Missing keys follow the IAM User Guide ("Condition operators"): a positive
// operator does not hold, a negated one does, IfExists and ForAllValues hold,
// ForAnyValue does not. A key with several values and an operator without set
// prefix, which the guide warns against, must hold for every value in an Allow
// and for one in a Deny.
func (c *condition) holds(r *Request, deny bool) bool {
	if c.typ == typeNull {
		present := c.present(r)
		for _, absent := range c.bools {
			if absent != present {
				return true
			}
		}
		return false
	}
	if !c.present(r) {
		switch {
		case c.ifExists:
			return true
		case c.set != noSet:
			return c.set == forAllValues
		}
		return c.negated
	}
	wantAll := c.set == forAllValues || c.set == noSet && !deny
	for v, at, ok := r.next(&c.key, 0); ok; v, at, ok = r.next(&c.key, at) {
		if held := c.holdsFor(r, v, deny); held != wantAll {
			return held
		}
	}
	return wantAll
}

// present reports whether the request has the key. ForAllValues takes a key
// with nothing but empty text for a missing one, as the guide says.
func (c *condition) present(r *Request) bool {
	for v, at, ok := r.next(&c.key, 0); ok; v, at, ok = r.next(&c.key, at) {
		if v != "" || c.set != forAllValues {
			return true
		}
	}
	return false
}

// holdsFor decides one value of the request: a positive operator holds if the
// value matches one of the policy's, a negated one if it matches none.
func (c *condition) holdsFor(r *Request, v string, deny bool) bool {
	switch c.compare(r, v) {
	case matches:
		return !c.negated
	case unresolved:
		// AWS: an unresolved variable may make the statement invalid. A
		// negated Deny applies all the same, as it is there to keep others out.
		return c.negated && deny
	}
	return c.negated
}

// compare finds a value of the policy that v matches.
func (c *condition) compare(r *Request, v string) outcome {
	found := false
	switch c.typ {
	case typeString, typeARN:
		return c.compareText(r, v)
	case typeNumber:
		if n, ok := parseNumber(v); ok {
			for i := range c.numbers {
				found = found || c.order.holds(n.compare(c.numbers[i]))
			}
		}
	case typeDate:
		if d, ok := parseDate(v); ok {
			for i := range c.dates {
				found = found || c.order.holds(d.Compare(c.dates[i]))
			}
		}
	case typeBool:
		if b, ok := parseBool(v); ok {
			for i := range c.bools {
				found = found || b == c.bools[i]
			}
		}
	case typeBinary:
		if b, err := base64.StdEncoding.DecodeString(v); err == nil {
			for i := range c.binaries {
				found = found || string(b) == c.binaries[i]
			}
		}
	case typeIP:
		if a, err := netip.ParseAddr(v); err == nil {
			a = a.Unmap().WithZone("")
			for i := range c.networks {
				found = found || c.networks[i].Contains(a)
			}
		}
	}
	return toOutcome(found)
}

func (c *condition) compareText(r *Request, v string) outcome {
	if c.typ == typeARN && !strings.HasPrefix(v, "arn:") {
		return differs
	}
	got := differs
	for i := range c.texts {
		switch c.texts[i].match(r, v, c.how) {
		case matches:
			return matches
		case unresolved:
			got = unresolved
		}
	}
	return got
}

func (o order) holds(cmp int) bool {
	switch o {
	case orderEqual:
		return cmp == 0
	case orderLess:
		return cmp < 0
	case orderLessEqual:
		return cmp <= 0
	case orderGreater:
		return cmp > 0
	}
	return cmp >= 0
}
