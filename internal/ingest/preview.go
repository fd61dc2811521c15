package ingest

import (
	"context"
	"time"

	"kindred/internal/domain"
	"kindred/internal/mapping"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
)

// Outcome is what would become of a record.
type Outcome string

// The outcomes.
const (
	WouldCreate  Outcome = "WOULD_CREATE"         // a new profile
	WouldJoin    Outcome = "WOULD_JOIN"           // a profile that is there
	WouldReplace Outcome = "WOULD_REPLACE"        // the object with the same unique key
	WouldMove    Outcome = "WOULD_MOVE"           // from the profile that has the object to another
	WouldNothing Outcome = "WOULD_CHANGE_NOTHING" // it is older than the stored one
	WouldFail    Outcome = "WOULD_FAIL"
)

// Preview is what would become of a record, and why.
type Preview struct {
	Outcome Outcome
	Err     error // of WouldFail
	// ToQueue: the record would go to the dead letter queue of the domain, and the
	// caller would be told nothing.
	ToQueue   bool
	UniqueKey string // empty where the record does not come as far
	MovedFrom profile.ID
	Time      time.Time // the source's own; zero when the record gives none
	Fields    []objecttype.FieldAccount
	Keys      []PreviewKey // in the order of objecttype.Account, one for each value
	Attach    *profile.Explanation
}

// PreviewKey is a value of a key, or a key that has none.
type PreviewKey struct {
	objecttype.KeyAccount
	Given, Value string
	Stored       bool
	NotStored    string // why not
	Tried        int    // its place among the keys that are tried, from 1; 0 for others
	Finding      profile.Finding
	Profiles     []profile.ID
	More         bool
}

// Findings of keys that are not looked up.
const (
	keyEmpty   profile.Finding = "EMPTY"
	notProfile profile.Finding = "NOT_A_PROFILE_KEY"
)

// Preview goes the way of Put for one record and gives the transaction up at its
// end, so nothing is stored, sent or counted. candidate makes the object type
// that stands in for the domain's; nil for that in force. Errors of the call as a
// whole are those of Put; what the record itself would meet is in the answer.
func (s *Service) Preview(ctx context.Context, domainName, typeName string, candidate func(*domain.Config) (*objecttype.Type, error), body string) (*Preview, error) {
	as := &trial{candidate: candidate, explain: &profile.Explanation{}}
	cfg, results, err := s.attempt(ctx, s.named(domainName), typeName, []string{body}, as)
	if err != nil {
		return nil, err
	}
	r, x := &results[0], as.explain
	p := &Preview{Outcome: outcome(r, x), Err: r.Err, UniqueKey: r.UniqueKey, Attach: x}
	p.ToQueue = r.Err != nil && goesToQueue(cfg, r)
	if p.Outcome == WouldMove {
		p.MovedFrom = x.Owner
	}
	if len(body) > MaxObject {
		return p, nil
	}
	doc, err := mapping.ParseDocument([]byte(body))
	if err != nil {
		return p, nil // which is what p.Err says
	}
	country := cfg.Info.Settings.DefaultCountry
	if m, err := as.typ.Map(doc, country); err == nil {
		p.Time = m.SourceTime
	}
	account := as.typ.Explain(doc, country)
	p.Fields = account.Fields
	p.keys(account.Keys)
	return p, nil
}

func outcome(r *Result, x *profile.Explanation) Outcome {
	var none profile.ID
	switch {
	case r.Err != nil:
		return WouldFail
	case x.Outdated:
		return WouldNothing
	case x.Fresh:
		return WouldCreate
	case x.Owner != none && x.Owner != x.Profile:
		return WouldMove
	case x.Replaces:
		return WouldReplace
	}
	return WouldJoin
}

// keys lists the values of all keys and what became of them.
func (p *Preview) keys(accounts []objecttype.KeyAccount) {
	var values []objecttype.KeyValue
	var at []int // place in p.Keys
	for _, a := range accounts {
		if len(a.Values) == 0 {
			p.Keys = append(p.Keys, PreviewKey{KeyAccount: a, Finding: keyEmpty, NotStored: string(keyEmpty)})
		}
		for _, v := range a.Values {
			k := PreviewKey{KeyAccount: a, Given: v.Given, Value: v.Value, Finding: notProfile}
			k.NotStored = p.notStored(a.Identifiers)
			k.Stored = k.NotStored == ""
			values, at = append(values, v), append(at, len(p.Keys))
			p.Keys = append(p.Keys, k)
		}
	}
	n := 0
	for i := range trials(values) {
		k := &p.Keys[at[i]]
		k.Finding = profile.NotTried // a record that fails before finds nothing
		if n < len(p.Attach.Trials) {
			t := &p.Attach.Trials[n]
			k.Finding, k.Profiles, k.More = t.Finding, t.Profiles, t.More
		}
		n++
		k.Tried = n
	}
}

// notStored says why the values of a key with these identifiers are not stored.
func (p *Preview) notStored(ids objecttype.Set) string {
	switch {
	case ids.Has(objecttype.LookupOnly):
		return objecttype.LookupOnly.String()
	case p.Outcome == WouldFail:
		return "FAILED"
	case p.Outcome == WouldNothing:
		return "OUTDATED"
	case ids.Has(objecttype.NewOnly) && !p.Attach.StoresNewOnly:
		return objecttype.NewOnly.String()
	}
	return ""
}
