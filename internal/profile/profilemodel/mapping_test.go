package profilemodel_test

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kindred/internal/ingest/ingesttest"
)

// objectTypes are the object types of the sequences, each in several forms. The
// first is the usual one. There are keys of every kind, sources with and without
// priority and time, and targets on three standard objects.
var objectTypes = map[string][]ingesttest.Type{
	"Crm": {crm, with(crm, func(t *ingesttest.Type) { t.Priority, t.Max = 3, 3 }), with(crm, func(t *ingesttest.Type) { delete(t.Keys, "_email") })},
	"Shop": {shop, with(shop, func(t *ingesttest.Type) { t.Max, t.Days = 2, 4 }), with(shop, func(t *ingesttest.Type) { t.Priority = 0; delete(t.Fields, "city"); delete(t.Keys, "placeId") }),
		with(shop, func(t *ingesttest.Type) { t.Create = false })},
	"Registration": {registration, with(registration, func(t *ingesttest.Type) { t.Max, t.Priority = 4, 1 })},
	"Ticket":       {ticket, with(ticket, func(t *ingesttest.Type) { t.Create = true })},
	"Order":        {order, with(order, func(t *ingesttest.Type) { t.Priority, t.Days, t.Create = 5, 0, false })},
}

var typeNames = slices.Sorted(maps.Keys(objectTypes))

var (
	crm = ingesttest.Type{Create: true, Max: 2, Format: "EpochMilli", Fields: map[string]string{"id": "id>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"tel": "tel>_profile.PhoneNumber|PHONE_NUMBER", "first": "first>_profile.FirstName|NAME", "last": "last>_profile.LastName|NAME",
		"whole": "{{_source.first}} {{_source.last}}|NAME", "tier": "tier>_profile.Attributes.tier", "upd": "upd>_profile.SourceLastUpdatedTimestamp"},
		Keys: map[string]string{"crmId": "PROFILE,UNIQUE:id", "_email": "PROFILE,SECONDARY:mail", "_phone": ":tel", "_fullName": ":whole"}}
	shop = ingesttest.Type{Create: true, Priority: 2, Fields: map[string]string{"id": "id", "mail": "mail>_profile.PersonalEmailAddress|EMAIL_ADDRESS",
		"hint": "hint", "once": "once", "nick": "nick|NAME", "first": "first>_profile.FirstName", "city": "city>_profile.Address.City", "zip": "zip>_profile.Address.PostalCode"},
		Keys: map[string]string{"shopId": "UNIQUE:id", "crmId": "PROFILE,LOOKUP_ONLY:hint", "_email": "PROFILE:mail", "onceId": "PROFILE,NEW_ONLY:once",
			"placeId": "PROFILE,SECONDARY:nick,once;:city"}}
	registration = ingesttest.Type{Create: true, Days: 3, Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "serial": "serial>_asset.SerialNumber",
		"name": "name>_asset.AssetName", "status": "status>_asset.Status"},
		Keys: map[string]string{"registrationNo": "UNIQUE:no", "deviceSerial": "ASSET:serial", "_email": "PROFILE:mail"}}
	ticket = ingesttest.Type{Days: 1, Max: 1, Fields: map[string]string{"no": "no", "tel": "tel|PHONE_NUMBER", "serial": "serial", "title": "title>_case.Title", "person": "person"},
		Keys: map[string]string{"repairNo": "CASE,UNIQUE:no", "deviceSerial": "ASSET:serial", "_phone": "PROFILE:tel", "_profileId": "PROFILE,LOOKUP_ONLY:person"}}
	order = ingesttest.Type{Create: true, Priority: 1, Days: 5, Fields: map[string]string{"no": "no", "crm": "crm", "title": "{{_source.title}}>_order.Name", "first": "first>_profile.FirstName",
		"status": "status>_order.Status", "cart": "cart"},
		Keys: map[string]string{"orderNo": "UNIQUE,ORDER:no", "cartNo": "ORDER:cart", "crmId": "PROFILE:crm"}}
)

func with(t ingesttest.Type, edit func(*ingesttest.Type)) ingesttest.Type {
	t.Fields, t.Keys = maps.Clone(t.Fields), maps.Clone(t.Keys)
	edit(&t)
	return t
}

// key is an identifier: the name of a key and a normalised value.
type key struct{ name, value string }

// keyed is a key that a record has, with its identifiers.
type keyed struct {
	key
	unique, profile, secondary, lookupOnly, newOnly bool
	kind                                            string // of standard object that it finds; empty if none
}

// mapped is what a record means.
type mapped struct {
	typ, unique, body string
	refused           string // why it means nothing
	values            map[string]string
	parts             map[string]map[string]string // by kind of standard object
	keys              []keyed                      // in the order in which they are tried
	source            int64                        // microseconds, 0 if the record gives no time
	email, phone      string
}

var sourceName = regexp.MustCompile(`_source\.(\w+)`)

// fieldOf takes a field of a type apart.
func fieldOf(text string) (sources []string, target, contentType string) {
	text, contentType, _ = strings.Cut(text, "|")
	source, target, _ := strings.Cut(text, ">")
	if !strings.Contains(source, "{{") {
		return []string{source}, target, contentType
	}
	for _, m := range sourceName.FindAllStringSubmatch(source, -1) {
		sources = append(sources, m[1])
	}
	return sources, target, contentType
}

var kinds = map[string]string{"ASSET": "_asset", "CASE": "_case", "ORDER": "_order"}

// mapRecord maps a record by its type.
func mapRecord(name string, t ingesttest.Type, body string, record map[string]string) *mapped {
	m := &mapped{typ: name, body: body, values: map[string]string{}, parts: map[string]map[string]string{}}
	text := func(field string) string {
		sources, _, _ := fieldOf(t.Fields[field])
		var parts []string
		for _, s := range sources {
			parts = append(parts, record[s])
		}
		if all := strings.Join(parts, " "); strings.TrimSpace(all) != "" {
			return all
		}
		return ""
	}
	for name, defs := range t.Keys {
		for def := range strings.SplitSeq(defs, ";") {
			m.addKey(t, name, def, text)
		}
	}
	slices.SortStableFunc(m.keys, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.name, b.name))
	})
	if m.unique == "" || !slices.ContainsFunc(m.keys, func(k keyed) bool { return k.profile }) {
		m.refused = "Invalid: The UNIQUE key or PROFILE key does not exist in the profile object"
	}
	for _, field := range slices.Sorted(maps.Keys(t.Fields)) {
		m.addValue(t, field, text(field))
	}
	for kind := range m.parts {
		if !slices.ContainsFunc(m.keys, func(k keyed) bool { return k.kind == kind }) {
			delete(m.parts, kind) // could never be found again
		}
	}
	for _, k := range m.keys {
		if k.kind != "" && m.parts[k.kind] == nil {
			m.parts[k.kind] = map[string]string{}
		}
	}
	return m
}

// place is when a key is tried: the UNIQUE one, the profile's id, those of the
// domain, the predefined ones; SECONDARY after all others.
func place(k keyed) int {
	n := 2
	switch i := slices.Index([]string{"_account", "_email", "_phone", "_fullName"}, k.name); {
	case k.unique:
		n = 0
	case k.name == "_profileId":
		n = 1
	case i >= 0:
		n = 3 + i
	}
	if k.secondary {
		n += 10
	}
	return n
}

func (m *mapped) addKey(t ingesttest.Type, name, def string, text func(string) string) {
	identifiers, fields, _ := strings.Cut(def, ":")
	k := keyed{key: key{name: name}}
	for id := range strings.SplitSeq(identifiers, ",") {
		switch id {
		case "UNIQUE":
			k.unique = true
		case "PROFILE":
			k.profile = true
		case "SECONDARY":
			k.secondary = true
		case "LOOKUP_ONLY":
			k.lookupOnly = true
		case "NEW_ONLY":
			k.newOnly = true
		case "":
		default:
			k.kind = kinds[id]
		}
	}
	var values []string
	missing := false
	for f := range strings.SplitSeq(fields, ",") {
		_, _, contentType := fieldOf(t.Fields[f])
		if v := normal(contentType, text(f)); v != "" {
			values = append(values, v)
		} else {
			missing = true
		}
	}
	if len(values) == 0 || missing && (k.profile || k.kind != "") && !k.unique {
		return
	}
	k.value = strings.Join(values, " ")
	if k.unique {
		m.unique = k.value
	}
	m.keys = append(m.keys, k)
}

func (m *mapped) addValue(t ingesttest.Type, field, text string) {
	_, target, contentType := fieldOf(t.Fields[field])
	if text == "" {
		return
	}
	if contentType == "EMAIL_ADDRESS" && m.email == "" {
		m.email = text
	}
	if contentType == "PHONE_NUMBER" && m.phone == "" {
		m.phone = text
	}
	object, path, _ := strings.Cut(target, ".")
	switch {
	case path == "SourceLastUpdatedTimestamp":
		ms, _ := strconv.ParseInt(text, 10, 64)
		m.source = ms * 1000
	case object == "_profile":
		m.values[path] = text
	case object != "":
		if m.parts[object] == nil {
			m.parts[object] = map[string]string{}
		}
		m.parts[object][path] = text
	}
}

// normal is the form in which a value is compared.
func normal(contentType, text string) string {
	switch contentType {
	case "EMAIL_ADDRESS":
		return strings.ToLower(strings.TrimSpace(text))
	case "NAME":
		return strings.ToLower(strings.Join(strings.Fields(text), " "))
	case "PHONE_NUMBER":
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text)
		if len(digits) == 10 {
			digits = "1" + digits
		}
		if digits == "" {
			return ""
		}
		return "+" + digits
	}
	return text
}

// predefined are the content types of the keys that every domain knows.
var predefined = map[string]string{"_profileId": "", "_account": "", "_email": "EMAIL_ADDRESS", "_phone": "PHONE_NUMBER", "_fullName": "NAME",
	"_assetId": "", "_assetName": "", "_serialNumber": "", "_caseId": "", "_orderId": ""}

// forms are the normal forms of a value under a key, one or more for each way in which the
// domain defines the key; known is false if it does not.
func (m *model) forms(name, text string) (forms []string, known bool) {
	add := func(types []string) {
		known = true
		form := text
		words := strings.Fields(text)
		switch alike := !slices.ContainsFunc(types, func(t string) bool { return t != types[0] }); {
		case alike:
			form = normal(types[0], text)
		case len(words) == len(types):
			for i := range words {
				words[i] = normal(types[i], words[i])
			}
			form = strings.Join(words, " ")
		}
		if form != "" && !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	for _, t := range m.types {
		if t.Keys[name] == "" {
			continue
		}
		for def := range strings.SplitSeq(t.Keys[name], ";") {
			_, fields, _ := strings.Cut(def, ":")
			var types []string
			for f := range strings.SplitSeq(fields, ",") {
				_, _, contentType := fieldOf(t.Fields[f])
				types = append(types, contentType)
			}
			add(types)
		}
	}
	if t, ok := predefined[name]; ok {
		add([]string{t})
	}
	return forms, known
}
