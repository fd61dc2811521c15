// Package standard describes the standard objects of customer profiles
// (_profile, _asset, _order, ...) and the predefined keys: which fields there
// are, what a mapping may write, which fields fill a key, and how the values of
// a standard object, kept flat by path, become its JSON.
//
// The descriptions are data, in schema.txt, read at the first use. Everything
// returned is shared and must not be changed; everything is safe for concurrent
// use.
package standard

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"kindred/internal/content"
)

//go:embed schema.txt
var schema string

var load = sync.OnceValue(func() *tables { return parse(schema) })

type tables struct {
	objects      []*Object
	byName       map[string]*Object
	byIdentifier map[string]*Object
	keys         []*Key
	keyByName    map[string]*Key
}

// Object is a standard object: a record with fixed fields that the targets of
// object types fill.
type Object struct {
	Name       string // with its underscore: "_profile"
	Identifier string // the StandardIdentifier of keys that find it: "PROFILE"; empty when Domain
	ID         string // its own id field, which no mapping writes: "ProfileId"
	// Domain marks an object of the domain (_catalogItem) that belongs to no
	// profile and is no target of object types.
	Domain bool

	index int
	root  *node
	flat  map[string]*Field // fields whose path has no map in it
}

// Field is a field of a standard object.
type Field struct {
	// Path is where it is below the object. A list is marked [] as in targets,
	// a map {}: "Address.City", "OrderItems[].Title", "Attributes{}",
	// "Events{}.EventId".
	Path      string
	List      bool // one value for each element of a list
	Number    bool // shown as a JSON number; all others are strings
	MaxLength int  // in characters, 0 when only the record's size bounds it
	// Reserved fields are set by the service and never a target: own ids,
	// _profile.ImportIds, _profile.FoundByItems[].
	Reserved bool
	// Control fields can be a target and steer ingestion, but are no member of
	// the object: SourceLastUpdatedTimestamp.
	Control bool
	// Enum holds the values of a field that has only some. Twin is the field
	// beside it that takes any text (Gender has GenderString); with a twin, the
	// last value of Enum stands for everything that is not in it.
	Enum []string
	Twin string
}

// Lookup finds a standard object by its name.
func Lookup(name string) (*Object, bool) {
	o, ok := load().byName[name]
	return o, ok
}

// ByIdentifier finds the standard object that keys with a StandardIdentifier
// find or make.
func ByIdentifier(identifier string) (*Object, bool) {
	o, ok := load().byIdentifier[identifier]
	return o, ok
}

// Objects lists the standard objects in their documented order, _profile first.
func Objects() []*Object { return load().objects }

// Index is the object's place in Objects.
func (o *Object) Index() int { return o.index }

// MaxAttributeName is the longest name of a custom attribute, in characters.
const MaxAttributeName = 255

// Field finds the field of a path as targets write it: "Address.City",
// "OrderItems[].Title", "Attributes.shoe size", "Events.Open.EventId". The
// error says which part is not there.
func (o *Object) Field(path string) (Field, error) {
	if f, ok := o.flat[path]; ok {
		return *f, nil
	}
	var steps route
	f, err := o.resolve(path, &steps)
	if err != nil {
		return Field{}, err
	}
	return *f, nil
}

// node is a place in the tree of an object's fields.
type node struct {
	name     string
	index    int // among its siblings
	kind     kind
	field    *Field // of a leaf and of a map from names to text
	children []*node
	byName   map[string]*node
}

type kind uint8

const (
	leaf kind = iota
	structure
	list         // of structures, or, without children, of texts
	textMap      // any name to text
	structureMap // any name to a structure, which is the children
)

// step is one member on the way to a value: a field, or an entry of a map.
type step struct {
	node *node
	name string
}

// route is the way from an object to a value. No path of the schema is longer.
type route struct {
	steps [4]step
	n     int
}

func (r *route) add(n *node, name string) {
	r.steps[r.n] = step{n, name}
	r.n++
}

// resolve walks a path and records the way.
func (o *Object) resolve(path string, r *route) (*Field, error) {
	at, rest := o.root, path
	for {
		if at.kind == textMap {
			if n := utf8.RuneCountInString(rest); n == 0 || n > MaxAttributeName {
				return nil, fmt.Errorf("%s.%s: a name in %s has 1 to %d characters", o.Name, at.name, at.name, MaxAttributeName)
			}
			r.add(at, rest)
			return at.field, nil
		}
		name, tail, more := strings.Cut(rest, ".")
		plain, isList := strings.CutSuffix(name, "[]")
		next := at.byName[plain]
		if next == nil || isList != (next.kind == list) {
			return nil, o.noField(path, next)
		}
		r.add(next, plain)
		if next.kind == leaf || next.kind == list && len(next.children) == 0 {
			if more || next.field == nil {
				return nil, o.noField(path, next)
			}
			return next.field, nil
		}
		if next.kind == structureMap {
			if name, tail, more = strings.Cut(tail, "."); name == "" {
				return nil, o.noField(path, next)
			}
			r.add(next, name)
		}
		if !more {
			return nil, o.noField(path, next)
		}
		at, rest = next, tail
	}
}

// noField says how a path misses what is there.
func (o *Object) noField(path string, near *node) error {
	hint := ""
	if near != nil {
		switch near.kind {
		case leaf:
			hint = fmt.Sprintf(": %s has no parts", near.name)
		case structure:
			hint = fmt.Sprintf(": %s is a structure, write %[1]s.<field>", near.name)
		case list:
			hint = fmt.Sprintf(": %s is a list, write %[1]s[].<field>", near.name)
		case textMap:
			hint = fmt.Sprintf(": %s is a map, write %[1]s.<name>", near.name)
		case structureMap:
			hint = fmt.Sprintf(": %s is a map, write %[1]s.<name>.<field>", near.name)
		}
	}
	return fmt.Errorf("%s has no field %s%s", o.Name, path, hint)
}

// Key is a predefined key: one that every domain has without defining it.
type Key struct {
	Name string // "_phone"
	Type content.Type
	// Object is the standard object whose fields fill the key, empty for the
	// keys of templates.
	Object string
	// Fields are the paths that fill the key, each one value of its own;
	// when Joined, all together one value, in this order.
	Fields []string
	Joined bool
	// Index is the key's place in Keys.
	Index int

	filters []string
}

// LookupKey finds a predefined key by its name.
func LookupKey(name string) (*Key, bool) {
	k, ok := load().keyByName[name]
	return k, ok
}

// Keys lists the predefined keys, those of one object, and those of templates,
// from the most to the least specific.
func Keys() []*Key { return load().keys }

// Filters reports whether the objects of a type (a standard object or a
// template) can be listed by this key with ObjectFilter.
func (k *Key) Filters(objectType string) bool {
	if k.Object != "" && k.Object == objectType {
		return true
	}
	for _, f := range k.filters {
		if f == objectType {
			return true
		}
	}
	return false
}
