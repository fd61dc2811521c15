package objecttype

import (
	"cmp"
	"maps"
	"slices"

	"kindred/internal/content"
	"kindred/internal/mapping"
	"kindred/internal/standard"
)

// Compiled is a definition ready to map records, safe for concurrent use.
type Compiled struct {
	fields  []field
	objects []objectPlan
	keys    []keyPlan
	times   []timePlan
	emails  []int // fields by content type, for the automatic fill
	phones  []int
	targets int // how many values a record can have
}

// field is a source to be evaluated: one that a target, a key or the automatic
// fill needs.
type field struct {
	name   string
	source *mapping.Source
	// fits restricts a field that shares its source with a field of another
	// content type.
	fits func(string) bool
}

// objectPlan says how a standard object is filled.
type objectPlan struct {
	object     *standard.Object
	identifier Identifier
	targets    []target // by path, then by the name of the field
	templated  bool     // some paths depend on the record
}

type target struct {
	field int
	path  string         // empty when templated
	to    mapping.Target // what it was written as
	std   standard.Field
	twin  bool // writes the text beside an enumeration, as it came
}

type keyPlan struct {
	name        string
	def         int
	identifiers Set
	fields      []int
	types       []content.Type
}

// timePlan is a field that holds the time of the record.
type timePlan struct {
	field  int
	format *mapping.TimeFormat // nil: ISO 8601 or milliseconds
}

// Compile prepares a definition. It needs not to be valid for a domain, but
// its fields and keys must be well formed; the errors are those of Validate.
func Compile(def *Definition) (*Compiled, error) {
	b := builder{c: &Compiled{}, parsed: make(map[string]*parsedField, len(def.Fields)), index: map[string]int{}}
	for _, name := range slices.Sorted(maps.Keys(def.Fields)) {
		f, err := parseField(name, def.Fields[name])
		if err != nil {
			return nil, err
		}
		b.parsed[name] = f
	}
	keys, err := parseKeys(def, b.parsed)
	if err != nil {
		return nil, err
	}
	b.plan(keys)
	for _, k := range keys {
		b.key(k)
	}
	return b.c, b.targets(def)
}

type builder struct {
	c      *Compiled
	parsed map[string]*parsedField
	index  map[string]int // fields by name
}

// plan decides which fields are evaluated, in the order of their names.
func (b *builder) plan(keys []parsedKey) {
	inKey := map[*parsedField]bool{}
	for _, k := range keys {
		for _, f := range k.fields {
			inKey[f] = true
		}
	}
	typesOf := map[string]map[content.Type]bool{}
	for _, f := range b.parsed {
		s := f.source.String()
		if typesOf[s] == nil {
			typesOf[s] = map[content.Type]bool{}
		}
		typesOf[s][f.typ] = true
	}
	for _, name := range slices.Sorted(maps.Keys(b.parsed)) {
		f := b.parsed[name]
		address := f.typ == content.EMAIL_ADDRESS || f.typ == content.PHONE_NUMBER
		if f.object == nil && !inKey[f] && !address {
			continue
		}
		i := len(b.c.fields)
		b.index[name] = i
		compiled := field{name: name, source: f.source}
		shared := typesOf[f.source.String()]
		if address && shared[content.EMAIL_ADDRESS] && shared[content.PHONE_NUMBER] {
			compiled.fits = fitsPhone
			if f.typ == content.EMAIL_ADDRESS {
				compiled.fits = fitsEmail
			}
		}
		b.c.fields = append(b.c.fields, compiled)
		switch f.typ {
		case content.EMAIL_ADDRESS:
			b.c.emails = preferring(b.c.emails, i, f.target.String() == "_profile.EmailAddress")
		case content.PHONE_NUMBER:
			b.c.phones = preferring(b.c.phones, i, f.target.String() == "_profile.PhoneNumber")
		}
	}
}

// preferring adds a field to a list, at its head when it is the preferred one.
func preferring(list []int, field int, preferred bool) []int {
	if preferred {
		return slices.Insert(list, 0, field)
	}
	return append(list, field)
}

func (b *builder) key(k parsedKey) {
	plan := keyPlan{name: k.name, def: k.def, identifiers: k.identifiers}
	for _, f := range k.fields {
		plan.fields = append(plan.fields, b.index[f.name])
		plan.types = append(plan.types, KeyType(k.name, f.typ))
	}
	b.c.keys = append(b.c.keys, plan)
}

func (b *builder) targets(def *Definition) error {
	var format *mapping.TimeFormat
	if def.SourceLastUpdatedTimestampFormat != "" {
		var err error
		if format, err = mapping.CompileTimeFormat(def.SourceLastUpdatedTimestampFormat); err != nil {
			return invalid("SourceLastUpdatedTimestampFormat: %s", reason(err))
		}
	}
	plans := map[*standard.Object]*objectPlan{}
	times := map[int]int{} // place of the object, by field
	for _, f := range b.c.fields {
		p := b.parsed[f.name]
		if p.object == nil {
			continue
		}
		i := b.index[f.name]
		if p.std.Control {
			b.c.times = append(b.c.times, timePlan{i, format})
			times[i] = p.object.Index()
			continue
		}
		plan := plans[p.object]
		if plan == nil {
			identifier, _ := ParseIdentifier(p.object.Identifier)
			plan = &objectPlan{object: p.object, identifier: identifier}
			plans[p.object] = plan
		}
		t := target{field: i, to: p.target, std: p.std}
		if p.target.Templated() {
			plan.templated = true
		} else {
			t.path, _, _ = p.target.Resolve(mapping.Document{}) // cannot fail: no part depends on the record
		}
		plan.targets = append(plan.targets, t)
		if twin := p.std.Twin; twin != "" {
			std, err := p.object.Field(twin)
			if err != nil {
				return err
			}
			plan.targets = append(plan.targets, target{field: i, path: twin, to: p.target, std: std, twin: true})
		}
	}
	for _, plan := range plans {
		slices.SortStableFunc(plan.targets, func(a, b target) int {
			return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.field, b.field))
		})
		b.c.objects = append(b.c.objects, *plan)
		b.c.targets += len(plan.targets)
	}
	slices.SortFunc(b.c.objects, func(a, b objectPlan) int { return cmp.Compare(a.object.Index(), b.object.Index()) })
	slices.SortStableFunc(b.c.times, func(a, b timePlan) int { return cmp.Compare(times[a.field], times[b.field]) })
	return nil
}

// Targets reports whether the object type may write a path of a standard object;
// with an empty path, whether its keys find objects of the kind at all.
func (c *Compiled) Targets(object, path string) bool {
	if path == "" {
		return slices.ContainsFunc(c.keys, func(k keyPlan) bool { return slices.Contains(k.identifiers.Kinds(), object) })
	}
	i := slices.IndexFunc(c.objects, func(o objectPlan) bool { return o.object.Name == object })
	return i >= 0 && slices.ContainsFunc(c.objects[i].targets, func(t target) bool {
		if t.path == "" {
			return t.to.Covers(path)
		}
		return t.path == path
	})
}

// DefinesKey reports whether the object type defines a key of that name.
func (c *Compiled) DefinesKey(name string) bool {
	return slices.ContainsFunc(c.keys, func(k keyPlan) bool { return k.name == name })
}
