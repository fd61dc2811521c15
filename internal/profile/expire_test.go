package profile_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
)

const day = 24 * time.Hour

// lasting is an object type whose objects last for so many days.
func lasting(days int) ingesttest.Type {
	d := visit(0)
	d.Days = days
	return d
}

// entries lists the index of due times of a domain: hours after the world's
// first moment, ascending.
func entries(w *ingesttest.World, domainName string) (hours []int64) {
	w.T.Helper()
	cfg, err := w.Domains.Config(w.Ctx(), domainName)
	if err != nil {
		w.T.Fatal(err)
	}
	start := ingesttest.NewClock().Now().Unix() / 3600
	for _, rec := range ingesttest.Dump(w.T, w.Store) {
		if rest, ok := bytes.CutPrefix(rec.Key.Partition, cfg.ID.Partition('x')); ok {
			hours = append(hours, int64(binary.BigEndian.Uint32(rest))-start)
		}
	}
	return hours
}

func scheduled(w *ingesttest.World, what string, want ...int64) {
	w.T.Helper()
	if got := entries(w, "d"); fmt.Sprint(got) != fmt.Sprint(want) {
		w.T.Errorf("%s: entries at the hours %v, want %v", what, got, want)
	}
}

func expired(w *ingesttest.World, what string, objects, profiles int64) {
	w.T.Helper()
	if o, p := w.Expired.Objects.Swap(0), w.Expired.Profiles.Swap(0); o != objects || p != profiles {
		w.T.Errorf("%s: %d objects and %d profiles expired, want %d and %d", what, o, p, objects, profiles)
	}
}

// TestObjectsExpire: an object goes when its time has come, with all it gave;
// what others gave stands again.
func TestObjectsExpire(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"Day": lasting(1), "Long": lasting(10)})
	w.Clock.Step(time.Minute)
	p := w.Put("d", "Long", `{"no":"L1","mail":"a@x.org","tier":"tin","upd":1000}`)
	scheduled(w, "a new profile", 241) // the first full hour after ten days and a minute
	w.Put("d", "Day", `{"no":"D1","mail":"a@x.org","tier":"gold","upd":2000}`)
	scheduled(w, "an earlier due time", 25)
	w.Put("d", "Day", `{"no":"D2","mail":"a@x.org"}`)
	w.Clock.Step(day - time.Minute) // to the full hour at which a day and a minute is not over
	w.Sweep()
	expired(w, "before the time", 0, 0)
	w.Clock.Step(time.Hour)
	if got := w.Show("d", p); !strings.Contains(got, "gold") {
		t.Errorf("before the sweep: %s", got)
	}
	w.Sweep()
	expired(w, "after the time", 2, 0)
	if got := w.Show("d", p); got != `{"Attributes":{"tier":"tin"},"EmailAddress":"a@x.org"}` || numbers(w, p, "Day", "Long") != "L1" {
		t.Errorf("after the sweep: %s, %s", got, numbers(w, p, "Day", "Long"))
	}
	w.Finds("d", "visitNo", "D1")
	scheduled(w, "what is left", 241)
	w.Sweep()
	expired(w, "again", 0, 0)
	w.Clock.Step(10 * day)
	w.Sweep()
	expired(w, "the rest", 1, 1)
	if got := w.Show("d", p); got != "none" {
		t.Errorf("after its period: %s", got)
	}
	scheduled(w, "nothing left")
}

// TestProfilesExpire: what a call made goes when it has not been updated for the
// domain's period.
func TestProfilesExpire(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d", func(in *profileapi.CreateDomainRequest) { in.DefaultExpirationDays = 10 })
	p, q := w.Create("d", `{"FirstName":"Ann"}`), w.Create("d", `{"FirstName":"Bea"}`)
	scheduled(w, "new profiles", 240, 240)
	w.Clock.Step(5 * day)
	w.Edit("d", q, `{"LastName":"Lund"}`)
	scheduled(w, "an update leaves the entry", 240, 240)
	w.Clock.Step(5 * day)
	w.Sweep()
	expired(w, "of two, one that was not updated", 0, 1)
	if got := w.Show("d", p) + w.Show("d", q); got != `none{"FirstName":"Bea","LastName":"Lund"}` {
		t.Errorf("left: %s", got)
	}
	scheduled(w, "the other one later", 360)
	// A change of the period is for what comes later.
	if _, err := w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultExpirationDays: new(1)}); err != nil {
		t.Fatal(err)
	}
	w.Clock.Step(4 * day)
	w.Sweep()
	expired(w, "after the period was shortened", 0, 0)
	w.Clock.Step(day)
	w.Sweep()
	expired(w, "at its time", 0, 1)
	scheduled(w, "nothing left")
	verified(t, w)
}

// TestAnObjectThatComesAgainLastsLonger: it leaves the entry where it is, and the
// sweep that meets it puts it where it belongs.
func TestAnObjectThatComesAgainLastsLonger(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"C": lasting(2)})
	p := w.Put("d", "C", `{"no":"C1","mail":"a@x.org"}`)
	for range 3 {
		w.Clock.Step(20 * time.Hour)
		w.Put("d", "C", `{"no":"C1","mail":"a@x.org"}`)
		scheduled(w, "it has come again", 48)
	}
	w.Sweep()
	expired(w, "at the old time", 0, 0)
	scheduled(w, "after the sweep", 60+48)
	w.Clock.Step(2 * day)
	w.Sweep()
	expired(w, "at the new time", 1, 1)
	if w.Show("d", p) != "none" {
		t.Error("the profile is there")
	}
}

// TestAResidueExpires: with the newest of what it holds.
func TestAResidueExpires(t *testing.T) {
	w := crowded(t, 1, map[string]ingesttest.Type{"C": lasting(2), "Long": lasting(10)})
	p := w.Put("d", "C", `{"no":"C1","mail":"a@x.org","tier":"gold"}`)
	w.Clock.Step(day)
	w.Put("d", "C", `{"no":"C2","mail":"a@x.org"}`)
	w.Put("d", "Long", `{"no":"L1","mail":"a@x.org"}`)
	w.Clock.Step(day)
	w.Sweep()
	if got := w.Show("d", p); !strings.Contains(got, "gold") {
		t.Errorf("the first of the residue is over: %s", got)
	}
	w.Clock.Step(day)
	w.Sweep()
	if got := w.Show("d", p); got != "{}" {
		t.Errorf("all of it is over: %s", got)
	}
	expired(w, "what was evicted before", 0, 0)
}

// watched is a store that counts updates.
type watched struct {
	store.Store
	updates atomic.Int64
	after   func(n int64) error // of each update that has succeeded
}

func (s *watched) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.Store.Update(ctx, fn)
	if n := s.updates.Add(1); err == nil && s.after != nil {
		return s.after(n)
	}
	return err
}

// TestASweepCostsWhatIsDue: it takes one transaction for each profile of which
// something is due, and none for the others.
func TestASweepCostsWhatIsDue(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"Day": lasting(1), "Long": lasting(10)})
	for i := range 400 {
		name := "Long"
		if i%40 == 0 {
			name = "Day"
		}
		w.Put("d", name, fmt.Sprintf(`{"no":"N%d","mail":"%d@x.org"}`, i, i))
	}
	s := &watched{Store: w.Store}
	sweep := func(want int64) {
		t.Helper()
		s.updates.Store(0)
		ingesttest.Over(t, s, w.Clock, w.Keys).Sweep()
		if got := s.updates.Load(); got != want {
			t.Errorf("a sweep made %d updates, want %d", got, want)
		}
	}
	sweep(0)
	w.Clock.Step(day)
	sweep(10)
	sweep(0)
	w.Clock.Step(9 * day)
	sweep(390) // more than one batch
	if got := count(w, "d"); got != 0 {
		t.Errorf("%d profiles are left", got)
	}
}

// TestSweepsOfSeveralNodes: nothing is removed or counted twice, and what is
// ingested meanwhile is not lost.
func TestSweepsOfSeveralNodes(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w := ingesttest.NewOn(t, engine)
			w.NewDomain("d")
			w.PutType("d", "Day", lasting(1))
			const n = 120
			for i := range n {
				w.Put("d", "Day", fmt.Sprintf(`{"no":"N%d","mail":"%d@x.org"}`, i, i/2))
			}
			w.Clock.Step(day)
			other := ingesttest.Over(t, w.Store, w.Clock, w.Keys)
			parallel(6, func(i int) {
				switch i {
				case 0, 1:
					w.Sweep()
				case 2, 3:
					other.Sweep()
				default:
					for j := range 20 {
						_, err := w.Quiet().Put(context.Background(), "d", "Day", []string{fmt.Sprintf(`{"no":"M%d-%d","mail":"%d@x.org"}`, i, j, j)})
						if err != nil && !fault.Is(err, fault.Busy) {
							t.Error(err)
						}
					}
				}
			})
			w.Sweep()
			if got := w.Expired.Objects.Load() + other.Expired.Objects.Load(); got != n {
				t.Errorf("%d objects expired, want %d", got, n)
			}
			for i := range 20 {
				if got := len(w.Find("d", "_email", fmt.Sprintf("%d@x.org", i))); got != 1 {
					t.Errorf("%d@x.org is on %d profiles", i, got)
				}
			}
			verified(t, w)
		})
	}
}

// population fills a domain with profiles of which, ten days on, some are gone,
// some have lost objects, and some are as they were.
func population(w *ingesttest.World) (ids []profile.ID) {
	w.Types.MaxObjects = 4
	w.NewDomain("d", func(in *profileapi.CreateDomainRequest) { in.DefaultExpirationDays = 20 })
	w.PutType("d", "Day", lasting(1))
	w.PutType("d", "Long", lasting(30))
	assets := registration
	assets.Days = 5
	w.PutType("d", "Registration", assets)
	for i := range 12 {
		w.Clock.Step(time.Minute)
		mail := fmt.Sprintf("%d@x.org", i)
		p := w.Put("d", "Day", fmt.Sprintf(`{"no":"D%d","mail":"%s","tier":"gold"}`, i, mail))
		ids = append(ids, p)
		if i%3 > 0 {
			w.Put("d", "Registration", fmt.Sprintf(`{"no":"R%d","mail":"%s","serial":"S%d","name":"Kettle"}`, i, mail, i))
		}
		for j := range i % 4 {
			w.Put("d", "Long", fmt.Sprintf(`{"no":"L%d-%d","mail":"%s","tier":"tin","upd":%d}`, i, j, mail, j+1))
		}
		if i%5 == 0 {
			w.Edit("d", p, `{"FirstName":"Ann"}`)
		}
		ids = append(ids, w.Create("d", `{"EmailAddress":"`+mail+`"}`))
	}
	return ids
}

// summary is what clients see of profiles.
func summary(w *ingesttest.World, ids []profile.ID) string {
	w.T.Helper()
	var b strings.Builder
	for _, id := range ids {
		shown := w.Show("d", id)
		fmt.Fprintln(&b, id, shown)
		if shown != "none" {
			fmt.Fprintln(&b, numbers(w, id, "Day", "Long", "Registration"), w.Objects("d", "_asset", id))
		}
	}
	d, err := w.Domain.GetDomain(w.Ctx(), &profileapi.GetDomainRequest{DomainName: "d"})
	if err != nil {
		w.T.Fatal(err)
	}
	stats, err := json.Marshal(d.Stats)
	if err != nil {
		w.T.Fatal(err)
	}
	fmt.Fprintf(&b, "%s %v\n", stats, entries(w, "d"))
	return b.String()
}

// TestInvariant2ASweepThatACrashInterruptsGoesOn: wherever a sweep is cut off, on
// a disk that has lost any part of what was not synced, the next one brings the
// store to where it would have been undisturbed.
func TestInvariant2ASweepThatACrashInterruptsGoesOn(t *testing.T) {
	seed := seedOf(t, 0)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	open := func(fs *vfs.MemFS, clock *ingesttest.Clock) store.Store {
		t.Helper()
		s, err := pebblestore.Open("/data/store", pebblestore.Options{FS: fs, Clock: clock.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	fs, clock, keys := vfs.NewCrashableMem(), ingesttest.NewClock(), ingesttest.NewKeys()
	before := open(fs, clock)
	ids := population(ingesttest.Over(t, before, clock, keys))
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	clock.Step(10 * day)
	full := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng}

	w := ingesttest.Over(t, open(fs.CrashClone(full), clock), clock, keys)
	w.Sweep()
	want := summary(w, ids)
	if w.Expired.Objects.Load() == 0 || w.Expired.Profiles.Load() == 0 || !strings.Contains(want, "tin") || !strings.Contains(want, "Ann") {
		t.Fatalf("the sweep has too little to do or to leave: %s", want)
	}
	verified(t, w)
	due := w.Expired.Objects.Load()

	for cut := int64(1); cut <= 7; cut += 2 { // of twelve; others may commit beside it
		disk := fs.CrashClone(full)
		s := &watched{Store: open(disk, clock)}
		var once sync.Once
		var crashed *vfs.MemFS
		s.after = func(n int64) error {
			if n < cut {
				return nil
			}
			once.Do(func() {
				crashed = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[rng.IntN(3)], RNG: rng})
			})
			return store.ErrClosed
		}
		if err := ingesttest.Over(t, s, clock, keys).Sweeper.Sweep(t.Context()); err == nil {
			t.Fatalf("the sweep was done after %d transactions", cut)
		}
		again := ingesttest.Over(t, open(crashed, clock), clock, keys)
		verified(t, again)
		again.Sweep()
		if n := again.Expired.Objects.Load(); n == 0 || n >= due {
			t.Errorf("cut off after %d transactions, the next sweep found %d objects of %d", cut, n, due)
		}
		verified(t, again)
		if got := summary(again, ids); got != want {
			t.Errorf("cut off after %d transactions:\n%s\nundisturbed:\n%s", cut, got, want)
		}
	}
}

// TestASweepOutlivesItsDomain: a domain that is deleted, and made again under the
// same name, does not trouble a sweep.
func TestASweepOutlivesItsDomain(t *testing.T) {
	w := ingesttest.New(t)
	for _, name := range []string{"d", "e"} {
		w.NewDomain(name)
		w.PutType(name, "Day", lasting(1))
		for i := range 5 {
			w.Put(name, "Day", fmt.Sprintf(`{"no":"N%d","mail":"%d@x.org"}`, i, i))
		}
	}
	w.Clock.Step(day)
	s := &watched{Store: w.Store}
	var once sync.Once
	s.after = func(int64) error {
		once.Do(func() {
			if _, err := w.Domain.DeleteDomain(w.Ctx(), &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
				t.Error(err)
			}
			w.NewDomain("d")
			w.PutType("d", "Day", lasting(1))
			w.Put("d", "Day", `{"no":"N1","mail":"1@x.org"}`)
		})
		return nil
	}
	ingesttest.Over(t, s, w.Clock, w.Keys).Sweep()
	if d, e := count(w, "d"), count(w, "e"); d != 1 || e != 0 {
		t.Errorf("%d profiles in the new domain, %d in the other", d, e)
	}
	verified(t, w)
}

// TestASweepGoesPastAKeyOutOfUse: what is sealed under it waits until it is back,
// and nothing else does.
func TestASweepGoesPastAKeyOutOfUse(t *testing.T) {
	w := ingesttest.New(t)
	for _, name := range []string{"d", "e"} {
		w.NewDomain(name, func(in *profileapi.CreateDomainRequest) { in.DefaultEncryptionKey = new("arn:key/" + name) })
		w.PutType(name, "Day", lasting(1))
		w.Put(name, "Day", `{"no":"N1","mail":"1@x.org"}`)
	}
	key := "arn:key/new"
	if _, err := w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &key}); err != nil {
		t.Fatal(err)
	}
	w.Put("d", "Day", `{"no":"N2","mail":"2@x.org"}`)
	w.Keys.Disable("arn:key/d")
	w.Keys.Disable("arn:key/e")
	w.Clock.Step(day)
	if err := w.Sweeper.Sweep(w.Ctx()); err == nil {
		t.Error("the sweep says nothing of the keys")
	}
	expired(w, "under the new key", 1, 1)
	w.Keys.Enable("arn:key/d")
	w.Keys.Enable("arn:key/e")
	w.Clock.Step(time.Minute)
	w.Sweep()
	expired(w, "under the old ones", 2, 2)
	verified(t, w)
}

// TestTheSweeperRuns: at its start and then every minute, until it is told to end.
func TestTheSweeperRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := ingesttest.New(t)
		w.NewDomain("d")
		w.PutType("d", "Day", lasting(1))
		w.Put("d", "Day", `{"no":"N1","mail":"1@x.org"}`)
		w.Clock.Step(12 * time.Hour)
		w.Put("d", "Day", `{"no":"N2","mail":"2@x.org"}`)
		w.Clock.Step(12 * time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Sweeper.Run(ctx) }()
		synctest.Wait()
		expired(w, "at the start", 1, 1)
		w.Clock.Step(12 * time.Hour)
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		expired(w, "before a minute is over", 0, 0)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		expired(w, "after a minute", 1, 1)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
