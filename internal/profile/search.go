package profile

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

const (
	defaultPage = 20  // of SearchProfiles and ListProfileObjects
	maxValues   = 100 // of all keys of one search
	// andChunk is how many profiles of its first key a search with AND tests at
	// a time, and andChunks how many times in one call: a search that finds
	// nothing among so many answers an empty page and a token to go on with.
	andChunk  = 200
	andChunks = 50
)

// term is one key of a search with the places in the index where its values are.
type term struct {
	name   string
	values []value
}

type value struct {
	given  string
	direct ID // of _profileId
	hashes []seal.Hash
}

// SearchProfiles finds profiles by one to five keys, in the order of their ids.
// Several keys are combined with OR unless AND is asked for; several values of
// one key are alternatives.
func (s *Service) SearchProfiles(ctx context.Context, in *profileapi.SearchProfilesRequest) (*profileapi.SearchProfilesResponse, error) {
	limit := defaultPage
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	asked := append([]profileapi.AdditionalSearchKey{{KeyName: in.KeyName, Values: in.Values}}, in.AdditionalSearchKeys...)
	and := in.LogicalOperator != nil && *in.LogicalOperator == "AND"
	out := &profileapi.SearchProfilesResponse{}
	err := s.domains.View(ctx, in.DomainName, func(cfg *domain.Config, r *seal.Reader) error {
		*out = profileapi.SearchProfilesResponse{Items: []profileapi.Profile{}}
		args := searchArgs(cfg.ID, asked, and)
		var from []byte
		if in.NextToken != nil {
			var err error
			if from, err = s.pages.Open("SearchProfiles", args, *in.NextToken); err != nil {
				return err
			}
		}
		terms, err := s.terms(cfg, r, asked)
		if err != nil {
			return err
		}
		q := &search{ctx: ctx, r: r, d: cfg.ID, terms: terms}
		var found []found
		var next []byte
		if and {
			found, next, err = q.all(from, limit)
		} else {
			found, next, err = q.any(from, limit)
		}
		if err != nil {
			return err
		}
		if next != nil {
			if out.NextToken, err = domain.NextToken(s.pages, "SearchProfiles", args, next); err != nil {
				return err
			}
		}
		return q.shape(found, and, asked, out)
	})
	return out, err
}

func searchArgs(of domain.ID, asked []profileapi.AdditionalSearchKey, and bool) []string {
	args := []string{of.String(), strconv.FormatBool(and)}
	for _, k := range asked {
		args = append(append(args, k.KeyName, strconv.Itoa(len(k.Values))), k.Values...)
	}
	return args
}

// terms normalises what is searched for. A key that the domain does not know
// finds nothing, and so does an empty value.
func (s *Service) terms(cfg *domain.Config, r *seal.Reader, asked []profileapi.AdditionalSearchKey) ([]term, error) {
	terms := make([]term, len(asked))
	n := 0
	for i, k := range asked {
		terms[i].name = k.KeyName
		if n += len(k.Values); n > maxValues {
			return nil, fault.New(fault.Invalid, "Values: a search has at most %d values", maxValues)
		}
		lists := s.types.KeyTypes(cfg, k.KeyName)
		for _, text := range k.Values {
			v := value{given: text}
			if k.KeyName == profileIDKey {
				v.direct, _ = ParseID(text)
			} else if len(lists) > 0 {
				for _, form := range normalForms(lists, text, cfg.Info.Settings.DefaultCountry) {
					v.hashes = append(v.hashes, r.Ring().Identify(identKey, k.KeyName, form))
				}
			}
			terms[i].values = append(terms[i].values, v)
		}
	}
	return terms, nil
}

type search struct {
	ctx   context.Context
	r     *seal.Reader
	d     domain.ID
	terms []term
	hits  map[ID][]hit // by whom each id was found
}

// hit is a value of a term that a profile has.
type hit struct{ term, value int }

// found is a profile that a search has found.
type found struct {
	id    ID
	hits  []hit
	facts []Fact
}

// any finds the profiles that some term finds: those of the smallest base
// profiles above from. next is the position to go on from, nil at the end.
func (q *search) any(from []byte, limit int) (list []found, next []byte, err error) {
	if err := q.scan(q.terms, 0, from, limit+1); err != nil {
		return nil, nil, err
	}
	ids := sortedIDs(q.hits)
	if len(ids) > limit {
		ids = ids[:limit]
		next = bytes.Clone(ids[limit-1][:])
	}
	list, err = q.read(ids, len(q.terms))
	return list, next, err
}

// read turns base profiles that were found into what clients see. A merged
// profile stands at the place of its smallest member that one of the first so
// many terms finds, so that it is found once, whatever the pages.
func (q *search) read(ids []ID, deciding int) ([]found, error) {
	heads, err := readShown(q.ctx, q.r, q.d, ids)
	if err != nil {
		return nil, err
	}
	var list []found
	for i, h := range heads {
		switch {
		case h == nil: // an id that was searched for and is nobody's
		case h.role == alone:
			list = append(list, found{ids[i], q.hits[ids[i]], h.facts})
		default:
			f, err := q.merged(ids[i], deciding)
			if err != nil {
				return nil, err
			}
			if f != nil {
				list = append(list, *f)
			}
		}
	}
	return list, nil
}

// merged is the group of a base profile if it stands at the place of that one.
func (q *search) merged(id ID, deciding int) (*found, error) {
	roots, err := rootsOf(q.ctx, q.r, q.d, []ID{id})
	if err != nil {
		return nil, err
	}
	heads, err := readShown(q.ctx, q.r, q.d, roots)
	if err != nil {
		return nil, err
	}
	if heads[0] == nil {
		return nil, fmt.Errorf("profile %s is merged into %s, which is not there: %w", id, roots[0], store.ErrCorrupt)
	}
	g, err := readGroup(q.ctx, q.r.Under(heads[0].secret), q.d, roots[0])
	if err != nil {
		return nil, err
	}
	f := &found{id: roots[0], facts: g.facts}
	members := append(slices.Clone(g.members), roots[0])
	slices.SortFunc(members, compareIDs)
	var keys []store.Key
	type asked struct {
		member ID
		hit    hit
	}
	var whose []asked
	var place *ID
	note := func(a asked) {
		if !slices.Contains(f.hits, a.hit) {
			f.hits = append(f.hits, a.hit)
		}
		if a.hit.term < deciding && (place == nil || compareIDs(a.member, *place) < 0) {
			place = &a.member
		}
	}
	for _, m := range members {
		for t, term := range q.terms {
			for v, val := range term.values {
				if val.direct == m && m == roots[0] {
					note(asked{m, hit{t, v}})
				}
				for _, h := range val.hashes {
					for _, class := range [...]byte{matching, findable} {
						keys = append(keys, indexKey(q.d, h, class, m))
						whose = append(whose, asked{m, hit{t, v}})
					}
				}
			}
		}
	}
	values, err := q.r.GetPlain(q.ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	for i, v := range values {
		if v != nil {
			note(whose[i])
		}
	}
	if place == nil || *place != id {
		return nil, nil
	}
	return f, nil
}

// meets reports whether every term has found the profile.
func (q *search) meets(f *found) bool {
	for t := range q.terms {
		if !slices.ContainsFunc(f.hits, func(h hit) bool { return h.term == t }) {
			return false
		}
	}
	return true
}

// scan gathers the first limit ids above from of every value of the terms.
func (q *search) scan(terms []term, first int, from []byte, limit int) error {
	var spans []store.Span
	var whose []hit
	if q.hits == nil {
		q.hits = map[ID][]hit{}
	}
	var none ID
	for t, term := range terms {
		for v, val := range term.values {
			h := hit{first + t, v}
			if val.direct != none && bytes.Compare(val.direct[:], from) > 0 {
				q.note(val.direct, h) // whether it exists shows when it is read
			}
			for _, hash := range val.hashes {
				p := indexPartition(q.d, hash)
				for _, class := range [...]byte{matching, findable} {
					start := append([]byte{class}, from...)
					if len(from) > 0 {
						start = append(start, 0)
					}
					spans = append(spans, store.Span{Partition: p, Start: start, End: []byte{class + 1}, Limit: limit})
					whose = append(whose, h)
				}
			}
		}
	}
	if len(spans) == 0 {
		return nil
	}
	lists, err := q.r.ScanPlain(q.ctx, spans...)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	for i, list := range lists {
		for _, rec := range list {
			q.note(ID(rec.Key.Sort[1:]), whose[i])
		}
	}
	return nil
}

func (q *search) note(id ID, h hit) {
	if !slices.Contains(q.hits[id], h) {
		q.hits[id] = append(q.hits[id], h)
	}
}

// all finds the profiles that every term finds, by testing those of the first.
func (q *search) all(from []byte, limit int) (list []found, next []byte, err error) {
	for range andChunks {
		q.hits = nil
		if err := q.scan(q.terms[:1], 0, from, andChunk); err != nil {
			return nil, nil, err
		}
		candidates := sortedIDs(q.hits)
		// Beyond the first andChunk ids a span that was cut short may be missing some.
		more := len(candidates) >= andChunk
		if more {
			candidates = candidates[:andChunk]
		}
		if candidates, err = q.meeting(candidates); err != nil {
			return nil, nil, err
		}
		for len(candidates) > 0 {
			if len(list) == limit {
				return list, from, nil
			}
			part := candidates[:min(len(candidates), limit-len(list))]
			candidates = candidates[len(part):]
			read, err := q.read(part, 1)
			if err != nil {
				return nil, nil, err
			}
			list = append(list, slices.DeleteFunc(read, func(f found) bool { return !q.meets(&f) })...)
			from = bytes.Clone(part[len(part)-1][:])
		}
		if !more {
			return list, nil, nil
		}
		last := sortedIDs(q.hits)[andChunk-1]
		from = bytes.Clone(last[:])
	}
	return list, from, nil
}

// meeting keeps the candidates that every term finds, and those that belong to
// merged profiles, of which other members may be found.
func (q *search) meeting(candidates []ID) ([]ID, error) {
	if len(q.terms) == 1 {
		return candidates, nil
	}
	keys := make([]store.Key, 0, 2*len(candidates))
	for _, id := range candidates {
		p := partition(q.d, id)
		keys = append(keys, store.Key{Partition: p, Sort: intoSort}, store.Key{Partition: p, Sort: groupSort})
	}
	values, err := q.r.GetPlain(q.ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("merged profiles: %w", err)
	}
	var single, kept []ID
	for i, id := range candidates {
		if values[2*i] == nil && values[2*i+1] == nil {
			single = append(single, id)
		} else {
			kept = append(kept, id)
		}
	}
	for t := 1; t < len(q.terms) && len(single) > 0; t++ {
		if single, err = q.having(t, single); err != nil {
			return nil, err
		}
	}
	kept = append(kept, single...)
	slices.SortFunc(kept, compareIDs)
	return kept, nil
}

// having keeps the ids that a term finds, and notes by what.
func (q *search) having(t int, ids []ID) ([]ID, error) {
	var keys []store.Key
	var whose []ID
	var what []hit
	for _, id := range ids {
		for v, val := range q.terms[t].values {
			if val.direct == id {
				q.note(id, hit{t, v})
			}
			for _, h := range val.hashes {
				for _, class := range [...]byte{matching, findable} {
					keys = append(keys, indexKey(q.d, h, class, id))
					whose, what = append(whose, id), append(what, hit{t, v})
				}
			}
		}
	}
	values, err := q.r.GetPlain(q.ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	for i, v := range values {
		if v != nil {
			q.note(whose[i], what[i])
		}
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id ID) bool {
		return !slices.ContainsFunc(q.hits[id], func(h hit) bool { return h.term == t })
	}), nil
}

func sortedIDs(hits map[ID][]hit) []ID {
	ids := make([]ID, 0, len(hits))
	for id := range hits {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

// shape adds profiles that were found to an answer and says by what: with OR the
// values that hit, with AND all that was asked for.
func (q *search) shape(list []found, and bool, asked []profileapi.AdditionalSearchKey, out *profileapi.SearchProfilesResponse) error {
	for _, f := range list {
		p, err := shape(f.id, f.facts)
		if err != nil {
			return err
		}
		if and {
			for _, k := range asked {
				p.FoundByItems = append(p.FoundByItems, profileapi.FoundByKeyValue{KeyName: &k.KeyName, Values: k.Values})
			}
		} else {
			p.FoundByItems = q.foundBy(f.hits)
		}
		out.Items = append(out.Items, *p)
	}
	return nil
}

func (q *search) foundBy(hits []hit) []profileapi.FoundByKeyValue {
	var items []profileapi.FoundByKeyValue
	for t, term := range q.terms {
		var values []string
		for v := range term.values {
			if slices.Contains(hits, hit{t, v}) {
				values = append(values, term.values[v].given)
			}
		}
		if len(values) > 0 {
			items = append(items, profileapi.FoundByKeyValue{KeyName: &q.terms[t].name, Values: values})
		}
	}
	return items
}
