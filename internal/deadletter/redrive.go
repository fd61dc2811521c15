package deadletter

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/profile"
	"kindred/internal/resource"
)

// Bounds of one redrive.
const (
	defaultLimit = 1000             // letters ingested
	redriveIn    = 30 * time.Second // for all of it, but for giving letters back
	receiveIn    = 10 * time.Second // of that, for receiving
	settleIn     = 15 * time.Second // for what follows an ingestion, should the caller be gone
	redriveBytes = 64 << 20         // of records held in memory
	maxResults   = 1000             // answered, those that failed first
)

// States of a result.
const (
	redriven = "REDRIVEN"
	failed   = "FAILED"
	skipped  = "SKIPPED"
)

// redrive is one RedriveDeadLetters call.
type redrive struct {
	s      *Service
	cfg    *domain.Config
	q      *queue
	filter filter
	object *string // in place of the record of the one letter
	dry    bool
	until  time.Time

	after  position // of the run that the call continues
	newest int64    // milliseconds; later letters belong to no call of the run; 0: none yet

	work    []*letter // to be ingested, in order
	drained bool      // the queue was seen to its end
	more    bool      // letters of the filter are left for another call
	last    position  // of the last letter that was dealt with

	failures tally
	bad, ok  []kindredapi.RedriveResult
	out      *kindredapi.RedriveDeadLettersResponse
}

// RedriveDeadLetters ingests letters of the domain's queue again, the oldest
// first, as the package comment says: up to Limit letters (default 1000, at most
// 10,000) and 64 MiB of records, for about half a minute. When More is true there
// are others, for which the call is repeated with NextToken: then letters that
// failed are not tried again in the same run. Without NextToken the queue holds
// more than one call can see (about 50,000 messages), and the order holds among
// what each call has seen.
//
// Ids restricts the redrive to single letters. Letters that wait in the outbox are
// not touched. Skipped are messages that are no letters of the domain, and letters
// that somebody else took meanwhile.
//
// Object is ingested in place of the record of one letter: Ids has its id alone and
// ObjectTypeName is its type, on which the caller needs profile:PutProfileObject.
// When that fails, the letter stays as it is.
func (s *Service) RedriveDeadLetters(ctx context.Context, in *kindredapi.RedriveDeadLettersRequest) (*kindredapi.RedriveDeadLettersResponse, error) {
	if err := s.allow(ctx, "kindred:RedriveDeadLetters", in.DomainName); err != nil {
		return nil, err
	}
	if err := s.mayReplace(ctx, in); err != nil {
		return nil, err
	}
	cfg, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	r := &redrive{s: s, cfg: cfg, object: in.Object, dry: aws.ToBool(in.DryRun), until: time.Now().Add(redriveIn), failures: tally{},
		filter: newFilter(in.ObjectTypeName, in.Message, in.MessageContains, in.Ids)}
	r.out = &kindredapi.RedriveDeadLettersResponse{DryRun: r.dry}
	args := append([]string{cfg.ID.String(), cfg.Info.DeadLetterQueueURL, strconv.FormatBool(r.dry)}, r.filter.args()...)
	if in.NextToken != nil {
		if err := r.resume(args, *in.NextToken); err != nil {
			return nil, err
		}
	}
	limit := defaultLimit
	if in.Limit != nil {
		limit = *in.Limit
	}
	url := cfg.Info.DeadLetterQueueURL
	if url == "" {
		return nil, fault.New(fault.Invalid, "The domain has no dead letter queue")
	}
	end, err := s.redriving.take(ctx, url, r.until)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := r.receive(ctx, url, limit); err != nil {
		return nil, err
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	return r.answer(args)
}

const operation = "RedriveDeadLetters"

// mayReplace checks a request that gives another record for a letter.
func (s *Service) mayReplace(ctx context.Context, in *kindredapi.RedriveDeadLettersRequest) error {
	switch {
	case in.Object == nil:
		return nil
	case len(in.Ids) != 1:
		return fault.New(fault.Invalid, "Object: takes the place of the record of one letter, so Ids must have exactly one id")
	case in.ObjectTypeName == nil:
		return fault.New(fault.Invalid, "ObjectTypeName: is needed with Object, and is the object type of the letter")
	case in.NextToken != nil:
		return fault.New(fault.Invalid, "NextToken: cannot be given together with Object")
	}
	return s.authorize(ctx, s.put, &profileapi.PutProfileObjectRequest{DomainName: in.DomainName, ObjectTypeName: *in.ObjectTypeName, Object: *in.Object})
}

func (r *redrive) resume(args []string, token string) error {
	b, err := r.s.pages.Open(operation, args, token)
	if err == nil && len(b) < 8 {
		err = fault.New(fault.Invalid, "NextToken is not valid for this request")
	}
	if err != nil {
		return err
	}
	r.newest = int64(binary.BigEndian.Uint64(b))
	r.after, err = parsePosition(b[8:])
	r.last = r.after
	return err
}

// receive takes hold of the letters to work on, and gives the others back.
func (r *redrive) receive(ctx context.Context, url string, limit int) error {
	end, err := r.s.receiving.take(ctx, url, r.until)
	if err != nil {
		return err
	}
	defer end()
	if r.q, err = r.s.open(ctx, url, "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"); err != nil {
		return err
	}
	chosen := oldest{limit: limit, bytes: redriveBytes}
	wanted, newest := maps.Clone(r.filter.ids), r.newest
	p := &pass{queue: r.q, until: time.Now().Add(receiveIn)}
	if r.until.Before(p.until) {
		p.until = r.until
	}
	if wanted != nil {
		p.enough = func() bool { return len(wanted) == 0 }
	}
	p.look = func(m *sqstypes.Message, held time.Time) {
		l := read(m, r.cfg)
		if l == nil {
			r.out.Skipped++
			return
		}
		newest = max(newest, l.sent.UnixMilli())
		delete(wanted, l.id)
		if !r.filter.matches(l) || !r.after.before(l) || r.newest > 0 && l.sent.UnixMilli() > r.newest {
			return
		}
		r.out.Matched++
		l.held = held
		if r.object != nil {
			l.body = *r.object
		}
		chosen.add(l)
	}
	r.drained, err = p.run(ctx)
	if r.newest == 0 {
		r.newest = newest
	}
	r.out.Examined, r.out.InFlight, r.out.MaxReceiveCount = len(p.receipts), r.q.inFlight, r.q.receives
	r.drained = r.drained || p.enough != nil && len(wanted) == 0
	r.more = chosen.more || !r.drained
	if err == nil {
		r.work = chosen.list
		for _, l := range r.work {
			l.receipt = p.receipts[l.id]
			delete(p.receipts, l.id)
		}
	}
	return errors.Join(err, r.q.release(ctx, slices.Collect(maps.Values(p.receipts))))
}

// run ingests the letters in hand. What it could not come to is given back.
func (r *redrive) run(ctx context.Context) error {
	var err error
	for len(r.work) > 0 && err == nil {
		if !time.Now().Before(r.until) {
			r.more = true
			break
		}
		n := 1
		for n < min(perCall, len(r.work)) && r.work[n].objectType == r.work[0].objectType {
			n++
		}
		if err = r.some(ctx, r.work[:n]); err == nil {
			r.last = r.work[n-1].position()
			clear(r.work[:n]) // done with the records
			r.work = r.work[n:]
		}
	}
	if len(r.work) == 0 {
		return err
	}
	return errors.Join(err, r.q.release(ctx, receipts(r.work)))
}

func receipts(letters []*letter) []string {
	list := make([]string, len(letters))
	for i, l := range letters {
		list[i] = l.receipt
	}
	return list
}

// some ingests up to ten letters of one object type and settles them.
func (r *redrive) some(ctx context.Context, letters []*letter) error {
	letters, lost, err := r.q.extend(ctx, letters)
	if err != nil {
		return err
	}
	for _, l := range lost {
		r.out.Skipped++
		r.result(l, skipped, "", "somebody else has received the letter meanwhile")
	}
	if len(letters) == 0 {
		return nil
	}
	errs, err := r.ingest(ctx, letters)
	if err != nil {
		return err
	}
	// Whoever asked may be gone; what has been ingested is settled all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleIn)
	defer cancel()
	if r.dry {
		for i, l := range letters {
			r.count(l, errs[i], "")
		}
		return r.q.release(ctx, receipts(letters))
	}
	return r.settle(ctx, letters, errs)
}

// ingest tries letters of one type, and returns the error of each. Those that are
// too many for their profile in one second are tried again in the next.
func (r *redrive) ingest(ctx context.Context, letters []*letter) ([]error, error) {
	errs := make([]error, len(letters))
	pending := make([]int, len(letters))
	for i := range pending {
		pending[i] = i
	}
	for {
		bodies := make([]string, len(pending))
		for i, at := range pending {
			bodies[i] = letters[at].body
		}
		results, all := r.s.ingest.Try(ctx, r.cfg.ID, letters[0].objectType, bodies, r.dry)
		if all != nil {
			if err := r.blame(ctx, all); err != nil {
				return nil, err
			}
		}
		var again []int
		for i, at := range pending {
			if errs[at] = all; all == nil {
				errs[at] = results[i].Err
			}
			if errors.Is(errs[at], profile.ErrTooMany) {
				again = append(again, at)
			}
		}
		now := time.Now()
		next := now.Truncate(time.Second).Add(time.Second)
		if len(again) == 0 || r.dry || next.After(r.until) {
			return errs, nil
		}
		pending = again
		select {
		case <-time.After(next.Sub(now)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// blame finds out whether letters are to blame for the error of a whole call, as
// when their object type is no more. It returns the errors that end a redrive.
func (r *redrive) blame(ctx context.Context, err error) error {
	if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Busy) {
		return err
	}
	_, gone := r.s.domains.ConfigOf(ctx, r.cfg.ID)
	return gone
}

// settle deletes the letters that were ingested and those that letters with
// newer errors have replaced, and gives the others back.
func (r *redrive) settle(ctx context.Context, letters []*letter, errs []error) error {
	notes := make([]string, len(letters))
	var gone []*letter
	var at []int
	var back []string
	for i, l := range letters {
		stays := false
		switch {
		case errs[i] == nil:
		case r.object != nil:
			stays = true // its record is another than that which failed
		default:
			stays, notes[i] = r.replace(ctx, l, errs[i])
		}
		if stays {
			back = append(back, l.receipt)
		} else {
			gone, at = append(gone, l), append(at, i)
		}
	}
	var err error
	if len(gone) > 0 {
		var kept map[int]string
		kept, err = r.q.remove(ctx, gone)
		for j, why := range kept {
			notes[at[j]] = "the old letter could not be deleted, so it is still in the queue: " + why
		}
	}
	for i, l := range letters {
		r.count(l, errs[i], notes[i])
	}
	if len(back) > 0 {
		err = errors.Join(err, r.q.release(ctx, back))
	}
	return err
}

// replace sends a letter with the newest error of a record, if that is another
// than before. It reports whether the old letter stays, and why if it should not.
func (r *redrive) replace(ctx context.Context, l *letter, err error) (stays bool, note string) {
	reason := ingest.Reason(err)
	if reason == l.reason || fault.Is(err, fault.Busy) {
		return true, ""
	}
	err = r.s.outbox.dispatch(ctx, &resource.Letter{QueueURL: r.q.url, DomainID: r.cfg.ID, Domain: r.cfg.Info.Name, ObjectType: l.objectType,
		Reason: reason, Body: l.body, FirstSent: l.first})
	if err != nil {
		r.s.log.WarnContext(ctx, "dead letter keeps its old error", "domain", r.cfg.Info.Name, "letter", l.id, "error", err)
		return true, "the letter shows its old error, because Customer Profiles could not send a new one to the queue"
	}
	return false, ""
}

// count notes what became of a letter.
func (r *redrive) count(l *letter, err error, note string) {
	if err == nil {
		r.out.Redriven++
		r.result(l, redriven, "", note)
		return
	}
	reason := ingest.Reason(err)
	r.out.Failed++
	r.failures.add(l.objectType, reason)
	r.result(l, failed, reason, note)
}

func (r *redrive) result(l *letter, state, message, note string) {
	list := &r.bad
	if state == redriven {
		list = &r.ok
	}
	if len(*list) == maxResults {
		return
	}
	x := kindredapi.RedriveResult{Id: l.id, ObjectTypeName: l.objectType, SentAt: l.first, State: state}
	if message != "" {
		x.Message = &message
	}
	if note != "" {
		x.Note = &note
	}
	*list = append(*list, x)
}

func (r *redrive) answer(args []string) (*kindredapi.RedriveDeadLettersResponse, error) {
	r.out.Failures = r.failures.shape()
	all := append(r.bad, r.ok...)
	r.out.Results = all[:min(len(all), maxResults)]
	r.out.More = r.more
	if !r.more || !r.drained {
		return r.out, nil
	}
	token, err := domain.NextToken(r.s.pages, operation, args, r.last.append(binary.BigEndian.AppendUint64(nil, uint64(r.newest))))
	r.out.NextToken = token
	return r.out, err
}
