package mapping

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a target.
const (
	MaxTargetLength    = 1000 // characters, as the API limits them
	MaxAttributeLength = 255  // characters of a custom attribute's name
	// MaxTemplatedLength bounds what a templated segment may become, in bytes.
	MaxTemplatedLength = 64
)

// Target is where a field writes: a field of a standard object.
type Target struct {
	// Object is the standard object with its underscore: "_profile".
	Object string
	// Path has at least one segment.
	Path []Segment

	text  string
	path  string // the path as text, when no segment is templated
	lists bool
}

// Segment is one step of a target's path.
type Segment struct {
	Name string // empty when templated
	// List marks a segment written with [], whose elements the rest of the
	// path describes.
	List bool
	// Template computes the name from the record: {{campaign_event_type}}.
	Template *Source
}

// attributesSegment is the map of custom values in every standard object: what
// follows it is one name, whatever characters it has.
const attributesSegment = "Attributes"

// ParseTarget reads the Target of a field: an object and a path
// (_profile.Address.City), which may have one list (_order.OrderItems[].Title),
// a custom attribute (_profile.Attributes.any name) and segments computed from
// the record (_communicationRecord.Events.{{campaign_event_type}}.EventId; the
// name in braces is a path from _source, which may be written or left out).
// Whether the object has such a field is not known here. The error is a
// *SyntaxError.
func ParseTarget(text string) (Target, error) {
	t := Target{text: text}
	if err := t.parse(text); err != nil {
		return Target{}, &SyntaxError{What: "Target", Text: text, Reason: err.Error()}
	}
	if !t.Templated() {
		var names []string
		for _, s := range t.Path {
			names = append(names, s.written(s.Name))
		}
		t.path = strings.Join(names, ".")
	}
	return t, nil
}

func (t *Target) parse(text string) error {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > MaxTargetLength {
		return fmt.Errorf("at most %d characters of UTF-8", MaxTargetLength)
	}
	object, tail, found := strings.Cut(text, ".")
	if !found || len(object) < 2 || object[0] != '_' || !all(object[1:], letterOrDigit) {
		return fmt.Errorf("write _<object>.<field>, such as _profile.FirstName")
	}
	t.Object = object
	for more := true; more; {
		var s Segment
		var err error
		attribute := len(t.Path) > 0 && t.Path[len(t.Path)-1].Name == attributesSegment
		switch {
		case strings.HasPrefix(tail, "{{"):
			s, tail, more, err = templatedSegment(tail)
		case attribute:
			s, tail, more = Segment{Name: tail}, "", false
			err = checkAttribute(s.Name)
		default:
			s, tail, more, err = plainSegment(tail)
		}
		if err != nil {
			return err
		}
		if attribute && more {
			return fmt.Errorf("a custom attribute has no parts")
		}
		if s.List && t.lists {
			return fmt.Errorf("one [] at most")
		}
		t.lists = t.lists || s.List
		t.Path = append(t.Path, s)
	}
	if last := t.Path[len(t.Path)-1]; last.Name == attributesSegment {
		return fmt.Errorf("the name of the attribute is missing after %s", attributesSegment)
	}
	return nil
}

func plainSegment(s string) (segment Segment, tail string, more bool, err error) {
	name, tail, more := strings.Cut(s, ".")
	segment.Name, segment.List = strings.CutSuffix(name, "[]")
	switch {
	case segment.Name == "":
		err = fmt.Errorf("a segment is empty")
	case len(segment.Name) > MaxAttributeLength || !all(segment.Name, nameByte):
		err = fmt.Errorf("a segment has letters, digits, _ and -, at most %d, not %s", MaxAttributeLength, quoted(segment.Name))
	case segment.List && segment.Name == attributesSegment:
		err = fmt.Errorf("%s is a map, not a list", attributesSegment)
	}
	return segment, tail, more, err
}

// templatedSegment reads {{name}} up to the next dot.
func templatedSegment(s string) (segment Segment, tail string, more bool, err error) {
	inner, tail, closed := strings.Cut(s[2:], "}}")
	if !closed {
		return segment, "", false, fmt.Errorf("{{ without }}")
	}
	if tail != "" && tail[0] != '.' {
		return segment, "", false, fmt.Errorf("{{…}} must be a whole segment")
	}
	inner = strings.TrimSpace(inner)
	if inner != sourceRoot && !strings.HasPrefix(inner, sourceRoot+".") {
		inner = sourceRoot + "." + inner
	}
	template, err := CompileSource(inner)
	if err == nil && template.IsList() {
		err = fmt.Errorf("a segment cannot be a list")
	}
	if err != nil {
		return segment, "", false, err
	}
	segment.Template = template
	if tail == "" {
		return segment, "", false, nil
	}
	return segment, tail[1:], true, nil
}

// checkAttribute is a little more liberal than the rule of the AWS console
// (letters and digits, joined by blanks, underscores and hyphens): records of
// other applications bring names with other characters. Dots and brackets are
// refused, because they would read as a path.
func checkAttribute(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case n == 0 || n > MaxAttributeLength:
		return fmt.Errorf("the name of an attribute has 1 to %d characters", MaxAttributeLength)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("the name of an attribute begins or ends with a blank")
	case strings.ContainsAny(name, ".[]{}"):
		return fmt.Errorf("the name of an attribute has no dots, brackets or braces")
	}
	for _, r := range name {
		if r != ' ' && !unicode.IsGraphic(r) {
			return fmt.Errorf("the name of an attribute has only printable characters")
		}
	}
	return nil
}

// String returns the target as it was written.
func (t Target) String() string { return t.text }

// IsList reports whether the path goes through the elements of a list.
func (t Target) IsList() bool { return t.lists }

// Templated reports whether a part of the path depends on the record.
func (t Target) Templated() bool {
	for i := range t.Path {
		if t.Path[i].Template != nil {
			return true
		}
	}
	return false
}

// Resolve returns the path for one record, without the object: "Address.City",
// "OrderItems[].Title", "Events.Open.EventId". ok is false when a value that
// the path needs is missing, so that there is nowhere to write. A value that
// cannot be a segment (1 to MaxTemplatedLength of A-Z, a-z, 0-9, _ and -) is
// an error, as is a *LimitError of the evaluation.
func (t Target) Resolve(doc Document) (path string, ok bool, err error) {
	if t.path != "" {
		return t.path, true, nil
	}
	var b strings.Builder
	for i, s := range t.Path {
		name := s.Name
		if s.Template != nil {
			r, err := s.Template.Eval(doc)
			if err != nil {
				return "", false, err
			}
			if name = r.Text; name == "" {
				return "", false, nil
			}
			if len(name) > MaxTemplatedLength || !all(name, nameByte) {
				return "", false, fmt.Errorf("Target %s: the value of %s must be 1 to %d characters of A-Z, a-z, 0-9, _ and -", quoted(t.text), quoted(s.Template.String()), MaxTemplatedLength)
			}
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.written(name))
	}
	return b.String(), true, nil
}

// Covers reports whether a path may be what the target resolves to for some
// record.
func (t *Target) Covers(path string) bool {
	if !t.Templated() {
		return t.path == path
	}
	steps := strings.Split(path, ".")
	if len(steps) != len(t.Path) {
		return false
	}
	for i, s := range t.Path {
		if s.Template == nil && s.written(s.Name) != steps[i] {
			return false
		}
	}
	return true
}

func (s Segment) written(name string) string {
	if s.List {
		return name + "[]"
	}
	return name
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func nameByte(c byte) bool { return letterOrDigit(c) || c == '_' || c == '-' }
