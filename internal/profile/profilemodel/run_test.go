package profilemodel_test

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"kindred/internal/ingest/ingesttest"
)

// run is a sequence on the model and on every engine.
type run struct {
	t       *testing.T
	seed    uint64
	scope   *scope
	m       *model
	engines []*engine
	names   map[string]string // of profiles and merges, by id
	steps   []step
}

// storageEngines are those that must agree.
var storageEngines = []struct {
	name string
	make ingesttest.Engine
}{{"memory", ingesttest.Memory}, {"embedded", ingesttest.Pebble}, {"postgres", ingesttest.Postgres}}

// newRun begins a sequence on so many of the engines.
func newRun(t *testing.T, seed uint64, on int) *run {
	r := &run{t: t, seed: seed, scope: &scope{TB: t}, m: newModel(), names: map[string]string{}}
	for _, e := range storageEngines[:on] {
		r.chance("begin")
		r.engines = append(r.engines, newEngine(r.scope, e.name, e.make))
	}
	for _, e := range r.engines {
		e.id = r.m.id
		e.unique = func(typ, name string) string {
			return base64.StdEncoding.EncodeToString([]byte(r.m.learned[typ+"/"+name]))
		}
	}
	return r
}

// chance has the engines draw the same random numbers in a step, so that ids are the same
// on all of them.
func (r *run) chance(of string) {
	h := fnv.New64a()
	fmt.Fprint(h, r.seed, of)
	cryptotest.SetGlobalRandom(r.t, h.Sum64())
}

// queries are the steps that change nothing.
var queries = []string{"get", "search", "list", "history", "stats"}

// lookEvery is after how many steps everything is looked at.
const lookEvery = 10

// generated makes steps from the seed; problem is what the first one that is not
// answered as it should be is about.
func (r *run) generated(n int) (problem string) {
	g := newGenerator(r.seed, r.m)
	for i := range n {
		if problem = r.step(g.step()); problem == "" && (i%lookEvery == lookEvery-1 || i == n-1) {
			problem = r.step(step{ID: "end", Op: "look"})
		}
		if problem != "" {
			return problem
		}
	}
	return ""
}

// given makes steps again, and looks at everything after each or after the last.
func (r *run) given(steps []step, each bool) (problem string) {
	for i, s := range steps {
		if problem = r.step(s); problem == "" && (each || i == len(steps)-1) {
			problem = r.look()
		}
		if problem != "" {
			return problem
		}
	}
	return ""
}

func (r *run) step(s step) string {
	if s.Op == "look" {
		return r.look()
	}
	r.steps = append(r.steps, s)
	r.chance(s.ID)
	return r.both(s)
}

// look looks at all that there is.
func (r *run) look() string {
	all := []step{{Op: "stats"}}
	for name := range r.m.ids {
		if name[0] != 'P' {
			continue
		}
		all = append(all, step{Op: "get", Profiles: []string{name}}, step{Op: "history", Profiles: []string{name}, Page: 100})
		if _, missing := r.m.visible(name); missing == "" {
			for _, typ := range append(slices.Clone(typeNames), "_asset", "_case", "_order") {
				all = append(all, step{Op: "list", Profiles: []string{name}, Type: typ, Page: 3})
			}
		}
	}
	for name, values := range map[string][]string{"_email": {"a@x.org", "b@x.org", "c@x.org", "d@x.org"}, "_phone": {"2065550101", "2065550102", "2065550103"},
		"crmId": {"C1", "C2", "C3", "C4", "C5"}, "_fullName": {"ann lund", "ann berg", "ann", "bea lund", "cid"}, "shopId": {"S1", "S2", "S3"}, "onceId": {"N1", "N2", "N3", "N4"},
		"placeId": {"Oslo", "Bergen", "bo N1", "Bo N1", "li N2"}, "deviceSerial": {"SN1", "SN2"}, "_serialNumber": {"SN1"}, "_assetName": {"Lamp"}, "_account": {"C1", "C2"}, "cartNo": {"K1", "K2"}, "repairNo": {"T1"}, "orderNo": {"O1"}} {
		for _, value := range values {
			all = append(all, step{Op: "search", Keys: []searchKey{{name, []string{value}}}, Page: 100})
		}
	}
	for _, s := range all {
		if problem := r.both(s); problem != "" {
			return problem
		}
	}
	return ""
}

// both makes a step everywhere and compares the answers.
func (r *run) both(s step) string {
	s = r.known(s)
	query := slices.Contains(queries, s.Op)
	var replies []reply
	for _, e := range r.engines {
		if !query {
			e.w.Clock.Step(tick * 1000)
		}
		if s.ID != "" {
			r.chance(s.ID)
		}
		replies = append(replies, e.do(s))
	}
	got := replies[0]
	for i, other := range replies {
		if a, b := fmt.Sprintf("%q", got), fmt.Sprintf("%q", other); a != b {
			return fmt.Sprintf("%s\nis answered by %s\n  %s\nand by %s\n  %s", s, r.engines[0].name, a, r.engines[i].name, b)
		}
	}
	for name, k := range got.Unique {
		r.m.learned[name] = k
	}
	var want answer
	if query {
		want = r.m.query(s)
	} else {
		want = r.m.apply(s)
	}
	if problem := r.compare(s, got, want); problem != "" {
		return fmt.Sprintf("%s\nis answered\n  %s\n  %s\nand should be\n  %s\n  %s\n%s", s, got.Err, strings.Join(r.named(s, got.Lines), "\n  "), want.Err, strings.Join(want.Lines, "\n  "), problem)
	}
	return ""
}

// known gives what nobody has one name.
func (r *run) known(s step) step {
	name := func(n string) string {
		if r.m.ids[n] == "" {
			return "nobody"
		}
		return n
	}
	s.Profiles = slices.Clone(s.Profiles)
	for i := range s.Profiles {
		s.Profiles[i] = name(s.Profiles[i])
	}
	if s.Op == "unmerge" {
		s.Name = name(s.Name)
	}
	if s.Op == "merge" {
		members := map[string]string{}
		for field, p := range s.Members {
			members[field] = name(p)
		}
		s.Members = members
	}
	records := make([]map[string]string, len(s.Records))
	for i, record := range s.Records {
		records[i] = map[string]string{}
		for field, value := range record {
			if records[i][field] = value; field == "person" {
				records[i][field] = name(value)
			}
		}
	}
	s.Records = records
	keys := slices.Clone(s.Keys)
	for i, k := range keys {
		if k.Name == "_profileId" {
			keys[i].Values = nil
			for _, value := range k.Values {
				keys[i].Values = append(keys[i].Values, name(value))
			}
		}
	}
	s.Keys = keys
	return s
}

var (
	anID     = regexp.MustCompile(`[0-9a-f]{32}`)
	anObject = regexp.MustCompile(`(\w+/)?<(\w+) ([0-9a-f]+)>`)
)

// named has names in the place of ids.
func (r *run) named(s step, lines []string) []string {
	var out []string
	for _, line := range lines {
		line = anObject.ReplaceAllStringFunc(line, func(text string) string {
			parts := anObject.FindStringSubmatch(text)
			for name, k := range r.m.learned {
				if rest, ok := strings.CutPrefix(name, parts[2]+"/"); ok && fmt.Sprintf("%x", k) == parts[3] {
					return parts[1] + rest
				}
			}
			return text
		})
		if s.Op != "list" { // bodies of records have ids as the model has
			line = anID.ReplaceAllStringFunc(line, func(id string) string {
				if name, ok := r.names[id]; ok {
					return name
				}
				return "nobody"
			})
		}
		out = append(out, line)
	}
	return out
}

// compare tells how an answer differs from what the model says. Ids that are new are
// learned from it.
func (r *run) compare(s step, got reply, want answer) string {
	if err := r.named(step{}, []string{got.Err})[0]; err != want.Err {
		return "the errors differ"
	}
	if problem := r.learn(s, got.IDs, want.profiles); problem != "" {
		return problem
	}
	have, should := r.named(s, got.Lines), slices.Clone(want.Lines)
	if len(have) != len(should) {
		return fmt.Sprintf("%d lines, not %d", len(have), len(should))
	}
	for from := 0; from < len(want.ties); {
		to := from
		for to < len(want.ties) && want.ties[to] == want.ties[from] {
			to++
		}
		slices.Sort(have[from:to])
		slices.Sort(should[from:to])
		from = to
	}
	for i := range have {
		if have[i] != should[i] {
			return fmt.Sprintf("line %d is\n  %s\nand not\n  %s", i+1, have[i], should[i])
		}
	}
	return ""
}

// learn takes over the ids of profiles that a step has named.
func (r *run) learn(s step, ids, names []string) string {
	if s.Op == "search" {
		return r.ascending(ids)
	}
	if s.Op == "unmerge" { // those that are known come in the order of their ids
		known := func(id string) bool { return r.names[id] != "" }
		var old, have []string
		for _, id := range ids {
			if known(id) {
				old = append(old, r.names[id])
			}
		}
		for _, name := range names {
			if r.m.ids[name] != "" {
				have = append(have, name)
			}
		}
		slices.Sort(old)
		slices.Sort(have)
		if !slices.Equal(old, have) {
			return fmt.Sprintf("%v stand again, and should %v", old, have)
		}
		ids = slices.DeleteFunc(slices.Clone(ids), known)
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return r.m.ids[name] != "" })
	}
	if len(ids) != len(names) {
		return fmt.Sprintf("%d profiles, not %d", len(ids), len(names))
	}
	for i, id := range ids {
		if id == "" {
			continue // the engine could not tell
		}
		name, known := r.names[id]
		switch {
		case known && name != names[i]:
			return fmt.Sprintf("profile %s, and should be %s", name, names[i])
		case !known && r.m.ids[names[i]] != "":
			return fmt.Sprintf("a new profile, and should be %s", names[i])
		}
		r.names[id], r.m.ids[names[i]] = names[i], id
	}
	return ""
}

// ascending checks that profiles are found in the order of their ids; one that is
// merged stands where one of its members would.
func (r *run) ascending(ids []string) string {
	last := ""
	for _, id := range ids {
		p, missing := r.m.visible(r.names[id])
		if missing != "" || len(r.m.members(p)) > 1 {
			continue
		}
		if id < last {
			return "the profiles are not in the order of their ids"
		}
		last = id
	}
	return ""
}

// ordinary is the first seed of the short form.
const ordinary = 20261126

// TestInvariant7ModelAndEnginesAgree: whatever is called in whatever order, the
// answers, their order and their errors are those of the model, on every engine.
func TestInvariant7ModelAndEnginesAgree(t *testing.T) {
	began := time.Now()
	for i := 0; *forTime > 0 && time.Since(began) < *forTime || *forTime == 0 && i < *seeds; i++ {
		seed := *firstSeed + uint64(i)
		if *firstSeed == 0 && *forTime > 0 {
			seed = rand.Uint64()
		} else if *firstSeed == 0 {
			seed += ordinary // the same each time
		}
		t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) {
			r := newRun(t, seed, len(storageEngines))
			problem := r.generated(*length)
			r.scope.close()
			if problem != "" {
				shrunk, problem := shrink(t, seed, r.steps, problem)
				t.Fatalf("%s\n\nafter\n%s\nTo repeat: go test ./internal/profile/profilemodel -run Agree -model.seed=%d -model.seeds=1 -model.steps=%d",
					problem, script(shrunk), seed, *length)
			}
		})
	}
}
