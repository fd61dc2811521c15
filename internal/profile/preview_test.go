package profile_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/ingest"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
)

// foretold is a preview and what was there when it was made.
type foretold struct {
	*ingest.Preview
	before, after *profileapi.Profile
	stats         profileapi.DomainStats
	standards     map[string][]string // ids by kind, of the profile
}

func (s *sequence) stats() profileapi.DomainStats {
	s.w.T.Helper()
	out, err := s.w.Domain.GetDomain(s.w.Ctx(), &profileapi.GetDomainRequest{DomainName: sequenceDomain})
	if err != nil {
		s.w.T.Fatal(err)
	}
	return *out.Stats
}

var ownID = regexp.MustCompile(`"(?:Asset|Case|Order)Id":"([0-9a-f]{32})"`)

// standards are the ids of the standard objects of a profile.
func (s *sequence) standards(id profile.ID) map[string][]string {
	all := map[string][]string{}
	if id == (profile.ID{}) {
		return all
	}
	for _, kind := range []string{"_asset", "_case", "_order"} {
		for _, text := range s.w.Objects(sequenceDomain, kind, id) {
			if m := ownID.FindStringSubmatch(text); m != nil {
				all[kind] = append(all[kind], m[1])
			}
		}
	}
	return all
}

// foretell previews a record and checks that nothing has changed by it.
func (s *sequence) foretell(typeName, body string, candidate func(*domain.Config) (*objecttype.Type, error)) *foretold {
	s.w.T.Helper()
	store := ingesttest.Dump(s.w.T, s.w.Store)
	outcomes := fmt.Sprint(s.w.Outcomes)
	p, err := s.w.Ingest.Preview(s.w.Ctx(), sequenceDomain, typeName, candidate, body)
	if err != nil {
		s.w.T.Fatalf("preview %s %s: %v", typeName, body, err)
	}
	if !reflect.DeepEqual(ingesttest.Dump(s.w.T, s.w.Store), store) {
		s.fail("the preview of %s %s changed the store", typeName, body)
	}
	if got := fmt.Sprint(s.w.Outcomes); got != outcomes {
		s.fail("the preview of %s %s counted: %s, before %s", typeName, body, got, outcomes)
	}
	f := &foretold{Preview: p, stats: s.stats(), standards: s.standards(p.Attach.Profile)}
	if f.before, f.after, err = p.Attach.Shapes(); err != nil {
		s.w.T.Fatal(err)
	}
	if f.before != nil && !reflect.DeepEqual(f.before, s.w.Get(sequenceDomain, p.Attach.Profile)) {
		s.fail("the preview of %s %s shows %s before", typeName, body, ingesttest.Compact(s.w.T.Fatal, f.before))
	}
	return f
}

func (s *sequence) fail(format string, args ...any) {
	s.w.T.Helper()
	s.w.T.Errorf("%s\nafter\n%s", fmt.Sprintf(format, args...), strings.Join(s.trace[max(0, len(s.trace)-8):], "\n"))
}

// comesTrue puts the record and compares.
func (s *sequence) comesTrue(typeName, body string, f *foretold) {
	s.w.T.Helper()
	results, err := s.w.Ingest.Put(s.w.Ctx(), sequenceDomain, typeName, []string{body})
	if err != nil {
		s.w.T.Fatalf("put %s %s: %v", typeName, body, err)
	}
	r := results[0]
	s.trace = append(s.trace, fmt.Sprintf("foretold %s: put %s %s: %v %s", f.Outcome, typeName, body, r.Err, r.Letter))
	if f.UniqueKey != r.UniqueKey {
		s.fail("unique key %q, foretold %q", r.UniqueKey, f.UniqueKey)
	}
	if f.Outcome == ingest.WouldFail {
		told := ingest.Reason(f.Err)
		if f.ToQueue && r.Letter != told || !f.ToQueue && (r.Err == nil || ingest.Reason(r.Err) != told) {
			s.fail("error %v, letter %q, foretold %q, to the queue: %v", r.Err, r.Letter, told, f.ToQueue)
		}
		return
	}
	if r.Err != nil || r.Letter != "" {
		s.fail("error %v, letter %q, foretold %s", r.Err, r.Letter, f.Outcome)
		return
	}
	if f.Attach.Fresh != (f.Outcome == ingest.WouldCreate) || !f.Attach.Fresh && f.Attach.Profile != r.Profile {
		s.fail("%s: profile %s, foretold %s", f.Outcome, r.Profile, f.Attach.Profile)
	}
	if id := r.Profile.String(); !slices.Contains(s.ids, id) {
		s.ids = append(s.ids, id)
	}
	got := s.w.Get(sequenceDomain, r.Profile)
	if f.Attach.Fresh {
		got.ProfileId = nil
	}
	if !reflect.DeepEqual(got, f.after) {
		s.fail("%s: profile %s\nforetold %s", f.Outcome, ingesttest.Compact(s.w.T.Fatal, got), ingesttest.Compact(s.w.T.Fatal, f.after))
	}
	s.counted(f)
	s.changed(f, got)
	s.found(f, r.Profile)
	s.attached(f, r.Profile)
}

// counted compares the outcome with the domain's totals.
func (s *sequence) counted(f *foretold) {
	s.w.T.Helper()
	profiles, objects := int64(0), int64(0)
	switch f.Outcome {
	case ingest.WouldCreate:
		profiles, objects = 1, 1
	case ingest.WouldJoin:
		objects = 1
	}
	now := s.stats()
	if n, m := *now.ProfileCount-*f.stats.ProfileCount, *now.ObjectCount-*f.stats.ObjectCount; n != profiles || m != objects {
		s.fail("%s: %d profiles and %d objects more", f.Outcome, n, m)
	}
}

// changed compares the list of changes with the profile that came out.
func (s *sequence) changed(f *foretold, got *profileapi.Profile) {
	s.w.T.Helper()
	b, err := json.Marshal(got)
	if err != nil {
		s.w.T.Fatal(err)
	}
	for _, c := range f.Attach.Changes {
		var at any
		if err := json.Unmarshal(b, &at); err != nil {
			s.w.T.Fatal(err)
		}
		for name := range strings.SplitSeq(c.Path, ".") {
			members, _ := at.(map[string]any)
			at = members[name]
		}
		if c.After == nil && c.Before == nil && at == nil && c.Reason == profile.KeptStrongerSource {
			continue
		}
		if c.After == nil || at != *c.After {
			s.fail("%s is %v, foretold %+v", c.Path, at, c)
		}
		kept := strings.HasPrefix(string(c.Reason), "KEPT_") || c.Reason == profile.Same
		if same := c.Before != nil && *c.Before == *c.After; same != kept {
			s.fail("%s: %s, but the value before and after is the same: %v", c.Path, c.Reason, same)
		}
	}
}

// found searches for the keys that are to be stored.
func (s *sequence) found(f *foretold, id profile.ID) {
	s.w.T.Helper()
	for _, k := range f.Keys {
		if k.Stored && !slices.Contains(s.w.Find(sequenceDomain, k.Name, k.Value), id.String()) {
			s.fail("key %s is not found, foretold to be stored", k.Name)
		}
	}
}

// attached looks for the standard objects.
func (s *sequence) attached(f *foretold, id profile.ID) {
	s.w.T.Helper()
	now := s.standards(id)
	for _, p := range f.Attach.Parts {
		fresh := slices.DeleteFunc(slices.Clone(now[p.Kind]), func(id string) bool { return slices.Contains(f.standards[p.Kind], id) })
		made := p.Outcome == profile.PartCreates
		if made && len(fresh) != 1 || !made && (len(fresh) != 0 || !slices.Contains(now[p.Kind], p.ID.String())) {
			s.fail("%s: %v after %v, foretold %+v", p.Kind, now[p.Kind], f.standards[p.Kind], p)
		}
	}
}

// TestWhatIsForetoldComesTrue: in a random sequence of calls, records are
// previewed and then put, now and then under a definition that is put in between.
func TestWhatIsForetoldComesTrue(t *testing.T) {
	for round := range 6 {
		seed := seedOf(t, 0)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := newSequence(t, ingesttest.Memory, seed)
			s.w.Types.MaxObjects, s.w.Types.MaxBytes = profile.MaxObjects, profile.MaxBytes // what has to leave a full profile is not foretold
			if round%2 == 1 {
				queue := "http://127.0.0.1/000000000000/dlq"
				if _, err := s.w.Domain.UpdateDomain(s.w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: sequenceDomain, DeadLetterQueueUrl: &queue}); err != nil {
					t.Fatal(err)
				}
			}
			seen := map[ingest.Outcome]int{}
			for range 150 {
				s.step()
				s.w.Clock.Step(time.Millisecond)
				name := s.typeName()
				body := s.record(name)
				if s.r.IntN(30) == 0 {
					body = s.one(`[]`, `{}`, `{"id":"1"`)
				}
				if s.r.IntN(5) > 0 {
					f := s.foretell(name, body, nil)
					s.comesTrue(name, body, f)
					seen[f.Outcome]++
					continue
				}
				d := sequenceTypes[name]
				d.Create, d.Priority = s.r.IntN(2) == 0, s.r.IntN(4)
				put := d.Request(sequenceDomain, name)
				f := s.foretell(name, body, func(cfg *domain.Config) (*objecttype.Type, error) { return s.w.TypeService.Candidate(cfg, put) })
				s.w.PutType(sequenceDomain, name, d)
				s.comesTrue(name, body, f)
			}
			if len(seen) < 4 {
				t.Errorf("only the outcomes %v came up", seen)
			}
		})
		if t.Failed() {
			return
		}
	}
}
