package job

import (
	"context"

	"kindred/internal/domain"
)

// Hold is a job that a node has taken, for tests that play the node.
type Hold = hold

// Take is what Run does with a job that is due.
func (j *Jobs) Take(ctx context.Context, d domain.ID, id ID) (*Hold, error) {
	return j.take(ctx, ref{d, id}, "of a test")
}

// Step, Renew and GiveBack are what Run does with a job that was taken.
func (h *hold) Step(ctx context.Context) bool   { return h.step(ctx) }
func (h *hold) Renew(ctx context.Context) error { return h.renew(ctx) }
func (h *hold) GiveBack(ctx context.Context)    { h.giveBack(ctx) }
func (h *hold) Is(job ID) bool                  { return h.job.id == job }
func (k ID) DueKey(d domain.ID) (p, sort []byte) {
	key := ref{d, k}.dueKey()
	return key.Partition, key.Sort
}

// What the tests measure by.
const (
	MaxAttempts = maxAttempts
	LastPause   = lastPause
)

var (
	Pause      = pause
	ErrLost    = errLost
	ErrSaved   = errSaved
	ErrUnsaved = errUnsaved
)
