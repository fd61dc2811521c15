package wire

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// step is a part of the path to the value at hand.
type step struct {
	name  string // of a member or a key
	index int    // of an element, counted from 0
	kind  stepKind
}

type stepKind uint8

const (
	atMember stepKind = iota
	atKey
	atIndex
	atHiddenKey // the key is not to be shown
)

// checker keeps the path to the value at hand and collects violations.
type checker struct {
	path  []step
	found []string
	total int
	rule  Rule
}

func (c *checker) push(s step) { c.path = append(c.path, s) }
func (c *checker) pop()        { c.path = c.path[:len(c.path)-1] }

// pushKey enters the value of a map's key. Keys may be a customer's data; they
// are shown only when they look like names and are not sensitive.
func (c *checker) pushKey(p *plan, key string) {
	kind := atKey
	if p.key.shape.Sensitive || !isName(key) {
		kind = atHiddenKey
	}
	c.push(step{name: key, kind: kind})
}

func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', b == '_':
		case i > 0 && ('0' <= b && b <= '9' || b == '-' || b == '.'):
		default:
			return false
		}
	}
	return true
}

// where writes the path. Violations of constraints spell members with a small
// first letter, as AWS does; what is wrong with the JSON itself is told with
// the names as they stand in it.
func (c *checker) where(spell func(string) string) string {
	var b strings.Builder
	for i, s := range c.path {
		if i > 0 && s.kind != atIndex {
			b.WriteByte('.')
		}
		switch s.kind {
		case atMember:
			b.WriteString(spell(s.name))
		case atKey:
			b.WriteString(s.name)
		case atHiddenKey:
			b.WriteByte('*')
		case atIndex:
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(s.index))
			b.WriteByte(']')
		}
	}
	return b.String()
}

// malformed is the error of a value of the wrong type or form.
func (c *checker) malformed(form string) *Invalid {
	if len(c.path) == 0 {
		return &Invalid{Malformed, "The request body " + form}
	}
	return &Invalid{Malformed, c.where(func(s string) string { return s }) + " " + form}
}

// violate records that the value at hand breaks a constraint.
func (c *checker) violate(rule Rule, constraint string) {
	if c.total++; c.total == 1 {
		c.rule = rule
	}
	if len(c.found) < MaxViolations {
		c.found = append(c.found, "Value at '"+c.where(lower)+"' failed to satisfy constraint: "+constraint)
	}
}

// invalid is the error of the violations found, nil when there are none.
func (c *checker) invalid() error {
	switch c.total {
	case 0:
		return nil
	case 1:
		return &Invalid{c.rule, "1 validation error detected: " + c.found[0]}
	}
	return &Invalid{c.rule, fmt.Sprintf("%d validation errors detected: %s", c.total, strings.Join(c.found, "; "))}
}

// missing records the required members whose bits are not in seen.
func (c *checker) missing(p *plan, seen uint64) {
	for i := range p.members {
		if p.required&^seen&(1<<i) != 0 {
			c.push(step{name: p.members[i].Wire})
			c.violate(Missing, "Member must not be null")
			c.pop()
		}
	}
}

// of wraps a constraint that is one of a map's keys.
func of(keys bool, constraint string) string {
	if keys {
		return "Map keys must satisfy constraint: [" + constraint + "]"
	}
	return constraint
}

// text checks a string, or a key of the map at hand.
func (c *checker) text(p *plan, s string, key bool) {
	if p.hasMin && int64(len(s)) < p.min*utf8.UTFMax && (p.min > 1 || s == "") {
		if int64(utf8.RuneCountInString(s)) < p.min {
			c.violate(Constraint, of(key, fmt.Sprintf("Member must have length greater than or equal to %d", p.min)))
		}
	}
	if p.hasMax && int64(len(s)) > p.max && int64(utf8.RuneCountInString(s)) > p.max {
		c.violate(Constraint, of(key, fmt.Sprintf("Member must have length less than or equal to %d", p.max)))
		return // and a pattern is not tried on text of any length
	}
	if s == "" && p.hasMin && p.min == 0 {
		return
	}
	if p.enum != nil {
		if _, ok := p.enum[s]; !ok {
			c.violate(Enumeration, of(key, "Member must satisfy enum value set: ["+strings.Join(p.shape.Enum, ", ")+"]"))
		}
	}
	if p.shape.Pattern != "" && !p.shape.Match(s) {
		c.violate(Constraint, of(key, "Member must satisfy regular expression pattern: "+p.shape.Pattern))
	}
}

// length checks the size of a list, a map or a blob.
func (c *checker) length(p *plan, n int) {
	if p.hasMin && int64(n) < p.min {
		c.violate(Constraint, fmt.Sprintf("Member must have length greater than or equal to %d", p.min))
	}
	if p.hasMax && int64(n) > p.max {
		c.violate(Constraint, fmt.Sprintf("Member must have length less than or equal to %d", p.max))
	}
}

func (c *checker) integer(p *plan, n int64) {
	if p.hasMin && n < p.min {
		c.violate(Constraint, fmt.Sprintf("Member must have value greater than or equal to %d", p.min))
	}
	if p.hasMax && n > p.max {
		c.violate(Constraint, fmt.Sprintf("Member must have value less than or equal to %d", p.max))
	}
}

func (c *checker) double(p *plan, f float64) {
	if lo := p.shape.Min; lo != nil && f < *lo {
		c.violate(Constraint, fmt.Sprintf("Member must have value greater than or equal to %v", *lo))
	}
	if hi := p.shape.Max; hi != nil && f > *hi {
		c.violate(Constraint, fmt.Sprintf("Member must have value less than or equal to %v", *hi))
	}
}

// complete checks a structure of which the members in seen are present.
func (c *checker) complete(p *plan, seen uint64) {
	if p.required&^seen != 0 {
		c.missing(p, seen)
	}
	if p.shape.Union && (seen == 0 || seen&(seen-1) != 0) {
		c.violate(Constraint, "Exactly one member must be set")
	}
}
