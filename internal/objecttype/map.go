package objecttype

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kindred/internal/content"
	"kindred/internal/fault"
	"kindred/internal/mapping"
	"kindred/internal/standard"
)

// Bounds of what one record gives.
const (
	// MaxKeyLength bounds the normalised value of a key, in characters. Values
	// that a search can name are shorter (255), but a UNIQUE key of several
	// fields or a URL may be longer.
	MaxKeyLength = 1000
	// MaxKeyValues bounds the values of one key whose field is a list.
	MaxKeyValues = 50
)

// ErrMissingKey says that a record lacks what identifies it: every field of the
// UNIQUE key, or every PROFILE key, is empty. The text is that of the dead
// letter.
var ErrMissingKey error = fault.New(fault.Invalid, "The UNIQUE key or PROFILE key does not exist in the profile object")

// ValueError says that a value of a record cannot be used. It names the place
// and the rule and never the value. It unwraps to a *fault.Error of kind Invalid.
type ValueError struct {
	Field string // of the object type; empty for a key
	Key   string // empty for a field
	Rule  string
}

func (e *ValueError) Error() string {
	if e.Key != "" {
		return fmt.Sprintf("key %s: %s", e.Key, e.Rule)
	}
	return fmt.Sprintf("field %s: %s", e.Field, e.Rule)
}

func (e *ValueError) Unwrap() error { return fault.New(fault.Invalid, "%s", e.Error()) }

// FieldValue is the value of a field of a standard object.
type FieldValue = standard.Value

// ObjectValues are the values that a record gives to one standard object.
type ObjectValues struct {
	Object string       // "_profile"
	Fields []FieldValue // none empty, by path, each path once
}

// KeyValue is the value of a key.
type KeyValue struct {
	Name        string
	Def         int // which definition of the key it comes from
	Identifiers Set
	Value       string // normalised; the fields of a key combined
	Given       string // as the record has it
}

// Mapped is what one record means.
type Mapped struct {
	// Objects are the standard objects with values, in the order of
	// standard.Objects. One besides _profile is there only when a key with its
	// identifier has a value: without one it could never be found again.
	Objects []ObjectValues
	// Keys are the keys with values, in the order in which they are tried: the
	// UNIQUE one, _profileId, other keys of the domain by name, those of known
	// sources (a contact's before an account's, a user's before an anonymous
	// visitor's), and _account, _email, _phone, _fullName last.
	Keys []KeyValue
	// Unique is the identity of the record within its object type and UniqueKey
	// the name of its key. Unlike the value of that key in Keys, the fields are
	// joined so that no two combinations are alike.
	Unique, UniqueKey string
	// SourceTime is when the record says it was changed; zero when it does not
	// say, or not in the format of the object type.
	SourceTime time.Time
	// Email and Phone are the first values of type EMAIL_ADDRESS and
	// PHONE_NUMBER, for a profile that this record creates: of the field that
	// targets _profile.EmailAddress or _profile.PhoneNumber, else of the others by
	// name.
	Email, Phone string
}

// Map maps a record. country is where telephone numbers without + are from.
//
// A value that is missing, null or blank is no value. Of several fields with
// the same target, the first by name that has a value is taken. A UNIQUE key
// has a value when at least one of its fields has; another key that finds
// objects only when all have, because half of a key (a family name without the
// first name) would find strangers; a key for searches when at least one has.
//
// The errors are ErrMissingKey and *ValueError: nothing is cut off to make it
// fit.
func (c *Compiled) Map(doc mapping.Document, country string) (*Mapped, error) {
	var buffer [48]mapping.Result
	results := buffer[:]
	if len(c.fields) > len(results) {
		results = make([]mapping.Result, len(c.fields))
	}
	for i := range c.fields {
		if err := c.fields[i].eval(doc, &results[i]); err != nil {
			return nil, err
		}
	}
	m := &Mapped{Keys: make([]KeyValue, 0, len(c.keys))}
	var all Set
	for i := range c.keys {
		n := len(m.Keys)
		if err := c.keys[i].fill(m, results, country); err != nil {
			return nil, err
		}
		if len(m.Keys) > n {
			all |= c.keys[i].identifiers
		}
	}
	if m.Unique == "" || !all.Has(Profile) {
		return nil, ErrMissingKey
	}
	if err := c.fillObjects(m, doc, results, all); err != nil {
		return nil, err
	}
	for _, t := range c.times {
		if m.SourceTime = t.read(results[t.field].Text); !m.SourceTime.IsZero() {
			break
		}
	}
	return m, c.fillAddresses(m, results)
}

func (f *field) eval(doc mapping.Document, r *mapping.Result) error {
	var err error
	if *r, err = f.source.Eval(doc); err != nil {
		return &ValueError{Field: f.name, Rule: strings.TrimPrefix(err.Error(), "mapping: ")}
	}
	if r.IsList {
		if !slices.ContainsFunc(r.List, func(s string) bool { return !blank(s) }) {
			r.List = nil
		}
		return nil
	}
	if blank(r.Text) || f.fits != nil && !f.fits(r.Text) {
		r.Text = ""
	}
	return nil
}

func blank(s string) bool {
	return s == "" || s[0] <= ' ' && strings.TrimSpace(s) == "" || s[0] >= utf8.RuneSelf && strings.TrimSpace(s) == ""
}

// fitsEmail and fitsPhone decide between two fields that share one source and
// differ in their content types: a contact's endpoint address is a telephone
// number or an e-mail address.
func fitsEmail(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && at < len(s)-1 && !strings.ContainsAny(s, ": ")
}

func fitsPhone(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !unicode.IsSpace(r) && !strings.ContainsRune("+-().,;/=#*extEXT", r):
			return false
		}
	}
	return digits > 2
}

// fill adds the values of a key.
func (k *keyPlan) fill(m *Mapped, results []mapping.Result, country string) error {
	if len(k.fields) > 1 {
		return k.combine(m, results, country)
	}
	r := &results[k.fields[0]]
	if !r.IsList {
		value := k.normalize(0, r.Text, country)
		if value == "" {
			return nil
		}
		return k.add(m, value, r.Text, value)
	}
	first := len(m.Keys)
	for _, text := range r.List {
		if blank(text) {
			continue
		}
		value := k.normalize(0, text, country)
		if value == "" || slices.ContainsFunc(m.Keys[first:], func(v KeyValue) bool { return v.Value == value }) {
			continue
		}
		if len(m.Keys)-first == MaxKeyValues {
			return &ValueError{Key: k.name, Rule: "a list gives at most " + strconv.Itoa(MaxKeyValues) + " values"}
		}
		if err := k.add(m, value, text, value); err != nil {
			return err
		}
	}
	return nil
}

func (k *keyPlan) normalize(i int, text, country string) string {
	if text == "" {
		return ""
	}
	return content.Normalize(k.types[i], text, country)
}

// combine makes one value of several fields.
func (k *keyPlan) combine(m *Mapped, results []mapping.Result, country string) error {
	var valueBuffer, givenBuffer [8]string
	values, given := valueBuffer[:0], givenBuffer[:0]
	missing := 0
	for i, f := range k.fields {
		value := k.normalize(i, results[f].Text, country)
		values = append(values, value)
		if value == "" {
			missing++
			continue
		}
		given = append(given, results[f].Text)
	}
	unique := k.identifiers.Has(Unique)
	if missing == len(values) || missing > 0 && k.identifiers.Matching() && !unique {
		return nil
	}
	identity := ""
	if unique {
		identity = strings.Join(values, "\x1f")
	}
	return k.add(m, content.Combine(values), strings.Join(given, " "), identity)
}

func (k *keyPlan) add(m *Mapped, value, given, identity string) error {
	if len(value) > MaxKeyLength && utf8.RuneCountInString(value) > MaxKeyLength {
		return &ValueError{Key: k.name, Rule: "the value is longer than " + strconv.Itoa(MaxKeyLength) + " characters"}
	}
	m.Keys = append(m.Keys, KeyValue{Name: k.name, Def: k.def, Identifiers: k.identifiers, Value: value, Given: given})
	if k.identifiers.Has(Unique) {
		m.Unique, m.UniqueKey = identity, k.name
	}
	return nil
}

func (c *Compiled) fillObjects(m *Mapped, doc mapping.Document, results []mapping.Result, identified Set) error {
	values := make([]FieldValue, 0, c.targets)
	m.Objects = make([]ObjectValues, 0, len(c.objects))
	for i := range c.objects {
		o := &c.objects[i]
		if !identified.Has(o.identifier) {
			continue
		}
		start := len(values)
		for j := range o.targets {
			t := &o.targets[j]
			r := &results[t.field]
			if r.Text == "" && len(r.List) == 0 {
				continue
			}
			path, std := t.path, &t.std
			if path == "" {
				var err error
				if path, std, err = c.resolve(o.object, t, doc); err != nil {
					return err
				}
				if path == "" {
					continue
				}
			}
			if n := len(values); n > start && !o.templated && values[n-1].Path == path {
				continue
			}
			v, err := c.value(t, std, r)
			if err != nil {
				return err
			}
			v.Path = path
			values = append(values, v)
		}
		own := values[start:len(values):len(values)]
		if o.templated {
			own = inOrder(own)
		}
		if len(own) > 0 {
			m.Objects = append(m.Objects, ObjectValues{Object: o.object.Name, Fields: own})
		}
	}
	return nil
}

// inOrder sorts values by path and keeps the first of each path.
func inOrder(values []FieldValue) []FieldValue {
	slices.SortStableFunc(values, func(a, b FieldValue) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(values, func(a, b FieldValue) bool { return a.Path == b.Path })
}

// resolve finds the path of a templated target for one record. The path is
// empty when the record lacks a part of it.
func (c *Compiled) resolve(o *standard.Object, t *target, doc mapping.Document) (string, *standard.Field, error) {
	name := c.fields[t.field].name
	path, ok, err := t.to.Resolve(doc)
	if err != nil {
		return "", nil, &ValueError{Field: name, Rule: err.Error()}
	}
	if !ok {
		return "", nil, nil
	}
	std, err := o.Field(path)
	if err != nil {
		return "", nil, &ValueError{Field: name, Rule: "Target " + t.to.String() + " leads to no field of " + o.Name}
	}
	return path, &std, nil
}

// value makes the value of a target, without its path.
func (c *Compiled) value(t *target, std *standard.Field, r *mapping.Result) (v FieldValue, err error) {
	if r.IsList {
		v = FieldValue{List: r.List, IsList: true}
	} else if std.List {
		v = FieldValue{List: []string{r.Text}, IsList: true}
	} else {
		v.Text = r.Text
	}
	if std.Enum != nil {
		if v.Text = fromEnum(std, r.Text); v.Text == "" {
			return v, &ValueError{Field: c.fields[t.field].name, Rule: "Target " + t.to.String() + " takes one of " + strings.Join(std.Enum, ", ")}
		}
	}
	if std.MaxLength > 0 {
		tooLong := longer(v.Text, std.MaxLength)
		for _, s := range v.List {
			tooLong = tooLong || longer(s, std.MaxLength)
		}
		if tooLong {
			return v, &ValueError{Field: c.fields[t.field].name, Rule: "the value is longer than " + strconv.Itoa(std.MaxLength) + " characters, which Target " + t.to.String() + " takes"}
		}
	}
	return v, nil
}

func longer(s string, most int) bool { return len(s) > most && utf8.RuneCountInString(s) > most }

// fromEnum finds a value of an enumeration without regard to case. Where a
// field beside it keeps the text (Gender, PartyType), the last value stands for
// all others, so that the two never contradict each other.
func fromEnum(std *standard.Field, text string) string {
	text = strings.TrimSpace(text)
	for _, e := range std.Enum {
		if strings.EqualFold(e, text) {
			return e
		}
	}
	if std.Twin != "" {
		return std.Enum[len(std.Enum)-1]
	}
	return ""
}

// read parses a time of a record; what cannot be parsed is no time.
func (t *timePlan) read(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	if t.format != nil {
		at, err := t.format.Parse(text)
		if err != nil {
			return time.Time{}
		}
		return at
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC()
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// maxAddress is the longest EmailAddress and PhoneNumber of a profile.
const maxAddress = 255

// fillAddresses finds what a new profile is given besides its targets.
func (c *Compiled) fillAddresses(m *Mapped, results []mapping.Result) error {
	var err error
	if m.Email, err = c.address(c.emails, results, func(string) bool { return true }); err != nil {
		return err
	}
	m.Phone, err = c.address(c.phones, results, func(s string) bool { return strings.ContainsFunc(s, unicode.IsDigit) })
	return err
}

func (c *Compiled) address(fields []int, results []mapping.Result, usable func(string) bool) (string, error) {
	for _, i := range fields {
		r := &results[i]
		text := r.Text
		if r.IsList {
			text = ""
			if n := slices.IndexFunc(r.List, func(s string) bool { return !blank(s) }); n >= 0 {
				text = r.List[n]
			}
		}
		if text == "" || !usable(text) {
			continue
		}
		if longer(text, maxAddress) {
			return "", &ValueError{Field: c.fields[i].name, Rule: "an e-mail address or telephone number has at most " + strconv.Itoa(maxAddress) + " characters"}
		}
		return text, nil
	}
	return "", nil
}
