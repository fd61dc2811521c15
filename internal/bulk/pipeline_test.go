package bulk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/bulk"
)

// sinkhole upserts records by their id, and refuses those that say so.
type sinkhole struct {
	mu    sync.Mutex
	kept  map[string]string // by id
	calls int
	most  int // bodies in a call
	// before is called at each call, with its number; its error is that of the
	// call.
	before func(call int) error
}

func newSinkhole() *sinkhole { return &sinkhole{kept: map[string]string{}} }

func (s *sinkhole) Put(ctx context.Context, bodies []string) ([]bulk.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	s.most = max(s.most, len(bodies))
	if s.before != nil {
		if err := s.before(s.calls); err != nil {
			return nil, err
		}
	}
	out := make([]bulk.Outcome, len(bodies))
	for i, b := range bodies {
		var r struct{ ID, Refuse, Letter string }
		switch err := json.Unmarshal([]byte(b), &r); {
		case err != nil:
			out[i] = bulk.Outcome{Code: 400, Reason: fmt.Sprintf("not JSON (at byte %d)", len(b))}
		case r.Refuse != "":
			out[i] = bulk.Outcome{Code: 422, Reason: r.Refuse}
		default:
			out[i].DeadLetter = r.Letter != ""
			s.kept[r.ID] = b
		}
	}
	return out, nil
}

// job is a directory with inputs, and how to run them.
type job struct {
	t     testing.TB
	dir   string
	files []string
}

func (j *job) path(name string) string { return filepath.Join(j.dir, name) }

func (j *job) write(name, text string) {
	j.t.Helper()
	if err := os.WriteFile(j.path(name), []byte(text), 0o600); err != nil {
		j.t.Fatal(err)
	}
	j.files = append(j.files, name)
}

func (j *job) read(name string) string {
	j.t.Helper()
	b, err := os.ReadFile(j.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		j.t.Fatal(err)
	}
	return string(b)
}

func (j *job) run(sink bulk.Sink, workers int) *bulk.Run {
	j.t.Helper()
	r := &bulk.Run{Job: bulk.Job{Domain: "d", ObjectType: "T", Target: "here", Format: bulk.Auto, Failed: j.path("failed.jsonl")},
		Checkpoint: j.path("checkpoint"), Sink: sink, Workers: workers, BatchRecords: 10, CheckpointEvery: time.Nanosecond}
	for _, f := range j.files {
		id, err := bulk.Identify(j.path(f))
		if err != nil {
			j.t.Fatal(err)
		}
		r.Inputs = append(r.Inputs, id)
	}
	return r
}

func (j *job) do(sink bulk.Sink, workers int) bulk.Totals {
	j.t.Helper()
	t, err := j.run(sink, workers).Do(context.Background())
	if err != nil {
		j.t.Fatal(err)
	}
	return t
}

// mixed makes two inputs of records, some of which fail in all ways there are.
func mixed(t testing.TB) *job {
	j := &job{t: t, dir: t.TempDir()}
	var lines, rows strings.Builder
	for i := range 137 {
		switch {
		case i%10 == 3:
			fmt.Fprintf(&lines, "{\"id\":\"%d\",\"refuse\":\"odd\"}\n", i)
		case i%25 == 7:
			fmt.Fprintf(&lines, "{\"id\":\"%d\"\n", i)
		default:
			fmt.Fprintf(&lines, "{\"id\":\"%d\",\"at\":%d}\n", i%40, i)
		}
	}
	rows.WriteString("id,letter\n")
	for i := range 63 {
		switch {
		case i == 20:
			rows.WriteString("only one\n")
		case i == 50:
			rows.WriteString("50,letter\n")
		default:
			fmt.Fprintf(&rows, "%d,\n", 1000+i)
		}
	}
	j.write("a.jsonl", lines.String())
	j.write("b.csv.gz", zip(t, rows.String()))
	return j
}

func TestRun(t *testing.T) {
	for _, workers := range []int{1, 4} {
		j, s := mixed(t), newSinkhole()
		got := j.do(s, workers)
		want := bulk.Totals{Ingested: 137 - 14 - 6 + 62, DeadLetters: 1, Failed: 14 + 6 + 1, Reasons: map[string]int64{
			"odd": 14, "not JSON": 6, "The row is malformed: the number of fields is not that of the header": 1}}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if len(s.kept) != 36+62 && workers == 1 {
			t.Errorf("%d ids", len(s.kept))
		}
		if s.most > 10 {
			t.Errorf("%d records in a batch", s.most)
		}
		failed := strings.Split(strings.TrimSuffix(j.read("failed.jsonl"), "\n"), "\n")
		reasons := strings.Split(strings.TrimSuffix(j.read("failed.jsonl.reasons"), "\n"), "\n")
		if len(failed) != 21 || len(reasons) != 21 {
			t.Fatalf("%d failures, %d reasons", len(failed), len(reasons))
		}
		if failed[0] != `{"id":"3","refuse":"odd"}` || failed[20] != `"only one"` {
			t.Errorf("failures %s ... %s", failed[0], failed[20])
		}
		if want := fmt.Sprintf(`{"Input":%q,"Record":4,"Start":54,"End":80,"Line":1,"Code":422,"Reason":"odd"}`, j.path("a.jsonl")); reasons[0] != want {
			t.Errorf("reason %s, want %s", reasons[0], want)
		}
		if j.read("checkpoint") != "" {
			t.Error("the checkpoint is still there")
		}

		// The failures are an input, and fail the same way.
		back := &job{t: t, dir: t.TempDir()}
		back.write("again.jsonl", j.read("failed.jsonl"))
		if got := back.do(s, workers); got.Failed != 21 || back.read("failed.jsonl") != j.read("failed.jsonl") {
			t.Errorf("fed back: %v", got)
		}
	}
}

func TestOrderIsKeptWithOneWorker(t *testing.T) {
	j, s := &job{t: t, dir: t.TempDir()}, newSinkhole()
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, `{"id":"%d","n":%d}`+"\n", i%7, i)
	}
	j.write("a.jsonl", text.String())
	j.do(s, 1)
	for k, v := range s.kept {
		var r struct{ N int }
		if err := json.Unmarshal([]byte(v), &r); err != nil || r.N < 493 {
			t.Errorf("id %s: %s is not the last", k, v)
		}
	}
}

// snapshot copies the files of a directory, as they would be found after the
// process is killed now.
func snapshot(t testing.TB, dir string) map[string]string {
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // renamed meanwhile
			t.Fatal(err)
		}
		if err == nil {
			out[e.Name()] = string(b)
		}
	}
	return out
}

func restore(t testing.TB, dir string, files map[string]string) {
	for name := range snapshot(t, dir) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilledRunsEndAsUndisturbedOnes kills a run, several times over, at random
// calls of the sink: what counts is what was on disk then.
func TestKilledRunsEndAsUndisturbedOnes(t *testing.T) {
	calm, whole := mixed(t), newSinkhole()
	want := calm.do(whole, 1)
	killed := errors.New("killed")
	for round := range 20 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 0))
		workers := 1 + round%3
		j, s := mixed(t), newSinkhole()
		for range 3 {
			var disk map[string]string
			at := s.calls + 1 + rng.IntN(8)
			s.before = func(call int) error {
				if call == at {
					disk = snapshot(t, j.dir)
				}
				if call >= at && (call > at || rng.IntN(2) == 0) { // that of the last call may have been stored
					return killed
				}
				return nil
			}
			r := j.run(s, workers)
			r.CheckpointEvery = time.Duration(rng.IntN(2)) * time.Millisecond
			if _, err := r.Do(context.Background()); err == nil {
				break
			} else if !errors.Is(err, killed) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			restore(t, j.dir, disk)
		}
		s.before = nil
		if _, err := os.Stat(j.path("failed.jsonl")); err == nil && j.read("checkpoint") == "" {
			continue // it had come to its end
		}
		got := j.do(s, workers)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("seed %d: got %v, want %v", seed, got, want)
		}
		if workers == 1 && !maps.Equal(s.kept, whole.kept) {
			t.Errorf("seed %d: other records are kept", seed)
		}
		if !slices.Equal(slices.Sorted(maps.Keys(s.kept)), slices.Sorted(maps.Keys(whole.kept))) {
			t.Errorf("seed %d: other ids are kept", seed)
		}
		for _, name := range []string{"failed.jsonl", "failed.jsonl.reasons"} {
			if got, want := j.read(name), strings.ReplaceAll(calm.read(name), calm.dir, j.dir); got != want {
				t.Errorf("seed %d: %s differs:\n%s\nwant\n%s", seed, name, got, want)
			}
		}
	}
}

func TestCheckpointIsForTheSameJob(t *testing.T) {
	stop := errors.New("stop")
	j, s := mixed(t), newSinkhole()
	s.before = func(call int) error {
		if call > 3 {
			return stop
		}
		return nil
	}
	first := j.run(s, 1)
	first.Made = "then"
	if _, err := first.Do(context.Background()); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	for _, same := range []func(*bulk.Run){
		func(r *bulk.Run) {},
		func(r *bulk.Run) { r.Domain, r.Made = "e", "then" }, // renamed
		func(r *bulk.Run) { r.Made = "then" },                // and back
	} {
		r := j.run(s, 1)
		same(r)
		if _, err := r.Do(context.Background()); !errors.Is(err, stop) {
			t.Errorf("the domain %s, made %q: %v", r.Domain, r.Made, err)
		}
	}
	s.before = nil
	for _, c := range []struct {
		want   string
		change func(*bulk.Run)
	}{
		{"another domain, ", func(r *bulk.Run) { r.Domain = "e" }},
		{"another domain, ", func(r *bulk.Run) { r.Domain, r.Made = "e", "now" }},
		{"another domain that had this name", func(r *bulk.Run) { r.Made = "now" }},
		{"another object type", func(r *bulk.Run) { r.ObjectType = "U" }},
		{"another target, here", func(r *bulk.Run) { r.Target = "there" }},
		{"another --format", func(r *bulk.Run) { r.Format = bulk.JSON }},
		{"another file of failures", func(r *bulk.Run) { r.Failed += "x" }},
		{"another number of files", func(r *bulk.Run) { r.Inputs = r.Inputs[:1] }},
		{"another content", func(r *bulk.Run) { r.Inputs[1].Head = "x" }},
		{"another content", func(r *bulk.Run) { r.Inputs[0].Size++ }},
	} {
		r := j.run(s, 1)
		c.change(r)
		if _, err := r.Do(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	text := j.read("checkpoint")
	for _, damaged := range []string{"", "{}", `{"Version":2}`, `{"Version":1,"Input":5}`, strings.Replace(text, `"Offset": `, `"Offset": -`, 1)} {
		if err := os.WriteFile(j.path("checkpoint"), []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := j.run(s, 1).Do(context.Background()); err == nil || !strings.Contains(err.Error(), "checkpoint") {
			t.Errorf("%q: %v", damaged, err)
		}
	}
	if err := os.WriteFile(j.path("checkpoint"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(j.path("failed.jsonl"), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := j.run(s, 1).Do(context.Background()); err == nil || !strings.Contains(err.Error(), "had written") {
		t.Errorf("failures cut: %v", err)
	}
	if err := os.Remove(j.path("failed.jsonl")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.run(s, 1).Do(context.Background()); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("failures gone: %v", err)
	}
}

func TestFailuresOfAnEarlierRunAreNotOverwritten(t *testing.T) {
	j, s := mixed(t), newSinkhole()
	j.do(s, 1)
	if _, err := j.run(s, 1).Do(context.Background()); err == nil || !strings.Contains(err.Error(), "feed them back") {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeReadEndsTheRunWithWhatIsBeforeIt(t *testing.T) {
	j, s := &job{t: t, dir: t.TempDir()}, newSinkhole()
	j.write("a.json", `[{"id":"1"},{"id":"2"}{"id":"3"}]`)
	got, err := j.run(s, 2).Do(context.Background())
	var syntax *bulk.SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset != 22 || got.Ingested != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRecordTooLargeToBeHeldIsNamed(t *testing.T) {
	j, s := &job{t: t, dir: t.TempDir()}, newSinkhole()
	j.write("a.jsonl", "{\"id\":\"1\"}\n{\"x\":\""+strings.Repeat("y", bulk.MaxRecord)+"\"}\n{\"id\":\"2\"\n")
	if got := j.do(s, 1); got.Failed != 2 || got.Ingested != 1 {
		t.Errorf("%v", got)
	}
	if want := "{\"id\":\"2\"\n"; j.read("failed.jsonl") != want {
		t.Errorf("%q", j.read("failed.jsonl"))
	}
	if r := j.read("failed.jsonl.reasons"); !strings.Contains(r, `"Record":2,"Start":11,"End":1048596,"Reason"`) || !strings.Contains(r, `"Record":3,"Start":1048596,"End":1048606,"Line":1,`) {
		t.Error(r)
	}
}

func TestFailuresOnSeveralLinesBecomeOne(t *testing.T) {
	j, s := &job{t: t, dir: t.TempDir()}, newSinkhole()
	j.write("a.json", "[{\n\"id\": 1.50,\r\n\"refuse\":\"a  b\"},\n{\"id\"\n\"\xff\"}]")
	j.do(s, 1)
	if got, want := j.read("failed.jsonl"), "{\"id\":1.50,\"refuse\":\"a  b\"}\n{\"id\" \"\xff\"}\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestReasonsAreBounded(t *testing.T) {
	j, s := &job{t: t, dir: t.TempDir()}, newSinkhole()
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, `{"refuse":"reason %d"}`+"\n", i)
	}
	j.write("a.jsonl", text.String())
	if got := j.do(s, 3); len(got.Reasons) != 101 || got.Reasons["other reasons"] != 200 || !strings.Contains(got.Summary(), "      200  other reasons\n") {
		t.Errorf("%d reasons: %s", len(got.Reasons), got.Summary())
	}
}

func TestStandardInput(t *testing.T) {
	s := newSinkhole()
	r := &bulk.Run{Job: bulk.Job{Format: bulk.Auto, Failed: filepath.Join(t.TempDir(), "failed"), Inputs: []bulk.Identity{{Name: bulk.Stdin}}},
		Stdin: strings.NewReader("id\n1\n2\n"), Sink: s, Workers: 2, BatchRecords: 1}
	r.Format = bulk.CSV
	if got, err := r.Do(context.Background()); err != nil || got.Ingested != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestInterruptedRunGoesOn(t *testing.T) {
	j, s := mixed(t), newSinkhole()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.before = func(call int) error {
		if call == 5 {
			cancel()
			return ctx.Err()
		}
		return nil
	}
	got, err := j.run(s, 1).Do(ctx)
	if !errors.Is(err, context.Canceled) || got.Ingested+got.Failed != 40 {
		t.Fatalf("%v, %v", got, err)
	}
	s.before = nil
	if got := j.do(s, 1); got.Ingested+got.Failed != 200 || s.calls != 1+14+7 {
		t.Errorf("%v in %d calls", got, s.calls)
	}
}

// TestReadingWaitsForTheSink reads an endless input with a sink that does not
// move.
func TestReadingWaitsForTheSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stuck := sinkFunc(func(ctx context.Context, _ []string) ([]bulk.Outcome, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		in := &endless{}
		r := &bulk.Run{Job: bulk.Job{Format: bulk.Lines, Failed: filepath.Join(t.TempDir(), "failed"), Inputs: []bulk.Identity{{Name: bulk.Stdin}}},
			Stdin: in, Sink: stuck, Workers: 2, BatchRecords: 10}
		time.AfterFunc(time.Hour, cancel) // comes when nothing else moves
		if _, err := r.Do(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if in.read > 256<<10 {
			t.Errorf("%d bytes have been read", in.read)
		}
	})
}

type sinkFunc func(context.Context, []string) ([]bulk.Outcome, error)

func (f sinkFunc) Put(ctx context.Context, bodies []string) ([]bulk.Outcome, error) {
	return f(ctx, bodies)
}

// endless is the same line again and again.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	const line = "{\"id\":\"1\"}\n"
	for i := range p {
		p[i] = line[e.read%len(line)]
		e.read++
	}
	return len(p), nil
}

func TestShow(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		want     []string
	}{
		{false, []string{"100 %, 10 records, 2/s, 0 failed\n", "100 %, 20 records, 2/s, 0 failed, waiting for the tide\n"}},
		{true, []string{"\r\x1b[K[##############################] 100 %, 1 records, 5/s, 0 failed"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			j := &job{t: t, dir: t.TempDir()}
			j.write("a.jsonl", strings.Repeat("{\"id\":\"1\"}\n", 30))
			slow := sinkFunc(func(_ context.Context, bodies []string) ([]bulk.Outcome, error) {
				time.Sleep(499 * time.Millisecond)
				return make([]bulk.Outcome, len(bodies)), nil
			})
			if c.terminal {
				slow = func(_ context.Context, bodies []string) ([]bulk.Outcome, error) {
					time.Sleep(199 * time.Millisecond)
					return make([]bulk.Outcome, len(bodies)), nil
				}
			}
			r := j.run(slow, 1)
			r.BatchRecords = 1
			began := time.Now()
			r.Waiting = func() string {
				if time.Since(began) < 6*time.Second {
					return ""
				}
				return "the tide"
			}
			ctx, cancel := context.WithCancel(t.Context())
			var out strings.Builder
			var g sync.WaitGroup
			g.Go(func() { r.Show(ctx, &out, c.terminal) })
			if _, err := r.Do(context.Background()); err != nil {
				t.Fatal(err)
			}
			cancel()
			g.Wait()
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in %q", want, out.String())
				}
			}
		})
	}
}
