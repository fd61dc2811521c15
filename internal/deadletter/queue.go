package deadletter

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/resource"
)

// How a queue is worked on.
const (
	perCall     = 10               // messages, of SQS
	hold        = 40 * time.Second // for which received letters are hidden from others
	parallel    = 8                // calls at a time, when there is much
	maxExamined = 50_000           // messages received by one call of ours
	releaseIn   = 15 * time.Second // for giving letters back
)

// Queues gives the client for a queue; *resource.Clients does.
type Queues interface {
	SQS(ctx context.Context, queueURL string) (resource.SQS, error)
	Embedded(queueURL string) bool
}

// queue is a dead letter queue that the caller may work on.
type queue struct {
	client   resource.SQS
	url      string
	inFlight int  // messages that others held when it was opened
	receives *int // the limit of its own redrive policy
}

// open looks at a queue for a caller who wants to perform actions of SQS on it.
func (s *Service) open(ctx context.Context, url string, actions ...string) (*queue, error) {
	client, err := s.queues.SQS(ctx, url)
	if err != nil {
		return nil, err
	}
	q := &queue{client: client, url: url}
	a, err := q.attributes(ctx)
	if err != nil {
		return nil, err
	}
	if !s.queues.Embedded(url) { // where the process calls, not the caller
		for _, action := range append(actions, "sqs:GetQueueAttributes") {
			if err := access.Require(ctx, access.Check{Action: action, ResourceAccount: s.account,
				Resource: a[string(sqstypes.QueueAttributeNameQueueArn)]}); err != nil {
				return nil, err
			}
		}
	}
	q.inFlight, _ = strconv.Atoi(a[string(sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible)]) // 0: not told
	var redrive struct {
		MaxReceiveCount json.Number `json:"maxReceiveCount"` // a number, or a string of one
	}
	if json.Unmarshal([]byte(a[string(sqstypes.QueueAttributeNameRedrivePolicy)]), &redrive) == nil {
		if n, err := strconv.Atoi(redrive.MaxReceiveCount.String()); err == nil {
			q.receives = &n
		}
	}
	return q, nil
}

func (q *queue) attributes(ctx context.Context) (map[string]string, error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameQueueArn, sqstypes.QueueAttributeNameRedrivePolicy,
		sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible}})
	if err != nil {
		return nil, resource.QueueFault(err)
	}
	return out.Attributes, nil
}

// pass receives each message of a queue once, until none is left to receive.
type pass struct {
	queue  *queue
	until  time.Time
	look   func(*sqstypes.Message, time.Time) // called by one goroutine at a time, with the end of the hold
	enough func() bool                        // stops the pass early

	mu       sync.Mutex        // guards the following and the calls of look and enough
	receipts map[string]string // of all messages received, by id
}

// run reports whether the queue was seen to its end. The receipts are there
// whether or not it fails.
func (p *pass) run(ctx context.Context) (drained bool, err error) {
	p.receipts = map[string]string{}
	for wait := int32(0); ; {
		if p.full() {
			return false, nil
		}
		n, err := p.receive(ctx, wait)
		switch {
		case err != nil:
			return false, err
		case n == perCall:
			if err := p.receiveMany(ctx); err != nil {
				return false, err
			}
		case n > 0: // a short poll may answer with less than there is
		case wait > 0:
			return true, nil
		default:
			a, err := p.queue.attributes(ctx)
			if err != nil {
				return false, err
			}
			if a[string(sqstypes.QueueAttributeNameApproximateNumberOfMessages)] == "0" {
				return true, nil
			}
			wait = 1 // a long poll asks all servers of a distributed queue
		}
	}
}

func (p *pass) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.receipts) >= maxExamined || !time.Now().Before(p.until) || p.enough != nil && p.enough()
}

// receiveMany receives with many calls at a time until one answers with none.
func (p *pass) receiveMany(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for range parallel {
		g.Go(func() error {
			for !p.full() {
				if n, err := p.receive(ctx, 0); n == 0 || err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (p *pass) receive(ctx context.Context, wait int32) (int, error) {
	held := time.Now().Add(hold) // counted from before the call, to be on the safe side
	out, err := p.queue.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &p.queue.url, MaxNumberOfMessages: perCall,
		VisibilityTimeout: int32(hold / time.Second), WaitTimeSeconds: wait, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameSentTimestamp,
			sqstypes.MessageSystemAttributeNameApproximateReceiveCount}})
	if err != nil {
		return 0, resource.QueueFault(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range out.Messages {
		m := &out.Messages[i]
		_, again := p.receipts[aws.ToString(m.MessageId)]
		p.receipts[aws.ToString(m.MessageId)] = aws.ToString(m.ReceiptHandle)
		if !again { // SQS delivers a message more than once, rarely
			p.look(m, held)
		}
	}
	return len(out.Messages), nil
}

// release makes messages visible again, whatever became of the caller. Those
// that somebody else has received by now are left; what else fails, the end of
// the hold does.
func (q *queue) release(ctx context.Context, receipts []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseIn)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for some := range slices.Chunk(receipts, perCall) {
		g.Go(func() error {
			_, err := q.setVisibility(ctx, some, 0)
			return err
		})
	}
	return g.Wait()
}

// extend renews the hold of letters for which half of it has gone by, and
// returns those that are held: the others have been visible in between, and are
// not ours any more.
func (q *queue) extend(ctx context.Context, letters []*letter) (held, lost []*letter, err error) {
	now := time.Now()
	if !slices.ContainsFunc(letters, func(l *letter) bool { return l.held.Before(now.Add(hold / 2)) }) {
		return letters, nil, nil
	}
	receipts := make([]string, len(letters))
	for i, l := range letters {
		receipts[i] = l.receipt
	}
	failed, err := q.setVisibility(ctx, receipts, hold)
	if err != nil {
		return nil, nil, err
	}
	for i, l := range letters {
		if failed[i] != "" {
			lost = append(lost, l)
			continue
		}
		l.held = now.Add(hold)
		held = append(held, l)
	}
	return held, lost, nil
}

// setVisibility changes the visibility timeout of up to ten messages, and
// returns why it could not, by index.
func (q *queue) setVisibility(ctx context.Context, receipts []string, timeout time.Duration) (map[int]string, error) {
	in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url}
	for i := range receipts {
		in.Entries = append(in.Entries, sqstypes.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
			ReceiptHandle: &receipts[i], VisibilityTimeout: int32(timeout / time.Second)})
	}
	out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
	if err != nil {
		return nil, resource.QueueFault(err)
	}
	return failures(out.Failed), nil
}

// remove deletes up to ten letters, and returns why it could not, by index.
func (q *queue) remove(ctx context.Context, letters []*letter) (map[int]string, error) {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
	for i, l := range letters {
		in.Entries = append(in.Entries, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &l.receipt})
	}
	out, err := q.client.DeleteMessageBatch(ctx, in)
	if err != nil {
		return nil, resource.QueueFault(err)
	}
	return failures(out.Failed), nil
}

func failures(list []sqstypes.BatchResultErrorEntry) map[int]string {
	failed := map[int]string{}
	for _, e := range list {
		if i, err := strconv.Atoi(aws.ToString(e.Id)); err == nil {
			failed[i] = aws.ToString(e.Code) + ": " + aws.ToString(e.Message)
		}
	}
	return failed
}

// turns lets one caller at a time work on a queue.
type turns struct {
	mu   sync.Mutex
	list map[string]*turn
}

type turn struct {
	free  chan struct{} // holds one token while nobody works
	users int           // who work or wait
}

// take waits for a turn until a time, and returns how to end it.
func (t *turns) take(ctx context.Context, url string, until time.Time) (end func(), err error) {
	t.mu.Lock()
	if t.list == nil {
		t.list = map[string]*turn{}
	}
	w := t.list[url]
	if w == nil {
		w = &turn{free: make(chan struct{}, 1)}
		w.free <- struct{}{}
		t.list[url] = w
	}
	w.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if w.users--; w.users == 0 {
			delete(t.list, url)
		}
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-w.free:
		return func() { w.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = fault.New(fault.Busy, "The dead letters of this queue are being listed or redriven; try again")
	}
	leave()
	return nil, err
}
