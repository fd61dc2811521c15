package objecttype

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:embed templates/*.json
var templateFiles embed.FS

// Template is a predefined object type for the records of a known source. A
// record whose type is the id of a template is mapped by it without any
// definition. templates/README.md says which parts are not published.
type Template struct {
	ID                               string `json:"TemplateId"`
	SourceName                       string // "Salesforce"
	SourceObject                     string // "Account"
	AllowProfileCreation             bool
	SourceLastUpdatedTimestampFormat string `json:",omitempty"`
	Fields                           map[string]Field
	Keys                             map[string][]KeyDef
}

var loadTemplates = sync.OnceValue(func() []*Template {
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic("objecttype: " + err.Error())
	}
	var all []*Template
	for _, f := range files {
		b, err := templateFiles.ReadFile("templates/" + f.Name())
		if err != nil {
			panic("objecttype: " + err.Error())
		}
		t := &Template{}
		if err := json.Unmarshal(b, t); err != nil {
			panic(fmt.Sprintf("objecttype: %s: %v", f.Name(), err))
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *Template) int { return strings.Compare(a.ID, b.ID) })
	return all
})

// Templates lists the templates by their id. They are shared and must not be
// changed.
func Templates() []*Template { return loadTemplates() }

// TemplateByID finds a template.
func TemplateByID(id string) (*Template, bool) {
	all := loadTemplates()
	i, ok := slices.BinarySearchFunc(all, id, func(t *Template, id string) int { return strings.Compare(t.ID, id) })
	if !ok {
		return nil, false
	}
	return all[i], true
}

// Definition makes the object type of that name which a template stands for.
// The maps are the caller's own.
func (t *Template) Definition(name string) Definition {
	d := Definition{Name: name, Description: "Made from the template " + t.ID, TemplateID: t.ID,
		AllowProfileCreation: t.AllowProfileCreation, SourceLastUpdatedTimestampFormat: t.SourceLastUpdatedTimestampFormat,
		Fields: maps.Clone(t.Fields), Keys: make(map[string][]KeyDef, len(t.Keys))}
	for key, defs := range t.Keys {
		own := slices.Clone(defs)
		for i := range own {
			own[i].StandardIdentifiers = slices.Clone(own[i].StandardIdentifiers)
			own[i].FieldNames = slices.Clone(own[i].FieldNames)
		}
		d.Keys[key] = own
	}
	return d
}
