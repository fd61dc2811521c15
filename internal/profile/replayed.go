package profile

import (
	"fmt"
	"slices"

	"kindred/internal/api/profileapi"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Replayed is what a replay has done to a profile, as clients see it.
type Replayed struct {
	ID            ID
	Keeper        ID // whose secret its example is kept under: its own, or that of whom it comes from if it was made
	Made, Removed bool
	Keys          []KeyChange
	Failed        []string // reasons, each once

	objectType    string
	secret        seal.Secret
	before, after []Fact
}

// KeyChange is a key value that a profile has got or lost.
type KeyChange struct {
	Key
	Added     bool
	Ambiguous bool // it finds other profiles too, and did find one alone
}

// keys counts the changes of a profile's keys, after they have been made.
func (w *replaying) keys(c *change, old, fresh, lookup []Key) error {
	for _, k := range old {
		if !slices.Contains(fresh, k) {
			w.key(c, KeyChange{Key: k})
		}
	}
	for _, k := range fresh {
		if slices.Contains(old, k) {
			continue
		}
		ch := KeyChange{Key: k, Added: true}
		if slices.Contains(lookup, k) {
			h := w.tx.Ring().Identify(identKey, k.Name, k.Value)
			lists, err := w.tx.ScanPlain(w.ctx, store.Span{Partition: indexPartition(w.cfg.ID, h), Start: []byte{matching}, End: []byte{matching + 1}, Limit: 3})
			if err != nil {
				return fmt.Errorf("index: %w", err)
			}
			others := slices.DeleteFunc(lists[0], func(rec store.Record) bool {
				id := ID(rec.Key.Sort[1:])
				return id == c.id || c.group != nil && slices.Contains(c.group.all(), id)
			})
			if ch.Ambiguous = len(others) == 1; ch.Ambiguous {
				w.Count(CountAmbiguous, 1)
			}
		}
		w.key(c, ch)
	}
	return nil
}

func (w *replaying) key(c *change, ch KeyChange) {
	w.Count(CountKeys, 1)
	t := w.touch(c)
	t.Keys = append(t.Keys, ch)
}

// replaced counts an object whose contribution has been replaced.
func (w *replaying) replaced(k *contribution) {
	w.Count(CountReplaced, 1)
	if w.From == nil {
		w.From = map[Mapping]int64{}
	}
	w.From[k.mapping]++
}

// Count adds to a counter.
func (r *Replay) Count(name string, n int64) {
	if r.Counts == nil {
		r.Counts = map[string]int64{}
	}
	r.Counts[name] += n
}

// fail notes an object that keeps what it gave.
func (w *replaying) fail(reason string) {
	w.failed++
	w.Count(countFailed+reason, 1)
	if t := w.touch(w.c); !slices.Contains(t.Failed, reason) {
		t.Failed = append(t.Failed, reason)
	}
}

// touch notes what a profile is before it is changed for the first time.
func (r *Replay) touch(c *change) *Replayed {
	id := c.seen()
	if t := r.at[id]; t != nil {
		return t
	}
	if r.at == nil {
		r.at = map[ID]*Replayed{}
	}
	t := &Replayed{ID: id, Keeper: id, objectType: r.ObjectType, before: slices.Clone(c.standing())}
	if c.group != nil {
		c = c.group.root
	}
	t.after, t.secret = t.before, c.head.secret
	r.at[id], r.Changed = t, append(r.Changed, t)
	return t
}

// stands notes what a profile is after a change.
func (r *Replay) stands(c *change) {
	t := r.touch(c)
	t.after, t.Removed = slices.Clone(c.standing()), false
}

// Finish adds what clients see of the changes to the counts. It returns how many
// objects keep what they gave because they cannot be mapped.
func (r *Replay) Finish() (failed int64) {
	for _, t := range r.Changed {
		n := int64(len(t.Values()))
		r.Count(CountFields, n)
		if n > 0 {
			r.Count(CountProfiles, 1)
		}
	}
	return r.failed
}

// Secret is the secret of the profile's keys.
func (t *Replayed) Secret() seal.Secret { return t.secret }

// Touches reports whether something of the profile is another than it was.
func (t *Replayed) Touches() bool {
	return t.Made || t.Removed || len(t.Keys) > 0 || len(t.Failed) > 0 || len(t.Values()) > 0
}

// Shapes are the profile as the API shows it before the replay and after it; nil
// where it is not there.
func (t *Replayed) Shapes() (before, after *profileapi.Profile, err error) {
	if !t.Made {
		if before, err = shape(t.ID, t.before); err != nil {
			return nil, nil, err
		}
	}
	if !t.Removed {
		after, err = shape(t.ID, t.after)
	}
	return before, after, err
}

// Values lists the fields of the profile of which clients see another value.
func (t *Replayed) Values() []Change {
	var list []Change
	i, j := 0, 0
	for i < len(t.before) || j < len(t.after) {
		var b, a *Fact
		switch {
		case j == len(t.after) || i < len(t.before) && t.before[i].Path < t.after[j].Path:
			b = &t.before[i]
			i++
		case i == len(t.before) || t.after[j].Path < t.before[i].Path:
			a = &t.after[j]
			j++
		default:
			b, a = &t.before[i], &t.after[j]
			i, j = i+1, j+1
			if a.Text == b.Text && slices.Equal(a.List, b.List) {
				continue
			}
		}
		list = append(list, t.value(b, a))
	}
	return list
}

// Why clients see another value of a field after a replay.
const (
	ReasonGiven    Reason = "GIVEN"    // the mapping gives a value where there was none
	ReasonChanged  Reason = "CHANGED"  // it gives another value
	ReasonGone     Reason = "GONE"     // nothing gives the field a value any more
	ReasonRevealed Reason = "REVEALED" // the value of another source stands in its place
	ReasonTaken    Reason = "TAKEN"    // it displaces the value of another source
)

func (t *Replayed) value(b, a *Fact) Change {
	switch {
	case b == nil:
		return Change{Path: a.Path, After: a.shown(), Reason: ReasonGiven}
	case a == nil:
		return Change{Path: b.Path, Before: b.shown(), Reason: ReasonGone}
	}
	ch := Change{Path: a.Path, Before: b.shown(), After: a.shown(), Reason: ReasonChanged}
	switch given, gave := a.Origin.Type == t.objectType, b.Origin.Type == t.objectType; {
	case given && !gave:
		ch.Reason = ReasonTaken
	case !given:
		ch.Reason = ReasonRevealed
	}
	return ch
}
