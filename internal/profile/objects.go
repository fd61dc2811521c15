package profile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// ListProfileObjects lists the objects of one type of a profile, newest first:
// by the source's time where the mapping gives one, else by arrival. For a
// standard type these are the standard objects that ingestion has composed.
func (s *Service) ListProfileObjects(ctx context.Context, in *profileapi.ListProfileObjectsRequest) (*profileapi.ListProfileObjectsResponse, error) {
	limit := defaultPage
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	var out *profileapi.ListProfileObjectsResponse
	err := s.domains.View(ctx, in.DomainName, func(cfg *domain.Config, r *seal.Reader) error {
		args := []string{cfg.ID.String(), in.ProfileId, in.ObjectTypeName}
		if f := in.ObjectFilter; f != nil {
			args = append(append(args, f.KeyName), f.Values...)
		}
		var from []byte
		if in.NextToken != nil {
			var err error
			if from, err = s.pages.Open("ListProfileObjects", args, *in.NextToken); err != nil {
				return err
			}
		}
		if !s.types.Known(cfg, in.ObjectTypeName) {
			return fault.New(fault.NotFound, "The object type %s does not exist in the domain", in.ObjectTypeName)
		}
		id, ok := ParseID(in.ProfileId)
		if !ok {
			return noProfile(in.ProfileId)
		}
		members, err := membersOf(ctx, r, cfg.ID, id)
		if err != nil {
			return err
		}
		l := &listing{ctx: ctx, r: r, s: s, members: members, objectType: in.ObjectTypeName, limit: limit, from: from}
		if f := in.ObjectFilter; f != nil {
			l.filter = &Key{Name: f.KeyName}
			for _, v := range f.Values {
				if lists := s.types.KeyTypes(cfg, f.KeyName); len(lists) > 0 {
					l.forms = append(l.forms, normalForms(lists, v, cfg.Info.Settings.DefaultCountry)...)
				}
			}
		}
		var next []byte
		switch {
		case in.ObjectTypeName[0] == '_':
			next, err = l.standards()
		case l.filter != nil:
			next, err = l.filtered()
		default:
			next, err = l.plain()
		}
		if err != nil {
			return err
		}
		out = &profileapi.ListProfileObjectsResponse{Items: l.items}
		if out.Items == nil {
			out.Items = []profileapi.ListProfileObjectsItem{}
		}
		if next != nil {
			if out.NextToken, err = domain.NextToken(s.pages, "ListProfileObjects", args, next); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

type listing struct {
	ctx        context.Context
	r          *seal.Reader
	s          *Service
	members    []place // of the profile
	objectType string
	limit      int
	from       []byte
	filter     *Key
	forms      []string // of the filter's values
	items      []profileapi.ListProfileObjectsItem
}

func (l *listing) add(o Origin, text string) {
	l.items = append(l.items, profileapi.ListProfileObjectsItem{ObjectTypeName: &l.objectType,
		ProfileObjectUniqueKey: new(o.UniqueKey()), Object: &text})
}

// plain pages through the objects in the order of their sort keys.
func (l *listing) plain() (next []byte, err error) {
	var list []store.Record
	for _, m := range l.members {
		span := within(m.partition, named('o', l.objectType, 0), l.limit+1)
		if l.from != nil {
			span.Start = append(bytes.Clone(l.from), 0)
		}
		lists, err := m.view.Scan(l.ctx, span)
		if err != nil {
			return nil, fmt.Errorf("objects: %w", err)
		}
		list = append(list, lists[0]...)
		list = list[:l.first(list)]
	}
	if len(list) > l.limit {
		list = list[:l.limit]
		next = bytes.Clone(list[l.limit-1].Key.Sort)
	}
	for _, rec := range list {
		var o Origin
		if len(rec.Key.Sort) < seal.HashSize {
			return nil, fmt.Errorf("object key: %w", store.ErrCorrupt)
		}
		copy(o.Object[:], rec.Key.Sort[len(rec.Key.Sort)-seal.HashSize:])
		l.add(o, string(rec.Value))
	}
	return next, nil
}

// first brings records of several members into order and tells how many of them
// a page and its continuation take.
func (l *listing) first(list []store.Record) int {
	if len(l.members) > 1 {
		slices.SortFunc(list, func(a, b store.Record) int { return bytes.Compare(a.Key.Sort, b.Key.Sort) })
	}
	return min(len(list), l.limit+1)
}

// filtered looks through the contributions of the type for those with the key.
func (l *listing) filtered() (next []byte, err error) {
	type object struct {
		place
		sort []byte
	}
	var at []object
	for _, m := range l.members {
		all, err := scanContributions(l.ctx, m.view, m.partition, m.head, l.objectType)
		if err != nil {
			return nil, err
		}
		for _, k := range all {
			if sort := objectSort(k.origin, k.order); l.matches(k.allKeys()) && bytes.Compare(sort, l.from) > 0 {
				at = append(at, object{m, sort})
			}
		}
	}
	slices.SortFunc(at, func(a, b object) int { return bytes.Compare(a.sort, b.sort) })
	if len(at) > l.limit {
		at = at[:l.limit]
		next = at[l.limit-1].sort
	}
	for _, o := range at {
		values, err := o.view.Get(l.ctx, store.Key{Partition: o.partition, Sort: o.sort})
		if err != nil {
			return nil, fmt.Errorf("objects: %w", err)
		}
		var origin Origin
		copy(origin.Object[:], o.sort[len(o.sort)-seal.HashSize:])
		l.add(origin, string(values[0]))
	}
	return next, nil
}

// allKeys are the keys of an object, those of its parts included.
func (k *contribution) allKeys() []Key {
	keys := slices.Clone(k.keys)
	for i := range k.parts {
		keys = append(keys, k.parts[i].keys...)
	}
	return keys
}

func (l *listing) matches(keys []Key) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return k.Name == l.filter.Name && slices.Contains(l.forms, k.Value) })
}

// standards lists the standard objects of a kind, the last changed first.
func (l *listing) standards() (next []byte, err error) {
	var all []*standardObject
	for _, m := range l.members {
		list, err := scanStandards(l.ctx, m.view, m.partition, named('s', l.objectType, 0))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	if l.filter != nil {
		all = slices.DeleteFunc(all, func(s *standardObject) bool { return !l.matches(s.keys) && !l.matches(s.derived) })
	}
	position := func(s *standardObject) []byte {
		return append(binary.BigEndian.AppendUint64(nil, descending(s.updated)), s.id[:]...)
	}
	slices.SortFunc(all, func(a, b *standardObject) int {
		return cmp.Or(cmp.Compare(b.updated, a.updated), bytes.Compare(a.id[:], b.id[:]))
	})
	if l.from != nil {
		all = slices.DeleteFunc(all, func(s *standardObject) bool { return bytes.Compare(position(s), l.from) <= 0 })
	}
	if len(all) > l.limit {
		all = all[:l.limit]
		next = position(all[l.limit-1])
	}
	for _, s := range all {
		text, err := l.s.types.Render(s.kind, s.id, s.facts)
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, profileapi.ListProfileObjectsItem{ObjectTypeName: &l.objectType,
			ProfileObjectUniqueKey: new(standardUniqueKey(l.r.Ring(), s)), Object: &text})
	}
	return next, nil
}

// standardUniqueKey is the handle of a standard object on the wire, of the form
// that objects have.
func standardUniqueKey(ring *seal.Ring, s *standardObject) string {
	return NewOrigin(ring, s.kind, s.id.String()).UniqueKey()
}
