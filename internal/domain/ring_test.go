package domain_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

const (
	keyA = "arn:aws:kms:eu-central-1:111122223333:key/a"
	keyB = "arn:aws:kms:eu-central-1:111122223333:key/b"
	keyT = "arn:aws:kms:eu-central-1:111122223333:key/t"
)

func under(key string) func(*profileapi.CreateDomainRequest) {
	return func(in *profileapi.CreateDomainRequest) { in.DefaultEncryptionKey = &key }
}

var note = ingesttest.Type{Create: true, Fields: map[string]string{"id": "id", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS"},
	Keys: map[string]string{"noteId": "UNIQUE:id", "_email": "PROFILE:mail"}}

func get(w *ingesttest.World, domainName string, id profile.ID) error {
	out, err := w.Profiles.BatchGetProfile(context.Background(), &profileapi.BatchGetProfileRequest{DomainName: domainName, ProfileIds: []string{id.String()}})
	if err == nil && len(out.Errors) > 0 {
		return errors.New(out.Errors[0].Message)
	}
	return err
}

func list(w *ingesttest.World, domainName, typeName string, id profile.ID) error {
	_, err := w.Profiles.ListProfileObjects(context.Background(), &profileapi.ListProfileObjectsRequest{DomainName: domainName, ProfileId: id.String(), ObjectTypeName: typeName})
	return err
}

// TestDisabledKeyStopsWithinTenSeconds: a key that is disabled stops reads and
// writes within 10 s, whether the domain is in use meanwhile or not; enabled
// again, it works at once.
func TestDisabledKeyStopsWithinTenSeconds(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprint("in use ", busy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := ingesttest.New(t)
				w.NewDomain("d", under(keyA))
				w.NewDomain("e", under(keyB))
				p, q := w.Create("d", `{"FirstName":"Ann"}`), w.Create("e", `{"FirstName":"Bea"}`)
				w.Keys.Disable(keyA)
				stopped := -1
				for second := range 12 {
					if busy || second == 11 {
						if err := get(w, "d", p); err != nil {
							w.IsFault(err, fault.Invalid, "not enabled")
							if stopped < 0 {
								stopped = second
							}
						} else if stopped >= 0 {
							t.Errorf("it works again after %d s", second)
						}
					}
					synctest.Wait() // for the renewal in the background
					w.Clock.Step(time.Second)
				}
				if stopped < 0 || busy && stopped > 10 {
					t.Errorf("stopped after %d s", stopped)
				}
				first := "Cid"
				_, err := w.Profiles.UpdateProfile(w.Ctx(), &profileapi.UpdateProfileRequest{DomainName: "d", ProfileId: p.String(), FirstName: &first})
				w.IsFault(err, fault.Invalid, "not enabled")
				if err := get(w, "e", q); err != nil {
					t.Errorf("another domain: %v", err)
				}
				if _, err := w.Domain.GetDomain(w.Ctx(), &profileapi.GetDomainRequest{DomainName: "d"}); err != nil {
					t.Errorf("what the domain is can be read without its key: %v", err)
				}
				w.Keys.Enable(keyA)
				if err := get(w, "d", p); err != nil {
					t.Errorf("enabled again: %v", err)
				}
			})
		})
	}
}

// TestKeysAreRenewedAheadOfTime: a domain in use asks the key service every few
// seconds and not with every call, and no call waits for it.
func TestKeysAreRenewedAheadOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := ingesttest.New(t)
		w.NewDomain("d", under(keyA))
		p := w.Create("d", `{"FirstName":"Ann"}`)
		before := w.Keys.Unwraps()
		for range 60 {
			for range 20 {
				if err := get(w, "d", p); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			w.Clock.Step(time.Second)
		}
		if n := w.Keys.Unwraps() - before; n < 10 || n > 25 {
			t.Errorf("the key service was asked %d times in a minute", n)
		}
		// A key service that does not answer for a moment is not noticed.
		w.Keys.Refuse(keyA, errors.New("key service: no answer"))
		for range 4 {
			if err := get(w, "d", p); err != nil {
				t.Errorf("while the key service does not answer: %v", err)
			}
			synctest.Wait()
			w.Clock.Step(time.Second)
		}
		w.Keys.Enable(keyA)
		if err := get(w, "d", p); err != nil {
			t.Error(err)
		}
	})
}

// TestKeySwitch: what was written under the old key stays readable after the
// domain has another, the index finds both, and the new key alone is enough for
// what is written from then on.
func TestKeySwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := ingesttest.New(t)
		w.NewDomain("d")
		w.PutType("d", "Note", note)
		var ids []profile.ID
		keys := []string{"", keyA, keyB}
		for i, key := range keys {
			if _, err := w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &key}); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, w.Put("d", "Note", fmt.Sprintf(`{"id":"%d","mail":"m%d@x.org"}`, i, i)))
		}
		for i, id := range ids {
			w.Finds("d", "_email", fmt.Sprintf("m%d@x.org", i), id)
			if err := list(w, "d", "Note", id); err != nil {
				t.Errorf("under key %q: %v", keys[i], err)
			}
		}
		w.Keys.Disable(keyA)
		w.Clock.Step(10 * time.Second)
		for i, id := range ids {
			err := get(w, "d", id)
			if keys[i] == keyA {
				if err == nil || !strings.Contains(err.Error(), "KMS key") {
					t.Errorf("what is under the disabled key: %v", err)
				}
			} else if err != nil {
				t.Errorf("with the key of another time disabled: %v", err)
			}
		}
		if got := w.Put("d", "Note", `{"id":"9","mail":"m2@x.org"}`); got != ids[2] {
			t.Errorf("put into %s", got)
		}
		_, err := w.TryPut("d", "Note", `{"id":"10","mail":"m1@x.org"}`)
		w.IsFault(err, fault.Invalid, "KMS key")
		out, err := w.Profiles.BatchGetProfile(w.Ctx(), &profileapi.BatchGetProfileRequest{DomainName: "d", ProfileIds: []string{ids[0].String(), ids[1].String(), ids[2].String()}})
		if err != nil || len(out.Profiles) != 2 || len(out.Errors) != 1 || out.Errors[0].ProfileId != ids[1].String() {
			t.Errorf("read together: %+v, %v", out, err)
		}
		w.Keys.Enable(keyA)
		w.Clock.Step(10 * time.Second)
		if err := get(w, "d", ids[1]); err != nil {
			t.Errorf("enabled again: %v", err)
		}
		w.Keys.Disable(keyB)
		w.Clock.Step(10 * time.Second)
		w.IsFault(get(w, "d", ids[0]), fault.Invalid, "not enabled")
		back := keyA
		_, err = w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &back})
		w.IsFault(err, fault.Invalid, "not enabled") // the index key is under it
	})
}

// TestOwnKeyOfAType: disabling the key of an object type hides its objects and
// nothing else.
func TestOwnKeyOfAType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := ingesttest.New(t)
		w.NewDomain("d", under(keyA))
		own := note
		own.Key = keyT
		own.Keys = map[string]string{"ownId": "UNIQUE:id", "_email": "PROFILE:mail"}
		w.PutType("d", "Note", note)
		w.PutType("d", "Own", own)
		p := w.Put("d", "Note", `{"id":"1","mail":"a@x.org"}`)
		w.Put("d", "Own", `{"id":"1","mail":"a@x.org"}`)
		check := func(what string, fails bool) {
			t.Helper()
			if err := list(w, "d", "Note", p); err != nil {
				t.Errorf("%s: objects of the other type: %v", what, err)
			}
			if err := get(w, "d", p); err != nil {
				t.Errorf("%s: the profile: %v", what, err)
			}
			w.Finds("d", "_email", "a@x.org", p)
			err := list(w, "d", "Own", p)
			_, put := w.TryPut("d", "Own", `{"id":"2","mail":"a@x.org"}`)
			if !fails {
				if err != nil || put != nil {
					t.Errorf("%s: %v, %v", what, err, put)
				}
				return
			}
			w.IsFault(err, fault.Invalid, "KMS key")
			w.IsFault(put, fault.Invalid, "KMS key is invalid")
		}
		check("enabled", false)
		w.Keys.Disable(keyT)
		w.Clock.Step(10 * time.Second)
		check("disabled", true)
		w.Put("d", "Note", `{"id":"3","mail":"a@x.org"}`)
		w.Keys.Enable(keyT)
		w.Clock.Step(10 * time.Second)
		check("enabled again", false)
		// Without its own key from now on, new objects need the domain's only.
		plain := own
		plain.Key = ""
		w.PutType("d", "Own", plain)
		w.Keys.Disable(keyT)
		w.Clock.Step(10 * time.Second)
		if _, err := w.TryPut("d", "Own", `{"id":"4","mail":"b@x.org"}`); err != nil {
			t.Errorf("after the type lost its key: %v", err)
		}
		w.IsFault(list(w, "d", "Own", p), fault.Invalid, "KMS key")
	})
}

// TestKeyServiceTrouble is not the client's fault.
func TestKeyServiceTrouble(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d", under(keyA))
	p := w.Create("d", `{"FirstName":"Ann"}`)
	w.Keys.Refuse(keyA, errors.New("key service: no answer"))
	w.Clock.Step(time.Minute)
	w.IsFault(get(w, "d", p), fault.Internal, "no answer")
	in := &profileapi.CreateDomainRequest{DomainName: "e", DefaultExpirationDays: 1}
	under(keyA)(in)
	if _, err := w.Domain.CreateDomain(w.Ctx(), in); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("a domain is made: %v", err)
	}
	if _, err := w.Domain.GetDomain(w.Ctx(), &profileapi.GetDomainRequest{DomainName: "e"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a domain is half made: %v", err)
	}
}
