// Package load puts a server under load and measures how long its clients wait.
//
// A closed loop has so many clients, each of which sends its next request when it has
// an answer: it finds out how much a server can do. An open loop sends requests at a
// rate, whether there are answers or not, as the world does; what a request waited
// because those before it were slow is part of its latency, which is measured from when
// it was to be sent and not from when it was (else measurements leave out just the
// moments in which a server stalls: "coordinated omission", Gil Tene).
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"kindred/kindredclient"
)

// Bounds of a run.
const (
	MaxClients = 10_000
	MaxRate    = 1_000_000
	// longest is what latencies are cut off at, in microseconds, and digits how exactly
	// they are kept.
	longest = int64(10 * time.Minute / time.Microsecond)
	digits  = 3
)

// Step is a kind of request.
type Step struct {
	Name   string
	Weight int // of all steps
	// Do makes the request number i of the step.
	Do func(ctx context.Context, i int64) error
}

// Plan is how a server is put under load.
type Plan struct {
	Steps    []Step
	Clients  int     // requests at the same time, at most
	Rate     float64 // requests per second of an open loop; 0: a closed loop
	WarmUp   time.Duration
	Duration time.Duration
	Seed     uint64 // of the order of steps
}

// Result is what was measured after the warm-up.
type Result struct {
	Elapsed time.Duration
	Steps   []StepResult
}

// StepResult is what was measured of a step.
type StepResult struct {
	Name   string
	Errors map[string]int64        // by name
	Served *hdrhistogram.Histogram // latencies of requests that succeeded, in microseconds
}

// Failed is how many requests failed.
func (r *StepResult) Failed() (n int64) {
	for _, k := range r.Errors {
		n += k
	}
	return n
}

// Check says what is wrong with a plan.
func (p *Plan) Check() error {
	var err error
	if p.Clients < 1 || p.Clients > MaxClients {
		err = errors.Join(err, fmt.Errorf("clients: want 1 to %d", MaxClients))
	}
	if p.Rate < 0 || p.Rate > MaxRate {
		err = errors.Join(err, fmt.Errorf("rate: want 0 to %d", MaxRate))
	}
	if p.WarmUp < 0 || p.Duration <= 0 {
		err = errors.Join(err, errors.New("duration: want more than 0, and no negative warm-up"))
	}
	if weight(p.Steps) == 0 {
		err = errors.Join(err, errors.New("mix: nothing is to be done"))
	}
	return err
}

func weight(steps []Step) (n int) {
	for _, s := range steps {
		n += s.Weight
	}
	return n
}

// Run carries out a plan. Requests that fail are counted, and end nothing.
func Run(ctx context.Context, p *Plan) (*Result, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	began := time.Now()
	measured := began.Add(p.WarmUp)
	end := measured.Add(p.Duration)
	bounded, cancel := context.WithDeadline(ctx, end.Add(30*time.Second))
	defer cancel()
	r := &run{plan: p, ctx: bounded, began: began, measured: measured, end: end, counts: make([]atomic.Int64, len(p.Steps))}
	results := make([][]StepResult, p.Clients)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = r.client(uint64(i)) })
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &Result{Elapsed: min(time.Since(measured), p.Duration)}
	for i := range p.Steps {
		sum := newStepResult(p.Steps[i].Name)
		for _, own := range results {
			sum.Served.Merge(own[i].Served)
			for name, n := range own[i].Errors {
				sum.Errors[name] += n
			}
		}
		out.Steps = append(out.Steps, sum)
	}
	return out, nil
}

type run struct {
	plan                 *Plan
	ctx                  context.Context
	began, measured, end time.Time
	next                 atomic.Int64   // requests of an open loop that were taken up
	counts               []atomic.Int64 // requests by step
}

func newStepResult(name string) StepResult {
	return StepResult{Name: name, Errors: map[string]int64{}, Served: hdrhistogram.New(1, longest, digits)}
}

// client makes requests until the end.
func (r *run) client(number uint64) []StepResult {
	own := make([]StepResult, len(r.plan.Steps))
	for i := range own {
		own[i] = newStepResult(r.plan.Steps[i].Name)
	}
	random := rand.New(rand.NewPCG(r.plan.Seed, number))
	for r.ctx.Err() == nil {
		due := time.Now()
		if r.plan.Rate > 0 {
			due = r.began.Add(time.Duration(float64(r.next.Add(1)-1) / r.plan.Rate * float64(time.Second)))
		}
		if !due.Before(r.end) {
			break
		}
		if !sleepUntil(r.ctx, due) {
			break
		}
		i := r.pick(random)
		err := r.plan.Steps[i].Do(r.ctx, r.counts[i].Add(1)-1)
		if due.Before(r.measured) {
			continue
		}
		if err != nil {
			own[i].Errors[nameOf(err)]++
			continue
		}
		// A value that is out of range is at its end.
		_ = own[i].Served.RecordValue(min(max(time.Since(due).Microseconds(), 1), longest))
	}
	return own
}

// pick chooses a step by its weight.
func (r *run) pick(random *rand.Rand) int {
	n := random.IntN(weight(r.plan.Steps))
	for i, s := range r.plan.Steps {
		if n -= s.Weight; n < 0 {
			return i
		}
	}
	return len(r.plan.Steps) - 1
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	d := time.Until(t)
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// nameOf is the name of an error, for a count.
func nameOf(err error) string {
	var answer *kindredclient.Error
	switch {
	case errors.As(err, &answer) && answer.Name != "":
		return answer.Name
	case errors.As(err, &answer):
		return fmt.Sprintf("status %d", answer.Status)
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	}
	return "connection"
}

// ParseMix reads weights of steps, such as ingest=70,search=20,read=10.
func ParseMix(text string, known []string) (map[string]int, error) {
	mix := map[string]int{}
	for _, part := range strings.Split(text, ",") {
		name, number, found := strings.Cut(strings.TrimSpace(part), "=")
		n := 0
		if _, err := fmt.Sscanf(number, "%d", &n); !found || err != nil || n < 0 || n > 1_000_000 || fmt.Sprint(n) != number {
			return nil, fmt.Errorf("%q: want steps with weights, such as ingest=70,search=30", part)
		}
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%q: want one of %s", name, strings.Join(known, ", "))
		}
		mix[name] = n
	}
	return mix, nil
}
