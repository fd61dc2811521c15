package activity

import (
	"context"

	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// question is which buckets are asked for.
type question struct {
	granularity string
	first       hour // of the first bucket
	step        hour // hours of a bucket
	n           int
}

// start is the first hour of a bucket.
func (q question) start(i int) hour { return q.first + hour(i)*q.step }

// ask reads a request at an hour.
func ask(in *kindredapi.GetDomainActivityRequest, now hour) (question, error) {
	q := question{granularity: "HOUR", step: 1, n: usualHours}
	limit := MaxHours
	if in.Granularity != nil && *in.Granularity == "DAY" {
		q = question{granularity: "DAY", step: 24, n: usualDays}
		limit = Kept
	}
	if in.Buckets != nil {
		if *in.Buckets > limit {
			return q, fault.New(fault.Invalid, "buckets: at most %d with granularity %s", limit, q.granularity)
		}
		q.n = *in.Buckets
	}
	q.first = now/q.step*q.step - hour(q.n-1)*q.step
	return q, nil
}

// read reads the counts of the buckets, with what this node has not written yet.
func (s *Service) read(ctx context.Context, of domain.ID, q question) ([]count, error) {
	keys := make([]store.Key, 0, q.n*int(kinds))
	for i := range q.n {
		h := q.start(i)
		for k := range kinds {
			if q.step == 24 {
				keys = append(keys, dayKey(of, h.day(), k))
			} else {
				keys = append(keys, hourKey(of, h, k))
			}
		}
	}
	counts := make([]count, q.n)
	err := s.domains.Store().View(ctx, func(r store.Reader) error {
		values, err := r.Count(ctx, keys...)
		for i, v := range values {
			counts[i/int(kinds)][i%int(kinds)] = v
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, n := range s.fresh[of] {
		if i := int((h - q.first) / q.step); h >= q.first && i < q.n {
			for k := range n {
				counts[i][k] += n[k]
			}
		}
	}
	return counts, nil
}
