package job

import (
	"context"
	"fmt"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// Get reads a job. One that is not there is a fault.NotFound.
func (j *Jobs) Get(ctx context.Context, d domain.ID, id ID) (*Job, error) {
	k := ref{d, id}
	var r *record
	err := j.store.View(ctx, func(rd store.Reader) error {
		values, err := rd.Get(ctx, k.key(), k.parametersKey())
		if err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		if values[0] == nil {
			return k.notFound()
		}
		if r, err = j.open(k, values[0]); err == nil {
			r.Parameters, err = j.decrypt(k.parametersKey(), values[1])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &r.Job, nil
}

// change changes a job at somebody's request.
func (j *Jobs) change(ctx context.Context, k ref, fn func(tx store.Tx, r *record) error) (*Job, error) {
	var r *record
	err := j.store.Update(ctx, func(tx store.Tx) (err error) {
		if r, err = j.read(ctx, tx, k); err != nil {
			return err
		}
		if r == nil {
			return k.notFound()
		}
		return fn(tx, r)
	})
	if err != nil {
		return nil, err
	}
	j.Wake()
	return &r.Job, nil
}

// wrong says why a request does not fit a job.
func wrong(r *record, what string) error {
	return fault.New(fault.Invalid, "Job %s is %s and cannot be %s", r.ID, r.State, what)
}

// Pause has no node work on a job until it is resumed. A step under way has
// committed when Pause returns, or will not. A paused job stays so; one that has
// ended is a fault.Invalid.
func (j *Jobs) Pause(ctx context.Context, d domain.ID, id ID) (*Job, error) {
	return j.change(ctx, ref{d, id}, func(tx store.Tx, r *record) error {
		switch {
		case r.State.Ended():
			return wrong(r, "paused")
		case r.State == Paused:
			return nil
		}
		return j.rest(tx, r)
	})
}

// Resume has a job that is paused or has failed go on where it stopped, and one
// that waits for another try go on at once. A job that is running stays so; one
// that has succeeded or is cancelled is a fault.Invalid. A failed job is open
// again, to which the bounds of Create apply.
func (j *Jobs) Resume(ctx context.Context, d domain.ID, id ID) (*Job, error) {
	return j.change(ctx, ref{d, id}, func(tx store.Tx, r *record) error {
		switch r.State {
		case Running:
			return nil
		case Succeeded, Cancelled:
			return wrong(r, "resumed")
		}
		return j.again(ctx, tx, r)
	})
}

// again has a job that is not running worked on from now.
func (j *Jobs) again(ctx context.Context, tx store.Tx, r *record) error {
	if r.State.Ended() {
		entries, err := j.entries(ctx, tx, r.Domain)
		if err != nil {
			return err
		}
		if err := admit(entries, Spec{Kind: r.Kind, Subject: r.Subject, Unique: r.Unique}, r.ID); err != nil {
			return err
		}
	}
	r.Attempts, r.Message = 0, ""
	return j.await(tx, r, tx.Now())
}

// Cancel ends a job: at once, or, if its kind can take back what was done, after
// that, with Cancelling set until then. A step under way has committed when Cancel
// returns, or will not. A job that is cancelled or being cancelled stays so; one
// that failed may be cancelled, and one that succeeded is a fault.Invalid.
func (j *Jobs) Cancel(ctx context.Context, d domain.ID, id ID) (*Job, error) {
	return j.change(ctx, ref{d, id}, func(tx store.Tx, r *record) error {
		switch {
		case r.State == Succeeded:
			return wrong(r, "cancelled")
		case r.State == Cancelled || r.Cancelling && !r.State.Ended():
			return nil
		case !r.Reversible:
			return j.end(tx, r, Cancelled)
		}
		r.Cancelling = true
		return j.again(ctx, tx, r)
	})
}
