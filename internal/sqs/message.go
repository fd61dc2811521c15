package sqs

import (
	"encoding/binary"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
)

// message is what a sender sent, and what the service noted about it at the
// time; it stays the same for life.
type message struct {
	body       string
	sender     string // SenderId
	trace      string // AWSTraceHeader, empty if none
	group      string // MessageGroupId, empty if none
	source     string // ARN of the queue that it was redriven from, empty if none
	attributes []messageAttribute
}

// messageAttribute is a message attribute; they are kept in the order of names.
type messageAttribute struct {
	name, dataType, value string
	binary                bool
}

// Limits of message attributes (Amazon SQS Developer Guide, "Amazon SQS message
// attributes").
const (
	maxAttributes    = 10
	maxAttributeName = 256 // characters, also of a data type
	maxGroup         = 128
)

// newMessage checks what is to be sent to a queue.
func newMessage(q *queue, in *sqsapi.SendMessageRequest) (*message, error) {
	m := &message{body: in.MessageBody}
	switch {
	case in.MessageBody == "":
		return nil, fault.Named(fault.Invalid, "MissingParameter", "The request must contain the parameter MessageBody.")
	case !legalText(in.MessageBody):
		return nil, fault.Named(fault.Invalid, "InvalidMessageContents",
			"MessageBody: contains characters outside the allowed set: #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.")
	case in.MessageDeduplicationId != nil:
		return nil, invalidParameter("MessageDeduplicationId: the parameter is not valid for this queue type.")
	}
	if d := in.DelaySeconds; d != nil && (*d < 0 || *d > maxDelay) {
		return nil, invalidParameter("DelaySeconds: must be an integer from 0 to %d.", maxDelay)
	}
	if g := in.MessageGroupId; g != nil {
		if *g == "" || len(*g) > maxGroup || strings.ContainsFunc(*g, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, invalidParameter("MessageGroupId: has 1 to %d alphanumeric characters and punctuation.", maxGroup)
		}
		m.group = *g
	}
	if err := m.setSystemAttributes(in.MessageSystemAttributes); err != nil {
		return nil, err
	}
	if err := m.setAttributes(in.MessageAttributes); err != nil {
		return nil, err
	}
	if m.size() > q.maxSize {
		return nil, invalidParameter("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.maxSize)
	}
	return m, nil
}

func (m *message) setSystemAttributes(in map[string]sqsapi.MessageSystemAttributeValue) error {
	for name, v := range in {
		switch {
		case name != "AWSTraceHeader":
			return invalidParameter("MessageSystemAttributes: only AWSTraceHeader can be sent.")
		case v.DataType != "String" || v.StringValue == nil || *v.StringValue == "" || !legalText(*v.StringValue):
			return invalidParameter("MessageSystemAttributes: AWSTraceHeader must be a String that is not empty.")
		}
		m.trace = *v.StringValue
	}
	return nil
}

func (m *message) setAttributes(in map[string]sqsapi.MessageAttributeValue) error {
	if len(in) > maxAttributes {
		return invalidParameter("MessageAttributes: a message has at most %d attributes.", maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if !validAttributeName(name) {
			return invalidParameter("MessageAttributes: a name has 1 to %d of A-Z, a-z, 0-9, underscore, hyphen and period, "+
				"no period at the start, the end or after another, and does not start with AWS. or Amazon.", maxAttributeName)
		}
		a, err := newAttribute(name, in[name])
		if err != nil {
			return err
		}
		m.attributes = append(m.attributes, a)
	}
	return nil
}

func validAttributeName(name string) bool {
	if name == "" || len(name) > maxAttributeName || name[0] == '.' || name[len(name)-1] == '.' || strings.Contains(name, "..") {
		return false
	}
	for _, c := range []byte(name) {
		if !isAlphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	lower := strings.ToLower(name)
	return !strings.HasPrefix(lower, "aws.") && !strings.HasPrefix(lower, "amazon.")
}

// number is the form of a Number value; there may be 38 digits before or after
// the point.
var number = regexp.MustCompile(`^[+-]?(\d{1,38}(\.\d{0,38})?|\.\d{1,38})([eE][+-]?\d{1,3})?$`)

func newAttribute(name string, v sqsapi.MessageAttributeValue) (a messageAttribute, err error) {
	a = messageAttribute{name: name, dataType: v.DataType}
	if v.StringListValues != nil || v.BinaryListValues != nil {
		return a, unsupported("MessageAttributes: %s: list values are not supported.", name)
	}
	base, _, _ := strings.Cut(v.DataType, ".")
	if base != "String" && base != "Number" && base != "Binary" {
		return a, invalidParameter("MessageAttributes: %s: the data type must start with Binary, Number or String.", name)
	}
	if !legalText(v.DataType) || utf8.RuneCountInString(v.DataType) > maxAttributeName {
		return a, invalidParameter("MessageAttributes: %s: the data type has at most %d characters.", name, maxAttributeName)
	}
	if base == "Binary" {
		if len(v.BinaryValue) == 0 || v.StringValue != nil {
			return a, invalidParameter("MessageAttributes: %s: must have a BinaryValue that is not empty, and no other.", name)
		}
		a.binary, a.value = true, string(v.BinaryValue)
		return a, nil
	}
	if v.StringValue == nil || *v.StringValue == "" || v.BinaryValue != nil {
		return a, invalidParameter("MessageAttributes: %s: must have a StringValue that is not empty, and no other.", name)
	}
	a.value = *v.StringValue
	if !legalText(a.value) {
		return a, fault.Named(fault.Invalid, "InvalidMessageContents", "MessageAttributes: %s: contains characters outside the allowed set.", name)
	}
	if base == "Number" && !number.MatchString(a.value) {
		return a, invalidParameter("MessageAttributes: %s: must be a number of at most 38 digits.", name)
	}
	return a, nil
}

// legalText reports whether the text has only the characters that a message may
// have (SendMessage in the API reference).
func legalText(text string) bool {
	for i, r := range text {
		switch {
		case r >= 0x20 && r < utf8.RuneError, r == '\t', r == '\n', r == '\r', r >= 0x10000:
		case r == utf8.RuneError: // the character itself, or bytes that are no UTF-8
			if !strings.HasPrefix(text[i:], "\uFFFD") {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// size is what counts towards the limits: body, and name, type and value of
// each attribute, in bytes.
func (m *message) size() int {
	n := len(m.body)
	for _, a := range m.attributes {
		n += len(a.name) + len(a.dataType) + len(a.value)
	}
	return n
}

// encode is the plaintext of the stored form: strings led by their length.
func (m *message) encode() []byte {
	b := make([]byte, 0, m.size()+len(m.sender)+len(m.trace)+len(m.group)+len(m.source)+64)
	for _, text := range []string{m.body, m.sender, m.trace, m.group, m.source} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(m.attributes)))
	for _, a := range m.attributes {
		kind := byte(transportString)
		if a.binary {
			kind = transportBinary
		}
		b = appendText(appendText(append(b, kind), a.name), a.dataType)
		b = appendText(b, a.value)
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

var errMessage = errors.New("sqs: stored message is damaged")

// decodeMessage is the inverse of encode.
func decodeMessage(b []byte) (*message, error) {
	m := &message{}
	var err error
	for _, to := range []*string{&m.body, &m.sender, &m.trace, &m.group, &m.source} {
		if *to, b, err = cutText(b); err != nil {
			return nil, err
		}
	}
	n, k := binary.Uvarint(b)
	if k <= 0 || n > maxAttributes {
		return nil, errMessage
	}
	b = b[k:]
	for range n {
		if len(b) == 0 || b[0] != transportString && b[0] != transportBinary {
			return nil, errMessage
		}
		a := messageAttribute{binary: b[0] == transportBinary}
		b = b[1:]
		for _, to := range []*string{&a.name, &a.dataType, &a.value} {
			if *to, b, err = cutText(b); err != nil {
				return nil, err
			}
		}
		m.attributes = append(m.attributes, a)
	}
	if len(b) > 0 {
		return nil, errMessage
	}
	return m, nil
}

func cutText(b []byte) (text string, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return "", nil, errMessage
	}
	b = b[k:]
	return string(b[:n]), b[n:], nil
}
