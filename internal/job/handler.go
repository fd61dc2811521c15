package job

import (
	"context"
	"errors"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Handler does the work of one kind of job. Its methods are called from several
// goroutines, for different jobs.
type Handler interface {
	// Step does the next bounded part of a job's work and saves it, with Update,
	// UpdateStore or Save of the step, exactly once. The context ends when the
	// job is no longer this node's or the process ends.
	Step(ctx context.Context, s *Step) error
}

// Undoer is a Handler that can take back what the steps of a job did.
type Undoer interface {
	Handler
	// Undo is Step for a job that was cancelled. The first one finds the job as
	// the last step left it, or as it was made; the last one says Finished.
	Undo(ctx context.Context, s *Step) error
}

// finalError is an error that another try would not change.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// Final marks an error of a step after which the job has failed and is not tried
// again by itself. Nil stays nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}

func isFinal(err error) bool {
	_, ok := errors.AsType[finalError](err)
	return ok
}

var (
	// errLost: the job is no longer what the lease was taken for.
	errLost = errors.New("job: paused, cancelled, ended or taken over")
	// errSaved: a step is saved once.
	errSaved = Final(errors.New("job: the step has been saved before"))
	// errUnsaved: a step that saves nothing would be repeated for ever.
	errUnsaved = Final(errors.New("job: the step returned without having saved anything"))
)

// Step is one step of a job, handed to a Handler. It is not valid after the
// method it was handed to has returned.
type Step struct {
	// Job is the job as the last step left it.
	Job Job

	hold  *hold
	steps uint64 // saved before this one
	saves bool   // Update or UpdateStore is at work, and Save not to be called
}

// maxStale bounds how often a transaction starts again because the domain's
// configuration changed under it.
const maxStale = 16

// Update saves the step in a transaction of the job's domain, as
// domain.Domains.Update does. fn may run several times.
func (s *Step) Update(ctx context.Context, fn func(*domain.Config, *seal.Tx) (Progress, error)) error {
	domains := s.hold.jobs.domains
	for range maxStale {
		// By identity and not by name: a name may have become another domain's.
		c, err := domains.ConfigOf(ctx, s.Job.Domain)
		if err != nil {
			return err
		}
		err = domains.UpdateWith(ctx, c, func(tx *seal.Tx) error {
			return s.within(ctx, tx.Below(), func() (Progress, error) { return fn(c, tx) })
		})
		if !domain.IsStale(err) {
			return err
		}
	}
	return fault.New(fault.Busy, "The configuration of the domain is changing; try again")
}

// UpdateStore saves the step in a transaction of the store, for work on what is
// not sealed with the domain's keys. fn may run several times.
func (s *Step) UpdateStore(ctx context.Context, fn func(store.Tx) (Progress, error)) error {
	return s.hold.jobs.store.Update(ctx, func(tx store.Tx) error {
		return s.within(ctx, tx, func() (Progress, error) { return fn(tx) })
	})
}

// within checks first, so that fn does not work for nothing.
func (s *Step) within(ctx context.Context, tx store.Tx, fn func() (Progress, error)) error {
	r, err := s.check(ctx, tx)
	if err != nil {
		return err
	}
	s.saves = true
	p, err := fn()
	s.saves = false
	if err != nil {
		return err
	}
	return s.save(tx, r, p)
}

// Save saves the step in a transaction that somebody else has opened, such as
// Edit.Tx of domain.Domains.Configure: it is called in each run of the
// transaction's function, which returns its error.
func (s *Step) Save(ctx context.Context, tx store.Tx, p Progress) error {
	r, err := s.check(ctx, tx)
	if err != nil {
		return err
	}
	return s.save(tx, r, p)
}

// check reads the job and makes sure that the step may be saved.
func (s *Step) check(ctx context.Context, tx store.Tx) (*record, error) {
	r, err := s.hold.fence(ctx, tx)
	if err != nil {
		return nil, err
	}
	if r.Steps != s.steps || s.saves {
		return nil, errSaved
	}
	return r, nil
}

func (s *Step) save(tx store.Tx, r *record, p Progress) error {
	if err := r.advance(p); err != nil {
		return err
	}
	switch {
	case p.Finished && r.Cancelling:
		return s.hold.jobs.end(tx, r, Cancelled)
	case p.Finished:
		return s.hold.jobs.end(tx, r, Succeeded)
	}
	return s.hold.jobs.put(tx, r)
}
