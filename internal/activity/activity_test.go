package activity_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/access"
	"kindred/internal/activity"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/policy"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// failing is an engine whose updates can be made to fail.
type failing struct {
	store.Store
	mu  sync.Mutex // guards the following
	err error
}

func (f *failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.Store.Update(ctx, fn)
}

func (f *failing) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

type world struct {
	*ingesttest.World
	*activity.Service
	t     *testing.T
	ctx   context.Context
	store *failing
	id    domain.ID
}

func newWorld(t *testing.T, engine ingesttest.Engine) *world {
	t.Helper()
	w := &world{t: t}
	w.World = ingesttest.NewOn(t, func(t testing.TB, now func() time.Time) store.Store {
		w.store = &failing{Store: engine(t, now)}
		return w.store
	})
	w.Service = activity.New(activity.Config{Domains: w.Domain, Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler)})
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.ctx = access.WithCaller(t.Context(), &access.Caller{Type: access.User, Account: ingesttest.Account, Policies: []*policy.Policy{all}})
	if _, err := w.Domain.CreateDomain(w.ctx, &profileapi.CreateDomainRequest{DomainName: "shop", DefaultExpirationDays: 300}); err != nil {
		t.Fatal(err)
	}
	cfg, err := w.Domains.Config(w.ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	w.id = cfg.ID
	return w
}

func (w *world) flush() {
	w.t.Helper()
	if err := activity.Flush(w.ctx, w.Service); err != nil {
		w.t.Fatal(err)
	}
}

// days are the counts of objects by day, from the first with some.
func (w *world) days() (list []int64) {
	w.t.Helper()
	out, err := w.GetDomainActivity(w.ctx, &kindredapi.GetDomainActivityRequest{DomainName: "shop", Granularity: new("DAY"), Buckets: new(activity.Kept)})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range out.Buckets {
		if list != nil || b.ObjectsIngested != 0 {
			list = append(list, b.ObjectsIngested)
		}
	}
	return list
}

func (w *world) count(n int64) { w.Tallied(w.id, seal.Tally{domain.TallyObjects: n}) }

// kept is how many days the store has of the domain.
func (w *world) kept() (n int) {
	w.t.Helper()
	for _, rec := range ingesttest.Dump(w.t, w.Store) {
		if len(rec.Key.Partition) == 14 && rec.Key.Partition[9] == 'a' {
			n++
		}
	}
	return n
}

func onEngines(t *testing.T, test func(t *testing.T, w *world)) {
	for name, engine := range map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, engine)) })
	}
}

func TestDaysAreKeptForTheirTime(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		for i := range 3 {
			w.count(int64(i + 1))
			w.flush()
			w.Clock.Step(24 * time.Hour)
		}
		w.Clock.Step((activity.Kept - 3 - 1) * 24 * time.Hour)
		expire := func() {
			t.Helper()
			if err := activity.Expire(w.ctx, w.Service); err != nil {
				t.Fatal(err)
			}
		}
		expire()
		if got := w.days(); w.kept() != 3 || len(got) != activity.Kept || cmp.Diff([]int64{1, 2, 3}, got[:3]) != "" {
			t.Errorf("%d days, %v", w.kept(), got[:min(4, len(got))])
		}
		w.Clock.Step(24 * time.Hour)
		expire()
		if got := w.days(); w.kept() != 2 || cmp.Diff([]int64{2, 3}, got[:2]) != "" {
			t.Errorf("%d days, %v", w.kept(), got[:3])
		}
		w.Clock.Step(365 * 24 * time.Hour)
		expire()
		if w.kept() != 0 || w.days() != nil {
			t.Errorf("%d days, %v", w.kept(), w.days())
		}
	})
}

// What is counted of a domain that is being deleted is nobody's.
func TestNothingIsLeftOfADeletedDomain(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		w.count(1)
		w.flush()
		w.count(1)
		if _, err := w.Domain.DeleteDomain(w.ctx, &profileapi.DeleteDomainRequest{DomainName: "shop"}); err != nil {
			t.Fatal(err)
		}
		w.flush()
		if n := w.kept(); n != 0 {
			t.Errorf("%d days are left", n)
		}
	})
}

// While the store cannot be written nothing is lost, and nothing is counted twice.
func TestAStoreThatCannotBeWritten(t *testing.T) {
	w := newWorld(t, ingesttest.Memory)
	w.count(2)
	trouble := errors.New("disk full")
	w.store.fail(trouble)
	if err := activity.Flush(w.ctx, w.Service); !errors.Is(err, trouble) {
		t.Errorf("%v", err)
	}
	w.count(3)
	if got := w.days(); cmp.Diff([]int64{5}, got) != "" {
		t.Errorf("meanwhile: %v", got)
	}
	w.store.fail(nil)
	w.flush()
	w.flush()
	if got := w.days(); cmp.Diff([]int64{5}, got) != "" {
		t.Errorf("afterwards: %v", got)
	}
	w.count(1)
	w.store.fail(store.ErrUnknownOutcome)
	if err := activity.Flush(w.ctx, w.Service); !errors.Is(err, store.ErrUnknownOutcome) {
		t.Errorf("%v", err)
	}
	w.store.fail(nil)
	w.flush()
	if got := w.days(); cmp.Diff([]int64{5}, got) != "" {
		t.Errorf("what may have been written is not written again: %v", got)
	}
	// For days on end, memory is bounded.
	w.store.fail(trouble)
	for range 100 {
		w.count(1)
		w.Clock.Step(time.Hour)
	}
	if got := w.days(); len(got) == 0 || sum(got) > 5+48 {
		t.Errorf("%d objects wait", sum(got))
	}
}

func sum(list []int64) (n int64) {
	for _, v := range list {
		n += v
	}
	return n
}

// Counting costs an ingestion next to nothing.
func BenchmarkTallied(b *testing.B) {
	s := activity.New(activity.Config{Now: time.Now})
	id, tally := domain.NewID(), seal.Tally{1, 1}
	b.ReportAllocs()
	for b.Loop() {
		s.Tallied(id, tally)
	}
}
