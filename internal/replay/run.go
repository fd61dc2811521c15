package replay

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/job"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Bounds of one step.
const (
	stepProfiles = 128     // that may have objects of the type
	stepObjects  = 128     //
	stepBytes    = 4 << 20 // of their texts
)

// countSkipped counts profiles that a dry run passed over.
const countSkipped = "profilesSkipped"

// handler does the jobs.
type handler struct{ *Service }

var _ job.Handler = handler{}

// Step does the next profiles, or ends the job.
func (h handler) Step(ctx context.Context, s *job.Step) error {
	p, err := decode[parameters](s.Job.Parameters)
	if err != nil {
		return err
	}
	if s.Job.Cursor == nil {
		return h.begin(ctx, s, p)
	}
	at, err := decode[cursor](s.Job.Cursor)
	if err != nil {
		return err
	}
	if at.End {
		return h.finish(ctx, s, p, at)
	}
	found, err := h.find(ctx, s, &at)
	if err != nil {
		return err
	}
	// Others that change the same profiles may keep a long transaction from ever
	// committing: then it is tried with less.
	skip := map[profile.ID]bool{}
	sizes := []int{stepObjects, stepObjects / 8, 1}
	for len(sizes) > 0 {
		most := sizes[0]
		err = s.Update(ctx, func(c *domain.Config, tx *seal.Tx) (job.Progress, error) {
			w := &step{handler: h, skip: skip, ctx: ctx, s: s, p: p, c: c, tx: tx, at: at, left: profile.Budget{Objects: most, Bytes: stepBytes}}
			w.at.From = maps.Clone(at.From)
			return w.run(found)
		})
		b, broken := errors.AsType[*brokenError](err)
		switch {
		case broken && !skip[b.profile]:
			skip[b.profile] = true
		case errors.Is(err, store.ErrConflict):
			sizes = sizes[1:]
		default:
			return err
		}
	}
	return err
}

// begin notes how much there is to do.
func (h handler) begin(ctx context.Context, s *job.Step, p parameters) error {
	return s.Update(ctx, func(c *domain.Config, tx *seal.Tx) (job.Progress, error) {
		t, err := c.Totals(ctx, tx.Below())
		if err != nil {
			return job.Progress{}, err
		}
		b, err := json.Marshal(cursor{})
		return job.Progress{Cursor: b, Total: &t.Profiles}, err
	})
}

// find looks for the next profiles that may have objects of the type.
func (h handler) find(ctx context.Context, s *job.Step, at *cursor) (profile.Holders, error) {
	if at.At != nil {
		return profile.Holders{List: []profile.Holder{{ID: *at.At, Seen: 1}}, Seen: 1, Last: *at.At}, nil
	}
	return profile.FindHolders(ctx, h.domains.Store(), s.Job.Domain, s.Job.Subject, at.Last, stepProfiles)
}

// step is one transaction of a job.
type step struct {
	handler
	ctx  context.Context
	s    *job.Step
	p    parameters
	c    *domain.Config
	tx   *seal.Tx
	at   cursor
	left profile.Budget
	skip map[profile.ID]bool // profiles that a dry run passes over
}

// brokenError says that what a dry run has left over a profile does not fit what is
// there: it has been changed meanwhile.
type brokenError struct {
	profile profile.ID
	error
}

func (b *brokenError) Unwrap() error { return b.error }

// errChanged ends a job whose mapping is not the one in force any more.
func errChanged(name string) error {
	return job.Final(fault.New(fault.Invalid, "The mapping of the object type %s has changed since; replay it anew", name))
}

// run does profiles as far as the budget goes.
func (w *step) run(found profile.Holders) (job.Progress, error) {
	if w.p.Mode == CleanUp {
		return w.forget(found)
	}
	r, err := w.replay()
	if err != nil {
		return job.Progress{}, err
	}
	tx := w.tx
	var over *overlay
	if w.p.Mode == DryRun {
		over = &overlay{tx: w.tx.Below(), d: w.c.ID, run: w.s.Job.ID, keep: !r.only}
		tx = seal.NewTx(over, w.tx.Ring())
	}
	done, err := w.each(found, func(id profile.ID) (*profile.Place, error) {
		if w.skip[id] {
			return nil, nil
		}
		next, err := r.Profile(w.ctx, tx, w.c, id, w.at.Within, &w.left)
		if over != nil && (errors.Is(err, store.ErrCorrupt) || fault.Is(err, fault.NotFound)) {
			err = &brokenError{id, err}
		}
		return next, err
	})
	if err != nil {
		return job.Progress{}, err
	}
	if over != nil {
		if err := errors.Join(tx.Err(), over.end()); err != nil {
			return job.Progress{}, err
		}
		if err := w.examples(&r.Replay); err != nil {
			return job.Progress{}, err
		}
	}
	failed := r.Finish()
	if len(w.skip) > 0 {
		r.Count(countSkipped, int64(len(w.skip)))
	}
	for m, n := range r.From {
		if w.at.From == nil {
			w.at.From = map[profile.Mapping]int64{}
		}
		w.at.From[m] += n
	}
	b, err := json.Marshal(w.at)
	return job.Progress{Cursor: b, Done: int64(done), Failed: failed, Counters: r.Counts}, err
}

// each calls do for profile after profile while the budget lasts, and moves the
// cursor. It returns how many profiles were passed.
func (w *step) each(found profile.Holders, do func(profile.ID) (*profile.Place, error)) (done int, err error) {
	for _, f := range found.List {
		if w.left.Objects <= 0 || w.left.Bytes <= 0 {
			return done, nil
		}
		next, err := do(f.ID)
		if err != nil {
			return done, err
		}
		w.at.Within, w.at.At = next, nil
		if next != nil {
			w.at.At = &f.ID
			return done, nil
		}
		w.at.Last, done = &f.ID, f.Seen
	}
	if found.Seen > 0 {
		w.at.Last, done = &found.Last, found.Seen
	}
	w.at.End = found.End
	return done, nil
}

// run is a replay, and whether it bears only on what each profile has itself.
type run struct {
	profile.Replay
	only bool
}

// replay is the work of a step on profiles.
func (w *step) replay() (*run, error) {
	name := w.s.Job.Subject
	typ, err := w.types.Lookup(w.c, name)
	if err != nil {
		return nil, job.Final(err)
	}
	if typ.Mapped() != w.p.To {
		return nil, errChanged(name)
	}
	known := objecttype.Formers(w.c, name)
	formers := map[profile.Mapping]*objecttype.Definition{w.p.To: typ.Definition}
	r := &run{Replay: profile.Replay{ObjectType: name, To: w.p.To, Create: typ.AllowProfileCreation, Priority: typ.Priority(), Maps: typ.DefinesKey,
		Targets: typ.Targets, Remap: w.ingest.Remapper(w.tx, w.c, typ)}, only: len(known) < objecttype.MaxFormer}
	for _, f := range known {
		formers[f.Mapping()] = &f.Definition
		r.only = r.only && f.SameKeys(typ.Definition)
	}
	r.SameKeys = func(m profile.Mapping) bool { return formers[m] != nil && formers[m].SameKeys(typ.Definition) }
	r.Keeps = func(m profile.Mapping) bool { return formers[m] != nil && typ.KeepsKeys(formers[m]) }
	if w.p.Mode == RollBack {
		r.Undo = []profile.Mapping{w.p.Undo}
	}
	return r, nil
}

// forget is run for CleanUp.
func (w *step) forget(found profile.Holders) (job.Progress, error) {
	done, err := w.each(found, func(id profile.ID) (*profile.Place, error) {
		w.left.Objects--
		more, err := profile.Forget(w.ctx, w.tx, w.c, id, w.s.Job.Subject, w.s.Job.CreatedAt, stepObjects)
		if more {
			return &profile.Place{}, err
		}
		return nil, err
	})
	if err != nil {
		return job.Progress{}, err
	}
	b, err := json.Marshal(w.at)
	return job.Progress{Cursor: b, Done: int64(done)}, err
}

// finish tidies up and ends the job.
func (h handler) finish(ctx context.Context, s *job.Step, p parameters, at cursor) error {
	if p.Mode == DryRun {
		if err := h.domains.Store().DropPrefix(ctx, profile.Shadow(s.Job.Domain, s.Job.ID, s.Job.Domain.Prefix())); err != nil {
			return err
		}
	}
	b, err := json.Marshal(at)
	if err != nil {
		return err
	}
	end := job.Progress{Cursor: b, Finished: true}
	return h.domains.ConfigureOf(ctx, s.Job.Domain, func(e *domain.Edit) error {
		l := lastOf(e.Config, s.Job.Subject)
		switch p.Mode {
		case DryRun:
			e.Delete(profile.ShadowItem(s.Job.ID))
		case RollBack, CleanUp:
			if l.Replay == p.Replay {
				l.Cleaned = true
				e.PutJSON(replayItems+s.Job.Subject, l)
			}
		}
		return s.Save(ctx, e.Tx, end)
	})
}

var errTooOld = fault.New(fault.Invalid, "JobId: a replay can be taken back for %d days, and until the object type is replayed again", int(keep/(24*time.Hour)))
