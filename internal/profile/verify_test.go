package profile

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// verify checks everything that is stored of a domain's profiles against what
// defines it: profiles and standard objects are the fold of their contributions,
// the index and the unique keys are what contributions, added keys, derived keys
// and standard objects say, no more and no less, and the totals count what is
// there. partitions are all partitions of the domain, r reads them in one
// snapshot. It returns what is wrong, in words; an error when it cannot look.
func verify(ctx context.Context, r store.Reader, cfg *domain.Config, ring *seal.Ring, partitions [][]byte) ([]string, error) {
	v := &verifier{ctx: ctx, r: seal.NewReader(r, ring), cfg: cfg, index: map[string]uint64{}, unique: map[string]ID{}, due: map[string]ID{},
		bases: map[ID]*stored{}, merges: map[ID]bool{}}
	byKind := map[byte][][]byte{}
	prefix := len(cfg.ID.Prefix())
	for _, p := range partitions {
		byKind[p[prefix]] = append(byKind[p[prefix]], p)
	}
	for _, p := range byKind['p'] {
		if err := v.profile(p); err != nil {
			return nil, err
		}
	}
	v.groups()
	if err := v.leads(byKind['k'], byKind['u']); err != nil {
		return nil, err
	}
	for _, p := range byKind['m'] {
		if id := ID(p[prefix+1:]); !v.merges[id] {
			v.wrong("merge %s is nobody's", id)
		}
		delete(v.merges, ID(p[prefix+1:]))
	}
	for id := range v.merges {
		v.wrong("nothing leads to merge %s", id)
	}
	if err := v.dues(byKind['x']); err != nil {
		return nil, err
	}
	for kind, list := range byKind {
		if !bytes.Contains([]byte("cnpkuxmzje"), []byte{kind}) {
			v.wrong("partition %x is of an unknown kind", list[0])
		}
	}
	return v.found, v.checkTotals()
}

type verifier struct {
	ctx    context.Context
	r      *seal.Reader
	cfg    *domain.Config
	found  []string
	bases  map[ID]*stored
	merges map[ID]bool       // that something must lead to
	index  map[string]uint64 // counts that the index must hold, by place
	unique map[string]ID     // owners that the unique keys must name, by place
	due    map[string]ID     // whose entries of due times there must be, by place
	totals domain.Totals
}

func (v *verifier) wrong(format string, args ...any) {
	v.found = append(v.found, fmt.Sprintf(format, args...))
}

func spot(k store.Key) string {
	return hex.EncodeToString(k.Partition) + "/" + hex.EncodeToString(k.Sort)
}

// scan reads a whole partition as it is stored.
func (v *verifier) scan(p []byte) (list []store.Record, err error) {
	span := store.Span{Partition: p, Limit: store.MaxScan}
	for {
		page, err := v.r.ScanPlain(v.ctx, span)
		if err != nil {
			return nil, err
		}
		list = append(list, page[0]...)
		if len(page[0]) < span.Limit {
			return list, nil
		}
		span.Start = append(bytes.Clone(list[len(list)-1].Key.Sort), 0)
	}
}

// stored is a profile's partition taken apart.
type stored struct {
	id            ID
	head          *head
	view          *seal.Reader // under the profile's secret
	headBytes     []byte
	manual        *manual
	contributions []*contribution
	standards     []*standardObject
	standardBytes [][]byte
	objects       map[string]int  // size of each object record, by sort key; -1 when its key is out of use
	keys          map[string]bool // sort keys that find standard objects
	group         *group
	groupBytes    []byte
	into          ID
	merges        []*merge
	log           map[uint64]*entry
}

func (v *verifier) profile(p []byte) error {
	s := &stored{manual: &manual{}, objects: map[string]int{}, keys: map[string]bool{}, log: map[uint64]*entry{}}
	copy(s.id[:], p[len(v.cfg.ID.Prefix())+1:])
	list, err := v.scan(p)
	if err != nil {
		return err
	}
	for _, rec := range list {
		if bytes.Equal(rec.Key.Sort, headSort) {
			if s.head, err = openHead(v.r, rec.Key, list[0].Value, rec.Value, decodeHead); err != nil {
				return fmt.Errorf("profile %s, head: %w", s.id, err)
			}
			s.view = v.r.Under(s.head.secret)
		}
	}
	if s.head == nil {
		v.wrong("profile %s has %d records and no head", s.id, len(list))
		return nil
	}
	for _, rec := range list {
		if err := v.record(s, rec); err != nil {
			return fmt.Errorf("profile %s, record %x: %w", s.id, rec.Key.Sort, err)
		}
	}
	if first := s.head.first; first != nil {
		if s.head.objects != 1 {
			v.wrong("profile %s has %d objects and the contribution of one of %s in its head", s.id, s.head.objects, first.origin.Type)
		}
		s.contributions = append(s.contributions, first)
	}
	v.checkHead(s)
	v.checkDue(s)
	v.checkObjects(s)
	v.checkStandards(s)
	v.checkLog(s)
	v.expect(s)
	v.bases[s.id] = s
	v.totals.Objects += int64(s.head.objects) // which checkHead has checked
	v.totals.Bytes += s.head.bytes
	return nil
}

func (v *verifier) record(s *stored, rec store.Record) error {
	sort := rec.Key.Sort
	if sort[0] == 'k' {
		s.keys[string(sort)] = true
		return nil
	}
	if sort[0] == 'i' {
		copy(s.into[:], rec.Value)
		return nil
	}
	if sort[0] == 'a' {
		return nil
	}
	value, err := s.view.Open(rec.Key, rec.Value)
	if sort[0] == 'o' {
		s.objects[string(sort)] = len(value)
		if err != nil {
			s.objects[string(sort)] = -1
		}
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case bytes.Equal(sort, headSort):
		s.headBytes = value
	case bytes.Equal(sort, manualSort):
		s.manual, err = decodeManual(value)
	case bytes.Equal(sort, groupSort):
		s.groupBytes = value
		s.group, err = decodeGroup(value)
	case sort[0] == 'j':
		var m *merge
		m, err = decodeMerge(value)
		s.merges = append(s.merges, m)
	case sort[0] == 'y':
		var e *entry
		if e, err = decodeEntry(sort, value); err == nil {
			s.log[e.seq] = e
		}
	case sort[0] == 'c':
		var o Origin
		var k *contribution
		if o, err = contributionOrigin(sort); err != nil {
			return err
		}
		k, err = decodeContribution(o, value)
		s.contributions = append(s.contributions, k)
	case sort[0] == 's':
		at := bytes.IndexByte(sort, 0)
		var o *standardObject
		o, err = decodeStandard(string(sort[1:at]), ID(sort[at+1:]), value)
		s.standards, s.standardBytes = append(s.standards, o), append(s.standardBytes, value)
	default:
		v.wrong("profile %s has an unknown record %x", s.id, sort)
	}
	return err
}

// checkHead folds the profile anew; the bookkeeping that no fact says is taken
// over.
func (v *verifier) checkHead(s *stored) {
	facts := slices.Clone(s.manual.facts)
	seen := map[string]bool{}
	want := *s.head
	want.objects, want.bytes, want.counts = 0, 0, nil
	for _, k := range s.contributions {
		facts = append(facts, k.facts...)
		if k.residue() {
			v.checkResidue(s, k)
			continue
		}
		want.objects++
		want.bytes += int64(k.size)
		want.counts.add(k.origin.Type, 1)
	}
	for i := range facts {
		if f := &facts[i]; f.Seq == 0 || f.Seq > s.head.seq || seen[fmt.Sprint(f.Seq, f.Path)] {
			v.wrong("profile %s: fact %s has the place %d of %d", s.id, f.Path, f.Seq, s.head.seq)
		}
		seen[fmt.Sprint(facts[i].Seq, facts[i].Path)] = true
		if f := &facts[i]; f.Seq > s.head.latest {
			v.wrong("profile %s: fact %s has the place %d, later than the latest, %d", s.id, f.Path, f.Seq, s.head.latest)
		}
		if facts[i].Cleared && !s.head.cleared {
			v.wrong("profile %s: somebody has removed %s and the head does not know", s.id, facts[i].Path)
		}
	}
	want.facts = Fold(facts)
	want.derived = deriveKeys(want.facts, v.cfg.Info.Settings.DefaultCountry)
	if !bytes.Equal(want.encode(), s.headBytes) {
		v.wrong("profile %s: the head\n%+v\nis not the fold\n%+v", s.id, *s.head, want)
	}
}

// checkLog holds the log against what the head and the contributions say of it.
func (v *verifier) checkLog(s *stored) {
	if len(s.log) != s.head.logged {
		v.wrong("profile %s has %d records in its log, not %d", s.id, len(s.log), s.head.logged)
	}
	versions := map[uint64]bool{}
	for _, k := range s.contributions {
		if k.residue() {
			continue
		}
		if k.seq == 0 || k.seq > s.head.seq || s.log[k.seq] != nil {
			v.wrong("profile %s: the ingestion of %s has the place %d", s.id, k.origin.Type, k.seq)
		}
		for _, seq := range k.versions {
			versions[seq] = true
			if e := s.log[seq]; seq >= s.head.cut && (e == nil || e.version == nil || e.origin != k.origin) {
				v.wrong("profile %s: version %d of %s is not in the log", s.id, seq, k.origin.Type)
			}
		}
	}
	for seq, e := range s.log {
		if e.version != nil && !versions[seq] {
			v.wrong("profile %s: version %d in the log is of no object", s.id, seq)
		}
	}
}

// groups checks what merges have made of profiles against the definition.
func (v *verifier) groups() {
	for id, s := range v.bases {
		for _, m := range s.merges {
			if m.main == id {
				v.merges[m.id] = true
			}
		}
		switch s.head.role {
		case alone:
			v.totals.Profiles++
			v.totals.Metered += domain.Metered(s.head.objects)
			if s.group != nil || s.into != (ID{}) {
				v.wrong("profile %s is alone and has traces of a group", id)
			}
		case mergedAway:
			if root := v.bases[s.into]; root == nil || root.group == nil || !slices.Contains(root.group.members, id) || s.group != nil {
				v.wrong("profile %s is merged into %s, which does not know", id, s.into)
			}
		case rootOfGroup:
			v.totals.Profiles++
			v.group(s)
		}
	}
}

func (v *verifier) group(s *stored) {
	if s.group == nil || s.into != (ID{}) || len(s.group.members) == 0 {
		v.wrong("profile %s is the root of no group", s.id)
		return
	}
	var ends int64
	for _, id := range append(slices.Clone(s.group.members), s.id) {
		if m := v.bases[id]; m != nil {
			ends = max(ends, m.head.expires)
		}
	}
	if s.head.due > dueHour(ends) {
		v.wrong("profile %s has its entry at the hour %d, and its group ends at %d", s.id, s.head.due, dueHour(ends))
	}
	want := *s.group
	want.objects = 0
	facts := map[ID][]Fact{}
	var bases []*base
	for _, id := range append(slices.Clone(s.group.members), s.id) {
		m := v.bases[id]
		if m == nil || id != s.id && m.into != s.id {
			v.wrong("member %s of profile %s does not know", id, s.id)
			return
		}
		want.objects += m.head.objects
		b := &base{id: id, head: m.head, manual: m.manual, contributions: m.contributions, merges: m.merges}
		bases, facts[id] = append(bases, b), b.facts()
		if m.head.seq > s.head.seq {
			v.wrong("member %s of profile %s is ahead of it", id, s.id)
		}
	}
	merges := standingMerges(bases)
	want.facts, want.eras = foldGroup(facts, s.group.satellites, merges, nil), erasOf(merges)
	want.root = &change{cfg: v.cfg}
	want.derived = want.derive()
	if !bytes.Equal(want.encode(), s.groupBytes) {
		v.wrong("profile %s: the group\n%+v\nis not the fold\n%+v", s.id, *s.group, want)
	}
	v.totals.Metered += domain.Metered(want.objects)
	for _, k := range s.group.derived {
		v.index[spot(indexKey(v.cfg.ID, v.r.Ring().Identify(identKey, k.Name, k.Value), findable, s.id))]++
	}
	// The merges are the edges of a tree over all members but the satellites,
	// which hang on one of them.
	up := map[ID]ID{}
	for _, m := range merges {
		for _, id := range m.merged {
			up[id] = m.main
		}
	}
	for _, sat := range s.group.satellites {
		up[sat.id] = sat.anchor
	}
	for id := range facts {
		if top(up, id) != s.id {
			v.wrong("member %s of profile %s hangs on %s", id, s.id, top(up, id))
		}
	}
}

// checkResidue: a residue has values of the profile that may still stand, and
// nothing else.
func (v *verifier) checkResidue(s *stored, k *contribution) {
	if len(k.keys)+len(k.parts)+k.size != 0 || len(k.facts) == 0 && k.before == nil || k.first > k.last {
		v.wrong("profile %s: the residue of %s is %+v", s.id, k.origin.Type, *k)
	}
	for i := range k.facts {
		if f := &k.facts[i]; f.Manual || i > 0 && (k.facts[i-1].Path > f.Path || k.facts[i-1].Path == f.Path && k.facts[i-1].Seq <= f.Seq) {
			v.wrong("profile %s: the residue of %s has the fact %+v", s.id, k.origin.Type, *f)
		}
	}
}

// checkDue: the entry that the head names is not later than what is due first,
// and the profile does not expire before what it has.
func (v *verifier) checkDue(s *stored) {
	first := s.head.expires
	if s.head.role != alone {
		first = math.MaxInt64 // as a whole it expires with its group, see groups
	}
	for _, k := range s.contributions {
		if k.expires > s.head.expires {
			v.wrong("profile %s expires at %d, its object of %s at %d", s.id, s.head.expires, k.origin.Type, k.expires)
		}
		first = min(first, k.expires)
	}
	if s.head.due == 0 || s.head.due > dueHour(first) {
		v.wrong("profile %s has its entry at the hour %d and is due at %d", s.id, s.head.due, dueHour(first))
	}
	v.due[spot(dueKey(v.cfg.ID, s.head.due, s.id))] = s.id
}

// dues compares the index of due times with the heads.
func (v *verifier) dues(partitions [][]byte) error {
	for _, p := range partitions {
		list, err := v.scan(p)
		if err != nil {
			return err
		}
		for _, rec := range list {
			at := spot(rec.Key)
			if _, ok := v.due[at]; !ok || len(rec.Value) != 0 {
				v.wrong("due entry %s with the value %x is no profile's", at, rec.Value)
			}
			delete(v.due, at)
		}
	}
	for at, id := range v.due {
		v.wrong("due entry %s of profile %s is missing", at, id)
	}
	return nil
}

// checkObjects compares contributions with the objects that brought them.
func (v *verifier) checkObjects(s *stored) {
	for _, k := range s.contributions {
		if k.residue() {
			continue
		}
		at := string(objectSort(k.origin, k.order))
		size, ok := s.objects[at]
		delete(s.objects, at)
		switch {
		case !ok:
			v.wrong("profile %s: the object of %s is missing", s.id, k.origin.Type)
		case size >= 0 && size != k.size:
			v.wrong("profile %s: the object of %s has %d bytes, not %d", s.id, k.origin.Type, size, k.size)
		}
		if !slices.Equal(k.keys, uniqueKeys(slices.Clone(k.keys))) {
			v.wrong("profile %s: keys of %s out of order or twice: %v", s.id, k.origin.Type, k.keys)
		}
	}
	for sort := range s.objects {
		v.wrong("profile %s: object %x has no contribution", s.id, sort)
	}
}

// checkStandards folds the standard objects anew.
func (v *verifier) checkStandards(s *stored) {
	type name struct {
		kind string
		id   ID
	}
	facts, keys, parts := map[name][]Fact{}, map[name]map[Key]int{}, map[name]int{}
	for _, k := range s.contributions {
		for _, p := range k.parts {
			n := name{p.kind, p.id}
			facts[n] = append(facts[n], p.facts...)
			parts[n]++
			if keys[n] == nil {
				keys[n] = map[Key]int{}
			}
			for _, key := range p.keys {
				keys[n][key]++
			}
		}
	}
	for i, o := range s.standards {
		n := name{o.kind, o.id}
		if keys[n] == nil {
			v.wrong("profile %s: no contribution speaks of %s %s", s.id, o.kind, o.id)
			continue
		}
		want := *o
		want.facts, want.keys, want.counts, want.parts = Fold(facts[n]), slices.Collect(maps.Keys(keys[n])), nil, parts[n]
		sortKeys(want.keys)
		for _, k := range want.keys {
			want.counts = append(want.counts, keys[n][k])
			at := string(append(standardKeySort(o.kind, v.r.Ring().Identify(identStandard, k.Name, k.Value)), o.id[:]...))
			if !s.keys[at] {
				v.wrong("profile %s: nothing leads from %v to %s %s", s.id, k, o.kind, o.id)
			}
			delete(s.keys, at)
		}
		want.derived = standardKeys(o.kind, o.id, want.facts, v.cfg.Info.Settings.DefaultCountry)
		if !bytes.Equal(want.encode(), s.standardBytes[i]) {
			v.wrong("profile %s: the object %s\n%+v\nis not the fold\n%+v", s.id, o.kind, *o, want)
		}
		delete(keys, n)
	}
	for n := range keys {
		v.wrong("profile %s: %s %s is missing", s.id, n.kind, n.id)
	}
	for sort := range s.keys {
		v.wrong("profile %s: %x leads to no standard object", s.id, sort)
	}
}

// expect gathers what the index must hold of a profile.
func (v *verifier) expect(s *stored) {
	add := func(class byte, k Key) {
		h := v.r.Ring().Identify(identKey, k.Name, k.Value)
		v.index[spot(indexKey(v.cfg.ID, h, class, s.id))]++
	}
	for _, k := range s.manual.keys {
		add(matching, k)
	}
	for _, d := range s.head.derived {
		add(d.class, d.key)
	}
	for _, k := range s.contributions {
		for _, key := range k.keys {
			add(matching, key)
		}
		if k.residue() {
			continue
		}
		at := spot(uniqueKey(v.cfg.ID, k.origin))
		if other, twice := v.unique[at]; twice {
			v.wrong("profiles %s and %s have the same object of %s", other, s.id, k.origin.Type)
		}
		v.unique[at] = s.id
	}
	for _, o := range s.standards {
		for _, k := range o.derived {
			add(findable, k)
		}
	}
}

// leads compares the index and the unique keys with what is expected.
func (v *verifier) leads(index, unique [][]byte) error {
	for _, p := range index {
		list, err := v.scan(p)
		if err != nil {
			return err
		}
		for _, rec := range list {
			n, size := binary.Uvarint(rec.Value)
			at := spot(rec.Key)
			if want := v.index[at]; size != len(rec.Value) || n != want || n == 0 {
				v.wrong("index entry %s counts %d, want %d", at, n, want)
			}
			delete(v.index, at)
		}
	}
	for _, p := range unique {
		list, err := v.scan(p)
		if err != nil {
			return err
		}
		for _, rec := range list {
			at := spot(rec.Key)
			if want, ok := v.unique[at]; !ok || !bytes.Equal(rec.Value, want[:]) {
				v.wrong("unique key %s names %x, want %s", at, rec.Value, want)
			}
			delete(v.unique, at)
		}
	}
	for at, n := range v.index {
		v.wrong("index entry %s is missing, want %d", at, n)
	}
	for at, id := range v.unique {
		v.wrong("unique key %s of profile %s is missing", at, id)
	}
	return nil
}

func (v *verifier) checkTotals() error {
	have, err := v.cfg.Totals(v.ctx, v.r)
	if err != nil {
		return err
	}
	if have != v.totals {
		v.wrong("the totals are %+v, want %+v", have, v.totals)
	}
	return nil
}
