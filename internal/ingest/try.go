package ingest

import (
	"context"
	"errors"

	"kindred/internal/domain"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
)

// trial is a rehearsal: what is done as ever and then given up. Ingestion itself
// has none.
type trial struct {
	// candidate stands in for the object type of the domain; nil: that in force.
	candidate func(*domain.Config) (*objecttype.Type, error)
	explain   *profile.Explanation // nil: nobody asks
	typ       *objecttype.Type     // set: the type that was tried
}

// errRehearsal gives up a transaction that would have succeeded.
var errRehearsal = errors.New("ingest: rehearsal")

// Try ingests records as [Service.PutInto] does, but sends none to the dead letter
// queue: each that cannot be stored has its error in the results. A rehearsal
// tells what would become of the records and changes nothing; it judges them by
// what is stored, so a profile that an earlier call would have made is not there.
func (s *Service) Try(ctx context.Context, of domain.ID, typeName string, bodies []string, rehearsal bool) ([]Result, error) {
	var as *trial
	if rehearsal {
		as = &trial{}
	}
	_, results, err := s.attempt(ctx, s.identified(of), typeName, bodies, as)
	if err != nil {
		return nil, err
	}
	stored := 0
	for i := range results {
		if results[i].Err == nil {
			stored++
		}
	}
	if !rehearsal {
		s.count("stored", stored)
	}
	return results, nil
}

// Reason is what a dead letter says of an error.
func Reason(err error) string {
	_, text := status(err)
	return text
}
