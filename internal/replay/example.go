package replay

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/profile"
)

// Bounds of what an example shows.
const (
	maxText = 4000 // characters of a value
	maxKeys = 100  // changes of keys
)

// examples keeps profiles that the step would change, up to the number asked for.
func (w *step) examples(r *profile.Replay) error {
	for _, t := range r.Changed {
		if w.at.Examples >= w.p.MaxExamples {
			return nil
		}
		if !t.Touches() {
			continue
		}
		e, err := example(t)
		if err != nil {
			return err
		}
		if err := putExample(w.tx.Under(t.Secret()), w.c.ID, w.s.Job.ID, w.at.Examples, t.Keeper, e); err != nil {
			return err
		}
		w.at.Examples++
	}
	return nil
}

func example(t *profile.Replayed) (*kindredapi.ReplayExample, error) {
	values := t.Values()
	e := &kindredapi.ReplayExample{ProfileId: t.ID.String(), Outcome: "CHANGED", Changes: make([]kindredapi.ReplayChange, 0, len(values)),
		Keys: []kindredapi.ReplayKey{}, Failures: append([]string{}, t.Failed...)}
	switch {
	case t.Made:
		e.Outcome = "MADE"
	case t.Removed:
		e.Outcome = "REMOVED"
	case len(values)+len(t.Keys) == 0:
		e.Outcome = "UNCHANGED"
	}
	before, after, err := t.Shapes()
	if err == nil {
		e.Before, err = shape(before)
	}
	if err == nil {
		e.After, err = shape(after)
	}
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		e.Changes = append(e.Changes, kindredapi.ReplayChange{Field: v.Path, Before: shorten(v.Before), After: shorten(v.After), Reason: string(v.Reason)})
	}
	for _, k := range t.Keys[:min(len(t.Keys), maxKeys)] {
		x := kindredapi.ReplayKey{KeyName: k.Name, NormalizedValue: k.Value, Change: "REMOVED", Ambiguous: k.Ambiguous}
		if k.Added {
			x.Change = "ADDED"
		}
		e.Keys = append(e.Keys, x)
	}
	return e, nil
}

// shape is a profile of Customer Profiles in the interface of kindred, which has
// the same members.
func shape(p *profileapi.Profile) (*kindredapi.Profile, error) {
	if p == nil {
		return nil, nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	out := &kindredapi.Profile{}
	if err := json.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return out, nil
}

// shorten cuts a value to what is shown of it.
func shorten(text *string) *string {
	if text == nil || utf8.RuneCountInString(*text) <= maxText {
		return text
	}
	cut := string([]rune(*text)[:maxText])
	return &cut
}
