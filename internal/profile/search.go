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
		var ids []ID
		var next []byte
		if and {
			ids, next, err = q.all(from, limit)
		} else {
			ids, next, err = q.any(from, limit)
		}
		if err != nil {
			return err
		}
		if next != nil {
			if out.NextToken, err = domain.NextToken(s.pages, "SearchProfiles", args, next); err != nil {
				return err
			}
		}
		return q.read(ids, and, asked, out)
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

// any finds the profiles that some term finds: the smallest ids above from.
// next is the position to go on from, nil at the end.
func (q *search) any(from []byte, limit int) (ids []ID, next []byte, err error) {
	if err := q.scan(q.terms, 0, from, limit+1); err != nil {
		return nil, nil, err
	}
	ids = sortedIDs(q.hits)
	if len(ids) > limit {
		ids = ids[:limit]
		next = bytes.Clone(ids[limit-1][:])
	}
	return ids, next, nil
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
func (q *search) all(from []byte, limit int) (ids []ID, next []byte, err error) {
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
		for t := 1; t < len(q.terms) && len(candidates) > 0; t++ {
			if candidates, err = q.having(q.terms[t], candidates); err != nil {
				return nil, nil, err
			}
		}
		for _, id := range candidates {
			if len(ids) == limit {
				return ids, bytes.Clone(ids[limit-1][:]), nil
			}
			ids = append(ids, id)
		}
		if !more {
			return ids, nil, nil
		}
		last := sortedIDs(q.hits)[andChunk-1]
		from = bytes.Clone(last[:])
	}
	return ids, from, nil
}

// having keeps the ids that a term finds.
func (q *search) having(t term, ids []ID) ([]ID, error) {
	var keys []store.Key
	var whose []int
	keep := make([]bool, len(ids))
	for i, id := range ids {
		for _, v := range t.values {
			keep[i] = keep[i] || v.direct == id
			for _, h := range v.hashes {
				for _, class := range [...]byte{matching, findable} {
					keys = append(keys, indexKey(q.d, h, class, id))
					whose = append(whose, i)
				}
			}
		}
	}
	found, err := q.r.GetPlain(q.ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	for i, v := range found {
		keep[whose[i]] = keep[whose[i]] || v != nil
	}
	var out []ID
	for i, id := range ids {
		if keep[i] {
			out = append(out, id)
		}
	}
	return out, nil
}

func sortedIDs(hits map[ID][]hit) []ID {
	ids := make([]ID, 0, len(hits))
	for id := range hits {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// read loads the profiles that were found and says by what: with OR the values
// that hit, with AND all that was asked for.
func (q *search) read(ids []ID, and bool, asked []profileapi.AdditionalSearchKey, out *profileapi.SearchProfilesResponse) error {
	heads, err := readHeads(q.ctx, q.r, q.d, ids)
	if err != nil {
		return err
	}
	for i, h := range heads {
		if h == nil {
			continue // an id that was searched for and is nobody's
		}
		p, err := shape(ids[i], h.facts)
		if err != nil {
			return err
		}
		if and {
			for _, k := range asked {
				p.FoundByItems = append(p.FoundByItems, profileapi.FoundByKeyValue{KeyName: &k.KeyName, Values: k.Values})
			}
		} else {
			p.FoundByItems = q.foundBy(q.hits[ids[i]])
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
