package deadletter

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/ingest"
	"kindred/internal/resource"
)

// Bounds of one call.
const (
	listIn       = 10 * time.Second // for receiving
	defaultPage  = 25               // letters
	pageBytes    = 4 << 20          // of the records in one page
	maxWaiting   = 10_000           // records of the outbox looked at
	queuedState  = "QUEUED"
	waitingState = "WAITING"
)

// Ingester ingests records without dead letters; *ingest.Service does.
type Ingester interface {
	Try(ctx context.Context, of domain.ID, typeName string, bodies []string, rehearsal bool) ([]ingest.Result, error)
}

// Config is what the operations on dead letters work with.
type Config struct {
	Domains *domain.Service
	Queues  Queues
	Outbox  *Outbox
	Ingest  Ingester
	Pages   domain.Pager
	Account string
	// Authorize asks whether the caller in the context may call an operation of
	// Customer Profiles.
	Authorize func(ctx context.Context, op *api.Operation, input any) error
	Log       *slog.Logger
}

// Service is the part of the kindred service about dead letters. It asks for
// permission itself; see the package comment.
type Service struct {
	domains *domain.Service
	queues  Queues
	outbox  *Outbox
	ingest  Ingester
	pages   domain.Pager
	account string
	log     *slog.Logger

	authorize func(ctx context.Context, op *api.Operation, input any) error
	put       *api.Operation // PutProfileObject

	receiving turns // of whoever receives all of a queue
	redriving turns
}

// NewService makes the operations.
func NewService(c Config) *Service {
	return &Service{domains: c.Domains, queues: c.Queues, outbox: c.Outbox, ingest: c.Ingest, pages: c.Pages, account: c.Account, log: c.Log,
		authorize: c.Authorize, put: profileapi.Service().Operation("PutProfileObject")}
}

func (s *Service) allow(ctx context.Context, action, domainName string) error {
	return access.Require(ctx, access.Check{Action: action, Resource: s.domains.ARN(domainName, "")})
}

// listing is one ListDeadLetters call.
type listing struct {
	filter filter
	wanted map[string]bool // single letters that have not been seen yet; nil: all are wanted
	after  position
	page   oldest
	counts tally
	out    *kindredapi.ListDeadLettersResponse
}

func (l *listing) add(x *letter) {
	delete(l.wanted, x.id)
	if !l.filter.matches(x) {
		return
	}
	l.out.Matched++
	l.counts.add(x.objectType, x.reason)
	if l.after.before(x) {
		l.page.add(x)
	}
}

// ListDeadLetters answers the letters of a domain, those in its queue and those
// that still wait in the outbox, in the order in which they were sent. Each page
// is taken from all letters that can be received when it is asked for, so that
// the pages of a list agree as far as the queue does not change. Counts, Examined
// and Matched are of all letters that were looked at, not of the page. A queue
// that does not exist is told in QueueProblem, as letters may still wait for it.
// With Ids the look ends when all of them have been seen.
func (s *Service) ListDeadLetters(ctx context.Context, in *kindredapi.ListDeadLettersRequest) (*kindredapi.ListDeadLettersResponse, error) {
	if err := s.allow(ctx, "kindred:ListDeadLetters", in.DomainName); err != nil {
		return nil, err
	}
	cfg, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	l := &listing{counts: tally{}, out: &kindredapi.ListDeadLettersResponse{Complete: true},
		filter: newFilter(in.ObjectTypeName, in.Message, in.MessageContains, in.Ids), page: oldest{limit: defaultPage, bytes: pageBytes}}
	l.wanted = maps.Clone(l.filter.ids)
	if in.MaxResults != nil {
		l.page.limit = *in.MaxResults
	}
	args := append([]string{cfg.ID.String()}, l.filter.args()...)
	if in.NextToken != nil {
		b, err := s.pages.Open("ListDeadLetters", args, *in.NextToken)
		if err == nil {
			l.after, err = parsePosition(b)
		}
		if err != nil {
			return nil, err
		}
	}
	l.out.Complete, err = s.outbox.letters(ctx, cfg.ID, maxWaiting, func(x *letter) {
		l.out.Examined++
		l.add(x)
	})
	if err != nil {
		return nil, err
	}
	if cfg.Info.DeadLetterQueueURL != "" {
		l.out.QueueUrl = &cfg.Info.DeadLetterQueueURL
		err := s.look(ctx, cfg, l)
		if errors.Is(err, resource.ErrQueueMissing) {
			l.out.QueueProblem, l.out.Complete = aws.String(ingest.Reason(err)), false
		} else if err != nil {
			return nil, err
		}
	}
	return s.answer(l, args)
}

// look receives all letters of the queue and gives them back.
func (s *Service) look(ctx context.Context, cfg *domain.Config, l *listing) error {
	until := time.Now().Add(listIn)
	end, err := s.receiving.take(ctx, cfg.Info.DeadLetterQueueURL, until)
	if err != nil {
		return err
	}
	defer end()
	q, err := s.open(ctx, cfg.Info.DeadLetterQueueURL, "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility")
	if err != nil {
		return err
	}
	l.out.InFlight, l.out.MaxReceiveCount = q.inFlight, q.receives
	p := &pass{queue: q, until: until, look: func(m *sqstypes.Message, _ time.Time) {
		if x := read(m, cfg); x != nil {
			l.add(x)
		} else {
			l.out.Foreign++
		}
	}}
	found := func() bool { return l.wanted != nil && len(l.wanted) == 0 }
	p.enough = found
	drained, err := p.run(ctx)
	err = errors.Join(err, q.release(ctx, slices.Collect(maps.Values(p.receipts))))
	l.out.Examined += len(p.receipts)
	l.out.Complete = l.out.Complete && (drained || found())
	return err
}

func (s *Service) answer(l *listing, args []string) (*kindredapi.ListDeadLettersResponse, error) {
	l.out.Counts = l.counts.shape()
	l.out.Items = make([]kindredapi.DeadLetter, 0, len(l.page.list))
	for _, x := range l.page.list {
		state := queuedState
		if x.waiting {
			state = waitingState
		}
		l.out.Items = append(l.out.Items, kindredapi.DeadLetter{Id: x.id, ObjectTypeName: x.objectType, Message: x.reason, Body: x.body,
			SentAt: x.first, ReceiveCount: x.receives, State: state})
	}
	if l.page.more {
		token, err := domain.NextToken(s.pages, "ListDeadLetters", args, l.page.list[len(l.page.list)-1].position().append(nil))
		if err != nil {
			return nil, err
		}
		l.out.NextToken = token
	}
	return l.out, nil
}
