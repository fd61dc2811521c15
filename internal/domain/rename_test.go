package domain_test

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
)

var engines = map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble}

const (
	letters = "http://localhost/111122223333/letters"
	connect = "arn:aws:connect:eu-central-1:111122223333:instance/11111111-2222-3333-4444-555555555555"
)

func rename(w *ingesttest.World, from, to string) error {
	_, err := w.Domain.RenameDomain(w.Ctx(), &kindredapi.RenameDomainRequest{DomainName: from, NewDomainName: to})
	return err
}

func mustRename(t *testing.T, w *ingesttest.World, from, to string) {
	t.Helper()
	if err := rename(w, from, to); err != nil {
		t.Fatal(err)
	}
}

// furnished makes a domain that has something of everything, and two nodes that
// know it well.
func furnished(t *testing.T, engine ingesttest.Engine) (w, other *ingesttest.World) {
	t.Helper()
	w = ingesttest.NewOn(t, engine)
	queue := letters
	w.NewDomain("d", under(keyA), func(in *profileapi.CreateDomainRequest) {
		in.DeadLetterQueueUrl, in.Tags = &queue, map[string]string{"team": "care"}
	})
	own := note
	own.Key = keyT
	w.PutType("d", "Note", own)
	if _, err := w.Integrations.PutIntegration(w.Ctx(), &profileapi.PutIntegrationRequest{DomainName: "d", Uri: new(connect),
		ObjectTypeName: new("CTR"), Tags: map[string]string{"line": "north"}}); err != nil {
		t.Fatal(err)
	}
	other = ingesttest.Over(t, w.Store, w.Clock, w.Keys)
	for i, node := range []*ingesttest.World{w, other, w} {
		node.Put("d", "Note", fmt.Sprintf(`{"id":"%d","mail":"%d@a.example"}`, i, i%2))
		node.Find("d", "noteId", "0")
	}
	return w, other
}

func describe(t *testing.T, w *ingesttest.World, name string) *profileapi.GetDomainResponse {
	t.Helper()
	out, err := w.Domain.GetDomain(w.Ctx(), &profileapi.GetDomainRequest{DomainName: name})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unknown checks that a name leads nowhere, whichever way it is used.
func unknown(t *testing.T, w *ingesttest.World, name string) {
	t.Helper()
	ctx := w.Ctx()
	_, put := w.TryPut(name, "Note", `{"id":"9","mail":"z@a.example"}`)
	tags := second(w.Tags.ListTagsForResource(ctx, &profileapi.ListTagsForResourceRequest{ResourceArn: w.Domain.ARN(name, "")}))
	for what, err := range map[string]error{
		"get": second(w.Domain.GetDomain(ctx, &profileapi.GetDomainRequest{DomainName: name})), "put": put, "tags": tags,
		"search": second(w.Profiles.SearchProfiles(ctx, &profileapi.SearchProfilesRequest{DomainName: name, KeyName: "noteId", Values: []string{"0"}})),
		"create": second(w.Profiles.CreateProfile(ctx, &profileapi.CreateProfileRequest{DomainName: name})),
		"type":   second(w.TypeService.GetProfileObjectType(ctx, &profileapi.GetProfileObjectTypeRequest{DomainName: name, ObjectTypeName: "Note"})),
		"list":   second(w.Integrations.ListIntegrations(ctx, &profileapi.ListIntegrationsRequest{DomainName: name})),
		"delete": second(w.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: name})),
		"rename": rename(w, name, "elsewhere"),
	} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s under the old name: %v", what, err)
		}
	}
	if _, err := w.Domains.Recent(ctx, name); !fault.Is(err, fault.NotFound) {
		t.Errorf("the old name is remembered: %v", err)
	}
}

func TestARenamedDomainKeepsEverythingAndTheOldNameIsUnknown(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w, other := furnished(t, engine)
			before, id := describe(t, w, "d"), w.ID("d")
			w.Clock.Step(time.Second)
			out, err := w.Domain.RenameDomain(w.Ctx(), &kindredapi.RenameDomainRequest{DomainName: "d", NewDomainName: "n"})
			if err != nil || out.DomainName != "n" || out.FormerDomainName != "d" || out.DomainArn != "arn:aws:profile:eu-central-1:111122223333:domains/n" ||
				!out.LastUpdatedAt.Equal(w.Clock.Now()) {
				t.Fatalf("%+v, %v", out, err)
			}
			for i, node := range []*ingesttest.World{other, w} { // the one that does not know first
				unknown(t, node, "d")
				if node.ID("n") != id {
					t.Error("the domain has another identity")
				}
				after := describe(t, node, "n")
				if !after.LastUpdatedAt.Equal(w.Clock.Now()) || after.DomainName != "n" {
					t.Errorf("after: %+v", after)
				}
				if i == 0 {
					after.DomainName, after.LastUpdatedAt = before.DomainName, before.LastUpdatedAt
					if !reflect.DeepEqual(after, before) {
						t.Errorf("the domain was\n%+v\nand is\n%+v", before, after)
					}
				}
				node.Put("n", "Note", fmt.Sprintf(`{"id":"1%d","mail":"0@a.example"}`, i))
				if got := node.Find("n", "_email", "0@a.example"); len(got) != 1 {
					t.Errorf("found %v", got)
				}
				tags, err := node.Tags.ListTagsForResource(w.Ctx(), &profileapi.ListTagsForResourceRequest{ResourceArn: node.Domain.ARN("n", "integrations/"+connect)})
				if err != nil || tags.Tags["line"] != "north" {
					t.Errorf("tags: %v, %v", tags, err)
				}
				if of, _, err := node.Integrations.DomainOf(w.Ctx(), connect); err != nil || of.Info.Name != "n" {
					t.Errorf("the integration leads to %+v, %v", of, err)
				}
			}
			if n := *describe(t, w, "n").Stats.ObjectCount; n != 5 {
				t.Errorf("%d objects", n)
			}
			mustRename(t, w, "n", "d") // and back
			if n := *describe(t, other, "d").Stats.ObjectCount; n != 5 {
				t.Errorf("%d objects under the first name", n)
			}
		})
	}
}

func TestInvariant5ANewDomainOfAnOldNameSharesNothing(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w, other := furnished(t, engine)
			page := func(node *ingesttest.World, name string, token *string) (*profileapi.SearchProfilesResponse, error) {
				return node.Profiles.SearchProfiles(w.Ctx(), &profileapi.SearchProfilesRequest{DomainName: name, KeyName: "noteId",
					Values: []string{"0", "1"}, MaxResults: new(1), NextToken: token})
			}
			first, err := page(w, "d", nil)
			if err != nil || first.NextToken == nil {
				t.Fatalf("%+v, %v", first, err)
			}
			mustRename(t, w, "d", "n")
			w.NewDomain("d")
			w.PutType("d", "Note", note)
			for i, node := range []*ingesttest.World{other, w} { // both knew the name well
				if got := node.Find("d", "noteId", "0", "1", "2"); len(got) != 0 {
					t.Errorf("the new domain finds %v", got)
				}
				node.Put("d", "Note", fmt.Sprintf(`{"id":"new %d","mail":"0@a.example"}`, i))
				if got := node.Find("n", "noteId", "new 0", "new 1"); len(got) != 0 {
					t.Errorf("the renamed domain finds %v", got)
				}
				if of, _, err := node.Integrations.DomainOf(w.Ctx(), connect); err != nil || of.Info.Name != "n" {
					t.Errorf("the integration leads to %+v, %v", of, err)
				}
				if _, err := page(node, "d", first.NextToken); !fault.Is(err, fault.Invalid) {
					t.Errorf("a page of the renamed domain under the name of the new one: %v", err)
				}
				if next, err := page(node, "n", first.NextToken); err != nil || len(next.Items) != 1 || *next.Items[0].ProfileId == *first.Items[0].ProfileId {
					t.Errorf("the next page under the new name: %+v, %v", next, err)
				}
			}
			if a, b := describe(t, w, "d").Stats, describe(t, w, "n").Stats; *a.ObjectCount != 2 || *a.ProfileCount != 1 || *b.ObjectCount != 3 || *b.ProfileCount != 2 {
				t.Errorf("new: %+v, renamed: %+v", a, b)
			}
		})
	}
}

func TestARenameThatIsRefusedChangesNothing(t *testing.T) {
	w, _ := furnished(t, ingesttest.Memory)
	w.NewDomain("e")
	no := fault.New(fault.Invalid, "no: add this statement")
	onlyOld := func(use domain.KeyUse) bool { return use.DomainName != "n" }
	for _, c := range []struct {
		name     string
		set      func()
		from, to string
		kind     fault.Kind
		text     string
	}{
		{"the name that it has", func() {}, "d", "d", fault.Invalid, "NewDomainName: the domain has this name already"},
		{"a name that is in use", func() {}, "d", "e", fault.Exists, "Domain e already exists"},
		{"no such domain", func() {}, "x", "n", fault.NotFound, "Domain x does not exist"},
		{"the queue", func() { w.Check.Queue = no }, "d", "n", fault.Invalid, "add this statement"},
		{"the key of the domain", func() { w.Check.Key = no }, "d", "n", fault.Invalid, "add this statement"},
		{"the key of a type", func() {
			w.Keys.Policy(keyT, onlyOld)
			w.Check.Meanwhile = func() { w.Check.Key = nil; w.Check.Meanwhile = func() { w.Check.Key = no } }
		}, "d", "n", fault.Invalid, "add this statement"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := ingesttest.Dump(t, w.Store)
			c.set()
			err := rename(w, c.from, c.to)
			w.IsFault(err, c.kind, c.text)
			w.Check.Queue, w.Check.Key, w.Check.Meanwhile = nil, nil, nil
			w.Keys.Policy(keyT, nil)
			if after := ingesttest.Dump(t, w.Store); !reflect.DeepEqual(before, after) {
				t.Error("the store has changed")
			}
			w.Put("d", "Note", `{"id":"0","mail":"0@a.example"}`)
		})
	}
}

// TestWhatIsLookedAtBeforeARename: the queue and the key of the domain as for a
// new domain of that name; other keys only where they would not serve any more.
func TestWhatIsLookedAtBeforeARename(t *testing.T) {
	w, _ := furnished(t, ingesttest.Memory)
	if _, err := w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: new(keyB)}); err != nil {
		t.Fatal(err)
	}
	looked := func(from, to string) string {
		t.Helper()
		w.Check.For, w.Check.KeyUses = nil, nil
		mustRename(t, w, from, to)
		var list []string
		for _, use := range w.Check.KeyUses {
			list = append(list, use.KeyID[strings.LastIndex(use.KeyID, "/")+1:]+" "+use.DomainName+" "+use.ObjectType)
		}
		return strings.Join(append(list, w.Check.For...), ", ")
	}
	if got := looked("d", "n"); got != "b n , n" {
		t.Errorf("looked at: %s", got)
	}
	not := func(name string) func(domain.KeyUse) bool {
		return func(use domain.KeyUse) bool { return use.DomainName != name }
	}
	w.Keys.Policy(keyA, not("m")) // older values are sealed under it
	w.Keys.Policy(keyT, not("m"))
	if got := looked("n", "m"); got != "b m , a m , t m Note, m" {
		t.Errorf("looked at: %s", got)
	}
	w.Keys.Disable(keyA) // out of use whatever the name is
	w.Keys.Policy(keyA, nil)
	w.Keys.Policy(keyT, nil)
	if got := looked("m", "d"); got != "b d , d" {
		t.Errorf("looked at: %s", got)
	}
	w.Keys.Refuse(keyA, context.DeadlineExceeded)
	if err := rename(w, "d", "n"); err == nil || fault.Is(err, fault.Invalid) {
		t.Errorf("a key service that does not answer: %v", err)
	}
}

// TestANameThatChangesHandsUnderACall: what a call has prepared for one domain
// must not come to the one that has the name by the time it is written.
func TestANameThatChangesHandsUnderACall(t *testing.T) {
	w, _ := furnished(t, ingesttest.Memory)
	w.NewDomain("e")
	was := describe(t, w, "e")
	swap := func() {
		mustRename(t, w, "d", "n")
		mustRename(t, w, "e", "d")
	}
	back := func() {
		mustRename(t, w, "d", "e")
		mustRename(t, w, "n", "d")
	}
	w.Check.Meanwhile = swap
	_, err := w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: new(keyB)})
	w.IsFault(err, fault.NotFound, "Domain d does not exist")
	back()
	own := note
	own.Key = keyB
	w.Check.Meanwhile = swap
	_, err = w.TypeService.PutProfileObjectType(w.Ctx(), own.Request("d", "Own"))
	w.IsFault(err, fault.NotFound, "Domain d does not exist")
	back()
	if now := describe(t, w, "e"); now.DefaultEncryptionKey != nil || !reflect.DeepEqual(now.Stats, was.Stats) {
		t.Errorf("the other domain is %+v", now)
	}
	_, err = w.TypeService.GetProfileObjectType(w.Ctx(), &profileapi.GetProfileObjectTypeRequest{DomainName: "e", ObjectTypeName: "Own"})
	w.IsFault(err, fault.NotFound, "Own")
	// A key that comes to the domain meanwhile is looked at for the new name, too.
	w.Check.KeyUses = nil
	w.Check.Meanwhile = func() {
		if _, err := w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: new(keyB)}); err != nil {
			t.Error(err)
		}
	}
	mustRename(t, w, "d", "n")
	if last := w.Check.KeyUses[len(w.Check.KeyUses)-1]; last.KeyID != keyB || last.DomainName != "n" {
		t.Errorf("last looked at: %+v", last)
	}
}

// TestPutsThatRaceWithARename: each is taken under the old name before, or finds
// no domain after; none is lost, and none comes to the domain that has the name
// next.
func TestPutsThatRaceWithARename(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w, other := furnished(t, engine)
			const writers, enough = 8, 40
			var taken atomic.Int64
			var wg sync.WaitGroup
			ready := make(chan struct{})
			for i := range writers {
				put := []*ingesttest.World{w, other}[i%2].Quiet()
				wg.Go(func() {
					for n := 0; ; n++ {
						id := strconv.Itoa(i) + "-" + strconv.Itoa(n)
						r, err := put.Put(w.Ctx(), "d", "Note", []string{`{"id":"` + id + `","mail":"` + id + `@b.example"}`})
						if fault.Is(err, fault.NotFound) {
							return
						}
						if err != nil || r[0].Err != nil || r[0].Letter != "" {
							t.Errorf("put: %+v, %v", r, err)
							return
						}
						if taken.Add(1) == enough {
							close(ready)
						}
					}
				})
			}
			<-ready
			mustRename(t, w, "d", "n")
			at := *describe(t, other, "n").Stats.ObjectCount
			wg.Wait()
			if now := *describe(t, w, "n").Stats.ObjectCount; now != at || now != 3+taken.Load() {
				t.Errorf("%d objects when the name had changed and %d later, of %d that were acknowledged", at, now, 3+taken.Load())
			}
		})
	}
}

func TestOfRenamesAtOnceOneWins(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w, other := furnished(t, engine)
			nodes := []*ingesttest.World{w, other}
			w.NewDomain("e")
			race := func(from, to func(i int) string, loser fault.Kind) {
				t.Helper()
				errs := make([]error, 8)
				var wg sync.WaitGroup
				for i := range errs {
					wg.Go(func() {
						_, errs[i] = nodes[i%2].Domain.RenameDomain(w.Ctx(), &kindredapi.RenameDomainRequest{DomainName: from(i), NewDomainName: to(i)})
					})
				}
				wg.Wait()
				won := 0
				for _, err := range errs {
					if err == nil {
						won++
					} else if !fault.Is(err, loser) && !fault.Is(err, fault.NotFound) {
						t.Error(err)
					}
				}
				if won != 1 {
					t.Errorf("%d renames have won: %v", won, errs)
				}
			}
			race(func(int) string { return "e" }, func(i int) string { return fmt.Sprint("e", i) }, fault.NotFound)
			w.NewDomain("f")
			w.NewDomain("g")
			race(func(i int) string { return []string{"f", "g"}[i/4] }, func(int) string { return "one" }, fault.Exists)
			list, err := w.Domain.ListDomains(w.Ctx(), &profileapi.ListDomainsRequest{})
			if err != nil || len(list.Items) != 4 {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

// TestTheRemovalOfATypeKeepsToItsDomain: what a deletion has left to the
// background is done in the domain that it was asked of.
func TestTheRemovalOfATypeKeepsToItsDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := ingesttest.New(t)
		for _, d := range []string{"d", "e"} {
			w.NewDomain(d, under(keyA))
			w.PutType(d, "Note", note)
			w.Put(d, "Note", `{"id":"1","mail":"a@a.example"}`)
		}
		w.Keys.Disable(keyA)
		w.Clock.Step(time.Minute)
		if _, err := w.TypeService.DeleteProfileObjectType(w.Ctx(), &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "Note"}); err != nil {
			t.Fatal(err)
		}
		w.Keys.Enable(keyA)
		if n := *describe(t, w, "d").Stats.ObjectCount; n != 1 {
			t.Fatalf("%d objects are left before the background has begun", n)
		}
		mustRename(t, w, "d", "n")
		mustRename(t, w, "e", "d")
		ctx, stop := context.WithCancel(w.Ctx())
		done := make(chan error)
		go func() { done <- w.TypeService.Run(ctx) }()
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if left, other := *describe(t, w, "n").Stats.ObjectCount, *describe(t, w, "d").Stats.ObjectCount; left != 0 || other != 1 {
			t.Errorf("%d objects are left in the domain, %d of 1 in the one that has its name", left, other)
		}
	})
}
