package lineartest_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile/lineartest"
	"kindred/internal/store"
	"kindred/internal/store/pgstore/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	cells = flag.Int("cells", 0, "cells of a history; 0 is the short form")
	seed  = flag.Uint64("seed", 0, "from which the calls follow; 0 makes one")
)

// TestLinearizable: calls that are made at the same time on the same profiles and
// keys are answered as if they had been made one after the other, on each engine.
func TestLinearizable(t *testing.T) {
	for name, on := range map[string]struct {
		engine ingesttest.Engine
		clock  func() func() time.Time
	}{
		"memory":                         {ingesttest.Memory, steady},
		"memory with a clock that jumps": {ingesttest.Memory, jumping},
		"pebble":                         {ingesttest.Pebble, steady},
		"pebble with a clock that jumps": {ingesttest.Pebble, jumping},
		"postgres":                       {ingesttest.Postgres, steady},
	} {
		t.Run(name, func(t *testing.T) {
			o := lineartest.Options{Seed: *seed, Cells: *cells}
			if o.Seed == 0 {
				o.Seed = uint64(time.Now().UnixNano())
			}
			counts := lineartest.Run(t, newWorld(t, on.engine, on.clock()), o)
			t.Logf("seed %d: %+v", o.Seed, counts)
			if counts.Unknown > 0 || counts.Refused == 0 || counts.Done < counts.Refused {
				t.Errorf("calls came to %+v: all should be answered, most of them done", counts)
			}
		})
	}
}

// TestFindsViolations: a system that is not linearizable is found out: one whose
// searches lag behind, and one that forgets a write.
func TestFindsViolations(t *testing.T) {
	for name, wrap := range map[string]func(lineartest.System) lineartest.System{
		"stale searches": func(s lineartest.System) lineartest.System { return &stale{System: s} },
		"lost updates":   func(s lineartest.System) lineartest.System { return &forgetful{System: s} },
	} {
		t.Run(name, func(t *testing.T) {
			probe := &probe{TB: t}
			lineartest.Run(probe, wrap(newWorld(t, ingesttest.Memory, steady())), lineartest.Options{Seed: 1, Cells: 20})
			if probe.errors.Load() == 0 {
				t.Error("nothing was found")
			}
		})
	}
}

// probe counts what would have failed a test.
type probe struct {
	testing.TB
	errors atomic.Int64
}

func (p *probe) Helper()      {}
func (p *probe) Error(...any) { p.errors.Add(1) }

// stale answers every other search with what the one before found.
type stale struct {
	lineartest.System
	n    atomic.Int64
	last atomic.Pointer[map[string]string]
}

func (s *stale) Search(ctx context.Context, key string) (map[string]string, error) {
	if last := s.last.Load(); last != nil && s.n.Add(1)%2 == 0 {
		return *last, nil
	}
	found, err := s.System.Search(ctx, key)
	s.last.Store(&found)
	return found, err
}

// forgetful acknowledges every fifth update without making it.
type forgetful struct {
	lineartest.System
	n atomic.Int64
}

func (s *forgetful) Update(ctx context.Context, id, first string) error {
	if s.n.Add(1)%5 == 0 {
		return nil
	}
	return s.System.Update(ctx, id, first)
}

// world is the services over an engine in this process.
type world struct {
	*ingesttest.World
	records atomic.Int64
}

const of = "chain"

// steady is a clock that goes on from question to question.
func steady() func() time.Time {
	start, ticks := time.Now(), new(atomic.Int64)
	return func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Microsecond) }
}

// jumping is one that now and then is set forward, and back, by up to a day.
func jumping() func() time.Time {
	now, by := steady(), new(atomic.Int64)
	return func() time.Time {
		if rand.IntN(10) == 0 {
			by.Store(rand.Int64N(int64(48*time.Hour)) - int64(24*time.Hour))
		}
		return now().Add(time.Duration(by.Load()))
	}
}

func newWorld(t *testing.T, engine ingesttest.Engine, now func() time.Time) *world {
	w := &world{World: ingesttest.NewOn(t, func(t testing.TB, _ func() time.Time) store.Store { return engine(t, now) })}
	w.NewDomain(of)
	w.PutType(of, "Visit", ingesttest.Type{Create: true, Priority: 1,
		Fields: map[string]string{"no": "no", "account": "account", "first": "first>_profile.FirstName"},
		Keys:   map[string]string{"visit": "UNIQUE:no", "account": "PROFILE:account"}})
	w.World.Ingest = w.Quiet()
	return w
}

// outcome turns an error of the services into what the checker knows.
func outcome(err error) error {
	if err == nil || fault.Is(err, fault.Internal) || fault.Is(err, fault.Busy) {
		return err
	}
	return fmt.Errorf("%w: %w", lineartest.ErrRefused, err)
}

func (w *world) Create(ctx context.Context, first, key string) (string, error) {
	out, err := w.Profiles.CreateProfile(ctx, &profileapi.CreateProfileRequest{DomainName: of, FirstName: &first})
	if err != nil {
		return "", err
	}
	return out.ProfileId, w.AddKey(ctx, out.ProfileId, key)
}

func (w *world) Put(ctx context.Context, key, first string) error {
	record, err := json.Marshal(map[string]string{"no": fmt.Sprint(w.records.Add(1)), "account": key, "first": first})
	if err != nil {
		return err
	}
	_, err = w.Ingest.PutProfileObject(ctx, &profileapi.PutProfileObjectRequest{DomainName: of, ObjectTypeName: "Visit", Object: string(record)})
	return outcome(err)
}

func (w *world) Update(ctx context.Context, id, first string) error {
	_, err := w.Profiles.UpdateProfile(ctx, &profileapi.UpdateProfileRequest{DomainName: of, ProfileId: id, FirstName: &first})
	return outcome(err)
}

func (w *world) AddKey(ctx context.Context, id, key string) error {
	_, err := w.Profiles.AddProfileKey(ctx, &profileapi.AddProfileKeyRequest{DomainName: of, ProfileId: id, KeyName: "account", Values: []string{key}})
	return outcome(err)
}

func (w *world) Delete(ctx context.Context, id string) error {
	_, err := w.Profiles.DeleteProfile(ctx, &profileapi.DeleteProfileRequest{DomainName: of, ProfileId: id})
	return outcome(err)
}

func (w *world) Merge(ctx context.Context, main, other string) error {
	_, err := w.Profiles.MergeProfiles(ctx, &profileapi.MergeProfilesRequest{DomainName: of, MainProfileId: main, ProfileIdsToBeMerged: []string{other}})
	return outcome(err)
}

func (w *world) Unmerge(ctx context.Context, merge string) error {
	_, err := w.Profiles.Unmerge(ctx, of, merge)
	return outcome(err)
}

func (w *world) Standing(ctx context.Context, id string) (ids []string, err error) {
	l, err := w.Profiles.Lineage(ctx, of, id)
	if err != nil {
		return nil, outcome(err)
	}
	for i := range l.Merges {
		if l.Merges[i].Undone.IsZero() {
			ids = append(ids, l.Merges[i].ID.String())
		}
	}
	return ids, nil
}

func (w *world) Get(ctx context.Context, id string) (first string, found bool, err error) {
	out, err := w.Profiles.BatchGetProfile(ctx, &profileapi.BatchGetProfileRequest{DomainName: of, ProfileIds: []string{id}})
	if err != nil || len(out.Profiles) == 0 {
		return "", false, err
	}
	if len(out.Profiles) > 1 || out.Profiles[0].FirstName == nil {
		return "", false, errors.New("not one profile with a name")
	}
	return *out.Profiles[0].FirstName, true, nil
}

func (w *world) Search(ctx context.Context, key string) (map[string]string, error) {
	out, err := w.Profiles.SearchProfiles(ctx, &profileapi.SearchProfilesRequest{DomainName: of, KeyName: "account", Values: []string{key}})
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, p := range out.Items {
		found[*p.ProfileId] = *p.FirstName
	}
	return found, nil
}
