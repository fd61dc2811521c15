package password

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, text, want, rule string }{
		{name: "plain", text: "correct horse", want: "correct horse"},
		{name: "composed and decomposed are one", text: "cafe\u0301-longenough", want: "caf\u00e9-longenough"},
		{name: "other spaces are spaces", text: "twelve\u00a0letters", want: "twelve letters"},
		{name: "case matters", text: "CORRECT HORSE", want: "CORRECT HORSE"},
		{name: "shortest", text: strings.Repeat("x", MinLength), want: strings.Repeat("x", MinLength)},
		{name: "longest", text: strings.Repeat("\U0001F511", MaxLength), want: strings.Repeat("\U0001F511", MaxLength)},
		{name: "too short", text: "eleven char", rule: "at least 12 characters"},
		{name: "short in characters, long in bytes", text: strings.Repeat("é", 11), rule: "at least 12 characters"},
		{name: "too long", text: strings.Repeat("x", MaxLength+1), rule: "at most 128 characters"},
		{name: "far too long", text: strings.Repeat("x", 1<<20), rule: "at most 128 characters"},
		{name: "the user's name", text: "Administrator", rule: "name of the user"},
		{name: "control character", text: "correct\x00horse!", rule: "control characters"},
		{name: "empty", text: "", rule: "must not be empty"},
		{name: "not UTF-8", text: "correct horse\xff", rule: "control characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Check(c.text, "administrator")
			if c.rule == "" {
				if err != nil || got != c.want {
					t.Errorf("got %q, %v; want %q", got, err, c.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.rule) {
				t.Fatalf("got %v, want a refusal with %q", err, c.rule)
			}
			if c.text != "" && strings.Contains(err.Error(), c.text) {
				t.Error("the error repeats the password")
			}
		})
	}
}

// cheap is for tests of what does not depend on the cost.
var cheap = Cost{MemoryKiB: 64, Passes: 1}

// The usual cost is in new hashes, and not below what OWASP asks for.
func TestUsualCost(t *testing.T) {
	h := NewHasher(Usual)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=32768,t=3,p=1$") {
		t.Errorf("%s %v", hash, err)
	}
	if dummy, err := decode(h.dummy); err != nil || dummy.memory != Usual.MemoryKiB || dummy.passes != Usual.Passes {
		t.Errorf("the hash of those who have none costs something else: %+v %v", dummy, err)
	}
	if Usual.MemoryKiB < 19<<10 || Usual.Passes < 2 {
		t.Error("too cheap")
	}
}

func TestHashAndVerify(t *testing.T) {
	h := NewHasher(cheap)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("the hash does not hold its parameters: %s", hash)
	}
	other, err := h.Hash(t.Context(), "correct horse")
	if err != nil || other == hash {
		t.Errorf("two hashes of one password are the same: %v", err)
	}
	for _, c := range []struct {
		name, hash, text string
		want             bool
	}{
		{"the password", hash, "correct horse", true},
		{"another", hash, "correct horsf", false},
		{"another case", hash, "Correct horse", false},
		{"empty", hash, "", false},
		{"too long to be one", hash, strings.Repeat("x", 4096), false},
		{"no hash", "", "correct horse", false},
		{"no hash and no password", "", "", false},
	} {
		got, err := h.Verify(t.Context(), c.hash, c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: got %t, %v", c.name, got, err)
		}
	}
}

// A hash of other parameters stays good when those of new ones change.
func TestOldParameters(t *testing.T) {
	salt := []byte("0123456789abcdef")
	old := encode(stored{64, 1, 2, salt, argon2.IDKey([]byte("correct horse"), salt, 1, 64, 2, 32)})
	if ok, err := NewHasher(cheap).Verify(t.Context(), old, "correct horse"); err != nil || !ok {
		t.Errorf("got %t, %v", ok, err)
	}
}

func TestDamagedHashes(t *testing.T) {
	h := NewHasher(cheap)
	good, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"x", "$argon2id$", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=64", "m=4294967295", 1), strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "p=1", "p=0", 1),
		good[:len(good)-40], good + "$", strings.Replace(good, "m=64", "m=-1", 1)} {
		if ok, err := h.Verify(t.Context(), bad, "correct horse"); err == nil || ok {
			t.Errorf("%s: got %t, %v", bad, ok, err)
		}
	}
}

// Who comes when too many wait is refused at once; who waits can give up.
func TestWorkIsBounded(t *testing.T) {
	h := NewHasher(cheap)
	for range cap(h.working) {
		h.working <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, maxWaiting)
	for range maxWaiting {
		go func() {
			_, err := h.Verify(ctx, "", "x")
			gaveUp <- err
		}()
	}
	for h.waiting.Load() < maxWaiting {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	if _, err := h.Hash(t.Context(), "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	cancel()
	for range maxWaiting {
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("one who waited: %v", err)
		}
	}
	if n := h.waiting.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}
