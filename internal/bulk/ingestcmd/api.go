package ingestcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"kindred/internal/bulk"
)

const requestTimeout = time.Minute

// apiBatch is how many records one call takes (AWS: BatchPutProfileObject).
const apiBatch = 10

// api hands records to a running server.
type api struct {
	client             *customerprofiles.Client
	endpoint           string
	domain, objectType string
	retryFor           time.Duration
	reached            atomic.Bool  // the server has answered
	waiting            atomic.Int32 // calls that are to be made again
}

func (o *options) openAPI(ctx context.Context, _ io.Writer) (sink, error) {
	cfg, err := o.server.Config(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return nil, fmt.Errorf("no credentials were found; use --credentials, or the ways of AWS clients: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = o.workers
	return newAPI(cfg, *cfg.BaseEndpoint, &http.Client{Transport: transport, Timeout: requestTimeout}, o), nil
}

func newAPI(cfg aws.Config, endpoint string, client *http.Client, o *options) *api {
	a := &api{endpoint: endpoint, domain: o.domain, objectType: o.objectType, retryFor: o.retryFor}
	a.client = customerprofiles.NewFromConfig(cfg, func(c *customerprofiles.Options) {
		c.BaseEndpoint, c.HTTPClient = &endpoint, client
		c.Retryer = aws.NopRetryer{} // it is done here, where it is known what may be tried again
	})
	return a
}

func (a *api) Name() string      { return a.endpoint }
func (a *api) BatchRecords() int { return apiBatch }

// Waiting tells of a server that is busy or away.
func (a *api) Waiting() string {
	if a.waiting.Load() == 0 {
		return ""
	}
	return "the server, which is busy or away"
}

func (a *api) Close() error { return nil }

// Made asks once: whoever may ingest need not be allowed to.
func (a *api) Made(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := a.client.GetDomain(ctx, &customerprofiles.GetDomainInput{DomainName: &a.domain})
	if err != nil || out.CreatedAt == nil {
		return ""
	}
	return stamp(*out.CreatedAt)
}

// stamp writes a time as precisely as the API tells it.
func stamp(t time.Time) string { return t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano) }

// Put implements bulk.Sink. Throttling, errors of the server and a server that
// has gone away are waited for; what cannot be got over so ends the run.
func (a *api) Put(ctx context.Context, bodies []string) ([]bulk.Outcome, error) {
	out := make([]bulk.Outcome, len(bodies))
	first := 0 // that is not settled; those before it are
	w := wait{until: time.Now().Add(a.retryFor)}
	for first < len(bodies) {
		err := a.send(ctx, bodies[first:], out[first:])
		switch {
		case err == nil:
			settled := unsettled(out[first:])
			if settled == len(bodies)-first {
				return out, nil
			}
			// From the first that was turned away all go again, those after it
			// that were taken too: none must overtake it.
			if first += settled; !w.more(ctx) {
				return out, ctx.Err() // they stay failed
			}
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case a.temporary(err):
			a.waiting.Add(1)
			again := w.more(ctx)
			a.waiting.Add(-1)
			if !again {
				return nil, err
			}
		case refused(err) && len(bodies)-first > 1:
			// One of them is to blame for the whole call.
			for i := first; i < len(bodies); i++ {
				one, err := a.Put(ctx, bodies[i:i+1])
				if err != nil {
					return nil, err
				}
				out[i] = one[0]
			}
			return out, nil
		case refused(err):
			out[first] = bulk.Outcome{Code: http.StatusBadRequest, Reason: message(err)}
			return out, nil
		default:
			return nil, err
		}
	}
	return out, nil
}

// unsettled is the place of the first outcome that another try may change.
func unsettled(list []bulk.Outcome) int {
	for i, o := range list {
		if o.Code == http.StatusTooManyRequests || o.Code >= 500 {
			return i
		}
	}
	return len(list)
}

// send calls the server once.
func (a *api) send(ctx context.Context, bodies []string, out []bulk.Outcome) error {
	in := &customerprofiles.BatchPutProfileObjectInput{DomainName: &a.domain, ObjectTypeName: &a.objectType}
	for i := range bodies {
		in.Items = append(in.Items, types.BatchPutProfileObjectRequestItem{Id: aws.String(strconv.Itoa(i)), Object: &bodies[i]})
	}
	answer, err := a.client.BatchPutProfileObject(ctx, in)
	if err != nil {
		return err
	}
	a.reached.Store(true)
	known := make([]bool, len(bodies))
	at := func(id *string) (int, error) {
		i, err := strconv.Atoi(aws.ToString(id))
		if err != nil || i < 0 || i >= len(bodies) || known[i] {
			return 0, errors.New("the server answered about a record that was not asked about")
		}
		known[i] = true
		return i, nil
	}
	for _, s := range answer.Successful {
		i, err := at(s.Id)
		if err != nil {
			return err
		}
		out[i] = bulk.Outcome{}
	}
	for _, f := range answer.Failed {
		i, err := at(f.Id)
		if err != nil {
			return err
		}
		out[i] = bulk.Outcome{Code: int(aws.ToInt32(f.Code)), Reason: cmp.Or(aws.ToString(f.Message), "The server gave no reason")}
	}
	if len(answer.Successful)+len(answer.Failed) != len(bodies) {
		return errors.New("the server did not say what became of some records")
	}
	return nil
}

// temporary reports whether a call may succeed when it is made again.
func (a *api) temporary(err error) bool {
	status := statusOf(err)
	if status != 0 {
		a.reached.Store(true)
	}
	if status >= 300 {
		return status == http.StatusTooManyRequests || status >= 500
	}
	var sent *smithyhttp.RequestSendError
	var read *smithy.DeserializationError
	// A server that has never answered is most likely not the right one.
	return a.reached.Load() && (errors.As(err, &sent) || errors.As(err, &read))
}

func statusOf(err error) int {
	var r *awshttp.ResponseError
	if errors.As(err, &r) {
		return r.HTTPStatusCode()
	}
	return 0
}

// refused: the call as a whole breaks a rule.
func refused(err error) bool { return statusOf(err) == http.StatusBadRequest }

func message(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return cmp.Or(e.ErrorMessage(), e.ErrorCode())
	}
	return err.Error()
}

// Waits between tries double from the first to the last, each with a random
// half.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

type wait struct {
	until time.Time
	next  time.Duration
}

// more waits for the next try, and reports false if there is none.
func (w *wait) more(ctx context.Context) bool {
	w.next = min(max(2*w.next, firstWait), lastWait)
	d := w.next/2 + rand.N(w.next/2)
	if time.Now().Add(d).After(w.until) {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
