package deadletter

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
)

// DeleteDeadLetters gives up letters of the domain's queue: their records are
// gone. Ids that are no letters of the domain, or are not in the queue at the time
// because they wait in the outbox or are held by others, are answered in NotFound.
// When a call fails, some of the letters may have been deleted.
func (s *Service) DeleteDeadLetters(ctx context.Context, in *kindredapi.DeleteDeadLettersRequest) (*kindredapi.DeleteDeadLettersResponse, error) {
	if err := s.allow(ctx, "kindred:DeleteDeadLetters", in.DomainName); err != nil {
		return nil, err
	}
	cfg, err := s.domains.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	url := cfg.Info.DeadLetterQueueURL
	if url == "" {
		return nil, fault.New(fault.Invalid, "The domain has no dead letter queue")
	}
	until := time.Now().Add(receiveIn)
	end, err := s.receiving.take(ctx, url, until)
	if err != nil {
		return nil, err
	}
	defer end()
	q, err := s.open(ctx, url, "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage")
	if err != nil {
		return nil, err
	}
	wanted := newFilter(nil, nil, nil, in.Ids).ids
	var found []*letter
	p := &pass{queue: q, until: until, enough: func() bool { return len(wanted) == 0 }, look: func(m *sqstypes.Message, _ time.Time) {
		if id := aws.ToString(m.MessageId); wanted[id] {
			if l := read(m, cfg); l != nil {
				found = append(found, l)
				delete(wanted, id)
			}
		}
	}}
	_, err = p.run(ctx)
	for _, l := range found {
		l.receipt = p.receipts[l.id]
		delete(p.receipts, l.id)
	}
	// First what is to stay, so that who may not give letters back deletes none.
	err = errors.Join(err, q.release(ctx, slices.Collect(maps.Values(p.receipts))))
	out := &kindredapi.DeleteDeadLettersResponse{NotFound: slices.Sorted(maps.Keys(wanted)), Failures: []kindredapi.DeadLetterFailure{}, InFlight: q.inFlight}
	var back []string
	for some := range slices.Chunk(found, perCall) {
		var kept map[int]string
		if err == nil {
			kept, err = q.remove(ctx, some)
		}
		if err != nil {
			back = append(back, receipts(some)...)
			continue
		}
		for i, l := range some {
			if why, ok := kept[i]; ok {
				out.Failures = append(out.Failures, kindredapi.DeadLetterFailure{Id: l.id, Message: why})
				back = append(back, l.receipt)
				continue
			}
			out.Deleted++
		}
	}
	if err = errors.Join(err, q.release(ctx, back)); err != nil {
		return nil, err
	}
	return out, nil
}
