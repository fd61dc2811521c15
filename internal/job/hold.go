package job

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"kindred/internal/fault"
	"kindred/internal/store"
	"kindred/internal/tracing"
)

// How leases and tries are paced.
const (
	Lease       = 15 * time.Second // after which another node may take a job over
	renewEvery  = Lease / 3
	maxAttempts = 10              // failed tries in a row before the job has failed
	firstPause  = time.Second     // after the first, doubled up to
	lastPause   = 5 * time.Minute // the last
	settleIn    = 5 * time.Second // for what follows a step when the process ends
)

// pause is how long a job waits after a number of failed tries in a row.
func pause(attempts int) time.Duration {
	d := firstPause
	for range attempts - 1 {
		if d *= 2; d >= lastPause {
			return lastPause
		}
	}
	return d
}

// hold is a job that a node has taken. Only renew may be called while another
// method runs.
type hold struct {
	jobs    *Jobs
	job     ref
	token   uint64
	handler Handler
	// parameters do not change; the rest of the job is in current, as the take or
	// the last step left it.
	parameters []byte
	current    *record
}

// take takes a job if it is due and its kind is known; else it returns nil. An
// entry of the index whose job is gone is removed.
func (j *Jobs) take(ctx context.Context, k ref, node string) (*hold, error) {
	var h *hold
	err := j.store.Update(ctx, func(tx store.Tx) error {
		h = nil
		values, err := tx.Get(ctx, k.dueKey(), k.key(), k.parametersKey())
		if err != nil {
			return err
		}
		if values[0] == nil {
			return nil
		}
		if values[1] == nil {
			tx.Delete(k.dueKey())
			return nil
		}
		d, err := openDue(store.Record{Key: k.dueKey(), Value: values[0]})
		if err != nil || tx.Now().Before(d.at) {
			return err
		}
		r, err := j.open(k, values[1])
		if err != nil {
			return err
		}
		if r.Parameters, err = j.decrypt(k.parametersKey(), values[2]); err != nil {
			return err
		}
		handler := j.handlers[r.Kind]
		if handler == nil {
			return nil
		}
		if r.State == Running {
			if r.Attempts++; r.Attempts >= maxAttempts {
				r.Message = fmt.Sprintf("The job was interrupted or failed %d times in a row", r.Attempts)
				return j.end(tx, r, Failed)
			}
		}
		r.Token++
		r.Node = node
		h = &hold{jobs: j, job: k, token: r.Token, handler: handler, parameters: r.Parameters, current: r}
		return j.start(tx, r)
	})
	if err != nil {
		return nil, fmt.Errorf("take job %s: %w", k.id, err)
	}
	return h, nil
}

// fence reads the job inside a transaction and makes sure that it still is what
// was taken.
func (h *hold) fence(ctx context.Context, r store.Reader) (*record, error) {
	now, err := h.jobs.read(ctx, r, h.job)
	if err != nil {
		return nil, err
	}
	if now == nil || now.State != Running || now.Token != h.token {
		return nil, errLost
	}
	now.Parameters = h.parameters
	return now, nil
}

// renew makes the lease last from now. It returns errLost if there is none.
func (h *hold) renew(ctx context.Context) error {
	return h.jobs.store.Update(ctx, func(tx store.Tx) error {
		r, err := h.fence(ctx, tx)
		if err == nil {
			h.jobs.putDue(tx, r, tx.Now().Add(Lease))
		}
		return err
	})
}

// beat renews the lease until the context ends or the lease is lost, and calls
// lost then. A renewal that fails otherwise is tried again: as long as nobody else
// takes the job, the lease goes on.
func (h *hold) beat(ctx context.Context, lost func()) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(ctx, renewEvery)
		err := h.renew(within)
		cancel()
		switch {
		case errors.Is(err, errLost):
			lost()
			return
		case err != nil && ctx.Err() == nil:
			h.jobs.log.WarnContext(ctx, "lease of a job was not renewed", "job", h.job.id.String(), "error", err)
		}
	}
}

// step does one step, and reports whether the next is this node's to do as well.
func (h *hold) step(ctx context.Context) (more bool) {
	before, began := h.current, time.Now()
	within, span := tracing.Begin(ctx, "job "+before.Kind, tracing.Internal)
	err := h.call(within, before)
	span.FailAs(err)
	span.End()
	h.jobs.stepped(before.Kind, err, time.Since(began))
	if ctx.Err() != nil {
		h.giveBack(ctx)
		return false
	}
	var after *record
	if lerr := h.jobs.store.View(ctx, func(r store.Reader) (err error) {
		after, err = h.fence(ctx, r)
		return err
	}); errors.Is(lerr, errLost) {
		return false
	} else if lerr != nil {
		err = errors.Join(err, lerr)
	} else if err == nil && after.Steps == before.Steps {
		err = errUnsaved
	}
	if err != nil {
		h.fail(ctx, err)
		return false
	}
	h.current = after
	return true
}

// call calls the handler. A panic is an error like others: it must not take the
// jobs of everybody else with it.
func (h *hold) call(ctx context.Context, r *record) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("job: a step panicked: %v\n%s", p, debug.Stack())
		}
	}()
	s := &Step{Job: r.Job, hold: h, steps: r.Steps}
	if !r.Cancelling {
		return h.handler.Step(ctx, s)
	}
	u, ok := h.handler.(Undoer)
	if !ok {
		return Final(fault.New(fault.Unimplemented, "This version cannot take back jobs of kind %s", r.Kind))
	}
	return u.Undo(ctx, s)
}

// settle changes the job after a step, unless it was lost.
func (h *hold) settle(ctx context.Context, what string, fn func(tx store.Tx, r *record) error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleIn)
	defer cancel()
	err := h.jobs.store.Update(within, func(tx store.Tx) error {
		r, err := h.fence(within, tx)
		if err != nil {
			return err
		}
		return fn(tx, r)
	})
	if err != nil && !errors.Is(err, errLost) {
		// The lease runs out, and whoever takes the job then goes on.
		h.jobs.log.WarnContext(ctx, what, "job", h.job.id.String(), "error", err)
	}
}

// giveBack lets any node go on at once.
func (h *hold) giveBack(ctx context.Context) {
	h.settle(ctx, "job was not given back", func(tx store.Tx, r *record) error { return h.jobs.await(tx, r, tx.Now()) })
}

// fail has the job tried again later, or ends it.
func (h *hold) fail(ctx context.Context, cause error) {
	h.jobs.log.WarnContext(ctx, "step of a job failed", "job", h.job.id.String(), "kind", h.current.Kind, "error", cause)
	h.settle(ctx, "failure of a job was not kept", func(tx store.Tx, r *record) error {
		r.Attempts++
		r.Message = reason(cause)
		if isFinal(cause) || r.Attempts >= maxAttempts {
			return h.jobs.end(tx, r, Failed)
		}
		return h.jobs.await(tx, r, tx.Now().Add(pause(r.Attempts)))
	})
}
