package importcmd

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"kindred/internal/contactrecord"
)

// maxRecord is the size of a record, and what lies around it, that is read into
// memory. One that is larger ends the file: what it would hold is unknown.
const maxRecord = contactrecord.MaxBytes + 64<<10

var errTooLarge = fmt.Errorf("a record is larger than %d bytes", contactrecord.MaxBytes)

// read calls each with every record of a file, which is valid until each
// returns. It stops at the first error.
func read(r io.Reader, each func(raw []byte) error) error {
	b := bufio.NewReader(r)
	if magic, err := b.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return err
		}
		b = bufio.NewReader(z)
	}
	if mark, err := b.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := b.Discard(3); err != nil {
			return err
		}
	}
	in := &bounded{r: b}
	// A record with a mistake that can be skipped fails by itself later.
	in.dec = jsontext.NewDecoder(in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		switch in.dec.PeekKind() {
		case '[':
			if _, err := in.dec.ReadToken(); err != nil {
				return in.because(err)
			}
			for in.dec.PeekKind() != ']' {
				if err := in.record(each); err != nil {
					return err
				}
			}
			if _, err := in.dec.ReadToken(); err != nil {
				return in.because(err)
			}
		case 0: // the end, or an error
			if _, err := in.dec.ReadToken(); !errors.Is(err, io.EOF) {
				return in.because(err)
			}
			return nil
		default:
			if err := in.record(each); err != nil {
				return err
			}
		}
	}
}

// bounded hands a decoder no more than one record at a time beyond what it has
// decoded.
type bounded struct {
	r    io.Reader
	dec  *jsontext.Decoder
	read int64
	err  error // of r, or errTooLarge
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.read-b.dec.InputOffset() > maxRecord {
		b.err = errTooLarge
		return 0, b.err
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func (b *bounded) record(each func([]byte) error) error {
	v, err := b.dec.ReadValue()
	if err != nil {
		return b.because(err)
	}
	return each(v)
}

// because is the reason why a file cannot be read on. The decoder's own text
// may quote a record.
func (b *bounded) because(err error) error {
	if b.err != nil {
		return b.err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends within a record that begins at byte %d", b.dec.InputOffset())
	}
	return fmt.Errorf("not valid JSON after byte %d", b.dec.InputOffset())
}
