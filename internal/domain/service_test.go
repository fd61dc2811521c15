package domain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/seal"
	"kindred/internal/store"
)

func TestCreateGetUpdateDelete(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	queue := "http://localhost/111122223333/letters"
	made, err := w.Domain.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "d", DefaultExpirationDays: 366, DeadLetterQueueUrl: &queue,
		Tags: map[string]string{"team": "care"}, Matching: &profileapi.MatchingRequest{Enabled: true},
		RuleBasedMatching: &profileapi.RuleBasedMatchingRequest{Enabled: true}})
	if err != nil {
		t.Fatal(err)
	}
	if made.DomainName != "d" || made.DefaultExpirationDays != 366 || *made.DeadLetterQueueUrl != queue || made.DefaultEncryptionKey != nil ||
		made.Tags["team"] != "care" || !*made.Matching.Enabled || *made.RuleBasedMatching.Status != "PENDING" || !made.CreatedAt.Equal(w.Clock.Now()) {
		t.Errorf("made: %+v", made)
	}
	if !slices.Equal(w.Check.Queues, []string{queue}) {
		t.Errorf("queues looked at: %v", w.Check.Queues)
	}
	_, err = w.Domain.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "d", DefaultExpirationDays: 1})
	w.IsFault(err, fault.Exists, "Domain d already exists")
	w.Create("d", `{"FirstName":"Ann"}`)
	got, err := w.Domain.GetDomain(ctx, &profileapi.GetDomainRequest{DomainName: "d"})
	if err != nil {
		t.Fatal(err)
	}
	if *got.Stats.ProfileCount != 1 || *got.Stats.MeteringProfileCount != 1 || *got.Stats.ObjectCount != 0 || *got.DefaultExpirationDays != 366 || got.Tags["team"] != "care" {
		t.Errorf("got: %+v %+v", got, got.Stats)
	}
	// Absent members keep their value, an empty one clears it.
	w.Clock.Step(time.Second)
	days, none := 10, ""
	put, err := w.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: "d", DefaultExpirationDays: &days, Tags: map[string]string{"team": "other"}})
	if err != nil || *put.DeadLetterQueueUrl != queue || *put.DefaultExpirationDays != 10 || put.Tags["team"] != "care" ||
		!put.LastUpdatedAt.After(put.CreatedAt) || !*put.Matching.Enabled {
		t.Errorf("updated: %+v, %v", put, err)
	}
	put, err = w.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: "d", DeadLetterQueueUrl: &none})
	if err != nil || put.DeadLetterQueueUrl != nil || *put.DefaultExpirationDays != 10 {
		t.Errorf("cleared: %+v, %v", put, err)
	}
	if len(w.Check.Queues) != 1 {
		t.Errorf("queues looked at: %v", w.Check.Queues)
	}
	if _, err := w.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"get":    second(w.Domain.GetDomain(ctx, &profileapi.GetDomainRequest{DomainName: "d"})),
		"update": second(w.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: "d"})),
		"delete": second(w.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d"})),
	} {
		if !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "d") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if left := ingesttest.Dump(t, w.Store); len(left) != 0 {
		t.Errorf("%d records are left", len(left))
	}
	w.NewDomain("d") // the name is free
	if got, err := w.Domain.GetDomain(ctx, &profileapi.GetDomainRequest{DomainName: "d"}); err != nil || *got.Stats.ProfileCount != 0 || got.Tags != nil {
		t.Errorf("a new domain of that name: %+v, %v", got, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRefusedQueueOrKeyChangesNothing(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	w.NewDomain("d")
	w.Check.Queue = fault.New(fault.Invalid, "DeadLetterQueueUrl: no")
	w.Check.Key = fault.New(fault.Invalid, "DefaultEncryptionKey: no")
	queue, key := "q", keyA
	before := len(ingesttest.Dump(t, w.Store))
	_, err := w.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: "d", DeadLetterQueueUrl: &queue})
	w.IsFault(err, fault.Invalid, "DeadLetterQueueUrl")
	_, err = w.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &key})
	w.IsFault(err, fault.Invalid, "DefaultEncryptionKey")
	_, err = w.Domain.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "e", DefaultExpirationDays: 1, DeadLetterQueueUrl: &queue})
	w.IsFault(err, fault.Invalid, "DeadLetterQueueUrl")
	_, err = w.Domain.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "e", DefaultExpirationDays: 1, DefaultEncryptionKey: &key})
	w.IsFault(err, fault.Invalid, "DefaultEncryptionKey")
	if n := len(ingesttest.Dump(t, w.Store)); n != before {
		t.Errorf("%d records, before %d", n, before)
	}
	use := w.Check.KeyUses[0]
	if use.KeyID != keyA || use.DomainName != "d" || use.ObjectType != "" || use.Domain == (domain.ID{}) {
		t.Errorf("the key was looked at for %+v", use)
	}
}

func TestDataStore(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	w.NewDomain("d")
	on, off, key, none := true, false, keyA, ""
	update := func(in profileapi.UpdateDomainRequest) error {
		in.DomainName = "d"
		return second(w.Domain.UpdateDomain(ctx, &in))
	}
	w.IsFault(update(profileapi.UpdateDomainRequest{DataStore: &profileapi.DataStoreRequest{Enabled: &on}}), fault.Invalid, "DataStore.Enabled")
	if err := update(profileapi.UpdateDomainRequest{DataStore: &profileapi.DataStoreRequest{Enabled: &on}, DefaultEncryptionKey: &key}); err != nil {
		t.Fatal(err)
	}
	w.IsFault(update(profileapi.UpdateDomainRequest{DataStore: &profileapi.DataStoreRequest{Enabled: &off}}), fault.Invalid, "DataStore.Enabled")
	w.IsFault(update(profileapi.UpdateDomainRequest{DefaultEncryptionKey: &none}), fault.Invalid, "DefaultEncryptionKey")
	if got, err := w.Domain.GetDomain(ctx, &profileapi.GetDomainRequest{DomainName: "d"}); err != nil || !*got.DataStore.Enabled || *got.DefaultEncryptionKey != keyA {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestListAndLimitOfDomains(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	for i := range 100 {
		w.NewDomain(fmt.Sprintf("d%02d", i))
	}
	_, err := w.Domain.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "more", DefaultExpirationDays: 1})
	w.IsFault(err, fault.Invalid, "at most 100")
	_, err = w.Domain.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "d99", DefaultExpirationDays: 1})
	w.IsFault(err, fault.Exists, "already exists")
	for _, size := range []int{1, 7, 99, 100} {
		var names []string
		in := &profileapi.ListDomainsRequest{MaxResults: &size}
		for {
			out, err := w.Domain.ListDomains(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range out.Items {
				names = append(names, it.DomainName)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if len(names) != 100 || !slices.IsSorted(names) || len(slices.Compact(names)) != 100 {
			t.Errorf("pages of %d: %d names", size, len(names))
		}
	}
	if _, err := w.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d50"}); err != nil {
		t.Fatal(err)
	}
	w.NewDomain("more")
}

func TestSettings(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	w.NewDomain("d")
	got, err := w.Domain.GetDomainSettings(ctx, &kindredapi.GetDomainSettingsRequest{DomainName: "d"})
	if err != nil || got.DefaultCountry != "US" || *got.MaxObjectsPerProfilePerSecond != 1000 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"us", "XX", "", "USA"} {
		_, err := w.Domain.PutDomainSettings(ctx, &kindredapi.PutDomainSettingsRequest{DomainName: "d", DefaultCountry: &bad})
		w.IsFault(err, fault.Invalid, "DefaultCountry")
	}
	country, limit := "NO", 5
	if _, err := w.Domain.PutDomainSettings(ctx, &kindredapi.PutDomainSettingsRequest{DomainName: "d", DefaultCountry: &country}); err != nil {
		t.Fatal(err)
	}
	got, err = w.Domain.PutDomainSettings(ctx, &kindredapi.PutDomainSettingsRequest{DomainName: "d", MaxObjectsPerProfilePerSecond: &limit})
	if err != nil || got.DefaultCountry != "NO" || *got.MaxObjectsPerProfilePerSecond != 5 {
		t.Errorf("%+v, %v", got, err)
	}
	p := w.Create("d", `{"PhoneNumber":"22 33 44 55"}`)
	w.Finds("d", "_phone", "+4722334455", p)
	w.Finds("d", "_phone", "22334455", p)
}

func TestMetered(t *testing.T) {
	for _, c := range [][2]int64{{-1, 1}, {0, 1}, {1, 1}, {100, 1}, {101, 2}, {200, 2}, {201, 3}, {1000, 10}} {
		if got := domain.Metered(int(c[0])); got != c[1] {
			t.Errorf("%d objects: %d, want %d", c[0], got, c[1])
		}
	}
}

// TestChangesAreSeenByTheNextCall: a second node that has the configuration in
// memory acts on a change that the first one made, from the next call on.
func TestChangesAreSeenByTheNextCall(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	other := ingesttest.Over(t, w.Store, w.Clock, w.Keys)
	w.NewDomain("d")
	w.PutType("d", "Note", note)
	p := other.Put("d", "Note", `{"id":"1","mail":"a@x.org"}`)
	changed := note
	changed.Fields = map[string]string{"id": "id>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS"}
	w.PutType("d", "Note", changed)
	other.Put("d", "Note", `{"id":"1","mail":"a@x.org"}`)
	if got := w.Show("d", p); got != `{"AccountNumber":"1","EmailAddress":"a@x.org"}` {
		t.Errorf("after the mapping changed: %s", got)
	}
	// A key that one node puts in force opens at the other at once.
	key := keyA
	if _, err := w.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &key}); err != nil {
		t.Fatal(err)
	}
	w.Put("d", "Note", `{"id":"2","mail":"a@x.org"}`)
	if got := other.Show("d", p); got != `{"AccountNumber":"2","EmailAddress":"a@x.org"}` {
		t.Errorf("under the new key: %s", got)
	}
	if _, err := w.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
		t.Fatal(err)
	}
	w.NewDomain("d")
	if got, err := other.Domain.GetDomain(ctx, &profileapi.GetDomainRequest{DomainName: "d"}); err != nil || *got.Stats.ProfileCount != 0 {
		t.Errorf("a new domain of the name: %+v, %v", got, err)
	}
	if got := other.Get("d", p); got != nil {
		t.Errorf("the profile of the deleted domain: %v", got)
	}
	if _, err := other.TryPut("d", "Note", `{"id":"1"}`); !fault.Is(err, fault.NotFound) {
		t.Errorf("the type of the deleted domain: %v", err)
	}
}

// TestStaleTransactionsStartAgain: a transaction whose configuration changes
// while it runs is run again with the new one, and not committed with the old.
func TestStaleTransactionsStartAgain(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	w.NewDomain("d")
	var countries []string
	err := w.Domains.Update(ctx, "d", func(cfg *domain.Config, tx *seal.Tx) error {
		countries = append(countries, cfg.Info.Settings.DefaultCountry)
		if len(countries) == 1 {
			country := "NO"
			if _, err := w.Domain.PutDomainSettings(ctx, &kindredapi.PutDomainSettingsRequest{DomainName: "d", DefaultCountry: &country}); err != nil {
				return err
			}
		}
		tx.Put(store.Key{Partition: cfg.ID.Partition('t'), Sort: []byte("c")}, []byte(cfg.Info.Settings.DefaultCountry))
		return nil
	})
	if err != nil || countries[len(countries)-1] != "NO" {
		t.Errorf("ran with %v, %v", countries, err)
	}
	err = w.Domains.View(ctx, "d", func(cfg *domain.Config, r *seal.Reader) error {
		v, err := r.Get(ctx, store.Key{Partition: cfg.ID.Partition('t'), Sort: []byte("c")})
		if err == nil && string(v[0]) != "NO" {
			t.Errorf("committed with %s", v[0])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := w.Domains.Config(ctx, "d")
	if err != nil {
		t.Fatal(err)
	}
	country := "SE"
	if _, err := w.Domain.PutDomainSettings(ctx, &kindredapi.PutDomainSettingsRequest{DomainName: "d", DefaultCountry: &country}); err != nil {
		t.Fatal(err)
	}
	kept := store.Key{Partition: cfg.ID.Partition('t'), Sort: []byte("c")}
	err = w.Domains.UpdateWith(ctx, cfg, func(tx *seal.Tx) error { tx.Put(kept, []byte("by an old configuration")); return nil })
	if !domain.IsStale(err) {
		t.Errorf("an old configuration: %v", err)
	}
	err = w.Domains.UpdateWith(ctx, cfg, func(tx *seal.Tx) error {
		if _, err := tx.Get(ctx, kept); !errors.Is(err, store.ErrUnexpected) {
			t.Errorf("read with an old configuration: %v", err)
		}
		return errors.New("of an old configuration")
	})
	if !domain.IsStale(err) {
		t.Errorf("an old configuration, and a function that fails: %v", err)
	}
	err = w.Domains.View(ctx, "d", func(_ *domain.Config, r *seal.Reader) error {
		v, err := r.Get(ctx, kept)
		if err == nil && string(v[0]) != "NO" {
			t.Errorf("committed %s", v[0])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestConcurrentConfiguration: many changes at once are all there in the end.
func TestConcurrentConfiguration(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	w.NewDomain("d")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := w.Domains.Configure(ctx, "d", func(e *domain.Edit) error {
				tags := map[string]string{}
				for k, v := range e.Tags("") {
					tags[k] = v
				}
				tags[fmt.Sprint("k", i)] = "v"
				e.PutTags("", tags)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	cfg, err := w.Domains.Config(ctx, "d")
	if err != nil || len(domain.TagKeys(cfg.Tags(""))) != 8 {
		t.Errorf("tags %v, %v", cfg.Tags(""), err)
	}
}

func TestItems(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	w.NewDomain("d")
	err := w.Domains.Configure(ctx, "d", func(e *domain.Edit) error {
		for _, name := range []string{"x/b", "x/a", "x0", "x", "w/z"} {
			e.Put(name, []byte("of "+name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := w.Domains.Config(ctx, "d")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for rest, v := range cfg.Items("x/") {
		names = append(names, rest+"="+string(v))
	}
	if got := strings.Join(names, " "); got != "a=of x/a b=of x/b" {
		t.Errorf("items: %s", got)
	}
	for range cfg.Items("x/") {
		break
	}
	if cfg.Item("nothing") != nil || string(cfg.Item("x")) != "of x" {
		t.Error("single items")
	}
	n := 0
	compute := func() int { n++; return 42 }
	if domain.Memo(cfg, "k", compute)+domain.Memo(cfg, "k", compute) != 84 || n != 1 {
		t.Errorf("computed %d times", n)
	}
}

// TestDamagedConfiguration: an item of the configuration belongs to its
// place.
func TestDamagedConfiguration(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	w.NewDomain("d")
	cfg, err := w.Domains.Config(ctx, "d")
	if err != nil {
		t.Fatal(err)
	}
	err = w.Store.Update(ctx, func(tx store.Tx) error {
		lists, err := tx.Scan(ctx, store.Span{Partition: cfg.ID.Partition('c'), Limit: 100})
		if err != nil {
			return err
		}
		for _, rec := range lists[0] {
			if string(rec.Key.Sort) == "info" {
				tx.Put(store.Key{Partition: rec.Key.Partition, Sort: []byte("tag/")}, rec.Value)
			}
			if string(rec.Key.Sort) == "rev" {
				tx.Put(rec.Key, []byte("another one"))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Domains.Config(ctx, "d"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("an item in another's place: %v", err)
	}
}

// TestSweep finishes a deletion that was interrupted.
func TestSweep(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	w.NewDomain("d")
	w.NewDomain("e")
	w.Create("d", `{"FirstName":"Ann"}`)
	cfg, err := w.Domains.Config(ctx, "d")
	if err != nil {
		t.Fatal(err)
	}
	broken := ingesttest.Over(t, noDrop{w.Store}, w.Clock, w.Keys)
	if _, err := broken.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d"}); !errors.Is(err, errDrop) {
		t.Fatalf("a deletion that is interrupted: %v", err)
	}
	if _, err := w.Domains.Config(ctx, "d"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the name of a domain that is being deleted: %v", err)
	}
	w.NewDomain("d")
	if err := w.Domains.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	for _, rec := range ingesttest.Dump(t, w.Store) {
		if bytes.Contains(rec.Key.Partition, cfg.ID[:]) || bytes.Contains(rec.Key.Sort, cfg.ID[:]) {
			t.Errorf("there is still %q/%q", rec.Key.Partition, rec.Key.Sort)
		}
	}
	for _, name := range []string{"d", "e"} {
		if _, err := w.Domains.Config(ctx, name); err != nil {
			t.Errorf("domain %s: %v", name, err)
		}
	}
}

var errDrop = errors.New("interrupted")

type noDrop struct{ store.Store }

func (noDrop) DropPrefix(context.Context, []byte) error { return errDrop }

func TestInfoKeepsWhatItDoesNotKnow(t *testing.T) {
	in := domain.Info{Name: "d", Matching: json.RawMessage(`{"Enabled":true}`), Settings: domain.DefaultSettings}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out domain.Info
	if err := json.Unmarshal(b, &out); err != nil || out.Settings != in.Settings || string(out.Matching) != string(in.Matching) {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestNodeThatMissedAKeySwitch: a node that still has the configuration from
// before a key switch in memory does not insist on the old key.
func TestNodeThatMissedAKeySwitch(t *testing.T) {
	w := ingesttest.New(t)
	other := ingesttest.Over(t, w.Store, w.Clock, w.Keys)
	w.NewDomain("d", under(keyA))
	w.PutType("d", "Note", note)
	p := other.Put("d", "Note", `{"id":"1","mail":"a@x.org"}`)
	key := keyB
	if _, err := w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &key}); err != nil {
		t.Fatal(err)
	}
	q := w.Put("d", "Note", `{"id":"2","mail":"b@x.org"}`)
	w.Keys.Disable(keyA)
	w.Clock.Step(time.Minute)
	if err := get(other, "d", q); err != nil {
		t.Errorf("reads what is under the new key: %v", err)
	}
	third := ingesttest.Over(t, w.Store, w.Clock, w.Keys)
	_ = third.Show("d", q)
	w.Keys.Enable(keyA)
	other = ingesttest.Over(t, w.Store, w.Clock, w.Keys)
	if err := get(other, "d", p); err != nil {
		t.Fatal(err)
	}
	back := keyA
	if _, err := w.Domain.UpdateDomain(w.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &back}); err != nil {
		t.Fatal(err)
	}
	w.Keys.Disable(keyB)
	w.Clock.Step(time.Minute)
	first := "Ann"
	if _, err := other.Profiles.UpdateProfile(w.Ctx(), &profileapi.UpdateProfileRequest{DomainName: "d", ProfileId: p.String(), FirstName: &first}); err != nil {
		t.Errorf("writes under the new key: %v", err)
	}
	if _, err := third.TryPut("d", "Note", `{"id":"3","mail":"a@x.org"}`); err != nil {
		t.Errorf("ingests under the new key: %v", err)
	}
}
