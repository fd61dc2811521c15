package profile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
	"kindred/internal/seal"
)

// replayed replays all objects of a type, so many in one transaction, and returns
// the counts.
func replayed(t *testing.T, w *ingesttest.World, domainName, typeName string, most int, undo ...profile.Mapping) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	var behind *profile.ID
	of := w.ID(domainName)
	for {
		found, err := profile.FindHolders(w.Ctx(), w.Store, of, typeName, behind, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found.List {
			for place := (*profile.Place)(nil); ; {
				var r *profile.Replay
				err := w.Domains.UpdateOf(w.Ctx(), of, func(c *domain.Config, tx *seal.Tx) (err error) {
					if r, err = replayOf(w, c, tx, typeName); err != nil {
						return err
					}
					r.Undo = undo
					place, err = r.Profile(w.Ctx(), tx, c, f.ID, place, &profile.Budget{Objects: most, Bytes: 1 << 20})
					r.Finish()
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				for name, n := range r.Counts {
					counts[name] += n
				}
				if place == nil {
					break
				}
			}
		}
		if found.End {
			return counts
		}
		behind = &found.Last
	}
}

func replayOf(w *ingesttest.World, c *domain.Config, tx *seal.Tx, typeName string) (*profile.Replay, error) {
	typ, err := w.Types.Lookup(c, typeName)
	if err != nil {
		return nil, err
	}
	is := func(m profile.Mapping, how func(f *objecttype.Definition) bool) bool {
		return slices.ContainsFunc(objecttype.Formers(c, typeName), func(f objecttype.Former) bool { return f.Mapping() == m && how(&f.Definition) })
	}
	return &profile.Replay{ObjectType: typeName, To: typ.Mapped(), Create: typ.AllowProfileCreation, Priority: typ.Priority(), Maps: typ.DefinesKey,
		Targets: typ.Targets, Remap: w.Ingest.Remapper(tx, c, typ), SameKeys: func(m profile.Mapping) bool { return is(m, typ.SameKeys) }, Keeps: func(m profile.Mapping) bool { return is(m, typ.KeepsKeys) }}, nil
}

// mapping is that of a type in force.
func mapping(t *testing.T, w *ingesttest.World, domainName, typeName string) profile.Mapping {
	t.Helper()
	c, err := w.Domains.Config(w.Ctx(), domainName)
	if err != nil {
		t.Fatal(err)
	}
	typ, err := w.Types.Lookup(c, typeName)
	if err != nil {
		t.Fatal(err)
	}
	return typ.Mapped()
}

// otherTypes are the types of the sequences with other targets, priorities and
// search keys, which send every record where it went.
var otherTypes = map[string]ingesttest.Type{
	"Crm": {Create: true, Max: 2, Format: "EpochMilli", Priority: 3, Fields: map[string]string{"id": "id>_profile.Attributes.crm", "mail": "mail>_profile.BusinessEmailAddress|EMAIL_ADDRESS",
		"tel": "tel>_profile.MobilePhoneNumber|PHONE_NUMBER", "first": "first>_profile.FirstName|NAME", "last": "last>_profile.MiddleName|NAME",
		"tier": "tier>_profile.Attributes.level", "upd": "upd>_profile.SourceLastUpdatedTimestamp"},
		Keys: map[string]string{"crmId": "PROFILE,UNIQUE:id", "_email": "PROFILE,SECONDARY:mail"}},
	"Shop": {Create: true, Fields: map[string]string{"id": "id>_profile.Attributes.shop", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"hint": "hint", "once": "once", "first": "first>_profile.Attributes.first", "city": "city>_profile.ShippingAddress.City"},
		Keys: map[string]string{"shopId": "UNIQUE:id", "crmId": "PROFILE,LOOKUP_ONLY:hint", "_email": "PROFILE:mail", "onceId": "PROFILE,NEW_ONLY:once"}},
	"Registration": {Create: true, Days: 3, Fields: map[string]string{"no": "no>_asset.Description", "mail": "mail|EMAIL_ADDRESS", "serial": "serial>_asset.AssetName",
		"name": "name>_asset.SerialNumber", "status": "status>_asset.Status"},
		Keys: map[string]string{"registrationNo": "UNIQUE:no", "deviceSerial": "ASSET:serial", "_email": "PROFILE:mail"}},
	"Order": {Create: true, Priority: 4, Days: 5, Fields: map[string]string{"no": "no", "crm": "crm>_profile.AccountNumber", "title": "{{_source.title}}>_order.Status", "first": "first>_profile.LastName",
		"status": "status>_order.Name", "cart": "cart"},
		Keys: map[string]string{"orderNo": "UNIQUE,ORDER:no", "cartNo": "ORDER:cart", "crmId": "PROFILE:crm"}},
}

// steady makes a record that has the members, if not the values, of all with its
// id: what a member that is missing gave before is not known to a replay.
func (w *twins) steady(name string) string {
	body := map[string]any{}
	if err := json.Unmarshal([]byte(w.keyed(name)), &body); err != nil {
		w.w.T.Fatal(err)
	}
	id := fmt.Sprint(body["id"], body["no"])
	r := rand.New(rand.NewPCG(w.seed, uint64(len(name))<<40|uint64(id[len(id)-1])<<16|uint64(id[0])))
	for _, m := range [][]string{{"first", "Ann", "Bea", "Cid"}, {"last", "Lund", "Berg"}, {"tier", "gold", "silver"}, {"tel", "+1 206 555 0101", "206.555.0102"},
		{"city", "Bergen", "Oslo"}, {"name", "Kettle", "Lamp"}, {"status", "new", "used"}, {"title", "big", "small"}} {
		if delete(body, m[0]); r.IntN(3) > 0 {
			which := w.r.IntN(len(m) - 1)
			if m[0] == "tel" { // fills a profile when it comes first
				which = r.IntN(len(m) - 1)
			}
			body[m[0]] = m[1+which]
		}
	}
	if delete(body, "upd"); name == "Crm" && r.IntN(2) == 0 {
		body["upd"] = 1700000000000 + int64(w.r.IntN(50))
	}
	if name == "Order" {
		body["crm"] = w.one("C1", "C2", "C3")
	}
	b, err := json.Marshal(body)
	if err != nil {
		w.w.T.Fatal(err)
	}
	return string(b)
}

// ingest puts records and edits into both worlds.
func (w *twins) ingest() {
	w.w.Clock.Step(time.Millisecond)
	w.plain.Clock.Step(time.Millisecond)
	ctx := context.Background()
	if n := w.r.IntN(10); n < 3 && len(w.made) > 0 || n < 1 {
		b, _ := json.Marshal(w.members())
		create := len(w.made) == 0 || n == 0
		var which [2]string
		if !create {
			which = w.made[w.r.IntN(len(w.made))]
		}
		w.both(func(i int, world *ingesttest.World) error {
			if !create {
				in := &profileapi.UpdateProfileRequest{}
				if err := json.Unmarshal(b, in); err != nil {
					return err
				}
				in.DomainName, in.ProfileId = sequenceDomain, which[i]
				_, err := world.Profiles.UpdateProfile(ctx, in)
				return err
			}
			in := &profileapi.CreateProfileRequest{}
			if err := json.Unmarshal(b, in); err != nil {
				return err
			}
			in.DomainName = sequenceDomain
			out, err := world.Profiles.CreateProfile(ctx, in)
			if err == nil {
				which[i] = out.ProfileId
			}
			return err
		})
		if create {
			w.made = append(w.made, which)
		}
		w.trace = append(w.trace, fmt.Sprint("edit ", which[0], " ", string(b)))
		return
	}
	name := w.one(twinTypes...)
	body := w.steady(name)
	w.both(func(i int, world *ingesttest.World) error {
		r, err := world.Ingest.Put(ctx, sequenceDomain, name, []string{body})
		if err == nil {
			w.trace = append(w.trace, fmt.Sprint("world ", i, " put ", name, " ", body, " ", r[0].Profile, " ", r[0].Err))
		}
		return err
	})
}

// TestInvariant6ReplayedEqualsPutSo: objects that are ingested by one mapping and
// replayed by another are as if they had been ingested by the other.
func TestInvariant6ReplayedEqualsPutSo(t *testing.T) {
	for round := range 20 {
		seed := seedOf(t, round)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newTwins(t, seed)
			for _, name := range twinTypes {
				w.plain.PutType(sequenceDomain, name, otherTypes[name])
			}
			for range 10 + w.r.IntN(60) {
				w.ingest()
			}
			for _, name := range twinTypes {
				w.w.PutType(sequenceDomain, name, otherTypes[name])
				counts := replayed(t, w.w, sequenceDomain, name, 1+w.r.IntN(4))
				if counts[profile.CountReplaced] != counts[profile.CountObjects] || counts[profile.CountMoved] != 0 {
					t.Errorf("%s: %v", name, counts)
				}
			}
			w.verify(seed)
			if diff := cmp.Diff(canonical(t, w.plain), canonical(t, w.w)); diff != "" {
				t.Errorf("put so, replayed:\n%s\nafter\n%s", diff, strings.Join(w.trace, "\n"))
			}
		})
	}
}

// reroutedTypes are the types of the sequences with other keys: records are parted
// that were together, and brought together that were apart.
var reroutedTypes = map[string]ingesttest.Type{
	"Crm": {Create: true, Max: 2, Format: "EpochMilli", Fields: map[string]string{"id": "id>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"tel": "tel>_profile.PhoneNumber|PHONE_NUMBER", "first": "first>_profile.LastName|NAME", "upd": "upd>_profile.SourceLastUpdatedTimestamp"},
		Keys: map[string]string{"crmId": "UNIQUE:id", "_phone": "PROFILE:tel"}},
	"Shop": {Create: true, Priority: 2, Fields: map[string]string{"id": "id", "mail": "mail|EMAIL_ADDRESS", "once": "once>_profile.Attributes.once", "first": "first>_profile.FirstName"},
		Keys: map[string]string{"shopId": "PROFILE,UNIQUE:id", "onceId": "PROFILE:once", "_email": ":mail"}},
	"Registration": {Create: true, Days: 3, Fields: map[string]string{"no": "no>_profile.Attributes.no", "mail": "mail|EMAIL_ADDRESS", "serial": "serial>_asset.SerialNumber",
		"name": "name>_asset.AssetName"},
		Keys: map[string]string{"registrationNo": "UNIQUE,PROFILE:no", "assetName": "ASSET:name"}},
	"Order": {Priority: 1, Days: 5, Fields: map[string]string{"no": "no", "crm": "crm", "mail": "mail|EMAIL_ADDRESS", "title": "{{_source.title}}>_order.Name", "first": "first>_profile.MiddleName"},
		Keys: map[string]string{"orderNo": "UNIQUE,ORDER:no", "crmId": "PROFILE,LOOKUP_ONLY:crm", "_email": "PROFILE:mail"}},
}

// TestRolledBackEqualsNeverChanged: whatever happened before, profiles that are
// replayed under other mappings, even if their records go elsewhere by them, and
// rolled back, are what they were.
func TestRolledBackEqualsNeverChanged(t *testing.T) {
	moved := int64(0)
	for round := range 15 {
		seed := seedOf(t, round)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newTwins(t, seed)
			for range 20 + w.r.IntN(60) {
				w.step()
			}
			before := canonical(t, w.w)
			var undo []profile.Mapping
			for _, name := range twinTypes {
				to := reroutedTypes
				if w.r.IntN(3) == 0 {
					to = otherTypes
				}
				w.w.PutType(sequenceDomain, name, to[name])
				undo = append(undo, mapping(t, w.w, sequenceDomain, name))
				counts := replayed(t, w.w, sequenceDomain, name, 1+w.r.IntN(4))
				w.verify(seed)
				moved += counts[profile.CountMoved]
				if again := replayed(t, w.w, sequenceDomain, name, 3); again[profile.CountReplaced] != 0 {
					t.Errorf("%s again: %v after %v", name, again, counts)
				}
			}
			for i, name := range slices.Backward(twinTypes) {
				w.w.PutType(sequenceDomain, name, sequenceTypes[name])
				replayed(t, w.w, sequenceDomain, name, 1+w.r.IntN(4), undo[i])
				w.verify(seed)
			}
			if diff := cmp.Diff(before, canonical(t, w.w)); diff != "" {
				t.Errorf("never changed, rolled back:\n%s", diff)
			}
		})
	}
	if moved == 0 {
		t.Error("nothing has moved")
	}
}

// replay gives a type of a sequence another mapping and replays it; at times it is
// rolled back at once, or half-way.
func (s *sequence) replay() {
	t := s.w.T.(*testing.T)
	name := s.one(twinTypes...)
	types := []map[string]ingesttest.Type{sequenceTypes, otherTypes, reroutedTypes}
	which := types[s.r.IntN(len(types))][name]
	c, err := s.w.Domains.Config(s.w.Ctx(), sequenceDomain)
	if err != nil {
		t.Fatal(err)
	}
	typ, err := s.w.Types.Lookup(c, name)
	if err != nil {
		t.Fatal(err)
	}
	before := *typ.Definition
	in := which.Request(sequenceDomain, name)
	in.EncryptionKey = &before.EncryptionKey
	_, err = s.w.TypeService.PutProfileObjectType(s.w.Ctx(), in)
	if err != nil {
		s.note("put type "+name, nil, err) // another type disagrees on a key
		return
	}
	undo := mapping(t, s.w, sequenceDomain, name)
	counts := replayed(t, s.w, sequenceDomain, name, 1+s.r.IntN(4))
	s.note("replay "+name, counts, nil)
	if s.r.IntN(2) == 0 || undo == before.Mapping() {
		return
	}
	err = s.w.Domains.Configure(s.w.Ctx(), sequenceDomain, func(e *domain.Edit) error {
		return s.w.TypeService.Restore(e, name, before.Mapping())
	})
	if err == nil {
		counts = replayed(t, s.w, sequenceDomain, name, 1+s.r.IntN(4), undo)
	}
	s.note("roll back "+name, counts, err)
}

// TestReplayWhileOthersWrite: whoever puts, edits, merges and deletes meanwhile is
// told of nothing, and what there is in the end is sound.
func TestReplayWhileOthersWrite(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			w := ingesttest.NewOn(t, engine)
			w.NewDomain(sequenceDomain)
			w.Types.MaxObjects = 6 // so that profiles are full at times
			for _, name := range twinTypes {
				w.PutType(sequenceDomain, name, sequenceTypes[name])
			}
			var ids []profile.ID
			for i := range 40 {
				ids = append(ids, w.Put(sequenceDomain, "Crm", fmt.Sprintf(`{"id":"C%d","mail":"%d@x.org","first":"Ann"}`, i, i/2)))
			}
			quiet := w.Quiet()
			stop := make(chan struct{})
			var writers sync.WaitGroup
			for writer := range 3 {
				writers.Go(func() {
					r := rand.New(rand.NewPCG(uint64(writer), 1))
					for {
						select {
						case <-stop:
							return
						default:
						}
						if err := disturb(w, quiet, r, ids); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			for i := range 6 {
				to := []map[string]ingesttest.Type{reroutedTypes, otherTypes, sequenceTypes}[i%3]
				for _, name := range []string{"Crm", "Shop"} {
					w.PutType(sequenceDomain, name, to[name])
					undo := mapping(t, w, sequenceDomain, name)
					replayed(t, w, sequenceDomain, name, 4)
					if i%2 == 0 {
						w.PutType(sequenceDomain, name, sequenceTypes[name])
						replayed(t, w, sequenceDomain, name, 4, undo)
					}
				}
			}
			close(stop)
			writers.Wait()
			found, err := profile.Verify(w.Ctx(), w.Domains, sequenceDomain)
			if err != nil || len(found) > 0 {
				t.Errorf("%v\n%s", err, strings.Join(found, "\n"))
			}
		})
	}
}

// disturb does one thing to a domain. Only trouble that is not the caller's is an
// error.
func disturb(w *ingesttest.World, quiet *ingest.Service, r *rand.Rand, ids []profile.ID) (err error) {
	ctx := context.Background()
	id := func() string { return ids[r.IntN(len(ids))].String() }
	switch n := r.IntN(20); {
	case n < 8:
		_, err = quiet.Put(ctx, sequenceDomain, "Crm", []string{fmt.Sprintf(`{"id":"C%d","mail":"%d@x.org","first":"Bea","tel":"+1206555%04d"}`, r.IntN(60), r.IntN(20), r.IntN(9))})
	case n < 14:
		_, err = quiet.Put(ctx, sequenceDomain, "Shop", []string{fmt.Sprintf(`{"id":"S%d","mail":"%d@x.org","hint":"C%d","once":"N%d","city":"Oslo"}`, r.IntN(30), r.IntN(20), r.IntN(40), r.IntN(9))})
	case n < 17:
		_, err = w.Profiles.UpdateProfile(ctx, &profileapi.UpdateProfileRequest{DomainName: sequenceDomain, ProfileId: id(), FirstName: new("Edited")})
	case n < 19:
		_, err = w.Profiles.MergeProfiles(ctx, &profileapi.MergeProfilesRequest{DomainName: sequenceDomain, MainProfileId: id(), ProfileIdsToBeMerged: []string{id()}})
	default:
		_, err = w.Profiles.DeleteProfile(ctx, &profileapi.DeleteProfileRequest{DomainName: sequenceDomain, ProfileId: id()})
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
		return nil
	}
	return err
}

// TestAnObjectThatAReplayMovedIsEvicted: an object is moved by a replay into a profile
// with a shorter past, is evicted there, and the replay is taken back. Its values stay
// in that profile, at a place that the profile has.
func TestAnObjectThatAReplayMovedIsEvicted(t *testing.T) {
	w := ingesttest.New(t)
	w.Types.MaxObjects = 2
	w.NewDomain(sequenceDomain)
	typ := func(key string) ingesttest.Type {
		return ingesttest.Type{Create: true, Fields: map[string]string{"no": "no", "mail": "mail", "tel": "tel", "first": "first>_profile.FirstName"},
			Keys: map[string]string{"no": "UNIQUE:no", key: "PROFILE:" + key}}
	}
	w.PutType(sequenceDomain, "Crm", typ("mail"))
	w.PutType(sequenceDomain, "Shop", ingesttest.Type{Create: true, Fields: map[string]string{"no": "no", "tel": "tel"},
		Keys: map[string]string{"shopNo": "UNIQUE:no", "tel": "PROFILE:tel"}})
	to := w.Put(sequenceDomain, "Shop", `{"no":"S","tel":"5"}`)
	for i := range 9 {
		w.Put(sequenceDomain, "Crm", fmt.Sprintf(`{"no":"1","mail":"a","tel":"5","first":"Jon %d"}`, i))
	}
	undo := mapping(t, w, sequenceDomain, "Crm")
	w.PutType(sequenceDomain, "Crm", typ("tel"))
	if n := replayed(t, w, sequenceDomain, "Crm", 4); n[profile.CountMoved] != 1 {
		t.Fatalf("the replay came to %v", n)
	}
	if other := w.Put(sequenceDomain, "Crm", `{"no":"2","tel":"5"}`); other != to {
		t.Fatalf("the second object is in %s, not in %s", other, to)
	}
	w.PutType(sequenceDomain, "Crm", typ("mail"))
	replayed(t, w, sequenceDomain, "Crm", 4, undo)
	found, err := profile.Verify(w.Ctx(), w.Domains, sequenceDomain)
	if err != nil || len(found) > 0 {
		t.Errorf("%v\n%s", err, strings.Join(found, "\n"))
	}
	if got := w.Get(sequenceDomain, to); got.FirstName == nil || *got.FirstName != "Jon 8" {
		t.Errorf("the profile is %s", w.Show(sequenceDomain, to))
	}
}
