package signin

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// throttle slows down attempts that fail. Each is counted, before it is made, under
// one or two keys: the user name and the address that it came from, or, in a browser
// that the user has signed in from before, that browser alone. After a few that are
// free, each failure under a key makes the next attempt under it wait twice as long, up
// to maxWait. An attempt that comes too early is refused without a look at the
// password, and counts nothing. So whoever tries passwords from elsewhere can neither
// try many nor keep the user's own browser waiting ("device cookies", OWASP); and what
// cannot be guessed, a link or an access key, never waits for somebody's name.
type throttle struct {
	mu         sync.Mutex // guards the following
	young, old map[string]*tries
}

// tries are the attempts under one key.
type tries struct {
	failed int
	last   time.Time
	next   time.Time // no attempt before
}

// limit is a key and how many failures under it are free.
type limit struct {
	key  string
	free int
}

const (
	freeByName    = 5
	freeByBrowser = 5
	freeByAddress = 20 // an address may be that of a whole office

	firstWait  = time.Second
	maxWait    = time.Minute
	quietAfter = 15 * time.Minute // without a failure all is forgotten

	// keysPerGeneration bounds each of the two generations of keys; a full young one
	// becomes the old one. Only attempts that are admitted, and so cost their sender a
	// password hash, make new keys.
	keysPerGeneration = 8192
)

func byName(name string) limit { return limit{"n/" + strings.ToLower(name), freeByName} }

func byBrowser(id string) limit { return limit{"b/" + id, freeByBrowser} }

func byUser(id string) limit { return limit{"u/" + id, freeByName} }

// byAddress takes the addresses of one IPv6 network as one, as everybody there has as
// many as they like.
func byAddress(address string) limit {
	if a, err := netip.ParseAddr(address); err == nil {
		a = a.Unmap().WithZone("")
		if p, err := a.Prefix(64); err == nil && a.Is6() {
			address = p.String()
		} else {
			address = a.String()
		}
	}
	return limit{"a/" + address, freeByAddress}
}

// admit counts an attempt as failed under each key and returns 0, or returns how long
// to wait and counts nothing.
func (t *throttle) admit(now time.Time, limits ...limit) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range limits {
		if k := t.find(l.key, now); k != nil {
			wait = max(wait, k.next.Sub(now))
		}
	}
	if wait > 0 {
		return wait
	}
	for _, l := range limits {
		k := t.find(l.key, now)
		if k == nil {
			k = t.make(l.key)
		}
		k.failed++
		k.last, k.next = now, now.Add(delay(k.failed-l.free))
	}
	return 0
}

// succeeded takes an attempt back. A user's own success ends the wait for the name; an
// address gets back that attempt alone, or whoever knows one password could try
// others' without limit in between.
func (t *throttle) succeeded(now time.Time, limits ...limit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range limits {
		if strings.HasPrefix(l.key, "a/") {
			t.takeBack(now, l)
			continue
		}
		delete(t.young, l.key)
		delete(t.old, l.key)
	}
}

// unmade takes back an attempt that was not looked at after all.
func (t *throttle) unmade(now time.Time, limits ...limit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range limits {
		t.takeBack(now, l)
	}
}

func (t *throttle) takeBack(now time.Time, l limit) {
	if k := t.find(l.key, now); k != nil && k.failed > 0 {
		k.failed--
		k.next = now.Add(delay(k.failed - l.free))
	}
}

// delay after so many failures beyond those that are free.
func delay(over int) time.Duration {
	if over <= 0 {
		return 0
	}
	return min(firstWait<<min(over-1, 16), maxWait)
}

func (t *throttle) find(key string, now time.Time) *tries {
	k, ok := t.young[key]
	if !ok {
		if k, ok = t.old[key]; !ok {
			return nil
		}
		t.keep(key, k)
	}
	if now.Sub(k.last) >= quietAfter {
		k.failed, k.next = 0, now
	}
	return k
}

func (t *throttle) make(key string) *tries {
	k := &tries{}
	t.keep(key, k)
	return k
}

func (t *throttle) keep(key string, k *tries) {
	if t.young == nil || len(t.young) >= keysPerGeneration {
		t.young, t.old = make(map[string]*tries), t.young
	}
	t.young[key] = k
}
