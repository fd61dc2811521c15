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

// Fault is something that is stored otherwise than it must be.
type Fault struct {
	// Profile is whose it is; zero if it is nobody's.
	Profile ID
	// Text says what is wrong, by places and kinds, never by what customers have.
	Text string
	// Detail has values too, for tests; see [Inspection.Reveal].
	Detail string
	// Repairable: it is derived from something else, and is made anew with Repair.
	Repairable bool
}

// Inspection checks everything that is stored of a domain's profiles against what
// defines it: profiles, merged ones and standard objects are the fold of their
// contributions, the index, the unique keys, the due times and what leads to merges are
// what profiles say, no more and no less, and the totals count what is there. It reads
// profile by profile, in memory for one. Nothing may change the domain meanwhile.
type Inspection struct {
	Domains *domain.Domains
	Domain  domain.ID
	// Found is told of each finding.
	Found func(*Fault) error
	// Progress, if it is not nil, is told how many profiles have been looked at.
	Progress func(profiles int)
	// Repair makes anew what is derived, where it is wrong: folds, the index, unique
	// keys, due times, what leads to merges, totals. What people and records said is
	// never touched.
	Repair bool
	// Reveal puts customers' values into findings.
	Reveal bool
}

// Run inspects the domain. It returns how many profiles it has, merged-away ones
// included, and an error when it cannot look or repair.
func (i *Inspection) Run(ctx context.Context) (profiles int, err error) {
	cfg, err := i.Domains.ConfigOf(ctx, i.Domain)
	if err != nil {
		return 0, err
	}
	ring, err := i.Domains.Ring(ctx, cfg)
	if err != nil {
		return 0, err
	}
	v := &verifier{ctx: ctx, Inspection: i, st: i.Domains.Store(), cfg: cfg, ring: ring}
	if err := v.profiles(); err != nil {
		return v.seen, err
	}
	if err := v.orphans(); err != nil {
		return v.seen, err
	}
	return v.seen, v.checkTotals()
}

// kinds are those of a domain's partitions.
const kinds = "cnpkuxmzjera"

type verifier struct {
	*Inspection
	ctx    context.Context
	st     store.Store
	cfg    *domain.Config
	ring   *seal.Ring
	seen   int
	leads  map[byte]int // records that lead to profiles and are there, by kind of partition
	totals domain.Totals
	err    error // of reporting or repairing
}

// wrong reports a finding of a profile. detail is shown to tests alone.
func (v *verifier) wrong(id ID, repair func(*seal.Tx), detail any, format string, args ...any) {
	if v.err != nil {
		return
	}
	f := &Fault{Profile: id, Text: fmt.Sprintf(format, args...), Repairable: repair != nil}
	if v.Reveal && detail != nil {
		f.Detail = fmt.Sprintf("%+v", detail)
	}
	if v.err = v.Found(f); v.err != nil || repair == nil || !v.Repair {
		return
	}
	v.err = v.Domains.UpdateOf(v.ctx, v.Domain, func(_ *domain.Config, tx *seal.Tx) error {
		repair(tx)
		return nil
	})
}

// records calls fn for each record of the partitions that start with a prefix.
func (v *verifier) records(prefix []byte, fn func(store.Record) error) error {
	var after store.Key
	for {
		list, err := v.st.ScanPrefix(v.ctx, prefix, after, scanPage)
		if err != nil {
			return err
		}
		for _, rec := range list {
			if err := fn(rec); err != nil {
				return err
			}
			after = rec.Key
		}
		if len(list) < scanPage {
			return nil
		}
	}
}

// profiles inspects each profile of the domain.
func (v *verifier) profiles() error {
	v.leads = map[byte]int{}
	var present []byte
	var list []store.Record
	inspect := func() error {
		if len(list) == 0 {
			return nil
		}
		err := v.profile(list)
		if list, v.seen = list[:0], v.seen+1; v.Progress != nil && v.seen%1000 == 0 {
			v.Progress(v.seen)
		}
		return cmpOr(err, v.err)
	}
	err := v.records(v.cfg.ID.Partition('p'), func(rec store.Record) error {
		if !bytes.Equal(rec.Key.Partition, present) {
			if err := inspect(); err != nil {
				return err
			}
			present = rec.Key.Partition
		}
		list = append(list, rec)
		return nil
	})
	return cmpOr(err, inspect())
}

func cmpOr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// base reads a profile that another one names; nil if there is none.
func (v *verifier) base(id ID) (*stored, error) {
	var list []store.Record
	err := v.records(partition(v.cfg.ID, id), func(rec store.Record) error {
		if len(rec.Key.Partition) == len(partition(v.cfg.ID, id)) {
			list = append(list, rec)
		}
		return nil
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return v.read(list)
}

// orphans looks for records that lead to profiles and that no profile wants. As every one
// that is wanted has been looked for, their number says whether there are any.
func (v *verifier) orphans() error {
	for _, kind := range []byte("kuxm") {
		n := 0
		if err := v.records(v.cfg.ID.Partition(kind), func(store.Record) error { n++; return nil }); err != nil {
			return err
		}
		if n == v.leads[kind] {
			continue
		}
		if err := v.records(v.cfg.ID.Partition(kind), func(rec store.Record) error { return v.orphan(kind, rec) }); err != nil {
			return err
		}
	}
	for kind := range 256 {
		if bytes.IndexByte([]byte(kinds), byte(kind)) >= 0 {
			continue
		}
		list, err := v.st.ScanPrefix(v.ctx, v.cfg.ID.Partition(byte(kind)), store.Key{}, 1)
		if err != nil {
			return err
		}
		for _, rec := range list {
			v.wrong(ID{}, nil, nil, "partition %x is of an unknown kind", rec.Key.Partition)
		}
	}
	return v.err
}

// orphan asks the profile that a record leads to whether it wants it.
func (v *verifier) orphan(kind byte, rec store.Record) error {
	var id ID
	switch at := rec.Key.Sort; {
	case kind == 'k' && len(at) == 1+len(id):
		copy(id[:], at[1:])
	case kind == 'x' && len(at) == len(id):
		copy(id[:], at)
	case len(rec.Value) == len(id):
		copy(id[:], rec.Value)
	}
	s, err := v.base(id)
	if err != nil {
		return err
	}
	if s != nil && s.head != nil {
		v.refold(s)
		if _, wanted := v.wanted(s)[spot(rec.Key)]; wanted {
			return nil
		}
	}
	names := map[byte]string{'k': "an index entry", 'u': "a unique key", 'x': "a due time", 'm': "the way to a merge"}
	v.wrong(id, func(tx *seal.Tx) { tx.Delete(rec.Key) }, nil, "%s leads to it that it does not want: %s", names[kind], spot(rec.Key))
	return v.err
}

func spot(k store.Key) string {
	return hex.EncodeToString(k.Partition) + "/" + hex.EncodeToString(k.Sort)
}

// lead is a record that has to be there.
type lead struct {
	key   store.Key
	value []byte
}

// wanted are the records that must lead to a profile, by their places.
func (v *verifier) wanted(s *stored) map[string]*lead {
	all := map[string]*lead{}
	counts := map[string]uint64{}
	add := func(class byte, k Key) {
		key := indexKey(v.cfg.ID, v.ring.Identify(identKey, k.Name, k.Value), class, s.id)
		at := spot(key)
		counts[at]++
		all[at] = &lead{key, binary.AppendUvarint(nil, counts[at])}
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
		if !k.residue() {
			key := uniqueKey(v.cfg.ID, k.origin)
			all[spot(key)] = &lead{key, s.id[:]}
		}
	}
	for _, o := range s.standards {
		for _, k := range o.derived {
			add(findable, k)
		}
	}
	if s.head.role == rootOfGroup && s.group != nil {
		for _, k := range s.group.derived {
			add(findable, k)
		}
	}
	due := dueKey(v.cfg.ID, s.head.due, s.id)
	all[spot(due)] = &lead{due, []byte{}}
	for _, m := range s.merges {
		if m.main == s.id {
			key := mergeKey(v.cfg.ID, m.id)
			all[spot(key)] = &lead{key, s.id[:]}
		}
	}
	return all
}

// lookedFor compares what leads to a profile with what must.
func (v *verifier) lookedFor(s *stored) error {
	prefix := len(v.cfg.ID.Prefix())
	for page := range slices.Chunk(slices.SortedFunc(maps.Values(v.wanted(s)), func(a, b *lead) int { return bytes.Compare(a.key.Partition, b.key.Partition) }), scanPage) {
		keys := make([]store.Key, len(page))
		for i, l := range page {
			keys[i] = l.key
		}
		var values [][]byte
		if err := v.st.View(v.ctx, func(r store.Reader) (err error) {
			values, err = r.Get(v.ctx, keys...)
			return err
		}); err != nil {
			return err
		}
		for i, l := range page {
			kind := l.key.Partition[prefix]
			if values[i] != nil {
				v.leads[kind]++
			}
			if values[i] == nil || !bytes.Equal(values[i], l.value) {
				v.wrong(s.id, func(tx *seal.Tx) { tx.PutPlain(l.key, l.value) }, nil, "%s is %x, want %x", spot(l.key), values[i], l.value)
				if values[i] == nil && v.Repair {
					v.leads[kind]++
				}
			}
		}
	}
	return v.err
}

func (v *verifier) checkTotals() error {
	var have domain.Totals
	err := v.st.View(v.ctx, func(r store.Reader) (err error) {
		have, err = v.cfg.Totals(v.ctx, r)
		return err
	})
	if err != nil {
		return err
	}
	if have != v.totals {
		less := domain.Totals{Profiles: v.totals.Profiles - have.Profiles, Metered: v.totals.Metered - have.Metered, Objects: v.totals.Objects - have.Objects, Bytes: v.totals.Bytes - have.Bytes}
		v.wrong(ID{}, func(tx *seal.Tx) { v.cfg.Count(tx, 0, less) }, nil, "the totals are %+v, want %+v", have, v.totals)
	}
	return v.err
}
