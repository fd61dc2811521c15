package domain

import (
	"context"
	"fmt"

	"kindred/internal/seal"
	"kindred/internal/store"
)

// What is counted of the transactions of a domain, for who looks at its activity.
const (
	TallyObjects  = iota // ingested, those that replace another included
	TallyProfiles        // made
	TallyMerges
)

// OnTally sets who is told what a transaction of a domain has done, after it has
// committed; told must return at once. It is called where a node is put together.
func (d *Domains) OnTally(told func(ID, seal.Tally)) { d.tallied = told }

// Standing reports whether a domain is there and not being removed. A transaction that
// asks commits only if that is still so.
func (d *Domains) Standing(ctx context.Context, r store.Reader, id ID) (bool, error) {
	rev, err := r.Get(ctx, id.configKey(revisionItem))
	if err != nil {
		return false, fmt.Errorf("domain revision: %w", err)
	}
	return rev[0] != nil, nil
}
