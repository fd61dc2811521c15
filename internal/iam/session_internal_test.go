package iam

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/rootkey"
)

func FuzzOpenToken(f *testing.F) {
	s := New(Config{Root: rootkey.Random(), Now: time.Now})
	const keyID = "ASIAAAAAAAAAAAAAAAAA"
	good, err := s.token(&session{KeyID: keyID, Secret: "s", ID: "i"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(keyID, good)
	f.Add(keyID, good[:20])
	f.Add("ASIABBBBBBBBBBBBBBBB", good)
	f.Add("", "")
	f.Add(keyID, "AQ")
	f.Fuzz(func(t *testing.T, id, token string) {
		ses, err := s.openToken(id, token)
		if id == keyID && token == good {
			if err != nil || ses.Secret != "s" {
				t.Fatalf("own token: %v", err)
			}
			return
		}
		if !errors.Is(err, errUnknown) {
			t.Fatalf("opened %+v, %v", ses, err)
		}
	})
}

func TestTokenRoundTrip(t *testing.T) {
	s := New(Config{Root: rootkey.Random()})
	want := &session{
		KeyID: "ASIAAAAAAAAAAAAAAAAA", Secret: "secret", Expires: 1772600767, Role: "r", ID: "AROAX", Name: "n",
		Policy: `{"Statement":[]}`, Policies: []string{"a", "b"},
	}
	token, err := s.token(want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(token, "secret") {
		t.Error("the token is readable")
	}
	got, err := s.openToken(want.KeyID, token)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLedgerRoundTrip(t *testing.T) {
	want := ledger{revision: 1<<40 + 7, users: 1, roles: 2, policies: 3}
	got, err := decodeLedger(want.encode())
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestForgetting: the identities that are remembered are bounded, and those in
// use stay.
func TestForgetting(t *testing.T) {
	var k knowledge
	k.remember("used", &identity{})
	for i := range 10 * identitiesPerGeneration {
		k.remember(string(rune('a'+i%26))+time.Duration(i).String(), &identity{})
		if k.find("used") == nil {
			t.Fatalf("forgotten after %d others", i)
		}
	}
	if n := len(k.young) + len(k.old); n > 2*identitiesPerGeneration {
		t.Errorf("%d identities remembered", n)
	}
	k.advance(1)
	if k.find("used") != nil {
		t.Error("found at an older revision")
	}
}
