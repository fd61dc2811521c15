package profile

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/seal"
)

// MaxDisplaced is how many values a provenance shows of those that one stands
// before.
const MaxDisplaced = 20

// Provenance tells where each field of a profile comes from.
type Provenance struct {
	Successor ID           // the profile under which clients see it
	Fields    []FieldTrace // all fields that BatchGetProfile shows, by path
}

// FieldTrace is the fact that stands for a field, and those that it stands before.
type FieldTrace struct {
	Trace
	Displaced []Trace // the latest first, at most MaxDisplaced
	Passed    int     // how many there are
}

// Trace is a fact and where it came from.
type Trace struct {
	Fact
	At    time.Time // of the fact
	By    string    // ARN of who brought it; empty when that is not known, or it was the service
	Base  ID        // the base profile whose fact it is
	Merge ID        // the merge through which it came; zero if it is the profile's own
}

// Evicted reports whether the fact is of objects that had to leave a full profile.
func (t *Trace) Evicted() bool { return !t.Manual && t.Origin.Object == seal.Hash{} }

// Provenance tells of each field of a profile, or of the one that it has been
// merged into, whose fact it is, and which facts that stands before: those that
// folding passes over, those that the same object or person gave before while the
// log has them, and clearings. A profile that is not there is a NotFound fault.
func (s *Service) Provenance(ctx context.Context, domainName, profileID string) (*Provenance, error) {
	var out *Provenance
	err := s.domains.View(ctx, domainName, func(cfg *domain.Config, r *seal.Reader) error {
		_, root, err := successor(ctx, r, cfg.ID, profileID)
		if err != nil {
			return err
		}
		t, err := readTracing(ctx, r, cfg.ID, root)
		if err != nil {
			return err
		}
		out = &Provenance{Successor: root, Fields: t.fields()}
		return nil
	})
	return out, err
}

// tracing is the fold of a profile with a memory of where facts came from.
type tracing struct {
	root       ID
	traces     []Trace
	kept       int // the first of traces, that are folded; the others are of the log
	satellites []satellite
	merges     []*merge      // that stand
	edges      map[ID]*merge // by the profiles that they merged into another
	through    map[ID]ID     // see cameBy
}

// readTracing reads all facts of a profile that clients see.
func readTracing(ctx context.Context, r *seal.Reader, d domain.ID, root ID) (*tracing, error) {
	t := &tracing{root: root, edges: map[ID]*merge{}, through: map[ID]ID{}}
	heads, err := readHeads(ctx, r, d, []ID{root})
	if err != nil {
		return nil, err
	}
	if heads[0] == nil {
		return nil, noProfile(root.String())
	}
	ids := []ID{root}
	if heads[0].role == rootOfGroup {
		g, err := readGroup(ctx, r.Under(heads[0].secret), d, root)
		if err != nil {
			return nil, err
		}
		ids, t.satellites = append(ids, g.members...), g.satellites
	}
	bases, err := readBases(ctx, r, d, ids)
	if err != nil {
		return nil, err
	}
	t.merges = standingMerges(bases)
	for _, m := range t.merges {
		for _, id := range m.merged {
			t.edges[id] = m
		}
	}
	logs := make([]*givers, len(bases))
	for i, b := range bases {
		log, err := scanLog(ctx, b.view, partition(d, b.id))
		if err != nil {
			return nil, err
		}
		logs[i] = newGivers(log)
		t.add(b, logs[i])
	}
	t.kept = len(t.traces)
	for i, b := range bases {
		t.remember(b, logs[i])
	}
	return t, nil
}

// add takes over the facts that a base profile is folded from.
func (t *tracing) add(b *base, log *givers) {
	for _, f := range b.manual.facts {
		t.trace(b.id, f, log.person(f.Seq))
	}
	for _, k := range b.contributions {
		for _, f := range k.facts {
			t.trace(b.id, f, log.object(k, f.Seq))
		}
	}
}

// remember takes over what the log has beside those: what people wrote before,
// and what objects gave before they came again.
func (t *tracing) remember(b *base, log *givers) {
	type name struct {
		path string
		seq  uint64
	}
	known := map[name]bool{}
	for _, x := range t.traces[:t.kept] {
		if x.Base == b.id {
			known[name{x.Path, x.Seq}] = true
		}
	}
	once := func(f Fact, by string) {
		if n := (name{f.Path, f.Seq}); !known[n] {
			known[n] = true
			t.trace(b.id, f, by)
		}
	}
	for _, e := range log.entries {
		for _, f := range e.facts {
			once(f, e.by)
		}
		if e.version != nil {
			for _, f := range e.version.facts {
				once(f, log.object(e.version, f.Seq))
			}
		}
	}
}

func (t *tracing) trace(base ID, f Fact, by string) {
	t.traces = append(t.traces, Trace{Fact: f, At: time.UnixMicro(f.Time).UTC(), By: by, Base: base, Merge: t.cameBy(base)})
}

// fold folds the first of the traces and gives the places of those that stand.
// Folding does not look at the origin of a fact, so that can say which it is.
func (t *tracing) fold(first int) map[string]int {
	facts := map[ID][]Fact{t.root: nil}
	for i, x := range t.traces[:first] {
		f := x.Fact
		f.Origin = Origin{Type: strconv.Itoa(i)}
		facts[x.Base] = append(facts[x.Base], f)
	}
	for _, m := range t.merges { // a member without facts takes part all the same
		for _, id := range m.sides() {
			facts[id] = append(facts[id], nil...)
		}
	}
	at := map[string]int{}
	for _, f := range foldGroup(facts, t.satellites, t.merges, nil) {
		at[f.Path], _ = strconv.Atoi(f.Origin.Type) // as it was written above
	}
	return at
}

// fields gives each standing fact with those that it stands before.
func (t *tracing) fields() []FieldTrace {
	standing := t.fold(t.kept)
	byPath := map[string][]Trace{}
	for i, x := range t.traces {
		if at, ok := standing[x.Path]; ok && at != i {
			byPath[x.Path] = append(byPath[x.Path], x)
		}
	}
	out := make([]FieldTrace, 0, len(standing))
	for path, i := range standing {
		if !shown(path) {
			continue
		}
		list := byPath[path]
		slices.SortFunc(list, func(a, b Trace) int {
			return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Seq, a.Seq), compareIDs(a.Base, b.Base))
		})
		out = append(out, FieldTrace{Trace: t.traces[i], Displaced: list[:min(len(list), MaxDisplaced)], Passed: len(list)})
	}
	slices.SortFunc(out, func(a, b FieldTrace) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// cameBy is the merge since which a base profile has been one with the root; of a
// satellite, that which made the profiles one for which it is there.
func (t *tracing) cameBy(base ID) ID {
	if id, ok := t.through[base]; ok {
		return id
	}
	together := []ID{base, t.root}
	for _, s := range t.satellites {
		if s.id == base {
			together = s.hits
		}
	}
	paths := make([][]ID, len(together))
	for i, id := range together {
		paths[i] = t.path(id)
	}
	for common(paths) {
		for i, p := range paths {
			paths[i] = p[:len(p)-1]
		}
	}
	var last *merge
	for _, p := range paths {
		if len(p) == 0 {
			continue
		}
		if m := t.edges[p[len(p)-1]]; m != nil && (last == nil || m.seq > last.seq) {
			last = m
		}
	}
	t.through[base] = ID{}
	if last != nil {
		t.through[base] = last.id
	}
	return t.through[base]
}

// path is a profile with all those that it is merged into, one after another.
func (t *tracing) path(id ID) []ID {
	list := []ID{id}
	for m := t.edges[id]; m != nil; m = t.edges[id] {
		id = m.main
		list = append(list, id)
	}
	return list
}

// common reports whether paths end in the same profile.
func common(paths [][]ID) bool {
	for _, p := range paths {
		if len(p) == 0 || p[len(p)-1] != paths[0][len(paths[0])-1] {
			return false
		}
	}
	return true
}

// shown reports whether the API's profile has a field.
func shown(path string) bool {
	return path == engagement || strings.HasPrefix(path, attributes) || member(&profileapi.Profile{}, path) != nil
}

// givers tells from a log who brought facts.
type givers struct {
	entries []*entry
	people  map[uint64]string   // by the place of the fact
	objects map[Origin][]*entry // former ingestions, the oldest first
}

func newGivers(log []*entry) *givers {
	g := &givers{entries: log, people: map[uint64]string{}, objects: map[Origin][]*entry{}}
	for _, e := range log {
		for i := range e.facts {
			g.people[e.facts[i].Seq] = e.by
		}
		if e.version != nil {
			g.objects[e.origin] = append(g.objects[e.origin], e)
		}
	}
	return g
}

func (g *givers) person(seq uint64) string { return g.people[seq] }

// object is who made the ingestion of an object that brought a fact of it, which
// has its place right behind that of the ingestion.
func (g *givers) object(k *contribution, seq uint64) string {
	if k.seq < seq {
		return k.by
	}
	by := ""
	for _, e := range g.objects[k.origin] {
		if e.seq < seq {
			by = e.by
		}
	}
	return by
}
