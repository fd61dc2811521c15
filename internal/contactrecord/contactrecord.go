// Package contactrecord reads the contact records of Amazon Connect and gives
// them the form in which they are kept as profile objects.
//
// The published form is what Connect exports ("Contact records data model" of
// the administrator guide): PascalCase members, ISO 8601 times, durations in
// seconds, nulls. The object form is what the managed service keeps as objects
// of type CTR: camelCase members, times in milliseconds since 1970, durations
// as ...DurationMillis. [Convert] accepts either and gives the object form.
//
// What it promises:
//
//   - Nothing is lost: members that are not known, and nulls, are kept.
//   - The keys and values of user-defined maps (Attributes, Tags,
//     ContactDetails) are not touched, nor are the keys of SegmentAttributes
//     and ContactEvaluations.
//   - The same record gives the same bytes, whatever the order of its members
//     and the blanks between them.
//   - The object form of a record is its own object form.
//   - Errors name the member and the rule and never a value.
//
// Names become camelCase as Java's bean mapping does it, which is how the
// managed service arrives at awsaccountId and instanceARN: the capitals at the
// start, all of them, become small.
package contactrecord

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of a record.
const (
	// MaxBytes bounds the JSON text.
	MaxBytes = 1 << 20
	// MaxDepth bounds the nesting of objects and arrays.
	MaxDepth = 32
	// MaxContactID bounds the length of a contact's identifier, in characters.
	MaxContactID = 256
)

// Record is a contact record in object form, with what identifies and orders
// it.
type Record struct {
	// ContactID has letters, digits, - and _ only.
	ContactID string
	// InstanceARN is empty when the record has none.
	InstanceARN string
	// Updated says how new the record is, in milliseconds since 1970: its
	// LastUpdateTimestamp, or where that is missing the disconnection, or else
	// the initiation. One of them is there.
	Updated int64
	// Initiated is the InitiationTimestamp in milliseconds, 0 when missing.
	Initiated int64
	// JSON is the object form, compact, with members in the order of their
	// names.
	JSON []byte
}

// Error says what is wrong with a record.
type Error struct {
	// Member is the path of the member as the record spells it, such as
	// Queue.EnqueueTimestamp or Recordings[0].StartTimestamp; empty when it is
	// the record as a whole.
	Member string
	Rule   string
}

func (e *Error) Error() string {
	if e.Member == "" {
		return "contact record: " + e.Rule
	}
	return e.Member + ": " + e.Rule
}

// Convert reads a contact record, in published or in object form. The error is
// an [*Error].
func Convert(data []byte) (*Record, error) {
	root, err := parse(data)
	if err != nil {
		return nil, err
	}
	if root.kind != '{' {
		return nil, &Error{Rule: "want a JSON object"}
	}
	if err := convertObject(root, "", structure); err != nil {
		return nil, err
	}
	r := &Record{}
	if err := r.identify(root); err != nil {
		return nil, err
	}
	r.JSON = root.append(make([]byte, 0, len(data)+64))
	return r, nil
}

// WithInstance gives a record that names no instance the ARN of one.
func (r *Record) WithInstance(arn string) (*Record, error) {
	if r.InstanceARN != "" {
		return r, nil
	}
	root, err := parse(r.JSON)
	if err != nil {
		return nil, err
	}
	root.set("instanceARN", &value{kind: '"', text: arn})
	out := *r
	out.InstanceARN, out.JSON = arn, root.append(make([]byte, 0, len(r.JSON)+len(arn)+32))
	return &out, nil
}

func (r *Record) identify(root *value) error {
	id, err := root.string("contactId")
	switch {
	case err != nil:
		return err
	case id == "":
		return &Error{"ContactId", "required"}
	case len(id) > MaxContactID || strings.Trim(id, idCharacters) != "":
		return &Error{"ContactId", fmt.Sprintf("want at most %d letters, digits, - and _", MaxContactID)}
	}
	r.ContactID = id
	if r.InstanceARN, err = root.string("instanceARN"); err != nil {
		return err
	}
	if a := root.member("attributes"); a != nil && a.kind != '{' && a.kind != 'n' {
		return &Error{"Attributes", "want an object or null"}
	}
	r.Initiated = root.time("initiationTimestamp")
	for _, name := range [...]string{"lastUpdateTimestamp", "disconnectTimestamp", "initiationTimestamp"} {
		if r.Updated = root.time(name); r.Updated != 0 {
			return nil
		}
	}
	return &Error{"LastUpdateTimestamp", "required, unless DisconnectTimestamp or InitiationTimestamp is given"}
}

const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// shape says how an object's members are to be read.
type shape uint8

const (
	structure shape = iota // names are members of the data model
	keyed                  // names are keys, values are structures
)

// free are the members of the record whose content is the customer's own.
var free = map[string]bool{"attributes": true, "tags": true, "contactDetails": true}

// keyedMaps are the members that map keys to structures, anywhere.
var keyedMaps = map[string]bool{"segmentAttributes": true, "contactEvaluations": true, "valueMap": true}

// convertObject brings an object into object form. path is that of the object
// in the record, empty for the record itself.
func convertObject(v *value, path string, as shape) error {
	for i := range v.members {
		m := &v.members[i]
		at := m.name
		if path != "" {
			at = path + "." + m.name
		}
		if as == keyed {
			if err := convertValue(&m.value, path+".*", structure); err != nil { // the key may be the customer's
				return err
			}
			continue
		}
		published := m.name
		m.name = camelCase(m.name)
		if path == "" && free[m.name] {
			if err := m.value.unambiguous(at); err != nil {
				return err
			}
			continue
		}
		if err := convertMember(m, at, published != m.name); err != nil {
			return err
		}
	}
	v.sort()
	for i := 1; i < len(v.members); i++ {
		if v.members[i].name == v.members[i-1].name {
			at := v.members[i].name
			if as == keyed {
				at = "*"
			}
			if path != "" {
				at = path + "." + at
			}
			return &Error{at, "given twice"}
		}
	}
	if as == structure && path == "Agent" {
		deriveAgentID(v)
	}
	return nil
}

// convertMember converts a member of the data model. published says that it
// came in the published form.
func convertMember(m *member, at string, published bool) error {
	switch {
	case m.name == "timestamp" || strings.HasSuffix(m.name, "Timestamp"):
		return convertTime(&m.value, at)
	case published && (m.name == "duration" || strings.HasSuffix(m.name, "Duration")) && (m.value.kind == '0' || m.value.kind == 'n'):
		m.name += "Millis"
		return convertDuration(&m.value, at)
	case keyedMaps[m.name]:
		return convertValue(&m.value, at, keyed)
	}
	return convertValue(&m.value, at, structure)
}

func convertValue(v *value, path string, as shape) error {
	switch v.kind {
	case '{':
		return convertObject(v, path, as)
	case '[':
		for i := range v.items {
			if err := convertValue(&v.items[i], path+"["+strconv.Itoa(i)+"]", as); err != nil {
				return err
			}
		}
	}
	return nil
}

// Latest time that a record may hold, the last millisecond of the year 9999.
const maxTime = 253402300799999

// timeLayouts are the ISO 8601 forms that are read. A fraction of a second is
// allowed in each.
var timeLayouts = [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700"}

func convertTime(v *value, at string) error {
	switch v.kind {
	case 'n':
		return nil
	case '0':
		ms, err := strconv.ParseInt(v.text, 10, 64)
		if err != nil || ms < 0 || ms > maxTime {
			return &Error{at, "want an ISO 8601 time or whole milliseconds since 1970"}
		}
		v.text = strconv.FormatInt(ms, 10) // "-0"
		return nil
	case '"':
		for _, layout := range timeLayouts {
			t, err := time.Parse(layout, v.text)
			if err != nil {
				continue
			}
			if ms := t.UnixMilli(); ms >= 0 && ms <= maxTime {
				*v = value{kind: '0', text: strconv.FormatInt(ms, 10)}
				return nil
			}
		}
	}
	return &Error{at, "want an ISO 8601 time, such as 2026-03-01T09:30:00Z, or null"}
}

// maxSeconds bounds a duration: three hundred years.
const maxSeconds = 10_000_000_000

func convertDuration(v *value, at string) error {
	if v.kind == 'n' {
		return nil
	}
	whole, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil { // a fraction or an exponent
		seconds, err := strconv.ParseFloat(v.text, 64)
		if err != nil || seconds < 0 || seconds > maxSeconds {
			return &Error{at, "want a duration in seconds"}
		}
		v.text = strconv.FormatInt(int64(seconds*1000+0.5), 10)
		return nil
	}
	if whole < 0 || whole > maxSeconds {
		return &Error{at, "want a duration in seconds"}
	}
	v.text = strconv.FormatInt(whole*1000, 10)
	return nil
}

// deriveAgentID adds the id that the object form of an agent has: the last part
// of the ARN.
func deriveAgentID(agent *value) {
	arn := agent.member("arn")
	if arn == nil || arn.kind != '"' || agent.member("id") != nil {
		return
	}
	if _, id, ok := strings.Cut(arn.text, "/agent/"); ok && id != "" && !strings.Contains(id, "/") {
		agent.set("id", &value{kind: '"', text: id})
	}
}

// camelCase makes the capitals at the start of a name small.
func camelCase(name string) string {
	n := 0
	for n < len(name) && 'A' <= name[n] && name[n] <= 'Z' {
		n++
	}
	if n == 0 {
		return name
	}
	return strings.ToLower(name[:n]) + name[n:]
}

// string is the text of a member; empty when it is missing or null.
func (v *value) string(name string) (string, error) {
	m := v.member(name)
	if m == nil || m.kind == 'n' {
		return "", nil
	}
	if m.kind != '"' {
		return "", &Error{strings.ToUpper(name[:1]) + name[1:], "want a string"}
	}
	return m.text, nil
}

// time is a converted time in milliseconds; 0 when it is missing or null.
func (v *value) time(name string) int64 {
	m := v.member(name)
	if m == nil || m.kind != '0' {
		return 0
	}
	ms, err := strconv.ParseInt(m.text, 10, 64)
	if err != nil {
		panic("contactrecord: " + name + " was not converted")
	}
	return ms
}
