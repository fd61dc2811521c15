package sqs

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"

	"kindred/internal/api/sqsapi"
)

// How an attribute's value travels, in digests (Amazon SQS Developer Guide,
// "Calculating the MD5 message digest for message attributes") and in stored
// messages.
const (
	transportString = 1
	transportBinary = 2
)

// digest is an MD5 in hexadecimal digits. It protects nobody against anybody:
// clients compare it to find what was garbled on the way.
func digest(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// attributesDigest is the MD5 of attributes in the order of their names; nil if
// there are none.
func attributesDigest(attributes []messageAttribute) *string {
	if len(attributes) == 0 {
		return nil
	}
	h := md5.New()
	part := func(text string) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(text)))
		h.Write(n[:])
		h.Write([]byte(text))
	}
	for _, a := range attributes {
		part(a.name)
		part(a.dataType)
		kind := byte(transportString)
		if a.binary {
			kind = transportBinary
		}
		h.Write([]byte{kind})
		part(a.value)
	}
	text := hex.EncodeToString(h.Sum(nil))
	return &text
}

// systemDigest is the MD5 of the system attributes of a message as sent.
func (m *message) systemDigest() *string {
	if m.trace == "" {
		return nil
	}
	return attributesDigest([]messageAttribute{{name: "AWSTraceHeader", dataType: "String", value: m.trace}})
}

// wire is an attribute as the API has it.
func (a *messageAttribute) wire() sqsapi.MessageAttributeValue {
	if a.binary {
		return sqsapi.MessageAttributeValue{DataType: a.dataType, BinaryValue: []byte(a.value)}
	}
	return sqsapi.MessageAttributeValue{DataType: a.dataType, StringValue: &a.value}
}
