package objecttype

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kindred/internal/content"
	"kindred/internal/mapping"
)

// Account says what one record gives to an object type, field by field and key
// by key, and why the rest gives nothing. Map says the same in short.
type Account struct {
	Fields []FieldAccount // all of the definition, by name
	Keys   []KeyAccount   // all definitions of keys, in the order of Mapped.Keys
}

// FieldAccount is what a record gives to one field.
type FieldAccount struct {
	Name, Source, ContentType, Target string
	Text                              string
	List                              []string // when IsList
	IsList                            bool
	// Writes are the fields of standard objects that take the value:
	// "_profile.Address.City".
	Writes []string
	// Problem is why there is no value, or why it is not written where Target
	// says. It names no value of the record.
	Problem string
}

// KeyAccount is what a record gives to one definition of a key.
type KeyAccount struct {
	Name        string
	Identifiers Set
	FieldNames  []string
	Values      []KeyValue
	Problem     string // why there are no values
}

// explanation is the work on an Account.
type explanation struct {
	t       *Type
	doc     mapping.Document
	country string
	results []mapping.Result
	of      []*FieldAccount // by compiled field
	account *Account
}

// Explain maps a record as Map does, with the same parts, and goes on where Map
// ends with an error. Where Map succeeds, the values of the keys one after the
// other are its Keys.
func (t *Type) Explain(doc mapping.Document, country string) *Account {
	x := &explanation{t: t, doc: doc, country: country, results: make([]mapping.Result, len(t.fields)),
		of: make([]*FieldAccount, len(t.fields)), account: &Account{}}
	x.fields()
	identified := x.keys()
	x.targets(identified)
	x.times()
	var scratch Mapped
	x.refuse(t.fillAddresses(&scratch, x.results))
	return x.account
}

// fields evaluates all fields, those that nothing uses too.
func (x *explanation) fields() {
	names := slices.Sorted(maps.Keys(x.t.Definition.Fields))
	x.account.Fields = make([]FieldAccount, len(names))
	next := 0 // compiled fields are in the order of their names
	for i, name := range names {
		def := x.t.Definition.Fields[name]
		a := &x.account.Fields[i]
		*a = FieldAccount{Name: name, Source: def.Source, ContentType: def.ContentType, Target: def.Target}
		if a.ContentType == "" {
			a.ContentType = content.STRING.String()
		}
		var r mapping.Result
		if next < len(x.t.fields) && x.t.fields[next].name == name {
			f := &x.t.fields[next]
			x.of[next] = a
			if err := f.eval(x.doc, &x.results[next]); err != nil {
				x.results[next] = mapping.Result{}
				a.Problem = rule(err)
			} else if r = x.results[next]; r.Text == "" && len(r.List) == 0 {
				a.Problem = f.absence(x.doc, a.ContentType)
			}
			next++
		} else if s, err := mapping.CompileSource(def.Source); err == nil {
			a.Problem = "no key and no Target uses the field"
			if r, err = s.Eval(x.doc); err != nil {
				a.Problem = strings.TrimPrefix(err.Error(), "mapping: ")
			}
		}
		a.Text, a.List, a.IsList = r.Text, r.List, r.IsList
	}
}

// absence says why a field has no value.
func (f *field) absence(doc mapping.Document, contentType string) string {
	if r, err := f.source.Eval(doc); err == nil && f.fits != nil && !blank(r.Text) {
		return fmt.Sprintf("the value does not look like one of type %s, and a field of another type has the same Source", contentType)
	}
	return f.source.Absence(doc)
}

// rule is an error of a field or key without the name of that.
func rule(err error) string {
	if e, ok := errors.AsType[*ValueError](err); ok {
		return e.Rule
	}
	return err.Error()
}

// refuse notes an error at the field that it is about.
func (x *explanation) refuse(err error) {
	e, ok := errors.AsType[*ValueError](err)
	if !ok {
		return
	}
	for i := range x.account.Fields {
		if a := &x.account.Fields[i]; a.Name == e.Field && a.Problem == "" {
			a.Problem = e.Rule
		}
	}
}

// keys fills all keys and returns the identifiers of those with values.
func (x *explanation) keys() (identified Set) {
	for i := range x.t.keys {
		k := &x.t.keys[i]
		a := KeyAccount{Name: k.name, Identifiers: k.identifiers}
		for _, f := range k.fields {
			a.FieldNames = append(a.FieldNames, x.t.fields[f].name)
		}
		var m Mapped
		switch err := k.fill(&m, x.results, x.country); {
		case err != nil:
			a.Problem = rule(err)
		case len(m.Keys) == 0:
			a.Problem = x.emptyKey(k)
		default:
			a.Values = m.Keys
			identified |= k.identifiers
		}
		x.account.Keys = append(x.account.Keys, a)
	}
	return identified
}

func (x *explanation) emptyKey(k *keyPlan) string {
	for i, f := range k.fields {
		r := &x.results[f]
		name := x.t.fields[f].name
		if r.Text == "" && len(r.List) == 0 {
			return "the field " + name + " has no value"
		}
		if !r.IsList && k.normalize(i, r.Text, x.country) == "" {
			return fmt.Sprintf("nothing is left of the value of the field %s when it is normalised as %s", name, k.types[i])
		}
	}
	return "nothing is left of the values when they are normalised"
}

// targets says where each value is written, in the order in which Map writes.
func (x *explanation) targets(identified Set) {
	for i := range x.t.objects {
		o := &x.t.objects[i]
		taken := map[string]string{} // path -> field
		for j := range o.targets {
			t := &o.targets[j]
			a, r := x.of[t.field], &x.results[t.field]
			if r.Text == "" && len(r.List) == 0 {
				continue
			}
			if !identified.Has(o.identifier) {
				a.Problem = fmt.Sprintf("no key with the identifier %s has a value, so %s is not written", o.identifier, o.object.Name)
				continue
			}
			if path, problem := x.target(o, t, r, taken); problem != "" {
				a.Problem = problem
			} else {
				taken[path] = a.Name
				a.Writes = append(a.Writes, o.object.Name+"."+path)
			}
		}
	}
}

// target finds the path of a target, or why nothing is written there.
func (x *explanation) target(o *objectPlan, t *target, r *mapping.Result, taken map[string]string) (path, problem string) {
	path, std := t.path, &t.std
	if path == "" {
		var err error
		if path, std, err = x.t.resolve(o.object, t, x.doc); err != nil {
			return "", rule(err)
		}
		if path == "" {
			return "", "the record lacks the part of the Target in {{}}"
		}
	}
	first := taken[path]
	if first != "" && !o.templated {
		return "", "the field " + first + " has the same Target and goes first"
	}
	if _, err := x.t.value(t, std, r); err != nil {
		return "", rule(err)
	}
	if first != "" {
		return "", "the field " + first + " has the same Target and goes first"
	}
	return path, ""
}

// times says which field gives the time of the record.
func (x *explanation) times() {
	first := ""
	for i := range x.t.times {
		t := &x.t.times[i]
		a, text := x.of[t.field], x.results[t.field].Text
		switch {
		case text == "":
		case t.read(text).IsZero():
			a.Problem = "the value is no time in the format of the object type, so the record has no time by it"
		case first != "":
			a.Problem = "the field " + first + " gives the time of the record"
		default:
			first = a.Name
			a.Writes = append(a.Writes, a.Target)
		}
	}
}
