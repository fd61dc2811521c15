package signin

import (
	"fmt"
	"testing"
	"time"
)

func TestDelay(t *testing.T) {
	for over, want := range map[int]time.Duration{-5: 0, 0: 0, 1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1 << 30: time.Minute} {
		if got := delay(over); got != want {
			t.Errorf("%d failures beyond those that are free: %s, want %s", over, got, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.1":        "a/192.0.2.1",
		"::ffff:192.0.2.1": "a/192.0.2.1",
		"2001:db8::1":      "a/2001:db8::/64",
		"2001:db8::ffff:1": "a/2001:db8::/64",
		"fe80::1%eth0":     "a/fe80::/64",
		"@":                "a/@",
	} {
		if got := byAddress(a).key; got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
}

// However many names and addresses are tried, memory is bounded; and whoever tries
// again is found among many others.
func TestMemoryIsBounded(t *testing.T) {
	var th throttle
	now := time.Unix(1e9, 0)
	for range freeByName + 1 {
		th.admit(now, byName("alice"))
	}
	for i := range 5 * keysPerGeneration {
		th.admit(now, byName(fmt.Sprint(i)))
		if i%1000 == 0 && th.admit(now, byName("alice")) == 0 {
			t.Fatalf("alice is forgotten after %d others", i)
		}
	}
	if n := len(th.young) + len(th.old); n > 2*keysPerGeneration {
		t.Errorf("%d keys are kept", n)
	}
}

// A success gives an address back its own attempt only.
func TestSuccessesOfOthersAreNoHelp(t *testing.T) {
	var th throttle
	now := time.Unix(1e9, 0)
	address := byAddress("192.0.2.1")
	for i := range 10 * freeByAddress {
		if th.admit(now, byName(fmt.Sprint(i)), address) > 0 {
			if i != freeByAddress+1 {
				t.Errorf("slowed down after %d failures", i)
			}
			return
		}
		own := []limit{byName("mallory"), address}
		if th.admit(now, own...) > 0 {
			if i != freeByAddress {
				t.Errorf("slowed down after %d failures", i)
			}
			return
		}
		th.succeeded(now, own...)
	}
	t.Error("never slowed down")
}

// An attempt that was not looked at counts for nobody.
func TestAttemptsThatWereNotMade(t *testing.T) {
	var th throttle
	now := time.Unix(1e9, 0)
	limits := []limit{byName("alice"), byAddress("192.0.2.1")}
	for range 10 * freeByAddress {
		if wait := th.admit(now, limits...); wait > 0 {
			t.Fatalf("slowed down by %s", wait)
		}
		th.unmade(now, limits...)
	}
	th.unmade(now, limits...) // of one that is forgotten
	for range freeByName + 1 {
		th.admit(now, limits...)
	}
	if th.admit(now, limits...) == 0 {
		t.Error("taking back what was not there has given something")
	}
}
