package admission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/fault"
)

func enter(t *testing.T, g *Gate) *Pass {
	t.Helper()
	_, p, err := g.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheLastToComeIsTheFirstToBeServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 3, time.Second)
		p := enter(t, g)
		var order []int
		var mu sync.Mutex
		for i := range 3 {
			go func() {
				_, p, err := g.Enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				p.Leave()
			}()
			synctest.Wait()
		}
		if g.Load() != 3 {
			t.Errorf("%d wait", g.Load())
		}
		p.Leave()
		synctest.Wait()
		if fmt.Sprint(order) != "[2 1 0]" {
			t.Errorf("served in the order %v", order)
		}
		enter(t, g).Leave()
	})
}

func TestWhoHasWaitedLongestMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 2, time.Minute)
		p := enter(t, g)
		results := make([]error, 4)
		for i := range results {
			go func() {
				_, p, err := g.Enter(t.Context())
				if results[i] = err; err == nil {
					p.Leave()
				}
			}()
			synctest.Wait()
		}
		p.Leave()
		synctest.Wait()
		for i, err := range results {
			if refused := i < 2; refused != fault.Is(err, fault.Busy) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

func TestNobodyWaitsLongerThanAnybodyWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 10, time.Second)
		defer enter(t, g).Leave()
		began := time.Now()
		if _, _, err := g.Enter(t.Context()); !fault.Is(err, fault.Busy) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := g.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if g.Load() != 0 {
			t.Errorf("%d wait who are gone", g.Load())
		}
	})
}

func TestWhoIsAwayTakesNoPlaceAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 0, time.Second)
		ctx, p, err := g.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := g.Enter(t.Context()); !fault.Is(err, fault.Busy) {
			t.Error(err)
		}
		back := make(chan bool)
		go func() {
			if err := Away(ctx, func() error { time.Sleep(time.Minute); return io.EOF }); err != io.EOF {
				t.Error(err)
			}
			p.Leave()
			close(back)
		}()
		synctest.Wait()
		other := enter(t, g)
		time.Sleep(2 * time.Minute) // the first wants its place again
		synctest.Wait()
		select {
		case <-back:
			t.Error("two are at work")
		default:
		}
		other.Leave()
		<-back
		enter(t, g).Leave()
		if err := Away(t.Context(), func() error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

// Whatever comes and goes, no more are at work than may be, and no place is lost.
func TestGateUnderFire(t *testing.T) {
	const atOnce = 4
	g := NewGate(atOnce, 8, time.Millisecond)
	var working, most, served atomic.Int64
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%7 == 0 {
					cancel()
				}
				ctx, p, err := g.Enter(ctx)
				if err == nil {
					n := working.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					working.Add(-1)
					if i%5 == 0 {
						_ = Away(ctx, func() error { runtime.Gosched(); return nil })
					}
					served.Add(1)
					p.Leave()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if most.Load() > atOnce || served.Load() == 0 || g.Load() != 0 || g.free != atOnce {
		t.Errorf("%d at work at once, %d served, %d wait, %d places are free", most.Load(), served.Load(), g.Load(), g.free)
	}
}

func TestABudgetIsChargedAsBodiesArrive(t *testing.T) {
	b := NewBudget(4 * step)
	read := func(n int) (*Reader, error) {
		r := b.Reader(bytes.NewReader(make([]byte, n)))
		_, err := io.Copy(io.Discard, &r)
		return &r, err
	}
	one, err := read(3*step - 1)
	if err != nil {
		t.Fatal(err)
	}
	none, err := read(0)
	if err != nil || none.charged != 0 {
		t.Errorf("an empty body is charged with %d: %v", none.charged, err)
	}
	over, err := read(2 * step)
	if !fault.Is(err, fault.Busy) {
		t.Errorf("more than there is: %v", err)
	}
	over.Done()
	small, err := read(1)
	if err != nil {
		t.Errorf("after what was refused has been given back: %v", err)
	}
	one.Done()
	one.Done()
	small.Done()
	if left := b.left.Load(); left != 4*step {
		t.Errorf("%d of %d are left", left, 4*step)
	}
}

func TestRates(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	r := NewRates(&Rules{Operations: map[string]float64{"profile:*": 5, "profile:Get*": 3, "profile:GetDomain": 1, "sqs:Send????age": 2}, Principal: 50}, func() time.Time { return now })
	count := func(service, op, principal string) (n int) {
		for range 200 {
			if r.Allow(service, op, principal) == nil {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		service, op string
		want        int
	}{{"profile", "GetDomain", 1}, {"profile", "GetIntegration", 3}, {"profile", "PutProfileObject", 5}, {"profile", "MergeProfiles", 5}, {"sqs", "SendMessage", 2}, {"kms", "Decrypt", 50}} {
		if n := count(c.service, c.op, c.op); n != c.want {
			t.Errorf("%s:%s was let through %d times, want %d", c.service, c.op, n, c.want)
		}
	}
	now = now.Add(2 * time.Second)
	if n := count("profile", "GetIntegration", "b"); n != 3 {
		t.Errorf("after two seconds %d times", n)
	}
	err := r.Allow("profile", "GetDomain", "c")
	if err == nil {
		err = r.Allow("profile", "GetDomain", "c")
	}
	if !fault.Is(err, fault.Busy) || !strings.Contains(err.Error(), "GetDomain may be called 1 times per second") {
		t.Errorf("the refusal is %v", err)
	}
	if err := (*Rates)(nil).Allow("profile", "GetDomain", "x"); err != nil || NewRates(nil, nil) != nil {
		t.Error("there are no rules and there is a refusal", err)
	}
}

func TestPrincipalsAreToldApartUpToABound(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	r := NewRates(&Rules{Principal: 1}, func() time.Time { return now })
	for i := range maxPrincipals + 100 {
		_ = r.Allow("profile", "GetDomain", fmt.Sprint(i))
	}
	if len(r.principals) != maxPrincipals {
		t.Errorf("%d principals are known", len(r.principals))
	}
	if err := r.Allow("profile", "GetDomain", "one more"); err == nil {
		t.Error("those beyond the bound share no limit")
	}
	now = now.Add(time.Minute)
	if err := r.Allow("profile", "GetDomain", "one more"); err != nil || len(r.principals) != 1 {
		t.Errorf("%v, and %d are known after a quiet minute", err, len(r.principals))
	}
}

func TestRulesAreRead(t *testing.T) {
	good := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(good, []byte(`{"operations": {"profile:SearchProfiles": 0.5}, "principal": 10}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := ReadRules(good)
	if err != nil || r.Operations["profile:SearchProfiles"] != 0.5 || r.Principal != 10 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := ReadRules("aws"); err != nil || r.Operations["profile:PutProfileObject"] != 100 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := ReadRules(good + ".gone"); err == nil {
		t.Error("a file that is not there was read")
	}
	for text, want := range map[string]string{
		`{"operations": {"SearchProfiles": 1}}`: "want a service and an operation",
		`{"operations": {"profile:[a]": 1}}`:    "only wildcards",
		`{"operations": {"profile:Get*": 0}}`:   "more than 0",
		`{"operations": {"profile:Get*": -1}}`:  "more than 0",
		`{"principal": -1}`:                     "0 or more",
		`{"principals": 1}`:                     "principals",
		`{} {}`:                                 "after",
		`{"principal": 1e300}`:                  "0 or more",
		`[]`:                                    "cannot unmarshal",
		``:                                      "EOF",
		`{"operations": {"profile:GetDomain":"1"}}`: "cannot unmarshal",
	} {
		if _, err := ParseRules([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add([]byte(`{"operations": {"profile:*": 5}, "principal": 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRules(text)
		if err != nil {
			return
		}
		rates := NewRates(r, nil)
		_ = rates.Allow("profile", "SearchProfiles", "x")
	})
}

func BenchmarkGate(b *testing.B) {
	g := NewGate(1<<20, 0, 0)
	for b.Loop() {
		if g.enter(context.Background(), false) == nil {
			g.leave()
		}
	}
}
