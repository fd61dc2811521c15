package bulk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Outcome is what became of one record.
type Outcome struct {
	// Reason says why the record was refused, empty if it was taken in. Code is
	// then the HTTP status that says the same, if there is one.
	Reason string
	Code   int
	// DeadLetter: it was taken in by the dead letter queue.
	DeadLetter bool
}

// Sink takes records in. Put returns an outcome for each of the bodies when all
// of them are durable or refused. An error says that nothing is known of them
// and ends the run: trying again is up to the sink.
type Sink interface {
	Put(ctx context.Context, bodies []string) ([]Outcome, error)
}

// Run is one run of a job.
type Run struct {
	Job
	// Checkpoint is the file of the checkpoint; empty for none.
	Checkpoint string
	// Stdin is read for the input named "-", which must be the only one and has
	// no identity.
	Stdin io.Reader
	Sink  Sink
	// Workers is how many batches are handed on at once.
	Workers int
	// BatchRecords bounds a batch, beside batchBytes.
	BatchRecords int
	// Waiting, if it is given, tells what the sink waits for, empty when for
	// nothing. It is shown with the progress.
	Waiting func() string
	// CheckpointEvery is how often a checkpoint is written; 0: each second.
	CheckpointEvery time.Duration

	// progress of the run, for whoever shows it
	mu     sync.Mutex
	totals Totals
	done   int64 // bytes of the inputs before the current one
	input  *Input

	state    state
	failures *failures
	saved    time.Time
}

// batchBytes ends a batch that reaches it.
const batchBytes = 1 << 20

// Stdin is the name of standard input.
const Stdin = "-"

// Do runs the job, from its checkpoint if there is one. The totals are those of
// the whole job. When all records have been handed on the checkpoint is removed;
// that some failed is no error. After an error the checkpoint is where the same
// job goes on.
func (r *Run) Do(ctx context.Context) (t Totals, err error) {
	if r.CheckpointEvery == 0 {
		r.CheckpointEvery = time.Second
	}
	if err := r.begin(); err != nil {
		return Totals{}, err
	}
	defer func() { err = errors.Join(err, r.failures.close()) }()
	for err == nil && r.state.Input < len(r.Inputs) {
		err = r.read(ctx, r.Inputs[r.state.Input].Name)
		if err == nil {
			r.mu.Lock()
			r.done += r.Inputs[r.state.Input].Size
			r.mu.Unlock()
			if r.state.Input++; r.state.Input < len(r.Inputs) {
				r.state.Position = Position{}
				err = r.save()
			}
		}
	}
	if err != nil {
		return r.Totals(), errors.Join(err, r.save())
	}
	if err := r.failures.sync(); err != nil {
		return r.Totals(), err
	}
	if r.Checkpoint != "" {
		if err := os.Remove(r.Checkpoint); err != nil {
			return r.Totals(), fmt.Errorf("checkpoint: %w", err)
		}
	}
	return r.Totals(), nil
}

// begin takes up the checkpoint, or makes the first.
func (r *Run) begin() error {
	r.state = state{Version: checkpointVersion, Job: r.Job}
	var before *state
	if r.Checkpoint != "" {
		var err error
		if before, err = loadState(r.Checkpoint); err != nil {
			return err
		}
	}
	if before != nil {
		if what := r.Job.differs(&before.Job); what != "" {
			return fmt.Errorf("checkpoint: %s is of a run with %s; finish that one, or remove the checkpoint to start anew", r.Checkpoint, what)
		}
		made := cmp.Or(r.Made, before.Made)
		before.Job = r.Job
		before.Made = made
		r.state = *before
	}
	r.mu.Lock()
	r.totals = r.state.Totals
	for _, in := range r.Inputs[:r.state.Input] {
		r.done += in.Size
	}
	r.mu.Unlock()
	var err error
	if r.failures, err = openFailures(r.Failed, r.state.Kept, before != nil); err != nil {
		return err
	}
	return r.save()
}

// save makes failures durable, and then the checkpoint that counts them.
func (r *Run) save() error {
	if err := r.failures.sync(); err != nil {
		return err
	}
	r.saved = time.Now()
	if r.Checkpoint == "" {
		return nil
	}
	r.state.Kept, r.state.Totals = r.failures.kept, r.Totals()
	return r.state.save(r.Checkpoint)
}

// Totals are those so far. It may be called while the job runs.
func (r *Run) Totals() Totals {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.totals
	t.Reasons = make(map[string]int64, len(r.totals.Reasons))
	for k, v := range r.totals.Reasons {
		t.Reasons[k] = v
	}
	return t
}

// Bytes is how much of the input files has been read, and how large they are; 0
// for standard input. It may be called while the job runs.
func (r *Run) Bytes() (read, size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	read = r.done
	if r.input != nil {
		read += r.input.Taken()
	}
	for _, in := range r.Inputs {
		size += in.Size
	}
	return read, size
}

// batch is some records on their way.
type batch struct {
	records  []Record
	bytes    int
	outcomes []Outcome
	err      error
	done     chan struct{}
}

// read brings one input in, from the position of the state.
func (r *Run) read(ctx context.Context, name string) (err error) {
	var in *Input
	if name == Stdin {
		in, err = NewInput("standard input", r.Stdin, r.Format)
	} else {
		in, err = Open(name, r.Format)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.input = in
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.input = nil
		r.mu.Unlock()
		err = errors.Join(err, in.Close())
	}()
	if err := in.Resume(r.state.Position); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	order := make(chan *batch, 2*r.Workers) // what is under way, in order
	work := make(chan *batch)
	var g sync.WaitGroup
	defer g.Wait()
	defer cancel()
	var readErr error
	g.Go(func() {
		defer close(order)
		defer close(work)
		readErr = r.fill(ctx, in, order, work)
	})
	for range r.Workers {
		g.Go(func() {
			for b := range work {
				b.put(ctx, r.Sink)
			}
		})
	}
	for b := range order {
		<-b.done
		if b.err != nil {
			return b.err
		}
		if err := r.commit(in, b); err != nil {
			return err
		}
	}
	return readErr // written before order was closed
}

// fill reads records into batches.
func (r *Run) fill(ctx context.Context, in *Input, order, work chan<- *batch) error {
	b := &batch{done: make(chan struct{})}
	send := func() error {
		select {
		case order <- b:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case work <- b:
		case <-ctx.Done():
			b.err = context.Cause(ctx)
			close(b.done)
			return b.err
		}
		b = &batch{done: make(chan struct{})}
		return nil
	}
	for {
		rec, err := in.Next()
		if err != nil {
			if len(b.records) > 0 {
				if err := send(); err != nil {
					return err
				}
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
		b.records = append(b.records, rec)
		b.bytes += len(rec.Body)
		if len(b.records) >= r.BatchRecords || b.bytes >= batchBytes {
			if err := send(); err != nil {
				return err
			}
		}
	}
}

// put hands on the records of a batch that may be.
func (b *batch) put(ctx context.Context, sink Sink) {
	defer close(b.done)
	b.outcomes = make([]Outcome, len(b.records))
	bodies := make([]string, 0, len(b.records))
	for i := range b.records {
		if rec := &b.records[i]; rec.Problem == "" {
			bodies = append(bodies, string(rec.Body))
		} else {
			b.outcomes[i] = Outcome{Reason: rec.Problem}
		}
	}
	if len(bodies) == 0 {
		return
	}
	list, err := sink.Put(ctx, bodies)
	if err == nil && len(list) != len(bodies) {
		err = fmt.Errorf("bulk: %d outcomes for %d records", len(list), len(bodies))
	}
	if err != nil {
		b.err = err
		return
	}
	next := 0
	for i := range b.records {
		if b.records[i].Problem == "" {
			b.outcomes[i] = list[next]
			next++
		}
	}
}

// commit counts a batch, all before it having been.
func (r *Run) commit(in *Input, b *batch) error {
	for i := range b.records {
		if o := b.outcomes[i]; o.Reason != "" {
			if err := r.failures.add(in.Name, &b.records[i], o); err != nil {
				return err
			}
		}
	}
	r.mu.Lock()
	for _, o := range b.outcomes {
		switch {
		case o.Reason != "":
			r.totals.fail(o.Reason)
			continue
		case o.DeadLetter:
			r.totals.DeadLetters++
		}
		r.totals.Ingested++
	}
	r.mu.Unlock()
	last := &b.records[len(b.records)-1]
	r.state.Position = Position{Offset: last.End, Records: last.Number}
	if time.Since(r.saved) < r.CheckpointEvery {
		return nil
	}
	return r.save()
}
