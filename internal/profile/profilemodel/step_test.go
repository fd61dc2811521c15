package profilemodel_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
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
	Form     int                 `json:"form,omitempty"` // of the object type; of ingestion, 1 is by the API
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

// generator makes steps. It looks at the model only to name what there is. Each
// seed has its own habits: what happens often in its sequence and what never does,
// and of how few values there are.
type generator struct {
	r      *rand.Rand
	m      *model
	n      int
	kinds  []kind
	values int // of each key
}

// kind is a kind of step, of which there are so many among all.
type kind struct {
	often int
	make  func(*step)
}

func newGenerator(seed uint64, m *model) *generator {
	g := &generator{r: rand.New(rand.NewPCG(seed, 3)), m: m}
	g.values = 1 + g.r.IntN(5)
	g.kinds = []kind{{7, g.create}, {7, g.update}, {10, g.merge}, {9, g.unmerge}, {33, g.put}, {8, g.batch}, {4, g.addKey}, {4, g.deleteKey}, {4, g.deleteObject},
		{3, g.deleteProfile}, {2, g.deleteType}, {4, g.putType}, {1, g.rename}, {5, g.search}, {3, g.list}, {2, g.get}, {3, g.pass}}
	for i := range g.kinds {
		g.kinds[i].often *= []int{0, 1, 1, 2, 4}[g.r.IntN(5)]
	}
	g.kinds[4].often += 10 // something always comes
	return g
}

// step makes the next one.
func (g *generator) step() step {
	g.n++
	s := step{ID: strconv.Itoa(g.n)}
	all := 0
	for _, k := range g.kinds {
		all += k.often
	}
	n := g.r.IntN(all)
	for _, k := range g.kinds {
		if n -= k.often; n < 0 {
			k.make(&s)
			return s
		}
	}
	return s
}

func (g *generator) one(of ...string) string { return of[g.r.IntN(len(of))] }

// few is one of as few as there are of each key.
func (g *generator) few(of ...string) string { return g.one(of[:min(len(of), g.values)]...) }

func (g *generator) chance(oneIn int) bool { return g.r.IntN(oneIn) == 0 }

func (g *generator) mail() string {
	return g.few("a@x.org", "B@x.org", "b@X.org", "c@x.org", "d@x.org")
}

func (g *generator) tel() string {
	return g.few("+1 206 555 0101", "(206) 555-0101", "206.555.0102", "+12065550103")
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

func (g *generator) create(s *step) { s.Op, s.Members = "create", g.members() }

func (g *generator) update(s *step) {
	s.Op, s.Profiles, s.Members = "update", []string{g.profile()}, g.members()
	for _, path := range []string{"FirstName", "EmailAddress", "PhoneNumber", "Address.City"} {
		if g.chance(4) {
			s.Members[path] = ""
		}
	}
}

func (g *generator) unmerge(s *step) {
	s.Op, s.Name = "unmerge", "M0"
	var standing []string
	for _, m := range g.m.merges {
		if !m.undone && !m.main.gone() {
			standing = append(standing, m.name)
			for _, p := range g.m.members(g.m.root(m.main)) {
				if len(p.hits) > 0 { // the more depends on it, the better
					standing = append(standing, m.name, m.name)
				}
			}
		}
	}
	switch n := len(g.m.merges); {
	case len(standing) > 0 && !g.chance(5):
		s.Name = g.one(standing...)
	case n > 0:
		s.Name = g.m.merges[g.r.IntN(n)].name
	}
}

func (g *generator) put(s *step) {
	s.Op, s.Type, s.Form = "put", g.one(typeNames...), g.r.IntN(2)
	s.Records = []map[string]string{g.record(s.Type)}
}

func (g *generator) batch(s *step) {
	s.Op, s.Type, s.Form = "batch", g.one(typeNames...), g.r.IntN(2)
	for range 2 + g.r.IntN(4) {
		if r := g.record(s.Type); s.Form == 0 || !slices.ContainsFunc(s.Records, func(other map[string]string) bool { return other["id"] == r["id"] && other["no"] == r["no"] }) {
			s.Records = append(s.Records, r) // the API does not tell where one was between
		}
	}
}

func (g *generator) addKey(s *step) {
	s.Op, s.Profiles, s.Keys = "add key", []string{g.profile()}, []searchKey{g.key()}
}

func (g *generator) deleteKey(s *step) {
	s.Op, s.Profiles, s.Keys = "delete key", []string{g.profile()}, []searchKey{g.key()}
}

func (g *generator) deleteProfile(s *step) {
	s.Op, s.Profiles = "delete profile", []string{g.profile()}
}

func (g *generator) deleteType(s *step) { s.Op, s.Type = "delete type", g.one(typeNames...) }

// putType brings back a type that has been deleted, or replaces one.
func (g *generator) putType(s *step) {
	s.Op, s.Type = "put type", g.one(typeNames...)
	for _, name := range typeNames {
		if _, there := g.m.types[name]; !there {
			s.Type = name
		}
	}
	s.Form = g.r.IntN(len(objectTypes[s.Type]))
}

func (g *generator) rename(s *step) { s.Op, s.Name = "rename", g.one("chain", "second", "third") }

func (g *generator) search(s *step) {
	s.Op, s.Page, s.And = "search", 1+g.r.IntN(4), g.chance(2)
	for range 1 + g.r.IntN(3) {
		s.Keys = append(s.Keys, g.key())
	}
}

func (g *generator) get(s *step) {
	s.Op, s.Profiles = "get", []string{g.profile(), g.profile(), g.profile()}
}

func (g *generator) pass(s *step) { s.Op, s.Hours = "pass", 1+g.r.IntN(60) }

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
		set("hint", "C"+g.few("1", "2", "3", "4", "5"))
		set("once", "N"+g.few("1", "2", "3", "4", "5"))
		set("nick", g.one("Bo", "BO", "Li"))
		set("city", g.one("Bergen", "Oslo", "bo N1"))
		set("zip", g.one("5003", "0150"))
	case "Registration":
		m["no"] = g.number("R")
		set("serial", "SN"+g.few("1", "2", "3", "4", "5"))
		set("name", g.one("Kettle", "Lamp"))
		set("status", g.one("new", "used"))
	case "Ticket":
		m["no"] = g.number("T")
		set("serial", "SN"+g.few("1", "2", "3", "4", "5"))
		set("title", g.one("broken", "lost"))
		if g.chance(3) {
			m["person"] = g.profile()
		}
	case "Order":
		m["no"] = g.number("O")
		set("crm", "C"+g.few("1", "2", "3", "4", "5"))
		set("title", g.one("big", "small"))
		set("status", g.one("open", "sent"))
		set("cart", "K"+g.few("1", "2", "3", "4", "5"))
	}
	if shared := g.shared(); len(shared) > 0 && g.chance(2) {
		k := shared[g.r.IntN(len(shared))]
		for name, member := range map[string][]string{"_email": {"mail"}, "_phone": {"tel"}, "crmId": {"crm", "hint"}, "onceId": {"once"}} {
			for _, field := range member {
				if k.name == name {
					m[field] = k.value
				}
			}
		}
	}
	if g.chance(30) {
		m = map[string]string{"mail": g.mail()} // without what it must have
	}
	return m
}

// shared are the keys that several profiles have which have been merged: a record
// that has one finds its way because of that.
func (g *generator) shared() (keys []key) {
	for _, p := range g.m.profiles {
		if p.gone() || g.m.root(p) == p {
			continue
		}
		for k := range p.matching() {
			for _, q := range g.m.members(g.m.root(p)) {
				if p != q && q.matching()[k] && !slices.Contains(keys, k) {
					keys = append(keys, k)
				}
			}
		}
	}
	sortKeys(keys)
	return keys
}

func sortKeys(keys []key) {
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.value, b.value)) })
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

// alike are two profiles that have a key in common, most often, as are merged.
func (g *generator) alike() []string {
	have := map[key][]string{}
	for _, p := range g.m.profiles {
		for k := range p.matching() {
			if root := g.m.root(p).name; !p.gone() && !slices.Contains(have[k], root) {
				have[k] = append(have[k], root)
			}
		}
	}
	maps.DeleteFunc(have, func(_ key, names []string) bool { return len(names) < 2 })
	if len(have) == 0 || g.chance(4) {
		return []string{g.profile(), g.profile()}
	}
	keys := slices.Collect(maps.Keys(have))
	sortKeys(keys)
	names := have[keys[g.r.IntN(len(keys))]]
	g.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	if len(names) == 3 && g.chance(2) {
		return names
	}
	return names[:2]
}

func (g *generator) merge(s *step) {
	s.Op, s.Profiles = "merge", g.alike()
	if g.chance(3) {
		s.Profiles = append(s.Profiles, g.profile())
	}
	s.Members = map[string]string{}
	for _, name := range []string{"FirstName", "EmailAddress", "Address", "Attributes.tier"} {
		if g.chance(4) {
			s.Members[name] = g.one(s.Profiles...)
		}
		if g.chance(100) {
			s.Members[name] = g.profile()
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
