package objecttype

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/profile"
)

// MaxFormer is how many former mappings are kept of an object type.
const MaxFormer = 5

// Former is a definition that was in force until a time.
type Former struct {
	Definition
	Until time.Time
}

// part is what of a definition decides what a record becomes.
type part struct {
	Create   bool
	Format   string
	Priority *int
	Fields   map[string]Field
	Keys     map[string][]KeyDef
}

// Mapping identifies what the definition makes of records. Two definitions that
// differ only in what does not bear on that have the same.
func (d *Definition) Mapping() profile.Mapping {
	p := part{d.AllowProfileCreation, d.SourceLastUpdatedTimestampFormat, d.SourcePriority, d.Fields, d.Keys}
	if len(p.Fields) == 0 {
		p.Fields = nil
	}
	if len(p.Keys) == 0 {
		p.Keys = nil
	}
	b, _ := json.Marshal(p) // of these types it never fails
	sum := sha256.Sum256(b)
	return profile.Mapping(binary.BigEndian.Uint64(sum[:]))
}

// Mapped identifies the mapping of the type, see [Definition.Mapping].
func (t *Type) Mapped() profile.Mapping { return t.mapping }

// SameKeys reports whether both definitions send every record into the same
// profile and the same standard objects: whether they have the same keys that find
// such, filled from the same fields. Keys for searches only are not looked at.
func (d *Definition) SameKeys(o *Definition) bool {
	return d.AllowProfileCreation == o.AllowProfileCreation && d.keepsKeys(o, SetOf(Unique)|^modifiers) && o.keepsKeys(d, SetOf(Unique)|^modifiers)
}

// KeepsKeys reports whether the definition still has all keys of another by which
// that finds profiles, filled from the same fields.
func (d *Definition) KeepsKeys(o *Definition) bool { return d.keepsKeys(o, SetOf(Profile)) }

// keepsKeys reports whether the definition has all keys of another of which some
// definition has one of the identifiers.
func (d *Definition) keepsKeys(o *Definition, of Set) bool {
	for name, list := range o.Keys {
		if !slices.ContainsFunc(list, func(k KeyDef) bool { ids, _ := k.identifiers(); return ids&of != 0 }) {
			continue
		}
		for _, k := range list {
			if !slices.ContainsFunc(d.Keys[name], func(own KeyDef) bool { return d.sameKey(o, own, k) }) {
				return false
			}
		}
	}
	return true
}

// sameKey reports whether a key of the definition has the values that one of
// another has.
func (d *Definition) sameKey(o *Definition, own, other KeyDef) bool {
	a, _ := own.identifiers()
	b, _ := other.identifiers()
	return a == b && slices.EqualFunc(own.FieldNames, other.FieldNames, func(m, n string) bool {
		f, g := d.Fields[m], o.Fields[n]
		// A field that shares its source with one of another type takes only what
		// fits its own.
		return f.Source == g.Source && f.ContentType == g.ContentType && maps.Equal(d.typesOf(f.Source), o.typesOf(g.Source))
	})
}

// typesOf are the content types of the fields with a source.
func (d *Definition) typesOf(source string) map[string]bool {
	types := map[string]bool{}
	for _, f := range d.Fields {
		if f.Source == source {
			types[f.ContentType] = true
		}
	}
	return types
}

// inForce is the definition of a name that is in force, implicit ones included;
// nil if there is none.
func inForce(c *domain.Config, name string) *Definition {
	if t := explicit(c, name); t != nil {
		return &t.Definition
	}
	if tmpl, ok := TemplateByID(name); ok {
		d := tmpl.Definition(name)
		return &d
	}
	return nil
}

// Formers are the definitions with other mappings that an object type had, the
// newest first, at most five; none of one that is not known.
func Formers(c *domain.Config, name string) []Former {
	var list []Former
	if b := c.Item(formerItems + name); b != nil && json.Unmarshal(b, &list) != nil {
		return nil
	}
	return list
}

// keepFormer notes the definition that another takes the place of, if that maps
// records otherwise.
func keepFormer(e *domain.Edit, by *Definition) {
	old := inForce(e.Config, by.Name)
	if old == nil || old.Mapping() == by.Mapping() {
		return
	}
	list := slices.DeleteFunc(Formers(e.Config, by.Name), func(f Former) bool {
		return f.Mapping() == by.Mapping() || f.Mapping() == old.Mapping()
	})
	list = slices.Insert(list, 0, Former{*old, e.Tx.Now()})
	e.PutJSON(formerItems+by.Name, list[:min(len(list), MaxFormer)])
}

// Restore puts a former mapping of an object type in force again. What does not
// bear on the mapping stays as it is now: description, expiry, limits, key. A
// mapping that is not kept any more, or that the other object types of the domain
// no longer agree with, is an Invalid fault.
func (s *Service) Restore(e *domain.Edit, name string, m profile.Mapping) error {
	now := inForce(e.Config, name)
	if now == nil {
		return notFound(name)
	}
	if now.Mapping() == m {
		return nil
	}
	list := Formers(e.Config, name)
	i := slices.IndexFunc(list, func(f Former) bool { return f.Mapping() == m })
	if i < 0 {
		return fault.New(fault.Invalid, "The former mapping of the object type %s is not kept any more", name)
	}
	def, was := *now, &list[i].Definition
	def.TemplateID, def.AllowProfileCreation, def.SourcePriority = was.TemplateID, was.AllowProfileCreation, was.SourcePriority
	def.SourceLastUpdatedTimestampFormat, def.Fields, def.Keys = was.SourceLastUpdatedTimestampFormat, was.Fields, was.Keys
	if err := s.validate(e.Config, &def); err != nil {
		return err
	}
	put := stored{Definition: def, CreatedAt: e.Tx.Now(), LastUpdatedAt: e.Tx.Now()}
	if old := explicit(e.Config, name); old != nil {
		put.CreatedAt = old.CreatedAt
	}
	keepFormer(e, &def)
	e.PutJSON(typeItems+name, put)
	return nil
}
