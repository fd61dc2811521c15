package profile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// The object types of the random sequences: every kind of key, sources with and
// without priority and time, targets on four standard objects.
var sequenceTypes = map[string]ingesttest.Type{
	"Crm": {Create: true, Max: 2, Format: "EpochMilli", Fields: map[string]string{"id": "id>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"tel": "tel>_profile.PhoneNumber|PHONE_NUMBER", "first": "first>_profile.FirstName|NAME", "last": "last>_profile.LastName|NAME",
		"whole": "{{_source.first}} {{_source.last}}|NAME", "tier": "tier>_profile.Attributes.tier", "upd": "upd>_profile.SourceLastUpdatedTimestamp"},
		Keys: map[string]string{"crmId": "PROFILE,UNIQUE:id", "_email": "PROFILE,SECONDARY:mail", "_phone": ":tel", "_fullName": ":whole"}},
	"Shop": {Create: true, Priority: 2, Fields: map[string]string{"id": "id", "mail": "mail>_profile.PersonalEmailAddress|EMAIL_ADDRESS",
		"hint": "hint", "once": "once", "first": "first>_profile.FirstName", "city": "city>_profile.Address.City"},
		Keys: map[string]string{"shopId": "UNIQUE:id", "crmId": "PROFILE,LOOKUP_ONLY:hint", "_email": "PROFILE:mail", "onceId": "PROFILE,NEW_ONLY:once"}},
	"Registration": {Create: true, Days: 3, Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "serial": "serial>_asset.SerialNumber",
		"name": "name>_asset.AssetName", "status": "status>_asset.Status"},
		Keys: map[string]string{"registrationNo": "UNIQUE:no", "deviceSerial": "ASSET:serial", "_email": "PROFILE:mail"}},
	"Ticket": {Days: 1, Max: 1, Fields: map[string]string{"no": "no", "tel": "tel|PHONE_NUMBER", "serial": "serial", "title": "title>_case.Title", "person": "person"},
		Keys: map[string]string{"repairNo": "CASE,UNIQUE:no", "deviceSerial": "ASSET:serial", "_phone": "PROFILE:tel", "_profileId": "PROFILE,LOOKUP_ONLY:person"}},
	"Order": {Create: true, Priority: 1, Days: 5, Fields: map[string]string{"no": "no", "crm": "crm", "title": "{{_source.title}}>_order.Name", "first": "first>_profile.FirstName",
		"status": "status>_order.Status", "cart": "cart"},
		Keys: map[string]string{"orderNo": "UNIQUE,ORDER:no", "cartNo": "ORDER:cart", "crmId": "PROFILE:crm"}},
}

// sequence drives one world through the steps that a source of chance chooses,
// and keeps what clients saw.
type sequence struct {
	w      *ingesttest.World
	r      *rand.Rand
	ids    []string
	merges []string
	trace  []string
}

const sequenceDomain = "chain"

func newSequence(t *testing.T, engine ingesttest.Engine, seed uint64) *sequence {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed) // so that ids, and with them the order of searches, repeat
	s := &sequence{w: ingesttest.NewOn(t, engine), r: rand.New(rand.NewPCG(seed, 7))}
	s.w.NewDomain(sequenceDomain, func(in *profileapi.CreateDomainRequest) { in.DefaultExpirationDays = 9 })
	s.w.Types.MaxObjects, s.w.Types.MaxBytes = 5, 450 // so that profiles are full at times
	for _, name := range []string{"Crm", "Shop", "Registration", "Ticket", "Order"} {
		s.w.PutType(sequenceDomain, name, sequenceTypes[name])
	}
	return s
}

func (s *sequence) note(what string, out any, err error) {
	s.w.T.Helper()
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind == fault.Internal {
			s.w.T.Fatalf("%s: %v\nafter\n%s", what, err, strings.Join(s.trace, "\n"))
		}
		s.trace = append(s.trace, fmt.Sprintf("%s: error %d %s", what, f.Kind, f.Message))
		return
	}
	s.trace = append(s.trace, what+": "+ingesttest.Compact(s.w.T.Fatal, out))
}

func (s *sequence) one(of ...string) string { return of[s.r.IntN(len(of))] }

func (s *sequence) mail() string { return s.one("a@x.org", "B@x.org", "b@X.org", "c@x.org", "d@x.org") }
func (s *sequence) tel() string {
	return s.one("+1 206 555 0101", "(206) 555-0101", "206.555.0102", "+12065550103")
}
func (s *sequence) id() string {
	if len(s.ids) == 0 || s.r.IntN(20) == 0 {
		return "ffffffffffffffffffffffffffffffff"
	}
	return s.ids[s.r.IntN(len(s.ids))]
}

// record makes a record of a type in which each member is missing at times.
func (s *sequence) record(typeName string) string {
	m := map[string]any{}
	set := func(name string, value any) {
		if s.r.IntN(4) > 0 {
			m[name] = value
		}
	}
	number := func(prefix string) string { return prefix + s.one("1", "2", "3", "4", "5") }
	set("first", s.one("Ann", "Bea", "Cid"))
	set("mail", s.mail())
	set("tel", s.tel())
	switch typeName {
	case "Crm":
		m["id"] = number("C")
		set("last", s.one("Lund", "Berg"))
		set("tier", s.one("gold", "silver"))
		if s.r.IntN(2) == 0 {
			m["upd"] = 1700000000000 + int64(s.r.IntN(50))
		}
	case "Shop":
		m["id"] = number("S")
		set("hint", number("C"))
		set("once", number("N"))
		set("city", s.one("Bergen", "Oslo"))
	case "Registration":
		m["no"] = number("R")
		set("serial", number("SN"))
		set("name", s.one("Kettle", "Lamp"))
		set("status", s.one("new", "used"))
	case "Ticket":
		m["no"] = number("T")
		set("serial", number("SN"))
		set("title", s.one("broken", "lost"))
		if s.r.IntN(3) == 0 {
			m["person"] = s.id()
		}
	case "Order":
		m["no"] = number("O")
		m["crm"] = number("C")
		set("title", s.one("big", "small"))
		set("status", s.one("open", "sent"))
		set("cart", number("K"))
	}
	b, err := json.Marshal(m)
	if err != nil {
		s.w.T.Fatal(err)
	}
	return string(b)
}

func (s *sequence) typeName() string { return s.one("Crm", "Shop", "Registration", "Ticket", "Order") }

func (s *sequence) step() {
	s.w.Clock.Step(time.Millisecond)
	ctx, w := context.Background(), s.w
	if s.r.IntN(25) == 0 {
		s.replay()
		return
	}
	switch n := s.r.IntN(100); {
	case n < 8:
		s.create()
	case n < 16:
		s.update()
	case n < 20:
		s.merge()
	case n < 23:
		s.unmerge()
	case n < 55:
		s.put(s.typeName(), 1)
	case n < 65:
		s.put(s.typeName(), 2+s.r.IntN(4))
	case n < 70:
		key, value := s.key()
		in := &profileapi.AddProfileKeyRequest{DomainName: sequenceDomain, ProfileId: s.id(), KeyName: key, Values: []string{value, s.mail()}}
		out, err := w.Profiles.AddProfileKey(ctx, in)
		s.note(fmt.Sprint("add key ", in.KeyName, in.Values), out, err)
	case n < 75:
		key, value := s.key()
		in := &profileapi.DeleteProfileKeyRequest{DomainName: sequenceDomain, ProfileId: s.id(), KeyName: key, Values: []string{value}}
		out, err := w.Profiles.DeleteProfileKey(ctx, in)
		s.note(fmt.Sprint("delete key ", in.KeyName, in.Values), out, err)
	case n < 81:
		s.deleteObject()
	case n < 84:
		id := s.id()
		out, err := w.Profiles.DeleteProfile(ctx, &profileapi.DeleteProfileRequest{DomainName: sequenceDomain, ProfileId: id})
		s.note("delete profile "+id, out, err)
		if err == nil { // one that is merged into another is not deleted
			s.nothingLeftOf(id)
		}
	case n < 86:
		s.deleteType()
	case n < 88:
		key := s.one("", "arn:key/1", "arn:key/2")
		out, err := w.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: sequenceDomain, DefaultEncryptionKey: &key})
		s.note("update domain "+key, out, err)
	case n < 94:
		s.search()
	case n < 97:
		s.pass()
	default:
		s.list()
	}
}

func (s *sequence) merge() {
	in := &profileapi.MergeProfilesRequest{DomainName: sequenceDomain, MainProfileId: s.id(), ProfileIdsToBeMerged: []string{s.id()}}
	if s.r.IntN(3) == 0 {
		in.ProfileIdsToBeMerged = append(in.ProfileIdsToBeMerged, s.id())
	}
	if s.r.IntN(2) == 0 {
		any := func() *string {
			id := in.ProfileIdsToBeMerged[s.r.IntN(len(in.ProfileIdsToBeMerged))]
			return &id
		}
		in.FieldSourceProfileIds = &profileapi.FieldSourceProfileIds{FirstName: any(), Address: any(), Attributes: map[string]string{"tier": *any()}}
	}
	out, err := s.w.Profiles.MergeProfiles(context.Background(), in)
	if err == nil {
		s.merges = append(s.merges, (*out.Message)[len(*out.Message)-32:])
	}
	s.note(fmt.Sprint("merge ", in.MainProfileId, " ", in.ProfileIdsToBeMerged, " ", in.FieldSourceProfileIds != nil), out, err)
}

func (s *sequence) unmerge() {
	if len(s.merges) == 0 {
		return
	}
	id := s.merges[s.r.IntN(len(s.merges))]
	u, err := s.w.Profiles.Unmerge(context.Background(), sequenceDomain, id)
	if err == nil {
		for _, id := range u.Restored {
			if !slices.Contains(s.ids, id.String()) {
				s.ids = append(s.ids, id.String())
			}
		}
		u.At = time.Time{}
	}
	s.note("unmerge "+id, u, err)
}

// pass lets time pass, for days at times, and removes what has expired.
func (s *sequence) pass() {
	s.w.Clock.Step(time.Duration(s.r.IntN(60)) * time.Hour)
	s.w.Sweep()
	objects, profiles := s.w.Expired.Objects.Swap(0), s.w.Expired.Profiles.Swap(0)
	s.trace = append(s.trace, fmt.Sprintf("time passes: %d objects and %d profiles expire", objects, profiles))
	// Profiles are swept at once, and who comes second tries again: how much
	// chance that took is not the same each time.
	cryptotest.SetGlobalRandom(s.w.T.(*testing.T), s.r.Uint64())
}

func (s *sequence) key() (name, value string) {
	switch s.r.IntN(5) {
	case 0:
		return "_email", s.mail()
	case 1:
		return "_phone", s.tel()
	case 2:
		return "crmId", "C" + s.one("1", "2", "3", "4", "5")
	case 3:
		return "deviceSerial", "SN" + s.one("1", "2", "3")
	}
	return "noSuchKey", "1"
}

func (s *sequence) members() map[string]any {
	m := map[string]any{}
	for name, value := range map[string]any{"FirstName": "Ann", "LastName": "Berg", "EmailAddress": "a@x.org", "PhoneNumber": "206 555 0101",
		"AccountNumber": "C2", "Attributes": map[string]string{"tier": "gold"}, "Address": map[string]string{"City": "Oslo"}} {
		m[name] = value
	}
	names := []string{"FirstName", "LastName", "EmailAddress", "PhoneNumber", "AccountNumber", "Attributes", "Address"}
	for _, name := range names {
		if s.r.IntN(3) > 0 {
			delete(m, name)
		}
	}
	return m
}

func (s *sequence) create() {
	in := &profileapi.CreateProfileRequest{}
	b, _ := json.Marshal(s.members())
	if err := json.Unmarshal(b, in); err != nil {
		s.w.T.Fatal(err)
	}
	in.DomainName = sequenceDomain
	out, err := s.w.Profiles.CreateProfile(context.Background(), in)
	s.note("create "+string(b), out, err)
	if err == nil {
		s.ids = append(s.ids, out.ProfileId)
	}
}

func (s *sequence) update() {
	m := s.members()
	for _, name := range []string{"FirstName", "EmailAddress", "PhoneNumber"} {
		if s.r.IntN(3) == 0 {
			m[name] = ""
		}
	}
	in := &profileapi.UpdateProfileRequest{}
	b, _ := json.Marshal(m)
	if err := json.Unmarshal(b, in); err != nil {
		s.w.T.Fatal(err)
	}
	in.DomainName, in.ProfileId = sequenceDomain, s.id()
	out, err := s.w.Profiles.UpdateProfile(context.Background(), in)
	s.note("update "+in.ProfileId+" "+string(b), out, err)
}

func (s *sequence) put(typeName string, n int) {
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = s.record(typeName)
	}
	results, err := s.w.Ingest.Put(context.Background(), sequenceDomain, typeName, bodies)
	what := "put " + typeName + " " + strings.Join(bodies, " ")
	if err != nil {
		s.note(what, nil, err)
		return
	}
	for i, r := range results {
		s.note(fmt.Sprint(what, " #", i), struct {
			Profile, Unique, Letter string
		}{r.Profile.String(), r.UniqueKey, r.Letter}, r.Err)
		if id := r.Profile.String(); r.Err == nil && !slices.Contains(s.ids, id) {
			s.ids = append(s.ids, id)
		}
	}
}

func (s *sequence) deleteObject() {
	id, typeName := s.id(), s.typeName()
	list, err := s.w.Profiles.ListProfileObjects(context.Background(), &profileapi.ListProfileObjectsRequest{DomainName: sequenceDomain, ProfileId: id, ObjectTypeName: typeName})
	if err != nil || len(list.Items) == 0 {
		s.note("nothing to delete", nil, err)
		return
	}
	in := &profileapi.DeleteProfileObjectRequest{DomainName: sequenceDomain, ProfileId: id, ObjectTypeName: typeName,
		ProfileObjectUniqueKey: *list.Items[s.r.IntN(len(list.Items))].ProfileObjectUniqueKey}
	out, err := s.w.Profiles.DeleteProfileObject(context.Background(), in)
	s.note("delete object "+id+" "+typeName, out, err)
}

func (s *sequence) deleteType() {
	name := s.typeName()
	out, err := s.w.TypeService.DeleteProfileObjectType(context.Background(), &profileapi.DeleteProfileObjectTypeRequest{DomainName: sequenceDomain, ObjectTypeName: name})
	s.note("delete type "+name, out, err)
	d := sequenceTypes[name]
	if s.r.IntN(2) == 0 {
		d.Key = "arn:key/own"
	}
	s.w.Clock.Step(time.Millisecond)
	s.w.PutType(sequenceDomain, name, d)
}

func (s *sequence) search() {
	key, value := s.key()
	other, more := s.key()
	in := &profileapi.SearchProfilesRequest{DomainName: sequenceDomain, KeyName: key, Values: []string{value},
		AdditionalSearchKeys: []profileapi.AdditionalSearchKey{{KeyName: other, Values: []string{more, value}}}}
	operator := s.one("AND", "OR")
	in.LogicalOperator = &operator
	out, err := s.w.Profiles.SearchProfiles(context.Background(), in)
	s.note(fmt.Sprint("search ", key, value, operator, other, more), out, err)
}

func (s *sequence) list() {
	in := &profileapi.ListProfileObjectsRequest{DomainName: sequenceDomain, ProfileId: s.id(),
		ObjectTypeName: s.one("Crm", "Shop", "Registration", "Ticket", "Order", "_asset", "_case", "_order")}
	if s.r.IntN(2) == 0 {
		in.ObjectFilter = &profileapi.ObjectFilter{KeyName: "deviceSerial", Values: []string{"SN1", "SN2"}}
	}
	out, err := s.w.Profiles.ListProfileObjects(context.Background(), in)
	s.note("list "+in.ObjectTypeName+" of "+in.ProfileId, out, err)
}

// nothingLeftOf checks that no key and no readable value names a profile.
func (s *sequence) nothingLeftOf(text string) {
	id, ok := profile.ParseID(text)
	if !ok {
		return
	}
	for _, rec := range ingesttest.Dump(s.w.T, s.w.Store) {
		if bytes.Contains(rec.Key.Partition, id[:]) || bytes.Contains(rec.Key.Sort, id[:]) || bytes.Equal(rec.Value, id[:]) {
			s.w.T.Fatalf("after DeleteProfile %s there is still %x/%x", text, rec.Key.Partition, rec.Key.Sort)
		}
	}
}

func (s *sequence) verify(seed uint64) {
	s.w.T.Helper()
	found, err := profile.Verify(context.Background(), s.w.Domains, sequenceDomain)
	if err != nil {
		s.w.T.Fatal(err)
	}
	if len(found) > 0 {
		s.w.T.Fatalf("seed %d: %s\nafter\n%s", seed, strings.Join(found, "\n"), strings.Join(s.trace[max(0, len(s.trace)-12):], "\n"))
	}
}

// run goes through a sequence and checks the store every few steps.
func (s *sequence) run(seed uint64, steps int) {
	for i := range steps {
		s.step()
		if i%5 == 4 || i == steps-1 {
			s.verify(seed)
		}
	}
}

// TestInvariant6ProfilesAreFolds: after every few calls of a random sequence,
// profiles, standard objects, index, unique keys and totals are exactly what the
// contributions say.
func TestInvariant6ProfilesAreFolds(t *testing.T) {
	for round := range 4 {
		seed := seedOf(t, round)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { newSequence(t, ingesttest.Memory, seed).run(seed, 250) })
	}
}

// TestInvariant7SameOnBothEngines: the same sequence gives the same answers,
// order and errors on the memory engine and on the embedded one.
func TestInvariant7SameOnBothEngines(t *testing.T) {
	for round := range 2 {
		seed := seedOf(t, round)
		traces := map[string][]string{}
		for name, engine := range map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble} {
			t.Run(fmt.Sprint(name, " seed ", seed), func(t *testing.T) {
				s := newSequence(t, engine, seed)
				s.run(seed, 200)
				traces[name] = s.trace
			})
		}
		for i, line := range traces["memory"] {
			if other := traces["pebble"]; i >= len(other) || other[i] != line {
				t.Fatalf("seed %d, step %d: in memory\n%s\nembedded\n%s", seed, i, line, other[min(i, len(other)-1)])
			}
		}
	}
}

// TestInvariant6DeletedDomainLeavesNothing: after DeleteDomain no key and no
// value names the domain.
func TestInvariant6DeletedDomainLeavesNothing(t *testing.T) {
	for name, engine := range map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble} {
		t.Run(name, func(t *testing.T) {
			s := newSequence(t, engine, 1)
			s.w.NewDomain("other")
			before := len(ingesttest.Dump(t, s.w.Store))
			for range 60 {
				s.step()
			}
			cfg, err := s.w.Domains.Config(context.Background(), sequenceDomain)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(ingesttest.Dump(t, s.w.Store)); n <= before {
				t.Fatalf("the sequence left %d records", n)
			}
			if _, err := s.w.Domain.DeleteDomain(context.Background(), &profileapi.DeleteDomainRequest{DomainName: sequenceDomain}); err != nil {
				t.Fatal(err)
			}
			for _, rec := range ingesttest.Dump(t, s.w.Store) {
				if bytes.Contains(rec.Key.Partition, cfg.ID[:]) || bytes.Contains(rec.Key.Sort, cfg.ID[:]) || bytes.Contains(rec.Value, cfg.ID[:]) ||
					bytes.Contains(rec.Key.Sort, []byte(sequenceDomain)) {
					t.Errorf("there is still %q/%q", rec.Key.Partition, rec.Key.Sort)
				}
			}
			if _, err := s.w.Domains.Config(context.Background(), "other"); err != nil {
				t.Errorf("another domain: %v", err)
			}
		})
	}
}
