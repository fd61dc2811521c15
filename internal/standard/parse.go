package standard

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"kindred/internal/content"
)

// parse reads the notation that schema.txt explains. The text is part of the
// program, so a mistake in it is a mistake in the program: parse panics.
func parse(text string) *tables {
	t := &tables{byName: map[string]*Object{}, byIdentifier: map[string]*Object{}, keyByName: map[string]*Key{}}
	var o *Object
	for number, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0][0] == '#':
		case words[0] == "object":
			o = t.object(words[1:])
		case words[0] == "key":
			t.key(words[1:])
		case o != nil && strings.HasPrefix(line, "    "):
			o.declare(line)
		default:
			panic(fmt.Sprintf("standard: schema.txt:%d: %q", number+1, line))
		}
	}
	return t
}

func (t *tables) object(words []string) *Object {
	o := &Object{Name: words[0], ID: words[2], index: len(t.objects), flat: map[string]*Field{},
		root: &node{kind: structure, byName: map[string]*node{}}}
	o.Domain = len(words) > 3 && words[3] == "domain"
	if words[1] != "-" {
		o.Identifier = words[1]
		t.byIdentifier[o.Identifier] = o
	}
	o.leaf(o.root, "", o.ID+"!")
	t.objects = append(t.objects, o)
	t.byName[o.Name] = o
	return o
}

func (t *tables) key(words []string) {
	typ, err := content.ParseType(words[1])
	if err != nil {
		panic("standard: " + words[0] + ": " + err.Error())
	}
	k := &Key{Name: words[0], Type: typ, Index: len(t.keys)}
	if words[2] != "-" {
		k.Object = words[2]
	}
	fields, filters, _ := strings.Cut(strings.Join(words[3:], " "), ";")
	k.Joined = strings.Contains(fields, "+")
	k.Fields = strings.Fields(strings.ReplaceAll(fields, "+", " "))
	k.filters = strings.Fields(filters)
	t.keys = append(t.keys, k)
	t.keyByName[k.Name] = k
}

// declare reads a line of fields, with or without the structures they are in.
func (o *Object) declare(line string) {
	parents, fields, inside := strings.Cut(line, ":")
	if !inside {
		parents, fields = "", line
	}
	for parent := range strings.SplitSeq(parents, ",") {
		at, path := o.root, ""
		if parent = strings.TrimSpace(parent); parent != "" {
			at, path = o.container(parent), parent+"."
		}
		for f := range strings.FieldsSeq(fields) {
			o.leaf(at, path, f)
		}
	}
}

// container finds or makes the structure, list or map of a path.
func (o *Object) container(path string) *node {
	at := o.root
	for part := range strings.SplitSeq(path, ".") {
		name, k := strings.TrimRight(part, "[]{}"), structure
		switch part[len(name):] {
		case "[]":
			k = list
		case "{}":
			k = structureMap
		}
		at = at.child(name, k)
	}
	return at
}

func (n *node) child(name string, k kind) *node {
	if c := n.byName[name]; c != nil {
		return c
	}
	c := &node{name: name, index: len(n.children), kind: k, byName: map[string]*node{}}
	n.children = append(n.children, c)
	n.byName[name] = c
	return c
}

// declaration is a field with its marks, in the order they are written.
var declaration = regexp.MustCompile(`^(\w+)(\[\]|\{\})?(#)?(?:=(\d+))?(!)?(\?)?(?:\(([A-Z_|]+)(?:~(\w+))?\))?$`)

func (o *Object) leaf(parent *node, path, declared string) {
	m := declaration.FindStringSubmatch(declared)
	if m == nil {
		panic(fmt.Sprintf("standard: %s: %q", o.Name, declared))
	}
	f := &Field{Path: path + m[1] + m[2], Number: m[3] != "", Reserved: m[5] != "", Control: m[6] != "", Twin: m[8]}
	f.List = strings.Contains(f.Path, "[]")
	f.MaxLength, _ = strconv.Atoi(m[4]) // digits or nothing
	if m[7] != "" {
		f.Enum = strings.Split(m[7], "|")
	}
	k := map[string]kind{"": leaf, "[]": list, "{}": textMap}[m[2]]
	c := parent.child(m[1], k)
	if c.field != nil || c.kind != k {
		panic(fmt.Sprintf("standard: %s.%s is declared twice", o.Name, f.Path))
	}
	c.field = f
	if !strings.Contains(f.Path, "{}") {
		o.flat[f.Path] = f
	}
}
