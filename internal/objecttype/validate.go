package objecttype

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"kindred/internal/content"
	"kindred/internal/fault"
	"kindred/internal/mapping"
	"kindred/internal/standard"
)

// Validate applies the rules of PutProfileObjectType ("Object type mappings",
// "Field definitions", "Key definitions", "Standard identifiers" and "Update and
// validate an object type mapping" in the administrator guide). domain holds
// the keys of the other object types in the domain, without those of the type
// itself. The error is a *fault.Error of kind Invalid that names the field or
// key and the rule; with several mistakes it is the same one each time.
//
// Where the documentation leaves a choice: SECONDARY without PROFILE is
// refused, since it would do nothing; a source that gives a list needs a target
// in a list, and cannot be part of a key of several fields or a UNIQUE one.
func Validate(def *Definition, domain DomainKeys) error {
	if err := validateOptions(def); err != nil {
		return err
	}
	if len(def.Fields) == 0 || len(def.Keys) == 0 {
		return invalid("Fields and Keys: both are required when there is no TemplateId")
	}
	if len(def.Fields) > MaxFields {
		return invalid("Fields: at most %d fields, not %d", MaxFields, len(def.Fields))
	}
	fields := make(map[string]*parsedField, len(def.Fields))
	for _, name := range slices.Sorted(maps.Keys(def.Fields)) {
		f, err := parseField(name, def.Fields[name])
		if err != nil {
			return err
		}
		fields[name] = f
	}
	if err := validatePairs(fields); err != nil {
		return err
	}
	keys, err := parseKeys(def, fields)
	if err != nil {
		return err
	}
	if err := validateKeyNames(def, keys, domain); err != nil {
		return err
	}
	if err := validateIdentifiers(def, keys); err != nil {
		return err
	}
	return validateTargets(def, fields, keys)
}

func invalid(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }

func validateOptions(def *Definition) error {
	switch n := utf8.RuneCountInString(def.Name); {
	case n == 0 || n > 255 || !wellFormed(def.Name, "_", "_-"):
		return invalid("ObjectTypeName: 1 to 255 letters, digits, _ and -, the first one a letter")
	case def.Name[0] == '_':
		return invalid("ObjectTypeName: names that begin with _ are reserved for standard objects")
	}
	if n := utf8.RuneCountInString(def.Description); n == 0 || n > 1000 {
		return invalid("Description: 1 to 1000 characters")
	}
	if p := def.SourcePriority; p != nil && (*p < 1 || *p > MaxSourcePriority) {
		return invalid("SourcePriority: 1 to %d", MaxSourcePriority)
	}
	if d := def.ExpirationDays; d != nil && (*d < 1 || *d > MaxExpirationDays) {
		return invalid("ExpirationDays: 1 to %d", MaxExpirationDays)
	}
	if m := def.MaxProfileObjectCount; m != nil && *m < 1 {
		return invalid("MaxProfileObjectCount: at least 1")
	}
	if def.SourceLastUpdatedTimestampFormat != "" {
		if _, err := mapping.CompileTimeFormat(def.SourceLastUpdatedTimestampFormat); err != nil {
			return invalid("SourceLastUpdatedTimestampFormat: %s", reason(err))
		}
	}
	return nil
}

// reason takes the reason out of an error of the mapping language.
func reason(err error) string {
	if s, ok := errors.AsType[*mapping.SyntaxError](err); ok {
		return s.Reason
	}
	return err.Error()
}

// wellFormed reports whether a name is a letter, or one of first, and then
// letters, digits and the characters of more.
func wellFormed(name, first, more string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		if i == 0 && !letter && strings.IndexByte(first, c) < 0 {
			return false
		}
		if i > 0 && !letter && !digit && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return name != ""
}

// parsedField is a field that keeps the rules which concern it alone.
type parsedField struct {
	name   string
	source *mapping.Source
	typ    content.Type
	target mapping.Target
	object *standard.Object // of the target; nil without one
	std    standard.Field   // of the target; that of any name when it is templated
}

// anyName stands for what a templated segment may become. No field has it, so
// only a map takes it.
const anyName = "any-name"

func parseField(name string, f Field) (*parsedField, error) {
	if len(name) > MaxName || !wellFormed(name, "", "_.-") {
		return nil, invalid("Field %.70q: a name has 1 to %d letters, digits, _ . and -, the first one a letter", name, MaxName)
	}
	if name == "Tags" || name == "tags" {
		return nil, invalid("Field %s: the names Tags and tags are not allowed", name)
	}
	p := &parsedField{name: name}
	var err error
	if f.Source == "" {
		return nil, invalid("Field %s: Source is required", name)
	}
	if p.source, err = mapping.CompileSource(f.Source); err != nil {
		return nil, invalid("Field %s: %s", name, err)
	}
	if p.typ, err = content.ParseType(f.ContentType); err != nil {
		return nil, invalid("Field %s: %s", name, err)
	}
	if f.Target == "" {
		return p, nil
	}
	if p.target, err = mapping.ParseTarget(f.Target); err != nil {
		return nil, invalid("Field %s: %s", name, err)
	}
	return p, p.place()
}

// place finds the field of the standard object that a target names.
func (p *parsedField) place() error {
	o, ok := standard.Lookup(p.target.Object)
	if !ok || o.Domain {
		return invalid("Field %s: Target %s: %s is no standard object that an object type can fill", p.name, p.target, p.target.Object)
	}
	p.object = o
	var path strings.Builder
	for i, s := range p.target.Path {
		if i > 0 {
			path.WriteByte('.')
		}
		if s.Template != nil {
			path.WriteString(anyName)
			continue
		}
		path.WriteString(s.Name)
		if s.List {
			path.WriteString("[]")
		}
	}
	var err error
	if p.std, err = o.Field(path.String()); err != nil {
		if p.target.Templated() {
			return invalid("Field %s: Target %s: {{}} can stand only for a name in a map, Attributes.<name> or Events.<name>.<field>", p.name, p.target)
		}
		if path.String() == "FoundByItems" && o.Name == "_profile" {
			return p.reserved()
		}
		return invalid("Field %s: Target %s: %s", p.name, p.target, err)
	}
	if p.std.Reserved {
		return p.reserved()
	}
	if p.source.IsList() && !p.std.List {
		return invalid("Field %s: Target %s takes one value, and a Source with [] gives a list", p.name, p.target)
	}
	return nil
}

func (p *parsedField) reserved() error {
	return invalid("Field %s: Target %s is set by the service and cannot be mapped", p.name, p.target)
}

// validatePairs refuses targets that write the same thing in two ways.
func validatePairs(fields map[string]*parsedField) error {
	writes := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if t := fields[name].target; t.Object == "_profile" {
			writes[t.String()] = name
		}
	}
	for _, pair := range [][2]string{{"_profile.Gender", "_profile.GenderString"}, {"_profile.PartyType", "_profile.PartyTypeString"}} {
		a, b := writes[pair[0]], writes[pair[1]]
		if a != "" && b != "" {
			return invalid("Fields %s and %s: an object type can have only one of the targets %s and %s", a, b, pair[0], pair[1])
		}
	}
	return nil
}

// parsedKey is one definition of a key.
type parsedKey struct {
	name        string
	def         int // its place among the definitions of the key
	identifiers Set
	fields      []*parsedField
}

// parseKeys returns the key definitions in the order in which they are tried
// (see rank), those of one key as they are listed.
func parseKeys(def *Definition, fields map[string]*parsedField) ([]parsedKey, error) {
	var keys []parsedKey
	for _, name := range slices.Sorted(maps.Keys(def.Keys)) {
		if len(def.Keys[name]) == 0 {
			return nil, invalid("Key %s: at least one definition is required", name)
		}
		for i, d := range def.Keys[name] {
			k := parsedKey{name: name, def: i}
			var unknown string
			if k.identifiers, unknown = d.identifiers(); unknown != "" {
				return nil, invalid("Key %s: %.70q is no standard identifier", name, unknown)
			}
			if len(d.FieldNames) == 0 {
				return nil, invalid("Key %s: FieldNames is empty", name)
			}
			for _, f := range d.FieldNames {
				p := fields[f]
				if p == nil {
					return nil, invalid("Key %s: FieldNames: %.70q is no field of the object type", name, f)
				}
				if p.source.IsList() && (len(d.FieldNames) > 1 || k.identifiers.Has(Unique)) {
					return nil, invalid("Key %s: field %s gives a list, which cannot be UNIQUE or combined with other fields", name, f)
				}
				k.fields = append(k.fields, p)
			}
			keys = append(keys, k)
		}
	}
	if len(keys) > MaxKeyDefinitions {
		return nil, invalid("Keys: at most %d key definitions, not %d", MaxKeyDefinitions, len(keys))
	}
	slices.SortStableFunc(keys, func(a, b parsedKey) int {
		return cmp.Compare(a.rank(), b.rank())
	})
	return keys, nil
}

// rank orders keys from the most to the least specific, since the first one
// that finds a single profile decides: the record's own id, the profile's id,
// keys of the domain (by name), ids of known sources, and the attributes that
// people share or change.
func (k *parsedKey) rank() int {
	const own, id, custom, source, shared = 0, 1, 2, 1000, 2000
	p, predefined := standard.LookupKey(k.name)
	switch {
	case k.identifiers.Has(Unique):
		return own
	case k.name == "_profileId":
		return id
	case !predefined:
		return custom
	case p.Object == "_profile":
		return shared + p.Index
	}
	return source + p.Index
}

func validateKeyNames(def *Definition, keys []parsedKey, domain DomainKeys) error {
	own := Signatures(def)
	for _, k := range keys {
		if len(k.name) > MaxName || !wellFormed(k.name, "_", "_.-") {
			return invalid("Key %.70q: a name has 1 to %d letters, digits, _ . and -, the first one a letter", k.name, MaxName)
		}
		if k.name == "Tags" || k.name == "tags" {
			return invalid("Key %s: the names Tags and tags are not allowed", k.name)
		}
		_, predefined := standard.LookupKey(k.name)
		existing, defined := domain[k.name]
		if k.name[0] == '_' && !predefined && !defined {
			return invalid("Key %s: a name that begins with _ must be a predefined key or one that the domain has already", k.name)
		}
		if defined && existing != own[k.name] {
			return invalid("Key %s: its fields have the content types %s, and other object types of the domain define the key with %s", k.name, own[k.name], existing)
		}
	}
	return nil
}

// ownIDs are the keys that hold ids given by the service: they can be looked
// up and are never stored from outside.
var ownIDs = []string{"_profileId", "_orderId", "_caseId", "_assetId"}

func validateIdentifiers(def *Definition, keys []parsedKey) error {
	unique, profile, creating := 0, 0, 0
	for _, k := range keys {
		ids := k.identifiers
		if ids.Has(Unique) {
			unique++
		}
		if ids.Has(Profile) {
			profile++
			if !ids.Has(LookupOnly) && !ids.Has(NewOnly) || k.name == "_profileId" {
				creating++
			}
		}
		switch {
		case ids.Has(Unique) && ids.Has(LookupOnly):
			return invalid("Key %s: UNIQUE and LOOKUP_ONLY exclude each other", k.name)
		case ids.Has(Unique) && ids.Has(NewOnly):
			return invalid("Key %s: UNIQUE and NEW_ONLY exclude each other", k.name)
		case ids.Has(Secondary) && !ids.Has(Profile):
			return invalid("Key %s: SECONDARY needs PROFILE", k.name)
		case slices.Contains(ownIDs, k.name) && !ids.Has(LookupOnly):
			return invalid("Key %s: it holds ids that the service gives, and needs LOOKUP_ONLY", k.name)
		}
	}
	switch {
	case unique != 1:
		return invalid("Keys: exactly one key definition must have the identifier UNIQUE, not %d", unique)
	case profile == 0:
		return invalid("Keys: at least one key must have the identifier PROFILE")
	case creating == 0 && def.AllowProfileCreation:
		return invalid("Keys: with AllowProfileCreation at least one PROFILE key must be without LOOKUP_ONLY and NEW_ONLY, so that a new profile can be found again")
	}
	return nil
}

// validateTargets checks that each standard object which is written can be
// found by a key.
func validateTargets(def *Definition, fields map[string]*parsedField, keys []parsedKey) error {
	var all Set
	for _, k := range keys {
		all |= k.identifiers
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fields[name]
		if f.object == nil {
			continue
		}
		if i, ok := ParseIdentifier(f.object.Identifier); !ok || !all.Has(i) {
			return invalid("Field %s: Target %s needs a key with the identifier %s", name, f.target, f.object.Identifier)
		}
		if f.std.Control && f.object.Name == "_profile" && def.SourceLastUpdatedTimestampFormat == "" {
			return invalid("Field %s: Target %s needs SourceLastUpdatedTimestampFormat", name, f.target)
		}
	}
	return nil
}
