package profilemodel_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// step is one call, or something else that happens, as data. Profiles and merges are named
// for the step that makes them: P12, M40. A name that nothing has is that of nobody.
type step struct {
	ID       string              `json:"id"` // what it makes is named for it
	Op       string              `json:"op"`
	Profiles []string            `json:"profiles,omitempty"`
	Type     string              `json:"type,omitempty"`
	Form     int                 `json:"form,omitempty"` // of the object type
	Records  []map[string]string `json:"records,omitempty"`
	Members  map[string]string   `json:"members,omitempty"` // of a profile, by path; of a merge, the profile for each field
	Keys     []searchKey         `json:"keys,omitempty"`
	And      bool                `json:"and,omitempty"`
	Page     int                 `json:"page,omitempty"`
	Name     string              `json:"name,omitempty"` // of a merge, a domain, an object
	Hours    int                 `json:"hours,omitempty"`
}

// searchKey is a key with values.
type searchKey struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

func (s step) String() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// generator makes steps. It looks at the model only to name what there is.
type generator struct {
	r *rand.Rand
	m *model
	n int
}

func (g *generator) one(of ...string) string { return of[g.r.IntN(len(of))] }

func (g *generator) chance(oneIn int) bool { return g.r.IntN(oneIn) == 0 }

func (g *generator) mail() string {
	return g.one("a@x.org", "B@x.org", "b@X.org", "c@x.org", "d@x.org")
}

func (g *generator) tel() string {
	return g.one("+1 206 555 0101", "(206) 555-0101", "206.555.0102", "+12065550103")
}

func (g *generator) number(prefix string) string { return prefix + g.one("1", "2", "3", "4", "5") }

// profile names one that there is, most often one that clients see.
func (g *generator) profile() string {
	seen := g.m.seen()
	switch n := g.r.IntN(20); {
	case n == 0 || len(seen) == 0:
		return "nobody"
	case n < 3:
		var known []string
		for _, p := range g.m.profiles {
			if g.m.ids[p.name] != "" {
				known = append(known, p.name)
			}
		}
		return g.one(known...)
	}
	return seen[g.r.IntN(len(seen))].name
}

// step makes the next one.
func (g *generator) step() step {
	g.n++
	s := step{ID: strconv.Itoa(g.n)}
	switch n := g.r.IntN(100); {
	case n < 7:
		s.Op, s.Members = "create", g.members()
	case n < 14:
		s.Op, s.Profiles, s.Members = "update", []string{g.profile()}, g.members()
		for _, path := range []string{"FirstName", "EmailAddress", "PhoneNumber", "Address.City"} {
			if g.chance(4) {
				s.Members[path] = ""
			}
		}
	case n < 19:
		g.merge(&s)
	case n < 22:
		s.Op, s.Name = "unmerge", "M0"
		if len(g.m.merges) > 0 {
			s.Name = g.m.merges[g.r.IntN(len(g.m.merges))].name
		}
	case n < 55:
		s.Op, s.Type = "put", g.one(typeNames...)
		s.Records = []map[string]string{g.record(s.Type)}
	case n < 63:
		s.Op, s.Type = "batch", g.one(typeNames...)
		for range 2 + g.r.IntN(4) {
			s.Records = append(s.Records, g.record(s.Type))
		}
	case n < 67:
		s.Op, s.Profiles, s.Keys = "add key", []string{g.profile()}, []searchKey{g.key()}
	case n < 71:
		s.Op, s.Profiles, s.Keys = "delete key", []string{g.profile()}, []searchKey{g.key()}
	case n < 75:
		g.deleteObject(&s)
	case n < 78:
		s.Op, s.Profiles = "delete profile", []string{g.profile()}
	case n < 80:
		s.Op, s.Type = "delete type", g.one(typeNames...)
	case n < 84:
		s.Op, s.Type = "put type", g.one(typeNames...)
		for _, name := range typeNames {
			if _, there := g.m.types[name]; !there {
				s.Type = name
			}
		}
		s.Form = g.r.IntN(len(objectTypes[s.Type]))
	case n < 85:
		s.Op, s.Name = "rename", g.one("chain", "second", "third")
	case n < 90:
		s.Op, s.Page, s.And = "search", 1+g.r.IntN(4), g.chance(2)
		for range 1 + g.r.IntN(3) {
			s.Keys = append(s.Keys, g.key())
		}
	case n < 93:
		g.list(&s)
	case n < 95:
		s.Op, s.Profiles = "get", []string{g.profile(), g.profile(), g.profile()}
	case n < 98:
		s.Op, s.Hours = "pass", 1+g.r.IntN(60)
	default:
		s.Op = "look"
	}
	return s
}

func (g *generator) members() map[string]string {
	m := map[string]string{}
	for _, member := range [][]string{{"FirstName", "Ann", "Bea"}, {"LastName", "Berg", "Lund"}, {"EmailAddress", "a@x.org", "B@x.org"}, {"PhoneNumber", "206 555 0101"},
		{"MobilePhoneNumber", "206 555 0102"}, {"AccountNumber", "C2"}, {"Attributes.tier", "gold"}, {"Attributes.size", "XL"}, {"Address.City", "Oslo"}, {"Address.Country", "NO"}} {
		if g.chance(4) {
			m[member[0]] = g.one(member[1:]...)
		}
	}
	return m
}

// record makes a record of a type in which each member is missing at times.
func (g *generator) record(typ string) map[string]string {
	m := map[string]string{}
	set := func(name, value string) {
		if !g.chance(4) {
			m[name] = value
		}
	}
	set("first", g.one("Ann", "Bea", "Cid"))
	set("mail", g.mail())
	set("tel", g.tel())
	switch typ {
	case "Crm":
		m["id"] = g.number("C")
		set("last", g.one("Lund", "Berg"))
		set("tier", g.one("gold", "silver"))
		if g.chance(2) {
			m["upd"] = strconv.Itoa(1700000000000 + g.r.IntN(50))
		}
	case "Shop":
		m["id"] = g.number("S")
		set("hint", g.number("C"))
		set("once", g.number("N"))
		set("nick", g.one("Bo", "BO", "Li"))
		set("city", g.one("Bergen", "Oslo", "bo N1"))
		set("zip", g.one("5003", "0150"))
	case "Registration":
		m["no"] = g.number("R")
		set("serial", g.number("SN"))
		set("name", g.one("Kettle", "Lamp"))
		set("status", g.one("new", "used"))
	case "Ticket":
		m["no"] = g.number("T")
		set("serial", g.number("SN"))
		set("title", g.one("broken", "lost"))
		if g.chance(3) {
			m["person"] = g.profile()
		}
	case "Order":
		m["no"] = g.number("O")
		set("crm", g.number("C"))
		set("title", g.one("big", "small"))
		set("status", g.one("open", "sent"))
		set("cart", g.number("K"))
	}
	if g.chance(30) {
		m = map[string]string{"mail": g.mail()} // without what it must have
	}
	return m
}

func (g *generator) key() searchKey {
	k := searchKey{g.one("_email", "_email", "_phone", "crmId", "deviceSerial", "_fullName", "_profileId", "placeId", "onceId", "_serialNumber", "_assetName", "_account", "cartNo", "noSuchKey"), nil}
	for range 1 + g.r.IntN(2) {
		k.Values = append(k.Values, g.value(k.Name))
	}
	return k
}

func (g *generator) value(key string) string {
	switch key {
	case "_email":
		return g.mail()
	case "_phone":
		return g.tel()
	case "crmId", "_account":
		return g.number("C")
	case "deviceSerial", "_serialNumber":
		return g.number("SN")
	case "_fullName":
		return g.one("ann lund", "Ann  Berg", "bea", "Cid Lund", "ann")
	case "_profileId":
		return g.profile()
	case "placeId":
		return g.one("bo N1", "Bo N1", "BO N2", "Li N3", "Oslo", "Bergen")
	case "onceId":
		return g.number("N")
	case "_assetName":
		return g.one("Kettle", "Lamp")
	case "cartNo":
		return g.number("K")
	}
	return "1"
}

func (g *generator) merge(s *step) {
	s.Op, s.Profiles = "merge", []string{g.profile(), g.profile()}
	if g.chance(3) {
		s.Profiles = append(s.Profiles, g.profile())
	}
	s.Members = map[string]string{}
	for _, name := range []string{"FirstName", "EmailAddress", "Address", "Attributes.tier"} {
		if g.chance(4) {
			s.Members[name] = g.one(s.Profiles...)
		}
	}
}

func (g *generator) deleteObject(s *step) {
	s.Op, s.Profiles, s.Type, s.Name = "delete object", []string{g.profile()}, g.one(typeNames...), "none"
	var objects []*object
	for _, p := range g.m.profiles {
		if !p.gone() {
			objects = append(objects, p.objects...)
		}
	}
	if len(objects) > 0 && !g.chance(10) {
		o := objects[g.r.IntN(len(objects))]
		p, _ := g.m.owner(o.typ, o.unique)
		s.Type, s.Name, s.Profiles = o.typ, o.unique, []string{g.m.root(p).name}
	}
}

func (g *generator) list(s *step) {
	s.Op, s.Profiles, s.Page = "list", []string{g.profile()}, 1+g.r.IntN(3)
	s.Type = g.one(append(slices.Clone(typeNames), "_asset", "_case", "_order", "NoSuchType")...)
	if g.chance(2) {
		s.Keys = []searchKey{g.key()}
	}
}

// text is the record of a step as it is sent: a person is named by its id.
func text(record map[string]string, id func(name string) string) string {
	sent := map[string]string{}
	for name, value := range record {
		if sent[name] = value; name == "person" {
			sent[name] = id(value)
		}
	}
	b, err := json.Marshal(sent)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// script is a sequence to be read, a step a line.
func script(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintln(&b, "  ", s)
	}
	return b.String()
}
