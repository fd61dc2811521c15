package profile

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"

	"kindred/internal/domain"
	"kindred/internal/seal"
	"kindred/internal/store"
)

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
	unknown       [][]byte // sort keys
}

// profile inspects a profile, whose records are in list.
func (v *verifier) profile(list []store.Record) error {
	s, err := v.read(list)
	if err != nil {
		return err
	}
	if s.head == nil {
		v.wrong(s.id, nil, nil, "it has %d records and no head", len(list))
		return v.err
	}
	for _, sort := range s.unknown {
		v.wrong(s.id, nil, nil, "it has an unknown record %x", sort)
	}
	if first := s.head.first; first != nil && s.head.objects != 1 {
		v.wrong(s.id, nil, nil, "it has %d objects and the contribution of one of %s in its head", s.head.objects, first.origin.Type)
	}
	v.checkHead(s)
	v.checkDue(s)
	v.checkObjects(s)
	v.checkStandards(s)
	v.checkLog(s)
	if err := v.standing(s); err != nil {
		return err
	}
	v.totals.Objects += int64(s.head.objects) // which checkHead has checked
	v.totals.Bytes += s.head.bytes
	return v.lookedFor(s)
}

// read takes a profile's partition apart.
func (v *verifier) read(list []store.Record) (*stored, error) {
	s := &stored{manual: &manual{}, objects: map[string]int{}, keys: map[string]bool{}, log: map[uint64]*entry{}}
	copy(s.id[:], list[0].Key.Partition[len(v.cfg.ID.Prefix())+1:])
	r := seal.NewReader(nil, v.ring)
	for _, rec := range list {
		if bytes.Equal(rec.Key.Sort, headSort) {
			var err error
			if s.head, err = openHead(r, rec.Key, list[0].Value, rec.Value, decodeHead); err != nil {
				return nil, fmt.Errorf("profile %s, head: %w", s.id, err)
			}
			s.view = r.Under(s.head.secret)
		}
	}
	if s.head == nil {
		return s, nil
	}
	for _, rec := range list {
		if err := s.record(rec); err != nil {
			return nil, fmt.Errorf("profile %s, record %x: %w", s.id, rec.Key.Sort, err)
		}
	}
	if s.head.first != nil {
		s.contributions = append(s.contributions, s.head.first)
	}
	return s, nil
}

func (s *stored) record(rec store.Record) error {
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
		s.unknown = append(s.unknown, sort)
	}
	return err
}

// refold is what the head must be: the fold of what the profile has. The bookkeeping that
// no fact says is taken over.
func (v *verifier) refold(s *stored) (want head, facts []Fact) {
	facts = slices.Clone(s.manual.facts)
	want = *s.head
	want.objects, want.bytes, want.counts = 0, 0, nil
	for _, k := range s.contributions {
		facts = append(facts, k.facts...)
		if k.residue() {
			continue
		}
		want.objects++
		want.bytes += int64(k.size)
		want.counts.add(k.origin.Type, 1)
	}
	want.facts = Fold(facts)
	want.derived = deriveKeys(want.facts, v.cfg.Info.Settings.DefaultCountry)
	return want, facts
}

// checkHead folds the profile anew, and goes on with that.
func (v *verifier) checkHead(s *stored) {
	want, facts := v.refold(s)
	for _, k := range s.contributions {
		if k.residue() {
			v.checkResidue(s, k)
		}
	}
	seen := map[string]bool{}
	for i := range facts {
		f := &facts[i]
		if f.Seq == 0 || f.Seq > s.head.seq || seen[fmt.Sprint(f.Seq, f.Path)] {
			v.wrong(s.id, nil, f.Path, "a fact has the place %d of %d", f.Seq, s.head.seq)
		}
		seen[fmt.Sprint(f.Seq, f.Path)] = true
		if f.Seq > s.head.latest {
			v.wrong(s.id, nil, f.Path, "a fact has the place %d, later than the latest, %d", f.Seq, s.head.latest)
		}
		if f.Cleared && !s.head.cleared {
			v.wrong(s.id, nil, f.Path, "somebody has removed a value and the head does not know")
		}
	}
	if text := want.encode(); !bytes.Equal(text, s.headBytes) {
		key := store.Key{Partition: partition(v.cfg.ID, s.id), Sort: headSort}
		v.wrong(s.id, func(tx *seal.Tx) { tx.Under(s.head.secret).Put(key, text) }, [2]head{*s.head, want}, "the head is not the fold")
		want.secret = s.head.secret
		s.head = &want
	}
}

// checkLog holds the log against what the head and the contributions say of it.
func (v *verifier) checkLog(s *stored) {
	if len(s.log) != s.head.logged {
		v.wrong(s.id, nil, nil, "it has %d records in its log, not %d", len(s.log), s.head.logged)
	}
	versions := map[uint64]bool{}
	for _, k := range s.contributions {
		if k.residue() {
			continue
		}
		if k.seq == 0 || k.seq > s.head.seq || s.log[k.seq] != nil {
			v.wrong(s.id, nil, nil, "the ingestion of %s has the place %d", k.origin.Type, k.seq)
		}
		for _, seq := range k.versions {
			versions[seq] = true
			if e := s.log[seq]; seq >= s.head.cut && (e == nil || e.version == nil || e.origin != k.origin) {
				v.wrong(s.id, nil, nil, "version %d of %s is not in the log", seq, k.origin.Type)
			}
		}
	}
	for seq, e := range s.log {
		if e.version != nil && !versions[seq] {
			v.wrong(s.id, nil, nil, "version %d in the log is of no object", seq)
		}
	}
}

// standing checks what merges have made of a profile.
func (v *verifier) standing(s *stored) error {
	switch s.head.role {
	case alone:
		v.totals.Profiles++
		v.totals.Metered += domain.Metered(s.head.objects)
		if s.group != nil || s.into != (ID{}) {
			v.wrong(s.id, nil, nil, "it is alone and has traces of a group")
		}
	case mergedAway:
		root, err := v.base(s.into)
		if err != nil {
			return err
		}
		if root == nil || root.group == nil || !slices.Contains(root.group.members, s.id) || s.group != nil {
			v.wrong(s.id, nil, nil, "it is merged into %s, which does not know", s.into)
		}
	case rootOfGroup:
		v.totals.Profiles++
		return v.checkGroup(s)
	}
	return nil
}

// checkGroup folds a merged profile anew, from the profiles it is made of.
func (v *verifier) checkGroup(s *stored) error {
	if s.group == nil || s.into != (ID{}) || len(s.group.members) == 0 {
		v.wrong(s.id, nil, nil, "it is the root of no group")
		return nil
	}
	want := *s.group
	want.objects = 0
	facts := map[ID][]Fact{}
	var bases []*base
	var ends int64
	for _, id := range append(slices.Clone(s.group.members), s.id) {
		m := s
		if id != s.id {
			var err error
			if m, err = v.base(id); err != nil {
				return err
			}
		}
		if m == nil || m.head == nil || id != s.id && m.into != s.id {
			v.wrong(s.id, nil, nil, "its member %s does not know", id)
			return nil
		}
		ends = max(ends, m.head.expires)
		want.objects += m.head.objects
		b := &base{id: id, head: m.head, manual: m.manual, contributions: m.contributions, merges: m.merges}
		bases, facts[id] = append(bases, b), b.facts()
		if m.head.seq > s.head.seq {
			v.wrong(s.id, nil, nil, "its member %s is ahead of it", id)
		}
	}
	if s.head.due > dueHour(ends) {
		v.wrong(s.id, nil, nil, "it has its entry at the hour %d, and its group ends at %d", s.head.due, dueHour(ends))
	}
	merges := standingMerges(bases)
	want.facts, want.eras = foldGroup(facts, s.group.satellites, merges, nil), erasOf(merges)
	want.root = &change{cfg: v.cfg}
	want.derived = want.derive()
	want.root = nil
	if text := want.encode(); !bytes.Equal(text, s.groupBytes) {
		key := store.Key{Partition: partition(v.cfg.ID, s.id), Sort: groupSort}
		v.wrong(s.id, func(tx *seal.Tx) { tx.Under(s.head.secret).Put(key, text) }, [2]group{*s.group, want}, "the merged profile is not the fold")
		s.group = &want
	}
	v.totals.Metered += domain.Metered(want.objects)
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
			v.wrong(s.id, nil, nil, "its member %s hangs on %s", id, top(up, id))
		}
	}
	return nil
}

// checkResidue: a residue has values of the profile that may still stand, and
// nothing else.
func (v *verifier) checkResidue(s *stored, k *contribution) {
	if len(k.keys)+len(k.parts)+k.size != 0 || len(k.facts) == 0 && k.before == nil || k.first > k.last {
		v.wrong(s.id, nil, *k, "the residue of %s is none", k.origin.Type)
	}
	for i := range k.facts {
		if f := &k.facts[i]; f.Manual || i > 0 && (k.facts[i-1].Path > f.Path || k.facts[i-1].Path == f.Path && k.facts[i-1].Seq <= f.Seq) {
			v.wrong(s.id, nil, *f, "the residue of %s has a fact that does not belong there", k.origin.Type)
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
			v.wrong(s.id, nil, nil, "it expires at %d, its object of %s at %d", s.head.expires, k.origin.Type, k.expires)
		}
		first = min(first, k.expires)
	}
	if s.head.due == 0 || s.head.due > dueHour(first) {
		v.wrong(s.id, nil, nil, "it has its entry at the hour %d and is due at %d", s.head.due, dueHour(first))
	}
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
			v.wrong(s.id, nil, nil, "the object of %s is missing", k.origin.Type)
		case size >= 0 && size != k.size:
			v.wrong(s.id, nil, nil, "the object of %s has %d bytes, not %d", k.origin.Type, size, k.size)
		}
		if !slices.Equal(k.keys, uniqueKeys(slices.Clone(k.keys))) {
			v.wrong(s.id, nil, k.keys, "keys of %s are out of order or there twice", k.origin.Type)
		}
	}
	for sort := range s.objects {
		v.wrong(s.id, nil, nil, "object %x has no contribution", sort)
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
			v.wrong(s.id, nil, nil, "no contribution speaks of %s %s", o.kind, o.id)
			continue
		}
		want := *o
		want.facts, want.keys, want.counts, want.parts = Fold(facts[n]), slices.Collect(maps.Keys(keys[n])), nil, parts[n]
		sortKeys(want.keys)
		for _, k := range want.keys {
			want.counts = append(want.counts, keys[n][k])
			at := string(append(standardKeySort(o.kind, v.ring.Identify(identStandard, k.Name, k.Value)), o.id[:]...))
			if !s.keys[at] {
				v.wrong(s.id, func(tx *seal.Tx) {
					tx.PutPlain(store.Key{Partition: partition(v.cfg.ID, s.id), Sort: []byte(at)}, []byte{})
				}, k, "nothing leads from a %s to %s %s", k.Name, o.kind, o.id)
			}
			delete(s.keys, at)
		}
		want.derived = standardKeys(o.kind, o.id, want.facts, v.cfg.Info.Settings.DefaultCountry)
		if text := want.encode(); !bytes.Equal(text, s.standardBytes[i]) {
			key := store.Key{Partition: partition(v.cfg.ID, s.id), Sort: standardSort(o.kind, o.id)}
			v.wrong(s.id, func(tx *seal.Tx) { tx.Under(s.head.secret).Put(key, text) }, [2]standardObject{*o, want}, "the object %s %s is not the fold", o.kind, o.id)
			s.standards[i] = &want
		}
		delete(keys, n)
	}
	for n := range keys {
		v.wrong(s.id, nil, nil, "%s %s is missing", n.kind, n.id)
	}
	for sort := range s.keys {
		v.wrong(s.id, func(tx *seal.Tx) { tx.Delete(store.Key{Partition: partition(v.cfg.ID, s.id), Sort: []byte(sort)}) }, nil, "%x leads to no standard object", sort)
	}
}
