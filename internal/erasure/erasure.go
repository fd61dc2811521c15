package erasure

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/profile"
	"kindred/internal/seal"
	"kindred/internal/store"
	"kindred/internal/tracing"
)

const (
	// expungeIn is how long a call waits for the engine; what is left then is done
	// in the background.
	expungeIn = 30 * time.Second
	// againIn is how long the background waits after a failure.
	againIn     = time.Minute
	defaultPage = 25
	maxPending  = 1000 // looked at of a domain at once
)

// Eraser removes a profile in a transaction; *profile.Service does.
type Eraser interface {
	Erase(ctx context.Context, domainName, profileID string, then func(*domain.Config, *seal.Tx, *profile.Erased) error) error
}

// Config is what erasures are made of.
type Config struct {
	Domains  *domain.Service
	Profiles Eraser
	Pages    domain.Pager
	Seal     tink.AEAD // for reports
	// MAC is a keyed hash of 16 bytes or more, always under the same key.
	MAC func(message []byte) []byte
	Log *slog.Logger
}

// Service is the part of the kindred service about erasures. It asks for
// permission itself.
type Service struct {
	domains  *domain.Service
	profiles Eraser
	pages    domain.Pager
	seal     tink.AEAD
	mac      func([]byte) []byte
	log      *slog.Logger
	turn     chan struct{} // held while the engine expunges: one at a time is work enough for it
	kick     chan struct{}
}

// New makes the service.
func New(c Config) *Service {
	return &Service{domains: c.Domains, profiles: c.Profiles, pages: c.Pages, seal: c.Seal, mac: c.MAC, log: c.Log,
		turn: make(chan struct{}, 1), kick: make(chan struct{}, 1)}
}

func (s *Service) allow(ctx context.Context, action, domainName string) error {
	return access.Require(ctx, access.Check{Action: action, Resource: s.domains.ARN(domainName, "")})
}

// hash is that of a profile's id in a domain.
func (s *Service) hash(d domain.ID, profileID string) (h hash) {
	copy(h[:], s.mac(append(d[:], profileID...)))
	return h
}

// EraseProfile removes a profile for good and answers the report. The state of the
// report is ERASED when the engine has forgotten the profile's bytes, and ERASING
// when that goes on in the background, after half a minute or a failure: the
// profile is removed and its keys are destroyed in either case.
func (s *Service) EraseProfile(ctx context.Context, in *kindredapi.EraseProfileRequest) (*kindredapi.ErasureReport, error) {
	if err := s.allow(ctx, "kindred:EraseProfile", in.DomainName); err != nil {
		return nil, err
	}
	var r report
	var i id
	var d domain.ID
	var partitions [][]byte
	err := s.profiles.Erase(ctx, in.DomainName, in.ProfileId, func(cfg *domain.Config, tx *seal.Tx, e *profile.Erased) error {
		h := s.hash(cfg.ID, in.ProfileId)
		r = report{ProfileHash: h.String(), RequestedAt: tx.Now(), RequestedBy: requester(ctx), Erased: kindredapi.ErasedCounts{
			Profiles: e.Profiles, Objects: e.Objects, Contributions: e.Contributions, StandardObjects: e.StandardObjects,
			OtherRecords: e.OtherRecords, IndexEntries: e.IndexEntries, KeysDestroyed: e.KeysDestroyed}}
		i, d, partitions = newID(tx.Now()), cfg.ID, e.Partitions
		return s.begin(tx.Below(), d, i, h, &r, partitions)
	})
	if err != nil {
		return nil, err
	}
	// Whoever asked may be gone; what has begun goes on.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), expungeIn)
	defer cancel()
	done, err := s.complete(within, d, i, partitions)
	if err != nil {
		s.log.WarnContext(ctx, "an erasure is not complete yet", "domain", in.DomainName, "erasure", i.String(), "error", err)
		select {
		case s.kick <- struct{}{}:
		default:
		}
		return r.shape(in.DomainName, i), nil
	}
	return done.shape(in.DomainName, i), nil
}

func requester(ctx context.Context) string {
	c := access.From(ctx)
	if c == nil {
		return ""
	}
	if c.ARN == "" {
		return c.ServiceName
	}
	return c.ARN
}

// begin writes the report of an erasure that is not complete.
func (s *Service) begin(tx store.Tx, d domain.ID, i id, h hash, r *report, partitions [][]byte) error {
	b, err := s.encode(reportKey(d, i), r)
	if err != nil {
		return err
	}
	rest, err := s.encode(pendingKey(d, i), partitions)
	if err != nil {
		return err
	}
	tx.Put(reportKey(d, i), b)
	tx.Put(profileKey(d, h, i), nil)
	tx.Put(pendingKey(d, i), rest)
	return nil
}

// complete makes the engine forget and the report say so.
func (s *Service) complete(ctx context.Context, d domain.ID, i id, partitions [][]byte) (*report, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for _, p := range partitions {
		if err := s.domains.Store().Expunge(ctx, p); err != nil {
			return nil, err
		}
	}
	var r *report
	err := s.domains.Store().Update(ctx, func(tx store.Tx) (err error) {
		if r, err = s.read(ctx, tx, d, i); err != nil {
			return err
		}
		if r.CompletedAt.IsZero() {
			r.CompletedAt = tx.Now()
		}
		b, err := s.encode(reportKey(d, i), r)
		if err != nil {
			return err
		}
		tx.Put(reportKey(d, i), b)
		tx.Delete(pendingKey(d, i))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Run completes erasures that were interrupted or have failed, until the context
// ends.
func (s *Service) Run(ctx context.Context) error {
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.kick:
		case <-again.C:
		}
		if err := tracing.Work(ctx, "erasures", s.Sweep); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "erasures are not complete yet", "error", err)
		}
		again.Reset(againIn) // for what a node that died has left, too
	}
}

// Sweep completes the erasures of all domains that are not complete.
func (s *Service) Sweep(ctx context.Context) error {
	ids, err := s.domains.IDs(ctx)
	for _, id := range ids {
		err = errors.Join(err, s.sweep(ctx, id))
	}
	return err
}

func (s *Service) sweep(ctx context.Context, d domain.ID) error {
	var list []store.Record
	err := s.domains.Store().View(ctx, func(r store.Reader) error {
		lists, err := r.Scan(ctx, under(d, maxPending, 'x'))
		if err == nil {
			list = lists[0]
		}
		return err
	})
	for _, rec := range list {
		i, ierr := idOf(rec.Key.Sort)
		var partitions [][]byte
		if ierr == nil {
			ierr = s.decode(rec.Key, rec.Value, &partitions)
		}
		if ierr == nil {
			_, ierr = s.complete(ctx, d, i, partitions)
		}
		if fault.Is(ierr, fault.NotFound) {
			continue // the domain has been deleted
		}
		err = errors.Join(err, ierr)
	}
	return err
}

// GetErasureReport answers a report by its id, or the newest about a profile by the
// id that this had.
func (s *Service) GetErasureReport(ctx context.Context, in *kindredapi.GetErasureReportRequest) (*kindredapi.ErasureReport, error) {
	if err := s.allow(ctx, "kindred:GetErasureReport", in.DomainName); err != nil {
		return nil, err
	}
	if (in.ErasureId == nil) == (in.ProfileId == nil) {
		return nil, fault.New(fault.Invalid, "ErasureId: give either ErasureId or ProfileId")
	}
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	var out *kindredapi.ErasureReport
	err = s.domains.Store().View(ctx, func(r store.Reader) error {
		var i id
		if in.ErasureId != nil {
			b, err := hex.DecodeString(*in.ErasureId)
			if err != nil || copy(i[:], b) != len(b) || len(b) != len(i) {
				return fault.New(fault.Invalid, "ErasureId: must have 32 hexadecimal digits")
			}
		} else {
			h := s.hash(c.ID, *in.ProfileId)
			lists, err := r.Scan(ctx, under(c.ID, 1, 'h', h[:]))
			if err != nil {
				return fmt.Errorf("erasure: %w", err)
			}
			if len(lists[0]) == 0 {
				return fault.New(fault.NotFound, "No profile with the ProfileId %s was erased in this domain", *in.ProfileId)
			}
			if i, err = idOf(lists[0][0].Key.Sort); err != nil {
				return err
			}
		}
		rep, err := s.read(ctx, r, c.ID, i)
		if err == nil {
			out = rep.shape(c.Info.Name, i)
		}
		return err
	})
	return out, err
}

// ListErasureReports lists the reports of a domain, the newest first.
func (s *Service) ListErasureReports(ctx context.Context, in *kindredapi.ListErasureReportsRequest) (*kindredapi.ListErasureReportsResponse, error) {
	if err := s.allow(ctx, "kindred:ListErasureReports", in.DomainName); err != nil {
		return nil, err
	}
	c, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	limit := defaultPage
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	span := under(c.ID, limit+1, 'r')
	args := []string{c.ID.String()}
	if in.NextToken != nil {
		after, err := s.pages.Open("ListErasureReports", args, *in.NextToken)
		if err != nil {
			return nil, err
		}
		span.Start = append(after, 0)
	}
	out := &kindredapi.ListErasureReportsResponse{Items: []kindredapi.ErasureReport{}}
	err = s.domains.Store().View(ctx, func(r store.Reader) error {
		lists, err := r.Scan(ctx, span)
		if err != nil {
			return fmt.Errorf("erasures: %w", err)
		}
		list := lists[0]
		out.Items, out.NextToken = out.Items[:0], nil
		if len(list) > limit {
			list = list[:limit]
			if out.NextToken, err = domain.NextToken(s.pages, "ListErasureReports", args, list[limit-1].Key.Sort); err != nil {
				return err
			}
		}
		for _, rec := range list {
			i, err := idOf(rec.Key.Sort)
			if err != nil {
				return err
			}
			var rep report
			if err := s.decode(rec.Key, rec.Value, &rep); err != nil {
				return err
			}
			out.Items = append(out.Items, *rep.shape(c.Info.Name, i))
		}
		return nil
	})
	return out, err
}
