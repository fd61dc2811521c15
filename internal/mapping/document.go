package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a document. A caller that knows a smaller size limit checks it
// before parsing.
const (
	MaxDocumentBytes = 4 << 20
	MaxDocumentDepth = 64
)

type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindArray
	kindObject
)

// node is one JSON value. The nodes of a document lie in one slice in document
// order, so a subtree is the range from its node to end.
type node struct {
	name span  // member name, in an object
	text span  // strings (unquoted) and numbers (as written)
	prev int32 // previous sibling, -1 for the first
	last int32 // last child, -1 when there is none
	end  int32 // index after the last node of this subtree
	kind kind
}

// span is a piece of Document.text: offset and length.
type span struct{ off, n uint32 }

// Document is one parsed JSON object. It does not change after parsing and may
// be read by several goroutines. The zero Document is an object without
// members.
type Document struct {
	text  string // the input, then every string that had escapes, unescaped
	nodes []node
}

// none stands for a value that is not there.
const none int32 = -1

// DocumentError says why bytes are not a document. It names a position and a
// rule, never a value of the document.
type DocumentError struct {
	Offset int // bytes from the start
	Reason string
}

func (e *DocumentError) Error() string {
	return fmt.Sprintf("the object cannot be read as JSON: %s (at byte %d)", e.Reason, e.Offset)
}

// ParseDocument reads one JSON object (RFC 8259), at most MaxDocumentBytes
// long and nested at most MaxDocumentDepth deep. Numbers keep the text they
// were written with. Of members with the same name the last one counts.
// Text that is not valid UTF-8, half surrogate pairs, anything but blanks
// after the object, and a top-level value other than an object are refused
// with a *DocumentError. The document keeps no reference to data.
func ParseDocument(data []byte) (Document, error) {
	if len(data) > MaxDocumentBytes {
		return Document{}, &DocumentError{Offset: MaxDocumentBytes, Reason: fmt.Sprintf("it is larger than %d bytes", MaxDocumentBytes)}
	}
	p := readers.Get().(*reader)
	defer p.release()
	p.input = *bytes.NewBuffer(data)
	p.dec.Reset(&p.input, p.options)
	if err := p.parse(data); err != nil {
		return Document{}, err
	}
	return p.document(data), nil
}

// reader is the reusable state of one ParseDocument call.
type reader struct {
	dec     *jsontext.Decoder
	input   bytes.Buffer
	options jsontext.Options
	nodes   []node
	extra   []byte // unescaped strings; they follow the input in Document.text
	open    []frame
}

// frame is a container whose end is still to come.
type frame struct{ node, last int32 }

// maxPooled bounds what a reader keeps between calls, in nodes and in bytes.
const maxPooled = 1 << 12

var readers = sync.Pool{New: func() any {
	p := &reader{options: jsontext.AllowDuplicateNames(true)}
	p.dec = jsontext.NewDecoder(&p.input, p.options)
	return p
}}

// release returns p to the pool without anything of the document it read.
func (p *reader) release() {
	p.input = bytes.Buffer{}
	p.dec.Reset(&p.input)
	if cap(p.nodes) > maxPooled || cap(p.extra) > maxPooled {
		p.nodes, p.extra = nil, nil
	}
	clear(p.extra[:cap(p.extra)])
	p.nodes, p.extra, p.open = p.nodes[:0], p.extra[:0], p.open[:0]
	readers.Put(p)
}

// document copies what was parsed out of the reader's reusable memory.
func (p *reader) document(data []byte) Document {
	nodes := make([]node, len(p.nodes))
	copy(nodes, p.nodes)
	if len(p.extra) == 0 {
		return Document{text: string(data), nodes: nodes}
	}
	text := make([]byte, 0, len(data)+len(p.extra))
	text = append(append(text, data...), p.extra...)
	return Document{text: string(text), nodes: nodes}
}

func (p *reader) parse(data []byte) error {
	if k := p.dec.PeekKind(); k != '{' {
		if _, err := p.dec.ReadValue(); err != nil {
			return documentError(err, p.dec)
		}
		return &DocumentError{Reason: "the top-level value is not an object"}
	}
	for {
		if err := p.value(len(data)); err != nil {
			return err
		}
		if len(p.open) == 0 {
			break
		}
	}
	if _, err := p.dec.ReadToken(); err != io.EOF {
		return &DocumentError{Offset: int(p.dec.InputOffset()), Reason: "something follows the object"}
	}
	return nil
}

// value reads one token and, in an object, the member name before it.
func (p *reader) value(inputLen int) error {
	n := node{prev: none, last: none}
	var parent *frame
	if len(p.open) > 0 {
		parent = &p.open[len(p.open)-1]
		k := p.dec.PeekKind()
		if k == '}' || k == ']' {
			return p.close()
		}
		n.prev = parent.last
		if p.nodes[parent.node].kind == kindObject {
			name, err := p.scalar(inputLen)
			if err != nil {
				return err
			}
			n.name = name
		}
	}
	at := int32(len(p.nodes))
	var err error
	switch k := p.dec.PeekKind(); k {
	case '{', '[':
		if len(p.open) == MaxDocumentDepth {
			return &DocumentError{Offset: int(p.dec.InputOffset()), Reason: fmt.Sprintf("it is nested more than %d deep", MaxDocumentDepth)}
		}
		if _, err := p.dec.ReadToken(); err != nil {
			return documentError(err, p.dec)
		}
		n.kind = kindObject
		if k == '[' {
			n.kind = kindArray
		}
		if parent != nil {
			parent.last = at
		}
		p.open = append(p.open, frame{node: at, last: none})
		p.nodes = append(p.nodes, n)
		return nil
	case '"':
		n.kind = kindString
	case '0':
		n.kind = kindNumber
	case 't':
		n.kind = kindTrue
	case 'f':
		n.kind = kindFalse
	}
	if n.text, err = p.scalar(inputLen); err != nil {
		return err
	}
	n.end = at + 1
	parent.last = at
	p.nodes = append(p.nodes, n)
	return nil
}

// close reads the end of the innermost container.
func (p *reader) close() error {
	if _, err := p.dec.ReadToken(); err != nil {
		return documentError(err, p.dec)
	}
	f := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	p.nodes[f.node].last = f.last
	p.nodes[f.node].end = int32(len(p.nodes))
	return nil
}

// scalar reads a string, number, boolean or null and returns where its text
// is: in the input, or in extra when a string had escapes.
func (p *reader) scalar(inputLen int) (span, error) {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return span{}, documentError(err, p.dec)
	}
	end := uint32(p.dec.InputOffset())
	length := uint32(len(raw))
	if raw[0] != '"' {
		return span{off: end - length, n: length}, nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return span{off: end - length + 1, n: length - 2}, nil
	}
	start := len(p.extra)
	if p.extra, err = jsontext.AppendUnquote(p.extra, raw); err != nil {
		return span{}, documentError(err, p.dec)
	}
	return span{off: uint32(inputLen + start), n: uint32(len(p.extra) - start)}, nil
}

// documentError puts an error of the JSON reader in words that repeat nothing
// of the document.
func documentError(err error, dec *jsontext.Decoder) error {
	e := &DocumentError{Offset: int(min(dec.InputOffset(), math.MaxInt32)), Reason: "the text is not valid JSON in UTF-8"}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		e.Offset = int(syntactic.ByteOffset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		e.Reason = "the text ends too early"
	}
	return e
}

func (d *Document) string(s span) string { return d.text[s.off : s.off+s.n] }
