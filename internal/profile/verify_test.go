package profile

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
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
	v := &verifier{ctx: ctx, r: seal.NewReader(r, ring), cfg: cfg, index: map[string]uint64{}, unique: map[string]ID{}}
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
	if err := v.leads(byKind['k'], byKind['u']); err != nil {
		return nil, err
	}
	for kind, list := range byKind {
		if !bytes.Contains([]byte("cnpkuje"), []byte{kind}) {
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
	index  map[string]uint64 // counts that the index must hold, by place
	unique map[string]ID     // owners that the unique keys must name, by place
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
}

func (v *verifier) profile(p []byte) error {
	s := &stored{manual: &manual{}, objects: map[string]int{}, keys: map[string]bool{}}
	copy(s.id[:], p[len(v.cfg.ID.Prefix())+1:])
	list, err := v.scan(p)
	if err != nil {
		return err
	}
	for _, rec := range list {
		if bytes.Equal(rec.Key.Sort, headSort) {
			if s.head, err = openHead(v.r, rec.Key, rec.Value); err != nil {
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
	v.checkHead(s)
	v.checkObjects(s)
	v.checkStandards(s)
	v.expect(s)
	v.totals.Profiles++
	v.totals.Metered += domain.Metered(len(s.contributions))
	v.totals.Objects += int64(len(s.contributions))
	for _, k := range s.contributions {
		v.totals.Bytes += int64(k.size)
	}
	return nil
}

func (v *verifier) record(s *stored, rec store.Record) error {
	sort := rec.Key.Sort
	if sort[0] == 'k' {
		s.keys[string(sort)] = true
		return nil
	}
	sealed := rec.Value
	if bytes.Equal(sort, headSort) {
		_, sealed, _ = seal.SecretOf(sealed) // it has been opened once already
	}
	value, err := s.view.Open(rec.Key, sealed)
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
	seen := map[uint64]bool{}
	var size int64
	for _, k := range s.contributions {
		facts = append(facts, k.facts...)
		size += int64(k.size)
	}
	for i := range facts {
		if f := &facts[i]; f.Seq == 0 || f.Seq > s.head.seq || seen[f.Seq] {
			v.wrong("profile %s: fact %s has the place %d of %d", s.id, f.Path, f.Seq, s.head.seq)
		}
		seen[facts[i].Seq] = true
	}
	want := *s.head
	want.facts = Fold(facts)
	want.derived = deriveKeys(want.facts, v.cfg.Info.Settings.DefaultCountry)
	want.objects, want.bytes = len(s.contributions), size
	if !bytes.Equal(want.encode(), s.headBytes) {
		v.wrong("profile %s: the head\n%+v\nis not the fold\n%+v", s.id, *s.head, want)
	}
}

// checkObjects compares contributions with the objects that brought them.
func (v *verifier) checkObjects(s *stored) {
	for _, k := range s.contributions {
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
	facts, keys := map[name][]Fact{}, map[name]map[Key]int{}
	for _, k := range s.contributions {
		for _, p := range k.parts {
			n := name{p.kind, p.id}
			facts[n] = append(facts[n], p.facts...)
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
		want.facts, want.keys, want.counts = Fold(facts[n]), slices.Collect(maps.Keys(keys[n])), nil
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
