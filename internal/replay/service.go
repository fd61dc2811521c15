package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/job"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
	"kindred/internal/seal"
)

// Remapper maps stored objects anew; *ingest.Service does.
type Remapper interface {
	Remapper(tx *seal.Tx, cfg *domain.Config, typ *objecttype.Type) func(body []byte) (*profile.Remapped, error)
}

// Config is what the service works with.
type Config struct {
	Domains *domain.Service
	Types   *objecttype.Service
	Ingest  Remapper
	Jobs    *job.Jobs
	// Authorize asks whether the caller in the context may call an operation of
	// Customer Profiles.
	Authorize func(ctx context.Context, op *api.Operation, input any) error
	Now       func() time.Time
	Log       *slog.Logger
}

// Service is the part of the kindred service about replays. It asks for permission
// itself.
type Service struct {
	domains   *domain.Service
	types     *objecttype.Service
	ingest    Remapper
	jobs      *job.Jobs
	authorize func(ctx context.Context, op *api.Operation, input any) error
	search    *api.Operation
	put       *api.Operation
	now       func() time.Time
	log       *slog.Logger
}

// New makes the service and makes its kind of jobs known.
func New(c Config) *Service {
	s := &Service{domains: c.Domains, types: c.Types, ingest: c.Ingest, jobs: c.Jobs, authorize: c.Authorize,
		search: profileapi.Service().Operation("SearchProfiles"), put: profileapi.Service().Operation("PutProfileObjectType"), now: c.Now, log: c.Log}
	c.Jobs.Register(Kind, handler{s})
	return s
}

func (s *Service) allow(ctx context.Context, action, domainName string) error {
	return access.Require(ctx, access.Check{Action: action, Resource: s.domains.ARN(domainName, "")})
}

// create makes a job of a type.
func (s *Service) create(ctx context.Context, e *domain.Edit, typeName string, p parameters) (*job.Job, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return s.jobs.Create(ctx, e.Tx, e.Config, job.Spec{Kind: Kind, Subject: typeName, Parameters: b, Unique: true})
}

// ReplayObjectType makes a job that gives the stored objects of a type what the
// mapping in force makes of them, or that tells what that would do. A type that has
// such a job already, one that has not ended, is an Exists fault that names it.
func (s *Service) ReplayObjectType(ctx context.Context, in *kindredapi.ReplayObjectTypeRequest) (*kindredapi.Replay, error) {
	if err := s.allow(ctx, "kindred:ReplayObjectType", in.DomainName); err != nil {
		return nil, err
	}
	p := parameters{Mode: Forward}
	if in.DryRun != nil && *in.DryRun {
		p.Mode = DryRun
		if in.MaxExamples != nil {
			p.MaxExamples = *in.MaxExamples
		}
	} else if in.MaxExamples != nil && *in.MaxExamples > 0 {
		return nil, fault.New(fault.Invalid, "MaxExamples: only a dry run gathers examples")
	}
	name := in.ObjectTypeName
	var made *job.Job
	var of domain.ID
	var old string // the dry run before
	err := s.domains.Configure(ctx, in.DomainName, func(e *domain.Edit) error {
		typ, err := s.types.Lookup(e.Config, name)
		if err != nil {
			return err
		}
		p.To = typ.Mapped()
		if made, err = s.create(ctx, e, name, p); err != nil {
			return err
		}
		l := lastOf(e.Config, name)
		of, old, l.DryRun = e.ID, l.DryRun, ""
		if p.Mode == DryRun {
			l.DryRun = made.ID.String()
			e.PutJSON(profile.ShadowItem(made.ID), true)
		} else {
			l.Replay, l.Since, l.Cleaned = made.ID.String(), e.Tx.Now(), false
		}
		if id, err := job.ParseID(old); err == nil {
			e.Delete(profile.ShadowItem(id))
		}
		e.PutJSON(replayItems+name, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.jobs.Wake()
	s.dropRun(ctx, of, old)
	return answer(made, p, nil), nil
}

// dropRun removes what is left of a dry run. What cannot be removed goes with the
// next replay, or with the domain.
func (s *Service) dropRun(ctx context.Context, of domain.ID, run string) {
	id, err := job.ParseID(run)
	if err != nil {
		return
	}
	if err := s.domains.Store().DropPrefix(ctx, profile.Shadows(of, id)); err != nil {
		s.log.WarnContext(ctx, "examples of a dry run are left", "job", run, "error", err)
	}
}

func answer(j *job.Job, p parameters, list []kindredapi.ReplayExample) *kindredapi.Replay {
	if list == nil {
		list = []kindredapi.ReplayExample{}
	}
	out := &kindredapi.Replay{Mode: string(p.Mode), ObjectTypeName: j.Subject, Job: j.Shape(), Examples: list}
	if p.Mode == RollBack {
		out.RollsBack = &p.Replay
	}
	return out
}

// one reads a job of a type.
func (s *Service) one(ctx context.Context, c *domain.Config, typeName, jobID string) (*job.Job, parameters, error) {
	id, err := job.ParseID(jobID)
	if err != nil {
		return nil, parameters{}, err
	}
	j, err := s.jobs.Get(ctx, c.ID, id)
	if err != nil {
		return nil, parameters{}, err
	}
	if j.Kind != Kind || j.Subject != typeName {
		return nil, parameters{}, fault.New(fault.NotFound, "Job %s is no replay of the object type %s", jobID, typeName)
	}
	p, err := decode[parameters](j.Parameters)
	return j, p, err
}

// GetReplay answers a job of a type with its counts, and of a dry run the examples.
// Those show profiles, so profile:SearchProfiles on the domain is asked for too.
func (s *Service) GetReplay(ctx context.Context, in *kindredapi.GetReplayRequest) (*kindredapi.Replay, error) {
	if err := s.allow(ctx, "kindred:GetReplay", in.DomainName); err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, s.search, &profileapi.SearchProfilesRequest{DomainName: in.DomainName}); err != nil {
		return nil, err
	}
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	j, p, err := s.one(ctx, c, in.ObjectTypeName, in.JobId)
	if err != nil {
		return nil, err
	}
	var list []kindredapi.ReplayExample
	if p.Mode == DryRun {
		err = s.domains.ViewOf(ctx, c.ID, func(c *domain.Config, r *seal.Reader) (err error) {
			list, err = readExamples(ctx, r, c.ID, j.ID)
			return err
		})
	}
	return answer(j, p, list), err
}

// RollBackReplay makes a job that takes the last replay of a type back, wherever it
// is, and puts the mapping in force again by which the most of its objects were
// mapped before. A replay that has not ended is cancelled by that. Since it changes the
// type, profile:PutProfileObjectType on that is asked for too.
func (s *Service) RollBackReplay(ctx context.Context, in *kindredapi.RollBackReplayRequest) (*kindredapi.Replay, error) {
	if err := s.allow(ctx, "kindred:RollBackReplay", in.DomainName); err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, s.put, &profileapi.PutProfileObjectTypeRequest{DomainName: in.DomainName, ObjectTypeName: in.ObjectTypeName}); err != nil {
		return nil, err
	}
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	j, p, err := s.one(ctx, c, in.ObjectTypeName, in.JobId)
	if err != nil {
		return nil, err
	}
	if p.Mode != Forward {
		return nil, fault.New(fault.Invalid, "JobId: only a replay can be taken back; this is a %s", p.Mode)
	}
	if _, err := s.mayTakeBack(c, j, p); err != nil {
		return nil, err
	}
	if j.State != job.Succeeded && j.State != job.Cancelled {
		if _, err = s.jobs.Cancel(ctx, c.ID, j.ID); err != nil {
			// It may have succeeded meanwhile.
			again, _, rerr := s.one(ctx, c, in.ObjectTypeName, in.JobId)
			if rerr != nil || again.State != job.Succeeded {
				return nil, err
			}
		}
		if j, p, err = s.one(ctx, c, in.ObjectTypeName, in.JobId); err != nil {
			return nil, err
		}
	}
	back := parameters{Mode: RollBack, Undo: p.To, Replay: in.JobId}
	var made *job.Job
	err = s.domains.ConfigureOf(ctx, c.ID, func(e *domain.Edit) error {
		var err error
		if back.To, err = s.mayTakeBack(e.Config, j, p); err != nil {
			return err
		}
		if err := s.types.Restore(e, in.ObjectTypeName, back.To); err != nil {
			return err
		}
		made, err = s.create(ctx, e, in.ObjectTypeName, back)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.jobs.Wake()
	return answer(made, back, nil), nil
}

// mayTakeBack says which mapping is to be in force again, or why there is none.
func (s *Service) mayTakeBack(c *domain.Config, j *job.Job, p parameters) (profile.Mapping, error) {
	l := lastOf(c, j.Subject)
	if l.Replay != j.ID.String() || l.Cleaned || s.now().Sub(l.Since) > keep {
		return 0, errTooOld
	}
	typ, err := s.types.Lookup(c, j.Subject)
	if err != nil {
		return 0, err
	}
	at, err := decode[cursor](j.Cursor)
	if err != nil {
		return 0, err
	}
	if typ.Mapped() != p.To {
		return 0, fault.New(fault.Invalid, "JobId: the mapping of the object type has changed since the replay; put that of the replay in force first")
	}
	formers := slices.DeleteFunc(objecttype.Formers(c, j.Subject), func(f objecttype.Former) bool { return f.Mapping() == p.To })
	if len(formers) == 0 {
		return 0, fault.New(fault.Invalid, "JobId: no former mapping of the object type is kept")
	}
	// The newest comes first and wins where there are as many of others.
	best := slices.MaxFunc(formers, func(a, b objecttype.Former) int { return cmp.Compare(at.From[a.Mapping()], at.From[b.Mapping()]) })
	return best.Mapping(), nil
}

// cleanEvery is how often old replays are looked for.
const cleanEvery = time.Hour

// Run makes jobs that clean up after replays that are too old to be taken back,
// until the context ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(cleanEvery)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "old replays are not cleaned up", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep makes the jobs that are due now.
func (s *Service) Sweep(ctx context.Context) error {
	ids, err := s.domains.IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		c, err := s.domains.ConfigOf(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for name := range c.Items(replayItems) {
			if !s.old(lastOf(c, name)) {
				continue
			}
			err := s.domains.ConfigureOf(ctx, id, func(e *domain.Edit) error {
				l := lastOf(e.Config, name)
				if !s.old(l) {
					return nil
				}
				_, err := s.create(ctx, e, name, parameters{Mode: CleanUp, Replay: l.Replay})
				return err
			})
			// One that is at work has not ended: it comes later.
			if err != nil && !fault.Is(err, fault.Exists) && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
	}
	return nil
}

func (s *Service) old(l last) bool {
	return l.Replay != "" && !l.Cleaned && s.now().Sub(l.Since) > keep
}
