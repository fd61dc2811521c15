package profile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// profileType is the object type of what happens to a profile itself.
const profileType = "_profile"

// happening is one thing that happened to a profile, of the log or not.
type happening struct {
	entry
	base    ID            // the base profile it happened to
	current *contribution // of the last ingestion of an object
}

// id names it on the wire: its place and half of the base profile's id.
func (h *happening) id() string {
	var id ID
	binary.BigEndian.PutUint64(id[:], h.seq)
	copy(id[8:], h.base[:8])
	return id.String()
}

// place orders what happened, the newest first.
func (h *happening) place() []byte {
	b := binary.BigEndian.AppendUint64(nil, descending(h.at))
	b = binary.BigEndian.AppendUint64(b, ^h.seq)
	return append(b, h.base[:]...)
}

func (h *happening) objectType() string {
	if h.origin.Type != "" {
		return h.origin.Type
	}
	return profileType
}

func (h *happening) uniqueKey() *string {
	if h.origin.Type == "" {
		return nil
	}
	return new(h.origin.UniqueKey())
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ListProfileHistoryRecords lists what happened to a profile, the newest first:
// who made, changed, merged or deleted it, and each ingestion of an object that
// it has. A profile that has been merged into another has its own up to then, one
// that is gone the record of its end.
func (s *Service) ListProfileHistoryRecords(ctx context.Context, in *profileapi.ListProfileHistoryRecordsRequest) (*profileapi.ListProfileHistoryRecordsResponse, error) {
	limit := 100
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	value := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	var out *profileapi.ListProfileHistoryRecordsResponse
	err := s.domains.View(ctx, in.DomainName, func(cfg *domain.Config, r *seal.Reader) error {
		args := []string{cfg.ID.String(), in.ProfileId, value(in.ObjectTypeName), value(in.ActionType), value(in.PerformedBy)}
		var from []byte
		if in.NextToken != nil {
			var err error
			if from, err = s.pages.Open("ListProfileHistoryRecords", args, *in.NextToken); err != nil {
				return err
			}
		}
		all, err := history(ctx, r, cfg.ID, in.ProfileId)
		if err != nil {
			return err
		}
		out = &profileapi.ListProfileHistoryRecordsResponse{ProfileHistoryRecords: []profileapi.ProfileHistoryRecord{}}
		for _, h := range all {
			if bytes.Compare(h.place(), from) <= 0 ||
				in.ObjectTypeName != nil && h.objectType() != *in.ObjectTypeName ||
				in.ActionType != nil && actionNames[h.action] != *in.ActionType ||
				in.PerformedBy != nil && h.by != *in.PerformedBy {
				continue
			}
			if len(out.ProfileHistoryRecords) == limit {
				out.NextToken, err = domain.NextToken(s.pages, "ListProfileHistoryRecords", args, from)
				return err
			}
			from = h.place()
			at := time.UnixMicro(h.at).UTC()
			out.ProfileHistoryRecords = append(out.ProfileHistoryRecords, profileapi.ProfileHistoryRecord{Id: h.id(), ObjectTypeName: h.objectType(),
				CreatedAt: at, LastUpdatedAt: &at, ActionType: actionNames[h.action], ProfileObjectUniqueKey: h.uniqueKey(), PerformedBy: text(h.by)})
		}
		return nil
	})
	return out, err
}

// GetProfileHistoryRecord answers one record with its content: of an ingestion
// the object, or, once it has been replaced, the values that it gave; of keys
// those; of anything else the profile as it stood after it.
func (s *Service) GetProfileHistoryRecord(ctx context.Context, in *profileapi.GetProfileHistoryRecordRequest) (*profileapi.GetProfileHistoryRecordResponse, error) {
	var out *profileapi.GetProfileHistoryRecordResponse
	err := s.domains.View(ctx, in.DomainName, func(cfg *domain.Config, r *seal.Reader) error {
		all, err := history(ctx, r, cfg.ID, in.ProfileId)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(h happening) bool { return h.id() == in.Id })
		if i < 0 {
			return fault.New(fault.NotFound, "The profile has no history record with the Id %s", in.Id)
		}
		h := &all[i]
		at := time.UnixMicro(h.at).UTC()
		out = &profileapi.GetProfileHistoryRecordResponse{Id: h.id(), ObjectTypeName: h.objectType(), CreatedAt: at, LastUpdatedAt: &at,
			ActionType: actionNames[h.action], ProfileObjectUniqueKey: h.uniqueKey(), PerformedBy: text(h.by)}
		out.Content, err = h.content(ctx, r, cfg)
		return err
	})
	return out, err
}

func (h *happening) content(ctx context.Context, r *seal.Reader, cfg *domain.Config) (*string, error) {
	var v any
	switch {
	case h.current != nil:
		heads, err := readHeads(ctx, r, cfg.ID, []ID{h.base})
		if err != nil || heads[0] == nil {
			return nil, err
		}
		b, err := r.Under(heads[0].secret).Get(ctx, store.Key{Partition: partition(cfg.ID, h.base), Sort: objectSort(h.origin, h.current.order)})
		if err != nil {
			return nil, fmt.Errorf("object: %w", err)
		}
		return text(string(b[0])), nil
	case h.version != nil:
		values := map[string]any{}
		for i := range h.version.facts {
			f := &h.version.facts[i]
			if values[f.Path] = f.Text; f.IsList {
				values[f.Path] = f.List
			}
		}
		v = values
	case h.action == addedKey || h.action == deletedKey:
		keys := map[string][]string{}
		for _, k := range h.keys {
			keys[k.Name] = append(keys[k.Name], k.Value)
		}
		v = keys
	case h.action == created, h.action == updated, h.action == merged:
		w := &when{ctx: ctx, r: r, d: cfg.ID, at: h.at, seq: h.seq}
		if h.seq == 0 { // with what made it
			w.seq = math.MaxUint64
		}
		id, facts, err := w.profile(h.base)
		if fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) {
			return nil, nil // what there is does not reach back that far any more
		}
		if err != nil {
			return nil, err
		}
		p, err := shape(id, facts)
		if err != nil {
			return nil, err
		}
		v = p
	default:
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	return plain(b)
}

// plain is a JSON object without the members that are null.
func plain(b []byte) (*string, error) {
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	var prune func(map[string]any)
	prune = func(m map[string]any) {
		for name, x := range m {
			if below, ok := x.(map[string]any); ok {
				prune(below)
			} else if x == nil {
				delete(m, name)
			}
		}
	}
	prune(v)
	out, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	return text(string(out)), nil
}

// history gathers all that happened to a profile, the newest first.
func history(ctx context.Context, r *seal.Reader, d domain.ID, profileID string) ([]happening, error) {
	id, ok := ParseID(profileID)
	if !ok {
		return nil, noProfile(profileID)
	}
	heads, err := readHeads(ctx, r, d, []ID{id})
	if err != nil {
		return nil, err
	}
	if heads[0] == nil {
		return grave(ctx, r, d, id)
	}
	since := map[ID]uint64{id: 0}
	if heads[0].role == rootOfGroup {
		g, err := readGroup(ctx, r.Under(heads[0].secret), d, id)
		if err != nil {
			return nil, err
		}
		if since, err = joined(ctx, r, d, id, g); err != nil {
			return nil, err
		}
	}
	var all []happening
	for m, after := range since {
		list, err := happenings(ctx, r, d, m)
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(list, func(h happening) bool {
			return h.seq < after || m != id && h.action == deletedByMerge
		})...)
	}
	slices.SortFunc(all, func(a, b happening) int { return bytes.Compare(a.place(), b.place()) })
	if heads[0].role == mergedAway { // the rest is the history of the one it is part of now
		if i := slices.IndexFunc(all, func(h happening) bool { return h.action == deletedByMerge }); i > 0 {
			all = all[i:]
		}
	}
	return all, nil
}

// joined tells for each member of a group since when, in the order of arrival, it
// has been part of the root.
func joined(ctx context.Context, r *seal.Reader, d domain.ID, root ID, g *group) (map[ID]uint64, error) {
	bases, err := readOutlines(ctx, r, d, append(slices.Clone(g.members), root))
	if err != nil {
		return nil, err
	}
	up := map[ID]*merge{}
	for _, m := range standingMerges(bases) {
		for _, id := range m.merged {
			up[id] = m
		}
	}
	since := map[ID]uint64{root: 0}
	for _, id := range g.members {
		var last uint64
		at := id
		if s := g.satellite(id); s != nil {
			at, last = s.anchor, 1 // it has never been anything else
		}
		for m := up[at]; m != nil; m = up[at] {
			at, last = m.main, max(last, m.seq)
		}
		if g.satellite(id) != nil {
			last = 0
		}
		since[id] = last
	}
	return since, nil
}

// happenings reads what happened to a base profile.
func happenings(ctx context.Context, r *seal.Reader, d domain.ID, id ID) ([]happening, error) {
	p := partition(d, id)
	heads, err := readHeads(ctx, r, d, []ID{id})
	if err != nil || heads[0] == nil {
		return nil, err
	}
	view := r.Under(heads[0].secret)
	log, err := scanLog(ctx, view, p)
	if err != nil {
		return nil, err
	}
	objects, err := scanContributions(ctx, view, p, heads[0], "")
	if err != nil {
		return nil, err
	}
	list := make([]happening, 0, len(log)+len(objects)+1)
	for _, e := range log {
		list = append(list, happening{entry: *e, base: id})
	}
	for _, k := range objects {
		if k.residue() {
			continue // of objects that are gone
		}
		list = append(list, happening{entry: entry{seq: k.seq, at: k.last, action: ingested, by: k.by, origin: k.origin}, base: id, current: k})
	}
	if heads[0].inferred { // nobody's doing, and so not in the log
		list = append(list, happening{entry: entry{at: heads[0].created, action: created}, base: id})
	}
	return list, nil
}

// grave answers how a profile that is gone came to its end.
func grave(ctx context.Context, r *seal.Reader, d domain.ID, id ID) ([]happening, error) {
	k := goneKey(r.Ring(), d, id)
	v, err := r.GetPlain(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("grave: %w", err)
	}
	if v[0] == nil {
		return nil, noProfile(id.String())
	}
	e, err := decodeEntry(logSort(math.MaxUint64), v[0])
	if err != nil {
		return nil, err
	}
	return []happening{{entry: *e, base: id}}, nil
}

// when reads profiles as they were.
type when struct {
	ctx context.Context
	r   *seal.Reader
	d   domain.ID
	at  int64  // microseconds
	seq uint64 // of what happened at that very time, the last that counts

	bases map[ID]*past
}

// past is a base profile with all that is known of what it was.
type past struct {
	base
	log []*entry
}

// had reports whether something had happened.
func (w *when) had(at int64, seq uint64) bool {
	return cmp.Or(cmp.Compare(at, w.at), cmp.Compare(seq, w.seq)) <= 0
}

// came reports whether a fact of an evicted object had come: by its place, where that
// is asked for; else by its time, as that of its arrival is not kept.
func (w *when) came(f *Fact) bool {
	if w.seq == math.MaxUint64 {
		return f.Time <= w.at
	}
	return f.Seq <= w.seq
}

// stood reports whether a merge was standing.
func (w *when) stood(m *merge) bool { return w.had(m.at, m.seq) && (m.undone == 0 || m.undone > w.at) }

// base reads a base profile; nil if it is not there any more.
func (w *when) base(id ID) (*past, error) {
	if b, ok := w.bases[id]; ok {
		return b, nil
	}
	list, err := readBases(w.ctx, w.r, w.d, []ID{id})
	if err != nil {
		return nil, err
	}
	if w.bases == nil {
		w.bases = map[ID]*past{}
	}
	if len(list) == 0 {
		w.bases[id] = nil
		return nil, nil
	}
	log, err := scanLog(w.ctx, list[0].view, partition(w.d, id))
	w.bases[id] = &past{*list[0], log}
	return w.bases[id], err
}

// profile computes what a profile was at the time: which one clients saw of it,
// and what stood there. One that there was not is a NotFound fault.
func (w *when) profile(id ID) (ID, []Fact, error) {
	root := id
	for {
		b, err := w.base(root)
		if err != nil {
			return root, nil, err
		}
		if b == nil || !w.had(b.head.created, 0) {
			return root, nil, fault.New(fault.NotFound, "There was no profile with the ProfileId %s at that time", id)
		}
		i := slices.IndexFunc(b.merges, func(m *merge) bool { return m.main != root && w.stood(m) })
		if i < 0 {
			break
		}
		root = b.merges[i].main
	}
	return w.fold(root)
}

// fold gathers the members that a root had and folds them.
func (w *when) fold(root ID) (ID, []Fact, error) {
	facts := map[ID][]Fact{}
	var merges []*merge
	satellites, err := w.satellites(root)
	if err != nil {
		return root, nil, err
	}
	open := []ID{root}
	for len(open) > 0 {
		id := open[0]
		open = open[1:]
		b, err := w.base(id)
		if err != nil {
			return root, nil, err
		}
		if b == nil {
			continue
		}
		if b.head.forgotten > w.at {
			return root, nil, fault.New(fault.Invalid, "Time: the history of the profile is complete from %s on only",
				time.UnixMicro(b.head.forgotten).UTC().Format(time.RFC3339))
		}
		facts[id] = w.facts(b)
		for _, m := range b.merges {
			if m.main == id && w.stood(m) {
				merges = append(merges, m.decidedAt(w.at))
				open = append(open, m.merged...)
			}
		}
		for _, s := range satellites {
			if s.anchor == id {
				open = append(open, s.id)
			}
		}
	}
	byArrival(merges)
	return root, foldGroup(facts, satellites, merges, nil), nil
}

// satellites are those of the group that the profile belongs to now: they have
// never belonged to another without what they are anchored to.
func (w *when) satellites(id ID) ([]satellite, error) {
	roots, err := rootsOf(w.ctx, w.r, w.d, []ID{id})
	if err != nil {
		return nil, err
	}
	b, err := w.base(roots[0])
	if err != nil || b == nil || b.head.role != rootOfGroup {
		return nil, err
	}
	g, err := readGroup(w.ctx, b.view, w.d, roots[0])
	if err != nil {
		return nil, err
	}
	return g.satellites, nil
}

// facts are those that a base profile had.
func (w *when) facts(b *past) []Fact {
	latest := map[Origin]*contribution{}
	manual := map[string]Fact{}
	object := func(k *contribution) {
		if old := latest[k.origin]; w.had(k.last, k.seq) && (old == nil || k.seq > old.seq) {
			latest[k.origin] = k
		}
	}
	person := func(f Fact) {
		if old, ok := manual[f.Path]; w.had(f.Time, f.Seq) && (!ok || f.Seq > old.Seq) {
			manual[f.Path] = f
		}
	}
	var facts []Fact
	for _, k := range b.contributions {
		if k = k.asOf(w.at, b.id); !k.residue() {
			object(k)
			continue
		}
		// Of objects that are gone only the values are known that may still stand.
		for _, f := range k.facts {
			if w.came(&f) {
				facts = append(facts, f)
			}
		}
	}
	for _, f := range b.manual.facts {
		person(f)
	}
	for _, e := range b.log {
		if e.version != nil {
			object(e.version)
		}
		for _, f := range e.facts {
			person(f)
		}
	}
	for _, k := range latest {
		facts = append(facts, k.facts...)
	}
	for _, f := range manual {
		facts = append(facts, f)
	}
	return facts
}
