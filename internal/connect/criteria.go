package connect

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"kindred/internal/api/connectapi"
	"kindred/internal/fault"
)

// test says whether a contact is wanted.
type test func(c *contact) bool

// criteria makes the test of a search. Of the criteria all must hold; within
// one, any of its values. Those of which nothing is known here are refused.
func criteria(in *connectapi.SearchCriteria) (test, error) {
	unknown := ""
	switch {
	case in.AgentHierarchyGroups != nil:
		unknown = "AgentHierarchyGroups"
	case in.ContactAnalysis != nil:
		unknown = "ContactAnalysis"
	case in.RoutingCriteria != nil:
		unknown = "RoutingCriteria"
	case len(in.ActiveRegions) > 0:
		unknown = "ActiveRegions"
	case in.AiAgents != nil:
		unknown = "AiAgents"
	}
	if unknown != "" {
		return nil, fault.New(fault.Invalid, "SearchCriteria.%s: contacts have nothing here that this criterion could be applied to", unknown)
	}
	var all []test
	if len(in.Channels) > 0 {
		all = append(all, oneOf(in.Channels, func(c *contact) string { return c.view.Channel }))
	}
	if len(in.InitiationMethods) > 0 {
		all = append(all, oneOf(in.InitiationMethods, func(c *contact) string { return c.view.InitiationMethod }))
	}
	if len(in.AgentIds) > 0 {
		all = append(all, oneOf(lastParts(in.AgentIds), func(c *contact) string {
			if c.view.Agent == nil {
				return ""
			}
			return c.view.Agent.name()
		}))
	}
	if len(in.QueueIds) > 0 {
		all = append(all, oneOf(lastParts(in.QueueIds), func(c *contact) string {
			if c.view.Queue == nil {
				return ""
			}
			return c.view.Queue.name()
		}))
	}
	for _, make := range []func(*connectapi.SearchCriteria) (test, error){nameTest, attributeTest, segmentTest, timeTest, tagTest} {
		t, err := make(in)
		if err != nil {
			return nil, err
		}
		if t != nil {
			all = append(all, t)
		}
	}
	return matchAll(all), nil
}

func lastParts(given []string) []string {
	out := make([]string, len(given))
	for i, g := range given {
		out[i] = lastPart(g)
	}
	return out
}

func oneOf(values []string, of func(*contact) string) test {
	return func(c *contact) bool { return slices.Contains(values, of(c)) }
}

func matchAll(tests []test) test {
	return func(c *contact) bool {
		for _, t := range tests {
			if !t(c) {
				return false
			}
		}
		return true
	}
}

func matchAny(tests []test) test {
	return func(c *contact) bool {
		for _, t := range tests {
			if t(c) {
				return true
			}
		}
		return len(tests) == 0
	}
}

// combine joins tests as a MatchType says. For a list of criteria MATCH_EXACT
// is the same as MATCH_ALL.
func combine(member, matchType string, tests []test) (test, error) {
	switch matchType {
	case "", "MATCH_ALL", "MATCH_EXACT":
		return matchAll(tests), nil
	case "MATCH_ANY":
		return matchAny(tests), nil
	case "MATCH_NONE":
		return func(c *contact) bool { return len(tests) == 0 || !matchAny(tests)(c) }, nil
	}
	return nil, fault.New(fault.Invalid, "SearchCriteria.%s.MatchType: want MATCH_ALL, MATCH_ANY, MATCH_EXACT or MATCH_NONE", member)
}

// nameTest looks for texts in the names of contacts, whatever the case of their
// letters. MATCH_EXACT wants one of them to be the whole name.
func nameTest(in *connectapi.SearchCriteria) (test, error) {
	if in.Name == nil {
		return nil, nil
	}
	exact := in.Name.MatchType == "MATCH_EXACT"
	var tests []test
	for _, want := range in.Name.SearchText {
		want = strings.ToLower(want)
		tests = append(tests, func(c *contact) bool {
			name := strings.ToLower(c.Name)
			if exact {
				return name == want
			}
			return strings.Contains(name, want)
		})
	}
	if exact {
		return matchAny(tests), nil
	}
	return combine("Name", in.Name.MatchType, tests)
}

// attributeTest compares user-defined attributes with values; keys and values
// as they are written.
func attributeTest(in *connectapi.SearchCriteria) (test, error) {
	a := in.SearchableContactAttributes
	if a == nil {
		return nil, nil
	}
	var tests []test
	for _, want := range a.Criteria {
		tests = append(tests, func(c *contact) bool {
			raw, ok := c.view.Attributes[want.Key]
			if !ok {
				return false
			}
			v, ok := texts(map[string]jsontext.Value{want.Key: raw})[want.Key]
			return ok && slices.Contains(want.Values, v)
		})
	}
	return combine("SearchableContactAttributes", text(a.MatchType), tests)
}

func segmentTest(in *connectapi.SearchCriteria) (test, error) {
	a := in.SearchableSegmentAttributes
	if a == nil {
		return nil, nil
	}
	var tests []test
	for _, want := range a.Criteria {
		tests = append(tests, func(c *contact) bool {
			v, ok := c.view.SegmentAttributes[want.Key]
			return ok && slices.Contains(want.Values, v.Text)
		})
	}
	return combine("SearchableSegmentAttributes", text(a.MatchType), tests)
}

// timeTest compares further times of contacts.
func timeTest(in *connectapi.SearchCriteria) (test, error) {
	a := in.AdditionalTimeRange
	if a == nil {
		return nil, nil
	}
	var tests []test
	for _, want := range a.Criteria {
		switch {
		case want.TimeRange != nil && want.TimestampCondition == nil:
			kind, from, to, err := timeRange("SearchCriteria.AdditionalTimeRange.Criteria.TimeRange", want.TimeRange)
			if err != nil {
				return nil, err
			}
			tests = append(tests, func(c *contact) bool { return c.time(kind) >= from && c.time(kind) <= to })
		case want.TimestampCondition != nil && want.TimeRange == nil: // NOT_EXISTS is the only condition
			kind := timeKinds[want.TimestampCondition.Type]
			tests = append(tests, func(c *contact) bool { return c.time(kind) == 0 })
		default:
			return nil, fault.New(fault.Invalid, "SearchCriteria.AdditionalTimeRange.Criteria: each needs either TimeRange or TimestampCondition")
		}
	}
	return combine("AdditionalTimeRange", a.MatchType, tests)
}

// tagTest compares the tags of contacts.
func tagTest(in *connectapi.SearchCriteria) (test, error) {
	f := in.ContactTags
	if f == nil {
		return nil, nil
	}
	var any []test
	for _, and := range f.OrConditions {
		any = append(any, tagged(and))
	}
	all := []test{tagged(f.AndConditions)}
	if len(any) > 0 {
		all = append(all, matchAny(any))
	}
	if f.TagCondition != nil {
		all = append(all, tagged([]connectapi.TagCondition{*f.TagCondition}))
	}
	return matchAll(all), nil
}

// tagged wants all of the tags; one without a value may have any.
func tagged(conditions []connectapi.TagCondition) test {
	return func(c *contact) bool {
		tags := texts(c.view.Tags)
		for _, want := range conditions {
			v, ok := tags[text(want.TagKey)]
			if !ok || want.TagValue != nil && v != *want.TagValue {
				return false
			}
		}
		return true
	}
}
