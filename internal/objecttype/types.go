package objecttype

import (
	"context"
	"slices"
	"strings"
	"sync"

	"kindred/internal/content"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/profile"
	"kindred/internal/standard"
)

// Type is an object type in force in a domain, ready to map records.
type Type struct {
	*Definition
	*Compiled
	// Implicit: the domain does not define it, it is a template's.
	Implicit bool
	mapping  profile.Mapping
}

// Priority is the rank of the type's source: 1 is strongest, 0 is none.
func (t *Type) Priority() uint16 {
	if t.SourcePriority == nil {
		return 0
	}
	return uint16(min(*t.SourcePriority, MaxSourcePriority))
}

// Types knows the object types of all domains.
type Types struct {
	// MaxObjects and MaxBytes are what a profile holds; see [profile.Limits].
	MaxObjects int
	MaxBytes   int64
}

// NewTypes makes a Types with the quotas of AWS.
func NewTypes() *Types { return &Types{profile.MaxObjects, profile.MaxBytes} }

var _ profile.Types = (*Types)(nil)

type compiled struct {
	typ *Type
	err error
}

type typeMemo string // key of domain.Memo

// Lookup finds the object type of a name: one that the domain defines, else the
// implicit type of the template of that name, else a NotFound fault.
func (*Types) Lookup(c *domain.Config, name string) (*Type, error) {
	m := domain.Memo(c, typeMemo(name), func() compiled {
		var def Definition
		implicit := false
		if t := explicit(c, name); t != nil {
			def = t.Definition
		} else if tmpl, ok := TemplateByID(name); ok {
			def, implicit = tmpl.Definition(name), true
		} else {
			return compiled{err: notFound(name)}
		}
		cmp, err := Compile(&def)
		if err != nil {
			return compiled{err: err}
		}
		return compiled{typ: &Type{&def, cmp, implicit, def.Mapping()}}
	})
	return m.typ, m.err
}

// Used notes that an implicit type has taken in data, from when on it is listed
// among the domain's types. It reports whether it had to be noted, which changes
// the configuration.
func (*Types) Used(ctx context.Context, d *domain.Domains, c *domain.Config, t *Type) (noted bool, err error) {
	if !t.Implicit || c.Item(usedItems+t.Name) != nil {
		return false, nil
	}
	return true, d.ConfigureOf(ctx, c.ID, func(e *domain.Edit) error {
		e.PutJSON(usedItems+t.Name, usedType{Since: e.Tx.Now()})
		return nil
	})
}

// Known reports whether a name is an object type of the domain, a template or a
// standard object.
func (t *Types) Known(c *domain.Config, name string) bool {
	if strings.HasPrefix(name, "_") {
		o, ok := standard.Lookup(name)
		return ok && !o.Domain
	}
	return t.Exists(c, name)
}

type keyMemo struct{}

// KeyTypes are the content types of a key's fields, one list for each form in
// which the domain knows the key: as predefined, in its object types, and in
// templates.
func (*Types) KeyTypes(c *domain.Config, key string) [][]content.Type {
	own := domain.Memo(c, keyMemo{}, func() map[string][][]content.Type {
		all := map[string][][]content.Type{}
		for name := range c.Items(typeItems) {
			if t := explicit(c, name); t != nil {
				collectKeyTypes(all, &t.Definition)
			}
		}
		return all
	})
	lists := slices.Clone(own[key])
	if k, ok := standard.LookupKey(key); ok {
		lists = appendTypes(lists, []content.Type{k.Type})
	}
	if len(lists) == 0 {
		lists = templateKeyTypes()[key]
	}
	return lists
}

func collectKeyTypes(all map[string][][]content.Type, def *Definition) {
	for key, list := range def.Keys {
		for _, k := range list {
			types := make([]content.Type, len(k.FieldNames))
			for i, f := range k.FieldNames {
				declared, err := content.ParseType(def.Fields[f].ContentType)
				if err != nil {
					declared = content.STRING
				}
				types[i] = KeyType(key, declared)
			}
			all[key] = appendTypes(all[key], types)
		}
	}
}

func appendTypes(lists [][]content.Type, types []content.Type) [][]content.Type {
	if len(types) == 0 || slices.ContainsFunc(lists, func(l []content.Type) bool { return slices.Equal(l, types) }) {
		return lists
	}
	return append(lists, types)
}

// templateKeyTypes are the forms of the keys that templates define, which a
// domain knows before it uses any of them.
var templateKeyTypes = sync.OnceValue(func() map[string][][]content.Type {
	all := map[string][][]content.Type{}
	for _, t := range Templates() {
		def := t.Definition(t.ID)
		collectKeyTypes(all, &def)
	}
	return all
})

// Render gives the text of a standard object below a profile.
func (*Types) Render(kind string, id profile.ID, facts []profile.Fact) (string, error) {
	o, ok := standard.Lookup(kind)
	if !ok {
		return "", fault.New(fault.NotFound, "There is no standard object %s", kind)
	}
	values := make([]standard.Value, 0, len(facts)+1)
	values = append(values, standard.Value{Path: o.ID, Text: id.String()})
	for i := range facts {
		f := &facts[i]
		values = append(values, standard.Value{Path: f.Path, Text: f.Text, List: f.List, IsList: f.IsList})
	}
	b, err := o.Render(values)
	return string(b), err
}
